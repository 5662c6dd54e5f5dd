"""The rows of the table that are public: written by scripts/write_stub.py."""

from typing import Any

from tinygrad_mnist.autograd.tensor import Tensor

def abs(input: Tensor) -> Tensor: ...  # ops/table.py:232
def absolute(input: Tensor) -> Tensor: ...  # ops/table.py:232
def acos(input: Tensor) -> Tensor: ...  # ops/table.py:135
def acosh(input: Tensor) -> Tensor: ...  # ops/table.py:149
def arccos(input: Tensor) -> Tensor: ...  # ops/table.py:135
def arccosh(input: Tensor) -> Tensor: ...  # ops/table.py:149
def arcsin(input: Tensor) -> Tensor: ...  # ops/table.py:134
def arcsinh(input: Tensor) -> Tensor: ...  # ops/table.py:148
def arctan(input: Tensor) -> Tensor: ...  # ops/table.py:136
def arctan2(input: Any, other: Any) -> Tensor: ...  # ops/table.py:79
def arctanh(input: Tensor) -> Tensor: ...  # ops/table.py:150
def asin(input: Tensor) -> Tensor: ...  # ops/table.py:134
def asinh(input: Tensor) -> Tensor: ...  # ops/table.py:148
def atan(input: Tensor) -> Tensor: ...  # ops/table.py:136
def atan2(input: Any, other: Any) -> Tensor: ...  # ops/table.py:79
def atanh(input: Tensor) -> Tensor: ...  # ops/table.py:150
def bitwise_and(input: Any, other: Any) -> Tensor: ...  # ops/table.py:460
def bitwise_left_shift(input: Any, other: Any) -> Tensor: ...  # ops/table.py:468
def bitwise_not(input: Tensor) -> Tensor: ...  # ops/table.py:463
def bitwise_or(input: Any, other: Any) -> Tensor: ...  # ops/table.py:461
def bitwise_right_shift(input: Any, other: Any) -> Tensor: ...  # ops/table.py:469
def bitwise_xor(input: Any, other: Any) -> Tensor: ...  # ops/table.py:462
def ceil(input: Tensor) -> Tensor: ...  # ops/table.py:235
def copysign(input: Any, other: Any) -> Tensor: ...  # ops/table.py:94
def cos(input: Tensor) -> Tensor: ...  # ops/table.py:130
def cosh(input: Tensor) -> Tensor: ...  # ops/table.py:146
def eq(input: Any, other: Any) -> Tensor: ...  # ops/table.py:450
def erf(input: Tensor) -> Tensor: ...  # ops/table.py:228
def erfc(input: Tensor) -> Tensor: ...  # ops/table.py:229
def exp(input: Tensor) -> Tensor: ...  # ops/table.py:118
def exp2(input: Tensor) -> Tensor: ...  # ops/table.py:119
def expm1(input: Tensor) -> Tensor: ...  # ops/table.py:120
def fix(input: Tensor) -> Tensor: ...  # ops/table.py:237
def floor(input: Tensor) -> Tensor: ...  # ops/table.py:234
def floor_divide(input: Any, other: Any) -> Tensor: ...  # ops/table.py:70
def fmax(input: Any, other: Any) -> Tensor: ...  # ops/table.py:95
def fmin(input: Any, other: Any) -> Tensor: ...  # ops/table.py:101
def fmod(input: Any, other: Any) -> Tensor: ...  # ops/table.py:69
def gcd(input: Any, other: Any) -> Tensor: ...  # ops/table.py:470
def ge(input: Any, other: Any) -> Tensor: ...  # ops/table.py:455
def greater(input: Any, other: Any) -> Tensor: ...  # ops/table.py:453
def greater_equal(input: Any, other: Any) -> Tensor: ...  # ops/table.py:455
def gt(input: Any, other: Any) -> Tensor: ...  # ops/table.py:453
def heaviside(input: Any, other: Any) -> Tensor: ...  # ops/table.py:247
def hypot(input: Any, other: Any) -> Tensor: ...  # ops/table.py:85
def isfinite(input: Tensor) -> Tensor: ...  # ops/table.py:466
def isinf(input: Tensor) -> Tensor: ...  # ops/table.py:465
def isnan(input: Tensor) -> Tensor: ...  # ops/table.py:464
def lcm(input: Any, other: Any) -> Tensor: ...  # ops/table.py:471
def le(input: Any, other: Any) -> Tensor: ...  # ops/table.py:454
def less(input: Any, other: Any) -> Tensor: ...  # ops/table.py:452
def less_equal(input: Any, other: Any) -> Tensor: ...  # ops/table.py:454
def log(input: Tensor) -> Tensor: ...  # ops/table.py:121
def log10(input: Tensor) -> Tensor: ...  # ops/table.py:123
def log1p(input: Tensor) -> Tensor: ...  # ops/table.py:124
def log2(input: Tensor) -> Tensor: ...  # ops/table.py:122
def logaddexp(input: Any, other: Any) -> Tensor: ...  # ops/table.py:113
def logaddexp2(input: Any, other: Any) -> Tensor: ...  # ops/table.py:107
def logical_and(input: Any, other: Any) -> Tensor: ...  # ops/table.py:456
def logical_not(input: Tensor) -> Tensor: ...  # ops/table.py:459
def logical_or(input: Any, other: Any) -> Tensor: ...  # ops/table.py:457
def logical_xor(input: Any, other: Any) -> Tensor: ...  # ops/table.py:458
def lt(input: Any, other: Any) -> Tensor: ...  # ops/table.py:452
def maximum(input: Any, other: Any) -> Tensor: ...  # ops/table.py:73
def minimum(input: Any, other: Any) -> Tensor: ...  # ops/table.py:76
def mul(input: Any, other: Any) -> Tensor: ...  # ops/table.py:52
def multiply(input: Any, other: Any) -> Tensor: ...  # ops/table.py:52
def ne(input: Any, other: Any) -> Tensor: ...  # ops/table.py:451
def neg(input: Tensor) -> Tensor: ...  # ops/table.py:54
def negative(input: Tensor) -> Tensor: ...  # ops/table.py:54
def nextafter(input: Any, other: Any) -> Tensor: ...  # ops/table.py:472
def not_equal(input: Any, other: Any) -> Tensor: ...  # ops/table.py:451
def reciprocal(input: Tensor) -> Tensor: ...  # ops/table.py:65
def relu(input: Tensor) -> Tensor: ...  # ops/table.py:153
def remainder(input: Any, other: Any) -> Tensor: ...  # ops/table.py:66
def sigmoid(input: Tensor) -> Tensor: ...  # ops/table.py:155
def signbit(input: Tensor) -> Tensor: ...  # ops/table.py:467
def sin(input: Tensor) -> Tensor: ...  # ops/table.py:129
def sinc(input: Tensor) -> Tensor: ...  # ops/table.py:137
def sinh(input: Tensor) -> Tensor: ...  # ops/table.py:145
def sqrt(input: Tensor) -> Tensor: ...  # ops/table.py:125
def tan(input: Tensor) -> Tensor: ...  # ops/table.py:133
def tanh(input: Tensor) -> Tensor: ...  # ops/table.py:147
def trunc(input: Tensor) -> Tensor: ...  # ops/table.py:237
def xlogy(input: Any, other: Any) -> Tensor: ...  # ops/table.py:88

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
