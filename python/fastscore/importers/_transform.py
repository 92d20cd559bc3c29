"""Transformers: which function reads which, and how one becomes steps of a pipeline.

A function takes the builder, the fitted transformer and the frame that it gets; it appends steps
and guards and returns the frame that the transformer gives. Families of transformers register
theirs in `TRANSFORMERS`; everything else that can be imported and has a transform works by itself.
"""

from collections.abc import Callable
from typing import Any

from fastscore import _core
from fastscore._errors import UnsupportedModelError
from fastscore._options import Options
from fastscore.importers import _source
from fastscore.importers._builder import Builder
from fastscore.importers._flow import Frame, numbers, raw, shown, value_of
from fastscore.importers._splice import attach_whole

Transformer = Callable[[Builder, Any, Frame], Frame]

TRANSFORMERS: dict[str, Transformer] = {}
"""By the name of scikit-learn's class."""


def transformer(*names: str) -> Callable[[Transformer], Transformer]:
    """Register a function for these classes."""

    def put(function: Transformer) -> Transformer:
        TRANSFORMERS.update(dict.fromkeys(names, function))
        return function

    return put


def transformed(build: Builder, estimator: Any, frame: Frame, owner: str) -> Frame:
    """Append a transformer's steps; returns the frame that it gives."""
    if estimator is None or (isinstance(estimator, str) and estimator == "passthrough"):
        return frame
    kind = type(estimator)
    name = kind.__name__
    if kind.__module__.split(".")[0] != "sklearn" or name not in TRANSFORMERS:
        found = attach_whole(build, estimator, owner=owner, frame=frame).transform
        if found is None:
            raise UnsupportedModelError(
                f"{owner}: {name} has no transform that can be imported; only the last step of a "
                "pipeline may be a predictor"
            )
        return found.approximate()
    count = getattr(estimator, "n_features_in_", None)
    if count is not None and count != len(frame):
        raise UnsupportedModelError(
            f"{owner}: {name} was fitted on {count} features, but gets {len(frame)}"
        )
    try:
        out = TRANSFORMERS[name](build, estimator, frame)
    except UnsupportedModelError as error:
        raise UnsupportedModelError(f"{owner}: {error}") from error
    return out.named(names_out(estimator, frame, len(out)))


def names_out(estimator: Any, frame: Frame, count: int) -> list[str] | None:
    """Return what the source calls the columns that a transformer gives, where it has names."""
    given = None if hasattr(estimator, "feature_names_in_") else frame.names
    try:
        names = [str(name) for name in estimator.get_feature_names_out(given)]
    except (AttributeError, ValueError, TypeError, NotImplementedError):
        return None
    return names if len(names) == count and len(set(names)) == count else None


def gives_frames(estimator: Any, kind: str | None = None) -> bool:
    """Whether it gives a frame (of that kind), whose columns keep types of their own."""
    from sklearn.utils._set_output import _get_output_config

    given = str(_get_output_config("transform", estimator)["dense"])
    return given != "default" if kind is None else given == kind


def check_fitted(estimator: Any) -> None:
    """Refuse what is not fitted."""
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(estimator)
    except NotFittedError:
        raise UnsupportedModelError(
            f"{type(estimator).__name__} is not fitted; call fit first"
        ) from None


def become_transform(build: Builder, frame: Frame, owner: str) -> None:
    """Make a frame the output of the model."""
    if not len(frame):
        raise UnsupportedModelError(f"{owner} gives no columns at all; there is nothing to score")
    for column in frame.columns:
        if column.kind == "text":
            raise UnsupportedModelError(
                f"{owner} gives text, in {shown(build, column)}; only numbers can be given: drop "
                "the column or encode it"
            )
    value = value_of(build, numbers(build, frame, owner))
    if value == 0:
        value = build.columns(0, range(build.n_features))
    if frame.sparse and any(column.most != 1.0 for column in frame.columns):
        # Zeros that a sparse matrix does not hold are positive.
        value = build.link(value, "add", value=0.0)
    names = frame.names
    if names is None or len(set(names)) < len(names):
        names = [str(i) for i in range(len(frame))]
    build.transform = {"value": value, "names": build.strings("transform.names", names)}


def import_transformer(estimator: Any, options: Options) -> _core.Model:
    """Any transformer alone: a model with the output `transform`."""
    name = type(estimator).__name__
    options.allow(f"a scikit-learn {name}", "features")
    check_fitted(estimator)
    count = getattr(estimator, "n_features_in_", None)
    if count is None:
        raise UnsupportedModelError(
            f"{name} does not know how many features it takes, as it was never fitted; call fit "
            "on data first"
        )
    names = getattr(estimator, "feature_names_in_", None)
    build = Builder(int(count), None if names is None else [str(name) for name in names])
    frame = raw(build)
    become_transform(build, transformed(build, estimator, frame, name), name)
    return finish(build, estimator)


def finish(
    build: Builder, estimator: Any, *, leaf: int | None = None, notes: list[str] | None = None
) -> _core.Model:
    """Return the validated model of a pipeline, whose guards say what is refused."""
    source = _source.describe(estimator, "scikit-learn", notes)
    if outline(estimator) != type(estimator).__name__:
        source["parameters"] = {"steps": outline(estimator)}
    return build.build(
        source=source,
        missing=True,
        non_finite=True,
        width="float64",
        leaf=leaf,
    )


def outline(estimator: Any) -> str:
    """Return the classes of a composition's parts, in one line."""
    if estimator is None or isinstance(estimator, str):
        return str(estimator)
    name = type(estimator).__name__
    if name == "Pipeline":
        return " > ".join(outline(step) for _, step in estimator.steps)
    if name in ("ColumnTransformer", "FeatureUnion"):
        parts = getattr(estimator, "transformers_", None) or estimator.transformer_list
        return f"{name}({', '.join(f'{part[0]}: {outline(part[1])}' for part in parts)})"
    return name
