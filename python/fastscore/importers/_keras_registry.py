"""Which function translates which layer or operation of Keras.

A function of a layer takes the translation, the layer and the tensors that it is called on (one, or
the list that a merging layer gets) and returns the tensor that it gives. One of an operation gets
the call: its arguments as they are, tensors among constants.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fastscore._errors import UnsupportedModelError
from fastscore.importers._keras_config import Layer
from fastscore.importers._keras_values import FLOATS, Tensor, Translation


@dataclass(frozen=True, slots=True)
class Called:
    """A call of an operation of `keras.ops`; its parameters may be arguments of the call."""

    layer: Layer
    args: list[Any]
    kwargs: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """The operation's class."""
        return self.layer.kind

    @property
    def config(self) -> Mapping[str, Any]:
        """Its parameters."""
        return self.layer.config

    @property
    def owner(self) -> str:
        """How an error names it."""
        return str(self.layer)

    def refuse(self, what: str) -> UnsupportedModelError:
        """Return the error that names the operation."""
        return self.layer.refuse(what)

    def get(self, at: int, name: str) -> Any:
        """Return an argument by its place or name."""
        if name in self.kwargs:
            return self.kwargs[name]
        if at < len(self.args):
            return self.args[at]
        if name in self.config:
            return self.config[name]
        raise self.refuse(f"it is called without {name}")

    def option(self, at: int, name: str, default: Any = None) -> Any:
        """Return a parameter by its place or name."""
        if name in self.kwargs:
            return self.kwargs[name]
        if at < len(self.args) and self.args[at] is not None:
            return self.args[at]
        return self.config.get(name, default)

    def moved(self, name: str = "x") -> Tensor:
        """Return the tensor whose numbers are moved about, whatever they are; refuse a constant."""
        x = self.get(0, name)
        if not isinstance(x, Tensor):
            raise self.refuse("it is called on a constant where a tensor is due")
        return x

    def tensor(self, name: str = "x") -> Tensor:
        """Return the tensor of floats that it is called on."""
        x = self.moved(name)
        self.common([x])
        return x

    def tensors(self, name: str) -> tuple[list[Tensor], str]:
        """Return the list of tensors of floats that it is called on, and the type of all."""
        found = self.get(0, name)
        if not isinstance(found, list) or not all(isinstance(x, Tensor) for x in found):
            raise self.refuse("it is called on constants, which is not supported")
        return found, self.common(found)

    def common(self, given: Iterable[Any]) -> str:
        """Return the type of a result: plain numbers have none of their own."""
        own = [str(each.dtype) for each in given if hasattr(each, "dtype")]
        for dtype in own:
            if dtype not in FLOATS:
                raise self.refuse(
                    f"it gets numbers of type {dtype}; float32 and float64 are supported: cast "
                    "them before, with keras.ops.cast"
                )
        return "float64" if "float64" in own else "float32"


LayerFunction = Callable[[Translation, Layer, Tensor], Tensor]
MergeFunction = Callable[[Translation, Layer, list[Tensor]], Tensor]
OperationFunction = Callable[[Translation, Called], Tensor]

LAYERS: dict[str, LayerFunction] = {}
MERGES: dict[str, MergeFunction] = {}
OPERATIONS: dict[str, OperationFunction] = {}

MASKS: dict[str, str] = {}
"""What a layer does with the mask of its input: `kept`; `dropped`; `joined`, kept where one input
or another keeps a step; `made`, the layer gives its own; `refused`, its numbers depend on it."""


def layer(*kinds: str, masks: str) -> Callable[[LayerFunction], LayerFunction]:
    """Register a function for these layers of one input."""

    def put(function: LayerFunction) -> LayerFunction:
        LAYERS.update(dict.fromkeys(kinds, function))
        MASKS.update(dict.fromkeys(kinds, masks))
        return function

    return put


def merge(*kinds: str, masks: str) -> Callable[[MergeFunction], MergeFunction]:
    """Register a function for these layers of a list of inputs."""

    def put(function: MergeFunction) -> MergeFunction:
        MERGES.update(dict.fromkeys(kinds, function))
        MASKS.update(dict.fromkeys(kinds, masks))
        return function

    return put


def operation(*kinds: str) -> Callable[[OperationFunction], OperationFunction]:
    """Register a function for these operations of `keras.ops`."""

    def put(function: OperationFunction) -> OperationFunction:
        OPERATIONS.update(dict.fromkeys(kinds, function))
        return function

    return put
