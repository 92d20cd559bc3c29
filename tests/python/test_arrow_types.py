"""Arrow columns of every type: what converts, what is refused and how the refusal reads."""

from decimal import Decimal

import fastscore
import numpy as np
import pyarrow as pa
import pytest

INTEGERS = [
    pa.int8(),
    pa.int16(),
    pa.int32(),
    pa.int64(),
    pa.uint8(),
    pa.uint16(),
    pa.uint32(),
    pa.uint64(),
]
FLOATS = [pa.float16(), pa.float32(), pa.float64()]


@pytest.fixture(scope="module")
def model():
    """Sees every value: a sum of two columns, missing accepted."""
    import lightgbm as lgb

    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 2)) * 50
    x[rng.random(x.shape) < 0.1] = np.nan
    y = np.nan_to_num(x).sum(axis=1)
    booster = lgb.train(
        {"verbose": -1, "num_leaves": 63, "min_data_in_leaf": 2},
        lgb.Dataset(x, y, feature_name=["a", "b"]),
        30,
    )
    return fastscore.import_model(booster)


def check(model, column, plain) -> None:
    """`column` as feature a scores as the float64 values `plain`, in a table and in a batch."""
    b = pa.array(np.linspace(-90, 90, len(plain)))
    expected = model.predict(np.c_[np.asarray(plain, dtype=float), b.to_numpy()])
    table = pa.table({"b": b, "a": column})
    np.testing.assert_array_equal(model.predict(table).to_numpy(), expected)
    if isinstance(column, pa.Array):
        batch = pa.record_batch({"b": b, "a": column})
        np.testing.assert_array_equal(model.predict(batch).to_numpy(zero_copy_only=False), expected)
    np.testing.assert_array_equal(model.predict({"a": column, "b": b})["prediction"], expected)
    if len(plain) > 3:
        part = table.slice(2, len(plain) - 3)
        np.testing.assert_array_equal(model.predict(part).to_numpy(), expected[2:-1])


@pytest.mark.parametrize("kind", [*INTEGERS, *FLOATS], ids=str)
def test_numbers(model, kind):
    rng = np.random.default_rng(1)
    values = rng.integers(0, 100, 50)
    if kind in FLOATS:
        values = rng.normal(size=50) * 60
    elif pa.types.is_signed_integer(kind):
        values = values - 50
    whole = pa.array(values.astype(kind.to_pandas_dtype()), kind)
    plain = whole.to_numpy().astype(float)
    check(model, whole, plain)
    mask = rng.random(50) < 0.3
    holes = pa.array(whole.to_numpy(), kind, mask=mask)
    check(model, holes, np.where(mask, np.nan, plain))
    check(
        model,
        pa.chunked_array([whole[:7], holes[7:7], holes[7:11], whole[11:]]),
        np.where(mask & (np.arange(50) >= 7) & (np.arange(50) < 11), np.nan, plain),
    )


@pytest.mark.parametrize("kind", [pa.int64(), pa.uint64()], ids=str)
def test_wide_integers_round_to_nearest(model, kind):
    top = 2**63 - 1 if kind == pa.int64() else 2**64 - 1
    values = [0, 2**53 + 1, 2**53 + 3, top]
    check(model, pa.array(values, kind), [float(value) for value in values])


def test_booleans(model):
    values = [True, False, None, True] * 10
    plain = [1.0, 0.0, np.nan, 1.0] * 10
    check(model, pa.array(values), plain)
    check(model, pa.array([False, *values]).slice(1), plain)
    check(model, pa.chunked_array([values[:3], values[3:]]), plain)


def test_all_null(model):
    for kind in (pa.null(), pa.float64(), pa.int32(), pa.bool_()):
        check(model, pa.nulls(9, kind), np.full(9, np.nan))


@pytest.mark.parametrize(
    "kind",
    [pa.decimal32(7, 3), pa.decimal64(15, 3), pa.decimal128(20, 3), pa.decimal256(60, 3)],
    ids=str,
)
def test_decimals(model, kind):
    values = [
        Decimal("0.1").quantize(Decimal("0.001")),
        Decimal("-37.125"),
        None,
        Decimal("12.345"),
    ]
    check(model, pa.array(values, kind), [0.1, -37.125, np.nan, 12.345])


def test_decimals_are_correctly_rounded(model):
    """Digits beyond 53 bits: the nearest float64, not the quotient of two rounded numbers."""
    values = [
        Decimal("9007199254740993.7"),
        Decimal("0.3000000000000000166"),
        Decimal("-123456789012345678.9"),
    ]
    for value in values:
        places = -value.as_tuple().exponent
        column = pa.array([value], pa.decimal128(38, places))
        import lightgbm as lgb

        threshold = float(value)
        x = np.array([[np.nextafter(threshold, -np.inf)], [threshold]] * 50)
        booster = lgb.train(
            {"verbose": -1, "min_data_in_leaf": 1, "min_data_in_bin": 1},
            lgb.Dataset(x, x[:, 0] == threshold, feature_name=["a"]),
            1,
        )
        exact = fastscore.import_model(booster)
        found = exact.predict(pa.table({"a": column})).to_numpy()
        np.testing.assert_array_equal(found, exact.predict(np.array([[threshold]])))


@pytest.mark.parametrize(
    "index", [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint32()], ids=str
)
def test_dictionaries_of_numbers_count_by_value(model, index):
    codes = pa.array([2, 0, None, 1, 3], index)
    values = pa.array([30.5, -7.0, 88.0, None])
    check(model, pa.DictionaryArray.from_arrays(codes, values), [88.0, 30.5, np.nan, -7.0, np.nan])


def test_run_end_encoded_numbers_are_read_or_refused(model):
    column = pa.RunEndEncodedArray.from_arrays(pa.array([2, 5], pa.int32()), pa.array([1.5, -2.5]))
    table = pa.table({"a": column, "b": pa.array(np.zeros(5))})
    try:
        found = model.predict(table).to_numpy()
    except fastscore.SchemaError:
        return
    expected = model.predict(np.c_[[1.5, 1.5, -2.5, -2.5, -2.5], np.zeros(5)])
    np.testing.assert_array_equal(found, expected)


REFUSED = {
    "string": pa.array(["1.5"]),
    "large_string": pa.array(["1.5"], pa.large_string()),
    "string_view": pa.array(["1.5"], pa.string_view()),
    "dictionary of strings": pa.array(["1.5"]).dictionary_encode(),
    "binary": pa.array([b"1"]),
    "date32": pa.array([1], pa.date32()),
    "date64": pa.array([86_400_000], pa.date64()),
    "timestamp": pa.array([1], pa.timestamp("us")),
    "timestamp with zone": pa.array([1], pa.timestamp("us", "UTC")),
    "time32": pa.array([1], pa.time32("s")),
    "duration": pa.array([1], pa.duration("s")),
    "list": pa.array([[1.0]]),
    "fixed list": pa.array([[1.0]], pa.list_(pa.float64(), 1)),
    "struct": pa.array([{"x": 1.0}]),
    "map": pa.array([[("x", 1.0)]], pa.map_(pa.string(), pa.float64())),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_other_types_are_refused_only_where_used(model, kind):
    column = REFUSED[kind]
    b = pa.array([1.0])
    with pytest.raises(fastscore.SchemaError, match='"a"') as caught:
        model.predict(pa.table({"a": column, "b": b}))
    assert "cast" in str(caught.value)
    expected = model.predict(np.array([[2.0, 1.0]]))
    unused = pa.table({"a": pa.array([2.0]), "other": column, "b": b})
    np.testing.assert_array_equal(model.predict(unused).to_numpy(), expected)


def test_the_error_of_a_text_column_says_what_to_write(model):
    with pytest.raises(fastscore.SchemaError) as caught:
        model.predict(pa.table({"a": ["1.5"], "b": [1.0]}))
    text = str(caught.value)
    assert '"a"' in text
    assert "Utf8" in text or "string" in text.lower()
    assert "pl.Float64" in text


@pytest.mark.parametrize("rows", [0, 1, 2, 511, 512, 513, 5000])
def test_row_counts_and_odd_chunks(model, rows):
    rng = np.random.default_rng(rows)
    x = rng.normal(size=(rows, 2)) * 50
    expected = model.predict(x)
    cuts = np.sort(rng.integers(0, rows + 1, 6))
    chunks = [pa.array(part) for part in np.split(x[:, 0], cuts)]
    table = pa.table({"a": pa.chunked_array(chunks, pa.float64()), "b": x[:, 1]})
    np.testing.assert_array_equal(model.predict(table).to_numpy(), expected)
    assert len(model.predict(table)) == rows


def test_offsets_inside_nested_slices(model):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100, 2)) * 50
    mask = rng.random(100) < 0.2
    batch = pa.record_batch({"a": pa.array(x[:, 0], mask=mask), "b": x[:, 1]})
    plain = x.copy()
    plain[mask, 0] = np.nan
    expected = model.predict(plain)
    for start, length in ((0, 100), (1, 50), (7, 0), (13, 64), (63, 37)):
        part = batch.slice(3).slice(start, length)
        struct = part.to_struct_array()
        for data in (part, pa.Table.from_batches([part]), struct):
            found = np.asarray(model.predict(data))
            np.testing.assert_array_equal(found, expected[3 + start :][:length])


def test_null_rows_of_a_struct_are_null(model):
    struct = pa.StructArray.from_arrays(
        [pa.array([1.0, 2.0]), pa.array([3.0, 4.0])], ["a", "b"], mask=pa.array([False, True])
    )
    found = np.asarray(model.predict(struct))
    expected = model.predict(np.array([[1.0, 3.0], [np.nan, np.nan]]))
    np.testing.assert_array_equal(found, expected)


def test_results_outlive_the_model_and_the_data(model):
    import gc

    x = np.random.default_rng(0).normal(size=(1000, 2))
    table = pa.table({"a": x[:, 0], "b": x[:, 1]})
    expected = model.predict(x).copy()
    found = model.predict(table)
    del table, x
    gc.collect()
    np.testing.assert_array_equal(found.to_numpy(), expected)


def test_labels_keep_their_arrow_type(models, frame):
    table = pa.Table.from_pandas(frame, preserve_index=False)
    types = {
        "forest labels": pa.types.is_string,
        "forest binary": pa.types.is_boolean,
        "forest integers": pa.types.is_int64,
        "lgbm binary": pa.types.is_int64,
    }
    for name, check_type in types.items():
        found = models[name].predict(table)
        assert check_type(found.type), found.type
        np.testing.assert_array_equal(
            np.array(found.to_pylist()), models[name].predict(frame).to_numpy()
        )


class Broken:
    """A producer that fails, or hands over something else."""

    def __init__(self, answer):
        self.answer = answer

    def __arrow_c_stream__(self, requested_schema=None):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_broken_producers(model):
    with pytest.raises(RuntimeError, match="out of order"):
        model.predict(Broken(RuntimeError("out of order")))
    for answer in (None, 1, "x", (1, 2)):
        with pytest.raises((TypeError, ValueError)):
            model.predict(Broken(answer))

    def failing():
        yield pa.record_batch({"a": [1.0], "b": [1.0]})
        raise OSError("the disk is gone")

    schema = pa.schema({"a": pa.float64(), "b": pa.float64()})
    with pytest.raises((OSError, ValueError), match="the disk is gone"):
        model.predict(pa.RecordBatchReader.from_batches(schema, failing()))


def test_arrays_that_are_no_tables(model):
    for data in (pa.array([1.0, 2.0]), pa.chunked_array([[1.0]])):
        with pytest.raises((TypeError, fastscore.SchemaError), match=r"struct|table|columns"):
            model.predict(data)
