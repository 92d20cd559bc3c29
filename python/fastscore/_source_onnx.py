"""ONNX Runtime as the source that `verify` asks, on one thread."""

import functools
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore import _core
from fastscore._bounds_network import PART, NetworkBound, Pair, Step, between
from fastscore._model import Model
from fastscore.importers._onnx_outputs import LEFT_OUT
from fastscore.importers._rename import tensors_of
from fastscore.importers.onnx import step_by_step

_INTEGERS = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
_TYPES = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(bool)": "bool",
    "tensor(string)": "object",
    **{
        f"tensor({sign}int{bits})": f"{sign}int{bits}"
        for sign in ("", "u")
        for bits in (8, 16, 32, 64)
    },
}
_ROWS = 4096


_SIGMOID = 2.0**-22
"""How far ONNX Runtime's sigmoid of float32 is off: 1.7e-7 at most, and 0 from -18 on; of the other
class it gives 1 minus it."""


class GraphBound(NetworkBound):
    """The bounds of a graph, in which there may be trees too: of what these read they are exact."""

    def __init__(self, core: Any, x: NDArray[np.float64]) -> None:
        super().__init__(core, x)
        self._core, self._x = core, x
        self._narrow = json.loads(core.spec)["input"]["width"] == "float32"

    def _step(self, step: Step) -> Pair:
        if step["op"] == "interpolate":
            return self._interpolated(step)
        if step.get("kind", {}).get("name") == "weighted_median":
            # One of its columns, which another may take the place of only where both are as near.
            return self._computed(step), self._known[step["input"]][1].max(axis=1, keepdims=True)
        if step["op"] not in ("forest", "leaf_indicator", "distances", "polynomial"):
            value, off = super()._step(step)
            name = step.get("kind", {}).get("name")
            if name == "log_sum_exp" and self._narrow:
                # Ours is of float64, whatever the graph's width.
                off = off + PART["float32"] * (np.abs(value) + 1)
            if name in ("logistic", "sigmoid") and step.get("width") == "float32":
                off = off + _SIGMOID
            return value, off
        value = self._computed(step)
        off = np.zeros_like(value)
        if step["op"] == "forest":
            # ONNX Runtime adds the trees up in an order of its own.
            leaves = np.abs(self._tensors[f"{step['tensors']}.leaf_value"])
            trees = len(self._tensors[f"{step['tensors']}.split_offset"]) - 1
            off += PART["float32"] * trees * leaves.max(initial=0.0)
        elif step["op"] != "leaf_indicator":
            off += PART[step.get("width") or "float64"] * np.abs(value)
        return value, off

    def _interpolated(self, step: Step) -> Pair:
        """Return lines, which the source computes at the width of its features."""
        names = (f"{step['tensors']}.{name}" for name in ("offset", "x", "y"))
        offset, points, values = (self._tensors[name] for name in names)

        def lines(x: NDArray[np.float64]) -> NDArray[np.float64]:
            parts = [slice(offset[c], offset[c + 1]) for c in range(x.shape[1])]
            return np.column_stack(
                [np.interp(x[:, c], points[own], values[own]) for c, own in enumerate(parts)]
            )

        value, off = between(lines, *self._known[step["input"]])
        return value, off + PART[json.loads(self._core.spec)["input"]["width"]] * abs(values).max()

    def _computed(self, step: Step) -> NDArray[np.float64]:
        """Return what our own step gives: a model that ends with it is asked."""
        structure = json.loads(self._core.spec)
        at = structure["steps"].index(step) + 1
        structure["steps"] = structure["steps"][:at]
        structure["features"]["encodings"] = []
        structure["guards"] = []
        structure["leaf"] = None
        structure.pop("output_width", None)
        target = {"name": None, "classes": None, "margin": at, "probability": None}
        structure["targets"] = [target | {"prediction": {"rule": "value", "value": at}}]
        used = {
            str(step[key])
            for step in structure["steps"]
            for key in ("coefficients", "intercept", "tensors")
            if key in step
        }
        names = structure["features"]["names"]
        kept = {
            name: tensor
            for name, tensor in self._tensors.items()
            if name in used or name.rpartition(".")[0] in used | {names}
        }
        model = Model(_core.Model.from_parts(json.dumps(structure), kept))
        return np.asarray(model.margin(self._x), dtype=np.float64).reshape(len(self._x), -1)


class OnnxSource:
    """A path, the bytes of a file, a ModelProto, or an InferenceSession, which is opened again."""

    takes_frames = True
    network_text = "1e-6 (float64: 1e-12) of sum |weight x value|, through all steps"

    def __init__(self, source: Any, model: Model) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise ImportError(
                "verify runs ONNX models with ONNX Runtime, which is not installed: pip install "
                "onnxruntime"
            ) from error
        source = _plain(source)
        self._session = source if hasattr(source, "get_inputs") else _session(onnxruntime, source)
        self._source = source
        self._model = model
        self._targets = model._structure["targets"]
        outputs = [own.name for own in self._session.get_outputs()]
        self._names = [name for name in outputs if not self._is_left_out(name)]
        self._given = any("classes=" in note for note in model._structure["source"]["notes"])
        self._asked: tuple[Any, list[Any]] | None = None
        self._bound: tuple[Any, GraphBound] | None = None
        self.name = f"ONNX Runtime {onnxruntime.__version__}"

    def _is_left_out(self, name: str) -> bool:
        """Whether the model has not this output of the graph, which is the same for all rows."""
        notes = self._model._structure["source"]["notes"]
        return any(note.startswith(f"{LEFT_OUT}{name!r}:") for note in notes)

    def output(self, output: str, x: Any) -> Any:
        """Return an output: what is before a last softmax or sigmoid the graph does not give."""
        parts = [self._part(output, t, x) for t in range(len(self._targets))]
        if any(part is None for part in parts):
            return None
        return parts if len(parts) > 1 else parts[0]

    def _part(self, output: str, number: int, x: Any) -> NDArray[Any] | None:
        target = self._targets[number]
        labels, values = self._found(x, number)
        decided = target["prediction"]["value"]
        if output == "prediction":
            if target["classes"] is None:
                return values
            if labels is not None:
                return labels
            assert values is not None
            one = values.shape[1] == 1
            codes = values[:, 0] > target["prediction"]["at"] if one else values.argmax(axis=1)
            decided_labels: NDArray[Any] = self.classes(number).take(codes.astype(np.intp))
            return decided_labels.reshape(-1, 1)
        if values is None:
            return None
        if output == "probability" and target["probability"] is not None:
            one = values.shape[1] == 1
            return np.hstack([1 - values, values]) if one else values
        shown = target["probability"] if labels is not None else decided
        if output == "margin" and target["margin"] == shown:
            return values
        return None

    def _found(self, x: Any, number: int) -> tuple[NDArray[Any] | None, NDArray[Any] | None]:
        """Return labels and numbers of a target, where it has them."""
        found = self._run(x)
        target = self._targets[number]
        if len(self._targets) == 1 and len(found) == 2:
            values = found[1]
            width = found[0].shape[1]
            if values.shape[1] == 2 * width > 2:  # both shares of each of several labels
                values = values[:, width:]
            return self._labels(found[0], number), values
        if target["classes"] is not None and found[0].shape[1] == len(self._targets) > 1:
            # A column of labels for each target, and perhaps the shares of all side by side.
            counts = [0, *np.cumsum([len(self.classes(t)) for t in range(len(self._targets))])]
            own = found[1][:, counts[number] : counts[number + 1]] if len(found) > 1 else None
            return self._labels(found[0][:, [number]], number), own
        own = found[number]
        names = target["classes"] is not None and own.dtype.kind in "iOU"
        return (self._labels(own, number), None) if names else (None, own)

    def _labels(self, found: NDArray[Any], number: int) -> NDArray[Any]:
        return self.classes(number).take(found.astype(np.intp)) if self._given else found

    def _run(self, x: Any) -> list[Any]:
        """Return all outputs: (rows, columns), maps as their values in order."""
        if self._asked is not None and self._asked[0] is x:
            return self._asked[1]
        first = {own.shape[0] for own in self._session.get_inputs() if own.shape}
        fixed = next((dim for dim in first if isinstance(dim, int)), None)
        step = fixed or _ROWS
        parts = []
        for start in range(0, len(x), step):
            rows = x[start : start + step]
            count = len(rows)
            if fixed is not None and count < fixed:
                # A graph for so many rows gets the last of them over and over.
                places = np.minimum(np.arange(fixed), count - 1)
                rows = rows.iloc[places] if hasattr(rows, "iloc") else rows[places]
            found = self._session.run(self._names, self._inputs(rows))
            parts.append([_numbers(own, len(rows))[:count] for own in found])
        joined = [np.concatenate(column) for column in zip(*parts, strict=True)]
        self._asked = x, joined
        return joined

    def _inputs(self, rows: Any) -> dict[str, NDArray[Any]]:
        inputs, start = {}, 0
        count = rows.shape[1]
        own = self._session.get_inputs()
        for tensor in own:
            shape = [dim if isinstance(dim, int) else None for dim in tensor.shape[1:]]
            size = int(np.prod([dim or 1 for dim in shape]))
            if None in shape and len(own) == 1:
                size = count
                shape[shape.index(None)] = -1
            part = _columns(rows, start, start + size, _TYPES[tensor.type])
            inputs[tensor.name] = part.reshape(len(rows), *shape)
            start += size
        return inputs

    def classes(self, target: int) -> NDArray[Any]:
        """Class labels of a target."""
        found = self._model._classes[target]
        assert found is not None  # a target with classes
        return found

    def class_scores(self, x: Any, target: int) -> NDArray[Any]:
        """Return what the labels are decided by, or the nearest to it that the graph gives."""
        _, values = self._found(x, target)
        if values is None:
            # A graph that gives labels alone: our own scores.
            matrix = np.asarray(x, dtype=np.float64)
            values = np.asarray(self._model.margin(matrix)).reshape(len(matrix), -1)
        return np.hstack([1 - values, values]) if values.shape[1] == 1 else values

    def linear_bound(self, x: Any) -> NDArray[np.float64] | None:
        """Return none: `network_bound` says more."""
        return None

    def network_bound(self, value: int, x: Any) -> NDArray[np.float64]:
        """Return how far a value of the model may be off, (rows, columns)."""
        core = self._step_by_step
        if self._bound is None or self._bound[0] is not x:
            self._bound = x, GraphBound(core, self._codes(x))
        found: NDArray[np.float64] = self._bound[1].of(self._same(json.loads(core.spec), value))
        return found

    @functools.cached_property
    def _step_by_step(self) -> _core.Model:
        """The model with a step for each node: where a bias is within a product, sums look small.

        The model itself where the graph can't be had.
        """
        if hasattr(self._source, "get_inputs"):
            return self._model._core
        path = self._source if isinstance(self._source, str) else None
        data = self._source if path is None else Path(path).read_bytes()
        return step_by_step(data, path, self._model._core.feature_names)

    def _same(self, structure: dict[str, Any], value: int) -> int:
        """Return the number that a value of the model has among the steps of each node."""
        for ours, theirs in zip(self._targets, structure["targets"], strict=True):
            for key in ("margin", "probability"):
                if ours[key] == value and theirs[key] is not None:
                    return int(theirs[key])
            if ours["prediction"]["value"] == value:
                return int(theirs["prediction"]["value"])
        raise ValueError("the source is another graph")

    def _codes(self, x: Any) -> NDArray[np.float64]:
        """Return the features as the steps see them."""
        matrix = np.asarray(x, dtype=object)
        out = np.zeros(matrix.shape)
        spec = json.loads(self._model._core.spec)
        tensors = tensors_of(self._model._core.to_bytes())
        text = {entry["feature"]: entry for entry in spec["features"].get("encodings") or ()}
        for at in range(matrix.shape[1]):
            if at not in text:
                out[:, at] = matrix[:, at].astype(np.float64)
                continue
            values = self._model._core.categories(at) or []
            codes = text[at]["codes"]
            numbers = range(len(values)) if codes is None else tensors[codes]
            table = dict(zip(values, map(float, numbers), strict=True))
            known = text[at]["unknown_code"]
            other = np.nan if known is None else float(known)
            out[:, at] = [table.get(value, other) for value in matrix[:, at]]
        return out


def _plain(source: Any) -> Any:
    """Return a path, or bytes; a session itself where it does not know what it was opened from."""
    if hasattr(source, "get_inputs"):
        again = getattr(source, "_model_path", None) or getattr(source, "_model_bytes", None)
        return source if again is None else _plain(again)
    if hasattr(source, "SerializeToString"):
        return source.SerializeToString()
    return os.fspath(source) if isinstance(source, os.PathLike) else source


def _session(onnxruntime: Any, source: Any) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        said = (str(error).strip().splitlines() or [""])[0]
        raise ValueError(f"ONNX Runtime {onnxruntime.__version__} can't run it: {said}") from error


def _numbers(output: Any, rows: int) -> NDArray[Any]:
    if isinstance(output, list) and output and isinstance(output[0], np.ndarray):
        return np.hstack(output)  # a table for each target
    if isinstance(output, list):  # a map a row
        return np.asarray([list(own.values()) for own in output], dtype=np.float64)
    return np.asarray(output).reshape(rows, -1)


def _columns(rows: Any, start: int, stop: int, dtype: str) -> NDArray[Any]:
    part = rows.iloc[:, start:stop].to_numpy() if hasattr(rows, "iloc") else rows[:, start:stop]
    if dtype == "object":
        return np.asarray(part, dtype=object)
    with np.errstate(all="ignore"):
        return np.asarray(part, dtype=np.float64).astype(dtype)
