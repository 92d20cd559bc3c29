"""Labels of classifiers as numbers, where a graph computes with them."""

from fastscore.importers._builder import Builder
from fastscore.importers._flow import Column, Frame, whole
from fastscore.importers._onnx_graph import Node
from fastscore.importers._onnx_registry import refuse
from fastscore.importers._onnx_values import Columns, Label


def index_of(build: Builder, label: Label) -> Column:
    """Return the number of the class that a label is, among the classes."""
    return _chosen(build, label, [float(at) for at in range(len(label.classes.values))])


def numbers_of(build: Builder, node: Node, label: Label) -> Columns:
    """Return labels that are numbers as a column."""
    if label.classes.kind == "string":
        refuse(node, "it works on numbers, and the labels are text")
    chosen = _chosen(build, label, [float(each) for each in label.classes.values])
    return Columns(Frame((chosen,)), label.shape, label.elem_type, label.batched)


def _chosen(build: Builder, label: Label, known: list[float]) -> Column:
    """Return the one of these numbers, one a class, that the label stands for."""
    own = label.scores.value(build)
    if label.rule == "scan":
        hot = build.link(own, "vote", hit=1.0, miss=0.0, scan=True)
        found = build.linear(f"labels{len(build.steps)}", [known], [0.0], value=hot)
    else:
        at = 0.0 if label.at is None else label.at
        found = build.link(own, "above", at=at, above=known[1], other=known[0])
    return whole(found, 1).columns[0]
