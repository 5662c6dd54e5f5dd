"""In-place methods, by one mechanism: compute out of place, write into the same memory.

Every write goes through `write`, which checks that it is allowed, stamps the memory, and makes
the Tensor the result of the call that computed the value.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy as np

from tinygrad_mnist.autograd import layout, rebase, supplied, views, writes
from tinygrad_mnist.autograd.dtypes import KIND
from tinygrad_mnist.autograd.floats import USUAL, hush, restore, state
from tinygrad_mnist.autograd.graph import Leaf
from tinygrad_mnist.autograd.modes import TAPED, current, note_change
from tinygrad_mnist.autograd.op import ShapeError
from tinygrad_mnist.autograd.takeover import take_over
from tinygrad_mnist.autograd.tensor import Tensor, refuse_read, refuse_unrecorded, unwrap, wrap
from tinygrad_mnist.ops import (
    compare,
    diagonal,
    elementwise,
    index,
    matmul,
    random,
    reduce,
    shape,
    table,
)
from tinygrad_mnist.ops.arguments import as_element, tensor_of
from tinygrad_mnist.ops.plain import (
    PLAIN,
    computed_into,
    filled,
    is_own_view,
    is_plain,
    overwritten,
    put_at_basic_key,
    put_at_key,
)

shares = np.may_share_memory
ASSIGN = table.assign_view.op  # type: ignore[attr-defined]
SLICE = table.slice.op  # type: ignore[attr-defined]
# Each of these is also a method with an underscore: x.add_(y) is write(x, add(x, y)).
FAMILIES = {
    elementwise: [
        *(name for name in elementwise.METHODS if name not in ("frexp", "isreal")),
    ],
    compare: [
        "bitwise_and", "bitwise_left_shift", "bitwise_not", "bitwise_or", "bitwise_right_shift",
        "bitwise_xor", "eq", "gcd", "ge", "greater", "greater_equal", "gt", "heaviside", "lcm",
        "le", "less", "less_equal", "logical_and", "logical_not", "logical_or", "logical_xor",
        "lt", "ne", "nextafter", "not_equal",
    ],
    index: ["index_add", "index_copy", "index_fill", "masked_fill", "scatter", "scatter_add"],
    diagonal: ["tril", "triu"],
    matmul: ["addbmm", "addmm", "addmv", "addr", "baddbmm"],
    reduce: ["cumprod", "cumsum"],
    random: ["bernoulli"],
}  # fmt: skip


def write(tensor: Tensor, value: Any, key: Any = None, start: int | None = None) -> Tensor:
    """Write `value` into the Tensor's memory (at a basic `key`); its gradient becomes the value's.

    A recorded write through a view is one into its base, from which the views are made anew.
    `start` is a moment before the value was computed, if no one else holds that Tensor. Raises
    RuntimeError, in grad mode, for a leaf that requires grad and for its views, and for
    views that were made under no_grad.
    """
    tape = current().tape if TAPED else None
    node = getattr(value, "_node", None)
    recorded = (node is not None or tensor._node is not None) and current().grad
    recorded = recorded and tensor._data.dtype.kind == "f"
    if recorded:
        views.check_allowed(tensor)
    if key is not None and tape is not None:
        if recorded:
            write(table.slice(tensor, key=key), value)
            return tensor
        value, key = table.assign(copy_of(tensor), value, key=key), None
    if tape is not None:
        if not isinstance(value, Tensor):  # a number, guarded where it comes from
            value = wrap(np.array(value, tensor.dtype))
            tape.constant(value._data)
        tape.written(tensor, value)
    array, elements = tensor._data, unwrap(value)
    if key is not None:  # with an Ellipsis in it, a key gives a view and never a number
        array = array[key if ... in key else (*key, ...)]
    if not array.flags.writeable:
        array = writeable(array)
    usual = state() is USUAL
    try:
        if usual:
            hush()
        np.copyto(array, elements, "unsafe")
    except ValueError:
        raise ShapeError(
            f"a value of shape {list(np.shape(elements))} does not fit into {list(array.shape)}"
        ) from None
    finally:
        if usual:
            restore()
    writes.stamp(array)
    if recorded:
        note_change()
        rebase.keep_target(value, array, start)
        way = () if key is None else ((SLICE, {"key": key}),)
        rebase.written(tensor, node, ASSIGN, foreign=start is None, way=way, array=array)
    return tensor


def writeable(array: Any) -> Any:
    """Return a writeable view of an expanded array, each of whose elements has memory of its own.

    Raises RuntimeError where elements share memory, and for read-only memory.
    """
    if layout.repeats(array):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a "
            "single memory location. Please clone() the tensor before performing the operation."
        )
    view = array.view()
    try:
        view.setflags(write=True)
    except ValueError:
        raise RuntimeError("the memory of this Tensor is read-only; write to a clone()") from None
    return view


def copy_of(tensor: Tensor, *others: Any) -> Tensor:
    """Return the operand of an in-place call: a copy, where backward may need it."""
    recorded = any(isinstance(t, Tensor) and t._node is not None for t in (tensor, *others))
    if not recorded or not current().grad:
        return tensor
    return wrap(rebase.copy_before_write(tensor._data), tensor._node)


def seen_through(tensor: Tensor, others: Iterable[Any]) -> bool:
    """Tell whether another argument of an in-place call looks at the Tensor's memory."""
    for arg in others:
        if arg is not tensor and isinstance(arg, Tensor) and shares(arg._data, tensor._data):
            return True
    return False


def fitted(tensor: Tensor, value: Any) -> Any:
    """The value in the Tensor's shape and dtype."""
    value = tensor_of(value, tensor)
    if value.ndim > tensor.ndim:
        raise RuntimeError(
            f"output with shape {list(tensor.shape)} doesn't match the broadcast shape "
            f"{list(value.shape)}"
        )
    if value.dtype != tensor.dtype:
        value = table.cast(value, dtype=tensor.dtype)
    if value.shape != tensor.shape:
        value = table.broadcast_to(value, shape=tensor.shape)
    return value


# The functions whose in-place forms NumPy computes in one pass
UFUNCS: dict[Any, np.ufunc] = {
    elementwise.add: np.add,
    elementwise.sub: np.subtract,
    elementwise.mul: np.multiply,
    elementwise.div: np.true_divide,
}


def method(function: Callable[..., Any], *, fresh: bool = False) -> Callable[..., Tensor]:
    """Make the in-place form of a function whose first argument is a Tensor.

    `fresh` tells that the Tensor is most likely the result of a call, not a buffer.
    """
    ufunc = UFUNCS.get(function)

    def in_place(self: Tensor, *args: Any, **kw: Any) -> Tensor:
        plain = is_plain(self, args if not kw else (*args, *kw.values()))
        direct = plain and ufunc is not None and (not kw or kw.keys() == {"alpha"})
        if direct and computed_into(ufunc, self, args, kw.get("alpha", 1)):
            return self
        start = writes.tick()
        others = args if not kw else (*args, *kw.values())
        operand = self
        if not plain and seen_through(self, others):
            operand = copy_of(self, *others)
            args = tuple(operand if arg is self else arg for arg in args)
        value = function(operand, *args, **kw)
        if value is operand:  # nothing to write, as in dropout's evaluation
            return self
        if (not plain or fresh) and take_over(self, value, others, start, fresh=fresh):
            return self
        if plain and overwritten(self, value):
            return self
        if value.shape != self.shape:
            raise RuntimeError(
                f"output with shape {list(self.shape)} doesn't match the broadcast shape "
                f"{list(value.shape)}"
            )
        if KIND[value.dtype.kind] > KIND[self.dtype.kind]:
            raise RuntimeError(
                f"result type {value.dtype} can't be cast to the desired output type {self.dtype}"
            )
        if not plain and operand is self:
            rebase.keep_apart(value, self._data, start)
        return write(self, fitted(self, value), start=start)

    in_place.__doc__ = f"In place: {function.__doc__}"
    in_place.__name__ = in_place.__qualname__ = f"{function.__name__}_"
    in_place.__wrapped__ = function  # type: ignore[attr-defined]
    return in_place


Function = TypeVar("Function", bound=Callable[..., Tensor])


def in_place_on_request(function: Function) -> Function:
    """Let a call with `inplace=True` write its result into its first argument, and return that."""
    code, in_place = function.__code__, method(function, fresh=True)
    names = code.co_varnames[: code.co_argcount]
    first, position = names[0], names.index("inplace")

    @functools.wraps(function)
    def call(*args: Any, **kw: Any) -> Tensor:
        if (kw and kw.pop("inplace", False)) or (len(args) > position and args[position]):
            input = args[:1] or (kw.pop(first),)
            return in_place(*input, *args[1:position], **kw)
        return function(*args, **kw)

    return call  # type: ignore[return-value]


def write_out(name: str, out: Any, result: Any) -> Any:
    """Write a result into the Tensor of `out=`, or several into several; return those Tensors.

    A Tensor of another shape is resized, with a warning unless it was empty. Raises RuntimeError
    where a gradient would be lost, and for a dtype that does not hold the result.
    """
    if isinstance(result, (tuple, list)):
        outs = list(out) if isinstance(out, (tuple, list)) else [out]
        if len(outs) != len(result):
            raise TypeError(f"{name}(): out= must be {len(result)} Tensors, not {len(outs)}")
        each = [write_out(name, *pair) for pair in zip(outs, result, strict=True)]
        return type(result)(*each) if hasattr(result, "_fields") else type(result)(each)
    if not isinstance(result, Tensor):
        raise TypeError(f"{name}() got an unexpected keyword argument 'out'")
    if not isinstance(out, Tensor):
        raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(out).__name__}")
    if current().grad and (result._node is not None or out._node is not None):
        raise RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, "
            "but one of the arguments requires grad."
        )
    if KIND[result.dtype.kind] > KIND[out.dtype.kind]:
        raise RuntimeError(
            f"result type {result.dtype} can't be cast to the desired output type {out.dtype}"
        )
    if out.shape != result.shape:
        if out._data.size:
            warnings.warn(
                "An output with one or more elements was resized since it had shape "
                f"{list(out.shape)}, which does not match the required output shape "
                f"{list(result.shape)}.",
                UserWarning,
                stacklevel=4,
            )
        out.data = wrap(np.empty(result.shape, out.dtype))
    return write(out, result)


supplied.write_out = write_out
supplied.assign_view = table.assign_view


def setitem(self: Tensor, key: Any, value: Any) -> None:
    """x[key] = value, with the keys of `getitem`."""
    plain = index.with_ints(key)
    if PLAIN.issuperset(map(type, plain)):
        if not is_own_view(self, plain, value) and not put_at_basic_key(self, plain, value):
            write(self, cast_like(self, value), plain)
        return
    if is_plain(self, (value,)) and put_at_key(self, plain, value):
        return
    if index.is_mask(key) and key.shape == self.shape and not getattr(value, "ndim", 0):
        write(self, table.where(key, cast_like(self, value), copy_of(self)))
        return
    basic, arrays, front = index.parse(self, plain)
    if not arrays:
        write(self, cast_like(self, value), basic)
        return
    whole = copy_of(self)
    part = table.slice(whole, key=basic) if basic else whole
    rows, at, rest = index.to_rows(part, arrays)
    value = cast_like(self, value)
    if front and getattr(value, "ndim", 0):
        value = shape.broadcast_to(value, (*part.shape[:front], *at.shape, *rest[front:]))
        value = shape.movedim(value, tuple(range(front, front + at.ndim)), tuple(range(at.ndim)))
    try:
        rows = table.assign_at(rows, at, value)
    except IndexError as error:
        raise index.called_as("Tensor.__setitem__", error) from None
    dims = list(arrays)
    order = (*dims, *(i for i in range(part.ndim) if i not in arrays))
    rows = shape.reshape(rows, tuple(part.shape[i] for i in order))
    part = table.permute(rows, axes=table.inverse(order))
    write(self, part if not basic else table.assign(whole, part, key=basic))


def cast_like(tensor: Tensor, value: Any) -> Any:
    """A Tensor in the other's dtype; lists and arrays as Tensors, numbers as they are."""
    if isinstance(value, (bool, int, float)):
        return as_element(value, tensor.dtype)
    value = tensor_of(value)
    return value if value.dtype == tensor.dtype else table.cast(value, dtype=tensor.dtype)


def copy_(self: Tensor, src: Any, non_blocking: bool = False) -> Tensor:
    """Write the elements of `src`, broadcast and cast."""
    if isinstance(src, Tensor) and is_plain(self, (src,)) and overwritten(self, src):
        return self
    return write(self, table.cast(fitted(self, src), dtype=self.dtype))


def fill_(input: Tensor, value: Any) -> Tensor:
    """In place: `value`, a number or a Tensor of one, in the shape and dtype of input."""
    return input if filled(input, value) else filled_by_where(input, value)


filled_by_where = method(elementwise.fill)


def zero_(self: Tensor) -> Tensor:
    """Write zeros everywhere."""
    return fill_(self, 0)


def uniform_(self: Tensor, low: float = 0.0, to: float = 1.0, *, generator: Any = None) -> Tensor:
    """Write numbers uniform on [low, to)."""
    drawn = random.rand(self.shape, dtype=self.dtype, generator=generator)
    return write(self, drawn * (to - low) + low)


def normal_(self: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Any = None) -> Tensor:
    """Write normal numbers."""
    drawn = random.randn(self.shape, dtype=self.dtype, generator=generator)
    return write(self, drawn * std + mean)


def random_(self: Tensor, low: int = 0, to: int | None = None, *, generator: Any = None) -> Tensor:
    """Write integers uniform on low to `to` - 1; one argument alone is `to`."""
    low, to = (0, low) if to is None and low else (low, to or 2**24)
    return write(self, random.randint(low, to, self.shape, dtype=self.dtype, generator=generator))


def exponential_(self: Tensor, lambd: float = 1.0, *, generator: Any = None) -> Tensor:
    """Write exponentially distributed numbers, of the rate `lambd`."""
    if lambd <= 0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd}")
    drawn = random.rand(self.shape, dtype=self.dtype, generator=generator)
    return write(self, table.log1p(-drawn) / -lambd)


def cauchy_(
    self: Tensor, median: float = 0.0, sigma: float = 1.0, *, generator: Any = None
) -> Tensor:
    """Write numbers of Cauchy's distribution."""
    if sigma <= 0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma}")
    drawn = random.rand(self.shape, dtype=self.dtype, generator=generator)
    return write(self, table.tan((drawn - 0.5) * np.pi) * sigma + median)


def geometric_(self: Tensor, p: float, *, generator: Any = None) -> Tensor:
    """Write numbers of trials up to the first success, each of probability p."""
    if not 0 < p < 1:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p}")
    kind = self.dtype if self.dtype.kind == "f" else np.dtype(np.float64)
    drawn = random.rand(self.shape, dtype=kind, generator=generator)
    return write(self, table.ceil(table.log1p(-drawn) / np.log1p(-p)))


def log_normal_(
    self: Tensor, mean: float = 1.0, std: float = 2.0, *, generator: Any = None
) -> Tensor:
    """Write numbers whose logarithms are normal."""
    if std <= 0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std}")
    drawn = random.randn(self.shape, dtype=self.dtype, generator=generator)
    return write(self, table.exp(drawn * std + mean))


def fill_diagonal_(self: Tensor, fill_value: Any, wrap: bool = False) -> Tensor:
    """Write one value on the main diagonal, which with `wrap` starts again in a tall matrix."""
    if self.ndim < 2:
        raise RuntimeError("dimensions must larger than 1")
    if self.ndim > 2 and len(set(self.shape)) > 1:
        raise RuntimeError("all dimensions of input must be of equal length")
    on_diagonal = np.zeros(self.shape, np.bool_)
    np.fill_diagonal(on_diagonal, 1, wrap=wrap and self.ndim == 2)
    return write(self, table.where(on_diagonal, index.filler(fill_value, self), copy_of(self)))


def apply_(self: Tensor, callable: Callable[[Any], Any]) -> Tensor:
    """Write callable(element) for each element, by Python calls through which no gradient flows."""
    return map_(self, self, lambda element, _: callable(element))


def map_(self: Tensor, tensor: Tensor, callable: Callable[[Any, Any], Any]) -> Tensor:
    """Write callable(element, element of `tensor`), by Python calls without a gradient."""
    if self.requires_grad or tensor.requires_grad:
        raise RuntimeError("a Tensor that requires grad can't be changed by a Python function")
    refuse_read("apply_() and map_()")
    other = fitted(self, tensor)._data
    pairs = zip(self._data.reshape(-1).tolist(), other.reshape(-1).tolist(), strict=True)
    values = np.array([callable(*pair) for pair in pairs], self.dtype)
    return write(self, values.reshape(self.shape))


def relaid(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Make the in-place form of a function of views: the Tensor itself gets the other shape.

    Raises RuntimeError for a leaf that requires grad, in grad mode, and where other Tensors are
    views of this one, since writes through them could no longer reach its gradient.
    """

    def in_place(self: Tensor, *args: Any, **kw: Any) -> Tensor:
        if self._node is not None and current().grad:
            views.check_allowed(self)
        if self.dtype.kind == "f" and views.has_views(self):
            raise RuntimeError(
                f"{function.__name__}_: the Tensor has views; write x = x.{function.__name__}(...) "
                "instead"
            )
        refuse_unrecorded(f"{function.__name__}_()")
        origin_before = views.origin_of(self)
        twin = wrap(self._data, self._node)
        if origin_before is not None:
            twin._origin = origin_before
        view = function(twin, *args, **kw)
        if isinstance(self._node, Leaf):
            self.data = view
            return self
        note_change()
        self._data, self._node = view._data, view._node
        origin = views.origin_of(view)
        if origin is not None:
            self._origin = origin
            if origin_before is None:
                views.views_of(origin.base).add(self)
        return self

    in_place.__doc__ = f"In place: {function.__doc__}"
    in_place.__name__ = in_place.__qualname__ = f"{function.__name__}_"
    in_place.__wrapped__ = function  # type: ignore[attr-defined]
    return in_place


METHODS: dict[str, Callable[..., Any]] = {
    f"{name}_": method(getattr(family, name))
    for family, names in FAMILIES.items()
    for name in names
}
RELAID = {
    f"{name}_": relaid(getattr(shape, name))
    for name in ("squeeze", "swapaxes", "swapdims", "t", "transpose", "unsqueeze")
}
METHODS |= RELAID
METHODS |= {
    f.__name__: f
    for f in (
        copy_, fill_, zero_, uniform_, normal_, random_, exponential_, cauchy_, geometric_,
        log_normal_, fill_diagonal_, apply_, map_,
    )
}  # fmt: skip
METHODS |= {"__setitem__": setitem}
METHODS |= {
    f"__i{dunder}__": METHODS[f"{name}_"]
    for dunder, name in [
        ("add", "add"), ("sub", "sub"), ("mul", "mul"), ("truediv", "div"), ("pow", "pow"),
        ("floordiv", "floor_divide"), ("mod", "remainder"),
    ]
}  # fmt: skip
