"""scikit-learn's BaggingClassifier and BaggingRegressor.

They add what their estimators give on their own subsets of the features, in order, and divide by
the number of estimators: probabilities, or a vote where the estimators have none. They check
nothing themselves: what is refused is what the estimators refuse, in the features that they get.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fastscore import _core
from fastscore._options import Options, labels
from fastscore.importers._attached import Part, place, refuse_narrow
from fastscore.importers._builder import Builder
from fastscore.importers._flow import raw
from fastscore.importers._forest import Forest
from fastscore.importers._members import add_up, divide
from fastscore.importers._sklearn_common import ACCEPTS, Policy, builder, check, finish
from fastscore.importers._sklearn_trees import class_shares, is_tree, read_tree, tree_policy
from fastscore.importers._splice import attach


def import_classifier(estimator: Any, options: Options) -> _core.Model:
    """BaggingClassifier."""
    check(estimator, options, "estimators_")
    build = builder(estimator)
    members = _members(estimator)
    k = len(estimator.classes_)
    decision = None
    notes = []
    if all(is_tree(member) for member, _ in members):
        forest = Forest(k, k)
        for member, columns in members:
            tree, values = read_tree(member, columns)
            shares = np.zeros((len(tree.leaf), k))
            shares[:, _classes(member, k)] = class_shares(member, values)
            forest.add(tree, shares)
        total = forest.step(build)
        policy = _tree_policy(members)
    else:
        parts = _attach(build, members, "BaggingClassifier")
        total = build.add({"op": "sum", "inputs": _shares(build, members, parts, k)})
        policy = ACCEPTS
        if hasattr(members[0][0], "decision_function"):
            refuse_narrow(parts, "BaggingClassifier")
            if all(len(member.classes_) == k for member, _ in members):
                decision = _mean(build, [part.margin for part in parts], len(members))
            else:
                notes.append(
                    "decision_function fails, as some estimators saw fewer classes: the margin is "
                    "the probability"
                )
    shares_mean = build.link(total, "divide", by=float(len(members)))
    if decision is None:
        decision = build.columns(shares_mean, [1]) if k == 2 else shares_mean
    build.target(
        margin=decision,
        rule="argmax",
        value=shares_mean,
        probability=shares_mean,
        labels=labels(estimator.classes_, "BaggingClassifier"),
    )
    return finish(build, estimator, policy, notes=notes)


def import_regressor(estimator: Any, options: Options) -> _core.Model:
    """BaggingRegressor."""
    check(estimator, options, "estimators_")
    build = builder(estimator)
    members = _members(estimator)
    if all(is_tree(member) for member, _ in members):
        width = int(members[0][0].n_outputs_)
        forest = Forest(width, width)
        for member, columns in members:
            tree, values = read_tree(member, columns)
            forest.add(tree, values[:, :, 0])
        value = build.link(forest.step(build), "divide", by=float(len(members)))
        policy = _tree_policy(members)
    else:
        several = _attach_all(build, members, "BaggingRegressor")
        narrow = [part.width == "float32" for parts in several for part in parts]
        if any(narrow) and not all(narrow):
            refuse_narrow([part for parts in several for part in parts], "BaggingRegressor")
        predictions = [_prediction(build, parts) for parts in several]
        value = _mean(build, predictions, len(members), narrow=all(narrow))
        build.output_width = "float32" if all(narrow) else None
        policy = ACCEPTS
    build.target(margin=value, rule="value", value=value)
    return finish(build, estimator, policy)


Member = tuple[Any, Sequence[int] | None]


def _members(estimator: Any) -> list[Member]:
    """Return the estimators with their features; None for all of them in order."""
    every = list(range(int(estimator.n_features_in_)))
    found: list[Member] = []
    for member, features in zip(estimator.estimators_, estimator.estimators_features_, strict=True):
        columns = np.asarray(features).tolist()
        found.append((member, None if columns == every else columns))
    return found


def _tree_policy(members: Sequence[Member]) -> Policy:
    tree = members[0][0]
    policy = tree_policy(tree, int(tree.n_features_in_))
    subsets = [columns for _, columns in members if columns is not None]
    if len(subsets) < len(members):
        return policy
    return replace(policy, checked=frozenset().union(*subsets))


def _attach_all(build: Builder, members: Sequence[Member], owner: str) -> list[list[Part]]:
    features = raw(build)
    frames = [features if columns is None else features.take(columns) for _, columns in members]
    return [
        attach(build, member, owner=owner, frame=frame)
        for (member, _), frame in zip(members, frames, strict=True)
    ]


def _attach(build: Builder, members: Sequence[Member], owner: str) -> list[Part]:
    return [parts[0] for parts in _attach_all(build, members, owner)]


def _classes(member: Any, k: int) -> list[int]:
    """Columns of a member's classes; it was fitted on numbers of the ensemble's."""
    found = np.asarray(member.classes_).tolist()
    return list(range(k)) if len(found) == k else [int(label) for label in found]


def _shares(build: Builder, members: Sequence[Member], parts: Sequence[Part], k: int) -> list[int]:
    values = []
    for (member, _), part in zip(members, parts, strict=True):
        own = part.probability
        if own is None or not hasattr(member, "predict_proba"):
            own = part.one_hot(build)
        values.append(place(build, own, _classes(member, k), k))
    return values


def _prediction(build: Builder, parts: Sequence[Part]) -> int:
    values = [part.prediction() for part in parts]
    return values[0] if len(values) == 1 else build.add({"op": "concat", "inputs": values})


def _mean(build: Builder, values: Sequence[int], count: int, *, narrow: bool = False) -> int:
    """Sum from 0, which makes a lone -0.0 positive, and divide."""
    total = build.link(add_up(build, values, narrow=narrow), "add", value=0.0)
    return divide(build, total, float(count), narrow=narrow)
