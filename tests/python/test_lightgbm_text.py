"""LightGBM model texts: those of older versions, and broken ones."""

import json
from pathlib import Path

import fastscore
import lightgbm as lgb
import numpy as np
import pytest
from lightgbm_models import train
from support import same_bits, ulps

GOLDEN = Path(__file__).parent.parent / "golden" / "lightgbm"
MALFORMED = Path(__file__).parent.parent / "malformed" / "lightgbm"
EXPECTED = json.loads((MALFORMED / "expected.json").read_text())


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("v*.txt")), ids=lambda path: path.stem)
def test_golden_texts(path):
    """What the LightGBM that wrote the text computed, versions 2.2.3, 3.3.5 and 4.7.0."""
    expected = json.loads(path.with_suffix(".json").read_text())
    rows = np.array(expected["rows"])
    model = fastscore.load(path)
    same_bits(model.margin(rows), np.array(expected["raw"]))
    leaves = np.array(expected["leaf"], dtype=np.int32).reshape(len(rows), -1)
    same_bits(model.leaf_index(rows), leaves)
    assert ulps(model.predict(rows), np.array(expected["prediction"])).max() <= 2


def test_every_version_has_its_texts():
    versions = {
        json.loads(path.read_text())["lightgbm"]: path.with_suffix(".txt").read_text()[5:15]
        for path in GOLDEN.glob("*.json")
    }
    assert versions == {"2.2.3": "version=v2", "3.3.5": "version=v3", "4.7.0": "version=v4"}


@pytest.mark.parametrize("case", EXPECTED)
def test_broken_texts(case):
    error, says = EXPECTED[case]
    with pytest.raises(getattr(fastscore, error)) as caught:
        fastscore.load(MALFORMED / f"{case}.txt")
    assert says in str(caught.value)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("path", sorted(MALFORMED.glob("*.txt")), ids=lambda path: path.stem)
def test_every_broken_text_is_refused(path):
    with pytest.raises((fastscore.ModelFormatError, fastscore.UnsupportedModelError)):
        fastscore.load(path)


# --- the parameter sigmoid, of which the text has six digits


@pytest.mark.parametrize("objective", ["binary", "multiclassova"])
@pytest.mark.parametrize("value", [0.1234567891, 12.3456789, 1e-3 / 3, "0.98765432109", 1.5])
def test_sigmoid_of_live_boosters(objective, value, tmp_path):
    for keep in (False, True):
        booster, x = train(objective, sigmoid=value, rounds=4, keep=keep)
        model = fastscore.import_model(booster)
        expected = booster.predict(x, num_threads=1)
        assert ulps(model.predict(x), expected).max() <= 2
        if value != 1.5:
            assert "sigmoid=" in " ".join(model.source.notes)
            assert (str(value) + "," in " ".join(model.source.notes)) == keep
    path = tmp_path / "model.txt"
    booster.save_model(path)
    text = fastscore.load(path)
    again = lgb.Booster(model_file=path).predict(x, num_threads=1)
    assert ulps(text.predict(x), again).max() <= 2


def test_sigmoid_of_a_random_forest():
    booster, x = train(
        "binary",
        sigmoid=0.123456789,
        rounds=4,
        keep=True,
        boosting="rf",
        bagging_freq=1,
        bagging_fraction=0.6,
    )
    model = fastscore.import_model(booster)
    assert ulps(model.predict(x), booster.predict(x, num_threads=1)).max() <= 2
    assert any("0.123456789" in note for note in model.source.notes)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("regression_l2", "regression"),
        ("mse", "regression"),
        ("mae", "regression_l1"),
        ("xentropy", "cross_entropy"),
        ("xentlambda", "cross_entropy_lambda"),
        ("xendcg", "rank_xendcg"),
        ("mean_absolute_percentage_error", "mape"),
        ("custom", "none"),
    ],
)
def test_objectives_by_their_aliases(written, meant, tmp_path):
    text = (GOLDEN / "v4_regression.txt").read_text()
    rows = np.array(json.loads((GOLDEN / "v4_regression.json").read_text())["rows"])
    path = tmp_path / "model.txt"
    scores = []
    for objective in (written, meant):
        changed = text.replace("objective=regression\n", f"objective={objective}\n", 1)
        lines = [line for line in changed.split("\n") if not line.startswith("tree_sizes")]
        path.write_text("\n".join(lines))
        scores.append(fastscore.load(path).predict(rows))
        expected = lgb.Booster(model_file=path).predict(rows, num_threads=1)
        assert ulps(scores[-1], expected).max() <= 2
    same_bits(*scores)


@pytest.mark.parametrize("objective", ["regression", "quantile", "mape", "fair", "regression_l1"])
def test_square_roots_of_labels(objective):
    booster, x = train(objective, reg_sqrt=True, rounds=4)
    model = fastscore.import_model(booster)
    same_bits(model.predict(x), booster.predict(x, num_threads=1))


def test_huber_takes_no_square_roots(tmp_path):
    text = (GOLDEN / "v4_regression.txt").read_text()
    text = text.replace("objective=regression\n", "objective=huber sqrt\n", 1)
    path = tmp_path / "model.txt"
    path.write_text("\n".join(x for x in text.split("\n") if not x.startswith("tree_sizes")))
    rows = np.array(json.loads((GOLDEN / "v4_regression.json").read_text())["rows"])
    booster = lgb.Booster(model_file=path)
    same_bits(fastscore.load(path).predict(rows), booster.predict(rows, num_threads=1))


# --- boosters that were read again, cut, continued


def test_boosters_read_again():
    booster, x = train(rounds=8)
    again = lgb.Booster(model_str=booster.model_to_string(num_iteration=5))
    model = fastscore.import_model(again)
    same_bits(model.predict(x), booster.predict(x, num_iteration=5, num_threads=1))
    assert model.leaf_index(x).shape[1] == 5


def test_iterations_of_a_text_without_sizes(tmp_path):
    booster, x = train(rounds=4)
    lines = booster.model_to_string().split("\n")
    path = tmp_path / "model.txt"
    path.write_text("\n".join(line for line in lines if not line.startswith("tree_sizes")))
    cut = fastscore.load(path, iterations=3)
    same_bits(cut.predict(x), booster.predict(x, num_iteration=3, num_threads=1))


def test_best_iteration_with_categories_and_linear_leaves():
    rng = np.random.default_rng(0)
    x = np.c_[rng.normal(size=(300, 2)), rng.integers(0, 9, 300)]
    y = x[:, 0] + x[:, 2] % 3
    for linear in (False, True):
        estimator = lgb.LGBMRegressor(
            n_estimators=60, learning_rate=0.5, verbose=-1, n_jobs=1, linear_tree=linear
        )
        estimator.fit(
            x[:200],
            y[:200],
            eval_X=x[200:],
            eval_y=y[200:] + rng.normal(size=100),
            categorical_feature=[2],
            callbacks=[lgb.early_stopping(2, verbose=False)],
        )
        assert 0 < estimator.best_iteration_ < 60
        model = fastscore.import_model(estimator)
        same_bits(model.predict(x), estimator.predict(x))
        cut = fastscore.import_model(estimator, iterations=1)
        same_bits(cut.predict(x), estimator.predict(x, num_iteration=1))
