"""The estimators inside a meta-estimator, and what it asks of them, as values of its own model.

A meta-estimator calls `predict`, `predict_proba` or `decision_function` of its members and goes on
with plain arithmetic. What a member has is asked of the live object, as scikit-learn does.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore import _core
from fastscore._errors import UnsupportedModelError
from fastscore._options import Labels
from fastscore.importers._attached import Part
from fastscore.importers._builder import Builder
from fastscore.importers._forest import Forest, Tree
from fastscore.importers._sklearn_common import ACCEPTS, finish
from fastscore.importers._splice import attach

_GENERATED = re.compile(r"Column_\d+")
"""LightGBM's names of features without names; CatBoost's are their numbers."""


@dataclass(frozen=True, slots=True)
class Member:
    """An estimator that was put into the outer model."""

    estimator: Any
    parts: list[Part]
    owner: str

    @property
    def part(self) -> Part:
        """Its only target."""
        if len(self.parts) > 1:
            raise UnsupportedModelError(
                f"{self.owner}: its {type(self.estimator).__name__} predicts several targets, "
                "which is not supported there; use one estimator a target"
            )
        return self.parts[0]

    @property
    def narrow(self) -> bool:
        """Whether its values are of width float32."""
        return self.parts[0].width == "float32"

    def has(self, method: str) -> bool:
        """Whether the estimator has this method, as scikit-learn asks."""
        return hasattr(self.estimator, method)

    def probability(self) -> int:
        """Return its probabilities, one column a class that it knows."""
        return share_of(self.part, self)

    def positive(self, build: Builder) -> int:
        """Return the probability of the second of its two classes."""
        return build.columns(self.probability(), [1])

    def decision(self) -> int:
        """Return its decision function: one column for two classes."""
        if not self.has("decision_function"):
            raise UnsupportedModelError(
                f"{self.owner}: {type(self.estimator).__name__} has no decision_function"
            )
        return self.part.margin

    def classes(self) -> list[Any]:
        """Return its class labels."""
        found = self.part.classes
        if found is None:
            raise UnsupportedModelError(
                f"{self.owner}: {type(self.estimator).__name__} is no classifier"
            )
        return found

    def codes(self, k: int) -> list[int]:
        """Return its class labels where scikit-learn takes them for numbers of its own classes."""
        found = self.classes()
        if not all(isinstance(label, int | float) and label in range(k) for label in found):
            raise UnsupportedModelError(
                f"{self.owner}: its {type(self.estimator).__name__} predicts the labels {found}, "
                f"where the numbers 0 to {k - 1} of the classes are due; fit it with the others"
            )
        return [int(label) for label in found]

    def labels(self, build: Builder) -> int:
        """Return what it predicts as one column of numbers: values, or labels that are numbers."""
        part = self.part
        if part.rule == "value":
            return part.value
        numbers = [_number(label, self) for label in self.classes()]
        if len(numbers) == 1:
            return constant(build, numbers)
        hot = part.one_hot(build)
        if len(numbers) == 2:
            return build.link(
                build.columns(hot, [1]), "above", at=0.5, above=numbers[1], other=numbers[0]
            )
        # One term is the label, the others are zeros.
        terms = build.link(hot, "affine", scale=numbers, shift=[0.0] * len(numbers))
        return add_up(build, [build.columns(terms, [c]) for c in range(len(numbers))])


def share_of(part: Part, member: Member) -> int:
    """Return the probabilities of one target of a member."""
    if part.probability is None or not member.has("predict_proba"):
        raise UnsupportedModelError(
            f"{member.owner}: {type(member.estimator).__name__} has no predict_proba"
        )
    return part.probability


def _number(label: Any, member: Member) -> float:
    if isinstance(label, str) or float(label) != label:
        name = type(member.estimator).__name__
        raise UnsupportedModelError(
            f"{member.owner}: the label {label!r} of its {name} is no number that float64 holds, "
            "and scikit-learn goes on computing with it; use labels that are"
        )
    return float(label)


def members(build: Builder, estimators: Sequence[Any], owner: str) -> list[Member]:
    """Put estimators that read the features into the model."""
    return [
        Member(estimator, attach(build, estimator, owner=owner), owner) for estimator in estimators
    ]


def start(estimator: Any, inner: Sequence[Any]) -> Builder:
    """Return a builder with the features of a meta-estimator, or else of its first member."""
    holder = next(
        (each for each in (estimator, *inner) if getattr(each, "n_features_in_", None) is not None),
        None,
    )
    if holder is None:
        raise UnsupportedModelError(
            f"{type(estimator).__name__} does not say how many features it has; fit it on a table "
            "with as many columns as its estimators read"
        )
    namer, names = _names((estimator, *inner))
    build = Builder(int(holder.n_features_in_), names)
    if names is not None and any(map(_is_light, (namer, *inner))):
        build.match = "underscore"  # LightGBM has rewritten white space in its names
    return build


def _names(estimators: Sequence[Any]) -> tuple[Any, list[str] | None]:
    """Return the first estimator that has names for its features, and the names."""
    for each in estimators:
        found = getattr(each, "feature_names_in_", None)
        if found is None:
            continue
        names = [str(name) for name in found]
        generated = all(map(_GENERATED.fullmatch, names)) or names == [
            str(at) for at in range(len(names))
        ]
        if not generated:
            return each, names
    return None, None


def _is_light(estimator: Any) -> bool:
    return type(estimator).__module__.split(".")[0] == "lightgbm"


def done(
    build: Builder, estimator: Any, *, notes: list[str] | None = None, leaf: int | None = None
) -> _core.Model:
    """Return the model of a meta-estimator that checks nothing itself: its members do."""
    return finish(build, estimator, ACCEPTS, notes=notes, leaf=leaf)


# --- arithmetic


def constant(build: Builder, values: Sequence[float]) -> int:
    """Return a value of constant columns, which reads no feature."""
    forest = Forest(len(values), len(values))
    none = np.empty(0)
    leaf = Tree(
        feature=none.astype(np.int32),
        threshold=none,
        left=none.astype(np.int32),
        right=none.astype(np.int32),
        flags=none.astype(np.uint8),
        leaf=np.zeros(1, dtype=np.int32),
    )
    forest.add(leaf, np.asarray(values, dtype=np.float64).reshape(1, -1))
    return forest.step(build, base=-0.0)


def add_up(build: Builder, values: Sequence[int], *, narrow: bool = False) -> int:
    """Return the sum of values, from left to right, rounded to float32 each time where `narrow`.

    The float64 sum of two float32 numbers rounds to their float32 sum.
    """
    if len(values) == 1:
        return values[0]
    if not narrow:
        return build.add({"op": "sum", "inputs": list(values)})
    total = values[0]
    for value in values[1:]:
        total = build.link(build.add({"op": "sum", "inputs": [total, value]}), "round_to_float32")
    return total


def side_by_side(build: Builder, values: Sequence[int]) -> int:
    """Return the columns of several values."""
    return values[0] if len(values) == 1 else build.add({"op": "concat", "inputs": list(values)})


def average(
    build: Builder,
    values: Sequence[int],
    weights: Sequence[Any] | None,
    *,
    narrow: bool,
    owner: str,
) -> tuple[int, bool]:
    """Return `np.average` of values one upon another, and whether it is of width float32."""
    if weights is None:
        total = add_up(build, values, narrow=narrow)
        return divide(build, total, float(len(values)), narrow=narrow), narrow
    factors = np.asarray(list(weights))
    if factors.dtype.kind not in "biuf" or factors.dtype.char == "g" or factors.ndim != 1:
        raise UnsupportedModelError(
            f"{owner}: weights={list(weights)!r} are not supported; use numbers"
        )
    # As NumPy adds them up.
    wide: NDArray[np.float64] = factors.astype(np.float64)
    scale = float(wide.reshape(-1, 1, 1).sum(axis=0)[0, 0])
    if not np.isfinite(wide).all() or scale == 0 or not np.isfinite(scale):
        raise UnsupportedModelError(
            f"{owner}: weights={list(weights)!r} have no finite sum above or below 0"
        )
    if narrow and np.result_type(factors, np.float32) == np.float32:
        raise UnsupportedModelError(
            f"{owner}: weights of dtype {factors.dtype} with estimators that predict float32 are "
            "not supported; give the weights as Python numbers"
        )
    scaled = [
        build.link(value, "multiply", by=float(factor))
        for value, factor in zip(values, wide, strict=True)
    ]
    return build.link(add_up(build, scaled), "divide", by=scale), False


def divide(build: Builder, value: int, by: float, *, narrow: bool) -> int:
    """Return a value over a number, at its width."""
    step: dict[str, Any] = {"op": "link", "input": value, "kind": {"name": "divide", "by": by}}
    return build.add(step | {"width": "float32"} if narrow else step)


def all_narrow(found: Sequence[Member]) -> bool:
    """Whether NumPy holds what all these predict in one float32 array."""
    return all(member.narrow for member in found)


# --- targets


def share_margin(build: Builder, shares: int, k: int) -> int:
    """Return the margin of a classifier that has probabilities only."""
    return build.columns(shares, [1]) if k == 2 else shares


def carry_on(
    build: Builder,
    member: Member,
    part: Part,
    labels: Labels | None,
    *,
    rule: dict[str, Any] | None = None,
) -> None:
    """Append the target of a meta-estimator that hands on what one of its members gives.

    Its margin is the decision function where there is one; of classifiers else the probability.
    """
    shares = part.probability if member.has("predict_proba") else None
    margin = part.margin
    if labels is not None and shares is not None and not member.has("decision_function"):
        margin = share_margin(build, shares, len(labels.values))
    build.output_width = "float32" if member.narrow else None
    own = {"rule": part.rule, "value": part.value, **part.parameters}
    build.target(margin=margin, probability=shares, labels=labels, **(rule or own))
