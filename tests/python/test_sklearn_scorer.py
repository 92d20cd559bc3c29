"""`fastscore.sklearn.Scorer`: a scikit-learn estimator by scikit-learn's own checks."""

import pickle
import warnings

import fastscore
import lightgbm as lgb
import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from fastscore.sklearn import Scorer
from polars.testing import assert_frame_equal
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    RandomTreesEmbedding,
)
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils.estimator_checks import check_estimator
from support import same_bits

SMALL = {"n_estimators": 5, "random_state": 0}
ESTIMATORS = [
    LinearRegression(),
    LogisticRegression(),
    RandomForestClassifier(**SMALL),
    GradientBoostingClassifier(**SMALL),
    HistGradientBoostingClassifier(max_iter=5, random_state=0),
    IsolationForest(**SMALL),
    RandomTreesEmbedding(**SMALL, sparse_output=False),
]
ONE_CLASS = "a single class is refused by name, since the source gives it two probabilities"
REFUSED = {
    HistGradientBoostingClassifier: {
        "check_classifiers_one_label": ONE_CLASS,
        "check_fit2d_1sample": ONE_CLASS,
    }
}
"""Checks that a refusal of the importer fails, with the reason."""


@pytest.mark.skipif(
    tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 6), reason="check_estimator's results"
)
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_scikit_learns_checks(estimator):
    """What the estimator itself passes, its scorer passes."""

    def failures(one):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results = check_estimator(one, on_skip=None, on_fail=None)
        assert sum(result["status"] == "passed" for result in results) > 35
        return {
            result["check_name"]: result["exception"]
            for result in results
            if result["status"] == "failed"
        }

    found = failures(Scorer(estimator))
    refused = REFUSED.get(type(estimator), {})
    assert set(refused) <= set(found)
    if len(found) > len(refused):
        assert set(found) - set(failures(estimator)) == set(refused), found


@pytest.fixture(scope="module")
def cancer():
    return load_breast_cancer(return_X_y=True, as_frame=True)


def test_the_estimators_own_results(cancer):
    X, y = cancer
    labels = np.array(["benign", "malignant"])[y]
    for source, methods in [
        (RandomForestClassifier(**SMALL), ["predict", "predict_proba"]),
        (GradientBoostingClassifier(**SMALL), ["predict", "decision_function"]),
    ]:
        source.fit(X, labels)
        scorer = Scorer(source)
        for method in methods:
            for data in (X, X[:1]):
                same_bits(getattr(scorer, method)(data), getattr(source, method)(data))
        np.testing.assert_array_equal(scorer.classes_, source.classes_)
        np.testing.assert_array_equal(scorer.feature_names_in_, source.feature_names_in_)
        assert scorer.n_features_in_ == 30
        assert scorer.score(X, labels) == source.score(X, labels)
        assert is_classifier(scorer)
        assert not is_regressor(scorer)
        polars = scorer.predict(pl.DataFrame({name: X[name].to_numpy() for name in X}))
        same_bits(polars, source.predict(X))


def test_another_estimator_is_another_model(cancer):
    X, y = cancer
    one, other = (DecisionTreeClassifier(max_depth=1).fit(X, labels) for labels in (y, 1 - y))
    scorer = Scorer(one)
    same_bits(scorer.predict(X), one.predict(X))
    again = pickle.loads(pickle.dumps(scorer))
    assert again.model_ is again.model_
    scorer.set_params(estimator=other)
    same_bits(scorer.predict(X), other.predict(X))


def test_scores_are_the_estimators_own():
    X, y = load_iris(return_X_y=True)
    tree = DecisionTreeClassifier(max_depth=1, random_state=0)
    sources = [
        GridSearchCV(tree, {"min_samples_leaf": [9]}, scoring="f1_macro", cv=3),
        make_pipeline(StandardScaler(), tree),
        make_pipeline(StandardScaler(), KMeans(3, n_init=1, random_state=0)),
        MultiOutputClassifier(tree),
    ]
    for source in sources:
        several = isinstance(source, MultiOutputClassifier)
        target = np.column_stack([y, y > 0]) if several else y
        source.fit(X, target)
        assert Scorer(source).score(X, target) == source.score(X, target)
    weights = np.arange(len(y), dtype=float)
    tree.fit(X, y)
    assert Scorer(tree).score(X, y, weights) == tree.score(X, y, weights)


def test_only_what_the_estimator_has(cancer):
    scorer = Scorer(RandomForestClassifier(**SMALL).fit(*cancer))
    assert not hasattr(scorer, "decision_function")
    assert not hasattr(scorer, "transform")
    assert not hasattr(Scorer(LinearRegression()), "predict_proba")
    with pytest.raises(AttributeError, match="transform"):
        scorer.transform(cancer[0])


def test_outliers(cancer):
    X, _ = cancer
    source = IsolationForest(**SMALL).fit(X)
    scorer = Scorer(source)
    same_bits(scorer.predict(X), source.predict(X))
    np.testing.assert_allclose(scorer.score_samples(X), source.score_samples(X), rtol=1e-15)
    np.testing.assert_array_equal(scorer.fit_predict(X), source.predict(X))
    assert scorer.offset_ == source.offset_


def test_transform():
    X, _ = load_iris(return_X_y=True)
    source = RandomTreesEmbedding(**SMALL, sparse_output=False).fit(X)
    same_bits(Scorer(source).transform(X), source.transform(X))
    same_bits(Scorer(source).fit_transform(X), source.transform(X))
    np.testing.assert_array_equal(
        Scorer(source).get_feature_names_out(), source.get_feature_names_out()
    )


def test_fit_clone_and_pickle(cancer):
    X, y = cancer
    scorer = Scorer(RandomForestClassifier(**SMALL))
    with pytest.raises(NotFittedError, match="wrap an estimator that is fitted"):
        scorer.predict(X)
    assert not hasattr(scorer, "classes_")
    assert scorer.fit(X, y, sample_weight=np.ones(len(y))) is scorer
    assert isinstance(scorer.model_, fastscore.Model)
    again = pickle.loads(pickle.dumps(scorer))
    same_bits(again.predict_proba(X), scorer.predict_proba(X))
    same_bits(pickle.loads(pickle.dumps(Scorer(scorer.estimator_))).predict(X), scorer.predict(X))
    fresh = clone(scorer)
    with pytest.raises(NotFittedError):
        fresh.predict(X)
    assert fresh.get_params()["estimator__n_estimators"] == 5
    scorer.set_params(estimator__n_estimators=3).fit(X, y)
    assert len(scorer.estimator_.estimators_) == 3
    assert scorer.model_.leaf_index(X).shape == (len(X), 3)


def test_in_scikit_learns_tools():
    X, y = load_diabetes(return_X_y=True)
    plain = make_pipeline(StandardScaler(), RandomForestRegressor(**SMALL))
    fast = make_pipeline(StandardScaler(), Scorer(RandomForestRegressor(**SMALL)))
    same_bits(cross_val_predict(fast, X, y, cv=3), cross_val_predict(plain, X, y, cv=3))
    grid = {"estimator__max_depth": [2, 4]}
    search = GridSearchCV(Scorer(RandomForestRegressor(**SMALL)), grid, cv=3).fit(X, y)
    due = GridSearchCV(RandomForestRegressor(**SMALL), {"max_depth": [2, 4]}, cv=3).fit(X, y)
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"], due.cv_results_["mean_test_score"]
    )


def test_columns_as_scikit_learn_checks_them(cancer):
    X, y = cancer
    scorer = Scorer(RandomForestClassifier(**SMALL).fit(X, y))
    with pytest.raises(ValueError, match="Feature names must be in the same order"):
        scorer.predict(X[X.columns[::-1]])
    nameless = pytest.warns(UserWarning, match="X does not have valid feature names")
    with nameless, pytest.raises(ValueError, match="29 features, but Scorer is expecting 30"):
        scorer.predict(X.to_numpy()[:, 1:])
    with nameless:
        scorer.predict(X.to_numpy())
    with pytest.raises(ValueError, match="Reshape your data"):
        scorer.predict(X.to_numpy()[0])


def test_what_cannot_be_imported_is_refused_by_name():
    from sklearn.neighbors import KNeighborsClassifier

    X, y = load_iris(return_X_y=True)
    with pytest.raises(fastscore.UnsupportedModelError, match="KNeighborsClassifier"):
        Scorer(KNeighborsClassifier()).fit(X, y)
    with pytest.raises(fastscore.UnsupportedModelError, match="KNeighborsClassifier"):
        Scorer(KNeighborsClassifier().fit(X, y)).predict(X)


def test_pandas_labels_keep_their_dtype(cancer):
    X, y = cancer
    categories = pd.Series(np.where(y, "yes", "no"), index=y.index)
    source = DecisionTreeClassifier(random_state=0).fit(X, categories)
    found = Scorer(source).predict(X)
    assert found.dtype == source.predict(X).dtype
    np.testing.assert_array_equal(found, source.predict(X))


def test_a_scorer_is_imported_as_what_it_wraps(cancer):
    X, y = cancer
    forest = RandomForestClassifier(**SMALL)
    search = GridSearchCV(Scorer(forest), {"estimator__max_depth": [2, 3]}, cv=2).fit(X, y)
    for scorer in (search, search.best_estimator_):
        model = fastscore.import_model(scorer)
        same_bits(model.predict_proba(X).to_numpy(), search.predict_proba(X))
        report = model.verify(X)
        assert report.ok
        assert report.source.startswith("RandomForestClassifier")
    inside = make_pipeline(StandardScaler(), Scorer(forest)).fit(X, y)
    with pytest.raises(fastscore.UnsupportedModelError, match="step 'scorer': a Scorer within"):
        fastscore.import_model(inside)


def _no_estimator(name):
    if name == "model":
        return fastscore.import_model(DecisionTreeRegressor().fit([[0.0], [1.0]], [0.0, 1.0]))
    if name == "network":
        from networks import keras

        return keras.Sequential([keras.Input((30,)), keras.layers.Dense(1)])
    if name == "graph":
        import onnx

        return onnx.ModelProto()
    if name == "booster":
        return lgb.train({"verbose": -1}, lgb.Dataset(np.eye(30), np.arange(30)), 1)
    return {"class": DecisionTreeRegressor, "path": "model.onnx", "nothing": None}[name]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("model", r"not a fastscore\.Model"),
        ("network", r"not keras\..*Sequential: fastscore\.import_model"),
        ("graph", r"not onnx\..*ModelProto: fastscore\.import_model"),
        ("booster", r"not lightgbm\..*Booster: fastscore\.import_model"),
        ("class", r"not its class: DecisionTreeRegressor\("),
        ("path", r"not builtins\.str: fastscore\.load"),
        ("nothing", "not builtins.NoneType"),
    ],
)
def test_what_is_no_estimator_is_told_so(cancer, name, said):
    X, y = cancer
    scorer = Scorer(_no_estimator(name))
    uses = (
        lambda: scorer.fit(X, y),
        lambda: scorer.predict(X),
        lambda: scorer.predict_proba(X),
        lambda: scorer.transform(X),
        lambda: make_pipeline(StandardScaler(), scorer).fit(X, y),
    )
    for use in uses:
        with pytest.raises(TypeError, match=rf"a Scorer wraps an estimator.*{said}"):
            use()


@pytest.mark.parametrize("where", ["scorer", "estimator", "pipeline", "configuration", "clone"])
@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_frames_of_transformers(cancer, where, kind):
    X = cancer[0].iloc[:20, :4]
    scaler = StandardScaler()
    if where == "estimator":
        scaler.set_output(transform=kind)
    if where == "pipeline":
        scaler = make_pipeline(scaler).set_output(transform=kind)
    scorer = Scorer(scaler)
    if where in ("scorer", "clone"):
        assert scorer.set_output(transform=kind) is scorer
    if where == "clone":
        scorer = clone(scorer)
    due = StandardScaler().set_output(transform=kind).fit_transform(X)
    with sklearn.config_context(transform_output=kind if where == "configuration" else "default"):
        found = scorer.fit(X).transform(X)
        again = scorer.fit_transform(X)
    equal = pd.testing.assert_frame_equal if kind == "pandas" else assert_frame_equal
    for each in (found, again):
        equal(each, due)
    assert isinstance(scorer.set_output(transform="default").transform(X), np.ndarray)
    assert scorer.set_output() is scorer


def test_frames_are_for_transformers(cancer):
    X, y = cancer
    assert not hasattr(Scorer(DecisionTreeClassifier()), "set_output")
    with pytest.raises(ValueError, match="output config must be in"):
        Scorer(StandardScaler()).set_output(transform="list").fit(X).transform(X)
    inside = make_pipeline(Scorer(StandardScaler()), DecisionTreeClassifier(random_state=0))
    inside.set_output(transform="pandas").fit(X, y)
    assert inside[-1].feature_names_in_.tolist() == X.columns.tolist()
