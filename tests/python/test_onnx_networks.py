"""Whole networks, node by node as PyTorch's exporters write them, against ONNX Runtime."""

import itertools

import fastscore
import numpy as np
import pytest
from onnx import helper
from onnx_nets import Net, experts, transformer
from onnx_support import DOUBLE, FLOAT, INT64, node, proto, run

BOOL = 9
INF, NAN = np.inf, np.nan


def check(net, inputs, feeds, outputs=("y",), *, opset=18, within=None, kinds=None):
    """Compare with ONNX Runtime; returns our model."""
    types = {name: helper.np_dtype_to_tensor_dtype(own.dtype) for name, own in feeds.items()}
    model = net.model(inputs, outputs, opset=opset, kinds=types | (kinds or {}))
    want = run(model, **feeds)
    ours = fastscore.import_model(model)
    rows = len(next(iter(feeds.values())))
    flat = np.hstack([own.reshape(rows, -1).astype(np.float64) for own in feeds.values()])
    found = ours.predict(flat)
    found = found if isinstance(found, list) else [found]
    relative = within or (1e-5 if net.kind == np.float32 else 1e-12)
    for pair in zip(found, want, strict=True):
        have, theirs = (np.asarray(own).reshape(rows, -1) for own in pair)
        np.testing.assert_allclose(have, theirs, rtol=relative, atol=relative)
    report = ours.verify(flat, model)
    assert report.ok, report
    return ours


def rows(*shape, dtype=np.float32, count=40):
    x = np.random.default_rng(5).normal(size=(count, *shape)).astype(dtype)
    x[0] = 0.0
    return x


@pytest.mark.parametrize("op", ["bmm", "einsum"])
def test_a_mixture_of_experts(op):
    net = Net()
    experts(net, op)
    check(net, {"x": ("n", 5)}, {"x": rows(5)})


@pytest.mark.parametrize("equation", ["bi,eio->beo", "bi,eio->ebo", "bi,eoi->beo"])
def test_experts_as_one_tensor(equation):
    net = Net()
    w = net.w(3, 5, 4) if "eio" in equation else net.w(3, 4, 5)
    found = net("Einsum", "x", w, equation=equation)
    if equation.endswith("ebo"):
        found = net("Add", found, net.w(3, 1, 4))
        net("ReduceMean", net("Relu", found), axes=[0], keepdims=0, out="y")
    else:
        net("ReduceMax", found, axes=[1], keepdims=0, out="y")
    check(net, {"x": ("n", 5)}, {"x": rows(5)}, opset=17)


def test_interactions_of_embeddings():
    """DLRM: all products of pairs, of which those below the diagonal are picked."""
    net = Net()
    parts = [
        net(
            "Unsqueeze",
            net("Gather", net.w(7, 4), net("Gather", "codes", net.c(at), axis=1)),
            net.c([1]),
        )
        for at in range(3)
    ]
    parts.append(net("Unsqueeze", net("Relu", net.linear("x", 5, 4)), net.c([1])))
    t = net("Concat", *parts, axis=1)
    pairs = net("MatMul", t, net("Transpose", t, perm=[0, 2, 1]))
    flat = net("Reshape", pairs, net.c([0, 16]))
    below = [i * 4 + j for i in range(4) for j in range(i)]
    z = net("Gather", flat, net.c(below), axis=1)
    net("Sigmoid", net.linear(z, 6, 1), out="y")
    codes = np.random.default_rng(0).integers(0, 7, (40, 3))
    check(net, {"x": ("n", 5), "codes": ("n", 3)}, {"x": rows(5), "codes": codes})


@pytest.mark.parametrize("how", ["sdpa", "beside", "torch"])
@pytest.mark.parametrize(("kind", "heads"), [(np.float32, 2), (np.float32, 1), (np.float64, 2)])
def test_transformers_of_columns(how, kind, heads):
    """FT-Transformer: a token a column and one in front, whose last value is read."""
    net = Net(kind)
    transformer(net, how, heads)
    within = 2e-5 if kind == np.float32 else 1e-11
    check(net, {"x": ("n", 4)}, {"x": rows(4, dtype=kind)}, within=within)


@pytest.mark.parametrize("op", ["GLU", "GEGLU", "SwiGLU"])
def test_gated_units(op):
    net = Net()
    both = net.linear("x", 5, 8)
    a = net("Slice", both, net.c([0]), net.c([4]), net.c([-1]))
    b = net("Slice", both, net.c([4]), net.c([2**63 - 1]), net.c([1]))
    if op == "GEGLU":
        inner = net("Erf", net("Div", b, net.c(2**0.5, np.float32)))
        half = net("Mul", b, net("Add", inner, net.c(1.0, np.float32)))
        gate = net("Mul", half, net.c(0.5, np.float32))
    else:
        gate = net("Sigmoid", b)
        gate = gate if op == "GLU" else net("Mul", b, gate)
    net("Identity", net.linear(net("Mul", a, gate), 4, 2), out="y")
    check(net, {"x": ("n", 5)}, {"x": rows(5)})


def test_squeeze_and_excitation_of_fields():
    net = Net()
    fields = net("Reshape", "x", net.c([0, 4, 3]))
    squeezed = net("ReduceMean", fields, axes=[-1], keepdims=0)
    shares = net("Sigmoid", net.linear(net("Relu", net.linear(squeezed, 4, 2)), 2, 4))
    scaled = net("Mul", fields, net("Unsqueeze", shares, net.c([2])))
    pooled = net("GlobalAveragePool", scaled)
    net("Flatten", pooled, out="y")
    check(net, {"x": ("n", 12)}, {"x": rows(12)}, opset=17)


def test_gaps_are_filled_and_numbers_standardised():
    """torch.isnan, where, nan_to_num as the exporter spells it, signs and logarithms."""
    net = Net()
    gap = net("IsNaN", "x")
    filled = net("Where", gap, net.w(4), "x")
    none = net("IsInf", filled)
    above = net("And", none, net("Greater", filled, net.c(0.0, np.float32)))
    below = net("And", net("IsInf", filled), net("Less", filled, net.c(0.0, np.float32)))
    filled = net("Where", above, net.c(3e38, np.float32), filled)
    filled = net("Where", below, net.c(-3e38, np.float32), filled)
    filled = net("Clip", filled, net.c(-50.0, np.float32), net.c(50.0, np.float32))
    size = net("Log", net("Add", net("Abs", filled), net.c(1.0, np.float32)))
    signed = net("Mul", net("Sign", filled), size)
    scaled = net("Div", net("Sub", signed, net.w(4)), net.c([0.5, 2.0, 1.0, 0.1], np.float32))
    told = net("Cast", gap, to=FLOAT)
    net("Identity", net.linear(net("Concat", scaled, told, axis=-1), 8, 3), out="y")
    x = rows(4)
    x[1:5, 0], x[3:8, 1], x[5:9, 2] = NAN, INF, -INF
    check(net, {"x": ("n", 4)}, {"x": x})


@pytest.mark.parametrize("op", ["Greater", "GreaterOrEqual"])
def test_bucketize(op):
    """As the exporter spells it: boundaries in front of the rows."""
    net = Net()
    edges = np.array([-1.0, -0.5, 0.0, 0.5, 1.5], np.float32)
    shape = net("Concat", net.c([5]), net("Shape", "x"), axis=0)
    spread = net("Expand", net.c(edges[:, None, None], np.float32), shape)
    hit = net("Cast", net(op, "x", spread), to=INT64)
    bins = net("ReduceSum", hit, net.c([0]), keepdims=0)
    net("Flatten", net("Gather", net.w(6, 2), bins), out="y")
    x = rows(3)
    x[:5, 0], x[:5, 1] = edges, np.nextafter(edges, INF)
    check(net, {"x": ("n", 3)}, {"x": x})


def test_ordinal_heads_give_integers():
    net = Net()
    logits = net("Add", net.linear("x", 4, 1), net("CumSum", net.w(3), net.c(0)))
    shares = net("Sigmoid", logits, out="p")
    above = net("Cast", net("Greater", shares, net.c(0.5, np.float32)), to=INT64)
    net("ReduceSum", above, net.c([1]), keepdims=0, out="k")
    ours = check(net, {"x": ("n", 4)}, {"x": rows(4)}, ("p", "k"), kinds={"k": INT64})
    assert any("'k' is of type int64" in note for note in ours.source.notes)
    assert any("jumps" in note for note in ours.source.notes)


def test_cumulative_links():
    net = Net()
    steps = net("Softplus", net.linear("x", 4, 5))
    sums = net("CumSum", steps, net.c(1))
    net("Concat", sums, net("CumSum", steps, net.c(-1), reverse=1, exclusive=1), axis=1, out="y")
    check(net, {"x": ("n", 4)}, {"x": rows(4)})


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_choices_of_computed_numbers(kind):
    """torch.where(h > 0, h, 0.1 h), masks by comparisons of two values, floors."""
    net = Net(kind)
    h, g = net.linear("x", 4, 6), net.linear("x", 4, 6)
    leaky = net("Where", net("Greater", h, net.c(0, kind)), h, net("Mul", h, net.c(0.1, kind)))
    larger = net("Where", net("Less", h, g), g, net.c(-1, kind))
    mask = net(
        "Cast", net("Not", net("LessOrEqual", g, h)), to=DOUBLE if kind == np.float64 else FLOAT
    )
    steps = net("Sub", g, net("Floor", g))
    net("Concat", leaky, larger, net("Mul", mask, h), steps, axis=1, out="y")
    ours = check(net, {"x": ("n", 4)}, {"x": rows(4, dtype=kind)})
    assert any("and 3 more: jumps" in note for note in ours.source.notes)


def test_the_largest_of_each_of_several_heads():
    net = Net()
    scores = net("Reshape", net.linear("x", 4, 6), net.c([-1, 2, 3]))
    net("ArgMax", scores, axis=2, keepdims=0, out="k")
    net("ArgMin", scores, axis=1, keepdims=0, select_last_index=1, out="j")
    net("Hardmax", scores, axis=-1, out="h")
    check(net, {"x": ("n", 4)}, {"x": rows(4)}, ("k", "j", "h"), kinds={"k": INT64, "j": INT64})


def test_masked_sums_of_embeddings():
    """nn.Embedding of a list of codes, 0 for none, and a mean of those that are there."""
    net = Net()
    vectors = net("Gather", net.w(9, 3), "codes")
    told = net("Cast", net("Not", net("Equal", "codes", net.c(0))), to=FLOAT)
    kept = net("Mul", vectors, net("Unsqueeze", told, net.c([-1])))
    count = net("ReduceSum", told, net.c([1]), keepdims=1)
    count = net("Clip", count, net.c(1.0, np.float32))
    net("Div", net("ReduceSum", kept, net.c([1]), keepdims=0), count, out="y")
    codes = np.random.default_rng(0).integers(0, 9, (40, 4)) * np.array([1, 1, 0, 1])
    check(net, {"codes": ("n", 4)}, {"codes": codes})


def test_elements_that_a_row_picks():
    net = Net()
    scores = net.linear("x", 4, 5)
    net("GatherElements", scores, "at", axis=1, out="y")
    at = np.random.default_rng(0).integers(-5, 5, (40, 2))
    ours = check(net, {"x": ("n", 4), "at": ("n", 2)}, {"x": rows(4), "at": at})
    with pytest.raises(fastscore.UnknownCategoryError, match="at_1"):
        ours.predict(np.array([[0.0, 0.0, 0.0, 0.0, 1.0, 5.0]]))


def test_elements_in_the_place_of_others():
    """x[:, 1] = .., and a column of zeros in the place of one, as both exporters write it."""
    net = Net()
    h = net.linear("x", 4, 5)
    turned = net("Transpose", h, perm=[1, 0])
    update = net("Transpose", net("Relu", net.linear("x", 4, 2)), perm=[1, 0])
    put = net("ScatterND", turned, net.c([[1], [3]]), update)
    a = net("Transpose", put, perm=[1, 0])
    shape = net("Concat", net("Shape", "x", start=0, end=1), net.c([1]), axis=0)
    places = net("Expand", net.c([[2]]), shape)
    zeros = net("ConstantOfShape", shape)
    net("ScatterElements", a, places, zeros, axis=1, out="y")
    check(net, {"x": ("n", 4)}, {"x": rows(4)})


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect"])
@pytest.mark.parametrize("opset", [10, 13, 18])
def test_padding(mode, opset):
    net = Net()
    h = net("Reshape", net.linear("x", 4, 6), net.c([0, 2, 3]))
    if opset < 11:
        net("Pad", h, mode=mode, pads=[0, 1, 2, 0, -1, 1], value=1.5, out="y")
    elif opset < 18:
        pads = net.c([0, 1, 2, 0, 0, 1])
        more = [net.c(1.5, np.float32)] if mode == "constant" else []
        net("Pad", h, pads, *more, mode=mode, out="y")
    else:
        net("Pad", h, net.c([1, 2, 1, 1]), "_", net.c([1, -1]), mode=mode, out="y")
    if mode != "constant" and opset < 11:
        net.nodes[-1].attribute[1].ints[:] = [0, 1, 2, 0, 0, 1]
    check(net, {"x": ("n", 4)}, {"x": rows(4)}, opset=opset)


@pytest.mark.parametrize("upper", [0, 1])
@pytest.mark.parametrize("k", [-1, 0, 1])
def test_triangles(upper, k):
    net = Net()
    x = net("Reshape", "x", net.c([0, 3, 3]))
    mask = net("Trilu", net.c(np.ones((3, 3)), np.float32), net.c(k), upper=upper)
    net("Add", net("Trilu", x, net.c(k), upper=upper), mask, out="y")
    check(net, {"x": ("n", 9)}, {"x": rows(9)})


def test_constants_are_computed_as_rows_are():
    """Weights that a graph computes: shares of a softmax, norms, gates."""
    net = Net()
    w = net.w(4, 3)
    norm = net("ReduceL2", w, axes=[0], keepdims=1)
    weight = net("Mul", net("Div", w, norm), net("Softplus", net.w(3)))
    mixed = net("MatMul", "x", weight)
    shares = net("Softmax", net.w(3), axis=0)
    gate = net("Sigmoid", net.w(1))
    token = net("LayerNormalization", net.w(1, 3), net.w(3), net.w(3))
    normal = net(
        "BatchNormalization", token, net.w(3), net.w(3), net.w(3), net.c([1, 2, 3], np.float32)
    )
    choice = net("Where", net("Greater", shares, net.c(0.3, np.float32)), shares, gate)
    net("Add", net("Mul", mixed, choice), normal, out="y")
    check(net, {"x": ("n", 4)}, {"x": rows(4)}, opset=17)


def branches(condition, net):
    then = helper.make_graph(
        [helper.make_node("Neg", ["h"], ["a"])],
        "then",
        [],
        [helper.make_tensor_value_info("a", FLOAT, None)],
    )
    other = helper.make_graph(
        [helper.make_node("Mul", ["h", "two"], ["b"])],
        "else",
        [],
        [helper.make_tensor_value_info("b", FLOAT, None)],
        [helper.make_tensor("two", FLOAT, [], [2.0])],
    )
    net("If", condition, then_branch=then, else_branch=other, out="y")


@pytest.mark.parametrize("width", [1, 3])
def test_branches_by_shapes(width):
    """As the older exporter writes squeeze() of dimensions that it does not know."""
    net = Net()
    net("Identity", net.linear("x", 4, width), out="h")
    size = net("Gather", net("Shape", "h"), net.c(1), axis=0)
    branches(net("Equal", size, net.c(1)), net)
    check(net, {"x": ("n", 4)}, {"x": rows(4)})


def test_branches_by_rows_are_refused():
    net = Net()
    net("Identity", net.linear("x", 4, 1), out="h")
    branches(net("Greater", "h", net.c(0.0, np.float32)), net)
    model = proto(net.nodes, {"x": ("n", 4)}, ["y"], net.constants)
    with pytest.raises(fastscore.UnsupportedModelError, match=r"\(If\).*Where instead"):
        fastscore.import_model(model)


@pytest.mark.parametrize("detect", list(itertools.product([0, 1], [0, 1])))
def test_infinities(detect):
    net = Net()
    own = dict(zip(("detect_positive", "detect_negative"), detect, strict=True))
    net("Cast", net("IsInf", "x", **own), to=FLOAT, out="y")
    x = rows(3)
    x[0], x[1] = [INF, -INF, NAN], [3.4e38, -INF, 0.0]
    check(net, {"x": ("n", 3)}, {"x": x}, opset=20)


@pytest.mark.parametrize("op", ["Div", "Mod", "fmod"])
@pytest.mark.parametrize("of_two", [True, False])
def test_divisions_of_integers(op, of_two):
    net = Net()
    by = net("Slice", "x", net.c([1]), net.c([2]), net.c([1])) if of_two else net.c([3, -4, 7])
    own = {"fmod": 1} if op == "fmod" else {}
    net("Mod" if own else op, "x", by, out="y", **own)
    x = np.random.default_rng(0).integers(-50, 50, (60, 3))
    x[:, 1] += (x[:, 1] == 0) * 5
    check(net, {"x": ("n", 3)}, {"x": x}, kinds={"y": INT64})


def test_equality_of_two_values():
    net = Net()
    a, b = (net("Slice", "x", net.c([s]), net.c([s + 2]), net.c([1])) for s in (0, 2))
    net("Cast", net("Equal", a, b), to=FLOAT, out="y")
    special = [0.0, -0.0, 1.0, INF, -INF, NAN]
    x = np.array([[s, t, t, s] for s in special for t in special], np.float32)
    check(net, {"x": ("n", 4)}, {"x": x}, opset=17)


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("bi,bi->b", ((4,), (4,))),
        ("bi,bj->bij", ((4,), (3,))),
        ("bti,bsi->bts", ((2, 3), (4, 3))),
        ("bhti,bhsi->bhts", ((2, 2, 3), (2, 4, 3))),
        ("b...i,...ij->b...j", ((2, 3), None)),
        ("bti->bit", ((2, 3),)),
        ("bti->b", ((2, 3),)),
        ("oi,bi->bo", (None, (3,))),
        ("...ab", ((2, 3),)),
        ("...ba", ((2, 3),)),
        ("...", ((2, 3),)),
        ("...ij,jk", ((2, 3), None)),
        ("...kj,ja", ((2, 3), None)),
        ("...i,...i", ((2, 3), (2, 3))),
        ("...i,...j", ((3,), (2,))),
    ],
)
def test_einsum(equation, shapes):
    net = Net()
    constants = {"b...i,...ij->b...j": (2, 3, 4), "oi,bi->bo": (5, 3)}
    constants |= {"...ij,jk": (3, 4), "...kj,ja": (3, 4)}
    names, inputs, feeds = [], {}, {}
    for at, shape in enumerate(shapes):
        if shape is None:
            names.append(net.w(*constants[equation]))
            continue
        names.append(f"x{at}")
        inputs[f"x{at}"] = ("n", *shape)
        feeds[f"x{at}"] = rows(*shape)
    net("Einsum", *names, equation=equation, out="y")
    check(net, inputs, feeds)


@pytest.mark.parametrize(
    ("equation", "message"),
    [
        ("bi,bi->i", "must stay apart"),
        ("bii->bi", "twice"),
        ("bi,ij,jk->bk", "3 tensors"),
    ],
)
def test_einsum_that_is_refused(equation, message):
    net = Net()
    shape = (3, 3) if equation == "bii->bi" else (3,)
    names = ["x", "x", "x"][: equation.count(",") + 1]
    net("Einsum", *names, equation=equation, out="y")
    model = proto(net.nodes, {"x": ("n", *shape)}, ["y"], net.constants)
    with pytest.raises(fastscore.UnsupportedModelError, match=rf"\(Einsum\).*{message}"):
        fastscore.import_model(model)


def test_implicit_einsum_that_moves_the_rows():
    """What is broadcast comes first: ONNX Runtime gives (3, rows, 2)."""
    net = Net()
    net("Einsum", "x", equation="ab...", out="y")
    model = proto(net.nodes, {"x": ("n", 2, 3)}, ["y"], net.constants)
    x = rows(2, 3)
    np.testing.assert_array_equal(run(model, x=x)[0], np.moveaxis(x, 2, 0))
    with pytest.raises(fastscore.UnsupportedModelError, match=r"rows .* must stay apart"):
        fastscore.import_model(model)


def test_products_of_rows_that_are_too_many():
    net = Net()
    x = net("Reshape", "x", net.c([0, 64, 64]))
    net("MatMul", x, x, out="y")
    model = proto(net.nodes, {"x": ("n", 4096)}, ["y"], net.constants)
    with pytest.raises(fastscore.UnsupportedModelError, match=r"\(MatMul\).*are the limit"):
        fastscore.import_model(model)


@pytest.mark.parametrize(
    ("sizes", "new_axis"), [(None, 1), (2, 0), (2, 1), ([1, 3, 2], 0), ([1, 3, 2], 1)]
)
def test_sequences(sizes, new_axis):
    """torch.split, unbind and stack, where an exporter keeps sequences."""
    net = Net()
    h = net.linear("x", 4, 6)
    given = [] if sizes is None else [net.c(sizes)]
    parts = net("SplitToSequence", h, *given, axis=1, **({"keepdims": 0} if sizes is None else {}))
    one = [net("SequenceAt", parts, net.c(at)) for at in (-1, 0, 1)]
    if sizes == [1, 3, 2]:
        one = one[:1] * 3
    stacked = net("SequenceConstruct", *one[:2])
    stacked = net("SequenceInsert", stacked, net("Relu", one[2]), net.c(0))
    found = net("ConcatFromSequence", stacked, axis=1, new_axis=new_axis)
    count = net("Cast", net("SequenceLength", parts), to=FLOAT)
    net("Mul", found, count, out="y")
    check(net, {"x": ("n", 4)}, {"x": rows(4)})


def test_sequences_that_are_refused():
    for nodes, message in (
        ([node("SequenceConstruct", "x x", "s"), node("SequenceAt", "s two", "y")], "no tensor 2"),
        ([node("SequenceConstruct", "x x", "s"), node("Relu", "s", "y")], "is a sequence"),
        ([node("SplitToSequence", "x", "y", axis=0)], "must stay apart"),
        ([node("SplitToSequence", "x", "y", axis=2)], "no axis 2"),
        ([node("SequenceAt", "x two", "y")], "is no sequence"),
    ):
        model = proto(nodes, {"x": ("n", 3)}, ["y"], {"two": np.array(2)})
        with pytest.raises(fastscore.UnsupportedModelError, match=f"node 'the node'.*{message}"):
            fastscore.import_model(model)


def test_constants_of_places():
    """What exporters leave of masks and indices: eye, nonzero, bits."""
    net = Net()
    eye = net("EyeLike", net.c(np.zeros((3, 4)), np.float32), k=1)
    at = net("Transpose", net("NonZero", net.c([[0, 1, 1], [1, 0, 0]])), perm=[1, 0])
    first = net("Gather", net("BitwiseXor", at, net.c([[1, 0]])), net.c(0), axis=1)
    w = net("MatMul", eye, net.w(4, 2))
    net("Gather", net("MatMul", "x", w), first, axis=1, out="y")
    check(net, {"x": ("n", 3)}, {"x": rows(3)})


def test_embeddings_and_normalisations_of_flat_tensors():
    """codes.view(-1), and BatchNorm1d of tokens without their rows."""
    net = Net()
    flat = net("Reshape", "codes", net.c([-1]))
    vectors = net("Reshape", net("Gather", net.w(9, 3), flat), net.c([-1, 4, 3]))
    tokens = net("Reshape", vectors, net.c([-1, 3]))
    variance = net.c([0.5, 1.0, 2.0], np.float32)
    normal = net("BatchNormalization", tokens, net.w(3), net.w(3), net.w(3), variance)
    net("ReduceMax", net("Reshape", normal, net.c([-1, 4, 3])), axes=[1], keepdims=0, out="y")
    codes = np.random.default_rng(0).integers(0, 9, (40, 4))
    check(net, {"codes": ("n", 4)}, {"codes": codes}, opset=17)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("base", [10.0, [0.3, 2.0, 1.0]])
def test_powers_of_constants(base, kind):
    net = Net(kind)
    net("Pow", net.c(base, kind), net("Tanh", "x"), out="y")
    check(net, {"x": ("n", 3)}, {"x": rows(3, dtype=kind)})


def test_powers_that_are_refused():
    for names, message in (("x x", "one must be a constant"), ("c x", "is not above 0")):
        model = proto([node("Pow", names, "y")], {"x": ("n", 3)}, ["y"], {"c": np.float32(-2)})
        with pytest.raises(fastscore.UnsupportedModelError, match=rf"\(Pow\).*{message}"):
            fastscore.import_model(model)


def bags(net, how, *, start="i"):
    """nn.EmbeddingBag of (n, 4) codes, as the older exporter writes it: a loop over the rows."""
    flat = net("Reshape", "codes", net.c([-1]))
    size = net("Size", "codes")
    offsets = net("Range", net.c(0), size, net.c(4))
    length = net("Unsqueeze", net("Size", flat), net.c([0]))
    ends = net("Concat", offsets, length, axis=0)
    begin = net("Slice", ends, net.c([0]), net.c([2**63 - 1]), net.c([0]), net.c([1]))
    stop = net("Slice", ends, net.c([1]), net.c([2**63 - 1]), net.c([0]), net.c([1]))
    table, zero = net.w(9, 3), net.c([0])
    own = {} if how == "ReduceSum" else {"axes": [0]}
    body = helper.make_graph(
        [
            helper.make_node("Gather", [begin, start], ["b0"], axis=0),
            helper.make_node("Gather", [stop, "i"], ["e0"], axis=0),
            helper.make_node("Unsqueeze", ["b0", zero], ["b"]),
            helper.make_node("Unsqueeze", ["e0", zero], ["e"]),
            helper.make_node("Slice", [flat, "b", "e", zero], ["own"]),
            helper.make_node("Gather", [table, "own"], ["vectors"], axis=0),
            helper.make_node(
                how,
                ["vectors", *([zero] if how == "ReduceSum" else [])],
                ["bag"],
                keepdims=0,
                **own,
            ),
            helper.make_node("Identity", ["going"], ["still"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", INT64, []),
            helper.make_tensor_value_info("going", BOOL, []),
        ],
        [
            helper.make_tensor_value_info("still", BOOL, []),
            helper.make_tensor_value_info("bag", FLOAT, [3]),
        ],
    )
    count = net("Squeeze", net("Shape", stop), zero)
    return net("Loop", count, net.c(True, bool), body=body)


@pytest.mark.parametrize("how", ["ReduceSum", "ReduceMean", "ReduceMax"])
def test_bags_of_embeddings(how):
    net = Net()
    net("Identity", net.linear(bags(net, how), 3, 2), out="y")
    codes = np.random.default_rng(0).integers(0, 9, (40, 4))
    check(net, {"codes": ("n", 4)}, {"codes": codes}, opset=17)


def test_loops_that_mix_rows_are_refused():
    net = Net()
    net.constants["first"] = np.array(0)
    net("Identity", bags(net, "ReduceSum", start="first"), out="y")
    model = net.model({"codes": ("n", 4)}, opset=17, kinds={"codes": INT64})
    with pytest.raises(fastscore.UnsupportedModelError, match="node '"):
        fastscore.import_model(model)
    nodes = [node("Loop", "three true x", "y", body=helper.make_graph([], "b", [], []))]
    constants = {"three": np.array(3), "true": np.array(True)}
    model = proto(nodes, {"x": ("n", 3)}, ["y"], constants)
    with pytest.raises(fastscore.UnsupportedModelError, match="only those over the rows"):
        fastscore.import_model(model)
