"""Einsum of one or two tensors, as sums over axes and one product of matrices."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fastscore.importers._onnx_graph import Node
from fastscore.importers._onnx_registry import attribute, operator, refuse
from fastscore.importers._onnx_values import Columns, Constant, Moved, Sized, Value, rank_of

if TYPE_CHECKING:
    from fastscore.importers._onnx_translation import Translation


@operator("Einsum")
def einsum(translation: "Translation", node: Node) -> None:
    """Sum products of elements by letters."""
    values = [translation.operand_anywhere(node, at) for at in range(len(node.inputs))]
    terms, output = _letters(node, attribute(node, "equation", "", str), values)
    sizes: dict[str, int] = {}
    for value, term in zip(values, terms, strict=True):
        _measure(translation, node, value, term, sizes)
    row = next((found for v, t in zip(values, terms, strict=True) if (found := _row(v, t))), "")
    if row and row not in output:
        translation.mixes(node)
    kept = []
    for at, (value, term) in enumerate(zip(values, terms, strict=True)):
        others = output + "".join(terms[:at] + terms[at + 1 :])
        lost = [axis for axis, letter in enumerate(term) if letter not in others]
        if lost:
            axes = Constant(np.array(lost))
            summed = translation.apply(node, "ReduceSum", value, axes, keepdims=0)
        else:
            summed = value
        kept.append((summed, "".join(letter for letter in term if letter in others)))
    if len(kept) == 1:
        translation.set(node, _ordered(translation, node, *kept[0], output))
        return
    if row and row not in kept[0][1]:
        kept = kept[::-1]
    translation.set(node, _product(translation, node, kept, output, row, sizes))


def _product(
    translation: "Translation",
    node: Node,
    kept: Sequence[tuple[Value, str]],
    output: str,
    row: str,
    sizes: dict[str, int],
) -> Value:
    """Return a product of matrices, (row, both's, own, summed) times (both's, summed, own)."""
    (a, first), (b, second) = kept
    both = "".join(letter for letter in output if letter in first and letter in second)
    both = both.replace(row, "") if row else both
    summed = "".join(letter for letter in first if letter not in output)
    own = ["".join(o for o in term if o not in both + summed + row) for term in (first, second)]
    lead = row if row in second else ""
    a = _ordered(translation, node, a, first, row + both + own[0] + summed)
    b = _ordered(translation, node, b, second, lead + both + summed + own[1])

    def shaped(value: Value, rows: str, letters: Sequence[str]) -> Value:
        """Merge letters to one dimension each, those after the row and those of both."""
        # 0 keeps the number of rows.
        shape = [0] * len(rows) + [sizes[letter] for letter in both]
        shape += [int(np.prod([sizes[o] for o in part], dtype=int)) for part in letters]
        return translation.apply(node, "Reshape", value, Constant(np.array(shape, dtype=np.int64)))

    a = shaped(a, row, (own[0], summed))
    b = shaped(b, lead, (summed, own[1]))
    found = translation.apply(node, "MatMul", a, b)
    shape = [0] * len(row) + [sizes[letter] for letter in both + own[0] + own[1]]
    found = translation.apply(node, "Reshape", found, Constant(np.array(shape, dtype=np.int64)))
    return _ordered(translation, node, found, row + both + own[0] + own[1], output)


def _letters(node: Node, equation: str, values: Sequence[Value]) -> tuple[list[str], str]:
    """Return the letters of each tensor and of the output; an ellipsis becomes letters too."""
    left, arrow, output = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(values) or not 1 <= len(terms) <= 2:
        refuse(node, f"{equation!r} is of {len(terms)} tensors; one and two are supported")
    spread = ""
    if "..." in equation:
        spare = [chr(code) for code in range(0x3B1, 0x3B1 + 24)]
        counts = [
            rank_of(v) - len(t.replace("...", "")) for v, t in zip(values, terms, strict=True)
        ]
        most = max(n for n, term in zip(counts, terms, strict=True) if "..." in term)
        # Right-aligned, as they are broadcast.
        terms = [
            term.replace("...", "".join(spare[most - n : most]))
            for term, n in zip(terms, counts, strict=True)
        ]
        spread = "".join(spare[:most])
        output = output.replace("...", spread)
    if not arrow:
        # What is broadcast comes first, and is not summed where two tensors have it.
        letters = left.replace(",", "").replace(".", "")
        output = spread + "".join(sorted(o for o in set(letters) if letters.count(o) == 1))
    for term in (*terms, output):
        if len(set(term)) < len(term) or (not term.isalpha() * bool(term) and term):
            refuse(node, f"{equation!r} has a letter twice in one tensor, which is not supported")
    if not set(output) <= set("".join(terms)):
        refuse(node, f"{equation!r} has letters in its output only")
    return terms, output


def _measure(
    translation: "Translation", node: Node, value: Value, term: str, sizes: dict[str, int]
) -> None:
    if rank_of(value) != len(term):
        refuse(node, f"{term!r} is not of {rank_of(value)} dimensions")
    if isinstance(value, Columns):
        shape = value.shape
        term = term[value.batched :]
    elif isinstance(value, Constant):
        shape = value.array.shape
    else:
        array = value.arrays[0] if isinstance(value, Moved | Sized) else None
        if array is None:
            refuse(node, "labels that are text, and maps, can't be multiplied")
        shape = array.shape
    for letter, size in zip(term, shape, strict=True):
        if sizes.setdefault(letter, size) != size:
            refuse(node, f"dimension {letter!r} is both {sizes[letter]} and {size}")


def _row(value: Value, term: str) -> str:
    """Return the letter of the rows."""
    if isinstance(value, Columns):
        return term[0] if value.batched else ""
    if not isinstance(value, Moved):
        return ""
    shapes = [array.shape for array in value.arrays]
    varies = [len(set(sizes)) > 1 for sizes in zip(*shapes, strict=True)]
    return next((letter for letter, own in zip(term, varies, strict=True) if own), "")


def _ordered(
    translation: "Translation", node: Node, value: Value, letters: str, order: str
) -> Value:
    if letters == order:
        return value
    perm = [letters.index(letter) for letter in order]
    return translation.apply(node, "Transpose", value, perm=perm)
