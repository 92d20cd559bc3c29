"""The output: whole under its name, or not there."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from fastscore._atomic import replacing
from fastscore._jobs._base import STDIO, Format, JobError

_GROUP_ROWS: Final = 1 << 20
_GROUP_BYTES: Final = 64 << 20


class Writer(Protocol):
    def write(self, batch: pa.RecordBatch) -> None: ...


class _CsvWriter:
    """CSV whose rows are all there: of one column, a null is not a blank line, which readers skip.

    Instead it is NaN among numbers, and an empty text in quotes.
    """

    def __init__(self, sink: Any, schema: pa.Schema) -> None:
        self._null: str | None = None
        options = pa_csv.WriteOptions()
        if len(schema) == 1:
            self._null = ""
            if not _is_text(schema.field(0).type):
                # Written as the text that CSV has them as, so that NaN can be among integers.
                self._null = "NaN"
                schema = pa.schema([(schema.field(0).name, pa.string())])
                options.quoting_style = "none"
        self._schema = schema
        self._writer = pa_csv.CSVWriter(sink, schema, write_options=options)

    def write(self, batch: pa.RecordBatch) -> None:
        if self._null is not None:
            text = batch.column(0).cast(self._schema.field(0).type)
            filled = pc.fill_null(text, self._null)
            batch = pa.RecordBatch.from_arrays([filled], schema=self._schema)
        self._writer.write(batch)

    def close(self) -> None:
        self._writer.close()


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


class _ParquetWriter:
    """Row groups of a useful size, whatever the size of the batches."""

    def __init__(self, sink: Any, schema: pa.Schema, compression: str) -> None:
        # Scores seldom repeat: trying dictionaries on them costs time and space.
        repeats = [field.name for field in schema if not pa.types.is_floating(field.type)]
        self._writer = pq.ParquetWriter(
            sink, schema, compression=compression, use_dictionary=repeats or False
        )
        self._batches: list[pa.RecordBatch] = []

    def write(self, batch: pa.RecordBatch) -> None:
        self._batches.append(batch)
        rows = sum(b.num_rows for b in self._batches)
        if rows >= _GROUP_ROWS or rows * batch.nbytes >= _GROUP_BYTES * batch.num_rows:
            self._flush()

    def _flush(self) -> None:
        if self._batches:
            self._writer.write_table(pa.Table.from_batches(self._batches))
            self._batches = []

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def abandon(self) -> None:
        # Else it writes a footer when it is collected, after the file is closed.
        self._writer.is_open = False


@contextlib.contextmanager
def writer(
    sink: Any, schema: pa.Schema, format_: Format, compression: str, *, stream: bool
) -> Iterator[Writer]:
    """Give a writer whose file is whole when the block is done, and cut short when it fails."""
    if format_ == "parquet":
        parquet = _ParquetWriter(sink, schema, compression)
        try:
            yield parquet
            parquet.close()
        except BaseException:
            parquet.abandon()
            raise
    elif format_ == "csv":
        packed = pa.CompressedOutputStream(sink, "gzip") if compression == "gzip" else sink
        writer_csv = _CsvWriter(packed, schema)
        yield writer_csv
        writer_csv.close()
        if packed is not sink:
            packed.close()
    else:
        options = pa.ipc.IpcWriteOptions(compression=None if compression == "none" else compression)
        new = pa.ipc.new_stream if stream else pa.ipc.new_file
        writer_ipc = new(sink, schema, options=options)
        yield writer_ipc
        writer_ipc.close()


@contextlib.contextmanager
def sink_of(output: str) -> Iterator[Any]:
    """Open the output: a file of another name until it is whole, a device, a pipe."""
    if output == STDIO:
        yield pa.PythonFile(sys.stdout.buffer, "w")
        sys.stdout.buffer.flush()
    elif os.path.exists(output) and not os.path.isfile(output):
        with pa.OSFile(output, "w") as sink:  # a device or a pipe
            yield sink
    else:
        with replacing(output) as temporary, pa.OSFile(temporary, "w") as sink:
            yield sink


@contextlib.contextmanager
def writing(output: str) -> Iterator[None]:
    """Name the output in the errors of writing it."""
    try:
        yield
    except BrokenPipeError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise JobError(f"{output} can't be written: {error}") from error


def check_output(output: str, inputs: Sequence[str], *, overwrite: bool) -> None:
    """Refuse an output that can't be written, before any work."""
    if output == STDIO:
        return
    if os.path.isdir(output):
        raise JobError(f"the output {output} is a folder: name a file in it")
    folder = os.path.dirname(os.path.realpath(output))
    if not os.path.isdir(folder):
        raise JobError(f"there is no folder {folder} for the output: make it first")
    if os.path.exists(output):
        if any(name != STDIO and os.path.samefile(output, name) for name in inputs):
            raise JobError(f"the output {output} is also an input: name another file")
        if not overwrite:
            raise JobError(
                f"the output {output} exists already: remove it, or leave out --no-overwrite"
            )
