"""LightGBM: `Booster` and the scikit-learn wrappers, by their model text.

The extension module translates the text: `_core.Model.from_lightgbm(text, options)`. `options` is a
JSON object:

* `class_name`: the source's class, `Booster`, `LGBMClassifier`, ...; `text` for a file.
* `version`: LightGBM's version, or null for a file.
* `iterations`: use the first n iterations only; null: every iteration of the text.
* `classes`: null, or `{"dtype", "kind", "values"}`: the NumPy dtype of the labels, their kind as in
  docs/model-format.md, and the labels themselves as JSON.
* `objective_is_custom`: the objective was a Python function: margins only, and they are the
  prediction.
* `notes`: list of str for `source.notes`; `parameters`: object for `source.parameters`.

With `classes` the prediction is the class of the largest probability (two classes: of `1 - p, p`).
Without, it is the transformed value, as `Booster.predict` gives it.
"""

import json
import re
import sys
from collections.abc import Callable
from typing import Any

from fastscore import _core
from fastscore._errors import ModelFormatError, UnsupportedModelError
from fastscore._options import Labels, Options, labels
from fastscore.importers._source import parameters

_CLASSIFIERS = ("binary", "multiclass", "multiclassova")


def import_booster(booster: Any, options: Options) -> _core.Model:
    """Import a `lightgbm.Booster`."""
    options.allow("a LightGBM Booster", "features", "classes", "iterations")
    text, limit = _text(booster, options)
    return from_text(
        text,
        class_name="Booster",
        version=_version(),
        iterations=limit,
        classes=options.classes,
        notes=_best_iteration_note(booster, limit),
        source_parameters=_booster_parameters(booster),
    )


def import_estimator(estimator: Any, options: Options) -> _core.Model:
    """Import an `LGBMRegressor`, `LGBMRanker` or `LGBMModel`."""
    name = type(estimator).__name__
    options.allow(f"a LightGBM {name}", "features", "iterations")
    return _wrapper(estimator, options, None)


def import_classifier(estimator: Any, options: Options) -> _core.Model:
    """Import an `LGBMClassifier`."""
    options.allow("a LightGBM LGBMClassifier, which has its own labels,", "features", "iterations")
    _check_fitted(estimator)
    classes = None
    if not _is_custom(estimator):
        classes = labels(estimator.classes_, "LGBMClassifier")
        if len(classes.values) < 2:
            raise UnsupportedModelError(
                "LGBMClassifier was fitted on a single class; fit it on at least two classes"
            )
    return _wrapper(estimator, options, classes)


IMPORTERS: dict[str, Callable[[Any, Options], _core.Model]] = {
    "Booster": import_booster,
    "LGBMClassifier": import_classifier,
    "LGBMRegressor": import_estimator,
    "LGBMRanker": import_estimator,
    "LGBMModel": import_estimator,
}


def _wrapper(estimator: Any, options: Options, classes: Labels | None) -> _core.Model:
    name = type(estimator).__name__
    _check_fitted(estimator)
    found = parameters(estimator)
    if found.get("pred_early_stop") not in (None, False, "false", "0", 0, "-"):
        raise UnsupportedModelError(
            f"{name}: pred_early_stop={found['pred_early_stop']!r} makes LightGBM skip trees, "
            "which is not exact; set_params(pred_early_stop=False) before importing"
        )
    booster = estimator.booster_
    text, limit = _text(booster, options)
    return from_text(
        text,
        class_name=name,
        version=_version(),
        iterations=limit,
        classes=classes,
        custom=_is_custom(estimator),
        notes=_best_iteration_note(booster, limit),
        source_parameters=found,
    )


def _check_fitted(estimator: Any) -> None:
    if getattr(estimator, "_Booster", None) is None:
        raise UnsupportedModelError(f"{type(estimator).__name__} is not fitted; call fit first")


def _is_custom(estimator: Any) -> bool:
    return callable(getattr(estimator, "_objective", None) or getattr(estimator, "objective", None))


def _text(booster: Any, options: Options) -> tuple[str, int | None]:
    """Return the model text with the iterations that `predict` would use."""
    per_iteration = max(booster.num_model_per_iteration(), 1)
    limit = options.iteration_limit(booster.num_trees() // per_iteration)
    # As `Booster.predict`: None stops at `best_iteration` where there is one.
    text: str = booster.model_to_string(num_iteration=limit)
    return text, limit


def _best_iteration_note(booster: Any, limit: int | None) -> list[str]:
    best = booster.best_iteration
    if limit is not None:
        return [f"iterations={limit} was given"]
    if best > 0 and booster.num_trees() > best * max(booster.num_model_per_iteration(), 1):
        return [f"stops at best_iteration={best}, as LightGBM's predict does"]
    return []


def _booster_parameters(booster: Any) -> dict[str, Any]:
    found = getattr(booster, "params", None) or {}
    return {
        str(name): value
        if isinstance(value, bool | int | str) or value is None
        else repr(value)[:200]
        for name, value in found.items()
    }


def _version() -> str:
    return str(getattr(sys.modules.get("lightgbm"), "__version__", ""))


def from_text(
    text: str,
    *,
    class_name: str,
    version: str | None = None,
    iterations: int | None = None,
    classes: Any = None,
    custom: bool = False,
    notes: list[str] | None = None,
    source_parameters: dict[str, Any] | None = None,
) -> _core.Model:
    """Translate model text; `classes` are `Labels`, or labels as the user gave them."""
    _refuse_categories(text)
    said = list(notes or [])
    if classes is not None and not isinstance(classes, Labels):
        classes = _given_classes(text, classes)
        said.append("class labels were given with classes=")
    described = (
        {"dtype": classes.dtype, "kind": classes.kind, "values": classes.values}
        if classes
        else None
    )
    return _core.Model.from_lightgbm(
        text,
        json.dumps(
            {
                "class_name": class_name,
                "version": version,
                "iterations": iterations,
                "classes": described,
                "objective_is_custom": custom,
                "notes": said,
                "parameters": source_parameters or {},
            }
        ),
    )


def _refuse_categories(text: str) -> None:
    """Columns of pandas categories: LightGBM reads their codes, ordered ones even as numbers."""
    start = text.rfind("\npandas_categorical:")
    if start < 0:
        return
    line = text[start + len("\npandas_categorical:") :].strip().split("\n")[0]
    if line not in ("null", "[]"):
        raise UnsupportedModelError(
            "the LightGBM model was trained on a pandas frame with category columns "
            "(pandas_categorical), which are not supported yet; encode them as numbers first"
        )


def _given_classes(text: str, classes: Any) -> Labels:
    found = labels(classes, "classes=")
    objective = (header_field(text, "objective") or "").split(" ")[0]
    if objective not in _CLASSIFIERS:
        shown = objective or "none (a custom objective)"
        raise ValueError(
            f"classes= does not apply to a model of objective {shown}: it labels the classes of "
            f"{', '.join(_CLASSIFIERS)}"
        )
    count = 2 if objective == "binary" else int(header_field(text, "num_class") or 1)
    if len(found.values) != count:
        raise ValueError(
            f"classes= has {len(found.values)} labels, but the model has {count} classes"
        )
    return found


def available_iterations(text: str) -> int:
    """How many iterations the text has."""
    sizes = (header_field(text, "tree_sizes") or "").split()
    try:
        per_iteration = int(header_field(text, "num_tree_per_iteration") or 1)
    except ValueError:
        raise ModelFormatError("LightGBM text: num_tree_per_iteration is not a number") from None
    return len(sizes) // max(per_iteration, 1)


def header_field(text: str, name: str) -> str | None:
    """Return a field of the text's header, before the first tree."""
    end = text.find("\nTree=")
    header = text if end < 0 else text[:end]
    match = re.search(rf"^{re.escape(name)}=(.*?)\r?$", header, re.MULTILINE)
    return match[1] if match else None
