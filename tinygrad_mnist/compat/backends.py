"""`torch.backends`: switches of libraries that are not used here; setting them has no effect."""

from __future__ import annotations

from typing import Any


class Backend:
    """A library that is not there: `is_available()` is False, and any attribute may be set."""

    enabled = deterministic = benchmark = allow_tf32 = False
    benchmark_limit = 10
    matmul: Any = None

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)

    def is_available(self) -> bool:
        """Return False: the library is not there."""
        return False

    def is_built(self) -> bool:
        """Return False: the library is not there."""
        return False

    def version(self) -> None:
        """Return None: there is no version."""
        return

    def set_flags(self, *flags: Any, **named: Any) -> tuple[Any, ...]:
        """Do nothing: there are no flags."""
        return ()

    def flags(self, *flags: Any, **named: Any) -> Backend:
        """Return a context manager that sets nothing."""
        return self

    def __enter__(self) -> Backend:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def enable_flash_sdp(self, enabled: bool) -> None:
        """Do nothing: there is one attention kernel."""

    enable_mem_efficient_sdp = enable_math_sdp = enable_cudnn_sdp = enable_flash_sdp


cudnn = Backend(matmul=None)
cuda = Backend(matmul=Backend())
mps, mkl, mkldnn, openmp = Backend(), Backend(), Backend(), Backend()
enabled = deterministic = benchmark = False


def is_available() -> bool:
    """Return False, for `import torch.backends.cudnn`, which finds this module."""
    return False


def version() -> None:
    """Return None: there is no version."""
    return
