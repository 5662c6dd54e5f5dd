"""Work: a collective that has been begun, for `async_op=True`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygrad_mnist.distributed.deaths import waiting


class Work:
    """A collective under way; its Tensors are complete after `wait()`, and not before."""

    def __init__(self, name: str, request: Any, finish: Callable[[], None]) -> None:
        self._name, self._request, self._finish = name, request, finish
        self._is_over = False

    def is_completed(self) -> bool:
        """Tell whether `wait()` would return at once."""
        return self._is_over or self._request is None or bool(self._request.Test())

    def wait(self, timeout: Any = None) -> bool:
        """Wait until the collective is over, and complete the Tensors; return True."""
        if self._is_over:
            return True
        if self._request is not None:
            with waiting(self._name):
                self._request.Wait()
        self._is_over = True
        self._finish()
        return True

    def is_success(self) -> bool:
        """Tell whether the collective is over."""
        return self._is_over
