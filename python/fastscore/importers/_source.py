"""What a model remembers of the estimator it came from."""

import math
import sys
from typing import Any


def describe(estimator: Any, library: str, notes: list[str] | None = None) -> dict[str, Any]:
    """Return the `source` part of the structure."""
    return source(
        library,
        type(estimator).__name__,
        version=version(type(estimator).__module__.split(".")[0]),
        notes=notes,
        parameters=parameters(estimator),
    )


def source(
    library: str,
    class_name: str,
    *,
    version: str = "",
    notes: list[str] | None = None,
    parameters: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the `source` part of the structure; without a version, for a file."""
    return {
        "library": library,
        "version": version,
        "class": class_name,
        "notes": notes or [],
        "parameters": parameters or {},
    }


def version(package: str) -> str:
    """Return the version of a package that is imported, else an empty string."""
    return str(getattr(sys.modules.get(package), "__version__", ""))


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
