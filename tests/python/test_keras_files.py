"""Files of Keras: those of older versions, damaged ones, and what is refused."""

import io
import json
import random
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import fastscore
import h5py
import keras_models as models
import numpy as np
import pytest
from fastscore import FastscoreError, ModelFormatError, UnsupportedModelError
from networks import WARNINGS, keras, tf

Layers = keras.layers
ops = keras.ops

pytestmark = pytest.mark.filterwarnings(*WARNINGS)

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
OLDER = sorted(GOLDEN.glob("keras-*"))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(12)


@pytest.fixture
def model(rng) -> Any:
    layers = [Layers.Dense(3, activation="relu"), Layers.BatchNormalization(), Layers.Dense(2)]
    return models.filled(keras.Sequential([keras.Input((4,)), *layers]), rng)


@pytest.fixture
def saved(model, tmp_path) -> Path:
    path = tmp_path / "model.keras"
    model.save(path)
    return path


# --- older versions


def test_there_are_older_files():
    assert len(OLDER) == 4


@pytest.mark.parametrize("folder", OLDER, ids=lambda folder: folder.name)
@pytest.mark.parametrize("name", ["sequential", "unnamed", "functional", "tables"])
def test_files_of_older_versions(folder, name):
    with np.load(folder / "expected.npz") as known:
        expected = {key.partition(".")[2]: known[key] for key in known if key.startswith(name)}
    if (folder.name, name) == ("keras-3.0.5", "functional"):
        # Keras 3.0 numbers calls by those of other models too, and can't read it back itself.
        with pytest.raises(ModelFormatError, match="no call number 1"):
            fastscore.load(folder / f"{name}.keras")
        return
    ours = fastscore.load(folder / f"{name}.keras")
    assert ours.source.version == folder.name.partition("-")[2]
    x = expected.pop("x").astype(float)
    own = ours.feature_names_in_.tolist() if name == "functional" else None
    assert own in (None, ["a_0", "a_1", "b_0", "b_1", "b_2"])
    found = ours.predict(x)
    parts = found if isinstance(found, list) else [found]
    assert len(parts) == len(expected)
    for one, other in zip(parts, expected.values(), strict=True):
        np.testing.assert_allclose(one, other.reshape(one.shape), rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("folder", OLDER, ids=lambda folder: folder.name)
def test_whole_h5_files_of_older_versions(folder):
    x = np.random.default_rng(1).normal(size=(30, 5))
    zipped, whole = (fastscore.load(folder / f"sequential.{end}") for end in ("keras", "h5"))
    np.testing.assert_array_equal(whole.predict(x), zipped.predict(x))
    assert whole.source.version == zipped.source.version


def test_a_file_is_read_without_keras(saved):
    code = (
        "import sys, fastscore; fastscore.load(sys.argv[1]).predict([[1.0, 2.0, 3.0, 4.0]]);"
        "print(sorted(name for name in ('keras', 'tensorflow') if name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(saved)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_without_h5py(saved, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(
        UnsupportedModelError, match=r"pip install h5py, or fastscore-engine\[keras\]"
    ):
        fastscore.load(saved)


# --- whole-model .h5, weights, folders


def test_whole_h5(model, rng, tmp_path):
    model.save(tmp_path / "model.h5")
    x = rng.normal(size=(30, 4))
    ours = fastscore.load(tmp_path / "model.h5")
    np.testing.assert_array_equal(ours.predict(x), fastscore.import_model(model).predict(x))


def nested(x: Any) -> Any:
    """Models in each other, a layer in a layer, and an activation with numbers of its own."""
    inner = keras.Sequential([Layers.Dense(3), Layers.BatchNormalization(), Layers.Dense(4)])
    start = keras.Input((4,))
    own = Layers.Dense(4, activation=Layers.PReLU())(Layers.BatchNormalization()(start))
    outer = keras.Model(start, Layers.Add()([inner(own), own]))
    steps = Layers.TimeDistributed(Layers.Dense(3))(Layers.Reshape((2, 2))(outer(outer(x))))
    return Layers.Dense(2)(Layers.Flatten()(steps))


def operated(x: Any) -> Any:
    """Operations, some of them named as layers are."""
    x = ops.cast(ops.cast(x, "float64") * 2, "float32")
    return ops.square(x)[:, 1:] * 2 + ops.softmax(Layers.Dense(3)(1 - x))


@pytest.mark.parametrize("build", [nested, operated])
def test_whole_h5_files_of_functional_models(build, rng, tmp_path):
    model = models.filled(models.functional(build), rng)
    model.save(tmp_path / "model.h5")
    x = rng.normal(size=(30, 4))
    ours = fastscore.load(tmp_path / "model.h5")
    np.testing.assert_array_equal(ours.predict(x), fastscore.import_model(model).predict(x))


@pytest.mark.parametrize(
    "change",
    [
        lambda name: name.replace("one/", ""),
        lambda name: name.replace("two/", ""),
        lambda name: name.rpartition("/")[2],
    ],
)
def test_weights_in_a_whole_h5_that_could_be_of_two_layers(change, tmp_path):
    parts = [
        keras.Sequential([keras.Input((4,)), Layers.Dense(4, name="dense")], name=name)
        for name in ("one", "two")
    ]
    start = keras.Input((4,))
    inner = keras.Model(start, parts[0](parts[1](start)), name="functional")
    path = tmp_path / "model.h5"
    keras.Model(start, inner(start)).save(path)
    assert fastscore.load(path).predict(np.ones((1, 4))).shape == (1, 4)
    with h5py.File(path, "r+") as file:
        group = file["model_weights/functional"]
        group.attrs["weight_names"] = [change(name) for name in group.attrs["weight_names"]]
    with pytest.raises(UnsupportedModelError, match=r"told .*load_model\('model\.h5'\)\.save"):
        fastscore.load(path)


def test_weights_alone(model, tmp_path):
    model.save_weights(tmp_path / "model.weights.h5")
    with pytest.raises(
        UnsupportedModelError, match=r"only weights; .*model\.save\('model\.keras'\)"
    ):
        fastscore.load(tmp_path / "model.weights.h5")


def test_folders(model, tmp_path):
    model.export(tmp_path / "exported", verbose=False)
    with pytest.raises(UnsupportedModelError, match=r"SavedModel .*model\.save\('model\.keras'\)"):
        fastscore.load(tmp_path / "exported")
    with pytest.raises(UnsupportedModelError, match=r"exported is a SavedModel"):
        fastscore.load(tmp_path / "exported" / "saved_model.pb")
    keras.src.saving.saving_lib.save_model(model, tmp_path / "folder", zipped=False)
    with pytest.raises(UnsupportedModelError, match="make_archive"):
        fastscore.load(tmp_path / "folder")
    with pytest.raises(IsADirectoryError):
        fastscore.load(tmp_path)


@pytest.mark.parametrize("version", ["2.15.0", "1.2.2"])
def test_files_of_keras_2_are_refused(model, saved, version):
    other = rewritten(saved, metadata__json=json.dumps({"keras_version": version}).encode())
    with pytest.raises(UnsupportedModelError, match=r"load_model\('model\.h5'\)\.save"):
        fastscore.load(other)
    whole = saved.with_name("model.h5")
    model.save(whole)
    with h5py.File(whole, "r+") as file:
        file.attrs["keras_version"] = version
    with pytest.raises(UnsupportedModelError, match=f"Keras {version}"):
        fastscore.load(whole)


# --- refused by name


def refused(model: Any, *names: str) -> None:
    with pytest.raises(UnsupportedModelError) as caught:
        fastscore.import_model(model)
    for name in names:
        assert name in str(caught.value)


def over(layer: Any, shape: tuple[int, ...] = (4,), dtype: str = "float32") -> Any:
    return keras.Sequential([keras.Input(shape, dtype=dtype), layer])


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda: over(Layers.LSTM(2, name="lstm"), (5, 4)), ("'lstm' (LSTM)", "recurrent")),
        (lambda: over(Layers.Bidirectional(Layers.GRU(2)), (5, 4)), ("Bidirectional", "recurrent")),
        (lambda: over(Layers.Conv1D(2, 2), (5, 4)), ("Conv1D", "convolutions")),
        (lambda: over(Layers.MaxPooling1D(), (4, 4)), ("MaxPooling1D", "convolutions")),
        (lambda: over(Layers.Hashing(3), dtype="int64"), ("Hashing", "vocabulary")),
        (
            lambda: over(Layers.EinsumDense("abc,cde->abde", (None, 2, 3)), (3, 4)),
            ("EinsumDense", "'abc,cde->abde'", "'ab,bc->ac'"),
        ),
        (
            lambda: over(Layers.EinsumDense("abc,cd->abd", (3, 5), bias_axes="bd"), (3, 4)),
            ("EinsumDense", "bias_axes='bd'"),
        ),
        (lambda: over(Layers.Dense(2, activation="sparsemax")), ("sparsemax", "use one of")),
        (lambda: over(Layers.Dense(2, dtype="mixed_bfloat16")), ("mixed_bfloat16", "float64")),
        (lambda: over(Layers.Dense(2, dtype="float16")), ("'float16'", "set_weights")),
        (lambda: over(Layers.Dense(2), (None, 4)), ("length varies", "fixed shape")),
        (lambda: over(Layers.Flatten(), dtype="bool"), ("type bool",)),
        (lambda: over(Layers.Flatten(), dtype="int32"), ("type int32", "layer of floats")),
        (lambda: over(Layers.Softmax(axis=(1, 2)), (3, 4)), ("axis=[1, 2]", "one axis")),
        (lambda: over(Layers.GroupNormalization(2), (3, 4)), ("GroupNormalization", "channels")),
        (
            lambda: over(Layers.StringLookup(vocabulary=["a"], num_oov_indices=2), (1,), "string"),
            ("num_oov_indices=2", "use 1 or 0"),
        ),
        (
            lambda: over(Layers.IntegerLookup(vocabulary=[4, 5], invert=True), (1,), "int64"),
            ("invert=True",),
        ),
        (
            lambda: over(Layers.IntegerLookup(vocabulary=[2**60, 5]), (1,), "int64"),
            ("2**53", "StringLookup"),
        ),
        (
            lambda: over(
                Layers.CategoryEncoding(3, output_mode="multi_hot"), (2, 2), dtype="int32"
            ),
            ("multi_hot", "'one_hot'"),
        ),
    ],
)
def test_layers_that_are_refused(make, names):
    refused(make(), *names)


@pytest.mark.parametrize(
    ("build", "names"),
    [
        (lambda x: ops.where(x > 0, x, -x), ("Greater", "docs/support.md")),
        (lambda x: ops.logsumexp(x, axis=-1), ("(Logsumexp)",)),
        (lambda x: ops.cumsum(x, axis=-1), ("Cumsum",)),
        (ops.mean, ("(Mean)", "axis=None")),
        (lambda x: ops.sum(x, axis=0, keepdims=True), ("axis=0", "over the rows")),
        (lambda x: ops.matmul(x, ops.transpose(x)), ("Transpose", "rows")),
        (lambda x: ops.cast(x, "float16"), ("'float16'",)),
        (lambda x: x + ops.cast(x, "int32"), ("int32",)),
        (lambda x: Layers.Dropout(0.5)(x, training=True), ("training=True",)),
        (
            lambda x: Layers.Dense(2)(Layers.MultiHeadAttention(1, 2)(x[:, None], x[:, None])),
            ("MultiHeadAttention",),
        ),
        (
            lambda x: Layers.Concatenate()([Layers.Masking()(x[:, None]), x[:, None]]),
            ("Masking", "docs/support.md"),
        ),
    ],
)
def test_graphs_that_are_refused(build, names):
    refused(models.functional(build), *names)


def custom(x: Any) -> Any:
    return x * 2


def relu(x: Any) -> Any:
    """Not Keras's own, though its configuration says no more than this name."""
    return ops.maximum(x, 0.1)


class Custom(keras.layers.Layer):
    def call(self, x: Any) -> Any:
        return x


class Subclass(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.dense = Layers.Dense(2)

    def call(self, x: Any) -> Any:
        return self.dense(x)


@keras.saving.register_keras_serializable("own")
class Dense(keras.layers.Layer):
    """Of the name of one of Keras's."""

    def call(self, x: Any) -> Any:
        return x * 3


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda: over(Layers.Lambda(lambda x: x + 1, name="step")), ("'step'", "Lambda")),
        (lambda: over(Layers.Dense(2, activation=custom)), ("custom", "other code")),
        (lambda: over(Layers.Dense(2, activation=relu)), ("test_keras_files.relu", "other code")),
        (lambda: over(Custom(name="mine")), ("'mine'", "custom class", "Custom")),
        (lambda: over(Dense()), ("custom class",)),
        (Subclass, ("Subclass", "subclassed", "keras.Model(inputs, outputs)")),
        (lambda: Layers.Dense(2), ("Dense", "Sequential")),
        (lambda: keras.wrappers.SKLearnClassifier(over(Layers.Dense(2))), ("wrapper.model_",)),
        (lambda: keras.Sequential([Layers.Dense(2)]), ("not built", "model.build(")),
        (lambda: keras.Sequential(name="empty"), ("'empty'", "not built")),
    ],
)
def test_code_of_the_user_is_refused(make, names):
    refused(make(), *names)


def test_functions_of_tensorflow_are_keras_own(rng):
    model = models.filled(over(Layers.Dense(3, activation=tf.nn.relu)), rng)
    assert fastscore.import_model(model).verify(rng.normal(size=(9, 4)), source=model).ok


@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`")
def test_code_in_files_is_refused(tmp_path):
    path = tmp_path / "model.keras"
    for model, word in (
        (over(Layers.Lambda(lambda x: x + 1, output_shape=(4,))), "Lambda"),
        (over(Custom()), "Custom"),
        (over(Dense()), "own>Dense"),
        (over(Layers.Dense(2, activation=custom)), "other code"),
    ):
        model.save(path)
        with pytest.raises(UnsupportedModelError, match=word):
            fastscore.load(path)
    subclass = Subclass()
    subclass(np.zeros((1, 4)))
    subclass.save(path)
    with pytest.raises(UnsupportedModelError, match="custom class"):
        fastscore.load(path)


# --- damage


def rewritten(path: Path, change: Any = None, **members: bytes) -> Path:
    """Write a file with another configuration or other members, `__` for a dot in their names."""
    with zipfile.ZipFile(path) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    if change is not None:
        config = json.loads(found["config.json"])
        change(config)
        found["config.json"] = json.dumps(config).encode()
    found |= {name.replace("__", "."): data for name, data in members.items()}
    other = path.with_name("changed.keras")
    with zipfile.ZipFile(other, "w") as archive:
        for name, data in found.items():
            archive.writestr(name, data)
    return other


def weights(path: Path, change: Any) -> Path:
    """Write a file with changed weights."""
    with zipfile.ZipFile(path) as archive:
        data = io.BytesIO(archive.read("model.weights.h5"))
    with h5py.File(data, "r+") as file:
        change(file)
    return rewritten(path, model__weights__h5=data.getvalue())


KERNEL = "layers/dense/vars/0"


def _replaced(file: Any, **keywords: Any) -> None:
    del file[KERNEL]
    file.create_dataset(KERNEL, **keywords)


def _external(file: Any) -> None:
    _replaced(file, shape=(4, 3), dtype="f4", external=[("/etc/passwd", 0, 48)])


def _virtual(file: Any) -> None:
    layout = h5py.VirtualLayout((4, 3), "f4")
    layout[...] = h5py.VirtualSource("/tmp/other.h5", "data", (4, 3))
    del file[KERNEL]
    file.create_virtual_dataset(KERNEL, layout)


def _linked(file: Any) -> None:
    del file[KERNEL]
    file[KERNEL] = h5py.ExternalLink("/tmp/other.h5", "/data")


def _soft(file: Any) -> None:
    file["other"] = np.zeros((4, 3), "f4")
    del file[KERNEL]
    file[KERNEL] = h5py.SoftLink("/other")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (_external, "another file"),
        (_virtual, "another file"),
        (_linked, "a link at"),
        (_soft, "a link at"),
        (lambda file: _replaced(file, shape=(1 << 20, 1 << 20), dtype="f4"), "larger than"),
        (
            lambda file: _replaced(
                file, shape=(1 << 20, 1 << 20), dtype="f4", chunks=(64, 64), compression="gzip"
            ),
            "compressed",
        ),
        (lambda file: _replaced(file, data=np.zeros((4, 3), "f2")), "float16"),
        (lambda file: _replaced(file, data=np.zeros((4, 2), "f4")), "does not fit"),
        (lambda file: _replaced(file, data=np.zeros((3, 3), "f4")), "does not fit"),
        (lambda file: _replaced(file, data=np.array([b"x"])), r"is of type"),
        (lambda file: file.__delitem__(KERNEL), "1 arrays of weights where 2 are due"),
        (lambda file: file.__delitem__("layers"), "0 arrays of weights where 2 are due"),
        (lambda file: file.create_group(f"{KERNEL}0"), "no array"),
    ],
)
def test_weights_that_are_wrong(saved, change, word):
    with pytest.raises(FastscoreError, match=word):
        fastscore.load(weights(saved, change))


def _layers(config: Any) -> Any:
    return config["config"]["layers"]


def _put(*path: Any, value: Any) -> Any:
    def change(config: Any) -> None:
        at = config
        for key in path[:-1]:
            at = at[key]
        at[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda c: c.clear(), "configuration"),
        (lambda c: c.pop("config"), "configuration"),
        (_put("class_name", value=5), "Sequential"),
        (_put("config", value=[]), "configuration|layers"),
        (_put("config", "layers", value={}), "."),
        (_put("config", "layers", value=[]), "never built"),
        (_put("config", "layers", 0, "config", "batch_shape", value=[None, -4]), "fixed shape"),
        (_put("config", "layers", 0, "config", "batch_shape", value=[None, 1 << 40]), "at most"),
        (_put("config", "layers", 0, "config", "batch_shape", value="x"), "shape"),
        (_put("config", "layers", 1, "class_name", value="Dens"), r"'dense.*' \(Dens\)"),
        (_put("config", "layers", 1, "config", value=None), "configuration"),
        (_put("config", "layers", 1, "config", "activation", value={"a": 1}), "not supported"),
        (_put("config", "layers", 1, "config", "activation", value="nothing"), "'nothing'"),
        (_put("config", "layers", 2, "config", "axis", value=7), "no axis 7"),
        (_put("config", "layers", 2, "config", "axis", value=0), "over the rows"),
        (_put("config", "layers", 2, "config", "axis", value="x"), "no axis"),
        (lambda c: _layers(c).append(_layers(c)[1]), "two layers of one name"),
    ],
)
def test_configurations_that_are_wrong(saved, change, word):
    path = rewritten(saved, change)
    with pytest.raises(FastscoreError, match=word):
        fastscore.load(path)


def wide(layer: str, **config: Any) -> Any:
    """Put a layer at the end that makes far more values than it gets."""

    def change(whole: Any) -> None:
        entry = {"module": "keras.layers", "class_name": layer, "registered_name": None}
        _layers(whole).append(entry | {"config": {"name": "wide", "dtype": "float32", **config}})

    return change


@pytest.mark.parametrize(
    "change",
    [
        wide("RepeatVector", n=1 << 40),
        wide("CategoryEncoding", num_tokens=1 << 40, output_mode="one_hot"),
        lambda whole: [wide("RepeatVector", n=1 << 15)(whole), wide("Flatten")(whole)] * 40,
    ],
)
def test_layers_that_make_too_much(saved, change):
    with pytest.raises(FastscoreError, match=r"at most|in all|one name"):
        fastscore.load(rewritten(saved, change))


def test_models_in_each_other_too_deeply(saved):
    def change(whole: Any) -> None:
        inner = dict(whole)
        for _ in range(levels):
            inner = {"module": "keras", "class_name": "Sequential", "registered_name": None} | {
                "config": {"name": "m", "layers": [inner]}
            }
        whole.update(inner)

    levels = 20
    with pytest.raises(UnsupportedModelError, match="0 arrays of weights"):
        fastscore.load(rewritten(saved, change))
    levels = 150
    with pytest.raises(ModelFormatError, match="too deeply"):
        fastscore.load(rewritten(saved, change))
    deep = b"[" * 200_000 + b"]" * 200_000
    with pytest.raises(ModelFormatError, match="no JSON"):
        fastscore.load(rewritten(saved, config__json=deep))


def test_models_that_are_called_over_and_over(tmp_path):
    """Each calls the one within twice: what is translated doubles with every level."""
    start = keras.Input((2,))
    model = keras.Model(start, Layers.Dense(2)(start))
    for _ in range(20):
        start = keras.Input((2,))
        model = keras.Model(start, model(model(start)))
    with pytest.raises(UnsupportedModelError, match="in all"):
        fastscore.import_model(model)


def test_cycles(tmp_path, rng):
    start = keras.Input((4,))
    first = Layers.Dense(4, name="first")(start)
    model = keras.Model(start, Layers.Dense(4, name="second")(first))
    model.save(tmp_path / "model.keras")

    def change(whole: Any) -> None:
        node = _layers(whole)[1]["inbound_nodes"][0]["args"][0]["config"]
        node["keras_history"] = ["second", 0, 0]

    with pytest.raises(ModelFormatError, match="cycle"):
        fastscore.load(rewritten(tmp_path / "model.keras", change))

    def absent(whole: Any) -> None:
        node = _layers(whole)[1]["inbound_nodes"][0]["args"][0]["config"]
        node["keras_history"] = ["third", 0, 0]

    with pytest.raises(ModelFormatError, match="no layer 'third'"):
        fastscore.load(rewritten(tmp_path / "model.keras", absent))


def test_zip_bombs(saved, tmp_path):
    path = tmp_path / "bomb.keras"
    for name in ("config.json", "model.weights.h5"):
        with zipfile.ZipFile(saved) as archive, zipfile.ZipFile(path, "w") as bomb:
            for each in archive.namelist():
                if each != name:
                    bomb.writestr(each, archive.read(each))
            bomb.writestr(name, bytes(40 << 20), zipfile.ZIP_DEFLATED)
        with pytest.raises(ModelFormatError, match="more than a model file holds"):
            fastscore.load(path)


def test_compressed_archives_are_read(saved, tmp_path):
    """Somebody zipped it anew."""
    path = tmp_path / "other.zip"
    with zipfile.ZipFile(saved) as archive, zipfile.ZipFile(path, "w") as other:
        for name in archive.namelist():
            other.writestr(name, archive.read(name), zipfile.ZIP_DEFLATED)
    x = np.ones((2, 4))
    same = fastscore.load(path).predict(x)
    np.testing.assert_array_equal(same, fastscore.load(saved).predict(x))


@pytest.mark.parametrize("whole", [False, True])
def test_random_damage_is_an_error_of_ours(model, tmp_path, whole):
    path = tmp_path / ("model.h5" if whole else "model.keras")
    model.save(path)
    data = path.read_bytes()
    damaged, draw = tmp_path / "damaged", random.Random(6)
    errors = 0
    for _ in range(120):
        changed = bytearray(data)
        for _ in range(draw.randint(1, 4)):
            changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
        if draw.random() < 0.2:
            del changed[draw.randrange(len(changed)) :]
        damaged.write_bytes(changed)
        try:
            fastscore.load(damaged)
        except FastscoreError:
            errors += 1
    assert errors > (10 if whole else 80)


def test_damaged_configurations(saved, tmp_path):
    """The archive is whole, and the text within it is changed."""
    with zipfile.ZipFile(saved) as archive:
        text = archive.read("config.json")
    draw, errors = random.Random(7), 0
    for _ in range(150):
        changed = bytearray(text)
        for _ in range(draw.randint(1, 3)):
            at = draw.randrange(len(changed))
            changed[at : at + draw.randint(0, 3)] = draw.choice(
                [b"", b"0", b"-1", b"null", b"[]", b"{}", b'"', b"9" * 30, b"1e999", b"\xff"]
            )
        try:
            fastscore.load(rewritten(saved, config__json=bytes(changed)))
        except FastscoreError:
            errors += 1
    assert errors > 75
