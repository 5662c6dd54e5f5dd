"""modules(): small networks with an input that fits, drawn by hypothesis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import numpy as np

from tinygrad_mnist import nn
from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.autograd.tensor import wrap
from tinygrad_mnist.testing.strategies import tensors

Layer = Callable[[tuple[int, ...]], nn.Module]

# Layers that can follow a value of shape (rows, features) or (images, channels, height, width).
ON_ROWS: dict[str, Layer] = {
    "linear": lambda shape: nn.Linear(shape[1], 2),
    "linear without bias": lambda shape: nn.Linear(shape[1], 3, bias=False),
    "layer norm": lambda shape: nn.LayerNorm(shape[1]),
    "batch norm": lambda shape: nn.BatchNorm1d(shape[1]),
    "relu": lambda shape: nn.ReLU(),
    "tanh": lambda shape: nn.Tanh(),
    "gelu": lambda shape: nn.GELU(),
    "sigmoid": lambda shape: nn.Sigmoid(),
    "log softmax": lambda shape: nn.LogSoftmax(dim=1),
}
ON_IMAGES: dict[str, Layer] = {
    "conv": lambda shape: nn.Conv2d(shape[1], 2, 2, padding=1),
    "strided conv": lambda shape: nn.Conv2d(shape[1], 3, 2, stride=2, padding=1),
    "max pool": lambda shape: nn.MaxPool2d(2, stride=1, padding=1),
    "mean pool": lambda shape: nn.AvgPool2d(2, stride=1, padding=1),
    "batch norm": lambda shape: nn.BatchNorm2d(shape[1]),
    "relu": lambda shape: nn.ReLU(),
    "flatten": lambda shape: nn.Flatten(),
}


@st.composite
def modules(draw: st.DrawFn, /, max_layers: int = 3) -> tuple[nn.Sequential, Tensor]:
    """Draw a Sequential of one to `max_layers` layers, and an input: rows, or small images.

    Parameters are numbers from -1 to 1, the same for the same layers; the input requires grad.

    >>> modules().example()  # doctest: +SKIP
    (Sequential(
      (0): Linear(in_features=1, out_features=2, bias=True)
    ), tensor([[1.]], dtype=torch.float64, requires_grad=True))
    """
    shapes = st.sampled_from([(2, 3), (3, 2), (2, 1, 2, 2), (2, 2, 3, 2)])
    x = draw(tensors(draw(shapes), distinct=True))
    layers: list[nn.Module] = []
    shape = x.shape
    for _ in range(draw(st.integers(1, max_layers))):
        catalogue = ON_IMAGES if len(shape) == 4 else ON_ROWS
        layer = catalogue[draw(st.sampled_from(sorted(catalogue)))](shape)
        layers.append(layer)
        shape = layer(wrap(np.zeros(shape, np.float32))).shape
    model = nn.Sequential(*layers)
    rng = np.random.default_rng(len(layers))
    for parameter in model.parameters():
        parameter._data[...] = rng.uniform(-1, 1, parameter.shape)
    return model, x


def is_module(value: Any) -> bool:
    """Tell whether a value is a module and its input, as `modules()` draws them."""
    return isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], nn.Module)
