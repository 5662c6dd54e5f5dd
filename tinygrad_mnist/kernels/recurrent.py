"""Recurrent layers over all steps of a sequence, forward and backward.

What does not depend on the step before is computed for all steps at once: the inputs' part of the
gates in one product, and in backward all factors of the gates' gradients. Sequences are (steps,
rows, features); with `reverse` the last step comes first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

import numpy as np

from tinygrad_mnist.kernels.activation import gate
from tinygrad_mnist.kernels.scratch import called_whole, scratch

Array = np.ndarray[Any, Any]
Order = tuple[tuple[int, int], ...]
SMALL = 10**6  # multiplications in a product that BLAS computes in one go
BLOCK = 1 << 15  # elements of a factor that backward computes at a time: some fit into a cache
# The gates' numbers in the weights, and the signs of what is computed: exp(-x) for a sigmoid
LSTM_GATES: Order = (3, -1), (0, -1), (1, -1), (2, 1)
QUIETLY = np.errstate(over="ignore")  # where exp overflows in a sigmoid, 0 is right


@called_whole
@QUIETLY
def lstm(
    x: Array,
    h: Array,
    c: Array,
    w: Array,
    u: Array,
    b: Array | None = None,
    v: Array | None = None,
    *,
    reverse: bool = False,
    out: tuple[Array, Array] | None = None,
) -> tuple[Array, Array]:
    """c' = f c + i g and h' = o tanh(c'), the gates i, f, g, o from w x + b + u h + v.

    Returns h at all steps with the final c behind, (steps + 1, n, size); and the gates o, i, f, g
    at all steps with c before each step, (5, steps + 1, n, size), zeros and the final c last. Over
    one step, h may have another size than c.
    """
    _check(x, h, w, u, c, b, v)
    count, (n, size) = len(x), c.shape
    y, gates = out if out is not None else _memory(x, (count + 1, n, size), (5, count + 1, n, size))
    _project_gates(x, w, _sum(b, v), LSTM_GATES, gates[:4, :count])
    u = _by_gate(u, LSTM_GATES)
    gates[4, count - 1 if reverse else 0] = c
    product, parts = scratch(((4, n, size), x.dtype), ((2, n, size), x.dtype))
    for t in _order(count, reverse):
        all_gates, after = gates[:4, t], gates[4, t - 1 if reverse else t + 1]
        np.matmul(h, u, out=product)
        all_gates += product
        _sigmoid_of_negative(all_gates[:3])
        np.tanh(all_gates[3], out=all_gates[3])
        np.multiply(all_gates[1:3], gates[3:, t], out=parts)  # i g and f c
        np.add(parts[0], parts[1], out=after)
        np.tanh(after, out=parts[0])
        h = np.multiply(all_gates[0], parts[0], out=y[t])
    y[count], gates[:4, count] = gates[4, count], 0
    return y, gates


@called_whole
def lstm_back(
    d: Array, u: Array, gates: Array, *, reverse: bool = False, out: Array | None = None
) -> Array:
    """The gradients of the gates before sigmoid and tanh, of the first h and the first c; packed.

    `d` is the gradient of what `lstm` returns first.
    """
    _, steps, n, size = gates.shape
    count = steps - 1
    shapes = (count, n, 4 * size), (n, u.shape[1]), (n, size)
    whole, (slopes, dh, dc) = _packed(gates.dtype, out, *shapes)
    u = _pieces(u, n)
    dh[...], dc[...] = 0, d[count]
    for block in _blocks(count, n * size, reverse):
        steps = block.stop - block.start
        curve, part, of_h, bends = scratch(
            *(((steps, n, size), d.dtype), ((n, size), d.dtype), ((n, size), d.dtype)),
            ((3, steps, n, size), d.dtype),
        )
        o, i, f, g, before = gates[:, block]
        di, df, dg, do = _gates(slopes[block], 4)
        after = np.arange(block.start, block.stop) + (-1 if reverse else 1)
        gates[4].take(after, 0, curve, "wrap")
        np.tanh(curve, out=curve)
        np.subtract(1, gates[:3, block], out=bends)
        bends *= gates[:3, block]
        for bend, factor, slope in zip(bends, (curve, g, before), (do, di, df), strict=True):
            np.multiply(bend, factor, out=slope)
        np.multiply(g, g, out=bends[0])
        np.subtract(1, bends[0], out=bends[0])
        np.multiply(bends[0], i, out=dg)
        _tanh_slope(curve, o, curve)
        for t in _order(steps, not reverse):
            slope = slopes[block.start + t]
            np.add(d[block.start + t], dh if dh.shape == of_h.shape else 0, out=of_h)
            do[t] *= of_h
            np.multiply(curve[t], of_h, out=part)
            dc += part
            slope.reshape(n, 4, size)[:, :3] *= dc[:, None]
            dc *= f[t]
            _product(slope, u, out=dh)
    return whole


@called_whole
@QUIETLY
def gru(
    x: Array,
    h: Array,
    w: Array,
    u: Array,
    b: Array | None = None,
    v: Array | None = None,
    *,
    reverse: bool = False,
    out: tuple[Array, Array] | None = None,
) -> tuple[Array, Array]:
    """h' = n + z (h - n), with n = tanh(w x + b + r (u h + v)) and r, z by sigmoid.

    Returns h at all steps, (steps, n, size), and r, z, n and the product in the brackets.
    """
    _check(x, h, w, u, h, b, v)
    count, (n, size) = len(x), h.shape
    y, gates = out if out is not None else _memory(x, (count, n, size), (count, n, 4 * size))
    product, part, inputs = scratch(
        ((n, 3 * size), x.dtype), (h.shape, x.dtype), ((count, n, 3 * size), x.dtype)
    )
    _project(x, w, b, inputs)
    gates[..., : 3 * size] = inputs
    u = _pieces(u.T, n)
    for t in _order(count, reverse):
        _product(h, u, out=product)
        if v is not None:
            product += v
        both = gates[t][:, : 2 * size]
        both += product[:, : 2 * size]
        _sigmoid(both)
        r, z, new, inner = _gates(gates[t], 4)
        inner[...] = product[:, 2 * size :]
        np.multiply(r, inner, out=part)
        new += part
        np.tanh(new, out=new)
        np.subtract(h, new, out=part)
        part *= z
        h = np.add(new, part, out=y[t])
    return y, gates


@called_whole
def gru_back(
    d: Array, h: Array, u: Array, gates: Array, y: Array, *,
    reverse: bool = False, out: Array | None = None,
) -> Array:  # fmt: skip
    """The gradients of w x + b, of u h + v and of the first h; packed."""
    count, n, size = y.shape
    whole, (of_x, of_h, dh) = _packed(
        y.dtype, out, (count, n, 3 * size), (count, n, 3 * size), (n, size)
    )
    dh[...] = 0
    u = _pieces(u, n)
    for block in _blocks(count, n * size, reverse):
        steps = len(y[block])
        curve, part = scratch(((steps, n, size), d.dtype), ((n, size), d.dtype))
        r, z, new, inner = _gates(gates[block], 4)
        dr, dz, dn = _gates(of_x[block], 3)
        _states_before(y, h, block, reverse, curve)
        curve -= new
        _sigmoid_slope(z, curve, dz)
        _sigmoid_slope(r, inner, dr)
        np.subtract(1, z, out=curve)
        _tanh_slope(new, curve, dn)
        for t in _order(steps, not reverse):
            dh += d[block][t]
            of_x[block][t].reshape(n, 3, size)[:, 1:] *= dh[:, None]
            dr[t] *= dn[t]
            inward = of_h[block][t]
            inward[:, : 2 * size] = of_x[block][t][:, : 2 * size]
            np.multiply(r[t], dn[t], out=inward[:, 2 * size :])
            dh *= z[t]
            _product(inward, u, out=part)
            dh += part
    return whole


@called_whole
def rnn(
    x: Array,
    h: Array,
    w: Array,
    u: Array,
    b: Array | None = None,
    v: Array | None = None,
    *,
    relu: bool = False,
    reverse: bool = False,
    out: Array | None = None,
) -> Array:
    """h' = tanh(w x + b + u h + v), or its rectified value; at all steps, (steps, n, size)."""
    _check(x, h, w, u, h, b, v)
    y = np.empty((len(x), *h.shape), x.dtype) if out is None else out
    _project(x, w, _sum(b, v), y)
    u = _pieces(u.T, len(h))
    (product,) = scratch((h.shape, x.dtype))
    for t in _order(len(x), reverse):
        h = np.add(y[t], _product(h, u, out=product), out=y[t])
        if relu:
            np.maximum(h, 0, out=h)
        else:
            np.tanh(h, out=h)
    return y


@called_whole
def rnn_back(
    d: Array, u: Array, y: Array, *,
    relu: bool = False, reverse: bool = False, out: Array | None = None,
) -> Array:  # fmt: skip
    """The gradients of w x + b + u h + v and of the first h; packed."""
    whole, (slopes, dh) = _packed(y.dtype, out, y.shape, y.shape[1:])
    dh[...] = 0
    u = _pieces(u, len(dh))
    if not relu:
        _tanh_slope(y, 1, slopes)
    for t in _order(len(y), not reverse):
        dh += d[t]
        if relu:
            slopes[t] = gate(dh, y[t])
        else:
            slopes[t] *= dh
        _product(slopes[t], u, out=dh)
    return whole


def _check(x: Array, h: Array, w: Array, u: Array, c: Array, *biases: Array | None) -> None:
    """Refuse arguments that do not fit each other."""
    arrays = [a for a in (x, h, w, u, c, *biases) if a is not None]
    if any(a.dtype != x.dtype for a in arrays):
        kinds = ", ".join(sorted({str(a.dtype) for a in arrays}))
        raise TypeError(f"expected arguments of one dtype, but got {kinds}")
    n, size = h.shape
    if (
        x.shape[1:] != (n, w.shape[1])
        or u.shape[1] != size
        or len(c) != n
        or (c.shape != h.shape and len(x) > 1)
    ):
        raise ValueError(
            f"inputs {list(x.shape[1:])} and states {list(h.shape)}, {list(c.shape)} do not fit: "
            f"expected (n, {w.shape[1]}) and (n, {u.shape[1]})"
        )


def _memory(like: Array, *shapes: tuple[int, ...]) -> Any:
    return tuple(np.empty(shape, like.dtype) for shape in shapes)


def _packed(dtype: Any, out: Array | None, *shapes: tuple[int, ...]) -> tuple[Array, list[Array]]:
    """Memory for several arrays, one behind the other, and these arrays."""
    ends = [0, *accumulate(map(math.prod, shapes))]
    whole = np.empty(ends[-1], dtype) if out is None else out
    return whole, [
        whole[start:end].reshape(shape)
        for start, end, shape in zip(ends, ends[1:], shapes, strict=False)
    ]


def _sum(b: Array | None, v: Array | None) -> Array | None:
    return b if v is None else v if b is None else b + v


def _project(x: Array, w: Array, b: Array | None, out: Array) -> None:
    """Write w x + b of all steps into `out`."""
    rows = np.ascontiguousarray(x).reshape(-1, x.shape[-1])
    np.dot(rows, w.T, out=out.reshape(len(rows), -1))
    if b is not None:
        out += b


def _project_gates(x: Array, w: Array, b: Array | None, order: Order, out: Array) -> None:
    """Write w x + b of each gate and of all steps into `out`, (gates, steps, n, size)."""
    count, n, size = x.shape
    (rows,) = scratch(((count * n, size + (b is not None)), x.dtype))
    rows.reshape(count, n, -1)[..., :size] = x
    rows[:, size:] = 1
    for result, columns in zip(out, _by_gate(w, order, b), strict=True):
        np.dot(rows, columns, out=result.reshape(len(rows), -1))


def _by_gate(w: Array, order: Order, b: Array | None = None) -> Array:
    """Return a weight as a matrix for each gate, and the bias as their last row.

    `order` has the gates' numbers in the weight, with a sign by which to multiply.
    """
    size = w.shape[1]
    of_gates = np.empty((len(order), size + (b is not None), len(w) // len(order)), w.dtype)
    for (number, sign), columns in zip(order, of_gates, strict=True):
        some = slice(number * columns.shape[1], (number + 1) * columns.shape[1])
        np.multiply(w[some].T, sign, out=columns[:size])
        if b is not None:
            np.multiply(b[some], sign, out=columns[size])
    return of_gates


def _pieces(u: Array, rows: int) -> Array:
    """Cut a matrix into pieces with some of its columns each, for `_product` with so many rows.

    In small products BLAS packs nothing and wakes no thread, which may wait long for a core.
    """
    size, columns = u.shape
    counts = (k for k in range(1, columns // 16 + 1) if columns % k == 0)
    count = next((k for k in counts if rows * size * (columns // k) <= SMALL), 1)
    return np.ascontiguousarray(u.reshape(size, count, -1).swapaxes(0, 1))


def _product(x: Array, pieces: Array, out: Array) -> Array:
    """Write x u into `out`, with u in pieces."""
    np.matmul(x, pieces, out=out.reshape(len(x), len(pieces), -1).swapaxes(0, 1))
    return out


def _order(count: int, reverse: bool) -> range:
    return range(count - 1, -1, -1) if reverse else range(count)


def _moved(states: Array, reverse: bool) -> tuple[Array, Array]:
    """The states before each step, and those after it."""
    return (states[1:], states[:-1]) if reverse else (states[:-1], states[1:])


def _states_before(y: Array, first: Array, block: slice, reverse: bool, out: Array) -> None:
    """Write the states before the steps of a block into `out`."""
    if reverse:
        out[:-1] = y[block][1:]
        out[-1] = y[block.stop] if block.stop < len(y) else first
    else:
        out[1:] = y[block][:-1]
        out[0] = y[block.start - 1] if block.start else first


def _blocks(count: int, size: int, reverse: bool) -> Iterator[slice]:
    """Yield the steps in blocks, those first that backward meets first."""
    step = max(1, BLOCK // max(1, size))
    starts = range(0, count, step)
    for start in starts if reverse else reversed(starts):
        yield slice(start, min(count, start + step))


def _gates(x: Array, count: int) -> list[Array]:
    size = x.shape[-1] // count
    return [x[..., k * size : (k + 1) * size] for k in range(count)]


def _sigmoid(x: Array) -> None:
    """Put 1 / (1 + exp(-x)) in the place of x."""
    x *= -1  # np.negative in place, of one column of float32, leaves all but the first as they are
    np.exp(x, out=x)
    x += 1
    np.divide(1, x, out=x)


def _sigmoid_of_negative(x: Array) -> None:
    """Put 1 / (1 + exp(x)) in the place of x."""
    np.exp(x, out=x)
    x += 1
    np.divide(1, x, out=x)


def _sigmoid_slope(y: Array, factor: Array, out: Array) -> None:
    """y (1 - y) factor."""
    np.subtract(1, y, out=out)
    out *= y
    out *= factor


def _tanh_slope(y: Array, factor: Any, out: Array) -> None:
    """(1 - y^2) factor."""
    np.multiply(y, y, out=out)
    np.subtract(1, out, out=out)
    out *= factor
