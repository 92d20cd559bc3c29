"""post_transform of ai.onnx.ml, operation by operation as ONNX Runtime has them, at float32."""

import numpy as np

from fastscore.importers._builder import Builder
from fastscore.importers._onnx_ml_attributes import Attributes

NAMES = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")
"""As TreeEnsemble numbers them."""

_LEAST = float(np.nextafter(np.float32(0), np.float32(1)))
_SMALL = float(np.float32(1e-7))


def transform_of(given: Attributes) -> str:
    """Return the attribute `post_transform`."""
    name = given.text("post_transform", "NONE")
    if name not in NAMES:
        raise given.refuse(f"post_transform {name!r} is not known")
    return name


def transform_by_number(given: Attributes) -> str:
    """Return the attribute of TreeEnsemble, which numbers them."""
    number = given.integer("post_transform", 0)
    if not 0 <= number < len(NAMES):
        raise given.refuse(f"post_transform {number} is not known")
    return NAMES[number]


def transformed(build: Builder, value: int, name: str) -> int:
    """Append the transformation of a value at float32: of one column PROBIT and LOGISTIC only."""
    if name == "SOFTMAX":
        return build.link(value, "softmax", width="float32")
    if name == "LOGISTIC":
        return build.link(value, "sigmoid", width="float32", scale=1.0)
    if name == "SOFTMAX_ZERO":
        return _softmax_zero(build, value)
    if name == "PROBIT":
        return _probit(build, value)
    return value


def negative(build: Builder, value: int) -> int:
    """Append -x."""
    return build.link(value, "ufunc", width="float32", function="negative")


def _two(build: Builder, op: str, a: int, b: int) -> int:
    return build.add({"op": op, "inputs": [a, b], "width": "float32"})


def _line(build: Builder, value: int, scale: float, shift: float) -> int:
    count = build.width_of(value)
    numbers = {"scale": [scale] * count, "shift": [shift] * count}
    return build.link(value, "affine", width="float32", **numbers)


def _softmax_zero(build: Builder, value: int) -> int:
    """Append a softmax over what is not 0; numbers up to 1e-7 are, and stay as small."""
    most = build.link(value, "reduce", width="float32", how="max", groups=1)
    away = _two(build, "difference", value, most)
    powers = build.link(away, "exp", width="float32")
    size = build.link(value, "ufunc", width="float32", function="abs")
    other = build.link(size, "above", at=_SMALL, above=1.0, other=0.0)
    powers = _two(build, "product", powers, other)
    # Where there is a zero the largest number is not below it.
    below = negative(build, build.link(most, "clip", width="float32", low=0.0, high=None))
    share = build.link(below, "exp", width="float32")
    zero = _two(build, "product", _two(build, "product", value, share), _line(build, other, -1, 1))
    total = build.link(powers, "reduce", width="float32", how="sum", groups=1)
    return _two(build, "quotient", _two(build, "sum", powers, zero), total)


def _probit(build: Builder, value: int) -> int:
    """Append the inverse of the normal distribution, by the approximation of Winitzki."""
    single = np.float32
    half = single(0.147)
    centre = float(single(2) / (single(np.pi) * half))
    x = _line(build, value, 2.0, -1.0)
    sign = build.link(x, "above", at=-_LEAST, above=1.0, other=-1.0)
    both = _two(build, "product", _line(build, x, -1.0, 1.0), _line(build, x, 1.0, 1.0))
    log = build.link(both, "ufunc", width="float32", function="log")
    v = _line(build, log, 0.5, centre)
    other = build.link(log, "multiply", width="float32", by=float(single(1) / half))
    inner = _two(build, "difference", _two(build, "product", v, v), other)
    root = build.link(inner, "ufunc", width="float32", function="sqrt")
    outer = build.link(
        _two(build, "difference", root, v), "ufunc", width="float32", function="sqrt"
    )
    signed = _two(build, "product", sign, outer)
    return build.link(signed, "multiply", width="float32", by=float(single(np.sqrt(2.0))))
