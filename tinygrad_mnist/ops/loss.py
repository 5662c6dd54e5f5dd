"""Losses: one number per element (or row), then their mean or sum, as `reduction` says."""

from __future__ import annotations

import functools
import inspect
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.modes import MODES, current
from tinygrad_mnist.autograd.op import DTypeError, ShapeError
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.ops import reduce, table
from tinygrad_mnist.ops.arguments import in_float32, public
from tinygrad_mnist.ops.join import broadcast_tensors
from tinygrad_mnist.ops.refused import refuse

__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "cosine_embedding_loss",
    "cosine_similarity", "cross_entropy", "gaussian_nll_loss", "hinge_embedding_loss",
    "huber_loss", "kl_div", "l1_loss", "margin_ranking_loss", "mse_loss", "nll_loss", "normalize",
    "pairwise_distance", "pdist", "poisson_nll_loss", "smooth_l1_loss", "soft_margin_loss",
    "softmax_cross_entropy", "triplet_margin_loss",
]  # fmt: skip


def reduced(loss: Tensor, reduction: str) -> Tensor:
    """Return the loss itself ("none"), its mean or its sum."""
    if reduction == "mean":
        return table.mean(loss)
    if reduction == "sum":
        return table.sum(loss)
    if reduction == "none":
        return loss
    raise ValueError(f"{reduction!r} is not a valid value for reduction: 'none', 'mean' or 'sum'")


def legacy(reduction: str, size_average: bool | None, reduce: bool | None) -> str:
    """The reduction that stands for PyTorch's older arguments."""
    if size_average is None and reduce is None:
        return reduction
    if reduce is False:
        return "none"
    return "sum" if size_average is False else "mean"


def loss(order: str) -> Callable[[Callable[..., Tensor]], Callable[..., Tensor]]:
    """Give an elementwise loss the arguments `reduction`, `size_average` and `reduce`.

    `order` names what follows the Tensors: PyTorch's order, for arguments by position.
    """

    def decorate(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        own = inspect.signature(function).parameters
        required = [name for name, p in own.items() if p.default is p.empty]
        names = [*required, *order.split()]
        plain = min(names.index(name) for name in ADDED if name in names)

        @in_float32
        @functools.wraps(function)
        def call(
            *args: Any,
            reduction: str = "mean",
            size_average: bool | None = None,
            reduce: bool | None = None,
            **kw: Any,
        ) -> Tensor:
            if len(args) > plain:  # PyTorch's older arguments, or what comes after them
                if len(args) > len(names):
                    raise TypeError(
                        f"{function.__name__}() takes at most {len(names)} positional arguments, "
                        f"but {len(args)} were given"
                    )
                kw.update(reduction=reduction, size_average=size_average, reduce=reduce)
                kw.update(zip(names[plain:], args[plain:], strict=False))
                return call(*args[:plain], **kw)
            return reduced(function(*args, **kw), legacy(reduction, size_average, reduce))

        parameters = {**own, **ADDED}
        by_position = [parameters[name] for name in names]
        rest = [
            p.replace(kind=p.KEYWORD_ONLY) for name, p in parameters.items() if name not in names
        ]
        call.__signature__ = inspect.Signature([*by_position, *rest], return_annotation="Tensor")  # type: ignore[attr-defined]
        return call

    return decorate


ADDED = {
    name: p.replace(default="mean" if name == "reduction" else None)
    for name, p in inspect.signature(legacy).parameters.items()
}
OLDER = "size_average reduce reduction"


def _check_sizes(input: Tensor, target: Tensor) -> None:
    if input.shape != target.shape:
        warnings.warn(
            f"Using a target size ({list(target.shape)}) that is different to the input size "
            f"({list(input.shape)}): broadcasting will likely lead to incorrect results. Make them "
            "the same size.",
            UserWarning,
            stacklevel=4,
        )


def hinge(x: Any) -> Tensor:
    """max(0, x), with a gradient at 0 too, as PyTorch's."""
    return table.clip(x, low=0.0, high=None)


def _weighted(loss: Tensor, weight: Tensor | None) -> Tensor:
    return loss if weight is None else loss * weight


@loss(f"{OLDER} weight")
def mse_loss(input: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """(x - t)^2.

    >>> import tinygrad_mnist as tg
    >>> import tinygrad_mnist.nn.functional as F
    >>> F.mse_loss(tg.tensor([1.0, 3.0]), tg.tensor([1.0, 1.0]))
    tensor(2.)
    """
    _check_sizes(input, target)
    return _weighted(table.square(input - target), weight)


@loss(f"{OLDER} weight")
def l1_loss(input: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """|x - t|."""
    _check_sizes(input, target)
    return _weighted(table.abs(input - target), weight)


@loss(f"{OLDER} beta")
def smooth_l1_loss(input: Tensor, target: Tensor, beta: float = 1.0) -> Tensor:
    """(x - t)^2 / (2 beta) where |x - t| < beta, else |x - t| - beta / 2."""
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    _check_sizes(input, target)
    if beta == 0:
        return table.abs(input - target)
    losses = table.huber(input - target, delta=beta)
    return losses if beta == 1 else losses * (1 / beta)


@loss("reduction delta weight")
def huber_loss(
    input: Tensor, target: Tensor, delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """(x - t)^2 / 2 where |x - t| <= delta, else delta (|x - t| - delta / 2)."""
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    _check_sizes(input, target)
    return _weighted(table.huber(input - target, delta=delta), weight)


@in_float32
def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """t (log t - x), with x a log-probability; "batchmean" is the sum divided by the batch size."""
    if log_target:
        losses = table.exp(target) * (target - input)
    else:
        losses = table.xlogy(target, target) - target * input
    if reduction == "batchmean":
        return table.sum(losses) / (input.shape[0] if input.ndim else 1)
    return reduced(losses, legacy(reduction, size_average, reduce))


def _same_shape(name: str, input: Tensor, target: Tensor) -> None:
    if input.shape != target.shape:
        raise ShapeError(
            f"{name}: target size {list(target.shape)} must be the same as input size "
            f"{list(input.shape)}"
        )


@loss(f"weight {OLDER}")
def binary_cross_entropy(input: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """-(t log p + (1 - t) log(1 - p)), with each logarithm at least -100, as in PyTorch.

    Raises ShapeError for a probability outside of [0, 1] and for other shapes.
    """
    _same_shape("binary_cross_entropy", input, target)
    return _weighted(table.bce_of_probability(input, target), weight)


@loss(f"weight {OLDER} pos_weight")
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    pos_weight: Tensor | None = None,
) -> Tensor:
    """-(t log p + (1 - t) log(1 - p)) with p = sigmoid(x), computed from x: stable for huge x.

    `pos_weight` multiplies the first term.
    """
    _same_shape("binary_cross_entropy_with_logits", input, target)
    if pos_weight is None:
        return _weighted(table.bce_with_logits(input, target), weight)
    extra = target * (pos_weight - 1.0) + 1.0
    return _weighted((1.0 - target) * input + extra * table.softplus(-input), weight)


def _rows(input: Tensor) -> tuple[Tensor, tuple[int, ...]]:
    """Rows of class scores (the classes are dimension 1, or the only one), and their shape."""
    shape = input.shape
    if len(shape) == 2:
        return input, shape[:1]
    if len(shape) == 1:
        return table.reshape(input, shape=(1, -1)), ()
    if not input.ndim:
        raise ShapeError("class scores have one dimension at least, the classes")
    last = table.permute(input, axes=(0, *range(2, input.ndim), 1))
    rows = last.shape[:-1]
    return table.reshape(last, shape=(math.prod(rows), input.shape[1])), rows


def _by_class(
    name: str,
    per_row: Callable[[Tensor, Tensor], Tensor],
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    reduction: str,
    spread: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """Losses of rows against class indices, with class weights, and some targets ignored.

    `spread` gives the part of each row's loss that does not depend on the target, weights
    included.
    """
    rows, shape = _rows(input)
    if target.shape != shape:
        raise ShapeError(
            f"{name}: input of shape {list(input.shape)} needs class targets of shape "
            f"{list(shape)}, not {list(target.shape)}"
        )
    classes = target if len(shape) == 1 else table.reshape(target, shape=(math.prod(shape),))
    if classes.dtype.kind not in "iu":
        raise DTypeError(f"{name}: class targets must be integers, not {target.dtype}")
    if weight is None and spread is None and not 0 <= ignore_index < rows.shape[1]:
        try:  # the hot path: the kernel refuses an ignored index, which is no class
            losses = per_row(rows, classes)
            return reduced(
                losses if len(shape) == 1 else table.reshape(losses, shape=shape), reduction
            )
        except (ShapeError, DTypeError, IndexError):
            if not (classes._data == ignore_index).any():
                raise
            if MODES and (tape := current().tape) is not None:
                tape.abandon("whether a target is to be ignored chooses how the loss is computed")
    counts = table.ne(classes, ignore_index)
    classes = table.where(counts, classes, 0)
    losses = table.where(counts, per_row(rows, classes), 0.0)
    share = table.cast(counts, dtype=rows.dtype)
    if weight is not None:
        if weight.shape != rows.shape[1:]:
            raise ShapeError(
                f"{name}: weight should be one for each of the {rows.shape[1]} classes, "
                f"not of shape {list(weight.shape)}"
            )
        share = share * table.take(weight, classes)
        losses = losses * share
    if spread is not None:
        losses = losses + table.where(counts, spread(rows), 0.0)
    if reduction == "mean":
        return table.sum(losses) / table.sum(share)
    return reduced(table.reshape(losses, shape=shape), reduction)


@in_float32
def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-input[n, target[n]] for log-probabilities (n, classes) or (n, classes, d1, ...).

    The mean divides by the sum of the targets' class weights.
    """
    reduction = legacy(reduction, size_average, reduce)

    def per_row(rows: Tensor, classes: Tensor) -> Tensor:
        picked = table.gather(rows, table.reshape(classes, shape=(-1, 1)), axis=1)
        return -table.reshape(picked, shape=classes.shape)

    return _by_class("nll_loss", per_row, input, target, weight, ignore_index, reduction)


@in_float32
def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """-log(softmax(input)[target]), computed from logits: stable for huge ones.

    input (n, classes), (n, classes, d1, ...) or (classes,); target: class indices, or class
    probabilities in the shape and dtype of input. `weight` has one factor per class;
    `label_smoothing` in [0, 1] mixes the target with the uniform distribution. The mean over class
    indices divides by the sum of the targets' weights, leaving `ignore_index` out; over
    probabilities, by n.

    Raises ShapeError or DTypeError, naming the shapes or the dtype; IndexError, naming the class
    that is out of bounds.

    >>> import tinygrad_mnist as tg
    >>> import tinygrad_mnist.nn.functional as F
    >>> F.cross_entropy(tg.zeros(2, 10), tg.tensor([3, 7]))
    tensor(2.3026)
    """
    if size_average is not None or reduce is not None:
        reduction = legacy(reduction, size_average, reduce)
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    if target.dtype.kind == "f" and target.shape == input.shape:
        return _soft_cross_entropy(input, target, weight, reduction, label_smoothing)
    settings = (input, target, weight, ignore_index, reduction)
    if not label_smoothing:
        return _by_class("cross_entropy", table.cross_entropy_rows, *settings)

    def hard(rows: Tensor, classes: Tensor) -> Tensor:
        return table.cross_entropy_rows(rows, classes) * (1 - label_smoothing)

    def uniform(rows: Tensor) -> Tensor:
        losses = _weighted(table.log_softmax(rows, axis=1), weight)
        return table.sum(losses, axis=(1,)) * (-label_smoothing / rows.shape[1])

    return _by_class("cross_entropy", hard, *settings, uniform)


def _soft_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None, reduction: str, smoothing: float
) -> Tensor:
    rows, shape = _rows(input)
    targets, _ = _rows(target)
    if smoothing:
        targets = targets * (1 - smoothing) + smoothing / rows.shape[1]
    losses = _weighted(-targets * table.log_softmax(rows, axis=1), weight)
    if reduction == "mean":
        return table.sum(losses) / max(1, math.prod(shape))
    return reduced(table.reshape(table.sum(losses, axis=(1,)), shape=shape), reduction)


softmax_cross_entropy = cross_entropy


@loss("log_input full size_average eps reduce reduction")
def poisson_nll_loss(
    input: Tensor, target: Tensor, log_input: bool = True, full: bool = False, eps: float = 1e-8
) -> Tensor:
    """exp(x) - t x for log-rates x (or x - t log x); `full` adds Stirling's formula for log t!."""
    if log_input:
        losses = table.exp(input) - target * input
    else:
        losses = input - target * table.log(input + eps)
    if not full:
        return losses
    large = table.where(target > 1, target, 1.0)
    stirling = large * table.log(large) - large + table.log(large * (2 * math.pi)) * 0.5
    return losses + table.where(target > 1, stirling, 0.0)


@loss("full eps reduction")
def gaussian_nll_loss(
    input: Tensor, target: Tensor, var: Any, full: bool = False, eps: float = 1e-6
) -> Tensor:
    """(log v + (x - t)^2 / v) / 2, with v the variance, at least eps."""
    v = table.clip(var, low=eps, high=math.inf) if isinstance(var, Tensor) else max(var, eps)
    if isinstance(v, Tensor) and v.ndim == input.ndim - 1:
        v = table.reshape(v, shape=(*v.shape, 1))
    log_v = table.log(v) if isinstance(v, Tensor) else math.log(v)
    losses = (table.square(input - target) / v + log_v) * 0.5
    return losses + 0.5 * math.log(2 * math.pi) if full else losses


@loss(f"margin {OLDER}")
def hinge_embedding_loss(input: Tensor, target: Tensor, margin: float = 1.0) -> Tensor:
    """x where t = 1, max(0, margin - x) where t = -1."""
    far = table.where(target != 1, hinge(margin - input), 0.0)
    return table.where(target != -1, input, 0.0) + far


@loss(OLDER)
def soft_margin_loss(input: Tensor, target: Tensor) -> Tensor:
    """log(1 + exp(-t x))."""
    return table.softplus(-target * input)


@loss(f"margin {OLDER}")
def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0
) -> Tensor:
    """max(0, margin - t (x1 - x2))."""
    return hinge(margin - target * (input1 - input2))


@loss(f"margin {OLDER}")
def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0
) -> Tensor:
    """1 - cos(x1, x2) where t = 1, max(0, cos(x1, x2) - margin) where t = -1."""
    axis = (input1.ndim - 1,)
    squares = [table.sum(x * x, axis=axis) + 1e-12 for x in (input1, input2)]
    cos = table.sum(input1 * input2, axis=axis) / table.sqrt(squares[0] * squares[1])
    far = table.where(target == -1, hinge(cos - margin), 0.0)
    return table.where(target == 1, 1.0 - cos, 0.0) + far


@loss(f"margin p eps swap {OLDER}")
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
) -> Tensor:
    """max(0, d(a, p) - d(a, n) + margin); `swap` takes the smaller of d(a, n) and d(p, n)."""
    near = pairwise_distance(anchor, positive, p, eps)
    far = pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = table.minimum(far, pairwise_distance(positive, negative, p, eps))
    return hinge(near - far + margin)


@in_float32
def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """The p-norm of x1 - x2 + eps over the last dimension."""
    return reduce.norm(x1 - x2 + eps, p, -1, keepdim=keepdim)


@in_float32
def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The p-norm distances of all pairs of rows: of 0 and 1, 0 and 2, ..., 1 and 2, ..."""
    if input.ndim != 2:
        raise ShapeError(f"pdist only supports 2D tensors, got: {input.ndim}D")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    first, second = np.triu_indices(len(input), 1)
    return reduce.distance(table.take(input, first) - table.take(input, second), p)


@in_float32
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x1 · x2 / (|x1| |x2|) along `dim`; each norm counts as eps at least."""
    x1, x2 = broadcast_tensors(x1, x2)
    lengths = [table.maximum(reduce.norm(x, 2, dim, keepdim=True), eps) for x in (x1, x2)]
    return reduce.sum((x1 / lengths[0]) * (x2 / lengths[1]), dim)


@public
@in_float32
def normalize(input: Tensor, p: float = 2.0, dim: Any = 1, eps: float = 1e-12) -> Tensor:
    """x divided by its p-norm along `dim`, which counts as eps at least."""
    return input / table.clip(reduce.norm(input, p, dim, keepdim=True), low=eps, high=math.inf)


refuse(globals())
