"""Files of Keras that are damaged, or would keep a reader busy."""

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
import numpy as np
import pytest
from fastscore import ModelFormatError, UnsupportedModelError
from fastscore.importers._keras_heaps import SIGNATURE, check_heaps
from networks import WARNINGS, keras

Layers = keras.layers

pytestmark = pytest.mark.filterwarnings(*WARNINGS)

HANG = "import sys, fastscore\ntry: fastscore.load(sys.argv[1])\nexcept Exception as e: print(e)"


def two() -> Any:
    return keras.Sequential([keras.Input((4,)), Layers.Dense(3), Layers.Dense(2)])


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


def test_weights_beyond_their_type(zipped):

    def change(file: Any) -> None:
        del file["layers/dense/vars/0"]
        file["layers/dense/vars/0"] = np.full((4, 3), 1e300)

    weighted(zipped, change)
    # No warning of NumPy's, which would be an error here.
    assert not np.isfinite(fastscore.load(zipped).predict(np.ones((1, 4)))).any()
