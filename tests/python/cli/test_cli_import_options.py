"""`fastscore import`: what the keywords of `load` say, as options."""

from __future__ import annotations

import json
from pathlib import Path

import fastscore
import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from catboost import CatBoostRegressor
from cli_support import Cli

COLOURS = ["red", "green", "blue"]


@pytest.fixture(scope="module")
def coded() -> np.ndarray:
    rng = np.random.default_rng(3)
    return np.c_[rng.normal(size=300), rng.integers(0, 3, 300)]


@pytest.fixture(scope="module")
def of_codes(coded: np.ndarray) -> lightgbm.Booster:
    """Of codes; one name has white space, which the text has as `_`."""
    data = lightgbm.Dataset(
        coded,
        coded[:, 0] + (coded[:, 1] == 1),
        feature_name=["size", "the colour"],
        categorical_feature=[1],
    )
    settings = {"verbose": -1, "num_threads": 1, "min_data_per_group": 2}
    return lightgbm.train(settings, data, 4)


def file_of(tmp_path: Path, content: object) -> Path:
    path = tmp_path / "categories.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize("column", ["the colour", "the_colour"])
def test_categories_and_unknown_ones(
    cli: Cli, coded: np.ndarray, of_codes: lightgbm.Booster, tmp_path: Path, column: str
) -> None:
    of_codes.save_model(tmp_path / "m.txt")
    lists = file_of(tmp_path, {column: COLOURS})
    out = tmp_path / "m.fscore"
    options = ["--categories", lists, "--unknown", f"{column}=raise"]
    ended = cli("import", tmp_path / "m.txt", "--output", out, *options)
    assert ended.code == 0, ended.err
    model = fastscore.load(out)
    words = [COLOURS[int(code)] for code in coded[:, 1]]
    data = pd.DataFrame({"size": coded[:, 0], "the colour": words})
    np.testing.assert_array_equal(model.predict(data), of_codes.predict(coded, num_threads=1))
    with pytest.raises(fastscore.UnknownCategoryError, match="mauve"):
        model.predict(data.assign(**{"the colour": "mauve"}))


def test_the_keywords_match_rewritten_names(coded: np.ndarray, of_codes: lightgbm.Booster) -> None:
    for column in ("the colour", "the_colour", "the\tcolour", 1):
        model = fastscore.import_model(
            of_codes, categories={column: COLOURS}, unknown={column: "raise"}
        )
        assert model.features[1].categories == COLOURS
        assert model.features[1].unknown == "raise"
    with pytest.raises(ValueError, match="the colours"):
        fastscore.import_model(of_codes, categories={"the colours": COLOURS})


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ([1, 2], "must hold an object"),
        ({"colour": "red"}, "no list of categories for 'colour'"),
        ({"colour": ["red", 1]}, "colour"),
        ({"nowhere": ["red"]}, "--categories"),
    ],
    ids=["json", "deep", "list", "text", "mixed", "column"],
)
def test_categories_that_do_not_fit(
    cli: Cli, of_codes: lightgbm.Booster, tmp_path: Path, content: object, says: str
) -> None:
    of_codes.save_model(tmp_path / "m.txt")
    out = tmp_path / "m.fscore"
    lists = file_of(tmp_path, content)
    ended = cli("import", tmp_path / "m.txt", "--output", out, "--categories", lists)
    assert says in ended.error(ended.code)
    assert ended.code in (1, 2)
    assert not out.exists()


def test_a_file_of_categories_that_is_not_there(
    cli: Cli, of_codes: lightgbm.Booster, tmp_path: Path
) -> None:
    of_codes.save_model(tmp_path / "m.txt")
    given = ["--output", tmp_path / "m.fscore", "--categories", tmp_path / "no.json"]
    assert "no.json: No such file" in cli("import", tmp_path / "m.txt", *given).error(2)


@pytest.mark.parametrize("policy", ["colour", "colour=maybe", "=", "colour="])
def test_policies_that_are_none(
    cli: Cli, of_codes: lightgbm.Booster, tmp_path: Path, policy: str
) -> None:
    of_codes.save_model(tmp_path / "m.txt")
    given = ["--output", tmp_path / "m.fscore", "--unknown", policy]
    assert "COLUMN=raise" in cli("import", tmp_path / "m.txt", *given).error(2)


def test_lists_that_belong_to_no_column_for_certain(cli: Cli, tmp_path: Path) -> None:
    sizes = pd.CategoricalDtype(["s", "m", "l"], ordered=True)
    codes = np.arange(300) % 3
    size = pd.Categorical.from_codes(codes, dtype=sizes)
    data = pd.DataFrame({"size": size, "count": codes[::-1]})
    settings = {"verbose": -1, "num_threads": 1}
    booster = lightgbm.train(settings, lightgbm.Dataset(data, codes), 2)
    booster.save_model(tmp_path / "m.txt")
    out = tmp_path / "m.fscore"
    error = cli("import", tmp_path / "m.txt", "--output", out).error()
    assert "--categories FILE.json" in error
    lists = file_of(tmp_path, {"size": ["s", "m", "l"]})
    ended = cli("import", tmp_path / "m.txt", "--output", out, "--categories", lists)
    assert ended.code == 0, ended.err
    expected = booster.predict(data, num_threads=1)
    np.testing.assert_array_equal(fastscore.load(out).predict(data), expected)


def test_missing_and_like_of_xgboost(cli: Cli, coded: np.ndarray, tmp_path: Path) -> None:
    y = (coded[:, 0] > 0).astype(int)
    source = xgboost.XGBClassifier(n_estimators=3, missing=1.0, n_jobs=1).fit(coded, y)
    source.save_model(tmp_path / "m.ubj")
    out = tmp_path / "m.fscore"
    ended = cli("import", tmp_path / "m.ubj", "--output", out, "--missing", 1)
    assert ended.code == 0, ended.err
    np.testing.assert_array_equal(fastscore.load(out).predict(coded), source.predict(coded))
    like = ["--missing", 1, "--like", "booster"]
    assert cli("import", tmp_path / "m.ubj", "--output", out, *like).code == 0
    matrix = xgboost.DMatrix(coded, missing=1.0)
    expected = source.get_booster().predict(matrix)
    np.testing.assert_array_equal(fastscore.load(out).margin(coded) > 0, expected > 0.5)
    assert fastscore.load(out).predict(coded).dtype == np.float32


def test_like_of_catboost(cli: Cli, coded: np.ndarray, tmp_path: Path) -> None:
    settings = {"iterations": 3, "verbose": 0, "thread_count": 1, "allow_writing_files": False}
    source = CatBoostRegressor(loss_function="Poisson", **settings)
    source.fit(coded, np.abs(coded[:, 0])).save_model(str(tmp_path / "m.cbm"))
    out = tmp_path / "m.fscore"
    ended = cli("import", tmp_path / "m.cbm", "--output", out, "--like", "booster")
    assert ended.code == 0, ended.err
    raw = source.predict(coded, prediction_type="RawFormulaVal")
    np.testing.assert_array_equal(fastscore.load(out).predict(coded), raw)


@pytest.mark.parametrize(
    "given", [["--missing", "0"], ["--like", "booster"], ["--unknown", "size=raise"]], ids=str
)
def test_options_for_other_models(
    cli: Cli, model_text: Path, tmp_path: Path, given: list[str]
) -> None:
    ended = cli("import", model_text, "--output", tmp_path / "m.fscore", *given)
    assert given[0] in ended.error(2)


def test_help_has_examples(cli: Cli) -> None:
    text = cli("import", "--help").out
    for option in ("--categories FILE.json", "--unknown plan=missing", "--missing -999", "--like"):
        assert option in text
