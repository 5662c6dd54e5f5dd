"""Where a step may leave its result: in memory of an argument, or where a gradient is wanted."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from tinygrad_mnist.jit.memory import same_elements, same_memory
from tinygrad_mnist.jit.unroll import under_errstate

Array = np.ndarray[Any, Any]
Step = Callable[[], object]


def arguments_of(step: Any) -> list[Any]:
    """Return the arguments of a step."""
    return [*step.args, *step.keywords.values()]


def redirect(steps: list[Step], source: Array, target: Array) -> bool:
    """Let steps leave their result in `target`; return False, and do nothing, where that may show.

    The steps may use the transpose of `source` too.
    """
    if (source.strides, source.dtype) != (target.strides, target.dtype):
        return False
    if any(s.func is under_errstate for s in steps):  # type: ignore[attr-defined]
        return False
    args = [a for s in steps for a in arguments_of(s)]
    inside = [b for a in args if isinstance(a, (tuple, list)) for b in a]
    forms = [(source, target), (source.T, target.T)]
    moved = {id(a): after for a in args for before, after in forms if same_elements(a, before)}
    others = [a for a in (*args, *inside) if isinstance(a, np.ndarray) and id(a) not in moved]
    if not moved or any(np.may_share_memory(a, source) for a in others):
        return False
    for i, s in enumerate(steps):
        assert isinstance(s, partial)
        args = [moved.get(id(a), a) for a in s.args]
        kw = {k: moved.get(id(v), v) for k, v in s.keywords.items()}
        steps[i] = partial(s.func, *args, **kw)
    return True


def argument_to_overwrite(steps: list[Step], out: Array, reusable: list[Array]) -> Array | None:
    """Return the argument of the last step that may hold the step's result as well, if any.

    The step must be elementwise, and the argument one of the `reusable` arrays, which nothing reads
    afterwards. Single numbers stay apart: NumPy takes three times as long over one in place.
    """
    if not reusable or out.size < 2 or not steps:
        return None
    *before, last = steps
    assert isinstance(last, partial)
    elementwise = isinstance(last.func, np.ufunc) and last.func.signature is None
    in_use = [a for s in before for a in arguments_of(s) if isinstance(a, np.ndarray)] + reusable
    if not (elementwise or last.func is np.clip) or any(
        np.may_share_memory(out, a) for a in in_use
    ):
        return None
    layout = out.shape, out.strides, out.dtype
    alike = [
        a for a in last.args
        if isinstance(a, np.ndarray) and (a.shape, a.strides, a.dtype) == layout
    ]  # fmt: skip
    candidates = (
        a for a in alike if any(same_elements(a, r) or same_memory(a, r) for r in reusable)
    )
    return next(candidates, None)
