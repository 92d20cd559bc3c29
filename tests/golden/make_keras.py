"""Make the .keras files in tests/golden/keras-VERSION, with the Keras of that version.

python -m venv /tmp/old && /tmp/old/bin/pip install keras==3.3.3 tensorflow-cpu h5py
KERAS_BACKEND=tensorflow /tmp/old/bin/python tests/golden/make_keras.py

A model is made anew from fixed numbers; beside it lies what that Keras predicts, in `expected.npz`.
"""

import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np

HERE = Path(__file__).resolve().parent
L = keras.layers


def sequential() -> Any:
    """The layers that most models have."""
    return keras.Sequential(
        [
            keras.Input((5,)),
            L.Normalization(),
            L.Dense(6, activation="relu"),
            L.BatchNormalization(),
            L.Dropout(0.2),
            L.Dense(4, activation="swish"),
            L.Dense(3, activation="softmax"),
        ]
    )


def unnamed() -> Any:
    """One without an Input, built later."""
    model = keras.Sequential([L.Dense(4, activation="tanh"), L.Dense(1, activation="sigmoid")])
    model.build((None, 5))
    return model


def functional() -> Any:
    """Nested models, shared layers, operations, dicts of inputs, several outputs."""
    a, b = keras.Input((2,), name="a"), keras.Input((3,), name="b")
    shared = L.Dense(3, activation="elu")
    start = keras.Input((3,))
    inner = keras.Model(start, L.PReLU()(shared(start)))
    first = shared(b) + inner(b)
    second = keras.Sequential([keras.Input((2,)), L.Dense(3), L.LeakyReLU()])(a)
    both = L.Concatenate()([first, second * 2.0, L.LayerNormalization()(second)])
    out = L.Dense(1, name="score")(both)
    again = keras.Model(start, L.Dense(2)(inner(start)), name="deeper")
    return keras.Model({"a": a, "b": b}, {"score": out, "deeper": again(b)})


def tables() -> Any:
    """Embeddings and a lookup."""
    start = keras.Input((2,), dtype="int32", name="codes")
    lookup = L.IntegerLookup(vocabulary=[2, 3, 5])(start)
    return keras.Model(start, L.Dense(2)(L.Flatten()(L.Embedding(4, 3)(lookup))))


def main() -> None:
    """Write the files of this version."""
    folder = HERE / f"keras-{keras.__version__}"
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(5)
    expected: dict[str, Any] = {}
    for make in (sequential, unnamed, functional, tables):
        model = make()
        for variable in model.variables:
            if "seed" not in variable.path and "int" not in str(variable.dtype):
                values = rng.normal(size=variable.shape)
                variable.assign(np.abs(values) + 0.1 if "variance" in variable.path else values)
        for layer in model.layers:
            if isinstance(layer, L.Normalization):
                layer.finalize_state()
        name = make.__name__
        x = rng.normal(size=(20, 5)).astype("float32")
        given: Any = x
        if name == "functional":
            given = {"a": x[:, :2], "b": x[:, 2:]}
        if name == "tables":
            x = rng.integers(1, 7, (20, 2)).astype("float32")
            given = x.astype("int32")
        model.save(folder / f"{name}.keras")
        if name == "sequential":
            model.save(folder / f"{name}.h5")
        found = model(given)
        expected[f"{name}.x"] = x
        parts = found if isinstance(found, dict) else {"": found}
        for key, part in parts.items():
            expected[f"{name}.{key}"] = np.asarray(part)
    np.savez_compressed(folder / "expected.npz", **expected)
    print(f"wrote {folder}", file=sys.stderr)


if __name__ == "__main__":
    main()
