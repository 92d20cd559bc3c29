"""What ai.onnx.ml's classifiers and regressors make of their sums, as ONNX Runtime does.

ONNX Runtime computes all transformations at float32, whatever the width of the sums.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastscore.importers._builder import Builder
from fastscore.importers._onnx_ml_attributes import Attributes
from fastscore.importers._onnx_ml_forest import Sums
from fastscore.importers._onnx_ml_transforms import transformed


@dataclass(frozen=True, slots=True)
class Classified:
    """What a classifier gives: values of the builder, and how the label is chosen."""

    scores: int
    """The second output."""
    margin: int
    """Before the transformation."""
    rule: str
    """That of a target: `scan`, `positive` or `above`."""
    decided: int
    """The value by which the label is chosen."""
    classes: tuple[Any, ...]
    at: float | None = None


def single(build: Builder, value: int, width: str) -> int:
    """Return the value at float32, which is what ONNX Runtime gives and transforms."""
    return value if width == "float32" else build.link(value, "round_to_float32")


def regressed(build: Builder, value: int, width: str, name: str, targets: int) -> int:
    """Append what a regressor does: ONNX Runtime transforms a single target by PROBIT only."""
    value = single(build, value, width)
    if targets == 1 and name != "PROBIT":
        return value
    return transformed(build, value, name)


def shifted(build: Builder, value: int, base: Sequence[float], width: str) -> int:
    """Add numbers to the columns, after all sums, as ONNX Runtime does."""
    if not any(base):
        return value
    if len(set(base)) == 1:
        return build.link(value, "add", width=width, value=base[0])
    return build.link(value, "affine", width=width, scale=[1.0] * len(base), shift=list(base))


def classified(
    build: Builder,
    given: Attributes,
    sums: Sums,
    classes: Sequence[Any],
    ids: set[int],
    base: Sequence[float],
    width: str,
    name: str,
    weights: np.ndarray[Any, Any],
) -> Classified:
    """Append what TreeEnsembleClassifier does with its sums, of one column a class.

    `ids` and `weights` are those of the file, of nodes that no row reaches, too.
    """
    if len(classes) < 2:
        raise given.refuse("it has a single class; two are due")
    allowed = (0, 1, 2) if len(classes) == 2 else (0, len(classes))
    if len(base) not in allowed:
        raise given.refuse(f"base_values has {len(base)} entries for {len(classes)} classes")
    positive = not bool((weights < 0).any())
    if len(classes) == 2:
        return _of_two(build, given, sums, classes, ids, base, width, name, positive=positive)
    if not base and set(sums.scored) != {"always"} and not bool((weights > 0).all()):
        # Classes without a weight in a row are left out where the largest is sought.
        raise given.refuse(
            "some rows get weights for some classes only, and not all weights are above 0, so that "
            "the label would depend on which they are; give every leaf a weight for every class"
        )
    margin = shifted(build, sums.value, base, width)
    narrow = single(build, margin, width)
    return Classified(
        scores=transformed(build, narrow, name),
        margin=narrow,
        rule="scan",
        decided=margin,
        classes=tuple(classes),
    )


def _of_two(
    build: Builder,
    given: Attributes,
    sums: Sums,
    classes: Sequence[Any],
    ids: set[int],
    base: Sequence[float],
    width: str,
    name: str,
    *,
    positive: bool,
) -> Classified:
    """Two classes, where ONNX Runtime has ways of its own.

    Weights of one class alone are those of the second class, whichever the file says. With weights
    of both the sign of the second decides; integers as labels are 0 and 1 then.
    """
    binary = len(ids) == 1
    first, second = sums.scored
    if (
        second == "sometimes"
        or (second == "never" and not binary)
        or (any(base) and first == "sometimes")
    ):
        raise given.refuse(
            "some rows get weights for one of the two classes only, so that the scores would "
            "depend on which it is; give every leaf weights for the same classes"
        )
    labels = tuple(classes)
    if not binary and not isinstance(labels[0], str):
        labels = (0, 1)
    rule: dict[str, Any] = {"rule": "positive"}
    if binary and positive:
        rule = {"rule": "above", "at": 0.5}
    if second == "never" and len(base) < 2:
        own = build.columns(sums.value, [0])
        own = shifted(build, own, base, width)
        narrow = single(build, own, width)
        if name == "PROBIT":
            raise given.refuse(
                "post_transform 'PROBIT' of the weights of one class alone is not supported: ONNX "
                "Runtime leaves the second score undefined; give leaves weights for both classes"
            )
        if name == "LOGISTIC":
            one = build.link(narrow, "sigmoid", width="float32", scale=1.0)
            scores = build.link(one, "complement", width="float32")
        elif positive:
            scores = build.link(narrow, "complement", width="float32")
        else:
            scores = build.linear(
                f"both{len(build.steps)}",
                [[-1.0], [1.0]],
                [0.0, 0.0],
                value=narrow,
                width="float32",
            )
        return Classified(
            scores=scores,
            margin=narrow,
            decided=own,
            classes=labels,
            **rule,
        )
    # What is added to a class that gets no weight is left out.
    if second == "never":
        both = shifted(build, sums.value, [base[0] if first == "always" else 0.0, 0.0], width)
        decided = build.columns(both, [0])
    elif len(base) == 2:
        # The weights of the second class play no part.
        decided = shifted(build, build.columns(sums.value, [0]), [base[1]], width)
        signs = [[-1.0 if first == "always" else 0.0], [1.0]]
        both = build.linear(
            f"both{len(build.steps)}", signs, [0.0, 0.0], value=decided, width=width
        )
    else:
        added = [base[0] if first == "always" else 0.0, 0.0] if base else []
        both = shifted(build, sums.value, added, width)
        decided = build.columns(both, [1])
    narrow = single(build, both, width)
    return Classified(
        scores=transformed(build, narrow, name),
        margin=narrow,
        decided=decided,
        classes=labels,
        **rule,
    )
