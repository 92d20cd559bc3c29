"""scikit-learn's VotingClassifier and VotingRegressor.

Soft votes and regressors are `np.average` of what the members give, in their order; hard votes are
sums of weights by predicted class, the first class on ties. Members of a classifier were fitted on
the numbers of the classes.
"""

import math
from typing import Any

from fastscore import _core
from fastscore._errors import UnsupportedModelError
from fastscore._options import Options, labels
from fastscore.importers._attached import place
from fastscore.importers._builder import Builder
from fastscore.importers._members import (
    Member,
    add_up,
    all_narrow,
    average,
    done,
    members,
    share_margin,
    start,
)
from fastscore.importers._sklearn_common import check, give


def import_classifier(estimator: Any, options: Options) -> _core.Model:
    """VotingClassifier."""
    name = "VotingClassifier"
    check(estimator, options, "estimators_")
    build = start(estimator, estimator.estimators_)
    inner = members(build, estimator.estimators_, name)
    k = len(estimator.classes_)
    if estimator.voting == "soft":
        shares = _soft(build, estimator, inner, k)
        build.target(
            margin=share_margin(build, shares, k),
            rule="argmax",
            value=shares,
            probability=shares,
            labels=labels(estimator.classes_, name),
        )
        if estimator.flatten_transform:
            give(build, estimator, _beside(build, [member.probability() for member in inner]))
    else:
        votes = _hard(build, estimator, inner, k)
        build.target(
            margin=share_margin(build, votes, k),
            rule="argmax",
            value=votes,
            labels=labels(estimator.classes_, name),
        )
        give(build, estimator, _beside(build, [member.labels(build) for member in inner]))
    return done(build, estimator)


def import_regressor(estimator: Any, options: Options) -> _core.Model:
    """VotingRegressor."""
    name = "VotingRegressor"
    check(estimator, options, "estimators_")
    build = start(estimator, estimator.estimators_)
    inner = members(build, estimator.estimators_, name)
    values = [member.part.prediction() for member in inner]
    value, narrow = average(
        build, values, estimator._weights_not_none, narrow=all_narrow(inner), owner=name
    )
    build.target(margin=value, rule="value", value=value)
    give(build, estimator, _beside(build, values))
    build.output_width = "float32" if narrow else None
    return done(build, estimator)


def _beside(build: Builder, values: list[int]) -> int:
    return build.add({"op": "concat", "inputs": values})


def _soft(build: Builder, estimator: Any, inner: list[Member], k: int) -> int:
    for member in inner:
        if len(member.classes()) != k:
            raise UnsupportedModelError(
                f"VotingClassifier: its {type(member.estimator).__name__} knows "
                f"{len(member.classes())} classes, the others {k}; fit them on the same classes"
            )
    values = [member.probability() for member in inner]
    shares, narrow = average(
        build,
        values,
        estimator._weights_not_none,
        narrow=all_narrow(inner),
        owner="VotingClassifier",
    )
    build.output_width = "float32" if narrow else None
    return shares


def _hard(build: Builder, estimator: Any, inner: list[Member], k: int) -> int:
    weights = estimator._weights_not_none
    weights = [1.0] * len(inner) if weights is None else [float(weight) for weight in weights]
    if any(weight < 0 or not math.isfinite(weight) for weight in weights):
        raise UnsupportedModelError(
            f"VotingClassifier: weights={weights} with voting='hard' must be finite and at least 0"
        )
    votes = []
    for member, weight in zip(inner, weights, strict=True):
        own = place(build, member.part.one_hot(build), member.codes(k), k)
        votes.append(build.link(own, "above", at=0.5, above=weight, other=0.0))
    return add_up(build, votes)
