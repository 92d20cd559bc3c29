"""What a model remembers of the estimator it came from."""

import math
import sys
from typing import Any


def describe(estimator: Any, library: str, notes: list[str] | None = None) -> dict[str, Any]:
    """Return the `source` part of the structure."""
    module = sys.modules.get(type(estimator).__module__.split(".")[0])
    return {
        "library": library,
        "version": str(getattr(module, "__version__", "")),
        "class": type(estimator).__name__,
        "notes": notes or [],
        "parameters": parameters(estimator),
    }


def parameters(estimator: Any) -> dict[str, Any]:
    """Return the estimator's own parameters, as far as JSON holds them; others by their repr."""
    found: dict[str, Any] = estimator.get_params(deep=False)
    return {str(name): _plain(value) for name, value in found.items()}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:197]}..."
