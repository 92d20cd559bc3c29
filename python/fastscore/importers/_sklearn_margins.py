"""scikit-learn's estimators of a linear margin and a rule of their own.

Classifiers without probabilities, stochastic gradient descent, generalised linear models, partial
least squares, RANSAC.
"""

from typing import Any

import numpy as np

from fastscore import _core
from fastscore._errors import UnsupportedModelError
from fastscore._options import Labels, Options, labels
from fastscore.importers._builder import Builder
from fastscore.importers._sklearn_common import (
    ACCEPTS,
    FINITE,
    builder,
    check,
    finish,
    give,
    version,
)
from fastscore.importers._sklearn_linear import parameters
from fastscore.importers._splice import attach


def import_classifier(estimator: Any, options: Options) -> _core.Model:
    """RidgeClassifier(CV), LinearSVC, Perceptron, PassiveAggressiveClassifier, SGDClassifier.

    RidgeClassifier may have labels that a row can have together, a column each.
    """
    check(estimator, options, "coef_")
    build = builder(estimator)
    coefficients, intercept = parameters(estimator)
    margin = build.linear("linear", coefficients, intercept)
    if _is_multilabel(estimator):
        both = Labels("int64", "int", [0, 1])
        build.target(margin=margin, rule="above", at=0.0, value=margin, labels=both)
        return finish(build, estimator, FINITE)
    binary = len(coefficients) == 1
    probability = None
    if type(estimator).__name__ == "SGDClassifier":
        probability = _sgd_probability(build, estimator.loss, margin, binary=binary)
    build.target(
        margin=margin,
        rule="positive" if binary else "argmax",
        value=margin,
        probability=probability,
        labels=labels(estimator.classes_, type(estimator).__name__),
    )
    return finish(build, estimator, FINITE)


def _is_multilabel(estimator: Any) -> bool:
    binarizer = getattr(estimator, "_label_binarizer", None)
    return binarizer is not None and str(binarizer.y_type_).startswith("multilabel")


def _sgd_probability(build: Builder, loss: str, margin: int, *, binary: bool) -> int | None:
    """Only two losses have probabilities."""
    if loss in ("log_loss", "log"):
        share = build.link(margin, "sigmoid", scale=1.0)
    elif loss == "modified_huber":
        share = build.link(margin, "clip", low=-1.0, high=1.0)
        share = build.link(build.link(share, "add", value=1.0), "divide", by=2.0)
    else:
        return None
    return build.link(share, "complement" if binary else "normalize")


def import_one_class(estimator: Any, options: Options) -> _core.Model:
    """SGDOneClassSVM: the margin is the score less the offset, outliers are below 0."""
    check(estimator, options, "offset_")
    build = builder(estimator)
    coefficients = np.atleast_2d(np.asarray(estimator.coef_, dtype=np.float64))
    offset = float(np.asarray(estimator.offset_).ravel()[0])
    margin = build.linear("linear", coefficients, [-offset])
    build.target(
        margin=margin,
        rule="inlier",
        value=margin,
        labels=labels(np.array([-1, 1], dtype=np.int32), "SGDOneClassSVM"),
        score=build.link(margin, "add", value=offset),
    )
    return finish(build, estimator, FINITE)


def import_generalised(estimator: Any, options: Options) -> _core.Model:
    """PoissonRegressor, GammaRegressor, TweedieRegressor: the link's inverse of the margin."""
    check(estimator, options, "coef_")
    build = builder(estimator)
    margin = value = build.linear("linear", *parameters(estimator))
    link = type(estimator._base_loss.link).__name__
    if link == "LogLink":
        value = build.link(margin, "exp")
    elif link != "IdentityLink":
        raise UnsupportedModelError(
            f"{type(estimator).__name__}: the link {link} is not supported; use link='log' or "
            "link='identity'"
        )
    build.target(margin=margin, rule="value", value=value)
    return finish(build, estimator, FINITE)


def import_partial_least_squares(estimator: Any, options: Options) -> _core.Model:
    """PLSRegression, PLSCanonical, CCA: columns less their means, then a matrix product."""
    check(estimator, options, "coef_")
    build = builder(estimator)
    mean = np.asarray(estimator._x_mean, dtype=np.float64)
    centred = build.link(0, "affine", scale=np.ones(len(mean)).tolist(), shift=(-mean).tolist())
    coefficients, intercept = parameters(estimator)
    if version() < (1, 5, 0):
        # Up to 1.4 `predict` divides by the deviations; since 1.5 `coef_` holds them.
        coefficients = coefficients / np.asarray(estimator._x_std, dtype=np.float64)
    value = build.linear("linear", coefficients, intercept, value=centred)
    build.target(margin=value, rule="value", value=value)
    deviations = np.asarray(estimator._x_std, dtype=np.float64).tolist()
    standard = build.link(0, "standardize", shift=mean.tolist(), scale=deviations)
    rotations = np.asarray(estimator.x_rotations_, dtype=np.float64)
    scores = build.linear("scores", rotations.T, np.zeros(rotations.shape[1]), value=standard)
    give(build, estimator, scores)
    return finish(build, estimator, FINITE)


def import_ransac(estimator: Any, options: Options) -> _core.Model:
    """RANSACRegressor: what the estimator that it kept predicts."""
    check(estimator, options, "estimator_")
    build = builder(estimator)
    parts = attach(build, estimator.estimator_, owner="RANSACRegressor")
    for part in parts:
        value = part.prediction()
        build.target(margin=value, rule="value", value=value)
    return finish(build, estimator, ACCEPTS)
