"""LightGBM's models against LightGBM itself, bit for bit."""

import fastscore
import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
from lightgbm_models import MISSING, data, margins_equal, rows_for, train
from support import same_bits, source_runs, ulps


@pytest.mark.parametrize("missing", MISSING)
@pytest.mark.parametrize("holes", [True, False], ids=["holes", "whole"])
def test_missing_types(missing, holes):
    booster, x = train(holes=holes, **MISSING[missing])
    model = fastscore.import_model(booster)
    margins_equal(model, booster, rows_for(booster, x))


OBJECTIVES = [
    "regression",
    "regression_l1",
    "huber",
    "fair",
    "quantile",
    "mape",
    "poisson",
    "gamma",
    "tweedie",
    "binary",
    "cross_entropy",
    "cross_entropy_lambda",
    "multiclass",
    "multiclassova",
    "lambdarank",
    "rank_xendcg",
]


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_objectives(objective):
    booster, x = train(objective)
    model = fastscore.import_model(booster)
    rows = rows_for(booster, x, 1500)
    margins_equal(model, booster, rows)
    expected = booster.predict(rows, num_threads=1)
    assert ulps(model.predict(rows), expected).max() <= 2
    if objective.startswith("multiclass"):
        np.testing.assert_array_equal(model.predict_proba(rows), model.predict(rows))
    elif objective == "binary":
        share = model.predict_proba(rows)
        np.testing.assert_array_equal(share[:, 1], model.predict(rows))
        np.testing.assert_array_equal(share[:, 0], 1 - share[:, 1])


@pytest.mark.parametrize(
    ("objective", "parameters"),
    [
        ("regression", {"reg_sqrt": True}),
        ("binary", {"sigmoid": 0.7}),
        ("multiclassova", {"sigmoid": 2.5}),
        ("regression", {"boosting": "dart"}),
        ("binary", {"boosting": "dart", "drop_rate": 0.5}),
        ("regression", {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6}),
        ("binary", {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6}),
        ("multiclass", {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6}),
        ("regression", {"boosting": "goss"}),
        ("regression", {"extra_trees": True}),
        ("regression", {"monotone_constraints": [1, 0, 0, 0, 0]}),
        ("regression", {"max_bin": 3}),
        ("regression", {"num_leaves": 2}),
        ("regression", {"min_data_in_leaf": 10_000}),
    ],
)
def test_parameters(objective, parameters):
    booster, x = train(objective, **parameters)
    model = fastscore.import_model(booster)
    rows = rows_for(booster, x, 1500)
    margins_equal(model, booster, rows)
    assert ulps(model.predict(rows), booster.predict(rows, num_threads=1)).max() <= 2


def test_early_stopping_and_iterations():
    x, y = data()
    dataset = lgb.Dataset(x[:350], y[:350], free_raw_data=False)
    booster = lgb.train(
        {"verbose": -1, "num_threads": 1, "learning_rate": 0.5, "min_data_in_leaf": 3},
        dataset,
        80,
        valid_sets=[lgb.Dataset(x[350:], y[350:], reference=dataset)],
        callbacks=[lgb.early_stopping(3, verbose=False)],
        keep_training_booster=True,
    )
    assert 0 < booster.best_iteration < booster.current_iteration()
    model = fastscore.import_model(booster)
    same_bits(model.margin(x), booster.predict(x, num_threads=1))
    assert model.leaf_index(x).shape == (500, booster.best_iteration)
    assert "best_iteration" in repr(model)
    for n in (1, 2, booster.current_iteration()):
        cut = fastscore.import_model(booster, iterations=n)
        same_bits(cut.margin(x), booster.predict(x, num_iteration=n, num_threads=1))
    for n, error in (
        (0, ValueError),
        (-1, ValueError),
        (10**6, ValueError),
        (1.5, TypeError),
        (True, TypeError),
    ):
        with pytest.raises(error, match="iterations"):
            fastscore.import_model(booster, iterations=n)


def test_text_file(tmp_path):
    booster, x = train("multiclass")
    path = tmp_path / "model.anything"
    booster.save_model(path)
    model = fastscore.load(path)
    margins_equal(model, booster, rows_for(booster, x))
    cut = fastscore.load(path, iterations=3)
    same_bits(cut.margin(x), booster.predict(x, raw_score=True, num_iteration=3, num_threads=1))
    named = fastscore.load(path, classes=["a", "b", "c", "d"], features=list("vwxyz"))
    np.testing.assert_array_equal(
        named.predict(x), np.array(["a", "b", "c", "d"])[booster.predict(x).argmax(axis=1)]
    )
    assert named.feature_names_in_.tolist() == list("vwxyz")
    windows = tmp_path / "windows"
    windows.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    same_bits(fastscore.load(windows).margin(x), model.margin(x))


@pytest.mark.parametrize(
    "labels",
    [["no", "yes"], [False, True], [3, 9], [1.0, 2.0], np.array(["a", "b"], dtype=object)],
    ids=str,
)
def test_classifier_of_two(labels):
    x, y = data()
    y = np.asarray(labels)[(y > 1).astype(int)]
    source = lgb.LGBMClassifier(n_estimators=10, min_child_samples=3, verbose=-1, n_jobs=1).fit(
        x, y
    )
    model = fastscore.import_model(source)
    rows = rows_for(source.booster_, x, 2000)
    rows = np.where(np.isinf(rows), 1e300, rows)
    with source_runs():
        share, expected = source.predict_proba(rows), source.predict(rows)
    np.testing.assert_array_equal(model.predict(rows), expected)
    assert model.predict(rows).dtype == expected.dtype == model.classes_.dtype
    assert ulps(model.predict_proba(rows), share).max() <= 2
    margins_equal(model, source.booster_, rows)


def test_classifier_of_several():
    x, y = data()
    y = np.array(["w", "x", "y", "z"])[np.digitize(y, [0, 1, 2])]
    source = lgb.LGBMClassifier(n_estimators=10, min_child_samples=3, verbose=-1, n_jobs=1).fit(
        x, y
    )
    model = fastscore.import_model(source)
    with source_runs():
        share, expected = source.predict_proba(x), source.predict(x)
    np.testing.assert_array_equal(model.predict(x), expected)
    assert ulps(model.predict_proba(x), share).max() <= 2
    assert model.margin(x).shape == (500, 4)


def test_ranker_and_regressor():
    x, y = data()
    ranker = lgb.LGBMRanker(n_estimators=5, verbose=-1, n_jobs=1, min_child_samples=3).fit(
        x, np.digitize(y, [0, 1, 2]), group=[100] * 5
    )
    regressor = lgb.LGBMRegressor(n_estimators=5, verbose=-1, n_jobs=1).fit(x, y)
    for source in (ranker, regressor):
        with source_runs():
            same_bits(fastscore.import_model(source).predict(x), source.predict(x))


def test_custom_objectives_give_margins_only():
    def squares(y_true, y_pred):
        return y_pred - y_true, np.ones_like(y_pred)

    x, y = data()
    source = lgb.LGBMRegressor(objective=squares, n_estimators=5, verbose=-1, n_jobs=1).fit(x, y)
    model = fastscore.import_model(source)
    same_bits(model.predict(x), source.booster_.predict(x, raw_score=True))
    assert model.outputs == ("prediction", "margin", "leaf")
    classifier = lgb.LGBMClassifier(objective=squares, n_estimators=5, verbose=-1, n_jobs=1).fit(
        x, (y > 1).astype(int)
    )
    model = fastscore.import_model(classifier)
    same_bits(model.predict(x), classifier.booster_.predict(x, raw_score=True))
    assert not hasattr(model, "classes_")


def test_white_space_in_names():
    x, y = data()
    names = ["a b", "c\td", "e", "f g h", "i"]
    frame = pd.DataFrame(x, columns=names)
    source = lgb.LGBMRegressor(n_estimators=5, verbose=-1, n_jobs=1).fit(frame, y)
    model = fastscore.import_model(source)
    expected = source.predict(frame)
    for columns in (
        names,
        ["a_b", "c_d", "e", "f_g_h", "i"],
        ["a\u00a0b", "c d", "e", "f g h", "i"],
    ):
        if "\u00a0" in columns[0]:
            continue
        data_ = pd.DataFrame(x, columns=columns)[columns[::-1]]
        same_bits(model.predict(data_).to_numpy(), expected)
    twice = frame.assign(a_b=1.0)
    with pytest.raises(fastscore.SchemaError, match="a b"):
        model.predict(twice)


def test_generated_names_count_as_none():
    booster, x = train()
    model = fastscore.import_model(booster)
    assert not hasattr(model, "feature_names_in_")
    frame = pd.DataFrame(x, columns=list("vwxyz"))
    same_bits(model.margin(frame).to_numpy(), booster.predict(x, raw_score=True))


def test_unfitted_single_class_and_early_stop():
    with pytest.raises(fastscore.UnsupportedModelError, match="not fitted"):
        fastscore.import_model(lgb.LGBMClassifier())
    x, y = data()
    single = lgb.LGBMClassifier(n_estimators=2, verbose=-1).fit(x, np.zeros(len(x), dtype=int))
    with pytest.raises(fastscore.UnsupportedModelError, match="single class"):
        fastscore.import_model(single)
    early = lgb.LGBMClassifier(n_estimators=2, verbose=-1, pred_early_stop=True).fit(x, y > 1)
    with pytest.raises(fastscore.UnsupportedModelError, match="pred_early_stop"):
        fastscore.import_model(early)


def test_classes_for_a_booster():
    booster, x = train("binary")
    model = fastscore.import_model(booster, classes=["no", "yes"])
    np.testing.assert_array_equal(model.predict(x), np.where(booster.predict(x) > 0.5, "yes", "no"))
    assert "classes=" in repr(model)
    with pytest.raises(ValueError, match="3 labels"):
        fastscore.import_model(booster, classes=["a", "b", "c"])
    with pytest.raises(ValueError, match="distinct"):
        fastscore.import_model(booster, classes=["a", "a"])
    with pytest.raises(ValueError, match="regression"):
        fastscore.import_model(train()[0], classes=["no", "yes"])
