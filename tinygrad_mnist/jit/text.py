"""Text: a function written out for one use, in which nothing is looped over, and compiled.

Comparing a call with what is expected is most of what a small step costs, and a loop over three
things costs more than three lines. Closures for every number of things would not read better.
"""

from __future__ import annotations

import types
from typing import Any


class Text:
    """Lines of a function, and the objects that they name."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: dict[str, Any] = {}
        self.indent = "    "

    def name(self, what: str, value: Any) -> str:
        """Give an object a name of its own."""
        name = f"{what}{len(self.names)}"
        self.names[name] = value
        return name

    def add(self, line: str) -> None:
        """Add a line to the function's body."""
        self.lines.append(self.indent + line)

    def compiled(self, head: str, filename: str) -> Any:
        """Make the function; its text holds names and shapes that this file wrote, nothing else."""
        text = "\n".join([head, *self.lines])
        module = compile(text, filename, "exec")
        (code,) = (c for c in module.co_consts if isinstance(c, types.CodeType))
        function = types.FunctionType(code, self.names)
        function.text = text  # type: ignore[attr-defined]
        return function
