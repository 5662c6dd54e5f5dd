"""Distributions that are transforms of simpler ones: LogNormal, Gumbel, Weibull, and others."""

from __future__ import annotations

import math
from typing import Any

from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.distributions import constraints
from tinygrad_mnist.distributions.composed import TransformedDistribution
from tinygrad_mnist.distributions.gamma import Exponential, Gamma
from tinygrad_mnist.distributions.location_scale import Cauchy, Normal, Uniform
from tinygrad_mnist.distributions.tools import (
    EULER,
    Size,
    broadcast_all,
    choose,
    constant,
    eps,
    expand_all,
    tiny,
)  # fmt: skip
from tinygrad_mnist.distributions.transforms.elementwise import (
    AbsTransform,
    AffineTransform,
    ExpTransform,
    PowerTransform,
)  # fmt: skip
from tinygrad_mnist.distributions.transforms.vectors import StickBreakingTransform
from tinygrad_mnist.ops.special import lgamma

__all__ = [
    "Gumbel", "HalfCauchy", "HalfNormal", "InverseGamma", "Kumaraswamy", "LogNormal",
    "LogisticNormal", "Pareto", "Weibull",
]  # fmt: skip


class _OverLocationScale(TransformedDistribution):
    """The base of distributions whose `loc` and `scale` are those of their `base_dist`."""

    @property
    def loc(self) -> Any:
        """The location of the base."""
        return self.base_dist.loc

    @property
    def scale(self) -> Any:
        """The scale of the base."""
        return self.base_dist.scale


class LogNormal(_OverLocationScale):
    """LogNormal(loc, scale): exp of a normal variable."""

    arg_constraints: Any = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.positive
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        base = Normal(loc, scale, validate_args=validate_args)
        super().__init__(base, ExpTransform(), validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return (self.loc + self.scale**2 / 2).exp()

    @property
    def mode(self) -> Tensor:
        return (self.loc - self.scale**2).exp()

    @property
    def variance(self) -> Tensor:
        square = self.scale**2
        return square.expm1() * (2 * self.loc + square).exp()

    def entropy(self) -> Tensor:
        return self.base_dist.entropy() + self.loc


class _Half(_OverLocationScale):
    """The absolute value of a symmetric variable."""

    arg_constraints: Any = {"scale": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True
    _base: Any

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        base = self._base(0, scale, validate_args=False)
        super().__init__(base, AbsTransform(), validate_args=validate_args)

    @property
    def mode(self) -> Tensor:
        return constant(self._batch_shape, 0.0, self.scale)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        return choose(value >= 0, self.base_dist.log_prob(value) + math.log(2), -math.inf)

    def cdf(self, value: Tensor) -> Tensor:
        self._check(value)
        return 2 * self.base_dist.cdf(value) - 1

    def icdf(self, value: Tensor) -> Tensor:
        return self.base_dist.icdf((value + 1) / 2)

    def entropy(self) -> Tensor:
        return self.base_dist.entropy() - math.log(2)


class HalfNormal(_Half):
    """HalfNormal(scale): |x| of a normal variable around 0."""

    _base = Normal

    @property
    def mean(self) -> Tensor:
        return self.scale * math.sqrt(2 / math.pi)

    @property
    def variance(self) -> Tensor:
        return self.scale**2 * (1 - 2 / math.pi)


class HalfCauchy(_Half):
    """HalfCauchy(scale): |x| of a Cauchy variable around 0."""

    _base = Cauchy

    @property
    def mean(self) -> Tensor:
        return constant(self._batch_shape, math.inf, self.scale)

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance


class _FromParameters(TransformedDistribution):
    """The base of distributions that build a base and transforms from their own parameters."""

    def _build(self) -> tuple[Any, list[Any]]:
        raise NotImplementedError

    def _begin(self, validate_args: bool | None) -> None:
        base, transforms = self._build()
        TransformedDistribution.__init__(self, base, transforms, validate_args=validate_args)

    def expand(self, batch_shape: Size, _instance: Any = None) -> Any:
        new = self.__new__(type(self)) if _instance is None else _instance
        vars(new).update(expand_all(self, batch_shape))
        new._begin(validate_args=False)
        new._validate_args = self._validate_args
        return new


class Gumbel(_FromParameters):
    """Gumbel(loc, scale): loc - scale log(-log(u)), u uniform."""

    arg_constraints: Any = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        self._begin(validate_args)

    def _build(self) -> tuple[Any, list[Any]]:
        low = constant(self.loc.shape, tiny(self.loc), self.loc)
        high = constant(self.loc.shape, 1 - eps(self.loc), self.loc)
        log, turned = ExpTransform().inv, AffineTransform(0, -1.0)
        return Uniform(low, high, validate_args=False), [
            log, turned, ExpTransform().inv, AffineTransform(self.loc, -self.scale)
        ]  # fmt: skip

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        y = (self.loc - value) / self.scale
        return y - y.exp() - self.scale.log()

    @property
    def mean(self) -> Tensor:
        return self.loc + self.scale * EULER

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return self.scale**2 * (math.pi**2 / 6)

    def entropy(self) -> Tensor:
        return self.scale.log() + (1 + EULER)


class Weibull(_FromParameters):
    """Weibull(scale, concentration): scale * e^(1 / concentration), e exponential."""

    arg_constraints: Any = {
        "scale": constraints.positive,
        "concentration": constraints.positive,
    }
    support = constraints.positive

    def __init__(self, scale: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.scale, self.concentration = broadcast_all(scale, concentration)
        self._begin(validate_args)

    def _build(self) -> tuple[Any, list[Any]]:
        base = Exponential(constant(self.scale.shape, 1.0, self.scale), validate_args=False)
        return base, [PowerTransform(1 / self.concentration), AffineTransform(0, self.scale)]

    @property
    def mean(self) -> Tensor:
        return self.scale * lgamma(1 + 1 / self.concentration).exp()

    @property
    def mode(self) -> Tensor:
        k = self.concentration
        return self.scale * ((k - 1) / k) ** (1 / k)

    @property
    def variance(self) -> Tensor:
        k = 1 / self.concentration
        return self.scale**2 * (lgamma(1 + 2 * k).exp() - (2 * lgamma(1 + k)).exp())

    def entropy(self) -> Tensor:
        k = 1 / self.concentration
        return EULER * (1 - k) + (self.scale * k).log() + 1


class Pareto(_FromParameters):
    """Pareto(scale, alpha): scale * exp(e), e exponential of rate alpha."""

    arg_constraints: Any = {"alpha": constraints.positive, "scale": constraints.positive}

    def __init__(self, scale: Any, alpha: Any, validate_args: bool | None = None) -> None:
        self.scale, self.alpha = broadcast_all(scale, alpha)
        self._begin(validate_args)

    def _build(self) -> tuple[Any, list[Any]]:
        base = Exponential(self.alpha, validate_args=False)
        return base, [ExpTransform(), AffineTransform(0, self.scale)]

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        return constraints.greater_than_eq(self.scale)

    @property
    def mean(self) -> Tensor:
        a = self.alpha.clamp(min=1)
        return a * self.scale / (a - 1)

    @property
    def mode(self) -> Tensor:
        return self.scale

    @property
    def variance(self) -> Tensor:
        a = self.alpha.clamp(min=2)
        return self.scale**2 * a / ((a - 1) ** 2 * (a - 2))

    def entropy(self) -> Tensor:
        return (self.scale / self.alpha).log() + (1 + 1 / self.alpha)


class InverseGamma(TransformedDistribution):
    """InverseGamma(concentration, rate): 1 / g of a gamma variable."""

    arg_constraints: Any = {
        "concentration": constraints.positive,
        "rate": constraints.positive,
    }
    support = constraints.positive
    has_rsample = True

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        base = Gamma(concentration, rate, validate_args=validate_args)
        power = PowerTransform(constant((), -1.0, base.rate))
        super().__init__(base, power, validate_args=validate_args)

    @property
    def concentration(self) -> Any:
        """The gamma's concentration."""
        return self.base_dist.concentration

    @property
    def rate(self) -> Any:
        """The gamma's rate."""
        return self.base_dist.rate

    @property
    def mean(self) -> Tensor:
        a = self.concentration
        return choose(a > 1, self.rate / (a - 1), math.inf)

    @property
    def mode(self) -> Tensor:
        return self.rate / (self.concentration + 1)

    @property
    def variance(self) -> Tensor:
        a = self.concentration
        return choose(a > 2, self.rate**2 / ((a - 1) ** 2 * (a - 2)), math.inf)

    def entropy(self) -> Tensor:
        a = self.concentration
        return a + self.rate.log() + lgamma(a) - (1 + a) * a.digamma()


class Kumaraswamy(_FromParameters):
    """Kumaraswamy(concentration1, concentration0): (1 - u^(1/b))^(1/a), u uniform."""

    arg_constraints: Any = {
        "concentration1": constraints.positive,
        "concentration0": constraints.positive,
    }
    support = constraints.unit_interval
    has_rsample = True

    def __init__(
        self, concentration1: Any, concentration0: Any, validate_args: bool | None = None
    ) -> None:
        self.concentration1, self.concentration0 = broadcast_all(concentration1, concentration0)
        self._begin(validate_args)

    def _build(self) -> tuple[Any, list[Any]]:
        a, b = self.concentration1, self.concentration0
        base = Uniform(constant(b.shape, 0.0, b), constant(b.shape, 1.0, b), validate_args=False)
        return base, [PowerTransform(1 / b), AffineTransform(1.0, -1.0), PowerTransform(1 / a)]

    def _moment(self, n: int) -> Any:
        power, b = 1 + n / self.concentration1, self.concentration0
        return b * (lgamma(power) + lgamma(b) - lgamma(power + b)).exp()

    @property
    def mean(self) -> Tensor:
        return self._moment(1)

    @property
    def mode(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        value = ((-b).log1p() / b - (-b * a).log1p()).exp()
        return choose((a < 1) | (b < 1), math.nan, value)

    @property
    def variance(self) -> Tensor:
        return self._moment(2) - self.mean**2

    def entropy(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        harmonic = (b + 1).digamma() + EULER
        return (1 - 1 / b) + (1 - 1 / a) * harmonic - a.log() - b.log()


class LogisticNormal(TransformedDistribution):
    """LogisticNormal(loc, scale): normal variables mapped to the simplex by stick breaking."""

    arg_constraints: Any = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        base = Normal(loc, scale, validate_args=validate_args)
        base = base if base.batch_shape else base.expand((1,))
        super().__init__(base, StickBreakingTransform(), validate_args=validate_args)

    @property
    def loc(self) -> Any:
        """The means of the normal variables."""
        return self.base_dist.base_dist.loc

    @property
    def scale(self) -> Any:
        """The standard deviations of the normal variables."""
        return self.base_dist.base_dist.scale
