"""README.md and docs/guide.md show what their examples print."""

import guide
import networks  # noqa: F401 - the environment that Keras reads
import pytest


@pytest.mark.parametrize("path", guide.GUIDES, ids=lambda path: path.name)
def test_the_outputs_are_real(path):
    text = path.read_text()
    assert guide.run(text) == text, "run `make docs`"
