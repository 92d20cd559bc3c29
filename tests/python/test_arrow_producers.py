"""Everything that speaks Arrow, in and out: producers, streams, extension types, no copies."""

import gc
import subprocess
import sys

import arro3.core
import datafusion
import duckdb
import fastscore
import nanoarrow
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from names import NAMES
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from support import same_bits


@pytest.fixture(scope="module")
def table(frame):
    data = {name: frame[name].to_numpy() for name in reversed(NAMES)}
    return pa.table({"id": np.arange(len(frame)), **data})


@pytest.fixture(scope="module")
def parquet(table, tmp_path_factory):
    path = tmp_path_factory.mktemp("arrow") / "in.parquet"
    pq.write_table(table, path, row_group_size=64)
    return str(path)


def duckdb_relation(table, parquet):
    return duckdb.sql(f"select * from read_parquet('{parquet}')")


def datafusion_frame(table, parquet):
    return datafusion.SessionContext().read_parquet(parquet)


def batches(table):
    return pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=47))


PRODUCERS = {
    "pyarrow table": lambda table, _: table,
    "pyarrow batch": lambda table, _: table.combine_chunks().to_batches()[0],
    "pyarrow reader": lambda table, _: batches(table),
    "pyarrow dataset": lambda _, parquet: ds.dataset(parquet),
    "pyarrow scanner": lambda _, parquet: ds.dataset(parquet).scanner(batch_size=50),
    "Polars": lambda table, _: pl.from_arrow(table),
    "pandas": lambda table, _: table.to_pandas(),
    "pandas of Arrow": lambda table, _: table.to_pandas(types_mapper=pd.ArrowDtype),
    "DuckDB": duckdb_relation,
    "DataFusion": datafusion_frame,
    "arro3 table": lambda table, _: arro3.core.Table.from_arrow(table),
    "arro3 batch": lambda table, _: arro3.core.RecordBatch.from_arrow(
        table.combine_chunks().to_batches()[0]
    ),
    "arro3 reader": lambda table, _: arro3.core.RecordBatchReader.from_arrow(batches(table)),
    "nanoarrow array": lambda table, _: nanoarrow.Array(table.combine_chunks().to_batches()[0]),
    "nanoarrow stream": lambda table, _: nanoarrow.ArrayStream(table),
}
HELD = ["pyarrow", "pandas", "Polars"]
"""Producers whose own containers come back."""
NO_CAPSULES = ["pyarrow dataset", "pyarrow scanner"]
"""What only streams: it is not a table that is there."""


@pytest.fixture(params=PRODUCERS)
def producer(request, table, parquet):
    return request.param, PRODUCERS[request.param](table, parquet)


@pytest.mark.parametrize("kind", ["forest labels", "booster"])
class TestEveryProducer:
    def test_stream(self, models, producer, table, kind):
        model = models[kind]
        scores = fastscore.predict_stream(producer[1], model)
        found = pa.RecordBatchReader.from_stream(scores).read_all()
        assert found.column_names == ["prediction"]
        assert found["prediction"].to_pylist() == model.predict(table).to_pylist()

    def test_whole(self, models, producer, table, kind):
        name, data = producer
        if name in NO_CAPSULES and not hasattr(data, "__arrow_c_stream__"):
            with pytest.raises(TypeError, match="what is accepted"):
                fastscore.predict(data, models[kind])
            return
        found = fastscore.predict(data, models[kind])
        due = models[kind].predict(table).to_pylist()
        if any(name.startswith(held) for held in HELD) and "reader" not in name:
            assert list(found.to_pylist() if hasattr(found, "to_pylist") else found) == due
            return
        assert np.asarray(found).tolist() == due
        assert pa.array(found).to_pylist() == due
        assert pa.chunked_array(found).to_pylist() == due


class TestResults:
    """What comes back to producers without containers of ours: any Arrow library, and NumPy."""

    @pytest.mark.parametrize("output", ["prediction", "probability", "leaf"])
    def test_consumers(self, models, table, output):
        model = models["forest binary"]
        found = model.score(arro3.core.Table.from_arrow(table), output=output)
        due = model.score(table.combine_chunks().to_batches()[0], output=output)
        assert pa.array(found).to_pylist() == pa.array(due).to_pylist()
        single = output == "prediction"
        numbers = model.score(np.c_[[table[name].to_numpy() for name in NAMES]].T, output=output)
        same_bits(np.asarray(found), numbers)
        same_bits(np.array(found, dtype=float), numbers.astype(float))
        assert nanoarrow.Array(found).to_pylist() == pa.array(due).to_pylist()
        if single:
            assert pl.Series(found).to_list() == numbers.tolist()
        else:
            assert pl.DataFrame(found).to_numpy().tolist() == numbers.tolist()
            relation = duckdb.from_arrow(pa.table(found))
            assert relation.fetchall() == [tuple(row) for row in numbers.tolist()]

    def test_numbers_are_not_copied_on_the_way_out(self, models, table):
        batch = table.combine_chunks().to_batches()[0]
        found = models["booster"].predict(nanoarrow.Array(batch))
        address = np.asarray(found).__array_interface__["data"][0]
        assert pa.array(found).buffers()[1].address == address
        assert address_of(pl.Series(found)) == address


def address_of(series: pl.Series) -> int:
    """Where a Series without nulls has its values."""
    return series.to_numpy(allow_copy=False).__array_interface__["data"][0]


class TestNoCopies:
    """Input is read where its producer has it: the addresses of the buffers are the producer's."""

    def test_pyarrow(self, table):
        found = fastscore._core.Table.from_arrow(table).addresses
        assert found == [[chunk.buffers()[1].address for chunk in col.chunks] for col in table]
        part = table.slice(10, 50)
        assert fastscore._core.Table.from_arrow(part).addresses[0] == [found[0][0] + 80]

    def test_polars(self, table):
        frame = pl.from_arrow(table)
        due = [[address_of(series)] for series in frame]
        assert fastscore._core.Table.from_arrow(frame).addresses == due

    def test_polars_expression(self, table):
        from fastscore.polars import _PLUGIN
        from polars.plugins import register_plugin_function

        frame = pl.from_arrow(table)
        expr = register_plugin_function(
            plugin_path=_PLUGIN, function_name="addresses", args=[pl.all()], returns_scalar=True,
            input_wildcard_expansion=True, changes_length=True,
        )  # fmt: skip
        columns = [range(address_of(s), address_of(s) + 8 * frame.height) for s in frame]
        for found in (frame.select(expr), frame.lazy().select(expr).collect()):
            # Polars may cut a frame into chunks, without copies too.
            starts = found.to_series().to_list()
            assert {column.start for column in columns} <= set(starts)
            assert all(any(start in column for column in columns) for start in starts)

    def test_pandas_and_numpy(self, table):
        frame = pd.DataFrame(np.zeros((10, 3)), columns=list("abc"))
        matrix = frame["b"].to_numpy()
        found = fastscore._containers._pandas.table(frame).addresses
        assert found[1] == [matrix.__array_interface__["data"][0]]


class TestStream:
    def test_is_read_batch_by_batch(self, models, table):
        """A batch is asked for when its scores are: memory is bounded by it."""
        given = []

        def source():
            for batch in table.to_batches(max_chunksize=30):
                given.append(batch.num_rows)
                yield batch

        reader = pa.RecordBatchReader.from_batches(table.schema, source())
        scores = fastscore.predict_stream(reader, models["booster"])
        assert given == []
        found = []
        for count, batch in enumerate(scores, 1):
            assert len(given) == count
            found.append(np.asarray(batch))
        same_bits(np.concatenate(found), models["booster"].predict(table).to_numpy())
        assert list(scores) == []

    def test_memory_is_bounded(self, tmp_path):
        """64 million values in batches, in a process that may have little more than one."""
        code = f"""
import resource, sys
import fastscore, numpy as np, pyarrow as pa
model = fastscore.load({str(tmp_path / "m.fscore")!r})
batch = pa.record_batch({{name: np.zeros(100_000) for name in model.feature_names_in_}})
def batches():
    for _ in range(100):
        yield batch
reader = pa.RecordBatchReader.from_batches(batch.schema, batches())
scores = fastscore.predict_stream(reader, model)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rows = sum(scored.num_rows for scored in pa.RecordBatchReader.from_stream(scores))
assert rows == 10_000_000
assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30_000, "30 MB"
"""
        rng = np.random.default_rng(0)
        fitted = LinearRegression().fit(rng.normal(size=(50, 6)), rng.normal(size=50))
        fastscore.import_model(fitted, features=NAMES).save(tmp_path / "m.fscore")
        subprocess.run([sys.executable, "-c", code], check=True)

    def test_composes(self, models, table):
        """DuckDB and Polars read what is scored while pyarrow reads a generator."""
        model = models["forest labels"]
        scores = pa.RecordBatchReader.from_stream(
            fastscore.predict_stream(batches(table), model, output="probability")
        )
        due = model.predict_proba(table)
        assert scores.schema == due.schema
        counted = duckdb.sql("select count(*), sum(probability_low) from scores").fetchall()[0]
        assert counted[0] == table.num_rows
        assert counted[1] == pytest.approx(due["probability_low"].to_numpy().sum())
        frame = pl.DataFrame(fastscore.predict_stream(batches(table), model, output="probability"))
        assert frame.to_dict(as_series=False) == due.to_pydict()
        written = pa.BufferOutputStream()
        again = fastscore.predict_stream(batches(table), model, output="probability")
        reader = pa.RecordBatchReader.from_stream(again)
        with pa.ipc.new_stream(written, reader.schema) as writer:
            for batch in reader:
                writer.write_batch(batch)
        assert pa.ipc.open_stream(written.getvalue()).read_all().to_pydict() == due.to_pydict()

    def test_a_score_of_a_stream_of_a_score(self, models, table):
        first = fastscore.predict_stream(batches(table), models["forest several values"])
        assert first.column_names == ["prediction_0", "prediction_1"]
        with pytest.raises(fastscore.SchemaError, match=r"lacks . column"):
            fastscore.predict_stream(first, models["booster"])

    def test_no_batches_and_empty_ones(self, models, table):
        for source in ([], table.slice(0, 0).to_batches(), [table.to_batches()[0].slice(0, 0)] * 3):
            reader = pa.RecordBatchReader.from_batches(table.schema, source)
            scores = fastscore.predict_stream(reader, models["forest labels"])
            found = pa.RecordBatchReader.from_stream(scores).read_all()
            assert found.num_rows == 0
            assert found.schema == pa.schema({"prediction": pa.string()})

    def test_missing_and_threads(self, models, table):
        holes = table.set_column(
            table.column_names.index("age"), "age",
            pa.array([None if i == 201 else 0.5 for i in range(table.num_rows)]),
        )  # fmt: skip
        scores = fastscore.predict_stream(
            batches(holes), models["linear"], missing="propagate", threads=2
        )
        found = pa.RecordBatchReader.from_stream(scores).read_all()["prediction"].to_pylist()
        assert [i for i, value in enumerate(found) if value is None] == [201]

    def test_errors_of_columns_come_at_once(self, models, table):
        reader = batches(table.drop_columns(["age"]))
        with pytest.raises(fastscore.SchemaError, match=r'lacks 1 column.*"age"'):
            fastscore.predict_stream(reader, models["booster"])
        age = table.column_names.index("age")
        text = table.set_column(age, "age", pa.array(["x"] * table.num_rows))
        with pytest.raises(fastscore.SchemaError, match='"age" has the type Utf8'):
            fastscore.predict_stream(text, models["booster"])

    def test_errors_of_values_come_through_the_stream(self, models, table):
        """Rows are counted from the first of the stream; nothing comes after an error."""
        ages = np.where(np.arange(table.num_rows) < 200, 1.0, np.nan)
        holes = table.set_column(table.column_names.index("age"), "age", pa.array(ages))
        message = 'column "age" has 35 missing value.*the first in row 200'
        scores = fastscore.predict_stream(batches(holes), models["linear"])
        reader = pa.RecordBatchReader.from_stream(scores)
        for _ in range(4):
            assert reader.read_next_batch().num_rows == 47
        with pytest.raises((pa.ArrowException, OSError), match=message):
            reader.read_next_batch()
        with pytest.raises(StopIteration):
            reader.read_next_batch()
        with pytest.raises(fastscore.MissingValueError, match=message):
            list(fastscore.predict_stream(batches(holes), models["linear"]))

    def test_rows_that_a_step_refuses_are_counted_from_the_first_too(self):
        logarithm = make_pipeline(FunctionTransformer(np.log), LinearRegression())
        x = np.arange(1.0, 101.0).reshape(50, 2)
        model = fastscore.import_model(logarithm.fit(x, x[:, 0]))
        x[[33, 41], 1] = -1.0
        whole = pa.table({"a": x[:, 0], "b": x[:, 1]})
        reader = pa.RecordBatchReader.from_batches(whole.schema, whole.to_batches(max_chunksize=20))
        with pytest.raises(fastscore.MissingValueError, match=r"NaN in row 33 \(1 row"):
            list(fastscore.predict_stream(reader, model))

    def test_it_is_handed_over_while_another_thread_reads(self, tmp_path):
        """The reader holds the stream and waits for the GIL; who asks for it meanwhile must not."""
        code = f"""
import threading, time
import fastscore, numpy as np, pyarrow as pa
model = fastscore.load({str(tmp_path / "m.fscore")!r})
batch = pa.record_batch({{name: np.zeros(10) for name in model.feature_names_in_}})
started = threading.Event()
def batches():
    started.set()
    time.sleep(0.5)
    yield batch
reader = pa.RecordBatchReader.from_batches(batch.schema, batches())
scores = fastscore.predict_stream(reader, model)
read = []
thread = threading.Thread(target=lambda: read.append(next(iter(scores))), daemon=True)
thread.start()
started.wait()
rest = pa.RecordBatchReader.from_stream(scores)
thread.join()
assert len(np.asarray(read[0])) == 10 and rest.read_all().num_rows == 0
"""
        x = np.eye(6)
        fitted = LinearRegression().fit(x, x[:, 0])
        fastscore.import_model(fitted, features=NAMES).save(tmp_path / "m.fscore")
        subprocess.run([sys.executable, "-c", code], check=True, timeout=60)

    def test_errors_of_the_source_come_through(self, models, table):
        def source():
            yield table.to_batches()[0].slice(0, 10)
            raise OSError("the disk is gone")

        def reader():
            return pa.RecordBatchReader.from_batches(table.schema, source())

        with pytest.raises(Exception, match="the disk is gone"):
            list(fastscore.predict_stream(reader(), models["booster"]))
        scores = fastscore.predict_stream(reader(), models["booster"])
        with pytest.raises(Exception, match="the disk is gone"):
            pa.RecordBatchReader.from_stream(scores).read_all()

    def test_is_read_once(self, models, table):
        scores = fastscore.predict_stream(table, models["booster"])
        pa.RecordBatchReader.from_stream(scores)
        with pytest.raises(ValueError, match="handed over before"):
            pa.RecordBatchReader.from_stream(scores)
        with pytest.raises(ValueError, match="handed over before"):
            list(scores)

    def test_arguments(self, models, table):
        model = models["booster"]
        with pytest.raises(ValueError, match="has no output 'probability'"):
            fastscore.predict_stream(table, model, output="probability")
        with pytest.raises(ValueError, match="missing='no'"):
            fastscore.predict_stream(table, model, missing="no")
        with pytest.raises(ValueError, match="threads=0"):
            fastscore.predict_stream(table, model, threads=0)
        for data, hint in [
            (pl.DataFrame(table).lazy(), "lf.fastscore.predict"),
            (iter(table.to_batches()), "RecordBatchReader.from_batches"),
            ({"a": [1]}, "no Arrow stream"),
        ]:
            with pytest.raises(TypeError, match=hint):
                fastscore.predict_stream(data, model)
        assert repr(fastscore.predict_stream(table, model)) == "<fastscore.ScoreStream: prediction>"

    def test_what_is_not_read_is_released(self, models, table):
        before = pa.total_allocated_bytes()
        scores = fastscore.predict_stream(
            pa.table({name: np.zeros(100_000) for name in NAMES}).to_reader(1000), models["booster"]
        )
        next(iter(scores))
        del scores
        gc.collect()
        assert pa.total_allocated_bytes() <= before


class Extension(pa.ExtensionType):
    """A type with a name, as GeoArrow's: what its values are, its storage does not say."""

    def __init__(self, storage, name):
        super().__init__(storage, name)

    def __arrow_ext_serialize__(self):
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage_type, serialized):
        raise NotImplementedError


class TestExtensionTypes:
    """Refused by name, where the model uses such a column."""

    @pytest.mark.parametrize(
        ("name", "storage"), [("geoarrow.wkb", pa.binary()), ("tests.metres", pa.float64())]
    )
    def test_refused_where_used(self, models, table, name, storage):
        model = models["booster"]
        values = [b"point"] * table.num_rows if storage == pa.binary() else table["age"]
        array = pa.array(values, storage) if isinstance(values, list) else values.combine_chunks()
        typed = pa.ExtensionArray.from_storage(Extension(storage, name), array)
        due = model.predict(table).to_pylist()
        assert model.predict(table.append_column("beside", typed)).to_pylist() == due
        used = table.set_column(table.column_names.index("age"), "age", typed)
        for score in (model.predict, lambda data: fastscore.predict_stream(data, model)):
            with pytest.raises(
                fastscore.SchemaError, match=f'"age" has the type extension<{name}>'
            ):
                score(used)

    def test_polars(self, models, table):
        import fastscore.polars as fp

        class Feet(pl.BaseExtension):
            def __init__(self):
                super().__init__("tests.feet", pl.Float64)

        frame = pl.from_arrow(table).with_columns(pl.col("age").ext.to(Feet()))
        with pytest.raises(pl.exceptions.ComputeError, match=r"extension<tests\.feet>"):
            frame.select(fp.predict(models["booster"]))


@pytest.fixture(scope="module")
def numbers(frame):
    few = frame[NAMES].fillna(0.0)
    return fastscore.import_model(LinearRegression().fit(few, few[NAMES[0]] - few[NAMES[1]]))


class _Both:
    """Has both ways out, as nanoarrow's arrays do."""

    def __init__(self, array, stream):
        self._array, self._stream = array, stream

    def __arrow_c_array__(self, requested_schema=None):
        return self._array()

    def __arrow_c_stream__(self, requested_schema=None):
        return self._stream()


def test_a_stream_is_taken_where_several_arrays_can_not_be_one(numbers, table):
    def several():
        raise NotImplementedError("can't export several arrays as one")

    whole = _Both(several, table.__arrow_c_stream__)
    np.testing.assert_array_equal(
        np.asarray(fastscore.predict(whole, numbers)), fastscore.predict(table, numbers).to_numpy()
    )


def test_capsules_are_read_once(numbers, table):
    batch = table.combine_chunks().to_batches()[0]
    pair = batch.__arrow_c_array__()
    again = _Both(lambda: pair, table.__arrow_c_stream__)
    fastscore.predict(again, numbers)
    with pytest.raises(ValueError, match="read before"):
        fastscore.predict(again, numbers)
    schema, _ = pair
    with pytest.raises(ValueError, match="read before"):
        fastscore.predict(_Both(lambda: (schema, batch.__arrow_c_array__()[1]), None), numbers)


@pytest.mark.parametrize("way", ["__arrow_c_array__", "__arrow_c_stream__"])
def test_column_names_that_are_no_text_are_schema_errors(numbers, table, way):
    fields = [pa.field(field.name, field.type) for field in table.schema]
    odd = pa.schema([*fields, pa.field(b"\xff\xfe", pa.float64())])
    arrays = [*table.combine_chunks().to_batches()[0].columns, pa.array(np.zeros(len(table)))]
    rows = pa.StructArray.from_arrays(arrays, fields=list(odd))
    source = pa.chunked_array([rows]) if way == "__arrow_c_stream__" else rows
    only = type("Only", (), {way: lambda self, requested_schema=None: getattr(source, way)()})()
    with pytest.raises(fastscore.SchemaError, match="column name that is not UTF-8"):
        fastscore.predict(only, numbers)


@pytest.mark.parametrize("chunks", [1, 2])
@pytest.mark.parametrize("start", [0, 1])
def test_tables_that_are_a_part_of_their_columns(numbers, table, start, chunks):
    n = len(table)
    extra = {
        "truth": pa.array(np.arange(n) % 2 == 0),
        "text": pa.array([f"row {i}" for i in range(n)]),
        "dictionary": pa.array([f"{i % 3}" for i in range(n)]).dictionary_encode(),
    }
    columns = {name: table.column(name).combine_chunks() for name in table.column_names}
    whole = pa.StructArray.from_arrays([*columns.values(), *extra.values()], [*columns, *extra])
    part = whole.slice(start, n - 5)
    parts = pa.chunked_array([part] * chunks)
    source = part if chunks == 1 else parts
    due = fastscore.predict(table, numbers).to_numpy()[start : start + n - 5]
    found = np.asarray(fastscore.predict(source, numbers))
    np.testing.assert_array_equal(found, np.tile(due, chunks))
