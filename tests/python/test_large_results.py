"""Results large enough that their memory is used again when they are gone."""

import gc

import fastscore
import numpy as np
import pyarrow as pa
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPRegressor
from xgboost import XGBRegressor

ROWS = 60_000


@pytest.fixture(scope="module")
def models():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(ROWS, 7))
    y = X @ rng.normal(size=7)
    few = slice(0, 500)
    classes = np.digitize(y[few], [-1, 1])
    network = MLPRegressor(hidden_layer_sizes=(8,), max_iter=20, random_state=0)
    sources = {
        "one sum": LinearRegression().fit(X[few], y[few]),
        "three sums": LinearRegression().fit(X[few], X[few, :3]),
        "probabilities": LogisticRegression().fit(X[few], classes),
        "float32": XGBRegressor(n_estimators=3).fit(X[few], y[few]),
        "a network": network.fit(X[few], y[few]),
    }
    return X, {name: fastscore.import_model(source) for name, source in sources.items()}


def scored(model, data, **options):
    output = "probability" if "probability" in model.outputs else "prediction"
    return fastscore.predict(data, model, output=output, **options)


def from_arrow(result, shape):
    columns = result.columns if isinstance(result, pa.Table) else [result]
    return np.stack([column.to_numpy() for column in columns], axis=-1).reshape(shape)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("threads", [1, 2])
def test_no_result_shows_or_changes_another(models, threads):
    X, models = models
    table = pa.table({f"f{i}": X[:, i] for i in range(7)})
    due = {
        name: np.concatenate([scored(model, part) for part in np.split(X, 30)])
        for name, model in models.items()
    }
    held = []
    for _ in range(3):
        for name, model in models.items():
            held.append((name, scored(model, X, threads=threads)))
            arrow = scored(model, table, threads=threads)
            held.append((name, from_arrow(arrow, due[name].shape)))
            del arrow
        for name, found in held:
            np.testing.assert_array_equal(found, due[name], err_msg=name)
        # Half of them go, and what they took is given to the next.
        del held[::2], found
        gc.collect()


def test_rows_that_are_null_show_nothing_of_other_results(models):
    X, models = models
    full = scored(models["one sum"], X)
    del full
    holes = X.copy()
    holes[::3, 2] = np.nan
    found = scored(models["one sum"], holes, missing="propagate")
    assert np.isnan(found[::3]).all()
    np.testing.assert_array_equal(found[1::3], scored(models["one sum"], X)[1::3])


def test_a_view_keeps_the_memory_of_its_result(models):
    X, models = models
    view = scored(models["three sums"], X)[:, 1]
    due = view.copy()
    gc.collect()
    for _ in range(3):
        scored(models["three sums"], -X)
    np.testing.assert_array_equal(view, due)
