"""Show mkdocstrings the public names of each module as they are at run time.

An extension of griffe, which reads sources. Sources do not show that `exp` is made of a row of the
table, nor which names a page imports on demand; so the members of each module of the reference are
described here from the objects themselves. `zensical.toml` names this file.
"""

from __future__ import annotations

import inspect
import re
import runpy
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import griffe

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "tinygrad_mnist"
API = runpy.run_path(str(ROOT / "scripts" / "write_api.py"))
# Members that every object, tuple or exception has.
USUAL = frozenset([*dir(object), *dir(BaseException), *dir(tuple)])


class PublicNames(griffe.Extension):
    """Give the modules of the index the names that they have there."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Fill the modules of the package, once it is read."""
        for module, names in API["reference"]():
            here: Any = pkg
            for part in module.__name__.split(".")[1:]:
                here = here.members[part]
            here.members = {n: m for n, m in here.members.items() if isinstance(m, griffe.Module)}
            here.docstring = docstring(inspect.getdoc(module) or "", here)
            for name in names:
                add(here, described(name, getattr(module, name)))


def add(parent: griffe.Object, member: griffe.Object) -> None:
    """Make `member` a public member of `parent`."""
    parent.set_member(member.name, member)
    member.public = True
    for child in (member, *member.members.values()):
        if child.docstring is not None:
            child.docstring.parent = child


def described(name: str, value: Any) -> griffe.Object:
    """Return griffe's description of a value under a public name."""
    if inspect.isclass(value):
        return described_class(name, value)
    if isinstance(value, property):
        return griffe.Attribute(name, docstring=docstring(inspect.getdoc(value) or ""))
    if not callable(value):
        return griffe.Attribute(name, docstring=docstring(f"`{value!r}`"))
    return described_function(name, value)


def described_function(name: str, value: Any) -> griffe.Function:
    """Return the description of a function, or of an object that can be called."""
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        signature = inspect.Signature()
    return griffe.Function(
        name,
        parameters=griffe.Parameters(*map(described_parameter, signature.parameters.values())),
        docstring=docstring(f"{inspect.getdoc(value) or ''}\n\n{definition(value)}"),
    )


def described_parameter(p: inspect.Parameter) -> griffe.Parameter:
    """Return the description of an argument."""
    kind = griffe.ParameterKind[p.kind.name.lower()]
    default = None if p.default is p.empty else API["shown"](p.default)
    return griffe.Parameter(p.name, kind=kind, default=default)


def described_class(name: str, value: type) -> griffe.Class:
    """Return the description of a class: its arguments, and its documented members."""
    text = inspect.cleandoc(vars(value).get("__doc__") or "")
    here = griffe.Class(name, docstring=docstring(f"{text}\n\n{definition(value)}"))
    first = described_function("__init__", value)
    itself = griffe.Parameter("self", kind=griffe.ParameterKind.positional_or_keyword)
    first.parameters = griffe.Parameters(itself, *first.parameters)
    first.docstring = None
    add(here, first)
    for member_name, member in own_members(value):
        add(here, described(member_name, member))
    return here


def own_members(value: type) -> Iterator[tuple[str, Any]]:
    """Yield the public methods and properties of a class that have a docstring."""
    for name in sorted(API["members"](value)):
        member = API["member"](value, name)
        is_setting = isinstance(vars(value).get(name), staticmethod) and name == "function"
        is_method = callable(member) and not inspect.isclass(member) and not is_setting
        if name.startswith("_") or name in USUAL or not (is_method or isinstance(member, property)):
            continue
        if getattr(member, "__doc__", None):
            yield name, member


def definition(value: Any) -> str:
    """Return a sentence that names the file in which a function or a class is defined."""
    row = getattr(inspect.unwrap(value) if not inspect.isclass(value) else value, "op", None)
    if getattr(row, "row", None):
        return f"Defined in `{row_files().get(row.row, 'ops/table.py')}`, as a row."
    module = inspect.getmodule(value)
    if not isinstance(module, ModuleType) or not module.__name__.startswith(PACKAGE.name):
        return ""
    return f"Defined in `{Path(str(module.__file__)).relative_to(PACKAGE)}`."


@cache
def row_files() -> dict[str, str]:
    """Return the file in which each row of the table stands."""
    return {
        name: f"ops/{file}.py"
        for file in ("table", "further")
        for name in re.findall(
            r"^(\w+)(?:: OpCall)? = ", (PACKAGE / f"ops/{file}.py").read_text(), re.M
        )
    }


def docstring(text: str, parent: griffe.Object | None = None) -> griffe.Docstring:
    """Return a docstring as Markdown."""
    return griffe.Docstring(as_markdown(inspect.cleandoc(text)), parent=parent)


def as_markdown(text: str) -> str:
    """Fence the examples, which Markdown takes for quotations, and leave no accidental link.

    >>> print(as_markdown("Take x[i][j].\\n\\n>>> 1 + 1\\n2\\n\\nThat is all."))
    Take x[i]\\[j].
    <BLANKLINE>
    ```pycon
    >>> 1 + 1
    2
    ```
    <BLANKLINE>
    That is all.
    """
    text = re.sub(r"^>>> .*?(?=\n\n(?!>>> )|\Z)", r"```pycon\n\g<0>\n```", text, flags=re.M | re.S)
    return re.sub(r"(```.*?```|`[^`]*`)|\]\[", lambda m: m[1] or r"]\[", text, flags=re.S)
