"""Two arrays of one output side by side: equal, within a bound, or a tie."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore._model import Model
from fastscore._sources import Source, asking, two_dimensional
from fastscore._verify_promise import Promise, link_ulps
from fastscore._verify_report import ANOTHER, OutputCheck, another_model


def check_shapes(output: str, wants: list[NDArray[Any]], haves: list[NDArray[Any]]) -> None:
    if len(wants) == len(haves):
        pairs = [(a.shape[1], b.shape[1]) for a, b in zip(wants, haves, strict=True)]
        theirs, ours = next((pair for pair in pairs if pair[0] != pair[1]), (0, 0))
    else:
        theirs, ours = (sum(part.shape[1] for part in parts) for parts in (wants, haves))
    if len(wants) != len(haves) or theirs != ours:
        raise another_model(f"{output} column", theirs, ours)


def check_classes(theirs: Source, model: Model, target: int, want: NDArray[Any]) -> None:
    known = model._classes[target]
    ours = set() if known is None else set(known.tolist())
    unknown = [label for label in dict.fromkeys(want.ravel().tolist()) if label not in ours]
    if not unknown:
        with asking(theirs):
            classes = theirs.classes(target).tolist()
        unknown = [label for label in classes if label not in ours]
        if not unknown and len(classes) != len(ours):
            raise ValueError(
                f"the source has {len(classes)} classes, the model {len(ours)}: {ANOTHER}"
            )
    if unknown:
        raise ValueError(f"the source predicts {unknown[0]!r}, no class of the model: {ANOTHER}")


def check_floats(
    name: str, want: NDArray[Any], have: NDArray[Any], promise: Promise
) -> OutputCheck:
    """Compare at the width of our output: float32 where the model's outputs are."""
    if want.dtype.kind not in "fiub":
        raise ValueError(f"the source predicts labels, the model numbers: {ANOTHER}")
    width = have.dtype if have.dtype == np.float32 else np.dtype(np.float64)
    with np.errstate(over="ignore"):
        want = np.ascontiguousarray(want, dtype=width)
    have = np.ascontiguousarray(have, dtype=width)
    bits = f"i{width.itemsize}"
    equal = (want.view(bits) == have.view(bits)) | (np.isnan(want) & np.isnan(have))
    with np.errstate(invalid="ignore", over="ignore"):
        difference = np.abs(want.astype(np.float64) - have.astype(np.float64))
    difference = np.where(equal, 0.0, np.where(np.isnan(difference), np.inf, difference))
    ulp = np.where(equal, np.uint64(0), ulps_between(want, have))
    # What each allows is enough: the share that is used of the one that allows most.
    share = _share(ulp, promise.ulps)
    if promise.slack is not None:
        share = np.minimum(share, _share(difference, promise.slack))
    if promise.near is not None:
        spacing = np.spacing(np.abs(promise.near).astype(width)).astype(np.float64)
        share = np.minimum(share, _share(difference, promise.ulps * spacing))
    within = share <= 1
    return OutputCheck(
        output=name,
        rows=len(want),
        equal_rows=int(equal.all(axis=1).sum()),
        largest_difference=float(difference.max(initial=0.0)),
        largest_ulp=int(ulp.max(initial=0)),
        largest_share=float(share.max(initial=0.0)),
        first_difference=_first(equal | within, want, have) or _first(equal, want, have),
        bound=promise.text,
        ties=(),
        ok=bool((equal | within).all()),
    )


def _share(difference: NDArray[Any], allowed: Any) -> NDArray[np.float64]:
    """Return differences as parts of what is allowed: more than 1 exactly where they are more."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        share: NDArray[np.float64] = np.true_divide(difference, allowed, dtype=np.float64)
    share = np.where(difference == 0, 0.0, np.where(np.isnan(share), np.inf, share))
    beyond = np.maximum(share, np.nextafter(1.0, 2.0))
    return np.where(difference <= allowed, np.minimum(share, 1.0), beyond)


def check_labels(
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
        largest_share=float("nan"),
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


def ulps_between(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.uint64]:
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


def close_rows(
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
    with asking(theirs):
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
        with asking(theirs):
            near = theirs.output("score", part)
        if near is not None:
            size = np.maximum(size, np.abs(two_dimensional(near)))
    bound = 2 * link_ulps(theirs) * np.spacing(size)
    if slack is not None:
        bound = np.maximum(bound, 2 * slack[rows].max(axis=1, keepdims=True))
    close[rows] = (np.abs(scores - ours_at) <= bound).all(axis=1)
    return close
