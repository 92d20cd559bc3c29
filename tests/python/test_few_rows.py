"""A few rows of a NumPy array take a way of their own: the same bits, types and errors."""

import fastscore
import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris, load_wine
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

MANY = 200
"""More rows than are few."""


def made(estimator, load):
    x, y = load(return_X_y=True)
    return fastscore.import_model(estimator.fit(x, y)), np.tile(x, (2, 1))[:MANY]


MODELS = {
    "boosting": lambda: made(GradientBoostingRegressor(n_estimators=70), load_diabetes),
    "hist": lambda: made(HistGradientBoostingClassifier(max_iter=30), load_wine),
    "forest": lambda: made(RandomForestClassifier(70, random_state=0), load_iris),
    "tree": lambda: made(DecisionTreeClassifier(random_state=0), load_iris),
    "linear": lambda: made(LogisticRegression(max_iter=5000), load_iris),
    "several": lambda: made(
        RandomForestClassifier(9, random_state=0),
        lambda return_X_y: (
            (iris := load_iris()).data,
            np.column_stack([iris.target, iris.target > 0]),
        ),
    ),
    "text labels": lambda: made(
        DecisionTreeClassifier(),
        lambda return_X_y: ((iris := load_iris()).data, iris.target_names[iris.target]),
    ),
}
each_model = pytest.mark.parametrize("name", MODELS)


def listed(scores):
    return scores if isinstance(scores, list) else [scores]


def equal(few, many):
    for part, all_rows in zip(listed(few), listed(many), strict=True):
        assert type(part) is np.ndarray
        whole = all_rows[: len(part)]
        assert (part.dtype, part.shape) == (whole.dtype, whole.shape)
        if part.dtype.kind == "f":
            assert part.tobytes() == whole.tobytes()
        else:
            assert part.tolist() == whole.tolist()
        part[...] = part  # It can be written to.


@each_model
@pytest.mark.parametrize("missing", ["source", "propagate"])
def test_equals_many_rows(name, missing):
    model, x = MODELS[name]()
    for output in model.outputs:
        many = model.score(x, output=output, missing=missing)
        for rows in (1, 2, 3, 5, 8, 9, 63, 64, 65):
            equal(model.score(x[:rows], output=output, missing=missing), many)
        assert len(listed(model.score(x[:0], output=output))[0]) == 0


@pytest.mark.parametrize("name", [name for name in MODELS if name != "several"])
def test_they_take_their_own_way(name):
    """Else all that follows would compare the long way with itself."""
    model, x = MODELS[name]()
    model.predict(x)  # Plans are made by the first call.
    for rows in (1, 64):
        few = model._core.score_few(x[:rows], "prediction", None, "source")
        assert isinstance(few, np.ndarray)
        assert len(few) == rows
    assert model._core.score_few(x[:65], "prediction", None, "source") is None


@pytest.mark.parametrize("dtype", [*"?bBhHiIlLqQefd", ">f8", ">i4"])
def test_every_dtype_and_order(dtype):
    model, x = MODELS["forest"]()
    x = (x * 3).astype(dtype)
    many = model.predict_proba(x)
    wide = np.repeat(np.repeat(x, 2, axis=0), 3, axis=1)
    for array in (x, np.asfortranarray(x), wide[::2, ::3], x[::-1][::-1], x[:, ::-1][:, ::-1]):
        equal(model.predict_proba(array[:5]), many)
    equal(model.predict_proba(x[::-1][:7]), many[::-1])
    repeated = np.broadcast_to(x[0], (9, x.shape[1]))
    equal(model.predict_proba(repeated), np.repeat(many[:1], 9, axis=0))


def test_misaligned_memory():
    model, x = MODELS["boosting"]()
    raw = np.zeros(x[:3].nbytes + 1, dtype=np.uint8)[1:].view()
    misaligned = raw.view(np.float64).reshape(3, x.shape[1])
    misaligned[...] = x[:3]
    assert not misaligned.flags.aligned
    equal(model.predict(misaligned), model.predict(x))


@each_model
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_refuses_what_many_rows_refuse(name, bad):
    model, x = MODELS[name]()
    many, few = x.copy(), x[:4].copy()
    many[2, 1] = few[2, 1] = bad
    for missing in ("source", "propagate"):
        messages = []
        for data in (many, few):
            try:
                messages.append(model.predict(data, missing=missing))
            except ValueError as error:
                messages.append(str(error))
        if isinstance(messages[0], str):
            assert messages[0] == messages[1]
        elif name != "several" and messages[1].dtype != object:
            equal(messages[1], messages[0])
        else:
            assert str(messages[1].tolist()) == str(messages[0][:4].tolist())


def test_subclasses_go_by_their_own_rules():
    model, x = MODELS["boosting"]()
    masked = np.ma.masked_array(x[:3], mask=np.zeros_like(x[:3], dtype=bool))
    equal(np.asarray(model.predict(masked)), model.predict(x))


@pytest.mark.parametrize(
    ("arguments", "error", "named"),
    [
        ({"threads": 0}, ValueError, "threads=0"),
        ({"threads": 2**70}, ValueError, "out of range"),
        ({"threads": "two"}, TypeError, "str"),
        ({"missing": "no"}, ValueError, "missing='no'"),
        ({"missing": None}, ValueError, "missing=None"),
        ({"output": "no"}, ValueError, "output='no'"),
        ({"output": 3}, TypeError, "output must be a str"),
        ({"output": "probability"}, ValueError, "no output 'probability'"),
    ],
)
def test_arguments_are_checked(arguments, error, named):
    model, x = MODELS["boosting"]()
    model.predict(x[:1])
    with pytest.raises(error, match=named):
        model.score(x[:1], **arguments)


@pytest.mark.parametrize("junk", ["0", "many"])
def test_a_broken_number_of_threads_is_an_error(monkeypatch, junk):
    model, x = MODELS["boosting"]()
    model.predict(x[:1])
    monkeypatch.setenv("FASTSCORE_THREADS", junk)
    with pytest.raises(ValueError, match="FASTSCORE_THREADS"):
        model.predict(x[:1])


def test_shapes_and_types_are_errors():
    model, x = MODELS["boosting"]()
    model.predict(x[:1])
    for data in (x[0], x[:1, :3], x[:1, :, None]):
        with pytest.raises((ValueError, TypeError)):
            model.predict(data)
    with pytest.raises(fastscore.SchemaError):
        model.predict(x[:1].astype(complex))
