"""scikit-learn's pipelines, column transformers and unions, with predictors of every library."""

from collections.abc import Callable
from typing import Any

import catboost
import lightgbm as lgb
import numpy as np
import pandas as pd
import xgboost as xgb
from sklearn.compose import ColumnTransformer, make_column_selector, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline, make_union
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)
from support import source_runs

from matrix.case import (
    EQUAL,
    LABELS,
    LEAVES,
    Bound,
    Case,
    Refusal,
    labels_but_for_ties,
    linear,
    linear_link,
    ulp,
)

ROWS, SCORED = 250, 307
NUMBERS, TEXTS = ["age", "income", "visits"], ["city", "kind"]


def people(rng: np.random.Generator, rows: int) -> Any:
    """Return a mixed table: numbers with gaps, text, a category, a flag, and a column to drop."""
    cities = np.array(["Oslo", "Köln", "", "a town with a long name", "Roma"])
    frame = pd.DataFrame(
        {
            "age": rng.normal(40, 12, rows).round(1),
            "city": pd.Series(rng.choice(cities, rows), dtype="str"),
            "income": rng.lognormal(10, 1, rows),
            "kind": pd.Categorical(rng.choice(["x", "y", "z"], rows), categories=["z", "y", "x"]),
            "visits": rng.integers(0, 6, rows),
            "member": rng.random(rows) < 0.5,
            "note": pd.Series([f"row {i}" for i in range(rows)], dtype="str"),
        }
    )
    for column in ("age", "city", "kind"):
        frame.loc[rng.random(rows) < 0.1, column] = np.nan
    return frame


def scored(rng: np.random.Generator) -> Any:
    """Rows to score: with values that training had not, tiny and large ones."""
    frame = people(rng, SCORED)
    frame.loc[rng.random(SCORED) < 0.1, "city"] = "Unseen"
    frame.loc[::9, "income"] = 5e-324
    frame.loc[::13, "income"] = 1e30
    frame.loc[::11, "age"] = -0.0
    return frame


def columns(*, dense: bool = False, **parameters: Any) -> Any:
    """Impute and scale numbers, encode text."""
    return ColumnTransformer(
        [
            ("number", make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), NUMBERS),
            ("text", OneHotEncoder(handle_unknown="ignore"), TEXTS),
            ("flag", "passthrough", ["member"]),
        ],
        sparse_threshold=0 if dense else 1,
        **parameters,
    )


def case(variant: str, source: Any, outputs: dict[str, Bound], *, classes: int = 2) -> Case:
    """Return a fitted composition; `classes` is 0 for numbers."""

    def make(rng: np.random.Generator) -> tuple[Any, Any]:
        frame = people(rng, ROWS)
        value = frame["age"].fillna(0) / 10 + 3 * (frame["city"] == "Oslo") + rng.normal(size=ROWS)
        y = value if classes == 0 else pd.qcut(value, classes, labels=False)
        with source_runs():
            return source.fit(frame, np.asarray(y)), scored(rng)

    return Case(type(source).__name__, variant, make, outputs)


def last_step(variant: str, predictor: Any, outputs: dict[str, Bound], **more: Any) -> Case:
    """Return a pipeline of `columns` before a predictor."""
    dense = more.pop("dense", False)
    pipeline = make_pipeline(columns(dense=dense), predictor)
    return case(f"columns, then {variant}", pipeline, outputs, **more)


def _handed(source: Any, data: Any) -> Any:
    found = source[:-1].transform(data)
    return np.asarray(found.toarray() if hasattr(found, "toarray") else found, dtype=float)


def _magnitude(source: Any, data: Any) -> Any:
    coefficients = np.abs(np.atleast_2d(source[-1].coef_))
    return np.abs(_handed(source, data)) @ coefficients.T + np.abs(np.ravel(source[-1].intercept_))


def _of_score(ours: Any, theirs: Any, source: Any, data: Any) -> None:
    spacing = np.spacing(np.abs(theirs + source[-1].offset_))
    assert (np.abs(ours - theirs) <= 2 * spacing).all()


OF_SCORE = Bound("2 ulp of the score", _of_score)


def _equal(ours: Any, theirs: Any, source: Any, data: Any) -> None:
    np.testing.assert_array_equal(ours, theirs)


NUMBERS_EQUAL = Bound("equal numbers", _equal)


def _projected(source: Any, data: Any) -> Any:
    """The same, for coefficients of projections: both sums are as large as their terms."""
    before = np.abs(source[0].transform(data))
    pca, last = source[1], source[-1]
    through = np.abs(pca.components_).T @ np.abs(np.atleast_2d(last.coef_)).T
    return before @ through * 2 + np.abs(np.ravel(last.intercept_)) + np.abs(pca.mean_) @ through


LINEAR = {"prediction": linear(_magnitude), "margin": linear(_magnitude)}
LOGISTIC = {
    "prediction": labels_but_for_ties(lambda source, data: source.predict_proba(data)),
    "probability": linear_link(_magnitude),
    "margin": linear(_magnitude),
}
FOREST = {"prediction": LABELS, "probability": EQUAL, "margin": EQUAL, "leaf": LEAVES}
BOOSTED = {"prediction": LABELS, "probability": ulp(4), "margin": EQUAL}
LEAFY = {**BOOSTED, "leaf": LEAVES}
VALUE = {"prediction": EQUAL, "margin": EQUAL}
TREES = {**VALUE, "leaf": LEAVES}
GIVEN = {"transform": EQUAL}


def _nested() -> Any:
    inner = make_column_transformer(
        (make_union(SimpleImputer(), make_pipeline(SimpleImputer(), KBinsDiscretizer(3))), ["age"]),
        (Pipeline([("nothing", "passthrough"), ("scale", MinMaxScaler())]), ["income"]),
        remainder="passthrough",
    )
    union = FeatureUnion(
        [("a", inner), ("b", "drop"), ("c", make_pipeline(SimpleImputer(), RobustScaler()))],
        transformer_weights={"a": 0.5},
    )
    return make_pipeline(ColumnTransformer([("n", union, NUMBERS)]), None, SelectKBest(k=5))


def _pandas(predictor: Any) -> Any:
    """Frames between the steps: the predictor gets categories as they are."""
    return make_pipeline(
        ColumnTransformer(
            [("number", StandardScaler(), ["age", "income"]), ("kind", "passthrough", ["kind"])],
            verbose_feature_names_out=False,
        ).set_output(transform="pandas"),
        predictor,
    )


def _compositions() -> list[Case]:
    names = ColumnTransformer(
        [
            ("a", StandardScaler(), make_column_selector(dtype_include=np.number)),
            ("b", OneHotEncoder(handle_unknown="ignore"), make_column_selector("city|kind")),
            ("c", "passthrough", lambda frame: ["member"]),
        ]
    )
    places = ColumnTransformer(
        [
            ("a", MinMaxScaler(), [0, -5]),
            ("b", OneHotEncoder(handle_unknown="ignore"), slice(3, 4)),
            ("c", "drop", slice("note", "note")),
            (
                "d",
                OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
                np.array([False, True, False, False, False, False, False]),
            ),
        ],
        remainder=StandardScaler(),
        sparse_threshold=0,
    )
    return [
        case("by name", columns(), GIVEN),
        case("short names", columns(verbose_feature_names_out=False), GIVEN),
        case("weights", columns(transformer_weights={"number": 2, "flag": 3}), GIVEN),
        case("selectors and callables", names, GIVEN),
        case("places, slices, masks, a remainder", places, GIVEN),
        case("nested", _nested(), {"transform": NUMBERS_EQUAL}),
        case(
            "pandas output",
            columns(dense=True)
            .set_params(text__sparse_output=False)
            .set_output(transform="pandas"),
            GIVEN,
        ),
    ]


def _predictors() -> list[Case]:
    small = {"n_estimators": 5, "random_state": 0}
    boosted = {"max_iter": 5, "min_samples_leaf": 5, "random_state": 0}
    light = {"n_estimators": 5, "min_child_samples": 5, "verbose": -1, "n_jobs": 1}
    cat = {
        "iterations": 5,
        "depth": 3,
        "verbose": 0,
        "allow_writing_files": False,
        "thread_count": 1,
        "random_seed": 0,
    }
    text = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="?"),
        OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=0.2),
    )
    deep = make_pipeline(
        make_column_transformer(
            (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), NUMBERS),
            (text, ["city"]),
            (TargetEncoder(), ["kind"]),
        ),
        LogisticRegression(),
    )
    coded = make_pipeline(
        make_column_transformer(
            (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan), TEXTS),
            remainder="drop",
        ),
        HistGradientBoostingClassifier(categorical_features=[0, 1], **boosted),
    )
    projected = make_pipeline(
        make_column_transformer((make_pipeline(SimpleImputer(), StandardScaler()), NUMBERS)),
        PCA(2),
        Ridge(),
    )
    return [
        last_step("LogisticRegression", LogisticRegression(), LOGISTIC),
        last_step("LogisticRegression of three classes", LogisticRegression(), LOGISTIC, classes=3),
        last_step("Ridge", Ridge(), LINEAR, classes=0),
        last_step("RandomForestClassifier", RandomForestClassifier(**small), FOREST, classes=3),
        last_step(
            "ExtraTreesRegressor",
            ExtraTreesRegressor(**small),
            {**VALUE, "leaf": LEAVES},
            classes=0,
        ),
        last_step("GradientBoostingClassifier", GradientBoostingClassifier(**small), LEAFY),
        last_step(
            "HistGradientBoostingClassifier",
            HistGradientBoostingClassifier(**boosted),
            BOOSTED,
            dense=True,
            classes=3,
        ),
        last_step(
            "HistGradientBoostingRegressor",
            HistGradientBoostingRegressor(**boosted),
            VALUE,
            dense=True,
            classes=0,
        ),
        last_step(
            "BaggingClassifier of trees",
            BaggingClassifier(n_estimators=3, random_state=0),
            {"prediction": LABELS, "probability": EQUAL, "margin": EQUAL},
        ),
        last_step(
            "IsolationForest",
            IsolationForest(**small),
            {"prediction": LABELS, "score": ulp(2), "margin": OF_SCORE},
        ),
        last_step("LGBMClassifier", lgb.LGBMClassifier(**light), {**LEAFY, "probability": ulp(2)}),
        last_step("LGBMRegressor", lgb.LGBMRegressor(**light), TREES, classes=0),
        last_step(
            "XGBClassifier, zeros of a sparse matrix missing",
            xgb.XGBClassifier(n_estimators=5, n_jobs=1),
            {**LEAFY, "probability": ulp(2)},
        ),
        last_step(
            "XGBRegressor",
            xgb.XGBRegressor(n_estimators=5, n_jobs=1),
            {**VALUE, "leaf": LEAVES},
            classes=0,
            dense=True,
        ),
        last_step(
            "CatBoostClassifier",
            catboost.CatBoostClassifier(**cat),
            {**LEAFY, "probability": ulp(2)},
            dense=True,
        ),
        case("text imputed, infrequent; TargetEncoder", deep, LOGISTIC),
        case("codes as categories of HistGradientBoosting", coded, {**BOOSTED}),
        case(
            "StandardScaler, PCA, Ridge",
            projected,
            {"prediction": linear(_projected), "margin": linear(_projected)},
            classes=0,
        ),
        case(
            "pandas between, then LGBMClassifier with categories",
            _pandas(lgb.LGBMClassifier(**light)),
            {**LEAFY, "probability": ulp(2)},
        ),
        case(
            "pandas between, then HistGradientBoosting with categories",
            _pandas(HistGradientBoostingClassifier(**boosted)),
            BOOSTED,
        ),
    ]


CASES = [*_compositions(), *_predictors()]


def of_last_step(source: Any, data: Any, output: str, expected: Callable[..., Any]) -> Any:
    """Return what a pipeline has no method for: its last step's own."""
    handed, last = source[:-1].transform(data), source[-1]
    library = type(last).__module__.split(".")[0]
    leaf = output == "leaf"
    if library == "sklearn":
        dense = handed.toarray() if hasattr(handed, "toarray") else np.asarray(handed)
        return expected(last, dense if dense.dtype.kind == "f" else handed, output)
    if library == "lightgbm":
        kind = {"pred_leaf": True} if leaf else {"raw_score": True}
        return last.predict(handed, **kind)
    if library == "xgboost":
        return (
            last.apply(handed).astype(np.int32)
            if leaf
            else last.predict(handed, output_margin=True)
        )
    pool = catboost.Pool(handed)
    if leaf:
        return np.asarray(last.calc_leaf_indexes(pool)).astype(np.int32)
    return last.predict(pool, prediction_type="RawFormulaVal")


def _fitted(source: Any, frame: Any = None) -> Callable[[np.random.Generator], Any]:
    def make(rng: np.random.Generator) -> Any:
        given = people(rng, ROWS) if frame is None else frame
        return source.fit(given, rng.integers(0, 2, len(given)))

    return make


REFUSALS = [
    Refusal(
        "a pipeline that has a step which can't be imported",
        _fitted(
            make_pipeline(make_column_transformer((CountVectorizer(), "note")), Ridge()),
        ),
        "Pipeline step 'columntransformer': transformer 'countvectorizer'",
        "apply it to the data beforehand",
    ),
    Refusal(
        "a pipeline of nothing",
        _fitted(Pipeline([("nothing", "passthrough")])),
        "Pipeline: all its steps are 'passthrough'",
        "it does nothing",
    ),
    Refusal(
        "a pipeline that is not fitted",
        lambda rng: make_pipeline(StandardScaler(), Ridge()),
        "Ridge is not fitted",
        "call fit first",
    ),
    Refusal(
        "text that nothing encodes",
        _fitted(ColumnTransformer([("a", SimpleImputer(strategy="most_frequent"), ["city"])])),
        "column 'a__city'",
        "drop the column or encode it",
    ),
]
