"""Losses as Modules; each is a function of `nn.functional` with its settings."""

from __future__ import annotations

from typing import Any

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.nn import functional as F
from tinygrad_mnist.nn.module import Module
from tinygrad_mnist.ops.loss import legacy


class _Loss(Module):
    """A loss: a subclass names its function, and the settings that it hands over to it."""

    function: Any = None

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        **settings: Any,
    ) -> None:
        super().__init__()
        self.reduction = legacy(reduction, size_average, reduce)
        self._settings = tuple(settings)
        for name, value in settings.items():
            if value is None or isinstance(value, Tensor):
                self.register_buffer(name, value)
            else:
                setattr(self, name, value)

    def forward(self, *inputs: Tensor) -> Tensor:
        """The function of the inputs and the settings."""
        settings = {name: getattr(self, name) for name in self._settings}
        result: Tensor = type(self).function(*inputs, reduction=self.reduction, **settings)
        return result


class MSELoss(_Loss):
    """(x - t)^2."""

    function = staticmethod(F.mse_loss)


class L1Loss(_Loss):
    """|x - t|."""

    function = staticmethod(F.l1_loss)


class SmoothL1Loss(_Loss):
    """Quadratic within beta, then linear with slope one."""

    function = staticmethod(F.smooth_l1_loss)

    def __init__(
        self, size_average: Any = None, reduce: Any = None, reduction: str = "mean", beta: float = 1.0
    ) -> None:
        super().__init__(size_average, reduce, reduction, beta=beta)


class HuberLoss(_Loss):
    """Quadratic within delta, then linear with slope delta."""

    function = staticmethod(F.huber_loss)

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction=reduction, delta=delta)


class KLDivLoss(_Loss):
    """t (log t - x), with x a log-probability."""

    function = staticmethod(F.kl_div)

    def __init__(
        self,
        size_average: Any = None,
        reduce: Any = None,
        reduction: str = "mean",
        log_target: bool = False,
    ) -> None:
        super().__init__(size_average, reduce, reduction, log_target=log_target)


class CrossEntropyLoss(_Loss):
    """-log(softmax(x)[t]) from logits x; see `F.cross_entropy`.

    >>> import tinygrad_mnist as tg
    >>> from tinygrad_mnist import nn
    >>> nn.CrossEntropyLoss()(tg.zeros(2, 10), tg.tensor([3, 7]))
    tensor(2.3026)
    """

    function = staticmethod(F.cross_entropy)

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: Any = None,
        ignore_index: int = -100,
        reduce: Any = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(
            size_average,
            reduce,
            reduction,
            weight=weight,
            ignore_index=ignore_index,
            label_smoothing=label_smoothing,
        )


class NLLLoss(_Loss):
    """-x[t] for log-probabilities x."""

    function = staticmethod(F.nll_loss)

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: Any = None,
        ignore_index: int = -100,
        reduce: Any = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(
            size_average, reduce, reduction, weight=weight, ignore_index=ignore_index
        )


class BCELoss(_Loss):
    """-(t log p + (1 - t) log(1 - p)) for probabilities p."""

    function = staticmethod(F.binary_cross_entropy)

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: Any = None,
        reduce: Any = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction, weight=weight)


class BCEWithLogitsLoss(_Loss):
    """`BCELoss` of sigmoid(x), computed from x: stable for huge ones."""

    function = staticmethod(F.binary_cross_entropy_with_logits)

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: Any = None,
        reduce: Any = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(size_average, reduce, reduction, weight=weight, pos_weight=pos_weight)


class PoissonNLLLoss(_Loss):
    """exp(x) - t x."""

    function = staticmethod(F.poisson_nll_loss)

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        size_average: Any = None,
        eps: float = 1e-8,
        reduce: Any = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction, log_input=log_input, full=full, eps=eps)


class GaussianNLLLoss(_Loss):
    """(log v + (x - t)^2 / v) / 2; called with (input, target, var)."""

    function = staticmethod(F.gaussian_nll_loss)

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction, full=full, eps=eps)


class _Margin(_Loss):
    """A loss with a margin."""

    default = 0.0

    def __init__(
        self,
        margin: float | None = None,
        size_average: Any = None,
        reduce: Any = None,
        reduction: str = "mean",
    ) -> None:
        margin = self.default if margin is None else margin
        super().__init__(size_average, reduce, reduction, margin=margin)


class HingeEmbeddingLoss(_Margin):
    """x where t = 1, max(0, margin - x) where t = -1."""

    function, default = staticmethod(F.hinge_embedding_loss), 1.0


class MarginRankingLoss(_Margin):
    """max(0, margin - t (x1 - x2))."""

    function = staticmethod(F.margin_ranking_loss)


class CosineEmbeddingLoss(_Margin):
    """1 - cos(x1, x2) where t = 1, max(0, cos(x1, x2) - margin) where t = -1."""

    function = staticmethod(F.cosine_embedding_loss)


class SoftMarginLoss(_Loss):
    """log(1 + exp(-t x))."""

    function = staticmethod(F.soft_margin_loss)


class TripletMarginLoss(_Loss):
    """max(0, d(anchor, positive) - d(anchor, negative) + margin)."""

    function = staticmethod(F.triplet_margin_loss)

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        size_average: Any = None,
        reduce: Any = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction, margin=margin, p=p, eps=eps, swap=swap)


class PairwiseDistance(Module):
    """The p-norm of x1 - x2 + eps over the last dimension."""

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm, self.eps, self.keepdim = p, eps, keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """`F.pairwise_distance`."""
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)


class CosineSimilarity(Module):
    """x1 · x2 / (|x1| |x2|) along dim."""

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim, self.eps = dim, eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """`F.cosine_similarity`."""
        return F.cosine_similarity(x1, x2, self.dim, self.eps)
