"""Operators of ONNX that change types, compare and choose."""

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastscore.importers._onnx_arithmetic import (
    affine,
    broadcast,
    link,
    same_type,
    settled,
    spread,
    two,
)
from fastscore.importers._onnx_choice import choose, looked_up
from fastscore.importers._onnx_fold_numbers import TYPES
from fastscore.importers._onnx_graph import Graph, Node
from fastscore.importers._onnx_registry import attribute, operator, refuse
from fastscore.importers._onnx_several import is_label
from fastscore.importers._onnx_values import (
    Columns,
    Comparison,
    Constant,
    Label,
    Signs,
    Sized,
    Text,
    Value,
)
from fastscore.importers._signs import never_below_zero

if TYPE_CHECKING:
    from fastscore.importers._onnx_translation import Translation

_FLOATS = ("float32", "float64")
_WIDE = ("int32", "int64")


@operator("Cast", "CastLike")
def cast(translation: "Translation", node: Node) -> None:
    """Change the type of numbers."""
    value = translation.get(node, 0)
    if node.op == "Cast":
        kind = TYPES.get(attribute(node, "to", 0), "another type")
    else:
        kind = same_type(node, [translation.get(node, 1)])
    if isinstance(value, Comparison) and kind in _WIDE:
        label = value.label(kind)
        if label is not None:
            translation.set(node, label)
            return
        if is_label(translation, node):
            translation.set(node, replace(value, elem_type=kind))
            return
    if isinstance(value, Signs):
        translation.set(node, replace(value, elem_type=kind))
        return
    if isinstance(value, Label):
        known = value.classes.values if value.classes.kind == "int" else [math.inf]
        most = {"float32": 2**24, "float64": 2**53}.get(kind, 2**63 if kind in _WIDE else 0)
        if max(map(abs, known)) <= most:
            translation.set(node, replace(value, elem_type=kind))
            return
        if value.classes.kind != "int":
            refuse(node, f"a label that is text can't be cast to {kind}")
    if isinstance(value, Comparison) and kind == "bool":
        translation.set(node, value)
        return
    translation.set(node, _cast(translation, node, translation.columns(node, 0), kind))


def _cast(translation: "Translation", node: Node, x: Columns, kind: str) -> Columns:
    source = x.elem_type
    if kind == source:
        return x
    if kind == "float64" or (kind == "float32" and source != "float64" and _small(source)):
        return _retyped(x, kind)
    if kind == "float32":
        made = translation.build.link(x.value(translation.build), "round_to_float32")
        return translation.made(made, x.shape, x, near=False, elem_type=kind)
    if kind in _WIDE and (source in ("bool", *_WIDE) or _small(source)):
        return _retyped(x, kind)
    if kind in _WIDE and source in _FLOATS:
        translation.jumps(node, x)
        return settled(_whole(translation, x, kind))
    if kind == "bool":
        if not all(never_below_zero(translation.build, c.value) for c in x.frame.columns):
            translation.jumps(node, x)
        return _not(translation, equals(translation, x, np.zeros(x.shape)))
    refuse(node, f"a cast of {source} to {kind} is not supported")


def _whole(translation: "Translation", x: Columns, kind: str) -> Columns:
    """Return whole numbers: the least of the type for what it does not hold, as x86 casts them."""
    bound = 2.0**31 if kind == "int32" else 2.0**63
    found = link(translation, x, "ufunc", elem_type=kind, function="trunc")
    found = link(translation, found, "add", value=0.0)  # integers have no -0
    found = link(translation, found, "clip", low=-bound, high=bound)
    return link(translation, found, "fill_missing", value=-bound, also=bound)


def _small(kind: str) -> bool:
    """Whether float32 holds all numbers of a type."""
    return kind in ("bool", "int8", "uint8", "int16", "uint16")


def _retyped(x: Columns, kind: str) -> Columns:
    width = "float32" if kind == "float32" else "float64"
    columns = tuple(replace(column, width=width) for column in x.frame.columns)
    return replace(x, frame=replace(x.frame, columns=columns), elem_type=kind)


def _not(translation: "Translation", x: Columns) -> Columns:
    ones = np.ones(len(x.frame))
    return affine(translation, x, -ones, ones)


@operator("Greater", "Less", "GreaterOrEqual", "LessOrEqual")
def compare(translation: "Translation", node: Node) -> None:
    """Compare: 1 where it holds, 0 for NaN too. At computed numbers it jumps, which is noted."""
    values = [translation.operand(node, 0), translation.operand(node, 1)]
    translation.integers(same_type(node, values))
    found = _comparison(translation, node, values)
    if found is not None:
        translation.set(node, found)
        return
    translation.jumps(node, *values)
    a, b = broadcast(translation, node, values)
    if node.op.startswith("Less"):
        a, b = b, a
    like = a if isinstance(a, Columns) else b
    assert isinstance(like, Columns)
    # a > b is a - b > 0, and a >= b is not b - a > 0 but for NaN. At float64 the difference of
    # two numbers is 0 only where they are equal, and of two infinities it is NaN, which is not
    # above.
    like = _retyped(like, "float64")
    above = _above(translation, like, a, b)
    if node.op.endswith("OrEqual"):
        equal = _equal(translation, node, values)
        above = two(translation, "maximum", above, equal)
    translation.set(node, settled(replace(above, elem_type="bool")))


def _comparison(translation: "Translation", node: Node, values: list[Value]) -> Comparison | None:
    """Return whether computed numbers are above one number, where that is what is asked."""
    x, bound = values if node.op.startswith("Greater") else values[::-1]
    if isinstance(bound, Columns) and isinstance(x, Constant):
        # c > x is -x > -c.
        if not bound.frame.near or x.array.dtype.kind != "f":
            return None
        opposite = Constant(-x.array)
        x, bound = link(translation, bound, "ufunc", function="negative"), opposite
    if not isinstance(x, Columns):
        return None
    if not (isinstance(bound, Constant) and x.frame.near):
        return None
    numbers, bounds = broadcast(translation, node, [x, bound])
    assert isinstance(numbers, Columns)
    assert not isinstance(bounds, Columns)
    if not bounds.size or not (bounds == bounds.flat[0]).all():
        return None
    at = bounds.flat[0]
    if not np.isfinite(at):
        return None
    if node.op.endswith("OrEqual"):
        # x >= c is x > the number before c.
        at = np.nextafter(at, at.dtype.type(-np.inf))
    return Comparison(numbers, float(at))


def _above(translation: "Translation", like: Columns, a: Any, b: Any) -> Columns:
    parts = [
        _retyped(own, "float64") if isinstance(own, Columns) else spread(translation, like, own)
        for own in (a, b)
    ]
    difference = two(translation, "difference", *parts)
    return link(translation, difference, "above", at=0.0, above=1.0, other=0.0)


@operator("Equal")
def equal(translation: "Translation", node: Node) -> None:
    """Compare with a constant."""
    values = [translation.operand(node, 0), translation.operand(node, 1)]
    if any(isinstance(value, Text) for value in values):
        refuse(node, "it compares text, which only operators of ai.onnx.ml read")
    translation.integers(same_type(node, values))
    translation.set(node, _equal(translation, node, values))


def _equal(translation: "Translation", node: Node, values: list[Value]) -> Columns:
    a, b = broadcast(translation, node, values)
    if isinstance(a, Columns) and isinstance(b, Columns):
        translation.jumps(node, a, b)
        return _same(translation, a, b)
    x, numbers = (a, b) if isinstance(a, Columns) else (b, a)
    assert isinstance(x, Columns)
    if np.isfinite(np.asarray(numbers, dtype=np.float64)).any():
        translation.jumps(node, x)
    return equals(translation, x, numbers)


def equals(translation: "Translation", x: Columns, numbers: Any) -> Columns:
    """Return whether columns equal numbers, each its own; nothing equals NaN."""
    flat = np.broadcast_to(np.asarray(numbers, dtype=np.float64), x.shape).ravel()
    build = translation.build
    prefix = f"equal{len(build.steps)}"
    build.tensor(f"{prefix}.feature", range(len(flat)), np.int32)
    build.tensor(f"{prefix}.value", flat, np.float64)
    made = build.add({"op": "one_hot", "input": x.value(build), "tensors": prefix})
    found = settled(translation.made(made, x.shape, x, near=False, elem_type="bool"))
    known = ~np.isnan(flat)
    if known.all():
        return found
    # Nothing equals NaN, which the step takes for a number of its own.
    return affine(translation, found, known.astype(np.float64), np.zeros(len(flat)))


def _same(translation: "Translation", a: Columns, b: Columns) -> Columns:
    """Return whether columns equal others: neither is above, and none is NaN."""
    like = _retyped(a, "float64")
    larger = two(translation, "maximum", like, _retyped(b, "float64"))
    parts = [_above(translation, like, a, b), _above(translation, like, b, a)]
    parts.append(_is(translation, larger, np.nan))
    found = parts[0]
    for part in parts[1:]:
        found = two(translation, "sum", found, part)
    return settled(replace(_not(translation, found), elem_type="bool"))


def _is(translation: "Translation", x: Columns, number: float) -> Columns:
    """Return whether columns are a number, which may be NaN or infinite."""
    made = translation.build.equal(x.value(translation.build), number)
    return settled(translation.made(made, x.shape, x, near=False, elem_type="bool"))


@operator("IsNaN")
def is_nan(translation: "Translation", node: Node) -> None:
    """Tell NaN."""
    translation.set(node, _is(translation, translation.columns(node, 0), np.nan))


@operator("IsInf")
def is_infinite(translation: "Translation", node: Node) -> None:
    """Tell infinities, of one sign or of both."""
    x = translation.columns(node, 0)
    signs = {"detect_positive": np.inf, "detect_negative": -np.inf}
    found = [_is(translation, x, own) for name, own in signs.items() if attribute(node, name, 1)]
    if not found:
        none = looked_up(translation, x, np.zeros(()), np.zeros(()), "bool")
        translation.set(node, settled(none))
        return
    translation.set(node, found[0] if len(found) == 1 else two(translation, "sum", *found))


@operator("Not")
def invert(translation: "Translation", node: Node) -> None:
    """Turn truth around."""
    translation.set(node, _not(translation, _truth(node, translation.columns(node, 0))))


def _truth(node: Node, x: Columns) -> Columns:
    if x.elem_type != "bool":
        refuse(node, f"its input is {x.elem_type}, not bool")
    return x


@operator("And", "Or", "Xor")
def connect(translation: "Translation", node: Node) -> None:
    """Join two truths."""
    values = [translation.operand(node, 0), translation.operand(node, 1)]
    if same_type(node, values) != "bool":
        refuse(node, "its inputs are no bool")
    a, b = broadcast(translation, node, values)
    like = a if isinstance(a, Columns) else b
    assert isinstance(like, Columns)
    parts = [own if isinstance(own, Columns) else spread(translation, like, own) for own in (a, b)]
    op = {"And": "minimum", "Or": "maximum", "Xor": "difference"}[node.op]
    found = two(translation, op, *parts)
    if node.op == "Xor":
        found = link(translation, found, "ufunc", function="abs")
    translation.set(node, found)


@operator("If")
def branch(translation: "Translation", node: Node) -> None:
    """Translate the graph that a constant chooses."""
    condition = translation.get(node, 0)
    if not isinstance(condition, Constant):
        refuse(
            node,
            "its condition depends on the row, and control flow is not supported; choose with "
            "Where instead (torch.where)",
        )
    if condition.array.size != 1:
        refuse(node, f"its condition is {condition.array.size} truths")
    name = "then_branch" if condition.array.reshape(()) else "else_branch"
    translation.branch(node, attribute(node, name, None, Graph))


@operator("Where")
def where(translation: "Translation", node: Node) -> None:
    """Choose: by constants any values, by what a row holds between two numbers."""
    condition = translation.get(node, 0)
    values = [translation.operand(node, 1), translation.operand(node, 2)]
    kind = same_type(node, values)
    translation.integers(kind)
    if isinstance(condition, Comparison) and _is_softplus(translation, condition, values):
        translation.set(node, values[1])
        return
    if isinstance(condition, Constant | Sized):
        translation.set(node, _by_constant(translation, node, [condition, *values]))
        return
    truths = _truth(node, translation.columns(node, 0))
    truth, yes, no = broadcast(translation, node, [truths, *values])
    assert isinstance(truth, Columns)
    if isinstance(yes, Columns) or isinstance(no, Columns):
        translation.set(node, choose(translation, truth, yes, no, kind))
    else:
        translation.set(node, looked_up(translation, truth, yes, no, kind))


def _is_softplus(translation: "Translation", condition: Comparison, values: list[Value]) -> bool:
    """Whether x is chosen where it is large, and else its softplus, which is the same there.

    PyTorch's exporter writes softplus so. From 17 on log(1 + exp(x)) is x at float32.
    """
    x, other = values
    if not (isinstance(x, Columns) and isinstance(other, Columns)) or x.elem_type != "float32":
        return False
    value = other.value(translation.build)
    if not value or x != condition.numbers or condition.at < 17.0:
        return False
    step = translation.build.steps[value - 1]
    softplus = step.get("kind") == {"name": "softplus"}
    return softplus and step["input"] == x.value(translation.build)


def _by_constant(translation: "Translation", node: Node, values: list[Value]) -> Columns:
    choice, yes, no = broadcast(translation, node, values)
    assert not isinstance(choice, Columns)
    like = yes if isinstance(yes, Columns) else no
    assert isinstance(like, Columns)
    parts = [
        own if isinstance(own, Columns) else spread(translation, like, own) for own in (yes, no)
    ]
    flat: NDArray[np.bool_] = np.asarray(choice, dtype=bool).ravel()
    columns = [parts[0 if taken else 1].frame.columns[at] for at, taken in enumerate(flat)]
    return replace(like, frame=replace(like.frame, columns=tuple(columns)))
