"""Plain Python data: dicts of columns, lists of dicts, lists of lists."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore import _core
from fastscore._containers import _ndarray, _pandas, _polars, _values
from fastscore._containers._job import Job, Result
from fastscore._containers._values import Column
from fastscore._errors import SchemaError


def score_columns(data: Mapping[Any, Any], job: Job) -> dict[str, NDArray[Any]]:
    """Score a dict of columns: a dict of arrays, keyed by the output's column names."""
    result = job.run_few_python(data) or job.run(columns_table(data))
    return dict(result.columns())


def columns_table(data: Mapping[Any, Any]) -> _core.Table:
    """Return the columns of a dict of columns."""
    table = _core.Table.from_arrays(data) if type(data) is dict else None
    if table is not None:
        return table
    names, columns, lengths = [], [], []
    if data and all(map(_is_scalar, data.values())):
        name, value = next(iter(data.items()))
        raise TypeError(
            f"data is a dict of single values (column {name!r} is a {type(value).__name__}): one "
            "row is a list of one dict, [data]; a dict of columns has a list or an array for each"
        )
    for name, values in data.items():
        if not isinstance(name, str):
            raise TypeError(
                f"the keys of a dict of columns must be str; {name!r} is a {type(name).__name__}"
            )
        found, length = column(name, values)
        names.append(name)
        columns.append(found)
        lengths.append(length)
    if len(set(lengths)) > 1:
        sizes = ", ".join(
            f"{name!r}: {length}" for name, length in zip(names[:20], lengths[:20], strict=True)
        )
        more = "" if len(names) <= 20 else f", ... ({len(names)} columns)"
        raise SchemaError(f"the columns have unequal lengths: {sizes}{more}")
    return _core.Table.from_columns(names, columns, lengths[0] if lengths else 0)


def column(name: str, values: Any) -> tuple[Column, int]:
    """One column of a dict, and its length."""
    if isinstance(values, np.ndarray):
        if values.ndim == 2 and values.shape[1] == 1:
            values = values[:, 0]
        if values.ndim != 1:
            raise _not_a_column(name, values)
        return _values.from_array(values), len(values)
    if isinstance(values, list | tuple | range):
        return _values.from_list(list(values)), len(values)
    pandas: Any = sys.modules.get("pandas")
    if pandas is not None:
        if isinstance(values, pandas.Index):
            values = values.to_series()
        elif isinstance(values, pandas.api.extensions.ExtensionArray):
            values = pandas.Series(values)
        if isinstance(values, pandas.Series):
            return _pandas.column(values), len(values)
    polars: Any = sys.modules.get("polars")
    if polars is not None and isinstance(values, polars.Series):
        return _polars.column(values), len(values)
    if hasattr(values, "__arrow_c_array__") or hasattr(values, "__arrow_c_stream__"):
        return values, len(values)
    if hasattr(values, "combine_chunks"):
        return _values.from_chunked(values), len(values)
    if isinstance(values, Sequence) and not isinstance(
        values, str | bytes | bytearray | memoryview
    ):
        return _values.from_list(list(values)), len(values)
    raise _not_a_column(name, values)


def _is_scalar(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.ndim == 0
    return value is None or isinstance(value, str | bytes) or np.isscalar(value)


def _not_a_column(name: str, values: Any) -> TypeError:
    found, hint = f"a {type(values).__name__}", ""
    if isinstance(values, np.ndarray):
        found = f"a {values.ndim}-D array"
    if isinstance(values, np.ndarray) and values.ndim == 2:
        found += f" of {values.shape[1]} columns"
        hint = (
            ": make a column of each, as models of several inputs name them, "
            f'{{f"{name}_{{i}}": array[:, i] for i in range({values.shape[1]})}}'
        )
    return TypeError(
        f"column {name!r} is {found}; a column is a list, a 1-D NumPy array, an Arrow array, a "
        f"pandas or a Polars Series{hint}"
    )


def score_list(data: Sequence[Any], job: Job) -> Any:
    """Score a list of dicts (a list of values or of dicts) or of lists (NumPy).

    An empty list gives an empty list.
    """
    if not len(data):
        return []
    result = job.run_few_python(data) or job.run(list_table(data))
    return _as_list(result) if isinstance(data[0], Mapping) else result.numpy()


def list_table(data: Sequence[Any]) -> _core.Table:
    """Return the columns of a list of dicts or of a list of lists."""
    dicts = sum(isinstance(row, Mapping) for row in data)
    if dicts == len(data):
        return rows_table(data)
    if dicts:
        at = next(
            i
            for i, row in enumerate(data)
            if isinstance(row, Mapping) != isinstance(data[0], Mapping)
        )
        kinds = f"row 0 is a {type(data[0]).__name__}, row {at} a {type(data[at]).__name__}"
        raise TypeError(f"a list of rows must hold dicts only, or lists only: {kinds}")
    return _ndarray.table(matrix(data))


def rows_table(data: Sequence[Mapping[Any, Any]]) -> _core.Table:
    """Return the columns of a list of dicts: a key that a row lacks is null there."""
    return columns_table(rows_to_columns(data))


def rows_to_columns(data: Sequence[Mapping[Any, Any]]) -> dict[Any, list[Any]]:
    """Return a dict of columns, keys in the order in which they first appear."""
    keys: dict[Any, None] = {}
    for row in data:
        keys.update(dict.fromkeys(row))
    return {key: [row.get(key) for row in data] for key in keys}


def matrix(data: Sequence[Any]) -> NDArray[Any]:
    """Return a list of rows as a 2-D array; mixed with text, each value keeps its own type."""
    try:
        array = np.asarray(data)
        if array.dtype.kind in "USO":
            array = np.asarray(data, dtype=object)
    except ValueError:
        raise ValueError("a list of lists must have rows of equal length") from None
    return array


def _as_list(result: Result) -> list[Any]:
    """Python scalars; None where a row is null."""
    mask = result.scores.null_mask() if result.missing == "propagate" else None
    columns = {name: _scalars(values, mask) for name, values in result.columns()}
    if result.layout.single:
        return next(iter(columns.values()))
    names = list(columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _scalars(values: NDArray[Any], mask: NDArray[Any] | None) -> list[Any]:
    scalars: list[Any] = values.tolist()
    if mask is None:
        return scalars
    hidden: Iterable[bool] = mask.tolist()
    return [None if null else value for value, null in zip(scalars, hidden, strict=True)]
