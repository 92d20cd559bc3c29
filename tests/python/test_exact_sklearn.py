"""scikit-learn's models against scikit-learn itself, bit for bit where that is promised."""

import fastscore
import numpy as np
import pytest
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, LogisticRegression, Ridge
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)
from support import FLOAT32_MAX, awkward_rows, same_bits, sklearn_splits, source_runs, ulps

N_CLASSES = [1, 2, 3, 5]
TREES = [
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
]


def fit(kind, n_classes=3, *, missing=False, n_outputs=1, rows=400, **parameters):
    rng = np.random.default_rng(n_classes + 10 * n_outputs)
    x = rng.normal(size=(rows, 5)) * [1, 100, 1e-3, 1, 1]
    x[:, 3] = np.round(x[:, 3], 1)
    if missing:
        x[rng.random(x.shape) < 0.1] = np.nan
    clean = np.nan_to_num(x)
    y = np.stack(
        [clean[:, j] + clean[:, 3] * rng.normal(size=rows) for j in range(n_outputs)], axis=1
    )
    if "Classifier" in kind.__name__:
        edges = [
            np.quantile(y[:, j], np.linspace(0, 1, n_classes + 1)[1:-1]) for j in range(n_outputs)
        ]
        y = np.stack([np.digitize(y[:, j], edges[j]) * 3 - 1 for j in range(n_outputs)], axis=1)
    if "Forest" in kind.__name__ or "Trees" in kind.__name__:
        parameters = {"n_estimators": 9, "n_jobs": 1} | parameters
    estimator = kind(random_state=0, **parameters)
    return estimator.fit(x, y[:, 0] if n_outputs == 1 else y), x


def trees_equal(estimator, x, extra=()) -> None:
    model = fastscore.import_model(estimator)
    rng = np.random.default_rng(1)
    rows = awkward_rows(
        x, sklearn_splits(estimator), rng, 3000, (FLOAT32_MAX, -FLOAT32_MAX, *extra)
    )
    classifier = hasattr(estimator, "classes_")
    with source_runs():
        values, leaves = estimator.predict(rows), estimator.apply(rows)
        expected = estimator.predict_proba(rows) if classifier else None
    same_bits(model.predict(rows), values)
    same_bits(model.leaf_index(rows), leaves.reshape(len(rows), -1).astype(np.int32))
    if not classifier:
        same_bits(model.margin(rows), values)
        return
    found = model.predict_proba(rows)
    for ours, theirs in zip(
        found if isinstance(found, list) else [found],
        expected if isinstance(expected, list) else [expected],
        strict=True,
    ):
        same_bits(ours, np.ascontiguousarray(theirs))


@pytest.mark.parametrize("kind", TREES)
@pytest.mark.parametrize("missing", [False, True], ids=["whole", "holes"])
@pytest.mark.parametrize("n_classes", N_CLASSES)
def test_trees(kind, n_classes, missing):
    if "Regressor" in kind.__name__ and n_classes != 2:
        n_classes = 2
    estimator, x = fit(kind, n_classes, missing=missing)
    trees_equal(estimator, x, (np.nan,))


@pytest.mark.parametrize("kind", TREES)
@pytest.mark.parametrize("n_outputs", [2, 3])
def test_several_outputs(kind, n_outputs):
    estimator, x = fit(kind, n_outputs=n_outputs)
    trees_equal(estimator, x)


def test_outputs_with_different_numbers_of_classes():
    estimator, x = fit(RandomForestClassifier)
    y = np.c_[np.arange(400) % 2, np.arange(400) % 4, np.zeros(400, dtype=int)]
    estimator = RandomForestClassifier(5, random_state=0).fit(x, y)
    trees_equal(estimator, x)
    model = fastscore.import_model(estimator)
    assert [len(classes) for classes in model.classes_] == [2, 4, 1]
    margins = model.margin(x)
    assert [part.shape for part in margins] == [(400,), (400, 4), (400,)]


@pytest.mark.parametrize(
    "parameters",
    [
        {"max_depth": 1},
        {"max_leaf_nodes": 2},
        {"max_leaf_nodes": 40},
        {"min_samples_leaf": 200},
        {"min_samples_leaf": 399},
        {"ccp_alpha": 0.01},
        {"criterion": "entropy", "class_weight": "balanced"},
        {"splitter": "random"},
    ],
)
def test_shapes_of_trees(parameters):
    estimator, x = fit(DecisionTreeClassifier, **parameters)
    trees_equal(estimator, x)


def test_stumps_without_splits():
    x = np.zeros((10, 3))
    estimator = RandomForestRegressor(3, random_state=0).fit(x, np.arange(10.0))
    assert fastscore.import_model(estimator).predict(x).shape == (10,)
    trees_equal(estimator, x)


def test_a_lone_leaf_keeps_negative_zero():
    x = np.array([[0.0], [1.0]])
    estimator = DecisionTreeRegressor().fit(x, np.array([-0.0, 1.0]))
    same_bits(fastscore.import_model(estimator).predict(x), estimator.predict(x))


def test_float32_input_and_integers():
    estimator, x = fit(RandomForestClassifier)
    model = fastscore.import_model(estimator)
    for rows in (x.astype(np.float32), (x * 10).astype(np.int64), (x * 10).astype(np.int8)):
        same_bits(model.predict_proba(rows), estimator.predict_proba(rows))


def test_integers_round_once_to_float32():
    x = np.array([[2.0**24], [2.0**24 + 2]])
    estimator = DecisionTreeRegressor().fit(x, [0.0, 1.0])
    rows = np.array([[2**24 + 1], [2**24 + 3], [2**53 + 1], [-(2**63)]], dtype=np.int64)
    same_bits(fastscore.import_model(estimator).predict(rows), estimator.predict(rows))


@pytest.mark.parametrize("kind", TREES)
def test_trees_refuse_what_the_source_refuses(kind):
    estimator, x = fit(kind)
    model = fastscore.import_model(estimator)
    for bad in (np.inf, -np.inf, FLOAT32_MAX * 2):
        rows = x.copy()
        rows[5, 2] = bad
        with pytest.raises(ValueError, match=r"infinity|too large"), source_runs():
            estimator.predict(rows)
        with pytest.raises(fastscore.NonFiniteValueError):
            model.predict(rows)


@pytest.mark.parametrize("kind", TREES)
def test_the_float32_border(kind):
    """The largest double that rounds down to float32's maximum is accepted, the next is not."""
    estimator, x = fit(kind)
    model = fastscore.import_model(estimator)
    border = FLOAT32_MAX + 2.0**103
    rows = x[:2].copy()
    rows[0, 1] = np.nextafter(border, 0)
    same_bits(model.predict(rows), estimator.predict(rows))
    rows[0, 1] = border
    with pytest.raises(ValueError, match="too large"), source_runs():
        estimator.predict(rows)
    with pytest.raises(fastscore.NonFiniteValueError):
        model.predict(rows)


def test_missing_is_refused_where_the_source_refuses():
    estimator, x = fit(
        DecisionTreeClassifier, splitter="random", monotonic_cst=[1, 0, 0, 0, 0], n_classes=2
    )
    rows = x.copy()
    rows[0, 0] = np.nan
    model = fastscore.import_model(estimator)
    try:
        expected = estimator.predict(rows)
    except ValueError:
        with pytest.raises(fastscore.MissingValueError):
            model.predict(rows)
    else:
        same_bits(model.predict(rows), expected)


# --- linear


def linear_equal(estimator, x) -> None:
    model = fastscore.import_model(estimator)
    coefficients = np.atleast_2d(np.asarray(estimator.coef_, dtype=float))
    scale = np.abs(x) @ np.abs(coefficients).T + np.abs(np.ravel(estimator.intercept_))
    expected = getattr(estimator, "decision_function", estimator.predict)(x).reshape(len(x), -1)
    found = model.margin(x).reshape(len(x), -1)
    assert (np.abs(found - expected) <= 1e-12 * scale).all()


@pytest.mark.parametrize("kind", [LinearRegression, Ridge, Lasso, ElasticNet])
@pytest.mark.parametrize("n_targets", [1, 3])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_regression(kind, n_targets, fit_intercept):
    x, y = make_regression(300, 12, n_targets=n_targets, noise=1, random_state=0)
    estimator = kind(fit_intercept=fit_intercept).fit(x, y)
    rng = np.random.default_rng(0)
    linear_equal(estimator, x * 10.0 ** rng.integers(-12, 12, x.shape))
    model = fastscore.import_model(estimator)
    assert model.predict(x).shape == ((300,) if n_targets == 1 else (300, 3))
    np.testing.assert_array_equal(model.predict(x), model.margin(x))


def test_float32_coefficients():
    x, y = make_regression(300, 12, random_state=0)
    estimator = Ridge().fit(x.astype(np.float32), y.astype(np.float32))
    assert estimator.coef_.dtype == np.float32
    linear_equal(estimator, x)


def logistic(n_classes, **parameters):
    x, y = make_classification(
        400, 8, n_informative=6, n_redundant=0, n_classes=n_classes, random_state=0
    )
    return LogisticRegression(max_iter=500, **parameters).fit(x, y), x


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("solver", ["lbfgs", "newton-cg", "newton-cholesky", "saga"])
def test_logistic(n_classes, solver):
    estimator, x = logistic(n_classes, solver=solver)
    linear_equal(estimator, x)
    model = fastscore.import_model(estimator)
    np.testing.assert_array_equal(model.predict(x), estimator.predict(x))
    np.testing.assert_allclose(
        model.predict_proba(x), estimator.predict_proba(x), rtol=1e-12, atol=1e-15
    )
    assert model.verify(x).ok
    far = x * 1e4
    np.testing.assert_allclose(
        model.predict_proba(far), estimator.predict_proba(far), rtol=1e-9, atol=1e-15
    )


def test_links_are_within_two_ulp_of_the_source():
    """With one coefficient of 1 the margins are equal, so only the links differ."""
    from scipy.special import expit

    estimator, _ = logistic(2)
    estimator.coef_, estimator.intercept_ = np.ones((1, 1)), np.zeros(1)
    estimator.n_features_in_ = 1
    x = np.linspace(-745, 745, 30_001)[:, None]
    found = fastscore.import_model(estimator).predict_proba(x)
    assert ulps(found[:, 1], expit(x[:, 0])).max() <= 2
    assert ulps(found, estimator.predict_proba(x)).max() <= 2


def test_sparse_coefficients():
    estimator, x = logistic(3)
    dense = fastscore.import_model(estimator).predict_proba(x)
    estimator.sparsify()
    np.testing.assert_array_equal(fastscore.import_model(estimator).predict_proba(x), dense)


def test_logistic_refuses_missing_and_infinite():
    estimator, x = logistic(2)
    model = fastscore.import_model(estimator)
    for value, error in (
        (np.nan, fastscore.MissingValueError),
        (np.inf, fastscore.NonFiniteValueError),
    ):
        rows = x.copy()
        rows[7, 3] = value
        with pytest.raises(error):
            model.predict(rows)
    rows[7, 3] = 1e300
    linear_equal(estimator, rows)


@pytest.mark.parametrize("mode", ["ovr", "auto"])
def test_one_vs_rest_of_older_versions(mode):
    """Fitted with multi_class="ovr" or liblinear: one sigmoid a class, divided by their sum."""
    from scipy.special import expit

    estimator, x = logistic(3)
    estimator.multi_class = mode
    estimator.solver = "liblinear"
    model = fastscore.import_model(estimator)
    shares = expit(estimator.decision_function(x))
    np.testing.assert_allclose(
        model.predict_proba(x), shares / shares.sum(axis=1, keepdims=True), rtol=1e-12
    )
    np.testing.assert_array_equal(model.predict(x), estimator.predict(x))
    assert "multi_class" in repr(model)


def test_binary_multinomial_of_older_versions():
    from scipy.special import softmax

    estimator, x = logistic(2)
    estimator.multi_class = "multinomial"
    model = fastscore.import_model(estimator)
    margin = estimator.decision_function(x)
    np.testing.assert_allclose(
        model.predict_proba(x), softmax(np.c_[-margin, margin], axis=1), rtol=1e-12
    )
    assert model.margin(x).shape == (400,)


# --- labels


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["no", "yes"]),
        np.array(["no", "yes"], dtype=object),
        np.array(["ä", "日本"]),
        np.array([False, True]),
        np.array([-5, 7], dtype=np.int8),
        np.array([0, 2**63 - 1], dtype=np.int64),
        np.array([1, 2], dtype=np.uint16),
        np.array([-1.0, 1.0]),
        np.array([-1.0, 1.0], dtype=np.float32),
    ],
    ids=lambda labels: str(labels.dtype),
)
@pytest.mark.parametrize("kind", [DecisionTreeClassifier, LogisticRegression])
def test_labels_keep_their_type(labels, kind):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100, 3))
    y = labels[(x[:, 0] > 0).astype(int)]
    estimator = kind().fit(x, y)
    model = fastscore.import_model(estimator)
    assert model.classes_.dtype == estimator.classes_.dtype
    np.testing.assert_array_equal(model.classes_, estimator.classes_)
    found = model.predict(x)
    assert found.dtype == estimator.predict(x).dtype
    np.testing.assert_array_equal(found, estimator.predict(x))
    propagated = model.predict(x, missing="propagate")
    assert propagated.dtype == object
    assert propagated.tolist() == found.tolist()


def test_names_and_order_do_not_matter(frame, sources, models):
    estimator = sources["forest labels"]
    shuffled = frame[frame.columns[::-1]].assign(extra="text")
    with source_runs():
        expected = estimator.predict(frame)
    np.testing.assert_array_equal(models["forest labels"].predict(shuffled).to_numpy(), expected)


def test_a_forest_of_two_million_nodes_imports_quickly():
    import time

    x = np.random.default_rng(0).random((100_000, 4))
    forest = RandomForestRegressor(
        10, random_state=0, n_jobs=2, bootstrap=False, max_features=1
    ).fit(x, x[:, 0] * x[:, 1])
    start = time.perf_counter()
    model = fastscore.import_model(forest)
    assert time.perf_counter() - start < 3
    forest.n_jobs = 1
    same_bits(model.predict(x[:2000]), forest.predict(x[:2000]))
