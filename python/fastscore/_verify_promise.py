"""What `verify` may promise of an output, by the steps that compute it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore._sources import Source, asking, two_dimensional
from fastscore._verify_shaken import Shaken, values_read

_ULPS = 2
_ROUNDED_ALIKE = {
    "columns",
    "divide",
    "multiply",
    "add",
    "affine",
    "clip",
    "fill_missing",
    "above",
    "vote",
    "complement",
    "round_to_float32",
    "weighted_median",
    "standardize",
    "impute",
    "normalize",
    "confidence",
}
"""Links that every library computes alike, so that they keep equal bits equal."""
_EXACT_UFUNCS = {
    "sqrt",
    "square",
    "abs",
    "sign",
    "negative",
    "reciprocal",
    "floor",
    "ceil",
    "rint",
    "trunc",
}
"""NumPy's functions that are one operation, exact or correctly rounded."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What is promised of numbers: the text, and what is allowed beyond equal bits."""

    text: str
    ulps: int = 0
    slack: NDArray[np.float64] | None = None
    """Absolute, (rows, columns) or (rows, 1)."""
    near: NDArray[Any] | None = None
    """The numbers at which ulps are counted too: what the output is a small difference of."""


def shaken_promise(
    theirs: Source,
    output: str,
    steps: list[dict[str, Any]],
    own: NDArray[np.float64] | None,
    near: NDArray[Any] | None,
    shaken: Shaken,
) -> Promise:
    """Return the usual promise, or that of a meta-estimator whose members' values are inexact."""
    with asking(theirs):
        moved = shaken.bound(output, steps)
    if moved is None:
        return _promise(theirs, output, steps, own, near)
    return _members_promise(theirs, moved)


def _members_promise(theirs: Source, moved: NDArray[np.float64]) -> Promise:
    """Return the promise of a meta-estimator, which moves so far with members that are inexact."""
    most = moved.max(axis=1, keepdims=True)
    return Promise("as its estimators", link_ulps(theirs), slack=most)


def steps_behind(structure: dict[str, Any], value: int) -> list[dict[str, Any]]:
    """Return the steps that a value is computed by."""
    found: dict[int, dict[str, Any]] = {}
    open_values = [value]
    while open_values:
        at = open_values.pop()
        if at > 0 and at not in found:
            step = found[at] = structure["steps"][at - 1]
            open_values += values_read(step)
    return list(found.values())


def near_of(
    output: str, want: NDArray[Any], steps: list[dict[str, Any]]
) -> NDArray[np.float64] | None:
    """Return the numbers whose rounding counts, where that is not the output's own."""
    if output == "probability" and _is_complement(steps):
        # 1 - p has p's rounding, however small the difference is.
        largest: NDArray[np.float64] = two_dimensional(want).max(axis=1, keepdims=True)
        return largest
    if output == "prediction" and _is_exponential(steps):
        size: NDArray[np.float64] = np.abs(two_dimensional(want))
        return size
    return None


def _is_complement(steps: list[dict[str, Any]]) -> bool:
    """Whether the value is 1 - p beside p."""
    return any(step["op"] == "link" and step["kind"]["name"] == "complement" for step in steps)


def _is_exponential(steps: list[dict[str, Any]]) -> bool:
    """Whether a prediction is the exponential of a margin."""
    return any(step["op"] == "link" and step["kind"]["name"] == "exp" for step in steps)


def is_exact(step: dict[str, Any]) -> bool:
    """Whether a step keeps equal bits equal."""
    if step["op"] != "link":
        return True
    kind = step["kind"]
    return kind["name"] in _ROUNDED_ALIKE or kind.get("function") in _EXACT_UFUNCS


_LOOSE = {"log", "logit", "centred_log", "inverse_yeo_johnson", "inverse_box_cox"}


def are_loose(theirs: Source, steps: list[dict[str, Any]]) -> bool:
    return any(map(is_loose, steps)) or getattr(theirs, "sums_logarithms", False)


def is_loose(step: dict[str, Any]) -> bool:
    """Whether sums that follow a step are bounded by its size, not by ulps of theirs."""
    return step["op"] in ("linear", "distances") or (
        step["op"] == "link" and step["kind"]["name"] in _LOOSE
    )


def _promise(
    theirs: Source,
    output: str,
    steps: list[dict[str, Any]],
    slack: NDArray[np.float64] | None,
    near: NDArray[Any] | None,
) -> Promise:
    links = {step["kind"]["name"] for step in steps if not is_exact(step)}
    if slack is not None and are_loose(theirs, steps):
        if output == "probability":
            # No link has a slope above 1/2 in any margin; normalising doubles it at most. A few
            # roundings of numbers up to 1.
            bound = 2 * slack.max(axis=1, keepdims=True) + 8 * np.finfo(np.float64).eps
            return Promise("the margin's bound", slack=bound)
        if output == "prediction" and "exp" in links and near is not None:
            relative_slack = np.expm1(slack) + 8 * np.finfo(np.float64).eps
            return Promise("the margin's bound", slack=near * relative_slack)
        if output == "score":
            slack = slack.max(axis=1, keepdims=True) * (1 + 8 * np.finfo(np.float64).eps)
        ops = {step["op"] for step in steps}
        linear = not ops.isdisjoint({"linear", "distances"})
        relative = getattr(theirs, "linear_relative", "1e-12")
        terms = "terms" if "distances" in ops else "|coefficient x value|"
        scale = f"{relative} of sum {terms}"
        return Promise(scale if linear else "rounding of logarithms", slack=slack)
    if output == "transform" and slack is not None:
        return Promise("the bound of its steps", slack=slack)
    if not links:
        return Promise("equal bits")
    most = link_ulps(theirs)
    if near is not None:
        of = "larger" if output == "probability" else "score"
        return Promise(f"{most} ulp of the {of}", most, near=near)
    return Promise(f"{most} ulp", most)


def link_ulps(theirs: Source) -> int:
    """Within how many ulp of correct the source's exponentials and logarithms are."""
    return int(getattr(theirs, "link_ulps", _ULPS))
