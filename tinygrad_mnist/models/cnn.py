"""A convolutional network, which looks for the same small patterns everywhere in an image."""

from __future__ import annotations

from collections.abc import Sequence

from tinygrad_mnist import nn
from tinygrad_mnist.models.mlp import ACTIVATIONS, DIGITS, mlp

SIDE, KERNEL = 28, 5


def cnn(
    channels: Sequence[int] = (16, 32),
    hidden: Sequence[int] = (128,),
    outputs: int = DIGITS,
    activation: str = "relu",
    dropout: float = 0.25,
) -> nn.Sequential:
    """Build blocks of 5x5 convolution, activation and 2x2 max pooling, then an `mlp` on the result.

    Takes rows of 784 pixels, (N, 784), like every model here; returns logits, (N, outputs).

    >>> sum(p.numel() for p in cnn().parameters())
    80202
    """
    layers: list[nn.Module] = [nn.Unflatten(1, (1, SIDE, SIDE))]
    depth, side = 1, SIDE
    for width in channels:
        layers += [nn.Conv2d(depth, width, KERNEL), ACTIVATIONS[activation](), nn.MaxPool2d(2)]
        depth, side = width, (side - KERNEL + 1) // 2
    if dropout:
        layers.append(nn.Dropout(dropout))
    head = mlp(depth * side * side, hidden, outputs, activation, 2 * dropout)
    return nn.Sequential(*layers, nn.Flatten(), *head)
