"""LightGBM: `Booster` and the scikit-learn wrappers, by their model text.

The extension module translates the text: `_core.Model.from_lightgbm(text, options)`. `options` is a
JSON object:

* `source`: the `source` part of the structure, see docs/model-format.md.
* `iterations`: use the first n iterations only; null: every iteration of the text.
* `classes`: null, or `{"dtype", "kind", "values"}`: the NumPy dtype of the labels, their kind as in
  docs/model-format.md, and the labels themselves as JSON.
* `categories`: list of `{"feature", "kind", "values"}`, the user's categories of features.
* `sigmoid`: the parameter as text where the model text rounds it, or null.
* `objective_is_custom`: the objective was a Python function: margins only, and they are the
  prediction.

With `classes` the prediction is the class of the largest probability (two classes: of `1 - p, p`).
Without, it is the transformed value, as `Booster.predict` gives it.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from fastscore import _core
from fastscore._errors import ModelFormatError, UnsupportedModelError
from fastscore._options import Labels, Options, labels
from fastscore.importers import _lightgbm_live as live
from fastscore.importers._source import parameters, source, version

_CLASSIFIERS = ("binary", "multiclass", "multiclassova")


def import_booster(booster: Any, options: Options) -> _core.Model:
    """Import a `lightgbm.Booster`."""
    options.allow("a LightGBM Booster", "features", "classes", "categories", "iterations")
    text, limit = _text(booster, options)
    sigmoid, notes = live.sigmoid(booster, header_field(text, "objective"), _averages(text))
    return from_text(
        text,
        class_name="Booster",
        version=version("lightgbm"),
        iterations=limit,
        classes=options.classes,
        options=options,
        sigmoid=sigmoid,
        notes=_best_iteration_note(booster, limit) + notes,
        source_parameters=_booster_parameters(booster),
    )


def import_estimator(estimator: Any, options: Options) -> _core.Model:
    """Import an `LGBMRegressor`, `LGBMRanker` or `LGBMModel`."""
    name = type(estimator).__name__
    options.allow(f"a LightGBM {name}", "features", "categories", "iterations")
    return _wrapper(estimator, options, None)


def import_classifier(estimator: Any, options: Options) -> _core.Model:
    """Import an `LGBMClassifier`."""
    options.allow(
        "a LightGBM LGBMClassifier, which has its own labels,",
        "features",
        "categories",
        "iterations",
    )
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
    sigmoid, notes = live.sigmoid(booster, header_field(text, "objective"), _averages(text))
    return from_text(
        text,
        class_name=name,
        version=version("lightgbm"),
        iterations=limit,
        classes=classes,
        custom=_is_custom(estimator),
        options=options,
        sigmoid=sigmoid,
        notes=_best_iteration_note(booster, limit) + notes,
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
    try:
        text: str = booster.model_to_string(num_iteration=limit)
    except (TypeError, ValueError) as error:  # from `json`
        raise UnsupportedModelError(
            "LightGBM can't write the model's pandas categories as text "
            f"({error}); train on categories that are all strings, all numbers or all booleans"
        ) from None
    return text, limit


def _averages(text: str) -> bool:
    """Whether it is a random forest: its predictions are averages."""
    return "\naverage_output" in text[: text.find("\nTree=")]


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


def from_text(
    text: str,
    *,
    class_name: str,
    options: Options,
    version: str = "",
    iterations: int | None = None,
    classes: Any = None,
    custom: bool = False,
    sigmoid: str | None = None,
    notes: list[str] | None = None,
    source_parameters: dict[str, Any] | None = None,
) -> _core.Model:
    """Translate model text; `classes` are `Labels`, or labels as the user gave them."""
    said = list(notes or [])
    if classes is not None and not isinstance(classes, Labels):
        classes = _given_classes(text, classes)
        said.append("class labels were given with classes=")
    categories = _given_categories(text, options)
    if categories:
        said.append("categories were given with categories=")
    elif _has_pandas_categories(text):
        said.append(
            "pandas categories are those of the categorical features, in their order (in training "
            "categorical_feature was 'auto' or named all category columns), or else of the only "
            "features whose values in training fit them"
        )
    return _core.Model.from_lightgbm(
        text,
        json.dumps(
            {
                "source": source(
                    "LightGBM",
                    class_name,
                    version=version,
                    notes=said,
                    parameters=source_parameters,
                ),
                "iterations": iterations,
                "classes": classes.option() if classes else None,
                "categories": categories,
                "sigmoid": sigmoid,
                "objective_is_custom": custom,
            }
        ),
    )


def _has_pandas_categories(text: str) -> bool:
    start = text.rfind("\npandas_categorical:[[")
    return start >= 0


def _given_categories(text: str, options: Options) -> list[dict[str, Any]]:
    """`categories={column: [...]}`, with the column as number of the feature."""
    given = {} if options.categories is None else options.categories
    if not isinstance(given, Mapping):
        raise TypeError(f"categories= must be a dict keyed by column, not {type(given).__name__}")
    found = []
    for column, values in given.items():
        own = labels(values, f"categories={{{column!r}: ...}}")
        feature = _feature(text, options, column)
        found.append({"feature": feature, "kind": own.kind, "values": own.values})
    return found


def _feature(text: str, options: Options, column: Any) -> int:
    """Return the number of a feature by its number or name (LightGBM's have no white space)."""
    names = (header_field(text, "feature_names") or "").split(" ")
    found = options.position(column, names, count=len(names))
    if isinstance(found, int):
        return found
    rewritten = re.sub(r"\s", "_", found)
    if rewritten not in names:
        shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
        raise ValueError(
            f"categories= does not apply to {column!r}, which the model does not have: its "
            f"features are {shown}"
        )
    return names.index(rewritten)


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


def rounding_note(text: str) -> list[str]:
    """Say what the text may have lost: it writes the parameter sigmoid with six digits."""
    found = re.search(r"(?:^| )sigmoid:(\S+)", header_field(text, "objective") or "")
    digits = re.sub(r"[eE].*$|\D", "", found[1]).lstrip("0") if found else ""
    if found is None or len(digits) < 6:
        return []
    return [f"sigmoid={found[1]}, which LightGBM's text rounds to six digits"]


def available_iterations(text: str) -> int:
    """How many iterations the text has."""
    try:
        per_iteration = int(header_field(text, "num_tree_per_iteration") or 1)
    except ValueError:
        raise ModelFormatError("LightGBM text: num_tree_per_iteration is not a number") from None
    return text.count("\nTree=") // max(per_iteration, 1)


def header_field(text: str, name: str) -> str | None:
    """Return a field of the text's header, before the first tree."""
    end = text.find("\nTree=")
    header = text if end < 0 else text[:end]
    match = re.search(rf"^{re.escape(name)}=(.*?)\r?$", header, re.MULTILINE)
    return match[1] if match else None
