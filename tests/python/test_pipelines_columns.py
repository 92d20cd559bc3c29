"""Pipelines: columns that are only near the source's, of small types, of one value, or none."""

import fastscore
import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest
from sklearn.impute import MissingIndicator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
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
from support import same_bits

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "age": RNG.normal(40, 10, 80),
        "city": pd.Series(RNG.choice(["a", "b", "c"], 80), dtype="str"),
        "zip": RNG.choice([10, 20, 30], 80),
    }
)
LABEL = (FRAME["age"] + 5 * (FRAME["city"] == "a") > 40).astype(int).to_numpy()
WHOLE = pd.DataFrame({"a": np.arange(1.0, 81), "b": np.arange(80.0) % 7})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (FunctionTransformer(np.exp), OneHotEncoder(handle_unknown="ignore")),
        (FunctionTransformer(np.cbrt), OrdinalEncoder()),
        (PowerTransformer(), KBinsDiscretizer(5, quantile_method="averaged_inverted_cdf")),
        (PCA(), TargetEncoder(cv=2)),
        (make_pipeline(SplineTransformer(), MinMaxScaler()), OrdinalEncoder()),
        (
            QuantileTransformer(n_quantiles=50, output_distribution="normal"),
            QuantileTransformer(n_quantiles=50),
        ),
        (KMeans(2, random_state=0), OrdinalEncoder()),
    ],
)
def test_numbers_that_are_only_near_are_not_compared_with_those_of_training(before, after):
    """A last bit would make another category, or another bin, of a training value."""
    with pytest.raises(fastscore.UnsupportedModelError, match="which is not enough; "):
        fastscore.import_model(make_pipeline(before, after).fit(WHOLE, LABEL))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (FunctionTransformer(np.sqrt), OrdinalEncoder()),
        (StandardScaler(), KBinsDiscretizer(5, quantile_method="averaged_inverted_cdf")),
        (make_pipeline(RobustScaler(), PolynomialFeatures(2)), QuantileTransformer(n_quantiles=50)),
        (FunctionTransformer(np.exp), KBinsDiscretizer(5, strategy="uniform", encode="ordinal")),
        (make_pipeline(FunctionTransformer(np.log1p), Binarizer(threshold=2)), OneHotEncoder()),
    ],
)
def test_numbers_that_have_the_sources_bits_are_compared(before, after):
    pipeline = make_pipeline(before, after).fit(WHOLE, LABEL)
    theirs = pipeline.transform(WHOLE)
    theirs = theirs if isinstance(theirs, np.ndarray) else theirs.toarray()
    same_bits(fastscore.import_model(pipeline).transform(WHOLE), theirs)


@pytest.mark.parametrize(
    "columns",
    [
        [("holes", MissingIndicator(features="all"), ["age"])],
        [("few", OneHotEncoder(dtype=np.uint8), ["zip"])],
        [("few", OrdinalEncoder(dtype=np.int16), ["zip"])],
    ],
)
def test_small_numbers_beside_float32_are_float32(columns):
    """The scaler computes in float32 then, as it does without them."""
    single = ("single", OneHotEncoder(dtype=np.float32), ["city"])
    scaled = make_pipeline(
        ColumnTransformer([*columns, single], sparse_threshold=0), MinMaxScaler((0.1, 0.7))
    )
    theirs = scaled.fit(FRAME, LABEL).transform(FRAME)
    assert theirs.dtype == np.float32
    same_bits(fastscore.import_model(scaled).transform(FRAME), theirs.astype(float))


@pytest.mark.parametrize("extrapolation", ["periodic", "linear"])
def test_splines_far_from_their_knots(extrapolation):
    """What is left of a number of many periods is in its last bits."""
    rng = np.random.default_rng(0)
    spline = SplineTransformer(extrapolation=extrapolation).fit(rng.uniform(0, 2.7, (60, 2)))
    model = fastscore.import_model(spline)
    for size in (1e2, 1e4, 1e6, 1e9, 1e12):
        rows = rng.uniform(-size, size, (500, 2))
        assert model.verify(rows, spline).ok
        if extrapolation == "periodic":
            due = spline.transform(rows)
            np.testing.assert_allclose(model.transform(rows), due, rtol=0, atol=1e-13)


def test_a_spline_of_a_single_value_is_refused():
    steps = SplineTransformer().fit(WHOLE.assign(b=1.0))
    with pytest.raises(fastscore.UnsupportedModelError, match="column 'b' had a single value in"):
        fastscore.import_model(steps)


def test_a_step_may_give_no_columns():
    nothing = PolynomialFeatures((2, 2), interaction_only=True, include_bias=False)
    columns = make_column_transformer((nothing, ["age"]), (OrdinalEncoder(), ["city"]))
    columns.fit(FRAME)
    same_bits(fastscore.import_model(columns).transform(FRAME), columns.transform(FRAME))


def test_selectors_look_at_values_unless_they_keep_the_frame():
    data = FRAME.assign(zip=np.nan)
    for kind in ("default", "pandas"):
        steps = make_pipeline(SelectKBest(k=1)).set_output(transform=kind)
        model = fastscore.import_model(steps.fit(FRAME[["age", "zip"]], LABEL))
        if kind == "pandas":
            same_bits(model.transform(data), steps.transform(data[["age", "zip"]]))
        else:
            with pytest.raises(fastscore.MissingValueError, match='column "zip"'):
                model.transform(data)
