"""A graph in the DOT language, for Graphviz and its relatives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tinygrad_mnist.utils.graphs.collect import Input, OpCall, Recorded
from tinygrad_mnist.utils.graphs.columns import fold_text, saved_text, value_text
from tinygrad_mnist.utils.graphs.frames import Frame, fold, folded
from tinygrad_mnist.utils.graphs.svg import printable

STYLES = {"parameter": "filled", "leaf": "solid", "constant": "dashed"}


def as_dot(recorded: Recorded, most: int | None, head: str) -> str:
    """Return the DOT text of a graph: a node per op and source, a cluster per layer."""
    hidden = fold(len(recorded.ops), most)
    shown = [i for i in range(len(recorded.ops)) if not hidden[0] <= i < hidden[1]]
    lines = [
        "digraph recorded {",
        f"  graph [label={quoted(head)}, labelloc=t, rankdir=TB];",
        "  node [shape=box, fontname=sans];",
        "  edge [fontname=sans, fontsize=10];",
        *_clusters(recorded, shown, folded(recorded.frames, hidden, lambda op: op)),
    ]
    if hidden[0] < hidden[1]:
        lines.append(f"  fold [label={quoted(fold_text(recorded, hidden))}, style=dashed];")
    lines += dict.fromkeys(_edges(recorded, hidden))
    used = {taken.source for i in shown for taken in recorded.ops[i].inputs}
    used |= {output.source for output in recorded.outputs}
    for i, source in enumerate(recorded.sources):
        if i in used:
            text = f"{source.name}\n{value_text(source.shape, source.dtype)}"
            lines.append(f"  source{i} [label={quoted(text)}, style={STYLES[source.kind]}];")
    for i, output in enumerate(recorded.outputs):
        lines.append(f"  output{i} [label={quoted(output.name)}, shape=ellipse];")
    return "\n".join([*lines, "}"]) + "\n"


def _clusters(recorded: Recorded, shown: list[int], frames: list[Frame]) -> Iterator[str]:
    """Yield the ops, each in the clusters of its layers."""
    waiting, number = list(frames), 0
    open_frames: list[Frame] = []
    for i in shown:
        while open_frames and open_frames[-1].last < i:
            yield "  " * len(open_frames) + "}"
            open_frames.pop()
        while waiting and waiting[0].first <= i:
            open_frames.append(waiting.pop(0))
            indent = "  " * len(open_frames)
            yield f"{indent}subgraph cluster{number} {{"
            yield f"{indent}  label={quoted(open_frames[-1].title)};"
            number += 1
        yield "  " * (len(open_frames) + 1) + f"op{i} [label={quoted(_text(recorded.ops[i]))}];"
    for depth in range(len(open_frames), 0, -1):
        yield "  " * depth + "}"


def _edges(recorded: Recorded, hidden: tuple[int, int]) -> Iterator[str]:
    """Yield the edges, those of ops that are not drawn at the box that stands for them."""
    start, stop = hidden

    def name(op: int) -> str:
        return "fold" if start <= op < stop else f"op{op}"

    def edge(taken: Input, end: str) -> str:
        is_op = taken.op is not None
        begin = name(taken.op or 0) if is_op else f"source{taken.source}"
        value: Any = recorded.ops[taken.op or 0] if is_op else recorded.sources[taken.source or 0]
        label = quoted(value_text(value.shape, value.dtype))
        return f"  {begin} -> {end} [label={label}];"

    for i, op in enumerate(recorded.ops):
        is_hidden = start <= i < stop
        for taken in op.inputs:
            inner = is_hidden and (taken.op is None or start <= taken.op < stop)
            if not inner:
                yield edge(taken, name(i))
    for i, output in enumerate(recorded.outputs):
        yield edge(Input(output.op, output.source, ""), f"output{i}")


def _text(op: OpCall) -> str:
    return "\n".join(filter(None, [op.name, op.label, saved_text(op)]))


def quoted(text: str) -> str:
    r"""Return text as a quoted string of DOT, in which a backslash begins an escape.

    >>> print(quoted('a "b" \\ c'))
    "a \"b\" \\ c"
    """
    text = printable(text).replace("\\", "\\\\").replace('"', '\\"')
    return '"' + text.replace("\r", " ").replace("\n", "\\n") + '"'
