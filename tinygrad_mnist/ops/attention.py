"""Attention: each query's mixture of the values, weighted by how well it fits their keys."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.op import ShapeError
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.ops import activation, create, index, join, layers, matmul, reduce, shape, table
from tinygrad_mnist.ops.linear import linear

__all__ = ["multi_head_attention_forward", "scaled_dot_product_attention"]


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
    by default. A bool mask is true where a query may attend to a key; a float mask is added. With
    `is_causal`, query i attends to keys up to i. A query without a key gives zeros. `dropout_p`
    always applies: pass 0 in evaluation.
    """
    if not dropout_p and not (is_causal and attn_mask is not None):
        if enable_gqa:
            key, value = _for_each_query(query, key, value)
        mixed = mixtures(query, key, value, attn_mask, scale, is_causal=is_causal)
        if mixed is not None:
            return mixed
        enable_gqa = False
    mixed, _ = attend(
        query, key, value, attn_mask, dropout_p, scale, is_causal=is_causal, enable_gqa=enable_gqa
    )
    return mixed


def mixtures(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    scale: float | None = None,
    *,
    is_causal: bool = False,
) -> Tensor | None:
    """The mixtures alone, in one op; None where the mask has a gradient, or a dtype none for it."""
    if min(query.ndim, key.ndim, value.ndim) < 2 or query.dtype.char not in "fd":
        return None
    if mask is not None and (mask.requires_grad or mask.dtype not in (np.bool_, query.dtype)):
        return None
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    return layers.attention(query, key, value, mask, scale=float(scale), causal=is_causal)


def _for_each_query(query: Tensor, *shared: Tensor) -> list[Tensor]:
    """Keys and values for each head of the queries, where several share one."""
    times = query.shape[-3] // shared[0].shape[-3]
    return [index.repeat_interleave(x, times, -3) for x in shared]


def _softmax_or_zeros(scores: Tensor) -> Tensor:
    """The softmax of the scores; zeros, with gradients of zero, for a query without a key."""
    masked_out = table.eq(table.amax(scores, axis=(scores.ndim - 1,), keepdims=True), -math.inf)
    weights = reduce.softmax(table.where(masked_out, 0.0, scores), -1)
    return table.where(masked_out, 0.0, weights)


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
    """The mixtures of values, and their weights (..., l, s)."""
    if enable_gqa:
        key, value = _for_each_query(query, key, value)
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = matmul.matmul(query * scale, shape.transpose(key, -1, -2))
    if is_causal:
        if mask is not None:
            raise RuntimeError(
                "scaled_dot_product_attention: attn_mask must be None with is_causal"
            )
        visible = np.tri(*scores.shape[-2:], dtype=np.bool_)
        scores = table.where(visible, scores, -math.inf)
    elif mask is not None:
        allowed = mask.dtype.kind == "b"
        scores = table.where(mask, scores, -math.inf) if allowed else scores + mask
    if mask is None:
        weights = reduce.softmax(scores, -1)
    else:
        weights = _softmax_or_zeros(scores)
    if dropout_p:
        weights = activation.dropout(weights, dropout_p)
    return matmul.matmul(weights, value), weights


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Attention in several heads, each on its own projection, for `nn.MultiheadAttention`.

    query (l, n, e), key (s, n, k) and value (s, n, v), all with n or without it; Vaswani et al.,
    2017. Returns the mixtures, in the query's shape, and the weights (n, l, s), averaged over the
    heads unless `average_attn_weights=False`. `is_causal` is a hint about `attn_mask`, and changes
    nothing.
    """
    size, batched = query.shape[-1], query.ndim == 3
    if size != embed_dim_to_check or size % num_heads:
        raise ShapeError(
            f"multi_head_attention_forward: embeddings of {embed_dim_to_check} in {num_heads} heads"
            f" do not fit a query {list(query.shape)}"
        )
    if is_causal and attn_mask is None:
        raise RuntimeError("Need attn_mask if specifying the is_causal hint.")
    inputs = [
        shape.movedim(x, 0, 1) if batched else shape.unsqueeze(x, 0) for x in (query, key, value)
    ]
    weights: Any = (q_proj_weight, k_proj_weight, v_proj_weight)
    if not use_separate_proj_weight and in_proj_weight is not None:
        weights = join.chunk(in_proj_weight, 3)
    biases: Any = (None,) * 3 if in_proj_bias is None else join.chunk(in_proj_bias, 3)
    projected = (linear(*each) for each in zip(inputs, weights, biases, strict=True))
    q, k, v = projected
    k, v = (
        x if bias is None else join.cat([x, shape.broadcast_to(bias, (len(q), 1, size))], 1)
        for x, bias in ((k, bias_k), (v, bias_v))
    )
    q, k, v = (_heads(x, num_heads) for x in (q, k, v))
    k, v = (
        x if static is None else shape.reshape(static, (len(q), num_heads, *static.shape[1:]))
        for x, static in ((k, static_k), (v, static_v))
    )
    if add_zero_attn:
        zero = create.zeros((len(q), num_heads, 1, size // num_heads), dtype=q.dtype)
        k, v = join.cat([k, zero], 2), join.cat([v, zero], 2)
    mask = _scores_mask(attn_mask, key_padding_mask, q)
    if mask is not None and k.shape[2] > mask.shape[-1]:
        mask = shape.constant_pad_nd(mask, (0, k.shape[2] - mask.shape[-1]))
    dropout_p = dropout_p if training else 0.0
    alone = None if need_weights or dropout_p else mixtures(q, k, v, mask)
    mixed, weights = attend(q, k, v, mask, dropout_p) if alone is None else (alone, None)
    mixed = shape.flatten(shape.transpose(mixed, 1, 2), 2)
    out = linear(mixed, out_proj_weight, out_proj_bias)
    out = shape.movedim(out, 0, 1) if batched else shape.squeeze(out, 0)
    if not need_weights:
        return out, None
    weights = reduce.mean(weights, 1) if average_attn_weights else weights
    return out, weights if batched else shape.squeeze(weights, 0)


def _heads(x: Tensor, count: int) -> Tensor:
    """(n, length, e) to (n, heads, length, e / heads)."""
    split = shape.reshape(x, (*x.shape[:2], count, x.shape[2] // count))
    return shape.transpose(split, 1, 2)


def _scores_mask(attn: Tensor | None, padding: Tensor | None, q: Tensor) -> Any:
    """Both masks as one to add to the scores (n, heads, l, s)."""
    if padding is not None:
        padding = _added(padding, q)
        padding = shape.reshape(padding, (-1, 1, 1, padding.shape[-1]))
    if attn is not None:
        attn = _added(attn, q)
        if attn.ndim == 3:
            attn = shape.reshape(attn, (-1, q.shape[1], *attn.shape[1:]))
    if attn is None or padding is None:
        return padding if attn is None else attn
    return attn + padding


def _added(mask: Tensor, q: Tensor) -> Tensor:
    """A mask of bools as numbers to add: -inf where the mask is true."""
    if mask.dtype.kind != "b":
        return mask
    return table.where(mask, -math.inf, create.zeros((), dtype=q.dtype))
