"""IsolationForest and RandomTreesEmbedding against scikit-learn."""

import fastscore
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import IsolationForest, RandomTreesEmbedding
from sklearn_checks import awkward, table
from support import FLOAT32_MAX, same_bits, source_runs, ulps

X, _ = table()
HOLES, _ = table(missing=True)
STRANGE = (np.nan, np.inf, -np.inf, 1e300, 2 * FLOAT32_MAX)


def scores_equal(estimator, x, extra=STRANGE):
    """The score is a power: within 2 ulp; the margin differs from it by the offset."""
    model = fastscore.import_model(estimator)
    rows = awkward(model, x, extra)
    with source_runs():
        score, margin = estimator.score_samples(rows), estimator.decision_function(rows)
        predicted = estimator.predict(rows)
    found = model.score_samples(rows)
    assert ulps(found, score).max() <= 2
    same_bits(model.margin(rows), found - estimator.offset_)
    assert (np.abs(model.margin(rows) - margin) <= 2 * np.spacing(np.abs(score))).all()
    clear = np.abs(margin) > 1e-15
    labels = model.predict(rows)
    assert labels.dtype == predicted.dtype
    np.testing.assert_array_equal(labels[clear], predicted[clear])
    assert model.verify(rows).ok
    return model


@pytest.mark.parametrize("x", [X, HOLES], ids=["whole", "holes"])
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"contamination": 0.1},
        {"max_features": 0.6},
        {"max_features": 2, "max_samples": 50, "bootstrap": True},
        {"max_samples": 2},
        {"n_estimators": 1},
    ],
    ids=str,
)
def test_isolation(x, parameters):
    estimator = IsolationForest(**({"n_estimators": 12, "random_state": 0} | parameters)).fit(x)
    model = scores_equal(estimator, x)
    assert model.outputs == ("prediction", "margin", "score")
    with pytest.raises(AttributeError):
        _ = model.classes_


def test_one_training_row_makes_every_score_the_same():
    scores_equal(IsolationForest(n_estimators=4, max_samples=1, random_state=0).fit(X), X)
    scores_equal(IsolationForest(n_estimators=4, random_state=0).fit(X[:1]), X[:1])


def test_isolation_of_real_data():
    x, _ = load_breast_cancer(return_X_y=True)
    scores_equal(IsolationForest(n_estimators=20, random_state=0).fit(x), x)


@pytest.mark.parametrize("sparse", [True, False])
@pytest.mark.parametrize("depth", [1, 3, None])
def test_embedding(sparse, depth):
    estimator = RandomTreesEmbedding(5, max_depth=depth, sparse_output=sparse, random_state=0)
    estimator.fit(X)
    model = fastscore.import_model(estimator)
    rows = awkward(model, X)
    with source_runs():
        expected, leaves = estimator.transform(rows), estimator.apply(rows)
    same_bits(model.transform(rows), expected.toarray() if sparse else expected)
    same_bits(model.leaf_index(rows), leaves.astype(np.int32))
    assert model.outputs == ("leaf", "transform")
    assert model.verify(rows).ok


def test_the_embedding_has_the_names_of_its_source():
    frame = pd.DataFrame(X, columns=list("abcde"))
    estimator = RandomTreesEmbedding(3, max_depth=2, random_state=0).fit(frame)
    found = fastscore.import_model(estimator).transform(frame)
    assert found.columns.tolist() == estimator.get_feature_names_out().tolist()
    same_bits(found.to_numpy(), estimator.transform(frame).toarray())


def test_the_embedding_refuses_what_the_source_refuses():
    estimator = RandomTreesEmbedding(3, random_state=0).fit(X)
    rows = X.copy()
    rows[2, 1] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        estimator.transform(rows)
    with pytest.raises(fastscore.NonFiniteValueError):
        fastscore.import_model(estimator).transform(rows)
