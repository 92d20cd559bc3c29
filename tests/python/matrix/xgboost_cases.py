"""XGBoost's cases."""

import tempfile
from pathlib import Path
from typing import Any

import fastscore
import numpy as np
import xgboost as xgb

from matrix import xgboost_categories, xgboost_library
from matrix.case import (
    EQUAL,
    LABELS,
    Bound,
    Case,
    Refusal,
    labels_but_for_ties,
    linear,
    linear_link,
    ulp,
)
from matrix.columns import ROWS, score_of
from matrix.xgboost_library import (
    COMMON,
    FILES,
    SHARES,
    Asked,
    document,
    expected,
    features,
    outputs_of,
    rows_for,
    target,
)

LIBRARY = xgboost_library.LIBRARY


# --- Booster


def _trained(
    objective: str, rng: np.random.Generator, *, missing: float = np.nan, **parameters: Any
) -> tuple[Any, Any]:
    x = features(rng, holes=parameters.pop("holes", True))
    if not np.isnan(missing):
        x[rng.random(x.shape) < 0.1] = missing
    y, own = target(objective, score_of(np.where(x == missing, 0, x), rng))
    matrix = xgb.DMatrix(x, y, missing=missing, nthread=1)
    if objective.startswith("rank"):
        matrix.set_group([100] * 3)
    if objective == "survival:aft":
        matrix.set_float_info("label_lower_bound", y)
        matrix.set_float_info("label_upper_bound", y)
    settings = COMMON | {"objective": objective} | own | parameters
    return xgb.train(settings, matrix, 6), x


def _booster(objective: str, **parameters: Any) -> Any:
    def make(rng: np.random.Generator) -> tuple[Any, Any]:
        source, x = _trained(objective, rng, **parameters)
        missing = parameters.get("missing", 0.0)
        return source, rows_for(source, x, rng, (missing, -missing, np.nextafter(missing, 1)))

    return make


def _targets(objective: str, **parameters: Any) -> Any:
    def make(rng: np.random.Generator) -> tuple[Any, Any]:
        x = features(rng)
        y = score_of(x, rng)
        y = np.c_[y, -2 * y, np.sin(y)]
        y = (y > 0).astype(int) if objective == "binary:logistic" else y
        settings = COMMON | {"objective": objective} | parameters
        source = xgb.train(settings, xgb.DMatrix(x, y, nthread=1), 5)
        return source, rows_for(source, x, rng)

    return make


def _stopped(rng: np.random.Generator) -> tuple[Any, Any]:
    x = features(rng)
    y = score_of(x, rng)
    valid = xgb.DMatrix(x[200:], y[200:], nthread=1)
    source = xgb.train(
        COMMON | {"eta": 0.9},
        xgb.DMatrix(x[:200], y[:200], nthread=1),
        40,
        evals=[(valid, "valid")],
        early_stopping_rounds=3,
        verbose_eval=False,
    )
    assert source.best_iteration + 1 < source.num_boosted_rounds()
    return source, rows_for(source, x, rng)


def _best(booster: Any) -> Asked:
    return Asked(booster, iterations=booster.best_iteration + 1)


def _custom(rng: np.random.Generator) -> tuple[Any, Any]:
    def squares(predictions: Any, matrix: Any) -> Any:
        return predictions - matrix.get_label(), np.ones_like(predictions)

    x = features(rng)
    source = xgb.train(COMMON, xgb.DMatrix(x, score_of(x, rng), nthread=1), 4, obj=squares)
    return source, rows_for(source, x, rng)


# The link of these is the identity, a step or the number of the class.
PLAIN = (
    "reg:squarederror",
    "reg:squaredlogerror",
    "reg:pseudohubererror",
    "reg:absoluteerror",
    "reg:quantileerror",
    "rank:ndcg",
    "rank:map",
    "rank:pairwise",
    "binary:logitraw",
    "binary:hinge",
)
LINKED = (
    "reg:logistic",
    "reg:gamma",
    "reg:tweedie",
    "count:poisson",
    "survival:cox",
    "survival:aft",
)
CLASSIFIES = ("binary:logistic", "multi:softmax", "multi:softprob")
DART = {"booster": "dart", "rate_drop": 0.5}


def _outputs(objective: str) -> dict[str, Bound]:
    share = SHARES if objective in CLASSIFIES else None
    plain = objective in (*PLAIN, "multi:softmax")
    return outputs_of(EQUAL if plain else SHARES, share)


def _train(objective: str, variant: str, **parameters: Any) -> Case:
    return Case(
        f"Booster, {objective}",
        variant,
        _booster(objective, **parameters),
        _outputs(objective),
        FILES,
    )


def _missing(name: str, value: float) -> Case:
    return Case(
        "Booster, reg:squarederror",
        f"`missing={name}`",
        _booster("reg:squarederror", missing=value, holes=False),
        _outputs("reg:squarederror"),
        FILES,
        {"missing": value},
        lambda booster: Asked(booster, missing=value),
    )


# --- gblinear: its sums are float32, in an order of its own


def _magnitude(source: Any, data: Any) -> Any:
    outputs = 4 if document(source)["learner"]["objective"]["name"].startswith("multi") else 1
    weights = np.array(document(source)["learner"]["gradient_booster"]["model"]["weights"])
    weights = np.abs(weights).reshape(-1, outputs)
    return np.abs(np.nan_to_num(data)) @ weights[:-1] + weights[-1] + 1


def _linear(objective: str) -> Any:
    def make(rng: np.random.Generator) -> tuple[Any, Any]:
        source, x = _trained(objective, rng, booster="gblinear")
        data = x[rng.integers(0, ROWS, 517)] * 10.0 ** rng.integers(-6, 6, (517, 5))
        data[::7, 1] = -0.0
        return source, data

    return make


_SUM = linear(_magnitude, "1e-6")
_LINK = linear_link(_magnitude, 1e-6)


# --- wrappers

SMALL: dict[str, Any] = {"n_estimators": 6, "max_depth": 4, "n_jobs": 1, "random_state": 0}


def _labels(kind: str, y: Any) -> Any:
    return {
        "two": y > 1,
        "several": np.digitize(y, [0, 1, 2]),
        "together": np.c_[y > 1, y < 0, y > 2].astype(int),
        "value": y,
        "values": np.c_[y, -2 * y],
    }[kind]


def _wrapper(kind: Any, labels: str, **parameters: Any) -> Any:
    def make(rng: np.random.Generator) -> tuple[Any, Any]:
        x = features(rng)
        source = kind(**SMALL | parameters)
        group = {"group": [100] * 3} if kind is xgb.XGBRanker else {}
        source.fit(x, _labels(labels, score_of(x, rng)), **group)
        return source, rows_for(source, x, rng)

    return make


def _stopped_wrapper(rng: np.random.Generator) -> tuple[Any, Any]:
    x = features(rng)
    y = score_of(x, rng)
    settings = SMALL | {"n_estimators": 40, "learning_rate": 0.9, "early_stopping_rounds": 3}
    source = xgb.XGBRegressor(**settings)
    source.fit(x[:200], y[:200], eval_set=[(x[200:], y[200:])], verbose=False)
    assert source.best_iteration + 1 < source.get_booster().num_boosted_rounds()
    return source, rows_for(source, x, rng)


def _squares(true: Any, margin: Any) -> Any:
    return margin - true, np.ones_like(margin)


def _at_half(ours: Any, theirs: Any, source: Any, data: Any) -> None:
    """Labels that a row can have together are each decided at 1/2."""
    differ = ours != theirs
    share = expected(source, data, "probability")[differ]
    assert (np.abs(share - 0.5) <= 1e-6).all()


_TIES = labels_but_for_ties(lambda source, data: expected(source, data, "probability"))
_CLASSES = outputs_of(_TIES, SHARES)
_HINGE = outputs_of(LABELS, EQUAL)
_TOGETHER = outputs_of(Bound(_TIES.text, _at_half), SHARES)
# SciPy's softmax, whose exponential is coarser.
_SOFTMAX = outputs_of(_TIES, ulp(8))


def _estimators() -> list[Case]:
    classifier, regressor = xgb.XGBClassifier, xgb.XGBRegressor
    whole = {"multi_strategy": "multi_output_tree"}
    plain = outputs_of(EQUAL)
    table: list[tuple[Any, str, str, dict[str, Any], dict[str, Bound]]] = [
        (classifier, "two classes", "two", {}, _CLASSES),
        (classifier, "several classes", "several", {}, _CLASSES),
        (classifier, "multi:softmax", "several", {"objective": "multi:softmax"}, _SOFTMAX),
        (classifier, "binary:hinge", "two", {"objective": "binary:hinge"}, _HINGE),
        (classifier, "binary:logitraw", "two", {"objective": "binary:logitraw"}, _CLASSES),
        (classifier, "dart", "two", DART, _CLASSES),
        (classifier, "dart, several classes", "several", DART, _CLASSES),
        (classifier, "missing=1", "two", {"missing": 1.0}, _CLASSES),
        (classifier, "several labels a row", "together", {}, _TOGETHER),
        (classifier, "several labels a row, trees of vectors", "together", whole, _TOGETHER),
        (xgb.XGBRFClassifier, "several classes", "several", {}, _CLASSES),
        (regressor, "one target", "value", {}, plain),
        (regressor, "missing=0", "value", {"missing": 0.0}, plain),
        (regressor, "num_parallel_tree", "value", {"num_parallel_tree": 3}, plain),
        (regressor, "dart", "value", DART | {"base_score": 1234.5678}, plain),
        (regressor, "several targets", "values", {}, plain),
        (regressor, "dart, several targets", "values", DART, plain),
        (regressor, "several targets, trees of vectors", "values", whole, plain),
        (xgb.XGBRFRegressor, "one target", "value", {}, plain),
        (xgb.XGBRanker, "rank:ndcg", "two", {}, plain),
    ]
    return [
        Case(kind.__name__, variant, _wrapper(kind, labels, **parameters), outputs, FILES)
        for kind, variant, labels, parameters, outputs in table
    ]


_SQUARED = "reg:squarederror"
_PARALLEL = {"num_parallel_tree": 2}

CASES = [
    *(_train(objective, "gbtree") for objective in (*PLAIN, *LINKED, *CLASSIFIES)),
    *(_train(objective, "dart", **DART) for objective in (_SQUARED, "reg:gamma", *CLASSIFIES)),
    _train(_SQUARED, "no missing values in training", holes=False),
    _train(_SQUARED, "num_parallel_tree", **_PARALLEL),
    _train("multi:softprob", "num_parallel_tree", **_PARALLEL),
    _train("multi:softprob", "num_parallel_tree with dart", **_PARALLEL, **DART),
    _train("binary:logistic", "dart by forests", **DART, normalize_type="forest"),
    _train("binary:logistic", "base_score", base_score=0.3),
    _train("count:poisson", "base_score", base_score=3.7),
    _train(_SQUARED, "base_score", base_score=12345678.9),
    _train("multi:softprob", "base_score of each class", base_score=[0.1, -0.2, 0.3, 0.4]),
    _train(_SQUARED, "lossguide", grow_policy="lossguide", max_leaves=9, max_depth=0),
    _train(_SQUARED, "exact", tree_method="exact"),
    _train(_SQUARED, "approx", tree_method="approx"),
    _train(_SQUARED, "monotone constraints", monotone_constraints="(1,0,0,0,-1)"),
    _train(_SQUARED, "stumps", max_depth=1),
    _train(_SQUARED, "no split", min_child_weight=1e9),
    *(_missing(*each) for each in (("0", 0.0), ("-3", -3.0), ("0.1", 0.1))),
    Case(
        f"Booster, {_SQUARED}",
        "`iterations=3`",
        _booster(_SQUARED),
        outputs_of(EQUAL),
        FILES,
        {"iterations": 3},
        lambda booster: Asked(booster, iterations=3),
    ),
    Case(f"Booster, {_SQUARED}", "early stopping", _stopped, outputs_of(EQUAL), FILES),
    Case(
        f"Booster, {_SQUARED}",
        'early stopping, `like="estimator"`',
        _stopped,
        outputs_of(EQUAL),
        FILES,
        {"like": "estimator"},
        _best,
    ),
    Case(f"Booster, {_SQUARED}", "custom objective", _custom, outputs_of(EQUAL), FILES),
    Case(f"Booster, {_SQUARED}", "several targets", _targets(_SQUARED), outputs_of(EQUAL), FILES),
    Case(
        f"Booster, {_SQUARED}",
        "several targets, trees of vectors",
        _targets(_SQUARED, multi_strategy="multi_output_tree"),
        outputs_of(EQUAL),
        FILES,
    ),
    Case(
        "Booster, binary:logistic",
        "several labels a row",
        _targets("binary:logistic"),
        _outputs("binary:logistic"),
        FILES,
    ),
    Case(
        "Booster, gblinear",
        _SQUARED,
        _linear(_SQUARED),
        outputs_of(_SUM, leaf=False, margin=_SUM),
        FILES,
    ),
    *(
        Case(
            "Booster, gblinear",
            objective,
            _linear(objective),
            outputs_of(_LINK, _LINK, leaf=False, margin=_SUM),
            FILES,
        )
        for objective in ("binary:logistic", "multi:softprob")
    ),
    *_estimators(),
    Case("XGBRegressor", "early stopping", _stopped_wrapper, outputs_of(EQUAL), FILES),
    Case(
        "XGBRegressor",
        "custom objective",
        _wrapper(xgb.XGBRegressor, "value", objective=_squares),
        outputs_of(EQUAL),
    ),
    Case(
        "XGBRegressor",
        "count:poisson",
        _wrapper(xgb.XGBRegressor, "two", objective="count:poisson"),
        outputs_of(SHARES),
        FILES,
    ),
    *xgboost_categories.CASES,
]


def _one_class(rng: np.random.Generator) -> Any:
    return xgb.XGBClassifier(n_estimators=2).fit(features(rng), np.zeros(ROWS, dtype=int))


def _subclass(rng: np.random.Generator) -> Any:
    class Tuned(xgb.XGBRegressor):
        pass

    x = features(rng)
    return Tuned(n_estimators=2, n_jobs=1).fit(x, score_of(x, rng))


def _linear_missing(rng: np.random.Generator) -> Any:
    x = features(rng)
    source = xgb.XGBRegressor(n_estimators=2, n_jobs=1, booster="gblinear", missing=np.inf)
    return source.fit(x, score_of(x, rng))


def _old_file(source: Any) -> Any:
    """Load what XGBoost wrote before 3.1: a header, the objective, the booster."""
    header = b"binf" + bytes(136) + b"\x0f" + bytes(7)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "old.model"
        path.write_bytes(header + b"binary:logistic" + b"\x06" + bytes(7) + b"gbtree" + bytes(200))
        return fastscore.load(path)


REFUSALS = [
    Refusal(
        "an estimator that is not fitted",
        lambda rng: xgb.XGBClassifier(),
        "XGBClassifier",
        "call fit first",
    ),
    Refusal(
        "a classifier of a single class",
        _one_class,
        "XGBClassifier",
        "fit it on at least two classes",
    ),
    Refusal(
        "a subclass of a supported class: it may compute otherwise",
        _subclass,
        "Tuned",
        "fit a plain XGBRegressor instead",
    ),
    Refusal(
        "gblinear with an infinite `missing`",
        _linear_missing,
        "gblinear",
        "replace the value by NaN before scoring",
    ),
    Refusal(
        "files in the old binary format",
        lambda rng: None,
        "old binary format",
        "write it anew with XGBoost 3.0 or earlier",
        _old_file,
    ),
    *xgboost_categories.REFUSALS,
]
