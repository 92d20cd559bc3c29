"""Labels of several targets, and signs and comparisons that are labels, where they are outputs."""

from dataclasses import replace
from typing import TYPE_CHECKING

from fastscore.importers._onnx_graph import Node
from fastscore.importers._onnx_registry import refuse
from fastscore.importers._onnx_values import (
    Columns,
    Comparison,
    Label,
    SideBySide,
    Signs,
    Value,
)

if TYPE_CHECKING:
    from fastscore.importers._onnx_translation import Translation

_SHAPED = {"Cast", "Clip", "Identity", "Reshape"}


def is_label(translation: "Translation", node: Node) -> bool:
    """Whether a node's output is one of the graph's, of integers, but for what shapes it."""
    outputs = {output.name: output.elem_type for output in translation.graph.outputs}
    name = node.outputs[0]
    while name not in outputs:
        readers = [own for own in translation.graph.nodes if name in own.inputs]
        if len(readers) != 1 or readers[0].op not in _SHAPED or readers[0].domain:
            return False
        name = readers[0].outputs[0]
    return outputs[name].startswith("int")


def side_by_side(translation: "Translation", node: Node, axis: int) -> SideBySide | None:
    """Return labels that are joined to be an output, a column each; None where it is not that."""
    values = [translation.get(node, at) for at in range(len(node.inputs))]
    labels = [value for value in values if isinstance(value, Label)]
    if len(labels) < len(values) or any(label.shape != (1,) for label in labels):
        return None
    if axis not in (1, -1) or len({label.elem_type for label in labels}) > 1:
        return None
    if node.outputs[0] not in {output.name for output in translation.graph.outputs}:
        return None
    return SideBySide(tuple(labels))


def without_signs(node: Node, value: Signs, low: float | None, high: float | None) -> Value:
    """Return signs clipped at 0: whether numbers are above it."""
    if low != 0.0 or (high is not None and high < 1.0):
        refuse(node, f"it clips signs of computed numbers at {low} and {high}; supported is 0")
    return Comparison(value.numbers, 0.0, value.elem_type)


def labels_of_columns(value: Comparison) -> SideBySide:
    """Return a label for each column."""
    x = value.numbers
    found = []
    for column in range(len(x.frame)):
        own = Columns(x.frame.take([column]), (1,), x.elem_type, x.batched)
        label = replace(value, numbers=own).label(value.elem_type)
        assert label is not None
        found.append(label)
    return SideBySide(tuple(found))
