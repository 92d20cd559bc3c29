"""Live source models behind one face, for `verify`: each runs on one thread."""

import contextlib
import copy
import os
import warnings
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fastscore._against import open_file
from fastscore._bounds import linear_bound
from fastscore._bounds_scores import margin
from fastscore._bounds_transform import transform_bound
from fastscore._errors import FastscoreError
from fastscore._model import Model
from fastscore._shake import is_meta, reach, shaken
from fastscore._source_catboost import CatBoostSource
from fastscore._source_keras import KerasSource
from fastscore._source_meta import decisive_scores, meta_margin, own_rounding
from fastscore._source_onnx import OnnxSource
from fastscore._source_pipeline import PipelineSource, numbers, quietly, takes_columns
from fastscore._source_xgboost import XGBoostSource
from fastscore.importers._sklearn_delegate import behind_scorer
from fastscore.importers._source import version


class Source(Protocol):
    """A source model that is asked for its outputs on a float64 matrix (rows, features).

    `linear_relative: str`, where a class has it, is the bound of linear margins; else 1e-12.
    `link_ulps: int`, where a class has it, is within how many ulp of our own its exponentials and
    logarithms are; else 2. `takes_frames`: it knows categories by value, so a model that encodes
    some hands it frames. `by_column`: it may pick columns by name, or go by
    their types, so it gets frames always.
    `network_bound(value, matrix)`, where a class has it, is how far a value of the model may be
    off, and `network_text` how that is called.
    `sums_logarithms`: its shares are bounded by the size of sums, though these are equal.
    """

    name: str

    def output(self, output: str, x: NDArray[np.float64]) -> Any:
        """Return the output in the source's own shapes (a list for several targets), or None."""

    def classes(self, target: int) -> NDArray[Any]:
        """Class labels of a target."""

    def class_scores(self, x: NDArray[np.float64], target: int) -> NDArray[Any]:
        """Scores that the source compares to choose a class: (rows, classes).

        (rows, labels) where a row can have several labels together.
        """

    def linear_bound(self, x: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """1e-12 of the sum of |coefficient x value|: (rows, outputs), or what takes its place.

        None where the source has nothing but trees.
        """


@contextlib.contextmanager
def asking(theirs: Source) -> Iterator[None]:
    """Name the source in what goes wrong in it."""
    try:
        # Huge values overflow where a source checks them.
        with np.errstate(all="ignore"):
            yield
    except (FastscoreError, MemoryError):
        raise
    except Exception as error:
        said = (str(error).strip().splitlines() or [""])[0]
        raise ValueError(
            f"the source, {theirs.name}, can't score these rows: {type(error).__name__}: {said}"
        ) from error


def two_dimensional(values: Any) -> NDArray[Any]:
    array = np.asarray(values.toarray() if hasattr(values, "toarray") else values)
    return array.reshape(-1, 1) if array.ndim == 1 else array.reshape(len(array), -1)


_LIBRARIES = {
    "sklearn": "scikit-learn",
    "lightgbm": "LightGBM",
    "xgboost": "XGBoost",
    "catboost": "CatBoost",
    "keras": "Keras",
    "onnx": "ONNX",
    "onnxruntime": "ONNX",
}
"""Package of a source's class -> the library as models name it."""


def open_source(source: Any, model: Model) -> Source:
    """Return the source, live or a file, behind its face; TypeError for what no importer reads."""
    if isinstance(source, str | os.PathLike):
        source = open_file(source, model)
    library = type(source).__module__.split(".")[0]
    if model._structure["source"]["library"] == "ONNX" and (
        isinstance(source, str | bytes) or library in ("onnx", "onnxruntime")
    ):
        return OnnxSource(source, model)
    check_kind(source, model)
    found = _open(source, model)
    assert found is not None  # it was checked
    return found


def check_kind(source: Any, model: Model) -> None:
    """ValueError where a source is of another library than the model, TypeError for no source."""
    library = type(source).__module__.split(".")[0]
    ours = model._structure["source"]["library"]
    if _LIBRARIES.get(library, ours) != ours:
        raise ValueError(
            f"source is a {type(source).__name__} of {_LIBRARIES[library]}, but the model was "
            f"imported from {ours}"
        )
    if library in _LIBRARIES and library not in ("onnx", "onnxruntime"):
        return
    raise TypeError(
        f"source is a {type(source).__module__}.{type(source).__qualname__}; it must be the live "
        "model of scikit-learn, LightGBM, XGBoost, CatBoost or Keras that this model was imported "
        "from, or its file's path; of ONNX also bytes, a ModelProto or an InferenceSession"
    )


def _open(source: Any, model: Model) -> Source | None:
    library = type(source).__module__.split(".")[0]
    if library == "sklearn":
        inner = _delegate(source)
        if inner is not source:
            # The model is that of the estimator which it hands everything on to.
            return _open(inner, model)
        if type(source).__name__ == "Pipeline" and hasattr(source.steps[-1][1], "predict"):
            return PipelineSource(source, _opened)
        return SklearnSource(source)
    if library == "lightgbm":
        return LightGBMSource(source, model)
    if library == "xgboost":
        return XGBoostSource(source, model)
    if library == "catboost":
        return CatBoostSource(source, model)
    if library == "keras":
        return KerasSource(source, model)
    return None


def _opened(source: Any, model: Model) -> Source:
    """Return a step of a pipeline behind its face."""
    found = _open(source, model)
    assert found is not None  # it was imported
    return found


_CLUSTERS = ("cluster_centers_", "means_")


def _delegate(source: Any) -> Any:
    """Return the estimator that searches and frozen estimators stand for."""
    while True:
        source = behind_scorer(source)
        name = type(source).__name__
        own = vars(source)
        if "best_estimator_" in own:
            source = own["best_estimator_"]
        elif name == "FrozenEstimator":
            source = own["estimator"]
        else:
            return source


class SklearnSource:
    """A scikit-learn estimator, with n_jobs=1."""

    takes_frames = True
    link_ulps = 4
    """NumPy's exponentials are its own, and softmax adds them up."""

    def __init__(self, estimator: Any) -> None:
        self.sums_logarithms = hasattr(estimator, "category_count_")
        with warnings.catch_warnings():
            # What goes away in a later version says so whenever it is made.
            warnings.filterwarnings("ignore", "Class .* is deprecated", FutureWarning)
            self._estimator = copy.copy(estimator)
        if hasattr(self._estimator, "n_jobs"):
            self._estimator.n_jobs = 1
        self.by_column = takes_columns(estimator)
        self.name = f"{type(estimator).__name__} (scikit-learn {version('sklearn')})"

    def output(self, output: str, x: NDArray[np.float64]) -> Any:
        estimator = self._estimator
        with quietly():
            if output == "prediction":
                return estimator.predict(x)
            if output == "probability":
                return estimator.predict_proba(x) if hasattr(estimator, "predict_proba") else None
            if output == "leaf":
                return estimator.apply(x) if hasattr(estimator, "apply") else None
            if output == "score":
                return estimator.score_samples(x) if hasattr(estimator, "score_samples") else None
            if output == "transform":
                return numbers(estimator.transform(x)) if hasattr(estimator, "transform") else None
            if hasattr(estimator, "decision_function") and _decides(estimator):
                return estimator.decision_function(x)
            for of in (margin, meta_margin):
                if (own := of(estimator, x)) is not None:
                    return own
            if hasattr(estimator, "predict_proba"):
                shares = estimator.predict_proba(x)
                return (
                    [_margin(part) for part in shares]
                    if isinstance(shares, list)
                    else _margin(shares)
                )
            if hasattr(estimator, "_baseline_prediction"):
                return estimator._raw_predict(x)
            return estimator.predict(x)

    def classes(self, target: int) -> NDArray[Any]:
        binarizer = getattr(self._estimator, "_label_binarizer", None)
        if binarizer is not None and binarizer.y_type_.startswith("multilabel"):
            # A column a label, whether the row has it.
            return np.arange(2)
        if not hasattr(self._estimator, "classes_"):
            # Clusters are numbered.
            return np.arange(max(len(getattr(self._estimator, name, ())) for name in _CLUSTERS))
        found = self._estimator.classes_
        if getattr(self._estimator, "multilabel_", False):
            return np.array([0, 1])
        return np.asarray(found[target] if isinstance(found, list) else found)

    def class_scores(self, x: NDArray[np.float64], target: int) -> NDArray[np.float64]:
        own = decisive_scores(self._estimator, x, target)
        if own is not None:
            return own
        if hasattr(self._estimator, "decision_function"):
            margin = np.asarray(self.output("margin", x))
            return np.column_stack([np.zeros(len(margin)), margin]) if margin.ndim == 1 else margin
        if hasattr(self._estimator, "cluster_centers_"):
            return np.asarray(self.output("margin", x))
        shares = self.output("probability", x)
        if shares is None:
            return np.asarray(self.output("margin", x))
        return np.asarray(shares[target] if isinstance(shares, list) else shares)

    def linear_bound(self, x: NDArray[np.float64]) -> NDArray[np.float64] | None:
        if is_meta(self._estimator):
            return None  # `bound` says more
        with quietly():
            return linear_bound(self._estimator, x)

    def transform_bound(self, x: NDArray[np.float64]) -> NDArray[np.float64] | None:
        with quietly():
            if is_meta(self._estimator) and hasattr(self._estimator, "transform"):
                return reach(self._estimator, x, "transform")
            return transform_bound(self._estimator, x)

    def bound(self, output: str, x: Any) -> NDArray[np.float64] | None:
        """How far an output may be off, of a meta-estimator; None for all else."""
        if not is_meta(self._estimator):
            return None
        estimator = self._estimator
        method = {"prediction": "predict", "probability": "predict_proba"}.get(output)
        if method is None and hasattr(estimator, "decision_function"):
            method = "decision_function"
        with quietly():
            if method is not None:
                found = reach(estimator, x, method)
            elif meta_margin(estimator, x) is not None:
                found = shaken(estimator, lambda each: meta_margin(each, x))
            else:
                shares = hasattr(estimator, "predict_proba")
                found = reach(estimator, x, "predict_proba" if shares else "predict")
            own = own_rounding(estimator, x) if output != "probability" else 0.0
        return found.reshape(len(found), -1) + own


def _decides(estimator: Any) -> bool:
    """Whether `decision_function` works: bagging's fails where estimators saw fewer classes."""
    if not hasattr(estimator, "estimators_features_") or not hasattr(estimator, "classes_"):
        return True
    return all(len(each.classes_) == len(estimator.classes_) for each in estimator.estimators_)


def _margin(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    return shares[:, 1] if shares.shape[1] == 2 else shares


class LightGBMSource:
    """A LightGBM Booster or wrapper, with num_threads=1 and as many iterations as the model has."""

    def __init__(self, source: Any, model: Model) -> None:
        self._estimator = source if hasattr(source, "booster_") else None
        self._booster = source if self._estimator is None else source.booster_
        self._has_classes = model._classes[0] is not None
        # A Booster has no labels of its own: the model's are taken for right.
        own = getattr(self._estimator, "classes_", None)
        self._classes = model._classes[0] if own is None else np.asarray(own)
        trees = len(model._core.column_names("leaf")[0]) if "leaf" in model.outputs else 0
        per_iteration = max(self._booster.num_model_per_iteration(), 1)
        self._arguments = {"num_threads": 1, "num_iteration": trees // per_iteration or None}
        self.name = f"{type(source).__name__} (LightGBM {version('lightgbm')})"

    def output(self, output: str, x: NDArray[np.float64]) -> Any:
        predict = self._booster.predict
        if output == "leaf":
            return np.asarray(predict(x, pred_leaf=True, **self._arguments)).reshape(len(x), -1)
        if output == "margin":
            return predict(x, raw_score=True, **self._arguments)
        if output == "probability":
            return self._probability(x)
        if self._has_classes:
            return self.classes(0).take(np.argmax(self._probability(x), axis=1))
        return predict(x, **self._arguments)

    def _probability(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        values = np.asarray(self._booster.predict(x, **self._arguments))
        return np.vstack([1.0 - values, values]).T if values.ndim == 1 else values

    def classes(self, target: int) -> NDArray[Any]:
        assert self._classes is not None
        return self._classes

    def class_scores(self, x: NDArray[np.float64], target: int) -> NDArray[np.float64]:
        return self._probability(x)

    def linear_bound(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.zeros((len(x), 1))
