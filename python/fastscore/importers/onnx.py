"""ONNX: files, and live `onnx.ModelProto`, by their bytes.

`_core.onnx` decodes and checks the bytes, `_onnx_graph` holds the graph, `_onnx_translation` walks
it, the operators are in the modules that register them, `_onnx_outputs` makes targets of the
graph's outputs and `_onnx_tidy` leaves out and joins steps.
"""

import os
from collections.abc import Callable, Sequence
from typing import Any

from fastscore import _core
from fastscore._errors import UnsupportedModelError
from fastscore._options import Options
from fastscore.importers import (  # noqa: F401, for the operators that they register
    _onnx_activations,
    _onnx_choice,
    _onnx_dense,
    _onnx_einsum,
    _onnx_elementwise,
    _onnx_fold_numbers,
    _onnx_largest,
    _onnx_logic,
    _onnx_loop,
    _onnx_ml_linear,
    _onnx_ml_pick,
    _onnx_ml_scale,
    _onnx_ml_tables,
    _onnx_ml_trees,
    _onnx_place,
    _onnx_reduce,
    _onnx_sequence,
    _onnx_shape,
)
from fastscore.importers._builder import wide_refused
from fastscore.importers._onnx_graph import Graph, decode
from fastscore.importers._onnx_outputs import targets
from fastscore.importers._onnx_patterns import recognised
from fastscore.importers._onnx_tidy import tidy
from fastscore.importers._onnx_translation import Translation
from fastscore.importers._source import source

_KEYWORDS = ("features", "classes", "categories", "unknown")
_PROTO_LIMIT = "protobuf can't hold more than 2 GB; save the model with external data and load that"


def import_proto(model: Any, options: Options) -> _core.Model:
    """Import a live `onnx.ModelProto`."""
    options.allow("an ONNX model", *_KEYWORDS)
    try:
        data = bytes(model.SerializeToString())
    except ValueError as error:
        what = f"the ModelProto can't be serialised: {_PROTO_LIMIT}"
        raise UnsupportedModelError(what) from error
    return _translate(decode(data, None), options)


IMPORTERS: dict[str, Callable[[Any, Options], _core.Model]] = {"ModelProto": import_proto}


def is_file(data: bytes) -> bool:
    """Whether bytes start as a ModelProto: a small version, then producer, opset or graph."""
    return (
        len(data) > 4
        and data[0] == 0x08
        and 1 <= data[1] <= 64
        and data[2] in (0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42)
    )


def from_bytes(data: bytes, options: Options, path: str | None = None) -> _core.Model:
    """Import a file's bytes; external data lies in the folder of `path`."""
    options.allow("an ONNX file", *_KEYWORDS)
    folder = None if path is None else os.path.dirname(os.path.abspath(path))
    return _translate(decode(data, folder), options)


def step_by_step(data: bytes, path: str | None, features: Sequence[str] | None) -> _core.Model:
    """Import a file's bytes with a step for each node: how far the source rounds is seen in it."""
    folder = None if path is None else os.path.dirname(os.path.abspath(path))
    return _translate(decode(data, folder), Options(features), joined=False)


def _translate(graph: Graph, options: Options, *, joined: bool = True) -> _core.Model:
    translation = Translation(recognised(graph), options.feature_names())
    translation.run()
    targets(translation, options.classes)
    tidy(translation.build, joined=joined)
    made = f" ({graph.producer})" if graph.producer else ""
    with wide_refused("the ONNX graph"):
        return translation.build.build(
            source=source("ONNX", f"ONNX model{made}", notes=translation.notes),
            missing=True,
            non_finite=True,
            width=translation.width,
            leaf=_leaves(translation),
        )


def _leaves(translation: Translation) -> int | None:
    """Return the step whose leaves the model gives, by their numbers in the file: of one ensemble.

    These are the nodes' own, or, where leaves are apart from nodes, their places among all leaves.
    """
    steps = translation.build.steps
    forests = [at for at, step in enumerate(steps) if step["op"] == "forest"]
    return forests[0] if len(forests) == 1 and translation.forests == [True] else None
