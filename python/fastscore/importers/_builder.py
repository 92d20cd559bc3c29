"""Collects the structure and the tensors of a model, as docs/model-format.md has them."""

import json
import math
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastscore import _core
from fastscore._errors import TooWideError, UnsupportedModelError
from fastscore._options import Labels

if TYPE_CHECKING:
    from fastscore.importers._text import Text


class NotFiniteError(UnsupportedModelError):
    """A number of a step is not finite."""


@contextmanager
def wide_refused(owner: str) -> Iterator[None]:
    """Say of a network that is wider than a model may be that it is not supported, not damaged."""
    try:
        yield
    except TooWideError as error:
        raise UnsupportedModelError(
            f"{owner} has more than {error.most} numbers a row in all its layers together, which "
            "is not supported; split it into models of fewer layers, each imported by itself, or "
            "make its layers narrower"
        ) from error


ARITHMETIC = ("sum", "product", "difference", "quotient", "minimum", "maximum", "mask")
"""Steps of two or more values, element by element; one column counts as that column repeated."""


class Builder:
    """Values are numbered as in the format: 0 is the features, then the steps' outputs."""

    def __init__(self, n_features: int, names: Sequence[str] | None) -> None:
        self.tensors: dict[str, NDArray[Any]] = {}
        self.steps: list[dict[str, Any]] = []
        self.targets: list[dict[str, Any]] = []
        self.encodings: list[dict[str, Any]] = []
        self.guards: list[dict[str, Any]] = []
        self.transform: dict[str, Any] | None = None
        self.n_features = n_features
        self.names = names
        self.output_width: str | None = None
        self.match = "exact"
        """How names are compared, as the format has it."""
        self.absent = "zero"
        """What an entry is that a sparse matrix does not hold."""
        self.claims: dict[int, tuple[str, str]] = {}
        """Per raw feature of a pipeline, what it is read as, and by which step."""
        self.texts: dict[int, Text] = {}
        """The text features of a pipeline."""
        self._shared: dict[Any, int] = {}
        self._widths: list[int] = []
        """Columns of the outputs of the first steps."""
        self._guarded: set[str] = set()
        """The guards but for their names."""

    def tensor(self, name: str, values: Any, dtype: Any) -> str:
        """Keep an array; returns its name."""
        self.tensors[name] = np.ascontiguousarray(values, dtype=dtype)
        return name

    def strings(self, name: str, values: Sequence[str]) -> str:
        """Keep a list of strings; returns its name."""
        self.tensors.update(string_list(name, values))
        return name

    def add(self, step: dict[str, Any]) -> int:
        """Append a step; returns the number of its output."""
        _finite(step["op"] if step["op"] != "link" else step["kind"]["name"], step)
        self.steps.append(step)
        return len(self.steps)

    def shared(self, op: str, key: Any, step: Callable[[], dict[str, Any]]) -> int:
        """Append a step, or return the number of the same one that is there already."""
        if (op, key) not in self._shared:
            self._shared[op, key] = self.add(step())
        return self._shared[op, key]

    def width_of(self, value: int) -> int:
        """Return how many columns a value has."""
        if value == 0:
            return self.n_features
        # One after another, so that long chains are no deep recursion.
        while len(self._widths) < value:
            self._widths.append(_columns(self, self.steps[len(self._widths)]))
        return self._widths[value - 1]

    def replace_steps(self, steps: list[dict[str, Any]]) -> None:
        """Have other steps in the place of all."""
        self.steps = steps
        self._widths.clear()

    def link(self, value: int, name: str, /, width: str = "float64", **parameters: Any) -> int:
        """Append a link step, which computes at this width."""
        step = {"op": "link", "input": value, "kind": {"name": name, **parameters}}
        return self.add(step if width == "float64" else step | {"width": width})

    def linear(
        self,
        name: str,
        coefficients: Any,
        intercept: Any,
        *,
        value: int = 0,
        width: str = "float64",
    ) -> int:
        """Append a matrix product with intercept; `name` is that of its tensors."""
        step = {
            "op": "linear",
            "input": value,
            "coefficients": self.tensor(f"{name}.coefficients", coefficients, np.float64),
            "intercept": self.tensor(f"{name}.intercept", intercept, np.float64),
        }
        return self.add(step if width == "float64" else step | {"width": width})

    def difference(self, name: str, value: int) -> int:
        """Append the second column less the first: what decides between two classes."""
        return self.linear(name, [[-1.0, 1.0]], [0.0], value=value)

    def distances(
        self,
        name: str,
        centers: Any,
        *,
        weights: Any = 1.0,
        start: Any = 0.0,
        metric: str = "squared",
        value: int = 0,
    ) -> int:
        """Append `start + sum of weights * distance`, to each row of `centers` over all columns."""
        centers = np.asarray(centers, dtype=np.float64)
        outputs, columns = centers.shape
        return self.terms(
            name,
            np.arange(outputs + 1) * columns,
            np.tile(np.arange(columns), outputs),
            centers.ravel(),
            np.broadcast_to(weights, centers.shape).ravel(),
            np.broadcast_to(start, outputs),
            metric=metric,
            value=value,
        )

    def terms(
        self,
        name: str,
        offset: Any,
        column: Any,
        center: Any,
        weight: Any,
        start: Any,
        *,
        metric: str,
        value: int,
    ) -> int:
        """Append distances over the columns that each output's terms name."""
        self.tensor(f"{name}.offset", offset, np.int64)
        self.tensor(f"{name}.column", column, np.int32)
        self.tensor(f"{name}.center", center, np.float64)
        self.tensor(f"{name}.weight", weight, np.float64)
        self.tensor(f"{name}.start", start, np.float64)
        return self.add({"op": "distances", "input": value, "metric": metric, "tensors": name})

    def equal(self, value: int, number: float) -> int:
        """Append a column a column: 1 where it is this number, else 0."""
        count, prefix = self.width_of(value), f"equal{len(self.steps)}"
        self.tensor(f"{prefix}.feature", range(count), np.int32)
        self.tensor(f"{prefix}.value", np.full(count, number), np.float64)
        return self.add({"op": "one_hot", "input": value, "tensors": prefix})

    def bins(self, value: int, edges: Sequence[Any]) -> int:
        """Append how many edges are not above a number; the edges of each column."""
        prefix = f"bins{len(self.steps)}"
        self.tensor(f"{prefix}.offset", np.cumsum([0, *map(len, edges)]), np.int64)
        self.tensor(
            f"{prefix}.edge", np.concatenate([np.asarray(own) for own in edges]), np.float64
        )
        return self.add({"op": "bins", "input": value, "tensors": prefix})

    def interpolate(self, value: int, x: Any, y: Any) -> int:
        """Append straight lines between points: `x[c]` and `y[c]` are those of column c."""
        x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        columns, points = x.shape
        prefix = f"interpolate{len(self.steps)}"
        self.tensor(f"{prefix}.offset", np.arange(columns + 1) * points, np.int64)
        self.tensor(f"{prefix}.x", x.ravel(), np.float64)
        self.tensor(f"{prefix}.y", np.broadcast_to(y, x.shape).ravel(), np.float64)
        return self.add({"op": "interpolate", "input": value, "tensors": prefix})

    def combine(self, op: str, *values: int, width: str = "float64") -> int:
        """Append a step of `ARITHMETIC`, which computes at this width."""
        step = {"op": op, "inputs": list(values)}
        return self.add(step if width == "float64" else step | {"width": width})

    def embedding(
        self, value: int, columns: Sequence[int], table: Any, *, wrap: bool = False
    ) -> int:
        """Append for each of these columns the row of a table whose number it holds.

        With `wrap`, -1 is the last row, and so on. Numbers of no row give NaN: have a guard refuse
        them (`refuse: ["unknown"]`).
        """
        prefix = f"embedding{len(self.steps)}"
        self.tensor(f"{prefix}.table", table, np.float64)
        step = {"op": "embedding", "input": value, "columns": list(columns), "wrap": wrap}
        return self.add(step | {"tensors": prefix})

    def columns(self, value: int, columns: Sequence[int]) -> int:
        """Append a step that picks columns."""
        return self.link(value, "columns", columns=list(columns))

    def target(
        self,
        *,
        margin: int,
        rule: str,
        value: int,
        probability: int | None = None,
        labels: Labels | None = None,
        name: str | None = None,
        score: int | None = None,
        **parameters: Any,
    ) -> None:
        """Append a predicted target; `parameters` are those of the rule."""
        classes = None
        if labels is not None:
            key = f"classes.{len(self.targets)}"
            if labels.kind == "string":
                self.strings(key, labels.values)
            else:
                array = labels.tensor()
                self.tensor(key, array, array.dtype)
            classes = {"dtype": labels.dtype, "kind": labels.kind, "values": key}
        _finite(rule, parameters)
        self.targets.append(
            {
                "name": name,
                "classes": classes,
                "margin": margin,
                "probability": probability,
                "prediction": {"rule": rule, "value": value, **parameters},
            }
        )
        if score is not None:
            self.targets[-1]["score"] = score

    def guard(self, *, names: Sequence[str] | None = None, **guard: Any) -> None:
        """Have rows refused whose values a step of the source refuses."""
        same = json.dumps(guard, sort_keys=True)
        if same in self._guarded:
            return
        self._guarded.add(same)
        key = f"guards.{len(self.guards)}.names"
        found = None if names is None else self.strings(key, names)
        self.guards.append({**guard, "names": found})

    def build(
        self,
        *,
        source: dict[str, Any],
        missing: bool,
        non_finite: bool,
        width: str,
        checked: Collection[int] | None = None,
        leaf: int | None = None,
    ) -> _core.Model:
        """Return the validated model."""
        names = None if self.names is None else self.strings("features.names", self.names)
        structure: dict[str, Any] = {
            "features": {"count": self.n_features, "names": names, "match": self.match},
            "input": {
                "missing": "accept" if missing else "refuse",
                "non_finite": "accept" if non_finite else "refuse",
                "width": width,
            },
            "steps": self.steps,
            "targets": self.targets,
            "leaf": leaf,
            "source": source,
        }
        if self.absent != "zero":
            structure["input"]["absent"] = self.absent
        if self.guards:
            structure["guards"] = self.guards
        if self.output_width is not None:
            structure["output_width"] = self.output_width
        self.encodings += [text.encoding(self, at) for at, text in sorted(self.texts.items())]
        if self.encodings:
            structure["features"]["encodings"] = self.encodings
            if checked is None and not non_finite:
                # Infinities have no code: they are refused where the feature is named.
                checked = range(self.n_features)
        if checked is not None:
            structure["features"]["checked"] = sorted(checked)
        if self.transform is not None:
            structure["transform"] = self.transform
        return _core.Model.from_parts(json.dumps(structure), self.tensors)


def string_list(name: str, values: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Return a string list as two tensors: UTF-8 bytes and offsets."""
    encoded = [value.encode("utf-8") for value in values]
    offsets = np.zeros(len(encoded) + 1, dtype=np.int64)
    np.cumsum([len(text) for text in encoded], out=offsets[1:])
    return {
        f"{name}.bytes": np.frombuffer(b"".join(encoded), dtype=np.uint8),
        f"{name}.offsets": offsets,
    }


def _columns(build: Builder, step: dict[str, Any]) -> int:
    """Return how many columns a step gives."""
    op = step["op"]
    tensors = build.tensors
    if op == "linear":
        return len(tensors[step["intercept"]])
    if op in ("forest", "leaf_indicator"):
        return int(step["outputs"])
    if op == "concat":
        return sum(map(build.width_of, step["inputs"]))
    if op in ARITHMETIC:
        return max(map(build.width_of, step["inputs"]))
    if op == "embedding":
        return len(step["columns"]) * int(tensors[f"{step['tensors']}.table"].shape[1])
    if op == "one_hot":
        return len(tensors[f"{step['tensors']}.feature"])
    if op == "map":
        return len(tensors[f"{step['tensors']}.column"])
    if op == "polynomial":
        return len(tensors[f"{step['tensors']}.offset"]) - 1
    if op == "distances":
        return len(tensors[f"{step['tensors']}.start"])
    if op == "ctr":
        return int(tensors[f"{step['tensors']}.columns"].sum())
    if op == "link":
        kind = step["kind"]
        if kind["name"] == "columns":
            return len(kind["columns"])
        if kind["name"] == "complement":
            return 2
        if kind["name"] in ("weighted_median", "log_sum_exp"):
            return 1
        if kind["name"] == "reduce":
            return int(kind.get("groups", 1))
    elif op not in ("bins", "interpolate"):
        raise NotImplementedError(f"how many columns the step {op!r} gives")
    return build.width_of(step["input"])


def _finite(name: str, found: Any) -> None:
    """Refuse infinities and NaN among a step's own numbers, which the format has no room for."""
    if isinstance(found, dict):
        for own in found.values():
            _finite(name, own)
    elif isinstance(found, list | tuple):
        for own in found:
            _finite(name, own)
    elif isinstance(found, float) and not math.isfinite(found):
        raise NotFiniteError(
            f"{name!r} would compute with {found}: steps hold finite numbers only; look for "
            "infinities and NaN among the model's parameters"
        )
