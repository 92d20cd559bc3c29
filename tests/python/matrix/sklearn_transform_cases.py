"""scikit-learn's transformers, each alone: its `transform` with its names."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA, IncrementalPCA, KernelPCA, TruncatedSVD
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.feature_selection import (
    RFE,
    RFECV,
    GenericUnivariateSelect,
    SelectFdr,
    SelectFpr,
    SelectFromModel,
    SelectFwe,
    SelectKBest,
    SelectPercentile,
    SequentialFeatureSelector,
    VarianceThreshold,
)
from sklearn.impute import KNNImputer, MissingIndicator, SimpleImputer
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    LabelBinarizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.tree import DecisionTreeClassifier
from sklearn_checks import classes_of, table
from support import source_runs

from matrix.case import EQUAL, LABELS, Bound, Case, Refusal

SCORED = 307
Rows = Callable[[np.random.Generator], tuple[Any, Any]]


def _near(ours: Any, theirs: Any, source: Any, data: Any) -> None:
    assert (np.isnan(ours) == np.isnan(theirs)).all()
    known = np.isfinite(theirs)
    assert (ours[~known] == theirs[~known])[~np.isnan(theirs[~known])].all()
    assert (np.abs(ours - theirs)[known] <= 1e-12 * np.abs(theirs)[known]).all()


NEAR = Bound("1e-12 of the number", _near)


def _projected(ours: Any, theirs: Any, source: Any, data: Any) -> None:
    size = np.abs(data) @ np.abs(source.components_).T
    if hasattr(source, "mean_"):
        size = size + np.abs(source.mean_) @ np.abs(source.components_).T
    if getattr(source, "whiten", False):
        size = size / np.sqrt(source.explained_variance_)
    assert (np.abs(ours - theirs) <= 1e-12 * size).all()


PROJECTED = Bound("1e-12 of sum |coefficient x value|", _projected)


def _standardised(ours: Any, theirs: Any, source: Any, data: Any) -> None:
    shift = np.abs(source._scaler.mean_ / source._scaler.scale_)
    assert (np.abs(ours - theirs) <= 1e-12 * (np.abs(theirs) + shift)).all()


STANDARDISED = Bound("1e-12 (the number + the centre)", _standardised)


def _splines(ours: Any, theirs: Any, source: Any, data: Any) -> None:
    assert (np.abs(ours - theirs) <= 1e-13 * (1 + np.abs(theirs))).all()


SPLINES = Bound("1e-13 (1 + the number)", _splines)


def numbers(*, missing: bool = False, positive: bool = False) -> Rows:
    """Columns of different scales; rows of tiny, large and negative numbers to score."""

    def make(rng: np.random.Generator) -> tuple[Any, Any]:
        x, _ = table(300)
        x = np.abs(x) + 1e-3 if positive else x
        data = x[rng.integers(0, len(x), SCORED)] * 10.0 ** rng.integers(
            -9, 9, (SCORED, x.shape[1])
        )
        data[::7, 1] = 1e-310 if positive else -0.0
        data[::3] = x[rng.integers(0, len(x), len(data[::3]))]
        if missing:
            x[rng.random(x.shape) < 0.1] = np.nan
            data[rng.random(data.shape) < 0.1] = np.nan
        return x, data

    return make


def spread() -> Rows:
    """Rows up to some ranges beyond the data."""

    def make(rng: np.random.Generator) -> tuple[Any, Any]:
        x, _ = table(300)
        return x, x[rng.integers(0, len(x), SCORED)] * rng.choice([1, -2, 3], (SCORED, 1))

    return make


def unit(most: float, low: float | None = None) -> Rows:
    """Numbers up to a magnitude, dense about 0."""

    def make(rng: np.random.Generator) -> tuple[Any, Any]:
        least = -most if low is None else low
        x = rng.uniform(least, most, (300, 3))
        small = rng.uniform(-1, 1, (SCORED, 3)) * 10.0 ** -rng.integers(0, 9, (SCORED, 3))
        data = rng.uniform(least, most, (SCORED, 3))
        return x, np.where((rng.random((SCORED, 3)) < 0.3) & (least < 0), small, data)

    return make


def marked(marker: float) -> Rows:
    """A number that stands for a missing one."""

    def make(rng: np.random.Generator) -> tuple[Any, Any]:
        x, data = numbers()(rng)
        x[rng.random(x.shape) < 0.1] = marker
        data[rng.random(data.shape) < 0.1] = marker
        return x, data

    return make


def levels(*, missing: bool = False, unknown: bool = False) -> Rows:
    """A frame of text, categories, numbers and booleans, as encoders take it."""

    def make(rng: np.random.Generator) -> tuple[Any, Any]:
        frames = [_levels(rng, rows) for rows in (200, SCORED)]
        for frame in frames if missing else ():
            for column in ("text", "object", "category", "real"):
                frame.loc[rng.random(len(frame)) < 0.1, column] = np.nan
        if unknown:
            hidden = rng.random(SCORED) < 0.3
            frames[1].loc[hidden, "text"] = "new"
            frames[1].loc[hidden, "real"] = -7.5
            frames[1].loc[hidden, "whole"] = 99
        return frames[0], frames[1]

    return make


def _levels(rng: np.random.Generator, rows: int) -> Any:
    words = ["", "b", "ä", "a longer one than twelve bytes", "B"]
    return pd.DataFrame(
        {
            "text": pd.Series(rng.choice(words, rows), dtype="str"),
            "object": pd.Series(rng.choice(words[:3], rows), dtype=object),
            "category": pd.Categorical(rng.choice(words[1:3], rows), categories=words[::-1]),
            "real": rng.choice([0.5, -0.0, 1e300, 1 / 3], rows),
            "whole": rng.integers(-2, 3, rows),
            "flag": rng.random(rows) < 0.5,
        }
    )


def case(
    transformer: Any, variant: str, rows: Rows, bound: Bound = EQUAL, **outputs: Bound
) -> Case:
    """Return a transformer fitted on rows, with its own class as the family."""

    def make(rng: np.random.Generator) -> tuple[Any, Any]:
        x, data = rows(rng)
        y = rng.integers(0, 2, len(x)) if isinstance(x, pd.DataFrame) else classes_of(x[:, 0], 2)
        if not isinstance(x, pd.DataFrame):
            y = np.where(np.isnan(x[:, 0]), 0, y)
        with source_runs():
            return transformer.fit(x, y), data

    return Case(type(transformer).__name__, variant, make, {**outputs, "transform": bound})


PLAIN, HOLES = numbers(), numbers(missing=True)
KNOWN, GAPS = levels(), levels(missing=True)
STRANGE, STRANGE_GAPS = levels(unknown=True), levels(missing=True, unknown=True)


def _imputers() -> list[Case]:
    found = [
        case(SimpleImputer(strategy=strategy, add_indicator=indicator), variant, HOLES)
        for strategy in ("mean", "median", "most_frequent", "constant")
        for indicator, variant in (
            (False, strategy.replace("_", " ")),
            (True, f"{strategy.replace('_', ' ')} with indicator"),
        )
    ]
    return [
        *found,
        case(SimpleImputer(missing_values=-1), "another missing value", marked(-1)),
        case(MissingIndicator(), "missing only", HOLES),
        case(MissingIndicator(features="all"), "all features", HOLES),
        case(MissingIndicator(missing_values=-1), "another missing value", marked(-1)),
    ]


def _encoders() -> list[Case]:
    infrequent = {"handle_unknown": "infrequent_if_exist", "min_frequency": 0.2}
    one_hot: list[tuple[str, Rows, dict[str, Any]]] = [
        ("known values", KNOWN, {}),
        ("missing as a category", GAPS, {}),
        ("unknown ignored", STRANGE_GAPS, {"handle_unknown": "ignore"}),
        ("first dropped", KNOWN, {"drop": "first"}),
        ("binary dropped", GAPS, {"drop": "if_binary", "handle_unknown": "ignore"}),
        ("infrequent", STRANGE_GAPS, infrequent),
        ("infrequent, warns", STRANGE_GAPS, {**infrequent, "handle_unknown": "warn"}),
        ("at most two", STRANGE, {"max_categories": 2, "handle_unknown": "ignore"}),
        ("infrequent, first dropped", STRANGE, {**infrequent, "drop": "first"}),
        ("float32", KNOWN, {"dtype": np.float32, "sparse_output": False}),
    ]
    other = {"handle_unknown": "use_encoded_value", "unknown_value": -1}
    nothing = {**other, "unknown_value": np.nan, "encoded_missing_value": -2}
    ordinal: list[tuple[str, Rows, dict[str, Any]]] = [
        ("known values", KNOWN, {}),
        ("missing values", GAPS, {}),
        ("missing as a number", GAPS, {"encoded_missing_value": -5}),
        ("unknown as a number", STRANGE_GAPS, other),
        ("unknown as NaN", STRANGE_GAPS, nothing),
        ("infrequent", STRANGE_GAPS, {**other, "max_categories": 2}),
    ]
    return [
        *(case(OneHotEncoder(**own), variant, rows) for variant, rows, own in one_hot),
        *(case(OrdinalEncoder(**own), variant, rows) for variant, rows, own in ordinal),
        case(TargetEncoder(), "two classes", STRANGE_GAPS),
        case(TargetEncoder(target_type="continuous"), "numbers", STRANGE_GAPS),
    ]


def _scalers() -> list[Case]:
    return [
        case(StandardScaler(), "both", HOLES),
        case(StandardScaler(with_mean=False), "without centre", HOLES),
        case(StandardScaler(with_std=False), "without scale", HOLES),
        case(RobustScaler(), "both", HOLES),
        case(RobustScaler(with_centering=False), "without centre", HOLES),
        case(MinMaxScaler((-1, 2)), "a range", HOLES),
        case(MinMaxScaler(clip=True), "clipped", HOLES),
        case(MaxAbsScaler(), "plain", HOLES),
        case(Binarizer(threshold=0.3), "a threshold", PLAIN),
        *(case(Normalizer(norm), norm, PLAIN, NEAR) for norm in ("l1", "l2", "max")),
    ]


def _selectors() -> list[Case]:
    forest, tree = RandomForestClassifier(5, random_state=0), DecisionTreeClassifier(max_depth=3)
    return [
        case(VarianceThreshold(1e-6), "a threshold", HOLES),
        case(SelectKBest(k=2), "two", PLAIN),
        case(SelectPercentile(percentile=50), "half", PLAIN),
        case(SelectFpr(), "false positive rate", PLAIN),
        case(SelectFdr(), "false discovery rate", PLAIN),
        case(SelectFwe(), "family-wise error", PLAIN),
        case(GenericUnivariateSelect(mode="k_best", param=3), "three", PLAIN),
        case(SelectFromModel(forest), "a forest", PLAIN),
        case(SequentialFeatureSelector(tree, n_features_to_select=2, cv=2), "a tree", PLAIN),
    ]


def _projections() -> list[Case]:
    return [
        case(PCA(3), "three components", PLAIN, PROJECTED),
        case(PCA(whiten=True), "whitened", PLAIN, PROJECTED),
        case(IncrementalPCA(2), "two components", PLAIN, PROJECTED),
        case(TruncatedSVD(3, random_state=0), "three components", PLAIN, PROJECTED),
    ]


def _shapes() -> list[Case]:
    exact = "square absolute sign negative floor ceil rint trunc positive"
    above_0 = "sqrt log log2 log10 log1p cbrt exp expm1 exp2 arccosh"
    any_number = "sin cos tan tanh sinh cosh arctan arcsinh"
    functions = [
        *((name, PLAIN, EQUAL) for name in exact.split()),
        *((name, numbers(positive=True), NEAR) for name in above_0.split()),
        *((name, unit(50.0), NEAR) for name in any_number.split()),
        *((name, unit(1.0), NEAR) for name in ("arcsin", "arccos", "arctanh")),
    ]
    return [
        *(
            case(KBinsDiscretizer(4, encode=encode, strategy=strategy), variant, PLAIN)
            for encode, strategy, variant in (
                ("onehot", "quantile", "a column a bin"),
                ("onehot-dense", "uniform", "uniform"),
                ("ordinal", "kmeans", "numbers of bins"),
            )
        ),
        case(PolynomialFeatures(2), "degree 2", PLAIN),
        case(PolynomialFeatures(3, interaction_only=True), "interactions", PLAIN),
        case(PolynomialFeatures((2, 3), include_bias=False), "degrees 2 and 3", PLAIN),
        case(FunctionTransformer(), "none", PLAIN),
        *(
            case(FunctionTransformer(getattr(np, name)), name, rows, bound)
            for name, rows, bound in functions
        ),
        case(PowerTransformer(standardize=False), "Yeo-Johnson", unit(50.0), NEAR),
        case(PowerTransformer(), "Yeo-Johnson, standardised", unit(50.0), STANDARDISED),
        case(PowerTransformer("box-cox", standardize=False), "Box-Cox", unit(50.0, low=0.1), NEAR),
        case(QuantileTransformer(n_quantiles=50), "uniform", HOLES),
        case(
            QuantileTransformer(n_quantiles=50, output_distribution="normal"), "normal", HOLES, NEAR
        ),
    ]


def _spline_cases() -> list[Case]:
    variants: list[tuple[str, Rows, dict[str, Any]]] = [
        ("constant", PLAIN, {}),
        ("linear", PLAIN, {"extrapolation": "linear", "degree": 2}),
        ("continued", spread(), {"extrapolation": "continue", "knots": "quantile"}),
        ("periodic", spread(), {"extrapolation": "periodic", "include_bias": False}),
        ("sparse", PLAIN, {"sparse_output": True, "degree": 1}),
        ("missing as zeros", HOLES, {"handle_missing": "zeros"}),
    ]
    return [
        case(SplineTransformer(**own), variant, rows, SPLINES) for variant, rows, own in variants
    ]


def _eliminations() -> list[Case]:
    tree = DecisionTreeClassifier(max_depth=3, random_state=0)
    outputs = {"prediction": LABELS, "probability": EQUAL, "margin": EQUAL}
    return [
        case(
            RFE(RandomForestClassifier(3, random_state=0), n_features_to_select=2),
            "a forest",
            PLAIN,
            **outputs,
        ),
        case(RFECV(tree, cv=2), "a tree", PLAIN, **outputs),
    ]


CASES = [
    *_imputers(),
    *_encoders(),
    *_scalers(),
    *_selectors(),
    *_eliminations(),
    *_projections(),
    *_shapes(),
    *_spline_cases(),
]


def _fitted(estimator: Any, x: Any = None) -> Callable[[np.random.Generator], Any]:
    def make(rng: np.random.Generator) -> Any:
        return estimator.fit(table(60)[0] if x is None else x)

    return make


def _squared(x: Any) -> Any:
    return x**2


def _both_missing() -> Any:
    column = np.array(["a", None, np.nan, "b"], dtype=object)
    return pd.DataFrame({"a": pd.Series(column, dtype=object)})


REFUSALS = [
    Refusal(
        "FunctionTransformer of anything but NumPy's functions",
        _fitted(FunctionTransformer(_squared)),
        "FunctionTransformer: func=",
        "is code, which can't be imported; supported are None and numpy.absolute",
    ),
    Refusal(
        "NumPy's reciprocal of the data themselves",
        _fitted(FunctionTransformer(np.reciprocal)),
        "numpy.reciprocal",
        "have a step before give floats",
    ),
    Refusal(
        "SplineTransformer of degree 0",
        _fitted(SplineTransformer(degree=0, extrapolation="continue")),
        "SplineTransformer: degree=0",
        "use a KBinsDiscretizer, or degree=1 and more",
    ),
    Refusal(
        "SplineTransformer of degree 1, linear, on several features",
        _fitted(SplineTransformer(degree=1, extrapolation="linear")),
        "extrapolation='linear'",
        "use extrapolation='continue', which gives what is meant",
    ),
    Refusal(
        "an encoder that has None and NaN as two categories",
        _fitted(OneHotEncoder(), _both_missing()),
        "None and NaN",
        "fit it on a column that has one of them",
    ),
    Refusal(
        "categories that are integers beyond 2**53",
        _fitted(OrdinalEncoder(), np.array([[2**53 + 1], [1]])),
        "9007199254740993",
        "give such identifiers as text",
    ),
    Refusal(
        "text as the output",
        _fitted(SimpleImputer(strategy="most_frequent"), pd.DataFrame({"a": ["x", "y"]})),
        "column 'a'",
        "drop the column or encode it",
    ),
    Refusal(
        "a column that is text for one step and a number for another",
        _fitted(make_union(OneHotEncoder(), StandardScaler()), pd.DataFrame({"a": ["1", "2"]})),
        "feature 'a' is text for OneHotEncoder and a number for StandardScaler",
        "give the source two columns, one for each",
    ),
    Refusal(
        "an encoder, or bins of quantiles, of numbers that are computed to within some last bits",
        _fitted(
            make_pipeline(
                FunctionTransformer(np.exp),
                KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf"),
            ),
            np.arange(9.0)[:, None],
        ),
        "KBinsDiscretizer compares column",
        "bin the column itself",
    ),
    Refusal(
        "a spline of a column that had a single value in training",
        _fitted(SplineTransformer(), np.ones((9, 1))),
        "had a single value in training",
        "drop the column",
    ),
    Refusal(
        "KNNImputer and IterativeImputer",
        _fitted(KNNImputer()),
        "KNNImputer is not supported: it predicts each missing value",
        "use SimpleImputer",
    ),
    Refusal(
        "CountVectorizer and others that take text apart",
        _fitted(CountVectorizer(), ["some words", "more words"]),
        "CountVectorizer is not supported: it takes text apart",
        "apply it to the data beforehand",
    ),
    Refusal(
        "LabelBinarizer, LabelEncoder",
        _fitted(LabelBinarizer(), [1, 2, 3]),
        "LabelBinarizer is not supported: it is for targets",
        "use OneHotEncoder or OrdinalEncoder",
    ),
    Refusal(
        "transformers that are not in the table",
        _fitted(KernelPCA(2)),
        "KernelPCA",
        "Supported are scikit-learn",
    ),
]
