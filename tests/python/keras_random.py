"""Random Keras models over all that is imported, and rows for them."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras_models as models
import numpy as np
import pandas as pd
from networks import keras

Layers = keras.layers
ops = keras.ops

BOUNDED = [
    name
    for name in models.ACTIVATIONS
    if name not in ("exponential", "glu", "squareplus", "softmax", "log_softmax")
]
"""Exponentials of exponentials are beyond all numbers."""
WORDS = ["a", "b", "é", "zz", "", "[UNK]", "long word", "Ω", "B"]


@dataclass
class Column:
    """One Input, and how a column of its rows is drawn."""

    tensor: Any
    draw: Callable[[np.random.Generator, int], Any]


@dataclass
class Made:
    """A model, and what it takes."""

    model: Any
    columns: list[Column]
    structure: str
    """How its inputs are given: `one`, `list` or `dict`."""

    def frame(self, rng: np.random.Generator, rows: int) -> pd.DataFrame:
        """Return rows as a table, a column a number, in the order of the inputs."""
        parts = []
        for each in self.columns:
            values = each.draw(rng, rows).reshape(rows, -1)
            names = [f"{each.tensor.name}_{at}" for at in range(values.shape[1])]
            parts.append(pd.DataFrame(values, columns=names))
        return pd.concat(parts, axis=1)

    def given(self, frame: pd.DataFrame) -> Any:
        """Return rows as Keras takes them."""
        arrays, start = {}, 0
        for each in self.columns:
            shape = each.tensor.shape[1:]
            stop = start + int(np.prod(shape))
            part = frame.iloc[:, start:stop].to_numpy()
            start = stop
            if each.tensor.dtype == "string":
                own = keras.ops.convert_to_tensor(part.astype(str).tolist())
                own = keras.ops.reshape(own, (len(frame), *shape))
            else:
                own = part.astype(each.tensor.dtype).reshape(len(frame), *shape)
            arrays[each.tensor.name] = own
        if any(each.tensor.dtype == "string" for each in self.columns):
            arrays = {name: keras.ops.convert_to_tensor(own) for name, own in arrays.items()}
        if self.structure == "dict":
            return arrays
        found = list(arrays.values())
        return found[0] if self.structure == "one" else found


class Network:
    """What is drawn for one model."""

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        self.widths = draw.choice([["float32"], ["float32"], ["float64"], ["float32", "float64"]])
        self.columns: list[Column] = []
        self.tensors: list[Any] = []
        self.shared: list[Any] = []

    # --- parts

    @property
    def width(self) -> str:
        return self.draw.choice(self.widths)

    def count(self, low: int, high: int) -> int:
        return self.draw.randint(low, high)

    def coin(self, share: float = 0.5) -> bool:
        return self.draw.random() < share

    def activation(self) -> Any:
        name = self.draw.choice([*BOUNDED, None, "softmax"])
        how = self.draw.choice(["name", "name", "function", "layer"])
        if name is None or how == "name":
            return name
        if how == "function":
            return keras.activations.get(name)
        return self.draw.choice(
            [
                Layers.ReLU(max_value=2.0),
                Layers.LeakyReLU(0.1),
                Layers.PReLU(),
                Layers.ELU(0.5),
                Layers.Activation(name),
            ]
        )

    def dense(self, units: int | None = None) -> Any:
        options: dict[str, Any] = {}
        if self.coin(0.3):
            options["kernel_regularizer"] = self.draw.choice(
                [
                    "l2",
                    keras.regularizers.L1L2(0.1, 0.1),
                    keras.regularizers.OrthogonalRegularizer(),
                ]
            )
        if self.coin(0.2):
            options["kernel_constraint"] = self.draw.choice(
                ["non_neg", keras.constraints.MaxNorm(2.0), keras.constraints.UnitNorm()]
            )
        if self.coin(0.3):
            options["kernel_initializer"] = self.draw.choice(
                ["he_normal", keras.initializers.RandomUniform(seed=1), "orthogonal"]
            )
            options["bias_initializer"] = self.draw.choice(["ones", keras.initializers.Constant(2)])
        if self.coin(0.1):
            options["activity_regularizer"] = "l1"
        return Layers.Dense(
            self.count(1, 7) if units is None else units,
            activation=self.activation(),
            use_bias=self.coin(0.7),
            dtype=self.width,
            trainable=self.coin(0.8),
            **options,
        )

    def product(self, x: Any) -> Any:
        return self.dense()(x)

    def plain(self, x: Any) -> Any:
        """A layer that keeps the shape of any tensor of floats."""
        axis = self.count(1, len(x.shape) - 1)
        d = self.width
        numbers = [0.5 + at for at in range(x.shape[-1])]
        each = [
            lambda: Layers.BatchNormalization(
                axis=self.draw.choice([axis, -1]),
                scale=self.coin(),
                center=self.coin(),
                epsilon=self.draw.choice([1e-3, 0.1]),
                renorm=self.coin(0.2),
                dtype=d,
            ),
            lambda: Layers.LayerNormalization(
                axis=axis, scale=self.coin(), center=self.coin(), dtype=d
            ),
            lambda: Layers.RMSNormalization(dtype=d),
            lambda: Layers.UnitNormalization(axis=axis, dtype=d),
            lambda: Layers.Dropout(0.3, dtype=d),
            lambda: Layers.GaussianNoise(0.3, dtype=d),
            lambda: Layers.AlphaDropout(0.3, dtype=d),
            lambda: Layers.ActivityRegularization(0.1, 0.1, dtype=d),
            lambda: Layers.Identity(dtype=d),
            lambda: Layers.PReLU(dtype=d),
            lambda: Layers.PReLU(shared_axes=[axis], dtype=d),
            lambda: Layers.LeakyReLU(self.draw.choice([0.3, 0.0]), dtype=d),
            lambda: Layers.ReLU(
                max_value=self.draw.choice([None, 2.0]),
                negative_slope=self.draw.choice([0.0, 0.1]),
                threshold=self.draw.choice([0.0, 0.5]),
                dtype=d,
            ),
            lambda: Layers.ELU(0.3, dtype=d),
            lambda: Layers.Softmax(axis=axis, dtype=d),
            lambda: Layers.Rescaling(self.draw.choice([0.5, numbers]), 0.25, dtype=d),
            lambda: Layers.Rescaling(0.5, np.array(numbers), dtype=d),
            lambda: Layers.Normalization(axis=-1, mean=numbers, variance=numbers, dtype=d),
            lambda: Layers.Normalization(axis=None, mean=1.0, variance=2.0, dtype=d),
            lambda: Layers.Activation(self.draw.choice(BOUNDED), dtype=d),
            self.dense,
        ]
        return self.draw.choice(each)()

    def operation(self, x: Any) -> Any:
        row = np.array([0.5 + at for at in range(x.shape[-1])], self.width)
        each = [
            lambda: x * 0.5 + 1,
            lambda: 1 - ops.tanh(x),
            lambda: -x,
            lambda: abs(x) / 3,
            lambda: x[..., ::-1] - x,
            lambda: x[:, :1] * 2 + 1,
            lambda: x * row,
            lambda: x - row,
            lambda: ops.subtract(row, x),
            lambda: 2.0 / (ops.square(x) + 1),
            lambda: ops.maximum(x, 0),
            lambda: ops.minimum(0.5, x),
            lambda: ops.clip(x, -1, 1.5),
            lambda: ops.sigmoid(x) * x,
            lambda: x - ops.mean(x, axis=-1, keepdims=True),
            lambda: x / ops.sqrt(ops.sum(ops.square(x), axis=-1, keepdims=True) + 1),
            lambda: ops.sqrt(ops.abs(x)),
            lambda: ops.log1p(ops.abs(x)),
            lambda: ops.normalize(x, axis=-1),
            lambda: ops.softmax(x),
            lambda: ops.concatenate([x, -x], axis=-1),
            lambda: ops.cast(ops.cast(x, "float64") * 2, "float32"),
            lambda: ops.max(x, axis=-1, keepdims=True) - x,
            lambda: ops.expand_dims(x, 1)[:, 0],
            lambda: ops.add(x, 2),
            lambda: ops.multiply(x, x),
            lambda: ops.leaky_relu(x, negative_slope=0.1),
            lambda: ops.gelu(x, approximate=self.coin()),
            lambda: ops.squeeze(ops.stack([x, x * 2], axis=-1)[..., 1:], -1),
            lambda: ops.hard_sigmoid(x),
            lambda: ops.silu(x),
        ]
        return self.draw.choice(each)()

    def merged(self, x: Any) -> Any:
        rank = len(x.shape)
        others = [each for each in self.tensors if len(each.shape) == rank]
        alike = [each for each in others if each.shape == x.shape]
        given = [x, *(self.draw.choice(alike) for _ in range(self.count(1, 2)))]
        d = self.width
        kind = self.draw.choice(["many", "many", "two", "join", "dot"])
        if kind == "many":
            each = [Layers.Add, Layers.Average, Layers.Multiply, Layers.Maximum, Layers.Minimum]
            return self.draw.choice(each)(dtype=d)(given)
        if kind == "two":
            return self.draw.choice([Layers.Add, Layers.Subtract, Layers.Multiply])(dtype=d)(
                given[:2]
            )
        if kind == "dot" and rank == 2:
            return Layers.Dot(axes=1, normalize=self.coin(), dtype=d)(given[:2])
        if rank == 2:
            given = [x, *(self.draw.choice(others) for _ in range(self.count(1, 2)))]
        return Layers.Concatenate(axis=-1 if rank == 2 else self.count(1, rank - 1), dtype=d)(given)

    def shaped(self, x: Any) -> Any:
        d, sizes = self.width, x.shape[1:]
        if len(sizes) == 1:
            wide = Layers.RepeatVector(self.count(1, 3), dtype=d)(x)
            split = Layers.Reshape((sizes[0], 1), dtype=d)(x)
            return self.draw.choice([wide, split])
        each = [
            lambda: Layers.Flatten(dtype=d),
            lambda: Layers.Reshape((-1,), dtype=d),
            lambda: Layers.Permute((2, 1), dtype=d),
            lambda: Layers.GlobalAveragePooling1D(dtype=d),
            lambda: Layers.GlobalMaxPooling1D(dtype=d),
            lambda: Layers.TimeDistributed(self.dense(), dtype=d),
            lambda: Layers.SpatialDropout1D(0.2, dtype=d),
        ]
        return self.draw.choice(each)()(x) if len(sizes) == 2 else each[0]()(x)

    def nested(self, x: Any) -> Any:
        """A model of its own within, which may be called again."""
        fits = [each for each in self.shared if each[0] == x.shape[1:]]
        if fits and self.coin():
            return self.again(x)
        if self.coin():
            inner = keras.Sequential([keras.Input(x.shape[1:]), self.plain(x), self.dense()])
            if self.coin():
                inner = keras.Sequential([self.dense(), self.dense()])
        else:
            start = keras.Input(x.shape[1:], dtype=self.width)
            hidden = self.dense()(start)
            end = [self.plain(hidden)(hidden), self.dense()(start)]
            inner = keras.Model(start, end[0] if self.coin() else end)
        self.shared.append((x.shape[1:], inner))
        found = inner(x)
        return self.draw.choice(found) if isinstance(found, list) else found

    def again(self, x: Any) -> Any:
        fits = [each for each in self.shared if each[0] == x.shape[1:]]
        if not fits:
            self.shared.append((x.shape[1:], self.dense()))
            fits = self.shared[-1:]
        found = self.draw.choice(fits)[1](x)
        return self.draw.choice(found) if isinstance(found, list) else found

    # --- inputs

    def start(self, shape: tuple[int, ...], dtype: str, draw: Any) -> Any:
        name = f"{self.draw.choice(['age', 'in', 'X', 'text'])}{len(self.columns)}"
        tensor = keras.Input(shape, dtype=dtype, name=name)
        self.columns.append(Column(tensor, draw))
        return tensor

    def numbers(self) -> Any:
        shape = (self.count(1, 5),) if self.coin(0.8) else (self.count(1, 3), self.count(1, 3))
        x = self.start(
            shape, self.width, lambda rng, rows: rng.normal(size=(rows, int(np.prod(shape))))
        )
        if self.coin(0.3):
            layer = Layers.Normalization(axis=-1, dtype=self.width)
            layer.adapt(np.random.default_rng(3).normal(size=(20, *shape)) * 3 + 1)
            return layer(x)
        if self.coin(0.2):
            mode = self.draw.choice(["one_hot", "int"])
            if shape[1:]:
                mode = "int"
            bins = Layers.Discretization([-1.0, 0.0, 0.5], output_mode=mode)(x)
            if mode == "one_hot" or self.coin():
                return Layers.Dense(3, dtype=self.width)(bins)
            return Layers.Flatten()(Layers.Embedding(4, 2, dtype=self.width)(bins))
        return x

    def embedded(self, ids: Any, terms: int) -> Any:
        d = self.width
        masked = self.coin(0.3)
        table = Layers.Embedding(terms, self.count(1, 4), mask_zero=masked, dtype=d)(ids)
        if masked or self.coin():
            if self.coin(0.4):
                table = Layers.TimeDistributed(Layers.Dense(2, dtype=d), dtype=d)(table)
            elif self.coin(0.3):
                table = Layers.Dropout(0.2, dtype=d)(table)
            return Layers.Flatten(dtype=d)(table)
        pools = [Layers.GlobalAveragePooling1D, Layers.GlobalMaxPooling1D]
        return self.draw.choice(pools)(dtype=d)(table)

    def identities(self) -> Any:
        columns, terms = self.count(1, 3), self.count(2, 6)
        dtype = self.draw.choice(["int32", "int64", "float32", "uint8", "int16"])
        ids = self.start(
            (columns,),
            dtype,
            lambda rng, rows: rng.integers(0, terms, (rows, columns)).astype(float),
        )
        how = self.draw.choice(["table", "table", "encoding", "lookup"])
        if how == "table":
            return self.embedded(ids, terms)
        d = self.width
        # Keras counts in no smaller integers.
        counted = [] if dtype in ("uint8", "int16") else ["multi_hot", "count"]
        mode = self.draw.choice(["one_hot", *counted])
        if how == "encoding":
            size = self.draw.choice([terms, terms + 2])
            return self.flattened(Layers.CategoryEncoding(size, output_mode=mode, dtype=d)(ids))
        mask = self.draw.choice([None, 0])
        words = [term for term in range(terms) if term != mask][: self.count(1, terms)]
        options = {"vocabulary": words, "mask_token": mask}
        if self.coin():
            return self.embedded(Layers.IntegerLookup(**options)(ids), terms + 2)
        return self.flattened(Layers.IntegerLookup(output_mode=mode, **options)(ids))

    def flattened(self, x: Any) -> Any:
        x = Layers.Flatten()(x) if len(x.shape) > 2 else x
        return Layers.Rescaling(self.draw.choice([1.0, 0.5]), dtype=self.width)(x)

    def texts(self) -> Any:
        columns = self.count(1, 2)
        x = self.start(
            (columns,),
            "string",
            lambda rng, rows: rng.choice(np.array(WORDS, dtype=object), (rows, columns)),
        )
        known = self.draw.sample(WORDS[:5], self.count(1, 4))
        known = [word for word in known if word]
        options = {"vocabulary": known or ["a"], "mask_token": self.draw.choice([None, ""])}
        if self.coin():
            return self.embedded(Layers.StringLookup(**options)(x), len(known) + 3)
        mode = self.draw.choice(["one_hot", "multi_hot", "count"])
        return self.flattened(Layers.StringLookup(output_mode=mode, **options)(x))

    # --- the whole

    def sequential(self) -> Made:
        x = self.start(
            (self.count(1, 5),),
            self.width,
            lambda rng, rows: rng.normal(size=(rows, self.columns[0].tensor.shape[1])),
        )
        layers = [keras.Input(x.shape[1:], dtype=x.dtype, name=x.name)]
        for _ in range(self.count(1, 6)):
            layers.append(self.dense() if self.coin(0.4) else self.plain(x))
            x = layers[-1](x)
        # Layers that were called already belong to it as they are.
        return Made(keras.Sequential([*layers, self.head()]), self.columns, "one")

    def head(self) -> Any:
        return self.draw.choice(
            [
                lambda: Layers.Dense(1, activation="sigmoid", dtype=self.widths[0]),
                lambda: Layers.Dense(3, activation="softmax", dtype=self.widths[0]),
                lambda: Layers.Dense(2, dtype=self.widths[0]),
                lambda: Layers.Dense(3, activation="sigmoid", dtype=self.widths[0]),
            ]
        )()

    def functional(self) -> Made:
        kinds = [self.numbers, self.numbers, self.identities, self.texts]
        self.tensors = [self.draw.choice(kinds)() for _ in range(self.count(1, 3))]
        starts = list(self.tensors)
        steps: list[Callable[[Any], Any]] = [
            self.product,
            self.product,
            lambda x: self.plain(x)(x),
            lambda x: self.plain(x)(x),
            self.operation,
            self.operation,
            self.merged,
            self.merged,
            self.shaped,
            self.nested,
            self.again,
        ]
        for _ in range(self.count(1, 8)):
            self.tensors.append(self.draw.choice(steps)(self.draw.choice(self.tensors)))
        ends = self.tensors[-self.count(1, 2) :] + starts
        flat = [Layers.Flatten(dtype=self.widths[0])(each) for each in ends]
        body = Layers.Concatenate(dtype=self.widths[0])(flat) if len(flat) > 1 else flat[0]
        count = self.count(1, 3)
        outputs: Any = [self.head()(body) for _ in range(count)]
        if count == 1 and self.coin():
            outputs = outputs[0]
        elif self.coin():
            outputs = {f"out{9 - at}": each for at, each in enumerate(outputs)}
        inputs: Any = [each.tensor for each in self.columns]
        structure = self.draw.choice(["list", "dict"])
        if structure == "dict":
            inputs = {each.name: each for each in inputs}
        elif len(inputs) == 1:
            inputs, structure = inputs[0], "one"
        return Made(keras.Model(inputs, outputs), self.columns, structure)


def network(draw: random.Random) -> Made:
    """Draw a model."""
    own = Network(draw)
    return own.sequential() if own.coin(0.2) else own.functional()
