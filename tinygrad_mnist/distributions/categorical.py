"""Distributions of classes: Categorical, OneHotCategorical, Multinomial."""

from __future__ import annotations

import math
from typing import Any

from tinygrad_mnist.autograd.modes import no_grad
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.distributions import constraints
from tinygrad_mnist.distributions.discrete import Binomial
from tinygrad_mnist.distributions.distribution import Distribution
from tinygrad_mnist.distributions.tools import (
    EITHER,
    Size,
    choose,
    constant,
    lazy_property,
    logits_to_probs,
    one_of,
    probs_to_logits,
)  # fmt: skip
from tinygrad_mnist.ops import further, table
from tinygrad_mnist.ops.create import arange, eye
from tinygrad_mnist.ops.join import broadcast_tensors
from tinygrad_mnist.ops.random import rng_of
from tinygrad_mnist.ops.special import lgamma

__all__ = ["Categorical", "Multinomial", "OneHotCategorical", "OneHotCategoricalStraightThrough"]


class Categorical(Distribution):
    """Categorical(probs or logits): the index of a class, 0 to K - 1.

    Probabilities lie along the last dimension, and are normalized; logits are any real numbers.

    >>> import tinygrad_mnist as tg
    >>> tg.distributions.Categorical(logits=tg.zeros(4)).entropy()
    tensor(1.3863)
    """

    arg_constraints: Any = {"probs": constraints.simplex, "logits": constraints.real_vector}
    has_enumerate_support = True

    def __init__(
        self,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        self._parameter_name = name = one_of(EITHER, probs=probs, logits=logits)
        param: Any = probs if probs is not None else logits
        if param.ndim < 1:
            raise ValueError(f"`{name}` parameter must be at least one-dimensional.")
        if probs is not None:
            self.probs = probs / probs.sum(-1, keepdim=True)
        else:
            self.logits = param - param.logsumexp(-1, keepdim=True)
        self._num_events = param.shape[-1]
        super().__init__(param.shape[:-1], validate_args=validate_args)

    @property
    def _param(self) -> Tensor:
        return self.probs if self._parameter_name == "probs" else self.logits

    @property
    def param_shape(self) -> tuple[int, ...]:
        """Return the shape of the parameter."""
        return self._param.shape

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        return constraints.integer_interval(0, self._num_events - 1)

    @lazy_property
    def logits(self) -> Tensor:
        """The logarithms of the probabilities."""
        return probs_to_logits(self.probs)

    @lazy_property
    def probs(self) -> Tensor:
        """The probabilities."""
        return logits_to_probs(self.logits)

    @property
    def mean(self) -> Tensor:
        return constant(self._batch_shape, math.nan, self.probs)

    @property
    def mode(self) -> Tensor:
        return self.probs.argmax(-1)

    @property
    def variance(self) -> Tensor:
        return constant(self._batch_shape, math.nan, self.probs)

    def sample(self, sample_shape: Size = ()) -> Tensor:
        with no_grad():
            rows = self.probs.detach().reshape(math.prod(self._batch_shape), self._num_events)
            count = math.prod(sample_shape)
            classes = further.categories(rows, count=count, rng=rng_of(None))
            return classes.reshape(self._extended_shape(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        index, log_pmf = value.long().unsqueeze(-1), self.logits
        if index.shape[:-1] != log_pmf.shape[:-1]:
            index, log_pmf = broadcast_tensors(index, log_pmf)
            index = index[..., :1]
        return log_pmf.gather(-1, index).squeeze(-1)

    def entropy(self) -> Tensor:
        finite = choose(self.logits == -math.inf, 0.0, self.logits)
        return -(finite * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        values = arange(self._num_events).reshape(-1, *(1 for _ in self._batch_shape))
        return values.expand(-1, *self._batch_shape) if expand else values


class FromCategorical(Distribution):
    """The base of distributions built on a Categorical, with one event element per class."""

    arg_constraints: Any = {"probs": constraints.simplex, "logits": constraints.real_vector}
    _categorical: Categorical

    def _begin(self, probs: Any, logits: Any, validate_args: bool | None) -> None:
        self._categorical = Categorical(probs, logits, validate_args=validate_args)
        batch, events = self._categorical.batch_shape, self._categorical.param_shape[-1:]
        Distribution.__init__(self, batch, events, validate_args=validate_args)

    @property
    def _param(self) -> Tensor:
        return self._categorical._param

    @property
    def probs(self) -> Any:
        """The probabilities."""
        return self._categorical.probs

    @property
    def logits(self) -> Any:
        """The logarithms of the probabilities."""
        return self._categorical.logits

    @property
    def param_shape(self) -> tuple[int, ...]:
        """Return the shape of the parameter."""
        return self._categorical.param_shape


class OneHotCategorical(FromCategorical):
    """OneHotCategorical(probs or logits): a class, as a vector with 1 at its index."""

    support = constraints.one_hot
    has_enumerate_support = True

    def __init__(
        self,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        self._begin(probs, logits, validate_args)

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        return self._one_hot(self.probs.argmax(-1))

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def _one_hot(self, index: Tensor) -> Tensor:
        return table.one_hot(index, count=self._event_shape[0]).to(self._param.dtype)

    def sample(self, sample_shape: Size = ()) -> Tensor:
        with no_grad():
            return self._one_hot(self._categorical.sample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        return self._categorical.log_prob(value.argmax(-1))

    def entropy(self) -> Tensor:
        return self._categorical.entropy()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        n, batch = self._event_shape[0], self._batch_shape
        values = eye(n, dtype=self._param.dtype).reshape(n, *(1 for _ in batch), n)
        return values.expand(n, *batch, n) if expand else values


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """A OneHotCategorical whose samples have the gradient of the probabilities.

    Y. Bengio, N. Léonard, A. Courville, Estimating or propagating gradients, 2013.
    """

    has_rsample = True

    def rsample(self, sample_shape: Size = ()) -> Tensor:
        return self.sample(sample_shape) + (self.probs - self.probs.detach())


class Multinomial(FromCategorical):
    """Multinomial(total_count, probs or logits): the counts of each class in n draws."""

    def __init__(
        self,
        total_count: int = 1,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if not isinstance(total_count, int):
            raise NotImplementedError("inhomogeneous total_count is not supported")
        self.total_count = total_count
        self._begin(probs, logits, validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Any:
        return constraints.multinomial(self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.probs * self.total_count

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Size = ()) -> Tensor:
        with no_grad():
            classes = self._categorical.sample((self.total_count, *sample_shape))
            return table.one_hot(classes, count=self._event_shape[0]).sum(0).to(self._param.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        impossible = (value == 0) & (self.logits == -math.inf)
        powers = (choose(impossible, 0.0, self.logits) * value).sum(-1)
        return lgamma(value.sum(-1) + 1) - lgamma(value + 1).sum(-1) + powers

    def entropy(self) -> Tensor:
        n = self.total_count
        binomial = Binomial(n, self.probs, validate_args=False)
        counts = binomial.enumerate_support(expand=False)[1:]
        factorials = (binomial.log_prob(counts).exp() * lgamma(counts + 1)).sum((0, -1))
        return n * self._categorical.entropy() - math.lgamma(n + 1) + factorials
