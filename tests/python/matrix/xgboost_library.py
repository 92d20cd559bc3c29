"""XGBoost in the support matrix: how the tests ask it, and what its cases share."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xgboost as xgb
from support import awkward_rows

from matrix.case import EQUAL, LEAVES, Bound, Library, ulp
from matrix.columns import SCORED, numbers

FINITE = (np.nan, 1e30, -1e30, 16777217.0, 0.1)
"""A DMatrix refuses infinities, what float32 makes infinite as well."""
CATEGORIES: dict[str, list[Any]] = {
    "word": ["", "a b", "x", "yy"],
    "int": [-3, 5, 90],
    "ordered": [3, 1, 2],
}
COMMON: dict[str, Any] = {"nthread": 1, "max_depth": 4, "seed": 1, "verbosity": 0}


@dataclass(frozen=True)
class Asked:
    """A Booster, and what its caller says with each call."""

    booster: Any
    missing: float = np.nan
    iterations: int = 0
    """0: all."""


def expected(source: Any, data: Any, output: str) -> Any:
    """What XGBoost gives; `Booster`, `Asked` and wrappers alike."""
    if not isinstance(source, xgb.Booster | Asked):
        return _of_wrapper(source, data, output)
    asked = source if isinstance(source, Asked) else Asked(source)
    matrix = matrix_of(asked.booster, data, missing=asked.missing)
    booster, part = asked.booster, {"iteration_range": (0, asked.iterations)}
    if output == "leaf":
        return _leaves(booster.predict(matrix, pred_leaf=True, **part))
    if output == "margin":
        return booster.predict(matrix, output_margin=True, **part)
    if output == "prediction":
        return booster.predict(matrix, **part)
    assert output == "probability", output
    if document(booster)["learner"]["objective"]["name"] == "multi:softmax":
        booster = booster.copy()
        booster.set_param({"objective": "multi:softprob"})
    shares = booster.predict(matrix, **part)
    return shares if shares.ndim > 1 else np.c_[1 - shares, shares]


def _of_wrapper(source: Any, data: Any, output: str) -> Any:
    if output == "leaf":
        return _leaves(source.apply(data))
    if output == "margin":
        return source.predict(data, output_margin=True)
    if output == "prediction":
        found = source.predict(data)
        # Some labels come as int32 or float64; ours have the type of `classes_`.
        return found.astype(np.int64) if hasattr(source, "predict_proba") else found
    assert output == "probability", output
    return source.predict_proba(data)


def _leaves(found: Any) -> Any:
    return found.reshape(len(found), -1).astype(np.int32)


def matrix_of(booster: Any, data: Any, *, missing: float = np.nan) -> Any:
    """Return a DMatrix; arrays have the types of the booster's features."""
    kinds = booster.feature_types if isinstance(data, np.ndarray) else None
    more = {"feature_types": kinds, "enable_categorical": True}
    return xgb.DMatrix(_as_pandas(data), missing=missing, nthread=1, **more)


def _as_pandas(data: Any) -> Any:
    """Arrow and Polars tables as the frames that XGBoost was trained on."""
    if not hasattr(data, "to_pandas"):
        return data
    frame = data.to_pandas()
    kinds = {name: pd.CategoricalDtype(CATEGORIES[name]) for name in frame if name in CATEGORIES}
    return frame.astype(kinds)


def document(source: Any) -> Any:
    """The model as JSON."""
    booster = source if isinstance(source, xgb.Booster) else source.get_booster()
    return json.loads(bytes(booster.save_raw("json")))


def _write(source: Any, path: Path, ending: str) -> dict[str, Any]:
    target = path.with_suffix(f".{ending}")
    source.save_model(target)
    target.rename(path)
    if isinstance(source, xgb.Booster):
        return {}
    return {} if np.isnan(source.missing) else {"missing": source.missing}


LIBRARY = Library(
    "XGBoost",
    "xgboost-cpu",
    expected,
    {
        "JSON": lambda source, path: _write(source, path, "json"),
        "UBJSON": lambda source, path: _write(source, path, "ubj"),
    },
    note="`Booster` uses all iterations and refuses infinite values, as it does itself; the "
    'wrappers stop at `best_iteration` and take them. Files predict as who wrote them: `like="'
    'booster"` or `like="estimator"` says otherwise. They do not hold the value of `missing`: '
    "`load(path, missing=x)`.",
)
FILES = ("JSON", "UBJSON")


def features(rng: np.random.Generator, *, holes: bool = True) -> Any:
    """Columns of different kinds, one of them of the smallest float32."""
    return numbers(rng, 1e-38, holes=holes)


def target(objective: str, y: Any) -> tuple[Any, dict[str, Any]]:
    """Labels that an objective takes, and the parameters that it needs."""
    if objective.startswith(("binary", "rank")) or objective == "reg:logistic":
        return (y > 1).astype(int), {}
    if objective.startswith("multi"):
        return np.digitize(y, [0, 1, 2]), {"num_class": 4}
    if objective == "reg:quantileerror":
        return y, {"quantile_alpha": [0.1, 0.5, 0.9]}
    if objective.split(":")[1] in ("poisson", "gamma", "tweedie", "cox", "aft", "squaredlogerror"):
        return np.abs(y) + 0.1, {}
    return y, {}


def rows_for(source: Any, x: Any, rng: np.random.Generator, extra: tuple[Any, ...] = ()) -> Any:
    """Data to score: on the thresholds of all trees, beside them, and odd numbers."""
    found = document(source)["learner"]["gradient_booster"]
    splits = []
    for tree in found.get("gbtree", found)["model"].get("trees", ()):
        for at, left in enumerate(tree["left_children"]):
            if left != -1:
                splits.append((tree["split_indices"][at], tree["split_conditions"][at]))
    return awkward_rows(x, splits, rng, SCORED, (*FINITE, *extra))


def outputs_of(
    prediction: Bound, probability: Bound | None = None, *, leaf: bool = True, margin: Bound = EQUAL
) -> dict[str, Bound]:
    """The outputs of a model."""
    found = {"prediction": prediction}
    if probability is not None:
        found["probability"] = probability
    return found | {"margin": margin} | ({"leaf": LEAVES} if leaf else {})


SHARES = ulp(2)
