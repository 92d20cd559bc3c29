"""Tensors whose rows are not the first dimension for a while."""

import fastscore
import numpy as np
import pytest
from onnx import helper
from onnx_ml_support import graph, run

X = np.arange(24, dtype=np.float32).reshape(4, 6)
Y = (X * 0.5 - 3)[:, :2]


def scores(nodes, constants):
    model = graph(nodes, {"x": X, "y": Y}, {"z": "float32"}, constants=constants)
    ours = fastscore.import_model(model)
    (theirs,) = run(model, {"x": X, "y": Y})
    found = np.asarray(ours.predict(np.c_[X, Y]))
    np.testing.assert_array_equal(found.reshape(len(X), -1), theirs.reshape(len(X), -1))


def node(op, inputs, output, **attributes):
    return helper.make_node(op, inputs.split(), [output], name=f"{op} {output}", **attributes)


STACKED = [
    node("Reshape", "x shape", "a"),
    node("Reshape", "y other", "b"),
    node("Concat", "a b", "c", axis=0),
]
SHAPES = {"shape": np.array([3, -1, 2]), "other": np.array([1, -1, 2])}
"""Of x the rows are torn apart: they do not stand together."""


def turned(value, last):
    """The rows first, the others after them, as x of three pairs."""
    return [node("Reshape", f"{value} pairs", "p"), node("Transpose", "p", last, perm=[1, 0, 2])]


PAIRS = {"pairs": np.array([-1, 3, 2]), "other": np.array([1, -1, 2])}


@pytest.mark.parametrize("op", ["ReduceMean", "ReduceSum", "ReduceMax", "ReduceL2"])
@pytest.mark.parametrize("kept", [0, 1])
def test_reduced(op, kept):
    nodes = [
        *turned("x", "a"),
        node("Reshape", "y other", "b"),
        node("Concat", "a b", "c", axis=0),
        node(op, "c axis", "d", keepdims=kept),
        *([node("Squeeze", "d axis", "z")] if kept else [node("Identity", "d", "z")]),
    ]
    scores(nodes, PAIRS | {"axis": np.array([0])})


def test_turned_back():
    """Blocks of rows one after another, which become columns."""
    nodes = [
        node("Slice", "y start end axes", "a"),
        node("Concat", "a a", "b", axis=0),
        node("Reshape", "b two", "c"),
        node("Transpose", "c", "z", perm=[1, 0]),
    ]
    ends = {"start": np.array([1]), "end": np.array([2]), "axes": np.array([1])}
    scores(nodes, {"two": np.array([2, -1])} | ends)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ([node("Identity", "c", "z")], "node 'Concat c' .* must stay apart"),
        ([node("Relu", "c", "z")], "node 'Concat c' .* must stay apart"),
        ([node("ReduceSum", "c axis", "z")], "node 'Concat c' .* must stay apart"),
    ],
)
def test_rows_that_stay_mixed_are_refused(more, message):
    constants = SHAPES | {"axis": np.array([1])}
    model = graph([*STACKED, *more], {"x": X, "y": Y}, {"z": "float32"}, constants=constants)
    with pytest.raises(fastscore.UnsupportedModelError, match=message):
        fastscore.import_model(model)
