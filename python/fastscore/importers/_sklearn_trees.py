"""scikit-learn's decision trees and random forests.

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
from fastscore.importers._sklearn_common import builder, check, version
from fastscore.importers._source import describe


def import_tree(estimator: Any, options: Options) -> _core.Model:
    """DecisionTreeClassifier, DecisionTreeRegressor."""
    check(estimator, options, "tree_")
    build = builder(estimator)
    widths = _widths(estimator)
    # -0.0 + x is x for every x, negative zero included: a lone tree's value is what its leaf holds.
    value = _forest(build, estimator, [estimator], widths, base=-0.0)
    return _finish(build, estimator, estimator, widths, value)


def import_forest(estimator: Any, options: Options) -> _core.Model:
    """RandomForestClassifier, RandomForestRegressor."""
    check(estimator, options, "estimators_")
    build = builder(estimator)
    widths = _widths(estimator)
    trees = list(estimator.estimators_)
    if not trees:
        raise UnsupportedModelError(
            f"{type(estimator).__name__} has no trees; fit it with n_estimators of at least 1"
        )
    value = build.link(
        _forest(build, estimator, trees, widths, base=0.0), "divide", by=float(len(trees))
    )
    return _finish(build, estimator, trees[0], widths, value)


def _widths(estimator: Any) -> list[int]:
    """Leaf values a target: the number of its classes, 1 for regression."""
    n_outputs = int(estimator.n_outputs_)
    if not hasattr(estimator, "classes_"):
        return [1] * n_outputs
    return [len(classes) for classes in _classes(estimator)]


def _classes(estimator: Any) -> list[Any]:
    return [estimator.classes_] if estimator.n_outputs_ == 1 else list(estimator.classes_)


def _finish(
    build: Builder, estimator: Any, tree: Any, widths: Sequence[int], value: int
) -> _core.Model:
    classifier = hasattr(estimator, "classes_")
    several = len(widths) > 1
    start = 0
    for target, width in enumerate(widths):
        name = str(target) if several else None
        own = build.columns(value, range(start, start + width)) if several else value
        if classifier:
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
    return build.build(
        source=describe(estimator, "scikit-learn"),
        missing=_accepts_missing(estimator, tree),
        non_finite=False,
        width="float32",
        leaf=0,
    )


def _accepts_missing(estimator: Any, tree: Any) -> bool:
    """Whether `predict` takes NaN: trees since 1.3, forests since 1.4, some parameters never."""
    if estimator is not tree and version() < (1, 4, 0):
        return False
    supports = getattr(tree, "_support_missing_values", None)
    return (
        bool(supports(np.zeros((1, int(estimator.n_features_in_)))))
        if supports is not None
        else False
    )


def _forest(
    build: Builder, estimator: Any, trees: Sequence[Any], widths: Sequence[int], base: float
) -> int:
    """Append the step of these trees, by whole-array operations a tree."""
    width = sum(widths)
    parts: dict[str, list[NDArray[Any]]] = {
        name: []
        for name in ("feature", "threshold", "left", "right", "flags", "leaf_value", "leaf_id")
    }
    splits, leaves = [0], [0]
    for tree in trees:
        state = tree.tree_.__getstate__()
        nodes, values = state["nodes"], state["values"]
        is_leaf = nodes["left_child"] == -1
        # A node's reference: its number among the splits, or -1 - its number among the leaves.
        reference = np.where(is_leaf, -np.cumsum(is_leaf), np.cumsum(~is_leaf) - 1).astype(np.int32)
        split = np.flatnonzero(~is_leaf)
        leaf = np.flatnonzero(is_leaf)
        # `take` is several times as fast as indexing for these wide records.
        chosen = nodes.take(split)
        parts["feature"].append(chosen["feature"].astype(np.int32))
        parts["threshold"].append(chosen["threshold"].astype(np.float64))
        parts["left"].append(reference[chosen["left_child"]])
        parts["right"].append(reference[chosen["right_child"]])
        parts["flags"].append((chosen["missing_go_to_left"] != 0).astype(np.uint8))
        parts["leaf_value"].append(_leaf_values(estimator, values.take(leaf, axis=0), widths))
        parts["leaf_id"].append(leaf.astype(np.int32))
        splits.append(splits[-1] + len(split))
        leaves.append(leaves[-1] + len(leaf))
    for name, arrays in parts.items():
        joined = np.concatenate(arrays)
        build.tensor(f"forest.{name}", joined, joined.dtype)
    build.tensor("forest.base", np.full(width, base), np.float64)
    build.tensor("forest.split_offset", splits, np.int64)
    build.tensor("forest.leaf_offset", leaves, np.int64)
    if width == 1:
        build.tensor("forest.target", np.zeros(len(trees)), np.int32)
    return build.add(
        {
            "op": "forest",
            "input": 0,
            "comparison": "le",
            "outputs": width,
            "leaf_width": width,
            "zero_band": None,
            "tensors": "forest",
        }
    )


def _leaf_values(
    estimator: Any, values: NDArray[np.float64], widths: Sequence[int]
) -> NDArray[np.float64]:
    """Values `(leaves, sum of widths)` of `(leaves, outputs, padded classes)`."""
    parts = [values[:, target, :width] for target, width in enumerate(widths)]
    if hasattr(estimator, "classes_"):
        parts = [_fractions(estimator, part) for part in parts]
    return np.ascontiguousarray(parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1))


def _fractions(estimator: Any, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Class frequencies. Up to scikit-learn 1.4.0 leaves hold counts, divided by their sum."""
    totals = values.sum(axis=1)
    if version() < (1, 4, 1):
        totals[totals == 0.0] = 1.0
        fractions: NDArray[np.float64] = values / totals[:, np.newaxis]
        return fractions
    if not np.all(np.abs(totals - 1.0) < 1e-6):
        raise UnsupportedModelError(
            f"{type(estimator).__name__}: its leaves hold counts, so it was fitted by "
            "scikit-learn 1.4.0 or older, and the version that is running misreads them; import "
            "it where it was fitted, or refit it"
        )
    return values
