"""Nodes of ai.onnx.ml's tree ensembles -> a forest step.

The numbers that nodes compare a feature with, where these are sets, are its categories, which a map
looks up.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore.importers._builder import Builder
from fastscore.importers._flow import Frame, value_of, whole
from fastscore.importers._forest import Forest, Tree
from fastscore.importers._onnx_ml import unrounded
from fastscore.importers._onnx_ml_attributes import Attributes
from fastscore.importers._onnx_ml_nodes import LEAF, Nodes
from fastscore.importers._onnx_ml_splits import Splits, splits_of
from fastscore.importers._text import Lookup, lookups


def _instances(
    given: Attributes, nodes: Nodes, splits: Splits
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the nodes that the roots lead to, level by level, and the trees that they are in.

    A node that several lead to comes several times. The two sides of the n-th split stand at
    `trees + 2 n` and the place after it.
    """
    most = 2 * len(nodes.mode) + 1024
    node, tree = nodes.root, np.arange(len(nodes.root), dtype=np.int64)
    levels, total = [(node, tree)], len(node)
    while True:
        inner = nodes.mode[node] != LEAF
        if not inner.any():
            break
        node, tree = node[inner], np.repeat(tree[inner], 2)
        node = np.column_stack([splits.left[node], splits.right[node]]).ravel()
        total += len(node)
        if total > most:
            often = nodes.number[np.bincount(node).argmax()]
            raise given.refuse(
                f"node {often} of a tree is reached again and again: the nodes form a cycle, or "
                "too many share their sides"
            )
        levels.append((node, tree))
    return np.concatenate([each for each, _ in levels]), np.concatenate([of for _, of in levels])


def _trees(given: Attributes, nodes: Nodes, splits: Splits) -> list[tuple[Tree, NDArray[Any]]]:
    """Return the trees, each with the nodes that its leaves are."""
    count = len(nodes.root)
    node, tree = _instances(given, nodes, splits)
    order = np.argsort(tree, kind="stable")
    inner = nodes.mode[node] != LEAF
    # Per instance where it stands among the splits, or the leaves, of its tree.
    in_order = inner[order]
    sizes = np.bincount(tree, minlength=count)
    split_counts = np.bincount(tree[inner], minlength=count)
    leaf_counts = sizes - split_counts
    starts = np.cumsum(split_counts) - split_counts
    leaf_starts = np.cumsum(leaf_counts) - leaf_counts
    own = np.empty(len(node), dtype=np.int64)
    of = tree[order]
    own[order] = np.where(
        in_order,
        np.cumsum(in_order) - 1 - starts[of],
        -1 - (np.cumsum(~in_order) - 1 - leaf_starts[of]),
    )
    sides = own[count:].reshape(-1, 2)
    by_tree = np.argsort(tree[inner], kind="stable")
    split_node, sides = node[inner][by_tree], sides[by_tree]
    leaf_node = node[order][~in_order]
    sets = (
        {
            at: splits.members[split]
            for at, split in enumerate(split_node.tolist())
            if split in splits.members
        }
        if splits.members
        else {}
    )
    found = []
    for at in range(count):
        here = slice(starts[at], starts[at] + split_counts[at])
        leaves = leaf_node[leaf_starts[at] : leaf_starts[at] + leaf_counts[at]]
        which = split_node[here]
        tree_sets = (
            {
                place: _words(sets[int(starts[at]) + place])
                for place in range(len(which))
                if int(starts[at]) + place in sets
            }
            if sets
            else {}
        )
        found.append(
            (
                Tree(
                    splits.feature[which].astype(np.int32),
                    splits.threshold[which],
                    sides[here, 0].astype(np.int32),
                    sides[here, 1].astype(np.int32),
                    splits.flags[which],
                    nodes.number[leaves].astype(np.int32),
                    tree_sets,
                ),
                leaves,
            )
        )
    return found


def _words(codes: NDArray[Any]) -> NDArray[np.uint32]:
    """Return a set of codes as words of bits."""
    words = np.zeros(int(codes.max(initial=-1)) // 32 + 1, dtype=np.uint32)
    np.bitwise_or.at(words, codes // 32, np.uint32(1) << (codes % 32).astype(np.uint32))
    return words


def _coded(
    build: Builder, frame: Frame, nodes: Nodes, splits: Splits, width: str
) -> tuple[int, Splits]:
    """Append codes of the numbers that features are compared with; returns the forest's input.

    A forest rounds what it compares to its width, a map does not.
    """
    plain = unrounded(build, frame) if width == "float32" else frame
    if not splits.members:
        return value_of(build, plain), splits
    compared: dict[tuple[int, bool], dict[int, NDArray[np.float64]]] = {}
    for node, values in splits.members.items():
        own = values[~np.isnan(values)].astype(width).astype(np.float64) + 0.0
        compared.setdefault((int(nodes.feature[node]), node in nodes.cut), {})[node] = own
    tables, feature, members = [], splits.feature.copy(), {}
    for at, ((which, cut), sets) in enumerate(sorted(compared.items())):
        keys = np.unique(np.concatenate(list(sets.values())))
        codes = {key: float(code) for code, key in enumerate(keys.tolist())}
        column = frame.columns[which]
        if cut:
            own_value = value_of(build, Frame((column,)))
            column = whole(build.link(own_value, "ufunc", function="trunc"), 1).columns[0]
        tables.append(Lookup(column, codes, np.nan, -1.0))
        for node, own in sets.items():
            members[node] = np.searchsorted(keys, own).astype(np.int64)
            feature[node] = len(frame) + at
    codes_of = whole(lookups(build, tables), len(tables))
    every = value_of(build, Frame((*plain.columns, *codes_of.columns)))
    return every, Splits(
        feature, splits.threshold, splits.left, splits.right, splits.flags, members
    )


def _single(nodes: Nodes, trees: list[tuple[Tree, NDArray[Any]]]) -> list[int] | None:
    """Return the target of each tree; None where a tree has several."""
    if nodes.targets == 1:
        return [0] * len(trees)
    own = np.full(len(nodes.mode), -1, dtype=np.int64)
    own[nodes.leaf] = nodes.target
    own[np.bincount(nodes.leaf, minlength=len(own)) > 1] = -1
    found = []
    for _, leaves in trees:
        targets = own[leaves]
        if targets[0] < 0 or (targets != targets[0]).any():
            return None
        found.append(int(targets[0]))
    return found


@dataclass(frozen=True, slots=True)
class Sums:
    """The step, and what the outputs of a row are known to have."""

    value: int
    scored: tuple[str, ...]
    """Per target whether rows get a weight for it: `always`, `never` or `sometimes`."""


def forest(
    build: Builder,
    given: Attributes,
    nodes: Nodes,
    frame: Frame,
    width: str,
    *,
    apart: bool = False,
) -> Sums:
    """Append the forest, which adds up the leaves' weights at this width, the input's, from 0.

    `apart`: every tree has an output of its own, target after target.
    """
    read = nodes.feature[nodes.mode != LEAF]
    beyond = read[(read < 0) | (read >= len(frame))]
    if len(beyond):
        raise given.refuse(f"a node reads feature {beyond[0]}, of {len(frame)} that the input has")
    splits = splits_of(nodes, width)
    value, splits = _coded(build, frame, nodes, splits, width)
    trees = _trees(given, nodes, splits)
    weights = nodes.weight.astype(width).astype(np.float64)
    scored = _scored(nodes, trees)
    targets = _single(nodes, trees)
    if apart:
        return _apart(build, given, nodes, trees, weights, scored, value, width)
    if targets is None:
        if sum(len(tree.leaf) for tree, _ in trees) * nodes.targets > 64 * len(weights) + (1 << 22):
            raise given.refuse(
                f"its leaves have weights for few of the {nodes.targets} targets, which would take "
                "too much memory"
            )
        made = Forest(nodes.targets, nodes.targets)
        row = np.cumsum(nodes.mode == LEAF) - 1
        every = np.zeros((int(row[-1]) + 1, nodes.targets))
        every[row[nodes.leaf], nodes.target] = weights
        for tree, leaves in trees:
            made.add(tree, every[row[leaves]])
    else:
        made = Forest(nodes.targets, 1)
        single = np.zeros(len(nodes.mode))
        single[nodes.leaf] = weights
        for (tree, leaves), target in zip(trees, targets, strict=True):
            made.add(tree, single[leaves], target)
    found = made.step(build, value=value, width=width, sum_width=width)
    return Sums(found, scored)


def _scored(nodes: Nodes, trees: list[tuple[Tree, NDArray[Any]]]) -> tuple[str, ...]:
    if nodes.targets == 1:
        return ("always",)
    reached = np.zeros(len(nodes.mode), dtype=np.bool_)
    for _, leaves in trees:
        reached[leaves] = True
    found = ["never"] * nodes.targets
    per_target = np.argsort(nodes.target, kind="stable")
    bounds = np.searchsorted(nodes.target[per_target], np.arange(nodes.targets + 1))
    for target in range(nodes.targets):
        own = nodes.leaf[per_target[bounds[target] : bounds[target + 1]]]
        if not reached[own].any():
            continue
        has = np.zeros(len(nodes.mode), dtype=np.bool_)
        has[own] = True
        everywhere = any(has[leaves].all() for _, leaves in trees)
        found[target] = "always" if everywhere else "sometimes"
    return tuple(found)


def _apart(
    build: Builder,
    given: Attributes,
    nodes: Nodes,
    trees: list[tuple[Tree, NDArray[Any]]],
    weights: NDArray[np.float64],
    scored: tuple[str, ...],
    value: int,
    width: str,
) -> Sums:
    for target, how in enumerate(scored):
        if how == "never":
            raise given.refuse(f"no leaf has a weight for target {target}")
    made = Forest(nodes.targets * len(trees), 1)
    for target in range(nodes.targets):
        own = np.full(len(nodes.mode), np.nan)
        chosen = nodes.target == target
        own[nodes.leaf[chosen]] = weights[chosen]
        for at, (tree, leaves) in enumerate(trees):
            if np.isnan(own[leaves]).any():
                raise given.refuse(
                    f"tree {at} has leaves without a weight for target {target}, of which the "
                    "smallest or largest can't be found"
                )
            made.add(tree, own[leaves], target * len(trees) + at)
    found = made.step(build, value=value, width=width, sum_width=width)
    return Sums(found, scored)
