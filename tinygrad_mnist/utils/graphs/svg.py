"""A graph as SVG: one picture without scripts and without anything from elsewhere."""

from __future__ import annotations

import html
import re

from tinygrad_mnist.utils.graphs.collect import Recorded
from tinygrad_mnist.utils.graphs.columns import TALL, Box, Drawing, arrange

HEAD = 26  # for the line above the picture
LETTER = 6.4  # the width of a letter, about
# Colours are a page's own where it defines them, as the report does, in light and in dark.
STYLE = (
    ".tg-graph{font:12px sans-serif}.tg-graph text{fill:var(--ink,#1f2328)}"
    ".tg-graph .ground{fill:var(--paper,#fff)}"
    ".tg-graph .frame rect{fill:var(--card,#f6f8fa);stroke:var(--rule,#d0d7de)}"
    ".tg-graph .frame text{font-weight:600}"
    ".tg-graph .arrow{fill:none;stroke:var(--soft,#59636e);stroke-width:1.3}"
    ".tg-graph .tip{fill:var(--soft,#59636e)}"
    ".tg-graph .edge,.tg-graph .below{fill:var(--soft,#59636e);font-size:10.5px}"
    ".tg-graph .box rect{fill:var(--paper,#fff);stroke:var(--soft,#59636e)}"
    ".tg-graph .parameter rect{fill:rgba(var(--heat,9,105,218),.25);"
    "stroke:var(--accent,#0969da)}"
    ".tg-graph .constant rect,.tg-graph .fold rect{stroke-dasharray:4 3}"
    ".tg-graph .output rect{stroke-width:2}"
)


def as_svg(recorded: Recorded, most: int | None, head: str) -> str:
    """Return the picture of a graph, with a line of text above it."""
    drawing = arrange(recorded, most)
    width = max(drawing.width, LETTER * len(head) + 16)
    height = drawing.height + HEAD
    names = ", ".join(box.text for box in drawing.boxes if box.kind == "op")
    label = escaped(f"Computation graph: {head}. {_short(names, 400)}")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="tg-graph graph" role="img" '
        f'width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}" '
        f'aria-label="{label}">',
        f"<style>{STYLE}</style>",
        '<defs><marker id="tg-tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto-start-reverse"><path class="tip" d="M0,0L8,4L0,8Z"/>'
        "</marker></defs>",
        f'<rect class="ground" width="{width:g}" height="{height:g}"/>',
        f'<text class="head" x="8" y="17">{escaped(head)}</text>',
        f'<g transform="translate(0,{HEAD})">',
        *_shapes(drawing),
        "</g></svg>",
    ]
    return "\n".join(parts)


def _shapes(drawing: Drawing) -> list[str]:
    """Return frames, arrows, labels and boxes, in the order in which they cover each other."""
    frames = [
        f'<g class="frame"><title>{escaped(b.about)}</title><rect x="{b.x:g}" y="{b.y:g}" '
        f'width="{b.width:g}" height="{b.height:g}" rx="8"/><text x="{b.x + 8:g}" '
        f'y="{b.y + 15:g}">{escaped(_short(b.title, int(b.width / 7)))}</text></g>'
        for b in drawing.borders
    ]
    arrows = [
        f'<path class="arrow" d="{arrow.path}" marker-end="url(#tg-tip)"/>'
        for arrow in drawing.arrows
    ]
    labels = [
        _text("edge", label.x, label.y, label.anchor, _short(label.text, 40))
        for label in drawing.labels
    ]
    return [*frames, *arrows, *labels, *map(_box, drawing.boxes)]


def _box(box: Box) -> str:
    middle, letters = box.x + box.width / 2, int(box.width / LETTER) - 2
    first = box.y + (17 if box.below else 24)
    lines = _text("name", middle, first, "middle", _short(box.text, letters))
    if box.below:
        small = _short(box.below, int(letters * 1.15))
        lines += _text("below", middle, box.y + 32, "middle", small)
    return (
        f'<g class="box {box.kind}"><title>{escaped(box.about or box.text)}</title>'
        f'<rect x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{TALL}" rx="6"/>'
        f"{lines}</g>"
    )


def _text(kind: str, x: float, y: float, anchor: str, text: str) -> str:
    position = f'x="{x:g}" y="{y:g}" text-anchor="{anchor}"'
    return f'<text class="{kind}" {position}>{escaped(text)}</text>'


def _short(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[: max(1, letters - 1)]}…"


def printable(text: str) -> str:
    """Return text with a mark for each character that XML does not allow.

    >>> printable("a\\x00b")
    'a\ufffdb'
    """
    return re.sub(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)


def escaped(text: str) -> str:
    """Return text for XML, in an element or in an attribute."""
    return html.escape(printable(text))
