"""scikit-learn's Pipeline, ColumnTransformer and FeatureUnion, nested in any way.

Their parts get the columns that the source gives them; which these are was found when they were
fitted. Data are taken as float64 tables: a step computes as the source does on float64.
"""

from collections.abc import Iterator
from typing import Any

from fastscore import _core
from fastscore._errors import UnsupportedModelError
from fastscore._options import Options
from fastscore.importers._attached import Attached
from fastscore.importers._builder import Builder
from fastscore.importers._flow import Frame, joined, mapped, numbers, raw, value_of
from fastscore.importers._splice import COMPOSED, attach_whole
from fastscore.importers._transform import (
    become_transform,
    check_fitted,
    finish,
    gives_frames,
    transformed,
    transformer,
)


def import_pipeline(pipeline: Any, options: Options) -> _core.Model:
    """Pipeline; make_pipeline."""
    options.allow("a scikit-learn Pipeline", "features")
    steps = _steps(pipeline)
    if not steps:
        raise UnsupportedModelError("Pipeline: all its steps are 'passthrough'; it does nothing")
    start, first = steps[0]
    check_fitted(steps[-1][1])
    count = getattr(first, "n_features_in_", None)
    if count is None:
        _refuse_unknown(first, f"Pipeline step {start!r}")
        raise UnsupportedModelError(
            f"Pipeline: its first step, {type(first).__name__}, does not know how many features it "
            "takes; call fit on the pipeline first"
        )
    names = getattr(first, "feature_names_in_", None)
    build = Builder(int(count), None if names is None else [str(name) for name in names])
    found = _attach_steps(build, steps, raw(build), "")
    if found.parts:
        found.become_outputs(build)
        if len(steps) == 1:
            build.absent = found.absent
        return finish(build, pipeline, leaf=found.leaf, notes=found.notes)
    assert found.transform is not None  # what does not predict transforms
    become_transform(build, found.transform, "Pipeline")
    return finish(build, pipeline)


def _refuse_unknown(step: Any, owner: str) -> None:
    """Refuse a step that can't be imported, fitted or not, for that and what would work."""
    from fastscore._import import _importer

    try:
        _importer(step)(step, Options())
    except UnsupportedModelError as error:
        raise UnsupportedModelError(f"{owner}: {error}") from error


def _attach_steps(
    build: Builder, steps: list[tuple[str, Any]], frame: Frame, owner: str
) -> Attached:
    """Append the steps of a pipeline; returns what the last one gives."""
    prefix = f"{owner}: " if owner else ""
    for name, step in steps[:-1]:
        frame = transformed(build, step, frame, f"{prefix}Pipeline step {name!r}")
    name, last = steps[-1]
    owner = f"{prefix}Pipeline step {name!r}"
    if hasattr(last, "predict"):
        return attach_whole(build, last, owner=owner, frame=frame)
    return Attached(transform=transformed(build, last, frame, owner))


def attach_pipeline(build: Builder, pipeline: Any, frame: Frame, owner: str) -> Attached:
    """Append a pipeline inside another estimator."""
    steps = _steps(pipeline)
    return _attach_steps(build, steps, frame, owner) if steps else Attached(transform=frame)


COMPOSED["Pipeline"] = attach_pipeline


@transformer("Pipeline")
def pipeline_frame(build: Builder, pipeline: Any, frame: Frame) -> Frame:
    """Pipeline: its steps one after another, inside another."""
    for name, step in _steps(pipeline):
        frame = transformed(build, step, frame, f"step {name!r}")
    return frame


def _steps(pipeline: Any) -> list[tuple[str, Any]]:
    """Return the steps that do something."""
    return [(name, step) for name, step in pipeline.steps if not _passes(step)]


def _passes(step: Any) -> bool:
    return step is None or (isinstance(step, str) and step == "passthrough")


@transformer("ColumnTransformer")
def column_transformer(build: Builder, estimator: Any, frame: Frame) -> Frame:
    """ColumnTransformer; make_column_transformer."""
    weights = estimator.transformer_weights or {}
    parts = [
        _weighted(
            build,
            transformed(build, each, frame.take(columns), f"transformer {name!r}"),
            weights.get(name),
            name,
        )
        for name, each, columns in _column_parts(estimator)
    ]
    return joined(parts, sparse=bool(estimator.sparse_output_), apart=gives_frames(estimator))


def _column_parts(estimator: Any) -> Iterator[tuple[str, Any, list[int]]]:
    columns = estimator._transformer_to_input_indices
    for name, each, _ in estimator.transformers_:
        if not (isinstance(each, str) and each == "drop") and len(columns[name]):
            yield name, each, [int(column) for column in columns[name]]


@transformer("FeatureUnion")
def feature_union(build: Builder, estimator: Any, frame: Frame) -> Frame:
    """FeatureUnion; make_union."""
    weights = estimator.transformer_weights or {}
    parts = [
        _weighted(
            build,
            transformed(build, each, frame, f"transformer {name!r}"),
            weights.get(name),
            name,
        )
        for name, each in estimator.transformer_list
        if not (isinstance(each, str) and each == "drop")
    ]
    sparse = any(part.sparse for part in parts)
    return joined(parts, sparse=sparse, apart=gives_frames(estimator))


def _weighted(build: Builder, frame: Frame, weight: float | None, name: str) -> Frame:
    if weight is None or not len(frame):
        return frame
    own = numbers(build, frame, f"the weight of {name!r}")
    value = build.link(value_of(build, own), "multiply", by=float(weight))
    largest = max(column.most for column in own.columns)
    return mapped(own, value, most=abs(float(weight)) * largest)
