"""What `Model.verify` found, and how it looks."""

from dataclasses import dataclass
from typing import Any

_TIES_SHOWN = 10


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
    """Row, the source's values, ours: of the first row that breaks the promise, else of the first
    that differs; None when all rows are equal."""
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
