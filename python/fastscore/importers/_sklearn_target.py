"""scikit-learn's TransformedTargetRegressor: a regressor, and the inverse of a transformation."""

from typing import Any

from fastscore import _core
from fastscore._errors import UnsupportedModelError
from fastscore._options import Options
from fastscore.importers._members import done, members, side_by_side, start
from fastscore.importers._sklearn_common import check
from fastscore.importers._sklearn_inverse import inverse


def import_target(estimator: Any, options: Options) -> _core.Model:
    """TransformedTargetRegressor."""
    name = "TransformedTargetRegressor"
    check(estimator, options, "regressor_")
    build = start(estimator, [estimator.regressor_])
    (member,) = members(build, [estimator.regressor_], name)
    if any(part.classes is not None for part in member.parts):
        raise UnsupportedModelError(f"{name}: its regressor is a classifier")
    value = side_by_side(build, [part.prediction() for part in member.parts])
    value = inverse(build, value, estimator.transformer_, narrow=member.narrow, owner=name)
    build.target(margin=value, rule="value", value=value)
    build.output_width = "float32" if member.narrow else None
    return done(build, estimator)
