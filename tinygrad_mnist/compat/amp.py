"""Automatic mixed precision: `autocast` and `GradScaler`, as in PyTorch on a CPU with float32.

Nothing is cast: NumPy has no bfloat16, and float16 is slower here than float32. For CUDA, a program
gets the same as from PyTorch without CUDA: a block of float32 and a scaler that is off.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from tinygrad_mnist.autograd import Tensor, no_grad

__all__ = ["GradScaler", "autocast", "is_autocast_enabled"]

F = TypeVar("F", bound=Callable[..., Any])


class autocast:
    """A context manager and decorator under which float32 stays float32.

    Raises RuntimeError for bfloat16 or float16 on the CPU, which PyTorch would compute in.

    >>> with autocast("cuda"):
    ...     pass
    """

    def __init__(
        self,
        device_type: Any = "cuda",
        dtype: Any = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        if isinstance(device_type, bool):  # torch.cuda.amp.autocast(True)
            device_type, enabled = "cuda", device_type
        self.device, self.fast_dtype, self._enabled = str(device_type), dtype, enabled
        if not enabled or not self.device.startswith("cpu"):
            return
        name = "bfloat16" if dtype is None else getattr(dtype, "name", str(dtype))
        if name != "float32":
            raise RuntimeError(
                f"autocast on the CPU to {name}: NumPy computes in float32 and float64; "
                "use autocast('cpu', dtype=float32), or enabled=False"
            )

    def __enter__(self) -> autocast:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def __call__(self, function: F) -> F:
        """Return the function wrapped in this context manager."""

        @functools.wraps(function)
        def call(*args: Any, **kw: Any) -> Any:
            with self:
                return function(*args, **kw)

        return call  # type: ignore[return-value]


def custom_fwd(fwd: Any = None, *, device_type: str = "cuda", cast_inputs: Any = None) -> Any:
    """Return the forward of an autograd.Function unchanged: nothing is cast."""
    return functools.partial(custom_fwd, device_type=device_type) if fwd is None else fwd


def custom_bwd(bwd: Any = None, *, device_type: str = "cuda") -> Any:
    """Return the backward of an autograd.Function unchanged: nothing is cast."""
    return functools.partial(custom_bwd, device_type=device_type) if bwd is None else bwd


def is_autocast_available(device_type: str) -> bool:
    """Return False: nothing is cast automatically."""
    return False


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Return False: nothing is cast automatically."""
    return False


class GradScaler:
    """Scales a loss up, so that gradients in float16 do not vanish, and its gradients back down.

    For the device "cuda", which is not there, it is off, as in PyTorch: the loss is unchanged and
    `step` is the optimizer's. On "cpu" it scales, skips a step that has inf or nan, and adapts.

    >>> import tinygrad_mnist as tg
    >>> GradScaler("cpu").scale(tg.ones(1))
    tensor([65536.])
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        if not isinstance(device, str):  # torch.cuda.amp.GradScaler(init_scale)
            device, init_scale = "cuda", device
        if enabled and not str(device).startswith("cpu"):
            warnings.warn(
                f"GradScaler is enabled for {device!r}, but there is only the CPU: it is off",
                UserWarning,
                stacklevel=2,
            )
            enabled = False
        if enabled and (growth_factor <= 1 or backoff_factor >= 1):
            raise ValueError("growth_factor must be above 1 and backoff_factor below 1")
        self._enabled, self._scale = enabled, float(init_scale)
        self._growth_factor, self._backoff_factor, self._growth_interval = (
            growth_factor,
            backoff_factor,
            growth_interval,
        )
        self._good_steps = 0
        self._has_bad_gradient: dict[int, bool] = {}
        self._stepped: set[int] = set()

    def is_enabled(self) -> bool:
        """Tell whether the scaler is on."""
        return self._enabled

    def get_scale(self) -> float:
        """Return the factor; 1 if the scaler is off."""
        return self._scale if self._enabled else 1.0

    def scale(self, outputs: Any) -> Any:
        """Multiply a Tensor, or each Tensor of a list or tuple, by the factor."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            return outputs * self._scale
        return type(outputs)(map(self.scale, outputs))

    @no_grad()
    def unscale_(self, optimizer: Any) -> None:
        """Divide the gradients of an optimizer's parameters by the factor, once before its step."""
        if not self._enabled:
            return
        if id(optimizer) in self._has_bad_gradient:
            raise RuntimeError(
                "unscale_() has already been called on this optimizer since the last update()."
            )
        grads = [p.grad for g in optimizer.param_groups for p in g["params"] if p.grad is not None]
        for grad in grads:
            grad.mul_(1 / self._scale)
        self._has_bad_gradient[id(optimizer)] = not all(
            bool(grad.isfinite().all()) for grad in grads
        )

    def step(self, optimizer: Any, *args: Any, **kw: Any) -> Any:
        """Unscale the gradients, and step the optimizer unless a gradient is inf or nan."""
        if not self._enabled:
            return optimizer.step(*args, **kw)
        if id(optimizer) in self._stepped:
            raise RuntimeError("step() has already been called since the last update().")
        if id(optimizer) not in self._has_bad_gradient:
            self.unscale_(optimizer)
        self._stepped.add(id(optimizer))
        return None if self._has_bad_gradient[id(optimizer)] else optimizer.step(*args, **kw)

    def update(self, new_scale: Any = None) -> None:
        """Lower the factor after a skipped step; raise it after `growth_interval` good steps."""
        if not self._enabled:
            return
        if not self._has_bad_gradient:
            raise RuntimeError("No inf checks were recorded prior to update.")
        if new_scale is not None:
            self._scale = float(new_scale)
        elif any(self._has_bad_gradient.values()):
            self._scale, self._good_steps = self._scale * self._backoff_factor, 0
        else:
            self._good_steps += 1
            if self._good_steps == self._growth_interval:
                self._scale, self._good_steps = self._scale * self._growth_factor, 0
        self._has_bad_gradient, self._stepped = {}, set()

    def state_dict(self) -> dict[str, Any]:
        """Return the factor and the settings; an empty dict if the scaler is off."""
        if not self._enabled:
            return {}
        return {
            "scale": self._scale, "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval, "_growth_tracker": self._good_steps,
        }  # fmt: skip

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a `state_dict()`."""
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError("the state dict is empty: it came from a GradScaler that was off")
        self._scale = state_dict["scale"]
        self._growth_factor, self._backoff_factor = (
            state_dict["growth_factor"],
            state_dict["backoff_factor"],
        )
        self._growth_interval, self._good_steps = (
            state_dict["growth_interval"],
            state_dict["_growth_tracker"],
        )
