"""Windows for signals: weights that fade out towards both ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.default_dtype import get_default_dtype
from tinygrad_mnist.autograd.tensor import Tensor, wrap
from tinygrad_mnist.ops.arguments import creation, named

__all__ = ["bartlett_window", "blackman_window", "hamming_window", "hann_window", "kaiser_window"]


def windowed(weights_of: Callable[..., Any], doc: str) -> Callable[..., Tensor]:
    """Make a window function; a `periodic` window is a symmetric one without its last weight."""

    @creation
    def window(
        window_length: int, periodic: bool = True, *settings: float, dtype: Any = None, **kw: float
    ) -> Tensor:
        if window_length < 0:
            raise RuntimeError(f"window_length must be non-negative, not {window_length}")
        if window_length < 2:
            weights = np.ones(window_length)
        else:
            weights = weights_of(window_length + bool(periodic), *settings, **kw)[:window_length]
        return wrap(np.asarray(weights, dtype or get_default_dtype()))

    window.__doc__ = f"{doc} A `periodic` one lacks the last weight of a symmetric one."
    return window


def _hamming(n: int, alpha: float = 0.54, beta: float = 0.46) -> Any:
    return alpha - beta * np.cos(2 * np.pi * np.arange(n) / (n - 1))


def _kaiser(n: int, beta: float = 12.0) -> Any:
    return np.kaiser(n, beta)


bartlett_window = windowed(np.bartlett, "Bartlett's triangle.")
blackman_window = windowed(np.blackman, "Blackman's window, of three cosines.")
hamming_window = windowed(_hamming, "Hamming's window, alpha - beta cos.")
hann_window = windowed(np.hanning, "Hann's window, a raised cosine.")
kaiser_window = windowed(_kaiser, "Kaiser's window, of the Bessel function I0.")

named(globals(), __all__)
