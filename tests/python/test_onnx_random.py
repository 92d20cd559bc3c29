"""Random graphs of ONNX, against ONNX Runtime within the bound that `verify` promises."""

import re

import fastscore
import pytest
from fastscore import UnsupportedModelError
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx_graphs import ROWS, Graphs


@pytest.mark.parametrize("kind", ["float32", "float64"])
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_random_graphs(kind, data):
    def pick(options):
        return data.draw(st.sampled_from(list(options)))

    graph = Graphs(pick, lambda low, high: data.draw(st.integers(low, high)), kind)
    for _ in range(data.draw(st.integers(1, 14))):
        graph.step()
    graph.back()
    output = [v for v in graph.values if v.shape[:1] == (ROWS,) and v.kind != "bool"][-1]
    model = graph.model(output)
    shape = graph.input.shape[1:]
    x = graph.rng.normal(size=(13, *shape)).astype(kind) * 2
    try:
        ours = fastscore.import_model(model)
    except UnsupportedModelError as error:
        if not re.match("node '.*must stay apart", str(error)):
            raise
        return  # an operator that needs the rows first, which are on another axis
    report = ours.verify(x.reshape(13, -1), model)
    assert report.ok, report
