"""The Polars namespaces are there as soon as both libraries are imported, in whatever order."""

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

_NAME = "polars"


def register() -> None:
    """Register the namespaces now, or when Polars is imported."""
    if _NAME in sys.modules:
        _import_namespaces()
    else:
        sys.meta_path.insert(0, _AfterImport())


def _import_namespaces() -> None:
    # A Polars that lacks what they need still serves as a container.
    with contextlib.suppress(ImportError, AttributeError):
        importlib.import_module("fastscore.polars")


class _AfterImport(MetaPathFinder):
    """Finds nothing itself: it lets the import of Polars end with ours."""

    _looking = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec that the other finders have, with a loader that registers at its end."""
        if fullname != _NAME or self._looking:
            return None
        self._looking = True
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            self._looking = False
        if spec is None or spec.loader is None:
            return spec
        load = spec.loader.exec_module

        def load_and_register(module: ModuleType) -> None:
            load(module)
            with contextlib.suppress(ValueError):
                sys.meta_path.remove(self)
            _import_namespaces()

        spec.loader.exec_module = load_and_register  # type: ignore[method-assign]
        return spec
