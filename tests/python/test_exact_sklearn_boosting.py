"""GradientBoosting* against scikit-learn: margins and leaves to the bit."""

import fastscore
import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.tree import DecisionTreeRegressor
from sklearn_checks import awkward, check, classes_of, table
from support import FLOAT32_MAX, same_bits, source_runs

X, SCORE = table()
EPS = np.finfo(np.float64).eps
SMALL = {"n_estimators": 6, "random_state": 0}


def rows(model):
    return awkward(model, X, (FLOAT32_MAX, -FLOAT32_MAX))


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "quantile"])
def test_regression(loss):
    model = check(GradientBoostingRegressor(loss=loss, **SMALL).fit(X, SCORE), rows)
    same_bits(model.margin(X), model.predict(X))


@pytest.mark.parametrize(
    "init",
    [
        "zero",
        DummyRegressor(strategy="constant", constant=3.7),
        DummyRegressor(strategy="median"),
        DecisionTreeRegressor(max_depth=3),
        RandomForestRegressor(3, random_state=0),
        HistGradientBoostingRegressor(max_iter=3, loss="poisson"),
        BaggingRegressor(n_estimators=3, max_features=0.6, random_state=0),
        AdaBoostRegressor(n_estimators=4, random_state=0),
        GradientBoostingRegressor(n_estimators=3, init=DecisionTreeRegressor(max_depth=1)),
    ],
    ids=lambda init: getattr(type(init), "__name__", init),
)
def test_regression_starts_from(init):
    y = SCORE - SCORE.min()
    estimator = GradientBoostingRegressor(init=init, **SMALL).fit(X, y)
    if isinstance(init, HistGradientBoostingRegressor):
        model = fastscore.import_model(estimator)
        assert model.verify(rows(model)).ok
        with source_runs():
            expected = estimator.predict(rows(model))
        np.testing.assert_allclose(model.predict(rows(model)), expected, rtol=1e-14)
    else:
        check(estimator, rows)


def test_regression_starts_from_a_linear_model():
    """It computes in float32, as its rows are: within 1e-6 of sum |coefficient x value|."""
    estimator = GradientBoostingRegressor(init=LinearRegression(), **SMALL).fit(X, SCORE)
    model = fastscore.import_model(estimator)
    assert model.verify(X).ok
    np.testing.assert_allclose(model.predict(X), estimator.predict(X), rtol=1e-5, atol=1e-5)
    same_bits(model.leaf_index(X), estimator.apply(X).astype(np.int32))


@pytest.mark.parametrize("n_classes", [2, 3, 5, 10])
@pytest.mark.parametrize("init", [None, "zero", DummyClassifier(strategy="most_frequent")])
def test_classification(n_classes, init):
    estimator = GradientBoostingClassifier(init=init, **SMALL).fit(X, classes_of(SCORE, n_classes))
    check(estimator, rows, probability=2 if n_classes == 2 else 4)


def test_exponential_loss():
    estimator = GradientBoostingClassifier(loss="exponential", **SMALL)
    check(estimator.fit(X, SCORE > 1), rows)


@pytest.mark.parametrize("loss", ["log_loss", "exponential"])
@pytest.mark.parametrize(
    "init",
    [
        RandomForestClassifier(3, random_state=0),
        BaggingClassifier(n_estimators=3, random_state=0),
        HistGradientBoostingClassifier(max_iter=3),
    ],
    ids=lambda init: type(init).__name__,
)
def test_two_classes_start_from(loss, init):
    """Through a logarithm: margins are not equal to the bit, but within its rounding."""
    y = classes_of(SCORE, 2)
    estimator = GradientBoostingClassifier(loss=loss, init=init, **SMALL).fit(X, y)
    model = fastscore.import_model(estimator)
    x = rows(model)
    assert model.verify(x).ok
    with source_runs():
        np.testing.assert_array_equal(model.predict(x), estimator.predict(x))
        np.testing.assert_allclose(model.margin(x), estimator.decision_function(x), atol=1e-12)


@pytest.mark.parametrize("n_classes", [3, 4, 9, 17])
def test_several_classes_start_from_a_forest(n_classes):
    """Through NumPy's logarithm and exponential, whose bits depend on the processor."""
    init = RandomForestClassifier(7, random_state=0)
    estimator = GradientBoostingClassifier(init=init, **SMALL).fit(X, classes_of(SCORE, n_classes))
    model = fastscore.import_model(estimator)
    x = rows(model)
    assert model.verify(x).ok
    with source_runs():
        np.testing.assert_array_equal(model.predict(x), estimator.predict(x))
        theirs = estimator.decision_function(x)
        shares = np.clip(estimator.init_.predict_proba(x.astype(np.float32)), EPS, 1 - EPS)
    bound = 8 * EPS * (1 + np.abs(np.log(shares)).max(axis=1, keepdims=True))
    assert (np.abs(model.margin(x) - theirs) <= bound).all()


@pytest.mark.parametrize(
    "init",
    [
        LogisticRegression(max_iter=5000),
        DummyClassifier(strategy="stratified", random_state=0),
    ],
    ids=lambda init: type(init).__name__,
)
def test_starts_that_are_refused(init):
    """A logarithm of float32 probabilities, and chance."""
    estimator = GradientBoostingClassifier(init=init, **SMALL).fit(X, classes_of(SCORE, 2))
    with pytest.raises(fastscore.UnsupportedModelError, match="GradientBoostingClassifier: init"):
        fastscore.import_model(estimator)


def test_a_start_with_categories():
    """They are matched after the rounding to float32 that the ensemble does."""
    x = X.copy()
    x[:, 4] = np.random.default_rng(0).choice([0.1, 1 / 3, 2.0, 7.0], len(x))
    init = HistGradientBoostingRegressor(max_iter=2, min_samples_leaf=2, categorical_features=[4])
    estimator = GradientBoostingRegressor(init=init, **SMALL).fit(x, SCORE)
    strange = x.copy()
    strange[::2, 4] = np.random.default_rng(1).choice([0.1, 0.25, float(np.float32(0.1))], 150)
    check(estimator, np.r_[x, strange])


def test_a_margin_of_zero_is_the_second_class():
    x = np.array([[0.0], [1.0], [2.0], [3.0]])
    y = np.array(["no", "yes", "no", "yes"])
    estimator = GradientBoostingClassifier(n_estimators=1, max_depth=1, min_samples_leaf=2)
    estimator.fit(x, y)
    assert (estimator.decision_function(x) == 0).any()
    check(estimator, x)


@pytest.mark.parametrize(
    "parameters",
    [
        {"max_depth": 1},
        {"max_depth": None, "min_samples_leaf": 5},
        {"n_estimators": 1},
        {"subsample": 0.5, "max_features": 2},
        {"learning_rate": 1e-3},
        {"n_iter_no_change": 2, "n_estimators": 30},
    ],
)
def test_parameters(parameters):
    estimator = GradientBoostingClassifier(**(SMALL | parameters)).fit(X, classes_of(SCORE, 3))
    check(estimator, rows, probability=4)


def test_constant_target():
    check(GradientBoostingRegressor(**SMALL).fit(X, np.full(len(X), 2.5)), X)


@pytest.mark.parametrize("load", [load_breast_cancer, load_wine, load_diabetes])
def test_real_data(load):
    x, y = load(return_X_y=True)
    kind = GradientBoostingRegressor if load is load_diabetes else GradientBoostingClassifier
    estimator = kind(n_estimators=10, random_state=0).fit(x, y)
    model = check(estimator, lambda model: awkward(model, x), probability=4)
    assert model.verify(x).ok


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (np.nan, fastscore.MissingValueError),
        (np.inf, fastscore.NonFiniteValueError),
        (2 * FLOAT32_MAX, fastscore.NonFiniteValueError),
    ],
)
def test_refuses_what_the_source_refuses(bad, error):
    estimator = GradientBoostingRegressor(**SMALL).fit(X, SCORE)
    x = X.copy()
    x[3, 1] = bad
    with pytest.raises(ValueError), source_runs():  # noqa: PT011
        estimator.predict(x)
    with pytest.raises(error):
        fastscore.import_model(estimator).predict(x)
