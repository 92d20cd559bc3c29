"""Small valid files, from which the fuzz tests start: run by hand after a new kind of model.

    .venv/bin/python tests/golden/make.py

LightGBM's text is cut after the trees. Of scikit-learn's estimators, which have no file, ours; and
ours with every kind of step, whatever importer makes it.
"""

import json
import warnings
from pathlib import Path
from typing import Any

import fastscore
import lightgbm as lgb
import numpy as np
from fastscore._options import Labels
from fastscore.importers._builder import ARITHMETIC, Builder
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.tree import DecisionTreeRegressor

HERE = Path(__file__).parent


def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 4))
    x[:, 3] = rng.integers(0, 40, 200)
    x[rng.random(x.shape) < 0.1] = np.nan
    return x, np.nan_to_num(x[:, 0]) + np.nan_to_num(x[:, 3]) % 3


def lightgbm_text() -> dict[str, str]:
    x, y = data()
    common = {"verbose": -1, "num_threads": 1, "num_leaves": 5, "min_data_in_leaf": 5, "seed": 0}
    settings = {
        "multiclass": ({"objective": "multiclass", "num_class": 3}, np.digitize(y, [0, 1])),
        "forest": (
            {"objective": "binary", "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5},
            (y > 1).astype(int),
        ),
        "tweedie": ({"objective": "tweedie", "zero_as_missing": True}, np.abs(y)),
        "categorical": ({"categorical_feature": [3], "min_data_per_group": 5, "cat_smooth": 1}, y),
        "linear": ({"linear_tree": True}, y),
    }
    texts = {}
    for name, (parameters, target) in settings.items():
        dataset = lgb.Dataset(x, target, feature_name=["a", "b", "c d", "e"])
        text = lgb.train(common | parameters, dataset, 2).model_to_string()
        texts[name] = text[: text.index("end of trees")] + "end of trees\n"
    return texts


def estimators() -> dict[str, object]:
    x, y = data()
    x = np.nan_to_num(x)
    several = np.c_[np.digitize(y, [0, 1]), y > 1]
    return {
        "linear": LinearRegression().fit(x, np.c_[y, -y]),
        "logistic": LogisticRegression(max_iter=1000).fit(x, np.where(y > 1, "yes", "no")),
        "tree": DecisionTreeRegressor(max_leaf_nodes=6, random_state=0).fit(x, y),
        "forest": RandomForestClassifier(2, max_leaf_nodes=4, random_state=0).fit(x, several),
    }


SOURCE = {"library": "test", "version": "1", "class": "Every", "notes": [], "parameters": {}}
UFUNCS = (
    *("sqrt", "square", "abs", "sign", "negative", "reciprocal", "floor", "ceil", "rint", "trunc"),
    *("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "cbrt", "sin", "cos", "tan"),
    *("arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh"),
    *("erf", "ndtr", "ndtri"),
)
LINKS: list[dict[str, Any]] = [
    {"name": "sigmoid", "scale": 1.5},
    {"name": "softmax"},
    {"name": "exp"},
    {"name": "signed_square"},
    {"name": "divide", "by": 3.0},
    {"name": "normalize"},
    {"name": "normalize", "pairwise": True, "keep_zeros": True},
    {"name": "confidence"},
    {"name": "inverse_yeo_johnson", "lambdas": [0.5, 2.0]},
    {"name": "inverse_box_cox", "lambdas": [0.0, -0.5]},
    {"name": "columns", "columns": [1, 0, 1]},
    {"name": "exp2"},
    {"name": "log"},
    {"name": "logit"},
    {"name": "log1p_exp"},
    {"name": "clip", "low": -1.0, "high": 1.0},
    {"name": "multiply", "by": 0.1},
    {"name": "add", "value": 0.1},
    {"name": "affine", "scale": [2.0, 0.1], "shift": [1.0, -1.0]},
    {"name": "fill_missing", "value": 0.25},
    {"name": "above", "at": 0.5, "above": 1.0, "other": -1.0},
    {"name": "vote", "hit": 1.0, "miss": 0.0},
    {"name": "weighted_median", "weights": [0.25, 0.75]},
    {"name": "round_to_float32"},
    {"name": "relu"},
    {"name": "log_sum_exp"},
    {"name": "pairwise_softmax"},
    {"name": "fast_exp"},
    {"name": "fast_softmax"},
    {"name": "centred_log"},
    {"name": "standardize", "shift": [0.1, 0.2], "scale": [3.0, 0.7]},
    {"name": "standardize", "shift": None, "scale": [3.0, 0.7]},
    {"name": "impute", "values": [0.5, -0.5], "missing": None},
    {"name": "impute", "values": [0.5, -0.5], "missing": 1.0},
    {"name": "yeo_johnson", "lambdas": [0.5, 2.0]},
    {"name": "box_cox", "lambdas": [0.0, -0.3]},
    *({"name": "normalize_rows", "norm": norm} for norm in ("l1", "l2", "max")),
    *({"name": "ufunc", "function": name} for name in UFUNCS),
]
NETWORKS: list[dict[str, Any]] = [
    {"name": "softmax", "groups": 2},
    {"name": "clip", "low": None, "high": 1.0},
    {"name": "leaky_relu", "alpha": 0.25},
    {"name": "prelu", "alphas": [0.25, -0.5]},
    {"name": "thresholded_relu", "alpha": 0.5},
    {"name": "elu", "alpha": 0.5},
    {"name": "selu", "alpha": 1.625, "gamma": 1.0625},
    {"name": "celu", "alpha": 0.5},
    {"name": "gelu", "approximate": False},
    {"name": "gelu", "approximate": True},
    {"name": "swish", "alpha": 1.0},
    {"name": "logistic"},
    {"name": "mish"},
    {"name": "softplus"},
    {"name": "softsign"},
    {"name": "hard_sigmoid", "alpha": 0.25, "beta": 0.5},
    {"name": "hard_swish"},
    {"name": "log_softmax"},
    {"name": "log_sigmoid"},
    {"name": "tanh_shrink"},
    {"name": "shrink", "lambda": 0.5, "bias": 0.25},
    {"name": "squareplus", "b": 4.0},
    {"name": "power", "exponent": 3.0},
    {"name": "layer_norm", "epsilon": 0.125, "scale": [0.5, 2.0], "shift": None, "groups": 1},
    {"name": "layer_norm", "epsilon": 0.0, "scale": None, "shift": None, "rms": True, "groups": 2},
    *({"name": "reduce", "how": how, "groups": 1} for how in ("sum", "mean", "max", "min")),
    *({"name": "reduce", "how": how, "groups": 2} for how in ("product", "l1", "l2", "sum_square")),
]
"""The kinds that networks have, at both widths."""
NARROW = (
    "sigmoid",
    "softmax",
    "exp",
    "divide",
    "multiply",
    "add",
    "affine",
    "standardize",
    "impute",
    "relu",
)


def forest(build: Builder, prefix: str, *, linear: bool = False, **keys: Any) -> int:
    """Two trees of three leaves, the second with a categorical split, on features 0, 1 and 3."""
    tensors: dict[str, tuple[Any, Any]] = {
        "base": ([0.5, -0.5], np.float64),
        "split_offset": ([0, 2, 4], np.int64),
        "leaf_offset": ([0, 3, 6], np.int64),
        "target": ([0, 1], np.int32),
        "feature": ([0, 1, 3, 0], np.int32),
        "threshold": ([0.25, -1.0, 0.0, 0.0], np.float64),
        "left": ([1, -1, -1, -2], np.int32),
        "right": ([-3, -2, 1, -3], np.int32),
        "flags": ([1, 0, 4, 2], np.uint8),
        "leaf_value": ([[1.0], [0.0], [1.0], [0.0], [1.0], [0.0]], np.float64),
        "leaf_id": ([0, 1, 2, 3, 4, 5], np.int32),
        "category_set": ([-1, -1, 0, -1], np.int32),
        "set_offset": ([0, 2], np.int64),
        "set_words": ([0b1011, 1 << 31], np.uint32),
    }
    if linear:
        tensors |= {
            "linear_constant": ([0.5, 1.0, 2.0, -1.0, 0.0, 0.25], np.float64),
            "linear_offset": ([0, 2, 2, 3, 3, 4, 4], np.int64),
            "linear_feature": ([0, 1, 3, 2], np.int32),
            "linear_coefficient": ([0.1, -2.0, 1.0, 0.5], np.float64),
        }
    for name, (values, dtype) in tensors.items():
        build.tensor(f"{prefix}.{name}", values, dtype)
    step = {"input": 0, "comparison": "lt", "outputs": 2, "leaf_width": 1, "tensors": prefix}
    return build.add({"op": "forest"} | step | keys)


def lookups(build: Builder, two: int) -> list[int]:
    """Steps that look numbers up in two columns, and products: 14 columns."""
    tensors: dict[str, tuple[Any, Any]] = {
        "map.column": ([1, 0, 0], np.int32),
        "map.offset": ([0, 3, 6, 6], np.int64),
        "map.key": ([-1.0, 0.0, 2.0, -0.5, 0.25, 1e300], np.float64),
        "map.value": ([0.5, np.nan, 1.5, 1.0, 2.0, 3.0], np.float64),
        "map.missing": ([np.nan, -1.0, 0.0], np.float64),
        "map.other": ([0.0, np.nan, 7.0], np.float64),
        "bins.offset": ([0, 3, 23], np.int64),
        "bins.edge": ([-1.0, 0.5, 0.5, *np.linspace(-3, 3, 20)], np.float64),
        "lines.offset": ([0, 1, 5], np.int64),
        "lines.x": ([0.0, -1.0, 0.0, 0.0, 2.0], np.float64),
        "lines.y": ([3.0, 0.0, 0.5, 1.0, -1.0], np.float64),
        "products.offset": ([0, 0, 1, 4], np.int64),
        "products.factor": ([1, 0, 0, 1], np.int32),
        "equal.feature": ([0, 1], np.int32),
        "equal.value": ([np.nan, 0.5], np.float64),
    }
    for name, (values, dtype) in tensors.items():
        build.tensor(name, values, dtype)
    ops = {"map": "map", "bins": "bins", "interpolate": "lines", "polynomial": "products"}
    found = [
        build.add({"op": op, "input": two, "tensors": prefix})
        for op, prefix in ({"one_hot": "equal"} | ops).items()
    ]
    return [*found, build.add({"op": "product", "inputs": [two, found[2], two]})]


def guards(build: Builder, two: int) -> list[dict[str, Any]]:
    """Checks that null some rows of the fuzz tests, and fail for none."""
    for name, values in {"column": [0, 1], "offset": [0, 2, 4]}.items():
        build.tensor(f"known.{name}", values, np.int32 if name == "column" else np.int64)
    for name, values in {"key": [0, 1] * 2, "value": [1, 0] * 2, "missing": [0] * 2}.items():
        build.tensor(f"known.{name}", values, np.float64)
    build.tensor("known.other", [np.nan, np.nan], np.float64)
    marks = build.link(two, "above", at=0.0, above=1.0, other=0.0)
    known = build.add({"op": "map", "input": marks, "tensors": "known"})
    names = build.strings("guarded", ["x", "y"])
    unknown = {"value": known, "refuse": ["unknown"], "of": [[marks, 0], [0, 1]]}
    infinite = {"value": two, "columns": [1], "refuse": ["missing", "non_finite"]}
    return [
        {"value": 0, "columns": [0], "refuse": ["missing"], "step": "A", "names": None},
        unknown | {"columns": None, "step": "B", "names": names},
        infinite | {"width": "float32", "step": "C", "names": None},
    ]


def every_step() -> Any:
    """Every kind of step and link, joined to one output."""
    build = Builder(4, ["a", "b", "c", "d"])
    plain = forest(build, "plain", sum="float32", width="float32", missing_value=-1.0)
    linear = forest(build, "linear", linear=True, start=plain, negative_fraction="zero")
    marks = forest(build, "marks", op="leaf_indicator", zero_band=1e-35)
    total = build.add({"op": "sum", "inputs": [plain, linear]})
    parts = [marks, total]
    width = 4
    for link in NETWORKS:
        for at in ("float64", "float32"):
            step = {"op": "link", "input": total, "width": at, "kind": link}
            parts.append(build.add(step))
            width += build.width_of(parts[-1])
    for op in ARITHMETIC:
        parts += [build.combine(op, total, plain), build.combine(op, total, plain, width="float32")]
        width += 4
    parts.append(build.embedding(total, [1, 0], [[0.5, np.nan, 1.0], [2.0, -1.0, 0.0]], wrap=True))
    width += 6
    for link in LINKS:
        parts.append(build.add({"op": "link", "input": total, "kind": link}))
        width += {"columns": 3, "weighted_median": 1, "log_sum_exp": 1}.get(link["name"], 2)
        if link["name"] in NARROW:
            kind = {
                name: 0.5 if isinstance(value, float) else value for name, value in link.items()
            }
            step = {"op": "link", "input": plain, "width": "float32", "kind": kind}
            parts.append(build.add(step))
            width += 2
    for width_name in ("float64", "float32"):
        prefix = f"linear.{width_name}"
        step = {
            "op": "linear",
            "input": total,
            "width": width_name,
            "coefficients": build.tensor(f"{prefix}.coefficients", [[0.5, -2.0]], np.float64),
            "intercept": build.tensor(f"{prefix}.intercept", [0.25], np.float64),
        }
        parts.append(build.add(step))
        width += 1
    for metric in ("squared", "absolute"):
        tensors = {
            "offset": ([0, 1, 3], np.int64),
            "column": ([1, 0, 1], np.int32),
            "center": ([0.5, -1.0, 2.0], np.float64),
            "weight": ([1.0, 0.25, -3.0], np.float64),
            "start": ([0.0, 1.5], np.float64),
        }
        for name, (values, dtype) in tensors.items():
            build.tensor(f"{metric}.{name}", values, dtype)
        step = {"op": "distances", "input": total, "metric": metric, "tensors": metric}
        parts.append(build.add(step))
        width += 2
    parts += lookups(build, total)
    width += 14
    refused = guards(build, total)
    joined = build.add({"op": "concat", "inputs": parts})
    one = build.columns(total, [0])
    share = build.link(build.link(one, "sigmoid", scale=1.0), "complement")
    build.target(
        margin=one,
        rule="argmax",
        value=share,
        probability=share,
        labels=Labels("<U3", "string", ["no", "yes"]),
    )
    build.targets[0]["score"] = total
    structure = {
        "features": {
            "count": 4,
            "names": build.strings("features.names", build.names or []),
            "match": "exact",
            "encodings": [
                {
                    "feature": 2,
                    "kind": "string",
                    "values": build.strings("texts", ["x", "", "yes"]),
                    "codes": build.tensor("texts.codes", [0, 2, 1], np.float64),
                    "unknown": "missing",
                    "matrix": "codes",
                },
                {
                    "feature": 3,
                    "kind": "int",
                    "values": build.tensor("numbers", [0, 3, 31, -7], np.int64),
                    "codes": build.tensor("numbers.codes", [3, 40, 63, 0.5], np.float64),
                    "unknown": "code",
                    "unknown_code": 1.0,
                    "missing_code": 2.0,
                    "matrix": "values",
                },
            ],
        },
        "input": {"missing": "accept", "non_finite": "accept", "width": "float64"},
        "steps": build.steps,
        "guards": refused,
        "targets": build.targets,
        "transform": {
            "value": joined,
            "names": build.strings("names", [f"column {i}" for i in range(width)]),
        },
        "leaf": 0,
        "source": SOURCE,
    }
    return fastscore._core.Model.from_parts(json.dumps(structure), build.tensors)


def main() -> None:
    warnings.simplefilter("ignore")
    for folder in ("lightgbm", "fscore"):
        (HERE / folder).mkdir(exist_ok=True)
    for name, text in lightgbm_text().items():
        (HERE / "lightgbm" / f"{name}.txt").write_text(text, encoding="utf-8")
    for name, estimator in estimators().items():
        fastscore.import_model(estimator).save(HERE / "fscore" / f"{name}.fscore")
    (HERE / "fscore" / "every_step.fscore").write_bytes(every_step().to_bytes())


if __name__ == "__main__":
    main()
