"""Random ONNX graphs of supported operators, of any rank, for tests against ONNX Runtime.

`Draw` is where the choices come from: Hypothesis in the tests.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from onnx_support import proto

OF_ONE = ["Relu", "Tanh", "Sigmoid", "Neg", "Abs", "Exp", "Softplus", "LeakyRelu", "Elu", "Erf"]
WIDE = {"Relu", "Tanh", "Sigmoid", "Neg", "Abs", "Exp", "Sqrt", "Floor", "Sign"}
"""What ONNX Runtime has at float64, too."""
FLOATS = ("float32", "float64")
ROWS = "n"


class Value:
    """A tensor of the graph: its rows are on `axis` of `shape`, where there is an `n`."""

    def __init__(self, name: str, shape: Sequence[Any], kind: str) -> None:
        self.name, self.shape, self.kind = name, tuple(shape), kind

    @property
    def axes(self) -> list[int]:
        return [axis for axis, size in enumerate(self.shape) if size != ROWS]


class Graphs:
    """A graph in the making; `pick(options)` and `number(low, high)` decide."""

    def __init__(
        self,
        pick: Callable[[Sequence[Any]], Any],
        number: Callable[[int, int], int],
        kind: str = "float32",
    ) -> None:
        self.pick, self.number, self.kind = pick, number, kind
        self.rng = np.random.default_rng(number(0, 2**32 - 1))
        self.opset = pick([13, 14, 17, 18, 21, 23])
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}
        shape = pick([(ROWS, 6), (ROWS, 2, 3), (ROWS, 3, 4), (ROWS, 2, 2, 3)])
        self.input = Value("x", shape, kind)
        self.values = [self.input]

    def constant(self, array: Any, dtype: str | None = None) -> str:
        """Add a constant: an initialiser or a node."""
        name = f"c{len(self.constants) + len(self.nodes)}"
        array = np.asarray(array, dtype=dtype)
        if self.pick([True, False]):
            self.constants[name] = array
        else:
            self.nodes.append(
                helper.make_node("Constant", [], [name], value=numpy_helper.from_array(array))
            )
        return name

    def random(self, *shape: int, low: float = -1.0) -> str:
        """Add a constant of random numbers."""
        return self.constant(self.rng.uniform(low, 1.0, shape), self.kind)

    def add(self, op: str, inputs: str, shape: Any, kind: str | None = None, **own: Any) -> Value:
        """Add a node."""
        name = f"v{len(self.nodes)}"
        names = ["" if part == "_" else part for part in inputs.split()]
        self.nodes.append(helper.make_node(op, names, [name], **own))
        value = Value(name, shape, kind or self.kind)
        self.values.append(value)
        return value

    def chosen(self, *kinds: str, least: int = 1) -> Value | None:
        """Pick a value of these kinds that is not too large."""
        found = [
            v
            for v in self.values
            if v.kind in (kinds or (self.kind,))
            and len(v.shape) >= least
            and np.prod([d for d in v.shape if d != ROWS], dtype=int) <= 200
        ]
        return self.pick(found) if found else None

    def axis(self, x: Value) -> int | None:
        """Pick an axis that is not the rows', counted from either end."""
        if not x.axes:
            return None
        axis = self.pick(x.axes)
        return int(self.pick([axis, axis - len(x.shape)]))

    def beside(self, x: Value) -> str:
        """Add a constant that broadcasts to a value's shape."""
        shape = [1 if d == ROWS else self.pick([1, d]) for d in x.shape]
        cut = self.number(0, len(shape) - 1)
        if all(d == 1 for d in shape[:cut]):
            shape = shape[cut:]
        return self.random(*shape)

    def step(self) -> None:
        """Add a node or some."""
        name = self.pick(STEPS)
        getattr(self, name)()

    # The steps.

    def function(self) -> None:
        x = self.chosen()
        op = self.pick(OF_ONE)
        if x and (self.kind == "float32" or op in WIDE):
            if op == "Exp":
                x = self.add("Tanh", x.name, x.shape)
            self.add(op, x.name, x.shape)

    def jump(self) -> None:
        x = self.chosen()
        if x:
            self.add(self.pick(["Floor", "Ceil", "Round", "Sign"]), x.name, x.shape)

    def with_constant(self) -> None:
        x = self.chosen()
        if not x:
            return
        op = self.pick(["Add", "Sub", "Mul", "Div", "Max", "Min"])
        if op == "Div":
            c = self.random(*[1 if d == ROWS else d for d in x.shape], low=0.3)
            self.add(op, f"{x.name} {c}", x.shape)
            return
        c = self.beside(x)
        self.add(op, self.pick([f"{x.name} {c}", f"{c} {x.name}"]), x.shape)

    def with_other(self) -> None:
        x = self.chosen()
        same = [v for v in self.values if x and v.kind == x.kind and _fit(x.shape, v.shape)]
        if not same or not x:
            return
        other = self.pick(same)
        op = self.pick(["Add", "Sub", "Mul", "Max", "Min"])
        shape = _spread(x.shape, other.shape)
        self.add(op, self.pick([f"{x.name} {other.name}", f"{other.name} {x.name}"]), shape)

    def product(self) -> None:
        x = self.chosen(least=2)
        if not x or x.shape[-1] == ROWS:
            return
        out = self.number(1, 5)
        lead: tuple[int, ...] = ()
        if len(x.shape) > 2 and ROWS not in x.shape[-2:] and self.pick([False, True]):
            lead = tuple(1 if d == ROWS else d for d in x.shape[:-2])
        w = self.random(*lead, x.shape[-1], out)
        self.add("MatMul", f"{x.name} {w}", (*x.shape[:-1], out))

    def gemm(self) -> None:
        x = self.chosen(least=2)
        if x and len(x.shape) == 2 and x.shape[1] != ROWS:
            out = self.number(1, 5)
            w = self.random(out, x.shape[1])
            b = self.pick([self.random(out), self.random(1, out), "_"])
            self.add("Gemm", f"{x.name} {w} {b}", (x.shape[0], out), transB=1, alpha=0.5)

    def pairs(self) -> None:
        """Products of what the rows hold."""
        x = self.chosen(least=3)
        if x and x.shape[-1] != ROWS and x.shape[-2] != ROWS:
            order = [*range(len(x.shape) - 2), len(x.shape) - 1, len(x.shape) - 2]
            turned = self.add("Transpose", x.name, [x.shape[i] for i in order], perm=order)
            self.add("MatMul", f"{x.name} {turned.name}", (*x.shape[:-1], x.shape[-2]))

    def einsum(self) -> None:
        x = self.chosen(least=2)
        if not x or len(x.shape) > 3 or x.shape[0] != ROWS:
            return
        out = self.number(1, 4)
        if len(x.shape) == 2:
            w = self.random(x.shape[1], out, 2)
            equation, shape = self.pick(
                [("bi,iok->bok", (ROWS, out, 2)), ("bi,iok->bko", (ROWS, 2, out))]
            )
        else:
            w = self.random(x.shape[1], x.shape[2], out)
            equation, shape = self.pick(
                [
                    ("bti,tio->bto", (ROWS, x.shape[1], out)),
                    ("bti,tio->bo", (ROWS, out)),
                    ("bti,sio->bto", (ROWS, x.shape[1], out)),
                ]
            )
            if "s" in equation:
                w = self.random(2, x.shape[2], out)
        self.add("Einsum", f"{x.name} {w}", shape, equation=equation)

    def reduced(self) -> None:
        x = self.chosen(least=2)
        if not x:
            return
        op = self.pick(["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceL2"])
        op = self.pick([op, "ReduceSumSquare", "ReduceLogSumExp", "ReduceProd", "ReduceL1"])
        axes = sorted({self.axis(x) for _ in range(self.number(1, 2))}, key=str)
        if None in axes or len({a % len(x.shape) for a in axes}) < len(axes):
            return
        kept = self.pick([0, 1])
        own = {a % len(x.shape) for a in axes}
        shape = [1 if at in own else d for at, d in enumerate(x.shape) if kept or at not in own]
        if op == "ReduceSum" or self.opset >= 18:
            c = self.constant(axes, "int64")
            self.add(op, f"{x.name} {c}", shape, keepdims=kept)
        else:
            self.add(op, x.name, shape, axes=axes, keepdims=kept)

    def softmax(self) -> None:
        x = self.chosen(least=2)
        axis = self.axis(x) if x else None
        if x and axis is not None:
            self.add(self.pick(["Softmax", "LogSoftmax"]), x.name, x.shape, axis=axis)

    def norm(self) -> None:
        x = self.chosen(least=2)
        if x and self.opset >= 17 and x.shape[-1] != ROWS and self.kind == "float32":
            s, b = self.random(x.shape[-1]), self.random(x.shape[-1])
            self.add("LayerNormalization", f"{x.name} {s} {b}", x.shape, epsilon=0.1)

    def batch(self) -> None:
        x = self.chosen(least=2)
        if x and x.shape[0] == ROWS:
            c = x.shape[1]
            parts = [self.random(c), self.random(c), self.random(c), self.random(c, low=0.3)]
            self.add("BatchNormalization", " ".join([x.name, *parts]), x.shape)

    def transpose(self) -> None:
        x = self.chosen(least=2)
        if x:
            order = self.rng.permutation(len(x.shape)).tolist()
            self.add("Transpose", x.name, [x.shape[i] for i in order], perm=order)

    def back(self) -> None:
        """Rows first again."""
        found = [v for v in self.values if v.kind == self.kind and ROWS in v.shape[1:]]
        if found:
            x = self.pick(found)
            at = x.shape.index(ROWS)
            order = [at, *(i for i in range(len(x.shape)) if i != at)]
            self.add("Transpose", x.name, [x.shape[i] for i in order], perm=order)

    def reshape(self) -> None:
        x = self.chosen(least=2)
        if x and x.shape[0] == ROWS:
            size = int(np.prod(x.shape[1:], dtype=int))
            parts = [d for d in range(1, size + 1) if size % d == 0]
            inner = self.pick(parts)
            shape = self.pick([[-1, inner, size // inner], [0, -1], [-1, size], [0, inner, -1]])
            made = [(ROWS, inner, size // inner), (ROWS, size), (ROWS, size)]
            own = made[0] if len(shape) == 3 else made[1]
            self.add("Reshape", f"{x.name} {self.constant(shape, 'int64')}", own)

    def merged(self) -> None:
        """Rows beside another dimension, a product, and back."""
        x = self.chosen(least=3)
        if x and len(x.shape) == 3 and x.shape[0] == ROWS:
            _, t, d = x.shape
            c = self.constant([-1, d], "int64")
            self.add("Reshape", f"{x.name} {c}", ("?",), "hidden")
            flat = self.values[-1].name
            w, b = self.random(d, 3), self.random(3)
            if self.pick([True, False]):
                self.add("Gemm", f"{flat} {w} {b}", ("?",), "hidden")
            else:
                self.add("MatMul", f"{flat} {w}", ("?",), "hidden")
            c = self.constant([-1, t, 3], "int64")
            self.add("Reshape", f"{self.values[-1].name} {c}", (ROWS, t, 3))

    def cut(self) -> None:
        x = self.chosen(least=2)
        axis = self.axis(x) if x else None
        if x and axis is not None and x.shape[axis] > 1:
            size = x.shape[axis]
            start, step = self.number(0, size - 1), self.pick([1, 2, -1])
            end = size if step > 0 else -size - 1
            count = len(range(size)[start:None:step])
            names = [self.constant([v], "int64") for v in (start, end, axis, step)]
            shape = list(x.shape)
            shape[axis] = count
            self.add("Slice", " ".join([x.name, *names]), shape)

    def joined(self) -> None:
        x = self.chosen(least=2)
        axis = self.axis(x) if x else None
        if x and axis is not None:
            shape = list(x.shape)
            shape[axis] *= 2
            self.add("Concat", f"{x.name} {x.name}", shape, axis=axis)

    def gathered(self) -> None:
        x = self.chosen(least=2)
        axis = self.axis(x) if x else None
        if x and axis is not None:
            size = x.shape[axis]
            picked = [self.number(-size, size - 1) for _ in range(self.number(1, 3))]
            shape = list(x.shape)
            shape[axis] = len(picked)
            self.add("Gather", f"{x.name} {self.constant(picked, 'int64')}", shape, axis=axis)

    def dims(self) -> None:
        x = self.chosen()
        if x and len(x.shape) < 4:
            at = self.number(-len(x.shape) - 1, len(x.shape))
            shape = list(x.shape)
            place = at + len(x.shape) + 1 if at < 0 else at
            shape.insert(place, 1)
            self.add("Unsqueeze", f"{x.name} {self.constant([at], 'int64')}", shape)

    def cumulative(self) -> None:
        x = self.chosen(least=2)
        axis = self.axis(x) if x else None
        if x and axis is not None:
            c = self.constant(axis, "int64")
            own = {"reverse": self.pick([0, 1]), "exclusive": self.pick([0, 1])}
            self.add("CumSum", f"{x.name} {c}", x.shape, **own)

    def padded(self) -> None:
        x = self.chosen(least=2)
        if x and self.kind == "float32":
            mode = self.pick(["constant", "edge", "reflect"])
            most = [0 if d == ROWS else min(2, d - 1) for d in x.shape]
            ends = [[self.number(0, m) for m in most] for _ in range(2)]
            shape = [
                d if d == ROWS else d + low + high
                for d, low, high in zip(x.shape, *ends, strict=True)
            ]
            names = [x.name, self.constant(ends[0] + ends[1], "int64")]
            names += [self.random()] if mode == "constant" else []
            self.add("Pad", " ".join(names), shape, mode=mode)

    def choice(self) -> None:
        x = self.chosen()
        if not x:
            return
        c, other = self.beside(x), self.beside(x)
        op = self.pick(["Greater", "Less", "GreaterOrEqual", "LessOrEqual"])
        truth = self.add(op, f"{x.name} {c}", x.shape, "bool")
        if self.pick([True, False]):
            truth = self.add("Not", truth.name, x.shape, "bool")
        self.add("Where", f"{truth.name} {x.name} {other}", x.shape)

    def counted(self) -> None:
        """Integers: how many of a row's numbers are above others."""
        x = self.chosen(least=2)
        if x and x.shape[-1] != ROWS:
            truth = self.add("Greater", f"{x.name} {self.beside(x)}", x.shape, "bool")
            whole = self.add("Cast", truth.name, x.shape, "int64", to=TensorProto.INT64)
            c = self.constant([-1], "int64")
            self.add("ReduceSum", f"{whole.name} {c}", x.shape[:-1], "int64", keepdims=0)

    def whole(self) -> None:
        x = self.chosen("int64")
        if x:
            c = self.constant(self.number(1, 5), "int64")
            self.add(
                self.pick(["Add", "Mul", "Div", "Mod", "Sub"]), f"{x.name} {c}", x.shape, "int64"
            )

    def numbers(self) -> None:
        x = self.chosen("int64", "bool")
        if x:
            to = TensorProto.FLOAT if self.kind == "float32" else TensorProto.DOUBLE
            self.add("Cast", x.name, x.shape, to=to)

    def named(self) -> None:
        x = self.chosen()
        if x:
            self.add("Identity", x.name, x.shape)

    def model(self, output: Value) -> Any:
        """Return the model; an initialiser may be an input, and an output of a node unused."""
        nodes = [*self.nodes, helper.make_node("Identity", [output.name], ["y"])]
        kinds = {
            "x": helper.np_dtype_to_tensor_dtype(np.dtype(self.kind)),
            "y": helper.np_dtype_to_tensor_dtype(np.dtype(output.kind)),
        }
        made = proto(
            nodes, {"x": self.input.shape}, ["y"], self.constants, opset=self.opset, kinds=kinds
        )
        for name, array in list(self.constants.items())[:2]:
            kind = helper.np_dtype_to_tensor_dtype(array.dtype)
            own = helper.make_tensor_value_info(name, kind, array.shape)
            made.graph.input.append(own)
        return made


STEPS = [
    name
    for name, own in vars(Graphs).items()
    if callable(own)
    and name not in ("constant", "random", "add", "chosen", "axis", "beside")
    and name not in ("step", "model", "__init__")
]


def _fit(a: Sequence[Any], b: Sequence[Any]) -> bool:
    pairs = zip(reversed(a), reversed(b), strict=False)
    if not all(d == e or 1 in (d, e) for d, e in pairs):
        return False
    # One place for the rows, whichever of both has them.
    places = {len(own) - own.index(ROWS) for own in (a, b) if ROWS in own}
    return len(places) == 1


def _spread(a: Sequence[Any], b: Sequence[Any]) -> tuple[Any, ...]:
    long, short = (a, b) if len(a) >= len(b) else (b, a)
    short = (1,) * (len(long) - len(short)) + tuple(short)
    return tuple(e if d == 1 else d for d, e in zip(long, short, strict=True))
