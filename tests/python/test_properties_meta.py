"""Random meta-estimators over random members, nested in each other, equal scikit-learn."""

import warnings

import fastscore
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    BaggingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import (
    ClassifierChain,
    MultiOutputClassifier,
    MultiOutputRegressor,
    RegressorChain,
)
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn_checks import awkward
from support import same_bits, source_runs

VALUES = [-1e30, -2.5, -1.0, -1e-40, -0.0, 0.0, 5e-324, 0.1, 1 / 3, 1.0, 2.0**24 + 1, 1e30]
SETTINGS = settings(
    max_examples=50,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
PROBABILITY_ULPS = 16
"""Nested sums and quotients of probabilities that are each within 2 to 4."""


@st.composite
def data(draw):
    """Rows of few distinct values, many of them equal, and numbers to make targets of."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, m = draw(st.integers(12, 40)), draw(st.integers(1, 4))
    pool = rng.choice(VALUES, draw(st.integers(1, len(VALUES))))
    x = np.where(rng.random((n, m)) < 0.5, rng.choice(pool, (n, m)), rng.normal(size=(n, m)))
    return x, rng


def leaf_classifiers():
    seeds = st.integers(0, 5)
    return st.one_of(
        st.builds(DecisionTreeClassifier, max_depth=st.integers(1, 4), random_state=seeds),
        st.builds(
            RandomForestClassifier, st.integers(1, 3), max_depth=st.just(3), random_state=seeds
        ),
        st.builds(
            HistGradientBoostingClassifier,
            max_iter=st.integers(1, 3),
            min_samples_leaf=st.just(2),
            early_stopping=st.just(False),
        ),
        st.builds(DummyClassifier, strategy=st.sampled_from(["prior", "most_frequent"])),
    )


def leaf_regressors():
    seeds = st.integers(0, 5)
    return st.one_of(
        st.builds(DecisionTreeRegressor, max_depth=st.integers(1, 4), random_state=seeds),
        st.builds(
            RandomForestRegressor, st.integers(1, 3), max_depth=st.just(3), random_state=seeds
        ),
        st.builds(
            HistGradientBoostingRegressor,
            max_iter=st.integers(1, 3),
            min_samples_leaf=st.just(2),
            early_stopping=st.just(False),
        ),
        st.builds(DummyRegressor),
    )


def named(members):
    return [(f"m{at}", member) for at, member in enumerate(members)]


def classifiers_over(inner):
    few = st.lists(inner, min_size=1, max_size=3)
    probable = st.lists(
        inner.filter(lambda each: hasattr(each, "predict_proba")), min_size=1, max_size=3
    )
    return st.one_of(
        st.builds(
            lambda members, weights: VotingClassifier(
                named(members), weights=None if weights is None else weights[: len(members)]
            ),
            few,
            st.none() | st.lists(st.floats(0.1, 4), min_size=3, max_size=3),
        ),
        st.builds(
            lambda members, weights: VotingClassifier(
                named(members),
                voting="soft",
                weights=None if weights is None else weights[: len(members)],
            ),
            probable,
            st.none() | st.lists(st.integers(1, 5), min_size=3, max_size=3),
        ),
        st.builds(
            lambda members, last, passthrough, method: StackingClassifier(
                named(members), last, cv=2, passthrough=passthrough, stack_method=method
            ),
            few,
            st.builds(DecisionTreeClassifier, max_depth=st.integers(1, 4), random_state=st.just(0)),
            st.booleans(),
            st.sampled_from(["auto", "predict"]),
        ),
        st.builds(
            lambda member, method, ensemble: CalibratedClassifierCV(
                member, method=method, cv=2, ensemble=ensemble
            ),
            inner.filter(lambda each: hasattr(each, "predict_proba")),
            st.sampled_from(["sigmoid", "isotonic"]),
            st.booleans(),
        ),
        st.builds(OneVsRestClassifier, inner.filter(lambda each: hasattr(each, "predict_proba"))),
        st.builds(OneVsOneClassifier, inner.filter(lambda each: hasattr(each, "predict_proba"))),
        st.builds(
            OutputCodeClassifier,
            inner.filter(lambda each: hasattr(each, "predict_proba")),
            code_size=st.sampled_from([1.0, 2.5]),
            random_state=st.just(0),
        ),
        st.builds(lambda member: GridSearchCV(member, {}, cv=2), inner),
        st.builds(
            lambda member, features: BaggingClassifier(
                member, 2, max_features=features, random_state=0
            ),
            inner,
            st.sampled_from([0.6, 1.0]),
        ),
        st.builds(lambda member: AdaBoostClassifier(member, n_estimators=2, random_state=0), inner),
    )


def regressors_over(inner):
    few = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        st.builds(
            lambda members, weights: VotingRegressor(
                named(members), weights=None if weights is None else weights[: len(members)]
            ),
            few,
            st.none() | st.lists(st.floats(0.1, 4), min_size=3, max_size=3),
        ),
        st.builds(
            lambda members, last, passthrough: StackingRegressor(
                named(members), last, cv=2, passthrough=passthrough
            ),
            few,
            st.builds(DecisionTreeRegressor, max_depth=st.integers(1, 4), random_state=st.just(0)),
            st.booleans(),
        ),
        st.builds(
            lambda member, scaler: TransformedTargetRegressor(member, transformer=scaler),
            inner,
            st.sampled_from(
                [None, StandardScaler(), MinMaxScaler(), MaxAbsScaler(), RobustScaler()]
            ),
        ),
        st.builds(lambda member: GridSearchCV(member, {}, cv=2), inner),
        st.builds(
            lambda member, features: BaggingRegressor(
                member, 2, max_features=features, random_state=0
            ),
            inner,
            st.sampled_from([0.6, 1.0]),
        ),
    )


CLASSIFIERS = classifiers_over(leaf_classifiers()) | classifiers_over(
    classifiers_over(leaf_classifiers())
)
REGRESSORS = regressors_over(leaf_regressors()) | regressors_over(
    regressors_over(leaf_regressors())
)


def fitted(estimator, x, y):
    """None where scikit-learn itself can't fit these rows."""
    try:
        with source_runs(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return estimator.fit(x, y)
    except (ValueError, AttributeError, IndexError, TypeError, NotImplementedError):
        return None


def scored(estimator, method, rows):
    """What scikit-learn gives; None where it has no such method, or fails in it."""
    if not hasattr(estimator, method):
        return None
    try:
        with source_runs(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return getattr(estimator, method)(rows)
    except (AttributeError, IndexError, ValueError):
        return None


def compare(estimator, x):
    """Every output; numbers within few ulps, labels equal but where the source's scores tie."""
    model = fastscore.import_model(estimator)
    rows = awkward(model, x, rows=60)
    expected = scored(estimator, "predict", rows)
    if expected is None:
        return
    shares = scored(estimator, "predict_proba", rows)
    if shares is not None:
        close(model.predict_proba(rows), shares)
    decisions = scored(estimator, "decision_function", rows)
    if decisions is not None:
        close(model.margin(rows), decisions)
    found = model.predict(rows)
    assert found.shape == expected.shape
    if expected.dtype.kind == "f":
        close(found, expected)
        return
    scores = decisions if decisions is not None else shares
    ties = np.zeros(len(rows), dtype=bool)
    if scores is not None and np.ndim(scores) == 2 and np.shape(scores)[1] > 1:
        best = np.sort(scores, axis=1)[:, -2:]
        ties = best[:, 1] - best[:, 0] <= 1e-12
    elif scores is not None and np.ndim(scores) == 1:
        ties = np.abs(scores) <= 1e-12
    np.testing.assert_array_equal(found[~ties], expected[~ties])


def close(found, expected):
    """A probability is within ulps of the larger of two, 1 - p having p's rounding."""
    found, expected = np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
    assert found.shape == expected.shape
    size = np.abs(expected)
    if expected.ndim == 2:
        size = np.maximum(size, size.max(axis=1, keepdims=True))
    equal = (found == expected) | (np.isnan(found) & np.isnan(expected))
    assert (equal | (np.abs(found - expected) <= PROBABILITY_ULPS * np.spacing(size))).all()


@SETTINGS
@given(data(), CLASSIFIERS, st.integers(2, 4), st.sampled_from(["int", "text", "bool"]))
def test_classifiers(table, estimator, count, kind):
    x, rng = table
    y = rng.integers(0, count, len(x))
    if kind == "text":
        y = np.array(["low", "high", "mid", "none"])[y]
    elif kind == "bool":
        y = y > 0
    if len(set(y.tolist())) < 2 or fitted(estimator, x, y) is None:
        return
    compare(estimator, x)


@SETTINGS
@given(data(), REGRESSORS, st.sampled_from([1.0, -1e-3, 1e9]))
def test_regressors(table, estimator, scale):
    x, rng = table
    if fitted(estimator, x, scale * rng.normal(size=len(x))) is not None:
        compare(estimator, x)


@SETTINGS
@given(data(), leaf_classifiers(), st.floats(0, 1), st.sampled_from([None, 0, 1]))
def test_thresholds(table, member, threshold, positive):
    x, rng = table
    y = rng.integers(0, 2, len(x))
    estimator = FixedThresholdClassifier(member, threshold=threshold, pos_label=positive)
    if len(set(y.tolist())) < 2 or fitted(estimator, x, y) is None:
        return
    model = fastscore.import_model(estimator)
    rows = awkward(model, x, rows=60)
    shares = estimator.predict_proba(rows)[:, 1]
    ties = np.abs((1 - shares if positive == 0 else shares) - threshold) <= 1e-15
    np.testing.assert_array_equal(model.predict(rows)[~ties], estimator.predict(rows)[~ties])


@SETTINGS
@given(data(), leaf_classifiers(), st.permutations(range(3)), st.booleans(), st.integers(2, 3))
def test_several_labels(table, member, order, chained, count):
    x, rng = table
    y = rng.integers(0, count, (len(x), 3))
    estimator = (
        ClassifierChain(member, order=list(order)) if chained else MultiOutputClassifier(member)
    )
    if any(len(set(column)) < 2 for column in y.T) or fitted(estimator, x, y) is None:
        return
    model = fastscore.import_model(estimator)
    rows = awkward(model, x, rows=60)
    with source_runs():
        np.testing.assert_array_equal(model.predict(rows), estimator.predict(rows))


@SETTINGS
@given(data(), leaf_regressors(), st.permutations(range(3)), st.booleans())
def test_several_targets(table, member, order, chained):
    x, rng = table
    y = rng.normal(size=(len(x), 3))
    estimator = (
        RegressorChain(member, order=list(order)) if chained else MultiOutputRegressor(member)
    )
    if fitted(estimator, x, y) is None:
        return
    model = fastscore.import_model(estimator)
    rows = awkward(model, x, rows=60)
    with source_runs():
        same_bits(model.predict(rows), np.ascontiguousarray(estimator.predict(rows)))
