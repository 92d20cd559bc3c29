"""Keras's files on the command line."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from pathlib import Path

import networks
import numpy as np
import pandas as pd
import pytest
from cli_support import Cli, process
from fastscore._commands._logs import without_logs

pytestmark = [pytest.mark.filterwarnings(each) for each in networks.WARNINGS]

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "keras-3.12.0"


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_import_and_verify(cli: Cli, tmp_path: Path, ending: str) -> None:
    # The content decides, not the name.
    shutil.copy(GOLDEN / f"sequential.{ending}", tmp_path / "m.model")
    rows = np.random.default_rng(1).normal(size=(40, 5))
    pd.DataFrame(rows, columns=list("abcde")).to_parquet(tmp_path / "rows.parquet")
    out = tmp_path / "m.fscore"
    ended = cli("import", tmp_path / "m.model", "--output", out, "--classes", "x,y,z")
    assert ended.code == 0, ended.err
    assert "5 features" in ended.out
    ended = cli("verify", out, "--against", tmp_path / "m.model", tmp_path / "rows.parquet")
    assert ended.code == 0, ended.err
    assert "1e-6 of the sums of |weight x value|" in ended.out
    assert "probability" in ended.out


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """A network of two outputs."""
    keras = networks.keras
    start = keras.Input((2,), name="x")
    kind = keras.layers.Dense(3, activation="softmax", name="kind")(start)
    churn = keras.layers.Dense(1, activation="sigmoid", name="churn")(start)
    keras.Model(start, {"kind": kind, "churn": churn}).save(tmp_path / "two.keras")
    pd.DataFrame({"a": [0.5, -1.0, 3.0], "b": [1.0, 2.0, -2.0]}).to_parquet(tmp_path / "x.parquet")
    return tmp_path / "two.keras"


def test_classes_of_several_outputs(cli: Cli, two: Path, tmp_path: Path) -> None:
    classes = {"kind": ["a", "b", "c"], "churn": [0, 1]}
    out = tmp_path / "two.fscore"
    arguments = ["import", two, "--output", out, "--classes"]
    assert cli(*arguments, json.dumps(classes)).code == 0
    found = cli("inspect", out, "--json").json()
    assert found["classes"] == [["a", "b", "c"], [0, 1]]
    ended = cli("verify", out, "--against", two, tmp_path / "x.parquet")
    assert ended.code == 0, ended.err
    assert "prediction churn" in ended.out


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("a,b", '--classes of a model of several outputs is a JSON object, {"OUTPUT": [...]}'),
        ('{"kind": 3}', "has no list of labels for 'kind'"),
        ('{"kind":', "begins like a JSON object but is none"),
        ('{"other": [1, 2]}', "--classes names 'other', but the outputs are"),
    ],
)
def test_classes_of_several_outputs_that_do_not_fit(
    cli: Cli, two: Path, tmp_path: Path, given: str, said: str
) -> None:
    error = cli("import", two, "--output", tmp_path / "m", "--classes", given).error(2)
    assert said in error


def test_logs_do_not_reach_the_terminal(
    cli: Cli, two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL")
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS")
    assert cli("import", two, "--output", tmp_path / "two.fscore").code == 0
    arguments = ["verify", tmp_path / "two.fscore", "--against", two, tmp_path / "x.parquet"]
    with process(*arguments) as ended:
        out, err = ended.communicate()
    assert ended.returncode == 0, err
    assert b"within what is promised" in out
    assert err == b""
    shutil.copy(GOLDEN / "sequential.keras", two)
    with process(*arguments) as ended:
        out, err = ended.communicate()
    assert ended.returncode == 1
    assert err.startswith(b"error: ")
    assert err.count(b"\n") == 1


def test_what_is_no_log_reaches_the_terminal(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = [
        "I0000 00:00:1795896635.97   19451 port.cc:153] oneDNN custom operations are on.",
        "W0000 00:00:1795896635.97   19451 other.cc:1] slow",
        "2026-11-28 20:00:00.1: I tensorflow/core/util/port.cc:153] oneDNN",
        "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
        "To enable the following instructions: AVX2 FMA, rebuild TensorFlow.",
    ]
    errors = ["E0000 00:00:1795896635.97   19451 other.cc:1] out of memory", "Segmentation fault"]
    for level in (None, "0"):
        if level is None:
            monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL")
        else:
            monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", level)
        capfd.readouterr()
        with contextlib.suppress(KeyError), without_logs():
            os.write(2, "\n".join([*logs, *errors, ""]).encode())
            raise KeyError
        due = errors if level is None else logs + errors
        assert capfd.readouterr().err.splitlines() == due
        assert os.environ.get("TF_CPP_MIN_LOG_LEVEL") == level
