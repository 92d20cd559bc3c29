"""ArrayFeatureExtractor of ai.onnx.ml: columns by constants, or constants by what a row holds."""

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fastscore.importers._flow import refuse_unknown, whole
from fastscore.importers._onnx_graph import Node
from fastscore.importers._onnx_labels import index_of, numbers_of
from fastscore.importers._onnx_ml import DOMAIN, labels_of
from fastscore.importers._onnx_registry import operator, refuse
from fastscore.importers._onnx_values import Columns, Constant, Label, Moved, Text, Value
from fastscore.importers._text import Lookup, lookups

if TYPE_CHECKING:
    from fastscore.importers._onnx_translation import Translation


@operator("ArrayFeatureExtractor", domain=DOMAIN)
def array_feature_extractor(translation: "Translation", node: Node) -> None:
    """Pick columns; or, of an array of constants, those whose number a row holds."""
    found, chosen = translation.get(node, 0), translation.get(node, 1)
    if isinstance(chosen, Constant):
        places = chosen.array.ravel().astype(np.int64)
        size = found.array.shape[-1:] if isinstance(found, Constant) else _last(node, found)
        if not len(places) or not size or (places < 0).any() or (places >= size[0]).any():
            refuse(node, f"it picks columns {places.tolist()[:5]}, of {size} that there are")
        if isinstance(found, Constant) and found.array.ndim == 1:
            found = Constant(found.array[None])
        translation.set(node, translation.moved(node, found, lambda array, _: array[..., places]))
        return
    if not isinstance(found, Constant) or found.array.ndim == 0:
        refuse(node, "it picks columns that depend on the row, which is not supported")
    array = found.array
    if isinstance(chosen, Label) and array.size == array.shape[-1] and chosen.elem_type != "string":
        _of_label(translation, node, array.ravel(), chosen)
        return
    translation.set(node, _of_rows(translation, node, array, chosen))


def _of_label(translation: "Translation", node: Node, known: NDArray[np.generic], x: Label) -> None:
    """Give the constant that a label is the number of: a label too, but for floats."""
    if any(not 0 <= each < len(known) for each in x.classes.values):
        refuse(node, f"a label is no number of its {len(known)} constants")
    picked = [known[each] for each in x.classes.values]
    if known.dtype == object or known.dtype.kind in "iub":
        plain = [each if isinstance(each, str) else int(each) for each in picked]
        kind = "string" if known.dtype == object else "int64"
        classes = labels_of(node, plain)
        found = Label(x.scores, x.rule, classes, x.at, (), kind, x.batched, x.least)
        translation.set(node, found)
        return
    index = index_of(translation.build, x)
    table = {float(at): float(each) for at, each in enumerate(picked)}
    value = lookups(translation.build, [Lookup(index, table, math.nan, math.nan)])
    translation.set(node, Columns(whole(value, 1), (), str(known.dtype), x.batched))


def _of_rows(translation: "Translation", node: Node, array: NDArray[np.generic], x: Value) -> Value:
    """Give the columns of a table of constants whose numbers the rows hold: of all rows at once.

    Which makes rows the last dimension.
    """
    if isinstance(x, Label):
        x = numbers_of(translation.build, node, x)
    if isinstance(x, Moved):
        source, arrays = x.columns, x.arrays
    elif isinstance(x, Columns):
        trials = range(len(translation.trials) if x.batched else 1)
        source, arrays = x, tuple(translation.places(x, trial) for trial in trials)
    else:
        refuse(node, "what it picks is no number of a column")
    if array.dtype.kind not in "fiub" or source.elem_type not in ("int32", "int64"):
        refuse(node, f"it picks of {array.dtype} by {source.elem_type}")
    build, count = translation.build, len(source.frame)
    table = np.moveaxis(array if array.ndim > 1 else array[None], -1, 0)
    lead, each = table.shape[1:], math.prod(table.shape[1:])
    flat = table.reshape(len(table), each).astype(np.float64)
    known = np.flatnonzero(~np.isnan(flat).any(axis=0))
    if not len(known) or not count:
        refuse(node, "every column of its table has NaN, so numbers that it lacks can't be told")
    value = build.embedding(source.value(build), range(count), flat)
    columns = [int(known[0]) + at * each for at in range(count)]
    refuse_unknown(build, value, columns, source.frame.columns, node.label)
    near = source.frame.near
    found = translation.made(value, (count * each,), source, near=near, elem_type=str(array.dtype))
    # Number n of the rows' own numbers stands for `each` columns of the table.
    starts = [own.ravel() * each for own in arrays]
    within = np.arange(each).reshape(*lead, 1)
    return translation.laid(node, found, [within + own for own in starts])


def _last(node: Node, found: Value) -> tuple[int, ...]:
    if isinstance(found, Moved):
        return found.arrays[0].shape[-1:]
    if not isinstance(found, Columns | Text | Label):
        refuse(node, f"its input {node.inputs[0]!r} is no array")
    return found.shape[-1:]
