"""One column of anything -> what `_core.Table.from_columns` takes.

A column comes out as a 1-D array of a plain dtype, a pair (values, bool mask: True where null), an
Arrow array, a pair (name of its type, Arrow array), a `_core.Dictionary`, or a str: the name of a
type that can't be scored. Whether that is an error is decided where the model is known: only a
column that it reads counts. Text is never parsed as a number.
"""

import math
import sys
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fastscore import _core

Column: TypeAlias = "NDArray[Any] | tuple[Any, Any] | str | Any"

PLAIN = frozenset("?bBhHiIlLqQefd")
"""Type codes of the dtypes that are read as they are."""

_NUMBERS = (int, float, np.bool_, np.integer, np.float16, np.float32, Decimal, Fraction)
_NOT_NUMBERS = (np.timedelta64,)


def is_plain(dtype: np.dtype[Any]) -> bool:
    """Whether elements are read as they are."""
    return dtype.char in PLAIN and dtype.isnative


def from_array(array: NDArray[Any]) -> Column:
    """Convert a 1-D NumPy array of any dtype."""
    if isinstance(array, np.ma.MaskedArray):
        if array.dtype.kind in "OUT":
            return from_objects(np.ma.filled(array.astype(object), None))
        mask = np.ma.getmaskarray(array)
        column = from_array(np.asarray(array.data))
        if isinstance(column, str):
            return column
        if isinstance(column, tuple):
            return column[0], column[1] | mask
        return column, mask
    dtype = array.dtype
    if dtype.char in PLAIN:
        return np.asarray(array if dtype.isnative else array.astype(dtype.newbyteorder("=")))
    if dtype.kind in "OUT":
        return from_objects(array)
    return str(dtype)


def from_objects(array: NDArray[Any]) -> Column:
    """Convert a 1-D array of Python objects, each on its own."""
    found = repeated_texts(array)
    return from_list(array.tolist()) if found is None else found


def repeated_texts(array: NDArray[Any]) -> _core.Dictionary | None:
    """Return text by its distinct objects, where it is nothing but text and nulls that repeat."""
    if array.dtype.kind != "O":
        return None
    return _core.objects(array, tuple(_null_types()))


def from_list(values: list[Any]) -> Column:
    """Convert a list of Python values, each on its own.

    None, NaN and pandas.NA are null; str stay text, numbers and booleans are numbers.
    """
    nulls = _null_types()
    kinds = set(map(type, values))
    if any(issubclass(kind, str) for kind in kinds):
        return _texts(values, kinds, nulls)
    numbers = set()
    for kind in kinds:
        if kind in nulls:
            continue
        if issubclass(kind, _NOT_NUMBERS) or not issubclass(kind, _NUMBERS):
            return _first(kind, values)
        numbers.add(kind)
    mask: NDArray[np.bool_] | None = None
    if kinds - numbers:
        mask = np.fromiter(
            (type(value) in nulls for value in values), dtype=np.bool_, count=len(values)
        )
        values = [
            0.0 if hidden else value for value, hidden in zip(values, mask.tolist(), strict=True)
        ]
    if numbers and all(issubclass(kind, int | np.integer) for kind in numbers):
        # Categories are compared as the integers that they are.
        for dtype in (np.int64, np.uint64):
            try:
                whole = np.fromiter(map(int, values), dtype=dtype, count=len(values))
            except OverflowError:
                continue
            return whole if mask is None else (whole, mask)
    try:
        floats = np.fromiter(map(float, values), dtype=np.float64, count=len(values))
    except OverflowError:
        return "int beyond the range of float64"
    except ValueError:
        return "Decimal('sNaN')"
    return floats if mask is None else (floats, mask)


def _texts(values: list[Any], kinds: set[type], nulls: set[type]) -> Column:
    """Strings with nulls: None, pandas.NA and NaN."""
    for kind in kinds:
        if issubclass(kind, str) or kind in nulls:
            continue
        if not issubclass(kind, float) or any(
            type(value) is kind and not math.isnan(value) for value in values
        ):
            return f"a mix of str and {_first(kind, values)}"
    return "str", _core.text(values)


def from_chunked(array: Any) -> Column:
    """Take a pyarrow ChunkedArray; before pyarrow 16 it has no capsules, and is joined."""
    return array if hasattr(array, "__arrow_c_stream__") else array.combine_chunks()


def _null_types() -> set[type]:
    found: set[type] = {type(None)}
    pandas = sys.modules.get("pandas")
    if pandas is not None and hasattr(pandas, "NA"):
        found |= {type(pandas.NA), type(pandas.NaT)}
    return found


def _first(kind: type, values: list[Any]) -> str:
    """Return a type's name with the first row that has it."""
    row = next(
        row
        for row, value in enumerate(values)
        # NaN is missing, whatever stands beside it.
        if type(value) is kind and not (isinstance(value, float) and math.isnan(value))
    )
    return f"{_kind_name(kind)} (first in row {row})"


def _kind_name(kind: type) -> str:
    return (
        kind.__name__
        if kind.__module__ in ("builtins", "numpy")
        else f"{kind.__module__}.{kind.__name__}"
    )
