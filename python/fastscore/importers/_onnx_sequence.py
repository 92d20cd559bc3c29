"""Sequences of tensors in ONNX, as exporters write splits and stacks of several tensors."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastscore.importers._onnx_graph import Node
from fastscore.importers._onnx_registry import attribute, operator, refuse
from fastscore.importers._onnx_values import (
    Constant,
    Several,
    Sized,
    Value,
    rank_of,
    sizes_of,
)

if TYPE_CHECKING:
    from fastscore.importers._onnx_translation import Translation


@operator("SequenceEmpty")
def empty(translation: "Translation", node: Node) -> None:
    """Begin a sequence."""
    translation.set(node, Several(()))


@operator("SequenceConstruct")
def construct(translation: "Translation", node: Node) -> None:
    """Make a sequence of tensors."""
    values = (translation.get(node, at) for at in range(len(node.inputs)))
    translation.set(node, Several(tuple(values)))


@operator("SequenceInsert")
def insert(translation: "Translation", node: Node) -> None:
    """Add a tensor to a sequence."""
    values = _sequence(translation, node).values
    at = translation.optional_constant(node, 2)
    place = len(values) if at is None else _place(node, int(at.reshape(())), len(values) + 1)
    added = translation.get(node, 1)
    translation.set(node, Several((*values[:place], added, *values[place:])))


@operator("SequenceAt")
def pick(translation: "Translation", node: Node) -> None:
    """Pick a tensor of a sequence."""
    values = _sequence(translation, node).values
    at = _place(node, int(translation.constant(node, 1).reshape(())), len(values))
    translation.set(node, values[at])


@operator("SequenceLength")
def length(translation: "Translation", node: Node) -> None:
    """Count the tensors of a sequence."""
    translation.set(node, Constant(np.asarray(len(_sequence(translation, node).values))))


@operator("SplitToSequence")
def split(translation: "Translation", node: Node) -> None:
    """Cut a tensor to a sequence of parts of a dimension."""
    value = translation.get(node, 0)
    axis = attribute(node, "axis", 0)
    given = translation.optional(node, 1)
    if isinstance(given, Sized):
        translation.mixes(node)
    rank = rank_of(value)
    if not -rank <= axis < rank:
        refuse(node, f"it has no axis {axis}: its input has {rank}")
    size = sizes_of(value)[axis % rank]
    if size is None:
        translation.mixes(node)
    each = np.ones(1, dtype=int) if given is None else translation.constant(node, 1)
    sizes = each.ravel().tolist()
    if each.ndim == 0 or given is None:
        count = max(int(sizes[0]), 1)
        sizes = [min(count, size - start) for start in range(0, size, count)]
    if sum(sizes) != size or min(sizes, default=0) < 0:
        refuse(node, f"it splits {size} into {sizes}")
    squeezed = given is None and not attribute(node, "keepdims", 1)
    parts, start = [], 0
    for own in sizes:
        places = start if squeezed else np.arange(start, start + own)

        def move(array: NDArray[Any], _: int, places: Any = places) -> NDArray[Any]:
            return np.asarray(np.take(array, places, axis))

        parts.append(translation.moved(node, value, move))
        start += own
    translation.set(node, Several(tuple(parts)))


@operator("ConcatFromSequence")
def concat(translation: "Translation", node: Node) -> None:
    """Join the tensors of a sequence, along a dimension or a new one."""
    values: list[Value] = list(_sequence(translation, node).values)
    axis = attribute(node, "axis", 0)
    if attribute(node, "new_axis", 0):
        at = Constant(np.array([axis]))
        values = [translation.apply(node, "Unsqueeze", value, at) for value in values]
    translation.set(node, translation.apply(node, "Concat", *values, axis=axis))


def _sequence(translation: "Translation", node: Node) -> Several:
    found = translation.get(node, 0)
    if not isinstance(found, Several):
        refuse(node, f"its input {node.inputs[0]!r} is no sequence")
    return found


def _place(node: Node, at: int, count: int) -> int:
    if not -count <= at < count:
        refuse(node, f"it has no tensor {at}: the sequence has {count}")
    return at % count
