"""scikit-learn's SplineTransformer: B-splines as polynomials, piece by piece.

Between two knots every spline is a polynomial. Its coefficients are rational numbers, found about
the nearer knot, where those that are 0 make the sum exact; they are looked up by the number of the
piece, and Horner's scheme adds them up. scikit-learn adds splines of lower degrees: both are within
1e-13 of the truth, splines being at most 1 between the outer knots.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore._errors import UnsupportedModelError
from fastscore.importers._builder import Builder
from fastscore.importers._flow import Frame, refuse_unknown, shown, value_of, whole
from fastscore.importers._text import Lookup, lookups, one_hot
from fastscore.importers._transform import transformer
from fastscore.importers._transform_scale import floats

Polynomial = list[Fraction]
"""Coefficients, the constant first."""


class Pieces:
    """The splines of one feature: edges between pieces, where each starts, its coefficients."""

    def __init__(self, spline: Any, extrapolation: str) -> None:
        knots = [Fraction(float(knot)) for knot in spline.t]
        degree = int(spline.k)
        weights = np.asarray(spline.c)
        first, last = degree, len(knots) - degree - 1
        self.low, self.high = float(knots[first]), float(knots[last])
        self.edges: list[float] = []
        self.origins: list[float] = []
        self.coefficients: list[list[Polynomial]] = []
        """Piece after piece, a polynomial a spline."""
        for interval in range(first, last):
            left, right = knots[interval], knots[interval + 1]
            if left == right:
                continue
            for origin in (left, right):
                self._append(_basis(knots, degree, interval, origin), interval, origin, weights)
            self.edges += [float((left + right) / 2), float(right)]
        self.edges.pop()
        if extrapolation in ("constant", "linear"):
            kept = 1 if extrapolation == "constant" else 2
            start = [each[:kept] for each in self.coefficients[0]]
            end = [each[:kept] for each in self.coefficients[-1]]
            self.edges = [self.low, *self.edges, self.high]
            self.origins = [self.origins[0], *self.origins, self.origins[-1]]
            self.coefficients = [start, *self.coefficients, end]

    def _append(
        self, basis: list[Polynomial], interval: int, origin: Fraction, weights: NDArray[Any]
    ) -> None:
        """Add a piece: `basis` are the splines that are not 0 in the interval."""
        count = weights.shape[1]
        found: list[Polynomial] = [[Fraction(0)] for _ in range(count)]
        for at, polynomial in enumerate(basis, interval - len(basis) + 1):
            for output in np.flatnonzero(weights[at]).tolist():
                found[output] = _sum(found[output], polynomial)
        self.origins.append(float(origin))
        self.coefficients.append(found)


def _basis(knots: list[Fraction], degree: int, interval: int, origin: Fraction) -> list[Polynomial]:
    """Return de Boor's splines in an interval, as polynomials of x - origin."""
    found: list[Polynomial] = [[Fraction(1)]]
    for p in range(1, degree + 1):
        wider: list[Polynomial] = [[Fraction(0)] for _ in range(p + 1)]
        for at, polynomial in enumerate(found):
            j = interval - p + 1 + at
            reach = knots[j + p] - knots[j]
            if reach == 0:
                continue
            rising = [(origin - knots[j]) / reach, 1 / reach]
            falling = [(knots[j + p] - origin) / reach, -1 / reach]
            wider[at] = _sum(wider[at], _product(polynomial, falling))
            wider[at + 1] = _sum(wider[at + 1], _product(polynomial, rising))
        found = wider
    return found


def _sum(a: Polynomial, b: Polynomial) -> Polynomial:
    short, long = sorted((a, b), key=len)
    return [each + (short[i] if i < len(short) else 0) for i, each in enumerate(long)]


def _product(a: Polynomial, b: Polynomial) -> Polynomial:
    out = [Fraction(0)] * (len(a) + len(b) - 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            out[i + j] += x * y
    return out


@transformer("SplineTransformer")
def spline(build: Builder, estimator: Any, frame: Frame) -> Frame:
    """SplineTransformer, with every extrapolation."""
    name = "SplineTransformer"
    if estimator.degree == 0:
        raise UnsupportedModelError(
            f"{name}: degree=0 is not supported; use a KBinsDiscretizer, or degree=1 and more"
        )
    if estimator.degree == 1 and estimator.extrapolation == "linear" and len(frame) > 1:
        # It raises its own degree while it goes through the features.
        raise UnsupportedModelError(
            f"{name}: with degree=1 and extrapolation='linear' scikit-learn takes other knots for "
            "all features but the first, which is not supported; use extrapolation='continue', "
            "which gives what is meant"
        )
    zeros = getattr(estimator, "handle_missing", "error") == "zeros"
    frame = floats(build, frame, name, missing=not zeros)
    for column, each in zip(frame.columns, estimator.bsplines_, strict=True):
        if each.t[each.k] == each.t[-each.k - 1]:
            raise UnsupportedModelError(
                f"{name}: {shown(build, column)} had a single value in training, so that its knots "
                "have nothing between them; drop the column"
            )
    features = [Pieces(each, estimator.extrapolation) for each in estimator.bsplines_]
    x = value_of(build, frame)
    if zeros and any(column.missing for column in frame.columns):
        x = build.link(x, "impute", values=[each.low for each in features], missing=None)
    if estimator.extrapolation == "periodic":
        x = _around(build, x, features)
    bins = build.bins(x, [each.edges for each in features])
    columns = whole(bins, len(features)).columns
    if estimator.extrapolation == "error":
        _refuse_outside(build, x, frame, features)
    origins = _table(build, columns, [[-each for each in own.origins] for own in features])
    distance = build.add({"op": "sum", "inputs": [x, origins]})
    outputs = [
        (feature, output)
        for feature, own in enumerate(features)
        for output in range(len(own.coefficients[0]))
    ]
    if not estimator.include_bias:
        counts = [len(own.coefficients[0]) for own in features]
        outputs = [(f, output) for f, output in outputs if output + 1 < counts[f]]
    each = build.columns(distance, [feature for feature, _ in outputs])
    readers = [columns[feature] for feature, _ in outputs]

    def coefficients(power: int) -> int:
        values = [
            [
                float(piece[output][power]) if power < len(piece[output]) else 0.0
                for piece in features[feature].coefficients
            ]
            for feature, output in outputs
        ]
        return _table(build, readers, values)

    y = coefficients(estimator.degree)
    for power in reversed(range(estimator.degree)):
        y = build.add({"op": "product", "inputs": [y, each]})
        y = build.add({"op": "sum", "inputs": [y, coefficients(power)]})
    if zeros and any(column.missing for column in frame.columns):
        holes = one_hot(build, [(frame.columns[feature], np.nan) for feature, _ in outputs])
        n = len(outputs)
        known = build.link(value_of(build, holes), "affine", scale=[-1.0] * n, shift=[1.0] * n)
        y = build.add({"op": "product", "inputs": [y, known]})
    out = whole(y, len(outputs), missing=False, sparse=bool(estimator.sparse_output))
    return out.approximate()


def _around(build: Builder, x: int, features: Sequence[Pieces]) -> int:
    """Return x less whole periods."""
    starts = [own.low for own in features]
    periods = [own.high - own.low for own in features]
    if not all(period > 0 for period in periods):
        raise UnsupportedModelError(
            "SplineTransformer: a periodic feature has a single value; drop it"
        )
    ahead = build.link(x, "standardize", shift=starts, scale=None)
    turns = build.link(
        build.link(ahead, "standardize", shift=None, scale=periods), "ufunc", function="floor"
    )
    # By one fused multiply-add, as what is left of a number of many periods is in its last bits.
    rest = build.linear(
        f"period{len(build.steps)}",
        np.hstack([np.eye(len(periods)), -np.diag(periods)]),
        np.zeros(len(periods)),
        value=build.add({"op": "concat", "inputs": [ahead, turns]}),
    )
    return build.link(rest, "standardize", shift=[-start for start in starts], scale=None)


def _table(build: Builder, columns: Sequence[Any], values: Sequence[Sequence[float]]) -> int:
    """Look the values up by the number of the piece."""
    return lookups(
        build,
        [
            Lookup(column, {float(i): each for i, each in enumerate(own)}, 0.0, 0.0)
            for column, own in zip(columns, values, strict=True)
        ],
    )


def _refuse_outside(build: Builder, x: int, frame: Frame, features: Sequence[Pieces]) -> None:
    """Refuse what is outside the outer knots, as the source does."""
    edges = [[own.low, float(np.nextafter(own.high, np.inf))] for own in features]
    inside = whole(build.bins(x, edges), len(features)).columns
    tables = [Lookup(column, {1.0: 0.0}, 0.0, np.nan) for column in inside]
    refuse_unknown(
        build, lookups(build, tables), range(len(features)), frame.columns, "SplineTransformer"
    )
