"""An estimator inside another: its own model's steps, put into the outer model's builder.

Every importer is written as if its estimator stood alone. Pipelines and ensembles call `attach` for
the estimators that they hold, of whatever library, with the frame that each gets, and go on from
the values that it gives. What the estimator refuses in its features becomes guards.
"""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fastscore import _core
from fastscore._errors import UnsupportedModelError
from fastscore._options import Options
from fastscore.importers._attached import Attached, Part
from fastscore.importers._builder import Builder
from fastscore.importers._encode import string_values, values_of_encoding
from fastscore.importers._flow import (
    Column,
    Frame,
    claim,
    gather,
    narrowed,
    numbers,
    raw,
    refuse,
    shown,
    value_of,
    whole,
)
from fastscore.importers._rename import tensors_of
from fastscore.importers._text import Lookup, lookups, refuse_others, values_of

_WORDS = ("op", "kind", "comparison")
"""What a step says that is no tensor's name."""

_DIRECT = {
    "forest": ("feature", "linear_feature"),
    "leaf_indicator": ("feature",),
    "one_hot": ("feature",),
    "map": ("column",),
}
"""Steps that say which columns they read, so that these need not lie side by side; the tensors."""


COMPOSED: dict[str, Callable[[Builder, Any, Frame, str], Attached]] = {}
"""Estimators of which nothing but steps is to be put in, by class: no model of their own is made.

They get the frame as it is, so that their steps compute at its width.
"""

_ANY_WIDTH = ("forest", "leaf_indicator", "linear", "one_hot", "map", "bins", "concat", "sum")
_EXACT_LINKS = ("columns", "round_to_float32", "impute", "clip", "above")


def attach(build: Builder, estimator: Any, *, owner: str, frame: Frame | None = None) -> list[Part]:
    """Append an estimator's steps, reading this frame, or the features; returns its targets.

    `owner` is named where the estimator can't be imported.
    """
    return attach_whole(build, estimator, owner=owner, frame=frame).parts


def attach_whole(
    build: Builder, estimator: Any, *, owner: str, frame: Frame | None = None
) -> Attached:
    """`attach`, with all that the estimator gives."""
    from fastscore._import import _importer

    kind = type(estimator)
    if kind.__module__.split(".")[0] == "sklearn" and kind.__name__ in COMPOSED:
        frame = raw(build) if frame is None else frame
        return COMPOSED[kind.__name__](build, estimator, frame, owner)
    try:
        core = _importer(estimator)(estimator, Options())
    except UnsupportedModelError as error:
        raise UnsupportedModelError(f"{owner}: {error}") from error
    return _Splice(build, core, raw(build) if frame is None else frame, owner, estimator).put()


class _Splice:
    def __init__(
        self, build: Builder, core: _core.Model, frame: Frame, owner: str, estimator: Any
    ) -> None:
        name = type(estimator).__name__
        self._build = build
        self._core = core
        self._structure = json.loads(core.spec)
        self._tensors = tensors_of(core.to_bytes())
        self._owner = owner
        self._name = name
        self._prefix = f"part{len(build.steps)}."
        if len(frame) != core.n_features:
            raise UnsupportedModelError(
                f"{owner}: {name} was fitted on {core.n_features} features, but gets {len(frame)}"
            )
        if frame.width == "float32":
            self._refuse_width()
        if frame.sparse and self._structure["input"].get("absent") != "missing":
            self._refuse_sparse(estimator)
        self._sparse = frame.sparse
        self._given = list(frame.columns)
        """The features, each known to be a number or text."""
        self._frame = self._encoded(frame)
        self._values: list[int | None] = [None]
        """The outer number of each inner value; the features have one only where it is needed."""

    def put(self) -> Attached:
        structure = self._structure
        policy = structure["input"]
        self._refuse(
            self._name,
            policy["width"],
            structure["features"].get("checked"),
            missing=policy["missing"] != "accept",
            non_finite=policy["non_finite"] != "accept",
        )
        for step in structure["steps"]:
            self._values.append(self._build.add(self._step(step)))
        for guard in structure.get("guards") or ():
            self._guard(guard)
        width = structure.get("output_width")
        leaf = structure.get("leaf")
        return Attached(
            parts=[
                self._part(t, target, width or "float64")
                for t, target in enumerate(structure["targets"])
            ],
            transform=self._transform(),
            leaf=None if leaf is None else self._at(leaf + 1) - 1,
            targets=lambda: [self._target(target) for target in structure["targets"]],
            width=width,
            notes=list(structure["source"].get("notes") or []),
            absent=policy.get("absent") or "zero",
        )

    # --- what it gets

    def _refuse_width(self) -> None:
        """Refuse float32 numbers where a step computes with the features at their own width."""
        known = {0}
        for value, step in enumerate(self._structure["steps"], 1):
            inputs = step.get("inputs") or [step.get("input")]
            if known.isdisjoint(inputs):
                continue
            name = step["kind"]["name"] if step["op"] == "link" else step["op"]
            if name in _EXACT_LINKS or name == "concat":
                known.add(value)
            elif name not in _ANY_WIDTH and (step.get("width") or "float64") != "float32":
                raise UnsupportedModelError(
                    f"{self._owner}: {self._name} gets float32 numbers and computes at that width "
                    f"({name}), which is not supported; have the steps before it give float64"
                )

    def _refuse_sparse(self, estimator: Any) -> None:
        """Refuse XGBoost inside another estimator that gets a sparse matrix."""
        for part in estimator.get_params(deep=True).values():
            if type(part).__module__.split(".")[0] == "xgboost":
                raise UnsupportedModelError(
                    f"{self._owner}: {self._name} hands a sparse matrix on to "
                    f"{type(part).__name__}, for which its zeros are missing, which is not "
                    "supported; have the steps before give a dense one: sparse_threshold=0 or "
                    "sparse_output=False"
                )

    def _encoded(self, frame: Frame) -> Frame:
        """Return the features as the inner steps see them: numbers, and codes of its categories."""
        columns = list(frame.columns)
        encodings = {
            entry["feature"]: entry for entry in self._structure["features"].get("encodings") or ()
        }
        plain = [i for i in range(len(columns)) if i not in encodings]
        owner = f"{self._owner}: {self._name}" if self._owner else self._name
        for i, column in zip(
            plain, numbers(self._build, frame.take(plain), owner).columns, strict=True
        ):
            columns[i] = self._given[i] = column
        for i, entry in encodings.items():
            columns[i] = self._looked_up(i, entry, owner)
        return replace(frame, columns=tuple(columns))

    def _looked_up(self, feature: int, entry: dict[str, Any], owner: str) -> Column:
        """Return the codes that an encoding gives; a step looks them up."""
        column = self._given[feature]
        if entry["kind"] == "hash":
            return self._hashed(column, entry, owner)
        values = values_of_encoding(entry, self._tensors)
        codes = self._tensors[entry["codes"]].tolist() if entry["codes"] else range(len(values))
        if entry["matrix"] == "codes" and column.kind == "number":
            return column
        known = values_of(self._build, column, values, owner)
        self._given[feature] = known.column
        other = {"code": entry["unknown_code"]}.get(entry["unknown"], np.nan)
        missing = np.nan if entry["missing_code"] is None else entry["missing_code"]
        if entry["unknown"] == "raise":
            # Of a missing value an encoding makes a code or NaN: guards refuse it, where one does.
            refuse_others(self._build, known, self._name, missing=False)
        table = dict(zip(known.keys, map(float, codes), strict=True))
        value = lookups(self._build, [Lookup(known.column, table, float(missing), float(other))])
        return whole(value, 1).columns[0]

    def _hashed(self, column: Column, entry: dict[str, Any], owner: str) -> Column:
        """Take a feature whose text is hashed, which no other step can read."""
        if column.value != 0 or column.feature is None:
            raise UnsupportedModelError(
                f"{owner} hashes the categories in {shown(self._build, column)}, which the steps "
                "before change; give it the column as it is, with remainder='passthrough' and "
                "set_output(transform='pandas')"
            )
        claim(self._build, column.feature, "hash", owner)
        if not any(each["feature"] == column.feature for each in self._build.encodings):
            self._build.encodings.append({**entry, "feature": column.feature})
        return replace(column, kind="hash")

    # --- what it refuses

    def _refuse(self, step: str, width: str, columns: Collection[int] | None, **what: bool) -> None:
        frame = Frame(tuple(self._given))
        refuse(self._build, frame, step, width=width, columns=columns, **what)

    def _guard(self, guard: dict[str, Any]) -> None:
        """Take over a guard of the inner model, whose features may lie in several values."""
        kinds = guard["refuse"]
        if guard["value"] == 0 and "unknown" not in kinds:
            own = {kind: kind in kinds for kind in ("missing", "non_finite")}
            width = guard.get("width") or "float64"
            self._refuse(guard["step"], width, guard.get("columns"), **own)
            return
        put = {**guard, "value": self._at(guard["value"])}
        if guard.get("of") is not None:
            put["of"] = [
                [self._given[column].value, self._given[column].index]
                if value == 0
                else [self._at(value), column]
                for value, column in guard["of"]
            ]
        names = guard.get("names")
        put["names"] = None if names is None else string_values(names, self._tensors)
        self._build.guard(**put)

    # --- what it does

    def _step(self, step: dict[str, Any]) -> dict[str, Any]:
        """Return a step as the outer model has it, and put its tensors there."""
        op = step["op"]
        put: dict[str, Any] = self._renamed(step)
        if op in ("forest", "leaf_indicator"):
            put["width"] = step.get("width") or self._structure["input"]["width"]
        if step.get("input") == 0 and op in _DIRECT:
            put["input"], places = gather(self._build, self._frame)
            self._move(put["tensors"], _DIRECT[op], places)
        elif step.get("input") == 0 and op == "link" and step["kind"]["name"] == "columns":
            put["input"], places = gather(self._build, self._frame)
            put["kind"]["columns"] = [places[column] for column in step["kind"]["columns"]]
        elif op == "ctr" and step["input"] == 0:
            put["input"] = self._rounded()
        elif isinstance(step.get("input"), int):
            put["input"] = self._at(step["input"])
        if isinstance(step.get("start"), int):
            put["start"] = self._at(step["start"])
        if "inputs" in step:
            put["inputs"] = [self._at(value) for value in step["inputs"]]
        if op == "forest" and self._sparse:
            self._absent(put)
        return put

    def _at(self, value: int) -> int:
        """Return the outer number of a value; of the features, those that the estimator gets."""
        found = self._values[value]
        if found is None:
            found = self._values[value] = value_of(self._build, self._frame)
        return found

    def _move(self, prefix: str, names: Sequence[str], places: Sequence[int]) -> None:
        """Have a step read the columns where they are."""
        for name in names:
            array = self._build.tensors.get(f"{prefix}.{name}")
            if array is not None:
                moved = np.asarray(places, dtype=array.dtype)[array]
                self._build.tensor(f"{prefix}.{name}", moved, array.dtype)

    def _rounded(self) -> int:
        """Return the features with numbers rounded to the width at which borders are compared."""
        if self._structure["input"]["width"] != "float32":
            return self._at(0)
        columns = list(self._frame.columns)
        plain = [i for i, column in enumerate(columns) if column.kind != "hash"]
        if plain:
            rounded = narrowed(self._build, self._frame.take(plain))
            for i, column in zip(plain, rounded.columns, strict=True):
                columns[i] = column
        return value_of(self._build, replace(self._frame, columns=tuple(columns)))

    def _absent(self, put: dict[str, Any]) -> None:
        """Have zeros missing where the source takes what a sparse matrix lacks for missing."""
        if self._structure["input"].get("absent") != "missing":
            return
        if put.get("missing_value") not in (None, 0.0):
            raise UnsupportedModelError(
                f"{self._owner}: {self._name} gets a sparse matrix, whose zeros are missing for "
                f"it, and missing={put['missing_value']!r} beside; have the steps before give a "
                "dense one: sparse_threshold=0 or sparse_output=False"
            )
        put["missing_value"] = 0.0

    def _renamed(self, step: Any) -> Any:
        """Put the tensors that a step names into the outer builder, under names of their own."""
        if isinstance(step, dict):
            return {
                key: item if key in _WORDS and isinstance(item, str) else self._renamed(item)
                for key, item in step.items()
            }
        if isinstance(step, list):
            return list(step)
        if not isinstance(step, str):
            return step
        found = [name for name in self._tensors if name == step or name.startswith(f"{step}.")]
        for name in found:
            array = self._tensors[name]
            self._build.tensor(self._prefix + name, array, array.dtype)
        return self._prefix + step if found else step

    # --- what it gives

    def _part(self, t: int, target: dict[str, Any], width: str) -> Part:
        prediction = dict(target["prediction"])
        return Part(
            margin=self._at(target["margin"]),
            probability=_maybe(self._at, target["probability"]),
            rule=prediction.pop("rule"),
            value=self._at(prediction.pop("value")),
            parameters=prediction,
            classes=None if target["classes"] is None else list(self._core.classes(t) or ()),
            width=width,
            score=_maybe(self._at, target.get("score")),
            name=target["name"],
        )

    def _target(self, target: dict[str, Any]) -> dict[str, Any]:
        """Return a target as the outer model has it."""
        put: dict[str, Any] = dict(target)
        for key in ("margin", "probability", "score"):
            if target.get(key) is not None:
                put[key] = self._at(target[key])
        put["prediction"] = {
            **target["prediction"],
            "value": self._at(target["prediction"]["value"]),
        }
        if target["classes"] is not None:
            put["classes"] = {
                **target["classes"],
                "values": self._renamed(target["classes"]["values"]),
            }
        return put

    def _transform(self) -> Frame | None:
        given = self._structure.get("transform")
        if given is None:
            return None
        value = self._at(given["value"])
        return whole(
            value, self._build.width_of(value), names=self._core.column_names("transform")[0]
        )


def _maybe(put: Any, value: int | None) -> int | None:
    return None if value is None else put(value)
