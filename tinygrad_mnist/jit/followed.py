"""FollowedFunction: the default form of jit. The function runs at each call."""

from __future__ import annotations

from _thread import get_ident
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.modes import DEFAULT, MODES, NO_GRAD, Mode
from tinygrad_mnist.autograd.tensor import wrap
from tinygrad_mnist.jit.callable import JitFunction
from tinygrad_mnist.jit.follow import Follower

PLAIN = DEFAULT, NO_GRAD


class FollowedFunction(JitFunction):
    """A function whose ops, backward() and optimizer steps are answered by prepared NumPy calls."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._follower = Follower()
        self._following = {grad: Mode(grad, follower=self._follower) for grad in (True, False)}
        self._recording = self._following[True]
        self._busy: dict[int, Any] = {}  # the call that is followed now, under 0

    def __call__(self, *args: Any, **kw: Any) -> Any:
        if np.ndarray in map(type, args):
            args = tuple(wrap(a) if type(a) is np.ndarray else a for a in args)
        thread, call, whole = get_ident(), [None], False
        follower, busy = self._follower, self._busy
        # An interrupt may come after any call, even of a C function. So everything that must be
        # undone is done by single operations on dicts, and undone before anything is called.
        try:
            following = self._recording
            if thread in MODES:
                if MODES[thread] not in PLAIN:
                    return self.function(*args, **kw)
                following = self._following[MODES[thread].grad]
            if busy.setdefault(0, call) is not call:
                return self.function(*args, **kw)
            follower.begin(thread, (args, kw))
            MODES[thread] = following
            result = self.function(*args, **kw)
            whole = True
            return result
        finally:
            if 0 in busy and busy[0] is call:
                follower.thread = None
                if thread in MODES:
                    now = MODES[thread]
                    if now is self._recording:
                        del MODES[thread]
                    elif now.tape is None and now.watch is None:
                        if now.grad:
                            del MODES[thread]
                        else:
                            MODES[thread] = NO_GRAD
                try:
                    follower.end(whole)
                finally:
                    del busy[0]

    def programs(self) -> Sequence[Any]:
        """Return the ways that calls were seen to take, the last one used first."""
        return self._follower.ways()
