"""Small Keras models for the tests, of every layer, activation and operation that is supported."""

from collections.abc import Callable, Iterator
from typing import Any

import fastscore
import numpy as np
from networks import keras
from support import same_bits

Layers = keras.layers
ops = keras.ops

WIDTHS = ("float32", "float64")
ACTIVATIONS = [
    "linear",
    "relu",
    "relu6",
    "leaky_relu",
    "sigmoid",
    "tanh",
    "softmax",
    "log_softmax",
    "softplus",
    "softsign",
    "exponential",
    "elu",
    "selu",
    "celu",
    "gelu",
    "silu",
    "mish",
    "hard_sigmoid",
    "hard_silu",
    "hard_tanh",
    "log_sigmoid",
    "tanh_shrink",
    "soft_shrink",
    "hard_shrink",
    "squareplus",
    "sparse_plus",
    "sparse_sigmoid",
    "glu",
]


def parts(values: Any) -> list[Any]:
    """The arrays of one output or of several."""
    return [np.asarray(part) for part in (values if isinstance(values, list) else [values])]


def holds(model: Any, data: Any, tmp_path: Any = None, **keywords: Any) -> fastscore.Model:
    """Verify a model with Keras, and its files with the live one."""
    ours = fastscore.import_model(model, **keywords)
    report = ours.verify(data, source=model)
    assert report.ok, report
    if tmp_path is not None:
        model.save(tmp_path / "model.keras")
        loaded = fastscore.load(tmp_path / "model.keras", **keywords)
        assert loaded.outputs == ours.outputs
        for output in ours.outputs:
            live, file = (parts(each.score(data, output=output)) for each in (ours, loaded))
            for one, other in zip(live, file, strict=True):
                same_bits(other, one)
    return ours


def filled(model: Any, rng: np.random.Generator) -> Any:
    """Return a model with weights and statistics that are none of those it starts with."""
    for layer in model._flatten_layers():
        if hasattr(layer, "layers"):
            continue
        for variable in layer.weights:
            if variable.dtype.startswith("float"):
                values = rng.normal(size=variable.shape)
                positive = "variance" in variable.path
                variable.assign(np.abs(values) + 0.1 if positive else values)
        if isinstance(layer, Layers.Normalization):
            layer.finalize_state()
    return model


def functional(
    build: Callable[[Any], Any], shape: tuple[int, ...] = (4,), dtype: str = "float32"
) -> Any:
    """Return a model of one input."""
    start = keras.Input(shape, dtype=dtype)
    model = keras.Model(start, build(start))
    # A layer that is an activation is built when it is called first.
    model(np.zeros((1, *shape)).astype(dtype))
    return model


def awkward(rng: np.random.Generator, rows: int, columns: int) -> Any:
    """Rows of very different sizes, with NaN, infinities, zeros and denormals, as float64."""
    x = rng.normal(size=(rows, columns)) * 10.0 ** rng.integers(-4, 4, (rows, columns))
    at = 1 % columns
    for every, start, column, value in (
        (7, 0, 0, -0.0),
        (11, 0, 0, 1e-310),
        (11, 1, 0, 1e-40),
        (13, 2, at, np.inf),
        (13, 3, at, -np.inf),
        (17, 5, at, np.nan),
        (19, 6, at, 3e38),
        (23, 8, at, 1e300),
        (23, 9, at, -1e-30),
    ):
        x[start::every, column] = value
    return x


def single_layers() -> dict[str, Callable[[str], Any]]:
    """Layers of one input of shape (rows, 4): each of a type that is given."""
    return {
        "ReLU": lambda d: Layers.ReLU(dtype=d),
        "ReLU, max_value": lambda d: Layers.ReLU(max_value=2.0, dtype=d),
        "ReLU, negative_slope": lambda d: Layers.ReLU(negative_slope=0.1, dtype=d),
        "ReLU, threshold": lambda d: Layers.ReLU(threshold=0.5, dtype=d),
        "ReLU, all": lambda d: Layers.ReLU(
            max_value=3.0, negative_slope=0.2, threshold=0.5, dtype=d
        ),
        "ReLU, max_value and threshold": lambda d: Layers.ReLU(max_value=6, threshold=1.0, dtype=d),
        "LeakyReLU": lambda d: Layers.LeakyReLU(0.05, dtype=d),
        "LeakyReLU, steep": lambda d: Layers.LeakyReLU(2.0, dtype=d),
        "PReLU": lambda d: Layers.PReLU(dtype=d),
        "ELU": lambda d: Layers.ELU(0.7, dtype=d),
        "Softmax": lambda d: Layers.Softmax(dtype=d),
        "Dropout": lambda d: Layers.Dropout(0.5, dtype=d),
        "GaussianNoise": lambda d: Layers.GaussianNoise(1.0, dtype=d),
        "GaussianDropout": lambda d: Layers.GaussianDropout(0.2, dtype=d),
        "AlphaDropout": lambda d: Layers.AlphaDropout(0.2, dtype=d),
        "ActivityRegularization": lambda d: Layers.ActivityRegularization(0.1, dtype=d),
        "Identity": lambda d: Layers.Identity(dtype=d),
        "LayerNormalization": lambda d: Layers.LayerNormalization(dtype=d),
        "LayerNormalization, no center": lambda d: Layers.LayerNormalization(center=False, dtype=d),
        "LayerNormalization, no scale": lambda d: Layers.LayerNormalization(scale=False, dtype=d),
        "RMSNormalization": lambda d: Layers.RMSNormalization(dtype=d),
        "UnitNormalization": lambda d: Layers.UnitNormalization(dtype=d),
        "GroupNormalization": lambda d: Layers.GroupNormalization(2, dtype=d),
        "GroupNormalization, -1": lambda d: Layers.GroupNormalization(-1, dtype=d),
        "BatchNormalization": lambda d: Layers.BatchNormalization(dtype=d),
        "BatchNormalization, no center": lambda d: Layers.BatchNormalization(center=False, dtype=d),
        "BatchNormalization, no scale": lambda d: Layers.BatchNormalization(scale=False, dtype=d),
        "BatchNormalization, neither": lambda d: Layers.BatchNormalization(
            scale=False, center=False, epsilon=0.1, dtype=d
        ),
        "Rescaling": lambda d: Layers.Rescaling(2.0, 1.0, dtype=d),
        "Rescaling, lists": lambda d: Layers.Rescaling([1.0, 2, 3, 4], -0.5, dtype=d),
        "Normalization": lambda d: Layers.Normalization(mean=1.0, variance=4.0, dtype=d),
        "Normalization, invert": lambda d: Layers.Normalization(
            mean=[1.0, 2, 3, 4], variance=[1.0, 0, 3, 4], invert=True, dtype=d
        ),
        "Normalization, axis=None": lambda d: Layers.Normalization(
            axis=None, mean=2.0, variance=3.0, dtype=d
        ),
        "Flatten": lambda d: Layers.Flatten(dtype=d),
        "Reshape": lambda d: Layers.Reshape((-1, 2), dtype=d),
        "RepeatVector": lambda d: Layers.RepeatVector(3, dtype=d),
    }


def series_layers() -> dict[str, Callable[[], Any]]:
    """Layers of an input of shape (rows, 5, 4)."""
    return {
        "Dense": lambda: Layers.Dense(3, activation="softmax"),
        "BatchNormalization, axis=1": lambda: Layers.BatchNormalization(axis=1),
        "LayerNormalization": Layers.LayerNormalization,
        "LayerNormalization, axis=1": lambda: Layers.LayerNormalization(axis=1),
        "LayerNormalization, axis=[1, 2]": lambda: Layers.LayerNormalization(axis=[1, 2]),
        "RMSNormalization": Layers.RMSNormalization,
        "UnitNormalization, axis=1": lambda: Layers.UnitNormalization(axis=1),
        "Softmax, axis=1": lambda: Layers.Softmax(axis=1),
        "PReLU, shared_axes": lambda: Layers.PReLU(shared_axes=[1]),
        "Permute": lambda: Layers.Permute((2, 1)),
        "GlobalAveragePooling1D": Layers.GlobalAveragePooling1D,
        "GlobalAveragePooling1D, channels_first": lambda: Layers.GlobalAveragePooling1D(
            data_format="channels_first"
        ),
        "GlobalMaxPooling1D, keepdims": lambda: Layers.GlobalMaxPooling1D(keepdims=True),
        "SpatialDropout1D": lambda: Layers.SpatialDropout1D(0.3),
        "TimeDistributed": lambda: Layers.TimeDistributed(Layers.Dense(2, activation="relu")),
        "EinsumDense": lambda: Layers.EinsumDense("abc,cd->abd", (None, 3), bias_axes="d"),
        "Normalization, axis=1": lambda: Layers.Normalization(
            axis=1, mean=np.arange(5.0), variance=np.arange(1.0, 6)
        ),
        "Flatten": Layers.Flatten,
    }


def graphs() -> dict[str, Callable[[Any], Any]]:
    """Functional graphs over an input of shape (rows, 4)."""
    dense = Layers.Dense
    shared = dense(4, activation="relu")

    def nested(x: Any) -> Any:
        start = keras.Input((4,))
        two = [dense(3, activation="relu")(start), Layers.BatchNormalization()(dense(2)(start))]
        inner = keras.Model(start, two)
        later = keras.Sequential([dense(2), Layers.PReLU()])
        return Layers.Concatenate()([*inner(x), *inner(x * 2.0), later(x)])

    def inner_last(x: Any) -> Any:
        start = keras.Input((4,))
        return keras.Model(start, dense(2)(start))(x)

    def normalised_twice(x: Any) -> Any:
        hidden = dense(4)(x)
        return Layers.Add()([Layers.BatchNormalization()(hidden), hidden])

    def normalised_before(x: Any) -> Any:
        hidden = Layers.ReLU()(Layers.BatchNormalization()(dense(4)(x)))
        return dense(3)(Layers.BatchNormalization()(hidden))

    return {
        "residual Add": lambda x: Layers.Add()([dense(4, activation="relu")(x), x]),
        "Add of three": lambda x: Layers.Add()([dense(4)(x), x, dense(4)(x)]),
        "Average": lambda x: Layers.Average()([dense(4)(x), x, dense(4)(x)]),
        "Subtract": lambda x: Layers.Subtract()([dense(4)(x), x]),
        "Multiply": lambda x: Layers.Multiply()([dense(4)(x), x, x]),
        "Multiply by one column": lambda x: Layers.Multiply()(
            [dense(1, activation="sigmoid")(x), x]
        ),
        "Maximum": lambda x: Layers.Maximum()([dense(4)(x), x, x]),
        "Minimum": lambda x: Layers.Minimum()([dense(4)(x), x]),
        "Dot": lambda x: Layers.Dot(axes=1)([dense(4)(x), x]),
        "Dot, normalize": lambda x: Layers.Dot(axes=-1, normalize=True)([dense(4)(x), x]),
        "Concatenate": lambda x: dense(2)(
            Layers.Concatenate()([dense(4, activation="tanh")(x), x])
        ),
        "Concatenate, axis=1": lambda x: Layers.Concatenate(axis=1)(
            [Layers.Reshape((2, 2))(x), Layers.Reshape((2, 2))(x * 2.0)]
        ),
        "a shared layer": lambda x: shared(shared(shared(x)) + x),
        "nested models": nested,
        "a nested model last": inner_last,
        "BatchNormalization beside": normalised_twice,
        "BatchNormalization around": normalised_before,
        "BatchNormalization twice": lambda x: Layers.BatchNormalization()(
            Layers.BatchNormalization()(x)
        ),
        "PReLU as an activation": dense(3, activation=Layers.PReLU()),
        "LeakyReLU as an activation": dense(3, activation=Layers.LeakyReLU(0.1)),
        "no bias": dense(3, use_bias=False),
        "the input itself": Layers.Identity(),
    }


def operations() -> dict[str, Callable[[Any], Any]]:
    """Operations of `keras.ops` over an input of shape (rows, 4)."""
    plain = [
        "relu",
        "relu6",
        "sigmoid",
        "tanh",
        "softplus",
        "softsign",
        "silu",
        "log_sigmoid",
        "leaky_relu",
        "hard_sigmoid",
        "hard_silu",
        "elu",
        "selu",
        "celu",
        "gelu",
        "softmax",
        "log_softmax",
        "squareplus",
        "soft_shrink",
        "hard_shrink",
        "hard_tanh",
        "tanh_shrink",
        "sparse_plus",
        "sparse_sigmoid",
        "glu",
        "exp",
        "expm1",
        "abs",
        "sign",
        "square",
        "floor",
        "ceil",
        "trunc",
        "round",
        "erf",
        "sin",
        "cos",
        "arctan",
        "arcsinh",
        "negative",
        "normalize",
    ]
    found: dict[str, Callable[[Any], Any]] = {name: getattr(ops, name) for name in plain}
    row = np.array([1.0, 2, 3, 4], "float32")
    positive = {
        "sqrt": ops.sqrt,
        "rsqrt": ops.rsqrt,
        "log": ops.log,
        "log2": ops.log2,
        "log10": ops.log10,
        "log1p": ops.log1p,
        "reciprocal": ops.reciprocal,
    }
    for name, each in positive.items():
        found[name] = lambda x, each=each: each(ops.square(x) + 1)
    return found | {
        "gelu, exact": lambda x: ops.gelu(x, approximate=False),
        "x + y": lambda x: x + x * x,
        "x + number": lambda x: x + 2.0,
        "x - number": lambda x: x - 3,
        "number - x": lambda x: 1 - x,
        "x * y": lambda x: x * Layers.Dense(4)(x),
        "x / y": lambda x: x / (2 + ops.square(x)),
        "x / number": lambda x: x / 3,
        "number / x": lambda x: 1 / (x * x + 1),
        "x * array": lambda x: x * row + np.float32(1),
        "maximum": lambda x: ops.maximum(x, 0.0),
        "minimum": lambda x: ops.minimum(x, Layers.Dense(4)(x)),
        "concatenate": lambda x: ops.concatenate([x, ops.relu(x)], axis=-1),
        "stack": lambda x: ops.stack([x, -x], axis=1),
        "power": lambda x: ops.power(ops.abs(x), 1.5),
        "square by **": lambda x: x**2,
        "cube": lambda x: x**3,
        "clip": lambda x: ops.clip(x, -1, 1),
        "mean": lambda x: ops.mean(x, axis=-1),
        "mean, keepdims": lambda x: x - ops.mean(x, axis=-1, keepdims=True),
        "sum": lambda x: ops.sum(x, axis=1),
        "max": lambda x: ops.max(x, axis=-1, keepdims=True),
        "min": lambda x: ops.min(x, axis=-1),
        "prod": lambda x: ops.prod(x, axis=-1),
        "matmul": lambda x: ops.matmul(x, row.reshape(4, 1) * [[1.0, -1.0]]),
        "reshape": lambda x: ops.reshape(x, (-1, 2, 2)),
        "transpose": lambda x: ops.transpose(ops.reshape(x, (-1, 2, 2)), (0, 2, 1)),
        "expand_dims": lambda x: ops.expand_dims(x, -1) + x[:, None, :] * 0.5,
        "squeeze": lambda x: ops.squeeze(ops.expand_dims(x, -1), -1),
        "slices": lambda x: x[:, 1:3] + x[:, :1],
        "an item": lambda x: x[:, 2] * 2,
        "backwards": lambda x: x[..., ::-1] + 1,
        "cast": lambda x: ops.cast(ops.cast(x, "float64") * 2, "float32"),
        "activations.relu": lambda x: keras.activations.relu(x, max_value=1.0, negative_slope=0.1),
    }


def encoders(rng: np.random.Generator, rows: int) -> Iterator[tuple[str, Any, Any]]:
    """Models over integers, with rows: embeddings, encodings and lookups."""

    def model(dtype: str, columns: int, build: Callable[[Any], Any]) -> Any:
        start = keras.Input((columns,), dtype=dtype)
        end = Layers.Dense(2)(Layers.Flatten()(build(start)))
        return filled(keras.Model(start, end), rng)

    def numbers(low: int, high: int, columns: int) -> Any:
        return rng.integers(low, high, (rows, columns)).astype(float)

    for dtype in ("float32", "int32", "int64"):
        yield f"Embedding, {dtype}", model(dtype, 3, Layers.Embedding(7, 4)), numbers(-7, 7, 3)
        for pool in (Layers.GlobalAveragePooling1D, Layers.GlobalMaxPooling1D):
            both = model(dtype, 3, lambda x, pool=pool: pool()(Layers.Embedding(7, 4)(x)))
            yield f"Embedding, {pool.__name__}, {dtype}", both, numbers(0, 7, 3) + 0.5
        for columns in (1, 3):
            for mode in ("int", "one_hot", "multi_hot", "count"):
                name = f"{mode}, {columns} x {dtype}"
                if mode != "int":
                    encoding = Layers.CategoryEncoding(5, output_mode=mode)
                    data = numbers(0, 7, columns)
                    yield f"CategoryEncoding, {name}", model(dtype, columns, encoding), data
                bins = Layers.Discretization([0.0, 1.5, 3.0], output_mode=mode)
                fraction = rng.random((rows, columns)) if dtype == "float32" else 0
                data = numbers(-2, 7, columns) + fraction
                yield f"Discretization, {name}", model(dtype, columns, bins), data
                for mask in (None, 0):
                    lookup = Layers.IntegerLookup(
                        vocabulary=[2, 5, -3, 100], output_mode=mode, mask_token=mask
                    )
                    data = numbers(-4, 7, columns)
                    yield f"IntegerLookup, {mask}, {name}", model(dtype, columns, lookup), data


def text_model(mode: str, mask: str | None, rng: np.random.Generator) -> Any:
    """A model of a text and two numbers."""
    city, rest = keras.Input((1,), dtype="string", name="city"), keras.Input((2,), name="rest")
    lookup = Layers.StringLookup(vocabulary=["a", "b", "é"], output_mode=mode, mask_token=mask)
    found = lookup(city)
    if mode == "int":
        found = Layers.Flatten()(Layers.Embedding(6, 3)(found))
    end = Layers.Dense(2)(Layers.Concatenate()([found, rest]))
    return filled(keras.Model([city, rest], end), rng)


def heads(structure: str, rng: np.random.Generator) -> Any:
    """A model of two inputs and three outputs, as lists or dicts."""
    age, rest = keras.Input((1,), name="age"), keras.Input((3,), name="rest")
    hidden = Layers.Dense(4, activation="relu")(Layers.Concatenate()([age, rest]))
    churn = Layers.Dense(1, activation="sigmoid", name="churn")(hidden)
    kind = Layers.Dense(3, activation="softmax", name="kind")(hidden)
    values = Layers.Dense(2, name="values")(hidden)
    if structure == "dict":
        outputs = {"zone": churn, "kind": kind, "amounts": values}
        return filled(keras.Model({"rest": rest, "age": age}, outputs), rng)
    return filled(keras.Model([age, rest], [churn, kind, values]), rng)
