"""XGBoost as the source that `verify` asks: a Booster or a wrapper, on one thread."""

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore._model import Model
from fastscore.importers._source import version

_SINGLE = 1e-6
"""Of gblinear's sum of |weight x value|: it adds in float32."""

_EXPONENTIAL = ("reg:gamma", "reg:tweedie", "count:poisson", "survival:cox", "survival:aft")


class XGBoostSource:
    """As many iterations as the model has; arrays in place or a DMatrix, as the model predicts."""

    linear_relative = "1e-6"

    def __init__(self, source: Any, model: Model) -> None:
        booster = source if hasattr(source, "save_raw") else source.get_booster()
        self._booster = booster.copy()
        self._booster.set_param({"nthread": 1})
        found = model.source.parameters
        self._objective = found["objective"]
        self._linear = found["booster"] == "gblinear"
        self._in_place = found["like"] != "booster" and not self._linear
        self._range = (0, int(found["iterations"]))
        self._classes = model._classes[0]
        self._missing = float("nan")
        for step in model._structure["steps"]:
            held = step.get("missing_value", step.get("kind", {}).get("also"))
            if held is not None:
                self._missing = float(held)
        self.name = f"{type(source).__name__} (XGBoost {version('xgboost')})"

    def output(self, output: str, x: NDArray[np.float64]) -> Any:
        if output == "leaf":
            return self._leaves(x)
        if output == "margin":
            return self._predict(x, margin=True)
        if output == "probability":
            return self._probability(x)
        values = self._predict(x)
        if self._classes is None:
            return values
        if self._objective == "multi:softmax":
            return self._classes.take(values.astype(np.intp))
        if self._objective == "multi:softprob":
            return self._classes.take(values.argmax(axis=1))
        return self._classes.take((values > 0.5).astype(np.intp))

    def _predict(self, x: NDArray[np.float64], *, margin: bool = False) -> NDArray[np.float32]:
        if self._in_place:
            found = self._booster.inplace_predict(
                x,
                iteration_range=self._range,
                predict_type="margin" if margin else "value",
                missing=self._missing,
                validate_features=False,
            )
        else:
            found = self._booster.predict(
                self._matrix(x),
                iteration_range=self._range,
                output_margin=margin,
                validate_features=False,
            )
        return np.asarray(found)

    def _matrix(self, x: NDArray[np.float64]) -> Any:
        kinds = self._booster.feature_types
        return sys.modules["xgboost"].DMatrix(
            x,
            missing=self._missing,
            nthread=1,
            feature_types=kinds,
            enable_categorical=kinds is not None and "c" in kinds,
        )

    def _leaves(self, x: NDArray[np.float64]) -> Any:
        with np.errstate(over="ignore"):
            infinite = np.isinf(x.astype(np.float32)).any() and not np.isinf(self._missing)
        if self._in_place and infinite:
            # `apply` makes a DMatrix, which refuses infinities; `predict` takes them.
            return None
        found = self._booster.predict(
            self._matrix(x), pred_leaf=True, iteration_range=self._range, validate_features=False
        )
        return np.asarray(found).reshape(len(x), -1)

    def _probability(self, x: NDArray[np.float64]) -> NDArray[np.float32]:
        if self._objective == "multi:softmax":
            # As `multi:softprob` does, with a correctly rounded exponential.
            margin = self._predict(x, margin=True)
            shifted = (margin - margin.max(axis=1, keepdims=True)).astype(np.float64)
            weights = np.exp(shifted).astype(np.float32)
            total = weights.sum(axis=1, keepdims=True, dtype=np.float64).astype(np.float32)
            return np.asarray(weights / total, dtype=np.float32)
        values = self._predict(x)
        return values if values.ndim > 1 else np.vstack([1 - values, values]).T

    def classes(self, target: int) -> NDArray[Any]:
        assert self._classes is not None
        return self._classes

    def class_scores(self, x: NDArray[np.float64], target: int) -> NDArray[np.float32]:
        if self._objective == "multi:softmax":
            return self._predict(x, margin=True)
        return self._probability(x)

    def linear_bound(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        if not self._linear:
            return np.zeros((len(x), 1))
        margin = self._predict(x, margin=True).reshape(len(x), -1).astype(np.float64)
        zeros, each = np.zeros((1, x.shape[1])), np.eye(x.shape[1])
        start = self._predict(zeros, margin=True).reshape(1, -1).astype(np.float64)
        weights = self._predict(each, margin=True).reshape(len(each), -1) - start
        scale = np.abs(np.nan_to_num(x)) @ np.abs(weights) + np.abs(start)
        # An exponential link is as steep as its value.
        slope = np.exp(margin) if self._objective in _EXPONENTIAL else 1.0
        bound: NDArray[np.float64] = _SINGLE * scale * np.maximum(1.0, slope)
        return bound
