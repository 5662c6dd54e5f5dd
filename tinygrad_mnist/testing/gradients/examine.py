"""examine: the steps of a gradient check, and the report they write.

Two calls must agree; each derivative is compared with a numerical one, measured with as much care
as the comparison needs; gradients must own their memory; float32 must stay float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.engine import as_tuple, backward, grad
from tinygrad_mnist.autograd.modes import _Switch
from tinygrad_mnist.autograd.tensor import Tensor, wrap
from tinygrad_mnist.testing.gradients.diagnosis import Block, diagnose
from tinygrad_mnist.testing.gradients.numeric import Slope
from tinygrad_mnist.testing.gradients.problem import Backward, Problem
from tinygrad_mnist.testing.gradients.ruler import How, Ruler

Array = np.ndarray[Any, Any]

_DIRECTIONS = 2
"""How many random directions `fast` tries for each input."""


@dataclass
class Report:
    """What a check found; true if nothing failed."""

    failures: list[str] = field(default_factory=list)
    kinks: list[str] = field(default_factory=list)
    """Points where the function has no derivative: reported, not failed."""
    notes: list[str] = field(default_factory=list)
    entries: int = 0
    """How many derivatives were compared."""
    evaluations: int = 0
    """How often the function was called for the numerical side."""
    worst: float = 0.0
    """The largest relative difference that passed."""

    def __bool__(self) -> bool:
        return not self.failures

    def __str__(self) -> str:
        head = (
            f"gradcheck {'passed' if self else 'FAILED'}: {self.entries} derivatives compared, "
            f"largest relative difference that passed {self.worst:.1e}, "
            f"{self.evaluations} evaluations"
        )
        return "\n".join([head, *self.failures, *self.kinks, *self.notes])


def examine(
    func: Callable[..., Any],
    inputs: Any,
    how: How = How(),  # noqa: B008
    order: int = 1,
    grad_outputs: Any = None,
) -> Report:
    """Check the derivative of the given order and report; the inputs are left alone.

    >>> import tinygrad_mnist as tg
    >>> print(examine(lambda x: x.exp(), tg.tensor([1.0], requires_grad=True)))
    gradcheck passed: 1 derivatives compared, ...
    note: float32, and checked in float64: input 0
    """
    report = Report()
    problem = Problem(func, inputs)
    for _ in range(order - 1):
        problem = Backward(problem, grad_outputs)
    for dtype in sorted(set(map(str, problem.cast_from.values()))):
        names = ", ".join(name for name, own in problem.cast_from.items() if str(own) == dtype)
        report.notes.append(f"note: {dtype}, and checked in float64: {names}")
    with np.errstate(all="ignore"):
        if check_steady(problem, how, report):
            (check_directions if how.fast else check_entries)(problem, how, report)
            if order == 1:
                check_memory(problem, report)
                check_float32(func, inputs, how, report)
    report.evaluations = problem.evaluations
    return report


# The parts of a check


def check_steady(problem: Problem, how: How, report: Report) -> bool:
    """Two calls must give the same, and change no input: nothing else can be said otherwise."""
    before = [arg._data.copy() if isinstance(arg, Tensor) else None for arg in problem.args]
    one, two = problem.row(), problem.row()
    if one.shape != two.shape or np.any(np.abs(one - two) > how.nondet_tol):
        report.failures.append(
            "not deterministic: two calls with the same inputs differ. Seed the random numbers "
            "inside the function, or put the module into eval()"
        )
    for i, (array, arg) in enumerate(zip(before, problem.args, strict=True)):
        if array is not None and not np.array_equal(array, arg._data, equal_nan=True):
            report.failures.append(f"input {i} is mutated: the function writes into its argument")
    return not report.failures


def check_entries(problem: Problem, how: How, report: Report) -> None:
    """Compare every derivative of every output element by every input element."""
    ruler = Ruler(problem, how)
    jacobians = analytic_jacobians(problem)
    shapes = [out.shape for out in problem.outputs()]
    for name, leaf, analytic in zip(problem.names, problem.leaves, jacobians, strict=True):
        if not analytic.size:
            continue
        slope = ruler.jacobian(leaf, analytic)
        if np.any(ruler.objections(slope, analytic)) and ruler.is_rougher(leaf):
            slope = ruler.jacobian(leaf, analytic)
        start = 0
        for i, shape in enumerate(shapes):
            rows = slice(start, start + math.prod(shape))
            start = rows.stop
            part = Slope(*(field[rows] for field in slope))
            where = f"output {i} (shape {list(shape)}) by {name} (shape {list(leaf.shape)})"
            block = Block(analytic[rows], part.value, ruler.tolerance(part), shape, leaf.shape)
            compare(block, part, where, report)


def analytic_jacobians(problem: Problem) -> list[Array]:
    """One backward for each output element: (all output elements, elements of the leaf) each."""
    outputs = problem.outputs()
    rows: list[list[Array]] = [[] for _ in problem.leaves]
    for out in outputs:
        seed = np.zeros(out.shape, out.dtype)
        for index in np.ndindex(out.shape):
            seed[index] = 1
            pulled = pull_back([out], [seed], problem.leaves)
            for into, g in zip(rows, pulled, strict=True):
                into.append(g)
            seed[index] = 0
    return [
        np.array(into, np.float64).reshape(len(into), leaf._data.size)
        for into, leaf in zip(rows, problem.leaves, strict=True)
    ]


def pull_back(outputs: list[Tensor], seeds: list[Array], leaves: list[Tensor]) -> list[Array]:
    """The gradients of sum(output * seed) as flat arrays; zeros where none arrives."""
    live = [(o, wrap(s)) for o, s in zip(outputs, seeds, strict=True) if o.requires_grad]
    if not live:
        return [np.zeros(leaf._data.size) for leaf in leaves]
    outs, gs = zip(*live, strict=True)
    grads = grad(outs, leaves, gs, retain_graph=True, allow_unused=True, materialize_grads=True)
    return [np.ravel(g._data) for g in grads]


def compare(block: Block, slope: Slope, where: str, report: Report) -> None:
    """Add to the report what is wrong with one block of the Jacobian."""
    analytic, value = block.analytic, slope.value
    gap = np.abs(analytic - value)
    known = np.isfinite(slope.error) & ~slope.kink
    excused = ~np.isfinite(analytic) & slope.kink.any(axis=0)  # 0 * inf, one output further
    bad = ~(gap <= block.tolerance) & known & ~excused
    report.entries += int(known.sum())
    sharp = known & ~bad & (slope.error < 1e-6 * np.abs(value))
    report.worst = max(report.worst, float(np.max((gap / np.abs(value))[sharp], initial=0.0)))
    report.kinks.extend(kink_lines(block, slope, where))
    lost = ~np.isfinite(slope.error) & ~slope.kink
    if lost.any():
        report.notes.append(f"note: {where}: {lost.sum()} derivatives could not be measured")
    if bad.any():
        seen = block._replace(numeric=np.where(known, value, analytic))
        report.failures.append(failure(seen, slope.error, bad, where))


def failure(b: Block, error: Array, bad: Array, where: str) -> str:
    """Where it is worst, by how much, how much of it is wrong, and what that looks like."""
    gap, size = np.abs(b.analytic - b.numeric), np.abs(b.numeric)
    relative = np.where(np.isfinite(gap) & (size > 0), gap / size, np.inf)
    worst = np.where(bad, np.round(np.log10(relative), 1), -np.inf)  # the first of about equal ones
    row, column = np.unravel_index(int(np.argmax(worst)), bad.shape)
    at_out, at_in = b.places(row, column)
    lines = [
        f"The gradient of {where} is wrong.",
        f"  worst at output index {at_out}, input index {at_in}:",
        f"  analytic {b.analytic[row, column]:.10g}, numerical {b.numeric[row, column]:.10g} "
        f"(± {error[row, column]:.0e}), relative error {relative[row, column]:.3g}",
        f"  {bad.sum()} of {bad.size} derivatives differ",
    ]
    if looks := diagnose(b):
        lines.append(f"  it looks like {looks}" if looks[:2] == "a " else f"  {looks}")
    return "\n".join(lines)


def kink_lines(b: Block, slope: Slope, where: str) -> Iterator[str]:
    """Say where there is no derivative, and the slopes on both sides; the first three points."""
    points = np.argwhere(slope.kink)
    for row, column in points[:3]:
        at_out, at_in = b.places(row, column)
        yield (
            f"not differentiable: {where} at output index {at_out}, input index {at_in}: slope "
            f"{slope.left[row, column]:.6g} from the left, {slope.right[row, column]:.6g} from the "
            f"right, analytic {b.analytic[row, column]:.6g}"
        )
    if len(points) > 3:
        yield f"not differentiable: {where}: {len(points)} points in all"


def check_directions(problem: Problem, how: How, report: Report) -> None:
    """Compare v·J·u for random u and v: one backward and a few calls for each."""
    rng = np.random.default_rng(0)
    ruler = Ruler(problem, how)
    for _ in range(_DIRECTIONS):
        v = signed(rng, ruler.middle.shape)
        pulled = pull_back(*seeded(problem.outputs(), v), problem.leaves)
        for name, leaf, g in zip(problem.names, problem.leaves, pulled, strict=True):
            if not leaf._data.size or not v.size:
                continue
            size = np.where(leaf._data == 0, 1, np.minimum(np.abs(leaf._data), 1))
            u = signed(rng, leaf.shape) * size / math.sqrt(leaf._data.size)
            analytic = np.array([[g @ np.ravel(u)]])
            slope = ruler.along(leaf, u, v, analytic)
            if np.any(ruler.objections(slope, analytic)) and ruler.is_rougher(leaf):
                slope = ruler.along(leaf, u, v, analytic)
            where = f"the outputs along a random direction by {name} (shape {list(leaf.shape)})"
            block = Block(analytic, slope.value, ruler.tolerance(slope), (1,), (1,))
            compare(block, slope, where, report)
            if report.failures:
                locate(problem, how, report)
                return


def signed(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Random numbers of both signs, none of them small."""
    return np.asarray(rng.uniform(0.5, 1.5, shape) * rng.choice([-1.0, 1.0], shape))


def seeded(outputs: list[Tensor], v: Array) -> tuple[list[Tensor], list[Array]]:
    """The outputs, and v cut into their shapes."""
    cuts = np.cumsum([out._data.size for out in outputs])[:-1]
    parts = zip(np.split(v, cuts), outputs, strict=True)
    return outputs, [part.reshape(out.shape).astype(out.dtype) for part, out in parts]


def locate(problem: Problem, how: How, report: Report) -> None:
    """A random direction has shown that something is wrong: say where, if that is affordable."""
    if sum(leaf._data.size for leaf in problem.leaves) * len(problem.row()) > 100_000:
        report.notes.append("note: fast=False would name the elements that differ")
        return
    slow = Report()
    check_entries(problem, how, slow)
    if slow.failures:
        report.failures[-1:] = slow.failures


def check_memory(problem: Problem, report: Report) -> None:
    """Each gradient must be memory of its own, and backward must change no input and no output."""
    leaves = list(zip(problem.names, problem.leaves, strict=True))
    held: list[tuple[str, Array]] = []
    for call in (" of an earlier backward", ""):
        outputs = [out for out in problem.outputs() if out.requires_grad]
        inputs = [(f"argument {i}", a) for i, a in enumerate(problem.args) if isinstance(a, Tensor)]
        named = [*inputs, *leaves, *((f"output {i}", out) for i, out in enumerate(outputs))]
        others = [(name, tensor._data) for name, tensor in named]
        before = [array.copy() for _, array in others]
        if outputs:
            backward(outputs, [wrap(np.ones(out.shape, out.dtype)) for out in outputs])
        for (name, array), old in zip(others, before, strict=True):
            if not np.array_equal(array, old, equal_nan=True):
                report.failures.append(f"backward overwrites {name}")
        for name, leaf in leaves:
            if leaf.grad is None:
                continue
            for other, array in (*held, *others):
                if np.shares_memory(leaf.grad._data, array):
                    report.failures.append(f"the gradient of {name} shares memory with {other}")
            held.append((f"the gradient of {name}{call}", leaf.grad._data))
            leaf.grad = None


def check_float32(func: Callable[..., Any], inputs: Any, how: How, report: Report) -> None:
    """In float32 everything must stay float32; only if asked, or if the inputs are float32."""
    given = [a for a in as_tuple(inputs) if isinstance(a, Tensor) and a.requires_grad]
    if not how.dtypes and not any(a.dtype == np.float32 for a in given):
        return
    problem = Problem(func, inputs, np.float32 if how.dtypes else None)
    outputs = [out for out in problem.outputs() if out.requires_grad]
    watch = _Upcasts()
    with _Switch(watch=watch):
        backward(outputs, [wrap(np.ones(out.shape, out.dtype)) for out in outputs])
    report.failures.extend(
        f"float64 upcast: {name} turns a float32 gradient into float64"
        for name in sorted(watch.found)
    )
    if how.dtypes:
        report.failures.extend(
            f"float64 upcast: output {i} is {out.dtype} for float32 inputs"
            for i, out in enumerate(outputs)
            if out.dtype != np.float32
        )


class _Upcasts:
    """Names the calls whose rules turn float32 into float64."""

    def __init__(self) -> None:
        self.found: set[str] = set()

    def called(self, node: Any) -> None:
        """Nothing to see."""

    def gave(self, node: Any, gradient: Any, incoming: Any) -> None:
        """Compare what came out with what came in."""
        if gradient is not None and incoming.dtype == np.float32 and gradient.dtype == np.float64:
            self.found.add(node.name())
