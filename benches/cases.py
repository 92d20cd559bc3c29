"""What is measured: a trained model, the rows that it scores, and how close results have to be."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import catboost
import lightgbm
import numpy as np
import xgboost
from data import CATEGORICAL, TRAINING, Flights, flights
from numpy.typing import NDArray
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
)
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.tree import DecisionTreeRegressor

load_flights = functools.cache(flights)


@dataclass(frozen=True)
class Case:
    """A model is trained when it is first asked for."""

    name: str
    train: Callable[[Flights], Any]
    rows: int
    output: str
    filled: bool = False
    tolerance: float = 0.0
    """Largest relative difference from the source; 0 means equal bits."""

    def __str__(self) -> str:
        return self.name

    @functools.cached_property
    def x(self) -> NDArray[np.float64]:
        data = load_flights()
        x = data.filled if self.filled else data.x
        return np.ascontiguousarray(x[TRAINING : TRAINING + self.rows])

    @functools.cached_property
    def model(self) -> Any:
        return self.train(load_flights())


def gradient_boosting(trees: int, leaves: int) -> Callable[[Flights], lightgbm.Booster]:
    @functools.cache
    def train() -> lightgbm.Booster:
        data = load_flights()
        parameters = {
            "objective": "binary",
            "num_leaves": leaves,
            "learning_rate": 0.05,
            "num_threads": 2,
            "verbose": -1,
        }
        train_set = lightgbm.Dataset(data.x[:TRAINING], label=data.late[:TRAINING])
        return lightgbm.train(parameters, train_set, num_boost_round=trees)

    return lambda _: train()


def gradient_boosting_on_categories(data: Flights) -> lightgbm.Booster:
    parameters = {"objective": "binary", "num_leaves": 63, "num_threads": 2, "verbose": -1}
    train_set = lightgbm.Dataset(
        data.x[:TRAINING],
        label=data.late[:TRAINING],
        categorical_feature=[data.names.index(name) for name in CATEGORICAL],
    )
    return lightgbm.train(parameters, train_set, num_boost_round=200)


def xgboost_binary(data: Flights) -> xgboost.Booster:
    train_set = xgboost.DMatrix(data.x[:TRAINING], label=data.late[:TRAINING])
    parameters = {"objective": "binary:logistic", "max_depth": 6, "eta": 0.1, "nthread": 2}
    return xgboost.train(parameters, train_set, num_boost_round=500)


def xgboost_multiclass(data: Flights) -> xgboost.Booster:
    label = np.digitize(data.delay[:TRAINING], [-15, 0, 15, 60])
    train_set = xgboost.DMatrix(data.x[:TRAINING], label=label)
    parameters = {"objective": "multi:softprob", "num_class": 5, "max_depth": 6, "nthread": 2}
    return xgboost.train(parameters, train_set, num_boost_round=100)


def catboost_symmetric(data: Flights) -> catboost.CatBoostClassifier:
    model = catboost.CatBoostClassifier(
        iterations=1000, depth=6, thread_count=2, verbose=0, allow_writing_files=False
    )
    return model.fit(data.x[:TRAINING], data.late[:TRAINING].astype(int))


def hist_gradient_boosting(data: Flights) -> HistGradientBoostingClassifier:
    model = HistGradientBoostingClassifier(max_iter=300, early_stopping=False, random_state=0)
    return model.fit(data.x[:TRAINING], data.late[:TRAINING])


def sklearn_gradient_boosting(data: Flights) -> GradientBoostingClassifier:
    model = GradientBoostingClassifier(n_estimators=200, max_depth=5, random_state=0)
    few = TRAINING // 5
    return model.fit(data.filled[:few], data.late[:few])


def isolation_forest(data: Flights) -> IsolationForest:
    return IsolationForest(n_estimators=100, random_state=0).fit(data.filled[:TRAINING])


def extra_trees(data: Flights) -> ExtraTreesRegressor:
    forest = ExtraTreesRegressor(100, min_samples_leaf=5, random_state=0, n_jobs=2)
    return forest.fit(data.filled[:TRAINING], data.delay[:TRAINING])


def random_forest(data: Flights) -> RandomForestClassifier:
    forest = RandomForestClassifier(100, min_samples_leaf=5, random_state=0, n_jobs=2)
    return forest.fit(data.x[:TRAINING], data.late[:TRAINING])


def decision_tree(data: Flights) -> DecisionTreeRegressor:
    tree = DecisionTreeRegressor(min_samples_leaf=20, random_state=0)
    return tree.fit(data.x[:TRAINING], data.delay[:TRAINING])


def logistic(data: Flights) -> LogisticRegression:
    model = LogisticRegression(solver="newton-cholesky")
    return model.fit(data.filled[:TRAINING], data.late[:TRAINING])


def linear(data: Flights) -> LinearRegression:
    return LinearRegression().fit(data.filled[:TRAINING], data.delay[:TRAINING])


CASES = [
    Case("LightGBM 500 x 63", gradient_boosting(500, 63), 20_000, "margin"),
    Case("LightGBM 100 x 31", gradient_boosting(100, 31), 100_000, "margin"),
    Case("LightGBM 100 x 31, 1 row", gradient_boosting(100, 31), 1, "margin"),
    Case("LightGBM 200 x 63, categories", gradient_boosting_on_categories, 20_000, "margin"),
    Case("XGBoost 500, depth 6", xgboost_binary, 20_000, "margin"),
    Case("XGBoost 100 x 5 classes", xgboost_multiclass, 20_000, "margin"),
    Case("CatBoost 1000, depth 6", catboost_symmetric, 50_000, "margin"),
    Case("HistGradientBoosting 300 x 31", hist_gradient_boosting, 20_000, "margin"),
    Case("GradientBoosting 200, depth 5", sklearn_gradient_boosting, 20_000, "margin", filled=True),
    Case("IsolationForest 100", isolation_forest, 20_000, "score", filled=True, tolerance=1e-14),
    Case("ExtraTrees 100", extra_trees, 20_000, "prediction", filled=True, tolerance=1e-13),
    # Threads of scikit-learn add trees in the order in which they finish.
    Case("RandomForest 100", random_forest, 20_000, "probability", tolerance=1e-13),
    Case("DecisionTree", decision_tree, 200_000, "prediction"),
    Case("LogisticRegression", logistic, 200_000, "probability", filled=True, tolerance=1e-10),
    Case("LinearRegression", linear, 200_000, "prediction", filled=True, tolerance=1e-10),
]
