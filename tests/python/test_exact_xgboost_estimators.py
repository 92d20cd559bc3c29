"""XGBoost's scikit-learn wrappers: what their own `predict` returns."""

import json

import fastscore
import numpy as np
import pandas as pd
import pytest
import xgboost as xgb
from fastscore import UnsupportedModelError
from support import same_bits, source_runs
from xgboost_support import BEYOND, data, rows_for, single_ulps

SMALL = {"n_estimators": 8, "max_depth": 4, "n_jobs": 1, "random_state": 0}


def labels_of(kind, y, x):
    clean = np.nan_to_num(x)
    return {
        "two": y > 1,
        "several": np.digitize(y, [0, 1, 2]),
        "together": np.c_[y > 1, y < 0, clean[:, 2] > 0].astype(int),
        "pair": np.c_[y > 1, y < 0].astype(int),
        "value": y,
        "values": np.c_[y, -2 * y],
    }[kind]


CASES = [
    (xgb.XGBClassifier, "two", {}),
    (xgb.XGBClassifier, "several", {}),
    (xgb.XGBClassifier, "several", {"objective": "multi:softmax"}),
    (xgb.XGBClassifier, "two", {"objective": "binary:hinge"}),
    (xgb.XGBClassifier, "two", {"objective": "binary:logitraw"}),
    (xgb.XGBClassifier, "two", {"booster": "dart", "rate_drop": 0.5}),
    (xgb.XGBClassifier, "several", {"booster": "dart", "rate_drop": 0.5}),
    (xgb.XGBClassifier, "two", {"missing": 1.0}),
    (xgb.XGBClassifier, "together", {}),
    (xgb.XGBClassifier, "pair", {}),
    (xgb.XGBClassifier, "together", {"multi_strategy": "multi_output_tree"}),
    (xgb.XGBRFClassifier, "several", {}),
    (xgb.XGBRegressor, "value", {}),
    (xgb.XGBRegressor, "value", {"missing": 0.0}),
    (xgb.XGBRegressor, "value", {"num_parallel_tree": 3}),
    (xgb.XGBRegressor, "value", {"booster": "dart", "rate_drop": 0.5, "base_score": 1234.5678}),
    (xgb.XGBRegressor, "values", {"booster": "dart", "rate_drop": 0.5}),
    (xgb.XGBRegressor, "values", {}),
    (xgb.XGBRegressor, "values", {"multi_strategy": "multi_output_tree"}),
    (xgb.XGBRFRegressor, "value", {}),
]


def equal(model, source, rows) -> None:
    with source_runs():
        prediction, margin = source.predict(rows), source.predict(rows, output_margin=True)
        # `apply` makes a DMatrix, which refuses infinities.
        finite = rows[~np.isinf(rows.astype(np.float32)).any(axis=1)]
        leaves = source.apply(finite).reshape(len(finite), -1)
        share = source.predict_proba(rows) if hasattr(source, "predict_proba") else None
    same_bits(model.margin(rows), margin)
    np.testing.assert_array_equal(model.predict(rows), prediction)
    np.testing.assert_array_equal(model.leaf_index(finite), leaves)
    if share is None:
        same_bits(model.predict(rows), prediction)
        assert "probability" not in model.outputs
        return
    # `multi:softmax` goes through SciPy's softmax, whose exponential is coarser.
    bound = 8 if source.objective == "multi:softmax" else 2
    assert single_ulps(model.predict_proba(rows), share) <= bound
    np.testing.assert_array_equal(model.classes_, source.classes_)


@pytest.mark.parametrize(("kind", "labels", "parameters"), CASES, ids=str)
def test_estimators(kind, labels, parameters, tmp_path):
    x, y = data()
    source = kind(**(SMALL | parameters)).fit(x, labels_of(labels, y, x))
    model = fastscore.import_model(source)
    rows = rows_for(source, x, 1500, BEYOND)
    equal(model, source, rows)
    for name in ("model.json", "model.ubj"):
        source.save_model(tmp_path / name)
        missing = parameters.get("missing")
        equal(fastscore.load(tmp_path / name, missing=missing), source, rows)
    report = model.verify(rows)
    assert report.ok, report


def test_ranker():
    x, y = data()
    source = xgb.XGBRanker(**SMALL).fit(x, np.digitize(y, [0, 1]), group=[100] * 4)
    model = fastscore.import_model(source)
    equal(model, source, rows_for(source, x, 800, BEYOND))


def test_linear():
    x, y = data(holes=False)
    source = xgb.XGBRegressor(n_estimators=5, booster="gblinear").fit(x, y)
    model = fastscore.import_model(source)
    assert model.verify(x).ok
    np.testing.assert_allclose(model.predict(x), source.predict(x), rtol=0, atol=1e-5)
    # gblinear goes through a DMatrix, which refuses infinities.
    with pytest.raises(fastscore.NonFiniteValueError):
        model.predict(np.full((2, 5), np.inf))
    poisson = xgb.XGBRegressor(n_estimators=5, booster="gblinear", objective="count:poisson")
    poisson.fit(x, np.abs(y))
    assert fastscore.import_model(poisson).verify(x).ok


def test_early_stopping(tmp_path):
    x, y = data()
    settings = SMALL | {"n_estimators": 80, "learning_rate": 0.9, "early_stopping_rounds": 3}
    source = xgb.XGBRegressor(**settings)
    source.fit(x[:300], y[:300], eval_set=[(x[300:], y[300:])], verbose=False)
    used = source.best_iteration + 1
    assert used < source.get_booster().num_boosted_rounds()
    model = fastscore.import_model(source)
    equal(model, source, x)
    assert model.leaf_index(x).shape == (len(x), used)
    assert any("best_iteration" in note for note in model.source.notes)
    source.save_model(tmp_path / "m.ubj")
    equal(fastscore.load(tmp_path / "m.ubj"), source, x)
    booster = source.get_booster()
    whole = fastscore.load(tmp_path / "m.ubj", like="booster")
    same_bits(whole.margin(x), booster.predict(xgb.DMatrix(x), output_margin=True))
    first = fastscore.import_model(source, iterations=2)
    same_bits(first.margin(x), source.predict(x, output_margin=True, iteration_range=(0, 2)))


def test_like():
    x, y = data()
    source = xgb.XGBClassifier(**SMALL).fit(x, y > 1)
    booster = source.get_booster()
    as_booster = fastscore.import_model(source, like="booster")
    same_bits(as_booster.predict(x), booster.predict(xgb.DMatrix(x)))
    as_estimator = fastscore.import_model(booster, like="estimator")
    np.testing.assert_array_equal(as_estimator.predict(x), source.predict(x))
    assert any("XGBClassifier" in note for note in as_estimator.source.notes)
    with pytest.raises(ValueError, match="forest"):
        fastscore.import_model(source, like="forest")
    dart = xgb.XGBRegressor(**SMALL, booster="dart", rate_drop=0.5, base_score=1234.5678).fit(x, y)
    in_place = dart.predict(x)
    matrix = dart.get_booster().predict(xgb.DMatrix(x))
    # Both round, each in its own way.
    assert (in_place != matrix).any()
    same_bits(fastscore.import_model(dart).predict(x), in_place)
    same_bits(fastscore.import_model(dart, like="booster").predict(x), matrix)


def test_a_file_of_the_base_class_predicts_values(tmp_path):
    """Its `_estimator_type` is null, unlike those of classifiers and regressors."""
    x, y = data()
    source = xgb.XGBModel(**SMALL, objective="binary:logistic").fit(x, y > 1)
    for name in ("m.json", "m.ubj"):
        source.save_model(tmp_path / name)
        model = fastscore.load(tmp_path / name)
        assert single_ulps(model.predict(x), source.predict(x)) <= 2
        assert "probability" not in model.outputs


def test_labels_that_were_encoded():
    x, y = data()
    source = xgb.XGBClassifier(**SMALL).fit(x, np.digitize(y, [0, 1]))
    model = fastscore.import_model(source, classes=["low", "middle", "high"])
    names = np.array(["low", "middle", "high"])
    np.testing.assert_array_equal(model.predict(x), names[source.predict(x)])
    assert model.classes_.tolist() == names.tolist()
    with pytest.raises(ValueError, match="2 labels"):
        fastscore.import_model(source, classes=["low", "high"])


def test_frames_and_custom_objectives():
    x, y = data()
    frame = pd.DataFrame(x, columns=list("vwxyz"))
    source = xgb.XGBRegressor(**SMALL).fit(frame, y)
    model = fastscore.import_model(source)
    same_bits(model.predict(frame[list("zyxwv")]).to_numpy(), source.predict(frame))

    def squares(y_true, y_pred):
        return y_pred - y_true, np.ones_like(y_pred)

    custom = xgb.XGBRegressor(**SMALL, objective=squares).fit(x, y)
    equal(fastscore.import_model(custom), custom, x)


def test_refusals():
    with pytest.raises(UnsupportedModelError, match="not fitted"):
        fastscore.import_model(xgb.XGBClassifier())
    x, y = data()
    single = xgb.XGBClassifier(n_estimators=2).fit(x, np.zeros(len(x), dtype=int))
    with pytest.raises(UnsupportedModelError, match="single class"):
        fastscore.import_model(single)
    fitted = xgb.XGBRegressor(**SMALL).fit(x, y)
    with pytest.raises(ValueError, match="missing="):
        fastscore.import_model(fitted, missing=0.0)
    with pytest.raises(TypeError, match="missing="):
        fastscore.import_model(fitted.get_booster(), missing="zero")
    json.dumps(dict(fastscore.import_model(fitted).source.parameters))
