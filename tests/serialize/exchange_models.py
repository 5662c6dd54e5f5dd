"""Models that other libraries are asked about, and real images to ask them with."""

from typing import Any

import numpy as np

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.data import load_embedded
from tinygrad_mnist.models import RECIPES, build
from tinygrad_mnist.train.loop import model_outputs, rows_of

IMAGES = 300


def rows() -> np.ndarray:
    """Real test images as a model takes them."""
    return rows_of(load_embedded().test_images[:IMAGES])


def outputs(model: nn.Module, inputs: np.ndarray | None = None) -> np.ndarray:
    """Return the model's own outputs for the images."""
    return model_outputs(model, rows() if inputs is None else inputs)


def seeded(recipe: str, seed: int = 3) -> nn.Sequential:
    tg.manual_seed(seed)
    return build(RECIPES[recipe])


def with_batch_norm() -> nn.Sequential:
    """Convolution, batch norm that has seen real images, pooling and softmax."""
    tg.manual_seed(4)
    model = nn.Sequential(
        nn.Unflatten(1, (1, 28, 28)),
        nn.Conv2d(1, 6, 3, stride=2, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, padding=1),
        nn.Flatten(),
        nn.Linear(6 * 7 * 7, 20),
        nn.BatchNorm1d(20),
        nn.Tanh(),
        nn.Linear(20, 10),
        nn.Softmax(1),
    )
    for _ in range(5):
        model(tg.from_numpy(rows()))
    return model


def arrays(model: nn.Module) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in model.state_dict().items()}


def filled(model: nn.Module, state: dict[str, Any]) -> nn.Module:
    """The model with the state dict, whose every name has to fit."""
    model.load_state_dict(state)
    return model
