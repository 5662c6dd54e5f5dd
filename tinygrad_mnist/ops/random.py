"""Random Tensors. One generator serves all calls that name none; `manual_seed` seeds it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.default_dtype import get_default_dtype
from tinygrad_mnist.autograd.dtypes import result_type
from tinygrad_mnist.autograd.tensor import Tensor, refuse_unrecorded, unwrap, wrap
from tinygrad_mnist.ops import table
from tinygrad_mnist.ops.arguments import call_recorded, creation, size_of

__all__ = [
    "Generator", "bernoulli", "get_rng_state", "initial_seed", "manual_seed", "multinomial",
    "normal", "rand", "rand_like", "randint", "randint_like", "randn", "randn_like", "randperm",
    "set_rng_state",
]  # fmt: skip
NOT_METHODS = {
    "Generator",
    "manual_seed",
    "initial_seed",
    "get_rng_state",
    "set_rng_state",
    "rand",
    "randn",
    "randint",
    "randperm",
    "rand_like",
    "randn_like",
    "randint_like",
    "normal",
}
METHODS = [name for name in __all__ if name not in NOT_METHODS]


class Generator:
    """A stream of random numbers, the same for the same seed.

    >>> a = rand(2, generator=Generator().manual_seed(0))
    >>> b = rand(2, generator=Generator().manual_seed(0))
    >>> bool((a == b).all())
    True
    """

    def __init__(self, device: Any = "cpu") -> None:
        self.device = device
        self._rng: np.random.Generator | None = None
        self.seed()

    def manual_seed(self, seed: int) -> Generator:
        """Start again at `seed`."""
        refuse_unrecorded("manual_seed()")
        self._seed = int(seed)
        if self._rng is not None:  # the same object, which a captured program refers to
            self._rng.bit_generator.state = self._fresh().state
        return self

    def _fresh(self) -> np.random.PCG64:
        return np.random.PCG64(self._seed % 2**64)

    def seed(self) -> int:
        """Start again at a seed from the operating system; return that seed."""
        return self.manual_seed(int.from_bytes(os.urandom(8), "big") >> 1)._seed

    @property
    def rng(self) -> np.random.Generator:
        """The NumPy generator behind this one, made at first use."""
        if self._rng is None:  # importing numpy.random takes a fifth as long as importing numpy
            self._rng = np.random.Generator(self._fresh())
        return self._rng

    def initial_seed(self) -> int:
        """Return the seed of the stream."""
        return self._seed

    def get_state(self) -> dict[str, Any]:
        """Return the position in the stream, for `set_state`."""
        return dict(self.rng.bit_generator.state)

    def set_state(self, state: dict[str, Any]) -> None:
        """Move to a position in the stream."""
        refuse_unrecorded("set_rng_state()")
        self.rng.bit_generator.state = state


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Seed the default generator, which serves all calls that name none."""
    return default_generator.manual_seed(seed)


def initial_seed() -> int:
    """Return the seed of the default generator."""
    return default_generator.initial_seed()


def get_rng_state() -> dict[str, Any]:
    """Return the position of the default generator in its stream."""
    return default_generator.get_state()


def set_rng_state(new_state: dict[str, Any]) -> None:
    """Move the default generator to a position in its stream."""
    default_generator.set_state(new_state)


def rng_of(generator: Generator | np.random.Generator | None) -> np.random.Generator:
    """The NumPy generator behind one of ours, or the default one."""
    if generator is None:
        return default_generator.rng
    return generator.rng if isinstance(generator, Generator) else generator


@creation
def rand(*size: Any, generator: Any = None, dtype: Any = None) -> Tensor:
    """Uniform on [0, 1)."""
    dtype = np.dtype(dtype or get_default_dtype())
    return call_recorded(table.uniform, shape=size_of(size), dtype=dtype, rng=rng_of(generator))


@creation
def randn(*size: Any, generator: Any = None, dtype: Any = None) -> Tensor:
    """Standard normal numbers: of mean 0 and deviation 1."""
    dtype = np.dtype(dtype or get_default_dtype())
    return call_recorded(table.normal, shape=size_of(size), dtype=dtype, rng=rng_of(generator))


@creation
def randint(
    low: Any = None, high: Any = None, size: Any = None, *, generator: Any = None, dtype: Any = None
) -> Tensor:
    """Integers, uniform on low (0) to high - 1; low may be left out: `randint(high, size)`."""
    if size is None:
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    if high is None or size is None:
        missing = "size" if size is None else "high"
        raise TypeError(f"randint() missing 1 required positional argument: {missing!r}")
    low = 0 if low is None else low
    if low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got {low} >= {high}")
    result_dtype = np.dtype(dtype or np.int64)
    shape = size_of((size,))
    return call_recorded(
        table.integers, low=low, high=high, shape=shape, dtype=result_dtype, rng=rng_of(generator)
    )


@creation
def randperm(n: int, *, generator: Any = None, dtype: Any = None) -> Tensor:
    """0, 1, ..., n - 1 in random order."""
    order = call_recorded(table.permutation, n=n, rng=rng_of(generator))
    return order if dtype in (None, order.dtype) else table.cast(order, dtype=dtype)


@creation
def rand_like(input: Tensor, *, dtype: Any = None) -> Tensor:
    """`rand` in the shape and dtype of input."""
    return rand(input.shape, dtype=dtype or input.dtype)


@creation
def randn_like(input: Tensor, *, dtype: Any = None) -> Tensor:
    """`randn` in the shape and dtype of input."""
    return randn(input.shape, dtype=dtype or input.dtype)


@creation
def randint_like(
    input: Tensor, low: int | None = None, high: int | None = None, *, dtype: Any = None
) -> Tensor:
    """`randint` in the shape and dtype of input."""
    low, high = (0, low) if high is None else (low or 0, high)
    return randint(low, high, input.shape, dtype=dtype or input.dtype)


@creation
def normal(
    mean: Any, std: Any = 1.0, size: Any = None, *, generator: Any = None, dtype: Any = None
) -> Tensor:
    """Normal with the given means and standard deviations, through which no gradient flows.

    Each is a number or a Tensor; for two numbers, `size` is the shape of the result.
    """
    mean, std = (v.detach() if isinstance(v, Tensor) else v for v in (mean, std))
    if np.any(np.less(unwrap(std), 0)):
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
    if size is None:
        shape = np.broadcast_shapes(np.shape(unwrap(mean)), np.shape(unwrap(std)))
        dtype = dtype or result_type(mean, std)
    else:
        shape = size
    drawn: Tensor = randn(shape, generator=generator, dtype=dtype) * std + mean
    return drawn


@creation
def bernoulli(input: Tensor, p: float | None = None, *, generator: Any = None) -> Tensor:
    """1 with the probabilities in input (or p), else 0; no gradient."""
    draw = rand(input.shape, dtype=input.dtype, generator=generator)
    return table.cast(table.lt(draw, input if p is None else p), dtype=input.dtype)


@creation
def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Any = None
) -> Tensor:
    """Indices drawn with the weights of each row, with or without replacement."""
    if input.dtype.kind != "f" or not 1 <= input.ndim <= 2 or num_samples < 1:
        raise RuntimeError(
            "multinomial needs floats in one or two dimensions and at least one sample, not "
            f"{input.dtype} of shape {list(input.shape)} and {num_samples} samples"
        )
    weights, rng = input.detach().numpy().astype(np.float64), rng_of(generator)
    sums = np.add.reduce(weights, -1, keepdims=True)
    if not (
        weights.min(initial=0) >= 0 and sums.min(initial=1) > 0 and sums.max(initial=1) < np.inf
    ):
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if not replacement and num_samples > 1 and num_samples > (weights > 0).sum(-1).min():
        raise RuntimeError("cannot draw more samples without replacement than there are categories")
    rows = (weights / sums).reshape(-1, weights.shape[-1])
    if replacement or num_samples == 1:
        drawn = [choices_of(p, rng.random(num_samples)) for p in rows]
    else:
        drawn = [rng.choice(rows.shape[1], num_samples, replace=False, p=p) for p in rows]
    return wrap(np.array(drawn, np.int64).reshape(*weights.shape[:-1], num_samples))


def choices_of(p: Any, uniform: Any) -> Any:
    """The indices that `Generator.choice` draws with probabilities p and these uniform numbers."""
    sums = np.add.accumulate(p)
    sums /= sums[-1]
    return sums.searchsorted(uniform, "right")


@contextlib.contextmanager
def fork_rng(
    devices: Any = None, enabled: bool = True, device_type: str = "cpu", **_: Any
) -> Iterator[None]:
    """Leave the random numbers outside as if nothing had been drawn inside."""
    state = get_rng_state()
    try:
        yield
    finally:
        if enabled:
            set_rng_state(state)
