"""Steps of estimators that skl2onnx spells out in many nodes, as the one step that they are.

A weighted median (AdaBoostRegressor) sorts, and a QuantileTransformer searches, step by step: what
a graph does there element by element is known as a whole. The nodes are compared one by one; what
differs in any of them stays as it is.
"""

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastscore.importers._flow import exact
from fastscore.importers._onnx_graph import OWN_DOMAIN, Graph, Node
from fastscore.importers._onnx_match import ML, Matcher, NoMatchError, require
from fastscore.importers._onnx_registry import operator, refuse

if TYPE_CHECKING:
    from fastscore.importers._onnx_translation import Translation


def recognised(graph: Graph) -> Graph:
    """Return the graph with one node for each of the known sets of nodes."""
    last = {op for op, _ in _PATTERNS}
    if not any(node.op in last for node in graph.nodes):
        return graph
    matcher = Matcher(graph)
    nodes = []
    for node in graph.nodes:
        found = node
        for op, pattern in _PATTERNS:
            if node.op != op or node.domain or not node.outputs:
                continue
            try:
                found = pattern(matcher, node)
            except NoMatchError:
                continue
        nodes.append(found)
    return replace(graph, nodes=tuple(nodes))


def _stand_in(node: Node, op: str, x: str, **attributes: Any) -> Node:
    return replace(node, op=op, domain=OWN_DOMAIN, inputs=(x,), attributes=attributes)


# The first value up to which the weights sum to half of their sum.


def _median(m: Matcher, node: Node) -> Node:
    """AdaBoostRegressor: of all estimators' numbers, sorted, the one where half is reached."""
    labels, estimators = m.two(node.outputs[0], "GatherElements", axis=1)
    order, place = m.two(estimators, "GatherElements", axis=1)
    below = m.one(place, "ArgMin", axis=1, keepdims=1, select_last_index=0)
    less = m.one(below, "Cast", to=1)
    sums, half = m.two(less, "Less")
    total, factor = m.two(half, "Mul")
    m.number(factor, 0.5)
    all_of, last = m.two(total, "ArrayFeatureExtractor", domain=ML)
    require(all_of == sums)
    shaped, axis = m.two(sums, "CumSum", exclusive=0, reverse=0)
    m.number(axis, 1)
    weights_of, shape = m.two(shaped, "Reshape")
    weights_name, by = m.two(weights_of, "ArrayFeatureExtractor", domain=ML)
    require(by == order)
    weights = m.constant(weights_name)
    count = weights.size
    require(weights.ndim == 1 and weights.dtype == np.float32 and count > 0)
    m.number(last, count - 1)
    require(m.constant(shape).tolist() == [-1, count])
    negated, k = m.two(order, "TopK", output=1, axis=-1, largest=1, sorted=1)
    m.number(k, count)
    numbers, minus = m.two(negated, "Mul")
    m.number(minus, -1)
    require(numbers == labels)
    return _stand_in(node, "WeightedMedian", labels, weights=weights)


@operator("WeightedMedian", domain=OWN_DOMAIN)
def weighted_median(translation: "Translation", node: Node) -> None:
    """Translate it: the weights are summed up at float32, in the order of the numbers."""
    found = translation.columns(node, 0)
    weights = _array(node, "weights")
    total = float(np.cumsum(weights, dtype=np.float64)[-1])
    if found.shape != (len(weights),) or found.elem_type != "float32":
        refuse(node, f"it has {len(weights)} weights for columns of the shape {found.shape}")
    if not np.isfinite(weights).all() or (weights < 0).any() or not 0 < total < 1e38:
        refuse(node, "its weights are not finite and positive")
    value = translation.build.link(
        found.value(translation.build),
        "weighted_median",
        width="float32",
        weights=weights.astype(np.float64).tolist(),
    )
    translation.set(node, translation.made(value, (1,), found, near=False))


# Straight lines between quantiles.


def _quantile(m: Matcher, node: Node) -> Node:
    """QuantileTransformer: the mean of what lines rise to and fall to, exact at both ends."""
    chosen, shape = m.two(node.outputs[0], "Reshape")
    at_high, one, rest = m.three(chosen, "Where")
    m.number(one, 1)
    at_low, zero, mean = m.three(rest, "Where")
    same, nothing = m.two(zero, "Mul")
    m.number(nothing, 0)
    require(same == mean)
    difference, half = m.two(mean, "Mul")
    m.number(half, 0.5)
    x, up_points, up_values = _lines(m, m.two(difference, "Sub")[0])
    negative, down_points, down_values = _lines(m, m.two(difference, "Sub")[1])
    require(m.one(negative, "Neg") == x and m.one(shape, "Shape") == x)
    lows, highs = (_equal_to(m, x, own) for own in (at_low, at_high))
    known, plain, other = m.three(x, "Where")
    require(plain == other and m.one(m.one(known, "Not"), "IsNaN") == plain)
    require(lows.shape == highs.shape == (len(up_points),) and len(down_points) == len(up_points))
    return _stand_in(
        node,
        "Quantiles",
        plain,
        up_points=up_points,
        up_values=up_values,
        down_points=down_points,
        down_values=down_values,
        lows=lows,
        highs=highs,
    )


def _equal_to(m: Matcher, x: str, name: str) -> NDArray[Any]:
    compared, numbers = m.two(m.one(name, "Flatten", axis=0), "Equal")
    require(compared == x)
    return m.constant(numbers)


def _lines(m: Matcher, name: str) -> tuple[str, NDArray[Any], NDArray[Any]]:
    """Return what lines are drawn over, and their points, a row for each column."""
    above, high_value, inside = m.three(name, "Where")
    flat, high = m.two(above, "GreaterOrEqual")
    below, low_value, between = m.three(inside, "Where")
    compared, low = m.two(below, "LessOrEqual")
    points, at = m.two(low, "Gather", axis=0)
    values, _ = m.two(low_value, "Gather", axis=0)
    _, after = m.two(high, "Gather", axis=0)
    before, one = m.two(after, "Add")
    m.number(one, 1)
    require(compared == flat and before == at)
    require(m.two(high, "Gather", axis=0) == (points, after))
    require(m.two(low_value, "Gather", axis=0) == (values, at))
    require(m.two(high_value, "Gather", axis=0) == (values, after))
    # low value + slope (x - low)
    start, rise = m.two(between, "Add")
    slope, away = m.two(rise, "Mul")
    require(start == low_value and m.two(away, "Sub") == (flat, low))
    flat_line, zero, ratio = m.three(slope, "Where")
    m.number(zero, 0)
    rises, runs = m.two(ratio, "Div")
    require(m.two(rises, "Sub") == (high_value, low_value))
    require(m.two(runs, "Sub") == (high, low))
    not_above, not_known = m.two(flat_line, "Or")
    run, zero = m.two(not_above, "LessOrEqual")
    m.number(zero, 0)
    require(run == runs and m.one(not_known, "IsNaN") == ratio)
    x = m.one(flat, "Flatten", axis=0)
    columns = _search(m, x, flat, points, at)
    require(m.constant(points).size == m.constant(values).size)
    split = [m.constant(own).reshape(columns, -1) for own in (points, values)]
    require(bool((np.diff(split[0]) >= 0).all()))
    return x, split[0], split[1]


def _search(m: Matcher, x: str, flat: str, points: str, at: str) -> int:
    """Have it be a search by halves for the last point not above; returns how many columns."""
    steps: list[str] = []
    while True:
        try:
            reached, there, before = m.three(at, "Where")
        except NoMatchError:
            break
        compared, point = m.two(reached, "GreaterOrEqual")
        require(compared == flat and m.two(point, "Gather", axis=0) == (points, there))
        base, step = m.two(there, "Add")
        require(base == before)
        steps.append(step)
        at = before
    steps.reverse()
    nought, starts = m.two(m.one(at, "Flatten", axis=0), "Add")
    cast, zero = m.two(nought, "Mul")
    require(m.one(cast, "Cast", to=7) == x)
    m.number(zero, 0)
    bases = m.constant(starts).ravel()
    require(len(steps) > 0 and len(bases) > 0)
    size = m.constant(points).size // len(bases)
    nought, half = m.two(m.one(steps[0], "Flatten", axis=1), "Add")
    again, zero = m.two(nought, "Mul")
    m.number(zero, 0)
    m.number(half, 1 << (len(steps) - 1))
    require(again == at and size == (1 << len(steps)) + 1)
    for step, after in itertools.pairwise(steps):
        whole, by = m.two(m.one(after, "Cast", to=7), "Div")
        m.number(by, 2)
        require(whole == step)
    require(bases.tolist() == [column * size for column in range(len(bases))])
    require(m.constant(points).size == size * len(bases))
    return len(bases)


@operator("Quantiles", domain=OWN_DOMAIN)
def quantiles(translation: "Translation", node: Node) -> None:
    """Translate it: at float64, rounded once, within some last bits of ONNX Runtime's."""
    build = translation.build
    found = translation.columns(node, 0)
    names = ("up_points", "up_values", "down_points", "down_values", "lows", "highs")
    arrays = [_array(node, name).astype(np.float64) for name in names]
    up_points, up_values, down_points, down_values, lows, highs = arrays
    if found.shape != (len(up_points),) or not all(np.isfinite(own).all() for own in arrays):
        refuse(node, f"it has points for {len(up_points)} columns, not for {found.shape}")
    for points, values in ((up_points, up_values), (down_points, down_values)):
        _slopes(node, points.astype(found.width), values.astype(found.width))
    repeated = any((np.diff(_inner(own)) == 0).any() for own in (up_points, down_points))
    if repeated or (lows == highs).any():
        # It jumps at points that are there twice.
        exact(build, found.frame, node.label, "transform the column itself")
    x = found.value(build)
    up = build.interpolate(x, up_points, up_values)
    down = build.interpolate(build.link(x, "ufunc", function="negative"), down_points, down_values)
    value = build.link(build.combine("difference", up, down), "multiply", by=0.5)
    if found.elem_type == "float32":
        value = build.link(value, "round_to_float32")
    low, high = (_hits(translation, x, own) for own in (lows, highs))
    count = len(lows)
    above = build.link(low, "affine", scale=[-1.0] * count, shift=[1.0] * count)
    value = build.combine("maximum", build.combine("minimum", value, above), high)
    translation.set(node, translation.made(value, found.shape, found, near=True))


def _inner(points: NDArray[Any]) -> NDArray[Any]:
    """Return the points without those by which the first is repeated to fill up the table."""
    padding = len(points[0]) - 1 - max(int((row > row[0]).sum()) for row in points)
    return points[:, padding:]


def _slopes(node: Node, points: NDArray[Any], values: NDArray[Any]) -> None:
    """Refuse lines so steep or so long that they overflow at this width."""
    runs = np.diff(points)
    slopes = np.diff(values)[runs > 0] / runs[runs > 0]
    if not (np.isfinite(runs).all() and np.isfinite(slopes).all()):
        refuse(node, "its points are too near to each other, or too far away, for their type")


def _hits(translation: "Translation", x: int, numbers: NDArray[Any]) -> int:
    """Return for each column 1 where it is this number, else 0."""
    build = translation.build
    prefix = f"hits{len(build.steps)}"
    build.tensor(f"{prefix}.feature", range(len(numbers)), np.int32)
    build.tensor(f"{prefix}.value", numbers, np.float64)
    return build.add({"op": "one_hot", "input": x, "tensors": prefix})


def _array(node: Node, name: str) -> NDArray[Any]:
    found = node.attributes.get(name)
    if not isinstance(found, np.ndarray) or found.dtype.kind != "f" or not found.size:
        refuse(node, f"its {name} are missing")
    return found


_PATTERNS: list[tuple[str, Callable[[Matcher, Node], Node]]] = [
    ("GatherElements", _median),
    ("Reshape", _quantile),
]
