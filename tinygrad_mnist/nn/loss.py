"""Losses as Modules: each calls the function of `nn.functional` with its settings."""

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


SIZE_AVERAGE_FIRST = "size_average reduce reduction"  # PyTorch's modules put these first


class Loss(Functional):
    """The base of all losses; repr() shows no settings."""

    def extra_repr(self) -> str:
        return ""


class MSELoss(Loss, function=F.mse_loss, inputs=2, order=SIZE_AVERAGE_FIRST):
    """(x - t)^2."""


class L1Loss(Loss, function=F.l1_loss, inputs=2, order=SIZE_AVERAGE_FIRST):
    """|x - t|."""


class SmoothL1Loss(Loss, function=F.smooth_l1_loss, inputs=2, order=f"{SIZE_AVERAGE_FIRST} beta"):
    """Quadratic within beta, then linear with slope one."""


class HuberLoss(Loss, function=F.huber_loss, inputs=2, order="reduction delta"):
    """Quadratic within delta, then linear with slope delta."""


class KLDivLoss(Loss, function=F.kl_div, inputs=2):
    """t (log t - x), with x a log-probability."""


class CrossEntropyLoss(Loss, function=F.cross_entropy, inputs=2):
    """-log(softmax(x)[t]) from logits x; see `F.cross_entropy`.

    >>> import tinygrad_mnist as tg
    >>> from tinygrad_mnist import nn
    >>> nn.CrossEntropyLoss()(tg.zeros(2, 10), tg.tensor([3, 7]))
    tensor(2.3026)
    """


class NLLLoss(Loss, function=F.nll_loss, inputs=2):
    """-x[t] for log-probabilities x."""


class NLLLoss2d(NLLLoss):
    """`NLLLoss` by its old name."""


class BCELoss(
    Loss, function=F.binary_cross_entropy, inputs=2, order=f"weight {SIZE_AVERAGE_FIRST}"
):
    """-(t log p + (1 - t) log(1 - p)) for probabilities p."""


class BCEWithLogitsLoss(
    Loss,
    function=F.binary_cross_entropy_with_logits,
    inputs=2,
    order=f"weight {SIZE_AVERAGE_FIRST} pos_weight",
):
    """`BCELoss` of sigmoid(x), computed from x without overflow."""


class PoissonNLLLoss(
    Loss,
    function=F.poisson_nll_loss,
    inputs=2,
    order="log_input full size_average eps reduce reduction",
):
    """exp(x) - t x."""


class GaussianNLLLoss(Loss, function=F.gaussian_nll_loss, inputs=3, order="full eps reduction"):
    """(log v + (x - t)^2 / v) / 2, called with (input, target, var)."""


class SoftMarginLoss(Loss, function=F.soft_margin_loss, inputs=2, order=SIZE_AVERAGE_FIRST):
    """log(1 + exp(-t x))."""


class HingeEmbeddingLoss(
    Loss, function=F.hinge_embedding_loss, inputs=2, order=f"margin {SIZE_AVERAGE_FIRST}"
):
    """x where t = 1, max(0, margin - x) where t = -1."""


class MarginRankingLoss(
    Loss, function=F.margin_ranking_loss, inputs=3, order=f"margin {SIZE_AVERAGE_FIRST}"
):
    """max(0, margin - t (x1 - x2))."""


class CosineEmbeddingLoss(
    Loss, function=F.cosine_embedding_loss, inputs=3, order=f"margin {SIZE_AVERAGE_FIRST}"
):
    """1 - cos(x1, x2) where t = 1, max(0, cos(x1, x2) - margin) where t = -1."""


class TripletMarginLoss(
    Loss,
    function=F.triplet_margin_loss,
    inputs=3,
    order=f"margin p eps swap {SIZE_AVERAGE_FIRST}",
):
    """max(0, d(anchor, positive) - d(anchor, negative) + margin)."""


class TripletMarginWithDistanceLoss(Loss, function=F.triplet_margin_with_distance_loss, inputs=3):
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


class MultiMarginLoss(Loss, function=F.multi_margin_loss, inputs=2):
    """The mean over the other classes i of max(0, margin - x[t] + x[i])^p."""


class MultiLabelMarginLoss(Loss, function=F.multilabel_margin_loss, inputs=2):
    """max(0, 1 - (x[t] - x[i])) over all labels t and all classes i that are not labels."""


class MultiLabelSoftMarginLoss(Loss, function=F.multilabel_soft_margin_loss, inputs=2):
    """The mean over the classes of `BCEWithLogitsLoss`."""


class CTCLoss(Loss, function=F.ctc_loss, inputs=4):
    """-log of the probability that the input sequence spells the target; see `F.ctc_loss`.

    Called with (log_probs, targets, input_lengths, target_lengths).
    """


class PairwiseDistance(Loss, function=F.pairwise_distance, inputs=2):
    """The p-norm of x1 - x2 + eps over the last dimension."""


class CosineSimilarity(Loss, function=F.cosine_similarity, inputs=2):
    """x1 · x2 / (|x1| |x2|) along dim."""
