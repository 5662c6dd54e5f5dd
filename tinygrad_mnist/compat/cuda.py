"""`torch.cuda`, `torch.mps`, `torch.accelerator`: every query reports that there is no device.

Seeding, waiting and freeing memory do nothing; a function that would use a
device raises RuntimeError.
"""

from __future__ import annotations

from typing import Any

from tinygrad_mnist.compat.amp import GradScaler as GradScaler
from tinygrad_mnist.compat.amp import autocast as autocast
from tinygrad_mnist.ops.arguments import check_device
from tinygrad_mnist.ops.legacy import TENSOR_TYPES


def is_available() -> bool:
    """Return False: there is no such device."""
    return False


_initialized = False  # read by programs that store the state of random numbers
is_initialized = is_built = is_bf16_supported = is_current_stream_capturing = is_available


def device_count() -> int:
    """Return 0: there is no such device."""
    return 0


memory_allocated = memory_reserved = max_memory_allocated = max_memory_reserved = (
    lambda device=None: 0
)
memory_cached = max_memory_cached = current_allocated_memory = driver_allocated_memory = (
    memory_allocated
)


def manual_seed(seed: int) -> None:
    """Do nothing: there is no generator to seed."""


def synchronize(device: Any = None) -> None:
    """Do nothing: there is no device to wait for."""


manual_seed_all = manual_seed
empty_cache = ipc_collect = init = reset_peak_memory_stats = reset_max_memory_allocated = (
    reset_max_memory_cached
) = synchronize


def _refuse(*args: Any, **kw: Any) -> Any:
    """Raise RuntimeError: everything runs on the CPU."""
    check_device("cuda")


current_device = get_device_name = get_device_properties = get_device_capability = set_device = (
    mem_get_info
) = memory_stats = memory_summary = current_stream = default_stream = get_rng_state = (
    set_rng_state
) = stream = Stream = Event = current_accelerator = _refuse


class device:
    """A context manager for a device: RuntimeError on entry, unless the device is None or -1."""

    def __init__(self, device: Any) -> None:
        self.device = device

    def __enter__(self) -> None:
        if self.device not in (None, -1):
            check_device("cuda")

    def __exit__(self, *_: object) -> None:
        return None


def __getattr__(name: str) -> Any:
    if name in TENSOR_TYPES:
        return _tensor_type(name)
    from tinygrad_mnist.missing import instead

    raise AttributeError(f"module {__name__!r} has no {name!r}{instead('cuda', name, globals())}")


def _tensor_type(name: str) -> Any:
    """Return the class `cuda.FloatTensor`: programs may mention it, but not call it."""

    class CudaTensor(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return False

        def __call__(cls, *args: Any, **kw: Any) -> Any:
            raise TypeError(f"type torch.cuda.{name} not available: everything runs on the CPU")

        @property
        def dtype(cls) -> Any:
            check_device("cuda")
            return None

    return CudaTensor(name, (), {"__doc__": "Not available: everything runs on the CPU."})
