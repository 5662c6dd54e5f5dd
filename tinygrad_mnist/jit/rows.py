"""Rows: a proof, from the ops of a loss, that it is a mean over rows that do not depend on others.

A trial on some data is no proof: a clamp may not act today, class weights may have equal sums in
two tiles. So each array that the forward pass makes is of one of three kinds, and an op that is not
listed as keeping to them is refused by name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.jit.tape import Call, Entry, Write

Array = np.ndarray[Any, Any]

FREE = "the same for all rows"
ROWS = "along its first axis, the same number of entries for each row"
MEAN = "a mean or a sum over the rows, and linear in what was averaged"

ELEMENTWISE = frozenset((
    "where", "cast", "clip", "between", "strictly_between", "share_of_max", "gate", "relu",
    "sigmoid", "hardtanh", "bce_with_logits", "bce_of_probability", "softplus",
    "erf", "erfc", "gelu", "gelu_slope", "reciprocal", "nothing", "sigmoid_back", "times_sigmoid",
    "logsigmoid", "silu", "silu_back", "mish", "mish_back", "elu", "elu_back", "leaky_relu",
    "leaky_back", "gelu_tanh", "gelu_tanh_back", "power_back", "huber", "tanhshrink",
    "hardsigmoid", "hardswish", "hardswish_back", "softshrink", "beyond",
))  # fmt: skip
LINEAR = frozenset(("sum", "mean", "sum_to", "cast", "neg", "reshape", "broadcast_to", "permute"))
ALONG = frozenset((
    "amax", "amin", "ties", "logsumexp", "softmax", "log_softmax", "argmax", "argmin", "argsort",
    "all", "any", "cumsum", "topmost", "standardize", "length", "var", "std", "highest", "lowest",
))  # fmt: skip
IMAGES = frozenset(("max_pool", "pool_sum", "pool_spread", "pool_index", "pool_take", "pool_put"))


class Mixed(Exception):
    """An op mixes rows, or spoils a mean; the message names the op and the fault."""


class Kinds:
    """The kind of each array of a forward pass."""

    def __init__(self, inputs: Sequence[Array], entries: Sequence[Entry], count: int) -> None:
        """Find the kinds; each of the `inputs` has `count` rows."""
        self._count = count
        self._kinds: dict[int, str | Mixed] = {id(a): ROWS for a in inputs}
        self._even: set[int] = set()  # ids of arrays that hold one number
        for entry in entries:
            if isinstance(entry, Call):
                self._call(entry)
            elif isinstance(entry, Write):
                self._write(entry)

    def of(self, array: Array) -> str:
        """Return the kind of an array; raise Mixed where it has none."""
        kind = self._kinds.get(id(array), FREE)
        if isinstance(kind, Mixed):
            raise Mixed(*kind.args)
        return kind

    def _call(self, call: Call) -> None:
        try:
            kind: str | Mixed = self._of_call(call)
        except Mixed as mixed:
            kind = Mixed(*mixed.args)  # without a traceback, whose frames would hold all arrays
        for out in call.outs:
            self._kinds[id(out)] = kind

    def _write(self, entry: Write) -> None:
        value = self._kinds.get(id(entry.value), FREE)
        if self._kinds.get(id(entry.target), FREE) != value:
            self._kinds[id(entry.target)] = Mixed("it writes into a part of what it has made")

    def _of_call(self, call: Call) -> str:
        name, row, out = call.op.name, call.op.row, call.outs[0]
        if call.op.draws:
            per_row = out.ndim > 0 and len(out) == self._count
            self._require(per_row, name, "draws random numbers that are not one for each row")
            return ROWS
        arrays = [a for a in call.args if isinstance(a, np.ndarray)]
        kinds = {self.of(a) for a in arrays}
        if kinds <= {FREE}:
            if row == "full" or (row == "broadcast_to" and self._is_even(call.args[0])):
                self._even.add(id(out))
            return FREE
        if MEAN in kinds:
            return self._of_mean(call, kinds)
        kernel = call.op.kernel
        ufunc = getattr(kernel, "nin", 0) > 0 and getattr(kernel, "signature", None) is None
        rule = self._rules.get(row)
        if row in ELEMENTWISE or ufunc:
            return self._elementwise(name, arrays, out)
        if row in ALONG or row in IMAGES:
            axes = axis_numbers(call.kw.get("axis"), call.args[0].ndim) if row in ALONG else (1,)
            self._require(0 not in axes, name, "goes along the rows")
            return self._elementwise(name, arrays, None)
        self._require(rule is not None, name, "is not known to keep rows apart")
        assert rule is not None
        return rule(self, call)

    def _of_mean(self, call: Call, kinds: set[str]) -> str:
        name, row = call.op.name, call.op.row
        if ROWS in kinds:
            raise Mixed(f"{name} brings a mean over the rows together with single rows")
        means = [isinstance(a, np.ndarray) and self.of(a) == MEAN for a in call.args]
        holds = (
            row in LINEAR
            or row in ("add", "sub")
            or (row == "mul" and means.count(True) == 1)
            or (row == "div" and means == [True, False])
        )
        self._require(holds, name, "turns a mean over the rows into something else")
        return MEAN

    def _require(self, holds: bool, name: str, why: str) -> None:
        if not holds:
            raise Mixed(f"{name} {why}")

    def _is_even(self, array: Any) -> bool:
        return not isinstance(array, np.ndarray) or array.size == 1 or id(array) in self._even

    def _elementwise(self, name: str, arrays: Sequence[Array], out: Array | None) -> str:
        """Return ROWS: each row of the result is computed from the same row of the arguments."""
        ndim = max(a.ndim for a in arrays) if out is None else out.ndim
        lengths = {len(a) for a in arrays if self.of(a) == ROWS and a.ndim}
        for a in arrays:
            if self.of(a) == ROWS:
                self._require(a.ndim == ndim and len(lengths) == 1, name, "sets rows beside others")
            else:
                beside = 0 < a.ndim == ndim and len(a) > 1 and not self._is_even(a)
                self._require(not beside, name, "takes for each row an entry by its number")
        return ROWS

    # Ops by name

    def _reduction(self, call: Call) -> str:
        return MEAN if 0 in axis_numbers(call.kw.get("axis"), call.args[0].ndim) else ROWS

    def _reshape(self, call: Call) -> str:
        x, out = call.args[0], call.outs[0]
        each = x.size // max(self._count, 1)
        rest = math.prod(out.shape[1:])
        holds = out.ndim > 0 and len(out) % self._count == 0 and rest > 0 and each % rest == 0
        self._require(holds, "reshape", "puts several rows into one")
        return ROWS

    def _permute(self, call: Call) -> str:
        self._require(call.kw["axes"][0] == 0, "permute", "moves the rows to another axis")
        return ROWS

    def _broadcast_to(self, call: Call) -> str:
        x, out = call.args[0], call.outs[0]
        holds = x.ndim == out.ndim and len(x) == len(out)
        self._require(holds, "broadcast_to", "repeats rows")
        return ROWS

    def _slice(self, call: Call) -> str:
        self._require(whole(call.kw["key"]), call.op.name, "picks some of the rows")
        return ROWS

    def _assign(self, call: Call) -> str:
        x, value = call.args
        holds = whole(call.kw["key"]) and self.of(x) == ROWS
        if isinstance(value, np.ndarray) and not self._is_even(value):
            holds = holds and self.of(value) == ROWS and value.ndim > 0 and len(value) == len(x)
        self._require(holds, "assign", "writes to some of the rows")
        return ROWS

    def _take(self, call: Call) -> str:
        source, index = (call.args[0], call.args[1])
        holds = self.of(source) == FREE and self.of(index) == ROWS
        self._require(holds, call.op.name, "takes rows by number from among the rows")
        return ROWS

    def _embed(self, call: Call) -> str:
        kinds = [self.of(a) for a in call.args if isinstance(a, np.ndarray)]
        holds = sorted(kinds) == sorted((FREE, ROWS))
        self._require(holds, call.op.name, "looks rows up among the rows")
        return ROWS

    def _gather(self, call: Call) -> str:
        self._require(
            call.kw["axis"] % call.args[0].ndim != 0, call.op.name, "picks among the rows"
        )
        return self._elementwise(call.op.name, call.reads, None)

    def _cross_entropy(self, call: Call) -> str:
        holds = all(self.of(a) == ROWS and len(a) == len(call.args[0]) for a in call.reads)
        self._require(holds, call.op.name, "takes for each row an entry by its number")
        return ROWS

    def _one_hot(self, call: Call) -> str:
        return ROWS

    def _matmul(self, call: Call) -> str:
        a, b = call.args
        out = call.outs[0]
        a_has_rows, b_has_rows = self.of(a) == ROWS, self.of(b) == ROWS
        if a_has_rows and b_has_rows:
            holds = a.ndim == b.ndim == out.ndim >= 3
        elif a_has_rows:
            holds = a.ndim >= 2 and a.ndim == out.ndim + (b.ndim == 1)
        else:
            holds = b.ndim >= 3 and b.ndim == out.ndim + (a.ndim == 1)
        self._require(holds, call.op.name, "sums over the rows")
        return ROWS

    def _linear(self, call: Call) -> str:
        x, *others = (a for a in call.args if isinstance(a, np.ndarray))
        holds = self.of(x) == ROWS and x.ndim >= 2 and all(self.of(a) == FREE for a in others)
        self._require(holds, call.op.name, "has weights that depend on the rows")
        return ROWS

    def _layer_norm(self, call: Call) -> str:
        x, *others = (a for a in call.args if isinstance(a, np.ndarray))
        holds = self.of(x) == ROWS and all(self.of(a) == FREE for a in others)
        self._require(holds, call.op.name, "has weights that depend on the rows")
        self._require(call.kw["size"] * len(x) <= x.size, call.op.name, "goes along the rows")
        return ROWS

    def _attention(self, call: Call) -> str:
        *pairs, mask = (*call.args, None)[:4]
        holds = all(self.of(a) == ROWS and a.ndim == call.outs[0].ndim >= 3 for a in pairs)
        if mask is not None and self.of(mask) == FREE:
            holds = holds and (mask.ndim < call.outs[0].ndim or len(mask) == 1)
        self._require(holds, call.op.name, "lets a row see others")
        return ROWS

    def _cat(self, call: Call) -> str:
        holds = call.kw.get("axis", 0) % call.outs[0].ndim != 0
        self._require(holds, "cat", "puts rows behind rows")
        return self._elementwise("cat", call.reads, None)

    def _stack(self, call: Call) -> str:
        holds = call.kw["axis"] % call.outs[0].ndim != 0
        self._require(holds, "stack", "puts rows behind rows")
        self._require(all(self.of(a) == ROWS for a in call.args), "stack", "adds weights to rows")
        return ROWS

    _rules: dict[str, Callable[[Kinds, Call], str]] = {
        "sum": _reduction, "mean": _reduction,
        "reshape": _reshape, "permute": _permute, "broadcast_to": _broadcast_to,
        "slice": _slice, "assign": _assign, "cat": _cat, "stack": _stack,
        "take": _take, "embed": _embed, "gather": _gather, "scatter_add": _gather,
        "cross_entropy_rows": _cross_entropy, "one_hot": _one_hot,
        "matmul": _matmul, "linear": _linear, "linear_columns": _linear,
        "conv": _linear, "conv_input": _linear,
        "layer_norm": _layer_norm, "attention": _attention,
    }  # fmt: skip


def axis_numbers(axis: Any, ndim: int) -> tuple[int, ...]:
    """Return the axes that a reduction goes along, counted from the front."""
    if axis is None:
        return tuple(range(ndim))
    return tuple(a % max(ndim, 1) for a in (axis if isinstance(axis, tuple) else (axis,)))


def whole(key: Any) -> bool:
    """Tell whether a key leaves the first axis as it is."""
    first = key[0] if isinstance(key, tuple) and key else key
    return first is Ellipsis or first == slice(None)
