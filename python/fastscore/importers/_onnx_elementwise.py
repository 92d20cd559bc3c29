"""Operators of ONNX that work on each element alone, or on elements side by side."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastscore.importers import _onnx_arithmetic as arithmetic
from fastscore.importers._onnx_arithmetic import broadcast, floats, link, same_type, two
from fastscore.importers._onnx_graph import Node
from fastscore.importers._onnx_registry import attribute, operator, refuse
from fastscore.importers._onnx_values import Columns, Constant, Label, Value

if TYPE_CHECKING:
    from fastscore.importers._onnx_translation import Translation

Array = NDArray[Any]
Operand = Columns | Array


@operator("Identity")
def identity(translation: "Translation", node: Node) -> None:
    """Whatever it is."""
    translation.set(node, translation.get(node, 0))


@operator("Dropout")
def dropout(translation: "Translation", node: Node) -> None:
    """Nothing, but in training."""
    mode = translation.optional_constant(node, 2)
    if mode is not None and mode.any():
        refuse(node, "it drops numbers at random (training_mode); export the model in eval mode")
    translation.set(node, translation.get(node, 0))


Binary = Callable[["Translation", Operand, Operand], Columns]
OfConstant = Callable[["Translation", Columns, Array], Columns]
ToConstant = Callable[["Translation", Array, Columns], Columns]


def _either(op: str, right: OfConstant, left: ToConstant | None = None) -> Binary:
    """Return a step of two values; `right` and `left` are what it is where that one is constant.

    Without `left` the order of the two does not matter.
    """

    def apply(t: "Translation", a: Operand, b: Operand) -> Columns:
        if isinstance(a, Columns):
            return two(t, op, a, b) if isinstance(b, Columns) else right(t, a, b)
        assert isinstance(b, Columns)
        return right(t, b, a) if left is None else left(t, a, b)

    return apply


_ADD = _either("sum", arithmetic.plus)


def _extreme(op: str) -> Binary:
    def apply(t: "Translation", a: Operand, b: Operand) -> Columns:
        if not isinstance(a, Columns):
            a, b = b, a
        assert isinstance(a, Columns)
        if isinstance(b, Columns):
            return two(t, op, a, b)
        if b.size and np.isfinite(b).all() and (b == b.flat[0]).all():
            bound = float(b.flat[0])
            low, high = (bound, None) if op == "maximum" else (None, bound)
            return link(t, a, "clip", low=low, high=high)
        return two(t, op, a, arithmetic.spread(t, a, b))

    return apply


_BINARY = {
    "Add": _ADD,
    "Sub": _either("difference", arithmetic.less, arithmetic.from_constant),
    "Mul": _either("product", arithmetic.times),
    "Div": _either("quotient", arithmetic.over, arithmetic.constant_over),
    "Sum": _ADD,
    "Mean": _ADD,
    "Max": _extreme("maximum"),
    "Min": _extreme("minimum"),
}


def _renumbered(translation: "Translation", node: Node) -> Label | None:
    """Return a label that a constant is added to or multiplied with: one of other numbers."""
    if node.op not in ("Add", "Sub", "Mul") or len(node.inputs) != 2:
        return None
    values = [translation.get(node, 0), translation.get(node, 1)]
    label = next((own for own in values if isinstance(own, Label)), None)
    constant = next((own for own in values if isinstance(own, Constant)), None)
    if label is None or constant is None or label.classes.kind != "int":
        return None
    array = constant.array
    if array.size != 1 or array.ndim > 1 or array.dtype.kind not in "iu":
        return None
    number = int(array.ravel()[0])
    does: dict[str, Callable[[int], int]] = {
        "Add": lambda own: own + number,
        "Mul": lambda own: own * number,
        "Sub": lambda own: own - number if values[0] is label else number - own,
    }
    found = [does[node.op](own) for own in label.classes.values]
    if len(set(found)) < len(found) or max(map(abs, found)) > 2**53:
        return None
    return replace(label, classes=replace(label.classes, values=found))


def _whole_quotient(
    translation: "Translation", node: Node, values: list[Value], how: str
) -> Columns:
    """Return a quotient of integers, cut to an integer; exact up to 2**52."""
    a, b = broadcast(translation, node, values)
    if not isinstance(b, Columns) and not np.asarray(b).all():
        refuse(node, "it divides an integer by 0")
    return link(translation, _BINARY["Div"](translation, a, b), "ufunc", function=how)


@operator("Mod")
def modulo(translation: "Translation", node: Node) -> None:
    """Translate the rest of a division of integers."""
    values = [translation.operand(node, 0), translation.operand(node, 1)]
    kind = same_type(node, values)
    if not kind.startswith("int"):
        refuse(
            node,
            f"it computes in {kind}; int32 and int64 are supported (of numbers write "
            "x - floor(x / y) * y)",
        )
    translation.integers(kind)
    how = "trunc" if attribute(node, "fmod", 0) else "floor"
    quotient = _whole_quotient(translation, node, values, how)
    a, b = broadcast(translation, node, values)
    times = _BINARY["Mul"](translation, quotient, b)
    translation.set(node, _BINARY["Sub"](translation, a, times))


@operator(*_BINARY)
def binary(translation: "Translation", node: Node) -> None:
    """Two numbers, or several from left to right."""
    label = _renumbered(translation, node)
    if label is not None:
        translation.set(node, label)
        return
    values = [translation.operand(node, at) for at in range(len(node.inputs))]
    for value in values:
        floats(node, value, integers=node.op != "Mean")
    kind = same_type(node, values)
    translation.integers(kind)
    if node.op == "Div" and kind.startswith("int"):
        translation.set(node, _whole_quotient(translation, node, values, "trunc"))
        return
    parts = broadcast(translation, node, values)
    found = parts[0]
    for part in parts[1:]:
        if isinstance(found, Columns) or isinstance(part, Columns):
            found = _BINARY[node.op](translation, found, part)
        else:
            found = _constants(node, found, part)
    if not isinstance(found, Columns):
        refuse(node, "none of its inputs depends on the row")
    if node.op == "Mean":
        found = arithmetic.over(translation, found, np.asarray(float(len(parts))))
    translation.set(node, found)


def _constants(node: Node, a: Array, b: Array) -> Array:
    """Two constants that come before the first input that depends on the row."""
    with np.errstate(all="ignore"):
        if node.op in ("Max", "Min"):
            return np.asarray((np.maximum if node.op == "Max" else np.minimum)(a, b))
        return np.asarray(a + b)
