"""The nodes of ai.onnx.ml's three tree ensemble operators, in one form."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fastscore.importers._onnx_ml_attributes import Attributes

LEQ, LT, GTE, GT, EQ, NEQ, MEMBER, LEAF = range(8)
"""The modes, as TreeEnsemble numbers them; leaves are no mode of it."""

_MODES = {
    f"BRANCH_{name}": mode for mode, name in enumerate(("LEQ", "LT", "GTE", "GT", "EQ", "NEQ"))
} | {"LEAF": LEAF}

MOST_TARGETS = 1 << 18
"""As many columns as a model of ours may have."""


@dataclass(frozen=True, slots=True)
class Nodes:
    """The nodes of all trees, in the order of the file."""

    root: NDArray[np.int64]
    """Per tree, its first node."""
    mode: NDArray[np.int8]
    feature: NDArray[np.int64]
    value: NDArray[np.float64]
    yes: NDArray[np.int64]
    """Where a row goes for which the comparison holds; of leaves nothing."""
    no: NDArray[np.int64]
    missing: NDArray[np.bool_]
    """Whether NaN counts as if the comparison held."""
    number: NDArray[np.int64]
    """The node as the file numbers it in its tree."""
    targets: int
    leaf: NDArray[np.int64]
    """The leaves' weights: of which node, ..."""
    target: NDArray[np.int64]
    weight: NDArray[np.float64]
    members: dict[int, NDArray[np.float64]] = field(default_factory=dict)
    """The members of a node of the mode MEMBER."""
    cut: frozenset[int] = frozenset()
    """The nodes of that mode that cut a number to an integer before they look it up."""


def _wrong(bad: NDArray[np.bool_]) -> int | None:
    """Return the first place that is marked."""
    at = int(bad.argmax()) if len(bad) else 0
    return at if len(bad) and bad[at] else None


def of_lists(given: Attributes, *, classes: int | None) -> Nodes:
    """Read TreeEnsembleRegressor, or TreeEnsembleClassifier with so many classes."""
    tree = given.numbers("nodes_treeids", np.int64)
    count = len(tree)
    if not count:
        raise given.refuse("it has no nodes")
    number = given.numbers("nodes_nodeids", np.int64, length=count)
    names = given.texts("nodes_modes")
    if len(names) != count:
        raise given.refuse(f"nodes_modes has {len(names)} entries, where {count} are due")
    unknown = set(names) - _MODES.keys()
    if unknown:
        raise given.refuse(f"the mode {min(unknown)!r} of a node is not known")
    mode = np.array([_MODES[name] for name in names], dtype=np.int8)
    is_leaf = mode == LEAF
    runs = np.concatenate([[0], np.flatnonzero(tree[1:] != tree[:-1]) + 1])
    if len(np.unique(tree[runs])) < len(runs):
        raise given.refuse("the nodes of a tree do not stand together")
    find = _Finder(given, tree, number)
    yes, no = (
        np.where(
            is_leaf,
            -1,
            find(tree, given.numbers(f"nodes_{side}nodeids", np.int64, length=count), ~is_leaf),
        )
        for side in ("true", "false")
    )
    missing = given.numbers("nodes_missing_value_tracks_true", np.int64)
    if len(missing) not in (0, count):
        raise given.refuse(
            f"nodes_missing_value_tracks_true has {len(missing)} entries, where {count} are due"
        )
    kind = "target" if classes is None else "class"
    ids = given.numbers(f"{kind}_ids", np.int64)
    of_tree = given.numbers(f"{kind}_treeids", np.int64, length=len(ids))
    of_node = given.numbers(f"{kind}_nodeids", np.int64, length=len(ids))
    weight = given.reals(f"{kind}_weights", length=len(ids))
    leaf = find(of_tree, of_node, np.ones(len(ids), dtype=np.bool_))
    # Old converters give inner nodes weights, which ONNX Runtime leaves out, too.
    kept = is_leaf[leaf] if len(leaf) else np.zeros(0, dtype=np.bool_)
    return _checked(
        given,
        Nodes(
            root=runs.astype(np.int64),
            mode=mode,
            feature=given.numbers("nodes_featureids", np.int64, length=count),
            value=given.reals("nodes_values", length=count),
            yes=yes,
            no=no,
            missing=missing == 1 if len(missing) else np.zeros(count, dtype=np.bool_),
            number=number,
            targets=given.integer("n_targets", 0) if classes is None else classes,
            leaf=leaf[kept],
            target=ids[kept],
            weight=weight[kept],
        ),
    )


class _Finder:
    """Finds nodes by tree and number."""

    def __init__(
        self, given: Attributes, tree: NDArray[np.int64], number: NDArray[np.int64]
    ) -> None:
        self._given = given
        self._trees, place = np.unique(tree, return_inverse=True)
        bad = _wrong((number < 0) | (number >= 1 << 31))
        if bad is not None:
            raise given.refuse(f"nodes_nodeids has {number[bad]}, which is no number of a node")
        key = place * (1 << 31) + number
        self._order = np.argsort(key, kind="stable")
        self._key = key[self._order]
        twice = _wrong(self._key[1:] == self._key[:-1])
        if twice is not None:
            at = self._order[twice]
            raise given.refuse(f"node {number[at]} of tree {tree[at]} is there twice")

    def __call__(
        self, tree: NDArray[np.int64], number: NDArray[np.int64], due: NDArray[np.bool_]
    ) -> NDArray[np.int64]:
        """Return where the nodes stand; those that are due are refused where they don't."""
        place = np.minimum(np.searchsorted(self._trees, tree), len(self._trees) - 1)
        inside = (self._trees[place] == tree) & (number >= 0) & (number < 1 << 31)
        key = place * (1 << 31) + np.where(inside, number, 0)
        at = np.minimum(np.searchsorted(self._key, key), len(self._key) - 1)
        found = inside & (self._key[at] == key)
        bad = _wrong(due & ~found)
        if bad is not None:
            raise self._given.refuse(f"tree {tree[bad]} has no node {number[bad]}")
        return self._order[at].astype(np.int64)


def of_arrays(given: Attributes) -> Nodes:
    """Read TreeEnsemble, whose leaves are numbered apart: here they come after the inner nodes."""
    modes = given.numbers("nodes_modes", np.int64)
    count = len(modes)
    bad = _wrong((modes < 0) | (modes > MEMBER))
    if bad is not None:
        raise given.refuse(f"the mode {modes[bad]} of node {bad} is not known")
    weight = given.numbers("leaf_weights", np.float64)
    leaves = len(weight)
    if not count or not leaves:
        raise given.refuse("it has no nodes, or no leaves")
    sides = []
    for side in ("true", "false"):
        to = given.numbers(f"nodes_{side}nodeids", np.int64, length=count)
        at_leaf = given.numbers(f"nodes_{side}leafs", np.int64, length=count) != 0
        bad = _wrong((to < 0) | (to >= np.where(at_leaf, leaves, count)))
        if bad is not None:
            what = "leaf" if at_leaf[bad] else "node"
            raise given.refuse(f"there is no {what} {to[bad]}, to which node {bad} leads")
        sides.append(np.concatenate([np.where(at_leaf, to + count, to), np.full(leaves, -1)]))
    yes, no = sides
    root = given.numbers("tree_roots", np.int64)
    bad = _wrong((root < 0) | (root >= count))
    if bad is not None or not len(root):
        raise given.refuse("tree_roots names no node" if bad is None else f"no node {root[bad]}")
    # A tree of one leaf is a node both of whose sides are that leaf.
    single = (yes[root] == no[root]) & (yes[root] >= count)
    missing = given.numbers("nodes_missing_value_tracks_true", np.int64)
    if len(missing) not in (0, count):
        raise given.refuse(
            f"nodes_missing_value_tracks_true has {len(missing)} entries, where {count} are due"
        )
    tracks = missing == 1 if len(missing) else np.zeros(count, dtype=np.bool_)
    after = np.zeros(leaves)
    members = _members(given, modes)
    return _checked(
        given,
        Nodes(
            root=np.where(single, yes[root], root),
            mode=np.concatenate([modes, np.full(leaves, LEAF)]).astype(np.int8),
            feature=np.concatenate(
                [given.numbers("nodes_featureids", np.int64, length=count), after]
            ).astype(np.int64),
            value=np.concatenate([given.numbers("nodes_splits", np.float64, length=count), after]),
            yes=yes,
            no=no,
            missing=np.concatenate([tracks, np.zeros(leaves, dtype=np.bool_)]),
            number=np.concatenate([np.arange(count), np.arange(leaves)]),
            targets=given.integer("n_targets", 0),
            leaf=np.arange(count, count + leaves),
            target=given.numbers("leaf_targetids", np.int64, length=leaves),
            weight=weight,
            members=members,
            cut=_cut(given, members),
        ),
    )


def _members(given: Attributes, modes: NDArray[np.int64]) -> dict[int, NDArray[np.float64]]:
    """Return the members of each set, which are parted by NaN, in the order of the nodes."""
    values = given.numbers("membership_values", np.float64)
    ends = np.flatnonzero(np.isnan(values))
    found, start = {}, 0
    for at, node in enumerate(np.flatnonzero(modes == MEMBER).tolist()):
        if start >= len(values):
            raise given.refuse(f"membership_values has no members for node {node}")
        end = int(ends[at]) if at < len(ends) else len(values)
        found[node] = values[start:end]
        start = end + 1
    return found


def _cut(given: Attributes, members: dict[int, NDArray[np.float64]]) -> frozenset[int]:
    """Return the sets that ONNX Runtime looks up by integers: large ones, or of large members.

    Of the others it compares with each member.
    """
    least, most = np.iinfo(np.int32).min, np.iinfo(np.int32).max
    found = []
    for node, own in members.items():
        if not len(own):
            raise given.refuse(f"membership_values has no members for node {node}")
        if len(own) < 31 and own.max() <= 30 and own.min() >= 0:
            continue
        if ((own != np.trunc(own)) | (own <= least) | (own > most)).any():
            raise given.refuse(
                f"the members of node {node} are not all integers of 32 bits, which ONNX Runtime "
                "refuses in a set of more than 30, or of members below 0 or above 30"
            )
        found.append(node)
    return frozenset(found)


def _checked(given: Attributes, nodes: Nodes) -> Nodes:
    """Refuse what no row could be scored with."""
    if not 1 <= nodes.targets <= MOST_TARGETS:
        raise given.refuse(f"it has {nodes.targets} targets or classes, of {MOST_TARGETS} at most")
    bad = _wrong((nodes.target < 0) | (nodes.target >= nodes.targets))
    if bad is not None:
        raise given.refuse(
            f"a leaf's target or class is {nodes.target[bad]}, of {nodes.targets} that there are"
        )
    bare = _wrong((nodes.mode == LEAF) & (np.bincount(nodes.leaf, minlength=len(nodes.mode)) == 0))
    if bare is not None:
        raise given.refuse(f"leaf {nodes.number[bare]} has no weight")
    if len(nodes.leaf):
        own = np.lexsort((nodes.target, nodes.leaf))
        leaf, target = nodes.leaf[own], nodes.target[own]
        twice = _wrong((leaf[1:] == leaf[:-1]) & (target[1:] == target[:-1]))
        if twice is not None:
            raise given.refuse(
                f"leaf {nodes.number[leaf[twice]]} has two weights for target {target[twice]}; "
                "one is due"
            )
    return nodes
