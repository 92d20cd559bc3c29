"""The configuration of a Keras model: layers, what they are called on, types.

It is data: what can hold code (Lambda layers, classes and functions of the user) is refused by
name, and nothing is looked up by name in any module.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore._errors import ModelFormatError, UnsupportedModelError
from fastscore.importers._keras_store import Place
from fastscore.importers._keras_values import FLOATS, INTEGERS

_DEEPEST = 64
MODELS = ("Sequential", "Functional", "Model")


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer or operation, with its numbers."""

    kind: str
    """Its class."""
    name: str
    config: Mapping[str, Any]
    place: Place
    operation: bool = False
    """Whether it is a function of `keras.ops`."""
    inner: "Graph | None" = None
    """The model that it is."""

    def __str__(self) -> str:
        what = "keras.ops operation" if self.operation else "Keras layer"
        return f"{what} {self.name!r} ({self.kind})"

    @property
    def width(self) -> str:
        """The type at which it computes."""
        return policy(self.config.get("dtype"), str(self))

    def refuse(self, what: str) -> UnsupportedModelError:
        """Return the error that names the layer."""
        return UnsupportedModelError(f"{self}: {what}")

    def only(self, **expected: Any) -> None:
        """Refuse parameters that are not these."""
        for key, value in expected.items():
            if self.config.get(key, value) != value:
                raise self.refuse(
                    f"{key}={self.config[key]!r} is not supported; use {key}={value!r}"
                )


@dataclass(frozen=True, slots=True)
class Ref:
    """A tensor of a graph: the output `index` of a layer's call `node`."""

    layer: str
    node: int
    index: int


@dataclass(frozen=True, slots=True)
class Call:
    """What a layer is called with; `Ref`s where tensors are."""

    args: Any
    kwargs: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Graph:
    """A Sequential or functional model."""

    name: str
    kind: str
    layers: tuple[Layer, ...]
    calls: Mapping[str, tuple[Call, ...]]
    """Per layer; empty for a Sequential, whose layers follow each other."""
    inputs: Any
    """`Ref`s, in the structure that the model takes."""
    outputs: Any
    sequential: bool = False


def policy(dtype: Any, owner: str) -> str:
    """Return the type of a dtype policy."""
    name = dtype
    if isinstance(dtype, Mapping):
        name = dict(dtype.get("config") or {}).get("name")
        if dtype.get("class_name") not in ("DTypePolicy", "FloatDTypePolicy", "Policy"):
            name = f"{dtype.get('class_name')}({name})"
    if name is None:
        return "float32"
    if name not in FLOATS:
        raise UnsupportedModelError(
            f"{owner} has the dtype policy {name!r}; float32 and float64 are supported: build the "
            "model with one of these and set its weights (model.set_weights)"
        )
    return str(name)


def read(config: Mapping[str, Any], place: Place) -> Graph:
    """Read a serialised model: `{"class_name", "config", ...}`."""
    return _model(config, place, {}, 0)


def _model(entry: Mapping[str, Any], place: Place, shared: dict[Any, Layer], depth: int) -> Graph:
    kind, config = entry["class_name"], entry["config"]
    check_ours(entry)
    if depth > _DEEPEST:
        raise ModelFormatError(f"more than {_DEEPEST} models lie in each other: too deeply")
    if kind not in MODELS:
        raise UnsupportedModelError(f"a Keras {kind} is no Sequential or functional model")
    if "layers" not in config:
        raise UnsupportedModelError(
            f"the Keras model {config.get('name')!r} has no layers in its configuration: it is "
            "a subclass with code of its own; build it as a Sequential or functional model"
        )
    entries = config["layers"]
    places = place.layers(
        [str(each["class_name"]) for each in entries],
        [each["class_name"] != "InputLayer" or kind != "Sequential" for each in entries],
        [_name(each) for each in entries],
        [_is_operation(each) for each in entries],
    )
    layers = tuple(
        _layer(each, own, shared, depth) for each, own in zip(entries, places, strict=True)
    )
    name = str(config.get("name"))
    if len({layer.name for layer in layers}) < len(layers):
        raise ModelFormatError(f"the Keras model {name!r} has two layers of one name")
    if kind == "Sequential":
        return Graph(name, kind, layers, {}, None, None, sequential=True)
    calls = {
        layer.name: tuple(_call(node, layer) for node in each.get("inbound_nodes") or ())
        for layer, each in zip(layers, entries, strict=True)
    }
    inputs, outputs = _refs(config["input_layers"]), _refs(config["output_layers"])
    return Graph(name, kind, layers, calls, inputs, outputs)


def _layer(entry: Mapping[str, Any], place: Place, shared: dict[Any, Layer], depth: int) -> Layer:
    key = entry.get("shared_object_id")
    if key is not None and key in shared:
        return shared[key]
    kind = str(entry["class_name"])
    config = entry["config"]
    check_ours(entry)
    if not isinstance(config, Mapping):
        raise ModelFormatError(f"the Keras layer of class {kind} has no configuration")
    inner = _model(entry, place, shared, depth + 1) if kind in MODELS else None
    layer = Layer(kind, _name(entry), config, place, _is_operation(entry), inner)
    if key is not None:
        shared[key] = layer
    return layer


def _name(entry: Mapping[str, Any]) -> str:
    config = entry["config"]
    inner = config.get("name") if isinstance(config, Mapping) else None
    return str(entry.get("name") or inner)


def _is_operation(entry: Mapping[str, Any]) -> bool:
    module = str(entry.get("module") or "")
    if "module" not in entry and entry["class_name"] not in MODELS:
        # Of a whole-model .h5 file: each layer has a type, which few operations have.
        own, typed = entry["config"], entry["class_name"] in _TYPED
        return isinstance(own, Mapping) and (typed or "dtype" not in own)
    return module.startswith(("keras.src.ops", "keras.src.activations", "keras.ops"))


_TYPED = ("Cast", "Prod")
"""Operations that have a type of their own, of those that are supported; no layer is named so."""


def check_ours(entry: Mapping[str, Any]) -> None:
    """Refuse what is not Keras's own class or function."""
    kind, module = str(entry.get("class_name")), entry.get("module")
    name = str(entry.get("name") or (entry.get("config") or {}).get("name") or kind)
    if kind in ("__lambda__", "Lambda"):
        raise UnsupportedModelError(
            f"Keras layer {name!r} is a Lambda, which holds Python code: it is never run here; "
            "write it with layers or keras.ops of their own"
        )
    registered = entry.get("registered_name")
    # Whole-model .h5 files name no modules at all; what is of __main__ has none.
    own = "module" not in entry or str(module).split(".")[0] in ("keras", "tf_keras")
    if not own or (registered and ">" in str(registered)):
        raise UnsupportedModelError(
            f"Keras layer {name!r} is of the custom class {registered or kind}"
            f"{f' of {module}' if module else ''}, whose code can't be translated; build the model "
            "of Keras's own layers"
        )


def _call(node: Any, layer: Layer) -> Call:
    given = _resolved(node.get("kwargs") or {})
    if layer.kind not in READ_MASKS and any(
        isinstance(each, Ref) for each in leaves(given.get("mask"))
    ):
        # It is computed by operations of its own, which nothing else may need.
        given = given | {"mask": MASKED}
    return Call(_resolved(node.get("args") or []), given)


READ_MASKS = ("GlobalAveragePooling1D",)
"""Layers whose numbers depend on the mask, and are computed so."""
MASKED = "a mask"
"""What stands for the masks of all others."""


def _resolved(value: Any) -> Any:
    """Return arguments of a call with tensors as `Ref`, constants as arrays, slices as slices."""
    if isinstance(value, list | tuple):
        return [_resolved(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    kind = value.get("class_name")
    config: Any = value.get("config")
    if kind == "__keras_tensor__":
        return _ref(config["keras_history"])
    if kind in ("__numpy__", "__tensor__"):
        return _numbers(config)
    if kind == "__slice__":
        return slice(config["start"], config["stop"], config["step"])
    if kind == "__ellipsis__":
        return Ellipsis
    if kind is not None and "config" in value:
        check_ours(value)
        return value
    return {key: _resolved(each) for key, each in value.items()}


_NUMBERS = ("float16", *FLOATS, *INTEGERS, "bool")


def _numbers(config: Mapping[str, Any]) -> NDArray[Any]:
    """Return a constant array; its type is one of few, as a type can ask for any memory."""
    dtype = config["dtype"]
    if dtype not in _NUMBERS:
        raise ModelFormatError(f"a constant of the Keras model is of type {dtype!r:.40}")
    with np.errstate(all="ignore"):
        return np.asarray(config["value"], dtype=np.dtype(dtype))


def constant(value: Any) -> Any:
    """Return a serialised number or array of a configuration."""
    return _resolved(value)


def _refs(value: Any) -> Any:
    """Return `[layer, node, index]` in any structure as `Ref`s."""
    if isinstance(value, Mapping):
        return {str(key): _refs(each) for key, each in value.items()}
    if len(value) == 3 and isinstance(value[0], str) and isinstance(value[1], int):
        return _ref(value)
    return [_refs(each) for each in value]


def _ref(value: Sequence[Any]) -> Ref:
    return Ref(str(value[0]), int(value[1]), int(value[2]))


def flat(structure: Any) -> list[Any]:
    """Return what is in nested lists and dicts, as Keras flattens them: dicts by sorted keys."""
    if isinstance(structure, Mapping):
        return [leaf for key in sorted(structure) for leaf in flat(structure[key])]
    if isinstance(structure, list | tuple):
        return [leaf for each in structure for leaf in flat(each)]
    return [structure]


def leaves(structure: Any) -> list[Any]:
    """Return what is in nested lists and dicts, in the order that they were written in."""
    if isinstance(structure, Mapping):
        return [leaf for each in structure.values() for leaf in leaves(each)]
    if isinstance(structure, list | tuple):
        return [leaf for each in structure for leaf in leaves(each)]
    return [structure]
