"""The part of `fft` that has real results: frequencies, and the order of a spectrum."""

from __future__ import annotations

from typing import Any

from tinygrad_mnist.autograd.default_dtype import get_default_dtype
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.ops.arguments import Dim, creation, dims_of, public
from tinygrad_mnist.ops.create import arange
from tinygrad_mnist.ops.join import cat, roll

__all__ = ["fftfreq", "fftshift", "ifftshift", "rfftfreq"]


@creation
def fftfreq(n: int, d: float = 1.0, *, dtype: Any = None) -> Tensor:
    """The frequencies of the discrete Fourier transform of n samples, d apart; negative ones last.

    >>> fftfreq(4)
    tensor([ 0.0000,  0.2500, -0.5000, -0.2500])
    """
    dtype = dtype or get_default_dtype()
    half = (n + 1) // 2
    return cat([arange(half, dtype=dtype), arange(-(n // 2), 0, dtype=dtype)]) * (1.0 / (n * d))


@creation
def rfftfreq(n: int, d: float = 1.0, *, dtype: Any = None) -> Tensor:
    """The frequencies that are not negative."""
    return arange(n // 2 + 1, dtype=dtype or get_default_dtype()) * (1.0 / (n * d))


@public
def fftshift(input: Tensor, dim: Dim = None) -> Tensor:
    """The elements with frequency 0 in the middle of each of `dim` (all)."""
    dims = shifted_dims(input, dim)
    return roll(input, tuple(input.shape[d] // 2 for d in dims), dims)


@public
def ifftshift(input: Tensor, dim: Dim = None) -> Tensor:
    """The inverse of `fftshift`."""
    dims = shifted_dims(input, dim)
    return roll(input, tuple(-(input.shape[d] // 2) for d in dims), dims)


def shifted_dims(x: Tensor, dim: Dim) -> tuple[int, ...]:
    """The dims to shift."""
    if dim is None:
        return tuple(range(x.ndim))
    return dims_of(x.ndim, dim if isinstance(dim, (tuple, list)) else (dim,))
