"""Layers of Keras that make one tensor of several."""

from collections.abc import Sequence

import numpy as np

from fastscore.importers._flow import Frame
from fastscore.importers._keras_config import Layer
from fastscore.importers._keras_norm import reduced, unit
from fastscore.importers._keras_registry import merge
from fastscore.importers._keras_shape import reshaped
from fastscore.importers._keras_values import FLOATS, INTEGERS, Tensor, Translation, axis_of, size


def together(t: Translation, op: str, tensors: Sequence[Tensor], owner: Layer) -> Tensor:
    """Append an element-wise step over tensors of one type, spread over each other's axes."""
    rank = max(len(x.shape) for x in tensors)
    shapes = [x.shape for x in tensors]
    if any(len(shape) not in (rank, 0) for shape in shapes):
        raise owner.refuse(f"inputs of shapes {_shown(shapes)} are not supported together")
    try:
        shape = np.broadcast_shapes(*shapes)
    except ValueError:
        raise owner.refuse(f"inputs of shapes {_shown(shapes)} don't fit together") from None
    t.spend(str(owner), size(shape))
    values = []
    for x in tensors:
        fits = x.size in (1, size(shape))
        spread = x if fits else t.moved(x, np.broadcast_to(t.places(x), shape))
        values.append(t.value(spread))
    value = t.step(op, values, tensors[0].dtype)
    return t.given(value, tensors[0], shape)


def chained(t: Translation, op: str, tensors: Sequence[Tensor], owner: Layer) -> Tensor:
    """Append a step of two inputs for each further tensor."""
    out = tensors[0]
    for x in tensors[1:]:
        out = together(t, op, [out, x], owner)
    return out


def _shown(shapes: Sequence[tuple[int, ...]]) -> str:
    return ", ".join(str(shape) for shape in shapes)


def _cast(t: Translation, layer: Layer, tensors: Sequence[Tensor]) -> list[Tensor]:
    return [t.cast(x, layer.width, str(layer)) for x in tensors]


@merge("Add", masks="joined")
def _add(t: Translation, layer: Layer, tensors: list[Tensor]) -> Tensor:
    tensors = _cast(t, layer, tensors)
    if len({x.shape for x in tensors}) == 1 or len(tensors) == 2:
        return together(t, "sum", tensors, layer)
    return chained(t, "sum", tensors, layer)


@merge("Average", masks="joined")
def _average(t: Translation, layer: Layer, tensors: list[Tensor]) -> Tensor:
    return t.link(_add(t, layer, tensors), "divide", by=float(len(tensors)))


@merge("Multiply", masks="refused")
def _multiply(t: Translation, layer: Layer, tensors: list[Tensor]) -> Tensor:
    return chained(t, "product", _cast(t, layer, tensors), layer)


@merge("Subtract", masks="joined")
def _subtract(t: Translation, layer: Layer, tensors: list[Tensor]) -> Tensor:
    if len(tensors) != 2:
        raise layer.refuse(f"it is called on {len(tensors)} tensors, not two")
    return together(t, "difference", _cast(t, layer, tensors), layer)


@merge("Maximum", masks="refused")
def _maximum(t: Translation, layer: Layer, tensors: list[Tensor]) -> Tensor:
    return chained(t, "maximum", _cast(t, layer, tensors), layer)


@merge("Minimum", masks="refused")
def _minimum(t: Translation, layer: Layer, tensors: list[Tensor]) -> Tensor:
    return chained(t, "minimum", _cast(t, layer, tensors), layer)


@merge("Concatenate", masks="joined")
def _concatenate(t: Translation, layer: Layer, tensors: list[Tensor]) -> Tensor:
    own = {x.dtype for x in tensors}
    if own <= set(INTEGERS):
        common = str(np.result_type(*own))
        if common not in INTEGERS:
            raise layer.refuse(
                f"it joins numbers of types {' and '.join(sorted(own))}, which have no integer "
                "type in common; cast them before, with keras.ops.cast"
            )
        tensors = [x if x.dtype == common else Tensor(x.shape, common, t.frame(x)) for x in tensors]
    elif own <= set(FLOATS) or len(own) > 1:
        tensors = _cast(t, layer, tensors)
    axis = layer.config.get("axis", -1)
    if axis not in (-1, len(tensors[0].shape)) and any(x.mask is not None for x in tensors):
        raise layer.refuse(f"axis={axis} of inputs with masks is not supported; use axis=-1")
    return concatenated(t, tensors, axis, layer)


@merge("TFDConcat", masks="dropped")
def _feature_space(t: Translation, layer: Layer, tensors: list[Tensor]) -> Tensor:
    """Join the encoded features of a FeatureSpace."""
    return _concatenate(t, layer, tensors)


def concatenated(t: Translation, tensors: Sequence[Tensor], axis: int, owner: Layer) -> Tensor:
    """Join tensors of one type along an axis: their columns, in another order."""
    if len({len(x.shape) for x in tensors}) != 1:
        raise owner.refuse(f"shapes {_shown([x.shape for x in tensors])} don't fit together")
    place = axis_of(owner, axis, tensors[0].shape)
    raw = all(x.raw for x in tensors)
    starts = np.cumsum([0, *(x.size for x in tensors)])
    t.spend(str(owner), int(starts[-1]))
    try:
        places = np.concatenate(
            [t.places(x) + start for x, start in zip(tensors, starts, strict=False)], axis=place
        )
    except ValueError:
        raise owner.refuse(
            f"shapes {_shown([x.shape for x in tensors])} don't fit together"
        ) from None
    frames = t.unsettled if raw else t.frame
    columns = [column for x in tensors for column in frames(x).columns]
    frame = Frame(tuple(columns[at] for at in places.ravel().tolist()))
    return Tensor(places.shape, tensors[0].dtype, frame, raw=raw)


@merge("Dot", masks="dropped")
def _dot(t: Translation, layer: Layer, tensors: list[Tensor]) -> Tensor:
    if [len(x.shape) for x in tensors] != [1, 1]:
        raise layer.refuse("it is supported for two inputs of shape (rows, columns) only")
    axes = layer.config["axes"]
    for axis in axes if isinstance(axes, list | tuple) else [axes]:
        axis_of(layer, axis, tensors[0].shape)
    tensors = _cast(t, layer, tensors)
    if layer.config.get("normalize"):
        tensors = [unit(t, x, [0], t.epsilon) for x in tensors]
    product = together(t, "product", tensors, layer)
    return reshaped(t, reduced(t, product, "sum", [0]), (1,), layer)
