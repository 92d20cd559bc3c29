"""Every case of the support matrix, against its source library and on every engine.

The tables are in `matrix`; `docs/support.md` is made from them.
"""

import functools
from typing import Any

import fastscore
import numpy as np
import pytest
from matrix import docs, tables
from matrix.case import Case, Library, Refusal
from support import same_bits, source_runs

CASES = {
    f"{library.name}: {case.family}: {case.variant}": (library, case)
    for library, case in tables.cases()
}
REFUSALS = {f"{library.name}: {each.what}": each for library, each in tables.refusals()}
ENGINES = ("walk", "sliced", "oblivious", "abreast", "reference")
LEVELS = ("portable", "avx2", "avx512")
ABSENT = ("this CPU lacks", "does not fit that engine")
"""What the errors say where an engine or level can't run a case here."""

each_case = pytest.mark.parametrize("name", CASES)


@functools.cache
def fitted(name: str) -> tuple[Library, Case, Any, Any, fastscore.Model, dict[str, Any]]:
    """A case with its source, data, model and that model's outputs: made once a session."""
    library, case = CASES[name]
    with source_runs():
        source, data = case.make(np.random.default_rng(list(name.encode())))
    model = fastscore.import_model(source, **case.keywords)
    ours = {output: as_numpy(model.score(data, output=output)) for output in model.outputs}
    return library, case, source, data, model, ours


def as_numpy(values: Any) -> Any:
    """Scores without their container; a list for several targets."""
    if isinstance(values, list):
        return [np.asarray(part) for part in values]
    return values.to_numpy() if hasattr(values, "to_numpy") else np.asarray(values)


def parts(values: Any) -> list[Any]:
    return values if isinstance(values, list) else [values]


def equal_scores(model: fastscore.Model, data: Any, expected: dict[str, Any]) -> None:
    """Every output of `model` has these bits."""
    assert set(model.outputs) == set(expected)
    for output, values in expected.items():
        found = as_numpy(model.score(data, output=output))
        for one, other in zip(parts(found), parts(values), strict=True):
            same_bits(one, other)


def test_names_are_distinct():
    assert len(CASES) == len(tables.cases())
    assert len(REFUSALS) == len(tables.refusals())


def keeps_promises(library: Library, case: Case, source: Any, data: Any, ours: Any) -> None:
    """Compare each output with what the source library gives."""
    truth = case.truth(source)
    for output, bound in case.outputs.items():
        with source_runs():
            theirs = library.expected(truth, data, output)
        found = ours[output]
        if isinstance(theirs, list) and not isinstance(found, list):
            # A frame has the columns of all targets.
            theirs = np.concatenate([part.reshape(len(part), -1) for part in theirs], axis=1)
        for one, other in zip(parts(found), map(np.asarray, parts(theirs)), strict=True):
            assert one.shape == other.shape, output
            if isinstance(data, np.ndarray):
                assert one.dtype == other.dtype, output
            with source_runs():
                bound.check(one, other, truth, data)


@each_case
def test_live(name):
    library, case, source, data, _, ours = fitted(name)
    assert set(ours) == set(case.outputs), "the case must promise every output"
    keeps_promises(library, case, source, data, ours)


@each_case
def test_files(name, tmp_path):
    library, case, source, data, model, ours = fitted(name)
    own = tmp_path / "model.fscore"
    model.save(own)
    equal_scores(fastscore.load(own), data, ours)
    for file_format in case.files:
        path = tmp_path / file_format
        keywords = {**case.keywords, **library.writers[file_format](source, path)}
        loaded = fastscore.load(path, **keywords)
        if file_format not in library.readers:
            equal_scores(loaded, data, ours)
            continue
        again = library.readers[file_format](source, path)
        found = {output: as_numpy(loaded.score(data, output=output)) for output in loaded.outputs}
        assert set(found) == set(ours)
        keeps_promises(library, case, again, data, found)


@each_case
def test_engines(name, monkeypatch, tmp_path):
    """Every engine and instruction set gives the bits of the one that is picked."""
    _, _, _, data, model, ours = fitted(name)
    own = tmp_path / "model.fscore"
    model.save(own)
    ran = set()
    for engine in ENGINES:
        for level in LEVELS:
            monkeypatch.setenv("FASTSCORE_ENGINE", engine)
            monkeypatch.setenv("FASTSCORE_SIMD", level)
            try:
                # The plan is compiled at first need, in this environment.
                again = fastscore.load(own)
                again.explain_plan()
            except ValueError as error:
                if not any(text in str(error) for text in ABSENT):
                    raise
                continue
            ran.add((engine, level))
            equal_scores(again, data, ours)
    assert {("walk", "portable"), ("reference", "portable")} <= ran


@each_case
def test_verify(name):
    library, case, source, data, model, _ = fitted(name)
    with source_runs():
        report = model.verify(data, source=source)
    assert report.ok, report
    asked = {check.output.split(" ")[0] for check in report.checks}
    assert set(case.outputs) - library.unasked <= asked <= set(case.outputs)


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals(name):
    refusal: Refusal = REFUSALS[name]
    with source_runs():
        source = refusal.make(np.random.default_rng(0))
    with pytest.raises(fastscore.UnsupportedModelError) as error:
        refusal.call(source)
    message = str(error.value)
    assert refusal.names in message
    assert refusal.advice in message


def test_the_document_is_as_the_tables_have_it():
    assert docs.TARGET.read_text(encoding="utf-8") == docs.render(), "run make docs"
