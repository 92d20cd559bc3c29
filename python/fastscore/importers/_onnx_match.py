"""Finding what converters write for one step of an estimator, which is many nodes of a graph."""

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from fastscore.importers._onnx_graph import Graph, Node

ML = "ai.onnx.ml"

_DEFAULTS = {
    ("ArgMin", "axis"): 0,
    ("ArgMin", "keepdims"): 1,
    ("ArgMin", "select_last_index"): 0,
    ("CumSum", "exclusive"): 0,
    ("CumSum", "reverse"): 0,
    ("Flatten", "axis"): 1,
    ("Gather", "axis"): 0,
    ("GatherElements", "axis"): 0,
    ("TopK", "axis"): -1,
    ("TopK", "largest"): 1,
    ("TopK", "sorted"): 1,
}
"""What attributes are that a node does not name."""


class NoMatchError(Exception):
    """The nodes are others than those sought."""


class Matcher:
    """Reads a graph backwards, from a value to what it is made of; raises where it is another."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._made: dict[str, tuple[Node, int]] = {
            name: (node, at) for node in graph.nodes for at, name in enumerate(node.outputs) if name
        }

    def inputs(
        self, name: str, op: str, *, domain: str = "", output: int = 0, **attributes: Any
    ) -> Sequence[str]:
        """Return the inputs of the node that makes a value, if it has these attributes."""
        if name not in self._made:
            no_match()
        node, at = self._made[name]
        require((node.op, node.domain, at) == (op, domain, output))
        for key, value in attributes.items():
            require(node.attributes.get(key, _DEFAULTS.get((op, key))) == value)
        return node.inputs

    def two(self, name: str, op: str, **attributes: Any) -> tuple[str, str]:
        """Return the inputs of a node that has two."""
        found = self.inputs(name, op, **attributes)
        require(len(found) == 2)
        return found[0], found[1]

    def three(self, name: str, op: str) -> tuple[str, str, str]:
        """Return the inputs of a node that has three."""
        found = self.inputs(name, op)
        require(len(found) == 3)
        return found[0], found[1], found[2]

    def one(self, name: str, op: str, **attributes: Any) -> str:
        """Return the input of a node that has one."""
        found = self.inputs(name, op, **attributes)
        require(len(found) == 1)
        return found[0]

    def constant(self, name: str) -> NDArray[Any]:
        """Return the numbers of a constant."""
        found = self._graph.initializers.get(name)
        if found is None and name in self._made:
            node, _ = self._made[name]
            value = node.attributes.get("value") if node.op == "Constant" else None
            found = value if isinstance(value, np.ndarray) else None
        if found is None or found.dtype.kind not in "fiu":
            no_match()
        return found

    def number(self, name: str, due: float) -> None:
        """Have a constant be this number."""
        found = self.constant(name)
        require(found.size == 1 and float(found.ravel()[0]) == due)


def no_match() -> NoReturn:
    """Say that it is something else."""
    raise NoMatchError


def require(holds: bool) -> None:
    """Say that it is something else unless this holds."""
    if not holds:
        no_match()
