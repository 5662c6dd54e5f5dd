"""Normal distributions of vectors: MultivariateNormal and LowRankMultivariateNormal."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.distributions import constraints
from tinygrad_mnist.distributions.distribution import Distribution
from tinygrad_mnist.distributions.tools import Size, lazy_property, one_of
from tinygrad_mnist.ops.create import eye
from tinygrad_mnist.ops.diagonal import diag_embed
from tinygrad_mnist.ops.linalg.factor import cholesky
from tinygrad_mnist.ops.linalg.older import cholesky_inverse
from tinygrad_mnist.ops.linalg.solve import solve_triangular
from tinygrad_mnist.ops.random import randn

__all__ = ["LowRankMultivariateNormal", "MultivariateNormal"]

LOG_2PI = math.log(2 * math.pi)


def times(matrix: Tensor, vector: Tensor) -> Tensor:
    """Multiply matrices by vectors."""
    return (matrix @ vector.unsqueeze(-1)).squeeze(-1)


def mahalanobis(lower: Tensor, x: Tensor) -> Tensor:
    """Return the squared length of inv(lower) x."""
    if lower.ndim == 2:  # one triangle for all of them: one system
        columns = solve_triangular(lower, x.reshape(-1, x.shape[-1]).mT, upper=False)
        return (columns**2).sum(0).reshape(x.shape[:-1])
    lead = np.broadcast_shapes(lower.shape[:-2], x.shape[:-1])
    x = x.expand(*lead, x.shape[-1]).unsqueeze(-1)
    return (solve_triangular(lower, x, upper=False) ** 2).sum((-2, -1))


def half_log_det(lower: Tensor) -> Tensor:
    """Return the logarithm of the determinant of a triangular matrix."""
    return lower.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def squares(x: Tensor) -> Tensor:
    """Return the trace of x x': the sum of the squares of a matrix."""
    return (x**2).sum((-2, -1))


def precision_to_scale_tril(p: Tensor) -> Tensor:
    """Return the Cholesky factor of inv(p), without inverting p."""
    flipped = cholesky(p.flip((-2, -1))).flip((-2, -1)).mT
    return solve_triangular(flipped, eye(p.shape[-1], dtype=p.dtype), upper=False)


def lower_factor(name: str, matrix: Tensor) -> Tensor:
    """Return the lower Cholesky factor of the covariance, from the parameter called `name`."""
    if name == "scale_tril":
        return matrix
    return cholesky(matrix) if name == "covariance_matrix" else precision_to_scale_tril(matrix)


class OfMatrix(Distribution):
    """The base of distributions whose parameter is an n by n covariance matrix."""

    def _wide(self, matrix: Tensor) -> Tensor:
        n = self._event_shape[-1]
        return matrix.expand(*self._batch_shape, n, n)


class OfFactor(OfMatrix):
    """The base of distributions that compute with `_lower`, the covariance's Cholesky factor."""

    _lower: Tensor

    @staticmethod
    def _only_matrix(**matrices: Tensor | None) -> tuple[str, Tensor]:
        """Return (name, matrix) of the only one that is not None."""
        name = one_of(
            "Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.",
            **matrices,
        )
        matrix: Any = matrices[name]
        if matrix.ndim < 2:
            raise ValueError(
                f"{name} must be at least two-dimensional, with optional leading batch dimensions"
            )
        return name, matrix

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The lower Cholesky factor of the covariance."""
        return self._wide(self._lower)

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """The covariance."""
        return self._wide(self._lower @ self._lower.mT)

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariance."""
        return self._wide(cholesky_inverse(self._lower))


class MultivariateNormal(OfFactor):
    """MultivariateNormal(loc, one of covariance_matrix, precision_matrix, scale_tril).

    All computations use `scale_tril`, the lower Cholesky factor of the covariance.

    >>> import tinygrad_mnist as tg
    >>> tg.distributions.MultivariateNormal(tg.zeros(2), tg.eye(2)).log_prob(tg.zeros(2))
    tensor(-1.8379)
    """

    arg_constraints: Any = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        loc: Tensor,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if loc.ndim < 1:
            raise ValueError("loc must be at least one-dimensional.")
        name, matrix = self._only_matrix(
            covariance_matrix=covariance_matrix,
            precision_matrix=precision_matrix,
            scale_tril=scale_tril,
        )
        batch = np.broadcast_shapes(matrix.shape[:-2], loc.shape[:-1])
        vars(self)[name] = matrix.expand(*batch, *matrix.shape[-2:])
        self.loc = loc.expand(*batch, loc.shape[-1])
        super().__init__(batch, loc.shape[-1:], validate_args=validate_args)
        self._lower = lower_factor(name, matrix)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return (self._lower**2).sum(-1).expand(*self._batch_shape, *self._event_shape)

    def rsample(self, sample_shape: Size = ()) -> Tensor:
        noise = randn(self._extended_shape(sample_shape), dtype=self.loc.dtype)
        return self.loc + times(self._lower, noise)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        distance = mahalanobis(self._lower, value - self.loc)
        return -(self._event_shape[0] * LOG_2PI + distance) / 2 - half_log_det(self._lower)

    def entropy(self) -> Tensor:
        constant = self._event_shape[0] * (1 + LOG_2PI) / 2
        return (half_log_det(self._lower) + constant).expand(self._batch_shape)


class LowRankMultivariateNormal(OfMatrix):
    """LowRankMultivariateNormal(loc, W, d): covariance W W' + diag(d), by Woodbury's identity.

    The matrix that is factored is I + W' diag(1 / d) W, as large as the rank of W.
    """

    arg_constraints: Any = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self, loc: Tensor, cov_factor: Tensor, cov_diag: Tensor, validate_args: bool | None = None
    ) -> None:
        if loc.ndim < 1:
            raise ValueError("loc must be at least one-dimensional.")
        n = loc.shape[-1]
        if cov_factor.ndim < 2:
            raise ValueError(
                "cov_factor must be at least two-dimensional, with optional leading batch "
                "dimensions"
            )
        if cov_factor.shape[-2] != n:
            raise ValueError(f"cov_factor must be a batch of matrices with shape {n} x m")
        if cov_diag.shape[-1:] != (n,):
            raise ValueError(f"cov_diag must be a batch of vectors with shape {(n,)}")
        shapes = loc.shape[:-1], cov_factor.shape[:-2], cov_diag.shape[:-1]
        try:
            batch = np.broadcast_shapes(*shapes)
        except ValueError:
            raise ValueError(
                f"Incompatible batch shapes: loc {loc.shape}, cov_factor {cov_factor.shape}, "
                f"cov_diag {cov_diag.shape}"
            ) from None
        self.loc = loc.expand(*batch, n)
        self.cov_factor = cov_factor.expand(*batch, *cov_factor.shape[-2:])
        self.cov_diag = cov_diag.expand(*batch, n)
        self._w, self._d = cov_factor, cov_diag
        scaled = self._scaled()
        self._capacitance = cholesky(scaled @ cov_factor + eye(scaled.shape[-2], dtype=loc.dtype))
        super().__init__(batch, (n,), validate_args=validate_args)

    def _scaled(self) -> Tensor:
        """W' diag(1 / d)."""
        return self._w.mT / self._d.unsqueeze(-2)

    def _log_det(self) -> Tensor:
        return 2 * half_log_det(self._capacitance) + self._d.log().sum(-1)

    def _distance(self, x: Tensor) -> Tensor:
        inner = mahalanobis(self._capacitance, times(self._scaled(), x))
        return (x**2 / self._d).sum(-1) - inner

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        value = (self._w**2).sum(-1) + self._d
        return value.expand(*self._batch_shape, *self._event_shape)

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The lower Cholesky factor of the covariance."""
        root = self._d.sqrt().unsqueeze(-1)
        w = self._w / root
        return self._wide(root * cholesky(w @ w.mT + eye(w.shape[-2], dtype=w.dtype)))

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """The covariance."""
        return self._wide(self._w @ self._w.mT + diag_embed(self._d))

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariance."""
        a = solve_triangular(self._capacitance, self._scaled(), upper=False)
        return self._wide(diag_embed(1 / self._d) - a.mT @ a)

    def rsample(self, sample_shape: Size = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        along = randn((*shape[:-1], self._w.shape[-1]), dtype=self.loc.dtype)
        own = randn(shape, dtype=self.loc.dtype)
        return self.loc + times(self._w, along) + self._d.sqrt() * own

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        distance = self._distance(value - self.loc)
        return -(self._event_shape[0] * LOG_2PI + self._log_det() + distance) / 2

    def entropy(self) -> Tensor:
        value = (self._event_shape[0] * (1 + LOG_2PI) + self._log_det()) / 2
        return value.expand(self._batch_shape)
