"""`torch.profiler` and `autograd.profiler`: blocks that run as ever and measure nothing.

`python -m cProfile program.py` measures; `autograd.graph_memory` tells what a graph keeps.
"""

from __future__ import annotations

import enum
from typing import Any


class ProfilerActivity(enum.Enum):
    """What PyTorch can measure."""

    CPU, CUDA, XPU = "CPU", "CUDA", "XPU"


class profile:
    """A block in which nothing is measured."""

    def __init__(self, *args: Any, **kw: Any) -> None:
        self.function_events: list[Any] = []

    def __enter__(self) -> profile:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def step(self) -> None:
        """Nothing to count."""

    start = stop = step

    def key_averages(self, *args: Any, **kw: Any) -> profile:
        """Itself: there are no events."""
        return self

    def table(self, *args: Any, **kw: Any) -> str:
        """A line instead of a table."""
        return "nothing was measured; use python -m cProfile"

    def export_chrome_trace(self, path: str) -> None:
        """RuntimeError: there is nothing to write."""
        raise RuntimeError(self.table())


class record_function(profile):
    """A block with a name; a decorator, too."""

    def __call__(self, function: Any) -> Any:
        """The function itself."""
        return function


class emit_nvtx(profile):
    """A block."""


def schedule(*args: Any, **kw: Any) -> None:
    """Nothing is measured."""


tensorboard_trace_handler = schedule
