"""Networks node by node, as PyTorch's exporters write them."""

from typing import Any

import numpy as np
from onnx import helper
from onnx_support import node, proto


class Net:
    """Nodes in the making; each call gives the name of what it adds."""

    def __init__(self, kind=np.float32, seed=0):
        self.rng = np.random.default_rng(seed)
        self.kind, self.nodes, self.constants, self.count = np.dtype(kind), [], {}, 0

    def w(self, *shape):
        """Add weights."""
        return self.c(self.rng.normal(size=shape) * 0.6, self.kind)

    def c(self, values, dtype=np.int64):
        """Add a constant."""
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(values, dtype=dtype)
        return name

    def __call__(self, op, *inputs, out=None, **attributes):
        """Add a node, returns its output."""
        self.count += 1
        name = out or f"v{self.count}"
        self.nodes.append(node(op, " ".join(inputs), name, **attributes))
        return name

    def linear(self, x, into, out):
        """Add nn.Linear of tensors of any rank."""
        return self("Add", self("MatMul", x, self.w(into, out)), self.w(out))

    def model(
        self,
        inputs: dict[str, tuple[Any, ...]],
        outputs: Any = ("y",),
        *,
        opset: int = 18,
        kinds: dict[str, int] | None = None,
    ) -> Any:
        """Return the model."""
        kind = helper.np_dtype_to_tensor_dtype(self.kind)
        return proto(
            self.nodes, inputs, list(outputs), self.constants, opset=opset, kind=kind, kinds=kinds
        )


def attention(net, x, tokens, width, heads, how):
    """Self-attention: as rtdl writes it, heads beside rows, or as nn.MultiheadAttention does."""
    each = width // heads
    if how == "sdpa":
        q, k, v = (
            net(
                "Transpose",
                net("Reshape", net.linear(x, width, width), net.c([0, 0, heads, each])),
                perm=[0, 2, 1, 3],
            )
            for _ in range(3)
        )
        scores = net("MatMul", q, net("Transpose", k, perm=[0, 1, 3, 2]))
        shares = net("Softmax", net("Mul", scores, net.c(each**-0.5, net.kind)), axis=-1)
        mixed = net("Transpose", net("MatMul", shares, v), perm=[0, 2, 1, 3])
        return net.linear(net("Reshape", mixed, net.c([0, 0, width])), width, width)
    if how == "beside":  # (rows * heads, tokens, each)
        q, k, v = (
            net(
                "Reshape",
                net(
                    "Transpose",
                    net("Reshape", net.linear(x, width, width), net.c([-1, tokens, heads, each])),
                    perm=[0, 2, 1, 3],
                ),
                net.c([-1, tokens, each]),
            )
            for _ in range(3)
        )
        scores = net("MatMul", q, net("Transpose", k, perm=[0, 2, 1]))
        shares = net("Softmax", net("Div", scores, net.c(each**0.5, net.kind)), axis=2)
        mixed = net("Reshape", net("MatMul", shares, v), net.c([-1, heads, tokens, each]))
        mixed = net(
            "Reshape", net("Transpose", mixed, perm=[0, 2, 1, 3]), net.c([-1, tokens, width])
        )
        return net.linear(mixed, width, width)
    # (tokens, rows, width), then (rows * heads, tokens, each), the last product flat.
    first = net("Transpose", x, perm=[1, 0, 2])
    packed = net("Add", net("MatMul", first, net.w(width, 3 * width)), net.w(3 * width))
    packed = net("Reshape", packed, net.c([tokens, -1, 3, width]))
    packed = net("Transpose", net("Unsqueeze", packed, net.c([0])), perm=[3, 1, 2, 0, 4])
    packed = net("Squeeze", packed, net.c([3]))
    parts = [net("Gather", packed, net.c(at), axis=0) for at in range(3)]
    q, k, v = (
        net("Transpose", net("Reshape", part, net.c([tokens, -1, each])), perm=[1, 0, 2])
        for part in parts
    )
    q, k, v = (net("Reshape", part, net.c([-1, heads, tokens, each])) for part in (q, k, v))
    scale = net("Sqrt", net.c(each**-0.5, net.kind))
    turned = net("Mul", net("Transpose", k, perm=[0, 1, 3, 2]), scale)
    shares = net("Softmax", net("MatMul", net("Mul", q, scale), turned), axis=-1)
    mixed = net("Transpose", net("MatMul", shares, v), perm=[2, 0, 1, 3])
    flat = net("Reshape", mixed, net.c([-1, width]))
    flat = net("Gemm", flat, net.w(width, width), net.w(width), transB=1)
    return net("Transpose", net("Reshape", flat, net.c([tokens, -1, width])), perm=[1, 0, 2])


def transformer(net, how, heads):
    """FT-Transformer: a token a column and one in front, whose last value is read."""
    features, width, tokens = 4, 6, 5
    x = net("Mul", net("Unsqueeze", "x", net.c([2])), net.w(features, width))
    x = net("Add", x, net.w(features, width))
    shape = net("Concat", net("Shape", "x", start=0, end=1), net.c([1, width]), axis=0)
    front = net("Expand", net.w(1, 1, width), shape)
    x = net("Concat", front, x, axis=1)
    for _ in range(2):
        normal = net("LayerNormalization", x, net.w(width), net.w(width))
        x = net("Add", x, attention(net, normal, tokens, width, heads, how))
        inner = net("Relu", net.linear(x, width, 8))
        x = net("Add", x, net.linear(inner, 8, width))
    first = net("Gather", x, net.c(0), axis=1)
    net.linear(first, width, 2)
    net("Identity", f"v{net.count}", out="y")


def experts(net, op):
    """A mixture of three networks, by a softmax with a temperature."""
    gate = net("Softmax", net("Div", net.linear("x", 5, 3), net.c(0.7, net.kind)), axis=-1)
    parts = [net("Tanh", net.linear("x", 5, 4)) for _ in range(3)]
    stacked = net("Concat", *(net("Unsqueeze", own, net.c([1])) for own in parts), axis=1)
    if op == "bmm":
        product = net("MatMul", net("Unsqueeze", gate, net.c([1])), stacked)
        net("Squeeze", product, net.c([1]), out="y")
    else:
        net("Einsum", gate, stacked, equation="be,beo->bo", out="y")
