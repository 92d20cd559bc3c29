"""The operators of ai.onnx.ml: cases of single nodes and of converters, asked of ONNX Runtime."""

import copy
import warnings
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import onnx
import onnxmltools
import pandas as pd
import skl2onnx
from onnx import helper
from onnx_ml_support import draw, leaves_of, one, run
from onnxmltools.convert.common.data_types import FloatTensorType as Floats
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    IsolationForest,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    OneHotEncoder,
    OrdinalEncoder,
    QuantileTransformer,
    StandardScaler,
)
from sklearn.svm import SVC

from matrix.case import EQUAL, LABELS, LEAVES, Bound, Case, Library, Refusal

OPSETS = {"": 18, "ai.onnx.ml": 3}


def expected(source: Any, data: Any, output: str) -> Any:
    """What ONNX Runtime gives: before the last transformation, where that is asked for."""
    feeds = _feeds(source, data)
    if output == "leaf":
        return run(leaves_of(source), feeds)[0].astype(np.int32)
    found = run(source, feeds)
    if output == "prediction":
        return found[0].ravel() if len(found) == 2 else _flat(found[0])
    if output == "probability":
        return _shares(source, found[1])
    assert output == "margin", output
    raw = copy.deepcopy(source)
    made = [node for node in raw.graph.node if node.op_type.endswith("Classifier")]
    if len(found) == 1 or len(made) != 1:  # of several classifiers none is the last
        return _flat(found[-1])
    _transform(made[0]).s = b"NONE"
    raw.graph.output.append(helper.make_tensor_value_info(made[0].output[1], 1, None))
    scores = run(raw, feeds)[-1]
    # Of two classes with weights of one alone, the first is the second's opposite.
    two = made[0].op_type == "TreeEnsembleClassifier" and scores.shape[1] == 2
    return scores[:, 1] if two else scores


def _transform(node: Any) -> Any:
    return next((own for own in node.attribute if own.name == "post_transform"), None)


def _flat(values: Any) -> Any:
    return values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values


def _shares(source: Any, scores: Any) -> Any:
    if isinstance(scores, list):
        return np.array([list(each.values()) for each in scores], dtype=np.float32)
    return scores


def _feeds(source: Any, data: Any) -> dict[str, Any]:
    kinds = {1: np.float32, 7: np.int64, 8: object, 11: np.float64}
    own = [(i.name, kinds[i.type.tensor_type.elem_type]) for i in source.graph.input]
    if len(own) == 1:
        return {own[0][0]: np.asarray(data).astype(own[0][1])}
    return {name: data[name].to_numpy(kind)[:, None] for name, kind in own}


def _write(source: Any, path: Path) -> dict[str, Any]:
    onnx.save(source, path)
    return {}


LIBRARY = Library(
    "ONNX (ai.onnx.ml)",
    "onnxruntime",
    expected,
    {"ONNX": _write},
    note="Files and live `onnx.ModelProto`, as skl2onnx, onnxmltools and CatBoost write them; the "
    "source is ONNX Runtime on one thread. Trees: versions 1, 3 and 5, all modes, sets of "
    "categories, missing values, SUM, AVERAGE, MIN, MAX, base values, every post_transform. "
    "Also LinearRegressor, LinearClassifier, Scaler, Normalizer, Imputer, Binarizer, "
    "FeatureVectorizer, LabelEncoder, CategoryMapper, OneHotEncoder, ArrayFeatureExtractor, "
    "ZipMap; of skl2onnx every estimator but nearest neighbours, kernels, text features, trees of "
    "several classifications and Bagging of LinearSVC: `test_onnx_ml_supported` has the list. A "
    "label and its shares are one target; the leaf of a graph's only ensemble is the number of the "
    "node in its tree, as the file has it (version 5: the leaf's place); an output that is the "
    "same for all rows is left out. Two classes with weights of both have the labels 0 and 1 where "
    "they are integers, and the sign of the second decides, as ONNX Runtime has it. Sets of more "
    "than 30 members, or of others than 0 to 30, cut a number to an integer; so they do here.",
    unasked=frozenset({"margin", "leaf"}),
)


def _within(text: str, most: float) -> Bound:
    def check(ours: Any, theirs: Any, source: Any, data: Any) -> None:
        np.testing.assert_allclose(ours, theirs, rtol=most, atol=most)

    return Bound(text, check)


NEAR = _within("1e-6", 1e-6)
ROUGH = _within("1e-5", 1e-5)
VALUES = np.array([0.0, -0.0, 1, 2.5, -1, 0.1, 33, np.inf, -np.inf, 1e-45, 16777216.0, 3e38])


def _odd(rng: np.random.Generator, features: int = 3) -> Any:
    with np.errstate(over="ignore", under="ignore"):
        near = np.nextafter(VALUES.astype(np.float32), np.float32(0))
    return rng.choice(np.r_[VALUES, near, np.nan], (300, features)).astype(np.float32)


def _trees(kind: str = "target", targets: int = 1, **attributes: Any) -> Any:
    def make(rng: np.random.Generator) -> tuple[Any, Any]:
        def weights(rng: np.random.Generator) -> Any:
            return [(target, rng.normal()) for target in range(targets)]

        made = draw(rng, trees=6, depth=5, values=VALUES, weights=weights)
        made.kind = kind
        x = _odd(rng)
        if kind == "class":
            outputs = {"label": "object", "scores": "float32"}
            names = [f"class {i}" for i in range(max(targets, 2))]
            own = made.attributes() | {"classlabels_strings": names} | attributes
            return one("TreeEnsembleClassifier", {"x": x}, outputs, **own), x
        own = made.attributes() | {"n_targets": targets} | attributes
        return one("TreeEnsembleRegressor", {"x": x}, {"y": "float32"}, **own), x

    return make


def _table(rng: np.random.Generator) -> tuple[Any, Any]:
    table = pd.DataFrame(rng.normal(size=(300, 3)).astype(np.float32), columns=["a", "b", "c"])
    table["t"] = rng.choice(["red", "white", "rosé", "x y"], 300)
    table["u"] = rng.choice(["p", "q"], 300)
    y = (table["a"] + (table["t"] == "red") + 0.3 * table["b"] > 0.5).to_numpy()
    table.loc[::7, "a"] = np.nan
    return table, np.where(y, "yes", np.where(table["b"] > 0, "no", "maybe")).astype(object)


def _pipeline(encoder: Any, last: Any, *, zipmap: bool = False) -> Any:
    def make(rng: np.random.Generator) -> tuple[Any, Any]:
        table, y = _table(rng)
        numbers = make_pipeline(SimpleImputer(), StandardScaler())
        columns = ColumnTransformer([("n", numbers, ["a", "b", "c"]), ("t", encoder, ["t", "u"])])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pipeline = make_pipeline(columns, last).fit(table, y)
            kinds = {"t": StringTensorType([None, 1]), "u": StringTensorType([None, 1])}
            model = skl2onnx.to_onnx(
                pipeline,
                initial_types=[(c, kinds.get(c, FloatTensorType([None, 1]))) for c in table],
                options={id(pipeline): {"zipmap": zipmap}},
                target_opset=OPSETS,
            )
        table.loc[::5, "t"] = "unseen"
        return model, table

    return make


def _lightgbm(rng: np.random.Generator) -> tuple[Any, Any]:
    x = rng.normal(size=(500, 4)).astype(np.float32)
    x[:, 0] = rng.integers(0, 60, 500)
    y = np.sin(x[:, 0]) + x[:, 1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        source = lgb.LGBMRegressor(
            n_estimators=6, num_leaves=9, min_data_per_group=1, verbose=-1, n_jobs=1
        ).fit(x, y, categorical_feature=[0])
        model = onnxmltools.convert_lightgbm(
            source, initial_types=[("X", Floats([None, 4]))], target_opset=15
        )
    x[::9, 0] = rng.choice(np.float32([0.5, -1, 61, np.nan, np.inf]), len(x[::9]))
    return model, x


def _alone(estimator: Any, target: Any = lambda x: None, scale: float = 1.0) -> Any:
    """An estimator of three numbers; `target` makes y of them."""

    def make(rng: np.random.Generator) -> tuple[Any, Any]:
        x = rng.normal(size=(300, 3)).astype(np.float32)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            source = copy.deepcopy(estimator).fit(x, target(x))
            model = skl2onnx.to_onnx(
                source,
                initial_types=[("X", FloatTensorType([None, 3]))],
                options={"zipmap": False} if hasattr(source, "classes_") else None,
                target_opset=OPSETS,
            )
        return model, x * scale

    return make


ONE_HOT = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
ORDINAL = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
VALUE = {"prediction": EQUAL, "margin": EQUAL}
TREES = VALUE | {"leaf": LEAVES}
FILES = ("ONNX",)


def _classes(margin: Bound, shares: Bound = NEAR) -> dict[str, Bound]:
    return {"prediction": LABELS, "probability": shares, "margin": margin}


CASES: list[Case] = [
    Case("TreeEnsembleRegressor", "all modes", _trees(), TREES, FILES),
    Case("TreeEnsembleRegressor", "3 targets", _trees(targets=3), TREES, FILES),
    *(
        Case(
            "TreeEnsembleRegressor",
            how,
            _trees(aggregate_function=how, base_values=[0.7]),
            TREES,
            FILES,
        )
        for how in ("AVERAGE", "MIN", "MAX")
    ),
    Case(
        "TreeEnsembleClassifier",
        "3 classes",
        _trees("class", 3, post_transform="SOFTMAX"),
        _classes(EQUAL) | {"leaf": LEAVES},
        FILES,
    ),
    Case(
        "TreeEnsembleClassifier",
        "2 classes",
        _trees("class", 1, post_transform="LOGISTIC"),
        _classes(EQUAL) | {"leaf": LEAVES},
        FILES,
    ),
    Case("onnxmltools", "LightGBM with categories", _lightgbm, TREES, FILES),
    Case(
        "skl2onnx",
        "pipeline of one-hot codes, RandomForest",
        _pipeline(ONE_HOT, RandomForestClassifier(4, max_depth=5, random_state=0)),
        _classes(EQUAL, EQUAL) | {"leaf": LEAVES},
        FILES,
    ),
    Case(
        "skl2onnx",
        "pipeline of one-hot codes, LogisticRegression",
        _pipeline(ONE_HOT, LogisticRegression()),
        _classes(ROUGH, ROUGH),
        FILES,
    ),
    Case(
        "skl2onnx",
        "pipeline of ordinal codes, LogisticRegression, ZipMap",
        _pipeline(ORDINAL, LogisticRegression(), zipmap=True),
        _classes(ROUGH, ROUGH),
        FILES,
    ),
    Case(
        "skl2onnx",
        "IsolationForest",
        _alone(IsolationForest(n_estimators=8, random_state=0), scale=2.0),
        {"prediction": LABELS, "margin": NEAR},
        FILES,
    ),
    Case(
        "skl2onnx",
        "AdaBoostClassifier",
        _alone(AdaBoostClassifier(n_estimators=6), lambda x: np.digitize(x[:, 0], [-0.5, 0.5])),
        _classes(NEAR),
        FILES,
    ),
    Case(
        "skl2onnx",
        "AdaBoostRegressor",
        _alone(AdaBoostRegressor(n_estimators=6), lambda x: x[:, 0] + x[:, 1]),
        VALUE,
        FILES,
    ),
    Case(
        "skl2onnx",
        "QuantileTransformer",
        _alone(QuantileTransformer(n_quantiles=30)),
        {"prediction": NEAR, "margin": NEAR},
        FILES,
    ),
]


def _refused(last: Any) -> Any:
    def make(rng: np.random.Generator) -> Any:
        x = rng.normal(size=(60, 3))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            source = last.fit(x, (x[:, 0] > 0).astype(int))
            return skl2onnx.to_onnx(
                source, initial_types=[("X", FloatTensorType([None, 3]))], target_opset=OPSETS
            )

    return make


def _node(op: str, **attributes: Any) -> Any:
    def make(rng: np.random.Generator) -> Any:
        return one(op, {"x": np.zeros((1, 3), dtype=np.float32)}, {"y": "float32"}, **attributes)

    return make


REFUSALS: list[Refusal] = [
    Refusal(
        "SVMClassifier, SVMRegressor",
        _refused(SVC()),
        "(ai.onnx.ml.SVMClassifier)",
        "a LinearSVC, LinearSVR or SGDClassifier is a linear model, which is",
    ),
    Refusal(
        "post_transform PROBIT of two classes with weights of one",
        lambda rng: _trees("class", 1, post_transform="PROBIT")(rng)[0],
        "post_transform 'PROBIT'",
        "give leaves weights for both classes",
    ),
    Refusal(
        "DictVectorizer, CastMap and other operators",
        _node("DictVectorizer", int64_vocabulary=[1]),
        "(ai.onnx.ml.DictVectorizer)",
        "docs/support.md lists those that are",
    ),
]
