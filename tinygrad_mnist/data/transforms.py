"""From stored bytes to the inputs of a model."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.data.idx import DataError

MNIST_MEAN, MNIST_STD = 0.1307, 0.3081  # of the pixels of the 60,000 training images, in [0, 1]


def normalize(
    images: NDArray[np.uint8], mean: float = 0.0, std: float = 1.0
) -> NDArray[np.float32]:
    """Return `(images / 255 - mean) / std` in float32, of the same shape; by default in [0, 1].

    `MNIST_MEAN` and `MNIST_STD` give the training pixels mean 0 and standard deviation 1.
    Raises `DataError` for anything but uint8: scaled images must not be scaled again.

    >>> import numpy as np
    >>> normalize(np.array([0, 51, 255], np.uint8))
    array([0. , 0.2, 1. ], dtype=float32)
    """
    if images.dtype != np.uint8:
        raise DataError(f"normalize takes uint8 pixels of 0 to 255, not {images.dtype}")
    scaled = np.divide(images, np.float32(255), dtype=np.float32)
    if mean != 0:
        scaled -= np.float32(mean)
    if std != 1:
        scaled /= np.float32(std)
    return scaled


def as_inputs(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return uint8 images (N, 28, 28) as flat float32 rows (N, 784) in [0, 1].

    >>> import numpy as np
    >>> as_inputs(np.zeros((2, 28, 28), np.uint8)).shape
    (2, 784)
    """
    return normalize(images).reshape(len(images), math.prod(images.shape[1:]))


def one_hot(labels: NDArray[np.integer[Any]], classes: int = 10) -> NDArray[np.float32]:
    """Return labels (N,) as float32 rows (N, classes), 1 in the label's column and 0 elsewhere.

    Raises `DataError` when a label is not in 0 to classes - 1.

    >>> import numpy as np
    >>> one_hot(np.array([2, 0]), classes=3)
    array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    """
    if labels.size and (labels.min() < 0 or labels.max() >= classes):
        raise DataError(
            f"labels must be 0 to {classes - 1}; they span {labels.min()} to {labels.max()}"
        )
    hot = np.zeros((len(labels), classes), np.float32)
    hot[np.arange(len(labels)), labels] = 1
    return hot
