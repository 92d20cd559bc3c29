"""Scores as Polars expressions: lazy, streaming, without the GIL.

>>> import fastscore.polars as fp
>>> df.with_columns(pl.col("a", "b", "c").fastscore.predict(model))  # a new column `prediction`
>>> lf.select(fp.predict_proba(model))  # over the model's own columns: only those are read
>>> df.fastscore.predict(model), lf.fastscore.predict(model)  # as fastscore.predict

`import fastscore` registers the namespace `fastscore` once Polars is imported.
"""

import itertools
import re
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import polars as pl
from polars import selectors as cs
from polars.plugins import register_plugin_function

from fastscore import _core
from fastscore._model import Model
from fastscore._predict import as_model
from fastscore._predict import predict as _predict
from fastscore._score import check_missing, check_output

__all__ = [
    "leaf_index",
    "margin",
    "predict",
    "predict_proba",
    "score_samples",
    "transform",
]

_PLUGIN = Path(_core.__file__)
_MOST_BUILT = 8
_BUILT: WeakKeyDictionary[_core.Model, OrderedDict[Any, pl.Expr]] = WeakKeyDictionary()
"""Expressions of each model: to build one copies the model, which takes milliseconds in some
versions of Polars, and code that scores a row at a time builds it for each."""


def predict(model: Any, *inputs: Any, missing: str = "source") -> pl.Expr:
    """Return what the source's own `predict` does, as a column `prediction`.

    Parameters
    ----------
    model
        A `Model`, the path of a model file, or whatever `import_model` takes. The expression
        carries it: no query needs the object again, and a plan runs in another process.
    inputs
        Expressions, selectors or column names, matched by name in any order; a struct stands for
        its fields, a literal for a column. None: exactly the model's own columns, so that only
        those are read from a file. A model without feature names takes columns by position, all of
        the frame where none are given.
    missing
        As of `fastscore.predict`.

    A missing column, or one of a type that can't be scored, is an error of `collect_schema()`.

    """
    return _expression(model, inputs, "prediction", missing)


def predict_proba(model: Any, *inputs: Any, missing: str = "source") -> pl.Expr:
    """Return a struct `probability`, one field a class; parameters as of `predict`."""
    return _expression(model, inputs, "probability", missing)


def margin(model: Any, *inputs: Any, missing: str = "source") -> pl.Expr:
    """Return the raw score before the link, `margin`; a struct where there are several."""
    return _expression(model, inputs, "margin", missing)


def leaf_index(model: Any, *inputs: Any, missing: str = "source") -> pl.Expr:
    """Return a struct `leaf`: the leaf index of each tree."""
    return _expression(model, inputs, "leaf", missing)


def score_samples(model: Any, *inputs: Any, missing: str = "source") -> pl.Expr:
    """Return what the source's `score_samples` does, as a column `score`."""
    return _expression(model, inputs, "score", missing)


def transform(model: Any, *inputs: Any, missing: str = "source") -> pl.Expr:
    """Return a struct `transform`: the output of a model without a predictor."""
    return _expression(model, inputs, "transform", missing)


def _expression(model: Any, inputs: tuple[Any, ...], output: str, missing: str) -> pl.Expr:
    if isinstance(model, pl.Expr) or any(isinstance(each, Model) for each in inputs):
        raise TypeError(
            "the model comes first, then the columns: fastscore.polars.predict(model, 'a', 'b'), "
            "or pl.col('a', 'b').fastscore.predict(model)"
        )
    model = as_model(model)
    check_output(output, model.outputs)
    check_missing(missing)
    return expression(model._core, inputs, output, missing)


def expression(
    core: _core.Model,
    inputs: Sequence[Any],
    output: str,
    missing: str,
    threads: int | None = None,
) -> pl.Expr:
    """Build the expression of any output; `threads`: how many a call may take at most."""
    built = _BUILT.setdefault(core, OrderedDict())
    selected = _key(inputs)
    if selected is None:
        return _build(core, inputs, output, missing, threads)
    key = (*selected, output, missing, threads)
    found = built.get(key)
    if found is None:
        found = built[key] = _build(core, inputs, output, missing, threads)
        if len(built) > _MOST_BUILT:
            built.popitem(last=False)
    return found


def _key(inputs: Sequence[Any]) -> tuple[str | bytes, ...] | None:
    """Tell names and selections of columns apart from others of them; None for what computes."""
    key: list[str | bytes] = []
    for one in inputs:
        if isinstance(one, str):
            key.append(one)
        elif isinstance(one, pl.Expr) and one.meta.is_column_selection():
            key.append(one.meta.serialize())
        else:
            return None
    return tuple(key)


def _build(
    core: _core.Model, inputs: Sequence[Any], output: str, missing: str, threads: int | None
) -> pl.Expr:
    return register_plugin_function(
        plugin_path=_PLUGIN,
        function_name="score",
        args=list(inputs) or [own_columns(core)],
        kwargs=core.polars_arguments(output, missing, threads),
        is_elementwise=True,
        # `pl.col("a", "b")`, `pl.all()` and selectors are several inputs of one call.
        input_wildcard_expansion=True,
        # Columns are bound by their names inside of a `group_by` too.
        pass_name_to_apply=True,
    ).alias(output)


def own_columns(core: _core.Model) -> Any:
    """Select the model's columns that a frame has; what is missing is found by the plugin."""
    names = core.feature_names
    if names is None:
        return pl.all()
    spaced = [name for name in names if "_" in name] if core.rewrites_names else []
    if hasattr(cs, "Selector"):
        columns = cs.by_name(*names, require_all=False)
        return columns | cs.matches(f"^{_any_of(spaced, _SPACED)}$") if spaced else columns
    # There `by_name` is a pattern, too, which takes twice as long.
    return cs.matches(f"^{_any_of(names, _SPACED if spaced else '_')}$")


_SPACED = r"[\s_]"
_DEEPEST = 16


def _any_of(names: Sequence[str], underscore: str, depth: int = 0) -> str:
    """Return a regular expression of names, with another one for `_`.

    What several begin with is there once: Polars compiles it for each query, in a time that grows
    with its length.
    """
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(name[:1], []).append(name)
    parts = []
    for group in groups.values():
        if len(group) == 1 or depth == _DEEPEST:
            parts += [_escaped(name, underscore) for name in group]
            continue
        # What the first and the last in order begin with, all do.
        pairs = zip(min(group), max(group), strict=False)
        head = "".join(a for a, _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
        tails = [name[len(head) :] for name in group]
        parts.append(_escaped(head, underscore) + _any_of(tails, underscore, depth + 1))
    return f"(?:{'|'.join(parts)})"


def _escaped(name: str, underscore: str) -> str:
    return re.sub(r"([\\.+*?()|\[\]{}^$#&\-~])", r"\\\1", name).replace("_", underscore)


@pl.api.register_expr_namespace("fastscore")
class ExprNamespace:
    """`pl.col("a", "b").fastscore`: scores of these columns, matched by name in any order."""

    def __init__(self, expr: pl.Expr) -> None:
        self._expr = expr

    def predict(self, model: Any, *, missing: str = "source") -> pl.Expr:
        """As `fastscore.polars.predict` of this expression's columns."""
        return predict(model, self._expr, missing=missing)

    def predict_proba(self, model: Any, *, missing: str = "source") -> pl.Expr:
        """As `fastscore.polars.predict_proba` of this expression's columns."""
        return predict_proba(model, self._expr, missing=missing)

    def margin(self, model: Any, *, missing: str = "source") -> pl.Expr:
        """As `fastscore.polars.margin` of this expression's columns."""
        return margin(model, self._expr, missing=missing)

    def leaf_index(self, model: Any, *, missing: str = "source") -> pl.Expr:
        """As `fastscore.polars.leaf_index` of this expression's columns."""
        return leaf_index(model, self._expr, missing=missing)

    def score_samples(self, model: Any, *, missing: str = "source") -> pl.Expr:
        """As `fastscore.polars.score_samples` of this expression's columns."""
        return score_samples(model, self._expr, missing=missing)

    def transform(self, model: Any, *, missing: str = "source") -> pl.Expr:
        """As `fastscore.polars.transform` of this expression's columns."""
        return transform(model, self._expr, missing=missing)


class _FrameNamespace:
    """`frame.fastscore`: what `fastscore.predict` and the methods of `Model` give of a frame."""

    def __init__(self, frame: Any) -> None:
        self._frame = frame

    def _score(self, model: Any, output: str, threads: int | None, missing: str) -> Any:
        return _predict(self._frame, model, output=output, threads=threads, missing=missing)

    def predict(self, model: Any, *, threads: int | None = None, missing: str = "source") -> Any:
        """As `fastscore.predict(frame, model)`."""
        return self._score(model, "prediction", threads, missing)

    def predict_proba(
        self, model: Any, *, threads: int | None = None, missing: str = "source"
    ) -> Any:
        """As `model.predict_proba(frame)`."""
        return self._score(model, "probability", threads, missing)

    def margin(self, model: Any, *, threads: int | None = None, missing: str = "source") -> Any:
        """As `model.margin(frame)`."""
        return self._score(model, "margin", threads, missing)

    def leaf_index(self, model: Any, *, threads: int | None = None, missing: str = "source") -> Any:
        """As `model.leaf_index(frame)`."""
        return self._score(model, "leaf", threads, missing)

    def score_samples(
        self, model: Any, *, threads: int | None = None, missing: str = "source"
    ) -> Any:
        """As `model.score_samples(frame)`."""
        return self._score(model, "score", threads, missing)

    def transform(self, model: Any, *, threads: int | None = None, missing: str = "source") -> Any:
        """As `model.transform(frame)`."""
        return as_model(model).transform(self._frame, threads=threads, missing=missing)


@pl.api.register_dataframe_namespace("fastscore")
class DataFrameNamespace(_FrameNamespace):
    """`df.fastscore`: a Series, or a DataFrame of several outputs."""


@pl.api.register_lazyframe_namespace("fastscore")
class LazyFrameNamespace(_FrameNamespace):
    """`lf.fastscore`: a LazyFrame of the outputs."""
