"""Numbers at which ONNX Runtime has rules of its own: NaN, infinities, integers, rows' counts."""

import itertools

import fastscore
import numpy as np
import pytest
from fastscore import UnsupportedModelError
from onnx import helper, numpy_helper
from onnx_support import DOUBLE, FLOAT, INT64, agree, node, proto, run

INF, NAN = np.inf, np.nan
INT32, BOOL = 6, 9
WIDTHS = [(np.float32, FLOAT), (np.float64, DOUBLE)]
ROWS = [
    [NAN, 1, 2, 0],
    [1, NAN, 2, 0],
    [1, 2, NAN, 0],
    [1, 2, 0, NAN],
    [NAN] * 4,
    [3, NAN, 2, 5],
    [INF, NAN, INF, 1],
    [-INF, NAN, -INF, -INF],
    [NAN, -INF, INF, NAN],
    [2, 2, 1, 0],
]


def of_one(op, kind=FLOAT, columns=4, opset=21, out=None, constants=None, **attributes):
    names = " ".join(["x", *(constants or {})])
    nodes = [node(op, names, "y", **attributes)]
    kinds = {"y": kind if out is None else out}
    shape = {"x": ("n", columns)}
    return proto(nodes, shape, ["y"], constants, kind=kind, kinds=kinds, opset=opset)


@pytest.mark.parametrize(("dtype", "kind"), WIDTHS)
@pytest.mark.parametrize("op", ["ArgMax", "ArgMin"])
def test_the_largest_of_rows_with_nan(op, dtype, kind):
    x = np.array(ROWS, dtype=dtype)
    agree(of_one(op, kind, out=INT64, axis=1, keepdims=0), x, bits=True)
    # The number computed with, too.
    nodes = [
        node(op, "x", "a", axis=1, keepdims=1),
        node("Cast", "a", "c", to=kind),
        node("Add", "c z", "y"),
    ]
    model = proto(nodes, {"x": ("n", 4)}, ["y"], {"z": np.zeros(1, dtype)}, kind=kind)
    agree(model, x, bits=True)


def test_labels_of_scores_with_nan():
    made = helper.make_node(
        "LinearClassifier",
        ["x"],
        ["y", "p"],
        domain="ai.onnx.ml",
        coefficients=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        intercepts=[0.0, 0.0, 0.0],
        classlabels_ints=[3, 5, 8],
        post_transform="NONE",
        multi_class=0,
    )
    model = proto([made], {"x": ("n", 3)}, ["y", "p"], kinds={"y": INT64}, ml=1)
    x = np.array([[1, INF, 0], [0, 0, INF], [INF, INF, 1], [NAN, 1, 2], [1, 2, 3]], np.float32)
    labels, _ = run(model, x=x)
    ours = fastscore.import_model(model)
    assert ours.predict(x.astype(np.float64)).tolist() == labels.tolist()


@pytest.mark.parametrize(("dtype", "kind"), WIDTHS)
@pytest.mark.parametrize("to", [INT32, INT64])
def test_casts_of_what_integers_do_not_hold(dtype, kind, to):
    x = np.array(
        [
            [NAN, INF, -INF, 1e10],
            [-1e10, 3e9, 2147483647.0, 2147483648.0],
            [-2147483648.0, -2147483904.0, 9.3e18, 9.2e18],
            [1e30, -1e30, -9.223372036854775808e18, 9.223372036854775808e18],
            [-0.7, 0.7, -1.5, 16777217.0],
        ],
        dtype,
    )
    nodes = [node("Cast", "x", "i", to=to), node("Cast", "i", "y", to=DOUBLE)]
    model = proto(nodes, {"x": ("n", 4)}, ["y"], kind=kind, kinds={"y": DOUBLE})
    ours = fastscore.import_model(model).predict(x.astype(np.float64))
    np.testing.assert_array_equal(ours, run(model, x=x)[0])


@pytest.mark.parametrize("kind", [INT64, INT32, BOOL])
def test_integers_are_no_nan(kind):
    nodes = [node("Cast", "x", "y", to=DOUBLE)]
    model = proto(nodes, {"x": ("n", 2)}, ["y"], kinds={"x": kind, "y": DOUBLE})
    ours = fastscore.import_model(model)
    assert ours.predict(np.array([[1.0, 0.0]])).tolist() == [[1.0, 0.0]]
    with pytest.raises(fastscore.MissingValueError, match="column number 1"):
        ours.predict(np.array([[1.0, NAN]]))
    with pytest.raises(fastscore.FastscoreError, match="column number 0"):
        ours.predict(np.array([[INF, 1.0]]))
    assert any("not refused" in note for note in ours.source.notes)


def test_comparisons_of_integers_are_noted():
    nodes = [node("Greater", "x c", "g"), node("Cast", "g", "y", to=FLOAT)]
    model = proto(nodes, {"x": ("n", 1)}, ["y"], {"c": np.array(2**53)}, kinds={"x": INT64})
    assert any("2**53" in note for note in fastscore.import_model(model).source.notes)


CLIPS = [(np.float32, FLOAT, 7), (np.float32, FLOAT, 11), *((*width, 13) for width in WIDTHS)]


@pytest.mark.parametrize(("dtype", "kind", "opset"), CLIPS)
def test_clip_without_bounds_is_within_the_type(dtype, kind, opset):
    x = np.array([[INF, -INF, NAN, 1.5], [-2.0, 0.0, -0.0, 3.0]], dtype)
    for bounds in ({"min": 0.0}, {"max": 2.0}, {"min": 0.0, "max": 2.0}, {}):
        if opset < 11:
            agree(of_one("Clip", kind, opset=opset, **bounds), x, bits=True)
            continue
        names = ["x", *(name if name in bounds else "_" for name in ("min", "max"))]
        constants = {name: np.array(bound, dtype) for name, bound in bounds.items()}
        nodes = [node("Clip", " ".join(names), "y")]
        model = proto(nodes, {"x": ("n", 4)}, ["y"], constants, kind=kind, opset=opset)
        agree(model, x, bits=True)


@pytest.mark.parametrize(("dtype", "kind"), WIDTHS)
def test_the_root_of_minus_infinity(dtype, kind):
    x = np.array([[-INF, INF, NAN, 4.0], [2.0, -1.0, 0.0, 1e-30]], dtype)
    agree(of_one("Pow", kind, constants={"e": np.array(0.5, dtype)}), x, relative=1e-6, least=0)


def test_shrink_of_float64_is_at_float32():
    x = np.array([[36.1, 1e308, -36.1, 0.1], [0.5, -0.5, 0.50000001, NAN], [INF, -INF, 1e-3, -7.7]])
    agree(of_one("Shrink", DOUBLE, lambd=0.5, bias=0.1), x, bits=True)


def test_gelu_of_float64_has_constants_of_float32():
    x = np.linspace(-6, 6, 400).reshape(-1, 4)
    agree(of_one("Gelu", DOUBLE, approximate="tanh"), x, relative=1e-12, least=1e-14)


@pytest.mark.parametrize("op", ["ReduceSumSquare", "ReduceL1", "ReduceL2", "ReduceLogSum"])
def test_reductions_of_nothing_still_apply_their_function(op):
    x = np.array([[0.5, 1.0, 2.0, 3.5]], np.float32)
    agree(of_one(op, opset=18, noop_with_empty_axes=1), x)
    if op != "ReduceLogSum":
        agree(of_one(op, opset=18, noop_with_empty_axes=1), -x)


@pytest.mark.parametrize("op", ["ReduceSum", "ReduceMean", "ReduceMax", "ReduceProd"])
def test_reductions_of_nothing(op):
    x = np.array([[0.5, -1.0, 2.0, 3.5]], np.float32)
    agree(of_one(op, opset=18, noop_with_empty_axes=1), x)


@pytest.mark.parametrize(
    ("starts", "ends"), [([0], [3]), ([0], [11]), ([0], [12]), ([-12], [2**62]), ([0], [2**31 - 2])]
)
def test_the_first_rows_are_not_all(starts, ends):
    nodes = [node("Slice", "x s e a", "y")]
    model = proto(nodes, {"x": ("n", 2)}, ["y"], {"s": starts, "e": ends, "a": [0]})
    with pytest.raises(UnsupportedModelError, match="rows"):
        fastscore.import_model(model)


@pytest.mark.parametrize("end", [2**31 - 1, 2**62])
def test_all_rows_are_all(end):
    nodes = [node("Slice", "x s e a", "y")]
    model = proto(nodes, {"x": ("n", 2)}, ["y"], {"s": [0], "e": [end], "a": [0]})
    agree(model, np.arange(40, dtype=np.float32).reshape(-1, 2), bits=True)


@pytest.mark.parametrize("op", ["Div", "Mod", "Min", "Max"])
@pytest.mark.parametrize("by", [4, 16, 100])
def test_numbers_of_rows_are_not_computed_with(op, by):
    nodes = [
        node("Shape", "x", "s", start=0, end=1),
        node(op, "s k", "q"),
        node("Cast", "q", "f", to=FLOAT),
        node("Add", "x f", "y"),
    ]
    model = proto(nodes, {"x": ("n", 2)}, ["y"], {"k": np.array([by])})
    with pytest.raises(UnsupportedModelError, match="rows"):
        fastscore.import_model(model)


def test_shapes_are_computed_with():
    # (n, 6) to (n * 6 / 3 / 2, 2, 3) and back, as exporters write it.
    nodes = [
        node("Size", "x", "size"),
        node("Div", "size six", "rows"),
        node("Equal", "rows minus", "unknown"),
        node("Where", "unknown minus rows", "known"),
        node("Concat", "known rest", "shape", axis=0),
        node("Reshape", "x shape", "r"),
        node("ReduceSum", "r last", "y", keepdims=0),
    ]
    constants = {"six": np.array([6]), "minus": np.array([-1]), "rest": [2, 3], "last": [2]}
    model = proto(nodes, {"x": ("n", 6)}, ["y"], constants)
    model.graph.node[1].input[0] = "size1"
    model.graph.node.insert(1, node("Reshape", "size one", "size1"))
    model.graph.initializer.append(helper.make_tensor("one", INT64, [1], [1]))
    agree(model, np.arange(24, dtype=np.float32).reshape(-1, 6), bits=True)


def trees(base, ids, *, how="SUM", post="NONE", nodes=1):
    """One tree: a leaf, or a split whose second leaf has the last of the weights alone."""
    leaves = [0] * len(ids) if nodes == 1 else [1] * (len(ids) - 1) + [2]
    return helper.make_node(
        "TreeEnsembleRegressor",
        ["x"],
        ["y"],
        domain="ai.onnx.ml",
        nodes_treeids=[0] * nodes,
        nodes_nodeids=list(range(nodes)),
        nodes_modes=["LEAF"] if nodes == 1 else ["BRANCH_LEQ", "LEAF", "LEAF"],
        nodes_featureids=[0] * nodes,
        nodes_values=[0.5] + [0.0] * (nodes - 1),
        nodes_truenodeids=[0] if nodes == 1 else [1, 0, 0],
        nodes_falsenodeids=[0] if nodes == 1 else [2, 0, 0],
        target_treeids=[0] * len(ids),
        target_nodeids=leaves,
        target_ids=ids,
        target_weights=[1.0 + at for at in range(len(ids))],
        n_targets=len(base),
        base_values=base,
        aggregate_function=how,
        post_transform=post,
    )


@pytest.mark.parametrize("how", ["SUM", "AVERAGE"])
@pytest.mark.parametrize("post", ["NONE", "LOGISTIC", "SOFTMAX"])
@pytest.mark.parametrize("ids", [[0], [1], [0, 2], [0, 1, 2]])
def test_base_values_of_targets_without_weights(how, post, ids):
    model = proto([trees([5.0, 7.0, -2.0], ids, how=how, post=post)], {"x": ("n", 1)}, ["y"], ml=3)
    agree(model, np.zeros((3, 1), np.float32))


def test_base_values_of_targets_with_weights_in_some_rows():
    x = np.array([[0.0], [1.0]], np.float32)
    model = proto([trees([5.0, 7.0], [0, 1], nodes=3)], {"x": ("n", 1)}, ["y"], ml=3)
    with pytest.raises(UnsupportedModelError, match="every leaf a weight for every target"):
        fastscore.import_model(model)
    model = proto([trees([0.0, 0.0], [0, 1], nodes=3)], {"x": ("n", 1)}, ["y"], ml=3)
    agree(model, x, bits=True)


@pytest.mark.parametrize("bound", [INF, -INF, NAN])
@pytest.mark.parametrize("op", ["Greater", "LessOrEqual", "Equal"])
def test_computed_numbers_beside_infinity(op, bound):
    nodes = [node("Mul", "x w", "m"), node(op, "m c", "y")]
    constants = {"w": np.array([2.0, -1.0], np.float32), "c": np.array(bound, np.float32)}
    model = proto(nodes, {"x": ("n", 2)}, ["y"], constants, kinds={"y": BOOL})
    x = np.array([[INF, NAN], [-INF, INF], [3e38, 1.0], [NAN, -INF]], np.float32)
    agree(model, x, bits=True)


def test_a_graph_of_too_many_rows_is_refused():
    for rows in (10**7, 10**9, 2**62):
        model = proto([node("Relu", "x", "y")], {"x": (rows, 4)}, ["y"])
        with pytest.raises(UnsupportedModelError, match="too many"):
            fastscore.import_model(model)


def test_rows_of_a_constant_with_nan_are_joined():
    made = numpy_helper.from_array(np.array([NAN], np.float32))
    nodes = [
        node("Shape", "x", "s"),
        node("ConstantOfShape", "s", "k", value=made),
        node("Concat", "x k", "y", axis=1),
    ]
    agree(proto(nodes, {"x": ("n", 2)}, ["y"]), np.ones((3, 2), np.float32), bits=True)


@pytest.mark.parametrize("name", ["alpha", "beta"])
def test_products_by_infinity_are_refused(name):
    nodes = [node("Gemm", "x w b", "y", **{name: INF})]
    constants = {"w": np.ones((2, 1), np.float32), "b": np.ones(1, np.float32)}
    with pytest.raises(UnsupportedModelError, match=f"{name} (is )?inf"):
        fastscore.import_model(proto(nodes, {"x": ("n", 2)}, ["y"], constants))


def test_a_graph_without_outputs_is_refused():
    with pytest.raises(UnsupportedModelError, match="no outputs"):
        fastscore.import_model(proto([node("Relu", "x", "y")], {"x": ("n", 2)}, []))


def test_text_that_nothing_reads_is_refused():
    string = {"x": 8}
    model = proto([node("Identity", "x", "y")], {"x": ("n", 1)}, ["y"], kinds=string | {"y": 8})
    with pytest.raises(UnsupportedModelError, match="a text input itself"):
        fastscore.import_model(model)
    text = {"c": np.array(["a"], object)}
    model = proto([node("Equal", "x c", "y")], {"x": ("n", 1)}, ["y"], text, kinds=string)
    with pytest.raises(UnsupportedModelError, match="it compares text"):
        fastscore.import_model(model)


@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize("op", ["Greater", "LessOrEqual", "IsNaN", "Cast"])
def test_truths_are_outputs(op, columns):
    x = np.array([[0.5, -0.0, 0.0], [NAN, INF, -INF], [1e-45, -1.0, 2.0]], np.float32)[:, :columns]
    zero = {"c": np.zeros(1, np.float32)} if op not in ("IsNaN", "Cast") else {}
    model = of_one(
        op, columns=columns, out=BOOL, constants=zero, **({"to": BOOL} if op == "Cast" else {})
    )
    ours = agree(model, x, bits=True)
    assert np.asarray(ours.predict(x.astype(np.float64))).dtype == bool


def test_the_largest_of_one_column_is_the_first():
    x = np.array([[1.0], [NAN], [-INF]], np.float32)
    agree(of_one("ArgMax", columns=1, out=INT64, axis=1, keepdims=0), x, bits=True)


def test_features_without_names_are_numbers():
    model = of_one("Relu")
    with pytest.raises(ValueError, match="give the number 0"):
        fastscore.import_model(model, categories={"0": ["a"]})
    with pytest.raises(ValueError, match="ONNX ModelProto"):
        fastscore.import_model(model).verify(np.zeros((2, 4)))


@pytest.mark.parametrize("domain", ["", "ai.onnx", "ai.onnx.ml"])
def test_functions_named_like_operators_are_refused(domain):
    model = of_one("Relu")
    body = [node("Neg", "a", "b")]
    sets = [helper.make_opsetid("", 21)]
    model.functions.append(helper.make_function(domain, "Relu", ["a"], ["b"], body, sets))
    with pytest.raises(UnsupportedModelError, match="rename its domain"):
        fastscore.import_model(model)


@pytest.mark.parametrize("op", ["Greater", "Less", "GreaterOrEqual", "LessOrEqual"])
@pytest.mark.parametrize("names", ["m c", "c m"])
@pytest.mark.parametrize(("dtype", "kind"), WIDTHS)
def test_comparisons_of_computed_numbers_are_labels(op, names, dtype, kind):
    nodes = [node("MatMul", "x w", "m"), node(op, names, "y")]
    for bound in (2.0, 0.0, -3.0):
        constants = {"w": np.ones((2, 1), dtype), "c": np.array(bound, dtype)}
        model = proto(nodes, {"x": ("n", 2)}, ["y"], constants, kind=kind, kinds={"y": BOOL})
        x = np.array([[1, 1], [2, 1], [0, 1], [1, -1], [-2, -1], [NAN, 1], [INF, 1], [-INF, 0]])
        agree(model, x.astype(dtype), bits=True)


@pytest.mark.parametrize("op", ["Greater", "Less", "GreaterOrEqual", "LessOrEqual", "Equal"])
@pytest.mark.parametrize("bounds", [[NAN], [1.0, NAN, INF, -INF]])
def test_comparisons_with_nan(op, bounds):
    constants = {"c": np.array(bounds, np.float32)}
    agree(of_one(op, out=BOOL, constants=constants), np.array(ROWS, np.float32), bits=True)


def test_networks_that_are_too_wide():
    names = ["x", *(f"h{i}" for i in range(99)), "y"]
    nodes = [node("Tanh", one, other) for one, other in itertools.pairwise(names)]
    with pytest.raises(UnsupportedModelError, match=r"graph has more than 262144.*split it"):
        fastscore.import_model(proto(nodes, {"x": ("n", 3000)}, ["y"]))


def test_normalisations_and_reductions_that_say_what_would_work():
    six = np.ones(6, dtype=np.float32)
    shifted = node("RMSNormalization", "x s s", "y")
    with pytest.raises(UnsupportedModelError, match="Add node after"):
        fastscore.import_model(proto([shifted], {"x": ("n", 6)}, ["y"], {"s": six}, opset=23))


@pytest.mark.parametrize("op", ["ReduceMax", "ReduceLogSumExp"])
def test_reductions_of_no_numbers(op):
    nodes = [node("Slice", "x zero zero one", "none"), node(op, "none one", "y")]
    constants = {"zero": np.array([0]), "one": np.array([1])}
    with pytest.raises(UnsupportedModelError, match="no numbers to reduce; leave the node out"):
        fastscore.import_model(proto(nodes, {"x": ("n", 3)}, ["y"], constants))
