"""Functions of one number in ONNX: activations of networks, and the others."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fastscore.importers import _onnx_arithmetic as arithmetic
from fastscore.importers._flow import Column, Frame
from fastscore.importers._onnx_arithmetic import broadcast, floats, link
from fastscore.importers._onnx_graph import Node
from fastscore.importers._onnx_registry import attribute, operator, refuse
from fastscore.importers._onnx_several import is_label, without_signs
from fastscore.importers._onnx_values import Columns, Constant, Signs
from fastscore.importers._signs import raised

if TYPE_CHECKING:
    from fastscore.importers._onnx_translation import Translation

# A link's name, and its parameters with ONNX's name and default.
_LINKS: dict[str, tuple[str, dict[str, tuple[str, float]]]] = {
    "LeakyRelu": ("leaky_relu", {"alpha": ("alpha", 0.01)}),
    "ThresholdedRelu": ("thresholded_relu", {"alpha": ("alpha", 1.0)}),
    "Elu": ("elu", {"alpha": ("alpha", 1.0)}),
    "Selu": ("selu", {"alpha": ("alpha", 1.6732632423543772), "gamma": ("gamma", 1.050700987)}),
    "Celu": ("celu", {"alpha": ("alpha", 1.0)}),
    "Swish": ("swish", {"alpha": ("alpha", 1.0)}),
    "Mish": ("mish", {}),
    "Softplus": ("softplus", {}),
    "Softsign": ("softsign", {}),
    "Sigmoid": ("logistic", {}),
    "HardSigmoid": ("hard_sigmoid", {"alpha": ("alpha", 0.2), "beta": ("beta", 0.5)}),
    "HardSwish": ("hard_swish", {}),
    "Shrink": ("shrink", {"lambda": ("lambd", 0.5), "bias": ("bias", 0.0)}),
}
_UFUNCS = {
    "Tanh": "tanh",
    "Erf": "erf",
    "Exp": "exp",
    "Log": "log",
    "Reciprocal": "reciprocal",
    "Sin": "sin",
    "Cos": "cos",
    "Tan": "tan",
    "Asin": "arcsin",
    "Acos": "arccos",
    "Atan": "arctan",
    "Sinh": "sinh",
    "Cosh": "cosh",
    "Asinh": "arcsinh",
    "Acosh": "arccosh",
    "Atanh": "arctanh",
}
"""Functions within some last bits of the source's."""
_EXACT = {"Neg": "negative", "Abs": "abs", "Sqrt": "sqrt"}
_STEPS = {"Floor": "floor", "Ceil": "ceil", "Round": "rint", "Sign": "sign"}
"""Functions that jump."""


def _input(translation: "Translation", node: Node) -> Columns:
    x = translation.columns(node, 0)
    floats(node, x)
    return x


@operator("Relu")
def relu(translation: "Translation", node: Node) -> None:
    """Numbers below 0 become 0."""
    translation.set(node, link(translation, _input(translation, node), "relu"))


@operator(*_LINKS)
def activation(translation: "Translation", node: Node) -> None:
    """Translate an activation that is a link."""
    x = _input(translation, node)
    name, parameters = _LINKS[node.op]
    # Attributes and their defaults are float32 at every width.
    given: dict[str, Any] = {
        own: float(np.float32(attribute(node, theirs, default, float)))
        for own, (theirs, default) in parameters.items()
    }
    if not np.isfinite(list(given.values())).all():
        refuse(node, f"its parameters are {given}; they must be finite")
    if name == "celu" and given["alpha"] == 0.0:
        refuse(node, "its alpha is 0")
    if name == "shrink" and given["lambda"] < 0.0:
        refuse(node, f"its lambd is {given['lambda']}; it must not be negative")
    if name == "shrink" and x.elem_type == "float64":
        # ONNX Runtime computes it at float32 whatever the type.
        rounded = link(translation, x, "round_to_float32", near=True)
        value = rounded.value(translation.build)
        made = translation.build.link(value, name, width="float32", **given)
        translation.set(node, translation.made(made, x.shape, x, near=True))
        return
    found = link(translation, x, name, near=True, **given)
    if name == "logistic":
        translation.final("sigmoid", found, x)
    translation.set(node, found)


@operator("PRelu")
def prelu(translation: "Translation", node: Node) -> None:
    """Translate a slope for each column below 0."""
    x = _input(translation, node)
    translation.constant(node, 1)
    found, slopes = broadcast(translation, node, [x, translation.get(node, 1)])
    if not isinstance(found, Columns) or found.shape != x.shape or isinstance(slopes, Columns):
        refuse(node, "its slopes do not fit its input")
    numbers = [float(slope) for slope in slopes.ravel()]
    if not np.isfinite(numbers).all():
        refuse(node, "its slopes are not finite")
    translation.set(node, link(translation, x, "prelu", alphas=numbers))


@operator("Gelu")
def gelu(translation: "Translation", node: Node) -> None:
    """Gaussian error linear unit."""
    kind = attribute(node, "approximate", "none", str)
    if kind not in ("none", "tanh"):
        refuse(node, f"approximate={kind!r} is unknown")
    x = _input(translation, node)
    if kind == "tanh" and x.elem_type == "float64":
        translation.set(node, _gelu_of_float64(translation, x))
        return
    found = link(translation, x, "gelu", near=True, approximate=kind == "tanh")
    translation.set(node, found)


def _gelu_of_float64(translation: "Translation", x: Columns) -> Columns:
    """Return x / 2 * (1 + tanh(..)) with constants of float32, as ONNX Runtime has them."""
    cubes = arithmetic.two(translation, "product", arithmetic.two(translation, "product", x, x), x)
    cubes = link(translation, cubes, "multiply", by=float(np.float32(0.044715)))
    inner = arithmetic.two(translation, "sum", x, cubes)
    inner = link(
        translation, inner, "multiply", by=float(np.sqrt(np.float64(np.float32(2 / np.pi))))
    )
    inner = link(translation, inner, "ufunc", near=True, function="tanh")
    inner = link(translation, inner, "add", value=1.0)
    half = link(translation, x, "multiply", by=0.5)
    return arithmetic.two(translation, "product", half, inner).near()


@operator(*_UFUNCS)
def function(translation: "Translation", node: Node) -> None:
    """Translate a function within some last bits of the source's."""
    x = _input(translation, node)
    found = link(translation, x, "ufunc", near=True, function=_UFUNCS[node.op])
    translation.set(node, found)


@operator(*_EXACT)
def exact_function(translation: "Translation", node: Node) -> None:
    """Translate a function of which there is one right answer."""
    x = translation.columns(node, 0)
    floats(node, x, integers=node.op != "Sqrt")
    translation.integers(x.elem_type)
    translation.set(node, link(translation, x, "ufunc", function=_EXACT[node.op]))


@operator(*_STEPS)
def step_function(translation: "Translation", node: Node) -> None:
    """Translate a function that jumps."""
    x = _input(translation, node)
    if node.op == "Sign" and x.frame.near and is_label(translation, node):
        translation.set(node, Signs(x, x.elem_type))
        return
    translation.jumps(node, x)
    found = link(translation, x, "ufunc", function=_STEPS[node.op])
    translation.set(node, arithmetic.settled(found))


@operator("Clip")
def clip(translation: "Translation", node: Node) -> None:
    """Within bounds."""
    given = translation.get(node, 0)
    x = given.numbers if isinstance(given, Signs) else translation.columns(node, 0)
    floats(node, x, integers=True)
    bounds: list[float | None] = []
    for at, name in ((1, "min"), (2, "max")):
        if translation.opset(node) < 11:
            found = node.attributes.get(name)
        else:
            own = translation.optional_constant(node, at)
            if own is not None and own.size != 1:
                refuse(node, f"its {name} is not one number")
            found = None if own is None else own.reshape(()).item()
        bound = None if found is None else float(found)
        if bound is not None and not np.isfinite(bound):
            open_side = bound == (-np.inf if name == "min" else np.inf)
            if not open_side:
                refuse(node, f"its {name} is {bound}")
            bound = None
        elif bound is None and x.elem_type in ("float32", "float64"):
            # Without a bound it is the type's, which infinities are beyond.
            bound = float(np.finfo(x.elem_type).max) * (-1.0 if name == "min" else 1.0)
        bounds.append(bound)
    low, high = bounds
    if isinstance(given, Signs):
        translation.set(node, without_signs(node, given, low, high))
        return
    if low is not None and high is not None and low > high:
        # min(max(x, low), high): the upper bound has the last word.
        x = link(translation, x, "clip", low=low, high=None)
        low = None
    if low is None and high is None:
        translation.set(node, x)
        return
    translation.set(node, link(translation, x, "clip", low=low, high=high))


@operator("Pow")
def power(translation: "Translation", node: Node) -> None:
    """Translate a constant power, or powers of 2."""
    base = translation.operand(node, 0)
    if isinstance(base, Constant) and base.array.size and (base.array == 2).all():
        x = translation.columns(node, 1)
        floats(node, x)
        found, _ = broadcast(translation, node, [x, base])
        assert isinstance(found, Columns)
        translation.set(node, link(translation, found, "ufunc", near=True, function="exp2"))
        return
    exponent = translation.operand(node, 1)
    if isinstance(base, Constant) and isinstance(exponent, Columns):
        translation.set(node, _of_base(translation, node, base, exponent))
        return
    x = _input(translation, node)
    if not isinstance(exponent, Constant):
        refuse(
            node,
            "its base and its exponent depend on the row; one must be a constant (of numbers above "
            "0 write exp(exponent * log(base)))",
        )
    found, powers = broadcast(translation, node, [x, exponent])
    assert isinstance(found, Columns)
    assert not isinstance(powers, Columns)
    numbers = powers.ravel().astype(np.float64)
    if not powers.size or not np.isfinite(numbers).all():
        refuse(node, "its exponents are not finite")
    if len(set(numbers)) == 1:
        translation.set(node, _power(translation, found, float(numbers[0])))
        return
    # Columns of each exponent together, and back in order.
    parts: dict[int, Column] = {}
    for number in dict.fromkeys(numbers.tolist()):
        own = np.flatnonzero(numbers == number).tolist()
        part = replace(found, frame=found.frame.take(own), shape=(len(own),))
        made = _power(translation, part, number).frame.columns
        parts |= dict(zip(own, made, strict=True))
    frame = Frame(tuple(parts[at] for at in range(len(numbers))))
    translation.set(node, replace(found, frame=frame))


def _of_base(translation: "Translation", node: Node, base: Constant, exponent: Columns) -> Columns:
    """Return powers of constants above 0: 2 ** (exponent * log2(base)), at float64."""
    floats(node, exponent)
    found, numbers = broadcast(translation, node, [exponent, base])
    assert isinstance(found, Columns)
    bases = np.asarray(numbers, dtype=np.float64).ravel()
    if not (np.isfinite(bases) & (bases > 0)).all():
        refuse(node, "its base is not above 0 and finite, and its exponent depends on the row")
    build = translation.build
    value = build.link(
        found.value(build), "affine", scale=np.log2(bases).tolist(), shift=[-0.0] * len(bases)
    )
    value = build.link(value, "ufunc", function="exp2")
    if found.width == "float32":
        value = build.link(value, "round_to_float32")
    return translation.made(value, found.shape, found)


def _power(translation: "Translation", x: Columns, number: float) -> Columns:
    if number == 2.0:
        # Not the link of that power, which is not told to be exact.
        return arithmetic.two(translation, "product", x, x)
    if number == 0.5:
        value = raised(translation.build, x.value(translation.build), x.width)
        x = translation.made(value, x.shape, x, near=False)
    return link(translation, x, "power", near=number != 1.0, exponent=number)


def softmax_parts(
    translation: "Translation", node: Node, x: Columns, axis: int
) -> tuple[Columns, list[int], int]:
    """Return a tensor with what a softmax sums up last, the order of axes, and how many groups."""
    axes: list[int] = [axis]
    if translation.opset(node) < 13:
        axes = arithmetic.from_axis(node, x, axis)
    moved, lead, order = arithmetic.last(translation, node, x, axes)
    return moved, order, arithmetic.count(lead)


@operator("Softmax", "LogSoftmax")
def softmax(translation: "Translation", node: Node) -> None:
    """Shares that sum to 1 along an axis, before version 13 along all from it on."""
    x = _input(translation, node)
    axis = attribute(node, "axis", -1 if translation.opset(node) >= 13 else 1)
    moved, order, groups = softmax_parts(translation, node, x, axis)
    name: str = "softmax" if node.op == "Softmax" else "log_softmax"
    parameters: dict[str, Any] = arithmetic.grouped(groups)
    found = link(translation, moved, name, near=True, **parameters)
    if groups == 1:
        translation.final(name, found, moved)
    translation.set(node, arithmetic.back(found, order))
