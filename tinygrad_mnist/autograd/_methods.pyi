"""The methods that `ops/` gives to Tensor: written by scripts/write_stub.py."""

import builtins
from collections.abc import Sequence
from typing import Any

from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.ops.arguments import Dim, device
from tinygrad_mnist.ops.reduce import Found, MinMax

class TensorMethods:
    @property
    def H(self) -> Tensor: ...  # ops/__init__.py:93
    @property
    def T(self) -> Tensor: ...  # ops/__init__.py:107
    def __abs__(self) -> Tensor: ...  # ops/table.py:136
    def __add__(self, b: Any) -> Tensor: ...  # ops/__init__.py:55
    def __and__(self, b: Any) -> Tensor: ...  # ops/__init__.py:55
    def __array_ufunc__(self, ufunc: Any, method: builtins.str, *inputs: Any, **kw: Any) -> Any: ...  # ops/convert.py:63
    def __deepcopy__(self, memo: builtins.dict[builtins.int, Any]) -> Tensor: ...  # ops/convert.py:88
    def __dlpack__(self, **kw: Any) -> Any: ...  # ops/convert.py:171
    def __dlpack_device__(self) -> Any: ...  # ops/convert.py:172
    def __eq__(self, other: Any) -> Tensor: ...  # type: ignore[override]  # ops/__init__.py:55
    def __floordiv__(self, b: Any) -> Tensor: ...  # ops/__init__.py:55
    def __ge__(self, b: Any) -> Tensor: ...  # ops/__init__.py:55
    def __getitem__(self, key: Any) -> Tensor: ...  # ops/index.py:27
    def __gt__(self, b: Any) -> Tensor: ...  # ops/__init__.py:55
    def __iadd__(self, other: Any, *, alpha: Any = ...) -> Tensor: ...  # ops/elementwise.py:47
    def __ifloordiv__(self, other: Any) -> Tensor: ...  # ops/table.py:60
    def __imod__(self, other: Any) -> Tensor: ...  # ops/table.py:56
    def __imul__(self, other: Any) -> Tensor: ...  # ops/table.py:47
    def __invert__(self) -> Tensor: ...  # ops/table.py:311
    def __ipow__(self, exponent: Any) -> Tensor: ...  # ops/elementwise.py:85
    def __isub__(self, other: Any, *, alpha: Any = ...) -> Tensor: ...  # ops/elementwise.py:53
    def __itruediv__(self, other: Any, *, rounding_mode: builtins.str | None = ...) -> Tensor: ...  # ops/elementwise.py:67
    def __le__(self, b: Any) -> Tensor: ...  # ops/__init__.py:55
    def __lt__(self, b: Any) -> Tensor: ...  # ops/__init__.py:55
    def __matmul__(self, b: Any) -> Tensor: ...  # ops/__init__.py:55
    def __mod__(self, b: Any) -> Tensor: ...  # ops/__init__.py:55
    def __mul__(self, b: Any) -> Tensor: ...  # ops/__init__.py:55
    def __ne__(self, other: Any) -> Tensor: ...  # type: ignore[override]  # ops/__init__.py:55
    def __neg__(self) -> Tensor: ...  # ops/table.py:49
    def __or__(self, b: Any) -> Tensor: ...  # ops/__init__.py:55
    def __pos__(self) -> Tensor: ...  # ops/elementwise.py:111
    def __pow__(self, b: Any) -> Tensor: ...  # ops/__init__.py:55
    def __radd__(self, b: Any) -> Tensor: ...  # ops/__init__.py:60
    def __rand__(self, b: Any) -> Tensor: ...  # ops/__init__.py:60
    def __reduce__(self) -> builtins.tuple[Any, ...]: ...  # ops/convert.py:105
    def __rfloordiv__(self, b: Any) -> Tensor: ...  # ops/__init__.py:60
    def __rmatmul__(self, b: Any) -> Tensor: ...  # ops/__init__.py:60
    def __rmod__(self, b: Any) -> Tensor: ...  # ops/__init__.py:60
    def __rmul__(self, b: Any) -> Tensor: ...  # ops/__init__.py:60
    def __ror__(self, b: Any) -> Tensor: ...  # ops/__init__.py:60
    def __rpow__(self, b: Any) -> Tensor: ...  # ops/__init__.py:60
    def __rsub__(self, b: Any) -> Tensor: ...  # ops/__init__.py:60
    def __rtruediv__(self, b: Any) -> Tensor: ...  # ops/__init__.py:60
    def __rxor__(self, b: Any) -> Tensor: ...  # ops/__init__.py:60
    def __setitem__(self, key: Any, value: Any) -> None: ...  # ops/inplace.py:148
    def __sub__(self, b: Any) -> Tensor: ...  # ops/__init__.py:55
    def __truediv__(self, b: Any) -> Tensor: ...  # ops/__init__.py:55
    def __xor__(self, b: Any) -> Tensor: ...  # ops/__init__.py:55
    def abs(self) -> Tensor: ...  # ops/table.py:136
    def abs_(self) -> Tensor: ...  # ops/table.py:136
    def absolute(self) -> Tensor: ...  # ops/table.py:136
    def absolute_(self) -> Tensor: ...  # ops/table.py:136
    def acos(self) -> Tensor: ...  # ops/table.py:105
    def acos_(self) -> Tensor: ...  # ops/table.py:105
    def acosh(self) -> Tensor: ...  # ops/table.py:119
    def acosh_(self) -> Tensor: ...  # ops/table.py:119
    def add(self, other: Any, *, alpha: Any = ...) -> Tensor: ...  # ops/elementwise.py:47
    def add_(self, other: Any, *, alpha: Any = ...) -> Tensor: ...  # ops/elementwise.py:47
    def addbmm(self, a: Tensor, b: Tensor, *, beta: Any = ..., alpha: Any = ...) -> Tensor: ...  # ops/matmul.py:113
    def addcdiv(self, tensor1: Any, tensor2: Any, *, value: Any = ...) -> Any: ...  # ops/elementwise.py:220
    def addcdiv_(self, tensor1: Any, tensor2: Any, *, value: Any = ...) -> Any: ...  # ops/elementwise.py:220
    def addcmul(self, tensor1: Any, tensor2: Any, *, value: Any = ...) -> Any: ...  # ops/elementwise.py:214
    def addcmul_(self, tensor1: Any, tensor2: Any, *, value: Any = ...) -> Any: ...  # ops/elementwise.py:214
    def addmm(self, a: Tensor, b: Tensor, *, beta: Any = ..., alpha: Any = ...) -> Tensor: ...  # ops/matmul.py:113
    def addmv(self, a: Tensor, b: Tensor, *, beta: Any = ..., alpha: Any = ...) -> Tensor: ...  # ops/matmul.py:113
    def addr(self, a: Tensor, b: Tensor, *, beta: Any = ..., alpha: Any = ...) -> Tensor: ...  # ops/matmul.py:113
    def all(self, dim: Any = ..., keepdim: Any = ...) -> Any: ...  # ops/reduce.py:306
    def allclose(self, other: Any, rtol: builtins.float = ..., atol: builtins.float = ..., equal_nan: builtins.bool = ...) -> builtins.bool: ...  # ops/compare.py:60
    def amax(self, dim: Dim = ..., keepdim: builtins.bool = ...) -> Tensor: ...  # ops/reduce.py:54
    def amin(self, dim: Dim = ..., keepdim: builtins.bool = ...) -> Tensor: ...  # ops/reduce.py:54
    def aminmax(self, **kw: Any) -> Any: ...  # ops/reduce.py:315
    def any(self, dim: Dim = ..., keepdim: builtins.bool = ...) -> Tensor: ...  # ops/reduce.py:54
    def arccos(self) -> Tensor: ...  # ops/table.py:105
    def arccos_(self) -> Tensor: ...  # ops/table.py:105
    def arcsin(self) -> Tensor: ...  # ops/table.py:104
    def arcsin_(self) -> Tensor: ...  # ops/table.py:104
    def arctan(self) -> Tensor: ...  # ops/table.py:106
    def arctan_(self) -> Tensor: ...  # ops/table.py:106
    def argmax(self, dim: builtins.int | None = ..., keepdim: builtins.bool = ...) -> Tensor: ...  # ops/reduce.py:65
    def argmin(self, dim: builtins.int | None = ..., keepdim: builtins.bool = ...) -> Tensor: ...  # ops/reduce.py:65
    def argsort(self, dim: builtins.int = ..., descending: builtins.bool = ..., stable: builtins.bool = ...) -> Tensor: ...  # ops/index.py:285
    def argwhere(self) -> Tensor: ...  # ops/index.py:269
    def asin(self) -> Tensor: ...  # ops/table.py:104
    def asin_(self) -> Tensor: ...  # ops/table.py:104
    def asinh(self) -> Tensor: ...  # ops/table.py:118
    def asinh_(self) -> Tensor: ...  # ops/table.py:118
    def atan(self) -> Tensor: ...  # ops/table.py:106
    def atan2(self, other: Any) -> Tensor: ...  # ops/table.py:69
    def atan2_(self, other: Any) -> Tensor: ...  # ops/table.py:69
    def atan_(self) -> Tensor: ...  # ops/table.py:106
    def atanh(self) -> Tensor: ...  # ops/table.py:120
    def atanh_(self) -> Tensor: ...  # ops/table.py:120
    def baddbmm(self, a: Tensor, b: Tensor, *, beta: Any = ..., alpha: Any = ...) -> Tensor: ...  # ops/matmul.py:113
    def bernoulli(self, p: builtins.float | None = ..., *, generator: Any = ...) -> Tensor: ...  # ops/random.py:184
    def bernoulli_(self, p: builtins.float | None = ..., *, generator: Any = ...) -> Tensor: ...  # ops/random.py:184
    def bitwise_and(self, other: Any) -> Tensor: ...  # ops/table.py:308
    def bitwise_not(self) -> Tensor: ...  # ops/table.py:311
    def bitwise_or(self, other: Any) -> Tensor: ...  # ops/table.py:309
    def bitwise_xor(self, other: Any) -> Tensor: ...  # ops/table.py:310
    def bmm(self, mat2: Tensor) -> Tensor: ...  # ops/matmul.py:67
    def bool(self, memory_format: Any = ...) -> Tensor: ...  # ops/convert.py:56
    def broadcast_to(self, size: Any) -> Tensor: ...  # ops/shape.py:164
    def byte(self, memory_format: Any = ...) -> Tensor: ...  # ops/convert.py:56
    def ceil(self) -> Tensor: ...  # ops/table.py:139
    def ceil_(self) -> Tensor: ...  # ops/table.py:139
    def chunk(self, chunks: builtins.int, dim: builtins.int = ...) -> builtins.tuple[Tensor, ...]: ...  # ops/join.py:126
    def clamp(self, min: Any = ..., max: Any = ...) -> Tensor: ...  # ops/elementwise.py:119
    def clamp_(self, min: Any = ..., max: Any = ...) -> Tensor: ...  # ops/elementwise.py:119
    def clamp_max(self, max: Any) -> Any: ...  # ops/elementwise.py:224
    def clamp_max_(self, max: Any) -> Any: ...  # ops/elementwise.py:224
    def clamp_min(self, min: Any) -> Any: ...  # ops/elementwise.py:223
    def clamp_min_(self, min: Any) -> Any: ...  # ops/elementwise.py:223
    def clip(self, min: Any = ..., max: Any = ...) -> Tensor: ...  # ops/elementwise.py:119
    def clip_(self, min: Any = ..., max: Any = ...) -> Tensor: ...  # ops/elementwise.py:119
    def clone(self, *, memory_format: Any = ...) -> Any: ...  # ops/shape.py:284
    def contiguous(self, memory_format: Any = ...) -> Tensor: ...  # ops/shape.py:179
    def copy_(self, src: Any, non_blocking: builtins.bool = ...) -> Tensor: ...  # ops/inplace.py:184
    def cos(self) -> Tensor: ...  # ops/table.py:100
    def cos_(self) -> Tensor: ...  # ops/table.py:100
    def cosh(self) -> Tensor: ...  # ops/table.py:116
    def cosh_(self) -> Tensor: ...  # ops/table.py:116
    def count_nonzero(self, dim: Any = ...) -> Any: ...  # ops/reduce.py:319
    def cpu(self) -> Tensor: ...  # ops/convert.py:42
    def cuda(self, *_: Any) -> Tensor: ...  # ops/convert.py:47
    def cumprod(self, dim: Any, *, dtype: Any = ...) -> Any: ...  # ops/reduce.py:323
    def cumsum(self, dim: builtins.int, *, dtype: Any = ...) -> Tensor: ...  # ops/reduce.py:233
    def data_ptr(self) -> builtins.int: ...  # ops/convert.py:157
    def deg2rad(self) -> Any: ...  # ops/elementwise.py:225
    def deg2rad_(self) -> Any: ...  # ops/elementwise.py:225
    @property
    def device(self) -> device: ...  # ops/__init__.py:96
    def diag(self, diagonal: builtins.int = ...) -> Tensor: ...  # ops/diagonal.py:47
    def diagflat(self, offset: Any = ...) -> Any: ...  # ops/diagonal.py:76
    def diagonal(self, offset: builtins.int = ..., dim1: builtins.int = ..., dim2: builtins.int = ...) -> Tensor: ...  # ops/diagonal.py:17
    def dim(self) -> builtins.int: ...  # ops/convert.py:136
    def dist(self, other: Any, p: Any = ...) -> Any: ...  # ops/reduce.py:346
    def div(self, other: Any, *, rounding_mode: builtins.str | None = ...) -> Tensor: ...  # ops/elementwise.py:67
    def div_(self, other: Any, *, rounding_mode: builtins.str | None = ...) -> Tensor: ...  # ops/elementwise.py:67
    def divide(self, other: Any, *, rounding_mode: builtins.str | None = ...) -> Tensor: ...  # ops/elementwise.py:67
    def divide_(self, other: Any, *, rounding_mode: builtins.str | None = ...) -> Tensor: ...  # ops/elementwise.py:67
    def dot(self, tensor: Tensor) -> Tensor: ...  # ops/matmul.py:83
    def double(self, memory_format: Any = ...) -> Tensor: ...  # ops/convert.py:56
    def element_size(self) -> builtins.int: ...  # ops/convert.py:146
    def eq(self, other: Any) -> Tensor: ...  # ops/table.py:298
    def eq_(self, other: Any) -> Tensor: ...  # ops/table.py:298
    def equal(self, other: Tensor) -> builtins.bool: ...  # ops/compare.py:68
    def erf(self) -> Tensor: ...  # ops/table.py:132
    def erf_(self) -> Tensor: ...  # ops/table.py:132
    def erfc(self) -> Tensor: ...  # ops/table.py:133
    def erfc_(self) -> Tensor: ...  # ops/table.py:133
    def exp(self) -> Tensor: ...  # ops/table.py:88
    def exp2(self) -> Tensor: ...  # ops/table.py:89
    def exp2_(self) -> Tensor: ...  # ops/table.py:89
    def exp_(self) -> Tensor: ...  # ops/table.py:88
    def expand(self, *size: Any) -> Tensor: ...  # ops/shape.py:173
    def expand_as(self, other: Any) -> Any: ...  # ops/shape.py:279
    def expm1(self) -> Tensor: ...  # ops/table.py:90
    def expm1_(self) -> Tensor: ...  # ops/table.py:90
    def fill_(self, value: Any) -> Tensor: ...  # ops/elementwise.py:147
    def fix(self) -> Tensor: ...  # ops/table.py:141
    def fix_(self) -> Tensor: ...  # ops/table.py:141
    def flatten(self, start_dim: builtins.int = ..., end_dim: builtins.int = ...) -> Tensor: ...  # ops/shape.py:77
    def flip(self, *dims: Any) -> Tensor: ...  # ops/shape.py:221
    def float(self, memory_format: Any = ...) -> Tensor: ...  # ops/convert.py:56
    def float_power(self, exponent: Any) -> Any: ...  # ops/elementwise.py:210
    def float_power_(self, exponent: Any) -> Any: ...  # ops/elementwise.py:210
    def floor(self) -> Tensor: ...  # ops/table.py:138
    def floor_(self) -> Tensor: ...  # ops/table.py:138
    def floor_divide(self, other: Any) -> Tensor: ...  # ops/table.py:60
    def floor_divide_(self, other: Any) -> Tensor: ...  # ops/table.py:60
    def fmod(self, other: Any) -> Tensor: ...  # ops/table.py:59
    def fmod_(self, other: Any) -> Tensor: ...  # ops/table.py:59
    def frac(self) -> Any: ...  # ops/elementwise.py:222
    def frac_(self) -> Any: ...  # ops/elementwise.py:222
    def gather(self, dim: builtins.int, index: Tensor, *, sparse_grad: builtins.bool = ...) -> Tensor: ...  # ops/index.py:126
    def ge(self, other: Any) -> Tensor: ...  # ops/table.py:303
    def ge_(self, other: Any) -> Tensor: ...  # ops/table.py:303
    def greater(self, other: Any) -> Tensor: ...  # ops/table.py:301
    def greater_equal(self, other: Any) -> Tensor: ...  # ops/table.py:303
    def gt(self, other: Any) -> Tensor: ...  # ops/table.py:301
    def gt_(self, other: Any) -> Tensor: ...  # ops/table.py:301
    def half(self, memory_format: Any = ...) -> Tensor: ...  # ops/convert.py:56
    def hypot(self, other: Any) -> Tensor: ...  # ops/table.py:74
    def hypot_(self, other: Any) -> Tensor: ...  # ops/table.py:74
    def index_add(self, dim: builtins.int, index: Tensor, source: Tensor, *, alpha: Any = ...) -> Tensor: ...  # ops/index.py:199
    def index_add_(self, dim: builtins.int, index: Tensor, source: Tensor, *, alpha: Any = ...) -> Tensor: ...  # ops/index.py:199
    def index_copy(self, dim: builtins.int, index: Tensor, source: Tensor) -> Tensor: ...  # ops/index.py:215
    def index_copy_(self, dim: builtins.int, index: Tensor, source: Tensor) -> Tensor: ...  # ops/index.py:215
    def index_fill(self, dim: builtins.int, index: Tensor, value: Any) -> Tensor: ...  # ops/index.py:225
    def index_fill_(self, dim: builtins.int, index: Tensor, value: Any) -> Tensor: ...  # ops/index.py:225
    def index_select(self, dim: builtins.int, index: Tensor) -> Tensor: ...  # ops/index.py:188
    def inner(self, other: Tensor) -> Tensor: ...  # ops/matmul.py:93
    def int(self, memory_format: Any = ...) -> Tensor: ...  # ops/convert.py:56
    def is_contiguous(self, memory_format: Any = ...) -> builtins.bool: ...  # ops/convert.py:126
    @property
    def is_cuda(self) -> builtins.bool: ...  # ops/__init__.py:97
    def is_floating_point(self) -> builtins.bool: ...  # ops/convert.py:121
    def isclose(self, other: Any, rtol: builtins.float = ..., atol: builtins.float = ..., equal_nan: builtins.bool = ...) -> Tensor: ...  # ops/compare.py:42
    def isfinite(self) -> Tensor: ...  # ops/table.py:314
    def isinf(self) -> Tensor: ...  # ops/table.py:313
    def isnan(self) -> Tensor: ...  # ops/table.py:312
    def isneginf(self) -> Any: ...  # ops/compare.py:22
    def isposinf(self) -> Any: ...  # ops/compare.py:21
    @property
    def itemsize(self) -> builtins.int: ...  # ops/__init__.py:100
    def kron(self, other: Tensor) -> Tensor: ...  # ops/matmul.py:264
    def le(self, other: Any) -> Tensor: ...  # ops/table.py:302
    def le_(self, other: Any) -> Tensor: ...  # ops/table.py:302
    def lerp(self, end: Tensor, weight: Any) -> Tensor: ...  # ops/elementwise.py:167
    def lerp_(self, end: Tensor, weight: Any) -> Tensor: ...  # ops/elementwise.py:167
    def less(self, other: Any) -> Tensor: ...  # ops/table.py:300
    def less_equal(self, other: Any) -> Tensor: ...  # ops/table.py:302
    def log(self) -> Tensor: ...  # ops/table.py:91
    def log10(self) -> Tensor: ...  # ops/table.py:93
    def log10_(self) -> Tensor: ...  # ops/table.py:93
    def log1p(self) -> Tensor: ...  # ops/table.py:94
    def log1p_(self) -> Tensor: ...  # ops/table.py:94
    def log2(self) -> Tensor: ...  # ops/table.py:92
    def log2_(self) -> Tensor: ...  # ops/table.py:92
    def log_(self) -> Tensor: ...  # ops/table.py:91
    def log_softmax(self, dim: builtins.int = ..., dtype: Any = ...) -> Tensor: ...  # ops/reduce.py:77
    def logaddexp(self, other: Any) -> Tensor: ...  # ops/table.py:83
    def logaddexp_(self, other: Any) -> Tensor: ...  # ops/table.py:83
    def logcumsumexp(self, dim: Any) -> Any: ...  # ops/reduce.py:327
    def logical_and(self, other: Any) -> Tensor: ...  # ops/table.py:304
    def logical_and_(self, other: Any) -> Tensor: ...  # ops/table.py:304
    def logical_not(self) -> Tensor: ...  # ops/table.py:307
    def logical_not_(self) -> Tensor: ...  # ops/table.py:307
    def logical_or(self, other: Any) -> Tensor: ...  # ops/table.py:305
    def logical_or_(self, other: Any) -> Tensor: ...  # ops/table.py:305
    def logical_xor(self, other: Any) -> Tensor: ...  # ops/table.py:306
    def logit(self, eps: builtins.float | None = ...) -> Tensor: ...  # ops/elementwise.py:196
    def logit_(self, eps: builtins.float | None = ...) -> Tensor: ...  # ops/elementwise.py:196
    def logsumexp(self, dim: Dim = ..., keepdim: builtins.bool = ...) -> Tensor: ...  # ops/reduce.py:136
    def long(self, memory_format: Any = ...) -> Tensor: ...  # ops/convert.py:56
    def lt(self, other: Any) -> Tensor: ...  # ops/table.py:300
    def lt_(self, other: Any) -> Tensor: ...  # ops/table.py:300
    @property
    def mT(self) -> Tensor: ...  # ops/__init__.py:88
    def masked_fill(self, mask: Tensor, value: Any) -> Tensor: ...  # ops/index.py:235
    def masked_fill_(self, mask: Tensor, value: Any) -> Tensor: ...  # ops/index.py:235
    def masked_select(self, mask: Tensor) -> Tensor: ...  # ops/index.py:252
    def matmul(self, other: Any) -> Tensor: ...  # ops/matmul.py:25
    def max(self, dim: Any = ..., keepdim: builtins.bool = ...) -> Any: ...  # ops/reduce.py:96
    def maximum(self, other: Any) -> Tensor: ...  # ops/table.py:63
    def maximum_(self, other: Any) -> Tensor: ...  # ops/table.py:63
    def mean(self, dim: Dim = ..., keepdim: builtins.bool = ..., *, dtype: Any = ...) -> Tensor: ...  # ops/reduce.py:166
    def min(self, dim: Any = ..., keepdim: builtins.bool = ...) -> Any: ...  # ops/reduce.py:96
    def minimum(self, other: Any) -> Tensor: ...  # ops/table.py:66
    def minimum_(self, other: Any) -> Tensor: ...  # ops/table.py:66
    def mm(self, mat2: Tensor) -> Tensor: ...  # ops/matmul.py:60
    def movedim(self, source: Any, destination: Any) -> Tensor: ...  # ops/shape.py:144
    def mul(self, other: Any) -> Tensor: ...  # ops/table.py:47
    def mul_(self, other: Any) -> Tensor: ...  # ops/table.py:47
    def multinomial(self, num_samples: builtins.int, replacement: builtins.bool = ..., *, generator: Any = ...) -> Tensor: ...  # ops/random.py:191
    def multiply(self, other: Any) -> Tensor: ...  # ops/table.py:47
    def multiply_(self, other: Any) -> Tensor: ...  # ops/table.py:47
    def mv(self, vec: Tensor) -> Tensor: ...  # ops/matmul.py:76
    def nan_to_num(self, nan: builtins.float | None = ..., posinf: builtins.float | None = ..., neginf: builtins.float | None = ...) -> Tensor: ...  # ops/elementwise.py:180
    def nan_to_num_(self, nan: builtins.float | None = ..., posinf: builtins.float | None = ..., neginf: builtins.float | None = ...) -> Tensor: ...  # ops/elementwise.py:180
    def nanmean(self, dim: Any = ..., keepdim: Any = ..., **kw: Any) -> Any: ...  # ops/reduce.py:340
    def nansum(self, *args: Any, **kw: Any) -> Any: ...  # ops/reduce.py:331
    def narrow(self, dim: builtins.int, start: Any, length: builtins.int) -> Tensor: ...  # ops/shape.py:199
    @property
    def nbytes(self) -> builtins.int: ...  # ops/__init__.py:102
    def ne(self, other: Any) -> Tensor: ...  # ops/table.py:299
    def ne_(self, other: Any) -> Tensor: ...  # ops/table.py:299
    def neg(self) -> Tensor: ...  # ops/table.py:49
    def neg_(self) -> Tensor: ...  # ops/table.py:49
    def negative(self) -> Tensor: ...  # ops/table.py:49
    def negative_(self) -> Tensor: ...  # ops/table.py:49
    def nelement(self) -> builtins.int: ...  # ops/convert.py:131
    def new_empty(self, *size: Any, dtype: Any = ...) -> Tensor: ...  # ops/create.py:167
    def new_full(self, size: Any, fill_value: Any, *, dtype: Any = ...) -> Tensor: ...  # ops/create.py:161
    def new_ones(self, *size: Any, dtype: Any = ...) -> Tensor: ...  # ops/create.py:173
    def new_tensor(self, data: Any, *, dtype: Any = ...) -> Tensor: ...  # ops/create.py:155
    def new_zeros(self, *size: Any, dtype: Any = ...) -> Tensor: ...  # ops/create.py:167
    def nonzero(self, *, as_tuple: builtins.bool = ...) -> Any: ...  # ops/index.py:260
    def norm(self, p: Any = ..., dim: Dim = ..., keepdim: builtins.bool = ..., dtype: Any = ...) -> Tensor: ...  # ops/reduce.py:256
    def normal_(self, mean: builtins.float = ..., std: builtins.float = ..., *, generator: Any = ...) -> Tensor: ...  # ops/inplace.py:200
    def not_equal(self, other: Any) -> Tensor: ...  # ops/table.py:299
    def numel(self) -> builtins.int: ...  # ops/convert.py:131
    def outer(self, vec2: Tensor) -> Tensor: ...  # ops/matmul.py:103
    def permute(self, *dims: Any) -> Tensor: ...  # ops/shape.py:114
    def positive(self) -> Tensor: ...  # ops/elementwise.py:111
    def positive_(self) -> Tensor: ...  # ops/elementwise.py:111
    def pow(self, exponent: Any) -> Tensor: ...  # ops/elementwise.py:85
    def pow_(self, exponent: Any) -> Tensor: ...  # ops/elementwise.py:85
    def prod(self, dim: builtins.int | None = ..., keepdim: builtins.bool = ..., *, dtype: Any = ...) -> Tensor: ...  # ops/reduce.py:207
    def rad2deg(self) -> Any: ...  # ops/elementwise.py:226
    def rad2deg_(self) -> Any: ...  # ops/elementwise.py:226
    def random_(self, low: builtins.int = ..., high: builtins.int | None = ..., *, generator: Any = ...) -> Tensor: ...  # ops/inplace.py:206
    def ravel(self) -> Any: ...  # ops/shape.py:281
    @property
    def real(self) -> Tensor: ...  # ops/__init__.py:98
    def reciprocal(self) -> Tensor: ...  # ops/table.py:55
    def reciprocal_(self) -> Tensor: ...  # ops/table.py:55
    def relu(self) -> Tensor: ...  # ops/table.py:123
    def relu_(self) -> Tensor: ...  # ops/table.py:123
    def remainder(self, other: Any) -> Tensor: ...  # ops/table.py:56
    def remainder_(self, other: Any) -> Tensor: ...  # ops/table.py:56
    def repeat(self, *sizes: Any) -> Tensor: ...  # ops/shape.py:229
    def repeat_interleave(self, repeats: Any, dim: builtins.int | None = ..., *, output_size: builtins.int | None = ...) -> Tensor: ...  # ops/index.py:326
    def reshape(self, *shape: Any) -> Tensor: ...  # ops/shape.py:28
    def reshape_as(self, other: Any) -> Any: ...  # ops/shape.py:276
    def roll(self, shifts: Any, dims: Any = ...) -> Tensor: ...  # ops/join.py:156
    def round(self, *, decimals: builtins.int = ...) -> Tensor: ...  # ops/elementwise.py:156
    def round_(self, *, decimals: builtins.int = ...) -> Tensor: ...  # ops/elementwise.py:156
    def rsqrt(self) -> Any: ...  # ops/elementwise.py:208
    def rsqrt_(self) -> Any: ...  # ops/elementwise.py:208
    def scatter(self, dim: builtins.int, index: Tensor, src: Any, *, reduce: builtins.str | None = ...) -> Tensor: ...  # ops/index.py:164
    def scatter_(self, dim: builtins.int, index: Tensor, src: Any, *, reduce: builtins.str | None = ...) -> Tensor: ...  # ops/index.py:164
    def scatter_add(self, dim: builtins.int, index: Tensor, src: Tensor) -> Tensor: ...  # ops/index.py:146
    def scatter_add_(self, dim: builtins.int, index: Tensor, src: Tensor) -> Tensor: ...  # ops/index.py:146
    def select(self, dim: builtins.int, index: Any) -> Tensor: ...  # ops/shape.py:212
    def sgn(self) -> Tensor: ...  # ops/elementwise.py:32
    def sgn_(self) -> Tensor: ...  # ops/elementwise.py:32
    def short(self, memory_format: Any = ...) -> Tensor: ...  # ops/convert.py:56
    def sigmoid(self) -> Tensor: ...  # ops/table.py:125
    def sigmoid_(self) -> Tensor: ...  # ops/table.py:125
    def sign(self) -> Tensor: ...  # ops/elementwise.py:32
    def sign_(self) -> Tensor: ...  # ops/elementwise.py:32
    def sin(self) -> Tensor: ...  # ops/table.py:99
    def sin_(self) -> Tensor: ...  # ops/table.py:99
    def sinc(self) -> Tensor: ...  # ops/table.py:107
    def sinc_(self) -> Tensor: ...  # ops/table.py:107
    def sinh(self) -> Tensor: ...  # ops/table.py:115
    def sinh_(self) -> Tensor: ...  # ops/table.py:115
    def size(self, dim: builtins.int | None = ...) -> Any: ...  # ops/convert.py:141
    def softmax(self, dim: builtins.int = ..., dtype: Any = ...) -> Tensor: ...  # ops/reduce.py:77
    def sort(self, dim: builtins.int = ..., descending: builtins.bool = ..., stable: builtins.bool = ...) -> Found: ...  # ops/index.py:276
    def split(self, split_size_or_sections: Any, dim: builtins.int = ...) -> builtins.tuple[Tensor, ...]: ...  # ops/join.py:114
    def split_with_sizes(self, split_sizes: Sequence[builtins.int], dim: builtins.int = ...) -> builtins.tuple[Tensor, ...]: ...  # ops/join.py:101
    def sqrt(self) -> Tensor: ...  # ops/table.py:95
    def sqrt_(self) -> Tensor: ...  # ops/table.py:95
    def square(self) -> Tensor: ...  # ops/elementwise.py:41
    def square_(self) -> Tensor: ...  # ops/elementwise.py:41
    def squeeze(self, dim: Any = ...) -> Tensor: ...  # ops/shape.py:96
    def std(self, *args: Any, **kw: Any) -> Any: ...  # ops/reduce.py:310
    def stride(self, dim: builtins.int | None = ...) -> Any: ...  # ops/convert.py:151
    def sub(self, other: Any, *, alpha: Any = ...) -> Tensor: ...  # ops/elementwise.py:53
    def sub_(self, other: Any, *, alpha: Any = ...) -> Tensor: ...  # ops/elementwise.py:53
    def subtract(self, other: Any, *, alpha: Any = ...) -> Tensor: ...  # ops/elementwise.py:53
    def subtract_(self, other: Any, *, alpha: Any = ...) -> Tensor: ...  # ops/elementwise.py:53
    def sum(self, dim: Dim = ..., keepdim: builtins.bool = ..., *, dtype: Any = ...) -> Tensor: ...  # ops/reduce.py:154
    def swapaxes(self, dim0: builtins.int, dim1: builtins.int) -> Tensor: ...  # ops/shape.py:123
    def swapdims(self, dim0: builtins.int, dim1: builtins.int) -> Tensor: ...  # ops/shape.py:123
    def t(self) -> Tensor: ...  # ops/shape.py:136
    def take_along_dim(self, indices: Tensor, dim: builtins.int | None = ...) -> Tensor: ...  # ops/index.py:306
    def tan(self) -> Tensor: ...  # ops/table.py:103
    def tan_(self) -> Tensor: ...  # ops/table.py:103
    def tanh(self) -> Tensor: ...  # ops/table.py:117
    def tanh_(self) -> Tensor: ...  # ops/table.py:117
    def tensor_split(self, indices_or_sections: Any, dim: builtins.int = ...) -> builtins.tuple[Tensor, ...]: ...  # ops/join.py:135
    def tile(self, *dims: Any) -> Tensor: ...  # ops/shape.py:244
    def to(self, *args: Any, dtype: Any = ..., device: Any = ..., other: Any = ..., non_blocking: builtins.bool = ..., copy: builtins.bool = ..., memory_format: Any = ...) -> Tensor: ...  # ops/convert.py:18
    def topk(self, k: builtins.int, dim: builtins.int = ..., largest: builtins.bool = ..., sorted: builtins.bool = ...) -> Found: ...  # ops/index.py:294
    def trace(self) -> Tensor: ...  # ops/diagonal.py:57
    def transpose(self, dim0: builtins.int, dim1: builtins.int) -> Tensor: ...  # ops/shape.py:123
    def tril(self, diagonal: Any = ...) -> Any: ...  # ops/diagonal.py:80
    def tril_(self, diagonal: Any = ...) -> Any: ...  # ops/diagonal.py:80
    def triu(self, diagonal: Any = ...) -> Any: ...  # ops/diagonal.py:84
    def triu_(self, diagonal: Any = ...) -> Any: ...  # ops/diagonal.py:84
    def true_divide(self, other: Any) -> Any: ...  # ops/elementwise.py:206
    def true_divide_(self, other: Any) -> Any: ...  # ops/elementwise.py:206
    def trunc(self) -> Tensor: ...  # ops/table.py:141
    def trunc_(self) -> Tensor: ...  # ops/table.py:141
    def type_as(self, other: Tensor) -> Tensor: ...  # ops/convert.py:116
    def unbind(self, dim: builtins.int = ...) -> builtins.tuple[Tensor, ...]: ...  # ops/join.py:149
    def unflatten(self, dim: builtins.int, sizes: Sequence[builtins.int]) -> Tensor: ...  # ops/shape.py:89
    def uniform_(self, a: builtins.float = ..., b: builtins.float = ..., *, generator: Any = ...) -> Tensor: ...  # ops/inplace.py:194
    def unique(self, sorted: builtins.bool = ..., return_inverse: builtins.bool = ..., return_counts: builtins.bool = ..., dim: builtins.int | None = ...) -> Any: ...  # ops/index.py:341
    def unsqueeze(self, dim: builtins.int) -> Tensor: ...  # ops/shape.py:107
    def var(self, dim: Any = ..., unbiased: builtins.bool | None = ..., keepdim: builtins.bool = ..., *, correction: builtins.float | None = ...) -> Tensor: ...  # ops/reduce.py:175
    def vdot(self, tensor: Tensor) -> Tensor: ...  # ops/matmul.py:83
    def view(self, *shape: Any) -> Tensor: ...  # ops/shape.py:34
    def view_as(self, other: Any) -> Any: ...  # ops/shape.py:274
    def where(self, condition: Tensor, other: Any) -> Tensor: ...  # ops/__init__.py:112
    def xlogy(self, other: Any) -> Tensor: ...  # ops/table.py:77
    def xlogy_(self, other: Any) -> Tensor: ...  # ops/table.py:77
    def zero_(self) -> Tensor: ...  # ops/inplace.py:189
