"""How far a meta-estimator's outputs may be off, where what its members give may be.

Its own Python code is run with members that answer as they do, but off by their own bounds, up or
down by chance: the largest change over some runs, twice, is the bound. So thresholds of trees,
votes and calibrations that lie within a member's bound are found as well as smooth functions.
"""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore._bounds import linear_bound
from fastscore._bounds_transform import transform_bound

Bound = NDArray[np.float64]

_RUNS = 6
_ULPS = 8
"""Of members that go through exponentials of their own, or of NumPy."""

_LISTS = ("estimators_",)
_SINGLE = (
    "best_estimator_",
    "estimator_",
    "regressor_",
    "final_estimator_",
)


def is_meta(estimator: Any) -> bool:
    """Whether it holds members that are asked by their methods, of any kind."""
    return type(estimator).__module__.split(".")[0] == "sklearn" and any(
        True for _ in _members(estimator)
    )


def reach(estimator: Any, x: Any, method: str) -> Bound:
    """Return how far what a method gives may be off: of its shape, or one that broadcasts to it."""
    if type(estimator).__name__ == "FrozenEstimator":
        return reach(estimator.estimator, x, method)
    if type(estimator).__name__ == "Pipeline":
        return _after_transforms(estimator, x, method)
    if is_meta(estimator):
        return shaken(estimator, lambda each: getattr(each, method)(x))
    values = getattr(estimator, method)(x)
    if isinstance(values, list):
        largest: Bound = np.maximum.reduce([_leaf(estimator, x, method, part) for part in values])
        return largest
    return _leaf(estimator, x, method, values)


def _after_transforms(pipeline: Any, x: Any, method: str) -> Bound:
    """Of a pipeline's last step, which may be off because what it gets may be."""
    before = transform_bound(pipeline[:-1], x) if len(pipeline) > 1 else None
    handed = pipeline[:-1].transform(x) if len(pipeline) > 1 else x
    own = reach(pipeline[-1], handed, method)
    if before is None:
        return own
    call = getattr(pipeline[-1], method)
    matrix = np.asarray(
        handed.toarray() if hasattr(handed, "toarray") else handed, dtype=np.float64
    )
    plain = call(matrix)
    rng = np.random.default_rng(0)
    moved = [
        _difference(plain, call(matrix + rng.choice([-1.0, 1.0], matrix.shape) * before))
        for _ in range(_RUNS)
    ]
    both: Bound = own + 2 * np.maximum.reduce(moved)
    return both


def _leaf(estimator: Any, x: Any, method: str, values: Any) -> Bound:
    """Of an estimator that holds no others, or that `linear_bound` knows."""
    values = np.asarray(values)
    if values.dtype.kind not in "fiu":
        return np.zeros(len(values))
    linear = None
    if not hasattr(x, "dtypes") or hasattr(estimator, "coef_"):
        dense = x.toarray() if hasattr(x, "toarray") else x
        linear = linear_bound(estimator, np.asarray(dense, dtype=np.float64))
    shape = (len(values),) + (1,) * (values.ndim - 1)
    if linear is None:
        # Sums of trees are exact; probabilities and the links of regressors are within ulps.
        exact = method == "decision_function"
        return np.zeros(shape) if exact else _ULPS * np.spacing(np.abs(values).astype(np.float64))
    most = linear.max(axis=1).reshape(shape)
    bound: Bound = 2 * most + 8 * np.finfo(np.float64).eps if method == "predict_proba" else most
    return bound


def shaken(estimator: Any, call: Callable[[Any], Any]) -> Bound:
    """Return by how much what `call` makes of a meta-estimator moves with its members."""
    plain = call(estimator)
    size = _difference(plain, None)
    largest = np.zeros_like(size)
    rng = np.random.default_rng(0)
    bounds: dict[tuple[int, str], Bound] = {}
    for run in range(_RUNS):
        # First all up and all down, then each by chance.
        sign = {0: 1.0, 1: -1.0}.get(run)
        other = _with_members(estimator, lambda each: _Shaken(each, sign, rng, bounds))  # noqa: B023
        largest = np.maximum(largest, _difference(plain, call(other)))
    bound: Bound = 2 * largest + _ULPS * np.spacing(size)
    return bound


def _difference(values: Any, others: Any) -> NDArray[np.float64]:
    """Return by how much answers differ, labels by 0 or 1; from None, how large they are."""
    if isinstance(values, list):
        pairs = zip(values, [None] * len(values) if others is None else others, strict=True)
        parts = [_difference(one, other) for one, other in pairs]
        return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        changed = np.zeros(array.shape, dtype=bool) if others is None else array != others
        return np.asarray(changed, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        difference: NDArray[np.float64] = np.abs(
            array.astype(np.float64) - (0.0 if others is None else np.asarray(others, np.float64))
        )
    return np.nan_to_num(difference, nan=0.0, posinf=0.0)


class _Shaken:
    """A fitted estimator whose answers are off by as much as they may be."""

    def __init__(
        self,
        estimator: Any,
        sign: float | None,
        rng: np.random.Generator,
        bounds: dict[tuple[int, str], Bound],
    ) -> None:
        self.inner_ = estimator
        self._sign, self._rng, self._bounds = sign, rng, bounds

    def __getattr__(self, name: str) -> Any:
        if name in ("inner_", "_sign"):
            raise AttributeError(name)
        found = getattr(self.inner_, name)
        if name in ("predict_proba", "decision_function") or (
            name == "predict" and not hasattr(self.inner_, "classes_")
        ):
            return self._method(name, lambda x: self._off(name, x, found))
        if name == "predict":
            return self._method(name, lambda x: self._label(x, found))
        return found

    @staticmethod
    def _method(name: str, own: Callable[[Any], Any]) -> Callable[..., Any]:
        def method(*given: Any, **named: Any) -> Any:
            # Some versions of scikit-learn name the argument: predict_proba(X=X).
            return own(given[0] if given else named["X"])

        method.__name__ = name  # scikit-learn asks a method for it
        return method

    def _bound(self, name: str, x: Any) -> Bound:
        key = (id(self.inner_), name)
        if key not in self._bounds:
            self._bounds[key] = reach(self.inner_, x, name)
        return self._bounds[key]

    def _off(self, name: str, x: Any, found: Callable[[Any], Any]) -> Any:
        values = found(x)
        if isinstance(values, list):
            return [self._moved(part, self._bound(name, x).max(initial=0.0)) for part in values]
        return self._moved(values, self._bound(name, x))

    def _moved(self, values: Any, bound: Any) -> Any:
        array = np.asarray(values)
        sign = self._sign
        signs = self._rng.choice([-1.0, 1.0], array.shape) if sign is None else sign
        with np.errstate(all="ignore"):
            moved = array + signs * np.broadcast_to(bound, array.shape)
        return moved.astype(array.dtype)

    def _label(self, x: Any, found: Callable[[Any], Any]) -> Any:
        """Return labels, others where its scores, once moved, are best for another class."""
        labels = np.asarray(found(x))
        method = next(
            (name for name in ("decision_function", "predict_proba") if hasattr(self.inner_, name)),
            None,
        )
        if method is None or labels.ndim > 1:
            return labels
        scores = getattr(self.inner_, method)(x)
        moved = self._moved(scores, self._bound(method, x))
        known = np.asarray(self.inner_.classes_)
        before, after = _best(scores), _best(moved)
        return np.where(before == after, labels, known[after])


def _best(scores: Any) -> NDArray[np.int64]:
    array = np.asarray(scores)
    if array.ndim == 1:
        return (array > 0).astype(np.int64)
    found: NDArray[np.int64] = np.argmax(array, axis=1)
    return found


# --- members


def _members(estimator: Any) -> Iterator[Any]:
    own = vars(estimator)
    if "calibrated_classifiers_" in own:
        yield from (each.estimator for each in own["calibrated_classifiers_"])
        return
    known = ("estimators_features_", "estimator_weights_", "init_", "estimators_samples_")
    if any(name in own for name in known) or _is_forest(estimator):
        return  # `linear_bound` knows them
    for name in _LISTS:
        if isinstance(own.get(name), list | tuple):
            yield from own[name]
    for name in _SINGLE:
        if hasattr(own.get(name), "predict"):
            yield own[name]


def _is_forest(estimator: Any) -> bool:
    return type(estimator).__module__.startswith(
        ("sklearn.ensemble._forest", "sklearn.ensemble._if")
    )


def _with_members(estimator: Any, change: Callable[[Any], Any]) -> Any:
    """Return a copy with other members."""
    other = copy.copy(estimator)
    own = vars(other)
    if "calibrated_classifiers_" in own:
        fitted = [copy.copy(each) for each in own["calibrated_classifiers_"]]
        for each in fitted:
            each.estimator = change(each.estimator)
        own["calibrated_classifiers_"] = fitted
        return other
    for name in _LISTS:
        if isinstance(own.get(name), list | tuple):
            own[name] = [change(each) for each in own[name]]
    for name in _SINGLE:
        if hasattr(own.get(name), "predict"):
            own[name] = change(own[name])
    return other
