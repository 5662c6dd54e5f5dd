"""The threads of tiles and of joint updates: those of `kernels/parallel.py`."""

from __future__ import annotations

from tinygrad_mnist.kernels.parallel import count, together
from tinygrad_mnist.threads import one_thread_each

__all__ = ["count", "one_thread_each", "together"]
