"""Operators of ONNX's default domain, one by one, against ONNX Runtime."""

import fastscore
import numpy as np
import pytest
from fastscore import UnsupportedModelError
from onnx_support import DOUBLE, INT64, NEWEST, agree, awkward, node, proto, run

FUNCTIONS = {
    "Relu": {},
    "LeakyRelu": {"alpha": 0.07},
    "ThresholdedRelu": {"alpha": 0.8},
    "Elu": {"alpha": 1.3},
    "Selu": {},
    "Celu": {"alpha": 0.7},
    "Mish": {},
    "Softplus": {},
    "Softsign": {},
    "Sigmoid": {},
    "HardSigmoid": {"alpha": 0.3, "beta": 0.4},
    "HardSwish": {},
    "Shrink": {"lambd": 0.4, "bias": 0.1},
    "Tanh": {},
    "Erf": {},
    "Gelu": {},
}
EXACT = ["Neg", "Abs", "Floor", "Ceil", "Round", "Sign"]
DOMAINS = {
    "Exp": (-80, 80),
    "Log": (1e-30, 1e30),
    "Sqrt": (0, 1e30),
    "Reciprocal": (0.01, 1e5),
    "Sin": (-10, 10),
    "Cos": (-10, 10),
    "Tan": (-1.5, 1.5),
    "Asin": (-1, 1),
    "Acos": (-1, 1),
    "Atan": (-50, 50),
    "Sinh": (-20, 20),
    "Cosh": (-20, 20),
    "Asinh": (-100, 100),
    "Acosh": (1, 100),
    "Atanh": (-0.99, 0.99),
}


def single(op, opset=21, kind=1, columns=3, **attributes):
    """A graph of one operator between columns; `kind` is its type."""
    return proto(
        [node(op, "x", "y", **attributes)], {"x": ("n", columns)}, ["y"], opset=opset, kind=kind
    )


@pytest.mark.parametrize("op", FUNCTIONS)
def test_activations(op):
    agree(single(op, opset=22, **FUNCTIONS[op]), awkward())


def test_activations_by_their_defaults():
    for op in FUNCTIONS:
        agree(single(op, opset=22), awkward())


@pytest.mark.parametrize("op", ["Relu", "Tanh", "Sigmoid", "Exp"])
def test_functions_of_float64(op):
    # ONNX Runtime has no others.
    x = awkward(np.float64)
    agree(single(op, kind=DOUBLE), x, relative=1e-13, least=1e-13)


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu(approximate):
    agree(single("Gelu", opset=20, approximate=approximate), awkward())


def test_swish_by_its_definition():
    # ONNX Runtime has no Swish of version 24.
    x = awkward()
    ours = fastscore.import_model(single("Swish", opset=24, alpha=1.5)).predict(x)
    wide = x.astype(np.float64)
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(ours, wide / (1 + np.exp(-1.5 * wide)), rtol=1e-6, atol=1e-30)


@pytest.mark.parametrize("op", EXACT)
def test_functions_with_one_right_answer(op):
    agree(single(op), awkward(), bits=True)
    agree(single(op, kind=DOUBLE), awkward(np.float64), bits=True)


@pytest.mark.parametrize("op", DOMAINS)
def test_functions_within_some_bits(op):
    low, high = DOMAINS[op]
    x = np.random.default_rng(1).uniform(low, high, (60, 3)).astype(np.float32)
    agree(single(op, opset=22), x)


def test_infinities_and_nan_pass_as_in_onnx_runtime():
    x = np.array([[np.inf, -np.inf, 0.0], [np.nan, 1.0, -1.0]], dtype=np.float32)
    for op in ("Neg", "Abs", "Floor", "Sqrt", "Exp", "Tanh", "LeakyRelu", "Reciprocal", "Sigmoid"):
        agree(single(op), x)


def pair(op, constant, *, first=True, opset=21, kind=1, columns=3):
    names = "x c" if first else "c x"
    return proto(
        [node(op, names, "y")],
        {"x": ("n", columns)},
        ["y"],
        {"c": constant},
        opset=opset,
        kind=kind,
    )


CONSTANTS = {
    "number": np.float32(1.7),
    "one": np.array([-0.3], dtype=np.float32),
    "row": np.array([1.5, -2.0, 0.25], dtype=np.float32),
    "row of rows": np.array([[3.0, -1.0, 0.1]], dtype=np.float32),
    "awkward": np.array([0.0, np.inf, np.nan], dtype=np.float32),
}


@pytest.mark.parametrize("op", ["Add", "Sub", "Mul", "Div", "Max", "Min"])
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("constant", CONSTANTS)
def test_arithmetic_with_constants(op, first, constant):
    agree(pair(op, CONSTANTS[constant], first=first), awkward(), bits=op not in ("Max", "Min"))


@pytest.mark.parametrize("op", ["Add", "Sub", "Mul", "Div", "Max", "Min", "Sum", "Mean"])
def test_arithmetic_of_values(op):
    x = awkward(columns=4)
    nodes = [
        node("Slice", "x zero two one", "a"),
        node("Slice", "x two four one", "b"),
        node("Slice", "x three four one", "c"),
        node(op, "a b", "ab"),
        node(op, "ab c", "y"),
    ]
    constants = {
        name: np.array([at]) for at, name in enumerate(["zero", "one", "two", "three", "four"])
    }
    agree(proto(nodes, {"x": ("n", 4)}, ["y"], constants), x, bits=op != "Mean")


@pytest.mark.parametrize("op", ["Sum", "Mean", "Max", "Min"])
def test_any_number_of_inputs(op):
    nodes = [node("Mul", "x w", "a"), node("Neg", "x", "b"), node(op, "c x a d b", "y")]
    constants = {
        "w": np.array([2.0, -1.0, 0.5], dtype=np.float32),
        "c": np.float32(0.2),
        "d": np.array([[0.1, 0.2, 0.3]], dtype=np.float32),
    }
    agree(proto(nodes, {"x": ("n", 3)}, ["y"], constants), awkward())


@pytest.mark.parametrize("power", [2.0, 3.0, 0.5, -1.0, 1.0, 0.0, 1.7])
def test_powers(power):
    x = np.abs(awkward()) if power != int(power) else awkward()
    agree(pair("Pow", np.float32(power)), x)


def test_powers_that_differ():
    x = np.abs(awkward())
    agree(pair("Pow", np.array([1.0, 2.0, 0.3], dtype=np.float32)), x)
    agree(pair("Pow", np.array([0.5, -1.0, 0.5], dtype=np.float32)), x)
    with pytest.raises(UnsupportedModelError, match=r"node 'the node' \(Pow\).*not finite"):
        fastscore.import_model(pair("Pow", np.array([1.0, np.inf, 3.0], dtype=np.float32)))


@pytest.mark.parametrize(
    ("low", "high"),
    [(-1.0, 1.0), (None, 0.5), (0.5, None), (None, None), (1.0, -1.0), (-np.inf, 2.0)],
)
def test_clip_by_inputs_and_attributes(low, high):
    x = awkward()
    names = f"x {'_' if low is None else 'low'} {'_' if high is None else 'high'}"
    constants = {k: np.float32(v) for k, v in (("low", low), ("high", high)) if v is not None}
    agree(proto([node("Clip", names, "y")], {"x": ("n", 3)}, ["y"], constants), x)
    own = {k: v for k, v in (("min", low), ("max", high)) if v is not None}
    if (low, high) != (1.0, -1.0):
        agree(single("Clip", opset=7, **own), x)


@pytest.mark.parametrize("slope", [0.2, [0.1, -0.2, 0.3], [[0.5, 0.25, 2.0]]])
def test_prelu(slope):
    agree(pair("PRelu", np.array(slope, dtype=np.float32), opset=16), awkward())


@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax"])
@pytest.mark.parametrize("opset", [7, 11, 13, 21])
@pytest.mark.parametrize("axis", [None, 1, -1, 2])
def test_softmax_over_axes_by_version(op, opset, axis):
    attributes = {} if axis is None else {"axis": axis}
    model = proto([node(op, "x", "y", **attributes)], {"x": ("n", 2, 3)}, ["y"], opset=opset)
    agree(model, np.clip(awkward(columns=6), -30, 30).reshape(-1, 2, 3))


REDUCTIONS = ["Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "SumSquare", "LogSum", "LogSumExp"]


@pytest.mark.parametrize("how", REDUCTIONS)
@pytest.mark.parametrize(
    ("axes", "kept"), [([1], 1), ([2], 0), ([1, 2], 0), ([-1], 1), ([-2, -1], 1)]
)
def test_reductions(how, axes, kept):
    x = np.clip(awkward(columns=6), -20, 20).reshape(-1, 2, 3)
    x = np.abs(x) + np.float32(0.1) if how == "LogSum" else x
    op = f"Reduce{how}"
    old = proto([node(op, "x", "y", axes=axes, keepdims=kept)], {"x": ("n", 2, 3)}, ["y"], opset=11)
    new = proto(
        [node(op, "x axes", "y", keepdims=kept)],
        {"x": ("n", 2, 3)},
        ["y"],
        {"axes": np.array(axes)},
    )
    for model in (old, new):
        agree(model, x, relative=5e-6)


def test_normalisations():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(50, 6)).astype(np.float32) * 3
    six = {name: rng.uniform(0.5, 1.5, 6).astype(np.float32) for name in ("s", "b", "m", "v")}
    batch = proto(
        [node("BatchNormalization", "x s b m v", "y", epsilon=1e-3)], {"x": ("n", 6)}, ["y"], six
    )
    agree(batch, x)
    for names in ("x s b", "x s"):
        layer = proto([node("LayerNormalization", names, "y")], {"x": ("n", 6)}, ["y"], six)
        agree(layer, x, least=5e-6)
    cube = x.reshape(-1, 2, 3)
    parts = {"s": six["s"].reshape(2, 3), "b": six["b"].reshape(2, 3)}
    for axis in (1, 2):
        own = parts if axis == 1 else {name: part[0] for name, part in parts.items()}
        layer = proto(
            [node("LayerNormalization", "x s b", "y", axis=axis)], {"x": ("n", 2, 3)}, ["y"], own
        )
        agree(layer, cube, least=5e-6)
    rms = proto([node("RMSNormalization", "x s", "y")], {"x": ("n", 6)}, ["y"], six, opset=23)
    agree(rms, x, least=5e-6)
    two = {name: part[:2] for name, part in six.items()}
    instance = proto([node("InstanceNormalization", "x s b", "y")], {"x": ("n", 2, 3)}, ["y"], two)
    agree(instance, cube, least=5e-6)
    channels = proto([node("BatchNormalization", "x s b m v", "y")], {"x": ("n", 2, 3)}, ["y"], two)
    agree(channels, cube)
    for opset, own in ((18, two), (21, six)):
        group = proto(
            [node("GroupNormalization", "x s b", "y", num_groups=2)],
            {"x": ("n", 6, 1)},
            ["y"],
            own,
            opset=opset,
        )
        # ONNX Runtime has squares less squares here: the float64 value is nearer to ours.
        agree(group, x.reshape(-1, 6, 1), least=5e-5)
    for p in (1, 2):
        norm = proto([node("LpNormalization", "x", "y", p=p)], {"x": ("n", 6)}, ["y"], opset=22)
        agree(norm, np.vstack([x, np.zeros((1, 6), np.float32)]))
    spread = proto(
        [node("MeanVarianceNormalization", "x", "y", axes=[1, 2])], {"x": ("n", 2, 3)}, ["y"]
    )
    agree(spread, cube, least=5e-6)


def test_batch_normalisation_of_training_is_refused():
    names = "x s b m v"
    constants = dict.fromkeys("sbmv", np.ones(3, np.float32))
    model = proto(
        [node("BatchNormalization", names, "y", training_mode=1)], {"x": ("n", 3)}, ["y"], constants
    )
    with pytest.raises(UnsupportedModelError, match="eval mode"):
        fastscore.import_model(model)


GEMMS = [{}, {"transB": 1}, {"alpha": 0.5, "beta": 2.0}, {"transB": 1, "alpha": -1.5, "beta": 0.0}]


@pytest.mark.parametrize("attributes", GEMMS)
@pytest.mark.parametrize("bias", [None, 1.5, [0.1, -0.2], [[0.3, 0.4]], [[0.5]]])
def test_gemm(attributes, bias):
    w = np.random.default_rng(3).normal(size=(3, 2)).astype(np.float32)
    constants = {"w": w.T if attributes.get("transB") else w}
    if bias is not None:
        constants["b"] = np.array(bias, dtype=np.float32)
    names = "x w" if bias is None else "x w b"
    model = proto([node("Gemm", names, "y", **attributes)], {"x": ("n", 3)}, ["y"], constants)
    x = np.random.default_rng(4).normal(size=(40, 3)).astype(np.float32)
    agree(model, x)


def test_gemm_adds_what_a_row_holds():
    rng = np.random.default_rng(3)
    constants = {"w": rng.normal(size=(3, 3)).astype(np.float32)}
    model = proto([node("Gemm", "x w x", "y", beta=-0.5)], {"x": ("n", 3)}, ["y"], constants)
    agree(model, rng.normal(size=(40, 3)).astype(np.float32))


@pytest.mark.parametrize(
    ("shape", "matrix", "front"),
    [
        ((3,), (3, 2), False),
        ((3,), (3,), False),
        ((2, 3), (3, 4), False),
        ((2, 3), (1, 3, 4), False),
        ((2, 3), (4, 2), True),
        ((2, 3), (1, 4, 2), True),
        ((2, 2, 3), (2, 3, 2), False),
        ((2, 2, 3), (1, 2, 3, 2), False),
    ],
)
def test_matmul(shape, matrix, front):
    rng = np.random.default_rng(5)
    constants = {"w": rng.normal(size=matrix).astype(np.float32)}
    names = "w x" if front else "x w"
    model = proto([node("MatMul", names, "y")], {"x": ("n", *shape)}, ["y"], constants)
    agree(model, rng.normal(size=(7, *shape)).astype(np.float32), least=5e-6)


def test_embeddings_and_codes_that_they_lack():
    rng = np.random.default_rng(6)
    constants = {"t": rng.normal(size=(5, 3)).astype(np.float32)}
    model = proto(
        [node("Gather", "t x", "e"), node("Flatten", "e", "y")],
        {"x": ("n", 2)},
        ["y"],
        constants,
        kinds={"x": INT64},
    )
    x = np.array([[0, 4], [3, -1], [-5, 2]])
    agree(model, x, bits=True)
    ours = fastscore.import_model(model)
    for code in (5.0, -6.0):
        with pytest.raises(fastscore.UnknownCategoryError, match="node 0"):
            ours.predict(np.array([[0.0, code]]))
    for code in (np.nan, np.inf):
        # No integer is such a number.
        with pytest.raises(fastscore.FastscoreError, match="column number 1"):
            ours.predict(np.array([[0.0, code]]))


@pytest.mark.parametrize("opset", [7, 9, 11, 13, 18, 21, NEWEST])
def test_every_version_of_the_operators(opset):
    rng = np.random.default_rng(7)
    constants = {"w": rng.normal(size=(3, 4)).astype(np.float32), "b": np.ones(4, np.float32)}
    nodes = [
        node("Gemm", "x w b", "a"),
        node("Relu", "a", "r"),
        node("Dropout", "r", "d"),
        node("Softmax", "d", "y", axis=1),
    ]
    model = proto(nodes, {"x": ("n", 3)}, ["y"], constants, opset=opset, ir=8 if opset < 22 else 11)
    agree(model, rng.normal(size=(20, 3)).astype(np.float32))


def test_casts():
    x = np.array([[1.5, -2.7, 0.0], [np.nan, 3e9, -0.0]], dtype=np.float64)
    narrow = proto([node("Cast", "x", "y", to=1)], {"x": ("n", 3)}, ["y"], kinds={"x": DOUBLE})
    agree(narrow, x, bits=True)
    truth = [node("Cast", "x", "b", to=9), node("Cast", "b", "y", to=1)]
    agree(proto(truth, {"x": ("n", 3)}, ["y"], kinds={"x": DOUBLE}), x, bits=True)
    whole = [node("Cast", "x", "i", to=7), node("Cast", "i", "y", to=11)]
    agree(proto(whole, {"x": ("n", 3)}, ["y"], kind=DOUBLE), x[:1], bits=False)
    half = proto(
        [node("Cast", "x", "h", to=10), node("Cast", "h", "y", to=1)], {"x": ("n", 3)}, ["y"]
    )
    with pytest.raises(UnsupportedModelError, match=r"node 'node 0' \(Cast\).*float16"):
        fastscore.import_model(half)


COMPARED = np.array([0.5, np.inf, -1.0], dtype=np.float32)


@pytest.mark.parametrize("op", ["Greater", "Less", "GreaterOrEqual", "LessOrEqual", "Equal"])
@pytest.mark.parametrize("first", [True, False])
def test_comparisons_of_features(op, first):
    names = "x c" if first else "c x"
    nodes = [node(op, names, "b"), node("Not", "b", "n"), node("Cast", "n", "y", to=1)]
    if op == "Equal":
        # An infinity equals itself.
        nodes = [node(op, names, "b"), node("Cast", "b", "y", to=1)]
    model = proto(nodes, {"x": ("n", 3)}, ["y"], {"c": COMPARED})
    beside = np.nextafter(COMPARED, np.float32(np.inf)), np.nextafter(COMPARED, np.float32(-np.inf))
    x = np.vstack([COMPARED, *beside, [np.nan] * 3, [np.inf, -np.inf, 0.0], awkward()])
    agree(model, x.astype(np.float32), bits=True)


def test_connectives_and_choices():
    nodes = [
        node("Greater", "x zero", "p"),
        node("IsNaN", "x", "q"),
        node("Or", "p q", "r"),
        node("Xor", "r q", "s"),
        node("And", "s p", "t"),
        node("Where", "t yes no", "y"),
    ]
    constants = {
        "zero": np.float32(0),
        "yes": np.array([np.inf, 1.0, 2.0], np.float32),
        "no": np.float32(np.nan),
    }
    x = np.vstack([awkward(), [[np.nan, np.inf, -np.inf]]]).astype(np.float32)
    agree(proto(nodes, {"x": ("n", 3)}, ["y"], constants), x, bits=True)


def test_choices_between_values_are_exact():
    nodes = [
        node("Greater", "x zero", "p"),
        node("Mul", "x row", "a"),
        node("Sqrt", "x", "b"),
        node("Where", "p a b", "c"),
        node("Where", "p one c", "y"),
    ]
    constants = {
        "zero": np.float32(0.25),
        "row": np.array([2.0, -np.inf, 0.5], np.float32),
        "one": np.array([[1.0, np.nan, 7.0]], np.float32),
    }
    special = [[np.nan, np.inf, -np.inf], [np.inf, np.nan, -0.0], [-np.inf, 0.0, np.nan]]
    x = np.vstack([awkward(), special]).astype(np.float32)
    for last in (4, 5):
        output = nodes[last - 1].output[0]
        agree(proto(nodes[:last], {"x": ("n", 3)}, [output], constants), x, bits=True)


@pytest.mark.parametrize("axis", [-1, 1, 2])
def test_one_hot(axis):
    constants = {"d": np.array(4), "v": np.array([-1.0, 2.5], np.float32)}
    nodes = [node("OneHot", "x d v", "h", axis=axis), node("Flatten", "h", "y")]
    model = proto(nodes, {"x": ("n", 2)}, ["y"], constants, kinds={"x": INT64})
    agree(model, np.array([[0, 3], [-1, -4], [4, 2], [-5, 100]]), bits=True)


def test_a_constant_condition_chooses_columns():
    constants = {"c": np.array([True, False, True]), "o": np.float32(7.0)}
    nodes = [node("Where", "c x o", "a"), node("Neg", "x", "n"), node("Where", "c a n", "y")]
    agree(proto(nodes, {"x": ("n", 3)}, ["y"], constants), awkward(), bits=True)


@pytest.mark.parametrize("op", ["Floor", "Ceil", "Round", "Sign", "Cast"])
def test_jumps_at_computed_numbers_are_noted(op):
    attributes = {"to": INT64} if op == "Cast" else {}
    nodes = [node("Mul", "x c", "e"), node("Tanh", "e", "t"), node("Mul", "t c", "m")]
    nodes += [node(op, "m", "j", **attributes), node("Cast", "j", "y", to=1)]
    constants = {"c": np.float32(3.7)}
    model = proto(nodes, {"x": ("n", 3)}, ["y"], constants)
    ours = agree(model, awkward(), bits=op != "Sign")
    (note,) = (note for note in ours.source.notes if "jumps" in note)
    assert note.startswith(f"node 'node 3' ({op}): jumps at numbers that are computed")
    exact = proto([node("Floor", "x", "j")], {"x": ("n", 3)}, ["j"])
    assert not any("jumps" in note for note in fastscore.import_model(exact).source.notes)


def test_a_comparison_of_a_computed_number_is_a_label():
    x = awkward()
    w = np.array([[1.0], [-0.5], [0.25]], dtype=np.float32)
    nodes = [node("MatMul", "x w", "m"), node("Greater", "m t", "y")]
    model = proto(nodes, {"x": ("n", 3)}, ["y"], {"w": w, "t": np.float32(0.3)}, kinds={"y": 9})
    ours = fastscore.import_model(model)
    want = run(model, x=x)[0].ravel()
    assert ours.predict(x).tolist() == want.tolist()
    assert ours.classes_.tolist() == [False, True]
    nodes = [node("MatMul", "x w", "m"), node("Less", "t m", "b"), node("Cast", "b", "y", to=7)]
    model = proto(nodes, {"x": ("n", 3)}, ["y"], {"w": w, "t": np.float32(0.3)}, kinds={"y": 7})
    assert fastscore.import_model(model).predict(x).tolist() == want.astype(int).tolist()
    nodes = [node("MatMul", "x w", "m"), node("Greater", "m t", "b"), node("Where", "b m x", "y")]
    model = proto(nodes, {"x": ("n", 3)}, ["y"], {"w": w, "t": np.float32(0.3)})
    ours = agree(model, x)
    assert any("(Where): jumps" in note for note in ours.source.notes)


UNSUPPORTED = {
    "Conv": ("x w", {}, (2, 3)),
    "MaxPool": ("x", {"kernel_shape": [2]}, (2, 3)),
    "Det": ("x", {}, (3, 3)),
    "LSTM": ("x w w", {"hidden_size": 1}, (1, 3)),
    "QuantizeLinear": ("x w", {}, (3,)),
}


@pytest.mark.parametrize("op", UNSUPPORTED)
def test_other_operators_are_refused_by_name(op):
    names, attributes, shape = UNSUPPORTED[op]
    constants = {"w": np.ones((3, 3), np.float32), "one": np.array(1)}
    model = proto([node(op, names, "y", **attributes)], {"x": ("n", *shape)}, ["y"], constants)
    with pytest.raises(UnsupportedModelError, match=rf"node 'the node' \({op}\).*not supported"):
        fastscore.import_model(model)


MIXED = {
    "a sum over rows": ([node("ReduceSum", "x zero", "y")], (3,)),
    "a transposition": ([node("Transpose", "x", "y")], (3,)),
    "rows in columns": ([node("Reshape", "x pairs", "y")], (3,)),
    "one row": ([node("Gather", "x zero", "y")], (3,)),
    "some rows": ([node("Slice", "x zero one", "y")], (3,)),
    "rows as a matrix": ([node("MatMul", "w x", "y")], (3,)),
    "rows joined": ([node("Concat", "x w", "y", axis=0)], (3,)),
    "a softmax of all": ([node("Softmax", "x", "y", axis=0)], (3,)),
    "repeated rows": ([node("Tile", "x twos", "y")], (3,)),
    "a number for a row": ([node("Add", "x w", "y")], (3,)),
    "normalised rows": ([node("LpNormalization", "x", "y", axis=0)], (3,)),
    "a flat table": ([node("Flatten", "x", "y", axis=0)], (3,)),
    "attention between rows": (
        [node("Transpose", "x", "t"), node("MatMul", "x t", "y")],
        (3,),
    ),
}


@pytest.mark.parametrize("what", MIXED)
def test_what_mixes_rows_is_refused_by_name(what):
    nodes, shape = MIXED[what]
    constants = {
        "zero": np.array([0]),
        "one": np.array([1]),
        "twos": np.array([2, 1]),
        "pairs": np.array([-1, 2]),
        "w": np.arange(9, dtype=np.float32).reshape(3, 3),
    }
    with pytest.raises(UnsupportedModelError, match="node 'the node'"):
        fastscore.import_model(proto(nodes, {"x": ("n", *shape)}, ["y"], constants))
