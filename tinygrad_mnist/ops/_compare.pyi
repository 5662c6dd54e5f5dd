"""Rows that are public in ops/compare.py: written by scripts/write_stub.py."""

from typing import Any

from tinygrad_mnist.autograd.tensor import Tensor

def bitwise_and(input: Any, other: Any) -> Tensor: ...  # ops/table.py:368
def bitwise_left_shift(input: Any, other: Any) -> Tensor: ...  # ops/table.py:376
def bitwise_not(input: Tensor) -> Tensor: ...  # ops/table.py:371
def bitwise_or(input: Any, other: Any) -> Tensor: ...  # ops/table.py:369
def bitwise_right_shift(input: Any, other: Any) -> Tensor: ...  # ops/table.py:377
def bitwise_xor(input: Any, other: Any) -> Tensor: ...  # ops/table.py:370
def eq(input: Any, other: Any) -> Tensor: ...  # ops/table.py:358
def gcd(input: Any, other: Any) -> Tensor: ...  # ops/table.py:378
def ge(input: Any, other: Any) -> Tensor: ...  # ops/table.py:363
def greater(input: Any, other: Any) -> Tensor: ...  # ops/table.py:361
def greater_equal(input: Any, other: Any) -> Tensor: ...  # ops/table.py:363
def gt(input: Any, other: Any) -> Tensor: ...  # ops/table.py:361
def heaviside(input: Any, other: Any) -> Tensor: ...  # ops/table.py:171
def isfinite(input: Tensor) -> Tensor: ...  # ops/table.py:374
def isinf(input: Tensor) -> Tensor: ...  # ops/table.py:373
def isnan(input: Tensor) -> Tensor: ...  # ops/table.py:372
def lcm(input: Any, other: Any) -> Tensor: ...  # ops/table.py:379
def le(input: Any, other: Any) -> Tensor: ...  # ops/table.py:362
def less(input: Any, other: Any) -> Tensor: ...  # ops/table.py:360
def less_equal(input: Any, other: Any) -> Tensor: ...  # ops/table.py:362
def logical_and(input: Any, other: Any) -> Tensor: ...  # ops/table.py:364
def logical_not(input: Tensor) -> Tensor: ...  # ops/table.py:367
def logical_or(input: Any, other: Any) -> Tensor: ...  # ops/table.py:365
def logical_xor(input: Any, other: Any) -> Tensor: ...  # ops/table.py:366
def lt(input: Any, other: Any) -> Tensor: ...  # ops/table.py:360
def ne(input: Any, other: Any) -> Tensor: ...  # ops/table.py:359
def nextafter(input: Any, other: Any) -> Tensor: ...  # ops/table.py:380
def not_equal(input: Any, other: Any) -> Tensor: ...  # ops/table.py:359
def signbit(input: Tensor) -> Tensor: ...  # ops/table.py:375

__all__ = [
    "bitwise_and",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "eq",
    "gcd",
    "ge",
    "greater",
    "greater_equal",
    "gt",
    "heaviside",
    "isfinite",
    "isinf",
    "isnan",
    "lcm",
    "le",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "lt",
    "ne",
    "nextafter",
    "not_equal",
    "signbit",
]
