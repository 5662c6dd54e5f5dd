"""tile_rows="auto": how many rows a tile gets, from the sizes of a step's arrays alone.

No clock is asked, as the cut decides the last bits of the gradients: two machines choose alike, and
so do two runs. Fewer rows stay in a core's cache, and divide a batch among more cores. But each
tile costs some time whatever its rows: every op is called once more, and the gradients are added
to those of the tiles before. So a tile has as few rows as keep that cost small, counted in bytes
that pass through memory. A batch of no more rows goes in one piece, to the bits of eager.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from tinygrad_mnist.autograd.tensor import Tensor, wrap
from tinygrad_mnist.jit.names import Names
from tinygrad_mnist.jit.outputs import tensors_in
from tinygrad_mnist.jit.tape import Call
from tinygrad_mnist.jit.tile_tapes import Failed, TileTrace, check_rows
from tinygrad_mnist.nn import Module

TileRows = int | Literal["auto"] | None
CALL = 1 << 15  # bytes that pass through memory in the time that the calls of one op take
WORTH = 8  # the arrays of a tile take at least so many times the bytes that each tile costs
PROBES = (2, 4)  # rows: what the second call takes more than the first belongs to two rows


class Undecided(Exception):
    """A call from which no size can be told: it fails, or a module waits for its first input."""


def tile_rows_of(
    function: Callable[..., Any], args: Sequence[Any], around: Sequence[Any] | None = None
) -> int | None:
    """Return how many rows a tile of a training step gets; None where the step cannot be cut.

    Calls the function on a few rows of `args`, and leaves parameters, gradients, optimizers and
    generators as they were. `around` are objects that the function may use. The answer is a power
    of two, which cuts usual batches evenly, and does not depend on how many rows `args` have.

    Raises Undecided where this call cannot tell.
    """
    arguments = [wrap(a) if isinstance(a, np.ndarray) else a for a in args]
    around = Names(function).objects if around is None else around
    if not _have_rows([a for a in arguments if isinstance(a, Tensor)]):
        return None
    if any(map(_is_unfinished, (*around, *args))):
        raise Undecided
    try:
        few, more = (TileTrace(function, arguments, _first(n), around=around) for n in PROBES)
        check_rows(more, tensors_in(more.result))
    except Failed as error:
        raise Undecided from error
    except (RuntimeError, TypeError):  # the untiled form raises what concerns that as well
        return None
    each = (_bytes(more) - _bytes(few)) // (PROBES[1] - PROBES[0])
    if each <= 0:
        return None
    cost = CALL * len(more.tape.entries) + sum(g.nbytes for g in more.gradients.values())
    rows = WORTH * cost // each
    return 1 << max(rows.bit_length() - 1, 0)


def _have_rows(arrays: Sequence[Tensor]) -> bool:
    """Tell whether there are arrays, without gradients, with one row for each example."""
    counts = {a.shape[:1] for a in arrays}
    alike = len(counts) == 1 and all(a._node is None for a in arrays)
    return alike and all(count and count[0] >= PROBES[-1] for count in counts)


def _first(rows: int) -> slice:
    return slice(0, rows)


def _is_unfinished(value: Any) -> bool:
    """Tell whether a module still waits for its first input, which decides its sizes."""
    if not isinstance(value, Module):
        return False
    lazy = [m for m in value.modules() if hasattr(type(m), "has_uninitialized_params")]
    return any(m.has_uninitialized_params() for m in lazy)


def _bytes(trace: TileTrace) -> int:
    """Return the bytes of a call's arguments and of all that its ops made."""
    calls = (entry for entry in trace.tape.entries if isinstance(entry, Call))
    made = sum(out.nbytes for call in calls if not call.op.view for out in call.outs)
    return made + sum(a.nbytes for a in trace.inputs)
