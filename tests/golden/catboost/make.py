"""Write tiny CatBoost models with what CatBoost computes from them: `python make.py`.

Files are named by CatBoost's version. To add an older one, run this in an environment that has it;
files of other versions stay as they are.
"""

import json
from pathlib import Path

import catboost
import numpy as np
from catboost import CatBoost, CatBoostClassifier, CatBoostRegressor, Pool

HERE = Path(__file__).parent
ROWS = 80
CATEGORIES = [1, 3]


def rows(rng):
    numbers = rng.normal(size=(ROWS, 2)).astype(np.float32).astype(float)
    numbers[::9, 0] = np.nan
    words = np.array([f"w{i}" for i in rng.integers(0, 9, ROWS)], dtype=object)
    codes = rng.integers(-1, 3, ROWS)
    return numbers, words, codes


def table(numbers, words, codes, categorical):
    if not categorical:
        return numbers
    out = np.empty((ROWS, 4), dtype=object)
    out[:, 0], out[:, 1], out[:, 2], out[:, 3] = numbers[:, 0], words, numbers[:, 1], codes
    return out


MODELS = {
    "binary": (CatBoostClassifier, False, {}),
    "lossguide": (CatBoostClassifier, False, {"grow_policy": "Lossguide", "max_leaves": 5}),
    "depthwise": (CatBoostRegressor, False, {"grow_policy": "Depthwise", "nan_mode": "Max"}),
    "ctr": (CatBoostRegressor, True, {"one_hot_max_size": 4, "iterations": 8}),
    "ctr_multiclass": (CatBoostClassifier, True, {"grow_policy": "Lossguide", "max_leaves": 6}),
}


def main():
    for name, (kind, categorical, parameters) in MODELS.items():
        rng = np.random.default_rng(7)
        numbers, words, codes = rows(rng)
        score = np.nan_to_num(numbers[:, 0]) + numbers[:, 1] + 0.4 * codes
        score += 3 * (np.array([int(word[1:]) for word in words]) % 3)
        target = score
        if kind is CatBoostClassifier:
            target = np.digitize(score, [3.0] if name == "binary" else [1.0, 4.0])
        x = table(numbers, words, codes, categorical)
        settings = {
            "iterations": 4,
            "depth": 3,
            "cat_features": CATEGORIES if categorical else None,
            "verbose": 0,
            "thread_count": 1,
            "allow_writing_files": False,
            "random_seed": 1,
        }
        model = kind(**settings | parameters).fit(x, target)
        numbers, words, codes = rows(rng)
        words[:3] = ["never seen", "", "\u00e9t\u00e9" * 30]
        x = table(numbers, words, codes, categorical)
        pool = Pool(x, cat_features=CATEGORIES if categorical else None)
        for form in ("cbm", "json"):
            stem = HERE / f"{catboost.__version__}_{name}.{form}"
            model.save_model(str(stem), format=form, pool=pool if form == "json" else None)
            if form == "json":
                shorten(stem)
            read = CatBoost().load_model(str(stem), format=form)
            np.savez_compressed(
                f"{stem}.npz",
                numbers=numbers,
                words=words.astype(str),
                codes=codes,
                categorical=categorical,
                margin=read.predict(pool, prediction_type="RawFormulaVal", thread_count=1),
                leaf=read.calc_leaf_indexes(pool, thread_count=1),
            )


def shorten(path):
    """Leave out what is long and not needed to predict."""
    document = json.loads(path.read_text())
    document["features_info"].pop("cat_features_hash", None)
    for key in ("catboost_version_info", "train_finish_time", "output_options", "training"):
        document["model_info"].pop(key, None)
    path.write_text(json.dumps(document))


if __name__ == "__main__":
    main()
