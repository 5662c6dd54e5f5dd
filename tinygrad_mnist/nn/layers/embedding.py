"""Embedding: a trained row for each index, or for each bag of indices."""

from __future__ import annotations

from typing import Any

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.autograd.op import ShapeError
from tinygrad_mnist.nn import functional as F
from tinygrad_mnist.nn import init
from tinygrad_mnist.nn.module import Module
from tinygrad_mnist.nn.parameter import Parameter, unset

__all__ = ["Embedding", "EmbeddingBag"]


class Embedding(Module):
    """Rows of weight (num_embeddings, embedding_dim) at the indices of the input; `F.embedding`.

    Row `padding_idx` starts at zero and gets no gradient.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        padding_idx = _row_from_front(padding_idx, num_embeddings)
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx, self.max_norm, self.norm_type = padding_idx, max_norm, norm_type
        self.scale_grad_by_freq, self.sparse = scale_grad_by_freq, sparse
        self.weight = _rows(_weight, (num_embeddings, embedding_dim), dtype, device)
        self.weight.requires_grad_(not _freeze)
        if _weight is None:
            self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all rows anew, and set row `padding_idx` to zero."""
        _draw(self.weight, self.padding_idx)

    @classmethod
    def from_pretrained(cls, embeddings: Tensor, freeze: bool = True, **settings: Any) -> Embedding:
        """Return an Embedding on the memory of these rows, not trained unless freeze=False."""
        return cls(*_size(embeddings), _weight=embeddings, _freeze=freeze, **settings)

    def forward(self, input: Tensor) -> Tensor:
        limits = (self.padding_idx, self.max_norm, self.norm_type, self.scale_grad_by_freq)
        return F.embedding(input, self.weight, *limits)

    def extra_repr(self) -> str:
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        defaults = {"padding_idx": None, "max_norm": None, "norm_type": 2}
        for name, default in (defaults | {"scale_grad_by_freq": False}).items():
            value = getattr(self, name)
            text += "" if value == default else f", {name}={value}"
        return f"{text}, sparse=True" if self.sparse else text


class EmbeddingBag(Module):
    """The "sum", "mean" or "max" (`mode`) of the embeddings of each bag; see `F.embedding_bag`.

    Called with input (n, length), one bag per row, or with input (length,) and `offsets` (n,),
    the starts of the bags; and perhaps with `per_sample_weights`.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx, self.max_norm = _row_from_front(padding_idx, num_embeddings), max_norm
        self.norm_type, self.scale_grad_by_freq = norm_type, scale_grad_by_freq
        self.mode, self.sparse, self.include_last_offset = mode, sparse, include_last_offset
        self.weight = _rows(_weight, (num_embeddings, embedding_dim), dtype, device)
        if _weight is None:
            self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all rows anew, and set row `padding_idx` to zero."""
        _draw(self.weight, self.padding_idx)

    @classmethod
    def from_pretrained(
        cls, embeddings: Tensor, freeze: bool = True, **settings: Any
    ) -> EmbeddingBag:
        """Return an EmbeddingBag on the memory of these rows, not trained unless freeze=False."""
        bag = cls(*_size(embeddings), _weight=embeddings, **settings)
        bag.weight.requires_grad_(not freeze)
        return bag

    def forward(
        self,
        input: Tensor,
        offsets: Tensor | None = None,
        per_sample_weights: Tensor | None = None,
    ) -> Tensor:
        limits = (self.max_norm, self.norm_type, self.scale_grad_by_freq, self.mode, self.sparse)
        bags = (per_sample_weights, self.include_last_offset, self.padding_idx)
        return F.embedding_bag(input, self.weight, offsets, *limits, *bags)

    def extra_repr(self) -> str:
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        defaults = {"max_norm": None, "norm_type": 2, "scale_grad_by_freq": False, "mode": ""}
        for name, default in (defaults | {"padding_idx": None}).items():
            value = getattr(self, name)
            text += "" if value == default else f", {name}={value!r}"
        return text


def _row_from_front(padding_idx: int | None, count: int) -> int | None:
    """Return `padding_idx` counted from the front; ValueError beyond `count` rows."""
    if padding_idx is not None and not -count <= padding_idx < count:
        raise ValueError(f"padding_idx must be within num_embeddings ({count}), not {padding_idx}")
    return padding_idx if padding_idx is None else padding_idx % count


def _draw(weight: Parameter, padding_idx: int | None) -> None:
    init.normal_(weight)
    if padding_idx is not None:
        init.zeros_(weight.data[padding_idx])


def _size(embeddings: Tensor) -> tuple[int, int]:
    if embeddings.ndim != 2:
        raise ShapeError(
            f"Embeddings parameter is expected to be 2-dimensional, not {embeddings.ndim}"
        )
    count, size = embeddings.shape
    return count, size


def _rows(rows: Tensor | None, size: tuple[int, int], dtype: Any, device: Any) -> Parameter:
    """Return the weight: `rows`, or a new one where that is None."""
    if rows is None:
        return unset(size, dtype, device)
    if rows.shape != size:
        raise ShapeError(f"the weight has shape {rows.shape}, {size} is needed")
    return Parameter(rows)
