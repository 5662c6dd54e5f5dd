"""The weights of a model's first layer as pictures: the pattern that each neuron detects."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mnist import nn
from tinygrad_mnist.report.png import data_uri, sheet

MOST = 60
# From a blue for the most negative weight over white to an orange for the most positive.
NEGATIVE, ZERO, POSITIVE = (5, 80, 174), (248, 248, 248), (202, 75, 2)


def palette() -> np.ndarray[Any, Any]:
    """Return 256 colours; number 128 is that of a weight of 0.

    >>> palette()[[0, 128, 255]].tolist()
    [[5, 80, 174], [248, 248, 248], [202, 75, 2]]
    """
    anchors = np.array([0.0, 128.0, 255.0])
    colors = np.array([NEGATIVE, ZERO, POSITIVE], float)
    steps = np.arange(256)
    columns = [np.interp(steps, anchors, colors[:, channel]) for channel in range(3)]
    return np.stack(columns, 1).round().astype(np.uint8)


def first_layer(model: nn.Module) -> dict[str, Any]:
    """Draw the weights of the first layer that has any: one picture per neuron or kernel.

    Each picture is scaled to its own largest weight. Where there are more than `MOST`,
    those with the largest weights are drawn.
    """
    weight = next(parameter for parameter in model.parameters() if parameter.ndim > 1)
    values = weight.detach().numpy().astype(np.float64)
    values = values.reshape(-1, *values.shape[-2:]) if values.ndim > 2 else values
    side = values.shape[-1] if values.ndim > 2 else 28
    values = values.reshape(-1, side, side)
    strength = np.sqrt((values**2).sum((1, 2)))
    chosen = np.sort(np.argsort(-strength, kind="stable")[:MOST])
    shown = values[chosen]
    largest = np.abs(shown).max((1, 2), keepdims=True)
    shades = 128 + np.clip(np.round(shown / np.maximum(largest, 1e-30) * 127), -128, 127)
    columns = min(len(shown), 10 if side == 28 else 8)
    picture = sheet(shades.astype(np.uint8), columns, fill=128, gap=1)
    return {
        "picture": data_uri(picture, palette()),
        "width": picture.shape[1],
        "height": picture.shape[0],
        "count": len(values),
        "shown": len(shown),
        "side": side,
        "kernels": weight.ndim > 2,
        "largest": float(np.abs(values).max()),
    }
