"""Keras's files on the command line."""

from __future__ import annotations

import shutil
from pathlib import Path

import networks  # noqa: F401 - the environment that Keras reads
import numpy as np
import pandas as pd
import pytest
from cli_support import Cli

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
