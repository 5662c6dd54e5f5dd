"""Multi-head attention."""

from __future__ import annotations

from typing import Any

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.autograd.op import DTypeError, ShapeError
from tinygrad_mnist.nn import functional as F
from tinygrad_mnist.nn import init
from tinygrad_mnist.nn.layers.linear import NonDynamicallyQuantizableLinear
from tinygrad_mnist.nn.module import Module
from tinygrad_mnist.nn.parameter import Parameter, unset
from tinygrad_mnist.ops import shape

__all__ = ["MultiheadAttention"]


class MultiheadAttention(Module):
    """Attention in several heads, each with its own projection; Vaswani et al., 2017.

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
        together = self._qkv_same_embed_dim = self.kdim == self.vdim == embed_dim
        self.head_dim = embed_dim // num_heads

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
        self.out_proj = NonDynamicallyQuantizableLinear(
            embed_dim, embed_dim, bias=bias, device=device, dtype=dtype
        )
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
        self._check(query, key, value)
        self._check_masks(query, key, attn_mask, key_padding_mask)
        flipped = self.batch_first and query.ndim == 3
        if flipped:
            query, key, value = (shape.transpose(x, 0, 1) for x in (query, key, value))
        out, weights = F.multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            self.training,
            key_padding_mask,
            need_weights,
            attn_mask,
            self.in_proj_weight is None,
            self.q_proj_weight,
            self.k_proj_weight,
            self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        return shape.transpose(out, 0, 1) if flipped else out, weights

    def _check(self, query: Tensor, key: Tensor, value: Tensor) -> None:
        """Raise ShapeError for inputs of other ranks, features or lengths."""
        if query.ndim not in (2, 3) or not query.ndim == key.ndim == value.ndim:
            raise ShapeError(
                "query, key and value should all be 3-D (batched) or 2-D (unbatched), not "
                f"{query.ndim}-D, {key.ndim}-D and {value.ndim}-D"
            )
        for x, name, size in (
            (query, "query", self.embed_dim), (key, "key", self.kdim), (value, "value", self.vdim)
        ):  # fmt: skip
            if x.shape[-1] != size:
                raise ShapeError(
                    f"was expecting embedding dimension of {size} for the {name}, but got "
                    f"{x.shape[-1]}"
                )
        if key.shape[:-1] != value.shape[:-1]:
            raise ShapeError(
                f"key's sequence and batch dims {key.shape[:-1]} do not match value's "
                f"{value.shape[:-1]}"
            )

    def _check_masks(self, query: Tensor, key: Tensor, attn: Any, padding: Any) -> None:
        """Raise an error for masks that are neither bool nor float, or of other shapes."""
        at = 1 if self.batch_first and query.ndim == 3 else 0
        n = query.shape[1 - at] if query.ndim == 3 else 1
        queries, keys = query.shape[at], key.shape[at]
        for mask, name in ((attn, "attn_mask"), (padding, "key_padding_mask")):
            if mask is not None and mask.dtype.kind not in "bf":
                raise DTypeError(
                    f"only bool and floating types of {name} are supported, not {mask.dtype}"
                )
        fits = ((queries, keys), (n * self.num_heads, queries, keys))
        if attn is not None and attn.shape not in fits:
            raise ShapeError(f"attn_mask has shape {attn.shape}, it should be one of {fits}")
        size = (n, keys) if query.ndim == 3 else (keys,)
        if padding is not None and padding.shape != size:
            raise ShapeError(f"key_padding_mask has shape {padding.shape}, it should be {size}")
