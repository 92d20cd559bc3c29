"""LabelEncoder, CategoryMapper, OneHotEncoder and ZipMap of ai.onnx.ml."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fastscore.importers._flow import Column, Frame, exact, whole
from fastscore.importers._onnx_graph import Node
from fastscore.importers._onnx_labels import index_of
from fastscore.importers._onnx_ml import DOMAIN, columns, given, labels_of
from fastscore.importers._onnx_registry import operator, refuse
from fastscore.importers._onnx_values import Columns, Constant, Label, Maps, Text, Value
from fastscore.importers._text import (
    Lookup,
    Values,
    as_text,
    lookups,
    one_hot,
    refuse_others,
    text_of,
)

if TYPE_CHECKING:
    from fastscore.importers._onnx_translation import Translation

_LARGEST_EXACT = 2**53


def _codes(
    translation: "Translation", node: Node, found: Value, keys: Sequence[Any]
) -> list[tuple[Column, list[float]]]:
    """Return per column of a value the number by which it is matched with each key.

    NaN as a key stands for NaN; a label that is no class has no number: -1.
    """
    build = translation.build
    if isinstance(found, Text):
        if not all(isinstance(key, str) for key in keys):
            refuse(node, "its input is text, and its keys are numbers")
        return [
            (as_text(column), text_of(build, column, node.label).add(keys))
            for column in found.frame.columns
        ]
    if isinstance(found, Label):
        index = index_of(build, found)
        classes = {each: float(at) for at, each in enumerate(found.classes.values)}
        return [(index, [classes.get(key, -1.0) for key in keys])]
    if not isinstance(found, Columns):
        refuse(node, f"its input {node.inputs[0]!r} does not depend on the row")
    if any(isinstance(key, str) for key in keys):
        refuse(node, "its input is numbers, and its keys are text")
    for key in keys:
        if isinstance(key, int) and abs(key) > _LARGEST_EXACT:
            refuse(node, f"the key {key} is beyond 2**53, from where on numbers are not exact")
    exact(build, found.frame, node.label, "give it numbers that nothing was computed from")
    return [(column, [float(key) + 0.0 for key in keys]) for column in found.frame.columns]


def _mapped(
    translation: "Translation",
    node: Node,
    keys: Sequence[Any],
    values: Sequence[Any],
    default: Any,
    elem_type: str,
) -> None:
    """Look the input up; of a key that is there twice the first counts."""
    build = translation.build
    found = translation.get(node, 0)
    if len(keys) != len(values):
        refuse(node, f"it has {len(keys)} keys and {len(values)} values")
    if isinstance(found, Constant):
        table = dict(zip(keys[::-1], values[::-1], strict=True))
        own = [table.get(key, default) for key in found.array.ravel().tolist()]
        kind = np.dtype(object if elem_type == "string" else elem_type)
        translation.set(node, Constant(np.array(own, dtype=kind).reshape(found.array.shape)))
        return
    if elem_type == "string":
        _named(translation, node, found, keys, [*values, default])
        return
    if elem_type.startswith(("int", "uint")):
        for each in (*values, default):
            if abs(each) > _LARGEST_EXACT:
                refuse(node, f"the value {each} is beyond 2**53, where numbers are not exact")
    tables = []
    for column, codes in _codes(translation, node, found, keys):
        codes_of: dict[float, float] = {}
        missing = float(default)
        for code, each in zip(codes[::-1], values[::-1], strict=True):
            if math.isnan(code):
                missing = float(each)
            else:
                codes_of[code] = float(each)
        if isinstance(found, Label):
            codes_of.pop(-1.0, None)
        tables.append(Lookup(column, codes_of, missing, float(default)))
    value = lookups(build, tables)
    width = "float32" if elem_type == "float32" else "float64"
    assert isinstance(found, Columns | Text | Label)
    translation.set(
        node,
        Columns(whole(value, len(tables), width=width), found.shape, elem_type, found.batched),
    )


def _named(
    translation: "Translation", node: Node, found: Value, keys: Sequence[Any], values: list[str]
) -> None:
    """Give text for numbers, labels or text: one of these values, the last for unknown keys."""
    build = translation.build
    codes = _codes(translation, node, found, keys)
    if len(codes) != 1 or not isinstance(found, Columns | Text | Label):
        refuse(node, "it makes text of several columns, which is not supported; of one it is")
    ((column, own),) = codes
    distinct = list(dict.fromkeys(values))
    number = {each: float(at) for at, each in enumerate(distinct)}
    other = number[values[-1]]
    table, missing = {}, other
    for code, each in zip(own[::-1], values[-2::-1], strict=True):
        if math.isnan(code):
            missing = number[each]
        else:
            table[code] = number[each]
    if isinstance(found, Label):
        table.pop(-1.0, None)
    looked = whole(lookups(build, [Lookup(column, table, missing, other)]), 1).columns[0]
    hot = one_hot(build, [(looked, float(at)) for at in range(len(distinct))])
    scores = Columns(hot, (len(distinct),), "float64", found.batched)
    if len(distinct) == 1:
        refuse(node, f"it gives {distinct[0]!r} for every key; there is nothing to score")
    translation.set(
        node,
        Label(
            scores,
            "scan",
            labels_of(node, distinct),
            shape=found.shape,
            elem_type="string",
            batched=found.batched,
        ),
    )


_KINDS = {"strings": "string", "int64s": "int64", "floats": "float32"}
_DEFAULTS: dict[str, Any] = {"strings": "_Unused", "int64s": -1, "floats": -0.0}
_DEFAULT_NAMES = {"strings": "default_string", "int64s": "default_int64", "floats": "default_float"}


@operator("LabelEncoder", domain=DOMAIN)
def label_encoder(translation: "Translation", node: Node) -> None:
    """Look keys up: text, integers or floats, in values of any of these."""
    own, version = node.attributes, translation.opset(node)
    if version == 1:
        _first_version(translation, node)
        return
    keys: list[Any] | None = None
    values: list[Any] | None = None
    default: Any = None
    elem_type = ""
    for suffix, kind in _KINDS.items():
        if own.get(f"keys_{suffix}"):
            keys = list(own[f"keys_{suffix}"])
        if own.get(f"values_{suffix}"):
            values, elem_type = list(own[f"values_{suffix}"]), kind
            default = own.get(_DEFAULT_NAMES[suffix], _DEFAULTS[suffix])
    if isinstance(own.get("keys_tensor"), np.ndarray):
        keys = own["keys_tensor"].ravel().tolist()
    if isinstance(own.get("values_tensor"), np.ndarray):
        array = own["values_tensor"]
        values = array.ravel().tolist()
        elem_type = "string" if array.dtype == object else str(array.dtype)
        suffix = {"O": "strings", "f": "floats"}.get(array.dtype.kind, "int64s")
        default = _DEFAULTS[suffix]
    if isinstance(own.get("default_tensor"), np.ndarray) and own["default_tensor"].size == 1:
        default = own["default_tensor"].ravel().tolist()[0]
    if keys is None or values is None:
        refuse(node, "it has no keys, or no values")
    if (elem_type == "string") != isinstance(default, str):
        refuse(node, f"its values are of {elem_type}, and its default is {default!r}")
    if version < 4:
        # ONNX Runtime compares NaN with NaN from version 4 on.
        kept = [not (isinstance(key, float) and math.isnan(key)) for key in keys]
        values = [each for each, keep in zip(values, kept, strict=False) if keep]
        keys = [key for key, keep in zip(keys, kept, strict=True) if keep]
    _mapped(translation, node, keys, values, default, elem_type)


def _first_version(translation: "Translation", node: Node) -> None:
    own = given(node)
    classes = own.texts("classes_strings")
    numbers = list(range(len(classes)))
    if _is_text(translation.get(node, 0)):
        default = own.integer("default_int64", -1)
        _mapped(translation, node, classes, numbers, default, "int64")
    else:
        _mapped(
            translation, node, numbers, classes, own.text("default_string", "_Unused"), "string"
        )


def _is_text(found: Value) -> bool:
    return isinstance(found, Text) or (isinstance(found, Label) and found.elem_type == "string")


@operator("CategoryMapper", domain=DOMAIN)
def category_mapper(translation: "Translation", node: Node) -> None:
    """Give integers for text, or text for integers."""
    own = given(node)
    texts = own.texts("cats_strings")
    numbers = own.numbers("cats_int64s", np.int64, length=len(texts)).tolist()
    if _is_text(translation.get(node, 0)):
        _mapped(translation, node, texts, numbers, own.integer("default_int64", -1), "int64")
    else:
        default = own.text("default_string", "_Unused")
        _mapped(translation, node, numbers, texts, default, "string")


@operator("OneHotEncoder", domain=DOMAIN)
def one_hot_encoder(translation: "Translation", node: Node) -> None:
    """Give a column a category: 1 where the input is that; floats are cut to integers."""
    build, own = translation.build, given(node)
    found = translation.get(node, 0)
    cats: list[Any] = own.texts("cats_strings")
    if not _is_text(found):
        cats = own.numbers("cats_int64s", np.int64).tolist()
    if not cats:
        refuse(node, "it has no categories for its input")
    if isinstance(found, Columns) and found.elem_type.startswith("float"):
        exact(build, found.frame, node.label, "give it numbers that nothing was computed from")
        cut = build.link(found.value(build), "ufunc", function="trunc")
        found = replace(found, frame=whole(cut, len(found.frame)))
    codes = _codes(translation, node, found, cats)
    if own.integer("zeros", 1) == 0:
        for column, keys in codes:
            known = Values(column, keys, None, list(range(len(keys))))
            refuse_others(build, known, node.label, missing=True)
    # A category that is there twice counts at its last place, as it does in a map.
    last = {cat: at for at, cat in enumerate(cats)}
    cells = []
    for column, keys in codes:
        for at, (cat, key) in enumerate(zip(cats, keys, strict=True)):
            cells.append((column, key if last[cat] == at else -0.5))
    frame = one_hot(build, cells)
    assert isinstance(found, Columns | Text | Label)
    frame = Frame(tuple(replace(column, width="float32") for column in frame.columns))
    translation.set(node, Columns(frame, (*found.shape, len(cats)), "float32", found.batched))


@operator("ZipMap", domain=DOMAIN)
def zip_map(translation: "Translation", node: Node) -> None:
    """Give each column of scores the name of its class."""
    own = given(node)
    classes: list[Any] = own.texts("classlabels_strings")
    if not classes:
        classes = own.numbers("classlabels_int64s", np.int64).tolist()
    found = columns(translation, node)
    if len(found.shape) != 1 or found.shape[0] != len(classes):
        refuse(node, f"it has {len(classes)} labels for an input of {len(found.frame)} columns")
    translation.set(node, Maps(found, labels_of(node, classes)))
