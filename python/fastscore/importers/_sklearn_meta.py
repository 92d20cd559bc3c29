"""scikit-learn's meta-estimators, and others that are no models of features: who reads which."""

from collections.abc import Callable
from typing import Any

from fastscore import _core
from fastscore._options import Options
from fastscore.importers import (
    _sklearn_calibrated,
    _sklearn_delegate,
    _sklearn_dummy,
    _sklearn_isotonic,
    _sklearn_multiclass,
    _sklearn_multioutput,
    _sklearn_stacking,
    _sklearn_target,
    _sklearn_threshold,
    _sklearn_voting,
)

IMPORTERS: dict[str, Callable[[Any, Options], _core.Model]] = {
    "GridSearchCV": _sklearn_delegate.import_search,
    "RandomizedSearchCV": _sklearn_delegate.import_search,
    "HalvingGridSearchCV": _sklearn_delegate.import_search,
    "HalvingRandomSearchCV": _sklearn_delegate.import_search,
    "FrozenEstimator": _sklearn_delegate.import_frozen,
    "VotingClassifier": _sklearn_voting.import_classifier,
    "VotingRegressor": _sklearn_voting.import_regressor,
    "StackingClassifier": _sklearn_stacking.import_stacking,
    "StackingRegressor": _sklearn_stacking.import_stacking,
    "CalibratedClassifierCV": _sklearn_calibrated.import_calibrated,
    "FixedThresholdClassifier": _sklearn_threshold.import_fixed,
    "TunedThresholdClassifierCV": _sklearn_threshold.import_tuned,
    "OneVsRestClassifier": _sklearn_multiclass.import_rest,
    "OneVsOneClassifier": _sklearn_multiclass.import_one,
    "OutputCodeClassifier": _sklearn_multiclass.import_code,
    "MultiOutputClassifier": _sklearn_multioutput.import_classifier,
    "MultiOutputRegressor": _sklearn_multioutput.import_regressor,
    "ClassifierChain": _sklearn_multioutput.import_chain,
    "RegressorChain": _sklearn_multioutput.import_chain,
    "TransformedTargetRegressor": _sklearn_target.import_target,
    "DummyClassifier": _sklearn_dummy.import_classifier,
    "DummyRegressor": _sklearn_dummy.import_regressor,
    "IsotonicRegression": _sklearn_isotonic.import_isotonic,
}
