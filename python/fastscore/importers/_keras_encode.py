"""Embeddings, bins, one-hot encodings and lookups of Keras."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from fastscore._errors import ModelFormatError
from fastscore.importers._flow import Frame, refuse, refuse_unknown, whole
from fastscore.importers._keras_activations import variables
from fastscore.importers._keras_config import Layer
from fastscore.importers._keras_norm import reduced
from fastscore.importers._keras_registry import layer
from fastscore.importers._keras_values import FLOATS, INTEGERS, Tensor, Translation, called
from fastscore.importers._text import Lookup, lookups, one_hot, refuse_others, values_of

_EXACT = 2**53


@layer("Embedding", masks="made")
def _embedding(t: Translation, layer: Layer, x: Tensor) -> Tensor:
    width = layer.width
    (table,) = variables(layer, 1)
    if table.ndim != 2 or not table.size:
        raise layer.refuse(f"its table of shape {table.shape} is not supported")
    if layer.config.get("lora_rank"):
        raise layer.refuse("LoRA is not supported; merge its weights into the table")
    dims = table.shape[1]
    t.spend(str(layer), x.size * dims)
    known = np.flatnonzero(~np.isnan(table).any(axis=0))
    if not len(known):
        raise layer.refuse("all columns of its table have NaN, which is not supported")
    build = t.build
    features = called(t.build, t.unsettled(x))
    if x.dtype.startswith("uint") or (x.dtype in INTEGERS and len(table) > np.iinfo(x.dtype).max):
        t.frame(x)  # refuses what is beyond the type, which may be a row
    value, places = t.gathered(x)
    prefix = f"embedding{len(build.steps)}"
    build.tensor(f"{prefix}.table", table.astype(width), np.float64)
    out = build.add(
        {"op": "embedding", "input": value, "columns": places, "wrap": True, "tensors": prefix}
    )
    # A number that is no row gives NaN, in every column: one of them is looked at.
    checked = [at * dims + int(known[0]) for at in range(x.size)]
    refuse_unknown(build, out, checked, features, f"Embedding {layer.name!r}")
    mask = differs(t, x, 0.0) if layer.config.get("mask_zero") else None
    return Tensor((*x.shape, dims), width, whole(out, x.size * dims), mask=mask)


def differs(t: Translation, x: Tensor, number: float) -> Tensor:
    """Return where a tensor is not this number, as a mask."""
    equal = t.build.equal(t.value(x), number)
    other = t.build.link(t.build.link(equal, "multiply", by=-1.0), "add", value=1.0)
    return Tensor(x.shape, "bool", whole(other, x.size))


@layer("Discretization", masks="dropped")
def _discretization(t: Translation, layer: Layer, x: Tensor) -> Tensor:
    edges = layer.config.get("bin_boundaries")
    if not edges:
        raise layer.refuse("it has no bin_boundaries; call adapt first")
    # TensorFlow's kernel takes them as float32.
    bounds = np.asarray(edges, dtype=np.float32).astype(np.float64)
    if np.isnan(bounds).any() or (np.diff(bounds) < 0).any():
        raise layer.refuse("its bin_boundaries don't rise")
    if x.dtype == "string":
        raise layer.refuse("it gets text")
    value = t.build.bins(t.value(x), [bounds] * x.size)
    out = Tensor(x.shape, "int32", whole(value, x.size))
    return encoded(t, layer, out, len(bounds) + 1, layer.width)


@layer("CategoryEncoding", masks="dropped")
def _category(t: Translation, layer: Layer, x: Tensor) -> Tensor:
    if x.dtype == "string":
        raise layer.refuse("it gets text")
    given = t.unsettled(x)
    if x.dtype in FLOATS:
        value = t.build.link(t.value(x), "ufunc", function="trunc")
        x = Tensor(x.shape, x.dtype, whole(value, x.size))
    if layer.config.get("output_mode") in ("multi_hot", "count"):
        # A negative number is an error there, as infinities are: its root is NaN.
        root = t.build.link(t.value(x), "ufunc", function="sqrt")
        name = f"CategoryEncoding {layer.name!r}"
        refuse(t.build, given, name, non_finite=True)
        refuse_unknown(t.build, root, range(x.size), called(t.build, given), name)
    return encoded(t, layer, x, int(layer.config["num_tokens"]), layer.width)


def encoded(t: Translation, layer: Layer, x: Tensor, depth: int, width: str) -> Tensor:
    """Append the encoding of numbers from 0 to depth - 1; all others are in no column."""
    mode = layer.config.get("output_mode", "int")
    if layer.config.get("sparse"):
        raise layer.refuse("sparse=True is not supported; use sparse=False")
    if mode == "int":
        return x
    if mode not in ("one_hot", "multi_hot", "count") or (mode != "one_hot" and len(x.shape) > 1):
        raise layer.refuse(
            f"output_mode={mode!r} for inputs of shape {x.shape} is not supported; use 'one_hot', "
            "or 'multi_hot' and 'count' for inputs of shape (rows, columns)"
        )
    t.spend(str(layer), x.size * depth)
    cells = [(column, float(at)) for column in t.frame(x).columns for at in range(depth)]
    ones = Tensor((*x.shape, depth), width, one_hot(t.build, cells))
    if mode == "one_hot":
        squeezed = x.shape[:-1] if x.shape[-1:] == (1,) else x.shape
        return Tensor((*squeezed, depth), width, ones.columns)
    if not x.shape:
        return ones
    how = "max" if mode == "multi_hot" else "sum"
    return reduced(t, ones, how, [0]) if x.size > 1 else Tensor((depth,), width, ones.columns)


@layer("IntegerLookup", "StringLookup", masks="dropped")
def _lookup(t: Translation, layer: Layer, x: Tensor) -> Tensor:
    config = layer.config
    text = layer.kind == "StringLookup"
    if config.get("invert"):
        raise layer.refuse("invert=True is not supported; look the terms up afterwards")
    if text and config.get("encoding", "utf-8") != "utf-8":
        raise layer.refuse("another encoding than utf-8 is not supported")
    if text != (x.dtype == "string"):
        raise layer.refuse(f"it gets numbers of type {x.dtype}; give it an Input of its own type")
    mode = config.get("output_mode", "int")
    oov = int(config.get("num_oov_indices", 1))
    if oov < 0:
        raise ModelFormatError(f"{layer}: num_oov_indices={oov}")
    if oov > 1:
        raise layer.refuse(
            f"num_oov_indices={oov} hashes unknown values, which is not supported; use 1 or 0"
        )
    mask = config.get("mask_token")
    special = (1 if mask is not None and mode == "int" else 0) + oov
    terms = _terms(layer, special)
    shift = special - oov
    if not text:
        x = _truncated(t, x) if x.dtype in FLOATS else x
    frame = t.frame(x)
    # Where a mask is no number of its own, it is in no column.
    masked = 0.0 if mode == "int" else -1.0
    outs = []
    for column in frame.columns:
        known = values_of(t.build, column, np.array(terms, dtype=object), str(layer))
        keys = {key: float(special + at) for at, key in enumerate(known.keys)}
        if mask is not None:
            extra = values_of(t.build, column, np.array([mask], dtype=object), str(layer))
            keys[extra.keys[0]] = masked
        if oov == 0:
            refused = replace(known, keys=list(keys))
            refuse_others(t.build, refused, f"{layer.kind} {layer.name!r}", missing=False)
        outs.append(Lookup(known.column, keys, math.nan, float(shift) if oov else math.nan))
    value = lookups(t.build, outs)
    if text:
        _refuse_missing(t, frame, layer)
    out = Tensor(x.shape, "int64", whole(value, x.size))
    depth = len(terms) + special
    if config.get("pad_to_max_tokens") and config.get("max_tokens"):
        depth = int(config["max_tokens"])
    return encoded(t, layer, out, depth, "int64")


def _refuse_missing(t: Translation, frame: Frame, layer: Layer) -> None:
    """Text is never missing for Keras: it takes no None."""
    refuse(t.build, frame, f"{layer.kind} {layer.name!r}", missing=True)


def _truncated(t: Translation, x: Tensor) -> Tensor:
    value = t.build.link(t.value(x), "ufunc", function="trunc")
    return Tensor(x.shape, "int64", whole(value, x.size))


def _terms(layer: Layer, special: int) -> list[Any]:
    """Return the vocabulary without the mask and what stands for unknown terms."""
    config = layer.config
    given = config.get("vocabulary")
    if given is not None and not isinstance(given, list | tuple):
        raise ModelFormatError(f"{layer}: its vocabulary is no list")
    terms: list[Any] = list(given) if given is not None else (layer.place.vocabulary() or [])
    if layer.kind == "IntegerLookup":
        terms = [int(term) for term in terms]
    tokens: list[Any] = [config.get("oov_token")] * int(config.get("num_oov_indices", 1))
    if len(tokens) < special:
        tokens.insert(0, config.get("mask_token"))
    if terms[:special] == tokens:
        terms = terms[special:]
    if not terms:
        raise layer.refuse("it has no vocabulary; call adapt, or give it one")
    if layer.kind == "IntegerLookup" and any(abs(term) > _EXACT for term in terms):
        raise layer.refuse("terms beyond 2**53 are not supported; use StringLookup")
    if len(set(terms)) < len(terms):
        raise layer.refuse("its vocabulary has a term twice")
    return terms
