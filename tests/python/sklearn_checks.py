"""scikit-learn's ensembles against scikit-learn, output by output; what their tests share."""

import fastscore
import numpy as np
from fastscore.importers._rename import tensors_of
from support import awkward_rows, same_bits, source_runs, ulps
from threadpoolctl import threadpool_limits

# OpenMP's threads spin where other work shares the cores; results do not depend on them.
threadpool_limits(1, user_api="openmp")


def table(rows=300, seed=0, missing=False):
    """Five features: normal, wide, small, rounded, and whole numbers from 0 to 5."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 5)) * [1, 100, 1e-3, 1, 1]
    x[:, 3] = np.round(x[:, 3], 1)
    x[:, 4] = rng.integers(0, 6, rows)
    score = x[:, 0] + x[:, 3] * (x[:, 1] > 0) + (x[:, 4] % 3) + 0.3 * rng.normal(size=rows)
    if missing:
        x[rng.random(x.shape) < 0.1] = np.nan
    return x, score


def classes_of(score, n_classes):
    return np.digitize(score, np.quantile(score, np.linspace(0, 1, n_classes + 1)[1:-1])) * 3 - 1


def splits_of(model):
    """(feature, threshold) of every numerical split."""
    tensors = tensors_of(model._core.to_bytes())
    found = []
    for name, feature in tensors.items():
        prefix, _, last = name.rpartition(".")
        if last != "feature" or f"{prefix}.threshold" not in tensors:
            continue  # a step of another kind that names features
        threshold = tensors[f"{prefix}.threshold"]
        sets = tensors.get(f"{prefix}.category_set", np.full(len(feature), -1))
        found += zip(feature[sets < 0].tolist(), threshold[sets < 0].tolist(), strict=True)
    return found


def awkward(model, x, extra=(), rows=1500):
    """Rows of the data, of thresholds and their neighbours, of tiny and given values."""
    rng = np.random.default_rng(1)
    return awkward_rows(x, splits_of(model), rng, rows, extra)


def check(estimator, rows, *, model=None, probability=2, margin=0):
    """Predictions and leaves equal, margins too unless ulps are given, probabilities within ulps.

    `rows` is an array, or what makes one of the model.
    """
    model = fastscore.import_model(estimator) if model is None else model
    rows = rows(model) if callable(rows) else rows
    n = len(rows)
    with source_runs():
        expected = {
            name: getattr(estimator, name)(rows)
            for name in ("predict", "predict_proba", "decision_function", "score_samples", "apply")
            if hasattr(estimator, name)
        }
    found = model.predict(rows)
    assert found.dtype == expected["predict"].dtype
    np.testing.assert_array_equal(found, expected["predict"])
    if "predict_proba" in expected:
        near(model.predict_proba(rows), expected["predict_proba"], probability)
    if "decision_function" in expected:
        near(model.margin(rows), expected["decision_function"], margin)
    if "score_samples" in expected:
        near(model.score_samples(rows), expected["score_samples"], 2)
    if "apply" in expected:
        leaves = np.asarray(expected["apply"]).reshape(n, -1)
        same_bits(model.leaf_index(rows), leaves.astype(np.int32))
    return model


def near(found, expected, bound):
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    if bound == 0:
        same_bits(found, np.ascontiguousarray(expected))
    else:
        assert ulps(found, expected).max() <= bound
