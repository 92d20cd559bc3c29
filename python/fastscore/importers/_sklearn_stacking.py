"""scikit-learn's StackingClassifier and StackingRegressor.

What the members predict, side by side and with `passthrough` before the features themselves, are
the features of the final estimator. It was fitted on the numbers of the classes.
"""

from typing import Any

import numpy as np

from fastscore import _core
from fastscore._errors import UnsupportedModelError
from fastscore._options import Options, labels
from fastscore.importers._builder import Builder
from fastscore.importers._flow import Frame, joined, raw, whole
from fastscore.importers._members import Member, carry_on, done, members, start
from fastscore.importers._sklearn_common import check
from fastscore.importers._splice import attach
from fastscore.importers._transform import become_transform, names_out


def import_stacking(estimator: Any, options: Options) -> _core.Model:
    """StackingClassifier, StackingRegressor."""
    name = type(estimator).__name__
    check(estimator, options, "final_estimator_")
    found = None
    if hasattr(estimator, "classes_"):
        if isinstance(estimator.classes_, list):
            raise UnsupportedModelError(
                f"{name}: fitted on several labels a row, which is not supported; fit one a label"
            )
        found = labels(estimator.classes_, name)
    build = start(estimator, estimator.estimators_)
    inner = members(build, estimator.estimators_, name)
    k = 0 if found is None else len(found.values)
    frames = [
        _answer(build, member, method, k)
        for member, method in zip(inner, estimator.stack_method_, strict=True)
    ]
    if estimator.passthrough:
        frames.append(raw(build))
    frame = joined(frames)
    if frame.width == "float32":
        _refuse_narrow(estimator.final_estimator_, name)
    owner = f"{name}: final_estimator"
    parts = attach(build, estimator.final_estimator_, owner=owner, frame=frame)
    final = Member(estimator.final_estimator_, parts, name)
    if found is not None and final.codes(len(found.values)) != list(range(len(found.values))):
        raise UnsupportedModelError(f"{name}: final_estimator_ knows fewer classes than it")
    for part in final.parts:
        carry_on(build, final, part, found)
    if not build.texts:
        become_transform(build, frame.named(names_out(estimator, raw(build), len(frame))), name)
    return done(build, estimator)


def _answer(build: Builder, member: Member, method: str, k: int) -> Frame:
    """Return what a member gives to the final estimator."""
    width = member.part.width
    if method == "predict_proba":
        shares = whole(
            member.probability(), len(member.classes()), missing=False, most=1.0, width=width
        )
        # Of two classes the first column says nothing new.
        return shares.take(range(1, len(shares))) if k == 2 else shares
    if method == "decision_function":
        value = member.decision()
    elif method == "predict":
        value = member.labels(build)
        width = width if member.part.classes is None else "float64"
    else:
        raise UnsupportedModelError(f"{member.owner}: stack_method {method!r} is not supported")
    return whole(value, build.width_of(value), width=width)


def _refuse_narrow(final: Any, name: str) -> None:
    """Refuse linear models on a matrix of float32 numbers: they compute in that width."""
    if getattr(getattr(final, "coef_", None), "dtype", None) == np.float32:
        raise UnsupportedModelError(
            f"{name}: all its estimators predict float32 values, in which its final_estimator_, a "
            f"{type(final).__name__}, then computes; add an estimator that predicts float64, or "
            "use passthrough=True"
        )
