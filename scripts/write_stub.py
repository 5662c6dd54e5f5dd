"""Write what follows from the code: types of public ops, docs/api.md, sizes in docs/layout.md.

python scripts/write_stub.py

`ops/` attaches methods to Tensor and makes functions of the table's rows; this script writes stubs
of them for type checkers. A pre-commit hook runs this script, and a test compares its results.
"""

import inspect
import re
import runpy
from pathlib import Path
from typing import Any

from tinygrad_mnist import ops
from tinygrad_mnist.ops import rows

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "tinygrad_mnist"
METHODS_HEADER = '''"""The methods that `ops/` gives to Tensor: written by scripts/write_stub.py."""

import builtins
from collections.abc import Callable, Sequence
from typing import Any

from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.ops.arguments import Dim, device
from tinygrad_mnist.ops.elementwise import Parts
from tinygrad_mnist.ops.reduce import MinMax, ValuesIndices
from tinygrad_mnist.ops.histogram import Histogram
from tinygrad_mnist.ops.linalg import factor, measure
from tinygrad_mnist.ops.linalg.older import SVD, Geqrf, TriangularSolve

class TensorMethods:
'''
ROWS_HEADER = '''"""The rows of the table that are public: written by scripts/write_stub.py."""

from typing import Any

from tinygrad_mnist.autograd.tensor import Tensor

'''
SIZES = "<!-- From here on written by scripts/write_stub.py -->\n"
PROPERTIES = {"device": "device", "is_cuda": "builtins.bool", "itemsize": "builtins.int",
              "nbytes": "builtins.int"}  # fmt: skip


def typed(annotation: Any) -> str:
    """Return an annotation by names that methods called `float`, `int` and `bool` do not hide."""
    if annotation is inspect.Parameter.empty:
        return "Any"
    return re.sub(r"\b(int|float|bool|str|tuple|dict|list)\b", r"builtins.\1", str(annotation))


def parameters(signature: inspect.Signature) -> str:
    """Return all parameters, the first of them called self."""
    parts, star = ["self"], False
    for p in list(signature.parameters.values())[1:]:
        star = star or p.kind is p.VAR_POSITIONAL
        if p.kind is p.KEYWORD_ONLY and not star:
            parts, star = [*parts, "*"], True
        mark = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
        default = "" if p.default is p.empty else " = ..."
        parts.append(f"{mark}{p.name}: {typed(p.annotation)}{default}")
    return ", ".join(parts)


def pointer(value: Any) -> str:
    """Return the file and line of a method's code: the row of the table, or the function."""
    function = inspect.unwrap(value.fget if isinstance(value, property) else value)
    row = getattr(function, "op", None)
    if row is None:
        code = function.__code__
        return f"{Path(code.co_filename).relative_to(PACKAGE)}:{code.co_firstlineno}"
    lines = (PACKAGE / "ops" / "table.py").read_text().splitlines()
    numbers = (n for n, line in enumerate(lines, 1) if re.match(rf"{row.name}\b.*=", line))
    return f"ops/table.py:{next(numbers)}"


def line(name: str, value: Any) -> str:
    """Return the declaration of one attribute."""
    if hasattr(value, "load"):
        value = value.load()
    where = f"  # {pointer(value)}\n"
    if isinstance(value, property):
        return (
            f"    @property\n    def {name}(self) -> {PROPERTIES.get(name, 'Tensor')}: ...{where}"
        )
    if name in ("__eq__", "__ne__"):
        return f"    def {name}(self, other: Any) -> Tensor: ...  # type: ignore[override]{where}"
    signature = inspect.signature(value)
    row = hasattr(inspect.unwrap(value), "op")
    operator = name.strip("_").removeprefix("r") in (*ops.OPERATORS, *ops.COMPARISONS)
    result = "Tensor" if row or operator else typed(signature.return_annotation)
    return f"    def {name}({parameters(signature)}) -> {result}: ...{where}"


def methods() -> str:
    """Return the text of autograd/_methods.pyi."""
    skip = ("__getattr__", "__repr__")
    return METHODS_HEADER + "".join(
        line(name, value) for name, value in sorted(ops.METHODS.items()) if name not in skip
    )


def public_rows() -> str:
    """Return the text of ops/rows.pyi."""
    text = ROWS_HEADER
    for name in sorted(rows.__all__):
        function = getattr(rows, name)
        signature = str(inspect.signature(function)).replace("'", "")
        text += f"def {name}{signature}: ...  # {pointer(function)}\n"
    listed = "".join(f'    "{name}",\n' for name in sorted(rows.__all__))
    return f"{text}\n__all__ = [\n{listed}]\n"


def script(name: str) -> dict[str, Any]:
    """Run another script in this folder, and return its names."""
    return runpy.run_path(str(Path(__file__).with_name(name)))


def layout() -> str:
    """Return docs/layout.md with its size tables up to date."""
    tables = script("count_lines.py")["tables"]()
    head, marker, _ = (ROOT / "docs" / "layout.md").read_text().partition(SIZES)
    return f"{head}{marker}\n{tables}"


def written() -> dict[Path, str]:
    """Return each file that this script writes, with its text."""
    return {
        PACKAGE / "autograd" / "_methods.pyi": methods(),
        PACKAGE / "ops" / "rows.pyi": public_rows(),
        ROOT / "docs" / "api.md": script("write_api.py")["page"](),
        ROOT / "docs" / "layout.md": layout(),
    }


if __name__ == "__main__":
    for path, text in written().items():
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
