"""Stop a training between two steps when a signal asks for it."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from tinygrad_mnist import start

if TYPE_CHECKING:
    from tinygrad_mnist.train.ranks import Ranks


class Stop:
    """Stop after the present step on Ctrl-C, SIGTERM or SIGHUP; on a second one, at once.

    An earlier Ctrl-C counts, too, if something has dropped its KeyboardInterrupt. A signal to one
    of several `ranks` stops all of them, after the same step.
    """

    def __init__(self, ranks: Ranks | None = None) -> None:
        self.asked: int | None = None
        self.ranks = ranks

    def __enter__(self) -> Stop:
        names = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP
        numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
        ignored = signal.SIG_IGN  # ignored, as under nohup: leave it so
        self.before = {
            number: signal.signal(number, self._ask)
            for number in numbers
            if signal.getsignal(number) is not ignored
        }
        if start.was_interrupted:
            self._ask(signal.SIGINT, None)
        return self

    def __exit__(self, *exception: object) -> None:
        agreed_on = self.ranks.stop_signal if self.ranks is not None and self.ranks.size > 1 else 0
        for number, handler in self.before.items():
            # What another rank has told of may yet arrive here as well: it is no second signal.
            signal.signal(number, signal.SIG_IGN if number == agreed_on else handler)

    def _ask(self, number: int, frame: object) -> None:
        start.count_answer()
        if self.asked is not None:
            raise KeyboardInterrupt
        self.asked = number
        if self.ranks is not None:
            self.ranks.signal = number
