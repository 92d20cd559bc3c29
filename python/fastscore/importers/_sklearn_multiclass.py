"""scikit-learn's OneVsRestClassifier, OneVsOneClassifier and OutputCodeClassifier.

Each member tells two groups of the classes apart: by its decision function, else by the
probability of its second class; a regressor by what it predicts. Where training had one group only
the member is a constant.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastscore import _core
from fastscore._errors import UnsupportedModelError
from fastscore._options import Options, labels
from fastscore.importers._builder import Builder
from fastscore.importers._members import (
    Member,
    add_up,
    constant,
    done,
    members,
    share_margin,
    side_by_side,
    start,
)
from fastscore.importers._sklearn_common import check

Inner = Member | float
"""A member, or what a constant one predicts."""


def import_rest(estimator: Any, options: Options) -> _core.Model:
    """OneVsRestClassifier, of one class or of several labels a row."""
    name = "OneVsRestClassifier"
    check(estimator, options, "estimators_")
    build = start(estimator, estimator.estimators_)
    inner = _members(build, estimator, name)
    several = bool(estimator.multilabel_)
    scores = side_by_side(build, [_score(build, each) for each in inner])
    shares = None
    if hasattr(estimator, "predict_proba"):
        shares = _rest_shares(build, inner, several=several)
    margin = scores
    if not hasattr(estimator, "decision_function") and shares is not None:
        margin = shares if several else share_margin(build, shares, len(estimator.classes_))
    multiclass = estimator.label_binarizer_.y_type_ == "multiclass"
    if multiclass:
        decides = _last_first(build, scores, len(inner)) if _takes_the_last() else scores
        rule: dict[str, Any] = {"rule": "argmax", "value": decides}
    else:
        rule = {"rule": "above", "value": scores, "at": _threshold(estimator.estimators_[0])}
    known = np.array([0, 1]) if several else estimator.classes_
    build.target(margin=margin, probability=shares, labels=labels(known, name), **rule)
    return done(build, estimator)


def import_one(estimator: Any, options: Options) -> _core.Model:
    """OneVsOneClassifier."""
    name = "OneVsOneClassifier"
    check(estimator, options, "estimators_")
    if estimator.pairwise_indices_ is not None:
        raise UnsupportedModelError(
            f"{name}: its estimator reads distances to training rows (a pairwise estimator), which "
            "is not supported; use an estimator that reads features"
        )
    found = labels(estimator.classes_, name)
    k = len(found.values)
    build = start(estimator, estimator.estimators_)
    inner = _members(build, estimator, name)
    confidence = side_by_side(build, [_score(build, each) for each in inner])
    predicted = side_by_side(build, [_predicted(build, each) for each in inner])
    pairs = [(i, j) for i in range(k) for j in range(i + 1, k)]
    # Per class what is added, pair by pair: the confidence, negative for a pair's first class.
    negated = build.link(confidence, "multiply", by=-1.0)
    sums = _by_class(build, negated, confidence, pairs, k)
    votes = _by_class(
        build,
        build.equal(predicted, 0.0),
        build.equal(predicted, 1.0),
        pairs,
        k,
    )
    margin = build.add({"op": "sum", "inputs": [votes, build.link(sums, "confidence")]})
    if k == 2:
        margin = build.columns(margin, [1])
        at = _threshold(estimator.estimators_[0])
        rule: dict[str, Any] = {"rule": "above", "value": margin, "at": at}
    else:
        rule = {"rule": "argmax", "value": margin}
    build.target(margin=margin, labels=found, **rule)
    return done(build, estimator)


def import_code(estimator: Any, options: Options) -> _core.Model:
    """OutputCodeClassifier: the class whose code is nearest.

    The margin is twice the product of scores and code, less the code's square: the negative of the
    squared distance but for a number that is the same for all classes.
    """
    name = "OutputCodeClassifier"
    check(estimator, options, "estimators_")
    found = labels(estimator.classes_, name)
    k = len(found.values)
    build = start(estimator, estimator.estimators_)
    inner = _members(build, estimator, name)
    scores = side_by_side(build, [_score(build, each) for each in inner])
    codes = np.asarray(estimator.code_book_, dtype=np.float64)
    prefix = f"code{len(build.steps)}"
    nearness = build.add(
        {
            "op": "linear",
            "input": scores,
            "coefficients": build.tensor(f"{prefix}.coefficients", 2 * codes, np.float64),
            "intercept": build.tensor(f"{prefix}.intercept", -(codes**2).sum(axis=1), np.float64),
        }
    )
    margin = nearness
    if k == 2:
        first = build.link(build.columns(nearness, [0]), "multiply", by=-1.0)
        margin = add_up(build, [build.columns(nearness, [1]), first])
    build.target(margin=margin, rule="argmax", value=nearness, labels=found)
    return done(build, estimator)


def _members(build: Builder, estimator: Any, name: str) -> list[Inner]:
    found: list[Inner] = []
    for each in estimator.estimators_:
        if type(each).__name__ == "_ConstantPredictor":
            found.append(float(np.asarray(each.y_).ravel()[0]))
        else:
            found += members(build, [each], name)
    return found


def _score(build: Builder, inner: Inner) -> int:
    """Return what `_predict_binary` of scikit-learn gives."""
    if isinstance(inner, float):
        return constant(build, [inner])
    if inner.part.classes is None:
        return inner.part.prediction()
    if len(inner.classes()) != 2:
        raise UnsupportedModelError(
            f"{inner.owner}: its {type(inner.estimator).__name__} has {len(inner.classes())} "
            "classes, where scikit-learn's have two"
        )
    return inner.decision() if inner.has("decision_function") else inner.positive(build)


def _predicted(build: Builder, inner: Inner) -> int:
    return constant(build, [inner]) if isinstance(inner, float) else inner.labels(build)


def _threshold(first: Any) -> float:
    from sklearn.base import is_classifier

    return 0.0 if hasattr(first, "decision_function") and is_classifier(first) else 0.5


def _rest_shares(build: Builder, inner: Sequence[Inner], *, several: bool) -> int:
    """Return the members' probabilities, normalised where a row has one class."""
    narrow = all(not isinstance(each, float) and each.narrow for each in inner)
    values = [
        constant(build, [each]) if isinstance(each, float) else each.positive(build)
        for each in inner
    ]
    shares = side_by_side(build, values)
    width = {"width": "float32"} if narrow else {}
    build.output_width = "float32" if narrow else None
    if len(values) == 1:
        shares = build.add({"op": "link", "input": shares, "kind": {"name": "complement"}} | width)
    if several:
        return shares
    kind = {"name": "normalize", "keep_zeros": True}
    normalised = build.add({"op": "link", "input": shares, "kind": kind} | width)
    return normalised if _zeros_stay() else _nothing_of_zeros(build, shares, normalised)


def _zeros_stay() -> bool:
    """Whether the running scikit-learn leaves rows of zeros; older ones divide them by 0."""
    from sklearn.dummy import DummyClassifier
    from sklearn.multiclass import OneVsRestClassifier

    rows = [[0.0], [0.0], [0.0]]
    never = OneVsRestClassifier(DummyClassifier(strategy="constant", constant=0))
    with np.errstate(all="ignore"):
        return bool(not np.isnan(never.fit(rows, [0, 1, 2]).predict_proba(rows[:1])).any())


def _nothing_of_zeros(build: Builder, shares: int, normalised: int) -> int:
    """Return NaN in the rows whose shares are all 0, by adding 0 or NaN."""
    count = build.width_of(shares)
    total = add_up(build, [build.columns(shares, [c]) for c in range(count)])
    known = build.link(total, "above", at=0.0, above=1.0, other=0.0)
    nothing = build.link(build.link(known, "log"), "multiply", by=0.0)
    spread = build.columns(nothing, [0] * count)
    return build.add({"op": "sum", "inputs": [normalised, spread]})


def _takes_the_last() -> bool:
    """Whether the scikit-learn that is running gives the last of several best classes.

    It did at first and is asked by an example, since its versions differ.
    """
    from sklearn.dummy import DummyClassifier
    from sklearn.multiclass import OneVsRestClassifier

    rows = [[0.0], [0.0], [0.0]]
    equal = OneVsRestClassifier(DummyClassifier(strategy="prior")).fit(rows, [0, 1, 2])
    return bool(equal.predict(rows[:1])[0] == 2)


def _last_first(build: Builder, scores: int, k: int) -> int:
    """Return 1 in the last of the largest columns, 0 elsewhere."""
    backwards = list(range(k))[::-1]
    hot = build.link(build.columns(scores, backwards), "vote", hit=1.0, miss=0.0)
    return build.columns(hot, backwards)


def _by_class(
    build: Builder, first: int, second: int, pairs: Sequence[tuple[int, int]], k: int
) -> int:
    """Add up pairs by class, in their order: a pair's column of `first` counts for its first."""
    both = build.add({"op": "concat", "inputs": [first, second]})
    terms: list[list[int]] = [[] for _ in range(k)]
    for at, (i, j) in enumerate(pairs):
        terms[i].append(at)
        terms[j].append(len(pairs) + at)
    rounds = [build.columns(both, [own[r] for own in terms]) for r in range(k - 1)]
    return add_up(build, rounds)
