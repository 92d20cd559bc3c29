"""Trees of a source, gathered one by one -> a forest step, by whole-array operations a tree."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore.importers._builder import Builder

MISSING_LEFT, OUTSIDE_LEFT = 1, 4


@dataclass(frozen=True, slots=True)
class Tree:
    """The splits and leaves of one tree; a child is a split, or `-1 - leaf`."""

    feature: NDArray[np.int32]
    threshold: NDArray[np.float64]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    flags: NDArray[np.uint8]
    leaf: NDArray[np.int32]
    """The leaves as the source numbers them."""
    sets: dict[int, NDArray[np.uint32]] = field(default_factory=dict)
    """Words of the set of categories that go left, by categorical split."""


def references(is_leaf: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Per node its number among the splits, or -1 - its number among the leaves."""
    leaves = np.cumsum(is_leaf, dtype=np.int64)
    splits = np.cumsum(~is_leaf, dtype=np.int64)
    return np.where(is_leaf, -leaves, splits - 1).astype(np.int32)


class Forest:
    """A forest step in the making. `leaf_width` is 1, or as many as it has outputs."""

    def __init__(self, outputs: int, leaf_width: int) -> None:
        self._outputs = outputs
        self._leaf_width = leaf_width
        self._trees: list[Tree] = []
        self._values: list[NDArray[np.float64]] = []
        self._targets: list[int] = []

    def add(self, tree: Tree, values: NDArray[np.float64], target: int = 0) -> None:
        """Append a tree with the values of its leaves: `(leaves,)` or `(leaves, leaf_width)`."""
        self._trees.append(tree)
        self._values.append(values.reshape(len(tree.leaf), self._leaf_width))
        self._targets.append(target)

    def step(
        self,
        build: Builder,
        *,
        base: Any = 0.0,
        start: int | None = None,
        op: str = "forest",
        value: int = 0,
        width: str | None = None,
        sum_width: str | None = None,
    ) -> int:
        """Append the step, which reads the features or another value; returns its output's number.

        The sums start from `base`, a number or one an output, or from the value `start`. Values are
        compared at `width`, or that of the input, and added at `sum_width`, or float64.
        """
        prefix = f"forest{len(build.steps)}"
        trees = self._trees
        for name, dtype in (
            ("feature", np.int32),
            ("threshold", np.float64),
            ("left", np.int32),
            ("right", np.int32),
            ("flags", np.uint8),
        ):
            build.tensor(
                f"{prefix}.{name}", np.concatenate([getattr(tree, name) for tree in trees]), dtype
            )
        build.tensor(f"{prefix}.leaf_id", np.concatenate([tree.leaf for tree in trees]), np.int32)
        build.tensor(f"{prefix}.leaf_value", np.concatenate(self._values), np.float64)
        build.tensor(
            f"{prefix}.split_offset", _offsets([len(tree.feature) for tree in trees]), np.int64
        )
        build.tensor(
            f"{prefix}.leaf_offset", _offsets([len(tree.leaf) for tree in trees]), np.int64
        )
        build.tensor(
            f"{prefix}.base", np.broadcast_to(np.asarray(base, float), self._outputs), np.float64
        )
        if self._leaf_width == 1:
            build.tensor(f"{prefix}.target", self._targets, np.int32)
        if any(tree.sets for tree in trees):
            self._sets(build, prefix)
        step = {
            "op": op,
            "input": value,
            "comparison": "le",
            "outputs": self._outputs,
            "leaf_width": self._leaf_width,
            "zero_band": None,
            "tensors": prefix,
        }
        step |= {} if width is None else {"width": width}
        step |= {} if sum_width is None else {"sum": sum_width}
        return build.add(step if start is None else step | {"start": start})

    def _sets(self, build: Builder, prefix: str) -> None:
        numbers: list[NDArray[np.int32]] = []
        words: list[NDArray[np.uint32]] = []
        for tree in self._trees:
            own = np.full(len(tree.feature), -1, dtype=np.int32)
            for split, word in tree.sets.items():
                own[split] = len(words)
                words.append(word)
            numbers.append(own)
        build.tensor(f"{prefix}.category_set", np.concatenate(numbers), np.int32)
        build.tensor(f"{prefix}.set_offset", _offsets([len(word) for word in words]), np.int64)
        build.tensor(f"{prefix}.set_words", np.concatenate(words), np.uint32)


def _offsets(lengths: list[int]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(np.asarray(lengths, dtype=np.int64))]).astype(np.int64)
