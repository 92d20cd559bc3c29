"""Constants computed with at import: numbers, as exporters compute shapes with them."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from fastscore.importers._onnx_fold import Array, folds
from fastscore.importers._onnx_graph import Node
from fastscore.importers._onnx_registry import attribute, refuse

if TYPE_CHECKING:
    from fastscore.importers._onnx_translation import Translation

TYPES = {
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    8: "string",
    9: "bool",
    10: "float16",
    11: "float64",
    12: "uint32",
    13: "uint64",
    16: "bfloat16",
}
"""Types of elements by ONNX's number, as far as constants have them."""

_TWO: dict[str, Any] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Pow": np.power,
    "Max": np.maximum,
    "Min": np.minimum,
    "Equal": np.equal,
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
    "Less": np.less,
    "LessOrEqual": np.less_equal,
    "And": np.logical_and,
    "Or": np.logical_or,
    "Xor": np.logical_xor,
    "BitwiseAnd": np.bitwise_and,
    "BitwiseOr": np.bitwise_or,
    "BitwiseXor": np.bitwise_xor,
}
_ONE: dict[str, Any] = {
    "Neg": np.negative,
    "Abs": np.abs,
    "Sqrt": np.sqrt,
    "Exp": np.exp,
    "Log": np.log,
    "Floor": np.floor,
    "Ceil": np.ceil,
    "Reciprocal": np.reciprocal,
    "Not": np.logical_not,
    "Sin": np.sin,
    "Cos": np.cos,
    "Tanh": np.tanh,
    "IsNaN": np.isnan,
    "BitwiseNot": np.bitwise_not,
}
_REDUCE: dict[str, Any] = {
    "ReduceSum": np.sum,
    "ReduceProd": np.prod,
    "ReduceMax": np.max,
    "ReduceMin": np.min,
    "ReduceMean": np.mean,
}


def given(inputs: list[Array | None], at: int, node: Node) -> Array:
    """Return an input that must be there."""
    found = inputs[at] if at < len(inputs) else None
    if found is None:
        refuse(node, f"its input {at} is missing")
    return found


def bounded(translation: "Translation", node: Node, shape: Any) -> tuple[int, ...]:
    """Return a shape, once it is known to be small enough."""
    own = tuple(int(dim) for dim in np.ravel(shape))
    if any(dim < 0 for dim in own):
        refuse(node, f"it makes the shape {own}")
    translation.take_elements(node, math.prod(own))
    return own


@folds("Constant")
def constant(translation: "Translation", node: Node, inputs: list[Array | None]) -> Array:
    """Return the value of a Constant node."""
    (name,) = node.attributes or {"": None}
    found = node.attributes.get(name)
    if name in ("value", "sparse_value") and isinstance(found, np.ndarray):
        return found
    if name in ("value_float", "value_floats"):
        return np.asarray(found, dtype=np.float32)
    if name in ("value_int", "value_ints"):
        return np.asarray(found, dtype=np.int64)
    if name in ("value_string", "value_strings"):
        return np.asarray(found, dtype=object)
    refuse(node, f"its attribute {name!r} is no value")


@folds("ConstantOfShape")
def constant_of_shape(translation: "Translation", node: Node, inputs: list[Array | None]) -> Array:
    """Return an array of one number."""
    value = attribute(node, "value", np.zeros(1, dtype=np.float32), np.ndarray)
    if value.size != 1:
        refuse(node, "its value is not one number")
    shape = bounded(translation, node, given(inputs, 0, node))
    return np.broadcast_to(value.reshape(()), shape)


@folds("Range")
def number_range(translation: "Translation", node: Node, inputs: list[Array | None]) -> Array:
    """Return numbers from start to limit."""
    start, limit, delta = (given(inputs, at, node).reshape(()) for at in range(3))
    steps = (float(limit) - float(start)) / float(delta) if delta else math.inf
    if not steps < 2**53:
        refuse(node, "its range has no end")
    bounded(translation, node, max(math.ceil(steps), 0))
    bounds = (start.item(), limit.item(), delta.item())
    return np.asarray(np.arange(*bounds, dtype=start.dtype))


@folds(*_TWO, "Sum", "Div", "Mod")
def two(translation: "Translation", node: Node, inputs: list[Array | None]) -> Array:
    """Two numbers, or several from left to right."""
    arrays = [given(inputs, at, node) for at in range(len(inputs))]
    if any(array.dtype == object for array in arrays):
        refuse(node, "it computes with text")
    bounded(translation, node, np.broadcast_shapes(*(array.shape for array in arrays)))
    found = arrays[0]
    for other in arrays[1:]:
        if node.op == "Div" and found.dtype.kind in "iu":
            if not other.all():
                refuse(node, "it divides an integer by 0")
            quotient = np.abs(found) // np.abs(other)
            found = (quotient * np.sign(found) * np.sign(other)).astype(found.dtype)
        elif node.op == "Div":
            found = np.divide(found, other)
        elif node.op == "Mod":
            if found.dtype.kind in "iu" and not other.all():
                refuse(node, "it divides an integer by 0")
            found = np.fmod(found, other) if attribute(node, "fmod", 0) else np.mod(found, other)
        elif node.op == "Sum":
            found = np.add(found, other)
        else:
            kind = found.dtype if node.op == "Pow" else None
            found = np.asarray(_TWO[node.op](found, other))
            found = found if kind is None else found.astype(kind)
    return np.asarray(found)


@folds(*_ONE)
def one(translation: "Translation", node: Node, inputs: list[Array | None]) -> Array:
    """Compute a function of each number."""
    return np.asarray(_ONE[node.op](given(inputs, 0, node)))


@folds("NonZero")
def non_zero(translation: "Translation", node: Node, inputs: list[Array | None]) -> Array:
    """Return the places of numbers that are not 0, a column each."""
    array = np.atleast_1d(given(inputs, 0, node))
    return np.asarray(np.nonzero(array), dtype=np.int64)


@folds("EyeLike")
def eye(translation: "Translation", node: Node, inputs: list[Array | None]) -> Array:
    """Return ones on a diagonal."""
    like = given(inputs, 0, node)
    if like.ndim != 2:
        refuse(node, f"a matrix is due, not {like.ndim} dimensions")
    kind = TYPES.get(attribute(node, "dtype", 0), str(like.dtype))
    return np.eye(like.shape[0], like.shape[1], k=int(attribute(node, "k", 0))).astype(kind)


@folds("Where")
def where(translation: "Translation", node: Node, inputs: list[Array | None]) -> Array:
    """One array's elements or the other's."""
    arrays = [given(inputs, at, node) for at in range(3)]
    bounded(translation, node, np.broadcast_shapes(*(array.shape for array in arrays)))
    return np.where(*arrays)


@folds("Cast")
def cast(translation: "Translation", node: Node, inputs: list[Array | None]) -> Array:
    """Another type."""
    kind = TYPES.get(attribute(node, "to", 0), "")
    array = given(inputs, 0, node)
    if kind in ("", "string", "bfloat16") or array.dtype == object:
        refuse(node, f"a constant can't be cast to {kind or 'this type'}")
    return array.astype(kind)


@folds("CastLike")
def cast_like(translation: "Translation", node: Node, inputs: list[Array | None]) -> Array:
    """Compute the type of another constant."""
    return given(inputs, 0, node).astype(given(inputs, 1, node).dtype)


@folds(*_REDUCE)
def reduce(translation: "Translation", node: Node, inputs: list[Array | None]) -> Array:
    """Over axes."""
    array = given(inputs, 0, node)
    given_axes = inputs[1] if len(inputs) > 1 else attribute(node, "axes", None, list)
    axes = None if given_axes is None or not len(given_axes) else tuple(map(int, given_axes))
    if axes is None and attribute(node, "noop_with_empty_axes", 0):
        return array
    kept = attribute(node, "keepdims", 1) == 1
    found = _REDUCE[node.op](array, axis=axes, keepdims=kept)
    return np.asarray(found, dtype=array.dtype)


@folds("MatMul")
def matmul(translation: "Translation", node: Node, inputs: list[Array | None]) -> Array:
    """Compute a product of constants, of this size at most."""
    a, b = given(inputs, 0, node), given(inputs, 1, node)
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    bounded(translation, node, (*lead, *a.shape[-2:-1], a.shape[-1], *b.shape[-1:]))
    return np.asarray(a @ b)
