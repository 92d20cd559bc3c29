"""ONNX models of single nodes and whole converters, and ONNX Runtime on one thread as oracle."""

import functools

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

DOMAIN = "ai.onnx.ml"
TYPES = {
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    "int64": TensorProto.INT64,
    "int32": TensorProto.INT32,
    "object": TensorProto.STRING,
}
MODES = ["LEQ", "LT", "GTE", "GT", "EQ", "NEQ"]


@functools.cache
def _options():
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return options


def run(model, feeds):
    """What ONNX Runtime gives, output by output."""
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), _options(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, feeds)


def one(op, feeds, outputs, *, version=3, constants=None, domain=DOMAIN, **attributes):
    """A model of one node; `outputs` are element types by name."""
    constants = constants or {}
    node = helper.make_node(op, [*feeds, *constants], list(outputs), name="the_node", domain=domain)
    node.attribute.extend(_attribute(name, value) for name, value in attributes.items())
    return graph([node], feeds, outputs, version=version, constants=constants)


def _attribute(name, value):
    """An attribute; an empty list has the type that the operator's has."""
    kind = None
    if isinstance(value, list) and not value:
        kind = onnx.AttributeProto.INTS
        if name.endswith(("values", "weights", "intercepts")):
            kind = onnx.AttributeProto.FLOATS
        elif name.endswith("modes"):
            kind = onnx.AttributeProto.STRINGS
    return helper.make_attribute(name, value, attr_type=kind)


def graph(nodes, feeds, outputs, *, version=3, constants=None):
    """A model of these nodes, for inputs such as these."""
    made = helper.make_graph(
        nodes,
        "graph",
        [
            helper.make_tensor_value_info(name, TYPES[str(x.dtype)], [None, *x.shape[1:]])
            for name, x in feeds.items()
        ],
        [helper.make_tensor_value_info(name, TYPES[kind], None) for name, kind in outputs.items()],
        [numpy_helper.from_array(np.asarray(x), name) for name, x in (constants or {}).items()],
    )
    model = helper.make_model(
        made, opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid(DOMAIN, version)]
    )
    model.ir_version = 10
    return model


class Ensemble:
    """Attributes of trees in the making, as TreeEnsembleRegressor has them."""

    def __init__(self, kind="target"):
        self.kind = kind
        names = ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids")
        self.nodes = {name: [] for name in (*names, "falsenodeids", "missing_value_tracks_true")}
        self.leaves = {name: [] for name in ("treeids", "nodeids", "ids", "weights")}

    def node(self, tree, number, mode, feature=0, value=0.0, yes=0, no=0, missing=0):
        row = (tree, number, feature, float(np.float32(value)), mode, yes, no, missing)
        for entries, entry in zip(self.nodes.values(), row, strict=True):
            entries.append(entry)

    def leaf(self, tree, number, *weights):
        """A leaf with weights: `(target, weight)` pairs."""
        self.node(tree, number, "LEAF")
        for target, weight in weights:
            row = (tree, number, target, float(np.float32(weight)))
            for entries, entry in zip(self.leaves.values(), row, strict=True):
                entries.append(entry)

    def attributes(self):
        own = {f"nodes_{name}": entries for name, entries in self.nodes.items()}
        own["nodes_modes"] = [
            mode if mode == "LEAF" else f"BRANCH_{mode}" for mode in self.nodes["modes"]
        ]
        return own | {f"{self.kind}_{name}": entries for name, entries in self.leaves.items()}


def draw(rng, *, trees=3, depth=4, modes=MODES, values=(0.0, 1.0), features=3, weights=None):
    """Random trees; `weights(rng)` are those of a leaf."""
    made = Ensemble()

    def grow(tree, count, left):
        number = count[0]
        count[0] += 1
        if left == 0 or rng.random() < 0.15:
            made.leaf(tree, number, *(weights(rng) if weights else [(0, rng.normal())]))
            return number
        at = len(made.nodes["modes"])
        made.node(
            tree,
            number,
            str(rng.choice(modes)),
            int(rng.integers(features)),
            rng.choice(values),
            missing=int(rng.random() < 0.4),
        )
        made.nodes["truenodeids"][at] = grow(tree, count, left - 1)
        made.nodes["falsenodeids"][at] = grow(tree, count, left - 1)
        return number

    for tree in rng.permutation(trees):
        grow(int(tree), [0], int(rng.integers(depth + 1)))
    return made


def model_of(x, attributes, *, targets=1, op="TreeEnsembleRegressor"):
    """A regressor of these attributes for inputs such as `x`."""
    return one(op, {"x": x}, {"y": "float32"}, n_targets=targets, **attributes)


def leaves_of(model):
    """The model with the number of each tree's leaf as its one output: that leaf's weight."""
    found = onnx.ModelProto()
    found.CopyFrom(model)
    nodes = list(found.graph.node)
    (at,) = (i for i, own in enumerate(nodes) if own.op_type.startswith("TreeEnsemble"))
    del found.graph.node[at + 1 :]
    node = found.graph.node[at]
    own = {each.name: helper.get_attribute_value(each) for each in node.attribute}
    kept = {name: each for name, each in own.items() if name.startswith("nodes_")}
    trees = list(dict.fromkeys(own["nodes_treeids"]))
    leaves = [
        (trees.index(tree), tree, number)
        for tree, number, mode in zip(
            own["nodes_treeids"], own["nodes_nodeids"], own["nodes_modes"], strict=True
        )
        if mode == b"LEAF"
    ]
    places, of_tree, numbers = map(list, zip(*leaves, strict=True))
    weights = {"treeids": of_tree, "nodeids": numbers, "ids": places}
    del node.attribute[:]
    kept |= {f"target_{name}": each for name, each in weights.items()}
    kept |= {"target_weights": [float(each) for each in numbers], "n_targets": len(trees)}
    node.attribute.extend(_attribute(name, value) for name, value in kept.items())
    node.op_type = "TreeEnsembleRegressor"
    node.output[:] = ["leaves"]
    del found.graph.output[:]
    found.graph.output.append(helper.make_tensor_value_info("leaves", TensorProto.FLOAT, None))
    return found


def array(values, dtype):
    """A tensor as an attribute."""
    return numpy_helper.from_array(np.asarray(values, dtype=dtype), "attribute")


def parsed(path):
    """A model file as a proto."""
    return onnx.load(path)
