"""Read ahead: a thread runs an iterator some items ahead of the loop that uses them."""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Generic, TypeVar

T = TypeVar("T")

DEPTH = 2  # items made ahead: one in reserve while the next is made


class _Channel:
    """The items between the thread and the loop, and the end of either."""

    def __init__(self, depth: int) -> None:
        self.items: deque[Any] = deque()
        self.depth, self.is_closed, self.is_over = depth, False, False
        self.error: BaseException | None = None
        self.changed = threading.Condition()

    def put(self, item: Any) -> bool:
        """Wait for room and add an item; return False once nobody wants more."""
        with self.changed:
            self.changed.wait_for(lambda: self.is_closed or len(self.items) < self.depth)
            if not self.is_closed:
                self.items.append(item)
                self.changed.notify_all()
            return not self.is_closed

    def end(self, error: BaseException | None) -> None:
        """Mark the end of the items, and what ended them."""
        with self.changed:
            self.is_over, self.error = True, error
            self.changed.notify_all()

    def close(self) -> None:
        """Drop the items and want no more."""
        with self.changed:
            self.is_closed = True
            self.items.clear()
            self.changed.notify_all()


class ReadAhead(Generic[T]):
    """Iterate over `source` in a thread of its own, at most `depth` items ahead.

    The thread ends with the source, with `close()` or the end of a `with` block, and when the
    iterator is no longer referred to. An error of the source is raised here, after the items before
    it, with the thread's traceback. In a forked child, which has no such thread, RuntimeError.

    >>> with ReadAhead(range(3)) as numbers:
    ...     list(numbers)
    [0, 1, 2]
    """

    def __init__(self, source: Iterable[T], depth: int = DEPTH) -> None:
        self._channel, self._pid = _Channel(depth), os.getpid()
        # The thread must not refer to this object, or that would never be let go
        self._thread = threading.Thread(
            target=_run, args=(source, self._channel), name="read-ahead", daemon=True
        )
        self._thread.start()
        self._end = weakref.finalize(self, _end, self._channel, self._thread, self._pid)

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        if os.getpid() != self._pid:
            raise RuntimeError("the thread that reads ahead stayed in the parent of this fork")
        channel = self._channel
        with channel.changed:
            channel.changed.wait_for(lambda: channel.items or channel.is_over or channel.is_closed)
            if channel.items:
                item: T = channel.items.popleft()
                channel.changed.notify_all()
                return item
            error, channel.error = channel.error, None
        self.close()
        if error is not None:
            raise error
        raise StopIteration

    def close(self) -> None:
        """End the thread, and wait until it has ended."""
        self._end()

    def __enter__(self) -> ReadAhead[T]:
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _run(source: Iterable[Any], channel: _Channel) -> None:
    error: BaseException | None = None
    try:
        for item in source:
            if not channel.put(item):
                break
            del item  # the loop's alone, once it is handed over
    except BaseException as caught:
        error = caught
    finally:
        if (close := getattr(source, "close", None)) is not None:
            close()
        channel.end(error)


def _end(channel: _Channel, thread: threading.Thread, pid: int) -> None:
    """Close the channel and join the thread, unless this is a forked child or that very thread."""
    if os.getpid() != pid:
        return
    channel.close()
    if thread is not threading.current_thread():
        thread.join()
