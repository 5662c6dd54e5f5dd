"""Multi-head attention."""

from __future__ import annotations

from typing import Any

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.nn import functional as F
from tinygrad_mnist.nn import init
from tinygrad_mnist.nn.layers.linear import Linear
from tinygrad_mnist.nn.module import Module
from tinygrad_mnist.nn.parameter import Parameter, unset
from tinygrad_mnist.ops import create, join, reduce, shape, table
from tinygrad_mnist.ops.attention import attend

__all__ = ["MultiheadAttention"]


class MultiheadAttention(Module):
    """Attention in several heads, each on its own projection; Vaswani et al., 2017.

    Called with query (l, n, embed_dim), key (s, n, kdim) and value (s, n, vdim), or with n first if
    `batch_first`, or without n. Returns the mixtures, in the query's shape, and the weights
    (n, l, s), averaged over the heads unless `average_attn_weights=False`.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if embed_dim <= 0 or num_heads <= 0 or embed_dim % num_heads:
            raise ValueError(
                f"embed_dim ({embed_dim}) must be divisible by num_heads ({num_heads})"
            )
        self.embed_dim, self.num_heads, self.dropout = embed_dim, num_heads, dropout
        self.kdim, self.vdim = kdim or embed_dim, vdim or embed_dim
        self.batch_first, self.add_zero_attn = batch_first, add_zero_attn
        together = self.kdim == self.vdim == embed_dim

        def made(*size: int) -> Parameter:
            return unset(size, dtype, device)

        names = ("q_proj_weight", "k_proj_weight", "v_proj_weight")
        sizes = (embed_dim, self.kdim, self.vdim)
        self.in_proj_weight = made(3 * embed_dim, embed_dim) if together else None
        for name, size in zip(names, sizes, strict=True):
            setattr(self, name, None if together else made(embed_dim, size))
        self.in_proj_bias = made(3 * embed_dim) if bias else None
        self.bias_k = made(1, 1, embed_dim) if add_bias_kv else None
        self.bias_v = made(1, 1, embed_dim) if add_bias_kv else None
        self.out_proj = Linear(embed_dim, embed_dim, bias=bias, device=device, dtype=dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        for name, param in self.named_parameters(recurse=False):
            if name.endswith("weight"):
                init.xavier_uniform_(param)
            elif name.startswith("bias_"):
                init.xavier_normal_(param)
            elif name == "in_proj_bias":
                init.zeros_(param)
        if self.out_proj.bias is not None:
            init.zeros_(self.out_proj.bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        batched = query.ndim == 3
        inputs = [query, key, value]
        if not batched:
            inputs = [shape.unsqueeze(x, 0) for x in inputs]
        elif not self.batch_first:
            inputs = [shape.transpose(x, 0, 1) for x in inputs]
        q, k, v = self._project(*inputs)
        mask = self._mask(attn_mask, key_padding_mask, q, batched=batched)
        for bias, at in ((self.bias_k, "k"), (self.bias_v, "v")):
            if bias is not None:
                row = shape.broadcast_to(bias, (len(q), 1, self.embed_dim))
                k, v = (join.cat([k, row], 1), v) if at == "k" else (k, join.cat([v, row], 1))
        if self.add_zero_attn:
            zero = create.zeros((len(q), 1, self.embed_dim), dtype=q.dtype)
            k, v = join.cat([k, zero], 1), join.cat([v, zero], 1)
        more = k.shape[1] - (mask.shape[-1] if mask is not None else k.shape[1])
        if more and mask is not None:
            mask = F.pad(mask, (0, more))
        q, k, v = (self._heads(x) for x in (q, k, v))
        mixed, weights = attend(q, k, v, mask, self.dropout if self.training else 0.0)
        mixed = shape.flatten(shape.transpose(mixed, 1, 2), 2)
        out = self.out_proj(mixed)
        if need_weights and average_attn_weights:
            weights = reduce.mean(weights, 1)
        if not batched:
            out, weights = shape.squeeze(out, 0), shape.squeeze(weights, 0)
        elif not self.batch_first:
            out = shape.transpose(out, 0, 1)
        return out, weights if need_weights else None

    def _project(self, query: Tensor, key: Tensor, value: Tensor) -> list[Tensor]:
        weights = [self.q_proj_weight, self.k_proj_weight, self.v_proj_weight]
        if self.in_proj_weight is not None:
            weights = list(join.chunk(self.in_proj_weight, 3))
        biases: Any = (None,) * 3
        if self.in_proj_bias is not None:
            biases = join.chunk(self.in_proj_bias, 3)
        inputs = zip((query, key, value), weights, biases, strict=True)
        return [F.linear(x, w, b) for x, w, b in inputs]

    def _heads(self, x: Tensor) -> Tensor:
        """(n, length, embed_dim) to (n, heads, length, embed_dim / heads)."""
        split = shape.reshape(x, (*x.shape[:2], self.num_heads, self.embed_dim // self.num_heads))
        return shape.transpose(split, 1, 2)

    def _mask(self, attn: Any, padding: Any, q: Tensor, *, batched: bool) -> Any:
        """Both masks as one that is added to the scores (n, heads, l, s)."""
        if padding is not None:
            padding = self._added(padding, q)
            padding = shape.reshape(padding, (-1, 1, 1, padding.shape[-1]))
        if attn is not None:
            attn = self._added(attn, q)
            if attn.ndim == 3:
                attn = shape.reshape(attn, (-1, self.num_heads, *attn.shape[1:]))
        if attn is None or padding is None:
            return padding if attn is None else attn
        return attn + padding

    def _added(self, mask: Tensor, q: Tensor) -> Any:
        if mask.dtype.kind != "b":
            return mask
        return table.where(mask, -float("inf"), create.zeros((), dtype=q.dtype))
