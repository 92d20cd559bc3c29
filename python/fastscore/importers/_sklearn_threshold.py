"""scikit-learn's FixedThresholdClassifier and TunedThresholdClassifierCV.

They hand on the probabilities and the decision function of their estimator; the class is the
positive one from the threshold on.
"""

import math
from typing import Any

import numpy as np

from fastscore import _core
from fastscore._errors import UnsupportedModelError
from fastscore._options import Options, labels
from fastscore.importers._builder import Builder
from fastscore.importers._members import Member, carry_on, done, members, start
from fastscore.importers._sklearn_common import check

_METHODS = ("predict_proba", "decision_function")


def import_fixed(estimator: Any, options: Options) -> _core.Model:
    """FixedThresholdClassifier."""
    inner = getattr(estimator, "estimator_", estimator.estimator)
    return _import(estimator, options, inner, estimator.threshold, estimator.pos_label)


def import_tuned(estimator: Any, options: Options) -> _core.Model:
    """TunedThresholdClassifierCV."""
    check(estimator, options, "best_threshold_")
    positive = estimator._curve_scorer._get_pos_label()
    return _import(estimator, options, estimator.estimator_, estimator.best_threshold_, positive)


def _import(
    estimator: Any, options: Options, inner: Any, threshold: Any, positive: Any
) -> _core.Model:
    name = type(estimator).__name__
    check(inner, options, "classes_")
    build = start(estimator, [inner])
    (member,) = members(build, [inner], name)
    known = list(np.asarray(inner.classes_).tolist())
    if len(known) != 2:
        raise UnsupportedModelError(f"{name}: its estimator has {len(known)} classes, not 2")
    if positive is not None and positive not in known:
        raise UnsupportedModelError(f"{name}: pos_label={positive!r} is no class of {known}")
    at = 1 if positive is None else known.index(positive)
    asked = estimator.response_method
    method = next((each for each in _METHODS if asked in ("auto", each) and member.has(each)), None)
    if method is None:
        raise UnsupportedModelError(
            f"{name}: response_method={asked!r}, which its {type(inner).__name__} does not have"
        )
    if threshold == "auto":
        threshold = 0.5 if method == "predict_proba" else 0.0
    score = _score(build, member, method, at)
    rule = _rule(build, score, _limit(threshold, member, name), positive=at == 1)
    carry_on(build, member, member.part, labels(inner.classes_, name), rule=rule)
    return done(build, estimator)


def _score(build: Builder, member: Member, method: str, at: int) -> int:
    """Return the score of the positive class."""
    if method == "predict_proba":
        return build.columns(member.probability(), [at])
    decision = member.decision()
    return decision if at == 1 else build.link(decision, "multiply", by=-1.0)


def _limit(threshold: Any, member: Member, name: str) -> float:
    """Return the threshold as scores are compared with it."""
    limit = float(threshold)
    if math.isnan(limit):
        raise UnsupportedModelError(f"{name}: the threshold is NaN")
    # NumPy rounds a Python number to the width of an array; one of its own keeps float64.
    if member.narrow and (
        type(threshold) in (int, float) or np.lib.NumpyVersion(np.__version__) < "2.0.0"
    ):
        with np.errstate(over="ignore"):
            limit = float(np.float32(limit))
    return limit


def _rule(build: Builder, score: int, limit: float, *, positive: bool) -> dict[str, Any]:
    """Return the rule for the second class: `score >= limit`, or else `score < limit`."""
    largest = float(np.finfo(np.float64).max)
    if positive:
        # Above the next smaller number.
        below = float(np.nextafter(limit, -np.inf))
        return {"rule": "above", "value": score, "at": min(max(below, -largest), largest)}
    negated = build.link(score, "multiply", by=-1.0)
    return {"rule": "above", "value": negated, "at": min(max(-limit, -largest), largest)}
