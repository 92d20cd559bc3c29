"""What the operators of ai.onnx.ml share."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fastscore._options import Labels, labels
from fastscore.importers._builder import Builder
from fastscore.importers._flow import Column, Frame
from fastscore.importers._onnx_graph import Node
from fastscore.importers._onnx_ml_attributes import Attributes
from fastscore.importers._onnx_registry import refuse
from fastscore.importers._onnx_values import Columns

if TYPE_CHECKING:
    from fastscore.importers._onnx_translation import Translation

DOMAIN = "ai.onnx.ml"


def given(node: Node) -> Attributes:
    """Return the node's attributes."""
    return Attributes(node.attributes, node.label)


def columns(translation: "Translation", node: Node, at: int = 0) -> Columns:
    """Return an input as numbers that depend on the row; labels that are numbers, too."""
    return translation.columns(node, at)


def rows(node: Node, found: Columns) -> int:
    """Return how many columns a table has: (rows, columns), or one row of them."""
    if len(found.shape) != 1:
        refuse(
            node,
            f"it works on tables of rows, and its input has {found.rank} dimensions; flatten it",
        )
    return found.shape[0]


def single(build: Builder, found: Columns) -> Frame:
    """Return the columns at float32, as ONNX Runtime casts them."""
    if found.elem_type == "float32":
        return found.frame
    own = found.value(build)
    link = build.shared(
        "round",
        own,
        lambda: {"op": "link", "input": own, "kind": {"name": "round_to_float32"}},
    )
    return Frame(
        tuple(
            replace(column, value=link, index=i, width="float32", feature=None)
            for i, column in enumerate(found.frame.columns)
        )
    )


def unrounded(build: Builder, frame: Frame) -> Frame:
    """Return the columns before they were rounded to float32, for a step that does so itself."""

    def before(column: Column) -> Column:
        if column.value == 0:
            return column
        step = build.steps[column.value - 1]
        if step["op"] != "link" or step["kind"]["name"] != "round_to_float32":
            return column
        return replace(column, value=step["input"])

    return Frame(tuple(map(before, frame.columns)))


def labels_of(node: Node, values: Any) -> Labels:
    """Return labels of classes: int64 or strings."""
    plain = list(values)
    if plain and isinstance(plain[0], str):
        array = np.empty(len(plain), dtype=object)
        array[:] = plain
    else:
        array = np.array(plain, dtype=np.int64)
    try:
        return labels(array, node.label)
    except ValueError as error:
        refuse(node, str(error).split(": ", 1)[-1])
