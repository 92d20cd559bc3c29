"""`fastscore.load`: a model file, told apart by its content."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fastscore import _core
from fastscore._errors import ModelFormatError
from fastscore._model import Model
from fastscore._options import Options
from fastscore._sniff import OWN_HEAD, is_own, members, refuse_folder, refuse_known
from fastscore.importers import catboost, keras, lightgbm, onnx, xgboost
from fastscore.importers._categories import with_categories
from fastscore.importers._rename import with_names


def load(
    path: "str | os.PathLike[str]",
    *,
    features: Sequence[str] | None = None,
    classes: Any = None,
    categories: Mapping[str, Sequence[Any]] | None = None,
    unknown: Mapping[str, str] | None = None,
    missing: float | None = None,
    iterations: int | None = None,
    like: str | None = None,
) -> Model:
    """Read a model file. The name of the file plays no part.

    It reads `.fscore`, LightGBM text, XGBoost JSON and UBJSON, CatBoost `.cbm` and JSON, ONNX (with
    its external data, which is read from the folder of the file only), Keras `.keras` and
    whole-model `.h5` (with h5py; without Keras).

    Parameters
    ----------
    path
        The file.
    features
        Names for a model that has none, one a feature.
    classes
        Class labels for LightGBM text, XGBoost, Keras and ONNX files of a classifier, which do not
        hold them: the model then predicts labels. Of a network of several outputs a dict.
    iterations
        The first iterations of a file of LightGBM, XGBoost or CatBoost only.
    categories
        `{column: [...]}`: the values whose codes 0, 1, ... a feature was trained with, where the
        file does not hold them. Columns are feature names, or indexes.
    unknown
        `{column: "raise" | "missing"}`: what becomes of values that are not among the categories;
        else what the source does.
    missing
        The value that counts as missing besides NaN: XGBoost files do not hold it.
    like
        `"booster"` or `"estimator"`: whose `predict` a file of XGBoost or CatBoost does. XGBoost's
        estimators stop at `best_iteration` and give labels for classes: the default for files that
        one wrote. CatBoost's estimators, the default, give labels or values, its base class raw
        values.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        There is no such file.
    UnsupportedModelError
        A format that is known but not read (pickles are never opened here); the message says what
        would work.
    ModelFormatError
        The file is damaged, empty, newer than this version, or not a model.
    ValueError
        A keyword that can't apply to this file, by name.

    """
    if not isinstance(path, str | bytes | os.PathLike):
        raise TypeError(
            f"load takes the path of a model file, not a {type(path).__name__}; for a live object "
            "use fastscore.import_model(object)"
        )
    options = Options(features, classes, categories, unknown, missing, iterations, like)
    names = options.feature_names()
    name = os.fsdecode(path)
    if "\0" in name:
        raise TypeError(
            f"load takes the path of a model file, not its content: {name[:20]!r} holds a zero "
            "byte; write it to a file first"
        )
    refuse_folder(name)
    with open(name, "rb") as file:
        # A file of ours may be large: it is read by the extension, which frees it while it does.
        data = file.read(OWN_HEAD)
        own = is_own(name, data) and Path(name).is_file()
        if not own:
            data += file.read()
    if not data:
        raise ModelFormatError(f"{name} is empty")
    try:
        core = _read_own(name, options) if own else _read(name, data, options)
    except ModelFormatError as error:
        if name in str(error):
            raise
        raise ModelFormatError(f"{name}: {error}") from None
    core = core if names is None else with_names(core, names)
    return Model(with_categories(core, options.categories, options.unknown))


def _read_own(name: str, options: Options) -> _core.Model:
    options.allow("a .fscore file", "features", "categories")
    return _core.Model.from_file(name)


def _read(name: str, data: bytes, options: Options) -> _core.Model:
    if is_own(name, data):
        options.allow("a .fscore file", "features", "categories")
        return _core.Model.from_bytes(data)
    if data[:5] in (b"tree\n", b"tree\r"):
        options.allow("LightGBM text", "features", "classes", "categories", "iterations")
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ModelFormatError(
                f"LightGBM text that is not UTF-8, at byte {error.start}"
            ) from None
        limit = options.iteration_limit(lightgbm.available_iterations(text))
        notes = [f"iterations={limit} was given"] if limit is not None else []
        return lightgbm.from_text(
            text,
            class_name="LightGBM Booster (text file)",
            options=options,
            iterations=limit,
            classes=options.classes,
            notes=notes + lightgbm.rounding_note(text),
        )
    if xgboost.is_file(data):
        return xgboost.from_file(data, options)
    if data[:4] == catboost.MAGIC or (data.lstrip()[:1] == b"{" and catboost.is_json(data)):
        kind = ".cbm file" if data[:4] == catboost.MAGIC else "JSON file"
        options.allow("a CatBoost file", "features", "iterations", "like")
        return catboost.from_bytes(data, kind, options)
    if keras.is_archive(members(data)):
        return keras.from_archive(data, options)
    if data[:8] == keras.HDF5:
        return keras.from_whole(data, options)
    if onnx.is_file(data) or name.lower().endswith(".onnx"):
        return onnx.from_bytes(data, options, name)
    refuse_known(name, data)
    raise ModelFormatError(
        f"{name} is not a model file that fastscore knows; it reads .fscore files, LightGBM "
        "model text, XGBoost's JSON and UBJSON, CatBoost's .cbm and JSON (save_model), ONNX and "
        "Keras's .keras and .h5"
    )
