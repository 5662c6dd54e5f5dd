"""Distributions built on others: Independent, TransformedDistribution, MixtureSameFamily."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygrad_mnist.autograd.modes import no_grad
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.distributions import constraints
from tinygrad_mnist.distributions.categorical import Categorical
from tinygrad_mnist.distributions.distribution import Distribution
from tinygrad_mnist.distributions.tools import Size, sum_rightmost
from tinygrad_mnist.distributions.transforms.base import ComposeTransform, Transform
from tinygrad_mnist.ops.reduce import log_softmax

__all__ = ["Independent", "MixtureSameFamily", "TransformedDistribution"]


class Independent(Distribution):
    """The base, with its last `reinterpreted_batch_ndims` batch dimensions made event dimensions.

    >>> import tinygrad_mnist as tg
    >>> normal = tg.distributions.Normal(tg.zeros(3), tg.ones(3))
    >>> tg.distributions.Independent(normal, 1).log_prob(tg.zeros(3))
    tensor(-2.7568)
    """

    def __init__(
        self,
        base_distribution: Distribution,
        reinterpreted_batch_ndims: int,
        validate_args: bool | None = None,
    ) -> None:
        batch, event = base_distribution.batch_shape, base_distribution.event_shape
        if reinterpreted_batch_ndims > len(batch):
            raise ValueError(
                "Expected reinterpreted_batch_ndims <= len(base_distribution.batch_shape), actual "
                f"{reinterpreted_batch_ndims} vs {len(batch)}"
            )
        cut = len(batch) - reinterpreted_batch_ndims
        self.base_dist: Any = base_distribution
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims
        super().__init__(batch[:cut], batch[cut:] + event, validate_args=validate_args)

    def expand(self, batch_shape: Size, _instance: Any = None) -> Any:
        new = self._get_checked_instance(Independent, _instance)
        vars(new).update(vars(self))
        new._batch_shape = tuple(batch_shape)
        own = self._event_shape[: self.reinterpreted_batch_ndims]
        new.base_dist = self.base_dist.expand((*batch_shape, *own))
        return new

    @property
    def has_rsample(self) -> Any:
        return self.base_dist.has_rsample

    @property
    def has_enumerate_support(self) -> Any:
        return self.base_dist.has_enumerate_support and not self.reinterpreted_batch_ndims

    @constraints.dependent_property
    def support(self) -> Any:
        more = self.reinterpreted_batch_ndims
        base = self.base_dist.support
        return constraints.independent(base, more) if more else base

    @property
    def mean(self) -> Any:
        return self.base_dist.mean

    @property
    def mode(self) -> Any:
        return self.base_dist.mode

    @property
    def variance(self) -> Any:
        return self.base_dist.variance

    def sample(self, sample_shape: Size = ()) -> Any:
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape: Size = ()) -> Any:
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value: Tensor) -> Any:
        return sum_rightmost(self.base_dist.log_prob(value), self.reinterpreted_batch_ndims)

    def entropy(self) -> Any:
        return sum_rightmost(self.base_dist.entropy(), self.reinterpreted_batch_ndims)

    def enumerate_support(self, expand: bool = True) -> Any:
        if self.reinterpreted_batch_ndims > 0:
            raise NotImplementedError("Enumeration over cartesian product is not implemented")
        return self.base_dist.enumerate_support(expand=expand)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_dist}, {self.reinterpreted_batch_ndims})"


class TransformedDistribution(Distribution):
    """The distribution of samples of a base, passed through transforms.

    log p(y) = log p(x) - log |dy/dx|.

    >>> import tinygrad_mnist as tg
    >>> D = tg.distributions
    >>> D.TransformedDistribution(D.Normal(0.0, 1.0), [D.ExpTransform()]).log_prob(tg.tensor(1.0))
    tensor(-0.9189)
    """

    def __init__(
        self,
        base_distribution: Distribution,
        transforms: Transform | Sequence[Transform],
        validate_args: bool | None = None,
    ) -> None:
        if isinstance(transforms, Transform):
            transforms = [transforms]
        if not isinstance(transforms, list) or not all(
            isinstance(t, Transform) for t in transforms
        ):
            raise ValueError(f"transforms must be a Transform or a list of them, not {transforms}")
        self.transforms = transforms
        base_shape = base_distribution.batch_shape + base_distribution.event_shape
        base_dims = len(base_distribution.event_shape)
        composition = ComposeTransform(transforms)
        before, after = composition.domain.event_dim, composition.codomain.event_dim
        if len(base_shape) < before:
            raise ValueError(
                f"base_distribution needs to have shape with size at least {before}, but got "
                f"{base_shape}."
            )
        shape = composition.forward_shape(base_shape)
        needed_shape = composition.inverse_shape(shape)
        if base_shape != needed_shape:
            base_distribution = base_distribution.expand(
                needed_shape[: len(needed_shape) - base_dims]
            )
        if before > base_dims:
            base_distribution = Independent(base_distribution, before - base_dims)
        self.base_dist: Any = base_distribution
        cut = len(shape) - max(after, base_dims + after - before)
        super().__init__(shape[:cut], shape[cut:], validate_args=validate_args)

    def expand(self, batch_shape: Size, _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        shape = ComposeTransform(self.transforms).inverse_shape((*batch_shape, *self._event_shape))
        cut = len(shape) - len(self.base_dist.event_shape)
        new.base_dist = self.base_dist.expand(shape[:cut])
        return new

    @constraints.dependent_property(is_discrete=False)
    def support(self) -> Any:
        if not self.transforms:
            return self.base_dist.support
        support = self.transforms[-1].codomain
        more = len(self._event_shape) - support.event_dim
        return constraints.independent(support, more) if more > 0 else support

    @property
    def has_rsample(self) -> Any:
        return self.base_dist.has_rsample

    def _through(self, x: Tensor) -> Tensor:
        for transform in self.transforms:
            x = transform(x)
        return x

    def sample(self, sample_shape: Size = ()) -> Tensor:
        with no_grad():
            return self._through(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape: Size = ()) -> Tensor:
        return self._through(self.base_dist.rsample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        dims, total, y = len(self._event_shape), None, value
        for transform in reversed(self.transforms):
            x = transform.inv(y)
            dims += transform.domain.event_dim - transform.codomain.event_dim
            slope = transform.log_abs_det_jacobian(x, y)
            slope = sum_rightmost(slope, dims - transform.domain.event_dim)
            total = slope if total is None else total + slope
            y = x
        base = sum_rightmost(self.base_dist.log_prob(y), dims - len(self.base_dist.event_shape))
        return base if total is None else base - total

    def _monotone(self, value: Tensor) -> Tensor:
        """Return a probability p, or 1 - p where the transforms are decreasing."""
        sign: Any = 1
        for transform in self.transforms:
            sign = sign * transform.sign
        if isinstance(sign, int) and sign == 1:
            return value
        return sign * (value - 0.5) + 0.5

    def cdf(self, value: Tensor) -> Tensor:
        for transform in reversed(self.transforms):
            value = transform.inv(value)
        self.base_dist._check(value)
        return self._monotone(self.base_dist.cdf(value))

    def icdf(self, value: Tensor) -> Tensor:
        return self._through(self.base_dist.icdf(self._monotone(value)))


class MixtureSameFamily(Distribution):
    """A mixture: a Categorical chooses one of the components along their last batch dimension.

    >>> import tinygrad_mnist as tg
    >>> D = tg.distributions
    >>> pair = D.Normal(tg.tensor([-1.0, 1.0]), tg.ones(2))
    >>> D.MixtureSameFamily(D.Categorical(tg.ones(2)), pair).mean
    tensor(0.)
    """

    def __init__(
        self,
        mixture_distribution: Categorical,
        component_distribution: Distribution,
        validate_args: bool | None = None,
    ) -> None:
        if not isinstance(mixture_distribution, Categorical):
            raise ValueError("The Mixture distribution needs to be an instance of Categorical")
        if not isinstance(component_distribution, Distribution):
            raise ValueError("The Component distribution needs to be an instance of Distribution")
        self._mixture, self._component = mixture_distribution, component_distribution
        ours, theirs = mixture_distribution.batch_shape, component_distribution.batch_shape
        for a, b in zip(reversed(ours), reversed(theirs[:-1]), strict=False):
            if a != 1 and b != 1 and a != b:
                raise ValueError(
                    f"`mixture_distribution.batch_shape` ({ours}) is not compatible with "
                    f"`component_distribution.batch_shape`({theirs[:-1]})"
                )
        count = mixture_distribution.param_shape[-1]
        if count != theirs[-1]:
            raise ValueError(
                f"`mixture_distribution component` ({count}) does not equal "
                f"`component_distribution.batch_shape[-1]` ({theirs[-1]})"
            )
        self._num_component, self._dims = count, len(component_distribution.event_shape)
        super().__init__(theirs[:-1], component_distribution.event_shape, validate_args)

    def expand(self, batch_shape: Size, _instance: Any = None) -> Any:
        new = self._get_checked_instance(MixtureSameFamily, _instance)
        vars(new).update(vars(self))
        new._batch_shape = tuple(batch_shape)
        new._mixture = self._mixture.expand(batch_shape)
        new._component = self._component.expand((*batch_shape, self._num_component))
        return new

    @property
    def mixture_distribution(self) -> Categorical:
        """The Categorical that chooses the component."""
        return self._mixture

    @property
    def component_distribution(self) -> Any:
        """The components, along the last batch dimension."""
        return self._component

    @constraints.dependent_property
    def support(self) -> Any:
        return constraints.MixtureSameFamilyConstraint(self._component.support)

    def _pad(self, x: Any) -> Any:
        return x.unsqueeze(-1 - self._dims)

    def _weights(self) -> Any:
        """The probabilities, in the shape of the components' events."""
        p = self._mixture.probs
        return p.reshape(*p.shape, *(1 for _ in range(self._dims)))

    @property
    def mean(self) -> Tensor:
        return (self._weights() * self._component.mean).sum(-1 - self._dims)

    @property
    def variance(self) -> Tensor:
        apart = (self._component.mean - self._pad(self.mean)) ** 2
        return (self._weights() * (self._component.variance + apart)).sum(-1 - self._dims)

    def cdf(self, value: Tensor) -> Tensor:
        return (self._component.cdf(self._pad(value)) * self._mixture.probs).sum(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        weights = log_softmax(self._mixture.logits, -1)
        return (self._component.log_prob(self._pad(value)) + weights).logsumexp(-1)

    def sample(self, sample_shape: Size = ()) -> Tensor:
        with no_grad():
            chosen = self._mixture.expand(self._batch_shape).sample(sample_shape)
            samples = self._component.sample(sample_shape)
            dim = chosen.ndim
            index = chosen.reshape(*chosen.shape, *(1 for _ in range(self._dims + 1)))
            index = index.expand(*chosen.shape, 1, *self._event_shape)
            return samples.gather(dim, index).squeeze(dim)

    def __repr__(self) -> str:
        return f"MixtureSameFamily(\n  {self._mixture},\n  {self._component})"
