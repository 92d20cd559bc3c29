"""What `fastscore verify` compares with: a file, opened by the library that wrote it."""

import importlib
import pickle
import tempfile
from pathlib import Path
from typing import Any

from fastscore._jobs import JobError
from fastscore._load import load
from fastscore._model import Model
from fastscore._sniff import is_pickle, members
from fastscore.importers import catboost, keras, onnx, xgboost


def open_against(file: str, model: Model, *, trust_pickle: bool) -> Any:
    """Return the source library's own object of a file; `model` is what it is compared with.

    Raises `JobError` for what is no model of a source library, and where the library is not
    installed; what `load` raises for damaged files, which can crash the libraries.
    """
    if is_pickle_file(file):
        if not trust_pickle:
            raise JobError(
                f"{file} is a pickle, which runs code: add --trust-pickle if you trust it"
            )
        return unpickle(file)
    data = Path(file).read_bytes()
    if data[:5].rstrip() == b"tree":
        lightgbm = _library("lightgbm", "LightGBM", file)
        load(file)
        return lightgbm.Booster(model_file=file)
    if xgboost.is_file(data):
        library = _library("xgboost", "XGBoost", file)
        load(file)
        # By its content: of a path the ending would decide.
        return library.Booster(model_file=bytearray(data))
    if data[:4] == catboost.MAGIC or catboost.is_json(data):
        library = _library("catboost", "CatBoost", file)
        load(file)
        source = getattr(library, _catboost_class(model))()
        return source.load_model(file, format="cbm" if data[:4] == catboost.MAGIC else "json")
    if onnx.is_file(data):
        _library("onnxruntime", "ONNX Runtime", file)
        return file
    if data[:8] == keras.HDF5 or keras.is_archive(members(data)):
        library = _library("keras", "Keras", file)
        load(file)
        return _keras_model(library, data)
    raise JobError(
        f"{file} is neither LightGBM model text, nor a file of XGBoost (JSON, UBJSON) or CatBoost "
        "(.cbm, JSON), nor of ONNX or Keras (.keras, .h5), nor a pickle of an estimator"
    )


def _keras_model(library: Any, data: bytes) -> Any:
    """Return the model of a file, which Keras tells apart by its ending."""
    ending = ".h5" if data[:8] == keras.HDF5 else ".keras"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"model{ending}"
        path.write_bytes(data)
        return library.saving.load_model(path, compile=False)


def is_pickle_file(file: str) -> bool:
    """Whether a file is a pickle, by its name or its content."""
    with open(file, "rb") as opened:
        return is_pickle(file, opened.read(1 << 16))


def unpickle(file: str) -> Any:
    """Return what a pickle holds, which runs its code."""
    try:
        try:
            import joblib
        except ImportError:
            with open(file, "rb") as opened:
                return pickle.load(opened)
        return joblib.load(file)
    except ModuleNotFoundError as error:
        raise JobError(
            f"{file} needs the module {error.name!r}: "
            "run this in the environment where the model was made"
        ) from error
    except Exception as error:
        raise JobError(f"{file} can't be unpickled: {type(error).__name__}: {error}") from error


def _library(package: str, name: str, file: str) -> Any:
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise JobError(
            f"{file} needs {name} to compare with: pip install {package}, or fastscore[{package}]"
        ) from error


def _catboost_class(model: Model) -> str:
    """Return the class whose `predict` the model has: a file does not say which one saved it."""
    target = model._structure["targets"][0]
    if target["classes"] is not None:
        return "CatBoostClassifier"
    raw = target["prediction"]["value"] == target["margin"]
    return "CatBoost" if raw else "CatBoostRegressor"
