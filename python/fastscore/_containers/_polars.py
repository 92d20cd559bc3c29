"""Polars frames by Arrow capsules; a LazyFrame stays lazy."""

import importlib
import sys
from typing import Any

from fastscore import _core
from fastscore._containers._job import Job, Result


def score(frame: Any, job: Job) -> Any:
    """Score a DataFrame: a Series or a DataFrame."""
    polars = sys.modules["polars"]
    kinds = _kinds(frame)
    if _lacks_arrow(polars, kinds):
        return _wrap(polars, job.run(table(frame)))
    result = None
    if 0 < frame.height <= _core.FEW_ROWS and kinds == {polars.Float64}:
        # Null is NaN: one missing value.
        result = job.run_few(frame.to_numpy(), frame.columns)
    return _wrap(polars, result or job.run_arrow(exported(frame)))


def table(frame: Any) -> _core.Table:
    """Return the frame's columns."""
    if _lacks_arrow(sys.modules["polars"], _kinds(frame)):
        columns = [column(series) for series in frame.iter_columns()]
        return _core.Table.from_columns(frame.columns, columns, frame.height)
    return _core.Table.from_arrow(exported(frame))


def _kinds(frame: Any) -> set[type]:
    """Return the classes of the columns' types."""
    return {dtype if isinstance(dtype, type) else type(dtype) for dtype in frame.dtypes}


def _lacks_arrow(polars: Any, kinds: set[type]) -> bool:
    """Whether a frame of such columns has no Arrow form: Python objects, or no column at all."""
    return not kinds or polars.Object in kinds


def column(series: Any) -> Any:
    """One Series; columns of Python objects have no Arrow form."""
    return "Object" if series.dtype == sys.modules["polars"].Object else exported(series)


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
    from fastscore.polars import expression

    output, single = job.layout.output, job.layout.single
    score(sys.modules["polars"].DataFrame(schema=frame.collect_schema()), job)
    scored = frame.select(expression(job.core, (), output, job.missing, job.threads))
    return scored if single else scored.unnest(output)
