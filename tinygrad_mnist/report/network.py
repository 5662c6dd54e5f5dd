"""A model for the page's own computation: its layers as data, its weights in base64."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from tinygrad_mnist import nn
from tinygrad_mnist.data.transforms import MNIST_MEAN, MNIST_STD
from tinygrad_mnist.models import Recipe

# Layers that change no value in evaluation: the page holds all values in one row anyway.
UNCHANGING = (nn.Dropout, nn.Flatten, nn.Unflatten)
ACTIVATIONS = {nn.ReLU: "relu", nn.Sigmoid: "sigmoid", nn.Tanh: "tanh"}


class Unsupported(ValueError):
    """A layer that the page cannot compute; the message names it."""


def network_of(model: nn.Module, recipe: Recipe) -> tuple[dict[str, Any], str]:
    """Describe a model for network.js: its layers, and float32 weights in base64.

    Each layer has the offset of its weights. Raises Unsupported for a layer that no recipe
    uses.
    """
    layers: list[dict[str, Any]] = []
    arrays: list[np.ndarray[Any, Any]] = []

    def add_weights(parameter: Any) -> int:
        start = sum(array.size for array in arrays)
        arrays.append(np.ascontiguousarray(parameter.detach().numpy(), "<f4").reshape(-1))
        return start

    for layer in model.children():
        kind = type(layer)
        if kind in UNCHANGING:
            continue
        if kind in ACTIVATIONS:
            layers.append({"kind": ACTIVATIONS[kind]})
        elif isinstance(layer, nn.Linear):
            outputs, inputs = layer.weight.shape
            layers.append({"kind": "linear", "inputs": inputs, "outputs": outputs})
            layers[-1] |= {"weight": add_weights(layer.weight), "bias": add_weights(layer.bias)}
        elif isinstance(layer, nn.Conv2d):
            outputs, inputs, side, _ = layer.weight.shape
            layers.append({"kind": "conv", "inputs": inputs, "outputs": outputs, "side": side})
            layers[-1] |= {"weight": add_weights(layer.weight), "bias": add_weights(layer.bias)}
        elif isinstance(layer, nn.MaxPool2d):
            layers.append({"kind": "pool", "side": 2})
        else:
            raise Unsupported(f"the page does not compute {kind.__name__}")
    weights = np.concatenate(arrays)
    about = {
        "layers": layers,
        "classes": list(recipe.classes),
        "mean": MNIST_MEAN,
        "std": MNIST_STD,
        "numbers": int(weights.size),
    }
    return about, base64.b64encode(weights.tobytes()).decode("ascii")
