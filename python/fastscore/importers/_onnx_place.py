"""Operators of ONNX that put elements beside, over or in the place of others."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastscore.importers._flow import Frame, joined, refuse_unknown
from fastscore.importers._onnx_arithmetic import laid_out, same_type, settled, spread, two
from fastscore.importers._onnx_choice import keyed
from fastscore.importers._onnx_graph import Node
from fastscore.importers._onnx_registry import attribute, operator, refuse
from fastscore.importers._onnx_values import (
    Columns,
    Constant,
    Moved,
    Sized,
    Value,
    rank_of,
)

if TYPE_CHECKING:
    from fastscore.importers._onnx_translation import Translation

Array = NDArray[Any]
_FILLED = "constant"
_PADS = (_FILLED, "edge", "reflect", "wrap")
_MOST = 1 << 26
"""Elements that padding may give, for the rows that stand for any number."""


@operator("Pad")
def pad(translation: "Translation", node: Node) -> None:
    """More elements at the ends of dimensions, or fewer."""
    old = translation.opset(node) < 11
    mode = attribute(node, "mode", _FILLED, str)
    if mode not in _PADS:
        refuse(node, f"mode={mode!r} is unknown")
    filled: Any = None if old else translation.optional_constant(node, 2)
    number = attribute(node, "value", 0.0, float) if filled is None else filled.reshape(()).item()
    x = translation.operand_anywhere(node, 0)
    rank = rank_of(x)
    given = attribute(node, "pads", [], list) if old else translation.constant(node, 1).ravel()
    axes = None if old else translation.optional_constant(node, 3)
    own = range(rank) if axes is None else [int(axis) % rank for axis in axes.ravel()]
    if len(given) != 2 * len(own):
        refuse(node, f"it has {len(given)} pads for {len(own)} dimensions")
    ends = [(0, 0)] * rank
    for at, axis in enumerate(own):
        ends[axis] = int(given[at]), int(given[at + len(own)])
    if mode != _FILLED:
        found = translation.moved(node, x, lambda array, _: _padded(node, array, ends, mode))
        translation.set(node, found)
        return
    kind = x.elem_type if isinstance(x, Columns | Moved | Constant) else "float32"
    filler = Constant(np.asarray(number, dtype=kind))
    found = put_together(
        translation,
        node,
        [x, filler],
        lambda array, filled, _: _padded(node, array, ends, mode, filled[()]),
    )
    translation.set(node, found)


def _padded(
    node: Node, array: Array, ends: Sequence[tuple[int, int]], mode: str, filled: Any = None
) -> Array:
    sizes = zip(ends, array.shape, strict=True)
    cut = [slice(max(-low, 0), size - max(-high, 0)) for (low, high), size in sizes]
    more = [(max(low, 0), max(high, 0)) for low, high in ends]
    array = array[tuple(cut)]
    shape = [size + low + high for size, (low, high) in zip(array.shape, more, strict=True)]
    if math.prod(shape) > _MOST:
        refuse(node, f"it makes the shape {tuple(shape)}")
    if mode == _FILLED:
        return np.pad(array, more, constant_values=filled)
    return np.asarray(np.pad(array, more, mode=mode))  # type: ignore[call-overload]


def _with(translation: "Translation", x: Columns, number: Any, places: Array) -> Columns:
    """Return columns at these places, of which the one after the last is a number."""
    if not (places == len(x.frame)).any():
        return laid_out(x, places)
    one = spread(translation, replace(x, shape=(1,)), np.asarray(number))
    joint = replace(x, frame=joined([x.frame, one.frame]), shape=(len(x.frame) + 1,))
    return laid_out(joint, places)


@operator("Trilu")
def triangle(translation: "Translation", node: Node) -> None:
    """Zeros above or below a diagonal."""
    k = translation.optional_constant(node, 1)
    at = 0 if k is None else int(k.reshape(()))
    part = np.triu if attribute(node, "upper", 1) else np.tril
    value = translation.get(node, 0)
    if isinstance(value, Constant | Sized):
        arrays = translation.trial_arrays(value)
        translation.set(node, translation.sized(node, [part(array, at) for array in arrays]))
        return
    x = translation.columns(node, 0)
    if len(x.shape) < 2:
        translation.mixes(node)
    kept = part(np.ones(x.shape, dtype=bool), at)
    places = np.where(kept, np.arange(len(x.frame)).reshape(x.shape), len(x.frame))
    translation.set(node, _with(translation, x, 0.0, places))


@operator("GatherElements")
def gather_elements(translation: "Translation", node: Node) -> None:
    """Pick an element for each place, which may depend on the row."""
    axis = attribute(node, "axis", 0)
    places = translation.operand(node, 1)
    if isinstance(places, Columns):
        value = translation.columns(node, 0)
        translation.set(node, _looked_up(translation, node, value, places, axis))
        return
    arrays = _indices(translation, node, places)

    def move(array: Array, trial: int) -> Array:
        own = arrays[trial]
        if own.ndim != array.ndim:
            refuse(node, f"its indices have {own.ndim} dimensions, its input {array.ndim}")
        cut = tuple(
            slice(None) if at == axis % array.ndim else slice(0, size)
            for at, size in enumerate(own.shape)
        )
        return np.take_along_axis(array[cut], own, axis)

    translation.set(node, translation.moved(node, translation.get(node, 0), move))


def _looked_up(
    translation: "Translation", node: Node, x: Columns, places: Columns, axis: int
) -> Columns:
    """Return the elements of a row whose numbers the row holds."""
    at = (axis + x.rank if axis < 0 else axis) - x.batched
    if len(places.shape) != len(x.shape) or not 0 <= at < len(x.shape):
        translation.mixes(node)
    if any(p > s for i, (p, s) in enumerate(zip(places.shape, x.shape, strict=True)) if i != at):
        refuse(node, f"its indices of shape {places.shape} are too many for {x.shape}")
    translation.jumps(node, places)
    size, count, build = x.shape[at], len(places.frame), translation.build
    translation.take_elements(node, size * count)
    all_keys = [list(range(-size, size))] * count
    known = keyed(
        translation, places, all_keys, range(count), np.ones(count), np.full(count, np.nan)
    )
    refuse_unknown(build, known, range(count), places.frame.columns, node.label)
    cut = tuple(slice(None) if i == at else slice(0, own) for i, own in enumerate(places.shape))
    columns = np.moveaxis(np.arange(len(x.frame)).reshape(x.shape)[cut], at, 0)
    found: Columns | None = None
    for k in range(size):
        keys = [[k - size, k]] * count
        value = keyed(translation, places, keys, range(count), np.ones(count), np.zeros(count))
        hit = settled(translation.made(value, places.shape, places, elem_type="bool"))
        own = np.broadcast_to(np.expand_dims(columns[k], at), places.shape)
        kept = two(translation, "mask", laid_out(x, own), hit)
        found = kept if found is None else two(translation, "sum", found, kept)
    if found is None:
        refuse(node, "it picks among no elements")
    return found


@operator("GatherND")
def gather_nd(translation: "Translation", node: Node) -> None:
    """Parts by their places, which are the same for every row."""
    batch = attribute(node, "batch_dims", 0)
    arrays = _indices(translation, node, translation.get(node, 1))

    def move(array: Array, trial: int) -> Array:
        own = arrays[trial]
        if not batch:
            return np.asarray(array[tuple(np.moveaxis(own, -1, 0))])
        lead = array.shape[:batch]
        flat, places = array.reshape(-1, *array.shape[batch:]), own.reshape(-1, *own.shape[batch:])
        parts = [part[tuple(np.moveaxis(at, -1, 0))] for part, at in zip(flat, places, strict=True)]
        return np.stack(parts).reshape(*lead, *parts[0].shape)

    translation.set(node, translation.moved(node, translation.get(node, 0), move))


@operator("Compress")
def compress(translation: "Translation", node: Node) -> None:
    """Pick the elements for which a constant says so."""
    axis = attribute(node, "axis", None)
    chosen = translation.constant(node, 1).astype(bool)
    value = translation.get(node, 0)
    moved = translation.moved(node, value, lambda array, _: np.compress(chosen, array, axis))
    translation.set(node, moved)


@operator("ScatterND", "ScatterElements")
def scatter(translation: "Translation", node: Node) -> None:
    """Elements in the place of others, at places that are the same for every row."""
    how = attribute(node, "reduction", "none", str)
    if how != "none":
        refuse(node, f"reduction={how!r} is not supported; only what replaces elements is")
    arrays = _indices(translation, node, translation.get(node, 1))
    axis = attribute(node, "axis", 0)

    def put(array: Array, updates: Array, trial: int) -> Array:
        own, out = arrays[trial], array.copy()
        if node.op == "ScatterND":
            out[tuple(np.moveaxis(own, -1, 0))] = updates
        else:
            np.put_along_axis(_cut(out, own, axis), own, updates, axis)
        return out

    values = [translation.operand_anywhere(node, 0), translation.operand_anywhere(node, 2)]
    translation.set(node, put_together(translation, node, values, put))


def _cut(array: Array, places: Array, axis: int) -> Array:
    """Return the part of an array that places along an axis are of."""
    at = axis % array.ndim
    sizes = enumerate(places.shape)
    return array[tuple(slice(None) if i == at else slice(0, size) for i, size in sizes)]


def put_together(
    translation: "Translation",
    node: Node,
    values: Sequence[Value],
    move: Callable[[Array, Array, int], Array],
) -> Value:
    """Return what `move(first, second, trial)` makes of two tensors' elements."""
    like = next((own for own in values if isinstance(own, Columns | Moved)), None)
    trials = range(len(translation.trials))
    if like is None:
        first, second = (
            translation.trial_arrays(own) for own in values if isinstance(own, Constant | Sized)
        )
        return translation.sized(node, [move(first[t], second[t], t) for t in trials])
    same_type(node, [own.columns if isinstance(own, Moved) else own for own in values])
    parts: list[tuple[Frame, list[Array], bool]] = []
    for own in values:
        if isinstance(own, Moved):
            parts.append((own.columns.frame, list(own.arrays), True))
        elif isinstance(own, Columns):
            parts.append((own.frame, [translation.places(own, t) for t in trials], True))
        elif isinstance(own, Constant | Sized):
            parts.append(_constants(translation, node, own, like))
        else:
            refuse(node, "labels that are text, and maps, can't be put elsewhere")
    total = sum(len(frame) for frame, _, _ in parts)
    arrays = []
    for trial in trials:
        start, placed = 0, []
        for frame, places, by_row in parts:
            row, column = np.divmod(places[trial], max(len(frame), 1))
            # Of constants the row is not known yet.
            placed.append(row * total + start + column if by_row else -1 - start - column)
            start += len(frame)
        found = move(placed[0], placed[1], trial)
        arrays.append(_in_rows(translation, node, found, total, like, trial))
    own_columns = like.columns if isinstance(like, Moved) else like
    frame = joined([frame for frame, _, _ in parts])
    return translation.laid(node, replace(own_columns, frame=frame, shape=(total,)), arrays)


def _constants(
    translation: "Translation", node: Node, value: Constant | Sized, like: Columns | Moved
) -> tuple[Frame, list[Array], bool]:
    """Return the numbers that there are as columns, and which of them stands where."""
    arrays = translation.trial_arrays(value)
    if arrays[0].dtype.kind not in "fiub":
        refuse(node, "text can't be put among numbers")
    flat = np.concatenate([array.ravel() for array in arrays])
    translation.take_elements(node, flat.size)
    numbers, which = np.unique(flat, return_inverse=True)
    own = like.columns if isinstance(like, Moved) else like
    columns = spread(translation, replace(own, shape=(len(numbers),)), numbers)
    ends = np.cumsum([array.size for array in arrays])[:-1]
    split = np.split(which.ravel(), ends)
    places = [part.reshape(array.shape) for part, array in zip(split, arrays, strict=True)]
    return columns.frame, places, False


def _in_rows(
    translation: "Translation",
    node: Node,
    array: Array,
    total: int,
    like: Columns | Moved,
    trial: int,
) -> Array:
    """Give constants, which stand as -1 - column, the rows of the elements beside them."""
    constant = array < 0
    if not constant.any():
        return array
    columns = -1 - array
    if isinstance(like, Columns) and not like.batched:
        return np.where(constant, columns, array)
    rows = translation.trials[trial]
    for axis, size in enumerate(array.shape):
        if size != rows:
            continue
        shape = [rows if at == axis else 1 for at in range(array.ndim)]
        own = np.broadcast_to(np.arange(rows).reshape(shape), array.shape)
        if (constant | (array // total == own)).all():
            return np.where(constant, own * total + columns, array)
    translation.mixes(node)


def _indices(translation: "Translation", node: Node, value: Value) -> Sequence[Array]:
    """Return indices, for each trial."""
    if not isinstance(value, Constant | Sized):
        refuse(node, "its indices depend on the row; only constants are supported here")
    arrays = translation.trial_arrays(value)
    if any(array.dtype.kind not in "iu" for array in arrays):
        refuse(node, "its indices are no integers")
    return arrays
