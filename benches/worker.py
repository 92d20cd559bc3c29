"""One engine on one case, in a process of its own: nobody's idle threads disturb another engine.

`worker.py CASE ENGINE` takes the model over, compares all results with the source's and prints a
line of JSON; then, for every line on standard input, it scores the rows again and prints the
seconds that a call took. `worker.py CASE` trains the case's model and keeps it with the source's
results.
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from importlib.metadata import version
from typing import Any

import numpy as np
from cases import CASES, Case, save_rows
from rivals import ENGINES, SOURCES
from rivals.base import Engine, Ready, UnableError

TOLERANCE = 1e-4
"""Largest difference of a result that is called exact, relative where it is above 1."""
ROUND_SECONDS = 0.6
"""A round of a slow engine takes as many rows as this allows."""
SHORTEST_SECONDS = 0.02
"""A round of a fast one is repeated for as long as this."""
LONGEST_CHECK_SECONDS = 40.0


def seconds(score: Any, rows: Any, calls: int = 1) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        score(rows)
    return (time.perf_counter() - start) / calls


def as_margins(probabilities: np.ndarray, classes: int) -> np.ndarray:
    """Undo the link: margins of two classes, or log probabilities of more."""
    with np.errstate(divide="ignore"):
        logs = np.log(probabilities.astype(np.float64))
    return logs[:, 1] - logs[:, 0] if classes == 2 else logs


def compare(case: Case, ready: Ready, got: Any) -> dict[str, Any]:
    """Share of the rows that differ from the source's, and whether all bits are the same."""
    got, want = np.asarray(got), np.asarray(case.expected[: len(got)])
    equal = bool(got.shape == want.shape and got.dtype == want.dtype and np.array_equal(got, want))
    got = got.reshape(len(got), -1)
    if case.output == "margin" and ready.probabilities:
        got = as_margins(got, case.classes)
        if case.classes > 2:
            want = want - np.log(np.exp(want).sum(axis=1, keepdims=True))
    elif case.output == "margin" and case.classes == 2:
        got = got[:, -1]
    elif case.output == "probability" and got.shape[1] == 1:
        got = np.column_stack([1 - got, got])
    got, want = got.reshape(len(got), -1), want.reshape(len(want), -1)
    if got.shape != want.shape:
        raise UnableError(f"its results are of shape {got.shape}, the source's {want.shape}")
    close = np.abs(got - want) <= TOLERANCE * np.maximum(1, np.abs(want))
    differing = 1 - float(close.all(axis=1).mean())
    return {"rows_differing": differing, "compared_rows": len(got), "equal_bits": equal}


def version_of(engine: Engine) -> str:
    if engine.package == "fastscore":
        import fastscore

        return fastscore.__version__
    return version(engine.package)


def prepare(case: Case, engine: Engine) -> tuple[dict[str, Any], Ready, Any]:
    start = time.perf_counter()
    ready = engine.prepare(case, engine.threads)
    # Imports and reading the model are part of it.
    compiled = time.perf_counter() - start + ready.built
    x = case.x
    few = x[: max(1, min(len(x), 200))]
    rows = ready.convert(few)
    ready.score(rows)
    row_seconds = seconds(ready.score, rows) / len(few)
    checked = x[: max(len(few), int(min(len(x), LONGEST_CHECK_SECONDS / row_seconds)))]
    everything = ready.convert(checked)
    start = time.perf_counter()
    scores = ready.score(everything)
    row_seconds = (time.perf_counter() - start) / len(checked)
    facts = compare(case, ready, scores)
    count = min(len(checked), max(100, int(ROUND_SECONDS / row_seconds)))
    if count < len(x):
        everything = ready.convert(x[:count])
    calls = max(1, int(SHORTEST_SECONDS / (row_seconds * count)))
    facts |= {"compile_seconds": compiled, "rows": count, "calls": calls}
    return facts | {"version": version_of(engine)}, ready, everything


def measure(case: Case, engine: Engine, answer: Any) -> None:
    try:
        facts, ready, rows = prepare(case, engine)
    except Exception as error:
        text = " ".join(str(error).split()) or type(error).__name__
        kind = "" if isinstance(error, UnableError) else f"{type(error).__name__}: "
        answer({"why_not": f"{kind}{text}"[:300]})
        return
    answer(facts)
    for _ in sys.stdin:
        answer(seconds(ready.score, rows, facts["calls"]))


def train(case: Case) -> None:
    case.make(save_rows())
    (source,) = [e for e in ENGINES if e.name in SOURCES and case.family in e.families]
    ready = source.prepare(case, 1)
    np.save(case.file(".npy"), np.asarray(ready.score(ready.convert(case.x))))


def main() -> None:
    warnings.simplefilter("ignore")
    # Libraries print what they do: answers go out by a copy of standard output.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(value: Any) -> None:
        print(json.dumps(value), file=out, flush=True)

    (case,) = [c for c in CASES if c.name == sys.argv[1]]
    if len(sys.argv) == 2:
        train(case)
        return
    (engine,) = [e for e in ENGINES if e.name == sys.argv[2]]
    measure(case, engine, answer)


if __name__ == "__main__":
    main()
