"""What a row's truths choose, and codes as columns of their own."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastscore.importers._onnx_arithmetic import laid_out, link, spread, two
from fastscore.importers._onnx_graph import Node
from fastscore.importers._onnx_registry import attribute, operator, refuse
from fastscore.importers._onnx_values import Columns

if TYPE_CHECKING:
    from fastscore.importers._onnx_translation import Translation


def looked_up(translation: "Translation", truth: Columns, yes: Any, no: Any, kind: str) -> Columns:
    """Return one of two constants for each truth, of this type."""
    count = len(truth.frame)
    flat = [np.broadcast_to(own, truth.shape).ravel() for own in (yes, no)]
    value = keyed(translation, truth, [[1.0]] * count, range(count), *flat)
    return translation.made(value, truth.shape, truth, near=False, elem_type=kind)


def keyed(
    translation: "Translation",
    x: Columns,
    keys: Any,
    columns: Any,
    hit: NDArray[Any],
    miss: NDArray[Any],
) -> int:
    """Append for each of these columns `hit` where it holds one of its keys, else `miss`."""
    build = translation.build
    prefix = f"choice{len(build.steps)}"
    counts = [len(own) for own in keys]
    build.tensor(f"{prefix}.column", columns, np.int32)
    build.tensor(f"{prefix}.offset", np.cumsum([0, *counts]), np.int64)
    build.tensor(f"{prefix}.key", np.concatenate([np.asarray(own) for own in keys]), np.float64)
    build.tensor(f"{prefix}.value", np.repeat(hit, counts), np.float64)
    build.tensor(f"{prefix}.missing", miss, np.float64)
    build.tensor(f"{prefix}.other", miss, np.float64)
    return build.add({"op": "map", "input": x.value(build), "tensors": prefix})


def choose(translation: "Translation", truth: Columns, yes: Any, no: Any, kind: str) -> Columns:
    """Return one of two columns for each truth, to the bit: what is not chosen adds -0."""
    like = replace(truth, elem_type=kind)
    parts = [
        own if isinstance(own, Columns) else spread(translation, like, own) for own in (yes, no)
    ]
    count = len(truth.frame)
    other = link(translation, truth, "affine", scale=[-1.0] * count, shift=[1.0] * count)
    kept = [
        two(translation, "mask", own, here) for own, here in zip(parts, (truth, other), strict=True)
    ]
    return two(translation, "sum", *kept)


@operator("OneHot")
def one_hot(translation: "Translation", node: Node) -> None:
    """Write a column for each code; codes below 0 count from the end, others are in none."""
    codes = translation.columns(node, 0)
    if codes.elem_type not in ("int32", "int64"):
        refuse(node, f"its indices are {codes.elem_type}; int32 and int64 are supported")
    depth = int(translation.constant(node, 1).reshape(()))
    values = translation.constant(node, 2)
    if values.shape != (2,) or values.dtype.kind not in "fiub":
        refuse(node, "its values are not two numbers")
    count = len(codes.frame)
    if not 1 <= depth <= 1 << 16 or count * depth > 1 << 18:
        refuse(node, f"its depth is {depth}")
    keys = [[at - depth, at] for _ in range(count) for at in range(depth)]
    columns = np.repeat(np.arange(count), depth)
    off, on = (np.full(len(keys), float(own)) for own in values)
    value = keyed(translation, codes, keys, columns, on, off)
    shape = (*codes.shape, depth)
    made = translation.made(value, shape, codes, near=False, elem_type=str(values.dtype))
    axis = attribute(node, "axis", -1)
    rank = made.rank
    at = axis + rank if axis < 0 else axis
    if not made.batched <= at < rank:
        translation.mixes(node)
    places = np.moveaxis(np.arange(len(made.frame)).reshape(shape), -1, at - made.batched)
    translation.set(node, laid_out(made, places))
