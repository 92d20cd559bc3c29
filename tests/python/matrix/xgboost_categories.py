"""XGBoost's cases of categorical features."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import xgboost as xgb

from matrix.case import EQUAL, Bound, Case, Refusal, labels_but_for_ties
from matrix.columns import ROWS, SCORED
from matrix.xgboost_library import (
    CATEGORIES,
    COMMON,
    FILES,
    SHARES,
    document,
    expected,
    outputs_of,
)

CODES = (-1.0, -0.5, -0.0, 0.5, 1.99, 31.0, 31.5, 32.0, 63.0, 64.0, 2.0**24 - 1, 2.0**24, 1e10)
WORDS, INTEGERS, SIZES = CATEGORIES.values()


# --- codes in a matrix


def _codes(**parameters: Any) -> Any:
    def make(rng: np.random.Generator) -> tuple[Any, Any]:
        columns = rng.normal(size=ROWS), rng.integers(0, 40, ROWS), rng.integers(0, 3, ROWS)
        x = np.column_stack(columns).astype(float)
        x[rng.random(x.shape) < 0.05] = np.nan
        clean = np.nan_to_num(x)
        y = clean[:, 0] + clean[:, 1] % 5 - (clean[:, 2] == 1)
        if "num_class" in parameters:
            y = np.digitize(y, [1, 2])
        kinds = ["q", "c", "c"]
        matrix = xgb.DMatrix(x, y, feature_types=kinds, enable_categorical=True, nthread=1)
        source = xgb.train(COMMON | {"tree_method": "hist"} | parameters, matrix, 6)
        found = document(source)["learner"]["gradient_booster"]
        assert any(tree["categories"] for tree in found.get("gbtree", found)["model"]["trees"])
        rows = x[rng.integers(0, ROWS, SCORED)]
        odd = rng.random(SCORED) < 0.6
        rows[odd, 1] = rng.choice([*CODES, *range(45)], odd.sum())
        return source, rows

    return make


# --- categories of frames


def frame(rng: np.random.Generator, rows: int, words: list[str] = WORDS) -> Any:
    """Numbers and categories; one word in ten is missing."""
    data = pd.DataFrame(
        {
            "number": rng.normal(size=rows),
            "word": pd.Categorical(rng.choice(words, rows), categories=words),
            "int": pd.Categorical(rng.choice(INTEGERS, rows), categories=INTEGERS),
            "ordered": pd.Categorical(rng.choice(SIZES, rows), categories=SIZES, ordered=True),
        }
    )
    return data.assign(word=data["word"].where(rng.random(rows) > 0.1))


def _target(data: Any) -> Any:
    codes = 2.0 * (data["word"].cat.codes == 3) + (data["int"] == 5) - (data["ordered"] == 1)
    return data["number"] + codes


def _trained(rng: np.random.Generator, words: list[str] = WORDS) -> Any:
    data = frame(rng, ROWS, words)
    matrix = xgb.DMatrix(data, _target(data), enable_categorical=True, nthread=1)
    return xgb.train(COMMON | {"tree_method": "hist"}, matrix, 6)


def _frames(into: Callable[[Any], Any] = lambda data: data, words: list[str] = WORDS) -> Any:
    def make(rng: np.random.Generator) -> tuple[Any, Any]:
        return _trained(rng, words), into(frame(rng, SCORED, words))

    return make


def _other_order(data: Any) -> Any:
    order = data["word"].cat.reorder_categories(WORDS[::-1])
    return data.assign(word=order, int=data["int"].cat.reorder_categories(INTEGERS[::-1]))


def _wrapper(kind: Any, labels: Any = None) -> Any:
    def make(rng: np.random.Generator) -> tuple[Any, Any]:
        data = frame(rng, ROWS)
        y = _target(data)
        if labels is not None:
            y = np.digitize(y, labels)
        settings = {"n_estimators": 6, "max_depth": 4, "n_jobs": 1, "enable_categorical": True}
        return kind(**settings).fit(data, y), _other_order(frame(rng, SCORED))

    return make


def _named_codes(rng: np.random.Generator) -> tuple[Any, Any]:
    x = np.c_[rng.normal(size=ROWS), rng.integers(0, len(WORDS), ROWS)]
    kinds = {"feature_types": ["q", "c"], "feature_names": ["number", "word"]}
    matrix = xgb.DMatrix(x, x[:, 0] + x[:, 1] % 3, enable_categorical=True, nthread=1, **kinds)
    source = xgb.train(COMMON | {"tree_method": "hist"}, matrix, 6)
    return source, frame(rng, SCORED)[["number", "word"]]


FAMILY = "Booster, categorical features"
ACCENTS = ["", "a b", "x", "é"]


def _case(family: str, variant: str, make: Any, outputs: Any = None, **more: Any) -> Case:
    return Case(family, variant, make, outputs or outputs_of(EQUAL), FILES, **more)


_MULTI: dict[str, Any] = {"objective": "multi:softprob", "num_class": 3}
_CLASSES: dict[str, Bound] = outputs_of(
    labels_but_for_ties(lambda source, data: expected(source, data, "probability")), SHARES
)

CASES = [
    _case(FAMILY, "codes in a matrix, by sets", _codes(max_cat_to_onehot=1)),
    _case(FAMILY, "codes in a matrix, one against the rest", _codes(max_cat_to_onehot=100)),
    _case(FAMILY, "dart", _codes(booster="dart", rate_drop=0.5)),
    _case(FAMILY, "multi:softprob", _codes(**_MULTI), outputs_of(SHARES, SHARES)),
    _case(FAMILY, "pandas categories of text and integers", _frames()),
    _case(FAMILY, "in another order than in training", _frames(_other_order)),
    _case(FAMILY, "Arrow dictionaries", _frames(pa.Table.from_pandas)),
    _case(FAMILY, "Polars", _frames(pl.from_pandas)),
    _case(
        FAMILY,
        "text that is not ASCII, with `categories=`",
        _frames(words=ACCENTS),
        keywords={"categories": {"word": ACCENTS}},
    ),
    _case(
        FAMILY,
        "names for the codes of a matrix, with `categories=`",
        _named_codes,
        keywords={"categories": {"word": WORDS}},
    ),
    _case("XGBRegressor", "pandas categories", _wrapper(xgb.XGBRegressor)),
    _case("XGBClassifier", "pandas categories", _wrapper(xgb.XGBClassifier, [0.5]), _CLASSES),
    _case(
        "XGBClassifier",
        "pandas categories, several classes",
        _wrapper(xgb.XGBClassifier, [0, 1]),
        _CLASSES,
    ),
]

REFUSALS = [
    Refusal(
        "categories of text that is not ASCII, without `categories=`: XGBoost damages them",
        lambda rng: _trained(rng, ACCENTS),
        "not all ASCII",
        "give them in the order of training with categories=",
    ),
]
