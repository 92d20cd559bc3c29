"""Operators of ONNX that move elements, or pick some."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastscore.importers._flow import joined, refuse_unknown
from fastscore.importers._onnx_arithmetic import spread
from fastscore.importers._onnx_graph import Node
from fastscore.importers._onnx_registry import attribute, operator, refuse
from fastscore.importers._onnx_several import side_by_side
from fastscore.importers._onnx_values import Columns, Constant, Moved, Sized, Text, Value

if TYPE_CHECKING:
    from fastscore.importers._onnx_translation import Translation

Array = NDArray[Any]


def _numbers(translation: "Translation", node: Node, at: int) -> Sequence[list[int]] | None:
    """Return an input of integers, for each trial; None where it is left out."""
    value = translation.optional(node, at)
    if value is None:
        return None
    if not isinstance(value, Constant | Sized):
        refuse(node, f"its input {node.inputs[at]!r} depends on the row")
    arrays = translation.trial_arrays(value)
    if any(array.dtype.kind not in "iu" for array in arrays):
        refuse(node, f"its input {node.inputs[at]!r} is due to be integers")
    return [[int(number) for number in array.ravel()] for array in arrays]


def _listed(
    translation: "Translation", node: Node, name: str, at: int, since: int
) -> Sequence[list[int]] | None:
    """Return what was an attribute of integers before a version, and is an input since."""
    if translation.opset(node) >= since:
        return _numbers(translation, node, at)
    found = attribute(node, name, None, list)
    return None if found is None else [list(map(int, found))] * len(translation.trials)


@operator("Reshape")
def reshape(translation: "Translation", node: Node) -> None:
    """Another shape for the same elements in order."""
    shapes = _numbers(translation, node, 1)
    if shapes is None:
        refuse(node, "its shape is missing")
    zero = attribute(node, "allowzero", 0)

    def move(array: Array, trial: int) -> Array:
        shape = list(shapes[trial])
        if not zero:
            if any(dim == 0 and at >= array.ndim for at, dim in enumerate(shape)):
                refuse(node, f"it keeps a dimension that its input of shape {array.shape} lacks")
            shape = [array.shape[at] if dim == 0 else dim for at, dim in enumerate(shape)]
        return array.reshape(shape)

    translation.set(node, translation.moved(node, translation.get(node, 0), move))


@operator("Flatten")
def flatten(translation: "Translation", node: Node) -> None:
    """Two dimensions."""
    axis = attribute(node, "axis", 1)

    def move(array: Array, _: int) -> Array:
        at = axis + array.ndim if axis < 0 else axis
        return array.reshape((int(np.prod(array.shape[:at], dtype=int)), -1) if array.size else ())

    translation.set(node, translation.moved(node, translation.get(node, 0), move))


@operator("Squeeze")
def squeeze(translation: "Translation", node: Node) -> None:
    """Without dimensions of 1."""
    axes = _listed(translation, node, "axes", 1, 13)

    def move(array: Array, trial: int) -> Array:
        return np.squeeze(array, None if axes is None else tuple(axes[trial]))

    translation.set(node, translation.moved(node, translation.get(node, 0), move))


@operator("Unsqueeze")
def unsqueeze(translation: "Translation", node: Node) -> None:
    """With dimensions of 1."""
    axes = _listed(translation, node, "axes", 1, 13)
    if axes is None:
        refuse(node, "its axes are missing")
    value = translation.get(node, 0)
    translation.set(
        node,
        translation.moved(node, value, lambda array, trial: np.expand_dims(array, axes[trial])),
    )


@operator("Transpose")
def transpose(translation: "Translation", node: Node) -> None:
    """Dimensions in another order."""
    order = attribute(node, "perm", None, list)
    value = translation.get(node, 0)
    translation.set(node, translation.moved(node, value, lambda array, _: array.transpose(order)))


@operator("Expand")
def expand(translation: "Translation", node: Node) -> None:
    """Repeated to a shape."""
    shapes = _numbers(translation, node, 1)
    if shapes is None:
        refuse(node, "its shape is missing")

    def move(array: Array, trial: int) -> Array:
        return np.broadcast_to(array, np.broadcast_shapes(array.shape, tuple(shapes[trial])))

    translation.set(node, translation.moved(node, translation.get(node, 0), move))


@operator("Tile")
def tile(translation: "Translation", node: Node) -> None:
    """Repeated along its dimensions."""
    repeats = _numbers(translation, node, 1)
    if repeats is None:
        refuse(node, "its repeats are missing")

    def move(array: Array, trial: int) -> Array:
        if len(repeats[trial]) != array.ndim or any(count < 0 for count in repeats[trial]):
            refuse(node, f"repeats {repeats[trial]} for {array.ndim} dimensions")
        translation.take_elements(node, array.size * int(np.prod(repeats[trial], dtype=object)))
        return np.tile(array, repeats[trial])

    translation.set(node, translation.moved(node, translation.get(node, 0), move))


@operator("Slice")
def slice_(translation: "Translation", node: Node) -> None:
    """Translate a part of each dimension."""
    starts, ends, axes = (
        _listed(translation, node, name, at, 10)
        for at, name in ((1, "starts"), (2, "ends"), (3, "axes"))
    )
    steps = _listed(translation, node, "steps", 4, 10)
    if starts is None or ends is None:
        refuse(node, "its starts or ends are missing")

    sizes: dict[int, int] = {}

    def move(array: Array, trial: int) -> Array:
        count = len(starts[trial])
        own_axes = list(range(count)) if axes is None else axes[trial]
        own_steps = [1] * count if steps is None else steps[trial]
        if not count == len(ends[trial]) == len(own_axes) == len(own_steps):
            refuse(node, "its starts, ends, axes and steps differ in number")
        for at, (start, end, axis, step) in enumerate(
            zip(starts[trial], ends[trial], own_axes, own_steps, strict=True)
        ):
            size = array.shape[axis]
            if (
                translation.passes is None
                and sizes.setdefault(at, size) != size
                and any(
                    own[0][at] == own[trial][at] and 1 < abs(own[trial][at]) < 2**31 - 1
                    for own in (starts, ends)
                )
            ):
                # Not the whole of any number of rows, if it is of those that are tried.
                translation.mixes(node)
            array = np.take(array, _slice(node, array.shape[axis], start, end, step), axis)
        return array

    translation.set(node, translation.moved(node, translation.get(node, 0), move))


def _slice(node: Node, size: int, start: int, end: int, step: int) -> Array:
    """Return the places of a slice, as ONNX bounds its ends."""
    if step == 0:
        refuse(node, "its step is 0")
    start, end = (at + size if at < 0 else at for at in (start, end))
    if step > 0:
        start, end = (min(max(at, 0), size) for at in (start, end))
    else:
        start, end = min(max(start, 0), size - 1), min(max(end, -1), size - 1)
    # Beyond the size all steps are one.
    return np.arange(start, end, min(max(step, -size - 1), size + 1))


@operator("Split")
def split(translation: "Translation", node: Node) -> None:
    """Parts of a dimension."""
    sizes = _listed(translation, node, "split", 1, 13)
    axis, count = attribute(node, "axis", 0), len(node.outputs)
    parts = attribute(node, "num_outputs", count)
    value = translation.get(node, 0)
    if parts != count:
        refuse(node, f"num_outputs is {parts}, and it has {count}")

    for output in range(count):

        def move(array: Array, trial: int, output: int = output) -> Array:
            size = array.shape[axis]
            each = -(-size // max(parts, 1))
            equal = [min(each, max(size - at * each, 0)) for at in range(parts)]
            own = equal if sizes is None else sizes[trial]
            if len(own) != count or sum(own) != size or min(own, default=0) < 0:
                refuse(node, f"it splits {size} into {own} for {count} outputs")
            start = sum(own[:output])
            return np.take(array, np.arange(start, start + own[output]), axis)

        translation.set(node, translation.moved(node, value, move), output)


@operator("Concat")
def concat(translation: "Translation", node: Node) -> None:
    """Values side by side."""
    axis = attribute(node, "axis", 1)
    labels = side_by_side(translation, node, axis)
    if labels is not None:
        translation.set(node, labels)
        return
    values = [_part(translation, node, at) for at in range(len(node.inputs))]
    if all(isinstance(value, Constant | Sized) for value in values):
        trials = range(len(translation.trials))
        constants = [v for v in values if isinstance(v, Constant | Sized)]
        arrays = [[translation.trial_arrays(value)[i] for value in constants] for i in trials]
        try:
            found = [np.concatenate(own, axis) for own in arrays]
        except ValueError as error:
            refuse(node, f"its inputs do not fit each other: {error}")
        translation.set(node, translation.sized(node, found))
        return
    if any(isinstance(value, Moved) for value in values):
        translation.set(node, _moved(translation, node, values, axis))
        return
    like = next((value for value in values if isinstance(value, Columns | Text)), None)
    if like is None:
        refuse(node, "labels and maps can't be joined")
    parts = [_columns(translation, node, value, like) for value in values]
    if len({part.elem_type for part in parts}) > 1:
        refuse(node, "its inputs are of different types")
    joint = Columns(
        joined([part.frame for part in parts]),
        (sum(len(part.frame) for part in parts),),
        like.elem_type,
        like.batched,
    )

    def move(array: Array, _: int) -> Array:
        start, own = 0, []
        for part in parts:
            end = start + len(part.frame)
            taken = array[..., start:end]
            own.append(taken.reshape((*array.shape[:-1], *part.shape)))
            start = end
        return np.concatenate(own, axis)

    found_columns = translation.moved(node, joint, move)
    if isinstance(like, Text):
        if not isinstance(found_columns, Columns):
            translation.mixes(node)
        translation.set(node, Text(found_columns.frame, found_columns.shape, like.batched))
    else:
        translation.set(node, found_columns)


def _part(translation: "Translation", node: Node, at: int) -> Value:
    found = translation.get(node, at)
    return found if isinstance(found, Moved) else translation.operand(node, at)


def _moved(translation: "Translation", node: Node, values: list[Value], axis: int) -> Value:
    """Join tensors of which some do not have the rows first."""
    parts: list[tuple[Columns, Sequence[Array]]] = []
    for value in values:
        if isinstance(value, Moved):
            parts.append((value.columns, value.arrays))
        elif isinstance(value, Columns):
            trials = range(len(translation.trials))
            parts.append((value, [translation.places(value, trial) for trial in trials]))
        else:
            refuse(node, "tensors whose rows are not first are only joined with others such")
    if len({part.elem_type for part, _ in parts}) > 1:
        refuse(node, "its inputs are of different types")
    total = sum(len(part.frame) for part, _ in parts)
    arrays = []
    for trial in range(len(translation.trials)):
        start, own = 0, []
        for part, places in parts:
            count = len(part.frame)
            row, column = np.divmod(places[trial], count)
            own.append(row * total + start + column)
            start += count
        try:
            arrays.append(np.concatenate(own, axis))
        except ValueError as error:
            refuse(node, f"its inputs do not fit each other: {error}")
    first = parts[0][0]
    joint = replace(first, frame=joined([part.frame for part, _ in parts]), shape=(total,))
    return translation.laid(node, joint, arrays)


def _columns(
    translation: "Translation", node: Node, value: Value, like: Columns | Text
) -> Columns | Text:
    """Return a value as columns; of constants what they are in every row."""
    if isinstance(value, Columns | Text):
        return value
    if not isinstance(value, Constant | Sized) or isinstance(like, Text):
        refuse(node, "labels, maps and constants beside text can't be joined")
    arrays = translation.trial_arrays(value)
    row = arrays[0]
    if isinstance(value, Sized) and not like.batched:
        translation.mixes(node)
    if like.batched:
        for rows, array in zip(translation.trials, arrays, strict=True):
            known = array.dtype.kind == "f"
            if (
                array.ndim == 0
                or len(array) != rows
                or not all(np.array_equal(own, array[0], equal_nan=known) for own in array)
            ):
                translation.mixes(node)
        row = arrays[0][0]
    if row.dtype.kind not in "fiub":
        refuse(node, "text can't be joined with numbers")
    shaped = Columns(like.frame, tuple(row.shape), str(row.dtype), like.batched)
    return spread(translation, shaped, row)


@operator("Gather")
def gather(translation: "Translation", node: Node) -> None:
    """Elements by their places: of a constant table also by places that a row holds."""
    axis = attribute(node, "axis", 0)
    places = translation.get(node, 1)
    if isinstance(places, Constant | Sized):
        arrays = translation.trial_arrays(places)
        if any(array.dtype.kind not in "iu" for array in arrays):
            refuse(node, "its indices are no integers")
        value = translation.get(node, 0)
        translation.set(
            node,
            translation.moved(
                node, value, lambda array, trial: np.take(array, arrays[trial], axis)
            ),
        )
        return
    if not isinstance(translation.get(node, 0), Constant):
        refuse(node, "its indices depend on the row, and so does what it looks them up in")
    table = translation.constant(node, 0)
    found = translation.columns(node, 1)
    if axis not in (0, -table.ndim):
        refuse(node, f"it looks up along axis {axis}; supported is 0")
    translation.set(node, _embedding(translation, node, table, found))


def _embedding(translation: "Translation", node: Node, table: Array, places: Columns) -> Columns:
    """Rows of a table; a row that it does not have is an error, as in the source."""
    if table.dtype.kind not in "fiub" or not table.size:
        refuse(node, f"it looks up in a table of {table.dtype} and shape {table.shape}")
    if places.elem_type not in ("int32", "int64"):
        refuse(node, f"its indices are {places.elem_type}")
    rows, build = len(table), translation.build
    flat = table.reshape(rows, -1)
    known = np.flatnonzero(~np.isnan(flat.astype(np.float64)).any(axis=0))
    if not len(known):
        refuse(node, "every column of its table has NaN, so rows that it lacks can't be told")
    source = places.value(build)
    count, each = len(places.frame), flat.shape[1]
    value = build.embedding(source, range(count), flat, wrap=True)
    columns = [int(known[0]) + at * each for at in range(count)]
    refuse_unknown(build, value, columns, places.frame.columns, node.label)
    like = Columns(places.frame, places.shape, str(table.dtype), places.batched)
    return translation.made(value, (*places.shape, *table.shape[1:]), like, near=False)
