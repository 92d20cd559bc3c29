"""Operators of ONNX over axes: sums and their like, norms, normalisations."""

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastscore.importers import _onnx_arithmetic as arithmetic
from fastscore.importers._flow import Column
from fastscore.importers._onnx_arithmetic import broadcast, floats, link, two
from fastscore.importers._onnx_graph import Node
from fastscore.importers._onnx_registry import attribute, operator, refuse
from fastscore.importers._onnx_values import Columns

if TYPE_CHECKING:
    from fastscore.importers._onnx_translation import Translation

_HOW = {
    "ReduceSum": "sum",
    "ReduceMean": "mean",
    "ReduceMax": "max",
    "ReduceMin": "min",
    "ReduceProd": "product",
    "ReduceL1": "l1",
    "ReduceL2": "l2",
    "ReduceSumSquare": "sum_square",
    "ReduceLogSum": "sum",
    "ReduceLogSumExp": "",
}

_OF_INTEGERS = ("sum", "max", "min", "product", "l1", "sum_square")

EMPTY = (
    "its input has no numbers to reduce; leave the node out, or give it one number or more a row"
)


@operator(*_HOW)
def reduce(translation: "Translation", node: Node) -> None:
    """Over axes of each row."""
    given: Any = attribute(node, "axes", None, list)
    if translation.opset(node) >= (13 if node.op == "ReduceSum" else 18):
        given = translation.optional_constant(node, 1)
    given = None if given is None else np.ravel(given)
    x = translation.columns(node, 0)
    floats(node, x, integers=_HOW[node.op] in _OF_INTEGERS)
    translation.integers(x.elem_type)
    axes = list(range(x.rank)) if given is None or not len(given) else [int(a) for a in given]
    if (given is None or not len(given)) and attribute(node, "noop_with_empty_axes", 0):
        translation.set(node, _of_each(translation, node, x))
        return
    kept = attribute(node, "keepdims", 1) == 1
    if node.op == "ReduceLogSumExp":
        found = _log_sum_exp(translation, node, x, axes, kept)
    else:
        found = reduced(translation, node, x, axes, _HOW[node.op], kept=kept)
    if node.op == "ReduceLogSum":
        found = link(translation, found, "ufunc", near=True, function="log")
    translation.set(node, found)


def _of_each(translation: "Translation", node: Node, x: Columns) -> Columns:
    """Return what a reduction of each number alone is: ONNX Runtime still applies its function."""
    if node.op == "ReduceSumSquare":
        return two(translation, "product", x, x)
    if node.op in ("ReduceL1", "ReduceL2"):
        return link(translation, x, "ufunc", function="abs")
    if node.op == "ReduceLogSum":
        return link(translation, x, "ufunc", near=True, function="log")
    return x


def reduced(
    translation: "Translation",
    node: Node,
    x: Columns,
    axes: list[int],
    how: str,
    *,
    kept: bool = True,
) -> Columns:
    """Return a tensor reduced over axes."""
    moved, lead, _ = arithmetic.last(translation, node, x, axes)
    if not len(x.frame):
        refuse(node, EMPTY)
    build = translation.build
    groups = arithmetic.count(lead)
    value = build.link(
        moved.value(build), "reduce", width=x.width, how=how, **arithmetic.grouped(groups)
    )
    exact = how in ("max", "min") or not x.elem_type.startswith("float")
    note = (
        "ONNX Runtime's largest and smallest of a row with NaN depend on where in the row that is; "
        "here they are NaN"
    )
    if how in ("max", "min") and note not in translation.notes:
        translation.notes.append(note)
    return translation.made(value, reduced_shape(x, axes, lead, kept), x, near=not exact)


def reduced_shape(
    x: Columns, axes: list[int], lead: tuple[int, ...], kept: bool
) -> tuple[int, ...]:
    if not kept:
        return lead
    own = {(axis + x.rank if axis < 0 else axis) - x.batched for axis in axes}
    return tuple(1 if at in own else size for at, size in enumerate(x.shape))


def _log_sum_exp(
    translation: "Translation", node: Node, x: Columns, axes: list[int], kept: bool
) -> Columns:
    """log(sum(exp(x))), each group at float64."""
    moved, lead, _ = arithmetic.last(translation, node, x, axes)
    groups = arithmetic.count(lead)
    each = len(x.frame) // max(groups, 1)
    if not each:
        refuse(node, EMPTY)
    build = translation.build
    columns: list[Column] = []
    for group in range(groups):
        part = replace(moved, frame=moved.frame.take(range(group * each, (group + 1) * each)))
        value = build.link(part.value(build), "log_sum_exp")
        if x.width == "float32":
            value = build.link(value, "round_to_float32")
        columns += translation.made(value, (1,), x).frame.columns
    frame = replace(moved.frame, columns=tuple(columns))
    return Columns(frame, reduced_shape(x, axes, lead, kept), x.elem_type, x.batched)


@operator("BatchNormalization")
def batch_normalization(translation: "Translation", node: Node) -> None:
    """By the means and variances of training: a line for each column."""
    if attribute(node, "training_mode", 0) or not attribute(node, "spatial", 1):
        refuse(node, "training_mode=1 and spatial=0 are not supported; export it in eval mode")
    x = translation.columns(node, 0)
    floats(node, x)
    scale, shift, mean, variance = (
        translation.constant(node, at).astype(np.float64) for at in range(1, 5)
    )
    epsilon = float(np.float32(attribute(node, "epsilon", 1e-5, float)))
    with np.errstate(all="ignore"):
        factor = scale / np.sqrt(variance + epsilon)
        line = (factor, shift - mean * factor)
    by_column = [_channels(translation, node, x, own) for own in line]
    if x.width == "float32":
        by_column = [own.astype(np.float32).astype(np.float64) for own in by_column]
    if not all(np.isfinite(own).all() for own in by_column):
        refuse(node, "its scales or shifts are not finite")
    found = arithmetic.affine(translation, x, *by_column)
    translation.set(node, found.near())


def _channels(
    translation: "Translation", node: Node, x: Columns, numbers: NDArray[Any]
) -> NDArray[Any]:
    """Return a number for each column, of those for each channel: the dimension after the rows."""
    at = 1 - x.batched
    if len(x.shape) <= at:
        numbers = numbers.reshape(()) if numbers.size == 1 else numbers
        if numbers.ndim:
            refuse(node, "its input has no channels")
        return np.broadcast_to(numbers, x.shape).ravel()
    if numbers.shape != (x.shape[at],):
        refuse(node, f"it has {numbers.size} numbers for {x.shape[at]} channels")
    shaped = numbers.reshape([-1 if axis == at else 1 for axis in range(len(x.shape))])
    return np.broadcast_to(shaped, x.shape).ravel()


@operator("LayerNormalization", "RMSNormalization")
def layer_normalization(translation: "Translation", node: Node) -> None:
    """By the mean and variance of a row's last dimensions."""
    x = translation.columns(node, 0)
    floats(node, x)
    axis = attribute(node, "axis", -1)
    moved, lead, _ = arithmetic.last(translation, node, x, arithmetic.from_axis(node, x, axis))
    scale, shift = (_spread(translation, node, x, at) for at in (1, 2))
    rms = node.op == "RMSNormalization"
    if rms and shift is not None:
        refuse(
            node,
            "it has a third input, a shift, which RMSNormalization does not take; add it with an "
            "Add node after this one",
        )
    translation.set(node, _normalized(translation, node, moved, lead, scale, shift, rms=rms))


def _spread(
    translation: "Translation", node: Node, x: Columns, at: int
) -> NDArray[np.float64] | None:
    """Return a constant's number for each column; None where it is left out."""
    if translation.optional_constant(node, at) is None:
        return None
    found, numbers = broadcast(translation, node, [x, translation.get(node, at)])
    if isinstance(numbers, Columns) or not isinstance(found, Columns) or found.shape != x.shape:
        refuse(node, f"its input {node.inputs[at]!r} does not fit")
    return numbers.astype(np.float64).ravel()


def _normalized(
    translation: "Translation",
    node: Node,
    x: Columns,
    lead: tuple[int, ...],
    scale: NDArray[np.float64] | None,
    shift: NDArray[np.float64] | None,
    *,
    rms: bool = False,
) -> Columns:
    epsilon = float(np.float32(attribute(node, "epsilon", 1e-5, float)))
    if not (math.isfinite(epsilon) and epsilon >= 0.0):
        refuse(node, f"its epsilon is {epsilon}")
    for own in (scale, shift):
        if own is not None and not np.isfinite(own).all():
            refuse(node, "its scales or shifts are not finite")
    return link(
        translation,
        x,
        "layer_norm",
        near=True,
        epsilon=epsilon,
        scale=None if scale is None else scale.tolist(),
        shift=None if shift is None else shift.tolist(),
        rms=rms,
        **arithmetic.grouped(arithmetic.count(lead)),
    )


@operator("InstanceNormalization", "GroupNormalization")
def group_normalization(translation: "Translation", node: Node) -> None:
    """By the mean and variance of groups of channels within a row."""
    x = translation.columns(node, 0)
    floats(node, x)
    at = 1 - x.batched
    if len(x.shape) <= at or any(size != 1 for size in x.shape[:at]):
        refuse(node, "its input has no channels")
    channels = x.shape[at]
    single = node.op == "InstanceNormalization"
    groups = channels if single else attribute(node, "num_groups", 0)
    if groups < 1 or channels % groups:
        refuse(node, f"{groups} groups of {channels} channels")
    numbers = []
    for at_input in (1, 2):
        own = translation.constant(node, at_input)
        if not single and translation.opset(node) < 21:
            if own.shape != (groups,):
                refuse(node, f"it has {own.size} numbers for {groups} groups")
            own = np.repeat(own, channels // groups)
        numbers.append(_channels(translation, node, x, own.astype(np.float64)))
    translation.set(node, _normalized(translation, node, x, (groups,), numbers[0], numbers[1]))


@operator("LpNormalization")
def lp_normalization(translation: "Translation", node: Node) -> None:
    """Each vector over its norm; one of zeros stays."""
    x = translation.columns(node, 0)
    floats(node, x)
    order = attribute(node, "p", 2)
    if order not in (1, 2):
        refuse(node, f"p={order} is unknown")
    norm = reduced(translation, node, x, [attribute(node, "axis", -1)], f"l{order}")
    ones = [1.0] * len(norm.frame)
    norm = link(translation, norm, "impute", values=ones, missing=0.0)
    found, divisor = broadcast(translation, node, [x, norm])
    assert isinstance(found, Columns)
    assert isinstance(divisor, Columns)
    translation.set(node, two(translation, "quotient", found, divisor))


@operator("MeanVarianceNormalization")
def mean_variance_normalization(translation: "Translation", node: Node) -> None:
    """(x - mean) / (sqrt(variance) + 1e-9) over axes."""
    x = translation.columns(node, 0)
    floats(node, x)
    axes = attribute(node, "axes", [0, 2, 3], list)
    mean = reduced(translation, node, x, axes, "mean")
    centred = _two(translation, node, "difference", x, mean)
    squares = two(translation, "product", centred, centred)
    variance = reduced(translation, node, squares, axes, "mean")
    deviation = link(translation, variance, "ufunc", function="sqrt")
    deviation = arithmetic.plus(translation, deviation, np.asarray(np.float32(1e-9)))
    translation.set(node, _two(translation, node, "quotient", centred, deviation))


def _two(translation: "Translation", node: Node, op: str, a: Columns, b: Columns) -> Columns:
    left, right = broadcast(translation, node, [a, b])
    assert isinstance(left, Columns)
    assert isinstance(right, Columns)
    return two(translation, op, left, right)


@operator("CumSum")
def cumulative_sum(translation: "Translation", node: Node) -> None:
    """Translate sums up to each element of an axis, from either end, with it or without."""
    x = translation.columns(node, 0)
    floats(node, x, integers=True)
    translation.integers(x.elem_type)
    axis = int(translation.constant(node, 1).reshape(()))
    moved, lead, order = arithmetic.last(translation, node, x, [axis])
    groups = arithmetic.count(lead)
    each = len(x.frame) // max(groups, 1)
    places = np.arange(len(x.frame)).reshape(groups, each).T
    if attribute(node, "reverse", 0):
        places = places[::-1]
    parts = [replace(moved, frame=moved.frame.take(own), shape=(groups,)) for own in places]
    if attribute(node, "exclusive", 0) and parts:
        parts = [arithmetic.spread(translation, parts[0], np.zeros(())), *parts[:-1]]
    sums = parts[:1]
    for part in parts[1:]:
        sums.append(two(translation, "sum", sums[-1], part))
    columns = [own.frame.columns for own in sums]
    if attribute(node, "reverse", 0):
        columns = columns[::-1]
    frame = replace(moved.frame, columns=tuple(own[at] for at in range(groups) for own in columns))
    found = arithmetic.back(replace(moved, frame=frame), order)
    translation.set(node, found.near() if x.elem_type.startswith("float") else found)


@operator("GlobalAveragePool", "GlobalMaxPool")
def global_pool(translation: "Translation", node: Node) -> None:
    """Reduce all that comes after the channels, the dimension after the rows."""
    x = translation.columns(node, 0)
    floats(node, x)
    how = "max" if node.op == "GlobalMaxPool" else "mean"
    if x.rank < 3:
        refuse(node, f"it pools over dimensions after the second, and its input has {x.rank}")
    translation.set(node, reduced(translation, node, x, list(range(2, x.rank)), how))
