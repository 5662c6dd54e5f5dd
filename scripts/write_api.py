"""Write docs/api.md: every public name, its arguments, and the first sentence of its docstring.

python scripts/write_api.py
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import tinygrad_mnist as tg
from tinygrad_mnist import ops

DOCS = Path(__file__).parents[1] / "docs"
PATH = DOCS / "api.md"
HEAD = """# Every public name

Written by `python scripts/write_api.py` from the lists of names (`__all__`) and the docstrings.
The rest of a docstring (shapes, dtypes, errors and examples) is behind the link, and in
`help(name)`. Where PyTorch has a name, the arguments are PyTorch's;
[what differs](differences-from-pytorch.md) is listed.
"""
FOLDERS = ("linalg", "special", "fft", "distributions", "distributions.constraints",
           "distributions.transforms", "autograd", "autograd.functional", "nn", "nn.functional",
           "nn.init", "nn.utils", "nn.utils.rnn", "nn.utils.parametrize",
           "nn.utils.parametrizations", "nn.utils.prune", "nn.utils.stateless", "optim",
           "optim.swa_utils", "optim.lr_scheduler", "jit", "utils", "utils.data", "data", "models",
           "serialize", "serialize.exchange", "testing", "train")  # fmt: skip


def listed(module: ModuleType) -> list[str]:
    """Return the names of a module: its `__all__`, or else the names that it takes from `ops/`."""
    names = getattr(module, "__all__", None) or [
        name
        for name in dir(module)
        if getattr(getattr(module, name), "__module__", "").startswith("tinygrad_mnist.ops")
    ]
    return sorted(names, key=lambda name: (name.lower(), name))


def signature(value: Any) -> str:
    """Return the arguments by name, without types; one that may be left out as `name=...`."""
    try:
        parameters = list(inspect.signature(value).parameters.values())
    except (TypeError, ValueError):
        return ""
    words: list[str] = []
    for p in parameters:
        if p.kind is p.KEYWORD_ONLY and not any(word.startswith("*") for word in words):
            words.append("*")
        star = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
        words.append(f"{star}{p.name}" + ("" if p.default is p.empty else f"={shown(p.default)}"))
    return f"({', '.join(words)})"


def shown(default: Any) -> str:
    """Return a default as code, or `...` where that is no short literal."""
    text = repr(default)
    return text if re.fullmatch(r"[\w.'\"+-]*|\(\)", text) else "..."


def sentence(value: Any) -> str:
    """Return the first sentence of a docstring, on one line."""
    text = (inspect.getdoc(value) or "").split("\n\n")[0].replace("\n", " ")
    first = re.split(r"(?<=[.!?]) (?=[A-Z`])", text)[0]
    return first.replace("<", "\\<").replace("*", "\\*").replace("][", "]\\[")


@cache
def pages() -> dict[str, str]:
    """Return the page of the reference that describes a module or a class, by its dotted name."""
    return {
        dotted: f"reference/{page.name}"
        for page in sorted((DOCS / "reference").glob("*.md"))
        for dotted in re.findall(r"^::: (\S+)$", page.read_text("utf-8"), re.MULTILINE)
    }


def entry(home: str, name: str, value: Any, arguments: str | None = None) -> str:
    """Return one line of the index, for a name of the module or the class `home`."""
    if isinstance(value, ModuleType):
        return f"- `{name}`: {sentence(value)}"
    if home not in pages():
        raise LookupError(f"no page of docs/reference/ has the line `::: {home}`")
    arguments = signature(value) if arguments is None else arguments
    page = pages().get(f"{home}.{name}", pages()[home])  # the class Tensor has a page of its own
    line = f"- [`{name}{arguments}`]({page}#{home}.{name})"
    return f"{line}: {sentence(value)}".removesuffix(": ") if callable(value) else line


def section(title: str, module: ModuleType, names: Iterable[str]) -> Iterator[str]:
    """Yield a heading, the module's docstring, and its names."""
    yield f"\n## {title}\n"
    yield f"{sentence(module)}\n"
    yield from (entry(module.__name__, name, getattr(module, name)) for name in names)


def every_family() -> list[ModuleType]:
    """Return the families of functions on Tensors, and those that are loaded later."""
    later = [importlib.import_module(f"{ops.__name__}.{name}") for name in ops.LATER]
    return [*ops.FAMILIES, *(family for family in later if set(family.__all__) <= set(dir(tg)))]


def front() -> Iterator[str]:
    """Yield the names that stand in the package's first file, and not in a family of `ops/`."""
    families = {name for family in every_family() for name in family.__all__}
    names = [name for name in dir(tg) if not name.startswith("_") and name not in families]
    values = {name: getattr(tg, name) for name in sorted(names, key=str.lower)}
    values = {name: v for name, v in values.items() if not isinstance(v, ModuleType)}
    ours = {n for n, v in values.items() if getattr(v, "__module__", "").startswith(tg.__name__)}
    own, constants = ([n for n in values if (n in ours) is mine] for mine in (True, False))
    yield from section("`tinygrad_mnist`", tg, own)
    yield f"\nNumPy's dtypes and plain numbers: {', '.join(f'`{name}`' for name in constants)}.\n"
    yield "The functions on Tensors follow, family by family.\n"


def methods() -> Iterator[str]:
    """Yield a Tensor's methods: those that are functions too, those in place, and its own."""
    names = [name for name in dir(tg.Tensor) if not name.startswith("_")]
    same = [name for name in names if hasattr(tg, name)]
    in_place = [name for name in names if name.endswith("_") and name[:-1] in same]
    yield "\n## Methods of `Tensor`\n"
    yield f"As the functions of these names, with the Tensor first: {', '.join(same)}.\n"
    yield f"As those, but written into the Tensor itself: {', '.join(in_place)}.\n"
    yield "Its own:\n"
    for name in names:
        value = member(tg.Tensor, name)
        if name not in same and name not in in_place:
            arguments = re.sub(r"^\(\w+(, )?", "(", signature(value))  # without the Tensor
            line = entry("tinygrad_mnist.Tensor", name, value, arguments)
            yield line if callable(value) else f"{line}: {sentence(value)}".removesuffix(": ")


def reference() -> Iterator[tuple[ModuleType, list[str]]]:
    """Yield each module of the reference on the site, with its public names."""
    families = {name for family in every_family() for name in family.__all__}
    names = [name for name in dir(tg) if not name.startswith("_") and name not in families]
    yield tg, [name for name in names if not isinstance(getattr(tg, name), ModuleType)]
    for family in every_family():
        yield family, listed(family)
    for folder in FOLDERS:
        module = importlib.import_module(f"tinygrad_mnist.{folder}")
        yield module, [n for n in listed(module) if not isinstance(getattr(module, n), ModuleType)]


def members(value: type) -> list[str]:
    """Return the names that a class defines; of Tensor all, since `ops/` attaches most of them."""
    return dir(value) if value is tg.Tensor else list(vars(value))


def member(value: type, name: str) -> object:
    """Return what a class has under a name; a method that is loaded later is loaded now."""
    contents = inspect.getattr_static(value, name)
    return contents.load() if isinstance(contents, ops.Later) else contents


def page() -> str:
    """Return the whole file."""
    lines = [HEAD]
    lines += front()
    lines += methods()
    for family in every_family():
        stem = family.__name__.rpartition(".")[2]
        lines += section(f"`tinygrad_mnist`: {stem}", family, listed(family))
    for folder in FOLDERS:
        module = importlib.import_module(f"tinygrad_mnist.{folder}")
        lines += section(f"`{folder}`", module, listed(module))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PATH.write_text(page(), "utf-8")
