"""LightGBM in the support matrix: how the tests ask it, and what its cases share."""

from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd

from matrix.case import EQUAL, LEAVES, Bound, Library, ulp
from matrix.columns import numbers, score_of

EXTRA = (np.nan, np.inf, -np.inf, 1e300, 1.0000001800250948e-35, -1.0000001800250948e-35, 2e-35)
COMMON = {
    "verbose": -1,
    "num_threads": 1,
    "num_leaves": 9,
    "min_data_in_leaf": 3,
    "seed": 1,
}
RANKS = ("lambdarank", "rank_xendcg")
CLASSIFIES = ("binary", "multiclass", "multiclassova")


def expected(source: Any, data: Any, output: str) -> Any:
    """What LightGBM gives; `Booster` and wrappers alike."""
    data = as_pandas(data)
    booster = source if isinstance(source, lgb.Booster) else source.booster_
    if output == "leaf":
        leaves = booster.predict(data, pred_leaf=True, num_threads=1)
        return np.asarray(leaves).reshape(len(data), -1).astype(np.int32)
    if output == "margin":
        return booster.predict(data, raw_score=True, num_threads=1)
    if output == "prediction":
        return source.predict(data, num_threads=1)
    assert output == "probability", output
    return probability_of(source, data)


def as_pandas(data: Any) -> Any:
    """Arrow and Polars tables as the frames that LightGBM was trained on."""
    if not hasattr(data, "to_pandas"):
        return data
    frame = data.to_pandas()
    text = [name for name in frame if pd.api.types.is_string_dtype(frame[name].dtype)]
    return frame.astype(dict.fromkeys(text, "category"))


def probability_of(source: Any, data: Any) -> Any:
    """Shares of the classes, a column each."""
    data = as_pandas(data)
    booster = source if isinstance(source, lgb.Booster) else source.booster_
    shares = np.asarray(booster.predict(data, num_threads=1))
    return np.c_[1 - shares, shares] if shares.ndim == 1 else shares


def write_text(source: Any, path: Path) -> dict[str, Any]:
    """`save_model`; the text does not hold the labels of a classifier."""
    booster = source if isinstance(source, lgb.Booster) else source.booster_
    booster.save_model(path)
    return {"classes": source.classes_} if isinstance(source, lgb.LGBMClassifier) else {}


LIBRARY = Library(
    "LightGBM",
    "lightgbm",
    expected,
    {"text": write_text},
    note="`Booster` and the wrappers stop at `best_iteration`, as `predict` does. Text files do "
    "not hold class labels: `load(path, classes=[...])`. Columns of pandas categories are matched "
    "by value, in every container; a matrix without types holds their codes. Integers are read as "
    "float64 in every container; LightGBM itself casts integer NumPy arrays to float32 first, so "
    "that beyond 2^24 it scores other numbers: cast them to float64 to compare.",
)


def features(rng: np.random.Generator, *, holes: bool = True) -> Any:
    """Columns of different kinds, one of them around the values that count as zero."""
    return numbers(rng, 1e-35, holes=holes)


def target(x: Any, rng: np.random.Generator, objective: str) -> Any:
    """A target that the objective takes."""
    y = score_of(x, rng)
    if objective in ("binary", "cross_entropy", "cross_entropy_lambda"):
        return (y > 1).astype(float)
    if objective in ("multiclass", "multiclassova", *RANKS):
        return np.digitize(y, [0, 1, 2])
    return np.abs(y) + 0.1 if objective in ("poisson", "gamma", "tweedie") else y


def outputs_of(prediction: Bound, *, probability: bool = False) -> dict[str, Bound]:
    """The outputs of a model of trees."""
    found = {"prediction": prediction}
    if probability:
        found["probability"] = ulp(2)
    return found | {"margin": EQUAL, "leaf": LEAVES}
