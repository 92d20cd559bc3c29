"""XGBoost's Boosters against XGBoost itself, bit for bit."""

import fastscore
import numpy as np
import pandas as pd
import pytest
import xgboost as xgb
from fastscore import NonFiniteValueError
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from support import same_bits
from xgboost_support import (
    FINITE,
    SETTINGS,
    booster_equal,
    data,
    document,
    rows_for,
    single_ulps,
    train,
)

OBJECTIVES = [
    "reg:squarederror",
    "reg:squaredlogerror",
    "reg:logistic",
    "reg:pseudohubererror",
    "reg:absoluteerror",
    "reg:quantileerror",
    "reg:gamma",
    "reg:tweedie",
    "count:poisson",
    "survival:cox",
    "survival:aft",
    "binary:logistic",
    "binary:logitraw",
    "binary:hinge",
    "multi:softmax",
    "multi:softprob",
    "rank:ndcg",
    "rank:map",
    "rank:pairwise",
]


@pytest.mark.parametrize("booster", ["gbtree", "dart"])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_objectives(objective, booster):
    own = {"rate_drop": 0.5} if booster == "dart" else {}
    source, x = train(objective, booster=booster, **own)
    model = fastscore.import_model(source)
    rows = rows_for(source, x, 1500)
    booster_equal(model, source, rows)
    assert single_ulps(model.predict(rows), source.predict(xgb.DMatrix(rows))) <= 2


@pytest.mark.parametrize("objective", ["binary:logistic", "multi:softmax", "multi:softprob"])
def test_probabilities_of_a_booster(objective):
    source, x = train(objective)
    model = fastscore.import_model(source)
    share = model.predict_proba(x)
    if objective == "binary:logistic":
        same_bits(share[:, 1], model.predict(x))
        same_bits(share[:, 0], np.float32(1) - share[:, 1])
    else:
        softprob, _ = train("multi:softprob")
        assert single_ulps(share, softprob.predict(xgb.DMatrix(x))) <= 2
    assert ("probability" in fastscore.import_model(train()[0]).outputs) is False


@pytest.mark.parametrize(
    ("objective", "parameters"),
    [
        ("reg:squarederror", {"num_parallel_tree": 3}),
        ("multi:softprob", {"num_parallel_tree": 2}),
        ("multi:softprob", {"booster": "dart", "num_parallel_tree": 2, "rate_drop": 0.3}),
        ("binary:logistic", {"booster": "dart", "one_drop": 1, "normalize_type": "forest"}),
        ("binary:logistic", {"base_score": 0.3}),
        ("binary:logistic", {"base_score": 1e-7}),
        ("reg:squarederror", {"base_score": 0.1}),
        ("reg:squarederror", {"base_score": 12345678.9}),
        ("count:poisson", {"base_score": 3.7}),
        ("multi:softprob", {"base_score": [0.1, -0.2, 0.3, 0.4]}),
        ("reg:squarederror", {"grow_policy": "lossguide", "max_leaves": 9, "max_depth": 0}),
        ("reg:squarederror", {"tree_method": "exact", "gamma": 1.0}),
        ("reg:squarederror", {"tree_method": "approx"}),
        ("reg:squarederror", {"monotone_constraints": "(1,0,0,0,-1)"}),
        ("reg:squarederror", {"max_depth": 9, "min_child_weight": 0}),
        ("reg:squarederror", {"min_child_weight": 1e9}),
        ("reg:squarederror", {"max_depth": 1}),
    ],
    ids=str,
)
def test_parameters(objective, parameters):
    source, x = train(objective, **parameters)
    booster_equal(fastscore.import_model(source), source, rows_for(source, x, 1500))


@pytest.mark.parametrize("objective", ["reg:squarederror", "count:poisson", "binary:logistic"])
def test_base_scores_become_margins_as_in_xgboost(objective):
    x, y = data()
    y = np.abs(np.tanh(y)) if objective == "binary:logistic" else np.abs(y)
    for base in np.random.default_rng(2).uniform(0.001, 0.999, 60):
        parameters = {"objective": objective, "base_score": float(base), **SETTINGS}
        source = xgb.train(parameters | {"max_depth": 1}, xgb.DMatrix(x, y), 1)
        model = fastscore.import_model(source)
        same_bits(model.margin(x[:20]), source.predict(xgb.DMatrix(x[:20]), output_margin=True))


@pytest.mark.parametrize("strategy", ["one_output_per_tree", "multi_output_tree"])
@pytest.mark.parametrize("objective", ["reg:squarederror", "binary:logistic"])
def test_several_targets(objective, strategy):
    x, y = data()
    y = np.c_[y, -2 * y, np.sin(y)]
    y = (y > 0).astype(float) if objective == "binary:logistic" else y
    parameters = {"objective": objective, "multi_strategy": strategy, "tree_method": "hist"}
    source = xgb.train(SETTINGS | parameters, xgb.DMatrix(x, y), 5)
    model = fastscore.import_model(source)
    rows = rows_for(source, x)
    booster_equal(model, source, rows)
    assert model.predict(rows).shape == (len(rows), 3)
    assert single_ulps(model.predict(rows), source.predict(xgb.DMatrix(rows))) <= 2


@pytest.mark.parametrize("objective", ["reg:squarederror", "binary:logistic", "multi:softprob"])
def test_gblinear(objective):
    source, x = train(objective, booster="gblinear")
    model = fastscore.import_model(source)
    weights = np.array(document(source)["learner"]["gradient_booster"]["model"]["weights"])
    outputs = max(4 if objective.startswith("multi") else 1, 1)
    weights, bias = weights[:-outputs].reshape(5, outputs), np.abs(weights[-outputs:])
    scale = np.abs(np.nan_to_num(x)) @ np.abs(weights) + bias + 1
    ours = model.margin(x).reshape(len(x), -1)
    theirs = source.predict(xgb.DMatrix(x), output_margin=True).reshape(len(x), -1)
    assert (np.abs(ours - theirs) <= 1e-6 * scale).all()
    assert ours.dtype == np.float32
    assert "leaf" not in model.outputs
    with pytest.raises(ValueError, match="gblinear"):
        fastscore.import_model(source, iterations=1)


@pytest.mark.parametrize("missing", [0.0, -3.0, 0.1, 1e-40])
def test_gblinear_with_another_missing_value(missing):
    x, y = data()
    x[::3, 1] = missing
    source = xgb.XGBRegressor(n_estimators=4, n_jobs=1, booster="gblinear", missing=missing)
    source.fit(x, y)
    model = fastscore.import_model(source)
    without = np.where(x.astype(np.float32) == np.float32(missing), np.nan, x)
    same_bits(model.predict(x), model.predict(without))
    assert model.verify(x, source).ok
    booster = fastscore.import_model(source.get_booster(), missing=missing)
    same_bits(booster.predict(x), model.predict(x))


def test_classes_as_numbers_are_named_without_a_point():
    source, x = train("multi:softmax")
    model = fastscore.import_model(source)
    found = fastscore.predict(pd.DataFrame(x[:9]), source, output="probability")
    assert list(found.columns) == [f"probability_{c}" for c in range(4)]
    same_bits(model.predict(x), source.predict(xgb.DMatrix(x)))
    frame = fastscore.predict(pd.DataFrame(x[:9]), source)
    same_bits(frame.to_numpy(), source.predict(xgb.DMatrix(x[:9])))


@pytest.mark.parametrize("missing", [np.nan, 0.0, -3.0, np.inf, 1e-40, 0.1, None])
def test_missing_values(missing):
    x, y = data(holes=False)
    value = np.nan if missing is None else missing
    x[:, 3] = np.where(x[:, 3] > 0.5, value, x[:, 3])
    matrix = xgb.DMatrix(x, y, missing=value)
    source = xgb.train(SETTINGS, matrix, 8)
    model = fastscore.import_model(source, missing=missing)
    extra = [*FINITE, value, -value, np.nextafter(value, 1), np.nextafter(np.float32(value), 1)]
    if np.isinf(value):
        # Where infinity is missing, a DMatrix takes the others.
        extra += [-np.inf, 1e300]
    booster_equal(model, source, rows_for(source, x, extra=extra), value)


def test_infinities_are_refused_as_by_a_dmatrix():
    source, x = train()
    model = fastscore.import_model(source)
    for bad in (np.inf, -np.inf, 1e39):
        rows = x[:5].copy()
        rows[3, 1] = bad
        with pytest.raises(xgb.core.XGBoostError, match="inf"):
            xgb.DMatrix(rows)
        with pytest.raises(NonFiniteValueError, match="row 3"):
            model.margin(rows)


def test_iterations_and_best_iteration():
    x, y = data()
    source = xgb.train(
        SETTINGS | {"eta": 0.9},
        xgb.DMatrix(x[:300], y[:300]),
        60,
        evals=[(xgb.DMatrix(x[300:], y[300:]), "valid")],
        early_stopping_rounds=3,
        verbose_eval=False,
    )
    assert source.best_iteration + 1 < source.num_boosted_rounds()
    model = fastscore.import_model(source)
    booster_equal(model, source, x)
    assert "best_iteration" in repr(model)
    for n in (1, 2, source.num_boosted_rounds()):
        cut = fastscore.import_model(source, iterations=n)
        booster_equal(cut, source, x, iteration_range=(0, n))
    stopped = fastscore.import_model(source, like="estimator")
    booster_equal(stopped, source, x, iteration_range=(0, source.best_iteration + 1))
    for n, error in ((0, ValueError), (10**6, ValueError), (1.5, TypeError), (True, TypeError)):
        with pytest.raises(error, match="iterations"):
            fastscore.import_model(source, iterations=n)
    sliced = source[2:5]
    booster_equal(fastscore.import_model(sliced), sliced, x)


def test_custom_objectives_predict_margins():
    def squares(predictions, matrix):
        return predictions - matrix.get_label(), np.ones_like(predictions)

    x, y = data()
    source = xgb.train(SETTINGS, xgb.DMatrix(x, y), 4, obj=squares)
    model = fastscore.import_model(source)
    booster_equal(model, source, x)
    same_bits(model.predict(x), source.predict(xgb.DMatrix(x)))


def test_names():
    x, y = data()
    frame = pd.DataFrame(x, columns=list("vwxyz"))
    source = xgb.train(SETTINGS, xgb.DMatrix(frame, y), 4)
    model = fastscore.import_model(source)
    assert model.feature_names_in_.tolist() == list("vwxyz")
    expected = source.predict(xgb.DMatrix(frame))
    same_bits(model.predict(frame[list("zyxwv")]).to_numpy(), expected)
    nameless = fastscore.import_model(train()[0])
    assert not hasattr(nameless, "feature_names_in_")
    generated = xgb.DMatrix(x, y, feature_names=[f"f{i}" for i in range(5)])
    assert not hasattr(
        fastscore.import_model(xgb.train(SETTINGS, generated, 2)), "feature_names_in_"
    )


def test_classes_for_a_booster():
    source, x = train("binary:logistic")
    model = fastscore.import_model(source, classes=["no", "yes"])
    expected = np.where(source.predict(xgb.DMatrix(x)) > 0.5, "yes", "no")
    np.testing.assert_array_equal(model.predict(x), expected)
    booster_equal(model, source, x)
    several, _ = train("multi:softprob")
    model = fastscore.import_model(several, classes=list("abcd"))
    shares = several.predict(xgb.DMatrix(x))
    np.testing.assert_array_equal(model.predict(x), np.array(list("abcd"))[shares.argmax(axis=1)])
    with pytest.raises(ValueError, match="3 labels"):
        fastscore.import_model(several, classes=["a", "b", "c"])
    with pytest.raises(ValueError, match="squarederror"):
        fastscore.import_model(train()[0], classes=["a", "b"])


def test_verify():
    for objective in ("reg:squarederror", "binary:logistic", "multi:softprob", "multi:softmax"):
        source, x = train(objective)
        report = fastscore.import_model(source).verify(x)
        assert report.ok, report
    source, x = train("multi:softprob", booster="gblinear")
    report = fastscore.import_model(source).verify(x)
    assert report.ok, report


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    objective=st.sampled_from(["reg:squarederror", "binary:logistic", "multi:softprob"]),
    booster=st.sampled_from(["gbtree", "dart"]),
    parallel=st.integers(1, 3),
    depth=st.integers(1, 6),
    eta=st.floats(1e-3, 2.0),
    missing=st.sampled_from([np.nan, 0.0, 1.0]),
)
def test_random_models(seed, objective, booster, parallel, depth, eta, missing):
    rng = np.random.default_rng(seed)
    x = rng.integers(-3, 4, (60, 3)) * rng.choice([1.0, 0.1, 1e-30, 1e30], 3)
    x[rng.random(x.shape) < 0.1] = np.nan
    y = rng.integers(0, 3 if objective == "multi:softprob" else 2, len(x))
    parameters = SETTINGS | {
        "objective": objective,
        "booster": booster,
        "num_parallel_tree": parallel,
        "max_depth": depth,
        "eta": eta,
        "min_child_weight": 0,
    }
    if objective == "multi:softprob":
        parameters["num_class"] = 3
    if booster == "dart":
        parameters["rate_drop"] = 0.5
    source = xgb.train(parameters, xgb.DMatrix(x, y, missing=missing), int(rng.integers(1, 6)))
    model = fastscore.import_model(source, missing=missing)
    booster_equal(model, source, rows_for(source, x, 300, (np.nan, 0.0, 1.0)), missing)


@pytest.mark.parametrize("missing", [np.nan, 0.0, 1.0])
def test_absent_entries_of_sparse_matrices_are_missing(missing):
    rng = np.random.default_rng(9)
    x = rng.integers(0, 3, (300, 5)) * rng.normal(size=(300, 5))
    rows = sparse.csr_matrix(x)
    # Entries that are there, and 0.
    rows.data[rng.random(len(rows.data)) < 0.2] = 0.0
    rows.data[rng.random(len(rows.data)) < 0.2] = 1.0
    y = x[:, 0] + (x[:, 1] != 0)
    source = xgb.train(SETTINGS, xgb.DMatrix(rows, y, missing=missing), 8)
    model = fastscore.import_model(source, missing=missing)
    margin = source.predict(xgb.DMatrix(rows, missing=missing), output_margin=True)
    same_bits(model.margin(rows), margin)
    same_bits(model.margin(rows.tocsc()), margin)
    dense = source.predict(xgb.DMatrix(rows.toarray(), missing=missing), output_margin=True)
    same_bits(model.margin(rows.toarray()), dense)
    assert model.verify(rows).ok
    estimator = xgb.XGBRegressor(n_estimators=5, missing=missing).fit(rows, y)
    same_bits(fastscore.import_model(estimator).predict(rows), estimator.predict(rows))
