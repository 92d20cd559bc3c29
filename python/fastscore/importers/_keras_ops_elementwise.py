"""Operations of `keras.ops` on each number of one tensor, as `keras.ops.relu(x)`, and softmax."""

from collections.abc import Callable

import numpy as np

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
from fastscore.importers._keras_config import Layer
from fastscore.importers._keras_registry import Called, operation
from fastscore.importers._keras_values import Tensor, Translation


def _unary(apply: Callable[[Translation, Tensor, Layer], Tensor], *kinds: str) -> None:
    @operation(*kinds)
    def _apply(t: Translation, call: Called) -> Tensor:
        return apply(t, call.tensor(), call.layer)


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
def _leaky(t: Translation, call: Called) -> Tensor:
    x = call.tensor()
    return leaky(t, x, call.config.get("negative_slope", 0.2))


@operation("ReLU")
def _relu(t: Translation, call: Called) -> Tensor:
    config = call.config
    most = config.get("max_value")
    return relu(
        t,
        call.tensor(),
        slope=float(config.get("negative_slope") or 0.0),
        most=None if most is None else float(most),
        threshold=float(config.get("threshold") or 0.0),
    )


@operation("Elu", "Celu")
def _elu(t: Translation, call: Called) -> Tensor:
    x = call.tensor()
    return t.link(x, call.kind.lower(), alpha=number(x, call.config.get("alpha", 1.0)))


@operation("Selu")
def _selu(t: Translation, call: Called) -> Tensor:
    x = call.tensor()
    return t.link(x, "selu", alpha=number(x, SELU_ALPHA), gamma=number(x, SELU_SCALE))


@operation("Gelu")
def _gelu(t: Translation, call: Called) -> Tensor:
    x = call.tensor()
    return gelu(t, x, call.owner, approximate=bool(call.config.get("approximate", True)))


@operation("Squareplus")
def _squareplus(t: Translation, call: Called) -> Tensor:
    x = call.tensor()
    return t.link(x, "squareplus", b=number(x, call.config.get("b", 4)))


@operation("SoftShrink", "HardShrink")
def _shrink(t: Translation, call: Called) -> Tensor:
    x = call.tensor()
    limit = number(x, call.config.get("threshold", 0.5))
    bias = limit if call.kind == "SoftShrink" else 0.0
    return t.link(x, "shrink", **{"lambda": limit, "bias": bias})


@operation("Glu")
def _glu(t: Translation, call: Called) -> Tensor:
    axis = call.config.get("axis", -1)
    return glu(t, call.tensor(), call.owner, axis)


@operation("Softmax", "LogSoftmax")
def _softmax(t: Translation, call: Called) -> Tensor:
    x = call.tensor()
    name = "softmax" if call.kind == "Softmax" else "log_softmax"
    axis = call.config.get("axis", -1)
    if axis is None:
        raise call.refuse("axis=None goes over the rows, which is not supported")
    return softmax(t, x, call.owner, name, axis)


@operation("Clip")
def _clip(t: Translation, call: Called) -> Tensor:
    x = call.tensor()
    bounds = [call.option(at, name, None) for at, name in ((1, "x_min"), (2, "x_max"))]
    if any(isinstance(each, Tensor) or np.ndim(each) for each in bounds):
        raise call.refuse("bounds that are no single numbers are not supported")
    low, high = (None if each is None else float(each) for each in bounds)
    return clip(t, x, low, high)


@operation("Round")
def _round(t: Translation, call: Called) -> Tensor:
    if call.option(1, "decimals", 0):
        raise call.refuse("decimals are not supported")
    return t.link(call.tensor(), "ufunc", function="rint")
