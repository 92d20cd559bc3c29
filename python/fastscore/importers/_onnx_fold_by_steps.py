"""Constants computed with at import by the steps that rows are computed by: one row of them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fastscore.importers._flow import Frame
from fastscore.importers._onnx_arithmetic import spread
from fastscore.importers._onnx_graph import Graph, Node, Tensor
from fastscore.importers._onnx_registry import find
from fastscore.importers._onnx_rows import COMPUTED
from fastscore.importers._onnx_values import Columns, Constant, Value
from fastscore.importers._source import source

if TYPE_CHECKING:
    from fastscore.importers._onnx_translation import Translation

_ALSO = {
    "BatchNormalization",
    "InstanceNormalization",
    "GroupNormalization",
    "MeanVarianceNormalization",
    "ArgMax",
    "ArgMin",
    "OneHot",
    "IsInf",
    "CastLike",
}
_KNOWN = COMPUTED | _ALSO


def fold_by_steps(translation: "Translation", node: Node, known: Sequence[Value | None]) -> bool:
    """Compute a node of constants as a model of one row; False where it is none of those."""
    if node.domain or node.op not in _KNOWN or not known or len(node.outputs) != 1:
        return False
    if not all(isinstance(value, Constant) for value in known):
        return False
    from fastscore._model import Model
    from fastscore.importers._onnx_translation import Translation

    graph = translation.graph
    lone = Graph(
        (Tensor("\0", "float64", (1, 1)),), (Tensor("\0", "", ()),), (), {}, graph.opsets, ""
    )
    inner = Translation(lone, None)
    for at, name in enumerate(node.inputs):
        if name and at:
            inner.values[name] = translation.values[name]
    constant = translation.constant(node, 0)
    if constant.dtype.kind not in "fiub" or not constant.size:
        return False
    translation.take_elements(node, constant.size)
    like = Columns(Frame(()), constant.shape, str(constant.dtype), batched=False)
    inner.values[node.inputs[0]] = spread(inner, like, constant)
    find(node)(inner, node)
    found = inner.operand(node_of(node), 0)
    assert isinstance(found, Columns)
    value = found.value(inner.build)
    inner.build.target(margin=value, rule="value", value=value)
    core = inner.build.build(
        source=source("ONNX", "constants"), missing=True, non_finite=True, width="float64"
    )
    numbers = np.asarray(Model(core).margin(np.zeros((1, 1)))).reshape(found.shape)
    translation.set(node, Constant(numbers.astype(found.elem_type)))
    return True


def node_of(node: Node) -> Node:
    """Return a node that reads what another gives."""
    return Node(node.name, "Identity", "", node.outputs, (), {})
