"""ONNX graphs for tests, and ONNX Runtime on one thread as their oracle."""

from typing import Any

import fastscore
import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

onnxruntime.set_default_logger_severity(4)
FLOAT, DOUBLE, INT64 = TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT64
NEWEST = 25
"""The newest operator set that ONNX Runtime runs."""


def proto(
    nodes: list[Any],
    inputs: dict[str, tuple[Any, ...]],
    outputs: dict[str, Any] | list[str],
    constants: dict[str, Any] | None = None,
    *,
    opset: int = 21,
    ml: int | None = None,
    kind: int = FLOAT,
    kinds: dict[str, int] | None = None,
    ir: int = 8,
) -> onnx.ModelProto:
    """Return a model; an input's shape starts with its rows. Its last node is `the node`."""
    for at, own in enumerate(nodes):
        own.name = "the node" if at == len(nodes) - 1 else f"node {at}"
    kinds = kinds or {}
    graph = helper.make_graph(
        nodes,
        "g",
        [
            helper.make_tensor_value_info(name, kinds.get(name, kind), list(shape))
            for name, shape in inputs.items()
        ],
        [helper.make_tensor_value_info(name, kinds.get(name, kind), None) for name in outputs],
        [numpy_helper.from_array(np.asarray(own), name) for name, own in (constants or {}).items()],
    )
    sets = [helper.make_opsetid("", opset)]
    if ml is not None:
        sets.append(helper.make_opsetid("ai.onnx.ml", ml))
    return helper.make_model(graph, opset_imports=sets, ir_version=ir)


def node(op: str, inputs: str, outputs: str, /, **attributes: Any) -> Any:
    """Return a node; names are separated by blanks, `_` is one that is left out."""
    split = [["" if part == "_" else part for part in own.split()] for own in (inputs, outputs)]
    return helper.make_node(op, *split, **attributes)


def run(model: onnx.ModelProto, **feeds: Any) -> list[Any]:
    """Return what ONNX Runtime gives."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, feeds)


def agree(
    model: onnx.ModelProto,
    x: NDArray[Any],
    *,
    relative: float = 2e-6,
    least: float = 2e-6,
    bits: bool = False,
) -> fastscore.Model:
    """Check our prediction against ONNX Runtime's first output; returns our model."""
    ours = fastscore.import_model(model)
    (want,) = run(model, x=x)
    want = np.asarray(want).reshape(len(x), -1)
    have = ours.predict(x.reshape(len(x), -1).astype(np.float64))
    have = np.asarray(have).reshape(len(x), -1)
    assert have.shape == want.shape
    if bits:
        np.testing.assert_array_equal(have, want)
        same = np.signbit(have) == np.signbit(want)
        assert (same | np.isnan(have)).all()
    else:
        np.testing.assert_allclose(have, want, rtol=relative, atol=least, equal_nan=True)
    return ours


def awkward(dtype: Any = np.float32, columns: int = 3) -> NDArray[Any]:
    """Rows with values that are easily got wrong, without NaN and infinities."""
    tiny = float(np.finfo(dtype).tiny)
    values = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.5, -2.5, 1e-3, -1e-3, tiny, -tiny, 3.0, -3.0]
    values += [20.0, -20.0, 88.0, -88.0, 1e4, -1e4, 0.1, -0.1, 6.0, 0.3, -0.7, 1.5]
    rng = np.random.default_rng(0)
    values += list(rng.normal(size=columns * 8 + (-len(values)) % columns))
    return np.array(values, dtype=dtype)[: len(values) // columns * columns].reshape(-1, columns)
