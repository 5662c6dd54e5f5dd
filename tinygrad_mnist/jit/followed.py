"""FollowedFunction: the default form of jit. The function runs at every call; a Follower computes."""

from __future__ import annotations

import threading
from _thread import get_ident
from collections.abc import Callable
from typing import Any

from tinygrad_mnist.autograd.modes import DEFAULT, MODES, Mode, switch
from tinygrad_mnist.jit.callable import JitBase
from tinygrad_mnist.jit.follow import Follower


class FollowedFunction(JitBase):
    """A function whose ops, backward() and optimizer steps are answered by prepared NumPy calls."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._busy = threading.Lock()
        self._follower = Follower()
        self._following = {grad: Mode(grad, follower=self._follower) for grad in (True, False)}

    def __call__(self, *args: Any, **kw: Any) -> Any:
        mode = MODES.get(get_ident(), DEFAULT)
        if mode.tape is not None or mode.watch is not None or not self._busy.acquire(False):
            return self.function(*args, **kw)
        follower = self._follower
        if mode.follower is not None and mode.follower.active:  # within another jitted function
            self._busy.release()
            return self.function(*args, **kw)
        whole = False
        try:
            follower.begin()
            switch(self._following[mode.grad])
            result = self.function(*args, **kw)
            whole = True
            return result
        finally:
            try:
                now = MODES.get(get_ident(), DEFAULT)
                switch(Mode(now.grad, now.tape, now.watch) if now.follower is not None else now)
                follower.end(whole)
            finally:
                self._busy.release()
