"""The derivative table, and PyTorch's functions composed of its rows, one file a family.

`table.py` is where derivatives are; the families have none. A family lists in METHODS what is also
a method of Tensor. To add an op, add a row; to add a name, compose it in its family.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.ops import (
    compare,
    convert,
    create,
    diagonal,
    elementwise,
    index,
    inplace,
    join,
    late,
    matmul,
    printing,
    random,
    reduce,
    shape,
    table,
)
from tinygrad_mnist.ops.arguments import device, named
from tinygrad_mnist.ops.refused import refuse

FAMILIES = (
    elementwise, compare, reduce, shape, join, diagonal, index, matmul, create, random
)  # fmt: skip
Operator = Callable[[Any, Any], Any]

OPERATORS: dict[str, Operator] = {
    "add": table.add, "sub": table.sub, "mul": table.mul, "truediv": table.div,
    "matmul": matmul.matmul, "pow": elementwise.pow, "mod": table.remainder,
    "floordiv": table.floor_divide, "and": table.bitwise_and, "or": table.bitwise_or,
    "xor": table.bitwise_xor,
}  # fmt: skip
# Methods whose module is loaded when one of them is first called
LATER = {
    "linalg.older": "cholesky cholesky_inverse cholesky_solve det geqrf inverse logdet lu "
    "lu_solve matrix_exp matrix_power orgqr ormqr pinverse qr slogdet svd triangular_solve",
    "special": "digamma erfinv i0 igamma igammac lgamma mvlgamma polygamma",
}
COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")


OPERANDS = (Tensor, np.ndarray, np.generic, int, float)


def operation(operator: Operator) -> Operator:
    """An operator that leaves what is neither a Tensor nor a number to Python: x == None."""
    return lambda a, b: operator(a, b) if isinstance(b, OPERANDS) else NotImplemented


def reflected(operator: Operator) -> Operator:
    """other op self, where Python calls self.__rop__(other)."""
    return lambda a, b: operator(b, a) if isinstance(b, OPERANDS) else NotImplemented


def method_of(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function itself; for a row of the table, without the wrapper that spells arguments."""
    bare = getattr(function, "__wrapped__", None)
    return bare if hasattr(bare, "op") else function  # type: ignore[return-value]


def later(module: str, name: str) -> Callable[..., Any]:
    """A method that takes its own place by the function of that name, when it is first called."""

    def load() -> Any:
        return getattr(import_module(f"{__name__}.{module}"), name)

    def method(self: Tensor, *args: Any, **kw: Any) -> Any:
        function = load()
        setattr(Tensor, name, function)
        return function(self, *args, **kw)

    method.load = load  # type: ignore[attr-defined]
    return method


def methods() -> dict[str, Any]:
    """All that Tensor gets from here, by name."""
    found: dict[str, Any] = {
        name: method_of(getattr(family, name)) for family in FAMILIES for name in family.METHODS
    }
    found |= convert.METHODS | inplace.METHODS | late.METHODS
    for name, operator in OPERATORS.items():
        bare = getattr(operator, "__wrapped__", operator)
        found |= {f"__{name}__": operation(bare), f"__r{name}__": reflected(bare)}
    found |= {f"__{name}__": operation(getattr(table, name)) for name in COMPARISONS}
    for module, names in LATER.items():
        found |= {name: later(module, name) for name in names.split()}
    return found | {
        "__getitem__": index.getitem,
        "__getattr__": unknown,
        "__repr__": printing.render,
        "__neg__": table.neg,
        "__pos__": elementwise.positive,
        "__abs__": table.abs,
        "__invert__": table.bitwise_not,
        "mH": property(lambda x: shape.transpose(x, -1, -2)),
        "mT": property(lambda x: shape.transpose(x, -1, -2)),
        "T": property(lambda x: table.permute(x, axes=tuple(range(x.ndim))[::-1])),
        "H": property(lambda x: shape.transpose(x, -1, -2)),
        "device": property(lambda x: device("cpu")),
        "is_cuda": property(lambda x: False),
        "real": property(lambda x: x),
        "itemsize": property(lambda x: x._data.itemsize),
        "nbytes": property(lambda x: x._data.nbytes),
        "where": lambda x, condition, other: compare.where(condition, x, other),
    }


def unknown(self: Tensor, name: str) -> Any:
    """AttributeError that names the nearest method; Python asks here only when it found nothing."""
    from tinygrad_mnist.missing import instead

    hint = "" if name.startswith("_") else instead("Tensor", name, dir(Tensor))
    raise AttributeError(f"'{type(self).__name__}' object has no attribute {name!r}{hint}")


for _family in FAMILIES:
    named(vars(_family), _family.__all__)
    refuse(vars(_family))
METHODS = methods()
for _name, _value in METHODS.items():
    setattr(Tensor, _name, _value)
