"""An estimator inside another: its own model's steps, put into the outer model's builder.

Every importer is written as if its estimator stood alone. An ensemble calls `attach` for the
estimators that it holds, of whatever library, and goes on from the values that they give.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore import _core
from fastscore._errors import UnsupportedModelError
from fastscore._options import Options
from fastscore.importers._builder import Builder
from fastscore.importers._forest import MISSING_LEFT, OUTSIDE_LEFT
from fastscore.importers._rename import _tensors
from fastscore.importers._shared_codes import shared_codes
from fastscore.importers._sklearn_common import Policy

_WORDS = ("op", "kind", "comparison")
"""What a step says that is no tensor's name."""


@dataclass(frozen=True, slots=True)
class Part:
    """One target of an estimator that was attached, as values of the outer builder."""

    margin: int
    probability: int | None
    rule: str
    value: int
    parameters: dict[str, Any]
    """Of the rule."""
    classes: list[Any] | None
    policy: Policy
    width: str
    """Of its outputs."""

    def prediction(self) -> int:
        """Return the number that the estimator predicts."""
        if self.rule != "value":
            raise UnsupportedModelError("a classifier can't stand for a regressor")
        return self.value

    def one_hot(self, build: Builder) -> int:
        """Return the predicted class as one column a class: 1 for it, 0 for the others."""
        if self.rule == "argmax":
            return build.link(self.value, "vote", hit=1.0, miss=0.0)
        at = {"positive": 0.0, "above": self.parameters.get("at")}.get(self.rule)
        if at is None:
            raise UnsupportedModelError("a regressor can't stand for a classifier")
        return build.link(
            build.link(self.value, "above", at=at, above=1.0, other=0.0), "complement"
        )


def attach(
    build: Builder,
    estimator: Any,
    *,
    owner: str,
    columns: Sequence[int] | None = None,
    narrow: bool = False,
) -> list[Part]:
    """Append an estimator's steps, reading these columns of the features; returns its targets.

    `narrow`: the ensemble hands on float32 rows. `owner` is named where the estimator can't be
    imported.
    """
    from fastscore._import import _importer

    try:
        core = _importer(estimator)(estimator, Options())
    except UnsupportedModelError as error:
        raise UnsupportedModelError(f"{owner}: {error}") from error
    return _Splice(build, core, columns, owner, narrow=narrow).parts()


def merged(parts: Sequence[Part], owner: str) -> Policy:
    """Return what an ensemble refuses that checks nothing: what any of its estimators does."""
    if len({part.policy.width for part in parts}) > 1:
        raise UnsupportedModelError(
            f"{owner}: some of its estimators read float32 values and some float64, which is not "
            "supported; use estimators of one kind"
        )
    sets = [part.policy.checked for part in parts]
    known = [features for features in sets if features is not None]
    return Policy(
        missing=all(part.policy.missing for part in parts),
        non_finite=all(part.policy.non_finite for part in parts),
        width=parts[0].policy.width,
        checked=frozenset().union(*known) if len(known) == len(sets) else None,
    )


def refuse_narrow(parts: Sequence[Part], owner: str) -> None:
    """Refuse members that predict float32 values, which scikit-learn adds at that width."""
    if any(part.width == "float32" for part in parts):
        raise UnsupportedModelError(
            f"{owner}: its estimators predict float32 values, and scikit-learn sums these in "
            "float32, which is not supported; use estimators that predict float64"
        )


def place(build: Builder, value: int, positions: Sequence[int], width: int) -> int:
    """Put the columns of a value at these positions among `width`; 0 elsewhere."""
    if list(positions) == list(range(width)):
        return value
    zero = build.link(build.columns(value, [0]), "multiply", by=0.0)
    both = build.add({"op": "concat", "inputs": [value, zero]})
    at = {position: column for column, position in enumerate(positions)}
    return build.columns(both, [at.get(position, len(positions)) for position in range(width)])


class _Splice:
    def __init__(
        self,
        build: Builder,
        core: _core.Model,
        columns: Sequence[int] | None,
        owner: str,
        *,
        narrow: bool,
    ) -> None:
        self._build = build
        self._core = core
        self._structure = json.loads(core.spec)
        self._tensors = _tensors(core.to_bytes())
        self._columns = columns
        self._owner = owner
        self._prefix = f"part{len(build.steps)}."
        self._narrow = narrow
        self._features: int | None = None
        self._values = [0]

    def parts(self) -> list[Part]:
        codes = self._codes()
        for step in self._structure["steps"]:
            self._values.append(self._build.add(self._step(step, codes)))
        policy = self._structure["input"]
        return [
            Part(
                margin=self._values[target["margin"]],
                probability=(
                    None if target["probability"] is None else self._values[target["probability"]]
                ),
                rule=target["prediction"]["rule"],
                value=self._values[target["prediction"]["value"]],
                parameters={
                    key: value
                    for key, value in target["prediction"].items()
                    if key not in ("rule", "value")
                },
                classes=None if target["classes"] is None else list(self._core.classes(t) or ()),
                policy=Policy(
                    missing=policy["missing"] == "accept",
                    non_finite=policy["non_finite"] == "accept",
                    width=policy["width"],
                    checked=self._checked(),
                ),
                width=self._structure.get("output_width") or "float64",
            )
            for t, target in enumerate(self._structure["targets"])
        ]

    def _checked(self) -> frozenset[int] | None:
        """Return the outer model's features that the estimator checks."""
        own = self._structure["features"].get("checked")
        if self._columns is None:
            return None if own is None else frozenset(own)
        columns = np.asarray(self._columns)
        return frozenset((columns if own is None else columns[own]).tolist())

    def _step(self, step: dict[str, Any], codes: dict[int, NDArray[np.int64]]) -> dict[str, Any]:
        """Return a step as the outer model has it, and put its tensors there."""
        # A forest reads the model's own features, not a copy of some of them.
        direct = step["op"] in ("forest", "leaf_indicator") and step["input"] == 0
        put: dict[str, Any] = self._renamed(step, direct)
        if step["op"] in ("forest", "leaf_indicator"):
            width = "float32" if self._narrow else self._structure["input"]["width"]
            put["width"] = step.get("width") or width
        for key in ("input", "start"):
            if isinstance(step.get(key), int):
                put[key] = 0 if key == "input" and direct else self._value(step[key])
        if "inputs" in step:
            put["inputs"] = [self._value(value) for value in step["inputs"]]
        if direct and codes:
            self._share_codes(put["tensors"], codes)
        return put

    def _value(self, value: int) -> int:
        """Return the outer number of a value: of the features as the estimator gets them."""
        if value:
            return self._values[value]
        if self._features is None:
            self._features = 0
            if self._columns is not None:
                self._features = self._build.columns(0, self._columns)
            if self._narrow and self._structure["input"]["width"] != "float32":
                self._features = self._build.link(self._features, "round_to_float32")
        return self._features

    def _renamed(self, step: Any, direct: bool) -> Any:
        """Put the tensors that a step names into the outer builder, under names of their own."""
        if isinstance(step, dict):
            return {
                key: item if key in _WORDS else self._renamed(item, direct)
                for key, item in step.items()
            }
        if not isinstance(step, str):
            return step
        found = [name for name in self._tensors if name == step or name.startswith(f"{step}.")]
        for name in found:
            array = self._tensors[name]
            if direct and self._columns is not None and name.endswith("feature"):
                array = np.asarray(self._columns)[array]
            self._build.tensor(self._prefix + name, array, self._tensors[name].dtype)
        return self._prefix + step if found else step

    def _codes(self) -> dict[int, NDArray[np.int64]]:
        """Per feature of the outer model that this one encodes, the shared codes of its codes."""
        found = {}
        for encoding in self._structure["features"].get("encodings") or ():
            if self._narrow:
                raise UnsupportedModelError(
                    f"{self._owner}: its categorical features are matched after a rounding to "
                    "float32, which is not supported; encode them as numbers before"
                )
            own = encoding["feature"]
            feature = own if self._columns is None else int(self._columns[own])
            found[feature] = shared_codes(
                self._build, feature, encoding, self._tensors, self._owner
            )
        return found

    def _share_codes(self, prefix: str, codes: dict[int, NDArray[np.int64]]) -> None:
        """Write a forest's category sets in shared codes; what it doesn't know is missing."""
        tensors = self._build.tensors
        sets = tensors.get(f"{prefix}.category_set")
        if sets is None:
            return
        sets, flags = sets.copy(), tensors[f"{prefix}.flags"].copy()
        feature = tensors[f"{prefix}.feature"]
        offsets, words = tensors[f"{prefix}.set_offset"], tensors[f"{prefix}.set_words"]
        put: list[NDArray[np.uint32]] = []
        for split in np.flatnonzero(sets >= 0):
            own = words[offsets[sets[split]] : offsets[sets[split] + 1]]
            known = codes.get(int(feature[split]))
            if known is not None:
                own = _recoded(own, known, missing_left=bool(flags[split] & MISSING_LEFT))
                flags[split] &= ~np.uint8(OUTSIDE_LEFT)
                flags[split] |= np.uint8(OUTSIDE_LEFT if flags[split] & MISSING_LEFT else 0)
            sets[split] = len(put)
            put.append(own)
        self._build.tensor(f"{prefix}.flags", flags, np.uint8)
        self._build.tensor(f"{prefix}.category_set", sets, np.int32)
        self._build.tensor(
            f"{prefix}.set_offset", np.cumsum([0, *(len(word) for word in put)]), np.int64
        )
        self._build.tensor(f"{prefix}.set_words", np.concatenate(put), np.uint32)


def _recoded(
    words: NDArray[np.uint32], codes: NDArray[np.int64], *, missing_left: bool
) -> NDArray[np.uint32]:
    """Return a set over shared codes; `codes[c]` is that of the estimator's own code c."""
    n_words = int(codes.max(initial=0)) // 32 + 1
    bits = np.full(n_words * 32, missing_left)
    own = np.unpackbits(words.view(np.uint8), bitorder="little").astype(bool)
    bits[codes] = np.concatenate([own, np.zeros(max(len(codes) - len(own), 0), bool)])[: len(codes)]
    return np.packbits(bits, bitorder="little").view(np.uint32)
