"""Categories in files: text arrives unparsed, and unknown ones are reported by file and row."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cli_support import Cli

sys.path.insert(0, str(Path(__file__).parents[1]))
from test_categories import encoding, model_of, same_bits

BIG = 2**60 + 1


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "m.fscore"
    model_of(
        encoding(0, "string", ["x", "NA", "é"], unknown="raise"),
        encoding(1, "int", [BIG, 5]),
        n=3,
    ).save(path)
    return path


def test_csv_and_parquet(cli: Cli, model: Path, tmp_path: Path) -> None:
    text = f"c,a,b\n1,x,5\n2,NA,{BIG}\n3,,\n4,null,7\n5,é,5\n"
    (tmp_path / "in.csv").write_text(text, encoding="utf-8")
    frame = pd.DataFrame(
        {
            "a": pd.Categorical(["x", "NA", None, None, "é"]),
            "b": pd.array([5, BIG, None, 7, 5], dtype="Int64"),
            "c": range(1, 6),
        }
    )
    frame.to_parquet(tmp_path / "in.parquet")
    for name in ("in.csv", "in.parquet"):
        out = tmp_path / "out.csv"
        ended = cli("score", "--model", model, tmp_path / name, "--output", out, "--keep", "a")
        assert ended.code == 0, ended.err
        found = pd.read_csv(out, keep_default_na=False, na_values={"prediction_0": ["nan"]})
        same_bits(found["prediction_0"].to_numpy(float), np.array([0, 1, np.nan, np.nan, 2]))
        assert list(found["prediction_1"]) == ["1", "0", "nan", "nan", "1"]
        if name == "in.csv":
            assert list(found["a"]) == ["x", "NA", "", "null", "é"]


def test_unknown_categories_name_file_and_row(cli: Cli, model: Path, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("c,a,b\n1,x,5\n2,zz,5\n")
    ended = cli("score", "--model", model, tmp_path / "in.csv", "--output", tmp_path / "o.csv")
    message = ended.error()
    assert "in.csv" in message
    assert "row 1" in message
    assert '"zz"' in message
    assert message.endswith("import the model with --unknown a=missing\n")


def test_inspect_lists_them(cli: Cli, model: Path) -> None:
    assert "categories: a: x, NA, é, unknown: raise; b: " in cli("inspect", model).out
    features = cli("inspect", model, "--json").json()["features"]
    assert features[1] == {"name": "b", "read": True, "categories": [BIG, 5], "unknown": "missing"}
    assert features[2] == {"name": "c", "read": True}
