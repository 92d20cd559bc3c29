"""XGBoost: `Booster` and the scikit-learn wrappers, by their UBJSON; JSON and UBJSON files.

The extension module translates the bytes: `_core.Model.from_xgboost(data, options)`. `options` is a
JSON object:

* `source`: the `source` part of the structure, see docs/model-format.md; a file says itself which
  version wrote it.
* `like`: whose `predict`: `booster`, `classifier`, `regressor`, `estimator` (the file or the
  objective says which); null: an estimator's when an estimator wrote the file, else the Booster's.
* `iterations`: use the first n iterations only; null: as `like` does.
* `classes`: null, or `{"dtype", "kind", "values"}`: labels to predict in place of numbers.
* `categories`: list of `{"column", "kind", "values"}`: the user's categories of a column, which is
  a name or a number.
* `unknown_raises`: list of `[column, bool]`: the user's policies for unknown categories.
* `missing`: null, or a float32 as text that counts as missing besides NaN.
"""

import json
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from fastscore import _core
from fastscore._errors import UnsupportedModelError
from fastscore._options import Options, labels
from fastscore.importers._source import parameters, source, version

_KEYWORDS = ("features", "classes", "categories", "unknown", "missing", "iterations", "like")
_LIKES = ("booster", "estimator")
# What an old binary file has near its start: the objective, a length of 8 bytes, the booster.
_OLD_BINARY = re.compile(
    rb"(reg|binary|multi|rank|count|survival):[a-z]+.{8}(gbtree|gblinear|dart)", re.DOTALL
)


def import_booster(booster: Any, options: Options) -> _core.Model:
    """Import an `xgboost.Booster`."""
    options.allow("an XGBoost Booster", *_KEYWORDS)
    return _translate(
        _raw(booster),
        options,
        class_name="Booster",
        version=version("xgboost"),
        like=_like(options) or "booster",
    )


def import_classifier(estimator: Any, options: Options) -> _core.Model:
    """Import an `XGBClassifier` or `XGBRFClassifier`."""
    return _wrapper(estimator, options, "classifier")


def import_regressor(estimator: Any, options: Options) -> _core.Model:
    """Import an `XGBRegressor`, `XGBRFRegressor`, `XGBRanker` or `XGBModel`."""
    return _wrapper(estimator, options, "regressor")


IMPORTERS: dict[str, Callable[[Any, Options], _core.Model]] = {
    "Booster": import_booster,
    "XGBClassifier": import_classifier,
    "XGBRFClassifier": import_classifier,
    "XGBRegressor": import_regressor,
    "XGBRFRegressor": import_regressor,
    "XGBRanker": import_regressor,
    "XGBModel": import_regressor,
}


def is_file(data: bytes) -> bool:
    """Whether it is a JSON or UBJSON model file, as far as its content shows."""
    if data[:1] != b"{":
        return False
    if data[1:2] in (b"L", b"l", b"i", b"I", b"U"):
        return b"learner" in data[:256]
    return b'"learner"' in data and b'"gradient_booster"' in data


def is_old_binary(data: bytes) -> bool:
    """Whether it is a model in the binary format that XGBoost wrote before 3.1."""
    return data[:4] in (b"binf", b"bs64") or _OLD_BINARY.search(data[:1024]) is not None


def from_file(data: bytes, options: Options) -> _core.Model:
    """Import a file's bytes."""
    options.allow("an XGBoost file", *_KEYWORDS)
    return _translate(data, options, class_name="XGBoost model (file)", like=_like(options))


def _wrapper(estimator: Any, options: Options, kind: str) -> _core.Model:
    name = type(estimator).__name__
    own = [keyword for keyword in _KEYWORDS if keyword != "missing"]
    options.allow(f"an XGBoost {name}, which has its own missing value,", *own)
    if getattr(estimator, "_Booster", None) is None:
        raise UnsupportedModelError(f"{name} is not fitted; call fit first")
    if kind == "classifier" and int(getattr(estimator, "n_classes_", 2)) < 2:
        raise UnsupportedModelError(
            f"{name} was fitted on a single class; fit it on at least two classes"
        )
    like = kind if _like(options) in (None, "estimator") else "booster"
    return _translate(
        _raw(estimator.get_booster()),
        options,
        class_name=name,
        version=version("xgboost"),
        like=like,
        missing=estimator.missing,
        source_parameters=parameters(estimator),
    )


def _raw(booster: Any) -> bytes:
    return bytes(booster.save_raw(raw_format="ubj"))


def _like(options: Options) -> str | None:
    if options.like is not None and options.like not in _LIKES:
        allowed = " or ".join(map(repr, _LIKES))
        raise ValueError(f"like={options.like!r} is unknown: {allowed}")
    return options.like


def _translate(
    data: bytes,
    options: Options,
    *,
    class_name: str,
    like: str | None,
    version: str = "",
    missing: float | None = None,
    source_parameters: dict[str, Any] | None = None,
) -> _core.Model:
    notes = []
    classes = None
    if options.classes is not None:
        classes = labels(options.classes, "classes=").option()
        notes.append("class labels were given with classes=")
    iterations = options.iteration_limit(None)
    if options.categories:
        notes.append("categories were given with categories=")
    if options.missing is not None:
        missing = options.missing
        notes.append(f"missing={missing} was given")
    elif missing is None:
        notes.append("NaN and null are missing; missing= gives one more value")
    return _core.Model.from_xgboost(
        data,
        json.dumps(
            {
                "source": source(
                    "XGBoost",
                    class_name,
                    version=version,
                    notes=notes,
                    parameters=source_parameters,
                ),
                "like": like,
                "iterations": iterations,
                "classes": classes,
                "categories": _categories(options),
                "unknown_raises": _policies(options),
                "missing": _single(missing),
            }
        ),
    )


def _categories(options: Options) -> list[dict[str, Any]]:
    found = []
    for column, values in (options.categories or {}).items():
        own = labels(values, f"categories={{{column!r}: ...}}")
        found.append(
            {"column": options.position(column, ()), "kind": own.kind, "values": own.values}
        )
    return found


def _policies(options: Options) -> list[tuple[str | int, bool]]:
    found = []
    for column, policy in (options.unknown or {}).items():
        if policy not in ("raise", "missing"):
            raise ValueError(f"unknown={{{column!r}: {policy!r}}}: it is 'raise' or 'missing'")
        found.append((options.position(column, ()), policy == "raise"))
    return found


def _single(missing: Any) -> str | None:
    """Return a missing value as XGBoost holds it, float32, as text; None for NaN."""
    if missing is None:
        return None
    if isinstance(missing, bool) or not isinstance(missing, int | float | np.number):
        raise TypeError(f"missing= must be a number, not {type(missing).__name__}")
    with np.errstate(over="ignore"):
        single = float(np.float32(missing))
    return None if math.isnan(single) else repr(single)
