"""XGBoost's categorical features: sets that go right, codes, and the categories that files hold."""

import fastscore
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import xgboost as xgb
from fastscore import SchemaError, UnknownCategoryError, UnsupportedModelError
from hypothesis import given, settings
from hypothesis import strategies as st
from support import same_bits
from xgboost_support import SETTINGS, document

CODES = (-1.0, -0.5, -0.0, 0.5, 1.99, 31.0, 31.5, 32.0, 63.0, 64.0, 2.0**24 - 1, 2.0**24, 1e10)


def coded(n=500, highest=40):
    rng = np.random.default_rng(4)
    x = np.c_[rng.normal(size=n), rng.integers(0, highest, n), rng.integers(0, 3, n)].astype(float)
    x[rng.random(x.shape) < 0.05] = np.nan
    clean = np.nan_to_num(x)
    return x, clean[:, 0] + clean[:, 1] % 5 - (clean[:, 2] == 1)


@pytest.mark.parametrize("onehot", [1, 4, 100])
@pytest.mark.parametrize("booster", ["gbtree", "dart"])
def test_codes(onehot, booster):
    x, y = coded()
    kinds = ["q", "c", "c"]
    matrix = xgb.DMatrix(x, y, feature_types=kinds, enable_categorical=True)
    settings = SETTINGS | {"max_cat_to_onehot": onehot, "tree_method": "hist", "booster": booster}
    source = xgb.train(settings, matrix, 8)
    assert any(tree["categories"] for tree in _trees(source))
    model = fastscore.import_model(source)
    rng = np.random.default_rng(5)
    rows = x[rng.integers(0, len(x), 1500)]
    chosen = rng.random(len(rows)) < 0.6
    rows[chosen, 1] = rng.choice([*CODES, *range(45)], chosen.sum())
    matrix = xgb.DMatrix(rows, feature_types=kinds, enable_categorical=True)
    same_bits(model.margin(rows), source.predict(matrix, output_margin=True))
    np.testing.assert_array_equal(
        model.leaf_index(rows), source.predict(matrix, pred_leaf=True).reshape(len(rows), -1)
    )
    assert "codes" in repr(model)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    objective=st.sampled_from(["reg:squarederror", "binary:logistic", "multi:softprob"]),
    booster=st.sampled_from(["gbtree", "dart"]),
    highest=st.integers(1, 70),
    onehot=st.sampled_from([1, 4, 100]),
    depth=st.integers(1, 5),
    missing=st.sampled_from([np.nan, 0.0, 1.0]),
)
def test_random_models(seed, objective, booster, highest, onehot, depth, missing):
    rng = np.random.default_rng(seed)

    def matrix(x, y=None):
        kinds = ["q", "c", "c"]
        return xgb.DMatrix(x, y, feature_types=kinds, enable_categorical=True, missing=missing)

    columns = rng.choice([0.0, 1.0, -2.5], 80), *rng.integers(0, [[highest], [3]], (2, 80))
    x = np.column_stack(columns).astype(float)
    x[rng.random(x.shape) < 0.1] = np.nan
    classes = 3 if objective == "multi:softprob" else 2
    parameters = SETTINGS | {
        "objective": objective,
        "booster": booster,
        "tree_method": "hist",
        "max_cat_to_onehot": onehot,
        "max_depth": depth,
        "min_child_weight": 0,
        "rate_drop": 0.5,
        "num_class": classes if classes > 2 else 0,
    }
    source = xgb.train(parameters, matrix(x, rng.integers(0, classes, 80)), 3)
    rows = x[rng.integers(0, len(x), 200)]
    odd = rng.random(len(rows)) < 0.4
    rows[odd, 1] = rng.choice([*CODES, *range(highest + 5), np.nan], odd.sum())
    model = fastscore.import_model(source, missing=missing)
    same_bits(model.margin(rows), source.predict(matrix(rows), output_margin=True))
    leaves = source.predict(matrix(rows), pred_leaf=True).reshape(len(rows), -1)
    np.testing.assert_array_equal(model.leaf_index(rows), leaves)


def _trees(source):
    booster = document(source)["learner"]["gradient_booster"]
    return booster.get("gbtree", booster)["model"]["trees"]


def frame(n=400):
    rng = np.random.default_rng(6)
    data = pd.DataFrame(
        {
            "number": rng.normal(size=n),
            "word": pd.Categorical(rng.choice(["x", "yy", "", "a b"], n)),
            "int": pd.Categorical(rng.choice([5, -3, 90], n)),
            "ordered": pd.Categorical(rng.choice([1, 2, 3], n), categories=[3, 1, 2], ordered=True),
        }
    )
    data.loc[rng.random(n) < 0.1, "word"] = None
    y = data["number"] + (data["word"] == "yy") * 2 + (data["int"] == 5) - (data["ordered"] == 1)
    return data, y.astype(float)


@pytest.fixture(scope="module")
def fitted():
    data, y = frame()
    settings = {"n_estimators": 6, "max_depth": 4, "n_jobs": 1, "enable_categorical": True}
    return xgb.XGBRegressor(**settings).fit(data, y), data


def test_frames(fitted):
    source, data = fitted
    model = fastscore.import_model(source)
    expected = source.predict(data)
    same_bits(model.predict(data).to_numpy(), expected)
    assert model._core.categories(1) == ["", "a b", "x", "yy"]
    assert model._core.categories(2) == [-3, 5, 90]
    # By value, whatever the order and the type of the keys.
    shuffled = data.assign(
        word=data["word"].cat.reorder_categories(["yy", "x", "", "a b"]),
        int=data["int"].cat.set_categories([90, 5, -3, 7]),
    )
    same_bits(model.predict(shuffled).to_numpy(), expected)
    same_bits(model.predict(pl.from_pandas(data)).to_numpy(), expected)
    same_bits(np.asarray(model.predict(pa.Table.from_pandas(data))), expected)
    as_values = data.astype({"word": "object", "int": "float64", "ordered": "int64"})
    same_bits(model.predict(as_values).to_numpy(), expected)


def test_matrices_hold_codes(fitted):
    source, data = fitted
    model = fastscore.import_model(source)
    codes = np.c_[data["number"], *(data[name].cat.codes for name in ("word", "int", "ordered"))]
    codes = np.where(codes == -1, np.nan, codes)
    codes[:, 0] = data["number"]
    same_bits(model.predict(codes), source.predict(codes))
    same_bits(model.predict(codes), source.predict(data))


def test_unknown_categories(fitted):
    source, data = fitted
    bad = data.assign(word=data["word"].cat.add_categories("zz"))
    bad.loc[7, "word"] = "zz"
    model = fastscore.import_model(source)
    with pytest.raises(UnknownCategoryError, match="zz"):
        model.predict(bad)
    lenient = fastscore.import_model(source, unknown={"word": "missing"})
    missing = bad.assign(word=bad["word"].where(bad["word"] != "zz").cat.remove_categories("zz"))
    same_bits(lenient.predict(bad).to_numpy(), source.predict(missing))
    with pytest.raises(ValueError, match="number"):
        fastscore.import_model(source, unknown={"number": "missing"})
    with pytest.raises(ValueError, match="nowhere"):
        fastscore.import_model(source, unknown={"nowhere": "missing"})
    with pytest.raises(ValueError, match="maybe"):
        fastscore.import_model(source, unknown={"word": "maybe"})


def test_categories_are_given_for_a_model_of_codes():
    x, y = coded(highest=4)
    matrix = xgb.DMatrix(
        x, y, feature_types=["q", "c", "c"], enable_categorical=True, feature_names=["a", "b", "c"]
    )
    source = xgb.train(SETTINGS | {"tree_method": "hist"}, matrix, 6)
    words = np.array(["p", "q", "r", "s"])
    text = [None if np.isnan(code) else words[int(code)] for code in x[:, 1]]
    data = pd.DataFrame({"a": x[:, 0], "b": pd.Categorical(text), "c": x[:, 2]})
    model = fastscore.import_model(source)
    with pytest.raises(SchemaError, match="categories="):
        model.predict(data)
    numbers = data.assign(b=pd.Categorical(x[:, 1]))
    with pytest.raises(SchemaError, match="categories="):
        model.predict(numbers)
    expected = source.predict(matrix)
    same_bits(model.predict(data.assign(b=x[:, 1])).to_numpy(), expected)
    named = fastscore.import_model(source, categories={"b": list(words)})
    same_bits(named.predict(data).to_numpy(), expected)
    same_bits(named.predict(x), expected)
    assert named._core.categories(1) == words.tolist()
    assert "categories=" in repr(named)
    for column in ("a", "nowhere"):
        with pytest.raises(ValueError, match=column):
            fastscore.import_model(source, categories={column: ["p"]})
    nameless = xgb.train(
        SETTINGS | {"tree_method": "hist"},
        xgb.DMatrix(x, y, feature_types=["q", "c", "c"], enable_categorical=True),
        6,
    )
    by_number = fastscore.import_model(nameless, categories={1: list(words)}, features=list("abc"))
    numpy_number = fastscore.import_model(
        nameless, categories={np.int64(1): list(words)}, features=list("abc")
    )
    same_bits(numpy_number.predict(data).to_numpy(), expected)
    by_name = fastscore.import_model(nameless, categories={"b": list(words)}, features=list("abc"))
    same_bits(by_number.predict(data).to_numpy(), expected)
    same_bits(by_name.predict(data).to_numpy(), expected)


def test_texts_that_xgboost_damages_are_refused():
    data, y = frame()
    data["word"] = data["word"].cat.rename_categories({"x": "é", "yy": "zz"})
    source = xgb.XGBRegressor(n_estimators=3, max_depth=3, enable_categorical=True).fit(data, y)
    with pytest.raises(UnsupportedModelError, match=r"ASCII.*categories="):
        fastscore.import_model(source)
    order = data["word"].cat.categories.tolist()
    model = fastscore.import_model(source, categories={"word": order})
    same_bits(model.predict(data).to_numpy(), source.predict(data))


def test_files_keep_the_categories(fitted, tmp_path):
    source, data = fitted
    for name in ("m.json", "m.ubj"):
        source.save_model(tmp_path / name)
        model = fastscore.load(tmp_path / name)
        same_bits(model.predict(data).to_numpy(), source.predict(data))
