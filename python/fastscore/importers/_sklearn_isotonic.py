"""scikit-learn's IsotonicRegression: straight lines between its thresholds.

SciPy interpolates float64 thresholds by `np.interp`, float32 ones by other steps.
"""

from typing import Any

import numpy as np

from fastscore import _core
from fastscore._errors import UnsupportedModelError
from fastscore._options import Options
from fastscore.importers._builder import Builder
from fastscore.importers._sklearn_common import Policy, check, finish


def import_isotonic(estimator: Any, options: Options) -> _core.Model:
    """IsotonicRegression: one feature."""
    check(estimator, options, "X_thresholds_")
    build = Builder(1, None)
    outside = estimator.out_of_bounds
    if outside == "raise":
        raise UnsupportedModelError(
            "IsotonicRegression: out_of_bounds='raise' refuses whole tables for one value outside "
            f"[{estimator.X_min_}, {estimator.X_max_}], which is not supported; set it to 'clip' "
            "or 'nan' before importing"
        )
    value = interpolated(build, 0, estimator, owner="IsotonicRegression")
    build.target(margin=value, rule="value", value=value)
    policy = Policy(missing=False, non_finite=False, width="float64")
    return finish(build, estimator, policy)


def interpolated(build: Builder, value: int, estimator: Any, *, owner: str) -> int:
    """Return the prediction of an isotonic regression for a value of one column."""
    x, y = np.asarray(estimator.X_thresholds_), np.asarray(estimator.y_thresholds_)
    if x.dtype != np.float64 or y.dtype != np.float64:
        raise UnsupportedModelError(
            f"{owner}: isotonic regression on float32 numbers computes in float32, which is not "
            "supported; fit it on float64 numbers, or use method='sigmoid'"
        )
    low, high = float(estimator.X_min_), float(estimator.X_max_)
    if estimator.out_of_bounds == "clip":
        value = build.link(value, "clip", low=low, high=high)
    result = build.interpolate(value, [x], [y])
    if estimator.out_of_bounds == "nan" and len(x) > 1:
        inside = _inside(build, value, low, high)
        return build.add({"op": "product", "inputs": [result, inside]})
    return result


def _inside(build: Builder, value: int, low: float, high: float) -> int:
    """Return 1 where a column is from `low` to `high`, else NaN."""
    bins = build.bins(value, [[low, np.nextafter(high, np.inf)]])
    prefix = f"map{len(build.steps)}"
    build.tensor(f"{prefix}.column", [0], np.int32)
    build.tensor(f"{prefix}.offset", [0, 1], np.int64)
    build.tensor(f"{prefix}.key", [1.0], np.float64)
    build.tensor(f"{prefix}.value", [1.0], np.float64)
    build.tensor(f"{prefix}.other", [np.nan], np.float64)
    build.tensor(f"{prefix}.missing", [np.nan], np.float64)
    return build.add({"op": "map", "input": bins, "tensors": prefix})
