"""fastscore: every vector width, from NumPy rows and from Arrow columns, one thread and two."""

from __future__ import annotations

from typing import Any

from cases import Case

from rivals.base import ALL, Engine, Ready

METHODS = {
    "margin": "margin",
    "probability": "predict_proba",
    "prediction": "predict",
    "score": "score_samples",
}


def prepare(case: Case, threads: int) -> Ready:
    import fastscore

    model = fastscore.import_model(case.model)
    method = getattr(model, METHODS[case.output], None)
    if method is None:
        return Ready(lambda x: fastscore.predict(x, model, output=case.output, threads=threads))
    return Ready(lambda x: method(x, threads=threads))


def prepare_arrow(case: Case, threads: int) -> Ready:
    import fastscore
    import numpy as np
    import pyarrow as pa

    model = fastscore.import_model(case.model)

    def table(x: Any) -> pa.Table:
        if case.family == "pipeline":
            return pa.Table.from_pandas(x, preserve_index=False)
        names = [f"Column_{i}" for i in range(x.shape[1])]
        return pa.table({name: np.ascontiguousarray(x[:, i]) for i, name in enumerate(names)})

    return Ready(lambda x: fastscore.predict(x, model, output=case.output, threads=threads), table)


def ours(name: str, **more: Any) -> Engine:
    return Engine(name, "fastscore", ALL, **{"prepare": prepare, **more})


ONE_ROW = {"1 row": "one row has no second thread"}
ENGINES = [
    ours("fastscore"),
    ours("fastscore, AVX2", environment={"FASTSCORE_SIMD": "avx2"}),
    ours("fastscore, portable", environment={"FASTSCORE_SIMD": "portable"}),
    ours("fastscore, Arrow", prepare=prepare_arrow),
    ours("fastscore, 2 threads", threads=2, without=ONE_ROW),
]
