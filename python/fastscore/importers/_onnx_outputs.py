"""The targets that the outputs of an ONNX graph are."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fastscore._errors import UnsupportedModelError
from fastscore._options import Labels
from fastscore.importers._flow import Frame, joined
from fastscore.importers._onnx_several import labels_of_columns
from fastscore.importers._onnx_values import (
    Columns,
    Comparison,
    Constant,
    Label,
    Maps,
    Several,
    SideBySide,
    Signs,
    Text,
    Value,
)
from fastscore.importers._targets import add_scores, given_labels

if TYPE_CHECKING:
    from fastscore.importers._onnx_translation import Translation

LEFT_OUT = "not imported is the output "
"""How a note begins that names an output which the model has not."""


def targets(translation: "Translation", classes: Any) -> None:
    """Add a target for each output; a label and its shares are one."""
    outputs = [
        (output.name, _decided(translation.values[output.name]))
        for output in translation.graph.outputs
    ]
    outputs = _gathered(translation, _varying(translation, outputs))
    label = outputs[0][1]
    pair = len(outputs) == 2 and isinstance(label, Label) and _belongs(label, outputs[1][1])
    names = [output.name for output in translation.graph.outputs]
    several = isinstance(label, SideBySide) or (
        isinstance(label, Comparison) and label.elem_type.startswith("int")
    )
    one = pair or several or len(outputs) == 1
    given = given_labels(classes, names, outputs[0][0] if one else None)
    if given:
        translation.notes.append("class labels were given with classes=")
    if _of_several(translation, outputs, given.get(outputs[0][0])):
        return
    widths = {_width(value) for _, value in outputs[pair:]}
    translation.build.output_width = "float32" if widths == {"float32"} else None
    if pair:
        shares = outputs[1][1]
        assert isinstance(label, Label)
        assert isinstance(shares, Columns | Maps)
        own = next((given[name] for name in names if name in given), None)
        _classifier(translation, label, shares, None, own)
        return
    for name, value in outputs:
        target = None if len(outputs) == 1 else name
        if isinstance(value, Comparison):
            _truths(translation, value, target, given.get(name))
        elif isinstance(value, Label):
            _classifier(translation, value, None, target, given.get(name))
        elif isinstance(value, Columns):
            _values(translation, value, name, target, given.get(name))
        else:
            what = {
                Maps: "a map without its label",
                Text: "a text input itself",
                SideBySide: "labels beside others than their shares",
                Signs: "signs of several computed numbers",
                Several: "a sequence of tensors",
            }.get(type(value), "the same for all rows")
            raise UnsupportedModelError(
                f"the output {name!r} is {what}, which is no score; export the model with outputs "
                "that are numbers of each row"
            )


def _varying(
    translation: "Translation", outputs: list[tuple[str, Value]]
) -> list[tuple[str, Value]]:
    """Leave out what is the same for all rows, where there is more."""
    found: list[tuple[str, Value]] = [own for own in outputs if not isinstance(own[1], Constant)]
    if not found:
        return outputs
    for name, value in outputs:
        if isinstance(value, Constant):
            translation.notes.append(f"{LEFT_OUT}{name!r}: it is the same for all rows")
    return found


def _of_several(
    translation: "Translation", outputs: list[tuple[str, Value]], own: Labels | None
) -> bool:
    """Translate labels side by side, with the shares of each; False where there are none."""
    (_, label), *others = outputs
    if not isinstance(label, SideBySide | Comparison) or len(others) > 1:
        return False
    shares = others[0][1] if others else None
    translation.build.output_width = _several_width(label, shares)
    if isinstance(label, Comparison):
        shares = shares.shares if isinstance(shares, Maps) else shares
        if not label.elem_type.startswith("int"):
            return False
        if shares is None or isinstance(shares, Columns):
            return _multi_label(translation, label, shares, own)
        label = labels_of_columns(label)
    parts = shares.values if isinstance(shares, Several) else ()
    if shares is not None and len(parts) != len(label.labels):
        return False
    pairs = [(one, parts[at] if parts else None) for at, one in enumerate(label.labels)]
    if not all(part is None or _belongs(one, part) for one, part in pairs):
        return False
    for one, part in pairs:
        assert part is None or isinstance(part, Columns | Maps)
        _classifier(translation, one, part, None, own)
    return True


def _several_width(label: SideBySide | Comparison, shares: Value | None) -> str | None:
    if isinstance(shares, Several):
        found = {_width(part) for part in shares.values}
    elif isinstance(shares, Columns | Maps):
        found = {_width(shares)}
    else:
        scores = [label.numbers] if isinstance(label, Comparison) else label.labels
        found = {x.width if isinstance(x, Columns) else x.scores.width for x in scores}
    return "float32" if found == {"float32"} else None


def _multi_label(
    translation: "Translation", label: Comparison, shares: Columns | None, given: Labels | None
) -> bool:
    """Translate a column of 0 and 1 for each label, with its share, or those of both."""
    count = len(label.numbers.frame)
    if shares is not None and len(shares.frame) == 2 * count:
        shares = replace(shares, frame=shares.frame.take(range(count, 2 * count)), shape=(count,))
        if _places(shares) != _places(label.numbers):
            return False
    if count < 2 or (shares is not None and len(shares.frame) != count):
        return False
    plain = Labels(label.elem_type, "int", [0, 1])
    if given is not None and len(given.values) != 2:
        raise ValueError(f"classes= has {len(given.values)} labels, and each column has two")
    value = _value(translation, label.numbers)
    translation.build.target(
        margin=value,
        rule="above",
        at=label.at,
        value=value,
        probability=None if shares is None else _value(translation, shares),
        labels=plain if given is None else given,
    )
    return True


def _places(x: Columns) -> list[tuple[int, int]]:
    return [(column.value, column.index) for column in x.frame.columns]


def _gathered(
    translation: "Translation", outputs: list[tuple[str, Value]]
) -> list[tuple[str, Value]]:
    """Put the shares of a label together where each is an output of its own, in order."""
    (_, label), *others = outputs
    if not isinstance(label, Label) or len(others) != len(label.classes.values):
        return outputs
    columns = [x.frame.columns for _, x in others if isinstance(x, Columns)]
    if [len(own) for own in columns] != [1] * len(others):
        return outputs
    places = [(own[0].value, own[0].index) for own in columns]
    value = places[0][0]
    apart = not value or translation.build.width_of(value) != len(places)
    whole = not apart and places == [(value, at) for at in range(len(places))]
    # skl2onnx names them by their classes.
    named = zip(others, label.classes.values, strict=True)
    if not whole and not all(name in (f"i{own}", f"s{own}") for (name, _), own in named):
        return outputs
    first = others[0][1]
    assert isinstance(first, Columns)
    frame = joined([Frame(own) for own in columns])
    return [outputs[0], (others[0][0], replace(first, frame=frame, shape=(len(places),)))]


def _decided(value: Value) -> Value:
    """Return a comparison of one number as the label that it is."""
    if isinstance(value, Comparison):
        kind = value.elem_type if value.elem_type.startswith("int") else "bool"
        return value.label(kind) or value
    return (value.label() or value) if isinstance(value, Signs) else value


def _width(value: Value) -> str:
    if isinstance(value, Label):
        return value.scores.width
    if isinstance(value, Comparison):
        return value.numbers.width
    if isinstance(value, Maps):
        return value.shares.width
    return value.width if isinstance(value, Columns) else "float64"


def _belongs(label: Label, other: Value) -> bool:
    """Whether an output has a share for each of a label's classes, or a score for two of them."""
    shares = other.shares if isinstance(other, Maps) else other
    classes = len(label.classes.values)
    if label.least or not isinstance(shares, Columns):
        return False
    return len(shares.frame) == classes or (len(shares.frame) == 1 and classes == 2)


def _classifier(
    translation: "Translation",
    label: Label,
    shares: Columns | Maps | None,
    name: str | None,
    given: Labels | None,
) -> None:
    own = label.classes
    if given is not None:
        if len(given.values) != len(own.values):
            raise ValueError(
                f"classes= has {len(given.values)} labels, the model {len(own.values)} classes"
            )
        own = given
    build = translation.build
    scores = _value(translation, label.scores)
    probability: int | None = None
    margin = scores
    if shares is not None:
        columns = shares.shares if isinstance(shares, Maps) else shares
        own_value = _value(translation, columns)
        if columns.width == "float32" and label.scores.width == "float64":
            margin = own_value  # the label is decided by what is no float32
        probability = own_value if len(columns.frame) > 1 else None
        if probability is None:
            margin = own_value
    for found in (probability, scores) if shares is None or probability is not None else ():
        final = translation.finals.get(found) if found is not None else None
        if final is not None and final[0] != "log_softmax":
            margin = _value(translation, final[1])
            probability = found if probability is None and final[0] == "softmax" else probability
            break
    parameters: dict[str, Any] = {} if label.at is None else {"at": label.at}
    build.target(
        margin=margin,
        rule=label.rule,
        value=scores,
        probability=probability,
        labels=own,
        name=name,
        **parameters,
    )


def _values(
    translation: "Translation",
    columns: Columns,
    output: str,
    name: str | None,
    given: Labels | None,
) -> None:
    """Translate a target of numbers: with `classes=` that of a classifier."""
    if columns.elem_type == "bool" and len(columns.frame):
        _truths(translation, Comparison(columns, 0.5), name, given)
        return
    if not columns.elem_type.startswith("float"):
        translation.notes.append(
            f"output {output!r} is of type {columns.elem_type}, and given as float64"
        )
    if not len(columns.frame):
        raise UnsupportedModelError(f"the output {output!r} has no numbers")
    if len(columns.shape) > 1:
        translation.notes.append(
            f"output {output!r} of shape (rows, {', '.join(map(str, columns.shape))}) is "
            f"{len(columns.frame)} columns, in C order"
        )
    value = _value(translation, columns)
    kind, before = translation.finals.get(value, ("", columns))
    add_scores(
        translation.build,
        output,
        value=value,
        before=value if kind not in ("sigmoid", "softmax") else _value(translation, before),
        link=kind,
        width=columns.width,
        given=given,
        name=name,
    )


def _truths(
    translation: "Translation", found: Comparison, name: str | None, given: Labels | None
) -> None:
    """Translate a target of truths, False or True, each column on its own."""
    truths = Labels("bool", "bool", [False, True]) if given is None else given
    if len(truths.values) != 2:
        raise ValueError(f"classes= has {len(truths.values)} labels, and truths are two")
    value = _value(translation, found.numbers)
    translation.build.target(
        margin=value, rule="above", at=found.at, value=value, labels=truths, name=name
    )


def _value(translation: "Translation", columns: Columns) -> int:
    """Return a value with these columns; the features themselves are no step's."""
    value = columns.value(translation.build)
    if value == 0:
        picked = list(range(translation.build.n_features))
        return translation.build.columns(0, picked)
    return value
