"""Errors that new users meet: each says what is right, in words that can be pasted."""

import pathlib
import pickle
import re
import shutil
import subprocess
import sys

import fastscore
import lightgbm as lgb
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder
from support import same_bits

FRAME = pd.DataFrame({"a": [1, 2, 3, 4], "b": [0.5, 1.5, 2.5, 3.5]})
FOREST = RandomForestRegressor(2, random_state=0).fit(FRAME, [1.0, 2.0, 3.0, 4.0])
MODEL = fastscore.import_model(FOREST)


def test_a_row_that_became_a_series():
    with pytest.raises(TypeError, match=r"frame\.iloc\[\[i\]\]") as caught:
        MODEL.predict(FRAME.iloc[1])
    assert "to_frame().T" in str(caught.value)
    same_bits(MODEL.predict(FRAME.iloc[[1]]).to_numpy(), FOREST.predict(FRAME.iloc[[1]]))
    objects = FRAME.iloc[1].to_frame().T.infer_objects()
    same_bits(MODEL.predict(objects).to_numpy(), FOREST.predict(FRAME.iloc[[1]]))
    with pytest.raises(TypeError, match=r"frame\[i : i \+ 1\]"):
        MODEL.predict(pl.DataFrame(FRAME)["a"])


@pytest.mark.parametrize("row", [{"a": 2, "b": 1.5}, {"a": np.int64(2), "b": None}, {"a": "x"}])
def test_a_dict_of_single_values(row):
    with pytest.raises(TypeError, match=r"one row is a list of one dict, \[data\]"):
        MODEL.predict(row)


def test_columns_of_one_are_columns():
    due = FOREST.predict(FRAME)
    flat = {name: FRAME[name].to_numpy()[:, np.newaxis] for name in FRAME}
    same_bits(MODEL.predict(flat)["prediction"], due)
    masked = {name: np.ma.masked_array(values) for name, values in flat.items()}
    same_bits(MODEL.predict(masked)["prediction"], due)


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (np.zeros((4, 3)), r"'b' is a 2-D array of 3 columns;.*\{f\"b_\{i\}\": array\[:, i\]"),
        (np.zeros((4, 1, 1)), "'b' is a 3-D array; a column is a list"),
        ({1, 2}, "'b' is a set; a column is a list"),
    ],
)
def test_what_is_no_column(column, said):
    with pytest.raises(TypeError, match=said):
        MODEL.predict({"a": [1, 2, 3, 4], "b": column})


def test_the_count_of_columns_where_one_side_has_no_names():
    nameless = fastscore.import_model(
        RandomForestRegressor(2, random_state=0).fit(FRAME.to_numpy(), [1.0, 2.0, 3.0, 4.0])
    )
    wide = FRAME.assign(c=0)
    with pytest.raises(
        fastscore.SchemaError, match=r"3 columns, the model 2 .*features=\[\.\.\.\]"
    ):
        nameless.predict(wide)
    with pytest.raises(fastscore.SchemaError, match=r"3 columns, the model 2 .*in its order"):
        MODEL.predict(wide.to_numpy())
    with pytest.raises(fastscore.SchemaError, match=r"3 columns, the model 2 features$"):
        nameless.predict(wide.to_numpy())
    named = fastscore.import_model(nameless, features=["a", "b"])
    same_bits(named.predict(wide), nameless.predict(FRAME))


def test_the_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such folder") as caught:
        MODEL.save(tmp_path / "missing" / "m.fscore")
    assert str(caught.value).endswith(repr(str(tmp_path / "missing")))
    with pytest.raises(IsADirectoryError, match="name a file in it") as caught:
        MODEL.save(tmp_path)
    assert caught.value.filename == str(tmp_path)


def test_the_hint_of_unknown_categories_can_be_pasted():
    data = pd.DataFrame({"x": np.arange(60.0), "size": pd.Categorical(["s", "m", "l"] * 20)})
    booster = lgb.train(
        {"verbose": -1, "min_data_in_leaf": 1, "min_data_per_group": 1},
        lgb.Dataset(data, data["x"] + 9 * (data["size"] == "m")),
        3,
    )
    other = data.head(3).assign(size=["s", "huge", "l"])
    for names in ({}, {"features": None}):
        model = fastscore.import_model(booster, unknown={"size": "raise"}, **names)
        with pytest.raises(fastscore.UnknownCategoryError) as caught:
            model.predict(other)
        keyword = str(caught.value).rpartition(" with ")[2]
        given = eval(f"dict({keyword})")
        again = fastscore.import_model(booster, **given)
        assert again.predict(other).notna().all()


def test_only_what_works_is_suggested_for_unknown_categories():
    words = pd.DataFrame({"word": ["a", "b", "a", "b"]})
    data = words.assign(n=[0.5, 1.5, 2.5, 3.5])
    linear = make_pipeline(
        make_column_transformer((OrdinalEncoder(), ["word"]), remainder="passthrough"),
        LogisticRegression(),
    ).fit(data, [0, 1, 0, 1])
    model = fastscore.import_model(linear, unknown={"word": "raise"})
    with pytest.raises(fastscore.UnknownCategoryError, match=r'row 1: "q"; replace them$'):
        model.predict(data.assign(word=["a", "q", "a", "b"]))
    given = fastscore.import_model(linear, unknown={"word": "missing"})
    with pytest.raises(fastscore.FastscoreError):
        given.predict(data.assign(word=["a", "q", "a", "b"]))


def test_traces_name_errors_as_users_do():
    names = [name for name in fastscore.__all__ if name.endswith("Error")]
    assert len(names) == 7
    for name in names:
        error = getattr(fastscore, name)
        assert f"{error.__module__}.{error.__qualname__}" == f"fastscore.{name}"
    again = pickle.loads(pickle.dumps(fastscore.SchemaError("a")))
    assert type(again) is fastscore.SchemaError
    assert again.args == ("a",)


def test_every_error_is_named_as_one_of_the_package():
    known = [fastscore.FastscoreError]
    for error in known:
        known += [each for each in error.__subclasses__() if each.__module__ == "fastscore"]
    assert fastscore.TooWideError in known
    assert issubclass(fastscore.TooWideError, fastscore.ModelFormatError)
    for error in known:
        assert type(pickle.loads(pickle.dumps(error("a")))) is error


@pytest.mark.parametrize(
    "swapped", [FRAME, FRAME.to_numpy(), pl.DataFrame(FRAME), {"a": [1]}, [[1.0, 2.0]]]
)
def test_swapped_arguments(swapped):
    with pytest.raises(TypeError, match=r"predict\(data, model\)"):
        fastscore.predict(MODEL, swapped)
    with pytest.raises(TypeError, match=r"the data come first, fastscore\.predict\(data, model\)"):
        fastscore.predict(FOREST, swapped)


def test_a_pipeline_names_the_step_that_it_can_not_import():
    pipeline = make_pipeline(FunctionTransformer(np.cumsum), RandomForestClassifier(2))
    pipeline.fit(FRAME, [0, 1, 0, 1])
    with pytest.raises(
        fastscore.UnsupportedModelError,
        match=r"Pipeline step 'functiontransformer': FunctionTransformer: func=.* is code, .*"
        r"supported are None and numpy\.absolute",
    ):
        fastscore.import_model(pipeline)


def test_models_of_files_are_named_by_their_library(tmp_path):
    x = np.random.default_rng(0).normal(size=(60, 2))
    lgb.train({"verbose": -1}, lgb.Dataset(x, x[:, 0]), 2).save_model(tmp_path / "m.txt")
    model = fastscore.load(tmp_path / "m.txt")
    assert repr(model).startswith("<fastscore.Model LightGBM Booster (text file);")


def test_an_estimator_is_not_loaded():
    with pytest.raises(TypeError, match=r"not a RandomForestRegressor.*import_model\(object\)"):
        fastscore.load(FOREST)


@pytest.mark.parametrize("arguments", [("a", MODEL), (pl.col("a", "b"), MODEL), (pl.col("a"),)])
def test_columns_before_the_model(arguments):
    import fastscore.polars as fp

    with pytest.raises(TypeError, match="the model comes first, then the columns"):
        fp.predict(*arguments)


def test_a_first_step_that_never_knows_its_features_is_named():
    from sklearn.feature_extraction.text import TfidfVectorizer

    pipeline = make_pipeline(TfidfVectorizer(), RandomForestClassifier(2, random_state=0))
    pipeline.fit(["good loan", "bad loan", "good"], [1, 0, 1])
    with pytest.raises(fastscore.UnsupportedModelError, match=r"apart.*pipeline\[1:\]") as caught:
        fastscore.import_model(pipeline)
    assert "step 'tfidfvectorizer'" in str(caught.value)
    words = pipeline[:1].transform(["good", "loan bad"])
    same_bits(
        fastscore.import_model(pipeline[1:]).predict_proba(words.toarray()),
        pipeline[1:].predict_proba(words),
    )


@pytest.mark.parametrize("thing", [FRAME, None, print, object()])
def test_what_is_no_model_is_told_so_in_short(thing):
    with pytest.raises(fastscore.UnsupportedModelError, match="no fitted model of") as caught:
        fastscore.import_model(thing)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("extension", "said"),
    [
        (
            "INTERFACE = 10**9; __version__ = '9'; __file__ = 'x.so'",
            r"newer than .*x\.so; run `make",
        ),
        (
            "INTERFACE = 0; __version__ = '0'; __file__ = 'x.so'",
            r"older than .*x\.so; run `make setup`",
        ),
        (
            None,
            "is not built: run `make setup`",
        ),
    ],
)
def test_an_extension_of_another_build(tmp_path, extension, said):
    sources = tmp_path / "fastscore"
    here = pathlib.Path(fastscore.__file__).parent
    shutil.copytree(here, sources, ignore=shutil.ignore_patterns("*.so", "*.pyd", "__pycache__"))
    if extension is not None:
        (sources / "_core.py").write_text(extension)
    ended = subprocess.run(
        [sys.executable, "-c", "import fastscore"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("ImportError: the extension module of fastscore")
    assert re.search(said, last)
