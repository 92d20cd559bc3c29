"""Which columns of an input are read."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Sequence
from typing import Any, Literal

from fastscore import _core
from fastscore._errors import SchemaError
from fastscore._jobs._base import Source


class Columns:
    """Which columns of an input are read: those of the model, and those kept."""

    def __init__(self, core: _core.Model, keep: Sequence[str] | Literal["all"]) -> None:
        self._keep = keep
        self._count = core.n_features
        self._rewritten = json.loads(core.spec)["features"]["match"] == "underscore"
        self._core = core
        names = core.feature_names
        self._encoded: dict[str | int, int] = {
            at if names is None else self._plain(names[at]): at for at in core.encoded
        }
        self._read = (
            None
            if names is None
            else {name for name, read in zip(names, core.features_read, strict=True) if read}
        )

    def kept(self, source: Source) -> list[str]:
        """List the kept columns, in the order asked for, else in the file's."""
        names = source.schema.names
        kept = names if self._keep == "all" else list(dict.fromkeys(self._keep))
        for name in kept:
            if name not in names:
                near = difflib.get_close_matches(name, names, 3)
                hint = f"; near it: {', '.join(map(repr, near))}" if near else ""
                raise SchemaError(f"{source.name} has no column {name!r} to keep{hint}")
        return list(kept)

    def categories(self, names: Sequence[str]) -> dict[str, tuple[Sequence[Any] | None]]:
        """Per column of categories their values; None where the model does not hold them."""
        found: dict[str, tuple[Sequence[Any] | None]] = {}
        for place, name in enumerate(self.features(names)):
            at = self._encoded.get(place if self._read is None else self._plain(name))
            if at is not None:
                found[name] = (self._core.categories(at),)
        return found

    def _plain(self, name: str) -> str:
        return re.sub(r"\s", "_", name) if self._rewritten else name

    def separator(self, names: Sequence[str]) -> str | None:
        """Return what splits the only column of a header into those that the model reads."""
        if len(names) != 1:
            return None
        for mark in ";\t|":
            parts = names[0].split(mark)
            if self._read is None:
                fits = 1 < self._count <= len(parts)
            else:
                fits = names[0] not in self._read and not self._read.isdisjoint(
                    map(self._plain, parts)
                )
            if len(parts) > 1 and fits:
                return mark
        return None

    def features(self, names: Sequence[str]) -> list[str]:
        """List the columns that the model may read.

        It decides itself what fits; more than it reads do no harm.
        """
        if self._read is not None:
            read = [
                name
                for name in names
                if name in self._read
                or (self._rewritten and re.sub(r"\s", "_", name) in self._read)
            ]
            return read or list(
                names[:1]
            )  # a model that reads nothing still has to see the number of rows
        # A model without names reads by position: kept columns are no features, unless the count
        # says so.
        if self._keep != "all" and len(names) != self._count:
            return [name for name in names if name not in self._keep]
        return list(names)
