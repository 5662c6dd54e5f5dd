"""Flatten all parameters to one vector, and write a vector's pieces back into parameters."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tinygrad_mnist.autograd import Tensor, writes
from tinygrad_mnist.autograd.tensor import refuse_unrecorded
from tinygrad_mnist.ops import join, shape

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """Return all Parameters, flattened, one after the other in one vector."""
    return join.cat([shape.reshape(p, (-1,)) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Write a vector's pieces into the Parameters; ValueError if the sizes do not add up."""
    params = list(parameters)
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected a Tensor, but got: {type(vec).__name__}")
    total = sum(p._data.size for p in params)
    if vec.shape != (total,):
        raise ValueError(f"the vector has shape {list(vec.shape)}, the parameters {total} elements")
    refuse_unrecorded("vector_to_parameters()")
    start = 0
    for p in params:
        piece = vec._data[start : start + p._data.size]
        np.copyto(p._data, piece.reshape(p.shape))
        writes.stamp(p._data)
        start += p._data.size
