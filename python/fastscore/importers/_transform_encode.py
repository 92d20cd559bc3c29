"""scikit-learn's OneHotEncoder, OrdinalEncoder and TargetEncoder.

A column is matched with the categories that it was fitted on: text as text, numbers and booleans as
numbers. Its missing value is one more category where training had one, else unknown.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fastscore.importers._builder import Builder
from fastscore.importers._flow import Frame, exact, refuse, whole
from fastscore.importers._text import Lookup, Values, lookups, one_hot, refuse_others, values_of
from fastscore.importers._transform import transformer


def _known(build: Builder, estimator: Any, frame: Frame, *, raises: bool) -> list[Values]:
    """Match the columns with the categories, and refuse what the encoder refuses."""
    name = type(estimator).__name__
    exact(build, frame, name, "encode the column before they compute with it")
    known = [
        values_of(build, column, categories, name)
        for column, categories in zip(frame.columns, estimator.categories_, strict=True)
    ]
    checked = Frame(tuple(each.column for each in known))
    checked = refuse(build, checked, name, non_finite=True)
    known = [
        replace(each, column=column) for each, column in zip(known, checked.columns, strict=True)
    ]
    if raises:
        for each in known:
            refuse_others(build, each, name, missing=each.missing is None)
    return known


def _width(dtype: Any) -> str:
    """Return the type of what an encoder gives, as columns have it."""
    dtype = np.dtype(dtype)
    if dtype == np.float32:
        return "float32"
    return "small" if np.result_type(dtype, np.float32) == np.float32 else "float64"


def _groups(estimator: Any, feature: int) -> Any:
    """Return the number of each category once infrequent ones are one; None where none are."""
    if not getattr(estimator, "_infrequent_enabled", False):
        return None
    return estimator._default_to_infrequent_mappings[feature]


@transformer("OneHotEncoder")
def one_hot_encoder(build: Builder, estimator: Any, frame: Frame) -> Frame:
    """OneHotEncoder: a column a category, or a group of infrequent ones, less the dropped."""
    known = _known(build, estimator, frame, raises=estimator.handle_unknown == "error")
    tables: list[Lookup] = []
    cells: list[tuple[int | None, Any, float]] = []
    for feature, each in enumerate(known):
        groups = _groups(estimator, feature)
        dropped = estimator._drop_idx_after_grouping
        drop = None if dropped is None else dropped[feature]
        if groups is None:
            keys = dict(zip(each.positions, each.keys, strict=True))
            for position in range(len(estimator.categories_[feature])):
                if position != drop:
                    cells.append((None, each.column, keys.get(position, math.nan)))
            continue
        infrequent = estimator._infrequent_indices[feature]
        other = -1.0
        if estimator.handle_unknown in ("infrequent_if_exist", "warn"):
            other = float(groups[infrequent[0]])
        table = {
            key: float(groups[position])
            for key, position in zip(each.keys, each.positions, strict=True)
        }
        missing = other if each.missing is None else float(groups[each.missing])
        for group in range(int(groups.max()) + 1):
            if group != drop:
                cells.append((len(tables), None, float(group)))
        tables.append(Lookup(each.column, table, missing, other))
    looked = whole(lookups(build, tables), len(tables)).columns if tables else ()
    out = one_hot(
        build,
        [(column if at is None else looked[at], value) for at, column, value in cells],
    )
    width = _width(estimator.dtype)
    columns = tuple(replace(c, width=width) for c in out.columns)
    return Frame(columns, sparse=bool(estimator.sparse_output))


@transformer("OrdinalEncoder")
def ordinal_encoder(build: Builder, estimator: Any, frame: Frame) -> Frame:
    """OrdinalEncoder: the number of the category."""
    raises = estimator.handle_unknown == "error"
    known = _known(build, estimator, frame, raises=raises)
    unknown = math.nan if raises else float(estimator.unknown_value)
    tables = []
    for feature, each in enumerate(known):
        groups = _groups(estimator, feature)

        def code(position: int, groups: Any = groups) -> float:
            return float(position if groups is None else groups[position])

        missing = unknown
        if each.missing is not None and feature in estimator._missing_indices:
            missing = float(estimator.encoded_missing_value)
        elif each.missing is not None:
            missing = code(each.missing)
        table = {
            key: code(position) for key, position in zip(each.keys, each.positions, strict=True)
        }
        tables.append(Lookup(each.column, table, missing, unknown))
    return _looked_up(build, tables, _width(estimator.dtype))


@transformer("TargetEncoder")
def target_encoder(build: Builder, estimator: Any, frame: Frame) -> Frame:
    """TargetEncoder: the mean of the target for the category, a column a class."""
    known = _known(build, estimator, frame, raises=False)
    classes = len(estimator.classes_) if estimator.target_type_ == "multiclass" else 1
    means = np.ravel(estimator.target_mean_).astype(np.float64).tolist()
    tables = []
    for column, encoding in enumerate(estimator.encodings_):
        each, other = known[column // classes], means[column % classes]
        table = {
            key: float(encoding[position])
            for key, position in zip(each.keys, each.positions, strict=True)
        }
        missing = other if each.missing is None else float(encoding[each.missing])
        tables.append(Lookup(each.column, table, missing, other))
    return _looked_up(build, tables, "float64")


def _looked_up(build: Builder, tables: Sequence[Lookup], width: str) -> Frame:
    """Return what the tables give, with what that can be."""
    given = [[*each.table.values(), each.missing, each.other] for each in tables]
    most = max((abs(x) for values in given for x in values if not math.isnan(x)), default=0.0)
    frame = whole(
        lookups(build, tables),
        len(tables),
        most=most,
        width=width,
    )
    columns = (
        replace(column, missing=any(map(math.isnan, values)))
        for column, values in zip(frame.columns, given, strict=True)
    )
    return Frame(tuple(columns))
