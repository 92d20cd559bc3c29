"""The transforms of estimators that also predict: alone, and before the last step of a pipeline."""

import fastscore
import numpy as np
import polars as pl
import pytest
from sklearn.cross_decomposition import CCA, PLSCanonical, PLSRegression
from sklearn.datasets import load_diabetes, load_wine
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    RandomForestClassifier,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

WINE = load_wine(return_X_y=True)


def forest():
    return RandomForestClassifier(3, max_depth=3, random_state=0)


def linear():
    return make_pipeline(StandardScaler(), LogisticRegression())


@pytest.mark.parametrize(
    "source",
    [
        LinearDiscriminantAnalysis(),
        LinearDiscriminantAnalysis(solver="eigen", n_components=1),
        VotingClassifier([("f", forest()), ("l", linear())], voting="soft"),
        VotingClassifier([("f", forest()), ("l", linear())], voting="hard"),
        StackingClassifier([("f", forest()), ("l", linear())]),
        StackingClassifier([("f", forest()), ("l", linear())], forest(), passthrough=True),
        make_pipeline(LinearDiscriminantAnalysis(), linear()),
        make_pipeline(StackingClassifier([("f", forest())]), forest()),
    ],
    ids=lambda source: f"{type(source).__name__}-{len(str(source))}",
)
def test_what_classifiers_hand_on(source):
    x, y = WINE
    source.fit(x, y)
    model = fastscore.import_model(source)
    report = model.verify(x, source)
    assert report.ok, report
    if not hasattr(source, "transform"):
        assert "transform" not in model.outputs
        return
    given = source.transform(x)
    np.testing.assert_allclose(model.transform(x), given, rtol=1e-11, atol=1e-11)
    names = model.transform(pl.DataFrame(dict(zip("abcdefghijklm", x.T, strict=True)))).columns
    assert list(names) == list(source.get_feature_names_out())


@pytest.mark.parametrize(
    "source",
    [
        VotingRegressor([("f", DecisionTreeRegressor(max_depth=4)), ("r", Ridge()), ("x", "drop")]),
        StackingRegressor([("f", DecisionTreeRegressor(max_depth=4)), ("r", Ridge())]),
        PLSRegression(3),
        PLSCanonical(1),
        CCA(1),
    ],
    ids=lambda source: type(source).__name__,
)
def test_what_regressors_hand_on(source):
    x, y = load_diabetes(return_X_y=True)
    source.fit(x, y)
    model = fastscore.import_model(source)
    report = model.verify(x, source)
    assert report.ok, report
    np.testing.assert_allclose(model.transform(x), source.transform(x), rtol=1e-11, atol=1e-11)


def test_what_can_not_be_handed_on():
    """Three dimensions, and the solver that learns no directions."""
    x, y = WINE
    members = [("f", forest()), ("l", linear())]
    deep = VotingClassifier(members, voting="soft", flatten_transform=False).fit(x, y)
    assert "transform" not in fastscore.import_model(deep).outputs
    lsqr = LinearDiscriminantAnalysis(solver="lsqr").fit(x, y)
    assert "transform" not in fastscore.import_model(lsqr).outputs
