"""A graph as lines of text: an op per line, oldest first, indented by layer."""

from __future__ import annotations

from collections.abc import Iterator

from tinygrad_mnist.autograd.memory import size_text
from tinygrad_mnist.nn.summary_table import terminal_text
from tinygrad_mnist.utils.graphs.collect import OpCall, Output, Recorded
from tinygrad_mnist.utils.graphs.columns import fold_text, saved_text, value_text
from tinygrad_mnist.utils.graphs.frames import fold, folded

INPUTS = 12  # of one op: as many are listed


def headline(recorded: Recorded) -> str:
    """Return the size of a graph, and what it keeps, in one line."""
    if not recorded.ops:
        return "no recorded graph: " + " and ".join(
            f"{output.name} {_why(recorded, output)}" for output in recorded.outputs[:3]
        )
    count = f"{len(recorded.ops):,} op{'s' if len(recorded.ops) > 1 else ''}"
    saved = f"{size_text(recorded.saved_bytes)} kept for backward"
    if recorded.leaf_bytes:
        saved += f", {size_text(recorded.leaf_bytes)} of it memory of leaves"
    return f"{count}, {saved}" + (", the rest was freed" if recorded.is_freed else "")


def _why(recorded: Recorded, output: Output) -> str:
    is_constant = output.source is not None and recorded.sources[output.source].kind == "constant"
    return "does not require grad" if is_constant else "is a leaf"


def as_listing(recorded: Recorded, most: int | None) -> str:
    """Return a graph as text."""
    lines = [headline(recorded), *_lines(recorded, most)]
    return "\n".join(terminal_text(line.replace(" × ", "x")) for line in lines)


def _lines(recorded: Recorded, most: int | None) -> Iterator[str]:
    hidden = fold(len(recorded.ops), most)
    frames = folded(recorded.frames, hidden, lambda op: op)
    ends: list[int] = []
    for i, op in enumerate(recorded.ops):
        if hidden[0] <= i < hidden[1]:
            if i == hidden[0]:
                yield f"  ... {fold_text(recorded, hidden)}"
            continue
        while ends and ends[-1] < i:
            ends.pop()
        while frames and frames[0].first <= i:
            yield "  " * (len(ends) + 1) + frames[0].title
            ends.append(frames.pop(0).last)
        yield "  " * (len(ends) + 1) + _line(recorded, i, op)
    for output in recorded.outputs:
        start = _from(recorded, output.op, output.source)
        yield f"  {output.name} = {start}: {value_text(output.shape, output.dtype)}"


def _line(recorded: Recorded, i: int, op: OpCall) -> str:
    """Return `#3 linear(#2, hidden.weight): 64x10 float32, keeps x, w: 405.4 kB`."""
    inputs = ", ".join(_from(recorded, t.op, t.source) for t in op.inputs[:INPUTS])
    if len(op.inputs) > INPUTS:
        inputs += f", and {len(op.inputs) - INPUTS:,} more"
    saved = saved_text(op)
    label = f" {op.label}" if op.label else ""
    return (
        f"#{i} {op.name}({inputs}){label}: {value_text(op.shape, op.dtype)}"
        + (f", {saved}" if saved else "")
    )  # fmt: skip


def _from(recorded: Recorded, op: int | None, source: int | None) -> str:
    if op is not None:
        return f"#{op}"
    return recorded.sources[source].name if source is not None else "?"
