"""Every engine on every case, round by round, so that a slow moment harms all engines alike.

A test is one round of one engine. Before its first, results are compared with the source library's.
`run.py` gathers the best round of each.
"""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass

import fastscore
import numpy as np
import pytest
from cases import CASES, Case
from engines import ENGINES, SOURCES, Engine, Run, Scores
from pytest_benchmark.fixture import BenchmarkFixture

ROUNDS = int(os.environ.get("FASTSCORE_BENCH_ROUNDS", "7"))
ONLY = os.environ.get("FASTSCORE_BENCH_CASE", "")


@dataclass(frozen=True)
class Measure:
    case: Case
    threads: int
    engine: Engine
    round: int

    def __str__(self) -> str:
        return f"{self.case}-{self.threads} threads-{self.engine.name}-{self.round}"


def measures() -> list[Measure]:
    threads = sorted({1, fastscore._core.thread_count(None)})
    return [
        Measure(case, count, engine, i)
        for case in CASES
        if ONLY in case.name
        for count in threads
        for i in range(ROUNDS)
        for engine in ENGINES
        if engine.can_run(case, count)
    ]


@functools.cache
def expected(case: Case) -> Scores:
    """The source library's results on one thread, where they do not depend on chance."""
    (source,) = [e for e in ENGINES if e.name in SOURCES and e.can_run(case, 1)]
    return source.prepare(case, case.x, 1)()


@functools.cache
def prepared(case: Case, threads: int, engine: Engine) -> Run:
    run = engine.prepare(case, case.x[: engine.most_rows], threads)
    got, want = run(), expected(case)[: engine.most_rows]
    exact = case.tolerance == 0
    np.testing.assert_allclose(got, want, rtol=case.tolerance, atol=case.tolerance, equal_nan=False)
    assert not exact or np.array_equal(got, want)
    return run


@pytest.mark.parametrize("measure", measures(), ids=str)
def bench_model(benchmark: BenchmarkFixture, measure: Measure) -> None:
    run = prepared(measure.case, measure.threads, measure.engine)
    rows = min(measure.case.rows, measure.engine.most_rows or measure.case.rows)
    benchmark.extra_info.update(
        case=measure.case.name,
        threads=measure.threads,
        engine=measure.engine.name,
        rows=rows,
        rows_of_case=measure.case.rows,
    )
    benchmark.pedantic(run, rounds=1, iterations=500 if rows == 1 else 1)
