"""The operators that are known, and the state of a translation that they work on."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from fastscore._errors import UnsupportedModelError
from fastscore.importers._onnx_graph import Node

if TYPE_CHECKING:
    from fastscore.importers._onnx_translation import Translation

Operator = Callable[["Translation", Node], None]

_OPERATORS: dict[tuple[str, str], Operator] = {}
NEWEST = {"": 26, "ai.onnx.ml": 5}
"""The newest version of each domain's operators that is known."""
OLDEST = {"": 7, "ai.onnx.ml": 1}


def operator(*names: str, domain: str = "") -> Callable[[Operator], Operator]:
    """Register what these operators of a domain mean: it sets the node's outputs."""

    def register(function: Operator) -> Operator:
        for name in names:
            _OPERATORS[domain, name] = function
        return function

    return register


def find(node: Node) -> Operator:
    """Return what a node's operator means; refuse one that is not known."""
    found = _OPERATORS.get((node.domain, node.op))
    if found is None:
        refuse(node, f"the operator is not supported; {_ADVICE.get(node.domain, _CUSTOM)}")
    return found


_ADVICE = {
    "": "docs/support.md lists those that are: networks of dense layers, without convolution, "
    "recurrence or loops",
    "ai.onnx.ml": "docs/support.md lists those that are",
}
_CUSTOM = "only the domains ai.onnx and ai.onnx.ml have operators that are known"


def refuse(node: Node, why: str) -> NoReturn:
    """Raise UnsupportedModelError that names the node."""
    raise UnsupportedModelError(f"{node.label}: {why}")


def attribute(node: Node, name: str, default: Any, kind: type = int) -> Any:
    """Return an attribute of this type (`float` of int and `list` of what its entries are)."""
    found = node.attributes.get(name, default)
    if found is not default and not isinstance(found, kind):
        refuse(node, f"its attribute {name!r} is no {kind.__name__}")
    return found
