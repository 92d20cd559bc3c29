"""What scikit-learn's meta-estimators compare where no method of theirs tells it, for `verify`."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def meta_margin(estimator: Any, x: Any) -> Any:
    """Return the margin of a meta-estimator that has no `decision_function`; None for others."""
    name = type(estimator).__name__
    if name == "VotingClassifier" and estimator.voting == "hard":
        votes = _votes(estimator, x)
        return votes[:, 1] if votes.shape[1] == 2 else votes
    if name == "OutputCodeClassifier":
        near = _nearness(estimator, x)
        return near[:, 1] - near[:, 0] if near.shape[1] == 2 else near
    if name == "OneVsRestClassifier" and not hasattr(estimator, "predict_proba"):
        return _scores(estimator.estimators_, x)
    if name == "OneVsRestClassifier" and estimator.multilabel_:
        return estimator.predict_proba(x)
    if name == "MultiOutputClassifier":
        return [_target_margin(member, x) for member in estimator.estimators_]
    if name == "ClassifierChain":
        return estimator.predict_proba(x) if _has_shares(estimator) else estimator.predict(x)
    return None


def own_rounding(estimator: Any, x: Any) -> NDArray[np.float64] | float:
    """How far its margins and values may be off by themselves, of whatever members."""
    name = type(estimator).__name__
    if name == "TransformedTargetRegressor":
        # Functions are within 1e-12 of what they give.
        value = np.abs(np.asarray(estimator.predict(x), dtype=np.float64))
        bound: NDArray[np.float64] = 1e-12 * (1 + value.reshape(len(value), -1))
        return bound
    if name != "OutputCodeClassifier":
        return 0.0
    codes = np.abs(np.asarray(estimator.code_book_, dtype=np.float64))
    size = 2 * np.abs(_scores(estimator.estimators_, x)) @ codes.T + (codes**2).sum(axis=1)
    return 2e-12 * float(size.max(initial=0.0))


def decisive_scores(estimator: Any, x: Any, target: int) -> NDArray[np.float64] | None:
    """Return the scores that it compares, (rows, classes), where no method gives them."""
    name = type(estimator).__name__
    if name == "VotingClassifier" and estimator.voting == "hard":
        return _votes(estimator, x)
    if name == "OutputCodeClassifier":
        return _nearness(estimator, x)
    if name in ("FixedThresholdClassifier", "TunedThresholdClassifierCV"):
        return _thresholded(estimator, x)
    if name == "OneVsRestClassifier":
        scores = _scores(estimator.estimators_, x)
        if scores.shape[1] > 1:
            return scores
        return np.column_stack([np.full(len(scores), _threshold(estimator)), scores[:, 0]])
    if name == "MultiOutputClassifier":
        margin = np.asarray(_target_margin(estimator.estimators_[target], x))
        middle = 0.0 if hasattr(estimator.estimators_[target], "decision_function") else 0.5
        return (
            np.column_stack([np.full(len(margin), middle), margin]) if margin.ndim == 1 else margin
        )
    return None


def _votes(estimator: Any, x: Any) -> NDArray[np.float64]:
    weights = estimator._weights_not_none
    weights = [1.0] * len(estimator.estimators_) if weights is None else weights
    votes = np.zeros((len(x), len(estimator.classes_)))
    for member, weight in zip(estimator.estimators_, weights, strict=True):
        votes[np.arange(len(x)), member.predict(x)] += weight
    return votes


def _nearness(estimator: Any, x: Any) -> NDArray[np.float64]:
    """Twice the product of scores and codes, less the codes' squares."""
    codes = np.asarray(estimator.code_book_, dtype=np.float64)
    squares = (codes**2).sum(axis=1)
    found: NDArray[np.float64] = 2 * _scores(estimator.estimators_, x) @ codes.T - squares
    return found


def _scores(members: Sequence[Any], x: Any) -> NDArray[np.float64]:
    """Return what `_predict_binary` of scikit-learn gives."""
    from sklearn.base import is_regressor

    def score(member: Any) -> Any:
        if is_regressor(member):
            return member.predict(x)
        if hasattr(member, "decision_function"):
            return np.ravel(member.decision_function(x))
        return member.predict_proba(x)[:, 1]

    return np.array([score(member) for member in members], dtype=np.float64).T


def _threshold(estimator: Any) -> float:
    from sklearn.base import is_classifier

    first = estimator.estimators_[0]
    return 0.0 if hasattr(first, "decision_function") and is_classifier(first) else 0.5


def _thresholded(estimator: Any, x: Any) -> NDArray[np.float64]:
    """Return the threshold beside the score, for the two classes in their order."""
    inner: Any = getattr(estimator, "estimator_", estimator.estimator)
    if hasattr(estimator, "best_threshold_"):
        positive, limit = estimator._curve_scorer._get_pos_label(), estimator.best_threshold_
    else:
        positive, limit = estimator.pos_label, estimator.threshold
    known = np.asarray(inner.classes_).tolist()
    at = 1 if positive is None else known.index(positive)
    asked = estimator.response_method
    if asked in ("auto", "predict_proba") and hasattr(inner, "predict_proba"):
        score, usual = inner.predict_proba(x)[:, at], 0.5
    else:
        score, usual = inner.decision_function(x) * (1 if at else -1), 0.0
    limits = np.full(len(score), usual if limit == "auto" else limit, dtype=np.float64)
    return np.column_stack([limits, score] if at else [score, limits])


def _has_shares(estimator: Any) -> bool:
    return hasattr(estimator, "predict_proba") and all(
        len(known) == 2 for known in estimator.classes_
    )


def _target_margin(member: Any, x: Any) -> Any:
    if hasattr(member, "decision_function"):
        return member.decision_function(x)
    shares = member.predict_proba(x)
    return shares[:, 1] if shares.shape[1] == 2 else shares
