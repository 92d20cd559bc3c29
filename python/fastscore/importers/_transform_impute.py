"""scikit-learn's SimpleImputer and MissingIndicator.

Null, None and NaN are one missing value here; where another value counts as missing, they are
refused, as scikit-learn refuses NaN then.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fastscore._errors import UnsupportedModelError
from fastscore.importers._builder import Builder
from fastscore.importers._flow import (
    Column,
    Frame,
    joined,
    numbers,
    refuse,
    shown,
    value_of,
    whole,
)
from fastscore.importers._sklearn_common import version
from fastscore.importers._text import (
    Lookup,
    as_text,
    is_missing,
    lookups,
    number,
    one_hot,
    text_of,
)
from fastscore.importers._transform import transformer


@transformer("SimpleImputer")
def simple_imputer(build: Builder, estimator: Any, frame: Frame) -> Frame:
    """SimpleImputer: the fill values are its statistics; columns that have none are dropped."""
    name = "SimpleImputer"
    marker = estimator.missing_values
    fills = estimator.statistics_.tolist()
    frame = Frame(
        tuple(
            _typed(build, column, fill, name)
            for column, fill in zip(frame.columns, fills, strict=True)
        ),
        frame.sparse,
    )
    # Objects may be infinite: scikit-learn looks at the values of float arrays only.
    objects = estimator._fit_dtype.kind == "O"
    frame = refuse(build, frame, name, missing=not is_missing(marker), non_finite=not objects)
    kept = list(range(len(fills)))
    constant = estimator.strategy == "constant" and version() < (1, 8, 0)
    if not (estimator.keep_empty_features or constant):
        kept = [i for i in kept if not is_missing(fills[i])]
    out = _filled(build, frame.take(kept), [fills[i] for i in kept], marker)
    if not estimator.add_indicator:
        return out
    chosen = frame.take(estimator.indicator_.features_.tolist())
    return joined([out, _indicators(build, chosen, marker)], sparse=frame.sparse, apart=False)


def _typed(build: Builder, column: Column, fill: Any, owner: str) -> Column:
    """Take a column for what its fill value is."""
    if isinstance(fill, str):
        text_of(build, column, owner)
        return as_text(column)
    if is_missing(fill):
        return column
    return numbers(build, Frame((column,)), owner).columns[0]


def _key(build: Builder, column: Column, value: Any, owner: str) -> float | None:
    """Return the number that a value is in a column; None where it can't be in it."""
    if isinstance(value, str) != (column.kind == "text"):
        return None
    if column.kind == "text":
        return text_of(build, column, owner).add([value])[0]
    return number(value, owner)


def _filled(build: Builder, frame: Frame, fills: Sequence[Any], marker: Any) -> Frame:
    """Put the fill values where a value is missing, or where it is the marker."""
    columns = list(frame.columns)
    groups: dict[float | None, list[int]] = {}
    for i, column in enumerate(columns):
        if is_missing(marker):
            if column.missing and not is_missing(fills[i]):
                groups.setdefault(None, []).append(i)
            continue
        key = _key(build, column, marker, "SimpleImputer")
        if key is not None:
            groups.setdefault(key, []).append(i)
    for key, places in groups.items():
        own = frame.take(places)
        values = [_fill(build, columns[i], fills[i]) for i in places]
        value = build.link(value_of(build, own), "impute", values=values, missing=key)
        for at, i in enumerate(places):
            column = columns[i]
            columns[i] = replace(
                column,
                value=value,
                index=at,
                missing=column.missing and key is not None,
                gaps=column.gaps if key is not None else None,
                most=max(column.most, abs(values[at])),
            )
    return replace(frame, columns=tuple(columns))


def _fill(build: Builder, column: Column, fill: Any) -> float:
    key = None if is_missing(fill) else _key(build, column, fill, "SimpleImputer")
    if key is None:
        raise UnsupportedModelError(
            f"SimpleImputer fills {shown(build, column)} with {fill!r}, which is not supported "
            "there; give it a fill_value of the column's own type"
        )
    return key


@transformer("MissingIndicator")
def missing_indicator(build: Builder, estimator: Any, frame: Frame) -> Frame:
    """MissingIndicator: a column is 1 where a value is missing."""
    name = "MissingIndicator"
    marker = estimator.missing_values
    frame = _markable(build, frame, marker)
    frame = refuse(build, frame, name, missing=not is_missing(marker), non_finite=True)
    chosen = estimator.features_.tolist()
    if estimator.features == "missing-only" and estimator.error_on_new:
        others = [i for i in range(len(frame)) if i not in chosen]
        _refuse_marker(build, frame.take(others), marker)
    sparse = estimator.sparse is True or (estimator.sparse == "auto" and frame.sparse)
    return replace(_indicators(build, frame.take(chosen), marker), sparse=sparse)


def _markable(build: Builder, frame: Frame, marker: Any) -> Frame:
    """Take columns for what the marker is, where that says it."""
    if is_missing(marker):
        return frame
    if not isinstance(marker, str):
        return numbers(build, frame, "MissingIndicator")
    for column in frame.columns:
        if column.kind == "any":
            text_of(build, column, "MissingIndicator")
    columns = (as_text(c) if c.kind == "any" else c for c in frame.columns)
    return replace(frame, columns=tuple(columns))


def _refuse_marker(build: Builder, frame: Frame, marker: Any) -> None:
    """Refuse a missing value in columns that had none when the indicator was fitted."""
    if is_missing(marker):
        refuse(build, frame, "MissingIndicator", missing=True)
        return
    for column in frame.columns:
        key = _key(build, column, marker, "MissingIndicator")
        if key is not None:
            value = lookups(build, [Lookup(column, {key: math.nan}, 0.0, 0.0)])
            found = whole(value, 1, names=frame.take([0]).names)
            refuse(build, found, "MissingIndicator", missing=True)


def _indicators(build: Builder, frame: Frame, marker: Any) -> Frame:
    """Return a column a column: 1 where it is missing."""
    pairs = [
        (column, math.nan if is_missing(marker) else _key(build, column, marker, "indicator"))
        for column in frame.columns
    ]
    out = one_hot(build, [(column, math.inf if key is None else key) for column, key in pairs])
    return Frame(tuple(replace(column, width="small") for column in out.columns))
