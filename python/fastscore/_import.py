"""`fastscore.import_model`: a live object of a source library -> `Model`."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastscore import _core
from fastscore._errors import UnsupportedModelError
from fastscore._model import Model
from fastscore._options import Options
from fastscore.importers import catboost, keras, lightgbm, onnx, sklearn, xgboost
from fastscore.importers._categories import with_categories
from fastscore.importers._keras_live import refuse_other
from fastscore.importers._rename import with_names
from fastscore.importers._sklearn_delegate import behind_scorer

_IMPORTERS: dict[str, tuple[Mapping[str, Callable[[Any, Options], _core.Model]], str]] = {
    "sklearn": (sklearn.IMPORTERS, "scikit-learn"),
    "lightgbm": (lightgbm.IMPORTERS, "LightGBM"),
    "xgboost": (xgboost.IMPORTERS, "XGBoost"),
    "catboost": (catboost.IMPORTERS, "CatBoost"),
    "onnx": (onnx.IMPORTERS, "ONNX"),
    "keras": (keras.IMPORTERS, "Keras"),
}


def import_model(
    obj: Any,
    *,
    features: Sequence[str] | None = None,
    classes: Any = None,
    categories: Mapping[str, Sequence[Any]] | None = None,
    unknown: Mapping[str, str] | None = None,
    missing: float | None = None,
    iterations: int | None = None,
    like: str | None = None,
) -> Model:
    """Translate a fitted estimator into a `Model` that scores the same.

    Parameters
    ----------
    obj
        scikit-learn: every linear regression and classifier (of `linear_model`, LinearSVC,
        LinearSVR), LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis, naive Bayes,
        PLSRegression, PLSCanonical, CCA, NearestCentroid, KMeans, MiniBatchKMeans,
        BisectingKMeans, GaussianMixture, BayesianGaussianMixture, MLP*, DecisionTree*, ExtraTree*,
        RandomForest*, ExtraTrees*, GradientBoosting*, HistGradientBoosting*, AdaBoost*, Bagging*
        (classifiers and regressors, over any of these), searches, Voting*, Stacking*,
        CalibratedClassifierCV, FixedThresholdClassifier, TunedThresholdClassifierCV, OneVsRest-,
        OneVsOne- and OutputCodeClassifier, MultiOutput*, ClassifierChain, RegressorChain,
        TransformedTargetRegressor, FrozenEstimator, Dummy*, IsotonicRegression,
        IsolationForest, RandomTreesEmbedding; Pipeline, ColumnTransformer, FeatureUnion and their
        transformers, alone or before any of these estimators. LightGBM: Booster, LGBMClassifier,
        LGBMRegressor, LGBMRanker, LGBMModel. XGBoost: Booster, XGBClassifier, XGBRegressor,
        XGBRanker, XGBRFClassifier, XGBRFRegressor. CatBoost: CatBoost, CatBoostClassifier,
        CatBoostRegressor, CatBoostRanker. ONNX: ModelProto. Keras 3 and TensorFlow: Sequential and
        functional models of dense layers, see docs/support.md. Subclasses may compute otherwise and
        are refused.
    features
        Names for a model that has none.
    classes
        Labels for a Booster of a classifier (LightGBM, XGBoost) or for an XGBClassifier, whose
        own are 0, 1, ..., and for a network of Keras or ONNX that ends in a sigmoid or softmax (of
        several outputs a dict, `{output: labels}`): it then predicts these labels.
    iterations
        The first iterations of a LightGBM, XGBoost or CatBoost model only; else it stops where the
        source does: at `best_iteration`, but for XGBoost's Booster, which uses all.
    categories
        `{column: [...]}`: the values whose codes 0, 1, ... a feature was trained with, where the
        source does not hold them. Columns are feature names, or indexes.
    unknown
        `{column: "raise" | "missing"}`: what becomes of values that are not among the categories;
        else what the source does.
    missing
        The value that counts as missing besides NaN, for an XGBoost Booster: estimators know it.
    like
        `"booster"` or `"estimator"`: whose `predict` a model from XGBoost does; else the object's
        own. An estimator's stops at `best_iteration` and gives labels for classes.

    Returns
    -------
    Model
        It holds `obj` by a weak reference only, for `Model.verify`.

    Raises
    ------
    UnsupportedModelError
        The object, or one of its parameters, can't be imported exactly; the message says what
        would work.
    ValueError
        A keyword that can't apply to this model, by name.

    """
    options = Options(features, classes, categories, unknown, missing, iterations, like)
    if isinstance(obj, Model):
        options.allow("a Model", "features", "categories")
        core = _given(obj._core, options)
        return obj if core is obj._core else Model(core)
    if isinstance(obj, str | os.PathLike):
        raise TypeError("import_model takes a live object; for a file use fastscore.load(path)")
    obj = behind_scorer(obj)
    options.feature_names()  # what is wrong with them is said before any work
    return Model(_given(_importer(obj)(obj, options), options), obj)


def _given(core: _core.Model, options: Options) -> _core.Model:
    """Return the model with what the keywords say of its features."""
    names = options.feature_names()
    named = core if names is None else with_names(core, names)
    return with_categories(named, options.categories, options.unknown)


def _importer(obj: Any) -> Callable[[Any, Options], _core.Model]:
    kind = type(obj)
    library = kind.__module__.split(".")[0]
    if library in _IMPORTERS and kind.__name__ in _IMPORTERS[library][0]:
        return _IMPORTERS[library][0][kind.__name__]
    if library == "sklearn" and kind.__name__ in sklearn.REFUSED:
        return sklearn.REFUSED[kind.__name__]
    what = f"{kind.__module__}.{kind.__qualname__}"
    if isinstance(obj, type):
        raise UnsupportedModelError(
            f"{obj.__module__}.{obj.__qualname__} is a class; pass a fitted instance of it"
        )
    if kind.__module__ == "fastscore.sklearn":
        raise UnsupportedModelError(
            f"a {kind.__name__} within another estimator can't be imported: wrap the whole, or fit "
            "it with the plain estimator in its place"
        )
    refuse_other(obj)
    for base in kind.__mro__[1:]:
        known = _IMPORTERS.get(base.__module__.split(".")[0])
        if known is not None and base.__name__ in known[0]:
            raise UnsupportedModelError(
                f"{what} is a subclass of {base.__name__} and may compute otherwise; fit a plain "
                f"{base.__name__} instead"
            )
    libraries = ", ".join(name for _, name in _IMPORTERS.values())
    if library in _IMPORTERS:
        table, name = _IMPORTERS[library]
        raise UnsupportedModelError(
            f"{what} can't be imported yet. Supported are {name}: {', '.join(table)}; and what "
            f"docs/support.md lists of {libraries}"
        )
    raise UnsupportedModelError(
        f"{what} can't be imported: it is no fitted model of {libraries}, and other code can't be "
        "translated: use an estimator of docs/support.md, or apply a transformer of your own to "
        "the data beforehand"
    )
