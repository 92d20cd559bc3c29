"""pandas frames, read column by column from their own blocks; the index is never a feature."""

import re
import sys
import weakref
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from fastscore import _core
from fastscore._containers import _values
from fastscore._containers._job import Job, Result
from fastscore._containers._values import Column
from fastscore._errors import SchemaError

_LAST: list[tuple[Callable[[], Any], list[str] | None]] = [(lambda: None, None)]
"""The labels of the last frame, by a weak reference, and what `column_names` made of them."""

_WANTED: "WeakKeyDictionary[_core.Model, frozenset[str] | None]" = WeakKeyDictionary()


def score(frame: Any, job: Job) -> Any:
    """Score a DataFrame: a Series or a DataFrame with the same index object."""
    pandas = sys.modules["pandas"]
    result = _few(frame, job) or job.run(table(frame, job.core))
    layout = job.layout
    if all(labels is None for labels in layout.classes) and not job.propagate:
        arrays = result.scores.arrays()
        if layout.single:
            name = layout.names[0][0]
            return pandas.Series(arrays[0][0], index=frame.index, name=name, copy=False)
        names = [name for group in layout.names for name in group]
        block = arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
        return pandas.DataFrame(block.T, index=frame.index, columns=names, copy=False)
    owners = zip(layout.classes, layout.names, strict=True)
    classes = [labels for labels, group in owners for _ in group]
    series = [
        _series(pandas, values, labels, frame.index, name)
        for (name, values), labels in zip(result.columns(), classes, strict=True)
    ]
    if layout.single:
        return series[0]
    out = pandas.concat(series, axis=1) if series else pandas.DataFrame(index=frame.index)
    out.index = frame.index
    return out


def _few(frame: Any, job: Job) -> Result | None:
    """Score a few rows of numbers as one matrix."""
    rows, columns = frame.shape
    if not 0 < rows <= _core.FEW_ROWS:
        return None
    blocks = _blocks(frame)
    if sum(len(values) for _, values in blocks) != columns:
        return None
    # The common dtype of numbers holds each of them, or is the float64 that they become anyway.
    whole = _whole(blocks, columns)
    return job.run_few(frame.to_numpy() if whole is None else whole, column_names(frame))


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


def table(frame: Any, core: _core.Model | None = None) -> _core.Table:
    """Return the frame's columns; integer labels count as no names.

    `core`: the model that reads them, where it is known: no column that it does not name is
    converted.
    """
    names = column_names(frame)
    blocks = _blocks(frame)
    whole = _whole(blocks, frame.shape[1])
    if whole is not None:
        return _core.Table.from_matrix(whole, names, False)
    columns: list[Column | None] = [None] * frame.shape[1]
    for places, values in blocks:
        for place, column_values in zip(places.tolist(), values, strict=True):
            columns[place] = column_values
    rest = [place for place, found in enumerate(columns) if found is None]
    own = _wanted(core) if rest and names is not None and core is not None else None
    for place in rest:
        series = frame.iloc[:, place]
        if own is None or names is None or _rewritten(names[place]) in own:
            columns[place] = column(series)
        else:
            columns[place] = str(series.dtype)
    return _core.Table.from_columns(names, columns, len(frame))


def _whole(
    blocks: list[tuple[NDArray[np.intp], NDArray[Any]]], columns: int
) -> NDArray[Any] | None:
    """Return the only block as the frame's matrix, where it has all columns in their order."""
    if len(blocks) != 1 or len(blocks[0][1]) != columns:
        return None
    places, values = blocks[0]
    return values.T if np.array_equal(places, np.arange(columns)) else None


def _blocks(frame: Any) -> list[tuple[NDArray[np.intp], NDArray[Any]]]:
    """Return plain numbers as pandas holds them: places of columns, and an array, a row for each.

    To ask for one column after the other takes a hundred times as long. Empty where this pandas
    holds them otherwise.
    """
    found = []
    try:
        for block in frame._mgr.blocks:
            values = block.values
            if type(values) is np.ndarray and _values.is_plain(values.dtype):
                found.append((block.mgr_locs.as_array, values))
    except AttributeError:
        return []
    return found


def _wanted(core: _core.Model) -> frozenset[str] | None:
    """Return the names of a model's features; None where it has none."""
    if core not in _WANTED:
        names = core.feature_names
        _WANTED[core] = None if names is None else frozenset(map(_rewritten, names))
    return _WANTED[core]


def _rewritten(name: str) -> str:
    """White space may count as "_"."""
    return re.sub(r"\s", "_", name)


def column_names(frame: Any) -> list[str] | None:
    """Return the labels as str, or None when all of them are integers."""
    labels = frame.columns
    known, names = _LAST[0]
    if known() is not labels:
        names = _names_of(labels)
        # An Index does not change, and frames that are cut from one another share it.
        _LAST[0] = weakref.ref(labels), names
    return names


def _names_of(labels: Any) -> list[str] | None:
    pandas = sys.modules["pandas"]
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
    categories = array.categories
    if categories.dtype == object or getattr(categories.dtype, "storage", "") == "python":
        # Few texts as Python objects would be a dictionary of their own, and keys have one only.
        values = _values.from_list(categories.tolist())
    else:
        values = column(categories.to_series())
    if isinstance(values, str):
        return str(array.dtype)
    return _core.Dictionary(np.asarray(array.codes), values, f"category of {categories.dtype}")
