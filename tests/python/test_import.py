"""What `import_model` refuses, and how it says so."""

import fastscore
import numpy as np
import pytest
from sklearn.covariance import EllipticEnvelope
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.semi_supervised import LabelPropagation
from sklearn.tree import DecisionTreeClassifier


class MyForest(RandomForestClassifier):
    def predict(self, x):
        return super().predict(x)[::-1]


@pytest.mark.parametrize(
    "estimator",
    [
        LabelPropagation(),
        EllipticEnvelope(),
    ],
    ids=lambda e: type(e).__name__,
)
def test_other_estimators_are_named(estimator, x, score):
    estimator.fit(x, (score > 0).astype(int))
    with pytest.raises(fastscore.UnsupportedModelError) as caught:
        fastscore.import_model(estimator)
    text = str(caught.value)
    assert f"{type(estimator).__module__}.{type(estimator).__qualname__}" in text
    assert "RandomForestClassifier" in text
    assert "LightGBM" in text


def test_subclasses_may_compute_otherwise(x, score):
    with pytest.raises(
        fastscore.UnsupportedModelError, match=r"MyForest is a subclass of RandomForest"
    ):
        fastscore.import_model(MyForest(2).fit(x, score > 0))


@pytest.mark.parametrize(
    "estimator", [RandomForestClassifier(), DecisionTreeClassifier(), Ridge(), LogisticRegression()]
)
def test_unfitted(estimator):
    with pytest.raises(
        fastscore.UnsupportedModelError, match=f"{type(estimator).__name__} is not fitted"
    ):
        fastscore.import_model(estimator)


@pytest.mark.parametrize("thing", [None, 1, "text", [1], {}, object(), np.zeros(3)])
def test_other_objects(thing):
    error = TypeError if isinstance(thing, str) else fastscore.UnsupportedModelError
    with pytest.raises(error):
        fastscore.import_model(thing)


def test_classes_and_paths_have_their_own_hint(tmp_path):
    with pytest.raises(fastscore.UnsupportedModelError, match="fitted instance"):
        fastscore.import_model(Ridge)
    with pytest.raises(TypeError, match=r"fastscore\.load"):
        fastscore.import_model(tmp_path / "model.txt")


@pytest.mark.parametrize(
    ("name", "keyword"),
    [
        *(
            ("forest labels", k)
            for k in ("classes", "categories", "unknown", "missing", "iterations", "like")
        ),
        *(("booster", k) for k in ("categories", "unknown", "missing", "like")),
        *(("lgbm labels", k) for k in ("classes", "missing", "like")),
        *(("lgbm values", k) for k in ("classes", "missing", "like")),
        ("linear", "iterations"),
    ],
)
def test_keywords_that_do_not_apply_are_named(sources, name, keyword):
    values = {
        "classes": ["a", "b"],
        "categories": {"a": [1]},
        "unknown": {"a": "raise"},
        "missing": 0.0,
        "iterations": 1,
        "like": "booster",
    }
    with pytest.raises(ValueError, match=f"{keyword}= does not apply"):
        fastscore.import_model(sources[name], **{keyword: values[keyword]})


def test_a_model_is_taken_as_it_is(models):
    assert fastscore.import_model(models["linear"]) is models["linear"]
    with pytest.raises(ValueError, match="iterations="):
        fastscore.import_model(models["linear"], iterations=1)


def test_leaves_that_hold_counts_are_refused(x, score):
    """Up to scikit-learn 1.4.0 leaves held counts; the version that runs would misread them."""
    tree = DecisionTreeClassifier(max_depth=2).fit(x, score > 0)
    state = tree.tree_.__getstate__()
    state["values"] = state["values"] * state["nodes"]["n_node_samples"][:, None, None]
    reduced = tree.tree_.__reduce__()
    old = reduced[0](*reduced[1])
    old.__setstate__(state)
    tree.tree_ = old
    with pytest.raises(fastscore.UnsupportedModelError, match="counts"):
        fastscore.import_model(tree)


def test_labels_that_have_no_place(x, score):
    estimator = LogisticRegression().fit(x, score > 0)
    for classes in (
        np.array([1, "a"], dtype=object),
        np.array([b"a", b"b"]),
        np.array([0, np.nan]),
    ):
        estimator.classes_ = classes
        with pytest.raises(
            fastscore.UnsupportedModelError, match="LogisticRegression: class labels"
        ):
            fastscore.import_model(estimator)


def test_broken_estimators_do_not_get_through(x, score):
    estimator = LinearRegression().fit(x, score)
    estimator.coef_ = estimator.coef_[:3]
    with pytest.raises(ValueError, match=r"coefficients|features"):
        fastscore.import_model(estimator)
    estimator = DecisionTreeClassifier(max_depth=3).fit(x, score > 0)
    estimator.n_features_in_ = 1
    with pytest.raises((ValueError, NotImplementedError)):
        fastscore.import_model(estimator)


def test_colliding_column_names_are_refused(x, score):
    y = np.array(["a", "b"])[(score > 0).astype(int)]
    forest = RandomForestClassifier(2, max_depth=2).fit(x, np.c_[y, y])
    model = fastscore.import_model(forest)
    names = [name for group in model._core.column_names("probability") for name in group]
    assert len(set(names)) == len(names)
