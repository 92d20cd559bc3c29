"""Steps that an ONNX graph does not need: bias and scale go into the product beside them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore.importers._builder import Builder

_MOST_LOOKED_UP = 4
"""Outputs up to which a product of codes is faster looked up than multiplied."""
_BY_COLUMN = {"add", "multiply", "divide", "affine", "standardize", "impute", "round_to_float32"}
"""Links of each column by itself."""

_Line = tuple[NDArray[np.float64], NDArray[np.float64]]


def tidy(build: Builder, *, joined: bool = True) -> None:
    """Join products with what scales and shifts their columns, and drop steps without use."""
    _Tidy(build).run(joined)


class _Tidy:
    def __init__(self, build: Builder) -> None:
        self.build = build
        self.uses = [0] * (len(build.steps) + 1)
        self.wide: set[int] = set()
        """Products of float32 that are summed up at float64, and rounded once."""
        for step in build.steps:
            for value in _inputs(step):
                self.uses[value] += 1
        for value in self._roots():
            self.uses[value] += 1

    def run(self, joined: bool) -> None:
        for at, step in enumerate(self.build.steps if joined else []):
            if step["op"] == "linear":
                self._scaled_before(step)
            elif step["op"] == "link":
                self._product_before(at, step)
        if joined:
            self.wide = {
                at + 1 for at, step in enumerate(self.build.steps) if self._is_of_codes(step)
            }
        for step in self.build.steps:
            self._skip_rounding(step)
        self._drop()

    def _roots(self) -> list[int]:
        found = []
        for target in self.build.targets:
            found += [target["margin"], target["prediction"]["value"]]
            found += [
                target[key] for key in ("probability", "score") if target.get(key) is not None
            ]
        for guard in self.build.guards:
            found += [guard["value"], *(value for value, _ in guard.get("of", []))]
        return found

    def _step(self, value: int, width: str) -> dict[str, Any] | None:
        """Return the step that makes a value for one reader only, at this width."""
        if not value or self.uses[value] != 1:
            return None
        step = self.build.steps[value - 1]
        return step if step.get("width", "float64") == width else None

    def _skip_rounding(self, step: dict[str, Any]) -> None:
        """Translate steps that round what they read need nobody to do so before."""
        if step["op"] not in ("linear", "forest") or step.get("width") != "float32":
            return
        value = step["input"]
        if value and self.build.steps[value - 1].get("kind") == {"name": "round_to_float32"}:
            self._read(step, self.build.steps[value - 1]["input"])

    def _read(self, step: dict[str, Any], value: int) -> None:
        self.uses[step["input"]] -= 1
        self.uses[value] += 1
        step["input"] = value

    def _product_before(self, at: int, step: dict[str, Any]) -> None:
        """Translate a product, then a line for each column: a product."""
        width = step.get("width", "float64")
        product = self._step(step["input"], width)
        if product is None or product["op"] != "linear":
            return
        tensors = self.build.tensors
        intercept = tensors[product["intercept"]]
        line = _line(step["kind"], len(intercept))
        if line is None:
            return
        scale, shift = line
        with np.errstate(all="ignore"):
            coefficients = tensors[product["coefficients"]] * scale[:, None]
            moved = intercept * scale + shift
        if not self._set(product, coefficients, moved, width):
            return
        self.build.steps[at] = dict(product)
        self.uses[product["input"]] += 1
        self.uses[step["input"]] -= 1

    def _scaled_before(self, step: dict[str, Any]) -> None:
        """Translate a line for each column, then a product: a product."""
        width = step.get("width", "float64")
        before = self._step(step["input"], width)
        if before is None or before["op"] != "link":
            return
        tensors = self.build.tensors
        coefficients = tensors[step["coefficients"]]
        line = _line(before["kind"], coefficients.shape[1])
        if line is None:
            return
        scale, shift = line
        if shift.any() and (np.abs(scale) == 1.0).all():
            return  # a difference from means is exact, the products' may cancel
        with np.errstate(all="ignore"):
            moved = tensors[step["intercept"]] + coefficients @ shift
            scaled = coefficients * scale
        if self._set(step, scaled, moved, width):
            self._read(step, before["input"])
            self.uses[before["input"]] -= 1

    def _set(
        self,
        product: dict[str, Any],
        coefficients: NDArray[np.float64],
        intercept: NDArray[np.float64],
        width: str,
    ) -> bool:
        """Give a product other numbers, where these are finite."""
        if width == "float32":
            with np.errstate(over="ignore"):
                coefficients = coefficients.astype(np.float32).astype(np.float64)
                intercept = intercept.astype(np.float32).astype(np.float64)
        if not (np.isfinite(coefficients).all() and np.isfinite(intercept).all()):
            return False
        self.build.tensors[product["coefficients"]] = coefficients
        self.build.tensors[product["intercept"]] = intercept
        return True

    def _is_of_codes(self, step: dict[str, Any]) -> bool:
        """Whether most columns of a small product are 0 or 1 by a code, which float64 looks up.

        What is rounded once is no further from the source's sum at float32 than that is from the
        exact one.
        """
        if step["op"] != "linear" or step.get("width") != "float32":
            return False
        outputs, inputs = self.build.tensors[step["coefficients"]].shape
        if outputs > _MOST_LOOKED_UP:
            return False
        codes = sum(self._is_code(step["input"], column) for column in range(inputs))
        return 2 * codes >= inputs and codes > 1

    def _is_code(self, value: int, column: int) -> bool:
        """Whether a column says if another one is a number, scaled perhaps."""
        while value:
            step = self.build.steps[value - 1]
            if step["op"] == "one_hot":
                return True
            if step["op"] == "concat":
                value, column = self._part(step["inputs"], column)
                continue
            name = step["kind"]["name"] if step["op"] == "link" else ""
            if name == "columns":
                column = step["kind"]["columns"][column]
            elif name not in _BY_COLUMN:
                return False
            value = step["input"]
        return False

    def _part(self, values: list[int], column: int) -> tuple[int, int]:
        """Return where a column of values side by side comes from."""
        for value in values:
            width = self.build.width_of(value)
            if column < width:
                return value, column
            column -= width
        return 0, column

    def _drop(self) -> None:
        """Leave out steps that nothing reads, and number the others anew."""
        build = self.build
        needed = set(self._roots())
        for value in range(len(build.steps), 0, -1):
            if value in needed:
                needed.update(_inputs(build.steps[value - 1]))
        kept = [value for value in range(1, len(build.steps) + 1) if value in needed]
        number, steps = {0: 0}, []
        for value in kept:
            steps.append(build.steps[value - 1])
            for key in ("input", "start"):
                if key in steps[-1]:
                    steps[-1][key] = number[steps[-1][key]]
            if "inputs" in steps[-1]:
                steps[-1]["inputs"] = [number[own] for own in steps[-1]["inputs"]]
            if value in self.wide:
                del steps[-1]["width"]
                kind = {"name": "round_to_float32"}
                steps.append({"op": "link", "input": len(steps), "kind": kind})
            number[value] = len(steps)
        names = {name for step in steps for name in _tensors(step)}
        for step in build.steps:
            for name in _tensors(step):
                if name in names:
                    continue
                for own in [
                    own
                    for own in build.tensors
                    if own == name or own[: len(name) + 1] == f"{name}."
                ]:
                    del build.tensors[own]
        for target in build.targets:
            for key in ("margin", "probability", "score"):
                if target.get(key) is not None:
                    target[key] = number[target[key]]
            target["prediction"]["value"] = number[target["prediction"]["value"]]
        for guard in build.guards:
            guard["value"] = number[guard["value"]]
            if "of" in guard:
                guard["of"] = [[number[value], column] for value, column in guard["of"]]
        build.replace_steps(steps)


def _inputs(step: dict[str, Any]) -> list[int]:
    found = list(step.get("inputs", ()))
    return found + [step[key] for key in ("input", "start") if key in step]


def _tensors(step: dict[str, Any]) -> list[str]:
    return [step[key] for key in ("coefficients", "intercept", "tensors") if key in step]


def _line(kind: dict[str, Any], columns: int) -> _Line | None:
    """Return scale and shift of a link that is a line for each column, else None."""
    one, zero = np.ones(columns), np.zeros(columns)
    name = kind["name"]
    if name == "add":
        return one, np.full(columns, float(kind["value"]))
    if name == "multiply":
        return np.full(columns, float(kind["by"])), zero
    if name == "divide":
        return np.full(columns, 1.0 / float(kind["by"])), zero
    if name == "affine":
        return np.asarray(kind["scale"], dtype=float), np.asarray(kind["shift"], dtype=float)
    return None
