"""ONNX graphs in memory: bytes as the extension module has decoded and checked them.

Nodes stand in an order in which they can run, every value is made once, functions are inlined.
"""

import json
import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore import _core
from fastscore._errors import UnsupportedModelError

OWN_DOMAIN = "fastscore"
"""Of operators that stand for several of a graph, which no file may name."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output of a graph."""

    name: str
    elem_type: str
    """A name of NumPy's, `string`, or for example `sequence(map(int64, float32))`."""
    shape: tuple[int | None, ...] | None
    """None for a dimension that is not stated; None for all where not even their number is."""


@dataclass(frozen=True, slots=True)
class Node:
    """An operator at work; an input or output that is left out is named ''."""

    name: str
    op: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any] = field(repr=False)
    """int, float, str, lists of these, arrays, and graphs."""
    opset: int | None = None
    """The version of its domain's operators, where a function has another than the model."""

    @property
    def label(self) -> str:
        """How errors name it."""
        own = (
            repr(self.name) if self.name else f"that makes {next(filter(None, self.outputs), '')!r}"
        )
        operator = f"{self.domain}.{self.op}" if self.domain else self.op
        return f"node {own} ({operator})"


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph; `opsets` and `producer` are those of the model."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    nodes: tuple[Node, ...]
    initializers: dict[str, NDArray[Any]]
    opsets: dict[str, int]
    producer: str


def decode(data: bytes, folder: str | None) -> Graph:
    """Decode a file's bytes; `folder` is where its external data may lie."""
    text, parts = _core.onnx(data, folder)
    structure = json.loads(text)
    tensors = [_array(*part) for part in parts]
    producer = f"{structure['producer']} {structure['producer_version']}".strip()
    return _graph(structure["graph"], tensors, structure["opsets"], producer)


def _array(dtype: str, shape: list[int], data: bytes | list[str]) -> NDArray[Any]:
    if isinstance(data, list):
        array = np.empty(len(data), dtype=object)
        array[:] = data
    else:
        array = np.frombuffer(data, dtype=np.dtype(dtype).newbyteorder("<"))
        array = array.astype(np.dtype(dtype), copy=False)
    return array.reshape(shape)


def _graph(
    part: dict[str, Any], tensors: list[NDArray[Any]], opsets: dict[str, int], producer: str
) -> Graph:
    def value(own: dict[str, Any]) -> Tensor:
        return Tensor(
            own["name"], own["type"], None if own["shape"] is None else tuple(own["shape"])
        )

    def attribute(own: dict[str, Any]) -> Any:
        ((kind, found),) = own.items()
        if kind == "float":
            return float(struct.unpack("<f", struct.pack("<I", found))[0])
        if kind == "tensor":
            return tensors[found]
        if kind == "list":
            return tensors[found].tolist()
        if kind == "graph":
            return _graph(found, tensors, opsets, producer)
        if kind == "other":
            return None
        return found

    nodes = tuple(
        Node(
            own["name"],
            own["op"],
            own["domain"],
            tuple(own["inputs"]),
            tuple(own["outputs"]),
            {name: attribute(found) for name, found in own["attributes"].items()},
            own.get("opset"),
        )
        for own in part["nodes"]
    )
    for node in nodes:
        if node.domain == OWN_DOMAIN:
            raise UnsupportedModelError(
                f"{node.label}: the domain {OWN_DOMAIN!r} has no operators of files; export the "
                "graph with those of ai.onnx and ai.onnx.ml"
            )
    initializers = {name: tensors[at] for name, at in part["initializers"].items()}
    return Graph(
        # Before IR version 4 initialisers are inputs too, with a default.
        tuple(value(own) for own in part["inputs"] if own["name"] not in initializers),
        tuple(map(value, part["outputs"])),
        nodes,
        initializers,
        opsets,
        producer,
    )
