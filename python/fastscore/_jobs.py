"""Score files: read, score and write a batch at a time, so that memory does not grow with the data.

    files --read--> tables --score--> batches --write--> temporary file --rename--> output

Reading and scoring have a thread each (scoring hands on to the worker pool), so the three overlap.
The files of a job are one data set. All of them are opened and their columns checked before a row
is scored. The output appears under its name only when it is whole and on disk.
"""

from __future__ import annotations

import contextlib
import csv
import difflib
import gzip
import io
import json
import mmap
import os
import re
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Literal, Protocol, TypeVar, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from fastscore import _core
from fastscore._atomic import replacing
from fastscore._errors import (
    FastscoreError,
    MissingValueError,
    NonFiniteValueError,
    SchemaError,
    UnknownCategoryError,
)
from fastscore._layout import OUTPUTS

Format = Literal["parquet", "arrow", "csv"]
T = TypeVar("T")

STDIO: Final = "-"
_STDIN: Final = "standard input"
COMPRESSIONS: Final[dict[Format, tuple[str, ...]]] = {
    "parquet": ("snappy", "zstd", "gzip", "lz4", "brotli", "none"),
    "arrow": ("none", "lz4", "zstd"),
    "csv": ("none", "gzip"),
}
"""What each format can be compressed with, the default first."""
_EXTENSIONS: Final[dict[str, Format]] = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".arrows": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".csv": "csv",
    ".csv.gz": "csv",
}
_BATCH_ROWS: Final = 131_072
_BATCH_BYTES: Final = 32 << 20
_GROUP_ROWS: Final = 1 << 20
_GROUP_BYTES: Final = 64 << 20
_BLOCK: Final = 1 << 20
_LARGE_RECORD_BATCH: Final = 64 << 20


class JobError(FastscoreError):
    """A job can't be done; the message names the file and says what to do."""


@dataclass(frozen=True)
class JobReport:
    """What a job did."""

    output: str
    rows: int
    seconds: float
    columns: list[str]

    @property
    def rows_per_second(self) -> float:
        """Rows scored a second, reading and writing included."""
        return self.rows / self.seconds if self.seconds > 0 else 0.0


# --- reading ---


class Source(Protocol):
    """One input: its columns, and its rows in order."""

    name: str
    schema: pa.Schema
    rows: int | None  # how many, where the file says so at once
    blank: Mapping[str, pa.Array]  # per column of text, what stands for a missing category

    def batches(self, columns: Sequence[str], rows: int) -> Iterator[pa.RecordBatch]:
        """Read batches of at most about `rows` rows, with these columns at least."""


class _Parquet:
    blank: Mapping[str, pa.Array] = {}

    def __init__(self, path: str) -> None:
        self.name = path
        with self._open() as file:
            self.schema = file.schema_arrow
            self.rows: int | None = file.metadata.num_rows

    def _open(self) -> Any:
        # Buffered streams of columns, not whole row groups: memory is some pages a column.
        return pq.ParquetFile(
            self.name, pre_buffer=False, buffer_size=_BLOCK, page_checksum_verification=True
        )

    def batches(self, columns: Sequence[str], rows: int) -> Iterator[pa.RecordBatch]:
        with self._open() as file:
            yield from file.iter_batches(batch_size=rows, columns=list(columns))


class _ArrowFile:
    blank: Mapping[str, pa.Array] = {}

    def __init__(self, path: str) -> None:
        self.name = path
        self.rows: int | None = None
        with pa.OSFile(path) as file:
            reader = pa.ipc.open_file(file)
            self.schema = reader.schema
            self._mapped = file.size() > _LARGE_RECORD_BATCH * max(reader.num_record_batches, 1)

    def batches(self, columns: Sequence[str], rows: int) -> Iterator[pa.RecordBatch]:
        if not self._mapped:
            wanted = set(columns)
            fields = [i for i, name in enumerate(self.schema.names) if name in wanted]
            options = pa.ipc.IpcReadOptions(included_fields=fields)
            with pa.OSFile(self.name) as file:
                reader = pa.ipc.open_file(file, options=options)
                for i in range(reader.num_record_batches):
                    yield from _slices(reader.get_batch(i), rows)
            return
        # Few and huge record batches, often one. Map them, and give their pages back as the
        # slices are used up.
        with open(self.name, "rb") as raw:
            pages = mmap.mmap(raw.fileno(), 0, access=mmap.ACCESS_READ)
        reader = pa.ipc.open_file(pa.py_buffer(pages))
        for i in range(reader.num_record_batches):
            for batch in _slices(reader.get_batch(i), rows):
                yield batch
                if hasattr(mmap, "MADV_DONTNEED"):
                    pages.madvise(mmap.MADV_DONTNEED)


class _ArrowStream:
    blank: Mapping[str, pa.Array] = {}

    def __init__(self, name: str, opened: Any) -> None:
        self.name = name
        self.rows: int | None = None
        self._reader = pa.ipc.open_stream(opened)
        self.schema = self._reader.schema

    def batches(self, columns: Sequence[str], rows: int) -> Iterator[pa.RecordBatch]:
        for batch in self._reader:
            yield from _slices(batch, rows)


def _slices(batch: pa.RecordBatch, rows: int) -> Iterator[pa.RecordBatch]:
    # Lengths and offsets come from the file: what they claim is held against the buffers.
    batch.validate(full=True)
    for start in range(0, batch.num_rows, rows):
        yield batch.slice(start, rows)


class _Csv:
    """Text with a header line.

    Features are numbers, or booleans where they read so; categories that are text, and every other
    column, stay text.
    """

    def __init__(
        self,
        name: str,
        head: bytes,
        reopen: Callable[[], Any],
        columns: Columns,
    ) -> None:
        self.name = name
        self.rows: int | None = None
        self._reopen = reopen
        lines = _csv_lines(head.decode("utf-8-sig", errors="replace"))
        if not lines or not lines[0]:
            raise JobError(f"{name} has no header line, which names the columns")
        names = lines[0]
        sample = lines[1:] if len(head) < _BLOCK else lines[1:-1]
        numeric = set(columns.features(names))
        other = columns.separator(names)
        if other is not None:
            raise JobError(
                f"{name} seems to be separated by {other!r}, and only commas are read: write it "
                f"anew, as pandas.read_csv(file, sep={other!r}).to_csv(...) does"
            )
        categories = columns.categories(names)
        self.schema = pa.schema(
            [
                (
                    column,
                    _csv_type(sample, i, *categories.get(column, ()))
                    if column in numeric
                    else pa.string(),
                )
                for i, column in enumerate(names)
            ]
        )
        self.blank: Mapping[str, pa.Array] = {
            name: _csv_blank(known)
            for name, (known,) in categories.items()
            if self.schema.field(name).type == pa.string()
        }

    def batches(self, columns: Sequence[str], rows: int) -> Iterator[pa.RecordBatch]:
        try:
            yield from self._read(columns, threads=self.name != _STDIN)
        except pa.ArrowInvalid as error:
            raise JobError(self._explain(str(error), columns)) from error

    def _read(self, columns: Sequence[str], *, threads: bool) -> Iterator[pa.RecordBatch]:
        yield from pa_csv.open_csv(
            self._reopen(),
            read_options=pa_csv.ReadOptions(block_size=_BLOCK, use_threads=threads),
            # A quoted line break may fall on the border of two blocks.
            parse_options=pa_csv.ParseOptions(newlines_in_values=True),
            convert_options=pa_csv.ConvertOptions(
                column_types={name: self.schema.field(name).type for name in columns},
                include_columns=list(columns),
            ),
        )

    def _explain(self, message: str, columns: Sequence[str]) -> str:
        if "straddling" in message:
            return f"{self.name} has a row of more than {_BLOCK >> 20} MB: write Parquet instead"
        if "Row #" not in message and self.name != _STDIN:
            # Several threads don't count rows: read once more, on one, up to the bad value.
            try:
                deque(self._read(columns, threads=False), maxlen=0)
            except pa.ArrowInvalid as error:
                message = str(error)
        found = re.search(
            r"In CSV column #(\d+): (?:Row #(\d+): )?.*?invalid value '(.*)'", message, re.S
        )
        if found is None:
            hint = ": save it as UTF-8" if "invalid UTF8" in message else ""
            return f"{self.name} can't be read as CSV: {message}{hint}"
        column, row, value = found.groups()
        # Arrow counts the header as row 1; we count rows of data from 0, everywhere.
        where = f"row {int(row) - 2} (line {row}), " if row else ""
        name = self.schema.names[int(column)]
        return (
            f"{self.name}, {where}column {name!r}: {value!r} is not a number: "
            "correct it, or leave it empty if it is missing"
        )


def _csv_lines(text: str) -> list[list[str]]:
    limit = csv.field_size_limit(len(text) + 1)
    try:
        return list(csv.reader(io.StringIO(text, newline="")))
    finally:
        csv.field_size_limit(limit)


_CSV_NULLS = {null.lower() for null in pa_csv.ConvertOptions().null_values}


def _csv_type(
    sample: Sequence[Sequence[str]],
    index: int,
    categories: Sequence[Any] | None = (),
) -> pa.DataType:
    """Choose the type of a feature; of categories one that tells all of them apart."""
    if categories is None or any(isinstance(value, str) for value in categories):
        return pa.string()
    if any(isinstance(value, int) and abs(value) > 1 << 53 for value in categories):
        return pa.int64() if max(categories) < 1 << 63 else pa.uint64()
    seen = {row[index].lower() for row in sample if index < len(row)} - _CSV_NULLS
    return pa.bool_() if seen and seen <= {"true", "false"} else pa.float64()


def _csv_blank(categories: Sequence[str] | None) -> pa.Array:
    """List the texts that stand for a missing value; a category may be spelt like one.

    Where the categories are not known (None), only nothing does.
    """
    spellings = {""} if categories is None else {*pa_csv.ConvertOptions().null_values}
    return pa.array(sorted(spellings.difference(categories or ())), pa.string())


class _Joined(io.RawIOBase):
    """A stream whose first bytes were read already."""

    def __init__(self, head: bytes, rest: IO[bytes]) -> None:
        self._head = head
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._head[: len(buffer)] or self._rest.read(len(buffer))
        self._head = self._head[len(data) :]
        buffer[: len(data)] = data
        return len(data)


def find_inputs(inputs: Sequence[str]) -> list[str]:
    """List the files of a data set in order.

    Folders give theirs, sorted, without those whose names begin with `.` or `_`.
    """
    found: list[str] = []
    for given in inputs:
        if given != STDIO and os.path.isdir(given):
            files = [
                path
                for path in sorted(Path(given).rglob("*"))
                if path.is_file()
                and not any(part[0] in "._" for part in path.relative_to(given).parts)
            ]
            if not files:
                raise JobError(f"the folder {given} has no files to read")
            found += map(str, files)
        elif given != STDIO and not os.path.exists(given):
            hint = ""
            if given in OUTPUTS:
                hint = f"; several outputs are joined by commas: --outputs prediction,{given}"
            raise JobError(f"there is no file {given}{hint}")
        else:
            found.append(given)
    if found.count(STDIO) > 1:
        raise JobError("standard input can be read once only")
    return found


def open_source(name: str, columns: Columns) -> Source:
    """Open an input by its extension, else by its first bytes.

    `columns` says which columns are numbers in CSV.
    """
    try:
        return _open_source(name, columns)
    except (pa.ArrowException, OSError, EOFError) as error:
        raise JobError(f"{name} can't be read: {error}") from error


def _open_source(name: str, columns: Columns) -> Source:
    if name == STDIO:
        head = sys.stdin.buffer.read(_BLOCK)
        stream = io.BufferedReader(_Joined(head, sys.stdin.buffer), _BLOCK)
        if head.startswith(b"\xff\xff\xff\xff"):
            return _ArrowStream(_STDIN, pa.PythonFile(stream, "r"))
        if head.startswith((b"PAR1", b"ARROW1")):
            raise JobError("standard input can be CSV or an Arrow stream; name other files")
        return _Csv(_STDIN, head, lambda: pa.PythonFile(stream, "r"), columns)
    with open(name, "rb") as file:
        head = file.read(_BLOCK)
    format_ = format_of(name)
    if format_ == "parquet" or (format_ is None and head.startswith(b"PAR1")):
        return _Parquet(name)
    if format_ == "arrow" or (format_ is None and head.startswith((b"ARROW1", b"\xff" * 4))):
        if head.startswith(b"\xff" * 4):
            return _ArrowStream(name, pa.OSFile(name))
        return _ArrowFile(name)
    if format_ == "csv":
        if not head.startswith(b"\x1f\x8b"):
            return _Csv(name, head, lambda: pa.OSFile(name), columns)
        with gzip.open(name) as unpacked:
            head = unpacked.read(_BLOCK)
        return _Csv(name, head, lambda: pa.input_stream(name, compression="gzip"), columns)
    known = ", ".join(_EXTENSIONS)
    raise JobError(
        f"{name} is neither Parquet nor Arrow, and its name says no format: "
        f"end it in one of {known}"
    )


def format_of(path: str) -> Format | None:
    """Find the format that a name says."""
    lower = path.lower()
    return next((f for extension, f in _EXTENSIONS.items() if lower.endswith(extension)), None)


# --- columns ---


@dataclass(frozen=True)
class _Part:
    """An input with what is read of it."""

    source: Source
    features: list[str]
    kept: list[str]


@dataclass(frozen=True)
class _Rows:
    """Some rows of an input, from row `start` on."""

    part: _Part
    start: int
    table: pa.Table


class Columns:
    """Which columns of an input are read: those of the model, and those kept."""

    def __init__(self, core: _core.Model, keep: Sequence[str] | Literal["all"]) -> None:
        self._keep = keep
        self._count = core.n_features
        self._rewritten = json.loads(core.spec)["features"]["match"] == "underscore"
        self._core = core
        names = core.feature_names
        self._encoded: dict[str | int, int] = {
            at if names is None else self._plain(names[at]): at for at in core.encoded
        }
        self._read = (
            None
            if names is None
            else {name for name, read in zip(names, core.features_read, strict=True) if read}
        )

    def kept(self, source: Source) -> list[str]:
        """List the kept columns, in the order asked for, else in the file's."""
        names = source.schema.names
        kept = names if self._keep == "all" else list(dict.fromkeys(self._keep))
        for name in kept:
            if name not in names:
                near = difflib.get_close_matches(name, names, 3)
                hint = f"; near it: {', '.join(map(repr, near))}" if near else ""
                raise SchemaError(f"{source.name} has no column {name!r} to keep{hint}")
        return list(kept)

    def categories(self, names: Sequence[str]) -> dict[str, tuple[Sequence[Any] | None]]:
        """Per column of categories their values; None where the model does not hold them."""
        found: dict[str, tuple[Sequence[Any] | None]] = {}
        for place, name in enumerate(self.features(names)):
            at = self._encoded.get(place if self._read is None else self._plain(name))
            if at is not None:
                found[name] = (self._core.categories(at),)
        return found

    def _plain(self, name: str) -> str:
        return re.sub(r"\s", "_", name) if self._rewritten else name

    def separator(self, names: Sequence[str]) -> str | None:
        """Return what splits the only column of a header into those that the model reads."""
        if len(names) != 1:
            return None
        for mark in ";\t|":
            parts = names[0].split(mark)
            if self._read is None:
                fits = 1 < self._count <= len(parts)
            else:
                fits = names[0] not in self._read and not self._read.isdisjoint(
                    map(self._plain, parts)
                )
            if len(parts) > 1 and fits:
                return mark
        return None

    def features(self, names: Sequence[str]) -> list[str]:
        """List the columns that the model may read.

        It decides itself what fits; more than it reads do no harm.
        """
        if self._read is not None:
            read = [
                name
                for name in names
                if name in self._read
                or (self._rewritten and re.sub(r"\s", "_", name) in self._read)
            ]
            return read or list(
                names[:1]
            )  # a model that reads nothing still has to see the number of rows
        # A model without names reads by position: kept columns are no features, unless the count
        # says so.
        if self._keep != "all" and len(names) != self._count:
            return [name for name in names if name not in self._keep]
        return list(names)


def _plain(type_: pa.DataType) -> pa.DataType:
    """Turn dictionaries into plain values: they may change between batches, in Arrow files not."""
    return type_.value_type if pa.types.is_dictionary(type_) else type_


class _Job:
    """The checked inputs of a job, and the way from their rows to the output's."""

    def __init__(
        self,
        core: _core.Model,
        sources: Sequence[Source],
        columns: Columns,
        *,
        outputs: Sequence[str],
        threads: int | None,
        missing: str,
    ) -> None:
        self._core = core
        self._outputs = outputs
        self._threads = _core.thread_count(threads)
        self._missing = missing
        self._parts: list[_Part] = []
        kept: list[pa.Field] = []
        scored: list[pa.Field] = []
        for source in sources:
            part = _Part(source, columns.features(source.schema.names), columns.kept(source))
            fields = [pa.field(name, _plain(_field(source, name).type)) for name in part.kept]
            if not self._parts:
                kept = fields
            elif fields != kept:
                raise SchemaError(_disagreement(source, fields, self._parts[0].source, kept))
            scored = self._check(source, columns)
            self._parts.append(part)
        names = {field.name for field in scored}
        if clash := [field.name for field in kept if field.name in names]:
            raise SchemaError(
                f"the kept column {clash[0]!r} has the name of an output: "
                "rename it in the input, or don't keep it"
            )
        self._kept = kept
        self.schema = pa.schema(kept + scored)

    def _check(self, source: Source, columns: Columns) -> list[pa.Field]:
        """Score no rows of an input: the model says if its columns fit, and what comes out."""
        names = source.schema.names
        try:
            if self._core.feature_names is None:
                fields = [_field(source, name) for name in columns.features(names)]
            else:
                fields = list(source.schema)
            table = _core.Table.from_arrow(pa.schema(fields).empty_table())
            scored = [self._scores(table, output) for output in self._outputs]
        except SchemaError as error:
            raise SchemaError(f"{source.name}: {error}") from error
        return [field for batch in scored for field in batch.schema]

    def _scores(self, table: _core.Table, output: str) -> pa.RecordBatch:
        return pa.record_batch(self._core.score(table, output, self._threads, self._missing))

    @property
    def rows(self) -> int | None:
        """How many rows there are, where every input says so."""
        counts = [part.source.rows for part in self._parts]
        return None if None in counts else sum(filter(None, counts))

    @property
    def row_bytes(self) -> int:
        """About what a row takes in memory."""
        read = max((len(part.features) for part in self._parts), default=0)
        return 8 * read + sum(_width(field.type) for field in self.schema)

    def read(self, rows: int) -> Iterator[_Rows]:
        """Read the rows of all inputs in order, about `rows` at a time."""
        for part in self._parts:
            columns = list(dict.fromkeys(part.kept + part.features))
            start = 0
            try:
                for batches in _grouped(part.source.batches(columns, rows), rows):
                    table = pa.Table.from_batches([batch.select(columns) for batch in batches])
                    yield _Rows(part, start, table)
                    start += table.num_rows
            except (pa.ArrowException, OSError, EOFError) as error:
                raise JobError(f"{part.source.name} can't be read: {error}") from error

    def score(self, rows: _Rows) -> pa.RecordBatch:
        """Make one batch of the output."""
        features = _core.Table.from_arrow(_features(rows))
        arrays = [
            _one_array(rows.table.column(field.name).cast(field.type)) for field in self._kept
        ]
        try:
            for output in self._outputs:
                arrays += self._scores(features, output).columns
        except (MissingValueError, NonFiniteValueError, UnknownCategoryError) as error:
            raise type(error)(_located(str(error), rows)) from error
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)


def _features(rows: _Rows) -> pa.Table:
    """Select what the model reads."""
    table = rows.table.select(rows.part.features)
    for name, blank in rows.part.source.blank.items():
        at = table.schema.get_field_index(name)
        column = table.column(at)
        missing = pc.is_in(column, value_set=blank)
        table = table.set_column(at, name, pc.if_else(missing, None, column))
    return table


def _located(message: str, rows: _Rows) -> str:
    """Turn a row of a batch into one of the file, and an argument into an option."""
    last = rows.start + rows.table.num_rows - 1
    message = re.sub(r"\brow (\d+)", lambda found: f"row {rows.start + int(found[1])}", message)
    message = message.replace('missing="propagate"', "--missing propagate")
    return f"{rows.part.source.name}, rows {rows.start} to {last}: {message}"


def _field(source: Source, name: str) -> pa.Field:
    found = source.schema.get_all_field_indices(name)
    if len(found) > 1:
        raise SchemaError(f"{source.name} has {len(found)} columns {name!r}: rename them")
    return source.schema.field(found[0])


def _disagreement(
    source: Source, fields: Sequence[pa.Field], first: Source, kept: Sequence[pa.Field]
) -> str:
    for a, b in zip(fields, kept, strict=False):
        if a.name == b.name and a.type != b.type:
            return (
                f"{source.name}: the kept column {a.name!r} is {a.type}, "
                f"but {b.type} in {first.name}: cast one, or score them apart"
            )
    names, others = [f.name for f in fields], [f.name for f in kept]
    hint = "name the columns to keep"
    for name in names:
        if name not in others:
            return f"{source.name} has a column {name!r} that {first.name} lacks: {hint}"
    for name in others:
        if name not in names:
            return f"{source.name} lacks the column {name!r} of {first.name}: {hint}"
    return f"{source.name} has its columns in another order than {first.name}: {hint}"


def _width(type_: pa.DataType) -> int:
    try:
        return max(int(type_.bit_width) // 8, 1)
    except ValueError:
        return 32


def _one_array(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)


def _grouped(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[list[pa.RecordBatch]]:
    """Put small batches together, until they have `rows` rows."""
    group: list[pa.RecordBatch] = []
    for batch in batches:
        if batch.num_rows == 0:
            continue
        group.append(batch)
        if sum(b.num_rows for b in group) >= rows:
            yield group
            group = []
    if group:
        yield group


# --- writing ---


class _Writer(Protocol):
    def write(self, batch: pa.RecordBatch) -> None: ...


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
def _writer(
    sink: Any, schema: pa.Schema, format_: Format, compression: str, *, stream: bool
) -> Iterator[_Writer]:
    """Give a writer whose file is whole when the block is done, and cut short when it fails."""
    if format_ == "parquet":
        writer = _ParquetWriter(sink, schema, compression)
        try:
            yield writer
            writer.close()
        except BaseException:
            writer.abandon()
            raise
    elif format_ == "csv":
        packed = pa.CompressedOutputStream(sink, "gzip") if compression == "gzip" else sink
        writer_csv = pa_csv.CSVWriter(packed, schema)
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
def _sink(output: str) -> Iterator[Any]:
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


# --- the job ---


def _ahead(items: Iterable[T], depth: int) -> Iterator[T]:
    """Make the items in a thread of their own, at most `depth` of them ahead."""
    end = object()
    source = iter(items)
    pool = ThreadPoolExecutor(1)
    try:
        pending = deque(pool.submit(next, source, end) for _ in range(depth))
        while (item := pending.popleft().result()) is not end:
            pending.append(pool.submit(next, source, end))
            yield cast("T", item)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


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


def read_head(core: _core.Model, name: str, rows: int) -> pa.Table:
    """Read the first rows of a data set, with the columns that the model reads."""
    columns = Columns(core, ())
    sources = [open_source(found, columns) for found in find_inputs([name])]
    job = _Job(core, sources, columns, outputs=("margin",), threads=None, missing="propagate")
    tables: list[pa.Table] = []
    for read in job.read(min(rows, _BATCH_ROWS)):
        tables.append(_features(read))
        if sum(t.num_rows for t in tables) >= rows:
            break
    if not tables:
        raise JobError(f"{name} has no rows")
    return pa.concat_tables(tables, promote_options="permissive").slice(0, rows)


def score_files(
    core: _core.Model,
    inputs: Sequence[str],
    output: str,
    *,
    outputs: Sequence[str] = ("prediction",),
    keep: Sequence[str] | Literal["all"] = (),
    threads: int | None = None,
    missing: str = "source",
    batch_rows: int | None = None,
    format_: Format = "parquet",
    compression: str | None = None,
    overwrite: bool = True,
    started: Callable[[int | None], None] = lambda rows: None,
    progress: Callable[[int], None] = lambda rows: None,
) -> JobReport:
    """Score files into a file.

    `started` hears how many rows there are, where that is known; `progress` how many more are done.
    """
    begin = time.perf_counter()
    names = find_inputs(inputs)
    check_output(output, names, overwrite=overwrite)
    columns = Columns(core, keep)
    job = _Job(
        core,
        [open_source(name, columns) for name in names],
        columns,
        outputs=outputs,
        threads=threads,
        missing=missing,
    )
    rows = batch_rows or max(1024, min(_BATCH_ROWS, _BATCH_BYTES // max(job.row_bytes, 1)))
    compression = compression or COMPRESSIONS[format_][0]
    started(job.rows)
    done = 0
    with (
        writing(output),
        _sink(output) as sink,
        _writer(sink, job.schema, format_, compression, stream=output == STDIO) as writer,
    ):
        for batch in _ahead(map(job.score, _ahead(job.read(rows), 2)), 1):
            writer.write(batch)
            done += batch.num_rows
            progress(batch.num_rows)
    return JobReport(output, done, time.perf_counter() - begin, job.schema.names)
