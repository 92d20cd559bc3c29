"""scikit-learn's CalibratedClassifierCV.

Each of its classifiers has calibrators, one a class (for two classes one), that turn decisions, or
else probabilities, into probabilities of their own; these are normalised, and averaged over the
classifiers.
"""

from typing import Any

import numpy as np

from fastscore import _core
from fastscore._errors import UnsupportedModelError
from fastscore._options import Options, labels
from fastscore.importers._attached import place
from fastscore.importers._builder import Builder
from fastscore.importers._members import (
    Member,
    add_up,
    done,
    members,
    share_margin,
    side_by_side,
    start,
)
from fastscore.importers._sklearn_common import check
from fastscore.importers._sklearn_isotonic import interpolated

_NAME = "CalibratedClassifierCV"
_SMALL = 1e-12
"""What scikit-learn adds to probabilities before it takes their logarithm."""


def import_calibrated(estimator: Any, options: Options) -> _core.Model:
    """CalibratedClassifierCV."""
    check(estimator, options, "calibrated_classifiers_")
    found = labels(estimator.classes_, _NAME)
    k = len(found.values)
    fitted = list(estimator.calibrated_classifiers_)
    build = start(estimator, [each.estimator for each in fitted])
    inner = members(build, [each.estimator for each in fitted], _NAME)
    shares = [
        _shares(build, member, each, found.values)
        for member, each in zip(inner, fitted, strict=True)
    ]
    mean = build.link(add_up(build, shares), "divide", by=float(len(shares)))
    build.target(
        margin=share_margin(build, mean, k),
        rule="argmax",
        value=mean,
        probability=mean,
        labels=found,
    )
    return done(build, estimator)


def _shares(build: Builder, member: Member, fitted: Any, known: list[Any]) -> int:
    """Return the probabilities of one calibrated classifier."""
    k = len(known)
    decides = member.has("decision_function")
    if k < 2 or len(member.classes()) < 2:
        raise UnsupportedModelError(f"{_NAME}: fitted on a single class, or one of its classifiers")
    if fitted.method == "temperature":
        return _at_most_one(build, _tempered(build, member, fitted.calibrators[0], decides=decides))
    if decides:
        scores = member.decision()
    elif len(member.classes()) == 2:
        scores = member.positive(build)
    else:
        scores = member.probability()
    # Of a classifier that saw two of more classes, the one column counts for the first of them.
    positions = [known.index(label) + (k == 2) for label in member.classes()]
    calibrated = [
        _calibrated(build, build.columns(scores, [c]), member, calibrator)
        for c, calibrator in zip(range(build.width_of(scores)), fitted.calibrators, strict=False)
    ]
    both = side_by_side(build, calibrated)
    if k == 2:
        return _at_most_one(build, build.link(both, "complement"))
    placed = place(build, both, positions[: len(calibrated)], k)
    return _at_most_one(build, build.link(placed, "normalize", pairwise=True))


def _at_most_one(build: Builder, shares: int) -> int:
    return build.link(shares, "clip", low=0.0, high=1.0)


def _calibrated(build: Builder, score: int, member: Member, calibrator: Any) -> int:
    """Return what a calibrator makes of one column."""
    kind = type(calibrator).__name__
    if kind == "IsotonicRegression":
        return interpolated(build, score, calibrator, owner=_NAME)
    if kind != "_SigmoidCalibration":
        raise UnsupportedModelError(f"{_NAME}: a calibrator of type {kind} is not supported")
    slope, intercept = calibrator.a_, calibrator.b_
    if member.narrow and (np.ones(1, np.float32) * slope).dtype == np.float32:
        raise UnsupportedModelError(
            f"{_NAME}: its {type(member.estimator).__name__} predicts float32 values, in which "
            "this NumPy goes on computing; use NumPy 2, or method='isotonic' with another estimator"
        )
    power = build.link(score, "affine", scale=[float(slope)], shift=[float(intercept)])
    return build.link(power, "sigmoid", scale=-1.0)


def _tempered(build: Builder, member: Member, calibrator: Any, *, decides: bool) -> int:
    """Return a softmax of logits over the temperature."""
    if member.narrow:
        raise UnsupportedModelError(
            f"{_NAME}: method='temperature' takes logarithms and exponentials in float32 of what "
            f"its {type(member.estimator).__name__} predicts, which is not supported; use "
            "method='sigmoid'"
        )
    scores = member.decision() if decides else member.probability()
    if decides and build.width_of(scores) == 1:
        logits = build.link(
            build.columns(scores, [0, 0]), "affine", scale=[-1.0, 1.0], shift=[0.0, 0.0]
        )
    elif decides:
        logits = scores
    else:
        if build.width_of(scores) == 2:
            scores = build.link(build.columns(scores, [1]), "complement")
        logits = build.link(build.link(scores, "add", value=_SMALL), "log")
    return build.link(
        build.link(logits, "multiply", by=float(calibrator.beta_)), "pairwise_softmax"
    )
