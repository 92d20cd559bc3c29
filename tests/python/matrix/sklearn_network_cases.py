"""scikit-learn's multi-layer perceptrons."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier, MLPRegressor

from matrix.case import Bound, Case, exponential, labels_within, of_terms
from matrix.sklearn_linear_cases import (
    ROWS,
    Target,
    fit,
    four,
    labels,
    positive,
    score,
    several,
    slack,
    two,
)

SHAPES: dict[str, Callable[[Any], Any]] = {
    "relu": lambda z: np.maximum(z, 0),
    "tanh": np.tanh,
    "logistic": lambda z: 1 / (1 + np.exp(-z)),
    "identity": lambda z: z,
}


def margin(source: Any, data: Any) -> Any:
    """The last layer before its activation."""
    values = data
    for layer, (weights, bias) in enumerate(zip(source.coefs_, source.intercepts_, strict=True)):
        values = (SHAPES[source.activation](values) if layer else values) @ weights + bias
    return values.ravel() if values.shape[1] == 1 else values


def _shares(source: Any, data: Any) -> Any:
    return source.predict_proba(data)


def _within(part: Callable[[Any, Any], Any]) -> Bound:
    def check(ours: Any, theirs: Any, source: Any, data: Any) -> None:
        bound = np.asarray(part(source, data)).reshape(theirs.shape)
        assert ours.dtype == theirs.dtype
        assert (np.abs(ours - theirs) <= bound).all()

    return Bound("1e-12 (float32: 1e-6) of the sums of |weight x value|, through the layers", check)


def _labels(ours: Any, theirs: Any, source: Any, data: Any) -> None:
    """Each label on its own, at 1/2."""
    differ = ours != theirs
    near = np.abs(_shares(source, data) - 0.5) <= 2 * np.asarray(slack(source, data))
    assert ours.dtype == theirs.dtype
    assert (near | ~differ).all()


VALUES = {"prediction": _within(slack), "margin": _within(slack)}
CLASSES = {
    "prediction": labels_within(_shares, slack),
    "probability": of_terms(slack),
    "margin": _within(slack),
}
LABELS = CLASSES | {"prediction": Bound("equal labels but for ties", _labels)}


def _made(kind: Any, target: Target, dtype: Any, **parameters: Any) -> Any:
    def make(rng: np.random.Generator) -> tuple[Any, Any]:
        x = rng.normal(size=(ROWS, 5)).astype(dtype)
        settings = {"hidden_layer_sizes": (9, 7), "max_iter": 30, "random_state": 0} | parameters
        source = fit(kind, settings, x, target(x, rng))
        rows = x[rng.integers(0, ROWS, 257)] * 10.0 ** rng.integers(-3, 3, (257, 5)).astype(dtype)
        rows[::7, 1] = -0.0
        rows[::11, 2] = np.finfo(dtype).smallest_subnormal
        return source, rows.astype(dtype)

    return make


def _case(
    kind: Any, name: str, target: Target, bounds: Any, dtype: Any = float, **more: Any
) -> Case:
    return Case(kind.__name__, name, _made(kind, target, dtype, **more), bounds)


CASES = [
    *(
        _case(MLPRegressor, f"{name}, one output", score, VALUES, activation=name)
        for name in SHAPES
    ),
    *(
        _case(MLPClassifier, f"{name}, several classes", four, CLASSES, activation=name)
        for name in SHAPES
    ),
    _case(MLPRegressor, "several outputs", several, VALUES),
    _case(MLPRegressor, "no hidden layer", several, VALUES, hidden_layer_sizes=()),
    _case(MLPRegressor, "one unit", score, VALUES, hidden_layer_sizes=(1,)),
    _case(MLPRegressor, "large", score, VALUES, hidden_layer_sizes=(130, 65, 33), max_iter=3),
    _case(
        MLPRegressor,
        "Poisson",
        positive,
        {"prediction": exponential(slack), "margin": _within(slack)},
        loss="poisson",
        learning_rate_init=1e-4,
    ),
    _case(MLPRegressor, "float32", several, VALUES, np.float32),
    _case(MLPClassifier, "two classes", two, CLASSES),
    _case(MLPClassifier, "several labels", labels, LABELS),
    _case(MLPClassifier, "float32, two classes", two, CLASSES, np.float32),
    _case(MLPClassifier, "float32, several classes", four, CLASSES, np.float32),
    _case(MLPClassifier, "float32, logistic", four, CLASSES, np.float32, activation="logistic"),
    _case(MLPClassifier, "float32, several labels", labels, LABELS, np.float32),
]
