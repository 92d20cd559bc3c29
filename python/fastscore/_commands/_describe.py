"""`fastscore inspect`, and what it tells of a model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click

import fastscore
from fastscore import _core
from fastscore._commands._shared import JSON, VERBOSE, core_of, examples, print_json
from fastscore._layout import OUTPUTS


@click.command(
    short_help="Show what a model is.",
    epilog=examples("fastscore inspect churn.fscore", "fastscore inspect model.txt --json"),
)
@click.argument("model")
@JSON
@VERBOSE
def inspect(model: str, as_json: bool, verbose: bool) -> None:
    """Show what a model is: its source, features, outputs, classes, steps, notes and plan."""
    core = core_of(fastscore.load(model))
    found = description(core, model)
    if as_json:
        print_json(found)
        return
    click.echo(headline(found))
    named = [feature["name"] for feature in found["features"]]
    unread = sum(not feature["read"] for feature in found["features"])
    rows = {
        "features": f"{len(named)}{f', {unread} not read' if unread else ''}: {_shortened(named)}"
        if core.feature_names is not None
        else f"{len(named)}, without names: columns are taken by position",
        "categories": "; ".join(
            f"{feature['name'] or at}: {_shortened(feature['categories'] or ['any'])}"
            + (f", unknown: {feature['unknown']}" if feature["unknown"] != "missing" else "")
            for at, feature in enumerate(found["features"])
            if "unknown" in feature
        ),
        "classes": "; ".join(_shortened(classes) for classes in found["classes"] if classes),
        "outputs": "; ".join(
            f"{name} ({_shortened(columns)})" for name, columns in found["outputs"].items()
        ),
        "steps": "; ".join(map(_step_text, found["steps"])),
        "notes": "; ".join(found["notes"]),
    }
    for name, text in rows.items():
        if text:
            click.echo(f"{name + ':':<12}{text}")
    click.echo("plan:")
    for line in found["plan"].splitlines():
        click.echo(f"  {line}")


def _shortened(items: Sequence[Any], most: int = 8) -> str:
    shown = ", ".join(map(str, items[:most]))
    return shown if len(items) <= most else f"{shown}, ... ({len(items)})"


def _step_text(step: dict[str, Any]) -> str:
    rest = ", ".join(f"{value} {key}" for key, value in step.items() if key != "op")
    return f"{step['op']} ({rest})" if rest else str(step["op"])


def headline(found: dict[str, Any]) -> str:
    made_by = " ".join(filter(None, [found["library"], found["version"]]))
    counts = [f"{len(found['features'])} features"]
    counts += [f"{step['trees']} trees" for step in found["steps"] if "trees" in step]
    # Models of files have the library's name already.
    named = found["class"].startswith(found["library"])
    name = found["class"] if named else f"{found['class']} ({made_by})"
    return f"{name}, {', '.join(counts)}"


def description(core: _core.Model, path: str) -> dict[str, Any]:
    """Gather what `inspect` tells, ready for JSON."""
    spec = json.loads(core.spec)
    source = spec["source"]
    outputs: dict[str, list[str]] = {}
    for output in OUTPUTS:
        try:
            outputs[output] = [name for target in core.column_names(output) for name in target]
        except ValueError:
            continue  # the model has no such output
    names: Sequence[str | None] = core.feature_names or [None] * core.n_features
    encoded = {
        entry["feature"]: {
            "categories": core.categories(entry["feature"]),
            "unknown": entry["unknown"],
        }
        for entry in spec["features"]["encodings"]
    }
    return {
        "model": path,
        "class": source["class"],
        "library": source["library"],
        "version": source["version"],
        "features": [
            {"name": name, "read": read} | encoded.get(at, {})
            for at, (name, read) in enumerate(zip(names, core.features_read, strict=True))
        ],
        "classes": [core.classes(i) for i in range(len(spec["targets"]))],
        "outputs": outputs,
        "steps": _steps(spec, core.to_bytes()),
        "notes": source.get("notes", []),
        "parameters": source.get("parameters", {}),
        "plan": core.explain(),
    }


def _steps(spec: dict[str, Any], data: bytes) -> list[dict[str, Any]]:
    """List the steps with their sizes, which stand in the header of the file."""
    tensors = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])

    def size(name: str, axis: int = 0) -> int:
        return int(tensors[name]["shape"][axis])

    found: list[dict[str, Any]] = []
    for step in spec["steps"]:
        if step["op"] == "forest":
            prefix = step["tensors"]
            sizes = {
                "trees": size(f"{prefix}.split_offset") - 1,
                "splits": size(f"{prefix}.threshold"),
                "leaves": size(f"{prefix}.leaf_id"),
            }
            found.append({"op": "forest", **sizes, "outputs": step["outputs"]})
        elif step["op"] == "linear":
            outputs, inputs = size(step["coefficients"]), size(step["coefficients"], 1)
            found.append({"op": "linear", "inputs": inputs, "outputs": outputs})
        else:
            kind = {"kind": step["kind"]["name"]} if "kind" in step else {}
            found.append({"op": step["op"]} | kind)
    return found
