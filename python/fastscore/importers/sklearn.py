"""scikit-learn: which importer reads which estimator. The type must match exactly."""

from collections.abc import Callable
from typing import Any

from fastscore import _core
from fastscore._options import Options
from fastscore.importers import _sklearn_linear, _sklearn_trees

IMPORTERS: dict[str, Callable[[Any, Options], _core.Model]] = {
    "LinearRegression": _sklearn_linear.import_regression,
    "Ridge": _sklearn_linear.import_regression,
    "Lasso": _sklearn_linear.import_regression,
    "ElasticNet": _sklearn_linear.import_regression,
    "LogisticRegression": _sklearn_linear.import_logistic,
    "DecisionTreeClassifier": _sklearn_trees.import_tree,
    "DecisionTreeRegressor": _sklearn_trees.import_tree,
    "RandomForestClassifier": _sklearn_trees.import_forest,
    "RandomForestRegressor": _sklearn_trees.import_forest,
}
