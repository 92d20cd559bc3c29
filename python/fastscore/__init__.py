"""fastscore: batch inference of tabular models on a CPU, exact to the bit.

>>> import fastscore
>>> model = fastscore.import_model(estimator)  # or fastscore.load("model.ubj")
>>> fastscore.predict(frame, model)  # the container that came in comes back
>>> model.save("churn.fscore")
"""

import importlib
from typing import TYPE_CHECKING, Any

from fastscore._build import __version__
from fastscore._errors import (
    FastscoreError,
    MissingValueError,
    ModelFormatError,
    NonFiniteValueError,
    SchemaError,
    UnknownCategoryError,
    UnsupportedModelError,
)
from fastscore._errors import TooWideError as TooWideError  # pickles look for it by this name
from fastscore._import import import_model
from fastscore._load import load
from fastscore._model import Feature, Model, SourceInfo
from fastscore._predict import predict
from fastscore._register import register
from fastscore._stream import ScoreStream, predict_stream
from fastscore._verify_report import OutputCheck, VerifyReport

__all__ = [
    "FastscoreError",
    "Feature",
    "MissingValueError",
    "Model",
    "ModelFormatError",
    "NonFiniteValueError",
    "OutputCheck",
    "SchemaError",
    "ScoreStream",
    "SourceInfo",
    "UnknownCategoryError",
    "UnsupportedModelError",
    "VerifyReport",
    "__version__",
    "import_model",
    "load",
    "predict",
    "predict_stream",
]

register()

if not TYPE_CHECKING:  # a type checker is to know what is not there

    def __getattr__(name: str) -> Any:
        """Import `fastscore.polars` and `fastscore.sklearn`, which need libraries, at first use."""
        if name in ("polars", "sklearn"):
            return importlib.import_module(f"fastscore.{name}")
        raise AttributeError(f"module 'fastscore' has no attribute {name!r}")
