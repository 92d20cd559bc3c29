"""From the layers of a Keras model to steps: what is called on what, in which order."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fastscore._errors import ModelFormatError, UnsupportedModelError
from fastscore.importers import (  # noqa: F401 - they register what they translate
    _keras_activations,
    _keras_encode,
    _keras_layers,
    _keras_merge,
    _keras_norm,
    _keras_ops_arithmetic,
    _keras_ops_elementwise,
    _keras_ops_shape,
    _keras_shape,
)
from fastscore.importers._keras_config import MASKED, Call, Graph, Layer, Ref, flat, leaves
from fastscore.importers._keras_ops_arithmetic import either
from fastscore.importers._keras_refused import REFUSED
from fastscore.importers._keras_registry import LAYERS, MASKS, MERGES, OPERATIONS, Called
from fastscore.importers._keras_values import FLOATS, INTEGERS, Tensor, Translation

_AS_GIVEN = ("CategoryEncoding", "Embedding", "IntegerLookup", "StringLookup")

_INTEGERS_TOO = (
    "ActivityRegularization",
    "AlphaDropout",
    "BatchNormalization",
    "Concatenate",
    "Dense",
    "Discretization",
    "Dropout",
    "Flatten",
    "GaussianDropout",
    "GaussianNoise",
    "GlobalAveragePooling1D",
    "Identity",
    "Normalization",
    "Permute",
    "RepeatVector",
    "Rescaling",
    "Reshape",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "TimeDistributed",
)
"""Layers that hand integers on as they are, or make floats of them before they compute."""

Key = tuple[str, int]
"""A layer's name and the number of its call."""


def run(t: Translation, graph: Graph, inputs: Sequence[Tensor]) -> list[Tensor]:
    """Translate a model called on these tensors; returns its outputs, in order."""
    if graph.sequential:
        return [_sequence(t, graph, inputs)]
    return _functional(t, graph, leaves(graph.inputs), leaves(graph.outputs), inputs)


def _sequence(t: Translation, graph: Graph, inputs: Sequence[Tensor]) -> Tensor:
    if len(inputs) != 1:
        raise ModelFormatError(f"the Sequential {graph.name!r} is called on {len(inputs)} tensors")
    x = inputs[0]
    for each in graph.layers:
        if each.kind != "InputLayer":
            found = _applied(t, each, [x], {})
            if len(found) != 1:
                raise ModelFormatError(f"{each} in a Sequential gives {len(found)} tensors")
            x = found[0]
    return x


def _functional(
    t: Translation,
    graph: Graph,
    starts: Sequence[Ref],
    outputs: Sequence[Ref],
    inputs: Sequence[Tensor],
) -> list[Tensor]:
    layers = {layer.name: layer for layer in graph.layers}
    if len(starts) != len(inputs):
        raise ModelFormatError(
            f"the model {graph.name!r} has {len(starts)} inputs, but is called on {len(inputs)}"
        )
    known: dict[Key, list[Tensor]] = {
        (ref.layer, ref.node): [x] for ref, x in zip(starts, inputs, strict=True)
    }
    ends = [_counted(ref, layers) for ref in outputs]
    for end in ends:
        _reach(t, graph, layers, (end.layer, end.node), known)
    return [_of(known, end) for end in ends]


def _counted(ref: Ref, layers: Mapping[str, Layer]) -> Ref:
    """Return an output with its call counted from 0: of functional models Keras counts from 1."""
    found = layers.get(ref.layer)
    inner = None if found is None else found.inner
    if inner is not None and not inner.sequential and ref.node > 0:
        return Ref(ref.layer, ref.node - 1, ref.index)
    return ref


def _reach(
    t: Translation,
    graph: Graph,
    layers: Mapping[str, Layer],
    goal: Key,
    known: dict[Key, list[Tensor]],
) -> None:
    """Translate a call and all that it needs, without recursion: chains may be long."""
    open_calls: list[Key] = [goal]
    waiting: set[Key] = set()
    while open_calls:
        key = open_calls[-1]
        if key in known:
            open_calls.pop()
            continue
        call = _call(graph, layers, key)
        refs = [each for each in leaves([call.args, call.kwargs]) if isinstance(each, Ref)]
        missing = [(ref.layer, ref.node) for ref in refs if (ref.layer, ref.node) not in known]
        if not missing:
            open_calls.pop()
            args = _bound(call.args, known)
            known[key] = _applied(t, layers[key[0]], args, _bound(call.kwargs, known))
            continue
        if key in waiting:
            raise ModelFormatError(
                f"the layers of the Keras model {graph.name!r} form a cycle at {key[0]!r}"
            )
        waiting.add(key)
        open_calls += missing


def _call(graph: Graph, layers: Mapping[str, Layer], key: Key) -> Call:
    name, node = key
    if name not in layers:
        raise ModelFormatError(f"the Keras model {graph.name!r} has no layer {name!r}")
    calls = graph.calls[name]
    if layers[name].kind == "InputLayer":
        raise ModelFormatError(
            f"the Keras model {graph.name!r} reads the input {name!r}, which it does not list"
        )
    if not 0 <= node < len(calls):
        raise ModelFormatError(f"the Keras layer {name!r} has no call number {node}")
    return calls[node]


def _bound(value: Any, known: Mapping[Key, list[Tensor]]) -> Any:
    """Return arguments with tensors in the place of their names."""
    if isinstance(value, Ref):
        return _of(known, value)
    if isinstance(value, list):
        return [_bound(each, known) for each in value]
    if isinstance(value, Mapping):
        return {key: _bound(each, known) for key, each in value.items()}
    return value


def _of(known: Mapping[Key, list[Tensor]], ref: Ref) -> Tensor:
    found = known[ref.layer, ref.node]
    if not 0 <= ref.index < len(found):
        raise ModelFormatError(f"the Keras layer {ref.layer!r} has no output number {ref.index}")
    return found[ref.index]


def _applied(
    t: Translation, layer: Layer, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> list[Tensor]:
    """Translate one call of a layer."""
    owner = t.owner = str(layer)
    t.spend(owner, 0)
    if layer.operation:
        if layer.kind not in OPERATIONS:
            raise layer.refuse("it is not supported; docs/support.md lists the operations that are")
        return [_checked(t, layer, OPERATIONS[layer.kind](t, Called(layer, list(args), kwargs)))]
    given, kwargs = _inputs(layer, args, kwargs)
    tensors = leaves(given)
    if not tensors or not all(isinstance(x, Tensor) for x in tensors):
        raise layer.refuse("it is called on constants or on nothing, which is not supported")
    if layer.inner is not None:
        # Masks come with the tensors.
        return _nested(t, layer.inner, given)
    kwargs = dict(kwargs)
    mask = kwargs.get("mask")
    # What is MASKED comes with the tensors, too.
    masked = isinstance(mask, Tensor) or mask == MASKED
    if masked:
        kwargs.pop("mask")
    for key, value in kwargs.items():
        if not _is_default(key, value):
            raise layer.refuse(f"it is called with {key}={_shown(value)}, which is not supported")
    if layer.kind in REFUSED:
        raise layer.refuse(REFUSED[layer.kind])
    if layer.kind not in LAYERS and layer.kind not in MERGES:
        raise layer.refuse("it is not supported; docs/support.md lists the layers that are")
    if layer.kind not in _AS_GIVEN:
        # Layers cast floats to their own type.
        own = layer.width
        tensors = [t.cast(x, own, owner) if x.dtype in FLOATS else x for x in tensors]
    if any(x.dtype == "bool" for x in tensors):
        raise layer.refuse("it gets truths, which are supported as masks only")
    if layer.kind not in (*_AS_GIVEN, *_INTEGERS_TOO):
        for x in tensors:
            if x.dtype in INTEGERS:
                raise layer.refuse(
                    f"it gets numbers of type {x.dtype}, of which Keras computes some in integers; "
                    "cast them before, with keras.ops.cast"
                )
    if isinstance(mask, Tensor):
        tensors = [replace(x, mask=mask) for x in tensors]
    masked = masked or any(x.mask is not None for x in tensors)
    if masked and MASKS[layer.kind] == "refused":
        raise layer.refuse(
            "a mask comes with its input (Masking, or mask_zero=True), which is not supported "
            "here; build the model without it"
        )
    if layer.kind in MERGES:
        out = MERGES[layer.kind](t, layer, tensors)
    elif len(tensors) != 1:
        raise layer.refuse(f"it is called on {len(tensors)} tensors")
    else:
        out = LAYERS[layer.kind](t, layer, tensors[0])
    return [_checked(t, layer, _masked(t, layer, tensors, out))]


def _masked(t: Translation, layer: Layer, tensors: Sequence[Tensor], out: Tensor) -> Tensor:
    """Return what a layer gives with the mask that Keras hands on with it."""
    does, masks = MASKS[layer.kind], [x.mask for x in tensors if x.mask is not None]
    if does == "made":
        return out
    mask = masks[0] if masks and does == "kept" else None
    if does == "joined" and len(masks) == len(tensors):
        mask = masks[0]
        for other in masks[1:]:
            mask = either(t, layer, mask, other)
    # Of one that is handed on as it is nothing changes: a copy would compute it again.
    return out if out.mask is mask else replace(out, mask=mask)


def _checked(t: Translation, layer: Layer, out: Tensor) -> Tensor:
    t.spend(str(layer), out.size)
    return out


def _inputs(
    layer: Layer, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[Any, Mapping[str, Any]]:
    """Return what a layer is called on, and its other arguments."""
    rest = dict(kwargs)
    if args:
        given, *more = args
        if any(each is not None for each in more):
            raise layer.refuse("it is called with more than its inputs, which is not supported")
        return given, rest
    for name in ("inputs", "input", "x"):
        if name in rest:
            return rest.pop(name), rest
    raise ModelFormatError(f"{layer} is called on nothing")


def _is_default(key: str, value: Any) -> bool:
    if key == "mask":
        # Keras lists the masks that it makes itself; what makes one says so.
        return value is None or all(each is None for each in leaves(value))
    return value is None or (key == "training" and value is False)


def _nested(t: Translation, graph: Graph, given: Any) -> list[Tensor]:
    """Translate a call of a model, whose inputs and outputs Keras flattens by sorted keys."""
    if graph.sequential:
        first = graph.layers[0] if graph.layers else None
        starts = flat(given)
        if first is not None and first.kind == "InputLayer":
            starts = [_as_input(t, first, x) for x in starts]
        return [_sequence(t, graph, starts)]
    own = graph.inputs
    if isinstance(given, Mapping):
        # By name; Keras leaves out what it does not know.
        if isinstance(own, Mapping):
            given = {key: each for key, each in given.items() if key in own}
        else:
            names = [ref.layer for ref in flat(own)]
            given = [given[name] for name in names] if set(names) <= set(given) else given
    elif isinstance(own, Mapping) and len(own) > 1:
        raise UnsupportedModelError(
            f"the model {graph.name!r} has a dict of inputs, but is called on a list, which Keras "
            "does not compute either; call it on a dict"
        )
    layers = {layer.name: layer for layer in graph.layers}
    starts = [
        _as_input(t, layers[ref.layer], x) if ref.layer in layers else x
        for ref, x in zip(flat(own), flat(given), strict=False)
    ]
    starts += flat(given)[len(starts) :]
    return _functional(t, graph, flat(own), flat(graph.outputs), starts)


def _as_input(t: Translation, layer: Layer, x: Tensor) -> Tensor:
    """Return a tensor of the type of the Input of a model that is called on it."""
    dtype = str(layer.config.get("dtype") or "float32")
    if layer.kind != "InputLayer" or x.dtype == dtype:
        return x
    if dtype not in FLOATS or x.dtype not in (*FLOATS, *INTEGERS):
        raise layer.refuse(
            f"it is of type {dtype}, but the model is called on numbers of type {x.dtype}; make "
            "them one type"
        )
    return t.cast(x, dtype, str(layer))


def _shown(value: Any) -> str:
    if isinstance(value, Tensor | list | dict):
        return "a tensor"
    return np.array2string(value) if isinstance(value, np.ndarray) else repr(value)
