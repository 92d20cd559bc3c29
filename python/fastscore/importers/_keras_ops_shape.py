"""Operations of `keras.ops` that move numbers about, and those that reduce some axes."""

import numpy as np

from fastscore.importers._keras_config import policy
from fastscore.importers._keras_merge import concatenated
from fastscore.importers._keras_norm import reduced, unit
from fastscore.importers._keras_registry import Called, operation
from fastscore.importers._keras_shape import reshaped
from fastscore.importers._keras_values import Tensor, Translation, axes_of, axis_of


@operation("Concatenate")
def _concatenate(t: Translation, call: Called) -> Tensor:
    tensors, dtype = call.tensors("xs")
    axis = call.option(1, "axis", -1)
    return concatenated(t, [t.cast(x, dtype, call.owner) for x in tensors], axis, call.layer)


@operation("Cast")
def _cast(t: Translation, call: Called) -> Tensor:
    x = call.moved()
    return t.cast(x, policy(call.option(1, "dtype", None), call.owner), call.owner)


_REDUCTIONS = {"Mean": "mean", "Sum": "sum", "Max": "max", "Min": "min", "Prod": "product"}


@operation(*_REDUCTIONS)
def _reduce(t: Translation, call: Called) -> Tensor:
    x = call.tensor()
    axis = call.option(1, "axis", None)
    if axis is None:
        raise call.refuse("axis=None goes over the rows, which is not supported")
    for name in ("initial", "dtype"):
        if call.option(3, name) is not None:
            raise call.refuse(f"{name} is not supported; leave it out")
    axes = axes_of(call.layer, axis, x.shape)
    out = reduced(t, x, _REDUCTIONS[call.kind], axes)
    if call.config.get("keepdims"):
        return reshaped(
            t, out, tuple(1 if i in axes else d for i, d in enumerate(x.shape)), call.layer
        )
    return out


@operation("Normalize")
def _normalize(t: Translation, call: Called) -> Tensor:
    x = call.tensor()
    if call.config.get("order", 2) != 2:
        raise call.refuse("order=2 is supported only")
    epsilon = call.config.get("epsilon")
    axes = axes_of(call.layer, call.config.get("axis", -1), x.shape)
    return unit(t, x, axes, t.epsilon if epsilon is None else float(epsilon))


@operation("Reshape")
def _reshape(t: Translation, call: Called) -> Tensor:
    x = call.moved()
    shape = call.option(1, "newshape", None)
    if shape is None:
        shape = call.config.get("shape")
    if not isinstance(shape, list | tuple) or list(shape[:1]) != [-1]:
        raise call.refuse("a shape that does not begin with -1, for the rows, is not supported")
    return reshaped(t, x, tuple(shape[1:]), call.layer)


@operation("Transpose")
def _transpose(t: Translation, call: Called) -> Tensor:
    x = call.moved()
    axes = call.option(1, "axes", None)
    if not isinstance(axes, list | tuple) or list(axes[:1]) != [0]:
        raise call.refuse("axes that don't begin with 0, for the rows, are not supported")
    own = [axis_of(call.layer, axis, x.shape) for axis in axes[1:]]
    if sorted(own) != list(range(len(x.shape))):
        raise call.refuse(f"axes={axes} do not fit {x.shape}")
    return t.moved(x, t.places(x).transpose(own))


@operation("Stack")
def _stack(t: Translation, call: Called) -> Tensor:
    tensors, dtype = call.tensors("x")
    axis = axis_of(call.layer, call.option(1, "axis", 0), (*tensors[0].shape, 1))
    parts = [
        reshaped(t, t.cast(x, dtype, call.owner), (*x.shape[:axis], 1, *x.shape[axis:]), call.layer)
        for x in tensors
    ]
    return concatenated(t, parts, axis + 1, call.layer)


@operation("ExpandDims")
def _expand(t: Translation, call: Called) -> Tensor:
    x = call.moved()
    axis = call.option(1, "axis", None)
    given = list(axis) if isinstance(axis, list | tuple) else [axis]
    places = axes_of(call.layer, given, (*x.shape, *(1 for _ in given)))
    if len(places) < len(given):
        raise call.refuse(f"axis={axis} has an axis twice")
    rest = iter(x.shape)
    count = len(x.shape) + len(places)
    shape = tuple(1 if at in places else next(rest) for at in range(count))
    return reshaped(t, x, shape, call.layer)


@operation("Squeeze")
def _squeeze(t: Translation, call: Called) -> Tensor:
    x = call.moved()
    axis = call.option(1, "axis", None)
    ones = [i for i, d in enumerate(x.shape) if d == 1]
    gone = ones if axis is None else axes_of(call.layer, axis, x.shape)
    if not set(gone) <= set(ones):
        raise call.refuse(f"axis={axis} of {x.shape} is not 1")
    return reshaped(t, x, tuple(d for i, d in enumerate(x.shape) if i not in gone), call.layer)


@operation("GetItem")
def _item(t: Translation, call: Called) -> Tensor:
    x = call.moved()
    key = call.get(1, "key")
    keys = list(key) if isinstance(key, list | tuple) else [key]
    allowed = bool(keys) and keys[0] in (slice(None), Ellipsis)
    allowed &= all(
        each is None or each is Ellipsis or isinstance(each, int | slice) for each in keys
    )
    if not allowed:
        raise call.refuse("only slices and numbers after [:, ...] are supported")
    own = keys if keys[0] is Ellipsis else keys[1:]
    try:
        return t.moved(x, np.asarray(t.places(x)[tuple(own)]))
    except (IndexError, ValueError) as error:
        raise call.refuse(f"{error}") from None
