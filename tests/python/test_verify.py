"""`Model.verify` compares every output, sees real differences and tells ties apart."""

import fastscore
import lightgbm
import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from sklearn.ensemble import RandomForestClassifier


def test_every_model_verifies(models, sources, frame):
    for name, model in models.items():
        report = model.verify(frame, source=sources[name])
        assert report.ok, report
        assert bool(report)
        assert report.rows == len(frame)
        outputs = {check.output.split(" ")[0] for check in report.checks}
        assert outputs == set(model.outputs)
        exact = [check for check in report.checks if check.bound.startswith("equal")]
        assert all(check.equal_rows == check.rows for check in exact)


def test_every_container(models, sources, frame, x):
    model, source = models["lgbm labels"], sources["lgbm labels"]
    table = pa.Table.from_pandas(frame, preserve_index=False)
    for data in (
        frame,
        x,
        pl.DataFrame(frame),
        pl.DataFrame(frame).lazy(),
        table,
        table.to_batches()[0],
        table.to_reader(),
        frame.to_dict("list"),
        frame.to_dict("records"),
        frame[frame.columns[::-1]].assign(extra="x"),
        frame.convert_dtypes(dtype_backend="pyarrow"),
        frame.convert_dtypes(),
        pl.DataFrame(frame).with_columns(pl.col("visits").cast(pl.Decimal(10, 2))),
        table.set_column(2, "visits", table["visits"].dictionary_encode()),
    ):
        report = model.verify(data, source=source)
        assert report.ok, report
        assert report.rows == len(x)


def test_missing_values_reach_the_source(models, sources, frame):
    holes = frame.copy()
    holes.iloc[::3, 1] = np.nan
    for data in (holes, pl.DataFrame(holes).with_columns(pl.all().fill_nan(None))):
        assert models["lgbm labels"].verify(data, source=sources["lgbm labels"]).ok
    with pytest.raises(fastscore.MissingValueError):
        models["linear"].verify(holes, source=sources["linear"])


def test_differences_are_seen(models, sources, frame, x, score):
    from sklearn.ensemble import RandomForestRegressor

    other = RandomForestRegressor(4, max_depth=4, random_state=5).fit(frame, score)
    report = models["forest values"].verify(frame, source=other)
    assert not report.ok
    check = next(check for check in report.checks if check.output == "margin")
    assert not check.ok
    assert check.largest_difference > 0
    assert check.largest_ulp > 2
    row, theirs, ours = check.first_difference
    assert ours == models["forest values"].predict(x)[row]
    assert theirs == other.set_params(n_jobs=1).predict(frame)[row]
    text = repr(report)
    assert "FAILED" in text
    assert f"row {row}" in text
    labels = models["forest labels"].verify(frame, source=models_with_swapped_classes(sources))
    assert not labels.ok


def test_the_row_that_breaks_the_promise_is_shown(models, sources, frame):
    """Not an earlier one that differs by a rounding that is allowed."""
    import copy

    model, source = models["linear"], copy.deepcopy(sources["linear"])
    last = len(frame) - 1
    predict = source.predict
    shift = np.zeros(len(frame))
    shift[0], shift[last] = 1e-15, 1.0
    source.predict = lambda x: predict(x) + shift
    report = model.verify(frame, source=source)
    check = next(check for check in report.checks if check.output == "prediction")
    assert not check.ok
    assert check.first_difference[0] == last
    assert f"first difference beyond that in row {last}" in repr(report)


def models_with_swapped_classes(sources):
    import copy

    source = copy.copy(sources["forest labels"])
    source.classes_ = source.classes_[::-1]
    return source


def test_one_ulp_is_seen_where_bits_are_promised(models, sources, frame):
    import copy

    source = copy.deepcopy(sources["tree values"])
    values = source.tree_.value
    values[...] = np.nextafter(values, np.inf)
    report = models["tree values"].verify(frame, source=source)
    assert not report.ok
    assert max(check.largest_ulp or 0 for check in report.checks) == 1


def test_ties_are_listed(x):
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    estimator = LogisticRegression().fit(x, rng.integers(0, 2, len(x)))
    estimator.intercept_[:] = 0.0
    direction = np.linalg.svd(estimator.coef_)[2][1:]
    rows = rng.normal(size=(4000, 5)) @ direction
    model = fastscore.import_model(estimator)
    report = model.verify(rows)
    assert report.ok
    check = next(check for check in report.checks if check.output == "prediction")
    differing = np.flatnonzero(model.predict(rows) != estimator.predict(rows))
    assert list(check.ties) == differing.tolist()
    assert (np.abs(estimator.decision_function(rows)) < 1e-12).all()


def test_iterations(frame, sources):
    model = fastscore.import_model(sources["booster"], iterations=2)
    assert model.verify(frame).ok
    model = fastscore.import_model(sources["lgbm labels"], iterations=3)
    assert model.verify(frame).ok


def test_a_booster_with_classes(frame, sources):
    booster = sources["lgbm labels"].booster_
    model = fastscore.import_model(booster, classes=["a", "b", "c"])
    assert model.verify(frame).ok


def test_wrong_arguments(models, frame, tmp_path):
    model = models["linear"]
    (tmp_path / "model.txt").write_bytes(b"hello")
    with pytest.raises(fastscore.ModelFormatError, match="scikit-learn: the live object"):
        model.verify(frame, source=tmp_path / "model.txt")
    with pytest.raises(TypeError, match=r"builtins\.int"):
        model.verify(frame, source=1)
    with pytest.raises(ValueError, match="at least one row"):
        model.verify(frame.iloc[:0])


def test_the_source_is_left_as_it_was(frame, labels):
    from sklearn.ensemble import RandomForestClassifier

    source = RandomForestClassifier(3, n_jobs=2, random_state=0).fit(frame, labels)
    fastscore.import_model(source).verify(frame)
    assert source.n_jobs == 2


@pytest.mark.parametrize(
    ("model", "source", "message"),
    [
        ("forest values", "tree values", r"gives 1 leaf column, the model 4: it is not the model"),
        ("forest labels", "forest binary", "it is not the model"),
        ("forest labels", "forest integers", "no class of the model"),
        ("forest labels", "forest values", "gives 1 margin column, the model 3"),
        ("forest values", "forest labels", "gives 3 margin columns, the model 1"),
        ("forest several values", "forest values", "gives 1 margin column, the model 2"),
        ("forest values", "forest several values", "gives 2 margin columns, the model 1"),
        ("forest several labels", "forest labels", "it is not the model"),
        ("lgbm labels", "lgbm binary", "gives 2 probability columns, the model 3"),
        ("lgbm binary", "lgbm labels", "it is not the model"),
        ("logistic labels", "logistic binary", "it is not the model"),
    ],
)
def test_a_source_of_another_shape(models, sources, frame, model, source, message):
    with pytest.raises(ValueError, match=message) as error:
        models[model].verify(frame, source=sources[source])
    assert "\n" not in str(error.value)


def test_a_source_of_another_kind(models, sources, frame):
    report = models["linear"].verify(frame, source=sources["forest values"])
    assert not report.ok
    assert "NOT within what is promised" in repr(report)


def test_a_source_that_predicts_labels(models, frame, labels):
    from sklearn.ensemble import RandomForestClassifier

    other = RandomForestClassifier(4, max_depth=4).fit(frame, np.where(labels == "low", "a", "b"))
    with pytest.raises(ValueError, match="predicts labels, the model numbers"):
        models["forest values"].verify(frame, source=other)


def test_a_source_of_other_features(models, sources, frame):
    import lightgbm

    other = lightgbm.LGBMRegressor(n_estimators=5, num_leaves=7, verbose=-1, n_jobs=1)
    other.fit(frame.iloc[:, :4], frame["age"])
    with pytest.raises(ValueError, match=r"LGBMRegressor \(LightGBM .* can't score") as error:
        models["lgbm values"].verify(frame, source=other)
    assert "\n" not in str(error.value)


def test_missing_values_that_the_source_refuses(models, sources, frame):
    for value, kind in (
        (np.nan, fastscore.MissingValueError),
        (np.inf, fastscore.NonFiniteValueError),
    ):
        holes = frame.copy()
        holes.iloc[3, 1] = value
        with pytest.raises(kind, match=r"row 3.*: fill or drop these rows") as error:
            models["linear"].verify(holes, source=sources["linear"])
        assert "propagate" not in str(error.value)


def test_ulps():
    from fastscore._verify_compare import ulps_between

    tiny = 5e-324
    a = np.array([1.0, -tiny, -0.0, -1.0, 1.0, -np.inf, np.nan])
    b = np.array([np.nextafter(1.0, 2.0), tiny, 0.0, 1.0, np.nextafter(1.0, 0.0), np.inf, 1.0])
    one, infinite = (int(np.float64(v).view(np.int64)) for v in (1.0, np.inf))
    expected = [1, 2, 0, 2 * one, 1, 2 * infinite, 2**64 - 1]
    assert ulps_between(a, b).tolist() == expected
    assert ulps_between(b, a).tolist() == expected


def test_labels_in_another_order_are_found(tmp_path):
    """A wrapper has its own labels, whatever the text's reader was told."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 3))
    y = np.where(x[:, 0] > 0, "on time", "late")
    estimator = lightgbm.LGBMClassifier(n_estimators=5, verbose=-1, num_threads=1).fit(x, y)
    path = tmp_path / "model.txt"
    estimator.booster_.save_model(path)
    assert fastscore.load(path, classes=["late", "on time"]).verify(x, estimator)
    report = fastscore.load(path, classes=["on time", "late"]).verify(x, estimator)
    assert not report
    assert report.checks[0].output == "prediction"
    assert report.checks[0].equal_rows == 0


def test_a_source_of_another_library_is_named():
    x = np.random.default_rng(0).normal(size=(100, 2))
    forest = RandomForestClassifier(3, random_state=0).fit(x, x[:, 0] > 0)
    booster = lightgbm.train({"verbose": -1}, lightgbm.Dataset(x, x[:, 0]), 2)
    with pytest.raises(ValueError, match=r"Booster of LightGBM, but .* imported from scikit-learn"):
        fastscore.import_model(forest).verify(x, booster)


def _saved(library, folder):
    """A model, its file and the live source, whose bits the file has."""
    x = np.random.default_rng(0).normal(size=(80, 3))
    y = (x[:, 0] > 0).astype(int)
    if library == "LightGBM":
        path, source = folder / "m.txt", lightgbm.train({"verbose": -1}, lightgbm.Dataset(x, y), 3)
        source.save_model(path)
    elif library == "XGBoost":
        import xgboost

        path = folder / "m.ubj"
        source = xgboost.train({}, xgboost.DMatrix(x, y), 3)
        source.save_model(path)
    elif library == "CatBoost":
        import catboost

        path = folder / "m.cbm"
        options = {"iterations": 3, "verbose": 0, "allow_writing_files": False}
        source = catboost.CatBoostClassifier(**options).fit(x, y)
        source.save_model(str(path))
    elif library == "Keras":
        from networks import keras

        path = folder / "m.keras"
        source = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, "sigmoid")])
        source.save(path)
    else:
        import skl2onnx
        from sklearn.linear_model import LogisticRegression

        path = folder / "m.onnx"
        source = skl2onnx.to_onnx(LogisticRegression().fit(x, y), x[:1].astype(np.float32))
        path.write_bytes(source.SerializeToString())
    return fastscore.load(path), path, x


keras_saves = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")
LIBRARIES = ("LightGBM", "XGBoost", "CatBoost", "Keras", "ONNX")


@keras_saves
@pytest.mark.parametrize("library", LIBRARIES)
def test_the_source_as_a_file(tmp_path, library):
    model, path, x = _saved(library, tmp_path)
    for given in (path, str(path)):
        report = model.verify(x, given)
        assert report.ok, report
        assert report.rows == len(x)
    with pytest.raises(FileNotFoundError):
        model.verify(x, tmp_path / "none")
    other, name = tmp_path / "other", "XGBoost" if library == "LightGBM" else "LightGBM"
    other.mkdir()
    _, theirs, _ = _saved(name, other)
    with pytest.raises(ValueError, match=f"is a file of {name}, but .* imported from {library}"):
        model.verify(x, theirs)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 5])
    with pytest.raises(fastscore.FastscoreError, match=path.name):
        model.verify(x, path)


@keras_saves
@pytest.mark.parametrize(
    ("name", "content", "error", "said"),
    [
        ("m.fscore", None, fastscore.ModelFormatError, "a model of fastscore itself.*Keras"),
        ("t.parquet", b"PAR1...", fastscore.ModelFormatError, "is a table, not a model"),
        ("t.csv", b"a,b\n1,2\n", fastscore.ModelFormatError, "is a table, not a model"),
        ("m.joblib", b"\x80\x04N.", fastscore.UnsupportedModelError, "is a pickle.*unpickle it"),
        ("m.txt", b"hello", fastscore.ModelFormatError, r"no model file.*Keras: \.keras or"),
        ("m.bin", b"", fastscore.ModelFormatError, "is empty"),
        ("m.gz", b"\x1f\x8b\x08\x00", fastscore.ModelFormatError, "is compressed"),
        ("folder", ..., fastscore.ModelFormatError, "is a folder, not a file.*Keras"),
    ],
)
def test_files_that_are_no_source(tmp_path, name, content, error, said):
    model, _, x = _saved("Keras", tmp_path)
    if content is None:
        model.save(tmp_path / name)
    elif content is ...:
        (tmp_path / name).mkdir()
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=f"{name}.*{said}"):
        model.verify(x, tmp_path / name)


@keras_saves
@pytest.mark.parametrize(
    ("inputs", "outputs", "said"),
    [
        (4, 1, "the source takes 4 features, the model 3: it is not the model"),
        (3, 2, "the source gives 2 outputs, the model 1: it is not the model"),
    ],
)
def test_another_network(tmp_path, inputs, outputs, said):
    from networks import keras

    model, _, x = _saved("Keras", tmp_path)
    start = keras.Input((inputs,))
    other = keras.Model(start, [keras.layers.Dense(1)(start) for _ in range(outputs)])
    with pytest.raises(ValueError, match=said):
        model.verify(x, other)
