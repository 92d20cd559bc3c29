"""Bagging* and AdaBoost* against scikit-learn, over bases of every kind."""

import fastscore
import lightgbm as lgb
import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier
from sklearn_checks import awkward, check, classes_of, table
from support import FLOAT32_MAX, same_bits, source_runs

X, SCORE = table()
HOLES, _ = table(missing=True)
EVEN = X / X.std(axis=0)
FEW = {"n_estimators": 4, "random_state": 0}
SUBSETS = [{}, {"max_features": 0.6}, {"max_features": 3, "bootstrap_features": True}]


def rows(model):
    return awkward(model, X)


def forest_steps(model):
    return [step["op"] for step in model._structure["steps"]].count("forest")


# --- bagging


@pytest.mark.parametrize(
    "base",
    [
        DecisionTreeRegressor(max_depth=3),
        RandomForestRegressor(2),
        BaggingRegressor(n_estimators=2, max_features=1),
        HistGradientBoostingRegressor(max_iter=2),
        AdaBoostRegressor(n_estimators=2),
    ],
    ids=lambda base: type(base).__name__,
)
@pytest.mark.parametrize(
    ("refused", "error"),
    [(np.nan, fastscore.MissingValueError), (np.inf, fastscore.NonFiniteValueError)],
)
def test_bagging_checks_the_features_that_its_members_get(base, refused, error):
    """Of features that no member gets it looks at nothing."""
    estimator = BaggingRegressor(base, n_estimators=2, max_features=2, random_state=3).fit(X, SCORE)
    model = fastscore.import_model(estimator)
    for column in range(X.shape[1]):
        x = X.copy()
        x[5, column] = refused
        try:
            expected = estimator.predict(x)
        except ValueError:
            with pytest.raises(error):
                model.predict(x)
        else:
            same_bits(model.predict(x), expected)


@pytest.mark.parametrize("subset", SUBSETS, ids=str)
@pytest.mark.parametrize("n_classes", [1, 2, 4])
def test_bagging_of_trees(subset, n_classes):
    y = np.zeros(len(X)) if n_classes == 1 else classes_of(SCORE, n_classes)
    model = check(BaggingClassifier(**FEW, **subset).fit(X, y), rows, probability=0)
    assert forest_steps(model) == 1


@pytest.mark.parametrize("subset", SUBSETS, ids=str)
@pytest.mark.parametrize(
    "base",
    [
        RandomForestClassifier(3),
        ExtraTreesClassifier(3),
        GradientBoostingClassifier(n_estimators=3),
        GradientBoostingClassifier(n_estimators=2, init=RandomForestClassifier(2)),
        HistGradientBoostingClassifier(max_iter=3),
        AdaBoostClassifier(n_estimators=3),
        BaggingClassifier(n_estimators=3, max_features=2),
        BaggingClassifier(ExtraTreesClassifier(2), n_estimators=2),
        lgb.LGBMClassifier(n_estimators=3, min_child_samples=5, verbose=-1, n_jobs=1),
    ],
    ids=lambda base: type(base).__name__,
)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_bagging_of_classifiers(base, subset, n_classes):
    started = getattr(base, "init", None) is not None
    if started and n_classes > 2:
        pytest.skip("its margins go through logarithms")
    with source_runs():
        estimator = BaggingClassifier(base, **FEW, **subset).fit(X, classes_of(SCORE, n_classes))
    check(estimator, rows, probability=4, margin=4 if started else 0)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_bagging_of_linear_models(n_classes):
    y = classes_of(SCORE, n_classes)
    estimator = BaggingClassifier(LogisticRegression(), max_features=0.6, **FEW).fit(EVEN, y)
    model = fastscore.import_model(estimator)
    assert model.verify(EVEN).ok
    np.testing.assert_array_equal(model.predict(EVEN), estimator.predict(EVEN))
    np.testing.assert_allclose(model.predict_proba(EVEN), estimator.predict_proba(EVEN), rtol=1e-12)
    np.testing.assert_allclose(model.margin(EVEN), estimator.decision_function(EVEN), rtol=1e-11)


def missing_a_class(base):
    """Bagging whose first estimator never saw the last class, as where rows are drawn."""
    y = classes_of(SCORE, 3)
    estimator = BaggingClassifier(base, **FEW).fit(X, y)
    codes = np.searchsorted(estimator.classes_, y)
    estimator.estimators_[0].fit(X[codes < 2], codes[codes < 2])
    return estimator


@pytest.mark.parametrize("base", [None, RandomForestClassifier(3)], ids=["trees", "forests"])
def test_bagging_where_some_estimators_miss_a_class(base):
    check(missing_a_class(base), rows, probability=0)


def test_bagging_where_decision_function_fails():
    estimator = missing_a_class(GradientBoostingClassifier(n_estimators=2))
    model = fastscore.import_model(estimator)
    assert "decision_function fails" in repr(model)
    np.testing.assert_allclose(model.predict_proba(X), estimator.predict_proba(X), rtol=1e-14)
    assert model.verify(X).ok


def test_bagging_of_categories_that_the_estimators_saw_in_part():
    """Numbers are looked up; each estimator takes those that it did not see as missing."""
    rng = np.random.default_rng(0)
    x = np.c_[rng.integers(0, 40, 300) * 2.5, X[:, :2], rng.integers(0, 5, 300)]
    y = (rng.normal(size=40)[(x[:, 0] / 2.5).astype(int)] + x[:, 1] > 0).astype(int)
    base = HistGradientBoostingClassifier(
        categorical_features=[0, 3], max_iter=5, min_samples_leaf=3
    )
    estimator = BaggingClassifier(base, max_samples=0.2, **FEW).fit(x, y)
    strange = x.copy()
    strange[::3, 0] = rng.choice([-1, 1.0, 1e9, np.nan, 97.5], len(x[::3]))
    model = check(estimator, np.r_[x, strange])
    assert [feature.type for feature in model.features] == ["number"] * 4


def test_a_feature_that_is_a_number_for_some_and_a_category_for_others():
    base = HistGradientBoostingClassifier(categorical_features=[1], max_iter=5, min_samples_leaf=3)
    x = np.round(np.abs(X) % 7)
    estimator = BaggingClassifier(base, max_features=3, **FEW).fit(x, classes_of(SCORE, 2))
    strange = np.where(np.random.default_rng(0).random(x.shape) < 0.2, np.nan, x + 0.5)
    check(estimator, np.r_[x, strange])


@pytest.mark.parametrize("subset", SUBSETS, ids=str)
@pytest.mark.parametrize(
    "base",
    [
        None,
        RandomForestRegressor(3),
        GradientBoostingRegressor(n_estimators=3),
        HistGradientBoostingRegressor(max_iter=3),
        AdaBoostRegressor(n_estimators=3),
        BaggingRegressor(n_estimators=2),
        lgb.LGBMRegressor(n_estimators=3, min_child_samples=5, verbose=-1, n_jobs=1),
    ],
    ids=lambda base: type(base).__name__,
)
def test_bagging_of_regressors(base, subset):
    check(BaggingRegressor(base, **FEW, **subset).fit(X, SCORE), rows)


@pytest.mark.parametrize("base", [None, RandomForestRegressor(2)], ids=["trees", "forests"])
def test_bagging_of_several_outputs(base):
    y = np.c_[SCORE, X[:, 0], -SCORE]
    check(BaggingRegressor(base, max_features=0.6, **FEW).fit(X, y), rows)


def test_bagging_of_linear_regressors():
    estimator = BaggingRegressor(Ridge(), max_features=0.6, **FEW).fit(X, SCORE)
    model = fastscore.import_model(estimator)
    assert model.verify(X).ok
    np.testing.assert_allclose(model.predict(X), estimator.predict(X), rtol=1e-11)


@pytest.mark.parametrize(
    ("base", "missing", "infinite"),
    [
        (DecisionTreeClassifier(), True, False),
        (ExtraTreeClassifier(), True, False),
        (HistGradientBoostingClassifier(max_iter=2), True, True),
        (LogisticRegression(), False, False),
        (GradientBoostingClassifier(n_estimators=2), False, False),
    ],
    ids=lambda base: type(base).__name__,
)
def test_bagging_refuses_what_its_estimators_refuse(base, missing, infinite):
    estimator = BaggingClassifier(base, **FEW).fit(X, classes_of(SCORE, 2))
    model = fastscore.import_model(estimator)
    for bad, accepted in ((np.nan, missing), (np.inf, infinite)):
        x = X.copy()
        x[::7, 1] = bad
        if accepted:
            check(estimator, x)
            continue
        with pytest.raises(ValueError), source_runs():  # noqa: PT011
            estimator.predict(x)
        with pytest.raises((fastscore.MissingValueError, fastscore.NonFiniteValueError)):
            model.predict(x)


# --- AdaBoost


@pytest.mark.parametrize("n_classes", [1, 2, 3, 5])
@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("learning_rate", [1.0, 0.3])
def test_adaboost_of_trees(n_classes, depth, learning_rate):
    y = np.zeros(len(X)) if n_classes == 1 else classes_of(SCORE, n_classes)
    estimator = AdaBoostClassifier(
        DecisionTreeClassifier(max_depth=depth),
        n_estimators=12,
        learning_rate=learning_rate,
        random_state=0,
    ).fit(X, y)
    model = fastscore.import_model(estimator)
    x = rows(model)
    with source_runs():
        margin = estimator.decision_function(x)
    same_bits(model.margin(x), margin.ravel() if n_classes == 1 else margin)
    np.testing.assert_array_equal(model.predict(x), estimator.predict(x))
    with source_runs():
        np.testing.assert_allclose(model.predict_proba(x), estimator.predict_proba(x), rtol=1e-15)
    assert forest_steps(model) == 1
    assert n_classes == 1 or model.verify(x).ok


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(
    "base",
    [
        LogisticRegression(),
        RandomForestClassifier(2),
        GradientBoostingClassifier(n_estimators=2),
        HistGradientBoostingClassifier(max_iter=2),
        BaggingClassifier(n_estimators=2),
    ],
    ids=lambda base: type(base).__name__,
)
def test_adaboost_of_classifiers(base, n_classes):
    linear = isinstance(base, LogisticRegression)
    estimator = AdaBoostClassifier(base, **FEW)
    estimator.fit(EVEN if linear else X, classes_of(SCORE, n_classes))
    check(estimator, EVEN if linear else rows)


def test_adaboost_keeps_labels_of_any_type():
    y = np.array(["no", "yes", "ä"], dtype=object)[np.searchsorted([-1, 2], classes_of(SCORE, 3))]
    for base in (None, RandomForestClassifier(2)):
        check(AdaBoostClassifier(base, **FEW).fit(X, y), rows)


def test_samme_r_of_older_versions():
    """Its object says so still; its sums are those of scikit-learn 1.5."""
    for n_classes in (2, 3):
        estimator = AdaBoostClassifier(DecisionTreeClassifier(max_depth=2), **FEW)
        estimator.fit(X, classes_of(SCORE, n_classes))
        estimator.algorithm = "SAMME.R"
        estimator.estimator_weights_ = np.ones(4)
        total = 0
        for member in estimator.estimators_:
            logs = np.log(np.clip(member.predict_proba(X), np.finfo(float).eps, None))
            mean = (1.0 / n_classes) * logs.sum(axis=1)[:, np.newaxis]
            total = total + (n_classes - 1) * (logs - mean)
        total /= 4.0
        if n_classes == 2:
            total[:, 0] *= -1
            total = total.sum(axis=1)
        model = fastscore.import_model(estimator)
        same_bits(model.margin(X), total)
        assert "SAMME.R" in repr(model)


def test_samme_r_of_other_bases_is_refused():
    estimator = AdaBoostClassifier(LogisticRegression(), **FEW).fit(X, classes_of(SCORE, 2))
    estimator.algorithm = "SAMME.R"
    with pytest.raises(fastscore.UnsupportedModelError, match=r"SAMME\.R"):
        fastscore.import_model(estimator)


@pytest.mark.parametrize("loss", ["linear", "square", "exponential"])
@pytest.mark.parametrize(
    "base",
    [
        None,
        RandomForestRegressor(2),
        GradientBoostingRegressor(n_estimators=2),
        BaggingRegressor(n_estimators=2),
    ],
    ids=lambda base: type(base).__name__,
)
def test_adaboost_regression(base, loss):
    """The weighted median: equal predictions may be summed in another order by NumPy's sort."""
    check(AdaBoostRegressor(base, n_estimators=8, loss=loss, random_state=0).fit(X, SCORE), rows)


def test_adaboost_of_linear_regressors():
    estimator = AdaBoostRegressor(LinearRegression(), **FEW).fit(X, SCORE)
    model = fastscore.import_model(estimator)
    assert model.verify(X).ok
    np.testing.assert_allclose(model.predict(X), estimator.predict(X), rtol=1e-11)


@pytest.mark.parametrize("kind", [AdaBoostClassifier, AdaBoostRegressor])
@pytest.mark.parametrize("bad", [np.nan, np.inf, 2 * FLOAT32_MAX])
def test_adaboost_refuses_what_the_source_refuses(kind, bad):
    """It checks its rows itself, whatever its trees take."""
    y = SCORE if kind is AdaBoostRegressor else classes_of(SCORE, 2)
    estimator = kind(**FEW).fit(X, y)
    x = X.copy()
    x[5, 1] = bad
    with pytest.raises(ValueError), source_runs():  # noqa: PT011
        estimator.predict(x)
    with pytest.raises((fastscore.MissingValueError, fastscore.NonFiniteValueError)):
        fastscore.import_model(estimator).predict(x)


# --- refusals, real data


def test_what_an_ensemble_holds_is_named():
    from sklearn.neighbors import KNeighborsClassifier

    estimator = BaggingClassifier(KNeighborsClassifier(), **FEW).fit(X, classes_of(SCORE, 2))
    with pytest.raises(
        fastscore.UnsupportedModelError, match=r"BaggingClassifier: .*KNeighborsClassifier"
    ):
        fastscore.import_model(estimator)


@pytest.mark.parametrize("load", [load_breast_cancer, load_wine, load_diabetes])
def test_real_data(load):
    x, y = load(return_X_y=True)
    if load is load_diabetes:
        kinds = [BaggingRegressor, AdaBoostRegressor]
    else:
        kinds = [BaggingClassifier, AdaBoostClassifier]
    for kind in kinds:
        estimator = kind(n_estimators=8, random_state=0).fit(x, y)
        assert check(estimator, lambda model: awkward(model, x)).verify(x).ok


def test_float_regressors_of_trees_keep_their_bits():
    estimator = AdaBoostRegressor(DecisionTreeRegressor(max_depth=2), **FEW).fit(X, -SCORE)
    check(estimator, rows)


def test_a_single_class_has_one_column_of_zeros_as_margin():
    """The source gives `(n, 1)`; one value a row is `(n,)` here."""
    estimator = AdaBoostClassifier(**FEW).fit(X, np.full(len(X), "only"))
    model = fastscore.import_model(estimator)
    same_bits(model.margin(X), estimator.decision_function(X)[:, 0])
    same_bits(model.predict_proba(X), estimator.predict_proba(X))
    assert model.predict(X).tolist() == estimator.predict(X).tolist()
    assert model.verify(X).ok
