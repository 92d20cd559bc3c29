"""What flows between the layers of a Keras model: tensors, as columns of the builder's values.

A tensor of shape (rows, d1, d2, ...) is d1 * d2 * ... columns, in C order, so that what only moves
numbers about (Reshape, Permute, Concatenate, slices) is a choice of columns and costs nothing.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore._errors import ModelFormatError, UnsupportedModelError
from fastscore.importers._builder import Builder
from fastscore.importers._flow import Frame, gather, value_of, whole

FLOATS = ("float32", "float64")
_COLUMNS = 1 << 18
"""The widest tensor."""
_WORK = 1 << 21
"""How many columns and layer calls a whole model may have: files can ask for any number."""


@dataclass(slots=True)
class Linear:
    """A matrix product that is not a step yet, so that what follows can be folded into it."""

    frame: Frame
    kernel: NDArray[Any]
    """(inputs, outputs), at the width of the layer."""
    bias: NDArray[Any]
    name: str


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
    """`float32`, `float64`, `string`, or an integer type."""
    columns: Frame | None
    """None while `lazy` has not become steps."""
    lazy: Linear | Affine | None = None
    masked: bool = False
    """Whether Keras hands a mask on with it."""
    raw_integers: bool = False
    """Whether its numbers are a feature's, and not cut to integers yet."""

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
    if isinstance(axis, bool) or not isinstance(axis, int) or not -rank <= axis < rank:
        raise ModelFormatError(f"{owner}: there is no axis {axis!r} of {rank}")
    if axis % rank == 0:
        raise UnsupportedModelError(f"{owner}: axis={axis}, over the rows, is not supported")
    return axis % rank - 1


def axes_of(owner: Any, axes: Any, shape: tuple[int, ...]) -> list[int]:
    """Return one axis or several, rising."""
    given = list(axes) if isinstance(axes, list | tuple) else [axes]
    return sorted({axis_of(owner, axis, shape) for axis in given})


class Translation:
    """The builder, and how tensors become its steps."""

    def __init__(self, build: Builder) -> None:
        self.build = build
        self._work = 0
        self._constants = 0
        self._folded = 0
        self._names: dict[int, tuple[str, Any]] = {}

    def spend(self, owner: str, columns: int) -> None:
        """Refuse what would take more than a machine has."""
        if columns > _COLUMNS:
            raise UnsupportedModelError(
                f"{owner} has {columns} values a row; at most {_COLUMNS} are supported"
            )
        self._work += columns + 16
        if self._work > _WORK:
            raise UnsupportedModelError(
                f"{owner}: the layers up to here have more than {_WORK} values a row in all, which "
                "is not supported; make the model smaller"
            )

    def frame(self, x: Tensor) -> Frame:
        """Return the columns of a tensor; what was put off becomes steps."""
        if x.columns is None:
            lazy = x.lazy
            width = x.dtype
            if isinstance(lazy, Linear):
                value = self.product(lazy.name, lazy.frame, lazy.kernel, lazy.bias, width)
            else:
                assert lazy is not None
                value = self.affine(lazy.frame, lazy.scale, lazy.shift, width)
            x.columns = whole(value, x.size)
        return x.columns

    def value(self, x: Tensor) -> int:
        """Return a value whose columns are the tensor's."""
        return value_of(self.build, self.frame(x))

    def given(self, value: int, x: Tensor, shape: tuple[int, ...] | None = None) -> Tensor:
        """Return a value as a tensor of x's type, and of its shape unless another is given."""
        shape = x.shape if shape is None else shape
        return Tensor(shape, x.dtype, whole(value, size(shape)), masked=x.masked)

    def moved(self, x: Tensor, places: NDArray[Any]) -> Tensor:
        """Return the columns of a tensor at these places, in the shape of `places`."""
        frame = self.frame(x).take(places.ravel().tolist())
        return Tensor(places.shape, x.dtype, frame, masked=x.masked, raw_integers=x.raw_integers)

    def places(self, x: Tensor) -> NDArray[Any]:
        """Return the numbers of a tensor's columns, in its shape."""
        return np.arange(x.size).reshape(x.shape)

    # --- what is put off

    def named(self, place: Any) -> str:
        """Return a name for the numbers of a layer, the same each time that it is called."""
        # The place is kept, so that no other gets its id.
        return self._names.setdefault(id(place), (f"layer{len(self._names)}", place))[0]

    def dense(self, x: Tensor, kernel: NDArray[Any], bias: NDArray[Any], name: str) -> Tensor:
        """Return a matrix product; a batch normalisation before it becomes a part of it."""
        before = x.lazy
        if x.columns is None and isinstance(before, Affine):
            wide = kernel.astype(np.float64)
            with np.errstate(all="ignore"):
                bias = (bias.astype(np.float64) + before.shift @ wide).astype(x.dtype)
                kernel = (before.scale[:, np.newaxis] * wide).astype(x.dtype)
            lazy = Linear(before.frame, kernel, bias, self._fresh())
        else:
            lazy = Linear(self.frame(x), kernel, bias, name)
        return Tensor((kernel.shape[1],), x.dtype, None, lazy)

    def scaled(self, x: Tensor, scale: NDArray[Any], shift: NDArray[Any]) -> Tensor:
        """Return `x * scale + shift`, per column, folded into the matrix product before it."""
        before = x.lazy
        if x.columns is None and isinstance(before, Linear):
            with np.errstate(all="ignore"):
                kernel = (before.kernel.astype(np.float64) * scale).astype(x.dtype)
                bias = (before.bias.astype(np.float64) * scale + shift).astype(x.dtype)
            lazy: Linear | Affine = Linear(before.frame, kernel, bias, self._fresh())
        else:
            lazy = Affine(self.frame(x), _at(x.dtype, scale), _at(x.dtype, shift))
        return Tensor(x.shape, x.dtype, None, lazy, x.masked)

    def _fresh(self) -> str:
        self._folded += 1
        return f"folded{self._folded}"

    # --- steps

    def link(self, x: Tensor, name: str, /, **parameters: Any) -> Tensor:
        """Append a link at the width of the tensor."""
        value = self.build.link(self.value(x), name, x.dtype, **parameters)
        return self.given(value, x)

    def step(self, op: str, inputs: list[int], width: str) -> int:
        """Append a step of several inputs."""
        step = {"op": op, "inputs": inputs}
        return self.build.add(step if width == "float64" else step | {"width": width})

    def product(
        self, name: str, frame: Frame, kernel: NDArray[Any], bias: NDArray[Any], width: str
    ) -> int:
        """Append a matrix product; one of the same name shares its numbers."""
        tensors = self.build.tensors
        if f"{name}.coefficients" not in tensors:
            self.build.tensor(f"{name}.coefficients", kernel.T, np.float64)
            self.build.tensor(f"{name}.intercept", bias, np.float64)
        step = {
            "op": "linear",
            "input": value_of(self.build, frame),
            "coefficients": f"{name}.coefficients",
            "intercept": f"{name}.intercept",
        }
        return self.build.add(step if width == "float64" else step | {"width": width})

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
        """Return one value that has a tensor's columns, and where."""
        return gather(self.build, self.frame(x))

    # --- types

    def integers(self, x: Tensor) -> Tensor:
        """Return a tensor of integers with its fractions cut off, as Keras casts a feature."""
        if not x.raw_integers:
            return x
        value = self.build.link(self.value(x), "ufunc", function="trunc")
        return Tensor(x.shape, x.dtype, whole(value, x.size), masked=x.masked)

    def cast(self, x: Tensor, dtype: str, owner: str) -> Tensor:
        """Return a tensor as numbers of this width, as a layer gets it."""
        if x.dtype == dtype:
            return x
        if x.dtype == "string":
            raise UnsupportedModelError(
                f"{owner} gets text; only StringLookup reads text: put one before it"
            )
        if x.dtype in FLOATS and dtype == "float64":
            return Tensor(x.shape, dtype, self.frame(x), masked=x.masked)
        x = self.integers(x)
        value = self.value(x)
        if dtype == "float32":
            value = self.build.link(value, "round_to_float32")
        return Tensor(x.shape, dtype, whole(value, x.size), masked=x.masked)


def _at(width: str, numbers: NDArray[Any]) -> NDArray[np.float64]:
    """Return numbers of a width."""
    with np.errstate(all="ignore"):
        return numbers.astype(width).astype(np.float64)
