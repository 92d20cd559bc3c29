"""What an estimator gives that is inside another: values of the outer builder."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastscore._errors import UnsupportedModelError
from fastscore.importers._builder import Builder
from fastscore.importers._flow import Frame, value_of


@dataclass(frozen=True, slots=True)
class Part:
    """One target of an estimator that was attached, as values of the outer builder."""

    margin: int
    probability: int | None
    rule: str
    value: int
    parameters: dict[str, Any]
    """Of the rule."""
    classes: list[Any] | None
    width: str
    """Of its outputs."""
    score: int | None = None
    name: str | None = None

    def prediction(self) -> int:
        """Return the number that the estimator predicts."""
        if self.rule != "value":
            raise UnsupportedModelError("a classifier can't stand for a regressor")
        return self.value

    def one_hot(self, build: Builder) -> int:
        """Return the predicted class as one column a class: 1 for it, 0 for the others."""
        if self.rule == "argmax":
            return build.link(self.value, "vote", hit=1.0, miss=0.0)
        at = {"positive": 0.0, "above": self.parameters.get("at")}.get(self.rule)
        if at is None:
            raise UnsupportedModelError("a regressor can't stand for a classifier")
        return build.link(
            build.link(self.value, "above", at=at, above=1.0, other=0.0), "complement"
        )


@dataclass(frozen=True, slots=True)
class Attached:
    """All that an estimator gives, as values of the outer builder."""

    parts: list[Part] = field(default_factory=list)
    transform: Frame | None = None
    """Of one that transforms."""
    leaf: int | None = None
    """The step whose leaf indexes it reports."""
    targets: Callable[[], list[dict[str, Any]]] = list
    """Puts them into the outer model, where the estimator is its last step."""
    width: str | None = None
    """Of its outputs, as the structure has it."""
    notes: list[str] = field(default_factory=list)
    absent: str = "zero"
    """What an entry is for it that a sparse matrix does not hold."""

    def become_outputs(self, build: Builder) -> None:
        """Make its outputs the model's."""
        build.targets = self.targets()
        build.output_width = self.width
        if self.transform is not None:
            value = value_of(build, self.transform)
            names = self.transform.names or [str(i) for i in range(len(self.transform))]
            build.transform = {"value": value, "names": build.strings("transform.names", names)}


def refuse_narrow(parts: Sequence[Part], owner: str) -> None:
    """Refuse members that predict float32 values, which scikit-learn adds at that width."""
    if any(part.width == "float32" for part in parts):
        raise UnsupportedModelError(
            f"{owner}: its estimators predict float32 values, and scikit-learn sums these in "
            "float32, which is not supported; use estimators that predict float64"
        )


def place(build: Builder, value: int, positions: Sequence[int], width: int) -> int:
    """Put the columns of a value at these positions among `width`; 0 elsewhere."""
    if list(positions) == list(range(width)):
        return value
    zero = build.link(build.columns(value, [0]), "multiply", by=0.0)
    both = build.add({"op": "concat", "inputs": [value, zero]})
    at = {position: column for column, position in enumerate(positions)}
    return build.columns(both, [at.get(position, len(positions)) for position in range(width)])
