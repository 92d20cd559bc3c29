"""The files of Keras: the zip `.keras`, and HDF5 with h5py.

Nothing is read before its size is known to be that of the file: zip members that unpack to far
more than they take, HDF5 data that are compressed, external, virtual or larger than the file.
"""

import io
import json
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore._errors import FastscoreError, ModelFormatError, UnsupportedModelError
from fastscore.importers._keras_heaps import check_heaps

CONFIG = "config.json"
_METADATA = "metadata.json"
WEIGHTS = "model.weights.h5"
_RATIO = 100
"""How many times its size in the file a member may have; Keras itself does not compress."""
_SMALL = 1 << 20
_ARRAYS = 64
"""Of one layer: those that are read have at most seven."""
_WITHIN = 1 << 12
"""Of one that has layers within it."""
_LONGEST = 1 << 24
"""Of JSON, in bytes: what is made of it takes many times as much."""
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Of packing: the others unpack all that they hold at once, whatever size is said."""


class Archive:
    """A `.keras` file."""

    def __init__(self, data: bytes) -> None:
        self._size = len(data)
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise ModelFormatError(f"a damaged zip file: {error}") from None
        self._names = set(self._zip.namelist())
        self._file: Any = None

    def config(self) -> Any:
        """Return the configuration of the model."""
        found = parsed(self._read(CONFIG), CONFIG)
        if found is None:
            raise ModelFormatError(f"its {CONFIG} is no model")
        return found

    def version(self) -> str:
        """Return the version of Keras that wrote it."""
        if _METADATA not in self._names:
            return ""
        found = parsed(self._read(_METADATA), _METADATA)
        return str(found.get("keras_version", "")) if isinstance(found, dict) else ""

    def asset(self, path: str) -> str | None:
        """Return a text beside the weights."""
        name = f"assets/{path.lstrip('/')}"
        return self._read(name).decode("utf-8") if name in self._names else None

    def variables(self, path: str) -> list[NDArray[Any]]:
        """Return the arrays of a group, by number."""
        if self._file is None:
            if WEIGHTS not in self._names:
                raise UnsupportedModelError(
                    f"it has no {WEIGHTS}: weights in other files are not read; save the model "
                    "with model.save('model.keras')"
                )
            self._file = hdf5(self._read(WEIGHTS))
        with reading():
            group = inside(self._file, path)
            if group is None:
                return []
            names = sorted((name for name in group if name.isdigit()), key=int)
            if len(names) > _ARRAYS:
                raise ModelFormatError(
                    f"it has {len(names)} arrays of weights of one layer in {path}"
                )
            return [array(group, name, self._size) for name in names]

    def _read(self, name: str) -> bytes:
        try:
            info = self._zip.getinfo(name)
        except KeyError:
            raise ModelFormatError(f"it has no {name}") from None
        if info.compress_type not in _METHODS:
            raise ModelFormatError(
                f"its member {name} is packed with method {info.compress_type}, which Keras does "
                "not use; unpack the file and zip it anew, stored or deflated"
            )
        packed = min(info.compress_size, self._size)
        if info.file_size > max(_SMALL, _RATIO * packed) or (
            name in (CONFIG, _METADATA) and info.file_size > _LONGEST
        ):
            raise ModelFormatError(
                f"its member {name} is {info.file_size} bytes, packed into {packed}: more than a "
                "model file holds"
            )
        try:
            with self._zip.open(info) as member:
                # Not all that is there: the size is only what the file says of it.
                return member.read(info.file_size + 1)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise ModelFormatError(f"its member {name} is damaged: {error}") from None
        except (RuntimeError, EOFError) as error:
            raise ModelFormatError(f"its member {name} can't be read: {error}") from None
        except Exception as error:  # zlib.error
            raise ModelFormatError(f"its member {name} is damaged: {error}") from None


def parsed(data: bytes, name: str) -> Any:
    """Return the JSON of a member or attribute."""
    if len(data) > _LONGEST:
        raise ModelFormatError(
            f"its {name} is {len(data)} bytes: more than {_LONGEST}, which no model file needs"
        )
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ModelFormatError(f"its {name} is no JSON: {error}") from None


def hdf5(data: bytes) -> Any:
    """Open HDF5 bytes."""
    try:
        import h5py
    except ImportError:
        raise UnsupportedModelError(
            "Keras's files are read with h5py, which is not installed: pip install h5py, or "
            "fastscore-engine[keras]"
        ) from None
    check_heaps(data)
    with reading():
        return h5py.File(io.BytesIO(data), "r")


@contextmanager
def reading() -> Iterator[None]:
    """Turn what h5py raises for damaged files into our error."""
    try:
        yield
    except (FastscoreError, MemoryError):
        raise
    except Exception as error:
        raise ModelFormatError(f"its HDF5 data are damaged: {error}") from None


def inside(group: Any, path: str) -> Any:
    """Return what lies at a path, by links within the file only; None where there is nothing."""
    import h5py

    for part in path.split("/"):
        if not part:
            continue
        if not isinstance(group, h5py.Group) or part not in group:
            return None
        link = group.get(part, getlink=True)
        if not isinstance(link, h5py.HardLink):
            raise ModelFormatError(f"its HDF5 data have a link at {path}, which is not followed")
        group = group[part]
    return group


def array(group: Any, name: str, most: int) -> NDArray[Any]:
    """Return an array that is stored as it is, in at most as many bytes as the file has."""
    import h5py

    data = inside(group, name)
    if not isinstance(data, h5py.Dataset):
        raise ModelFormatError(f"its HDF5 data have no array {name} in {group.name}")
    where = f"the array {data.name}"
    if data.external or data.is_virtual:
        raise ModelFormatError(f"{where} lies in another file, which is not read")
    if data.id.get_create_plist().get_nfilters():
        raise ModelFormatError(f"{where} is compressed, which Keras does not do; it is not read")
    named = "".join(texts(data, "dtype") or ())
    if data.dtype.kind not in "fiu" or named == "bfloat16":
        raise UnsupportedModelError(
            f"{where} is of type {named or data.dtype}; float32 and float64 are "
            "supported: build the model with one of these and set its weights (model.set_weights)"
        )
    if data.shape is None:
        raise ModelFormatError(f"{where} has no shape")
    needed = data.dtype.itemsize * int(np.prod((1, *data.shape), dtype=object))
    if needed > min(most, data.id.get_storage_size()):
        raise ModelFormatError(f"{where} of shape {data.shape} is larger than what is stored")
    return np.asarray(data[()])


def texts(holder: Any, name: str, most: int = _ARRAYS) -> list[str] | None:
    """Return an attribute of a few texts; None where there is none."""
    if name not in holder.attrs:
        return None
    shape = holder.attrs.get_id(name).shape
    if shape is None or int(np.prod((1, *shape), dtype=object)) > most:
        raise ModelFormatError(f"its HDF5 data have the attribute {name} of shape {shape}")
    found = np.asarray(holder.attrs[name], dtype=object).ravel()
    return [each.decode() if isinstance(each, bytes) else str(each) for each in found]


class WholeFile:
    """A whole-model `.h5`, as `model.save("model.h5")` writes it."""

    def __init__(self, data: bytes) -> None:
        self._size = len(data)
        self._file = hdf5(data)
        self._listed: dict[str, list[str]] = {}

    def config(self) -> Any:
        """Return the configuration of the model; None for a file of weights alone."""
        with reading():
            found = texts(self._file, "model_config")
            return None if found is None else parsed("".join(found).encode(), "model_config")

    def version(self) -> str:
        """Return the version of Keras that wrote it."""
        with reading():
            return "".join(texts(self._file, "keras_version") or ())

    def listed(self, name: str, *, within: bool) -> list[str]:
        """Return the paths of a layer's arrays; `within`: of those of the layers in it, too."""
        if name not in self._listed:
            with reading():
                group = inside(self._file, f"model_weights/{name}")
                found = [] if group is None else _names(group, _WITHIN if within else _ARRAYS)
                if found is None:
                    raise ModelFormatError(f"the weights of the layer {name!r} are not listed")
                self._listed[name] = found
        return self._listed[name]

    def arrays(self, name: str, paths: Sequence[str]) -> list[NDArray[Any]]:
        """Return arrays of a layer by their paths."""
        with reading():
            group = inside(self._file, f"model_weights/{name}")
            return [array(group, path, self._size) for path in paths]


def _names(group: Any, most: int) -> list[str] | None:
    """Return the names of a group's arrays, which Keras splits where they are too long for one."""
    found = texts(group, "weight_names", most)
    if found is not None:
        return found
    parts: list[list[str]] = []
    while (part := texts(group, f"weight_names{len(parts)}", most)) is not None:
        parts.append(part)
    return [name for part in parts for name in part] if parts else None
