"""The rows of the table that are public: written by scripts/write_stub.py."""

from typing import Any

from tinygrad_mnist.autograd.tensor import Tensor

def abs(input: Tensor) -> Tensor: ...  # ops/table.py:170
def absolute(input: Tensor) -> Tensor: ...  # ops/table.py:170
def acos(input: Tensor) -> Tensor: ...  # ops/table.py:130
def acosh(input: Tensor) -> Tensor: ...  # ops/table.py:144
def arccos(input: Tensor) -> Tensor: ...  # ops/table.py:130
def arccosh(input: Tensor) -> Tensor: ...  # ops/table.py:144
def arcsin(input: Tensor) -> Tensor: ...  # ops/table.py:129
def arcsinh(input: Tensor) -> Tensor: ...  # ops/table.py:143
def arctan(input: Tensor) -> Tensor: ...  # ops/table.py:131
def arctan2(input: Any, other: Any) -> Tensor: ...  # ops/table.py:74
def arctanh(input: Tensor) -> Tensor: ...  # ops/table.py:145
def asin(input: Tensor) -> Tensor: ...  # ops/table.py:129
def asinh(input: Tensor) -> Tensor: ...  # ops/table.py:143
def atan(input: Tensor) -> Tensor: ...  # ops/table.py:131
def atan2(input: Any, other: Any) -> Tensor: ...  # ops/table.py:74
def atanh(input: Tensor) -> Tensor: ...  # ops/table.py:145
def bitwise_and(input: Any, other: Any) -> Tensor: ...  # ops/table.py:391
def bitwise_left_shift(input: Any, other: Any) -> Tensor: ...  # ops/table.py:399
def bitwise_not(input: Tensor) -> Tensor: ...  # ops/table.py:394
def bitwise_or(input: Any, other: Any) -> Tensor: ...  # ops/table.py:392
def bitwise_right_shift(input: Any, other: Any) -> Tensor: ...  # ops/table.py:400
def bitwise_xor(input: Any, other: Any) -> Tensor: ...  # ops/table.py:393
def ceil(input: Tensor) -> Tensor: ...  # ops/table.py:173
def copysign(input: Any, other: Any) -> Tensor: ...  # ops/table.py:89
def cos(input: Tensor) -> Tensor: ...  # ops/table.py:125
def cosh(input: Tensor) -> Tensor: ...  # ops/table.py:141
def eq(input: Any, other: Any) -> Tensor: ...  # ops/table.py:381
def erf(input: Tensor) -> Tensor: ...  # ops/table.py:166
def erfc(input: Tensor) -> Tensor: ...  # ops/table.py:167
def exp(input: Tensor) -> Tensor: ...  # ops/table.py:113
def exp2(input: Tensor) -> Tensor: ...  # ops/table.py:114
def expm1(input: Tensor) -> Tensor: ...  # ops/table.py:115
def fix(input: Tensor) -> Tensor: ...  # ops/table.py:175
def floor(input: Tensor) -> Tensor: ...  # ops/table.py:172
def floor_divide(input: Any, other: Any) -> Tensor: ...  # ops/table.py:65
def fmax(input: Any, other: Any) -> Tensor: ...  # ops/table.py:90
def fmin(input: Any, other: Any) -> Tensor: ...  # ops/table.py:96
def fmod(input: Any, other: Any) -> Tensor: ...  # ops/table.py:64
def gcd(input: Any, other: Any) -> Tensor: ...  # ops/table.py:401
def ge(input: Any, other: Any) -> Tensor: ...  # ops/table.py:386
def greater(input: Any, other: Any) -> Tensor: ...  # ops/table.py:384
def greater_equal(input: Any, other: Any) -> Tensor: ...  # ops/table.py:386
def gt(input: Any, other: Any) -> Tensor: ...  # ops/table.py:384
def heaviside(input: Any, other: Any) -> Tensor: ...  # ops/table.py:183
def hypot(input: Any, other: Any) -> Tensor: ...  # ops/table.py:80
def isfinite(input: Tensor) -> Tensor: ...  # ops/table.py:397
def isinf(input: Tensor) -> Tensor: ...  # ops/table.py:396
def isnan(input: Tensor) -> Tensor: ...  # ops/table.py:395
def lcm(input: Any, other: Any) -> Tensor: ...  # ops/table.py:402
def le(input: Any, other: Any) -> Tensor: ...  # ops/table.py:385
def less(input: Any, other: Any) -> Tensor: ...  # ops/table.py:383
def less_equal(input: Any, other: Any) -> Tensor: ...  # ops/table.py:385
def log(input: Tensor) -> Tensor: ...  # ops/table.py:116
def log10(input: Tensor) -> Tensor: ...  # ops/table.py:118
def log1p(input: Tensor) -> Tensor: ...  # ops/table.py:119
def log2(input: Tensor) -> Tensor: ...  # ops/table.py:117
def logaddexp(input: Any, other: Any) -> Tensor: ...  # ops/table.py:108
def logaddexp2(input: Any, other: Any) -> Tensor: ...  # ops/table.py:102
def logical_and(input: Any, other: Any) -> Tensor: ...  # ops/table.py:387
def logical_not(input: Tensor) -> Tensor: ...  # ops/table.py:390
def logical_or(input: Any, other: Any) -> Tensor: ...  # ops/table.py:388
def logical_xor(input: Any, other: Any) -> Tensor: ...  # ops/table.py:389
def lt(input: Any, other: Any) -> Tensor: ...  # ops/table.py:383
def maximum(input: Any, other: Any) -> Tensor: ...  # ops/table.py:68
def minimum(input: Any, other: Any) -> Tensor: ...  # ops/table.py:71
def mul(input: Any, other: Any) -> Tensor: ...  # ops/table.py:52
def multiply(input: Any, other: Any) -> Tensor: ...  # ops/table.py:52
def ne(input: Any, other: Any) -> Tensor: ...  # ops/table.py:382
def neg(input: Tensor) -> Tensor: ...  # ops/table.py:54
def negative(input: Tensor) -> Tensor: ...  # ops/table.py:54
def nextafter(input: Any, other: Any) -> Tensor: ...  # ops/table.py:403
def not_equal(input: Any, other: Any) -> Tensor: ...  # ops/table.py:382
def reciprocal(input: Tensor) -> Tensor: ...  # ops/table.py:60
def relu(input: Tensor) -> Tensor: ...  # ops/table.py:148
def remainder(input: Any, other: Any) -> Tensor: ...  # ops/table.py:61
def sigmoid(input: Tensor) -> Tensor: ...  # ops/table.py:150
def signbit(input: Tensor) -> Tensor: ...  # ops/table.py:398
def sin(input: Tensor) -> Tensor: ...  # ops/table.py:124
def sinc(input: Tensor) -> Tensor: ...  # ops/table.py:132
def sinh(input: Tensor) -> Tensor: ...  # ops/table.py:140
def sqrt(input: Tensor) -> Tensor: ...  # ops/table.py:120
def tan(input: Tensor) -> Tensor: ...  # ops/table.py:128
def tanh(input: Tensor) -> Tensor: ...  # ops/table.py:142
def trunc(input: Tensor) -> Tensor: ...  # ops/table.py:175
def xlogy(input: Any, other: Any) -> Tensor: ...  # ops/table.py:83

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
