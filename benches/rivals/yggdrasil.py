"""YDF, which takes scikit-learn's forests and trees."""

from __future__ import annotations

from typing import Any

from cases import Case

from rivals.base import Engine, Ready, float32


def prepare(case: Case, threads: int) -> Ready:
    import ydf

    model = ydf.from_sklearn(case.model, feature_name="features")

    def score(x: Any) -> Any:
        scores = model.predict(x, num_threads=threads)
        return -scores if case.family == "isolation" else scores

    def dataset(x: Any) -> Any:
        columns = {"features": float32(x)}
        return ydf.create_vertical_dataset(
            columns, data_spec=model.data_spec(), required_columns=["features"]
        )

    return Ready(score, dataset)


ENGINES = [Engine("YDF", "ydf", frozenset({"forest", "isolation", "tree"}), prepare)]
