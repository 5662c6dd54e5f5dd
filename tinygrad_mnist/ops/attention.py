"""Attention: each query's mixture of the values, weighted by how well it fits their keys."""

from __future__ import annotations

import math

import numpy as np

from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.ops import activation, index, matmul, reduce, shape, table

__all__ = ["scaled_dot_product_attention"]


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(query key^T scale + mask) value; Vaswani et al., 2017.

    query (..., l, e), key (..., s, e), value (..., s, v) give (..., l, v). `scale` is 1 / sqrt(e)
    unless given. A bool mask says who may be seen; a float mask is added. `is_causal`: query i sees
    keys up to i. A query that may see nobody gives zeros. `dropout_p` applies always: pass 0 in
    evaluation.
    """
    mixed, _ = attend(
        query, key, value, attn_mask, dropout_p, scale, is_causal=is_causal, enable_gqa=enable_gqa
    )
    return mixed


def _of_whom_is_seen(scores: Tensor) -> Tensor:
    """softmax of the scores; zeros where a query sees nobody, with gradients of zero."""
    nobody = table.eq(table.amax(scores, axis=(scores.ndim - 1,), keepdims=True), -math.inf)
    weights = reduce.softmax(table.where(nobody, 0.0, scores), -1)
    return table.where(nobody, 0.0, weights)


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    dropout_p: float = 0.0,
    scale: float | None = None,
    *,
    is_causal: bool = False,
    enable_gqa: bool = False,
) -> tuple[Tensor, Tensor]:
    """The mixtures, and the weights (..., l, s) that made them."""
    if enable_gqa:
        times = query.shape[-3] // key.shape[-3]
        key, value = (index.repeat_interleave(x, times, -3) for x in (key, value))
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = matmul.matmul(query * scale, shape.transpose(key, -1, -2))
    if is_causal:
        if mask is not None:
            raise RuntimeError(
                "scaled_dot_product_attention: attn_mask must be None with is_causal"
            )
        seen = np.tri(*scores.shape[-2:], dtype=np.bool_)
        scores = table.where(seen, scores, -math.inf)
    elif mask is not None:
        allowed = mask.dtype.kind == "b"
        scores = table.where(mask, scores, -math.inf) if allowed else scores + mask
    if mask is None:
        weights = reduce.softmax(scores, -1)
    else:
        weights = _of_whom_is_seen(scores)
    if dropout_p:
        weights = activation.dropout(weights, dropout_p)
    return matmul.matmul(weights, value), weights
