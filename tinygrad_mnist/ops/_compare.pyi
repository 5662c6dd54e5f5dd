"""Rows that are public in ops/compare.py: written by scripts/write_stub.py."""

from typing import Any

from tinygrad_mnist.autograd.tensor import Tensor

def bitwise_and(input: Any, other: Any) -> Tensor: ...  # ops/table.py:286
def bitwise_not(input: Tensor) -> Tensor: ...  # ops/table.py:289
def bitwise_or(input: Any, other: Any) -> Tensor: ...  # ops/table.py:287
def bitwise_xor(input: Any, other: Any) -> Tensor: ...  # ops/table.py:288
def eq(input: Any, other: Any) -> Tensor: ...  # ops/table.py:276
def ge(input: Any, other: Any) -> Tensor: ...  # ops/table.py:281
def greater(input: Any, other: Any) -> Tensor: ...  # ops/table.py:279
def greater_equal(input: Any, other: Any) -> Tensor: ...  # ops/table.py:281
def gt(input: Any, other: Any) -> Tensor: ...  # ops/table.py:279
def isfinite(input: Tensor) -> Tensor: ...  # ops/table.py:292
def isinf(input: Tensor) -> Tensor: ...  # ops/table.py:291
def isnan(input: Tensor) -> Tensor: ...  # ops/table.py:290
def le(input: Any, other: Any) -> Tensor: ...  # ops/table.py:280
def less(input: Any, other: Any) -> Tensor: ...  # ops/table.py:278
def less_equal(input: Any, other: Any) -> Tensor: ...  # ops/table.py:280
def logical_and(input: Any, other: Any) -> Tensor: ...  # ops/table.py:282
def logical_not(input: Tensor) -> Tensor: ...  # ops/table.py:285
def logical_or(input: Any, other: Any) -> Tensor: ...  # ops/table.py:283
def logical_xor(input: Any, other: Any) -> Tensor: ...  # ops/table.py:284
def lt(input: Any, other: Any) -> Tensor: ...  # ops/table.py:278
def ne(input: Any, other: Any) -> Tensor: ...  # ops/table.py:277
def not_equal(input: Any, other: Any) -> Tensor: ...  # ops/table.py:277

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
