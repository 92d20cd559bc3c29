"""scikit-learn's multi-layer perceptrons: dense layers with an activation between them.

Weights of float32, which a fit on float32 gives, make a network of float32: its input is rounded to
it, and so are all its numbers. scikit-learn computes so for float32 data only.
"""

from typing import Any

import numpy as np

from fastscore import _core
from fastscore._errors import UnsupportedModelError
from fastscore._options import Labels, Options, labels
from fastscore.importers._builder import Builder
from fastscore.importers._sklearn_common import Policy, builder, check, finish

_ACTIVATIONS: dict[str, dict[str, Any] | None] = {
    "identity": None,
    "relu": {"name": "relu"},
    "logistic": {"name": "logistic"},
    "tanh": {"name": "ufunc", "function": "tanh"},
    "softmax": {"name": "softmax"},
    "exp": {"name": "exp"},
}


def import_network(estimator: Any, options: Options) -> _core.Model:
    """MLPClassifier, MLPRegressor: the margin is the last layer before its activation."""
    check(estimator, options, "coefs_")
    build = builder(estimator)
    narrow = all(weights.dtype == np.float32 for weights in estimator.coefs_)
    width = "float32" if narrow else "float64"
    value = 0
    for layer, (weights, bias) in enumerate(
        zip(estimator.coefs_, estimator.intercepts_, strict=True)
    ):
        if layer:
            value = _activate(build, estimator, value, estimator.activation, width)
        value = build.linear(f"layer{layer}", weights.T, bias, value=value, width=width)
    _target(build, estimator, value, width)
    if narrow:
        build.output_width = width
    return finish(build, estimator, Policy(missing=False, non_finite=False, width=width))


def _target(build: Builder, estimator: Any, margin: int, width: str) -> None:
    """One output decides between two classes at 1/2; several labels do so on their own."""
    value = _activate(build, estimator, margin, estimator.out_activation_, width)
    binarizer = getattr(estimator, "_label_binarizer", None)
    if binarizer is None:
        build.target(margin=margin, rule="value", value=value)
        return
    if str(binarizer.y_type_).startswith("multilabel"):
        both = Labels("int64", "int", [0, 1])
        build.target(
            margin=margin, rule="above", at=0.5, value=value, probability=value, labels=both
        )
        return
    found = labels(estimator.classes_, type(estimator).__name__)
    if estimator.n_outputs_ == 1:
        shares = _link(build, value, {"name": "complement"}, width)
        build.target(
            margin=margin, rule="above", at=0.5, value=value, probability=shares, labels=found
        )
    else:
        build.target(margin=margin, rule="argmax", value=value, probability=value, labels=found)


def _activate(build: Builder, estimator: Any, value: int, activation: str, width: str) -> int:
    if activation not in _ACTIVATIONS:
        raise UnsupportedModelError(
            f"{type(estimator).__name__}: the activation {activation!r} is not supported; use one "
            f"of {', '.join(map(repr, _ACTIVATIONS))}"
        )
    kind = _ACTIVATIONS[activation]
    return value if kind is None else _link(build, value, kind, width)


def _link(build: Builder, value: int, kind: dict[str, Any], width: str) -> int:
    step = {"op": "link", "input": value, "kind": kind}
    return build.add(step if width == "float64" else step | {"width": width})
