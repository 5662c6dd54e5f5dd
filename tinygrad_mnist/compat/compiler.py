"""`torch.compiler` and `torch._dynamo`; `compile` itself is the jit in its default form."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

config = SimpleNamespace()


def compile(*args: Any, **kw: Any) -> Any:
    """Call `tinygrad_mnist.compile`, loaded here only: many ask whether there is a compiler."""
    from tinygrad_mnist.compat import scripting

    return scripting.compile(*args, **kw)


def disable(fn: Any = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """Return the function itself."""
    return (lambda function: function) if fn is None else fn


allow_in_graph = assume_constant_result = disable


def is_compiling() -> bool:
    """Return False: the function itself runs."""
    return False


is_dynamo_compiling = is_exporting = is_compiling


def reset() -> None:
    """Do nothing: there is no cache to clear."""


cudagraph_mark_step_begin = mark_dynamic = graph_break = reset
