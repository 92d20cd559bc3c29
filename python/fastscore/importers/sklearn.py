"""scikit-learn: which importer reads which estimator. The type must match exactly."""

from collections.abc import Callable
from typing import Any

from fastscore import _core
from fastscore._options import Options
from fastscore.importers import (
    _sklearn_adaboost,
    _sklearn_bagging,
    _sklearn_boosting,
    _sklearn_hist,
    _sklearn_isolation,
    _sklearn_linear,
    _sklearn_trees,
)

IMPORTERS: dict[str, Callable[[Any, Options], _core.Model]] = {
    "LinearRegression": _sklearn_linear.import_regression,
    "Ridge": _sklearn_linear.import_regression,
    "Lasso": _sklearn_linear.import_regression,
    "ElasticNet": _sklearn_linear.import_regression,
    "LogisticRegression": _sklearn_linear.import_logistic,
    "DecisionTreeClassifier": _sklearn_trees.import_tree,
    "DecisionTreeRegressor": _sklearn_trees.import_tree,
    "ExtraTreeClassifier": _sklearn_trees.import_tree,
    "ExtraTreeRegressor": _sklearn_trees.import_tree,
    "RandomForestClassifier": _sklearn_trees.import_forest,
    "RandomForestRegressor": _sklearn_trees.import_forest,
    "ExtraTreesClassifier": _sklearn_trees.import_forest,
    "ExtraTreesRegressor": _sklearn_trees.import_forest,
    "GradientBoostingClassifier": _sklearn_boosting.import_boosting,
    "GradientBoostingRegressor": _sklearn_boosting.import_boosting,
    "HistGradientBoostingClassifier": _sklearn_hist.import_hist,
    "HistGradientBoostingRegressor": _sklearn_hist.import_hist,
    "AdaBoostClassifier": _sklearn_adaboost.import_classifier,
    "AdaBoostRegressor": _sklearn_adaboost.import_regressor,
    "BaggingClassifier": _sklearn_bagging.import_classifier,
    "BaggingRegressor": _sklearn_bagging.import_regressor,
    "IsolationForest": _sklearn_isolation.import_isolation,
    "RandomTreesEmbedding": _sklearn_isolation.import_embedding,
}
