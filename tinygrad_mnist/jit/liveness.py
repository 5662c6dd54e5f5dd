"""Which entries of a tape are needed, in which order they run, and how long each array lives.

Pure functions on lists of entries, in which arrays are identified by `id`. `bind.py` calls
them before it binds anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tinygrad_mnist.jit import passes
from tinygrad_mnist.jit.tape import Call, Effect, Entry, Tape, Write

Array = np.ndarray[Any, Any]
# Rows of the table that refuse numbers out of bounds, which shows where nobody uses the result, too
PICKS = frozenset({
    "assign_at", "cross_entropy_rows", "embed", "flat_index", "gather", "one_hot", "pick", "put",
    "scatter_add", "take", "within",
})  # fmt: skip


def gradients_of(tape: Tape) -> set[int]:
    """Return the ids of all that is a leaf's gradient at any time: an error may come just then."""
    return {id(g._data) for _, _, g in tape.changes if g is not None}


def live_entries(entries: Sequence[Entry], results: Iterable[int]) -> list[Entry]:
    """Return the entries whose results are used: by another one, by an effect, or as `results`.

    Those that may refuse an index stay in any case.
    """
    used = set(results)
    live: list[Entry] = []
    for entry in reversed(entries):
        pure = isinstance(entry, Call) and not entry.op.draws and entry.op.row not in PICKS
        unused = pure and not any(id(out) in used for out in entry.outs)  # type: ignore[union-attr]
        if unused and passes.on("dead code"):
            continue
        live.append(entry)
        used.update(id(a) for a in entry.reads)
    return live[::-1]


def arrays_written(entries: Sequence[Entry]) -> list[Array]:
    """Return the arrays that entries write to: targets of writes, and what effects change."""
    targets = [entry.target for entry in entries if isinstance(entry, Write)]
    changed = [a for e in entries if isinstance(e, Effect) for a in arrays_changed(e.subject)]
    return targets + changed


def arrays_changed(subject: Any) -> list[Array]:
    """Return what the effect of a subject changes: an optimizer's parameters, or what it lists."""
    if hasattr(subject, "written_arrays"):
        return list(subject.written_arrays())
    return [p._data for group in getattr(subject, "param_groups", ()) for p in group["params"]]


class Order(NamedTuple):
    """Entries in the order in which they run, and what follows from it."""

    entries: list[Entry]
    moved: set[int]  # ids of the entries that run earlier than they did
    settled: set[int]  # ids of arrays that no entry changes, and that depend on such arrays alone


def integers_first(live: Sequence[Entry], unchanged: Iterable[int]) -> Order:
    """Move calls that compute integers before the first change, where no change can reach them.

    Then labels can be checked while the call can still be left to the function itself. `unchanged`
    are the ids of arrays that are there before the first entry.
    """
    settled = set(unchanged)
    first = next((i for i, e in enumerate(live) if not isinstance(e, Call)), len(live))
    written = arrays_written(live)
    moved: set[int] = set()
    for moment, entry in enumerate(live):
        if (
            isinstance(entry, Call)
            and not entry.op.draws
            and all(out.dtype.kind in "iub" for out in entry.outs)
            and all(id(a) in settled for a in entry.reads)
            and not any(np.may_share_memory(a, w) for a in entry.reads for w in written)
        ):
            settled.update(map(id, entry.outs))
            moved |= {id(entry)} if moment > first else set()
    # An array that is read may be written to itself
    read = {id(a): a for e in live if isinstance(e, Call) for a in e.reads if id(a) in settled}
    settled -= {key for key, a in read.items() if any(np.may_share_memory(a, w) for w in written)}
    early = [entry for entry in live if id(entry) in moved]
    rest = [entry for entry in live[first:] if id(entry) not in moved]
    return Order([*live[:first], *early, *rest], moved, settled)


def gradients_early(live: Sequence[Entry], gradients: Iterable[int]) -> list[Entry]:
    """Move calls that make nothing but gradients, and views, up to where their arguments are there.

    A gradient has its place in any case, and what it was computed from is then sooner free.
    """
    roots = memory_roots(live)
    early = {*roots, *(roots.get(key, key) for key in gradients)}
    ordered: list[Entry] = []
    for entry in live:
        at = len(ordered)
        if isinstance(entry, Call) and not entry.op.draws and early.issuperset(map(id, entry.outs)):
            reads = set(map(id, entry.reads))
            while at and _may_follow(ordered[at - 1], reads):
                at -= 1
        ordered.insert(at, entry)
    return ordered


def _may_follow(entry: Entry, reads: set[int]) -> bool:
    """Tell whether an entry may come after a call that reads arrays of these ids."""
    return isinstance(entry, Call) and not entry.op.draws and reads.isdisjoint(map(id, entry.outs))


def generators_of(live: Iterable[Entry]) -> list[Any]:
    """Return the generators that entries draw random numbers from, each once."""
    rngs = [e.kw.get("rng") for e in live if isinstance(e, Call) and e.op.draws]
    return list({id(rng): rng.bit_generator for rng in rngs if rng is not None}.values())


def memory_roots(live: Iterable[Entry]) -> dict[int, int]:
    """Return, for each view that entries make, the id of the array whose memory it shows."""
    roots: dict[int, int] = {}
    for entry in live:
        if not isinstance(entry, Call) or not entry.op.view:
            continue
        if np.may_share_memory(entry.outs[0], entry.args[0]):  # a reshape may have had to copy
            source = id(entry.args[0])
            roots[id(entry.outs[0])] = roots.get(source, source)
    return roots


def last_uses(
    live: Sequence[Entry], roots: dict[int, int], outliving: Iterable[int]
) -> dict[int, int]:
    """Return, for each root of memory, the number of the last entry that uses it by any view.

    Arrays that outlive the program count as used after its last entry.
    """
    last: dict[int, int] = {}
    for moment, entry in enumerate(live):
        arrays = entry.reads + (entry.outs if isinstance(entry, Call) else ())
        last.update((roots.get(id(array), id(array)), moment) for array in arrays)
    return last | {roots.get(key, key): len(live) for key in outliving}
