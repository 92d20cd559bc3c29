"""Masks of Keras models (mask_zero=True): who hands them on, who drops them, who reads them."""

from collections.abc import Callable
from typing import Any

import fastscore
import keras_models as models
import numpy as np
import pytest
from fastscore import UnsupportedModelError
from fastscore.importers._keras_registry import MASKS
from keras_models import holds
from networks import WARNINGS, keras

Layers = keras.layers
ops = keras.ops

pytestmark = pytest.mark.filterwarnings(*WARNINGS, "ignore:Layer '.*destroy the mask")


def table(**keywords: Any) -> Any:
    return Layers.Embedding(5, 2, **({"mask_zero": True} | keywords))


def mean(x: Any, **keywords: Any) -> Any:
    return Layers.GlobalAveragePooling1D()(x, **keywords)


def within(*layers: Any, whole: bool = False) -> Any:
    """A model within another, without an Embedding of its own."""
    start = keras.Input((4, 2))
    x = start
    for each in layers:
        x = each(x)
    return keras.Model(start, x) if whole else keras.Sequential([start, *layers])


def embedded() -> Any:
    start = keras.Input((4,))
    return keras.Model(start, table()(start))


KEPT: dict[str, Callable[[Any], Any]] = {
    "at once": lambda x: mean(table()(x)),
    "keepdims": lambda x: Layers.GlobalAveragePooling1D(keepdims=True)(table()(x)),
    "Dense": lambda x: mean(Layers.Dense(3)(table()(x))),
    "layers between": lambda x: mean(
        Layers.PReLU()(Layers.BatchNormalization()(Layers.Dropout(0.1)(table()(x))))
    ),
    "TimeDistributed": lambda x: mean(Layers.TimeDistributed(Layers.Dense(3))(table()(x))),
    "Add": lambda x: mean(Layers.Add()([table()(x), table()(x[:, ::-1])])),
    "a Sequential between": lambda x: mean(within(Layers.Dense(3))(table()(x))),
    "a model between": lambda x: mean(within(Layers.Dense(3), whole=True)(table()(x))),
    "a Sequential after": lambda x: within(Layers.GlobalAveragePooling1D())(table()(x)),
    "a model after": lambda x: within(Layers.ReLU(), Layers.GlobalAveragePooling1D(), whole=True)(
        table()(x)
    ),
    "a model before": lambda x: mean(embedded()(x)),
}
DROPPED: dict[str, Callable[[Any], Any]] = {
    "an operation": lambda x: mean(table()(x) * 2.0),
    "EinsumDense": lambda x: mean(
        Layers.EinsumDense("abc,cd->abd", (None, 3), bias_axes="d")(table()(x))
    ),
    "RMSNormalization": lambda x: mean(Layers.RMSNormalization()(table()(x))),
    "Permute": lambda x: mean(Layers.Permute((2, 1))(table()(x))),
    "Add of one without": lambda x: mean(Layers.Add()([table()(x), table(mask_zero=False)(x)])),
    "GlobalMaxPooling1D": lambda x: Layers.GlobalMaxPooling1D()(table()(x)),
    "Flatten": lambda x: Layers.Flatten()(Layers.Dense(3)(table()(x))),
    "a mask that is given": lambda x: mean(table()(x), mask=ops.not_equal(x, 1)),
    "a mask for a table without": lambda x: mean(table(mask_zero=False)(x), mask=x != 2),
}


@pytest.mark.parametrize("dtype", ["int32", "float32"])
@pytest.mark.parametrize("name", KEPT | DROPPED)
def test_masks(name, dtype, tmp_path):
    rng = np.random.default_rng(4)
    model = models.filled(models.functional((KEPT | DROPPED)[name], (4,), dtype), rng)
    x = rng.integers(1, 5, (50, 4)) * (rng.random((50, 4)) < 0.6)
    x[:2] = [[0], [1]]
    found = holds(model, x).predict(x)
    # A row without a step that is kept has no mean.
    assert np.isnan(found[0]).all() == (name in KEPT)
    for ending in ("keras", "h5"):
        model.save(tmp_path / f"model.{ending}")
        np.testing.assert_array_equal(
            fastscore.load(tmp_path / f"model.{ending}").predict(x), found
        )


ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "Activation": ("relu",),
    "CategoryEncoding": (3,),
    "Dense": (2,),
    "Discretization": ([0.0],),
    "Dot": (1,),
    "EinsumDense": ("abc,cd->abd", (None, 3)),
    "Embedding": (5, 2),
    "Permute": ((1,),),
    "RepeatVector": (2,),
    "Reshape": ((-1,),),
    "Rescaling": (2.0,),
    **dict.fromkeys(["AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise"], (0.5,)),
    **dict.fromkeys([f"SpatialDropout{dims}D" for dims in (1, 2, 3)], (0.5,)),
}


@pytest.mark.parametrize("kind", sorted(kind for kind in MASKS if not kind.startswith("TF")))
def test_what_layers_do_with_masks_is_what_keras_says(kind):
    given = (Layers.Dense(2),) if kind == "TimeDistributed" else ARGUMENTS.get(kind, ())
    layer, does = getattr(Layers, kind)(*given), MASKS[kind]
    own = type(layer).compute_mask is not Layers.Layer.compute_mask
    if does == "kept":
        assert layer.supports_masking
        assert not own
    elif does == "dropped":
        # Without a method of its own, a layer hands on masks where it supports them.
        assert not layer.supports_masking or (own and layer.compute_mask([None], [None]) is None)
    elif does in ("joined", "made"):
        assert own
    else:
        assert layer.supports_masking


def test_masks_of_fractions():
    """What an Embedding reads as row 0 is no 0 for the mask."""
    model = keras.Sequential([keras.Input((3,)), table(), Layers.GlobalAveragePooling1D()])
    x = np.array([[0.5, 0.0, 1.0], [0.0, 0.25, 0.0], [-0.0, 1.0, 2.0]])
    holds(model, x)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (
            lambda x: Layers.Multiply()([table()(x), table()(x)]),
            r"\(Multiply\): a mask .* mask_zero",
        ),
        (lambda x: Layers.Maximum()([table()(x), table()(x)]), r"\(Maximum\): a mask .* mask_zero"),
        (
            lambda x: Layers.Concatenate(axis=1)([table()(x), table()(x)]),
            r"\(Concatenate\): axis=1 of inputs with masks .* use axis=-1",
        ),
        (
            lambda x: Layers.Add()([table()(x), table()(x[:, :1])]),
            r"\(Add\): masks of shapes \(4,\) and \(1,\)",
        ),
        (lambda x: Layers.Dense(2)(ops.not_equal(x, 0)), r"\(Dense\): it gets truths"),
        (lambda x: ops.not_equal(x, 0), r"is of type bool"),
        (lambda x: mean(table()(x), mask=x > 0), r"\(Greater\): it is not supported"),
        (lambda x: mean(table()(x), mask=ops.not_equal(x, x)), r"\(NotEqual\): .* one number"),
        (lambda x: mean(table()(x), mask=(x != 0)[:, :2]), r"mask of shape \(2,\) does not fit"),
    ],
)
def test_masks_that_are_refused(build, said):
    start = keras.Input((4,), dtype="int32")
    with pytest.raises(UnsupportedModelError, match=said):
        fastscore.import_model(keras.Model(start, build(start)))
