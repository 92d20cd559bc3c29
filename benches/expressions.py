"""What the Polars expression costs beside `fastscore.predict` and the source's `map_batches`.

    make expressions

A million real flights (drawn with repetition), a LightGBM of 500 trees and 63 leaves; a process
for each number of threads, since Polars fixes its own at its import. Rounds of all ways in turns,
the best of each.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

ROWS = 1_000_000
SOURCE_ROWS = 20_000
"""Rows for the source library, whose time a row does not depend on their number."""


def best(ways: dict[str, Callable[[], Any]], rounds: int, repeat: int = 1) -> dict[str, float]:
    """Seconds of the best round of each, rounds in turns."""
    found = dict.fromkeys(ways, float("inf"))
    for way in ways.values():
        way()
    for _ in range(rounds):
        for name, way in ways.items():
            start = time.perf_counter()
            for _ in range(repeat):
                way()
            found[name] = min(found[name], (time.perf_counter() - start) / repeat)
    return found


def worker(threads: int, rounds: int) -> None:
    import fastscore
    import fastscore.polars as fp
    import numpy as np
    import polars as pl
    from data import flights
    from models import lightgbm_binary

    data = flights()
    booster = lightgbm_binary(500, 63)(data)
    names = list(data.names)
    model = fastscore.import_model(booster, features=names)
    rows = np.random.default_rng(0).integers(0, len(data.x), ROWS)
    df = pl.DataFrame({name: data.x[rows, i] for i, name in enumerate(names)})
    expr = fp.predict(model)

    def source(batch: pl.Series) -> pl.Series:
        x = np.column_stack([batch.struct.field(name).to_numpy() for name in names])
        return pl.Series(booster.predict(x, num_threads=threads))

    mapped = pl.struct(names).map_batches(source, return_dtype=pl.Float64).alias("prediction")
    head = df.head(SOURCE_ROWS)
    assert head.select(expr).equals(model.predict(head).to_frame())
    np.testing.assert_allclose(
        head.select(mapped).to_series().to_numpy(), model.predict(head).to_numpy(), rtol=1e-14
    )
    found = best(
        {
            "fastscore.predict": lambda: model.predict(df),
            "expression, eager": lambda: df.select(expr),
            "expression, streaming": lambda: df.lazy().select(expr).collect(engine="streaming"),
        },
        rounds,
    )
    slow = best({"map_batches": lambda: head.select(mapped)}, max(1, rounds // 3))
    print(f"{threads} thread(s), {ROWS:,} rows x {len(names)} columns, Polars {pl.__version__}")
    base = found["fastscore.predict"]
    for name, seconds in found.items():
        print(f"  {name:24}{seconds / ROWS * 1e9:10.0f} ns a row  {seconds / base:6.3f}")
    source_ns = slow["map_batches"] / SOURCE_ROWS * 1e9
    ratio = source_ns / (found["expression, eager"] / ROWS * 1e9)
    print(
        f"  {'map_batches, LightGBM':24}{source_ns:10.0f} ns a row  the expression is {ratio:.1f}x"
    )
    row = df.head(1)
    total = pl.sum_horizontal(names)
    one = best(
        {
            "pl.sum_horizontal": lambda: row.select(total),
            "expression": lambda: row.select(expr),
            "pl.col(...).fastscore": lambda: row.select(pl.col(names).fastscore.predict(model)),
            "fastscore.predict": lambda: model.predict(row),
        },
        10 * rounds,
        repeat=50,
    )
    for name, seconds in one.items():
        print(f"  one row: {name:22}{seconds * 1e6:8.1f} us")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    if arguments.threads:
        worker(arguments.threads, arguments.rounds)
        return
    for threads in sorted({1, len(os.sched_getaffinity(0))}):
        limits = {name: str(threads) for name in ("POLARS_MAX_THREADS", "FASTSCORE_THREADS")}
        command = [sys.executable, __file__, "--threads", str(threads)]
        command += ["--rounds", str(arguments.rounds)]
        subprocess.run(command, check=True, env=os.environ | limits)


if __name__ == "__main__":
    main()
