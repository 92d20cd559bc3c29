"""Whole models as skl2onnx, onnxmltools and CatBoost write them, against ONNX Runtime."""

import warnings
from contextlib import contextmanager

import fastscore
import lightgbm as lgb
import numpy as np
import onnxmltools
import pandas as pd
import pytest
import skl2onnx
import xgboost as xgb
from catboost import CatBoostClassifier, CatBoostRegressor
from onnx_ml_support import parsed, run
from onnxmltools.convert.common.data_types import FloatTensorType as Floats
from skl2onnx.common.data_types import (
    DoubleTensorType,
    FloatTensorType,
    Int64TensorType,
    StringTensorType,
)
from sklearn import (
    calibration,
    cluster,
    discriminant_analysis,
    ensemble,
    feature_selection,
    impute,
    linear_model,
    naive_bayes,
    neighbors,
    neural_network,
    svm,
    tree,
)
from sklearn import preprocessing as prep
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.pipeline import make_pipeline

OPSETS = {"": 18, "ai.onnx.ml": 3}
X, Y = load_wine(return_X_y=True)
X = X[:, :5].astype(np.float32)
NAMES = np.array(["low", "mid", "top"], dtype=object)[Y]
SMALL = {"n_estimators": 4, "max_depth": 4, "random_state": 0}
LOGISTIC = linear_model.LogisticRegression(max_iter=50)


@contextmanager
def quiet():
    """Converters use what libraries deprecate, and few iterations do not converge."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def rows():
    """Training rows, rows between them, and rows far off."""
    rng = np.random.default_rng(0)
    mixed = X[rng.integers(0, len(X), 200), np.arange(5)[:, None]].T
    return np.vstack([X, mixed, X + rng.normal(size=X.shape), np.zeros((1, 5))]).astype(np.float32)


def convert(estimator, x, y, *, zipmap=False, double=False):
    with quiet():
        estimator.fit(x.astype(float), y)
        kind = DoubleTensorType if double else FloatTensorType
        last = getattr(estimator, "steps", [(None, estimator)])[-1][1]
        without = isinstance(last, svm.LinearSVC | prep.TargetEncoder)
        classifier = hasattr(estimator, "classes_") and not without
        return skl2onnx.to_onnx(
            estimator,
            initial_types=[("X", kind([None, x.shape[1]]))],
            options={id(estimator): {"zipmap": zipmap}} if classifier else None,
            target_opset=OPSETS,
        )


def check(model, feeds, data, *, atol=1e-6, rtol=1e-6):
    """Labels are ONNX Runtime's, numbers near its own."""
    ours = fastscore.import_model(model)
    theirs = run(model, feeds)
    if len(theirs) == 1:
        found = np.asarray(ours.predict(data))
        np.testing.assert_allclose(
            found.reshape(len(found), -1), theirs[0].reshape(len(found), -1), rtol=rtol, atol=atol
        )
        return ours
    label, shares = theirs
    np.testing.assert_array_equal(np.asarray(ours.predict(data)), label.ravel())
    if isinstance(shares, list):
        shares = np.array([[each[c] for c in ours.classes_.tolist()] for each in shares])
    shares = shares.reshape(len(shares), -1)
    # Of two classes some converters give the score of the second alone.
    output = "probability" if shares.shape[1] > 1 else "margin"
    found = np.asarray(ours.score(data, output=output)).reshape(shares.shape)
    np.testing.assert_allclose(found, shares, rtol=rtol, atol=atol)
    return ours


CLASSIFIERS = {
    "LogisticRegression": LOGISTIC,
    "DecisionTree": tree.DecisionTreeClassifier(max_depth=5),
    "RandomForest": ensemble.RandomForestClassifier(**SMALL),
    "ExtraTrees": ensemble.ExtraTreesClassifier(**SMALL),
    "GradientBoosting": ensemble.GradientBoostingClassifier(n_estimators=4, max_depth=3),
    "HistGradientBoosting": ensemble.HistGradientBoostingClassifier(max_iter=4),
    "MLP": neural_network.MLPClassifier((8, 4), max_iter=3, random_state=0),
    "GaussianNB": naive_bayes.GaussianNB(),
    "BernoulliNB": naive_bayes.BernoulliNB(),
    "RidgeClassifier": linear_model.RidgeClassifier(),
    "SGD": linear_model.SGDClassifier(loss="log_loss", max_iter=5, random_state=0),
    "modified huber": linear_model.SGDClassifier(loss="modified_huber", max_iter=5, random_state=0),
    "LDA": discriminant_analysis.LinearDiscriminantAnalysis(),
    "QDA": discriminant_analysis.QuadraticDiscriminantAnalysis(reg_param=0.1),
    "Bagging": ensemble.BaggingClassifier(n_estimators=3, random_state=0),
    "CalibratedClassifierCV": calibration.CalibratedClassifierCV(LOGISTIC, cv=2),
    "isotonic": calibration.CalibratedClassifierCV(LOGISTIC, cv=2, method="isotonic"),
    "OneVsRest": OneVsRestClassifier(LOGISTIC),
    "OneVsOne": OneVsOneClassifier(LOGISTIC),
    "Voting": ensemble.VotingClassifier(
        [("a", LOGISTIC), ("b", tree.DecisionTreeClassifier(max_depth=3))],
        voting="soft",
        flatten_transform=False,
    ),
    "hard Voting": ensemble.VotingClassifier(
        [("a", LOGISTIC), ("b", tree.DecisionTreeClassifier(max_depth=3))],
        flatten_transform=False,
    ),
    "AdaBoost": ensemble.AdaBoostClassifier(n_estimators=12, random_state=0),
    "AdaBoost of trees": ensemble.AdaBoostClassifier(
        tree.DecisionTreeClassifier(max_depth=3), n_estimators=5, random_state=0
    ),
    "Stacking": ensemble.StackingClassifier(
        [("a", LOGISTIC), ("b", tree.DecisionTreeClassifier(max_depth=3))], cv=2
    ),
}
# ONNX Runtime sums at float32, too, so that large terms which cancel leave no more than this.
ROUGH = {"modified huber", "GaussianNB", "QDA", "SGD", "LDA", "OneVsOne", "MLP", "RidgeClassifier"}


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize("zipmap", [False, True])
@pytest.mark.parametrize("classes", ["text", "two"])
def test_classifiers_of_scikit_learn(name, zipmap, classes):
    y = NAMES if classes == "text" else (Y == 1).astype(int)
    if name == "OneVsOne" and classes == "text":
        y = Y  # skl2onnx declares text to be integers
    scaled = make_pipeline(prep.StandardScaler(), CLASSIFIERS[name])
    model = convert(scaled, X, y, zipmap=zipmap)
    atol = 2e-5 if name in ROUGH else 1e-6
    ours = check(model, {"X": rows()}, rows(), atol=atol)
    assert ours.n_features_in_ == 5


REGRESSORS = {
    "LinearRegression": linear_model.LinearRegression(),
    "Ridge of two targets": linear_model.Ridge(),
    "PoissonRegressor": linear_model.PoissonRegressor(),
    "LinearSVR": svm.LinearSVR(),
    "DecisionTree": tree.DecisionTreeRegressor(max_depth=5),
    "RandomForest": ensemble.RandomForestRegressor(**SMALL),
    "forest of two targets": ensemble.RandomForestRegressor(**SMALL),
    "GradientBoosting": ensemble.GradientBoostingRegressor(n_estimators=4),
    "HistGradientBoosting": ensemble.HistGradientBoostingRegressor(max_iter=4),
    "MLP": neural_network.MLPRegressor(hidden_layer_sizes=(8, 4), max_iter=3, random_state=0),
    "Bagging": ensemble.BaggingRegressor(n_estimators=3, random_state=0),
    "AdaBoost": ensemble.AdaBoostRegressor(n_estimators=8, random_state=0),
    "AdaBoost of lines": ensemble.AdaBoostRegressor(
        linear_model.Ridge(), n_estimators=4, random_state=0
    ),
    "Voting": ensemble.VotingRegressor(
        [("a", linear_model.Ridge()), ("b", tree.DecisionTreeRegressor(max_depth=3))]
    ),
}


@pytest.mark.parametrize("name", REGRESSORS)
def test_regressors_of_scikit_learn(name):
    y = np.c_[Y, 2 - Y] if "two targets" in name else Y + 1.0
    model = convert(make_pipeline(prep.StandardScaler(), REGRESSORS[name]), X, y)
    check(model, {"X": rows()}, rows(), atol=4e-6)


TRANSFORMERS = {
    "StandardScaler": prep.StandardScaler(),
    "MinMaxScaler": prep.MinMaxScaler(clip=True),
    "MaxAbsScaler": prep.MaxAbsScaler(),
    "RobustScaler": prep.RobustScaler(),
    "Normalizer l1": prep.Normalizer("l1"),
    "Normalizer l2": prep.Normalizer(),
    "Normalizer max": prep.Normalizer("max"),
    "SimpleImputer": impute.SimpleImputer(strategy="median"),
    "PolynomialFeatures": prep.PolynomialFeatures(2),
    "yeo-johnson": prep.PowerTransformer(),
    "box-cox": prep.PowerTransformer("box-cox", standardize=False),
    "PCA": PCA(2),
    "KBinsDiscretizer": prep.KBinsDiscretizer(3, encode="ordinal"),
    "Binarizer": prep.Binarizer(threshold=1.5),
    "QuantileTransformer": prep.QuantileTransformer(n_quantiles=40),
    "one quantile twice": prep.QuantileTransformer(n_quantiles=100),
    "SelectKBest": feature_selection.SelectKBest(k=2),
}


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_transformers_of_scikit_learn(name):
    model = convert(make_pipeline(TRANSFORMERS[name]), X, Y)
    x = rows()
    check(model, {"X": x}, x, atol=1e-5 if name == "PCA" else 1e-6)


@pytest.mark.parametrize("name", ["LogisticRegression", "MLP", "GaussianNB", "SGD", "Stacking"])
def test_at_float64(name):
    model = convert(CLASSIFIERS[name], X.astype(float), NAMES, double=True)
    x = rows().astype(float)
    check(model, {"X": x}, x, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("name", ["LogisticRegression", "RandomForest", "HistGradientBoosting"])
def test_shares_that_are_an_output_each(name):
    pipeline = make_pipeline(prep.StandardScaler(), CLASSIFIERS[name])
    columns = fastscore.import_model(convert(pipeline, X, NAMES, zipmap="columns"))
    matrix = fastscore.import_model(convert(pipeline, X, NAMES))
    assert columns.outputs == matrix.outputs
    for output in columns.outputs:
        one, other = (np.asarray(m.score(rows(), output=output)) for m in (columns, matrix))
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", ["MLP", "SGD"])
def test_shares_of_two_classes_that_are_an_output_each(name):
    model = convert(CLASSIFIERS[name], X, Y == 1, zipmap="columns")
    ours = fastscore.import_model(model)
    label, *shares = run(model, {"X": rows()})
    np.testing.assert_array_equal(ours.predict(rows()), label)
    np.testing.assert_allclose(ours.predict_proba(rows()), np.column_stack(shares), atol=2e-5)


def test_scores_that_are_no_shares():
    for y, outputs in ((Y == 1, ("prediction", "margin")), (Y, None)):
        model = convert(svm.LinearSVC(), X, y.astype(int))
        ours = fastscore.import_model(model)
        x = rows()
        label, scores = run(model, {"X": x})
        np.testing.assert_array_equal(np.asarray(ours.predict(x)), label)
        margin = np.asarray(ours.margin(x)).reshape(scores.shape)
        np.testing.assert_allclose(margin, scores, rtol=1e-5, atol=1e-5)
        assert outputs is None or ours.outputs == outputs


def test_clusters_and_distances_are_two_targets():
    model = convert(cluster.KMeans(3, n_init=1, random_state=0), X, None)
    ours = fastscore.import_model(model)
    label, scores = run(model, {"X": rows()})
    found = ours.predict(pd.DataFrame(rows()))
    np.testing.assert_array_equal(found["prediction_label"], label)
    columns = [name for name in found if name != "prediction_label"]
    np.testing.assert_allclose(found[columns], scores, rtol=1e-3, atol=1e-3)


def test_outliers():
    """Labels -1 and 1, by scores that logarithms and powers make."""
    model = convert(ensemble.IsolationForest(n_estimators=10, random_state=0), X, None)
    ours = fastscore.import_model(model)
    label, scores = run(model, {"X": rows()})
    np.testing.assert_array_equal(np.asarray(ours.predict(rows())), label.ravel())
    np.testing.assert_allclose(np.asarray(ours.margin(rows())), scores.ravel(), atol=1e-6)
    assert sorted(ours.classes_) == [-1, 1]


REFUSED = {
    "SVC": (svm.SVC(), "SVMClassifier.*support vector machines with kernels"),
    "KNeighbors": (neighbors.KNeighborsClassifier(), "Scan.*not supported"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_names_its_node(name):
    estimator, message = REFUSED[name]
    with pytest.raises(fastscore.UnsupportedModelError, match=message):
        fastscore.import_model(convert(estimator, X, Y))


@pytest.mark.parametrize("name", ["DecisionTree", "RandomForest", "ExtraTrees"])
@pytest.mark.parametrize("kind", ["labels", "numbers"])
def test_leaves_are_those_of_the_option_decision_leaf(name, kind):
    """skl2onnx's own output of leaves, and scikit-learn's: the number of a node within its tree."""
    made = ensemble.ExtraTreesRegressor(**SMALL) if name == "ExtraTrees" else REGRESSORS.get(name)
    estimator = CLASSIFIERS[name] if kind == "labels" else made
    x, more = rows(), {"zipmap": False} if kind == "labels" else {}
    ours = fastscore.import_model(convert(estimator, X, Y)).leaf_index(x)
    with quiet():
        model = skl2onnx.to_onnx(
            estimator,
            initial_types=[("X", FloatTensorType([None, 5]))],
            options={id(estimator): {"decision_leaf": True} | more},
            target_opset=OPSETS,
        )
    np.testing.assert_array_equal(ours, run(model, {"X": x})[-1])
    np.testing.assert_array_equal(ours, estimator.apply(x).reshape(len(x), -1))


def test_several_ensembles_have_no_leaves():
    model = fastscore.import_model(convert(CLASSIFIERS["Bagging"], X, Y))
    assert "leaf" not in model.outputs


# One input a column: text, integers and floats.


def frame():
    rng = np.random.default_rng(1)
    table = pd.DataFrame(X[:, :3], columns=["a", "b", "c"])
    table.loc[::7, "a"] = np.nan
    table["text"] = np.array(["red", "white", "rosé", "x y"])[(X[:, 4] * 7).astype(int) % 4]
    table["code"] = rng.integers(0, 5, len(X))
    return table


def encoder(kind):
    numbers = make_pipeline(impute.SimpleImputer(), prep.StandardScaler())
    if kind == "one-hot":
        hot = prep.OneHotEncoder(handle_unknown="ignore", sparse_output=False)
        return ColumnTransformer([("n", numbers, ["a", "b"]), ("t", hot, ["text", "code"])])
    codes = prep.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    return ColumnTransformer([("t", codes, ["text"]), ("n", numbers, ["c", "a"])])


@pytest.mark.parametrize("kind", ["one-hot", "ordinal"])
@pytest.mark.parametrize("name", ["LogisticRegression", "RandomForest", "HistGradientBoosting"])
@pytest.mark.parametrize("zipmap", [False, True])
def test_pipelines_of_columns(kind, name, zipmap):
    table = frame()
    pipeline = make_pipeline(encoder(kind), CLASSIFIERS[name])
    with quiet():
        pipeline.fit(table, NAMES)
        used = [c for c in table if kind == "one-hot" or c != "code"]
        used = [c for c in used if kind != "one-hot" or c != "c"]
        types = {"text": StringTensorType([None, 1]), "code": Int64TensorType([None, 1])}
        model = skl2onnx.to_onnx(
            pipeline,
            initial_types=[(c, types.get(c, FloatTensorType([None, 1]))) for c in used],
            options={id(pipeline): {"zipmap": zipmap}},
            target_opset=OPSETS,
        )
    table.loc[::5, "text"] = "unseen"
    kinds = {"text": object, "code": np.int64}
    feeds = {c: table[c].to_numpy(kinds.get(c, np.float32))[:, None] for c in used}
    ours = check(model, feeds, table[used])
    assert ours.feature_names_in_.tolist() == used
    # Columns are found by name, and a null is as NaN is.
    turned = table[used[::-1]].astype({"text": "string"})
    np.testing.assert_array_equal(ours.predict_proba(turned), ours.predict_proba(table[used]))


@pytest.mark.parametrize(("targets", "looked_up"), [(1, True), (4, True), (5, False)])
def test_codes_before_a_small_product_are_looked_up(targets, looked_up):
    """Summed up at float64 then, and rounded once: as near to the sum as is promised."""
    table = frame()[["a", "b", "text", "code"]].fillna(12.5)
    y = np.random.default_rng(0).normal(size=(len(table), targets))
    pipeline = make_pipeline(encoder("one-hot"), linear_model.Ridge())
    types = {"text": StringTensorType([None, 1]), "code": Int64TensorType([None, 1])}
    with quiet():
        model = skl2onnx.to_onnx(
            pipeline.fit(table, y),
            initial_types=[(c, types.get(c, FloatTensorType([None, 1]))) for c in table],
            target_opset=OPSETS,
        )
    table.loc[::5, "text"] = "unseen"
    kinds = {"text": object, "code": np.int64}
    feeds = {c: table[c].to_numpy(kinds.get(c, np.float32))[:, None] for c in table}
    ours = check(model, feeds, table)
    assert ("coefficients of categories looked up" in str(ours.explain_plan())) == looked_up
    assert ours.verify(table, source=model).ok


# LightGBM, XGBoost, CatBoost.

BOOSTED = {"n_estimators": 12, "random_state": 0}


def tools(name, y):
    """A model that onnxmltools writes."""
    with quiet():
        kind = [("X", Floats([None, 5]))]
        if name.startswith("LGBM"):
            kinds = {"num_leaves": 7, "min_child_samples": 2, "verbose": -1, "n_jobs": 1}
            source = getattr(lgb, name)(**BOOSTED, **kinds).fit(X, y)
            return onnxmltools.convert_lightgbm(source, initial_types=kind, target_opset=15)
        source = getattr(xgb, name)(**BOOSTED, max_depth=3, nthread=1).fit(X, y)
        return onnxmltools.convert_xgboost(source, initial_types=kind, target_opset=15)


@pytest.mark.parametrize("library", ["LGBM", "XGB"])
@pytest.mark.parametrize("kind", ["two", "three", "numbers"])
def test_onnxmltools(library, kind):
    y = {"two": (Y == 1).astype(int), "three": Y, "numbers": X[:, 0] * (Y + 1)}[kind]
    model = tools(f"{library}{'Regressor' if kind == 'numbers' else 'Classifier'}", y)
    x = rows()
    x[::9, 1] = np.nan
    check(model, {"X": x}, x)


def test_categories_of_lightgbm():
    rng = np.random.default_rng(3)
    x = X.copy()
    x[:, 0] = rng.integers(0, 60, len(x))
    y = np.sin(x[:, 0]) + (x[:, 1] > 2)
    with quiet():
        source = lgb.LGBMRegressor(
            n_estimators=8,
            num_leaves=9,
            min_data_per_group=1,
            cat_smooth=0,
            min_child_samples=2,
            max_cat_to_onehot=1,
            verbose=-1,
            n_jobs=1,
        ).fit(x, y, categorical_feature=[0])
        model = onnxmltools.convert_lightgbm(
            source, initial_types=[("X", Floats([None, 5]))], target_opset=15
        )
    modes = model.graph.node[0].attribute
    assert any(b"BRANCH_EQ" in attribute.strings for attribute in modes)
    odd = [0.5, -1, 61, 1e9, np.nan, np.inf, -0.0, 31.999998]
    scored = np.vstack([x, np.repeat(x[:8], 8, axis=0)])
    scored[len(x) :, 0] = np.tile(np.float32(odd), 8)
    check(model, {"X": scored}, scored)


@pytest.mark.parametrize("kind", ["two", "text", "numbers"])
def test_catboost(kind, tmp_path):
    y = {"two": (Y == 1).astype(int), "text": NAMES, "numbers": X[:, 0] * (Y + 1)}[kind]
    with quiet():
        made = CatBoostRegressor if kind == "numbers" else CatBoostClassifier
        source = made(iterations=15, depth=4, thread_count=1, verbose=0, allow_writing_files=False)
        source.fit(X, y)
        path = tmp_path / "model.onnx"
        source.save_model(str(path), format="onnx")
    x = rows()
    ours = check(parsed(path), {"features": x}, x)
    np.testing.assert_array_equal(
        np.asarray(fastscore.load(path).predict(x)), np.asarray(ours.predict(x))
    )
