"""treelite's interpreter, TL2cgen (C code, compiled by gcc) and lleaves (LLVM; LightGBM only)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cases import Case

from rivals.base import Engine, Ready, UnableError, as_source_reads, cached

FAMILIES = frozenset({"lightgbm", "xgboost", "hist", "boosting", "forest", "isolation", "tree"})
MOST_NODES = 300_000
"""More of them are megabytes of C code, which gcc needs many minutes for."""


def treelite_model(case: Case) -> Any:
    import treelite

    model = case.model
    if case.family == "lightgbm":
        return treelite.frontend.from_lightgbm(model)
    if case.family == "xgboost":
        return treelite.frontend.from_xgboost(model)
    if case.family == "tree":
        # treelite takes no single tree: a forest of one.
        from sklearn.ensemble import RandomForestRegressor

        forest = RandomForestRegressor(1)
        forest.estimators_ = [model]
        forest.n_features_in_, forest.n_outputs_ = model.n_features_in_, model.n_outputs_
        model = forest
    return treelite.sklearn.import_model(model)


def treelite(case: Case, threads: int) -> Ready:
    from treelite import gtil

    model = treelite_model(case)
    margin = case.output == "margin"

    def score(x: Any) -> Any:
        scores = gtil.predict(model, x, nthread=threads, pred_margin=margin)
        return -scores if case.family == "isolation" else scores

    return Ready(score, lambda x: as_source_reads(case, x))


class OldNumPy:
    """NumPy with the meaning of `copy=False` that TL2cgen expects: copy where needed."""

    def __getattr__(self, name: str) -> Any:
        import numpy

        return getattr(numpy, name)

    def array(self, *arguments: Any, copy: bool = True, **more: Any) -> Any:
        import numpy

        return numpy.array(*arguments, copy=copy or None, **more)


def tl2cgen(case: Case, threads: int) -> Ready:
    import tl2cgen as library

    library.data.np = OldNumPy()
    library.predictor.np = OldNumPy()
    model = treelite_model(case)
    nodes = sum(model.get_tree_accessor(i).get_field("num_nodes")[0] for i in range(model.num_tree))
    if nodes > MOST_NODES:
        raise UnableError(f"{nodes} nodes: gcc would need too long (more than {MOST_NODES})")

    def build(path: Path) -> None:
        options = {"parallel_comp": 64}
        library.export_lib(
            model, toolchain="gcc", libpath=str(path), params=options, nthread=2, verbose=False
        )

    path, built = cached(case, ".tl2cgen.so", build)
    predictor = library.Predictor(str(path), nthread=threads)
    # The type of the thresholds; another one is refused.
    kind = model.input_type
    margin = case.output == "margin"

    def score(x: Any) -> Any:
        scores = predictor.predict(x, pred_margin=margin)
        return -scores if case.family == "isolation" else scores

    return Ready(
        score, lambda x: library.DMatrix(as_source_reads(case, x), dtype=kind), built=built
    )


def lleaves(case: Case, threads: int) -> Ready:
    import lleaves as library

    text = case.file(".lightgbm.txt")
    case.model.save_model(text)
    model = library.Model(model_file=text)
    path, built = cached(case, ".lleaves.o", lambda path: model.compile(cache=path, raw_score=True))
    if built:
        model.compile(cache=path, raw_score=True)
    return Ready(lambda x: model.predict(x, n_jobs=threads), built=built)


ENGINES = [
    Engine("lleaves", "lleaves", frozenset({"lightgbm"}), lleaves),
    Engine("TL2cgen", "tl2cgen", FAMILIES, tl2cgen),
    Engine("treelite", "treelite", FAMILIES, treelite),
]
