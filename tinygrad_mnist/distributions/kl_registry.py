"""The registry of KL divergences by pairs of classes; the most specific pair is used."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from tinygrad_mnist.distributions.distribution import Distribution

__all__ = ["kl_divergence", "register_kl"]

F = TypeVar("F", bound=Callable[..., Any])
REGISTRY: dict[tuple[type, type], Callable[..., Any]] = {}
_DISPATCHED: dict[tuple[type, type], Callable[..., Any] | None] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[F], F]:
    """Register a function of (p, q) as the KL divergence for two classes of distributions.

    >>> import tinygrad_mnist as tg
    >>> D = tg.distributions
    >>> class Point(D.Normal):
    ...     pass
    >>> @D.register_kl(Point, D.Normal)
    ... def kl_point_normal(p, q):
    ...     return -q.log_prob(p.loc)
    """
    for kind in (type_p, type_q):
        if not isinstance(kind, type) or not issubclass(kind, Distribution):
            raise TypeError(f"Expected a Distribution subclass but got {kind}")

    def register(function: F) -> F:
        REGISTRY[type_p, type_q] = function
        _DISPATCHED.clear()
        return function

    return register


def _dispatch(p: type, q: type) -> Callable[..., Any] | None:
    """Return the function of the most specific pair; RuntimeWarning if two are equally specific."""
    if (p, q) in _DISPATCHED:
        return _DISPATCHED[p, q]
    near_p, near_q = p.__mro__.index, q.__mro__.index
    pairs = [(a, b) for a, b in REGISTRY if issubclass(p, a) and issubclass(q, b)]
    if not pairs:
        return _DISPATCHED.setdefault((p, q), None)
    best_for_p = min(pairs, key=lambda ab: (near_p(ab[0]), near_q(ab[1])))
    best_for_q = min(pairs, key=lambda ab: (near_q(ab[1]), near_p(ab[0])))
    if REGISTRY[best_for_p] is not REGISTRY[best_for_q]:
        warnings.warn(
            f"Ambiguous kl_divergence({p.__name__}, {q.__name__}). Please "
            f"register_kl({best_for_p[0].__name__}, {best_for_q[1].__name__})",
            RuntimeWarning,
            stacklevel=3,
        )
    return _DISPATCHED.setdefault((p, q), REGISTRY[best_for_p])


def kl_divergence(p: Distribution, q: Distribution) -> Any:
    """Return the integral of p log(p / q) per element; NotImplementedError for unknown pairs.

    >>> import tinygrad_mnist as tg
    >>> D = tg.distributions
    >>> D.kl_divergence(D.Normal(0.0, 1.0), D.Normal(1.0, 1.0))
    tensor(0.5000)
    """
    function = _dispatch(type(p), type(q))
    if function is None:
        raise NotImplementedError(
            f"No KL(p || q) is implemented for p type {type(p).__name__} and q type "
            f"{type(q).__name__}"
        )
    return function(p, q)
