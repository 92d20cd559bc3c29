"""What is looked at in a live Keras model before its configuration is read."""

from functools import partial
from typing import Any

from fastscore._errors import UnsupportedModelError
from fastscore.importers._keras_config import Graph, read
from fastscore.importers._keras_store import LivePlace

LIVE = ("Sequential", "Functional", "Model")
_LIBRARIES = ("keras",)
_WRAPPERS = ("TimeDistributed",)
"""Layers around another one."""


def checked(model: Any) -> None:
    """Refuse what has code of its own, what was never built, and Keras 2."""
    from fastscore.importers._source import version

    name = type(model).__name__
    if version("keras").startswith(("0", "1", "2")):
        raise keras2(name)
    if not getattr(model, "built", False):
        raise UnsupportedModelError(
            f"{name} {model.name!r} is not built: it does not know its input; call "
            "model.build((None, n_features)), or begin it with keras.Input((n_features,))"
        )
    _check(model)


def keras2(what: str) -> UnsupportedModelError:
    """Return the error of a model of Keras 2, some of whose layers are other functions."""
    return UnsupportedModelError(
        f"{what} is a model of Keras 2, which is not read; save it with model.save('model.h5'), "
        "then in an environment with Keras 3 and TensorFlow\n    python -c "
        "\"import keras; keras.saving.load_model('model.h5').save('model.keras')\""
    )


def feature_space(what: str) -> UnsupportedModelError:
    """Return the error of features without the network that they are made for."""
    return UnsupportedModelError(
        f"{what} encodes features for a network, which it does not hold; import both as one model: "
        "keras.Model(space.get_inputs(), network(space.get_encoded_features()))"
    )


def live_graph(model: Any) -> Graph:
    """Return the graph of a live model."""
    try:
        config = model.get_config()
    except Exception as error:
        raise UnsupportedModelError(
            f"the configuration of the Keras model {model.name!r} can't be had: {error}"
        ) from error
    entry = {"module": "keras", "class_name": type(model).__name__, "config": config}
    return read(entry, LivePlace(model))


def live_epsilon() -> float:
    """Return the number below which Keras does not divide."""
    import keras

    return float(keras.config.epsilon())


def _check(model: Any) -> None:
    layers = list(model.layers)
    for layer in layers:
        kind = type(layer)
        owner = f"Keras layer {layer.name!r}"
        if kind.__name__ == "Lambda":
            raise UnsupportedModelError(
                f"{owner} is a Lambda, which holds Python code: it can't be translated; write it "
                "with layers or keras.ops of their own"
            )
        if kind.__module__.split(".")[0] not in _LIBRARIES:
            raise UnsupportedModelError(
                f"{owner} is of the custom class {kind.__module__}.{kind.__qualname__}, whose code "
                "can't be translated; build the model of Keras's own layers"
            )
        _check_function(owner, getattr(layer, "activation", None))
        if kind.__name__ in _WRAPPERS:
            layers.append(layer.layer)
        if kind.__name__ in LIVE:
            _check(layer)


def _check_function(owner: str, function: Any) -> None:
    """Refuse a function of the user, which a configuration may name as one of Keras's."""
    if isinstance(function, partial):
        raise UnsupportedModelError(
            f"{owner} has an activation that is a functools.partial, which can't be translated; "
            "use one of keras.activations, or a layer such as keras.layers.ReLU"
        )
    module = getattr(function, "__module__", None)
    if not hasattr(function, "__name__") or module is None:
        return
    if str(module).split(".")[0] not in (*_LIBRARIES, "tensorflow"):
        raise UnsupportedModelError(
            f"{owner} has the activation {module}.{function.__name__}, a function of other code, "
            "which can't be translated; use one of keras.activations"
        )


def refuse_other(obj: Any) -> None:
    """Raise for other models of Keras; return for what is none."""
    kind = type(obj)
    if kind.__module__.split(".")[0] == "tf_keras":
        raise keras2(f"{kind.__module__}.{kind.__qualname__}")
    if kind.__module__.startswith("keras.") and kind.__name__.startswith("SKLearn"):
        raise UnsupportedModelError(
            f"keras.wrappers.{kind.__name__} is a wrapper; import its network: "
            "fastscore.import_model(wrapper.model_), with classes= for labels"
        )
    if kind.__module__.startswith("keras.") and kind.__name__ == "FeatureSpace":
        raise feature_space("A keras.utils.FeatureSpace")
    for base in kind.__mro__[1:]:
        if base.__module__.split(".")[0] in _LIBRARIES and base.__name__ in LIVE:
            raise UnsupportedModelError(
                f"{kind.__module__}.{kind.__qualname__} is a subclassed Keras model: its call may "
                "be any code, which can't be translated; build it as a Sequential or functional "
                "model: keras.Model(inputs, outputs)"
            )
