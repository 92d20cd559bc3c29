"""Measure every case with every engine, print a table, and record the results.

Engines of a case are prepared first, one after the other; then rounds go in turns, one engine at a
time, so that a slow moment harms all alike. The figure is the best round.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any

import report
from cases import CASES, HERE, Case
from rivals import ENGINES
from rivals.base import Engine

PREPARE_SECONDS = 180
"""An engine that needs longer to take a model over is left out; the cache remembers that."""


class Worker:
    """A process that measures one engine."""

    def __init__(self, case: Case, engine: Engine) -> None:
        self.case, self.engine = case, engine
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the process)
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py"), case.name, engine.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            start_new_session=True,
            env=environment(engine.threads) | engine.environment,
        )
        self.facts: dict[str, Any] = self.answer(PREPARE_SECONDS)
        self.best = float("inf")

    def answer(self, limit: float) -> Any:
        assert self.process.stdout is not None
        if not select.select([self.process.stdout], [], [], limit)[0]:
            self.stop()
            return {
                "why_not": f"takes longer than {limit:.0f} s to compile and check",
                "slow": True,
            }
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        self.log.seek(0)
        last = self.log.read().decode(errors="replace").strip().splitlines()[-1:]
        return {"why_not": f"died with status {self.process.wait()}: {''.join(last)[:200]}"}

    def round(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        taken = self.answer(60)
        if isinstance(taken, float):
            self.best = min(self.best, taken)

    def stop(self) -> None:
        """End the process, and a compiler that it may be waiting for."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(1)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def environment(threads: int) -> dict[str, str]:
    """One thread, or as many as are measured, for whoever asks the environment."""
    names = [f"{name}_NUM_THREADS" for name in ("OMP", "OPENBLAS", "MKL")]
    names += ["POLARS_MAX_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"]
    return {**os.environ, **dict.fromkeys(names, str(threads)), "OMP_WAIT_POLICY": "PASSIVE"}


def train(cases: list[Case]) -> None:
    for case in cases:
        if case.model_of is None and not case.file(".npy").exists():
            print(f"training {case.name}", flush=True)
            command = [sys.executable, str(HERE / "worker.py"), case.name]
            subprocess.run(command, check=True, env=environment(2), stderr=subprocess.DEVNULL)


def start(case: Case, engine: Engine) -> Worker | str:
    """A worker that is ready, or why there is none."""
    if why := engine.why_not(case):
        return why
    slow = case.file(f".{engine.name.lower().replace(' ', '-')}.slow")
    if slow.exists():
        return slow.read_text()
    worker = Worker(case, engine)
    why = worker.facts.get("why_not")
    if why and worker.facts.get("slow"):
        slow.write_text(why)
    return worker


def measure(case: Case, rounds: int, only: str) -> dict[str, Any]:
    started = time.monotonic()
    left_out, workers = {}, []
    for engine in ENGINES:
        if not is_asked(engine.name, only):
            continue
        worker = start(case, engine)
        if isinstance(worker, str):
            left_out[engine.name] = worker
        elif why := worker.facts.get("why_not"):
            left_out[engine.name] = why
            worker.stop()
        else:
            workers.append(worker)
    for _ in range(rounds):
        for worker in workers:
            worker.round()
    for worker in workers:
        worker.stop()
    lines = [
        {
            "engine": worker.engine.name,
            "threads": worker.engine.threads,
            "ns_per_row": worker.best / worker.facts["rows"] * 1e9,
            "fewer_rows": worker.facts["rows"] < case.rows,
            **worker.facts,
        }
        for worker in workers
    ]
    return {
        "case": case.name,
        "goal": case.goal,
        "aim": case.aim,
        "seconds": time.monotonic() - started,
        "engines": lines,
        "left_out": left_out,
    }


def is_asked(name: str, parts: str) -> bool:
    return any(part in name for part in parts.split("|"))


def main() -> None:
    """Measure, print, record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", default="", help="cases whose name contains one of these, by |")
    parser.add_argument("--engine", default="", help="engines, likewise")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--record", action="store_true", help="record some cases or engines too")
    arguments = parser.parse_args()
    cases = [case for case in CASES if is_asked(case.name, arguments.case)]
    if not cases:
        sys.exit(f"no case has {arguments.case!r} in its name: {', '.join(c.name for c in CASES)}")
    # A case that scores another's model needs it.
    names = {case.model_of or case.name for case in cases}
    train([case for case in CASES if case.name in names])
    results = []
    for case in cases:
        results.append(measure(case, arguments.rounds, arguments.engine))
        report.show(results[-1])
    report.summary(results)
    if (arguments.case or arguments.engine) and not arguments.record:
        print("not recorded: these are not all cases and engines")
    else:
        print(f"recorded in {report.record(results, arguments.rounds)}")


if __name__ == "__main__":
    main()
