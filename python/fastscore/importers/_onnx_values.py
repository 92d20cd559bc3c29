"""What the names of an ONNX graph stand for while it is translated."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore._options import Labels
from fastscore.importers._builder import Builder
from fastscore.importers._flow import Frame, value_of
from fastscore.importers._onnx_graph import Node


@dataclass(frozen=True, slots=True)
class Constant:
    """The same for every row; text is an array of objects."""

    array: NDArray[Any]

    @property
    def elem_type(self) -> str:
        """The type, as ONNX names it."""
        return "string" if self.array.dtype == object else str(self.array.dtype)


@dataclass(frozen=True, slots=True)
class Sized:
    """Made of the number of rows, such as the shape of a value: an array for each size of trial.

    Row counts are symbolic; that an operator keeps rows apart is seen by trying two of them.
    """

    arrays: tuple[NDArray[Any], ...]


@dataclass(frozen=True, slots=True)
class Columns:
    """Numbers that depend on the row.

    `batched`: the tensor is (rows, *shape). Else, where the graph is made for one row, the whole
    tensor is `shape`, and what the operators do to it they do to each row's own.
    """

    frame: Frame
    """A column for each element of `shape`, in C order."""
    shape: tuple[int, ...]
    elem_type: str
    batched: bool = True

    @property
    def rank(self) -> int:
        """How many dimensions the tensor has in the graph."""
        return len(self.shape) + self.batched

    @property
    def width(self) -> str:
        """The width at which it is computed with."""
        return "float32" if self.elem_type == "float32" else "float64"

    def value(self, build: Builder) -> int:
        """Return a value of the builder that has its columns in order."""
        return value_of(build, self.frame)

    def near(self) -> "Columns":
        """Say that the last bits may differ from the source's."""
        return replace(self, frame=self.frame.approximate())


@dataclass(frozen=True, slots=True)
class Text:
    """Strings of features: (rows, *shape). Operators of ai.onnx.ml make numbers of them."""

    frame: Frame
    """Its columns are the features themselves, not read yet (kind `any`)."""
    shape: tuple[int, ...]
    batched: bool = True
    elem_type: str = "string"


@dataclass(frozen=True, slots=True)
class Label:
    """What a classifier answers: of classes the one that the scores decide for.

    `rule`: `scan`, or `above` and `positive` of one column (docs/model-format.md, Targets).
    """

    scores: Columns
    """What is compared: one column a class, or one for two."""
    rule: str
    classes: Labels
    at: float | None = None
    shape: tuple[int, ...] = ()
    elem_type: str = "int64"
    batched: bool = True
    least: bool = False
    """Whether it stands for the least number of all: that of a cluster, say."""


@dataclass(frozen=True, slots=True)
class Maps:
    """A sequence of a map a row, from label to share: what ZipMap makes of probabilities."""

    shares: Columns
    classes: Labels


@dataclass(frozen=True, slots=True)
class Comparison:
    """Whether computed numbers, whose last bits may differ from the source's, are above a number.

    It can be the label of two classes; as a number it jumps, which is noted.
    """

    numbers: Columns
    at: float
    elem_type: str = "bool"

    def label(self, dtype: str) -> Label | None:
        """Return it as a label, False and True or 0 and 1, where it is one a row."""
        if len(self.numbers.frame) != 1:
            return None
        own = Labels("bool", "bool", [False, True])
        classes = own if dtype == "bool" else Labels(dtype, "int", [0, 1])
        numbers = self.numbers
        return Label(
            Columns(numbers.frame, (1,), numbers.elem_type, numbers.batched),
            "above",
            classes,
            self.at,
            numbers.shape,
            dtype,
            numbers.batched,
        )


@dataclass(frozen=True, slots=True)
class Signs:
    """Signs of computed numbers, as labels: -1 and 1, or, clipped, whether they are above 0."""

    numbers: Columns
    elem_type: str

    def label(self) -> Label | None:
        """Return it as a label, where it is one a row: a 0 is as much of a tie as is half."""
        if len(self.numbers.frame) != 1:
            return None
        x = self.numbers
        flat = Columns(x.frame, (1,), x.elem_type, x.batched)
        classes = Labels(self.elem_type, "int", [-1, 1])
        return Label(flat, "above", classes, 0.0, x.shape, self.elem_type, x.batched)


@dataclass(frozen=True, slots=True)
class SideBySide:
    """A label for each of several targets: (rows, targets)."""

    labels: tuple[Label, ...]


@dataclass(frozen=True, slots=True)
class Moved:
    """Numbers that depend on the row, while rows are not the first dimension of their tensor.

    Only what moves elements, joins and reduces takes it; in the end rows have to stand first again.
    """

    columns: Columns
    """What a row has, in one dimension."""
    arrays: tuple[NDArray[Any], ...]
    """For each number of rows that is tried what stands where: row times columns, plus column."""
    node: Node
    """Which moved rows first."""

    @property
    def elem_type(self) -> str:
        """The type, as ONNX names it."""
        return self.columns.elem_type


@dataclass(frozen=True, slots=True)
class Several:
    """A sequence of tensors."""

    values: tuple["Value", ...]


Value = (
    Constant
    | Sized
    | Columns
    | Text
    | Label
    | Maps
    | Comparison
    | Signs
    | SideBySide
    | Moved
    | Several
)


def constant(values: Sequence[Any] | NDArray[Any], dtype: Any = None) -> Constant:
    """Return a constant of numbers."""
    return Constant(np.asarray(values, dtype=dtype))


def rank_of(value: Value) -> int:
    """Return how many dimensions a tensor has in the graph."""
    if isinstance(value, Moved | Sized):
        return value.arrays[0].ndim
    if isinstance(value, Constant):
        return value.array.ndim
    return len(sizes_of(value))


def sizes_of(value: Value) -> tuple[int | None, ...]:
    """Return the dimensions of a tensor in the graph; None for what the number of rows decides."""
    if isinstance(value, Moved | Sized):
        shapes = zip(*(array.shape for array in value.arrays), strict=True)
        return tuple(own[0] if len(set(own)) == 1 else None for own in shapes)
    if isinstance(value, Constant):
        return value.array.shape
    if isinstance(value, Comparison):
        return sizes_of(value.numbers)
    if isinstance(value, Columns | Text | Label):
        return (None, *value.shape) if value.batched else value.shape
    return ()
