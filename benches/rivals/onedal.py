"""oneDAL, by the model builders of daal4py; scikit-learn's trees by way of treelite."""

from __future__ import annotations

from typing import Any

import numpy as np
from cases import Case

from rivals.base import Engine, Ready, UnableError, as_source_reads

MOST_NODES = 3_000_000
FAMILIES = frozenset(
    {"lightgbm", "xgboost", "catboost", "hist", "boosting", "forest", "isolation", "tree", "linear"}
)


def prepare(case: Case, threads: int) -> Ready:
    import daal4py
    from daal4py import mb

    daal4py.daalinit(threads)

    def convert(x: Any) -> Any:
        return as_source_reads(case, x)

    if case.family in {"lightgbm", "xgboost", "catboost", "linear"}:
        if case.name == "LinearRegression":
            raise UnableError("has no builder for linear regression")
        model = mb.convert_model(case.model)
    else:
        from rivals.compilers import treelite_model

        model = mb.convert_model(treelite_model(case))
    if case.family == "isolation":
        from sklearn.ensemble._iforest import _average_path_length

        source = case.model
        usual = float(_average_path_length([source.max_samples_])[0])

        def score(x: Any) -> Any:
            return -np.exp2(model.predict(x) / -usual)

        return Ready(score, convert)
    # A forest of classifiers becomes a regression on the probability of the second class.
    if case.output in {"margin", "probability"} and case.family != "forest":
        return Ready(model.predict_proba, convert, probabilities=True)
    return Ready(model.predict, convert)


ENGINES = [Engine("oneDAL", "scikit-learn-intelex", FAMILIES, prepare)]
