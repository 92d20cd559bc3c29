"""Values that are never below 0: of their sums the last bits may differ, not whether they are 0."""

from typing import Any

import numpy as np

from fastscore.importers._builder import Builder

_LINKS = {
    "sigmoid",
    "softmax",
    "exp",
    "exp2",
    "softplus",
    "hard_sigmoid",
    "vote",
}
_FUNCTIONS = {"exp", "exp2", "sqrt", "square", "abs"}
_KEEP = {"reciprocal"}
_ALL = {"sum", "product", "quotient", "concat", "minimum"}


def never_below_zero(build: Builder, value: int, depth: int = 16) -> bool:
    """Whether the steps show it; NaN aside."""
    if not value or not depth:
        return False
    step = build.steps[value - 1]
    op = step["op"]
    if op == "one_hot":
        return True
    if op == "map":
        found = [
            build.tensors[f"{step['tensors']}.{name}"] for name in ("value", "missing", "other")
        ]
        return not any((numbers < 0).any() for numbers in found)

    def inner(other: int) -> bool:
        return never_below_zero(build, other, depth - 1)

    if op in _ALL:
        return all(inner(other) for other in step["inputs"])
    return op == "link" and _of_link(step, inner)


def raised(build: Builder, value: int, width: str) -> int:
    """Return the numbers, with inf in the place of -inf, for powers of 0.5.

    The link takes the square root, which is NaN for -inf; the power is inf.
    """
    if never_below_zero(build, value):
        return value
    count = build.width_of(value)
    prefix = f"raised{len(build.steps)}"
    build.tensor(f"{prefix}.column", range(count), np.int32)
    build.tensor(f"{prefix}.offset", range(count + 1), np.int64)
    build.tensor(f"{prefix}.key", np.full(count, -np.inf), np.float64)
    build.tensor(f"{prefix}.value", np.full(count, np.inf), np.float64)
    for name in ("missing", "other"):
        build.tensor(f"{prefix}.{name}", np.full(count, -np.inf), np.float64)
    other = build.add({"op": "map", "input": value, "tensors": prefix})
    return build.combine("maximum", value, other, width=width)


def _of_link(step: dict[str, Any], inner: Any) -> bool:
    kind = step["kind"]
    name = kind["name"]
    if name in _LINKS or (name == "ufunc" and kind["function"] in _FUNCTIONS):
        return True
    if name == "clip":
        return kind["low"] is not None and kind["low"] >= 0
    if name == "reduce":
        sums = kind["how"] in ("sum", "mean", "max", "min", "product")
        return kind["how"] in ("l1", "l2", "sum_square") or (sums and inner(step["input"]))
    if name == "above":
        return bool(kind["above"] >= 0 and kind["other"] >= 0)
    if name == "affine":
        return min(*kind["scale"], *kind["shift"]) >= 0 and bool(inner(step["input"]))
    if name in ("add", "multiply", "divide"):
        return kind.get("value", kind.get("by")) >= 0 and bool(inner(step["input"]))
    if name in ("columns", "round_to_float32") or (name == "ufunc" and kind["function"] in _KEEP):
        return bool(inner(step["input"]))
    return False
