"""scikit-learn's transformers that bend columns: bins, polynomials, functions, distributions."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore._errors import UnsupportedModelError
from fastscore.importers._builder import Builder
from fastscore.importers._flow import (
    LARGEST_FLOAT32,
    Frame,
    exact,
    mapped,
    numbers,
    refuse,
    refuse_unknown,
    value_of,
    whole,
)
from fastscore.importers._text import Lookup, lookups, one_hot
from fastscore.importers._transform import transformed, transformer
from fastscore.importers._transform_scale import floats, learnt


@transformer("KBinsDiscretizer")
def bins(build: Builder, estimator: Any, frame: Frame) -> Frame:
    """KBinsDiscretizer: the number of the bin, or a column a bin."""
    name = "KBinsDiscretizer"
    if estimator.strategy == "quantile":
        exact(build, frame, name, "use strategy='uniform' or 'kmeans', or bin the column itself")
    single = estimator.dtype is not None and np.dtype(estimator.dtype) == np.float32
    frame = refuse(
        build,
        numbers(build, frame, name),
        name,
        missing=True,
        non_finite=True,
        width="float32" if single else "float64",
    )
    value = value_of(build, frame)
    if single:
        value = build.link(value, "round_to_float32")
    elif estimator.dtype is None:
        single = frame.width == "float32"
    edges = [np.asarray(each, dtype=np.float64)[1:-1] for each in estimator.bin_edges_]
    value = build.bins(value, edges)
    most = float(max(map(len, edges), default=0))
    width = "float32" if single else "float64"
    out = whole(value, len(frame), missing=False, most=most, width=width)
    if estimator.encode == "ordinal":
        return out
    cells = [
        (column, float(number))
        for column, own in zip(out.columns, edges, strict=True)
        for number in range(len(own) + 1)
    ]
    hot = one_hot(build, cells)
    return whole(
        hot.columns[0].value,
        len(hot),
        missing=False,
        most=1.0,
        width=width,
        sparse=estimator.encode == "onehot",
    )


@transformer("PolynomialFeatures")
def polynomial(build: Builder, estimator: Any, frame: Frame) -> Frame:
    """PolynomialFeatures: products of columns, from the last to the first."""
    frame = floats(build, frame, "PolynomialFeatures", missing=True)
    if not estimator.n_output_features_:
        return Frame((), frame.sparse)
    factors = [np.repeat(np.arange(len(row)), row)[::-1] for row in np.asarray(estimator.powers_)]
    prefix = f"polynomial{len(build.steps)}"
    value = value_of(build, frame)
    build.tensor(f"{prefix}.offset", np.cumsum([0, *map(len, factors)]), np.int64)
    build.tensor(f"{prefix}.factor", np.concatenate(factors), np.int32)
    value = build.add({"op": "polynomial", "input": value, "tensors": prefix})
    out = whole(value, len(factors), sparse=frame.sparse)
    return out.approximate() if frame.near else out


_SAME = (
    "sqrt cbrt square sign negative reciprocal floor ceil rint trunc exp expm1 exp2 log log1p log2 "
    "log10 sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh"
)
FUNCTIONS = {
    "absolute": "abs",
    "fabs": "abs",
    **{each: each for each in _SAME.split()},
}
"""NumPy's name of a function -> the format's."""

_EXACT = frozenset(
    ("abs", "sqrt", "square", "sign", "negative", "reciprocal", "floor", "ceil", "rint", "trunc")
)
"""The format's functions that have one result, on every machine."""


@transformer("FunctionTransformer")
def function(build: Builder, estimator: Any, frame: Frame) -> Frame:
    """FunctionTransformer: NumPy's functions, element by element."""
    name = "FunctionTransformer"
    if estimator.validate:
        frame = refuse(build, numbers(build, frame, name), name, missing=True, non_finite=True)
    if estimator.func is None:
        return frame
    found = None
    if isinstance(estimator.func, np.ufunc) and not estimator.kw_args:
        found = FUNCTIONS.get(estimator.func.__name__)
        if estimator.func.__name__ == "positive":
            return numbers(build, frame, name)
    if found is None:
        supported = ", ".join(f"numpy.{each}" for each in sorted(FUNCTIONS))
        arguments = f" with kw_args={estimator.kw_args!r}" if estimator.kw_args else ""
        raise UnsupportedModelError(
            f"{name}: func={estimator.func!r}{arguments} is code, which can't be imported; "
            f"supported are None and {supported}"
        )
    if found == "reciprocal" and any(column.value == 0 for column in frame.columns):
        raise UnsupportedModelError(
            f"{name}: numpy.reciprocal gives 0 for integers and fractions for floats, so that it "
            "depends on the type of the data; have a step before give floats, such as a "
            "StandardScaler(with_mean=False, with_std=False)"
        )
    frame = numbers(build, frame, name)
    if frame.width == "float32":
        frame = floats(build, frame, name, missing=False, non_finite=False)
    value = build.link(value_of(build, frame), "ufunc", function=found)
    out = whole(value, len(frame), sparse=frame.sparse)
    return out.approximate() if frame.near or found not in _EXACT else out


@transformer("PowerTransformer")
def power(build: Builder, estimator: Any, frame: Frame) -> Frame:
    """PowerTransformer: Yeo-Johnson or Box-Cox, then standardised where asked."""
    name = "PowerTransformer"
    frame = floats(build, frame, name, missing=False)
    value = value_of(build, frame)
    if estimator.method == "box-cox":
        _refuse_not_positive(build, frame, name)
    link = {"box-cox": "box_cox", "yeo-johnson": "yeo_johnson"}[estimator.method]
    lambdas = learnt(estimator.lambdas_, name)
    out = whole(build.link(value, link, lambdas=lambdas.tolist()), len(frame)).approximate()
    return transformed(build, estimator._scaler, out, name) if estimator.standardize else out


def _refuse_not_positive(build: Builder, frame: Frame, step: str) -> None:
    """Refuse numbers up to 0; NaN is none."""
    filled = build.link(value_of(build, frame), "impute", values=[1.0] * len(frame), missing=None)
    positive = build.link(filled, "above", at=0.0, above=1.0, other=0.0)
    tables = [
        Lookup(column, {1.0: 0.0}, 0.0, np.nan) for column in whole(positive, len(frame)).columns
    ]
    value = lookups(build, tables)
    refuse_unknown(build, value, range(len(frame)), frame.columns, step)


_THRESHOLD = 1e-7
"""scikit-learn's BOUNDS_THRESHOLD."""


@transformer("QuantileTransformer")
def quantile(build: Builder, estimator: Any, frame: Frame) -> Frame:
    """QuantileTransformer: the mean of two interpolations, exact at the ends, then the normal."""
    frame = floats(build, frame, "QuantileTransformer", missing=False)
    x = value_of(build, frame)
    learnt(estimator.quantiles_[0], "QuantileTransformer")
    quantiles = np.asarray(estimator.quantiles_, dtype=np.float64).T
    references = np.asarray(estimator.references_, dtype=np.float64)
    up = build.interpolate(x, quantiles, references)
    negative = build.link(x, "ufunc", function="negative")
    down = build.interpolate(negative, -quantiles[:, ::-1], -references[::-1])
    difference = build.add(
        {"op": "sum", "inputs": [up, build.link(down, "ufunc", function="negative")]}
    )
    y = build.link(difference, "multiply", by=0.5)
    if (np.diff(quantiles) == 0).any():
        exact(build, frame, "QuantileTransformer", "transform the column itself")
    lows, highs = quantiles[:, 0], quantiles[:, -1]
    if estimator.output_distribution == "uniform":
        below = one_hot(build, list(zip(frame.columns, lows.tolist(), strict=True)))
        above = one_hot(build, list(zip(frame.columns, highs.tolist(), strict=True)))
        at_low, at_high = value_of(build, below), value_of(build, above)
        inside, above_low = _complement(build, at_high, frame), _complement(build, at_low, frame)
    else:
        # Not below: x - threshold >= low; above: x + threshold > high.
        above_low = _from(build, build.link(x, "add", value=-_THRESHOLD), lows, equal=True)
        at_high = _from(build, build.link(x, "add", value=_THRESHOLD), highs, equal=False)
        inside = _complement(build, at_high, frame)
    y = build.add({"op": "product", "inputs": [y, inside]})
    y = build.add({"op": "sum", "inputs": [y, at_high]})
    y = build.add({"op": "product", "inputs": [y, above_low]})
    if estimator.output_distribution == "uniform":
        return mapped(frame, y, most=1.0)
    from scipy import stats

    edge = _THRESHOLD - np.spacing(1)
    low, high = float(stats.norm.ppf(edge)), float(stats.norm.ppf(1 - edge))
    y = build.link(build.link(y, "ufunc", function="ndtri"), "clip", low=low, high=high)
    return mapped(frame, y, most=LARGEST_FLOAT32, near=True)


def _complement(build: Builder, value: int, frame: Frame) -> int:
    """Return 1 - x of columns of 0 and 1."""
    n = len(frame)
    return build.link(value, "affine", scale=[-1.0] * n, shift=[1.0] * n)


def _from(build: Builder, value: int, starts: NDArray[np.float64], *, equal: bool) -> int:
    """Return 1 where a column is above its own number, or `equal` to it; else 0."""
    # A difference of floats is 0 only where they are equal, and has the right sign elsewhere.
    difference = build.link(value, "standardize", shift=starts.tolist(), scale=None)
    at = -5e-324 if equal else 0.0
    return build.link(difference, "above", at=at, above=1.0, other=0.0)
