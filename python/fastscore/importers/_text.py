"""Text features of a pipeline, and numbers that are looked up.

Every step that sees a text feature shares one table of its values: the feature's value in value 0
is the number of its text there, NaN where it is missing. Categories of numbers are no tables of the
feature: steps look the numbers up (`lookups`).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore._errors import UnsupportedModelError
from fastscore.importers._builder import Builder
from fastscore.importers._flow import (
    Column,
    Frame,
    claim,
    gather,
    numbers,
    refuse,
    refuse_unknown,
    shown,
    whole,
)

UNKNOWN = -1.0
"""The code of a text that the table does not have."""

_EXACT = 2**53


@dataclass(slots=True)
class Text:
    """The table of one feature."""

    codes: dict[str, int] = field(default_factory=dict)
    only: set[float] | None = None
    """The codes that all steps know that raise at any other."""

    def add(self, values: Iterable[str]) -> list[float]:
        """Return the codes of these values; new ones are put in."""
        return [float(self.codes.setdefault(value, len(self.codes))) for value in values]

    def restrict(self, codes: Iterable[float]) -> None:
        """Have any other text refused."""
        self.only = set(codes) if self.only is None else self.only.intersection(codes)

    def encoding(self, build: Builder, feature: int) -> dict[str, Any]:
        """Return the entry of `features.encodings`."""
        kept = [
            value for value, code in self.codes.items() if self.only is None or code in self.only
        ]
        name = f"text{feature}"
        build.strings(name, kept)
        codes = None
        if len(kept) < len(self.codes):
            codes = build.tensor(f"{name}.codes", [self.codes[value] for value in kept], np.float64)
        return {
            "feature": feature,
            "kind": "string",
            "values": name,
            "codes": codes,
            "unknown": "code" if self.only is None else "raise",
            "unknown_code": UNKNOWN if self.only is None else None,
            "missing_code": None,
            "matrix": "values",
        }


def text_of(build: Builder, column: Column, owner: str) -> Text:
    """Take a column for text, and return its table; refuse a number by name."""
    if column.kind == "number" or column.feature is None:
        raise UnsupportedModelError(
            f"{owner} knows text in {shown(build, column)}, which the steps before make a number; "
            "give it a text column of the data"
        )
    claim(build, column.feature, "text", owner)
    return build.texts.setdefault(column.feature, Text())


def is_missing(value: Any) -> bool:
    """Whether it is None, NaN or pandas.NA."""
    if value is None or type(value).__name__ == "NAType":
        return True
    return isinstance(value, float | np.floating) and math.isnan(value)


def number(value: Any, owner: str) -> float:
    """Return a category or a fill value as the number that it is matched by."""
    if isinstance(value, bool | np.bool_ | float | np.floating):
        return float(value) + 0.0
    if isinstance(value, int | np.integer):
        if abs(int(value)) > _EXACT:
            raise UnsupportedModelError(
                f"{owner}: the integer {value} is beyond 2**53, from where on numbers are not "
                "exact; give such identifiers as text"
            )
        return float(value) + 0.0
    raise UnsupportedModelError(
        f"{owner}: the value {value!r} is a {type(value).__name__}; only text, integers, floats "
        "and booleans are supported"
    )


@dataclass(frozen=True, slots=True)
class Values:
    """What a step knows of one column: the numbers by which it is matched."""

    column: Column
    """Of the kind that the values have shown it to be."""
    keys: list[float]
    """One a value, missing ones left out."""
    missing: int | None
    """The position of the missing value among all, or None."""
    positions: list[int]
    """The position of each key among all values."""


def values_of(
    build: Builder, column: Column, values: Sequence[Any] | NDArray[Any], owner: str
) -> Values:
    """Match a column with these values of a step: text or numbers, one of them perhaps missing."""
    where = f"{owner}: {shown(build, column)}"
    # A vocabulary may have a million of them.
    plain = set(map(type, values)) <= {str, int}
    at = [] if plain else [i for i, value in enumerate(values) if is_missing(value)]
    if len(at) > 1:
        raise UnsupportedModelError(
            f"{where} has None and NaN as two categories, which Arrow data can't tell apart; fit "
            "it on a column that has one of them"
        )
    positions = [i for i in range(len(values)) if i not in at]
    own = [values[i] for i in positions]
    if own and all(isinstance(value, str) for value in own):
        keys = text_of(build, column, owner).add(map(str, own))
        column = as_text(column)
    elif any(isinstance(value, str) for value in own):
        raise UnsupportedModelError(f"{where} has text and numbers; make them one type")
    elif own or (isinstance(values, np.ndarray) and values.dtype.kind in "fiub"):
        keys = [number(value, where) for value in own]
        column = as_number(build, column, owner)
    else:
        raise UnsupportedModelError(
            f"{where} has no values, so that neither text nor numbers can be expected; drop it"
        )
    return Values(column, keys, at[0] if at else None, positions)


def refuse_others(build: Builder, known: Values, step: str, *, missing: bool) -> None:
    """Refuse values that a step does not know; `missing`: one that is missing, too."""
    column = known.column
    if missing:
        refuse(build, Frame((column,)), step, missing=True)
    if column.kind == "text" and column.value == 0 and column.feature is not None:
        build.texts[column.feature].restrict(known.keys)
        return
    table = Lookup(column, dict.fromkeys(known.keys, 0.0), 0.0, math.nan)
    refuse_unknown(build, lookups(build, [table]), [0], [column], step)


def as_text(column: Column) -> Column:
    """Return the column as one of codes."""
    return replace(column, kind="text")


def as_number(build: Builder, column: Column, owner: str) -> Column:
    """Return the column as one of numbers; refuse text by name."""
    return numbers(build, Frame((column,)), owner).columns[0]


@dataclass(frozen=True, slots=True)
class Lookup:
    """A table for one column: what each key becomes."""

    column: Column
    table: Mapping[float, float]
    missing: float
    other: float


def lookups(build: Builder, tables: Sequence[Lookup]) -> int:
    """Append a step that looks numbers up; a table is a column of its output."""
    frame = Frame(tuple(each.column for each in tables))
    value, places = gather(build, frame)
    pairs = [_sorted(each.table) for each in tables]
    parts: dict[str, NDArray[Any]] = {
        "column": np.array(places, dtype=np.int32),
        "offset": np.cumsum([0, *(len(keys) for keys, _ in pairs)], dtype=np.int64),
        "key": np.concatenate([keys for keys, _ in pairs]),
        "value": np.concatenate([found for _, found in pairs]),
        "missing": np.array([each.missing for each in tables], dtype=np.float64),
        "other": np.array([each.other for each in tables], dtype=np.float64),
    }

    def step() -> dict[str, Any]:
        prefix = f"map{len(build.steps)}"
        for name, part in parts.items():
            build.tensor(f"{prefix}.{name}", part, part.dtype)
        return {"op": "map", "input": value, "tensors": prefix}

    return build.shared("map", (value, *(part.tobytes() for part in parts.values())), step)


def _sorted(table: Mapping[float, float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the keys of a table, rising, and what each becomes."""
    keys = np.fromiter(table.keys(), np.float64, len(table))
    order = np.argsort(keys, kind="stable")
    return keys[order], np.fromiter(table.values(), np.float64, len(table))[order]


def one_hot(build: Builder, cells: Sequence[tuple[Column, float]]) -> Frame:
    """Append a step with a column for each of these: 1 where the column is that, NaN included."""
    if not cells:
        return Frame(())
    value, places = gather(build, Frame(tuple(column for column, _ in cells)))
    prefix = f"one_hot{len(build.steps)}"
    build.tensor(f"{prefix}.feature", places, np.int32)
    build.tensor(f"{prefix}.value", [each for _, each in cells], np.float64)
    step = build.add({"op": "one_hot", "input": value, "tensors": prefix})
    return whole(step, len(cells), missing=False, most=1.0)
