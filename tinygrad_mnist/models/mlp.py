"""From one neuron to a deep network: layers of neurons, each fed by the one before.

Each model takes images as rows of 784 pixels, (N, 784), and returns logits: (N, 10), or (N, 1) for
the neuron. Sigmoid and softmax are in the loss, where they are stable.
"""

from __future__ import annotations

from collections.abc import Sequence

from tinygrad_mnist import nn

PIXELS, DIGITS = 28 * 28, 10

ACTIVATIONS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}


def neuron() -> nn.Sequential:
    """Build one neuron: one weight per pixel, and a bias. sigmoid(output) is P("yes").

    >>> sum(p.numel() for p in neuron().parameters())
    785
    """
    return mlp(PIXELS, [], 1)


def shallow(hidden: int = 128, activation: str = "relu") -> nn.Sequential:
    """Build a network with one hidden layer.

    >>> shallow(128)
    Sequential(
      (0): Linear(in_features=784, out_features=128, bias=True)
      (1): ReLU()
      (2): Linear(in_features=128, out_features=10, bias=True)
    )
    """
    return mlp(PIXELS, [hidden], DIGITS, activation)


def deep(
    hidden: Sequence[int] = (256, 128, 64), activation: str = "relu", dropout: float = 0.0
) -> nn.Sequential:
    """Build a network with several hidden layers."""
    return mlp(PIXELS, hidden, DIGITS, activation, dropout)


def mlp(
    inputs: int,
    hidden: Sequence[int],
    outputs: int,
    activation: str = "relu",
    dropout: float = 0.0,
) -> nn.Sequential:
    """Build a multi-layer perceptron: Linear layers of the `hidden` sizes, then `outputs`.

    The activation ("relu", "sigmoid" or "tanh") follows each hidden layer, and dropout of that
    probability if it is not 0. Raises KeyError for another activation.

    >>> [tuple(p.shape) for p in mlp(784, [100], 10).parameters()]
    [(100, 784), (100,), (10, 100), (10,)]
    """
    layers: list[nn.Module] = []
    for size in hidden:
        layers += [nn.Linear(inputs, size), ACTIVATIONS[activation]()]
        if dropout:
            layers.append(nn.Dropout(dropout))
        inputs = size
    return nn.Sequential(*layers, nn.Linear(inputs, outputs))
