"""What is done with Keras models before they are imported: against Keras, or refused by name."""

from typing import Any

import fastscore
import keras_models as models
import numpy as np
import pandas as pd
import pytest
from fastscore import UnknownCategoryError, UnsupportedModelError
from keras_models import holds
from networks import WARNINGS, keras, tf

Layers = keras.layers

pytestmark = pytest.mark.filterwarnings(*WARNINGS)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(14)


def kept(model: Any, data: Any, path: Any) -> None:
    """Compare a model, and its file, with Keras."""
    found = np.asarray(holds(model, data).predict(data))
    model.save(path)
    np.testing.assert_array_equal(np.asarray(fastscore.load(path).predict(data)), found)


# --- FeatureSpace


def space(mode: str, rng: np.random.Generator) -> tuple[Any, pd.DataFrame]:
    kinds = keras.utils.FeatureSpace
    frame = pd.DataFrame(
        {
            "age": rng.normal(40, 9, 60),
            "city": rng.choice(["a", "b", "c"], 60),
            "rooms": rng.integers(0, 5, 60),
            "income": rng.normal(size=60),
            "area": rng.normal(size=60),
        }
    )
    found = kinds(
        {
            "age": kinds.float_normalized(),
            "city": kinds.string_categorical(),
            "rooms": kinds.integer_categorical(),
            "income": kinds.float_discretized(num_bins=4),
            "area": kinds.float(),
        },
        output_mode=mode,
    )
    found.adapt(tf.data.Dataset.from_tensor_slices(dict(frame)).batch(10))
    return found, frame


@pytest.mark.filterwarnings("ignore:The structure of `inputs`")
@pytest.mark.parametrize("mode", ["concat", "dict"])
def test_a_feature_space_and_its_network(mode, rng, tmp_path):
    features, frame = space(mode, rng)
    encoded = features.get_encoded_features()
    if mode == "dict":
        encoded = Layers.Concatenate()(list(encoded.values()))
    model = keras.Model(features.get_inputs(), Layers.Dense(2)(encoded))
    frame.loc[:3, "city"] = "unseen"
    kept(model, frame[list(model.input)], tmp_path / "model.keras")


def test_a_feature_space_alone(rng, tmp_path):
    features, _ = space("concat", rng)
    advice = r"keras\.Model\(space\.get_inputs\(\), network\(space\.get_encoded_features\(\)\)\)"
    with pytest.raises(UnsupportedModelError, match=advice):
        fastscore.import_model(features)
    features.save(tmp_path / "space.keras")
    with pytest.raises(UnsupportedModelError, match=advice):
        fastscore.load(tmp_path / "space.keras")


# --- EinsumDense


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("equation", "shape", "output"),
    [
        ("ab,bc->ac", (4,), 3),
        ("...x,xy->...y", (4,), 3),
        ("...x,xy->...y", (2, 4), (2, 3)),
        ("abc,cd->abd", (2, 4), (None, 3)),
    ],
)
def test_einsum_of_one_matrix(equation, shape, output, bias, rng, tmp_path):
    layer = Layers.EinsumDense(
        equation, output, bias_axes=equation[-1] if bias else None, activation="tanh"
    )
    model = models.filled(models.functional(layer, shape), rng)
    kept(model, rng.normal(size=(30, int(np.prod(shape)))), tmp_path / "model.keras")


# --- integers


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "uint8", "uint32"])
def test_integers_beyond_their_type_are_errors(dtype, rng):
    """Keras wraps them around."""
    a, b = keras.Input((2,), dtype=dtype, name="a"), keras.Input((1,), name="b")
    model = models.filled(keras.Model([a, b], Layers.Dense(2)(Layers.Concatenate()([a, b]))), rng)
    low, high = float(np.iinfo(dtype).min), float(np.iinfo(dtype).max)
    rows = np.array([[low, high, 1e9], [0.0, 1.5, -1e300], [high, low, 0.0]])
    ours = holds(model, rows)
    for wrong in (low - 1, high + 1, 1e18, -1e300):
        rows[1, 1] = wrong
        with pytest.raises(UnknownCategoryError, match=f'"a_1" has 1 .* an Input of {dtype}'):
            ours.predict(rows)


@pytest.mark.parametrize(
    ("dtype", "wrong", "build"),
    [
        ("int8", 257, lambda x: Layers.Embedding(3, 2)(Layers.IntegerLookup(vocabulary=[1, 2])(x))),
        ("int8", 257, Layers.Embedding(300, 2)),
        ("uint8", -1, Layers.Embedding(300, 2)),
        ("uint8", -1, Layers.Embedding(3, 2)),
        ("uint8", 257, Layers.CategoryEncoding(3, output_mode="one_hot")),
        ("int16", 65537, Layers.Discretization([1.0], output_mode="one_hot")),
    ],
)
def test_integers_beyond_their_type_that_are_looked_up(dtype, wrong, build, rng):
    start = keras.Input((1,), dtype=dtype)
    model = keras.Model(start, Layers.Dense(2)(Layers.Flatten()(build(start))))
    ours = holds(models.filled(model, rng), np.array([[1.0], [2.0], [0.0]]))
    with pytest.raises(UnknownCategoryError, match=f"an Input of {dtype}"):
        ours.predict(np.array([[wrong]]))


# --- types


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize(("outer", "inner"), [("float64", "float32"), ("float32", "float64")])
def test_models_cast_to_the_type_of_their_input(outer, inner, whole, rng, tmp_path):
    """Whatever the types of their layers are."""
    start = keras.Input((4,), dtype=inner)
    dense = Layers.Dense(3, dtype="float64")
    within = keras.Model(start, dense(start)) if whole else keras.Sequential([start, dense])
    model = models.filled(models.functional(within, (4,), outer), rng)
    kept(model, rng.normal(size=(30, 4)), tmp_path / "model.keras")


# --- what was done to the model


def test_statistics_that_are_set_later(rng, tmp_path):
    """Keras computes with those that it adapted to, until it is saved and loaded."""
    layer = Layers.Normalization()
    layer.adapt(rng.normal(size=(40, 3)) * 5)
    model = keras.Sequential([keras.Input((3,)), layer, Layers.Dense(2)])
    x = rng.normal(size=(20, 3))
    before = holds(model, x).predict(x)
    layer.set_weights([np.ones(3), np.full(3, 4.0), np.array(0)])
    np.testing.assert_array_equal(holds(model, x).predict(x), before)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    found = fastscore.load(tmp_path / "model.keras").predict(x)
    np.testing.assert_array_equal(holds(loaded, x).predict(x), found)
    assert not np.allclose(found, before)


@keras.saving.register_keras_serializable("own")
def loss(expected: Any, found: Any) -> Any:
    return keras.ops.mean(keras.ops.square(expected - found))


class Metric(keras.metrics.MeanSquaredError):
    """Whose class no file's reader knows."""


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_how_it_was_trained_is_not_read(ending, rng, tmp_path):
    layers = [Layers.Dense(3, activation="relu"), Layers.BatchNormalization(), Layers.Dense(1)]
    model = keras.Sequential([keras.Input((4,)), *layers])
    model.compile(optimizer=keras.optimizers.Adam(0.1), loss=loss, metrics=[Metric()])
    x = rng.normal(size=(64, 4))
    model.fit(x, x[:, :1], epochs=2, verbose=0)
    kept(model, x, tmp_path / f"model.{ending}")


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_layers_that_are_frozen(ending, rng, tmp_path):
    inner = keras.Sequential([keras.Input((4,)), Layers.BatchNormalization(), Layers.Dense(3)])
    model = keras.Sequential(
        [keras.Input((4,)), inner, Layers.BatchNormalization(), Layers.Dense(1)]
    )
    models.filled(model, rng)
    inner.layers[0].trainable = False
    model.layers[1].trainable = False
    x = rng.normal(size=(20, 4))
    kept(model, x, tmp_path / f"model.{ending}")
    model.trainable = False
    kept(model, x, tmp_path / f"other.{ending}")


class Inner(keras.Model):
    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.dense = Layers.Dense(2)

    def call(self, x: Any) -> Any:
        return self.dense(x) * 2


def test_a_subclass_within_a_functional_model(tmp_path):
    start = keras.Input((4,))
    model = keras.Model(start, Layers.Dense(1)(Inner(name="mine")(start)))
    with pytest.raises(UnsupportedModelError, match=r"'mine' is of the custom class .*Inner"):
        fastscore.import_model(model)
    model.save(tmp_path / "model.keras")
    with pytest.raises(UnsupportedModelError, match=r"'mine' is of the custom class .*Inner"):
        fastscore.load(tmp_path / "model.keras")
