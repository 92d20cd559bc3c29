"""Graphs that PyTorch's two exporters wrote (tests/golden/make_onnx.py), with PyTorch's outputs."""

import json
from pathlib import Path

import fastscore
import numpy as np
import onnx
import pytest
from onnx_support import run

FOLDER = Path(__file__).parents[1] / "golden" / "onnx"
EXPECTED = json.loads((FOLDER / "expected.json").read_text())["models"]
FILES = [(name, file) for name, own in EXPECTED.items() for file in own["files"]]


@pytest.mark.parametrize(("name", "file"), FILES, ids=[file for _, file in FILES])
def test_outputs_are_pytorchs(name, file):
    own = EXPECTED[name]
    model = fastscore.load(FOLDER / file)
    rows = np.array(own["rows"])
    found = model.predict(rows)
    parts = found if isinstance(found, list) else [found]
    have = np.hstack([np.asarray(part).reshape(len(rows), -1) for part in parts])
    tolerance = 1e-12 if name == "double" else 3e-6
    np.testing.assert_allclose(have, np.hstack(own["outputs"]), rtol=tolerance, atol=tolerance)


def test_exporters_wrote_most_modules():
    for how in ("dynamo_any", "script_any"):
        assert sum(how in file for _, file in FILES) >= 38, how


def test_graphs_for_one_row_say_so():
    model = fastscore.load(FOLDER / "torch_linear_script_one.onnx")
    assert "made for 1 row" in str(model.source.notes)
    rows = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)
    proto = onnx.load(FOLDER / "torch_linear_script_one.onnx")
    want = np.vstack([run(proto, x=rows[i : i + 1])[0] for i in range(9)])
    np.testing.assert_allclose(model.predict(rows), want, rtol=1e-6, atol=1e-6)


def test_products_take_in_biases_and_normalisations():
    for how in ("dynamo_any", "script_any"):
        model = fastscore.load(FOLDER / f"torch_batch_norm_{how}.onnx")
        steps = json.loads(model._core.spec)["steps"]
        ops = [step.get("kind", {}).get("name") or step["op"] for step in steps]
        assert ops == ["linear", "relu", "linear"], how


def test_softmax_and_sigmoid_at_the_end_are_probabilities():
    rows = np.array(EXPECTED["classifier"]["rows"])
    model = fastscore.load(FOLDER / "torch_classifier_dynamo_any.onnx")
    np.testing.assert_array_equal(model.predict_proba(rows), model.predict(rows))
    labelled = fastscore.load(FOLDER / "torch_classifier_dynamo_any.onnx", classes=["a", "b", "c"])
    want = np.array(EXPECTED["classifier"]["outputs"][0])
    assert labelled.predict(rows).tolist() == [("abc")[i] for i in want.argmax(axis=1)]
    margin = labelled.margin(rows)
    shares = np.exp(margin - margin.max(axis=1, keepdims=True))
    np.testing.assert_allclose(shares / shares.sum(axis=1, keepdims=True), want, atol=1e-6)
    rows = np.array(EXPECTED["binary"]["rows"])
    binary = fastscore.load(FOLDER / "torch_binary_script_any.onnx", classes=[10, 20])
    p = np.array(EXPECTED["binary"]["outputs"][0])
    np.testing.assert_allclose(binary.predict_proba(rows), np.hstack([1 - p, p]), atol=1e-6)
    assert binary.predict(rows).tolist() == np.where(p[:, 0] > 0.5, 20, 10).tolist()
    assert binary.margin(rows).shape == (len(rows),)
