"""The libraries of the support matrix, in the order of the document."""

from typing import Any

from matrix import (
    catboost_cases,
    keras_cases,
    lightgbm_cases,
    onnx_cases,
    onnx_ml_cases,
    sklearn_cases,
    xgboost_cases,
)
from matrix.case import Case, Library, Refusal

MODULES: list[Any] = [
    sklearn_cases,
    lightgbm_cases,
    xgboost_cases,
    catboost_cases,
    onnx_cases,
    onnx_ml_cases,
    keras_cases,
]
"""Each has LIBRARY, CASES and REFUSALS."""


def cases() -> list[tuple[Library, Case]]:
    """Every case with its library."""
    return [(module.LIBRARY, case) for module in MODULES for case in module.CASES]


def refusals() -> list[tuple[Library, Refusal]]:
    """Every refusal with its library."""
    return [(module.LIBRARY, refusal) for module in MODULES for refusal in module.REFUSALS]
