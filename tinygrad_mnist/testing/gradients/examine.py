"""examine: the steps of a gradient check, and the report they write.

Two calls must agree; each derivative is compared with a numerical one, measured with as much care
as the comparison needs; backward must change nothing; float32 must stay float32, if the caller asks
for it. A library's other promises are checked by its adapter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_mnist.testing.gradients.diagnosis import Block, diagnose
from tinygrad_mnist.testing.gradients.error import GradcheckError
from tinygrad_mnist.testing.gradients.numeric import Slope
from tinygrad_mnist.testing.gradients.problem import Backward, Problem, Trace, tuple_of
from tinygrad_mnist.testing.gradients.ruler import How, Ruler, vague
from tinygrad_mnist.testing.libraries.adapter import Adapter, Array
from tinygrad_mnist.testing.libraries.door import Named, adapter_for

_DIRECTIONS = 2
"""How many random directions `fast` tries for each input."""


@dataclass
class Report:
    """The result of a check: failures, kinks, notes, counts; true if nothing failed."""

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
    library: str = ""
    """The library that differentiated the function."""
    left_out: tuple[str, ...] = ()
    """The checks that make no sense for that library."""

    def __bool__(self) -> bool:
        return not self.failures

    def __str__(self) -> str:
        head = (
            f"gradcheck {'passed' if self else 'FAILED'}: {self.entries} derivatives compared, "
            f"largest relative difference that passed {self.worst:.1e}, "
            f"{self.evaluations} evaluations"
        )
        lines = [head, *self.failures, *self.kinks, *self.notes]
        if self.left_out:
            lines.append(f"left out for {self.library}: {'; '.join(self.left_out)}")
        return "\n".join(lines)


def examine(
    func: Callable[..., Any] | tuple[Callable[..., Any], Callable[..., Any]],
    inputs: Any,
    how: How = How(),  # noqa: B008
    order: int = 1,
    grad_outputs: Any = None,
    library: Named = None,
) -> Report:
    """Check the derivative of the given order and report; the inputs are left alone.

    `library` is that of `gradcheck`.

    >>> import tinygrad_mnist as tg
    >>> print(examine(lambda x: x.exp(), tg.tensor([1.0], requires_grad=True)))
    gradcheck passed: 1 derivatives compared, ...
    note: float32, and checked in float64: input 0
    """
    adapter = adapter_for(func, tuple_of(inputs), library)
    report = Report(library=adapter.name, left_out=adapter.left_out)
    with adapter.session(), np.errstate(all="ignore"):
        problem = Problem(func, inputs, adapter)
        for _ in range(order - 1):
            problem = Backward(problem, grad_outputs)
        for dtype in sorted(set(problem.cast_from.values())):
            names = ", ".join(name for name, own in problem.cast_from.items() if own == dtype)
            report.notes.append(f"note: {dtype}, and checked in float64: {names}")
        if check_steady(problem, how, report):
            try:
                check_order(func, inputs, problem, how, order, report)
            except GradcheckError as error:  # a derivative of a wrong shape or number
                report.failures.append(str(error))
    if report.failures and (called := adapter.called(func)):
        report.failures[0] += f"\n  in {called}"
    report.evaluations = problem.evaluations
    return report


def check_order(
    func: Any, inputs: Any, problem: Problem, how: How, order: int, report: Report
) -> None:
    """Compare the derivatives; for the first order, check the other promises too."""
    (check_directions if how.fast else check_entries)(problem, how, report)
    if order > 1:
        return
    check_backward(problem, how, report)
    float32 = float32_problem(func, inputs, problem.library, how)
    if float32 is not None and how.dtypes:
        check_float32(float32, report)
    report.failures.extend(problem.library.own_checks(problem, float32))


# The parts of a check


def check_steady(problem: Problem, how: How, report: Report) -> bool:
    """Check that two calls give the same, and change no input: the other checks depend on it."""
    to_numpy = problem.library.to_numpy
    leaves = problem.lent(problem.copies())
    inputs = inputs_of(problem, leaves)
    before = [np.array(to_numpy(array)) for _, array in inputs]
    one, two = (
        np.concatenate([np.ravel(to_numpy(out)).copy() for out in problem.call(*leaves)])
        for _ in range(2)
    )
    if one.shape != two.shape or np.any(np.abs(one - two) > how.nondet_tol):
        report.failures.append(
            "not deterministic: two calls with the same inputs differ. Seed the random numbers "
            "inside the function, keep no state, or put the module into eval()"
        )
    for (name, array), copy in zip(inputs, before, strict=True):
        if not np.array_equal(to_numpy(array), copy, equal_nan=True):
            report.failures.append(
                f"{name} is mutated: the function writes into its argument. Copy it first"
            )
    return not report.failures


def inputs_of(problem: Problem, leaves: Sequence[Any]) -> list[tuple[str, Any]]:
    """Return the arrays that a call with these leaves gets, with their names."""
    library = problem.library
    arguments = library.flatten(problem.arguments(leaves)[1])[0]
    named = list(zip(problem.names, leaves, strict=True))
    ours = {id(leaf) for leaf in leaves}
    others = [(path, x) for path, x in arguments if library.is_array(x) and id(x) not in ours]
    return [*named, *((f"input {path[1:].replace(']', '', 1)}", x) for path, x in others)]


def check_entries(problem: Problem, how: How, report: Report) -> None:
    """Compare every derivative of every output element by every input element."""
    trace = problem.trace()
    ruler = Ruler(problem, how, trace)
    shapes = [tuple(np.shape(problem.library.to_numpy(out))) for out in trace.outputs]
    jacobians = analytic_jacobians(problem, trace)
    slopes = [measure(ruler, index, analytic) for index, analytic in enumerate(jacobians)]
    slopes = without_bends(ruler, slopes, jacobians)
    for index, (analytic, slope) in enumerate(zip(jacobians, slopes, strict=True)):
        name, leaf = problem.names[index], problem.leaves[index]
        start = 0
        for i, shape in enumerate(shapes):
            rows = slice(start, start + math.prod(shape))
            start = rows.stop
            if not analytic[rows].size:
                continue
            part = Slope(*(field[rows] for field in slope))
            where = f"output {i} (shape {list(shape)}) by {name} (shape {list(leaf.shape)})"
            block = Block(analytic[rows], part.value, ruler.tolerance(part), shape, leaf.shape)
            compare(block, part, where, report)


def measure(ruler: Ruler, index: int, analytic: Array) -> Slope:
    """Measure the slopes by one leaf; measure again if the function turns out to be rough."""
    if not analytic.size:
        return Slope(*np.zeros((5, *analytic.shape)))
    slope = ruler.jacobian(index, analytic)
    if ruler.may_be_noise(slope, analytic) and ruler.is_rougher(index):
        slope = ruler.jacobian(index, analytic)
    return slope


def without_bends(ruler: Ruler, slopes: list[Slope], jacobians: list[Array]) -> list[Slope]:
    """Return the slopes; make kinks of outputs that disagree and have no derivative at all."""
    rows = np.zeros(len(ruler.middle), bool)
    for slope, analytic in zip(slopes, jacobians, strict=True):
        rows |= differing(analytic, slope, ruler.tolerance(slope)).any(axis=1)
    if not rows.any():
        return slopes
    bent = ruler.bends(slopes, rows)[:, None]
    return [slope._replace(kink=slope.kink.astype(bool) | bent) for slope in slopes]


def analytic_jacobians(problem: Problem, trace: Trace) -> list[Array]:
    """Return a Jacobian (all output elements, elements of the leaf) by each leaf.

    Each output element takes one backward. An output is differentiated without the others, as far
    as the library can leave them out.
    """
    outputs = [problem.library.to_numpy(out) for out in trace.outputs]
    rows: list[list[Array]] = [[] for _ in problem.leaves]
    for i, out in enumerate(outputs):
        for index in np.ndindex(out.shape):
            seeds: list[Array | None] = [None] * len(outputs)
            seeds[i] = seed = np.zeros(out.shape, out.dtype)
            seed[index] = 1
            for into, g in zip(rows, problem.pulled(trace, seeds), strict=True):
                into.append(np.ravel(g))
    if not any(out.size for out in outputs):  # the shapes of the gradients are still checked
        problem.pulled(trace, [np.zeros(out.shape, out.dtype) for out in outputs])
    return [
        np.array(into, np.float64).reshape(len(into), leaf.size)
        for into, leaf in zip(rows, problem.leaves, strict=True)
    ]


def compare(block: Block, slope: Slope, where: str, report: Report) -> None:
    """Compare one block of the Jacobian, and add its faults to the report."""
    analytic, value = block.analytic, slope.value
    gap = np.abs(analytic - value)
    comparable = np.isfinite(slope.error) & ~slope.kink
    bad = differing(analytic, slope, block.tolerance)
    report.entries += int(comparable.sum())
    sharp = comparable & ~bad & (slope.error < 1e-6 * np.abs(value))
    report.worst = max(report.worst, float(np.max((gap / np.abs(value))[sharp], initial=0.0)))
    report.kinks.extend(kink_lines(block, slope, where))
    lost = ~np.isfinite(slope.error) & ~slope.kink
    if lost.any():
        report.notes.append(f"note: {where}: {lost.sum()} derivatives could not be measured")
    if bad.any():
        seen = block._replace(numeric=np.where(comparable, value, analytic))
        report.failures.append(failure(seen, slope.error, bad, where))


def differing(analytic: Array, slope: Slope, tolerance: Array) -> Array:
    """Mark the wrong derivatives; where no slope was measured, a non-finite one is excused."""
    comparable = np.isfinite(slope.error) & ~slope.kink.astype(bool)
    nowhere = vague(slope) | slope.kink.astype(bool)
    excused = ~np.isfinite(analytic) & nowhere.any(axis=0)  # 0 * inf, one output further
    return np.asarray(~(np.abs(analytic - slope.value) <= tolerance) & comparable & ~excused)


def failure(b: Block, error: Array, bad: Array, where: str) -> str:
    """Describe a wrong block: the worst element, how many are wrong, and a likely cause."""
    gap, size = np.abs(b.analytic - b.numeric), np.abs(b.numeric)
    relative = np.where(np.isfinite(gap) & (size > 0), gap / size, np.inf)
    worst = np.where(bad, np.round(np.log10(relative), 1), -np.inf)  # the first of about equal ones
    row, column = np.unravel_index(int(np.argmax(worst)), bad.shape)
    at_out, at_in = b.positions(row, column)
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
    """Yield a line for each of the first three points without a derivative, with both slopes."""
    points = np.argwhere(slope.kink)
    for row, column in points[:3]:
        at_out, at_in = b.positions(row, column)
        yield (
            f"not differentiable: {where} at output index {at_out}, input index {at_in}: slope "
            f"{slope.left[row, column]:.6g} from the left, {slope.right[row, column]:.6g} from the "
            f"right, analytic {b.analytic[row, column]:.6g}"
        )
    if len(points) > 3:
        yield f"not differentiable: {where}: {len(points)} points in all"


HALVINGS = 6  # of a direction with a kink: 64 parts at most


def check_directions(problem: Problem, how: How, report: Report) -> None:
    """Compare v·J·u for random u and v: one backward and a few calls for each.

    For a verdict, leaves whose derivatives are alike are moved together first.
    """
    rng = np.random.default_rng(0)
    trace = problem.trace()
    ruler = Ruler(problem, how, trace)
    outputs = [problem.library.to_numpy(out) for out in trace.outputs]
    for _ in range(_DIRECTIONS if len(ruler.middle) else 0):
        v = signed(rng, ruler.middle.shape)
        pulled = problem.pulled(trace, split_like(outputs, v))
        directions = {i: direction(rng, x) for i, x in enumerate(problem.leaves) if x.size}
        expected = {i: float(np.ravel(pulled[i]) @ np.ravel(u)) for i, u in directions.items()}
        together = ruler.agreeing(directions, v, expected) if how.brief else set()
        report.entries += len(together)
        for index in directions.keys() - together:
            check_direction(ruler, index, directions[index], v, pulled[index], report)
            if report.failures:
                if how.locate:
                    locate(problem, how, report)
                return


def check_direction(
    ruler: Ruler, index: int, u: Array, v: Array, g: Array, report: Report, halvings: int = HALVINGS
) -> None:
    """Compare the slope of v·outputs along u, a direction of one leaf, with what g makes it.

    A kink excuses the elements that move. So the half without it is checked by itself, and the
    other one is halved again.
    """
    name, leaf = ruler.problem.names[index], ruler.problem.leaves[index]
    analytic = np.array([[np.ravel(g) @ np.ravel(u)]], np.float64)
    slope = ruler.along(index, u, v, analytic)
    if ruler.may_be_noise(slope, analytic) and ruler.is_rougher(index):
        slope = ruler.along(index, u, v, analytic)
    moved = np.flatnonzero(u)
    if slope.kink.any() and len(moved) > 1 and halvings:
        for half in np.array_split(moved, 2):
            part = np.zeros_like(u)
            part.flat[half] = u.flat[half]
            check_direction(ruler, index, part, v, g, report, halvings - 1)
        return
    where = f"the outputs along a random direction by {name} (shape {list(leaf.shape)})"
    compare(Block(analytic, slope.value, ruler.tolerance(slope), (1,), (1,)), slope, where, report)


def direction(rng: np.random.Generator, leaf: Array) -> Array:
    """Draw a direction that moves each element by a part of its size, or of 1."""
    size = np.where(leaf == 0, 1, np.minimum(np.abs(leaf), 1))
    return np.asarray(signed(rng, leaf.shape) * size / math.sqrt(leaf.size))


def signed(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Draw random numbers of both signs, none of them small."""
    return np.asarray(rng.uniform(0.5, 1.5, shape) * rng.choice([-1.0, 1.0], shape))


def split_like(outputs: Sequence[Array], v: Array) -> list[Array]:
    """Cut v into the shapes and dtypes of the outputs."""
    parts = np.split(v, np.cumsum([out.size for out in outputs])[:-1])
    return [p.reshape(o.shape).astype(o.dtype) for p, o in zip(parts, outputs, strict=True)]


def locate(problem: Problem, how: How, report: Report) -> None:
    """Look for the wrong elements, after a random direction has failed, if it takes few calls."""
    if sum(leaf.size for leaf in problem.leaves) * len(problem.row()) > 100_000:
        report.notes.append("note: fast=False would name the elements that differ")
        return
    slow = Report()
    check_entries(problem, how, slow)
    if slow.failures:
        report.failures[-1:] = slow.failures


def check_backward(problem: Problem, how: How, report: Report) -> None:
    """Check that backward changes no input or output, and gives the same when it is repeated."""
    trace = problem.trace()
    to_numpy = problem.library.to_numpy
    named = [
        *inputs_of(problem, trace.leaves),
        *((f"output {i}", out) for i, out in enumerate(trace.outputs)),
    ]
    before = [np.array(to_numpy(array)) for _, array in named]
    seeds = [np.ones(np.shape(copy), copy.dtype) for copy in before[-len(trace.outputs) :]]
    one, two = (
        [np.array(g) for g in problem.pulled(trace, [s.copy() for s in seeds])] for _ in range(2)
    )
    for (name, array), copy in zip(named, before, strict=True):
        if not np.array_equal(to_numpy(array), copy, equal_nan=True):
            report.failures.append(f"backward overwrites {name}")
    for name, first, second in zip(problem.names, one, two, strict=True):
        if (
            not np.allclose(first, second, 1e-12, how.nondet_tol, equal_nan=True)
            and not report.failures
        ):
            report.failures.append(
                f"the gradient of {name} is not deterministic: two backward passes differ"
            )


def float32_problem(func: Any, inputs: Any, library: Adapter, how: How) -> Problem | None:
    """Make the problem in float32, if the caller asks for it or an input has that dtype."""
    if not how.dtypes:
        problem = Problem(func, inputs, library, None)
        inputs_alone = problem.leaves[problem.parameters :]
        return problem if any(leaf.dtype == np.float32 for leaf in inputs_alone) else None
    return Problem(func, inputs, library, np.float32)


def check_float32(problem: Problem, report: Report) -> None:
    """Check that outputs and gradients of float32 inputs are float32."""
    trace = problem.trace()
    outputs = [problem.library.to_numpy(out) for out in trace.outputs]
    grads = problem.pulled(trace, [np.ones(out.shape, out.dtype) for out in outputs])
    named = [
        *((f"output {i}", out) for i, out in enumerate(outputs)),
        *zip((f"the gradient of {name}" for name in problem.names), grads, strict=True),
    ]
    for name, array in named:
        if array.dtype == np.float64:
            report.failures.append(f"float64 upcast: {name} is float64 for float32 inputs")
