"""Encoded columns: matched by value whatever holds them, never by a dictionary's physical code."""

import copy
import json
import pickle
from concurrent.futures import ThreadPoolExecutor

import fastscore
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from fastscore import _core
from fastscore.importers._builder import string_list
from scipy import sparse
from support import same_bits

BIG = [2**53, 2**53 + 1, 2**63 - 1, -(2**63), -1]
DTYPES = {"int": np.int64, "uint": np.uint64, "float": np.float64, "bool": np.uint8}


def encoding(feature, kind, values, /, **changes):
    """An encoding of the structure, and its tensors."""
    tensors = {}
    entry = {
        "feature": feature,
        "kind": kind,
        "values": f"values.{feature}",
        "unknown": "missing",
        "matrix": "codes",
    } | changes
    if kind == "string":
        tensors |= string_list(f"values.{feature}", values)
    else:
        tensors[f"values.{feature}"] = np.array(values, dtype=DTYPES[kind])
    if entry["kind"] == "hash":
        entry["values"], tensors = None, {}
    if "codes" in changes:
        entry["codes"] = f"codes.{feature}"
        tensors[f"codes.{feature}"] = np.array(changes["codes"], dtype=float)
    return entry, tensors


def model_of(*encodings, n=None, names="abcdefgh", missing="accept", non_finite="accept"):
    """A model whose predictions are its features' numbers: codes where they are encoded."""
    n = n or len(encodings)
    tensors = {}
    for _, own in encodings:
        tensors |= own
    if names:
        tensors |= string_list("names", list(names[:n]))
    structure = {
        "features": {
            "count": n,
            "names": "names" if names else None,
            "match": "exact",
            "encodings": [entry for entry, _ in encodings],
        },
        "input": {"missing": missing, "non_finite": non_finite, "width": "float64"},
        "steps": [
            {"op": "link", "input": 0, "kind": {"name": "columns", "columns": list(range(n))}}
        ],
        "targets": [
            {
                "name": None,
                "classes": None,
                "margin": 1,
                "probability": None,
                "prediction": {"rule": "value", "value": 1},
            }
        ],
        "leaf": None,
        "source": {"library": "test", "version": "", "class": "Codes"},
    }
    return fastscore.Model(_core.Model.from_parts(json.dumps(structure), tensors))


def codes(model, data, **arguments):
    """The numbers that the steps see, as a plain array."""
    found = model.predict(data, **arguments)
    if isinstance(found, dict):
        found = np.column_stack(list(found.values()))
    if isinstance(found, list):
        found = np.array(
            [list(row.values()) if isinstance(row, dict) else row for row in found], dtype=float
        )
    found = np.asarray(found, dtype=float)
    return found[:, 0] if found.ndim == 2 and found.shape[1] == 1 else found


WORDS = ["red", "green", "blue", "", "Zürich and other long names", "日本"]
ROWS = ["blue", None, "red", "nowhere", "", "Zürich and other long names", "日本", "green", "Red"]
DUE = np.array([2, np.nan, 0, np.nan, 3, 4, 5, 1, np.nan])


@pytest.fixture(scope="module")
def words():
    return model_of(encoding(0, "string", WORDS))


def text_arrays():
    """The rows as every Arrow array of strings."""
    yield "string", pa.array(ROWS, pa.string())
    yield "large_string", pa.array(ROWS, pa.large_string())
    yield "string_view", pa.array(ROWS, pa.string_view())
    for index in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"):
        keys = pa.array([0, None, 1, 2, 3, 4, 5, 6, 7], getattr(pa, index)())
        values = [row for row in ROWS if row is not None]
        yield (
            f"dictionary {index}",
            pa.DictionaryArray.from_arrays(keys, pa.array(values, pa.large_string())),
        )
    # A dictionary with a null of its own, values that no row has, and one twice.
    values = pa.array(["x", *ROWS, "y", "blue"], pa.string_view())
    keys = pa.array([11, 2, 3, 4, 5, 6, 7, 8, 9], pa.int32())
    yield "dictionary with nulls", pa.DictionaryArray.from_arrays(keys, values)


ARRAYS = dict(text_arrays())


class TestText:
    @pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
    def test_every_arrow_type(self, words, array):
        same_bits(codes(words, pa.table({"a": array})), DUE)
        same_bits(codes(words, pa.record_batch({"a": array})), DUE)

    @pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
    def test_slices_chunks_and_no_rows(self, words, array):
        for start in range(len(ROWS) + 1):
            for stop in range(start, len(ROWS) + 1):
                part = array.slice(start, stop - start)
                same_bits(codes(words, pa.table({"a": part})), DUE[start:stop])
        chunks = pa.chunked_array([array.slice(0, 2), array.slice(2, 0), array.slice(2), array])
        same_bits(codes(words, pa.table({"a": chunks})), np.concatenate([DUE, DUE]))

    def test_chunks_of_different_dictionaries(self, words):
        parts = [["red", "blue"], ["blue", "red"], ["green"], [], ["nowhere", None]]
        chunks = [pa.array(part, pa.string()).dictionary_encode() for part in parts]
        same_bits(
            codes(words, pa.table({"a": pa.chunked_array(chunks)})),
            np.array([0, 2, 2, 0, 1, np.nan, np.nan]),
        )

    def test_a_dictionary_larger_than_the_data(self, words):
        values = [f"{i}" for i in range(1000)] + ["green"]
        keys = pa.array([1000, 3, None], pa.int32())
        array = pa.DictionaryArray.from_arrays(keys, pa.array(values))
        same_bits(codes(words, pa.table({"a": array})), np.array([1, np.nan, np.nan]))

    @pytest.mark.parametrize(
        "dtype", [object, "str", "string", "string[python]", "category", "string[pyarrow]"]
    )
    def test_pandas(self, words, dtype):
        frame = pd.DataFrame({"a": pd.Series(ROWS, dtype=dtype)})
        same_bits(codes(words, frame), DUE)
        same_bits(codes(words, frame[::-2]), DUE[::-2])
        same_bits(codes(words, frame[:0]), DUE[:0])

    def test_pandas_arrow_backed(self, words):
        for array in ARRAYS.values():
            series = pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([array])))
            same_bits(codes(words, pd.DataFrame({"a": series})), DUE)

    def test_pandas_categories_in_any_order_and_with_strangers(self, words):
        order = ["nowhere", "日本", "green", "unused", *WORDS[2:5], "Red", "red"]
        series = pd.Series(pd.Categorical(ROWS, categories=order))
        same_bits(codes(words, pd.DataFrame({"a": series})), DUE)
        same_bits(codes(words, pd.DataFrame({"a": series.iloc[:3]})), DUE[:3])
        empty = pd.Categorical([None, None], categories=[])
        same_bits(codes(words, pd.DataFrame({"a": empty})), np.full(2, np.nan))

    @pytest.mark.parametrize("dtype", [object, "string[python]", "string[pyarrow]"])
    def test_pandas_categories_of_any_text(self, words, dtype):
        """Before pandas 3 text is Python objects, so its categories are."""
        categories = pd.Index([row for row in dict.fromkeys(ROWS) if row is not None], dtype=dtype)
        series = pd.Series(pd.Categorical(ROWS, categories=categories))
        assert series.cat.categories.dtype == dtype
        same_bits(codes(words, pd.DataFrame({"a": series})), DUE)

    def test_polars(self, words):
        for dtype in (pl.String, pl.Categorical, pl.Enum([row for row in ROWS if row is not None])):
            frame = pl.DataFrame({"a": pl.Series(ROWS, dtype=dtype)})
            same_bits(codes(words, frame), DUE)
            same_bits(codes(words, frame[2:5]), DUE[2:5])
            same_bits(codes(words, pl.concat([frame, frame], rechunk=False)), np.tile(DUE, 2))
            same_bits(codes(words, frame.lazy().collect()), DUE)
            lazy = words.predict(frame.lazy()).collect()
            same_bits(lazy.to_series().to_numpy(), DUE)

    def test_python(self, words):
        same_bits(codes(words, {"a": ROWS}), DUE)
        same_bits(codes(words, {"a": [float("nan") if r is None else r for r in ROWS]}), DUE)
        same_bits(codes(words, {"a": np.array(ROWS, dtype=object)}), DUE)
        same_bits(codes(words, {"a": np.array([r or "" for r in ROWS])[2:]}), DUE[2:])
        same_bits(codes(words, {"a": pd.Series(ROWS)}), DUE)
        same_bits(codes(words, {"a": pl.Series(ROWS)}), DUE)
        same_bits(codes(words, {"a": pa.array(ROWS)}), DUE)
        same_bits(codes(words, [{"a": row} for row in ROWS]), DUE)
        same_bits(codes(words, np.array(ROWS, dtype=object)[:, None]), DUE)
        same_bits(codes(words, [[row] for row in ROWS]), DUE)
        masked = np.ma.array([r or "x" for r in ROWS], mask=[r is None for r in ROWS])
        same_bits(codes(words, {"a": masked}), np.where(DUE == 3, np.nan, DUE))

    def test_nothing_but_nulls(self, words):
        for data in (
            {"a": [None, None]},
            {"a": np.full(2, np.nan)},
            pd.DataFrame({"a": [None, None]}),
            pd.DataFrame({"a": [np.nan, np.nan]}),
            pl.DataFrame({"a": [None, None]}),
            pa.table({"a": pa.nulls(2)}),
            pa.table({"a": pa.array([None, None]).dictionary_encode()}),
        ):
            same_bits(codes(words, data), np.full(2, np.nan))

    @pytest.mark.parametrize(
        "column",
        [pa.array([1, 2]), pa.array([True, False]), pa.array([1, 2]).dictionary_encode()],
    )
    def test_numbers_where_text_is_due(self, words, column):
        with pytest.raises(fastscore.SchemaError, match=r'"a" has the type .*text.*"red".*cast'):
            words.predict(pa.table({"a": column}))
        with pytest.raises(fastscore.SchemaError, match="text"):
            words.predict(pa.table({"a": column.slice(0, 0)}))

    def test_floats_where_text_is_due_may_be_missing_only(self, words):
        with pytest.raises(fastscore.SchemaError, match=r'"a" has in row 1 the number 2\.5'):
            words.predict({"a": [None, 2.5]})

    def test_a_mix_of_text_and_numbers(self, words):
        with pytest.raises(fastscore.SchemaError, match="mix of str and int"):
            words.predict({"a": ["red", 1]})

    def test_bytes_that_are_not_utf8(self, words):
        for kind in (pa.string(), pa.large_string()):
            offsets = np.array([0, 3, 5], dtype="i4" if kind == pa.string() else "i8")
            buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"red\xff\xfe")]
            array = pa.Array.from_buffers(kind, 2, buffers)
            for column in (array, pa.DictionaryArray.from_arrays([0, 1], array)):
                with pytest.raises(fastscore.SchemaError, match=r'"a".*row 1.*UTF-8'):
                    words.predict(pa.table({"a": column}))

    def test_offsets_and_views_outside_the_memory(self, words):
        offsets = pa.py_buffer(np.array([0, 1 << 20, 3], dtype="i4"))
        array = pa.Array.from_buffers(pa.string(), 2, [None, offsets, pa.py_buffer(b"red")])
        with pytest.raises(fastscore.SchemaError, match="row 0"):
            words.predict(pa.table({"a": array}))
        view = pa.py_buffer(np.array([100, 0, 7, 1 << 30], dtype="i4"))
        array = pa.Array.from_buffers(pa.string_view(), 1, [None, view])
        with pytest.raises(fastscore.SchemaError, match="row 0"):
            words.predict(pa.table({"a": array}))

    def test_keys_outside_the_dictionary(self, words):
        for key in (-1, 2, 127):
            keys = pa.array([0, key], pa.int8())
            array = pa.DictionaryArray.from_arrays(keys, ["red", "blue"], safe=False)
            with pytest.raises(fastscore.SchemaError, match=rf"row 1 the key {key} of 2 values"):
                words.predict(pa.table({"a": array}))


NUMBERS = [3, 1, -5, 1000]
NUMBER_ROWS = [1.0, 1000.0, None, -5.0, 2.0, 3.0]
NUMBER_DUE = np.array([1, 3, np.nan, 2, np.nan, 0])


class TestNumbers:
    @pytest.mark.parametrize("kind", ["int", "float"])
    @pytest.mark.parametrize(
        "dtype", ["int16", "int32", "int64", "float16", "float32", "float64", "decimal128"]
    )
    def test_every_arrow_type(self, kind, dtype):
        model = model_of(encoding(0, kind, NUMBERS))
        type_ = pa.decimal128(9, 2) if dtype == "decimal128" else getattr(pa, dtype)()
        array = pa.array(NUMBER_ROWS, pa.float64()).cast(type_)
        for column in (array, array.dictionary_encode()):
            same_bits(codes(model, pa.table({"a": column})), NUMBER_DUE)
            same_bits(codes(model, pa.table({"a": column.slice(1, 3)})), NUMBER_DUE[1:4])
            chunks = pa.chunked_array([column.slice(0, 2), column.slice(2)])
            same_bits(codes(model, pa.table({"a": chunks})), NUMBER_DUE)

    def test_unsigned_and_narrow(self):
        model = model_of(encoding(0, "float", [3, 1, 200]))
        for dtype in (pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()):
            array = pa.array([200, 1, 7, None], dtype)
            same_bits(codes(model, pa.table({"a": array})), np.array([2, 1, np.nan, np.nan]))
        same_bits(codes(model, pa.table({"a": pa.array([1, 3], pa.int8())})), np.array([1.0, 0]))

    def test_fractions_zeros_and_infinities(self):
        model = model_of(encoding(0, "float", [0.5, 0.0, np.inf, 1e300, 0.1]))
        rows = np.array([-0.0, 0.0, 0.5, np.inf, -np.inf, 1e300, 0.1, np.float32(0.1), np.nan])
        due = np.array([1, 1, 0, 2, np.nan, 3, 4, np.nan, np.nan])
        same_bits(codes(model, {"a": rows}), due)
        same_bits(codes(model, {"a": rows[::-2]}), due[::-2])

    def test_integers_beyond_float64(self):
        model = model_of(encoding(0, "int", BIG))
        rows = [2**53 + 1, 2**53 + 2, 2**63 - 1, 2**63 - 2, -(2**63), -1, 2**53]
        due = np.array([1, np.nan, 2, np.nan, 3, 4, 0])
        frame = pd.DataFrame({"a": rows})
        for data in (
            {"a": rows},
            frame,
            frame.astype("Int64"),
            frame.astype("category"),
            frame.astype("int64[pyarrow]"),
            pl.DataFrame({"a": rows}),
            pa.table({"a": pa.array(rows).dictionary_encode()}),
        ):
            same_bits(codes(model, data), due)
        # Floats are the numbers that they are: 2**63 is not 2**63 - 1.
        same_bits(codes(model, {"a": np.array([2.0**63, -(2.0**63), 2.0**53])}), [np.nan, 3.0, 0.0])

    def test_unsigned_beyond_int64(self):
        model = model_of(encoding(0, "uint", [2**64 - 1, 2**63, 5]))
        rows = np.array([2**63, 2**64 - 1, 5, 2**64 - 2], dtype=np.uint64)
        same_bits(codes(model, {"a": rows}), [1.0, 0.0, 2.0, np.nan])
        same_bits(codes(model, {"a": np.array([-1, 5])}), [np.nan, 2.0])
        same_bits(codes(model, {"a": np.array([2.0**63, 2.0**64])}), [1.0, np.nan])

    def test_booleans_are_numbers(self):
        for kind, values in (("bool", [1, 0]), ("int", [1, 0]), ("float", [1.0, 0.0])):
            model = model_of(encoding(0, kind, values))
            due = np.array([0, 1, np.nan])
            for data in (
                {"a": [True, False, None]},
                {"a": [1, 0, 2]},
                {"a": np.array([1.0, -0.0, 0.5])},
                pd.DataFrame({"a": pd.array([True, False, None], dtype="boolean")}),
                pd.DataFrame({"a": pd.Categorical([True, False, None])}),
                pl.DataFrame({"a": [True, False, None]}),
                pa.table({"a": pa.array([True, False, None]).dictionary_encode()}),
            ):
                same_bits(codes(model, data), due)

    def test_pandas(self):
        model = model_of(encoding(0, "int", NUMBERS))
        series = pd.Series(NUMBER_ROWS)
        for dtype in ("float64", "Float64", "Int64", "category", "int64[pyarrow]", object):
            found = pd.DataFrame({"a": series.astype(dtype)})
            same_bits(codes(model, found), NUMBER_DUE)
            same_bits(codes(model, found[::-1]), NUMBER_DUE[::-1])

    @pytest.mark.parametrize("column", [["1"], pd.Categorical(["1"]), pl.Series(["1"])])
    def test_text_where_numbers_are_due(self, column):
        model = model_of(encoding(0, "int", NUMBERS))
        with pytest.raises(fastscore.SchemaError, match=r'"a" has the type .*numbers \(3, 1, -5'):
            model.predict({"a": column})


class TestPolicies:
    def test_codes_and_missing_code(self):
        model = model_of(
            encoding(0, "string", ["x", "y"], codes=[7.5, -2], missing_code=9, unknown="missing"),
            encoding(1, "int", [4, 5], unknown="code", unknown_code=-1),
        )
        data = {"a": ["y", None, "x", "z"], "b": [4, 6, None, 5]}
        due = np.array([[-2, 0], [9, -1], [7.5, np.nan], [np.nan, 1]])
        for rows in (data, pd.DataFrame(data), pl.DataFrame(data), pa.table(data)):
            same_bits(codes(model, rows), due)
        frame = pd.DataFrame(data).astype("category")
        same_bits(codes(model, frame), due)

    @pytest.mark.parametrize("rows", [4, 5000])
    @pytest.mark.parametrize("missing", ["source", "propagate"])
    @pytest.mark.parametrize("kind", ["str", "category", "arrow"])
    def test_raise_names_column_row_count_and_value(self, rows, missing, kind):
        model = model_of(encoding(0, "string", ["x"], unknown="raise"), n=2, missing="refuse")
        column = np.full(rows, "x", dtype=object)
        column[rows // 2 :: 2] = 'q"z'
        column[rows - 1] = "other"
        data = pd.DataFrame({"b": np.zeros(rows), "a": column})
        data = data.astype({"a": "category"}) if kind == "category" else data
        data = pa.table(data) if kind == "arrow" else data
        count = len({*range(rows // 2, rows, 2), rows - 1})
        with pytest.raises(fastscore.UnknownCategoryError) as caught:
            model.predict(data, missing=missing, threads=2)
        message = str(caught.value)
        assert isinstance(caught.value, ValueError)
        for word in ('"a"', f"{count} value", f"row {rows // 2}", '"q\\"z"'):
            assert word in message
        # The model refuses what is missing: unknown="missing" would help where that becomes null.
        assert ('unknown={"a": "missing"}' in message) is (missing == "propagate")

    def test_raise_counts_only_values_in_use(self):
        model = model_of(encoding(0, "string", ["x"], unknown="raise"))
        column = pd.Categorical(["x", None], categories=["unused", "x"])
        same_bits(codes(model, pd.DataFrame({"a": column})), [0.0, np.nan])

    def test_raise_of_numbers(self):
        model = model_of(encoding(0, "int", [1], unknown="raise"))
        for data, value in (
            ({"a": [1, 2**60 + 1]}, 2**60 + 1),
            ({"a": [1, 2.5]}, 2.5),
            (pd.DataFrame({"a": pd.Categorical([1, 8])}), 8),
        ):
            with pytest.raises(fastscore.UnknownCategoryError, match=f"row 1: {value};"):
                model.predict(data)

    def test_missing_codes_are_refused_where_the_source_refuses_missing(self):
        model = model_of(encoding(0, "string", ["x"]), missing="refuse", non_finite="refuse")
        with pytest.raises(fastscore.MissingValueError, match=r'"a" has 2 .*row 1'):
            model.predict({"a": ["x", None, "x", None]})
        found = model.predict({"a": ["x", None]}, missing="propagate")["prediction"]
        same_bits(found, np.array([0, np.nan]))
        own = model_of(encoding(0, "string", ["x"], missing_code=3), missing="refuse")
        same_bits(codes(own, {"a": ["x", None]}), [0.0, 3.0])

    def test_infinite_values_are_values(self):
        model = model_of(encoding(0, "float", [np.inf, 1.0]), non_finite="refuse", n=2)
        same_bits(codes(model, {"a": [np.inf, 1.0], "b": [1, 2]}), np.array([[0.0, 1], [1, 2]]))
        with pytest.raises(fastscore.NonFiniteValueError, match='"b"'):
            model.predict({"a": [np.inf, 1.0], "b": [1, np.inf]})


class TestMatrices:
    def test_codes_or_values(self):
        x = np.array([[2.0, 20], [0, 10], [np.nan, np.nan], [7, 30]])
        model = model_of(
            encoding(0, "string", ["x", "y", "z"], matrix="codes"),
            encoding(1, "int", [10, 20], matrix="values"),
        )
        due = np.column_stack([x[:, 0], [1, 0, np.nan, np.nan]])
        for data in (
            x,
            np.asfortranarray(x),
            x.astype(np.float32),
            x.astype(object),
            x.tolist(),
            sparse.csr_matrix(x),
        ):
            same_bits(codes(model, data), due)

    def test_absent_entries_are_the_value_0(self):
        model = model_of(encoding(0, "int", [5, 0], matrix="values"), n=2)
        x = np.array([[5.0, 1], [0, 0], [7, 2]])
        same_bits(codes(model, sparse.csr_matrix(x)), np.array([[0.0, 1], [1, 0], [np.nan, 2]]))
        refuses = model_of(encoding(0, "int", [5, 0], matrix="values", unknown="raise"), n=2)
        with pytest.raises(fastscore.UnknownCategoryError, match=r"number 0.*row 2: 7;"):
            refuses.predict(sparse.csr_matrix(x))

    def test_frames_are_matched_by_value_even_with_codes(self):
        model = model_of(encoding(0, "int", [10, 20]), n=2)
        for names in (["a", "b"], [0, 1]):
            frame = pd.DataFrame([[20, 1.5], [0, 2.5]], columns=names)
            same_bits(codes(model, frame), np.array([[1, 1.5], [np.nan, 2.5]]))

    def test_text_in_an_object_matrix(self):
        model = model_of(encoding(0, "string", ["x", "y"]), n=2)
        x = np.array([["y", 3], ["x", None], [None, 4.5]], dtype=object)
        due = np.array([[1, 3], [0, np.nan], [np.nan, 4.5]])
        same_bits(codes(model, x), due)
        same_bits(codes(model, x.tolist()), due)
        with pytest.raises(fastscore.SchemaError, match="is a number"):
            model.predict(x[:, ::-1])


class TestModel:
    def test_survives_files_pickles_and_copies(self, words, tmp_path):
        words.save(tmp_path / "m.fscore")
        data = {"a": ROWS}
        for again in (
            fastscore.load(tmp_path / "m.fscore"),
            pickle.loads(pickle.dumps(words)),
            copy.deepcopy(words),
        ):
            assert again == words
            same_bits(codes(again, data), DUE)

    def test_threads_give_equal_results(self, words):
        rng = np.random.default_rng(0)
        rows = pa.array(ROWS).take(pa.array(rng.integers(0, len(ROWS), 30_000)))
        column = pa.chunked_array([rows, rows.slice(3).dictionary_encode().cast(pa.string())])
        tables = [pa.table({"a": c}) for c in (column, column.dictionary_encode())]
        due = codes(words, tables[0], threads=1)
        with ThreadPoolExecutor(4) as pool:
            for found in pool.map(
                lambda i: codes(words, tables[i % 2], threads=1 + i % 3), range(12)
            ):
                same_bits(found, due)

    def test_columns_that_are_not_read_may_be_anything(self):
        model = model_of(encoding(0, "string", ["x"]))
        same_bits(codes(model, {"z": [object()], "a": ["x"], "y": ["text"]}), [0.0])

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"feature": 5}, "feature 5"),
            ({"unknown": "code"}, "unknown_code"),
            ({"unknown_code": 1.0}, "unknown_code"),
            ({"codes": [1.0]}, "2 values but 1 codes"),
            ({"codes": [1.0, np.nan]}, "not finite"),
            ({"matrix": "other"}, "matrix|variant"),
        ],
    )
    def test_broken_encodings(self, change, message):
        entry, tensors = encoding(0, "int", [1, 2], **change)
        with pytest.raises((fastscore.ModelFormatError, NotImplementedError), match=message):
            model_of((entry, tensors))

    def test_values_must_be_distinct(self):
        for kind, values in (("int", [1, 1]), ("float", [0.0, -0.0]), ("string", ["a", "a"])):
            with pytest.raises(fastscore.ModelFormatError, match="twice"):
                model_of(encoding(0, kind, values))
        with pytest.raises(fastscore.ModelFormatError, match="NaN"):
            model_of(encoding(0, "float", [np.nan]))
        entry, tensors = encoding(1, "int", [1])
        with pytest.raises(fastscore.ModelFormatError, match="two encodings"):
            model_of(encoding(0, "int", [1]), (entry | {"feature": 0}, tensors))


class TestKeywords:
    def test_features_show_their_categories(self, words):
        model = model_of(
            encoding(0, "string", ["x", "y"], unknown="raise"),
            encoding(1, "int", [4], unknown="code", unknown_code=2, missing_code=3),
            n=3,
            missing="refuse",
        )
        found = model.features
        assert [feature.type for feature in found] == ["category", "category", "number"]
        assert [feature.categories for feature in found] == [["x", "y"], [4], None]
        assert [feature.unknown for feature in found] == ["raise", "code", None]
        assert [feature.may_be_missing for feature in found] == [False, True, False]
        assert "categories: a (2), unknown: raise; b (1), unknown: code" in repr(model)
        assert hash(found[0]) == hash(model.features[0])

    def test_unknown_of_models_and_files(self, words, tmp_path):
        raises = fastscore.import_model(words, unknown={"a": "raise"})
        assert raises.features[0].unknown == "raise"
        assert words.features[0].unknown == "missing"
        assert any("'a': 'raise'" in note for note in raises.source.notes)
        with pytest.raises(fastscore.UnknownCategoryError, match="nowhere"):
            raises.predict({"a": ROWS})
        raises.save(tmp_path / "m")
        again = fastscore.load(tmp_path / "m", unknown={0: "missing"})
        same_bits(codes(again, {"a": ROWS}), DUE)
        assert fastscore.import_model(words, unknown={"a": "missing"}) == words

    def test_unknown_of_a_code(self):
        model = model_of(encoding(0, "int", [4], unknown="code", unknown_code=2))
        missing = fastscore.import_model(model, unknown={"a": "missing"})
        same_bits(codes(missing, {"a": [4, 5]}), [0.0, np.nan])

    @pytest.mark.parametrize(
        ("keywords", "message"),
        [
            ({"unknown": {"colour": "raise"}}, "'colour', which is not a feature.*'color'"),
            ({"unknown": {"size": "raise"}}, "'size', which is not a categorical feature"),
            ({"unknown": {7: "raise"}}, "7, which is not a feature"),
            ({"unknown": {"color": "code"}}, "choose one of 'missing', 'raise'"),
            ({"categories": {"colour": ["x"]}}, "did you mean 'color'"),
            ({"categories": {"color": ["x"]}}, "1 values for 'color', but the model has 2"),
            ({"categories": {"color": ["x", "x"]}}, "twice"),
            ({"categories": {"color": ["x", None]}}, "missing value"),
            ({"categories": {"color": ["x", 1]}}, "int, str"),
        ],
    )
    def test_mistakes(self, keywords, message):
        model = model_of(encoding(0, "string", ["x", "y"]), n=2, names=["color", "size"])
        with pytest.raises(ValueError, match=message):
            fastscore.import_model(model, **keywords)

    def test_types(self, words):
        with pytest.raises(TypeError, match="dict"):
            fastscore.import_model(words, unknown="raise")
        with pytest.raises(TypeError, match="no list"):
            fastscore.import_model(words, categories={"a": "xyz"})

    def test_models_without_categories(self):
        model = model_of(n=2)
        with pytest.raises(ValueError, match=r"unknown= does not apply.*no feature"):
            fastscore.import_model(model, unknown={"a": "raise"})
        given = fastscore.import_model(model, categories={"b": ["x", "y"]})
        assert given.features[1].categories == ["x", "y"]
        same_bits(codes(given, {"a": [1, 2], "b": ["y", "z"]}), np.array([[1, 1], [2, np.nan]]))
        # A nameless matrix still holds the codes.
        same_bits(codes(given, np.array([[1.0, 1], [2, 5]])), np.array([[1.0, 1], [2, 5]]))

    @pytest.mark.parametrize(
        ("values", "kind"),
        [
            ([3, 1], int),
            (np.array([3, 1], dtype=np.uint8), int),
            ([2**64 - 1, 1], int),
            ([0.5, 1.0], float),
            ([True, False], bool),
            (pd.Index(["q", "p"]), str),
        ],
    )
    def test_categories_replace_those_of_the_source(self, words, values, kind):
        model = model_of(encoding(0, "string", ["x", "y"], codes=[5, 6], unknown="raise"))
        given = fastscore.import_model(model, categories={"a": values})
        again = pickle.loads(pickle.dumps(given))
        assert again.features[0].categories == list(values)
        assert {type(value) for value in again.features[0].categories} == {kind}
        assert again.features[0].unknown == "raise"
        same_bits(codes(again, {"a": [*list(values), None]}), [5.0, 6.0, np.nan])
        assert any("categories=" in note for note in given.source.notes)

    def test_estimators(self):
        from sklearn.linear_model import LinearRegression

        estimator = LinearRegression().fit([[0.0, 1], [1, 2], [2, 0]], [1.0, 2, 4])
        with pytest.raises(ValueError, match="unknown="):
            fastscore.import_model(estimator, unknown={0: "raise"})


def test_raise_holds_for_a_column_that_no_tree_reads():
    import lightgbm

    rng = np.random.default_rng(0)
    x = pd.DataFrame({"a": rng.normal(size=200), "b": pd.Categorical(["u", "v"] * 100)})
    data = lightgbm.Dataset(x, x["a"] > 0)
    booster = lightgbm.train({"objective": "binary", "verbose": -1, "num_threads": 1}, data, 3)
    assert set(booster.feature_importance()[1:]) == {0}
    new = pd.DataFrame({"a": [0.1, 0.2, 0.3], "b": ["u", "w", "v"]})
    fastscore.import_model(booster).predict(new)
    strict = fastscore.import_model(booster, unknown={"b": "raise"})
    with pytest.raises(fastscore.UnknownCategoryError, match=r"\"b\".*'w'|\"b\".*\"w\""):
        strict.predict(new)


def test_dictionaries_that_share_part_of_their_memory():
    """Two chunks whose dictionaries have the same offsets, or views, and other bytes."""
    model = model_of(encoding(0, "string", list("abcd")))
    keys = pa.array([0, 1, 1], pa.int32())
    offsets = pa.py_buffer(np.array([0, 1, 2], dtype=np.int32).tobytes())
    texts = [pa.StringArray.from_buffers(2, offsets, pa.py_buffer(text)) for text in (b"ab", b"cd")]
    column = pa.chunked_array([pa.DictionaryArray.from_arrays(keys, text) for text in texts])
    found = model.predict(pa.table({"a": column})).to_numpy()
    same_bits(found, np.array([0.0, 1, 1, 2, 3, 3]))
