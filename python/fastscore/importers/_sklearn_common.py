"""What all importers of scikit-learn share."""

import re
from dataclasses import dataclass
from typing import Any

from fastscore import _core
from fastscore._errors import UnsupportedModelError
from fastscore._options import Options
from fastscore.importers import _source
from fastscore.importers._builder import Builder


@dataclass(frozen=True, slots=True)
class Policy:
    """What a source accepts, and the width at which it reads its input."""

    missing: bool
    non_finite: bool
    width: str
    checked: frozenset[int] | None = None
    """The features that it looks at; None for all of them."""

    def refusing(self, *, missing: bool = False, non_finite: bool = False) -> "Policy":
        """Return the policy of an ensemble that itself refuses these, in every feature."""
        return Policy(self.missing and not missing, self.non_finite and not non_finite, self.width)


FINITE = Policy(missing=False, non_finite=False, width="float64")
"""Of those that refuse NaN and infinities and compute in float64."""
ACCEPTS = Policy(missing=True, non_finite=True, width="float64")
"""Of an ensemble that checks nothing: what its estimators refuse is guarded where they read it."""


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


def give(build: Builder, estimator: Any, value: int) -> None:
    """Have a value be what the estimator's own `transform` gives."""
    names = [str(name) for name in estimator.get_feature_names_out()]
    build.transform = {"value": value, "names": build.strings("transform.names", names)}


def finish(
    build: Builder,
    estimator: Any,
    policy: Policy,
    *,
    leaf: int | None = None,
    notes: list[str] | None = None,
) -> _core.Model:
    """Return the validated model of this estimator."""
    return build.build(
        source=_source.describe(estimator, "scikit-learn", notes),
        missing=policy.missing,
        non_finite=policy.non_finite,
        width=policy.width,
        checked=policy.checked,
        leaf=leaf,
    )


def version() -> tuple[int, int, int]:
    """Return the version of scikit-learn that is running."""
    numbers = [int(part) for part in re.findall(r"\d+", _source.version("sklearn"))[:3]]
    major, minor, patch = [*numbers, 0, 0, 0][:3]
    return major, minor, patch
