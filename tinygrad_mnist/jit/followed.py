"""FollowedFunction: the default form of jit. The function runs at each call."""

from __future__ import annotations

from _thread import get_ident
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.modes import MODES, Mode
from tinygrad_mnist.autograd.tensor import wrap
from tinygrad_mnist.jit.callable import JitFunction
from tinygrad_mnist.jit.follow import Follower

PLAIN = Mode(), Mode(grad=False)


class FollowedFunction(JitFunction):
    """A function whose ops, backward() and optimizer steps are answered by prepared NumPy calls."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._follower = Follower()
        self._following = {grad: Mode(grad, follower=self._follower) for grad in (True, False)}
        self._busy: dict[int, Any] = {}  # the call that is followed now, under 0

    def __call__(self, *args: Any, **kw: Any) -> Any:
        if np.ndarray in map(type, args):
            args = tuple(wrap(a) if type(a) is np.ndarray else a for a in args)
        thread, call, whole = get_ident(), [None], False
        follower, busy = self._follower, self._busy
        # An interrupt may come whenever a call is over, of a function of C too. So what has to be
        # undone is done by single operations on dicts, and undone before anything is called.
        try:
            before = MODES.get(thread, PLAIN[0])
            if before not in PLAIN or busy.setdefault(0, call) is not call:
                return self.function(*args, **kw)
            follower.begin((args, kw))
            MODES[thread] = self._following[before.grad]
            result = self.function(*args, **kw)
            whole = True
            return result
        finally:
            if 0 in busy and busy[0] is call:
                follower.thread = None
                now = MODES[thread] if thread in MODES else PLAIN[0]
                if now.tape is None and now.watch is None:
                    if not now.grad:
                        MODES[thread] = PLAIN[1]
                    elif thread in MODES:
                        del MODES[thread]
                try:
                    follower.end(whole)
                finally:
                    del busy[0]

    def programs(self) -> Sequence[Any]:
        """The ways that calls were seen to take, the last one used first."""
        return self._follower.ways()
