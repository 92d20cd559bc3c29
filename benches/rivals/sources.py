"""The libraries that trained the models; their results are what everybody's are compared with."""

from __future__ import annotations

from typing import Any

from cases import Case

from rivals.base import Engine, Ready

METHODS = {
    "prediction": "predict",
    "probability": "predict_proba",
    "margin": "decision_function",
    "score": "score_samples",
}


def lightgbm(case: Case, threads: int) -> Ready:
    model = case.model
    return Ready(lambda x: model.predict(x, raw_score=True, num_threads=threads))


def xgboost_inplace(case: Case, threads: int) -> Ready:
    model = case.model
    model.set_param({"nthread": threads})
    return Ready(lambda x: model.inplace_predict(x, predict_type="margin"))


def xgboost_matrix(case: Case, threads: int) -> Ready:
    import xgboost

    model = case.model
    model.set_param({"nthread": threads})

    def score(x: Any) -> Any:
        # It keeps what it predicted for a DMatrix, and would only copy that.
        model.reset()
        return model.predict(x, output_margin=True)

    return Ready(score, lambda x: xgboost.DMatrix(x, nthread=threads))


def catboost(case: Case, threads: int) -> Ready:
    model = case.model
    return Ready(lambda x: model.predict(x, "RawFormulaVal", thread_count=threads))


def catboost_pool(case: Case, threads: int) -> Ready:
    import catboost as library

    model = case.model
    # A pool keeps raw floats until it is quantized; scored as it is, as users do.
    return Ready(lambda x: model.predict(x, "RawFormulaVal", thread_count=threads), library.Pool)


def scikit_learn(case: Case, threads: int) -> Ready:
    from threadpoolctl import ThreadpoolController

    model = case.model
    if hasattr(model, "n_jobs"):
        model.set_params(n_jobs=threads)
    # For good: the process measures this engine only.
    ThreadpoolController().limit(limits=threads)
    method: Any = getattr(model, METHODS[case.output])
    return Ready(method)


def keras(case: Case, threads: int) -> Ready:
    model = case.model
    return Ready(lambda x: model.predict(x, batch_size=8192, verbose=0))


def tensorflow_function(case: Case, threads: int) -> Ready:
    """The model as a compiled graph, all rows at once."""
    import tensorflow

    model = case.model

    graph = tensorflow.function(model, reduce_retracing=True)
    return Ready(lambda x: graph(x, training=False).numpy())


SKLEARN = frozenset({"hist", "boosting", "forest", "isolation", "tree", "linear", "pipeline"})
SOURCES = [
    Engine("LightGBM", "lightgbm", frozenset({"lightgbm"}), lightgbm),
    Engine("XGBoost, in place", "xgboost-cpu", frozenset({"xgboost"}), xgboost_inplace),
    Engine("CatBoost", "catboost", frozenset({"catboost"}), catboost),
    Engine("scikit-learn", "scikit-learn", SKLEARN, scikit_learn),
    Engine("Keras", "keras", frozenset({"network"}), keras),
]
ENGINES = [
    *SOURCES,
    Engine("XGBoost, ready DMatrix", "xgboost-cpu", frozenset({"xgboost"}), xgboost_matrix),
    Engine("TensorFlow", "tensorflow-cpu", frozenset({"network"}), tensorflow_function),
    Engine("CatBoost, ready Pool", "catboost", frozenset({"catboost"}), catboost_pool),
]
