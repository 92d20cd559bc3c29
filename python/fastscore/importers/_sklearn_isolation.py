"""scikit-learn's IsolationForest and RandomTreesEmbedding: forests of leaves, not of values."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore import _core
from fastscore._errors import UnsupportedModelError
from fastscore._options import Options, labels
from fastscore.importers._builder import Builder
from fastscore.importers._forest import Forest
from fastscore.importers._sklearn_common import Policy, builder, check, finish, version
from fastscore.importers._sklearn_trees import forest_policy, read_tree


def import_isolation(estimator: Any, options: Options) -> _core.Model:
    """IsolationForest.

    A leaf counts its depth, plus the average path length of its size, less 1; the score is
    `-(2 ** -(sum / denominator))`, the margin the score less the offset.
    """
    check(estimator, options, "offset_")
    build = builder(estimator)
    denominator = _denominator(estimator)
    depths = _depths(build, estimator, constant=denominator == 0.0)
    if denominator != 0.0:
        depths = build.link(depths, "divide", by=denominator)
    powers = build.link(build.link(depths, "multiply", by=-1.0), "exp2")
    score = build.link(powers, "multiply", by=-1.0)
    margin = build.link(score, "add", value=-float(estimator.offset_))
    build.target(
        margin=margin,
        rule="inlier",
        value=margin,
        labels=labels(np.array([-1, 1]), "IsolationForest"),
        score=score,
    )
    accepts = version() >= (1, 6, 0)
    return finish(build, estimator, Policy(missing=accepts, non_finite=accepts, width="float32"))


def _depths(build: Builder, estimator: Any, *, constant: bool) -> int:
    """Sum over the trees; 1 everywhere where the training set was a single row."""
    subset = int(estimator._max_features) != int(estimator.n_features_in_)
    forest = Forest(1, 1)
    for tree, features, lengths, averages in zip(
        estimator.estimators_,
        estimator.estimators_features_,
        estimator._decision_path_lengths,
        estimator._average_path_length_per_tree,
        strict=True,
    ):
        read, _ = read_tree(tree, features if subset else None)
        depths = np.asarray(lengths) + np.asarray(averages) - 1.0
        forest.add(read, np.zeros(len(read.leaf)) if constant else depths[read.leaf])
    return forest.step(build, base=1.0 if constant else 0.0)


def _denominator(estimator: Any) -> float:
    return len(estimator.estimators_) * _average_path_length(int(estimator._max_samples))


def _average_path_length(n: int) -> float:
    """Average path length of a tree of n rows, rounded as scikit-learn does."""
    if n <= 2:
        return float(max(n - 1, 0))
    return float(2.0 * (np.log(n - 1.0) + np.euler_gamma) - 2.0 * (n - 1.0) / n)


def import_embedding(estimator: Any, options: Options) -> _core.Model:
    """RandomTreesEmbedding: one column a leaf, 1 where a row falls."""
    check(estimator, options, "one_hot_encoder_")
    build = builder(estimator)
    encoder = estimator.one_hot_encoder_
    columns = [np.asarray(leaves).astype(np.int64) for leaves in encoder.categories_]
    first = np.concatenate([[0], np.cumsum([len(leaves) for leaves in columns])])
    forest = Forest(int(first[-1]), 1)
    for tree, leaves, start in zip(estimator.estimators_, columns, first[:-1], strict=True):
        read, _ = read_tree(tree)
        forest.add(read, start + _positions(read.leaf, leaves))
    value = forest.step(build, op="leaf_indicator")
    names = [str(name) for name in estimator.get_feature_names_out()]
    build.transform = {"value": value, "names": build.strings("transform.names", names)}
    return finish(build, estimator, forest_policy(estimator), leaf=value - 1)


def _positions(leaves: NDArray[np.int32], known: NDArray[np.int64]) -> NDArray[np.float64]:
    at = np.minimum(np.searchsorted(known, leaves), len(known) - 1)
    if not np.array_equal(known[at], leaves):
        raise UnsupportedModelError(
            "RandomTreesEmbedding has leaves that no training row reached, for which its transform "
            "fails; refit it without zero sample weights"
        )
    return at.astype(np.float64)
