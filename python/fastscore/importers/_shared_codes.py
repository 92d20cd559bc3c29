"""Categories of encoded features: their table in the model, and one table for several estimators.

A column of an encoded feature is matched by value; the steps see the number of the value in the
table. Estimators of one ensemble may each know other categories: they share one table, and each
takes the codes that it does not know as missing.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore._errors import UnsupportedModelError
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
    _put(build, feature, found.kind, found.values, missing_code)


def shared_codes(
    build: Builder,
    feature: int,
    encoding: Mapping[str, Any],
    tensors: Mapping[str, NDArray[Any]],
    owner: str,
) -> NDArray[np.int64]:
    """Put an estimator's own encoding into the shared table; returns the code of each of its."""
    plain = all(
        encoding.get(key) in (None, plain)
        for key, plain in (
            ("codes", None),
            ("unknown", "missing"),
            ("unknown_code", None),
            ("missing_code", None),
            ("matrix", "values"),
        )
    )
    other = next((entry for entry in build.encodings if entry["feature"] == feature), None)
    kind = encoding["kind"]
    if kind == "hash":
        raise UnsupportedModelError(
            f"{owner}: its estimators hash the categories of feature {feature}, and hold no "
            "list of them to share; import them one by one"
        )
    if not plain or (other is not None and other["kind"] != kind):
        raise UnsupportedModelError(
            f"{owner}: its estimators encode the categories of feature {feature} in different "
            "ways; encode them as numbers before the ensemble"
        )
    values = _values(encoding, tensors)
    known = [] if other is None else _values(other, build.tensors)
    union = list(dict.fromkeys([*known, *values]))
    if other is not None:
        build.encodings.remove(other)
    _put(build, feature, kind, union)
    codes = {value: code for code, value in enumerate(union)}
    return np.array([codes[value] for value in values], dtype=np.int64)


def refuse_mixed(build: Builder, owner: str) -> None:
    """Refuse a feature that some steps read as a number and others as encoded categories."""
    encoded = {int(entry["feature"]) for entry in build.encodings}
    if not encoded:
        return
    for step in build.steps:
        inputs = step.get("inputs", [step.get("input")])
        if 0 not in inputs:
            continue
        read: Any = range(build.n_features)
        if step["op"] in ("forest", "leaf_indicator"):
            features = build.tensors[f"{step['tensors']}.feature"]
            sets = build.tensors.get(f"{step['tensors']}.category_set")
            read = features if sets is None else features[sets < 0]
        elif step["op"] == "link" and step["kind"]["name"] == "columns":
            read = step["kind"]["columns"]
        mixed = sorted(encoded.intersection(np.asarray(read).tolist()))
        if mixed:
            raise UnsupportedModelError(
                f"{owner}: feature {mixed[0]} is categorical for one of its estimators and a "
                "number for another; encode the categories as numbers before the ensemble"
            )


def _put(
    build: Builder,
    feature: int,
    kind: str,
    values: Sequence[Any],
    missing_code: float | None = None,
) -> None:
    name = f"encoding{feature}"
    if kind == "string":
        build.strings(name, values)
    else:
        build.tensor(name, np.array(values, dtype=_DTYPES[kind]), _DTYPES[kind])
    build.encodings.append(
        {
            "feature": feature,
            "kind": kind,
            "values": name,
            "codes": None,
            "unknown": "missing",
            "unknown_code": None,
            "missing_code": missing_code,
            "matrix": "values",
        }
    )


def _values(encoding: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> list[Any]:
    name = encoding["values"]
    if encoding["kind"] != "string":
        values: list[Any] = tensors[name].tolist()
        return values
    data, offsets = tensors[f"{name}.bytes"].tobytes(), tensors[f"{name}.offsets"].tolist()
    return [data[start:end].decode("utf-8") for start, end in itertools.pairwise(offsets)]
