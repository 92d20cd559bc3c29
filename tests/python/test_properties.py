"""Random small models and awkward values: equal to the source, bit for bit."""

import fastscore
import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from support import awkward_rows, lightgbm_splits, same_bits, sklearn_splits, source_runs, ulps

SETTINGS = settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
SEEDS = st.integers(0, 2**32 - 1)
SCALES = st.sampled_from([1e-300, 1e-38, 1e-35, 1e-10, 1.0, 1e6, 1e30])


def sample(seed, scale, rows, columns, *, holes, levels):
    """Values on a grid of a few levels or all distinct, some zero, some missing."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, columns))
    if levels:
        x = np.round(x * levels) / levels
    x *= scale
    x[rng.random(x.shape) < 0.15] = 0.0
    x[rng.random(x.shape) < 0.05] = -0.0
    target = x[:, 0] / scale + np.abs(x[:, -1]) / scale + 0.1 * rng.normal(size=rows)
    if holes:
        x[rng.random(x.shape) < 0.2] = np.nan
    return x, target, rng


@SETTINGS
@given(
    seed=SEEDS,
    scale=SCALES,
    rows=st.integers(20, 200),
    columns=st.integers(1, 5),
    holes=st.booleans(),
    levels=st.sampled_from([0, 1, 3]),
    missing=st.sampled_from([{}, {"zero_as_missing": True}, {"use_missing": False}]),
    objective=st.sampled_from(["regression", "binary", "multiclass", "poisson"]),
    boosting=st.sampled_from(["gbdt", "dart", "rf"]),
    leaves=st.integers(2, 20),
    rounds=st.integers(1, 8),
)
def test_lightgbm(
    seed, scale, rows, columns, holes, levels, missing, objective, boosting, leaves, rounds
):
    x, y, rng = sample(seed, scale, rows, columns, holes=holes, levels=levels)
    if objective == "binary":
        y = (y > np.median(y)).astype(float)
    elif objective == "multiclass":
        y = rng.integers(0, 3, rows).astype(float)
    elif objective == "poisson":
        y = np.abs(y)
    parameters = {
        "objective": objective,
        "boosting": boosting,
        "num_leaves": leaves,
        "min_data_in_leaf": 1,
        "min_data_in_bin": 1,
        "verbose": -1,
        "num_threads": 1,
        "seed": 1,
        "bagging_freq": 1,
        "bagging_fraction": 0.7,
        **missing,
    }
    if objective == "multiclass":
        parameters["num_class"] = 3
    booster = lgb.train(parameters, lgb.Dataset(x, y), rounds)
    model = fastscore.import_model(booster)
    extra = (np.nan, np.inf, -np.inf, scale, -scale)
    points = awkward_rows(x, lightgbm_splits(booster), rng, 400, extra)
    same_bits(model.margin(points), booster.predict(points, raw_score=True, num_threads=1))
    leaves_of = np.asarray(booster.predict(points, pred_leaf=True, num_threads=1))
    same_bits(model.leaf_index(points), leaves_of.reshape(len(points), -1).astype(np.int32))
    assert ulps(model.predict(points), booster.predict(points, num_threads=1)).max() <= 2
    assert fastscore.Model(fastscore._core.Model.from_bytes(model._core.to_bytes())) == model


@SETTINGS
@given(
    seed=SEEDS,
    scale=st.sampled_from([1e-30, 1e-10, 1.0, 1e6, 1e30]),
    rows=st.integers(5, 150),
    columns=st.integers(1, 5),
    holes=st.booleans(),
    levels=st.sampled_from([0, 1, 3]),
    kind=st.sampled_from(
        [
            DecisionTreeClassifier,
            DecisionTreeRegressor,
            RandomForestClassifier,
            RandomForestRegressor,
        ]
    ),
    outputs=st.integers(1, 3),
    depth=st.sampled_from([1, 2, 4, None]),
    splitter=st.sampled_from(["best", "random"]),
)
def test_sklearn_trees(seed, scale, rows, columns, holes, levels, kind, outputs, depth, splitter):
    x, y, rng = sample(seed, scale, rows, columns, holes=holes, levels=levels)
    y = np.stack([np.roll(y, j) for j in range(outputs)], axis=1)
    classifier = "Classifier" in kind.__name__
    if classifier:
        y = np.floor(y).astype(int)
    parameters = {"max_depth": depth, "random_state": 0}
    parameters |= {"n_estimators": 5} if "Forest" in kind.__name__ else {"splitter": splitter}
    estimator = kind(**parameters).fit(x, y[:, 0] if outputs == 1 else y)
    model = fastscore.import_model(estimator)
    points = awkward_rows(x, sklearn_splits(estimator), rng, 300, (np.nan, scale, -scale))
    points[0, 0] = np.nan
    with source_runs():
        if not model.features[0].may_be_missing:
            with pytest.raises(ValueError, match="NaN"):
                estimator.predict(points)
            points = np.nan_to_num(points, nan=scale)
        values, leaves = estimator.predict(points), estimator.apply(points)
        shares = estimator.predict_proba(points) if classifier else []
    same_bits(model.predict(points), values)
    same_bits(model.leaf_index(points), leaves.reshape(len(points), -1).astype(np.int32))
    if classifier:
        ours = model.predict_proba(points)
        pairs = [(ours, shares)] if outputs == 1 else zip(ours, shares, strict=True)
        for a, b in pairs:
            same_bits(a, np.ascontiguousarray(b))


@SETTINGS
@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
@given(
    seed=SEEDS,
    scale=st.sampled_from([1e-10, 1.0, 1e6]),
    rows=st.integers(12, 100),
    columns=st.integers(1, 20),
    classes=st.sampled_from([0, 2, 3, 4]),
)
def test_linear(seed, scale, rows, columns, classes):
    x, y, rng = sample(seed, scale, rows, columns, holes=False, levels=0)
    if classes:
        y = rng.integers(0, classes, rows)
        y[:classes] = range(classes)
    estimator = (LogisticRegression(max_iter=20, tol=1) if classes else Ridge()).fit(x, y)
    model = fastscore.import_model(estimator)
    points = np.concatenate(
        [x, -x, x * 1e-20, np.zeros((1, columns)), rng.normal(size=x.shape) * 1e3]
    )
    assert model.verify(points).ok


@SETTINGS
@given(
    seed=SEEDS,
    rows=st.integers(0, 700),
    pick=st.sampled_from(["forest labels", "booster", "linear"]),
)
def test_any_batch_and_container(models, frame, seed, rows, pick):
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    rng = np.random.default_rng(seed)
    model = models[pick]
    part = frame.iloc[rng.integers(0, len(frame), rows)]
    expected = model.predict(part.to_numpy(), threads=1)
    cut = int(rng.integers(0, rows + 1))
    chunked = pl.concat([pl.DataFrame(part[:cut]), pl.DataFrame(part[cut:])], rechunk=False)
    table = pa.Table.from_pandas(part, preserve_index=False)
    for data in (part, chunked, table, part.to_dict("list"), np.asfortranarray(part.to_numpy())):
        found = model.predict(data, threads=int(rng.integers(1, 5)))
        found = found["prediction"] if isinstance(found, dict) else found
        np.testing.assert_array_equal(np.asarray(found), expected)
    halves = [model.predict(half) for half in (part[:cut], part[cut:])]
    np.testing.assert_array_equal(pd.concat(halves).to_numpy(), expected)
