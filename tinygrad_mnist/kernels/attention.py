"""Attention, forward and backward, without memory for the weights of all pairs.

The scores of some queries are made, used and forgotten; each query's log-sum-exp is kept, by which
backward makes its weights again. Heads (the dimension before the last two) stand side by side in
the memory of results, as the projection behind them reads them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_mnist.kernels.scratch import called_whole, scratch

Array = np.ndarray[Any, Any]
BLOCK = 1 << 17  # scores at a time


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
        y = _memory((*lead, q.shape[-2], v.shape[-1]), q.dtype)
        out = y, np.empty((*lead, q.shape[-2], 1), q.dtype)
    y, lse = out
    for some, rows, keys in _blocks(lead, q.shape[-2], k.shape[-2], causal):
        (memory,) = scratch(((_count(lead, some) * len(rows) * len(keys),), q.dtype))
        of_queries, of_keys = _index(some, rows), _index(some, keys)
        scores = _scores(q[of_queries], k[of_keys], mask, some, rows, keys, scale, causal, memory)
        top = np.maximum.reduce(scores, -1, keepdims=True, initial=-math.inf)
        top[top == -math.inf] = 0
        scores -= top
        np.exp(scores, out=scores)
        total = np.add.reduce(scores, -1, keepdims=True)
        total[total == 0] = 1
        part = np.matmul(scores, v[of_keys], out=y[of_queries])
        part /= total
        np.log(total, out=total)
        np.add(total, top, out=lse[of_queries])
    return y, lse


@called_whole
def attention_back(
    d: Array, q: Array, k: Array, v: Array, y: Array, lse: Array, mask: Array | None = None, *,
    scale: float, causal: bool = False, out: Array | None = None,
) -> Array:  # fmt: skip
    """The gradients of q, k and v, as broadcast, one behind the other in memory."""
    lead, q, k, v, mask = _broadcast(q, k, v, mask)
    shapes = [_turned((*lead, *x.shape[-2:])) for x in (q, k, v)]
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    whole = np.empty(ends[-1], q.dtype) if out is None else out
    whole[ends[0] :] = 0
    pieces = zip(np.split(whole, ends[:-1]), shapes, strict=True)
    dq, dk, dv = (_turn(piece.reshape(shape)) for piece, shape in pieces)
    for some, rows, keys in _blocks(lead, q.shape[-2], k.shape[-2], causal):
        of_queries, of_keys = _index(some, rows), _index(some, keys)
        size = _count(lead, some) * len(rows) * len(keys)
        memory, more = scratch(((size,), q.dtype), ((size,), q.dtype))
        weights = _scores(q[of_queries], k[of_keys], mask, some, rows, keys, scale, causal, memory)
        weights -= lse[of_queries]
        np.exp(weights, out=weights)
        own = d[of_queries]
        dv[of_keys] += np.matmul(weights.mT, own)
        slopes = np.matmul(own, v[of_keys].mT, out=more.reshape(weights.shape))
        slopes -= np.vecdot(own, y[of_queries])[..., None]
        slopes *= weights
        slopes *= scale
        np.matmul(slopes, k[of_keys], out=dq[of_queries])
        dk[of_keys] += np.matmul(slopes.mT, q[of_queries])
    return whole


def _broadcast(q: Array, k: Array, v: Array, mask: Array | None) -> Any:
    """The common leading dimensions, and the arrays with them."""
    if k.shape[-1] != q.shape[-1] or k.shape[-2] != v.shape[-2]:
        raise ValueError("expected query (..., l, e), key (..., s, e) and value (..., s, v)")
    if not q.dtype == k.dtype == v.dtype:
        raise TypeError("expected query, key and value of one dtype")
    pairs = q.shape[-2], k.shape[-2]
    leads = [x.shape[:-2] for x in (q, k, v)]
    lead = np.broadcast_shapes(*leads)
    if mask is not None:
        mask = np.broadcast_to(mask, (*lead, *pairs))
    q, k, v = (np.broadcast_to(x, (*lead, *x.shape[-2:])) for x in (q, k, v))
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


def _scores(
    q: Array, k: Array, mask: Array | None, some: tuple[slice, ...], rows: range, keys: range,
    scale: float, causal: bool, memory: Array,
) -> Array:  # fmt: skip
    """q k' scale + mask, in `memory`; -inf where a key is not seen."""
    scores = memory.reshape(*q.shape[:-1], len(keys))
    np.matmul(q * np.asarray(scale, q.dtype), k.mT, out=scores)
    if mask is not None:
        part = mask[(*some, np.s_[rows.start : rows.stop], np.s_[keys.start : keys.stop])]
        if part.dtype.kind == "b":
            np.copyto(scores, -math.inf, where=~part)
        else:
            scores += part
    if causal and keys.stop > rows.start + 1:
        scores += _unseen(rows, keys, q.dtype)
    return scores


def _unseen(rows: range, keys: range, dtype: Any) -> Array:
    """-inf where a key comes after the query, else 0."""
    after = np.arange(keys.start, keys.stop) > np.arange(rows.start, rows.stop)[:, None]
    return np.where(after, np.asarray(-math.inf, dtype), np.asarray(0, dtype))


def _blocks(
    lead: tuple[int, ...], queries: int, keys: int, causal: bool
) -> Iterator[tuple[tuple[slice, ...], range, range]]:
    """Yield some of the leading indices, some queries, and the keys that they may see."""
    if not (queries and math.prod(lead)):
        return
    step = min(queries, max(32, BLOCK // max(1, keys)))
    for some in _leading(lead, step * keys):
        for start in range(0, queries, step):
            rows = range(start, min(queries, start + step))
            yield some, rows, range(min(keys, rows.stop) if causal else keys)


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


def _index(some: tuple[slice, ...], rows: range) -> tuple[slice, ...]:
    return (*some, slice(rows.start, rows.stop))


def _count(lead: tuple[int, ...], some: tuple[slice, ...]) -> int:
    return math.prod(len(range(n)[part]) for n, part in zip(lead, some, strict=True))
