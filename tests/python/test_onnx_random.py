"""Random dense graphs of ONNX, against ONNX Runtime within the bound that `verify` promises."""

from typing import Any

import fastscore
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx_support import node, proto

ACTIVATIONS = ["Relu", "Tanh", "Sigmoid", "Elu", "LeakyRelu", "Softplus", "Gelu", "Selu"]
ACTIVATIONS += ["HardSwish", "Mish", "Softsign", "Abs", "Neg", "Erf"]


class Random:
    """A graph in the making: values of shape (n, width) by name."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.rng = np.random.default_rng(draw(st.integers(0, 2**32)))
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}
        self.values = {"x": 4}

    def constant(self, *shape: int, low: float = -1.0) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = self.rng.uniform(low, 1.0, shape).astype(np.float32)
        return name

    def numbers(self, *values: int) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = np.array(values, dtype=np.int64)
        return name

    def pick(self) -> str:
        return str(self.draw(st.sampled_from(sorted(self.values))))

    def add(self, op: str, inputs: str, width: int | None = None, **attributes: Any) -> str:
        name = f"v{len(self.nodes)}"
        self.nodes.append(node(op, inputs, name, **attributes))
        if width is not None:
            self.values[name] = width
        return name

    def step(self) -> None:
        kinds = ["product", "gemm", "activation", "norm", "batch", "sum", "concat", "softmax"]
        kinds += ["slice", "gate", "cube", "reduced", "scaled"]
        kind = self.draw(st.sampled_from(kinds))
        x = self.pick()
        width = self.values[x]
        if kind == "product":
            out = self.draw(st.integers(1, 9))
            product = self.add("MatMul", f"{x} {self.constant(width, out)}")
            self.add("Add", f"{product} {self.constant(out)}", out)
        elif kind == "gemm":
            out = self.draw(st.integers(1, 9))
            self.add("Gemm", f"{x} {self.constant(out, width)} {self.constant(out)}", out, transB=1)
        elif kind == "activation":
            self.add(self.draw(st.sampled_from(ACTIVATIONS)), x, width)
        elif kind == "norm":
            scale, shift = self.constant(width), self.constant(width)
            self.add("LayerNormalization", f"{x} {scale} {shift}", width, epsilon=0.1)
        elif kind == "batch":
            parts = [self.constant(width), self.constant(width), self.constant(width)]
            parts.append(self.constant(width, low=0.2))
            self.add("BatchNormalization", " ".join([x, *parts]), width)
        elif kind == "sum":
            same = [name for name, own in self.values.items() if own in (width, 1)]
            other = self.draw(st.sampled_from(same))
            op = self.draw(st.sampled_from(["Add", "Sub", "Max", "Min"]))
            self.add(op, f"{x} {other}", width)
        elif kind == "gate":
            gate = self.add("Sigmoid", x, width)
            self.add("Mul", f"{x} {gate}", width)
        elif kind == "concat":
            other = self.pick()
            self.add("Concat", f"{x} {other}", width + self.values[other], axis=1)
        elif kind == "softmax":
            self.add(self.draw(st.sampled_from(["Softmax", "LogSoftmax"])), x, width, axis=-1)
        elif kind == "slice":
            start = self.draw(st.integers(0, width - 1))
            bounds = f"{self.numbers(start)} {self.numbers(width)} {self.numbers(1)}"
            self.add("Slice", f"{x} {bounds}", width - start)
        elif kind == "cube" and width % 2 == 0:
            cube = self.add("Reshape", f"{x} {self.numbers(0, 2, width // 2)}")
            turned = self.add("Transpose", cube, perm=[0, 2, 1])
            mixed = self.add("MatMul", f"{turned} {self.constant(2, 2)}")
            self.add("Reshape", f"{mixed} {self.numbers(-1, width)}", width)
        elif kind == "reduced":
            op = self.draw(st.sampled_from(["ReduceMean", "ReduceMax", "ReduceSum", "ReduceL2"]))
            self.add(op, f"{x} {self.numbers(1)}", 1, keepdims=1)
        else:
            op = self.draw(st.sampled_from(["Add", "Mul", "Sub"]))
            self.add(op, f"{x} {self.constant(1, width)}", width)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_random_graphs(data):
    graph = Random(data.draw)
    for _ in range(data.draw(st.integers(1, 9))):
        graph.step()
    last = list(graph.values)[-1]
    graph.add("Identity", last)
    model = proto(graph.nodes, {"x": ("n", 4)}, [f"v{len(graph.nodes) - 1}"], graph.constants)
    x = graph.rng.normal(size=(33, 4)).astype(np.float32) * 3
    report = fastscore.import_model(model).verify(x, model)
    assert report.ok, report
