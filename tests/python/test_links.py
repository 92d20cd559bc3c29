"""Links against what computes them: XGBoost, AdaBoost to the bit; SciPy, NumPy within ulps."""

import json
import math

import numpy as np
import pytest
import xgboost
from catboost import CatBoost, Pool
from fastscore import _core
from fastscore._model import Model
from scipy import special
from sklearn import datasets, ensemble
from support import same_bits, ulps


def link(x, name, width="float64", **parameters) -> np.ndarray:
    """The output of one link over the columns of x."""
    x = np.asarray(x, dtype=float)
    table = x.reshape(len(x), -1)
    structure = {
        "features": {"count": table.shape[1], "names": None, "match": "exact"},
        "input": {"missing": "accept", "non_finite": "accept", "width": "float64"},
        "steps": [
            {"op": "link", "input": 0, "width": width, "kind": {"name": name, **parameters}},
        ],
        "targets": [
            {
                "name": None,
                "classes": None,
                "margin": 1,
                "probability": None,
                "prediction": {"rule": "value", "value": 1},
            }
        ],
        "leaf": None,
        "source": {"library": "", "version": "", "class": "", "notes": [], "parameters": {}},
    }
    return np.asarray(Model(_core.Model.from_parts(json.dumps(structure), {})).margin(table))


def near(ours, theirs, bound) -> None:
    """Equal where not finite, within so many ulp elsewhere."""
    finite = np.isfinite(theirs)
    same_bits(ours[~finite], theirs[~finite])
    assert ulps(ours[finite], theirs[finite]).max() <= bound


def xgboost_of(objective, margins, classes=1) -> np.ndarray:
    """What XGBoost makes of margins: a booster without trees adds nothing to them."""
    data = xgboost.DMatrix(np.zeros((20, 1)), label=np.arange(20) % max(classes, 2))
    parameters = {"objective": objective, "nthread": 1}
    if classes > 1:
        parameters["num_class"] = classes
    booster = xgboost.train(parameters, data, num_boost_round=0)
    data = xgboost.DMatrix(np.zeros((len(margins), 1)), base_margin=margins)
    same_bits(booster.predict(data, output_margin=True).reshape(margins.shape), margins)
    return booster.predict(data)


SPECIAL = [0.0, -0.0, 88.7, -88.7, 88.72, -88.72, -104.0, 1e30, -1e30, 1e-45, -1e-45]


def test_xgboost_elementwise():
    rng = np.random.default_rng(0)
    parts = [rng.normal(0, 5, 50_000), rng.uniform(-110, 110, 50_000), SPECIAL]
    margins = np.concatenate(parts).astype(np.float32)
    ours = link(margins, "sigmoid", "float32", scale=1.0)
    same_bits(ours.astype(np.float32).ravel(), xgboost_of("binary:logistic", margins))
    ours = link(margins, "exp", "float32")
    same_bits(ours.astype(np.float32).ravel(), xgboost_of("count:poisson", margins))


@pytest.mark.parametrize("classes", [2, 3, 7, 20])
def test_xgboost_softmax(classes):
    rng = np.random.default_rng(classes)
    for scale in (1, 10, 60):
        margins = rng.normal(0, scale, (20_000, classes)).astype(np.float32)
        ours = link(margins, "softmax", "float32")
        same_bits(ours.astype(np.float32), xgboost_of("multi:softprob", margins, classes))


@pytest.mark.parametrize("classes", [3, 4, 5, 6, 8, 11])
def test_catboost_softmax(classes):
    margins, source = catboost_margins("MultiClass", classes)
    ours = link(margins, "fast_softmax")
    same_bits(ours, source("Probability"))


@pytest.mark.parametrize("loss", ["Poisson", "Tweedie:variance_power=1.5"])
def test_catboost_exponential(loss):
    margins, source = catboost_margins(loss, 1)
    same_bits(link(margins, "fast_exp").ravel(), source("Exponent"))


def catboost_margins(loss, classes):
    """Margins of all sizes, by a baseline, and what CatBoost makes of them."""
    rng = np.random.default_rng(classes)
    # A multiple of four: CatBoost takes the rows in fours, the last ones by another code.
    rows = 60_000
    baseline = rng.normal(size=(rows, classes)) * 10 ** rng.uniform(-3, 2.6, (rows, 1))
    x, y = rng.normal(size=(rows, 1)), rng.integers(0, max(classes, 2), rows)
    model = CatBoost(
        {"loss_function": loss, "iterations": 1, "verbose": 0, "allow_writing_files": False}
    )
    model.fit(x[:500], y[:500])
    pool = Pool(x, baseline=baseline)
    margins = model.predict(pool, prediction_type="RawFormulaVal").reshape(rows, classes)
    assert np.ptp(margins) > 720

    def source(kind):
        return np.ascontiguousarray(model.predict(pool, prediction_type=kind))

    return margins, source


def test_logit_is_that_of_scipy():
    rng = np.random.default_rng(1)
    edges = [0, 1, 0.5, 0.3, 0.65, np.nextafter(0.3, 0), np.nextafter(0.65, 1), -0.0, -1, 2, np.nan]
    small = 10 ** rng.uniform(-300, 0, 20_000)
    x = np.concatenate([rng.uniform(0, 1, 20_000), rng.uniform(0.29, 0.66, 20_000), small, edges])
    near(link(x, "logit").ravel(), special.logit(x), 2)


def test_log_and_exp2_are_those_of_numpy():
    rng = np.random.default_rng(2)
    x = np.concatenate([10 ** rng.uniform(-307, 308, 20_000), rng.uniform(0.5, 2, 20_000)])
    near(link(x, "log").ravel(), np.log(x), 1)
    x = np.concatenate([rng.uniform(-3, 0.5, 20_000), rng.uniform(-1000, 1000, 20_000)])
    near(link(x, "exp2").ravel(), 2.0**x, 1)
    x = rng.uniform(-40, 40, 5000)
    near(link(x, "log1p_exp").ravel(), np.array([math.log1p(math.exp(v)) for v in x]), 2)


def test_elementwise_links_are_those_of_numpy():
    rng = np.random.default_rng(3)
    x = np.concatenate([rng.normal(0, 2, 1000), [0.0, -0.0, np.nan, np.inf, -np.inf, 1e-310]])
    x = np.stack([x, x[::-1]], axis=1)
    same_bits(link(x, "clip", low=0.0, high=1.0), np.clip(x, 0.0, 1.0))
    same_bits(link(x, "multiply", by=0.1), x * 0.1)
    same_bits(link(x, "add", value=0.1), x + 0.1)
    scale, shift = [0.1, -3.0], [0.7, 1e-3]
    same_bits(link(x, "affine", scale=scale, shift=shift), x * np.array(scale) + np.array(shift))
    same_bits(link(x, "fill_missing", value=0.1), np.where(np.isnan(x), 0.1, x))
    filled = np.where(np.isnan(x) | (x == 0), 0.1, x)
    same_bits(link(x, "fill_missing", value=0.1, also=0.0), filled)
    same_bits(link(x, "above", at=0.5, above=2.0, other=-1.0), np.where(x > 0.5, 2.0, -1.0))
    same_bits(link(x, "round_to_float32"), x.astype(np.float32).astype(float))
    votes = np.where(np.arange(2) == np.argmax(x, axis=1)[:, None], 1.0, -1.0)
    same_bits(link(x, "vote", hit=1.0, miss=-1.0), votes)


@pytest.mark.parametrize("loss", ["linear", "square", "exponential"])
def test_weighted_median_is_that_of_adaboost(loss):
    x, y = datasets.load_diabetes(return_X_y=True)
    # Few values of y: trees agree often.
    model = ensemble.AdaBoostRegressor(n_estimators=25, loss=loss, random_state=0).fit(x, y // 60)
    values = np.array([tree.predict(x) for tree in model.estimators_]).T
    weights = model.estimator_weights_[: len(model.estimators_)].tolist()
    same_bits(link(values, "weighted_median", weights=weights).ravel(), model.predict(x))
