"""Polars frames by Arrow capsules; a LazyFrame stays lazy."""

import re
import sys
from collections.abc import Sequence
from typing import Any

from fastscore import _core
from fastscore._containers._job import Job, Result


def score(frame: Any, job: Job) -> Any:
    """Score a DataFrame: a Series or a DataFrame."""
    return _wrap(sys.modules["polars"], job.run(table(frame)))


def table(frame: Any) -> _core.Table:
    """Return the frame's columns."""
    polars = sys.modules["polars"]
    if not frame.width or polars.Object in frame.dtypes:
        columns = [_column(polars, series) for series in frame.iter_columns()]
        return _core.Table.from_columns(frame.columns, columns, frame.height)
    return _core.Table.from_arrow(frame)


def _column(polars: Any, series: Any) -> Any:
    # Columns of Python objects have no Arrow form.
    return "Object" if series.dtype == polars.Object else series


def _wrap(polars: Any, result: Result) -> Any:
    if result.layout.single:
        column = result.scores.column(0)
        return polars.Series(column.name, column)
    return polars.DataFrame(result.scores)


def score_lazy(frame: Any, job: Job) -> Any:
    """Score a LazyFrame: a LazyFrame of the outputs, whose schema is known at once.

    Errors of the columns' names and types are raised here, errors of the values when the query
    runs.
    """
    polars = sys.modules["polars"]
    schema = frame.collect_schema()
    empty = score(polars.DataFrame(schema=schema), job)
    wanted = _columns_read(job.core, schema.names())
    source = frame if wanted is None else frame.select(wanted)

    def run(batch: Any) -> Any:
        scored = score(batch, job)
        return scored.to_frame() if job.layout.single else scored

    outputs = empty.to_frame().schema if job.layout.single else empty.schema
    return source.map_batches(
        run,
        predicate_pushdown=False,
        projection_pushdown=False,
        slice_pushdown=False,
        schema=dict(outputs),
    )


def _columns_read(core: _core.Model, columns: Sequence[str]) -> list[str] | None:
    """Pick the columns that the model reads; None when it needs all (it matches by position)."""
    names = core.feature_names
    if names is None:
        return None
    read = {_plain(name) for name, used in zip(names, core.features_read, strict=True) if used}
    # At least one column stays: a frame without columns would lose its rows.
    return [name for name in columns if _plain(name) in read] or list(columns[:1])


def _plain(name: str) -> str:
    """Rewrite white space as some models do: at worst a column too many is read."""
    return re.sub(r"\s", "_", name)
