"""Polars frames by Arrow capsules; a LazyFrame stays lazy."""

import importlib
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
    if not frame.width or any(kind in _awkward(polars) for kind in frame.dtypes):
        columns = [column(series) for series in frame.iter_columns()]
        return _core.Table.from_columns(frame.columns, columns, frame.height)
    return _core.Table.from_arrow(exported(frame))


def column(series: Any) -> Any:
    """One Series; columns of Python objects have no Arrow form."""
    polars = sys.modules["polars"]
    if series.dtype == polars.Object:
        return "Object"
    # Polars exports columns of nulls and 128-bit integers in ways of its own.
    return exported(series.cast(polars.Float64) if series.dtype in _awkward(polars) else series)


def _awkward(polars: Any) -> tuple[Any, ...]:
    """Return the types that are not read by their Arrow form."""
    names = ("Object", "Null", "Int128", "UInt128")
    return tuple(getattr(polars, name) for name in names if hasattr(polars, name))


def exported(data: Any) -> Any:
    """Return `data` with Arrow capsules; the first versions of Polars go by pyarrow."""
    return data if hasattr(data, "__arrow_c_stream__") else data.to_arrow()


def _wrap(polars: Any, result: Result) -> Any:
    if not hasattr(polars.DataFrame, "__arrow_c_stream__"):
        frame = polars.from_arrow(importlib.import_module("pyarrow").table(result.scores))
        return frame.to_series() if result.layout.single else frame
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
