"""Relaxations of discrete distributions, with differentiable samples.

C. J. Maddison, A. Mnih, Y. W. Teh, The Concrete Distribution, 2017; E. Jang, S. Gu, B. Poole,
Categorical Reparameterization with Gumbel-Softmax, 2017.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.distributions import constraints
from tinygrad_mnist.distributions.categorical import FromCategorical
from tinygrad_mnist.distributions.composed import TransformedDistribution
from tinygrad_mnist.distributions.discrete import Odds
from tinygrad_mnist.distributions.tools import Size, clamp_probs, probs_to_logits
from tinygrad_mnist.distributions.transforms.base import Transform
from tinygrad_mnist.distributions.transforms.elementwise import ExpTransform, SigmoidTransform
from tinygrad_mnist.ops import table
from tinygrad_mnist.ops.create import tensor
from tinygrad_mnist.ops.random import rand

__all__ = ["LogitRelaxedBernoulli", "RelaxedBernoulli", "RelaxedOneHotCategorical"]


def as_tensor(temperature: Any, like: Tensor) -> Tensor:
    """Return a temperature, which may be a number, as a Tensor."""
    if isinstance(temperature, Tensor):
        return temperature
    return tensor(float(temperature), dtype=like.dtype)


class LogitRelaxedBernoulli(Odds):
    """The logit of a RelaxedBernoulli: (logits + logistic noise) / temperature."""

    support = constraints.real
    has_rsample = True

    def __init__(
        self,
        temperature: Any,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        shape = self._take(probs, logits)
        self.temperature = as_tensor(temperature, self._param)
        super().__init__(shape, validate_args=validate_args)

    def rsample(self, sample_shape: Size = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        u = clamp_probs(rand(shape, dtype=self._param.dtype))
        noise = u.log() - (-u).log1p()
        return (noise + probs_to_logits(self.probs, is_binary=True)) / self.temperature

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        gap = self.logits - value * self.temperature
        return self.temperature.log() + gap - 2 * table.softplus(gap)


class ExpRelaxedCategorical(FromCategorical):
    """The logarithm of a RelaxedOneHotCategorical."""

    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        temperature: Any,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        self._begin(probs, logits, validate_args)
        self.temperature = as_tensor(temperature, self._param)

    def rsample(self, sample_shape: Size = ()) -> Tensor:
        u = clamp_probs(rand(self._extended_shape(sample_shape), dtype=self._param.dtype))
        scores = (self.logits - (-u.log()).log()) / self.temperature
        return scores - scores.logsumexp(-1, keepdim=True)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        k = self._event_shape[0]
        score = self.logits - value * self.temperature
        score = (score - score.logsumexp(-1, keepdim=True)).sum(-1)
        return score + math.lgamma(k) + (k - 1) * self.temperature.log()


class _Relaxed(TransformedDistribution):
    """The base of relaxations: `transform` of a distribution of class `unbounded`."""

    has_rsample = True
    unbounded: ClassVar[type[LogitRelaxedBernoulli | ExpRelaxedCategorical]]
    transform: ClassVar[type[Transform]]

    def __init__(
        self,
        temperature: Any,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        base = self.unbounded(temperature, probs, logits, validate_args=validate_args)
        super().__init__(base, self.transform(), validate_args=validate_args)

    @property
    def temperature(self) -> Any:
        """The temperature: near 0, the samples are nearly discrete."""
        return self.base_dist.temperature

    @property
    def logits(self) -> Any:
        """The logits of the discrete distribution."""
        return self.base_dist.logits

    @property
    def probs(self) -> Any:
        """The probabilities of the discrete distribution."""
        return self.base_dist.probs


class RelaxedBernoulli(_Relaxed):
    """RelaxedBernoulli(temperature, probs or logits): samples in (0, 1), near its ends."""

    arg_constraints: Any = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    unbounded, transform = LogitRelaxedBernoulli, SigmoidTransform


class RelaxedOneHotCategorical(_Relaxed):
    """RelaxedOneHotCategorical(temperature, probs or logits): samples near a simplex's corners."""

    arg_constraints: Any = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.simplex
    unbounded, transform = ExpRelaxedCategorical, ExpTransform
