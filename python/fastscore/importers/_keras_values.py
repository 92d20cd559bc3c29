"""What flows between the layers of a Keras model: tensors, as columns of the builder's values.

A tensor of shape (rows, d1, d2, ...) is d1 * d2 * ... columns, in C order, so that what only moves
numbers about (Reshape, Permute, Concatenate, slices) is a choice of columns and costs nothing.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore._errors import ModelFormatError, UnsupportedModelError
from fastscore.importers._builder import Builder
from fastscore.importers._flow import Column, Frame, gather, refuse_unknown, value_of, whole
from fastscore.importers._text import Lookup, lookups

FLOATS = ("float32", "float64")
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
EPSILON = 1e-7
"""`keras.config.epsilon()` as it is unless changed, which files don't say."""
_COLUMNS = 1 << 18
"""The widest tensor."""
_WORK = 1 << 21
"""How many columns a whole model may have, each call of a layer beside: files can ask for more."""
_CALL = 256


@dataclass(slots=True)
class Linear:
    """A matrix product that is not a step yet, so that what follows can be folded into it."""

    frame: Frame
    kernel: NDArray[Any]
    """(inputs, outputs), at the width of the layer."""
    bias: NDArray[Any]


@dataclass(slots=True)
class Affine:
    """`x * scale + shift`, column by column, that is not a step yet: a batch normalisation."""

    frame: Frame
    scale: NDArray[np.float64]
    shift: NDArray[np.float64]


@dataclass(slots=True)
class Tensor:
    """What a layer gives, without the axis of the rows."""

    shape: tuple[int, ...]
    dtype: str
    """`float32`, `float64`, `string`, an integer type, or `bool` as masks are."""
    columns: Frame | None
    """None while `lazy` has not become steps."""
    lazy: Linear | Affine | None = None
    mask: "Tensor | None" = None
    """1 where Keras's mask, which it hands on with the tensor, keeps a step, else 0."""
    raw: bool = False
    """Whether its columns are features, not yet brought to its type."""

    @property
    def size(self) -> int:
        """How many columns it is."""
        return size(self.shape)


def size(shape: tuple[int, ...]) -> int:
    """Return how many columns a shape is."""
    return int(np.prod(shape, dtype=object)) if shape else 1


def axis_of(owner: Any, axis: Any, shape: tuple[int, ...]) -> int:
    """Return Keras's axis, which counts the rows, as one of a shape without them."""
    rank = len(shape) + 1
    if isinstance(axis, bool) or not isinstance(axis, int):
        raise UnsupportedModelError(f"{owner}: there is no axis {axis!r}; use one number")
    if not -rank <= axis < rank:
        raise ModelFormatError(f"{owner}: there is no axis {axis!r} of {rank}")
    if axis % rank == 0:
        raise UnsupportedModelError(f"{owner}: axis={axis}, over the rows, is not supported")
    return axis % rank - 1


def axes_of(owner: Any, axes: Any, shape: tuple[int, ...]) -> list[int]:
    """Return one axis or several, rising."""
    given = list(axes) if isinstance(axes, list | tuple) else [axes]
    return sorted({axis_of(owner, axis, shape) for axis in given})


def called(build: Builder, frame: Frame) -> list[Column]:
    """Return columns with names by which errors call them."""
    names = build.names

    def name(column: Column) -> str:
        at = column.feature
        if at is None:
            return str(column.index)
        return str(at) if names is None else names[at]

    return [
        column if column.name is not None else replace(column, name=name(column))
        for column in frame.columns
    ]


class Translation:
    """The builder, and how tensors become its steps."""

    def __init__(self, build: Builder, *, epsilon: float = EPSILON, fold: bool = True) -> None:
        self.build = build
        self.epsilon = epsilon
        """`keras.config.epsilon()`."""
        self.owner = ""
        """The layer that is being translated, for errors."""
        self._fold = fold
        """Whether batch normalisations become a part of matrix products."""
        self._checked: set[tuple[int, str]] = set()
        """Integers that are known to be within their type."""
        self._work = 0
        self._constants = 0
        self._products = 0

    def spend(self, owner: str, columns: int) -> None:
        """Refuse what would take more than a machine has."""
        if columns > _COLUMNS:
            raise UnsupportedModelError(
                f"{owner} has {columns} values a row; at most {_COLUMNS} are supported"
            )
        self._work += columns + _CALL
        if self._work > _WORK:
            raise UnsupportedModelError(
                f"{owner}: the layers up to here have more than {_WORK} values a row in all, which "
                "is not supported; make the model smaller"
            )

    def frame(self, x: Tensor) -> Frame:
        """Return the columns of a tensor; what was put off becomes steps."""
        if x.columns is None:
            lazy = x.lazy
            if isinstance(lazy, Linear):
                value = self.product(lazy.frame, lazy.kernel, lazy.bias, x.dtype)
            else:
                assert lazy is not None
                value = self.affine(lazy.frame, lazy.scale, lazy.shift, x.dtype)
            x.columns = whole(value, x.size)
        elif x.raw:
            x.columns, x.raw = self._settled(x.columns, x.dtype), False
        return x.columns

    def unsettled(self, x: Tensor) -> Frame:
        """Return the columns of a tensor for a step that itself brings them to their type."""
        return x.columns if x.raw and x.columns is not None else self.frame(x)

    def _settled(self, frame: Frame, dtype: str) -> Frame:
        """Bring features to a type: rounded, or their fractions cut off."""
        if dtype in ("float64", "string"):
            return frame
        value = value_of(self.build, frame)
        kind = {"name": "round_to_float32"}
        if dtype != "float32":
            kind = {"name": "ufunc", "function": "trunc"}
        step = {"op": "link", "input": value, "kind": kind}
        settled = self.build.shared("settled", (value, dtype), lambda: step)
        if dtype in INTEGERS:
            self._within(settled, frame, dtype)
        return whole(settled, len(frame))

    def _within(self, value: int, frame: Frame, dtype: str) -> None:
        """Refuse numbers beyond an integer type, in which Keras would have others."""
        if (value, dtype) in self._checked:
            return
        self._checked.add((value, dtype))
        limits = np.iinfo(dtype)
        edges = [float(limits.min), float(limits.max) + 1]
        side = self.build.bins(value, [edges] * len(frame))
        tables = [
            Lookup(c, {1.0: 1.0}, math.nan, math.nan) for c in whole(side, len(frame)).columns
        ]
        known = lookups(self.build, tables)
        columns = called(self.build, frame)
        refuse_unknown(self.build, known, range(len(frame)), columns, f"an Input of {dtype}")

    def value(self, x: Tensor) -> int:
        """Return a value whose columns are the tensor's."""
        return value_of(self.build, self.frame(x))

    def given(self, value: int, x: Tensor, shape: tuple[int, ...] | None = None) -> Tensor:
        """Return a value as a tensor of x's type, and of its shape unless another is given."""
        shape = x.shape if shape is None else shape
        return Tensor(shape, x.dtype, whole(value, size(shape)))

    def moved(self, x: Tensor, places: NDArray[Any]) -> Tensor:
        """Return the columns of a tensor at these places, in the shape of `places`."""
        frame = self.unsettled(x).take(places.ravel().tolist())
        return Tensor(places.shape, x.dtype, frame, raw=x.raw)

    def places(self, x: Tensor) -> NDArray[Any]:
        """Return the numbers of a tensor's columns, in its shape."""
        return np.arange(x.size).reshape(x.shape)

    # --- what is put off

    def dense(self, x: Tensor, kernel: NDArray[Any], bias: NDArray[Any]) -> Tensor:
        """Return a matrix product; a batch normalisation before it becomes a part of it."""
        before = x.lazy
        if self._fold and x.columns is None and isinstance(before, Affine):
            wide = kernel.astype(np.float64)
            with np.errstate(all="ignore"):
                bias = (bias.astype(np.float64) + before.shift @ wide).astype(x.dtype)
                kernel = (before.scale[:, np.newaxis] * wide).astype(x.dtype)
            lazy = Linear(before.frame, kernel, bias)
        else:
            lazy = Linear(self.unsettled(x), kernel, bias)
        return Tensor((kernel.shape[1],), x.dtype, None, lazy)

    def scaled(self, x: Tensor, scale: NDArray[Any], shift: NDArray[Any]) -> Tensor:
        """Return `x * scale + shift`, per column, folded into the matrix product before it."""
        before = x.lazy
        if self._fold and x.columns is None and isinstance(before, Linear):
            with np.errstate(all="ignore"):
                kernel = (before.kernel.astype(np.float64) * scale).astype(x.dtype)
                bias = (before.bias.astype(np.float64) * scale + shift).astype(x.dtype)
            lazy: Linear | Affine = Linear(before.frame, kernel, bias)
        else:
            lazy = Affine(self.frame(x), _at(x.dtype, scale), _at(x.dtype, shift))
        return Tensor(x.shape, x.dtype, None, lazy)

    # --- steps

    def link(self, x: Tensor, name: str, /, **parameters: Any) -> Tensor:
        """Append a link at the width of the tensor."""
        for key, number in parameters.items():
            if isinstance(number, float) and not math.isfinite(number):
                raise UnsupportedModelError(
                    f"{self.owner}: {key}={number} is not supported; use a finite number"
                )
        value = self.build.link(self.value(x), name, x.dtype, **parameters)
        return self.given(value, x)

    def step(self, op: str, inputs: list[int], width: str) -> int:
        """Append a step of several inputs."""
        step = {"op": op, "inputs": inputs}
        return self.build.add(step if width == "float64" else step | {"width": width})

    def product(self, frame: Frame, kernel: NDArray[Any], bias: NDArray[Any], width: str) -> int:
        """Append a matrix product."""
        self._products += 1
        value = value_of(self.build, frame)
        name = f"layer{self._products}"
        return self.build.linear(name, kernel.T, bias, value=value, width=width)

    def affine(
        self, frame: Frame, scale: NDArray[Any], shift: NDArray[Any] | None, width: str
    ) -> int:
        """Append `x * scale + shift`; numbers that links can't hold are columns of their own."""
        value = value_of(self.build, frame)
        if np.isfinite(scale).all() and (shift is None or np.isfinite(shift).all()):
            shifts = np.zeros(len(scale)) if shift is None else shift
            return self.build.link(
                value, "affine", width, scale=scale.tolist(), shift=shifts.tolist()
            )
        value = self.step("product", [value, self.constant(scale)], width)
        return value if shift is None else self.step("sum", [value, self.constant(shift)], width)

    def constant(self, numbers: NDArray[Any]) -> int:
        """Append columns that are the same in every row: whatever the first feature is."""
        count = len(numbers)
        prefix = f"constant{self._constants}"
        self._constants += 1
        self.build.tensor(f"{prefix}.column", np.zeros(count), np.int32)
        self.build.tensor(f"{prefix}.offset", np.zeros(count + 1), np.int64)
        self.build.tensor(f"{prefix}.key", [], np.float64)
        self.build.tensor(f"{prefix}.value", [], np.float64)
        self.build.tensor(f"{prefix}.missing", numbers, np.float64)
        self.build.tensor(f"{prefix}.other", numbers, np.float64)
        return self.build.add({"op": "map", "input": 0, "tensors": prefix})

    def gathered(self, x: Tensor) -> tuple[int, list[int]]:
        """Return one value that has a tensor's columns, and where; integers may be unsettled."""
        frame = self.frame(x) if x.dtype in FLOATS else self.unsettled(x)
        return gather(self.build, frame)

    # --- types

    def cast(self, x: Tensor, dtype: str, owner: str) -> Tensor:
        """Return a tensor as numbers of this width, as a layer gets it."""
        if x.dtype == dtype:
            return x
        if x.dtype == "string":
            raise UnsupportedModelError(
                f"{owner} gets text; only StringLookup reads text: put one before it"
            )
        if x.dtype in FLOATS and dtype == "float64":
            return Tensor(x.shape, dtype, self.frame(x), mask=x.mask)
        value = self.value(x)
        if dtype == "float32":
            value = self.build.link(value, "round_to_float32")
        return Tensor(x.shape, dtype, whole(value, x.size), mask=x.mask)


def _at(width: str, numbers: NDArray[Any]) -> NDArray[np.float64]:
    """Return numbers of a width."""
    with np.errstate(all="ignore"):
        return numbers.astype(width).astype(np.float64)
