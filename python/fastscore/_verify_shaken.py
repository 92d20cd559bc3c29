"""Which outputs of a meta-estimator are as near as its members are, and how near that is."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Step = dict[str, Any]

_MOVES = {"columns", "complement", "round_to_float32"}
"""Links that make no error larger."""


def values_read(step: Step) -> list[int]:
    """Return the values that a step reads."""
    read = [*step.get("inputs", ()), step.get("input"), step.get("start")]
    return [value for value in read if value is not None]


class Shaken:
    """What may be off in a meta-estimator because its members' values may be."""

    def __init__(
        self,
        theirs: Any,
        matrix: Any,
        steps: list[Step],
        is_exact: Callable[[Step], bool],
        is_loose: Callable[[Step], bool],
    ) -> None:
        self._bound_of = getattr(theirs, "bound", None)
        self._matrix = matrix
        self._is_loose = is_loose
        self._bounds: dict[str, NDArray[np.float64] | None] = {}
        self._inexact = [False]
        for step in steps:
            own = is_loose(step) or not is_exact(step)
            read = any(self._inexact[value] for value in values_read(step))
            self._inexact.append(own or read)

    def bound(self, output: str, steps: list[Step]) -> NDArray[np.float64] | None:
        """Return the bound of an output behind these steps, (rows, columns).

        None where the source is no meta-estimator, or its members' values are exact, or go through
        one link at most, so that the usual promises hold.
        """
        if self._bound_of is None or not self._compounds(steps):
            return None
        if output not in self._bounds:
            self._bounds[output] = self._bound_of(output, self._matrix)
        return self._bounds[output]

    def _compounds(self, steps: list[Step]) -> bool:
        """Whether a step adds products up, or goes on computing with values that are not exact."""
        return any(self._is_loose(step) or self._goes_on(step) for step in steps)

    def _goes_on(self, step: Step) -> bool:
        if step["op"] == "concat" or (step["op"] == "link" and step["kind"]["name"] in _MOVES):
            return False
        return any(self._inexact[value] for value in values_read(step))
