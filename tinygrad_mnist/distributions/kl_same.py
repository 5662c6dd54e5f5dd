"""The KL divergences of distributions of the same kind."""

from __future__ import annotations

import math
from typing import Any

from tinygrad_mnist.autograd.engine import grad
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.distributions.categorical import Categorical, OneHotCategorical
from tinygrad_mnist.distributions.composed import Independent, TransformedDistribution
from tinygrad_mnist.distributions.discrete import Bernoulli, Binomial, Geometric, Poisson
from tinygrad_mnist.distributions.distribution import Distribution, ExponentialFamily
from tinygrad_mnist.distributions.gamma import Exponential, Gamma
from tinygrad_mnist.distributions.kl_registry import kl_divergence, register_kl
from tinygrad_mnist.distributions.location_scale import Cauchy, Laplace, Normal, Uniform
from tinygrad_mnist.distributions.multivariate import (
    LowRankMultivariateNormal,
    MultivariateNormal,
    half_log_det,
    mahalanobis,
    squares,
)  # fmt: skip
from tinygrad_mnist.distributions.pushed import Gumbel, HalfNormal, Pareto
from tinygrad_mnist.distributions.simplex import Beta, ContinuousBernoulli, Dirichlet
from tinygrad_mnist.distributions.tools import EULER, choose, sum_rightmost
from tinygrad_mnist.ops import table
from tinygrad_mnist.ops.diagonal import diag_embed
from tinygrad_mnist.ops.linalg.solve import solve_triangular
from tinygrad_mnist.ops.special import lgamma

# Location and scale


@register_kl(Normal, Normal)
def _normal(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale) ** 2
    return (ratio + ((p.loc - q.loc) / q.scale) ** 2 - 1 - ratio.log()) / 2


@register_kl(HalfNormal, HalfNormal)
def _half_normal(p: HalfNormal, q: HalfNormal) -> Tensor:
    return _normal(p.base_dist, q.base_dist)


@register_kl(Laplace, Laplace)
def _laplace(p: Laplace, q: Laplace) -> Tensor:
    ratio, apart = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + apart / q.scale + ratio * (-apart / p.scale).exp() - 1


@register_kl(Cauchy, Cauchy)
def _cauchy(p: Cauchy, q: Cauchy) -> Tensor:
    squares_sum = (p.scale + q.scale) ** 2 + (p.loc - q.loc) ** 2
    return squares_sum.log() - (4 * p.scale * q.scale).log()


@register_kl(Gumbel, Gumbel)
def _gumbel(p: Gumbel, q: Gumbel) -> Any:
    ratio, apart = p.scale / q.scale, (q.loc - p.loc) / q.scale
    third = (apart + lgamma(1 + ratio)).exp()
    return -ratio.log() - apart + ratio * EULER + third - (1 + EULER)


@register_kl(Uniform, Uniform)
def _uniform(p: Uniform, q: Uniform) -> Tensor:
    value = ((q.high - q.low) / (p.high - p.low)).log()
    return choose((q.low > p.low) | (q.high < p.high), math.inf, value)


# Positive numbers


@register_kl(Exponential, Exponential)
def _exponential(p: Exponential, q: Exponential) -> Tensor:
    ratio = q.rate / p.rate
    return ratio - 1 - ratio.log()


@register_kl(Gamma, Gamma)
def _gamma(p: Gamma, q: Gamma) -> Tensor:
    a, b = p.concentration, q.concentration
    return (
        b * (p.rate / q.rate).log() + lgamma(b) - lgamma(a) + (a - b) * a.digamma()
        + (q.rate - p.rate) * (a / p.rate)
    )  # fmt: skip


@register_kl(Pareto, Pareto)
def _pareto(p: Pareto, q: Pareto) -> Tensor:
    ratio = q.alpha / p.alpha
    value = q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1
    return choose(p.scale < q.scale, math.inf, value)


# Counts and classes


@register_kl(Bernoulli, Bernoulli)
def _bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    def term(a: Tensor, b: Tensor, sign: int) -> Tensor:
        """Return a log(a / b), the term of one of two outcomes."""
        gap = table.softplus(sign * q.logits) - table.softplus(sign * p.logits)
        return choose(a == 0, 0.0, choose(b == 0, math.inf, a * gap))

    return term(p.probs, q.probs, -1) + term(1 - p.probs, 1 - q.probs, 1)


@register_kl(Binomial, Binomial)
def _binomial(p: Binomial, q: Binomial) -> Tensor:
    if (p.total_count < q.total_count).any():
        raise NotImplementedError(
            "KL between Binomials where q.total_count > p.total_count is not implemented"
        )
    per_trial = p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p()
    return choose(p.total_count > q.total_count, math.inf, p.total_count * per_trial)


@register_kl(Geometric, Geometric)
def _geometric(p: Geometric, q: Geometric) -> Tensor:
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


@register_kl(Poisson, Poisson)
def _poisson(p: Poisson, q: Poisson) -> Tensor:
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(Categorical, Categorical)
def _categorical(p: Categorical, q: Categorical) -> Tensor:
    terms = p.probs * (p.logits - q.logits)
    return choose(p.probs == 0, 0.0, choose(q.probs == 0, math.inf, terms)).sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _one_hot(p: OneHotCategorical, q: OneHotCategorical) -> Tensor:
    return _categorical(p._categorical, q._categorical)


# Probabilities


@register_kl(Beta, Beta)
def _beta(p: Beta, q: Beta) -> Any:
    return _dirichlet(p._dirichlet, q._dirichlet)


@register_kl(Dirichlet, Dirichlet)
def _dirichlet(p: Dirichlet, q: Dirichlet) -> Any:
    a, b = p.concentration, q.concentration
    total = a.sum(-1)
    apart = (a - b) * (a.digamma() - total.digamma().unsqueeze(-1))
    return lgamma(total) - lgamma(b.sum(-1)) - (lgamma(a) - lgamma(b)).sum(-1) + apart.sum(-1)


@register_kl(ContinuousBernoulli, ContinuousBernoulli)
def _continuous_bernoulli(p: ContinuousBernoulli, q: ContinuousBernoulli) -> Any:
    norm = p._cont_bern_log_norm() - q._cont_bern_log_norm()
    gap = (-p.probs).log1p() - (-q.probs).log1p()
    return p.mean * (p.logits - q.logits) + norm + gap


@register_kl(ExponentialFamily, ExponentialFamily)
def _family(p: ExponentialFamily, q: ExponentialFamily) -> Any:
    """Return Bregman's divergence of the log-normalizer."""
    if type(p) is not type(q):
        raise NotImplementedError(
            "The cross KL-divergence between different exponential families cannot be computed "
            "using Bregman divergences"
        )
    theta = [x if x.requires_grad else x.detach().requires_grad_() for x in p._natural_params]
    own = p._log_normalizer(*theta)
    slopes = grad(own.sum(), theta, create_graph=True)
    result = q._log_normalizer(*q._natural_params) - own
    for a, b, slope in zip(theta, q._natural_params, slopes, strict=True):
        result = result - sum_rightmost((b - a) * slope, a.ndim - len(p.batch_shape))
    return result


# Vectors


def _same_events(p: Distribution, q: Distribution) -> None:
    if p.event_shape != q.event_shape:
        raise ValueError(
            "KL-divergence between two (Low Rank) Multivariate Normals with different event shapes "
            "cannot be computed"
        )


@register_kl(MultivariateNormal, MultivariateNormal)
def _multivariate(p: MultivariateNormal, q: MultivariateNormal) -> Tensor:
    _same_events(p, q)
    spread = squares(solve_triangular(q._lower, p._lower, upper=False))
    distance = mahalanobis(q._lower, q.loc - p.loc)
    gap = half_log_det(q._lower) - half_log_det(p._lower)
    return gap + (spread + distance - p.event_shape[0]) / 2


def _spread(q: LowRankMultivariateNormal, matrix: Tensor) -> Tensor:
    """Return the trace of inv(covariance of q) m m'."""
    a = solve_triangular(q._capacitance, q._scaled(), upper=False)
    return squares(matrix * q._d.rsqrt().unsqueeze(-1)) - squares(a @ matrix)


@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
def _low_rank(p: LowRankMultivariateNormal, q: LowRankMultivariateNormal) -> Tensor:
    _same_events(p, q)
    spread = _spread(q, p._w) + _spread(q, diag_embed(p._d.sqrt()))
    gap = q._log_det() - p._log_det()
    return (gap + spread + q._distance(q.loc - p.loc) - p.event_shape[0]) / 2


@register_kl(MultivariateNormal, LowRankMultivariateNormal)
def _to_low_rank(p: MultivariateNormal, q: LowRankMultivariateNormal) -> Tensor:
    _same_events(p, q)
    gap = q._log_det() - 2 * half_log_det(p._lower)
    return (gap + _spread(q, p._lower) + q._distance(q.loc - p.loc) - p.event_shape[0]) / 2


@register_kl(LowRankMultivariateNormal, MultivariateNormal)
def _from_low_rank(p: LowRankMultivariateNormal, q: MultivariateNormal) -> Tensor:
    _same_events(p, q)
    parts = p._w, diag_embed(p._d.sqrt())
    along, own = (squares(solve_triangular(q._lower, x, upper=False)) for x in parts)
    gap = 2 * half_log_det(q._lower) - p._log_det()
    return (gap + along + own + mahalanobis(q._lower, q.loc - p.loc) - p.event_shape[0]) / 2


# Made of others


@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed(p: TransformedDistribution, q: TransformedDistribution) -> Any:
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError("the KL of transformed distributions needs equal transforms")
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(Independent, Independent)
def _independent(p: Independent, q: Independent) -> Any:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError("the KL of two Independent needs equal reinterpreted_batch_ndims")
    return sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)
