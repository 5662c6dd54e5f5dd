"""Distributions of probabilities: Dirichlet, Beta, ContinuousBernoulli."""

from __future__ import annotations

import math
from typing import Any

from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.distributions import constraints
from tinygrad_mnist.distributions.distribution import ExponentialFamily
from tinygrad_mnist.distributions.tools import (
    EITHER,
    Size,
    binary_entropy,
    broadcast_all,
    choose,
    clamp_probs,
    eps,
    lazy_property,
    logits_to_probs,
    one_of,
    probs_to_logits,
    tiny,
)  # fmt: skip
from tinygrad_mnist.ops import further, table
from tinygrad_mnist.ops.elementwise import xlogy
from tinygrad_mnist.ops.join import stack
from tinygrad_mnist.ops.random import rand, rng_of
from tinygrad_mnist.ops.special import lgamma

__all__ = ["Beta", "ContinuousBernoulli", "Dirichlet"]


class Dirichlet(ExponentialFamily):
    """Dirichlet(concentration): proportional to the product of x_i^(a_i - 1), on the simplex.

    The gradient of a sample is implicit, as in PyTorch: each element moves as a beta variable, and
    the others shrink in proportion.
    """

    arg_constraints: Any = {"concentration": constraints.independent(constraints.positive, 1)}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, concentration: Tensor, validate_args: bool | None = None) -> None:
        if concentration.ndim < 1:
            raise ValueError("`concentration` parameter must be at least one-dimensional.")
        self.concentration = concentration
        shape = concentration.shape
        super().__init__(shape[:-1], shape[-1:], validate_args=validate_args)

    def rsample(self, sample_shape: Size = ()) -> Tensor:
        a = self.concentration.expand(self._extended_shape(sample_shape))
        gammas = further.gammas(a.detach(), rng=rng_of(None))
        x = gammas / gammas.sum(-1, keepdim=True)
        return further.dirichlet_drawn(a, x.clamp(tiny(x), 1 - eps(x) / 2))

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        a = self.concentration
        return xlogy(a - 1, value).sum(-1) + lgamma(a.sum(-1)) - lgamma(a).sum(-1)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.concentration.sum(-1, keepdim=True)

    @property
    def mode(self) -> Tensor:
        excess = (self.concentration - 1).clamp(min=0)
        interior = excess / excess.sum(-1, keepdim=True)
        at_corner = (self.concentration < 1).all(-1, keepdim=True)
        corner = table.one_hot(
            interior.detach().nan_to_num(-1.0).argmax(-1), count=self.concentration.shape[-1]
        ).to(self.concentration.dtype)
        return choose(at_corner, corner, interior)

    @property
    def variance(self) -> Tensor:
        a, total = self.concentration, self.concentration.sum(-1, keepdim=True)
        return a * (total - a) / (total**2 * (total + 1))

    def entropy(self) -> Tensor:
        a, total, k = self.concentration, self.concentration.sum(-1), self.event_shape[0]
        return (
            lgamma(a).sum(-1) - lgamma(total) - (k - total) * total.digamma()
            - ((a - 1) * a.digamma()).sum(-1)
        )  # fmt: skip

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (self.concentration,)

    def _log_normalizer(self, x: Tensor) -> Tensor:
        return lgamma(x).sum(-1) - lgamma(x.sum(-1))


class Beta(ExponentialFamily):
    """Beta(concentration1, concentration0): proportional to x^(a - 1) (1 - x)^(b - 1)."""

    arg_constraints: Any = {
        "concentration1": constraints.positive,
        "concentration0": constraints.positive,
    }
    support = constraints.unit_interval
    has_rsample = True

    def __init__(
        self, concentration1: Any, concentration0: Any, validate_args: bool | None = None
    ) -> None:
        concentration = stack(list(broadcast_all(concentration1, concentration0)), -1)
        self._dirichlet = Dirichlet(concentration, validate_args=validate_args)
        super().__init__(self._dirichlet.batch_shape, validate_args=validate_args)

    @property
    def concentration1(self) -> Any:
        """The power of x, plus 1."""
        return self._dirichlet.concentration[..., 0]

    @property
    def concentration0(self) -> Any:
        """The power of 1 - x, plus 1."""
        return self._dirichlet.concentration[..., 1]

    @property
    def mean(self) -> Tensor:
        return self._dirichlet.mean[..., 0]

    @property
    def mode(self) -> Tensor:
        return self._dirichlet.mode[..., 0]

    @property
    def variance(self) -> Tensor:
        return self._dirichlet.variance[..., 0]

    def rsample(self, sample_shape: Size = ()) -> Tensor:
        return self._dirichlet.rsample(sample_shape)[..., 0]

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        a, b = self.concentration1, self.concentration0
        norm = lgamma(a + b) - lgamma(a) - lgamma(b)
        return xlogy(a - 1, value) + xlogy(b - 1, 1 - value) + norm

    def entropy(self) -> Tensor:
        return self._dirichlet.entropy()

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return self.concentration1, self.concentration0

    def _log_normalizer(self, x: Tensor, y: Tensor) -> Tensor:
        return lgamma(x) + lgamma(y) - lgamma(x + y)


class ContinuousBernoulli(ExponentialFamily):
    """ContinuousBernoulli(probs or logits): proportional to p^x (1 - p)^(1 - x), on [0, 1].

    G. Loaiza-Ganem and J. P. Cunningham, The continuous Bernoulli, 2019. Near p = 1/2, within
    `lims`, the formulas are Taylor series.
    """

    arg_constraints: Any = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(
        self,
        probs: Any = None,
        logits: Any = None,
        lims: tuple[float, float] = (0.499, 0.501),
        validate_args: bool | None = None,
    ) -> None:
        self._lims = lims
        if one_of(EITHER, probs=probs, logits=logits) == "probs":
            (values,) = broadcast_all(probs)
            if validate_args and not constraints.unit_interval.check(values.detach()).all():
                raise ValueError("The parameter probs has invalid values")
            self.probs = clamp_probs(values)
        else:
            (self.logits,) = broadcast_all(logits)
        shape = (self.probs if probs is not None else self.logits).shape
        super().__init__(shape, validate_args=validate_args)

    @lazy_property
    def logits(self) -> Tensor:
        """log(p / (1 - p))."""
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self) -> Tensor:
        """The parameter p."""
        return clamp_probs(logits_to_probs(self.logits, is_binary=True))

    @property
    def param_shape(self) -> tuple[int, ...]:
        """Return the shape of the parameter."""
        return self._batch_shape

    def _stable(self) -> Tensor:
        low, high = self._lims
        return (self.probs <= low) | (self.probs > high)

    def _cut(self) -> Any:
        return choose(self._stable(), self.probs, self._lims[0])

    def _cont_bern_log_norm(self) -> Tensor:
        p, x = self._cut(), (self.probs - 0.5) ** 2
        norm = ((-p).log1p() - p.log()).abs().log() - (1 - 2 * p).abs().log()
        taylor = math.log(2.0) + (4 / 3 + 104 / 45 * x) * x
        return choose(self._stable(), norm, taylor)

    @property
    def mean(self) -> Tensor:
        p, x = self._cut(), self.probs - 0.5
        value = p / (2 * p - 1) + 1 / ((-p).log1p() - p.log())
        return choose(self._stable(), value, 0.5 + (1 / 3 + 16 / 45 * x**2) * x)

    @property
    def variance(self) -> Tensor:
        p, x = self._cut(), (self.probs - 0.5) ** 2
        value = p * (p - 1) / (1 - 2 * p) ** 2 + 1 / ((-p).log1p() - p.log()) ** 2
        return choose(self._stable(), value, 1 / 12 - (1 / 15 - 128 / 945 * x) * x)

    def rsample(self, sample_shape: Size = ()) -> Tensor:
        return self.icdf(rand(self._extended_shape(sample_shape), dtype=self.probs.dtype))

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        return self._cont_bern_log_norm() - binary_entropy(self.logits, value)

    def cdf(self, value: Tensor) -> Tensor:
        self._check(value)
        p = self._cut()
        inner = (p**value * (1 - p) ** (1 - value) + p - 1) / (2 * p - 1)
        inner = choose(self._stable(), inner, value)
        return choose(value <= 0, 0.0, choose(value >= 1, 1.0, inner))

    def icdf(self, value: Tensor) -> Tensor:
        p = self._cut()
        inner = (-p + value * (2 * p - 1)).log1p() - (-p).log1p()
        return choose(self._stable(), inner / (p.log() - (-p).log1p()), value)

    def entropy(self) -> Tensor:
        below, above = (-self.probs).log1p(), self.probs.log()
        return self.mean * (below - above) - self._cont_bern_log_norm() - below

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (self.logits,)

    def _log_normalizer(self, x: Tensor) -> Tensor:
        low, high = (lim - 0.5 for lim in self._lims)
        stable = (x <= low) | (x > high)
        cut = choose(stable, x, low)
        norm = cut.expm1().abs().log() - cut.abs().log()
        return choose(stable, norm, x / 2 + x**2 / 24 - x**4 / 2880)
