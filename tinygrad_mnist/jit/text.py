"""Text: a function that is written out for one use, without a loop, and compiled.

Comparing a call with what is expected is most of what a small step costs, and a loop over three
things costs more than three lines. Closures for every number of things would not read better.
"""

from __future__ import annotations

import types
from functools import lru_cache
from typing import Any


class Text:
    """Lines of a function, and the objects that they name."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: dict[str, Any] = {}
        self.indent = "    "

    def name(self, stem: str, value: Any) -> str:
        """Give an object a name of its own, and return the name."""
        name = f"{stem}{len(self.names)}"
        self.names[name] = value
        return name

    def add(self, line: str) -> None:
        """Add a line to the function's body."""
        self.lines.append(self.indent + line)

    def compiled(self, head: str, filename: str) -> Any:
        """Compile the function; its text is made of names and shapes alone, never of data."""
        text = "\n".join([head, *self.lines])
        function = types.FunctionType(code_of(text, filename), self.names)
        function.text = text  # type: ignore[attr-defined]
        return function


@lru_cache(maxsize=256)
def code_of(text: str, filename: str) -> types.CodeType:
    """Compile the text of one function; steps of one form, made anew, share their code.

    >>> code_of("def double(x): return 2 * x", "<text>").co_name
    'double'
    """
    module = compile(text, filename, "exec")
    (code,) = (c for c in module.co_consts if isinstance(c, types.CodeType))
    return code
