"""scikit-learn's pipelines behind the face of `verify`: the last step gets what the others give."""

import contextlib
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastscore._bounds_transform import is_plain, transform_bound
from fastscore._tabulate import as_matrix
from fastscore.importers._source import version

if TYPE_CHECKING:
    from fastscore._model import Model
    from fastscore._sources import Source


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Run scikit-learn without the warnings that say nothing new here."""
    with warnings.catch_warnings():
        # Our columns are in the source's order; only their names are gone.
        warnings.filterwarnings("ignore", "X does not have valid feature names")
        warnings.filterwarnings("ignore", "Found unknown categories in columns")
        warnings.filterwarnings("ignore", "Skipping features without any observed values")
        yield


class PipelineSource:
    """A Pipeline whose last step predicts; each step runs on one thread."""

    takes_frames = True

    def __init__(self, pipeline: Any, open_source: Callable[[Any, "Model"], "Source"]) -> None:
        from fastscore._import import import_model

        self._pipeline = pipeline
        self._last = pipeline.steps[-1][1]
        self._model = import_model(self._last)
        self._inner = open_source(self._last, self._model)
        self._seen: tuple[Any, Any] | None = None
        self.by_column = takes_columns(pipeline)
        self.name = f"Pipeline (scikit-learn {version('sklearn')})"

    def __getattr__(self, name: str) -> Any:
        # What a source may say of its exactness is what the last step says.
        if name in ("link_ulps", "linear_relative"):
            return getattr(self._inner, name)
        raise AttributeError(name)

    def _handed(self, x: Any) -> Any:
        """Return what the last step gets, dense; NaN where XGBoost gets no entry."""
        if self._seen is None or self._seen[0] is not x:
            with quietly():
                found = x
                for _, step in self._pipeline.steps[:-1]:
                    if step not in (None, "passthrough"):
                        found = step.transform(found)
            if hasattr(found, "toarray"):
                found = _dense(found, type(self._last).__module__.split(".")[0] == "xgboost")
            if not is_plain(found) and not getattr(self._inner, "takes_frames", False):
                found = as_matrix(found, self._model, len(found))
            self._seen = x, found
        return self._seen[1]

    def output(self, output: str, x: Any) -> Any:
        return self._inner.output(output, self._handed(x))

    def classes(self, target: int) -> NDArray[Any]:
        return self._inner.classes(target)

    def class_scores(self, x: Any, target: int) -> NDArray[Any]:
        return self._inner.class_scores(self._handed(x), target)

    def bound(self, output: str, x: Any) -> NDArray[np.float64] | None:
        own = getattr(self._inner, "bound", None)
        return None if own is None else own(output, self._handed(x))

    def transform_bound(self, x: Any) -> NDArray[np.float64] | None:
        with quietly():
            return transform_bound(self._pipeline, x)

    def linear_bound(self, x: Any) -> NDArray[np.float64] | None:
        handed = self._handed(x)
        bound = self._inner.linear_bound(np.asarray(handed) if is_plain(handed) else handed)
        with quietly():
            before = transform_bound(self._pipeline[:-1], x)
        if bound is None or before is None or not hasattr(self._last, "coef_"):
            return bound
        coefficients = np.abs(np.atleast_2d(np.asarray(self._last.coef_, dtype=np.float64)))
        own: NDArray[np.float64] = bound + before @ coefficients.T
        return own


_OF_FRAMES = (
    "ColumnTransformer",
    "OneHotEncoder",
    "OrdinalEncoder",
    "TargetEncoder",
    "SimpleImputer",
    "MissingIndicator",
)


def takes_columns(estimator: Any) -> bool:
    """Whether something in an estimator picks columns by name, or goes by their types."""
    parts = (estimator, *estimator.get_params(deep=True).values())
    return any(type(part).__name__ in _OF_FRAMES for part in parts)


def numbers(table: Any) -> Any:
    """Return what a transformer gives as an array, where it gives a frame."""
    return np.asarray(table, dtype=np.float64) if hasattr(table, "columns") else table


def _dense(matrix: Any, missing: bool) -> NDArray[np.float64]:
    if not missing:
        dense: NDArray[np.float64] = matrix.toarray()
        return dense
    entries = matrix.tocoo()
    out = np.full(matrix.shape, np.nan)
    out[entries.row, entries.col] = entries.data
    return out
