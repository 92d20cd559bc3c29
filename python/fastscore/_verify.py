"""`Model.verify`: the source library against fastscore on the same rows, output by output."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore._containers import make_table
from fastscore._errors import MissingValueError, NonFiniteValueError
from fastscore._model import Model
from fastscore._sources import Source, asking, open_source, two_dimensional
from fastscore._tabulate import as_frame, as_matrix, replayable
from fastscore._verify_compare import (
    check_classes,
    check_floats,
    check_labels,
    check_shapes,
    close_rows,
)
from fastscore._verify_promise import (
    Promise,
    are_loose,
    is_exact,
    is_loose,
    near_of,
    shaken_promise,
    steps_behind,
)
from fastscore._verify_report import OutputCheck, VerifyReport
from fastscore._verify_shaken import Shaken


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
    with asking(theirs):
        slack = theirs.linear_bound(matrix) if are_loose(theirs, structure["steps"]) else None
    pairs: dict[str, tuple[list[NDArray[Any]], list[NDArray[Any]]]] = {}
    # Predictions last: labels can only be looked up where the number of classes is right.
    for output in sorted(ours, key=lambda output: output == "prediction"):
        with asking(theirs):
            want = theirs.output(output, matrix)
        if want is None:
            continue
        haves = _targets(ours[output], output, len(targets))
        wants = _targets(want, output, len(targets))
        check_shapes(output, wants, haves)
        pairs[output] = wants, haves
    margins = [part.shape[1] for part in pairs["margin"][0]] if "margin" in pairs else []
    shaken = Shaken(theirs, matrix, structure["steps"], is_exact, is_loose)
    checks: list[OutputCheck] = []
    for output in filter(pairs.__contains__, ours):
        wants, haves = pairs[output]
        for t, (theirs_t, ours_t) in enumerate(zip(wants, haves, strict=True)):
            target = targets[t] if output not in ("leaf", "transform") else None
            name = output if len(wants) == 1 else f"{output} {targets[t]['name'] or t}"
            network = _network_bound(theirs, structure, output, target, matrix)
            own = _own_bound(theirs, output, matrix, _own_columns(slack, margins, t))
            if target is None and output == "leaf":
                checks.append(check_labels(name, theirs_t, ours_t, None))
            elif target and output == "prediction" and target["classes"] is not None:
                if target["prediction"]["rule"] not in ("inlier", "cluster"):
                    check_classes(theirs, model, t, theirs_t)
                decides = steps_behind(structure, target["prediction"]["value"])
                with asking(theirs):
                    moved = network if network is not None else shaken.bound("margin", decides)
                reach = own if moved is None else moved
                close = close_rows(theirs, matrix, t, target, theirs_t, ours_t, reach)
                checks.append(check_labels(name, theirs_t, ours_t, close))
            else:
                if network is None:
                    steps = steps_behind(structure, _value(structure, output, target))
                    near = near_of(output, theirs_t, steps)
                    if output == "margin" and target and target.get("score") and "score" in pairs:
                        near = pairs["score"][0][t]
                    promise = shaken_promise(theirs, output, steps, own, near, shaken)
                else:
                    promise = Promise(getattr(theirs, "network_text", ""), slack=network)
                checks.append(check_floats(name, theirs_t, ours_t, promise))
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


def _value(structure: dict[str, Any], output: str, target: dict[str, Any] | None) -> int:
    """Return the number of the value that an output shows."""
    if target is None:
        return int(structure["transform"]["value"])
    return int(target["prediction"]["value"] if output == "prediction" else target[output])


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
    with asking(theirs):
        bound: NDArray[np.float64] = theirs.network_bound(_value(structure, output, target), matrix)
    return bound


def _own_bound(
    theirs: Source, output: str, matrix: Any, slack: NDArray[np.float64] | None
) -> NDArray[np.float64] | None:
    """Return the bound of an output: a transform has its own, others that of the margins."""
    if output != "transform" or not hasattr(theirs, "transform_bound"):
        return slack
    with asking(theirs):
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
        return [two_dimensional(part) for part in values]
    array = two_dimensional(values)
    several = n_targets > 1 and output not in ("leaf", "transform")
    if several and array.shape[1] == n_targets:
        return [array[:, [t]] for t in range(n_targets)]
    return [array]
