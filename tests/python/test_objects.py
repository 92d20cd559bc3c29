"""Columns of Python objects: text is read by its distinct objects, and means the same."""

import fastscore
import numpy as np
import pandas as pd
import pytest
from fastscore import _core
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

NAMES = ["blue", "green", "red", "ein längeres Wort"]


@pytest.fixture(scope="module")
def model():
    frame = pd.DataFrame({"colour": NAMES * 5, "idle": 0.0})
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    pipeline = make_pipeline(encoder, LinearRegression())
    return fastscore.import_model(pipeline.fit(frame[["colour"]], np.arange(20.0) % 4))


def _scores(model, objects):
    return model.predict(pd.DataFrame({"colour": pd.Series(objects, dtype=object)})).to_numpy()


def _one_by_one(model, objects):
    rows = [{"colour": value} for value in objects]
    return np.array([model.predict([row])[0] for row in rows])


def test_each_distinct_object_is_read_once(model):
    objects = [*NAMES, None, np.nan, pd.NA, "mauve", np.str_("red"), "re" + "d"] * 3
    assert _core.objects(np.array(objects, dtype=object), (type(None), type(pd.NA))) is not None
    np.testing.assert_array_equal(_scores(model, objects), _one_by_one(model, objects))


def test_an_array_that_is_not_contiguous(model):
    objects = np.array([*NAMES, None, "x"] * 4, dtype=object)
    for part in (objects[::2], objects[::-1], objects.reshape(4, 6)[:, 1], objects[:0]):
        np.testing.assert_array_equal(_scores(model, part), _one_by_one(model, part))


def test_objects_that_hardly_repeat_are_read_one_by_one(model):
    objects = [f"{i}" for i in range(20_000)] + NAMES
    array = np.array(objects, dtype=object)
    assert _core.objects(array, (type(None),)) is None
    scores = _scores(model, array)
    np.testing.assert_array_equal(scores[-4:], _one_by_one(model, NAMES))
    assert len(np.unique(scores[:-4])) == 1


@pytest.mark.parametrize("other", [1, 2.5, True, b"blue", ["blue"]])
def test_what_is_no_text_is_refused_with_its_row(model, other):
    array = np.empty(3, dtype=object)
    array[:] = ["blue", None, other]
    assert _core.objects(array, (type(None),)) is None
    with pytest.raises(fastscore.SchemaError, match=r"first in row 2|row 2"):
        _scores(model, array)


def test_numbers_and_nulls_alone_are_no_text():
    for objects in ([1.0, 2.0], [None, None], [np.nan]):
        assert _core.objects(np.array(objects, dtype=object), (type(None),)) is None
    assert _core.objects(np.array([1.0]), ()) is None
    assert _core.objects(np.array([["a"]], dtype=object), ()) is None


def test_columns_that_the_model_does_not_know_are_not_read(model):
    class Strange:
        def __str__(self):
            raise AssertionError

    frame = pd.DataFrame({"colour": NAMES, "other": [Strange() for _ in NAMES]})
    np.testing.assert_array_equal(model.predict(frame), _one_by_one(model, NAMES))


def test_white_space_in_names_still_matches_lightgbm():
    import lightgbm

    frame = pd.DataFrame({"a  b": np.arange(50.0), "c d ": np.arange(50.0)[::-1]})
    data = lightgbm.Dataset(frame, np.arange(50) % 2)
    booster = lightgbm.train({"verbose": -1, "min_data_in_leaf": 2}, data, 3)
    np.testing.assert_array_equal(
        fastscore.predict(frame, fastscore.import_model(booster)), booster.predict(frame)
    )
