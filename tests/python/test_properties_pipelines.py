"""Random small pipelines over random mixed tables equal scikit-learn, whatever holds the table."""

import warnings

import fastscore
import lightgbm as lgb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import xgboost as xgb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.feature_selection import SelectKBest, VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.tree import DecisionTreeClassifier
from support import same_bits, source_runs

NUMBERS = ["whole", "real", "few", "flag"]
TEXTS = ["name", "kind", "tag"]
CATEGORIES = [*TEXTS, "few", "flag"]


def table(rng, rows, holes):
    """Numbers of every kind, text of every kind, some of it missing."""
    words = np.array(["", "a", "b", "ä", "a longer word than twelve", "A"])
    frame = pd.DataFrame(
        {
            "whole": rng.integers(-3, 9, rows),
            "real": rng.choice([0.1, -0.0, 1 / 3, 5e-324, -2.5, 1e9], rows),
            "few": rng.choice([0.0, 1.5, -2.0], rows),
            "flag": rng.random(rows) < 0.5,
            "name": pd.Series(rng.choice(words, rows), dtype="str"),
            "kind": pd.Series(rng.choice(words[1:4], rows), dtype=object),
            "tag": pd.Categorical(rng.choice(words[1:3], rows), categories=words[1:5]),
        }
    )
    if holes:
        for column in ("real", "few", "name", "kind", "tag"):
            frame.loc[rng.random(rows) < 0.15, column] = np.nan
    return frame


BENT = [
    Normalizer("l1"),
    Normalizer("l2"),
    PowerTransformer(),
    QuantileTransformer(n_quantiles=7),
    QuantileTransformer(n_quantiles=7, output_distribution="normal"),
    SplineTransformer(n_knots=3, extrapolation="linear"),
    make_pipeline(StandardScaler(), FunctionTransformer(np.tanh), PCA(1)),
    make_pipeline(MinMaxScaler(), FunctionTransformer(np.log1p)),
]
"""What is not equal to the bit: trees behind it may take the other side of a threshold."""


def numeric(draw, *, holes, exact):
    """A transformer of numbers that a predictor can follow."""
    scaler = draw(
        st.sampled_from(
            [
                *(() if exact else BENT),
                StandardScaler(),
                RobustScaler(),
                MinMaxScaler(clip=True),
                MaxAbsScaler(),
                "passthrough",
                PolynomialFeatures(2),
                make_union(StandardScaler(), KBinsDiscretizer(3, encode="ordinal")),
                FeatureUnion(
                    [("a", MinMaxScaler()), ("b", "passthrough")], transformer_weights={"a": 3}
                ),
            ]
        )
    )
    if not holes:
        return scaler
    imputer = SimpleImputer(
        strategy=draw(st.sampled_from(["mean", "median", "most_frequent", "constant"])),
        add_indicator=draw(st.booleans()),
    )
    return make_pipeline(imputer, scaler)


def categorical(draw, *, holes):
    """An encoder, perhaps after an imputer; whether it takes what it does not know."""
    encoder = draw(
        st.sampled_from(
            [
                OneHotEncoder(),
                OneHotEncoder(handle_unknown="ignore"),
                OneHotEncoder(handle_unknown="ignore", drop="first"),
                OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=0.2),
                OneHotEncoder(max_categories=2, drop="if_binary", sparse_output=False),
                OrdinalEncoder(encoded_missing_value=-3),
                OrdinalEncoder(
                    handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2
                ),
                OrdinalEncoder(
                    handle_unknown="use_encoded_value",
                    unknown_value=99,
                    max_categories=2,
                    encoded_missing_value=77,
                ),
                TargetEncoder(cv=2),
            ]
        )
    )
    if holes and draw(st.booleans()):
        strategy = draw(st.sampled_from(["most_frequent", "constant"]))
        return make_pipeline(SimpleImputer(strategy=strategy), encoder)
    return encoder


PREDICTORS = [
    None,
    LogisticRegression(),
    DecisionTreeClassifier(max_depth=4, random_state=0),
    RandomForestClassifier(3, random_state=0),
    GradientBoostingClassifier(n_estimators=3),
    HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=2),
    lgb.LGBMClassifier(n_estimators=3, min_child_samples=2, verbose=-1, n_jobs=1),
    xgb.XGBClassifier(n_estimators=3, n_jobs=1),
]


@st.composite
def pipelines(draw):
    """A pipeline, its training data, and its predictor."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows, holes = draw(st.integers(30, 80)), draw(st.booleans())
    predictor = draw(st.sampled_from(PREDICTORS))
    exact = predictor is not None and not isinstance(predictor, LogisticRegression)
    frame = table(rng, rows, holes)
    texts = draw(st.lists(st.sampled_from(TEXTS), unique=True, max_size=3))
    coded = draw(st.lists(st.sampled_from(["few", "flag"]), unique=True, max_size=2))
    plain = draw(st.lists(st.sampled_from(NUMBERS[:3]), unique=True, min_size=1, max_size=3))
    parts = [("plain", numeric(draw, holes=holes, exact=exact), plain)]
    if texts:
        parts.append(("texts", categorical(draw, holes=holes), texts))
    if coded:
        parts.append(("coded", categorical(draw, holes=holes), coded))
    columns = ColumnTransformer(
        parts,
        sparse_threshold=draw(st.sampled_from([0, 0.3, 1])),
        verbose_feature_names_out=True,
    )
    steps = [columns]
    if isinstance(predictor, HistGradientBoostingClassifier):
        columns.set_params(sparse_threshold=0)
    extra = draw(st.sampled_from([None, None, VarianceThreshold(), SelectKBest(k=1)]))
    if extra is not None:
        steps.append(extra)
    if predictor is not None:
        steps.append(predictor)
    y = (rng.random(rows) < 0.5).astype(int)
    return make_pipeline(*steps), frame, y, rng


def strange(frame, rng):
    """Rows of the data, with values that training did not have."""
    rows = frame.iloc[rng.integers(0, len(frame), 40)].reset_index(drop=True)
    if rng.random() < 0.5:
        rows["name"] = rows["name"].where(rng.random(len(rows)) < 0.8, "new")
        rows["few"] = rows["few"].where(rng.random(len(rows)) < 0.8, 0.25)
    if rng.random() < 0.3:
        rows.loc[rng.random(len(rows)) < 0.2, ["real", "name", "kind"]] = np.nan
    return rows


def expected(pipeline, rows):
    """What scikit-learn gives; None where it refuses the rows."""
    with source_runs(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if hasattr(pipeline, "predict"):
                return pipeline.predict_proba(rows)
            found = pipeline.transform(rows)
        except (ValueError, TypeError):
            return None
    return np.asarray(found.toarray() if hasattr(found, "toarray") else found, dtype=float)


def ours(model, rows):
    output = "probability" if "probability" in model.outputs else "transform"
    try:
        found = model.score(rows, output=output)
    except fastscore.FastscoreError:
        return None
    if isinstance(found, pa.Table):
        return np.column_stack([found[name].to_numpy() for name in found.column_names])
    return found.to_numpy()


SETTINGS = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@SETTINGS
@given(pipelines())
def test_pipelines(drawn):
    pipeline, frame, y, rng = drawn
    try:
        with source_runs(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pipeline.fit(frame, y)
    except ValueError:
        return
    model = fastscore.import_model(pipeline)
    for rows in (frame, strange(frame, rng)):
        theirs, found = expected(pipeline, rows), ours(model, rows)
        assert (theirs is None) == (found is None)
        if theirs is None:
            continue
        np.testing.assert_allclose(found, theirs, rtol=1e-10, atol=1e-14)
        if isinstance(pipeline[-1], lgb.LGBMClassifier | xgb.XGBClassifier):
            same_bits(found, theirs)
        for other in (pl.from_pandas(rows), pa.Table.from_pandas(rows, preserve_index=False)):
            same_bits(ours(model, other), found)
        assert model.verify(rows, pipeline).ok


def test_projections_between():
    rng = np.random.default_rng(0)
    frame = table(rng, 200, holes=False)[["whole", "real", "few"]]
    y = (frame["whole"] + rng.normal(size=200) > 3).astype(int)
    for last in (LogisticRegression(), RandomForestClassifier(3, random_state=0)):
        pipeline = make_pipeline(StandardScaler(), PCA(2), last).fit(frame, y)
        model = fastscore.import_model(pipeline)
        np.testing.assert_allclose(
            model.predict_proba(frame).to_numpy(), pipeline.predict_proba(frame), rtol=1e-10
        )
        assert model.verify(frame, pipeline).ok
