"""The tables that are printed, and the file that is kept."""

from __future__ import annotations

import datetime
import json
import platform
import re
import subprocess
from pathlib import Path
from typing import Any

from cases import HERE

OURS = "fastscore"
Result = dict[str, Any]


def is_exact(line: Result) -> bool:
    return line["rows_differing"] == 0


def best_rival(result: Result, exact: bool = True) -> Result | None:
    """The fastest on one thread that is not ours."""
    rivals = [
        line
        for line in result["engines"]
        if not line["engine"].startswith(OURS) and line["threads"] == 1 and is_exact(line) == exact
    ]
    return min(rivals, key=lambda line: line["ns_per_row"], default=None)


def own(result: Result, name: str = OURS) -> Result | None:
    return next((line for line in result["engines"] if line["engine"] == name), None)


def show(result: Result) -> None:
    """Print a case: every engine, the fastest first, those that are inexact apart."""
    best = best_rival(result)
    print(f"\n{result['case']} ({result['seconds']:.0f} s)")
    for exact in (True, False):
        lines = [line for line in result["engines"] if is_exact(line) == exact]
        if lines and not exact:
            print("  inexact: rows that differ from the source by more than 1e-4")
        for line in sorted(lines, key=lambda line: line["ns_per_row"]):
            ratio = f"{best['ns_per_row'] / line['ns_per_row']:8.2f} x" if best else ""
            notes = ["equal bits"] if line["equal_bits"] else []
            if not exact:
                notes.append(f"{100 * line['rows_differing']:.3g} % of rows differ")
            if line["compile_seconds"] >= 1:
                notes.append(f"{line['compile_seconds']:.0f} s to prepare")
            if line["fewer_rows"]:
                notes.append(f"{line['rows']} rows")
            print(
                f"  {line['engine']:<24}{line['ns_per_row']:>14,.1f} ns/row{ratio:>11}  "
                + ", ".join(notes)
            )
    for engine, why in result["left_out"].items():
        if not why.startswith("takes no "):
            print(f"  {engine:<24}left out: {why}")


def summary(results: list[Result]) -> None:
    """Print one line a case: ratios against the best exact rival, and the goal."""
    titles = ("model", "ours ns", "best exact rival", "ratio", "goal", "aim")
    more = ("AVX2", "portable", "2 threads", "best inexact")
    print("\n{:<32}{:>10}  {:<34}{:>8}{:>6}{:>6}".format(*titles), end="")
    print("{:>8}{:>10}{:>11}  {}".format(*more))
    for result in results:
        us, best, inexact = own(result), best_rival(result), best_rival(result, exact=False)
        if us is None:
            continue
        print(f"{result['case']:<32}{us['ns_per_row']:>10,.1f}  ", end="")
        rival = f"{best['engine']} {best['ns_per_row']:,.0f} ns" if best else "none"
        ratio = best["ns_per_row"] / us["ns_per_row"] if best else float("nan")
        print(f"{rival:<34}{ratio:>7.2f}{' ' if ratio >= result['goal'] else '!'}", end="")
        print(f"{result['goal']:>6g}{result['aim']:>6g}", end="")
        for name, width in (("AVX2", 8), ("portable", 10)):
            line = own(result, f"{OURS}, {name}")
            value = best["ns_per_row"] / line["ns_per_row"] if line and best else float("nan")
            print(f"{value:>{width}.2f}", end="")
        two = own(result, f"{OURS}, 2 threads")
        print(f"{us['ns_per_row'] / two['ns_per_row'] if two else float('nan'):>11.2f}", end="")
        print(f"  {inexact['engine']} {inexact['ns_per_row']:,.0f} ns" if inexact else "")
    print("ratio, AVX2, portable: against the best exact rival, all on one thread; !: goal missed")
    print("2 threads: times as fast as one. Each is the best of its rounds.")


def git(*arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(
        command, check=True, cwd=HERE, capture_output=True, text=True
    ).stdout.strip()


def cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


def record(results: list[Result], rounds: int) -> Path:
    """Write the file of this day and CPU under `results`; its path."""
    import fastscore

    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    lines = [line for result in results for line in result["engines"]]
    # The version of the library behind each engine.
    versions = {line["engine"]: line.pop("version") for line in lines}
    contents = {
        "date": today,
        "commit": git("rev-parse", "HEAD"),
        "uncommitted_changes": bool(git("status", "--porcelain")),
        "cpu": cpu(),
        "cores": fastscore._core.thread_count(None),
        "simd": fastscore._core.simd_level(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": versions,
        "rounds": rounds,
        "results": results,
    }
    slug = re.sub(r"[^a-z0-9]+", "-", cpu().lower()).strip("-")
    path = HERE / "results" / f"{today}-{slug}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(contents, indent=1) + "\n")
    return path.relative_to(HERE.parent)
