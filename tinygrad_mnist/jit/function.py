"""jit(): the door. Which of the compiled forms a function gets, and what each promises."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, overload

from tinygrad_mnist.jit.callable import JitBase
from tinygrad_mnist.jit.followed import FollowedFunction
from tinygrad_mnist.jit.pure import PureFunction


@overload
def jit(
    function: Callable[..., Any], *, pure: bool = False, tile_rows: int | None = None
) -> JitBase: ...
@overload
def jit(
    *, pure: bool = False, tile_rows: int | None = None
) -> Callable[[Callable[..., Any]], JitBase]: ...
def jit(
    function: Callable[..., Any] | None = None, *, pure: bool = False, tile_rows: int | None = None
) -> Any:
    """Compile a function of arrays and Tensors to a list of NumPy calls; bitwise as eager.

    It may build a graph, call `backward()`, step an optimizer. Arrays reach it as Tensors. Call 1
    is eager, call 2 captures, later ones replay; each new shape or dtype anew. `print(step)` shows
    the program, `step.report()` its memory.

    With `pure`, the function itself is not run at a replay: it depends on nothing but its arguments
    and on Tensors, modules and optimizers, as for `jax.jit`.

    With `tile_rows`, which implies `pure`, a step on more rows than that goes through so many at a
    time, on as many threads as the BLAS has (with threadpoolctl; else on one): faster where a batch
    does not fit into the cache, equal to eager within rounding, and the same from run to run.

    Raises RuntimeError where the value of one call would be frozen into all later ones; with
    `tile_rows`, also where the loss is not a mean over the rows, or a row depends on others.

    >>> import tinygrad_mnist as tg
    >>> @tg.jit
    ... def double(x):
    ...     return x * 2
    >>> [double(tg.tensor([float(i)])).item() for i in range(4)]
    [0.0, 2.0, 4.0, 6.0]
    """
    if function is None:
        return functools.partial(jit, pure=pure, tile_rows=tile_rows)
    if pure or tile_rows is not None:
        return PureFunction(function, tile_rows=tile_rows)
    return FollowedFunction(function)
