"""scikit-learn's predictors that compare each row with the training data: what would work."""

from typing import Any, NoReturn

from fastscore._errors import UnsupportedModelError
from fastscore._options import Options

_KERNEL = (
    "it compares each row with its support vectors; use LinearSVC, or SGDClassifier after "
    "Nystroem or RBFSampler applied to the data beforehand"
)
_REGRESSION = (
    "it compares each row with its support vectors; use LinearSVR, or SGDRegressor after "
    "Nystroem or RBFSampler applied to the data beforehand"
)
_NEIGHBORS = (
    "it compares each row with the training rows; use a fitted tree ensemble, for example "
    "HistGradientBoosting"
)
_PROCESS = (
    "it compares each row with the training rows through its kernel; use BayesianRidge, "
    "LogisticRegression or HistGradientBoosting"
)
WHAT_WORKS = {
    "SVC": _KERNEL,
    "NuSVC": _KERNEL,
    "OneClassSVM": (
        "it compares each row with its support vectors; use SGDOneClassSVM or IsolationForest"
    ),
    "SVR": _REGRESSION,
    "NuSVR": _REGRESSION,
    "KernelRidge": _PROCESS,
    "KNeighborsClassifier": _NEIGHBORS,
    "KNeighborsRegressor": _NEIGHBORS,
    "RadiusNeighborsClassifier": _NEIGHBORS,
    "RadiusNeighborsRegressor": _NEIGHBORS,
    "GaussianProcessClassifier": _PROCESS,
    "GaussianProcessRegressor": _PROCESS,
}
"""Class -> why not, and what would work."""


def refuse(estimator: Any, options: Options) -> NoReturn:
    """Refuse one of them by its name."""
    name = type(estimator).__name__
    raise UnsupportedModelError(f"{name} is not supported: {WHAT_WORKS[name]}")
