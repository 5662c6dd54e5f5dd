"""Rows that are public in ops/compare.py: written by scripts/write_stub.py."""

from typing import Any

from tinygrad_mnist.autograd.tensor import Tensor

def bitwise_and(input: Any, other: Any) -> Tensor: ...  # ops/table.py:308
def bitwise_not(input: Tensor) -> Tensor: ...  # ops/table.py:311
def bitwise_or(input: Any, other: Any) -> Tensor: ...  # ops/table.py:309
def bitwise_xor(input: Any, other: Any) -> Tensor: ...  # ops/table.py:310
def eq(input: Any, other: Any) -> Tensor: ...  # ops/table.py:298
def ge(input: Any, other: Any) -> Tensor: ...  # ops/table.py:303
def greater(input: Any, other: Any) -> Tensor: ...  # ops/table.py:301
def greater_equal(input: Any, other: Any) -> Tensor: ...  # ops/table.py:303
def gt(input: Any, other: Any) -> Tensor: ...  # ops/table.py:301
def isfinite(input: Tensor) -> Tensor: ...  # ops/table.py:314
def isinf(input: Tensor) -> Tensor: ...  # ops/table.py:313
def isnan(input: Tensor) -> Tensor: ...  # ops/table.py:312
def le(input: Any, other: Any) -> Tensor: ...  # ops/table.py:302
def less(input: Any, other: Any) -> Tensor: ...  # ops/table.py:300
def less_equal(input: Any, other: Any) -> Tensor: ...  # ops/table.py:302
def logical_and(input: Any, other: Any) -> Tensor: ...  # ops/table.py:304
def logical_not(input: Tensor) -> Tensor: ...  # ops/table.py:307
def logical_or(input: Any, other: Any) -> Tensor: ...  # ops/table.py:305
def logical_xor(input: Any, other: Any) -> Tensor: ...  # ops/table.py:306
def lt(input: Any, other: Any) -> Tensor: ...  # ops/table.py:300
def ne(input: Any, other: Any) -> Tensor: ...  # ops/table.py:299
def not_equal(input: Any, other: Any) -> Tensor: ...  # ops/table.py:299

__all__ = [
    "bitwise_and",
    "bitwise_not",
    "bitwise_or",
    "bitwise_xor",
    "eq",
    "ge",
    "greater",
    "greater_equal",
    "gt",
    "isfinite",
    "isinf",
    "isnan",
    "le",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "lt",
    "ne",
    "not_equal",
]
