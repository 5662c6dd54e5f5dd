"""Attention, forward and backward, without memory for the weights of all pairs.

The scores of some queries are made, used and forgotten; each query's log-sum-exp is kept, by which
backward makes its weights again. Heads (the dimension before the last two) stand side by side in
the memory of results, as the projection behind them reads them.

A number for each row of scores is subtracted in the product that makes the scores, by one more
column of the one factor and a row of ones in the other: NumPy takes several times as long for it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from functools import lru_cache, partial
from typing import Any

import numpy as np

from tinygrad_mnist.kernels.parallel import ranges, together
from tinygrad_mnist.kernels.scratch import called_whole, scratch
from tinygrad_mnist.kernels.sums import shared_ones

Array = Any  # an ndarray; NumPy's own types say too little to help here
Part = tuple[slice, ...]
BLOCK = 1 << 17  # scores at a time
SMALL = 60.0  # scores between -SMALL and SMALL have exponentials that float32 adds up as they are
WORK = 1  # elements of `ranges` per score: for 2^18 scores, threads gained nothing


@called_whole
def attention(
    q: Array,
    k: Array,
    v: Array,
    mask: Array | None = None,
    *,
    scale: float,
    causal: bool = False,
    out: tuple[Array, Array] | None = None,
) -> tuple[Array, Array]:
    """softmax(q k' scale + mask) v, and the log-sum-exp of each query's scores.

    A mask of bools is true where a key is seen; others are added. A query without keys gives zeros.
    """
    lead, q, k, v, mask = _broadcast(q, k, v, mask)
    if out is None:
        shape = *lead, q.shape[-2], v.shape[-1]
        out = _memory(shape, q.dtype), np.empty((*shape[:-1], 1), q.dtype)
    y, lse = out

    def go_through(parts: list[Part]) -> None:
        for some in parts:
            arrays = q[some], k[some], v[some], _some(mask, some), y[some], lse[some]
            _mix(*arrays, scale=scale, causal=causal)

    together([partial(go_through, parts) for parts in _shares(lead, q, k)])
    return out


def _mix(
    q: Array, k: Array, v: Array, mask: Array | None, y: Array, lse: Array, *,
    scale: float, causal: bool,
) -> None:  # fmt: skip
    """Do `attention` for some of the leading indices."""
    lead, queries, size, count = q.shape[:-2], q.shape[-2], q.shape[-1], k.shape[-2]
    step = _step(queries, count)
    columns, memory = scratch(
        ((*lead, size, count), q.dtype), ((math.prod(lead) * step * count,), q.dtype)
    )
    columns[...] = k.mT
    q = q * np.asarray(scale, q.dtype)
    for rows, keys in _blocks(queries, count, step, causal):
        shape = (*lead, rows.stop - rows.start, keys.stop)
        scores = memory[: math.prod(shape)].reshape(shape)
        np.matmul(q[..., rows, :], columns[..., keys], out=scores)
        if mask is None and _are_small(scores):
            top = None
            np.exp(scores, out=scores)
            if causal:
                scores *= _seen(rows, keys, q.dtype)
        else:
            top = _shifted(scores, mask, rows, keys, causal=causal)
            np.exp(scores, out=scores)
        total = scores.reshape(math.prod(shape[:-1]), keys.stop)
        total = total.dot(shared_ones(keys.stop, q.dtype)).reshape(*shape[:-1], 1)
        total[total == 0] = 1
        part = np.matmul(scores, v[..., keys, :], out=y[..., rows, :])
        part /= total
        np.log(total, out=lse[..., rows, :])
        if top is not None:
            lse[..., rows, :] += top


@called_whole
def attention_back(
    d: Array, q: Array, k: Array, v: Array, y: Array, lse: Array, mask: Array | None = None, *,
    scale: float, causal: bool = False, out: Array | None = None,
) -> Array:  # fmt: skip
    """The gradients of q, k and v, as broadcast, one behind the other in memory."""
    lead, q, k, v, mask = _broadcast(q, k, v, mask)
    shapes = [_turned((*lead, *x.shape[-2:])) for x in (q, k, v)]
    ends = list(itertools.accumulate(math.prod(shape) for shape in shapes))
    whole = np.empty(ends[-1], q.dtype) if out is None else out
    starts = zip((0, *ends), ends, shapes, strict=False)
    dq, dk, dv = (_turn(whole[start:end].reshape(shape)) for start, end, shape in starts)

    def go_through(parts: list[Part]) -> None:
        for some in parts:
            saved = d[some], q[some], k[some], v[some], y[some], lse[some], _some(mask, some)
            _unmix(*saved, dq[some], dk[some], dv[some], scale=scale, causal=causal)

    together([partial(go_through, parts) for parts in _shares(lead, q, k)])
    whole[: ends[0]] *= np.asarray(scale, q.dtype)
    return whole


def _unmix(
    d: Array, q: Array, k: Array, v: Array, y: Array, lse: Array, mask: Array | None,
    dq: Array, dk: Array, dv: Array, *, scale: float, causal: bool,
) -> None:  # fmt: skip
    """Do `attention_back` for some of the leading indices, but for the scale of dq."""
    lead, queries, size = q.shape[:-2], q.shape[-2], q.shape[-1]
    count, out = v.shape[-2:]
    step = _step(queries, count)
    pairs = math.prod(lead) * step * count
    of_q, of_k, of_d, of_v, memory, more = scratch(
        *(((*lead, queries, size + 1), q.dtype), ((*lead, size + 1, count), q.dtype)),
        *(((*lead, queries, out + 1), q.dtype), ((*lead, out + 1, count), q.dtype)),
        *(((pairs,), q.dtype), ((pairs,), q.dtype)),
    )
    np.multiply(q, np.asarray(scale, q.dtype), out=of_q[..., :size])
    np.negative(lse[..., 0], out=of_q[..., size])
    of_d[..., :out] = d
    np.negative(np.vecdot(d, y), out=of_d[..., out])
    of_k[..., :size, :], of_v[..., :out, :] = k.mT, v.mT
    of_k[..., size, :] = of_v[..., out, :] = 1
    is_first = True
    for rows, keys in _blocks(queries, count, step, causal):
        shape = (*lead, rows.stop - rows.start, keys.stop)
        weights, slopes = (a[: math.prod(shape)].reshape(shape) for a in (memory, more))
        np.matmul(of_q[..., rows, :], of_k[..., keys], out=weights)
        if mask is not None:
            _hide(weights, mask[..., rows, keys])
        if causal and np.maximum.reduce(weights.reshape(-1), initial=0) > SMALL:
            np.minimum(weights, 0, out=weights)  # those of keys that are not seen
        np.exp(weights, out=weights)
        if causal:
            weights *= _seen(rows, keys, q.dtype)
        _add_product(weights.mT, d[..., rows, :], dv, is_first=is_first)
        np.matmul(of_d[..., rows, :], of_v[..., keys], out=slopes)
        slopes *= weights
        np.matmul(slopes, k[..., keys, :], out=dq[..., rows, :])
        _add_product(slopes.mT, of_q[..., rows, :size], dk, is_first=is_first)
        is_first = False
    if is_first:
        dk[...] = dv[...] = 0


def _broadcast(q: Array, k: Array, v: Array, mask: Array | None) -> Any:
    """The common leading dimensions, and the arrays with them."""
    if k.shape[-1] != q.shape[-1] or k.shape[-2] != v.shape[-2]:
        raise ValueError("expected query (..., l, e), key (..., s, e) and value (..., s, v)")
    if not q.dtype == k.dtype == v.dtype:
        raise TypeError("expected query, key and value of one dtype")
    pairs = q.shape[-2], k.shape[-2]
    lead, *others = (x.shape[:-2] for x in (q, k, v))
    if others != [lead, lead]:
        lead = np.broadcast_shapes(lead, *others)
        q, k, v = (np.broadcast_to(x, (*lead, *x.shape[-2:])) for x in (q, k, v))
    if mask is not None:
        mask = np.broadcast_to(mask, (*lead, *pairs))
    return lead, q, k, v, mask


def _turned(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape with the heads behind the steps."""
    if len(shape) < 4:
        return shape
    return (*shape[:-3], shape[-2], shape[-3], shape[-1])


def _turn(x: Array) -> Array:
    return x if x.ndim < 4 else x.swapaxes(-2, -3)


def _memory(shape: tuple[int, ...], dtype: Any) -> Array:
    return _turn(np.empty(_turned(shape), dtype))


def _add_product(a: Array, b: Array, total: Array, *, is_first: bool) -> None:
    """Add a b to the first rows of `total`, which is empty before the first product."""
    count = a.shape[-2]
    if not is_first:
        total[..., :count, :] += np.matmul(a, b)
        return
    np.matmul(a, b, out=total[..., :count, :])
    total[..., count:, :] = 0


def _some(mask: Array | None, some: Part) -> Array | None:
    return None if mask is None else mask[some]


def _are_small(scores: Array) -> bool:
    """Tell whether no exponential of a score overflows, nor is lost beside others."""
    flat = scores.reshape(-1)
    top, bottom = np.maximum.reduce(flat, initial=0), np.minimum.reduce(flat, initial=0)
    return bool(top < SMALL and bottom > -SMALL)


def _shifted(scores: Array, mask: Array | None, rows: slice, keys: slice, *, causal: bool) -> Array:
    """Hide the scores of keys that are not seen; subtract and return the largest of each query."""
    if mask is not None:
        _hide(scores, mask[..., rows, keys])
    if causal:
        np.copyto(scores, -math.inf, where=_seen(rows, keys, scores.dtype) == 0)
    top = np.maximum.reduce(scores, -1, keepdims=True, initial=-math.inf)
    top[top == -math.inf] = 0
    scores -= top
    return top


def _hide(scores: Array, mask: Array) -> None:
    """Add a mask of numbers; put -inf where a mask of bools is false."""
    if mask.dtype.kind == "b":
        np.copyto(scores, -math.inf, where=~mask)
    else:
        scores += mask


def _seen(rows: slice, keys: slice, dtype: Any) -> Array:
    """1 where a key comes no later than the query, else 0."""
    return _triangle(rows.stop - rows.start, keys.stop, rows.start, dtype)


@lru_cache(maxsize=8)
def _triangle(queries: int, keys: int, start: int, dtype: Any) -> Array:
    """Return the same read-only triangle at every call."""
    y = np.tri(queries, keys, start, dtype)
    y.setflags(write=False)
    return y


def _step(queries: int, keys: int) -> int:
    """Return how many queries to go through at a time."""
    return max(1, min(queries, max(32, BLOCK // max(1, keys))))


def _blocks(queries: int, keys: int, step: int, causal: bool) -> Iterator[tuple[slice, slice]]:
    """Yield some queries, and the keys that they may see."""
    for start in range(0, queries, step):
        rows = slice(start, min(queries, start + step))
        yield rows, slice(0, min(keys, rows.stop) if causal else keys)


def _shares(lead: tuple[int, ...], q: Array, k: Array) -> list[list[Part]]:
    """Cut the leading indices into parts, and share these out to threads."""
    pairs = q.shape[-2] * k.shape[-2]
    if not math.prod(lead):
        return [[]]
    parts = list(_leading(lead, _step(q.shape[-2], k.shape[-2]) * k.shape[-2]))
    work = WORK * math.prod(lead) * pairs
    return [parts[some] for some in ranges(len(parts), work, q, k)]


def _leading(lead: tuple[int, ...], size: int) -> Iterator[tuple[slice, ...]]:
    if not lead:
        yield ()
        return
    inner = math.prod(lead[1:]) * size
    step = max(1, BLOCK // max(1, inner))
    for start in range(0, lead[0], step):
        first = slice(start, min(lead[0], start + step))
        if inner <= BLOCK:
            yield (first, *(np.s_[:],) * (len(lead) - 1))
        else:
            yield from ((first, *rest) for rest in _leading(lead[1:], size))
