"""Columns are bound by name or position; the errors say what is wrong and what is near."""

import fastscore
import numpy as np
import pandas as pd
import polars as pl
import pytest


@pytest.mark.parametrize("name", ["forest values", "lgbm values", "linear", "logistic labels"])
def test_order_and_extra_columns_do_not_matter(models, frame, name):
    shuffled = frame.assign(extra="text")[
        ["zone", "extra", "age", "rate", "visits", "income", "balance"]
    ]
    pd.testing.assert_series_equal(models[name].predict(shuffled), models[name].predict(frame))


def test_all_missing_columns_are_listed_with_the_nearest(models, frame):
    renamed = frame.rename(columns={"income": "Income", "rate": "rates", "zone": "qqqqqq"})
    for data in (
        renamed,
        pl.DataFrame(renamed),
        renamed.to_dict("list"),
        renamed.to_dict("records"),
    ):
        with pytest.raises(fastscore.SchemaError) as caught:
            models["linear"].predict(data)
        text = str(caught.value)
        assert all(word in text for word in ('"income"', '"Income"', '"rate"', '"rates"', '"zone"'))


def test_only_features_that_the_model_reads_are_needed(frame, score):
    from sklearn.tree import DecisionTreeRegressor

    tree = DecisionTreeRegressor(max_depth=1).fit(frame, frame["age"])
    model = fastscore.import_model(tree)
    np.testing.assert_array_equal(model.predict(frame[["age"]]).to_numpy(), tree.predict(frame))


def test_positions_where_a_side_has_no_names(models, frame, x):
    expected = models["nameless"].predict(x)
    for data in (frame, pl.DataFrame(frame), pd.DataFrame(x)):
        np.testing.assert_array_equal(np.asarray(models["nameless"].predict(data)), expected)
    for data in (x[:, :5], np.c_[x, x]):
        for name in ("nameless", "forest values"):
            with pytest.raises(fastscore.SchemaError, match=r"columns, the model 6 features"):
                models[name].predict(data)


def test_names_for_a_nameless_model(sources, frame, x):
    model = fastscore.import_model(sources["nameless"], features=list(frame.columns))
    np.testing.assert_array_equal(
        model.predict(frame[frame.columns[::-1]]).to_numpy(), sources["nameless"].predict(x)
    )
    assert model.feature_names_in_.tolist() == list(frame.columns)
    assert "features=" in repr(model)
    with pytest.raises(ValueError, match="5 names"):
        fastscore.import_model(sources["nameless"], features=list("abcde"))
    with pytest.raises(ValueError, match="duplicates: 'a'"):
        fastscore.import_model(sources["nameless"], features=list("aabcde"))
    with pytest.raises(TypeError, match="features="):
        fastscore.import_model(sources["nameless"], features="abcdef")
    with pytest.raises(ValueError, match="has names"):
        fastscore.import_model(sources["linear"], features=list("abcdef"))


def test_no_columns_at_all(models):
    for data in (pd.DataFrame(index=range(3)), pl.DataFrame(), {}, np.zeros((3, 0)), [{}, {}]):
        with pytest.raises(fastscore.SchemaError):
            models["forest values"].predict(data)


def test_names_are_shown_safely(models, frame):
    odd = frame.rename(columns={"age": 'a"\n\x00b'})
    with pytest.raises(fastscore.SchemaError) as caught:
        models["linear"].predict(odd)
    assert "\n" not in str(caught.value)
    assert "\x00" not in str(caught.value)


def test_unknown_arguments(models, x):
    model = models["forest values"]
    with pytest.raises(ValueError, match="'prediction', 'probability', 'margin', 'leaf'"):
        model.score(x, output="proba")
    with pytest.raises(ValueError, match="it has 'prediction', 'margin', 'leaf'"):
        model.predict_proba(x)
    with pytest.raises(ValueError, match="it has 'prediction', 'probability', 'margin'"):
        models["logistic labels"].leaf_index(x)
    for output in (None, 1, ["leaf"]):
        with pytest.raises(TypeError, match="output"):
            model.score(x, output=output)
    for missing in ("raise", None, 0):
        with pytest.raises(ValueError, match="'source', 'propagate'"):
            model.predict(x, missing=missing)


def test_predict_takes_anything_that_is_a_model(models, sources, frame, tmp_path):
    path = tmp_path / "m.fscore"
    models["forest values"].save(path)
    expected = models["forest values"].predict(frame)
    for model in (models["forest values"], sources["forest values"], path, str(path)):
        pd.testing.assert_series_equal(fastscore.predict(frame, model), expected)
    with pytest.raises(fastscore.UnsupportedModelError):
        fastscore.predict(frame, object())
