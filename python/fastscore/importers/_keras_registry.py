"""Which function translates which layer or operation of Keras.

A function of a layer takes the translation, the layer and the tensors that it is called on (one, or
the list that a merging layer gets) and returns the tensor that it gives. One of an operation gets
the arguments of the call as they are, tensors among constants.
"""

from collections.abc import Callable, Mapping
from typing import Any

from fastscore.importers._keras_config import Layer
from fastscore.importers._keras_values import Tensor, Translation

LayerFunction = Callable[[Translation, Layer, Tensor], Tensor]
MergeFunction = Callable[[Translation, Layer, list[Tensor]], Tensor]
OperationFunction = Callable[[Translation, Layer, list[Any], Mapping[str, Any]], Tensor]

LAYERS: dict[str, LayerFunction] = {}
MERGES: dict[str, MergeFunction] = {}
OPERATIONS: dict[str, OperationFunction] = {}

MASKS: set[str] = set()
"""Layers that compute the same whether a mask comes with their input or not."""


def layer(*kinds: str, ignores_mask: bool = True) -> Callable[[LayerFunction], LayerFunction]:
    """Register a function for these layers of one input."""

    def put(function: LayerFunction) -> LayerFunction:
        LAYERS.update(dict.fromkeys(kinds, function))
        if ignores_mask:
            MASKS.update(kinds)
        return function

    return put


def merge(*kinds: str, ignores_mask: bool = True) -> Callable[[MergeFunction], MergeFunction]:
    """Register a function for these layers of a list of inputs."""

    def put(function: MergeFunction) -> MergeFunction:
        MERGES.update(dict.fromkeys(kinds, function))
        if ignores_mask:
            MASKS.update(kinds)
        return function

    return put


def operation(*kinds: str) -> Callable[[OperationFunction], OperationFunction]:
    """Register a function for these operations of `keras.ops`."""

    def put(function: OperationFunction) -> OperationFunction:
        OPERATIONS.update(dict.fromkeys(kinds, function))
        return function

    return put
