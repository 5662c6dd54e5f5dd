"""L-BFGS: Newton's direction from the last few changes of the gradient, with a line search."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tinygrad_mnist.autograd import writes
from tinygrad_mnist.autograd.modes import current, enable_grad
from tinygrad_mnist.autograd.tensor import unwrap
from tinygrad_mnist.optim.optimizer import Closure, Optimizer
from tinygrad_mnist.optim.pieces import Array, Group, State, number
from tinygrad_mnist.threads import one_thread_each


class Point(NamedTuple):
    """A point on the line x + t d: the loss there, its gradient, and its slope along the line."""

    t: float
    loss: float
    gradient: Array
    slope: float


class LBFGS(Optimizer):
    """Step along -Hg, with H an inverse Hessian estimated from the last `history_size` steps.

    One call of `step(closure)` takes up to `max_iter` such steps and calls `closure`, which must
    clear the gradients, compute the loss, call backward and return the loss, up to `max_eval` times
    (default 1.25 max_iter). A step has length lr or, with `line_search_fn="strong_wolfe"`, the
    length from a line search for the strong Wolfe conditions. The call ends early when no
    gradient exceeds `tolerance_grad`, or loss and parameters change by less than
    `tolerance_change`. Nocedal and Wright, Numerical Optimization, algorithms 7.4, 3.5 and 3.6;
    PyTorch's arguments.

    Raises ValueError for more than one parameter group or an unknown line search.

    >>> import tinygrad_mnist as tg
    >>> w = tg.tensor([3.0, -1.0], requires_grad=True)
    >>> optimizer = LBFGS([w], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = ((w - 1) ** 2).sum()
    ...     loss.backward()
    ...     return loss
    >>> optimizer.step(closure).item()  # the loss before the step
    8.0
    >>> w.detach()
    tensor([1., 1.])
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        if line_search_fn not in (None, "strong_wolfe"):
            raise ValueError(f"line_search_fn is None or 'strong_wolfe', not {line_search_fn!r}")
        defaults = {
            "lr": lr, "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change,
            "history_size": history_size, "line_search_fn": line_search_fn,
        }  # fmt: skip
        super().__init__(params, defaults)

    def add_param_group(self, param_group: Group) -> None:
        """Add the parameter group; there may be only one."""
        super().add_param_group(param_group)
        if len(self.param_groups) > 1:
            self.param_groups.pop()
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    def init_state(self, group: Group, p: Array) -> State:
        """Make the counts and the history of all parameters, stored with the first one."""
        return {
            "func_evals": 0,
            "n_iter": 0,
            "old_dirs": [],
            "old_stps": [],
            "ro": [],
            "H_diag": 1.0,
        }

    def import_state(self, group: Group, p: Array, saved: State) -> State:
        """Return saved state with arrays as ndarrays and numbers as floats."""
        return {key: _bare(value, p.dtype) for key, value in saved.items() if key != "al"}

    def step(self, closure: Closure | None = None) -> Any:
        """Take up to `max_iter` steps; return the first loss from `closure`."""
        if closure is None:
            raise TypeError(
                "LBFGS.step() needs a closure that clears the gradients, computes the loss, calls "
                "backward and returns the loss"
            )
        if current().tape is not None:
            raise RuntimeError(
                "LBFGS calls the closure a number of times that depends on the loss, so its step "
                "cannot be part of a compiled function; compile the closure instead"
            )
        group = self.param_groups[0]
        state = self.state_of(group, group["params"][0])
        first = self._evaluate(closure, state)
        loss, g = number(first), self._gradient()
        left, tolerance = group["max_eval"] - 1, group["tolerance_change"]
        for iteration in range(group["max_iter"]):
            if _largest(g) <= group["tolerance_grad"]:
                break
            with one_thread_each():  # another would spin on behind each product
                d = self._direction(state, g, group["history_size"])
                t, slope = number(group["lr"]), float(g @ d)
            if state["n_iter"] == 1:
                t *= min(1.0, 1.0 / float(np.abs(g).sum()))
            state.update(d=d, t=t, prev_flat_grad=g, prev_loss=loss)
            if slope > -tolerance:
                break
            before, calls = loss, state["func_evals"]
            if group["line_search_fn"]:
                start = Point(0.0, loss, g, slope)
                t, loss, g, _ = self._search(closure, state, start, t, d, left)
                self._move(t, d)
                state["t"] = t
            else:
                self._move(t, d)
                if iteration + 1 < group["max_iter"]:
                    loss, g = number(self._evaluate(closure, state)), self._gradient()
            left -= state["func_evals"] - calls
            if left <= 0 or t * _largest(d) <= tolerance or abs(loss - before) < tolerance:
                break
        return first

    def _direction(self, state: State, g: Array, history_size: int) -> Array:
        """Return -Hg by the two loops of algorithm 7.4; the last step enters the history first."""
        state["n_iter"] += 1
        changes, steps, ro = state["old_dirs"], state["old_stps"], state["ro"]
        if state["n_iter"] > 1:
            y, s = g - state["prev_flat_grad"], state["d"] * state["t"]
            ys = float(y @ s)
            if ys > 1e-10:
                for history, new in ((changes, y), (steps, s), (ro, 1.0 / ys)):
                    if len(history) == history_size:
                        history.pop(0)
                    history.append(new)
                state["H_diag"] = ys / float(y @ y)
        q, alphas, work = -g, [], np.empty_like(g)
        for y, s, r in zip(reversed(changes), reversed(steps), reversed(ro), strict=True):
            alphas.append(r * float(s @ q))
            q -= np.multiply(y, alphas[-1], out=work)
        q *= state["H_diag"]
        for y, s, r, alpha in zip(changes, steps, ro, reversed(alphas), strict=True):
            q += np.multiply(s, alpha - r * float(y @ q), out=work)
        return q

    def _search(
        self, closure: Closure, state: State, start: Point, t: float, d: Array, left: int
    ) -> Point:
        group = self.param_groups[0]
        starts = [p._data.copy() for p in group["params"]]

        def at(t: float) -> Point:
            self._move(t, d)
            loss, g = number(self._evaluate(closure, state)), self._gradient()
            for p, values in zip(group["params"], starts, strict=True):
                np.copyto(p._data, values)
                writes.stamp(p._data)
            with one_thread_each():
                return Point(t, loss, g, float(g @ d))

        narrow = group["tolerance_change"] / _largest(d)
        return strong_wolfe(at, start, t, left, narrow)

    def _evaluate(self, closure: Closure, state: State) -> Any:
        state["func_evals"] += 1
        with enable_grad():
            return closure()

    def _gradient(self) -> Array:
        """Return all gradients in one vector, with zeros for missing ones."""
        params = self.param_groups[0]["params"]
        grads = [np.zeros_like(p._data) if p.grad is None else p.grad._data for p in params]
        return np.concatenate([g.ravel() for g in grads])

    def _move(self, t: float, d: Array) -> None:
        """Add t d to the parameters."""
        start = 0
        for p in self.param_groups[0]["params"]:
            p._data += t * d[start : start + p._data.size].reshape(p.shape)
            writes.stamp(p._data)
            start += p._data.size


def strong_wolfe(
    at: Callable[[float], Point],
    start: Point,
    t: float,
    max_steps: int,
    narrow: float,
    c1: float = 1e-4,
    c2: float = 0.9,
) -> Point:
    """Return a point on the line where the loss is well below the start and the slope nearly flat.

    `at(t)` evaluates the line; `start` is t = 0, with a negative slope. Sufficient decrease:
    loss <= start + c1 t slope; curvature: |slope| <= -c2 start slope. After `max_steps` more,
    or once the bracket is narrower than `narrow`, the result is the best point so far.
    """

    def too_high(point: Point) -> bool:
        return point.loss > start.loss + c1 * point.t * start.slope

    def flat(point: Point) -> bool:
        return abs(point.slope) <= -c2 * start.slope

    # Advance until a minimum is bracketed
    before, now, steps = start, at(t), 0
    while steps < max_steps:
        if too_high(now) or (steps > 1 and now.loss >= before.loss):
            break
        if flat(now):
            return now
        if now.slope >= 0:
            break
        t = _cubic_minimum(before, now, now.t + 0.01 * (now.t - before.t), now.t * 10)
        before, now, steps = now, at(t), steps + 1
    bracket = [before if steps < max_steps else start, now]

    # Narrow the bracket
    low = int(bracket[0].loss > bracket[1].loss)
    stuck = False
    while steps < max_steps:
        left, right = sorted(point.t for point in bracket)
        if right - left < narrow:
            break
        t = _cubic_minimum(bracket[0], bracket[1], left, right)
        margin = 0.1 * (right - left)
        near = min(right - t, t - left) < margin
        if near and (stuck or t >= right or t <= left):
            t = right - margin if abs(t - right) < abs(t - left) else left + margin
            near = False
        stuck = near
        now, steps = at(t), steps + 1
        if too_high(now) or now.loss >= bracket[low].loss:
            bracket[1 - low] = now
            low = int(bracket[0].loss > bracket[1].loss)
            continue
        if now.slope * (bracket[1 - low].t - bracket[low].t) >= 0 and not flat(now):
            bracket[1 - low] = bracket[low]
        bracket[low] = now
        if flat(now):
            break
    return bracket[low]


def _cubic_minimum(a: Point, b: Point, low: float, high: float) -> float:
    """Return the minimum between low and high of the cubic through both losses and slopes."""
    if a.t > b.t:
        a, b = b, a
    if a.t == b.t:
        return a.t
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = d1 * d1 - a.slope * b.slope
    if square < 0:
        return (low + high) / 2
    d2 = math.sqrt(square)
    curvature = b.slope - a.slope + 2 * d2
    if not curvature:
        return (low + high) / 2
    return min(max(b.t - (b.t - a.t) * (b.slope + d2 - d1) / curvature, low), high)


def _largest(x: Array) -> float:
    return float(np.abs(x).max(initial=0.0))


def _bare(value: Any, dtype: Any) -> Any:
    if isinstance(value, list):
        return [_bare(item, dtype) for item in value]
    if not hasattr(value, "shape"):
        return value
    array = np.asarray(unwrap(value))
    return array.astype(dtype) if array.ndim else array.item()
