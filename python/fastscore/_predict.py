"""`fastscore.predict`: score any container with any model."""

import os
from typing import Any

from fastscore._containers import kind_of
from fastscore._import import import_model
from fastscore._load import load
from fastscore._model import Model


def predict(
    data: Any,
    model: Any,
    *,
    output: str = "prediction",
    threads: int | None = None,
    missing: str = "source",
) -> Any:
    """Score `data` with `model`; what comes back mirrors what went in.

    Parameters
    ----------
    data
        Polars DataFrame or LazyFrame, pandas DataFrame, pyarrow Table or RecordBatch, any object
        with `__arrow_c_stream__` or `__arrow_c_array__`, 2-D NumPy array, SciPy sparse matrix or
        array, dict of columns, list of dicts, list of lists. n rows.
    model
        A `Model`, the path of a model file, or whatever `import_model` takes. To score more than
        once, import or load the model once.
    output
        `"prediction"`: what the source's own `predict` returns; `"probability"`: one column a
        class, in the order of `classes_`; `"margin"`: the raw score; `"leaf"`: int32 leaf index of
        each tree; `"score"`: what the source's `score_samples` gives; `"transform"`: the columns of
        a model without a predictor.
    threads
        How many workers the call takes; None is `FASTSCORE_THREADS`, else `OMP_NUM_THREADS`, else
        the cores that the process may use.
    missing
        `"source"`: null and NaN are what the source model makes of them; `"propagate"`: a row that
        the source would refuse because of them becomes null (floats NaN; labels and leaf indexes
        object arrays with None).

    Returns
    -------
    The container that came in. NumPy: one value a row is `(n,)`, several are `(n, k)`; float64
    (float32 of models whose source computes in it), int32 for leaves, the dtype of `classes_` for
    labels. Columns are named `prediction`, `probability_<class>`, `margin`, `leaf_<tree>`, `score`,
    and for `"transform"` as the source names them.

    Raises
    ------
    SchemaError
        Columns are missing, ambiguous or of a type that can't be scored.
    MissingValueError, NonFiniteValueError
        Values that the source model refuses.
    ValueError
        An unknown `output`, `missing` or `threads`, an output that the model lacks, an array that
        is not 2-D.
    TypeError
        A container that is not known.

    """
    if isinstance(data, Model):
        raise TypeError(
            "data is a Model: the data come first, fastscore.predict(data, model), or model.predict"
            "(data)"
        )
    return as_model(model).score(data, output=output, threads=threads, missing=missing)


def as_model(model: Any) -> Model:
    """Return a `Model`, loaded or imported if it is not one already."""
    if isinstance(model, Model):
        return model
    if isinstance(model, str | os.PathLike):
        return load(model)
    if is_data(model):
        raise TypeError(
            f"model is a {type(model).__name__}: the data come first, fastscore.predict(data, "
            "model), or model.predict(data)"
        )
    return import_model(model)


def is_data(obj: Any) -> bool:
    """Whether an object is a container that can be scored."""
    if isinstance(obj, list | dict):
        return True
    try:
        kind_of(obj)
    except TypeError:
        return False
    return True
