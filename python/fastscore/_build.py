"""The extension module, checked to be the one that these sources were written for."""

import importlib

__all__ = ["__version__"]

INTERFACE = 3
"""The number of what these sources and the extension expect of each other: functions, options, the
steps of a model. `rust/fastscore-py/src/lib.rs` has the same; who changes them raises both."""

_AGAIN = (
    "run `make setup` in a checkout, or install the package anew: "
    "pip install --force-reinstall fastscore-engine"
)

try:
    _core = importlib.import_module("fastscore._core")
except ModuleNotFoundError as error:
    if error.name != "fastscore._core":
        raise
    raise ImportError(f"the extension module of fastscore is not built: {_AGAIN}") from None

# The extensions from before there was a number are of the first interface.
if (_found := getattr(_core, "INTERFACE", 1)) != INTERFACE:
    raise ImportError(
        f"the extension module of fastscore is {'older' if _found < INTERFACE else 'newer'} than "
        f"its Python sources: {_core.__file__}; {_AGAIN}"
    )

__version__: str = _core.__version__
