"""LightGBM's cases."""

from typing import Any

import lightgbm as lgb
import numpy as np
from support import awkward_rows, lightgbm_splits

from matrix import lightgbm_categories, lightgbm_library
from matrix.case import EQUAL, Case, Refusal, labels_but_for_ties, ulp
from matrix.columns import ROWS, SCORED
from matrix.lightgbm_library import (
    CLASSIFIES,
    COMMON,
    EXTRA,
    RANKS,
    features,
    outputs_of,
    probability_of,
    target,
)

LIBRARY = lightgbm_library.LIBRARY


def _booster(
    objective: str, *, holes: bool = True, rounds: int = 8, keep: bool = False, **parameters: Any
) -> Any:
    def make(rng: np.random.Generator) -> tuple[Any, Any]:
        x = features(rng, holes=holes)
        settings = COMMON | {"objective": objective} | parameters
        if objective in ("multiclass", "multiclassova"):
            settings["num_class"] = 4
        group = [100] * 3 if objective in RANKS else None
        dataset = lgb.Dataset(x, target(x, rng, objective), group=group)
        source = lgb.train(settings, dataset, rounds, keep_training_booster=keep)
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
    "cross_entropy_lambda",
    "binary",
    "multiclass",
    "multiclassova",
)


def _train(objective: str, variant: str, **parameters: Any) -> Case:
    outputs = outputs_of(
        EQUAL if objective in PLAIN else ulp(2), probability=objective in CLASSIFIES
    )
    return Case(
        f"Booster, {objective}", variant, _booster(objective, **parameters), outputs, ("text",)
    )


_RF = {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6}


def _first(count: int) -> Any:
    """The same booster with its first iterations only."""
    return lambda booster: lgb.Booster(model_str=booster.model_to_string(num_iteration=count))


def _continued(rng: np.random.Generator) -> tuple[Any, Any]:
    x = features(rng)
    y = target(x, rng, "regression")
    dataset = lgb.Dataset(x, y, free_raw_data=False)
    source = lgb.train(COMMON, dataset, 3)
    source = lgb.train(COMMON, dataset, 3, init_model=source)
    return source, awkward_rows(x, lightgbm_splits(source), rng, SCORED, EXTRA)


def _squares(true: Any, margin: Any) -> Any:
    return margin - true, np.ones_like(margin)


_LABELS = labels_but_for_ties(probability_of)
_CLASSIFIER = outputs_of(_LABELS, probability=True)

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
    _train("regression", "reg_sqrt", reg_sqrt=True),
    _train("regression_l1", "reg_sqrt", reg_sqrt=True),
    Case(
        "Booster, regression",
        "training continued",
        _continued,
        outputs_of(EQUAL),
        ("text",),
    ),
    Case(
        "Booster, regression",
        "`iterations=3`",
        _booster("regression"),
        outputs_of(EQUAL),
        ("text",),
        {"iterations": 3},
        _first(3),
    ),
    Case(
        "Booster, multiclass",
        "`iterations=3`",
        _booster("multiclass"),
        outputs_of(ulp(2), probability=True),
        ("text",),
        {"iterations": 3},
        _first(3),
    ),
    # The text has six digits of the parameter, so its scores are others.
    Case(
        "Booster, binary",
        "sigmoid of more than six digits, kept by `keep_training_booster`",
        _booster("binary", keep=True, sigmoid=0.1234567891),
        outputs_of(ulp(2), probability=True),
    ),
    _train("binary", "sigmoid of more than six digits", sigmoid=0.1234567891),
    _train("multiclassova", "sigmoid of more than six digits", sigmoid=12.3456789),
    _train("binary", "sigmoid=0.7", sigmoid=0.7),
    _train("multiclassova", "sigmoid=2.5", sigmoid=2.5),
    Case(
        "Booster, regression",
        "early stopping",
        _early_stopped,
        outputs_of(EQUAL),
        ("text",),
    ),
    Case(
        "LGBMRegressor",
        "regression",
        _wrapper(lgb.LGBMRegressor, "regression"),
        outputs_of(EQUAL),
        ("text",),
    ),
    Case(
        "LGBMRegressor",
        "gamma",
        _wrapper(lgb.LGBMRegressor, "gamma", objective="gamma"),
        outputs_of(ulp(2)),
        ("text",),
    ),
    Case(
        "LGBMRanker",
        "lambdarank",
        _wrapper(lgb.LGBMRanker, "lambdarank"),
        outputs_of(EQUAL),
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
    *(
        Case(
            kind.__name__,
            "custom objective, whose margin is the prediction",
            _wrapper(kind, "binary", labels, objective=_squares),
            outputs_of(EQUAL),
        )
        for kind, labels in ((lgb.LGBMRegressor, None), (lgb.LGBMClassifier, ["n", "y"]))
    ),
    Case(
        "LGBMModel",
        "binary",
        _wrapper(lgb.LGBMModel, "binary", objective="binary"),
        outputs_of(ulp(2), probability=True),
        ("text",),
    ),
    *lightgbm_categories.CASES,
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
    *lightgbm_categories.REFUSALS,
]
