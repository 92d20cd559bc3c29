"""Operations of `keras.ops` in functional models, as `x + y` or `keras.ops.relu(x)` make them."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from fastscore.importers._flow import whole
from fastscore.importers._keras_activations import (
    ACTIVATIONS,
    SELU_ALPHA,
    SELU_SCALE,
    clip,
    gelu,
    glu,
    leaky,
    number,
    relu,
    softmax,
    ufunc,
)
from fastscore.importers._keras_config import Layer, policy
from fastscore.importers._keras_merge import chained, concatenated, together
from fastscore.importers._keras_norm import reduced, unit
from fastscore.importers._keras_registry import operation
from fastscore.importers._keras_shape import reshaped
from fastscore.importers._keras_values import (
    FLOATS,
    Tensor,
    Translation,
    axes_of,
    axis_of,
    size,
)
from fastscore.importers._signs import raised


def _get(layer: Layer, args: list[Any], kwargs: Mapping[str, Any], at: int, name: str) -> Any:
    """Return an argument of the call by its place or name."""
    if name in kwargs:
        return kwargs[name]
    if at < len(args):
        return args[at]
    if name in layer.config:
        return layer.config[name]
    raise layer.refuse(f"it is called without {name}")


def _option(
    layer: Layer, args: list[Any], kwargs: Mapping[str, Any], at: int, name: str, default: Any
) -> Any:
    """Return a parameter of the operation, which may be an argument of the call."""
    if name in kwargs:
        return kwargs[name]
    if at < len(args) and args[at] is not None:
        return args[at]
    return layer.config.get(name, default)


def _float(t: Translation, layer: Layer, x: Any) -> Tensor:
    """Return a tensor of floats; refuse all else."""
    if not isinstance(x, Tensor):
        raise layer.refuse("it is called on a constant where a tensor is due")
    if x.dtype not in FLOATS:
        raise layer.refuse(
            f"it gets numbers of type {x.dtype}; float32 and float64 are supported: cast them "
            "before, with keras.ops.cast"
        )
    return x


def _one(
    t: Translation, layer: Layer, args: list[Any], kwargs: Mapping[str, Any], name: str = "x"
) -> Tensor:
    return _float(t, layer, _get(layer, args, kwargs, 0, name))


def _unary(apply: Callable[[Translation, Tensor, Layer], Tensor], *kinds: str) -> None:
    @operation(*kinds)
    def _apply(t: Translation, layer: Layer, args: list[Any], kwargs: Mapping[str, Any]) -> Tensor:
        return apply(t, _one(t, layer, args, kwargs), layer)


def _named(function: str) -> Callable[[Translation, Tensor, Layer], Tensor]:
    return lambda t, x, layer: ufunc(function)(t, x, str(layer))


def _activation(name: str) -> Callable[[Translation, Tensor, Layer], Tensor]:
    return lambda t, x, layer: ACTIVATIONS[name](t, x, str(layer))


for _kind, _name in {
    "Relu": "relu",
    "Relu6": "relu6",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Silu": "silu",
    "LogSigmoid": "log_sigmoid",
    "HardSigmoid": "hard_sigmoid",
    "HardSilu": "hard_silu",
    "HardTanh": "hard_tanh",
    "TanhShrink": "tanh_shrink",
    "SparsePlus": "sparse_plus",
    "SparseSigmoid": "sparse_sigmoid",
    "Mish": "mish",
    "Exp": "exponential",
}.items():
    _unary(_activation(_name), _kind)

for _kind, _name in {
    "Absolute": "abs",
    "Abs": "abs",
    "Negative": "negative",
    "Sign": "sign",
    "Square": "square",
    "Sqrt": "sqrt",
    "Floor": "floor",
    "Ceil": "ceil",
    "Trunc": "trunc",
    "Reciprocal": "reciprocal",
    "Expm1": "expm1",
    "Exp2": "exp2",
    "Log": "log",
    "Log2": "log2",
    "Log10": "log10",
    "Log1p": "log1p",
    "Erf": "erf",
    "Sin": "sin",
    "Cos": "cos",
    "Arctan": "arctan",
    "Arcsinh": "arcsinh",
}.items():
    _unary(_named(_name), _kind)

_unary(lambda t, x, layer: x, "Identity", "StopGradient", "Copy")
_unary(
    lambda t, x, layer: t.link(t.link(x, "ufunc", function="sqrt"), "ufunc", function="reciprocal"),
    "Rsqrt",
)


@operation("LeakyRelu")
def _leaky(t: Translation, layer: Layer, args: list[Any], kwargs: Mapping[str, Any]) -> Tensor:
    x = _one(t, layer, args, kwargs)
    return leaky(t, x, layer.config.get("negative_slope", 0.2))


@operation("ReLU")
def _relu(t: Translation, layer: Layer, args: list[Any], kwargs: Mapping[str, Any]) -> Tensor:
    config = layer.config
    most = config.get("max_value")
    return relu(
        t,
        _one(t, layer, args, kwargs),
        slope=float(config.get("negative_slope") or 0.0),
        most=None if most is None else float(most),
        threshold=float(config.get("threshold") or 0.0),
    )


@operation("Elu", "Celu")
def _elu(t: Translation, layer: Layer, args: list[Any], kwargs: Mapping[str, Any]) -> Tensor:
    x = _one(t, layer, args, kwargs)
    return t.link(x, layer.kind.lower(), alpha=number(x, layer.config.get("alpha", 1.0)))


@operation("Selu")
def _selu(t: Translation, layer: Layer, args: list[Any], kwargs: Mapping[str, Any]) -> Tensor:
    x = _one(t, layer, args, kwargs)
    return t.link(x, "selu", alpha=number(x, SELU_ALPHA), gamma=number(x, SELU_SCALE))


@operation("Gelu")
def _gelu(t: Translation, layer: Layer, args: list[Any], kwargs: Mapping[str, Any]) -> Tensor:
    x = _one(t, layer, args, kwargs)
    return gelu(t, x, str(layer), approximate=bool(layer.config.get("approximate", True)))


@operation("Squareplus")
def _squareplus(t: Translation, layer: Layer, args: list[Any], kwargs: Mapping[str, Any]) -> Tensor:
    x = _one(t, layer, args, kwargs)
    return t.link(x, "squareplus", b=number(x, layer.config.get("b", 4)))


@operation("SoftShrink", "HardShrink")
def _shrink(t: Translation, layer: Layer, args: list[Any], kwargs: Mapping[str, Any]) -> Tensor:
    x = _one(t, layer, args, kwargs)
    limit = number(x, layer.config.get("threshold", 0.5))
    bias = limit if layer.kind == "SoftShrink" else 0.0
    return t.link(x, "shrink", **{"lambda": limit, "bias": bias})


@operation("Glu")
def _glu(t: Translation, layer: Layer, args: list[Any], kwargs: Mapping[str, Any]) -> Tensor:
    axis = layer.config.get("axis", -1)
    return glu(t, _one(t, layer, args, kwargs), str(layer), axis)


@operation("Softmax", "LogSoftmax")
def _softmax(t: Translation, layer: Layer, args: list[Any], kwargs: Mapping[str, Any]) -> Tensor:
    x = _one(t, layer, args, kwargs)
    name = "softmax" if layer.kind == "Softmax" else "log_softmax"
    axis = layer.config.get("axis", -1)
    if axis is None:
        raise layer.refuse("axis=None goes over the rows, which is not supported")
    return softmax(t, x, str(layer), name, axis)


@operation("Clip")
def _clip(t: Translation, layer: Layer, args: list[Any], kwargs: Mapping[str, Any]) -> Tensor:
    x = _one(t, layer, args, kwargs)
    bounds = [
        _option(layer, args, kwargs, at, name, None) for at, name in ((1, "x_min"), (2, "x_max"))
    ]
    if any(isinstance(each, Tensor) or np.ndim(each) for each in bounds):
        raise layer.refuse("bounds that are no single numbers are not supported")
    low, high = (None if each is None else float(each) for each in bounds)
    return clip(t, x, low, high)


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
def _two(t: Translation, layer: Layer, args: list[Any], kwargs: Mapping[str, Any]) -> Tensor:
    pair = [_get(layer, args, kwargs, at, name) for at, name in enumerate(("x1", "x2"))]
    dtype = _common(layer, pair)
    shapes = [each.shape if isinstance(each, Tensor) else np.shape(each) for each in pair]
    tensors = [
        t.cast(each, dtype, str(layer)) if isinstance(each, Tensor) else each for each in pair
    ]
    if all(isinstance(each, Tensor) for each in tensors):
        return chained(t, _TWO[layer.kind], tensors, layer)
    at = 0 if isinstance(tensors[0], Tensor) else 1
    x, other = tensors[at], np.asarray(tensors[1 - at])
    # A constant may have an axis for the rows, of one.
    if other.ndim == len(shapes[at]) + 1 and other.shape[0] == 1:
        other = other[0]
    return _with_constant(t, layer, x, other, first=at == 0)


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


def _common(layer: Layer, pair: list[Any]) -> str:
    """Return the type of the result: plain numbers have none of their own."""
    own = [str(each.dtype) for each in pair if hasattr(each, "dtype")]
    floats = [dtype for dtype in own if dtype in FLOATS]
    for dtype in own:
        if dtype not in FLOATS:
            raise layer.refuse(
                f"it gets numbers of type {dtype}; float32 and float64 are supported: cast them "
                "before, with keras.ops.cast"
            )
    return "float64" if "float64" in floats else "float32"


@operation("Power")
def _power(t: Translation, layer: Layer, args: list[Any], kwargs: Mapping[str, Any]) -> Tensor:
    x = _one(t, layer, args, kwargs, "x1")
    exponent = _get(layer, args, kwargs, 1, "x2")
    if isinstance(exponent, Tensor) or np.ndim(exponent):
        raise layer.refuse("an exponent that is no single number is not supported")
    exponent = number(x, exponent)
    if exponent == 0.5:
        x = t.given(raised(t.build, t.value(x), x.dtype), x)
    return t.link(x, "power", exponent=exponent)


@operation("Concatenate")
def _concatenate(
    t: Translation, layer: Layer, args: list[Any], kwargs: Mapping[str, Any]
) -> Tensor:
    tensors = _get(layer, args, kwargs, 0, "xs")
    if not isinstance(tensors, list) or not all(isinstance(x, Tensor) for x in tensors):
        raise layer.refuse("it is called on constants, which is not supported")
    dtype = _common(layer, tensors)
    axis = _option(layer, args, kwargs, 1, "axis", -1)
    return concatenated(t, [t.cast(x, dtype, str(layer)) for x in tensors], axis, layer)


@operation("Cast")
def _cast(t: Translation, layer: Layer, args: list[Any], kwargs: Mapping[str, Any]) -> Tensor:
    x = _get(layer, args, kwargs, 0, "x")
    if not isinstance(x, Tensor):
        raise layer.refuse("it is called on a constant")
    return t.cast(x, policy(_option(layer, args, kwargs, 1, "dtype", None), str(layer)), str(layer))


_REDUCTIONS = {"Mean": "mean", "Sum": "sum", "Max": "max", "Min": "min", "Prod": "product"}


@operation(*_REDUCTIONS)
def _reduce(t: Translation, layer: Layer, args: list[Any], kwargs: Mapping[str, Any]) -> Tensor:
    x = _one(t, layer, args, kwargs)
    axis = _option(layer, args, kwargs, 1, "axis", None)
    if axis is None:
        raise layer.refuse("axis=None goes over the rows, which is not supported")
    for name in ("initial", "dtype"):
        if kwargs.get(name, layer.config.get(name)) is not None:
            raise layer.refuse(f"{name} is not supported; leave it out")
    axes = axes_of(layer, axis, x.shape)
    out = reduced(t, x, _REDUCTIONS[layer.kind], axes)
    if layer.config.get("keepdims"):
        return reshaped(t, out, tuple(1 if i in axes else d for i, d in enumerate(x.shape)), layer)
    return out


@operation("Normalize")
def _normalize(t: Translation, layer: Layer, args: list[Any], kwargs: Mapping[str, Any]) -> Tensor:
    x = _one(t, layer, args, kwargs)
    if layer.config.get("order", 2) != 2:
        raise layer.refuse("order=2 is supported only")
    epsilon = layer.config.get("epsilon")
    axes = axes_of(layer, layer.config.get("axis", -1), x.shape)
    return unit(t, x, axes, t.epsilon if epsilon is None else float(epsilon))


@operation("Reshape")
def _reshape(t: Translation, layer: Layer, args: list[Any], kwargs: Mapping[str, Any]) -> Tensor:
    x = _get(layer, args, kwargs, 0, "x")
    shape = _option(layer, args, kwargs, 1, "newshape", None)
    if shape is None:
        shape = layer.config.get("shape")
    if not isinstance(x, Tensor) or not isinstance(shape, list | tuple) or list(shape[:1]) != [-1]:
        raise layer.refuse("a shape that does not begin with -1, for the rows, is not supported")
    return reshaped(t, x, tuple(shape[1:]), layer)


@operation("Transpose")
def _transpose(t: Translation, layer: Layer, args: list[Any], kwargs: Mapping[str, Any]) -> Tensor:
    x = _get(layer, args, kwargs, 0, "x")
    axes = _option(layer, args, kwargs, 1, "axes", None)
    if not isinstance(axes, list | tuple) or list(axes[:1]) != [0]:
        raise layer.refuse("axes that don't begin with 0, for the rows, are not supported")
    own = [axis_of(layer, axis, x.shape) for axis in axes[1:]]
    if sorted(own) != list(range(len(x.shape))):
        raise layer.refuse(f"axes={axes} do not fit {x.shape}")
    return t.moved(x, t.places(x).transpose(own))


@operation("Stack")
def _stack(t: Translation, layer: Layer, args: list[Any], kwargs: Mapping[str, Any]) -> Tensor:
    tensors = _get(layer, args, kwargs, 0, "x")
    if not isinstance(tensors, list) or not all(isinstance(x, Tensor) for x in tensors):
        raise layer.refuse("it is called on constants, which is not supported")
    dtype = _common(layer, tensors)
    axis = axis_of(layer, _option(layer, args, kwargs, 1, "axis", 0), (*tensors[0].shape, 1))
    parts = [
        reshaped(t, t.cast(x, dtype, str(layer)), (*x.shape[:axis], 1, *x.shape[axis:]), layer)
        for x in tensors
    ]
    return concatenated(t, parts, axis + 1, layer)


@operation("Matmul", "Dot")
def _matmul(t: Translation, layer: Layer, args: list[Any], kwargs: Mapping[str, Any]) -> Tensor:
    x, kernel = (_get(layer, args, kwargs, at, name) for at, name in enumerate(("x1", "x2")))
    fits = isinstance(x, Tensor) and not isinstance(kernel, Tensor) and len(x.shape) == 1
    if not fits or np.ndim(kernel) != 2 or len(kernel) != x.size:
        raise layer.refuse("it is supported for a tensor of (rows, columns) by a constant only")
    dtype = _common(layer, [x, np.asarray(kernel)])
    weights = np.asarray(kernel).astype(dtype)
    return t.dense(t.cast(x, dtype, str(layer)), weights, np.zeros(weights.shape[1], dtype))


@operation("Round")
def _round(t: Translation, layer: Layer, args: list[Any], kwargs: Mapping[str, Any]) -> Tensor:
    if _option(layer, args, kwargs, 1, "decimals", 0):
        raise layer.refuse("decimals are not supported")
    return t.link(_one(t, layer, args, kwargs), "ufunc", function="rint")


@operation("ExpandDims")
def _expand(t: Translation, layer: Layer, args: list[Any], kwargs: Mapping[str, Any]) -> Tensor:
    x = _get(layer, args, kwargs, 0, "x")
    axis = _option(layer, args, kwargs, 1, "axis", None)
    given = list(axis) if isinstance(axis, list | tuple) else [axis]
    places = axes_of(layer, given, (*x.shape, *(1 for _ in given)))
    if len(places) < len(given):
        raise layer.refuse(f"axis={axis} has an axis twice")
    rest = iter(x.shape)
    count = len(x.shape) + len(places)
    shape = tuple(1 if at in places else next(rest) for at in range(count))
    return reshaped(t, x, shape, layer)


@operation("Squeeze")
def _squeeze(t: Translation, layer: Layer, args: list[Any], kwargs: Mapping[str, Any]) -> Tensor:
    x = _get(layer, args, kwargs, 0, "x")
    axis = _option(layer, args, kwargs, 1, "axis", None)
    ones = [i for i, d in enumerate(x.shape) if d == 1]
    gone = ones if axis is None else axes_of(layer, axis, x.shape)
    if not set(gone) <= set(ones):
        raise layer.refuse(f"axis={axis} of {x.shape} is not 1")
    return reshaped(t, x, tuple(d for i, d in enumerate(x.shape) if i not in gone), layer)


@operation("GetItem")
def _item(t: Translation, layer: Layer, args: list[Any], kwargs: Mapping[str, Any]) -> Tensor:
    x = _get(layer, args, kwargs, 0, "x")
    key = _get(layer, args, kwargs, 1, "key")
    keys = list(key) if isinstance(key, list | tuple) else [key]
    allowed = bool(keys) and keys[0] in (slice(None), Ellipsis)
    allowed &= all(
        each is None or each is Ellipsis or isinstance(each, int | slice) for each in keys
    )
    if not isinstance(x, Tensor) or not allowed:
        raise layer.refuse("only slices and numbers after [:, ...] are supported")
    own = keys if keys[0] is Ellipsis else keys[1:]
    try:
        return t.moved(x, np.asarray(t.places(x)[tuple(own)]))
    except (IndexError, ValueError) as error:
        raise layer.refuse(f"{error}") from None
