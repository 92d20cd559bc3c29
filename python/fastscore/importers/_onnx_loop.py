"""Loops over the rows in ONNX, as PyTorch's older exporter writes nn.EmbeddingBag.

Each pass for each number of rows that is tried is a trial of its own: what the pass takes out of a
tensor must be its own row's, and at the same places in every pass.
"""

from typing import TYPE_CHECKING, NoReturn

import numpy as np

from fastscore.importers._onnx_graph import Graph, Node
from fastscore.importers._onnx_registry import attribute, operator, refuse
from fastscore.importers._onnx_values import Columns, Constant, Moved, Sized, Value

if TYPE_CHECKING:
    from fastscore.importers._onnx_translation import Translation

_MOST_PASSES = 64
"""Passes that are followed, of all numbers of rows that are tried."""


@operator("Loop")
def loop(translation: "Translation", node: Node) -> None:
    """Translate a loop with a pass for each row that hands nothing on to the next."""
    body = attribute(node, "body", None, Graph)
    count = translation.optional(node, 0)
    going = translation.optional(node, 1)
    if len(node.inputs) > 2 or len(body.inputs) != 2 or len(body.outputs) != len(node.outputs) + 1:
        _refuse(node)
    if not isinstance(count, Sized) or not (going is None or _is_true(going)):
        _refuse(node)
    rows = translation.trials
    if translation.passes is not None or sum(rows) > _MOST_PASSES:
        _refuse(node)
    if any(
        own.size != 1 or int(own.ravel()[0]) != n for own, n in zip(count.arrays, rows, strict=True)
    ):
        _refuse(node)
    pairs = [(trial, row) for trial, n in enumerate(rows) for row in range(n)]
    before = dict(translation.values)
    inner = {name: _in_pass(translation, value, pairs) for name, value in before.items()}
    number, still = (tensor.name for tensor in body.inputs)
    inner[number] = Sized(tuple(np.asarray(row) for _, row in pairs))
    inner[still] = Constant(np.asarray(True))
    translation.values = inner
    translation.trials = tuple(rows[trial] for trial, _ in pairs)
    translation.passes = [row for _, row in pairs]
    translation.branch(None, body)
    found = [translation.values[tensor.name] for tensor in body.outputs]
    translation.values, translation.trials, translation.passes = before, rows, None
    if not _is_true(found[0]):
        _refuse(node)
    for at, value in enumerate(found[1:]):
        if not isinstance(value, Columns) or value.batched:
            translation.mixes(node)
        frame, shape, kind = value.frame, value.shape, value.elem_type
        translation.set(node, Columns(frame, shape, kind), at)


def _refuse(node: Node) -> NoReturn:
    refuse(
        node,
        "of loops only those over the rows are supported that hand nothing on from one to the next "
        "(as nn.EmbeddingBag is exported with dynamo=False); write it without a loop (in the place "
        "of nn.EmbeddingBag, an nn.Embedding and its sum or mean)",
    )


def _is_true(value: Value) -> bool:
    return isinstance(value, Constant) and value.array.size == 1 and bool(value.array.ravel()[0])


def _in_pass(translation: "Translation", value: Value, pairs: list[tuple[int, int]]) -> Value:
    """Return a value with an array for each pass."""
    if isinstance(value, Sized):
        return Sized(tuple(value.arrays[trial] for trial, _ in pairs))
    if isinstance(value, Moved):
        arrays = tuple(value.arrays[trial] for trial, _ in pairs)
        return Moved(value.columns, arrays, value.node)
    return value
