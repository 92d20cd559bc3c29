"""`verify` on what converters make of ordinary classifiers, whose shares are near 0 and 1."""

import itertools

import fastscore
import lightgbm
import numpy as np
import onnxmltools
import pytest
import skl2onnx
import xgboost
from fastscore._bounds_network import NetworkBound
from onnx_support import node, proto
from onnxmltools.convert.common.data_types import FloatTensorType
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

X, Y = load_breast_cancer(return_X_y=True)
NARROW = X.astype("float32")


def linear():
    return LogisticRegression(C=100.0, max_iter=5000)


@pytest.mark.parametrize(
    "source",
    [
        make_pipeline(StandardScaler(), linear()),
        make_pipeline(StandardScaler(), PCA(5), linear()),
        make_pipeline(StandardScaler(), PolynomialFeatures(2, interaction_only=True), linear()),
        make_pipeline(StandardScaler(), GaussianNB()),
    ],
    ids=["linear", "projected", "polynomial", "bayes"],
)
def test_of_two_classes_by_skl2onnx(source):
    source.fit(X, Y)
    proto = skl2onnx.to_onnx(source, NARROW[:1], options={"zipmap": False})
    report = fastscore.import_model(proto).verify(NARROW, source=proto)
    assert report.ok, report


@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
def test_of_two_classes_by_onnxmltools(library):
    inputs = [("x", FloatTensorType([None, X.shape[1]]))]
    if library == "lightgbm":
        source = lightgbm.LGBMClassifier(n_estimators=100, verbose=-1, n_jobs=1).fit(X, Y)
        proto = onnxmltools.convert_lightgbm(source, initial_types=inputs, zipmap=False)
    else:
        source = xgboost.XGBClassifier(n_estimators=50, n_jobs=1).fit(X, Y)
        proto = onnxmltools.convert_xgboost(source, initial_types=inputs)
    report = fastscore.import_model(proto).verify(NARROW, source=proto)
    assert report.ok, report


def test_bounds_look_at_each_step_once(monkeypatch):
    """Not at all that a value takes again for every step of it."""
    needed, calls = NetworkBound._needed, []

    def counted(self: NetworkBound, value: int) -> set[int]:
        calls.append(needed(self, value))
        return calls[-1]

    monkeypatch.setattr(NetworkBound, "_needed", counted)
    names = ["x", *(f"h{i}" for i in range(299)), "y"]
    model = proto(
        [node("Tanh", one, other) for one, other in itertools.pairwise(names)],
        {"x": ("n", 2)},
        ["y"],
    )
    report = fastscore.import_model(model).verify(np.ones((3, 2), np.float32), source=model)
    assert report.ok, report
    assert sum(map(len, calls)) == max(map(len, calls)) >= 300
