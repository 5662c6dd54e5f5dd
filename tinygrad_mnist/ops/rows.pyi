"""The rows of the table that are public: written by scripts/write_stub.py."""

from typing import Any

from tinygrad_mnist.autograd.tensor import Tensor

def abs(input: Tensor) -> Tensor: ...  # ops/table.py:172
def absolute(input: Tensor) -> Tensor: ...  # ops/table.py:172
def acos(input: Tensor) -> Tensor: ...  # ops/table.py:132
def acosh(input: Tensor) -> Tensor: ...  # ops/table.py:146
def arccos(input: Tensor) -> Tensor: ...  # ops/table.py:132
def arccosh(input: Tensor) -> Tensor: ...  # ops/table.py:146
def arcsin(input: Tensor) -> Tensor: ...  # ops/table.py:131
def arcsinh(input: Tensor) -> Tensor: ...  # ops/table.py:145
def arctan(input: Tensor) -> Tensor: ...  # ops/table.py:133
def arctan2(input: Any, other: Any) -> Tensor: ...  # ops/table.py:76
def arctanh(input: Tensor) -> Tensor: ...  # ops/table.py:147
def asin(input: Tensor) -> Tensor: ...  # ops/table.py:131
def asinh(input: Tensor) -> Tensor: ...  # ops/table.py:145
def atan(input: Tensor) -> Tensor: ...  # ops/table.py:133
def atan2(input: Any, other: Any) -> Tensor: ...  # ops/table.py:76
def atanh(input: Tensor) -> Tensor: ...  # ops/table.py:147
def bitwise_and(input: Any, other: Any) -> Tensor: ...  # ops/table.py:432
def bitwise_left_shift(input: Any, other: Any) -> Tensor: ...  # ops/table.py:440
def bitwise_not(input: Tensor) -> Tensor: ...  # ops/table.py:435
def bitwise_or(input: Any, other: Any) -> Tensor: ...  # ops/table.py:433
def bitwise_right_shift(input: Any, other: Any) -> Tensor: ...  # ops/table.py:441
def bitwise_xor(input: Any, other: Any) -> Tensor: ...  # ops/table.py:434
def ceil(input: Tensor) -> Tensor: ...  # ops/table.py:175
def copysign(input: Any, other: Any) -> Tensor: ...  # ops/table.py:91
def cos(input: Tensor) -> Tensor: ...  # ops/table.py:127
def cosh(input: Tensor) -> Tensor: ...  # ops/table.py:143
def eq(input: Any, other: Any) -> Tensor: ...  # ops/table.py:422
def erf(input: Tensor) -> Tensor: ...  # ops/table.py:168
def erfc(input: Tensor) -> Tensor: ...  # ops/table.py:169
def exp(input: Tensor) -> Tensor: ...  # ops/table.py:115
def exp2(input: Tensor) -> Tensor: ...  # ops/table.py:116
def expm1(input: Tensor) -> Tensor: ...  # ops/table.py:117
def fix(input: Tensor) -> Tensor: ...  # ops/table.py:177
def floor(input: Tensor) -> Tensor: ...  # ops/table.py:174
def floor_divide(input: Any, other: Any) -> Tensor: ...  # ops/table.py:67
def fmax(input: Any, other: Any) -> Tensor: ...  # ops/table.py:92
def fmin(input: Any, other: Any) -> Tensor: ...  # ops/table.py:98
def fmod(input: Any, other: Any) -> Tensor: ...  # ops/table.py:66
def gcd(input: Any, other: Any) -> Tensor: ...  # ops/table.py:442
def ge(input: Any, other: Any) -> Tensor: ...  # ops/table.py:427
def greater(input: Any, other: Any) -> Tensor: ...  # ops/table.py:425
def greater_equal(input: Any, other: Any) -> Tensor: ...  # ops/table.py:427
def gt(input: Any, other: Any) -> Tensor: ...  # ops/table.py:425
def heaviside(input: Any, other: Any) -> Tensor: ...  # ops/table.py:185
def hypot(input: Any, other: Any) -> Tensor: ...  # ops/table.py:82
def isfinite(input: Tensor) -> Tensor: ...  # ops/table.py:438
def isinf(input: Tensor) -> Tensor: ...  # ops/table.py:437
def isnan(input: Tensor) -> Tensor: ...  # ops/table.py:436
def lcm(input: Any, other: Any) -> Tensor: ...  # ops/table.py:443
def le(input: Any, other: Any) -> Tensor: ...  # ops/table.py:426
def less(input: Any, other: Any) -> Tensor: ...  # ops/table.py:424
def less_equal(input: Any, other: Any) -> Tensor: ...  # ops/table.py:426
def log(input: Tensor) -> Tensor: ...  # ops/table.py:118
def log10(input: Tensor) -> Tensor: ...  # ops/table.py:120
def log1p(input: Tensor) -> Tensor: ...  # ops/table.py:121
def log2(input: Tensor) -> Tensor: ...  # ops/table.py:119
def logaddexp(input: Any, other: Any) -> Tensor: ...  # ops/table.py:110
def logaddexp2(input: Any, other: Any) -> Tensor: ...  # ops/table.py:104
def logical_and(input: Any, other: Any) -> Tensor: ...  # ops/table.py:428
def logical_not(input: Tensor) -> Tensor: ...  # ops/table.py:431
def logical_or(input: Any, other: Any) -> Tensor: ...  # ops/table.py:429
def logical_xor(input: Any, other: Any) -> Tensor: ...  # ops/table.py:430
def lt(input: Any, other: Any) -> Tensor: ...  # ops/table.py:424
def maximum(input: Any, other: Any) -> Tensor: ...  # ops/table.py:70
def minimum(input: Any, other: Any) -> Tensor: ...  # ops/table.py:73
def mul(input: Any, other: Any) -> Tensor: ...  # ops/table.py:54
def multiply(input: Any, other: Any) -> Tensor: ...  # ops/table.py:54
def ne(input: Any, other: Any) -> Tensor: ...  # ops/table.py:423
def neg(input: Tensor) -> Tensor: ...  # ops/table.py:56
def negative(input: Tensor) -> Tensor: ...  # ops/table.py:56
def nextafter(input: Any, other: Any) -> Tensor: ...  # ops/table.py:444
def not_equal(input: Any, other: Any) -> Tensor: ...  # ops/table.py:423
def reciprocal(input: Tensor) -> Tensor: ...  # ops/table.py:62
def relu(input: Tensor) -> Tensor: ...  # ops/table.py:150
def remainder(input: Any, other: Any) -> Tensor: ...  # ops/table.py:63
def sigmoid(input: Tensor) -> Tensor: ...  # ops/table.py:152
def signbit(input: Tensor) -> Tensor: ...  # ops/table.py:439
def sin(input: Tensor) -> Tensor: ...  # ops/table.py:126
def sinc(input: Tensor) -> Tensor: ...  # ops/table.py:134
def sinh(input: Tensor) -> Tensor: ...  # ops/table.py:142
def sqrt(input: Tensor) -> Tensor: ...  # ops/table.py:122
def tan(input: Tensor) -> Tensor: ...  # ops/table.py:130
def tanh(input: Tensor) -> Tensor: ...  # ops/table.py:144
def trunc(input: Tensor) -> Tensor: ...  # ops/table.py:177
def xlogy(input: Any, other: Any) -> Tensor: ...  # ops/table.py:85

__all__ = [
    "abs",
    "absolute",
    "acos",
    "acosh",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "bitwise_and",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "ceil",
    "copysign",
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
    "fmax",
    "fmin",
    "fmod",
    "gcd",
    "ge",
    "greater",
    "greater_equal",
    "gt",
    "heaviside",
    "hypot",
    "isfinite",
    "isinf",
    "isnan",
    "lcm",
    "le",
    "less",
    "less_equal",
    "log",
    "log10",
    "log1p",
    "log2",
    "logaddexp",
    "logaddexp2",
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
    "nextafter",
    "not_equal",
    "reciprocal",
    "relu",
    "remainder",
    "sigmoid",
    "signbit",
    "sin",
    "sinc",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
    "trunc",
    "xlogy",
]
