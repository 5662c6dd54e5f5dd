"""unroll(): a kernel as the list of NumPy calls that it makes, each with a buffer for its result.

The kernel is run once on arrays of a subclass whose `__array_ufunc__` and `__array_function__`
record the calls. Whatever they miss (a value read out, an array made from nothing) shows when the
list runs on other data: then bits differ, and the kernel is called whole instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.floats import state
from tinygrad_mnist.jit.memory import Pool, same_memory
from tinygrad_mnist.jit.views import clone, in_memory_order, map_arrays, moved_view
from tinygrad_mnist.kernels.checks import outside

Array = np.ndarray[Any, Any]
Step = Callable[[], object]
BLOCK = 1 << 18  # bytes that are compared at a time: only so many are copied


def take_checked(
    x: Array, index: Array, axis: int | None = None, out: Array | None = None
) -> Array:
    """Take as np.take does; into `out` by mode="clip", as the default mode copies a buffer.

    The indices are therefore checked first; negative ones are left to the default mode.
    """
    count = x.size if axis is None else x.shape[axis]
    if out is not None and not outside(index, count):
        return np.take(x, index, axis=axis, out=out, mode="clip")
    return np.take(x, index, axis=axis, out=out)


# NumPy functions that take out= and return exactly that array
INTO = {take_checked, np.dot, np.take, np.concatenate, np.clip, np.argmax, np.matmul}
WRITERS = {np.copyto, np.put}
VIEWS = {np.broadcast_to, np.expand_dims, np.squeeze, np.transpose, np.swapaxes, np.moveaxis}


class NotUnrolled(Exception):
    """The kernel does something that cannot be recorded."""


class Traced(np.ndarray[Any, Any]):
    """An ndarray that records what is done with it."""

    # The log of the trace, in a list that is emptied when the trace is over: a plain array may hold
    # a traced one as its base, and the garbage collector does not look through plain arrays.
    cell: list[Log] = []
    plain: Array | None = None  # the same array untraced, where there is one already

    @property
    def log(self) -> Log | None:
        """The log of the trace that is under way; None once the trace is over."""
        return self.cell[0] if self.cell else None

    def __array_finalize__(self, source: Any) -> None:
        self.cell = getattr(source, "cell", [])

    def __array_ufunc__(
        self, ufunc: Any, method: str, *inputs: Any, out: Any = (), **kw: Any
    ) -> Any:
        log = next(x.log for x in (*inputs, *out) if isinstance(x, Traced) and x.log is not None)
        if method not in ("__call__", "reduce", "accumulate", "at"):
            raise NotUnrolled(f"{ufunc.__name__}.{method}")
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        if method == "at":
            return log.write(function, inputs, kw)
        return log.call(function, inputs, kw, out[0] if out else None, method == "__call__")

    def __array_function__(self, function: Any, types: Any, args: Any, kw: Any) -> Any:
        log = self.log
        assert log is not None
        if function in WRITERS:
            return log.write(function, args, kw)
        if function is np.take and "mode" not in kw and "out" not in kw:
            function = take_checked
        if function in INTO:
            kw = dict(kw)
            return log.call(function, args, kw, kw.pop("out", None), ufunc=False)
        if function is np.empty_like:
            return log.traced(log.buffer_for(function(untraced(args[0]), *args[1:], **kw)))
        if function in VIEWS:
            return log.traced(function(untraced(args[0]), *args[1:], **kw))
        raise NotUnrolled(function.__name__)

    def __setitem__(self, key: Any, value: Any) -> None:
        if self.log is None:
            raise NotUnrolled("setitem")
        index = [
            k for k in (key if isinstance(key, tuple) else (key,)) if isinstance(k, np.ndarray)
        ]
        if index:
            raise NotUnrolled("setitem with an array")
        self.log.write(np.copyto, (self[key], value), {})

    def __getitem__(self, key: Any) -> Any:
        if any(isinstance(k, np.ndarray) for k in (key if isinstance(key, tuple) else (key,))):
            raise NotUnrolled("getitem with an array")
        return super().__getitem__(key)

    def dot(self, other: Any, out: Any = None) -> Any:
        return np.dot(self, other, out=out)

    def take(self, indices: Any, axis: Any = None, **kw: Any) -> Any:  # type: ignore[override]
        return np.take(self, indices, axis=axis, **kw)

    def put(self, indices: Any, values: Any, mode: Any = "raise") -> None:
        np.put(self, indices, values, mode=mode)

    def reshape(self, *shape: Any) -> Any:  # type: ignore[override]
        assert self.log is not None
        result = untraced(self).reshape(*shape)
        if not result.size or np.may_share_memory(result, untraced(self)):
            return self.log.traced(result)
        out = self.log.buffer_for(result)
        self.log.write(np.copyto, (self.log.traced(out.reshape(self.shape)), self), {})
        return self.log.traced(out)

    def copy(self, order: Any = "C") -> Any:
        assert self.log is not None
        if self.log.may_stay(untraced(self), order):
            return self
        return self.log.copied(np.array(untraced(self), order=order), self)

    def astype(self, dtype: Any, order: Any = "K", **kw: Any) -> Any:  # type: ignore[override]
        assert self.log is not None
        if kw.get("copy") is False and self.dtype == dtype:
            return self
        return self.log.copied(untraced(self).astype(dtype, order), self)

    def record_check(self, check: Any, args: Any) -> None:
        """Record a check of arguments, which every replay makes again."""
        assert self.log is not None
        self.log.steps.append(partial(check, *(untraced(a) for a in args)))
        self.log.steps[-1]()

    def __float__(self) -> float:
        raise NotUnrolled("float()")

    def __int__(self) -> int:
        raise NotUnrolled("int()")

    def __bool__(self) -> bool:
        raise NotUnrolled("bool()")

    def item(self, *args: Any) -> Any:
        raise NotUnrolled("item()")


def untraced(value: Any) -> Any:
    """Return a plain ndarray on the same memory; or a tuple or list of such arrays."""
    if isinstance(value, (tuple, list)):
        return type(value)(map(untraced, value))
    if not isinstance(value, Traced):
        return value
    return value.view(np.ndarray) if value.plain is None else value.plain


class Log:
    """The calls recorded so far, and the arrays that hold their results from now on."""

    def __init__(self, pool: Pool, arguments: Sequence[Array], reusable: Sequence[Array]) -> None:
        self.pool, self.arguments = pool, arguments
        self.cell = [self]
        self.reusable = reusable  # arguments that nothing reads after this kernel
        self.overwritten: list[Array] = []  # reusable arguments that hold something else now
        self.steps: list[partial[Any]] = []
        self.temporaries: list[Array] = []
        # Where the kernel treats errors otherwise, so does the replay
        self.errors: dict[str, Any] = dict(np.geterr())
        self.state = state()

    def traced(self, array: Array) -> Traced:
        view = array.view(Traced)
        view.cell, view.plain = self.cell, array
        return view

    def call(self, function: Any, inputs: Any, kw: dict[str, Any], out: Any, ufunc: bool) -> Any:
        self.refuse_hidden_copies(inputs)
        arguments = tuple(untraced(x) for x in inputs)
        kw = {k: untraced(v) for k, v in kw.items()}
        if out is None:
            result = function(*arguments, **kw)
            if not isinstance(result, np.ndarray):
                result = np.asarray(result)
            out = self.buffer_for(result)
        target = untraced(out)
        made = call_into(function, arguments, kw, target, ufunc)
        quiet = self.changed_errors()
        self.steps.append(partial(under_errstate, quiet, made) if quiet else made)
        self.steps[-1]()
        return out if isinstance(out, Traced) else self.traced(target)

    def changed_errors(self) -> dict[str, Any]:
        """Return what the kernel has changed, for now, of how floating-point errors are treated."""
        if state() is self.state:
            return {}
        return {k: v for k, v in np.geterr().items() if v != self.errors[k]}

    def refuse_hidden_copies(self, values: Any) -> None:
        """Raise NotUnrolled where a reshape had to copy, which leaves no record."""
        for x in values:
            if isinstance(x, (tuple, list)):
                self.refuse_hidden_copies(x)
            elif isinstance(x, Traced) and x.size:
                plain = untraced(x)
                arrays = (*self.temporaries[::-1], *self.arguments)
                if not any(plain is a or np.may_share_memory(plain, a) for a in arrays):
                    raise NotUnrolled("a copy that was not asked for")

    def may_stay(self, array: Array, order: str | None) -> bool:
        """Tell whether this array need not be copied, since nothing reads the original again."""
        if not any(same_memory(array, a) for a in self.reusable):
            return False
        if order == "C" and not array.flags.c_contiguous:
            return False
        self.overwritten.append(array)
        return True

    def write(self, function: Any, args: Any, kw: dict[str, Any]) -> None:
        if not isinstance(args[0], Traced):
            raise NotUnrolled(f"{function.__name__} into an array made from nothing")
        self.refuse_hidden_copies(args)
        self.steps.append(partial(function, *(untraced(a) for a in args), **kw))
        self.steps[-1]()

    def copied(self, result: Array, source: Traced) -> Traced:
        out = self.buffer_for(result)
        self.write(np.copyto, (self.traced(out), source), {"casting": "unsafe"})
        return self.traced(out)

    def release_all_but(self, outs: tuple[Array, ...]) -> None:
        for temporary in self.temporaries:
            if not any(temporary is out or np.may_share_memory(temporary, out) for out in outs):
                self.pool.release(temporary)

    def buffer_for(self, result: Array) -> Array:
        out = self.pool.like(result)
        self.temporaries.append(out)
        return out


def under_errstate(errors: dict[str, Any], made: Step) -> None:
    """Run a step that the kernel made inside `np.errstate`."""
    with np.errstate(**errors):
        made()


def call_into(
    function: Any, args: Any, kw: dict[str, Any], out: Array, ufunc: bool
) -> partial[Any]:
    """Make one NumPy call into `out`; numbers become 0-d arrays, which NumPy takes faster."""
    if ufunc and not kw:
        dtypes = [x.dtype for x in args if isinstance(x, np.ndarray)]
        if dtypes and any(type(x) in (int, float) for x in args):
            kind = np.result_type(*dtypes)
            exact = [as_kind(x, kind) if type(x) in (int, float) else x for x in args]
            if all(x is not None for x in exact) and function(*exact).dtype == out.dtype:
                args = tuple(exact)
        if function not in (np.maximum, np.minimum):  # these take out= by name only
            return partial(function, *args, out)
    return partial(function, *args, **kw, out=out)


def as_kind(x: float, kind: np.dtype[Any]) -> Array | None:
    """Return a number as a 0-d array of a dtype; None where a ufunc would take another number.

    That is so for a float beside integers, a number beside bools, and one that overflows.
    """
    if kind.kind == "f":
        with np.errstate(all="ignore"):
            exact = np.asarray(x, kind)
        return exact if math.isfinite(exact) or not math.isfinite(x) else None
    if kind.kind not in "iu" or type(x) is not int:
        return None
    limits = np.iinfo(kind)
    return np.asarray(x, kind) if limits.min <= x <= limits.max else None


def unroll(
    kernel: Any, args: Any, kw: dict[str, Any], pool: Pool, reusable: Sequence[Array] = ()
) -> tuple[list[Step], Any] | None:
    """Return the kernel's NumPy calls on these very arrays, and the arrays that hold its results.

    Returns None where the calls do not give the kernel's bits. They are tried on clones: the arrays
    must hold valid data, and nothing is written to them but to `reusable` ones, which may come to
    hold the result.
    """
    is_called_whole = getattr(kernel, "called_whole", None)
    if is_called_whole is not None and is_called_whole(*args, **kw):
        return None
    if isinstance(kernel, np.ufunc) and kernel.nout == 1:
        return as_it_is(kernel, args, kw, pool)
    clones = Clones(args)
    ending = [clones.of(a) for a in args if clones.has(a)
              and any(same_memory(a, r) for r in reusable) and clones.alone(a, args)]  # fmt: skip
    cloned = [clones.of(a) for a in args]
    log = Log(pool, [a for a in cloned if isinstance(a, np.ndarray)], ending)
    try:
        traced = [log.traced(a) if isinstance(a, np.ndarray) else a for a in cloned]
        result = kernel(*traced, **kw)
        results = result if isinstance(result, tuple) else (result,)
        if all(isinstance(r, Traced) for r in results):
            log.refuse_hidden_copies(results)
            outs = tuple(untraced(r) for r in results)
            if _same_on_other_data(partial(kernel, *cloned, **kw), clones.pairs, log.steps, outs):
                for array in log.overwritten:
                    np.copyto(clones.real(array), array)
                outs = tuple(map(clones.real, outs))
                log.release_all_but(outs)
                return [map_arrays(step, clones.real) for step in log.steps], outs
    except (NotUnrolled, TypeError, AttributeError):
        pass
    finally:
        log.cell.clear()
    log.release_all_but(())
    return unroll(kernel, args, kw, pool) if log.overwritten else None


def as_it_is(
    ufunc: np.ufunc, args: Any, kw: dict[str, Any], pool: Pool
) -> tuple[list[Step], Any] | None:
    """Return what `unroll` does for a kernel that is one call of NumPy, which needs no trace."""
    if not any(isinstance(a, np.ndarray) for a in args):
        return None
    expected = np.asarray(ufunc(*args, **kw))
    out = pool.like(expected)
    call = call_into(ufunc, args, kw, out, ufunc=True)
    call()
    if same_bits(expected, out):  # a number that became an array counts as it did
        return [call], (out,)
    pool.release(out)
    return None


class Clones:
    """Copies of a kernel's arguments, to try the kernel on: what others hold is only read.

    An argument that is huge (a copy takes time), not dense, or read-only stands for itself.
    """

    def __init__(self, args: Sequence[Any]) -> None:
        self._by_id: dict[int, tuple[Array, Array]] = {}
        self._real: dict[int, tuple[Array, Array]] = {}  # by the ids of clones and their views
        for a in args:
            if isinstance(a, np.ndarray) and a.flags.writeable and a.nbytes < 1 << 24:
                copy = self._same_block(a)
                copy = clone(a) if copy is None else copy
                if copy is not None:
                    self._by_id.setdefault(id(a), (a, copy))
                    self._real.setdefault(id(copy), (copy, a))
        # Each clone with the data that it begins with: nothing writes to the originals meanwhile
        self.pairs = [
            (in_memory_order(copy), in_memory_order(a)) for a, copy in self._by_id.values()
        ]

    def _same_block(self, array: Array) -> Array | None:
        """Return a view of a clone that exists, where the array views the same block as another."""
        for original, copy in self._by_id.values():
            if same_memory(array, original):
                return moved_view(array, original, copy)
        return None

    def has(self, arg: Any) -> bool:
        """Tell whether an argument has a clone."""
        return id(arg) in self._by_id

    def of(self, arg: Any) -> Any:
        """Return the clone of an argument, or the argument itself."""
        return self._by_id[id(arg)][1] if self.has(arg) else arg

    def alone(self, array: Array, args: Sequence[Any]) -> bool:
        """Tell whether no other argument overlaps an array, which separate clones would hide."""
        return not any(
            isinstance(a, np.ndarray)
            and np.may_share_memory(a, array)
            and not same_memory(a, array)
            for a in args
        )

    def real(self, array: Array) -> Array:
        """Return the view of the argument for a view of its clone; any other array as it is."""
        if not array.size:  # where it lies does not matter, but it would hold the clone
            return np.empty_like(array)
        if id(array) not in self._real:
            self._real[id(array)] = array, self._moved(array)
        return self._real[id(array)][1]

    def _moved(self, array: Array) -> Array:
        for original, copy in self._by_id.values():
            if np.may_share_memory(array, copy):
                return moved_view(array, copy, original)
        return array


def _same_on_other_data(
    kernel: Callable[[], Any], originals: Any, steps: list[partial[Any]], outs: tuple[Array, ...]
) -> bool:
    """Tell whether the list gives the kernel's bits, on the data at hand and on it reversed."""
    for direction in (-1, 1):
        for array, before in originals:
            array[:] = before[::direction]
        expected = kernel()
        for one in steps:
            one()
        expected = expected if isinstance(expected, tuple) else (expected,)
        if not all(same_bits(e, o) for e, o in zip(expected, outs, strict=True)):
            return False
        del expected  # before the next ones are computed
    return True


def same_bits(a: Any, b: Any) -> bool:
    """Tell whether two arrays have one dtype and shape and are equal bit for bit."""
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if a.nbytes <= BLOCK:
        return bool(a.tobytes() == b.tobytes())
    one, other = (np.ascontiguousarray(in_memory_order(x, a)).view(np.uint8) for x in (a, b))
    blocks = (slice(start, start + BLOCK) for start in range(0, len(one), BLOCK))
    return all(one[block].tobytes() == other[block].tobytes() for block in blocks)
