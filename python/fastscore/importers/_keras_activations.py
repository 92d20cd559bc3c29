"""Activations of Keras, by name or as layers, as links.

TensorFlow's backend is what they are compared with; the formulas are those of
`keras.src.activations`.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from fastscore._errors import UnsupportedModelError
from fastscore.importers._keras_config import Layer, check_ours
from fastscore.importers._keras_registry import LAYERS, layer
from fastscore.importers._keras_values import FLOATS, Tensor, Translation, axis_of

Activation = Callable[[Translation, Tensor, str], Tensor]

SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


def number(x: Tensor, value: Any) -> float:
    """Return a parameter as a number of the tensor's width."""
    return float(np.float32(value)) if x.dtype == "float32" else float(value)


def _simple(name: str, /, **parameters: Any) -> Activation:
    def apply(t: Translation, x: Tensor, owner: str) -> Tensor:
        rounded = {
            key: number(x, value) if isinstance(value, float) else value
            for key, value in parameters.items()
        }
        return t.link(x, name, **rounded)

    return apply


def ufunc(function: str) -> Activation:
    """Return one of NumPy's functions."""
    return _simple("ufunc", function=function)


def clip(t: Translation, x: Tensor, low: float | None, high: float | None) -> Tensor:
    """Append a clip; None and an infinity are no bound."""
    low = None if low == -math.inf else low
    high = None if high == math.inf else high
    if low is None and high is None:
        return x
    return t.link(
        x,
        "clip",
        low=None if low is None else number(x, low),
        high=None if high is None else number(x, high),
    )


def _relu6(t: Translation, x: Tensor, owner: str) -> Tensor:
    return clip(t, x, 0.0, 6.0)


def softmax(t: Translation, x: Tensor, owner: str, name: str = "softmax", axis: int = -1) -> Tensor:
    """Append a softmax or log-softmax over one axis."""
    place = axis_of(owner, axis, x.shape)
    if place == len(x.shape) - 1:
        return _last_softmax(t, x, name)
    out = _last_softmax(t, t.moved(x, np.moveaxis(t.places(x), place, -1)), name)
    return t.moved(out, np.moveaxis(t.places(out), -1, place))


def _last_softmax(t: Translation, x: Tensor, name: str) -> Tensor:
    groups = x.size // x.shape[-1] if x.shape[-1] else 1
    return t.link(x, name, **({"groups": groups} if groups > 1 else {}))


def _sparse_plus(t: Translation, x: Tensor, owner: str) -> Tensor:
    """`(x + 1)^2 / 4` between -1 and 1, x beyond: the square of a clipped number, and a ramp."""
    low = clip(t, t.link(x, "add", value=1.0), 0.0, 2.0)
    low = t.link(t.link(low, "ufunc", function="square"), "multiply", by=0.25)
    high = t.link(t.link(x, "add", value=-1.0), "relu")
    return t.given(t.step("sum", [t.value(low), t.value(high)], x.dtype), x)


def _sparse_sigmoid(t: Translation, x: Tensor, owner: str) -> Tensor:
    return clip(t, t.link(t.link(x, "add", value=1.0), "multiply", by=0.5), 0.0, 1.0)


def glu(t: Translation, x: Tensor, owner: str, axis: int = -1) -> Tensor:
    """Append `a * sigmoid(b)` of the two halves of an axis."""
    place = axis_of(owner, axis, x.shape)
    if x.shape[place] % 2:
        raise UnsupportedModelError(f"{owner}: glu needs an even number of values")
    first, second = np.split(t.places(x), 2, axis=place)
    gate = t.link(t.moved(x, second), "logistic")
    left = t.moved(x, first)
    return t.given(t.step("product", [t.value(left), t.value(gate)], x.dtype), left)


def leaky(t: Translation, x: Tensor, slope: float) -> Tensor:
    """Append a leaky ReLU, whose slope TensorFlow holds as float32, whatever the type."""
    return t.link(x, "leaky_relu", alpha=float(np.float32(slope)))


def gelu(t: Translation, x: Tensor, owner: str, *, approximate: bool = False) -> Tensor:
    """Append a GELU; at float64 TensorFlow's constants are those of float32."""
    if x.dtype == "float32":
        return t.link(x, "gelu", approximate=approximate)
    if approximate:
        cube = t.link(t.link(x, "power", exponent=3.0), "multiply", by=float(np.float32(0.044715)))
        inner = t.given(t.step("sum", [t.value(x), t.value(cube)], x.dtype), x)
        inner = t.link(inner, "multiply", by=0.7978845608028654)
        share = t.link(inner, "ufunc", function="tanh")
    else:
        inner = t.link(x, "multiply", by=float(np.float32(0.7071067811865476)))
        share = t.link(inner, "ufunc", function="erf")
    half = t.link(t.link(share, "add", value=1.0), "multiply", by=0.5)
    return t.given(t.step("product", [t.value(x), t.value(half)], x.dtype), x)


def relu(
    t: Translation,
    x: Tensor,
    *,
    slope: float = 0.0,
    most: float | None = None,
    threshold: float = 0.0,
) -> Tensor:
    """Append `keras.activations.relu`: bounds are cast from float32, whatever the type."""
    above = float(np.float32(threshold))
    most = None if most is None or most == math.inf else float(np.float32(most))
    if slope and most is None and not threshold:
        return leaky(t, x, slope)
    if threshold:
        out = t.link(x, "thresholded_relu", alpha=above)
        out = out if most is None else clip(t, out, 0.0, most)
    elif most is not None:
        out = clip(t, x, 0.0, most)
    else:
        out = t.link(x, "relu")
    if not slope:
        return out
    below = t.link(x, "multiply", by=-1.0)
    if threshold:
        below = t.link(below, "add", value=number(x, threshold))
    below = t.link(t.link(below, "relu"), "multiply", by=-number(x, slope))
    return t.given(t.step("sum", [t.value(out), t.value(below)], x.dtype), x)


ACTIVATIONS: dict[str, Activation] = {
    "linear": lambda t, x, owner: x,
    "relu": _simple("relu"),
    "relu6": _relu6,
    "leaky_relu": lambda t, x, owner: leaky(t, x, 0.2),
    "sigmoid": _simple("logistic"),
    "tanh": ufunc("tanh"),
    "softmax": softmax,
    "log_softmax": lambda t, x, owner: softmax(t, x, owner, "log_softmax"),
    "softplus": _simple("softplus"),
    "softsign": _simple("softsign"),
    "exponential": _simple("exp"),
    "elu": _simple("elu", alpha=1.0),
    "selu": _simple("selu", alpha=SELU_ALPHA, gamma=SELU_SCALE),
    "celu": _simple("celu", alpha=1.0),
    "gelu": gelu,
    "silu": _simple("swish", alpha=1.0),
    "swish": _simple("swish", alpha=1.0),
    "mish": _simple("mish"),
    "hard_sigmoid": _simple("hard_sigmoid", alpha=1 / 6, beta=0.5),
    "hard_silu": _simple("hard_swish"),
    "hard_swish": _simple("hard_swish"),
    "hard_tanh": lambda t, x, owner: clip(t, x, -1.0, 1.0),
    "log_sigmoid": _simple("log_sigmoid"),
    "tanh_shrink": _simple("tanh_shrink"),
    "soft_shrink": _simple("shrink", **{"lambda": 0.5, "bias": 0.5}),
    "hard_shrink": _simple("shrink", **{"lambda": 0.5, "bias": 0.0}),
    "squareplus": _simple("squareplus", b=4.0),
    "sparse_plus": _sparse_plus,
    "sparse_sigmoid": _sparse_sigmoid,
    "glu": glu,
}


def activate(t: Translation, x: Tensor, owner: Layer, activation: Any) -> Tensor:
    """Append an activation as a configuration has it."""
    if activation is None:
        return x
    if isinstance(activation, Mapping):
        return _configured(t, x, owner, activation)
    name = str(activation)
    if name not in ACTIVATIONS:
        raise owner.refuse(
            f"the activation {name!r} is not supported; use one of {', '.join(ACTIVATIONS)}"
        )
    if x.dtype not in FLOATS:
        raise owner.refuse(f"its activation gets numbers of type {x.dtype}; cast them before")
    return ACTIVATIONS[name](t, x, str(owner))


def _configured(t: Translation, x: Tensor, owner: Layer, entry: Mapping[str, Any]) -> Tensor:
    kind, config = entry.get("class_name"), entry.get("config")
    if kind == "function":
        if str(entry.get("module")).split(".")[0] != "keras" or config not in ACTIVATIONS:
            raise owner.refuse(
                f"the activation {config!r} is a function of other code, which can't be "
                f"translated; use one of {', '.join(ACTIVATIONS)}"
            )
        return activate(t, x, owner, config)
    check_ours({**entry, "name": owner.name})
    if kind not in LAYERS or not isinstance(config, Mapping):
        raise owner.refuse(f"the activation {kind} is not supported")
    name = str(config.get("name"))
    inner = Layer(str(kind), name, config, owner.place.attribute("activation", name))
    return LAYERS[str(kind)](t, inner, x)


@layer("Activation", masks="kept")
def _activation(t: Translation, layer: Layer, x: Tensor) -> Tensor:
    return activate(t, t.cast(x, layer.width, str(layer)), layer, layer.config["activation"])


@layer("ReLU", masks="kept")
def _relu(t: Translation, layer: Layer, x: Tensor) -> Tensor:
    config = layer.config
    x = t.cast(x, layer.width, str(layer))
    most = config.get("max_value")
    return relu(
        t,
        x,
        slope=float(config.get("negative_slope") or 0.0),
        most=None if most is None else float(most),
        threshold=float(config.get("threshold") or 0.0),
    )


@layer("LeakyReLU", masks="kept")
def _leaky(t: Translation, layer: Layer, x: Tensor) -> Tensor:
    x = t.cast(x, layer.width, str(layer))
    slope = layer.config.get("negative_slope", layer.config.get("alpha", 0.3))
    return leaky(t, x, slope)


@layer("ELU", masks="kept")
def _elu(t: Translation, layer: Layer, x: Tensor) -> Tensor:
    x = t.cast(x, layer.width, str(layer))
    return t.link(x, "elu", alpha=number(x, layer.config.get("alpha", 1.0)))


@layer("PReLU", masks="kept")
def _prelu(t: Translation, layer: Layer, x: Tensor) -> Tensor:
    x = t.cast(x, layer.width, str(layer))
    (alphas,) = variables(layer, 1)
    spread = np.broadcast_to(alphas, x.shape).ravel().astype(np.float64)
    if np.isfinite(spread).all():
        return t.link(x, "prelu", alphas=spread.tolist())
    positive = t.link(x, "relu")
    negative = t.link(t.link(t.link(x, "multiply", by=-1.0), "relu"), "multiply", by=-1.0)
    scaled = t.affine(t.frame(negative), spread, None, x.dtype)
    return t.given(t.step("sum", [t.value(positive), scaled], x.dtype), x)


@layer("Softmax", masks="refused")
def _softmax(t: Translation, layer: Layer, x: Tensor) -> Tensor:
    x = t.cast(x, layer.width, str(layer))
    axis = layer.config.get("axis", -1)
    axes = list(axis) if isinstance(axis, list | tuple) else [axis]
    if len(axes) != 1 or not isinstance(axes[0], int):
        raise layer.refuse(f"axis={axes} is not supported; use one axis")
    return softmax(t, x, str(layer), axis=int(axes[0]))


def variables(layer: Layer, count: int) -> list[Any]:
    """Return a layer's numbers, which must be this many arrays of its width."""
    found = layer.place.variables()
    if len(found) != count:
        raise layer.refuse(
            f"it has {len(found)} arrays of weights where {count} are due: it was never "
            "built: call the model once; or, in a .keras file, the layer is one of two models, "
            "which Keras can't read either: import the live model"
        )
    for each in found:
        if each.dtype.kind not in "fiu" or str(each.dtype) in ("float16", "bfloat16"):
            raise layer.refuse(f"its weights are {each.dtype}; float32 and float64 are supported")
    return found
