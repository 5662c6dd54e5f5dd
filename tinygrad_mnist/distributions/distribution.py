"""Distribution, the base of all distributions, and ExponentialFamily."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from tinygrad_mnist.autograd.engine import grad
from tinygrad_mnist.autograd.modes import no_grad
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.distributions import constraints
from tinygrad_mnist.distributions.tools import Size, expanded, lazy_property, sum_rightmost

D = TypeVar("D", bound="Distribution")


class Distribution:
    """A distribution of events of `event_shape`, for each parameter of `batch_shape`.

    `rsample` draws samples that are differentiable by the parameters, where `has_rsample` is
    True; `sample` draws without a gradient. Shapes are sample_shape + batch_shape +
    event_shape; `log_prob` sums over the event. Invalid parameters and values raise
    ValueError unless `validate_args` is False.

    >>> import tinygrad_mnist as tg
    >>> normal = tg.distributions.Normal(tg.zeros(2), tg.ones(2))
    >>> normal.rsample((5,)).shape, normal.log_prob(tg.tensor(0.0))
    (torch.Size([5, 2]), tensor([-0.9189, -0.9189]))
    """

    arg_constraints: Any = {}
    support: Any
    has_rsample: Any = False
    has_enumerate_support: Any = False
    _validate_args = __debug__

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Set the default of `validate_args`."""
        if value not in (True, False):
            raise ValueError("set_default_validate_args: True or False")
        Distribution._validate_args = value

    def __init__(
        self, batch_shape: Size = (), event_shape: Size = (), validate_args: bool | None = None
    ) -> None:
        self._batch_shape, self._event_shape = tuple(batch_shape), tuple(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            self._check_parameters()

    def _check_parameters(self) -> None:
        for name, constraint in self.arg_constraints.items():
            lazy = isinstance(getattr(type(self), name, None), lazy_property)
            if constraints.is_dependent(constraint) or (lazy and name not in self.__dict__):
                continue
            value = getattr(self, name)
            if not constraint.holds(value):
                raise ValueError(
                    f"Expected parameter {name} ({type(value).__name__} of shape "
                    f"{tuple(value.shape)}) of distribution {self!r} to satisfy the constraint "
                    f"{constraint!r}, but found invalid values:\n{value}"
                )

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """The shape of the parameters without the shape of an event."""
        return self._batch_shape

    @property
    def event_shape(self) -> tuple[int, ...]:
        """The shape of one event."""
        return self._event_shape

    def expand(self: D, batch_shape: Size, _instance: Any = None) -> D:
        """Return the same distribution with its parameters expanded to another batch shape."""
        batch = tuple(batch_shape)
        new = self.__new__(type(self)) if _instance is None else _instance
        parameters = self.arg_constraints
        for name, value in self.__dict__.items():
            if (
                isinstance(getattr(type(self), name, None), lazy_property)
                and name not in parameters
            ):
                continue  # lazy: computed again when read
            if isinstance(value, Distribution):
                value = value.expand(batch)
            elif name in parameters and isinstance(value, Tensor):
                value = expanded(value, batch, parameters[name].event_dim)
            new.__dict__[name] = value
        new._batch_shape = batch
        return new

    def _get_checked_instance(self, cls: type, _instance: Any = None) -> Any:
        if _instance is None and type(self).__init__ is not cls.__init__:  # type: ignore[misc]
            raise NotImplementedError(
                f"Subclass {type(self).__name__} of {cls.__name__} that defines a custom __init__ "
                "method must also define a custom .expand() method."
            )
        return self.__new__(type(self)) if _instance is None else _instance

    @property
    def mean(self) -> Tensor:
        """The mean."""
        raise NotImplementedError(f"{type(self).__name__} does not implement mean")

    @property
    def mode(self) -> Tensor:
        """The most probable value."""
        raise NotImplementedError(f"{type(self)} does not implement mode")

    @property
    def variance(self) -> Tensor:
        """The variance."""
        raise NotImplementedError(f"{type(self).__name__} does not implement variance")

    @property
    def stddev(self) -> Tensor:
        """The standard deviation."""
        return self.variance.sqrt()

    def sample(self, sample_shape: Size = ()) -> Tensor:
        """Draw samples, without a gradient."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Size = ()) -> Tensor:
        """Draw samples that are differentiable by the parameters."""
        raise NotImplementedError(
            f"{type(self).__name__} has no rsample: use sample(), and log_prob() for gradients"
        )

    def sample_n(self, n: int) -> Tensor:
        """Draw n samples. Deprecated: a FutureWarning recommends sample((n,))."""
        warnings.warn(
            "`sample_n(n)` will be deprecated. Use `sample((n,))` instead.",
            FutureWarning,
            stacklevel=2,
        )
        return self.sample((n,))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the logarithm of the density, or of the probability, at `value`."""
        raise NotImplementedError(f"{type(self).__name__} does not implement log_prob")

    def cdf(self, value: Tensor) -> Tensor:
        """Return the probability of at most `value`."""
        raise NotImplementedError(f"{type(self).__name__} does not implement cdf")

    def icdf(self, value: Tensor) -> Tensor:
        """Return the inverse of `cdf`."""
        raise NotImplementedError(f"{type(self).__name__} does not implement icdf")

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """Return all values of a discrete distribution, along a new first dimension."""
        raise NotImplementedError(f"{type(self).__name__} does not implement enumerate_support")

    def entropy(self) -> Tensor:
        """Return the entropy, in nats."""
        raise NotImplementedError(f"{type(self).__name__} does not implement entropy")

    def perplexity(self) -> Tensor:
        """Return exp(entropy)."""
        return self.entropy().exp()

    def _extended_shape(self, sample_shape: Size = ()) -> tuple[int, ...]:
        return (*sample_shape, *self._batch_shape, *self._event_shape)

    def _check(self, value: Tensor) -> None:
        """Call `_validate_sample`, if arguments are checked."""
        if self._validate_args:
            self._validate_sample(value)

    def _validate_sample(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise ValueError("The value argument to log_prob must be a Tensor")
        start = value.ndim - len(self._event_shape)
        if tuple(value.shape[max(start, 0) :]) != self._event_shape:
            raise ValueError(
                f"The right-most size of value must match event_shape: {value.shape} vs "
                f"{self._event_shape}."
            )
        sample_shape = self._batch_shape + self._event_shape
        for i, j in zip(reversed(value.shape), reversed(sample_shape), strict=False):
            if i != 1 and j != 1 and i != j:
                raise ValueError(
                    "Value is not broadcastable with batch_shape+event_shape: "
                    f"{tuple(value.shape)} vs {sample_shape}."
                )
        support = self.support
        if not support.holds(value):
            raise ValueError(
                f"Expected value argument ({type(value).__name__} of shape {tuple(value.shape)}) "
                f"to be within the support ({support!r}) of the distribution {self!r}, but found "
                f"invalid values:\n{value}"
            )

    def __repr__(self) -> str:
        names = [name for name in self.arg_constraints if name in self.__dict__]
        values = ((name, self.__dict__[name]) for name in names)
        shown = (f"{k}: {v if v.numel() == 1 else v.size()}" for k, v in values)
        return f"{type(self).__name__}({', '.join(shown)})"


class ExponentialFamily(Distribution):
    """exp(<t(x), theta> - F(theta) + k(x)): entropy and KL are derivatives of F.

    `_natural_params` is theta, `_log_normalizer` F, `_mean_carrier_measure` the mean of k.
    """

    @property
    def _mean_carrier_measure(self) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not implement entropy")

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        raise NotImplementedError

    _log_normalizer: Callable[..., Tensor]

    def entropy(self) -> Tensor:
        """F(theta) - <theta, dF> - the mean of k: Nielsen and Nock, 2010."""
        carrier = self._mean_carrier_measure
        theta = [p if p.requires_grad else p.detach().requires_grad_()
                 for p in self._natural_params]  # fmt: skip
        normalizer = self._log_normalizer(*theta)
        slopes = grad(normalizer.sum(), theta, create_graph=True)
        result = normalizer - carrier
        for p, slope in zip(theta, slopes, strict=True):
            result = result - sum_rightmost(p * slope, p.ndim - len(self._batch_shape))
        return result
