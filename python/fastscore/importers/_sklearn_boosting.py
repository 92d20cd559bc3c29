"""scikit-learn's GradientBoostingClassifier and GradientBoostingRegressor.

They read float32 values. The sums start from 0, from a constant, or from the prediction of the
estimator `init`, put through the loss's link; each stage adds `learning_rate * value`, one tree a
class. Up to scikit-learn 1.3 losses were other classes, with other bounds and another rule for
ties.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore import _core
from fastscore._errors import UnsupportedModelError
from fastscore._options import Options, labels
from fastscore.importers._attached import Part
from fastscore.importers._builder import Builder
from fastscore.importers._flow import LARGEST_FLOAT32, narrowed, numbers, raw
from fastscore.importers._forest import Forest
from fastscore.importers._sklearn_common import Policy, builder, check, finish, version
from fastscore.importers._sklearn_trees import read_tree
from fastscore.importers._splice import attach

_LOSSES = ("log_loss", "deviance", "exponential")
_POLICY = Policy(missing=False, non_finite=False, width="float32")


def import_boosting(estimator: Any, options: Options) -> _core.Model:
    """GradientBoostingClassifier, GradientBoostingRegressor."""
    check(estimator, options, "estimators_")
    build = builder(estimator)
    base, start = _initial(build, estimator)
    stages, outputs = estimator.estimators_.shape
    forest = Forest(outputs, 1)
    for stage in range(stages):
        for output in range(outputs):
            tree, values = read_tree(estimator.estimators_[stage, output])
            forest.add(tree, estimator.learning_rate * values[:, 0, 0], output)
    margin = forest.step(build, base=base, start=start)
    if hasattr(estimator, "classes_"):
        _classifier(build, estimator, margin)
    else:
        build.target(margin=margin, rule="value", value=margin)
    return finish(build, estimator, _POLICY, leaf=margin - 1)


def _classifier(build: Builder, estimator: Any, margin: int) -> None:
    name = type(estimator).__name__
    if estimator.loss not in _LOSSES:
        raise UnsupportedModelError(f"{name}: loss={estimator.loss!r} is not supported")
    binary = estimator.estimators_.shape[1] == 1
    if binary:
        scale = 2.0 if estimator.loss == "exponential" else 1.0
        probability = build.link(build.link(margin, "sigmoid", scale=scale), "complement")
    else:
        probability = build.link(margin, "pairwise_softmax")
    rule: dict[str, Any] = {"rule": "argmax", "value": margin}
    if version() < (1, 4, 0) and estimator.loss != "exponential":
        rule = {"rule": "argmax", "value": probability}
    elif binary:
        # Class 1 from 0 on: above the largest number below 0.
        rule = {"rule": "above", "value": margin, "at": -5e-324}
    build.target(
        margin=margin,
        probability=probability,
        labels=labels(estimator.classes_, name),
        **rule,
    )


def _initial(build: Builder, estimator: Any) -> tuple[Any, int | None]:
    """Where the sums start: constants, or else a value."""
    init = estimator.init_
    outputs = estimator.estimators_.shape[1]
    name = type(estimator).__name__
    if isinstance(init, str):
        return 0.0, None
    if type(init).__module__.split(".")[:2] == ["sklearn", "dummy"]:
        if getattr(init, "strategy", None) in ("stratified", "uniform"):
            raise UnsupportedModelError(
                f"{name}: init={init!r} predicts at random; use strategy='prior'"
            )
        return _constant(estimator), None
    features = numbers(build, raw(build), name).known(missing=False, most=LARGEST_FLOAT32)
    (part,) = attach(build, init, owner=f"{name}: init", frame=narrowed(build, features))
    if not hasattr(estimator, "classes_"):
        return 0.0, part.prediction()
    return 0.0, _through_link(build, estimator, part, outputs)


def _constant(estimator: Any) -> NDArray[np.float64]:
    row = np.zeros((1, int(estimator.n_features_in_)), dtype=np.float32)
    found: NDArray[np.float64] = np.asarray(estimator._raw_predict_init(row), dtype=np.float64)[0]
    return found


def _through_link(build: Builder, estimator: Any, part: Part, outputs: int) -> int:
    """Return a classifier's probabilities as margins."""
    name = type(estimator).__name__
    if part.probability is None:
        raise UnsupportedModelError(f"{name}: init={estimator.init_!r} has no predict_proba")
    if _float32_linear(estimator.init_):
        raise UnsupportedModelError(
            f"{name}: init={estimator.init_!r} computes its probabilities in float32, whose "
            "logarithms are not reproducible; use trees for init, or init=None"
        )
    if part.classes is None or len(part.classes) != len(estimator.classes_):
        raise UnsupportedModelError(f"{name}: init={estimator.init_!r} knows fewer classes")
    eps = float(np.finfo(np.float32 if version() < (1, 8, 0) else np.float64).eps)
    value = part.probability
    if outputs == 1:
        value = build.columns(value, [1])
    value = build.link(value, "clip", low=eps, high=1 - eps)
    if outputs == 1:
        value = build.link(value, "logit")
        return build.link(value, "multiply", by=0.5) if estimator.loss == "exponential" else value
    # Since 1.4 over the geometric mean of the row's.
    return build.link(value, "log" if version() < (1, 4, 0) else "centred_log")


def _float32_linear(estimator: Any) -> bool:
    """Whether a linear model in it computes in float32, whose shares a logarithm tears apart."""
    members = getattr(estimator, "estimators_", ())
    return getattr(getattr(estimator, "coef_", None), "dtype", None) == np.float32 or any(
        map(_float32_linear, np.ravel(np.asarray(members, dtype=object)))
    )
