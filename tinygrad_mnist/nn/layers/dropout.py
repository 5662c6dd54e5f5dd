"""Dropout: parts of the input set to zero in training, nothing in evaluation."""

from __future__ import annotations

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.nn import functional as F
from tinygrad_mnist.nn.module import Module


class Dropout(Module):
    """Each element zero with probability p, the others times 1 / (1 - p), in training alone."""

    shown = ("p", "inplace")

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p, self.inplace = p, inplace

    def forward(self, input: Tensor) -> Tensor:
        """`F.dropout`."""
        return F.dropout(input, self.p, self.training)


class Dropout1d(Dropout):
    """Whole channels of (n, c, length) dropped."""

    def forward(self, input: Tensor) -> Tensor:
        """`F.dropout1d`."""
        return F.dropout1d(input, self.p, self.training)


class Dropout2d(Dropout):
    """Whole channels of (n, c, height, width) dropped."""

    def forward(self, input: Tensor) -> Tensor:
        """`F.dropout2d`."""
        return F.dropout2d(input, self.p, self.training)


class AlphaDropout(Dropout):
    """Dropout that keeps mean and deviation, for SELU networks."""

    def forward(self, input: Tensor) -> Tensor:
        """`F.alpha_dropout`."""
        return F.alpha_dropout(input, self.p, self.training)
