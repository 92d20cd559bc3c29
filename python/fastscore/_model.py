"""`Model`: the immutable Python face of the portable model."""

import hashlib
import html
import json
import os
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn, final

import numpy as np
from numpy.typing import NDArray

from fastscore import _core
from fastscore._atomic import replacing
from fastscore._core import Model as CoreModel
from fastscore._errors import UnsupportedModelError
from fastscore._layout import Layout, class_array, layouts
from fastscore._score import score

if TYPE_CHECKING:
    from fastscore._verify_report import VerifyReport


@dataclass(frozen=True, slots=True)
class Feature:
    """One input column of a model."""

    name: str | None
    """None when the source had no names: columns are then matched by position."""
    type: str
    """Logical type: `"number"` or `"category"`."""
    may_be_missing: bool
    """Whether null and NaN are accepted."""
    categories: list[Any] | None = field(default=None, hash=False)
    """The values that a categorical feature knows; None for numbers, and where they are hashed."""
    unknown: str | None = None
    """What becomes of other values: `"missing"`, `"raise"`, or `"code"`, a code of their own."""


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """Where a model comes from."""

    library: str
    version: str | None
    class_name: str | None
    notes: tuple[str, ...] = ()
    """What was assumed where the source did not say."""
    parameters: Mapping[str, Any] = field(default_factory=dict, hash=False)


@final
class Model:
    """A trained model, ready to score, made by `fastscore.import_model` and `fastscore.load`.

    Immutable and shared by threads; pickles, copies and compares by its content.
    """

    __slots__ = (
        "__weakref__",
        "_classes",
        "_core",
        "_digest",
        "_layouts",
        "_names",
        "_source",
        "_structure",
    )

    _core: CoreModel
    _classes: tuple[NDArray[Any] | None, ...]
    _digest: bytes | None
    _layouts: dict[str, Layout]
    _names: list[str] | None
    _source: Callable[[], Any] | None
    _structure: dict[str, Any]

    def __init__(self, core: CoreModel, source: object | None = None) -> None:
        """Wrap a model of the extension module; `source` is held by a weak reference only."""
        put = object.__setattr__
        structure: dict[str, Any] = json.loads(core.spec)
        targets = structure["targets"]
        classes = tuple(
            class_array(core.classes(t) or (), target["classes"]["dtype"])
            if target.get("classes")
            else None
            for t, target in enumerate(targets)
        )
        put(self, "_core", core)
        put(self, "_structure", structure)
        put(self, "_classes", classes)
        put(self, "_layouts", layouts(core, targets, classes))
        put(self, "_names", core.feature_names)
        put(self, "_digest", None)
        put(self, "_source", _weak(source))

    # --- immutable, comparable, copyable

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a Model is immutable: {name!r} can't be set")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a Model is immutable: {name!r} can't be deleted")

    def __reduce__(self) -> tuple[Callable[[bytes], "Model"], tuple[bytes]]:
        return _from_bytes, (self._core.to_bytes(),)

    def __copy__(self) -> "Model":
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> "Model":
        return self

    def _sha256(self) -> bytes:
        if self._digest is None:
            object.__setattr__(self, "_digest", hashlib.sha256(self._core.to_bytes()).digest())
        digest = self._digest
        assert digest is not None
        return digest

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Model):
            return NotImplemented
        return self is other or self._sha256() == other._sha256()

    def __hash__(self) -> int:
        return hash(self._sha256())

    # --- what it is

    @property
    def features(self) -> list[Feature]:
        """The input columns, in the source's order."""
        missing = self._may_be_missing()
        names: list[str] | list[None] = self._names or [None] * self._core.n_features
        features = [
            Feature(name, "number", may_be) for name, may_be in zip(names, missing, strict=True)
        ]
        for entry in self._structure["features"]["encodings"]:
            at = entry["feature"]
            may_be_missing = missing[at] or entry["missing_code"] is not None
            values, unknown = self._core.categories(at), entry["unknown"]
            features[at] = Feature(names[at], "category", may_be_missing, values, unknown)
        return features

    def _may_be_missing(self) -> list[bool]:
        """Per feature: whether neither the policy nor a step refuses NaN."""
        structure, count = self._structure, self._core.n_features
        accepted = structure["input"]["missing"] == "accept"
        found = [accepted] * count
        if not accepted and structure["features"].get("checked") is not None:
            for at in set(range(count)).difference(structure["features"]["checked"]):
                found[at] = True
        for guard in structure.get("guards", ()):
            if guard["value"] == 0 and "missing" in guard["refuse"]:
                for at in range(count) if guard["columns"] is None else guard["columns"]:
                    found[at] = False
        return found

    @property
    def outputs(self) -> tuple[str, ...]:
        """The outputs that it has, of those that `fastscore.predict` lists."""
        return tuple(self._layouts)

    @property
    def classes_(self) -> Any:
        """The class labels in the source's dtype; a list of arrays with several outputs.

        Raises AttributeError where there are none.
        """
        classes = self._classes
        if all(labels is None for labels in classes) or self._has_no_classes():
            raise AttributeError(
                "the model has no class labels: classes_ exists for classifiers only"
            )
        return classes[0] if len(classes) == 1 else list(classes)

    @property
    def n_features_in_(self) -> int:
        """Number of input columns."""
        return self._core.n_features

    @property
    def feature_names_in_(self) -> NDArray[np.object_]:
        """Names of the input columns, an object array. AttributeError when the source had none."""
        if self._names is None:
            raise AttributeError("the model has no feature names: columns are matched by position")
        return np.array(self._names, dtype=object)

    @property
    def source(self) -> SourceInfo:
        """Where it comes from and what was assumed."""
        info = self._structure["source"]
        return SourceInfo(
            library=info["library"],
            version=info.get("version"),
            class_name=info.get("class"),
            notes=tuple(info.get("notes") or ()),
            parameters=dict(info.get("parameters") or {}),
        )

    def explain_plan(self) -> str:
        """Say which engine each part runs on, and why."""
        return self._core.explain()

    # --- files

    def save(self, path: "str | os.PathLike[str]") -> None:
        """Write the model to `path`, conventionally `NAME.fscore`: data only, no code.

        The file appears whole or not at all: it is written under a temporary name in the same
        folder, then renamed. A link is followed, and a file that is replaced hands on its mode.
        """
        data = self._core.to_bytes()
        with replacing(os.fsdecode(path)) as temporary, open(temporary, "r+b") as file:
            file.write(data)

    # --- scoring

    def score(
        self,
        data: Any,
        *,
        output: str = "prediction",
        threads: int | None = None,
        missing: str = "source",
    ) -> Any:
        """Any output; see `fastscore.predict`."""
        return score(self._core, self._layouts, data, output, threads, missing)

    def predict(self, data: Any, *, threads: int | None = None, missing: str = "source") -> Any:
        """Return what the source's own `predict` does: labels in their own type, or values."""
        return score(self._core, self._layouts, data, "prediction", threads, missing)

    def predict_proba(
        self, data: Any, *, threads: int | None = None, missing: str = "source"
    ) -> Any:
        """One column a class, in the order of `classes_`: `(n, classes)` for NumPy.

        ValueError when the model has no probabilities.
        """
        return score(self._core, self._layouts, data, "probability", threads, missing)

    def margin(self, data: Any, *, threads: int | None = None, missing: str = "source") -> Any:
        """Return the raw score before the link; one column for two classes."""
        return score(self._core, self._layouts, data, "margin", threads, missing)

    def leaf_index(self, data: Any, *, threads: int | None = None, missing: str = "source") -> Any:
        """Index of the leaf of each tree, as the source numbers them: int32, `(n, trees)`."""
        return score(self._core, self._layouts, data, "leaf", threads, missing)

    def score_samples(
        self, data: Any, *, threads: int | None = None, missing: str = "source"
    ) -> Any:
        """Return what the source's `score_samples` does, the lower the more of an outlier.

        ValueError when the model has no such score.
        """
        return score(self._core, self._layouts, data, "score", threads, missing)

    def transform(self, data: Any, *, threads: int | None = None, missing: str = "source") -> Any:
        """Output of a model without a predictor: one column for each of the source's output names.

        UnsupportedModelError for models that predict.
        """
        if "transform" in self._layouts:
            return score(self._core, self._layouts, data, "transform", threads, missing)
        outputs = ", ".join(map(repr, self._layouts))
        raise UnsupportedModelError(
            "transform is for models without a predictor; "
            f"{self._kind()} predicts: use predict, or output= with one of {outputs}"
        )

    def verify(self, data: Any, source: Any = None) -> "VerifyReport":
        """Compare with the source model on `data`, output by output.

        `source` is the live source object, or the path of its file (of LightGBM, XGBoost, CatBoost,
        ONNX and Keras), which its library opens. A model fresh from `import_model` knows its own,
        by a weak reference; ValueError when it is gone. Give it rows of the kind of table that the
        source was fitted on: scikit-learn's encoders tell pandas' NaN from None and Polars' null,
        which are one missing value here.
        """
        from fastscore._verify import verify

        if source is None and self._source is not None:
            source = self._source()
            if source is None:
                raise ValueError(
                    "the source model no longer exists; pass it, or its file's path: "
                    "model.verify(data, source=estimator)"
                )
        if source is None:
            raise ValueError(
                "this model does not know its source (it was loaded or copied, or its object "
                "can't be kept track of, as an ONNX ModelProto); pass it, or its file's path: "
                "model.verify(data, source=estimator)"
            )
        return verify(self, data, source)

    # --- how it looks

    def _kind(self) -> str:
        return self.source.class_name or f"this {self.source.library} model"

    def _has_no_classes(self) -> bool:
        """Whether labels are no classes: 1 and -1 of outlier detectors, numbers of clusters."""
        rules = [target["prediction"]["rule"] for target in self._structure["targets"]]
        return "inlier" in rules or "cluster" in rules

    def _facts(self) -> list[tuple[str, str]]:
        source = self.source
        version = f" {source.version}" if source.version else ""
        facts = [
            ("source", f"{source.library}{version}"),
            ("features", f"{self.n_features_in_}{'' if self._names else ', without names'}"),
            ("outputs", ", ".join(self._layouts)),
        ]
        if categories := _encoded(self.features):
            facts.append(("categories", categories))
        classes = [labels for labels in self._classes if labels is not None]
        if classes and not self._has_no_classes():
            facts.append(("classes", "; ".join(_shortened(labels) for labels in classes[:3])))
        if len(self._classes) > 1:
            facts.append(("targets", str(len(self._classes))))
        return facts + [("note", note) for note in source.notes]

    def __repr__(self) -> str:
        facts = "; ".join(f"{name}: {value}" for name, value in self._facts())
        return f"<fastscore.Model {self._kind()}; {facts}>"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
            f"<td style='text-align:left'>{html.escape(value)}</td></tr>"
            for name, value in self._facts()
        )
        names = ""
        if self._names:
            listed = "".join(f"<li>{html.escape(name)}</li>" for name in self._names[:100])
            more = f"<li>and {len(self._names) - 100} more</li>" if len(self._names) > 100 else ""
            names = (
                "<details><summary>feature names</summary>"
                f"<ol start='0'>{listed}{more}</ol></details>"
            )
        head = f"<b>fastscore.Model</b> {html.escape(self._kind())}"
        return f"<div>{head}<table>{rows}</table>{names}</div>"


def _from_bytes(data: bytes) -> Model:
    return Model(_core.Model.from_bytes(data))


def _weak(source: object | None) -> Callable[[], Any] | None:
    if source is None:
        return None
    try:
        return weakref.ref(source)
    except TypeError:
        return None


def _encoded(features: list[Feature]) -> str:
    """Say which features are categories, and how many each has."""
    shown = [
        (feature.name or str(at))
        + (f" ({len(feature.categories)})" if feature.categories is not None else "")
        + (f", unknown: {feature.unknown}" if feature.unknown != "missing" else "")
        for at, feature in enumerate(features)
        if feature.type == "category"
    ]
    more = f"; ... ({len(shown)})" if len(shown) > 8 else ""
    return "; ".join(shown[:8]) + more


def _shortened(labels: NDArray[Any]) -> str:
    shown = ", ".join(repr(label) for label in labels[:5].tolist())
    return shown if len(labels) <= 5 else f"{shown}, ... ({len(labels)})"
