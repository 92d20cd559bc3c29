"""Random small ensembles of every family, on random small data, equal scikit-learn."""

import fastscore
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)
from sklearn_checks import awkward, check
from support import source_runs, ulps

VALUES = [-1e30, -2.5, -1.0, -1e-40, -0.0, 0.0, 5e-324, 0.1, 1 / 3, 1.0, 2.0**24 + 1, 1e30]


@st.composite
def data(draw):
    """Rows of few distinct values, many of them equal, and a target on them."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, m = draw(st.integers(4, 40)), draw(st.integers(1, 5))
    pool = rng.choice(VALUES, draw(st.integers(1, len(VALUES))))
    x = np.where(rng.random((n, m)) < 0.5, rng.choice(pool, (n, m)), rng.normal(size=(n, m)))
    return x, rng.integers(0, 5, n), rng


def members(draw, classifier):
    """A base for bagging and AdaBoost."""
    depth = draw(st.integers(1, 4))
    tree = DecisionTreeClassifier if classifier else DecisionTreeRegressor
    extra = ExtraTreeClassifier if classifier else ExtraTreeRegressor
    forest = RandomForestClassifier if classifier else RandomForestRegressor
    boosted = HistGradientBoostingClassifier if classifier else HistGradientBoostingRegressor
    return draw(
        st.sampled_from(
            [
                tree(max_depth=depth),
                extra(max_depth=depth),
                forest(2, max_depth=depth),
                boosted(max_iter=2, max_depth=depth, min_samples_leaf=2),
            ]
        )
    )


@st.composite
def classifiers(draw):
    seed, depth = draw(st.integers(0, 1000)), draw(st.one_of(st.none(), st.integers(1, 4)))
    own = {"n_estimators": draw(st.integers(1, 6)), "random_state": seed}
    rate = draw(st.sampled_from([1.0, 0.1, 1 / 3]))
    subset = {"max_features": draw(st.sampled_from([1, 0.5, 1.0]))}
    return draw(
        st.sampled_from(
            [
                DecisionTreeClassifier(max_depth=depth, random_state=seed),
                ExtraTreeClassifier(max_depth=depth, random_state=seed),
                RandomForestClassifier(max_depth=depth, **own),
                ExtraTreesClassifier(max_depth=depth, **own),
                GradientBoostingClassifier(max_depth=depth, learning_rate=rate, **own),
                HistGradientBoostingClassifier(
                    max_iter=own["n_estimators"], max_depth=depth, min_samples_leaf=2
                ),
                AdaBoostClassifier(members(draw, True), learning_rate=rate, **own),
                BaggingClassifier(members(draw, True), **subset, **own),
            ]
        )
    )


@st.composite
def regressors(draw):
    seed, depth = draw(st.integers(0, 1000)), draw(st.one_of(st.none(), st.integers(1, 4)))
    own = {"n_estimators": draw(st.integers(1, 6)), "random_state": seed}
    loss = draw(st.sampled_from(["squared_error", "absolute_error", "huber", "quantile"]))
    subset = {"max_features": draw(st.sampled_from([1, 0.5, 1.0]))}
    return draw(
        st.sampled_from(
            [
                DecisionTreeRegressor(max_depth=depth, random_state=seed),
                ExtraTreeRegressor(max_depth=depth, random_state=seed),
                RandomForestRegressor(max_depth=depth, **own),
                ExtraTreesRegressor(max_depth=depth, **own),
                GradientBoostingRegressor(loss=loss, max_depth=depth, **own),
                GradientBoostingRegressor(init=DecisionTreeRegressor(max_depth=2), **own),
                HistGradientBoostingRegressor(max_iter=own["n_estimators"], min_samples_leaf=2),
                AdaBoostRegressor(members(draw, False), **own),
                BaggingRegressor(members(draw, False), **subset, **own),
            ]
        )
    )


def fitted(estimator, x, y):
    """None where scikit-learn itself can't fit these rows."""
    try:
        with source_runs():
            return estimator.fit(x, y)
    except ValueError:
        return None


SETTINGS = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@SETTINGS
@given(data(), classifiers(), st.integers(2, 4))
def test_classifiers(rows, estimator, n_classes):
    x, y, _ = rows
    y = y % n_classes
    if len(set(y.tolist())) < 2 or fitted(estimator, x, y) is None:
        return
    check(estimator, lambda model: awkward(model, x, rows=100), probability=8)


@SETTINGS
@given(data(), regressors(), st.sampled_from([1.0, -1e-3, 1e9]))
def test_regressors(rows, estimator, scale):
    x, y, rng = rows
    target = scale * (y + rng.choice([0.0, 0.1], len(y)))
    if fitted(estimator, x, target) is not None:
        check(estimator, lambda model: awkward(model, x, rows=100))


@SETTINGS
@given(
    data(),
    st.integers(0, 3),
    st.integers(2, 40),
    st.sampled_from([0.0, 0.2]),
    st.integers(1, 6),
)
def test_categories_and_missing_values(rows, classes, highest, holes, iterations):
    x, y, rng = rows
    x = np.column_stack([x, rng.integers(0, highest, len(x)), rng.integers(0, 2, len(x))])
    x[rng.random(x.shape) < holes] = np.nan
    kind = HistGradientBoostingClassifier if classes > 1 else HistGradientBoostingRegressor
    estimator = kind(
        max_iter=iterations,
        min_samples_leaf=1,
        categorical_features=[x.shape[1] - 2, x.shape[1] - 1],
    )
    y = y % classes if classes > 1 else y.astype(float)
    if (classes > 1 and len(set(y.tolist())) < 2) or fitted(estimator, x, y) is None:
        return

    def points(model):
        strange = awkward(model, x, (np.nan,), rows=100)
        strange[:, -2] = rng.choice([np.nan, *range(highest + 3)], len(strange))
        strange[:, -1] = rng.choice([np.nan, 0.0, 1.0], len(strange))
        return strange

    check(estimator, points, probability=8)


@SETTINGS
@given(data(), st.integers(1, 6), st.sampled_from([1, 0.5, 1.0]), st.sampled_from(["auto", 0.2]))
def test_isolation(rows, n_estimators, max_features, contamination):
    x, _, _ = rows
    estimator = IsolationForest(
        n_estimators=n_estimators,
        max_features=max_features,
        contamination=contamination,
        random_state=0,
    )
    if fitted(estimator, x, None) is None:
        return
    model = fastscore.import_model(estimator)
    strange = awkward(model, x, (np.nan, np.inf, 1e300), rows=100)
    with source_runs():
        expected = estimator.score_samples(strange)
    assert ulps(model.score_samples(strange), expected).max() <= 2
