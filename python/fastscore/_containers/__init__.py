"""Containers in, containers out: one file a family.

A library is known by `sys.modules` and `isinstance`; none is imported here: data of a library that
is not imported can't exist.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from fastscore import _core
from fastscore._containers import _arrow, _ndarray, _pandas, _polars, _rows
from fastscore._containers._job import Job

_ACCEPTED = (
    "a Polars DataFrame or LazyFrame, a pandas DataFrame, a pyarrow Table or RecordBatch, any "
    "object with __arrow_c_stream__ or __arrow_c_array__, a 2-D NumPy array, a SciPy sparse "
    "matrix, a dict of columns, a list of dicts or a list of lists"
)

_SERIES = {
    "pandas": (
        "for one row pass the frame's slice, frame.iloc[[i]] or frame.loc[[label]], which keeps "
        "the columns' types (row.to_frame().T makes them objects: add .infer_objects()); for one "
        "column pass data.to_frame()"
    ),
    "polars": (
        "a row is a slice of the frame, frame[i : i + 1]; for one column pass data.to_frame()"
    ),
}
"""What to do with a Series: most often it is a row."""

_FAMILIES = (
    ("pandas", "pandas", "DataFrame"),
    ("polars", "polars", "DataFrame"),
    ("polars-lazy", "polars", "LazyFrame"),
    ("arrow-table", "pyarrow", "Table"),
    ("arrow-batch", "pyarrow", "RecordBatch"),
)
"""Kind, and the module and class by which it is known."""

_KNOWN: dict[type, str] = {np.ndarray: "numpy", dict: "dict", list: "list", tuple: "list"}
"""The kinds of classes that were met, no class derived from them."""

_SCORERS: dict[str, Callable[[Any, Job], Any]] = {
    "numpy": _ndarray.score,
    "sparse": _ndarray.score_sparse,
    "pandas": _pandas.score,
    "polars": _polars.score,
    "polars-lazy": _polars.score_lazy,
    "arrow-table": _arrow.score_table,
    "arrow-batch": _arrow.score_batch,
    "arrow": _arrow.score_other,
    "dict": _rows.score_columns,
    "list": _rows.score_list,
}

_TABLES: dict[str, Callable[[Any], _core.Table]] = {
    "numpy": _ndarray.table,
    "sparse": _ndarray.sparse_table,
    "pandas": _pandas.table,
    "polars": _polars.table,
    "arrow-table": _core.Table.from_arrow,
    "arrow-batch": _core.Table.from_arrow,
    "arrow": _core.Table.from_arrow,
    "dict": _rows.columns_table,
    "list": _rows.list_table,
}


def score_container(data: Any, job: Job) -> Any:
    """Score `data`, whatever it is, and return the output in its own kind of container."""
    return _SCORERS[kind_of(data)](data, job)


def make_table(data: Any) -> _core.Table:
    """Return the columns of `data`, which must not be lazy."""
    return _TABLES[kind_of(data)](data)


def kind_of(data: Any) -> str:
    """Which kind of container `data` is; TypeError for what is not one."""
    known = _KNOWN.get(type(data))
    if known is not None:
        return known
    if isinstance(data, np.ndarray):
        return "numpy"
    modules = sys.modules
    for kind, module, name in _FAMILIES:
        family = getattr(modules.get(module), name, None)
        if family is not None and isinstance(data, family):
            if type(data) is family:
                _KNOWN[family] = kind
            return kind
    sparse = modules.get("scipy.sparse")
    if sparse is not None and sparse.issparse(data):
        return "sparse"
    if isinstance(data, Mapping):
        return "dict"
    if isinstance(data, list | tuple):
        return "list"
    for name in ("pandas", "polars"):
        if (found := modules.get(name)) is not None and isinstance(data, found.Series):
            raise TypeError(f"data is a {_type_name(data)}, not a table: {_SERIES[name]}")
    if hasattr(data, "__arrow_c_stream__") or hasattr(data, "__arrow_c_array__"):
        return "arrow"
    hint = "; try numpy.asarray(data)" if hasattr(data, "__array__") else ""
    raise TypeError(f"data is a {_type_name(data)}; what is accepted: {_ACCEPTED}{hint}")


def _type_name(data: Any) -> str:
    kind = type(data)
    return (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )
