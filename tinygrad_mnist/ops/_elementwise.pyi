"""Rows that are public in ops/elementwise.py: written by scripts/write_stub.py."""

from typing import Any

from tinygrad_mnist.autograd.tensor import Tensor

def abs(input: Tensor) -> Tensor: ...  # ops/table.py:125
def absolute(input: Tensor) -> Tensor: ...  # ops/table.py:125
def acos(input: Tensor) -> Tensor: ...  # ops/table.py:96
def acosh(input: Tensor) -> Tensor: ...  # ops/table.py:110
def arccos(input: Tensor) -> Tensor: ...  # ops/table.py:96
def arcsin(input: Tensor) -> Tensor: ...  # ops/table.py:95
def arctan(input: Tensor) -> Tensor: ...  # ops/table.py:97
def asin(input: Tensor) -> Tensor: ...  # ops/table.py:95
def asinh(input: Tensor) -> Tensor: ...  # ops/table.py:109
def atan(input: Tensor) -> Tensor: ...  # ops/table.py:97
def atan2(input: Any, other: Any) -> Tensor: ...  # ops/table.py:57
def atanh(input: Tensor) -> Tensor: ...  # ops/table.py:111
def ceil(input: Tensor) -> Tensor: ...  # ops/table.py:128
def cos(input: Tensor) -> Tensor: ...  # ops/table.py:91
def cosh(input: Tensor) -> Tensor: ...  # ops/table.py:107
def erf(input: Tensor) -> Tensor: ...  # ops/table.py:121
def erfc(input: Tensor) -> Tensor: ...  # ops/table.py:122
def exp(input: Tensor) -> Tensor: ...  # ops/table.py:76
def exp2(input: Tensor) -> Tensor: ...  # ops/table.py:77
def expm1(input: Tensor) -> Tensor: ...  # ops/table.py:78
def fix(input: Tensor) -> Tensor: ...  # ops/table.py:130
def floor(input: Tensor) -> Tensor: ...  # ops/table.py:127
def floor_divide(input: Any, other: Any) -> Tensor: ...  # ops/table.py:131
def fmod(input: Any, other: Any) -> Tensor: ...  # ops/table.py:50
def hypot(input: Any, other: Any) -> Tensor: ...  # ops/table.py:62
def log(input: Tensor) -> Tensor: ...  # ops/table.py:79
def log10(input: Tensor) -> Tensor: ...  # ops/table.py:81
def log1p(input: Tensor) -> Tensor: ...  # ops/table.py:82
def log2(input: Tensor) -> Tensor: ...  # ops/table.py:80
def logaddexp(input: Any, other: Any) -> Tensor: ...  # ops/table.py:71
def maximum(input: Any, other: Any) -> Tensor: ...  # ops/table.py:51
def minimum(input: Any, other: Any) -> Tensor: ...  # ops/table.py:54
def mul(input: Any, other: Any) -> Tensor: ...  # ops/table.py:40
def multiply(input: Any, other: Any) -> Tensor: ...  # ops/table.py:40
def neg(input: Tensor) -> Tensor: ...  # ops/table.py:42
def negative(input: Tensor) -> Tensor: ...  # ops/table.py:42
def reciprocal(input: Tensor) -> Tensor: ...  # ops/table.py:48
def relu(input: Tensor) -> Tensor: ...  # ops/table.py:114
def remainder(input: Any, other: Any) -> Tensor: ...  # ops/table.py:49
def sigmoid(input: Tensor) -> Tensor: ...  # ops/table.py:116
def sin(input: Tensor) -> Tensor: ...  # ops/table.py:90
def sinc(input: Tensor) -> Tensor: ...  # ops/table.py:98
def sinh(input: Tensor) -> Tensor: ...  # ops/table.py:106
def sqrt(input: Tensor) -> Tensor: ...  # ops/table.py:86
def tan(input: Tensor) -> Tensor: ...  # ops/table.py:94
def tanh(input: Tensor) -> Tensor: ...  # ops/table.py:108
def trunc(input: Tensor) -> Tensor: ...  # ops/table.py:130
def xlogy(input: Any, other: Any) -> Tensor: ...  # ops/table.py:65

__all__ = [
    "abs",
    "absolute",
    "acos",
    "acosh",
    "arccos",
    "arcsin",
    "arctan",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "ceil",
    "cos",
    "cosh",
    "erf",
    "erfc",
    "exp",
    "exp2",
    "expm1",
    "fix",
    "floor",
    "floor_divide",
    "fmod",
    "hypot",
    "log",
    "log10",
    "log1p",
    "log2",
    "logaddexp",
    "maximum",
    "minimum",
    "mul",
    "multiply",
    "neg",
    "negative",
    "reciprocal",
    "relu",
    "remainder",
    "sigmoid",
    "sin",
    "sinc",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
    "trunc",
    "xlogy",
]
