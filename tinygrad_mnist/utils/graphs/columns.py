"""Where everything stands in the picture: ops in one column, oldest first, each below its inputs.

Beside an op, to the left, stand the leaves and constants that it takes; arrows to the next op go
straight down, those to later ops through lanes at the right. Ops of one layer stand together, so
layers are frames that never overlap.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, NamedTuple

from tinygrad_mnist.autograd.memory import size_text
from tinygrad_mnist.utils.graphs.collect import OpCall, Recorded
from tinygrad_mnist.utils.graphs.frames import fold, folded

BOX, SIDE, TALL, GAP = 230, 150, 40, 34  # the widths of boxes, their height, and what is between
TITLE, BELOW, INSET, LANE, LANES, EDGE = 22, 14, 7, 11, 24, 8
BESIDE = 12  # leaves and constants beside an op
DEEPEST = 8  # frames within frames beyond this depth are drawn on top of each other


class Box(NamedTuple):
    """A box with one or two lines of text, and all that is known about it on hovering."""

    kind: str  # "op", "parameter", "leaf", "constant", "output" or "fold"
    text: str
    below: str
    about: str
    x: float
    y: float
    width: float


class Arrow(NamedTuple):
    """An arrow along an SVG path."""

    path: str


class Label(NamedTuple):
    """The shape and dtype of what flows along an arrow."""

    text: str
    x: float
    y: float
    anchor: str  # "start" or "end": what of the text stands at x


class Border(NamedTuple):
    """The frame of a layer."""

    title: str
    about: str
    x: float
    y: float
    width: float
    height: float


class Drawing(NamedTuple):
    """Everything that is drawn, in pixels."""

    boxes: list[Box]
    arrows: list[Arrow]
    labels: list[Label]
    borders: list[Border]
    width: float
    height: float


def value_text(shape: tuple[int, ...], dtype: str) -> str:
    """Return a shape and a dtype as text.

    >>> value_text((64, 10), "float32"), value_text((), "float32")
    ('64 × 10 float32', 'one number float32')
    """
    if dtype == "object":  # of a custom Function with several outputs
        return "all outputs"
    return f"{' × '.join(map(str, shape)) or 'one number'} {dtype}"


def saved_text(op: OpCall) -> str:
    """Return what an op keeps for backward, '' for nothing."""
    if op.is_freed:
        return "kept values were freed"
    if not op.saved:
        return ""
    names = ", ".join(dict.fromkeys(name for name, _ in op.saved))
    return f"keeps {names}: {size_text(op.saved_bytes)}"


def fold_text(recorded: Recorded, hidden: tuple[int, int]) -> str:
    """Return what stands in place of the ops that are not drawn."""
    count = hidden[1] - hidden[0]
    return f"{count:,} of {len(recorded.ops):,} ops are not drawn"


def arrange(recorded: Recorded, most: int | None) -> Drawing:
    """Arrange a graph; of more than `most` ops, those in the middle are one box."""
    return _Column(recorded, fold(len(recorded.ops), most)).drawing()


class _Column:
    """The column of ops while it grows from top to bottom."""

    def __init__(self, recorded: Recorded, hidden: tuple[int, int]) -> None:
        self.recorded, self.hidden = recorded, hidden
        start, stop = hidden
        self.rows: list[int | None] = [*range(start), *([None] if start < stop else [])]
        self.rows += range(stop, len(recorded.ops))
        frames = folded(recorded.frames, hidden, self.row_of)
        self.depth = 1 + min(DEEPEST, max((frame.depth for frame in frames), default=-1))
        self.opening, self.closing = defaultdict(list), defaultdict(list)
        for frame in frames:
            self.opening[frame.first].append(frame)
            self.closing[frame.last].append(frame)
        self.left = EDGE + SIDE + 64 + INSET * self.depth
        self.right = self.left + BOX
        self.flow = self.right - 40  # the x of arrows straight down
        self.y: float = EDGE
        self.top: dict[int, float] = {}  # of each row's box
        self.boxes: list[Box] = []
        self.arrows: list[Arrow] = []
        self.labels: list[Label] = []
        self.borders: list[Border] = []
        self.lanes: list[int] = []  # the row at which each lane becomes free
        self.lane_of: dict[int, int] = {}
        self.last_use = self._last_uses()
        self.drawn: set[tuple[int, int]] = set()
        self.seen: set[int] = set()  # the sources that stand somewhere already

    def row_of(self, op: int) -> int:
        """Return the row of an op, that of the fold for one that is not drawn."""
        start, stop = self.hidden
        return op if op < start else start if op < stop else op - stop + start + (stop > start)

    def _last_uses(self) -> dict[int, int]:
        """Return the last row that takes each row's result, where a lane leads to it."""
        last: dict[int, int] = {}
        for i, op in enumerate(self.recorded.ops):
            row = self.row_of(i)
            for taken in op.inputs:
                if taken.op is not None and row > self.row_of(taken.op) + 1:
                    source = self.row_of(taken.op)
                    last[source] = max(row, last.get(source, 0))
        for i, output in enumerate(self.recorded.outputs):
            row = len(self.rows) + i
            if output.op is not None and row > self.row_of(output.op) + 1:
                last[self.row_of(output.op)] = row
        return last

    def drawing(self) -> Drawing:
        """Draw all rows, and return what was drawn."""
        for row, op in enumerate(self.rows):
            for frame in self.opening[row]:
                self._open(frame)
            self._row(row, None if op is None else self.recorded.ops[op])
            if self.closing[row]:
                self.y += BELOW
            for _ in self.closing[row]:
                self._close()
            self.y += GAP
        for i, output in enumerate(self.recorded.outputs):
            row = len(self.rows) + i
            self._source(output.source, self.y)
            text = value_text(output.shape, output.dtype)
            self._box("output", output.name, text, "", self.left, self.y)
            self.top[row] = self.y
            if output.op is not None:
                self._arrow(self.row_of(output.op), row)
            self.y += TALL + GAP
        width = (
            self.right + INSET * self.depth + LANE * (min(len(self.lanes), LANES) + 1) + EDGE + 8
        )
        return Drawing(
            self.boxes, self.arrows, self.labels, self.borders, width, self.y - GAP + EDGE
        )

    def _open(self, frame: Any) -> None:
        inset = INSET * max(0, self.depth - frame.depth)
        left, width = self.left - inset, BOX + 2 * inset
        about = frame.about or frame.title
        self.borders.append(Border(frame.title, about, left, self.y, width, 0))
        self.y += TITLE

    def _close(self) -> None:
        self.y += INSET
        for i in reversed(range(len(self.borders))):
            border = self.borders[i]
            if not border.height:  # the innermost that is open
                self.borders[i] = border._replace(height=self.y - border.y)
                return

    def _row(self, row: int, op: OpCall | None) -> None:
        """Draw one op with its arrows, and what it takes beside it."""
        self.top[row] = self.y
        if op is None:
            text = fold_text(self.recorded, self.hidden)
            self._box("fold", text, "", "", self.left, self.y)
            for i in range(*self.hidden):
                for taken in self.recorded.ops[i].inputs:
                    if taken.op is not None and self.row_of(taken.op) < row:
                        self._arrow(self.row_of(taken.op), row)
        else:
            self._box("op", f"{op.name} {op.label}".strip(), saved_text(op), _about(op),
                      self.left, self.y)  # fmt: skip
            self.labels.append(
                Label(value_text(op.shape, op.dtype), self.flow - 8, self.y + TALL + 16, "end")
            )
            for taken in op.inputs:
                if taken.op is not None:
                    self._arrow(self.row_of(taken.op), row)
            self._beside([taken.source for taken in op.inputs if taken.source is not None])
        self.y += TALL

    def _beside(self, sources: list[int]) -> None:
        """Draw what an op takes, below each other at its left; of very many, the first."""
        shown = len(sources) if len(sources) <= BESIDE else BESIDE - 1
        for i in range(shown):
            self._source(sources[i], self.y + i * (TALL + 24))
        if shown < len(sources):
            text = f"and {len(sources) - shown:,} more"
            self._box("fold", text, "", "", EDGE, self.y + shown * (TALL + 24), SIDE)
        self.y += max(0, min(len(sources), BESIDE) - 1) * (TALL + 24)

    def _source(self, index: int | None, y: float) -> None:
        """Draw a leaf or a constant at the left, with an arrow to the box of this row."""
        if index is None:
            return
        source = self.recorded.sources[index]
        again = " (again)" if index in self.seen else ""
        self.seen.add(index)
        text = value_text(source.shape, source.dtype)
        self._box(source.kind, source.name + again, "", f"{source.name}: {text}", EDGE, y, SIDE)
        self.labels.append(Label(text, EDGE + 4, y + TALL + 13, "start"))
        start, middle, end = EDGE + SIDE, y + TALL / 2, self.y + TALL / 2
        curve = f"C{start + 34},{middle} {self.left - 34},{end} {self.left - 2},{end}"
        self.arrows.append(Arrow(f"M{start},{middle}{curve}"))

    def _arrow(self, start: int, row: int) -> None:
        """Draw an arrow from one row's box to that of a later row, once."""
        if (start, row) in self.drawn:
            return
        self.drawn.add((start, row))
        top, bottom = self.top[start] + TALL, self.top[row]
        if row == start + 1:
            self.arrows.append(Arrow(f"M{self.flow},{top}V{bottom - 2}"))
            return
        x = self.right + INSET * self.depth + LANE * (1 + self._lane(start))
        out, back = top - TALL / 4, bottom + TALL / 4  # apart, where a box has both
        self.arrows.append(Arrow(f"M{self.right},{out}H{x}V{back}H{self.right + 2}"))

    def _lane(self, start: int) -> int:
        """Return the lane of a row's result: the first that is free down to its last use."""
        if start not in self.lane_of:
            free = [i for i, until in enumerate(self.lanes) if until <= start]
            lane = free[0] if free else len(self.lanes)
            if not free:
                self.lanes.append(0)
            self.lanes[lane] = self.last_use[start]
            self.lane_of[start] = lane
        return self.lane_of[start] % LANES

    def _box(
        self, kind: str, text: str, below: str, about: str, x: float, y: float, width: float = BOX
    ) -> None:
        self.boxes.append(Box(kind, text, below, about, x, y, width))


def _about(op: OpCall) -> str:
    """Return all that is known about an op, in lines."""
    lines = [f"{op.name} gives {value_text(op.shape, op.dtype)}"]
    lines += [f"keeps {name}: {size_text(count)}" for name, count in op.saved]
    return "\n".join([*lines, *(["what it kept has been freed"] if op.is_freed else [])])
