"""Pipelines on raw columns: what they refuse, with which words."""

import warnings

import fastscore
import numpy as np
import pandas as pd
import polars as pl
import pytest
from pipeline_support import FEW, FRAME, LABEL, strict
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
)
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    Normalizer,
    PolynomialFeatures,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier
from support import same_bits


@pytest.fixture(scope="module")
def model():
    return fastscore.import_model(strict())


@pytest.mark.parametrize(
    ("column", "values", "error", "text"),
    [
        ("age", ["x"] * 4, fastscore.SchemaError, '"age" has the type str.*is a number'),
        ("city", [1, 2, 3, 4], fastscore.SchemaError, '"city" has the type int64.*"a", "b", "c"'),
        ("age", pd.Timestamp("2020"), fastscore.SchemaError, '"age" has the type datetime64'),
        ("city", pd.Timestamp("2020"), fastscore.SchemaError, '"city" has the type datetime64'),
        ("city", ["a", "q", "b", "z"], fastscore.UnknownCategoryError, '2 value.*row 1: "q"'),
        (
            "zip",
            [10, 11, 20, 12],
            fastscore.UnknownCategoryError,
            r'"zip" has 2 value\(s\) that OneHotEncoder does not know, the first in row 1: 11',
        ),
        (
            "city",
            ["a", None, "b", None],
            fastscore.MissingValueError,
            '"city" has 2 missing.*row 1',
        ),
        ("zip", [10, 20, np.nan, 20], fastscore.MissingValueError, '"zip" has 1 missing.*row 2'),
        ("age", [1, 2, 3, np.nan], fastscore.MissingValueError, '"age" has 1 missing.*row 3'),
        ("age", [1, 2, -np.inf, 4], fastscore.NonFiniteValueError, '"age" has 1 value.*row 2'),
    ],
)
def test_values_that_are_refused(model, column, values, error, text):
    rows = FEW.assign(**{column: values})
    for table in (rows, pl.from_pandas(rows)):
        pattern = text.replace("datetime64", "") if isinstance(table, pl.DataFrame) else text
        pattern = pattern.replace("str.*", ".*").replace("int64.*", ".*")
        with pytest.raises(error, match=pattern):
            model.predict(table)


def test_rows_that_are_refused_are_null_where_asked_for(model):
    rows = FEW.assign(age=[1.0, np.nan, 2.0, np.inf], city=["a", "b", None, "c"])
    found = model.margin(rows, missing="propagate").to_numpy()
    assert np.isnan(found).tolist() == [False, True, True, True]
    same_bits(found[:1], model.margin(rows.head(1)).to_numpy())
    with pytest.raises(fastscore.UnknownCategoryError):
        model.margin(FEW.assign(zip=[10, 11, 20, 20]), missing="propagate")


def test_what_a_later_step_refuses_names_that_step_and_its_column():
    pipeline = make_pipeline(
        FunctionTransformer(np.log, feature_names_out="one-to-one"), PolynomialFeatures(2), Ridge()
    ).fit(FRAME[["age", "zip"]], LABEL)
    model = fastscore.import_model(pipeline)
    rows = FRAME[["age", "zip"]].head(5).assign(zip=[10, 20, -1, 20, -3])
    with pytest.raises(
        fastscore.MissingValueError,
        match=r'the input of PolynomialFeatures, column "zip", is NaN in row 2 \(2 row',
    ):
        model.predict(rows)
    found = model.predict(rows, missing="propagate").to_numpy()
    assert np.isnan(found).tolist() == [False, False, True, False, True]
    with pytest.raises(fastscore.NonFiniteValueError, match="PolynomialFeatures"):
        model.predict(rows.assign(zip=0))


@pytest.mark.parametrize(
    ("step", "refuses"), [(StandardScaler(), False), (Normalizer(), True), (MinMaxScaler(), False)]
)
def test_each_step_has_its_own_rules_for_missing_values(step, refuses):
    boosted = HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=2)
    pipeline = make_pipeline(step, boosted).fit(FRAME[["age", "zip"]], LABEL)
    model = fastscore.import_model(pipeline)
    assert model.features[0].may_be_missing != refuses
    rows = FRAME[["age", "zip"]].assign(age=np.nan)
    if refuses:
        with pytest.raises(fastscore.MissingValueError, match='"age" has 80 missing'):
            model.predict(rows)
    else:
        same_bits(model.predict_proba(rows).to_numpy(), pipeline.predict_proba(rows))


def test_what_a_dropped_branch_refuses_is_refused_whatever_is_asked_for():
    pipeline = make_pipeline(
        make_union(StandardScaler(), MinMaxScaler()),
        DecisionTreeClassifier(max_depth=1, random_state=0),
    ).fit(FRAME[["age", "zip"]], LABEL)
    model = fastscore.import_model(pipeline)
    for output in model.outputs:
        with pytest.raises(fastscore.NonFiniteValueError, match='"zip"'):
            model.score(FRAME[["age", "zip"]].assign(zip=np.inf), output=output)


def test_keywords(model):
    with pytest.raises(ValueError, match="classes= does not apply to a scikit-learn Pipeline"):
        fastscore.import_model(strict(), classes=["a", "b"])
    taken = fastscore.import_model(strict(), unknown={"city": "missing"})
    assert taken.features[1].unknown == "missing"
    assert "given with unknown=" in repr(taken)


def test_subclasses_are_refused():
    class Mine(Pipeline):
        pass

    pipeline = Mine([("a", StandardScaler()), ("b", Ridge())]).fit(FRAME[["age"]], LABEL)
    with pytest.raises(fastscore.UnsupportedModelError, match="subclass of Pipeline"):
        fastscore.import_model(pipeline)


def test_a_column_without_any_value_is_refused():
    frame = pd.DataFrame({"a": [np.nan] * 5, "b": range(5)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scaler = StandardScaler().fit(frame)
    with pytest.raises(fastscore.UnsupportedModelError, match="no finite numbers of its column 0"):
        fastscore.import_model(scaler)


def test_the_same_step_twice_is_computed_twice():
    scaler = StandardScaler().fit(FRAME[["age"]].to_numpy())
    pipeline = Pipeline([("a", scaler), ("b", scaler), ("c", "passthrough")])
    model = fastscore.import_model(pipeline)
    x = FRAME[["age"]].to_numpy()
    same_bits(model.transform(x), scaler.transform(scaler.transform(x)))
