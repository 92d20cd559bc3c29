"""`load` tells files apart by their content; what it refuses it names, with what would work."""

import bz2
import gzip
import io
import json
import lzma
import pickle
import random
import struct
import zipfile
import zlib

import fastscore
import joblib
import numpy as np
import pytest
from fastscore import ModelFormatError, UnsupportedModelError


@pytest.fixture
def put(tmp_path):
    def write(data: bytes, name: str = "model.bin"):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "."), data)
    return buffer.getvalue()


class Bomb:
    """Opening its pickle would be seen."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('opened')",))


PICKLE = pickle.dumps(Bomb())


@pytest.mark.parametrize(
    "data",
    [
        *(pickle.dumps(Bomb(), protocol) for protocol in range(2, 6)),
        gzip.compress(PICKLE),
        zlib.compress(PICKLE),
        bz2.compress(PICKLE),
        lzma.compress(PICKLE),
        lzma.compress(PICKLE, lzma.FORMAT_ALONE),
    ],
)
def test_pickles_are_refused_with_the_line_to_run(put, data):
    path = put(data, "my model")
    with pytest.raises(UnsupportedModelError) as caught:
        fastscore.load(path)
    line = f"fastscore import '{path}' --trust-pickle --output '{path}.fscore'"
    assert line in str(caught.value).splitlines()[-1]


@pytest.mark.parametrize("name", ["m.pkl", "m.joblib", "m.pickle", "m.pkl.gz", "M.PKL"])
def test_pickles_are_known_by_name_too(put, name):
    path = put(b"(dp0\n.", name)
    with pytest.raises(UnsupportedModelError, match=r"--trust-pickle --output .*/[mM]\.fscore"):
        fastscore.load(path)


@pytest.mark.parametrize("compress", [0, 3, ("gzip", 3), ("bz2", 3), ("xz", 3), ("lzma", 3)])
def test_joblib_files(tmp_path, sources, compress):
    path = tmp_path / "model"
    joblib.dump(sources["forest labels"], path, compress=compress)
    with pytest.raises(UnsupportedModelError, match="--trust-pickle"):
        fastscore.load(path)


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (zipped(schema__json=b"{}"), "skops"),
        (b"binf" + bytes(100), "XGBoost"),
        (b'{"name":"tree","feature_names":[],"tree_info":[]}', "save_model"),
        (b'<?xml version="1.0"?><PMML version="4.4">', "PMML"),
    ],
)
def test_known_formats_are_named(put, data, word):
    with pytest.raises(UnsupportedModelError, match=word):
        fastscore.load(put(data))


def test_a_pytorch_file_is_told_the_way(put):
    path = put(zipped(data__pkl=b"", version=b"3"))
    with pytest.raises(UnsupportedModelError, match=r"torch\.onnx\.export\("):
        fastscore.load(path)


@pytest.mark.parametrize(
    "data",
    [
        b"\0",
        b"\0" * 100,
        b"hello",
        b"{",
        b"{}",
        b"[]",
        b"PK\x03\x04 broken",
        gzip.compress(b"hello"),
        b"\x1f\x8b",
        b"tre",
        bytes(range(256)),
        zipped(other=b""),
        zipped(config__json=b"{}", metadata__json=b"{}", model__weights__h5=b""),
        b"\x89HDF\r\n\x1a\n" + bytes(100),
        b"CBM1" + bytes(100),
        b'{"features_info":{},"oblivious_trees":[]}',
        struct.pack("<Q", 2) + b"{}",
        struct.pack("<Q", 2**63) + b"{}",
    ],
)
def test_anything_else_is_a_format_error(put, data):
    path = put(data)
    with pytest.raises(ModelFormatError, match=r"model\.bin"):
        fastscore.load(path)


def test_empty_missing_folder(put, tmp_path):
    with pytest.raises(ModelFormatError, match="empty"):
        fastscore.load(put(b""))
    with pytest.raises(ModelFormatError, match="empty"):
        fastscore.load(put(b"", "m.fscore"))
    with pytest.raises(FileNotFoundError):
        fastscore.load(tmp_path / "absent")
    with pytest.raises(IsADirectoryError):
        fastscore.load(tmp_path)
    for thing in (None, 1.5, object()):
        with pytest.raises(TypeError):
            fastscore.load(thing)
    with pytest.raises(TypeError, match="the path of a model file, not its content"):
        fastscore.load(b"FSCR\0\1\0")


def test_the_name_plays_no_part(models, put):
    data = models["forest labels"]._core.to_bytes()
    for name in ("m.pkl", "m.txt", "m", "m.json"):
        assert fastscore.load(put(data, name)) == models["forest labels"]


@pytest.mark.parametrize("keyword", ["classes", "unknown", "missing", "iterations", "like"])
def test_keywords_that_do_not_apply(models, put, keyword):
    path = put(models["forest labels"]._core.to_bytes())
    with pytest.raises(ValueError, match=f"{keyword}= does not apply"):
        fastscore.load(path, **{keyword: 1})


def test_features_of_a_nameless_file(models, put):
    path = put(models["nameless"]._core.to_bytes())
    assert fastscore.load(path, features=list("abcdef")).feature_names_in_.tolist() == list(
        "abcdef"
    )
    with pytest.raises(ValueError, match="7 names"):
        fastscore.load(path, features=list("abcdefg"))


class TestDamage:
    """A damaged `.fscore` is a ModelFormatError, whatever was hit."""

    @pytest.fixture
    def data(self, models):
        return models["tree labels"]._core.to_bytes()

    def test_cut_anywhere(self, data, put):
        for length in [*range(1, 600, 7), *range(600, len(data), 101), len(data) - 1]:
            with pytest.raises(ModelFormatError):
                fastscore.load(put(data[:length], "m.fscore"))

    def test_longer(self, data, put):
        for extra in (b"\0", b"x" * 1000):
            with pytest.raises(ModelFormatError):
                fastscore.load(put(data + extra))

    def test_flipped_bits(self, data, put):
        rng = random.Random(0)
        for _ in range(400):
            damaged = bytearray(data)
            damaged[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            with pytest.raises(ModelFormatError):
                fastscore.load(put(bytes(damaged), "m.fscore"))

    def test_huge_claims(self, put):
        for length in (2**64 - 1, 2**63, 2**40, 2**32, 10**6):
            head = b'{"__metadata__":{"fastscore":"{}"}}'
            with pytest.raises(ModelFormatError):
                fastscore.load(put(struct.pack("<Q", length) + head))

    def test_newer_version(self, data, put):
        length = struct.unpack("<Q", data[:8])[0]
        header = json.loads(data[8 : 8 + length])
        meta = json.loads(header["__metadata__"]["fastscore"])
        meta["version"] = 999
        header["__metadata__"]["fastscore"] = json.dumps(meta)
        text = json.dumps(header).encode()
        with pytest.raises(ModelFormatError, match="999"):
            fastscore.load(put(struct.pack("<Q", len(text)) + text + data[8 + length :]))

    def test_deep_json(self, put):
        deep = b'{"__metadata__":{"fastscore":"' + b"[" * 100_000 + b'"}}'
        with pytest.raises(ModelFormatError):
            fastscore.load(put(struct.pack("<Q", len(deep)) + deep))


class TestLightgbmText:
    @pytest.fixture
    def text(self, sources):
        return sources["booster"].model_to_string()

    def test_damage_is_a_format_error(self, text, put):
        lines = text.split("\n")
        rng = random.Random(0)
        end = lines.index("end of trees")
        for _ in range(300):
            broken = list(lines)
            at = rng.randrange(1, end)
            if not broken[at]:
                continue
            action = rng.randrange(3)
            if action == 0:
                broken = broken[:at]
            elif action == 1:
                broken[at] = broken[at].split("=")[0] + "=junk"
            else:
                broken[at] = broken[at].replace(" ", " 99999999 ", 1)
            try:
                model = fastscore.load(put("\n".join(broken).encode()))
            except (ModelFormatError, UnsupportedModelError):
                continue
            # What is not needed to predict may be damaged; what was read must still work.
            assert model.predict(np.zeros((2, model.n_features_in_))).shape == (2,)

    def test_not_text(self, text, put):
        with pytest.raises(ModelFormatError, match="UTF-8"):
            fastscore.load(put(text.encode()[:200] + b"\xff\xfe"))

    def test_keywords(self, text, put):
        path = put(text.encode())
        with pytest.raises(ValueError, match="out of range"):
            fastscore.load(path, iterations=7)
        assert fastscore.load(path, iterations=6).leaf_index(np.zeros((1, 6))).shape == (1, 6)
        with pytest.raises(ValueError, match="like= does not apply"):
            fastscore.load(path, like="booster")
        with pytest.raises(ValueError, match="regression"):
            fastscore.load(path, classes=["a", "b"])
