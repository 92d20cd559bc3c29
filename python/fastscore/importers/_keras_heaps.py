"""The heaps of an HDF5 file, looked over before libhdf5 reads them.

libhdf5 follows sizes and offsets of these without an end of its own: an object of no size, or
free blocks that lead back to themselves, keep it busy for ever, and nothing interrupts it. Whatever
looks like a heap anywhere in the bytes must be one: six bytes and a size that fits are no accident
of weights.
"""

from fastscore._errors import ModelFormatError

SIGNATURE = b"\x89HDF\r\n\x1a\n"
_SMALLEST = 4096
"""Of a global heap; libhdf5 refuses smaller ones."""
_HEADER = 16
_NOTHING = 1
"""The offset that ends a list of free blocks."""


def check_heaps(data: bytes) -> None:
    """Refuse bytes with a heap that libhdf5 would not come to the end of."""
    if not data.startswith(SIGNATURE):
        raise ModelFormatError("its HDF5 data do not begin as HDF5 does")
    # Versions 0 and 1 of the first block have the sizes of numbers after five bytes of versions.
    sizes = data[13:15] if data[8:9] in (b"\0", b"\1") else data[9:11]
    if sizes != b"\x08\x08":
        raise ModelFormatError("its HDF5 data have numbers that are not of 8 bytes")
    for at in _found(data, b"GCOL\x01"):
        _check_global(data, at)
    for at in _found(data, b"HEAP\x00"):
        _check_local(data, at)


def _found(data: bytes, signature: bytes) -> list[int]:
    places = []
    at = data.find(signature)
    while at >= 0:
        places.append(at)
        at = data.find(signature, at + 1)
    return places


def _number(data: bytes, at: int, count: int = 8) -> int:
    return int.from_bytes(data[at : at + count], "little")


def _check_global(data: bytes, start: int) -> None:
    """Check the objects of a global heap: they follow each other up to its end."""
    size = _number(data, start + 8)
    end = start + size
    if size < _SMALLEST or end > len(data):
        return  # libhdf5 refuses it
    at = start + _HEADER
    while at + _HEADER <= end:
        length = _number(data, at + 8)
        if _number(data, at, 2):
            length = _HEADER + -(-length // 8) * 8
        if length < _HEADER or length > end - at:
            raise ModelFormatError(
                f"its HDF5 data are damaged: an object of the global heap at {start} has no size "
                "that is possible"
            )
        at += length


def _check_local(data: bytes, start: int) -> None:
    """Check that the free blocks of a local heap end."""
    size, free, block = (_number(data, start + offset) for offset in (8, 16, 24))
    if block + size > len(data):
        return  # libhdf5 refuses it
    seen: set[int] = set()
    while free != _NOTHING and free + _HEADER <= size:
        if free in seen:
            raise ModelFormatError(
                f"its HDF5 data are damaged: the free blocks of the heap at {start} are endless"
            )
        seen.add(free)
        free = _number(data, block + free)
