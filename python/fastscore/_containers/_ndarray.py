"""2-D NumPy arrays and SciPy sparse matrices in, NumPy arrays out."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore import _core
from fastscore._containers import _values
from fastscore._containers._job import Job
from fastscore._errors import SchemaError

_RESHAPE = (
    "Expected 2D array, got 1D array instead. Reshape your data either using array.reshape(-1, 1) "
    "if your data has a single feature or array.reshape(1, -1) if it contains a single sample."
)


def score(array: NDArray[Any], job: Job) -> Any:
    """Any ndarray, subclasses included."""
    return job.run(table(array)).numpy()


def table(array: NDArray[Any]) -> _core.Table:
    """Columns of a 2-D array, without names."""
    if array.dtype.names is not None:
        raise SchemaError(
            "a structured array is not a table of numbers; pass a dict of its columns: "
            "{name: array[name] for name in array.dtype.names}"
        )
    if array.ndim != 2:
        raise ValueError(
            _RESHAPE if array.ndim == 1 else f"Expected 2D array, got {array.ndim}D array instead."
        )
    if array.dtype.kind in "OUT":
        masked = isinstance(array, np.ma.MaskedArray)
        plain = np.asarray(np.ma.filled(array, None) if masked else array)
        columns = [_values.from_array(plain[:, i]) for i in range(plain.shape[1])]
        return _core.Table.from_columns(None, columns, plain.shape[0], True)
    if isinstance(array, np.ma.MaskedArray):
        return _core.Table.from_matrix(filled(array))
    return _core.Table.from_matrix(_plain(np.asarray(array)))


def _plain(array: NDArray[Any]) -> NDArray[Any]:
    """Return the array in native byte order; SchemaError when its dtype can't be scored."""
    dtype = array.dtype
    if dtype.kind not in "?biuf" or dtype.char == "g":
        raise SchemaError(f"an array of dtype {dtype} can't be scored; {_cast(dtype)}")
    return array if dtype.isnative else array.astype(dtype.newbyteorder("="))


def _cast(dtype: np.dtype[Any]) -> str:
    if dtype.kind in "Mm":
        return "turn dates and durations into numbers as in training: array.astype('int64')"
    if dtype.kind == "c":
        return "pass its real or its imaginary part: array.real, array.imag"
    if dtype.kind in "USTV":
        return "text is never parsed as numbers; cast with array.astype('float64')"
    return "cast with array.astype('float64')"


def filled(array: "np.ma.MaskedArray[Any, Any]") -> NDArray[Any]:
    """Masked entries as NaN, in the narrowest float type that the values' own conversion allows."""
    plain = _plain(np.asarray(array.data))
    floats = plain.copy() if plain.dtype.kind == "f" else plain.astype(np.float64)
    floats[np.ma.getmaskarray(array)] = np.nan
    return floats


def score_sparse(matrix: Any, job: Job) -> Any:
    """Any SciPy sparse matrix or array."""
    return job.run(sparse_table(matrix)).numpy()


def sparse_table(matrix: Any) -> _core.Table:
    """Columns of a sparse matrix: an absent entry is 0, entries stored twice are added up."""
    if matrix.ndim != 2:
        raise ValueError(f"Expected 2D sparse array, got {matrix.ndim}D sparse array instead.")
    csr = matrix.tocsr()
    values = _plain(csr.data)
    return _core.Table.from_csr(csr.indptr, csr.indices, values, csr.shape[1])
