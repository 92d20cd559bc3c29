"""What the commands share: options, examples and JSON."""

from __future__ import annotations

import json
import math
from typing import Any

import click

import fastscore
from fastscore import _core


def examples(*lines: str) -> str:
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


VERBOSE = click.option("--verbose", is_flag=True, help="Show the trace of an error.")
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
TRUST = click.option(
    "--trust-pickle",
    is_flag=True,
    help="Unpickle the source. A pickle runs code: only for files that you trust.",
)


def core_of(model: fastscore.Model) -> _core.Model:
    return model._core


def print_json(value: dict[str, Any]) -> None:
    text = json.dumps(_finite(value), default=str, ensure_ascii=False, allow_nan=False)
    click.echo(text)


def _finite(value: Any) -> Any:
    """JSON has neither NaN nor infinities: null."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
