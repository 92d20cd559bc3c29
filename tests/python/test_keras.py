"""Keras models, live and from their files, against Keras itself."""

import time
from typing import Any

import fastscore
import keras_models as models
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from keras_models import holds
from networks import WARNINGS, keras, tf
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from support import same_bits

Layers = keras.layers

pytestmark = pytest.mark.filterwarnings(*WARNINGS)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


@pytest.mark.parametrize("width", models.WIDTHS)
@pytest.mark.parametrize("name", models.ACTIVATIONS)
def test_activations(name, width, rng, tmp_path):
    start = keras.Input((4,), dtype=width)
    alone = keras.Sequential([start, Layers.Activation(name, dtype=width)])
    holds(alone, models.awkward(rng, 300, 4))
    if name != "glu":
        within = [Layers.Dense(6, activation=name, dtype=width), Layers.Dense(2, dtype=width)]
        network = models.filled(keras.Sequential([keras.Input((4,), dtype=width), *within]), rng)
        holds(network, rng.normal(size=(200, 4)), tmp_path)


@pytest.mark.parametrize("width", models.WIDTHS)
@pytest.mark.parametrize("name", models.single_layers())
def test_layers(name, width, rng, tmp_path):
    make = models.single_layers()[name]
    alone = models.filled(keras.Sequential([keras.Input((4,), dtype=width), make(width)]), rng)
    holds(alone, models.awkward(rng, 300, 4))
    dense = Layers.Dense(4, dtype=width)
    end = [Layers.Flatten(dtype=width), Layers.Dense(3, dtype=width)]
    start = keras.Input((4,), dtype=width)
    within = models.filled(keras.Sequential([start, dense, make(width), *end]), rng)
    holds(within, rng.normal(size=(200, 4)), tmp_path)


@pytest.mark.parametrize("name", models.series_layers())
def test_layers_of_series(name, rng, tmp_path):
    layer = models.series_layers()[name]()
    model = models.filled(models.functional(layer, (5, 4)), rng)
    holds(model, rng.normal(size=(100, 20)), tmp_path)


@pytest.mark.parametrize("name", models.graphs())
def test_graphs(name, rng, tmp_path):
    model = models.filled(models.functional(models.graphs()[name]), rng)
    holds(model, rng.normal(size=(100, 4)), tmp_path)


@pytest.mark.parametrize("name", models.operations())
def test_operations(name, rng, tmp_path):
    model = models.filled(models.functional(models.operations()[name]), rng)
    holds(model, rng.normal(size=(100, 4)), tmp_path)


def test_encoders(rng, tmp_path):
    count = 0
    for name, model, data in models.encoders(rng, 60):
        try:
            holds(model, data, tmp_path if count % 5 == 0 else None)
        except Exception as error:
            raise AssertionError(name) from error
        count += 1
    assert count == 99


@pytest.mark.parametrize("mode", ["int", "one_hot", "multi_hot", "count"])
@pytest.mark.parametrize("mask", [None, "", "m"])
def test_text(mode, mask, rng, tmp_path):
    frame = pd.DataFrame(
        {
            "city": rng.choice(["a", "b", "é", "zz", "", "m", "[UNK]"], 100),
            "rest_0": rng.normal(size=100),
            "rest_1": rng.normal(size=100),
        }
    )
    model = models.text_model(mode, mask, rng)
    ours = holds(model, frame, tmp_path)
    same_bits(ours.predict(pl.from_pandas(frame)).to_numpy(), ours.predict(frame).to_numpy())


def test_vocabularies_that_were_adapted(rng, tmp_path):
    """They are no part of the configuration, but a text beside the weights."""
    lookup = Layers.IntegerLookup()
    lookup.adapt(np.array([5, 5, 6, 8, 123456789]))
    start = keras.Input((1,), dtype="int64")
    end = Layers.Flatten()(Layers.Embedding(5, 3)(lookup(start)))
    model = models.filled(keras.Model(start, end), rng)
    known = [5, 6, 8, 123456789, 123456788, 1]
    holds(model, rng.choice(known, (50, 1)).astype(float), tmp_path)
    words = Layers.StringLookup()
    words.adapt(np.array(["x", "y", "x", "w"]))
    start = keras.Input((2,), dtype="string")
    end = Layers.Flatten()(Layers.Embedding(4, 3)(words(start)))
    model = models.filled(keras.Model(start, end), rng)
    rows = rng.choice(np.array(["x", "y", "w", "q"], dtype=object), (50, 2))
    ours = holds(model, rows, tmp_path)
    theirs = np.asarray(model(tf.constant(rows.tolist())))
    same_bits(ours.predict(rows), theirs)


@pytest.mark.parametrize("text", [True, False])
def test_large_vocabularies(text, tmp_path):
    count = 100_000
    words = [f"word {at}" for at in range(count)] if text else list(range(7, 7 + count))
    lookup = (Layers.StringLookup if text else Layers.IntegerLookup)(vocabulary=words)
    start = keras.Input((1,), dtype="string" if text else "int64")
    table = Layers.Embedding(count + 1, 1, embeddings_initializer="normal")
    model = keras.Model(start, Layers.Flatten()(table(lookup(start))))
    began = time.process_time()
    ours = fastscore.import_model(model)
    assert time.process_time() - began < 5
    known = [words[0], words[-1], words[777], "none" if text else 3]
    rows = np.array(known, dtype=object if text else float).reshape(-1, 1)
    same_bits(ours.predict(rows), np.asarray(table.embeddings)[[1, count, 778, 0], 0])


def test_statistics_that_were_adapted(rng, tmp_path):
    data = rng.normal(size=(50, 3)) * [1, 5, 9] + 100
    layer = Layers.Normalization()
    layer.adapt(data)
    model = keras.Sequential([keras.Input((3,)), layer, Layers.Dense(2)])
    holds(model, data, tmp_path)


# --- what the outputs are


@pytest.mark.parametrize("structure", ["list", "dict"])
def test_several_inputs_and_outputs(structure, rng, tmp_path):
    model = models.heads(structure, rng)
    first = "churn" if structure == "list" else "zone"
    labels = {first: ["no", "yes"]}
    data = rng.normal(size=(100, 4))
    ours = holds(model, data, tmp_path, classes=labels)
    names = ["age", "rest_0", "rest_1", "rest_2"]
    own = names if structure == "list" else [*names[1:], "age"]
    assert ours.feature_names_in_.tolist() == own
    frame = pd.DataFrame(data, columns=own)[::-1]
    given = {
        "age": frame[["age"]].to_numpy("float32"),
        "rest": frame[names[1:]].to_numpy("float32"),
    }
    theirs = model([given["age"], given["rest"]] if structure == "list" else given)
    theirs = theirs if isinstance(theirs, list) else list(theirs.values())
    found = ours.predict(frame)
    expected = [f"prediction_{first}", "prediction_kind_0", "prediction_kind_1"]
    assert list(found.columns)[:3] == expected
    share = np.asarray(theirs[0])[:, 0]
    assert found[f"prediction_{first}"].tolist() == np.where(share > 0.5, "yes", "no").tolist()
    listed = ours.predict(data)
    assert [part.shape for part in listed] == [(100,), (100, 3), (100, 2)]
    np.testing.assert_allclose(found["prediction_kind_1"], np.asarray(theirs[1])[:, 1], rtol=1e-5)
    with pytest.raises(ValueError, match=r"classes= names 'other', but the outputs are"):
        fastscore.import_model(model, classes={"other": [1, 2]})
    with pytest.raises(ValueError, match=r"classes= of a model of several outputs is a dict"):
        fastscore.import_model(model, classes=["no", "yes"])


def test_labels_of_several_kinds(rng):
    start = keras.Input((3,))
    heads = [Layers.Dense(3, "softmax", name="kind"), Layers.Dense(1, "sigmoid", name="churn")]
    model = models.filled(keras.Model(start, [head(start) for head in heads]), rng)
    data = rng.normal(size=(60, 3))
    # One array of both would be text.
    ours = fastscore.import_model(model, classes={"kind": ["a", "b", "c"], "churn": [0, 1]})
    kind, churn = ours.predict(data)
    assert kind.dtype.kind == "U"
    assert churn.dtype == np.int64
    frame = ours.predict(pd.DataFrame(data))
    assert frame["prediction_kind"].tolist() == kind.tolist()
    assert frame["prediction_churn"].tolist() == churn.tolist()
    assert ours.verify(data, model).ok


def ended(*layers: Any, rng: np.random.Generator) -> Any:
    return models.filled(keras.Sequential([keras.Input((4,)), *layers]), rng)


def test_a_sigmoid(rng, tmp_path):
    model = ended(Layers.Dense(1, activation="sigmoid"), rng=rng)
    data = rng.normal(size=(100, 4))
    plain = holds(model, data, tmp_path)
    assert plain.outputs == ("prediction", "probability", "margin")
    share = plain.predict(data)
    assert share.shape == (100,)
    assert share.dtype == np.float32
    np.testing.assert_allclose(share, model.predict(data, verbose=0)[:, 0], rtol=1e-6)
    same_bits(plain.predict_proba(data), np.column_stack([1 - share, share]))
    named = holds(model, data, tmp_path, classes=["stays", "leaves"])
    assert named.predict(data).tolist() == np.where(share > 0.5, "leaves", "stays").tolist()
    assert named.classes_.tolist() == ["stays", "leaves"]


@pytest.mark.parametrize("classes", [2, 3])
def test_a_softmax(classes, rng, tmp_path):
    model = ended(Layers.Dense(classes), Layers.Softmax(), rng=rng)
    data = rng.normal(size=(100, 4))
    labels = np.arange(classes) * 10
    ours = holds(model, data, tmp_path, classes=labels)
    theirs = model.predict(data, verbose=0)
    assert ours.predict(data).tolist() == labels[theirs.argmax(axis=1)].tolist()
    np.testing.assert_allclose(ours.predict_proba(data), theirs, rtol=2e-6)
    logits = np.asarray(model.layers[0](data.astype("float32")))
    np.testing.assert_allclose(ours.margin(data), logits, rtol=1e-4, atol=1e-5)


def test_numbers_and_labels_apart(rng, tmp_path):
    data = rng.normal(size=(20, 4))
    logits = ended(Layers.Dense(3), rng=rng)
    assert holds(logits, data, classes=["a", "b", "c"]).outputs == ("prediction", "margin")
    assert holds(logits, data).outputs == ("prediction", "margin")
    each = ended(Layers.Dense(3, activation="sigmoid"), rng=rng)
    assert holds(each, data).outputs == ("prediction", "margin")
    one = ended(Layers.Dense(1), rng=rng)
    with pytest.raises(ValueError, match="one column of plain numbers"):
        fastscore.import_model(one, classes=[0, 1])
    with pytest.raises(ValueError, match=r"classes= has 2 labels, but the output .* has 3 classes"):
        fastscore.import_model(logits, classes=[0, 1])


def test_shares_of_one_output_among_others(rng):
    start = keras.Input((4,))
    churn = Layers.Dense(1, activation="sigmoid", name="churn")(start)
    model = keras.Model(start, [churn, Layers.Dense(1, name="amount")(start)])
    ours = holds(model, rng.normal(size=(20, 4)))
    with pytest.raises(ValueError, match=r"of its 2 targets only 'churn' would .* no others"):
        ours.predict_proba(np.ones((1, 4)))
    alone = fastscore.import_model(keras.Model(start, churn))
    assert alone.predict_proba(np.ones((1, 4))).shape == (1, 2)


def test_what_a_model_says_of_itself(rng, tmp_path):
    model = ended(Layers.Dense(3, name="end"), rng=rng)
    source = fastscore.import_model(model).source
    assert (source.library, source.class_name) == ("Keras", "Sequential")
    assert source.version == keras.__version__
    assert source.parameters["outputs"] == "end: float32[3]"
    model.save(tmp_path / "model.keras")
    assert fastscore.load(tmp_path / "model.keras").source.version == keras.__version__
    named = fastscore.load(tmp_path / "model.keras", features=list("abcd"))
    assert named.feature_names_in_.tolist() == list("abcd")
    with pytest.raises(ValueError, match=r"like= does not apply to a \.keras file"):
        fastscore.load(tmp_path / "model.keras", like="booster")


# --- numbers


def test_weights_that_are_no_numbers_stay(rng, tmp_path):
    data = rng.normal(size=(50, 4))
    model = ended(Layers.Dense(3), Layers.Dense(2), rng=rng)
    model.layers[0].kernel.assign(np.full((4, 3), np.nan))
    assert np.isnan(holds(model, data, tmp_path).predict(data)).all()
    model = ended(Layers.BatchNormalization(), Layers.ReLU(), Layers.PReLU(), rng=rng)
    model.layers[0].moving_variance.assign([1, np.nan, -5, 2])
    model.layers[2].alpha.assign([1, np.nan, np.inf, 2])
    holds(model, data, tmp_path)
    model = ended(Layers.LayerNormalization(), Layers.Dense(2), rng=rng)
    model.layers[0].gamma.assign([1, np.nan, np.inf, 2])
    holds(model, data, tmp_path)
    model = ended(Layers.Normalization(mean=[0, np.nan, 1, 2], variance=[1, 1, np.inf, 1]), rng=rng)
    holds(model, data, tmp_path)


def test_tables_with_nan(rng):
    start = keras.Input((2,))
    model = models.filled(keras.Model(start, Layers.Flatten()(Layers.Embedding(3, 2)(start))), rng)
    table = rng.normal(size=(3, 2))
    table[1, 0] = np.nan
    model.layers[1].embeddings.assign(table)
    holds(model, np.array([[0, 1], [1, 2], [2, 2]], dtype=float))
    model.layers[1].embeddings.assign(np.full((3, 2), np.nan))
    with pytest.raises(fastscore.UnsupportedModelError, match="all columns of its table have NaN"):
        fastscore.import_model(model)


def test_numbers_that_are_no_row_are_errors(rng):
    start = keras.Input((3,), dtype="int32")
    model = models.filled(keras.Model(start, Layers.Flatten()(Layers.Embedding(7, 4)(start))), rng)
    ours = fastscore.import_model(model)
    assert ours.predict(np.array([[1, 2, 6.9], [-7, -1, 0]])).shape == (2, 12)
    for value in (7, -8, 1e9):
        with pytest.raises(fastscore.UnknownCategoryError, match=r'"2" .* Embedding .* not know'):
            ours.predict(np.array([[1, 2, value]]))
        with pytest.raises(Exception, match=r"indices.* is not in"):
            model(np.array([[1, 2, value]], dtype="int32"))
    with pytest.raises(fastscore.MissingValueError, match="number 2"):
        ours.predict(np.array([[1, 2, np.nan]]))
    with pytest.raises(fastscore.NonFiniteValueError, match="number 2"):
        ours.predict(np.array([[1, 2, np.inf]]))
    gaps = ours.predict(np.array([[1, 2, np.nan], [1, 2, 3]]), missing="propagate")
    assert np.isnan(gaps).all(axis=1).tolist() == [True, False]


def test_negative_numbers_and_infinities_are_errors_where_they_are_counted():
    start = keras.Input((3,))
    model = keras.Model(start, Layers.CategoryEncoding(7, output_mode="count")(start))
    ours = fastscore.import_model(model)
    assert ours.predict(np.array([[1, 2, 9.0]])).sum() == 2
    for value, error in (
        (-1.0, fastscore.UnknownCategoryError),
        (np.nan, fastscore.UnknownCategoryError),
        (np.inf, fastscore.NonFiniteValueError),
    ):
        with pytest.raises(error):
            ours.predict(np.array([[1, 2, value]]))
        with pytest.raises(Exception, match="non-negative"):
            model(np.array([[1, 2, value]], dtype="float32"))


def test_unknown_texts_and_missing_ones(rng):
    start = keras.Input((1,), dtype="string")
    lookup = Layers.StringLookup(vocabulary=["x", "y"], num_oov_indices=0)
    model = models.filled(keras.Model(start, Layers.Embedding(2, 3)(lookup(start))), rng)
    ours = holds(model, np.array([["x"], ["y"]], dtype=object))
    with pytest.raises(fastscore.UnknownCategoryError, match='"q"'):
        ours.predict(np.array([["x"], ["q"]], dtype=object))
    with pytest.raises(fastscore.MissingValueError):
        ours.predict(np.array([["x"], [None]], dtype=object))


def test_integers_are_cut_as_keras_casts_them(rng, tmp_path):
    start = keras.Input((3,), dtype="int32")
    model = models.filled(keras.Model(start, Layers.Dense(2)(start)), rng)
    holds(model, rng.integers(-9, 9, (50, 3)) + 0.5, tmp_path)


def test_types_side_by_side(rng, tmp_path):
    """Layers cast floats to their own type; integers beyond 2**24 stay what they are."""
    a, b = keras.Input((2,), name="a"), keras.Input((1,), name="b", dtype="int64")
    wide = Layers.Dense(3, dtype="float64")(a)
    narrow = Layers.Dense(2)(wide)
    terms = Layers.IntegerLookup(vocabulary=[16777217, 16777219])(b)
    table = Layers.Flatten()(Layers.Embedding(3, 2)(terms))
    model = models.filled(keras.Model([a, b], Layers.Concatenate()([narrow, table])), rng)
    data = rng.normal(size=(60, 3))
    data[:, 2] = rng.choice([16777216, 16777217, 16777218, 16777219], 60)
    holds(model, data, tmp_path)


# --- real data, containers, batches


DATA = {"wine": load_wine, "cancer": load_breast_cancer, "diabetes": load_diabetes}


@pytest.mark.parametrize("name", DATA)
def test_trained_models(name, tmp_path):
    keras.utils.set_random_seed(3)
    x, y = DATA[name](return_X_y=True)
    first = Layers.Normalization()
    first.adapt(x)
    hidden = [Layers.Dense(24, activation="relu"), Layers.BatchNormalization(), Layers.Dropout(0.2)]
    ends = {
        "wine": (Layers.Dense(3, activation="softmax"), "sparse_categorical_crossentropy"),
        "cancer": (Layers.Dense(1, activation="sigmoid"), "binary_crossentropy"),
        "diabetes": (Layers.Dense(1), "mse"),
    }
    end, loss = ends[name]
    model = keras.Sequential([keras.Input((x.shape[1],)), first, *hidden, end])
    model.compile(optimizer="adam", loss=loss)
    model.fit(x, y, epochs=3, batch_size=64, verbose=0)
    labels = {"wine": [0, 1, 2], "cancer": [0, 1], "diabetes": None}[name]
    ours = holds(model, x, tmp_path, classes=labels)
    theirs = model.predict(x, verbose=0)
    if name == "diabetes":
        np.testing.assert_allclose(ours.predict(x), theirs[:, 0], rtol=1e-5, atol=1e-4)
    else:
        found = theirs.argmax(axis=1) if name == "wine" else (theirs[:, 0] > 0.5).astype(int)
        assert (ours.predict(x) == found).all()


def test_containers_and_batches(rng):
    x = rng.normal(size=(50, 4))
    model = ended(Layers.Dense(8, activation="gelu"), Layers.Dense(2), rng=rng)
    ours = fastscore.import_model(model, features=list("abcd"))
    expected = ours.predict(x)
    columns = dict(zip("abcd", x.T, strict=True))
    for data in (pd.DataFrame(columns), pl.DataFrame(columns), pa.table(columns), columns):
        found = ours.predict(data)
        table = found.to_pandas() if hasattr(found, "to_pandas") else found
        stacked = np.column_stack([np.asarray(table[f"prediction_{i}"]) for i in range(2)])
        same_bits(stacked, expected)
    for size in (1, 2, 7, 33):
        pieces = [ours.predict(x[start : start + size]) for start in range(0, 50, size)]
        same_bits(np.concatenate(pieces), expected)
    assert ours.predict(x[:0]).shape == (0, 2)


def test_predict_is_what_keras_predicts(rng):
    """`predict` compiles a graph of its own, other than calling the model does."""
    x = rng.normal(size=(64, 4)).astype("float32")
    model = ended(Layers.Dense(16, activation="tanh"), Layers.Dense(1), rng=rng)
    ours, theirs = fastscore.import_model(model).predict(x), model.predict(x, verbose=0)
    np.testing.assert_allclose(ours, theirs[:, 0], rtol=1e-5, atol=1e-5)


def test_verify_finds_another_model(rng, tmp_path):
    x = rng.normal(size=(20, 4))
    model = ended(Layers.Dense(3), rng=rng)
    ours = fastscore.import_model(model)
    model.layers[0].bias.assign_add([0.0, 1e-3, 0.0])
    report = ours.verify(x)
    assert not report.ok
    model.save(tmp_path / "model.keras")
    assert not ours.verify(x, source=tmp_path / "model.keras").ok
