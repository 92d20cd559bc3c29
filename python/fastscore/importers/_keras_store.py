"""Where a layer's numbers are: in a live layer, in `model.weights.h5`, in a whole-model `.h5`."""

import re
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fastscore._errors import ModelFormatError, UnsupportedModelError


class Place(Protocol):
    """The numbers of one layer, and the places of those that it is made of."""

    def variables(self) -> list[NDArray[Any]]:
        """Return its own, in Keras's order."""

    def layers(
        self,
        kinds: Sequence[str],
        counted: Sequence[bool],
        names: Sequence[str],
        operations: Sequence[bool],
    ) -> "list[Place]":
        """Return the places of a model's layers; `counted`: whether it is among `layers`."""

    def attribute(self, name: str, inner: str) -> "Place":
        """Return the place of a layer that is an attribute of this one; `inner`: its name."""

    def vocabulary(self) -> list[str] | None:
        """Return the terms of a lookup that its configuration has not; None where it has none."""


class LivePlace:
    """A live layer."""

    def __init__(self, layer: Any) -> None:
        self.layer = layer

    def variables(self) -> list[NDArray[Any]]:
        found: dict[str, Any] = {}
        self.layer.save_own_variables(found)
        keys = sorted((key for key in found if key.isdigit()), key=int)
        arrays = [_array(found[key]) for key in keys]
        if arrays and type(self.layer).__name__ == "Normalization":
            # It computes with what it took from them last, whatever they were set to since.
            for at, own in enumerate((self.layer.mean, self.layer.variance)):
                arrays[at] = _array(own).reshape(arrays[at].shape)
        return arrays

    def layers(
        self,
        kinds: Sequence[str],
        counted: Sequence[bool],
        names: Sequence[str],
        operations: Sequence[bool],
    ) -> list[Place]:
        own = {layer.name: layer for layer in self.layer.layers}
        return [LivePlace(own.get(name)) for name in names]

    def attribute(self, name: str, inner: str) -> Place:
        return LivePlace(getattr(self.layer, name))

    def vocabulary(self) -> list[str] | None:
        return [str(term) for term in self.layer.get_vocabulary()]


def _array(variable: Any) -> NDArray[Any]:
    for convert in ("numpy", "detach"):
        if hasattr(variable, convert):
            variable = getattr(variable, convert)()
    return np.asarray(variable)


class FilePlace:
    """A group of `model.weights.h5`, named as `keras.src.saving.saving_lib` does."""

    def __init__(self, archive: Any, path: str) -> None:
        self._archive = archive
        self._path = path

    def variables(self) -> list[NDArray[Any]]:
        found: list[NDArray[Any]] = self._archive.variables(f"{self._path}/vars")
        return found

    def layers(
        self,
        kinds: Sequence[str],
        counted: Sequence[bool],
        names: Sequence[str],
        operations: Sequence[bool],
    ) -> list[Place]:
        used: dict[str, int] = {}
        found: list[Place] = []
        for kind, own, operation in zip(kinds, counted, operations, strict=True):
            if not own or operation:
                found.append(FilePlace(self._archive, f"{self._path}/-"))
                continue
            name = snake_case(kind)
            number = used[name] = used.get(name, -1) + 1
            unique = f"{name}_{number}" if number else name
            found.append(FilePlace(self._archive, f"{self._path}/layers/{unique}"))
        return found

    def attribute(self, name: str, inner: str) -> Place:
        return FilePlace(self._archive, f"{self._path}/{name}")

    def vocabulary(self) -> list[str] | None:
        text: str | None = self._archive.asset(f"{self._path}/vocabulary.txt")
        if text is None:
            return None
        lines = text.splitlines()
        while lines and not lines[-1]:
            lines.pop()
        return lines


def snake_case(name: str) -> str:
    """Return a class's name as Keras names its group."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


class WholePlace:
    """A layer of a whole-model `.h5`, whose numbers are listed by their paths.

    A layer of the model has a group of its own; those within it are told by their names, which
    Keras puts before those of their numbers: `sequential/dense/kernel`.
    """

    def __init__(self, weights: Any, names: tuple[str, ...] = ()) -> None:
        self._weights = weights
        self._names = names
        """Of the layer, after those that it lies in; none for the model itself."""

    def variables(self) -> list[NDArray[Any]]:
        if not self._names:
            return []
        group, name = self._names[0], self._names[-1]
        listed: list[str] = self._weights.listed(group, within=len(self._names) > 1)
        parents = {path: tuple(path.split("/"))[:-1] for path in listed}
        own = [path for path in listed if parents[path][-1:] == (name,)]
        if not any(parents.values()):  # Keras 3.0 names no layers
            if len(self._names) > 1 and listed:
                raise self._unread()
            own = listed
        elif len({parents[path] for path in own}) > 1:
            own = [path for path in own if parents[path][-2:] == self._names[-2:]]
            if len({parents[path] for path in own}) != 1:
                raise self._unread()
        found: list[NDArray[Any]] = self._weights.arrays(group, own)
        return found

    def layers(
        self,
        kinds: Sequence[str],
        counted: Sequence[bool],
        names: Sequence[str],
        operations: Sequence[bool],
    ) -> list[Place]:
        return [WholePlace(self._weights, (*self._names, name)) for name in names]

    def attribute(self, name: str, inner: str) -> Place:
        return WholePlace(self._weights, (*self._names, inner))

    def vocabulary(self) -> list[str] | None:
        raise ModelFormatError(
            f"a whole-model .h5 file does not hold the terms of {self._names[-1]!r}"
        )

    def _unread(self) -> UnsupportedModelError:
        return UnsupportedModelError(
            f"the numbers of the layer {self._names[-1]!r} in {self._names[0]!r} of a whole-model "
            ".h5 file can't be told from those of others; write it anew: "
            "keras.saving.load_model('model.h5').save('model.keras')"
        )
