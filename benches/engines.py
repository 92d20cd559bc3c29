"""The rivals: one class each. To add one, write a class and put it in `ENGINES`.

An engine says which cases it can run, and turns one into a function without arguments that scores
all its rows on the given number of threads. What is done once a model is done before: only scoring
is measured.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import catboost
import fastscore
import lightgbm
import numpy as np
import pyarrow as pa
import xgboost
from cases import Case
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.tree import BaseDecisionTree, DecisionTreeRegressor
from threadpoolctl import threadpool_limits

Scores = NDArray[np.float64]
Run = Callable[[], Scores]


class Engine(ABC):
    name: str
    most_rows: int | None = None
    """Fewer rows than the case has, for the slow: time a row is what is compared."""

    def can_run(self, case: Case, threads: int) -> bool:
        return True

    @abstractmethod
    def prepare(self, case: Case, x: NDArray[np.float64], threads: int) -> Run: ...


class Fastscore(Engine):
    """From a C-ordered NumPy array, as the source library gets it."""

    name = "fastscore"

    def prepare(self, case: Case, x: NDArray[np.float64], threads: int) -> Run:
        model = fastscore.import_model(case.model)
        return lambda: fastscore.predict(x, model, output=case.output, threads=threads)


class FastscoreArrow(Engine):
    """From an Arrow table, as a job gets it."""

    name = "fastscore (Arrow)"

    def prepare(self, case: Case, x: NDArray[np.float64], threads: int) -> Run:
        model = fastscore.import_model(case.model)
        names = [f"Column_{i}" for i in range(x.shape[1])]
        table = pa.table({name: np.ascontiguousarray(x[:, i]) for i, name in enumerate(names)})

        def run() -> Scores:
            return as_array(fastscore.predict(table, model, output=case.output, threads=threads))

        return run


def as_array(scores: Any) -> Scores:
    if isinstance(scores, pa.Table):
        return np.column_stack([column.to_numpy() for column in scores.columns])
    return np.asarray(scores.to_numpy())


class LightGBM(Engine):
    name = "LightGBM"

    def can_run(self, case: Case, threads: int) -> bool:
        return isinstance(case.model, lightgbm.Booster)

    def prepare(self, case: Case, x: NDArray[np.float64], threads: int) -> Run:
        raw = case.output == "margin"
        return lambda: np.asarray(case.model.predict(x, raw_score=raw, num_threads=threads))


class XGBoost(Engine):
    """`inplace_predict`, which is faster than making a DMatrix."""

    name = "XGBoost"

    def can_run(self, case: Case, threads: int) -> bool:
        return isinstance(case.model, xgboost.Booster)

    def prepare(self, case: Case, x: NDArray[np.float64], threads: int) -> Run:
        model = case.model
        kind = "margin" if case.output == "margin" else "value"

        def run() -> Scores:
            model.set_param({"nthread": threads})
            return np.asarray(model.inplace_predict(x, predict_type=kind))

        return run


class CatBoost(Engine):
    name = "CatBoost"

    def can_run(self, case: Case, threads: int) -> bool:
        return isinstance(case.model, catboost.CatBoost)

    def prepare(self, case: Case, x: NDArray[np.float64], threads: int) -> Run:
        kind = "RawFormulaVal" if case.output == "margin" else "Probability"
        model = case.model
        return lambda: np.asarray(model.predict(x, prediction_type=kind, thread_count=threads))


class ScikitLearn(Engine):
    """Forests with `n_jobs`; linear models with as many threads of BLAS."""

    name = "scikit-learn"

    def can_run(self, case: Case, threads: int) -> bool:
        ours = isinstance(case.model, BaseEstimator)
        return ours and not isinstance(case.model, catboost.CatBoost)

    def prepare(self, case: Case, x: NDArray[np.float64], threads: int) -> Run:
        model = case.model
        if hasattr(model, "n_jobs"):
            model.set_params(n_jobs=threads)
        method = getattr(model, METHODS[case.output])

        def run() -> Scores:
            with threadpool_limits(threads):
                return np.asarray(method(x))

        return run


METHODS = {
    "prediction": "predict",
    "probability": "predict_proba",
    "margin": "decision_function",
    "score": "score_samples",
}


class NumPy(Engine):
    """A matrix product and a sigmoid, as one would write it by hand."""

    name = "NumPy"

    def can_run(self, case: Case, threads: int) -> bool:
        return isinstance(case.model, LinearRegression | LogisticRegression)

    def prepare(self, case: Case, x: NDArray[np.float64], threads: int) -> Run:
        weights = np.ravel(case.model.coef_)
        intercept = float(np.ravel(case.model.intercept_)[0])
        logistic = isinstance(case.model, LogisticRegression)

        def run() -> Scores:
            with threadpool_limits(threads):
                margin = x @ weights + intercept
            if not logistic:
                return margin
            positive = 1 / (1 + np.exp(-margin))
            return np.column_stack([1 - positive, positive])

        return run


class PurePython(Engine):
    """Loops over lists, on one thread and few rows."""

    name = "pure Python"
    most_rows = 200

    def can_run(self, case: Case, threads: int) -> bool:
        known = (
            lightgbm.Booster,
            RandomForestClassifier,
            DecisionTreeRegressor,
            LinearRegression,
            LogisticRegression,
        )
        return threads == 1 and isinstance(case.model, known) and "categories" not in case.name

    def prepare(self, case: Case, x: NDArray[np.float64], threads: int) -> Run:
        rows = x.tolist()
        score = python_scorer(case.model)
        return lambda: np.array([score(row) for row in rows])


def python_scorer(model: Any) -> Callable[[list[float]], Any]:
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


def sklearn_tree(estimator: BaseDecisionTree) -> Any:
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


ENGINES: list[Engine] = [
    Fastscore(),
    FastscoreArrow(),
    LightGBM(),
    XGBoost(),
    CatBoost(),
    ScikitLearn(),
    NumPy(),
    PurePython(),
]
SOURCES = {"LightGBM", "XGBoost", "CatBoost", "scikit-learn"}
"""Whose results are right, and whose time is the measure."""
