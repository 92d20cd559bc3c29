"""Every container in, the same container out: values, shapes, types and names."""

import fastscore
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
from fastscore._containers import _pandas
from fastscore._layout import OUTPUTS

MODELS = [
    "tree labels",
    "tree values",
    "forest labels",
    "forest binary",
    "forest integers",
    "forest values",
    "forest several values",
    "forest several labels",
    "linear",
    "linear several",
    "logistic binary",
    "logistic labels",
    "lgbm labels",
    "lgbm binary",
    "lgbm values",
    "booster",
]
CASES = [
    (name, output)
    for name in MODELS
    for output in OUTPUTS
    if output not in ("score", "transform")
    and not (output == "leaf" and name.startswith(("linear", "logistic")))
    and not (output == "probability" and ("values" in name or name.startswith(("linear", "boost"))))
]


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def case(request, models):
    name, output = request.param
    return models[name], output


def single(model, output) -> bool:
    return len(names_of(model, output)) == 1 and output in ("prediction", "margin")


def names_of(model, output) -> list:
    return [name for group in model._core.column_names(output) for name in group]


def flat(model, x, output) -> np.ndarray:
    """The output by NumPy, as one (n, columns) array."""
    found = model.score(x, output=output)
    if isinstance(found, list):
        found = [part.reshape(len(x), -1) for part in found]
        return np.concatenate(found, axis=1)
    return found.reshape(len(x), -1)


def same(columns: dict, model, x, output) -> None:
    """Columns of any library against NumPy's."""
    expected = flat(model, x, output)
    assert list(columns) == names_of(model, output)
    for j, values in enumerate(columns.values()):
        np.testing.assert_array_equal(np.asarray(values), expected[:, j])


class TestNumpy:
    def test_shapes_and_types(self, case, x, sources):
        model, output = case
        found = model.score(x, output=output)
        n = len(x)
        several = len(model._structure["targets"]) > 1
        if output == "leaf":
            assert found.dtype == np.int32
            assert found.ndim == 2
        elif isinstance(found, list):
            assert several
            assert all(part.shape[0] == n and part.dtype == np.float64 for part in found)
        elif output == "probability":
            assert found.shape == (n, len(model.classes_))
            assert found.dtype == np.float64
        elif single(model, output):
            assert found.shape == (n,)
        else:
            assert found.shape == (n, len(names_of(model, output)))
        if output == "prediction":
            labels = getattr(model, "classes_", None)
            if labels is not None:
                labels = labels[0] if isinstance(labels, list) else labels
            assert found.dtype == (np.float64 if labels is None else labels.dtype)

    def test_no_rows(self, case, x):
        model, output = case
        full, empty = (model.score(data, output=output) for data in (x, x[:0]))
        full, empty = ([part] if not isinstance(part, list) else part for part in (full, empty))
        for a, b in zip(full, empty, strict=True):
            assert b.shape == (0, *a.shape[1:])
            assert b.dtype == a.dtype

    @pytest.mark.parametrize(
        "change",
        [
            np.asfortranarray,
            lambda x: x.astype(">f8"),
            lambda x: np.repeat(np.repeat(x, 2, axis=0), 3, axis=1)[::2, ::3],
            lambda x: x[::-1][::-1],
            lambda x: x.view(np.ndarray).tolist(),
            lambda x: tuple(map(tuple, x)),
            lambda x: x.astype(object),
            np.ma.masked_array,
            lambda x: (
                np.frombuffer(b"\0" + x.tobytes(), dtype=np.uint8)[1:].view("f8").reshape(x.shape)
            ),
            sp.csr_matrix,
            sp.csr_array,
            sp.csc_matrix,
            sp.coo_array,
        ],
    )
    def test_forms_of_one_matrix(self, case, x, change):
        model, output = case
        expected, found = model.score(x, output=output), model.score(change(x), output=output)
        if isinstance(expected, list):
            assert all(np.array_equal(a, b) for a, b in zip(expected, found, strict=True))
        else:
            np.testing.assert_array_equal(found, expected)
            assert found.dtype == expected.dtype

    @pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
    def test_matrix_class(self, models, x):
        found = models["tree values"].predict(np.asmatrix(x))
        assert type(found) is np.ndarray
        assert found.shape == (len(x),)

    def test_negative_strides(self, models, x):
        model = models["forest values"]
        np.testing.assert_array_equal(model.predict(x[::-1]), model.predict(x)[::-1])

    @pytest.mark.parametrize(
        "dtype", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?", "f2", "f4", ">i4", ">f4"]
    )
    def test_dtypes_convert_value_by_value(self, models, x, dtype):
        values = np.abs(x * 40).astype(dtype)
        for name in ("tree values", "lgbm values", "linear"):
            np.testing.assert_array_equal(
                models[name].predict(values), models[name].predict(values.astype(float))
            )

    @pytest.mark.parametrize("dtype", ["g", "G", "D", "U8", "S8", "M8[s]", "m8[s]"])
    def test_other_dtypes_are_refused(self, models, dtype):
        with pytest.raises(fastscore.SchemaError, match=r"can't be scored|has the type str"):
            models["tree values"].predict(np.zeros((3, 6), dtype=dtype))

    def test_dimensions(self, models, x):
        model = models["tree values"]
        with pytest.raises(ValueError, match=r"reshape\(-1, 1\)"):
            model.predict(x[0])
        with pytest.raises(ValueError, match="got 0D"):
            model.predict(np.array(1.0))
        with pytest.raises(ValueError, match="got 3D"):
            model.predict(x[None])
        with pytest.raises(ValueError, match=r"reshape\(-1, 1\)"):
            model.predict([1.0, 2.0])

    def test_structured_arrays_are_refused_with_a_hint(self, models):
        array = np.zeros(3, dtype=[("a", "f8"), ("b", "f8")])
        with pytest.raises(fastscore.SchemaError, match=r"dtype\.names"):
            models["tree values"].predict(array)

    def test_masked_entries_are_null(self, models, x):
        mask = np.zeros_like(x, dtype=bool)
        mask[3, 1] = True
        with_nan = np.where(mask, np.nan, x)
        for name in ("lgbm values", "tree values"):
            found = models[name].predict(np.ma.masked_array(x, mask))
            np.testing.assert_array_equal(found, models[name].predict(with_nan))
        ints = np.ma.masked_array((x * 10).astype(int), mask)
        expected = np.where(mask, np.nan, (x * 10).astype(int))
        np.testing.assert_array_equal(
            models["lgbm values"].predict(ints), models["lgbm values"].predict(expected)
        )

    def test_objects_convert_one_by_one(self, models, x):
        from decimal import Decimal
        from fractions import Fraction

        rows = x[:6].astype(object)
        rows[0, 0], rows[1, 1], rows[2, 2] = None, float("nan"), pd.NA
        rows[3, 3], rows[4, 4], rows[5, 5] = True, Decimal("0.1"), Fraction(1, 3)
        plain = x[:6].copy()
        plain[0, 0] = plain[1, 1] = plain[2, 2] = np.nan
        plain[3, 3], plain[4, 4], plain[5, 5] = 1.0, 0.1, 1 / 3
        model = models["lgbm values"]
        np.testing.assert_array_equal(model.predict(rows), model.predict(plain))
        used = model._core.features_read.index(True)
        rows[0, used] = "1.5"
        with pytest.raises(fastscore.SchemaError, match="str"):
            model.predict(rows)

    def test_integers_beyond_float64_are_refused(self, models, x):
        rows = x[:2].astype(object)
        rows[0, 0] = 10**400
        with pytest.raises(fastscore.SchemaError, match="beyond"):
            models["tree values"].predict(rows)

    def test_ragged_lists(self, models):
        with pytest.raises(ValueError, match="equal length"):
            models["tree values"].predict([[1.0, 2.0], [1.0]])


class TestSparse:
    def test_absent_is_zero_and_duplicates_add_up(self, models):
        model = models["lgbm values"]
        dense = np.zeros((2, 6))
        dense[0, 1], dense[1, 4] = 0.75, -2.0
        doubled = sp.csr_matrix(
            (np.array([0.5, 0.25, -2.0]), np.array([1, 1, 4]), np.array([0, 2, 3])), shape=(2, 6)
        )
        np.testing.assert_array_equal(model.predict(doubled), model.predict(dense))
        assert doubled.nnz == 3

    def test_wide_indexes_and_unsorted_entries(self, models, x):
        model = models["lgbm values"]
        matrix = sp.csr_array(np.where(np.abs(x) > 0.5, x, 0.0))
        expected = model.predict(matrix.toarray())
        wide = matrix.copy()
        wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
        np.testing.assert_array_equal(model.predict(wide), expected)
        order = np.concatenate(
            [np.arange(a, b)[::-1] for a, b in zip(matrix.indptr, matrix.indptr[1:], strict=False)]
        )
        backwards = sp.csr_array(
            (matrix.data[order], matrix.indices[order], matrix.indptr), shape=matrix.shape
        )
        np.testing.assert_array_equal(model.predict(backwards), expected)

    def test_width_must_match(self, models):
        with pytest.raises(fastscore.SchemaError, match="5 columns"):
            models["lgbm values"].predict(sp.csr_matrix((3, 5)))

    def test_no_rows(self, models):
        assert models["lgbm values"].predict(sp.csr_matrix((0, 6))).shape == (0,)

    def test_complex_is_refused(self, models):
        with pytest.raises(fastscore.SchemaError, match="complex"):
            models["lgbm values"].predict(sp.csr_matrix((3, 6), dtype=complex))


class TestPandas:
    @pytest.fixture(params=["few", "blocks", "columns"], autouse=True)
    def way(self, request, monkeypatch):
        """A few rows go by a short way, others by pandas' blocks or its columns: all must agree."""
        if request.param != "few":
            monkeypatch.setattr(_pandas, "_few", lambda *_: None)
        if request.param == "columns":
            monkeypatch.setattr(_pandas, "_blocks", lambda *_: [])

    def test_comes_back_with_its_index(self, case, frame, x):
        model, output = case
        found = model.score(frame, output=output)
        if single(model, output):
            assert isinstance(found, pd.Series)
            assert found.name == output
            columns = {found.name: found}
        else:
            assert isinstance(found, pd.DataFrame)
            columns = {name: found[name] for name in found.columns}
        assert found.index is frame.index
        same(columns, model, x, output)

    def test_no_rows_have_the_same_types(self, case, frame):
        model, output = case
        for missing in ("source", "propagate"):
            full = model.score(frame, output=output, missing=missing)
            empty = model.score(frame.iloc[:0], output=output, missing=missing)
            if isinstance(full, pd.Series):
                assert empty.dtype == full.dtype
            else:
                pd.testing.assert_series_equal(empty.dtypes, full.dtypes)

    @pytest.mark.parametrize("backend", ["numpy_nullable", "pyarrow"])
    def test_nullable_and_arrow_backed(self, models, frame, backend):
        holes = frame.copy()
        holes.iloc[4, 1] = holes.iloc[7, 2] = np.nan
        model = models["lgbm values"]
        converted = holes.convert_dtypes(dtype_backend=backend)
        assert converted.dtypes.map(lambda dtype: not isinstance(dtype, np.dtype)).all()
        pd.testing.assert_series_equal(model.predict(converted), model.predict(holes))

    def test_mixed_blocks(self, models, frame):
        mixed = frame.assign(
            visits=frame["visits"].astype("int16"),
            zone=(frame["zone"] > 0).astype("boolean"),
            rate=frame["rate"].astype("float32"),
            age=pd.arrays.SparseArray(frame["age"].round()),
        )
        plain = frame.assign(
            zone=(frame["zone"] > 0).astype(float),
            rate=frame["rate"].astype("float32").astype(float),
            age=frame["age"].round(),
        )
        for name in ("lgbm values", "forest values"):
            pd.testing.assert_series_equal(models[name].predict(mixed), models[name].predict(plain))

    def test_large_frames_of_one_dtype_and_of_several_blocks(self, models, frame):
        model = models["forest values"]
        large = pd.concat([frame] * 60)
        expected = np.tile(model.predict(frame).to_numpy(), 60)
        np.testing.assert_array_equal(model.predict(large), expected)
        split = pd.concat(
            [large[["age", "rate"]], large[frame.columns.drop(["age", "rate"])]], axis=1
        )
        np.testing.assert_array_equal(model.predict(split), expected)

    def test_the_only_block_may_have_columns_in_any_order(self, models, x, frame):
        order = np.array([3, 0, 5, 1, 4, 2])
        mixed = pd.DataFrame(x.copy(), columns=frame.columns)
        (block,) = mixed._mgr.blocks
        block.values[:] = block.values[order]
        block.mgr_locs = type(block.mgr_locs)(order)
        mixed._mgr._rebuild_blknos_and_blklocs()
        np.testing.assert_array_equal(mixed["age"], frame["age"])
        for name in ("forest values", "lgbm values"):
            want = models[name].predict(frame).to_numpy()
            for given in (mixed, mixed[frame.columns[order]]):
                np.testing.assert_array_equal(models[name].predict(given), want)

    def test_integer_labels_are_no_names(self, models, x, frame):
        model = models["forest values"]
        found = model.predict(pd.DataFrame(x))
        np.testing.assert_array_equal(found, model.predict(frame).to_numpy())
        with pytest.raises(fastscore.SchemaError, match="5 columns"):
            model.predict(pd.DataFrame(x[:, :5]))

    def test_the_index_is_never_a_feature(self, models, frame):
        moved = frame.set_index("age", drop=True)
        with pytest.raises(fastscore.SchemaError, match="age"):
            models["forest values"].predict(moved)

    def test_multi_index_columns_are_refused(self, models, frame):
        wide = frame.copy()
        wide.columns = pd.MultiIndex.from_product([["a"], frame.columns])
        with pytest.raises(fastscore.SchemaError, match="MultiIndex"):
            models["forest values"].predict(wide)

    def test_duplicates_matter_only_where_used(self, models, frame):
        extra = frame.assign(note="x")
        extra = pd.concat([extra, extra[["note"]]], axis=1)
        model = models["forest values"]
        pd.testing.assert_series_equal(model.predict(extra), model.predict(frame))
        with pytest.raises(fastscore.SchemaError, match="age"):
            model.predict(pd.concat([frame, frame[["age"]]], axis=1))

    @pytest.mark.parametrize(
        ("values", "word"),
        [
            (pd.date_range("2024", periods=300), "datetime64"),
            (pd.to_timedelta(np.arange(300), unit="s"), "timedelta64"),
            (pd.period_range("2024", periods=300, freq="D"), "period"),
            (pd.date_range("2024", periods=300, tz="UTC"), "UTC"),
            (pd.interval_range(0, 300), "interval"),
            (np.arange(300) * 1j, "complex"),
            (["1.5"] * 300, "str"),
            (pd.Categorical(["a", "b", "c"] * 100), "category"),
            ([{}] * 300, "dict"),
            (pd.Series(["1.5"] * 300, dtype="string[python]"), "string"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_other_types_are_refused_only_where_used(self, models, frame, values, word):
        values = getattr(values, "array", values)
        model = models["forest values"]
        unused = frame.assign(other=values)
        pd.testing.assert_series_equal(model.predict(unused), model.predict(frame))
        with pytest.raises(fastscore.SchemaError, match=f"age.*{word}"):
            model.predict(frame.assign(age=values))

    def test_categories_of_numbers_count_by_value(self, models, frame):
        model = models["lgbm values"]
        codes = frame["visits"].astype("category").cat.set_categories([8, 1, 2, 3, 4, 5, 6, 7])
        plain = frame["visits"].where(frame["visits"] != 0)
        pd.testing.assert_series_equal(
            model.predict(frame.assign(visits=codes)), model.predict(frame.assign(visits=plain))
        )

    def test_objects(self, models, frame):
        model = models["lgbm values"]
        ages = frame["age"].astype(object)
        ages.iloc[:3] = [None, pd.NA, float("nan")]
        plain = frame["age"].copy()
        plain.iloc[:3] = np.nan
        pd.testing.assert_series_equal(
            model.predict(frame.assign(age=ages)), model.predict(frame.assign(age=plain))
        )

    def test_no_columns(self, models):
        with pytest.raises(fastscore.SchemaError, match="age"):
            models["forest values"].predict(pd.DataFrame(index=range(3)))

    def test_a_series_is_not_a_table(self, models, frame):
        with pytest.raises(TypeError, match="to_frame"):
            models["forest values"].predict(frame["age"])


class TestPolars:
    def test_comes_back(self, case, frame, x):
        model, output = case
        data = pl.DataFrame(frame)
        found = model.score(data, output=output)
        if single(model, output):
            assert isinstance(found, pl.Series)
            columns = {found.name: found}
        else:
            assert isinstance(found, pl.DataFrame)
            columns = {series.name: series for series in found}
        same(columns, model, x, output)

    def test_lazy_in_lazy_out(self, case, frame):
        model, output = case
        data = pl.DataFrame(frame)
        lazy = model.score(data.lazy(), output=output)
        assert isinstance(lazy, pl.LazyFrame)
        eager = model.score(data, output=output)
        eager = eager.to_frame() if isinstance(eager, pl.Series) else eager
        assert lazy.collect_schema() == eager.schema
        from polars.testing import assert_frame_equal

        assert_frame_equal(lazy.collect(), eager)
        name = eager.columns[0]
        assert_frame_equal(
            lazy.filter(pl.col(name).is_not_null()).select(name).head(7).collect(),
            eager.select(name).head(7),
        )

    def test_lazy_reads_only_the_columns_that_it_needs(self, models, frame):
        data = (
            pl.DataFrame(frame)
            .lazy()
            .with_columns(other=pl.lit("x").map_elements(lambda _: 1 / 0, return_dtype=pl.Int64))
        )
        found = models["forest values"].predict(data).collect()
        assert found.columns == ["prediction"]

    def test_lazy_refuses_missing_columns_at_once(self, models, frame):
        with pytest.raises(fastscore.SchemaError, match="age"):
            models["forest values"].predict(pl.DataFrame(frame).lazy().drop("age"))

    def test_no_rows(self, case, frame):
        model, output = case
        data = pl.DataFrame(frame)
        full, empty = (model.score(part, output=output) for part in (data, data.head(0)))
        if isinstance(full, pl.Series):
            assert empty.dtype == full.dtype
            assert len(empty) == 0
        else:
            assert empty.schema == full.schema
            assert empty.height == 0

    def test_chunks_and_slices(self, models, frame):
        data = pl.DataFrame(frame)
        parts = pl.concat([data[:7], data[7:8], data[8:]], rechunk=False)
        model = models["forest labels"]
        assert model.predict(parts).equals(model.predict(data))
        assert model.predict(data[10:50:3]).equals(model.predict(data)[10:50:3])

    @pytest.mark.parametrize(
        "kind", [pl.Null, pl.Int128, pl.UInt128, pl.Float32, pl.UInt8, pl.Boolean]
    )
    def test_types_of_its_own(self, models, frame, kind):
        data = pl.DataFrame(frame).with_columns(pl.col("visits").cast(pl.UInt8))
        value = None if kind == pl.Null else 1
        changed = data.with_columns(
            visits=pl.lit(value, dtype=kind), other=pl.lit(None, dtype=kind)
        )
        plain = data.with_columns(visits=pl.lit(value, dtype=pl.Float64))
        model = models["lgbm values"]
        assert model.predict(changed).equals(model.predict(plain))
        assert model.predict(changed.lazy()).collect().to_series().equals(model.predict(plain))
        columns = {series.name: series for series in changed}
        assert model.predict(columns)["prediction"].tolist() == model.predict(plain).to_list()

    def test_object_columns_matter_only_where_used(self, models, frame):
        data = pl.DataFrame(frame)
        thing = pl.Series("thing", [object()] * data.height, dtype=pl.Object)
        model = models["forest values"]
        assert model.predict(data.with_columns(thing)).equals(model.predict(data))
        with pytest.raises(fastscore.SchemaError, match="Object"):
            model.predict(data.with_columns(thing.alias("age")))

    def test_a_series_is_not_a_table(self, models, frame):
        with pytest.raises(TypeError, match="to_frame"):
            models["forest values"].predict(pl.DataFrame(frame)["age"])


class TestArrow:
    def test_table_and_batch(self, case, frame, x):
        model, output = case
        table = pa.Table.from_pandas(frame, preserve_index=False)
        batch = table.combine_chunks().to_batches()[0]
        from_table, from_batch = (model.score(data, output=output) for data in (table, batch))
        if single(model, output):
            assert isinstance(from_table, pa.ChunkedArray)
            assert isinstance(from_batch, pa.Array)
            same({output: from_table.to_numpy()}, model, x, output)
            same({output: from_batch.to_numpy(zero_copy_only=False)}, model, x, output)
        else:
            assert isinstance(from_table, pa.Table)
            assert isinstance(from_batch, pa.RecordBatch)
            for found in (from_table, from_batch):
                columns = {name: found.column(name).to_pandas() for name in found.schema.names}
                same(columns, model, x, output)

    def test_no_rows(self, case, frame):
        model, output = case
        table = pa.Table.from_pandas(frame, preserve_index=False)
        full, empty = (model.score(part, output=output) for part in (table, table.slice(0, 0)))
        assert len(empty) == 0
        if single(model, output):
            assert empty.type == full.type
        else:
            assert empty.schema == full.schema

    def test_other_producers_get_an_object(self, case, frame, x):
        model, output = case
        table = pa.Table.from_pandas(frame, preserve_index=False)

        class Stream:
            def __arrow_c_stream__(self, requested_schema=None):
                return table.__arrow_c_stream__(requested_schema)

        class Array:
            def __arrow_c_array__(self, requested_schema=None):
                return table.combine_chunks().to_batches()[0].__arrow_c_array__(requested_schema)

        for data in (Stream(), Array(), table.to_reader(max_chunksize=11)):
            found = model.score(data, output=output)
            np.testing.assert_array_equal(
                np.asarray(found).reshape(len(x), -1), flat(model, x, output)
            )
            assert found.column_names == names_of(model, output)
            assert len(found) == len(x)
            if single(model, output):
                same({output: pa.array(found).to_numpy(zero_copy_only=False)}, model, x, output)
                assert len(pa.chunked_array(found)) == len(x)
            else:
                assert pa.table(found).column_names == names_of(model, output)
                assert pa.record_batch(found).num_rows == len(x)

    def test_as_numpy(self, models, frame):
        table = pa.Table.from_pandas(frame, preserve_index=False)
        found = models["forest values"].predict(table.to_reader())
        assert np.asarray(found, dtype=np.float32).dtype == np.float32
        assert repr(found) == "<fastscore.ArrowResult: 300 rows, prediction>"


class TestDicts:
    def test_columns(self, case, frame, x):
        model, output = case
        found = model.score(frame.to_dict("list"), output=output)
        assert isinstance(found, dict)
        assert all(isinstance(values, np.ndarray) for values in found.values())
        same(found, model, x, output)

    @pytest.mark.parametrize(
        "change",
        [
            np.asarray,
            list,
            tuple,
            pa.array,
            lambda v: pa.chunked_array([v[:7], v[7:]]),
            pl.Series,
            pd.Series,
            pd.Index,
            lambda v: pd.array(v, dtype="Float64"),
            np.ma.masked_array,
            lambda v: np.asarray(v, dtype=object),
        ],
    )
    def test_kinds_of_columns(self, models, frame, x, change):
        model = models["forest values"]
        data = {name: frame[name].to_numpy() for name in frame}
        data["age"] = change(data["age"])
        np.testing.assert_array_equal(model.predict(data)["prediction"], model.predict(x))

    def test_unequal_lengths_name_the_columns(self, models):
        with pytest.raises(fastscore.SchemaError, match=r"'age': 3, 'income': 2"):
            models["forest values"].predict({"age": [1, 2, 3], "income": [1, 2]})

    @pytest.mark.parametrize(
        "value", [1.0, "1.0", b"12", None, np.float64(1), np.array(1.0), np.zeros((2, 2))]
    )
    def test_scalars_are_refused(self, models, value):
        with pytest.raises(TypeError, match="column 'age'"):
            models["forest values"].predict({"age": value})

    def test_keys_must_be_str(self, models):
        with pytest.raises(TypeError, match="keys"):
            models["forest values"].predict({0: [1.0]})

    def test_text_is_never_parsed(self, models, frame):
        data = frame.to_dict("list") | {"age": ["1.5"] * len(frame)}
        with pytest.raises(fastscore.SchemaError, match="str"):
            models["forest values"].predict(data)

    def test_no_columns(self, models):
        with pytest.raises(fastscore.SchemaError, match="age"):
            models["forest values"].predict({})


class TestRows:
    def test_comes_back(self, case, frame, x):
        model, output = case
        found = model.score(frame.to_dict("records"), output=output)
        assert isinstance(found, list)
        assert len(found) == len(x)
        if single(model, output):
            assert all(type(value) in (float, int, str, bool) for value in found)
            same({output: found}, model, x, output)
        else:
            columns = {name: [row[name] for row in found] for name in found[0]}
            assert all(type(v) in (float, int, str, bool) for v in found[0].values())
            same(columns, model, x, output)

    def test_empty(self, models):
        assert models["forest values"].predict([]) == []

    def test_a_key_that_a_row_lacks_is_null(self, models, frame):
        model = models["lgbm values"]
        rows = frame.head(3).to_dict("records")
        del rows[1]["age"]
        expected = frame.head(3).copy()
        expected.iloc[1, 0] = np.nan
        assert model.predict(rows) == model.predict(expected).tolist()

    def test_a_key_that_all_rows_lack_is_a_missing_column(self, models, frame):
        rows = frame.drop(columns="age").head(3).to_dict("records")
        with pytest.raises(fastscore.SchemaError, match="age"):
            models["lgbm values"].predict(rows)

    def test_dicts_and_lists_do_not_mix(self, models):
        with pytest.raises(TypeError, match="row 1"):
            models["lgbm values"].predict([{"age": 1.0}, [1.0]])

    def test_text_in_an_unused_column(self, models, frame):
        rows = [row | {"note": "x"} for row in frame.head(3).to_dict("records")]
        model = models["forest values"]
        assert model.predict(rows) == model.predict(frame.head(3)).tolist()


@pytest.mark.parametrize(
    "data", [None, 1.0, "age", b"age", object(), range(3), {1.0}, (i for i in [1])]
)
def test_anything_else_is_a_type_error(models, data):
    with pytest.raises(TypeError, match="what is accepted"):
        models["forest values"].predict(data)
