"""The one way from data to scores: check the arguments, pick the container, run the model."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from fastscore import _core
from fastscore._containers import score_container
from fastscore._containers._job import Job
from fastscore._layout import MISSING, OUTPUTS, Layout

_PLAIN = frozenset("?bBhHiIlLqQefd")
_ndarray = np.ndarray


def score(
    core: _core.Model,
    layouts: Mapping[str, Layout],
    data: Any,
    output: str,
    threads: int | None,
    missing: str,
) -> Any:
    """Score `data` and return `output` in the container that came in."""
    few = core.score_few(data, output, threads, missing)
    if few is not None:
        labels = layouts[output].classes[0]
        return few if labels is None else labels.take(few)
    try:
        layout = layouts[output]
    except (KeyError, TypeError):
        raise _no_output(output, layouts, core) from None
    check_missing(missing)
    if type(data) is _ndarray and data.ndim == 2:
        dtype = data.dtype
        if dtype.char in _PLAIN and dtype.isnative:
            return layout.numpy(core.score_matrix(data, output, threads, missing), missing)
    return score_container(data, Job(core, layout, threads, missing))


def check_missing(missing: object) -> None:
    """ValueError where `missing` is not one of its values."""
    if missing != "source" and missing != "propagate":  # noqa: PLR1714 (the short way costs time)
        raise ValueError(f"missing={missing!r} is not known; choose one of {_listed(MISSING)}")


def check_output(output: object, outputs: Iterable[str]) -> None:
    """ValueError where a model has no such output."""
    outputs = tuple(outputs)
    if not isinstance(output, str) or output not in outputs:
        raise _no_output(output, outputs)


def _no_output(
    output: object, outputs: Iterable[str], core: _core.Model | None = None
) -> Exception:
    if not isinstance(output, str):
        return TypeError(
            f"output must be a str, one of {_listed(OUTPUTS)}, not {type(output).__name__}"
        )
    if output in OUTPUTS:
        said = f"the model has no output {output!r}; it has {_listed(outputs)}"
        return ValueError(said if core is None else said + _part(output, core))
    return ValueError(f"output={output!r} is not known; choose one of {_listed(OUTPUTS)}")


def _part(output: str, core: _core.Model) -> str:
    """Return what works where only some of the targets have an output."""
    targets = json.loads(core.spec)["targets"]
    has = [target["name"] or at for at, target in enumerate(targets) if target.get(output)]
    if output not in ("probability", "score") or not has:
        return ""
    return (
        f"; of its {len(targets)} targets only {_listed(has)} would have it: import a model that "
        "has no others"
    )


def _listed(names: Any) -> str:
    return ", ".join(repr(name) for name in names)
