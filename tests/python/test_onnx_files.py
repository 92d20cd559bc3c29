"""ONNX files: told by their content, damaged, hostile, with data beside them; and keywords."""

import os
import subprocess
import sys

import fastscore
import numpy as np
import onnx
import pytest
from fastscore import ModelFormatError, UnsupportedModelError
from onnx import TensorProto, helper, numpy_helper
from onnx_support import FLOAT, INT64, agree, node, proto, run

W = np.random.default_rng(0).normal(size=(3, 2)).astype(np.float32)
X = np.random.default_rng(1).normal(size=(6, 3)).astype(np.float32)


def simple(**changes):
    return proto([node("MatMul", "x w", "y")], {"x": ("n", 3)}, ["y"], {"w": W}, **changes)


def saved(model, path):
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    return path


def test_files_are_told_by_their_content(tmp_path):
    model = simple()
    want = run(model, x=X)[0]
    for name in ("m.onnx", "m.bin", "m"):
        found = fastscore.load(saved(model, tmp_path / name))
        np.testing.assert_allclose(found.predict(X), want, rtol=1e-6, atol=1e-6)
        assert found.source.library == "ONNX"
    again = fastscore.load(tmp_path / "m.onnx")
    again.save(tmp_path / "m.fscore")
    np.testing.assert_array_equal(
        fastscore.load(tmp_path / "m.fscore").predict(X), found.predict(X)
    )


def test_reading_needs_no_library_of_onnx(tmp_path):
    path = saved(simple(), tmp_path / "m.onnx")
    code = (
        "import sys; sys.modules['onnx'] = sys.modules['onnxruntime'] = None; import fastscore;"
        f"print(fastscore.load({str(path)!r}).n_features_in_)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "3"


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("op", ["WeightedMedian", "Quantiles"])
def test_operators_that_only_the_importer_makes_are_refused(op, nested, tmp_path):
    nodes = [helper.make_node(op, ["x"], ["y"], domain="fastscore")]
    if nested:
        output = helper.make_tensor_value_info("y", FLOAT, None)
        body = helper.make_graph(nodes, "branch", [], [output])
        nodes = [helper.make_node("If", ["yes"], ["z"], then_branch=body, else_branch=body)]
    given = {"yes": np.array(True)} if nested else {}
    model = proto(nodes, {"x": ("n", 3)}, ["z" if nested else "y"], given)
    model.opset_import.append(helper.make_opsetid("fastscore", 1))
    for come_by in (fastscore.import_model, lambda own: fastscore.load(saved(own, tmp_path / "m"))):
        with pytest.raises(UnsupportedModelError, match=rf"fastscore\.{op}\).*no operators of"):
            come_by(model)


@pytest.mark.parametrize("data", [b"", b"\x08\x0a", b"\x08\x0a\x3a\x00", b"\x08\x08\x12\x01a\x7f"])
def test_what_is_no_model_is_refused(tmp_path, data):
    with pytest.raises((ModelFormatError, UnsupportedModelError)):
        fastscore.load(saved(data, tmp_path / "m.onnx"))


def test_every_cut_of_a_file_is_refused_or_read(tmp_path):
    data = simple().SerializeToString()
    for end in range(1, len(data)):
        try:
            fastscore.load(saved(data[:end], tmp_path / "m.onnx"))
        except (ModelFormatError, UnsupportedModelError):
            continue


def broken(change):
    model = simple()
    change(model.graph)
    return model


def two_makers(graph):
    graph.node.append(helper.make_node("Relu", ["x"], ["y"], name="again"))


def cycle(graph):
    graph.node[0].input[0] = "z"
    graph.node.append(helper.make_node("Relu", ["y"], ["z"], name="round"))


def unknown(graph):
    graph.node[0].input[0] = "nowhere"


def no_output(graph):
    graph.output[0].name = "nothing"


def two_inputs(graph):
    graph.input.append(graph.input[0])


def two_constants(graph):
    graph.initializer.append(graph.initializer[0])


def short(graph):
    graph.initializer[0].raw_data = graph.initializer[0].raw_data[:-1]


def negative(graph):
    graph.initializer[0].dims[0] = -3


def huge(graph):
    graph.initializer[0].dims[:] = [2**62, 2**62]


def typeless(graph):
    graph.initializer[0].data_type = 99


BROKEN = {
    two_makers: r"node \"again\" makes \"y\"",
    cycle: "cycle",
    unknown: r"node \"the node\" reads \"nowhere\"",
    no_output: r"output \"nothing\"",
    two_inputs: r"two inputs are named \"x\"",
    two_constants: r"two initializers are named \"w\"",
    short: r"tensor \"w\".*23 bytes.*24 are due",
    negative: r"tensor \"w\" has the shape",
    huge: r"tensor \"w\" has the shape",
    typeless: "element type 99",
}


@pytest.mark.parametrize("change", BROKEN, ids=lambda change: change.__name__)
def test_graphs_that_contradict_themselves(change):
    with pytest.raises(ModelFormatError, match=BROKEN[change]):
        fastscore.import_model(broken(change))


def test_nodes_in_any_order():
    nodes = [node("Relu", "a", "y"), node("MatMul", "x w", "a")]
    ours = fastscore.import_model(proto(nodes, {"x": ("n", 3)}, ["y"], {"w": W}))
    np.testing.assert_allclose(ours.predict(X), np.maximum(X @ W, 0), rtol=1e-5, atol=1e-6)


def test_versions_that_are_not_known():
    for opset in (6, 99):
        with pytest.raises(
            UnsupportedModelError, match=f"version {opset} of the operators of ai.onnx"
        ):
            fastscore.import_model(simple(opset=opset))
    with pytest.raises(UnsupportedModelError, match="IR version 99"):
        fastscore.import_model(simple(ir=99))


TYPED = {
    "float_data": (TensorProto.FLOAT, [1.5, -2.0, np.inf]),
    "double_data": (TensorProto.DOUBLE, [1.5, -2.0, np.nan]),
    "int32_data": (TensorProto.INT8, [1, -128, 127]),
    "int64_data": (TensorProto.INT64, [1, -(2**40), 3]),
    "uint64_data": (TensorProto.UINT32, [1, 2**32 - 1, 3]),
}


@pytest.mark.parametrize("field", TYPED)
def test_tensors_in_fields_of_their_type(field):
    kind, values = TYPED[field]
    tensor = TensorProto(dims=[3], data_type=kind, name="c")
    getattr(tensor, field).extend(values)
    model = proto([node("Cast", "c", "f", to=1), node("Add", "x f", "y")], {"x": ("n", 3)}, ["y"])
    model.graph.initializer.append(tensor)
    agree(model, X, bits=True)


def test_half_precision_constants_are_converted():
    half = np.array([1.5, -0.1, 65504.0], dtype=np.float16)
    model = proto(
        [node("Cast", "c", "f", to=1), node("Add", "x f", "y")], {"x": ("n", 3)}, ["y"], {"c": half}
    )
    agree(model, X, bits=True)
    brain = helper.make_tensor("c", TensorProto.BFLOAT16, [3], [1.5, -0.5, 3.0])
    del model.graph.initializer[:]
    model.graph.initializer.append(brain)
    ours = fastscore.import_model(model)
    np.testing.assert_array_equal(ours.predict(X), X + np.array([1.5, -0.5, 3.0], np.float32))


@pytest.mark.parametrize("kind", ["FLOAT8E4M3FN", "INT4", "COMPLEX64"])
def test_other_types_are_refused_by_name(kind):
    tensor = TensorProto(dims=[1], data_type=getattr(TensorProto, kind), name="c", raw_data=b"\0")
    model = proto([node("Cast", "c", "f", to=1), node("Add", "x f", "y")], {"x": ("n", 3)}, ["y"])
    model.graph.initializer.append(tensor)
    with pytest.raises(UnsupportedModelError, match=rf'tensor "c".*{kind.lower()}'):
        fastscore.import_model(model)


def test_sparse_tensors():
    values = helper.make_tensor("w", FLOAT, [2], [1.5, -2.0])
    indices = helper.make_tensor("i", INT64, [2, 2], [0, 1, 2, 0])
    model = proto([node("MatMul", "x w", "y")], {"x": ("n", 3)}, ["y"])
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [3, 2]))
    dense = np.array([[0, 1.5], [0, 0], [-2.0, 0]], dtype=np.float32)
    np.testing.assert_allclose(fastscore.import_model(model).predict(X), X @ dense, atol=1e-6)
    model.graph.sparse_initializer[0].dims[:] = [2**20, 2**20]
    with pytest.raises(UnsupportedModelError, match="sparse"):
        fastscore.import_model(model)


def external(tmp_path, location, **entries):
    """A model in a folder of its own whose weights are said to be elsewhere."""
    folder = tmp_path / "models"
    folder.mkdir(exist_ok=True)
    model = simple()
    tensor = model.graph.initializer[0]
    onnx.external_data_helper.set_external_data(tensor, location=location, **entries)
    tensor.ClearField("raw_data")
    return saved(model, folder / "m.onnx")


def test_external_data(tmp_path):
    path = external(tmp_path, "weights/w.bin", offset=8, length=24)
    (path.parent / "weights").mkdir()
    (path.parent / "weights" / "w.bin").write_bytes(bytes(8) + W.tobytes() + bytes(3))
    np.testing.assert_allclose(fastscore.load(path).predict(X), X @ W, rtol=1e-5, atol=1e-6)
    here = os.getcwd()
    os.chdir(path.parent)
    try:
        assert fastscore.load("m.onnx").n_features_in_ == 3
    finally:
        os.chdir(here)
    with pytest.raises(UnsupportedModelError, match="load the model by its path"):
        fastscore.import_model(onnx.load(path, load_external_data=False))
    np.testing.assert_array_equal(
        fastscore.import_model(onnx.load(path)).predict(X), fastscore.load(path).predict(X)
    )


@pytest.mark.parametrize(
    "location", ["../secret.bin", "a/../../secret.bin", "ABSOLUTE", "link.bin", "dir/s"]
)
def test_external_data_outside_the_folder_is_not_opened(tmp_path, location):
    secret = tmp_path / "secret.bin"
    secret.write_bytes(W.tobytes())
    path = external(tmp_path, str(secret) if location == "ABSOLUTE" else location)
    (path.parent / "a").mkdir()
    (path.parent / "link.bin").symlink_to(secret)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "s").write_bytes(W.tobytes())
    (path.parent / "dir").symlink_to(tmp_path / "other")
    with pytest.raises(ModelFormatError, match="outside the model's folder"):
        fastscore.load(path)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"offset": 4}, "24 bytes from 4"),
        ({"offset": 2**63}, "24 bytes from"),
        ({"length": 23}, "23 bytes of external data, 24 are due"),
        ({"length": 2**62}, "24 are due"),
    ],
)
def test_external_data_that_does_not_fit(tmp_path, entries, message):
    path = external(tmp_path, "w.bin", **entries)
    (path.parent / "w.bin").write_bytes(W.tobytes())
    with pytest.raises(ModelFormatError, match=message):
        fastscore.load(path)


def test_external_data_that_is_missing_or_no_file(tmp_path):
    path = external(tmp_path, "w.bin")
    with pytest.raises(ModelFormatError, match=r'tensor "w".*w.bin'):
        fastscore.load(path)
    os.mkfifo(path.parent / "w.bin")
    with pytest.raises(ModelFormatError, match="no file"):
        fastscore.load(path)


def test_external_data_claimed_over_and_over(tmp_path):
    path = external(tmp_path, "w.bin")
    (path.parent / "w.bin").write_bytes(W.tobytes())
    model = onnx.load(path, load_external_data=False)
    for at in range(9):
        again = model.graph.initializer.add()
        again.CopyFrom(model.graph.initializer[0])
        again.name = f"w{at}"
    with pytest.raises(ModelFormatError, match="more than 4 times"):
        fastscore.load(saved(model, path))


def function_model(*bodies, calls):
    """A model with local functions f0, f1, ... of one input and output."""
    model = proto([helper.make_node(calls, ["x"], ["y"], domain="own")], {"x": ("n", 3)}, ["y"])
    model.opset_import.append(helper.make_opsetid("own", 1))
    for at, nodes in enumerate(bodies):
        sets = [helper.make_opsetid("", 21), helper.make_opsetid("own", 1)]
        model.functions.append(
            helper.make_function("own", f"f{at}", ["a"], ["b"], nodes, sets, ["slope"])
        )
    return model


def test_functions_are_inlined():
    inner = helper.make_node("LeakyRelu", ["t"], ["b"])
    attribute = inner.attribute.add()
    attribute.name, attribute.ref_attr_name, attribute.type = "alpha", "slope", 1
    model = function_model([helper.make_node("Neg", ["a"], ["t"]), inner], calls="f0")
    agree(model, X)
    model.graph.node[0].attribute.append(helper.make_attribute("slope", 0.5))
    agree(model, X)


def test_functions_of_another_version_of_the_operators():
    """As version 11 has it, a softmax is over all that is behind its axis."""
    softmax = helper.make_node("Softmax", ["a"], ["b"], axis=1)
    call = helper.make_node("f0", ["x"], ["y"], domain="own")
    model = proto([call], {"x": ("n", 2, 2)}, ["y"])
    model.opset_import.append(helper.make_opsetid("own", 1))
    sets = [helper.make_opsetid("", 11)]
    model.functions.append(helper.make_function("own", "f0", ["a"], ["b"], [softmax], sets))
    x = np.arange(12, dtype=np.float32).reshape(-1, 2, 2)
    ours = fastscore.import_model(model).predict(x.reshape(-1, 4).astype(np.float64))
    shares = np.exp(x.reshape(-1, 4) - x.reshape(-1, 4).max(axis=1, keepdims=True))
    want = shares / shares.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(ours.reshape(-1, 4), want, rtol=1e-6)
    model.functions[0].opset_import[0].version = 5
    with pytest.raises(UnsupportedModelError, match="version 5 of the operators"):
        fastscore.import_model(model)


def test_functions_that_call_themselves_or_grow_without_end():
    call = helper.make_node
    endless = function_model([call("f0", ["a"], ["b"], domain="own")], calls="f0")
    with pytest.raises(ModelFormatError, match="calls itself"):
        fastscore.import_model(endless)
    bodies = [[call("Neg", ["a"], ["b"])]]
    for at in range(20):
        twice = [
            call(f"f{at}", ["a"], ["t"], domain="own"),
            call(f"f{at}", ["t"], ["b"], domain="own"),
        ]
        bodies.append(twice)
    with pytest.raises(UnsupportedModelError, match="functions inlined"):
        fastscore.import_model(function_model(*bodies, calls="f20"))


def test_graphs_within_graphs():
    graph = helper.make_graph([], "g", [], [helper.make_tensor_value_info("q", FLOAT, None)])
    graph.node.append(helper.make_node("Relu", ["x"], ["q"]))
    for _ in range(10):
        outer = helper.make_graph([], "g", [], [helper.make_tensor_value_info("q", FLOAT, None)])
        outer.node.append(
            helper.make_node("If", ["c"], ["q"], then_branch=graph, else_branch=graph)
        )
        graph = outer
    model = proto(list(graph.node), {"x": ("n", 3)}, ["q"], {"c": np.array(True)})
    agree(model, X)


BOMBS = {
    "ConstantOfShape": (
        [node("ConstantOfShape", "big", "c"), node("Add", "x c", "y")],
        [2**31, 2**31],
    ),
    "Expand": ([node("Expand", "one", "c"), node("Add", "x c", "y")], [2**40, 3]),
    "Range": ([node("Range", "zero big step", "c"), node("Add", "x c", "y")], 2**50),
    "Tile": ([node("Tile", "x big", "y")], [1, 2**40]),
    "outer": ([node("Expand", "x big", "y")], [1, 2**22, 3]),
}


@pytest.mark.parametrize("what", BOMBS)
def test_constants_that_grow_beyond_all_measure(what):
    nodes, big = BOMBS[what]
    names = {"Expand": "one big", "outer": "x big", "ConstantOfShape": "big"}
    if what == "Expand":
        nodes = [node("Expand", names[what], "c"), node("Add", "x c", "y")]
    constants = {
        "big": np.array(big),
        "one": np.ones(1, np.float32),
        "zero": np.array(0),
        "step": np.array(1),
    }
    with pytest.raises(UnsupportedModelError, match="node '"):
        fastscore.import_model(proto(nodes, {"x": ("n", 3)}, ["y"], constants))


def test_features_and_classes():
    model = simple()
    named = fastscore.import_model(model, features=["a", "b", "c"])
    assert named.feature_names_in_.tolist() == ["a", "b", "c"]
    with pytest.raises(ValueError, match="features"):
        fastscore.import_model(model, features=["a", "b"])
    labelled = fastscore.import_model(model, classes=["no", "yes"])
    want = run(model, x=X)[0].argmax(axis=1)
    assert labelled.predict(X).tolist() == [["no", "yes"][at] for at in want]
    with pytest.raises(ValueError, match=r"3 labels.*2 classes"):
        fastscore.import_model(model, classes=[1, 2, 3])
    one = proto([node("MatMul", "x v", "y")], {"x": ("n", 3)}, ["y"], {"v": W[:, :1]})
    with pytest.raises(ValueError, match="ends in a sigmoid or has a column a class"):
        fastscore.import_model(one, classes=[0, 1])
    with pytest.raises(ValueError, match="iterations= does not apply to an ONNX model"):
        fastscore.import_model(model, iterations=3)


def test_an_unstated_number_of_features_is_that_of_their_names():
    model = proto([node("Relu", "x", "y")], {"x": ("n", "f")}, ["y"])
    with pytest.raises(UnsupportedModelError, match="features="):
        fastscore.import_model(model)
    assert fastscore.import_model(model, features=["a", "b"]).n_features_in_ == 2


def test_several_inputs_name_the_features():
    nodes = [node("Concat", "a b", "c", axis=1), node("MatMul", "c w", "y")]
    model = proto(nodes, {"a": ("n", 1), "b": ("n", 2)}, ["y"], {"w": W})
    ours = fastscore.import_model(model)
    assert ours.feature_names_in_.tolist() == ["a", "b_0", "b_1"]
    want = run(model, a=X[:, :1], b=X[:, 1:])[0]
    np.testing.assert_allclose(ours.predict(X), want, rtol=1e-6, atol=1e-6)


def test_outputs_that_are_no_scores():
    constant = proto([node("Identity", "w", "y")], {"x": ("n", 3)}, ["y"], {"w": W})
    with pytest.raises(UnsupportedModelError, match=r"output 'y'.*same for all rows"):
        fastscore.import_model(constant)
    shape = proto([node("Shape", "x", "y")], {"x": ("n", 3)}, ["y"], kinds={"y": INT64})
    with pytest.raises(UnsupportedModelError, match="output 'y'"):
        fastscore.import_model(shape)


def test_an_input_as_it_is():
    model = proto([node("Identity", "x", "y")], {"x": ("n", 3)}, ["y"], kind=TensorProto.DOUBLE)
    wide = X.astype(np.float64) / 3
    np.testing.assert_array_equal(fastscore.import_model(model).predict(wide), wide)


def test_attributes_of_the_wrong_type():
    model = simple()
    model.graph.node[0].op_type = "Softmax"
    del model.graph.node[0].input[1:]
    model.graph.node[0].attribute.append(helper.make_attribute("axis", "one"))
    with pytest.raises(UnsupportedModelError, match=r"node 'the node'.*'axis'"):
        fastscore.import_model(model)


def test_initialisers_that_are_inputs_too():
    model = simple(ir=3)
    tensor = numpy_helper.to_array(model.graph.initializer[0])
    model.graph.input.append(helper.make_tensor_value_info("w", FLOAT, list(tensor.shape)))
    agree(model, X)
