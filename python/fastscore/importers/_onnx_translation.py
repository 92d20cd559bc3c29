"""The translation of an ONNX graph: its inputs as features, its nodes one after another."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from fastscore._errors import FastscoreError, UnsupportedModelError
from fastscore.importers._builder import Builder, NotFiniteError
from fastscore.importers._flow import Column, Frame, joined, narrowed
from fastscore.importers._onnx_fold import fold
from fastscore.importers._onnx_fold_by_steps import fold_by_steps
from fastscore.importers._onnx_graph import Graph, Node, Tensor
from fastscore.importers._onnx_labels import numbers_of
from fastscore.importers._onnx_registry import NEWEST, OLDEST, find, refuse
from fastscore.importers._onnx_rows import rows_first
from fastscore.importers._onnx_values import (
    Columns,
    Comparison,
    Constant,
    Label,
    Maps,
    Moved,
    Several,
    SideBySide,
    Signs,
    Sized,
    Text,
    Value,
)

_TRIALS = (5, 11)
"""Numbers of rows that stand for any number: what holds for both of them keeps rows apart."""
_APPLIED = 21
"""The version of operators that translations apply themselves."""
_INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
_NUMBERS = ("float32", "float64", "bool", *_INTEGERS)
_MOST_COLUMNS = 1 << 22
"""What operators may make of columns in all: no graph of rows needs more."""
_MOST_FEATURES = 1 << 18
"""A model of more is refused."""
_MOST_PLACES = 1 << 26
"""Elements that a tensor may have for the rows that stand for any number."""
_MOST_FIXED = 1 << 22
"""Numbers that the inputs of a graph may have that is made for a fixed number of rows."""
_CONTRADICTIONS = (
    ArithmeticError,
    AssertionError,
    IndexError,
    KeyError,
    MemoryError,
    TypeError,
    ValueError,
)
"""What NumPy raises for shapes and numbers that a valid graph does not have."""

Move = Callable[[NDArray[Any], int], NDArray[Any]]


class Translation:
    """What is known so far: a value for each name of the graph."""

    def __init__(self, graph: Graph, features: Sequence[str] | None) -> None:
        self.graph = graph
        self.values: dict[str, Value] = {
            name: Constant(array) for name, array in graph.initializers.items()
        }
        self.finals: dict[int, tuple[str, Columns]] = {}
        """Values that a sigmoid or softmax gave: its name and what it was given."""
        self.forests: list[bool] = []
        """Per ensemble of trees whether its step has each of its trees once."""
        self.notes: list[str] = []
        self.left = 1 << 26
        """How many elements constants may still be given that are not in the file."""
        self._columns = 0
        self._nodes = _needed(graph)
        self._versions(self._nodes)
        self._jumps: list[str] = []
        self._applied = 0
        self.passes: Sequence[int] | None = None
        """Within a loop over the rows which of them each trial is about."""
        self.batch = _batch(graph.inputs)
        """The number of rows that the graph is made for; None for any."""
        self.batched = self.batch != 1
        """Whether values have a dimension for rows: not where the graph is made for one row."""
        self.trials: tuple[int, ...] = _TRIALS if self.batch is None else (self.batch,)
        self._inputs(features)

    def run(self) -> None:
        """Translate all nodes."""
        self.translate(self._nodes)
        for output in self.graph.outputs:
            value = self.values.get(output.name)
            if isinstance(value, Moved):
                self.mixes(value.node)
        if self._jumps:
            first, *others = self._jumps
            more = f" and {len(others)} more" if others else ""
            self.notes.append(
                f"{first}{more}: jumps at numbers that are computed before; a value within the "
                "bound of what is computed may take the other side of such a number"
            )

    def translate(self, nodes: Sequence[Node]) -> None:
        """Translate nodes, in their order."""
        for node in nodes:
            known = [self.values.get(name) for name in node.inputs if name]
            try:
                with np.errstate(all="ignore"):
                    done = fold(self, node, known) or fold_by_steps(self, node, known)
                    if not (done or rows_first(self, node, known)):
                        find(node)(self, node)
            except NotFiniteError as error:
                refuse(node, str(error))
            except FastscoreError:
                raise
            except _CONTRADICTIONS as error:
                refuse(node, f"its inputs and attributes do not fit each other: {error}")
            for name in node.outputs:
                if name in self._read and name not in self.values:
                    refuse(node, f"its output {name!r} is not supported")

    def branch(self, node: Node | None, graph: Graph) -> None:
        """Translate a graph within a node; its outputs are the node's, where that is given."""
        self.values.update((name, Constant(array)) for name, array in graph.initializers.items())
        self._versions(graph.nodes)
        self.translate(graph.nodes)
        for at, output in enumerate(graph.outputs if node else ()):
            assert node is not None
            self.set(node, self.values[output.name], at)

    def apply(self, node: Node, op: str, *inputs: Value, **attributes: Any) -> Value:
        """Return what another operator of the default domain, at work for a node, gives."""
        self._applied += 1
        names = tuple(f"\0{self._applied}.{at}" for at in range(len(inputs)))
        result = f"\0{self._applied}"
        self.values.update(zip(names, inputs, strict=True))
        name = node.name or next(filter(None, node.outputs), "")
        self.translate([Node(name, op, "", names, (result,), attributes, opset=_APPLIED)])
        for own in names:
            del self.values[own]
        return self.values.pop(result)

    def _versions(self, nodes: Sequence[Node]) -> None:
        for domain, version in {(node.domain, self.opset(node)) for node in nodes}:
            newest = NEWEST.get(domain)
            if newest is None:
                continue  # the node is refused by its operator
            name = domain or "ai.onnx"
            if not OLDEST[domain] <= version <= newest:
                raise UnsupportedModelError(
                    f"the graph uses version {version} of the operators of {name}; known are "
                    f"{OLDEST[domain]} to {newest}: export it for one of these (opset_version=) "
                    "or convert it (onnx.version_converter)"
                )

    def opset(self, node: Node) -> int:
        """Return the version of a node's operator set."""
        return self.graph.opsets.get(node.domain, 1) if node.opset is None else node.opset

    # Reading a node's inputs.

    def optional(self, node: Node, at: int) -> Value | None:
        """Return an input that may be left out."""
        name = node.inputs[at] if at < len(node.inputs) else ""
        return self.values[name] if name else None

    def get(self, node: Node, at: int) -> Value:
        """Return an input."""
        found = self.optional(node, at)
        if found is None:
            refuse(node, f"its input {at} is missing")
        return found

    def operand(self, node: Node, at: int) -> Value:
        """Return an input to compute with: labels that are numbers are a column."""
        found = self.operand_anywhere(node, at)
        if isinstance(found, Moved):
            self.mixes(found.node)
        return found

    def operand_anywhere(self, node: Node, at: int) -> Value:
        """Return an input to compute with, wherever its rows are."""
        found = self.get(node, at)
        if isinstance(found, Label) and found.classes.kind == "int":
            self.jumps(node, found.scores)
            return numbers_of(self.build, node, found)
        if isinstance(found, Comparison):
            self.jumps(node, found.numbers)
            return self.truth(found)
        return found

    def truth(self, comparison: Comparison) -> Columns:
        """Return a comparison as numbers: 1 where it holds, else 0."""
        x = comparison.numbers
        source, kind = x.value(self.build), {"name": "above", "at": comparison.at}
        value = self.build.shared(
            "above",
            (source, comparison.at),
            lambda: {"op": "link", "input": source, "kind": kind | {"above": 1.0, "other": 0.0}},
        )
        return whole_of(value, x, comparison.elem_type)

    def jumps(self, node: Node, *values: Value) -> None:
        """Note a node that jumps at numbers whose last bits may differ from the source's."""
        near = any(isinstance(value, Columns) and value.frame.near for value in values)
        if near and node.label not in self._jumps:
            self._jumps.append(node.label)

    def columns(self, node: Node, at: int) -> Columns:
        """Return an input that depends on the row, as numbers."""
        found = self.operand(node, at)
        if isinstance(found, Columns):
            return found
        what = {
            Text: "text, which only operators of ai.onnx.ml read",
            Label: "a label that is text, which can only be an output",
            Maps: "a map of labels, which can only be an output",
            Signs: "the sign of a computed number, which can only be an output",
            SideBySide: "labels side by side, which can only be an output",
            Several: "a sequence, which operators of sequences read",
        }.get(type(found), "the same for every row, which is not supported here")
        refuse(node, f"its input {node.inputs[at]!r} is {what}")

    def constant(self, node: Node, at: int) -> NDArray[Any]:
        """Return an input that must be the same for every row."""
        found = self.get(node, at)
        if isinstance(found, Constant):
            return found.array
        refuse(
            node,
            f"its input {node.inputs[at]!r} depends on the row; only constants are supported here",
        )

    def optional_constant(self, node: Node, at: int) -> NDArray[Any] | None:
        """Return an input that may be left out, else must be the same for every row."""
        return None if self.optional(node, at) is None else self.constant(node, at)

    # Giving its outputs.

    def set(self, node: Node, value: Value, output: int = 0) -> None:
        """Give an output of a node; one that nothing reads is dropped."""
        if isinstance(value, Columns):
            self._columns += len(value.frame)
            if self._columns > _MOST_COLUMNS:
                refuse(node, f"the graph has more than {_MOST_COLUMNS} numbers a row")
            if len(value.frame) * max(self.trials) > _MOST_PLACES:
                refuse(node, f"the graph is made for {self.batch} rows: export it for any number")
        if output < len(node.outputs) and node.outputs[output]:
            self.values[node.outputs[output]] = value

    def made(
        self,
        value: int,
        shape: Sequence[int],
        like: Columns,
        *,
        elem_type: str | None = None,
        near: bool = True,
    ) -> Columns:
        """Return all columns of a value of the builder as a tensor.

        `near`: the last bits may differ from the source's; they may anyway where `like` is.
        """
        return whole_of(value, like, elem_type, shape=shape, near=near or like.frame.near)

    def final(self, name: str, found: Columns, before: Columns) -> None:
        """Note that a whole value is what a sigmoid or softmax gave."""
        self.finals[found.value(self.build)] = (name, before)

    def take_elements(self, node: Node, count: int) -> None:
        """Refuse a graph whose constants grow beyond all measure."""
        self.left -= count
        if self.left < 0:
            refuse(node, "the graph's constants grow too large")

    # Tensors as they are laid out.

    def places(self, value: Columns, trial: int = 0) -> NDArray[np.int64]:
        """Return the tensor with a number in place of each element: its column, rows apart."""
        count = len(value.frame)
        if not value.batched:
            return np.arange(count).reshape(value.shape)
        rows = self.trials[trial]
        return np.arange(rows * count).reshape((rows, *value.shape))

    def kept(self, node: Node, arrays: Sequence[NDArray[Any]], like: Columns) -> NDArray[Any]:
        """Return what one row has of arrays of places, one for each trial; refuse mixed rows."""
        found = self.first(arrays, like)
        return self.mixes(node) if found is None else found

    def first(self, arrays: Sequence[NDArray[Any]], like: Columns) -> NDArray[Any] | None:
        """Return what one row has of arrays of places; None where rows do not stand first."""
        if not like.batched:
            same = all(np.array_equal(array, arrays[0]) for array in arrays[1:])
            return arrays[0] if same else None
        count = len(like.frame)
        if self.passes is not None:
            return _own(arrays, self.passes, count)
        for rows, array in zip(self.trials, arrays, strict=True):
            starts = count * np.arange(rows).reshape((-1,) + (1,) * max(array.ndim - 1, 0))
            if (
                array.ndim == 0
                or len(array) != rows
                or ((array[:1] < 0) | (array[:1] >= count)).any()
                or not np.array_equal(array, array[:1] + starts)
                or array.shape[1:] != arrays[0].shape[1:]
            ):
                return None
        return np.asarray(arrays[0][0])

    def laid(self, node: Node, like: Columns, arrays: Sequence[NDArray[Any]]) -> Columns | Moved:
        """Return the tensor in which a row's columns stand so; `node` is named where rows mix."""
        if max(array.size for array in arrays) > _MOST_PLACES:
            refuse(node, f"the graph has more than {_MOST_COLUMNS} numbers a row")
        kept = self.first(arrays, like)
        if kept is not None:
            frame, batched = like.frame.take(kept.ravel().tolist()), like.batched
            batched = batched and self.passes is None
            return replace(like, frame=frame, shape=kept.shape, batched=batched)
        if len(arrays) == 1:
            self.mixes(node)  # where only one number of rows is possible, none is told from others
        return Moved(replace(like, shape=(len(like.frame),)), tuple(arrays), node)

    def integers(self, kind: str) -> None:
        """Note what becomes of integers."""
        note = (
            "integers are computed with and compared as float64: exact up to 2**53, without "
            "wrapping around"
        )
        if kind.startswith(("int", "uint")) and note not in self.notes:
            self.notes.append(note)

    def mixes(self, node: Node) -> NoReturn:
        """Refuse a node that makes numbers of a row depend on others."""
        refuse(
            node,
            "it moves, mixes or counts rows (the first dimension), which must stay apart; only "
            "graphs that work on each row alone are supported",
        )

    def moved(self, node: Node, value: Value, move: Move) -> Value:
        """Return a tensor whose elements `move(array, trial)` puts elsewhere."""
        if isinstance(value, Constant | Sized):
            arrays = self.trial_arrays(value)
            return self.sized(
                node, [_try(node, move, own, trial) for trial, own in enumerate(arrays)]
            )
        if isinstance(value, Label):
            like = Columns(value.scores.frame.take([0]), value.shape, "int64", value.batched)
            found = self.moved(node, like, move)
            if not isinstance(found, Columns):
                self.mixes(node)
            return replace(value, shape=found.shape)
        if isinstance(value, Signs):
            numbers = self.moved(node, value.numbers, move)
            return replace(value, numbers=numbers) if isinstance(numbers, Columns) else numbers
        if isinstance(value, Comparison):
            numbers = self.moved(node, value.numbers, move)
            if isinstance(numbers, Columns):
                return replace(value, numbers=numbers)
            self.jumps(node, value.numbers)
            return self.moved(node, self.truth(value), move)
        if isinstance(value, Moved):
            own = [_try(node, move, array, trial) for trial, array in enumerate(value.arrays)]
            return self.laid(value.node, value.columns, own)
        if not isinstance(value, Columns | Text):
            refuse(node, "maps of labels can only be outputs, and sequences have no elements")
        plain = Columns(value.frame, value.shape, value.elem_type, value.batched)
        several = value.batched or self.passes is not None
        trials = range(len(self.trials) if several else 1)
        places = [_try(node, move, self.places(plain, i), i) for i in trials]
        if max(array.size for array in places) > _MOST_PLACES:
            refuse(node, f"the graph has more than {_MOST_COLUMNS} numbers a row")
        if isinstance(value, Columns):
            return self.laid(node, value, places)
        kept = self.kept(node, places, plain)
        return replace(value, frame=value.frame.take(kept.ravel().tolist()), shape=kept.shape)

    def sized(self, node: Node, arrays: Sequence[NDArray[Any]]) -> Constant | Sized:
        """Return what constants are for the trials: one constant where they are equal."""
        self.take_elements(node, sum(array.size for array in arrays))
        first = arrays[0]
        if all(_same(first, other) for other in arrays[1:]):
            return Constant(first)
        return Sized(tuple(arrays))

    def trial_arrays(self, value: Constant | Sized) -> Sequence[NDArray[Any]]:
        """Return a constant for each trial."""
        return value.arrays if isinstance(value, Sized) else [value.array] * len(self.trials)

    # Inputs.

    def _inputs(self, features: Sequence[str] | None) -> None:
        inputs = self.graph.inputs
        self._read = {name for node in self._nodes for name in _names(node)}
        self._read |= {output.name for output in self.graph.outputs}
        if not inputs:
            raise UnsupportedModelError("the ONNX graph has no inputs, so no rows to score")
        if not self.graph.outputs:
            raise UnsupportedModelError("the ONNX graph has no outputs, so nothing to score")
        shapes = [self._shape(tensor, features) for tensor in inputs]
        counts = [math.prod(shape) for shape in shapes]
        if self.batch is not None and sum(counts) * self.batch > _MOST_FIXED:
            raise UnsupportedModelError(
                f"the ONNX graph is made for {self.batch} rows at a time, which is too many to "
                "follow; export it for any number (dynamic_axes=, dynamic_shapes=)"
            )
        if not 0 < sum(counts) <= _MOST_FEATURES:
            raise UnsupportedModelError(f"the ONNX graph reads {sum(counts)} numbers a row")
        names = _feature_names(inputs, counts)
        self.build = Builder(sum(counts), names)
        self.width = "float32" if {t.elem_type for t in inputs} == {"float32"} else "float64"
        start = 0
        for tensor, shape, count in zip(inputs, shapes, counts, strict=True):
            at = range(start, start + count)
            start += count
            text = tensor.elem_type == "string"
            width = "float32" if tensor.elem_type == "float32" else "float64"
            frame = Frame(
                tuple(
                    Column(
                        0,
                        i,
                        None if names is None else names[i],
                        "any" if text else "number",
                        i,
                        width=width,
                        gaps=i,
                    )
                    for i in at
                )
            )
            if text:
                self.values[tensor.name] = Text(frame, shape, self.batched)
                continue
            self.values[tensor.name] = Columns(frame, shape, tensor.elem_type, self.batched)
        self._whole()
        self._narrow()
        if self.batch is not None:
            self.notes.append(
                f"the graph is made for {self.batch} row(s) at a time; any number is scored, each "
                "row as it would be there"
            )

    def _whole(self) -> None:
        """Refuse NaN and infinities in features that are integers or bool, which lack them."""
        inputs = [self.values[tensor.name] for tensor in self.graph.inputs]
        columns: list[int] = []
        for x in inputs:
            if isinstance(x, Columns) and not x.elem_type.startswith("float"):
                self.integers(x.elem_type)
                columns += [column.index for column in x.frame.columns]
        if not columns:
            return
        self.build.guard(
            value=0,
            columns=columns,
            refuse=["missing", "non_finite"],
            width="float64",
            step="the ONNX graph",
        )
        self.notes.append(
            "features that the graph takes as integers or bool are scored as they are given: "
            "fractions and numbers beyond their type are not refused"
        )

    def _narrow(self) -> None:
        """Cast the inputs of float32, all in one step."""
        inputs = [self.values[tensor.name] for tensor in self.graph.inputs]
        own = [x for x in inputs if isinstance(x, Columns) and x.elem_type == "float32"]
        if not own:
            return
        columns = narrowed(self.build, joined([x.frame for x in own])).columns
        for tensor, x in zip(self.graph.inputs, inputs, strict=True):
            if isinstance(x, Columns) and x.elem_type == "float32":
                frame = Frame(columns[: len(x.frame)])
                columns = columns[len(x.frame) :]
                self.values[tensor.name] = replace(x, frame=frame)

    def _shape(self, tensor: Tensor, features: Sequence[str] | None) -> tuple[int, ...]:
        """Return the shape of a row."""
        name, shape = tensor.name, tensor.shape
        if tensor.elem_type not in (*_NUMBERS, "string"):
            raise UnsupportedModelError(
                f"input {name!r} is of type {tensor.elem_type}, which is not supported; export the "
                "model with float32 or float64 inputs"
            )
        if not shape:
            what = "unknown" if shape is None else "that of a single number"
            raise UnsupportedModelError(
                f"input {name!r}: its shape is {what}; export the model with inputs of shape "
                "(rows, features)"
            )
        own = shape[1:] if self.batched else shape
        unknown = own.count(None)
        if unknown == 1 and features is not None and len(self.graph.inputs) == 1:
            known = math.prod(dim for dim in own if dim is not None)
            if known and len(features) % known == 0:
                return tuple(len(features) // known if dim is None else dim for dim in own)
        if unknown:
            raise UnsupportedModelError(
                f"input {name!r} of shape {_shown(shape)} does not say how many numbers a row has; "
                "give their names with features=, or export the model with that number"
            )
        return tuple(dim for dim in own if dim is not None)


def _own(arrays: Sequence[NDArray[Any]], rows: Sequence[int], count: int) -> NDArray[Any] | None:
    """Return what each pass of a loop has of its own row; None where it has others'."""
    first = arrays[0] - rows[0] * count
    for row, array in zip(rows, arrays, strict=True):
        own = array - row * count
        if own.shape != first.shape or not np.array_equal(own, first):
            return None
    return first if ((first >= 0) & (first < count)).all() else None


def whole_of(
    value: int,
    like: Columns,
    elem_type: str | None = None,
    *,
    shape: Sequence[int] | None = None,
    near: bool = False,
) -> Columns:
    """Return all columns of a value of the builder as a tensor; its type and shape are `like`'s."""
    kind, own = elem_type or like.elem_type, like.shape if shape is None else tuple(shape)
    width = "float32" if kind == "float32" else "float64"
    columns = (
        Column(value, i, None, "number", width=width, near=near) for i in range(math.prod(own))
    )
    return Columns(Frame(tuple(columns)), own, kind, like.batched)


def _try(node: Node, move: Move, array: NDArray[Any], trial: int) -> NDArray[Any]:
    try:
        return np.asarray(move(array, trial))
    except (ValueError, IndexError, TypeError, OverflowError, MemoryError) as error:
        refuse(node, f"it does not fit its input of shape {array.shape}: {error}")


def _feature_names(inputs: Sequence[Tensor], counts: Sequence[int]) -> list[str] | None:
    """Return names of features: none for those of one input, else by the inputs'."""
    if len(inputs) == 1:
        return None
    names: list[str] = []
    for tensor, count in zip(inputs, counts, strict=True):
        names += [tensor.name] if count == 1 else [f"{tensor.name}_{i}" for i in range(count)]
    # None where there is an `x_0` beside an `x` of several columns.
    return names if len(set(names)) == len(names) else None


def _shown(shape: Sequence[int | None]) -> str:
    return f"({', '.join('?' if dim is None else str(dim) for dim in shape)})"


def _batch(inputs: Sequence[Tensor]) -> int | None:
    """Return the number of rows that a graph is made for; None for any."""
    first = {tensor.shape[0] for tensor in inputs if tensor.shape}
    if len(first) > 1:
        shapes = ", ".join(f"{t.name!r} {_shown(t.shape)}" for t in inputs if t.shape)
        raise UnsupportedModelError(
            f"the inputs of the ONNX graph have different numbers of rows: {shapes}; export it "
            "with the same first dimension for all of them (dynamic_axes=, dynamic_shapes=)"
        )
    (found,) = first or {None}
    return found or None


def _names(node: Node) -> set[str]:
    """Return what a node reads, within its graphs too."""
    found = {name for name in node.inputs if name}
    for own in node.attributes.values():
        if isinstance(own, Graph):
            for inner in own.nodes:
                found |= _names(inner)
            found |= {output.name for output in own.outputs}
    return found


def _needed(graph: Graph) -> list[Node]:
    """Return the nodes on which the outputs depend."""
    names = {output.name for output in graph.outputs}
    found = []
    for node in reversed(graph.nodes):
        if names & set(node.outputs):
            names |= _names(node)
            found.append(node)
    return found[::-1]


def _same(a: NDArray[Any], b: NDArray[Any]) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
