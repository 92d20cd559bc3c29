"""A few rows of every container take a way of their own: the same bits, types and errors."""

import arro3.core
import fastscore
import lightgbm
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from fastscore._containers._job import Job
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeClassifier
from support import same_bits

X, Y = load_iris(return_X_y=True, as_frame=True)
TEXT = load_iris().target_names[Y]

MAKERS = {
    "linear": lambda: LinearRegression().fit(X, Y),
    "boosting": lambda: GradientBoostingRegressor(n_estimators=20).fit(X, Y),
    "hist": lambda: HistGradientBoostingClassifier(max_iter=9).fit(X, Y),
    "text labels": lambda: DecisionTreeClassifier().fit(X, TEXT),
    "nameless": lambda: DecisionTreeClassifier().fit(X.to_numpy(), Y),
    # LightGBM writes "_" for white space.
    "lightgbm": lambda: lightgbm.train({"verbose": -1}, lightgbm.Dataset(X, Y), 9),
}


@pytest.fixture(scope="module")
def few_models():
    models = {name: fastscore.import_model(make()) for name, make in MAKERS.items()}
    for model in models.values():
        model.predict(X)  # Plans are made by the first call.
    return models


def arrow(frame):
    return pa.Table.from_pandas(frame, preserve_index=False)


def batch(frame):
    (found,) = arrow(frame).to_batches()
    return found


CONTAINERS = {
    "pyarrow Table": arrow,
    "pyarrow RecordBatch": batch,
    "other Arrow": lambda frame: arro3.core.RecordBatch.from_arrow(batch(frame)),
    "Polars": lambda frame: pl.from_pandas(frame, nan_to_null=False),
    "pandas": lambda frame: frame,
    "pandas, many blocks": lambda frame: pd.DataFrame({name: frame[name] for name in frame}),
    "dict of arrays": lambda frame: {name: frame[name].to_numpy() for name in frame},
    "list of dicts": lambda frame: frame.to_dict("records"),
}
each_container = pytest.mark.parametrize("make", CONTAINERS.values(), ids=CONTAINERS)
each_model = pytest.mark.parametrize("name", MAKERS)


def arrays(found):
    """A result as arrays, a column each."""
    if isinstance(found, list):
        found = pd.DataFrame(found) if isinstance(found[0], dict) else pd.Series(found)
    if isinstance(found, dict):
        return list(found.values())
    if isinstance(found, pa.Table | pa.RecordBatch):
        return [column.to_numpy(zero_copy_only=False) for column in arrow_columns(found)]
    if isinstance(found, pa.ChunkedArray | pa.Array):
        return [np.asarray(found)]
    found = np.asarray(found)
    return [found] if found.ndim == 1 else list(found.T)


def arrow_columns(found):
    return [
        column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        for column in found.columns
    ]


def equal(few, many, rows):
    assert type(few) is type(many)
    for part, whole in zip(arrays(few), arrays(many), strict=True):
        assert len(part) == rows
        # NumPy's text is as wide as its longest.
        assert part.dtype == whole.dtype or part.dtype.kind == whole.dtype.kind == "U"
        if part.dtype.kind == "f":
            same_bits(np.ascontiguousarray(part), np.ascontiguousarray(whole[:rows]))
        else:
            assert part.tolist() == whole[:rows].tolist()


@each_model
@each_container
@pytest.mark.parametrize("missing", ["source", "propagate"])
def test_equals_many_rows(few_models, name, make, missing):
    model = few_models[name]
    for output in model.outputs:
        many = model.score(make(X), output=output, missing=missing)
        for rows in (1, 2, 63, 64, 65):
            equal(model.score(make(X[:rows]), output=output, missing=missing), many, rows)


@each_container
def test_they_take_their_own_way(few_models, make, monkeypatch):
    """Else all that follows would compare the long way with itself."""
    monkeypatch.setattr(Job, "run", None)
    if "arro3" not in str(type(make(X))):
        monkeypatch.setattr(Job, "run_arrow", None)
    for model in few_models.values():
        for rows in (1, 64):
            assert len(arrays(model.predict(make(X[:rows])))[0]) == rows


@each_container
@pytest.mark.parametrize("name", ["boosting", "lightgbm", "text labels"])
def test_columns_match_by_name(few_models, name, make):
    model = few_models[name]
    due = model.predict(make(X))
    turned = X[X.columns[::-1]]
    for frame in (turned, turned.assign(other=1.5), turned.assign(note="text", when=pd.NaT)):
        equal(model.predict(make(frame[:5])), due, 5)


@each_container
@pytest.mark.parametrize("kind", [*"bBhHiIlLfd", "?"])
def test_numbers_of_every_type(few_models, make, kind):
    model = few_models["boosting"]
    frame = X.mul(3).round().astype({X.columns[1]: np.dtype(kind)})
    equal(model.predict(make(frame[:7])), model.predict(make(frame)), 7)
    same = frame.astype(np.dtype(kind))
    equal(model.predict(make(same[:7])), model.predict(make(same)), 7)


@each_container
def test_integers_that_float64_does_not_hold(few_models, make):
    model = few_models["linear"]
    large = np.array([2**53 + 1, -(2**62) - 1, 2**63 - 1, 2**54 + 2])
    frame = pd.DataFrame({name: np.resize(large, 90) for name in X.columns})
    equal(model.predict(make(frame[:4])), model.predict(make(frame)), 4)
    mixed = frame.astype({X.columns[0]: "float32"})
    equal(model.predict(make(mixed[:4])), model.predict(make(mixed)), 4)


def test_nulls_are_missing_values(few_models):
    model = few_models["hist"]
    columns = {name: [*X[name][:9], None] for name in X.columns}
    due = model.predict(np.vstack([X[:9], np.full((1, 4), np.nan)]))
    table = pa.table(columns)
    integers = pa.table({name: pa.array([1, None], pa.int32()) for name in X.columns})
    due_of_integers = model.predict(np.array([[1.0] * 4, [np.nan] * 4]))
    arro = arro3.core.Table.from_arrow
    for make in (lambda t: t, lambda t: t.to_batches()[0], pl.from_arrow, arro):
        assert np.asarray(model.predict(make(table))).tolist() == due.tolist()
        assert np.asarray(model.predict(make(table[8:]))).tolist() == due[8:].tolist()
        assert np.asarray(model.predict(make(integers))).tolist() == due_of_integers.tolist()
    records = table.to_pylist()
    assert model.predict(records) == due.tolist()
    # A key that a row lacks is null there, wherever it stands.
    del records[9][X.columns[2]]
    assert model.predict(records) == due.tolist()
    assert model.predict(records[::-1]) == due.tolist()[::-1]


@each_container
@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
@pytest.mark.parametrize("missing", ["source", "propagate"])
def test_refuses_what_many_rows_refuse(few_models, make, bad, missing):
    frame = X.copy()
    frame.iloc[2, 1] = bad
    for name in ("linear", "boosting", "hist", "text labels"):
        found = []
        for rows in (len(X), 5):
            try:
                found.append(few_models[name].predict(make(frame[:rows]), missing=missing))
            except ValueError as error:
                found.append(f"{type(error).__name__}: {error}")
        if isinstance(found[0], str):
            assert found[0] == found[1]
        else:
            many, few = map(arrays, found)
            assert str([part.tolist() for part in few]) == str([part[:5].tolist() for part in many])


@each_container
def test_columns_that_lack(few_models, make):
    few, many = [], []
    for frame, messages in ((X[:3], few), (X, many)):
        for broken in (frame.iloc[:, 1:], frame.rename(columns=str.upper)):
            with pytest.raises(fastscore.SchemaError) as error:
                few_models["boosting"].predict(make(broken))
            messages.append(str(error.value))
    assert few == many


@pytest.mark.parametrize(
    "make", [arrow, batch, lambda frame: frame], ids=["table", "batch", "pandas"]
)
def test_names_that_match_twice(few_models, make):
    twice = pd.concat([X[:3], X[:3].iloc[:, :1]], axis=1)
    frame = X[:3].assign(**{X.columns[0].replace(" ", "_"): 0.0})
    if make is not arrow and make is not batch:
        with pytest.raises(fastscore.SchemaError, match="2 columns match"):
            few_models["boosting"].predict(twice)
    with pytest.raises(fastscore.SchemaError, match="2 columns match"):
        few_models["lightgbm"].predict(make(frame))
    # For other libraries white space counts.
    equal(few_models["boosting"].predict(make(frame)), few_models["boosting"].predict(make(X)), 3)


@pytest.mark.parametrize(
    "values",
    [
        pa.array([True, None, False]),
        pa.array([1.5, None, 2.5], pa.float16()),
        pa.array(["1.5", None, "2"]),
        pa.array(["a", None, "a"]).dictionary_encode(),
        pa.array([[1.0], None, []]),
        pa.array([None, None, None]),
        pa.array([1, None, 2], pa.decimal128(9, 2)),
        pa.array([1, None, 2], pa.uint64()),
        pa.array([1, None, 2], pa.timestamp("s")),
    ],
    ids=lambda values: str(values.type),
)
def test_columns_beside_plain_ones(few_models, values):
    """Some columns are read where they lie, others by arrow-rs: of one array."""
    model = few_models["hist"]
    numbers = {name: pa.array(X[name][:3]) for name in X.columns}
    due = model.predict(X[:3]).tolist()
    beside = pa.table({**numbers, "beside": values})
    instead = pa.table({**numbers, X.columns[1]: values})
    for times in (1, 40):
        rows = pa.concat_tables([beside] * times)
        for table in (rows, rows.combine_chunks()):
            assert model.predict(table).to_pylist() == due * times
    found = []
    for table in (instead, pa.concat_tables([instead] * 40)):
        try:
            found.append(model.predict(table).to_pylist()[:3])
        except fastscore.SchemaError as error:
            found.append(str(error))
    assert found[0] == found[1]


def test_all_memory_is_given_back(few_models):
    """Columns that are moved out of an array are released with what is left of it."""
    model = few_models["hist"]
    frame = X.assign(note="text", flag=True)
    model.predict(arrow(frame[:3]))
    before = pa.total_allocated_bytes()
    for rows in (3, len(X)):
        table = arrow(frame[:rows])
        for data in (table, table.to_batches()[0], pa.concat_tables([table, table])):
            result = model.predict(data)
            del result, data
        del table
    assert pa.total_allocated_bytes() == before


def test_an_extension_type_is_no_number(few_models):
    model = few_models["boosting"]
    fields = [pa.field(name, pa.float64()) for name in X.columns]
    fields[1] = fields[1].with_metadata({"ARROW:extension:name": "of.mine"})
    table = arrow(X[:3]).cast(pa.schema(fields))
    for data in (table, table.to_batches()[0]):
        with pytest.raises(fastscore.SchemaError, match=r"of\.mine"):
            model.predict(data)


def test_names_of_a_frame_are_those_of_its_labels(few_models):
    """What is remembered of labels is not taken for others'."""
    model = few_models["boosting"]
    frame = X[:3].copy()
    due = model.predict(frame).tolist()
    frame.columns = frame.columns[::-1]
    assert model.predict(frame).tolist() != due
    assert model.predict(frame[X.columns]).tolist() != due
    frame.columns = ["a", "b", "c", "d"]
    with pytest.raises(fastscore.SchemaError, match="lacks 4 column"):
        model.predict(frame)
    frame.columns = range(4)
    assert model.predict(frame).tolist() == due


def test_records_that_are_out_of_the_ordinary(few_models):
    model = few_models["boosting"]
    records = X[:3].to_dict("records")
    due = model.predict(records)
    name = X.columns[0]
    for value in (np.float64(records[0][name]), np.array(records[0][name])[()]):
        assert model.predict([{**records[0], name: value}, *records[1:]]) == due
    assert model.predict([{**records[0], name: 2**80}]) == model.predict(
        [{**records[0], name: float(2**80)}]
    )
    assert model.predict([{**records[0], name: True}]) == model.predict([{**records[0], name: 1}])
    with pytest.raises(fastscore.SchemaError):
        model.predict([{**records[0], name: "5.1"}])
    with pytest.raises(TypeError, match="keys"):
        model.predict([{**records[0], 7: 1.0}])
