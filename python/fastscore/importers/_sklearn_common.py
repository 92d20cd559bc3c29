"""What all importers of scikit-learn share."""

import re
import sys
from typing import Any

from fastscore._errors import UnsupportedModelError
from fastscore._options import Options
from fastscore.importers._builder import Builder


def check(estimator: Any, options: Options, attribute: str) -> None:
    """Refuse keywords that can't apply, and estimators that are not fitted."""
    name = type(estimator).__name__
    options.allow(f"a scikit-learn {name}", "features")
    if not hasattr(estimator, attribute):
        raise UnsupportedModelError(f"{name} is not fitted; call fit first")


def builder(estimator: Any) -> Builder:
    """Return a builder with the estimator's features."""
    names = getattr(estimator, "feature_names_in_", None)
    return Builder(
        int(estimator.n_features_in_), None if names is None else [str(name) for name in names]
    )


def version() -> tuple[int, int, int]:
    """Return the version of scikit-learn that is running."""
    text = str(getattr(sys.modules.get("sklearn"), "__version__", "0"))
    numbers = [int(part) for part in re.findall(r"\d+", text)[:3]]
    major, minor, patch = [*numbers, 0, 0, 0][:3]
    return major, minor, patch
