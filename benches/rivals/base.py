"""What an engine is: which cases it can run, and a function that scores their rows."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cases import Case

Rows = Any
"""What the engine scores; made from a C-ordered float64 array before the clock starts."""


@dataclass(frozen=True)
class Ready:
    """A model that an engine has taken over."""

    score: Callable[[Rows], Any]
    convert: Callable[[Any], Rows] = lambda x: x
    """From float64 rows, or a frame, to what `score` takes: not timed."""
    probabilities: bool = False
    """It gives probabilities where the case asks for margins."""
    built: float = 0.0
    """Seconds that an earlier run took to build what was found in the cache."""


@dataclass(frozen=True)
class Engine:
    name: str
    package: str
    """The distribution whose version is recorded."""
    families: frozenset[str]
    """Families of cases that it can run."""
    prepare: Callable[[Case, int], Ready]
    """From a case and a number of threads. Raises `UnableError` with a reason."""
    threads: int = 1
    environment: dict[str, str] = field(default_factory=dict)
    without: dict[str, str] = field(default_factory=dict)
    """Cases of those families that it can't run, by part of the name, and why."""

    def why_not(self, case: Case) -> str | None:
        if case.family not in self.families:
            return f"takes no {case.family} model"
        return next((why for part, why in self.without.items() if part in case.name), None)


class UnableError(Exception):
    """An engine can't run a case."""


ALL = frozenset(
    "lightgbm xgboost catboost hist boosting forest isolation tree linear pipeline network".split()  # noqa: SIM905
)


def cached(case: Case, suffix: str, build: Callable[[Path], None]) -> tuple[Path, float]:
    """Path of a file that `build` writes, and the seconds that this took when it was made."""
    path, note = case.file(suffix), case.file(suffix + ".json")
    if not note.exists():
        start = time.perf_counter()
        build(path)
        note.write_text(json.dumps(time.perf_counter() - start))
        return path, 0.0
    return path, float(json.loads(note.read_text()))


def float32(x: Any) -> Any:
    return x.astype("float32")


def as_source_reads(case: Case, x: Any) -> Any:
    """Float64 rows, rounded to float32 where scikit-learn's trees do that before they compare."""
    rounds = case.family in {"boosting", "forest", "isolation", "tree"}
    return float32(x).astype("float64") if rounds else x
