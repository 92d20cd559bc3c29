"""CatBoost's models behind the face that `verify` asks."""

import json
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore._model import Model
from fastscore.importers._source import version


class CatBoostSource:
    """A CatBoost model, on one thread and with as many trees as the model has."""

    takes_frames = True

    def __init__(self, source: Any, model: Model) -> None:
        self._model = source
        trees = len(model._core.column_names("leaf")[0]) if "leaf" in model.outputs else 0
        self._arguments = {"ntree_end": trees, "thread_count": 1}
        rule = json.loads(model._core.spec)["targets"][0]["prediction"]["rule"]
        columns = len(model._core.column_names("margin")[0])
        self._several_labels = rule == "above" and columns > 1
        self.name = f"{type(source).__name__} (CatBoost {version('catboost')})"

    def output(self, output: str, x: Any) -> Any:
        x = _readable(x)
        if output == "leaf":
            return self._model.calc_leaf_indexes(x, **self._arguments)
        if output == "margin":
            return self._raw(x)
        if output == "probability":
            share = self._model.predict(x, prediction_type="Probability", **self._arguments)
            return np.asarray(share)
        predicted = np.asarray(self._model.predict(x, **self._arguments))
        # Labels of more than two classes come as a column.
        return predicted.reshape(-1) if predicted.shape[1:] == (1,) else predicted

    def _raw(self, x: Any) -> NDArray[np.float64]:
        # A ranker's own `predict` gives nothing else, and takes no such argument.
        base = sys.modules["catboost"].CatBoost
        raw = base.predict(self._model, x, prediction_type="RawFormulaVal", **self._arguments)
        return np.asarray(raw, dtype=np.float64)

    def classes(self, target: int) -> NDArray[Any]:
        # Labels that a row can have together are 0 and 1 each, whatever they are called.
        return np.array([0, 1]) if self._several_labels else np.asarray(self._model.classes_)

    def class_scores(self, x: Any, target: int) -> NDArray[np.float64]:
        raw = self._raw(_readable(x))
        return np.column_stack([np.zeros(len(raw)), raw]) if raw.ndim == 1 else raw

    def linear_bound(self, x: Any) -> NDArray[np.float64]:
        return np.zeros((len(x), 1))


def _readable(x: Any) -> Any:
    """Return a frame as CatBoost reads it: a pandas one, its text as Python strings."""
    if isinstance(x, np.ndarray) or not hasattr(x, "dtypes"):
        return x
    frame = x if hasattr(x, "iloc") else x.to_pandas()
    numbers = [kind.kind in "biuf" for kind in frame.dtypes]
    text = [name for name, number in zip(frame.columns, numbers, strict=True) if not number]
    return frame.astype(dict.fromkeys(text, object))
