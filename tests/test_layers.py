"""Imports point only downwards, and only NumPy is imported from outside.

Read from the syntax tree, so an import inside a function counts as well. Imports under
`if TYPE_CHECKING:` never run and are free.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1] / "tinygrad_mnist"

# Bottom first. Names on one line are one level and may import each other.
LEVELS = [
    ["blas", "cores", "files", "hints", "lazy", "missing", "paths", "start", "threads"],
    ["kernels"],
    ["autograd"],
    ["ops"],
    ["fft", "linalg", "special"],
    ["distributions", "distributed"],
    ["nn"],
    ["optim"],
    ["jit"],
    ["testing"],
    ["data", "utils"],
    ["models"],
    ["serialize"],
    ["train"],
    ["report"],
    ["compat", "cli", "__main__", "run"],
]
LEVEL = {name: level for level, names in enumerate(LEVELS) for name in names}
# Below themselves in the list, and still none of their business.
FORBIDDEN = {"data": {"nn"}, "serialize": {"nn"}}
# What a layer's modules are made of; the layer's first file must not load them.
BUILT_ON = {"testing": {"hypothesis", "pytest"}}


# Where statements are in others; expressions are most nodes, and no import is in them.
BLOCKS = ("body", "orelse", "handlers", "finalbody", "cases")


class Import(NamedTuple):
    target: str
    """The dotted name of the module, absolute."""
    line: int
    in_function: bool


def imports(source: str, module: str, is_package: bool = False) -> list[Import]:
    """All imports in the source of `module`, but for those that only type checkers see."""
    package = module.split(".") if is_package else module.split(".")[:-1]

    def targets(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
            return
        above = package[: len(package) - node.level + 1] if node.level else []
        base = ".".join([*above, *([node.module] if node.module else [])])
        if base != ROOT.name:
            yield base
            return
        yield from (f"{base}.{alias.name}" for alias in node.names)

    def walk(node: ast.AST, in_function: bool) -> Iterator[Import]:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from (Import(target, node.lineno, in_function) for target in targets(node))
        unseen = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        in_function |= isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        for field in ("orelse",) if unseen else BLOCKS:
            for child in getattr(node, field, ()):
                yield from walk(child, in_function)

    return list(walk(ast.parse(source), False))


def complaints(source: str, module: str, is_package: bool = False) -> list[str]:
    """Return the faults of the imports of `module`, a dotted name, one sentence each."""
    layer = module.split(".")[1]
    faults = []
    for target, line, in_function in imports(source, module, is_package):
        top, *rest = target.split(".")
        where = f"{module}:{line}"
        if top != ROOT.name:
            free = top == "numpy" or top in sys.stdlib_module_names
            free |= not is_package and top in BUILT_ON.get(layer, ())
            if not free and (layer == "kernels" or not in_function):
                faults.append(f"{where} imports {target}; only NumPy, or inside a function")
        elif rest == ["__version__"]:
            continue
        elif not rest or rest[0] not in LEVEL:
            faults.append(f"{where} imports {target}, which is no layer: name the folder below")
        elif LEVEL[rest[0]] > LEVEL[layer]:
            faults.append(f"{where} imports {target}: {layer} stands below {rest[0]}")
        elif rest[0] in FORBIDDEN.get(layer, ()):
            faults.append(f"{where} imports {target}: {layer} does without {rest[0]}")
    return faults


def modules() -> list[tuple[Path, str]]:
    """Every module of the package but its first file, with its dotted name."""
    paths = []
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        if parts[-1] == "__init__":
            parts = parts[:-1]
        if len(parts) > 1:
            paths.append((path, ".".join(parts)))
    return paths


MODULES = modules()
FOLDERS = sorted({path.parent for path, _ in MODULES} - {ROOT})


@pytest.mark.parametrize(("path", "module"), MODULES, ids=[name for _, name in MODULES])
def test_imports_point_downwards(path: Path, module: str) -> None:
    layer = module.split(".")[1]
    assert layer in LEVEL, f"{layer} is new: say in LEVELS of {Path(__file__).name} where it stands"
    assert complaints(path.read_text("utf-8"), module, path.name == "__init__.py") == []


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_each_folder_says_what_lives_there(folder: Path) -> None:
    first = folder / "__init__.py"
    assert first.is_file(), f"{folder.name}/ has no __init__.py"
    docstring = ast.get_docstring(ast.parse(first.read_text("utf-8"))) or ""
    lines = [line for line in docstring.splitlines() if line.strip()]
    assert len(lines) >= 3, f"{folder.name}/__init__.py: say in three lines what lives here"


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("ops.table", "from tinygrad_mnist.nn import Linear"),
        ("ops.table", "from tinygrad_mnist import nn"),
        ("ops.table", "import tinygrad_mnist.nn.functional as F"),
        ("ops.table", "from ..nn.functional import relu"),
        ("ops.table", "from .. import nn"),
        ("ops.table", "def f():\n    from ..nn import Linear"),
        ("ops.table", "class C:\n    from .. import nn"),
        ("ops.table", "try:\n    from .. import nn\nexcept ImportError:\n    pass"),
        ("nn.layers.conv", "from ...optim import SGD"),
        ("ops.table", "from tinygrad_mnist import Tensor"),
        ("ops.table", "import tinygrad_mnist as torch"),
        ("data.loader", "from ..nn import Module"),
        ("serialize.reader", "from ..nn import Module"),
        ("cli.plots", "import matplotlib.pyplot as plt"),
        ("data.mnist", "try:\n    import rich\nexcept ImportError:\n    rich = None"),
        ("kernels.conv", "def f():\n    import torch"),
        ("nn.module", "from hypothesis import strategies as st"),
        ("kernels.conv", "from ..autograd import Tensor"),
    ],
)
def test_a_planted_import_is_caught(module: str, source: str) -> None:
    assert len(complaints(source, f"tinygrad_mnist.{module}")) == 1


def test_a_planted_import_in_a_first_file_is_caught() -> None:
    """In a package's own __init__ one dot means the package itself, not its parent."""
    assert complaints("from ..optim import SGD", "tinygrad_mnist.nn", is_package=True)
    assert complaints("import hypothesis", "tinygrad_mnist.testing", is_package=True)
    assert not complaints("from .module import Module", "tinygrad_mnist.nn", is_package=True)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("nn.layers.conv", "import math\nimport numpy as np\nfrom ...ops import conv"),
        ("nn.layers.conv", "from ..module import Module"),
        ("nn.layers.conv", "from . import linear"),
        ("data.loader", "from ..utils.data import Dataset"),
        ("cli.plots", "def plot():\n    import matplotlib.pyplot as plt"),
        ("testing.strategies", "from hypothesis import strategies as st"),
        ("train.report", "from .. import __version__, models"),
        ("autograd.tensor", "if TYPE_CHECKING:\n    from ..nn import Module"),
    ],
)
def test_imports_of_allowed_modules_pass(module: str, source: str) -> None:
    assert complaints(source, f"tinygrad_mnist.{module}") == []
