"""scikit-learn's naive Bayes of counts and categories: sums of logarithms."""

from typing import Any

import numpy as np

from fastscore import _core
from fastscore._options import Options
from fastscore.importers._sklearn_common import FINITE, builder, check, finish
from fastscore.importers._sklearn_gaussian import discriminant


def import_counts(estimator: Any, options: Options) -> _core.Model:
    """MultinomialNB, ComplementNB, BernoulliNB."""
    check(estimator, options, "feature_log_prob_")
    build = builder(estimator)
    coefficients = np.asarray(estimator.feature_log_prob_, dtype=np.float64)
    start = np.asarray(estimator.class_log_prior_, dtype=np.float64)
    name, value = type(estimator).__name__, 0
    if name == "ComplementNB" and len(coefficients) > 1:
        start = np.zeros(len(coefficients))
    if name == "BernoulliNB":
        with np.errstate(divide="ignore"):
            absent = np.log(1 - np.exp(coefficients))
        with np.errstate(invalid="ignore"):
            start = start + absent.sum(axis=1)
            coefficients = coefficients - absent
        if estimator.binarize is not None:
            value = build.link(0, "above", at=float(estimator.binarize), above=1.0, other=0.0)
    scores = build.linear("linear", coefficients, start, value=value)
    discriminant(build, estimator, scores, len(coefficients))
    return finish(build, estimator, FINITE)
