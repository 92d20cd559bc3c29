"""Makes tests/golden/onnx: graphs as PyTorch's two exporters write them, with PyTorch's outputs.

Not run by the tests, which need no PyTorch. Made with torch 2.9.1, onnxscript 0.7.2, onnx 1.23.2:

    python tests/golden/make_onnx.py
"""

import json
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

FOLDER = Path(__file__).parent / "onnx"
ROWS = 5
ACTIVATIONS = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "prelu": lambda: nn.PReLU(6),
    "elu": nn.ELU,
    "selu": nn.SELU,
    "celu": lambda: nn.CELU(1.5),
    "gelu": nn.GELU,
    "gelu_tanh": lambda: nn.GELU(approximate="tanh"),
    "silu": nn.SiLU,
    "mish": nn.Mish,
    "softplus": nn.Softplus,
    "softsign": nn.Softsign,
    "sigmoid": nn.Sigmoid,
    "hardsigmoid": nn.Hardsigmoid,
    "hardswish": nn.Hardswish,
    "tanh": nn.Tanh,
    "logsigmoid": nn.LogSigmoid,
    "hardtanh": nn.Hardtanh,
    "relu6": nn.ReLU6,
    "tanhshrink": nn.Tanhshrink,
    "softshrink": nn.Softshrink,
    "hardshrink": nn.Hardshrink,
    "threshold": lambda: nn.Threshold(0.1, 0.0),
    "glu": lambda: nn.GLU(dim=1),
    "rrelu": nn.RReLU,
}


class Residual(nn.Module):
    """Two layers around a sum."""

    def __init__(self, norm):
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.norm = norm
        self.second = nn.Linear(4, 4)
        self.head = nn.Linear(4, 1)

    def forward(self, x):
        return self.head(x + self.second(torch.relu(self.norm(self.first(x))))).squeeze(-1)


class Tabular(nn.Module):
    """Embeddings of codes beside numbers."""

    def __init__(self):
        super().__init__()
        self.tables = nn.ModuleList([nn.Embedding(5, 3), nn.Embedding(7, 2)])
        self.norm = nn.BatchNorm1d(4)
        self.layers = nn.Sequential(nn.Linear(9, 8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 3))

    def forward(self, numbers, codes):
        parts = [table(codes[:, i]) for i, table in enumerate(self.tables)]
        return self.layers(torch.cat([self.norm(numbers), *parts], dim=1))


class Heads(nn.Module):
    """Two outputs of one trunk."""

    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(4, 8), nn.SiLU())
        self.price = nn.Linear(8, 1)
        self.kind = nn.Linear(8, 3)

    def forward(self, x):
        h = self.trunk(x)
        return self.price(h), torch.softmax(self.kind(h), dim=-1)


class Tokens(nn.Module):
    """Every column a token of its own (FT-Transformer without attention), reshaped by its batch."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 3))
        self.bias = nn.Parameter(torch.randn(4, 3))
        self.norm = nn.LayerNorm(3)
        self.mix = nn.Linear(3, 3)
        self.head = nn.Linear(12, 2)

    def forward(self, x):
        tokens = x.unsqueeze(-1) * self.weight + self.bias
        tokens = tokens + torch.nn.functional.gelu(self.mix(self.norm(tokens)))
        return self.head(tokens.reshape(x.shape[0], -1))


class Mean(nn.Module):
    """Reductions, a token in front of the others, and a product of parts."""

    def __init__(self):
        super().__init__()
        self.token = nn.Parameter(torch.randn(1, 1, 2))
        self.head = nn.Linear(2, 2)

    def forward(self, x):
        parts = x.view(-1, 2, 2)
        parts = torch.cat([self.token.expand(x.size(0), -1, -1), parts], dim=1)
        pooled = parts.mean(dim=1) + parts.amax(dim=1)
        return torch.log_softmax(self.head(pooled * torch.sigmoid(pooled)), dim=1)


class Cross(nn.Module):
    """A cross network (DCN v2) and a factorisation of pairs."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 4) for _ in range(2)])
        self.factors = nn.Parameter(torch.randn(4, 3))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        y = x
        for layer in self.layers:
            y = x * layer(y) + y
        pairs = (x @ self.factors) ** 2 - (x**2) @ (self.factors**2)
        return torch.sigmoid(
            y.sum(dim=1, keepdim=True) + 0.5 * pairs.sum(1, keepdim=True) + self.bias
        )


def modules():
    """Name -> module and the shapes (or numbers of codes) of its inputs."""
    found = {}
    for name, made in ACTIVATIONS.items():
        width = 3 if name == "glu" else 6
        found[f"act_{name}"] = (nn.Sequential(nn.Linear(4, 6), made(), nn.Linear(width, 2)), [4])
    found["linear"] = (nn.Linear(4, 3), [4])
    found["linear_no_bias"] = (nn.Linear(4, 1, bias=False), [4])
    found["batch_norm"] = (
        nn.Sequential(
            nn.BatchNorm1d(4), nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 1)
        ),
        [4],
    )
    found["layer_norm"] = (nn.Sequential(nn.Linear(4, 6), nn.LayerNorm(6), nn.Linear(6, 2)), [4])
    found["rms_norm"] = (nn.Sequential(nn.Linear(4, 6), nn.RMSNorm(6), nn.Linear(6, 2)), [4])
    found["group_norm"] = (nn.Sequential(nn.Linear(4, 6), nn.GroupNorm(2, 6), nn.Linear(6, 2)), [4])
    found["residual_batch"] = (Residual(nn.BatchNorm1d(4)), [4])
    found["residual_layer"] = (Residual(nn.LayerNorm(4)), [4])
    found["classifier"] = (
        nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 3), nn.Softmax(dim=1)),
        [4],
    )
    found["binary"] = (
        nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1), nn.Sigmoid()),
        [4],
    )
    found["double"] = (nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 2)).double(), [4])
    found["flatten"] = (nn.Sequential(nn.Flatten(), nn.Linear(6, 2)), [(2, 3)])
    found["tabular"] = (Tabular(), [4, ("codes", 5, 7)])
    found["heads"] = (Heads(), [4])
    found["tokens"] = (Tokens(), [4])
    found["mean"] = (Mean(), [4])
    found["cross"] = (Cross(), [4])
    return found


def example(shape, dtype, generator):
    """Values for an input."""
    if isinstance(shape, tuple) and shape[0] == "codes":
        parts = [torch.randint(0, most, (ROWS, 1), generator=generator) for most in shape[1:]]
        return torch.cat(parts, dim=1)
    own = (shape,) if isinstance(shape, int) else shape
    return torch.randn((ROWS, *own), generator=generator, dtype=dtype) * 2.0


def trained(module, inputs):
    """Give normalisations something to do."""
    module.train()
    with torch.no_grad():
        module(*inputs)
        for own in module.modules():
            if getattr(own, "weight", None) is not None and "Norm" in type(own).__name__:
                own.weight.uniform_(0.5, 1.5)
                if getattr(own, "bias", None) is not None:
                    own.bias.uniform_(-0.5, 0.5)
    module.eval()


def export(module, inputs, path, how, batch):
    """Write one graph."""
    names = [f"x{i}" for i in range(len(inputs))] if len(inputs) > 1 else ["x"]
    keywords = {"input_names": names, "dynamo": how == "dynamo"}
    if how == "dynamo":
        if batch == "any":
            dim = torch.export.Dim("batch")
            keywords["dynamic_shapes"] = tuple({0: dim} for _ in inputs)
        keywords["external_data"] = False
    else:
        if batch == "any":
            outputs = module(*inputs)
            count = len(outputs) if isinstance(outputs, tuple) else 1
            keywords["output_names"] = [f"y{i}" for i in range(count)] if count > 1 else ["y"]
            dynamic = [*names, *keywords["output_names"]]
            keywords["dynamic_axes"] = {name: {0: "batch"} for name in dynamic}
        keywords["opset_version"] = 11 if how == "script11" else 17
    given = inputs if batch == "any" else tuple(own[:1] for own in inputs)
    torch.onnx.export(module, given, str(path), **keywords)
    proto = onnx.load(path)
    for node in proto.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in [*proto.graph.value_info, *proto.graph.input, *proto.graph.output]:
        del value.metadata_props[:]
    del proto.graph.metadata_props[:]
    del proto.metadata_props[:]
    onnx.save(proto, path)


def main():
    """Write graphs and outputs."""
    FOLDER.mkdir(exist_ok=True)
    warnings.simplefilter("ignore")
    expected = {"versions": {"torch": torch.__version__, "onnx": onnx.__version__}, "models": {}}
    for name, (module, shapes) in modules().items():
        torch.manual_seed(0)
        generator = torch.Generator().manual_seed(1)
        for parameter in module.parameters():
            parameter.data.normal_(0.0, 0.6, generator=generator)
        dtype = next(module.parameters()).dtype
        inputs = tuple(example(shape, dtype, generator) for shape in shapes)
        trained(module, inputs)
        with torch.no_grad():
            found = module(*inputs)
        found = found if isinstance(found, tuple) else (found,)
        files = []
        ways = [("dynamo", "any"), ("script", "any")]
        if not name.startswith("act_"):
            ways += [("dynamo", "one"), ("script", "one"), ("script11", "any")]
        for how, batch in ways:
            file = f"torch_{name}_{how}_{batch}.onnx"
            try:
                export(module, inputs, FOLDER / file, how, batch)
                files.append(file)
            except Exception as error:  # an exporter does not know every module in every version
                print(file, type(error).__name__, str(error).splitlines()[0][:100])
                (FOLDER / file).unlink(missing_ok=True)
        rows = np.concatenate([own.numpy().reshape(ROWS, -1) for own in inputs], axis=1)
        expected["models"][name] = {
            "files": files,
            "rows": rows.tolist(),
            "outputs": [own.numpy().reshape(ROWS, -1).tolist() for own in found],
        }
    (FOLDER / "expected.json").write_text(json.dumps(expected, indent=None) + "\n")


main()
