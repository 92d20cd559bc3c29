"""Any container -> the float64 matrix of a model's features, which every source library takes.

Values are converted one by one as the extension module converts them; nulls become NaN, features
that the model does not read become 0.
"""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore._containers import _ndarray, _pandas, _rows, _values, kind_of
from fastscore._model import Model


def replayable(data: Any) -> Any:
    """Make data readable twice: streams are read into memory, lazy frames collected."""
    kind = kind_of(data)
    if kind == "polars-lazy":
        return data.collect()
    if kind == "arrow":
        return _reader().table(data)
    if kind == "list" and data and isinstance(data[0], Mapping):
        return _rows.rows_to_columns(data)
    return data


def _reader() -> Any:
    """`pyarrow`, to read an Arrow producer that may be read only once."""
    try:
        import pyarrow
    except ImportError:
        raise TypeError(
            "verify needs pyarrow to read this data; pass a frame, a dict or an array"
        ) from None
    return pyarrow


def as_matrix(data: Any, model: Model, rows: int) -> NDArray[np.float64]:
    """Return the model's features in its order, (rows, features), C-contiguous."""
    if kind_of(data) == "sparse" and model._structure["input"].get("absent") == "missing":
        data = _missing_where_absent(data)
    names, columns = _columns(data)
    core = model._core
    read = core.features_read
    own = core.feature_names
    if own is None or names is None:
        places: list[int | None] = list(range(len(columns)))
    else:
        exact = {name: i for i, name in enumerate(names)}
        loose = {_plain(name): i for i, name in enumerate(names)}
        places = [exact.get(name, loose.get(_plain(name))) for name in own]
    encoded = {} if names is None else _encodings(core)
    out = np.zeros((rows, len(read)), dtype=np.float64)
    for feature, (place, used) in enumerate(zip(places, read, strict=True)):
        if used and place is not None:
            codes = encoded.get(feature)
            out[:, feature] = (
                _floats(columns[place]) if codes is None else _coded(data, place, codes)
            )
    return out


def _encodings(core: Any) -> dict[int, dict[Any, int]]:
    """Per feature of which a matrix holds codes, the code of each of its values."""
    return {
        entry["feature"]: {value: j for j, value in enumerate(core.categories(entry["feature"]))}
        for entry in json.loads(core.spec)["features"]["encodings"]
        if entry["matrix"] == "codes" and entry["codes"] is None and entry["kind"] != "hash"
    }


def _coded(data: Any, place: int, codes: dict[Any, int]) -> NDArray[np.float64]:
    """Return a column's codes, NaN where it is missing or unknown."""
    kind = kind_of(data)
    if kind == "pandas":
        values = data.iloc[:, place].tolist()
    elif kind == "polars":
        values = data.get_columns()[place].to_list()
    else:
        column = list(data.values())[place] if kind == "dict" else data.columns[place]
        plain = getattr(column, "to_pylist", None) or getattr(column, "tolist", None)
        values = plain() if plain is not None else list(column)
    return np.array([codes.get(value, np.nan) for value in values], dtype=np.float64)


def as_frame(data: Any, model: Model, rows: int) -> Any:
    """Return the model's features as a source takes them that knows categories by value.

    A frame stays one of its kind, with the columns in the model's order; dicts and Arrow data
    become a pandas frame.
    """
    kind = kind_of(data)
    if kind == "list":
        data, kind = _rows.matrix(data), "numpy"
    if kind in ("numpy", "sparse"):
        array = data if kind == "sparse" else np.asarray(data)
        return array if array.dtype.kind == "O" else as_matrix(data, model, rows)
    if kind not in ("pandas", "polars"):
        try:
            import pandas
        except ImportError:
            raise TypeError(
                "verify needs pandas to hand these categories on; pass a frame"
            ) from None
        data = pandas.DataFrame(data) if kind == "dict" else data.to_pandas()
    own, names = model._core.feature_names, [str(name) for name in data.columns]
    if own is None or (kind == "pandas" and _pandas.column_names(data) is None):
        return data
    exact = {name: i for i, name in enumerate(names)}
    loose = {_plain(name): i for i, name in enumerate(names)}
    places = [exact.get(name, loose.get(_plain(name))) for name in own]
    found = [place for place in places if place is not None]
    return _doubles(data.iloc[:, found] if hasattr(data, "iloc") else data[:, found])


def _doubles(frame: Any) -> Any:
    """Return a frame with its floats as float64, as models read them."""
    if hasattr(frame, "iloc"):
        narrow = [name for name, dtype in frame.dtypes.items() if dtype in ("float16", "float32")]
        return frame.astype(dict.fromkeys(narrow, "float64"))
    narrow = [name for name, dtype in frame.schema.items() if str(dtype) in ("Float16", "Float32")]
    polars = sys.modules["polars"]
    return frame.with_columns(polars.col(name).cast(polars.Float64) for name in narrow)


def _missing_where_absent(data: Any) -> NDArray[np.float64]:
    """Return a sparse matrix with NaN where it holds no entry."""
    entries = data.tocoo()
    out = np.full(data.shape, np.nan)
    out[entries.row, entries.col] = entries.data
    return out


def _plain(name: str) -> str:
    return re.sub(r"\s", "_", name)


def _columns(data: Any) -> tuple[Sequence[str] | None, list[Any]]:
    kind = kind_of(data)
    if kind == "list":
        data, kind = _rows.matrix(data), "numpy"
    if kind == "sparse":
        data, kind = data.toarray(), "numpy"
    if kind == "numpy":
        if data.dtype.kind != "O" and isinstance(data, np.ma.MaskedArray):
            data = _ndarray.filled(data)
        elif isinstance(data, np.ma.MaskedArray):
            data = np.ma.filled(data, None)
        plain = np.asarray(data)
        return None, [_values.from_array(plain[:, i]) for i in range(plain.shape[1])]
    if kind == "pandas":
        return _pandas.column_names(data), [_pandas.column(series) for _, series in data.items()]
    if kind == "polars":
        return data.columns, data.get_columns()
    if kind == "dict":
        return list(data), [_rows.column(name, values)[0] for name, values in data.items()]
    return list(data.schema.names), list(data.columns)


def _floats(column: Any) -> Any:
    """Return a column's values as float64, NaN where null."""
    if isinstance(column, np.ndarray):
        return column.astype(np.float64)
    if isinstance(column, tuple):
        values = column[0].astype(np.float64)
        values[column[1]] = np.nan
        return values
    polars = sys.modules.get("polars")
    if polars is not None and isinstance(column, polars.Series):
        return column.cast(polars.Float64).to_numpy()
    pyarrow = _reader()
    array: Any = column if hasattr(column, "type") else pyarrow.array(column)
    if pyarrow.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    return np.asarray(
        array.cast(pyarrow.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=np.float64
    )
