"""scikit-learn's HistGradientBoostingClassifier and HistGradientBoostingRegressor.

They read float64 values; NaN goes to the side that the node says, and so does a category that was
not seen in training. The sums start from the baseline, iteration by iteration, a tree a class.

Since scikit-learn 1.4 categories are encoded: an OrdinalEncoder puts the categorical columns first
and numbers their values; what it does not know is missing, and infinities are refused. Before,
categories are the numbers from 0 to 255 themselves; a number is cut to its integer, and others
count as missing (from 256 on the conversion there is undefined in C).
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore import _core
from fastscore._errors import UnsupportedModelError
from fastscore._options import Options, labels
from fastscore.importers._builder import Builder
from fastscore.importers._encode import encode
from fastscore.importers._forest import MISSING_LEFT, OUTSIDE_LEFT, Forest, Tree, references
from fastscore.importers._sklearn_common import Policy, builder, check, finish, version


def import_hist(estimator: Any, options: Options) -> _core.Model:
    """HistGradientBoostingClassifier, HistGradientBoostingRegressor."""
    check(estimator, options, "_predictors")
    build = builder(estimator)
    order = _encoded(build, estimator)
    known, positions = estimator._bin_mapper.make_known_categories_bitsets()
    outputs = int(estimator.n_trees_per_iteration_)
    forest = Forest(outputs, 1)
    for iteration in estimator._predictors:
        for output, predictor in enumerate(iteration):
            tree, values = _read(predictor, known, positions, order)
            forest.add(tree, values, output)
    base = np.asarray(estimator._baseline_prediction, dtype=np.float64).ravel()
    margin = forest.step(build, base=base)
    link = type(estimator._loss.link).__name__
    if hasattr(estimator, "classes_"):
        _classifier(build, estimator, margin, link)
    elif link == "IdentityLink":
        build.target(margin=margin, rule="value", value=margin)
    elif link == "LogLink":
        build.target(margin=margin, rule="value", value=build.link(margin, "exp"))
    else:
        raise _unsupported_loss(estimator)
    return finish(build, estimator, _policy(build))


def _policy(build: Builder) -> Policy:
    """Numbers may be infinite; the encoder of categories refuses that."""
    encoded = frozenset(int(entry["feature"]) for entry in build.encodings)
    return Policy(missing=True, non_finite=not encoded, width="float64", checked=encoded or None)


def _classifier(build: Builder, estimator: Any, margin: int, link: str) -> None:
    if link == "LogitLink":
        probability = build.link(build.link(margin, "sigmoid", scale=1.0), "complement")
    elif link == "MultinomialLogit":
        probability = build.link(margin, "softmax")
    else:
        raise _unsupported_loss(estimator)
    name = type(estimator).__name__
    if len(estimator.classes_) < 2:
        raise UnsupportedModelError(
            f"{name} was fitted on a single class, for which it gives two probabilities; fit it on "
            "at least two classes"
        )
    decides = probability if version() < (1, 5, 0) else margin
    build.target(
        margin=margin,
        rule="positive" if link == "LogitLink" and decides == margin else "argmax",
        value=decides,
        probability=probability,
        labels=labels(estimator.classes_, name),
    )


def _unsupported_loss(estimator: Any) -> UnsupportedModelError:
    return UnsupportedModelError(
        f"{type(estimator).__name__}: loss={estimator.loss!r} is not supported; its own losses are"
    )


def _encoded(build: Builder, estimator: Any) -> NDArray[np.int64]:
    """Put the categories into the model; returns the feature that each of the trees' columns is."""
    preprocessor = getattr(estimator, "_preprocessor", None)
    if preprocessor is None:
        return np.arange(int(estimator.n_features_in_))
    categorical = np.asarray(estimator.is_categorical_, dtype=bool)
    encoder = preprocessor.named_transformers_["encoder"]
    first = np.flatnonzero(categorical)
    owner = type(estimator).__name__
    for feature, categories in zip(first.tolist(), encoder.categories_, strict=True):
        known, missing_code = _known(categories, owner)
        encode(build, feature, known, owner, missing_code=missing_code)
    return np.concatenate([first, np.flatnonzero(~categorical)])


def _known(categories: Any, owner: str) -> tuple[NDArray[Any], float | None]:
    """Return the categories without the missing ones, which come last, and the number of None.

    NaN is missing for the trees, but None, which stands for null in object columns and in those of
    Polars, is a category of its own where it was seen in training.
    """
    array = np.asarray(categories)
    kept = [value for value in array.tolist() if not _is_missing(value)]
    learnt = array.tolist()[len(kept) :]
    if len(learnt) > 1:
        raise UnsupportedModelError(
            f"{owner}: None and NaN are two categories of one feature, which Arrow data can't tell "
            "apart; fit it on a column that has one of them"
        )
    code = float(len(kept)) if learnt == [None] else None
    if array.dtype.kind != "O":
        return array[: len(kept)], code
    known = np.empty(len(kept), dtype=object)
    known[:] = kept
    return known, code


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _read(
    predictor: Any,
    known: NDArray[np.uint32],
    positions: NDArray[Any],
    order: NDArray[np.int64],
) -> tuple[Tree, NDArray[np.float64]]:
    nodes = predictor.nodes
    is_leaf = nodes["is_leaf"].astype(bool)
    reference = references(is_leaf)
    chosen = nodes[~is_leaf]
    left = chosen["missing_go_to_left"] != 0
    categorical = chosen["is_categorical"] != 0
    sets = {}
    for split in np.flatnonzero(categorical).tolist():
        words = np.array(
            predictor.raw_left_cat_bitsets[chosen["bitset_idx"][split]], dtype=np.uint32
        )
        if left[split]:
            words |= ~known[positions[chosen["feature_idx"][split]]]
        sets[split] = words
    flags = left * np.uint8(MISSING_LEFT) | (left & categorical) * np.uint8(OUTSIDE_LEFT)
    tree = Tree(
        feature=order[chosen["feature_idx"]].astype(np.int32),
        threshold=np.where(categorical, 0.0, chosen["num_threshold"]),
        left=reference[chosen["left"]],
        right=reference[chosen["right"]],
        flags=flags.astype(np.uint8),
        leaf=np.flatnonzero(is_leaf).astype(np.int32),
        sets=sets,
    )
    return tree, nodes["value"][is_leaf].astype(np.float64)
