"""Missing and non-finite values: as the source, or propagated as nulls."""

import re

import fastscore
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

REFUSES_MISSING = ["linear", "logistic labels", "logistic binary"]
HOLES = [(2, 1), (5, 0), (5, 4), (299, 3)]
BAD = sorted({row for row, _ in HOLES})


@pytest.fixture
def holes(frame):
    found = frame.copy()
    for row, column in HOLES:
        found.iloc[row, column] = np.nan
    return found


def containers(frame):
    yield frame
    yield frame.to_numpy()
    yield pl.DataFrame(frame)
    yield pl.DataFrame(frame).with_columns(pl.all().fill_nan(None))
    yield pa.Table.from_pandas(frame, preserve_index=False)
    yield pa.table({name: frame[name].to_numpy() for name in frame})
    yield frame.convert_dtypes(dtype_backend="pyarrow")
    yield frame.to_dict("list")
    yield frame.to_dict("records")


@pytest.mark.parametrize("name", REFUSES_MISSING)
def test_refused_with_column_row_and_count(models, holes, name):
    for data in containers(holes):
        with pytest.raises(fastscore.MissingValueError) as caught:
            models[name].predict(data)
        names = ("number 0", "number 1") if isinstance(data, np.ndarray) else ("age", "income")
        assert re.search(rf"{names[0]}.* 1 .*row 5|{names[1]}.* 1 .*row 2", str(caught.value))


def test_the_first_row_and_the_count_of_the_column(models, frame):
    found = frame.copy()
    found.iloc[[40, 41, 200], 3] = np.nan
    with pytest.raises(fastscore.MissingValueError, match=r"rate.*3.*40|rate.*40.*3"):
        models["linear"].predict(found)
    big = pd.concat([found] * 400)
    with pytest.raises(fastscore.MissingValueError, match=r"1200.*40|40.*1200"):
        models["linear"].predict(big, threads=2)


@pytest.mark.parametrize("name", REFUSES_MISSING)
def test_propagate_makes_those_rows_null_and_no_others(models, frame, holes, name):
    model = models[name]
    for output in model.outputs:
        clean = model.score(frame, output=output)
        clean = clean.to_frame() if isinstance(clean, pd.Series) else clean
        good = np.setdiff1d(np.arange(len(frame)), BAD)
        for data in containers(holes):
            found = model.score(data, output=output, missing="propagate")
            if isinstance(found, pl.Series | pl.DataFrame):
                found = (found.to_frame() if isinstance(found, pl.Series) else found).to_pandas()
            elif isinstance(found, pa.ChunkedArray):
                found = found.to_pandas().to_frame()
            elif isinstance(found, pa.Table):
                found = found.to_pandas()
            else:
                found = pd.DataFrame(found)
            assert found.isna().to_numpy()[BAD].all()
            assert not found.isna().to_numpy()[good].any()
            np.testing.assert_array_equal(found.to_numpy()[good], clean.to_numpy()[good])


def test_types_of_propagated_results_do_not_depend_on_the_data(models, frame, holes):
    for name in ("logistic labels", "logistic binary", "forest integers", "lgbm binary", "linear"):
        model = models[name]
        for output in model.outputs:
            kinds = set()
            for data in (frame, holes, holes.iloc[:0]):
                found = model.score(data.to_numpy(), output=output, missing="propagate")
                kinds.add(found.dtype)
                assert isinstance(found, np.ndarray)
            assert len(kinds) == 1
            labels = output == "leaf" or (output == "prediction" and hasattr(model, "classes_"))
            assert kinds == {np.dtype(object if labels else np.float64)}


def test_propagated_numpy_labels_hold_none(models, holes):
    found = models["logistic labels"].predict(holes.to_numpy(), missing="propagate")
    assert [found[row] for row in BAD] == [None] * len(BAD)
    assert type(found[0]) is str
    found = models["logistic labels"].predict(holes.to_dict("records"), missing="propagate")
    assert [found[row] for row in BAD] == [None] * len(BAD)


def test_where_missing_is_accepted_nothing_is_propagated(models, holes):
    for name in ("lgbm values", "lgbm labels", "forest values", "tree labels"):
        model = models[name]
        plain, propagated = (model.predict(holes, missing=m) for m in ("source", "propagate"))
        np.testing.assert_array_equal(plain.to_numpy(), propagated.to_numpy())


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e39])
def test_non_finite(models, frame, value):
    bad = frame.copy()
    bad.iloc[[7, 9], 2] = value
    for name in ("forest values", "linear", "logistic binary"):
        model = models[name]
        if name != "forest values" and np.isfinite(value):
            model.predict(bad)
            continue
        for data in containers(bad):
            with pytest.raises(fastscore.NonFiniteValueError, match="7"):
                model.predict(data)
            found = model.predict(data, missing="propagate")
            found = next(iter(found.values())) if isinstance(found, dict) else found
            nulls = pd.isna(
                np.array(
                    found.to_pylist() if hasattr(found, "to_pylist") else list(found), dtype=object
                )
            )
            assert np.flatnonzero(nulls).tolist() == [7, 9]
    models["lgbm values"].predict(bad)


def test_errors_return_nothing_however_many_threads(models, frame):
    big = pd.concat([frame] * 200, ignore_index=True)
    big.iloc[59_999, 4] = np.nan
    for threads in (1, 2, 7):
        with pytest.raises(fastscore.MissingValueError, match=r"balance.*59999|59999.*balance"):
            models["linear"].predict(big, threads=threads)


def test_masked_and_null_and_nan_are_one(models, frame):
    model = models["lgbm values"]
    holes = frame.copy()
    holes.iloc[3, 2] = np.nan
    expected = model.predict(holes).to_numpy()
    nulls = pl.DataFrame(holes).with_columns(pl.all().fill_nan(None))
    np.testing.assert_array_equal(model.predict(nulls).to_numpy(), expected)
    mask = holes.isna().to_numpy()
    garbage = np.where(mask, 1e9, frame.to_numpy())
    np.testing.assert_array_equal(model.predict(np.ma.masked_array(garbage, mask)), expected)
