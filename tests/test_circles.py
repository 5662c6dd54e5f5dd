"""No two files need each other: in the package and in benchmarks/ no chain of imports closes.

Read from the syntax tree, so imports inside functions and those for type checkers count as well:
a circle of types is one that a reader goes round. Only a folder's first file may name for type
checkers what stands above it: it lists what it gives on demand.
"""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Imports for types that close a circle all the same; each with its reason.
FOR_TYPES = {
    ("tinygrad_mnist.jit.learn", "tinygrad_mnist.jit.follow"): "learning is a part of following",
}


def sources(folder: str) -> dict[str, str]:
    """The text of each module below a folder of the repository, by its dotted name."""
    texts = {}
    for path in sorted((ROOT / folder).rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        texts[name] = path.read_text("utf-8")
    return texts


def imported(source: str, module: str, modules: Mapping[str, str]) -> Iterator[str]:
    """Yield the modules that `module` imports; one of a folder's first file leads there."""
    is_page = module.endswith(".__init__")
    package = module.split(".")[:-1]

    def resolved(dotted: str) -> str | None:
        return next((name for name in (dotted, f"{dotted}.__init__") if name in modules), None)

    def targets(node: ast.Import | ast.ImportFrom) -> Iterator[str | None]:
        if isinstance(node, ast.Import):
            yield from (resolved(alias.name) for alias in node.names)
            return
        above = package[: len(package) - node.level + 1] if node.level else []
        base = ".".join([*above, *([node.module] if node.module else [])])
        for alias in node.names:
            yield resolved(f"{base}.{alias.name}") or resolved(base)

    def walk(node: ast.AST) -> Iterator[str | None]:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from targets(node)
        children: list[ast.AST] = list(ast.iter_child_nodes(node))
        if is_page and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            children = list(node.orelse)
        for child in children:
            if not isinstance(child, ast.expr):  # most nodes, and no import is in them
                yield from walk(child)

    for name in walk(ast.parse(source)):
        if name is not None and name != module and (module, name) not in FOR_TYPES:
            yield name


def circle(modules: Mapping[str, str]) -> list[str]:
    """The modules of one circle, in order, the first again at the end; [] where there is none."""
    graph = {name: sorted(set(imported(text, name, modules))) for name, text in modules.items()}
    finished: set[str] = set()

    def search(module: str, path: list[str]) -> list[str]:
        if module in path:
            return [*path[path.index(module) :], module]
        if module in finished:
            return []
        for target in graph[module]:
            if cycle := search(target, [*path, module]):
                return cycle
        finished.add(module)
        return []

    return next((cycle for module in graph if (cycle := search(module, []))), [])


@pytest.mark.parametrize("folder", ["tinygrad_mnist", "benchmarks"])
def test_no_two_files_need_each_other(folder: str) -> None:
    modules = sources(folder)
    assert len(modules) > 20
    assert " -> ".join(circle(modules)) == ""


def test_each_exception_is_needed() -> None:
    modules = sources("tinygrad_mnist")
    for importer, target in FOR_TYPES:
        assert "TYPE_CHECKING" in modules[importer] and target in modules


@pytest.mark.parametrize(
    "back",
    [
        "from p.a import f",
        "from p import a",
        "import p.a",
        "from . import a",
        "from .a import f",
        "def g():\n    from p import a",
        "if TYPE_CHECKING:\n    from p.a import F",
        "try:\n    import p.a\nexcept ImportError:\n    pass",
        "from p import c",  # the long way round
    ],
)
def test_a_planted_circle_is_found(back: str) -> None:
    modules = {"p.a": "from p.b import g", "p.b": back, "p.c": "import p.a", "p.__init__": ""}
    assert circle(modules)[0] == circle(modules)[-1] == "p.a"


@pytest.mark.parametrize(
    "page", ["if TYPE_CHECKING:\n    from p.a import f", "import numpy as np\nfrom q.b import g"]
)
def test_a_lazy_name_of_a_page_is_no_circle(page: str) -> None:
    modules = {"p.__init__": page, "p.a": "from p import n", "p.b": "from p.a import f"}
    assert circle(modules) == []
