"""Show mkdocstrings each page's public names, with the signatures and docstrings of run time.

An extension of griffe, which reads sources: it does not see that `exp` is made of a row of the
table, nor the names that a page imports on demand. So the members of each module of the reference
are made here from the objects themselves. `zensical.toml` names this file.
"""

from __future__ import annotations

import inspect
import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import griffe

API = runpy.run_path(str(Path(__file__).with_name("write_api.py")))
# Members of an object that are no contract: those of the language, and of the base classes below.
BORING = frozenset(dir(object)) | frozenset(dir(BaseException)) | frozenset(dir(tuple))


class PublicNames(griffe.Extension):
    """Replace the members of the modules in the index by its names."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Fill the modules of the package, once it is read."""
        for module, names in API["reference"]():
            here = pkg
            for part in module.__name__.split(".")[1:]:
                here = here.members[part]
            modules = {n: m for n, m in here.members.items() if isinstance(m, griffe.Module)}
            here.members = modules
            here.docstring = docstring(inspect.getdoc(module) or "", here)
            for name in names:
                added(here, described(name, getattr(module, name)))


def added(parent: griffe.Object, member: griffe.Object) -> griffe.Object:
    """Make `member` a public member of `parent`, and return it."""
    parent.set_member(member.name, member)
    member.public = True
    for child in [member, *member.members.values()]:
        if child.docstring is not None:
            child.docstring.parent = child
    return member


def described(name: str, value: Any) -> griffe.Object:
    """Return griffe's description of a value under a public name."""
    if inspect.isclass(value):
        return described_class(name, value)
    if isinstance(value, property) or not callable(value):
        text = inspect.getdoc(value) if isinstance(value, property | ModuleType) else None
        return griffe.Attribute(name, docstring=docstring(text or f"`{value!r}`"))
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
        returns=annotation(signature.return_annotation),
        docstring=docstring(inspect.getdoc(value) or ""),
    )


def described_class(name: str, value: type) -> griffe.Class:
    """Return the description of a class: its signature, and the members with a docstring."""
    here = griffe.Class(name, docstring=docstring(vars(value).get("__doc__") or ""))
    first = described_function("__init__", value)
    first.parameters = griffe.Parameters(
        griffe.Parameter("self", kind=griffe.ParameterKind.positional_or_keyword),
        *first.parameters,
    )
    first.returns = first.docstring = None
    added(here, first)
    for member, contents in own_members(value):
        added(here, described(member, contents))
    return here


def own_members(value: type) -> Iterator[tuple[str, Any]]:
    """Yield the public methods and properties of a class that the package defines, documented."""
    for name in sorted(vars(value) if not API["is_tensor"](value) else dir(value)):
        contents = API["member"](value, name)
        if name.startswith("_") or name in BORING or not (callable(contents) or isinstance(contents, property)):
            continue
        if getattr(contents, "__doc__", None) and not inspect.isclass(contents):
            yield name, contents


def described_parameter(p: inspect.Parameter) -> griffe.Parameter:
    """Return the description of an argument."""
    kind = griffe.ParameterKind[p.kind.name.lower()]
    default = None if p.default is p.empty else API["shown"](p.default)
    return griffe.Parameter(p.name, annotation=annotation(p.annotation), kind=kind, default=default)


def annotation(value: Any) -> str | None:
    """Return a type as text; none for `Any`, which says nothing."""
    text = value if isinstance(value, str) else getattr(value, "__name__", str(value))
    return None if value is inspect.Parameter.empty or text in ("Any", "_empty") else text


def docstring(text: str, parent: griffe.Object | None = None) -> griffe.Docstring:
    """Return a docstring whose examples are fenced: Markdown takes `>>>` for quotations."""
    return griffe.Docstring(fenced(inspect.cleandoc(text)), parent=parent)


def fenced(text: str) -> str:
    """Fence the examples and the indented blocks of a docstring.

    >>> print(fenced("Add.\\n\\n>>> 1 + 1\\n2\\n\\nThat is all."))
    Add.
    <BLANKLINE>
    ```pycon
    >>> 1 + 1
    2
    ```
    <BLANKLINE>
    That is all.
    """
    text = re.sub(r"^>>> .*?(?=\n\n(?!>>> )|\Z)", r"```pycon\n\g<0>\n```", text, flags=re.M | re.S)
    # Outside code, `a[i][j]` would be a link.
    return re.sub(r"(```.*?```|`[^`]*`)|\]\[", lambda m: m[1] or r"]\[", text, flags=re.S)
