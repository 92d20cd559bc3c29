"""LightGBM's categorical splits and linear trees against LightGBM itself, bit for bit."""

import fastscore
import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lightgbm_models import EXTRA, MISSING
from support import awkward_rows, lightgbm_splits, same_bits, ulps

CODES = (
    *(-0.5, -0.999999, -1.0, -1e-36, -2e-35, 1e-36, 0.999999, 1.5, 31.0, 31.999, 32.0, 63.5, 64.0),
    *(2.0**31 - 1, 2.0**31, 2.0**32, 2.0**63, -(2.0**31), -(2.0**31) - 1, 1e9),
)
SETTINGS = {
    "verbose": -1,
    "num_threads": 1,
    "num_leaves": 9,
    "min_data_in_leaf": 3,
    "min_data_per_group": 2,
    "cat_smooth": 1,
    "cat_l2": 1,
    "seed": 1,
}


def data(rows=400, *, seed=0, holes=0.1, categories=70):
    """Two columns of numbers, two of categories: few, and enough for sets of several words."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 4)) * [1, 1e-35, 1, 1]
    x[:, 2] = rng.integers(0, 4, rows)
    x[:, 3] = rng.integers(0, categories, rows)
    y = x[:, 0] + np.array([3, -1, 2, 0])[x[:, 2].astype(int)] + x[:, 3] % 5
    x[rng.random(x.shape) < holes] = np.nan
    return x, y + 0.1 * rng.normal(size=rows)


def train(x, y, *, rounds=6, categorical=(2, 3), **parameters):
    dataset = lgb.Dataset(x, y, categorical_feature=list(categorical), free_raw_data=False)
    return lgb.train({**SETTINGS, **parameters}, dataset, rounds)


def rows_for(booster, x, n=3000, seed=5):
    rng = np.random.default_rng(seed)
    rows = awkward_rows(x, lightgbm_splits(booster), rng, n, EXTRA)
    for column in (2, 3):
        odd = rng.random(n) < 0.4
        rows[odd, column] = rng.choice([*CODES, *EXTRA, *np.arange(0.0, 80.0)], odd.sum())
    return rows


def check(booster, rows, model=None, **arguments):
    model = model or fastscore.import_model(booster)
    same_bits(model.margin(rows), booster.predict(rows, raw_score=True, num_threads=1, **arguments))
    leaves = booster.predict(rows, pred_leaf=True, num_threads=1, **arguments)
    same_bits(model.leaf_index(rows), np.asarray(leaves).reshape(len(rows), -1))
    return model


def check_everywhere(booster, rows, tmp_path):
    """Live, read from LightGBM's text and from our own file: the same bits."""
    live = check(booster, rows)
    booster.save_model(tmp_path / "model.txt")
    again = lgb.Booster(model_file=tmp_path / "model.txt")
    text = check(again, rows, fastscore.load(tmp_path / "model.txt"))
    same_bits(text.margin(rows), live.margin(rows))
    live.save(tmp_path / "model.fscore")
    same_bits(fastscore.load(tmp_path / "model.fscore").margin(rows), live.margin(rows))


@pytest.mark.parametrize("missing", MISSING)
@pytest.mark.parametrize("onehot", [1, 100], ids=["sets", "onehot"])
@pytest.mark.parametrize("holes", [0.1, 0.0], ids=["holes", "whole"])
def test_categorical_splits(missing, onehot, holes, tmp_path):
    x, y = data(holes=holes)
    booster = train(x, y, max_cat_to_onehot=onehot, **MISSING[missing])
    assert "num_cat=0" not in booster.model_to_string()
    check_everywhere(booster, rows_for(booster, x), tmp_path)


@pytest.mark.parametrize(
    "parameters",
    [
        {"objective": "binary"},
        {"objective": "multiclass", "num_class": 3},
        {"boosting": "dart"},
        {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6},
        {"num_leaves": 2},
        {"extra_trees": True},
        {"path_smooth": 1.0},
        {"max_bin": 1000, "min_data_in_bin": 1},
        {"boost_from_average": False},
        {"monotone_constraints": [1, 0, 0, 0]},
    ],
    ids=str,
)
@pytest.mark.parametrize("linear", [False, True], ids=["plain", "linear"])
def test_parameters(parameters, linear):
    x, y = data()
    if "objective" in parameters:
        y = np.digitize(y, np.quantile(y, np.arange(1, 3) / 3))
        y = y if parameters["objective"] == "multiclass" else (y > 1).astype(int)
    booster = train(x, y, linear_tree=linear, **parameters)
    rows = rows_for(booster, x, 1500)
    if linear:
        rows = np.where(np.abs(rows) == np.inf, 1e9, rows)
    model = check(booster, rows)
    assert ulps(model.predict(rows), booster.predict(rows, num_threads=1)).max() <= 2


def test_large_codes(tmp_path):
    """Sets of tens of thousands of words."""
    rng = np.random.default_rng(1)
    codes = np.array([0, 3, 1000, 65_536, 1_000_001, 2_000_000.0])
    x = np.c_[rng.normal(size=300), codes[rng.integers(0, 6, 300)]]
    booster = train(x, x[:, 0] + (x[:, 1] % 7), categorical=[1], rounds=3)
    rows = x[rng.integers(0, 300, 400)]
    rows[::3, 1] = rng.choice([*codes, *(codes + 1), *(codes - 1), 2.0**21, 1e7], len(rows[::3]))
    check_everywhere(booster, rows, tmp_path)


@pytest.mark.parametrize("missing", ["nan", "none"])  # LightGBM refuses linear trees with "zero"
@pytest.mark.parametrize("holes", [0.1, 0.0], ids=["holes", "whole"])
def test_linear_trees(missing, holes, tmp_path):
    x, y = data(holes=holes)
    booster = train(x, y, linear_tree=True, linear_lambda=0.01, **MISSING[missing])
    assert "is_linear=1" in booster.model_to_string()
    check_everywhere(booster, rows_for(booster, x), tmp_path)


def test_linear_trees_of_numbers(tmp_path):
    rng = np.random.default_rng(4)
    x = rng.normal(size=(400, 5)) * [1, 1e3, 1e-3, 1e-36, 1]
    y = x[:, 0] * 2 + x[:, 1] * 1e-3 + x[:, 2] * 500 * (x[:, 4] > 0)
    booster = train(x, y, linear_tree=True, categorical=[], num_leaves=5, rounds=8)
    rows = awkward_rows(x, lightgbm_splits(booster), rng, 3000, EXTRA)
    check_everywhere(booster, rows, tmp_path)


def test_linear_and_plain_trees_in_one_model():
    """Training continued with the other kind of leaves."""
    x, y = data(holes=0.05)
    first = train(x, y, rounds=3, linear_tree=True)
    dataset = lgb.Dataset(x, y, categorical_feature=[2, 3], free_raw_data=False)
    text = first.model_to_string()
    plain = train(x, y, rounds=3).model_to_string()
    joined = _join(text, plain)
    booster = lgb.Booster(model_str=joined)
    assert booster.num_trees() == 6
    check(booster, rows_for(booster, x))
    refitted = train(x, y, rounds=3).refit(x, y + 1)
    check(refitted, rows_for(refitted, x, 500))
    more = lgb.train({**SETTINGS}, dataset, 2, init_model=train(x, y, rounds=2))
    check(more, rows_for(more, x, 500))


def _join(first: str, second: str) -> str:
    """The trees of one text, then those of another with the same header."""
    head, tail = first.split("end of trees")
    trees = second[second.index("Tree=0") : second.index("end of trees")]
    count = head.count("Tree=")
    for number in reversed(range(trees.count("Tree="))):
        trees = trees.replace(f"Tree={number}\n", f"Tree={number + count}\n")
    head = "\n".join(line for line in head.split("\n") if not line.startswith("tree_sizes"))
    return f"{head}{trees}end of trees{tail}"


def test_the_zero_band_of_linear_terms():
    """A term of magnitude at most 1e-35f counts as 0, however large its coefficient."""
    x, y = data(holes=0.0)
    text = train(x, y, linear_tree=True, rounds=2, categorical=[]).model_to_string()
    lines = [
        "leaf_const=" + " ".join("0" for _ in line.split())
        if line.startswith("leaf_const=")
        else "leaf_coeff=" + " ".join("1e300" for _ in line[11:].split())
        if line.startswith("leaf_coeff=")
        else line
        for line in text.split("\n")
        if not line.startswith("tree_sizes")
    ]
    booster = lgb.Booster(model_str="\n".join(lines))
    rows = np.tile([[1e-36], [2e-35], [-1e-36], [-0.0], [1e-35], [5e-324], [np.nan]], (1, 4))
    check(booster, rows)
    assert np.ptp(booster.predict(rows, raw_score=True)[:6]) > 0


def test_single_leaves_of_linear_trees():
    x, y = data()
    booster = train(x, y, linear_tree=True, min_data_in_leaf=10_000)
    check(booster, rows_for(booster, x, 200))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(30, 150),
    leaves=st.integers(2, 12),
    onehot=st.sampled_from([1, 4, 100]),
    linear=st.booleans(),
    missing=st.sampled_from(list(MISSING.values())),
    holes=st.sampled_from([0.0, 0.2]),
    categories=st.integers(2, 90),
    rounds=st.integers(1, 4),
)
def test_random_models(seed, rows, leaves, onehot, linear, missing, holes, categories, rounds):
    linear = linear and missing is not MISSING["zero"]  # LightGBM refuses both together
    x, y = data(rows, seed=seed, holes=holes, categories=categories)
    booster = train(
        x,
        y,
        rounds=rounds,
        num_leaves=leaves,
        max_cat_to_onehot=onehot,
        linear_tree=linear,
        min_data_in_leaf=2,
        **missing,
    )
    check(booster, rows_for(booster, x, 300, seed))
