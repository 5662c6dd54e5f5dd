"""Program: a bound tape, ready to run on new inputs; its lines read as a loop written by hand.

`replay()` runs the list of NumPy calls that `bind.py` made. Up to the first step that changes
something outside, an error leaves the call to the function itself; from there on, an error leaves
each gradient as it was when the failing entry began.
"""

from __future__ import annotations

import operator
import sys
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from tinygrad_mnist.autograd import writes
from tinygrad_mnist.autograd.floats import USUAL, hush, restore, state
from tinygrad_mnist.autograd.graph import Leaf
from tinygrad_mnist.autograd.tensor import BufferedGrad, Tensor
from tinygrad_mnist.jit.bind import Binding
from tinygrad_mnist.jit.effects import EffectStep
from tinygrad_mnist.jit.memory import buffered_grad
from tinygrad_mnist.jit.respell import respell, unwrapped
from tinygrad_mnist.jit.unroll import under_errstate
from tinygrad_mnist.kernels.scratch import aligned_bytes, shaped

Array = np.ndarray[Any, Any]
Step = Callable[[], object]


class Unfinished(Exception):
    """A replay met an error before it had changed anything; the error is the cause."""


class Program:
    """A captured function, ready to run on new inputs."""

    def __init__(self, binding: Binding) -> None:
        """Raise RuntimeError where two parameters got one gradient, or one is an argument."""
        tape = binding.tape
        self.pool, self.whole, self.steps = binding.pool, binding.whole, binding.steps
        self.feeds, self.grad_feeds = binding.feeds, binding.grad_feeds
        self.write_backs, self.generators = binding.write_backs, binding.generators
        grads = {leaf: g for leaf, g in tape.grads.items() if g is not None}
        if len({id(g._data) for g in grads.values()}) < len(grads):
            raise RuntimeError("a jitted function gives one gradient to two parameters")
        added = {leaf: g for leaf, g in grads.items() if id(g._data) in binding.grads_fed}
        self.grads = [
            (leaf, binding.gradient(g)) for leaf, g in tape.grads.items() if leaf not in added
        ]
        sums = [(leaf, binding.at(g._data)) for leaf, g in added.items()]
        self._added = [
            (leaf, total, buffered_grad(shaped(aligned_bytes(total.nbytes), total)))
            for leaf, total in sums
        ]
        # When, of which leaf, and the gradient that it gets then; None for a sum
        self._changes = [
            (
                at,
                leaf,
                None
                if g is not None and id(g._data) in binding.grads_fed
                else (binding.gradient(g),),
            )
            for at, leaf, g in tape.changes
        ]
        self._cut(binding)
        self._summary = summary_of(binding)

    def _cut(self, binding: Binding) -> None:
        """Respell the steps, in parts during which every leaf's `.grad` stays the same."""
        constants = list(binding.tape.constants.values())
        starts = [start for _, start in binding.starts]
        numbers = [number for number, _ in binding.starts]
        first = binding.outward[0] if binding.outward else len(self.steps)
        self._run = respell(self.steps[:first], constants)
        self._hushed = unwrapped(self._run)
        self._rest: list[Step] = []
        self._numbers: list[int] = []  # for each of the rest, the entry that it is a part of
        ends = {*binding.outward, len(self.steps)}
        for at, _, _ in self._changes:
            entry = bisect_left(numbers, at)
            ends |= {starts[entry]} if entry < len(starts) else set()
        for start, end in pairwise(sorted(end for end in ends if end >= first)):
            part = respell(self.steps[start:end], constants)
            self._rest += part
            self._numbers += [numbers[bisect_right(starts, start) - 1]] * len(part)
        self._numbers.append(sys.maxsize)  # an interrupt may come when all of them are over

    def replay(self, arrays: Sequence[Array]) -> None:
        """Run the list on new inputs; gradients and outputs stand in the program's buffers.

        Raises Unfinished for an error before anything outside was changed; else the error itself,
        with the gradients that there were then.
        """
        for i, buffer in self.feeds:
            buffer[...] = arrays[i]
        for leaf, buffer in self.grad_feeds:
            np.copyto(buffer, leaf.grad._data)
        for i, back in self.write_backs:
            back.argument = arrays[i]
        before = [leaf.grad for leaf, _, _ in self._added] if self._added else ()
        usual = state() is USUAL
        try:
            if usual:
                hush()
            try:
                deque(map(operator.call, self._hushed if usual else self._run), 0)
            except Exception as error:
                raise Unfinished from error
            except BaseException:
                self._drop_gradients()
                raise
            if self._rest:
                self._change(before)
        finally:
            if usual:
                restore()
        for leaf, grad in self.grads:
            leaf.grad = grad
        if self._added:
            for (leaf, buffer, own), grad in zip(self._added, before, strict=True):
                self._add(leaf, buffer, own, grad)

    # For `replay.py`, which writes the steps out

    @property
    def is_plain(self) -> bool:
        """Tell whether a replay takes arguments, runs the steps, and leaves gradients, no more."""
        return not (self.grad_feeds or self.write_backs or self.generators or self._added)

    def silent_steps(self) -> list[Step]:
        """Return the steps before the first change outside, for silenced floating-point errors."""
        return self._hushed

    def changing_steps(self) -> list[tuple[Step, int]]:
        """Return the other steps, each with the number of the tape's entry that it is a part of."""
        return list(zip(self._rest, self._numbers, strict=False))

    def failed(self, entry: int, error: BaseException) -> None:
        """Leave the gradients that there are when an error ends `entry`; -1 is before any change.

        Raises Unfinished where the function itself is to raise the error.
        """
        if entry >= 0:
            self._leave_gradients(entry, ())
        elif isinstance(error, Exception):
            raise Unfinished from error
        else:
            self._drop_gradients()

    def _drop_gradients(self) -> None:
        """Take from the leaves the gradients that an interrupt left half written."""
        for leaf, grad in self.grads:
            if leaf.grad is grad:
                leaf.grad = None

    def _change(self, before: Sequence[Tensor | None]) -> None:
        """Run the steps from the first one on that changes something outside."""
        number = 0
        try:
            for step in self._rest:
                step()
                number += 1
        except BaseException:
            self._leave_gradients(self._numbers[number], before)
            raise

    def _leave_gradients(self, number: int, before: Sequence[Tensor | None]) -> None:
        """Give each leaf the gradient that it has when entry `number` begins."""
        sums = {leaf: (total, own, grad) for (leaf, total, own), grad
                in zip(self._added, before, strict=True)}  # fmt: skip
        for leaf, (_, _, grad) in sums.items():
            leaf.grad = grad
        for at, leaf, new_one in self._changes:
            if at > number:
                return
            if new_one is not None:
                (leaf.grad,) = new_one
            elif leaf in sums:
                self._add(leaf, *sums[leaf])

    def _add(self, leaf: Leaf, total: Array, own: BufferedGrad, before: Tensor | None) -> None:
        """Put a sum in the place of the gradient that it began with, which others may hold."""
        if before is None or type(before) is BufferedGrad:
            np.copyto(own._data, total)
            leaf.grad = own
        else:
            np.copyto(before._data, total)
            writes.stamp(before._data)
            leaf.grad = before

    def fits(self, arrays: Sequence[Array]) -> bool:
        """Tell whether the gradients that the program starts from are there, laid out as they were.

        Each must lie in memory of its own: not that of another gradient, nor of an argument.
        """
        others = list(arrays)
        for leaf, buffer in self.grad_feeds:
            g = leaf.grad
            if g is None or g._node is not None or g._data.strides != buffer.strides:
                return False
            if g._data.dtype != buffer.dtype or g._data.shape != buffer.shape:
                return False
            if any(np.may_share_memory(g._data, other) for other in others):
                return False
            others.append(g._data)
        return True

    def effects(self) -> list[EffectStep]:
        """Return the optimizers' steps, and others that change an object outside."""
        return [step for step in self.steps if isinstance(step, EffectStep)]

    def summary(self) -> str:
        """Count calls, steps, and bytes of memory."""
        return self._summary

    def lines(self) -> list[str]:
        """Return the program, one NumPy call per line."""
        return lines_of(self.steps)


def summary_of(binding: Binding) -> str:
    """Count the calls, steps and bytes of what was bound."""
    pool = binding.pool
    return (
        f"{binding.size} calls, {len(binding.steps)} steps, "
        f"{pool.allocated:,} bytes of buffers "
        f"({pool.requested - pool.allocated:,} saved by reuse), "
        f"called whole: {', '.join(binding.whole) or 'nothing'}"
    )


def lines_of(steps: Iterable[Step]) -> list[str]:
    """Return steps as lines of Python."""
    names: dict[tuple[int, Any, Any], str] = {}
    return [line(step, names) for step in steps]


def line(step: Any, names: dict[tuple[int, Any, Any], str]) -> str:
    """Return one step as a line of Python; an array's shape stands where it first appears."""
    if not isinstance(step, partial):
        return f"{getattr(step, '__qualname__', step)}()"
    function = step.func
    if function is under_errstate:
        return line(step.args[1], names)
    owner = getattr(function, "__self__", None)
    title = (
        f"{owner.__name__}.{function.__name__}"
        if isinstance(owner, np.ufunc)
        else function.__name__
    )
    prefix = "np." if isinstance(function, np.ufunc) or isinstance(owner, np.ufunc) or (
        getattr(np, function.__name__, None) is function
    ) else ""  # fmt: skip
    words = [word(a, names) for a in step.args]
    words += [f"{k}={word(v, names)}" for k, v in step.keywords.items()]
    return f"{prefix}{title}({', '.join(words)})"


def word(value: Any, names: dict[tuple[int, Any, Any], str]) -> str:
    """Return a short name for an argument."""
    if isinstance(value, np.ndarray):
        if value.ndim == 0 and not value.flags.writeable:
            return repr(value.item())
        key = (value.__array_interface__["data"][0], value.shape, value.strides)
        if key not in names:
            names[key] = f"a{len(names)}"
            return f"{names[key]}:{value.dtype}{list(value.shape)}"
        return names[key]
    if isinstance(value, tuple):
        return f"({', '.join(word(v, names) for v in value)})"
    return getattr(value, "__name__", None) or repr(value)
