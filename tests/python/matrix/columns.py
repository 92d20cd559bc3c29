"""Training data that libraries share."""

from typing import Any

import numpy as np

ROWS = 300
SCORED = 517


def numbers(rng: np.random.Generator, tiny: float, *, holes: bool = True) -> Any:
    """Columns of different kinds, one of them of numbers as small as `tiny`."""
    x = rng.normal(size=(ROWS, 5))
    x[:, 1] = rng.integers(-3, 4, ROWS)
    x[:, 2] *= tiny
    if holes:
        x[rng.random(x.shape) < 0.1] = np.nan
    return x


def score_of(x: Any, rng: np.random.Generator) -> Any:
    """A target that depends on the columns, with noise."""
    clean = np.nan_to_num(x)
    return clean[:, 0] + np.abs(clean[:, 1]) + 0.2 * rng.normal(size=len(x))
