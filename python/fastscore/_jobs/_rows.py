"""The checked inputs of a job, and the way from their rows to the output's."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from fastscore import _core
from fastscore._errors import (
    MissingValueError,
    NonFiniteValueError,
    SchemaError,
    UnknownCategoryError,
)
from fastscore._jobs._base import JobError, Source
from fastscore._jobs._columns import Columns


@dataclass(frozen=True)
class Part:
    """An input with what is read of it."""

    source: Source
    features: list[str]
    kept: list[str]


@dataclass(frozen=True)
class Rows:
    """Some rows of an input, from row `start` on."""

    part: Part
    start: int
    table: pa.Table


def _plain(type_: pa.DataType) -> pa.DataType:
    """Turn dictionaries into plain values: they may change between batches, in Arrow files not."""
    return type_.value_type if pa.types.is_dictionary(type_) else type_


class Job:
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
        self._parts: list[Part] = []
        kept: list[pa.Field] = []
        scored: list[pa.Field] = []
        for source in sources:
            part = Part(source, columns.features(source.schema.names), columns.kept(source))
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
            message = str(error).replace(
                "import or load it with features=[...]",
                "import it with --features; what --keep names is not counted",
            )
            raise SchemaError(f"{source.name}: {message}") from error
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

    def read(self, rows: int) -> Iterator[Rows]:
        """Read the rows of all inputs in order, about `rows` at a time."""
        for part in self._parts:
            columns = list(dict.fromkeys(part.kept + part.features))
            start = 0
            try:
                for batches in _grouped(part.source.batches(columns, rows), rows):
                    table = pa.Table.from_batches([batch.select(columns) for batch in batches])
                    yield Rows(part, start, table)
                    start += table.num_rows
            except (pa.ArrowException, OSError, EOFError) as error:
                raise JobError(f"{part.source.name} can't be read: {error}") from error

    def score(self, rows: Rows) -> pa.RecordBatch:
        """Make one batch of the output."""
        features = _core.Table.from_arrow(features_of(rows))
        arrays = [
            _one_array(rows.table.column(field.name).cast(field.type)) for field in self._kept
        ]
        try:
            for output in self._outputs:
                arrays += self._scores(features, output).columns
        except (MissingValueError, NonFiniteValueError, UnknownCategoryError) as error:
            raise type(error)(_located(str(error), rows)) from error
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)


def features_of(rows: Rows) -> pa.Table:
    """Select what the model reads."""
    table = rows.table.select(rows.part.features)
    for name, blank in rows.part.source.blank.items():
        at = table.schema.get_field_index(name)
        column = table.column(at)
        missing = pc.is_in(column, value_set=blank)
        table = table.set_column(at, name, pc.if_else(missing, None, column))
    return table


def _located(message: str, rows: Rows) -> str:
    """Turn a row of a batch into one of the file, and an argument into an option."""
    last = rows.start + rows.table.num_rows - 1
    message = re.sub(r"\brow (\d+)", lambda found: f"row {rows.start + int(found[1])}", message)
    message = message.replace('missing="propagate"', "--missing propagate")
    message = re.sub(
        r'import or load the model with unknown=\{(\d+|"(.*)"): "missing"\}',
        lambda found: (
            "import the model with --unknown "
            + shlex.quote(f"{found[1] if found[2] is None else found[2]}=missing")
        ),
        message,
    )
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
