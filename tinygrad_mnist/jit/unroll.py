"""unroll(): a kernel as the list of NumPy calls that it makes, each with a place for its result.

The kernel is run once on arrays of a subclass whose `__array_ufunc__` and `__array_function__`
write the calls down. What they missed (a value read out, an array made from nothing) shows when the
list is run on other data: then the bits differ, and the kernel is called whole instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from tinygrad_mnist.jit.looks import clone, look, replaced
from tinygrad_mnist.jit.memory import Pool, same_memory
from tinygrad_mnist.kernels.checks import outside

Array = np.ndarray[Any, Any]
Step = Callable[[], object]


def take_checked(
    x: Array, index: Array, axis: int | None = None, out: Array | None = None
) -> Array:
    """np.take; into `out` by mode="clip", since the default mode fills a buffer and copies it.

    So the indices are looked at first; negative ones are for the default mode.
    """
    count = x.size if axis is None else x.shape[axis]
    if out is not None and not outside(index, count):
        return np.take(x, index, axis=axis, out=out, mode="clip")
    return np.take(x, index, axis=axis, out=out)


# NumPy functions that take out= and give back exactly it.
INTO = {take_checked, np.dot, np.take, np.concatenate, np.clip, np.argmax, np.matmul}
WRITERS = {np.copyto, np.put}
VIEWS = {np.broadcast_to, np.expand_dims, np.squeeze, np.transpose, np.swapaxes, np.moveaxis}


class NotUnrolled(Exception):
    """The kernel does something that cannot be written down."""


class Traced(np.ndarray[Any, Any]):
    """An ndarray that writes down what is done with it."""

    # The log of the trace, in a list that is emptied when the trace is over: a plain array may hold
    # a traced one as its base, and the garbage collector does not look through plain arrays.
    cell: list[Log] = []

    @property
    def log(self) -> Log | None:
        """The log of the trace that is under way."""
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
            return log.traced(log.place(function(plain(args[0]), *args[1:], **kw)))
        if function in VIEWS:
            return log.traced(function(plain(args[0]), *args[1:], **kw))
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
        result = plain(self).reshape(*shape)
        if not result.size or np.may_share_memory(result, plain(self)):
            return self.log.traced(result)
        out = self.log.place(result)
        self.log.write(np.copyto, (self.log.traced(out.reshape(self.shape)), self), {})
        return self.log.traced(out)

    def copy(self, order: Any = "C") -> Any:
        assert self.log is not None
        if self.log.may_stay(plain(self), order):
            return self
        return self.log.copied(np.array(plain(self), order=order), self)

    def astype(self, dtype: Any, order: Any = "K", **kw: Any) -> Any:  # type: ignore[override]
        assert self.log is not None
        if kw.get("copy") is False and self.dtype == dtype:
            return self
        return self.log.copied(plain(self).astype(dtype, order), self)

    def hear(self, check: Any, args: Any) -> None:
        """A check of the arguments runs again at every replay."""
        assert self.log is not None
        self.log.steps.append(partial(check, *(plain(a) for a in args)))
        self.log.steps[-1]()

    def __float__(self) -> float:
        raise NotUnrolled("float()")

    def __int__(self) -> int:
        raise NotUnrolled("int()")

    def __bool__(self) -> bool:
        raise NotUnrolled("bool()")

    def item(self, *args: Any) -> Any:
        raise NotUnrolled("item()")


def plain(value: Any) -> Any:
    """The same memory as a plain ndarray; also inside a tuple or list of arrays."""
    if isinstance(value, (tuple, list)):
        return type(value)(map(plain, value))
    return value.view(np.ndarray) if isinstance(value, Traced) else value


class Log:
    """The calls so far, and the arrays that hold their results from now on."""

    def __init__(self, pool: Pool, given: Sequence[Array], dying: Sequence[Array]) -> None:
        self.pool, self.given = pool, given
        self.cell = [self]
        self.dying = dying  # arguments that nothing reads after this kernel
        self.overwritten: list[Array] = []  # those of them that hold something else now
        self.steps: list[partial[Any]] = []
        self.temporaries: list[Array] = []
        self.errors: dict[str, Any] = dict(
            np.geterr()
        )  # what a kernel changes is changed at replay too

    def traced(self, array: Array) -> Traced:
        view = array.view(Traced)
        view.cell = self.cell
        return view

    def call(self, function: Any, inputs: Any, kw: dict[str, Any], out: Any, ufunc: bool) -> Any:
        self.refuse_hidden_copies(inputs)
        given = tuple(plain(x) for x in inputs)
        kw = {k: plain(v) for k, v in kw.items()}
        if out is None:
            result = function(*given, **kw)
            if not isinstance(result, np.ndarray):
                result = np.asarray(result)
            out = self.place(result)
        target = plain(out)
        made = step(function, given, kw, target, ufunc)
        errors: dict[str, Any] = dict(np.geterr())
        quiet = {k: v for k, v in errors.items() if v != self.errors[k]}
        self.steps.append(partial(quietly, quiet, made) if quiet else made)
        self.steps[-1]()
        return out if isinstance(out, Traced) else self.traced(target)

    def refuse_hidden_copies(self, values: Any) -> None:
        """A reshape may have had to copy, which nothing here heard of."""
        for x in values:
            if isinstance(x, (tuple, list)):
                self.refuse_hidden_copies(x)
            elif isinstance(x, Traced) and x.size:
                known = (*self.given, *self.temporaries)
                if not any(np.may_share_memory(plain(x), array) for array in known):
                    raise NotUnrolled("a copy that was not asked for")

    def may_stay(self, array: Array, order: str | None) -> bool:
        """Whether a copy of this array need not be made, since nobody wants the original."""
        if not any(same_memory(array, dying) for dying in self.dying):
            return False
        if order == "C" and not array.flags.c_contiguous:
            return False
        self.overwritten.append(array)
        return True

    def write(self, function: Any, args: Any, kw: dict[str, Any]) -> None:
        if not isinstance(args[0], Traced):
            raise NotUnrolled(f"{function.__name__} into an array made from nothing")
        self.refuse_hidden_copies(args)
        self.steps.append(partial(function, *(plain(a) for a in args), **kw))
        self.steps[-1]()

    def copied(self, result: Array, source: Traced) -> Traced:
        out = self.place(result)
        self.write(np.copyto, (self.traced(out), source), {"casting": "unsafe"})
        return self.traced(out)

    def release_all_but(self, outs: tuple[Array, ...]) -> None:
        for temporary in self.temporaries:
            if not any(np.may_share_memory(temporary, out) for out in outs):
                self.pool.release(temporary)

    def place(self, result: Array) -> Array:
        out = self.pool.like(result)
        self.temporaries.append(out)
        return out


def quietly(errors: dict[str, Any], made: Step) -> None:
    """A step that the kernel made inside `np.errstate`."""
    with np.errstate(**errors):
        made()


def step(function: Any, given: Any, kw: dict[str, Any], out: Array, ufunc: bool) -> partial[Any]:
    """One NumPy call into `out`; Python numbers become 0-d arrays, which NumPy takes faster."""
    if ufunc and not kw:
        dtypes = [x.dtype for x in given if isinstance(x, np.ndarray)]
        if dtypes and any(type(x) in (int, float) for x in given):
            kind = np.result_type(*dtypes)
            exact = [as_kind(x, kind) if type(x) in (int, float) else x for x in given]
            if all(x is not None for x in exact) and function(*exact).dtype == out.dtype:
                given = tuple(exact)
        if function not in (np.maximum, np.minimum):  # they take out= by name only
            return partial(function, *given, out)
    return partial(function, *given, **kw, out=out)


def as_kind(x: float, kind: np.dtype[Any]) -> Array | None:
    """A number as a 0-d array of a dtype; None where it would not be the same number to a ufunc.

    A float beside integers, a number beside bools, and one that overflows are not.
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
    kernel: Any, args: Any, kw: dict[str, Any], pool: Pool, dying: Sequence[Array] = ()
) -> tuple[list[Step], Any] | None:
    """The kernel's NumPy calls on these very arrays, and the array(s) they leave its result in.

    None where that cannot be done bit for bit. It is tried on clones: the arrays must hold valid
    data, and nothing is written to them, but to those that are `dying`, which may come to hold the
    result.
    """
    clones = Clones(args)
    ending = [clones.of(a) for a in args if clones.has(a) and clones.alone(a, args)
              and any(same_memory(a, d) for d in dying)]  # fmt: skip
    cloned = [clones.of(a) for a in args]
    log = Log(pool, [a for a in cloned if isinstance(a, np.ndarray)], ending)
    try:
        given = [log.traced(a) if isinstance(a, np.ndarray) else a for a in cloned]
        result = kernel(*given, **kw)
        results = result if isinstance(result, tuple) else (result,)
        if all(isinstance(r, Traced) for r in results):
            log.refuse_hidden_copies(results)
            outs = tuple(plain(r) for r in results)
            if _same_on_other_data(partial(kernel, *cloned, **kw), clones.pairs, log.steps, outs):
                for array in log.overwritten:
                    np.copyto(clones.real(array), array)
                outs = tuple(map(clones.real, outs))
                log.release_all_but(outs)
                return [replaced(step, clones.real) for step in log.steps], outs
    except (NotUnrolled, TypeError, AttributeError):
        pass
    finally:
        log.cell.clear()
    log.release_all_but(())
    return unroll(kernel, args, kw, pool) if log.overwritten else None


class Clones:
    """Copies of a kernel's arguments, to try it on: what others hold is only read.

    Not of what is huge (for the time it takes), not dense, or read-only: that stands for itself.
    """

    def __init__(self, args: Sequence[Any]) -> None:
        self._by_id: dict[int, tuple[Array, Array]] = {}
        for a in args:
            if isinstance(a, np.ndarray) and a.flags.writeable and a.nbytes < 1 << 24:
                copy = self._same_block(a)
                copy = clone(a) if copy is None else copy
                if copy is not None:
                    self._by_id.setdefault(id(a), (a, copy))
        # Each with the data that it begins with
        self.pairs = [(copy, copy.copy(order="K")) for _, copy in self._by_id.values()]

    def _same_block(self, array: Array) -> Array | None:
        """Two looks at one block of memory become two looks at one clone."""
        for known, copy in self._by_id.values():
            if same_memory(array, known):
                return look(array, known, copy)
        return None

    def has(self, arg: Any) -> bool:
        """Whether there is a clone of it."""
        return id(arg) in self._by_id

    def of(self, arg: Any) -> Any:
        """The clone, or the argument itself."""
        return self._by_id[id(arg)][1] if self.has(arg) else arg

    def alone(self, array: Array, args: Sequence[Any]) -> bool:
        """Whether no other argument lies over part of it, which a clone of its own would hide."""
        return not any(
            isinstance(a, np.ndarray)
            and np.may_share_memory(a, array)
            and not same_memory(a, array)
            for a in args
        )

    def real(self, array: Array) -> Array:
        """The same look at the argument itself, for a look at a clone; else the array."""
        for known, copy in self._by_id.values():
            if array is copy or np.may_share_memory(array, copy):
                return look(array, copy, known)
        return array


def _same_on_other_data(
    kernel: Callable[[], Any], kept: Any, steps: list[partial[Any]], outs: tuple[Array, ...]
) -> bool:
    """Whether the list gives the kernel's bits, on the data at hand and on the same reversed."""
    for backwards in (True, False):
        for array, before in kept:
            array[...] = before.ravel()[::-1].reshape(array.shape) if backwards else before
        expected = kernel()
        for one in steps:
            one()
        expected = expected if isinstance(expected, tuple) else (expected,)
        if not all(same_bits(e, o) for e, o in zip(expected, outs, strict=True)):
            return False
    return True


def same_bits(a: Any, b: Any) -> bool:
    """Whether two arrays are of one dtype and shape and equal bit for bit."""
    a, b = np.asarray(a), np.asarray(b)
    return bool(a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes())
