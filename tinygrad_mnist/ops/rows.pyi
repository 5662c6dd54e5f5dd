"""The rows of the table that are public: written by scripts/write_stub.py."""

from typing import Any

from tinygrad_mnist.autograd.tensor import Tensor

def abs(input: Tensor) -> Tensor: ...  # ops/table.py:171
def absolute(input: Tensor) -> Tensor: ...  # ops/table.py:171
def acos(input: Tensor) -> Tensor: ...  # ops/table.py:131
def acosh(input: Tensor) -> Tensor: ...  # ops/table.py:145
def arccos(input: Tensor) -> Tensor: ...  # ops/table.py:131
def arccosh(input: Tensor) -> Tensor: ...  # ops/table.py:145
def arcsin(input: Tensor) -> Tensor: ...  # ops/table.py:130
def arcsinh(input: Tensor) -> Tensor: ...  # ops/table.py:144
def arctan(input: Tensor) -> Tensor: ...  # ops/table.py:132
def arctan2(input: Any, other: Any) -> Tensor: ...  # ops/table.py:75
def arctanh(input: Tensor) -> Tensor: ...  # ops/table.py:146
def asin(input: Tensor) -> Tensor: ...  # ops/table.py:130
def asinh(input: Tensor) -> Tensor: ...  # ops/table.py:144
def atan(input: Tensor) -> Tensor: ...  # ops/table.py:132
def atan2(input: Any, other: Any) -> Tensor: ...  # ops/table.py:75
def atanh(input: Tensor) -> Tensor: ...  # ops/table.py:146
def bitwise_and(input: Any, other: Any) -> Tensor: ...  # ops/table.py:407
def bitwise_left_shift(input: Any, other: Any) -> Tensor: ...  # ops/table.py:415
def bitwise_not(input: Tensor) -> Tensor: ...  # ops/table.py:410
def bitwise_or(input: Any, other: Any) -> Tensor: ...  # ops/table.py:408
def bitwise_right_shift(input: Any, other: Any) -> Tensor: ...  # ops/table.py:416
def bitwise_xor(input: Any, other: Any) -> Tensor: ...  # ops/table.py:409
def ceil(input: Tensor) -> Tensor: ...  # ops/table.py:174
def copysign(input: Any, other: Any) -> Tensor: ...  # ops/table.py:90
def cos(input: Tensor) -> Tensor: ...  # ops/table.py:126
def cosh(input: Tensor) -> Tensor: ...  # ops/table.py:142
def eq(input: Any, other: Any) -> Tensor: ...  # ops/table.py:397
def erf(input: Tensor) -> Tensor: ...  # ops/table.py:167
def erfc(input: Tensor) -> Tensor: ...  # ops/table.py:168
def exp(input: Tensor) -> Tensor: ...  # ops/table.py:114
def exp2(input: Tensor) -> Tensor: ...  # ops/table.py:115
def expm1(input: Tensor) -> Tensor: ...  # ops/table.py:116
def fix(input: Tensor) -> Tensor: ...  # ops/table.py:176
def floor(input: Tensor) -> Tensor: ...  # ops/table.py:173
def floor_divide(input: Any, other: Any) -> Tensor: ...  # ops/table.py:66
def fmax(input: Any, other: Any) -> Tensor: ...  # ops/table.py:91
def fmin(input: Any, other: Any) -> Tensor: ...  # ops/table.py:97
def fmod(input: Any, other: Any) -> Tensor: ...  # ops/table.py:65
def gcd(input: Any, other: Any) -> Tensor: ...  # ops/table.py:417
def ge(input: Any, other: Any) -> Tensor: ...  # ops/table.py:402
def greater(input: Any, other: Any) -> Tensor: ...  # ops/table.py:400
def greater_equal(input: Any, other: Any) -> Tensor: ...  # ops/table.py:402
def gt(input: Any, other: Any) -> Tensor: ...  # ops/table.py:400
def heaviside(input: Any, other: Any) -> Tensor: ...  # ops/table.py:184
def hypot(input: Any, other: Any) -> Tensor: ...  # ops/table.py:81
def isfinite(input: Tensor) -> Tensor: ...  # ops/table.py:413
def isinf(input: Tensor) -> Tensor: ...  # ops/table.py:412
def isnan(input: Tensor) -> Tensor: ...  # ops/table.py:411
def lcm(input: Any, other: Any) -> Tensor: ...  # ops/table.py:418
def le(input: Any, other: Any) -> Tensor: ...  # ops/table.py:401
def less(input: Any, other: Any) -> Tensor: ...  # ops/table.py:399
def less_equal(input: Any, other: Any) -> Tensor: ...  # ops/table.py:401
def log(input: Tensor) -> Tensor: ...  # ops/table.py:117
def log10(input: Tensor) -> Tensor: ...  # ops/table.py:119
def log1p(input: Tensor) -> Tensor: ...  # ops/table.py:120
def log2(input: Tensor) -> Tensor: ...  # ops/table.py:118
def logaddexp(input: Any, other: Any) -> Tensor: ...  # ops/table.py:109
def logaddexp2(input: Any, other: Any) -> Tensor: ...  # ops/table.py:103
def logical_and(input: Any, other: Any) -> Tensor: ...  # ops/table.py:403
def logical_not(input: Tensor) -> Tensor: ...  # ops/table.py:406
def logical_or(input: Any, other: Any) -> Tensor: ...  # ops/table.py:404
def logical_xor(input: Any, other: Any) -> Tensor: ...  # ops/table.py:405
def lt(input: Any, other: Any) -> Tensor: ...  # ops/table.py:399
def maximum(input: Any, other: Any) -> Tensor: ...  # ops/table.py:69
def minimum(input: Any, other: Any) -> Tensor: ...  # ops/table.py:72
def mul(input: Any, other: Any) -> Tensor: ...  # ops/table.py:53
def multiply(input: Any, other: Any) -> Tensor: ...  # ops/table.py:53
def ne(input: Any, other: Any) -> Tensor: ...  # ops/table.py:398
def neg(input: Tensor) -> Tensor: ...  # ops/table.py:55
def negative(input: Tensor) -> Tensor: ...  # ops/table.py:55
def nextafter(input: Any, other: Any) -> Tensor: ...  # ops/table.py:419
def not_equal(input: Any, other: Any) -> Tensor: ...  # ops/table.py:398
def reciprocal(input: Tensor) -> Tensor: ...  # ops/table.py:61
def relu(input: Tensor) -> Tensor: ...  # ops/table.py:149
def remainder(input: Any, other: Any) -> Tensor: ...  # ops/table.py:62
def sigmoid(input: Tensor) -> Tensor: ...  # ops/table.py:151
def signbit(input: Tensor) -> Tensor: ...  # ops/table.py:414
def sin(input: Tensor) -> Tensor: ...  # ops/table.py:125
def sinc(input: Tensor) -> Tensor: ...  # ops/table.py:133
def sinh(input: Tensor) -> Tensor: ...  # ops/table.py:141
def sqrt(input: Tensor) -> Tensor: ...  # ops/table.py:121
def tan(input: Tensor) -> Tensor: ...  # ops/table.py:129
def tanh(input: Tensor) -> Tensor: ...  # ops/table.py:143
def trunc(input: Tensor) -> Tensor: ...  # ops/table.py:176
def xlogy(input: Any, other: Any) -> Tensor: ...  # ops/table.py:84

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
