"""LightGBM models for the tests, and how they are compared."""

import lightgbm as lgb
import numpy as np
from support import awkward_rows, lightgbm_splits, same_bits

EXTRA = (
    np.nan,
    np.inf,
    -np.inf,
    1e300,
    1.0000001800250948e-35,
    -1.0000001800250948e-35,
    1e-35,
    2e-35,
)
MISSING = {
    "nan": {},
    "zero": {"zero_as_missing": True},
    "none": {"use_missing": False},
}


def data(rows=500, *, holes=True):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(rows, 5))
    x[:, 1] = rng.integers(-3, 4, rows)
    x[:, 2] *= 1e-35
    if holes:
        x[rng.random(x.shape) < 0.1] = np.nan
    clean = np.nan_to_num(x)
    return x, clean[:, 0] + np.abs(clean[:, 1]) + 0.2 * rng.normal(size=rows)


def train(objective="regression", *, holes=True, rounds=12, keep=False, **parameters):
    x, y = data(holes=holes)
    if objective in ("binary", "cross_entropy", "cross_entropy_lambda"):
        y = (y > 1).astype(float)
    elif objective.startswith("multiclass"):
        y = np.digitize(y, [0, 1, 2]).astype(float)
        parameters["num_class"] = 4
    elif objective in ("poisson", "gamma", "tweedie"):
        y = np.abs(y) + 0.1
    elif objective in ("lambdarank", "rank_xendcg"):
        y = np.digitize(y, [0, 1, 2])
    group = [100] * 5 if objective in ("lambdarank", "rank_xendcg") else None
    settings = {
        "objective": objective,
        "verbose": -1,
        "num_threads": 1,
        "num_leaves": 15,
        "min_data_in_leaf": 3,
        "seed": 1,
    } | parameters
    dataset = lgb.Dataset(x, y, group=group)
    return lgb.train(settings, dataset, rounds, keep_training_booster=keep), x


def rows_for(booster, x, n=4000):
    return awkward_rows(x, lightgbm_splits(booster), np.random.default_rng(5), n, EXTRA)


def margins_equal(model, booster, rows, **arguments) -> None:
    same_bits(model.margin(rows), booster.predict(rows, raw_score=True, num_threads=1, **arguments))
    leaves = booster.predict(rows, pred_leaf=True, num_threads=1, **arguments)
    same_bits(model.leaf_index(rows), np.asarray(leaves).reshape(len(rows), -1))
