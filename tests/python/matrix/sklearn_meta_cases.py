"""scikit-learn's meta-estimators: searches, votes, stacks, calibration, chains and others."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import lightgbm
import numpy as np
import xgboost
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import (
    ClassifierChain,
    MultiOutputClassifier,
    MultiOutputRegressor,
    RegressorChain,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn_checks import classes_of, table
from support import around

from matrix.case import (
    EQUAL,
    LABELS,
    LEAVES,
    Bound,
    Case,
    Refusal,
    labels_but_for_ties,
    ulp,
)
from matrix.sklearn_ensemble_cases import case, into, rows

try:
    from sklearn.frozen import FrozenEstimator
except ImportError:  # since 1.6
    FrozenEstimator = None

CORES = {"n_jobs": 1}


def forest() -> Any:
    return RandomForestClassifier(5, max_depth=4, random_state=0)


def forest_of_numbers() -> Any:
    return RandomForestRegressor(5, max_depth=4, random_state=0)


def tree() -> Any:
    return DecisionTreeClassifier(max_depth=4, random_state=0)


def tree_of_numbers() -> Any:
    return DecisionTreeRegressor(max_depth=4, random_state=0)


def boosted() -> Any:
    return HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=5)


def boosted_numbers() -> Any:
    return HistGradientBoostingRegressor(max_iter=5, min_samples_leaf=5)


def logistic() -> Any:
    return LogisticRegression(max_iter=1000)


def light() -> Any:
    return lightgbm.LGBMClassifier(n_estimators=4, verbose=-1, **CORES)


def light_numbers() -> Any:
    return lightgbm.LGBMRegressor(n_estimators=4, verbose=-1, **CORES)


def extreme(depth: int = 3) -> Any:
    return xgboost.XGBClassifier(n_estimators=4, max_depth=depth, **CORES)


def extreme_numbers(depth: int = 3) -> Any:
    return xgboost.XGBRegressor(n_estimators=4, max_depth=depth, **CORES)


# --- targets


def words(count: int) -> Callable[[Any], Any]:
    """Labels of text, in another order than the classes of numbers."""
    return lambda score: np.array(["low", "high", "mid", "none"])[
        (classes_of(score, count) + 1) // 3
    ]


def counted(count: int) -> Callable[[Any], Any]:
    """Labels 0, 1, ..."""
    return lambda score: (classes_of(score, count) + 1) // 3


def pair(score: Any) -> Any:
    return np.c_[score, -np.abs(score)]


def flags(score: Any) -> Any:
    """Three labels a row."""
    return (np.c_[score, np.sin(3 * score), score**2 - 2] > 0).astype(int)


def one_sided(score: Any) -> Any:
    """Labels of which one is always there and one never."""
    return np.c_[flags(score), np.ones(len(score), int), np.zeros(len(score), int)]


def two_targets(score: Any) -> Any:
    return np.c_[classes_of(score, 3), classes_of(-np.abs(score), 2)]


def positive(score: Any) -> Any:
    return np.exp(score / 3)


# --- margins of what has no decision_function, as scikit-learn compares them


def margin(source: Any, data: Any) -> Any:
    """The margin that the model documents; None for what `expected` knows itself."""
    name = type(source).__name__
    if name == "VotingClassifier" and source.voting == "hard":
        weights = source._weights_not_none
        count = len(source.classes_)
        votes = [
            np.bincount(row, weights, count).astype(float)
            for row in np.array([member.predict(data) for member in source.estimators_]).T
        ]
        return np.array(votes)[:, 1] if count == 2 else np.array(votes)
    if name == "OutputCodeClassifier":
        scores = np.array([score_of(member, data) for member in source.estimators_]).T
        codes = source.code_book_
        near = np.array([(2 * scores * code - code**2).sum(axis=1) for code in codes]).T
        return near[:, 1] - near[:, 0] if len(codes) == 2 else near
    if name == "OneVsRestClassifier" and not hasattr(source, "decision_function"):
        if not hasattr(source, "predict_proba"):
            return np.array([member.predict(data) for member in source.estimators_]).T
        return source.predict_proba(data) if source.multilabel_ else None
    if name == "MultiOutputClassifier" and hasattr(source.estimators_[0], "decision_function"):
        return [member.decision_function(data) for member in source.estimators_]
    if name == "ClassifierChain" and not hasattr(source, "decision_function"):
        binary = all(len(known) == 2 for known in source.classes_)
        return source.predict_proba(data) if binary else source.predict(data)
    return None


def score_of(member: Any, data: Any) -> Any:
    if hasattr(member, "decision_function"):
        return member.decision_function(data)
    return member.predict_proba(data)[:, 1]


# --- promises


def _nearly(part: float) -> Callable[[Any, Any, Any, Any], None]:
    def check(ours: Any, theirs: Any, source: Any, data: Any) -> None:
        bound = part * np.maximum(1, np.abs(theirs))
        assert ((np.abs(ours - theirs) <= bound) | (np.isnan(ours) & np.isnan(theirs))).all()

    return check


NEAR = Bound("1e-12, of 1 or of the value", _nearly(1e-12))
TIES = labels_but_for_ties(
    lambda source, data: (
        source.predict_proba(data)
        if hasattr(source, "predict_proba")
        else np.asarray(source.decision_function(data)).reshape(len(data), -1)
    )
)
VALUES = {"prediction": EQUAL, "margin": EQUAL}
NEAR_VALUES = {"prediction": NEAR, "margin": NEAR}
VOTES = {"prediction": LABELS, "margin": EQUAL}


def shares(probability: Bound, margin: Bound | None = None) -> dict[str, Bound]:
    """A classifier whose margin is its probability, unless said."""
    return {
        "prediction": LABELS,
        "probability": probability,
        "margin": probability if margin is None else margin,
    }


NEAR_SHARES = {"prediction": TIES, "probability": NEAR, "margin": NEAR}
DEPTHS = {"max_depth": [2, 3]}

_VOTERS = [("a", forest()), ("b", boosted()), ("c", light())]


def _searches() -> list[Case]:
    three = into(3)
    leaves = {"prediction": LABELS, "probability": EQUAL, "margin": EQUAL, "leaf": LEAVES}
    few = {"cv": 2, "random_state": 0}
    return [
        _search(GridSearchCV(forest(), DEPTHS, cv=2), "of a forest", leaves, three),
        _search(
            GridSearchCV(boosted(), {"max_iter": [2, 3]}, cv=2),
            "of boosting",
            shares(ulp(4), EQUAL),
            words(3),
        ),
        _search(
            RandomizedSearchCV(forest_of_numbers(), DEPTHS, n_iter=1, **few),
            "of a forest",
            VALUES | {"leaf": LEAVES},
            lambda score: score,
        ),
        _search(HalvingGridSearchCV(forest(), DEPTHS, **few), "of a forest", leaves, three),
        _search(
            HalvingRandomSearchCV(forest(), DEPTHS, n_candidates=2, **few),
            "of a forest",
            leaves,
            three,
        ),
    ]


def _search(source: Any, variant: str, outputs: dict[str, Bound], target: Any) -> Case:
    """A search: it has no `apply` of its own."""
    plain = case(source, variant, outputs, target)
    return replace(plain, truth=lambda found: found.best_estimator_)


def _named(family: str, build: Any, variant: str, outputs: dict[str, Bound], target: Any) -> Case:
    def make(rng: np.random.Generator) -> tuple[Any, Any]:
        x, score = table()
        return build(x, target(score)), rows(x, rng, ())

    return Case(family, variant, make, outputs)


def _frozen() -> list[Case]:
    if FrozenEstimator is None:
        return []
    return [
        _named(
            "FrozenEstimator",
            lambda x, y: FrozenEstimator(forest().fit(x, y)),
            "of a forest",
            {"prediction": LABELS, "probability": EQUAL, "margin": EQUAL, "leaf": LEAVES},
            words(3),
        ),
        _named(
            "CalibratedClassifierCV",
            lambda x, y: CalibratedClassifierCV(FrozenEstimator(tree().fit(x, y))).fit(x, y),
            "of a frozen estimator",
            shares(ulp(4)),
            into(3),
        ),
        _named(
            "FixedThresholdClassifier",
            lambda x, y: FixedThresholdClassifier(
                FrozenEstimator(forest().fit(x, y)), threshold=0.3
            ).fit(x, y),
            "of a frozen estimator",
            shares(EQUAL),
            into(2),
        ),
    ]


def _handing_on(case: Case) -> Case:
    """Its `transform` gives what its members predict."""
    return replace(case, outputs={**case.outputs, "transform": NEAR})


def _voting() -> list[Case]:
    def soft(*members: Any, **more: Any) -> Any:
        named = [(f"m{at}", member) for at, member in enumerate(members)]
        return VotingClassifier(named, voting="soft", **more)

    return [
        case(soft(forest(), tree()), "soft", shares(EQUAL), words(3)),
        case(soft(forest(), tree()), "soft, two classes", shares(EQUAL), into(2)),
        case(
            soft(forest(), tree(), boosted(), light(), weights=[1, 2, 0.5, 3]),
            "soft, weights",
            shares(ulp(8)),
            words(3),
        ),
        case(soft(extreme(), extreme(2), extreme(1)), "soft, of float32", shares(ulp(8)), words(3)),
        case(soft(forest(), logistic()), "soft, of a linear model", NEAR_SHARES, into(2)),
        case(
            VotingClassifier([*_VOTERS, ("x", extreme()), ("d", logistic())]),
            "hard",
            VOTES,
            words(3),
        ),
        case(
            VotingClassifier([*_VOTERS, ("off", "drop")], weights=[1, 2.5, 1.5, 9]),
            "hard, weights, a dropped member",
            VOTES,
            into(2),
        ),
        case(
            VotingRegressor(
                [("a", forest_of_numbers()), ("b", boosted_numbers()), ("x", extreme_numbers())],
                weights=[1, 2, 0.3],
            ),
            "weights",
            VALUES,
        ),
        case(VotingRegressor([("a", forest_of_numbers()), ("c", light_numbers())]), "mean", VALUES),
        case(
            VotingRegressor([(f"x{d}", extreme_numbers(d)) for d in (1, 2, 3)]),
            "of float32",
            VALUES,
        ),
        case(
            VotingRegressor([("a", forest_of_numbers()), ("b", LinearRegression())]),
            "of a linear model",
            NEAR_VALUES,
        ),
    ]


def _stacking() -> list[Case]:
    two = [("a", forest()), ("b", tree())]
    return [
        case(StackingClassifier(two, forest(), cv=2), "of trees", shares(EQUAL), words(3)),
        case(
            StackingClassifier(two, boosted(), cv=2), "two classes", shares(ulp(4), EQUAL), into(2)
        ),
        case(
            StackingClassifier([*two, ("c", logistic())], cv=2),
            "of linear models",
            NEAR_SHARES,
            words(3),
        ),
        case(
            StackingClassifier(
                [*two, ("b2", boosted())], forest(), cv=2, passthrough=True, stack_method="predict"
            ),
            "passthrough, stack_method='predict'",
            shares(EQUAL),
            into(3),
        ),
        _named(
            "StackingClassifier",
            lambda x, y: StackingClassifier(
                [("a", forest().fit(x, y)), ("b", boosted().fit(x, y))],
                tree(),
                cv="prefit",
                stack_method="predict",
            ).fit(x, y),
            "cv='prefit'",
            shares(EQUAL),
            into(3),
        ),
        case(
            StackingRegressor(
                [("a", forest_of_numbers()), ("b", boosted_numbers()), ("x", extreme_numbers())],
                tree_of_numbers(),
                cv=2,
                passthrough=True,
            ),
            "of trees, passthrough",
            VALUES,
        ),
        case(
            StackingRegressor([("a", forest_of_numbers()), ("x", extreme_numbers())], cv=2),
            "of the default final estimator",
            NEAR_VALUES,
        ),
    ]


def _calibrated() -> list[Case]:
    def by(member: Any, method: str, **more: Any) -> Any:
        return CalibratedClassifierCV(member, method=method, cv=3, **more)

    return [
        case(by(forest(), "sigmoid"), "sigmoid, two classes", shares(ulp(4)), words(2)),
        case(by(boosted(), "sigmoid"), "sigmoid, several classes", shares(ulp(8)), words(4)),
        case(
            by(tree(), "sigmoid", ensemble=False),
            "sigmoid, one calibrator",
            shares(ulp(4)),
            into(3),
        ),
        case(by(light(), "sigmoid"), "sigmoid, of LightGBM", NEAR_SHARES, into(3)),
        case(by(extreme(), "sigmoid"), "sigmoid, of float32", NEAR_SHARES, counted(3)),
        case(by(logistic(), "sigmoid"), "sigmoid, of a linear model", NEAR_SHARES, words(3)),
        case(by(forest(), "isotonic"), "isotonic, two classes", shares(EQUAL), words(2)),
        case(by(forest(), "isotonic"), "isotonic, several classes", shares(EQUAL), into(4)),
        case(
            by(boosted(), "isotonic", ensemble=False),
            "isotonic, one calibrator",
            shares(EQUAL),
            into(3),
        ),
        case(by(forest(), "temperature"), "temperature, two classes", NEAR_SHARES, words(2)),
        # scikit-learn indexes by the labels: past its memory where they are not 0, 1, ...
        case(
            by(boosted(), "temperature"), "temperature, several classes", shares(ulp(8)), counted(3)
        ),
        case(by(boosted(), "temperature"), "temperature, of decisions", shares(ulp(8)), counted(2)),
    ]


def _thresholds() -> list[Case]:
    return [
        case(
            FixedThresholdClassifier(forest(), threshold=0.4), "probability", shares(EQUAL), into(2)
        ),
        case(
            FixedThresholdClassifier(
                boosted(), threshold=0.2, pos_label="high", response_method="decision_function"
            ),
            "decision_function, pos_label",
            shares(ulp(2), EQUAL),
            words(2),
        ),
        case(
            FixedThresholdClassifier(extreme(), threshold=0.4, pos_label=0),
            "of float32",
            {"prediction": LABELS, "probability": ulp(2), "margin": ulp(2)},
            counted(2),
        ),
        case(FixedThresholdClassifier(forest()), "threshold='auto'", shares(EQUAL), words(2)),
        case(TunedThresholdClassifierCV(forest(), cv=2), "tuned", shares(EQUAL), words(2)),
        case(
            TunedThresholdClassifierCV(boosted(), scoring="accuracy", cv=2),
            "scoring='accuracy'",
            shares(ulp(2), EQUAL),
            into(2),
        ),
    ]


def _with_constants(x: Any, y: Any) -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Label .* is present in all training examples")
        return OneVsRestClassifier(boosted()).fit(x, y)


def _multiclass() -> list[Case]:
    return [
        case(OneVsRestClassifier(forest()), "several classes", shares(EQUAL), words(4)),
        case(OneVsRestClassifier(boosted()), "of decisions", shares(ulp(8), EQUAL), into(3)),
        case(OneVsRestClassifier(boosted()), "two classes", shares(ulp(4), EQUAL), words(2)),
        case(OneVsRestClassifier(tree()), "many ties", shares(EQUAL), into(4)),
        case(OneVsRestClassifier(forest_of_numbers()), "of regressors", VOTES, into(3)),
        case(OneVsRestClassifier(forest()), "several labels", shares(EQUAL), flags),
        _named(
            "OneVsRestClassifier",
            _with_constants,
            "several labels, some constant",
            shares(ulp(4), EQUAL),
            one_sided,
        ),
        case(OneVsRestClassifier(extreme()), "of float32", shares(ulp(8)), into(3)),
        case(OneVsRestClassifier(logistic()), "of linear models", NEAR_SHARES, words(3)),
        case(OneVsOneClassifier(forest()), "several classes", VOTES, words(4)),
        case(OneVsOneClassifier(boosted()), "two classes", VOTES, into(2)),
        case(OneVsOneClassifier(boosted()), "of decisions", VOTES, words(3)),
        case(
            OneVsOneClassifier(logistic()),
            "of linear models",
            {"prediction": TIES, "margin": NEAR},
            into(3),
        ),
        case(
            OutputCodeClassifier(forest(), code_size=2, random_state=0),
            "of probabilities",
            {"prediction": LABELS, "margin": NEAR},
            words(4),
        ),
        case(
            OutputCodeClassifier(boosted(), code_size=3, random_state=0),
            "of decisions",
            {"prediction": LABELS, "margin": NEAR},
            into(3),
        ),
        case(
            OutputCodeClassifier(DecisionTreeClassifier(random_state=0), random_state=0),
            "of zeros and ones",
            {"prediction": LABELS, "margin": EQUAL},
            words(4),
        ),
    ]


def _multioutput() -> list[Case]:
    return [
        case(MultiOutputClassifier(forest()), "of forests", shares(EQUAL), two_targets),
        case(MultiOutputClassifier(boosted()), "of boosting", shares(ulp(4), EQUAL), two_targets),
        case(MultiOutputRegressor(boosted_numbers()), "of boosting", VALUES, pair),
        case(MultiOutputRegressor(extreme_numbers()), "of float32", VALUES, pair),
        case(
            ClassifierChain(forest(), order=[2, 0, 1]),
            "chain_method='predict'",
            {"prediction": EQUAL, "probability": EQUAL, "margin": EQUAL},
            flags,
        ),
        case(
            ClassifierChain(forest(), order=[1, 2, 0], chain_method="predict_proba", cv=2),
            "chain_method='predict_proba'",
            {"prediction": EQUAL, "probability": EQUAL, "margin": EQUAL},
            flags,
        ),
        case(
            ClassifierChain(boosted(), chain_method="decision_function"),
            "chain_method='decision_function'",
            {"prediction": EQUAL, "probability": ulp(2), "margin": EQUAL},
            flags,
        ),
        case(ClassifierChain(forest()), "several classes", VALUES, two_targets),
        case(RegressorChain(boosted_numbers(), order=[1, 0]), "of boosting", VALUES, pair),
        case(RegressorChain(extreme_numbers()), "of float32", VALUES, pair),
        case(RegressorChain(LinearRegression()), "of linear models", NEAR_VALUES, pair),
    ]


def _dummies() -> list[Case]:
    def constant(score: Any) -> Any:
        return score

    strange = (np.nan, np.inf, -np.inf)
    return [
        case(DummyClassifier(strategy="prior"), "prior", shares(EQUAL), words(3), extra=strange),
        case(DummyClassifier(strategy="most_frequent"), "most_frequent", shares(EQUAL), into(2)),
        case(
            DummyClassifier(strategy="constant", constant="high"),
            "constant",
            shares(EQUAL),
            words(3),
        ),
        case(DummyClassifier(strategy="prior"), "several targets", shares(EQUAL), two_targets),
        case(DummyRegressor(), "mean", VALUES, constant, extra=strange),
        case(DummyRegressor(strategy="quantile", quantile=0.3), "quantile", VALUES, constant),
        case(DummyRegressor(strategy="median"), "several targets", VALUES, pair),
    ]


def _targets() -> list[Case]:
    def of(regressor: Any, transformer: Any = None, **more: Any) -> Any:
        return TransformedTargetRegressor(regressor, transformer=transformer, **more)

    scalers = (StandardScaler(), MinMaxScaler(), MaxAbsScaler(), RobustScaler())
    return [
        *(
            case(of(forest_of_numbers(), scaler), type(scaler).__name__, VALUES)
            for scaler in scalers
        ),
        *(
            case(of(extreme_numbers(), scaler), f"{type(scaler).__name__}, of float32", VALUES)
            for scaler in scalers
        ),
        case(of(forest_of_numbers(), StandardScaler()), "several targets", VALUES, pair),
        case(of(extreme_numbers()), "no transformation", VALUES),
        case(
            of(forest_of_numbers(), func=np.sqrt, inverse_func=np.square),
            "square",
            VALUES,
            positive,
        ),
        case(
            of(forest_of_numbers(), func=np.log, inverse_func=np.exp),
            "exp",
            {"prediction": ulp(4), "margin": ulp(4)},
            positive,
        ),
        case(
            of(forest_of_numbers(), PowerTransformer()),
            "PowerTransformer, Yeo-Johnson",
            NEAR_VALUES,
        ),
        case(
            of(boosted_numbers(), PowerTransformer(standardize=False)),
            "PowerTransformer, not standardised",
            NEAR_VALUES,
        ),
        case(
            of(forest_of_numbers(), PowerTransformer(method="box-cox")),
            "PowerTransformer, Box-Cox",
            NEAR_VALUES,
            positive,
        ),
        case(
            of(forest_of_numbers(), PowerTransformer()),
            "several targets, powers",
            NEAR_VALUES,
            pair,
        ),
        case(
            of(forest_of_numbers(), QuantileTransformer(n_quantiles=50)),
            "QuantileTransformer, uniform",
            VALUES,
        ),
    ]


def _isotonic() -> list[Case]:
    def make(outside: str) -> Any:
        def fit(rng: np.random.Generator) -> tuple[Any, Any]:
            x, score = table()
            source = IsotonicRegression(out_of_bounds=outside).fit(x[:, 0], score)
            ends = around(np.array([source.X_min_, source.X_max_, *source.X_thresholds_[1:9]]))
            data = np.concatenate([rows(x, rng, ())[:, 0], ends, [0.0, -0.0, 1e300, -1e300]])
            return source, data.reshape(-1, 1)

        return fit

    return [
        Case("IsotonicRegression", "out_of_bounds='clip'", make("clip"), VALUES),
        Case("IsotonicRegression", "out_of_bounds='nan'", make("nan"), VALUES),
    ]


CASES = [
    *_searches(),
    *_frozen(),
    *map(_handing_on, _voting()),
    *map(_handing_on, _stacking()),
    *_calibrated(),
    *_thresholds(),
    *_multiclass(),
    *_multioutput(),
    *_dummies(),
    *_targets(),
    *_isotonic(),
    case(BaggingRegressor(extreme_numbers(), n_estimators=5, random_state=0), "of float32", VALUES),
    case(
        AdaBoostRegressor(extreme_numbers(), n_estimators=4, random_state=0), "of float32", VALUES
    ),
    case(
        BaggingClassifier(VotingClassifier(_VOTERS[:2]), n_estimators=3, random_state=0),
        "of votes",
        shares(EQUAL),
        into(3),
    ),
    case(
        AdaBoostClassifier(CalibratedClassifierCV(tree(), cv=2), n_estimators=3, random_state=0),
        "of calibrated trees",
        shares(ulp(4), EQUAL),
        into(3),
    ),
]


# --- refusals


def _fitted(source: Any, target: Any = lambda score: score) -> Any:
    def make(rng: np.random.Generator) -> Any:
        x, score = table()
        return source.fit(x, target(score))

    return make


def _unbounded(rng: np.random.Generator) -> Any:
    x, score = table()
    return IsotonicRegression(out_of_bounds="raise").fit(x[:, 0], score)


REFUSALS = [
    Refusal(
        "a search without refit",
        _fitted(GridSearchCV(tree(), DEPTHS, cv=2, refit=False), into(2)),
        "GridSearchCV: refit=False",
        "search with refit=True",
    ),
    Refusal(
        "a dummy that predicts at random",
        _fitted(DummyClassifier(strategy="uniform", random_state=0), into(2)),
        "DummyClassifier: strategy='uniform'",
        "use 'prior', 'most_frequent' or 'constant'",
    ),
    Refusal(
        "a target transformed back by a function that is no ufunc",
        _fitted(
            TransformedTargetRegressor(tree_of_numbers(), func=np.cbrt, inverse_func=lambda y: y**3)
        ),
        "TransformedTargetRegressor",
        "supported are numpy.absolute",
    ),
    Refusal(
        "a target transformed back by a function with arguments",
        _fitted(
            TransformedTargetRegressor(
                tree_of_numbers(),
                transformer=FunctionTransformer(
                    inverse_func=np.multiply, inv_kw_args={"x2": 2.0}, check_inverse=False
                ),
                check_inverse=False,
            )
        ),
        "inv_kw_args",
        "use a NumPy function that needs none",
    ),
    Refusal(
        "a target transformed back in float32, but by scalers",
        _fitted(TransformedTargetRegressor(extreme_numbers(), transformer=PowerTransformer())),
        "PowerTransformer",
        "use a regressor that predicts float64",
    ),
    Refusal(
        "isotonic regression that refuses values outside",
        _unbounded,
        "IsotonicRegression: out_of_bounds='raise'",
        "set it to 'clip' or 'nan'",
    ),
    Refusal(
        "isotonic calibration of float32 numbers",
        _fitted(CalibratedClassifierCV(extreme(), method="isotonic", cv=2), counted(2)),
        "CalibratedClassifierCV",
        "use method='sigmoid'",
    ),
    Refusal(
        "temperature calibration of float32 numbers",
        _fitted(CalibratedClassifierCV(extreme(), method="temperature", cv=2), counted(2)),
        "CalibratedClassifierCV: method='temperature'",
        "use method='sigmoid'",
    ),
    Refusal(
        "a stack of estimators that all predict float32, with a linear model on top",
        _fitted(StackingClassifier([("x", extreme())], logistic(), cv=2), into(3)),
        "StackingClassifier",
        "add an estimator that predicts float64",
    ),
    Refusal(
        "hard votes with negative weights",
        _fitted(VotingClassifier([("a", tree()), ("b", forest())], weights=[1, -1]), into(3)),
        "VotingClassifier: weights",
        "at least 0",
    ),
    Refusal(
        "a meta-estimator of an estimator that is not in the table",
        _fitted(VotingClassifier([("a", tree()), ("b", KNeighborsClassifier())]), into(3)),
        "VotingClassifier: ",
        "KNeighborsClassifier",
    ),
]
