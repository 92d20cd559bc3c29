"""What `Model.verify` found, and how it looks."""

import math
from dataclasses import dataclass
from typing import Any

_TIES_SHOWN = 10
ANOTHER = "it is not the model that was imported"


def another_model(what: str, theirs: int, ours: int, verb: str = "gives") -> ValueError:
    """Return the error of a source that has more of something than the model, or less."""
    plural = "" if theirs == 1 else "s"
    return ValueError(f"the source {verb} {theirs} {what}{plural}, the model {ours}: {ANOTHER}")


@dataclass(frozen=True, slots=True)
class OutputCheck:
    """One output, or one target of it, compared."""

    output: str
    rows: int
    equal_rows: int
    largest_difference: float
    """Of numbers; 0 where all are equal. NaN for labels and leaf indexes."""
    largest_ulp: int | None
    """None for labels and leaf indexes. Of numbers near 0 it may be huge, however near they are;
    what is promised of them is seldom counted so: see `largest_share`."""
    largest_share: float
    """The largest difference as a part of what is promised in its row: 1 is all of it. NaN for
    labels and leaf indexes."""
    first_difference: tuple[int, Any, Any] | None
    """Row, the source's values, ours: of the first row that breaks the promise, else of the first
    that differs; None when all rows are equal."""
    bound: str
    """What is promised."""
    ties: tuple[int, ...]
    """Rows whose labels differ where the source's own comparison lies within the bound."""
    ok: bool


def _percent(share: float) -> str:
    """Say how much of what is promised is used."""
    if math.isnan(share):
        return "-"
    if 0 < share < 0.01:
        return "< 1%"
    if math.isinf(share):
        return "beyond"
    if share > 10:
        return "> 1000%"
    # Just beyond must not look like just within.
    return "> 100%" if 1 < share < 1.01 else f"{share:.0%}"


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """The comparison of a model with its source; true when every output keeps what is promised.

    It prints a line an output: how many rows are equal, the largest difference, what is promised,
    and how much of that is used where it is used most.
    """

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
        header = ("output", "rows", "equal", "largest difference", "promised", "used", "")
        lines = [
            (
                check.output,
                str(check.rows),
                str(check.equal_rows),
                "-" if check.largest_ulp is None else f"{check.largest_difference:.3g}",
                check.bound,
                _percent(check.largest_share),
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
                    f"{check.output}: first difference{'' if check.ok else ' beyond that'} in row "
                    f"{row}: source {theirs}, fastscore {ours}"
                )
            if check.ties:
                shown = ", ".join(map(str, check.ties[:_TIES_SHOWN]))
                more = ", ..." if len(check.ties) > _TIES_SHOWN else ""
                notes.append(f"{check.output}: rows that are ties within the bound: {shown}{more}")
        verdict = "within what is promised" if self.ok else "NOT within what is promised"
        head = f"{self.source} against fastscore on {self.rows} rows: {verdict}"
        return "\n".join([head, *table, *notes])
