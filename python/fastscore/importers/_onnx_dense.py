"""Matrix products of ONNX: Gemm and MatMul, rows by constants."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastscore.importers._flow import Column, Frame
from fastscore.importers._onnx_arithmetic import broadcast, floats, laid_out, plus, times, two
from fastscore.importers._onnx_graph import Node
from fastscore.importers._onnx_registry import attribute, operator, refuse
from fastscore.importers._onnx_values import Columns, Constant, Sized, Value

if TYPE_CHECKING:
    from fastscore.importers._onnx_translation import Translation

_MOST_TERMS = 1 << 17
"""Products of two numbers of a row that one node may add up."""
_MOST_PRODUCTS = 4096
"""Products that one node may become: one for each place of a row's tensor."""


@operator("MatMul")
def matmul(translation: "Translation", node: Node) -> None:
    """Rows times a matrix; in front of rows a matrix only where rows are matrices themselves."""
    found = product(translation, node, translation.operand(node, 0), translation.operand(node, 1))
    translation.set(node, found)


@operator("Gemm")
def gemm(translation: "Translation", node: Node) -> None:
    """Alpha A B + beta C, either transposed."""
    factors = [translation.operand(node, 0), translation.operand(node, 1)]
    for value in factors if "rank" not in node.attributes else ():
        rank = value.array.ndim if isinstance(value, Constant) else getattr(value, "rank", 2)
        if rank != 2:
            refuse(node, f"matrices are due, not {rank} dimensions")
    for at, name in enumerate(("transA", "transB")):
        if attribute(node, name, 0):
            factors[at] = _transposed(translation, node, factors[at])
    alpha, beta = attribute(node, "alpha", 1.0, float), attribute(node, "beta", 1.0, float)
    if not np.isfinite([alpha, beta]).all():
        refuse(node, f"its alpha is {alpha} and its beta {beta}; they must be finite")
    addend = translation.optional(node, 2)
    if alpha != 1.0:
        factors = [
            Constant(value.array * value.array.dtype.type(alpha))
            if isinstance(value, Constant)
            else value
            for value in factors
        ]
    found = product(translation, node, *factors)
    if addend is None or beta == 0.0:
        translation.set(node, found)
        return
    floats(node, addend)
    result, other = broadcast(translation, node, [found, addend])
    if not isinstance(result, Columns) or result.shape != found.shape:
        refuse(node, f"its C does not fit the product of shape (rows, {found.shape})")
    if isinstance(other, Columns):
        scaled = other if beta == 1.0 else times(translation, other, np.asarray(beta))
        translation.set(node, two(translation, "sum", found, scaled))
        return
    numbers = np.asarray(other * other.dtype.type(beta))
    translation.set(node, plus(translation, found, numbers))


def _transposed(translation: "Translation", node: Node, value: Value) -> Value:
    def move(array: NDArray[Any], _: int) -> NDArray[Any]:
        if array.ndim != 2:
            refuse(node, f"a matrix is due, not {array.ndim} dimensions")
        return array.T

    return translation.moved(node, value, move)


def product(translation: "Translation", node: Node, a: Value, b: Value) -> Columns:
    """Return a matrix product, one factor of which is constant."""
    for value in (a, b):
        floats(node, value)
    if isinstance(a, Sized) or isinstance(b, Sized):
        translation.mixes(node)
    if isinstance(a, Columns) and isinstance(b, Constant):
        return _right(translation, node, a, b.array)
    if isinstance(a, Constant) and isinstance(b, Columns):
        # (B' A')'
        def swapped(array: NDArray[Any], _: int) -> NDArray[Any]:
            return np.swapaxes(array, -1, -2) if array.ndim > 1 else array

        turned = translation.moved(node, b, swapped)
        if not isinstance(turned, Columns):
            translation.mixes(node)
        found = _right(translation, node, turned, swapped(a.array, 0))
        if b.rank < 2 or a.array.ndim < 2:
            return found
        back = translation.moved(node, found, swapped)
        if not isinstance(back, Columns):
            translation.mixes(node)
        return back
    if isinstance(a, Columns) and isinstance(b, Columns):
        return _of_two(translation, node, a, b)
    refuse(node, "labels that are text, and maps, can't be multiplied")


def _of_two(translation: "Translation", node: Node, a: Columns, b: Columns) -> Columns:
    """Return a product both factors of which depend on the row: sums of products of columns."""
    ranks = [value.rank for value in (a, b)]
    if min(ranks) < 1 + a.batched:
        translation.mixes(node)
    if ranks[0] > 1 and ranks[1] > 1:
        if a.batched and min(ranks) < 3:
            translation.mixes(node)  # matrices of rows
        # (.., m, 1, k) * (.., 1, n, k), summed over k.
        left = translation.apply(node, "Unsqueeze", a, Constant(np.array([-2])))
        order = [*range(ranks[1] - 2), ranks[1] - 1, ranks[1] - 2]
        right = translation.apply(node, "Transpose", b, perm=order)
        right = translation.apply(node, "Unsqueeze", right, Constant(np.array([-3])))
    else:
        translation.mixes(node)
    assert isinstance(left, Columns)
    assert isinstance(right, Columns)
    most = math.prod(left.shape) * right.shape[-2]
    if most > _MOST_TERMS:
        refuse(
            node,
            f"both its factors depend on the row, and it adds up {most} products of a row's "
            f"numbers; {_MOST_TERMS} are the limit",
        )
    products = translation.apply(node, "Mul", left, right)
    found = translation.apply(node, "ReduceSum", products, Constant(np.array([-1])), keepdims=0)
    assert isinstance(found, Columns)
    return found


def _right(translation: "Translation", node: Node, x: Columns, w: NDArray[Any]) -> Columns:
    """X @ w."""
    if str(w.dtype) != x.elem_type:
        refuse(node, f"it multiplies {x.elem_type} with {w.dtype}")
    if not w.ndim or not x.rank:
        refuse(node, "a single number can't be multiplied as a matrix")
    vector, matrix = x.rank == 1, w if w.ndim > 1 else w[:, None]
    places = []
    for trial in range(len(translation.trials) if x.batched else 1):
        own = translation.places(x, trial)
        own = own[None] if vector else own
        if own.shape[-1] != matrix.shape[-2]:
            refuse(node, f"it multiplies rows of {own.shape[-1]} with a matrix of {w.shape}")
        try:
            lead = np.broadcast_shapes(own.shape[:-2], matrix.shape[:-2])
        except ValueError:
            refuse(node, f"shapes {own.shape} and {w.shape} do not fit each other")
        places.append(np.broadcast_to(own, (*lead, *own.shape[-2:])))
    if x.batched and vector:
        translation.mixes(node)
    row = translation.kept(node, places, x)
    # For every place a matrix; those of different rows must be one.
    spread = np.broadcast_to(matrix, (*places[0].shape[:-2], *matrix.shape[-2:]))
    if x.batched and places[0].ndim > 2:
        if not np.array_equal(spread, np.broadcast_to(spread[:1], spread.shape), equal_nan=True):
            translation.mixes(node)
        spread = spread[0]
    if row.ndim > 1:
        spread = np.broadcast_to(spread[..., None, :, :], (*row.shape[:-1], *matrix.shape[-2:]))
    found = _products(translation, node, x, row.reshape(-1, row.shape[-1]), spread)
    shape = (*row.shape[:-1], matrix.shape[-1])
    if w.ndim == 1:
        shape = shape[:-1]
    if vector:
        shape = (*shape[:-2], *shape[-1:]) if w.ndim > 1 else shape[:-1]
    return Columns(found, shape, x.elem_type, x.batched)


def _products(
    translation: "Translation", node: Node, x: Columns, rows: NDArray[Any], w: NDArray[Any]
) -> Frame:
    """Translate a product for each row of places with its own matrix."""
    if len(rows) > _MOST_PRODUCTS:
        refuse(node, f"it is {len(rows)} products a row; {_MOST_PRODUCTS} are the limit")
    inputs, outputs = w.shape[-2:]
    matrices = w.reshape(-1, inputs, outputs)
    build = translation.build
    columns: list[Column] = []
    for places, matrix in zip(rows, matrices, strict=True):
        if len(rows) > 1:
            translation.take_elements(node, matrix.size)
        value = build.linear(
            f"product{len(build.steps)}",
            matrix.T,
            np.zeros(outputs),
            value=laid_out(x, places).value(build),
            width=x.width,
        )
        columns += translation.made(value, (outputs,), x).frame.columns
    return Frame(tuple(columns))
