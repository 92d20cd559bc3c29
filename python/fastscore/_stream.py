"""`fastscore.predict_stream`: an Arrow stream in, an Arrow stream of scores out."""

from collections.abc import Iterator
from typing import Any, final

from fastscore import _core
from fastscore._containers._arrow import ArrowResult
from fastscore._containers._job import Result
from fastscore._layout import Layout
from fastscore._predict import as_model
from fastscore._score import check_missing, check_output


def predict_stream(
    reader: Any,
    model: Any,
    *,
    output: str = "prediction",
    threads: int | None = None,
    missing: str = "source",
) -> "ScoreStream":
    """Score an Arrow stream as it is read: memory is bounded by a batch.

    Parameters
    ----------
    reader
        Any object with `__arrow_c_stream__` or `__arrow_c_array__`: a pyarrow RecordBatchReader,
        Table, dataset or its scanner, a DuckDB relation, a DataFusion frame, an arro3 or nanoarrow
        stream, a Polars DataFrame, ... A stream of batches is read once. (A Polars LazyFrame
        streams by itself: `lf.fastscore.predict(model)`.)
    model, output, threads, missing
        As of `fastscore.predict`.

    Returns
    -------
    A `ScoreStream`, a batch of scores for each batch, for anything that reads Arrow streams:
    `pyarrow.RecordBatchReader.from_stream(scores)`, `polars.DataFrame(scores)`, DuckDB, ...; or to
    iterate over, batch by batch. Columns are named as in tables: `prediction`,
    `probability_<class>`, `margin`, `leaf_<tree>`.

    Raises
    ------
    SchemaError
        At once, where columns are missing or of a type that can't be scored.

    Errors of values are raised where the stream is read, by a consumer of Arrow as its own error
    with our message. Rows are counted from the first of the stream.

    """
    model = as_model(model)
    check_output(output, model.outputs)
    check_missing(missing)
    core = model._core.score_stream(_with_capsules(reader), output, threads, missing)
    return ScoreStream(core, model._layouts[output], missing)


def _with_capsules(reader: Any) -> Any:
    """Return an object with Arrow capsules; pyarrow's datasets and scanners have none."""
    if hasattr(reader, "__arrow_c_stream__") or hasattr(reader, "__arrow_c_array__"):
        return reader
    for name in ("to_reader", "scanner"):
        if callable(convert := getattr(reader, name, None)):
            return _with_capsules(convert())
    hint = ""
    if hasattr(reader, "collect_schema"):
        hint = "; a LazyFrame streams by itself: lf.fastscore.predict(model)"
    elif hasattr(reader, "__next__"):
        hint = "; of batches make a pyarrow.RecordBatchReader.from_batches(schema, batches)"
    raise TypeError(
        f"a {type(reader).__name__} is no Arrow stream: it has no __arrow_c_stream__{hint}"
    )


@final
class ScoreStream:
    """Scores as an Arrow stream of record batches, read once.

    Take it whole by `__arrow_c_stream__`, as any Arrow library does, or iterate over its batches;
    each is an object with `__arrow_c_array__`, `__arrow_c_stream__` and `__array__`.
    """

    __slots__ = ("_core", "_layout", "_missing")

    def __init__(self, core: _core.ScoreStream, layout: Layout, missing: str) -> None:
        self._core = core
        self._layout = layout
        self._missing = missing

    @property
    def column_names(self) -> list[str]:
        """Names of the columns, in order."""
        return [name for group in self._layout.names for name in group]

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._core.__arrow_c_stream__(requested_schema)

    def __iter__(self) -> Iterator[ArrowResult]:
        while (scores := self._core.next()) is not None:
            yield ArrowResult(Result(scores, self._layout, self._missing))

    def __repr__(self) -> str:
        return f"<fastscore.ScoreStream: {', '.join(self.column_names)}>"
