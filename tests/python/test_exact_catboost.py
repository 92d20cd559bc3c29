"""CatBoost's models of numerical features against CatBoost itself, bit for bit."""

import contextlib
import json
import pickle
import re
import warnings
from pathlib import Path

import fastscore
import numpy as np
import pandas as pd
import pytest
from catboost import CatBoost, CatBoostClassifier, CatBoostRanker, CatBoostRegressor
from hypothesis import given, settings
from hypothesis import strategies as st
from support import awkward_rows, same_bits

EXTRA = (np.nan, np.inf, -np.inf, 1e300, -1e300, 3.4e38)
SETTINGS = {
    "iterations": 8,
    "depth": 4,
    "verbose": 0,
    "thread_count": 1,
    "allow_writing_files": False,
    "random_seed": 3,
}
POLICIES = {
    "symmetric": {},
    "depthwise": {"grow_policy": "Depthwise"},
    "lossguide": {"grow_policy": "Lossguide", "max_leaves": 9},
}


def data(rows=400, *, holes=True):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(rows, 5))
    x[:, 1] = rng.integers(-3, 4, rows)
    x[:, 2] *= 1e-40
    clean = x.copy()
    if holes:
        x[rng.random(x.shape) < 0.1] = np.nan
    return x, clean[:, 0] + np.abs(clean[:, 1]) + 0.2 * rng.normal(size=rows)


def fit(kind, target=None, *, holes=True, **parameters):
    x, y = data(holes=holes)
    if target == "classes":
        y = np.digitize(y, [0, 1, 2])
    elif target == "two":
        y = (y > 1).astype(int)
    elif target == "positive":
        y = np.abs(y)
    elif target == "labels":
        y = np.column_stack([y > 0, y > 1, y > 2]).astype(int)
    elif target == "columns":
        y = np.column_stack([y, -y, y**2])
    chosen = SETTINGS | parameters
    source = CatBoost(chosen) if kind is CatBoost else kind(**chosen)
    return source.fit(x, y), x


def splits_of(model):
    return [
        (feature, border)
        for feature, borders in enumerate(model.get_borders().values())
        for border in borders
    ]


def rows_for(model, x, n=1500):
    return awkward_rows(x, splits_of(model), np.random.default_rng(5), n, EXTRA)


def raw(source, rows, **arguments):
    # The ranker's own `predict` has no such argument.
    settings = {"prediction_type": "RawFormulaVal", "thread_count": 1} | arguments
    return CatBoost.predict(source, rows, **settings)


def margins_equal(model, source, rows, **arguments):
    same_bits(model.margin(rows), raw(source, rows, **arguments))
    leaves = source.calc_leaf_indexes(rows, thread_count=1, **arguments)
    np.testing.assert_array_equal(model.leaf_index(rows), leaves)


def through_file(source, tmp_path, ending):
    path = tmp_path / f"model.{ending}.any"
    source.save_model(str(path), format=ending)
    return fastscore.load(path), CatBoost().load_model(str(path), format=ending)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("nan_mode", ["Min", "Max"])
@pytest.mark.parametrize("holes", [True, False], ids=["holes", "whole"])
def test_trees_and_missing_values(policy, nan_mode, holes):
    source, x = fit(CatBoostRegressor, holes=holes, nan_mode=nan_mode, **POLICIES[policy])
    margins_equal(fastscore.import_model(source), source, rows_for(source, x))


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("ending", ["cbm", "json"])
@pytest.mark.parametrize("target", ["number", "two", "classes"])
def test_files(policy, ending, target, tmp_path):
    kind = CatBoostRegressor if target == "number" else CatBoostClassifier
    source, x = fit(kind, target, **POLICIES[policy])
    model, reread = through_file(source, tmp_path, ending)
    margins_equal(model, reread, rows_for(source, x, 600))
    assert f"{'cbm' if ending == 'cbm' else 'JSON'} file" in repr(model)


REGRESSION = [
    "RMSE",
    "MAE",
    "Quantile:alpha=0.3",
    "MAPE",
    "Huber:delta=1",
    "Expectile:alpha=0.3",
    "LogCosh",
    "Lq:q=3",
    "LogLinQuantile",
    "Poisson",
    "Tweedie:variance_power=1.5",
    "RMSEWithUncertainty",
    "MultiQuantile:alpha=0.1,0.5,0.9",
    "Cox",
]


@pytest.mark.parametrize("loss", REGRESSION)
def test_regression_losses(loss, tmp_path):
    source, x = fit(CatBoostRegressor, "positive", loss_function=loss)
    model = fastscore.import_model(source)
    rows = rows_for(source, x, 600)
    margins_equal(model, source, rows)
    expected = source.predict(rows, thread_count=1)
    assert model.predict(rows).shape == expected.shape
    same_bits(model.predict(rows), expected)
    from_file, _ = through_file(source, tmp_path, "cbm")
    same_bits(from_file.predict(rows), model.predict(rows))
    path = tmp_path / "model.cbm"
    source.save_model(str(path))
    same_bits(fastscore.load(path, like="booster").predict(rows), raw(source, rows))


def test_several_targets():
    source, x = fit(
        CatBoostRegressor, "columns", loss_function="MultiRMSE", boost_from_average=True
    )
    model = fastscore.import_model(source)
    rows = rows_for(source, x, 600)
    margins_equal(model, source, rows)
    same_bits(model.predict(rows), source.predict(rows, thread_count=1))


@pytest.mark.parametrize("loss", ["YetiRank", "PairLogit", "QueryRMSE"])
def test_rankers(loss):
    x, y = data()
    ranks = np.digitize(y, [0, 1, 2]) / 3
    groups = np.repeat(np.arange(40), 10)
    source = CatBoostRanker(loss_function=loss, **SETTINGS).fit(x, ranks, group_id=groups)
    model = fastscore.import_model(source)
    rows = rows_for(source, x, 600)
    margins_equal(model, source, rows)
    same_bits(model.predict(rows), source.predict(rows))


@pytest.mark.parametrize("loss", ["Logloss", "CrossEntropy", "Focal:focal_alpha=0.5;focal_gamma=2"])
@pytest.mark.parametrize(
    "labels",
    [[0, 1], [False, True], [3, 9], [1.5, 2.5], ["no", "yes"], ["1", "2"]],
    ids=str,
)
def test_classifier_of_two(loss, labels):
    if loss == "CrossEntropy" and labels != [0, 1]:
        pytest.skip("its target is a probability")
    x, y = data()
    y = np.array(labels)[(y > 1).astype(int)]
    source = CatBoostClassifier(loss_function=loss, **SETTINGS).fit(x, y)
    model = fastscore.import_model(source)
    rows = rows_for(source, x, 600)
    margins_equal(model, source, rows)
    expected = source.predict(rows, thread_count=1)
    np.testing.assert_array_equal(model.predict(rows), expected)
    assert model.predict(rows).dtype == expected.dtype
    np.testing.assert_array_equal(model.classes_, source.classes_)
    same_bits(model.predict_proba(rows), source.predict_proba(rows, thread_count=1))


@pytest.mark.parametrize("loss", ["MultiClass", "MultiClassOneVsAll"])
@pytest.mark.parametrize("policy", POLICIES)
def test_classifier_of_several(loss, policy):
    source, x = fit(CatBoostClassifier, "classes", loss_function=loss, **POLICIES[policy])
    model = fastscore.import_model(source)
    rows = rows_for(source, x, 600)
    margins_equal(model, source, rows)
    np.testing.assert_array_equal(model.predict(rows), source.predict(rows, thread_count=1)[:, 0])
    same_bits(model.predict_proba(rows), source.predict_proba(rows, thread_count=1))


@pytest.mark.parametrize(
    "parameters",
    [
        {"class_names": ["a", "b", "c", "d"]},
        {"class_names": ["d", "b", "c", "a"]},
        {"classes_count": 6},
    ],
    ids=str,
)
def test_classes_that_training_did_not_see(parameters, tmp_path):
    x, y = data()
    y = np.digitize(y, [0, 1])
    y = np.array(["a", "b", "d"])[y] if "class_names" in parameters else y + 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        source = CatBoostClassifier(loss_function="MultiClass", **SETTINGS | parameters).fit(x, y)
    model = fastscore.import_model(source)
    rows = rows_for(source, x, 600)
    margins_equal(model, source, rows)
    assert np.isneginf(model.margin(rows)).any(axis=0).sum() > 0
    np.testing.assert_array_equal(model.predict(rows), source.predict(rows, thread_count=1)[:, 0])
    share, expected = model.predict_proba(rows), source.predict_proba(rows, thread_count=1)
    # CatBoost's exponential of minus infinity is 0, or by its vector code the least normal number.
    same_bits(share, expected)
    assert (share[:, np.isneginf(model.margin(rows)[0])] < 1e-300).all()


@pytest.mark.parametrize("loss", ["MultiLogloss", "MultiCrossEntropy"])
@pytest.mark.parametrize("threshold", [None, 0.8])
def test_several_labels_a_row(loss, threshold):
    source, x = fit(CatBoostClassifier, "labels", loss_function=loss)
    if threshold is not None:
        source.set_probability_threshold(threshold)
    model = fastscore.import_model(source)
    rows = rows_for(source, x, 600)
    margins_equal(model, source, rows)
    np.testing.assert_array_equal(model.predict(rows), source.predict(rows, thread_count=1))
    same_bits(model.predict_proba(rows), source.predict_proba(rows, thread_count=1))


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.73])
def test_probability_threshold(threshold):
    source, x = fit(CatBoostClassifier, "two")
    source.set_probability_threshold(threshold)
    model = fastscore.import_model(source)
    rows = rows_for(source, x)
    np.testing.assert_array_equal(model.predict(rows), source.predict(rows, thread_count=1))


@pytest.mark.parametrize(
    ("scale", "bias"), [(2.5, 0.0), (1.0, -3.25), (0.3, 0.7), (-1.5, 0.1), (-1.0, 0.0)]
)
def test_scale_and_bias(scale, bias, tmp_path):
    source, x = fit(CatBoostRegressor)
    source.set_scale_and_bias(scale, bias)
    rows = rows_for(source, x, 600)
    margins_equal(fastscore.import_model(source), source, rows)
    for ending in ("cbm", "json"):
        model, reread = through_file(source, tmp_path, ending)
        margins_equal(model, reread, rows)


@pytest.mark.parametrize("policy", POLICIES)
def test_iterations(policy, tmp_path):
    source, x = fit(CatBoostRegressor, **POLICIES[policy])
    rows = rows_for(source, x, 600)
    path = tmp_path / "model.cbm"
    source.save_model(str(path))
    for n in (1, 3, 8):
        for model in (
            fastscore.import_model(source, iterations=n),
            fastscore.load(path, iterations=n),
        ):
            margins_equal(model, source, rows, ntree_end=n)
            assert f"iterations={n} was given" in repr(model)
    for n, error in (
        (0, ValueError),
        (9, ValueError),
        (2**70, ValueError),
        (-(2**70), ValueError),
        (1.5, TypeError),
    ):
        told = "iterations" if error is TypeError else f"iterations={n}[: ]"
        with pytest.raises(error, match=told):
            fastscore.import_model(source, iterations=n)


@pytest.mark.parametrize(
    "parameters",
    [
        {"border_count": 1},
        {"border_count": 254},
        {"depth": 1},
        {"depth": 10, "iterations": 3},
        {"ignored_features": [0, 3]},
        {"monotone_constraints": [1, 0, 0, 0, 0]},
        {"boosting_type": "Ordered"},
        {"score_function": "L2", "bootstrap_type": "MVS"},
        {"model_shrink_rate": 0.1},
        {"langevin": True},
        {"boost_from_average": False},
        {"feature_border_type": "Uniform"},
    ],
    ids=str,
)
def test_parameters(parameters):
    source, x = fit(CatBoostRegressor, **parameters)
    model = fastscore.import_model(source)
    margins_equal(model, source, rows_for(source, x, 600))


@pytest.mark.parametrize("nan_mode", ["Min", "Max"])
def test_infinite_borders(nan_mode):
    """CatBoost reads NaN as an infinity, which is not above itself."""
    rng = np.random.default_rng(0)
    x = rng.choice([-np.inf, -1.0, 0.0, 1.0, 3e38, np.inf, np.nan], size=(80, 2))
    source = CatBoostRegressor(**SETTINGS | {"nan_mode": nan_mode}).fit(x, rng.normal(size=80))
    assert np.isinf(np.concatenate([*source.get_borders().values()])).any()
    margins_equal(fastscore.import_model(source), source, rows_for(source, x, 600))


def test_more_borders_than_a_byte_holds():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(3000, 2))
    y = np.sin(9 * x[:, 0]) + x[:, 1]
    source = CatBoostRegressor(
        **SETTINGS
        | {"border_count": 1200, "iterations": 150, "depth": 6, "grow_policy": "Lossguide"}
    ).fit(x, y)
    assert max(map(len, source.get_borders().values())) > 255
    margins_equal(fastscore.import_model(source), source, rows_for(source, x, 3000))


def test_best_model_and_early_stopping():
    x, y = data()
    source = CatBoostRegressor(**SETTINGS | {"iterations": 200, "learning_rate": 0.5}).fit(
        x[:250], y[:250], eval_set=(x[250:], y[250:]), early_stopping_rounds=5
    )
    assert source.tree_count_ < 200
    margins_equal(fastscore.import_model(source), source, rows_for(source, x))


def test_names():
    x, y = data()
    names = ["a b", "c", "d", "e", "f"]
    frame = pd.DataFrame(x, columns=names)
    source = CatBoostRegressor(**SETTINGS).fit(frame, y)
    model = fastscore.import_model(source)
    assert model.feature_names_in_.tolist() == names
    expected = source.predict(frame, thread_count=1)
    same_bits(model.predict(frame[names[::-1]].assign(more="x")).to_numpy(), expected)
    nameless, _ = fit(CatBoostRegressor)
    model = fastscore.import_model(nameless)
    assert not hasattr(model, "feature_names_in_")
    renamed = fastscore.import_model(nameless, features=list("vwxyz"))
    same_bits(renamed.predict(frame.set_axis(list("vwxyz"), axis=1)).to_numpy(), expected)


def test_base_class_and_pickles():
    for target, loss in ((None, "RMSE"), ("two", "Logloss"), ("positive", "Poisson")):
        source, x = fit(CatBoost, target, loss_function=loss)
        model = fastscore.import_model(source)
        rows = rows_for(source, x, 300)
        same_bits(model.predict(rows), source.predict(rows))
        assert ("probability" in model.outputs) == (loss == "Logloss")
        same_bits(pickle.loads(pickle.dumps(model)).margin(rows), raw(source, rows))


class Square:
    def calc_ders_range(self, approxes, targets, weights):
        return [(t - a, -1.0) for a, t in zip(approxes, targets, strict=True)]


@pytest.mark.filterwarnings("ignore:Failed to import numba")
def test_objective_of_the_users():
    for kind, target in ((CatBoostRegressor, None), (CatBoostClassifier, "two")):
        metric = "RMSE" if target is None else "Logloss"
        source, x = fit(kind, target, loss_function=Square(), eval_metric=metric)
        model = fastscore.import_model(source)
        rows = rows_for(source, x, 300)
        margins_equal(model, source, rows)
        np.testing.assert_array_equal(model.predict(rows), source.predict(rows))


def test_verify():
    for kind, target in (
        (CatBoostRegressor, "positive"),
        (CatBoostClassifier, "two"),
        (CatBoostClassifier, "classes"),
    ):
        source, x = fit(kind, target)
        model = fastscore.import_model(source)
        report = model.verify(rows_for(source, x, 300))
        assert report, repr(report)
        assert "CatBoost" in repr(report)
    other, _ = fit(CatBoostClassifier, "classes", learning_rate=0.9)
    assert not model.verify(x, source=other)


def test_refusals(tmp_path):
    with pytest.raises(fastscore.UnsupportedModelError, match="not fitted"):
        fastscore.import_model(CatBoostRegressor())
    x, y = data(holes=False)
    words = pd.DataFrame({"a": x[:, 0], "t": ["good day", "bad night"] * (len(x) // 2)})
    source = CatBoostRegressor(text_features=["t"], **SETTINGS).fit(words, y)
    with pytest.raises(fastscore.UnsupportedModelError, match="text"):
        fastscore.import_model(source)
    path = tmp_path / "text.cbm"
    source.save_model(str(path))
    with pytest.raises(fastscore.UnsupportedModelError, match="text"):
        fastscore.load(path)
    vectors = pd.DataFrame({"a": x[:, 0], "v": list(x[:, 1:])})
    source = CatBoostRegressor(embedding_features=["v"], **SETTINGS).fit(vectors, y)
    with pytest.raises(fastscore.UnsupportedModelError, match="embedding"):
        fastscore.import_model(source)
    plain, _ = fit(CatBoostRegressor)
    plain.save_model(str(path))
    with pytest.raises(ValueError, match="classes="):
        fastscore.load(path, classes=[0, 1])
    with pytest.raises(ValueError, match="like="):
        fastscore.load(path, like="both")


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_random_models(data):
    draw = data.draw
    seed = draw(st.integers(0, 10_000))
    rng = np.random.default_rng(seed)
    columns = draw(st.integers(1, 4))
    x = rng.choice(
        [-1.5, -0.0, 0.0, 1e-45, 1.0, 3e38, np.nan, np.inf, -np.inf, *rng.normal(size=6)],
        size=(60, columns),
    )
    y = rng.integers(0, draw(st.integers(2, 4)), 60)
    y[:4] = np.arange(4) % len(set(y.tolist()))
    if len(set(y.tolist())) < 2 or not any(len(set(c[~np.isnan(c)])) > 1 for c in x.T):
        return
    kind = draw(st.sampled_from([CatBoostRegressor, CatBoostClassifier]))
    source = kind(
        **SETTINGS
        | POLICIES[draw(st.sampled_from(list(POLICIES)))]
        | {
            "depth": draw(st.integers(1, 5)),
            "iterations": draw(st.integers(1, 6)),
            "nan_mode": draw(st.sampled_from(["Min", "Max"])),
            "border_count": draw(st.integers(1, 40)),
        }
    )
    try:
        source.fit(x, y)
    except Exception:
        return
    rows = rows_for(source, x, 100)
    margins_equal(fastscore.import_model(source), source, rows)


MALFORMED = Path(__file__).parent.parent / "malformed" / "catboost"
EXPECTED = json.loads((MALFORMED / "expected.json").read_text())


@pytest.mark.parametrize("name", EXPECTED)
def test_malformed_files(name):
    with pytest.raises(fastscore.ModelFormatError) as caught:
        fastscore.load(MALFORMED / name)
    assert EXPECTED[name] in str(caught.value)
    assert name in str(caught.value)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_half_of_a_json_file(part, tmp_path):
    whole = (MALFORMED.parent.parent / "golden" / "catboost" / "1.2.10_ctr.json").read_text()
    path = tmp_path / "half.json"
    path.write_text(whole[: int(len(whole) * part)])
    with pytest.raises(fastscore.ModelFormatError, match="CatBoost JSON"):
        fastscore.load(path)


@pytest.mark.parametrize("section", ["features_info", "model_info", "oblivious_trees", "ctr_data"])
def test_a_section_that_is_missing(section, tmp_path):
    text = (MALFORMED.parent.parent / "golden" / "catboost" / "1.2.10_ctr.json").read_text()
    whole = json.loads(text)
    del whole[section]
    path = tmp_path / "half.json"
    path.write_text(json.dumps(whole))
    told = "no table" if section == "ctr_data" else section
    with pytest.raises(fastscore.ModelFormatError, match=told):
        fastscore.load(path)


def test_json_without_scale_and_bias(tmp_path):
    """Files of old versions have none; CatBoost's reader then takes scale 1 and bias 0."""
    source, x = fit(CatBoostRegressor, None)
    whole = tmp_path / "whole.json"
    source.save_model(str(whole), format="json")
    # In the text: numbers that were written anew would not be read as the same.
    text, count = re.subn(
        r',\s*"scale_and_bias":\s*\[[^\[\]]*\[[^\]]*\]\s*\]', "", whole.read_text()
    )
    assert count == 1, "the section is there"
    path = tmp_path / "old.json"
    path.write_text(text)
    rows = rows_for(source, x)
    reread = CatBoost().load_model(path, format="json")
    same_bits(np.asarray(fastscore.load(path).margin(rows)), raw(reread, rows))


@pytest.mark.parametrize("given", [None, [], [1], 3, "1", [None, [0.0]], [None, None]])
def test_a_scale_and_bias_that_is_no_such_pair(given, tmp_path):
    text = (MALFORMED.parent.parent / "golden" / "catboost" / "1.2.10_ctr.json").read_text()
    path = tmp_path / "odd.json"
    path.write_text(json.dumps(json.loads(text) | {"scale_and_bias": given}))
    with pytest.raises(fastscore.ModelFormatError, match="scale_and_bias"):
        fastscore.load(path)


@pytest.mark.parametrize("name", ["1.2.10_ctr_multiclass.cbm", "1.2.10_ctr.json"])
def test_damage_anywhere_is_an_error_or_a_model(name, tmp_path):
    """No panic, no hang, no other exception."""
    whole = (MALFORMED.parent.parent / "golden" / "catboost" / name).read_bytes()
    rng = np.random.default_rng(11)
    path = tmp_path / name
    for _ in range(300):
        broken = bytearray(whole)
        for at in rng.integers(0, len(whole), rng.integers(1, 4)):
            broken[at] = rng.choice([0, 1, 0x7F, 0xFF, broken[at] ^ 0x10])
        path.write_bytes(broken[: rng.integers(1, len(broken) + 1) if rng.random() < 0.3 else None])
        with contextlib.suppress(fastscore.ModelFormatError, fastscore.UnsupportedModelError):
            fastscore.load(path)
