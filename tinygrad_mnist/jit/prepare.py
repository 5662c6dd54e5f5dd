"""prepare(): give a step of a learnt call its buffers and its NumPy calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from tinygrad_mnist.jit.answers import answer_of
from tinygrad_mnist.jit.bind import copy_results, takes_out
from tinygrad_mnist.jit.looks import is_packed, replaced
from tinygrad_mnist.jit.memory import Pool
from tinygrad_mnist.jit.op_step import Argument, OpStep, fitting
from tinygrad_mnist.jit.quick import quick
from tinygrad_mnist.jit.unroll import unroll
from tinygrad_mnist.kernels.scratch import ALIGN, Memory, array_on, block, packed_strides

Array = np.ndarray[Any, Any]


def prepare(
    step: OpStep, path: Sequence[Any], arrays: Sequence[Any], results: Sequence[Any], scratch: Pool
) -> None:
    """Prepare a step from one call: its arguments' arrays, and the arrays that came out.

    `path` holds the steps before it, `scratch` the memory that steps use one after the other.
    """
    if not step.outs and not step.view and all(map(is_packed, results)):
        step.outs = tuple(array_on(block(a.nbytes), a) for a in results)
        step.inner = array_on(memory_of(step.outs[0]), results[0])
        step.inner[...] = results[0]
        step.measure()
    inner = [
        inner_array(step, number, argument, array, path)
        for number, (argument, array) in enumerate(zip(step.arguments, arrays, strict=True))
    ]
    if any(array is MISSING for array in inner):
        return
    if step.view:
        step.inner = step.op.kernel(*inner, **step.kw)
        return
    if (
        not step.outs
        or step.op.draws
        or not step.is_constant
        or not any(isinstance(a, np.ndarray) for a in inner)
    ):
        return
    given = step.op.kernel(*inner, **step.kw)
    if not fitting(given if step.op.residual else (given,), step.outs):
        return  # of arguments that lie so, results lie in another way
    calls = numpy_calls(step, inner, scratch)
    step.lines, step.run = calls, quick(calls, ())
    step.quick = answer_of(step, path)
    if step.parent is not None:
        step.parent.look_ahead()


def another_look(array: Array) -> Array:
    """Make another array on a step's own memory, so that `array` is held by its holders alone."""
    memory = memory_of(array)
    return array if memory is None else moved_array(array, [(memory, memory)])


MISSING: Any = object()
SMALL = 1 << 12  # bytes: copying as much takes less than a call of NumPy


def inner_array(
    step: OpStep, number: int, argument: Argument, array: Any, path: Sequence[Any]
) -> Any:
    """What the prepared calls read in the place of an argument; MISSING if there is nothing."""
    if argument.shape is None:
        return argument.value
    if argument.step is not None:
        found = path[argument.step].inner
        return MISSING if found is None else found
    if argument.array is not None:
        return argument.array
    argument.strides = array.strides
    if array.nbytes > SMALL or (array.size > 1 and packed_strides(array) != array.strides):
        return MISSING
    place = array_on(block(array.nbytes), array)
    place[...] = array
    step.feeds = [feed for feed in step.feeds if feed[1] != number] + [(place, number)]
    return place


def numpy_calls(step: OpStep, inner: Sequence[Any], scratch: Pool) -> list[Callable[[], Any]]:
    """The kernel's NumPy calls, which leave the results in the step's own arrays."""
    op, kw = step.op, step.kw
    own = [array_on(memory_of(out), out) for out in step.outs]
    pool = Pool()
    opened = unroll(op.kernel, tuple(inner), kw, pool)
    if opened is None:
        if takes_out(op.kernel):
            return [partial(op.kernel, *inner, **kw, out=own[0])]
        return [partial(copy_results, tuple(own), op.kernel, tuple(inner), kw)]
    calls, outs = opened
    moves = []
    for out, mine in zip(outs, own, strict=True):
        if memory_of(out) is None or not pool.owns(out) or out.strides != mine.strides:
            return [*calls, *(partial(np.copyto, m, o) for m, o in zip(own, outs, strict=True))]
        moves.append((memory_of(out), memory_of(mine)))
    borrowed = []
    for memory in pool.free_blocks():
        place = scratch.like(np.empty(len(memory) - ALIGN, np.uint8))
        borrowed.append(place)
        moves.append((memory, memory_of(place)))
    for place in borrowed:
        scratch.release(place)
    return [replaced(call, lambda array: moved_array(array, moves)) for call in calls]


def memory_of(array: Any) -> Any:
    """The block that an array was cut from; None if it was not."""
    while isinstance(array, np.ndarray) and type(array) is not Memory:
        array = array.base
    return array if type(array) is Memory else None


def first_line(memory: Memory) -> int:
    """The address of the first cache line of a block."""
    return memory.ctypes.data + -memory.ctypes.data % ALIGN


def moved_array(array: Array, moves: Sequence[tuple[Memory, Memory]]) -> Array:
    """The same look at another block, if it is a look at one that moves."""
    memory = memory_of(array)
    for old, new in moves:
        if memory is old:
            start = array.ctypes.data - first_line(old) + first_line(new) - new.ctypes.data
            return np.ndarray(array.shape, array.dtype, new, start, array.strides)
    return array
