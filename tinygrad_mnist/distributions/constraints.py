"""Regions for parameters and values; `constraint.check(value)` returns a boolean per event.

`real`, `positive`, `simplex`, `positive_definite` and others are constraints; `interval`,
`greater_than`, `independent`, `cat` and others make one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.floats import USUAL, hush, restore, state
from tinygrad_mnist.autograd.modes import MODES, is_recording
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.ops import join, table
from tinygrad_mnist.ops.compare import isclose
from tinygrad_mnist.ops.create import full

__all__ = [
    "Constraint", "MixtureSameFamilyConstraint", "boolean", "cat", "corr_cholesky", "dependent",
    "dependent_property", "greater_than", "greater_than_eq", "half_open_interval", "independent",
    "integer_interval", "interval", "is_dependent", "less_than", "lower_cholesky",
    "lower_triangular", "multinomial", "nonnegative", "nonnegative_integer", "one_hot",
    "positive", "positive_definite", "positive_integer", "positive_semidefinite", "real",
    "real_vector", "simplex", "square", "stack", "symmetric", "unit_interval",
]  # fmt: skip


class Constraint:
    """A region; its last `event_dim` dimensions are one event."""

    is_discrete: Any = False
    event_dim: Any = 0

    def check(self, value: Tensor) -> Tensor:
        """Tell for each event of `value` whether it lies in the region."""
        raise NotImplementedError

    def holds(self, value: Tensor) -> bool:
        """Tell whether all events of `value` lie in the region.

        Where nobody follows the calls, and `check` has only operators, it is given the bare array.
        """
        plain = not MODES or is_recording() is not None
        if plain and value._data.dtype.char in "fdl?" and self._takes_arrays():
            return _all_hold(self, value._data)
        return bool(self.check(value.detach()).all())

    def _takes_arrays(self) -> bool:
        return type(self).check in OF_ARRAYS

    def __repr__(self) -> str:
        return f"{type(self).__name__.lstrip('_')}({self._shown()})"

    def _shown(self) -> str:
        return ", ".join(f"{key}={value}" for key, value in vars(self).items())


def _all_hold(constraint: Constraint, values: Any) -> bool:
    usual = state() is USUAL
    try:
        if usual:
            hush()
        return bool(constraint.check(values).all())
    finally:
        if usual:
            restore()


class _Dependent(Constraint):
    """A region that depends on other variables, and so cannot be checked."""

    def __init__(self, *, is_discrete: Any = NotImplemented, event_dim: Any = NotImplemented):
        self._is_discrete, self._event_dim = is_discrete, event_dim

    @property
    def is_discrete(self) -> bool:
        return self._determined(self._is_discrete, "is_discrete")

    @property
    def event_dim(self) -> int:
        return self._determined(self._event_dim, "event_dim")

    @staticmethod
    def _determined(value: Any, name: str) -> Any:
        if value is NotImplemented:
            raise NotImplementedError(f".{name} cannot be determined statically")
        return value

    def __call__(
        self, *, is_discrete: Any = NotImplemented, event_dim: Any = NotImplemented
    ) -> _Dependent:
        return _Dependent(
            is_discrete=self._is_discrete if is_discrete is NotImplemented else is_discrete,
            event_dim=self._event_dim if event_dim is NotImplemented else event_dim,
        )

    def check(self, value: Tensor) -> Tensor:
        raise ValueError("Cannot determine validity of dependent constraint")

    def _shown(self) -> str:
        return ""


def is_dependent(constraint: Any) -> bool:
    """Tell whether the constraint depends on other variables."""
    return isinstance(constraint, _Dependent)


class dependent_property(property, _Dependent):
    """A property whose value is a constraint; on the class it is a dependent one."""

    def __init__(
        self,
        fn: Callable[..., Any] | None = None,
        *,
        is_discrete: Any = NotImplemented,
        event_dim: Any = NotImplemented,
    ) -> None:
        property.__init__(self, fn)
        self._is_discrete, self._event_dim = is_discrete, event_dim

    def __call__(self, fn: Any) -> dependent_property:  # type: ignore[override]
        return dependent_property(fn, is_discrete=self._is_discrete, event_dim=self._event_dim)


class _IndependentConstraint(Constraint):
    """A region of larger events, each valid if all its parts along the added dimensions are."""

    def __init__(self, base_constraint: Constraint, reinterpreted_batch_ndims: int) -> None:
        self.base_constraint = base_constraint
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims

    @property
    def is_discrete(self) -> Any:
        return self.base_constraint.is_discrete

    @property
    def event_dim(self) -> int:
        return int(self.base_constraint.event_dim) + self.reinterpreted_batch_ndims

    def check(self, value: Tensor) -> Tensor:
        result = self.base_constraint.check(value)
        if result.ndim < self.reinterpreted_batch_ndims:
            raise ValueError(f"Expected value.dim() >= {self.event_dim} but got {value.ndim}")
        return every(result, self.reinterpreted_batch_ndims)

    def _takes_arrays(self) -> bool:
        return super()._takes_arrays() and self.base_constraint._takes_arrays()

    def _shown(self) -> str:
        return f"{self.base_constraint!r}, {self.reinterpreted_batch_ndims}"


def every(mask: Tensor, dims: int) -> Tensor:
    """Return whether all elements hold, over the last `dims` dimensions."""
    for _ in range(dims):
        mask = mask.all(-1)
    return mask


class MixtureSameFamilyConstraint(Constraint):
    """The region that all components of a mixture share."""

    def __init__(self, base_constraint: Constraint) -> None:
        self.base_constraint = base_constraint

    @property
    def is_discrete(self) -> Any:
        return self.base_constraint.is_discrete

    @property
    def event_dim(self) -> int:
        return int(self.base_constraint.event_dim)

    def check(self, value: Tensor) -> Tensor:
        if value.ndim < self.event_dim:
            raise ValueError(f"Expected value.dim() >= {self.event_dim} but got {value.ndim}")
        result = self.base_constraint.check(value.unsqueeze(-1 - self.event_dim))
        return every(result, result.ndim - (value.ndim - self.event_dim))

    def _shown(self) -> str:
        return repr(self.base_constraint)


class _Real(Constraint):
    def check(self, value: Tensor) -> Tensor:
        return value == value  # not NaN


class _Boolean(Constraint):
    is_discrete = True

    def check(self, value: Tensor) -> Tensor:
        return (value == 0) | (value == 1)


class _OneHot(Constraint):
    is_discrete, event_dim = True, 1

    def check(self, value: Tensor) -> Tensor:
        return ((value == 0) | (value == 1)).all(-1) & (value.sum(-1) == 1)


class _Bounded(Constraint):
    """A region between two bounds."""

    def __init__(self, lower_bound: Any, upper_bound: Any) -> None:
        self.lower_bound, self.upper_bound = lower_bound, upper_bound


class _Interval(_Bounded):
    def check(self, value: Tensor) -> Tensor:
        return (value >= self.lower_bound) & (value <= self.upper_bound)


class _HalfOpenInterval(_Bounded):
    def check(self, value: Tensor) -> Tensor:
        return (value >= self.lower_bound) & (value < self.upper_bound)


def _whole(value: Tensor, inside: Tensor) -> Tensor:
    """Return `inside` where the value is a whole number, too: integers are, without a look."""
    return inside & (value % 1 == 0) if value.dtype.kind == "f" else inside


class _IntegerInterval(_Bounded):
    is_discrete = True

    def check(self, value: Tensor) -> Tensor:
        return _whole(value, (value >= self.lower_bound) & (value <= self.upper_bound))


class _From(Constraint):
    """A region above a bound."""

    def __init__(self, lower_bound: Any) -> None:
        self.lower_bound = lower_bound


class _GreaterThan(_From):
    def check(self, value: Tensor) -> Tensor:
        return value > self.lower_bound


class _GreaterThanEq(_From):
    def check(self, value: Tensor) -> Tensor:
        return value >= self.lower_bound


class _IntegerGreaterThan(_From):
    is_discrete = True

    def check(self, value: Tensor) -> Tensor:
        return _whole(value, value >= self.lower_bound)


class _LessThan(Constraint):
    def __init__(self, upper_bound: Any) -> None:
        self.upper_bound = upper_bound

    def check(self, value: Tensor) -> Tensor:
        return value < self.upper_bound


class _Simplex(Constraint):
    event_dim = 1

    def check(self, value: Tensor) -> Tensor:
        total = table.sum(value, axis=(value.ndim - 1,))
        return (value >= 0).all(-1) & (abs(total - 1) < 1e-6)


class _Multinomial(Constraint):
    is_discrete, event_dim = True, 1

    def __init__(self, upper_bound: Any) -> None:
        self.upper_bound = upper_bound

    def check(self, value: Tensor) -> Tensor:
        return (value >= 0).all(-1) & (value.sum(-1) <= self.upper_bound)


class _LowerTriangular(Constraint):
    event_dim = 2

    def check(self, value: Tensor) -> Tensor:
        return (value.tril() == value).all(-1).all(-1)


class _LowerCholesky(_LowerTriangular):
    def check(self, value: Tensor) -> Tensor:
        positive = (value.diagonal(dim1=-2, dim2=-1) > 0).all(-1)
        return super().check(value) & positive


class _CorrCholesky(_LowerCholesky):
    def check(self, value: Tensor) -> Tensor:
        tolerance = float(np.finfo(value.dtype).eps) * value.shape[-1] * 10
        lengths = value.detach().norm(dim=-1)
        return super().check(value) & ((lengths - 1).abs() <= tolerance).all(-1)


class _Square(Constraint):
    event_dim = 2

    def check(self, value: Tensor) -> Tensor:
        fits = value.shape[-2] == value.shape[-1]
        return full(value.shape[:-2], fits, dtype=bool)


class _Symmetric(_Square):
    def check(self, value: Tensor) -> Tensor:
        fits = super().check(value)
        if not fits.all():
            return fits
        return isclose(value, value.mT, atol=1e-6).all(-2).all(-1)


class _PositiveSemidefinite(_Symmetric):
    def check(self, value: Tensor) -> Tensor:
        from tinygrad_mnist.ops.linalg.factor import eigvalsh

        fits = super().check(value)
        return (eigvalsh(value.detach()) >= 0).all(-1) if fits.all() else fits


class _PositiveDefinite(_Symmetric):
    def check(self, value: Tensor) -> Tensor:
        from tinygrad_mnist.ops.linalg.factor import cholesky_ex

        fits = super().check(value)
        return cholesky_ex(value.detach()).info == 0 if fits.all() else fits


class _Joined(Constraint):
    """Several constraints, each for a part along `dim`."""

    cseq: list[Constraint]

    @property
    def is_discrete(self) -> bool:
        return any(c.is_discrete for c in self.cseq)


class _Cat(_Joined):
    def __init__(
        self, cseq: Sequence[Constraint], dim: int = 0, lengths: Sequence[int] | None = None
    ) -> None:
        self.cseq, self.dim = list(cseq), dim
        self.lengths = [1] * len(self.cseq) if lengths is None else list(lengths)

    @property
    def event_dim(self) -> int:
        return max(int(c.event_dim) for c in self.cseq)

    def check(self, value: Tensor) -> Tensor:
        parts = value.split(self.lengths, self.dim)
        checks = [c.check(part) for c, part in zip(self.cseq, parts, strict=True)]
        return join.cat(checks, self.dim)


class _Stack(_Joined):
    def __init__(self, cseq: Sequence[Constraint], dim: int = 0) -> None:
        self.cseq, self.dim = list(cseq), dim

    @property
    def event_dim(self) -> int:
        dim = max(int(c.event_dim) for c in self.cseq)
        return dim + 1 if self.dim + dim < 0 else dim

    def check(self, value: Tensor) -> Tensor:
        parts = value.unbind(self.dim)
        return join.stack([c.check(v) for c, v in zip(self.cseq, parts, strict=True)], self.dim)


# The checks that are made of operators, and so take an array as well as a Tensor
OF_ARRAYS = {
    one.check
    for one in (
        _Boolean, _GreaterThan, _GreaterThanEq, _HalfOpenInterval, _IndependentConstraint,
        _IntegerGreaterThan, _IntegerInterval, _Interval, _LessThan, _Real, _Simplex,
    )
}  # fmt: skip
dependent = _Dependent()
independent = _IndependentConstraint
boolean, one_hot, simplex = _Boolean(), _OneHot(), _Simplex()
nonnegative_integer, positive_integer = _IntegerGreaterThan(0), _IntegerGreaterThan(1)
integer_interval, interval, half_open_interval = _IntegerInterval, _Interval, _HalfOpenInterval
real = _Real()
real_vector = independent(real, 1)
positive, nonnegative = _GreaterThan(0.0), _GreaterThanEq(0.0)
greater_than, greater_than_eq, less_than = _GreaterThan, _GreaterThanEq, _LessThan
unit_interval = _Interval(0.0, 1.0)
multinomial, cat, stack = _Multinomial, _Cat, _Stack
lower_triangular, lower_cholesky = _LowerTriangular(), _LowerCholesky()
corr_cholesky, square, symmetric = _CorrCholesky(), _Square(), _Symmetric()
positive_semidefinite, positive_definite = _PositiveSemidefinite(), _PositiveDefinite()
