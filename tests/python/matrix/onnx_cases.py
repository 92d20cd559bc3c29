"""Networks in ONNX: graphs of PyTorch's two exporters, and single nodes, asked of ONNX Runtime."""

import copy
import dataclasses
import functools
from pathlib import Path
from typing import Any

import fastscore
import numpy as np
import onnx
from fastscore._source_onnx import OnnxSource
from onnx_nets import Net, experts, transformer
from onnx_support import node, proto, run

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
    note="Files, with external data in their own folder, and live `onnx.ModelProto`; operator "
    "sets 7 to 26; the source is ONNX Runtime on one thread. Rows are the first dimension "
    "and stay apart, on whichever axis they are in between; a graph made for a fixed number "
    "of rows scores any. Gemm, MatMul and Einsum of one or two tensors, attention within a "
    "row and mixtures of experts among them; Add, Sub, Mul, Div, Mod (of integers), Pow, "
    "Max, Min, Sum, Mean; all activations and functions of one number but BitShift; Batch-, "
    "Layer-, RMS-, Group-, Instance-, Lp- and MeanVarianceNormalization; Softmax, "
    "LogSoftmax, Hardmax; reductions, CumSum, GlobalAveragePool, GlobalMaxPool, ArgMax, "
    "ArgMin, TopK (k=1); Concat, Split, Slice, Gather, also as an embedding, "
    "GatherElements, GatherND, ScatterElements, ScatterND, Pad, Trilu, Compress, Reshape, "
    "Flatten, Squeeze, Unsqueeze, Transpose, Expand, Tile, Identity, Dropout, Cast; Where, "
    "OneHot, comparisons and logic; If by a constant, a Loop over the rows; local "
    "functions. What no row has a part in is computed at import. Where a graph jumps at "
    "computed numbers (comparisons, Floor, Ceil, Round, Sign, casts to integers, ArgMax "
    "that is computed with), a value within its bound of such a number may take the other "
    "side; the model's notes name the nodes, and `verify` allows it in those rows alone. "
    "Integers that are no labels are given as float64. The margin is what the last sigmoid "
    "or softmax gets, which a graph does not give. NaN and infinities give what ONNX "
    "Runtime gives (a label passes NaN over, casts to integers are those of x86), but: "
    "ReduceMax and ReduceMin of rows with NaN are NaN, where ONNX Runtime's depend on its "
    "place; Sigmoid is exact far out, where ONNX Runtime's is 0 at float32 (so that "
    "Log(Sigmoid) is finite); LogSoftmax of float64 with inf is NaN in the whole row. "
    "Integers are computed with and compared as float64, exact up to 2**53, without "
    "wrapping around; integer and bool inputs refuse NaN and infinities, not fractions.",
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
JUMPS = {
    output: dataclasses.replace(
        bound,
        text=f"{bound.text}; values within it of a jump may take its other side, which `verify` "
        "allows in those rows alone",
    )
    for output, bound in VALUES.items()
}
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


def _built(make: Any, columns: int, kind: Any = np.float32) -> Any:
    def of(rng: np.random.Generator) -> tuple[Any, Any]:
        net = Net(kind)
        make(net)
        return net.model({"x": ("n", columns)}), rng.normal(size=(ROWS, columns)).astype(kind)

    return of


def _jumps(net: Net) -> None:
    h = net.linear("x", 5, 4)
    leaky = net("Mul", h, net.c(0.1, net.kind))
    y = net("Where", net("Greater", h, net.c(0, net.kind)), h, leaky)
    net("Add", y, net("Floor", h), out="y")


FILES = ("ONNX",)
ACTIVATIONS = ["relu", "leaky_relu", "prelu", "elu", "selu", "celu", "gelu", "gelu_tanh", "silu"]
ACTIVATIONS += ["mish", "softplus", "softsign", "sigmoid", "hardsigmoid", "hardswish", "tanh"]
ACTIVATIONS += ["logsigmoid", "hardtanh", "relu6", "tanhshrink", "softshrink", "hardshrink", "glu"]
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
        Case("attention within a row", f"{how}, {kind.__name__}", make, VALUES, FILES)
        for kind in (np.float32, np.float64)
        for how, name in (
            ("of heads", "sdpa"),
            ("heads beside rows", "beside"),
            ("tokens first", "torch"),
        )
        for make in [_built(functools.partial(transformer, how=name, heads=2), 4, kind)]
    ),
    *(
        Case(
            "mixture of experts", what, _built(functools.partial(experts, op=op), 5), VALUES, FILES
        )
        for what, op in (("MatMul", "bmm"), ("Einsum", "einsum"))
    ),
    *(
        Case("jumps at computed numbers", kind.__name__, _built(_jumps, 5, kind), JUMPS, FILES)
        for kind in (np.float32, np.float64)
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


def _branches(rng: np.random.Generator) -> Any:
    value = onnx.helper.make_tensor_value_info("b", onnx.TensorProto.FLOAT, None)
    graph = onnx.helper.make_graph([node("Neg", "x", "b")], "branch", [], [value])
    nodes = [
        node("Greater", "x w", "c"),
        node("If", "c", "y", then_branch=graph, else_branch=graph),
    ]
    return proto(nodes, {"x": ("n", 1)}, ["y"], {"w": np.zeros(1, np.float32)})


REFUSALS: list[Refusal] = [
    Refusal(
        "Conv, pooling but of all, recurrent layers, Loop but over the rows, Scan, quantisation",
        _node("Conv", "x w", 3, 3),
        "(Conv)",
        "networks of dense layers, without convolution, recurrence or loops",
    ),
    Refusal(
        "products of what a row holds, as in attention, of more than 131 072 terms",
        _node("MatMul", "x x", 64, 64),
        "(MatMul)",
        "are the limit",
    ),
    Refusal(
        "If by what a row holds",
        _branches,
        "(If)",
        "choose with Where instead (torch.where)",
    ),
    Refusal(
        "what moves or mixes rows",
        _node("ReduceSum", "x zero", 3),
        "(ReduceSum)",
        "only graphs that work on each row alone are supported",
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
]
