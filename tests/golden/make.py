"""Small valid files, from which the fuzz tests start: run by hand after a new kind of model.

    .venv/bin/python tests/golden/make.py

LightGBM's text is cut after the trees. Of scikit-learn's estimators, which have no file, ours.
"""

import warnings
from pathlib import Path

import fastscore
import lightgbm as lgb
import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.tree import DecisionTreeRegressor

HERE = Path(__file__).parent


def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 4))
    x[:, 3] = rng.integers(0, 40, 200)
    x[rng.random(x.shape) < 0.1] = np.nan
    return x, np.nan_to_num(x[:, 0]) + np.nan_to_num(x[:, 3]) % 3


def lightgbm_text() -> dict[str, str]:
    x, y = data()
    common = {"verbose": -1, "num_threads": 1, "num_leaves": 5, "min_data_in_leaf": 5, "seed": 0}
    settings = {
        "multiclass": ({"objective": "multiclass", "num_class": 3}, np.digitize(y, [0, 1])),
        "forest": (
            {"objective": "binary", "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5},
            (y > 1).astype(int),
        ),
        "tweedie": ({"objective": "tweedie", "zero_as_missing": True}, np.abs(y)),
        "categorical": ({"categorical_feature": [3], "min_data_per_group": 5, "cat_smooth": 1}, y),
        "linear": ({"linear_tree": True}, y),
    }
    texts = {}
    for name, (parameters, target) in settings.items():
        dataset = lgb.Dataset(x, target, feature_name=["a", "b", "c d", "e"])
        text = lgb.train(common | parameters, dataset, 2).model_to_string()
        texts[name] = text[: text.index("end of trees")] + "end of trees\n"
    return texts


def estimators() -> dict[str, object]:
    x, y = data()
    x = np.nan_to_num(x)
    several = np.c_[np.digitize(y, [0, 1]), y > 1]
    return {
        "linear": LinearRegression().fit(x, np.c_[y, -y]),
        "logistic": LogisticRegression(max_iter=1000).fit(x, np.where(y > 1, "yes", "no")),
        "tree": DecisionTreeRegressor(max_leaf_nodes=6, random_state=0).fit(x, y),
        "forest": RandomForestClassifier(2, max_leaf_nodes=4, random_state=0).fit(x, several),
    }


def main() -> None:
    warnings.simplefilter("ignore")
    for folder in ("lightgbm", "fscore"):
        (HERE / folder).mkdir(exist_ok=True)
    for name, text in lightgbm_text().items():
        (HERE / "lightgbm" / f"{name}.txt").write_text(text, encoding="utf-8")
    for name, estimator in estimators().items():
        fastscore.import_model(estimator).save(HERE / "fscore" / f"{name}.fscore")


if __name__ == "__main__":
    main()
