"""scikit-learn's boosting, bagging, isolation and embedding."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    RandomTreesEmbedding,
)
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier
from sklearn_checks import classes_of, table
from support import FLOAT32_MAX, around

from matrix.case import EQUAL, LABELS, LEAVES, Bound, Case, Refusal, ulp

SCORED = 517
FEW = {"n_estimators": 6, "random_state": 0}
SOME = {"max_iter": 6, "min_samples_leaf": 5, "random_state": 0}
HUGE = (np.nan, np.inf, -np.inf, 1e300)
NARROW = (FLOAT32_MAX, -FLOAT32_MAX)
SMALL = (0.0, -0.0, 5e-324, -1e-310, 1e-45)

Target = Callable[[Any], Any]


def rows(x: Any, rng: np.random.Generator, extra: tuple[float, ...]) -> Any:
    """Rows of the data, of its values' neighbours, of tiny and given values."""
    found = x[rng.integers(0, len(x), SCORED)]
    for column in range(x.shape[1]):
        own = x[np.isfinite(x[:, column]), column]
        pool = np.concatenate([around(rng.choice(own, 20)), SMALL, extra])
        chosen = rng.random(SCORED) < 0.4
        found[chosen, column] = rng.choice(pool, chosen.sum())
    return found


def case(
    source: Any,
    variant: str,
    outputs: dict[str, Bound],
    target: Target = lambda score: score,
    *,
    missing: bool = False,
    extra: tuple[float, ...] = (),
) -> Case:
    """A case of numbers only."""

    def make(rng: np.random.Generator) -> tuple[Any, Any]:
        x, score = table(missing=missing)
        return source.fit(x, target(score)), rows(x, rng, extra)

    return Case(type(source).__name__, variant, make, outputs)


def into(count: int) -> Target:
    return lambda score: classes_of(score, count)


def positive(score: Any) -> Any:
    return np.exp(score / 2)


def _text(score: Any) -> Any:
    return np.array(["low", "high", "mid"])[(classes_of(score, 3) + 1) // 3]


def _logarithms(part: float = 1.0) -> Bound:
    """The start is log(p) less the mean of the row's: NumPy's log depends on the processor."""

    def check(ours: Any, theirs: Any, source: Any, data: Any) -> None:
        eps = np.finfo(np.float64).eps
        shares = np.clip(source.init_.predict_proba(data.astype(np.float32)), eps, 1 - eps)
        most = part * 8 * eps * (1 + np.abs(np.log(shares)).max(axis=1))
        off = np.abs(ours - theirs).reshape(len(theirs), -1).max(axis=1)
        assert (off <= most + (part < 1) * 8 * eps).all()

    return Bound("8 eps (1 + largest |log p|)" if part == 1 else "as its margin", check)


def _of_score(most: int) -> Bound:
    """The margin is the score less the offset: ulps are those of the score."""

    def check(ours: Any, theirs: Any, source: Any, data: Any) -> None:
        spacing = np.spacing(np.abs(theirs + source.offset_))
        assert (np.abs(ours - theirs) <= most * spacing).all()

    return Bound(f"{most} ulp of the score", check)


# --- what is promised

VALUES = {"prediction": EQUAL, "margin": EQUAL}
LEAVES_TOO = VALUES | {"leaf": LEAVES}


def shares(most: int, **more: Bound) -> dict[str, Bound]:
    probability = ulp(most) if most else EQUAL
    return {"prediction": LABELS, "probability": probability, "margin": EQUAL} | more


# --- categories

WORDS = ["red", "green", "blue", "ä", "日本"]


def _colours(rng: np.random.Generator, known: list[Any], count: int) -> tuple[Any, Any, Any]:
    x, score = table(count, missing=True)
    words = np.array(known, dtype=object)[rng.integers(0, len(known), count)]
    return x, words, score + np.isin(words, ["red", "ä"]) * 2.0


def _pandas(x: Any, words: Any) -> Any:
    return pd.DataFrame({"a": x[:, 0], "colour": pd.Categorical(words), "b": x[:, 3]})


def _polars(x: Any, words: Any) -> Any:
    colour = pl.Series(words.tolist(), dtype=pl.Categorical)
    return pl.DataFrame({"a": x[:, 0], "colour": colour, "b": x[:, 3]})


def _frames(source: Any, variant: str, frame: Any, target: Target, outputs: Any) -> Case:
    def make(rng: np.random.Generator) -> tuple[Any, Any]:
        x, words, score = _colours(rng, [*WORDS, None], 300)
        source.fit(frame(x, words), target(score))
        x, words, _ = _colours(rng, [*WORDS, None, "violet", ""], SCORED)
        return source, frame(x, words)

    return Case(type(source).__name__, variant, make, outputs)


def _numbered(source: Any, variant: str, target: Target, outputs: dict[str, Bound]) -> Case:
    known = [0.0, 1.0, 2.0, 7.5, -3.0, np.nan]

    def make(rng: np.random.Generator) -> tuple[Any, Any]:
        x, score = table(missing=True)
        x[:, 4] = rng.choice(known, len(x))
        source.fit(x, target(score + np.isin(x[:, 4], [1.0, 7.5]) * 2.0))
        data = rows(x, rng, (np.nan, 1e300))
        data[:, 4] = rng.choice([*known, 3.0, -1.0, 1.9, 256.0], SCORED)
        return source, data

    return Case(type(source).__name__, variant, make, outputs)


HIST = HistGradientBoostingRegressor
HISTS = HistGradientBoostingClassifier
LINKED = {"prediction": ulp(2), "margin": EQUAL}

CASES = [
    *(
        case(GradientBoostingRegressor(loss=loss, **FEW), loss, LEAVES_TOO, extra=NARROW)
        for loss in ("squared_error", "absolute_error", "huber", "quantile")
    ),
    case(GradientBoostingRegressor(init="zero", **FEW), "init='zero'", LEAVES_TOO),
    case(
        GradientBoostingRegressor(init=RandomForestRegressor(3, random_state=0), **FEW),
        "init of trees",
        LEAVES_TOO,
    ),
    case(
        GradientBoostingClassifier(**FEW),
        "two classes",
        shares(2, leaf=LEAVES),
        into(2),
        extra=NARROW,
    ),
    case(GradientBoostingClassifier(**FEW), "several classes", shares(4, leaf=LEAVES), into(4)),
    case(GradientBoostingClassifier(**FEW), "labels of text", shares(4, leaf=LEAVES), _text),
    case(
        GradientBoostingClassifier(loss="exponential", **FEW),
        "loss='exponential'",
        shares(2, leaf=LEAVES),
        into(2),
    ),
    case(
        GradientBoostingClassifier(init="zero", **FEW),
        "init='zero'",
        shares(4, leaf=LEAVES),
        into(3),
    ),
    *(
        case(
            GradientBoostingClassifier(init=RandomForestClassifier(7, random_state=0), **FEW),
            f"init of trees, {count} classes",
            {
                "prediction": LABELS,
                "probability": _logarithms(0.5),
                "margin": _logarithms(),
                "leaf": LEAVES,
            },
            into(count),
        )
        for count in (2, 4)
    ),
    *(
        case(HIST(loss=loss, **SOME), loss, VALUES, positive, missing=True, extra=HUGE)
        for loss in ("squared_error", "absolute_error")
    ),
    case(HIST(loss="quantile", quantile=0.8, **SOME), "quantile", VALUES, missing=True, extra=HUGE),
    *(
        case(HIST(loss=loss, **SOME), loss, LINKED, positive, missing=True, extra=HUGE)
        for loss in ("gamma", "poisson")
    ),
    case(HISTS(**SOME), "two classes", shares(2), into(2), missing=True, extra=HUGE),
    case(HISTS(**SOME), "several classes", shares(4), into(4), missing=True, extra=HUGE),
    _numbered(HIST(categorical_features=[4], **SOME), "categories of numbers", lambda y: y, VALUES),
    _numbered(HISTS(categorical_features=[4], **SOME), "categories of numbers", into(2), shares(2)),
    _frames(HIST(**SOME), "categories of pandas", _pandas, lambda y: y, VALUES),
    _frames(HISTS(**SOME), "categories of Polars", _polars, into(3), shares(4)),
    case(AdaBoostClassifier(**FEW), "two classes", shares(2), into(2)),
    case(AdaBoostClassifier(**FEW), "several classes", shares(4), into(4)),
    case(
        AdaBoostClassifier(RandomForestClassifier(3, max_depth=3), **FEW),
        "of forests",
        shares(4),
        into(3),
    ),
    *(
        case(AdaBoostRegressor(loss=loss, **FEW), loss, VALUES)
        for loss in ("linear", "square", "exponential")
    ),
    case(AdaBoostRegressor(HIST(max_iter=2), **FEW), "of histogram boosting", VALUES),
    case(BaggingClassifier(**FEW), "of trees", shares(0), into(3), missing=True, extra=(np.nan,)),
    case(
        BaggingClassifier(
            DecisionTreeClassifier(max_depth=3), max_features=3, bootstrap_features=True, **FEW
        ),
        "of trees on subsets of the features",
        shares(0),
        into(2),
    ),
    case(
        BaggingClassifier(GradientBoostingClassifier(n_estimators=3), max_features=0.6, **FEW),
        "of boosting",
        shares(4),
        into(3),
    ),
    case(
        BaggingClassifier(BaggingClassifier(n_estimators=2), max_features=0.6, **FEW),
        "of bagging",
        shares(0),
        into(3),
    ),
    case(BaggingRegressor(**FEW), "of trees", VALUES, missing=True, extra=(np.nan,)),
    case(
        BaggingRegressor(HIST(max_iter=3), max_features=0.6, **FEW),
        "of histogram boosting",
        VALUES,
        missing=True,
        extra=HUGE,
    ),
    case(
        BaggingRegressor(**FEW),
        "several outputs",
        VALUES,
        lambda score: np.c_[score, -score],
    ),
    *(
        case(
            IsolationForest(**FEW, **more),
            variant,
            {"prediction": LABELS, "margin": _of_score(2), "score": ulp(2)},
            lambda score: None,
            missing=True,
            extra=HUGE,
        )
        for variant, more in {
            "contamination='auto'": {},
            "contamination": {"contamination": 0.1},
            "subsets of the features": {"max_features": 0.6, "max_samples": 50},
        }.items()
    ),
    case(
        RandomTreesEmbedding(max_depth=3, **FEW),
        "sparse or dense",
        {"transform": EQUAL, "leaf": LEAVES},
    ),
]


def _of_neighbours(rng: np.random.Generator) -> Any:
    x, score = table()
    return BaggingClassifier(KNeighborsClassifier(), **FEW).fit(x, classes_of(score, 2))


def _by_chance(rng: np.random.Generator) -> Any:
    x, score = table()
    init = DummyClassifier(strategy="stratified", random_state=0)
    return GradientBoostingClassifier(init=init, **FEW).fit(x, classes_of(score, 2))


def _from_narrow(rng: np.random.Generator) -> Any:
    x, score = table()
    init = LogisticRegression(max_iter=5000)
    return GradientBoostingClassifier(init=init, **FEW).fit(x, classes_of(score, 2))


def _one_class(rng: np.random.Generator) -> Any:
    x, _ = table()
    return HistGradientBoostingClassifier(**SOME).fit(x, np.zeros(len(x)))


REFUSALS = [
    Refusal(
        "an ensemble of estimators that are not in the table",
        _of_neighbours,
        "BaggingClassifier: KNeighborsClassifier",
        "use a fitted tree ensemble",
    ),
    Refusal(
        "gradient boosting that starts from chance",
        _by_chance,
        "GradientBoostingClassifier: init=",
        "use strategy='prior'",
    ),
    Refusal(
        "gradient boosting that starts from a linear classifier: its float32 shares go through a "
        "logarithm",
        _from_narrow,
        "GradientBoostingClassifier: init=",
        "use trees for init, or init=None",
    ),
    Refusal(
        "histogram boosting fitted on a single class",
        _one_class,
        "HistGradientBoostingClassifier",
        "fit it on at least two classes",
    ),
]
