"""Small model texts of the LightGBM that runs this, with what it computes for awkward rows.

    python generate.py PREFIX      # in an environment with the version of LightGBM that is due

writes `PREFIX_CASE.txt`, the model text, and `PREFIX_CASE.json`: the version, the rows, and their
`raw_score`, prediction and leaf indexes. The prefixes: v2 LightGBM 2.2.3 (the last to write
`version=v2`), v3 3.3.5, v4 4.7.0; the older ones have a few cases only.
"""

import json
import sys
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pandas as pd

HERE = Path(__file__).parent
SMALL = {
    "verbose": -1,
    "num_threads": 1,
    "num_leaves": 6,
    "min_data_in_leaf": 4,
    "min_data_per_group": 2,
    "cat_smooth": 1,
    "seed": 1,
}
CASES = {
    "regression": ({"objective": "regression"}, 0),
    "zero_as_missing": ({"objective": "regression", "zero_as_missing": True}, 0),
    "no_missing": ({"objective": "regression", "use_missing": False}, 0),
    "sqrt": ({"objective": "regression", "reg_sqrt": True}, 0),
    "binary": ({"objective": "binary", "sigmoid": 0.7}, 2),
    "multiclass": ({"objective": "multiclass", "num_class": 3}, 3),
    "multiclassova": ({"objective": "multiclassova", "num_class": 3}, 3),
    "cross_entropy": ({"objective": "cross_entropy"}, 2),
    "cross_entropy_lambda": ({"objective": "cross_entropy_lambda"}, 2),
    "dart": ({"objective": "regression", "boosting": "dart"}, 0),
    "rf": (
        {"objective": "binary", "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6},
        2,
    ),
    "categorical": ({"objective": "regression"}, 0),
    "onehot": ({"objective": "regression", "max_cat_to_onehot": 100}, 0),
    "pandas": ({"objective": "regression"}, 0),
    "linear": ({"objective": "regression", "linear_tree": True}, 0),
    "linear_categorical": ({"objective": "regression", "linear_tree": True}, 0),
    "constant": ({"objective": "regression", "min_data_in_leaf": 10_000}, 0),
}
FEW = ("zero_as_missing", "binary", "multiclassova", "rf", "categorical", "pandas", "linear")
AWKWARD = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-36, 2e-35, -0.5, -1.0, 1e300, 2.0**31, 70.0]


def train(case):
    parameters, classes = CASES[case]
    rng = np.random.RandomState(2)
    x = rng.normal(size=(300, 4))
    x[:, 1] = rng.randint(0, 5, 300)
    x[:, 2] = rng.randint(0, 70, 300)
    y = x[:, 0] + np.array([0, 2, -1, 1, -2])[x[:, 1].astype(int)] + (x[:, 2] % 3)
    x[rng.uniform(size=x.shape) < 0.08] = np.nan
    if classes:
        y = np.digitize(y, np.quantile(y, np.arange(1, classes) / classes))
    if case == "pandas":
        columns = {
            "number": x[:, 0],
            "word": pd.Categorical(np.array(list("abcde"), dtype=object)[rng.randint(0, 5, 300)]),
            "count": pd.Categorical(np.nan_to_num(x[:, 2]).astype(int)),
            "flag": pd.Categorical(rng.uniform(size=300) < 0.5),
        }
        dataset = lgb.Dataset(pd.DataFrame(columns), y)
    elif "categorical" in case or case == "onehot":
        dataset = lgb.Dataset(x, y, categorical_feature=[1, 2])
    else:
        dataset = lgb.Dataset(x, y)
    return lgb.train({**SMALL, **parameters}, dataset, 3), x


def rows(booster, x, case):
    rng = np.random.RandomState(3)
    found = x[rng.randint(0, len(x), 40)]
    thresholds = []

    def walk(node):
        if "split_feature" in node:
            if node["decision_type"] == "<=":
                thresholds.append((node["split_feature"], node["threshold"]))
            walk(node["left_child"])
            walk(node["right_child"])

    for tree in booster.dump_model()["tree_info"]:
        walk(tree["tree_structure"])
    at = 0
    for feature, threshold in thresholds[:8]:
        for value in (threshold, np.nextafter(threshold, np.inf), np.nextafter(threshold, -np.inf)):
            found[at % 40, feature] = value
            at += 1
    for value in AWKWARD:
        for feature in range(4):
            found[rng.randint(0, 40), feature] = value
    return found


def main(prefix):
    for case in CASES:
        if prefix != "v4" and case not in FEW:
            continue
        if case == "linear" and prefix == "v2":
            continue
        booster, x = train(case)
        path = HERE / f"{prefix}_{case}.txt"
        booster.save_model(str(path))
        again = lgb.Booster(model_file=str(path))
        data = rows(again, x, case)
        expected = {
            "lightgbm": lgb.__version__,
            "rows": data.tolist(),
            "raw": again.predict(data, raw_score=True, num_threads=1).tolist(),
            "prediction": again.predict(data, num_threads=1).tolist(),
            "leaf": np.asarray(again.predict(data, pred_leaf=True, num_threads=1)).tolist(),
        }
        path.with_suffix(".json").write_text(json.dumps(expected) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
