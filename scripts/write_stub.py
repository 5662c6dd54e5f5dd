"""Write autograd/_methods.pyi: the types of what `ops/` attaches to Tensor.

python scripts/write_stub.py
"""

import inspect
import re
from pathlib import Path
from typing import Any

from tinygrad_mnist import ops
from tinygrad_mnist.ops import late

PATH = Path(__file__).parents[1] / "tinygrad_mnist" / "autograd" / "_methods.pyi"
HEADER = '''"""What `ops/` gives to Tensor, for type checkers: written by scripts/write_stub.py."""

import builtins
from collections.abc import Callable, Sequence
from typing import Any

from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.ops.arguments import Dim, device
from tinygrad_mnist.ops.linalg import factor, measure
from tinygrad_mnist.ops.linalg.older import SVD, Geqrf, TriangularSolve
from tinygrad_mnist.ops.reduce import Found, MinMax
from tinygrad_mnist.ops.statistics import Histogram

class TensorMethods:
'''
PROPERTIES = {"device": "device", "is_cuda": "builtins.bool", "itemsize": "builtins.int",
              "nbytes": "builtins.int"}  # fmt: skip

RESULTS = dict.fromkeys(["numel", "nelement", "dim", "element_size", "data_ptr"], "builtins.int")
RESULTS |= dict.fromkeys(["is_floating_point", "is_contiguous"], "builtins.bool")


def typed(annotation: Any) -> str:
    """An annotation, by names that methods called `float`, `int` and `bool` do not hide."""
    if annotation is inspect.Parameter.empty:
        return "Any"
    return re.sub(r"\b(int|float|bool|str|tuple|dict|list)\b", r"builtins.\1", str(annotation))


def parameters(signature: inspect.Signature) -> str:
    """All parameters, the first of them called self."""
    parts, star = ["self"], False
    for p in list(signature.parameters.values())[1:]:
        star = star or p.kind is p.VAR_POSITIONAL
        if p.kind is p.KEYWORD_ONLY and not star:
            parts, star = [*parts, "*"], True
        mark = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
        default = "" if p.default is p.empty else " = ..."
        parts.append(f"{mark}{p.name}: {typed(p.annotation)}{default}")
    return ", ".join(parts)


def line(name: str, value: Any) -> str:
    """The declaration of one attribute."""
    value = value.found() if isinstance(value, late.Late) else value
    if isinstance(value, property):
        return f"    @property\n    def {name}(self) -> {PROPERTIES.get(name, 'Tensor')}: ...\n"
    if name in ("__eq__", "__ne__"):
        return f"    def {name}(self, other: Any) -> Tensor: ...  # type: ignore[override]\n"
    if hasattr(value, "load"):
        value = value.load()
    signature = inspect.signature(value)
    row = hasattr(inspect.unwrap(value), "op")
    operator = name.strip("_").removeprefix("r") in (*ops.OPERATORS, *ops.COMPARISONS)
    result = "Tensor" if row or operator else typed(signature.return_annotation)
    result = RESULTS.get(name, result)
    text = parameters(signature)
    return f"    def {name}({text}) -> {result}: ...\n"


def stub() -> str:
    """The whole file."""
    skip = ("__getattr__", "__repr__")
    return HEADER + "".join(
        line(name, value) for name, value in sorted(ops.METHODS.items()) if name not in skip
    )


if __name__ == "__main__":
    PATH.write_text(stub())
