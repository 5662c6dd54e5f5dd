"""Recurrent layers over all steps of a sequence, forward and backward.

What does not depend on the step before is computed for several steps at once: see `over_steps.py`.
Sequences are (steps, rows, features); with `reverse` the last step comes first. All that a step
reads and writes lies side by side in memory, (steps, gates, rows, size).
"""

from __future__ import annotations

import math
from itertools import accumulate
from typing import Any

import numpy as np

from tinygrad_mnist.kernels.activation import gate
from tinygrad_mnist.kernels.over_steps import (
    Gates,
    Sums,
    as_pieces,
    gates_in_pieces,
    in_pieces,
    projected,
    step_numbers,
    summed,
)
from tinygrad_mnist.kernels.scratch import called_whole, scratch
from tinygrad_mnist.kernels.sums import columns as sums_of_columns

Array = np.ndarray[Any, Any]
# The gates' numbers in the weights, in their order in memory, and a factor: a sigmoid of x is
# (1 + tanh(x / 2)) / 2. Near 0 that is as precise as near 1, to the last bit of 1; which does for a
# gate, by which numbers are multiplied that others of their size are added to.
LSTM_GATES: Gates = (0, 0.5), (1, 0.5), (3, 0.5), (2, 1)
GRU_GATES: Gates = (0, 0.5), (1, 0.5), (2, 1)
RNN_GATES: Gates = ((0, 1),)


@called_whole
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
    for_backward: bool = True,
    out: tuple[Array, Array] | None = None,
) -> tuple[Array, Array]:
    """c' = f c + i g and h' = o tanh(c'), the gates i, f, g, o from w x + b + u h + v.

    Returns h at all steps with the final c behind, (steps + 1, n, size); and what backward takes of
    each step, unless nothing will: `_lstm_factors`, (steps + 1, 6, n, size), with zeros and the
    final c last. Over one step, h may have another size than c.
    """
    _check(x, h, w, u, c, b, v)
    count, (n, size) = len(x), c.shape
    y, gates = out if out is not None else _memory(x, (count + 1, n, size), (count + 1, 6, n, size))
    product, parts = scratch(((4, n, size), x.dtype), ((2, n, size), x.dtype))
    gates[count] = 0
    gates[count - 1 if reverse else 0, 4] = c
    half, after = x.dtype.type(0.5), -1 if reverse else 1
    finish = _lstm_factors if for_backward else None
    if count == 1:
        total = _plus(x[0].dot(w.T) + h.dot(u.T), _sum(b, v))
        _by_gate(total, LSTM_GATES, product)
        _lstm_step(product, gates[0], gates[1, 4], parts, half, y[0])
        if finish is not None:
            finish(gates[:1])
        y[1] = gates[1, 4]
        return y, gates
    columns = gates_in_pieces(u, LSTM_GATES, n, behind=parts)
    products, add = as_pieces(product, columns.shape[1]), np.add
    args = x, w, _sum(b, v), LSTM_GATES, gates[:count, :4]
    with projected(*args, finish, gates, reverse=reverse, behind=columns) as steps:
        for t in steps:
            now = gates[t]
            np.matmul(h, columns, products)
            add(product, now[:4], product)
            h = _lstm_step(product, now, gates[t + after, 4], parts, half, y[t])
    y[count] = gates[count, 4]
    return y, gates


def _lstm_step(sums: Array, now: Array, state: Array, parts: Array, half: Any, y: Array) -> Array:
    """Write i, f, o, g and tanh(c') of a step, the new state c', and h', which is returned."""
    add, multiply, tanh, sigmoids, top = np.add, np.multiply, np.tanh, now[:3], now[5]
    tanh(sums, now[:4])
    multiply(sigmoids, half, sigmoids)
    add(sigmoids, half, sigmoids)
    multiply(now[:2], now[3:5], parts)  # i g and f c
    add(parts[0], parts[1], state)
    tanh(state, top)
    multiply(now[2], top, y)
    return y


@called_whole
def lstm_back(
    d: Array, x: Array, h: Array, w: Array, u: Array, gates: Array, y: Array, *,
    reverse: bool = False, out: Array | None = None,
) -> Array:  # fmt: skip
    """The gradients of the gates before sigmoid and tanh, of h, c, w, u and the bias; packed.

    `d` is the gradient of y, and y and `gates` are what `lstm` returns.
    """
    count, (n, size) = len(x), gates.shape[2:]
    whole, (slopes, dh, dc, *sums) = _packed(
        d.dtype, out, (count, n, 4 * size), h.shape, (n, size), w.shape, u.shape, (4 * size,)
    )
    now, of_h, part = scratch(((4, n, size), d.dtype), *2 * [((n, size), d.dtype)])
    dc[...] = d[count]
    by_gate, by_row = slopes.reshape(count, n, 4, size), now.swapaxes(0, 1)
    if count == 1:
        _lstm_step_back(d[0], gates[0], dc, now, part)
        by_gate[0] = by_row
        np.dot(slopes[0], u, out=dh)
        _sums_of_step(slopes[0], x[0], h, Sums(*sums))
        return whole
    columns = in_pieces(u, n, behind=part)
    back, first = as_pieces(dh, len(columns)), 0 if reverse else count - 1
    args = slopes, slopes, slopes, x, y[:count], h, Sums(*sums)
    with summed(*args, reverse=reverse, behind=columns) as blocks:
        for block in blocks:
            for t in step_numbers(block, reverse=not reverse):
                np.add(d[t], 0 if t == first else dh, of_h)
                _lstm_step_back(of_h, gates[t], dc, now, part)
                by_gate[t] = by_row  # at once: NumPy takes longer to multiply into rows with gaps
                np.matmul(slopes[t], columns, back)
    return whole


def _lstm_step_back(of_h: Array, factors: Array, dc: Array, now: Array, part: Array) -> None:
    """Write the gradients of i, f, g and o of a step, and turn that of c' into that of c."""
    (by_i, by_f, by_g, by_o, by_c, f), (of_i, of_f, of_g, of_o) = factors, now
    add, multiply = np.add, np.multiply
    multiply(by_o, of_h, of_o)
    multiply(by_c, of_h, part)
    add(dc, part, dc)
    multiply(by_i, dc, of_i)
    multiply(by_f, dc, of_f)
    multiply(by_g, dc, of_g)
    multiply(dc, f, dc)


def _sums_of_step(slopes: Array, x: Array, h: Array, sums: Sums) -> None:
    """Write the gradients of both weights and of the bias, of one step."""
    np.dot(slopes.T, x, out=sums.w)
    np.dot(slopes.T, h, out=sums.u)
    sums.b[...] = sums_of_columns(slopes)


def _by_gate(total: Array, gates: Gates, out: Array) -> None:
    """Write each gate's columns, times its factor, into `out`, (gates, n, size)."""
    size = out.shape[2]
    for (number, factor), of_gate in zip(gates, out, strict=True):
        np.multiply(total[:, number * size : (number + 1) * size], factor, out=of_gate)


def _plus(total: Array, b: Array | None) -> Array:
    return total if b is None else np.add(total, b, out=total)


def _lstm_factors(gates: Array) -> None:
    """Turn i, f, o, g, c before and tanh(c) after some steps into what backward takes.

    These are the factors of the gradients of i, f and g, by that of c, and of o and c, by that of
    h, in the order i, f, g, o, c; and f.
    """
    (factors,) = scratch(((len(gates), 5, *gates.shape[2:]), gates.dtype))
    _sigmoid_slopes(gates[:, :2], gates[:, 3:5], factors[:, :2])
    _sigmoid_slopes(gates[:, 2], gates[:, 5], factors[:, 3])
    _tanh_slopes(gates[:, 3::2], gates[:, 0:3:2], factors[:, 2::2])
    gates[:, 5] = gates[:, 1]
    gates[:, :5] = factors


@called_whole
def gru(
    x: Array,
    h: Array,
    w: Array,
    u: Array,
    b: Array | None = None,
    v: Array | None = None,
    *,
    reverse: bool = False,
    for_backward: bool = True,
    out: tuple[Array, Array] | None = None,
) -> tuple[Array, Array]:
    """h' = n + z (h - n), with n = tanh(w x + b + r (u h + v)) and r, z by sigmoid.

    Returns h at all steps, (steps, n, size), and what backward takes of each step, unless nothing
    will: `_gru_factors`, (steps, 5, n, size).
    """
    _check(x, h, w, u, h, b, v)
    count, (n, size) = len(x), h.shape
    y, gates = out if out is not None else _memory(x, (count, n, size), (count, 5, n, size))
    product, part = scratch(((3, n, size), x.dtype), ((n, size), x.dtype))
    half, finish = x.dtype.type(0.5), _gru_factors if for_backward else None
    if count == 1:
        _by_gate(_plus(x[0].dot(w.T), b), GRU_GATES, gates[0, :3])
        _by_gate(_plus(h.dot(u.T), v), GRU_GATES, product)
        _gru_step(product, 0, gates[0], h, part, half, y[0])
        if finish is not None:
            finish(gates)
        return y, gates
    columns = gates_in_pieces(u, GRU_GATES, n, behind=part)
    products = as_pieces(product, columns.shape[1])
    outer, inner = (v, 0) if v is None else (v.copy(), v[2 * size :])
    if outer is not None:
        outer[2 * size :] = 0
    args = x, w, _sum(b, outer), GRU_GATES, gates[:, :3]
    with projected(*args, finish, gates, reverse=reverse, behind=columns) as steps:
        for t in steps:
            np.matmul(h, columns, products)
            h = _gru_step(product, inner, gates[t], h, part, half, y[t])
    return y, gates


def _gru_step(
    product: Array, inner: Any, now: Array, h: Array, part: Array, half: Any, y: Array
) -> Array:
    """Write r, z, n, u h + v for n and h - n of a step, and h', which is returned.

    `now` holds w x + b, and `product` is u h, to which `inner` is added for n.
    """
    (r, z, new, sums, step), both, sigmoids = now, product[:2], now[:2]
    add, multiply, tanh = np.add, np.multiply, np.tanh
    add(both, sigmoids, both)
    tanh(both, sigmoids)
    multiply(sigmoids, half, sigmoids)
    add(sigmoids, half, sigmoids)
    add(product[2], inner, sums)
    multiply(r, sums, part)
    add(part, new, part)
    tanh(part, new)
    np.subtract(h, new, step)
    multiply(z, step, part)
    add(new, part, y)
    return y


@called_whole
def gru_back(
    d: Array, x: Array, h: Array, w: Array, u: Array, gates: Array, y: Array, *,
    reverse: bool = False, out: Array | None = None,
) -> Array:  # fmt: skip
    """The gradients at all steps, of h, w, u, b and v; packed.

    Those at a step are of u h + v for n, and of r, z and n before sigmoid and tanh: without the
    last one of u h + v, without the first one of w x + b. `d` is the gradient of y, and y and
    `gates` are what `gru` returns.
    """
    count, n, size = y.shape
    whole, (slopes, dh, dw, du, db, dv) = _packed(
        d.dtype, out, (count, n, 4 * size), h.shape, w.shape, u.shape, *2 * [(3 * size,)]
    )
    now, part, du_by_n, total = scratch(
        ((4, n, size), d.dtype), ((n, size), d.dtype), (u.shape, d.dtype), ((4 * size,), d.dtype)
    )
    by_gate, by_row = slopes.reshape(count, n, 4, size), now.swapaxes(0, 1)
    of_x, of_h = slopes[..., size:], slopes[..., : 3 * size]
    if count == 1:
        dh[...] = d[0]
        _gru_step_back(dh, gates[0], now)
        by_gate[0] = by_row
        dh += of_h[0, :, :size].dot(u[2 * size :])
        dh += of_h[0, :, size:].dot(u[: 2 * size])
        np.dot(of_x[0].T, x[0], out=dw)
        np.dot(of_h[0].T, h, out=du_by_n)
        total[...] = sums_of_columns(slopes[0])
    else:
        columns = in_pieces(np.concatenate((u[2 * size :], u[: 2 * size])), n, behind=total)
        back, dh[...] = as_pieces(part, len(columns)), 0
        args = slopes, of_x, of_h, x, y, h, Sums(dw, du_by_n, total)
        with summed(*args, reverse=reverse, behind=columns) as blocks:
            for block in blocks:
                for t in step_numbers(block, reverse=not reverse):
                    np.add(dh, d[t], dh)
                    _gru_step_back(dh, gates[t], now)
                    by_gate[t] = by_row
                    np.matmul(of_h[t], columns, back)
                    np.add(dh, part, dh)
    for result, by_n in (du, du_by_n), (dv, total[: 3 * size]):
        result[2 * size :], result[: 2 * size] = by_n[:size], by_n[size:]
    db[...] = total[size:]
    return whole


def _gru_step_back(dh: Array, factors: Array, now: Array) -> None:
    """Write the gradients of a step's sums, and turn that of h' into that of h, but for u h."""
    (r, by_r, by_z, by_n, z), (of_sum, of_r, of_z, of_n), multiply = factors, now, np.multiply
    multiply(by_z, dh, of_z)
    multiply(by_n, dh, of_n)
    multiply(by_r, of_n, of_r)
    multiply(r, of_n, of_sum)
    multiply(dh, z, dh)


def _gru_factors(gates: Array) -> None:
    """Turn r, z, n, u h + v for n and h - n of some steps into what backward takes.

    These are r and the factor of the gradient of r, by that of n; those of z and n, by that of h;
    and z.
    """
    (factors,) = scratch(((len(gates), 3, *gates.shape[2:]), gates.dtype))
    _sigmoid_slopes(gates[:, :2], gates[:, 3:], factors[:, :2])
    _tanh_slopes(gates[:, 2], 1 - gates[:, 1], factors[:, 2])
    gates[:, 4] = gates[:, 1]
    gates[:, 1:4] = factors


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
    if len(x) == 1:
        total = _plus(x[0].dot(w.T) + h.dot(u.T), _sum(b, v))
        np.maximum(total, 0, out=y[0]) if relu else np.tanh(total, out=y[0])
        return y
    (product,) = scratch((h.shape, x.dtype))
    (columns,) = gates_in_pieces(u, RNN_GATES, len(h), behind=product)
    products = as_pieces(product, len(columns))
    args = x, w, _sum(b, v), RNN_GATES, y[:, None], None, y
    with projected(*args, reverse=reverse, behind=columns) as steps:
        for t in steps:
            np.matmul(h, columns, out=products)
            product += y[t]
            h = np.maximum(product, 0, out=y[t]) if relu else np.tanh(product, out=y[t])
    return y


@called_whole
def rnn_back(
    d: Array, x: Array, h: Array, w: Array, u: Array, y: Array, *,
    relu: bool = False, reverse: bool = False, out: Array | None = None,
) -> Array:  # fmt: skip
    """The gradients of w x + b + u h + v, of h, w, u and the bias; packed.

    `d` is the gradient of y, and y is what `rnn` returns.
    """
    whole, (slopes, dh, *sums) = _packed(
        d.dtype, out, y.shape, h.shape, w.shape, u.shape, (h.shape[1],)
    )
    if len(x) == 1:
        if relu:
            slopes[0] = gate(d[0], y[0])
        else:
            _tanh_slopes(y[0], d[0], slopes[0])
        np.dot(slopes[0], u, out=dh)
        _sums_of_step(slopes[0], x[0], h, Sums(*sums))
        return whole
    columns = in_pieces(u, len(h), behind=None)
    back, dh[...] = as_pieces(dh, len(columns)), 0
    args = slopes, slopes, slopes, x, y, h, Sums(*sums)
    with summed(*args, reverse=reverse, behind=columns) as blocks:
        for block in blocks:
            if not relu:
                _tanh_slopes(y[block], 1, slopes[block])
            for t in step_numbers(block, reverse=not reverse):
                dh += d[t]
                if relu:
                    slopes[t] = gate(dh, y[t])
                else:
                    slopes[t] *= dh
                np.matmul(slopes[t], columns, out=back)
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


def _sigmoid_slopes(y: Array, factor: Array, out: Array) -> None:
    """y (1 - y) factor."""
    np.subtract(1, y, out=out)
    out *= y
    out *= factor


def _tanh_slopes(y: Array, factor: Any, out: Array) -> None:
    """(1 - y^2) factor."""
    np.multiply(y, y, out=out)
    np.subtract(1, out, out=out)
    out *= factor
