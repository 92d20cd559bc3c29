"""Score files: read, score and write a batch at a time, so that memory does not grow with the data.

    files --read--> tables --score--> batches --write--> temporary file --rename--> output

Reading and scoring have a thread each (scoring hands on to the worker pool), so the three overlap.
The files of a job are one data set. All of them are opened and their columns checked before a row
is scored. The output appears under its name only when it is whole and on disk.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Literal, TypeVar, cast

import pyarrow as pa

from fastscore import _core
from fastscore._jobs._base import COMPRESSIONS, STDIO, Format, JobError, format_of
from fastscore._jobs._columns import Columns
from fastscore._jobs._read import find_inputs, open_source
from fastscore._jobs._rows import Job, features_of
from fastscore._jobs._write import check_output, sink_of, writer, writing

__all__ = [
    "COMPRESSIONS",
    "STDIO",
    "Format",
    "JobError",
    "JobReport",
    "check_output",
    "format_of",
    "read_head",
    "score_files",
    "writing",
]

T = TypeVar("T")

_BATCH_ROWS: Final = 131_072
_BATCH_BYTES: Final = 32 << 20


@dataclass(frozen=True)
class JobReport:
    """What a job did."""

    output: str
    rows: int
    seconds: float
    columns: list[str]

    @property
    def rows_per_second(self) -> float:
        """Rows scored a second, reading and writing included."""
        return self.rows / self.seconds if self.seconds > 0 else 0.0


def _ahead(items: Iterable[T], depth: int) -> Iterator[T]:
    """Make the items in a thread of their own, at most `depth` of them ahead."""
    end = object()
    source = iter(items)
    pool = ThreadPoolExecutor(1)
    try:
        pending = deque(pool.submit(next, source, end) for _ in range(depth))
        while (item := pending.popleft().result()) is not end:
            pending.append(pool.submit(next, source, end))
            yield cast("T", item)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def read_head(core: _core.Model, name: str, rows: int) -> pa.Table:
    """Read the first rows of a data set, with the columns that the model reads."""
    columns = Columns(core, ())
    sources = [open_source(found, columns) for found in find_inputs([name])]
    job = Job(core, sources, columns, outputs=("margin",), threads=None, missing="propagate")
    tables: list[pa.Table] = []
    for read in job.read(min(rows, _BATCH_ROWS)):
        tables.append(features_of(read))
        if sum(t.num_rows for t in tables) >= rows:
            break
    if not tables:
        raise JobError(f"{name} has no rows")
    return pa.concat_tables(tables, promote_options="permissive").slice(0, rows)


def score_files(
    core: _core.Model,
    inputs: Sequence[str],
    output: str,
    *,
    outputs: Sequence[str] = ("prediction",),
    keep: Sequence[str] | Literal["all"] = (),
    threads: int | None = None,
    missing: str = "source",
    batch_rows: int | None = None,
    format_: Format = "parquet",
    compression: str | None = None,
    overwrite: bool = True,
    started: Callable[[int | None], None] = lambda rows: None,
    progress: Callable[[int], None] = lambda rows: None,
) -> JobReport:
    """Score files into a file.

    `started` hears how many rows there are, where that is known; `progress` how many more are done.
    """
    begin = time.perf_counter()
    names = find_inputs(inputs)
    check_output(output, names, overwrite=overwrite)
    columns = Columns(core, keep)
    job = Job(
        core,
        [open_source(name, columns) for name in names],
        columns,
        outputs=outputs,
        threads=threads,
        missing=missing,
    )
    rows = batch_rows or max(1024, min(_BATCH_ROWS, _BATCH_BYTES // max(job.row_bytes, 1)))
    compression = compression or COMPRESSIONS[format_][0]
    started(job.rows)
    done = 0
    with (
        writing(output),
        sink_of(output) as sink,
        writer(sink, job.schema, format_, compression, stream=output == STDIO) as opened,
    ):
        for batch in _ahead(map(job.score, _ahead(job.read(rows), 2)), 1):
            opened.write(batch)
            done += batch.num_rows
            progress(batch.num_rows)
    return JobReport(output, done, time.perf_counter() - begin, job.schema.names)
