"""HistGradientBoosting* against scikit-learn: margins to the bit, categories by value."""

import copy

import fastscore
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn_checks import awkward, check, classes_of, near, table
from support import same_bits, source_runs

X, SCORE = table(missing=True)
SMALL = {"max_iter": 8, "min_samples_leaf": 5, "random_state": 0}
HUGE = (np.nan, np.inf, -np.inf, 1e300, -1e300)


def rows(model):
    return awkward(model, X, HUGE)


@pytest.mark.parametrize(
    "loss", ["squared_error", "absolute_error", "gamma", "poisson", "quantile"]
)
def test_regression(loss):
    quantile = {"quantile": 0.8} if loss == "quantile" else {}
    estimator = HistGradientBoostingRegressor(loss=loss, **quantile, **SMALL)
    estimator.fit(X, np.exp(SCORE / 2))
    model = fastscore.import_model(estimator)
    x = rows(model)
    same_bits(model.margin(x), estimator._raw_predict(x).ravel())
    near(model.predict(x), estimator.predict(x), 2 if loss in ("gamma", "poisson") else 0)
    assert "leaf" not in model.outputs
    assert model.verify(x).ok


@pytest.mark.parametrize("n_classes", [2, 3, 5, 10])
def test_classification(n_classes):
    estimator = HistGradientBoostingClassifier(**SMALL).fit(X, classes_of(SCORE, n_classes))
    model = check(estimator, rows, probability=2 if n_classes == 2 else 4)
    assert model.verify(X).ok


@pytest.mark.parametrize(
    "parameters",
    [
        {"max_iter": 1},
        {"max_depth": 1},
        {"max_leaf_nodes": 2},
        {"max_leaf_nodes": None, "max_bins": 5},
        {"monotonic_cst": [1, 0, 0, -1, 0]},
        {"early_stopping": True, "n_iter_no_change": 1},
        {"min_samples_leaf": 1000},
    ],
)
def test_parameters(parameters):
    y = classes_of(SCORE, 2)
    check(HistGradientBoostingClassifier(**(SMALL | parameters)).fit(X, y), rows)


def test_a_single_class_is_refused():
    estimator = HistGradientBoostingClassifier(**SMALL).fit(X, np.zeros(len(X)))
    with pytest.raises(fastscore.UnsupportedModelError, match="a single class"):
        fastscore.import_model(estimator)


def test_constant_target():
    check(HistGradientBoostingRegressor(**SMALL).fit(X, np.full(len(X), 2.5)), X)


@pytest.mark.parametrize("load", [load_breast_cancer, load_wine, load_diabetes])
def test_real_data(load):
    x, y = load(return_X_y=True)
    kind = (
        HistGradientBoostingRegressor if load is load_diabetes else HistGradientBoostingClassifier
    )
    estimator = kind(**SMALL).fit(x, y)
    check(estimator, lambda model: awkward(model, x, HUGE), probability=4)


# --- categories


CATEGORIES = [0.0, 1.0, 2.0, 5.0, 7.5, -3.0]


def categorical(missing=True):
    rng = np.random.default_rng(3)
    x, score = table(400, missing=missing)
    x[:, 4] = rng.choice(CATEGORIES, len(x))
    if missing:
        x[rng.random(len(x)) < 0.1, 4] = np.nan
    return x, score + np.isin(x[:, 4], [1.0, 7.5]) * 2.0


def unseen(x):
    rng = np.random.default_rng(4)
    x = x.copy()
    strange = [*CATEGORIES, np.nan, 3.0, -1.0, 0.5, 1.9, 256.0, 1e300, -0.0, -5e-324]
    x[::2, 4] = rng.choice(strange, len(x[::2]))
    return x


@pytest.mark.parametrize("missing", [False, True], ids=["whole", "holes"])
@pytest.mark.parametrize(
    "which", [[4], [False, False, False, False, True], [4, 3]], ids=["index", "mask", "two"]
)
def test_numbers_as_categories(which, missing):
    """By an encoder: what it did not see is missing, 1.9 is not 1."""
    x, score = categorical(missing)
    estimator = HistGradientBoostingClassifier(categorical_features=which, **SMALL)
    estimator.fit(x, classes_of(score, 3))
    check(estimator, unseen(x), probability=4)


def test_names_of_categorical_columns():
    x, score = categorical()
    frame = pd.DataFrame(x, columns=list("abcde"))
    estimator = HistGradientBoostingRegressor(categorical_features=["e"], **SMALL)
    estimator.fit(frame, score)
    check(estimator, unseen(x))
    strange = pd.DataFrame(unseen(x), columns=list("abcde"))
    found = fastscore.import_model(estimator).predict(strange[list("edcba")])
    same_bits(found.to_numpy(), estimator.predict(strange))


def test_many_categories():
    rng = np.random.default_rng(0)
    x = np.c_[rng.integers(0, 250, 3000) * 3.0, rng.normal(size=3000)]
    y = rng.normal(size=250)[(x[:, 0] // 3).astype(int)] + x[:, 1]
    estimator = HistGradientBoostingRegressor(categorical_features=[0], **SMALL).fit(x, y)
    check(estimator, np.r_[x, np.c_[np.arange(-5.0, 800.0), np.zeros(805)]])


WORDS = ["red", "green", "blue", "ä", "日本"]


def frames():
    """Each kind of frame with columns of categories before and after columns of numbers."""
    rng = np.random.default_rng(5)
    x, score = table(400, missing=True)
    words = np.array(WORDS, dtype=object)[rng.integers(0, 5, 400)]
    sizes = rng.integers(10, 14, 400)
    score = score + np.isin(words, ["red", "ä"]) * 2.0 + (sizes == 12)
    words[rng.random(400) < 0.1] = None
    return x, words, sizes, score


def pandas_frame(x, words, sizes):
    return pd.DataFrame(
        {
            "a": x[:, 0],
            "word": pd.Categorical(words),
            "b": x[:, 1],
            "size": pd.Categorical(sizes),
            "c": x[:, 3],
        }
    )


def polars_frame(x, words, sizes):
    return pl.DataFrame(
        {
            "a": x[:, 0],
            "word": pl.Series(words.tolist(), dtype=pl.Categorical),
            "b": x[:, 1],
            "size": pl.Series(
                [str(size) for size in sizes], dtype=pl.Enum(["13", "12", "11", "10"])
            ),
            "c": x[:, 3],
        }
    )


@pytest.mark.parametrize("frame", [pandas_frame, polars_frame])
@pytest.mark.parametrize("n_classes", [None, 2, 3])
def test_categories_of_frames(frame, n_classes):
    x, words, sizes, score = frames()
    data = frame(x, words, sizes)
    if n_classes is None:
        estimator = HistGradientBoostingRegressor(**SMALL).fit(data, score)
    else:
        estimator = HistGradientBoostingClassifier(**SMALL).fit(data, classes_of(score, n_classes))
    assert estimator.is_categorical_.tolist() == [False, True, False, True, False]
    model = fastscore.import_model(estimator)
    rng = np.random.default_rng(6)
    words = np.array([*WORDS, "violet", None, ""], dtype=object)[rng.integers(0, 8, 400)]
    if frame is pandas_frame:
        sizes = rng.integers(8, 16, 400)
    strange = frame(x, words, sizes)
    margin = getattr(estimator, "decision_function", estimator.predict)
    for table_ in (data, strange):
        with source_runs():
            same_bits(np.asarray(model.margin(table_)), margin(table_))
            expected = estimator.predict(table_)
        np.testing.assert_array_equal(np.asarray(model.predict(table_)), expected)
    assert model.verify(strange).ok
    assert [feature.type for feature in model.features] == ["number", "category"] * 2 + ["number"]
    assert sorted(model.features[1].categories) == sorted(WORDS)


def test_other_containers_of_the_same_categories():
    x, words, sizes, score = frames()
    data = pandas_frame(x, words, sizes)
    estimator = HistGradientBoostingRegressor(**SMALL).fit(data, score)
    model = fastscore.import_model(estimator)
    expected = estimator.predict(data)
    plain = data.assign(word=words, size=sizes)
    same_bits(model.predict(plain).to_numpy(), expected)
    same_bits(model.predict(pl.from_pandas(plain)).to_numpy(), expected)
    same_bits(model.predict(plain.to_dict("list"))["prediction"], expected)


def test_saved_and_loaded(tmp_path):
    x, words, sizes, score = frames()
    data = pandas_frame(x, words, sizes)
    estimator = HistGradientBoostingRegressor(**SMALL).fit(data, score)
    model = fastscore.import_model(estimator)
    model.save(tmp_path / "hist.fscore")
    loaded = fastscore.load(tmp_path / "hist.fscore")
    assert loaded == model
    same_bits(loaded.predict(data).to_numpy(), estimator.predict(data))


@pytest.mark.parametrize("infinite", [np.inf, -np.inf])
def test_infinities_are_refused_where_the_encoder_refuses_them(infinite):
    x = X.copy()
    x[:, 4] = np.arange(len(x)) % 4
    estimator = HistGradientBoostingRegressor(categorical_features=[4], **SMALL).fit(x, SCORE)
    model = fastscore.import_model(estimator)
    x[3, 0] = infinite
    same_bits(model.predict(x), estimator.predict(x))
    x[7, 4] = infinite
    x[9, 4] = infinite
    with pytest.raises(ValueError, match="infinity"):
        estimator.predict(x)
    for rows in (x, pd.DataFrame(x), pl.DataFrame(x), {str(i): x[:, i] for i in range(5)}):
        with pytest.raises(fastscore.NonFiniteValueError, match=r"2 value.*first in row 7"):
            model.predict(rows)
    found = model.predict(x, missing="propagate")
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(found)), [7, 9])
    kept = np.delete(np.arange(len(x)), [7, 9])
    same_bits(found[kept], estimator.predict(x[kept]))
    with pytest.raises(fastscore.NonFiniteValueError):
        copy.deepcopy(model).predict(x)
