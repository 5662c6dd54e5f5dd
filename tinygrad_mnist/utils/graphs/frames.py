"""The layers of a graph: runs of ops, oldest first, that one call of a module has recorded."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tinygrad_mnist.autograd.graph import AnyNode, Node
from tinygrad_mnist.nn.calls import LayerCall


class Frame(NamedTuple):
    """The ops from `first` to `last`, both included, within `depth` other frames."""

    title: str
    first: int
    last: int
    depth: int
    about: str = ""  # the layer with its settings


def frames_by_calls(nodes: Sequence[Node], calls: Sequence[LayerCall]) -> list[Frame]:
    """Frame what each call of a module has recorded; calls lie within calls, so frames do too."""
    ages = [-node.order for node in nodes]  # the counter of nodes counts down
    frames: list[Frame] = []
    open_frames: list[tuple[LayerCall, Frame | None]] = []
    for call in calls:
        while open_frames and open_frames[-1][0].end > call.start:
            open_frames.pop()
        first, last = bisect_left(ages, -call.start), bisect_left(ages, -call.end) - 1
        depth = sum(frame is not None for _, frame in open_frames)
        has_settings = call.module is not None and not call.module._modules
        about = f"{call.path} {call.module!r}".strip() if has_settings else call.title
        frame = Frame(call.title, first, last, depth, about) if last >= first else None
        open_frames.append((call, frame))
        if frame is not None:
            frames.append(frame)
    return frames


def frames_by_parameters(
    nodes: Sequence[Node], names: Mapping[AnyNode, str], model: Any
) -> list[Frame]:
    """Frame the ops that take Parameters, by the module whose Parameters they are.

    After the fact nothing else is known: other ops of the same layers stay outside.
    """
    paths: dict[AnyNode, str] = {leaf: name.rpartition(".")[0] for leaf, name in names.items()}
    only_parameters = dict(paths)  # by node: also what is computed of one module's Parameters alone
    frames: list[Frame] = []
    for i, node in enumerate(nodes):
        parents = [parent for parent in node.parents if parent is not None]
        modules = {only_parameters[p] for p in parents if p in only_parameters}
        if len(modules) != 1:
            continue
        (path,) = modules
        no_constant = len(parents) == len(node.op.params)
        if no_constant and all(parent in only_parameters for parent in parents):
            only_parameters[node] = path
        title = f"{path} {_kind(model, path)}".strip()
        if frames and frames[-1].last == i - 1 and frames[-1].title == title:
            frames[-1] = frames[-1]._replace(last=i)
        else:
            frames.append(Frame(title, i, i, 0))
    return frames


def fold(count: int, most: int | None) -> tuple[int, int]:
    """Return the range of ops in the middle that are not drawn, if there are more than `most`.

    >>> fold(10, 4), fold(4, 4)
    ((2, 8), (4, 4))
    """
    if most is None or count <= most:
        return count, count
    before = (most + 1) // 2
    return before, count - (most - before)


def folded(frames: Sequence[Frame], hidden: tuple[int, int], row_of: Any) -> list[Frame]:
    """Return frames from row to row; one that ends among the ops not drawn ends before them."""
    start, stop = hidden
    rows: list[Frame] = []
    for frame in frames:
        first, last = frame.first, frame.last
        if start < stop:
            if start <= first < stop:
                first = stop
            if start <= last < stop:
                last = start - 1
        if first <= last:
            rows.append(frame._replace(first=row_of(first), last=row_of(last)))
    return rows


def _kind(model: Any, path: str) -> str:
    """Return the class of the module at a path, '' where there is none."""
    try:
        return type(model.get_submodule(path)).__name__
    except AttributeError:
        return ""
