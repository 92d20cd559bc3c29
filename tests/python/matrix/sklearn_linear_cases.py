"""scikit-learn's linear predictors beyond the plain ones: regressions, classifiers, their rules."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from fastscore._bounds import linear_bound
from fastscore._bounds_transform import transform_bound
from sklearn import cross_decomposition, linear_model, svm
from sklearn.base import BaseEstimator, RegressorMixin

from matrix.case import (
    LABELS,
    Bound,
    Case,
    Refusal,
    exponential,
    labels_within,
    of_terms,
    terms,
)

ROWS = 200
Target = Callable[[Any, np.random.Generator], Any]


def slack(source: Any, data: Any) -> Any:
    return linear_bound(source, data)


def decision(source: Any, data: Any) -> Any:
    return source.decision_function(data)


VALUES: dict[str, Bound] = {"prediction": terms(slack), "margin": terms(slack)}
CLASSES: dict[str, Bound] = {"prediction": labels_within(decision, slack), "margin": terms(slack)}
SHARES = CLASSES | {"probability": of_terms(slack)}
INLIERS = {"prediction": LABELS, "margin": terms(slack), "score": terms(slack)}


def score(x: Any, rng: np.random.Generator) -> Any:
    return x[:, 0] + 2 * x[:, 3] - x[:, 1] + 0.1 * rng.normal(size=len(x))


def several(x: Any, rng: np.random.Generator) -> Any:
    return np.c_[score(x, rng), x[:, 1], x[:, 2] - x[:, 4]]


def positive(x: Any, rng: np.random.Generator) -> Any:
    return np.exp(0.3 * score(x, rng))


def two(x: Any, rng: np.random.Generator) -> Any:
    return np.where(score(x, rng) > 0.5, "yes", "no")


def four(x: Any, rng: np.random.Generator) -> Any:
    return np.digitize(score(x, rng), [-2, 0, 1.5]) * 10 - 5


def labels(x: Any, rng: np.random.Generator) -> Any:
    return (several(x, rng) > 0.2).astype(int)


def data(x: Any, rng: np.random.Generator) -> Any:
    """Rows of the data at every scale, with zeros of both signs and denormals."""
    rows = x[rng.integers(0, len(x), 257)] * 10.0 ** rng.integers(-12, 12, (257, x.shape[1]))
    rows[::7, 1] = -0.0
    rows[::11, 2] = 5e-324
    return rows


def fit(kind: Any, parameters: dict[str, Any], x: Any, y: Any) -> Any:
    """Fit without warnings: of what converges slowly, or goes away in a later version."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        source = kind(**parameters)
        return source.fit(x) if y is None else source.fit(x, y)


def made(kind: Any, target: Target | None, *, sparse: bool = False, **parameters: Any) -> Any:
    """Fit on float64, score `data`; `sparse` coefficients where the class can have them."""

    def make(rng: np.random.Generator) -> tuple[Any, Any]:
        x = rng.normal(size=(ROWS, 5)) * [1, 2, 0.5, 1, 1] + [0, 1, 0, 0, -1]
        source = fit(kind, parameters, x, None if target is None else target(x, rng))
        rows = data(x, rng)
        if "log" in str(getattr(source, "_base_loss", "")) or positive is target:
            rows = x[rng.integers(0, ROWS, 257)] * 10.0 ** rng.integers(-3, 2, (257, 5))
        return source.sparsify() if sparse else source, rows

    return make


def _case(kind: Any, variant: str, target: Target | None, bounds: Any, **parameters: Any) -> Case:
    return Case(kind.__name__, variant, made(kind, target, **parameters), bounds)


def _regressions() -> list[Case]:
    one = {
        "LassoLarsIC": {},
        "BayesianRidge": {},
        "ARDRegression": {},
        "HuberRegressor": {"max_iter": 1000},
        "QuantileRegressor": {"alpha": 0.01},
        "TheilSenRegressor": {"random_state": 0, "max_subpopulation": 200},
        "SGDRegressor": {"random_state": 0},
        "PassiveAggressiveRegressor": {"random_state": 0},
        "LassoCV": {},
        "ElasticNetCV": {},
        "LassoLarsCV": {},
        "LarsCV": {},
        "OrthogonalMatchingPursuitCV": {},
    }
    many = {
        "RidgeCV": {},
        "LassoLars": {"alpha": 0.01},
        "Lars": {},
        "OrthogonalMatchingPursuit": {},
    }
    tasks = {
        "MultiTaskLasso": {"alpha": 0.1},
        "MultiTaskElasticNet": {"alpha": 0.1},
        "MultiTaskLassoCV": {},
        "MultiTaskElasticNetCV": {},
    }
    cases = []
    for name, parameters in (one | many).items():
        kind = getattr(linear_model, name)
        cases.append(_case(kind, "one output", score, VALUES, **parameters))
        cases.append(
            _case(kind, "without intercept", score, VALUES, fit_intercept=False, **parameters)
        )
    for name, parameters in (many | tasks).items():
        kind = getattr(linear_model, name)
        cases.append(_case(kind, "several outputs", several, VALUES, **parameters))
    sparse = linear_model.SGDRegressor
    return [
        *cases,
        _case(sparse, "sparse coefficients", score, VALUES, sparse=True, random_state=0),
        _case(sparse, "averaged", score, VALUES, average=True, random_state=0),
        _case(svm.LinearSVR, "one output", score, VALUES, random_state=0),
        _case(svm.LinearSVR, "without intercept", score, VALUES, fit_intercept=False),
        _case(linear_model.RANSACRegressor, "one output", score, VALUES, random_state=0),
        _case(linear_model.RANSACRegressor, "several outputs", several, VALUES, random_state=0),
        _case(
            linear_model.RANSACRegressor,
            "over another estimator",
            score,
            VALUES,
            estimator=linear_model.HuberRegressor(),
            min_samples=30,
            random_state=0,
        ),
        *(
            _case(kind, name, target, VALUES | {"transform": terms(transform_bound)}, **more)
            for kind in (
                cross_decomposition.PLSRegression,
                cross_decomposition.PLSCanonical,
                cross_decomposition.CCA,
            )
            for name, target, more in (
                ("one output", score, {"n_components": 1}),
                ("several outputs", several, {}),
                ("not scaled", several, {"scale": False}),
            )
        ),
    ]


def _generalised() -> list[Case]:
    logs = {"prediction": exponential(slack), "margin": terms(slack)}
    return [
        _case(linear_model.PoissonRegressor, "logarithm", positive, logs, max_iter=1000),
        _case(
            linear_model.PoissonRegressor, "without intercept", positive, logs, fit_intercept=False
        ),
        _case(linear_model.GammaRegressor, "logarithm", positive, logs, max_iter=1000),
        _case(linear_model.TweedieRegressor, "power 0", score, VALUES, power=0),
        _case(linear_model.TweedieRegressor, "power 1.5", positive, logs, power=1.5),
        _case(linear_model.TweedieRegressor, "power 3", positive, logs, power=3, max_iter=1000),
        _case(linear_model.TweedieRegressor, "power 0, log", positive, logs, power=0, link="log"),
    ]


def _classifiers() -> list[Case]:
    kinds: list[tuple[Any, dict[str, Any]]] = [
        (linear_model.RidgeClassifier, {}),
        (linear_model.RidgeClassifierCV, {}),
        (svm.LinearSVC, {"random_state": 0}),
        (linear_model.Perceptron, {"random_state": 0}),
        (linear_model.PassiveAggressiveClassifier, {"random_state": 0}),
    ]
    cases = []
    for kind, parameters in kinds:
        for name, target, more in (
            ("two classes", two, {}),
            ("several classes", four, {}),
            ("without intercept", four, {"fit_intercept": False}),
        ):
            cases.append(_case(kind, name, target, CLASSES, **parameters, **more))
    multilabel = {"prediction": LABELS, "margin": terms(slack)}
    ridge = (linear_model.RidgeClassifier, linear_model.RidgeClassifierCV)
    cases += [_case(kind, "several labels", labels, multilabel) for kind in ridge]
    cases.append(
        _case(svm.LinearSVC, "Crammer and Singer", four, CLASSES, multi_class="crammer_singer")
    )
    return cases


def _descents() -> list[Case]:
    kind = linear_model.SGDClassifier
    losses = {
        "hinge": CLASSES,
        "log_loss": SHARES,
        "modified_huber": SHARES,
        "squared_hinge": CLASSES,
        "perceptron": CLASSES,
        "huber": CLASSES,
        "epsilon_insensitive": CLASSES,
    }
    cases = [
        _case(kind, f"{loss}, {name}", target, bounds, loss=loss, random_state=0)
        for loss, bounds in losses.items()
        for name, target in (("two classes", two), ("several classes", four))
    ]
    search = linear_model.LogisticRegressionCV
    return [
        *cases,
        _case(kind, "sparse coefficients", four, CLASSES, sparse=True, random_state=0),
        _case(linear_model.SGDOneClassSVM, "outliers", None, INLIERS, random_state=0),
        _case(search, "two classes", two, SHARES, Cs=3, max_iter=1000),
        _case(search, "several classes", four, SHARES, Cs=3, max_iter=1000),
    ]


CASES = [*_regressions(), *_generalised(), *_classifiers(), *_descents()]


def _kernel(rng: np.random.Generator) -> Any:
    x = rng.normal(size=(40, 3))
    return svm.SVC().fit(x, x[:, 0] > 0)


class _Constant(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """An estimator that nobody imports."""

    def fit(self, x: Any, y: Any) -> Any:
        self.mean_ = float(np.mean(y))
        return self

    def predict(self, x: Any) -> Any:
        return np.full(len(x), self.mean_)


def _inside(rng: np.random.Generator) -> Any:
    x = rng.normal(size=(40, 3))
    return linear_model.RANSACRegressor(_Constant(), min_samples=5).fit(x, x[:, 0])


REFUSALS = [
    Refusal(
        "support vectors: SVC, NuSVC, SVR, NuSVR, OneClassSVM", _kernel, "SVC", "use LinearSVC"
    ),
    Refusal(
        "RANSACRegressor over an estimator that is not supported",
        _inside,
        "RANSACRegressor",
        "use an estimator of docs/support.md",
    ),
]
