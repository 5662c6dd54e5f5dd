"""Losses as Modules: each the function of `nn.functional` with its settings."""

from __future__ import annotations

from collections.abc import Callable

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.nn import functional as F
from tinygrad_mnist.nn.layers.functional import Functional

__all__ = [
    "BCELoss", "BCEWithLogitsLoss", "CTCLoss", "CosineEmbeddingLoss", "CosineSimilarity",
    "CrossEntropyLoss", "GaussianNLLLoss", "HingeEmbeddingLoss", "HuberLoss", "KLDivLoss", "L1Loss",
    "MSELoss", "MarginRankingLoss", "MultiLabelMarginLoss", "MultiLabelSoftMarginLoss",
    "MultiMarginLoss", "NLLLoss", "NLLLoss2d", "PairwiseDistance", "PoissonNLLLoss", "SmoothL1Loss",
    "SoftMarginLoss", "TripletMarginLoss", "TripletMarginWithDistanceLoss",
]  # fmt: skip


OLD = "size_average reduce reduction"  # where PyTorch's modules have what functions have last


class _Loss(Functional):
    """Two Tensors (or three) to one loss; repr() shows no settings."""

    def extra_repr(self) -> str:
        return ""


class MSELoss(_Loss, function=F.mse_loss, inputs=2, order=OLD):
    """(x - t)^2."""


class L1Loss(_Loss, function=F.l1_loss, inputs=2, order=OLD):
    """|x - t|."""


class SmoothL1Loss(_Loss, function=F.smooth_l1_loss, inputs=2, order=f"{OLD} beta"):
    """Quadratic within beta, then linear with slope one."""


class HuberLoss(_Loss, function=F.huber_loss, inputs=2, order="reduction delta"):
    """Quadratic within delta, then linear with slope delta."""


class KLDivLoss(_Loss, function=F.kl_div, inputs=2):
    """t (log t - x), with x a log-probability."""


class CrossEntropyLoss(_Loss, function=F.cross_entropy, inputs=2):
    """-log(softmax(x)[t]) from logits x; see `F.cross_entropy`.

    >>> import tinygrad_mnist as tg
    >>> from tinygrad_mnist import nn
    >>> nn.CrossEntropyLoss()(tg.zeros(2, 10), tg.tensor([3, 7]))
    tensor(2.3026)
    """


class NLLLoss(_Loss, function=F.nll_loss, inputs=2):
    """-x[t] for log-probabilities x."""


class NLLLoss2d(NLLLoss):
    """`NLLLoss` by its old name."""


class BCELoss(_Loss, function=F.binary_cross_entropy, inputs=2, order=f"weight {OLD}"):
    """-(t log p + (1 - t) log(1 - p)) for probabilities p."""


class BCEWithLogitsLoss(
    _Loss,
    function=F.binary_cross_entropy_with_logits,
    inputs=2,
    order=f"weight {OLD} pos_weight",
):
    """`BCELoss` of sigmoid(x), computed from x: stable for huge ones."""


class PoissonNLLLoss(
    _Loss,
    function=F.poisson_nll_loss,
    inputs=2,
    order="log_input full size_average eps reduce reduction",
):
    """exp(x) - t x."""


class GaussianNLLLoss(_Loss, function=F.gaussian_nll_loss, inputs=3, order="full eps reduction"):
    """(log v + (x - t)^2 / v) / 2, called with (input, target, var)."""


class SoftMarginLoss(_Loss, function=F.soft_margin_loss, inputs=2, order=OLD):
    """log(1 + exp(-t x))."""


class HingeEmbeddingLoss(_Loss, function=F.hinge_embedding_loss, inputs=2, order=f"margin {OLD}"):
    """x where t = 1, max(0, margin - x) where t = -1."""


class MarginRankingLoss(_Loss, function=F.margin_ranking_loss, inputs=3, order=f"margin {OLD}"):
    """max(0, margin - t (x1 - x2))."""


class CosineEmbeddingLoss(_Loss, function=F.cosine_embedding_loss, inputs=3, order=f"margin {OLD}"):
    """1 - cos(x1, x2) where t = 1, max(0, cos(x1, x2) - margin) where t = -1."""


class TripletMarginLoss(
    _Loss,
    function=F.triplet_margin_loss,
    inputs=3,
    order=f"margin p eps swap {OLD}",
):
    """max(0, d(anchor, positive) - d(anchor, negative) + margin)."""


class TripletMarginWithDistanceLoss(_Loss, function=F.triplet_margin_with_distance_loss, inputs=3):
    """`TripletMarginLoss` with a distance of your own, a function or a Module."""

    def __init__(
        self,
        *,
        distance_function: Callable[..., Tensor] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        distance = PairwiseDistance() if distance_function is None else distance_function
        settings = {"margin": margin, "swap": swap, "reduction": reduction}
        super().__init__(distance_function=distance, **settings)


class MultiMarginLoss(_Loss, function=F.multi_margin_loss, inputs=2):
    """The mean over the other classes i of max(0, margin - x[t] + x[i])^p."""


class MultiLabelMarginLoss(_Loss, function=F.multilabel_margin_loss, inputs=2):
    """max(0, 1 - (x[t] - x[i])) over all labels t and all classes i that are not labels."""


class MultiLabelSoftMarginLoss(_Loss, function=F.multilabel_soft_margin_loss, inputs=2):
    """The mean over the classes of `BCEWithLogitsLoss`."""


class CTCLoss(_Loss, function=F.ctc_loss, inputs=4):
    """-log of the probability that the input sequence spells the target; see `F.ctc_loss`.

    Called with (log_probs, targets, input_lengths, target_lengths).
    """


class PairwiseDistance(_Loss, function=F.pairwise_distance, inputs=2):
    """The p-norm of x1 - x2 + eps over the last dimension."""


class CosineSimilarity(_Loss, function=F.cosine_similarity, inputs=2):
    """x1 · x2 / (|x1| |x2|) along dim."""
