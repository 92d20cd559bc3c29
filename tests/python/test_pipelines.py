"""Pipelines on raw columns: what they are and what they take."""

import decimal

import fastscore
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pipeline_support import FEW, FRAME, LABEL, RNG, strict
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import (
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier
from support import same_bits


@pytest.fixture(scope="module")
def model():
    return fastscore.import_model(strict())


# --- what it is


def test_the_schema_is_that_of_the_data(model):
    assert [each.name for each in model.features] == list(FRAME)
    assert [each.type for each in model.features] == [
        "number",
        "category",
        "number",
        "number",
        "number",
    ]
    city = model.features[1]
    assert (city.categories, city.unknown, city.may_be_missing) == (["a", "b", "c"], "raise", False)
    assert not model.features[0].may_be_missing
    assert model.features[4].may_be_missing
    assert list(model.feature_names_in_) == list(FRAME)
    assert model.classes_.tolist() == [0, 1]


def test_encoders_share_one_table_of_a_column():
    encoders = make_union(
        OneHotEncoder(categories=[["a", "b"]], handle_unknown="ignore"),
        OrdinalEncoder(
            categories=[["c", "b", "d"]], handle_unknown="use_encoded_value", unknown_value=-1
        ),
        make_pipeline(
            SimpleImputer(strategy="constant", fill_value="?"),
            OneHotEncoder(categories=[["?", "a"]], handle_unknown="ignore"),
        ),
    )
    frame = FRAME[["city"]]
    encoders.fit(frame)
    model = fastscore.import_model(encoders)
    assert model.features[0].categories == ["a", "b", "c", "d", "?"]
    assert model.features[0].unknown == "code"
    rows = pd.DataFrame({"city": pd.Series(["a", "b", "c", "d", None, "z"], dtype="str")})
    same_bits(model.transform(rows).to_numpy(), encoders.transform(rows).toarray())


def test_only_what_every_raising_encoder_knows_is_taken():
    encoders = make_union(
        OneHotEncoder(categories=[["a", "b", "c"]]),
        OrdinalEncoder(categories=[["c", "b", "a"]]),
        OneHotEncoder(categories=[["a", "q"]], handle_unknown="ignore"),
    )
    encoders.fit(FRAME[["city"]])
    model = fastscore.import_model(encoders)
    assert sorted(model.features[0].categories) == ["a", "b", "c"]
    same_bits(model.transform(FRAME).to_numpy(), encoders.transform(FRAME[["city"]]).toarray())
    with pytest.raises(fastscore.UnknownCategoryError, match='row 1: "q"'):
        model.transform(pd.DataFrame({"city": ["a", "q"]}))


def test_the_plan_shows_the_steps(model):
    text = model.explain_plan()
    for words in ("plan for Pipeline", "Standardize", "linear"):
        assert words in text


def test_the_source_shows_the_steps(model):
    assert model.source.class_name == "Pipeline"
    assert model.source.parameters["steps"] == (
        "ColumnTransformer(number: StandardScaler, text: OneHotEncoder, remainder: drop) > "
        "LogisticRegression"
    )


def test_columns_that_no_step_reads_may_be_absent_or_anything(model):
    same_bits(model.margin(FEW.drop(columns="note")).to_numpy(), model.margin(FEW).to_numpy())
    same_bits(model.margin(FEW.assign(note=1.5)).to_numpy(), model.margin(FEW).to_numpy())
    with pytest.raises(fastscore.SchemaError, match=r'lacks 1 column.*"zip"'):
        model.predict(FEW.drop(columns="zip"))


# --- what it takes

MARGIN = "margin"


def tables():
    """The same rows, in containers and types of every kind."""
    arrow = pa.table(
        {
            "age": pa.array(FEW["age"]),
            "city": pa.array(FEW["city"].tolist()),
            "zip": pa.array(FEW["zip"], pa.int64()),
            "member": pa.array(FEW["member"].tolist()),
        }
    )

    def put(name, column):
        return arrow.set_column(arrow.schema.get_field_index(name), name, column)

    found = {
        "pandas objects": FEW.astype({"city": object, "member": object, "zip": object}),
        "pandas categories": FEW.astype({"city": "category", "zip": "category"}),
        "pandas nullable": FEW.astype({"zip": "Int16", "member": "boolean", "age": "Float64"}),
        "pandas arrow": FEW.astype({"city": "string[pyarrow]", "zip": "uint8[pyarrow]"}),
        "polars": pl.from_pandas(FEW),
        "polars categorical": pl.from_pandas(FEW).cast({"city": pl.Categorical}),
        "polars enum": pl.from_pandas(FEW).cast({"city": pl.Enum(["z", "c", "b", "a"])}),
        "polars lazy": pl.from_pandas(FEW).lazy(),
        "arrow": arrow,
        "arrow batch": arrow.to_batches()[0],
        "chunks": pa.concat_tables([arrow.slice(0, 1), arrow.slice(1)]),
        "large text": put("city", arrow["city"].cast(pa.large_string())),
        "views": put("city", pa.array(FEW["city"].tolist(), pa.string_view())),
        "decimals": put("zip", pa.array([decimal.Decimal(int(v)) for v in FEW["zip"]])),
        "float16": put("zip", pa.array(FEW["zip"].astype("float16"), pa.float16())),
        "numbers for booleans": put("member", arrow["member"].cast(pa.int8())),
        "dict": {name: FEW[name].tolist() for name in FEW},
        "records": FEW.to_dict("records"),
        "array of objects": FEW.to_numpy(),
    }
    for width in (pa.int8(), pa.uint16(), pa.int32(), pa.uint64()):
        keys = pa.array(FEW["city"].map({"a": 2, "b": 0, "c": 1}).tolist(), width)
        values = pa.array(["b", "c", "a", "b"])
        found[f"dictionary {width}"] = put("city", pa.DictionaryArray.from_arrays(keys, values))
    return found


@pytest.mark.parametrize("kind", tables())
def test_containers_and_types(model, kind):
    table = tables()[kind]
    found = model.margin(table)
    if kind == "polars lazy":
        found = found.collect().to_series()
    if kind == "dict":
        found = found["margin"]
    same_bits(np.asarray(found), model.margin(FEW).to_numpy())


def test_no_rows(model):
    assert len(model.predict(FEW.head(0))) == 0


def test_null_none_and_nan_are_one_missing_value():
    encoder = make_pipeline(SimpleImputer(strategy="constant", fill_value="?"), OneHotEncoder())
    frame = pd.DataFrame({"a": pd.Series(["x", np.nan, "y"], dtype=object)})
    model = fastscore.import_model(encoder.fit(frame))
    expected = encoder.transform(frame).toarray()
    for column in (
        pd.Series(["x", None, "y"], dtype=object),
        pd.Series(["x", None, "y"], dtype="str"),
        pd.Series(["x", pd.NA, "y"], dtype="string"),
        pd.Series(["x", None, "y"], dtype="category"),
    ):
        same_bits(model.transform(pd.DataFrame({"a": column})).to_numpy(), expected)
    same_bits(model.transform(pl.DataFrame({"a": ["x", None, "y"]})).to_numpy(), expected)


def test_fitted_on_polars():
    pytest.importorskip("polars")
    frame = pl.from_pandas(FRAME[["age", "city"]]).with_columns(
        pl.when(pl.col("age") > 50).then(None).otherwise(pl.col("age")).alias("age")
    )
    pipeline = make_pipeline(
        make_column_transformer(
            (make_pipeline(SimpleImputer(), MinMaxScaler()), ["age"]),
            (OneHotEncoder(sparse_output=False), ["city"]),
        ).set_output(transform="polars"),
        RandomForestClassifier(3, random_state=0),
    ).fit(frame, LABEL)
    model = fastscore.import_model(pipeline)
    same_bits(model.predict_proba(frame).to_numpy(), pipeline.predict_proba(frame))
    assert model.verify(frame, pipeline).ok


def test_fitted_on_arrays():
    x = FRAME[["age", "zip"]].to_numpy()
    pipeline = make_pipeline(
        ColumnTransformer([("a", StandardScaler(), [0]), ("b", OneHotEncoder(), [-1])]),
        DecisionTreeClassifier(random_state=0),
    ).fit(x, LABEL)
    model = fastscore.import_model(pipeline)
    assert [each.name for each in model.features] == [None, None]
    same_bits(model.predict_proba(x), pipeline.predict_proba(x))
    named = fastscore.import_model(pipeline, features=["age", "zip"])
    same_bits(named.predict_proba(FRAME).to_numpy(), pipeline.predict_proba(x))


def test_fitted_on_an_array_of_objects():
    x = FRAME[["age", "city", "zip"]].to_numpy()
    pipeline = make_pipeline(
        ColumnTransformer(
            [("a", StandardScaler(), [0]), ("b", OneHotEncoder(handle_unknown="ignore"), [1, 2])]
        ),
        DecisionTreeClassifier(random_state=0),
    ).fit(x, LABEL)
    model = fastscore.import_model(pipeline)
    strange = x.copy()
    strange[:9, 1], strange[4:20, 2] = "new", 11
    same_bits(model.predict_proba(strange), pipeline.predict_proba(strange))
    named = pd.DataFrame(strange, columns=["p", "q", "r"]).infer_objects()
    same_bits(
        fastscore.import_model(pipeline, features=["p", "q", "r"]).predict_proba(named).to_numpy(),
        pipeline.predict_proba(strange),
    )


def test_a_sparse_matrix_is_taken_as_the_table_it_stands_for():
    scipy_sparse = pytest.importorskip("scipy.sparse")
    x = np.round(RNG.normal(size=(60, 4))) * 1.5
    pipeline = make_pipeline(StandardScaler(with_mean=False), Ridge()).fit(x, x[:, 0])
    model = fastscore.import_model(pipeline)
    same_bits(model.predict(scipy_sparse.csr_matrix(x)), model.predict(x))


def test_what_a_sparse_matrix_lacks_is_missing_for_xgboost_alone():
    scipy_sparse = pytest.importorskip("scipy.sparse")
    xgb = pytest.importorskip("xgboost")
    x = np.round(RNG.normal(size=(60, 4)))
    matrix = scipy_sparse.csr_matrix(x)
    regressor = xgb.XGBRegressor(n_estimators=3, n_jobs=1)
    pipeline = make_pipeline("passthrough", regressor).fit(matrix, x[:, 0] + x[:, 1])
    model = fastscore.import_model(pipeline)
    same_bits(model.predict(matrix), pipeline.predict(matrix))
    same_bits(model.predict(x), pipeline.predict(x))


COLUMNS = ColumnTransformer(
    [
        ("n", make_pipeline(SimpleImputer(), StandardScaler()), ["age"]),
        ("c", OneHotEncoder(handle_unknown="ignore"), ["city", "zip"]),
    ]
)
LINEAR = make_pipeline(COLUMNS, LogisticRegression())
TREES = make_pipeline(COLUMNS, RandomForestClassifier(3, random_state=0))


@pytest.mark.parametrize(
    "estimator",
    [
        GridSearchCV(LINEAR, {"logisticregression__C": [0.1, 1]}, cv=2),
        VotingClassifier([("a", LINEAR), ("b", TREES)], voting="soft"),
        StackingClassifier([("a", LINEAR), ("b", TREES)], cv=2),
        CalibratedClassifierCV(LINEAR, cv=2),
        OneVsRestClassifier(LINEAR),
        make_pipeline(COLUMNS, StackingClassifier([("a", LogisticRegression())], cv=2)),
        make_pipeline(
            make_pipeline(COLUMNS, "passthrough"), make_pipeline(TruncatedSVD(2), LINEAR[-1])
        ),
    ],
    ids=lambda each: type(each).__name__,
)
def test_pipelines_in_other_estimators_and_these_in_pipelines(estimator):
    estimator.fit(FRAME, LABEL)
    model = fastscore.import_model(estimator)
    rows = FRAME.assign(city=FRAME["city"].where(FRAME["age"] < 50, "new"))
    rows.loc[::7, "age"] = np.nan
    np.testing.assert_allclose(
        model.predict_proba(rows).to_numpy(), estimator.predict_proba(rows), rtol=1e-10
    )
    assert model.verify(rows, estimator).ok


def test_xgboost_in_another_estimator_after_a_sparse_step_is_refused():
    xgb = pytest.importorskip("xgboost")
    sparse = clone(COLUMNS).set_params(sparse_threshold=1)
    votes = VotingClassifier([("x", xgb.XGBClassifier(n_estimators=2))], voting="soft")
    pipeline = make_pipeline(sparse, votes).fit(FRAME, LABEL)
    with pytest.raises(fastscore.UnsupportedModelError, match="VotingClassifier hands a sparse"):
        fastscore.import_model(pipeline)


def test_float32_between_steps():
    """Scalers compute at the width that they get; what can't is refused."""
    x = FRAME[["age", "zip"]].to_numpy()
    coded = KBinsDiscretizer(5, encode="ordinal", strategy="uniform", dtype=np.float32)
    for scaler in (StandardScaler(), MinMaxScaler((0.1, 3.7)), RobustScaler(), MaxAbsScaler()):
        pipeline = make_pipeline(coded, scaler).fit(x)
        expected = pipeline.transform(x)
        assert expected.dtype == np.float32
        same_bits(fastscore.import_model(pipeline).transform(x), expected.astype(float))
    pipeline = make_pipeline(coded, PolynomialFeatures(2)).fit(x)
    with pytest.raises(fastscore.UnsupportedModelError, match="PolynomialFeatures gets float32"):
        fastscore.import_model(pipeline)


def test_labels_are_the_classifiers_own():
    labels = np.array(["no", "yes"])[LABEL]
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(FRAME[["age"]], labels)
    model = fastscore.import_model(pipeline)
    assert model.predict(FRAME).tolist() == pipeline.predict(FRAME[["age"]]).tolist()
    assert model.classes_.tolist() == ["no", "yes"]


def test_it_saves_and_pickles(model, tmp_path):
    model.save(tmp_path / "pipeline.fscore")
    again = fastscore.load(tmp_path / "pipeline.fscore")
    assert again == model
    same_bits(again.margin(FEW).to_numpy(), model.margin(FEW).to_numpy())
