"""Layers of Keras that only move numbers about, and pooling over all steps of a series."""

import numpy as np

from fastscore.importers._keras_config import Layer
from fastscore.importers._keras_norm import reduced
from fastscore.importers._keras_registry import layer
from fastscore.importers._keras_values import Tensor, Translation, size


@layer("Flatten", masks="dropped")
def _flatten(t: Translation, layer: Layer, x: Tensor) -> Tensor:
    places = t.places(x)
    if layer.config.get("data_format") == "channels_first" and len(x.shape) > 1:
        places = np.moveaxis(places, 0, -1)
    if len(x.shape) > 1:
        return t.moved(x, places.reshape(-1))
    return reshaped(t, x, (x.size,), layer)


@layer("Reshape", masks="dropped")
def _reshape(t: Translation, layer: Layer, x: Tensor) -> Tensor:
    return reshaped(t, x, tuple(layer.config["target_shape"]), layer)


def reshaped(t: Translation, x: Tensor, shape: tuple[int, ...], owner: Layer) -> Tensor:
    """Return a tensor in another shape, in which one axis may be -1."""
    if any(isinstance(d, bool) or not isinstance(d, int) or d < -1 for d in shape):
        raise owner.refuse(f"the shape {shape} is not supported; use numbers")
    known = size(tuple(d for d in shape if d != -1))
    if shape.count(-1) == 1 and known and not x.size % known:
        shape = tuple(x.size // known if d == -1 else d for d in shape)
    if -1 in shape or size(shape) != x.size:
        raise owner.refuse(f"{x.shape} can't become {shape}")
    if x.columns is None and len(shape) == 1 == len(x.shape):
        return x
    return Tensor(shape, x.dtype, t.unsettled(x), raw=x.raw)


@layer("Permute", masks="dropped")
def _permute(t: Translation, layer: Layer, x: Tensor) -> Tensor:
    dims = [int(d) - 1 for d in layer.config["dims"]]
    if sorted(dims) != list(range(len(x.shape))):
        raise layer.refuse(f"dims={layer.config['dims']} do not fit {x.shape}")
    return t.moved(x, t.places(x).transpose(dims))


@layer("RepeatVector", masks="dropped")
def _repeat(t: Translation, layer: Layer, x: Tensor) -> Tensor:
    count = layer.config["n"]
    if not isinstance(count, int) or count < 1 or len(x.shape) != 1:
        raise layer.refuse(f"n={count!r} and an input of shape {x.shape} are not supported")
    t.spend(str(layer), count * x.size)
    return t.moved(x, np.broadcast_to(t.places(x), (count, x.size)))


@layer("GlobalAveragePooling1D", masks="dropped")
def _average(t: Translation, layer: Layer, x: Tensor) -> Tensor:
    return _pooled(t, layer, x, "mean")


@layer("GlobalMaxPooling1D", masks="dropped")
def _most(t: Translation, layer: Layer, x: Tensor) -> Tensor:
    return _pooled(t, layer, x, "max")


def _pooled(t: Translation, layer: Layer, x: Tensor, how: str) -> Tensor:
    if len(x.shape) != 2:
        raise layer.refuse(f"an input of shape {x.shape} is not supported")
    mask = x.mask if how == "mean" else None
    x = t.cast(x, layer.width, str(layer))
    steps = 1 if layer.config.get("data_format") == "channels_first" else 0
    out = reduced(t, x, how, [steps]) if mask is None else _masked_mean(t, layer, x, mask, steps)
    if layer.config.get("keepdims"):
        return reshaped(t, out, tuple(1 if i == steps else d for i, d in enumerate(x.shape)), layer)
    return out


def _masked_mean(t: Translation, layer: Layer, x: Tensor, mask: Tensor, steps: int) -> Tensor:
    """Return the mean of the steps that a mask keeps: NaN where it keeps none."""
    if mask.shape != (x.shape[steps],):
        raise layer.refuse(f"a mask of shape {mask.shape} does not fit {x.shape}")
    places = np.expand_dims(t.places(mask), 1 - steps)
    weights = t.moved(mask, np.broadcast_to(places, x.shape))
    kept = t.given(t.step("product", [t.value(x), t.value(weights)], x.dtype), x)
    count = t.given(t.build.link(t.value(mask), "reduce", x.dtype, how="sum", groups=1), x, ())
    total = reduced(t, kept, "sum", [steps])
    return t.given(t.step("quotient", [t.value(total), t.value(count)], x.dtype), total)
