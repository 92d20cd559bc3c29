"""Operators of ONNX that pick the largest elements, or the smallest: as numbers and as labels."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from fastscore._options import Labels
from fastscore.importers import _onnx_arithmetic as arithmetic
from fastscore.importers._flow import Column, Frame
from fastscore.importers._onnx_arithmetic import floats, link
from fastscore.importers._onnx_graph import Node
from fastscore.importers._onnx_reduce import EMPTY, reduced, reduced_shape
from fastscore.importers._onnx_registry import attribute, operator, refuse
from fastscore.importers._onnx_values import Columns, Label

if TYPE_CHECKING:
    from fastscore.importers._onnx_translation import Translation


@operator("Hardmax")
def hardmax(translation: "Translation", node: Node) -> None:
    """1 for the first of the largest along an axis, 0 for the others."""
    x = translation.columns(node, 0)
    floats(node, x)
    axis = attribute(node, "axis", -1 if translation.opset(node) >= 13 else 1)
    axes = [axis] if translation.opset(node) >= 13 else arithmetic.from_axis(node, x, axis)
    moved, lead, order = arithmetic.last(translation, node, x, axes)
    translation.jumps(node, x)
    columns = _voted(translation, moved, arithmetic.count(lead))
    found = replace(moved, frame=replace(moved.frame, columns=columns))
    translation.set(node, arithmetic.settled(arithmetic.back(found, order)))


def _voted(translation: "Translation", x: Columns, groups: int) -> tuple[Column, ...]:
    """Return 1 for the first of the largest of each group, which lie one after another, else 0."""
    build = translation.build
    each = len(x.frame) // max(groups, 1)
    columns: list[Column] = []
    for group in range(groups):
        part = replace(x, frame=x.frame.take(range(group * each, (group + 1) * each)))
        value = build.link(part.value(build), "vote", hit=1.0, miss=0.0, scan=True)
        columns += translation.made(value, (each,), x, near=False).frame.columns
    return tuple(columns)


@operator("ArgMax", "ArgMin")
def argmax(translation: "Translation", node: Node) -> None:
    """Translate the number of the largest column, as the label of a classifier."""
    x = translation.columns(node, 0)
    floats(node, x, integers=True)
    kept = attribute(node, "keepdims", 1) == 1
    axis = attribute(node, "axis", 0)
    last = bool(attribute(node, "select_last_index", 0))
    largest = node.op == "ArgMax"
    translation.set(node, _label(translation, node, x, axis, largest, kept, last=last))


def _label(
    translation: "Translation",
    node: Node,
    x: Columns,
    axis: int,
    largest: bool,
    kept: bool,
    *,
    last: bool = False,
) -> Label | Columns:
    """Return the number of the largest: a label where a row has one, else numbers."""
    moved, lead, _ = arithmetic.last(translation, node, x, [axis])
    if not len(x.frame):
        refuse(node, EMPTY)
    if not largest:
        moved = link(translation, moved, "ufunc", function="negative")
    groups = arithmetic.count(lead)
    count = len(moved.frame) // groups
    numbers = list(range(count))
    if last:
        # Of equal ones the first from the end.
        numbers = numbers[::-1]
        order = np.arange(len(moved.frame)).reshape(groups, count)[:, ::-1]
        moved = replace(moved, frame=moved.frame.take(order.ravel().tolist()))
    if groups != 1:
        translation.jumps(node, x)
        shape = reduced_shape(x, [axis], lead, kept)
        return _numbers(translation, moved, groups, numbers, shape)
    classes = Labels("int64", "int", numbers)
    return Label(
        Columns(moved.frame, (count,), x.elem_type, x.batched),
        "scan",
        classes,
        shape=reduced_shape(x, [axis], lead, kept),
        batched=x.batched,
        least=not largest,
    )


def _numbers(
    translation: "Translation", x: Columns, groups: int, numbers: list[int], shape: tuple[int, ...]
) -> Columns:
    """Return the numbers of the largest of groups of columns."""
    build = translation.build
    each = len(numbers)
    votes = Columns(Frame(_voted(translation, x, groups)), (len(x.frame),), "int64", x.batched)
    weights = np.kron(np.eye(groups), np.asarray(numbers, dtype=np.float64))
    assert weights.shape == (groups, groups * each)
    value = build.linear(
        f"numbers{len(build.steps)}", weights, np.zeros(groups), value=votes.value(build)
    )
    return arithmetic.settled(translation.made(value, shape, votes, near=False))


@operator("TopK")
def top_k(translation: "Translation", node: Node) -> None:
    """Translate the largest column and its number."""
    x = translation.columns(node, 0)
    floats(node, x)
    if translation.opset(node) >= 10:
        k = int(translation.constant(node, 1).reshape(()))
    else:
        k = attribute(node, "k", 0)
    if k != 1:
        refuse(node, f"k={k} is not supported; only the first (k=1) is, as a label")
    axis = attribute(node, "axis", -1)
    largest = bool(attribute(node, "largest", 1))
    how = "max" if largest else "min"
    translation.set(node, reduced(translation, node, x, [axis], how))
    if len(node.outputs) > 1 and node.outputs[1]:
        translation.set(node, _label(translation, node, x, axis, largest, True), 1)
