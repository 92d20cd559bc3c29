"""scikit-learn's linear predictors, clusters and networks: what a table of cases can't say.

The cases themselves are in `matrix/sklearn_linear_cases.py` and its siblings.
"""

import warnings

import fastscore
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import BisectingKMeans, KMeans
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.linear_model import (
    BayesianRidge,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    RidgeClassifier,
    SGDClassifier,
    TheilSenRegressor,
)
from sklearn.mixture import GaussianMixture
from sklearn.naive_bayes import BernoulliNB, CategoricalNB, GaussianNB, MultinomialNB
from sklearn.neighbors import NearestCentroid
from sklearn.neural_network import MLPClassifier, MLPRegressor
from support import same_bits, source_runs

RNG = np.random.default_rng(0)
X = np.abs(RNG.normal(size=(120, 3)))
Y = X[:, 0] + X[:, 1] > 1.5


def fitted(estimator):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(X, Y)


KINDS = [
    LinearDiscriminantAnalysis(),
    QuadraticDiscriminantAnalysis(),
    BayesianRidge(),
    TheilSenRegressor(random_state=0),
    PoissonRegressor(),
    RidgeClassifier(),
    SGDClassifier(loss="modified_huber", random_state=0),
    GaussianNB(),
    MultinomialNB(),
    BernoulliNB(binarize=0.5),
    NearestCentroid(),
    KMeans(3, random_state=0),
    BisectingKMeans(3, random_state=0),
    GaussianMixture(2, random_state=0),
    MLPClassifier(hidden_layer_sizes=(4,), max_iter=5, random_state=0),
    MLPRegressor(hidden_layer_sizes=(6, 5), max_iter=5, random_state=0),
]


@pytest.mark.parametrize("estimator", KINDS, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (np.nan, fastscore.MissingValueError),
        (np.inf, fastscore.NonFiniteValueError),
        (-np.inf, fastscore.NonFiniteValueError),
    ],
)
def test_what_the_source_refuses_is_refused(estimator, bad, error):
    source = fitted(estimator)
    model = fastscore.import_model(source)
    rows = X[:50].copy()
    rows[17, 1] = bad
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        source.predict(rows)
    for data in (rows, np.asfortranarray(rows), pa.table(dict(zip("abc", rows.T, strict=True)))):
        with pytest.raises(error, match="17"):
            model.predict(data)
    nulls = model.score(rows, output="margin", missing="propagate")
    assert np.isnan(nulls).reshape(50, -1).all(axis=1).nonzero()[0].tolist() == [17]


@pytest.mark.parametrize("estimator", KINDS, ids=lambda e: type(e).__name__)
def test_containers_and_types_give_the_same_bits(estimator):
    source = fitted(estimator)
    model = fastscore.import_model(source)
    whole = np.round(X * 3)
    whole[:, 2] = whole[:, 2] > 2
    typed = {
        "a": whole[:, 0].astype(np.int16),
        "b": whole[:, 1].astype(np.float32),
        "c": whole[:, 2].astype(bool),
    }
    expected = model.score(whole, output="margin")
    same_bits(model.score(np.asfortranarray(whole), output="margin"), expected)
    same_bits(model.score(whole.astype(np.float32), output="margin"), expected)
    same_bits(model.score(whole[::-1], output="margin")[::-1], expected)
    same_bits(np.asarray(model.score(pd.DataFrame(typed), output="margin")), expected)
    table = pa.table(typed)
    for data in (table, pa.concat_tables([table.slice(0, 70), table.slice(70)])):
        found = model.score(data, output="margin")
        columns = found.columns if isinstance(found, pa.Table) else [found]
        found = np.column_stack([column.to_numpy() for column in columns])
        same_bits(found.reshape(expected.shape), expected)
    for row in (0, 63, 119):
        same_bits(model.score(whole[[row]], output="margin"), expected[[row]])
    assert model.score(whole[:0], output="margin").shape == (0, *expected.shape[1:])


def test_clusters_have_no_classes():
    for source in (KMeans(3, random_state=0), GaussianMixture(2, random_state=0)):
        model = fastscore.import_model(fitted(source))
        assert not hasattr(model, "classes_")
        assert model.predict(X).dtype == source.predict(X).dtype
    assert "transform" in fastscore.import_model(fitted(KMeans(2, random_state=0))).outputs


def test_categories_that_were_not_learnt_are_named():
    x = RNG.integers(0, 4, (80, 2))
    source = CategoricalNB().fit(x, x[:, 0] > 1)
    model = fastscore.import_model(source)
    for bad in (4.0, -1.0, 1e300):
        rows = x[:9].astype(float)
        rows[5, 1] = bad
        with source_runs(), pytest.raises((IndexError, ValueError)):
            source.predict(rows)
        with pytest.raises(fastscore.UnknownCategoryError, match="5"):
            model.predict(rows)


def test_float32_networks_are_float32():
    x = X.astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        source = MLPRegressor(hidden_layer_sizes=(5,), max_iter=5, random_state=0).fit(x, x[:, 0])
    model = fastscore.import_model(source)
    assert model.predict(x).dtype == np.float32
    assert model.predict(X).dtype == np.float32
    np.testing.assert_allclose(model.predict(x), source.predict(x), rtol=1e-5, atol=1e-6)
    with pytest.raises(fastscore.NonFiniteValueError, match="float32"):
        model.predict(np.full((1, 3), 1e39))


@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(1, 90),
    features=st.integers(1, 40),
    outputs=st.integers(1, 9),
    seed=st.integers(0, 2**32 - 1),
    scale=st.integers(-8, 8),
)
def test_any_linear_model_keeps_its_bound(rows, features, outputs, seed, scale):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(60, features))
    data = rng.normal(size=(rows, features)) * 10.0**scale
    regression = LinearRegression().fit(x, rng.normal(size=(60, outputs)))
    labels = np.arange(60) % (outputs + 1)
    classifier = LogisticRegression(max_iter=20)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        classifier.fit(x, labels)
    for source in (regression, classifier):
        with source_runs():
            report = fastscore.import_model(source).verify(data, source=source)
        assert report.ok, report
