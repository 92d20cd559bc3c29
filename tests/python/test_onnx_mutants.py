"""Graphs with a change somewhere: a model, or one of our errors that says what is wrong.

`FASTSCORE_FUZZ_SECONDS` takes longer than the usual few seconds, `FASTSCORE_FUZZ_SEED` repeats.
The bytes themselves are mutated by the Rust tests.
"""

import os
import random
import time
from pathlib import Path

import fastscore
import numpy as np
import onnx
from fastscore import FastscoreError
from onnx import AttributeProto, TensorProto
from onnx_graphs import Graphs
from onnx_nets import Net, experts, transformer

FOLDER = Path(__file__).parents[1] / "golden" / "onnx"
NUMBERS = [0, 1, -1, 2, 3, 5, 7, 100, -100, 2**31, -(2**31), 2**62, -(2**63), 2**63 - 1]
FLOATS = [0.0, -0.0, 1.0, -1.0, 1e30, float("nan"), float("inf"), 1e-40]


def change(rng, graph, pool):
    """Change one thing."""
    kind = rng.randrange(9)
    node = rng.choice(graph.node) if graph.node else None
    if kind == 0 and node is not None:
        donor = rng.choice(pool)
        if donor.node:
            node.op_type = rng.choice(donor.node).op_type
    elif kind == 1 and node is not None and node.input:
        names = [name for other in graph.node for name in other.output]
        names += [own.name for own in (*graph.initializer, *graph.input)] + [""]
        node.input[rng.randrange(len(node.input))] = rng.choice(names)
    elif kind == 2 and node is not None and node.attribute:
        attribute(rng, rng.choice(node.attribute))
    elif kind == 3 and node is not None and node.input:
        del node.input[rng.randrange(len(node.input))]
    elif kind == 4 and graph.initializer:
        tensor = rng.choice(graph.initializer)
        shape = list(tensor.dims)
        if rng.random() < 0.5:
            rng.shuffle(shape)
        elif shape and shape[0]:
            shape = [1, *shape] if rng.random() < 0.5 else [int(np.prod(shape))]
        tensor.dims[:] = shape
    elif kind == 5 and graph.initializer:
        tensor = rng.choice(graph.initializer)
        array = onnx.numpy_helper.to_array(tensor).copy().reshape(-1)
        if array.size:
            with np.errstate(all="ignore"):
                value = rng.choice(NUMBERS if array.dtype.kind in "iu" else FLOATS)
                array[rng.randrange(array.size)] = np.array(value).astype(array.dtype)
        tensor.raw_data = array.tobytes()
    elif kind == 6:
        value = rng.choice([*graph.input, *graph.output])
        tensor_type = value.type.tensor_type
        if rng.random() < 0.3:
            tensor_type.elem_type = rng.randrange(1, 17)
        elif tensor_type.shape.dim:
            dim = rng.choice(tensor_type.shape.dim)
            dim.dim_value = rng.choice([0, 1, 2, 3, 4, 6, 1000, 2**40])
    elif kind == 7 and graph.output:
        names = [name for other in graph.node for name in other.output if name]
        if names:
            graph.output[0].name = rng.choice(names)
    elif graph.initializer:
        tensor = rng.choice(graph.initializer)
        kinds = [TensorProto.INT64, TensorProto.DOUBLE, TensorProto.INT32, TensorProto.BOOL]
        array = onnx.numpy_helper.to_array(tensor)
        with np.errstate(all="ignore"):
            dtype = onnx.helper.tensor_dtype_to_np_dtype(rng.choice(kinds))
            tensor.CopyFrom(onnx.numpy_helper.from_array(array.astype(dtype), tensor.name))


def attribute(rng, own):
    """Change an attribute."""
    if own.type == AttributeProto.INT:
        own.i = rng.choice(NUMBERS)
    elif own.type == AttributeProto.FLOAT:
        own.f = rng.choice(FLOATS)
    elif own.type == AttributeProto.INTS and own.ints:
        own.ints[rng.randrange(len(own.ints))] = rng.choice(NUMBERS)
    elif own.type == AttributeProto.STRING:
        own.s = b"other"
    else:
        own.name = "axis"


def drawn(rng):
    """Return a random graph of many operators."""
    graph = Graphs(rng.choice, rng.randint, rng.choice(["float32", "float64"]))
    for _ in range(12):
        graph.step()
    return graph.model(graph.values[-1])


def networks():
    """Return networks with attention, a mixture of experts."""
    for how in ("sdpa", "beside", "torch"):
        net = Net()
        transformer(net, how, 2)
        yield net.model({"x": ("n", 4)})
    for how in ("bmm", "einsum"):
        net = Net()
        experts(net, how)
        yield net.model({"x": ("n", 5)})


def test_mutants():
    seconds = float(os.environ.get("FASTSCORE_FUZZ_SECONDS", "3"))
    seed = int(os.environ.get("FASTSCORE_FUZZ_SEED", "0")) or random.randrange(1, 10**9)
    rng = random.Random(seed)
    protos = [onnx.load(path) for path in sorted(FOLDER.glob("*.onnx"))]
    protos += [drawn(rng) for _ in range(40)] + list(networks()) * 4
    pool = [own.graph for own in protos]
    accepted = count = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        count += 1
        model = onnx.ModelProto()
        model.CopyFrom(rng.choice(protos))
        for _ in range(rng.choice([1, 1, 2, 3])):
            change(rng, model.graph, pool)
        if rng.random() < 0.05 and model.opset_import:
            model.opset_import[0].version = rng.randrange(5, 28)
        what = f"mutant {count} of FASTSCORE_FUZZ_SEED={seed}"
        started = time.monotonic()
        try:
            ours = fastscore.import_model(model)
        except FastscoreError:
            pass
        except Exception as error:
            raise AssertionError(what) from error
        else:
            accepted += 1
            columns = ours.n_features_in_
            if columns < 1000:
                try:
                    ours.predict(np.zeros((2, columns)))
                except FastscoreError:
                    pass
                except Exception as error:
                    raise AssertionError(what) from error
        assert time.monotonic() - started < 20, f"{what} takes too long"
    print(f"{count} mutants, {accepted} accepted, seed {seed}")
    assert accepted > 0
