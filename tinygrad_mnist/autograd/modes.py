"""Grad on or off, and the tape, watch or follower of recorded calls: one mode per thread.

`MODES` holds only the threads that are *not* in the default mode, so an op on its hot path tests
one dict for emptiness and pays nothing else for modes, threads and tapes.
"""

from __future__ import annotations

import functools
import itertools
from _thread import _local, get_ident  # `threading` itself takes longer to load
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    from tinygrad_mnist.autograd.listeners import Follower, Tape, Watch

F = TypeVar("F", bound=Callable[..., Any])
Result = TypeVar("Result")

# Another number whenever a condition of a captured program may have changed: a Tensor's memory was
# swapped, requires_grad was set, an attribute of a module assigned. The same number: no change.
changes = 0
_new_number = itertools.count(1).__next__


class Mode(NamedTuple):
    """How calls are recorded in one thread."""

    grad: bool = True
    tape: Tape | None = None
    watch: Watch | None = None
    follower: Follower | None = None

    def may_follow(self, thread: int) -> bool:
        """Tell whether the follower's call is under way in this thread, with no tape or watch."""
        alone = self.tape is None and self.watch is None
        return alone and self.follower is not None and self.follower.thread == thread


DEFAULT = Mode()
NO_GRAD = Mode(grad=False)  # this very object, wherever a thread records nothing and no one listens
MODES: dict[int, Mode] = {}
TAPED: set[int] = set()  # the threads that may have a tape: while it is empty, none has


class _Guard:
    """An object that dies with its thread, and drops its mode: thread identities are reused."""

    _thread = -1  # no thread's, where an interrupt comes before it is noted

    def __init__(self, thread: int) -> None:
        self._thread = thread

    def __del__(self) -> None:
        MODES.pop(self._thread, None)
        TAPED.discard(self._thread)


class _Guards(_local):
    of_thread: _Guard | None = None


_GUARDS = _Guards()
IS_GENERATOR = 0x20  # inspect.CO_GENERATOR


def current() -> Mode:
    """Return the mode of this thread."""
    return MODES.get(get_ident(), DEFAULT)


def is_recording() -> bool | None:
    """Tell whether this thread records its calls; None if it has a tape, watch or follower."""
    mode = MODES.get(get_ident())
    if mode is None:
        return True
    return False if mode is NO_GRAD else None


def switch(mode: Mode) -> Mode:
    """Put this thread into `mode`; return the mode before."""
    thread = get_ident()
    before = MODES.get(thread, DEFAULT)
    if mode is DEFAULT and before is NO_GRAD:  # the end of a `no_grad` block
        del MODES[thread]
        return before
    if mode.follower is not None and not mode.may_follow(thread):
        mode = mode._replace(follower=None)
    if mode == DEFAULT:
        MODES.pop(thread, None)
    else:
        MODES[thread] = NO_GRAD if mode == NO_GRAD else mode
        if _GUARDS.of_thread is None:
            _GUARDS.of_thread = _Guard(thread)
    if mode.tape is not None:
        TAPED.add(thread)
    elif TAPED:
        TAPED.discard(thread)
    return before


def call_in(mode: Mode, function: Callable[..., Result], *args: Any) -> Result:
    """Call the function in a mode, and put the mode before back, whenever an interrupt comes.

    It is put back by single operations: `switch` may be interrupted before it has done anything.
    """
    thread = get_ident()
    before = MODES.get(thread)
    try:
        if mode.tape is not None:
            TAPED.add(thread)
        MODES[thread] = mode
        return function(*args)
    finally:
        if before is None:
            MODES.pop(thread, None)
        else:
            MODES[thread] = before
        if before is None or before.tape is None:
            TAPED.discard(thread)


def _changed(mode: Mode, fields: dict[str, Any]) -> Mode:
    """Return the mode with other fields; `no_grad` and its end take no new object."""
    if mode is DEFAULT or mode is NO_GRAD:
        if fields == _RECORDS_NOTHING:
            return NO_GRAD
        if fields == _RECORDS:
            return DEFAULT
    return mode._replace(**fields)


_RECORDS, _RECORDS_NOTHING = {"grad": True}, {"grad": False}


class Switch:
    """A context manager and a decorator that changes some of the mode's fields."""

    def __init__(self, **fields: Any) -> None:
        self._fields = fields
        self._before: list[Mode] = []

    def __enter__(self) -> None:
        self._before.append(switch(_changed(current(), self._fields)))

    def __exit__(self, *_: object) -> None:
        switch(self._before.pop())

    def __call__(self, function: F) -> F:
        fields = self._fields
        if getattr(getattr(function, "__code__", None), "co_flags", 0) & IS_GENERATOR:
            return _generator(function, fields)

        @functools.wraps(function)
        def wrapper(*args: Any, **kw: Any) -> Any:
            with Switch(**fields):
                return function(*args, **kw)

        return wrapper  # type: ignore[return-value]


def _generator(function: F, fields: dict[str, Any]) -> F:
    """Apply the mode to the body of a generator function, and not where its values are used."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kw: Any) -> Generator[Any, Any, Any]:
        inner = function(*args, **kw)
        resume, sent = inner.send, None
        while True:
            try:
                with Switch(**fields):
                    value = resume(sent)
            except StopIteration as end:
                return end.value
            try:
                sent, resume = (yield value), inner.send
            except GeneratorExit:
                with Switch(**fields):
                    inner.close()
                raise
            except BaseException as error:
                sent, resume = error, inner.throw

    return wrapper  # type: ignore[return-value]


class _Bare(Switch):
    """A Switch that also decorates without parentheses: `@no_grad`."""

    def __new__(cls, function: Any = None) -> Any:
        self = super().__new__(cls)
        if not callable(function):
            return self
        self.__init__()  # type: ignore[misc]
        return self(function)


class no_grad(_Bare):
    """Record nothing inside; a context manager and a decorator.

    >>> import tinygrad_mnist as tg
    >>> x = tg.tensor([1.0], requires_grad=True)
    >>> with tg.no_grad():
    ...     (x * 2).requires_grad
    False
    """

    def __init__(self) -> None:
        super().__init__(grad=False)


class inference_mode(_Bare):
    """Record nothing inside, as `no_grad`: this engine has no cheaper mode."""

    def __init__(self, mode: bool = True) -> None:
        super().__init__(grad=not mode)


class enable_grad(_Bare):
    """Record inside, within a `no_grad` block."""

    def __init__(self) -> None:
        super().__init__(grad=True)


class set_grad_enabled(Switch):
    """Turn recording on or off, at once or for a `with` block."""

    def __init__(self, mode: bool) -> None:
        super().__init__(grad=mode)
        self._before.append(switch(current()._replace(grad=mode)))

    def __enter__(self) -> None:
        pass

    def __call__(self, function: F) -> F:
        switch(self._before.pop())
        return super().__call__(function)


def note_change() -> None:
    """Count a change of a condition that a captured program may depend on.

    No number comes twice, whichever of two threads stores its own last: no change is missed.
    """
    global changes
    changes = _new_number()


def is_grad_enabled() -> bool:
    """Tell whether calls on Tensors that require grad are recorded in this thread."""
    return current().grad


def is_taped() -> bool:
    """Tell whether a tape records this thread: then no value may be read out of a Tensor."""
    return bool(TAPED) and current().tape is not None


def as_effect(method: F) -> F:
    """Mark a method that is called to change its object, not for a result.

    A captured program calls the method again at every replay, instead of once.
    """

    @functools.wraps(method)
    def wrapper(self: Any, *args: Any, **kw: Any) -> Any:
        mode = current()
        if mode.tape is None:
            return method(self, *args, **kw)
        if not mode.tape.effect(functools.partial(method, self, *args, **kw), self):
            return None
        before = switch(mode._replace(tape=None))
        try:
            return method(self, *args, **kw)
        finally:
            switch(before)

    return wrapper  # type: ignore[return-value]
