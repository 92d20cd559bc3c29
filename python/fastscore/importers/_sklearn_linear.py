"""scikit-learn's linear models.

They compute `X @ coef_.T + intercept_` with BLAS, whose order of sums is not reproducible: margins
are promised within 1e-12 of the sum of |coefficient x value|, not to the bit. They refuse NaN and
infinities.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore import _core
from fastscore._errors import UnsupportedModelError
from fastscore._options import Options, labels
from fastscore.importers._builder import Builder
from fastscore.importers._sklearn_common import FINITE, builder, check, finish, version


def import_regression(estimator: Any, options: Options) -> _core.Model:
    """Those whose `predict` is `X @ coef_.T + intercept_`; several targets are several columns."""
    check(estimator, options, "coef_")
    build = builder(estimator)
    coefficients, intercept = parameters(estimator)
    value = build.linear("linear", coefficients, intercept)
    build.target(margin=value, rule="value", value=value)
    return _finish(build, estimator, [])


def import_logistic(estimator: Any, options: Options) -> _core.Model:
    """LogisticRegression, LogisticRegressionCV.

    Two classes: the sigmoid of one margin. More: softmax, or, as older versions have it, one
    sigmoid a class divided by their sum. Those versions also have a softmax over `-margin, margin`
    for two classes.
    """
    check(estimator, options, "coef_")
    build = builder(estimator)
    coefficients, intercept = parameters(estimator)
    found = labels(estimator.classes_, type(estimator).__name__)
    binary = len(coefficients) == 1
    one_vs_rest, notes = _one_vs_rest(estimator, len(found.values))
    margin = build.linear("linear", coefficients, intercept)
    if binary and one_vs_rest:
        probability = build.link(build.link(margin, "sigmoid", scale=1.0), "complement")
    elif binary:
        both = build.linear(
            "both",
            np.vstack([-coefficients, coefficients]),
            np.concatenate([-intercept, intercept]),
        )
        probability = build.link(both, "softmax")
    elif one_vs_rest:
        probability = build.link(build.link(margin, "sigmoid", scale=1.0), "normalize")
    else:
        probability = build.link(margin, "softmax")
    build.target(
        margin=margin,
        rule="positive" if binary else "argmax",
        value=margin,
        probability=probability,
        labels=found,
    )
    return _finish(build, estimator, notes)


def _one_vs_rest(estimator: Any, n_classes: int) -> tuple[bool, list[str]]:
    """Whether probabilities are one sigmoid a class; since 1.8 only two classes are."""
    mode = vars(estimator).get("multi_class")
    if mode is None:
        return n_classes <= 2, []
    current = version()
    old_solvers = ("liblinear", "newton-cholesky") if current < (1, 6, 0) else ("liblinear",)
    if mode in ("ovr", "warn"):
        result = True
    elif mode == "multinomial":
        result = False
    else:
        result = n_classes <= 2 or estimator.solver in old_solvers
        if n_classes > 2 and estimator.solver == "newton-cholesky" and current >= (1, 8, 0):
            raise UnsupportedModelError(
                f"{type(estimator).__name__}: solver='newton-cholesky' with more than two classes "
                "was one-vs-rest up to scikit-learn 1.5 and multinomial since 1.6, and the "
                "estimator does not say which version fitted it; import it where it was fitted, or "
                "refit it"
            )
    if current >= (1, 8, 0) and result != (n_classes <= 2):
        kind = "one-vs-rest" if result else "softmax over two columns"
        return result, [
            f"fitted by scikit-learn before 1.8 (multi_class={mode!r}, "
            f"solver={estimator.solver!r}): probabilities are {kind}, as that version computes "
            "them; the scikit-learn that is running ignores multi_class"
        ]
    return result, []


def parameters(estimator: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coefficients `(outputs, features)` and intercepts `(outputs,)`, dense float64."""
    name = type(estimator).__name__
    coefficients = estimator.coef_
    if hasattr(coefficients, "toarray"):
        coefficients = coefficients.toarray()
    try:
        coefficients = np.asarray(coefficients)
        intercept = np.asarray(estimator.intercept_)
    except Exception as error:
        raise UnsupportedModelError(
            f"{name}: coef_ is a {type(estimator.coef_).__name__}, not a NumPy array; move the "
            "estimator to NumPy first"
        ) from error
    if (
        coefficients.dtype.kind not in "fiu"
        or intercept.dtype.kind not in "fiu"
        or coefficients.dtype.char == "g"
    ):
        raise UnsupportedModelError(
            f"{name}: coefficients of dtype {coefficients.dtype} are not supported"
        )
    matrix = np.atleast_2d(coefficients.astype(np.float64))
    return matrix, np.array(np.broadcast_to(intercept.astype(np.float64).ravel(), (len(matrix),)))


def _finish(build: Builder, estimator: Any, notes: list[str]) -> _core.Model:
    return finish(build, estimator, FINITE, notes=notes)
