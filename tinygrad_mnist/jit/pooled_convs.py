"""In a tape of a tile: a convolution, its rectifier and its pooling as one call, and the way back.

Tiles may round otherwise than eager, so they may take the form of `kernels/pooled_conv.py`, which
adds up a bias's gradient in another order. All that is recognised here is left out of the tape: the
arrays between the three ops, and their gradients, are then never made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from tinygrad_mnist.jit.tape import Call, Entry, Write
from tinygrad_mnist.jit.views import map_arrays
from tinygrad_mnist.kernels.pooled_conv import Gradients, Layer, PooledConv, pooled_form_pays

Array = np.ndarray[Any, Any]
OP: Any = SimpleNamespace(name="conv", row="pooled_conv", view=False, draws=False)


@dataclass
class Forward(Call):
    """y = max_pool(relu(conv(x, w, b))); `args` are x, w and perhaps b, `outs` is y."""

    layer: Any = None

    def on(self, args: Sequence[Any], outs: Sequence[Array]) -> tuple[Any, ...]:
        """Return what PooledConv takes, with the arrays that stand for those of the tape."""
        x, w, *b = args
        return self.layer, x, w, b[0] if b else None, outs[0]


@dataclass
class Backward(Call):
    """The way back of `of`: `args` are d, y, x and w, `outs` the gradients of w, and of b and x."""

    of: Any = None
    has_bias: bool = False
    is_gated: bool = False

    def on(self, args: Sequence[Any], outs: Sequence[Array]) -> tuple[Any, ...]:
        """Return what PooledConv.bind_backward takes, as Forward.on does."""
        w, *others = outs
        b = others.pop(0) if self.has_bias else None
        x = others[0] if others else None
        return args[0], Gradients(w, b, x, self.is_gated)


@dataclass
class Bound:
    """Where the steps of such a layer stand among others, and what they are bound to."""

    forward: int
    arguments: tuple[Any, ...]
    backward: int = -1
    way: tuple[Any, ...] = ()

    def put(self, steps: list[Any], change: Callable[[Array], Array]) -> None:
        """Put the steps in their places, with `change` applied to each array."""
        conv = PooledConv(*map_arrays(self.arguments, change))
        steps[self.forward] = conv.forward
        steps[self.backward] = conv.bind_backward(*map_arrays(self.way, change))


def with_pooled_convs(entries: Sequence[Entry], ids: Set[int]) -> list[Entry]:
    """Return the entries, such layers as two calls each; arrays of these `ids` have to exist."""
    if any(isinstance(entry, Write) for entry in entries):
        return list(entries)
    uses = Uses(entries, ids)
    instead: dict[int, Entry | None] = {}
    for entry in entries:
        if _row(entry) == "max_pool":
            instead |= uses.layer(entry) or {}
    return [new for e in entries if (new := instead.get(id(e), e)) is not None]


class Uses:
    """Where each array of a tape is made, and which entries read it."""

    def __init__(self, entries: Iterable[Entry], ids: Set[int]) -> None:
        self._ids = ids
        self._made: dict[int, Call] = {}
        self._read: dict[int, list[Any]] = {}
        for entry in entries:
            for array in entry.reads:
                self._read.setdefault(id(array), []).append(entry)
            if isinstance(entry, Call):
                self._made.update((id(out), entry) for out in entry.outs)

    def layer(self, pool: Any) -> dict[int, Entry | None] | None:
        """Return what stands for the entries of a pooled layer; None if it has another form."""
        (rectified,), y = pool.args, pool.outs[0]
        relu: Any = self._maker(rectified, "relu")
        conv: Any = relu and self._maker(relu.args[0], "conv")
        if conv is None or self._readers(conv.outs[0]) != [relu]:
            return None
        x, w = conv.args[:2]
        source = self._made.get(id(x))
        layer = Layer(conv.kw["geom"], pool.kw["win"])
        if source is None or source.op.view or not pooled_form_pays(x, w, layer):
            return None
        back = self._back(conv, pool, rectified)
        if back is None:
            return None
        gate, way, left_out = back
        forward = Forward(OP, conv.args, {}, (y,), conv.errors, layer)
        way.of = forward
        gone = dict.fromkeys(map(id, (conv, relu, *left_out)))
        return gone | {id(pool): forward, id(gate): way}

    def _back(
        self, conv: Any, pool: Any, rectified: Array
    ) -> tuple[Any, Backward, list[Any]] | None:
        """Return the gate where the way back comes, the way, and the other entries of it."""
        x, w = conv.args[:2]
        readers = self._readers(rectified)
        put: Any = next((e for e in readers or () if _row(e) == "pool_put"), None)
        gate: Any = put and self._only_reader(put.outs[0], "gate")
        if gate is None or readers is None or len(readers) != 3:
            return None
        if (
            gate.args[1] is not rectified
            or put.args[1] is not rectified
            or put.args[2] is not pool.outs[0]
        ):
            return None
        g = gate.outs[0]
        users = {_row(e): e for e in self._readers(g) or ()}
        weight, to_input = users.pop("conv_weight", None), users.pop("conv_input", None)
        bias = self._bias(users.pop("permute", None))
        count = 1 + (to_input is not None) + len(bias[:1])
        if (
            weight is None
            or weight.args[0] is not x
            or users
            or count != len(self._readers(g) or ())
        ):
            return None
        outs, gated, left_out = [weight.outs[0]], None, [put, weight, *bias]
        if bias:
            outs.append(bias[-1].outs[0])
        if to_input is not None:
            if to_input.args[1] is not w:
                return None
            gated = self._only_reader(to_input.outs[0], "gate")
            gated = gated if gated is not None and gated.args[1] is x else None
            outs.append((gated or to_input).outs[0])
            left_out += [to_input, *([gated] if gated else [])]
        args = (put.args[0], pool.outs[0], x, w)
        way = Backward(OP, args, {}, tuple(outs), gate.errors, None, bool(bias), gated is not None)
        return gate, way, left_out

    def _bias(self, permute: Any) -> list[Any]:
        """Return the entries that add up a bias's gradient."""
        reshape: Any = permute and self._only_reader(permute.outs[0], "reshape")
        total: Any = reshape and self._only_reader(reshape.outs[0], "sum_to")
        if total is None or permute.kw["axes"] != (0, 2, 3, 1) or total.outs[0].ndim != 1:
            return []
        return [permute, reshape, total]

    def _maker(self, array: Array, row: str) -> Any:
        made = self._made.get(id(array))
        return made if made is not None and made.op.row == row else None

    def _readers(self, array: Array) -> list[Any] | None:
        """Return the entries that read an array; None where it has to exist for other reasons."""
        return None if id(array) in self._ids else self._read.get(id(array), [])

    def _only_reader(self, array: Array, row: str) -> Any:
        """Return the entry of that row which alone reads an array, if that is so."""
        readers = self._readers(array)
        return readers[0] if readers and len(readers) == 1 and _row(readers[0]) == row else None


def _row(entry: Any) -> str:
    return entry.op.row if isinstance(entry, Call) else ""
