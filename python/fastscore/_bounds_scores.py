"""Margins of scikit-learn's estimators without `decision_function`, and how far ours may be off.

scikit-learn multiplies out squares of differences, so that its own rounding grows with the features
themselves: what is promised is 1e-12 of the sum of the terms that it adds.
"""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

RELATIVE = 1e-12


def margin(estimator: Any, x: Array) -> Any:
    """Return the raw scores as the model has them; None where the class has none of its own."""
    if hasattr(estimator, "predict_joint_log_proba"):
        return _one_of_two(estimator.predict_joint_log_proba(x))
    if hasattr(estimator, "precisions_cholesky_"):
        return estimator._estimate_weighted_log_prob(x)
    if hasattr(estimator, "cluster_centers_"):
        return -(estimator.transform(x) ** 2)
    if hasattr(estimator, "_linear_predictor"):
        return estimator._linear_predictor(x)
    if hasattr(estimator, "centroids_") and not hasattr(estimator, "decision_function"):
        return _one_of_two(-_nearest_scores(estimator, x))
    if hasattr(estimator, "out_activation_"):
        plain = copy.copy(estimator)
        plain.out_activation_ = "identity"
        raw = plain._forward_pass_fast(x)
        return raw.ravel() if raw.shape[1] == 1 else raw
    return None


def _one_of_two(scores: Array) -> Array:
    """Of two classes the difference, as `decision_function` has it where there is one."""
    return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores


def _nearest_scores(estimator: Any, x: Array) -> Array:
    """Distances of NearestCentroid along the axes, or what it compares where it has priors."""
    centroids = np.asarray(estimator.centroids_)
    priors = getattr(estimator, "class_prior_", None)
    if priors is None or np.isclose(priors, 1 / len(centroids)).all():
        return _pairs(x, centroids, np.ones(x.shape[1]), 1)
    return -np.asarray(estimator._decision_function(x))


def _pairs(x: Array, centers: Array, scale: Array, power: int) -> Array:
    """Sum `(|x - center| / scale) ** power`."""
    terms = [np.sum((np.abs(x - center) / scale) ** power, axis=1) for center in centers]
    return np.column_stack(terms)


def _reach(x: Array, centers: Array, scale: Array, power: int) -> Array:
    """Sum `((|x| + |center|) / scale) ** power`: the terms of squares multiplied out."""
    return _pairs(np.abs(x), -np.abs(centers), scale, power)


def _counts(estimator: Any, x: Array) -> Array:
    logs = np.abs(np.asarray(estimator.feature_log_prob_, dtype=float))
    if hasattr(estimator, "binarize"):
        with np.errstate(divide="ignore"):
            logs = logs + np.abs(np.log(1 - np.exp(-logs)))
        shares = np.ones_like(x)
    else:
        shares = np.abs(x)
    return np.asarray(shares @ logs.T + np.abs(estimator.class_log_prior_))


def _categories(estimator: Any, x: Array) -> Array:
    tables = [np.abs(np.asarray(table)) for table in estimator.feature_log_prob_]
    most = [np.max(table, where=np.isfinite(table), initial=0) for table in tables]
    largest = np.max(np.abs(estimator.class_log_prior_)) + sum(most)
    return np.full((len(x), len(estimator.class_log_prior_)), largest)


def _naive(estimator: Any, x: Array) -> Array:
    found = []
    for mean, variance, prior in zip(
        estimator.theta_, estimator.var_, estimator.class_prior_, strict=True
    ):
        logs = np.sum(np.abs(np.log(2 * np.pi * variance)))
        found.append(np.sum((x - mean) ** 2 / variance, axis=1) + logs + np.abs(np.log(prior)))
    return np.column_stack(found)


def _discriminant(estimator: Any, x: Array) -> Array:
    found = []
    for mean, rotation, scaling, prior in zip(
        estimator.means_,
        estimator.rotations_,
        estimator.scalings_,
        estimator.priors_,
        strict=True,
    ):
        reach = np.abs(x - mean) @ np.abs(rotation * scaling**-0.5)
        logs = np.sum(np.abs(np.log(scaling))) + np.abs(np.log(prior))
        found.append(np.sum(reach**2, axis=1) + logs)
    return np.column_stack(found)


def _mixture(estimator: Any, x: Array) -> Array:
    kind, roots = estimator.covariance_type, np.asarray(estimator.precisions_cholesky_)
    features = x.shape[1]
    found = []
    for k, mean in enumerate(estimator.means_):
        if kind in ("full", "tied"):
            root = roots[k] if kind == "full" else roots
            logs = np.abs(np.log(np.diag(root)))
            reach = (np.abs(x) + np.abs(mean)) @ np.abs(root)
        else:
            root = np.broadcast_to(roots[k], features)
            logs = np.abs(np.log(root))
            reach = (np.abs(x) + np.abs(mean)) * root
        found.append(np.sum(reach**2, axis=1) + logs.sum() + 2 * features)
    weights = np.abs(estimator._estimate_log_weights())
    total: Array = np.column_stack(found) + np.where(np.isfinite(weights), weights, 0)
    return total


def _clusters(estimator: Any, x: Array) -> Array:
    centers = np.asarray(estimator.cluster_centers_, dtype=float)
    return _reach(x, centers, np.ones(x.shape[1]), 2)


def _centroids(estimator: Any, x: Array) -> Array:
    centroids: Array = np.asarray(estimator.centroids_)
    power = 2 if estimator.metric == "euclidean" else 1
    plain = _reach(x, centroids, np.ones(x.shape[1]), power)
    priors = getattr(estimator, "class_prior_", None)
    if priors is None:
        return plain
    deviations = np.asarray(estimator.within_class_std_dev_)
    deviations = np.where(deviations != 0, deviations, 1)
    scaled = _reach(x, centroids, deviations, power) ** (2 / power)
    total: Array = plain + scaled + 2 * np.abs(np.log(priors))
    return total


def _partial(estimator: Any, x: Array) -> Array:
    mean, deviations = np.asarray(estimator._x_mean), np.asarray(estimator._x_std)
    coefficients = np.abs(np.atleast_2d(estimator.coef_))
    # Up to scikit-learn 1.4 the coefficients are those of scaled columns.
    scale = np.minimum(deviations, 1)
    reach = (np.abs(x) + np.abs(mean)) / scale
    return np.asarray(reach @ coefficients.T + np.abs(np.ravel(estimator.intercept_)))


def _network(estimator: Any, x: Array) -> Array:
    """Sum |weight x value| of each layer, and what the layers before are off, through all layers.

    No activation is steeper than 1.
    """
    weights, biases = estimator.coefs_, estimator.intercepts_
    narrow = all(layer.dtype == np.float32 for layer in weights)
    relative = 1e-6 if narrow else RELATIVE
    values, off = x, np.zeros_like(x)
    for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        size = np.abs(weight.astype(np.float64))
        off = off @ size + relative * (np.abs(values) @ size + np.abs(bias))
        values = values @ weight.astype(np.float64) + bias
        if layer + 1 < len(weights):
            values = _activated(estimator.activation, values)
            # What an activation itself is off.
            off = off + relative * np.abs(values)
    return np.asarray(off / RELATIVE)


def _activated(activation: str, values: Array) -> Array:
    with np.errstate(over="ignore"):
        shapes: dict[str, Callable[[Array], Array]] = {
            "relu": lambda z: np.maximum(z, 0),
            "tanh": np.tanh,
            "logistic": lambda z: 1 / (1 + np.exp(-z)),
        }
        return shapes[activation](values) if activation in shapes else values


_SCALES: tuple[tuple[str, Callable[[Any, Array], Array]], ...] = (
    ("coefs_", _network),
    ("precisions_cholesky_", _mixture),
    ("cluster_centers_", _clusters),
    ("centroids_", _centroids),
    ("category_count_", _categories),
    ("feature_log_prob_", _counts),
    ("theta_", _naive),
    ("rotations_", _discriminant),
    ("_x_std", _partial),
)
"""What only these estimators have, and the size of the terms of their scores."""


def score_bound(estimator: Any, x: Array) -> Array | None:
    """Return the bound of the margins, `(rows, columns)`; None for other estimators."""
    for attribute, scale in _SCALES:
        if hasattr(estimator, attribute):
            with np.errstate(all="ignore"):
                bound = RELATIVE * scale(estimator, x.astype(np.float64))
            two = bound.ndim == 2 and bound.shape[1] == 2 and hasattr(estimator, "classes_")
            # The margin of two classes is a difference.
            return bound.sum(axis=1, keepdims=True) if two else bound
    return None


def transform_bound(estimator: Any, x: Array) -> Array | None:
    """Return the bound of what `transform` gives: of k-means, the distances to the centres."""
    if not hasattr(estimator, "cluster_centers_"):
        return None
    squares = RELATIVE * _clusters(estimator, x.astype(np.float64))
    distances = np.sqrt(_pairs(x, np.asarray(estimator.cluster_centers_), np.ones(x.shape[1]), 2))
    bound: Array = squares / np.maximum(distances, np.sqrt(squares) + np.finfo(float).tiny)
    return bound
