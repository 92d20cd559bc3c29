"""CatBoost's cases."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from catboost import CatBoost, CatBoostClassifier, CatBoostRanker, CatBoostRegressor

from matrix import catboost_library
from matrix.case import EQUAL, LABELS, Bound, Case, Refusal
from matrix.catboost_library import (
    CATEGORIES,
    COMMON,
    EXPONENTIAL,
    FILES,
    TREES,
    features,
    frame,
    frame_score,
    outputs_of,
    rows_for,
)
from matrix.columns import ROWS, SCORED, score_of

LIBRARY = catboost_library.LIBRARY


def _target(kind: str, y: Any) -> Any:
    """Labels from the scores `y`."""
    low, high = np.quantile(y, [0.3, 0.7])
    return {
        "number": y,
        "positive": np.abs(y),
        "columns": np.column_stack([y, -y, y**2]),
        "two": (y > low).astype(int),
        "text": np.where(y > low, "yes", "no"),
        "several": np.digitize(y, [low, high]),
        "words": np.array(["b", "c", "a"])[np.digitize(y, [low, high])],
        "labels": np.column_stack([y > low, y > high, y < 0]).astype(int),
    }[kind]


def _fit(kind: Any, target: str, *, holes: bool = True, **parameters: Any) -> Any:
    def make(rng: np.random.Generator) -> tuple[Any, Any]:
        x = features(rng, holes=holes)
        y = _target(target, score_of(x, rng))
        group = {"group_id": np.repeat(np.arange(30), 10)} if kind is CatBoostRanker else {}
        settings = COMMON | parameters
        source = CatBoost(settings) if kind is CatBoost else kind(**settings)
        source.fit(x, y, **group)
        return source, rows_for(source, x, rng)

    return make


def _changed(make: Any, change: Callable[[Any], Any]) -> Any:
    def changed(rng: np.random.Generator) -> tuple[Any, Any]:
        source, data = make(rng)
        change(source)
        return source, data

    return changed


def _first(count: int) -> Callable[[Any], Any]:
    def truth(source: Any) -> Any:
        shrunk = source.copy()
        shrunk.shrink(ntree_end=count)
        return shrunk

    return truth


def _early(rng: np.random.Generator) -> tuple[Any, Any]:
    x = features(rng)
    y = score_of(x, rng)
    source = CatBoostRegressor(**COMMON | {"iterations": 200, "learning_rate": 0.5})
    source.fit(x[:200], y[:200], eval_set=(x[200:], y[200:]), early_stopping_rounds=5)
    assert source.tree_count_ < 200
    return source, rows_for(source, x, rng)


class Square:
    """An objective of the user's own."""

    def calc_ders_range(self, approxes: Any, targets: Any, weights: Any) -> Any:
        """Return the first and second derivatives."""
        return [(t - a, -1.0) for a, t in zip(approxes, targets, strict=True)]


VALUES = outputs_of()
CLASSES = outputs_of(LABELS, EXPONENTIAL)
LOSSES = {
    "RMSE": EQUAL,
    "MAE": EQUAL,
    "Quantile:alpha=0.3": EQUAL,
    "MAPE": EQUAL,
    "Huber:delta=1": EQUAL,
    "Expectile:alpha=0.3": EQUAL,
    "LogCosh": EQUAL,
    "Lq:q=3": EQUAL,
    "LogLinQuantile": EQUAL,
    "Poisson": EXPONENTIAL,
    "Tweedie:variance_power=1.5": EXPONENTIAL,
    "RMSEWithUncertainty": EXPONENTIAL,
    "MultiQuantile:alpha=0.1,0.5,0.9": EQUAL,
    "Cox": EQUAL,
}


def _regressor(variant: str, target: str = "number", **parameters: Any) -> Case:
    make = _fit(CatBoostRegressor, target, **parameters)
    return Case("CatBoostRegressor", variant, make, VALUES, FILES)


def _classifier(variant: str, target: str, **parameters: Any) -> Case:
    make = _fit(CatBoostClassifier, target, **parameters)
    return Case("CatBoostClassifier", variant, make, CLASSES, FILES)


_PARAMETERS: dict[str, dict[str, Any]] = {
    "nan_mode=Max": {"nan_mode": "Max"},
    "no missing values in training": {"holes": False},
    "stumps": {"depth": 1},
    "depth 8": {"depth": 8, "iterations": 3},
    "border_count=1": {"border_count": 1},
    "monotone constraints": {"monotone_constraints": [1, 0, 0, 0, 0]},
    "ordered boosting": {"boosting_type": "Ordered"},
    "ignored features": {"ignored_features": [0, 3]},
    "boost_from_average=False": {"boost_from_average": False},
}


# --- categorical features


def _categorical(
    kind: Any, target: str, into: Callable[[Any], Any] = lambda data: data, **parameters: Any
) -> Any:
    def make(rng: np.random.Generator) -> tuple[Any, Any]:
        data = frame(rng, ROWS)
        y = _target(target, frame_score(data, rng))
        source = kind(cat_features=CATEGORIES, **COMMON | parameters).fit(data, y)
        source.training_frame = data  # JSON needs the texts of the categories
        return source, into(frame(rng, SCORED, unseen=True))

    return make


def _of_categories(
    variant: str,
    make: Any,
    outputs: dict[str, Bound] | None = None,
    family: str = "CatBoostRegressor, categorical features",
) -> Case:
    return Case(family, variant, make, outputs or VALUES, FILES)


_COMBINED = {"simple_ctr": "Counter", "combinations_ctr": "Counter", "max_ctr_complexity": 4}


def _statistics(name: str) -> Case:
    make = _categorical(CatBoostRegressor, "number", simple_ctr=name, combinations_ctr=name)
    return _of_categories(f"statistics by {name}", make)


def _as_categories(data: Any) -> Any:
    return data.astype(dict.fromkeys(CATEGORIES, "category"))


CASES = [
    *(
        Case(
            "CatBoostRegressor",
            loss,
            _fit(CatBoostRegressor, "positive", loss_function=loss),
            outputs_of(bound),
            FILES,
        )
        for loss, bound in LOSSES.items()
    ),
    _regressor("several targets (MultiRMSE)", "columns", loss_function="MultiRMSE"),
    *(_regressor(name, **more) for name, more in TREES.items() if more),
    *(_regressor(name, **more) for name, more in _PARAMETERS.items()),
    Case("CatBoostRegressor", "early stopping", _early, VALUES, FILES),
    Case(
        "CatBoostRegressor",
        "scale and bias",
        _changed(
            _fit(CatBoostRegressor, "number"), lambda source: source.set_scale_and_bias(0.3, 0.7)
        ),
        VALUES,
        FILES,
    ),
    Case(
        "CatBoostRegressor",
        "`iterations=3`",
        _fit(CatBoostRegressor, "number"),
        VALUES,
        FILES,
        {"iterations": 3},
        _first(3),
    ),
    Case(
        "CatBoostRegressor",
        "objective of the user's own",
        _fit(CatBoostRegressor, "number", loss_function=Square(), eval_metric="RMSE"),
        VALUES,
    ),
    _classifier("two classes", "two"),
    _classifier("two classes, labels of text", "text"),
    _classifier("CrossEntropy", "two", loss_function="CrossEntropy"),
    _classifier("Focal", "two", loss_function="Focal:focal_alpha=0.5;focal_gamma=2"),
    *(_classifier(f"several classes, {name}", "several", **more) for name, more in TREES.items()),
    _classifier("several classes, labels of text", "words"),
    _classifier("MultiClassOneVsAll", "several", loss_function="MultiClassOneVsAll"),
    _classifier("several labels a row (MultiLogloss)", "labels", loss_function="MultiLogloss"),
    _classifier("MultiCrossEntropy", "labels", loss_function="MultiCrossEntropy"),
    Case(
        "CatBoostClassifier",
        "probability threshold",
        _changed(
            _fit(CatBoostClassifier, "two"), lambda source: source.set_probability_threshold(0.73)
        ),
        CLASSES,
        FILES,
    ),
    *(
        Case(
            "CatBoostRanker",
            loss,
            _fit(CatBoostRanker, "two", loss_function=loss),
            VALUES,
            FILES,
        )
        for loss in ("YetiRank", "PairLogit", "QueryRMSE")
    ),
    *(
        Case("CatBoost", loss, _fit(CatBoost, target, loss_function=loss), outputs, FILES)
        for loss, target, outputs in (
            ("RMSE", "number", VALUES),
            ("Poisson", "positive", VALUES),
            ("Logloss", "two", outputs_of(EQUAL, EXPONENTIAL)),
            ("MultiClass", "several", outputs_of(EQUAL, EXPONENTIAL)),
        )
    ),
    *(
        _of_categories(name, _categorical(CatBoostRegressor, "number", **more))
        for name, more in TREES.items()
    ),
    _of_categories("one-hot", _categorical(CatBoostRegressor, "number", one_hot_max_size=255)),
    *map(_statistics, ("Borders", "Buckets", "BinarizedTargetMeanValue", "Counter")),
    _of_categories(
        "statistics of combinations", _categorical(CatBoostRegressor, "number", **_COMBINED)
    ),
    _of_categories("pandas categories", _categorical(CatBoostRegressor, "number", _as_categories)),
    _of_categories("Arrow", _categorical(CatBoostRegressor, "number", pa.Table.from_pandas)),
    _of_categories("Polars", _categorical(CatBoostRegressor, "number", pl.from_pandas)),
    *(
        _of_categories(
            name,
            _categorical(CatBoostClassifier, target, **more),
            CLASSES,
            "CatBoostClassifier, categorical features",
        )
        for name, target, more in (
            ("two classes", "two", {}),
            ("several classes", "several", {}),
            ("several labels a row", "labels", {"loss_function": "MultiLogloss"}),
        )
    ),
]


def _skipped(rng: np.random.Generator) -> Any:
    x = np.column_stack([rng.choice(list("abc"), 100), rng.choice(list("de"), 100)])
    parameters = COMMON | {"final_ctr_computation_mode": "Skip", "one_hot_max_size": 1}
    return CatBoostRegressor(**parameters).fit(x, rng.random(100), cat_features=[0, 1])


def _text(rng: np.random.Generator) -> Any:
    data = pd.DataFrame({"a": rng.normal(size=ROWS), "t": ["good day", "bad night"] * (ROWS // 2)})
    return CatBoostRegressor(text_features=["t"], **COMMON).fit(data, data["a"])


def _embedding(rng: np.random.Generator) -> Any:
    x = rng.normal(size=(ROWS, 4))
    data = pd.DataFrame({"a": x[:, 0], "v": list(x[:, 1:])})
    return CatBoostRegressor(embedding_features=["v"], **COMMON).fit(data, data["a"])


def _subclass(rng: np.random.Generator) -> Any:
    class Tuned(CatBoostRegressor):
        pass

    x = features(rng)
    return Tuned(**COMMON).fit(x, score_of(x, rng))


REFUSALS = [
    Refusal(
        "a model that is not fitted",
        lambda rng: CatBoostRegressor(),
        "CatBoostRegressor",
        "call fit first",
    ),
    Refusal(
        "a subclass of a supported class: it may compute otherwise",
        _subclass,
        "Tuned",
        "fit a plain CatBoostRegressor instead",
    ),
    Refusal(
        "`final_ctr_computation_mode='Skip'`: CatBoost can't predict with it either",
        _skipped,
        "final_ctr_computation_mode",
        "train it with the default",
    ),
    Refusal(
        "`text_features`",
        _text,
        "text_features=[1]",
        "train it on numerical and categorical features only",
    ),
    Refusal(
        "`embedding_features`",
        _embedding,
        "embedding_features=[1]",
        "train it on numerical and categorical features only",
    ),
]
