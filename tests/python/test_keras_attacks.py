"""Keras models that were once read wrongly: against Keras itself, or refused by name."""

import functools
from typing import Any

import fastscore
import keras_models as models
import numpy as np
import pytest
from fastscore import UnsupportedModelError
from keras_models import holds
from networks import WARNINGS, keras

Layers = keras.layers
ops = keras.ops

pytestmark = pytest.mark.filterwarnings(*WARNINGS)

STRUCTURES = pytest.mark.filterwarnings("ignore:The structure of `inputs`", "ignore:Exception enc")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(13)


# --- structures


def nested() -> Any:
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    return keras.Model({"b": b, "a": a}, {"y": Layers.Dense(2)(b), "x": Layers.Dense(2)(a)})


@STRUCTURES
def test_dicts_of_nested_models(rng, tmp_path):
    start, other = keras.Input((4,)), keras.Input((4,))
    inner = nested()
    for given in ({"a": start, "b": other}, {"b": start, "a": other}):
        found = inner(given)
        model = keras.Model([start, other], Layers.Concatenate()([found["y"] * 2.0, found["x"]]))
        models.filled(model, rng)
        x = rng.normal(size=(20, 8))
        ours = holds(model, x)
        model.save(tmp_path / "model.keras")
        np.testing.assert_array_equal(
            fastscore.load(tmp_path / "model.keras").predict(x), ours.predict(x)
        )


@STRUCTURES
def test_a_list_for_a_dict():
    start = keras.Input((4,))
    model = keras.Model(start, nested()([start, start])["y"])
    with pytest.raises(UnsupportedModelError, match="dict of inputs, but is called on a list"):
        fastscore.import_model(model)


@STRUCTURES
def test_a_dict_with_more_than_the_inputs(rng):
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    start = keras.Input((4,))
    for inputs in ({"a": a, "b": b}, [b, a]):
        inner = keras.Model(inputs, Layers.Subtract()([a, b]))
        out = inner({"a": start, "b": start * 3.0, "c": start})
        holds(keras.Model(start, out), rng.normal(size=(20, 4)))


def test_inputs_in_nested_structures(rng):
    a, b, c = (keras.Input((n,), name=name) for n, name in ((1, "a"), (2, "b"), (1, "c")))
    model = keras.Model([{"q": a, "p": b}, c], Layers.Dense(2)(Layers.Concatenate()([a, b, c])))
    holds(model, rng.normal(size=(20, 4)))


def test_outputs_whose_columns_would_have_one_name(rng):
    start = keras.Input((4,))
    outputs = [Layers.Dense(2, name="dense")(start), Layers.Dense(1, name="dense_1")(start)]
    ours = holds(keras.Model(start, outputs), rng.normal(size=(20, 4)))
    assert ours.source.parameters["outputs"] == "dense_output: float32[2], dense_1: float32[1]"


def test_columns_of_an_output_that_has_fewer(rng):
    start = keras.Input((4,))
    outputs = [Layers.Dense(2, name="dense")(start), Layers.Dense(1, name="dense_2")(start)]
    ours = holds(keras.Model(start, outputs), rng.normal(size=(20, 4)))
    assert ours.source.parameters["outputs"] == "dense: float32[2], dense_2: float32[1]"


def test_one_output_again_and_again():
    start = keras.Input((4,))
    one, other = (Layers.Dense(1, name=name)(start) for name in ("dense", "dense_1"))
    ours = fastscore.import_model(keras.Model(start, [one, other, one, other, one]))
    named = [each.split(":")[0] for each in ours.source.parameters["outputs"].split(", ")]
    assert named == ["dense", "dense_1", "dense_2", "dense_1_1", "dense_4"]


def test_names_that_only_begin_like_generated_ones():
    pair = [keras.Input((1,), name="input_age"), keras.Input((1,), name="input_income")]
    ours = fastscore.import_model(keras.Model(pair, Layers.Add()(pair)))
    assert ours.feature_names_in_.tolist() == ["input_age", "input_income"]


# --- numbers


def constants(width: str) -> list[Any]:
    return [
        Layers.Normalization(mean=0.3, variance=2.1, dtype=width),
        Layers.Normalization(mean=[0.1, 0.2, 0.3, 0.7], variance=[0.1, 1.3, 2, 3], dtype=width),
        Layers.Normalization(mean=0.3, variance=2.1, invert=True, dtype=width),
        Layers.Rescaling(0.1, 0.3, dtype=width),
        Layers.Rescaling([0.1, 0.2, 0.3, 0.4], 0.3, dtype=width),
        Layers.ReLU(max_value=0.9, negative_slope=0.3, threshold=0.1, dtype=width),
        Layers.ReLU(max_value=0.9, dtype=width),
        Layers.ReLU(threshold=0.1, dtype=width),
        Layers.ReLU(max_value=np.inf, dtype=width),
        Layers.LeakyReLU(0.1, dtype=width),
        Layers.ELU(0.3, dtype=width),
        Layers.LayerNormalization(epsilon=0.1, dtype=width),
        Layers.RMSNormalization(epsilon=0.1, dtype=width),
        Layers.BatchNormalization(epsilon=0.1, dtype=width),
    ]


@pytest.mark.parametrize("width", models.WIDTHS)
@pytest.mark.parametrize("at", range(len(constants("float32"))))
def test_constants_that_float32_does_not_hold(at, width, rng):
    layers = [keras.Input((4,), dtype=width), constants(width)[at]]
    holds(models.filled(keras.Sequential(layers), rng), rng.normal(size=(50, 4)))


@pytest.mark.parametrize(
    "build",
    [
        lambda x: ops.clip(x, -0.5, np.inf),
        lambda x: ops.clip(x, -np.inf, 1.0),
        lambda x: ops.clip(x, -np.inf, np.inf),
        lambda x: ops.expand_dims(x, [1, 2]),
        lambda x: ops.expand_dims(x, [-1, 1]),
    ],
)
def test_unusual_parameters(build, rng):
    holds(models.functional(build), rng.normal(size=(20, 4)))


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda x: ops.softmax(x, axis=None), "axis=None"),
        (lambda x: ops.log_softmax(x, axis=None), "axis=None"),
        (lambda x: ops.max(x, axis=1, initial=5.0), "initial"),
        (lambda x: ops.min(x, axis=1, initial=-5.0), "initial"),
        (lambda x: ops.prod(x, axis=1, dtype="float64"), "dtype"),
        (lambda x: ops.squareplus(x, b=np.inf), "Squareplus.*b=inf.*finite"),
        (Layers.ELU(np.inf), "ELU.*alpha=inf.*finite"),
        (Layers.LayerNormalization(epsilon=np.inf), "epsilon=inf"),
        (lambda x: ops.power(x, np.inf), "exponent=inf"),
        (
            lambda x: Layers.RMSNormalization(axis=1)(Layers.Reshape((2, 2))(x)),
            r"RMSNormalization.*axis=\[1\] .*use axis=-1",
        ),
        (
            keras.Sequential([keras.Input((4,), dtype="int32"), Layers.Dense(2)]),
            r"\(InputLayer\): it is of type int32, .*float32; make them one type",
        ),
    ],
)
def test_what_is_refused(build, said):
    start = keras.Input((4,))
    with pytest.raises(UnsupportedModelError, match=said):
        fastscore.import_model(keras.Model(start, build(start)))


@pytest.mark.parametrize("dtype", ["int16", "int32", "uint8"])
@pytest.mark.parametrize(
    "layer",
    [
        Layers.LayerNormalization,
        Layers.RMSNormalization,
        Layers.ReLU,
        Layers.Add,
        Layers.Multiply,
        Layers.Average,
        Layers.Maximum,
    ],
)
def test_integers_that_keras_computes_in(layer, dtype):
    start = keras.Input((2,), dtype=dtype)
    made = layer()
    merges = (Layers.Add, Layers.Multiply, Layers.Average, Layers.Maximum)
    out = made([start, start] if isinstance(made, merges) else start)
    with pytest.raises(UnsupportedModelError, match=rf"{layer.__name__}.* of type {dtype}"):
        fastscore.import_model(keras.Model(start, out))


def test_integers_of_two_types_are_joined_as_integers():
    a, b = keras.Input((1,), dtype="int32"), keras.Input((1,), dtype="int64")
    found = Layers.IntegerLookup(vocabulary=[16777217, 16777216])(Layers.Concatenate()([a, b]))
    model = keras.Model([a, b], Layers.Flatten()(Layers.Embedding(4, 2)(found)))
    data = np.array([[16777217, 16777216], [16777216, 16777217], [3, 16777217]])
    holds(model, data)
    c = keras.Input((1,), dtype="uint64")
    joined = keras.Model([b, c], Layers.Dense(1)(Layers.Concatenate()([b, c])))
    with pytest.raises(UnsupportedModelError, match="no integer type in common"):
        fastscore.import_model(joined)


def test_another_epsilon(rng):
    before = keras.config.epsilon()
    keras.config.set_epsilon(1e-2)
    try:
        layer = Layers.Normalization(mean=0.5, variance=1e-6)
        holds(keras.Sequential([keras.Input((4,)), layer]), rng.normal(size=(20, 4)))
        start = keras.Input((4,))
        dot = Layers.Dot(axes=1, normalize=True)([start, start * 0.5])
        holds(keras.Model(start, dot), rng.normal(size=(20, 4)) * 1e-3)
    finally:
        keras.config.set_epsilon(before)


def test_normalisations_that_cancel(rng):
    """What Keras rounds before the product is far more than the product."""
    norm, dense = Layers.BatchNormalization(), Layers.Dense(1)
    model = keras.Sequential([keras.Input((2,)), norm, dense])
    norm.set_weights([np.full(2, each) for each in (1.0, 10.0, 0.0, 1.0)])
    dense.set_weights([np.array([[1.0], [-1.0]]), np.zeros(1)])
    holds(model, rng.normal(size=(200, 2)) * 1e-3)


def test_labels_of_several_sigmoids():
    model = keras.Sequential([keras.Input((4,)), Layers.Dense(3, activation="sigmoid")])
    notes = fastscore.import_model(model, classes=["a", "b", "c"]).source.notes
    assert any("don't exclude each other" in note for note in notes)


# --- code


class Dense(Layers.Dense):
    """Named as Keras's own."""

    def call(self, inputs: Any, training: Any = None) -> Any:
        return super().call(inputs) * 2


def test_a_custom_class_in_time_distributed(tmp_path):
    model = keras.Sequential([keras.Input((2, 4)), Layers.TimeDistributed(Dense(2))])
    with pytest.raises(UnsupportedModelError, match="custom class"):
        fastscore.import_model(model)
    model.save(tmp_path / "model.keras")
    with pytest.raises(UnsupportedModelError, match="custom class"):
        fastscore.load(tmp_path / "model.keras")


def test_an_activation_that_is_a_partial():
    layer = Layers.Dense(2, activation=functools.partial(keras.activations.relu, max_value=1.0))
    with pytest.raises(UnsupportedModelError, match=r"functools\.partial"):
        fastscore.import_model(keras.Sequential([keras.Input((4,)), layer]))


def test_rows_that_an_embedding_does_not_know():
    a, b = (keras.Input((1,), name=name, dtype="int32") for name in ("cat", "rest"))
    out = Layers.Dense(1)(Layers.Flatten()(Layers.Embedding(3, 2)(Layers.Concatenate()([a, b]))))
    ours = fastscore.import_model(keras.Model([a, b], out))
    with pytest.raises(fastscore.FastscoreError, match='column "rest"'):
        ours.predict(np.array([[1, 7]]))


@pytest.mark.parametrize("width", models.WIDTHS)
def test_square_roots_by_powers(width):
    start = keras.Input((4,), dtype=width)
    x = np.array([[-np.inf, np.inf, np.nan, -1.0], [-0.0, 0.0, 4.0, 1e-40]], dtype=width)
    model = keras.Model(start, ops.power(start, 0.5))
    ours = holds(model, x)
    assert ours.predict(x)[0, :2].tolist() == [np.inf, np.inf]
    holds(keras.Model(start, ops.power(ops.power(start, 3.0), 0.5)), x)


def test_networks_that_are_too_wide(tmp_path):
    start = x = keras.Input((3000,))
    for _ in range(100):
        x = Layers.Activation("tanh")(x)
    model = keras.Model(start, x, name="wide")
    model.save(tmp_path / "model.keras")
    for load in (
        lambda: fastscore.import_model(model),
        lambda: fastscore.load(tmp_path / "model.keras"),
    ):
        with pytest.raises(UnsupportedModelError, match=r"'wide' has more than 262144.*split it"):
            load()


def test_long_chains(tmp_path):
    start = x = keras.Input((2,))
    for _ in range(700):
        x = Layers.Activation("relu")(x)
    model = keras.Model(start, x)
    model.save(tmp_path / "model.keras")
    for ours in (fastscore.import_model(model), fastscore.load(tmp_path / "model.keras")):
        assert ours.predict(np.array([[1.0, -1.0]])).tolist() == [[1.0, 0.0]]
