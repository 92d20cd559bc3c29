"""What flows between the steps of a pipeline: columns, whatever values hold them.

A `Frame` is the table that a step of the source gets. Its columns lie in values of the builder, in
any order, so that picking and joining columns costs nothing; a step that needs them side by side
asks for `value_of`, one that can read them anywhere for `gather`.
"""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fastscore._errors import UnsupportedModelError
from fastscore.importers._builder import Builder

LARGEST = float(np.finfo(np.float64).max)
LARGEST_FLOAT32 = float(np.finfo(np.float32).max)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a frame: column `index` of the builder's value `value`."""

    value: int
    index: int
    name: str | None = None
    """As the source names it at this place; None where it has no name."""
    kind: str = "number"
    """`number`; `text`: codes of the text feature `feature`; `any`: a raw feature, not yet read."""
    feature: int | None = None
    """The raw feature that it is, or whose text codes it holds."""
    missing: bool = True
    """Whether it may be NaN."""
    most: float = math.inf
    """The largest magnitude that it may have: infinite where infinities may be."""
    width: str = "float64"
    """The source's type: `float32`; `small`, which becomes float32 beside it; else `float64`."""
    gaps: int | None = None
    """The raw feature that is NaN in the same rows, where one is."""
    near: bool = False
    """Whether its last bits may differ from the source's."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The table that a step gets."""

    columns: tuple[Column, ...]
    sparse: bool = False
    """Whether the source holds it as a sparse matrix, without its zeros."""

    def __len__(self) -> int:
        return len(self.columns)

    def take(self, positions: Iterable[int]) -> "Frame":
        """Pick columns."""
        return replace(self, columns=tuple(self.columns[i] for i in positions))

    def dense(self) -> "Frame":
        """Return it as no sparse matrix."""
        return replace(self, sparse=False)

    def named(self, names: Sequence[str] | None) -> "Frame":
        """Give the columns names; None takes them away."""
        given: Sequence[str | None] = [None] * len(self) if names is None else names
        pairs = zip(self.columns, given, strict=True)
        return replace(self, columns=tuple(replace(column, name=name) for column, name in pairs))

    def known(self, *, missing: bool | None = None, most: float | None = None) -> "Frame":
        """State what the columns can't hold, as something before has refused it."""
        return replace(
            self,
            columns=tuple(
                replace(
                    column,
                    missing=column.missing and missing is not False,
                    most=column.most if most is None else min(most, column.most),
                )
                for column in self.columns
            ),
        )

    @property
    def names(self) -> list[str] | None:
        """The names, where all columns have one."""
        names = [column.name for column in self.columns if column.name is not None]
        return names if len(names) == len(self) else None

    @property
    def width(self) -> str:
        """The type of the whole as one array of the source."""
        widths = {column.width for column in self.columns}
        narrow = "float32" in widths and widths <= {"float32", "small"}
        return "float32" if narrow else "float64"

    @property
    def near(self) -> bool:
        """Whether the last bits of a column may differ from the source's."""
        return any(column.near for column in self.columns)

    def approximate(self) -> "Frame":
        """Say that the last bits may differ from the source's."""
        return replace(self, columns=tuple(replace(c, near=True) for c in self.columns))


def raw(build: Builder) -> Frame:
    """Return the features themselves."""
    names: Sequence[str | None] = build.names or [None] * build.n_features
    columns = (Column(0, i, name, "any", i, gaps=i) for i, name in enumerate(names))
    return Frame(tuple(columns))


def whole(
    value: int,
    count: int,
    *,
    missing: bool = True,
    most: float = math.inf,
    width: str = "float64",
    names: Sequence[str] | None = None,
    sparse: bool = False,
) -> Frame:
    """Return a value of so many columns, all numbers of one kind."""
    columns = (Column(value, i, None, "number", None, missing, most, width) for i in range(count))
    frame = Frame(tuple(columns), sparse)
    return frame if names is None else frame.named(names)


def joined(frames: Sequence[Frame], *, sparse: bool = False, apart: bool = True) -> Frame:
    """Return the columns of all frames side by side.

    Unless they keep types of their own, `apart`, they get the one that holds all.
    """
    frame = Frame(tuple(column for frame in frames for column in frame.columns), sparse)
    small = all(column.width == "small" for column in frame.columns)
    if apart or small:
        return frame
    width = frame.width  # looked for in all columns
    columns = tuple(replace(column, width=width) for column in frame.columns)
    return replace(frame, columns=columns)


def numbers(build: Builder, frame: Frame, owner: str) -> Frame:
    """Take the columns for numbers; refuse text by name."""
    return replace(frame, columns=tuple(_number(build, column, owner) for column in frame.columns))


def _number(build: Builder, column: Column, owner: str) -> Column:
    if column.kind == "text":
        raise UnsupportedModelError(
            f"{owner} reads {shown(build, column)}, which is text, as numbers; encode it before, "
            "with a OneHotEncoder or an OrdinalEncoder"
        )
    if column.kind == "number":
        return column
    assert column.feature is not None
    claim(build, column.feature, "number", owner)
    return replace(column, kind="number")


def claim(build: Builder, feature: int, kind: str, owner: str) -> None:
    """Note what a raw feature is; refuse one that is another thing for another step."""
    before, other = build.claims.setdefault(feature, (kind, owner))
    if before != kind:
        what = {"number": "a number", "text": "text", "hash": "hashed text"}
        name = build.names[feature] if build.names else str(feature)
        raise UnsupportedModelError(
            f"feature {name!r} is {what[before]} for {other} and {what[kind]} for {owner}; give "
            "the source two columns, one for each"
        )


def exact(build: Builder, frame: Frame, step: str, advice: str) -> None:
    """Refuse columns whose last bits may differ where a step jumps at the very number."""
    for column in frame.columns:
        if column.near:
            raise UnsupportedModelError(
                f"{step} compares {shown(build, column)} with given numbers, and the "
                "steps before it compute these to within some last bits, which is not enough; "
                f"{advice}"
            )


def shown(build: Builder, column: Column) -> str:
    """Return how an error names a column."""
    if column.name is not None:
        return f"column {column.name!r}"
    if column.feature is not None:
        return f"feature {build.names[column.feature] if build.names else column.feature!r}"
    return f"column {column.index}"


def gather(build: Builder, frame: Frame) -> tuple[int, list[int]]:
    """Return one value that has all columns, and where each of them is in it."""
    used: dict[int, set[int]] = {}
    for column in frame.columns:
        used.setdefault(column.value, set()).add(column.index)
    if len(used) <= 1:
        return next(iter(used), 0), [column.index for column in frame.columns]
    # Only the columns that are used: the others may not even be there in the data.
    inputs, places, start = [], {}, 0
    for value, indexes in used.items():
        chosen = sorted(indexes)
        inputs.append(_picked(build, value, chosen))
        places.update({(value, index): start + at for at, index in enumerate(chosen)})
        start += len(chosen)
    joined_value = build.shared("concat", tuple(inputs), lambda: {"op": "concat", "inputs": inputs})
    return joined_value, [places[column.value, column.index] for column in frame.columns]


def value_of(build: Builder, frame: Frame) -> int:
    """Return a value whose columns are the frame's, in order."""
    return _picked(build, *gather(build, frame))


def _picked(build: Builder, value: int, columns: list[int]) -> int:
    if columns == list(range(build.width_of(value))):
        return value
    kind = {"name": "columns", "columns": columns}
    return build.shared(
        "columns", (value, *columns), lambda: {"op": "link", "input": value, "kind": kind}
    )


def narrowed(build: Builder, frame: Frame) -> Frame:
    """Return the columns as the source has them once it has cast them to float32."""
    value = build.link(value_of(build, frame), "round_to_float32")
    return replace(
        frame,
        columns=tuple(
            Column(value, i, c.name, "number", None, c.missing, c.most, "float32", near=c.near)
            for i, c in enumerate(frame.columns)
        ),
    )


def refuse(
    build: Builder,
    frame: Frame,
    step: str,
    *,
    missing: bool = False,
    non_finite: bool = False,
    width: str = "float64",
    columns: Collection[int] | None = None,
) -> Frame:
    """Have values refused that a step of the source refuses, in these of its columns.

    Returns the frame as it is once they are. What a column can't hold is not looked for.
    """
    largest = LARGEST if width == "float64" else LARGEST_FLOAT32
    out = list(frame.columns)
    groups: dict[tuple[int, tuple[str, ...]], list[tuple[int, str | None]]] = {}
    for at in range(len(out)) if columns is None else sorted(columns):
        column = out[at]
        own: tuple[str, ...] = ()
        if missing and column.missing and column.value and column.gaps is not None:
            # Said of the column of the data, which lacks the value.
            groups.setdefault((0, ("missing",)), []).append((column.gaps, None))
        elif missing and column.missing:
            own = ("missing",)
        if non_finite and column.most > largest and column.kind != "text":
            own += ("non_finite",)
        if own:
            groups.setdefault((column.value, own), []).append((column.index, column.name))
        out[at] = replace(
            column,
            missing=column.missing and not missing,
            most=min(column.most, largest) if non_finite else column.most,
        )
    for (value, what), found in groups.items():
        names = [name for _, name in found if name is not None]
        build.guard(
            value=value,
            columns=[index for index, _ in found],
            refuse=list(what),
            width=width,
            step=step,
            names=names if value and len(names) == len(found) else None,
        )
    return replace(frame, columns=tuple(out))


def refuse_unknown(
    build: Builder, value: int, columns: Sequence[int], of: Sequence[Column], step: str
) -> None:
    """Refuse rows where a looked-up value is NaN: the step does not know the value of `of`."""
    names = [column.name for column in of if column.name is not None]
    build.guard(
        value=value,
        columns=list(columns),
        refuse=["unknown"],
        of=[[column.value, column.index] for column in of],
        step=step,
        names=names if len(names) == len(of) else None,
    )


def mapped(frame: Frame, value: int, *, gaps: bool = False, **changes: Any) -> Frame:
    """Return the frame's columns after an element-wise step whose output is `value`.

    `gaps`: it gives NaN for NaN, and for nothing else.
    """
    return replace(
        frame,
        columns=tuple(
            replace(
                c,
                value=value,
                index=i,
                kind="number",
                feature=None,
                gaps=c.gaps if gaps else None,
                **changes,
            )
            for i, c in enumerate(frame.columns)
        ),
    )
