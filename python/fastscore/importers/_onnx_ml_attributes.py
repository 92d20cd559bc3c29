"""The attributes of a node of ai.onnx.ml, checked as they are read."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore._errors import UnsupportedModelError


class Attributes:
    """The attributes of a node, whose lists are read with their lengths checked."""

    def __init__(self, attributes: Mapping[str, Any], where: str) -> None:
        self._all = attributes
        self.where = where

    def refuse(self, what: str) -> UnsupportedModelError:
        """Return the error that says what is wrong with the node."""
        return UnsupportedModelError(f"{self.where}: {what}")

    def has(self, name: str) -> bool:
        """Whether an attribute is there, and no empty list."""
        value = self._all.get(name)
        return value is not None and np.size(value) > 0

    def numbers(self, name: str, dtype: Any, *, length: int | None = None) -> NDArray[Any]:
        """Return a list of numbers; empty where it is absent."""
        value = self._all.get(name)
        array = np.asarray([] if value is None else value)
        if array.size and array.dtype.kind not in "fiub":
            raise self.refuse(f"{name} does not hold numbers")
        found = array.ravel().astype(dtype)
        if length is not None and len(found) != length:
            raise self.refuse(f"{name} has {len(found)} entries, where {length} are due")
        return found

    def reals(self, name: str, *, length: int | None = None) -> NDArray[np.float64]:
        """Return a list of floats, or of doubles in the attribute `<name>_as_tensor`."""
        tensor = f"{name}_as_tensor"
        if self.has(tensor):
            if self.has(name):
                raise self.refuse(f"{name} and {tensor} are both there; one of them is due")
            name = tensor
        return self.numbers(name, np.float64, length=length)

    def texts(self, name: str) -> list[str]:
        """Return a list of strings; empty where it is absent."""
        value = self._all.get(name)
        found = [] if value is None else list(value)
        if not all(isinstance(each, str) for each in found):
            raise self.refuse(f"{name} does not hold strings")
        return found

    def integer(self, name: str, default: int) -> int:
        """Return one integer."""
        value = self._all.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise self.refuse(f"{name} is {value!r}, no integer")
        return int(value)

    def real(self, name: str, default: float) -> float:
        """Return one float."""
        value = self._all.get(name, default)
        if isinstance(value, bool) or not isinstance(value, float | int | np.number):
            raise self.refuse(f"{name} is {value!r}, no number")
        return float(value)

    def text(self, name: str, default: str) -> str:
        """Return one string."""
        value = self._all.get(name, default)
        if not isinstance(value, str):
            raise self.refuse(f"{name} is {value!r}, no string")
        return value
