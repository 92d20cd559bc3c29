"""TreeEnsembleRegressor and TreeEnsemble of ai.onnx.ml, against ONNX Runtime, bit for bit."""

import fastscore
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx_ml_support import MODES, Ensemble, array, draw, model_of, one, run
from support import around, same_bits

VALUES = np.array(
    [0.0, -0.0, 1, 2, 3, -1, 1.5, 0.1, 31, 32, 33, np.inf, -np.inf, 1e-45, -1e-40, 16777216.0, 3e38]
)


def rows(rng, values=VALUES, n=200, features=3, dtype=np.float32):
    with np.errstate(over="ignore", under="ignore"):
        near = np.r_[around(values[np.isfinite(values)]), values, np.nan, 4.0]
        return rng.choice(near, (n, features)).astype(dtype)


def check(model, x, **options):
    """Scores and, of float64, their rounding are ONNX Runtime's."""
    ours = fastscore.import_model(model, **options)
    (theirs,) = run(model, {"x": x})
    found = np.asarray(ours.predict(x))
    same_bits(found.reshape(theirs.shape) + 0.0, theirs + 0.0)
    return ours


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    modes=st.lists(st.sampled_from(MODES), min_size=1, max_size=6),
    nan=st.booleans(),
    targets=st.integers(1, 3),
    every=st.booleans(),
    double=st.booleans(),
    tracks=st.booleans(),
)
def test_regressors_of_all_modes(seed, modes, nan, targets, every, double, tracks):
    rng = np.random.default_rng(seed)
    values = np.r_[VALUES, np.nan] if nan else VALUES

    def weights(rng):
        own = range(targets) if every else [rng.integers(targets)]
        return [(int(target), rng.normal()) for target in own]

    attributes = draw(rng, modes=modes, values=values, weights=weights).attributes()
    if not tracks:
        del attributes["nodes_missing_value_tracks_true"]
    x = rows(rng, dtype=np.float64 if double else np.float32)
    check(model_of(x, attributes, targets=targets), x)


def test_every_engine_and_width_gives_the_same(monkeypatch):
    rng = np.random.default_rng(5)
    x = rows(rng)
    model = model_of(x, draw(rng, trees=8, depth=6, values=VALUES).attributes())
    expected = np.asarray(check(model, x).predict(x))
    ran = set()
    for engine in ("walk", "sliced", "abreast", "tiled", "reference"):
        for level in ("portable", "avx2", "avx512"):
            monkeypatch.setenv("FASTSCORE_ENGINE", engine)
            monkeypatch.setenv("FASTSCORE_SIMD", level)
            try:
                found = np.asarray(fastscore.import_model(model).predict(x))
            except ValueError as error:
                if "this CPU lacks" not in str(error) and "does not fit" not in str(error):
                    raise
                continue
            ran.add((engine, level))
            same_bits(found, expected)
    assert {("walk", "portable"), ("reference", "portable"), ("sliced", "portable")} <= ran


def test_float64_rows_are_cast_as_for_onnx_runtime():
    rng = np.random.default_rng(6)
    model = model_of(
        np.zeros((1, 3), dtype=np.float32), draw(rng, trees=8, values=VALUES).attributes()
    )
    x = rows(rng, dtype=np.float64)
    with np.errstate(over="ignore"):
        narrow = x.astype(np.float32)
    assert (narrow[np.isfinite(x)] != x[np.isfinite(x)]).any()
    (theirs,) = run(model, {"x": narrow})
    ours = fastscore.import_model(model)
    same_bits(np.asarray(ours.predict(x)), theirs[:, 0])
    same_bits(np.asarray(ours.predict(pa.table(dict(zip("abc", x.T, strict=True))))), theirs[:, 0])
    nulls = pa.table({"a": [None, 1.0], "b": [0.0, None], "c": [1, 2]})
    missing = np.array([[np.nan, 0, 1], [1, np.nan, 2]], dtype=np.float32)
    same_bits(np.asarray(ours.predict(nulls)), run(model, {"x": missing})[0][:, 0])


@pytest.mark.parametrize("how", ["SUM", "AVERAGE", "MIN", "MAX"])
@pytest.mark.parametrize("targets", [1, 2])
@pytest.mark.parametrize("base", [False, True])
def test_aggregates(how, targets, base):
    rng = np.random.default_rng(targets)
    attributes = draw(
        rng, trees=5, weights=lambda rng: [(target, rng.normal()) for target in range(targets)]
    ).attributes()
    x = rows(rng)
    if base:
        attributes["base_values"] = [0.7, -1.3][:targets]
    check(model_of(x, attributes | {"aggregate_function": how}, targets=targets), x)


@pytest.mark.parametrize("name", ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT"])
@pytest.mark.parametrize("targets", [1, 3])
@pytest.mark.parametrize("size", [0.1, 0.4, 1.0, 60.0])
def test_transforms(name, targets, size):
    # A single target is transformed by PROBIT only, whose numbers are shares.
    rng = np.random.default_rng(3)

    def weights(rng):
        numbers = rng.random(targets) if name == "PROBIT" else rng.normal(size=targets)
        return list(enumerate(np.where(rng.random(targets) < 0.3, 0.0, numbers * size)))

    attributes = draw(rng, trees=2, weights=weights).attributes()
    x = rows(rng)
    model = model_of(x, attributes | {"post_transform": name}, targets=targets)
    (theirs,) = run(model, {"x": x})
    found = np.asarray(fastscore.import_model(model).predict(x)).reshape(theirs.shape)
    np.testing.assert_allclose(found, theirs, rtol=1e-6, atol=1e-6)


def chain(members, *, mode="EQ", missing=()):
    """Nodes of one feature, each leading to the same leaf, as LightGBM's sets are written."""
    made = Ensemble()
    count = len(members)
    for at, member in enumerate(members):
        no = at + 1 if at + 1 < count else count + 1
        made.node(0, at, mode, 0, member, yes=count, no=no, missing=int(at in missing))
    made.leaf(0, count, (0, 1.0))
    made.leaf(0, count + 1, (0, 2.0))
    return made.attributes()


@pytest.mark.parametrize(
    ("members", "missing"), [([1, 3, 5], ()), ([1, 40, 1.5, -2], (1,)), (list(range(1, 70)), (0,))]
)
def test_sets_of_equal_nodes(members, missing):
    x = rows(np.random.default_rng(0), np.array([*members, 2.0, 33.0]), features=1)
    attributes = chain(members, missing=missing)
    check(model_of(x, attributes), x)


def test_shared_nodes_and_nodes_without_a_way_to_them():
    made = Ensemble()
    made.node(0, 0, "LEQ", 0, 0.0, yes=2, no=1)
    made.node(0, 1, "GT", 0, 1.0, yes=2, no=3)
    made.leaf(0, 2, (0, 1.0))
    made.leaf(0, 3, (0, 2.0))
    made.leaf(0, 4, (0, 7.0))
    x = rows(np.random.default_rng(1), features=1)
    check(model_of(x, made.attributes()), x)


def test_trees_stand_in_the_order_of_the_file():
    # 1e8 + 1 - 1e8 is 0 or 1 by the order in which float32 numbers are added.
    for order in ([0, 1, 2], [0, 2, 1], [2, 0, 1]):
        made = Ensemble()
        for tree in order:
            made.leaf(tree, 0, (0, [1e8, 1.0, -1e8][tree]))
        x = np.zeros((3, 1), dtype=np.float32)
        check(model_of(x, made.attributes()), x)


def broken(**changes):
    made = Ensemble()
    made.node(0, 0, "LEQ", 0, 0.0, yes=1, no=2)
    made.leaf(0, 1, (0, 1.0))
    made.leaf(0, 2, (0, 2.0))
    return made.attributes() | changes


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"nodes_truenodeids": [0, 0, 0]}, "reached again and again: the nodes form a cycle"),
        ({"nodes_falsenodeids": [9, 0, 0]}, "tree 0 has no node 9"),
        ({"nodes_falsenodeids": [-1, 0, 0]}, "tree 0 has no node -1"),
        ({"nodes_nodeids": [0, 1, 1]}, "node 1 of tree 0 is there twice"),
        ({"nodes_nodeids": [0, 1, -2]}, "nodes_nodeids has -2"),
        ({"nodes_treeids": [0, 1, 0]}, "do not stand together"),
        ({"nodes_featureids": [3, 0, 0]}, "reads feature 3, of 1 "),
        ({"nodes_featureids": [-1, 0, 0]}, "reads feature -1, of 1 "),
        ({"nodes_featureids": [0, 0]}, "nodes_featureids has 2 entries, where 3 are due"),
        ({"nodes_values": [0.0] * 4}, "nodes_values has 4 entries, where 3 are due"),
        ({"nodes_modes": ["BRANCH_LEQ", "LEAF"]}, "nodes_modes has 2 entries"),
        ({"nodes_modes": ["BRANCH_FOO", "LEAF", "LEAF"]}, "mode 'BRANCH_FOO' of a node is not"),
        ({"nodes_missing_value_tracks_true": [1]}, "tracks_true has 1 entries, where 3 are due"),
        ({"target_ids": [0, 5]}, "target or class is 5, of 1 that there are"),
        ({"target_ids": [0, -1]}, "target or class is -1"),
        ({"target_weights": [1.0]}, "target_weights has 1 entries, where 2 are due"),
        ({"target_nodeids": [1, 7]}, "tree 0 has no node 7"),
        ({"target_nodeids": [1, 1]}, "leaf 2 has no weight"),
        ({"n_targets": 0}, "it has 0 targets or classes"),
        ({"n_targets": 2**40}, "it has 1099511627776 targets or classes"),
        ({"base_values": [np.inf]}, "its base_values are not finite"),
        ({"base_values": [1.0, 2.0]}, "base_values has 2 entries for 1 targets"),
        ({"aggregate_function": "MEDIAN"}, "aggregate_function 'MEDIAN' is not known"),
        ({"post_transform": "TANH"}, "post_transform 'TANH' is not known"),
        ({"nodes_values_as_tensor": array([0.0] * 3, "f4")}, "are both there"),
    ],
)
def test_broken_attributes_are_refused_by_name(changes, message):
    attributes = {"n_targets": 1} | broken(**changes)
    model = one(
        "TreeEnsembleRegressor",
        {"x": np.zeros((1, 1), dtype=np.float32)},
        {"y": "float32"},
        **attributes,
    )
    with pytest.raises(fastscore.UnsupportedModelError, match=message) as error:
        fastscore.import_model(model)
    assert "node 'the_node' (ai.onnx.ml.TreeEnsembleRegressor)" in str(error.value)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_no_attribute_breaks_the_importer(data):
    attributes = broken()
    name = data.draw(st.sampled_from(sorted(attributes)))
    entries = attributes[name]
    if isinstance(entries[0], int):
        numbers = st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 5)
        attributes[name] = data.draw(st.lists(numbers, max_size=5))
    elif isinstance(entries[0], float):
        attributes[name] = data.draw(st.lists(st.floats(width=32), max_size=5))
    else:
        modes = st.sampled_from(["LEAF", *(f"BRANCH_{mode}" for mode in MODES)])
        attributes[name] = data.draw(st.lists(modes, max_size=5))
    x = np.array([[0.5], [-1.0]], dtype=np.float32)
    try:
        ours = fastscore.import_model(model_of(x, attributes))
    except fastscore.FastscoreError:
        return
    same_bits(np.asarray(ours.predict(x))[:, None], run(model_of(x, attributes), {"x": x})[0])


# TreeEnsemble, of version 5.


def ensemble(x, dtype, **attributes):
    tensors = {"nodes_splits": dtype, "leaf_weights": dtype, "nodes_modes": np.uint8}
    tensors["membership_values"] = dtype
    attributes = {
        name: array(entries, tensors[name]) if name in tensors else entries
        for name, entries in attributes.items()
    }
    return one(
        "TreeEnsemble", {"x": x.astype(dtype)}, {"y": np.dtype(dtype).name}, version=5, **attributes
    )


STUMP = {
    "nodes_featureids": [0],
    "nodes_modes": [0],
    "nodes_splits": [0.5],
    "nodes_truenodeids": [0],
    "nodes_falsenodeids": [1],
    "nodes_trueleafs": [1],
    "nodes_falseleafs": [1],
    "tree_roots": [0],
    "leaf_weights": [1.25, -2.0],
    "leaf_targetids": [0, 0],
    "n_targets": 1,
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("mode", range(6))
@pytest.mark.parametrize("missing", [0, 1])
def test_ensembles_of_version_5(dtype, mode, missing):
    x = rows(np.random.default_rng(mode), np.array([0.5, 0.1]), features=1, dtype=dtype)
    own = STUMP | {"nodes_modes": [mode], "nodes_missing_value_tracks_true": [missing]}
    check(ensemble(x, dtype, **own), x)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "members", [[1, 2], [1.5], [1, 40], [0], [-1, 31, 32, 33], [2.0**24], list(range(31)), [0, 99]]
)
@pytest.mark.parametrize("missing", [0, 1])
def test_members(dtype, members, missing):
    x = rows(np.random.default_rng(9), np.array([*members, 3.0]), features=1, dtype=dtype)
    own = {"nodes_modes": [6], "membership_values": [*members, np.nan]}
    own["nodes_missing_value_tracks_true"] = [missing]
    check(ensemble(x, dtype, **(STUMP | own)), x)


def test_members_of_several_nodes_several_trees_and_single_leaves():
    x = rows(np.random.default_rng(2), np.array([1.0, 2, 3, 4]), features=2)
    own = {
        "nodes_featureids": [0, 1, 0, 0],
        "nodes_modes": [6, 0, 6, 0],
        "nodes_splits": [0.0, 2.0, 0.0, 0.0],
        "membership_values": [1, np.nan, 2, 3, np.nan],
        "nodes_truenodeids": [0, 2, 1, 4],
        "nodes_falsenodeids": [1, 2, 3, 4],
        "nodes_trueleafs": [1, 0, 1, 1],
        "nodes_falseleafs": [0, 1, 1, 1],
        "leaf_weights": [1.0, 2.0, 4.0, 8.0, 16.0],
        "leaf_targetids": [0, 1, 0, 1, 1],
        "n_targets": 2,
        "tree_roots": [0, 3],
    }
    check(ensemble(x, np.float32, **own), x)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    modes=st.lists(st.integers(0, 6), min_size=1, max_size=7),
    targets=st.integers(1, 3),
    double=st.booleans(),
)
def test_random_ensembles_of_version_5(seed, modes, targets, double):
    rng = np.random.default_rng(seed)
    names = ("featureids", "modes", "splits", "truenodeids", "falsenodeids", "trueleafs")
    names += ("falseleafs", "missing_value_tracks_true")
    own = {f"nodes_{name}": [] for name in names}
    own |= {"leaf_weights": [], "leaf_targetids": [], "tree_roots": [], "n_targets": targets}
    # The sets stand in the order of their nodes.
    members = {}

    def leaf():
        own["leaf_weights"].append(float(np.float32(rng.normal())))
        own["leaf_targetids"].append(int(rng.integers(targets)))
        return len(own["leaf_weights"]) - 1, 1

    def grow(depth):
        if depth == 0:
            return leaf()
        at = len(own["nodes_modes"])
        mode = int(rng.choice(modes))
        for name in names:
            own[f"nodes_{name}"].append(0)
        if mode == 6:
            some = rng.choice([1, 2, 3, 31, 40, -1, 0, 2**20], rng.integers(1, 5), replace=False)
            members[at] = [float(each) for each in some]
        own["nodes_modes"][at] = mode
        own["nodes_splits"][at] = float(np.float32(rng.choice(VALUES)))
        own["nodes_featureids"][at] = int(rng.integers(3))
        own["nodes_missing_value_tracks_true"][at] = int(rng.integers(2))
        for side in ("true", "false"):
            to, is_leaf = grow(depth - 1 if rng.random() < 0.8 else 0)
            own[f"nodes_{side}nodeids"][at], own[f"nodes_{side}leafs"][at] = to, is_leaf
        return at, 0

    for _ in range(3):
        own["tree_roots"].append(grow(int(rng.integers(1, 5)))[0])
    if members:
        own["membership_values"] = [
            each for at in sorted(members) for each in (*members[at], np.nan)
        ]
    dtype = np.float64 if double else np.float32
    values = np.r_[VALUES, 40.0, 31.5, -1.5, 2.0**20]
    x = rows(rng, values, dtype=dtype)
    check(ensemble(x, dtype, **own), x)


@pytest.mark.parametrize("how", range(4))
def test_aggregates_of_version_5(how):
    x = rows(np.random.default_rng(2), np.array([0.5]), features=1)
    two = {name: entries * 2 for name, entries in STUMP.items() if isinstance(entries, list)}
    two |= {"nodes_truenodeids": [0, 2], "nodes_falsenodeids": [1, 3], "tree_roots": [0, 1]}
    two |= {"leaf_weights": [1.25, -2.0, 7.0, 0.125], "n_targets": 1, "aggregate_function": how}
    check(ensemble(x, np.float32, **two), x)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"nodes_modes": [7]}, "the mode 7 of node 0 is not known"),
        ({"nodes_truenodeids": [2]}, "there is no leaf 2, to which node 0 leads"),
        ({"nodes_trueleafs": [0], "nodes_truenodeids": [1]}, "there is no node 1"),
        ({"nodes_trueleafs": [0]}, "reached again and again: the nodes form a cycle"),
        ({"tree_roots": [1]}, "no node 1"),
        ({"tree_roots": []}, "tree_roots names no node"),
        ({"leaf_targetids": [0, 1]}, "target or class is 1, of 1"),
        ({"leaf_targetids": [0]}, "leaf_targetids has 1 entries, where 2 are due"),
        ({"nodes_modes": [6]}, "membership_values has no members for node 0"),
        ({"nodes_modes": [6], "membership_values": [np.nan]}, "has no members for node 0"),
        ({"nodes_modes": [6], "membership_values": [1.5, 40.0]}, "not all integers of 32 bits"),
        ({"nodes_modes": [6], "membership_values": [2.0**31]}, "not all integers of 32 bits"),
        ({"aggregate_function": 4}, "aggregate_function 4 is not known"),
        ({"post_transform": 9}, "post_transform 9 is not known"),
        (
            {"post_transform": 1, "n_targets": 2},
            "ONNX has SOFTMAX for 1 and LOGISTIC for 2, ONNX Runtime the other way round",
        ),
    ],
)
def test_broken_ensembles_of_version_5_are_refused_by_name(changes, message):
    x = np.zeros((1, 1))
    with pytest.raises(fastscore.UnsupportedModelError, match=message):
        fastscore.import_model(ensemble(x, np.float32, **(STUMP | changes)))
