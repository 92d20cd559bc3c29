"""A model's source as a file, for `verify`: opened by the library that wrote it."""

import importlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastscore._errors import ModelFormatError, UnsupportedModelError
from fastscore._load import load
from fastscore._model import Model
from fastscore._sniff import is_own, is_pickle, members, refuse_folder, refuse_known
from fastscore.importers import catboost, keras, onnx, xgboost

_FILES = {
    "LightGBM": "model text, booster.save_model(path)",
    "XGBoost": "JSON or UBJSON, booster.save_model(path)",
    "CatBoost": ".cbm or JSON, save_model(path)",
    "ONNX": ".onnx",
    "Keras": ".keras or whole-model .h5, model.save(path)",
}
"""Library as models name it -> the files of it that can be opened."""


def open_file(path: "str | os.PathLike[str]", model: Model) -> Any:
    """Return the source library's own object of a file; `model` is what it is compared with.

    Raises UnsupportedModelError for pickles, ModelFormatError for what is no model file and for
    damaged ones (which can crash the libraries), ValueError for another library's, ImportError
    where the library is not installed.
    """
    file = os.fspath(path)
    refuse_folder(file)
    if os.path.isdir(file):
        raise ModelFormatError(f"{file} is a folder, not a file{_wanted(model)}")
    data = Path(file).read_bytes()
    if is_pickle(file, data):
        raise UnsupportedModelError(
            f"{file} is a pickle, which runs code, so verify does not open it: if you trust it, "
            "unpickle it and pass the object, model.verify(data, source=joblib.load(path))"
        )
    for library, found, open_ in _KINDS:
        if found(data):
            ours = model._structure["source"]["library"]
            if library != ours:
                raise ValueError(
                    f"{file} is a file of {library}, but the model was imported from {ours}: name "
                    f"the model's own, {_FILES.get(ours, 'a pickle')}"
                )
            return open_(file, data, model)
    if not data:
        raise ModelFormatError(f"{file} is empty")
    if is_own(file, data):
        raise ModelFormatError(
            f"{file} is a model of fastscore itself: name the file that it was made from"
            f"{_wanted(model)}"
        )
    refuse_known(file, data)
    raise ModelFormatError(f"{file} is no model file that is known{_wanted(model)}")


def _wanted(model: Model) -> str:
    """Say which files there are of the model's library."""
    library = model._structure["source"]["library"]
    files = _FILES.get(library, "the live object, or on the command line a pickle")
    return f"; the model was imported from {library}: {files}"


def _lightgbm(file: str, data: bytes, model: Model) -> Any:
    lightgbm = _library("lightgbm", "LightGBM", file)
    load(file)
    return lightgbm.Booster(model_file=file)


def _xgboost(file: str, data: bytes, model: Model) -> Any:
    library = _library("xgboost", "XGBoost", file)
    load(file)
    # By its content: of a path the ending would decide.
    return library.Booster(model_file=bytearray(data))


def _catboost(file: str, data: bytes, model: Model) -> Any:
    library = _library("catboost", "CatBoost", file)
    load(file)
    source = getattr(library, _catboost_class(model))()
    return source.load_model(file, format="cbm" if data[:4] == catboost.MAGIC else "json")


def _onnx(file: str, data: bytes, model: Model) -> Any:
    _library("onnxruntime", "ONNX Runtime", file)
    load(file)
    return file


def _keras(file: str, data: bytes, model: Model) -> Any:
    """Return the model of a file, which Keras tells apart by its ending."""
    library = _library("keras", "Keras", file)
    load(file)
    ending = ".h5" if data[:8] == keras.HDF5 else ".keras"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"model{ending}"
        path.write_bytes(data)
        return library.saving.load_model(path, compile=False)


def _is_lightgbm(data: bytes) -> bool:
    return data[:5].rstrip() == b"tree"


def _is_catboost(data: bytes) -> bool:
    return data[:4] == catboost.MAGIC or catboost.is_json(data)


def _is_keras(data: bytes) -> bool:
    return data[:8] == keras.HDF5 or keras.is_archive(members(data))


_KINDS: tuple[tuple[str, Callable[[bytes], bool], Callable[[str, bytes, Model], Any]], ...] = (
    ("LightGBM", _is_lightgbm, _lightgbm),
    ("XGBoost", xgboost.is_file, _xgboost),
    ("CatBoost", _is_catboost, _catboost),
    ("ONNX", onnx.is_file, _onnx),
    ("Keras", _is_keras, _keras),
)
"""A library, how its files are known, and how it opens them."""


def _library(package: str, name: str, file: str) -> Any:
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ImportError(f"{file} needs {name} to compare with: pip install {package}") from error


def _catboost_class(model: Model) -> str:
    """Return the class whose `predict` the model has: a file does not say which one saved it."""
    target = model._structure["targets"][0]
    if target["classes"] is not None:
        return "CatBoostClassifier"
    raw = target["prediction"]["value"] == target["margin"]
    return "CatBoost" if raw else "CatBoostRegressor"
