"""Models imported from older scikit-learn give what those versions gave, here and now.

`tests/golden/make_sklearn.py` made the files.
"""

from pathlib import Path

import fastscore
import numpy as np
import pytest
from support import same_bits, ulps

GOLDEN = Path(__file__).parents[1] / "golden"
FOLDERS = sorted(GOLDEN.glob("sklearn-*"))
METHODS = {
    "predict": "predict",
    "predict_proba": "predict_proba",
    "decision_function": "margin",
    "score_samples": "score_samples",
    "apply": "leaf_index",
    "transform": "transform",
}


def links(name, output):
    """How many ulps an output may be off: what goes through exp and log is not equal to the bit."""
    if output in ("predict_proba", "score_samples") or (name == "hist" and output == "predict"):
        return 4
    return 0


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_models_of_older_versions(folder):
    expected = np.load(folder / "expected.npz")
    models = {path.stem: fastscore.load(path) for path in folder.glob("*.fscore")}
    assert len(models) == 20
    seen = set()
    for key in expected.files:
        if "/" not in key:
            continue
        name, output, which = key.split("/")
        seen.add(name)
        rows, want = expected[which], expected[key]
        have = getattr(models[name], METHODS[output])(rows)
        if output == "apply":
            same_bits(have, want.reshape(len(rows), -1).astype(np.int32))
        elif want.dtype.kind != "f":
            np.testing.assert_array_equal(have, want)
        elif output == "decision_function" and name in ("isolation", "boosting_exponential"):
            np.testing.assert_allclose(have, want, rtol=0, atol=1e-14)
        elif name == "boosting_exponential":
            np.testing.assert_allclose(have, want, rtol=1e-13)
        elif (bound := links(name, output)) == 0:
            same_bits(have, want)
        else:
            assert ulps(have, want).max() <= bound, key
    assert seen == set(models)


def test_there_are_files():
    assert len(FOLDERS) >= 3
