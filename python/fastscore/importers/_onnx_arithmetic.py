"""Numbers with numbers, element by element: what the operators' translations are made of."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastscore.importers._flow import value_of, whole
from fastscore.importers._onnx_graph import Node
from fastscore.importers._onnx_registry import refuse
from fastscore.importers._onnx_values import Columns, Constant, Sized, Value

if TYPE_CHECKING:
    from fastscore.importers._onnx_translation import Translation

Array = NDArray[Any]
Operand = Columns | Array


def broadcast(
    translation: "Translation", node: Node, values: Sequence[Value | None]
) -> list[Operand]:
    """Return values spread to one shape, that of a row; of constants the row's part."""
    columns = [value for value in values if isinstance(value, Columns)]
    batched = columns[0].batched
    trials = range(len(translation.trials) if batched else 1)
    spread: list[list[Array]] = []
    for trial in trials:
        arrays = []
        for value in values:
            if isinstance(value, Columns):
                arrays.append(translation.places(value, trial))
            elif isinstance(value, Constant | Sized):
                arrays.append(translation.trial_arrays(value)[trial])
            else:
                refuse(node, "labels, maps and text can't be computed with")
        try:
            spread.append(list(np.broadcast_arrays(*arrays)))
        except ValueError:
            shapes = ", ".join(str(array.shape) for array in arrays)
            refuse(node, f"its inputs of the shapes {shapes} do not fit each other")
    found: list[Operand] = []
    for at, value in enumerate(values):
        own = [arrays[at] for arrays in spread]
        if isinstance(value, Columns):
            places = translation.kept(node, own, value)
            found.append(laid_out(value, places))
        elif not batched:
            if isinstance(value, Sized):
                translation.mixes(node)
            found.append(own[0])
        else:
            first = own[0][:1]
            same = all(
                array.shape[1:] == first.shape[1:]
                and np.array_equal(
                    array, np.broadcast_to(first, array.shape), equal_nan=array.dtype.kind == "f"
                )
                for array in own
            )
            if not same or any(
                len(array) != n for array, n in zip(own, translation.trials, strict=True)
            ):
                translation.mixes(node)
            found.append(first[0])
    return found


def laid_out(value: Columns, places: Array) -> Columns:
    """Return the columns at these places of a row, in their shape."""
    frame = value.frame
    if places.size != len(frame) or (places.ravel() != np.arange(len(frame))).any():
        frame = frame.take(places.ravel().tolist())
    return Columns(frame, tuple(places.shape), value.elem_type, value.batched)


def floats(node: Node, value: Value, *, integers: bool = False) -> None:
    """Refuse types that an operator is not computed in here."""
    if isinstance(value, Sized):
        kind = str(value.arrays[0].dtype)
    elif isinstance(value, Columns | Constant):
        kind = value.elem_type
    else:
        refuse(node, "it can't compute with labels, maps and text")
    allowed = ("float32", "float64", *(("int32", "int64") if integers else ()))
    if kind not in allowed:
        refuse(node, f"it computes in {kind}; supported are {', '.join(allowed)}")


def same_type(node: Node, values: Sequence[Value]) -> str:
    """Return the type of all values; ONNX mixes none."""
    kinds = {
        str(value.arrays[0].dtype) if isinstance(value, Sized) else value.elem_type
        for value in values
        if isinstance(value, Sized | Constant | Columns)
    }
    if len(kinds) != 1:
        refuse(node, f"its inputs are of the types {', '.join(sorted(kinds))}; they must be one")
    return kinds.pop()


def link(
    translation: "Translation",
    value: Columns,
    name: str,
    /,
    *,
    near: bool = False,
    elem_type: str | None = None,
    **parameters: Any,
) -> Columns:
    """Append a link that keeps the shape."""
    build = translation.build
    made = build.link(value.value(build), name, width=value.width, **parameters)
    return translation.made(made, value.shape, value, near=near, elem_type=elem_type)


def settled(x: Columns) -> Columns:
    """Say of numbers that they are the source's, where nothing has jumped."""
    columns = tuple(replace(column, near=False) for column in x.frame.columns)
    return replace(x, frame=replace(x.frame, columns=columns))


def two(translation: "Translation", op: str, a: Columns, b: Columns) -> Columns:
    """Append a step of two values of one shape, each operation rounded."""
    build = translation.build
    values = [_narrow(translation, a), _narrow(translation, b)]
    if build.width_of(values[0]) == build.width_of(values[1]) == 1 != len(a.frame):
        values[0] = a.value(build)
    made = build.combine(op, *values, width=a.width)
    return translation.made(made, a.shape, a, near=b.frame.near)


def _narrow(translation: "Translation", value: Columns) -> int:
    """Return a value; one that repeats a column as that column, which the core spreads itself."""
    columns = value.frame.columns
    if len(columns) > 1 and all(column == columns[0] for column in columns):
        return value_of(translation.build, value.frame.take([0]))
    return value.value(translation.build)


def spread(translation: "Translation", like: Columns, numbers: Array) -> Columns:
    """Return constants as columns."""
    build = translation.build
    flat = np.broadcast_to(np.asarray(numbers, dtype=np.float64), like.shape).ravel()
    prefix = f"constant{len(build.steps)}"
    build.tensor(f"{prefix}.column", np.zeros(len(flat)), np.int32)
    build.tensor(f"{prefix}.offset", np.zeros(len(flat) + 1), np.int64)
    build.tensor(f"{prefix}.key", [], np.float64)
    build.tensor(f"{prefix}.value", [], np.float64)
    build.tensor(f"{prefix}.missing", flat, np.float64)
    build.tensor(f"{prefix}.other", flat, np.float64)
    # It reads the features, whichever: none has a part in it.
    made = build.add({"op": "map", "input": 0, "tensors": prefix})
    frame = whole(made, len(flat), width=like.width)
    return Columns(frame, like.shape, like.elem_type, like.batched)


def plus(translation: "Translation", x: Columns, c: Array) -> Columns:
    """X + c."""
    flat = _flat(x, c)
    if not _plain(flat):
        return two(translation, "sum", x, spread(translation, x, c))
    if (flat == flat[0]).all():
        return link(translation, x, "add", value=flat[0])
    return affine(translation, x, np.ones(len(flat)), flat)


def less(translation: "Translation", x: Columns, c: Array) -> Columns:
    """X - c."""
    return plus(translation, x, -np.asarray(c, dtype=np.float64))


def from_constant(translation: "Translation", c: Array, x: Columns) -> Columns:
    """C - x."""
    flat = _flat(x, c)
    if not _plain(flat):
        return two(translation, "difference", spread(translation, x, c), x)
    return affine(translation, x, -np.ones(len(flat)), flat)


def times(translation: "Translation", x: Columns, c: Array) -> Columns:
    """X * c."""
    flat = _flat(x, c)
    if not _plain(flat):
        return two(translation, "product", x, spread(translation, x, c))
    if (flat == flat[0]).all():
        return link(translation, x, "multiply", by=flat[0])
    # Adding -0 changes nothing, not even a zero's sign.
    return affine(translation, x, flat, np.full(len(flat), -0.0))


def over(translation: "Translation", x: Columns, c: Array) -> Columns:
    """X / c."""
    flat = _flat(x, c)
    if not _plain(flat) or not flat.all():
        return two(translation, "quotient", x, spread(translation, x, c))
    if (flat == flat[0]).all():
        return link(translation, x, "divide", by=flat[0])
    return link(translation, x, "standardize", shift=None, scale=flat.tolist())


def constant_over(translation: "Translation", c: Array, x: Columns) -> Columns:
    """C / x."""
    return two(translation, "quotient", spread(translation, x, c), x)


def affine(translation: "Translation", x: Columns, scale: Array, shift: Array) -> Columns:
    """X * scale + shift, a number of each for every column, both rounded."""
    return link(translation, x, "affine", scale=scale.tolist(), shift=shift.tolist())


def _flat(x: Columns, c: Array) -> NDArray[np.float64]:
    return np.broadcast_to(np.asarray(c, dtype=np.float64), x.shape).ravel()


def _plain(flat: NDArray[np.float64]) -> bool:
    """Whether a link can hold these numbers."""
    return len(flat) > 0 and bool(np.isfinite(flat).all())


def last(
    translation: "Translation", node: Node, x: Columns, axes: Sequence[int]
) -> tuple[Columns, tuple[int, ...], list[int]]:
    """Put axes of the tensor last.

    Returns it, the shape of a row without these axes, and the order of the row's axes.
    """
    own = []
    for axis in axes:
        at = axis + x.rank if axis < 0 else axis
        if not 0 <= at < x.rank:
            refuse(node, f"it has no axis {axis}: its input has {x.rank}")
        if x.batched and at == 0:
            translation.mixes(node)
        own.append(at - x.batched)
    if len(set(own)) < len(own):
        refuse(node, "its axes are not distinct")
    own.sort()
    order = [axis for axis in range(len(x.shape)) if axis not in own]
    lead = tuple(x.shape[axis] for axis in order)
    places = np.arange(len(x.frame)).reshape(x.shape).transpose([*order, *own])
    return laid_out(x, places), lead, [*order, *own]


def from_axis(node: Node, x: Columns, axis: int) -> list[int]:
    """Return an axis and all after it."""
    start = axis + x.rank if axis < 0 else axis
    if not 0 <= start <= x.rank:
        refuse(node, f"it has no axis {axis}: its input has {x.rank}")
    return list(range(start, x.rank))


def back(x: Columns, order: Sequence[int]) -> Columns:
    """Undo what `last` did to the order of axes."""
    places = np.arange(len(x.frame)).reshape(x.shape).transpose(np.argsort(order))
    return laid_out(x, places)


def grouped(groups: int) -> dict[str, Any]:
    """Return the parameter of links that work on groups of columns."""
    return {} if groups == 1 else {"groups": groups}


def count(shape: Sequence[int]) -> int:
    """Return how many elements a shape has."""
    return math.prod(shape)
