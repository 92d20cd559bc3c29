"""scikit-learn's decision trees and the forests that average them.

They read float32 values, compare `x <= threshold` in float64, and send NaN where the node says. A
forest adds whole trees in the order of `estimators_` (on one thread; on several in the order in
which they finish), then divides by their number.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore import _core
from fastscore._errors import UnsupportedModelError
from fastscore._options import Options, labels
from fastscore.importers._builder import Builder
from fastscore.importers._forest import MISSING_LEFT, Forest, Tree, references
from fastscore.importers._sklearn_common import Policy, builder, check, finish, version

TREES = (
    "DecisionTreeClassifier",
    "DecisionTreeRegressor",
    "ExtraTreeClassifier",
    "ExtraTreeRegressor",
)


def import_tree(estimator: Any, options: Options) -> _core.Model:
    """DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor."""
    check(estimator, options, "tree_")
    build = builder(estimator)
    # -0.0 + x is x for every x, negative zero included: a lone tree's value is what its leaf holds.
    value = _forest(build, estimator, [estimator], base=-0.0)
    return _finish(build, estimator, value, tree_policy(estimator, build.n_features))


def import_forest(estimator: Any, options: Options) -> _core.Model:
    """RandomForest* and ExtraTrees*, classifiers and regressors."""
    check(estimator, options, "estimators_")
    build = builder(estimator)
    trees = list(estimator.estimators_)
    if not trees:
        raise UnsupportedModelError(
            f"{type(estimator).__name__} has no trees; fit it with n_estimators of at least 1"
        )
    value = build.link(_forest(build, estimator, trees, base=0.0), "divide", by=float(len(trees)))
    return _finish(build, estimator, value, forest_policy(estimator))


def is_tree(estimator: Any) -> bool:
    """Whether it is one of scikit-learn's own trees, not a subclass."""
    kind = type(estimator)
    return kind.__module__.split(".")[0] == "sklearn" and kind.__name__ in TREES


def read_tree(
    estimator: Any, features: Sequence[int] | NDArray[Any] | None = None
) -> tuple[Tree, NDArray[np.float64]]:
    """Return a fitted tree and its leaves' values `(leaves, outputs, classes)`.

    `features` are the model's features that the tree's own stand for.
    """
    state = estimator.tree_.__getstate__()
    nodes, values = state["nodes"], state["values"]
    is_leaf = nodes["left_child"] == -1
    reference = references(is_leaf)
    leaf = np.flatnonzero(is_leaf)
    # `take` is several times as fast as indexing for these wide records.
    chosen = nodes.take(np.flatnonzero(~is_leaf))
    feature = chosen["feature"]
    tree = Tree(
        feature=(feature if features is None else np.asarray(features)[feature]).astype(np.int32),
        threshold=chosen["threshold"].astype(np.float64),
        left=reference[chosen["left_child"]],
        right=reference[chosen["right_child"]],
        flags=(chosen["missing_go_to_left"] != 0).astype(np.uint8) * np.uint8(MISSING_LEFT),
        leaf=leaf.astype(np.int32),
    )
    return tree, values.take(leaf, axis=0)


def class_shares(
    estimator: Any, values: NDArray[np.float64], target: int = 0
) -> NDArray[np.float64]:
    """Leaves' class frequencies for a target: `(leaves, classes)` of `(leaves, outputs, padded)`.

    Up to scikit-learn 1.4.0 leaves hold counts, which are divided by their sum.
    """
    values = values[:, target, : len(_classes(estimator)[target])]
    totals = values.sum(axis=1)
    if version() < (1, 4, 1):
        totals[totals == 0.0] = 1.0
        shares: NDArray[np.float64] = values / totals[:, np.newaxis]
        return shares
    if not np.all(np.abs(totals - 1.0) < 1e-6):
        raise UnsupportedModelError(
            f"{type(estimator).__name__}: its leaves hold counts, so it was fitted by "
            "scikit-learn 1.4.0 or older, and the version that is running misreads them; import "
            "it where it was fitted, or refit it"
        )
    return values


def tree_policy(tree: Any, n_features: int) -> Policy:
    """Say what a tree refuses: NaN too, unless its version (1.3) and parameters take it."""
    supports = getattr(tree, "_support_missing_values", None)
    missing = supports is not None and bool(supports(np.zeros((1, n_features))))
    return Policy(missing=missing, non_finite=False, width="float32")


def forest_policy(estimator: Any) -> Policy:
    """Say what a forest refuses; before scikit-learn 1.4 NaN whatever its trees take."""
    policy = tree_policy(estimator.estimators_[0], int(estimator.n_features_in_))
    return policy if version() >= (1, 4, 0) else policy.refusing(missing=True)


def _widths(estimator: Any) -> list[int]:
    """Leaf values a target: the number of its classes, 1 for regression."""
    if not hasattr(estimator, "classes_"):
        return [1] * int(estimator.n_outputs_)
    return [len(classes) for classes in _classes(estimator)]


def _classes(estimator: Any) -> list[Any]:
    return [estimator.classes_] if estimator.n_outputs_ == 1 else list(estimator.classes_)


def _forest(build: Builder, estimator: Any, trees: Sequence[Any], base: float) -> int:
    widths = _widths(estimator)
    forest = Forest(sum(widths), sum(widths))
    for each in trees:
        tree, values = read_tree(each)
        if hasattr(estimator, "classes_"):
            parts = [class_shares(estimator, values, target) for target in range(len(widths))]
        else:
            parts = [values[:, :, 0]]
        forest.add(tree, parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1))
    return forest.step(build, base=base)


def _finish(build: Builder, estimator: Any, value: int, policy: Policy) -> _core.Model:
    widths = _widths(estimator)
    several = len(widths) > 1
    start = 0
    for target, width in enumerate(widths):
        name = str(target) if several else None
        own = build.columns(value, range(start, start + width)) if several else value
        if hasattr(estimator, "classes_"):
            build.target(
                margin=build.columns(value, [start + 1]) if width == 2 else own,
                rule="argmax",
                value=own,
                probability=own,
                labels=labels(_classes(estimator)[target], type(estimator).__name__),
                name=name,
            )
        else:
            build.target(margin=own, rule="value", value=own, name=name)
        start += width
    return finish(build, estimator, policy, leaf=0)
