"""CatBoost in the support matrix: how the tests ask it, and what its cases share."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from catboost import CatBoost, CatBoostRanker, Pool
from support import awkward_rows

from matrix.case import EQUAL, LEAVES, Bound, Library, ulp
from matrix.columns import SCORED, numbers

EXTRA = (np.nan, np.inf, -np.inf, 1e300, -1e300, 3.4e38)
COMMON: dict[str, Any] = {
    "iterations": 6,
    "depth": 4,
    "verbose": 0,
    "thread_count": 1,
    "allow_writing_files": False,
    "random_seed": 3,
}
TREES: dict[str, dict[str, Any]] = {
    "SymmetricTree": {},
    "Depthwise": {"grow_policy": "Depthwise"},
    "Lossguide": {"grow_policy": "Lossguide", "max_leaves": 9},
}
WORDS = ["", "a", "bé", "漢字", "1", "-2", "x" * 7, "y" * 16, "z" * 40, "w" * 200, "nan"]
CATEGORIES = ["word", "code", "flag"]
EXPONENTIAL = ulp(2)
"""CatBoost has an exponential of its own."""


def expected(source: Any, data: Any, output: str) -> Any:
    """What CatBoost gives."""
    data = _as_pandas(data)
    if output == "leaf":
        return np.asarray(source.calc_leaf_indexes(data, thread_count=1)).astype(np.int32)
    if output == "margin":
        # The ranker's own `predict` has no such argument.
        return CatBoost.predict(source, data, prediction_type="RawFormulaVal", thread_count=1)
    if output == "probability":
        return source.predict(data, prediction_type="Probability", thread_count=1)
    assert output == "prediction", output
    found = np.asarray(source.predict(data))
    # Labels of several classes come as a column.
    return found.reshape(-1) if found.shape[1:] == (1,) else found


def _as_pandas(data: Any) -> Any:
    """Arrow and Polars tables as the frames that CatBoost was trained on."""
    if not hasattr(data, "to_pandas"):
        return data
    frame = data.to_pandas()
    return frame.astype({name: object for name in ("word", "flag") if name in frame})


def _save(source: Any, path: Path, kind: str) -> dict[str, Any]:
    """Without `like`, a file predicts as the wrappers do."""
    frame = getattr(source, "training_frame", None)
    pool = None if frame is None else Pool(frame, cat_features=CATEGORIES)
    source.save_model(str(path), format=kind, pool=pool)
    return {"like": "booster"} if type(source) in (CatBoost, CatBoostRanker) else {}


def _read_json(source: Any, path: Path) -> Any:
    """Return an object of the same class; its parameters say what a regressor predicts."""
    settings = source.get_params()
    again = CatBoost(settings) if type(source) is CatBoost else type(source)(**settings)
    return again.load_model(str(path), format="json")


LIBRARY = Library(
    "CatBoost",
    "catboost",
    expected,
    {
        "cbm": lambda source, path: _save(source, path, "cbm"),
        "JSON": lambda source, path: _save(source, path, "json"),
    },
    {"JSON": _read_json},
    note="CatBoost's JSON is not the live model to the last bit: its scores are those of CatBoost "
    "on the same JSON. Files predict as `CatBoostClassifier` and `CatBoostRegressor` do: "
    '`load(path, like="booster")` gives raw values, as `CatBoost` and `CatBoostRanker` do. '
    "Categorical columns are matched by the text of their values, in every container; missing ones "
    "are refused, as by CatBoost.",
)
FILES = ("cbm", "JSON")


def features(rng: np.random.Generator, *, holes: bool = True) -> Any:
    """Columns of different kinds, one of them of the smallest numbers."""
    return numbers(rng, 1e-40, holes=holes)


def rows_for(source: Any, x: Any, rng: np.random.Generator) -> Any:
    """Data to score: on the borders, beside them, and odd numbers."""
    splits = [
        (feature, border)
        for feature, borders in enumerate(source.get_borders().values())
        for border in borders
    ]
    return awkward_rows(x, splits, rng, SCORED, EXTRA)


def frame(rng: np.random.Generator, rows: int, *, unseen: bool = False) -> Any:
    """Numbers, and categories of text, of integers and of two words."""
    words = [*WORDS, "new", "é" * 50] if unseen else WORDS
    codes = rng.integers(-3, 20, rows)
    if unseen:
        codes[::5] += 10**12
    data = pd.DataFrame(
        {
            "x": rng.normal(size=rows),
            "word": pd.Series(
                [words[at] for at in rng.integers(0, len(words), rows)], dtype=object
            ),
            "z": rng.normal(size=rows),
            "code": codes,
            "flag": pd.Series(rng.choice(["on", "off"], rows), dtype=object),
        }
    )
    return data.assign(x=data["x"].where(rng.random(rows) > 0.1))


def frame_score(data: Any, rng: np.random.Generator) -> Any:
    """A target that depends on all columns."""
    score = np.nan_to_num(data["x"]) + data["word"].str.len() % 5 + 0.3 * (data["code"] % 4)
    return (score + (data["flag"] == "on") + 0.1 * rng.normal(size=len(data))).to_numpy()


def outputs_of(prediction: Bound = EQUAL, probability: Bound | None = None) -> dict[str, Bound]:
    """The outputs of a model."""
    found = {"prediction": prediction}
    if probability is not None:
        found["probability"] = probability
    return found | {"margin": EQUAL, "leaf": LEAVES}
