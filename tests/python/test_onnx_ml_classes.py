"""TreeEnsembleClassifier, LinearClassifier, LinearRegressor and ZipMap, against ONNX Runtime."""

import fastscore
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper
from onnx_ml_support import DOMAIN, Ensemble, draw, graph, one, run

LABELS = {"strings": ["b", "a", "c"], "int64s": [5, 7, 9]}


def rows(rng, n=100, dtype=np.float32):
    return rng.choice([0.0, 1, 2, -1, 0.5, np.nan], (n, 3)).astype(dtype)


def classifier(x, attributes, labels, **more):
    kind = "string" if isinstance(labels[0], str) else "int64"
    key = "classlabels_strings" if kind == "string" else "classlabels_int64s"
    outputs = {"label": "object" if kind == "string" else "int64", "scores": "float32"}
    return one("TreeEnsembleClassifier", {"x": x}, outputs, **attributes, **{key: labels}, **more)


def check(model, x, atol=1e-6):
    """Labels are equal, scores within 1e-6, relative to those above 1."""
    ours = fastscore.import_model(model)
    label, scores = run(model, {"x": x})
    found = np.asarray(ours.predict(x))
    np.testing.assert_array_equal(found, label)
    assert ours.classes_.dtype.kind == ("O" if label.dtype == object else "i")
    shares = np.asarray(ours.predict_proba(x))
    assert shares.dtype == np.float32
    np.testing.assert_allclose(shares, scores, rtol=1e-6, atol=atol)
    return ours


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.sampled_from([2, 2, 3]),
    kind=st.sampled_from(["first", "second", "one each", "all"]),
    labels=st.sampled_from(["strings", "int64s"]),
    weights=st.sampled_from(["any", "positive", "whole"]),
    base=st.integers(0, 3),
    name=st.sampled_from(["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"]),
    double=st.booleans(),
)
def test_classifiers(seed, count, kind, labels, weights, base, name, double):
    rng = np.random.default_rng(seed)

    def of_leaf(rng):
        which = {"first": [0], "second": [1], "all": range(count)}.get(kind)
        own = [int(rng.integers(count))] if which is None else which
        found = {"any": rng.normal, "positive": rng.random, "whole": lambda: rng.integers(-1, 2)}
        return [(target, found[weights]()) for target in own]

    made = draw(rng, modes=["LEQ", "LT", "GTE", "GT"], values=[0.0, 1, 2, -1], weights=of_leaf)
    made.kind = "class"
    x = rows(rng, dtype=np.float64 if double else np.float32)
    attributes = made.attributes() | {"post_transform": name}
    if base and ((count == 2 and base < 3) or base == count):
        attributes["base_values"] = [0.25, 0.5, -1.0][:base]
    model = classifier(x, attributes, LABELS[labels][:count])
    if kind == "one each" or (count == 3 and kind != "all"):
        try:
            fastscore.import_model(model)
        except fastscore.UnsupportedModelError as error:
            # Whether a row has a score for a class is no matter of the sums.
            if "some rows get weights for" not in str(error):
                raise
            return
    check(model, x)


@pytest.mark.parametrize("dtype", [np.int64, np.int32])
@pytest.mark.parametrize("modes", [["EQ", "NEQ"], ["LEQ", "LT", "GT", "GTE"]])
def test_integers_are_compared_as_float32(dtype, modes):
    values = [0.0, 1, -1, 16777216.0, 16777218.0]
    rng = np.random.default_rng(2)
    leaf = {"weights": lambda rng: [(0, rng.normal())]}
    made = draw(rng, trees=6, modes=modes, values=values, **leaf)
    made.kind = "class"
    x = rng.choice(np.r_[values, 16777217, 16777215, 16777219, 5].astype(dtype), (200, 3))
    check(classifier(x, made.attributes(), ["a", "b"]), x)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_attribute_breaks_the_importer(data):
    attributes = stump([(0, 1.0)], [(0, 2.0)]) | {"classlabels_int64s": [0, 1]}
    attributes["base_values"] = [0.5]
    name = data.draw(st.sampled_from(["class_ids", "class_weights", "base_values", "labels"]))
    numbers = st.integers(-(2**63), 2**63 - 1) | st.integers(-2, 3)
    if name == "labels":
        attributes["classlabels_int64s"] = data.draw(st.lists(numbers, max_size=4))
    elif name == "class_ids":
        attributes[name] = data.draw(st.lists(numbers, max_size=4))
    else:
        attributes[name] = data.draw(st.lists(st.floats(width=32), max_size=4))
    x = np.array([[0.5], [-1.0]], dtype=np.float32)
    outputs = {"label": "int64", "scores": "float32"}
    model = one("TreeEnsembleClassifier", {"x": x}, outputs, **attributes)
    try:
        ours = fastscore.import_model(model)
    except fastscore.FastscoreError:
        return
    np.testing.assert_array_equal(np.asarray(ours.predict(x)), run(model, {"x": x})[0])


def stump(*weights):
    made = Ensemble("class")
    made.node(0, 0, "LEQ", 0, 0.0, yes=1, no=2)
    for at, own in enumerate(weights):
        made.leaf(0, at + 1, *own)
    return made.attributes()


def test_two_classes_with_weights_of_one():
    x = np.array([[-1.0], [1.0]], dtype=np.float32)
    model = classifier(x, stump([(0, 0.2)], [(0, 0.7)]), [5, 7])
    ours = check(model, x)
    # Shares: the second class's is the sum, and it takes more than a half.
    np.testing.assert_array_equal(np.asarray(ours.margin(x)), np.float32([0.2, 0.7]))
    np.testing.assert_array_equal(ours.classes_, [5, 7])
    negative = check(classifier(x, stump([(0, -0.2)], [(0, 0.7)]), [5, 7]), x)
    assert np.asarray(negative.predict_proba(x))[0].tolist() == np.float32([0.2, -0.2]).tolist()


def test_integer_labels_of_two_classes_with_weights_of_both_are_0_and_1():
    # ONNX Runtime's way, which leaves the labels of the file out.
    x = np.array([[-1.0], [1.0]], dtype=np.float32)
    own = stump([(0, 0.2), (1, -0.3)], [(0, 0.7), (1, 0.1)])
    np.testing.assert_array_equal(check(classifier(x, own, [5, 7]), x).classes_, [0, 1])
    np.testing.assert_array_equal(check(classifier(x, own, ["y", "n"]), x).classes_, ["y", "n"])


@pytest.mark.parametrize(
    ("attributes", "labels", "message"),
    [
        (stump([(0, 1.0)], [(0, 2.0)]), [1], "it has a single class; two are due"),
        (stump([(0, 1.0)], [(2, 2.0)]), [0, 1], "target or class is 2, of 2"),
        (stump([(0, 1.0)], [(0, 2.0)]), [4, 4], "class labels must be distinct"),
        (stump([(0, 1.0)], [(0, 2.0)]), ["a", "a"], "class labels must be distinct"),
        (
            stump([(0, 1.0)], [(0, 2.0)]) | {"base_values": [1.0] * 3},
            [0, 1],
            "base_values has 3 entries for 2 classes",
        ),
        (
            stump([(0, 1.0)], [(0, 2.0)]) | {"base_values": [1.0]},
            [0, 1, 2],
            "base_values has 1 entries for 3 classes",
        ),
        (
            stump([(0, 1.0)], [(0, 2.0)]) | {"post_transform": "PROBIT"},
            [0, 1],
            "'PROBIT' of the weights of one class alone is not supported",
        ),
        (stump([(0, 1.0)], [(1, 2.0)]), [0, 1], "weights for one of the two classes only"),
        (stump([(0, 1.0)], [(1, -2.0)]), [0, 1, 2], "weights for some classes only"),
    ],
)
def test_refused_classifiers(attributes, labels, message):
    x = np.zeros((1, 1), dtype=np.float32)
    with pytest.raises(fastscore.UnsupportedModelError, match=message):
        fastscore.import_model(classifier(x, attributes, labels))


# Linear models.


def linear(x, outputs, coefficients, intercepts, **attributes):
    outputs = dict(outputs)
    return one(
        "LinearClassifier",
        {"x": x},
        outputs,
        coefficients=[float(each) for each in np.ravel(coefficients)],
        intercepts=[float(each) for each in intercepts],
        **attributes,
    )


INTS = {"label": "int64", "scores": "float32"}
TEXTS = {"label": "object", "scores": "float32"}


@pytest.mark.parametrize("name", ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"])
@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("labels", ["ints", "strings"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_linear_classifiers(name, count, labels, dtype):
    rng = np.random.default_rng(count)
    x = rng.normal(0, 3, (200, 5)).astype(dtype)
    own = [f"c{i}" for i in range(max(count, 2))] if labels == "strings" else [3, 4, -1, 9]
    model = linear(
        x,
        TEXTS if labels == "strings" else INTS,
        rng.normal(size=(count, 5)),
        rng.normal(size=count),
        **{f"classlabels_{labels}": own[: max(count, 2)]},
        post_transform=name,
    )
    ours = fastscore.import_model(model)
    label, scores = run(model, {"x": x})
    np.testing.assert_array_equal(np.asarray(ours.predict(x)), label)
    np.testing.assert_allclose(np.asarray(ours.predict_proba(x)), scores, rtol=2e-6, atol=3e-6)


def test_linear_classifiers_of_what_is_no_number():
    x = np.array([[np.nan, 1.0], [np.inf, 0.0], [0.0, -0.0]], dtype=np.float32)
    for count in (1, 2):
        model = linear(x, INTS, np.ones((count, 2)), np.zeros(count), classlabels_ints=[3, 4])
        ours = fastscore.import_model(model)
        label, scores = run(model, {"x": x})
        np.testing.assert_array_equal(np.asarray(ours.predict(x)), label)
        np.testing.assert_array_equal(np.asarray(ours.predict_proba(x)), scores)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"coefficients": [1.0], "intercepts": [0.0]}, "coefficients has 1 entries, where 2 are"),
        ({"coefficients": [1.0, 2.0], "intercepts": []}, "it has 0 outputs"),
        (
            {"coefficients": [1.0] * 6, "intercepts": [0.0] * 3},
            "2 class labels for 3 intercepts",
        ),
        (
            {"coefficients": [1.0] * 2, "intercepts": [0.0], "post_transform": "PROBIT"},
            "'PROBIT' of one row of coefficients is not supported",
        ),
    ],
)
def test_refused_linear_classifiers(attributes, message):
    x = np.zeros((1, 2), dtype=np.float32)
    model = one("LinearClassifier", {"x": x}, INTS, classlabels_ints=[0, 1], **attributes)
    with pytest.raises(fastscore.UnsupportedModelError, match=message):
        fastscore.import_model(model)


@pytest.mark.parametrize("name", ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"])
@pytest.mark.parametrize("targets", [1, 3])
@pytest.mark.parametrize("intercepts", [False, True])
def test_linear_regressors(name, targets, intercepts):
    rng = np.random.default_rng(targets)
    x = rng.normal(size=(200, 7)).astype(np.float32)
    own = {"intercepts": rng.normal(size=targets).tolist()} if intercepts else {}
    model = one(
        "LinearRegressor",
        {"x": x},
        {"y": "float32"},
        coefficients=rng.normal(size=targets * 7).tolist(),
        targets=targets,
        post_transform=name,
        **own,
    )
    (theirs,) = run(model, {"x": x})
    found = np.asarray(fastscore.import_model(model).predict(x)).reshape(theirs.shape)
    np.testing.assert_allclose(found, theirs, rtol=1e-6, atol=3e-6)


@pytest.mark.parametrize("op", ["SVMClassifier", "SVMRegressor"])
def test_support_vectors_are_refused(op):
    outputs = INTS if op == "SVMClassifier" else {"y": "float32"}
    model = one(op, {"x": np.zeros((1, 2), dtype=np.float32)}, outputs, kernel_type="LINEAR")
    with pytest.raises(fastscore.UnsupportedModelError, match=f"{op}.*LinearSVC, LinearSVR or"):
        fastscore.import_model(model)


# ZipMap.


@pytest.mark.parametrize("labels", ["strings", "int64s"])
def test_maps_of_shares_are_the_shares(labels):
    x = np.array([[-1.0], [1.0]], dtype=np.float32)
    own = LABELS[labels][:2]
    attributes = stump([(0, 0.2)], [(0, 0.7)])
    plain = classifier(x, attributes, own)
    nodes = [
        helper.make_node(
            "TreeEnsembleClassifier",
            ["x"],
            ["label", "scores"],
            domain=DOMAIN,
            **attributes,
            **{f"classlabels_{labels}": own},
        ),
        helper.make_node(
            "ZipMap", ["scores"], ["map"], domain=DOMAIN, **{f"classlabels_{labels}": own}
        ),
    ]
    mapped = graph(nodes, {"x": x}, {"label": "object" if labels == "strings" else "int64"})
    key = helper.make_tensor_type_proto(1, None)
    kind = 8 if labels == "strings" else 7
    value = helper.make_sequence_type_proto(helper.make_map_type_proto(kind, key))
    mapped.graph.output.append(helper.make_value_info("map", value))
    ours = fastscore.import_model(mapped)
    maps = run(mapped, {"x": x})[1]
    shares = np.asarray(ours.predict_proba(x))
    by_class = [[each[label] for label in own] for each in maps]
    np.testing.assert_allclose(shares, by_class, atol=1e-6)
    np.testing.assert_array_equal(
        shares, np.asarray(fastscore.import_model(plain).predict_proba(x))
    )
