"""Networks in ONNX: graphs of PyTorch's two exporters, and single nodes, asked of ONNX Runtime."""

import copy
from pathlib import Path
from typing import Any

import fastscore
import numpy as np
import onnx
from fastscore._source_onnx import OnnxSource
from onnx_support import INT64, node, proto, run

from matrix.case import Bound, Case, Library, Refusal

FOLDER = Path(__file__).parents[2] / "golden" / "onnx"
ROWS = 129


def expected(source: Any, data: Any, output: str) -> Any:
    """What ONNX Runtime gives."""
    feeds, start = {}, 0
    for own in source.graph.input:
        shape = [dim.dim_value for dim in own.type.tensor_type.shape.dim[1:]]
        stop = start + int(np.prod(shape))
        kind = onnx.helper.tensor_dtype_to_np_dtype(own.type.tensor_type.elem_type)
        feeds[own.name] = data[:, start:stop].astype(kind).reshape(-1, *shape)
        start = stop
    if output == "margin":
        # What the last node gets, where that is a sigmoid or softmax.
        raw = copy.deepcopy(source)
        last = raw.graph.node[-1]
        if last.op_type in ("Sigmoid", "Softmax"):
            raw.graph.output[0].name = last.input[0]
        source = raw
    found = run(source, **feeds)[0]
    if output == "probability" and found.shape[1:] == (1,):
        return np.hstack([1 - found, found])
    return found[:, 0] if found.shape[1:] == (1,) else found


def _write(source: Any, path: Path) -> dict[str, Any]:
    onnx.save(source, path)
    return {}


LIBRARY = Library(
    "ONNX (networks)",
    "onnxruntime",
    expected,
    {"ONNX": _write},
    note="Files, with external data in their own folder, and live `onnx.ModelProto`; operator sets "
    "7 to 26; the source is ONNX Runtime on one thread. Rows are the first dimension and stay "
    "apart; a graph made for a fixed number of rows scores any. Gemm and MatMul with a constant "
    "factor; Add, Sub, Mul, Div, Pow, Max, Min, Sum, Mean; all activations and functions of one "
    "number but IsInf and BitShift; Batch-, Layer-, RMS-, Group-, Instance-, Lp- and "
    "MeanVarianceNormalization; Softmax, LogSoftmax; reductions, ArgMax, ArgMin, TopK (k=1); "
    "Concat, Split, Slice, Gather, also as an embedding, Reshape, Flatten, Squeeze, Unsqueeze, "
    "Transpose, Expand, Tile, Identity, Dropout, Cast; Where, OneHot, comparisons and logic of "
    "features and constants; local functions. What no row has a part in is computed at import. "
    "The margin is what the last sigmoid or softmax gets, which a graph does not give. NaN and "
    "infinities give what ONNX Runtime gives (a label passes NaN over, casts to integers are "
    "those of x86), but: ReduceMax and ReduceMin of rows with NaN are NaN, where ONNX Runtime's "
    "depend on its place; Sigmoid is exact far out, where ONNX Runtime's is 0 at float32 (so "
    "that Log(Sigmoid) is finite); LogSoftmax of float64 with inf is NaN in the whole row. "
    "Integers are computed with and compared as float64, exact up to 2**53, without wrapping "
    "around; integer and bool inputs refuse NaN and infinities, not fractions.",
    unasked=frozenset({"margin"}),
)


def _within(output: str) -> Bound:
    def check(ours: Any, theirs: Any, source: Any, data: Any) -> None:
        model = fastscore.import_model(source)
        target = model._structure["targets"][0]
        value = target["prediction"]["value"] if output == "prediction" else target[output]
        bound = OnnxSource(source, model).network_bound(value, data).reshape(theirs.shape)
        assert ours.dtype == theirs.dtype
        with np.errstate(invalid="ignore"):
            near = np.abs(ours.astype(np.float64) - theirs) <= bound
        # ONNX Runtime's sigmoid is 0 far out, and a logarithm of that infinite.
        assert (near | (np.isinf(bound) & ~np.isfinite(theirs))).all()

    text = "1e-6 (float64: 1e-12) of the sums of |weight x value|, through the steps"
    return Bound(text, check)


VALUES = {"prediction": _within("prediction"), "margin": _within("prediction")}
SHARES = {output: _within(output) for output in ("prediction", "probability", "margin")}


def _torch(name: str, *, how: str = "dynamo") -> Any:
    def make(rng: np.random.Generator) -> tuple[Any, Any]:
        source = onnx.load(FOLDER / f"torch_{name}_{how}_any.onnx")
        shapes = [own.type.tensor_type.shape.dim for own in source.graph.input]
        columns = sum(int(np.prod([dim.dim_value for dim in shape[1:]])) for shape in shapes)
        data = rng.normal(size=(ROWS, columns)) * 10.0 ** rng.integers(-3, 2, (ROWS, columns))
        data[::7, 1] = -0.0
        if name == "tabular":
            data[:, 4], data[:, 5] = rng.integers(0, 5, ROWS), rng.integers(0, 7, ROWS)
        return source, data.astype(np.float64 if name == "double" else np.float32)

    return make


FILES = ("ONNX",)
ACTIVATIONS = ["relu", "leaky_relu", "prelu", "elu", "selu", "celu", "gelu", "gelu_tanh", "silu"]
ACTIVATIONS += ["mish", "softplus", "softsign", "sigmoid", "hardsigmoid", "hardswish", "tanh"]
ACTIVATIONS += ["logsigmoid", "hardtanh", "relu6", "tanhshrink", "glu"]
NORMALISATIONS = ["batch_norm", "layer_norm", "rms_norm", "group_norm"]
GRAPHS = {
    "linear": "one layer",
    "tabular": "embeddings beside normalised numbers",
    "residual_batch": "residual sum",
    "tokens": "a token a column",
    "mean": "means, maxima, LogSoftmax",
}

CASES: list[Case] = [
    *(
        Case("PyTorch, dynamo=True", name, _torch(f"act_{name}"), VALUES, FILES)
        for name in ACTIVATIONS
    ),
    *(Case("PyTorch, dynamo=True", name, _torch(name), VALUES, FILES) for name in NORMALISATIONS),
    *(
        Case("PyTorch, dynamo=True", what, _torch(name), VALUES, FILES)
        for name, what in GRAPHS.items()
    ),
    *(
        Case("PyTorch, dynamo=False", what, _torch(name, how="script"), VALUES, FILES)
        for name, what in GRAPHS.items()
    ),
    *(
        Case(f"PyTorch, dynamo={how == 'dynamo'}", what, _torch(name, how=how), SHARES, FILES)
        for how in ("dynamo", "script")
        for name, what in (
            ("classifier", "softmax at the end"),
            ("binary", "sigmoid at the end"),
            ("cross", "cross network, sigmoid at the end"),
        )
    ),
]


def _node(op: str, names: str, *shape: int, **attributes: Any) -> Any:
    def make(rng: np.random.Generator) -> Any:
        constants = {"w": np.ones((3, 3), np.float32), "zero": np.array([0])}
        nodes = [node(op, names, "y", **attributes)]
        return proto(nodes, {"x": ("n", *shape)}, ["y"], constants)

    return make


def _version(rng: np.random.Generator) -> Any:
    return proto([node("Relu", "x", "y")], {"x": ("n", 3)}, ["y"], opset=99)


def _half(rng: np.random.Generator) -> Any:
    return proto([node("Relu", "x", "y")], {"x": ("n", 3)}, ["y"], kind=10)


def _jump(rng: np.random.Generator) -> Any:
    nodes = [node("Exp", "x", "e"), node("Floor", "e", "y")]
    return proto(nodes, {"x": ("n", 3)}, ["y"])


def _codes(rng: np.random.Generator) -> Any:
    nodes = [node("Identity", "x", "y")]
    return proto(nodes, {"x": ("n", 3)}, ["y"], kind=INT64)


REFUSALS: list[Refusal] = [
    Refusal(
        "Conv, pooling, recurrent layers, Loop, If, Scan, Einsum, quantisation",
        _node("Conv", "x w", 3, 3),
        "(Conv)",
        "networks of dense layers, without convolution, recurrence, attention or control flow",
    ),
    Refusal(
        "attention: both factors of a MatMul depend on the row",
        _node("MatMul", "x x", 3, 3),
        "(MatMul)",
        "one must be a constant",
    ),
    Refusal(
        "what moves or mixes rows",
        _node("ReduceSum", "x zero", 3),
        "(ReduceSum)",
        "only graphs that work on each row alone are supported",
    ),
    Refusal(
        "Floor, Ceil, Round, Sign, comparisons of computed numbers but as a label",
        _jump,
        "(Floor)",
        "it can't be translated",
    ),
    Refusal(
        "inputs of float16, bfloat16 or float8",
        _half,
        "float16",
        "export the model with float32 or float64 inputs",
    ),
    Refusal(
        "operator sets before 7 and after 26",
        _version,
        "version 99",
        "export it for one of these (opset_version=)",
    ),
    Refusal(
        "outputs of integers that are no labels",
        _codes,
        "output 'y'",
        "supported are float32 and float64",
    ),
]
