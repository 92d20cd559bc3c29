"""scikit-learn's scalers, Normalizer and Binarizer, in its own order of roundings."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore._errors import UnsupportedModelError
from fastscore.importers._builder import Builder
from fastscore.importers._flow import LARGEST, Frame, mapped, numbers, refuse, value_of, whole
from fastscore.importers._sklearn_common import version
from fastscore.importers._transform import transformer


def floats(
    build: Builder,
    frame: Frame,
    step: str,
    *,
    missing: bool,
    non_finite: bool = True,
    narrow: bool = False,
) -> Frame:
    """Return the columns as numbers that a step has checked.

    `missing`: it refuses NaN. `narrow`: its computation with float32 is supported, too.
    """
    frame = numbers(build, frame, step)
    if frame.width == "float32" and not narrow:
        raise UnsupportedModelError(
            f"{step} gets float32 numbers and computes at that width, which is not supported; have "
            "the steps before it give float64: dtype=np.float64"
        )
    return refuse(build, frame, step, missing=missing, non_finite=non_finite)


def learnt(values: Any, step: str) -> NDArray[np.float64]:
    """Return what a scaler learnt of each column."""
    found = np.asarray(values, dtype=np.float64)
    lacking = np.flatnonzero(~np.isfinite(found))
    if len(lacking):
        raise UnsupportedModelError(
            f"{step} learnt no finite numbers of its column {lacking[0]} (training had no values "
            "there, or huge ones); drop the column"
        )
    return found


@transformer("StandardScaler", "RobustScaler")
def standard_scaler(build: Builder, estimator: Any, frame: Frame) -> Frame:
    """Subtract the centre, then divide by the scale."""
    name = type(estimator).__name__
    if name == "StandardScaler":
        centre = estimator.mean_ if estimator.with_mean else None
        scale = estimator.scale_ if estimator.with_std else None
    else:
        centre = estimator.center_ if estimator.with_centering else None
        scale = estimator.scale_ if estimator.with_scaling else None
    frame = floats(build, frame, name, missing=False, narrow=True)
    return _standardized(build, frame, centre, scale, name)


def _standardized(build: Builder, frame: Frame, centre: Any, scale: Any, step: str) -> Frame:
    if centre is None and scale is None:
        return frame
    n, width = len(frame), frame.width
    shift = np.zeros(n) if centre is None else learnt(centre, step)
    divisor = np.ones(n) if scale is None else learnt(scale, step)
    casts = step == "StandardScaler" and version() >= (1, 8, 0) and not frame.sparse
    if casts and width == "float32":
        # Since it takes arrays of any library, it casts what it learnt.
        shift, divisor = (each.astype(np.float32).astype(float) for each in (shift, divisor))
    most = _most((frame.columns[i].most + abs(shift[i])) / abs(divisor[i]) for i in range(n))
    if frame.sparse:
        # Sparse columns are multiplied by the inverse.
        value = build.link(
            value_of(build, frame),
            "affine",
            width=width,
            scale=(1 / divisor).tolist(),
            shift=[0.0] * n,
        )
    else:
        value = build.link(
            value_of(build, frame),
            "standardize",
            width=width,
            shift=None if centre is None else shift.tolist(),
            scale=None if scale is None else divisor.tolist(),
        )
    return mapped(frame, value, gaps=True, most=most)


def _most(bounds: Any) -> float:
    """Return the largest of the bounds, with room for their roundings."""
    with np.errstate(all="ignore"):
        most = float(max(bounds, default=0.0)) * (1 + 1e-9)
    return most if most <= LARGEST else math.inf


@transformer("MinMaxScaler")
def min_max_scaler(build: Builder, estimator: Any, frame: Frame) -> Frame:
    """Multiply, then add; then clip where asked."""
    name = "MinMaxScaler"
    frame = floats(build, frame, name, missing=False, narrow=True)
    scale, shift = learnt(estimator.scale_, name), learnt(estimator.min_, name)
    value = build.link(
        value_of(build, frame),
        "affine",
        width=frame.width,
        scale=scale.tolist(),
        shift=shift.tolist(),
    )
    most = _most(
        column.most * abs(scale[i]) + abs(shift[i]) for i, column in enumerate(frame.columns)
    )
    if estimator.clip:
        low, high = map(float, estimator.feature_range)
        value = build.link(value, "clip", low=low, high=high)
        most = max(abs(low), abs(high))
    return mapped(frame, value, gaps=True, most=most)


@transformer("MaxAbsScaler")
def max_abs_scaler(build: Builder, estimator: Any, frame: Frame) -> Frame:
    """Divide by the largest magnitude; then clip where asked."""
    frame = floats(build, frame, "MaxAbsScaler", missing=False, narrow=True)
    out = _standardized(build, frame, None, estimator.scale_, "MaxAbsScaler")
    if not getattr(estimator, "clip", False):
        return out
    value = build.link(value_of(build, out), "clip", low=-1.0, high=1.0)
    return mapped(out, value, gaps=True, most=1.0)


@transformer("Normalizer")
def normalizer(build: Builder, estimator: Any, frame: Frame) -> Frame:
    """Divide each row by its norm."""
    frame = floats(build, frame, "Normalizer", missing=True)
    value = build.link(value_of(build, frame), "normalize_rows", norm=estimator.norm)
    return whole(value, len(frame), sparse=frame.sparse).approximate()


@transformer("Binarizer")
def binarizer(build: Builder, estimator: Any, frame: Frame) -> Frame:
    """Give 1 above the threshold, else 0."""
    frame = refuse(
        build,
        numbers(build, frame, "Binarizer"),
        "Binarizer",
        missing=True,
        non_finite=True,
    )
    value = build.link(
        value_of(build, frame), "above", at=float(estimator.threshold), above=1.0, other=0.0
    )
    return mapped(frame, value, most=1.0, near=False)
