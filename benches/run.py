"""Run the suites, print a table, and record the results under `benches/results`."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import fastscore
from engines import SOURCES

HERE = Path(__file__).resolve().parent
PACKAGES = ["catboost", "lightgbm", "numpy", "pyarrow", "scikit-learn", "xgboost-cpu"]


def measure(arguments: list[str]) -> dict[str, Any]:
    """Run pytest-benchmark; its whole report."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pytest", "-q", "--benchmark-quiet", *arguments]
        patterns = ["-o", "python_files=bench_*.py", "-o", "python_functions=bench_*"]
        subprocess.run(
            [*command, *patterns, f"--benchmark-json={report}", str(HERE)], check=True, cwd=HERE
        )
        found: dict[str, Any] = json.loads(report.read_text())
        return found


def best_rounds(report: dict[str, Any]) -> list[dict[str, Any]]:
    """One line for every case, number of threads and engine: the best of its rounds."""
    best: dict[tuple[str, int, str], dict[str, Any]] = {}
    for benchmark in report["benchmarks"]:
        info = benchmark["extra_info"]
        key = (info["case"], info["threads"], info["engine"])
        seconds = benchmark["stats"]["min"]
        line = best.setdefault(key, {**info, "rounds": 0, "seconds": seconds})
        line["rounds"] += 1
        line["seconds"] = min(line["seconds"], seconds)
    for line in best.values():
        line["ns_per_row"] = line["seconds"] / line["rows"] * 1e9
        line["scaled"] = line["rows"] != line.pop("rows_of_case")
    for line in best.values():
        source = next(
            other
            for other in best.values()
            if other["engine"] in SOURCES
            and (other["case"], other["threads"]) == (line["case"], line["threads"])
        )
        line["times_as_fast_as_source"] = source["ns_per_row"] / line["ns_per_row"]
    return list(best.values())


def show(lines: list[dict[str, Any]]) -> None:
    """Print the table."""
    print(f"{'model':<32}{'threads':>8}  {'engine':<18}{'ns/row':>12}{'x source':>10}")
    before = None
    for line in lines:
        case = (line["case"], line["threads"])
        name, threads = case if case != before else ("", "")
        before = case
        mark = f" * {line['rows']} rows" if line["scaled"] else ""
        print(
            f"{name:<32}{threads:>8}  {line['engine']:<18}{line['ns_per_row']:>12,.1f}"
            f"{line['times_as_fast_as_source']:>10.2f}{mark}"
        )
    print("best of the rounds; * measured on fewer rows than the others")


def main() -> int:
    """Measure, print, record."""
    report = measure(sys.argv[1:])
    lines = best_rounds(report)
    show(lines)
    if os.environ.get("FASTSCORE_BENCH_CASE"):
        print("not recorded: these are not all cases")
        return 0
    machine, commit = report["machine_info"], report["commit_info"]
    cpu = machine["cpu"].get("brand_raw") or platform.processor() or "unknown"
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    record = {
        "date": today,
        "commit": commit["id"],
        "uncommitted_changes": commit["dirty"],
        "cpu": cpu,
        "threads": fastscore._core.thread_count(None),
        "simd": fastscore._core.simd_level(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": {
            "fastscore": fastscore.__version__,
            **{name: importlib.metadata.version(name) for name in PACKAGES},
        },
        "results": lines,
    }
    slug = re.sub(r"[^a-z0-9]+", "-", cpu.lower()).strip("-")
    path = HERE / "results" / f"{today}-{slug}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(record, indent=1) + "\n")
    print(f"recorded in {path.relative_to(HERE.parent)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
