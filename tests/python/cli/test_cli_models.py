"""`fastscore import`, `inspect` and `verify`."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import catboost
import cloudpickle
import fastscore
import joblib
import lightgbm
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import xgboost
from cli_support import Cli
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

# --- import ---


def test_a_text_model(
    cli: Cli,
    credit: pd.DataFrame,
    columns: list[str],
    booster: lightgbm.Booster,
    model_text: Path,
    tmp_path: Path,
) -> None:
    out = tmp_path / "m.fscore"
    ended = cli("import", model_text, "--output", out)
    assert ended.code == 0, ended.err
    assert "9 features, 30 trees" in ended.out
    margin = fastscore.load(out).margin(credit[columns])
    expected = booster.predict(credit[columns], raw_score=True, num_threads=1)
    np.testing.assert_array_equal(margin, expected)


def test_classes_and_iterations(
    cli: Cli, credit: pd.DataFrame, columns: list[str], model_text: Path, tmp_path: Path
) -> None:
    out = tmp_path / "m.fscore"
    found = cli(
        "import",
        model_text,
        "--output",
        out,
        "--classes",
        "good, bad",
        "--iterations",
        7,
        "--json",
    ).json()
    assert found["output"] == str(out)
    assert found["classes"] == [["good", "bad"]]
    assert found["steps"][0]["trees"] == 7
    labels = fastscore.load(out).predict(credit[columns])
    assert set(labels) == {"good", "bad"}


@pytest.mark.parametrize(
    ("given", "labels"),
    [
        ("3,5", [3, 5]),
        ("-1, 1", [-1, 1]),
        ("a,1", ["a", "1"]),
        ('["0", "1"]', ["0", "1"]),
        ('["a, b", "c"]', ["a, b", "c"]),
        ("[false, true]", [False, True]),
    ],
)
def test_how_classes_are_read(
    cli: Cli, model_text: Path, tmp_path: Path, given: str, labels: list[object]
) -> None:
    out = tmp_path / "m.fscore"
    found = cli("import", model_text, "--output", out, "--classes", given, "--json").json()
    assert found["classes"] == [labels]
    assert list(map(type, found["classes"][0])) == list(map(type, labels))


def test_features_for_a_nameless_model(
    cli: Cli, credit: pd.DataFrame, columns: list[str], tmp_path: Path
) -> None:
    booster = lightgbm.train(
        {"objective": "regression", "num_threads": 1, "verbose": -1},
        lightgbm.Dataset(credit[columns].to_numpy(), label=credit["Price"]),
        num_boost_round=3,
    )
    booster.save_model(tmp_path / "m.txt")
    out = tmp_path / "m.fscore"
    ended = cli("import", tmp_path / "m.txt", "--output", out, "--features", ",".join(columns))
    assert ended.code == 0, ended.err
    shuffled = credit[columns[::-1]]
    expected = booster.predict(credit[columns].to_numpy(), num_threads=1)
    np.testing.assert_array_equal(fastscore.load(out).predict(shuffled), expected)


@pytest.mark.parametrize("ending", ["pkl", "joblib", "joblib.gz", "model"])
def test_a_pickle_needs_trust(
    cli: Cli,
    credit: pd.DataFrame,
    columns: list[str],
    logistic: LogisticRegression,
    tmp_path: Path,
    ending: str,
) -> None:
    source, out = tmp_path / f"my model.{ending}", tmp_path / "m.fscore"
    if ending == "pkl":
        source.write_bytes(pickle.dumps(logistic))
    else:
        joblib.dump(logistic, source)

    error = cli("import", source, "--output", out).error()
    assert "is a pickle" in error
    assert "--trust-pickle" in error
    assert not out.exists()

    ended = cli("import", source, "--output", out, "--trust-pickle")
    assert ended.code == 0, ended.err
    known = credit.dropna(subset=columns)[columns]
    assert fastscore.load(out).predict(known).tolist() == logistic.predict(known).tolist()


def test_nothing_is_run_without_trust(cli: Cli, tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[object, ...]]:
            return (Path(tmp_path / "ran").touch, ())

    source = tmp_path / "m.pkl"
    source.write_bytes(cloudpickle.dumps(Bomb()))
    out = tmp_path / "m.fscore"
    for arguments in (
        ["import", source, "--output", out],
        ["inspect", source],
        ["score", source, "--model", source, "--output", tmp_path / "o.parquet"],
        ["verify", source, "--against", source, source],
    ):
        cli(*arguments).error()
        assert not (tmp_path / "ran").exists()
    cli("import", source, "--output", out, "--trust-pickle").error()
    assert (tmp_path / "ran").exists()


def test_a_pickle_whose_module_is_not_there(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "house.py").write_text("class Model:\n    pass\n")
    code = "import house, pickle; pickle.dump(house.Model(), open('m.pkl', 'wb'))"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    out = tmp_path / "m.fscore"
    error = cli("import", tmp_path / "m.pkl", "--output", out, "--trust-pickle").error()
    assert "'house'" in error
    assert "environment" in error


def test_a_damaged_pickle(cli: Cli, logistic: LogisticRegression, tmp_path: Path) -> None:
    source = tmp_path / "m.pkl"
    source.write_bytes(pickle.dumps(logistic)[:300])
    out = tmp_path / "m.fscore"
    error = cli("import", source, "--output", out, "--trust-pickle").error()
    assert "m.pkl can't be unpickled" in error


def test_what_can_not_be_imported(cli: Cli, credit: pd.DataFrame, tmp_path: Path) -> None:
    source = tmp_path / "m.joblib"
    joblib.dump(SVC().fit(credit[["Age", "Price"]], credit["Status"]), source)
    out = tmp_path / "m.fscore"
    assert "SVC" in cli("import", source, "--output", out, "--trust-pickle").error()
    assert not out.exists()


def test_trust_is_no_matter_for_other_files(cli: Cli, model_text: Path, tmp_path: Path) -> None:
    out = tmp_path / "m.fscore"
    assert cli("import", model_text, "--output", out, "--trust-pickle").code == 0
    assert fastscore.load(out) == fastscore.load(model_text)


def test_the_output_is_the_input(cli: Cli, model_text: Path) -> None:
    before = model_text.read_bytes()
    assert "is also an input" in cli("import", model_text, "--output", model_text).error()
    assert model_text.read_bytes() == before


@pytest.mark.parametrize("part", [0.001, 0.5])
def test_a_cut_text_model(cli: Cli, model_text: Path, tmp_path: Path, part: float) -> None:
    source = tmp_path / "cut.txt"
    data = model_text.read_bytes()
    source.write_bytes(data[: int(len(data) * part)])
    out = tmp_path / "m.fscore"
    assert "cut.txt" in cli("import", source, "--output", out).error()
    assert not out.exists()


def test_an_output_that_can_not_be_written(cli: Cli, model_text: Path) -> None:
    error = cli("import", model_text, "--output", "/proc/fastscore.fscore").error()
    assert "/proc/fastscore.fscore" in error


def test_the_output_is_a_link_to_the_input(cli: Cli, model_text: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.fscore"
    link.symlink_to(model_text)
    before = model_text.read_bytes()
    assert "is also an input" in cli("import", model_text, "--output", link).error()
    assert model_text.read_bytes() == before


def test_the_output_of_scores_is_the_model(
    cli: Cli, model: Path, parquet: Path, tmp_path: Path
) -> None:
    before = model.read_bytes()
    link = tmp_path / "link.parquet"
    link.symlink_to(model)
    for output in (model, link):
        arguments = ["score", parquet, "--model", model, "--output", output]
        assert "is also an input" in cli(*arguments, "--format", "parquet").error()
    assert model.read_bytes() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--classes", "a,b,c"], "error: --classes has 3 labels"),
        (["--classes", "a,a"], "error: --classes: class labels must be distinct"),
        (["--iterations", "99"], "error: --iterations 99 is out of range"),
        (["--features", "a,a"], "error: --features has duplicates"),
        (["--features", "a,b"], "error: "),
    ],
)
def test_options_that_do_not_fit(
    cli: Cli, model_text: Path, tmp_path: Path, options: list[str], message: str
) -> None:
    error = cli("import", model_text, "--output", tmp_path / "m.fscore", *options).error(2)
    assert error.startswith(message)
    assert "ValueError" not in error
    assert "fastscore import --help" in error


# --- inspect ---


def test_inspect_a_classifier(
    cli: Cli, credit: pd.DataFrame, columns: list[str], tmp_path: Path
) -> None:
    known = credit.dropna(subset=columns)
    forest = RandomForestClassifier(n_estimators=12, max_depth=4, random_state=0, n_jobs=1)
    fastscore.import_model(forest.fit(known[columns], known["Status"])).save(tmp_path / "m.fscore")

    found = cli("inspect", tmp_path / "m.fscore", "--json").json()
    assert found["class"] == "RandomForestClassifier"
    assert found["library"] == "scikit-learn"
    assert [feature["name"] for feature in found["features"]] == columns
    assert found["classes"] == [["bad", "good"]]
    assert found["outputs"]["probability"] == ["probability_bad", "probability_good"]
    assert len(found["outputs"]["leaf"]) == 12
    (step,) = [step for step in found["steps"] if step["op"] == "forest"]
    leaves = [tree.get_n_leaves() for tree in forest.estimators_]
    assert step["trees"] == 12
    assert step["leaves"] == sum(leaves)
    assert step["splits"] == sum(leaves) - 12
    assert found["plan"]

    text = cli("inspect", tmp_path / "m.fscore")
    assert text.code == 0
    for part in ["RandomForestClassifier", "12 trees", "Seniority", "bad, good", "plan:"]:
        assert part in text.out


def test_inspect_a_source_file(cli: Cli, model_text: Path) -> None:
    found = cli("inspect", model_text, "--json").json()
    assert found["library"] == "LightGBM"
    assert found["model"] == str(model_text)
    assert found["classes"] == [None]


def test_inspect_a_linear_model(cli: Cli, logistic: LogisticRegression, tmp_path: Path) -> None:
    fastscore.import_model(logistic).save(tmp_path / "m.fscore")
    found = cli("inspect", tmp_path / "m.fscore", "--json").json()
    assert found["steps"][0] == {"op": "linear", "inputs": 9, "outputs": 1}
    assert "leaf" not in found["outputs"]


@pytest.mark.parametrize("at", [20, 2000, -20])
def test_inspect_a_damaged_model(cli: Cli, model: Path, tmp_path: Path, at: int) -> None:
    data = bytearray(model.read_bytes())
    data[at] ^= 1
    damaged = tmp_path / "damaged.fscore"
    damaged.write_bytes(data)
    assert "damaged.fscore" in cli("inspect", damaged).error()


# --- verify ---


def test_verify_text(cli: Cli, model: Path, model_text: Path, parquet: Path) -> None:
    ended = cli("verify", model, "--against", model_text, parquet)
    assert ended.code == 0, ended.err
    assert "margin" in ended.out
    found = cli("verify", model, "--against", model_text, parquet, "--json", "--rows", 1000).json()
    assert found["ok"] is True
    assert found["rows"] == 1000
    (margin,) = [check for check in found["checks"] if check["output"] == "margin"]
    assert margin["equal_rows"] == 1000
    assert margin["largest_difference"] == 0


def test_verify_a_pickle(
    cli: Cli, credit: pd.DataFrame, columns: list[str], logistic: LogisticRegression, tmp_path: Path
) -> None:
    fastscore.import_model(logistic).save(tmp_path / "m.fscore")
    joblib.dump(logistic, tmp_path / "m.joblib")
    credit.dropna(subset=columns).to_csv(tmp_path / "in.csv", index=False)
    arguments = ["verify", tmp_path / "m.fscore", "--against", tmp_path / "m.joblib"]
    error = cli(*arguments, tmp_path / "in.csv").error()
    assert "--trust-pickle" in error
    ended = cli(*arguments, tmp_path / "in.csv", "--trust-pickle")
    assert ended.code == 0, ended.err
    assert "prediction" in ended.out


@pytest.mark.parametrize("ending", ["json", "ubj"])
def test_verify_xgboost_files(
    cli: Cli, credit: pd.DataFrame, columns: list[str], parquet: Path, tmp_path: Path, ending: str
) -> None:
    labels = (credit["Status"] == "bad").astype(int)
    source = xgboost.XGBClassifier(n_estimators=5, n_jobs=1).fit(credit[columns], labels)
    # The content decides, not the name.
    source.get_booster().save_model(tmp_path / f"m.{ending}")
    (tmp_path / f"m.{ending}").rename(tmp_path / "m.model")
    for like in ("booster", "estimator"):
        arguments = [tmp_path / "m.model", "--like", like, "--output", tmp_path / f"{like}.fscore"]
        assert cli("import", *arguments).code == 0
        fscore = tmp_path / f"{like}.fscore"
        ended = cli("verify", fscore, "--against", tmp_path / "m.model", parquet)
        assert ended.code == 0, ended.err
        assert "probability" in ended.out


@pytest.mark.parametrize("ending", ["cbm", "json"])
@pytest.mark.parametrize("kind", ["classifier", "raw", "Poisson"])
def test_verify_catboost_files(
    cli: Cli,
    credit: pd.DataFrame,
    columns: list[str],
    parquet: Path,
    tmp_path: Path,
    kind: str,
    ending: str,
) -> None:
    common = {"iterations": 5, "thread_count": 1, "verbose": 0, "allow_writing_files": False}
    if kind == "classifier":
        source = catboost.CatBoostClassifier(**common).fit(credit[columns], credit["Status"])
    else:
        loss = "RMSE" if kind == "raw" else kind
        source = catboost.CatBoostRegressor(loss_function=loss, **common)
        source.fit(credit[columns], credit["Time"].fillna(0))
    file = tmp_path / "m.model"
    source.save_model(str(file), format=ending)
    assert cli("import", file, "--output", tmp_path / "m.fscore").code == 0
    ended = cli("verify", tmp_path / "m.fscore", "--against", file, parquet)
    assert ended.code == 0, ended.err
    assert "margin" in ended.out


def test_verify_without_the_library(
    cli: Cli, model: Path, model_text: Path, parquet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    error = cli("verify", model, "--against", model_text, parquet).error()
    assert "credit.txt needs LightGBM" in error
    assert "pip install lightgbm" in error


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("m.cbm", b"CBM1", "a file of CatBoost, but the model was imported from LightGBM"),
        ("m.json", b'{"learner": {"gradient_booster": {}}}', "a file of XGBoost, but"),
        ("m.txt", b"tree\nnum", "m.txt"),
        ("m.joblib", pickle.dumps({}), "is a pickle, which runs code: add --trust-pickle"),
        ("rows.csv", b"a,b\n", "is a table, not a model"),
        ("m.txt", b"hello", "is no model file that is known; the model was imported from LightGBM"),
    ],
)
def test_verify_against_another_file(
    cli: Cli, model: Path, parquet: Path, tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    error = cli("verify", model, "--against", tmp_path / name, parquet).error()
    assert said in error
    assert "--verbose" not in error


def test_verify_against_another_pickle(
    cli: Cli, model: Path, logistic: LogisticRegression, parquet: Path, tmp_path: Path
) -> None:
    arguments = ["verify", model, parquet, "--trust-pickle", "--against", tmp_path / "m.joblib"]
    for found, said in (
        (logistic, "m.joblib: source is a LogisticRegression of scikit-learn, but the model was"),
        ({"a": 1}, "m.joblib: source is a builtins.dict"),
    ):
        joblib.dump(found, tmp_path / "m.joblib")
        assert said in cli(*arguments).error()


def test_a_broken_promise_ends_with_1(
    cli: Cli,
    credit: pd.DataFrame,
    columns: list[str],
    model: Path,
    parquet: Path,
    tmp_path: Path,
) -> None:
    other = lightgbm.train(
        {"objective": "binary", "num_leaves": 4, "num_threads": 1, "verbose": -1},
        lightgbm.Dataset(credit[columns], label=credit["Status"] == "bad"),
        num_boost_round=30,
    )
    other.save_model(tmp_path / "other.txt")
    for options in ([], ["--json"]):
        ended = cli("verify", model, "--against", tmp_path / "other.txt", parquet, *options)
        assert ended.code == 1
        assert ended.err.startswith("error: ")
        assert "margin" in ended.err
    assert json.loads(ended.out)["ok"] is False


def test_verify_with_what_is_no_source(
    cli: Cli, model: Path, parquet: Path, tmp_path: Path
) -> None:
    assert "fastscore itself" in cli("verify", model, "--against", model, parquet).error()
    error = cli("verify", model, "--against", tmp_path / "no.txt", parquet).error()
    assert "no.txt: No such file" in error
    assert "Errno" not in error
    error = cli("verify", model, "--against", tmp_path, parquet).error()
    assert "is a folder, not a file" in error


def test_verify_without_rows(cli: Cli, model: Path, model_text: Path, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("Seniority,Time,Age,Expenses,Income,Assets,Debt,Amount,Price\n")
    assert "has no rows" in cli("verify", model, "--against", model_text, source).error()


@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.9])
def test_verify_against_a_cut_text(
    cli: Cli, model: Path, model_text: Path, parquet: Path, tmp_path: Path, part: float
) -> None:
    source = tmp_path / "cut.txt"
    data = model_text.read_bytes()
    source.write_bytes(data[: int(len(data) * part)])
    assert "cut.txt" in cli("verify", model, "--against", source, parquet).error()


def test_verify_against_another_model(
    cli: Cli, model: Path, booster: lightgbm.Booster, parquet: Path, tmp_path: Path
) -> None:
    booster.save_model(tmp_path / "other.txt", num_iteration=3)
    error = cli("verify", model, "--against", tmp_path / "other.txt", parquet).error()
    assert "other.txt: the source gives 3 leaf columns, the model 30" in error


def test_verify_rows_that_the_source_refuses(
    cli: Cli, logistic: LogisticRegression, parquet: Path, tmp_path: Path
) -> None:
    fastscore.import_model(logistic).save(tmp_path / "m.fscore")
    joblib.dump(logistic, tmp_path / "m.joblib")
    error = cli(
        "verify",
        tmp_path / "m.fscore",
        "--against",
        tmp_path / "m.joblib",
        parquet,
        "--trust-pickle",
    ).error()
    assert "credit.parquet: column" in error
    assert "fill or drop these rows" in error
    assert "propagate" not in error


def test_verify_json_is_json(cli: Cli, model: Path, model_text: Path, parquet: Path) -> None:
    ended = cli("verify", model, "--against", model_text, parquet, "--json")

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    found = json.loads(ended.out, parse_constant=refuse)
    (leaf,) = [check for check in found["checks"] if check["output"] == "leaf"]
    assert leaf["largest_difference"] is None


# --- the program ---


def test_without_arguments(cli: Cli) -> None:
    ended = cli()
    assert ended.code == 0
    assert ended.err == ""
    assert ended.out.startswith("Usage: fastscore")
    assert "\nCommands:\n  import " in ended.out


def test_as_a_program(parquet: Path, model_text: Path, tmp_path: Path) -> None:
    """The entry point that the package installs, from another folder, with relative paths."""
    program = Path(sys.executable).parent / "fastscore"
    for arguments in (
        ["import", model_text, "--output", "m.fscore"],
        ["score", parquet, "--model", "m.fscore", "--output", "o.parquet", "--keep", "id"],
        ["inspect", "m.fscore"],
    ):
        done = subprocess.run(
            [program, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert pq.read_schema(tmp_path / "o.parquet").names == ["id", "prediction"]
