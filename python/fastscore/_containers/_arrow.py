"""pyarrow tables and batches, and every other producer of the Arrow C data interface."""

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore import _core
from fastscore._containers._job import Job, Result

_MOST_SCHEMAS = 8
_SCHEMAS: list[tuple[Any, list[str] | None]] = []
"""The last schemas of a few rows, with their columns' names where those are a matrix."""


def score_table(table: Any, job: Job) -> Any:
    """Score a pyarrow Table: a ChunkedArray or a Table."""
    pyarrow = sys.modules["pyarrow"]
    result = _few(pyarrow, table, job) or job.run_arrow(table)
    if job.layout.single:
        return pyarrow.chunked_array([pyarrow.array(result.scores.column(0))])
    return pyarrow.table(result.scores)


def score_batch(batch: Any, job: Job) -> Any:
    """Score a pyarrow RecordBatch: an Array or a RecordBatch."""
    pyarrow = sys.modules["pyarrow"]
    result = _few(pyarrow, batch, job) or job.run_arrow(batch)
    if job.layout.single:
        return pyarrow.array(result.scores.column(0))
    return pyarrow.record_batch(result.scores)


def _few(pyarrow: Any, data: Any, job: Job) -> Result | None:
    """Score a few rows of floats as one matrix: to export column by column takes longer."""
    if not 0 < data.num_rows <= _core.FEW_ROWS:
        return None
    names = _float_names(pyarrow, data.schema)
    if names is None:
        return None
    if not isinstance(data, pyarrow.RecordBatch):
        batches = data.to_batches()
        if len(batches) != 1:
            return None
        data = batches[0]
    # Null is NaN: one missing value.
    return job.run_few(data.to_tensor(null_to_nan=True).to_numpy(), names)


def _float_names(pyarrow: Any, schema: Any) -> list[str] | None:
    """Return the columns' names where all are floats of one width, with nothing more to them."""
    for known, names in _SCHEMAS:
        if known.equals(schema, check_metadata=True):
            return names
    found = None
    if hasattr(pyarrow.RecordBatch, "to_tensor"):
        kinds = {field.type for field in schema if field.metadata is None}
        plain = all(field.metadata is None for field in schema)
        if plain and len(kinds) == 1 and kinds <= {pyarrow.float64(), pyarrow.float32()}:
            found = schema.names
    _SCHEMAS.append((schema, found))
    del _SCHEMAS[:-_MOST_SCHEMAS]
    return found


def score_other(data: Any, job: Job) -> "ArrowResult":
    """Any other producer (DuckDB, DataFusion, arro3, nanoarrow, ...) -> an `ArrowResult`."""
    return ArrowResult(job.run_arrow(data))


class ArrowResult:
    """Scores that any Arrow library, and NumPy, can take.

    Has `__arrow_c_array__` and `__arrow_c_stream__` (one column: that column; several: a struct
    array of them) and `__array__`.
    """

    __slots__ = ("_result",)

    def __init__(self, result: Result) -> None:
        self._result = result

    @property
    def _arrow(self) -> Any:
        scores = self._result.scores
        return scores.column(0) if self._result.layout.single else scores

    @property
    def column_names(self) -> list[str]:
        """Names of the columns, in order."""
        return [name for group in self._result.layout.names for name in group]

    def __len__(self) -> int:
        return self._result.scores.num_rows

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]:
        array: tuple[object, object] = self._arrow.__arrow_c_array__(requested_schema)
        return array

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._arrow.__arrow_c_stream__(requested_schema)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return `(n,)` for one column, `(n, columns)` for several."""
        array = self._result.numpy()
        if isinstance(array, list):
            array = np.stack([values for _, values in self._result.columns()], axis=1)
        converted = np.asarray(array, dtype=dtype)
        if copy is False and converted is not array:
            raise ValueError("the scores can't be converted without a copy")
        return converted.copy() if copy and converted is array else converted

    def __repr__(self) -> str:
        return f"<fastscore.ArrowResult: {len(self)} rows, {', '.join(self.column_names)}>"
