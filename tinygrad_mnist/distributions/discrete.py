"""Distributions of counts: Bernoulli, Binomial, NegativeBinomial, Geometric, Poisson."""

from __future__ import annotations

import math
from typing import Any

from tinygrad_mnist.autograd.modes import no_grad
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.distributions import constraints
from tinygrad_mnist.distributions.distribution import Distribution, ExponentialFamily
from tinygrad_mnist.distributions.tools import (
    EITHER,
    Size,
    binary_entropy,
    broadcast_all,
    choose,
    constant,
    lazy_property,
    logits_to_probs,
    one_of,
    probs_to_logits,
    tiny,
)  # fmt: skip
from tinygrad_mnist.ops import further, table
from tinygrad_mnist.ops.activation import logsigmoid
from tinygrad_mnist.ops.create import arange
from tinygrad_mnist.ops.elementwise import xlogy
from tinygrad_mnist.ops.random import bernoulli, rand, rng_of
from tinygrad_mnist.ops.special import lgamma

__all__ = ["Bernoulli", "Binomial", "Geometric", "NegativeBinomial", "Poisson"]


class Odds(Distribution):
    """The base of distributions with `probs` or `logits`; the other is computed when read."""

    arg_constraints: Any = {"probs": constraints.unit_interval, "logits": constraints.real}

    @lazy_property
    def logits(self) -> Tensor:
        """log(p / (1 - p))."""
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self) -> Tensor:
        """The probability."""
        return logits_to_probs(self.logits, is_binary=True)

    @property
    def _param(self) -> Tensor:
        return self.probs if self._parameter_name == "probs" else self.logits

    @property
    def param_shape(self) -> tuple[int, ...]:
        """Return the shape of the parameter."""
        return self._param.shape

    def _take(self, probs: Any, logits: Any) -> tuple[int, ...]:
        self._parameter_name = one_of(EITHER, probs=probs, logits=logits)
        if self._parameter_name == "probs":
            (self.probs,) = broadcast_all(probs)
        else:
            (self.logits,) = broadcast_all(logits)
        return self._param.shape

    def _take_count(self, total_count: Any, probs: Any, logits: Any) -> tuple[int, ...]:
        self._parameter_name = one_of(EITHER, probs=probs, logits=logits)
        if self._parameter_name == "probs":
            total_count, self.probs = broadcast_all(total_count, probs)
        else:
            total_count, self.logits = broadcast_all(total_count, logits)
        self.total_count = total_count.to(self._param.dtype)
        return self._param.shape

    def _counted(self, count: int, expand: bool) -> Tensor:
        values = arange(count, dtype=self._param.dtype)
        values = values.reshape(-1, *(1 for _ in self._batch_shape))
        return values.expand(-1, *self._batch_shape) if expand else values


class Bernoulli(Odds, ExponentialFamily):
    """Bernoulli(probs or logits): 1 with probability p, else 0."""

    support = constraints.boolean
    has_enumerate_support = True
    _mean_carrier_measure = 0

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        super().__init__(self._take(probs, logits), validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        likely = (self.probs >= 0.5).to(self.probs.dtype)
        return choose(self.probs == 0.5, math.nan, likely)

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Size = ()) -> Tensor:
        with no_grad():
            return bernoulli(self.probs.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        return -binary_entropy(self.logits, value)

    def entropy(self) -> Tensor:
        return binary_entropy(self.logits, self.probs)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        return self._counted(2, expand)

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (self.logits,)

    def _log_normalizer(self, x: Tensor) -> Tensor:
        return table.softplus(x)


class Binomial(Odds):
    """Binomial(total_count, probs or logits): how many of n trials succeed."""

    arg_constraints: Any = {
        "total_count": constraints.nonnegative_integer,
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    has_enumerate_support = True

    def __init__(
        self,
        total_count: Any = 1,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        shape = self._take_count(total_count, probs, logits)
        super().__init__(shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.probs

    @property
    def mode(self) -> Tensor:
        value = ((self.total_count + 1) * self.probs).floor()
        return value.clamp(max=self.total_count)

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Size = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        with no_grad():
            n, p = self.total_count.expand(shape), self.probs.expand(shape)
            return further.binomials(n, p, rng=rng_of(None))

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        n = self.total_count
        log_binomial = lgamma(n + 1) - lgamma(value + 1) - lgamma(n - value + 1)
        return log_binomial + value * self.logits - n * table.softplus(self.logits)

    def _one_count(self, caller: str) -> int:
        count = int(self.total_count.max())
        if int(self.total_count.min()) != count:
            raise NotImplementedError(f"Inhomogeneous total count not supported by `{caller}`.")
        return count

    def entropy(self) -> Tensor:
        self._one_count("entropy")
        log_prob = self.log_prob(self.enumerate_support(expand=False))
        return -(log_prob.exp() * log_prob).sum(0)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        return self._counted(1 + self._one_count("enumerate_support"), expand)


class NegativeBinomial(Odds):
    """NegativeBinomial(total_count, probs or logits): successes before `total_count` failures."""

    arg_constraints: Any = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer

    def __init__(
        self,
        total_count: Any,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        shape = self._take_count(total_count, probs, logits)
        super().__init__(shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.logits.exp()

    @property
    def mode(self) -> Tensor:
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0)

    @property
    def variance(self) -> Tensor:
        return self.mean / (-self.logits).sigmoid()

    def sample(self, sample_shape: Size = ()) -> Tensor:
        with no_grad():
            n = self.total_count.expand(self._extended_shape(sample_shape))
            rate = further.gammas(n, rng=rng_of(None)) * self.logits.exp()
            return further.poissons(rate, rng=rng_of(None))

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        n = self.total_count
        odds = n * logsigmoid(-self.logits) + value * logsigmoid(self.logits)
        log_binomial = lgamma(n + value) - lgamma(1 + value) - lgamma(n)
        return odds + choose(n + value == 0, 0.0, log_binomial)


class Geometric(Odds):
    """Geometric(probs or logits): failures before the first success, p (1 - p)^k."""

    support = constraints.nonnegative_integer

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        super().__init__(self._take(probs, logits), validate_args=validate_args)
        if self._validate_args and probs is not None and not (self.probs.detach() > 0).all():
            value = self.probs
            raise ValueError(
                f"Expected parameter probs ({type(value).__name__} of shape {tuple(value.shape)}) "
                f"of distribution {self!r} to be positive but found invalid values:\n"
                f"{value.detach()[value.detach() <= 0]}"
            )

    @property
    def mean(self) -> Tensor:
        return 1 / self.probs - 1

    @property
    def mode(self) -> Tensor:
        return constant(self._batch_shape, 0.0, self.probs)

    @property
    def variance(self) -> Tensor:
        return (1 / self.probs - 1) / self.probs

    def sample(self, sample_shape: Size = ()) -> Tensor:
        with no_grad():
            u = rand(self._extended_shape(sample_shape), dtype=self.probs.dtype)
            return (u.clamp(min=tiny(u)).log() / (-self.probs).log1p()).floor()

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        certain = (self.probs == 1) & (value == 0)
        return value * (-choose(certain, 0.0, self.probs)).log1p() + self.probs.log()

    def entropy(self) -> Tensor:
        return binary_entropy(self.logits, self.probs) / self.probs


class Poisson(ExponentialFamily):
    """Poisson(rate): rate^k exp(-rate) / k!."""

    arg_constraints: Any = {"rate": constraints.nonnegative}
    support = constraints.nonnegative_integer

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        (self.rate,) = broadcast_all(rate)
        super().__init__(self.rate.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.rate

    @property
    def mode(self) -> Tensor:
        return self.rate.floor()

    @property
    def variance(self) -> Tensor:
        return self.rate

    def sample(self, sample_shape: Size = ()) -> Tensor:
        with no_grad():
            rate = self.rate.expand(self._extended_shape(sample_shape))
            return further.poissons(rate, rng=rng_of(None))

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        return xlogy(value, self.rate) - self.rate - lgamma(value + 1)

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (self.rate.log(),)

    def _log_normalizer(self, x: Tensor) -> Tensor:
        return x.exp()
