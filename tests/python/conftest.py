import fastscore
import lightgbm as lgb
import numpy as np
import pytest
from names import NAMES
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor


@pytest.fixture(scope="session")
def x():
    rng = np.random.default_rng(7)
    x = rng.normal(size=(300, 6))
    x[:, 2] = rng.integers(0, 9, 300)
    x[:, 5] = np.round(x[:, 5], 1)
    return x


@pytest.fixture(scope="session")
def score(x):
    rng = np.random.default_rng(8)
    return x[:, 0] + x[:, 1] * (x[:, 2] > 4) + 0.3 * rng.normal(size=len(x))


@pytest.fixture(scope="session")
def labels(score):
    return np.array(["high", "low", "medium"])[np.digitize(score, [-0.5, 0.5])]


@pytest.fixture(scope="session")
def frame(x):
    import pandas as pd

    return pd.DataFrame(x, columns=NAMES, index=[f"row{i}" for i in range(len(x))])


def _booster(x, y, **parameters):
    parameters = {
        "verbose": -1,
        "num_threads": 1,
        "min_data_in_leaf": 5,
        "num_leaves": 7,
    } | parameters
    return lgb.train(parameters, lgb.Dataset(x, y), num_boost_round=6)


@pytest.fixture(scope="session")
def sources(frame, x, score, labels):
    """Source models by name; all know the names of `frame` but `nameless`."""
    small = {"n_estimators": 4, "max_depth": 4, "random_state": 0}
    tree = {"max_depth": 4, "random_state": 0}
    boosted = {
        "n_estimators": 5,
        "num_leaves": 7,
        "min_child_samples": 5,
        "verbose": -1,
        "n_jobs": 1,
    }
    return {
        "tree labels": DecisionTreeClassifier(**tree).fit(frame, labels),
        "tree values": DecisionTreeRegressor(**tree).fit(frame, score),
        "forest labels": RandomForestClassifier(**small).fit(frame, labels),
        "forest binary": RandomForestClassifier(**small).fit(frame, score > 0),
        "forest integers": RandomForestClassifier(**small).fit(frame, np.digitize(score, [0, 1])),
        "forest values": RandomForestRegressor(**small).fit(frame, score),
        "forest several values": RandomForestRegressor(**small).fit(frame, np.c_[score, x[:, 1]]),
        "forest several labels": RandomForestClassifier(**small).fit(
            frame, np.c_[labels, np.where(x[:, 0] > 0, "yes", "no")]
        ),
        "linear": LinearRegression().fit(frame, score),
        "linear several": LinearRegression().fit(frame, np.c_[score, x[:, 1]]),
        "logistic binary": LogisticRegression().fit(frame, score > 0),
        "logistic labels": LogisticRegression().fit(frame, labels),
        "lgbm labels": lgb.LGBMClassifier(**boosted).fit(frame, labels),
        "lgbm binary": lgb.LGBMClassifier(**boosted).fit(frame, (score > 0).astype(int)),
        "lgbm values": lgb.LGBMRegressor(**boosted).fit(frame, score),
        "booster": _booster(frame, score),
        "nameless": RandomForestClassifier(**small).fit(x, labels),
    }


@pytest.fixture(scope="session")
def models(sources):
    return {name: fastscore.import_model(source) for name, source in sources.items()}
