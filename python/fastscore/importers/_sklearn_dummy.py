"""scikit-learn's DummyClassifier and DummyRegressor: constants, whatever the features hold."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore import _core
from fastscore._errors import UnsupportedModelError
from fastscore._options import Options, labels
from fastscore.importers._members import constant, done, share_margin, start
from fastscore.importers._sklearn_common import check


def import_classifier(estimator: Any, options: Options) -> _core.Model:
    """DummyClassifier."""
    name = "DummyClassifier"
    check(estimator, options, "class_prior_")
    build = start(estimator, [])
    several = estimator.n_outputs_ > 1
    classes = estimator.classes_ if several else [estimator.classes_]
    priors = estimator.class_prior_ if several else [estimator.class_prior_]
    for k in range(len(classes)):
        known = np.asarray(classes[k])
        shares, predicted = _strategy(estimator, k, known, np.asarray(priors[k]))
        probability = constant(build, shares.tolist())
        build.target(
            margin=share_margin(build, probability, len(known)),
            rule="argmax",
            value=constant(build, np.eye(len(known))[predicted].tolist()),
            probability=probability,
            labels=labels(known, name),
        )
    return done(build, estimator)


def _strategy(
    estimator: Any, target: int, known: NDArray[Any], prior: NDArray[np.float64]
) -> tuple[NDArray[np.float64], int]:
    """Return the probabilities of the classes, and the class that is predicted."""
    strategy = estimator._strategy
    best = int(prior.argmax())
    if strategy == "prior":
        return np.ones(1) * prior, best
    if strategy == "constant":
        constants = np.ravel(np.asarray(estimator.constant, dtype=object)).tolist()
        best = known.tolist().index(constants[target])
    elif strategy != "most_frequent":
        raise UnsupportedModelError(
            f"DummyClassifier: strategy={strategy!r} predicts at random; use 'prior', "
            "'most_frequent' or 'constant'"
        )
    return np.eye(len(known))[best], best


def import_regressor(estimator: Any, options: Options) -> _core.Model:
    """DummyRegressor."""
    check(estimator, options, "constant_")
    build = start(estimator, [])
    numbers = np.asarray(estimator.constant_)
    if numbers.dtype.kind not in "fiub":
        raise UnsupportedModelError(f"DummyRegressor: constants of dtype {numbers.dtype}")
    value = constant(build, numbers.astype(np.float64).ravel().tolist())
    build.target(margin=value, rule="value", value=value)
    return done(build, estimator)
