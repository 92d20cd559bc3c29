"""Objects of scikit-learn that hand everything on to one estimator: searches, FrozenEstimator.

Their model is that estimator's, with the source of their own.
"""

from typing import Any

from fastscore import _core
from fastscore._errors import UnsupportedModelError
from fastscore._options import Options
from fastscore.importers import _source
from fastscore.importers._rename import with_source


def behind_scorer(obj: Any) -> Any:
    """Return the estimator that a `fastscore.sklearn.Scorer` wraps, and any other object as it is.

    What scores by fastscore is imported as what it was made of, which `verify` then asks.
    """
    while type(obj).__module__ == "fastscore.sklearn":
        obj = obj._inner()
    return obj


def import_search(estimator: Any, options: Options) -> _core.Model:
    """GridSearchCV, RandomizedSearchCV, HalvingGridSearchCV, HalvingRandomSearchCV."""
    name = type(estimator).__name__
    best = getattr(estimator, "best_estimator_", None)
    if best is None:
        if not hasattr(estimator, "cv_results_"):
            raise UnsupportedModelError(f"{name} is not fitted; call fit first")
        raise UnsupportedModelError(
            f"{name}: refit={estimator.refit!r} leaves no best_estimator_ to predict with; search "
            "with refit=True, or import an estimator that you fit with the best parameters"
        )
    return _import(estimator, behind_scorer(best), "best_estimator_", options)


def import_frozen(estimator: Any, options: Options) -> _core.Model:
    """FrozenEstimator."""
    return _import(estimator, behind_scorer(estimator.estimator), "estimator", options)


def _import(estimator: Any, inner: Any, attribute: str, options: Options) -> _core.Model:
    from fastscore._import import _importer

    name = type(estimator).__name__
    try:
        core = _importer(inner)(inner, options)
    except UnsupportedModelError as error:
        raise UnsupportedModelError(f"{name}: {attribute}: {error}") from error
    package = type(inner).__module__.split(".")[0]
    version = _source.version(package)
    what = f"{attribute}: {type(inner).__name__}" + (f" ({package} {version})" if version else "")
    return with_source(core, _source.describe(estimator, "scikit-learn", [what]))
