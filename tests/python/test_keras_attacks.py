"""Keras models that were once read wrongly, or that kept a reader busy: against Keras itself."""

import functools
import io
import json
import subprocess
import sys
import time
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import fastscore
import h5py
import keras_models as models
import numpy as np
import pytest
from fastscore import ModelFormatError, UnsupportedModelError
from fastscore.importers._keras_heaps import SIGNATURE, check_heaps
from networks import WARNINGS, keras

Layers = keras.layers
ops = keras.ops

pytestmark = pytest.mark.filterwarnings(*WARNINGS)

STRUCTURES = pytest.mark.filterwarnings("ignore:The structure of `inputs`", "ignore:Exception enc")
HANG = "import sys, fastscore\ntry: fastscore.load(sys.argv[1])\nexcept Exception as e: print(e)"


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(13)


def holds(model: Any, data: Any, **keywords: Any) -> fastscore.Model:
    ours = fastscore.import_model(model, **keywords)
    report = ours.verify(data, source=model)
    assert report.ok, report
    return ours


def two() -> Any:
    return keras.Sequential([keras.Input((4,)), Layers.Dense(3), Layers.Dense(2)])


# --- heaps of HDF5


def zeroed(data: bytearray) -> None:
    """Have a global heap begin with an object of no size."""
    at = data.index(b"GCOL")
    data[at + 16 : at + 32] = bytes(16)


def loaded(path: Path) -> str:
    """Load a file in a process of its own: what is wrong here can't be interrupted."""
    code = [sys.executable, "-c", HANG, str(path)]
    return subprocess.run(code, capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.fixture
def whole(tmp_path) -> Path:
    path = tmp_path / "model.h5"
    two().save(path)
    return path


@pytest.fixture
def zipped(tmp_path) -> Path:
    path = tmp_path / "model.keras"
    two().save(path)
    return path


def backwards(data: bytearray) -> None:
    at = data.index(b"GCOL")
    data[at + 24 : at + 32] = (2**64 - 16).to_bytes(8, "little")


def endless_blocks(data: bytearray) -> None:
    at = data.index(b"HEAP")
    block = int.from_bytes(data[at + 24 : at + 32], "little")
    data[at + 16 : at + 24] = (8).to_bytes(8, "little")
    data[block + 8 : block + 16] = (8).to_bytes(8, "little")


def own_branch(data: bytearray) -> None:
    at = data.index(b"TREE")
    data[at + 5] = 1
    data[at + 32 : at + 40] = at.to_bytes(8, "little")


def longer_text(data: bytearray) -> None:
    heap = data.index(b"GCOL")
    # The length of the first object, where it is, and its number.
    length = data[heap + 24 : heap + 28]
    reference = length + heap.to_bytes(8, "little") + (1).to_bytes(4, "little")
    data[data.index(reference) + 3] = 0x43


def small_numbers(data: bytearray) -> None:
    data[14] = 4


def another_base(data: bytearray) -> None:
    data[24] = 8


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (zeroed, "object of the global heap"),
        (backwards, "object of the global heap"),
        (endless_blocks, "free blocks"),
        (own_branch, "does not end"),
        (longer_text, "a text is longer"),
        (small_numbers, "not of 8 bytes"),
        (another_base, "do not begin where"),
    ],
)
def test_damaged_structures_of_a_whole_h5(damage, said, whole):
    data = bytearray(whole.read_bytes())
    damage(data)
    whole.write_bytes(data)
    assert said in loaded(whole)


def rewritten(path: Path, change: Any, member: str = "model.weights.h5") -> None:
    """Change a member of a zip file."""
    with zipfile.ZipFile(path) as packed:
        members = {name: packed.read(name) for name in packed.namelist()}
    members[member] = change(members[member])
    with zipfile.ZipFile(path, "w") as packed:
        for name, data in members.items():
            packed.writestr(name, data)


def configured(path: Path, change: Any) -> None:
    """Change the configuration in a `.keras` file."""

    def changed(data: bytes) -> bytes:
        entry = json.loads(data)
        change(entry["config"])
        return json.dumps(entry).encode()

    rewritten(path, changed, "config.json")


def weighted(path: Path, change: Any) -> None:
    """Change the weights in a `.keras` file."""

    def changed(data: bytes) -> bytes:
        opened = io.BytesIO(data)
        with h5py.File(opened, "r+") as file:
            change(file)
        return opened.getvalue()

    rewritten(path, changed)


def test_an_endless_heap_of_weights(zipped):

    def change(data: bytes) -> bytes:
        opened = io.BytesIO(data)
        with h5py.File(opened, "r+") as file:
            file["layers/dense/vars/0"].attrs["dtype"] = "float32"
        damaged = bytearray(opened.getvalue())
        zeroed(damaged)
        return bytes(damaged)

    rewritten(zipped, change)
    assert "object of the global heap" in loaded(zipped)


def test_more_layers_than_a_node_of_a_tree_has(tmp_path):
    """Their groups' names are a tree of two levels."""
    path = tmp_path / "model.h5"
    start = x = keras.Input((1,))
    for _ in range(300):
        x = Layers.ReLU()(x)
    keras.Model(start, x).save(path)
    data = path.read_bytes()
    levels = [data[at + 5] for at in range(len(data)) if data.startswith(b"TREE\0", at)]
    assert max(levels) == 1
    assert fastscore.load(path).predict(np.array([[2.0]])).tolist() == [2.0]


def test_attributes_of_many_texts(whole):
    with h5py.File(whole, "r+") as file:
        group = next(iter(file["model_weights"].values()))
        del group.attrs["weight_names"]
        group.attrs.create("weight_names", ["x"] * 1000)
    with pytest.raises(ModelFormatError, match=r"weight_names of shape \(1000,\)"):
        fastscore.load(whole)


# --- structures


def number(*numbers: int) -> bytes:
    return b"".join(each.to_bytes(8, "little") for each in numbers)


def across() -> dict[str, bytes]:
    """Return heaps and trees of which each is short, and all together are far longer."""
    global_heap = b"GCOL\x01\0\0\0" + number(60_016, 1, 16)
    local = b"HEAP\0\0\0\0" + number(100_000, 16, 64 + 32 * 2000)
    chain = b"".join(number(at + 16, 0) for at in range(0, 100_000, 16))
    return {
        "global": global_heap * 6000,
        "local": local * 2000 + chain,
        "tree": b"TREE\0\1\xff\xff" * 20_000,
    }


@pytest.mark.parametrize("name", across())
def test_heaps_across_each_other(name):
    first = bytearray(SIGNATURE + bytes(56))
    first[13:15] = b"\x08\x08"
    data = bytes(first) + across()[name]
    with pytest.raises(ModelFormatError, match="lie across each other"):
        check_heaps(data)


# --- members of the zip file


def packed_with(path: Path, method: int, size: int) -> None:
    """Pack the configuration anew, and say another size of it."""
    with zipfile.ZipFile(path) as packed:
        members = {name: packed.read(name) for name in packed.namelist()}
    with zipfile.ZipFile(path, "w") as packed:
        for name, data in members.items():
            at = name == "config.json"
            packed.writestr(name, data, method if at else zipfile.ZIP_STORED)
    found = bytearray(path.read_bytes())
    at = -1
    while (at := found.find(b"PK\x01\x02", at + 1)) >= 0:
        if found[at + 46 :].startswith(b"config.json"):
            found[at + 24 : at + 28] = size.to_bytes(4, "little")
    path.write_bytes(found)


@pytest.mark.parametrize(
    ("method", "said"),
    [
        (zipfile.ZIP_BZIP2, "is packed with method 12"),
        (zipfile.ZIP_LZMA, "is packed with method 14"),
        (zipfile.ZIP_DEFLATED, "is damaged"),
    ],
)
def test_members_that_unpack_to_more_than_they_say(method, said, zipped):
    rewritten(zipped, lambda data: data + b" " * (64 << 20), "config.json")
    packed_with(zipped, method, 1000)
    tracemalloc.start()
    with pytest.raises(ModelFormatError, match=rf"config\.json {said}"):
        fastscore.load(zipped)
    assert tracemalloc.get_traced_memory()[1] < 32 << 20
    tracemalloc.stop()


def test_deflated_members_are_read(zipped):
    rewritten(zipped, lambda data: data)
    live = fastscore.load(zipped).predict(np.ones((1, 4)))
    with zipfile.ZipFile(zipped) as packed:
        size = packed.getinfo("config.json").file_size
    packed_with(zipped, zipfile.ZIP_DEFLATED, size)
    assert (fastscore.load(zipped).predict(np.ones((1, 4))) == live).all()


@pytest.mark.parametrize("member", ["config.json", "metadata.json"])
def test_json_that_is_broken_or_too_long(member, zipped):
    rewritten(zipped, lambda data: data[:-1], member)
    with pytest.raises(ModelFormatError, match=f"its {member} is no JSON"):
        fastscore.load(zipped)
    rewritten(zipped, lambda data: b" " * (17 << 20), member)
    with pytest.raises(ModelFormatError, match=f"its member {member} is 17825792 bytes"):
        fastscore.load(zipped)


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


def test_many_outputs(tmp_path):
    """Some thousand are fast; more, or names that are long each time, are refused."""
    path = tmp_path / "model.keras"
    start = keras.Input((4,))
    keras.Model(start, [Layers.Dense(2, name="dense")(start)]).save(path)

    def repeat(count: int) -> None:
        outputs = [["dense", 0, 0]] * count
        configured(path, lambda config: config.update(output_layers=outputs))

    repeat(4096)
    began = time.perf_counter()
    assert fastscore.load(path).source.parameters["outputs"].count(": ") == 4096
    assert time.perf_counter() - began < 5
    repeat(4097)
    with pytest.raises(UnsupportedModelError, match="more than 4096 outputs"):
        fastscore.load(path)


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


# --- code, and damaged files


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


@pytest.mark.parametrize("dtype", ["S2000000000", "U500000", "object", "V9", "float128", 3, None])
def test_constants_of_any_type(dtype, tmp_path):
    path = tmp_path / "model.keras"
    keras.Sequential([keras.Input((4,)), Layers.Rescaling(0.5)]).save(path)

    scale = {"class_name": "__numpy__", "config": {"value": [1], "dtype": dtype}}
    configured(path, lambda config: config["layers"][1]["config"].update(scale=scale))
    with pytest.raises(ModelFormatError, match="a constant of the Keras model is of type"):
        fastscore.load(path)


def test_a_configuration_that_is_nothing(zipped):
    rewritten(zipped, lambda data: b"null", "config.json")
    with pytest.raises(ModelFormatError, match="is no model"):
        fastscore.load(zipped)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [("vocabulary", "/abc", "is no list"), ("num_oov_indices", -(10**10), "num_oov_indices=-1")],
)
def test_lookups_of_odd_configurations(key, value, said, tmp_path):
    path = tmp_path / "model.keras"
    start = keras.Input((1,), dtype="string")
    lookup = Layers.StringLookup(vocabulary=["a", "b"], output_mode="one_hot")
    keras.Model(start, Layers.Dense(1)(lookup(start))).save(path)

    configured(path, lambda config: config["layers"][1]["config"].update({key: value}))
    with pytest.raises(ModelFormatError, match=said):
        fastscore.load(path)


def test_more_arrays_than_a_layer_has(zipped):

    def change(file: Any) -> None:
        for at in range(2, 100):
            file["layers/dense/vars"][str(at)] = np.zeros(2, "float32")

    weighted(zipped, change)
    with pytest.raises(ModelFormatError, match="100 arrays of weights of one layer"):
        fastscore.load(zipped)


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


def test_weights_beyond_their_type(zipped):

    def change(file: Any) -> None:
        del file["layers/dense/vars/0"]
        file["layers/dense/vars/0"] = np.full((4, 3), 1e300)

    weighted(zipped, change)
    # No warning of NumPy's, which would be an error here.
    assert not np.isfinite(fastscore.load(zipped).predict(np.ones((1, 4)))).any()
