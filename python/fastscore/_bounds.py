"""How far the margins of scikit-learn's estimators may be off, for `verify`.

Sums of trees are equal to the bit. Linear models are promised within 1e-12 of the sum of
|coefficient x value|, or 1e-6 where they compute in float32. Ensembles pass on what their members
have, and boosting that starts from a classifier the rounding of its logarithms.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore._bounds_scores import score_bound
from fastscore._bounds_transform import is_plain, transform_bound

_LINEAR = {np.dtype(np.float64): 1e-12, np.dtype(np.float32): 1e-6}

Bound = NDArray[np.float64] | None


def linear_bound(estimator: Any, x: NDArray[Any]) -> Bound:
    """Return the bound, `(rows, outputs)`; None where margins are equal to the bit."""
    if hasattr(estimator, "named_steps"):
        return _pipeline(estimator, x)
    own = score_bound(estimator, x)
    if own is not None:
        return own
    if hasattr(estimator, "coef_"):
        return _linear(estimator, x)
    if hasattr(estimator, "get_support") and hasattr(estimator, "estimator_"):
        return linear_bound(estimator.estimator_, x[:, estimator.get_support()])
    if hasattr(estimator, "inlier_mask_") and hasattr(estimator, "estimator_"):
        return linear_bound(estimator.estimator_, x)
    if hasattr(estimator, "estimators_features_"):
        bounds = [
            linear_bound(member, x[:, features])
            for member, features in zip(
                estimator.estimators_, estimator.estimators_features_, strict=True
            )
        ]
        return _largest(bounds)
    if hasattr(estimator, "estimator_weights_") and not hasattr(estimator, "classes_"):
        return _largest([linear_bound(member, x) for member in estimator.estimators_])
    if hasattr(estimator, "_raw_predict_init") and hasattr(estimator.init_, "predict"):
        return _started(estimator, x.astype(np.float32))
    return _of_members(estimator, x)


def _of_members(estimator: Any, x: NDArray[Any]) -> Bound:
    """Of a meta-estimator: of its decisions, else of its probabilities, or its values."""
    from fastscore._shake import is_meta, reach

    methods = ("decision_function", "predict_proba", "predict")
    method = next((name for name in methods if hasattr(estimator, name)), None)
    if method is None or not is_meta(estimator):
        return None
    found = reach(estimator, x, method)
    return found.reshape(len(found), -1)


def _linear(estimator: Any, x: NDArray[Any]) -> NDArray[np.float64]:
    coefficients = estimator.coef_
    if hasattr(coefficients, "toarray"):
        coefficients = coefficients.toarray()
    width = np.result_type(np.asarray(coefficients), x)
    coefficients = np.abs(np.atleast_2d(np.asarray(coefficients, dtype=np.float64)))
    shift = estimator.intercept_ if hasattr(estimator, "intercept_") else estimator.offset_
    intercept = np.abs(np.asarray(shift, dtype=np.float64)).ravel()
    scale: NDArray[np.float64] = np.abs(x).astype(np.float64) @ coefficients.T + intercept
    return _LINEAR.get(width, 1e-12) * scale


def _pipeline(pipeline: Any, x: Any) -> Bound:
    """Of its last step, for what it gets, and for what that may be off itself."""
    last, handed = pipeline[-1], x
    for _, step in pipeline.steps[:-1]:
        if step not in (None, "passthrough"):
            handed = step.transform(handed)
    if hasattr(handed, "toarray"):
        handed = handed.toarray()
    bound = linear_bound(last, np.asarray(handed) if is_plain(handed) else handed)
    before = transform_bound(pipeline[:-1], x)
    if bound is None or before is None or not hasattr(last, "coef_"):
        return bound
    coefficients = np.abs(np.atleast_2d(np.asarray(last.coef_, dtype=np.float64)))
    own: NDArray[np.float64] = bound + before @ coefficients.T
    return own


def _largest(bounds: Sequence[Bound]) -> Bound:
    known = [bound.max(axis=1, keepdims=True) for bound in bounds if bound is not None]
    return np.maximum.reduce(known) if known else None


def _started(estimator: Any, x: NDArray[np.float32]) -> Bound:
    """Gradient boosting from an estimator: its margins, for a classifier through a logarithm."""
    bound = linear_bound(estimator.init_, x)
    if not hasattr(estimator, "classes_"):
        return bound
    eps = np.finfo(np.float64).eps
    shares = np.clip(estimator.init_.predict_proba(x), eps, 1 - eps)
    logs = np.abs(np.log(shares)).max(axis=1, keepdims=True)
    # NumPy's logarithm and exponential are not the same on every processor: each is off by a few
    # roundings, of numbers up to the largest logarithm.
    own: NDArray[np.float64] = 8 * eps * (1 + logs)
    if _rounded_shares(estimator.init_):
        # Its shares are within ulps; the least loses most in the logarithm.
        own = own + 8 * eps / shares.min(axis=1, keepdims=True)
    if bound is not None:
        own = own + bound / shares.min(axis=1, keepdims=True)
    return own


def _rounded_shares(estimator: Any) -> bool:
    """Whether its probabilities come through a link: sums of trees and votes don't."""
    members = getattr(estimator, "estimators_", ())
    if hasattr(estimator, "estimators_features_"):
        return any(map(_rounded_shares, members))
    return hasattr(estimator, "decision_function")
