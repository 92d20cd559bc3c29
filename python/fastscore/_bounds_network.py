"""How far the values of a network may be off, for `verify`: an error analysis of its own steps.

What is promised of a matrix product is 1e-12 (at float32 1e-6) of the sum of |weight x value|, of a
function the same of its value; what its input may be off already goes through each step, as steep
as that is there. TensorFlow and ONNX Runtime take numbers below the least normal one for 0.
"""

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Step = dict[str, Any]
Pair = tuple[Array, Array]
"""Values, and how far they may be off: (rows, columns)."""

PART = {"float32": 1e-6, "float64": 1e-12}
_LEAST = {width: float(np.finfo(width).tiny) for width in PART}
_MOST = {width: float(np.finfo(width).max) for width in PART}
_WHOLE = 2.0**24
_FREE = {"columns", "round_to_float32", "relu", "clip", "complement", "impute", "fill_missing"}
_FREE |= {"above"}
"""Links that round nothing, or what is rounded anyway."""
_EXACT_FUNCTIONS = {"floor", "ceil", "rint", "trunc", "sign", "abs", "negative"}


class NetworkBound:
    """The bounds of the values of a model, for one matrix of features."""

    def __init__(self, core: Any, x: Array) -> None:
        from fastscore.importers._rename import tensors_of

        structure = json.loads(core.spec)
        self._steps: list[Step] = structure["steps"]
        self._tensors = tensors_of(core.to_bytes())
        with np.errstate(over="ignore"):
            values = x.astype(structure["input"]["width"]).astype(np.float64)
        small = np.abs(values) < _LEAST[structure["input"]["width"]]
        self._known: dict[int, Pair] = {0: (values, np.where(small, np.abs(values), 0.0))}

    def of(self, value: int) -> Array:
        """Return how far a value may be off."""
        return self.pair(value)[1]

    def pair(self, value: int) -> Pair:
        """Return a value and how far it may be off."""
        with np.errstate(all="ignore"):
            for at in sorted(self._needed(value)):
                self._known[at] = _settled(*self._step(self._steps[at - 1]))
        return self._known[value]

    def _needed(self, value: int) -> set[int]:
        """Return the steps that it takes and that are not known yet."""
        found: set[int] = set()
        waiting = [value]
        while waiting:
            at = waiting.pop()
            if at not in found and at not in self._known:
                found.add(at)
                step = self._steps[at - 1]
                waiting += [*step.get("inputs", ()), *([step["input"]] if "input" in step else [])]
        return found

    def _step(self, step: Step) -> Pair:
        op, width = step["op"], step.get("width") or "float64"
        if "inputs" in step:
            pairs = [self._known[value] for value in step["inputs"]]
            if op == "concat":
                return np.hstack([x for x, _ in pairs]), np.hstack([e for _, e in pairs])
            out = pairs[0]
            for pair in pairs[1:]:
                out = _settled(*_arithmetic(op, out, pair, width))
            return out
        x, e = self._known[step["input"]]
        if op == "linear":
            return self._linear(step, x, e, width)
        if op == "link":
            return _link(step["kind"], x, e, width)
        prefix = step["tensors"]
        if op == "embedding":
            table = self._tensors[f"{prefix}.table"]
            x, e = x[:, step["columns"]], e[:, step["columns"]]
            found = _rows(table, x, step.get("wrap", False))
            moved = np.trunc(x - e) != np.trunc(x + e)
            off = np.repeat(np.where(moved, np.inf, 0.0), table.shape[1], axis=1)
            return found, off
        if op == "one_hot":
            features = self._tensors[f"{prefix}.feature"]
            keys = self._tensors[f"{prefix}.value"]
            x, e = x[:, features], e[:, features]
            hit = (x == keys) | (np.isnan(x) & np.isnan(keys))
            return hit.astype(float), ((np.abs(x - keys) <= e) & (e > 0)).astype(float)
        if op == "bins":
            return between(lambda v: self._bins(prefix, v), x, e)
        if op == "map":
            columns = self._tensors[f"{prefix}.column"]
            return between(lambda v: self._map(prefix, v), x[:, columns], e[:, columns])
        raise NotImplementedError(f"the bound of a step {op!r}")

    def _linear(self, step: Step, x: Array, e: Array, width: str) -> Pair:
        weights = self._tensors[step["coefficients"]].T
        bias = self._tensors[step["intercept"]]
        size = np.abs(weights)
        sums = np.abs(x) @ size + np.abs(bias)
        off = e @ size + PART[width] * sums + _LEAST[width] * (1 + size.sum(axis=0))
        if _is_whole(weights).all() and _is_whole(bias).all():
            exact = _is_whole(x).all(axis=1, keepdims=True) & (sums < _WHOLE)
            off = np.where(exact, e @ size, off)
        finite = np.isfinite(x).all(axis=1, keepdims=True)
        return x @ weights + bias, np.where(finite & (sums > _MOST[width]), np.inf, off)

    def _bins(self, prefix: str, x: Array) -> Array:
        offset, edges = self._tensors[f"{prefix}.offset"], self._tensors[f"{prefix}.edge"]
        return np.column_stack(
            [
                np.searchsorted(edges[offset[c] : offset[c + 1]], x[:, c], side="right")
                for c in range(x.shape[1])
            ]
        ).astype(float)

    def _map(self, prefix: str, x: Array) -> Array:
        names = ("offset", "key", "value", "missing", "other")
        offset, key, value, missing, other = (self._tensors[f"{prefix}.{name}"] for name in names)
        out = np.where(np.isnan(x), missing, other)
        for c in range(x.shape[1]):
            for at in range(offset[c], offset[c + 1]):
                out[x[:, c] == key[at], c] = value[at]
        return out


def _settled(x: Array, e: Array) -> Pair:
    """Return a pair whose bound is a number: none where the value is none, infinite where it is."""
    return x, np.where(np.isnan(x), 0.0, np.where(np.isnan(e), np.inf, e))


def between(f: Callable[[Array], Array], x: Array, e: Array) -> Pair:
    """Return a function's value, and how far it moves within the bound of its input."""
    value = f(x)
    ends = [np.abs(f(x + sign * e) - value) for sign in (-1.0, 1.0)]
    ends = [np.where(e == 0, 0.0, np.where(np.isnan(end), np.inf, end)) for end in ends]
    return value, np.maximum(*ends)


def _rows(table: Array, x: Array, wrap: bool) -> Array:
    at = np.trunc(np.nan_to_num(x, nan=-1e300))
    at = np.where((at < 0) & wrap, at + len(table), at)
    known = (at >= 0) & (at < len(table))
    found = table[np.where(known, at, 0).astype(int)]
    found = np.where(known[:, :, np.newaxis], found, np.nan)
    return found.reshape(len(x), -1)


def _arithmetic(op: str, a: Pair, b: Pair, width: str) -> Pair:
    (x, e), (y, f) = a, b
    if op == "sum":
        value, off = x + y, e + f
    elif op == "difference":
        value, off = x - y, e + f
    elif op == "product":
        value, off = x * y, np.abs(x) * f + np.abs(y) * e + e * f
    elif op == "quotient":
        value = x / y
        left = np.abs(y) - f
        off = np.where(left > 0, (e + np.abs(value) * f) / left, np.inf)
        off = np.where((e == 0) & (f == 0), 0.0, off)
    elif op in ("minimum", "maximum"):
        return getattr(np, op)(x, y), np.maximum(e, f)
    elif op == "mask":
        # Of truths, 0 or 1: where one may be the other, so may what it chooses.
        chosen = y != 0
        value = np.where(chosen, x, -0.0)
        return value, np.where(f >= 0.5, np.abs(x) + e, np.where(chosen, e, 0.0))
    else:
        raise NotImplementedError(f"the bound of a step {op!r}")
    exact = _is_whole(x) & _is_whole(y) & _is_whole(value)
    return value, off + np.where(exact, 0.0, PART[width] * np.abs(value) + _LEAST[width])


def _is_whole(x: Array) -> NDArray[np.bool_]:
    """Whether numbers are integers of which sums and products are exact at any width."""
    found: NDArray[np.bool_] = (np.trunc(x) == x) & (np.abs(x) < _WHOLE)
    return found


def _grouped(x: Array, kind: Step) -> Array:
    return x.reshape(len(x), int(kind.get("groups") or 1), -1)


def _link(kind: Step, x: Array, e: Array, width: str) -> Pair:
    name = kind["name"]
    part, least = PART[width], _LEAST[width]
    if name == "columns":
        return x[:, kind["columns"]], e[:, kind["columns"]]
    if name == "complement":
        return np.hstack([1 - x, x]), np.hstack([e + part, e])
    if name in ("softmax", "log_softmax"):
        return _softmax(kind, x, e, part, least)
    if name == "layer_norm":
        return _layer_norm(kind, x, e, part, least)
    if name == "log_sum_exp":
        value = np.logaddexp.reduce(x, axis=1)[:, np.newaxis]
        return value, e.max(axis=1)[:, np.newaxis] + part * (np.abs(value) + 1) + least
    if name == "vote":
        return _vote(kind, x, e)
    if name == "reduce":
        return _reduce(kind, x, e, part, least)
    value, off = between(lambda v: _elementwise(kind, v), x, e)
    if name == "round_to_float32":
        # Numbers that are near may be rounded to neighbours.
        return value, np.where(e > 0, e + PART["float32"] * np.abs(value), 0.0)
    if name in _FREE or kind.get("function") in _EXACT_FUNCTIONS:
        return value, off
    extra = np.abs(x) if name in _CANCEL else 0.0
    if name == "affine":
        scale, shift = np.asarray(kind["scale"]), np.asarray(kind["shift"])
        extra = np.abs(x * scale) + np.abs(shift)
        if _is_whole(scale).all() and _is_whole(shift).all() and _is_whole(x).all():
            return value, off
    base = _CONSTANT.get(name, 1.0 if kind.get("function") in ("sin", "cos") else 0.0)
    size = np.where(np.isfinite(x), np.abs(x), 0.0)
    rounding = np.abs(value) + np.where(np.isfinite(x), extra + base, 0.0)
    # A factor that is below the least number is 0 there.
    return value, off + part * rounding + least * (1 + size)


_CANCEL = {"gelu", "tanh_shrink", "squareplus", "hard_swish"}
"""Functions that subtract numbers as large as their input."""
_CONSTANT = {
    "elu": 1.0,
    "selu": 2.0,
    "celu": 1.0,
    "hard_sigmoid": 1.0,
    "squareplus": 1.0,
}
"""Functions that subtract numbers of this size."""


def _softmax(kind: Step, x: Array, e: Array, part: float, least: float) -> Pair:
    own = _grouped(x, kind)
    shifted = own - own.max(axis=2, keepdims=True)
    weights = np.exp(shifted)
    total = weights.sum(axis=2, keepdims=True)
    most = _grouped(e, kind).max(axis=2, keepdims=True)
    if kind["name"] == "log_softmax":
        value = shifted - np.log(total)
        off = 2 * most + part * (np.abs(shifted) + np.abs(np.log(total)) + 1)
    else:
        value = weights / total
        # Exponentials of what is rounded at its size.
        off = value * np.expm1(2 * most + part * (1 + np.minimum(np.abs(shifted), 100.0)))
    return value.reshape(x.shape), off.reshape(x.shape) + least


def _layer_norm(kind: Step, x: Array, e: Array, part: float, least: float) -> Pair:
    own, off = _grouped(x, kind), _grouped(e, kind)
    rms = bool(kind.get("rms"))
    mean = 0.0 if rms else own.mean(axis=2, keepdims=True)
    away = own - mean
    size = np.abs(own).max(axis=2, keepdims=True)
    inexact = off + off.max(axis=2, keepdims=True) + part * (np.abs(own) + (0 if rms else size))
    deviation = np.sqrt((away**2).mean(axis=2, keepdims=True) + kind["epsilon"])
    value = away / deviation
    most = inexact.max(axis=2, keepdims=True)
    moved = (inexact + np.abs(value) * most) / deviation + part * np.abs(value)
    moved = np.where(most < deviation / 2, 2 * moved, np.inf)
    value, moved = value.reshape(x.shape), moved.reshape(x.shape)
    scale = np.ones(x.shape[1]) if kind.get("scale") is None else np.asarray(kind["scale"])
    shift = np.zeros(x.shape[1]) if kind.get("shift") is None else np.asarray(kind["shift"])
    out = value * scale + shift
    # The source multiplies the mean by the whole factor, and subtracts that.
    centre = 0.0 if rms else np.broadcast_to(np.abs(mean) / deviation, own.shape).reshape(x.shape)
    rounding = np.abs(value * scale) + np.abs(shift) + np.abs(centre * scale)
    return out, moved * np.abs(scale) + part * rounding + least


def _reduce(kind: Step, x: Array, e: Array, part: float, least: float) -> Pair:
    own, off = _grouped(x, kind), _grouped(e, kind)
    how = kind["how"]
    size = np.abs(own)
    if how in ("max", "min"):
        return getattr(own, how)(axis=2), off.max(axis=2)
    if how in ("sum", "mean"):
        value = getattr(own, how)(axis=2)
        return value, getattr(off + part * size, how)(axis=2) + least
    if how == "l1":
        return size.sum(axis=2), (off + part * size).sum(axis=2) + least
    if how in ("l2", "sum_square"):
        square = (own**2).sum(axis=2)
        moved = (2 * size * off + off**2).sum(axis=2) + part * square
        if how == "sum_square":
            return square, moved + least
        root = np.sqrt(square)
        return root, np.minimum(np.sqrt(moved), moved / root) + part * root + least
    if how == "product":
        value = own.prod(axis=2)
        relative = (off / size).sum(axis=2)
        return value, np.abs(value) * np.expm1(relative) + part * np.abs(value) + least
    raise NotImplementedError(f"the bound of a reduction {how!r}")


def _sigmoid(x: Array) -> Array:
    small = np.exp(-np.abs(x))
    found: Array = np.where(x < 0, small, 1.0) / (1 + small)
    return found


_ERF = np.vectorize(math.erf, otypes=[float])
_ERFC = np.vectorize(math.erfc, otypes=[float])


def _softplus(x: Array) -> Array:
    found: Array = np.logaddexp(0.0, x)
    return found


def _gelu(kind: Step, x: Array) -> Array:
    if kind.get("approximate"):
        inner = np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)
        half: Array = 0.5 * x * (1 + np.tanh(inner))
        return half
    found: Array = x * (_ERFC(-x / np.sqrt(2)) / 2)
    return found


def _clip(kind: Step, x: Array) -> Array:
    low, high = kind.get("low"), kind.get("high")
    found: Array = np.clip(x, -np.inf if low is None else low, np.inf if high is None else high)
    return found


def _shrink(kind: Step, x: Array) -> Array:
    limit, bias = kind["lambda"], kind["bias"]
    return np.where(x < -limit, x + bias, np.where(x > limit, x - bias, 0.0))


def _above(kind: Step, x: Array) -> Array:
    high, low = np.float64(kind["above"]), np.float64(kind["other"])
    return np.where(x > kind["at"], high, low)


def _imputed(kind: Step, x: Array) -> Array:
    own = np.isnan(x) if kind["missing"] is None else x == kind["missing"]
    return np.where(own, np.asarray(kind["values"]), x)


def _filled(kind: Step, x: Array) -> Array:
    own = np.isnan(x)
    if kind.get("also") is not None:
        own |= x == kind["also"]
    return np.where(own, np.float64(kind["value"]), x)


def _vote(kind: Step, x: Array, e: Array) -> Pair:
    own = np.where(np.isnan(x), -np.inf, x) if kind.get("scan") else x
    best = np.where(np.isnan(x[:, 0]), 0, np.argmax(own, axis=1))
    found = np.full(x.shape, np.float64(kind["miss"]))
    found[np.arange(len(x)), best] = kind["hit"]
    # Whose number may be the largest, where there is more than one such.
    may = own + e >= (own - e).max(axis=1, keepdims=True)
    unsure = may & (may.sum(axis=1, keepdims=True) > 1)
    unsure &= (np.where(may, e, 0.0) > 0).any(axis=1, keepdims=True)
    return found, np.where(unsure, abs(kind["hit"] - kind["miss"]), 0.0)


def _unit(x: Array) -> Array:
    return np.minimum(np.maximum(x, 0.0), 1.0)


def _ufunc(function: str, x: Array) -> Array:
    found: Array = _ERF(x) if function == "erf" else getattr(np, function)(x)
    return found


_FUNCTIONS: dict[str, Callable[[Step, Array], Array]] = {
    "relu": lambda k, x: np.maximum(x, 0.0),
    "leaky_relu": lambda k, x: np.where(x < 0, k["alpha"] * x, x),
    "prelu": lambda k, x: np.where(x < 0, np.asarray(k["alphas"]) * x, x),
    "thresholded_relu": lambda k, x: np.where(x > k["alpha"], x, 0.0),
    "elu": lambda k, x: np.where(x < 0, k["alpha"] * np.expm1(np.minimum(x, 0)), x),
    "selu": lambda k, x: k["gamma"] * np.where(x > 0, x, k["alpha"] * np.expm1(np.minimum(x, 0))),
    "celu": lambda k, x: np.where(x < 0, k["alpha"] * np.expm1(np.minimum(x, 0) / k["alpha"]), x),
    "gelu": _gelu,
    "sigmoid": lambda k, x: _sigmoid(k.get("scale", 1.0) * x),
    "logistic": lambda k, x: _sigmoid(x),
    "swish": lambda k, x: x * _sigmoid(k["alpha"] * x),
    "mish": lambda k, x: x * np.tanh(_softplus(x)),
    "softplus": lambda k, x: _softplus(x),
    "log_sigmoid": lambda k, x: -_softplus(-x),
    "softsign": lambda k, x: x / (1 + np.abs(x)),
    "hard_sigmoid": lambda k, x: _unit(k["alpha"] * x + k["beta"]),
    "hard_swish": lambda k, x: x * _unit(x / 6 + 0.5),
    "tanh_shrink": lambda k, x: x - np.tanh(x),
    "shrink": _shrink,
    "squareplus": lambda k, x: (x + np.sqrt(x * x + k["b"])) / 2,
    "power": lambda k, x: np.power(x, k["exponent"]),
    "exp": lambda k, x: np.exp(x),
    "log": lambda k, x: np.log(x),
    "clip": _clip,
    "add": lambda k, x: x + k["value"],
    "multiply": lambda k, x: x * k["by"],
    "divide": lambda k, x: x / k["by"],
    "affine": lambda k, x: x * np.asarray(k["scale"]) + np.asarray(k["shift"]),
    "standardize": lambda k, x: (
        (x - np.asarray(0.0 if k["shift"] is None else k["shift"]))
        / np.asarray(1.0 if k["scale"] is None else k["scale"])
    ),
    "round_to_float32": lambda k, x: x.astype(np.float32).astype(np.float64),
    "ufunc": lambda k, x: _ufunc(k["function"], x),
    "above": _above,
    "impute": _imputed,
    "fill_missing": _filled,
}


def _elementwise(kind: Step, x: Array) -> Array:
    if kind["name"] not in _FUNCTIONS:
        raise NotImplementedError(f"the bound of a link {kind['name']!r}")
    return _FUNCTIONS[kind["name"]](kind, x)
