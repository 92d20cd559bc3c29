"""Text with a header line, read in blocks."""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv

from fastscore._jobs._base import BLOCK, STDIN, JobError
from fastscore._jobs._columns import Columns


class Csv:
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
        sample = lines[1:] if len(head) < BLOCK else lines[1:-1]
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
            yield from self._read(columns, threads=self.name != STDIN)
        except pa.ArrowInvalid as error:
            raise JobError(self._explain(str(error), columns)) from error

    def _read(self, columns: Sequence[str], *, threads: bool) -> Iterator[pa.RecordBatch]:
        yield from pa_csv.open_csv(
            self._reopen(),
            read_options=pa_csv.ReadOptions(block_size=BLOCK, use_threads=threads),
            # A quoted line break may fall on the border of two blocks.
            parse_options=pa_csv.ParseOptions(newlines_in_values=True),
            convert_options=pa_csv.ConvertOptions(
                column_types={name: self.schema.field(name).type for name in columns},
                include_columns=list(columns),
            ),
        )

    def _explain(self, message: str, columns: Sequence[str]) -> str:
        if "straddling" in message:
            return f"{self.name} has a row of more than {BLOCK >> 20} MB: write Parquet instead"
        if "Row #" not in message and self.name != STDIN:
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
