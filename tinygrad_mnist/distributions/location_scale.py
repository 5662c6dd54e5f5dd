"""Distributions on the real line, shifted by `loc` and stretched by `scale`; and Uniform."""

from __future__ import annotations

import math
from typing import Any

from tinygrad_mnist.autograd.modes import no_grad
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.distributions import constraints
from tinygrad_mnist.distributions.distribution import Distribution, ExponentialFamily
from tinygrad_mnist.distributions.gamma import Chi2
from tinygrad_mnist.distributions.tools import Size, broadcast_all, choose, constant, eps
from tinygrad_mnist.ops.random import rand, randn
from tinygrad_mnist.ops.special import i0e, i1e, lgamma

__all__ = ["Cauchy", "GeneralizedPareto", "Laplace", "Normal", "StudentT", "Uniform", "VonMises"]


class LocationScale(Distribution):
    """The base of distributions with `loc` and `scale`, which are broadcast to one shape."""

    arg_constraints: Any = {"loc": constraints.real, "scale": constraints.positive}
    support: Any = constraints.real
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(self.loc.shape, validate_args=validate_args)

    def _standard(self, value: Tensor) -> Any:
        return (value - self.loc) / self.scale

    @property
    def mode(self) -> Tensor:
        return self.loc


class Normal(LocationScale, ExponentialFamily):
    """Normal(loc, scale): exp(-z^2 / 2) / (scale sqrt(2 pi)), z = (x - loc) / scale."""

    _mean_carrier_measure = 0

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def stddev(self) -> Tensor:
        return self.scale

    @property
    def variance(self) -> Tensor:
        return self.scale**2

    def rsample(self, sample_shape: Size = ()) -> Tensor:
        noise = randn(self._extended_shape(sample_shape), dtype=self.loc.dtype)
        return self.loc + noise * self.scale

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        return -(self._standard(value) ** 2) / 2 - self.scale.log() - math.log(2 * math.pi) / 2

    def cdf(self, value: Tensor) -> Tensor:
        self._check(value)
        return (1 + (self._standard(value) / math.sqrt(2)).erf()) / 2

    def icdf(self, value: Tensor) -> Tensor:
        return self.loc + self.scale * (2 * value - 1).erfinv() * math.sqrt(2)

    def entropy(self) -> Tensor:
        return self.scale.log() + (1 + math.log(2 * math.pi)) / 2

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return self.loc / self.scale**2, -1 / (2 * self.scale**2)

    def _log_normalizer(self, x: Tensor, y: Tensor) -> Tensor:
        return -(x**2) / (4 * y) + (-math.pi / y).log() / 2


class Laplace(LocationScale):
    """Laplace(loc, scale): exp(-|z|) / (2 scale)."""

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return 2 * self.scale**2

    @property
    def stddev(self) -> Tensor:
        return math.sqrt(2) * self.scale

    def rsample(self, sample_shape: Size = ()) -> Tensor:
        low = eps(self.loc) - 1
        u = rand(self._extended_shape(sample_shape), dtype=self.loc.dtype) * (1 - low) + low
        return self.loc - self.scale * u.sign() * (-u.abs()).log1p()

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        return -(2 * self.scale).log() - (value - self.loc).abs() / self.scale

    def cdf(self, value: Tensor) -> Tensor:
        self._check(value)
        z = self._standard(value)
        below, above = z.clamp(max=0).exp() / 2, 1 - (-z.clamp(min=0)).exp() / 2
        return choose(z < 0, below, above)  # not a formula of |z|, which has no slope at 0

    def icdf(self, value: Tensor) -> Tensor:
        u = value - 0.5
        return self.loc - self.scale * u.sign() * (-2 * u.abs()).log1p()

    def entropy(self) -> Tensor:
        return 1 + (2 * self.scale).log()


class Cauchy(LocationScale):
    """Cauchy(loc, scale): 1 / (pi scale (1 + z^2)); it has no mean."""

    @property
    def mean(self) -> Tensor:
        return constant(self.loc.shape, math.nan, self.loc)

    @property
    def variance(self) -> Tensor:
        return constant(self.loc.shape, math.inf, self.loc)

    def rsample(self, sample_shape: Size = ()) -> Tensor:
        u = rand(self._extended_shape(sample_shape), dtype=self.loc.dtype)
        return self.loc + (math.pi * (u - 0.5)).tan() * self.scale

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        return -math.log(math.pi) - self.scale.log() - (self._standard(value) ** 2).log1p()

    def cdf(self, value: Tensor) -> Tensor:
        self._check(value)
        return self._standard(value).atan() / math.pi + 0.5

    def icdf(self, value: Tensor) -> Tensor:
        return (math.pi * (value - 0.5)).tan() * self.scale + self.loc

    def entropy(self) -> Tensor:
        return math.log(4 * math.pi) + self.scale.log()


class StudentT(LocationScale):
    """StudentT(df, loc, scale): proportional to (1 + z^2 / df)^(-(df + 1) / 2)."""

    arg_constraints: Any = {
        "df": constraints.positive,
        "loc": constraints.real,
        "scale": constraints.positive,
    }

    def __init__(
        self, df: Any, loc: Any = 0.0, scale: Any = 1.0, validate_args: bool | None = None
    ) -> None:
        self.df, self.loc, self.scale = broadcast_all(df, loc, scale)
        self._chi2 = Chi2(self.df, validate_args=False)
        Distribution.__init__(self, self.df.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return choose(self.df <= 1, math.nan, self.loc)

    @property
    def variance(self) -> Tensor:
        finite = self.df > 2
        safe = choose(finite, self.df, 3.0)
        value = self.scale**2 * safe / (safe - 2)
        infinite = constant(self.df.shape, math.inf, self.df)
        return choose(finite, value, choose(self.df > 1, infinite, math.nan))

    def rsample(self, sample_shape: Size = ()) -> Tensor:
        noise = randn(self._extended_shape(sample_shape), dtype=self.df.dtype)
        y = noise * (self._chi2.rsample(sample_shape) / self.df).rsqrt()
        return self.loc + self.scale * y

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        half, more = self.df / 2, (self.df + 1) / 2
        norm = self.scale.log() + (self.df.log() + math.log(math.pi)) / 2
        norm = norm + lgamma(half) - lgamma(more)
        return -more * (self._standard(value) ** 2 / self.df).log1p() - norm

    def entropy(self) -> Tensor:
        half, more = self.df / 2, (self.df + 1) / 2
        lbeta = lgamma(half) + math.lgamma(0.5) - lgamma(more)
        return (
            self.scale.log() + more * (more.digamma() - half.digamma()) + self.df.log() / 2 + lbeta
        )


class Uniform(Distribution):
    """Uniform(low, high): 1 / (high - low) on [low, high)."""

    has_rsample = True

    def __init__(self, low: Any, high: Any, validate_args: bool | None = None) -> None:
        self.low, self.high = broadcast_all(low, high)
        super().__init__(self.low.shape, validate_args=validate_args)

    @property
    def arg_constraints(self) -> Any:
        return {
            "low": constraints.less_than(self.high),
            "high": constraints.greater_than(self.low),
        }

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        return constraints.interval(self.low, self.high)

    @property
    def mean(self) -> Tensor:
        return (self.high + self.low) / 2

    @property
    def mode(self) -> Tensor:
        return math.nan * self.high

    @property
    def stddev(self) -> Tensor:
        return (self.high - self.low) / math.sqrt(12)

    @property
    def variance(self) -> Tensor:
        return (self.high - self.low) ** 2 / 12

    def rsample(self, sample_shape: Size = ()) -> Tensor:
        u = rand(self._extended_shape(sample_shape), dtype=self.low.dtype)
        return self.low + u * (self.high - self.low)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        inside = (self.low <= value) & (value < self.high)
        return choose(inside, -(self.high - self.low).log(), -math.inf)

    def cdf(self, value: Tensor) -> Tensor:
        self._check(value)
        return ((value - self.low) / (self.high - self.low)).clamp(0, 1)

    def icdf(self, value: Tensor) -> Tensor:
        return value * (self.high - self.low) + self.low

    def entropy(self) -> Tensor:
        return (self.high - self.low).log()


class GeneralizedPareto(LocationScale):
    """GeneralizedPareto(loc, scale, concentration): (1 + c z)^(-1 / c - 1) / scale, z >= 0.

    Exponential for a concentration of 0; below 0 the support is bounded.
    """

    arg_constraints: Any = {
        "loc": constraints.real,
        "scale": constraints.positive,
        "concentration": constraints.real,
    }

    def __init__(
        self, loc: Any, scale: Any, concentration: Any, validate_args: bool | None = None
    ) -> None:
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        Distribution.__init__(self, self.loc.shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        c = self.concentration
        end = self.loc - self.scale / choose(c < 0, c, -1.0)
        return constraints.interval(self.loc, choose(c < 0, end, math.inf))

    def _curved(self) -> tuple[Tensor, Tensor]:
        """Return a mask of concentrations other than 0, and the concentration with 1 elsewhere."""
        curved = self.concentration.abs() > 1e-8
        return curved, choose(curved, self.concentration, 1.0)

    @property
    def mean(self) -> Tensor:
        finite = self.concentration < 1
        c = choose(finite, self.concentration, 0.5)
        return choose(finite, self.loc + self.scale / (1 - c), math.nan)

    @property
    def variance(self) -> Tensor:
        finite = self.concentration < 0.5
        c = choose(finite, self.concentration, 0.25)
        return choose(finite, self.scale**2 / ((1 - c) ** 2 * (1 - 2 * c)), math.nan)

    def rsample(self, sample_shape: Size = ()) -> Tensor:
        return self.icdf(rand(self._extended_shape(sample_shape), dtype=self.loc.dtype))

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        z, (curved, c) = self._standard(value), self._curved()
        return -self.scale.log() - choose(curved, (1 / c + 1) * (c * z).log1p(), z)

    def log_survival_function(self, value: Tensor) -> Tensor:
        """Return log(1 - cdf(value))."""
        self._check(value)
        z, (curved, c) = self._standard(value), self._curved()
        return -choose(curved, (c * z).log1p() / c, z)

    def log_cdf(self, value: Tensor) -> Tensor:
        """Return log(cdf(value))."""
        return (-self.log_survival_function(value).exp()).log1p()

    def cdf(self, value: Tensor) -> Tensor:
        return -self.log_survival_function(value).expm1()

    def icdf(self, value: Tensor) -> Tensor:
        z, (curved, c) = -(-value).log1p(), self._curved()
        return self.loc + self.scale * choose(curved, (c * z).expm1() / c, z)

    def entropy(self) -> Tensor:
        return self.scale.log() + self.concentration + 1


class VonMises(Distribution):
    """VonMises(loc, concentration): exp(k cos(x - loc)) / (2 pi I0(k)), on a circle.

    Bessel's functions are exact here, where PyTorch's are approximations to 7 digits. Sampling
    follows D. J. Best and N. I. Fisher, Applied Statistics 28 (1979).
    """

    arg_constraints: Any = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real

    def __init__(self, loc: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        k = self.concentration
        return k * ((value - self.loc).cos() - 1) - math.log(2 * math.pi) - i0e(k).log()

    def sample(self, sample_shape: Size = ()) -> Tensor:
        with no_grad():
            shape = self._extended_shape(sample_shape)
            k, loc = self.concentration.double(), self.loc.double()
            tau = 1 + (1 + 4 * k**2).sqrt()
            rho = (tau - (2 * tau).sqrt()) / (2 * k)
            r = choose(k < 1e-5, 1 / k + k, (1 + rho**2) / (2 * rho))
            x = constant(shape, 0.0, k)
            accepted = x != 0
            while not accepted.all():
                u1, u2, u3 = rand((3, *shape), dtype=k.dtype)
                z = (math.pi * u1).cos()
                f = (1 + r * z) / (r + z)
                c = k * (r - f)
                newly_accepted = ~accepted & ((c * (2 - c) > u2) | ((c / u2).log() + 1 - c >= 0))
                x = choose(newly_accepted, (u3 - 0.5).sign() * f.acos(), x)
                accepted = accepted | newly_accepted
            turned = (x + math.pi + loc) % (2 * math.pi) - math.pi
            return turned.to(self.loc.dtype)

    @property
    def mean(self) -> Tensor:
        """The circular mean."""
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        """The circular variance."""
        return 1 - i1e(self.concentration) / i0e(self.concentration)
