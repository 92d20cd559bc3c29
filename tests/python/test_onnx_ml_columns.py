"""The operators of ai.onnx.ml that make columns of columns, against ONNX Runtime."""

import fastscore
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper
from onnx_ml_support import DOMAIN, array, graph, one, run
from support import same_bits

ODD = np.array([0.0, -0.0, 1, -1, 0.1, 1e-45, -1e-40, 3e38, -3e38, np.inf, -np.inf, np.nan, 7])


def table(dtype=np.float32, n=300, features=3, values=ODD):
    rng = np.random.default_rng(4)
    if np.dtype(dtype).kind == "i":
        return rng.integers(-9, 9, (n, features)).astype(dtype)
    return rng.choice(values, (n, features)).astype(dtype)


def scores(model, feeds, outputs="float32"):
    """Our scores and ONNX Runtime's, as matrices."""
    ours = fastscore.import_model(model)
    (theirs,) = run(model, feeds)
    data = next(iter(feeds.values()))
    if data.dtype == object:
        data = pd.DataFrame(data, columns=[f"c{i}" for i in range(data.shape[1])])
    found = np.asarray(ours.predict(data))
    return found.reshape(len(found), -1), theirs.reshape(len(theirs), -1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.int32])
@pytest.mark.parametrize("each", [False, True])
def test_scaler(dtype, each):
    x = table(dtype)
    offset, scale = ([0.1, -2.0, 0.0], [0.3, 7.0, -1e-3]) if each else ([0.7], [0.1])
    model = one("Scaler", {"x": x}, {"y": "float32"}, offset=offset, scale=scale)
    found, theirs = scores(model, {"x": x})
    same_bits(found.astype(np.float32) + 0.0, theirs + 0.0)


@pytest.mark.parametrize("norm", ["MAX", "L1", "L2"])
@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_normalizer(norm, dtype):
    values = np.array([0.0, -0.0, 1, -1, 0.1, -1e-3, 1e5, np.inf, np.nan, 7])
    x = table(dtype, values=values)
    x[:3] = [[0, 0, 0], [-1, -2, -3], [0, -1, 0]]
    model = one("Normalizer", {"x": x}, {"y": "float32"}, norm=norm)
    found, theirs = scores(model, {"x": x})
    np.testing.assert_allclose(found, theirs, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("replaced", [np.nan, 0.0, 7.0, np.inf, -np.inf])
@pytest.mark.parametrize("values", [[5.0], [5.0, -1.0, 0.25], [2.0, 3.0]])
def test_imputer_of_floats(replaced, values):
    x = table()
    model = one(
        "Imputer",
        {"x": x},
        {"y": "float32"},
        imputed_value_floats=values,
        replaced_value_float=replaced,
    )
    same_bits(*(each.astype(np.float32) for each in scores(model, {"x": x})))


def integer_sum(op, x, **attributes):
    """A model whose integers become floats, which are scores."""
    nodes = [
        helper.make_node(op, ["x"], ["mid"], domain=DOMAIN, **attributes),
        helper.make_node("Cast", ["mid"], ["y"], to=1),
    ]
    return graph(nodes, {"x": x}, {"y": "float32"})


def test_imputer_of_integers():
    x = table(np.int64)
    model = integer_sum("Imputer", x, imputed_value_int64s=[5], replaced_value_int64=-3)
    np.testing.assert_array_equal(*scores(model, {"x": x}))


def test_binarizer():
    x = table(values=ODD[~np.isnan(ODD)])
    model = one("Binarizer", {"x": x}, {"y": "float32"}, threshold=0.1)
    np.testing.assert_array_equal(*scores(model, {"x": x}))
    with pytest.raises(fastscore.MissingValueError):
        fastscore.import_model(model).predict(np.float32([[np.nan, 0, 0]]))


def test_feature_vectorizer():
    a, b = table(features=2), table(features=1)
    model = one("FeatureVectorizer", {"a": a, "b": b}, {"y": "float32"}, inputdimensions=[2, 1])
    ours = fastscore.import_model(model)
    (theirs,) = run(model, {"a": a, "b": b})
    frame = pd.DataFrame(np.c_[a, b], columns=["a_0", "a_1", "b"])
    np.testing.assert_array_equal(np.asarray(ours.predict(frame)), theirs)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_array_feature_extractor(dtype):
    x = table(dtype)
    model = one(
        "ArrayFeatureExtractor",
        {"x": x},
        {"y": np.dtype(dtype).name},
        constants={"at": np.array([2, 0, 2])},
    )
    np.testing.assert_array_equal(*scores(model, {"x": x}))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("cats", [[1, 0, 2], [-1, 5], [3, 1, 3]])
def test_one_hot_of_numbers(dtype, cats):
    x = table(dtype, values=np.array([0.0, 1, 1.9, -1, -0.5, 2, 3, 5, 1e10, np.nan]))
    model = one("OneHotEncoder", {"x": x}, {"y": "float32"}, cats_int64s=cats)
    np.testing.assert_array_equal(*scores(model, {"x": x}))


def texts():
    rng = np.random.default_rng(1)
    return rng.choice(np.array(["a", "b", "", "ä b", "unseen"], dtype=object), (60, 2))


def test_one_hot_of_text():
    x = texts()
    model = one("OneHotEncoder", {"x": x}, {"y": "float32"}, cats_strings=["b", "", "ä b"])
    np.testing.assert_array_equal(*scores(model, {"x": x}))


def test_unknown_categories_are_refused_where_zeros_is_0():
    x = texts()
    model = one("OneHotEncoder", {"x": x}, {"y": "float32"}, cats_strings=["a", "b"], zeros=0)
    with pytest.raises(Exception, match="Unknown Category"):
        run(model, {"x": x})
    ours = fastscore.import_model(model)
    frame = pd.DataFrame([["a", "b"], ["b", "b"]])
    assert np.asarray(ours.predict(frame.set_axis(list("xy"), axis=1))).tolist() == [
        [1, 0, 0, 1],
        [0, 1, 0, 1],
    ]
    with pytest.raises(fastscore.UnknownCategoryError, match='the first in row 0: "c"'):
        ours.predict(pd.DataFrame({"x": ["a"], "y": ["c"]}))


def test_nulls_and_dictionaries_of_text():
    model = one(
        "OneHotEncoder",
        {"x": np.array([["a"]], dtype=object)},
        {"y": "float32"},
        cats_strings=["a", "b"],
    )
    ours = fastscore.import_model(model)
    column = pa.array(["b", None, "a", "c"])
    for values in (column, column.dictionary_encode(), column.cast(pa.large_string())):
        found = np.asarray(ours.predict(pa.table({"any": values})))
        assert found.tolist() == [[0, 1], [0, 0], [1, 0], [0, 0]]
    with pytest.raises(fastscore.SchemaError):
        ours.predict(pa.table({"any": [1.5]}))


KEYS = {
    "strings": ["a", "ä b", ""],
    "int64s": [1, -7, 3],
    "floats": [1.0, 0.0, 0.1],
}
FOUND = {"strings": ["p", "q", "p"], "int64s": [10, -20, 30], "floats": [0.1, -0.5, np.inf]}


@pytest.mark.parametrize("version", [2, 4])
@pytest.mark.parametrize("keys", KEYS)
@pytest.mark.parametrize("found", ["int64s", "floats"])
@pytest.mark.parametrize("default", [False, True])
def test_label_encoder_gives_numbers(version, keys, found, default):
    x = {
        "strings": texts()[:, :1],
        "int64s": table(np.int64, features=1),
        "floats": np.float32([[1], [0], [-0.0], [0.1], [5], [np.nan]]),
    }[keys]
    own = {f"keys_{keys}": KEYS[keys], f"values_{found}": FOUND[found]}
    if default:
        own |= {"default_int64": 77, "default_float": 0.25}
    nodes = [
        helper.make_node("LabelEncoder", ["x"], ["mid"], domain=DOMAIN, **own),
        helper.make_node("Cast", ["mid"], ["y"], to=1),
    ]
    model = graph(nodes, {"x": x}, {"y": "float32"}, version=version)
    np.testing.assert_array_equal(*scores(model, {"x": x}))


@pytest.mark.parametrize("version", [2, 4])
def test_nan_is_a_key_from_version_4_on(version):
    x = np.float32([[1], [np.nan], [2]])
    model = one(
        "LabelEncoder",
        {"x": x},
        {"y": "float32"},
        version=version,
        keys_floats=[1.0, np.nan, 1.0],
        values_floats=[10.0, 20.0, 30.0],
        default_float=-5.0,
    )
    found, theirs = scores(model, {"x": x})
    np.testing.assert_array_equal(found, theirs)
    assert found[1] == (20.0 if version == 4 else -5.0)


def test_label_encoder_of_tensors():
    x = np.array([[1.0], [np.nan], [3.0]])
    model = one(
        "LabelEncoder",
        {"x": x},
        {"y": "float64"},
        version=4,
        keys_tensor=array([1.0, np.nan], "f8"),
        values_tensor=array([0.1, 0.2], "f8"),
        default_tensor=array([0.3], "f8"),
    )
    np.testing.assert_array_equal(*scores(model, {"x": x}))


@pytest.mark.parametrize(
    ("op", "attributes"),
    [
        ("LabelEncoder", {"keys_int64s": [1, 2], "values_strings": ["x", "y"]}),
        ("LabelEncoder", {"keys_int64s": [1, 2, 1], "values_strings": ["x", "y", "z"]}),
        ("CategoryMapper", {"cats_int64s": [1, 2], "cats_strings": ["x", "y"]}),
    ],
)
def test_text_for_numbers(op, attributes):
    x = table(np.int64, features=1)
    model = one(op, {"x": x}, {"y": "object"}, version=2, **attributes)
    ours = fastscore.import_model(model)
    np.testing.assert_array_equal(np.asarray(ours.predict(x)), run(model, {"x": x})[0].ravel())
    assert "_Unused" in ours.classes_


@pytest.mark.parametrize("version", [1, 2])
def test_numbers_for_text(version):
    x = texts()[:, :1]
    name = "LabelEncoder" if version == 1 else "CategoryMapper"
    own = (
        {"classes_strings": ["b", "a"]}
        if version == 1
        else {
            "cats_strings": ["b", "a"],
            "cats_int64s": [4, 9],
        }
    )
    nodes = [
        helper.make_node(name, ["x"], ["mid"], domain=DOMAIN, **own, default_int64=-3),
        helper.make_node("Cast", ["mid"], ["y"], to=1),
    ]
    model = graph(nodes, {"x": x}, {"y": "float32"}, version=version)
    np.testing.assert_array_equal(*scores(model, {"x": x}))


@settings(max_examples=40, deadline=None)
@given(
    keys=st.lists(st.floats(width=32), min_size=1, max_size=6),
    more=st.lists(st.floats(width=32), max_size=6),
    version=st.sampled_from([2, 4]),
)
def test_any_keys(keys, more, version):
    x = np.array([*keys, *more, *np.nextafter(np.float32(keys), np.float32(0))], dtype=np.float32)
    model = one(
        "LabelEncoder",
        {"x": x[:, None]},
        {"y": "float32"},
        version=version,
        keys_floats=keys,
        values_floats=[float(at) for at in range(len(keys))],
        default_float=-1.0,
    )
    np.testing.assert_array_equal(*scores(model, {"x": x[:, None]}))


REFUSED = [
    ("Scaler", {"offset": [1.0, 2.0], "scale": [1.0, 2.0]}, "2 offsets and 2 scales for 3 columns"),
    ("Scaler", {"offset": [1.0], "scale": [1.0] * 3}, "1 offsets and 3 scales"),
    ("Scaler", {"offset": [np.inf], "scale": [1.0]}, "its offset is not finite"),
    ("Normalizer", {"norm": "L3"}, "the norm 'L3' is not known"),
    ("Imputer", {"imputed_value_int64s": [1]}, "no imputed values for an input of float32"),
    ("Imputer", {"imputed_value_floats": [np.nan]}, "imputed values are not finite"),
    ("Binarizer", {"threshold": np.nan}, "its threshold is nan"),
    ("FeatureVectorizer", {"inputdimensions": [4]}, "its input 0 has 3 columns, where 4 are due"),
    ("OneHotEncoder", {"cats_strings": ["a"]}, "no categories for its input"),
    ("LabelEncoder", {"keys_floats": [1.0]}, "it has no keys, or no values"),
    ("LabelEncoder", {"keys_strings": ["a"], "values_floats": [1.0]}, "is numbers, and its keys"),
    (
        "LabelEncoder",
        {"keys_floats": [1.0, 2.0], "values_floats": [1.0]},
        "it has 2 keys and 1 values",
    ),
    ("LabelEncoder", {"keys_floats": [1.0], "values_strings": ["a"]}, "text of several columns"),
    (
        "LabelEncoder",
        {"keys_floats": [1.0], "values_int64s": [2**60]},
        "1152921504606846976 is beyond 2\\*\\*53",
    ),
    ("ZipMap", {"classlabels_int64s": [1, 2]}, "2 labels for an input of 3 columns"),
    ("DictVectorizer", {"int64_vocabulary": [1]}, "DictVectorizer.*not supported"),
    ("CastMap", {}, "CastMap.*not supported"),
]


@pytest.mark.parametrize(("op", "attributes", "message"), REFUSED)
def test_what_is_refused_names_the_node(op, attributes, message):
    x = np.zeros((1, 3), dtype=np.float32)
    model = one(op, {"x": x}, {"y": "float32"}, version=4, **attributes)
    with pytest.raises(fastscore.UnsupportedModelError, match=message) as error:
        fastscore.import_model(model)
    assert f"node 'the_node' (ai.onnx.ml.{op})" in str(error.value)
