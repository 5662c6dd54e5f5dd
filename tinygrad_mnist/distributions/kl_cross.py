"""The KL divergences of distributions of different kinds."""

from __future__ import annotations

import math
from typing import Any

from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.distributions.discrete import Bernoulli, Binomial, Poisson
from tinygrad_mnist.distributions.gamma import Exponential, Gamma
from tinygrad_mnist.distributions.kl_registry import register_kl
from tinygrad_mnist.distributions.location_scale import Laplace, Normal, Uniform
from tinygrad_mnist.distributions.pushed import Gumbel, Pareto
from tinygrad_mnist.distributions.simplex import Beta, ContinuousBernoulli
from tinygrad_mnist.distributions.tools import EULER, choose, constant
from tinygrad_mnist.ops.elementwise import xlogy
from tinygrad_mnist.ops.special import lgamma

LOG_2PI = math.log(2 * math.pi)

# Pairs where p has values outside the support of q
INFINITE: dict[type, tuple[type, ...]] = {
    Beta: (Pareto,),
    ContinuousBernoulli: (Pareto,),
    Exponential: (Beta, ContinuousBernoulli, Pareto, Uniform),
    Gamma: (Beta, ContinuousBernoulli, Pareto, Uniform),
    Gumbel: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Laplace: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Normal: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Pareto: (Beta, ContinuousBernoulli, Uniform),
    Poisson: (Bernoulli, Binomial),
}


def _infinite(p: Any, q: Any) -> Tensor:
    like = next(iter(vars(p).values())) if not hasattr(p, "mean") else p.mean
    return constant(p.batch_shape, math.inf, like)


for _p, _qs in INFINITE.items():
    for _q in _qs:
        register_kl(_p, _q)(_infinite)


def quadratic(mean: Any, variance: Any, q: Normal) -> Any:
    """Return the mean of (x - loc)^2 / 2 scale^2, from the mean and variance of x."""
    return (variance + (mean - q.loc) ** 2) / (2 * q.scale**2)


def to_normal(p: Any, q: Normal) -> Any:
    """Compute the divergence from the entropy, mean and variance of p."""
    return quadratic(p.mean, p.variance, q) + q.scale.log() + LOG_2PI / 2 - p.entropy()


for _p in (Beta, ContinuousBernoulli, Exponential, Gamma, Gumbel, Laplace, Uniform):
    register_kl(_p, Normal)(to_normal)


def to_exponential(p: Any, q: Exponential) -> Any:
    """Compute the divergence from the entropy and mean of p."""
    return -p.entropy() - q.rate.log() + q.rate * p.mean


for _p in (Beta, ContinuousBernoulli, Gamma):
    register_kl(_p, Exponential)(to_exponential)


def to_gamma(p: Any, q: Gamma, log_mean: Any) -> Any:
    """Compute the divergence from the entropy of p and the means of x and of log(x)."""
    a = q.concentration
    norm = lgamma(a) - a * q.rate.log()
    return norm - p.entropy() - (a - 1) * log_mean + q.rate * p.mean


@register_kl(Beta, Gamma)
def _beta_gamma(p: Beta, q: Gamma) -> Any:
    a, b = p.concentration1, p.concentration0
    return to_gamma(p, q, a.digamma() - (a + b).digamma())


@register_kl(Exponential, Gamma)
def _exponential_gamma(p: Exponential, q: Gamma) -> Any:
    return to_gamma(p, q, -EULER - p.rate.log())


@register_kl(Uniform, Gamma)
def _uniform_gamma(p: Uniform, q: Gamma) -> Tensor:
    return choose(p.low < 0, math.inf, to_gamma(p, q, log_mean(p.low, p.high)))


@register_kl(Pareto, Gamma)
def _pareto_gamma(p: Pareto, q: Gamma) -> Tensor:
    value = to_gamma(p, q, p.scale.log() + 1 / p.alpha)
    return choose(p.alpha <= 1, math.inf, value)


def log_mean(low: Tensor, high: Tensor) -> Tensor:
    """Return the mean of log(x) of a uniform variable."""
    return (xlogy(high, high) - xlogy(low, low)) / (high - low) - 1


@register_kl(Bernoulli, Poisson)
def _bernoulli_poisson(p: Bernoulli, q: Poisson) -> Tensor:
    return -p.entropy() - (p.probs * q.rate.log() - q.rate)


def to_continuous_bernoulli(p: Any, q: ContinuousBernoulli) -> Any:
    """Compute the divergence from the entropy and mean of p."""
    return -p.entropy() - p.mean * q.logits - (-q.probs).log1p() - q._cont_bern_log_norm()


register_kl(Beta, ContinuousBernoulli)(to_continuous_bernoulli)


@register_kl(Uniform, ContinuousBernoulli)
def _uniform_continuous_bernoulli(p: Uniform, q: ContinuousBernoulli) -> Tensor:
    value = to_continuous_bernoulli(p, q)
    return choose((p.high > 1) | (p.low < 0), math.inf, value)


@register_kl(Beta, Uniform)
@register_kl(ContinuousBernoulli, Uniform)
def _unit_uniform(p: Any, q: Uniform) -> Tensor:
    value = (q.high - q.low).log() - p.entropy()
    return choose((q.low > 0) | (q.high < 1), math.inf, value)


@register_kl(Uniform, Beta)
def _uniform_beta(p: Uniform, q: Beta) -> Tensor:
    a, b = q.concentration1, q.concentration0
    norm = lgamma(a) + lgamma(b) - lgamma(a + b)
    above, below = log_mean(p.low, p.high), log_mean(1 - p.high, 1 - p.low)
    value = norm - p.entropy() - (a - 1) * above - (b - 1) * below
    return choose((p.high > 1) | (p.low < 0), math.inf, value)


@register_kl(Uniform, Exponential)
def _uniform_exponential(p: Uniform, q: Exponential) -> Tensor:
    return choose(p.low < 0, math.inf, to_exponential(p, q))


@register_kl(Uniform, Pareto)
def _uniform_pareto(p: Uniform, q: Pareto) -> Tensor:
    norm = q.alpha.log() + q.alpha * q.scale.log()
    value = (q.alpha + 1) * log_mean(p.low, p.high) - norm - p.entropy()
    return choose(p.low < q.scale, math.inf, value)


@register_kl(Pareto, Exponential)
def _pareto_exponential(p: Pareto, q: Exponential) -> Tensor:
    return choose(p.alpha <= 1, math.inf, to_exponential(p, q))


@register_kl(Pareto, Normal)
def _pareto_normal(p: Pareto, q: Normal) -> Tensor:
    return choose(p.alpha <= 2, math.inf, to_normal(p, q))


def to_gumbel(p: Any, q: Gumbel, mean_exp: Any) -> Any:
    """Compute the divergence from the entropy of p and means of x and exp(-(x - loc) / scale)."""
    return (p.mean - q.loc) / q.scale + mean_exp + q.scale.log() - p.entropy()


@register_kl(Exponential, Gumbel)
def _exponential_gumbel(p: Exponential, q: Gumbel) -> Any:
    product = p.rate * q.scale
    return to_gumbel(p, q, (q.loc / q.scale).exp() * product / (product + 1))


@register_kl(Gamma, Gumbel)
def _gamma_gumbel(p: Gamma, q: Gumbel) -> Any:
    power = (1 + 1 / (p.rate * q.scale)) ** -p.concentration
    return to_gumbel(p, q, (q.loc / q.scale).exp() * power)


@register_kl(Normal, Gumbel)
def _normal_gumbel(p: Normal, q: Gumbel) -> Any:
    moved = (q.loc - p.loc) / q.scale + (p.scale / q.scale) ** 2 / 2
    return to_gumbel(p, q, moved.exp())


@register_kl(Uniform, Gumbel)
def _uniform_gumbel(p: Uniform, q: Gumbel) -> Any:
    low, high = (p.low - q.loc) / q.scale, (p.high - q.loc) / q.scale
    return to_gumbel(p, q, ((-low).exp() - (-high).exp()) / (high - low))


@register_kl(Normal, Laplace)
def _normal_laplace(p: Normal, q: Laplace) -> Tensor:
    apart = (p.loc - q.loc) / p.scale
    size = math.sqrt(2 / math.pi) * (-(apart**2) / 2).exp() + apart * (apart / math.sqrt(2)).erf()
    return (2 * q.scale).log() + size * p.scale / q.scale - p.entropy()
