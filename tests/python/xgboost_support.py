"""What the tests of XGBoost models share."""

import json

import numpy as np
import xgboost as xgb
from support import awkward_rows, same_bits

SETTINGS = {"nthread": 1, "max_depth": 4, "seed": 1, "verbosity": 0}
FINITE = (np.nan, 1e30, -1e30, 16777217.0, 0.1)
BEYOND = (*FINITE, np.inf, -np.inf, 1e300, -1e300)


def data(rows=400, *, holes=True):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(rows, 5))
    x[:, 1] = rng.integers(-3, 4, rows)
    x[:, 2] *= 1e-38
    if holes:
        x[rng.random(x.shape) < 0.1] = np.nan
    clean = np.nan_to_num(x)
    return x, clean[:, 0] + np.abs(clean[:, 1]) + 0.2 * rng.normal(size=rows)


def target(objective, y):
    """Labels that an objective takes, and the parameters that it needs."""
    if objective.startswith("binary") or objective == "reg:logistic":
        return (y > 1).astype(float), {}
    if objective.startswith("multi"):
        return np.digitize(y, [0, 1, 2]).astype(float), {"num_class": 4}
    if objective.startswith("rank"):
        return (y > 1).astype(int), {}
    if objective == "reg:quantileerror":
        return y, {"quantile_alpha": [0.1, 0.5, 0.9]}
    if objective.split(":")[1] in ("poisson", "gamma", "tweedie", "cox", "aft", "squaredlogerror"):
        return np.abs(y) + 0.1, {}
    return y, {}


def train(objective="reg:squarederror", *, rounds=6, **parameters):
    x, y = data()
    y, own = target(objective, y)
    matrix = xgb.DMatrix(x, y)
    if objective.startswith("rank"):
        matrix.set_group([100] * (len(x) // 100))
    if objective == "survival:aft":
        matrix.set_float_info("label_lower_bound", y)
        matrix.set_float_info("label_upper_bound", y)
    return xgb.train({"objective": objective} | SETTINGS | own | parameters, matrix, rounds), x


def document(source) -> dict:
    booster = source if isinstance(source, xgb.Booster) else source.get_booster()
    return json.loads(bytes(booster.save_raw("json")))


def trees_of(source) -> list:
    booster = document(source)["learner"]["gradient_booster"]
    return booster.get("gbtree", booster)["model"]["trees"]


def splits_of(source) -> list:
    found = []
    for tree in trees_of(source):
        inner = [left != -1 for left in tree["left_children"]]
        pairs = zip(tree["split_indices"], tree["split_conditions"], inner, strict=True)
        found += [(feature, threshold) for feature, threshold, split in pairs if split]
    return found


def rows_for(source, x, n=2500, extra=FINITE):
    return awkward_rows(x, splits_of(source), np.random.default_rng(5), n, extra)


def booster_equal(model, booster, rows, missing=np.nan, **arguments) -> None:
    """Margins and leaves are those of `Booster.predict`, bit for bit."""
    matrix = xgb.DMatrix(rows, missing=missing)
    same_bits(model.margin(rows), booster.predict(matrix, output_margin=True, **arguments))
    leaves = booster.predict(matrix, pred_leaf=True, **arguments).reshape(len(rows), -1)
    np.testing.assert_array_equal(model.leaf_index(rows), leaves)
    assert model.leaf_index(rows).dtype == np.int32


def single_ulps(ours, theirs) -> int:
    """How many float32 lie between, at most; the types and shapes are equal."""
    assert ours.dtype == theirs.dtype == np.float32
    assert ours.shape == theirs.shape
    bits = np.ascontiguousarray(ours).view(np.int32).astype(np.int64)
    return int(np.abs(bits - np.ascontiguousarray(theirs).view(np.int32)).max())
