"""docs/guide.md shows what its examples print."""

import guide


def test_the_outputs_are_real():
    text = guide.GUIDE.read_text()
    assert guide.run(text) == text, "run `make docs`"
