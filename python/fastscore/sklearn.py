"""A scikit-learn estimator that scores by fastscore: wrap one object, and code speeds up.

>>> from fastscore.sklearn import Scorer
>>> fast = Scorer(fitted)  # fast.predict(X), fast.predict_proba(X), ... as of `fitted`
>>> fast = Scorer(RandomForestClassifier()).fit(X, y)
"""

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
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


_A_MODEL = (
    "a Scorer wraps an estimator, not a fastscore.Model, which can't be fitted and scores by "
    "itself: model.predict(X)"
)


def _inner_has(name: str) -> Callable[["Scorer"], bool]:
    """Return a check that the wrapped estimator has a method: only then the scorer has it."""

    def check(scorer: "Scorer") -> bool:
        getattr(scorer._inner(), name)
        return True

    return check


class Scorer(BaseEstimator):  # type: ignore[misc]
    """Fits as its estimator does, and scores by fastscore, with the same results in NumPy arrays.

    Parameters
    ----------
    estimator
        What `fastscore.import_model` takes of scikit-learn, LightGBM, XGBoost and CatBoost. One
        that is fitted already is used as it is at the first score, without `fit`: fitted anew, it
        takes a new Scorer.

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
        if isinstance(self.estimator, Model):
            raise TypeError(_A_MODEL)
        self.estimator_ = clone(self.estimator).fit(X, y, **parameters)
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
            if isinstance(inner, Model):
                raise TypeError(_A_MODEL)
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
        inner = get_tags(self._inner())
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
        return self._inner()._get_tags()

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
        """Return the output of an estimator that transforms."""
        return self._scores(X, "transform")

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
