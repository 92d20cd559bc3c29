"""Formats that `load` knows but does not read, each refused by name with what would work."""

import bz2
import io
import json
import lzma
import shlex
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from fastscore._errors import ModelFormatError, UnsupportedModelError
from fastscore.importers import xgboost

_PICKLE_NAMES = (
    ".pkl",
    ".pickle",
    ".joblib",
    ".p",
    ".pkl.gz",
    ".joblib.gz",
    ".pkl.z",
    ".pkl.bz2",
    ".pkl.xz",
)
_HEAD = 1 << 16
OWN_HEAD = 4096
"""Bytes by which a file of ours is known."""


def is_own(name: str, data: bytes) -> bool:
    """Whether it is, or was before it was damaged, a file of ours."""
    return (data[8:9] == b"{" and b'"fastscore"' in data[:OWN_HEAD]) or name.endswith(".fscore")


_TABLES = (b"PAR1", b"ARROW1", b"\xff\xff\xff\xff")
_TABLE_NAMES = (".parquet", ".csv", ".csv.gz", ".arrow", ".feather")


def refuse_known(name: str, data: bytes) -> None:
    """Raise for every format that is recognised; return where none is."""
    lowered = name.lower()
    if data.startswith(_TABLES) or lowered.endswith(_TABLE_NAMES):
        raise ModelFormatError(f"{name} is a table, not a model: name the model's file")
    if is_pickle(name, data):
        _pickle(name)
    if lowered.endswith(".skops"):
        _skops(name)
    if data[:4] == b"PK\x03\x04":
        _zip(name, data)
    if _unpacked_head(data) is not None:
        raise ModelFormatError(f"{name} is compressed; decompress it first")
    if xgboost.is_old_binary(data):
        _old_xgboost(name)
    if data[:1] == b"{":
        _json(name, data)
    if b"<PMML" in data[:4096]:
        _not_yet(name, "a PMML file")
    if data[9:10] == b"{" or data[8:9] == b"{":
        length = int.from_bytes(data[:8], "little")
        if length <= len(data) and b'"dtype"' in data[:_HEAD]:
            raise ModelFormatError(
                f"{name} is a safetensors file, but not one that fastscore wrote"
            )


def _not_yet(name: str, what: str) -> NoReturn:
    raise UnsupportedModelError(
        f"{name} is {what}: not supported yet; load reads .fscore files, LightGBM model text and "
        "files of XGBoost (JSON, UBJSON), CatBoost (.cbm, JSON), ONNX and Keras (.keras, .h5)"
    )


def _pickle(name: str) -> NoReturn:
    stem = name
    for ending in (".gz", ".z", ".bz2", ".xz", ".pkl", ".pickle", ".joblib", ".p"):
        if stem.lower().endswith(ending) and len(stem) > len(ending):
            stem = stem[: -len(ending)]
    output = shlex.quote(stem + ".fscore")
    line = f"fastscore import {shlex.quote(name)} --trust-pickle --output {output}"
    raise UnsupportedModelError(
        f"{name} is a pickle: opening it runs any code that it holds, so load does not. If you "
        f"trust it, run\n    {line}"
    )


def _old_xgboost(name: str) -> NoReturn:
    code = f"import xgboost; xgboost.Booster(model_file={name!r}).save_model('model.ubj')"
    raise UnsupportedModelError(
        f"{name} is an XGBoost model in its old binary format, which is not read; write it anew "
        f"with XGBoost 3.0 or earlier:\n    python -c {shlex.quote(code)}"
    )


def _skops(name: str) -> NoReturn:
    raise UnsupportedModelError(
        f"{name} is a skops file: not read here; load it with skops.io.load, then "
        "fastscore.import_model(estimator), or save the estimator with joblib and run\n    "
        "fastscore import MODEL.joblib --trust-pickle --output MODEL.fscore"
    )


def is_pickle(name: str, data: bytes) -> bool:
    """Whether it is a pickle, by its name or its content, also when it is compressed."""
    if is_own(name, data):  # its first bytes are a length, which may be any
        return False
    heads = (data[:2], _unpacked_head(data) or b"")
    return name.lower().endswith(_PICKLE_NAMES) or any(map(_begins_pickle, heads))


def _begins_pickle(head: bytes) -> bool:
    """Protocols 2 and later: the PROTO opcode."""
    return len(head) >= 2 and head[0] == 0x80 and 2 <= head[1] <= 5


def _unpacked_head(data: bytes) -> bytes | None:
    """Return the first bytes of what a compressed file holds; None when it is not compressed."""
    readers: tuple[tuple[tuple[bytes, ...], Callable[[], bytes]], ...] = (
        ((b"\x1f\x8b",), lambda: zlib.decompressobj(47).decompress(data[:_HEAD], 16)),
        (
            (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"),
            lambda: zlib.decompressobj().decompress(data[:_HEAD], 16),
        ),
        ((b"BZh",), lambda: bz2.BZ2Decompressor().decompress(data[: 1 << 20], 16)),
        (
            (b"\xfd7zXZ\x00", b"\x5d\x00\x00"),
            # A damaged header must not make it reserve gigabytes.
            lambda: lzma.LZMADecompressor(memlimit=1 << 27).decompress(data[:_HEAD], 16),
        ),
        ((b"\x04\x22\x4d\x18",), lambda: b""),
    )
    for magic, read in readers:
        if data.startswith(magic):
            try:
                return read()
            except (OSError, EOFError, zlib.error, lzma.LZMAError):
                return b""
    return None


def members(data: bytes) -> set[str] | None:
    """Return the names in a zip file; None for a damaged one, and for what is none."""
    if data[:4] != b"PK\x03\x04":
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return set(archive.namelist()[:10_000])
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return None


def refuse_folder(name: str) -> None:
    """Raise for a folder that a model was saved to, or its main file; return where it is none."""
    path = Path(name)
    if path.name in ("saved_model.pb", "saved_model.pbtxt"):
        path = path.parent
        name = str(path)
    if (path / "saved_model.pb").is_file() or (path / "saved_model.pbtxt").is_file():
        code = f"import tf_keras; tf_keras.models.load_model({name!r}).save('model.h5')"
        raise UnsupportedModelError(
            f"{name} is a SavedModel of TensorFlow, which is not read. Save the Keras model "
            "itself, model.save('model.keras'); one of Keras 2 is read back by\n    "
            f"python -c {shlex.quote(code)}"
        )
    if (path / "config.json").is_file() and (path / "model.weights.h5").is_file():
        code = f"import shutil; shutil.make_archive('model', 'zip', {name!r})"
        raise UnsupportedModelError(
            f"{name} is a Keras model saved with zipped=False; zip it and load model.zip:\n    "
            f"python -c {shlex.quote(code)}"
        )


def _zip(name: str, data: bytes) -> NoReturn:
    found = members(data)
    if found is None:
        raise ModelFormatError(f"{name} is a damaged zip file")
    if "schema.json" in found:
        _skops(name)
    if any(member.endswith("data.pkl") for member in found):
        raise UnsupportedModelError(
            f"{name} is a PyTorch file, which holds code for PyTorch: not opened here. Export the "
            "network to ONNX where it was trained, and load that:\n    "
            "torch.onnx.export(net.eval(), (x,), 'net.onnx')"
        )
    raise ModelFormatError(f"{name} is a zip file, but not a model file that fastscore knows")


def _json(name: str, data: bytes) -> None:
    if b'"tree_info"' in data and b'"feature_names"' in data:
        raise UnsupportedModelError(
            f"{name} is a LightGBM JSON dump, which LightGBM itself can't read back; save the "
            "model as text with booster.save_model(path)"
        )
    try:
        json.loads(data[:_HEAD])
    except ValueError:
        return
    raise ModelFormatError(f"{name} is a JSON file, but not a model file that fastscore knows")
