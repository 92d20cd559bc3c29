"""Names for a model that has none: the saved form with its list of names put in."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore import _core
from fastscore.importers._builder import string_list

_DTYPES = {
    "F64": np.float64,
    "F32": np.float32,
    "I64": np.int64,
    "U64": np.uint64,
    "I32": np.int32,
    "U32": np.uint32,
    "U8": np.uint8,
}


def with_names(core: _core.Model, names: Sequence[str]) -> _core.Model:
    """Return the same model with named features. ValueError when it has names, or another count."""
    if core.feature_names is not None:
        shown = ", ".join(map(repr, core.feature_names[:5]))
        more = ", ..." if core.n_features > 5 else ""
        raise ValueError(f"features= names a nameless model; this one has names: {shown}{more}")
    if len(names) != core.n_features:
        raise ValueError(
            f"features= has {len(names)} names, but the model has {core.n_features} features"
        )
    structure = json.loads(core.spec)
    structure["features"]["names"] = "features.names"
    notes = structure["source"].get("notes") or []
    structure["source"]["notes"] = [*notes, "feature names were given with features="]
    tensors = tensors_of(core.to_bytes())
    tensors.update(string_list("features.names", names))
    return _core.Model.from_parts(json.dumps(structure), tensors)


def with_source(core: _core.Model, source: Mapping[str, Any]) -> _core.Model:
    """Return the same model with another source; the notes of its own come after the new ones."""
    structure = json.loads(core.spec)
    own = structure["source"].get("notes") or []
    structure["source"] = {**source, "notes": [*source["notes"], *own]}
    return _core.Model.from_parts(json.dumps(structure), tensors_of(core.to_bytes()))


def tensors_of(data: bytes) -> dict[str, NDArray[Any]]:
    """Return the arrays of a safetensors container that this version wrote."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    body = memoryview(data)[8 + length :]
    return {
        name: np.frombuffer(
            body[slice(*entry["data_offsets"])], dtype=_DTYPES[entry["dtype"]]
        ).reshape(entry["shape"])
        for name, entry in header.items()
        if name != "__metadata__"
    }
