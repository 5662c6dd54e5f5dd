"""prepare(): give a step its buffers and its NumPy calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from tinygrad_mnist.jit.answers import answer_of
from tinygrad_mnist.jit.bind import copy_results, out_argument, takes_out
from tinygrad_mnist.jit.memory import Pool
from tinygrad_mnist.jit.op_step import Argument, OpStep, fit_into
from tinygrad_mnist.jit.respell import respell
from tinygrad_mnist.jit.unroll import unroll
from tinygrad_mnist.jit.views import is_packed, map_arrays
from tinygrad_mnist.kernels.scratch import (
    ALIGN,
    Memory,
    array_on,
    memory_of,
    new_memory,
    packed_strides,
)

Array = np.ndarray[Any, Any]


def prepare(
    step: OpStep, path: Sequence[Any], arrays: Sequence[Any], results: Sequence[Any], scratch: Pool
) -> None:
    """Prepare a step from one call: its arguments' arrays, and the arrays that came out.

    `path` holds the steps before this one; `scratch` is memory that steps use one after the other.
    """
    if not step.outs and not step.view and all(map(is_packed, results)):
        step.outs = tuple(array_on(new_memory(a.nbytes), a) for a in results)
        fill(step.outs, results)  # kernels are tried on them
        step.inner = array_on(memory_of(step.outs[0]), results[0])
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
    result = step.op.kernel(*inner, **step.kw)
    if not fit_into(result if step.op.residual else (result,), step.outs):
        return  # with arguments in this layout, the results have another one
    calls = numpy_calls(step, inner, scratch)
    step.lines, step.run = calls, respell(calls, ())
    step.shortcut = answer_of(step, path)
    if step.parent is not None:
        step.parent.look_ahead()


def fill(outs: Sequence[Array], results: Sequence[Array]) -> None:
    """Copy results into buffers; a function of its own, which holds no reference afterwards."""
    for out, result in zip(outs, results, strict=True):
        out[...] = result


def another_view(array: Array) -> Array:
    """Make another array on a step's own memory, for readers that must not hold the first."""
    memory = memory_of(array)
    return array if memory is None else moved_array(array, [(memory, memory)])


MISSING: Any = object()
SMALL = 1 << 12  # bytes: copying this much takes less than a call of NumPy


def inner_array(
    step: OpStep, number: int, argument: Argument, array: Any, path: Sequence[Any]
) -> Any:
    """Return what the prepared calls read in place of an argument; MISSING if there is nothing."""
    if argument.shape is None:
        return argument.value
    if argument.step is not None:
        inner = path[argument.step].inner
        return MISSING if inner is None else inner
    if argument.array is not None:
        return argument.array
    argument.strides = array.strides
    if array.nbytes > SMALL or (array.size > 1 and packed_strides(array) != array.strides):
        return MISSING
    buffer = array_on(new_memory(array.nbytes), array)
    buffer[...] = array
    step.feeds = [feed for feed in step.feeds if feed[1] != number] + [(buffer, number)]
    return buffer


def numpy_calls(step: OpStep, inner: Sequence[Any], scratch: Pool) -> list[Callable[[], Any]]:
    """Return the kernel's NumPy calls, which leave the results in the step's own arrays."""
    op, kw = step.op, step.kw
    own = [array_on(memory_of(out), out) for out in step.outs]
    pool = Pool()
    opened = unroll(op.kernel, tuple(inner), kw, pool)
    if opened is None:
        if takes_out(op.kernel):
            return [partial(op.kernel, *inner, **kw, out=out_argument(op, tuple(own)))]
        return [partial(copy_results, tuple(own), op.kernel, tuple(inner), kw)]
    calls, outs = opened
    moves = []
    for out, own_out in zip(outs, own, strict=True):
        if memory_of(out) is None or not pool.owns(out) or out.strides != own_out.strides:
            return [*calls, *(partial(np.copyto, m, o) for m, o in zip(own, outs, strict=True))]
        moves.append((memory_of(out), memory_of(own_out)))
    borrowed = []
    for memory in pool.free_blocks():
        loan = scratch.like(np.empty(len(memory) - ALIGN, np.uint8))
        borrowed.append(loan)
        moves.append((memory, memory_of(loan)))
    for loan in borrowed:
        scratch.release(loan)
    return [map_arrays(call, lambda array: moved_array(array, moves)) for call in calls]


def moved_array(array: Array, moves: Sequence[tuple[Memory, Memory]]) -> Array:
    """Return the same view of another block, if the array's block moves; else the array."""
    memory = memory_of(array)
    for source, target in moves:
        if memory is source:
            start = array.ctypes.data - source.first_line + target.start
            return np.ndarray(array.shape, array.dtype, target, start, array.strides)
    return array
