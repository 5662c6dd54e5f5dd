"""Signatures: equal for calls of which one may stand for the other."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mnist.autograd import modes
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.jit.guards import array_of
from tinygrad_mnist.jit.names import NUMBERS


def signature(value: Any) -> Any:
    """Return what must be the same of an argument: an array's layout, else type and value."""
    value = array_of(value)
    if isinstance(value, np.ndarray):
        return value.shape, value.dtype, value.strides
    if isinstance(value, (float, complex)):
        return type(value), repr(value)
    return (type(value), value) if isinstance(value, NUMBERS) else (type(value), id(value))


def kind_of(args: tuple[Any, ...]) -> Any:
    """Return what must be the same of a call for a tile to have as many rows."""
    arrays = [array_of(a) for a in args]
    return modes.current().grad, *(
        (a.shape[1:], a.dtype) if isinstance(a, np.ndarray) else signature(a) for a in arrays
    )


def usual(arg: Any) -> Any:
    """Return an array of a subclass, such as one mapped from a file, as a plain array on it."""
    return np.asarray(arg) if isinstance(arg, np.ndarray) else arg


def batch_rows(name: str, args: tuple[Any, ...]) -> int:
    """Return how many rows each array argument has; raise TypeError where the numbers differ."""
    arrays = [a for a in args if isinstance(a, (np.ndarray, Tensor))]
    counts = {a.shape[:1] for a in arrays}
    learns = [a for a in arrays if isinstance(a, Tensor) and a._node is not None]
    if len(counts) != 1 or () in counts or learns:
        raise TypeError(
            f"{name}: with tile_rows, arguments are arrays with a row for each "
            f"example and without gradients, not of shapes {[list(a.shape) for a in arrays]}"
        )
    return int(counts.pop()[0])
