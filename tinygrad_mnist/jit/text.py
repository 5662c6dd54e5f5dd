"""Text: a function that is written out for one use, without a loop, and compiled.

Comparing a call with what is expected is most of what a small step costs, and a loop over three
things costs more than three lines. Closures for every number of things would not read better.
"""

from __future__ import annotations

import operator
import types
from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from operator import is_
from typing import Any

FEW = 8  # objects, which are compared one by one
MANY = 400  # steps or gradients: more of them go through a loop, whose text is short


class Text:
    """Lines of a function, and the objects that they name."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: dict[str, Any] = {}
        self.cells: dict[str, types.CellType] = {}
        self.indent = "    "

    def name(self, stem: str, value: Any) -> str:
        """Give an object a name of its own, and return the name."""
        name = f"{stem}{len(self.names)}"
        self.names[name] = value
        return name

    def variable(self, cell: types.CellType) -> str:
        """Name a variable of another function, which is read in a tenth of the time of the cell."""
        name = f"variable{len(self.cells)}"
        self.cells[name] = cell
        return name

    def add(self, line: str) -> None:
        """Add a line to the function's body."""
        self.lines.append(self.indent + line)

    def compiled(self, head: str, filename: str) -> Any:
        """Compile the function; its text is made of names and shapes alone, never of data."""
        text = "\n".join([head, *self.lines])
        code = code_of(text, filename, tuple(self.cells))
        closure = tuple(self.cells[name] for name in code.co_freevars)
        # A copy, in which Python notes where it finds the names of this function alone
        function = types.FunctionType(code.replace(), self.names, closure=closure)
        function.text = text  # type: ignore[attr-defined]
        return function


def write_each(t: Text, steps: Sequence[Any]) -> None:
    """Add a line for each step, or the lines that the step writes; many steps get a single line."""
    if len(steps) > MANY:
        t.names |= {"deque": deque, "call_each": operator.call}
        t.add(f"deque(map(call_each, {t.name('steps', steps)}), 0)")
        return
    for step in steps:
        if hasattr(step, "write"):
            step.write(t)
        else:
            t.add(f"{t.name('step', step)}()")


def differs(t: Text, items: str, before: Sequence[Any]) -> str:
    """Return the text that tells whether a list of this length holds other objects than before."""
    if not before or len(before) > FEW:
        t.names["is_"] = is_
        return f"not all(map(is_, {items}, {t.name('before', before)}))"
    pairs = (f"{items}[{i}] is not {t.name('before', item)}" for i, item in enumerate(before))
    return " or ".join(pairs)


@lru_cache(maxsize=512)
def code_of(text: str, filename: str, variables: tuple[str, ...] = ()) -> types.CodeType:
    """Compile the text of one function; steps of one form, made anew, share their code.

    `variables` are those of a function around it.

    >>> code_of("def double(x): return 2 * x", "<text>").co_name
    'double'
    >>> code_of("def times(x): return k * x", "<text>", ("k",)).co_freevars
    ('k',)
    """
    if variables:
        text = "\n ".join([f"def around({', '.join(variables)}):", *text.split("\n")])
    (code,) = _functions_in(compile(text, filename, "exec"))
    if variables:
        (code,) = _functions_in(code)
    return code


def _functions_in(code: types.CodeType) -> list[types.CodeType]:
    return [c for c in code.co_consts if isinstance(c, types.CodeType)]
