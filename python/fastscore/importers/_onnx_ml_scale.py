"""Scaler, Normalizer, Imputer, Binarizer and FeatureVectorizer of ai.onnx.ml."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from fastscore.importers._flow import LARGEST_FLOAT32, Frame, joined, value_of
from fastscore.importers._flow import refuse as refuse_values
from fastscore.importers._onnx_graph import Node
from fastscore.importers._onnx_ml import DOMAIN, columns, given, rows, single
from fastscore.importers._onnx_registry import operator, refuse
from fastscore.importers._onnx_several import is_label
from fastscore.importers._onnx_values import Columns, Comparison

if TYPE_CHECKING:
    from fastscore.importers._onnx_translation import Translation


_BEYOND = 1e300


@operator("Scaler", domain=DOMAIN)
def scaler(translation: "Translation", node: Node) -> None:
    """Give `(x - offset) * scale` at float32; of float64 the result is rounded to it."""
    build, own = translation.build, given(node)
    found = columns(translation, node)
    count = rows(node, found)
    offset, scale = own.numbers("offset", np.float64), own.numbers("scale", np.float64)
    if len(offset) != len(scale) or len(scale) not in (1, count):
        refuse(node, f"it has {len(offset)} offsets and {len(scale)} scales for {count} columns")
    for name, values in (("offset", offset), ("scale", scale)):
        if not np.isfinite(values).all():
            refuse(node, f"its {name} is not finite")
    width = "float64" if found.elem_type == "float64" else "float32"
    value = value_of(build, found.frame if width == "float64" else single(build, found))
    shift = np.broadcast_to(offset, count).tolist()
    if offset.any():
        value = build.link(value, "standardize", width=width, shift=shift, scale=None)
    by = np.broadcast_to(scale, count).tolist()
    value = build.link(value, "affine", width=width, scale=by, shift=[0.0] * count)
    if width == "float64":
        value = build.link(value, "round_to_float32")
    near = found.frame.near
    translation.set(
        node, translation.made(value, found.shape, found, elem_type="float32", near=near)
    )


@operator("Normalizer", domain=DOMAIN)
def normalizer(translation: "Translation", node: Node) -> None:
    """Divide each row by its norm at float32; a row whose norm is 0 stays.

    The norm MAX is the largest number, with its sign, as ONNX Runtime has it.
    """
    build, own = translation.build, given(node)
    found = columns(translation, node)
    rows(node, found)
    norm = own.text("norm", "MAX")
    if found.elem_type == "float64" and norm == "L2":
        refuse(node, "the norm L2 of float64 is not supported; cast its input to float32")
    x = value_of(build, single(build, found))
    if norm == "MAX":
        # NaN is passed over, and nothing is below the lowest number.
        known = build.link(x, "fill_missing", value=-LARGEST_FLOAT32)
        known = build.link(known, "clip", low=-LARGEST_FLOAT32, high=None)
        value = build.link(known, "reduce", width="float32", how="max", groups=1)
        value = _quotient(translation, x, value)
    elif norm == "L1":
        value = build.link(x, "reduce", width="float32", how="l1", groups=1)
        value = _quotient(translation, x, value)
    elif norm == "L2":
        if found.elem_type != "float32":
            translation.notes.append(
                f"{node.label}: ONNX Runtime squares and adds up integers, which wrap around from "
                "some 3e9 on; here they are float32"
            )
        square = build.link(x, "ufunc", width="float32", function="square")
        value = build.link(square, "reduce", width="float32", how="sum", groups=1)
        share = _quotient(translation, square, value)
        root = build.link(share, "ufunc", width="float32", function="sqrt")
        least = -float(np.nextafter(np.float32(0), np.float32(1)))
        sign = build.link(x, "above", at=least, above=1.0, other=-1.0)
        value = build.add({"op": "product", "inputs": [root, sign], "width": "float32"})
    else:
        refuse(node, f"the norm {norm!r} is not known; MAX, L1 and L2 are")
    translation.set(node, translation.made(value, found.shape, found, elem_type="float32"))


def _quotient(translation: "Translation", value: int, norm: int) -> int:
    """Divide by the norm, or by 1 where it is 0."""
    build = translation.build
    norm = build.link(norm, "impute", width="float32", values=[1.0], missing=0.0)
    return build.add({"op": "quotient", "inputs": [value, norm], "width": "float32"})


@operator("Imputer", domain=DOMAIN)
def imputer(translation: "Translation", node: Node) -> None:
    """Replace NaN, or numbers that equal one: an imputed number a column, or one for all."""
    build, own = translation.build, given(node)
    found = columns(translation, node)
    count = rows(node, found)
    if found.elem_type == "float32":
        values = own.numbers("imputed_value_floats", np.float64)
        replaced = own.real("replaced_value_float", 0.0)
    elif found.elem_type == "int64":
        values = own.numbers("imputed_value_int64s", np.float64)
        replaced = float(own.integer("replaced_value_int64", 0))
        if max(map(abs, [replaced, *values]), default=0.0) > 2**53:
            refuse(node, "it has integers beyond 2**53, from where on numbers are not exact")
    else:
        refuse(node, f"its input is of {found.elem_type}; ONNX Runtime takes float32 and int64")
    if not len(values):
        refuse(node, f"it has no imputed values for an input of {found.elem_type}")
    if not np.isfinite(values).all():
        refuse(node, "its imputed values are not finite")
    # As ONNX Runtime does, the first one for all where there is not one a column.
    each = values if len(values) == count else np.full(count, values[0])
    width, value = found.width, found.value(build)
    if np.isinf(replaced):
        # A number that no float32 is, in place of the infinity.
        low, high = (None, _BEYOND) if replaced > 0 else (-_BEYOND, None)
        value, width = build.link(value, "clip", low=low, high=high), "float64"
        replaced = float(np.copysign(_BEYOND, replaced))
    value = build.link(
        value,
        "impute",
        width=width,
        values=each.tolist(),
        missing=None if np.isnan(replaced) else replaced,
    )
    near = found.frame.near
    translation.set(node, translation.made(value, found.shape, found, near=near))


@operator("Binarizer", domain=DOMAIN)
def binarizer(translation: "Translation", node: Node) -> None:
    """Give 1 above the threshold, else 0; ONNX Runtime refuses NaN."""
    build, own = translation.build, given(node)
    found = columns(translation, node)
    if found.elem_type != "float32":
        refuse(node, f"its input is of {found.elem_type}; ONNX Runtime takes float32")
    at = own.real("threshold", 0.0)
    if not np.isfinite(at):
        refuse(node, f"its threshold is {at}")
    frame = refuse_values(build, found.frame, node.label, missing=True)
    if frame.near and is_label(translation, node):
        translation.set(node, Comparison(replace(found, frame=frame), at, "float32"))
        return
    translation.jumps(node, found)
    value = build.link(value_of(build, frame), "above", at=at, above=1.0, other=0.0)
    translation.set(node, translation.made(value, found.shape, found, near=False))


@operator("FeatureVectorizer", domain=DOMAIN)
def feature_vectorizer(translation: "Translation", node: Node) -> None:
    """Put the columns of all inputs side by side, as float32."""
    own = given(node)
    sizes = own.numbers("inputdimensions", np.int64, length=len(node.inputs)).tolist()
    frames: list[Frame] = []
    like: Columns | None = None
    for at, size in enumerate(sizes):
        found = columns(translation, node, at)
        if rows(node, found) != size:
            refuse(node, f"its input {at} has {found.shape[0]} columns, where {size} are due")
        if like is not None and found.elem_type != like.elem_type:
            refuse(node, f"its inputs are of {like.elem_type} and {found.elem_type}")
        frames.append(single(translation.build, found))
        like = found if like is None else like
    if like is None:
        refuse(node, "it has no inputs")
    frame = joined(frames)
    translation.set(node, replace(like, frame=frame, shape=(len(frame),), elem_type="float32"))
