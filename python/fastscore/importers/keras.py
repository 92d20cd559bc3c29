"""Keras 3 and TensorFlow: Sequential and functional models, live, and their files.

One reader for all: it goes by the model's configuration and its weights, so that a file is read
without Keras, and no code of a file is ever run.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from fastscore import _core
from fastscore._errors import FastscoreError, ModelFormatError, UnsupportedModelError
from fastscore._options import Labels, Options
from fastscore.importers import _keras_graph as graphs
from fastscore.importers import _keras_inputs as ends
from fastscore.importers._builder import Builder, wide_refused
from fastscore.importers._keras_archive import CONFIG, WEIGHTS, Archive, WholeFile
from fastscore.importers._keras_config import Graph, read
from fastscore.importers._keras_live import (
    LIVE,
    checked,
    feature_space,
    keras2,
    live_epsilon,
    live_graph,
)
from fastscore.importers._keras_store import FilePlace, Place, WholePlace
from fastscore.importers._keras_values import EPSILON, Translation
from fastscore.importers._source import source, version
from fastscore.importers._targets import given_labels

HDF5 = b"\x89HDF\r\n\x1a\n"
_KEYWORDS = ("features", "classes", "categories")


def import_keras(model: Any, options: Options) -> _core.Model:
    """Import a live Sequential or functional model."""
    name = type(model).__name__
    options.allow(f"a Keras {name}", *_KEYWORDS)
    checked(model)
    graph = live_graph(model)
    build, outputs = _translate(graph, epsilon=live_epsilon())
    return _finish(graph, build, outputs, options, version("keras"), name)


def unfolded(model: Any) -> _core.Model:
    """Import a live model with a step a layer, as Keras itself computes it, for `verify`."""
    graph = live_graph(model)
    build, outputs = _translate(graph, epsilon=live_epsilon(), fold=False)
    return _finish(graph, build, outputs, Options(), version("keras"), type(model).__name__)


IMPORTERS: dict[str, Callable[[Any, Options], _core.Model]] = dict.fromkeys(LIVE, import_keras)


def is_archive(names: Any) -> bool:
    """Whether the members of a zip file are those of a `.keras` file."""
    return names is not None and CONFIG in names and ("metadata.json" in names or WEIGHTS in names)


def from_archive(data: bytes, options: Options) -> _core.Model:
    """Import a `.keras` file."""
    options.allow("a .keras file", *_KEYWORDS)
    return _file(lambda: Archive(data), lambda file: FilePlace(file, ""), options)


def from_whole(data: bytes, options: Options) -> _core.Model:
    """Import a whole-model `.h5` file."""
    options.allow("a whole-model .h5 file", *_KEYWORDS)
    return _file(lambda: WholeFile(data), WholePlace, options)


def _file(
    opened: Callable[[], Any], place: Callable[[Any], Place], options: Options
) -> _core.Model:
    """Import a file: whatever its configuration has wrong is said as damage of the file."""
    try:
        file = opened()
        entry = file.config()
        if entry is None:
            raise UnsupportedModelError(
                "an HDF5 file without a model's configuration, as model.save_weights writes: only "
                "weights; save the whole model with model.save('model.keras')"
            )
        if not isinstance(entry, Mapping):
            raise ModelFormatError(f"its {CONFIG} is no model")
        written = file.version()
        if written.startswith(("0.", "1.", "2.")):
            raise keras2(f"what Keras {written} wrote")
        if entry.get("class_name") == "FeatureSpace":
            raise feature_space("A FeatureSpace's file")
        graph = read(entry, place(file))
        build, outputs = _translate(graph)
    except (FastscoreError, MemoryError):
        raise
    except RecursionError:
        raise ModelFormatError("its configuration is too deep") from None
    except Exception as error:
        raise ModelFormatError(
            f"its configuration is not that of a Keras model: {type(error).__name__}: {error}"
        ) from error
    return _finish(graph, build, outputs, options, written, graph.kind)


def _translate(
    graph: Graph, *, epsilon: float = EPSILON, fold: bool = True
) -> tuple[Builder, list[ends.Output]]:
    inputs = ends.inputs_of(graph)
    build = ends.builder(inputs)
    t = Translation(build, epsilon=epsilon, fold=fold)
    # Weights may be any numbers, of which casts make infinities.
    with np.errstate(all="ignore"):
        found = graphs.run(t, graph, ends.tensors(t, inputs))
        outputs = [
            ends.output(t, name, x) for name, x in zip(ends.output_names(graph), found, strict=True)
        ]
    return build, ends.distinct(outputs)


def _finish(
    graph: Graph,
    build: Builder,
    outputs: list[ends.Output],
    options: Options,
    written: str,
    kind: str,
) -> _core.Model:
    names = [out.name for out in outputs]
    several = len(outputs) > 1
    given = given_labels(options.classes, names, None if several else names[0])
    for out in outputs:
        ends.target(build, out, given.get(out.name), out.name if several else None)
    widths = {out.dtype for out in outputs}
    if len(widths) > 1:
        raise UnsupportedModelError(
            f"the Keras model {graph.name!r} has outputs of float32 and of float64; build it with "
            "one of them"
        )
    if widths == {"float32"}:
        build.output_width = "float32"
    inputs = ends.inputs_of(graph)
    shown = {each.name: f"{each.dtype}{list(each.shape)}" for each in inputs}
    with wide_refused(f"the Keras model {graph.name!r}"):
        return build.build(
            source=source(
                "Keras",
                kind,
                version=written,
                notes=_notes(given, build, outputs),
                parameters={
                    "name": graph.name,
                    "inputs": ", ".join(f"{name}: {what}" for name, what in shown.items()),
                    "outputs": ", ".join(f"{out.name}: {out.dtype}[{out.size}]" for out in outputs),
                },
            ),
            missing=True,
            non_finite=True,
            width="float32" if ends.narrow(inputs) else "float64",
        )


def _notes(given: dict[str, Labels], build: Builder, outputs: list[ends.Output]) -> list[str]:
    """Return what is to be known of the labels that were given."""
    if not given:
        return []
    notes = ["classes were given with classes="]
    for out in outputs:
        if out.name in given and out.size > 1 and ends.last_link(build, out) == "logistic":
            notes.append(
                f"the sigmoids of the output {out.name!r} are a number a label each, which don't "
                "exclude each other: the label is that of the largest one"
            )
    return notes
