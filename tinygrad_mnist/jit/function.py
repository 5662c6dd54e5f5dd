"""jit(): the door. Which of the compiled forms a function gets, and what each one promises."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ParamSpec, Protocol, TypeVar, overload

from tinygrad_mnist.jit.followed import FollowedFunction
from tinygrad_mnist.jit.pure import PureFunction
from tinygrad_mnist.jit.tile_size import TileRows

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Jitted(Protocol[P, R_co]):
    """A jitted function as a type checker sees it: it has the types of the function."""

    def __call__(self, *args: P.args, **kw: P.kwargs) -> R_co:
        """Call the function."""

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """Return the jitted method of an instance."""

    def over(self, batches: Iterable[Any]) -> Sequence[R_co]:
        """Call the function on each batch in turn, and return the list of the results."""

    def programs(self) -> Sequence[Any]:
        """Return what was prepared, the last one used first."""

    def report(self) -> str:
        """Count what was prepared."""


@overload
def jit(
    function: Callable[P, R], *, pure: bool = False, tile_rows: TileRows = None
) -> Jitted[P, R]: ...
@overload
def jit(
    *, pure: bool = False, tile_rows: TileRows = None
) -> Callable[[Callable[P, R]], Jitted[P, R]]: ...
def jit(
    function: Callable[..., Any] | None = None, *, pure: bool = False, tile_rows: TileRows = None
) -> Any:
    """Compile a function: prepared NumPy calls answer its calls of ops, bitwise as eager.

    The function itself runs at every call. The first call is eager, the second is learnt from; from
    then on, NumPy calls on buffers of their own answer each op, `backward()` and `optimizer.step()`
    that comes as before. Where something else comes, the rest of the call is eager. An array among
    the arguments reaches the function as a Tensor on the same memory. `print(step)` shows the NumPy
    calls, `step.report()` counts them.

    With `pure`, the function itself does not run at a replay: it must depend on nothing but its
    arguments, Tensors, modules and optimizers, as for `jax.jit`. It takes arrays, Tensors, numbers,
    modules and optimizers by position.

    With `tile_rows`, which implies `pure`, a step on more rows goes through `tile_rows` of them at
    a time, on as many threads as the BLAS has: faster where a batch does not fit into the cache,
    equal to eager within rounding, and the same from run to run. `tile_rows="auto"` chooses the
    number by the sizes of the step's arrays, and goes without tiles where a batch is small or the
    step cannot be cut.

    Raises TypeError if `function` cannot be called. A call raises RuntimeError where `pure` would
    freeze the value of one call into all later ones, or where, with `tile_rows`, the loss is not a
    mean over the rows or a row depends on others.

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
