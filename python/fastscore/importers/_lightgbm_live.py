"""What a live LightGBM booster knows beyond its model text."""

from typing import Any

import numpy as np

from fastscore._errors import UnsupportedModelError


def sigmoid(booster: Any, objective: str | None, average: bool) -> tuple[str | None, list[str]]:
    """Return the parameter `sigmoid` where it is not the text's, with a note for the model.

    The text has six digits of it. A booster that was written as text and read again, as
    `lightgbm.train` does at its end by default, computes with those six; another one with all. Its
    own predictions tell which.
    """
    written = [word[8:] for word in (objective or "").split() if word.startswith("sigmoid:")]
    given = str((getattr(booster, "params", None) or {}).get("sigmoid", ""))
    try:
        exact, rounded = float(given), float(written[0])
    except (ValueError, IndexError):
        return None, []
    if exact == rounded or f"{exact:.6g}" != f"{rounded:.6g}":
        return None, []
    rows = np.random.default_rng(0).normal(size=(16, booster.num_feature())) * 10.0
    margins = np.asarray(booster.predict(rows, raw_score=True, num_threads=1))
    if average:  # raw_score is the sum over the iterations
        trees = np.asarray(booster.predict(rows, pred_leaf=True, num_threads=1)).shape[1]
        margins = margins / (trees // booster.num_model_per_iteration())
    shares = np.asarray(booster.predict(rows, num_threads=1))

    def distance(scale: float) -> float:
        with np.errstate(over="ignore"):
            return float(np.abs(1.0 / (1.0 + np.exp(-scale * margins)) - shares).max())

    off_exact, off_rounded = distance(exact), distance(rounded)
    if min(off_exact, off_rounded) > 1e-12:
        raise UnsupportedModelError(
            f"LightGBM: the booster computes with neither sigmoid={given} nor {written[0]}, the "
            "number of its text; save it as text and load that"
        )
    if off_exact < off_rounded:
        return given, [f"sigmoid={given}, as its own predictions show; its text has {written[0]}"]
    return None, [f"sigmoid={written[0]}: LightGBM has rounded {given} to six digits"]
