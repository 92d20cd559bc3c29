"""`verify` of ONNX models: sources, outputs, what is wrong, and the command line."""

import subprocess
import sys

import fastscore
import numpy as np
import onnx
import onnxruntime
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from onnx_support import node, proto, run
from sklearn.datasets import load_breast_cancer, load_diabetes

RNG = np.random.default_rng(0)


def network(seed=0, columns=5, final="Softmax", outputs=3):
    rng = np.random.default_rng(seed)
    constants = {
        "w": rng.normal(size=(columns, 8)).astype(np.float32),
        "b": rng.normal(size=8).astype(np.float32),
        "v": rng.normal(size=(8, outputs)).astype(np.float32),
    }
    nodes = [
        node("Gemm", "x w b", "a"),
        node("Tanh", "a", "t"),
        node("MatMul", "t v", "l"),
        node(final, "l", "y"),
    ]
    return proto(nodes, {"x": ("n", columns)}, ["y"], constants)


X = RNG.normal(size=(200, 5)).astype(np.float32) * 4


def test_every_kind_of_source(tmp_path):
    model = network()
    path = tmp_path / "m.onnx"
    onnx.save(model, path)
    ours = fastscore.load(path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    kept = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    for source in (str(path), path, path.read_bytes(), model, session, kept):
        report = ours.verify(X, source)
        assert report.ok, report
        assert {check.output for check in report.checks} == {"prediction", "probability"}
        assert "ONNX Runtime" in str(report)


def test_a_proto_can_not_be_remembered():
    # Messages of protobuf have no weak references.
    with pytest.raises(ValueError, match="pass it"):
        fastscore.import_model(network()).verify(X)


def test_another_model_is_told():
    ours = fastscore.import_model(network())
    assert not ours.verify(X, network(seed=1)).ok
    with pytest.raises(ValueError, match="columns"):
        ours.verify(X, network(outputs=4))
    with pytest.raises(ValueError, match="can't run it"):
        ours.verify(X, b"\x08\x08")


def test_labels_of_a_graph():
    nodes = [*network().graph.node, node("ArgMax", "y", "z", axis=1, keepdims=0)]
    constants = {own.name: onnx.numpy_helper.to_array(own) for own in network().graph.initializer}
    model = proto(nodes, {"x": ("n", 5)}, ["z", "y"], constants, kinds={"z": 7})
    ours = fastscore.import_model(model)
    report = ours.verify(X, model)
    assert report.ok, report
    labels, shares = run(model, x=X)
    assert ours.predict(X).tolist() == labels.tolist()
    np.testing.assert_allclose(ours.predict_proba(X), shares, atol=1e-6)
    named = fastscore.import_model(model, classes=["a", "b", "c"])
    assert named.verify(X, model).ok
    assert named.predict(X).tolist() == [("abc")[at] for at in labels]
    alone = proto(nodes, {"x": ("n", 5)}, ["z"], constants, kinds={"z": 7})
    assert fastscore.import_model(alone).verify(X, alone).ok


def test_several_outputs():
    constants = {"w": RNG.normal(size=(5, 3)).astype(np.float32)}
    nodes = [
        node("MatMul", "x w", "values"),
        node("ReduceMax", "values", "largest", axes=[1], keepdims=0),
        node("Sigmoid", "largest", "share"),
    ]
    model = proto(nodes, {"x": ("n", 5)}, ["values", "share"], constants, opset=13)
    ours = fastscore.import_model(model)
    assert ours.verify(X, model).ok
    table = ours.predict(pa.table({f"c{i}": X[:, i] for i in range(5)}))
    names = [f"prediction_values_{i}" for i in range(3)]
    assert table.column_names == [*names, "prediction_share"]
    with pytest.raises(ValueError, match="several outputs"):
        fastscore.import_model(model, classes=[0, 1])
    with pytest.raises(ValueError, match="'other'"):
        fastscore.import_model(model, classes={"other": [0, 1]})
    labelled = fastscore.import_model(
        model, classes={"share": ["no", "yes"], "values": ["7", "8", "9"]}
    )
    values, share = run(model, x=X)
    found = labelled.predict(X)
    assert found[:, 0].tolist() == [("789")[at] for at in values.argmax(axis=1)]
    assert found[:, 1].tolist() == np.where(share > 0.5, "yes", "no").tolist()


def test_graphs_for_some_rows_at_a_time():
    for rows in (1, 7):
        model = network()
        model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = rows
        ours = fastscore.import_model(model)
        assert any(f"{rows} row" in note for note in ours.source.notes)
        assert ours.verify(X, model).ok


def test_real_data_in_every_container():
    for data, final, outputs in (
        (load_breast_cancer, "Sigmoid", 1),
        (load_diabetes, "Identity", 2),
    ):
        frame = data(as_frame=True).data
        model = network(columns=frame.shape[1], final=final, outputs=outputs)
        # Standardised within the graph, as exporters are told to.
        mean = frame.mean().to_numpy(dtype=np.float32)
        scale = frame.std().to_numpy(dtype=np.float32)
        model.graph.initializer.append(onnx.numpy_helper.from_array(mean, "mean"))
        model.graph.initializer.append(onnx.numpy_helper.from_array(scale, "scale"))
        model.graph.node[0].input[0] = "s"
        model.graph.node.insert(0, node("Sub", "x mean", "c"))
        model.graph.node.insert(1, node("Div", "c scale", "s"))
        ours = fastscore.import_model(model, features=list(frame.columns))
        want = run(model, x=frame.to_numpy(dtype=np.float32))[0]
        for table in (
            frame,
            pl.from_pandas(frame),
            pa.Table.from_pandas(frame),
            frame[frame.columns[::-1]],
        ):
            found = np.asarray(ours.predict(table))
            np.testing.assert_allclose(found.reshape(want.shape), want, rtol=1e-5, atol=1e-6)
        assert ours.verify(frame, model).ok


def test_the_command_line(tmp_path):
    onnx.save(network(), tmp_path / "m.onnx")
    pd.DataFrame(X, columns=list("abcde")).to_parquet(tmp_path / "rows.parquet")
    for line in (
        "import m.onnx --output m.fscore",
        "verify m.fscore rows.parquet --against m.onnx",
        "verify m.onnx rows.parquet --against m.onnx",
    ):
        done = subprocess.run(
            [sys.executable, "-m", "fastscore", *line.split()],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_without_onnx_runtime(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ImportError, match="pip install onnxruntime"):
        fastscore.import_model(network()).verify(X, network())
