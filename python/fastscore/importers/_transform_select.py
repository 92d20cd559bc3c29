"""scikit-learn's feature selection: columns that are kept; and its projections."""

from typing import Any

import numpy as np

from fastscore import _core
from fastscore._options import Options
from fastscore.importers._builder import Builder
from fastscore.importers._flow import Frame, numbers, raw, refuse, value_of, whole
from fastscore.importers._sklearn_common import version
from fastscore.importers._splice import attach_whole
from fastscore.importers._transform import (
    become_transform,
    check_fitted,
    finish,
    gives_frames,
    transformed,
    transformer,
)
from fastscore.importers._transform_scale import floats


@transformer(
    "SelectKBest",
    "SelectPercentile",
    "SelectFpr",
    "SelectFdr",
    "SelectFwe",
    "GenericUnivariateSelect",
    "SelectFromModel",
    "SequentialFeatureSelector",
    "VarianceThreshold",
    "RFE",
    "RFECV",
)
def selector(build: Builder, estimator: Any, frame: Frame) -> Frame:
    """Keep the columns of the support."""
    name = type(estimator).__name__
    frame = numbers(build, frame, name)
    if not (_allows_nan(estimator) or gives_frames(estimator, "pandas")):
        frame = refuse(build, frame, name, missing=True, non_finite=True)
    return frame.take(np.flatnonzero(estimator.get_support()).tolist())


def _allows_nan(estimator: Any) -> bool:
    """Whether it looks at no value at all."""
    if version() >= (1, 6, 0):
        from sklearn.utils import get_tags

        return bool(get_tags(estimator).input_tags.allow_nan)
    return bool(estimator._get_tags()["allow_nan"])


def import_elimination(estimator: Any, options: Options) -> _core.Model:
    """RFE and RFECV: they select features, and predict with an estimator of these."""
    name = type(estimator).__name__
    options.allow(f"a scikit-learn {name}", "features")
    check_fitted(estimator)
    names = getattr(estimator, "feature_names_in_", None)
    build = Builder(
        int(estimator.n_features_in_), None if names is None else [str(each) for each in names]
    )
    frame = transformed(build, estimator, raw(build), name)
    notes = None
    if hasattr(estimator, "predict"):
        found = attach_whole(build, estimator.estimator_, owner=name, frame=frame)
        found.become_outputs(build)
        notes = found.notes
    become_transform(build, frame, name)
    return finish(build, estimator, notes=notes)


@transformer("PCA", "IncrementalPCA", "TruncatedSVD")
def projection(build: Builder, estimator: Any, frame: Frame) -> Frame:
    """Project on the components: sums as of a linear model, whose bound is promised."""
    name = type(estimator).__name__
    frame = floats(build, frame, name, missing=True)
    value = value_of(build, frame)
    components = np.asarray(estimator.components_, dtype=np.float64)
    centre = np.zeros(components.shape[1])
    if name != "TruncatedSVD":
        centre = np.asarray(estimator.mean_, dtype=np.float64)
    if version() < (1, 5, 0) and centre.any():
        value = build.link(value, "standardize", shift=centre.tolist(), scale=None)
        centre = np.zeros(components.shape[1])
    prefix = f"projection{len(build.steps)}"
    value = build.add(
        {
            "op": "linear",
            "input": value,
            "coefficients": build.tensor(f"{prefix}.coefficients", components, np.float64),
            "intercept": build.tensor(
                f"{prefix}.intercept", 0.0 - centre @ components.T, np.float64
            ),
        }
    )
    if getattr(estimator, "whiten", False):
        scale = np.sqrt(np.asarray(estimator.explained_variance_, dtype=np.float64))
        if version() >= (1, 5, 0):
            scale = np.maximum(scale, np.finfo(np.float64).eps)
        value = build.link(value, "standardize", shift=None, scale=scale.tolist())
    return whole(value, len(components)).approximate()
