"""ONNX Runtime, with models from the usual converters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cases import Case

from rivals.base import ALL, Engine, Ready, cached, float32

OPSETS = {"": 15, "ai.onnx.ml": 3}


def convert_pipeline(case: Case, path: Path) -> None:
    """A pipeline takes a tensor a column: float32, or strings."""
    import skl2onnx
    from lightgbm import LGBMClassifier
    from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType
    from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes

    skl2onnx.update_registered_converter(
        LGBMClassifier,
        "LightGbmLGBMClassifier",
        calculate_linear_classifier_output_shapes,
        convert_lightgbm,
        options={"nocl": [True, False], "zipmap": [True, False, "columns"]},
    )
    inputs = [
        (name, (StringTensorType if is_text(column) else FloatTensorType)([None, 1]))
        for name, column in case.x[:1].items()
    ]
    model = case.model
    options = {id(model): {"zipmap": False}}
    graph = skl2onnx.to_onnx(model, initial_types=inputs, options=options, target_opset=OPSETS)
    path.write_bytes(graph.SerializeToString())


def is_text(column: Any) -> bool:
    return column.dtype.kind not in "fiub"


def tensors(frame: Any) -> dict[str, Any]:
    return {
        name: (column.to_numpy(object) if is_text(column) else column.to_numpy("float32"))[:, None]
        for name, column in frame.items()
    }


def convert_network(case: Case, path: Path) -> None:
    """Gemm and an activation a layer, as exporters write them."""
    from onnx import TensorProto, checker, helper, numpy_helper

    layers = case.model.layers
    nodes, weights, value = [], [], "x"
    for i, layer in enumerate(layers):
        for part, array in zip("WB", layer.get_weights(), strict=True):
            weights.append(numpy_helper.from_array(array, f"{part}{i}"))
        nodes.append(helper.make_node("Gemm", [value, f"W{i}", f"B{i}"], [f"z{i}"]))
        name = layer.activation.__name__.capitalize()
        value = "y" if layer is layers[-1] else f"y{i}"
        nodes.append(helper.make_node(name, [f"z{i}"], [value]))
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, shape[-1]])
        for name, shape in (("x", case.model.input_shape), ("y", case.model.output_shape))
    ]
    graph = helper.make_graph(nodes, "network", ends[:1], ends[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    checker.check_model(model)
    path.write_bytes(model.SerializeToString())


def convert(case: Case, path: Path) -> None:
    if case.family in {"pipeline", "network"}:
        (convert_pipeline if case.family == "pipeline" else convert_network)(case, path)
        return
    model = case.model
    if case.family == "catboost":
        model.save_model(path, format="onnx")
        return
    if case.family in {"lightgbm", "xgboost"}:
        import onnxmltools
        from onnxmltools.convert.common.data_types import FloatTensorType

        inputs = [("x", FloatTensorType([None, case.x.shape[1]]))]
        if case.family == "lightgbm":
            graph = onnxmltools.convert_lightgbm(model, initial_types=inputs, zipmap=False)
        else:
            graph = onnxmltools.convert_xgboost(model, initial_types=inputs)
    else:
        import skl2onnx

        options = {"zipmap": False} if case.output in {"margin", "probability"} else None
        graph = skl2onnx.to_onnx(model, float32(case.x[:1]), options=options, target_opset=OPSETS)
    path.write_bytes(graph.SerializeToString())


def without_link(path: Path) -> bytes:
    """Return the model with the link taken off: its last columns are margins."""
    import onnx

    graph = onnx.load(path)
    for node in graph.graph.node:
        for attribute in node.attribute:
            if node.op_type.startswith("TreeEnsemble") and attribute.name == "post_transform":
                attribute.s = b"NONE"
    return graph.SerializeToString()


def prepare(case: Case, threads: int) -> Ready:
    import onnxruntime

    path, built = cached(case, ".onnx", lambda path: convert(case, path))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    graph = without_link(path) if case.output == "margin" else path.read_bytes()
    session = onnxruntime.InferenceSession(graph, options, ["CPUExecutionProvider"])
    # Labels come first, then scores.
    outputs = [session.get_outputs()[-1].name]

    if case.family == "pipeline":
        return Ready(lambda x: session.run(outputs, x)[0], tensors, built=built)
    (source,) = [i.name for i in session.get_inputs()]

    # The converter's scores of an isolation forest are `decision_function`.
    offset = case.model.offset_ if case.family == "isolation" else None

    def score(x: Any) -> Any:
        scores = session.run(outputs, {source: x})[0]
        return scores if offset is None else scores + offset

    return Ready(score, float32, built=built)


ENGINES = [Engine("ONNX Runtime", "onnxruntime", ALL, prepare)]
