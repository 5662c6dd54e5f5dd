"""The rows of the table that are public: written by scripts/write_stub.py."""

from typing import Any

from tinygrad_mnist.autograd.tensor import Tensor

def abs(input: Tensor) -> Tensor: ...  # ops/table.py:238
def absolute(input: Tensor) -> Tensor: ...  # ops/table.py:238
def acos(input: Tensor) -> Tensor: ...  # ops/table.py:137
def acosh(input: Tensor) -> Tensor: ...  # ops/table.py:151
def arccos(input: Tensor) -> Tensor: ...  # ops/table.py:137
def arccosh(input: Tensor) -> Tensor: ...  # ops/table.py:151
def arcsin(input: Tensor) -> Tensor: ...  # ops/table.py:136
def arcsinh(input: Tensor) -> Tensor: ...  # ops/table.py:150
def arctan(input: Tensor) -> Tensor: ...  # ops/table.py:138
def arctan2(input: Any, other: Any) -> Tensor: ...  # ops/table.py:81
def arctanh(input: Tensor) -> Tensor: ...  # ops/table.py:152
def asin(input: Tensor) -> Tensor: ...  # ops/table.py:136
def asinh(input: Tensor) -> Tensor: ...  # ops/table.py:150
def atan(input: Tensor) -> Tensor: ...  # ops/table.py:138
def atan2(input: Any, other: Any) -> Tensor: ...  # ops/table.py:81
def atanh(input: Tensor) -> Tensor: ...  # ops/table.py:152
def bitwise_and(input: Any, other: Any) -> Tensor: ...  # ops/table.py:545
def bitwise_left_shift(input: Any, other: Any) -> Tensor: ...  # ops/table.py:553
def bitwise_not(input: Tensor) -> Tensor: ...  # ops/table.py:548
def bitwise_or(input: Any, other: Any) -> Tensor: ...  # ops/table.py:546
def bitwise_right_shift(input: Any, other: Any) -> Tensor: ...  # ops/table.py:554
def bitwise_xor(input: Any, other: Any) -> Tensor: ...  # ops/table.py:547
def ceil(input: Tensor) -> Tensor: ...  # ops/table.py:241
def copysign(input: Any, other: Any) -> Tensor: ...  # ops/table.py:96
def cos(input: Tensor) -> Tensor: ...  # ops/table.py:132
def cosh(input: Tensor) -> Tensor: ...  # ops/table.py:148
def eq(input: Any, other: Any) -> Tensor: ...  # ops/table.py:535
def erf(input: Tensor) -> Tensor: ...  # ops/table.py:234
def erfc(input: Tensor) -> Tensor: ...  # ops/table.py:235
def exp(input: Tensor) -> Tensor: ...  # ops/table.py:120
def exp2(input: Tensor) -> Tensor: ...  # ops/table.py:121
def expm1(input: Tensor) -> Tensor: ...  # ops/table.py:122
def fix(input: Tensor) -> Tensor: ...  # ops/table.py:243
def floor(input: Tensor) -> Tensor: ...  # ops/table.py:240
def floor_divide(input: Any, other: Any) -> Tensor: ...  # ops/table.py:72
def fmax(input: Any, other: Any) -> Tensor: ...  # ops/table.py:97
def fmin(input: Any, other: Any) -> Tensor: ...  # ops/table.py:103
def fmod(input: Any, other: Any) -> Tensor: ...  # ops/table.py:71
def gcd(input: Any, other: Any) -> Tensor: ...  # ops/table.py:555
def ge(input: Any, other: Any) -> Tensor: ...  # ops/table.py:540
def greater(input: Any, other: Any) -> Tensor: ...  # ops/table.py:538
def greater_equal(input: Any, other: Any) -> Tensor: ...  # ops/table.py:540
def gt(input: Any, other: Any) -> Tensor: ...  # ops/table.py:538
def heaviside(input: Any, other: Any) -> Tensor: ...  # ops/table.py:253
def hypot(input: Any, other: Any) -> Tensor: ...  # ops/table.py:87
def isfinite(input: Tensor) -> Tensor: ...  # ops/table.py:551
def isinf(input: Tensor) -> Tensor: ...  # ops/table.py:550
def isnan(input: Tensor) -> Tensor: ...  # ops/table.py:549
def lcm(input: Any, other: Any) -> Tensor: ...  # ops/table.py:556
def le(input: Any, other: Any) -> Tensor: ...  # ops/table.py:539
def less(input: Any, other: Any) -> Tensor: ...  # ops/table.py:537
def less_equal(input: Any, other: Any) -> Tensor: ...  # ops/table.py:539
def log(input: Tensor) -> Tensor: ...  # ops/table.py:123
def log10(input: Tensor) -> Tensor: ...  # ops/table.py:125
def log1p(input: Tensor) -> Tensor: ...  # ops/table.py:126
def log2(input: Tensor) -> Tensor: ...  # ops/table.py:124
def logaddexp(input: Any, other: Any) -> Tensor: ...  # ops/table.py:115
def logaddexp2(input: Any, other: Any) -> Tensor: ...  # ops/table.py:109
def logical_and(input: Any, other: Any) -> Tensor: ...  # ops/table.py:541
def logical_not(input: Tensor) -> Tensor: ...  # ops/table.py:544
def logical_or(input: Any, other: Any) -> Tensor: ...  # ops/table.py:542
def logical_xor(input: Any, other: Any) -> Tensor: ...  # ops/table.py:543
def lt(input: Any, other: Any) -> Tensor: ...  # ops/table.py:537
def maximum(input: Any, other: Any) -> Tensor: ...  # ops/table.py:75
def minimum(input: Any, other: Any) -> Tensor: ...  # ops/table.py:78
def mul(input: Any, other: Any) -> Tensor: ...  # ops/table.py:54
def multiply(input: Any, other: Any) -> Tensor: ...  # ops/table.py:54
def ne(input: Any, other: Any) -> Tensor: ...  # ops/table.py:536
def neg(input: Tensor) -> Tensor: ...  # ops/table.py:56
def negative(input: Tensor) -> Tensor: ...  # ops/table.py:56
def nextafter(input: Any, other: Any) -> Tensor: ...  # ops/table.py:557
def not_equal(input: Any, other: Any) -> Tensor: ...  # ops/table.py:536
def reciprocal(input: Tensor) -> Tensor: ...  # ops/table.py:67
def relu(input: Tensor) -> Tensor: ...  # ops/table.py:155
def remainder(input: Any, other: Any) -> Tensor: ...  # ops/table.py:68
def sigmoid(input: Tensor) -> Tensor: ...  # ops/table.py:157
def signbit(input: Tensor) -> Tensor: ...  # ops/table.py:552
def sin(input: Tensor) -> Tensor: ...  # ops/table.py:131
def sinc(input: Tensor) -> Tensor: ...  # ops/table.py:139
def sinh(input: Tensor) -> Tensor: ...  # ops/table.py:147
def sqrt(input: Tensor) -> Tensor: ...  # ops/table.py:127
def tan(input: Tensor) -> Tensor: ...  # ops/table.py:135
def tanh(input: Tensor) -> Tensor: ...  # ops/table.py:149
def trunc(input: Tensor) -> Tensor: ...  # ops/table.py:243
def xlogy(input: Any, other: Any) -> Tensor: ...  # ops/table.py:90

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
