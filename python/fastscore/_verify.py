"""`Model.verify`: the source library against fastscore on the same rows, output by output."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore._containers import make_table
from fastscore._errors import FastscoreError, MissingValueError, NonFiniteValueError
from fastscore._model import Model
from fastscore._sources import Source, open_source
from fastscore._tabulate import as_frame, as_matrix, replayable
from fastscore._verify_report import OutputCheck, VerifyReport
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
_ANOTHER = "it is not the model that was imported"


def verify(model: Model, data: Any, source: Any) -> VerifyReport:
    """Compare every output that both have, the source on one thread.

    Promised: equal bits of what trees give, elementary operations after them included; other links
    (exp, log, ...) within the source's ulps, counted at the output's width; labels equal but for
    ties within that bound; linear margins within 1e-12 of the sum of |coefficient x value|.
    """
    theirs = open_source(source, model)
    data = replayable(data)
    table = make_table(data)
    if table.num_rows == 0:
        raise ValueError("verify needs at least one row")
    ours = _ours(model, table)
    matrix = _handed(theirs, model, data, table.num_rows)
    structure = json.loads(model._core.spec)
    targets = structure["targets"]
    with _asking(theirs):
        slack = theirs.linear_bound(matrix) if _are_loose(theirs, structure["steps"]) else None
    pairs: dict[str, tuple[list[NDArray[Any]], list[NDArray[Any]]]] = {}
    # Predictions last: labels can only be looked up where the number of classes is right.
    for output in sorted(ours, key=lambda output: output == "prediction"):
        with _asking(theirs):
            want = theirs.output(output, matrix)
        if want is None:
            continue
        haves = _targets(ours[output], output, len(targets))
        wants = _targets(want, output, len(targets))
        _check_shapes(output, wants, haves)
        pairs[output] = wants, haves
    margins = [part.shape[1] for part in pairs["margin"][0]] if "margin" in pairs else []
    shaken = Shaken(theirs, matrix, structure["steps"], _is_exact, _is_loose)
    checks: list[OutputCheck] = []
    for output in filter(pairs.__contains__, ours):
        wants, haves = pairs[output]
        for t, (theirs_t, ours_t) in enumerate(zip(wants, haves, strict=True)):
            target = targets[t] if output not in ("leaf", "transform") else None
            name = output if len(wants) == 1 else f"{output} {targets[t]['name'] or t}"
            network = _network_bound(theirs, structure, output, target, matrix)
            own = _own_bound(theirs, output, matrix, _own_columns(slack, margins, t))
            if target is None and output == "leaf":
                checks.append(_check_labels(name, theirs_t, ours_t, None))
            elif target and output == "prediction" and target["classes"] is not None:
                if target["prediction"]["rule"] not in ("inlier", "cluster"):
                    _check_classes(theirs, model, t, theirs_t)
                decides = _steps_behind(structure, target["prediction"]["value"])
                with _asking(theirs):
                    moved = network if network is not None else shaken.bound("margin", decides)
                reach = own if moved is None else moved
                close = _close_rows(theirs, matrix, t, target, theirs_t, ours_t, reach)
                checks.append(_check_labels(name, theirs_t, ours_t, close))
            else:
                if network is None:
                    steps = _steps_behind(structure, _value(structure, output, target))
                    near = _near(output, theirs_t, steps)
                    if output == "margin" and target and target.get("score") and "score" in pairs:
                        near = pairs["score"][0][t]
                    promise = _shaken_promise(theirs, output, steps, own, near, shaken)
                else:
                    promise = _Promise(getattr(theirs, "network_text", ""), slack=network)
                checks.append(_check_floats(name, theirs_t, ours_t, promise))
    return VerifyReport(theirs.name, table.num_rows, tuple(checks))


def _handed(theirs: Source, model: Model, data: Any, rows: int) -> Any:
    """Return the data as the source takes them."""
    by_value = bool(model._core.encoded) and getattr(theirs, "takes_frames", False)
    by_value |= getattr(theirs, "by_column", False)
    return (as_frame if by_value else as_matrix)(data, model, rows)


def _ours(model: Model, table: Any) -> dict[str, Any]:
    """Return every output of the model."""
    found: dict[str, Any] = {}
    for output, layout in model._layouts.items():
        try:
            scores = model._core.score(table, output, None, "source")
        except (MissingValueError, NonFiniteValueError) as error:
            refused = str(error).rpartition(": ")[0]
            raise type(error)(f"{refused}: fill or drop these rows to verify the others") from error
        found[output] = layout.numpy(scores, "source")
    return found


@dataclass(frozen=True, slots=True)
class _Promise:
    """What is promised of numbers: the text, and what is allowed beyond equal bits."""

    text: str
    ulps: int = 0
    slack: NDArray[np.float64] | None = None
    """Absolute, (rows, columns) or (rows, 1)."""
    near: NDArray[Any] | None = None
    """The numbers at which ulps are counted too: what the output is a small difference of."""


def _shaken_promise(
    theirs: Source,
    output: str,
    steps: list[dict[str, Any]],
    own: NDArray[np.float64] | None,
    near: NDArray[Any] | None,
    shaken: Shaken,
) -> _Promise:
    """Return the usual promise, or that of a meta-estimator whose members' values are inexact."""
    with _asking(theirs):
        moved = shaken.bound(output, steps)
    if moved is None:
        return _promise(theirs, output, steps, own, near)
    return _members_promise(theirs, moved)


def _members_promise(theirs: Source, moved: NDArray[np.float64]) -> _Promise:
    """Return the promise of a meta-estimator, which moves so far with members that are inexact."""
    most = moved.max(axis=1, keepdims=True)
    return _Promise("as its estimators", _link_ulps(theirs), slack=most)


def _value(structure: dict[str, Any], output: str, target: dict[str, Any] | None) -> int:
    """Return the number of the value that an output shows."""
    if target is None:
        return int(structure["transform"]["value"])
    return int(target["prediction"]["value"] if output == "prediction" else target[output])


def _steps_behind(structure: dict[str, Any], value: int) -> list[dict[str, Any]]:
    """Return the steps that a value is computed by."""
    found: dict[int, dict[str, Any]] = {}
    open_values = [value]
    while open_values:
        at = open_values.pop()
        if at > 0 and at not in found:
            step = found[at] = structure["steps"][at - 1]
            open_values += values_read(step)
    return list(found.values())


def _near(
    output: str, want: NDArray[Any], steps: list[dict[str, Any]]
) -> NDArray[np.float64] | None:
    """Return the numbers whose rounding counts, where that is not the output's own."""
    if output == "probability" and _is_complement(steps):
        # 1 - p has p's rounding, however small the difference is.
        largest: NDArray[np.float64] = _two_dimensional(want).max(axis=1, keepdims=True)
        return largest
    if output == "prediction" and _is_exponential(steps):
        size: NDArray[np.float64] = np.abs(_two_dimensional(want))
        return size
    return None


def _is_complement(steps: list[dict[str, Any]]) -> bool:
    """Whether the value is 1 - p beside p."""
    return any(step["op"] == "link" and step["kind"]["name"] == "complement" for step in steps)


def _is_exponential(steps: list[dict[str, Any]]) -> bool:
    """Whether a prediction is the exponential of a margin."""
    return any(step["op"] == "link" and step["kind"]["name"] == "exp" for step in steps)


def _is_exact(step: dict[str, Any]) -> bool:
    """Whether a step keeps equal bits equal."""
    if step["op"] != "link":
        return True
    kind = step["kind"]
    return kind["name"] in _ROUNDED_ALIKE or kind.get("function") in _EXACT_UFUNCS


_LOOSE = {"log", "logit", "centred_log", "inverse_yeo_johnson", "inverse_box_cox"}


def _are_loose(theirs: Source, steps: list[dict[str, Any]]) -> bool:
    return any(map(_is_loose, steps)) or getattr(theirs, "sums_logarithms", False)


def _is_loose(step: dict[str, Any]) -> bool:
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
) -> _Promise:
    links = {step["kind"]["name"] for step in steps if not _is_exact(step)}
    if slack is not None and _are_loose(theirs, steps):
        if output == "probability":
            # No link has a slope above 1/2 in any margin; normalising doubles it at most. A few
            # roundings of numbers up to 1.
            bound = 2 * slack.max(axis=1, keepdims=True) + 8 * np.finfo(np.float64).eps
            return _Promise("the margin's bound", slack=bound)
        if output == "prediction" and "exp" in links and near is not None:
            relative_slack = np.expm1(slack) + 8 * np.finfo(np.float64).eps
            return _Promise("the margin's bound", slack=near * relative_slack)
        if output == "score":
            slack = slack.max(axis=1, keepdims=True) * (1 + 8 * np.finfo(np.float64).eps)
        ops = {step["op"] for step in steps}
        linear = not ops.isdisjoint({"linear", "distances"})
        relative = getattr(theirs, "linear_relative", "1e-12")
        terms = "terms" if "distances" in ops else "|coefficient x value|"
        scale = f"{relative} of sum {terms}"
        return _Promise(scale if linear else "rounding of logarithms", slack=slack)
    if output == "transform" and slack is not None:
        return _Promise("the bound of its steps", slack=slack)
    if not links:
        return _Promise("equal bits")
    most = _link_ulps(theirs)
    if near is not None:
        of = "larger" if output == "probability" else "score"
        return _Promise(f"{most} ulp of the {of}", most, near=near)
    return _Promise(f"{most} ulp", most)


def _link_ulps(theirs: Source) -> int:
    """Within how many ulp of correct the source's exponentials and logarithms are."""
    return int(getattr(theirs, "link_ulps", _ULPS))


def _network_bound(
    theirs: Source,
    structure: dict[str, Any],
    output: str,
    target: dict[str, Any] | None,
    matrix: Any,
) -> NDArray[np.float64] | None:
    """Return the bound of an output of a network, by its own steps; None for other sources."""
    if not hasattr(theirs, "network_bound"):
        return None
    with _asking(theirs):
        bound: NDArray[np.float64] = theirs.network_bound(_value(structure, output, target), matrix)
    return bound


def _own_bound(
    theirs: Source, output: str, matrix: Any, slack: NDArray[np.float64] | None
) -> NDArray[np.float64] | None:
    """Return the bound of an output: a transform has its own, others that of the margins."""
    if output != "transform" or not hasattr(theirs, "transform_bound"):
        return slack
    with _asking(theirs):
        bound: NDArray[np.float64] | None = theirs.transform_bound(matrix)
    return bound


def _own_columns(
    slack: NDArray[np.float64] | None, margins: list[int], target: int
) -> NDArray[np.float64] | None:
    """Return a target's own columns of the bounds of all targets' linear margins."""
    if slack is None or slack.shape[1] != sum(margins) or target >= len(margins):
        return slack
    start = sum(margins[:target])
    return slack[:, start : start + margins[target]]


def _targets(values: Any, output: str, n_targets: int) -> list[NDArray[Any]]:
    """One array (rows, columns) a target."""
    if isinstance(values, list):
        return [_two_dimensional(part) for part in values]
    array = _two_dimensional(values)
    several = n_targets > 1 and output not in ("leaf", "transform")
    if several and array.shape[1] == n_targets:
        return [array[:, [t]] for t in range(n_targets)]
    return [array]


def _two_dimensional(values: Any) -> NDArray[Any]:
    array = np.asarray(values.toarray() if hasattr(values, "toarray") else values)
    return array.reshape(-1, 1) if array.ndim == 1 else array.reshape(len(array), -1)


@contextlib.contextmanager
def _asking(theirs: Source) -> Iterator[None]:
    """Name the source in what goes wrong in it."""
    try:
        # Huge values overflow where a source checks them.
        with np.errstate(all="ignore"):
            yield
    except (FastscoreError, MemoryError):
        raise
    except Exception as error:
        said = (str(error).strip().splitlines() or [""])[0]
        raise ValueError(
            f"the source, {theirs.name}, can't score these rows: {type(error).__name__}: {said}"
        ) from error


def _check_shapes(output: str, wants: list[NDArray[Any]], haves: list[NDArray[Any]]) -> None:
    if len(wants) == len(haves):
        pairs = [(a.shape[1], b.shape[1]) for a, b in zip(wants, haves, strict=True)]
        theirs, ours = next((pair for pair in pairs if pair[0] != pair[1]), (0, 0))
    else:
        theirs, ours = (sum(part.shape[1] for part in parts) for parts in (wants, haves))
    if len(wants) != len(haves) or theirs != ours:
        plural = "" if theirs == 1 else "s"
        raise ValueError(
            f"the source gives {theirs} {output} column{plural}, the model {ours}: {_ANOTHER}"
        )


def _check_classes(theirs: Source, model: Model, target: int, want: NDArray[Any]) -> None:
    known = model._classes[target]
    ours = set() if known is None else set(known.tolist())
    unknown = [label for label in dict.fromkeys(want.ravel().tolist()) if label not in ours]
    if not unknown:
        with _asking(theirs):
            classes = theirs.classes(target).tolist()
        unknown = [label for label in classes if label not in ours]
        if not unknown and len(classes) != len(ours):
            raise ValueError(
                f"the source has {len(classes)} classes, the model {len(ours)}: {_ANOTHER}"
            )
    if unknown:
        raise ValueError(f"the source predicts {unknown[0]!r}, no class of the model: {_ANOTHER}")


def _check_floats(
    name: str, want: NDArray[Any], have: NDArray[Any], promise: _Promise
) -> OutputCheck:
    """Compare at the width of our output: float32 where the model's outputs are."""
    if want.dtype.kind not in "fiub":
        raise ValueError(f"the source predicts labels, the model numbers: {_ANOTHER}")
    width = have.dtype if have.dtype == np.float32 else np.dtype(np.float64)
    with np.errstate(over="ignore"):
        want = np.ascontiguousarray(want, dtype=width)
    have = np.ascontiguousarray(have, dtype=width)
    bits = f"i{width.itemsize}"
    equal = (want.view(bits) == have.view(bits)) | (np.isnan(want) & np.isnan(have))
    with np.errstate(invalid="ignore", over="ignore"):
        difference = np.abs(want.astype(np.float64) - have.astype(np.float64))
    difference = np.where(equal, 0.0, np.where(np.isnan(difference), np.inf, difference))
    ulp = np.where(equal, np.uint64(0), _ulps(want, have))
    within = ulp <= promise.ulps
    if promise.slack is not None:
        within = within | (difference <= promise.slack)
    if promise.near is not None:
        spacing = np.spacing(np.abs(promise.near).astype(width)).astype(np.float64)
        within = within | (difference <= promise.ulps * spacing)
    return OutputCheck(
        output=name,
        rows=len(want),
        equal_rows=int(equal.all(axis=1).sum()),
        largest_difference=float(difference.max(initial=0.0)),
        largest_ulp=int(ulp.max(initial=0)),
        first_difference=_first(equal | within, want, have) or _first(equal, want, have),
        bound=promise.text,
        ties=(),
        ok=bool((equal | within).all()),
    )


def _check_labels(
    name: str, want: NDArray[Any], have: NDArray[Any], close: NDArray[np.bool_] | None
) -> OutputCheck:
    equal = np.asarray(want == have, dtype=bool)
    wrong = ~equal.all(axis=1)
    ties = wrong & close if close is not None else np.zeros_like(wrong)
    return OutputCheck(
        output=name,
        rows=len(want),
        equal_rows=int((~wrong).sum()),
        largest_difference=float("nan"),
        largest_ulp=None,
        first_difference=(
            _first(equal | ties[:, np.newaxis], want, have) or _first(equal, want, have)
        ),
        bound="equal" if close is None else "equal but for ties",
        ties=tuple(np.flatnonzero(ties).tolist()),
        ok=not bool((wrong & ~ties).any()),
    )


def _first(
    equal: NDArray[np.bool_], want: NDArray[Any], have: NDArray[Any]
) -> tuple[int, Any, Any] | None:
    rows = np.flatnonzero(~equal.all(axis=1))
    if not len(rows):
        return None
    row = int(rows[0])
    theirs, ours = want[row].tolist(), have[row].tolist()
    return (row, theirs[0], ours[0]) if len(theirs) == 1 else (row, theirs, ours)


def _ulps(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.uint64]:
    """How many values of their width lie between; NaN against a number is the largest integer."""
    bits: Any = np.dtype(f"i{a.dtype.itemsize}")
    lowest = np.int64(np.iinfo(bits).min)

    def ordered(x: NDArray[Any]) -> NDArray[np.int64]:
        integers = x.view(bits).astype(np.int64)
        mapped: NDArray[np.int64] = np.where(integers < 0, lowest - integers, integers)
        return mapped

    x, y = ordered(a), ordered(b)
    # Up to 2**64 apart: the difference of the bit patterns, which wraps, is right as unsigned.
    distance = np.maximum(x, y).view(np.uint64) - np.minimum(x, y).view(np.uint64)
    return np.where(np.isnan(a) | np.isnan(b), np.iinfo(np.uint64).max, distance)


def _close_rows(
    theirs: Source,
    matrix: Any,
    number: int,
    target: dict[str, Any],
    want: NDArray[Any],
    have: NDArray[Any],
    slack: NDArray[np.float64] | None,
) -> NDArray[np.bool_]:
    """Rows where the scores that the source compares lie within the bound."""
    close = np.zeros(len(want), dtype=bool)
    rows = np.flatnonzero((want != have).any(axis=1))
    if not len(rows):
        return close
    part = matrix.iloc[rows] if hasattr(matrix, "iloc") else matrix[rows]
    with _asking(theirs):
        scores = np.asarray(theirs.class_scores(part, number))
    rule = target["prediction"]["rule"]
    if rule == "above" and want.shape[1] > 1:
        # A label a column, each compared on its own; labels that agree are as near as can be.
        if scores.shape != want[rows].shape:
            return close
        differ = want[rows] != have[rows]
        ours_at = np.where(differ, np.float64(target["prediction"]["at"]), scores)
    else:
        if rule == "inlier":
            codes = {-1: 0, 1: 1}
        else:
            codes = {label: code for code, label in enumerate(theirs.classes(number).tolist())}
        each = np.arange(len(rows))
        theirs_column = [codes[label] for label in want[rows, 0].tolist()]
        ours_column = [codes[label] for label in have[rows, 0].tolist()]
        ours_at = scores[each, ours_column][:, np.newaxis]
        scores = scores[each, theirs_column][:, np.newaxis]
    size = np.maximum(np.abs(scores), np.abs(ours_at))
    if rule == "inlier":
        with _asking(theirs):
            near = theirs.output("score", part)
        if near is not None:
            size = np.maximum(size, np.abs(_two_dimensional(near)))
    bound = 2 * _link_ulps(theirs) * np.spacing(size)
    if slack is not None:
        bound = np.maximum(bound, 2 * slack[rows].max(axis=1, keepdims=True))
    close[rows] = (np.abs(scores - ours_at) <= bound).all(axis=1)
    return close
