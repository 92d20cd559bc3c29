"""What a row of the support matrix is, and the bounds that it can promise."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fastscore
import numpy as np
from support import same_bits, ulps


@dataclass(frozen=True)
class Bound:
    """A promise about an output: how the document words it, how a test checks it."""

    text: str
    check: Callable[[Any, Any, Any, Any], None]
    """`(ours, theirs, source, data)`, arrays of equal shape; raises AssertionError."""


@dataclass(frozen=True)
class Case:
    """One supported thing."""

    family: str
    """The class, or the class and what makes it another computation: a row of the document."""
    variant: str
    make: Callable[[np.random.Generator], tuple[Any, Any]]
    """A fitted source and data to score, with values that trip engines."""
    outputs: Mapping[str, Bound]
    """Every output that the model has, with what is promised of it."""
    files: tuple[str, ...] = ()
    """Formats of the source library, names of its `Library.writers`, that give the same model."""
    keywords: Mapping[str, Any] = field(default_factory=dict)
    """For `import_model`, and `load` of the files: what neither says."""
    truth: Callable[[Any], Any] = lambda source: source
    """What the scores are compared with, where `keywords` make it another than the source."""


@dataclass(frozen=True)
class Refusal:
    """One thing that is refused by name."""

    what: str
    """For the document."""
    make: Callable[[np.random.Generator], Any]
    names: str
    """What the error names: estimator, parameter, split, ..."""
    advice: str
    """What to do, in the error's own words: the document quotes them."""
    call: Callable[[Any], Any] = fastscore.import_model


@dataclass(frozen=True)
class Library:
    """How the tests ask a source library."""

    name: str
    package: str
    """Its name in requirements-dev.txt, whose version the document states."""
    expected: Callable[[Any, Any, str], Any]
    """`(source, data, output)`: what the source library itself gives, on one thread."""
    writers: Mapping[str, Callable[[Any, Path], Mapping[str, Any]]] = field(default_factory=dict)
    """File format -> `(source, path)` writes the file; gives the keywords of `fastscore.load` for
    what that file does not hold."""
    readers: Mapping[str, Callable[[Any, Path], Any]] = field(default_factory=dict)
    """File format -> `(source, path)` reads what was written, where that is not the live source to
    the last bit: the file's scores are compared with this one's."""
    note: str = ""
    """A paragraph of the document."""
    unasked: frozenset[str] = frozenset()
    """Outputs that `verify` may leave out, as the source does not give them."""


def _exact(ours: Any, theirs: Any, source: Any, data: Any) -> None:
    same_bits(ours, theirs)


EQUAL = Bound("equal bits", _exact)
LABELS = Bound("equal labels", _exact)
LEAVES = Bound("equal", _exact)


def ulp(most: int) -> Bound:
    """Within so many units in the last place, counted at the source's own width."""

    def check(ours: Any, theirs: Any, source: Any, data: Any) -> None:
        assert ours.dtype == theirs.dtype
        worst = ulps(ours, theirs).max(initial=0)
        assert worst <= most, f"{worst} ulp, {most} are promised"

    return Bound(f"{most} ulp", check)


def labels_but_for_ties(scores: Callable[[Any, Any], Any]) -> Bound:
    """Equal labels, but where the source's two best scores (rows, classes) are within 1e-12."""

    def check(ours: Any, theirs: Any, source: Any, data: Any) -> None:
        differ = np.flatnonzero(np.asarray(ours != theirs).reshape(len(theirs), -1).any(axis=1))
        if len(differ):
            best = np.sort(np.asarray(scores(source, data))[differ], axis=1)[:, -2:]
            gap = best[:, 1] - best[:, 0]
            assert (gap <= 1e-12).all(), f"rows {differ[gap > 1e-12][:5]} are no ties"

    return Bound("equal labels but for ties", check)


def labels_within(scores: Callable[[Any, Any], Any], slack: Callable[[Any, Any], Any]) -> Bound:
    """Equal labels, but where the source's scores of both (rows, classes) are within the slack.

    Labels that are no numbers are those of `classes_`, else the columns' own numbers.
    """

    def check(ours: Any, theirs: Any, source: Any, data: Any) -> None:
        assert ours.dtype == theirs.dtype
        differ = np.flatnonzero(ours != theirs)
        if not len(differ):
            return
        known = getattr(source, "classes_", None)
        codes = {label: at for at, label in enumerate(known)} if known is not None else None
        found = np.asarray(scores(source, data))[differ]
        if found.ndim == 1:
            found = np.column_stack([np.zeros_like(found), found])
        most = 2 * np.asarray(slack(source, data)).reshape(len(data), -1)[differ].max(axis=1)
        at = [
            [label if codes is None else codes[label] for label in labels[differ]]
            for labels in (ours, theirs)
        ]
        rows = np.arange(len(differ))
        assert (np.abs(found[rows, at[0]] - found[rows, at[1]]) <= most).all()

    return Bound("equal labels but for ties", check)


def terms(slack: Callable[[Any, Any], Any]) -> Bound:
    """Within 1e-12 of the sum of the terms that the source adds."""

    def check(ours: Any, theirs: Any, source: Any, data: Any) -> None:
        bound = np.asarray(slack(source, data)).reshape(theirs.shape)
        assert ours.dtype == theirs.dtype
        assert (np.abs(ours - theirs) <= bound).all()

    return Bound("1e-12 of the sum of its terms", check)


def of_terms(slack: Callable[[Any, Any], Any]) -> Bound:
    """A probability, or a sum of exponentials, of such margins."""

    def check(ours: Any, theirs: Any, source: Any, data: Any) -> None:
        worst = np.asarray(slack(source, data)).reshape(len(theirs), -1).max(axis=1)
        bound = 2 * worst.reshape(-1, *(1,) * (theirs.ndim - 1)) + 8 * np.finfo(float).eps
        assert (np.abs(ours - theirs) <= bound).all()

    return Bound("as its margin", check)


def exponential(slack: Callable[[Any, Any], Any]) -> Bound:
    """The exponential of a margin, relative."""

    def check(ours: Any, theirs: Any, source: Any, data: Any) -> None:
        relative = np.expm1(np.asarray(slack(source, data)).reshape(theirs.shape))
        bound = np.abs(theirs) * (relative + 8 * np.finfo(float).eps)
        with np.errstate(invalid="ignore"):
            assert ((np.abs(ours - theirs) <= bound) | (ours == theirs)).all()

    return Bound("relatively, as its margin", check)


def linear(scale: Callable[[Any, Any], Any], part: str = "1e-12") -> Bound:
    """Within a part of `scale`, the sum of |coefficient x value| (rows, outputs)."""

    def check(ours: Any, theirs: Any, source: Any, data: Any) -> None:
        bound = float(part) * np.asarray(scale(source, data)).reshape(theirs.shape)
        assert (np.abs(ours - theirs) <= bound).all()

    return Bound(f"{part} of sum |coefficient x value|", check)


def linear_link(scale: Callable[[Any, Any], Any], part: float = 1e-12) -> Bound:
    """A probability of linear margins: no link is steeper than 1/2, normalising doubles that."""

    def check(ours: Any, theirs: Any, source: Any, data: Any) -> None:
        worst = np.asarray(scale(source, data)).reshape(len(theirs), -1).max(axis=1, keepdims=True)
        bound = 2 * part * worst.reshape(-1, *(1,) * (theirs.ndim - 1))
        assert (np.abs(ours - theirs) <= bound + 8 * np.finfo(theirs.dtype).eps).all()

    return Bound("as its margin", check)
