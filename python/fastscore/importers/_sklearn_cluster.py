"""scikit-learn's k-means: the nearest centre, or the way down a tree of pairs of centres."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore import _core
from fastscore._options import Options, labels
from fastscore.importers._builder import Builder
from fastscore.importers._forest import Forest, Tree
from fastscore.importers._sklearn_common import FINITE, builder, check, finish, give


def import_kmeans(estimator: Any, options: Options) -> _core.Model:
    """KMeans, MiniBatchKMeans, BisectingKMeans.

    The margin is minus the squared distance to each centre, the transform the distance.
    """
    check(estimator, options, "cluster_centers_")
    build = builder(estimator)
    centers = np.asarray(estimator.cluster_centers_, dtype=np.float64)
    margin = value = build.distances("nearest", centers, weights=-1.0)
    if type(estimator).__name__ == "BisectingKMeans":
        value = _descent(build, estimator, len(centers))
    build.target(
        margin=margin,
        rule="cluster",
        value=value,
        labels=labels(np.arange(len(centers), dtype=np.int32), type(estimator).__name__),
    )
    squares = build.distances("distances", centers)
    give(build, estimator, build.link(squares, "ufunc", function="sqrt"))
    return finish(build, estimator, FINITE)


def _descent(build: Builder, estimator: Any, count: int) -> int:
    """Append which leaf of the tree of clusters a row ends in, as one column a cluster.

    A split goes left where the left centre is no further: `|l|^2 - |r|^2 <= 2 x (l - r)`.
    """
    mean = np.asarray(getattr(estimator, "_X_mean", 0.0), dtype=np.float64)
    left: list[int] = []
    right: list[int] = []
    leaves: list[int] = []
    rows: list[NDArray[np.float64]] = []
    shifts: list[float] = []
    open_nodes: list[tuple[Any, list[int] | None, int]] = [(estimator._bisecting_tree, None, 0)]
    while open_nodes:
        node, side, at = open_nodes.pop()
        if node.left is None:
            leaves.append(int(node.label))
            number = -len(leaves)
        else:
            number = len(rows)
            one, other = (np.asarray(child.center) + mean for child in (node.left, node.right))
            rows.append(2.0 * (other - one))
            shifts.append(float(one @ one - other @ other))
            left.append(0)
            right.append(0)
            open_nodes += [(node.right, right, number), (node.left, left, number)]
        if side is not None:
            side[at] = number
    tree = Tree(
        feature=np.arange(len(rows), dtype=np.int32),
        threshold=np.zeros(len(rows)),
        left=np.asarray(left, dtype=np.int32),
        right=np.asarray(right, dtype=np.int32),
        flags=np.zeros(len(rows), dtype=np.uint8),
        leaf=np.arange(len(leaves), dtype=np.int32),
    )
    forest = Forest(count, 1)
    forest.add(tree, np.asarray(leaves, dtype=np.float64))
    sides = build.linear("sides", np.array(rows), shifts) if rows else 0
    return forest.step(build, op="leaf_indicator", value=sides)
