"""How the nodes of ai.onnx.ml's tree ensembles compare, as splits of a forest do.

Every mode becomes `x <= threshold`: LT compares with the number before, GT and GTE change sides.
EQ, NEQ and MEMBER become sets of numbers that go left, and so do comparisons that hold for none.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore.importers._forest import MISSING_LEFT
from fastscore.importers._onnx_ml_nodes import EQ, GT, GTE, LT, MEMBER, NEQ, Nodes


@dataclass(frozen=True, slots=True)
class Splits:
    """What each node compares: of leaves nothing."""

    feature: NDArray[np.int64]
    """A column of the input, or, past them, one of codes."""
    threshold: NDArray[np.float64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    flags: NDArray[np.uint8]
    members: dict[int, NDArray[Any]]
    """The numbers that go left, where a node has such a set."""


def _merged(nodes: Nodes) -> tuple[NDArray[np.int64], NDArray[np.bool_], dict[int, Any]]:
    """Make one node of each chain of EQ that has one true side: such are sets of categories.

    Returns the false sides, where NaN goes, and the members of the sets.
    """
    no, missing = nodes.no.copy(), nodes.missing.copy()
    members: dict[int, Any] = {}
    for node in np.flatnonzero((nodes.mode == EQ) | (nodes.mode == NEQ)).tolist():
        members[node] = [nodes.value[node]]
    for node, values in nodes.members.items():
        members[node] = values.tolist()
    chained = (nodes.mode == EQ) | (nodes.mode == MEMBER)
    chained[list(nodes.cut)] = False
    done = np.zeros(len(no), dtype=np.bool_)
    for first in np.flatnonzero(chained).tolist():
        if done[first]:
            continue
        # The last of the chain takes in nothing, the one before it the last, and so on.
        chain, seen = [first], {first}
        while True:
            at = chain[-1]
            after = int(no[at])
            if done[at] or after < 0 or not chained[after] or after in seen:
                break
            if nodes.feature[after] != nodes.feature[at] or nodes.yes[after] != nodes.yes[at]:
                break
            chain.append(after)
            seen.add(after)
        for at, after in zip(chain[-2::-1], chain[:0:-1], strict=True):
            members[at] = members[at] + members[after]
            no[at] = no[after]
            missing[at] |= missing[after]
        done[chain] = True
    return no, missing, {node: np.array(values) for node, values in members.items()}


def splits_of(nodes: Nodes, width: str) -> Splits:
    """Say of every node how it compares, and which side is the left one."""
    no, missing, members = _merged(nodes)
    mode = nodes.mode
    kind = np.dtype(width).type
    value = nodes.value.astype(kind)
    with np.errstate(over="ignore", under="ignore"):
        before = np.nextafter(value, kind(-np.inf))
    strict = (mode == LT) | (mode == GTE)
    threshold = np.where(strict, before, value).astype(np.float64)
    swapped = (mode == GT) | (mode == GTE) | (mode == NEQ)
    never = (mode < EQ) & (np.isnan(value) | (strict & (value == -np.inf)))
    # `x >= -inf` holds for every number, so it keeps its sides changed; nothing is above NaN.
    swapped &= ~(never & np.isnan(value))
    for node in np.flatnonzero(never).tolist():
        members[node] = np.zeros(0)
    threshold[list(members)] = 0.0
    left = np.where(swapped, no, nodes.yes)
    right = np.where(swapped, nodes.yes, no)
    goes_yes = missing | (mode == NEQ)
    flags = np.where(goes_yes != swapped, MISSING_LEFT, 0).astype(np.uint8)
    return Splits(nodes.feature.copy(), threshold, left, right, flags, members)
