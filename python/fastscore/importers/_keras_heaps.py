"""The heaps and trees of an HDF5 file, looked over before libhdf5 reads them.

libhdf5 follows their sizes and offsets without an end of its own: an object of no size, or free
blocks that lead back to themselves, keep it busy for ever, and a node that is its own child
overflows the stack; nothing of that can be caught. Whatever looks like a heap or a node anywhere in
the bytes is looked at; only what would be followed is refused, which no weights are by accident.
"""

from collections.abc import Iterator

from fastscore._errors import ModelFormatError

SIGNATURE = b"\x89HDF\r\n\x1a\n"
_SMALLEST = 4096
"""Of a global heap; libhdf5 refuses smaller ones."""
_HEADER = 16
_LEVELS = 2
"""Of trees above their leaves: some ten thousand names of a group, each in one place."""
_NOTHING = 1
"""The offset that ends a list of free blocks."""
_STEPS = 1 << 16
"""How many steps any file may take, one for each 8 bytes beside: more than heaps that don't overlap
have."""


class _Steps:
    """What is left of the steps for all heaps and trees, which may lie across each other."""

    def __init__(self, data: bytes) -> None:
        self._left = len(data) // 8 + _STEPS

    def take(self, count: int = 1) -> None:
        self._left -= count
        if self._left < 0:
            raise ModelFormatError(
                "its HDF5 data are damaged: its heaps and trees are longer than the file, so that "
                "they lie across each other"
            )


def check_heaps(data: bytes) -> None:
    """Refuse bytes with a heap that libhdf5 would not come to the end of."""
    if not data.startswith(SIGNATURE):
        raise ModelFormatError("its HDF5 data do not begin as HDF5 does")
    # Versions 0 and 1 of the first block have the sizes of numbers after five bytes of versions.
    sizes = data[13:15] if data[8:9] in (b"\0", b"\1") else data[9:11]
    if sizes != b"\x08\x08":
        raise ModelFormatError("its HDF5 data have numbers that are not of 8 bytes")
    # The addresses in it are those of the bytes.
    base = {0: 24, 1: 28}.get(data[8], 12)
    if _number(data, base):
        raise ModelFormatError("its HDF5 data do not begin where the file does")
    steps = _Steps(data)
    for at in _found(data, b"TREE\x00"):
        _check_node(data, at, steps)
    for at in _found(data, b"GCOL\x01"):
        _check_global(data, at, steps)
    for at in _found(data, b"HEAP\x00"):
        _check_local(data, at, steps)


def _found(data: bytes, signature: bytes) -> Iterator[int]:
    at = data.find(signature)
    while at >= 0:
        yield at
        at = data.find(signature, at + 1)


def _number(data: bytes, at: int, count: int = 8) -> int:
    return int.from_bytes(data[at : at + count], "little")


def _check_node(data: bytes, start: int, steps: _Steps) -> None:
    """Check that the nodes under one of a group are of lower levels."""
    level, count = data[start + 5 : start + 6], _number(data, start + 6, 2)
    if level in (b"", b"\0"):
        return
    seen: set[int] = set()
    for at in range(start + 32, min(start + 32 + 16 * count, len(data)), 16):
        steps.take()
        child = _number(data, at)
        if data[child : child + 5] != b"TREE\x00":
            continue
        if data[child + 5] >= level[0] or level[0] > _LEVELS or child in seen:
            raise ModelFormatError(f"its HDF5 data are damaged: the tree at {start} does not end")
        seen.add(child)


def _check_global(data: bytes, start: int, steps: _Steps) -> None:
    """Check the objects of a global heap: they follow each other up to its end."""
    size = _number(data, start + 8)
    end = start + size
    if size < _SMALLEST or end > len(data):
        return  # libhdf5 refuses it
    at = start + _HEADER
    sizes: dict[int, int] = {}
    while at + _HEADER <= end:
        steps.take()
        length, index = _number(data, at + 8), _number(data, at, 2)
        if index:
            sizes[index] = length
            length = _HEADER + -(-length // 8) * 8
        if length < _HEADER or length > end - at:
            raise ModelFormatError(
                f"its HDF5 data are damaged: an object of the global heap at {start} has no size "
                "that is possible"
            )
        at += length
    # What points at an object says its length, which libhdf5 allocates before it looks.
    steps.take(len(data) >> 10)  # of a search, which is fast
    for place in _found(data, start.to_bytes(8, "little")):
        steps.take()
        index = _number(data, place + 8, 4)
        if place >= 4 and _number(data, place - 4, 4) > sizes.get(index, 1 << 32):
            raise ModelFormatError(
                "its HDF5 data are damaged, or lie in another file: a text is longer than what "
                f"is in the heap at {start}"
            )


def _check_local(data: bytes, start: int, steps: _Steps) -> None:
    """Check that the free blocks of a local heap end."""
    size, free, block = (_number(data, start + offset) for offset in (8, 16, 24))
    if block + size > len(data):
        return  # libhdf5 refuses it
    seen: set[int] = set()
    while free != _NOTHING and free + _HEADER <= size:
        steps.take()
        if free in seen:
            raise ModelFormatError(
                f"its HDF5 data are damaged: the free blocks of the heap at {start} are endless"
            )
        seen.add(free)
        free = _number(data, block + free)
