"""programs(): random small graphs over the registry, with inputs; they read like code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import hypothesis.strategies as st
import numpy as np

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.ops import table
from tinygrad_mnist.testing.strategies import tensors

Array = np.ndarray[Any, Any]
Options = list[tuple[tuple[int, ...], dict[str, Any]]]

LARGEST = 100.0  # a step with larger values is left out: overflow teaches nothing


class Step(NamedTuple):
    """One call: an op, the indices of its arguments, and its settings."""

    op: str
    args: tuple[int, ...]
    kw: dict[str, Any]


class Program:
    """A function of Tensors made of registry entries, and inputs to call it with.

    A call returns every value that no step uses, as a tuple if there are several.

    >>> program = Program([Tensor([1.0])], [Step("exp", (0,), {}), Step("mul", (0, 1), {})])
    >>> program
    def program(a):  # a = tensor([1.])
        b = exp(a)
        c = mul(a, b)
        return c
    >>> program(*program.inputs)
    tensor([2.7183])
    """

    def __init__(self, inputs: Sequence[Tensor], steps: Sequence[Step]) -> None:
        self.inputs, self.steps = tuple(inputs), tuple(steps)
        used = {i for step in steps for i in step.args}
        made = range(len(inputs), len(inputs) + len(steps))
        self.results = [i for i in made if i not in used]

    def __call__(self, *inputs: Any) -> Any:
        values = list(inputs)
        for name, args, kw in self.steps:
            values.append(getattr(table, name)(*(values[i] for i in args), **kw))
        results = tuple(values[i] for i in self.results)
        return results if len(results) > 1 else results[0]

    def __repr__(self) -> str:
        count = len(self.inputs)
        names = [chr(ord("a") + i) for i in range(count + len(self.steps))]
        words = [" ".join(repr(x).split()) for x in self.inputs]
        bindings = "; ".join(f"{name} = {x}" for name, x in zip(names, words, strict=False))
        lines = [f"def program({', '.join(names[:count])}):  # {bindings}"]
        for name, (op, args, kw) in zip(names[count:], self.steps, strict=True):
            words = [*(names[j] for j in args), *(f"{k}={_spelled(v)}" for k, v in kw.items())]
            lines.append(f"    {name} = {op}({', '.join(words)})")
        return "\n".join([*lines, f"    return {', '.join(names[i] for i in self.results)}"])


def _spelled(setting: Any) -> str:
    """Spell a setting as code; slices by np.s_, as `slice` is an op here."""
    parts = setting if isinstance(setting, tuple) else ()
    if not any(isinstance(part, slice) for part in parts):
        return repr(setting)
    shown = []
    for part in parts:
        if isinstance(part, slice):
            ends = (part.start, part.stop, part.step)
            shown.append(":".join("" if end is None else str(end) for end in ends))
        else:
            shown.append("..." if part is Ellipsis else repr(part))
    return f"np.s_[{', '.join(shown)}{',' if len(parts) == 1 else ''}]"


@st.composite
def programs(
    draw: st.DrawFn,
    /,
    max_steps: int = 8,
    ops: Sequence[str] | None = None,
    dtype: Any = np.float64,
) -> Program:
    """Draw programs of one to `max_steps` calls of the `ops` (names from CATALOGUE; default: all).

    Every value stays finite and below 100. The inputs require grad: `program(*program.inputs)`.
    """
    shape = draw(st.sampled_from([(2, 3), (3,), (), (2, 2), (1, 3), (0, 2)]))
    others = [shape, shape[-1:], (), tuple(1 for _ in shape)]
    inputs = [draw(tensors(shape, dtype=dtype, low=-2, high=2))]
    if draw(st.booleans()):
        inputs.append(draw(tensors(draw(st.sampled_from(others)), dtype=dtype, low=-2, high=2)))
    values = [x._data for x in inputs]
    steps: list[Step] = []
    for _ in range(draw(st.integers(1, max_steps))):
        name = draw(st.sampled_from(sorted(ops or CATALOGUE)))
        options = CATALOGUE[name](values)
        if not options:
            continue
        args, kw = draw(st.sampled_from(options[::-1]))  # the newest values first
        with np.errstate(all="ignore"):
            value = np.asarray(getattr(table, name)(*(values[i] for i in args), **kw))
        if value.size <= 50 and np.all(np.abs(value) < LARGEST):
            steps.append(Step(name, args, kw))
            values.append(value)
    if not steps:
        steps.append(Step("mul", (0, 0), {}))
    return Program(inputs, steps)


# The possible calls of an op on some values: one function per kind of op


def _unary(domain: Callable[[Array], Any] = lambda x: True) -> Callable[[list[Array]], Options]:
    return lambda values: [((i,), {}) for i, x in enumerate(values) if np.all(domain(x))]


def _pairs(values: list[Array], fits: Callable[[Array, Array], Any]) -> Iterator[tuple[int, int]]:
    for j, b in enumerate(values):
        for i, a in enumerate(values):
            if fits(a, b):
                yield i, j


def _broadcast(a: Array, b: Array) -> bool:
    return all(n == m or 1 in (n, m) for n, m in zip(a.shape[::-1], b.shape[::-1], strict=False))


def _binary(domain: Callable[[Array, Array], Any] = lambda a, b: True) -> Any:
    return lambda values: [
        (pair, {})
        for pair in _pairs(values, lambda a, b: _broadcast(a, b) and np.all(domain(a, b)))
    ]


def _settings(*choose: Callable[[Array], list[dict[str, Any]]]) -> Callable[[list[Array]], Options]:
    """Return calls on one array, with each of the settings that fit the array."""
    return lambda values: [((i,), kw) for i, x in enumerate(values) for f in choose for kw in f(x)]


def _axes(x: Array) -> list[dict[str, Any]]:
    return [{"axis": axis} for axis in range(x.ndim) if x.size]


def _reductions(x: Array) -> list[dict[str, Any]]:
    ways = [None, *((axis,) for axis in range(x.ndim))]
    return [{"axis": axis, "keepdims": keep} for axis in ways for keep in (False, True) if x.size]


def _shapes(x: Array) -> list[dict[str, Any]]:
    return [{"shape": shape} for shape in ((x.size,), (x.size, 1), (1, *x.shape[::-1]))]


def _keys(x: Array) -> list[dict[str, Any]]:
    if not x.ndim or not len(x):
        return [{"key": (None,)}]
    return [{"key": key} for key in ((0,), (slice(1, None),), (..., slice(None, None, -1)))]


def _matrices(values: list[Array]) -> Options:
    fits = lambda a, b: a.ndim == b.ndim == 2 and a.shape[1] == b.shape[0]  # noqa: E731
    return [(pair, {}) for pair in _pairs(values, fits)]


def _cats(values: list[Array]) -> Options:
    fits = lambda a, b: a.ndim and a.ndim == b.ndim and a.shape[1:] == b.shape[1:]  # noqa: E731
    return [((i, j), {"axis": 0, "starts": (0, len(values[i]))}) for i, j in _pairs(values, fits)]


def _clear_of_zero(x: Array) -> Any:
    return np.abs(x) > 0.1


CATALOGUE: dict[str, Callable[[list[Array]], Options]] = {
    "add": _binary(),
    "sub": _binary(),
    "mul": _binary(),
    "div": _binary(lambda a, b: _clear_of_zero(b)),
    "maximum": _binary(lambda a, b: _clear_of_zero(a - b)),
    "minimum": _binary(lambda a, b: _clear_of_zero(a - b)),
    "neg": _unary(),
    "exp": _unary(),
    "log": _unary(lambda x: x > 0.1),
    "sqrt": _unary(lambda x: x > 0.1),
    "square": _unary(),
    "reciprocal": _unary(_clear_of_zero),
    "sin": _unary(),
    "cos": _unary(),
    "tanh": _unary(),
    "atan": _unary(),
    "sigmoid": _unary(),
    "softplus": _unary(),
    "erf": _unary(),
    "relu": _unary(_clear_of_zero),
    "abs": _unary(_clear_of_zero),
    "sum": _settings(_reductions),
    "mean": _settings(_reductions),
    "logsumexp": _settings(_reductions),
    "softmax": _settings(_axes),
    "log_softmax": _settings(_axes),
    "cumsum": _settings(_axes),
    "reshape": _settings(_shapes),
    "permute": _settings(lambda x: [{"axes": tuple(range(x.ndim))[::-1]}]),
    "slice": _settings(_keys),
    "broadcast_to": _settings(lambda x: [{"shape": (2, *x.shape)}]),
    "matmul": _matrices,
    "cat": _cats,
}
