"""scikit-learn's AdaBoostClassifier and AdaBoostRegressor.

A classifier sums votes: an estimator's weight for the class that it predicts,
`-1 / (classes - 1)` of it for the others; SAMME.R, up to scikit-learn 1.5, sums centred logarithms
of probabilities. The sum is divided by that of the weights. For two classes the margin is the
second column less the first, which by SAMME is the second's negative to the bit: so one column is
enough. A regressor takes the weighted median of its estimators' predictions.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore import _core
from fastscore._errors import UnsupportedModelError
from fastscore._options import Options, labels
from fastscore.importers._attached import place, refuse_narrow
from fastscore.importers._builder import Builder
from fastscore.importers._forest import Forest
from fastscore.importers._sklearn_common import ACCEPTS, Policy, builder, check, finish, version
from fastscore.importers._sklearn_trees import class_shares, is_tree, read_tree, tree_policy
from fastscore.importers._splice import attach


def import_classifier(estimator: Any, options: Options) -> _core.Model:
    """AdaBoostClassifier."""
    check(estimator, options, "estimators_")
    build = builder(estimator)
    real = vars(estimator).get("algorithm") == "SAMME.R"
    if all(map(is_tree, estimator.estimators_)):
        votes, policy = _folded_votes(build, estimator, real=real)
    else:
        votes, policy = _votes(build, estimator, real=real)
    k = len(estimator.classes_)
    margin = build.link(votes, "divide", by=float(np.sum(estimator.estimator_weights_)))
    if k == 1:
        margin = build.link(margin, "multiply", by=0.0)
        probability = build.link(margin, "add", value=1.0)
    elif k == 2:
        if real:
            first = build.link(build.columns(margin, [0]), "multiply", by=-1.0)
            both = [first, build.columns(margin, [1])]
            margin = build.add({"op": "sum", "inputs": both})
        else:
            margin = build.link(margin, "multiply", by=2.0)
        halves = build.link(
            build.columns(margin, [0, 0]), "affine", scale=[-0.5, 0.5], shift=[0.0, 0.0]
        )
        probability = build.link(halves, "softmax")
    else:
        probability = build.link(build.link(margin, "divide", by=float(k - 1)), "pairwise_softmax")
    build.target(
        margin=margin,
        rule="positive" if k == 2 else "argmax",
        value=margin,
        probability=probability,
        labels=labels(estimator.classes_, "AdaBoostClassifier"),
    )
    notes = []
    if real and version() >= (1, 6, 0):
        notes = [
            "fitted with algorithm='SAMME.R' by scikit-learn before 1.6, and computed as that "
            "version does; the scikit-learn that is running ignores it"
        ]
    return finish(build, estimator, policy, notes=notes)


def import_regressor(estimator: Any, options: Options) -> _core.Model:
    """AdaBoostRegressor."""
    check(estimator, options, "estimators_")
    build = builder(estimator)
    members = list(estimator.estimators_)
    if all(map(is_tree, members)):
        forest = Forest(len(members), 1)
        for column, member in enumerate(members):
            tree, values = read_tree(member)
            forest.add(tree, values[:, 0, 0], column)
        each = forest.step(build, base=-0.0)
        policy = tree_policy(members[0], build.n_features)
    else:
        parts = [attach(build, member, owner="AdaBoostRegressor")[0] for member in members]
        narrow = [part.width == "float32" for part in parts]
        if any(narrow) and not all(narrow):
            refuse_narrow(parts, "AdaBoostRegressor")
        build.output_width = "float32" if all(narrow) else None
        each = build.add({"op": "concat", "inputs": [part.prediction() for part in parts]})
        policy = ACCEPTS
    value = each
    # A lone regressor whose errors are too large has the weight 0.
    if len(members) > 1:
        weights = np.asarray(estimator.estimator_weights_, dtype=np.float64)[: len(members)]
        value = build.link(each, "weighted_median", weights=weights.tolist())
    build.target(margin=value, rule="value", value=value)
    return finish(build, estimator, policy.refusing(missing=True, non_finite=True))


def _positions(estimator: Any, classes: Any) -> list[int]:
    """Where a member's classes are among the ensemble's."""
    known = {label: at for at, label in enumerate(estimator.classes_.tolist())}
    return [known[label] for label in np.asarray(classes).tolist()]


def _weights(estimator: Any) -> list[tuple[float, float]]:
    """Per member what it adds for its class, and for the others."""
    k = max(len(estimator.classes_), 2)
    return [(float(w), float(-1 / (k - 1) * w)) for w in estimator.estimator_weights_]


def _folded_votes(build: Builder, estimator: Any, *, real: bool) -> tuple[int, Policy]:
    """Votes of trees are values of their leaves."""
    k = len(estimator.classes_)
    width = 1 if k == 2 and not real else k
    forest = Forest(width, width)
    for member, (hit, miss) in zip(estimator.estimators_, _weights(estimator), strict=False):
        tree, values = read_tree(member)
        if real:
            votes = _real_votes(class_shares(member, values), k)
        else:
            positions = np.array(_positions(estimator, member.classes_))
            chosen = positions[np.argmax(values[:, 0, : len(positions)], axis=1)]
            votes = np.where(chosen[:, np.newaxis] == np.arange(k), hit, miss)
        forest.add(tree, votes[:, -1] if width == 1 else votes)
    policy = tree_policy(estimator.estimators_[0], build.n_features)
    return forest.step(build), policy.refusing(missing=True, non_finite=True)


def _real_votes(shares: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """Return what SAMME.R adds, in scikit-learn's order of roundings."""
    if shares.shape[1] != k:
        raise UnsupportedModelError(
            "AdaBoostClassifier: a member of algorithm='SAMME.R' knows fewer classes; use 'SAMME'"
        )
    logs = np.log(np.clip(shares, np.finfo(np.float64).eps, None))
    votes: NDArray[np.float64] = (k - 1) * (logs - (1.0 / k) * logs.sum(axis=1)[:, np.newaxis])
    return votes


def _votes(build: Builder, estimator: Any, *, real: bool) -> tuple[int, Policy]:
    """Votes of estimators of any kind."""
    if real:
        raise UnsupportedModelError(
            "AdaBoostClassifier: algorithm='SAMME.R' is supported for decision trees only; use "
            "algorithm='SAMME'"
        )
    k = len(estimator.classes_)
    parts, votes = [], []
    for member, (hit, miss) in zip(estimator.estimators_, _weights(estimator), strict=False):
        (part,) = attach(build, member, owner="AdaBoostClassifier")
        one_hot = place(build, part.one_hot(build), _positions(estimator, member.classes_), k)
        own = build.columns(one_hot, [1]) if k == 2 else one_hot
        votes.append(build.link(own, "above", at=0.5, above=hit, other=miss))
        parts.append(part)
    policy = ACCEPTS.refusing(missing=True, non_finite=True)
    return build.add({"op": "sum", "inputs": votes}), policy
