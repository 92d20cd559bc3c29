"""Operators at work on tensors whose rows are not first: rows are put first, and back after.

PyTorch writes attention with tokens first, (tokens, rows, width), or with heads beside rows,
(rows * heads, tokens, width). Which axis holds the rows, and what else, is counted from the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastscore.importers._onnx_graph import Node
from fastscore.importers._onnx_registry import attribute, find, refuse
from fastscore.importers._onnx_values import (
    Columns,
    Comparison,
    Constant,
    Moved,
    Sized,
    Value,
    rank_of,
)

if TYPE_CHECKING:
    from fastscore.importers._onnx_translation import Translation

Array = NDArray[Any]

# fmt: off
_OF_ONE = (
    "Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Cast", "Ceil", "Celu", "Clip",
    "Cos", "Cosh", "Elu", "Erf", "Exp", "Floor", "Gelu", "HardSigmoid", "HardSwish", "IsInf",
    "IsNaN", "LeakyRelu", "Log", "Mish", "Neg", "Not", "Reciprocal", "Relu", "Round", "Selu",
    "Shrink", "Sigmoid", "Sign", "Sin", "Sinh", "Softplus", "Softsign", "Sqrt", "Swish", "Tan",
    "Tanh", "ThresholdedRelu",
)
_OF_SEVERAL = (
    "Add", "And", "Div", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Max",
    "Mean", "Min", "Mod", "Mul", "Or", "PRelu", "Pow", "Sub", "Sum", "Where", "Xor",
)
_REDUCE = (
    "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2",
    "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp",
)
# fmt: on
_OF_AXIS = ("Softmax", "LogSoftmax", "CumSum", "Hardmax", "LpNormalization")
_FROM_AXIS = ("LayerNormalization", "RMSNormalization")
COMPUTED = frozenset({*_OF_ONE, *_OF_SEVERAL, *_OF_AXIS, *_FROM_AXIS, *_REDUCE, "MatMul", "Gemm"})
"""Operators that compute with numbers and have one output."""
_SEVERAL = frozenset(_OF_SEVERAL)


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the rows are: on `axis`, counted from the end, with `beside` others."""

    axis: int
    beside: int
    outer: bool
    """Whether the others vary faster."""

    def taken(self, array: Array, rows: int) -> Array:
        """Put the rows of an array first."""
        at = array.ndim + self.axis
        parts = (rows, self.beside) if self.outer else (self.beside, rows)
        shape = (*array.shape[:at], *parts, *array.shape[at + 1 :])
        return np.moveaxis(array.reshape(shape), at if self.outer else at + 1, 0)

    def given(self, array: Array) -> Array:
        """Put rows that are first back."""
        at = array.ndim + self.axis
        moved = np.moveaxis(array, 0, at - 1 if self.outer else at)
        return moved.reshape((*array.shape[1:at], -1, *array.shape[at + 1 :]))


def rows_first(translation: "Translation", node: Node, known: Sequence[Value | None]) -> bool:
    """Translate a node with the rows first; False where they are, or where it can't be."""
    moved = any(isinstance(value, Moved) for value in known)
    if not moved and (node.op not in _SEVERAL or not _shifted(known)):
        return False
    if node.domain or node.op not in COMPUTED:
        return not node.domain and node.op in _FLAT and _flat(translation, node)
    values = [
        None if not name else translation.operand_anywhere(node, at)
        for at, name in enumerate(node.inputs)
    ]
    # Of reductions and their like only the first input has rows.
    several = node.op in _SEVERAL or _is_product(node)
    rank = max(rank_of(v) for v in (values if several else values[:1]) if v is not None)
    layout = _layout(translation, values)
    if layout is None:
        return False
    _check(translation, node, layout, rank, values)
    before = {name: translation.values[name] for name in node.inputs if name}
    for at, (name, value) in enumerate(zip(node.inputs, values, strict=True)):
        constant = isinstance(value, Constant | Sized)
        if value is None or not (several or at == 0) or (_is_product(node) and constant):
            continue
        translation.values[name] = _first(translation, node, value, layout, rank)
    inner = _with_axes(translation, node, rank)
    find(inner)(translation, inner)
    translation.values.update(before)
    for at, name in enumerate(node.outputs):
        if name in translation.values:
            back = _back(translation, node, translation.values[name], layout)
            translation.set(node, _squeezed(translation, node, back, rank), at)
    return True


_FLAT = ("Gather", "BatchNormalization")


def _flat(translation: "Translation", node: Node) -> bool:
    """Translate an embedding or a normalisation by columns of rows beside another dimension."""
    embedding = node.op == "Gather"
    at = 1 if embedding else 0
    value = translation.operand_anywhere(node, at)
    layout = _found(translation, value) if isinstance(value, Moved) else None
    if layout is None:
        return False
    table = translation.values[node.inputs[0]]
    if embedding and not (isinstance(table, Constant) and attribute(node, "axis", 0) == 0):
        return False
    if not embedding and (rank_of(value) != 2 or layout.axis != -2):
        return False
    first = _first(translation, node, value, layout, rank_of(value))
    if not embedding:  # (rows, beside, channels): channels come after the rows
        first = translation.apply(node, "Transpose", first, perm=[0, 2, 1])
    before = translation.values[node.inputs[at]]
    translation.values[node.inputs[at]] = first
    find(node)(translation, node)
    translation.values[node.inputs[at]] = before
    found = translation.values[node.outputs[0]]
    if embedding:
        layout = replace(layout, axis=layout.axis + 1 - rank_of(table))
    else:
        found = translation.apply(node, "Transpose", found, perm=[0, 2, 1])
    translation.set(node, _back(translation, node, found, layout))
    return True


def _is_product(node: Node) -> bool:
    return node.op in ("MatMul", "Gemm")


def _shifted(known: Sequence[Value | None]) -> bool:
    """Whether operands of more dimensions push the rows of another from the first place."""
    ranks = {rank_of(v) for v in known if isinstance(v, Columns) and v.batched}
    if not ranks:
        return False
    most = max(rank_of(v) for v in known if isinstance(v, Columns | Constant | Sized))
    return min(ranks) < most


def _layout(translation: "Translation", values: Sequence[Value | None]) -> _Layout | None:
    for value in values:
        if isinstance(value, Moved):
            return _found(translation, value)
    ranks = {v.rank for v in values if isinstance(v, Columns) and v.batched}
    return _Layout(-ranks.pop(), 1, True) if len(ranks) == 1 else None


def _found(translation: "Translation", value: Moved) -> _Layout | None:
    """Find the axis that holds the rows."""
    trials = translation.trials
    shapes = [array.shape for array in value.arrays]
    for axis in range(-len(shapes[0]), 0):
        sizes = [shape[axis] for shape in shapes]
        beside = sizes[0] // trials[0]
        if not beside or any(own != beside * n for own, n in zip(sizes, trials, strict=True)):
            continue
        for outer in (True, False):
            layout = _Layout(axis, beside, outer)
            arrays = [layout.taken(array, n) for array, n in zip(value.arrays, trials, strict=True)]
            if translation.first(arrays, value.columns) is not None:
                return layout
    return None


def _check(
    translation: "Translation",
    node: Node,
    layout: _Layout,
    rank: int,
    values: Sequence[Value | None],
) -> None:
    """Refuse an operator that works along the rows."""
    if node.op in _OF_AXIS or node.op in _FROM_AXIS:
        axis = _axis(translation, node, rank)
        to_end = node.op in _FROM_AXIS or (
            node.op.endswith("oftmax") and translation.opset(node) < 13
        )
        if axis == layout.axis or (to_end and axis < layout.axis):
            translation.mixes(node)
    if node.op in _REDUCE:
        axes = _from_end(_axes(translation, node), rank)
        if not axes or layout.axis in axes:
            translation.mixes(node)
        if min(axes) < -rank or max(axes) >= 0:
            refuse(node, f"its axes are not those of {rank} dimensions")
    if _is_product(node):
        # Rows of matrices beside constants, or one matrix a row.
        here = [isinstance(value, Moved | Columns) for value in values[:2]]
        fits = layout.axis <= -3 or here == ([True, False] if layout.axis == -2 else [False, True])
        turned = node.op == "Gemm" and (
            layout.axis != -2
            or attribute(node, "transA", 0)
            or (len(values) > 2 and isinstance(values[2], Moved | Columns))
        )
        if not fits or turned:
            translation.mixes(node)


def _axis(translation: "Translation", node: Node, rank: int) -> int:
    """Return the axis of an operator, counted from the end."""
    if node.op == "CumSum":
        axis = int(translation.constant(node, 1).reshape(()))
    else:
        old = node.op.endswith("oftmax") or node.op == "Hardmax"
        default = 1 if old and translation.opset(node) < 13 else -1
        axis = attribute(node, "axis", default)
    if not -rank <= axis < rank:
        refuse(node, f"it has no axis {axis}: its input has {rank}")
    return axis - rank if axis >= 0 else axis


def _with_axes(translation: "Translation", node: Node, rank: int) -> Node:
    """Return the node with its axes counted from the end."""
    own: dict[str, Any] = {}
    if node.op == "CumSum":
        translation.values[node.inputs[1]] = Constant(np.array(_axis(translation, node, rank)))
    elif node.op in _OF_AXIS or node.op in _FROM_AXIS:
        own["axis"] = _axis(translation, node, rank)
    elif node.op in _REDUCE:
        axes = _from_end(_axes(translation, node), rank)
        own["keepdims"] = 1
        if len(node.inputs) > 1 and node.inputs[1]:
            translation.values[node.inputs[1]] = Constant(np.array(axes, dtype=np.int64))
        else:
            own["axes"] = axes
    elif node.op == "Gemm":
        own["rank"] = rank + 1  # what its product has now
    return replace(node, attributes=node.attributes | own)


def _from_end(axes: Sequence[int], rank: int) -> list[int]:
    return [axis - rank if axis >= 0 else axis for axis in axes]


def _axes(translation: "Translation", node: Node) -> list[int]:
    found = translation.optional_constant(node, 1)
    own = attribute(node, "axes", [], list) if found is None else np.ravel(found)
    return [int(axis) for axis in own]


def _first(
    translation: "Translation", node: Node, value: Value, layout: _Layout, rank: int
) -> Value:
    """Return a tensor with the rows first, then so many dimensions."""
    trials = translation.trials
    if isinstance(value, Moved | Columns):
        if isinstance(value, Columns):
            arrays = [translation.places(value, trial) for trial in range(len(trials))]
            columns = replace(value, shape=(len(value.frame),))
        else:
            arrays, columns = list(value.arrays), value.columns
        if arrays[0].ndim < -layout.axis:
            translation.mixes(node)
        for array, rows in zip(arrays, trials, strict=True):
            if array.shape[layout.axis] != rows * layout.beside:
                translation.mixes(node)
        arrays = [
            layout.taken(array.reshape((1,) * (rank - array.ndim) + array.shape), rows)
            for array, rows in zip(arrays, trials, strict=True)
        ]
        found = translation.first(arrays, columns)
        if found is None:
            translation.mixes(node)
        return replace(columns, frame=columns.frame.take(found.ravel().tolist()), shape=found.shape)
    if not isinstance(value, Constant | Sized):
        translation.mixes(node)
    found_arrays = []
    for array, rows in zip(translation.trial_arrays(value), trials, strict=True):
        if array.ndim < -layout.axis or array.shape[layout.axis] == 1:
            found_arrays.append(array)
            continue
        if array.shape[layout.axis] != rows * layout.beside:
            translation.mixes(node)
        own = layout.taken(array, rows)
        if not (own == own[:1]).all():
            translation.mixes(node)
        found_arrays.append(own[0])
    if any(
        own.shape != found_arrays[0].shape or not np.array_equal(own, found_arrays[0])
        for own in found_arrays[1:]
    ):
        translation.mixes(node)
    return Constant(found_arrays[0])


def _back(translation: "Translation", node: Node, value: Value, layout: _Layout) -> Value:
    """Return a result with its rows where they were."""
    if isinstance(value, Comparison):
        translation.jumps(node, value.numbers)
        value = translation.truth(value)
    if not isinstance(value, Columns):
        translation.mixes(node)
    trials = range(len(translation.trials))
    arrays = [layout.given(translation.places(value, trial)) for trial in trials]
    return translation.laid(node, value, arrays)


def _squeezed(translation: "Translation", node: Node, value: Value, rank: int) -> Value:
    """Return what a reduction gives without the dimensions that are reduced."""
    if node.op not in _REDUCE or attribute(node, "keepdims", 1):
        return value
    axes = tuple(_from_end(_axes(translation, node), rank))
    return translation.moved(node, value, lambda array, _: np.squeeze(array, axes))
