"""A scikit-learn estimator that scores by fastscore: wrap one object, and code speeds up.

>>> from fastscore.sklearn import Scorer
>>> fast = Scorer(fitted)  # fast.predict(X), fast.predict_proba(X), ... as of `fitted`
>>> fast = Scorer(RandomForestClassifier()).fit(X, y)
"""

import os
from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils._set_output import _wrap_data_with_container
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from fastscore._containers import make_table
from fastscore._containers._job import Job
from fastscore._import import import_model
from fastscore._model import Model
from fastscore._predict import is_data

try:
    from sklearn.utils import get_tags
    from sklearn.utils.validation import validate_data
except ImportError:  # scikit-learn before 1.6
    get_tags = validate_data = None

__all__ = ["Scorer"]


def _is_estimator(inner: Any) -> bool:
    """Whether it is what scikit-learn calls an estimator: networks and Boosters are none."""
    return not isinstance(inner, type) and hasattr(inner, "fit") and hasattr(inner, "get_params")


def _checked(inner: Any) -> Any:
    """Return the wrapped estimator; TypeError for what is none."""
    if _is_estimator(inner):
        return inner
    if isinstance(inner, Model):
        raise TypeError(
            "a Scorer wraps an estimator, not a fastscore.Model, which can't be fitted and scores "
            "by itself: model.predict(X)"
        )
    if isinstance(inner, type):
        raise TypeError(f"a Scorer wraps an estimator, not its class: {inner.__name__}(...)")
    hint = "fastscore.import_model(object)"
    if isinstance(inner, str | os.PathLike):
        hint = "fastscore.load(path)"
    raise TypeError(
        "a Scorer wraps an estimator of scikit-learn's kind, which has fit and get_params, not "
        f"{type(inner).__module__}.{type(inner).__qualname__}: {hint} makes a model of what is "
        "supported, and that scores by itself: model.predict(X)"
    )


def _inner_has(name: str) -> Callable[["Scorer"], bool]:
    """Return a check that the wrapped estimator has a method: only then the scorer has it.

    Around what is no estimator it has all of them, and they say so.
    """

    def check(scorer: "Scorer") -> bool:
        if _is_estimator(inner := scorer._inner()):
            getattr(inner, name)
        return True

    return check


class _Wrapping:
    """What scikit-learn asks when it wraps the output of a Scorer's `transform`."""

    _sklearn_auto_wrap_output_keys: ClassVar = {"transform"}

    def __init__(self, scorer: "Scorer") -> None:
        if hasattr(scorer, "get_feature_names_out"):
            self.get_feature_names_out = scorer.get_feature_names_out
        last = scorer._inner()
        while type(last) is Pipeline:
            last = last.steps[-1][1]
        for each in (scorer, last):
            if hasattr(each, "_sklearn_output_config"):
                self._sklearn_output_config = each._sklearn_output_config
                return


class Scorer(BaseEstimator):  # type: ignore[misc]
    """Fits as its estimator does, and scores by fastscore, with the same results in NumPy arrays.

    Parameters
    ----------
    estimator
        An estimator of scikit-learn, LightGBM, XGBoost or CatBoost that `fastscore.import_model`
        takes. One that is fitted already is used as it is at the first score, without `fit`: fitted
        anew, it takes a new Scorer.

    Attributes
    ----------
    estimator_
        The fitted clone of `estimator`, after `fit`.
    model_
        The `fastscore.Model` that scores.
    classes_, n_features_in_, feature_names_in_, ...
        The fitted estimator's, as all attributes that end with `_`.

    What the estimator has not, `predict_proba` for example, the scorer has not. A model that can't
    be imported exactly is an `UnsupportedModelError` of `fit`, or of the first score.

    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: Any = None, **parameters: Any) -> Self:
        """Fit a clone of the estimator and import it; `parameters` go to its `fit`."""
        self.estimator_ = clone(_checked(self.estimator)).fit(X, y, **parameters)
        self._imported = self.estimator_, import_model(self.estimator_)
        return self

    def _inner(self) -> Any:
        return self.__dict__.get("estimator_", self.estimator)

    def __sklearn_is_fitted__(self) -> bool:
        try:
            check_is_fitted(self._inner())
        except (NotFittedError, TypeError):
            return False
        return True

    @property
    def model_(self) -> Model:
        """The model that scores, imported at first need."""
        return self._model()

    def _model(self) -> Model:
        inner = self._inner()
        # Of another estimator, where `set_params` gave one since.
        known: tuple[Any, Model] | None = self.__dict__.get("_imported")
        if known is None or known[0] is not inner:
            _checked(inner)
            if not self.__sklearn_is_fitted__():
                raise NotFittedError(
                    "this Scorer is not fitted: call fit, or wrap an estimator that is fitted"
                )
            known = self._imported = inner, import_model(inner)
        return known[1]

    def __getattr__(self, name: str) -> Any:
        # What fitting found out: `classes_`, `n_features_in_`, `feature_names_in_`, `offset_`, ...
        if name.endswith("_") and not name.startswith("_"):
            return getattr(self._inner(), name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    # --- what the estimator is, for scikit-learn's own tools

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = get_tags(_checked(self._inner()))
        for name in (
            "estimator_type",
            "classifier_tags",
            "regressor_tags",
            "transformer_tags",
            "target_tags",
            "input_tags",
            "non_deterministic",
            "requires_fit",
        ):
            setattr(tags, name, getattr(inner, name))
        return tags

    def _more_tags(self) -> Any:  # scikit-learn before 1.6
        return _checked(self._inner())._get_tags()

    @property
    def _estimator_type(self) -> Any:  # scikit-learn before 1.6
        return self._inner()._estimator_type

    # --- scores

    def _scores(self, X: Any, output: str) -> Any:
        model = self._model()
        if not is_data(X) and hasattr(X, "__array__"):
            X = np.asarray(X)
        table = make_table(X)
        # The names and number of columns are checked as scikit-learn does, with its messages.
        if validate_data is not None:
            validate_data(self, X, reset=False, skip_check_array=True)
        else:
            self._check_feature_names(X, reset=False)
            self._check_n_features(X, reset=False)
        return Job(model._core, model._layouts[output], None, "source").run(table).numpy()

    @available_if(_inner_has("predict"))  # type: ignore[untyped-decorator]
    def predict(self, X: Any) -> NDArray[Any]:
        """Return what the estimator's `predict` does."""
        prediction: NDArray[Any] = self._scores(X, "prediction")
        return prediction

    @available_if(_inner_has("predict_proba"))  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Any:
        """Return one column a class, in the order of `classes_`; a list for several outputs."""
        return self._scores(X, "probability")

    @available_if(_inner_has("predict_log_proba"))  # type: ignore[untyped-decorator]
    def predict_log_proba(self, X: Any) -> Any:
        """Return the logarithms of `predict_proba`."""
        probability = self._scores(X, "probability")
        with np.errstate(divide="ignore"):
            if isinstance(probability, list):
                return [np.log(one) for one in probability]
            return np.log(probability)

    @available_if(_inner_has("decision_function"))  # type: ignore[untyped-decorator]
    def decision_function(self, X: Any) -> Any:
        """Return the raw score before the link."""
        return self._scores(X, "margin")

    @available_if(_inner_has("score_samples"))  # type: ignore[untyped-decorator]
    def score_samples(self, X: Any) -> Any:
        """Return the lower, the more of an outlier."""
        return self._scores(X, "score")

    @available_if(_inner_has("transform"))  # type: ignore[untyped-decorator]
    def transform(self, X: Any) -> Any:
        """Return the output of an estimator that transforms, float64.

        A frame where `set_output` of the scorer, else of the estimator, else of scikit-learn's
        configuration says so.
        """
        found = self._scores(X, "transform")
        return _wrap_data_with_container("transform", found, X, _Wrapping(self))

    @available_if(_inner_has("transform"))  # type: ignore[untyped-decorator]
    def set_output(self, *, transform: str | None = None) -> Self:
        """Set what `transform` returns: `"default"` (NumPy), `"pandas"` or `"polars"`."""
        if transform is not None:
            self._sklearn_output_config = {"transform": transform}
        return self

    @available_if(_inner_has("transform"))  # type: ignore[untyped-decorator]
    def fit_transform(self, X: Any, y: Any = None, **parameters: Any) -> Any:
        """Fit, then transform."""
        return self.fit(X, y, **parameters).transform(X)

    @available_if(_inner_has("fit_predict"))  # type: ignore[untyped-decorator]
    def fit_predict(self, X: Any, y: Any = None, **parameters: Any) -> NDArray[Any]:
        """Fit, then predict: outliers are -1."""
        prediction: NDArray[Any] = self.fit(X, y, **parameters).predict(X)
        return prediction

    @available_if(_inner_has("get_feature_names_out"))  # type: ignore[untyped-decorator]
    def get_feature_names_out(self, input_features: Any = None) -> Any:
        """Names of the columns of `transform`."""
        return self._inner().get_feature_names_out(input_features)

    @available_if(_inner_has("score"))  # type: ignore[untyped-decorator]
    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return what the estimator's `score` does.

        Where that is the accuracy or R² of what it predicts, fastscore predicts; a score of the
        estimator's own, as that of a search, is left to it.
        """
        from sklearn.metrics import accuracy_score, r2_score

        inner = last = self._inner()
        while type(last) is Pipeline:
            last = last.steps[-1][1]
        metric = {ClassifierMixin.score: accuracy_score, RegressorMixin.score: r2_score}.get(
            getattr(type(last), "score", None)
        )
        if metric is None:
            weights = {} if sample_weight is None else {"sample_weight": sample_weight}
            return float(inner.score(X, y, **weights))
        return float(metric(y, self.predict(X), sample_weight=sample_weight))
