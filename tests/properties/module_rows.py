"""How each module of nn is made, and called: a row for every public one.

A row lists cases, each a function that makes the module and the inputs of a call. A module that
draws numbers is in eval(), where it is deterministic, or is given what it would draw.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tinygrad_mnist as tg
from tinygrad_mnist import Tensor, nn

Case = tuple[Callable[[], Any], tuple[Any, ...]]


def real(*shape: int, low: float = -2.0, high: float = 2.0) -> Tensor:
    """Float64 numbers that require grad, of which no two are equal."""
    count = int(np.prod(shape))
    data = np.random.default_rng(count).permutation(np.linspace(low, high, count))
    return tg.tensor(data.reshape(shape), requires_grad=True)


def fixed(*shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
    return real(*shape, low=low, high=high).detach()


def classes(*values: int) -> Tensor:
    return tg.tensor(list(values))


def called(lazy: nn.Module, *shape: int) -> nn.Module:
    """The module once it has seen an input of this shape, from which it takes its sizes."""
    lazy(fixed(*shape).float())
    return lazy


class OfLogits(nn.Module):
    """CTCLoss of log_softmax: its gradient is that of probabilities which sum to one."""

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, logits: Tensor, *others: Tensor) -> Any:
        return self.loss(logits.log_softmax(-1), *others)


ROW, SIGNAL, IMAGE, VOLUME = (3, 4), (2, 2, 5), (2, 2, 4, 4), (1, 2, 3, 2, 2)
# Of a Transformer's layer: features, heads, inner width, dropout.
SMALL, TINY = (4, 2, 2, 0.0), (3, 1, 1, 0.0)
SIGNS = tg.tensor(np.array([1.0, -1.0, 1.0]))

ROWS: dict[str, list[Case]] = {
    # Containers
    "DataParallel": [(lambda: nn.DataParallel(nn.Linear(4, 2)), (real(*ROW),))],
    "Sequential": [
        (lambda: nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2)), (real(*ROW),))
    ],
    # Linear
    "Linear": [
        (lambda: nn.Linear(4, 2), (real(*ROW),)),
        (lambda: nn.Linear(4, 2, bias=False), (real(2, 3, 4),)),
    ],
    "Bilinear": [(lambda: nn.Bilinear(4, 2, 3), (real(3, 4), real(3, 2)))],
    "Identity": [(nn.Identity, (real(*ROW),))],
    "Flatten": [(nn.Flatten, (real(*IMAGE),))],
    "Unflatten": [(lambda: nn.Unflatten(1, (2, 2)), (real(*ROW),))],
    "Embedding": [
        (lambda: nn.Embedding(5, 3), (classes(0, 4, 4, 1),)),
        (lambda: nn.Embedding(5, 3, padding_idx=1), (classes(0, 4, 4, 2),)),
    ],
    "EmbeddingBag": [
        (lambda: nn.EmbeddingBag(5, 3), (classes(0, 4, 4, 1), classes(0, 1))),
        (lambda: nn.EmbeddingBag(5, 3, mode="max"), (classes(0, 4, 4, 1), classes(0, 1))),
        (
            lambda: nn.EmbeddingBag(5, 3, mode="sum", padding_idx=1),
            (classes(0, 4, 1, 2).reshape(2, 2), None, real(2, 2)),
        ),
    ],
    "ChannelShuffle": [(lambda: nn.ChannelShuffle(2), (real(1, 4, 2, 1),))],
    "PixelShuffle": [(lambda: nn.PixelShuffle(2), (real(1, 4, 2, 1),))],
    "PixelUnshuffle": [(lambda: nn.PixelUnshuffle(2), (real(1, 1, 4, 2),))],
    "Fold": [
        (lambda: nn.Fold((3, 3), 2), (real(1, 8, 4),)),
        (lambda: nn.Fold((2, 3), (2, 1), dilation=2, padding=1, stride=2), (real(1, 2, 3),)),
    ],
    "Unfold": [
        (lambda: nn.Unfold(2), (real(1, 2, 3, 3),)),
        (lambda: nn.Unfold((2, 1), dilation=2, padding=1, stride=2), (real(1, 1, 2, 3),)),
    ],
    "AdaptiveLogSoftmaxWithLoss": [
        (
            lambda: nn.AdaptiveLogSoftmaxWithLoss(4, 6, [2, 4], div_value=2.0, head_bias=True),
            (real(*ROW), classes(4, 0, 3)),
        )
    ],
    # Activations
    "PReLU": [(lambda: nn.PReLU(2), (real(*IMAGE),))],
    "Softmax": [(lambda: nn.Softmax(dim=1), (real(*ROW),))],
    "Softmin": [(lambda: nn.Softmin(dim=1), (real(*ROW),))],
    "LogSoftmax": [(lambda: nn.LogSoftmax(dim=-1), (real(*ROW),))],
    "Softmax2d": [(nn.Softmax2d, (real(*IMAGE),))],
    "GELU": [
        (nn.GELU, (real(*ROW),)),
        (lambda: nn.GELU(approximate="tanh"), (real(*ROW),)),
    ],
    "Threshold": [(lambda: nn.Threshold(0.1, 20.0), (real(*ROW),))],
    "Dropout1d": [(nn.Dropout1d, (real(*SIGNAL),))],
    "Dropout2d": [(nn.Dropout2d, (real(*IMAGE),))],
    "Dropout3d": [(nn.Dropout3d, (real(*VOLUME),))],
    "FeatureAlphaDropout": [(nn.FeatureAlphaDropout, (real(*SIGNAL),))],
    # Convolution and pooling
    "Conv1d": [(lambda: nn.Conv1d(2, 3, 2, padding=1), (real(*SIGNAL),))],
    "Conv2d": [
        (lambda: nn.Conv2d(2, 3, 2, stride=2, padding=1), (real(*IMAGE),)),
        (lambda: nn.Conv2d(2, 2, 2, groups=2, dilation=2, bias=False), (real(*IMAGE),)),
    ],
    "ConvTranspose1d": [(lambda: nn.ConvTranspose1d(2, 3, 2, stride=2), (real(*SIGNAL),))],
    "ConvTranspose2d": [
        (lambda: nn.ConvTranspose2d(2, 3, 2, stride=2, padding=1), (real(2, 2, 3, 3),))
    ],
    "Conv3d": [
        (lambda: nn.Conv3d(2, 2, (2, 1, 2), stride=(2, 1, 1), padding=1), (real(*VOLUME),)),
        (
            lambda: nn.Conv3d(2, 2, 2, groups=2, padding_mode="circular", padding=1, bias=False),
            (real(1, 2, 2, 1, 2),),
        ),
    ],
    "ConvTranspose3d": [
        (
            lambda: nn.ConvTranspose3d(2, 1, 2, stride=2, padding=1, output_padding=1),
            (real(1, 2, 2, 1, 2),),
        )
    ],
    "MaxPool1d": [(lambda: nn.MaxPool1d(2), (real(*SIGNAL),))],
    "MaxPool2d": [
        (lambda: nn.MaxPool2d(2), (real(*IMAGE),)),
        (lambda: nn.MaxPool2d(3, stride=2, padding=1), (real(*IMAGE),)),
    ],
    "MaxPool3d": [
        (lambda: nn.MaxPool3d(2, stride=1, padding=(1, 0, 0)), (real(*VOLUME),)),
        (lambda: nn.MaxPool3d(2, ceil_mode=True), (real(*VOLUME),)),
    ],
    "AdaptiveMaxPool1d": [(lambda: nn.AdaptiveMaxPool1d(3), (real(*SIGNAL),))],
    "AdaptiveMaxPool2d": [(lambda: nn.AdaptiveMaxPool2d((3, None)), (real(*IMAGE),))],
    "AdaptiveMaxPool3d": [(lambda: nn.AdaptiveMaxPool3d((2, 1, 2)), (real(*VOLUME),))],
    "FractionalMaxPool2d": [
        (
            lambda: nn.FractionalMaxPool2d(2, output_size=2, _random_samples=fixed(2, 2, 2)),
            (real(*IMAGE),),
        )
    ],
    "FractionalMaxPool3d": [
        (
            lambda: nn.FractionalMaxPool3d(
                (2, 1, 1), output_size=(2, 1, 2), _random_samples=fixed(1, 2, 3)
            ),
            (real(*VOLUME),),
        )
    ],
    "MaxUnpool1d": [(lambda: nn.MaxUnpool1d(2), (real(1, 1, 2), classes(0, 3).reshape(1, 1, 2)))],
    "MaxUnpool2d": [
        (lambda: nn.MaxUnpool2d(2), (real(1, 1, 1, 2), classes(4, 3).reshape(1, 1, 1, 2)))
    ],
    "MaxUnpool3d": [
        (lambda: nn.MaxUnpool3d(2), (real(1, 1, 1, 1, 2), classes(12, 3).reshape(1, 1, 1, 1, 2)))
    ],
    "LPPool1d": [
        (lambda: nn.LPPool1d(2, 2), (real(*SIGNAL),)),
        (lambda: nn.LPPool1d(3, 2, ceil_mode=True), (real(*SIGNAL, low=0.5),)),
    ],
    "LPPool2d": [(lambda: nn.LPPool2d(2, (3, 2), stride=1), (real(*IMAGE),))],
    "LPPool3d": [(lambda: nn.LPPool3d(1.5, 2, stride=1), (real(*VOLUME, low=0.5),))],
    "AvgPool1d": [(lambda: nn.AvgPool1d(2), (real(*SIGNAL),))],
    "AvgPool2d": [(lambda: nn.AvgPool2d(3, stride=2, padding=1), (real(*IMAGE),))],
    "AvgPool3d": [
        (lambda: nn.AvgPool3d(2, stride=1, padding=1), (real(*VOLUME),)),
        (lambda: nn.AvgPool3d(2, 1, 1, count_include_pad=False), (real(1, 1, 3, 2, 1),)),
    ],
    "AdaptiveAvgPool1d": [(lambda: nn.AdaptiveAvgPool1d(3), (real(*SIGNAL),))],
    "AdaptiveAvgPool2d": [(lambda: nn.AdaptiveAvgPool2d(3), (real(*IMAGE),))],
    "AdaptiveAvgPool3d": [(lambda: nn.AdaptiveAvgPool3d((2, None, 1)), (real(*VOLUME),))],
    "Upsample": [
        (lambda: nn.Upsample(scale_factor=2, mode="bicubic"), (real(1, 1, 2, 3),)),
        (lambda: nn.Upsample(3, mode="linear", align_corners=True), (real(*SIGNAL),)),
        (lambda: nn.Upsample((2, 3, 4), mode="trilinear"), (real(1, 1, 3, 2, 2),)),
    ],
    "UpsamplingBilinear2d": [(lambda: nn.UpsamplingBilinear2d(3), (real(1, 2, 2, 2),))],
    "UpsamplingNearest2d": [
        (lambda: nn.UpsamplingNearest2d(scale_factor=1.5), (real(1, 2, 2, 2),))
    ],
    # Padding
    "CircularPad1d": [(lambda: nn.CircularPad1d(1), (real(1, 2, 3),))],
    "ConstantPad1d": [(lambda: nn.ConstantPad1d(1, 3.0), (real(1, 2, 3),))],
    "ReflectionPad1d": [(lambda: nn.ReflectionPad1d(1), (real(1, 2, 3),))],
    "ReplicationPad1d": [(lambda: nn.ReplicationPad1d(1), (real(1, 2, 3),))],
    "CircularPad2d": [(lambda: nn.CircularPad2d(1), (real(1, 2, 2, 2),))],
    "ConstantPad2d": [(lambda: nn.ConstantPad2d(1, 3.0), (real(1, 2, 2, 2),))],
    "ZeroPad1d": [(lambda: nn.ZeroPad1d(1), (real(1, 2, 3),))],
    "ZeroPad2d": [(lambda: nn.ZeroPad2d((1, 0, 2, 1)), (real(1, 2, 2, 2),))],
    "ReflectionPad2d": [(lambda: nn.ReflectionPad2d(1), (real(1, 2, 2, 2),))],
    "ReplicationPad2d": [(lambda: nn.ReplicationPad2d(1), (real(1, 2, 2, 2),))],
    "CircularPad3d": [(lambda: nn.CircularPad3d(1), (real(1, 1, 1, 2, 2),))],
    "ConstantPad3d": [(lambda: nn.ConstantPad3d(1, 3.0), (real(1, 1, 1, 2, 2),))],
    "ZeroPad3d": [(lambda: nn.ZeroPad3d((1, 0, 2, 1, 0, -1)), (real(1, 1, 2, 2, 2),))],
    "ReflectionPad3d": [(lambda: nn.ReflectionPad3d(1), (real(1, 1, 2, 2, 2),))],
    "ReplicationPad3d": [(lambda: nn.ReplicationPad3d(1), (real(1, 1, 1, 2, 2),))],
    # Normalising
    "BatchNorm1d": [
        (lambda: nn.BatchNorm1d(4), (real(*ROW),)),
        (lambda: nn.BatchNorm1d(4).eval(), (real(*ROW),)),
    ],
    "BatchNorm2d": [(lambda: nn.BatchNorm2d(2), (real(*IMAGE),))],
    "BatchNorm3d": [(lambda: nn.BatchNorm3d(2), (real(*VOLUME),))],
    "InstanceNorm1d": [
        (lambda: nn.InstanceNorm1d(2), (real(*SIGNAL),)),
        (lambda: nn.InstanceNorm1d(2, affine=True), (real(2, 5),)),
        (lambda: nn.InstanceNorm1d(2, track_running_stats=True).eval(), (real(*SIGNAL),)),
    ],
    "InstanceNorm2d": [(lambda: nn.InstanceNorm2d(2, affine=True), (real(*IMAGE),))],
    "InstanceNorm3d": [(lambda: nn.InstanceNorm3d(2, affine=True), (real(*VOLUME),))],
    "LocalResponseNorm": [(lambda: nn.LocalResponseNorm(2, alpha=0.5), (real(1, 3, 4),))],
    "CrossMapLRN2d": [(lambda: nn.CrossMapLRN2d(3, alpha=0.5), (real(1, 3, 2, 2),))],
    "GroupNorm": [(lambda: nn.GroupNorm(2, 4), (real(2, 4, 3),))],
    "LayerNorm": [
        (lambda: nn.LayerNorm(4), (real(*ROW),)),
        (lambda: nn.LayerNorm((3, 4), elementwise_affine=False), (real(2, 3, 4),)),
    ],
    "RMSNorm": [(lambda: nn.RMSNorm(4), (real(*ROW),))],
    # Recurrence and attention
    "RNNCell": [(lambda: nn.RNNCell(4, 2), (real(*ROW), real(3, 2)))],
    "GRUCell": [(lambda: nn.GRUCell(4, 2), (real(*ROW), real(3, 2)))],
    "LSTMCell": [(lambda: nn.LSTMCell(4, 2), (real(*ROW),))],
    "RNN": [(lambda: nn.RNN(3, 2), (real(2, 1, 3),))],
    "RNNBase": [(lambda: nn.RNNBase("LSTM", 3, 2, num_layers=2, proj_size=1), (real(2, 1, 3),))],
    "GRU": [(lambda: nn.GRU(3, 2, batch_first=True), (real(1, 2, 3),))],
    "LSTM": [(lambda: nn.LSTM(3, 2, bidirectional=True), (real(2, 1, 3),))],
    "MultiheadAttention": [
        (lambda: nn.MultiheadAttention(4, 2, batch_first=True), (real(1, 3, 4),) * 3)
    ],
    "TransformerEncoderLayer": [
        (lambda: nn.TransformerEncoderLayer(*SMALL), (real(2, 2, 4),)),
        (
            lambda: nn.TransformerEncoderLayer(
                *SMALL, activation="gelu", batch_first=True, norm_first=True, bias=False
            ),
            (real(2, 2, 4), None, tg.tensor([[False, False], [False, True]])),
        ),
    ],
    "TransformerDecoderLayer": [
        (lambda: nn.TransformerDecoderLayer(*TINY), (real(1, 1, 3), real(2, 1, 3))),
        (
            lambda: nn.TransformerDecoderLayer(*TINY, norm_first=True, bias=False),
            (real(2, 1, 3), real(3, 1, 3), nn.Transformer.generate_square_subsequent_mask(2)),
        ),
    ],
    "TransformerEncoder": [
        (
            lambda: nn.TransformerEncoder(
                nn.TransformerEncoderLayer(*TINY, bias=False), 2, nn.LayerNorm(3)
            ),
            (real(2, 1, 3),),
        )
    ],
    "TransformerDecoder": [
        (
            lambda: nn.TransformerDecoder(
                nn.TransformerDecoderLayer(*TINY, bias=False), 1, nn.LayerNorm(3)
            ),
            (real(2, 1, 3), real(2, 1, 3)),
        )
    ],
    "Transformer": [
        (
            lambda: nn.Transformer(3, 1, 1, 1, 1, dropout=0.0, bias=False),
            (real(2, 1, 3), real(2, 1, 3)),
        )
    ],
    # Losses
    "MSELoss": [(nn.MSELoss, (real(*ROW), fixed(*ROW)))],
    "L1Loss": [(nn.L1Loss, (real(*ROW), fixed(*ROW, low=3.0, high=4.0)))],
    "HuberLoss": [(nn.HuberLoss, (real(*ROW), fixed(*ROW)))],
    "SmoothL1Loss": [(lambda: nn.SmoothL1Loss(beta=0.7), (real(*ROW), fixed(*ROW)))],
    "CrossEntropyLoss": [
        (nn.CrossEntropyLoss, (real(*ROW), classes(0, 3, 1))),
        (
            lambda: nn.CrossEntropyLoss(label_smoothing=0.1, ignore_index=3),
            (real(*ROW), classes(0, 3, 1)),
        ),
        (nn.CrossEntropyLoss, (real(*ROW), fixed(*ROW))),
    ],
    "NLLLoss": [(nn.NLLLoss, (real(*ROW), classes(0, 3, 1)))],
    "BCELoss": [(nn.BCELoss, (real(*ROW, low=0.1, high=0.9), fixed(*ROW)))],
    "BCEWithLogitsLoss": [
        (nn.BCEWithLogitsLoss, (real(*ROW), fixed(*ROW))),
        (lambda: nn.BCEWithLogitsLoss(pos_weight=fixed(4)), (real(*ROW), fixed(*ROW))),
    ],
    "KLDivLoss": [
        (lambda: nn.KLDivLoss(reduction="batchmean"), (real(*ROW), fixed(*ROW, low=0.1)))
    ],
    "CosineEmbeddingLoss": [(nn.CosineEmbeddingLoss, (real(3, 4), real(3, 4, low=-1), SIGNS))],
    "CosineSimilarity": [(nn.CosineSimilarity, (real(3, 4), real(3, 4, low=-1)))],
    "PairwiseDistance": [(nn.PairwiseDistance, (real(3, 4), real(3, 4, low=-1)))],
    "GaussianNLLLoss": [
        (nn.GaussianNLLLoss, (real(*ROW), fixed(*ROW), real(*ROW, low=0.5, high=2.0)))
    ],
    "HingeEmbeddingLoss": [(nn.HingeEmbeddingLoss, (real(3), SIGNS))],
    "MarginRankingLoss": [(nn.MarginRankingLoss, (real(3), real(3, low=-1.9, high=2.2), SIGNS))],
    "PoissonNLLLoss": [(nn.PoissonNLLLoss, (real(*ROW), fixed(*ROW)))],
    "SoftMarginLoss": [(nn.SoftMarginLoss, (real(3), SIGNS))],
    "TripletMarginLoss": [
        (nn.TripletMarginLoss, (real(3, 4), real(3, 4, low=-1), real(3, 4, high=1)))
    ],
    "TripletMarginWithDistanceLoss": [
        (
            lambda: nn.TripletMarginWithDistanceLoss(swap=True, margin=2.0),
            (real(3, 4), real(3, 4, low=-1), real(3, 4, high=1)),
        )
    ],
    "MultiMarginLoss": [
        (nn.MultiMarginLoss, (real(*ROW), classes(0, 3, 1))),
        (lambda: nn.MultiMarginLoss(p=2, weight=fixed(4)), (real(*ROW), classes(0, 3, 1))),
    ],
    "MultiLabelMarginLoss": [
        (nn.MultiLabelMarginLoss, (real(2, 3), classes(2, 0, -1, 1, -1, 0).reshape(2, 3)))
    ],
    "MultiLabelSoftMarginLoss": [
        (nn.MultiLabelSoftMarginLoss, (real(2, 3), classes(1, 0, 1, 0, 0, 1).reshape(2, 3)))
    ],
    "NLLLoss2d": [(nn.NLLLoss2d, (real(2, 3, 1, 2), classes(0, 2, 1, 1).reshape(2, 1, 2)))],
    "CTCLoss": [
        (
            lambda: OfLogits(nn.CTCLoss()),
            (real(4, 2, 3), classes(1, 2, 2, 2).reshape(2, 2), classes(4, 3), classes(2, 1)),
        )
    ],
    # Lazy ones, after their first call
    "LazyLinear": [(lambda: called(nn.LazyLinear(2), *ROW), (real(*ROW),))],
    "LazyConv1d": [(lambda: called(nn.LazyConv1d(3, 2), *SIGNAL), (real(*SIGNAL),))],
    "LazyConv2d": [(lambda: called(nn.LazyConv2d(2, 3), *IMAGE), (real(*IMAGE),))],
    "LazyConv3d": [(lambda: called(nn.LazyConv3d(1, 2), *VOLUME), (real(*VOLUME),))],
    "LazyConvTranspose1d": [
        (lambda: called(nn.LazyConvTranspose1d(3, 2), 1, 2, 3), (real(1, 2, 3),))
    ],
    "LazyConvTranspose2d": [
        (lambda: called(nn.LazyConvTranspose2d(1, 2), 1, 2, 2, 2), (real(1, 2, 2, 2),))
    ],
    "LazyConvTranspose3d": [
        (lambda: called(nn.LazyConvTranspose3d(1, 2), 1, 2, 1, 1, 2), (real(1, 2, 1, 1, 2),))
    ],
    "LazyBatchNorm1d": [(lambda: called(nn.LazyBatchNorm1d(), *ROW), (real(*ROW),))],
    "LazyBatchNorm2d": [(lambda: called(nn.LazyBatchNorm2d(), 2, 2, 2, 2), (real(2, 2, 2, 2),))],
    "LazyBatchNorm3d": [(lambda: called(nn.LazyBatchNorm3d(), *VOLUME), (real(*VOLUME),))],
    "LazyInstanceNorm1d": [(lambda: called(nn.LazyInstanceNorm1d(), *SIGNAL), (real(*SIGNAL),))],
    "LazyInstanceNorm2d": [
        (lambda: called(nn.LazyInstanceNorm2d(), 2, 2, 2, 2), (real(2, 2, 2, 2),))
    ],
    "LazyInstanceNorm3d": [(lambda: called(nn.LazyInstanceNorm3d(), *VOLUME), (real(*VOLUME),))],
}
# One row and no settings; every dropout is checked as it is in eval(), where it is deterministic.
ELEMENTWISE = [
    "AlphaDropout", "CELU", "Dropout", "ELU", "GLU", "Hardshrink",
    "Hardsigmoid", "Hardswish", "Hardtanh", "LeakyReLU", "LogSigmoid", "Mish", "RReLU", "ReLU",
    "ReLU6", "SELU", "SiLU", "Sigmoid", "Softplus", "Softshrink", "Softsign", "Tanh", "Tanhshrink",
]  # fmt: skip
for _name in ELEMENTWISE:
    ROWS[_name] = [(getattr(nn, _name), (real(*ROW, low=-4.1, high=6.3),))]
# Those that only hold things, and the base of the cells, have no forward to differentiate.
WITHOUT: dict[str, Callable[[], Any]] = {
    "ModuleDict": nn.ModuleDict,
    "ModuleList": nn.ModuleList,
    "ParameterDict": nn.ParameterDict,
    "ParameterList": nn.ParameterList,
    "RNNCellBase": lambda: nn.RNNCellBase(4, 2, bias=True, num_chunks=1),
}
