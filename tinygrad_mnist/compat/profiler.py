"""`torch.profiler` and `autograd.profiler`: context managers that measure nothing.

Use `python -m cProfile program.py` for time, and `autograd.graph_memory` for a graph's memory.
"""

from __future__ import annotations

import enum
from typing import Any


class ProfilerActivity(enum.Enum):
    """PyTorch's kinds of activity to measure."""

    CPU, CUDA, XPU = "CPU", "CUDA", "XPU"


class profile:
    """A context manager that measures nothing."""

    def __init__(self, *args: Any, **kw: Any) -> None:
        self.function_events: list[Any] = []

    def __enter__(self) -> profile:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def step(self) -> None:
        """Do nothing: no steps are counted."""

    start = stop = step

    def key_averages(self, *args: Any, **kw: Any) -> profile:
        """Return this object: there are no events."""
        return self

    def table(self, *args: Any, **kw: Any) -> str:
        """Return a line that recommends cProfile."""
        return "nothing was measured; use python -m cProfile"

    def export_chrome_trace(self, path: str) -> None:
        """Raise RuntimeError: there is nothing to write."""
        raise RuntimeError(self.table())


class record_function(profile):
    """A context manager and decorator with a name."""

    def __call__(self, function: Any) -> Any:
        """Return the function itself."""
        return function


class emit_nvtx(profile):
    """A context manager that emits nothing."""


def schedule(*args: Any, **kw: Any) -> None:
    """Return None: nothing is measured."""


tensorboard_trace_handler = schedule
