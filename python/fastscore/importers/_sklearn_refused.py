"""scikit-learn's estimators that are refused by name, with what would work.

They compare each row with the training data, or read more than columns of values.
"""

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
_IMPUTER = (
    "it predicts each missing value from the row's others; use SimpleImputer, perhaps with "
    "add_indicator=True, or a HistGradientBoosting, which takes missing values as they are"
)
_WORDS = (
    "it takes text apart; apply it to the data beforehand, and import the steps after it: "
    "pipeline[1:]"
)
_LABELS = "it is for targets, not for columns; use OneHotEncoder or OrdinalEncoder"
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
    "KNNImputer": _IMPUTER,
    "IterativeImputer": _IMPUTER,
    "CountVectorizer": _WORDS,
    "TfidfVectorizer": _WORDS,
    "HashingVectorizer": _WORDS,
    "LabelBinarizer": _LABELS,
    "MultiLabelBinarizer": _LABELS,
    "LabelEncoder": _LABELS,
}
"""Class -> why not, and what would work."""


def refuse(estimator: Any, options: Options) -> NoReturn:
    """Refuse one of them by its name."""
    name = type(estimator).__name__
    raise UnsupportedModelError(f"{name} is not supported: {WHAT_WORKS[name]}")
