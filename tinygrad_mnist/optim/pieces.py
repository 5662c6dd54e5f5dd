"""Parts of updates: settings as numbers, scratch memory, and the shared formulas."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from tinygrad_mnist.autograd.tensor import unwrap
from tinygrad_mnist.kernels.axpby import combine, prepared

Array = np.ndarray[Any, Any]
Group = dict[str, Any]
State = dict[str, Any]
Runs = list[tuple[slice, bool]]  # parts of a buffer, and whether they are of large parameters
RUNS = "_runs"  # the key of these in the state of a buffer
LARGE = 1 << 13  # elements from which on a call of the BLAS takes less than some of NumPy's


def number(value: Any) -> float:
    """Return a setting or a counter as a Python float, also when it is a Tensor of one element."""
    if type(value) is float:
        return value
    value = unwrap(value)
    return float(value.item() if isinstance(value, np.ndarray) else value)


class Calls(NamedTuple):
    """How an `update` does the same with all its calls prepared, most of which are calls of C.

    `prepare(group, p, g, state)` returns these for the very buffers and the present settings, where
    `are_enough(group)`.
    """

    prepare: Callable[[Group, Array, Array, State], list[Callable[[], object]]]
    are_enough: Callable[[Group], bool]
    is_one_pass: bool  # over the parameters, where the BLAS makes it; and the state stays as it is


# By the function itself: one that overrides or wraps it does something else.
CALLS: dict[Callable[..., None], Calls] = {}


def calls_to_add(
    y: Array, x: Array, a: float, state: State, b: float = 1.0, out: Array | None = None
) -> list[partial[Any]]:
    """Return calls that do what `add_scaled` does, for buffers that stay."""
    calls: list[partial[Any]] = []
    for at, large in state[RUNS]:
        y_part, x_part = y[at], x[at]
        call = prepared(y_part, x_part, a, b) if large else None
        if call is None:
            scaled = np.empty_like(y_part) if out is None else out[at]
            if b != 1:
                calls.append(partial(np.multiply, y_part, np.array(b, y.dtype), y_part))
            calls.append(partial(np.multiply, x_part, np.array(a, y.dtype), scaled))
            call = partial(np.add, y_part, scaled, y_part)
        calls.append(call)
    return calls


def setter_of_factor(calls: Sequence[partial[Any]]) -> Callable[[float], None]:
    """Return a function that gives the calls that add a x to y another a, not 0."""
    factors = [call.args[1] for call in calls if call.func is not np.add]

    def set_factor(a: float) -> None:
        for factor in factors:
            if isinstance(factor, np.ndarray):
                factor[...] = a
            else:
                factor.value = a

    return set_factor


@functools.lru_cache(maxsize=64)
def factor(value: float, char: str) -> Array:
    """Return a number as a 0-d array of this dtype, which a ufunc takes in half the time.

    Not for 0.0: it is the same key as -0.0.
    """
    array = np.array(value, char)
    array.flags.writeable = False
    return array


def counter() -> Array:
    """Return a step count of zero: 0-d and float32, as in PyTorch."""
    return np.zeros((), np.float32)


def tick(state: State) -> float:
    """Count one more step, and return the count."""
    count = state["step"]
    count[...] = t = count.item() + 1.0
    return float(t)


def next_count(state: State) -> float:
    """Return the count that `tick` will store: for factors whose computation may raise an error.

    Computed before anything is written, they leave state and parameter as they were.
    """
    return float(state["step"].item() + 1.0)


def buffer_of(state: State, key: str, like: Array) -> Array:
    """Return a buffer as large as `like`, stored in the state so that steps allocate nothing.

    Where `p.data` has been replaced, the one that was stored may be of another shape or dtype.
    """
    buffer = state.get(key)
    if buffer is None or buffer.shape != like.shape or buffer.dtype != like.dtype:
        buffer = state[key] = np.empty_like(like)
    return buffer


def descent(group: Group, p: Array, g: Array, state: State) -> Array:
    """Return the gradient to descend: g + weight_decay p, with -g for g to maximize.

    With `decoupled_weight_decay`, p itself shrinks by lr weight_decay p instead.
    """
    decay, maximize = group.get("weight_decay", 0.0), group["maximize"]
    if not decay and not maximize:
        return g
    decay = number(decay)
    if decay and group.get("decoupled_weight_decay", False):
        np.multiply(p, 1 - number(group["lr"]) * decay, out=p)
        decay = 0.0
    if not decay and not maximize:
        return g
    out = buffer_of(state, "_g", p)
    if not decay:
        return np.negative(g, out=out)
    np.multiply(p, decay, out=out)
    return np.subtract(out, g, out=out) if maximize else np.add(out, g, out=out)


def add_scaled(
    y: Array, x: Array, a: float, state: State, b: float = 1.0, out: Array | None = None
) -> None:
    """Set y = a x + b y, in place. `out` is scratch memory, if the caller has some, and may be x.

    Large parameters take one call of the BLAS, which rounds otherwise than NumPy's calls. So in a
    buffer of many parameters, `state` says where the large ones are.
    """
    if RUNS not in state:
        if y.size < LARGE or not combine(y, x, a, b):
            _add_by_numpy(y, x, a, b, buffer_of(state, "_s", y) if out is None else out)
        return
    for at, large in state[RUNS]:
        y_part, x_part = y[at], x[at]
        if not large or not combine(y_part, x_part, a, b):
            _add_by_numpy(y_part, x_part, a, b, buffer_of(state, "_s", y)[at])


def _add_by_numpy(y: Array, x: Array, a: float, b: float, out: Array) -> None:
    char = y.dtype.char
    if b != 1:
        np.multiply(y, factor(b, char) if b else b, y)
    np.add(y, x if a == 1 else np.multiply(x, factor(a, char) if a else a, out), y)


def takes_blas(p: Array) -> bool:
    """Tell whether a call of the BLAS pays for a parameter, or an array as large."""
    return p.size >= LARGE


def runs_in(buffer: Array, params: Sequence[Array]) -> Runs:
    """Return the parts of a 1-d buffer with large and with small parameters in it."""
    first, size = buffer.__array_interface__["data"][0], buffer.itemsize
    starts = sorted((p.__array_interface__["data"][0], takes_blas(p)) for p in params if p.size)
    runs: list[list[Any]] = []
    for address, large in starts:
        if not runs or runs[-1][1] is not large:
            runs.append([(address - first) // size if runs else 0, large])
    ends = [*(start for start, _ in runs[1:]), len(buffer)]
    return [(slice(start, end), large) for (start, large), end in zip(runs, ends, strict=False)]


def runs_within(runs: Runs, at: slice) -> Runs:
    """Return the parts of one block of a buffer."""
    cut = [(max(run.start, at.start), min(run.stop, at.stop), large) for run, large in runs]
    first = at.start
    return [(slice(i - first, j - first), large) for i, j, large in cut if i < j]


def update_mean(mean: Array, x: Array, decay: float, state: State, out: Array) -> None:
    """Set mean = decay mean + (1 - decay) x, in place; `out` is scratch memory, and may be x."""
    add_scaled(mean, x, 1 - decay, state, decay, out)
