"""LightGBM's cases of categorical splits and of linear trees."""

from collections.abc import Callable
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from support import awkward_rows, lightgbm_splits

from matrix.case import EQUAL, Bound, Case, Refusal, labels_but_for_ties, ulp
from matrix.columns import ROWS, SCORED
from matrix.lightgbm_library import COMMON, EXTRA, outputs_of, probability_of

SETTINGS = COMMON | {"min_data_per_group": 2, "cat_smooth": 1, "cat_l2": 1}
CODES = (
    *(-0.5, -0.999999, -1.0, -1e-36, -2e-35, 1e-36, 0.999999, 1.5, 31.0, 31.999, 32.0, 63.5, 64.0),
    *(2.0**31 - 1, 2.0**31, 2.0**32, 2.0**63, -(2.0**31), -(2.0**31) - 1, 1e9),
)
"""What a column of codes may hold: between the codes, at the edges of words and integers."""
NAMES = {
    "word": ["gamma", "alpha", "beta", "de lta", "é", ""],
    "integer": [10, -3, 7, 2**40, 0, 1],
    "float": [0.5, -1.25, 1e300, 0.1, 2.0, 3.0],
    "flag": [False, True],
}
OTHER_NAMES = {
    "word": ["zeta", *NAMES["word"][::-1]],
    "integer": [99, *NAMES["integer"][::-1]],
    "float": [9.5, *NAMES["float"][::-1]],
    "flag": [True, False],
}
"""In another order, and some that training has not seen."""


# --- codes in a matrix, linear trees


def _coded(rng: np.random.Generator, holes: float) -> tuple[Any, Any]:
    """Two columns of numbers, two of categories: few, and enough for sets of several words."""
    x = rng.normal(size=(ROWS, 4)) * [1, 1e-35, 1, 1]
    x[:, 2] = rng.integers(0, 4, ROWS)
    x[:, 3] = rng.integers(0, 70, ROWS)
    y = 2 * x[:, 0] + np.array([3, -1, 2, 0])[x[:, 2].astype(int)] + x[:, 3] % 5
    x[rng.random(x.shape) < holes] = np.nan
    return x, y + 0.1 * rng.normal(size=ROWS)


def _matrix(
    *,
    holes: float = 0.1,
    categorical: tuple[int, ...] = (2, 3),
    classes: int = 0,
    **parameters: Any,
) -> Any:
    def make(rng: np.random.Generator) -> tuple[Any, Any]:
        x, y = _coded(rng, holes)
        if classes:
            y = np.digitize(y, np.quantile(y, np.arange(1, classes) / classes))
        dataset = lgb.Dataset(x, y, categorical_feature=list(categorical))
        source = lgb.train(SETTINGS | parameters, dataset, 6)
        assert ("num_cat=0" not in source.model_to_string()) == bool(categorical)
        rows = awkward_rows(x, lightgbm_splits(source), rng, SCORED, EXTRA)
        for column in categorical:
            odd = rng.random(SCORED) < 0.4
            rows[odd, column] = rng.choice([*CODES, *EXTRA, *np.arange(0.0, 80.0)], odd.sum())
        return source, rows

    return make


def _large_codes(rng: np.random.Generator) -> tuple[Any, Any]:
    codes = np.array([0, 3, 1000, 65_536, 1_000_001, 2_000_000.0])
    x = np.c_[rng.normal(size=ROWS), codes[rng.integers(0, 6, ROWS)]]
    dataset = lgb.Dataset(x, x[:, 0] + (x[:, 1] % 7), categorical_feature=[1])
    source = lgb.train(SETTINGS, dataset, 3)
    rows = x[rng.integers(0, ROWS, SCORED)]
    odd = rng.random(SCORED) < 0.5
    rows[odd, 1] = rng.choice([*codes, *(codes + 1), *(codes - 1), 2.0**21, 1e7], odd.sum())
    return source, rows


# --- pandas categories


def frame(rng: np.random.Generator, rows: int, names: dict[str, Any]) -> Any:
    """Numbers, and a column of categories (or missing ones) for each entry of `names`."""
    columns: dict[str, Any] = {"number": rng.normal(size=rows)}
    for name, values in names.items():
        columns[name] = pd.Categorical.from_codes(rng.integers(-1, len(values), rows), values)
    return pd.DataFrame(columns | {"other": rng.integers(0, 5, rows)})


def _target(data: Any) -> Any:
    columns = [name for name in NAMES if name in data]
    codes = sum((2 + at) * (data[name].cat.codes % 3) for at, name in enumerate(columns))
    return data["number"] + codes + data["other"] % 2


def _pandas(*columns: str, into: Callable[[Any], Any] = lambda data: data) -> Any:
    """Trained on pandas categories; the data to score go `into` another container."""
    chosen = columns or tuple(NAMES)

    def make(rng: np.random.Generator) -> tuple[Any, Any]:
        data = frame(rng, ROWS, {name: NAMES[name] for name in chosen})
        source = lgb.train(SETTINGS, lgb.Dataset(data, _target(data)), 6)
        assert len(source.pandas_categorical) == len(chosen)
        odd = frame(rng, SCORED, {name: OTHER_NAMES[name] for name in chosen})
        return source, into(odd)

    return make


def _wrapper(kind: Any, labels: Any = None) -> Any:
    def make(rng: np.random.Generator) -> tuple[Any, Any]:
        data = frame(rng, ROWS, NAMES)
        y = _target(data)
        if labels is not None:
            y = np.asarray(labels)[(y > y.mean()).astype(int)]
        source = kind(n_estimators=6, n_jobs=1, verbose=-1, min_data_per_group=2, cat_smooth=1)
        return source.fit(data, y), frame(rng, SCORED, OTHER_NAMES)

    return make


def _ordered_frame(rng: np.random.Generator, rows: int) -> Any:
    sizes = pd.CategoricalDtype(SIZES, ordered=True)
    data = frame(rng, rows, {"word": NAMES["word"]})
    codes = rng.integers(-1, len(SIZES), rows)
    return data.assign(size=pd.Categorical.from_codes(codes, dtype=sizes))


def _ordered(rng: np.random.Generator) -> Any:
    data = _ordered_frame(rng, ROWS)
    y = _target(data) + 3 * data["size"].cat.codes
    return lgb.train(SETTINGS, lgb.Dataset(data, y), 6)


def _ordered_alone(rng: np.random.Generator) -> tuple[Any, Any]:
    """No other column has whole numbers, so that the lists fit in one way only."""
    data, scored = (_ordered_frame(rng, rows) for rows in (ROWS, SCORED))
    data["other"] += 0.5
    scored["other"] += 0.5
    y = _target(data) + 3 * data["size"].cat.codes
    return lgb.train(SETTINGS, lgb.Dataset(data, y), 6), scored


def _given(rng: np.random.Generator) -> tuple[Any, Any]:
    return _ordered(rng), _ordered_frame(rng, SCORED)


def _names_for_codes(rng: np.random.Generator) -> tuple[Any, Any]:
    x = np.c_[rng.normal(size=ROWS), rng.integers(0, 3, ROWS)]
    y = x[:, 0] + np.array([1, 5, -2])[x[:, 1].astype(int)]
    source = lgb.train(SETTINGS, lgb.Dataset(x, y, categorical_feature=[1]), 6)
    data = {"size": rng.normal(size=SCORED), "colour": rng.integers(-1, 3, SCORED)}
    return source, pd.DataFrame(data).assign(
        colour=lambda data: pd.Categorical.from_codes(data["colour"], COLOURS)
    )


SIZES = ["small", "middle", "large"]
COLOURS = ["red", "green", "blue"]
CATEGORIES = "Booster, categorical splits"
LINEAR = "Booster, linear trees"
BOOSTER = outputs_of(EQUAL)


def _case(family: str, variant: str, make: Any, outputs: Any = None, **more: Any) -> Case:
    return Case(family, variant, make, outputs or BOOSTER, ("text",), **more)


def _classifies(prediction: Bound | None = None) -> dict[str, Bound]:
    return outputs_of(prediction or ulp(2), probability=True)


_MULTICLASS: dict[str, Any] = {"objective": "multiclass", "num_class": 3}
_RF: dict[str, Any] = {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6}

CASES = [
    _case(CATEGORIES, "codes in a matrix, by sets", _matrix(max_cat_to_onehot=1)),
    _case(CATEGORIES, "codes in a matrix, one against the rest", _matrix(max_cat_to_onehot=100)),
    _case(CATEGORIES, "no missing values in training", _matrix(holes=0)),
    _case(CATEGORIES, "zero_as_missing", _matrix(zero_as_missing=True)),
    _case(CATEGORIES, "use_missing=false", _matrix(use_missing=False)),
    _case(CATEGORIES, "dart", _matrix(boosting="dart")),
    _case(CATEGORIES, "random forest", _matrix(**_RF)),
    _case(CATEGORIES, "codes up to two million", _large_codes),
    _case(CATEGORIES, "binary", _matrix(classes=2, objective="binary"), _classifies()),
    _case(CATEGORIES, "multiclass", _matrix(classes=3, **_MULTICLASS), _classifies()),
    _case(CATEGORIES, "pandas categories of text", _pandas("word")),
    _case(CATEGORIES, "of integers", _pandas("integer")),
    _case(CATEGORIES, "of text, integers, floats and booleans together", _pandas()),
    _case(
        CATEGORIES,
        "scored from Arrow dictionaries",
        _pandas("word", "integer", into=pa.Table.from_pandas),
    ),
    _case(
        CATEGORIES,
        "from Arrow text",
        _pandas("word", into=lambda data: pa.table(data.astype({"word": "string"}))),
    ),
    _case(CATEGORIES, "from Polars categories", _pandas("word", into=pl.from_pandas)),
    _case(
        CATEGORIES,
        "from Polars text",
        _pandas("word", into=lambda data: pl.from_pandas(data.astype({"word": "string"}))),
    ),
    _case(CATEGORIES, "ordered pandas categories", _ordered_alone),
    _case(
        CATEGORIES,
        "ordered pandas categories, with `categories=`",
        _given,
        keywords={"categories": {"word": NAMES["word"], "size": SIZES}},
    ),
    _case(
        CATEGORIES,
        "names for the codes of a matrix, with `categories=`",
        _names_for_codes,
        keywords={"features": ["size", "colour"], "categories": {"colour": COLOURS}},
    ),
    _case("LGBMRegressor", "pandas categories", _wrapper(lgb.LGBMRegressor)),
    _case(
        "LGBMClassifier",
        "pandas categories",
        _wrapper(lgb.LGBMClassifier, ["low", "high"]),
        _classifies(labels_but_for_ties(probability_of)),
    ),
    _case(LINEAR, "numbers", _matrix(linear_tree=True, categorical=(), linear_lambda=0.01)),
    _case(
        LINEAR,
        "no missing values in training",
        _matrix(linear_tree=True, categorical=(), holes=0),
    ),
    _case(LINEAR, "use_missing=false", _matrix(linear_tree=True, use_missing=False)),
    _case(LINEAR, "categorical splits", _matrix(linear_tree=True)),
    _case(LINEAR, "no split", _matrix(linear_tree=True, categorical=(), min_data_in_leaf=10_000)),
    _case(LINEAR, "dart", _matrix(linear_tree=True, boosting="dart")),
    _case(
        LINEAR,
        "binary",
        _matrix(linear_tree=True, classes=2, objective="binary"),
        _classifies(),
    ),
    _case(
        LINEAR,
        "multiclass",
        _matrix(linear_tree=True, classes=3, **_MULTICLASS),
        _classifies(),
    ),
]


def _mixed(rng: np.random.Generator) -> Any:
    codes = np.arange(ROWS) % 2
    kinds = pd.Index(["a", 1], dtype=object)
    data = pd.DataFrame({"a": pd.Categorical.from_codes(codes, kinds), "b": rng.normal(size=ROWS)})
    return lgb.train(SETTINGS, lgb.Dataset(data, codes), 2, keep_training_booster=True)


def _not_declared(rng: np.random.Generator) -> Any:
    data = frame(rng, ROWS, {name: NAMES[name] for name in ("word", "integer")})
    data["other"] = data["other"] % 3
    dataset = lgb.Dataset(data, _target(data), categorical_feature=["word", "other"])
    return lgb.train(SETTINGS, dataset, 3)


REFUSALS = [
    Refusal(
        "pandas categories of mixed types",
        _mixed,
        "mixed types",
        "train on categories that are all strings, all numbers or all booleans",
    ),
    Refusal(
        "ordered pandas categories beside whole numbers that could be their codes, without "
        "`categories=`",
        _ordered,
        "2 lists of pandas categories and 1 categorical features",
        "pass categories={column: [...]} with every category column of the training frame",
    ),
    Refusal(
        "`categorical_feature` that leaves out a column of pandas categories, without "
        "`categories=`",
        _not_declared,
        'feature "integer"',
        "pass categories={column: [...]} with every category column of the training frame",
    ),
]
