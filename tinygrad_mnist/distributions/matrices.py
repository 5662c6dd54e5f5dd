"""Distributions of matrices: Wishart, and LKJCholesky for correlations."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.modes import no_grad
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.distributions import constraints
from tinygrad_mnist.distributions.distribution import Distribution, ExponentialFamily
from tinygrad_mnist.distributions.gamma import Chi2
from tinygrad_mnist.distributions.multivariate import OfFactor, half_log_det, lower_factor
from tinygrad_mnist.distributions.simplex import Beta
from tinygrad_mnist.distributions.tools import (
    Size,
    broadcast_all,
    choose,
    eps,
    padded,
    tiny,
)  # fmt: skip
from tinygrad_mnist.ops.create import arange, tensor
from tinygrad_mnist.ops.diagonal import diag_embed
from tinygrad_mnist.ops.linalg.measure import slogdet
from tinygrad_mnist.ops.linalg.older import cholesky_solve
from tinygrad_mnist.ops.random import randn
from tinygrad_mnist.ops.special import lgamma, multigammaln

__all__ = ["LKJCholesky", "Wishart"]


class Wishart(OfFactor, ExponentialFamily):
    """Wishart(df, one of covariance_matrix, precision_matrix, scale_tril): sums of normal x x'.

    Samples are drawn by Bartlett's decomposition: a triangle of chi and normal variables.
    """

    support = constraints.positive_definite
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(
        self,
        df: Any,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        name, matrix = self._only_matrix(
            covariance_matrix=covariance_matrix,
            precision_matrix=precision_matrix,
            scale_tril=scale_tril,
        )
        df = df if isinstance(df, Tensor) else tensor(float(df), dtype=matrix.dtype)
        batch, n = np.broadcast_shapes(matrix.shape[:-2], df.shape), matrix.shape[-1]
        self.df = df.expand(batch)
        if (self.df.detach() <= n - 1).any():
            raise ValueError(f"Value of df={df} expected to be greater than ndim - 1 = {n - 1}.")
        if (self.df.detach() < n).any():
            warnings.warn(
                "Low df values detected. Singular samples are highly likely to occur for ndim - 1 "
                "< df < ndim.",
                stacklevel=2,
            )
        vars(self)[name] = matrix.expand(*batch, n, n)
        self._event_shape = (n, n)
        super().__init__(batch, (n, n), validate_args=validate_args)
        self._lower = lower_factor(name, matrix)

    @property
    def arg_constraints(self) -> Any:
        return {
            "covariance_matrix": constraints.positive_definite,
            "precision_matrix": constraints.positive_definite,
            "scale_tril": constraints.lower_cholesky,
            "df": constraints.greater_than(self._event_shape[-1] - 1),
        }

    @property
    def mean(self) -> Tensor:
        return self.df[..., None, None] * self.covariance_matrix

    @property
    def mode(self) -> Tensor:
        factor = self.df - self._event_shape[0] - 1
        return choose(factor <= 0, math.nan, factor)[..., None, None] * self.covariance_matrix

    @property
    def variance(self) -> Tensor:
        v = self.covariance_matrix
        diagonal = v.diagonal(dim1=-2, dim2=-1)
        outer = diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2)
        return self.df[..., None, None] * (v**2 + outer)

    def rsample(self, sample_shape: Size = ()) -> Tensor:
        n = self._event_shape[0]
        df = self.df.unsqueeze(-1) - arange(n, dtype=self.df.dtype)
        chi = Chi2(df, validate_args=False).rsample(sample_shape).clamp(min=eps(df)).sqrt()
        below = randn(self._extended_shape(sample_shape), dtype=df.dtype).tril(-1)
        lower = self._lower @ (diag_embed(chi) + below)
        return lower @ lower.mT

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        df, n = self.df, self._event_shape[0]
        trace = cholesky_solve(value, self._lower).diagonal(dim1=-2, dim2=-1).sum(-1)
        norm = df * (n * math.log(2) / 2 + half_log_det(self._lower)) + multigammaln(df / 2, n)
        return (df - n - 1) / 2 * slogdet(value).logabsdet - trace / 2 - norm

    def entropy(self) -> Tensor:
        df, n = self.df, self._event_shape[0]
        halves = df.unsqueeze(-1) / 2 - arange(n, dtype=df.dtype) / 2
        log_det = (n + 1) * (n * math.log(2) / 2 + half_log_det(self._lower))
        slopes = (df - n - 1) / 2 * halves.digamma().sum(-1)
        return log_det + multigammaln(df / 2, n) - slopes + df * n / 2

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return -self.precision_matrix / 2, (self.df - self._event_shape[0] - 1) / 2

    def _log_normalizer(self, x: Tensor, y: Tensor) -> Tensor:
        n = self._event_shape[0]
        more = y + (n + 1) / 2
        gap = n * math.log(2) - slogdet(-2 * x).logabsdet
        return more * gap + multigammaln(more, n)


class LKJCholesky(Distribution):
    """LKJCholesky(dim, concentration): Cholesky factors of random correlation matrices.

    The matrices have the density det(c)^(concentration - 1). D. Lewandowski, D. Kurowicka, H. Joe,
    Generating random correlation matrices (onion method), 2009.
    """

    arg_constraints: Any = {"concentration": constraints.positive}
    support = constraints.corr_cholesky

    def __init__(
        self, dim: int, concentration: Any = 1.0, validate_args: bool | None = None
    ) -> None:
        if dim < 2:
            raise ValueError(
                f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}."
            )
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        super().__init__(self.concentration.shape, (dim, dim), validate_args=validate_args)

    def sample(self, sample_shape: Size = ()) -> Tensor:
        with no_grad():
            offset = padded(arange(self.dim - 1, dtype=self.concentration.dtype), left=0.0)
            above = self.concentration.unsqueeze(-1) + (self.dim - 2) / 2 - offset / 2
            radius = Beta(offset + 0.5, above, validate_args=False).sample(sample_shape)
            shape = self._extended_shape(sample_shape)
            direction = randn(shape, dtype=radius.dtype).tril(-1)
            length = direction.norm(dim=-1, keepdim=True)
            direction = choose(length == 0, 0.0, direction / choose(length == 0, 1.0, length))
            w = radius.unsqueeze(-1).sqrt() * direction
            diagonal = (1 - (w**2).sum(-1)).clamp(min=tiny(w)).sqrt()
            return w + diag_embed(diagonal)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        below, alpha = self.dim - 1, self.concentration + (self.dim - 1) / 2
        order = self.dim - arange(2, self.dim + 1, dtype=self.concentration.dtype)
        order = 2 * (self.concentration - 1).unsqueeze(-1) + order
        diagonal = value.diagonal(dim1=-2, dim2=-1)[..., 1:]
        norm = below * math.log(math.pi) / 2 + multigammaln(alpha - 0.5, below)
        return (order * diagonal.log()).sum(-1) - norm + lgamma(alpha) * below
