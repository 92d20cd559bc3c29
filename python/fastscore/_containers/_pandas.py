"""pandas frames, read column by column from their own blocks; the index is never a feature."""

import re
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore import _core
from fastscore._containers import _values
from fastscore._containers._job import Job
from fastscore._containers._values import Column
from fastscore._errors import SchemaError

_SMALL = 1 << 12
"""Frames of at most this many cells are read as one matrix where that is one of numbers."""


def score(frame: Any, job: Job) -> Any:
    """Score a DataFrame: a Series or a DataFrame with the same index object."""
    pandas = sys.modules["pandas"]
    small = not (job.core.encoded or job.core.reads_bare_codes)
    result = job.run(table(frame, small=small, known=job.core.feature_names))
    names = [name for group in job.layout.names for name in group]
    columns = result.columns()
    classes = [
        labels
        for labels, group in zip(job.layout.classes, job.layout.names, strict=True)
        for _ in group
    ]
    series = [
        _series(pandas, values, labels, frame.index, name)
        for (_, values), labels, name in zip(columns, classes, names, strict=True)
    ]
    if job.layout.single:
        return series[0]
    if all(labels is None for labels in classes) and not job.propagate:
        arrays = result.scores.arrays()
        block = arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
        out = pandas.DataFrame(block.T, index=frame.index, columns=names, copy=False)
    else:
        out = pandas.concat(series, axis=1) if series else pandas.DataFrame(index=frame.index)
    out.index = frame.index
    return out


def _series(
    pandas: Any, values: NDArray[Any], labels: NDArray[Any] | None, index: Any, name: str
) -> Any:
    """Return a Series whose dtype depends on the model's labels only, not on the values at hand."""
    dtype: Any = values.dtype
    if labels is not None:
        own = pandas.Series(labels).dtype
        # Text has a null of its own in pandas; other labels with nulls stay objects.
        if values.dtype == labels.dtype or not isinstance(own, np.dtype):
            dtype = own
    return pandas.Series(values, index=index, name=name, dtype=dtype, copy=False)


def table(frame: Any, *, small: bool = False, known: Sequence[str] | None = None) -> _core.Table:
    """Return the frame's columns; integer labels count as no names.

    `small`: numbers of a small frame may be read at their common dtype, as no categories are due.
    `known`: the model's features, where it has names: no other column is read.
    """
    names = column_names(frame)
    n_rows, n_columns = frame.shape
    if small and n_rows * n_columns <= _SMALL:
        # The common dtype of numbers holds each of them, or is the float64 that they become anyway.
        matrix = frame.to_numpy()
        if matrix.dtype.char in _values.PLAIN and matrix.dtype.isnative:
            return _core.Table.from_matrix(matrix, names)
    columns: list[Column]
    if names is None or known is None:
        columns = [column(series) for _, series in frame.items()]
    else:
        # White space may count as "_".
        own = {re.sub(r"\s", "_", name) for name in known}
        columns = [
            column(series) if re.sub(r"\s", "_", name) in own else str(series.dtype)
            for name, (_, series) in zip(names, frame.items(), strict=True)
        ]
    return _core.Table.from_columns(names, columns, n_rows)


def column_names(frame: Any) -> list[str] | None:
    """Return the labels as str, or None when all of them are integers."""
    pandas = sys.modules["pandas"]
    labels = frame.columns
    if isinstance(labels, pandas.MultiIndex):
        raise SchemaError(
            f"the frame's columns are a MultiIndex ({', '.join(map(repr, labels[:3]))}, ...); "
            "flatten them first, for example with frame.columns = ['_'.join(map(str, label)) for "
            "label in frame.columns]"
        )
    values: list[Any] = labels.tolist()
    if all(type(label) is str for label in values):
        return values
    if values and all(
        isinstance(label, int | np.integer) and not isinstance(label, bool) for label in values
    ):
        return None
    return [label if isinstance(label, str) else str(label) for label in values]


def column(series: Any) -> Column:
    """One Series of any dtype, without copying where its own memory can be read."""
    pandas = sys.modules["pandas"]
    dtype = series.dtype
    if isinstance(dtype, np.dtype):
        return _values.from_array(series.to_numpy())
    array = series.array
    if isinstance(dtype, pandas.CategoricalDtype):
        return _categorical(array)
    if isinstance(dtype, pandas.SparseDtype):
        return _values.from_array(np.asarray(array))
    if isinstance(dtype, getattr(pandas, "ArrowDtype", ())):
        return _values.from_chunked(array.__arrow_array__())
    if isinstance(dtype, pandas.StringDtype):
        return str(dtype), _text(array)
    if isinstance(dtype, pandas.BooleanDtype) or _is_masked_number(dtype):
        return _masked(array, dtype)
    return str(dtype)


def _text(array: Any) -> Column:
    """Strings: by Arrow where they are held so, else from the objects."""
    if hasattr(array, "__arrow_array__") and array.dtype.storage != "python":
        return _values.from_chunked(array.__arrow_array__())
    objects = np.asarray(array, dtype=object)
    found = _values.repeated_texts(objects)
    return _core.text(objects.tolist()) if found is None else found


def _is_masked_number(dtype: Any) -> bool:
    return (
        type(dtype).__module__.split(".")[0] == "pandas"
        and getattr(dtype, "kind", "O") in "iuf"
        and hasattr(dtype, "numpy_dtype")
    )


def _masked(array: Any, dtype: Any) -> Column:
    """Return a nullable array as its values and its mask, as they are held."""
    values, mask = getattr(array, "_data", None), getattr(array, "_mask", None)
    if not (isinstance(values, np.ndarray) and isinstance(mask, np.ndarray)):
        numpy_dtype = getattr(dtype, "numpy_dtype", np.dtype(bool))
        values = array.to_numpy(dtype=numpy_dtype, na_value=numpy_dtype.type(0))
        mask = np.asarray(array.isna())
    return values, mask


def _categorical(array: Any) -> Column:
    """Return codes and categories, as they are held; a code below 0 is null."""
    values = column(array.categories.to_series())
    if isinstance(values, str):
        return str(array.dtype)
    return _core.Dictionary(
        np.asarray(array.codes), values, f"category of {array.categories.dtype}"
    )
