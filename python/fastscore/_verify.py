"""`Model.verify`: the source library against fastscore on the same rows, output by output."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore._containers import make_table
from fastscore._errors import FastscoreError, MissingValueError, NonFiniteValueError
from fastscore._model import Model
from fastscore._sources import Source, open_source
from fastscore._tabulate import as_matrix, replayable

_TIES_SHOWN = 10
_ULPS = 2
_ANOTHER = "it is not the model that was imported"


@dataclass(frozen=True, slots=True)
class OutputCheck:
    """One output, or one target of it, compared."""

    output: str
    rows: int
    equal_rows: int
    largest_difference: float
    """Of numbers; 0 where all are equal. NaN for labels and leaf indexes."""
    largest_ulp: int | None
    """None for labels and leaf indexes."""
    first_difference: tuple[int, Any, Any] | None
    """Row, the source's values, ours; None when all rows are equal."""
    bound: str
    """What is promised."""
    ties: tuple[int, ...]
    """Rows whose labels differ where the source's own comparison lies within the bound."""
    ok: bool


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """The comparison of a model with its source; true when every output keeps what is promised."""

    source: str
    rows: int
    checks: tuple[OutputCheck, ...]

    @property
    def ok(self) -> bool:
        """Whether every output keeps what is promised."""
        return all(check.ok for check in self.checks)

    def __bool__(self) -> bool:
        return self.ok

    def __repr__(self) -> str:
        header = ("output", "rows", "equal", "largest difference", "ulp", "promised", "")
        lines = [
            (
                check.output,
                str(check.rows),
                str(check.equal_rows),
                "-" if check.largest_ulp is None else f"{check.largest_difference:.3g}",
                "-" if check.largest_ulp is None else str(check.largest_ulp),
                check.bound,
                "ok" if check.ok else "FAILED",
            )
            for check in self.checks
        ]
        widths = [max(len(line[i]) for line in (header, *lines)) for i in range(len(header))]
        table = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in (header, *lines)
        ]
        notes = []
        for check in self.checks:
            if check.first_difference is not None:
                row, theirs, ours = check.first_difference
                notes.append(
                    f"{check.output}: first difference in row {row}: source {theirs}, fastscore "
                    f"{ours}"
                )
            if check.ties:
                shown = ", ".join(map(str, check.ties[:_TIES_SHOWN]))
                more = ", ..." if len(check.ties) > _TIES_SHOWN else ""
                notes.append(f"{check.output}: rows that are ties within the bound: {shown}{more}")
        verdict = "within what is promised" if self.ok else "NOT within what is promised"
        head = f"{self.source} against fastscore on {self.rows} rows: {verdict}"
        return "\n".join([head, *table, *notes])


def verify(model: Model, data: Any, source: Any) -> VerifyReport:
    """Compare every output that both have, the source on one thread.

    Promised: margins and leaves of trees equal to the bit; probabilities and other links within 2
    ulp; labels equal but for ties within that bound; linear margins within 1e-12 of the sum of
    |coefficient x value|.
    """
    theirs = open_source(source, model)
    data = replayable(data)
    table = make_table(data)
    if table.num_rows == 0:
        raise ValueError("verify needs at least one row")
    ours: dict[str, Any] = {}
    for output, layout in model._layouts.items():
        try:
            scores = model._core.score(table, output, None, "source")
        except (MissingValueError, NonFiniteValueError) as error:
            refused = str(error).rpartition(": ")[0]
            raise type(error)(f"{refused}: fill or drop these rows to verify the others") from error
        ours[output] = layout.numpy(scores, "source")
    matrix = as_matrix(data, model, table.num_rows)
    structure = json.loads(model._core.spec)
    targets = structure["targets"]
    linear = any(step["op"] == "linear" for step in structure["steps"])
    with _asking(theirs):
        slack = theirs.linear_bound(matrix) if linear else None
    pairs: dict[str, tuple[list[NDArray[Any]], list[NDArray[Any]]]] = {}
    # Predictions last: labels can only be looked up where the number of classes is right.
    for output in sorted(ours, key=lambda output: output == "prediction"):
        with _asking(theirs):
            want = theirs.output(output, matrix)
        if want is None:
            continue
        haves = _targets(ours[output], output, len(targets))
        wants = _targets(want, output, len(targets))
        _check_shapes(output, wants, haves)
        pairs[output] = wants, haves
    checks: list[OutputCheck] = []
    for output in filter(pairs.__contains__, ours):
        wants, haves = pairs[output]
        for t, (theirs_t, ours_t) in enumerate(zip(wants, haves, strict=True)):
            name = output if len(wants) == 1 else f"{output} {targets[t]['name'] or t}"
            if output == "leaf" or (output == "prediction" and targets[t]["classes"] is not None):
                if output == "prediction":
                    _check_classes(theirs, model, t, theirs_t)
                gap = (
                    None
                    if output == "leaf"
                    else _close_rows(theirs, matrix, t, theirs_t, ours_t, slack)
                )
                checks.append(_check_labels(name, theirs_t, ours_t, gap))
            else:
                exact = (
                    output == "margin" or targets[t]["prediction"]["value"] == targets[t]["margin"]
                )
                exact = exact and output != "probability"
                checks.append(
                    _check_floats(name, theirs_t, ours_t, exact=exact, slack=_slack(output, slack))
                )
    return VerifyReport(theirs.name, table.num_rows, tuple(checks))


def _targets(values: Any, output: str, n_targets: int) -> list[NDArray[Any]]:
    """One array (rows, columns) a target."""
    if isinstance(values, list):
        return [_two_dimensional(part) for part in values]
    array = _two_dimensional(values)
    if n_targets > 1 and output != "leaf" and array.shape[1] == n_targets:
        return [array[:, [t]] for t in range(n_targets)]
    return [array]


def _two_dimensional(values: Any) -> NDArray[Any]:
    array = np.asarray(values)
    return array.reshape(-1, 1) if array.ndim == 1 else array


@contextlib.contextmanager
def _asking(theirs: Source) -> Iterator[None]:
    """Name the source in what goes wrong in it."""
    try:
        yield
    except (FastscoreError, MemoryError):
        raise
    except Exception as error:
        said = (str(error).strip().splitlines() or [""])[0]
        raise ValueError(
            f"the source, {theirs.name}, can't score these rows: {type(error).__name__}: {said}"
        ) from error


def _check_shapes(output: str, wants: list[NDArray[Any]], haves: list[NDArray[Any]]) -> None:
    if len(wants) == len(haves):
        pairs = [(a.shape[1], b.shape[1]) for a, b in zip(wants, haves, strict=True)]
        theirs, ours = next((pair for pair in pairs if pair[0] != pair[1]), (0, 0))
    else:
        theirs, ours = (sum(part.shape[1] for part in parts) for parts in (wants, haves))
    if len(wants) != len(haves) or theirs != ours:
        plural = "" if theirs == 1 else "s"
        raise ValueError(
            f"the source gives {theirs} {output} column{plural}, the model {ours}: {_ANOTHER}"
        )


def _check_classes(theirs: Source, model: Model, target: int, want: NDArray[Any]) -> None:
    known = model._classes[target]
    ours = set() if known is None else set(known.tolist())
    unknown = [label for label in dict.fromkeys(want.ravel().tolist()) if label not in ours]
    if not unknown:
        with _asking(theirs):
            classes = theirs.classes(target).tolist()
        unknown = [label for label in classes if label not in ours]
        if not unknown and len(classes) != len(ours):
            raise ValueError(
                f"the source has {len(classes)} classes, the model {len(ours)}: {_ANOTHER}"
            )
    if unknown:
        raise ValueError(f"the source predicts {unknown[0]!r}, no class of the model: {_ANOTHER}")


def _slack(output: str, slack: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
    """Return the absolute bound of a linear model's output, from that of its margins."""
    if slack is None or output != "probability":
        return slack
    # No link has a slope above 1/2 in any margin; normalising doubles it at most. A few roundings
    # of numbers up to 1.
    bound: NDArray[np.float64] = 2 * slack.max(axis=1, keepdims=True) + 8 * np.finfo(np.float64).eps
    return bound


def _check_floats(
    name: str,
    want: NDArray[Any],
    have: NDArray[Any],
    *,
    exact: bool,
    slack: NDArray[np.float64] | None,
) -> OutputCheck:
    if want.dtype.kind not in "fiub":
        raise ValueError(f"the source predicts labels, the model numbers: {_ANOTHER}")
    want = np.ascontiguousarray(want, dtype=np.float64)
    have = np.ascontiguousarray(have, dtype=np.float64)
    equal = (want.view(np.int64) == have.view(np.int64)) | (np.isnan(want) & np.isnan(have))
    with np.errstate(invalid="ignore", over="ignore"):
        difference = np.where(equal, 0.0, np.abs(want - have))
    difference = np.where(np.isnan(difference), np.inf, difference)
    ulp = np.where(equal, np.uint64(0), _ulps(want, have))
    if slack is not None:
        within = difference <= slack
        bound = (
            "1e-12 of sum |coefficient x value|"
            if name.startswith(("margin", "prediction"))
            else "the margin's bound"
        )
    elif exact:
        within, bound = equal, "equal bits"
    else:
        within, bound = ulp <= _ULPS, f"{_ULPS} ulp"
    return OutputCheck(
        output=name,
        rows=len(want),
        equal_rows=int(equal.all(axis=1).sum()),
        largest_difference=float(difference.max(initial=0.0)),
        largest_ulp=int(ulp.max(initial=0)),
        first_difference=_first(equal, want, have),
        bound=bound,
        ties=(),
        ok=bool((equal | within).all()),
    )


def _check_labels(
    name: str, want: NDArray[Any], have: NDArray[Any], close: NDArray[np.bool_] | None
) -> OutputCheck:
    equal = np.asarray(want == have, dtype=bool)
    wrong = ~equal.all(axis=1)
    ties = wrong & close if close is not None else np.zeros_like(wrong)
    return OutputCheck(
        output=name,
        rows=len(want),
        equal_rows=int((~wrong).sum()),
        largest_difference=float("nan"),
        largest_ulp=None,
        first_difference=_first(equal, want, have),
        bound="equal" if close is None else "equal but for ties",
        ties=tuple(np.flatnonzero(ties).tolist()),
        ok=not bool((wrong & ~ties).any()),
    )


def _first(
    equal: NDArray[np.bool_], want: NDArray[Any], have: NDArray[Any]
) -> tuple[int, Any, Any] | None:
    rows = np.flatnonzero(~equal.all(axis=1))
    if not len(rows):
        return None
    row = int(rows[0])
    theirs, ours = want[row].tolist(), have[row].tolist()
    return (row, theirs[0], ours[0]) if len(theirs) == 1 else (row, theirs, ours)


def _ulps(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.uint64]:
    """How many float64 values lie between; NaN against a number is the largest integer."""

    def ordered(x: NDArray[np.float64]) -> NDArray[np.int64]:
        bits = x.view(np.int64)
        mapped: NDArray[np.int64] = np.where(bits < 0, np.int64(-(2**63)) - bits, bits)
        return mapped

    x, y = ordered(a), ordered(b)
    # Up to 2**64 apart: the difference of the bit patterns, which wraps, is right as unsigned.
    distance = np.maximum(x, y).view(np.uint64) - np.minimum(x, y).view(np.uint64)
    return np.where(np.isnan(a) | np.isnan(b), np.iinfo(np.uint64).max, distance)


def _close_rows(
    theirs: Source,
    matrix: NDArray[np.float64],
    target: int,
    want: NDArray[Any],
    have: NDArray[Any],
    slack: NDArray[np.float64] | None,
) -> NDArray[np.bool_]:
    """Rows where the source's scores of its class and of ours lie within the bound."""
    close = np.zeros(len(want), dtype=bool)
    rows = np.flatnonzero((want != have).any(axis=1))
    if not len(rows):
        return close
    part = matrix[rows]
    with _asking(theirs):
        scores = theirs.class_scores(part, target)
    codes = {label: code for code, label in enumerate(theirs.classes(target).tolist())}
    theirs_at = [codes[label] for label in want[rows, 0].tolist()]
    ours_at = [codes[label] for label in have[rows, 0].tolist()]
    each = np.arange(len(rows))
    top, other = scores[each, theirs_at], scores[each, ours_at]
    bound = 2 * _ULPS * np.spacing(np.maximum(np.abs(top), np.abs(other)))
    if slack is not None:
        bound = np.maximum(bound, 2 * slack[rows].max(axis=1))
    close[rows] = np.abs(top - other) <= bound
    return close
