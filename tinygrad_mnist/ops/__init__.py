"""The derivative table, and PyTorch's functions composed of its rows, one file a family.

`table.py` is where derivatives are; the families have none. A family lists in METHODS what is also
a method of Tensor. To add an op, add a row; to add a name, compose it in its family.
"""

from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.ops import table

_OPERATORS = {
    "add": table.add, "sub": table.sub, "mul": table.mul, "truediv": table.div,
    "matmul": table.matmul, "pow": table.pow, "mod": table.remainder,
    "floordiv": table.floor_divide, "and": table.bitwise_and, "or": table.bitwise_or,
    "xor": table.bitwise_xor,
}  # fmt: skip
_COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")


def _reflected(op):
    return lambda self, other: op(other, self)


for _name, _op in _OPERATORS.items():
    setattr(Tensor, f"__{_name}__", _op)
    setattr(Tensor, f"__r{_name}__", _reflected(_op))
for _name in _COMPARISONS:
    setattr(Tensor, f"__{_name}__", getattr(table, _name))
Tensor.__neg__ = table.neg
Tensor.__abs__ = table.abs
Tensor.__invert__ = table.bitwise_not
Tensor.__array_ufunc__ = None
Tensor.mT = property(lambda x: table.permute(x, axes=(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2)))
