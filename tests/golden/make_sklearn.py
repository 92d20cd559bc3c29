"""Models of an older scikit-learn with what that version predicted, for test_golden_sklearn.py.

Run with the Python of an environment that has the version and fastscore:

    python tests/golden/make_sklearn.py

It writes `sklearn-VERSION/NAME.fscore`, and `sklearn-VERSION/expected.npz` with the rows and, for
each model, each output of scikit-learn. The models depend on the version's random numbers: files
are made once, and never again.
"""

import warnings
from pathlib import Path

import fastscore
import numpy as np
import sklearn
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    RandomTreesEmbedding,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

OUTPUTS = ("predict", "predict_proba", "decision_function", "score_samples", "apply", "transform")


def main() -> None:
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 4))
    x[:, 2] = np.round(x[:, 2], 1)
    x[:, 3] = rng.integers(0, 5, 120)
    score = x[:, 0] + (x[:, 1] > 0) * x[:, 2] + (x[:, 3] % 3)
    two, three = np.array(["no", "yes"])[(score > 1).astype(int)], np.digitize(score, [0, 1.5])
    rows = np.r_[x[:40], rng.normal(size=(40, 4)) * 3]
    rows[:, 3] = np.round(rows[:, 3])
    holes = x.copy()
    holes[rng.random(x.shape) < 0.1] = np.nan
    strange = rows.copy()
    strange[rng.random(rows.shape) < 0.1] = np.nan
    few = {"n_estimators": 3, "random_state": 0}
    tree = {"max_depth": 3, "random_state": 0}
    hist = {"max_iter": 3, "min_samples_leaf": 8, "max_leaf_nodes": 5}
    has_both = getattr(AdaBoostClassifier(), "algorithm", "deprecated") != "deprecated"
    old = {"algorithm": "SAMME.R"} if has_both else {}
    samme = {"algorithm": "SAMME"} if old else {}
    small = DecisionTreeClassifier(**tree)
    models = {
        "tree": (DecisionTreeClassifier(**tree), x, three, rows),
        "tree_holes": (DecisionTreeRegressor(**tree), holes, score, strange),
        "forest": (RandomForestClassifier(max_depth=3, **few), x, two, rows),
        "forest_regressor": (
            RandomForestRegressor(max_depth=3, **few),
            x,
            np.c_[score, -score],
            rows,
        ),
        "extra_trees": (ExtraTreesClassifier(max_depth=3, **few), x, three, rows),
        "boosting": (GradientBoostingRegressor(loss="huber", **few), x, score, rows),
        "boosting_two": (GradientBoostingClassifier(**few), x, two, rows),
        "boosting_three": (GradientBoostingClassifier(**few), x, three, rows),
        "boosting_exponential": (
            GradientBoostingClassifier(
                loss="exponential", init=RandomForestClassifier(**few), **few
            ),
            x,
            two,
            rows,
        ),
        "hist": (HistGradientBoostingRegressor(loss="gamma", **hist), holes, score + 9, strange),
        "hist_two": (HistGradientBoostingClassifier(**hist), holes, two, strange),
        "hist_categories": (
            HistGradientBoostingClassifier(categorical_features=[3], **hist),
            np.c_[holes[:, :3], x[:, 3]],
            three,
            strange,
        ),
        "bagging": (BaggingClassifier(small, max_features=3, **few), x, three, rows),
        "bagging_boosting": (
            BaggingRegressor(GradientBoostingRegressor(max_depth=2, **few), max_features=2, **few),
            x,
            score,
            rows,
        ),
        "adaboost": (AdaBoostClassifier(**few, **old), x, three, rows),
        "adaboost_two": (AdaBoostClassifier(**few, **old), x, two, rows),
        "adaboost_samme": (AdaBoostClassifier(**few, **samme), x, three, rows),
        "adaboost_regressor": (AdaBoostRegressor(**few), x, score, rows),
        "isolation": (IsolationForest(max_samples=20, contamination=0.1, **few), x, None, rows),
        "embedding": (RandomTreesEmbedding(max_depth=2, **few), x, None, rows),
    }
    folder = Path(__file__).parent / f"sklearn-{sklearn.__version__}"
    folder.mkdir()
    expected = {"rows": rows, "strange": strange}
    for name, (estimator, features, target, asked) in models.items():
        estimator.fit(features, target)
        fastscore.import_model(estimator).save(folder / f"{name}.fscore")
        for output in OUTPUTS:
            if hasattr(estimator, output):
                found = getattr(estimator, output)(asked)
                found = found.toarray() if hasattr(found, "toarray") else np.asarray(found)
                which = "strange" if asked is strange else "rows"
                expected[f"{name}/{output}/{which}"] = found
    np.savez_compressed(folder / "expected.npz", **expected)


if __name__ == "__main__":
    main()
