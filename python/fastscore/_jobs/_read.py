"""Inputs: Parquet, Arrow and CSV files, folders of them, and standard input."""

from __future__ import annotations

import gzip
import io
import mmap
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from fastscore._jobs._base import BLOCK, EXTENSIONS, STDIN, STDIO, JobError, Source, format_of
from fastscore._jobs._columns import Columns
from fastscore._jobs._csv import Csv
from fastscore._layout import OUTPUTS

_LARGE_RECORD_BATCH: Final = 64 << 20


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
            self.name, pre_buffer=False, buffer_size=BLOCK, page_checksum_verification=True
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
        head = sys.stdin.buffer.read(BLOCK)
        stream = io.BufferedReader(_Joined(head, sys.stdin.buffer), BLOCK)
        if head.startswith(b"\xff\xff\xff\xff"):
            return _ArrowStream(STDIN, pa.PythonFile(stream, "r"))
        if head.startswith((b"PAR1", b"ARROW1")):
            raise JobError("standard input can be CSV or an Arrow stream; name other files")
        return Csv(STDIN, head, lambda: pa.PythonFile(stream, "r"), columns)
    with open(name, "rb") as file:
        head = file.read(BLOCK)
    format_ = format_of(name)
    if format_ == "parquet" or (format_ is None and head.startswith(b"PAR1")):
        return _Parquet(name)
    if format_ == "arrow" or (format_ is None and head.startswith((b"ARROW1", b"\xff" * 4))):
        if head.startswith(b"\xff" * 4):
            return _ArrowStream(name, pa.OSFile(name))
        return _ArrowFile(name)
    if format_ == "csv":
        if not head.startswith(b"\x1f\x8b"):
            return Csv(name, head, lambda: pa.OSFile(name), columns)
        with gzip.open(name) as unpacked:
            head = unpacked.read(BLOCK)
        return Csv(name, head, lambda: pa.input_stream(name, compression="gzip"), columns)
    known = ", ".join(EXTENSIONS)
    raise JobError(
        f"{name} is neither Parquet nor Arrow, and its name says no format: "
        f"end it in one of {known}"
    )
