"""`torch.profiler` and `autograd.profiler`: blocks that run their body and measure nothing.

`python -m cProfile program.py` measures; `autograd.graph_memory` measures what a graph keeps.
"""

from __future__ import annotations

import enum
from typing import Any


class ProfilerActivity(enum.Enum):
    """PyTorch's kinds of activity to measure."""

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
        """Do nothing: no steps are counted."""

    start = stop = step

    def key_averages(self, *args: Any, **kw: Any) -> profile:
        """Return the block itself: there are no events."""
        return self

    def table(self, *args: Any, **kw: Any) -> str:
        """Return a line that names what to use instead."""
        return "nothing was measured; use python -m cProfile"

    def export_chrome_trace(self, path: str) -> None:
        """Raise RuntimeError: there is nothing to write."""
        raise RuntimeError(self.table())


class record_function(profile):
    """A block with a name; a decorator, too."""

    def __call__(self, function: Any) -> Any:
        """Return the function itself."""
        return function


class emit_nvtx(profile):
    """A block in which nothing is emitted."""


def schedule(*args: Any, **kw: Any) -> None:
    """Return None: nothing is measured."""


tensorboard_trace_handler = schedule
