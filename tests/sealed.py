"""The state that a test must not change: modes, hooks, the default dtype, threads, and the process.

`sealed` restores what it can, so that the tests after a careless one do not fail.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

import tinygrad_mnist as tg
from tinygrad_mnist.autograd import floats, modes

PATIENCE = 2.0  # seconds until a thread ends: a loaded machine takes one
POOL = "tinygrad-mnist"  # the jit's threads, which are made once and stay
OTHERS = (
    "PYTEST_",
    "PYTHONDONTWRITEBYTECODE",
    "UCX_",
    "KMP_",
    "TORCH",
    "TF_",
    "TPU_",
    "JAX_",
    "XLA_",
)  # variables that pytest and imports of libraries set
Hooks = dict[int, Any]  # of a Tensor or of a module
Hook = tuple[Callable[[], Hooks | None], int]  # where it is registered, and its key there
HOOKS: list[Hook] = []  # those that were registered since the test began


class Environment:
    """The variables, as the process has them; decoded where two differ, for most tests set none."""

    def __init__(self, raw: dict[Any, Any]) -> None:
        self.raw = raw

    def __eq__(self, other: object) -> bool:
        assert isinstance(other, Environment)
        return self.raw == other.raw or self.decoded() == other.decoded()

    __hash__ = None  # type: ignore[assignment]

    def decoded(self) -> dict[str, str]:
        """Return the variables by name, without those that pytest and libraries set."""
        pairs = [(os.fsdecode(k), os.fsdecode(v)) for k, v in self.raw.items()]
        return {k: v for k, v in pairs if not k.startswith(OTHERS)}


def raw_environment() -> dict[Any, Any]:
    """The variables but for that which pytest sets for each phase of each test."""
    raw: dict[Any, Any] = os.environ._data.copy()  # type: ignore[attr-defined]
    raw.pop(os.environ.encodekey("PYTEST_CURRENT_TEST"), None)  # type: ignore[attr-defined]
    return raw


def environment() -> dict[str, Any]:
    """The state of the process, by its name in messages; `put_back` restores it."""
    return {
        "the number of threads": tg.get_num_threads(),
        "the printing of Tensors": tg.get_printoptions(),
        "the printing of arrays": np.get_printoptions(),
        "the working directory": os.getcwd(),
        "the environment": Environment(raw_environment()),
        "gc": gc.isenabled(),
    }


def put_back(name: str, value: Any) -> None:
    """Restore one entry of `environment`."""
    match name:
        case "the number of threads":
            tg.set_num_threads(value)
        case "the printing of Tensors":
            tg.set_printoptions(**value)
        case "the printing of arrays":
            np.set_printoptions(**value)
        case "the working directory":
            os.chdir(value)
        case "the environment":
            for key in environment()[name].decoded().keys() - value.decoded():
                del os.environ[key]
            os.environ.update(value.decoded())
        case "gc":
            gc.enable()


def note_hooks() -> None:
    """Note every hook that is registered from now on; called once."""
    handle = tg.ones(1, requires_grad=True).register_hook(print)
    kind, register = type(handle), type(handle).__init__

    def noted(self: Any, hooks: Hooks, *args: Any, **kw: Any) -> None:
        before = set(hooks)
        register(self, hooks, *args, **kw)
        where = (lambda: hooks) if type(hooks) is dict else weakref.ref(hooks)
        HOOKS.extend((where, key) for key in set(hooks) - before)

    kind.__init__ = noted  # type: ignore[method-assign]


@contextmanager
def sealed(let_go: Callable[[], object] = lambda: None) -> Iterator[None]:
    """AssertionError if the body leaves something changed; `let_go` drops what it still holds."""
    mode, others, dtype = modes.current(), dict(modes.MODES), tg.get_default_dtype()
    errors, threads, outer = floats.state(), set(threading.enumerate()), HOOKS[:]
    HOOKS.clear()
    surroundings = environment()
    yield
    let_go()
    faults = []
    if modes.current() != mode:
        faults.append(f"the mode is {modes.current()}, and was {mode}")
        modes.switch(mode)
    if (now := dict(modes.MODES)) != others:
        faults.append(f"threads have the modes {now}, and had {others}")
    if tg.get_default_dtype() != dtype:
        faults.append(f"the default dtype is {tg.get_default_dtype()}, and was {dtype}")
        tg.set_default_dtype(dtype)
    if floats.state() is not errors:  # also one with the same values: somebody has asked for them
        faults.append(f"np.errstate has been set, and is {np.geterr()}")
        floats.put(errors)
    for name, now in environment().items():
        if now != surroundings[name]:
            faults.append(f"{name} has been changed")
            put_back(name, surroundings[name])
    faults += [f"{thread.name} is still running" for thread in running(threads)]
    faults += [f"the hook {hook} is still registered" for hook in left_over()]
    HOOKS[:] = outer
    assert not faults, f"the test leaves something changed: {'; '.join(faults)}"


def running(before: set[threading.Thread]) -> set[threading.Thread]:
    """The threads that are new, and do not end within PATIENCE."""
    new = {t for t in threading.enumerate() if t not in before and not t.name.startswith(POOL)}
    for thread in new:
        thread.join(PATIENCE)
    return {thread for thread in new if thread.is_alive()}


def left_over() -> list[str]:
    """Remove the hooks on objects that outlive the test; return their descriptions."""
    alive = [(where(), key) for where, key in HOOKS]
    suspects = [(hooks, str(hooks.pop(key))) for hooks, key in alive if hooks and key in hooks]
    HOOKS.clear()
    alive.clear()
    suspected = [hooks for hooks, _ in suspects]
    if any(owned(hooks, suspected) for hooks in suspected):
        gc.collect()  # what was in a cycle, also through the hook, does not outlive the test
    return [text for hooks, text in suspects if owned(hooks, suspected)]


def owned(hooks: Hooks, suspected: list[Hooks]) -> bool:
    """Tell whether anything outside this file refers to the dict of hooks."""
    ours = 2 * sum(other is hooks for other in suspected)  # in two lists
    # One reference more for each of: the loop's variable, the parameter, getrefcount's argument.
    return sys.getrefcount(hooks) > ours + 3
