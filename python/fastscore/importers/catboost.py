"""CatBoost: `CatBoost` and its wrappers by their `.cbm` bytes, `.cbm` files, and JSON files.

The extension module translates the bytes: `_core.Model.from_catboost(data, options)`. `options` is
a JSON object:

* `source`: the `source` part of the structure, see docs/model-format.md.
* `iterations`: use the first n trees only; null: all.
* `raw`: predictions are raw values, as `CatBoost.predict` gives them, not labels or, of Poisson and
  Tweedie, exponents.
* `classifier`: the source is a classifier, whatever its loss.
* `classes`: null, or `{"dtype", "kind", "values"}`: labels that the bytes do not hold.
"""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastscore import _core
from fastscore._errors import UnsupportedModelError
from fastscore._options import Labels, Options, labels
from fastscore.importers._source import parameters, source, version

MAGIC = b"CBM1"


def import_base(model: Any, options: Options) -> _core.Model:
    """Import a `CatBoost` or `CatBoostRanker`: `predict` gives raw values."""
    return _live(model, options, raw=True)


def import_regressor(model: Any, options: Options) -> _core.Model:
    """Import a `CatBoostRegressor`."""
    # It decides by the parameter that it was made with, not by the loss that it was trained with.
    loss = str(model._get_default_prediction_type())
    return _live(model, options, raw=loss == "RawFormulaVal")


def import_classifier(model: Any, options: Options) -> _core.Model:
    """Import a `CatBoostClassifier`."""
    return _live(model, options, classifier=True)


IMPORTERS: dict[str, Callable[[Any, Options], _core.Model]] = {
    "CatBoost": import_base,
    "CatBoostClassifier": import_classifier,
    "CatBoostRegressor": import_regressor,
    "CatBoostRanker": import_base,
}


def from_bytes(data: bytes, kind: str, options: Options) -> _core.Model:
    """Translate the bytes of a file, which does not say what class it was saved by."""
    raw = options.wants_booster()
    assumed = "raw values (like='booster')" if raw else "labels or values, as the wrappers do"
    return _translate(
        data,
        class_name=f"CatBoost model ({kind})",
        raw=raw,
        iterations=_limit(options),
        notes=[f"predicts {assumed}", *_notes(options)],
    )


def is_json(data: bytes) -> bool:
    """Whether JSON text is a CatBoost model, or a part of one: the error says what is missing."""
    return b'"features_info"' in data or b'"oblivious_trees"' in data


def _live(
    model: Any, options: Options, *, raw: bool = False, classifier: bool = False
) -> _core.Model:
    name = type(model).__name__
    options.allow(f"a CatBoost {name}", "features", "iterations")
    if not model.is_fitted():
        raise UnsupportedModelError(f"{name} is not fitted; call fit first")
    _refuse_features(model, name)
    given: Labels | None = None
    if classifier and "class_params" not in dict(model.get_metadata().items()):
        given = labels(model.classes_, name)
    return _translate(
        _serialised(model),
        class_name=name,
        version=version("catboost"),
        raw=raw,
        classifier=classifier,
        classes=given,
        iterations=_limit(options),
        notes=_notes(options),
        source_parameters=parameters(model),
    )


def _refuse_features(model: Any, name: str) -> None:
    for kind in ("text", "embedding"):
        indices: list[Any] = getattr(model, f"_get_{kind}_feature_indices", list)()
        if len(indices):
            raise UnsupportedModelError(
                f"{name}: {kind}_features={list(map(int, indices))} are not supported; train it on "
                "numerical and categorical features only"
            )


def _serialised(model: Any) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.cbm"
        model.save_model(str(path), format="cbm")
        return path.read_bytes()


def _limit(options: Options) -> int | None:
    """Return `iterations`; whether the model has so many is checked where its trees are counted."""
    return options.iteration_limit(None)


def _notes(options: Options) -> list[str]:
    return [] if options.iterations is None else [f"iterations={options.iterations} was given"]


def _translate(
    data: bytes,
    *,
    class_name: str,
    version: str = "",
    raw: bool = False,
    classifier: bool = False,
    classes: Labels | None = None,
    iterations: int | None = None,
    notes: list[str] | None = None,
    source_parameters: dict[str, Any] | None = None,
) -> _core.Model:
    return _core.Model.from_catboost(
        data,
        json.dumps(
            {
                "source": source(
                    "CatBoost",
                    class_name,
                    version=version,
                    notes=notes,
                    parameters=source_parameters,
                ),
                "iterations": iterations,
                "raw": raw,
                "classifier": classifier,
                "classes": classes.option() if classes else None,
            }
        ),
    )
