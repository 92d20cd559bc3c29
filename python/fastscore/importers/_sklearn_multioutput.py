"""scikit-learn's MultiOutputClassifier, MultiOutputRegressor, ClassifierChain, RegressorChain.

The first two hold an estimator a target. A chain gives what its estimators predict to those after
them, as further features, and predicts numbers: labels are put into a matrix of float64.
"""

from typing import Any

import numpy as np

from fastscore import _core
from fastscore._errors import UnsupportedModelError
from fastscore._options import Options, labels
from fastscore.importers._builder import Builder
from fastscore.importers._flow import joined, numbers, raw, refuse, whole
from fastscore.importers._members import (
    Member,
    all_narrow,
    carry_on,
    done,
    members,
    side_by_side,
    start,
)
from fastscore.importers._sklearn_common import check
from fastscore.importers._splice import attach


def import_classifier(estimator: Any, options: Options) -> _core.Model:
    """MultiOutputClassifier."""
    name = "MultiOutputClassifier"
    check(estimator, options, "estimators_")
    build = start(estimator, estimator.estimators_)
    inner = members(build, estimator.estimators_, name)
    for member in inner:
        carry_on(build, member, member.part, labels(member.estimator.classes_, name))
    if any(member.narrow for member in inner) and not all_narrow(inner):
        raise UnsupportedModelError(f"{name}: some of its estimators give float32, some float64")
    build.output_width = "float32" if all_narrow(inner) else None
    return done(build, estimator)


def import_regressor(estimator: Any, options: Options) -> _core.Model:
    """MultiOutputRegressor."""
    name = "MultiOutputRegressor"
    check(estimator, options, "estimators_")
    build = start(estimator, estimator.estimators_)
    inner = members(build, estimator.estimators_, name)
    value = side_by_side(build, [member.part.prediction() for member in inner])
    build.target(margin=value, rule="value", value=value)
    build.output_width = "float32" if all_narrow(inner) else None
    return done(build, estimator)


def import_chain(estimator: Any, options: Options) -> _core.Model:
    """ClassifierChain, RegressorChain."""
    name = type(estimator).__name__
    check(estimator, options, "estimators_")
    build = start(estimator, estimator.estimators_)
    method = getattr(estimator, "chain_method_", "predict")
    frame = numbers(build, raw(build), name)
    frame = refuse(build, frame, name, missing=True, non_finite=True)
    inner = []
    for each in estimator.estimators_:
        member = Member(each, attach(build, each, owner=name, frame=frame), name)
        inner.append(member)
        value = _response(build, member, method)
        frame = joined([frame, whole(value, 1)])
    # The chain's place of each target.
    places = np.argsort(np.asarray(estimator.order_)).tolist()
    inner = [inner[place] for place in places]
    value = side_by_side(build, [member.labels(build) for member in inner])
    if name == "RegressorChain" or any(member.part.classes is None for member in inner):
        build.target(margin=value, rule="value", value=value)
        return done(build, estimator)
    _labels(build, estimator, inner, value)
    return done(build, estimator)


def _labels(build: Builder, estimator: Any, inner: list[Member], value: int) -> None:
    """Append the target of a classifier: numbers, and where all have two classes more."""
    binary = all(len(member.classes()) == 2 for member in inner)
    shares = decisions = None
    if binary and hasattr(estimator, "predict_proba"):
        shares = side_by_side(build, [member.positive(build) for member in inner])
    if binary and hasattr(estimator, "decision_function"):
        decisions = side_by_side(build, [member.decision() for member in inner])
    margin = next((each for each in (decisions, shares) if each is not None), value)
    build.target(margin=margin, rule="value", value=value, probability=shares)


def _response(build: Builder, member: Member, method: str) -> int:
    """Return what a member hands on in a chain."""
    if method == "predict":
        return member.labels(build)
    if len(member.classes()) != 2:
        raise UnsupportedModelError(
            f"{member.owner}: chain_method={method!r} with {len(member.classes())} classes"
        )
    if method == "predict_proba":
        return member.positive(build)
    if method == "decision_function":
        return member.decision()
    if method == "predict_log_proba":
        return build.link(member.positive(build), "log")
    raise UnsupportedModelError(f"{member.owner}: chain_method={method!r} is not supported")
