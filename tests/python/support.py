"""What the tests share: awkward data, exact comparison."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

FLOAT32_MAX = float(np.finfo(np.float32).max)
TINY = (0.0, -0.0, 5e-324, -5e-324, 1e-310, 1e-45, -1e-45, 1e-36, -1e-36, 1e-35)


def same_bits(ours, theirs) -> None:
    """Equal shape, dtype and bits (any NaN equals any NaN)."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape
    if theirs.dtype.kind == "f":
        assert ours.dtype == theirs.dtype
        bits = f"i{theirs.dtype.itemsize}"
        equal = np.ascontiguousarray(ours).view(bits) == np.ascontiguousarray(theirs).view(bits)
        equal |= np.isnan(ours) & np.isnan(theirs)
        if not equal.all():
            at = tuple(index[0] for index in np.nonzero(~equal))
            raise AssertionError(
                f"{(~equal).sum()} values differ, first {at}: {ours[at]!r} {theirs[at]!r}"
            )
    else:
        np.testing.assert_array_equal(ours, theirs)


def ulps(a, b) -> np.ndarray:
    """How many floats of b's width lie between; NaN against a number is the largest integer."""
    b = np.ascontiguousarray(b)
    a = np.ascontiguousarray(a, dtype=b.dtype)
    signed, unsigned = (np.dtype(f"{kind}{b.dtype.itemsize}") for kind in "iu")

    def ordered(x):
        bits = x.view(signed)
        return np.where(bits < 0, np.iinfo(signed).min - bits, bits)

    x, y = ordered(a), ordered(b)
    # The difference of the bit patterns, which wraps, is right as unsigned.
    gap = np.maximum(x, y).view(unsigned) - np.minimum(x, y).view(unsigned)
    gap[np.isnan(a) != np.isnan(b)] = np.iinfo(unsigned).max
    gap[np.isnan(a) & np.isnan(b)] = 0
    return gap


def around(thresholds: np.ndarray) -> np.ndarray:
    """Thresholds and their nearest neighbours, as float64 and as float32."""
    thresholds = np.asarray(thresholds, dtype=float)
    with np.errstate(over="ignore", under="ignore"):
        narrow = thresholds.astype(np.float32)
        parts = [
            thresholds,
            np.nextafter(thresholds, np.inf),
            np.nextafter(thresholds, -np.inf),
            narrow.astype(float),
            np.nextafter(narrow, np.float32(np.inf)).astype(float),
            np.nextafter(narrow, np.float32(-np.inf)).astype(float),
        ]
    return np.unique(np.concatenate(parts))


def awkward_rows(x, splits, rng, n_rows, extra=()) -> np.ndarray:
    """Rows of the data, of the model's thresholds and their neighbours, of tiny and given values.

    `splits` is a list of (feature, threshold).
    """
    rows = x[rng.integers(0, len(x), n_rows)].astype(float)
    for feature in range(x.shape[1]):
        own = np.array([t for f, t in splits if f == feature and np.isfinite(t)])
        pool = np.concatenate([around(own), np.array([*TINY, *extra], dtype=float)])
        chosen = rng.random(n_rows) < 0.6
        rows[chosen, feature] = rng.choice(pool, chosen.sum())
    return rows


def sklearn_splits(estimator) -> list:
    trees = getattr(estimator, "estimators_", [estimator])
    found = []
    for tree in trees:
        inner = tree.tree_.feature >= 0
        found += zip(
            tree.tree_.feature[inner].tolist(), tree.tree_.threshold[inner].tolist(), strict=True
        )
    return found


def lightgbm_splits(booster) -> list:
    found = []

    def walk(node) -> None:
        if "split_feature" in node:
            if node["decision_type"] == "<=":
                found.append((node["split_feature"], node["threshold"]))
            walk(node["left_child"])
            walk(node["right_child"])

    for tree in booster.dump_model()["tree_info"]:
        walk(tree["tree_structure"])
    return found


@contextmanager
def source_runs() -> Iterator[None]:
    """Where a source library runs, without its warnings.

    scikit-learn overflows when it checks huge values, and warns of data without names; LightGBM
    says that the prediction of a custom objective is the margin, CatBoost that there is no numba.
    """
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.filterwarnings("ignore", "X does not have valid feature names")
        warnings.filterwarnings("ignore", "Cannot compute class probabilities or labels due to")
        warnings.filterwarnings("ignore", "Failed to import numba")
        warnings.filterwarnings("ignore", "Found unknown categories in columns")
        yield
