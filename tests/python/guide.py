"""The examples of README.md and docs/guide.md: run them, and write what they print.

PYTHONPATH=tests/python python tests/python/guide.py    # writes the outputs anew
"""

import contextlib
import doctest
import io
import re
import traceback
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
GUIDES = [_ROOT / "README.md", _ROOT / "docs" / "guide.md"]


def run(text: str) -> str:
    """Return the guide with the outputs that its examples print now; sketches stay as they are."""
    names: dict[str, object] = {"__name__": "__guide__"}
    return re.sub(
        r"(?<=```python\n).*?(?=```\n)",
        lambda block: "".join(_outputs(block[0], names)) if ">>>" in block[0] else block[0],
        text,
        flags=re.DOTALL,
    )


def _outputs(block: str, names: dict[str, object]) -> Iterator[str]:
    for example in doctest.DocTestParser().get_examples(block):
        lines = example.source.rstrip("\n").split("\n")
        yield "".join(f"{'...' if i else '>>>'} {line}\n" for i, line in enumerate(lines))
        yield _printed(example.source, names)


def _printed(source: str, names: dict[str, object]) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        try:
            exec(compile(source, "guide", "single"), names)
        except Exception as error:
            # The first line says it; Polars adds the plan.
            print(traceback.format_exception_only(error)[0].split("\n")[0])
    return out.getvalue()


if __name__ == "__main__":
    for guide in GUIDES:
        guide.write_text(run(guide.read_text()))
