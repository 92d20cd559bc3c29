"""scikit-learn's classifiers and mixtures of Gaussians: quadratic forms of the features.

The forms are summed from differences to the means. scikit-learn multiplies them out in places
(`x @ a - mean @ a`), so that its own rounding grows with the size of the features: `_bounds.py` has
what is promised.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore import _core
from fastscore._errors import UnsupportedModelError
from fastscore._options import Options, labels
from fastscore.importers._builder import Builder
from fastscore.importers._sklearn_common import FINITE, builder, check, finish, give
from fastscore.importers._sklearn_linear import parameters

Matrix = NDArray[np.float64]


def discriminant(build: Builder, estimator: Any, scores: int, n_classes: int) -> None:
    """Append the target of a classifier that compares a log-likelihood a class.

    The margin of two classes is their difference, as `decision_function` has it.
    """
    build.target(
        margin=_one_of_two(build, scores, n_classes),
        rule="argmax",
        value=scores,
        probability=build.link(scores, "softmax"),
        labels=labels(estimator.classes_, type(estimator).__name__),
    )


def _one_of_two(build: Builder, scores: int, n_classes: int) -> int:
    return build.difference("difference", scores) if n_classes == 2 else scores


def import_lda(estimator: Any, options: Options) -> _core.Model:
    """LinearDiscriminantAnalysis: the sigmoid of one margin, or softmax."""
    check(estimator, options, "coef_")
    build = builder(estimator)
    coefficients, intercept = parameters(estimator)
    margin = build.linear("linear", coefficients, intercept)
    binary = len(coefficients) == 1
    if binary:
        probability = build.link(build.link(margin, "sigmoid", scale=1.0), "complement")
    else:
        probability = build.link(margin, "softmax")
    build.target(
        margin=margin,
        rule="positive" if binary else "argmax",
        value=margin,
        probability=probability,
        labels=labels(estimator.classes_, "LinearDiscriminantAnalysis"),
    )
    if estimator.solver != "lsqr":
        give(build, estimator, _discriminants(build, estimator))
    return finish(build, estimator, FINITE)


def _discriminants(build: Builder, estimator: Any) -> int:
    """Append the features projected on the directions that separate the classes."""
    count = int(estimator._max_components)
    scalings = np.asarray(estimator.scalings_, dtype=np.float64)[:, :count]
    value = 0
    if estimator.solver == "svd":
        centre = np.asarray(estimator.xbar_, dtype=np.float64)
        value = build.link(value, "standardize", shift=centre.tolist(), scale=None)
    return build.linear("discriminants", scalings.T, np.zeros(scalings.shape[1]), value=value)


def import_qda(estimator: Any, options: Options) -> _core.Model:
    """QuadraticDiscriminantAnalysis."""
    check(estimator, options, "rotations_")
    build = builder(estimator)
    scalings = [np.asarray(scaling, dtype=np.float64) for scaling in estimator.scalings_]
    matrices = [
        np.asarray(rotation, dtype=np.float64) * scaling**-0.5
        for rotation, scaling in zip(estimator.rotations_, scalings, strict=True)
    ]
    logs = np.array([np.sum(np.log(scaling)) for scaling in scalings])
    start = -0.5 * logs + np.log(np.asarray(estimator.priors_, dtype=np.float64))
    means = np.asarray(estimator.means_, dtype=np.float64)
    scores = quadratic(build, means, matrices, start)
    discriminant(build, estimator, scores, len(means))
    return finish(build, estimator, FINITE)


def import_naive(estimator: Any, options: Options) -> _core.Model:
    """GaussianNB."""
    check(estimator, options, "theta_")
    build = builder(estimator)
    variance = np.asarray(estimator.var_, dtype=np.float64)
    start = np.log(np.asarray(estimator.class_prior_, dtype=np.float64))
    start = start - 0.5 * np.sum(np.log(2.0 * np.pi * variance), axis=1)
    scores = build.distances("terms", estimator.theta_, weights=-0.5 / variance, start=start)
    discriminant(build, estimator, scores, len(variance))
    return finish(build, estimator, FINITE)


def import_mixture(estimator: Any, options: Options) -> _core.Model:
    """GaussianMixture, BayesianGaussianMixture: the margin is the weighted log-probability."""
    check(estimator, options, "precisions_cholesky_")
    build = builder(estimator)
    means = np.asarray(estimator.means_, dtype=np.float64)
    roots = np.asarray(estimator.precisions_cholesky_, dtype=np.float64)
    count, features = means.shape
    kind = estimator.covariance_type
    start = _log_weights(estimator, features) - 0.5 * features * np.log(2 * np.pi)
    if kind in ("full", "tied"):
        matrices = list(roots) if kind == "full" else [roots] * count
        start = start + [np.sum(np.log(np.diag(matrix))) for matrix in matrices]
        scores = quadratic(build, means, matrices, start)
    else:
        each = roots if kind == "diag" else np.repeat(roots[:, np.newaxis], features, axis=1)
        start = start + np.sum(np.log(each), axis=1)
        scores = build.distances("terms", means, weights=-0.5 * each**2, start=start)
    build.target(
        margin=scores,
        rule="cluster",
        value=scores,
        probability=build.link(scores, "softmax"),
        labels=labels(np.arange(count, dtype=np.int64), type(estimator).__name__),
        score=build.link(scores, "log_sum_exp"),
    )
    return finish(build, estimator, FINITE)


def _log_weights(estimator: Any, features: int) -> Matrix:
    """Return what a component's log-probability has beside its Gaussian."""
    weights = np.asarray(estimator._estimate_log_weights(), dtype=np.float64)
    if type(estimator).__name__ == "GaussianMixture":
        return weights
    from scipy.special import digamma

    freedom = np.asarray(estimator.degrees_of_freedom_, dtype=np.float64)
    halves = 0.5 * (freedom - np.arange(features)[:, np.newaxis])
    log_lambda = features * np.log(2.0) + np.sum(digamma(halves), axis=0)
    own: Matrix = (
        weights
        - 0.5 * features * np.log(freedom)
        + 0.5 * (log_lambda - features / np.asarray(estimator.mean_precision_))
    )
    return own


def quadratic(build: Builder, means: Matrix, matrices: list[Matrix], start: Any) -> int:
    """Append, a row of `means` each, `start - |(x - mean) @ matrix|^2 / 2`."""
    parts, widths = [], []
    for k, (mean, matrix) in enumerate(zip(means, matrices, strict=True)):
        ones = np.ones(len(mean)).tolist()
        centred = build.link(0, "affine", scale=ones, shift=(-mean).tolist())
        width = matrix.shape[1]
        parts.append(build.linear(f"root{k}", matrix.T, np.zeros(width), value=centred))
        widths.append(width)
    total = sum(widths)
    return build.terms(
        "squares",
        np.cumsum([0, *widths]),
        np.arange(total),
        np.zeros(total),
        np.full(total, -0.5),
        start,
        metric="squared",
        value=build.add({"op": "concat", "inputs": parts}),
    )


def import_centroids(estimator: Any, options: Options) -> _core.Model:
    """NearestCentroid: the nearest one, or with priors the largest discriminant score."""
    check(estimator, options, "centroids_")
    metric = {"euclidean": "squared", "manhattan": "absolute"}.get(str(estimator.metric))
    if metric is None:
        raise UnsupportedModelError(
            f"NearestCentroid: metric={estimator.metric!r} is not supported; use "
            "metric='euclidean' or metric='manhattan'"
        )
    build = builder(estimator)
    centroids = np.asarray(estimator.centroids_, dtype=np.float64)
    nearest = build.distances("nearest", centroids, weights=-1.0, metric=metric)
    found = labels(estimator.classes_, "NearestCentroid")
    priors = getattr(estimator, "class_prior_", None)
    if priors is None:
        margin = _one_of_two(build, nearest, len(centroids))
        build.target(margin=margin, rule="argmax", value=nearest, labels=found)
        return finish(build, estimator, FINITE)
    deviations = np.where(estimator.within_class_std_dev_ != 0, estimator.within_class_std_dev_, 1)
    logs = 2.0 * np.log(np.asarray(priors, dtype=np.float64))
    if metric == "squared":
        scores = build.distances("scores", centroids, weights=-1.0 / deviations**2, start=logs)
    else:
        sums = build.distances("sums", centroids, weights=1.0 / deviations, metric=metric)
        each = np.arange(len(centroids))
        scores = build.terms(
            "scores",
            np.arange(len(centroids) + 1),
            each,
            np.zeros(len(centroids)),
            np.full(len(centroids), -1.0),
            logs,
            metric="squared",
            value=sums,
        )
    uniform = bool(np.isclose(priors, 1 / len(centroids)).all())
    value = nearest if uniform else scores
    if metric == "absolute":
        # It has neither a decision function nor probabilities.
        margin = _one_of_two(build, value, len(centroids))
        build.target(margin=margin, rule="argmax", value=value, labels=found)
        return finish(build, estimator, FINITE)
    build.target(
        margin=_one_of_two(build, scores, len(centroids)),
        rule="argmax",
        value=value,
        probability=build.link(scores, "softmax"),
        labels=found,
    )
    return finish(build, estimator, FINITE)
