"""What one would write by hand: NumPy for linear models, loops over lists for some others."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from cases import Case

from rivals.base import Engine, Ready


def numpy_linear(case: Case, threads: int) -> Ready:
    """A matrix product and a sigmoid."""
    from threadpoolctl import ThreadpoolController

    ThreadpoolController().limit(limits=threads)
    model = case.model
    weights, intercept = np.ravel(model.coef_), float(np.ravel(model.intercept_)[0])

    def score(x: Any) -> Any:
        margin = x @ weights + intercept
        if case.output == "prediction":
            return margin
        positive = 1 / (1 + np.exp(-margin))
        return np.column_stack([1 - positive, positive])

    return Ready(score)


def pure_python(case: Case, threads: int) -> Ready:
    score = python_scorer(case.model)
    return Ready(lambda rows: np.array([score(row) for row in rows]), lambda x: x.tolist())


def python_scorer(model: Any) -> Callable[[list[float]], Any]:
    import lightgbm
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LinearRegression, LogisticRegression

    if isinstance(model, LinearRegression | LogisticRegression):
        weights = np.ravel(model.coef_).tolist()
        intercept = float(np.ravel(model.intercept_)[0])

        def linear(row: list[float]) -> Any:
            margin = intercept
            for weight, value in zip(weights, row, strict=True):
                margin += weight * value
            if isinstance(model, LinearRegression):
                return margin
            positive = 1 / (1 + math.exp(-margin))
            return 1 - positive, positive

        return linear
    if isinstance(model, lightgbm.Booster):
        trees = [lightgbm_tree(tree["tree_structure"]) for tree in model.dump_model()["tree_info"]]
        return lambda row: sum(walk(tree, row) for tree in trees)
    if isinstance(model, RandomForestClassifier):
        trees = [sklearn_tree(tree) for tree in model.estimators_]

        def forest(row: list[float]) -> Any:
            narrow = np.array(row, np.float32).tolist()
            values = [walk(tree, narrow) for tree in trees]
            return [sum(column) / len(trees) for column in zip(*values, strict=True)]

        return forest
    tree = sklearn_tree(model)
    return lambda row: walk(tree, np.array(row, np.float32).tolist())[0]


def walk(node: Any, row: list[float]) -> Any:
    while isinstance(node, tuple):
        feature, threshold, missing_left, left, right = node
        value = row[feature]
        if value != value:  # noqa: PLR0124 (NaN)
            node = left if missing_left else right
        else:
            node = left if value <= threshold else right
    return node


def lightgbm_tree(node: dict[str, Any]) -> Any:
    if "split_feature" not in node:
        return node["leaf_value"]
    missing = node["missing_type"]
    # Without missing values in training, NaN counts as 0.
    left = node["default_left"] if missing == "NaN" else node["threshold"] >= 0
    return (
        node["split_feature"],
        node["threshold"],
        left,
        lightgbm_tree(node["left_child"]),
        lightgbm_tree(node["right_child"]),
    )


def sklearn_tree(estimator: Any) -> Any:
    tree = estimator.tree_
    values = tree.value[:, 0, :]

    def build(node: int) -> Any:
        if tree.children_left[node] < 0:
            return values[node].tolist()
        return (
            int(tree.feature[node]),
            float(tree.threshold[node]),
            bool(tree.missing_go_to_left[node]),
            build(tree.children_left[node]),
            build(tree.children_right[node]),
        )

    return build(0)


PYTHON = frozenset({"lightgbm", "forest", "tree", "linear"})
WITHOUT = {"categories": "numeric splits only", "ExtraTrees": "forests of classifiers only"}
ENGINES = [
    Engine("NumPy", "numpy", frozenset({"linear"}), numpy_linear),
    Engine("pure Python", "numpy", PYTHON, pure_python, without=WITHOUT),
]
