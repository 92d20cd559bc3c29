"""`verify` on sources that differ by known amounts: each promise is kept, or seen broken."""

import json

import fastscore
import numpy as np
import pytest
from fastscore import _core, _verify
from fastscore._options import Labels
from fastscore.importers._builder import Builder

X = np.array([[0.0, 1.0], [2.0, -3.0], [1e6, 0.5], [-4.0, 1e-3]])


class Stub:
    """A source that gives what it is told."""

    name = "Stub"

    def __init__(self, outputs, *, bound=None, scores=None, classes=None):
        self.outputs, self.slack, self.scores, self.labels = outputs, bound, scores, classes

    def output(self, output, x):
        values = self.outputs.get(output)
        whole = len(x) == len(X)
        return values if whole or values is None else values[: len(x)]

    def classes(self, target):
        return np.asarray(self.labels)

    def class_scores(self, x, target):
        return self.scores[: len(x)]

    def linear_bound(self, x):
        return self.slack


def report(monkeypatch, model, source):
    monkeypatch.setattr(_verify, "open_source", lambda *_: source)
    return model.verify(X, source=object())


def finished(build, **more):
    structure = {
        "features": {"count": 2, "names": None, "match": "exact"},
        "input": {"missing": "accept", "non_finite": "accept", "width": "float64"},
        "steps": build.steps,
        "targets": build.targets,
        "leaf": None,
        "source": {"library": "stub", "version": "1", "class": "Stub"},
    }
    return fastscore.Model(_core.Model.from_parts(json.dumps(structure | more), build.tensors))


def linear(build, coefficients):
    matrix = np.atleast_2d(coefficients).astype(float)
    return build.add(
        {
            "op": "linear",
            "input": 0,
            "coefficients": build.tensor("coefficients", matrix, np.float64),
            "intercept": build.tensor("intercept", np.zeros(len(matrix)), np.float64),
        }
    )


def stump(build, left, right):
    """One split of the second feature at 0."""
    for name, values, dtype in (
        ("base", [0.0], np.float64),
        ("split_offset", [0, 1], np.int64),
        ("leaf_offset", [0, 2], np.int64),
        ("target", [0], np.int32),
        ("feature", [1], np.int32),
        ("threshold", [0.0], np.float64),
        ("left", [-1], np.int32),
        ("right", [-2], np.int32),
        ("flags", [0], np.uint8),
        ("leaf_value", [[left], [right]], np.float64),
        ("leaf_id", [0, 1], np.int32),
    ):
        build.tensor(f"forest.{name}", values, dtype)
    return build.add(
        {
            "op": "forest",
            "input": 0,
            "comparison": "le",
            "outputs": 1,
            "leaf_width": 1,
            "sum": "float32",
            "tensors": "forest",
        }
    )


def test_a_linear_bound_is_its_own_targets(monkeypatch):
    build = Builder(2, None)
    both = linear(build, [[1e6, 0], [0, 1.0]])
    for column in range(2):
        own = build.columns(both, [column])
        build.target(margin=own, rule="value", value=own, name=f"y{column}")
    model = finished(build)
    right = np.c_[X[:, 0] * 1e6, X[:, 1]]
    bound = 1e-12 * np.abs(right)
    for column, ok in ((0, True), (1, False)):
        shifted = right.copy()
        # Within the bound of the first target, far out of the second's.
        shifted[2, column] += 0.5
        found = report(
            monkeypatch, model, Stub({"margin": shifted, "prediction": shifted}, bound=bound)
        )
        assert found.ok is ok
        assert [check.output for check in found.checks if not check.ok] == (
            [] if ok else ["prediction y1", "margin y1"]
        )


@pytest.mark.parametrize("link", [False, True], ids=["trees", "link"])
def test_ulps_are_counted_at_float32(monkeypatch, link):
    build = Builder(2, None)
    value = stump(build, 0.25, 0.75)
    if link:
        step = {"op": "link", "input": value, "width": "float32", "kind": {"name": "exp"}}
        value = build.add(step)
    build.target(margin=value, rule="value", value=value)
    model = finished(build, output_width="float32")
    ours = model.margin(X)
    assert ours.dtype == np.float32
    one = np.nextafter(ours, np.float32(np.inf))
    three = np.nextafter(np.nextafter(one, np.float32(np.inf)), np.float32(np.inf))
    for theirs, ulps in ((ours, 0), (one, 1), (three, 3)):
        found = report(monkeypatch, model, Stub({"margin": theirs, "prediction": theirs}))
        assert {check.largest_ulp for check in found.checks} == {ulps}
        share = ulps / 2 if link else np.inf if ulps else 0.0
        assert {check.largest_share for check in found.checks} == {share}
        assert found.ok is (ulps <= (2 if link else 0))


def test_labels_that_a_row_can_have_together(monkeypatch):
    build = Builder(2, None)
    value = linear(build, np.eye(2))
    build.target(
        margin=value,
        rule="above",
        value=value,
        probability=value,
        labels=Labels("int64", "int", [0, 1]),
    )
    build.targets[0]["prediction"]["at"] = 0.5
    model = finished(build)
    ours = model.predict(X)
    np.testing.assert_array_equal(ours, (X > 0.5).astype(int))
    values = {"margin": X, "probability": X}
    bound = 1e-12 * np.abs(X)
    for (row, column), ok in (((2, 1), True), ((1, 0), False)):
        theirs = ours.copy()
        theirs[row, column] = 1 - theirs[row, column]
        source = Stub(values | {"prediction": theirs}, bound=bound, scores=X[[row]], classes=[0, 1])
        found = report(monkeypatch, model, source)
        check = next(check for check in found.checks if check.output == "prediction")
        assert check.ok is ok
        assert check.ties == ((row,) if ok else ())


def test_transform_and_score(monkeypatch):
    build = Builder(2, None)
    value = build.link(0, "clip", low=-1.0, high=1.0)
    names = build.strings("names", ["a", "b"])
    model = finished(build, transform={"value": value, "names": names})
    assert model.outputs == ("transform",)
    right = np.clip(X, -1, 1)
    assert report(monkeypatch, model, Stub({"transform": right})).ok
    wrong = np.nextafter(right, 2)
    found = report(monkeypatch, model, Stub({"transform": wrong}))
    assert [(check.output, check.bound, check.ok) for check in found.checks] == [
        ("transform", "equal bits", False)
    ]
    with pytest.raises(ValueError, match="gives 1 transform column, the model 2"):
        report(monkeypatch, model, Stub({"transform": right[:, 0]}))


def test_inliers(monkeypatch):
    build = Builder(2, None)
    score = build.link(build.columns(0, [1]), "exp2")
    margin = build.link(score, "add", value=-2.0)
    build.target(margin=margin, rule="inlier", value=margin, labels=Labels("int64", "int", [-1, 1]))
    build.targets[0]["score"] = score
    model = finished(build)
    scores = np.exp2(X[:, 1])
    margins = scores - 2.0
    labels = np.where(margins < 0, -1, 1)
    values = {"score": scores, "margin": margins, "prediction": labels}
    assert report(monkeypatch, model, Stub(values)).ok
    # The small difference of two numbers: an ulp of the score is many of the margin.
    near = values | {"margin": margins + np.spacing(scores)}
    found = report(monkeypatch, model, Stub(near))
    check = next(check for check in found.checks if check.output == "margin")
    assert check.ok
    assert check.largest_ulp > 2
    assert check.largest_share == 0.5
    far = values | {"margin": margins + 9 * np.spacing(scores)}
    assert not report(monkeypatch, model, Stub(far)).ok
    flipped = values | {"prediction": np.where(np.arange(4) == 0, -labels, labels)}
    # Row 0: its margin is 0, a tie.
    both = np.c_[np.zeros(4), margins]
    assert report(monkeypatch, model, Stub(flipped, scores=both)).ok
    flipped = values | {"prediction": np.where(np.arange(4) == 1, -labels, labels)}
    assert not report(monkeypatch, model, Stub(flipped, scores=both[1:])).ok


def test_numbers_near_zero_are_told_calmly(monkeypatch):
    build = Builder(2, None)
    value = linear(build, np.eye(2))
    build.target(margin=value, rule="value", value=value)
    model = finished(build)
    slack = np.full(X.shape, 1e-12)
    shares = {1e-14: "1%", 1e-15: "< 1%", 9e-13: "90%", 1e-3: "> 1000%", 1.001e-12: "> 100%"}
    for off, used in shares.items():
        theirs = model.margin(X)
        theirs[0] += off
        source = Stub({"margin": theirs, "prediction": theirs}, bound=slack)
        found = report(monkeypatch, model, source)
        assert found.ok is (off < 1e-12)
        check = found.checks[0]
        np.testing.assert_allclose(check.largest_share, off / 1e-12, rtol=1e-7, atol=3e-4)
        header, line = repr(found).splitlines()[1:3]
        assert header.split()[-2:] == ["promised", "used"]
        assert line.split()[-len(used.split()) - 1 : -1] == used.split()
        # A number near 0 is far in ulps, however near it is; that is no news.
        assert str(check.largest_ulp) not in repr(found)
    assert "> 100%" in repr(found)
    assert "FAILED" in repr(found)
    found = report(monkeypatch, model, Stub({"margin": theirs}, bound=np.zeros(X.shape)))
    assert "beyond" in repr(found)
