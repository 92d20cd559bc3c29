"""Write docs/support.md from the tables: `make docs`. A test fails while it differs."""

import argparse
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from matrix.case import Case, Library, Refusal
from matrix.tables import MODULES

ROOT = Path(__file__).resolve().parents[3]
TARGET = ROOT / "docs" / "support.md"

HEAD = """\
# What is supported

Made by `make docs` from the tables in `tests/python/matrix`, over which the tests run: every line
below is a test against the source library itself. Don't edit it by hand.

[scikit-learn](#scikit-learn), [LightGBM](#lightgbm), [XGBoost](#xgboost), [CatBoost](#catboost),
[ONNX networks](#onnx-networks), [ONNX ai.onnx.ml](#onnx-aionnxml), [Keras](#keras);
[what is refused, and what to do](#what-is-refused-and-what-to-do).

A model comes from `fastscore.import_model(object)` ("live") or from a file of its own library
through `fastscore.load(path)`; a file gives the live object's scores to the bit, or where that
library writes other numbers, those that it gives itself with that file. All of them save to and
load from `.fscore`, and score the same bits on every engine and with every instruction set.

What is promised of an output, against the source library on one thread:

| promise | meaning |
| --- | --- |
| equal bits | the very same floating-point numbers |
| equal, equal labels | the same integers or labels |
| equal labels but for ties | the same, but where the source's own scores of both labels differ by \
at most twice what is promised of the scores (of meta-estimators: by 1e-12) |
| n ulp | at most n representable numbers away, counted at the source's own width |
| n ulp of the score | IsolationForest: NumPy's power depends on the processor |
| 8 eps (1 + largest \\|log p\\|) | p: where boosting starts; NumPy's log depends on the processor |
| 1e-12 of sum \\|coefficient x value\\| | linear models: the source's BLAS sums in no fixed order |
| 1e-12 of the sum of its terms | the same: \\|the number - the source's\\| is at most 1e-12 times \
the sum of the absolute values of all that the source adds up for the row, intercept included |
| 1e-6 of sum \\|coefficient x value\\| | sums in float32: gblinear, linear models after it |
| 1e-5, 1e-6 | that far, relative above 1: ONNX Runtime computes at float32 |
| 1e-6 (float64: 1e-12) of the sums of \\|weight x value\\|, through the layers | networks: what a \
layer may be off goes on through those after it, as steep as they are |
| 1e-12 of the number | transformers that take roots, logarithms, powers or norms |
| 1e-12 (the number + the centre) | the same, standardised after it |
| 1e-13 (1 + the number) | splines; far beyond their knots scikit-learn itself rounds slopes |
| equal numbers | bits, but for a zero's sign where the source has a sparse matrix between |
| as its margin | what that bound becomes behind the link |
"""


_RUNS = {"onnxruntime": "ONNX Runtime"}
"""Packages that run what a library of another name is."""


def render() -> str:
    """Return the document."""
    parts = [HEAD]
    for module in MODULES:
        parts.append(_library(module.LIBRARY, module.CASES))
    parts.append("## What is refused, and what to do\n")
    parts.append(
        "Nothing is approximated silently: these raise `UnsupportedModelError`, with the advice of "
        "the last column.\n"
    )
    for module in MODULES:
        if module.REFUSALS:
            parts.append(_refusals(module.LIBRARY, module.REFUSALS))
    return "\n".join(parts)


def _library(library: Library, cases: Sequence[Case]) -> str:
    lines = [
        f"## {library.name}\n",
        f"Tested with {_RUNS.get(library.package, library.name)} {_version(library)}.",
    ]
    if library.note:
        lines.append(library.note)
    rows: dict[str, dict[tuple[str, str], list[str]]] = {}
    for case in cases:
        same = ", ".join(("live", *case.files)), _outputs(case)
        rows.setdefault(case.family, {}).setdefault(same, []).append(case.variant)
    cells = (
        (f"`{family}`", "; ".join(variants), formats, outputs)
        for family, kinds in rows.items()
        for (formats, outputs), variants in kinds.items()
    )
    lines += ["", *_table(("model", "variants", "from", "outputs"), cells)]
    return "\n".join(lines) + "\n"


def _outputs(case: Case) -> str:
    """Outputs of one promise together, in the case's order."""
    together: dict[str, list[str]] = {}
    for output, bound in case.outputs.items():
        together.setdefault(bound.text, []).append(output)
    return "; ".join(f"{', '.join(outputs)}: {text}" for text, outputs in together.items())


def _refusals(library: Library, refusals: Sequence[Refusal]) -> str:
    rows = ((refusal.what, refusal.advice) for refusal in refusals)
    return (
        "\n".join([f"### {library.name}\n", *_table(("what", "what the error says to do"), rows)])
        + "\n"
    )


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = (" | ".join(cell.replace("|", r"\|") for cell in row) for row in rows)
    return [
        f"| {line} |" for line in (" | ".join(header), " | ".join("---" for _ in header), *lines)
    ]


def _version(library: Library) -> str:
    pinned = (ROOT / "requirements-dev.txt").read_text(encoding="utf-8")
    found = re.search(rf"^{re.escape(library.package)}==(\S+)", pinned, re.MULTILINE)
    if found is None:
        raise ValueError(f"requirements-dev.txt pins no {library.package}")
    return found[1]


def main() -> int:
    """Write the document, or say whether it is as the tables have it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write it; else only compare")
    text = render()
    if parser.parse_args().write:
        TARGET.write_text(text, encoding="utf-8")
        return 0
    if TARGET.exists() and TARGET.read_text(encoding="utf-8") == text:
        return 0
    print(f"error: {TARGET} differs from the tables: run make docs", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
