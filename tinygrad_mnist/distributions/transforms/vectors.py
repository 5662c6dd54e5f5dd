"""Transforms of vectors and matrices: to the simplex, to Cholesky factors."""

from __future__ import annotations

import math
from typing import Any

from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.distributions import constraints
from tinygrad_mnist.distributions.tools import (
    Size,
    eps,
    padded,
    tiny,
    tril_matrix_to_vec,
    vec_to_tril_matrix,
)  # fmt: skip
from tinygrad_mnist.distributions.transforms.elementwise import SettingFree, clipped_sigmoid
from tinygrad_mnist.ops import table
from tinygrad_mnist.ops.activation import logsigmoid
from tinygrad_mnist.ops.create import arange, eye
from tinygrad_mnist.ops.diagonal import diag_embed
from tinygrad_mnist.ops.linalg.factor import cholesky
from tinygrad_mnist.ops.reduce import softmax

__all__ = [
    "CorrCholeskyTransform", "LowerCholeskyTransform", "PositiveDefiniteTransform",
    "SoftmaxTransform", "StickBreakingTransform",
]  # fmt: skip


class _Vector(SettingFree):
    """The base of transforms of vectors, which have no sign."""

    domain: Any = constraints.real_vector

    @property
    def sign(self) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no sign")


def at_least(shape: Size, dims: int) -> Size:
    """Return the shape; ValueError if it has fewer than `dims` dimensions."""
    if len(shape) < dims:
        raise ValueError("Too few dimensions on input")
    return shape


class SoftmaxTransform(_Vector):
    """softmax(x), with the logarithm as its inverse; not bijective."""

    codomain = constraints.simplex
    bijective = False

    def _call(self, x: Tensor) -> Tensor:
        return softmax(x, -1)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()

    def forward_shape(self, shape: Size) -> tuple[int, ...]:
        return tuple(at_least(shape, 1))

    inverse_shape = forward_shape


class StickBreakingTransform(_Vector):
    """Vectors to the simplex of one more dimension, breaking a stick by sigmoids."""

    codomain = constraints.simplex

    def _offset(self, n: int, like: Tensor) -> Tensor:
        return arange(n, 0, -1, dtype=like.dtype).log()

    def _call(self, x: Tensor) -> Tensor:
        z = clipped_sigmoid(x - self._offset(x.shape[-1], x))
        return padded(z, right=1.0) * padded((1 - z).cumprod(-1), left=1.0)

    def _inverse(self, y: Tensor) -> Tensor:
        broken_off = y[..., :-1]
        remainder = (1 - broken_off.cumsum(-1)).clamp(min=tiny(y))
        return broken_off.log() - remainder.log() + self._offset(broken_off.shape[-1], y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        x = x - self._offset(x.shape[-1], x)
        return (-x + logsigmoid(x) + y[..., :-1].log()).sum(-1)

    def forward_shape(self, shape: Size) -> tuple[int, ...]:
        at_least(shape, 1)
        return (*shape[:-1], shape[-1] + 1)

    def inverse_shape(self, shape: Size) -> tuple[int, ...]:
        at_least(shape, 1)
        return (*shape[:-1], shape[-1] - 1)


class LowerCholeskyTransform(_Vector):
    """Matrices to lower triangles, the diagonal made positive by exp."""

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.lower_cholesky
    bijective = False

    def _call(self, x: Tensor) -> Tensor:
        return x.tril(-1) + diag_embed(x.diagonal(dim1=-2, dim2=-1).exp())

    def _inverse(self, y: Tensor) -> Tensor:
        return y.tril(-1) + diag_embed(y.diagonal(dim1=-2, dim2=-1).log())


class PositiveDefiniteTransform(_Vector):
    """Matrices to positive-definite ones: L L', where L is LowerCholeskyTransform's result."""

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.positive_definite
    bijective = False

    def _call(self, x: Tensor) -> Tensor:
        lower = LowerCholeskyTransform()(x)
        return lower @ lower.mT

    def _inverse(self, y: Tensor) -> Tensor:
        return LowerCholeskyTransform().inv(cholesky(y))


class CorrCholeskyTransform(_Vector):
    """Vectors of D (D - 1) / 2 numbers to Cholesky factors of correlation matrices.

    Each row is a stick of length 1, broken by tanh.
    """

    codomain = constraints.corr_cholesky

    def _call(self, x: Tensor) -> Tensor:
        r = vec_to_tril_matrix(x.tanh().clamp(-1 + eps(x), 1 - eps(x)), -1)
        remainder = (1 - r**2).sqrt().cumprod(-1)
        r = r + eye(r.shape[-1], dtype=r.dtype)
        return r * padded(remainder[..., :-1], left=1.0)

    def _inverse(self, y: Tensor) -> Tensor:
        remainder = padded((1 - (y * y).cumsum(-1))[..., :-1], left=1.0)
        t = tril_matrix_to_vec(y, -1) / tril_matrix_to_vec(remainder, -1).sqrt()
        return (t.log1p() - (-t).log1p()) / 2

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        remainder = tril_matrix_to_vec(1 - (y * y).cumsum(-1), -2)
        slopes = -2 * (x + table.softplus(-2 * x) - math.log(2)).sum(-1)
        return remainder.log().sum(-1) / 2 + slopes

    def forward_shape(self, shape: Size) -> tuple[int, ...]:
        n = at_least(shape, 1)[-1]
        d = round((0.25 + 2 * n) ** 0.5 + 0.5)
        if d * (d - 1) // 2 != n:
            raise ValueError("Input is not a flattened lower-diagonal number")
        return (*shape[:-1], d, d)

    def inverse_shape(self, shape: Size) -> tuple[int, ...]:
        if at_least(shape, 2)[-2] != shape[-1]:
            raise ValueError("Input is not square")
        return (*shape[:-2], shape[-1] * (shape[-1] - 1) // 2)
