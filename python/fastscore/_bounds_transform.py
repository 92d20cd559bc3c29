"""How far what scikit-learn's transformers give may be off, for `verify`.

Most give equal bits: None. Projections are sums as those of linear models. Functions,
distributions and norms are promised within 1e-12 of what they give, and where such steps follow
each other, their bounds add up.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore import _bounds_scores

Bound = NDArray[np.float64] | None

_RELATIVE = 1e-12
_BENT = ("FunctionTransformer", "PowerTransformer", "QuantileTransformer", "Normalizer")
_SPLINES = 1e-13


def transform_bound(estimator: Any, x: Any) -> Bound:
    """Return the bound of each number that a transformer gives, `(rows, columns)`."""
    if estimator is None or isinstance(estimator, str):
        return None
    name = type(estimator).__name__
    if name == "Pipeline":
        return _pipeline(estimator, x)
    if name == "ColumnTransformer":
        columns = estimator._transformer_to_input_indices
        return _beside(
            [
                (each, _columns(x, columns[label]))
                for label, each, _ in estimator.transformers_
                if not (isinstance(each, str) and each == "drop") and len(columns[label])
            ]
        )
    if name == "FeatureUnion":
        return _beside(
            [
                (each, x)
                for _, each in estimator.transformer_list
                if not (isinstance(each, str) and each == "drop")
            ]
        )
    return _one(estimator, x, None)


def _pipeline(pipeline: Any, x: Any) -> Bound:
    bound = None
    for _, step in pipeline.steps:
        if step is None or isinstance(step, str):
            continue
        bound = transform_bound(step, x) if bound is None else _one(step, x, bound)
        x = step.transform(x)
    return bound


def _beside(parts: list[tuple[Any, Any]]) -> Bound:
    bounds = [(transform_bound(each, x), each, x) for each, x in parts]
    if all(bound is None for bound, _, _ in bounds):
        return None
    return np.hstack(
        [np.zeros(_given(each, x).shape) if bound is None else bound for bound, each, x in bounds]
    )


def _one(estimator: Any, x: Any, before: Bound) -> Bound:
    """Return the bound of one step, that of its input given."""
    name = type(estimator).__name__
    if hasattr(estimator, "components_") and name in ("PCA", "IncrementalPCA", "TruncatedSVD"):
        components = np.abs(np.asarray(estimator.components_, dtype=np.float64))
        size = np.abs(_given(None, x)) @ components.T
        if name != "TruncatedSVD":
            size = size + np.abs(estimator.mean_) @ components.T
        bound = _RELATIVE * size
        if before is not None:
            bound = bound + before @ components.T
        if getattr(estimator, "whiten", False):
            least = np.finfo(np.float64).eps
            bound = bound / np.maximum(np.sqrt(estimator.explained_variance_), least)
        projected: NDArray[np.float64] = bound
        return projected
    if before is None and hasattr(estimator, "x_rotations_"):
        size = np.abs((_given(None, x) - estimator._x_mean) / estimator._x_std)
        rotated: NDArray[np.float64] = _RELATIVE * (size @ np.abs(estimator.x_rotations_))
        return rotated
    if before is None and name == "LinearDiscriminantAnalysis":
        size = np.abs(_given(None, x)) + np.abs(getattr(estimator, "xbar_", 0.0))
        scalings = np.abs(estimator.scalings_[:, : estimator._max_components])
        separated: NDArray[np.float64] = _RELATIVE * (size @ scalings)
        return separated
    if before is None and hasattr(estimator, "cluster_centers_"):
        return _bounds_scores.transform_bound(estimator, _given(None, x))
    if before is not None and name in ("StandardScaler", "RobustScaler", "MaxAbsScaler"):
        scale = getattr(estimator, "scale_", None)
        return before if scale is None else np.asarray(before / scale)
    if before is not None and name == "MinMaxScaler":
        return np.asarray(before * np.abs(estimator.scale_))
    if before is not None and hasattr(estimator, "get_support"):
        return np.asarray(before[:, estimator.get_support()])
    bent = name in _BENT and not (name == "FunctionTransformer" and estimator.func is None)
    if before is None and not bent and name != "SplineTransformer":
        return None
    given = np.abs(_given(estimator, x))
    scaler = getattr(estimator, "_scaler", None)
    if scaler is not None and scaler.mean_ is not None and scaler.scale_ is not None:
        given = given + np.abs(scaler.mean_ / scaler.scale_)
    if before is None:
        own = np.asarray(_RELATIVE * given)
        return own + _SPLINES * (1 + _beyond(estimator, x)) if name == "SplineTransformer" else own
    # A step of any slope after rounded numbers.
    return 1e2 * _RELATIVE * (given + 1)


def _beyond(estimator: Any, x: Any) -> Any:
    """How far beyond the knots each row lies, in their spans, where lines go on there.

    scikit-learn rounds their slopes, some of which are 0.
    """
    if estimator.extrapolation != "linear":
        return 0.0
    ends = [(spline.t[spline.k], spline.t[-spline.k - 1]) for spline in estimator.bsplines_]
    low, high = np.asarray(ends, dtype=np.float64).T
    table = np.nan_to_num(_given(None, x))
    spans = np.maximum(low - table, table - high) / (high - low)
    return np.maximum(spans, 0).max(axis=1, keepdims=True)


def _given(estimator: Any, x: Any) -> NDArray[np.float64]:
    """Return what a step gives, or what it is given, as a matrix of numbers."""
    found = x if estimator is None else estimator.transform(x)
    found = found.toarray() if hasattr(found, "toarray") else found
    return np.asarray(found, dtype=np.float64)


def _columns(x: Any, places: Any) -> Any:
    if hasattr(x, "iloc"):
        return x.iloc[:, places]
    return x[:, places]


def is_plain(table: Any) -> bool:
    """Whether all columns of what was handed on are numbers."""
    dtypes = getattr(table, "dtypes", None)
    if dtypes is None:
        return True
    return all(isinstance(dtype, np.dtype) and dtype.kind in "biuf" for dtype in dtypes)
