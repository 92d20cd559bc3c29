"""Arithmetic of `keras.ops` in functional models, as `x + y` makes it."""

from typing import Any

import numpy as np

from fastscore.importers._flow import whole
from fastscore.importers._keras_activations import number
from fastscore.importers._keras_config import Layer
from fastscore.importers._keras_encode import differs
from fastscore.importers._keras_merge import chained, together
from fastscore.importers._keras_registry import Called, operation
from fastscore.importers._keras_values import Tensor, Translation, size
from fastscore.importers._signs import raised

_TWO = {
    "Add": "sum",
    "Subtract": "difference",
    "Multiply": "product",
    "Divide": "quotient",
    "TrueDivide": "quotient",
    "Maximum": "maximum",
    "Minimum": "minimum",
}


@operation(*_TWO)
def _two(t: Translation, call: Called) -> Tensor:
    pair = [call.get(at, name) for at, name in enumerate(("x1", "x2"))]
    dtype = call.common(pair)
    shapes = [each.shape if isinstance(each, Tensor) else np.shape(each) for each in pair]
    tensors = [
        t.cast(each, dtype, call.owner) if isinstance(each, Tensor) else each for each in pair
    ]
    if all(isinstance(each, Tensor) for each in tensors):
        return chained(t, _TWO[call.kind], tensors, call.layer)
    at = 0 if isinstance(tensors[0], Tensor) else 1
    x, other = tensors[at], np.asarray(tensors[1 - at])
    # A constant may have an axis for the rows, of one.
    if other.ndim == len(shapes[at]) + 1 and other.shape[0] == 1:
        other = other[0]
    return _with_constant(t, call.layer, x, other, first=at == 0)


def _with_constant(
    t: Translation, layer: Layer, x: Tensor, other: np.ndarray[Any, Any], *, first: bool
) -> Tensor:
    """Append an operation with numbers; `first`: x comes first."""
    if other.ndim > len(x.shape):
        raise layer.refuse(f"a constant of shape {other.shape} does not fit {x.shape}")
    other = other.astype(x.dtype)
    one = float(other.ravel()[0]) if other.size == 1 else None
    if one is not None and np.isfinite(one) and first:
        if layer.kind == "Add":
            return t.link(x, "add", value=one)
        if layer.kind == "Subtract":
            return t.link(x, "add", value=-one)
        if layer.kind == "Multiply":
            return t.link(x, "multiply", by=one)
        if layer.kind in ("Divide", "TrueDivide") and one:
            return t.link(x, "divide", by=one)
    try:
        shape = np.broadcast_shapes(x.shape, other.shape)
    except ValueError:
        raise layer.refuse(f"a constant of shape {other.shape} does not fit {x.shape}") from None
    t.spend(str(layer), size(shape))
    numbers = np.broadcast_to(other, shape).ravel().astype(np.float64)
    constant = Tensor(shape, x.dtype, whole(t.constant(numbers), size(shape)))
    pair = [x, constant] if first else [constant, x]
    return together(t, _TWO[layer.kind], pair, layer)


def either(t: Translation, owner: Layer, one: Tensor, other: Tensor) -> Tensor:
    """Return where one of two masks is true."""
    if one.shape != other.shape:
        raise owner.refuse(f"masks of shapes {one.shape} and {other.shape} don't fit together")
    return t.given(t.step("maximum", [t.value(one), t.value(other)], "float64"), one)


@operation("LogicalOr")
def _or(t: Translation, call: Called) -> Tensor:
    one, other = (call.get(at, name) for at, name in enumerate(("x1", "x2")))
    if not all(isinstance(x, Tensor) and x.dtype == "bool" for x in (one, other)):
        raise call.refuse("it is supported for masks only")
    return either(t, call.layer, one, other)


@operation("NotEqual")
def _not_equal(t: Translation, call: Called) -> Tensor:
    """Keras makes the mask of an Embedding so."""
    x, number = call.moved("x1"), call.get(1, "x2")
    if isinstance(number, Tensor) or np.ndim(number) or x.dtype == "string":
        raise call.refuse("it is supported for numbers, and one number to compare with, only")
    return differs(t, x, float(number))


@operation("Power")
def _power(t: Translation, call: Called) -> Tensor:
    x = call.tensor("x1")
    exponent = call.get(1, "x2")
    if isinstance(exponent, Tensor) or np.ndim(exponent):
        raise call.refuse("an exponent that is no single number is not supported")
    exponent = number(x, exponent)
    if exponent == 0.5:
        x = t.given(raised(t.build, t.value(x), x.dtype), x)
    return t.link(x, "power", exponent=exponent)


@operation("Matmul", "Dot")
def _matmul(t: Translation, call: Called) -> Tensor:
    x, kernel = (call.get(at, name) for at, name in enumerate(("x1", "x2")))
    fits = isinstance(x, Tensor) and not isinstance(kernel, Tensor) and len(x.shape) == 1
    if not fits or np.ndim(kernel) != 2 or len(kernel) != x.size:
        raise call.refuse("it is supported for a tensor of (rows, columns) by a constant only")
    dtype = call.common([x, np.asarray(kernel)])
    weights = np.asarray(kernel).astype(dtype)
    return t.dense(t.cast(x, dtype, call.owner), weights, np.zeros(weights.shape[1], dtype))
