"""How one output of a model is laid out: its shape, its type and its class labels.

A layout depends on the model alone, never on the data: so do the types of what `predict` returns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore import _core

OUTPUTS = ("prediction", "probability", "margin", "leaf", "score", "transform")
"""Every output that a model may have, in the order in which they are listed."""

MISSING = ("source", "propagate")
"""The valid values of the argument `missing`."""


@dataclass(frozen=True, slots=True)
class Layout:
    """One output of one model."""

    output: str
    names: tuple[tuple[str, ...], ...]
    """Column names, a tuple a target."""
    classes: tuple[NDArray[Any] | None, ...]
    """Per target the labels that class codes stand for; None where the output holds numbers."""
    single: bool
    """One value a row: a 1-D array, a Series, an Arrow array. Else 2-D, a frame, a table."""
    listed: bool
    """Several targets that NumPy gets as a list of arrays, as the source has them."""

    def numpy(self, scores: _core.Scores, missing: str) -> Any:
        """Return the output as NumPy arrays.

        One value a row is `(n,)`, several are `(n, k)`. Several targets give one `(n, targets)`
        array of predictions, and a list of arrays of probabilities.
        """
        arrays = scores.arrays()
        if missing == "source" and self.single and self.classes[0] is None:
            return arrays[0][0]
        parts = self.resolve(arrays, scores, missing)
        if self.single:
            return parts[0][0]
        if self.listed:
            return [
                part[0] if self.output != "probability" and len(part) == 1 else part.T
                for part in parts
            ]
        return parts[0].T if len(parts) == 1 else np.concatenate(parts).T

    def resolve(
        self, arrays: Sequence[NDArray[Any]], scores: _core.Scores, missing: str
    ) -> list[NDArray[Any]]:
        """Per target an array (columns, rows): codes as labels, null rows as NaN or None."""
        mask = scores.null_mask() if missing == "propagate" else None
        return [
            _resolve(array, classes, mask, propagate=missing == "propagate")
            for array, classes in zip(arrays, self.classes, strict=True)
        ]

    def columns(self, scores: _core.Scores, missing: str) -> list[tuple[str, NDArray[Any]]]:
        """Every column with its name, over all targets."""
        parts = self.resolve(scores.arrays(), scores, missing)
        return [
            (name, column)
            for names, part in zip(self.names, parts, strict=True)
            for name, column in zip(names, part, strict=True)
        ]


def _resolve(
    array: NDArray[Any],
    classes: NDArray[Any] | None,
    mask: NDArray[Any] | None,
    *,
    propagate: bool,
) -> NDArray[Any]:
    if mask is not None and not mask.any():
        mask = None
    if classes is not None:
        codes = array if mask is None else np.where(mask, 0, array)
        array = classes.take(codes)
    if not propagate:
        return array
    if array.dtype.kind == "f" and classes is None:
        if mask is not None:
            array = array.copy()
            array[:, mask] = np.nan
        return array
    array = as_objects(array)
    if mask is not None:
        array[:, mask] = None
    return array


def as_objects(array: NDArray[Any]) -> NDArray[Any]:
    """Return a copy with Python scalars as elements."""
    out = np.empty(array.shape, dtype=object)
    out[...] = array.astype(object)
    return out


def class_array(values: Sequence[Any], dtype: str) -> NDArray[Any]:
    """Class labels as an array of the dtype that the source's `classes_` had; read-only."""
    if dtype == "object":
        array = np.empty(len(values), dtype=object)
        array[:] = list(values)
    else:
        array = np.array(list(values), dtype=np.dtype(dtype))
    array.setflags(write=False)
    return array


def _listed(
    output: str,
    names: Sequence[Sequence[str]],
    codes: Sequence[NDArray[Any] | None],
    classes: Sequence[NDArray[Any] | None],
) -> bool:
    """Whether several targets can't be the columns of one array, or a source's are a list."""
    if output == "leaf":
        return False
    uneven = any(len(group) > 1 for group in names)
    if output == "prediction":
        return uneven or len({None if own is None else own.dtype.kind for own in codes}) > 1
    return uneven or (output in ("probability", "margin") and any(c is not None for c in classes))


def layouts(
    core: _core.Model, targets: Sequence[Mapping[str, Any]], classes: Sequence[NDArray[Any] | None]
) -> dict[str, Layout]:
    """Return the layout of every output that the model has."""
    found = {}
    for output in OUTPUTS:
        try:
            names = tuple(tuple(group) for group in core.column_names(output))
        except ValueError:
            continue
        labels = output == "prediction"
        codes = tuple(
            classes[t] if labels and target["prediction"]["rule"] != "value" else None
            for t, target in enumerate(targets)
        )
        found[output] = Layout(
            output=output,
            names=names,
            classes=codes if labels else (None,) * len(names),
            single=output in ("prediction", "margin", "score")
            and len(names) == 1
            and len(names[0]) == 1,
            listed=len(names) > 1 and _listed(output, names, codes, classes),
        )
    return found
