"""Nodes that no row has a part in are computed at import, as exporters leave them in graphs."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastscore.importers._onnx_graph import Node
from fastscore.importers._onnx_registry import attribute, refuse
from fastscore.importers._onnx_values import (
    Columns,
    Comparison,
    Constant,
    Label,
    Moved,
    Sized,
    Text,
    Value,
)

if TYPE_CHECKING:
    from fastscore.importers._onnx_translation import Translation

Array = NDArray[Any]
Fold = Callable[["Translation", Node, list[Array | None]], Array]

_FOLDS: dict[str, Fold] = {}


def folds(*names: str) -> Callable[[Fold], Fold]:
    """Register how an operator of the default domain is computed from constants alone."""

    def register(function: Fold) -> Fold:
        for name in names:
            _FOLDS[name] = function
        return function

    return register


def fold(translation: "Translation", node: Node, known: Sequence[Value | None]) -> bool:
    """Compute a node from constants; False where it has others, or is not known as a constant."""
    if node.domain or node.op not in _FOLDS:
        return False
    if node.op in ("Shape", "Size"):
        return _measure(translation, node)
    if not all(isinstance(value, Constant | Sized) for value in known):
        return False
    arrays = []
    trials = len(translation.trials) if any(isinstance(v, Sized) for v in known) else 1
    for trial in range(trials):
        own: list[Array | None] = []
        for at in range(len(node.inputs)):
            value = translation.optional(node, at)
            if isinstance(value, Constant):
                own.append(value.array)
            else:
                own.append(value.arrays[trial] if isinstance(value, Sized) else None)
        try:
            with np.errstate(all="ignore"):
                arrays.append(np.asarray(_FOLDS[node.op](translation, node, own)))
        except (ValueError, IndexError, TypeError, OverflowError, MemoryError) as error:
            refuse(node, f"it can't be computed from its constants: {error}")
    if trials > 1 and not _any_rows(node, [v for v in known if v is not None], arrays):
        translation.mixes(node)
    translation.set(node, translation.sized(node, arrays))
    return True


_COMPARE = ("Max", "Min", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual")


def _any_rows(node: Node, known: Sequence[Value], arrays: Sequence[Array]) -> bool:
    """Whether what a node makes of numbers of rows is so for any of them, not those tried alone."""
    if node.op in ("Div", "Mod", "Floor", "Ceil", "Cast"):
        values = [
            v.arrays if isinstance(v, Sized) else [v.array] * len(arrays)
            for v in known
            if isinstance(v, Constant | Sized)
        ]
        if node.op in ("Div", "Mod"):
            whole = all(
                (np.mod(a, b) == 0).all()
                for a, b in zip(*values[:2], strict=True)
                if a.dtype.kind in "iu"
            )
        else:
            whole = all((np.mod(a, 1) == 0).all() for a in values[0] if a.dtype.kind == "f")
        return bool(whole)
    if node.op in _COMPARE:
        # Every number of rows is beyond 1, but not beyond others.
        sized = [
            np.stack(v.arrays) if len({a.shape for a in v.arrays}) == 1 else None
            for v in known
            if isinstance(v, Sized)
        ]
        constants = [v.array for v in known if isinstance(v, Constant)]
        for own in sized:
            varies = np.ones((), bool) if own is None else (own != own[:1]).any(axis=0)
            for array in constants:
                shapes = np.broadcast_shapes(varies.shape, array.shape)
                if (np.broadcast_to(varies, shapes) & np.broadcast_to(array > 1, shapes)).any():
                    return False
    return True


@folds("Shape", "Size")
def _measured(translation: "Translation", node: Node, inputs: list[Array | None]) -> Array:
    raise AssertionError  # `_measure` does it


def _measure(translation: "Translation", node: Node) -> bool:
    value = translation.get(node, 0)
    if isinstance(value, Comparison):
        value = value.numbers
    if isinstance(value, Columns | Text | Label):
        rows = translation.trials if value.batched else (None,)
        shapes = [((own,) if own else ()) + value.shape for own in rows]
    elif isinstance(value, Moved):
        shapes = [array.shape for array in value.arrays]
    elif isinstance(value, Constant | Sized):
        shapes = [array.shape for array in translation.trial_arrays(value)]
    else:
        return False
    start, end = attribute(node, "start", 0), attribute(node, "end", None)
    if node.op == "Size":
        arrays = [np.asarray(np.prod(shape, dtype=np.int64)) for shape in shapes]
    else:
        arrays = [np.asarray(shape[start:end], dtype=np.int64) for shape in shapes]
    translation.set(node, translation.sized(node, arrays))
    return True
