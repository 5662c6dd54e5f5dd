"""The methods that `ops/` gives to Tensor: written by scripts/write_stub.py."""

import builtins
from collections.abc import Callable, Sequence
from typing import Any

from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.ops.arguments import Dim, device
from tinygrad_mnist.ops.elementwise import Parts
from tinygrad_mnist.ops.reduce import MinMax, ValuesIndices
from tinygrad_mnist.ops.histogram import Histogram
from tinygrad_mnist.ops.linalg import factor, measure
from tinygrad_mnist.ops.linalg.older import SVD, Geqrf, TriangularSolve

class TensorMethods:
    @property
    def H(self) -> Tensor: ...  # ops/__init__.py:192
    @property
    def T(self) -> Tensor: ...  # ops/__init__.py:178
    def __abs__(self) -> Tensor: ...  # ops/table.py:238
    def __add__(self, b: Any) -> Tensor: ...  # ops/__init__.py:79
    def __and__(self, b: Any) -> Tensor: ...  # ops/__init__.py:79
    def __array_ufunc__(self, ufunc: Any, method: builtins.str, *inputs: Any, **kw: Any) -> Any: ...  # ops/convert.py:64
    def __deepcopy__(self, memo: builtins.dict[builtins.int, Any]) -> Tensor: ...  # ops/convert.py:89
    def __dlpack__(self, **kw: Any) -> Any: ...  # ops/convert.py:177
    def __dlpack_device__(self) -> Any: ...  # ops/convert.py:178
    def __eq__(self, other: Any) -> Tensor: ...  # type: ignore[override]  # ops/__init__.py:79
    def __floordiv__(self, b: Any) -> Tensor: ...  # ops/__init__.py:79
    def __ge__(self, b: Any) -> Tensor: ...  # ops/__init__.py:79
    def __getitem__(self, key: Any) -> Tensor: ...  # ops/index.py:31
    def __gt__(self, b: Any) -> Tensor: ...  # ops/__init__.py:79
    def __iadd__(self, other: Any, last: Any = ..., *, alpha: Any = ...) -> Tensor: ...  # ops/elementwise.py:48
    def __ifloordiv__(self, other: Any) -> Tensor: ...  # ops/table.py:72
    def __imod__(self, other: Any) -> Tensor: ...  # ops/table.py:68
    def __imul__(self, other: Any) -> Tensor: ...  # ops/table.py:54
    def __invert__(self) -> Tensor: ...  # ops/table.py:548
    def __ipow__(self, exponent: Any) -> Tensor: ...  # ops/elementwise.py:90
    def __isub__(self, other: Any, last: Any = ..., *, alpha: Any = ...) -> Tensor: ...  # ops/elementwise.py:56
    def __itruediv__(self, other: Any, *, rounding_mode: builtins.str | None = ...) -> Tensor: ...  # ops/elementwise.py:72
    def __le__(self, b: Any) -> Tensor: ...  # ops/__init__.py:79
    def __lshift__(self, b: Any) -> Tensor: ...  # ops/__init__.py:79
    def __lt__(self, b: Any) -> Tensor: ...  # ops/__init__.py:79
    def __matmul__(self, b: Any) -> Tensor: ...  # ops/__init__.py:79
    def __mod__(self, b: Any) -> Tensor: ...  # ops/__init__.py:79
    def __mul__(self, b: Any) -> Tensor: ...  # ops/__init__.py:79
    def __ne__(self, other: Any) -> Tensor: ...  # type: ignore[override]  # ops/__init__.py:79
    def __neg__(self) -> Tensor: ...  # ops/table.py:56
    def __or__(self, b: Any) -> Tensor: ...  # ops/__init__.py:79
    def __pos__(self) -> Tensor: ...  # ops/elementwise.py:116
    def __pow__(self, b: Any) -> Tensor: ...  # ops/__init__.py:79
    def __radd__(self, b: Any) -> Tensor: ...  # ops/__init__.py:84
    def __rand__(self, b: Any) -> Tensor: ...  # ops/__init__.py:84
    def __reduce__(self) -> builtins.tuple[Any, ...]: ...  # ops/convert.py:110
    def __rfloordiv__(self, b: Any) -> Tensor: ...  # ops/__init__.py:84
    def __rlshift__(self, b: Any) -> Tensor: ...  # ops/__init__.py:84
    def __rmatmul__(self, b: Any) -> Tensor: ...  # ops/__init__.py:84
    def __rmod__(self, b: Any) -> Tensor: ...  # ops/__init__.py:84
    def __rmul__(self, b: Any) -> Tensor: ...  # ops/__init__.py:84
    def __ror__(self, b: Any) -> Tensor: ...  # ops/__init__.py:84
    def __rpow__(self, b: Any) -> Tensor: ...  # ops/__init__.py:84
    def __rrshift__(self, b: Any) -> Tensor: ...  # ops/__init__.py:84
    def __rshift__(self, b: Any) -> Any: ...  # ops/__init__.py:79
    def __rsub__(self, b: Any) -> Tensor: ...  # ops/__init__.py:84
    def __rtruediv__(self, b: Any) -> Tensor: ...  # ops/__init__.py:84
    def __rxor__(self, b: Any) -> Tensor: ...  # ops/__init__.py:84
    def __setitem__(self, key: Any, value: Any) -> None: ...  # ops/inplace.py:282
    def __sub__(self, b: Any) -> Tensor: ...  # ops/__init__.py:79
    def __truediv__(self, b: Any) -> Tensor: ...  # ops/__init__.py:79
    def __xor__(self, b: Any) -> Tensor: ...  # ops/__init__.py:79
    def _indices(self) -> Any: ...  # ops/legacy.py:240
    def _is_view(self) -> Any: ...  # ops/legacy.py:239
    def _repr_html_(self) -> builtins.str: ...  # ops/__init__.py:171
    def _values(self) -> Any: ...  # ops/legacy.py:241
    def abs(self) -> Tensor: ...  # ops/table.py:238
    def abs_(self) -> Tensor: ...  # ops/table.py:238
    def absolute(self) -> Tensor: ...  # ops/table.py:238
    def absolute_(self) -> Tensor: ...  # ops/table.py:238
    def acos(self) -> Tensor: ...  # ops/table.py:137
    def acos_(self) -> Tensor: ...  # ops/table.py:137
    def acosh(self) -> Tensor: ...  # ops/table.py:151
    def acosh_(self) -> Tensor: ...  # ops/table.py:151
    def add(self, other: Any, last: Any = ..., *, alpha: Any = ...) -> Tensor: ...  # ops/elementwise.py:48
    def add_(self, other: Any, last: Any = ..., *, alpha: Any = ...) -> Tensor: ...  # ops/elementwise.py:48
    def addbmm(self, a: Tensor, b: Tensor, *, beta: Any = ..., alpha: Any = ...) -> Tensor: ...  # ops/matmul.py:114
    def addbmm_(self, a: Tensor, b: Tensor, *, beta: Any = ..., alpha: Any = ...) -> Tensor: ...  # ops/matmul.py:114
    def addcdiv(self, tensor1: Any, tensor2: Any, last: Any = ..., *, value: Any = ...) -> Tensor: ...  # ops/elementwise.py:271
    def addcdiv_(self, tensor1: Any, tensor2: Any, last: Any = ..., *, value: Any = ...) -> Tensor: ...  # ops/elementwise.py:271
    def addcmul(self, tensor1: Any, tensor2: Any, last: Any = ..., *, value: Any = ...) -> Tensor: ...  # ops/elementwise.py:261
    def addcmul_(self, tensor1: Any, tensor2: Any, last: Any = ..., *, value: Any = ...) -> Tensor: ...  # ops/elementwise.py:261
    def addmm(self, a: Tensor, b: Tensor, *, beta: Any = ..., alpha: Any = ...) -> Tensor: ...  # ops/matmul.py:114
    def addmm_(self, a: Tensor, b: Tensor, *, beta: Any = ..., alpha: Any = ...) -> Tensor: ...  # ops/matmul.py:114
    def addmv(self, a: Tensor, b: Tensor, *, beta: Any = ..., alpha: Any = ...) -> Tensor: ...  # ops/matmul.py:114
    def addmv_(self, a: Tensor, b: Tensor, *, beta: Any = ..., alpha: Any = ...) -> Tensor: ...  # ops/matmul.py:114
    def addr(self, a: Tensor, b: Tensor, *, beta: Any = ..., alpha: Any = ...) -> Tensor: ...  # ops/matmul.py:114
    def addr_(self, a: Tensor, b: Tensor, *, beta: Any = ..., alpha: Any = ...) -> Tensor: ...  # ops/matmul.py:114
    def adjoint(self) -> Tensor: ...  # ops/arrange.py:32
    def all(self, dim: Dim = ..., keepdim: builtins.bool = ...) -> Tensor: ...  # ops/reduce.py:54
    def allclose(self, other: Any, rtol: builtins.float = ..., atol: builtins.float = ..., equal_nan: builtins.bool = ...) -> builtins.bool: ...  # ops/compare.py:60
    def amax(self, dim: Dim = ..., keepdim: builtins.bool = ...) -> Tensor: ...  # ops/reduce.py:54
    def amin(self, dim: Dim = ..., keepdim: builtins.bool = ...) -> Tensor: ...  # ops/reduce.py:54
    def aminmax(self, **kw: Any) -> Any: ...  # ops/reduce.py:324
    def angle(self) -> Tensor: ...  # ops/elementwise.py:239
    def angle_(self) -> Tensor: ...  # ops/elementwise.py:239
    def any(self, dim: Dim = ..., keepdim: builtins.bool = ...) -> Tensor: ...  # ops/reduce.py:54
    def apply_(self, callable: Callable[[Any], Any]) -> Tensor: ...  # ops/inplace.py:410
    def arccos(self) -> Tensor: ...  # ops/table.py:137
    def arccos_(self) -> Tensor: ...  # ops/table.py:137
    def arccosh(self) -> Tensor: ...  # ops/table.py:151
    def arccosh_(self) -> Tensor: ...  # ops/table.py:151
    def arcsin(self) -> Tensor: ...  # ops/table.py:136
    def arcsin_(self) -> Tensor: ...  # ops/table.py:136
    def arcsinh(self) -> Tensor: ...  # ops/table.py:150
    def arcsinh_(self) -> Tensor: ...  # ops/table.py:150
    def arctan(self) -> Tensor: ...  # ops/table.py:138
    def arctan2(self, other: Any) -> Tensor: ...  # ops/table.py:81
    def arctan2_(self, other: Any) -> Tensor: ...  # ops/table.py:81
    def arctan_(self) -> Tensor: ...  # ops/table.py:138
    def arctanh(self) -> Tensor: ...  # ops/table.py:152
    def arctanh_(self) -> Tensor: ...  # ops/table.py:152
    def argmax(self, dim: builtins.int | None = ..., keepdim: builtins.bool = ...) -> Tensor: ...  # ops/reduce.py:65
    def argmin(self, dim: builtins.int | None = ..., keepdim: builtins.bool = ...) -> Tensor: ...  # ops/reduce.py:65
    def argsort(self, dim: builtins.int = ..., descending: builtins.bool = ..., stable: builtins.bool = ...) -> Tensor: ...  # ops/index.py:379
    def argwhere(self) -> Tensor: ...  # ops/index.py:360
    def as_strided(self, size: Any, stride: Any, storage_offset: builtins.int | None = ...) -> Tensor: ...  # ops/legacy.py:107
    def as_subclass(self, cls: Any) -> Any: ...  # ops/legacy.py:233
    def asin(self) -> Tensor: ...  # ops/table.py:136
    def asin_(self) -> Tensor: ...  # ops/table.py:136
    def asinh(self) -> Tensor: ...  # ops/table.py:150
    def asinh_(self) -> Tensor: ...  # ops/table.py:150
    def atan(self) -> Tensor: ...  # ops/table.py:138
    def atan2(self, other: Any) -> Tensor: ...  # ops/table.py:81
    def atan2_(self, other: Any) -> Tensor: ...  # ops/table.py:81
    def atan_(self) -> Tensor: ...  # ops/table.py:138
    def atanh(self) -> Tensor: ...  # ops/table.py:152
    def atanh_(self) -> Tensor: ...  # ops/table.py:152
    def baddbmm(self, a: Tensor, b: Tensor, *, beta: Any = ..., alpha: Any = ...) -> Tensor: ...  # ops/matmul.py:114
    def baddbmm_(self, a: Tensor, b: Tensor, *, beta: Any = ..., alpha: Any = ...) -> Tensor: ...  # ops/matmul.py:114
    def bernoulli(self, p: builtins.float | None = ..., *, generator: Any = ...) -> Tensor: ...  # ops/random.py:205
    def bernoulli_(self, p: builtins.float | None = ..., *, generator: Any = ...) -> Tensor: ...  # ops/random.py:205
    def bincount(self, weights: Tensor | None = ..., minlength: builtins.int = ...) -> Tensor: ...  # ops/histogram.py:27
    def bitwise_and(self, other: Any) -> Tensor: ...  # ops/table.py:545
    def bitwise_and_(self, other: Any) -> Tensor: ...  # ops/table.py:545
    def bitwise_left_shift(self, other: Any) -> Tensor: ...  # ops/table.py:553
    def bitwise_left_shift_(self, other: Any) -> Tensor: ...  # ops/table.py:553
    def bitwise_not(self) -> Tensor: ...  # ops/table.py:548
    def bitwise_not_(self) -> Tensor: ...  # ops/table.py:548
    def bitwise_or(self, other: Any) -> Tensor: ...  # ops/table.py:546
    def bitwise_or_(self, other: Any) -> Tensor: ...  # ops/table.py:546
    def bitwise_right_shift(self, other: Any) -> Tensor: ...  # ops/table.py:554
    def bitwise_right_shift_(self, other: Any) -> Tensor: ...  # ops/table.py:554
    def bitwise_xor(self, other: Any) -> Tensor: ...  # ops/table.py:547
    def bitwise_xor_(self, other: Any) -> Tensor: ...  # ops/table.py:547
    def bmm(self, mat2: Tensor) -> Tensor: ...  # ops/matmul.py:68
    def bool(self, memory_format: Any = ...) -> Tensor: ...  # ops/convert.py:57
    def broadcast_to(self, size: Any) -> Tensor: ...  # ops/shape.py:228
    def byte(self, memory_format: Any = ...) -> Tensor: ...  # ops/convert.py:57
    def cauchy_(self, median: builtins.float = ..., sigma: builtins.float = ..., *, generator: Any = ...) -> Tensor: ...  # ops/inplace.py:370
    def ceil(self) -> Tensor: ...  # ops/table.py:241
    def ceil_(self) -> Tensor: ...  # ops/table.py:241
    def char(self, memory_format: Any = ...) -> Tensor: ...  # ops/convert.py:57
    def cholesky(self, upper: builtins.bool = ...) -> Tensor: ...  # ops/linalg/older.py:78
    def cholesky_inverse(self, upper: builtins.bool = ...) -> Tensor: ...  # ops/linalg/older.py:93
    def cholesky_solve(self, L: Tensor, upper: builtins.bool = ...) -> Tensor: ...  # ops/linalg/older.py:84
    def chunk(self, chunks: builtins.int, dim: builtins.int = ...) -> builtins.tuple[Tensor, ...]: ...  # ops/join.py:139
    def clamp(self, min: Any = ..., max: Any = ...) -> Tensor: ...  # ops/elementwise.py:124
    def clamp_(self, min: Any = ..., max: Any = ...) -> Tensor: ...  # ops/elementwise.py:124
    def clamp_max(self, max: Any) -> Any: ...  # ops/elementwise.py:292
    def clamp_max_(self, max: Any) -> Any: ...  # ops/elementwise.py:292
    def clamp_min(self, min: Any) -> Any: ...  # ops/elementwise.py:291
    def clamp_min_(self, min: Any) -> Any: ...  # ops/elementwise.py:291
    def clip(self, min: Any = ..., max: Any = ...) -> Tensor: ...  # ops/elementwise.py:124
    def clip_(self, min: Any = ..., max: Any = ...) -> Tensor: ...  # ops/elementwise.py:124
    def clone(self, *, memory_format: Any = ...) -> Any: ...  # ops/shape.py:361
    def conj(self) -> Tensor: ...  # ops/elementwise.py:252
    def conj_(self) -> Tensor: ...  # ops/elementwise.py:252
    def conj_physical(self) -> Tensor: ...  # ops/elementwise.py:252
    def conj_physical_(self) -> Tensor: ...  # ops/elementwise.py:252
    def contiguous(self, memory_format: Any = ...) -> Tensor: ...  # ops/shape.py:248
    def copy_(self, src: Any, non_blocking: builtins.bool = ...) -> Tensor: ...  # ops/inplace.py:324
    def copysign(self, other: Any) -> Tensor: ...  # ops/table.py:96
    def copysign_(self, other: Any) -> Tensor: ...  # ops/table.py:96
    def corrcoef(self) -> Tensor: ...  # ops/statistics.py:272
    def cos(self) -> Tensor: ...  # ops/table.py:132
    def cos_(self) -> Tensor: ...  # ops/table.py:132
    def cosh(self) -> Tensor: ...  # ops/table.py:148
    def cosh_(self) -> Tensor: ...  # ops/table.py:148
    def count_nonzero(self, dim: Any = ...) -> Any: ...  # ops/reduce.py:328
    def cov(self, *, correction: builtins.int = ..., fweights: Tensor | None = ..., aweights: Tensor | None = ...) -> Tensor: ...  # ops/statistics.py:219
    def cpu(self) -> Tensor: ...  # ops/convert.py:43
    def cross(self, other: Tensor, dim: builtins.int | None = ...) -> Tensor: ...  # ops/calculus.py:197
    def cuda(self, *_: Any) -> Tensor: ...  # ops/convert.py:48
    def cummax(self, dim: builtins.int) -> ValuesIndices: ...  # ops/calculus.py:29
    def cummin(self, dim: builtins.int) -> ValuesIndices: ...  # ops/calculus.py:29
    def cumprod(self, dim: Any, *, dtype: Any = ...) -> Any: ...  # ops/reduce.py:332
    def cumprod_(self, dim: Any, *, dtype: Any = ...) -> Any: ...  # ops/reduce.py:332
    def cumsum(self, dim: builtins.int, *, dtype: Any = ...) -> Tensor: ...  # ops/reduce.py:242
    def cumsum_(self, dim: builtins.int, *, dtype: Any = ...) -> Tensor: ...  # ops/reduce.py:242
    def data_ptr(self) -> builtins.int: ...  # ops/convert.py:162
    def deg2rad(self) -> Any: ...  # ops/elementwise.py:293
    def deg2rad_(self) -> Any: ...  # ops/elementwise.py:293
    def det(self) -> Any: ...  # ops/linalg/older.py:47
    @property
    def device(self) -> device: ...  # ops/__init__.py:160
    def diag(self, diagonal: builtins.int = ...) -> Tensor: ...  # ops/diagonal.py:46
    def diag_embed(self, offset: builtins.int = ..., dim1: builtins.int = ..., dim2: builtins.int = ...) -> Tensor: ...  # ops/diagonal.py:35
    def diagflat(self, offset: Any = ...) -> Any: ...  # ops/diagonal.py:75
    def diagonal(self, offset: builtins.int = ..., dim1: builtins.int = ..., dim2: builtins.int = ...) -> Tensor: ...  # ops/diagonal.py:16
    def diagonal_scatter(self, src: Tensor, offset: builtins.int = ..., dim1: builtins.int = ..., dim2: builtins.int = ...) -> Tensor: ...  # ops/scattering.py:137
    def diff(self, n: builtins.int = ..., dim: builtins.int = ..., prepend: Any = ..., append: Any = ...) -> Tensor: ...  # ops/calculus.py:49
    def digamma(self) -> Any: ...  # ops/special.py:32
    def dim(self) -> builtins.int: ...  # ops/convert.py:141
    def dist(self, other: Any, p: Any = ...) -> Any: ...  # ops/reduce.py:355
    def div(self, other: Any, *, rounding_mode: builtins.str | None = ...) -> Tensor: ...  # ops/elementwise.py:72
    def div_(self, other: Any, *, rounding_mode: builtins.str | None = ...) -> Tensor: ...  # ops/elementwise.py:72
    def divide(self, other: Any, *, rounding_mode: builtins.str | None = ...) -> Tensor: ...  # ops/elementwise.py:72
    def divide_(self, other: Any, *, rounding_mode: builtins.str | None = ...) -> Tensor: ...  # ops/elementwise.py:72
    def dot(self, tensor: Tensor) -> Tensor: ...  # ops/matmul.py:84
    def double(self, memory_format: Any = ...) -> Tensor: ...  # ops/convert.py:57
    def dsplit(self, indices_or_sections: Any) -> builtins.tuple[Tensor, ...]: ...  # ops/arrange.py:98
    def element_size(self) -> builtins.int: ...  # ops/convert.py:151
    def eq(self, other: Any) -> Tensor: ...  # ops/table.py:535
    def eq_(self, other: Any) -> Tensor: ...  # ops/table.py:535
    def equal(self, other: Tensor) -> builtins.bool: ...  # ops/compare.py:68
    def erf(self) -> Tensor: ...  # ops/table.py:234
    def erf_(self) -> Tensor: ...  # ops/table.py:234
    def erfc(self) -> Tensor: ...  # ops/table.py:235
    def erfc_(self) -> Tensor: ...  # ops/table.py:235
    def erfinv(self) -> Any: ...  # ops/special.py:38
    def exp(self) -> Tensor: ...  # ops/table.py:120
    def exp2(self) -> Tensor: ...  # ops/table.py:121
    def exp2_(self) -> Tensor: ...  # ops/table.py:121
    def exp_(self) -> Tensor: ...  # ops/table.py:120
    def expand(self, *size: Any) -> Tensor: ...  # ops/shape.py:242
    def expand_as(self, other: Any) -> Any: ...  # ops/shape.py:356
    def expm1(self) -> Tensor: ...  # ops/table.py:122
    def expm1_(self) -> Tensor: ...  # ops/table.py:122
    def exponential_(self, lambd: builtins.float = ..., *, generator: Any = ...) -> Tensor: ...  # ops/inplace.py:362
    def fill_(self, value: Any) -> Tensor: ...  # ops/inplace.py:331
    def fill_diagonal_(self, fill_value: Any, wrap: builtins.bool = ...) -> Tensor: ...  # ops/inplace.py:399
    def fix(self) -> Tensor: ...  # ops/table.py:243
    def fix_(self) -> Tensor: ...  # ops/table.py:243
    def flatten(self, start_dim: builtins.int = ..., end_dim: builtins.int = ...) -> Tensor: ...  # ops/shape.py:139
    def flip(self, *dims: Any) -> Tensor: ...  # ops/shape.py:297
    def fliplr(self) -> Any: ...  # ops/shape.py:363
    def flipud(self) -> Any: ...  # ops/shape.py:364
    def float(self, memory_format: Any = ...) -> Tensor: ...  # ops/convert.py:57
    def float_power(self, exponent: Any) -> Any: ...  # ops/elementwise.py:288
    def float_power_(self, exponent: Any) -> Any: ...  # ops/elementwise.py:288
    def floor(self) -> Tensor: ...  # ops/table.py:240
    def floor_(self) -> Tensor: ...  # ops/table.py:240
    def floor_divide(self, other: Any) -> Tensor: ...  # ops/table.py:72
    def floor_divide_(self, other: Any) -> Tensor: ...  # ops/table.py:72
    def fmax(self, other: Any) -> Tensor: ...  # ops/table.py:97
    def fmax_(self, other: Any) -> Tensor: ...  # ops/table.py:97
    def fmin(self, other: Any) -> Tensor: ...  # ops/table.py:103
    def fmin_(self, other: Any) -> Tensor: ...  # ops/table.py:103
    def fmod(self, other: Any) -> Tensor: ...  # ops/table.py:71
    def fmod_(self, other: Any) -> Tensor: ...  # ops/table.py:71
    def frac(self) -> Any: ...  # ops/elementwise.py:290
    def frac_(self) -> Any: ...  # ops/elementwise.py:290
    def frexp(self) -> Parts: ...  # ops/elementwise.py:215
    def gather(self, dim: builtins.int, index: Tensor, *, sparse_grad: builtins.bool = ...) -> Tensor: ...  # ops/index.py:186
    def gcd(self, other: Any) -> Tensor: ...  # ops/table.py:555
    def gcd_(self, other: Any) -> Tensor: ...  # ops/table.py:555
    def ge(self, other: Any) -> Tensor: ...  # ops/table.py:540
    def ge_(self, other: Any) -> Tensor: ...  # ops/table.py:540
    def geometric_(self, p: builtins.float, *, generator: Any = ...) -> Tensor: ...  # ops/inplace.py:380
    def geqrf(self) -> Geqrf: ...  # ops/linalg/older.py:152
    def ger(self, vec2: Tensor) -> Tensor: ...  # ops/matmul.py:104
    def get_device(self) -> Any: ...  # ops/legacy.py:219
    def greater(self, other: Any) -> Tensor: ...  # ops/table.py:538
    def greater_(self, other: Any) -> Tensor: ...  # ops/table.py:538
    def greater_equal(self, other: Any) -> Tensor: ...  # ops/table.py:540
    def greater_equal_(self, other: Any) -> Tensor: ...  # ops/table.py:540
    def gt(self, other: Any) -> Tensor: ...  # ops/table.py:538
    def gt_(self, other: Any) -> Tensor: ...  # ops/table.py:538
    def half(self, memory_format: Any = ...) -> Tensor: ...  # ops/convert.py:57
    def hardshrink(self, lambd: builtins.float = ...) -> Tensor: ...  # ops/activation.py:163
    def heaviside(self, other: Any) -> Tensor: ...  # ops/table.py:253
    def heaviside_(self, other: Any) -> Tensor: ...  # ops/table.py:253
    def histc(self, bins: builtins.int = ..., min: builtins.float = ..., max: builtins.float = ...) -> Tensor: ...  # ops/histogram.py:50
    def histogram(self, bins: Any, *, range: Any = ..., weight: Tensor | None = ..., density: builtins.bool = ...) -> Histogram: ...  # ops/histogram.py:78
    def hsplit(self, indices_or_sections: Any) -> builtins.tuple[Tensor, ...]: ...  # ops/arrange.py:98
    def hypot(self, other: Any) -> Tensor: ...  # ops/table.py:87
    def hypot_(self, other: Any) -> Tensor: ...  # ops/table.py:87
    def i0(self) -> Any: ...  # ops/special.py:48
    def igamma(self, other: Tensor) -> Tensor: ...  # ops/special.py:83
    def igammac(self, other: Tensor) -> Tensor: ...  # ops/special.py:92
    def index_add(self, dim: builtins.int, index: Tensor, source: Tensor, *, alpha: Any = ...) -> Tensor: ...  # ops/index.py:283
    def index_add_(self, dim: builtins.int, index: Tensor, source: Tensor, *, alpha: Any = ...) -> Tensor: ...  # ops/index.py:283
    def index_copy(self, dim: builtins.int, index: Tensor, source: Tensor) -> Tensor: ...  # ops/index.py:302
    def index_copy_(self, dim: builtins.int, index: Tensor, source: Tensor) -> Tensor: ...  # ops/index.py:302
    def index_fill(self, dim: builtins.int, index: Tensor, value: Any) -> Tensor: ...  # ops/index.py:315
    def index_fill_(self, dim: builtins.int, index: Tensor, value: Any) -> Tensor: ...  # ops/index.py:315
    def index_put(self, indices: Any, values: Any, accumulate: builtins.bool = ...) -> Tensor: ...  # ops/scattering.py:79
    def index_put_(self, indices: Any, values: Any, accumulate: builtins.bool = ...) -> Tensor: ...  # ops/scattering.py:79
    def index_reduce(self, dim: builtins.int, index: Tensor, source: Tensor, reduce: builtins.str, *, include_self: builtins.bool = ...) -> Tensor: ...  # ops/scattering.py:226
    def index_reduce_(self, dim: builtins.int, index: Tensor, source: Tensor, reduce: builtins.str, *, include_self: builtins.bool = ...) -> Tensor: ...  # ops/scattering.py:226
    def index_select(self, dim: builtins.int, index: Tensor) -> Tensor: ...  # ops/index.py:270
    def inner(self, other: Tensor) -> Tensor: ...  # ops/matmul.py:94
    def int(self, memory_format: Any = ...) -> Tensor: ...  # ops/convert.py:57
    def inverse(self) -> Any: ...  # ops/linalg/older.py:44
    def is_complex(self) -> Any: ...  # ops/legacy.py:175
    def is_conj(self) -> Any: ...  # ops/legacy.py:175
    def is_contiguous(self, memory_format: Any = ...) -> builtins.bool: ...  # ops/convert.py:131
    @property
    def is_cpu(self) -> Tensor: ...  # ops/legacy.py:242
    @property
    def is_cuda(self) -> builtins.bool: ...  # ops/__init__.py:161
    def is_floating_point(self) -> builtins.bool: ...  # ops/convert.py:126
    def is_inference(self) -> Any: ...  # ops/legacy.py:175
    @property
    def is_ipu(self) -> Tensor: ...  # ops/legacy.py:249
    @property
    def is_meta(self) -> Tensor: ...  # ops/legacy.py:249
    @property
    def is_mkldnn(self) -> Tensor: ...  # ops/legacy.py:249
    @property
    def is_mps(self) -> Tensor: ...  # ops/legacy.py:249
    @property
    def is_mtia(self) -> Tensor: ...  # ops/legacy.py:249
    def is_neg(self) -> Any: ...  # ops/legacy.py:175
    @property
    def is_nested(self) -> Tensor: ...  # ops/legacy.py:249
    def is_nonzero(self) -> Any: ...  # ops/legacy.py:217
    def is_pinned(self) -> Any: ...  # ops/legacy.py:175
    @property
    def is_quantized(self) -> Tensor: ...  # ops/legacy.py:249
    def is_same_size(self, other: Any) -> Any: ...  # ops/legacy.py:206
    def is_set_to(self, tensor: Any) -> Any: ...  # ops/legacy.py:210
    def is_shared(self) -> Any: ...  # ops/legacy.py:175
    def is_signed(self) -> Any: ...  # ops/legacy.py:203
    @property
    def is_sparse(self) -> Tensor: ...  # ops/legacy.py:249
    @property
    def is_sparse_csr(self) -> Tensor: ...  # ops/legacy.py:249
    @property
    def is_vulkan(self) -> Tensor: ...  # ops/legacy.py:249
    @property
    def is_xla(self) -> Tensor: ...  # ops/legacy.py:249
    @property
    def is_xpu(self) -> Tensor: ...  # ops/legacy.py:249
    def isclose(self, other: Any, rtol: builtins.float = ..., atol: builtins.float = ..., equal_nan: builtins.bool = ...) -> Tensor: ...  # ops/compare.py:42
    def isfinite(self) -> Tensor: ...  # ops/table.py:551
    def isinf(self) -> Tensor: ...  # ops/table.py:550
    def isnan(self) -> Tensor: ...  # ops/table.py:549
    def isneginf(self) -> Any: ...  # ops/compare.py:22
    def isposinf(self) -> Any: ...  # ops/compare.py:21
    def isreal(self) -> Tensor: ...  # ops/elementwise.py:246
    @property
    def itemsize(self) -> builtins.int: ...  # ops/__init__.py:164
    def kron(self, other: Tensor) -> Tensor: ...  # ops/matmul.py:265
    def kthvalue(self, k: builtins.int, dim: builtins.int = ..., keepdim: builtins.bool = ...) -> ValuesIndices: ...  # ops/statistics.py:88
    @property
    def layout(self) -> Tensor: ...  # ops/legacy.py:244
    def lcm(self, other: Any) -> Tensor: ...  # ops/table.py:556
    def lcm_(self, other: Any) -> Tensor: ...  # ops/table.py:556
    def ldexp(self, other: Any) -> Tensor: ...  # ops/elementwise.py:230
    def ldexp_(self, other: Any) -> Tensor: ...  # ops/elementwise.py:230
    def le(self, other: Any) -> Tensor: ...  # ops/table.py:539
    def le_(self, other: Any) -> Tensor: ...  # ops/table.py:539
    def lerp(self, end: Tensor, weight: Any) -> Tensor: ...  # ops/elementwise.py:172
    def lerp_(self, end: Tensor, weight: Any) -> Tensor: ...  # ops/elementwise.py:172
    def less(self, other: Any) -> Tensor: ...  # ops/table.py:537
    def less_(self, other: Any) -> Tensor: ...  # ops/table.py:537
    def less_equal(self, other: Any) -> Tensor: ...  # ops/table.py:539
    def less_equal_(self, other: Any) -> Tensor: ...  # ops/table.py:539
    def lgamma(self) -> Any: ...  # ops/special.py:29
    def log(self) -> Tensor: ...  # ops/table.py:123
    def log10(self) -> Tensor: ...  # ops/table.py:125
    def log10_(self) -> Tensor: ...  # ops/table.py:125
    def log1p(self) -> Tensor: ...  # ops/table.py:126
    def log1p_(self) -> Tensor: ...  # ops/table.py:126
    def log2(self) -> Tensor: ...  # ops/table.py:124
    def log2_(self) -> Tensor: ...  # ops/table.py:124
    def log_(self) -> Tensor: ...  # ops/table.py:123
    def log_normal_(self, mean: builtins.float = ..., std: builtins.float = ..., *, generator: Any = ...) -> Tensor: ...  # ops/inplace.py:389
    def log_softmax(self, dim: builtins.int = ..., dtype: Any = ...) -> Tensor: ...  # ops/reduce.py:77
    def logaddexp(self, other: Any) -> Tensor: ...  # ops/table.py:115
    def logaddexp2(self, other: Any) -> Tensor: ...  # ops/table.py:109
    def logaddexp2_(self, other: Any) -> Tensor: ...  # ops/table.py:109
    def logaddexp_(self, other: Any) -> Tensor: ...  # ops/table.py:115
    def logcumsumexp(self, dim: Any) -> Any: ...  # ops/reduce.py:336
    def logdet(self) -> Tensor: ...  # ops/linalg/older.py:71
    def logical_and(self, other: Any) -> Tensor: ...  # ops/table.py:541
    def logical_and_(self, other: Any) -> Tensor: ...  # ops/table.py:541
    def logical_not(self) -> Tensor: ...  # ops/table.py:544
    def logical_not_(self) -> Tensor: ...  # ops/table.py:544
    def logical_or(self, other: Any) -> Tensor: ...  # ops/table.py:542
    def logical_or_(self, other: Any) -> Tensor: ...  # ops/table.py:542
    def logical_xor(self, other: Any) -> Tensor: ...  # ops/table.py:543
    def logical_xor_(self, other: Any) -> Tensor: ...  # ops/table.py:543
    def logit(self, eps: builtins.float | None = ...) -> Tensor: ...  # ops/elementwise.py:201
    def logit_(self, eps: builtins.float | None = ...) -> Tensor: ...  # ops/elementwise.py:201
    def logsumexp(self, dim: Dim = ..., keepdim: builtins.bool = ...) -> Tensor: ...  # ops/reduce.py:141
    def long(self, memory_format: Any = ...) -> Tensor: ...  # ops/convert.py:57
    def lt(self, other: Any) -> Tensor: ...  # ops/table.py:537
    def lt_(self, other: Any) -> Tensor: ...  # ops/table.py:537
    def lu(self, pivot: builtins.bool = ..., get_infos: builtins.bool = ...) -> Any: ...  # ops/linalg/older.py:131
    def lu_solve(self, LU_data: Tensor, LU_pivots: Tensor) -> Tensor: ...  # ops/linalg/older.py:138
    @property
    def mH(self) -> Tensor: ...  # ops/__init__.py:183
    @property
    def mT(self) -> Tensor: ...  # ops/__init__.py:183
    def map_(self, tensor: Tensor, callable: Callable[[Any, Any], Any]) -> Tensor: ...  # ops/inplace.py:415
    def masked_fill(self, mask: Tensor, value: Any) -> Tensor: ...  # ops/index.py:326
    def masked_fill_(self, mask: Tensor, value: Any) -> Tensor: ...  # ops/index.py:326
    def masked_scatter(self, mask: Tensor, source: Tensor) -> Tensor: ...  # ops/scattering.py:115
    def masked_scatter_(self, mask: Tensor, source: Tensor) -> Tensor: ...  # ops/scattering.py:115
    def masked_select(self, mask: Tensor) -> Tensor: ...  # ops/index.py:343
    def matmul(self, other: Any) -> Tensor: ...  # ops/matmul.py:26
    def matrix_exp(self) -> Any: ...  # ops/linalg/older.py:55
    def matrix_power(self, n: Any) -> Any: ...  # ops/linalg/older.py:59
    def max(self, dim: Any = ..., keepdim: builtins.bool = ..., *, other: Any = ...) -> Any: ...  # ops/reduce.py:96
    def maximum(self, other: Any) -> Tensor: ...  # ops/table.py:75
    def maximum_(self, other: Any) -> Tensor: ...  # ops/table.py:75
    def mean(self, dim: Dim = ..., keepdim: builtins.bool = ..., *, dtype: Any = ...) -> Tensor: ...  # ops/reduce.py:171
    def median(self, dim: builtins.int | None = ..., keepdim: builtins.bool = ...) -> Any: ...  # ops/statistics.py:42
    def min(self, dim: Any = ..., keepdim: builtins.bool = ..., *, other: Any = ...) -> Any: ...  # ops/reduce.py:96
    def minimum(self, other: Any) -> Tensor: ...  # ops/table.py:78
    def minimum_(self, other: Any) -> Tensor: ...  # ops/table.py:78
    def mm(self, mat2: Tensor) -> Tensor: ...  # ops/matmul.py:61
    def mode(self, dim: builtins.int = ..., keepdim: builtins.bool = ...) -> ValuesIndices: ...  # ops/statistics.py:78
    def moveaxis(self, source: Any, destination: Any) -> Tensor: ...  # ops/shape.py:208
    def movedim(self, source: Any, destination: Any) -> Tensor: ...  # ops/shape.py:208
    def msort(self) -> Tensor: ...  # ops/statistics.py:100
    def mul(self, other: Any) -> Tensor: ...  # ops/table.py:54
    def mul_(self, other: Any) -> Tensor: ...  # ops/table.py:54
    def multinomial(self, num_samples: builtins.int, replacement: builtins.bool = ..., *, generator: Any = ...) -> Tensor: ...  # ops/random.py:212
    def multiply(self, other: Any) -> Tensor: ...  # ops/table.py:54
    def multiply_(self, other: Any) -> Tensor: ...  # ops/table.py:54
    def mv(self, vec: Tensor) -> Tensor: ...  # ops/matmul.py:77
    def mvlgamma(self, p: builtins.int) -> Tensor: ...  # ops/special.py:111
    @property
    def name(self) -> Tensor: ...  # ops/legacy.py:246
    def nan_to_num(self, nan: builtins.float | None = ..., posinf: builtins.float | None = ..., neginf: builtins.float | None = ...) -> Tensor: ...  # ops/elementwise.py:185
    def nan_to_num_(self, nan: builtins.float | None = ..., posinf: builtins.float | None = ..., neginf: builtins.float | None = ...) -> Tensor: ...  # ops/elementwise.py:185
    def nanmean(self, dim: Any = ..., keepdim: Any = ..., **kw: Any) -> Any: ...  # ops/reduce.py:349
    def nanmedian(self, dim: builtins.int | None = ..., keepdim: builtins.bool = ...) -> Any: ...  # ops/statistics.py:42
    def nanquantile(self, q: Any, dim: builtins.int | None = ..., keepdim: builtins.bool = ..., *, interpolation: builtins.str = ...) -> Tensor: ...  # ops/statistics.py:127
    def nansum(self, *args: Any, **kw: Any) -> Any: ...  # ops/reduce.py:340
    def narrow(self, dim: builtins.int, start: Any, length: builtins.int) -> Tensor: ...  # ops/shape.py:275
    def narrow_copy(self, *args: Any, **kw: Any) -> Any: ...  # ops/arrange.py:215
    @property
    def nbytes(self) -> builtins.int: ...  # ops/__init__.py:166
    def ndimension(self) -> Any: ...  # ops/legacy.py:194
    def ne(self, other: Any) -> Tensor: ...  # ops/table.py:536
    def ne_(self, other: Any) -> Tensor: ...  # ops/table.py:536
    def neg(self) -> Tensor: ...  # ops/table.py:56
    def neg_(self) -> Tensor: ...  # ops/table.py:56
    def negative(self) -> Tensor: ...  # ops/table.py:56
    def negative_(self) -> Tensor: ...  # ops/table.py:56
    def nelement(self) -> builtins.int: ...  # ops/convert.py:136
    def new(self, *data: Any, device: Any = ...) -> Tensor: ...  # ops/legacy.py:57
    def new_empty(self, *size: Any, dtype: Any = ...) -> Tensor: ...  # ops/create.py:183
    def new_full(self, size: Any, fill_value: Any, *, dtype: Any = ...) -> Tensor: ...  # ops/create.py:177
    def new_ones(self, *size: Any, dtype: Any = ...) -> Tensor: ...  # ops/create.py:189
    def new_tensor(self, data: Any, *, dtype: Any = ...) -> Tensor: ...  # ops/create.py:171
    def new_zeros(self, *size: Any, dtype: Any = ...) -> Tensor: ...  # ops/create.py:183
    def nextafter(self, other: Any) -> Tensor: ...  # ops/table.py:557
    def nextafter_(self, other: Any) -> Tensor: ...  # ops/table.py:557
    def nonzero(self, *, as_tuple: builtins.bool = ...) -> Any: ...  # ops/index.py:351
    def nonzero_static(self, *, size: builtins.int, fill_value: builtins.int = ...) -> Tensor: ...  # ops/scattering.py:310
    def norm(self, p: Any = ..., dim: Dim = ..., keepdim: builtins.bool = ..., dtype: Any = ...) -> Tensor: ...  # ops/reduce.py:264
    def normal_(self, mean: builtins.float = ..., std: builtins.float = ..., *, generator: Any = ...) -> Tensor: ...  # ops/inplace.py:350
    def not_equal(self, other: Any) -> Tensor: ...  # ops/table.py:536
    def not_equal_(self, other: Any) -> Tensor: ...  # ops/table.py:536
    def numel(self) -> builtins.int: ...  # ops/convert.py:136
    def orgqr(self, input2: Any) -> Any: ...  # ops/linalg/older.py:67
    def ormqr(self, tau: Tensor, other: Tensor, left: builtins.bool = ..., transpose: builtins.bool = ...) -> Tensor: ...  # ops/linalg/older.py:162
    def outer(self, vec2: Tensor) -> Tensor: ...  # ops/matmul.py:104
    @property
    def output_nr(self) -> Tensor: ...  # ops/legacy.py:247
    def permute(self, *dims: Any) -> Tensor: ...  # ops/shape.py:177
    def pin_memory(self, device: Any = ...) -> Any: ...  # ops/legacy.py:221
    def pinverse(self, rcond: Any = ...) -> Any: ...  # ops/linalg/older.py:63
    def polygamma(self, input: Tensor) -> Tensor: ...  # ops/special.py:101
    def positive(self) -> Tensor: ...  # ops/elementwise.py:116
    def positive_(self) -> Tensor: ...  # ops/elementwise.py:116
    def pow(self, exponent: Any) -> Tensor: ...  # ops/elementwise.py:90
    def pow_(self, exponent: Any) -> Tensor: ...  # ops/elementwise.py:90
    def prelu(self, weight: Tensor) -> Tensor: ...  # ops/activation.py:74
    def prod(self, dim: builtins.int | None = ..., keepdim: builtins.bool = ..., *, dtype: Any = ...) -> Tensor: ...  # ops/reduce.py:216
    def put(self, index: Tensor, source: Tensor, accumulate: builtins.bool = ...) -> Tensor: ...  # ops/scattering.py:53
    def put_(self, index: Tensor, source: Tensor, accumulate: builtins.bool = ...) -> Tensor: ...  # ops/scattering.py:53
    def qr(self, some: builtins.bool = ...) -> factor.Qr: ...  # ops/linalg/older.py:101
    def quantile(self, q: Any, dim: builtins.int | None = ..., keepdim: builtins.bool = ..., *, interpolation: builtins.str = ...) -> Tensor: ...  # ops/statistics.py:106
    def rad2deg(self) -> Any: ...  # ops/elementwise.py:294
    def rad2deg_(self) -> Any: ...  # ops/elementwise.py:294
    def random_(self, low: builtins.int = ..., to: builtins.int | None = ..., *, generator: Any = ...) -> Tensor: ...  # ops/inplace.py:356
    def ravel(self) -> Any: ...  # ops/shape.py:358
    @property
    def real(self) -> Tensor: ...  # ops/__init__.py:162
    def reciprocal(self) -> Tensor: ...  # ops/table.py:67
    def reciprocal_(self) -> Tensor: ...  # ops/table.py:67
    def relu(self) -> Tensor: ...  # ops/table.py:155
    def relu_(self) -> Tensor: ...  # ops/table.py:155
    def remainder(self, other: Any) -> Tensor: ...  # ops/table.py:68
    def remainder_(self, other: Any) -> Tensor: ...  # ops/table.py:68
    def renorm(self, p: builtins.float, dim: builtins.int, maxnorm: builtins.float) -> Tensor: ...  # ops/calculus.py:225
    def renorm_(self, p: builtins.float, dim: builtins.int, maxnorm: builtins.float) -> Tensor: ...  # ops/calculus.py:225
    def repeat(self, *sizes: Any) -> Tensor: ...  # ops/shape.py:305
    def repeat_interleave(self, repeats: Any = ..., dim: builtins.int | None = ..., *, output_size: builtins.int | None = ...) -> Tensor: ...  # ops/index.py:423
    def reshape(self, *shape: Any) -> Tensor: ...  # ops/shape.py:29
    def reshape_as(self, other: Any) -> Any: ...  # ops/shape.py:353
    def resize_(self, *size: Any, memory_format: Any = ...) -> Tensor: ...  # ops/legacy.py:80
    def resize_as_(self, the_template: Tensor, memory_format: Any = ...) -> Tensor: ...  # ops/legacy.py:102
    def resolve_conj(self) -> Tensor: ...  # ops/elementwise.py:252
    def resolve_conj_(self) -> Tensor: ...  # ops/elementwise.py:252
    def resolve_neg(self) -> Tensor: ...  # ops/elementwise.py:252
    def resolve_neg_(self) -> Tensor: ...  # ops/elementwise.py:252
    def roll(self, shifts: Any, dims: Any = ...) -> Tensor: ...  # ops/join.py:169
    def rot90(self, k: builtins.int = ..., dims: Any = ...) -> Tensor: ...  # ops/arrange.py:125
    def round(self, *, decimals: builtins.int = ...) -> Tensor: ...  # ops/elementwise.py:161
    def round_(self, *, decimals: builtins.int = ...) -> Tensor: ...  # ops/elementwise.py:161
    def rsqrt(self) -> Any: ...  # ops/elementwise.py:286
    def rsqrt_(self) -> Any: ...  # ops/elementwise.py:286
    def scatter(self, dim: builtins.int, index: Tensor, src: Any = ..., *, value: Any = ..., reduce: builtins.str | None = ...) -> Tensor: ...  # ops/index.py:236
    def scatter_(self, dim: builtins.int, index: Tensor, src: Any = ..., *, value: Any = ..., reduce: builtins.str | None = ...) -> Tensor: ...  # ops/index.py:236
    def scatter_add(self, dim: builtins.int, index: Tensor, src: Tensor) -> Tensor: ...  # ops/index.py:217
    def scatter_add_(self, dim: builtins.int, index: Tensor, src: Tensor) -> Tensor: ...  # ops/index.py:217
    def scatter_reduce(self, dim: builtins.int, index: Tensor, src: Tensor, reduce: builtins.str, *, include_self: builtins.bool = ...) -> Tensor: ...  # ops/scattering.py:194
    def scatter_reduce_(self, dim: builtins.int, index: Tensor, src: Tensor, reduce: builtins.str, *, include_self: builtins.bool = ...) -> Tensor: ...  # ops/scattering.py:194
    def select(self, dim: builtins.int, index: Any) -> Tensor: ...  # ops/shape.py:288
    def select_scatter(self, src: Tensor, dim: builtins.int, index: builtins.int) -> Tensor: ...  # ops/scattering.py:157
    def sgn(self) -> Tensor: ...  # ops/elementwise.py:33
    def sgn_(self) -> Tensor: ...  # ops/elementwise.py:33
    def share_memory_(self) -> Any: ...  # ops/legacy.py:225
    def short(self, memory_format: Any = ...) -> Tensor: ...  # ops/convert.py:57
    def sigmoid(self) -> Tensor: ...  # ops/table.py:157
    def sigmoid_(self) -> Tensor: ...  # ops/table.py:157
    def sign(self) -> Tensor: ...  # ops/elementwise.py:33
    def sign_(self) -> Tensor: ...  # ops/elementwise.py:33
    def signbit(self) -> Tensor: ...  # ops/table.py:552
    def sin(self) -> Tensor: ...  # ops/table.py:131
    def sin_(self) -> Tensor: ...  # ops/table.py:131
    def sinc(self) -> Tensor: ...  # ops/table.py:139
    def sinc_(self) -> Tensor: ...  # ops/table.py:139
    def sinh(self) -> Tensor: ...  # ops/table.py:147
    def sinh_(self) -> Tensor: ...  # ops/table.py:147
    def size(self, dim: builtins.int | None = ...) -> Any: ...  # ops/convert.py:146
    def slice_scatter(self, src: Tensor, dim: builtins.int = ..., start: builtins.int | None = ..., end: builtins.int | None = ..., step: builtins.int = ...) -> Tensor: ...  # ops/scattering.py:169
    def slogdet(self) -> Any: ...  # ops/linalg/older.py:51
    def softmax(self, dim: builtins.int = ..., dtype: Any = ...) -> Tensor: ...  # ops/reduce.py:77
    def sort(self, dim: builtins.int = ..., descending: builtins.bool = ..., stable: builtins.bool = ...) -> ValuesIndices: ...  # ops/index.py:368
    def split(self, split_size_or_sections: Any, dim: builtins.int = ...) -> builtins.tuple[Tensor, ...]: ...  # ops/join.py:127
    def split_with_sizes(self, split_sizes: Sequence[builtins.int], dim: builtins.int = ...) -> builtins.tuple[Tensor, ...]: ...  # ops/join.py:114
    def sqrt(self) -> Tensor: ...  # ops/table.py:127
    def sqrt_(self) -> Tensor: ...  # ops/table.py:127
    def square(self) -> Tensor: ...  # ops/elementwise.py:42
    def square_(self) -> Tensor: ...  # ops/elementwise.py:42
    def squeeze(self, dim: Any = ...) -> Tensor: ...  # ops/shape.py:158
    def squeeze_(self, dim: Any = ...) -> Tensor: ...  # ops/shape.py:158
    def std(self, dim: Any = ..., unbiased: builtins.bool | None = ..., keepdim: builtins.bool = ..., *, correction: builtins.float | None = ...) -> Tensor: ...  # ops/reduce.py:184
    def storage_offset(self) -> Any: ...  # ops/legacy.py:229
    def stride(self, dim: builtins.int | None = ...) -> Any: ...  # ops/convert.py:156
    def sub(self, other: Any, last: Any = ..., *, alpha: Any = ...) -> Tensor: ...  # ops/elementwise.py:56
    def sub_(self, other: Any, last: Any = ..., *, alpha: Any = ...) -> Tensor: ...  # ops/elementwise.py:56
    def subtract(self, other: Any, last: Any = ..., *, alpha: Any = ...) -> Tensor: ...  # ops/elementwise.py:56
    def subtract_(self, other: Any, last: Any = ..., *, alpha: Any = ...) -> Tensor: ...  # ops/elementwise.py:56
    def sum(self, dim: Dim = ..., keepdim: builtins.bool = ..., *, dtype: Any = ...) -> Tensor: ...  # ops/reduce.py:159
    def sum_to_size(self, *size: Any) -> Tensor: ...  # ops/arrange.py:145
    def svd(self, some: builtins.bool = ..., compute_uv: builtins.bool = ...) -> SVD: ...  # ops/linalg/older.py:107
    def swapaxes(self, dim0: builtins.int, dim1: builtins.int) -> Tensor: ...  # ops/shape.py:186
    def swapaxes_(self, dim0: builtins.int, dim1: builtins.int) -> Tensor: ...  # ops/shape.py:186
    def swapdims(self, dim0: builtins.int, dim1: builtins.int) -> Tensor: ...  # ops/shape.py:186
    def swapdims_(self, dim0: builtins.int, dim1: builtins.int) -> Tensor: ...  # ops/shape.py:186
    def t(self) -> Tensor: ...  # ops/shape.py:200
    def t_(self) -> Tensor: ...  # ops/shape.py:200
    def take(self, index: Tensor) -> Tensor: ...  # ops/scattering.py:34
    def take_along_dim(self, indices: Tensor, dim: builtins.int | None = ...) -> Tensor: ...  # ops/index.py:403
    def tan(self) -> Tensor: ...  # ops/table.py:135
    def tan_(self) -> Tensor: ...  # ops/table.py:135
    def tanh(self) -> Tensor: ...  # ops/table.py:149
    def tanh_(self) -> Tensor: ...  # ops/table.py:149
    def tensor_split(self, indices_or_sections: Any, dim: builtins.int = ...) -> builtins.tuple[Tensor, ...]: ...  # ops/join.py:148
    def tile(self, *dims: Any) -> Tensor: ...  # ops/shape.py:320
    def to(self, *args: Any, dtype: Any = ..., device: Any = ..., other: Any = ..., non_blocking: builtins.bool = ..., copy: builtins.bool = ..., memory_format: Any = ...) -> Tensor: ...  # ops/convert.py:19
    def to_dense(self, dtype: Any = ..., **kw: Any) -> Any: ...  # ops/legacy.py:237
    def to_sparse(self, *args: Any, **kw: Any) -> Any: ...  # ops/legacy.py:162
    def to_sparse_coo(self, *args: Any, **kw: Any) -> Any: ...  # ops/legacy.py:162
    def topk(self, k: builtins.int, dim: builtins.int = ..., largest: builtins.bool = ..., sorted: builtins.bool = ...) -> ValuesIndices: ...  # ops/index.py:388
    def trace(self) -> Tensor: ...  # ops/diagonal.py:56
    def transpose(self, dim0: builtins.int, dim1: builtins.int) -> Tensor: ...  # ops/shape.py:186
    def transpose_(self, dim0: builtins.int, dim1: builtins.int) -> Tensor: ...  # ops/shape.py:186
    def triangular_solve(self, A: Tensor, upper: builtins.bool = ..., transpose: builtins.bool = ..., unitriangular: builtins.bool = ...) -> TriangularSolve: ...  # ops/linalg/older.py:116
    def tril(self, diagonal: Any = ...) -> Any: ...  # ops/diagonal.py:79
    def tril_(self, diagonal: Any = ...) -> Any: ...  # ops/diagonal.py:79
    def triu(self, diagonal: Any = ...) -> Any: ...  # ops/diagonal.py:83
    def triu_(self, diagonal: Any = ...) -> Any: ...  # ops/diagonal.py:83
    def true_divide(self, other: Any) -> Any: ...  # ops/elementwise.py:284
    def true_divide_(self, other: Any) -> Any: ...  # ops/elementwise.py:284
    def trunc(self) -> Tensor: ...  # ops/table.py:243
    def trunc_(self) -> Tensor: ...  # ops/table.py:243
    def type(self, dtype: Any = ..., non_blocking: builtins.bool = ...) -> Any: ...  # ops/legacy.py:50
    def type_as(self, other: Tensor) -> Tensor: ...  # ops/convert.py:121
    def unbind(self, dim: builtins.int = ...) -> builtins.tuple[Tensor, ...]: ...  # ops/join.py:162
    def unflatten(self, dim: builtins.int, sizes: Sequence[builtins.int]) -> Tensor: ...  # ops/shape.py:151
    def unfold(self, dimension: builtins.int, size: builtins.int, step: builtins.int) -> Tensor: ...  # ops/arrange.py:162
    def uniform_(self, low: builtins.float = ..., to: builtins.float = ..., *, generator: Any = ...) -> Tensor: ...  # ops/inplace.py:344
    def unique(self, sorted: builtins.bool = ..., return_inverse: builtins.bool = ..., return_counts: builtins.bool = ..., dim: builtins.int | None = ...) -> Any: ...  # ops/index.py:443
    def unique_consecutive(self, return_inverse: builtins.bool = ..., return_counts: builtins.bool = ..., dim: builtins.int | None = ...) -> Any: ...  # ops/searching.py:86
    def unsafe_chunk(self, chunks: builtins.int, dim: builtins.int = ...) -> builtins.tuple[Tensor, ...]: ...  # ops/join.py:139
    def unsafe_split(self, split_size_or_sections: Any, dim: builtins.int = ...) -> builtins.tuple[Tensor, ...]: ...  # ops/join.py:127
    def unsafe_split_with_sizes(self, split_sizes: Sequence[builtins.int], dim: builtins.int = ...) -> builtins.tuple[Tensor, ...]: ...  # ops/join.py:114
    def unsqueeze(self, dim: builtins.int) -> Tensor: ...  # ops/shape.py:169
    def unsqueeze_(self, dim: builtins.int) -> Tensor: ...  # ops/shape.py:169
    def var(self, dim: Any = ..., unbiased: builtins.bool | None = ..., keepdim: builtins.bool = ..., *, correction: builtins.float | None = ...) -> Tensor: ...  # ops/reduce.py:184
    def vdot(self, tensor: Tensor) -> Tensor: ...  # ops/matmul.py:84
    def view(self, *shape: Any, dtype: Any = ...) -> Tensor: ...  # ops/shape.py:49
    def view_as(self, other: Any) -> Any: ...  # ops/shape.py:351
    def vsplit(self, indices_or_sections: Any) -> builtins.tuple[Tensor, ...]: ...  # ops/arrange.py:98
    def where(self, condition: Tensor, other: Any) -> Tensor: ...  # ops/__init__.py:202
    def xlogy(self, other: Any) -> Tensor: ...  # ops/table.py:90
    def xlogy_(self, other: Any) -> Tensor: ...  # ops/table.py:90
    def zero_(self) -> Tensor: ...  # ops/inplace.py:339
