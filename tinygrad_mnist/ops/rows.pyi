"""The rows of the table that are public: written by scripts/write_stub.py."""

from typing import Any

from tinygrad_mnist.autograd.tensor import Tensor

def abs(input: Tensor) -> Tensor: ...  # ops/table.py:136
def absolute(input: Tensor) -> Tensor: ...  # ops/table.py:136
def acos(input: Tensor) -> Tensor: ...  # ops/table.py:105
def acosh(input: Tensor) -> Tensor: ...  # ops/table.py:119
def arccos(input: Tensor) -> Tensor: ...  # ops/table.py:105
def arcsin(input: Tensor) -> Tensor: ...  # ops/table.py:104
def arctan(input: Tensor) -> Tensor: ...  # ops/table.py:106
def asin(input: Tensor) -> Tensor: ...  # ops/table.py:104
def asinh(input: Tensor) -> Tensor: ...  # ops/table.py:118
def atan(input: Tensor) -> Tensor: ...  # ops/table.py:106
def atan2(input: Any, other: Any) -> Tensor: ...  # ops/table.py:69
def atanh(input: Tensor) -> Tensor: ...  # ops/table.py:120
def bitwise_and(input: Any, other: Any) -> Tensor: ...  # ops/table.py:308
def bitwise_not(input: Tensor) -> Tensor: ...  # ops/table.py:311
def bitwise_or(input: Any, other: Any) -> Tensor: ...  # ops/table.py:309
def bitwise_xor(input: Any, other: Any) -> Tensor: ...  # ops/table.py:310
def ceil(input: Tensor) -> Tensor: ...  # ops/table.py:139
def cos(input: Tensor) -> Tensor: ...  # ops/table.py:100
def cosh(input: Tensor) -> Tensor: ...  # ops/table.py:116
def eq(input: Any, other: Any) -> Tensor: ...  # ops/table.py:298
def erf(input: Tensor) -> Tensor: ...  # ops/table.py:132
def erfc(input: Tensor) -> Tensor: ...  # ops/table.py:133
def exp(input: Tensor) -> Tensor: ...  # ops/table.py:88
def exp2(input: Tensor) -> Tensor: ...  # ops/table.py:89
def expm1(input: Tensor) -> Tensor: ...  # ops/table.py:90
def fix(input: Tensor) -> Tensor: ...  # ops/table.py:141
def floor(input: Tensor) -> Tensor: ...  # ops/table.py:138
def floor_divide(input: Any, other: Any) -> Tensor: ...  # ops/table.py:60
def fmod(input: Any, other: Any) -> Tensor: ...  # ops/table.py:59
def ge(input: Any, other: Any) -> Tensor: ...  # ops/table.py:303
def greater(input: Any, other: Any) -> Tensor: ...  # ops/table.py:301
def greater_equal(input: Any, other: Any) -> Tensor: ...  # ops/table.py:303
def gt(input: Any, other: Any) -> Tensor: ...  # ops/table.py:301
def hypot(input: Any, other: Any) -> Tensor: ...  # ops/table.py:74
def isfinite(input: Tensor) -> Tensor: ...  # ops/table.py:314
def isinf(input: Tensor) -> Tensor: ...  # ops/table.py:313
def isnan(input: Tensor) -> Tensor: ...  # ops/table.py:312
def le(input: Any, other: Any) -> Tensor: ...  # ops/table.py:302
def less(input: Any, other: Any) -> Tensor: ...  # ops/table.py:300
def less_equal(input: Any, other: Any) -> Tensor: ...  # ops/table.py:302
def log(input: Tensor) -> Tensor: ...  # ops/table.py:91
def log10(input: Tensor) -> Tensor: ...  # ops/table.py:93
def log1p(input: Tensor) -> Tensor: ...  # ops/table.py:94
def log2(input: Tensor) -> Tensor: ...  # ops/table.py:92
def logaddexp(input: Any, other: Any) -> Tensor: ...  # ops/table.py:83
def logical_and(input: Any, other: Any) -> Tensor: ...  # ops/table.py:304
def logical_not(input: Tensor) -> Tensor: ...  # ops/table.py:307
def logical_or(input: Any, other: Any) -> Tensor: ...  # ops/table.py:305
def logical_xor(input: Any, other: Any) -> Tensor: ...  # ops/table.py:306
def lt(input: Any, other: Any) -> Tensor: ...  # ops/table.py:300
def maximum(input: Any, other: Any) -> Tensor: ...  # ops/table.py:63
def minimum(input: Any, other: Any) -> Tensor: ...  # ops/table.py:66
def mul(input: Any, other: Any) -> Tensor: ...  # ops/table.py:47
def multiply(input: Any, other: Any) -> Tensor: ...  # ops/table.py:47
def ne(input: Any, other: Any) -> Tensor: ...  # ops/table.py:299
def neg(input: Tensor) -> Tensor: ...  # ops/table.py:49
def negative(input: Tensor) -> Tensor: ...  # ops/table.py:49
def not_equal(input: Any, other: Any) -> Tensor: ...  # ops/table.py:299
def reciprocal(input: Tensor) -> Tensor: ...  # ops/table.py:55
def relu(input: Tensor) -> Tensor: ...  # ops/table.py:123
def remainder(input: Any, other: Any) -> Tensor: ...  # ops/table.py:56
def sigmoid(input: Tensor) -> Tensor: ...  # ops/table.py:125
def sin(input: Tensor) -> Tensor: ...  # ops/table.py:99
def sinc(input: Tensor) -> Tensor: ...  # ops/table.py:107
def sinh(input: Tensor) -> Tensor: ...  # ops/table.py:115
def sqrt(input: Tensor) -> Tensor: ...  # ops/table.py:95
def tan(input: Tensor) -> Tensor: ...  # ops/table.py:103
def tanh(input: Tensor) -> Tensor: ...  # ops/table.py:117
def trunc(input: Tensor) -> Tensor: ...  # ops/table.py:141
def xlogy(input: Any, other: Any) -> Tensor: ...  # ops/table.py:77

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
    "bitwise_and",
    "bitwise_not",
    "bitwise_or",
    "bitwise_xor",
    "ceil",
    "cos",
    "cosh",
    "eq",
    "erf",
    "erfc",
    "exp",
    "exp2",
    "expm1",
    "fix",
    "floor",
    "floor_divide",
    "fmod",
    "ge",
    "greater",
    "greater_equal",
    "gt",
    "hypot",
    "isfinite",
    "isinf",
    "isnan",
    "le",
    "less",
    "less_equal",
    "log",
    "log10",
    "log1p",
    "log2",
    "logaddexp",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "lt",
    "maximum",
    "minimum",
    "mul",
    "multiply",
    "ne",
    "neg",
    "negative",
    "not_equal",
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
