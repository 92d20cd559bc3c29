"""LightGBM models of pandas category columns: matched by value, whatever the container."""

import json

import fastscore
import lightgbm as lgb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from support import same_bits

SETTINGS = {
    "verbose": -1,
    "num_threads": 1,
    "num_leaves": 9,
    "min_data_in_leaf": 3,
    "min_data_per_group": 2,
    "cat_smooth": 1,
    "cat_l2": 1,
}
KINDS = {
    "word": ["gamma", "alpha", "beta", "de lta", "é", ""],
    "integer": [10, -3, 7, 2**40, 0, 1],
    "float": [0.5, -1.25, 1e300, 0.1, 2.0, 3.0],
    "flag": [False, True],
}


def frame(rows=300, seed=0, kinds=KINDS):
    rng = np.random.default_rng(seed)
    columns = {"number": rng.normal(size=rows)}
    for name, values in kinds.items():
        codes = rng.integers(-1, len(values), rows)  # -1: missing
        columns[name] = pd.Categorical.from_codes(codes, categories=values)
    columns["other"] = rng.integers(0, 5, rows)
    return pd.DataFrame(columns)


def target(data):
    codes = sum((2 + i) * (data[name].cat.codes % 3) for i, name in enumerate(KINDS))
    return data["number"] + codes + data["other"] % 2


@pytest.fixture(scope="module")
def booster():
    data = frame()
    return lgb.train(SETTINGS, lgb.Dataset(data, target(data)), 8)


def scores(booster, data):
    return booster.predict(data, raw_score=True, num_threads=1)


def test_the_training_frame(booster, tmp_path):
    data = frame()
    model = fastscore.import_model(booster)
    same_bits(model.margin(data).to_numpy(), scores(booster, data))
    booster.save_model(tmp_path / "model.txt")
    text = fastscore.load(tmp_path / "model.txt")
    model.save(tmp_path / "model.fscore")
    own = fastscore.load(tmp_path / "model.fscore")
    for each in (text, own):
        same_bits(each.margin(data).to_numpy(), scores(booster, data))
    assert any("categorical_feature" in note for note in model.source.notes)


def test_other_orders_and_unseen_categories(booster):
    """Frames whose categories come in another order, are fewer, or unknown to the model."""
    rng = np.random.default_rng(1)
    model = fastscore.import_model(booster)
    kinds = {
        "word": ["zeta", *KINDS["word"][::-1]],
        "integer": [99, *KINDS["integer"][::-1]],
        "float": [9.5, *KINDS["float"][::-1]],
        "flag": [True, False],
    }
    data = frame(seed=2, kinds=kinds)
    same_bits(model.margin(data).to_numpy(), scores(booster, data))
    few = frame(seed=3, kinds={name: values[:2] for name, values in kinds.items()})
    same_bits(model.margin(few).to_numpy(), scores(booster, few))
    shuffled = data[rng.permutation(data.columns)]
    same_bits(model.margin(shuffled).to_numpy(), scores(booster, data))


def test_numbers_match_numbers(booster):
    """Integer categories of another width, or floats of the same value."""
    model = fastscore.import_model(booster)
    data = frame(seed=4)
    as_float = [float(value) for value in KINDS["integer"]]
    other = data.assign(integer=data["integer"].cat.rename_categories(as_float))
    same_bits(model.margin(other).to_numpy(), scores(booster, other))
    same_bits(model.margin(other).to_numpy(), scores(booster, data))


def test_containers_agree(booster):
    model = fastscore.import_model(booster)
    data = frame(seed=5)
    expected = scores(booster, data)
    plain = data.copy()
    for name in KINDS:
        plain[name] = data[name].astype(object).where(data[name].notna(), None)
    table = pa.table(
        {
            "number": pa.array(data["number"]),
            "word": pa.array(plain["word"], pa.string()),
            "integer": pa.array(plain["integer"], pa.int64()),
            "float": pa.array(plain["float"], pa.float64()),
            "flag": pa.array(plain["flag"], pa.bool_()),
            "other": pa.array(data["other"]),
        }
    )
    same_bits(model.margin(table).to_numpy(), expected)
    coded = table.set_column(1, "word", table["word"].dictionary_encode())
    same_bits(model.margin(coded).to_numpy(), expected)
    polars = pl.from_arrow(table)
    same_bits(model.margin(polars).to_numpy(), expected)
    enum = polars.with_columns(pl.col("word").cast(pl.Categorical))
    same_bits(model.margin(enum).to_numpy(), expected)
    columns = model.margin({name: table[name] for name in table.column_names})
    same_bits(columns["margin"], expected)


def test_verify(booster):
    model = fastscore.import_model(booster)
    kinds = {**KINDS, "word": ["zeta", *KINDS["word"]]}
    data = frame(seed=8, kinds=kinds)
    columns = {name: data[name].tolist() for name in data}
    for each in (data, pl.from_pandas(data), columns):
        report = model.verify(each)
        assert report.ok, report


def test_unknown_categories_can_be_errors(booster):
    model = fastscore.import_model(booster, unknown={"word": "raise"})
    data = frame()
    same_bits(model.margin(data).to_numpy(), scores(booster, data))
    odd = data.assign(word=data["word"].cat.add_categories(["new"]))
    odd.loc[7, "word"] = "new"
    with pytest.raises(fastscore.UnknownCategoryError, match=r"word.*new|new.*word"):
        model.margin(odd)


def test_features_list_their_categories(booster):
    listed = {feature.name: feature for feature in fastscore.import_model(booster).features}
    assert listed["number"].categories is None
    assert {name: listed[name].categories for name in KINDS} == KINDS


def test_a_matrix_holds_codes(booster):
    data = frame(seed=6)
    codes = data.assign(**{name: data[name].cat.codes.replace({-1: np.nan}) for name in KINDS})
    matrix = codes.to_numpy(dtype=float)
    rng = np.random.default_rng(0)
    odd = rng.random(matrix.shape) < 0.2
    matrix[odd] = rng.choice([-1, -0.5, 0.5, 77, 1e9, 2.0**31, np.nan], odd.sum())
    same_bits(fastscore.import_model(booster).margin(matrix), scores(booster, matrix))


def test_estimators():
    data = frame()
    y = target(data)
    regressor = lgb.LGBMRegressor(n_estimators=5, n_jobs=1, verbose=-1, min_data_per_group=2)
    regressor.fit(data, y)
    model = fastscore.import_model(regressor)
    same_bits(model.predict(data).to_numpy(), regressor.predict(data))
    classifier = lgb.LGBMClassifier(n_estimators=5, n_jobs=1, verbose=-1, min_data_per_group=2)
    classifier.fit(data, np.where(y > y.mean(), "high", "low"))
    model = fastscore.import_model(classifier)
    np.testing.assert_array_equal(model.predict(data).to_numpy(), classifier.predict(data))


def test_a_column_of_one_value_and_unused_columns():
    """LightGBM drops such columns from its statistics; their lists are bound all the same."""
    data = frame().assign(single=pd.Categorical(["only"] * 300))
    data = data[["single", *data.columns[:-1]]]
    booster = lgb.train(SETTINGS, lgb.Dataset(data, target(data)), 4)
    model = fastscore.import_model(booster)
    same_bits(model.margin(data).to_numpy(), scores(booster, data))


def ordered(*, counts=True):
    """An ordered column, and one of whole numbers that could be its codes."""
    data = frame()
    size = pd.CategoricalDtype(["small", "middle", "large"], ordered=True)
    rng = np.random.default_rng(9)
    sizes = pd.Categorical.from_codes(rng.integers(0, 3, len(data)), dtype=size)
    data.insert(1, "size", sizes)
    if counts:
        data.insert(1, "count", rng.integers(0, 3, len(data)))
    y = target(data) + 3 * sizes.codes
    return data, lgb.train(SETTINGS, lgb.Dataset(data, y), 6)


def test_ordered_categories_find_the_only_column_that_fits(tmp_path):
    data, booster = ordered(counts=False)
    path = tmp_path / "model.txt"
    booster.save_model(path)
    for model in (fastscore.import_model(booster), fastscore.load(path)):
        found = {feature.name: feature.categories for feature in model.features}
        assert list(found["size"]) == ["small", "middle", "large"]
        same_bits(model.margin(data).to_numpy(), scores(booster, data))
        plain = data.assign(size=data["size"].astype(object))
        same_bits(model.margin(plain).to_numpy(), scores(booster, data))


def test_a_category_column_that_is_not_declared_finds_its_list():
    rng = np.random.default_rng(3)
    data = pd.DataFrame(
        {
            "x": rng.normal(size=300),
            "plain": pd.Categorical.from_codes(rng.integers(0, 4, 300), list("wxyz")),
            "declared": pd.Categorical.from_codes(rng.integers(0, 3, 300), list("abc")),
        }
    )
    y = data["x"] + data["plain"].cat.codes - 2 * (data["declared"] == "b")
    booster = lgb.train(SETTINGS, lgb.Dataset(data, y, categorical_feature=["declared"]), 6)
    model = fastscore.import_model(booster)
    same_bits(model.margin(data).to_numpy(), scores(booster, data))
    shuffled = data.astype({"plain": "str", "declared": "str"})
    same_bits(model.margin(shuffled).to_numpy(), scores(booster, data))


def test_ordered_categories_need_their_column(tmp_path):
    data, booster = ordered()
    with pytest.raises(fastscore.UnsupportedModelError, match="categories="):
        fastscore.import_model(booster)
    lists = {"size": ["small", "middle", "large"], **KINDS}
    model = fastscore.import_model(booster, categories=lists)
    same_bits(model.margin(data).to_numpy(), scores(booster, data))
    path = tmp_path / "model.txt"
    booster.save_model(path)
    text = fastscore.load(path, categories=dict(reversed(lists.items())))
    same_bits(text.margin(data).to_numpy(), scores(booster, data))
    plain = data.assign(**{name: data[name].astype(object) for name in ("size", "word")})
    same_bits(model.margin(plain).to_numpy(), scores(booster, data))
    for wrong in (
        {"size": ["small", "large", "middle"], **KINDS},
        KINDS,
        {**lists, "other": [0, 1, 2, 3, 4]},
    ):
        with pytest.raises(ValueError, match="training frame"):
            fastscore.import_model(booster, categories=wrong)
    with pytest.raises(ValueError, match="'nowhere'"):
        fastscore.import_model(booster, categories={"nowhere": [1], **lists})
    with pytest.raises(ValueError, match="distinct"):
        fastscore.import_model(booster, categories={**lists, "size": ["a", "a"]})
    with pytest.raises(TypeError, match="dict"):
        fastscore.import_model(booster, categories=["small", "middle", "large"])
    by_number = dict(enumerate(lists.values(), start=2))
    model = fastscore.import_model(booster, categories=by_number)
    same_bits(model.margin(data).to_numpy(), scores(booster, data))


def test_categories_for_codes():
    """A model of plain codes, with the values behind them."""
    rng = np.random.default_rng(2)
    words = np.array(["red", "green", "blue"])
    x = np.c_[rng.normal(size=300), rng.integers(0, 3, 300)]
    y = x[:, 0] + np.array([1, 5, -2])[x[:, 1].astype(int)]
    dataset = lgb.Dataset(x, y, categorical_feature=[1])
    booster = lgb.train(SETTINGS, dataset, 4)
    model = fastscore.import_model(
        booster, features=["size", "colour"], categories={"colour": words.tolist()}
    )
    data = pd.DataFrame({"size": x[:, 0], "colour": words[x[:, 1].astype(int)]})
    same_bits(model.margin(data).to_numpy(), scores(booster, x))
    same_bits(model.margin(x), scores(booster, x))
    for number in (1, np.int64(1)):
        model = fastscore.import_model(
            booster, features=["size", "colour"], categories={number: words.tolist()}
        )
        same_bits(model.margin(data).to_numpy(), scores(booster, x))


@pytest.mark.parametrize(
    "values",
    [["a", 1], [pd.Timestamp("2020-01-01"), pd.Timestamp("2021-01-01")], [2, True, 2.5]],
    ids=["mixed", "times", "flags"],
)
def test_categories_of_other_types_are_refused(values):
    codes = np.arange(300) % len(values)
    kind = pd.Index(values, dtype=object)
    data = pd.DataFrame({"a": pd.Categorical.from_codes(codes, categories=kind)})
    data["b"] = np.arange(300.0)
    try:
        booster = lgb.train(SETTINGS, lgb.Dataset(data, codes), 2, keep_training_booster=True)
    except (TypeError, ValueError):
        pytest.skip("LightGBM refuses them itself")
    with pytest.raises(fastscore.UnsupportedModelError, match="categor"):
        fastscore.import_model(booster)


def test_lists_that_can_not_be_bound(tmp_path):
    data, booster = frame(), None
    booster = lgb.train(SETTINGS, lgb.Dataset(data, target(data)), 2)
    text = booster.model_to_string()
    line = json.dumps([["a", "b"], [1, 2, 3], [0.5], [False, True]])
    path = tmp_path / "model.txt"
    path.write_text(text.split("pandas_categorical:")[0] + f"pandas_categorical:{line}\n")
    with pytest.raises(fastscore.UnsupportedModelError, match="more categories"):
        fastscore.load(path)


def test_category_columns_that_were_not_declared():
    """As many lists as categorical features, but of other columns."""
    data = frame(kinds={"word": KINDS["word"], "integer": KINDS["integer"]})
    data["other"] = data["other"] % 3
    y = data["number"] + data["word"].cat.codes + data["other"]
    dataset = lgb.Dataset(data, y, categorical_feature=["word", "other"])
    booster = lgb.train(SETTINGS, dataset, 3)
    with pytest.raises(fastscore.UnsupportedModelError, match="could be those of"):
        fastscore.import_model(booster)
    lists = {"word": KINDS["word"], "integer": KINDS["integer"]}
    model = fastscore.import_model(booster, categories=lists)
    same_bits(model.margin(data).to_numpy(), scores(booster, data))


@pytest.mark.parametrize("dtype", [object, "string[python]", "string[pyarrow]"])
def test_text_of_any_dtype_as_categories(dtype):
    categories = pd.Index(["x", "y", "z"], dtype=dtype)
    words = pd.Series(pd.Categorical.from_codes(np.arange(120) % 3, categories=categories))
    assert words.cat.categories.dtype == dtype
    data = pd.DataFrame({"number": np.arange(120.0) % 11, "word": words})
    booster = lgb.train(SETTINGS, lgb.Dataset(data, words.cat.codes + data["number"] % 2), 5)
    same_bits(fastscore.import_model(booster).margin(data).to_numpy(), scores(booster, data))
