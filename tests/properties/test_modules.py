"""Every module of nn, whole: each parameter by name, and the inputs, to second order."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import Tensor, nn
from tinygrad_mnist.testing.gradients.examine import examine
from tinygrad_mnist.testing.gradients.ruler import How

Build = Callable[[], Any]


def real(*shape: int, low: float = -2.0, high: float = 2.0) -> Tensor:
    """Float64 numbers that require grad, of which no two are equal."""
    count = int(np.prod(shape))
    data = np.random.default_rng(count).permutation(np.linspace(low, high, count))
    return tg.tensor(data.reshape(shape), requires_grad=True)


def fixed(*shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
    return real(*shape, low=low, high=high).detach()


def classes(*values: int) -> Tensor:
    return tg.tensor(list(values))


ROW, IMAGE, SIGNAL = (3, 4), (2, 2, 4, 4), (2, 2, 5)
SIGNS = tg.tensor(np.array([1.0, -1.0, 1.0]))

ROWS: dict[str, list[tuple[Build, tuple[Tensor, ...]]]] = {
    # Containers
    "ModuleDict": [],
    "ModuleList": [],
    "ParameterDict": [],
    "ParameterList": [],
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
    "MaxPool1d": [(lambda: nn.MaxPool1d(2), (real(*SIGNAL),))],
    "MaxPool2d": [
        (lambda: nn.MaxPool2d(2), (real(*IMAGE),)),
        (lambda: nn.MaxPool2d(3, stride=2, padding=1), (real(*IMAGE),)),
    ],
    "AvgPool1d": [(lambda: nn.AvgPool1d(2), (real(*SIGNAL),))],
    "AvgPool2d": [(lambda: nn.AvgPool2d(3, stride=2, padding=1), (real(*IMAGE),))],
    "AdaptiveAvgPool1d": [(lambda: nn.AdaptiveAvgPool1d(3), (real(*SIGNAL),))],
    "AdaptiveAvgPool2d": [(lambda: nn.AdaptiveAvgPool2d(3), (real(*IMAGE),))],
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
    # Normalising
    "BatchNorm1d": [
        (lambda: nn.BatchNorm1d(4), (real(*ROW),)),
        (lambda: nn.BatchNorm1d(4).eval(), (real(*ROW),)),
    ],
    "BatchNorm2d": [(lambda: nn.BatchNorm2d(2), (real(*IMAGE),))],
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
    "GRU": [(lambda: nn.GRU(3, 2, batch_first=True), (real(1, 2, 3),))],
    "LSTM": [(lambda: nn.LSTM(3, 2, bidirectional=True), (real(2, 1, 3),))],
    "MultiheadAttention": [
        (lambda: nn.MultiheadAttention(4, 2, batch_first=True), (real(1, 3, 4),) * 3)
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
}
# One row and no settings; every dropout is checked as it is in eval(), where it is deterministic.
ELEMENTWISE = [
    "AlphaDropout", "CELU", "Dropout", "ELU", "GLU", "Hardshrink",
    "Hardsigmoid", "Hardswish", "Hardtanh", "LeakyReLU", "LogSigmoid", "Mish", "RReLU", "ReLU",
    "ReLU6", "SELU", "SiLU", "Sigmoid", "Softplus", "Softshrink", "Softsign", "Tanh", "Tanhshrink",
]  # fmt: skip
for _name in ELEMENTWISE:
    ROWS[_name] = [(getattr(nn, _name), (real(*ROW, low=-4.1, high=6.3),))]

EXPORTED = {
    name
    for name, value in inspect.getmembers(nn)
    if inspect.isclass(value) and issubclass(value, nn.Module) and value is not nn.Module
}
CASES = [(name, case) for name, cases in ROWS.items() if name in EXPORTED for case in cases]


def test_every_module_has_a_row() -> None:
    assert not EXPORTED - set(ROWS), "give these a row in test_modules.py"
    assert not set(ROWS) - EXPORTED, "these rows describe no module"


@pytest.mark.parametrize(("name", "case"), CASES, ids=[name for name, _ in CASES])
def test_module(name: str, case: tuple[Build, tuple[Tensor, ...]]) -> None:
    build, inputs = case
    tg.manual_seed(7)
    module = build()
    if "Dropout" in name or name == "RReLU":
        module.eval()
    before = {key: value.numpy().copy() for key, value in module.state_dict().items()}
    first = examine(module, inputs)
    assert first, str(first)
    assert not first.kinks, str(first)
    assert first.entries > 0
    second = examine(module, inputs, How(fast=True), 2)
    assert second, str(second)
    for key, value in module.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[key])


def test_a_wrong_parameter_is_named() -> None:
    class Half(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(tg.tensor([1.0, 2.0]))
            self.shift = nn.Parameter(tg.tensor([0.5, 0.5]))

        def forward(self, x: Tensor) -> Tensor:
            return x * (self.scale.detach() + self.scale) / 2 + self.shift

    report = examine(Half(), real(3, 2))
    assert len(report.failures) == 1
    assert "'scale'" in report.failures[0] and "0.5 × numerical" in report.failures[0]
