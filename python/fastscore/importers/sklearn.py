"""scikit-learn: which importer reads which estimator. The type must match exactly."""

from collections.abc import Callable
from typing import Any

from fastscore import _core
from fastscore._options import Options
from fastscore.importers import (
    _sklearn_adaboost,
    _sklearn_bagging,
    _sklearn_bayes,
    _sklearn_boosting,
    _sklearn_cluster,
    _sklearn_compose,
    _sklearn_gaussian,
    _sklearn_hist,
    _sklearn_isolation,
    _sklearn_linear,
    _sklearn_margins,
    _sklearn_meta,
    _sklearn_network,
    _sklearn_refused,
    _sklearn_trees,
    _transform_encode,
    _transform_impute,
    _transform_scale,
    _transform_select,
    _transform_shape,
    _transform_spline,
)
from fastscore.importers._transform import TRANSFORMERS, import_transformer

_FAMILIES = (
    _transform_encode,
    _transform_impute,
    _transform_scale,
    _transform_select,
    _transform_shape,
    _transform_spline,
)
"""They register themselves."""

_REGRESSIONS = (
    "LinearRegression",
    "Ridge",
    "Lasso",
    "ElasticNet",
    "RidgeCV",
    "LassoCV",
    "LassoLars",
    "LassoLarsCV",
    "LassoLarsIC",
    "Lars",
    "LarsCV",
    "ElasticNetCV",
    "MultiTaskLasso",
    "MultiTaskLassoCV",
    "MultiTaskElasticNet",
    "MultiTaskElasticNetCV",
    "OrthogonalMatchingPursuit",
    "OrthogonalMatchingPursuitCV",
    "BayesianRidge",
    "ARDRegression",
    "HuberRegressor",
    "QuantileRegressor",
    "TheilSenRegressor",
    "SGDRegressor",
    "PassiveAggressiveRegressor",
    "LinearSVR",
)
_CLASSIFIERS = (
    "RidgeClassifier",
    "RidgeClassifierCV",
    "SGDClassifier",
    "LinearSVC",
    "Perceptron",
    "PassiveAggressiveClassifier",
)

IMPORTERS: dict[str, Callable[[Any, Options], _core.Model]] = {
    **dict.fromkeys(_REGRESSIONS, _sklearn_linear.import_regression),
    **dict.fromkeys(_CLASSIFIERS, _sklearn_margins.import_classifier),
    "LogisticRegression": _sklearn_linear.import_logistic,
    "LogisticRegressionCV": _sklearn_linear.import_logistic,
    "SGDOneClassSVM": _sklearn_margins.import_one_class,
    "PoissonRegressor": _sklearn_margins.import_generalised,
    "GammaRegressor": _sklearn_margins.import_generalised,
    "TweedieRegressor": _sklearn_margins.import_generalised,
    "PLSRegression": _sklearn_margins.import_partial_least_squares,
    "PLSCanonical": _sklearn_margins.import_partial_least_squares,
    "CCA": _sklearn_margins.import_partial_least_squares,
    "RANSACRegressor": _sklearn_margins.import_ransac,
    "LinearDiscriminantAnalysis": _sklearn_gaussian.import_lda,
    "QuadraticDiscriminantAnalysis": _sklearn_gaussian.import_qda,
    "GaussianNB": _sklearn_gaussian.import_naive,
    "GaussianMixture": _sklearn_gaussian.import_mixture,
    "BayesianGaussianMixture": _sklearn_gaussian.import_mixture,
    "NearestCentroid": _sklearn_gaussian.import_centroids,
    "MultinomialNB": _sklearn_bayes.import_counts,
    "ComplementNB": _sklearn_bayes.import_counts,
    "BernoulliNB": _sklearn_bayes.import_counts,
    "CategoricalNB": _sklearn_bayes.import_categories,
    "MLPClassifier": _sklearn_network.import_network,
    "MLPRegressor": _sklearn_network.import_network,
    "KMeans": _sklearn_cluster.import_kmeans,
    "MiniBatchKMeans": _sklearn_cluster.import_kmeans,
    "BisectingKMeans": _sklearn_cluster.import_kmeans,
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
    **dict.fromkeys(TRANSFORMERS, import_transformer),
    "Pipeline": _sklearn_compose.import_pipeline,
    "RFE": _transform_select.import_elimination,
    "RFECV": _transform_select.import_elimination,
    **_sklearn_meta.IMPORTERS,
}
"""What is imported, by the name of its class."""

REFUSED: dict[str, Callable[[Any, Options], _core.Model]] = dict.fromkeys(
    _sklearn_refused.WHAT_WORKS, _sklearn_refused.refuse
)
"""What never is, with an error that says what would work."""
