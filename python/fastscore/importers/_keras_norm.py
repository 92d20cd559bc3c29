"""Normalisation layers of Keras, and those that scale by fixed numbers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore.importers._keras_activations import variables
from fastscore.importers._keras_config import Layer, constant
from fastscore.importers._keras_registry import layer
from fastscore.importers._keras_values import FLOATS, Tensor, Translation, axes_of, axis_of, size


def spread(numbers: NDArray[Any], axes: list[int], x: Tensor, owner: Layer) -> NDArray[Any]:
    """Return numbers that lie along these axes of a tensor, one a column."""
    if numbers.shape != tuple(x.shape[axis] for axis in axes):
        raise owner.refuse(f"its numbers of shape {numbers.shape} do not fit {x.shape}")
    shape = [x.shape[axis] if axis in axes else 1 for axis in range(len(x.shape))]
    return np.broadcast_to(numbers.reshape(shape), x.shape).ravel()


@layer("BatchNormalization", masks="kept")
def _batch(t: Translation, layer: Layer, x: Tensor) -> Tensor:
    x = t.cast(x, layer.width, str(layer))
    config = layer.config
    axis = axis_of(layer, config.get("axis", -1), x.shape)
    scaled, centred = bool(config.get("scale", True)), bool(config.get("center", True))
    found = variables(layer, 2 + scaled + centred + (3 if config.get("renorm") else 0))
    wide = [spread(each, [axis], x, layer).astype(np.float64) for each in found]
    gamma = wide.pop(0) if scaled else np.ones(x.size)
    beta = wide.pop(0) if centred else np.zeros(x.size)
    mean, variance = wide[:2]
    with np.errstate(all="ignore"):
        scale = gamma / np.sqrt(variance + float(config.get("epsilon", 1e-3)))
        return t.scaled(x, scale, beta - mean * scale)


@layer("LayerNormalization", masks="kept")
def _layer(t: Translation, layer: Layer, x: Tensor) -> Tensor:
    layer.only(rms_scaling=False)
    config = layer.config
    scaled, centred = bool(config.get("scale", True)), bool(config.get("center", True))
    x = t.cast(x, layer.width, str(layer))
    axes = axes_of(layer, config.get("axis", -1), x.shape)
    found = variables(layer, scaled + centred)
    gamma = found[0] if scaled else None
    beta = found[-1] if centred else None
    return _over(t, layer, x, axes, gamma, beta, float(config.get("epsilon", 1e-3)), rms=False)


@layer("RMSNormalization", masks="dropped")
def _rms(t: Translation, layer: Layer, x: Tensor) -> Tensor:
    x = t.cast(x, layer.width, str(layer))
    axes = axes_of(layer, layer.config.get("axis", -1), x.shape)
    (gamma,) = variables(layer, 1)
    if axes != list(range(len(x.shape) - len(axes), len(x.shape))):
        raise layer.refuse(
            f"axis={layer.config.get('axis')} of {x.shape} is not supported, as Keras scales the "
            "last axes, whatever it goes over; use axis=-1"
        )
    epsilon = float(layer.config.get("epsilon", 1e-6))
    return _over(t, layer, x, axes, gamma, None, epsilon, rms=True)


def _over(
    t: Translation,
    layer: Layer,
    x: Tensor,
    axes: list[int],
    gamma: NDArray[Any] | None,
    beta: NDArray[Any] | None,
    epsilon: float,
    *,
    rms: bool,
) -> Tensor:
    """Normalise over some axes, which are moved to the end for it."""
    rank = len(x.shape)
    numbers = [
        None if each is None else spread(each, axes, x, layer).reshape(x.shape)
        for each in (gamma, beta)
    ]
    ends = list(range(rank - len(axes), rank))
    places = np.moveaxis(t.places(x), axes, ends)
    moved = t.moved(x, places)
    scale, shift = (
        None if each is None else np.moveaxis(each, axes, ends).ravel() for each in numbers
    )
    groups = x.size // max(size(tuple(x.shape[axis] for axis in axes)), 1)
    out = layer_norm(t, layer, moved, epsilon, scale, shift, groups, rms=rms)
    return out if axes == ends else t.moved(out, np.moveaxis(t.places(out), ends, axes))


def layer_norm(
    t: Translation,
    layer: Layer,
    x: Tensor,
    epsilon: float,
    scale: NDArray[Any] | None,
    shift: NDArray[Any] | None,
    groups: int,
    *,
    rms: bool = False,
) -> Tensor:
    """Append the link; numbers that it can't hold come after it."""
    if all(each is None or np.isfinite(each).all() for each in (scale, shift)):
        return t.link(
            x,
            "layer_norm",
            epsilon=float(np.asarray(epsilon, dtype=x.dtype)),
            scale=None if scale is None else scale.astype(np.float64).tolist(),
            shift=None if shift is None else shift.astype(np.float64).tolist(),
            rms=rms,
            groups=groups,
        )
    plain = layer_norm(t, layer, x, epsilon, None, None, groups, rms=rms)
    ones = np.ones(x.size) if scale is None else scale.astype(np.float64)
    with np.errstate(all="ignore"):
        given = None if shift is None else shift.astype(np.float64)
    return t.given(t.affine(t.frame(plain), ones, given, x.dtype), x)


@layer("GroupNormalization", masks="kept")
def _group(t: Translation, layer: Layer, x: Tensor) -> Tensor:
    config = layer.config
    x = t.cast(x, layer.width, str(layer))
    if len(x.shape) != 1 or axis_of(layer, config.get("axis", -1), x.shape) != 0:
        raise layer.refuse("it is supported for inputs of shape (rows, channels) only")
    groups = int(config.get("groups", 32))
    groups = x.size if groups == -1 else groups
    if groups < 1 or x.size % groups:
        raise layer.refuse(f"groups={groups} does not divide {x.size}")
    scaled, centred = bool(config.get("scale", True)), bool(config.get("center", True))
    found = [spread(each, [0], x, layer) for each in variables(layer, scaled + centred)]
    gamma = found[0] if scaled else None
    beta = found[-1] if centred else None
    return layer_norm(t, layer, x, float(config.get("epsilon", 1e-3)), gamma, beta, groups)


@layer("UnitNormalization", masks="kept")
def _unit(t: Translation, layer: Layer, x: Tensor) -> Tensor:
    x = t.cast(x, layer.width, str(layer))
    axes = axes_of(layer, layer.config.get("axis", -1), x.shape)
    return unit(t, x, axes, 1e-12)


def unit(t: Translation, x: Tensor, axes: list[int], epsilon: float) -> Tensor:
    """Append `x / max(norm, epsilon)` over some axes."""
    norm = reduced(t, x, "l2", axes)
    limit = t.link(norm, "clip", low=float(np.asarray(epsilon, dtype=x.dtype)), high=None)
    places = t.places(norm).reshape([1 if i in axes else d for i, d in enumerate(x.shape)])
    under = t.moved(limit, np.broadcast_to(places, x.shape))
    return t.given(t.step("quotient", [t.value(x), t.value(under)], x.dtype), x)


def reduced(t: Translation, x: Tensor, how: str, axes: list[int]) -> Tensor:
    """Append a reduction over some axes, which go away."""
    rank = len(x.shape)
    ends = list(range(rank - len(axes), rank))
    moved = t.moved(x, np.moveaxis(t.places(x), axes, ends))
    shape = moved.shape[: rank - len(axes)]
    width = x.dtype if x.dtype in FLOATS else "float64"
    value = t.build.link(t.value(moved), "reduce", width, how=how, groups=size(shape))
    return t.given(value, x, shape)


@layer("Rescaling", masks="kept")
def _rescaling(t: Translation, layer: Layer, x: Tensor) -> Tensor:
    x = t.cast(x, layer.width, str(layer))
    numbers: list[NDArray[np.float64]] = []
    for key in ("scale", "offset"):
        found = held(constant(layer.config.get(key, 0.0)), x.dtype)
        if found.ndim > len(x.shape):
            raise layer.refuse(f"its {key} of shape {found.shape} does not fit {x.shape}")
        numbers.append(np.broadcast_to(found, x.shape).ravel().astype(np.float64))
    return t.given(t.affine(t.frame(x), numbers[0], numbers[1], x.dtype), x)


@layer("Normalization", masks="kept")
def _normalization(t: Translation, layer: Layer, x: Tensor) -> Tensor:
    x = t.cast(x, layer.width, str(layer))
    config = layer.config
    axis = config.get("axis", -1)
    axes = [] if axis is None else axes_of(layer, axis, x.shape)
    if config.get("mean") is None:
        mean, variance = (spread(each, axes, x, layer) for each in variables(layer, 3)[:2])
    else:
        mean, variance = (_given(layer, key, axes, x) for key in ("mean", "variance"))
    with np.errstate(all="ignore"):
        # One operation at its width each, as Keras has them.
        deviation = np.maximum(np.sqrt(variance.astype(x.dtype)), np.asarray(t.epsilon, x.dtype))
    shift, scale = mean.astype(x.dtype).astype(np.float64), deviation.astype(np.float64)
    if config.get("invert"):
        return t.given(t.affine(t.frame(x), scale, shift, x.dtype), x)
    if np.isfinite(shift).all() and np.isfinite(scale).all():
        return t.link(x, "standardize", shift=shift.tolist(), scale=scale.tolist())
    value = t.step("difference", [t.value(x), t.constant(shift)], x.dtype)
    return t.given(t.step("quotient", [value, t.constant(scale)], x.dtype), x)


def held(values: Any, dtype: str) -> NDArray[Any]:
    """Return numbers of a configuration as TensorFlow holds them: first as float32."""
    with np.errstate(all="ignore"):
        return np.asarray(values, dtype=np.float32).astype(dtype)


def _given(layer: Layer, key: str, axes: list[int], x: Tensor) -> NDArray[Any]:
    """Return numbers of the configuration, aligned with the kept axes from the right."""
    numbers = held(constant(layer.config[key]), x.dtype).astype(np.float64)
    if numbers.ndim > len(axes) and numbers.size == 1:
        numbers = numbers.reshape(())
    if numbers.ndim > len(axes):
        raise layer.refuse(f"its {key} of shape {numbers.shape} does not fit axis={axes}")
    shape = [1] * len(x.shape)
    for at in range(1, numbers.ndim + 1):
        shape[axes[-at]] = numbers.shape[-at]
    try:
        return np.broadcast_to(numbers.reshape(shape), x.shape).ravel()
    except ValueError:
        raise layer.refuse(f"its {key} of shape {numbers.shape} does not fit {x.shape}") from None
