"""Formats that `load` knows but does not read, each refused by name with what would work."""

import bz2
import io
import json
import lzma
import shlex
import zipfile
import zlib
from collections.abc import Callable
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


def refuse_known(name: str, data: bytes) -> None:
    """Raise for every format that is recognised; return where none is."""
    lowered = name.lower()
    if is_pickle(name, data):
        _pickle(name)
    if lowered.endswith(".skops"):
        _skops(name)
    if data[:4] == b"PK\x03\x04":
        _zip(name, data)
    if _unpacked_head(data) is not None:
        raise ModelFormatError(f"{name} is compressed; decompress it first")
    if data[:8] == b"\x89HDF\r\n\x1a\n":
        _not_yet(name, "an HDF5 file, as Keras writes")
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
        "files of XGBoost (JSON, UBJSON), CatBoost (.cbm, JSON) and ONNX"
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


def _zip(name: str, data: bytes) -> NoReturn:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = set(archive.namelist()[:10_000])
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise ModelFormatError(f"{name} is a damaged zip file") from None
    if "schema.json" in members:
        _skops(name)
    if "config.json" in members and any(member.endswith(".h5") for member in members):
        _not_yet(name, "a Keras model")
    if any(member.endswith("data.pkl") for member in members):
        _not_yet(name, "a PyTorch file")
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
