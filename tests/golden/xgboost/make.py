"""Writes the golden files: run with each version of XGBoost, in this folder.

    pip install xgboost-cpu==3.2.0 (3.0.5, 2.1.4; xgboost==1.7.6 with numpy<2); python make.py

A model is `VERSION_NAME.json` or `.ubj`; what that version predicted for `x` is `VERSION_NAME.npz`.
"""

import numpy as np
import xgboost as xgb

VERSION = "".join(xgb.__version__.split(".")[:2])
SETTINGS = {"nthread": 1, "max_depth": 3, "verbosity": 0, "tree_method": "hist"}
NEW = int(VERSION) >= 21


def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(150, 3))
    x[:, 2] = rng.integers(0, 6, 150)
    x[rng.random(x.shape) < 0.1] = np.nan
    clean = np.nan_to_num(x)
    return x, clean[:, 0] + np.abs(clean[:, 1]) + (clean[:, 2] == 3)


def write(name, booster, x, kinds=None, **arguments):
    matrix = xgb.DMatrix(x, feature_types=kinds, enable_categorical=kinds is not None)
    found = {
        "x": x,
        "margin": booster.predict(matrix, output_margin=True, **arguments),
        "prediction": booster.predict(matrix, **arguments),
    }
    if name != "gblinear":
        found["leaf"] = booster.predict(matrix, pred_leaf=True, **arguments).reshape(len(x), -1)
    np.savez_compressed(f"{VERSION}_{name}.npz", **found)


def train(name, y, ending, kinds=None, rounds=4, **parameters):
    x, _ = data()
    matrix = xgb.DMatrix(x, y, feature_types=kinds, enable_categorical=kinds is not None)
    booster = xgb.train(SETTINGS | parameters, matrix, rounds)
    booster.save_model(f"{VERSION}_{name}.{ending}")
    write(name, booster, x[:60], kinds)


_, y = data()
binary = (y > 1).astype(float)
train("binary", binary, "json", objective="binary:logistic")
train("binary_ubj", binary, "ubj", objective="binary:logistic")
classes = np.digitize(y, [0.5, 1.5])
train("softprob", classes, "ubj", objective="multi:softprob", num_class=3, num_parallel_tree=2)
train("softmax", classes, "json", objective="multi:softmax", num_class=3)
train("poisson", np.abs(y), "ubj", objective="count:poisson")
train("dart", y, "json", booster="dart", rate_drop=0.5)
train("gblinear", y, "json", booster="gblinear", tree_method="auto")
train("categories", y, "json", ["q", "q", "c"], max_cat_to_onehot=2)
train("onehot", y, "ubj", ["q", "q", "c"], max_cat_to_onehot=100)
train("targets", np.c_[y, -y], "json")
if NEW:
    train("vectors", np.c_[y, -y, y * y], "json", multi_strategy="multi_output_tree")
    train("vectors_ubj", np.c_[y, -y], "ubj", multi_strategy="multi_output_tree")
    train("quantiles", y, "ubj", objective="reg:quantileerror", quantile_alpha=[0.1, 0.9])
x, _ = data()
stopped = xgb.train(
    SETTINGS | {"eta": 0.9},
    xgb.DMatrix(x[:100], y[:100]),
    30,
    evals=[(xgb.DMatrix(x[100:], y[100:]), "valid")],
    early_stopping_rounds=2,
    verbose_eval=False,
)
write("estimator", stopped, x[:60], iteration_range=(0, stopped.best_iteration + 1))
stopped.set_attr(scikit_learn='{"_estimator_type": "regressor"}')
stopped.save_model(f"{VERSION}_estimator.json")
