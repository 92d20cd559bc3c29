"""What Keras models and ONNX graphs have in common: outputs of numbers, and labels for them."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastscore._options import Labels, labels
from fastscore.importers._builder import Builder


def given_labels(classes: Any, names: Sequence[str], one: str | None) -> dict[str, Labels]:
    """Return the labels that `classes=` gives, by output.

    Labels that are not by output are those of `one`, which is None where there are several.
    """
    if classes is None:
        return {}
    shown = ", ".join(map(repr, names))
    if not isinstance(classes, Mapping):
        if one is None:
            raise ValueError(
                "classes= of a model of several outputs is a dict, {output: labels}; the outputs "
                f"are {shown}"
            )
        return {one: labels(classes, "classes=")}
    for name in classes:
        if name not in names:
            raise ValueError(f"classes= names {name!r}, but the outputs are {shown}")
    return {name: labels(own, f"classes[{name!r}]") for name, own in classes.items()}


def add_scores(
    build: Builder,
    output: str,
    *,
    value: int,
    before: int,
    link: str | None,
    width: str,
    given: Labels | None,
    name: str | None,
) -> None:
    """Append an output of numbers as a target: with labels, that of a classifier.

    `link`: `sigmoid` or `softmax`, where the output ends in one over all its columns; `before`: the
    value that is its margin.
    """
    columns = build.width_of(value)
    one = link == "sigmoid" and columns == 1
    several = link == "softmax" and columns > 1
    probability: int | None = value if several else None
    if one:
        probability = build.link(value, "complement", width=width)
    rule: dict[str, Any] = {"rule": "value"}
    if given is not None:
        if columns == 1 and not one:
            raise ValueError(
                f"classes= needs an output that ends in a sigmoid or has a column a class; "
                f"{output!r} has one column of plain numbers"
            )
        due = 2 if one else columns
        if len(given.values) != due:
            raise ValueError(
                f"classes= has {len(given.values)} labels, but the output {output!r} has {due} "
                "classes"
            )
        rule = {"rule": "above", "at": 0.5} if one else {"rule": "argmax"}
    build.target(
        margin=before,
        value=value,
        probability=probability,
        labels=given,
        name=name,
        **rule,
    )
