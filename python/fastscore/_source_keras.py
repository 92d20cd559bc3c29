"""Keras as the source that `verify` asks: a live model, called on one thread's worth of rows."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore._bounds_network import NetworkBound
from fastscore._model import Model
from fastscore._verify_report import another_model
from fastscore.importers import _keras_inputs as ends
from fastscore.importers import keras
from fastscore.importers._keras_live import live_graph
from fastscore.importers._keras_values import size
from fastscore.importers._source import version

_ROWS = 4096
"""How many rows a call gets."""


class KerasSource:
    """A Sequential or functional model; its bounds are those of the steps that it became."""

    takes_frames = True

    def __init__(self, source: Any, model: Model) -> None:
        kind = type(source).__name__
        graph = live_graph(source)
        self._source = source
        self._inputs = ends.inputs_of(graph)
        self._structure = graph.inputs
        self._outputs_structure = graph.outputs
        self._model = model
        taken = sum(size(each.shape) for each in self._inputs)
        if taken != model.n_features_in_:
            raise another_model("feature", taken, model.n_features_in_, "takes")
        self._targets: list[dict[str, Any]] = model._structure["targets"]
        self._steps: list[dict[str, Any]] = json.loads(model._core.spec)["steps"]
        self._asked: tuple[Any, list[tuple[NDArray[Any], Any]]] | None = None
        self._bound: tuple[Any, NetworkBound] | None = None
        self._layers: Any = None
        self._values: dict[int, int] = {}
        self.name = f"{kind} (Keras {version('keras')})"
        narrow = model._structure.get("output_width") == "float32"
        part = "1e-6" if narrow else "1e-12"
        self.network_text = f"{part} of the sums of |weight x value|, through the layers"

    # --- what it gives

    def output(self, output: str, x: Any) -> Any:
        if output not in ("prediction", "probability", "margin"):
            return None
        found = self._outputs(x)
        parts = []
        for t, (target, (values, margin)) in enumerate(zip(self._targets, found, strict=True)):
            if output == "margin":
                plain = target["margin"] == target["prediction"]["value"]
                if not plain and margin is None:
                    return None
                parts.append(values if plain else margin)
            elif output == "probability":
                if target["probability"] is None:
                    return None
                one = values.shape[1] == 1
                parts.append(np.hstack([1 - values, values]) if one else values)
            elif target["classes"] is None:
                parts.append(values)
            else:
                one = values.shape[1] == 1
                codes = (values[:, 0] > 0.5) if one else values.argmax(axis=1)
                parts.append(self.classes(t).take(codes.astype(np.intp)).reshape(-1, 1))
        return parts if len(parts) > 1 else parts[0]

    def classes(self, target: int) -> NDArray[Any]:
        found = self._model._classes[target]
        assert found is not None  # a target with classes
        return found

    def class_scores(self, x: Any, target: int) -> NDArray[Any]:
        values = self._outputs(x)[target][0]
        return np.hstack([1 - values, values]) if values.shape[1] == 1 else values

    def _outputs(self, x: Any) -> list[tuple[NDArray[Any], Any]]:
        """Return the outputs of the model, (rows, columns) each, and what is before a last link."""
        if self._asked is None or self._asked[0] is not x:
            found = self._called(x)
            if len(found) != len(self._targets):
                raise another_model("output", len(found), len(self._targets))
            self._asked = x, found
        return self._asked[1]

    def _called(self, x: Any) -> list[tuple[NDArray[Any], Any]]:
        parts = []
        for start in range(0, len(x), _ROWS):
            rows = x[start : start + _ROWS]
            found = self._source(self._given(rows))
            own = []
            for each in _leaves(found, self._outputs_structure):
                # Keras keeps what a sigmoid or softmax was given, for losses.
                before = getattr(each, "_keras_logits", None)
                margin = None if before is None else _numbers(before, len(rows))
                own.append((_numbers(each, len(rows)), margin))
            parts.append(own)
        return [
            (
                np.concatenate([values for values, _ in column]),
                None if column[0][1] is None else np.concatenate([m for _, m in column]),
            )
            for column in zip(*parts, strict=True)
        ]

    def _given(self, rows: Any) -> Any:
        """Return rows as the model takes them: an array an input, each of its own type."""
        arrays, start = [], 0
        text = any(each.dtype == "string" for each in self._inputs)
        for each in self._inputs:
            stop = start + size(each.shape)
            own = _columns(rows, start, stop, text=each.dtype == "string")
            if each.dtype != "string":
                own = np.trunc(own) if "int" in each.dtype else own
                own = own.astype(each.dtype)
            shaped = own.reshape(len(rows), *each.shape)
            # Text is a tensor of TensorFlow, and then all of them are.
            arrays.append(_tensor(shaped) if text else shaped)
            start = stop
        return arrays[0] if self._structure is None else _structured(self._structure, iter(arrays))

    # --- how far it may be off

    def linear_bound(self, x: Any) -> NDArray[np.float64] | None:
        return None

    def network_bound(self, value: int, x: Any) -> NDArray[np.float64]:
        """Return how far a value may be off, (rows, columns).

        The source rounds after each layer, whereas normalisations are a part of products here: the
        bound is that of the model with a step a layer.
        """
        if self._layers is None:
            self._layers = keras.unfolded(self._source)
            own = json.loads(self._layers.spec)["targets"]
            self._values = {}
            for one, other in zip(self._targets, own, strict=True):
                self._values[one["prediction"]["value"]] = other["prediction"]["value"]
                self._values[one["margin"]] = other["margin"]
                if one["probability"] is not None:
                    self._values[one["probability"]] = other["probability"]
        if self._bound is None or self._bound[0] is not x:
            self._bound = x, NetworkBound(self._layers, self._codes(x))
        return self._bound[1].of(self._values[value])

    def _codes(self, x: Any) -> NDArray[np.float64]:
        """Return the features as the steps see them."""
        count = sum(size(each.shape) for each in self._inputs)
        spec = json.loads(self._model._core.spec)
        text = {entry["feature"]: entry for entry in spec["features"].get("encodings") or ()}
        out = np.zeros((len(x), count))
        for at in range(count):
            if at not in text:
                out[:, at] = _columns(x, at, at + 1, text=False)[:, 0]
                continue
            values = self._model._core.categories(at) or []
            codes = text[at]["codes"]
            numbers = range(len(values)) if codes is None else self._tensor(codes)
            table = dict(zip(values, map(float, numbers), strict=True))
            known = text[at]["unknown_code"]
            other = np.nan if known is None else float(known)
            found = _columns(x, at, at + 1, text=True)[:, 0]
            out[:, at] = [table.get(str(value), other) for value in found]
        return out

    def _tensor(self, name: str) -> Any:
        from fastscore.importers._rename import tensors_of

        return tensors_of(self._model._core.to_bytes())[name]


def _columns(rows: Any, start: int, stop: int, *, text: bool) -> Any:
    """Return columns of a matrix or a frame."""
    if hasattr(rows, "iloc"):
        part = rows.iloc[:, start:stop].to_numpy(dtype=object if text else np.float64)
    elif hasattr(rows, "get_columns"):
        part = rows[:, start:stop].to_numpy()
    else:
        part = np.asarray(rows)[:, start:stop]
    return part.astype(object) if text else part.astype(np.float64)


def _tensor(values: NDArray[Any]) -> Any:
    import tensorflow

    if values.dtype == object:
        return tensorflow.constant(values.tolist(), shape=values.shape)
    return tensorflow.constant(values)


def _structured(like: Any, arrays: Iterator[Any]) -> Any:
    """Return arrays in the structure in which a model has its inputs."""
    if isinstance(like, dict):
        return {key: _structured(each, arrays) for key, each in like.items()}
    if isinstance(like, list):
        return [_structured(each, arrays) for each in like]
    return next(arrays)


def _leaves(outputs: Any, like: Any) -> list[Any]:
    """Return the outputs in the order that the configuration lists them in."""
    if isinstance(outputs, dict):
        return [leaf for key, part in like.items() for leaf in _leaves(outputs[key], part)]
    if isinstance(outputs, list | tuple):
        alike = isinstance(like, list) and len(like) == len(outputs)
        inner = like if alike else [None] * len(outputs)
        return [
            leaf for each, part in zip(outputs, inner, strict=True) for leaf in _leaves(each, part)
        ]
    return [outputs]


def _numbers(output: Any, rows: int) -> NDArray[Any]:
    found = output.detach().cpu() if hasattr(output, "detach") else output
    return np.asarray(found).reshape(rows, -1)
