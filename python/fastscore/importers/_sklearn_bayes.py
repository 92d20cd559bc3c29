"""scikit-learn's naive Bayes of counts and categories: sums of logarithms."""

from typing import Any

import numpy as np

from fastscore import _core
from fastscore._options import Options
from fastscore.importers._builder import Builder
from fastscore.importers._forest import Forest, Tree
from fastscore.importers._sklearn_common import FINITE, builder, check, finish
from fastscore.importers._sklearn_gaussian import discriminant


def import_counts(estimator: Any, options: Options) -> _core.Model:
    """MultinomialNB, ComplementNB, BernoulliNB."""
    check(estimator, options, "feature_log_prob_")
    build = builder(estimator)
    coefficients = np.asarray(estimator.feature_log_prob_, dtype=np.float64)
    start = np.asarray(estimator.class_log_prior_, dtype=np.float64)
    name, value = type(estimator).__name__, 0
    if name == "ComplementNB" and len(coefficients) > 1:
        start = np.zeros(len(coefficients))
    if name == "BernoulliNB":
        with np.errstate(divide="ignore"):
            absent = np.log(1 - np.exp(coefficients))
        with np.errstate(invalid="ignore"):
            start = start + absent.sum(axis=1)
            coefficients = coefficients - absent
        if estimator.binarize is not None:
            value = build.link(0, "above", at=float(estimator.binarize), above=1.0, other=0.0)
    scores = build.linear("linear", coefficients, start, value=value)
    discriminant(build, estimator, scores, len(coefficients))
    return finish(build, estimator, FINITE)


def import_categories(estimator: Any, options: Options) -> _core.Model:
    """CategoricalNB: a tree a feature, whose leaves are its categories, and one for the prior.

    A number is cut to an integer; one that is no category raises, as in scikit-learn.
    """
    check(estimator, options, "feature_log_prob_")
    build = builder(estimator)
    logs = [np.asarray(table, dtype=np.float64) for table in estimator.feature_log_prob_]
    known = _known(build, [table.shape[1] for table in logs])
    prior = np.asarray(estimator.class_log_prior_, dtype=np.float64)
    forest = Forest(len(prior), len(prior))
    for feature, table in enumerate(logs):
        forest.add(_tree(feature, table.shape[1]), table.T)
    forest.add(_tree(0, 1), prior[np.newaxis])
    scores = forest.step(build, value=known)
    discriminant(build, estimator, scores, len(prior))
    return finish(build, estimator, FINITE)


def _known(build: Builder, counts: list[int]) -> int:
    """Append the features cut to integers; those that are no category are refused."""
    keys = np.concatenate([np.arange(count) for count in counts])
    build.tensor("known.column", np.arange(len(counts)), np.int32)
    build.tensor("known.offset", np.cumsum([0, *counts]), np.int64)
    build.tensor("known.key", keys, np.float64)
    build.tensor("known.value", keys, np.float64)
    for name in ("missing", "other"):
        build.tensor(f"known.{name}", np.full(len(counts), np.nan), np.float64)
    cut = build.link(0, "ufunc", function="trunc")
    known = build.add({"op": "map", "input": cut, "tensors": "known"})
    build.guard(
        value=known,
        columns=None,
        refuse=["unknown"],
        of=[[0, feature] for feature in range(len(counts))],
        step="CategoricalNB",
    )
    return known


def _tree(feature: int, count: int) -> Tree:
    """Return the tree whose leaf c a row with category c reaches, by halves."""
    left: list[int] = []
    right: list[int] = []
    thresholds: list[float] = []

    def node(low: int, high: int) -> int:
        if high - low == 1:
            return -1 - low
        number, middle = len(left), (low + high) // 2
        left.append(0)
        right.append(0)
        thresholds.append(middle - 1.0)
        left[number], right[number] = node(low, middle), node(middle, high)
        return number

    node(0, count)
    return Tree(
        feature=np.full(len(left), feature, dtype=np.int32),
        threshold=np.asarray(thresholds, dtype=np.float64),
        left=np.asarray(left, dtype=np.int32),
        right=np.asarray(right, dtype=np.int32),
        flags=np.zeros(len(left), dtype=np.uint8),
        leaf=np.arange(count, dtype=np.int32),
    )
