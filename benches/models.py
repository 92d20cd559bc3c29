"""The models that are measured, trained on the first `TRAINING` flights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from data import CATEGORICAL, TRAINING, Flights

Train = Callable[[Flights], Any]


def lightgbm_binary(trees: int, leaves: int, categories: bool = False) -> Train:
    def train(data: Flights) -> Any:
        import lightgbm

        parameters = {
            "objective": "binary",
            "num_leaves": leaves,
            "learning_rate": 0.05,
            "num_threads": 2,
            "verbose": -1,
        }
        columns = [data.names.index(name) for name in CATEGORICAL] if categories else "auto"
        rows = lightgbm.Dataset(
            data.x[:TRAINING], label=data.late[:TRAINING], categorical_feature=columns
        )
        return lightgbm.train(parameters, rows, num_boost_round=trees)

    return train


def xgboost_binary(trees: int, depth: int) -> Train:
    def train(data: Flights) -> Any:
        import xgboost

        rows = xgboost.DMatrix(data.x[:TRAINING], label=data.late[:TRAINING])
        parameters = {
            "objective": "binary:logistic",
            "max_depth": depth,
            "eta": 0.1,
            "nthread": 2,
        }
        return xgboost.train(parameters, rows, num_boost_round=trees)

    return train


def xgboost_classes(data: Flights) -> Any:
    """Five classes of delay; one tree a class and round."""
    import xgboost

    label = np.digitize(data.delay[:TRAINING], [-15, 0, 15, 60])
    rows = xgboost.DMatrix(data.x[:TRAINING], label=label)
    parameters = {"objective": "multi:softprob", "num_class": 5, "max_depth": 6, "nthread": 2}
    return xgboost.train(parameters, rows, num_boost_round=100)


def catboost_symmetric(data: Flights) -> Any:
    import catboost

    model = catboost.CatBoostClassifier(
        iterations=1000, depth=6, thread_count=2, verbose=0, allow_writing_files=False
    )
    return model.fit(data.x[:TRAINING], data.late[:TRAINING].astype(int))


def sklearn(name: str, rows: int = TRAINING, **parameters: Any) -> Train:
    """Train scikit-learn's class of this name: regressors learn the delay, classifiers lateness."""

    def train(data: Flights) -> Any:
        from sklearn import ensemble, linear_model, tree
        from sklearn.base import is_classifier

        (kind,) = [getattr(m, name) for m in (ensemble, tree, linear_model) if hasattr(m, name)]
        model = kind(**parameters)
        if "random_state" in model.get_params():
            model.set_params(random_state=0)
        if "n_jobs" in model.get_params():
            model.set_params(n_jobs=2)
        x = (data.x if name.startswith("Hist") else data.filled)[:rows]
        if name == "IsolationForest":
            return model.fit(x)
        return model.fit(x, (data.late if is_classifier(model) else data.delay)[:rows])

    return train


def pipeline(name: str) -> Train:
    """Numbers imputed and scaled, text one-hot, then a classifier of lateness."""

    def train(data: Flights) -> Any:
        from sklearn.compose import make_column_transformer
        from sklearn.ensemble import HistGradientBoostingClassifier
        from sklearn.impute import SimpleImputer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OneHotEncoder, StandardScaler

        if name == "LGBMClassifier":
            import lightgbm

            last: Any = lightgbm.LGBMClassifier(n_estimators=200, n_jobs=2, verbose=-1)
        elif name == "LogisticRegression":
            last = LogisticRegression(max_iter=1000)
        else:
            last = HistGradientBoostingClassifier(max_iter=200, early_stopping=False)
        numbers = [name for name in data.raw.columns if name not in CATEGORICAL]
        columns = make_column_transformer(
            (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
            (
                OneHotEncoder(handle_unknown="ignore", sparse_output=False),
                list(CATEGORICAL),
            ),
        )
        return make_pipeline(columns, last).fit(data.raw[:TRAINING], data.late[:TRAINING])

    return train


def network(sizes: tuple[int, ...], activation: str) -> Train:
    """Dense layers with the weights that they begin with: what it costs does not depend on them."""

    def train(data: Flights) -> Any:
        import keras

        keras.utils.set_random_seed(0)
        last = "sigmoid" if sizes[-1] == 1 else "softmax"
        layers = [keras.layers.Input((sizes[0],))]
        layers += [
            keras.layers.Dense(
                size,
                activation=activation if i < len(sizes) - 2 else last,
                bias_initializer=keras.initializers.RandomNormal(stddev=0.1, seed=i),
            )
            for i, size in enumerate(sizes[1:])
        ]
        return keras.Sequential(layers)

    return train
