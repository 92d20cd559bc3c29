"""LightGBM's cases."""

from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
from support import awkward_rows, lightgbm_splits

from matrix.case import EQUAL, LEAVES, Bound, Case, Library, Refusal, labels_but_for_ties, ulp

ROWS = 300
SCORED = 517
EXTRA = (np.nan, np.inf, -np.inf, 1e300, 1.0000001800250948e-35, -1.0000001800250948e-35, 2e-35)
COMMON = {
    "verbose": -1,
    "num_threads": 1,
    "num_leaves": 9,
    "min_data_in_leaf": 3,
    "seed": 1,
}
CLASSIFIES = ("binary", "multiclass", "multiclassova")


def expected(source: Any, data: Any, output: str) -> Any:
    """What LightGBM gives; `Booster` and wrappers alike."""
    booster = source if isinstance(source, lgb.Booster) else source.booster_
    if output == "leaf":
        leaves = booster.predict(data, pred_leaf=True, num_threads=1)
        return np.asarray(leaves).reshape(len(data), -1).astype(np.int32)
    if output == "margin":
        return booster.predict(data, raw_score=True, num_threads=1)
    if output == "prediction":
        return source.predict(data, num_threads=1)
    assert output == "probability", output
    return _probability(source, data)


def _probability(source: Any, data: Any) -> Any:
    booster = source if isinstance(source, lgb.Booster) else source.booster_
    shares = np.asarray(booster.predict(data, num_threads=1))
    return np.c_[1 - shares, shares] if shares.ndim == 1 else shares


def write_text(source: Any, path: Path) -> dict[str, Any]:
    """`save_model`; the text does not hold the labels of a classifier."""
    booster = source if isinstance(source, lgb.Booster) else source.booster_
    booster.save_model(path)
    return {"classes": source.classes_} if isinstance(source, lgb.LGBMClassifier) else {}


LIBRARY = Library(
    "LightGBM",
    "lightgbm",
    expected,
    {"text": write_text},
    note="`Booster` and the wrappers stop at `best_iteration`, as `predict` does. Text files do "
    "not hold class labels: `load(path, classes=[...])`.",
)


def features(rng: np.random.Generator, *, holes: bool = True) -> Any:
    """Columns of different kinds, one of them around the values that count as zero."""
    x = rng.normal(size=(ROWS, 5))
    x[:, 1] = rng.integers(-3, 4, ROWS)
    x[:, 2] *= 1e-35
    if holes:
        x[rng.random(x.shape) < 0.1] = np.nan
    return x


def target(x: Any, rng: np.random.Generator, objective: str) -> Any:
    """A target that the objective takes."""
    clean = np.nan_to_num(x)
    y = clean[:, 0] + np.abs(clean[:, 1]) + 0.2 * rng.normal(size=len(x))
    if objective in ("binary", "cross_entropy"):
        return (y > 1).astype(float)
    if objective in ("multiclass", "multiclassova"):
        return np.digitize(y, [0, 1, 2])
    if objective in ("lambdarank", "rank_xendcg"):
        return np.digitize(y, [0, 1, 2])
    return np.abs(y) + 0.1 if objective in ("poisson", "gamma", "tweedie") else y


def _booster(objective: str, *, holes: bool = True, rounds: int = 8, **parameters: Any) -> Any:
    def make(rng: np.random.Generator) -> tuple[Any, Any]:
        x = features(rng, holes=holes)
        settings = COMMON | {"objective": objective} | parameters
        if objective in ("multiclass", "multiclassova"):
            settings["num_class"] = 4
        group = [100] * 3 if objective in ("lambdarank", "rank_xendcg") else None
        dataset = lgb.Dataset(x, target(x, rng, objective), group=group)
        source = lgb.train(settings, dataset, rounds)
        return source, awkward_rows(x, lightgbm_splits(source), rng, SCORED, EXTRA)

    return make


def _wrapper(kind: Any, target_of: str, labels: Any = None, **parameters: Any) -> Any:
    def make(rng: np.random.Generator) -> tuple[Any, Any]:
        x = features(rng)
        y = target(x, rng, target_of)
        if labels is not None:
            y = np.asarray(labels)[y.astype(int)]
        more = {"group": [100] * 3} if kind is lgb.LGBMRanker else {}
        source = kind(
            n_estimators=8, num_leaves=9, min_child_samples=3, verbose=-1, n_jobs=1, **parameters
        ).fit(x, y, **more)
        # The wrappers refuse infinities.
        extra = tuple(value for value in EXTRA if not np.isinf(value))
        return source, awkward_rows(x, lightgbm_splits(source.booster_), rng, SCORED, extra)

    return make


def _early_stopped(rng: np.random.Generator) -> tuple[Any, Any]:
    x = features(rng)
    y = target(x, rng, "regression")
    dataset = lgb.Dataset(x[:200], y[:200], free_raw_data=False)
    source = lgb.train(
        COMMON | {"learning_rate": 0.5},
        dataset,
        60,
        valid_sets=[lgb.Dataset(x[200:], y[200:], reference=dataset)],
        callbacks=[lgb.early_stopping(3, verbose=False)],
        keep_training_booster=True,
    )
    assert 0 < source.best_iteration < source.current_iteration()
    return source, awkward_rows(x, lightgbm_splits(source), rng, SCORED, EXTRA)


def _outputs(prediction: Bound, *, probability: bool) -> dict[str, Bound]:
    found = {"prediction": prediction}
    if probability:
        found["probability"] = ulp(2)
    return found | {"margin": EQUAL, "leaf": LEAVES}


# The link of these is the identity.
PLAIN = (
    "regression",
    "regression_l1",
    "huber",
    "fair",
    "quantile",
    "mape",
    "lambdarank",
    "rank_xendcg",
)
LINKED = (
    "poisson",
    "gamma",
    "tweedie",
    "cross_entropy",
    "binary",
    "multiclass",
    "multiclassova",
)


def _train(objective: str, variant: str, **parameters: Any) -> Case:
    outputs = _outputs(EQUAL if objective in PLAIN else ulp(2), probability=objective in CLASSIFIES)
    return Case(
        f"Booster, {objective}", variant, _booster(objective, **parameters), outputs, ("text",)
    )


_RF = {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6}
_LABELS = labels_but_for_ties(_probability)
_CLASSIFIER = _outputs(_LABELS, probability=True)

CASES = [
    *(_train(objective, "gbdt") for objective in (*PLAIN, *LINKED)),
    _train("regression", "no missing values in training", holes=False),
    _train("regression", "zero_as_missing", zero_as_missing=True),
    _train("regression", "use_missing=false", use_missing=False),
    _train("regression", "goss", boosting="goss"),
    _train("regression", "dart", boosting="dart"),
    _train("binary", "dart", boosting="dart", drop_rate=0.5),
    _train("regression", "random forest", **_RF),
    _train("binary", "random forest", **_RF),
    _train("multiclass", "random forest", **_RF),
    _train("regression", "extra_trees", extra_trees=True),
    _train("regression", "monotone constraints", monotone_constraints=[1, 0, 0, 0, 0]),
    _train("regression", "stumps", num_leaves=2),
    _train("regression", "no split", min_data_in_leaf=10_000),
    Case(
        "Booster, regression",
        "reg_sqrt",
        _booster("regression", reg_sqrt=True),
        _outputs(ulp(2), probability=False),
        ("text",),
    ),
    _train("binary", "sigmoid=0.7", sigmoid=0.7),
    _train("multiclassova", "sigmoid=2.5", sigmoid=2.5),
    Case(
        "Booster, regression",
        "early stopping",
        _early_stopped,
        _outputs(EQUAL, probability=False),
        ("text",),
    ),
    Case(
        "LGBMRegressor",
        "regression",
        _wrapper(lgb.LGBMRegressor, "regression"),
        _outputs(EQUAL, probability=False),
        ("text",),
    ),
    Case(
        "LGBMRegressor",
        "gamma",
        _wrapper(lgb.LGBMRegressor, "gamma", objective="gamma"),
        _outputs(ulp(2), probability=False),
        ("text",),
    ),
    Case(
        "LGBMRanker",
        "lambdarank",
        _wrapper(lgb.LGBMRanker, "lambdarank"),
        _outputs(EQUAL, probability=False),
        ("text",),
    ),
    Case(
        "LGBMClassifier",
        "two classes",
        _wrapper(lgb.LGBMClassifier, "binary", [False, True]),
        _CLASSIFIER,
        ("text",),
    ),
    Case(
        "LGBMClassifier",
        "several classes, labels of text",
        _wrapper(lgb.LGBMClassifier, "multiclass", ["w", "x", "y", "z"]),
        _CLASSIFIER,
        ("text",),
    ),
]


def _pred_early_stop(rng: np.random.Generator) -> Any:
    x = features(rng)
    source = lgb.LGBMClassifier(n_estimators=2, verbose=-1, n_jobs=1, pred_early_stop=True)
    return source.fit(x, target(x, rng, "binary"))


def _one_class(rng: np.random.Generator) -> Any:
    x = features(rng)
    source = lgb.LGBMClassifier(n_estimators=2, verbose=-1, n_jobs=1)
    return source.fit(x, np.zeros(ROWS, dtype=int))


REFUSALS = [
    Refusal(
        "`pred_early_stop`: it skips trees",
        _pred_early_stop,
        "pred_early_stop=True",
        "set_params(pred_early_stop=False) before importing",
    ),
    Refusal(
        "a classifier of a single class",
        _one_class,
        "LGBMClassifier",
        "fit it on at least two classes",
    ),
]
