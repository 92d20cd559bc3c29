"""What `import_model` and `load` take by keyword: the things that a source does not say."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore._errors import UnsupportedModelError

_APPLIES = {
    "features": "it names the features of a model that has no names",
    "classes": "it gives class labels that Boosters and files of LightGBM, XGBoost, Keras and "
    "ONNX lack",
    "categories": "it gives the values behind a feature's codes, and this model has no such codes",
    "unknown": "it is the policy for unseen categories, and this model has no categorical features",
    "missing": "it is the missing value of XGBoost Boosters and files",
    "iterations": "it limits the iterations of LightGBM, XGBoost and CatBoost models",
    "like": "it is for XGBoost models and CatBoost files",
}


@dataclass(frozen=True, slots=True)
class Options:
    """The keywords of one call; None where not given."""

    features: Sequence[str] | None = None
    classes: Any = None
    categories: Mapping[str, Sequence[Any]] | None = None
    unknown: Mapping[str, str] | None = None
    missing: float | None = None
    iterations: int | None = None
    like: str | None = None

    def allow(self, what: str, *names: str) -> None:
        """ValueError naming the first keyword that was given but can't apply to `what`.

        `unknown` is checked where the model's categories are known.
        """
        for option in fields(self):
            if option.name not in (*names, "unknown") and getattr(self, option.name) is not None:
                raise ValueError(
                    f"{option.name}= does not apply to {what}: {_APPLIES[option.name]}"
                )

    def wants_booster(self) -> bool:
        """`like`, checked: whether a file is to be read as its library's base class."""
        if self.like not in (None, "booster", "estimator"):
            raise ValueError(f"like={self.like!r} is not one of 'booster', 'estimator'")
        return self.like == "booster"

    def feature_names(self) -> list[str] | None:
        """`features`, checked to be distinct strings."""
        if self.features is None:
            return None
        if isinstance(self.features, str) or not all(
            isinstance(name, str) for name in self.features
        ):
            raise TypeError("features= must be a list of str, one name a feature")
        names = [str(name) for name in self.features]
        twice = (
            sorted({name for name in names if names.count(name) > 1})
            if len(set(names)) < len(names)
            else []
        )
        if twice:
            raise ValueError(f"features= has duplicates: {', '.join(map(repr, twice))}")
        return names

    def position(self, column: Any, names: Sequence[str], *, count: int | None = None) -> int | str:
        """Return the number of a feature that a key of `categories=` or `unknown=` means.

        A key is an index, of any integer type, below `count` where that is known, or a name: of
        `features=`, or else one of `names`. A name that is in neither comes back as it is, for the
        caller to look up or to refuse.
        """
        if is_index(column):
            if column < 0 or (count is not None and column >= count):
                raise ValueError(f"there is no column number {column}")
            return int(column)
        if not isinstance(column, str):
            raise TypeError(f"columns are named by str, or numbered by int, not {column!r}")
        for known in (self.feature_names() or [], list(names)):
            if column in known:
                return known.index(column)
        return str(column)

    def iteration_limit(self, available: int | None) -> int | None:
        """Check `iterations` against how many the model has.

        Where only the extension module counts them (None), it refuses too many; what it can't even
        hold is refused here.
        """
        if self.iterations is None:
            return None
        limit = self.iterations
        if isinstance(limit, bool) or not isinstance(limit, int | np.integer):
            raise TypeError(f"iterations= must be an int, not {type(limit).__name__}")
        if available is None and 1 <= limit <= sys.maxsize:
            return int(limit)
        if available is None:
            bound = "it is at least 1" if limit < 1 else "no model has so many"
            raise ValueError(f"iterations={limit} is out of range: {bound}")
        if not 1 <= limit <= available:
            raise ValueError(
                f"iterations={limit} is out of range: the model has {available} iterations"
            )
        return int(limit)


def is_index(column: Any) -> bool:
    """Whether a key of `categories=` or `unknown=` is a feature's number, not its name."""
    return isinstance(column, int | np.integer) and not isinstance(column, bool)


_KINDS = {"i": "int", "u": "uint", "f": "float", "b": "bool", "U": "string"}


@dataclass(frozen=True, slots=True)
class Labels:
    """Class labels in the terms of docs/model-format.md."""

    dtype: str
    kind: str
    values: list[Any]

    def tensor(self) -> NDArray[Any]:
        """Numeric and bool labels as the format stores them."""
        widest = {"int": np.int64, "uint": np.uint64, "float": np.float64, "bool": np.uint8}[
            self.kind
        ]
        return np.array(self.values, dtype=widest)

    def option(self) -> dict[str, Any]:
        """Return the JSON form that the importers of the extension module take."""
        return {"dtype": self.dtype, "kind": self.kind, "values": self.values}


def labels(classes: Any, owner: str) -> Labels:
    """Class labels of a fitted classifier, or of the keyword `classes=`."""
    array = np.asarray(classes)
    if array.ndim != 1:
        raise UnsupportedModelError(
            f"{owner}: class labels must be one-dimensional, not {array.ndim}-D"
        )
    kind = _KINDS.get(array.dtype.kind)
    if array.dtype.kind == "O":
        kind = _object_kind(array)
    if kind is None:
        raise UnsupportedModelError(
            f"{owner}: class labels of dtype {array.dtype} are not supported; use str, int, float "
            "or bool labels"
        )
    values = array.tolist()
    if kind == "float" and not np.isfinite(np.asarray(values, dtype=np.float64)).all():
        raise UnsupportedModelError(f"{owner}: class labels must be finite")
    if len(set(values)) != len(values):
        raise ValueError(f"{owner}: class labels must be distinct")
    return Labels(str(array.dtype), kind, values)


def _object_kind(array: NDArray[Any]) -> str | None:
    kinds = {type(value) for value in array.tolist()}
    for kind, name in ((str, "string"), (bool, "bool"), (int, "int"), (float, "float")):
        if kinds == {kind}:
            return name
    return None
