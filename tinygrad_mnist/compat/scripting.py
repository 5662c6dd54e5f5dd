"""`torch.compile`, `jit.script` and `jit.trace`; call their results like the original."""

from __future__ import annotations

import functools
import os
import warnings
from typing import Any

from tinygrad_mnist import serialize
from tinygrad_mnist.jit.function import jit
from tinygrad_mnist.nn.module import Module

__all__ = ["compile"]

DISABLING = ("TORCH_COMPILE_DISABLE", "TORCHDYNAMO_DISABLE")  # PyTorch's; "1" compiles nothing
ANY_CLASS: Any = {"weights_only": False}


class OptimizedModule(Module):
    """A module whose forward is compiled; it has the attributes of the original, `_orig_mod`."""

    def __init__(self, module: Module) -> None:
        super().__init__()
        self._orig_mod = module
        object.__setattr__(self, "_compiled", jit(module.__call__))

    def forward(self, *args: Any, **kw: Any) -> Any:
        """Call the module, compiled."""
        return self._compiled(*args, **kw)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if "_orig_mod" not in self.__dict__.get("_modules", ()):
                raise
            return getattr(self._modules["_orig_mod"], name)


def compile(
    model: Any = None, *, fullgraph: bool = False, dynamic: Any = None, backend: Any = "inductor",
    mode: Any = None, options: Any = None, disable: bool = False,
) -> Any:  # fmt: skip
    """Compile a function, or a module's call, with the jit in its default form.

    PyTorch's settings are accepted; only `disable` has an effect. Where the environment sets
    TORCHDYNAMO_DISABLE=1, nothing is compiled. For speed, compile the whole step, with `backward()`
    and `optimizer.step()`, by `jit`.

    >>> import tinygrad_mnist as tg
    >>> tg.compile(lambda x: x * 2)(tg.ones(2))
    tensor([2., 2.])
    """
    if model is None:
        return functools.partial(compile, disable=disable)
    if disable or "1" in map(os.environ.get, DISABLING):
        return model
    return OptimizedModule(model) if isinstance(model, Module) else jit(model)


def _warn_uncompiled(name: str) -> None:
    warnings.warn(
        f"{name} returns its argument unchanged: nothing is compiled to TorchScript here; "
        "tinygrad_mnist.jit compiles a step",
        UserWarning,
        stacklevel=3,
    )


def script(obj: Any = None, *args: Any, **kw: Any) -> Any:
    """Return a function itself, or a module with `save(path)`; note that nothing is compiled."""
    _warn_uncompiled("jit.script")
    return _with_save(obj) if isinstance(obj, Module) else obj


def trace(func: Any, example_inputs: Any = None, *args: Any, **kw: Any) -> Any:
    """Return a function itself, or a module with `save(path)`; note that nothing is compiled."""
    _warn_uncompiled("jit.trace")
    return _with_save(func) if isinstance(func, Module) else func


def _with_save(module: Module) -> Module:
    """Return the module as an instance of a subclass, with the same state."""
    kind = type(module)
    scripted = type(kind.__name__, (kind,), {
        "__module__": kind.__module__, "__qualname__": kind.__qualname__,
        "save": lambda self, f: save(module, f), "original_name": kind.__name__,
    })  # fmt: skip
    twin: Module = object.__new__(scripted)
    object.__setattr__(twin, "__dict__", module.__dict__)
    return twin


def save(m: Any, f: Any, _extra_files: Any = None) -> None:
    """Save a scripted module by `tinygrad_mnist.save`."""
    serialize.save(m, f)


def load(f: Any, map_location: Any = None, _extra_files: Any = None) -> Any:
    """Load a module by `tinygrad_mnist.load`; the program must have imported its classes."""
    return serialize.load(f, map_location, **ANY_CLASS)


def script_method(fn: Any) -> Any:
    """Return the method itself."""
    return fn


ignore = unused = export = interface = script_method
freeze = optimize_for_inference = script_method
ScriptModule = Module
Final = Any


def is_scripting() -> bool:
    """Return False: nothing is compiled."""
    return False


is_tracing = is_scripting


def annotate(the_type: Any, the_value: Any) -> Any:
    """Return the value."""
    return the_value
