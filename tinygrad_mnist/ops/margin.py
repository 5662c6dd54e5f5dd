"""Losses that compare the scores of several classes, and triplets by any distance."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.op import DTypeError, ShapeError
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.ops import index, table
from tinygrad_mnist.ops.arguments import in_float32
from tinygrad_mnist.ops.linear import linear
from tinygrad_mnist.ops.loss import cross_entropy, hinge, legacy, pairwise_distance, reduced
from tinygrad_mnist.ops.refused import refuse

__all__ = [
    "linear_cross_entropy", "multi_margin_loss", "multilabel_margin_loss",
    "multilabel_soft_margin_loss", "triplet_margin_with_distance_loss",
]  # fmt: skip


@in_float32
def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean over classes i other than t of weight[t] max(0, margin - x[t] + x[i])^p.

    input (n, classes) or (classes,), target (n,) or a number; p is 1 or 2.
    """
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    rows = input if input.ndim == 2 else table.reshape(input, shape=(1, -1))
    classes = table.reshape(target, shape=(-1,))
    if input.ndim > 2 or classes.shape != rows.shape[:1]:
        raise ShapeError(
            f"multi_margin_loss: inconsistent target size, expected {rows.shape[0]} but got "
            f"{list(target.shape)}"
        )
    if target.dtype.kind not in "iu":
        raise DTypeError(f"multi_margin_loss: class targets must be integers, not {target.dtype}")
    if weight is not None and weight.shape != rows.shape[1:]:
        raise ShapeError(f"inconsistent weight size, expected {rows.shape[1]} but got {weight}")
    at = table.reshape(classes, shape=(-1, 1))
    far = hinge(margin - table.gather(rows, at, axis=1) + rows)
    if p == 2:
        far = far * far
    if weight is not None:
        far = far * table.reshape(table.take(weight, classes), shape=(-1, 1))
    own = table.eq(np.arange(rows.shape[1]), at)
    losses = table.mean(table.where(own, 0.0, far), axis=(1,))
    losses = (
        losses if input.ndim == 2 and target.ndim else table.reshape(losses, shape=target.shape)
    )
    return reduced(losses, legacy(reduction, size_average, reduce))


@in_float32
def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The sum of max(0, 1 - x[t] + x[i]) / classes, over labels t and other classes i.

    input and target are (n, classes) or (classes,); a row of target lists classes up to a -1.
    """
    if input.shape != target.shape or input.ndim > 2:
        raise ShapeError(
            f"multilabel_margin_loss: inconsistent target size {list(target.shape)} for input of "
            f"size {list(input.shape)}"
        )
    n = input.shape[-1] if input.ndim else 1
    rows, labels = (table.reshape(v, shape=(-1, n)) for v in (input, target))
    ended = table.cumsum(table.cast(table.lt(labels, 0), dtype="int64"), axis=1)
    listed = table.eq(ended, 0)
    at = table.cast(table.where(listed, labels, 0), dtype="int64")
    hot = table.eq(table.reshape(at, shape=(-1, n, 1)), np.arange(n))
    hot = hot & table.reshape(listed, shape=(-1, n, 1))
    is_label = table.any(hot, axis=(1,))
    own = table.reshape(table.gather(rows, at, axis=1), shape=(-1, n, 1))
    far = hinge(1.0 - own + table.reshape(rows, shape=(-1, 1, n)))
    counts = table.reshape(listed, shape=(-1, n, 1)) & ~table.reshape(is_label, shape=(-1, 1, n))
    losses = table.sum(table.where(counts, far, 0.0), axis=(1, 2)) / n
    losses = table.reshape(losses, shape=input.shape[:-1])
    return reduced(losses, legacy(reduction, size_average, reduce))


@in_float32
def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean over classes of -(t log sigmoid(x) + (1 - t) log sigmoid(-x)), times `weight`."""
    losses = target * table.softplus(-input) + (1 - target) * table.softplus(input)
    if weight is not None:
        losses = losses * weight
    losses = table.mean(losses, axis=(input.ndim - 1,)) if input.ndim else losses
    return reduced(losses, legacy(reduction, size_average, reduce))


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: Any = None,
) -> Tensor:
    """cross_entropy(linear(input, linear_weight), target); a weight may be (classes, ..., in)."""
    classes, *rest, size = linear_weight.shape
    flat = table.reshape(linear_weight, shape=(classes * math.prod(rest), size))
    bias = linear_bias if linear_bias is None else table.reshape(linear_bias, shape=(-1,))
    if rest and bias is not None and bias.shape[0] == classes:
        bias = index.repeat_interleave(bias, math.prod(rest))
    logits = linear(input, flat, bias)
    logits = table.reshape(logits, shape=(*input.shape[:-1], classes, *rest))
    return cross_entropy(
        logits,
        target,
        weight,
        ignore_index=-100 if ignore_index is None else ignore_index,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """`triplet_margin_loss` with a distance of your own: max(0, d(a, p) - d(a, n) + margin)."""
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    distance: Any = pairwise_distance if distance_function is None else distance_function
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = table.minimum(far, distance(positive, negative))
    return reduced(hinge(near - far + margin), reduction)


refuse(globals())
