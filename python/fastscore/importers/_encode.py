"""Categories of encoded features: their table in the model.

A column of an encoded feature is matched by value; the steps see the number of the value in the
table.
"""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore._options import labels
from fastscore.importers._builder import Builder

_DTYPES = {"int": np.int64, "uint": np.uint64, "float": np.float64, "bool": np.uint8}


def encode(
    build: Builder, feature: int, categories: Any, owner: str, *, missing_code: float | None
) -> None:
    """Have a feature's values matched with these categories; any other is missing.

    `missing_code` is the number of null, where it was learnt as a category of its own.
    """
    found = labels(categories, f"{owner}: categories of feature {feature}")
    name = f"encoding{feature}"
    if found.kind == "string":
        build.strings(name, found.values)
    else:
        build.tensor(name, np.array(found.values, dtype=_DTYPES[found.kind]), _DTYPES[found.kind])
    build.encodings.append(
        {
            "feature": feature,
            "kind": found.kind,
            "values": name,
            "codes": None,
            "unknown": "missing",
            "unknown_code": None,
            "missing_code": missing_code,
            "matrix": "values",
        }
    )


def values_of_encoding(
    encoding: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]
) -> list[Any]:
    """Return the values that an encoding knows."""
    name = encoding["values"]
    if encoding["kind"] == "string":
        return string_values(name, tensors)
    values: list[Any] = tensors[name].tolist()
    return values


def string_values(name: str, tensors: Mapping[str, NDArray[Any]]) -> list[str]:
    """Return a list of strings."""
    data, offsets = tensors[f"{name}.bytes"].tobytes(), tensors[f"{name}.offsets"].tolist()
    return [data[start:end].decode("utf-8") for start, end in itertools.pairwise(offsets)]
