"""The inputs and outputs of a Keras model: features, and predicted targets."""

import re
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from fastscore._errors import ModelFormatError, UnsupportedModelError
from fastscore._options import Labels
from fastscore.importers._builder import Builder
from fastscore.importers._flow import Frame, numbers, raw, refuse
from fastscore.importers._keras_config import Graph, Layer, leaves
from fastscore.importers._keras_values import FLOATS, INTEGERS, Tensor, Translation, size
from fastscore.importers._targets import add_scores

_COLUMNS = 1 << 18
_OUTPUTS = 4096
_NAME = 4096
"""The longest name of an output: those made of it are as long."""


@dataclass(frozen=True, slots=True)
class Input:
    """One input of a model."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    named: bool
    """Whether the name is the user's: of a dict, or given to the layer."""


def inputs_of(graph: Graph) -> list[Input]:
    """Return the inputs of a model, in order."""
    if graph.sequential:
        first = graph.layers[0] if graph.layers else None
        if first is not None and first.kind == "InputLayer":
            return [_input(first, first.name)]
        if first is not None and first.inner is not None:
            return inputs_of(first.inner)
        raise UnsupportedModelError(
            f"the Keras Sequential {graph.name!r} does not know its input: it was never built; "
            "call model.build((None, n_features)), or begin it with keras.Input((n_features,))"
        )
    layers = {layer.name: layer for layer in graph.layers}
    found = []
    pairs = (
        [(key, ref) for key, each in graph.inputs.items() for ref in leaves(each)]
        if isinstance(graph.inputs, Mapping)
        else [(None, ref) for ref in leaves(graph.inputs)]
    )
    for key, ref in pairs:
        layer = layers.get(ref.layer)
        if layer is None or layer.kind != "InputLayer":
            raise UnsupportedModelError(
                f"the Keras model {graph.name!r} has the input {ref.layer!r}, which is no Input; "
                "make the model of keras.Input tensors"
            )
        found.append(_input(layer, ref.layer if key is None else key, key is not None))
    return found


def _input(layer: Layer, name: str, named: bool = False) -> Input:
    config = layer.config
    shape = config.get("batch_shape")
    if not isinstance(shape, list | tuple) or not shape:
        raise ModelFormatError(f"the Keras input {name!r} has no shape")
    own = tuple(shape[1:])
    if any(isinstance(d, bool) or not isinstance(d, int) or d < 0 for d in own):
        raise UnsupportedModelError(
            f"the Keras input {name!r} has the shape {tuple(shape)}, whose length varies; give it "
            "a fixed shape"
        )
    for what in ("sparse", "ragged"):
        if config.get(what):
            raise UnsupportedModelError(
                f"the Keras input {name!r} is {what}, which is not supported; make it dense"
            )
    dtype = str(config.get("dtype") or "float32")
    if dtype not in (*FLOATS, *INTEGERS, "string"):
        raise UnsupportedModelError(
            f"the Keras input {name!r} is of type {dtype}; float32, float64, integers and string "
            "are supported"
        )
    return Input(name, own, dtype, named or not _GENERATED.fullmatch(name))


_GENERATED = re.compile(r"(input_layer|keras_tensor)(_\d+)?|input_\d+")


def builder(inputs: Sequence[Input]) -> Builder:
    """Return a builder with a feature a number that the inputs take."""
    count = sum(size(each.shape) for each in inputs)
    if count > _COLUMNS:
        raise UnsupportedModelError(
            f"the Keras model takes {count} numbers a row; at most {_COLUMNS} are supported"
        )
    names: list[str] | None = None
    if len(inputs) > 1 and any(each.named for each in inputs):
        names = []
        for each in inputs:
            width = size(each.shape)
            names += [each.name] if width == 1 else [f"{each.name}_{i}" for i in range(width)]
        if len(set(names)) < len(names):
            names = None
    return Builder(count, names)


def narrow(inputs: Sequence[Input]) -> bool:
    """Whether all features are float32."""
    return all(each.dtype == "float32" for each in inputs)


def tensors(t: Translation, inputs: Sequence[Input]) -> list[Tensor]:
    """Return the inputs as tensors; what Keras's casts have no number for is refused."""
    frame, found, start = raw(t.build), [], 0
    for each in inputs:
        columns = frame.take(range(start, start + size(each.shape)))
        start += len(columns)
        found.append(_tensor(t, each, columns))
    return found


def _tensor(t: Translation, each: Input, columns: Frame) -> Tensor:
    owner = f"the Keras input {each.name!r}"
    if each.dtype == "string":
        return Tensor(each.shape, "string", columns)
    columns = numbers(t.build, columns, owner)
    if each.dtype in INTEGERS:
        columns = refuse(t.build, columns, owner, missing=True, non_finite=True)
        return Tensor(each.shape, each.dtype, columns, raw=True)
    return Tensor(each.shape, each.dtype, columns, raw=True)


# --- what it gives


def output_names(graph: Graph) -> list[str]:
    """Return what the outputs of a model are called."""
    if graph.sequential:
        return [graph.layers[-1].name]
    names: list[str] = []
    ordered: list[str] = []
    outputs = graph.outputs
    keyed = outputs.items() if isinstance(outputs, Mapping) else [(None, outputs)]
    for key, each in keyed:
        for ref in leaves(each):
            name = ref.layer if key is None else str(key)
            if len(names) == _OUTPUTS or len(name) > _NAME:
                raise UnsupportedModelError(
                    f"the Keras model {graph.name!r} has more than {_OUTPUTS} outputs, or one with "
                    f"a name of more than {_NAME} characters; give it fewer, joined with "
                    "keras.layers.Concatenate, or shorter names"
                )
            same = bisect_right(ordered, name) - bisect_left(ordered, name)
            # Those that begin with it and "_", which "`" follows.
            longer = bisect_left(ordered, f"{name}`") - bisect_left(ordered, f"{name}_")
            names.append(f"{name}_{same + longer}" if same else name)
            insort(ordered, names[-1])
    return names


_COLUMN = re.compile(r"(.*)_(0|[1-9][0-9]{0,8})", re.DOTALL)
"""The name of a column of an output, as of 'dense_1'."""


@dataclass(frozen=True, slots=True)
class Output:
    """One output, as steps."""

    name: str
    value: int
    size: int
    dtype: str


def distinct(outputs: list[Output]) -> list[Output]:
    """Return outputs of which no columns have the name of another: 'dense' of two, 'dense_1'."""
    taken: Counter[str] = Counter()
    columns: dict[str, Counter[int]] = {}

    def count(name: str, by: int) -> None:
        taken[name] += by
        if ends := _COLUMN.fullmatch(name):
            columns.setdefault(ends[1], Counter())[int(ends[2])] += by

    for out in outputs:
        count(out.name, 1)
    found = []
    for out in outputs:
        count(out.name, -1)
        name = out.name
        while out.size > 1 and (
            taken[name] or any(n and at < out.size for at, n in columns.get(name, {}).items())
        ):
            name = f"{name}_output"
        count(name, 1)
        found.append(replace(out, name=name))
    return found


def output(t: Translation, name: str, x: Tensor) -> Output:
    """Return an output of the model."""
    if x.dtype not in FLOATS:
        raise UnsupportedModelError(
            f"the output {name!r} of the Keras model is of type {x.dtype}; only float32 and "
            "float64 are supported: let the model end with a layer of floats"
        )
    if not x.size:
        raise UnsupportedModelError(f"the output {name!r} of the Keras model has no values")
    value = t.value(x)
    if value == 0:
        value = t.build.columns(0, range(t.build.n_features))
    return Output(name, value, x.size, x.dtype)


def last_link(build: Builder, out: Output) -> str | None:
    """Return the name of the link that an output ends in."""
    step = build.steps[out.value - 1]
    return str(step["kind"]["name"]) if step["op"] == "link" else None


def target(build: Builder, out: Output, labels: Labels | None, name: str | None) -> None:
    """Append an output as a target: with classes, or as numbers."""
    step = build.steps[out.value - 1]
    link = last_link(build, out)
    one = link == "logistic" and out.size == 1
    several = link == "softmax" and step["kind"].get("groups", 1) == 1 and out.size > 1
    before = step["input"] if one or several else out.value
    if before == 0:
        before = build.columns(0, range(build.n_features))
    add_scores(
        build,
        out.name,
        value=out.value,
        before=before,
        link="sigmoid" if one else "softmax" if several else None,
        width=out.dtype,
        given=labels,
        name=name,
    )
