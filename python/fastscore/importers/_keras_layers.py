"""Layers of Keras that multiply, and those that do nothing when a model scores."""

import re

import numpy as np

from fastscore.importers._flow import joined, whole
from fastscore.importers._keras_activations import activate, variables
from fastscore.importers._keras_config import Layer, check_ours
from fastscore.importers._keras_registry import layer
from fastscore.importers._keras_values import INTEGERS, Tensor, Translation, size


@layer(
    "Dropout",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "GaussianNoise",
    "GaussianDropout",
    "AlphaDropout",
    "ActivityRegularization",
    "Identity",
    "TFDIdentity",
    masks="kept",
)
def _identity(t: Translation, layer: Layer, x: Tensor) -> Tensor:
    """Only the type may change: layers cast numbers to their own."""
    return x if x.dtype in INTEGERS else t.cast(x, layer.width, str(layer))


_NUMBERS = 1 << 26
"""The most weights of a layer that is called on several vectors a row: each has its own copy."""


@layer("EinsumDense", masks="dropped")
def _einsum(t: Translation, layer: Layer, x: Tensor) -> Tensor:
    """Of one matrix over the last axis, which is a Dense layer: `ab,bc->ac`, `...x,xy->...y`."""
    equation = str(layer.config.get("equation")).replace(" ", "")
    found = _LAST_AXIS.fullmatch(equation)
    rank = len(found["rows"]) if found and found["rows"] != "..." else len(x.shape)
    letters = found["rows"].strip(".") + found["x"] + found["y"] if found else ""
    biased = layer.config.get("bias_axes")
    if (
        found is None
        or rank != len(x.shape)
        or len(set(letters)) < len(letters)
        or biased not in (None, "", found["y"])
    ):
        raise layer.refuse(
            f"equation={equation!r} with bias_axes={biased!r} is not supported; use one matrix "
            "over the last axis, as 'ab,bc->ac' or '...x,xy->...y', or keras.layers.Dense"
        )
    return _product(t, layer, x, biased=bool(biased))


_LAST_AXIS = re.compile(
    r"(?P<rows>\.\.\.|[a-zA-Z]+)(?P<x>[a-zA-Z]),(?P=x)(?P<y>[a-zA-Z])->(?P=rows)(?P=y)"
)


@layer("Dense", masks="kept")
def _dense(t: Translation, layer: Layer, x: Tensor) -> Tensor:
    return _product(t, layer, x, biased=bool(layer.config.get("use_bias", True)))


def _product(t: Translation, layer: Layer, x: Tensor, *, biased: bool) -> Tensor:
    """Append the product of the last axis, and the activation."""
    width = layer.width
    x = t.cast(x, width, str(layer))
    kernel, *rest = variables(layer, 1 + biased)
    if kernel.ndim != 2 or not x.shape or kernel.shape[0] != x.shape[-1]:
        raise layer.refuse(f"its kernel of shape {kernel.shape} does not fit {x.shape[-1:]}")
    bias = rest[0] if rest else np.zeros(kernel.shape[1])
    if bias.shape != (kernel.shape[1],):
        raise layer.refuse(f"its bias of shape {bias.shape} does not fit {kernel.shape}")
    shape = (*x.shape[:-1], kernel.shape[1])
    t.spend(str(layer), size(shape))
    if layer.config.get("lora_rank"):
        raise layer.refuse("LoRA is not supported; merge its weights into the kernel")
    with np.errstate(all="ignore"):
        kernel, bias = kernel.astype(width), bias.astype(width)
    if len(shape) == 1:
        out = t.dense(x, kernel, bias)
    else:
        frame, inputs = t.unsettled(x), kernel.shape[0]
        if kernel.size * (size(shape) // shape[-1]) > _NUMBERS:
            raise layer.refuse(
                f"it is called on {x.shape}, {size(shape) // shape[-1]} vectors a row, which is "
                "too large a product; flatten or pool its input"
            )
        parts = [
            whole(
                t.product(frame.take(range(at, at + inputs)), kernel, bias, width),
                kernel.shape[1],
            )
            for at in range(0, x.size, inputs)
        ]
        out = Tensor(shape, width, joined(parts))
    return activate(t, out, layer, layer.config.get("activation"))


@layer("TimeDistributed", masks="kept")
def _time_distributed(t: Translation, layer: Layer, x: Tensor) -> Tensor:
    """Of a Dense layer: it is that of the last axis."""
    entry = layer.config["layer"]
    check_ours(entry)
    if entry.get("class_name") != "Dense" or len(x.shape) < 2:
        raise layer.refuse("it is supported over a Dense layer only; call the layer itself")
    config = entry["config"]
    name = str(config.get("name"))
    inner = Layer("Dense", name, config, layer.place.attribute("layer", name))
    return _dense(t, inner, x)
