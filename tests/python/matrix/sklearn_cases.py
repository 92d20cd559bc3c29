"""scikit-learn's cases."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, LogisticRegression, Ridge
from sklearn.semi_supervised import LabelPropagation
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)
from support import FLOAT32_MAX, awkward_rows, sklearn_splits

from matrix import sklearn_ensemble_cases as ensembles
from matrix import sklearn_gaussian_cases as gaussian
from matrix import sklearn_linear_cases as linears
from matrix import sklearn_meta_cases as metas
from matrix import sklearn_network_cases as networks
from matrix import sklearn_pipeline_cases as pipelines
from matrix import sklearn_transform_cases as transforms
from matrix.case import (
    EQUAL,
    LABELS,
    LEAVES,
    Case,
    Library,
    Refusal,
    labels_but_for_ties,
    linear,
    linear_link,
)

ROWS = 300
SCORED = 517


def expected(source: Any, data: Any, output: str) -> Any:
    """What scikit-learn gives; of a pipeline, what its last step does."""
    if hasattr(source, "named_steps") and output in ("margin", "leaf"):
        return pipelines.of_last_step(source, data, output, expected)
    if output == "prediction":
        return source.predict(data)
    if output == "probability":
        return source.predict_proba(data)
    if output == "leaf":
        return source.apply(data).reshape(len(data), -1).astype(np.int32)
    if output == "score":
        return source.score_samples(data)
    if output == "transform":
        columns = source.transform(data)
        columns = np.asarray(columns.toarray() if hasattr(columns, "toarray") else columns)
        # Whatever type the source has them in, but for what predictors of float32 give.
        narrow = columns.dtype == np.float32 and hasattr(source, "estimators_")
        return columns if narrow else columns.astype(float)
    assert output == "margin", output
    if hasattr(source, "decision_function"):
        return source.decision_function(data)
    for of in (gaussian.margin, metas.margin):
        if (own := of(source, data)) is not None:
            return own
    if hasattr(source, "_baseline_prediction"):
        return source._raw_predict(data).ravel()
    if not hasattr(source, "classes_"):
        return source.predict(data)
    shares = source.predict_proba(data)
    return [_raw(part) for part in shares] if isinstance(shares, list) else _raw(shares)


def _raw(shares: Any) -> Any:
    return shares[:, -1] if shares.shape[1] <= 2 else shares


LIBRARY = Library(
    "scikit-learn",
    "scikit-learn",
    expected,
    note="Its objects have no file format of their own that is safe to read: pickles and skops "
    "files are refused. Numbers of the data are taken as float64, of whatever type they are: what "
    "scikit-learn gives on frames of float64. Where all columns of a step are float32 or integers "
    "of less than 32 bits it computes in float32 or float16 (NumPy's functions on `uint8`, scalers "
    "on float32), and differs from itself by as much.",
)


def features(rng: np.random.Generator, *, missing: bool = False) -> Any:
    """Columns of different scales, one of few values."""
    x = rng.normal(size=(ROWS, 5)) * [1, 100, 1e-3, 1, 1]
    x[:, 3] = np.round(x[:, 3], 1)
    if missing:
        x[rng.random(x.shape) < 0.1] = np.nan
    return x


def score(x: Any, rng: np.random.Generator) -> Any:
    """A target that depends on the columns, with noise."""
    clean = np.nan_to_num(x)
    return clean[:, 0] + clean[:, 3] * (clean[:, 1] > 0) + 0.2 * rng.normal(size=len(x))


def classes(x: Any, rng: np.random.Generator, count: int) -> Any:
    """Labels that are not codes."""
    values = score(x, rng)
    return np.digitize(values, np.quantile(values, np.linspace(0, 1, count + 1)[1:-1])) * 3 - 1


def text(codes: Any) -> Any:
    """Labels as text, in another order than their codes."""
    return np.array(["low", "high", "mid", "none"])[(codes + 1) // 3]


# --- trees and forests

TREE = {"prediction": EQUAL, "margin": EQUAL, "leaf": LEAVES}
TREE_CLASSES = {"prediction": LABELS, "probability": EQUAL, "margin": EQUAL, "leaf": LEAVES}

Target = Callable[[Any, np.random.Generator], Any]


def _trees(kind: Any, target: Target, *, missing: bool = False, **parameters: Any) -> Any:
    def make(rng: np.random.Generator) -> tuple[Any, Any]:
        x = features(rng, missing=missing)
        source = kind(random_state=0, **parameters).fit(x, target(x, rng))
        extra = (FLOAT32_MAX, -FLOAT32_MAX, *((np.nan,) if missing else ()))
        return source, awkward_rows(x, sklearn_splits(source), rng, SCORED, extra)

    return make


def _classifiers(kind: Any, common: dict[str, Any]) -> list[Case]:
    variants: dict[str, tuple[Target, dict[str, Any]]] = {
        "two classes": (lambda x, rng: classes(x, rng, 2), {}),
        "several classes": (lambda x, rng: classes(x, rng, 4), {}),
        "labels of text": (lambda x, rng: text(classes(x, rng, 3)), {}),
        "one class": (lambda x, rng: np.ones(len(x), dtype=int), {}),
        "missing values": (lambda x, rng: classes(x, rng, 3), {"missing": True}),
        "several outputs": (lambda x, rng: np.c_[classes(x, rng, 2), classes(x, rng, 3)], {}),
        "class weights": (lambda x, rng: classes(x, rng, 3), {"class_weight": "balanced"}),
        "monotonic constraints": (
            lambda x, rng: classes(x, rng, 2),
            {"monotonic_cst": [1, 0, 0, 0, -1]},
        ),
        "entropy": (lambda x, rng: classes(x, rng, 3), {"criterion": "entropy"}),
    }
    return [
        Case(kind.__name__, name, _trees(kind, target, **common, **more), TREE_CLASSES)
        for name, (target, more) in variants.items()
    ]


def _regressors(kind: Any, common: dict[str, Any]) -> list[Case]:
    variants: dict[str, tuple[Target, dict[str, Any]]] = {
        "one output": (score, {}),
        "several outputs": (lambda x, rng: np.c_[score(x, rng), x[:, 1], x[:, 2]], {}),
        "missing values": (score, {"missing": True}),
        "absolute error": (score, {"criterion": "absolute_error"}),
        "Poisson": (lambda x, rng: np.abs(score(x, rng)), {"criterion": "poisson"}),
        "no split": (score, {"min_samples_leaf": ROWS - 1}),
        "pruned": (score, {"ccp_alpha": 0.01}),
    }
    return [
        Case(kind.__name__, name, _trees(kind, target, **common, **more), TREE)
        for name, (target, more) in variants.items()
    ]


_FOREST = {"n_estimators": 9, "n_jobs": 1}

# --- linear models


def _magnitude(source: Any, data: Any) -> Any:
    """The sum of |coefficient x value|."""
    coefficients = np.atleast_2d(np.asarray(source.coef_, dtype=float))
    return np.abs(data) @ np.abs(coefficients).T + np.abs(np.ravel(source.intercept_))


LINEAR = {"prediction": linear(_magnitude), "margin": linear(_magnitude)}
LOGISTIC = {
    "prediction": labels_but_for_ties(lambda source, data: source.predict_proba(data)),
    "probability": linear_link(_magnitude),
    "margin": linear(_magnitude),
}


def _linear(kind: Any, target: Target, **parameters: Any) -> Any:
    def make(rng: np.random.Generator) -> tuple[Any, Any]:
        x = rng.normal(size=(ROWS, 5))
        source = kind(**parameters).fit(x, target(x, rng))
        data = x[rng.integers(0, ROWS, SCORED)] * 10.0 ** rng.integers(-12, 12, (SCORED, 5))
        data[::7, 1] = -0.0
        data[::11, 2] = 5e-324
        return source, data

    return make


def _regressions(kind: Any) -> list[Case]:
    several: Target = lambda x, rng: np.c_[score(x, rng), x[:, 1]]  # noqa: E731
    variants: dict[str, tuple[Target, dict[str, Any]]] = {
        "one output": (score, {}),
        "several outputs": (several, {}),
        "without intercept": (score, {"fit_intercept": False}),
    }
    return [
        Case(kind.__name__, name, _linear(kind, target, **more), LINEAR)
        for name, (target, more) in variants.items()
    ]


def _logistic(name: str, count: int, **parameters: Any) -> Case:
    target: Target = lambda x, rng: classes(x, rng, count)  # noqa: E731
    return Case(
        "LogisticRegression", name, _linear(LogisticRegression, target, **parameters), LOGISTIC
    )


CASES = [
    *_classifiers(DecisionTreeClassifier, {}),
    *_regressors(DecisionTreeRegressor, {}),
    *_classifiers(ExtraTreeClassifier, {}),
    *_regressors(ExtraTreeRegressor, {}),
    *_classifiers(RandomForestClassifier, _FOREST),
    *_regressors(RandomForestRegressor, _FOREST),
    *_classifiers(ExtraTreesClassifier, _FOREST),
    *_regressors(ExtraTreesRegressor, _FOREST),
    *ensembles.CASES,
    *metas.CASES,
    *(case for kind in (LinearRegression, Ridge, Lasso, ElasticNet) for case in _regressions(kind)),
    _logistic("two classes", 2),
    _logistic("several classes", 4),
    _logistic("L1 penalty", 2, solver="liblinear", l1_ratio=1),
    _logistic("without intercept", 3, fit_intercept=False),
    *linears.CASES,
    *gaussian.CASES,
    *networks.CASES,
    *transforms.CASES,
    *pipelines.CASES,
]


def _unfitted(rng: np.random.Generator) -> Any:
    return RandomForestClassifier()


def _subclass(rng: np.random.Generator) -> Any:
    class Tuned(RandomForestRegressor):
        pass

    x = features(rng)
    return Tuned(2).fit(x, score(x, rng))


def _unknown(rng: np.random.Generator) -> Any:
    x = features(rng)
    return LabelPropagation().fit(x, classes(x, rng, 2))


REFUSALS = [
    Refusal(
        "an estimator that is not fitted", _unfitted, "RandomForestClassifier", "call fit first"
    ),
    Refusal(
        "a subclass of a supported estimator: it may compute otherwise",
        _subclass,
        "Tuned",
        "fit a plain RandomForestRegressor instead",
    ),
    Refusal(
        "an estimator that is not in the table",
        _unknown,
        "LabelPropagation",
        "Supported are scikit-learn",
    ),
    *ensembles.REFUSALS,
    *metas.REFUSALS,
    *linears.REFUSALS,
    *gaussian.REFUSALS,
    *transforms.REFUSALS,
    *pipelines.REFUSALS,
]
