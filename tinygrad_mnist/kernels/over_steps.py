"""Products of recurrent layers over several steps at once, on a second thread where that pays.

The inputs' part of the gates is computed ahead of the steps; what backward takes of the gates, and
the weights' gradients, behind them. The blocks of steps follow from shapes alone. Where they are
many, each product has one thread of the BLAS, so the bits do not depend on the threads. Two threads
of Python hinder each other at each call of NumPy, so the second one makes a few long calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np

from tinygrad_mnist.kernels.parallel import second_thread
from tinygrad_mnist.kernels.scratch import scratch
from tinygrad_mnist.kernels.sums import columns as sums_of_columns

Array = np.ndarray[Any, Any]
Gates = tuple[tuple[int, float], ...]  # each gate's number in a weight, and a factor
SMALL = 10**6  # multiplications in a product for which BLAS packs nothing and wakes no thread
NARROW = 16  # columns: in fewer, that product takes longer
ENOUGH = 1 << 24  # multiplications for a second thread
AHEAD, GATES = 160, 1 << 19  # the rows of the first block forward, the most elements of any
BEHIND, SUMS = 512, 1 << 22  # the least rows of a block backward, the most elements of all sums
BLOCKS = 8  # backward, at most


def step_numbers(steps: slice, *, reverse: bool) -> range:
    """Return the numbers of some steps; the last one comes first if `reverse`."""
    forwards = range(steps.start, steps.stop)
    return forwards[::-1] if reverse else forwards


def cut_steps(steps: slice, lengths: Iterator[int], *, reverse: bool) -> list[slice]:
    """Cut some steps into parts of these lengths; the last steps come first if `reverse`."""
    parts, done, count = [], 0, steps.stop - steps.start
    while done < count:
        before, done = done, min(done + next(lengths), count)
        ends = (count - done, count - before) if reverse else (before, done)
        parts.append(slice(steps.start + ends[0], steps.start + ends[1]))
    return parts


def _is_shared(multiplications: int, columns: int, n: int) -> bool:
    """Tell whether products for all steps are worth a second thread, beside steps of n rows.

    Where the steps' own products are large, all threads of the BLAS had better share those.
    """
    return multiplications >= ENOUGH and n * columns * NARROW <= SMALL


@contextmanager
def projected(
    x: Array, w: Array, b: Array | None, gates: Gates, out: Array,
    finish: Callable[[Array], None] | None, results: Array, *, reverse: bool, behind: Array,
) -> Iterator[Iterator[int]]:  # fmt: skip
    """Write w x + b of all steps into `out`, (steps, gates, n, size), ahead of whoever iterates.

    Gives the numbers of the steps in their order, each when its part of `out` is there, and calls
    `finish` with the steps' part of `results` when some are done. Scratch memory up to the end of
    `behind` is left alone.
    """
    count, _, n, size = out.shape
    is_shared = _is_shared(count * n * w.size, size, n)
    blocks = cut_steps(slice(0, count), _growing(n, len(w), count, is_shared), reverse=reverse)
    columns = gates_in_pieces(w, gates, n, behind=behind)
    bias, rows = scratch(
        ((len(gates), 1, size), w.dtype),
        ((0,) if x.strides[2] == x.itemsize else x.shape, x.dtype),
        behind=columns,
    )
    if b is not None:
        _rows_by_gate(b, gates, bias[:, 0])
    if rows.size:  # NumPy leaves to BLAS only rows without gaps
        rows[...] = x
        x = rows
    products = as_pieces(out, columns.shape[1])

    def project(block: slice) -> None:
        np.matmul(x[block, None, None], columns, out=products[block])
        if b is not None:
            np.add(out[block], bias, out=out[block])

    with second_thread(is_shared) as line:

        def steps() -> Iterator[int]:
            ends = [line.add(partial(project, block)) for block in blocks[1:]]
            project(blocks[0])
            for number, block in enumerate(blocks):
                if number:
                    line.wait(ends[number - 1])
                yield from step_numbers(block, reverse=reverse)
                if finish is not None:
                    line.add(partial(finish, results[block]))

        yield steps()


def _growing(n: int, width: int, count: int, is_shared: bool) -> Iterator[int]:
    """Yield lengths of blocks: the first one is soon there, and the later ones are few.

    Steps take a little longer than their inputs' part, so each block may be longer than the last.
    """
    most = max(1, GATES // max(1, n * width))
    length = min(most, -(-AHEAD // max(1, n))) if is_shared else most
    while count > 0:
        length = count if count <= min(most, 3 * length // 2) else length
        yield length
        count, length = count - length, min(most, -(-5 * length // 4))


class Sums(NamedTuple):
    """The gradients of the weights and of the bias: sums over all steps."""

    w: Array
    u: Array
    b: Array


@contextmanager
def summed(
    d: Array, of_x: Array, of_h: Array, x: Array, y: Array, h: Array, sums: Sums, *,
    reverse: bool, behind: Array,
) -> Iterator[Iterator[slice]]:  # fmt: skip
    """Sum the products of `of_x` with x and of `of_h` with the states before, and `d`, over steps.

    Gives blocks of steps, the last ones first unless `reverse`, and adds up behind whoever
    iterates: when the next block is asked for, the gradients at the steps of the block before are
    there. `of_x` and `of_h` are columns of `d`. y are the states after the steps, h the first one.
    Scratch memory up to the end of `behind` is left alone.
    """
    count, n, width = d.shape
    elements = sums.w.size + sums.u.size
    is_shared = _is_shared(count * n * elements, width, n)
    blocks = _blocks_behind(count, n, elements, is_shared, reverse=not reverse)
    of_w, of_u = scratch(*(((len(blocks), *out.shape), d.dtype) for out in sums[:2]), behind=behind)

    def multiply(number: int) -> None:
        block = blocks[number]
        before = _states_before(y, h, block, reverse=reverse)
        for of, right, out in (of_x, x[block], of_w), (of_h, before, of_u):
            left = of[block].reshape(-1, of.shape[2])
            np.matmul(left.T, right.reshape(len(left), out.shape[2]), out=out[number])

    with second_thread(is_shared) as line:

        def steps() -> Iterator[slice]:
            for number, block in enumerate(blocks):
                yield block
                if number < len(blocks) - 1:
                    line.add(partial(multiply, number))

        yield steps()
        multiply(len(blocks) - 1)
        for parts, out in (of_w, sums.w), (of_u, sums.u):
            line.add(partial(np.add.reduce, parts, 0, out=out))
        sums.b[...] = sums_of_columns(d.reshape(-1, width))


def _blocks_behind(
    count: int, n: int, elements: int, is_shared: bool, *, reverse: bool
) -> list[slice]:
    """Cut all steps into blocks; the thread that goes from step to step multiplies the last one."""
    whole = slice(0, count)
    if not is_shared:
        return [whole]
    most = max(2, min(BLOCKS, SUMS // max(1, elements)))
    length = max(-(-BEHIND // max(1, n)), -(-count // most))
    return cut_steps(whole, repeat(length), reverse=reverse)


def _states_before(y: Array, first: Array, block: slice, *, reverse: bool) -> Array:
    """Return the states before some steps, which stand in y but for the first one."""
    start, stop = (block.start, block.stop + 1) if reverse else (block.start - 1, block.stop)
    states = y[start + 1 : stop] if reverse else y[max(start, 0) : stop - 1]
    if start >= 0 and stop <= len(y):
        return states
    both = [states, first[None]] if reverse else [first[None], states]
    return np.concatenate(both) if len(states) else first


def _rows_by_gate(w: Array, gates: Gates, out: Array) -> None:
    """Write each gate's rows of a weight or of a bias, times its factor, into `out`."""
    size = out.shape[1]
    for (number, factor), of_gate in zip(gates, out, strict=True):
        np.multiply(w[number * size : (number + 1) * size], factor, out=of_gate)


def gates_in_pieces(u: Array, gates: Gates, n: int, *, behind: Array) -> Array:
    """Return each gate of a weight, transposed and times its factor, in pieces.

    A product of n rows with a piece is small: BLAS packs nothing and wakes no thread, which may
    wait long for a core. The pieces are (gates, pieces, columns of u, width), in scratch memory
    behind the end of `behind`: what does not begin at a cache line takes longer.
    """
    size, inputs = len(u) // len(gates), u.shape[1]
    count = _pieces(n * inputs, size)
    (pieces,) = scratch(((len(gates), count, inputs, size // count), u.dtype), behind=behind)
    for (number, factor), piece in zip(gates, pieces, strict=True):
        rows = u[number * size : (number + 1) * size].reshape(count, -1, inputs)
        np.multiply(rows.swapaxes(1, 2), factor, out=piece)
    return pieces


def in_pieces(u: Array, n: int, *, behind: Array | None) -> Array:
    """Return a matrix in such pieces, (pieces, rows of u, width)."""
    count = _pieces(n * len(u), u.shape[1])
    (pieces,) = scratch(((count, len(u), u.shape[1] // count), u.dtype), behind=behind)
    pieces[...] = u.reshape(len(u), count, -1).swapaxes(0, 1)
    return pieces


def as_pieces(out: Array, count: int) -> Array:
    """Return memory for a product as that of products with so many pieces."""
    return out.reshape(*out.shape[:-1], count, out.shape[-1] // count).swapaxes(-3, -2)


def _pieces(multiplications: int, columns: int) -> int:
    """Return into how many pieces to cut columns that take so many multiplications each."""
    counts = (k for k in range(1, columns // NARROW + 1) if columns % k == 0)
    return next((k for k in counts if multiplications * (columns // k) <= SMALL), 1)
