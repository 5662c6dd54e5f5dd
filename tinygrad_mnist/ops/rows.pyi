"""The rows of the table that are public: written by scripts/write_stub.py."""

from typing import Any

from tinygrad_mnist.autograd.tensor import Tensor

def abs(input: Tensor) -> Tensor: ...  # ops/table.py:160
def absolute(input: Tensor) -> Tensor: ...  # ops/table.py:160
def acos(input: Tensor) -> Tensor: ...  # ops/table.py:129
def acosh(input: Tensor) -> Tensor: ...  # ops/table.py:143
def arccos(input: Tensor) -> Tensor: ...  # ops/table.py:129
def arccosh(input: Tensor) -> Tensor: ...  # ops/table.py:143
def arcsin(input: Tensor) -> Tensor: ...  # ops/table.py:128
def arcsinh(input: Tensor) -> Tensor: ...  # ops/table.py:142
def arctan(input: Tensor) -> Tensor: ...  # ops/table.py:130
def arctan2(input: Any, other: Any) -> Tensor: ...  # ops/table.py:73
def arctanh(input: Tensor) -> Tensor: ...  # ops/table.py:144
def asin(input: Tensor) -> Tensor: ...  # ops/table.py:128
def asinh(input: Tensor) -> Tensor: ...  # ops/table.py:142
def atan(input: Tensor) -> Tensor: ...  # ops/table.py:130
def atan2(input: Any, other: Any) -> Tensor: ...  # ops/table.py:73
def atanh(input: Tensor) -> Tensor: ...  # ops/table.py:144
def bitwise_and(input: Any, other: Any) -> Tensor: ...  # ops/table.py:372
def bitwise_left_shift(input: Any, other: Any) -> Tensor: ...  # ops/table.py:380
def bitwise_not(input: Tensor) -> Tensor: ...  # ops/table.py:375
def bitwise_or(input: Any, other: Any) -> Tensor: ...  # ops/table.py:373
def bitwise_right_shift(input: Any, other: Any) -> Tensor: ...  # ops/table.py:381
def bitwise_xor(input: Any, other: Any) -> Tensor: ...  # ops/table.py:374
def ceil(input: Tensor) -> Tensor: ...  # ops/table.py:163
def copysign(input: Any, other: Any) -> Tensor: ...  # ops/table.py:88
def cos(input: Tensor) -> Tensor: ...  # ops/table.py:124
def cosh(input: Tensor) -> Tensor: ...  # ops/table.py:140
def eq(input: Any, other: Any) -> Tensor: ...  # ops/table.py:362
def erf(input: Tensor) -> Tensor: ...  # ops/table.py:156
def erfc(input: Tensor) -> Tensor: ...  # ops/table.py:157
def exp(input: Tensor) -> Tensor: ...  # ops/table.py:112
def exp2(input: Tensor) -> Tensor: ...  # ops/table.py:113
def expm1(input: Tensor) -> Tensor: ...  # ops/table.py:114
def fix(input: Tensor) -> Tensor: ...  # ops/table.py:165
def floor(input: Tensor) -> Tensor: ...  # ops/table.py:162
def floor_divide(input: Any, other: Any) -> Tensor: ...  # ops/table.py:64
def fmax(input: Any, other: Any) -> Tensor: ...  # ops/table.py:89
def fmin(input: Any, other: Any) -> Tensor: ...  # ops/table.py:95
def fmod(input: Any, other: Any) -> Tensor: ...  # ops/table.py:63
def gcd(input: Any, other: Any) -> Tensor: ...  # ops/table.py:382
def ge(input: Any, other: Any) -> Tensor: ...  # ops/table.py:367
def greater(input: Any, other: Any) -> Tensor: ...  # ops/table.py:365
def greater_equal(input: Any, other: Any) -> Tensor: ...  # ops/table.py:367
def gt(input: Any, other: Any) -> Tensor: ...  # ops/table.py:365
def heaviside(input: Any, other: Any) -> Tensor: ...  # ops/table.py:173
def hypot(input: Any, other: Any) -> Tensor: ...  # ops/table.py:79
def isfinite(input: Tensor) -> Tensor: ...  # ops/table.py:378
def isinf(input: Tensor) -> Tensor: ...  # ops/table.py:377
def isnan(input: Tensor) -> Tensor: ...  # ops/table.py:376
def lcm(input: Any, other: Any) -> Tensor: ...  # ops/table.py:383
def le(input: Any, other: Any) -> Tensor: ...  # ops/table.py:366
def less(input: Any, other: Any) -> Tensor: ...  # ops/table.py:364
def less_equal(input: Any, other: Any) -> Tensor: ...  # ops/table.py:366
def log(input: Tensor) -> Tensor: ...  # ops/table.py:115
def log10(input: Tensor) -> Tensor: ...  # ops/table.py:117
def log1p(input: Tensor) -> Tensor: ...  # ops/table.py:118
def log2(input: Tensor) -> Tensor: ...  # ops/table.py:116
def logaddexp(input: Any, other: Any) -> Tensor: ...  # ops/table.py:107
def logaddexp2(input: Any, other: Any) -> Tensor: ...  # ops/table.py:101
def logical_and(input: Any, other: Any) -> Tensor: ...  # ops/table.py:368
def logical_not(input: Tensor) -> Tensor: ...  # ops/table.py:371
def logical_or(input: Any, other: Any) -> Tensor: ...  # ops/table.py:369
def logical_xor(input: Any, other: Any) -> Tensor: ...  # ops/table.py:370
def lt(input: Any, other: Any) -> Tensor: ...  # ops/table.py:364
def maximum(input: Any, other: Any) -> Tensor: ...  # ops/table.py:67
def minimum(input: Any, other: Any) -> Tensor: ...  # ops/table.py:70
def mul(input: Any, other: Any) -> Tensor: ...  # ops/table.py:51
def multiply(input: Any, other: Any) -> Tensor: ...  # ops/table.py:51
def ne(input: Any, other: Any) -> Tensor: ...  # ops/table.py:363
def neg(input: Tensor) -> Tensor: ...  # ops/table.py:53
def negative(input: Tensor) -> Tensor: ...  # ops/table.py:53
def nextafter(input: Any, other: Any) -> Tensor: ...  # ops/table.py:384
def not_equal(input: Any, other: Any) -> Tensor: ...  # ops/table.py:363
def reciprocal(input: Tensor) -> Tensor: ...  # ops/table.py:59
def relu(input: Tensor) -> Tensor: ...  # ops/table.py:147
def remainder(input: Any, other: Any) -> Tensor: ...  # ops/table.py:60
def sigmoid(input: Tensor) -> Tensor: ...  # ops/table.py:149
def signbit(input: Tensor) -> Tensor: ...  # ops/table.py:379
def sin(input: Tensor) -> Tensor: ...  # ops/table.py:123
def sinc(input: Tensor) -> Tensor: ...  # ops/table.py:131
def sinh(input: Tensor) -> Tensor: ...  # ops/table.py:139
def sqrt(input: Tensor) -> Tensor: ...  # ops/table.py:119
def tan(input: Tensor) -> Tensor: ...  # ops/table.py:127
def tanh(input: Tensor) -> Tensor: ...  # ops/table.py:141
def trunc(input: Tensor) -> Tensor: ...  # ops/table.py:165
def xlogy(input: Any, other: Any) -> Tensor: ...  # ops/table.py:82

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
