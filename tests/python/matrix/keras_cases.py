"""Keras in the support matrix: Sequential and functional models of every supported layer."""

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import fastscore
import keras_models as models
import numpy as np
import pandas as pd
from fastscore._source_keras import KerasSource
from networks import keras

from matrix.case import Bound, Case, Library, Refusal

Layers = keras.layers
ROWS = 120
TEXT = "1e-6 (float64: 1e-12) of the sums of |weight x value|, through the layers"


def _flat(outputs: Any) -> list[Any]:
    if isinstance(outputs, dict):
        outputs = list(outputs.values())
    return outputs if isinstance(outputs, list) else [outputs]


def _called(source: Any, data: Any) -> list[Any]:
    """The outputs of a model, called on its inputs."""
    found, start = [], 0
    for each in source.inputs:
        stop = start + int(np.prod(each.shape[1:]))
        part = data.iloc[:, start:stop] if isinstance(data, pd.DataFrame) else data[:, start:stop]
        if each.dtype == "string":
            found.append(keras.ops.convert_to_tensor(part.astype(str).to_numpy().tolist()))
        else:
            array = np.asarray(part).astype(each.dtype).reshape(len(data), *each.shape[1:])
            found.append(keras.ops.convert_to_tensor(array))
        start = stop
    return _flat(source(found if len(found) > 1 else found[0]))


def _shown(values: Any) -> Any:
    array = np.asarray(values)
    array = array.reshape(len(array), -1)
    return array[:, 0] if array.shape[1] == 1 else array


def expected(source: Any, data: Any, output: str) -> Any:
    """What Keras gives; labels are 0, 1, ... in all cases."""
    parts = []
    for values in _called(source, data):
        shown = _shown(values)
        if output == "margin":
            parts.append(_shown(getattr(values, "_keras_logits", values)))
        elif output == "probability":
            parts.append(shown if shown.ndim > 1 else np.column_stack([1 - shown, shown]))
        elif getattr(source, "labelled", False):
            codes = shown.argmax(axis=1) if shown.ndim > 1 else (shown > 0.5)
            parts.append(codes.astype(np.int64))
        else:
            parts.append(shown)
    return parts if len(parts) > 1 else parts[0]


def _slack(source: Any, data: Any, output: str) -> Any:
    """How far an output may be off, the most of a row's targets where there are several."""
    model = fastscore.import_model(source)
    asked = KerasSource(source, model)
    found = []
    for target in model._structure["targets"]:
        value = target["prediction"]["value"] if output == "prediction" else target[output]
        found.append(asked.network_bound(value, data))
    return found[0] if len(found) == 1 else np.hstack(found).max(axis=1, keepdims=True)


def _within(output: str) -> Bound:
    def check(ours: Any, theirs: Any, source: Any, data: Any) -> None:
        slack = _slack(source, data, output)
        if ours.ndim == 1:
            slack = slack.max(axis=1)
        with np.errstate(invalid="ignore"):
            off = np.abs(ours.astype(float) - theirs.astype(float))
            # Where a sum overflows the bound is infinite: one of them may be no number.
            near = np.where(np.isnan(off), np.inf, off) <= slack
        assert (near | (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))).all()

    return Bound(TEXT, check)


def _labels(ours: Any, theirs: Any, source: Any, data: Any) -> None:
    differ = np.flatnonzero(ours != theirs)
    shares = np.asarray(expected(source, data, "probability"))[differ]
    most = 2 * _slack(source, data, "prediction")[differ].max(axis=1)
    rows = np.arange(len(differ))
    gaps = np.abs(shares[rows, ours[differ]] - shares[rows, theirs[differ]])
    assert (gaps <= most).all()


VALUES = {name: _within(name) for name in ("prediction", "margin")}
SHARES = VALUES | {"probability": _within("probability")}
CLASSES = SHARES | {"prediction": Bound("equal labels but for ties", _labels)}


def _save(source: Any, path: Path, ending: str) -> dict[str, Any]:
    """Keras goes by the ending of the name."""
    named = path.with_name(f"saved.{ending}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        source.save(named)
    named.rename(path)
    return {}


LIBRARY = Library(
    "Keras",
    "keras",
    expected,
    {
        ".keras": lambda source, path: _save(source, path, "keras"),
        ".h5": lambda source, path: _save(source, path, "h5"),
    },
    note="Sequential and functional models of Keras 3, and so of TensorFlow's `tf.keras`; compared "
    "with Keras on TensorFlow. Files are read with h5py and without Keras, those of Keras 3.0 to "
    "3.15 are tested, models within models in whole-model `.h5` files from 3.3 on. An input of "
    "several axes is its numbers in row-major order, an output likewise. Integer inputs are "
    "numbers, text inputs columns of text. NaN and infinities are accepted, but in integer inputs, "
    "where numbers beyond their type are errors, too. Not as Keras has them: "
    "a softmax of some NaN or infinities beside other numbers, "
    "which is NaN throughout here, and in TensorFlow in part; numbers near the largest of their "
    "type around a BatchNormalization, which is a part of the product beside it here and overflows "
    "later; denormal numbers in Discretization, which TensorFlow takes for 0.",
)


def _beside(parts: Mapping[str, Callable[[Any], Any]], dtype: str = "float32") -> Any:
    """A model of many layers side by side."""

    def build(x: Any) -> Any:
        ends = [Layers.Flatten(dtype=dtype)(part(x)) for part in parts.values()]
        return Layers.Concatenate(dtype=dtype)(ends)

    return build


def _model(
    build: Callable[[Any], Any], shape: tuple[int, ...] = (4,), dtype: str = "float32"
) -> Callable[[np.random.Generator], tuple[Any, Any]]:
    def make(rng: np.random.Generator) -> tuple[Any, Any]:
        model = models.filled(models.functional(build, shape, dtype), rng)
        data = rng.normal(size=(ROWS, int(np.prod(shape))))
        data[::7] *= 10.0 ** rng.integers(-3, 3, data[::7].shape)
        data[::11, 0] = -0.0
        data[1::11, 0] = 1e-40
        return model, data

    return make


def _odd(
    build: Callable[[Any], Any], dtype: str = "float32"
) -> Callable[[np.random.Generator], tuple[Any, Any]]:
    """NaN, infinities and huge numbers go through."""

    def make(rng: np.random.Generator) -> tuple[Any, Any]:
        model = models.filled(models.functional(build, (4,), dtype), rng)
        return model, models.awkward(rng, ROWS, 4)

    return make


def _ended(*layers: Callable[[], Any]) -> Callable[[np.random.Generator], tuple[Any, Any]]:
    def make(rng: np.random.Generator) -> tuple[Any, Any]:
        made = [
            Layers.Dense(7, activation="relu"),
            Layers.BatchNormalization(),
            *(e() for e in layers),
        ]
        model = models.filled(keras.Sequential([keras.Input((4,)), *made]), rng)
        model.labelled = True
        return model, rng.normal(size=(ROWS, 4))

    return make


def _plain(*layers: Callable[[], Any]) -> Callable[[np.random.Generator], tuple[Any, Any]]:
    def make(rng: np.random.Generator) -> tuple[Any, Any]:
        model, data = _ended(*layers)(rng)
        model.labelled = False
        return model, data

    return make


def _encoded(
    build: Callable[[Any], Any], columns: int, dtype: str
) -> Callable[[np.random.Generator], tuple[Any, Any]]:
    def make(rng: np.random.Generator) -> tuple[Any, Any]:
        start = keras.Input((columns,), dtype=dtype)
        model = models.filled(keras.Model(start, build(start)), rng)
        return model, rng.integers(0, 7, (ROWS, columns)).astype(float)

    return make


def _text(rng: np.random.Generator) -> tuple[Any, Any]:
    rest = rng.normal(size=(ROWS, 2))
    city = rng.choice(["a", "b", "é", "zz", ""], ROWS)
    frame = pd.DataFrame({"city": city, "rest_0": rest[:, 0], "rest_1": rest[:, 1]})
    return models.text_model("int", None, rng), frame


def _heads(rng: np.random.Generator) -> tuple[Any, Any]:
    return models.heads("list", rng), rng.normal(size=(ROWS, 4))


def _names(parts: Mapping[str, Any]) -> str:
    return ", ".join(dict.fromkeys(name.partition(",")[0] for name in parts))


def _activations(dtype: str) -> Any:
    names = [name for name in models.ACTIVATIONS if name != "glu"]
    return _beside(
        {name: Layers.Dense(4, activation=name, dtype=dtype) for name in names}
        | {"glu": lambda x: Layers.Activation("glu", dtype=dtype)(Layers.Dense(4, dtype=dtype)(x))},
        dtype,
    )


def _layers(dtype: str) -> Any:
    parts = {name: make(dtype) for name, make in models.single_layers().items()}
    return _beside(parts, dtype)


def _series(x: Any) -> Any:
    return _beside({name: make() for name, make in models.series_layers().items()})(x)


def _embedded(x: Any) -> Any:
    table = Layers.Embedding(7, 4)(x)
    pools = (Layers.GlobalAveragePooling1D, Layers.GlobalMaxPooling1D, Layers.Flatten)
    return Layers.Dense(2)(Layers.Concatenate()([pool()(table) for pool in pools]))


def _categories(x: Any) -> Any:
    modes = ("one_hot", "multi_hot", "count")
    parts = [Layers.CategoryEncoding(7, output_mode=mode)(x) for mode in modes]
    parts += [Layers.Discretization([1.0, 3.0], output_mode=mode)(x) for mode in modes]
    parts += [Layers.IntegerLookup(vocabulary=[2, 5], output_mode=mode)(x) for mode in modes]
    floats = [Layers.Rescaling(1.0)(part) for part in parts]
    return Layers.Dense(3)(Layers.Concatenate()([Layers.Flatten()(part) for part in floats]))


BOTH = (".keras", ".h5")
_SIGMOID = [lambda: Layers.Dense(1, activation="sigmoid")]
_SOFTMAX = [lambda: Layers.Dense(3), Layers.Softmax]
_CLASSES = {"classes": [0, 1, 2]}
CASES = [
    Case("Sequential", "numbers", _plain(lambda: Layers.Dense(2)), VALUES, BOTH),
    Case("Sequential", "a sigmoid", _plain(*_SIGMOID), SHARES, BOTH),
    Case("Sequential", "a softmax", _plain(*_SOFTMAX), SHARES, BOTH),
    Case(
        "Sequential", "a sigmoid, classes=", _ended(*_SIGMOID), CLASSES, BOTH, {"classes": [0, 1]}
    ),
    Case("Sequential", "a softmax, classes=", _ended(*_SOFTMAX), CLASSES, BOTH, _CLASSES),
    *(
        Case(
            "activations",
            f"{dtype}: {', '.join(models.ACTIVATIONS)}",
            _model(_activations(dtype), dtype=dtype),
            VALUES,
            BOTH,
        )
        for dtype in models.WIDTHS
    ),
    *(
        Case(
            "layers",
            f"{dtype}: {_names(models.single_layers())}",
            _odd(_layers(dtype), dtype),
            VALUES,
            BOTH,
        )
        for dtype in models.WIDTHS
    ),
    Case(
        "layers of series",
        f"(rows, steps, values): {_names(models.series_layers())}",
        _model(_series, (5, 4)),
        VALUES,
        BOTH,
    ),
    Case(
        "functional models",
        _names(models.graphs()),
        _model(_beside(models.graphs())),
        VALUES,
        BOTH,
    ),
    Case(
        "operations of keras.ops",
        ", ".join(models.operations()),
        _model(_beside(models.operations())),
        VALUES,
        BOTH,
    ),
    Case("functional models", "several inputs and outputs", _heads, VALUES, BOTH),
    Case("Embedding", "of an int32 Input", _encoded(_embedded, 3, "int32"), VALUES, BOTH),
    Case("Embedding", "of a float32 Input", _encoded(_embedded, 3, "float32"), VALUES, BOTH),
    Case(
        "encodings",
        "CategoryEncoding, Discretization, IntegerLookup",
        _encoded(_categories, 3, "int64"),
        VALUES,
        BOTH,
    ),
    Case("encodings", "StringLookup of a text column", _text, VALUES, BOTH),
]


def _over(layer: Callable[[], Any], shape: tuple[int, ...] = (4,), dtype: str = "float32") -> Any:
    return lambda rng: keras.Sequential([keras.Input(shape, dtype=dtype), layer()])


class _Own(keras.Model):
    def call(self, x: Any) -> Any:
        return x


REFUSALS = [
    Refusal(
        "subclassed models",
        lambda rng: _Own(),
        "_Own",
        "build it as a Sequential or functional model",
    ),
    Refusal(
        "a Sequential that was never built",
        lambda rng: keras.Sequential([Layers.Dense(2)]),
        "not built",
        "call model.build((None, n_features)), or begin it with keras.Input((n_features,))",
    ),
    Refusal(
        "Lambda layers",
        _over(lambda: Layers.Lambda(lambda x: x, name="own")),
        "'own'",
        "write it with layers or keras.ops of their own",
    ),
    Refusal(
        "convolutions, and pooling but over a whole series",
        _over(lambda: Layers.Conv1D(2, 2), (5, 4)),
        "Conv1D",
        "networks of dense layers are",
    ),
    Refusal(
        "recurrent layers",
        _over(lambda: Layers.LSTM(2), (5, 4)),
        "LSTM",
        "give the network features made beforehand",
    ),
    Refusal(
        "mixed precision, float16, bfloat16, quantised models",
        _over(lambda: Layers.Dense(2, dtype="mixed_float16")),
        "mixed_float16",
        "build the model with one of these and set its weights (model.set_weights)",
    ),
    Refusal(
        "Hashing, HashedCrossing",
        _over(lambda: Layers.Hashing(5), dtype="int64"),
        "Hashing",
        "use StringLookup or IntegerLookup with a vocabulary",
    ),
    Refusal(
        "inputs whose length varies",
        _over(Layers.Flatten, (None, 4)),
        "varies",
        "give it a fixed shape",
    ),
]
