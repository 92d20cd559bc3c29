"""Random functional models of Keras, against Keras: layers, shapes and sizes as they come."""

from typing import Any

import fastscore
import keras_models as models
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from networks import WARNINGS, keras

Layers = keras.layers
ops = keras.ops

pytestmark = pytest.mark.filterwarnings(*WARNINGS, "ignore:.*softmax over axis")

NAMES = [name for name in models.ACTIVATIONS if name not in ("exponential", "glu")]
"""Exponentials of exponentials are beyond all numbers."""
PLAIN = [
    lambda d: Layers.BatchNormalization(dtype=d),
    lambda d: Layers.LayerNormalization(dtype=d),
    lambda d: Layers.RMSNormalization(dtype=d),
    lambda d: Layers.UnitNormalization(dtype=d),
    lambda d: Layers.Dropout(0.3, dtype=d),
    lambda d: Layers.PReLU(dtype=d),
    lambda d: Layers.LeakyReLU(0.3, dtype=d),
    lambda d: Layers.Rescaling(0.5, 0.25, dtype=d),
    lambda d: Layers.ReLU(max_value=2.0, dtype=d),
]


def network(draw: Any) -> tuple[Any, int, Any]:
    """A model, how many numbers it takes, and a seed."""
    dtype = draw(st.sampled_from(models.WIDTHS))
    sizes = draw(st.lists(st.integers(1, 6), min_size=1, max_size=3))
    inputs = [keras.Input((size,), dtype=dtype) for size in sizes]
    tensors = list(inputs)
    for _ in range(draw(st.integers(1, 7))):
        x = draw(st.sampled_from(tensors))
        kind = draw(st.sampled_from(["dense", "dense", "dense", "plain", "merge", "op", "series"]))
        if kind == "dense":
            units, name = draw(st.integers(1, 9)), draw(st.sampled_from(NAMES))
            bias = draw(st.booleans())
            out = Layers.Dense(units, activation=name, use_bias=bias, dtype=dtype)(x)
        elif kind == "plain":
            out = draw(st.sampled_from(PLAIN))(dtype)(x)
        elif kind == "merge":
            other = draw(st.sampled_from(tensors))
            same = other.shape == x.shape
            merges = [Layers.Add, Layers.Multiply, Layers.Maximum, Layers.Average]
            merge = draw(st.sampled_from(merges)) if same else Layers.Concatenate
            out = merge(dtype=dtype)([x, other])
        elif kind == "op":
            each = [lambda x: x * 0.5 + 1, lambda x: 1 - ops.tanh(x), lambda x: x[:, ::-1] - x]
            out = draw(st.sampled_from(each))(x)
        else:
            wide = Layers.RepeatVector(draw(st.integers(1, 3)), dtype=dtype)(x)
            wide = Layers.Dense(3, activation="relu", dtype=dtype)(wide)
            out = Layers.GlobalAveragePooling1D(dtype=dtype)(wide)
        tensors.append(out)
    ends = tensors[-draw(st.integers(1, min(2, len(tensors) - len(inputs)))) :]
    # What no output reads is no part of a model: each input is.
    unused = Layers.Concatenate(dtype=dtype)([*inputs, *inputs[:1]])
    ends = [Layers.Dense(2, dtype=dtype)(unused), *ends]
    return keras.Model(inputs, ends), sum(sizes), draw(st.integers(0, 2**32 - 1))


@settings(
    max_examples=40,
    phases=(Phase.explicit, Phase.generate),
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(st.data())
def test_any_network(data):
    # Drawn here, not by a strategy: Keras draws seeds of its own.
    model, columns, seed = network(data.draw)
    rng = np.random.default_rng(seed)
    models.filled(model, rng)
    x = rng.normal(size=(40, columns))
    ours = fastscore.import_model(model)
    report = ours.verify(x, source=model)
    assert report.ok, report
    whole = ours.predict(x)
    for at in (0, 17):
        for one, all_rows in zip(ours.predict(x[at : at + 1]), whole, strict=True):
            np.testing.assert_array_equal(one, all_rows[at : at + 1])
