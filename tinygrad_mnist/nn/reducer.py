"""Reducer: the gradients of a model, averaged over ranks by one all-reduce of one flat buffer.

Behind the gradients stand, in the same buffer, how many ranks have each gradient at all, and the
weights of the ranks: so a parameter that is unused on one rank, and batches of several sizes, need
no message of their own. The buffer is laid out as the parameters lie in memory. Its parts are not
sent early, while backward still runs: on a machine whose cores compute, that gained nothing
(docs/distributed.md has the measurement).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.autograd import ends, modes, writes
from tinygrad_mnist.autograd.floats import silent
from tinygrad_mnist.autograd.tensor import Tensor, wrap
from tinygrad_mnist.distributed.agree import check_same, digest, gather_bytes
from tinygrad_mnist.distributed.deaths import waiting
from tinygrad_mnist.distributed.errors import DistBackendError, DistError
from tinygrad_mnist.distributed.group import ProcessGroup
from tinygrad_mnist.kernels.scratch import shaped

Array = np.ndarray[Any, Any]


class Reducer:
    """Averages the gradients of `params` over the ranks of a group of several."""

    def __init__(self, params: Sequence[Tensor], ranks: ProcessGroup) -> None:
        self.params, self.ranks = params, ranks
        self.weight = 1.0
        self._parts = [
            Part(ranks, [p for p in params if p.dtype == dtype])
            for dtype in dict.fromkeys(p.dtype for p in params)
        ]
        self._leaves: set[Any] = set()
        self._changes = -1

    def __deepcopy__(self, memo: dict[int, Any]) -> Reducer:
        from copy import deepcopy

        return Reducer([deepcopy(p, memo) for p in self.params], self.ranks)

    def leaves(self) -> set[Any]:
        """Return the leaves of the parameters."""
        if self._changes != modes.changes:
            self._leaves = {p._node for p in self.params}
            self._changes = modes.changes
        return self._leaves

    def arm(self) -> None:
        """Average the gradients at the end of the next backward that reaches them."""
        ends.WAITING.add(self)

    def gradients_complete(self) -> None:
        """Average the gradients: now, and at every replay of a program that is being captured."""
        mode = modes.current()
        if mode.tape is None:
            self.average_gradients()
        elif mode.tape.effect(self.average_gradients, self):
            before = modes.switch(mode._replace(tape=None))
            try:
                self.average_gradients()
            finally:
                modes.switch(before)

    def average_gradients(self) -> None:
        """Replace each rank's gradients by their mean over the ranks, weighted by `weight`."""
        for part in self._parts:
            part.average(self.weight)


class Part:
    """The gradients of one dtype, in one buffer."""

    def __init__(self, ranks: ProcessGroup, params: list[Tensor]) -> None:
        self._ranks, self._params = ranks, params
        dtype = params[0].dtype
        self._carried = np.dtype(np.float32) if dtype == np.float16 else dtype
        size = sum(p._data.size for p in params)
        self.buffer = np.empty(size + len(params) + 1, self._carried)
        self._there = self.buffer[size : size + len(params)]  # how many ranks have each gradient
        self._total = self.buffer[-1:]
        self._views: list[Array] = []
        start = 0
        for p in params:
            raw = self.buffer[start : start + p._data.size].view(np.uint8)
            self._views.append(shaped(raw, p._data.astype(self._carried, copy=False)))
            start += p._data.size

    @silent
    def average(self, weight: float) -> None:
        """Sum the buffers of all ranks by one call, and divide by the sum of the weights."""
        self._pack(weight)
        comm, mpi = self._ranks.comm, self._ranks.mpi
        if comm is None:
            raise DistError("the gradients' process group was destroyed: make the model's DDP anew")
        try:
            with waiting("all_reduce of gradients"):
                comm.Allreduce(mpi.IN_PLACE, self.buffer)
        except mpi.Exception as error:
            raise DistBackendError(f"all-reduce of gradients: {error}") from None
        self._unpack()

    def _pack(self, weight: float) -> None:
        for number, (p, view) in enumerate(zip(self._params, self._views, strict=True)):
            grad = getattr(p._node, "grad", None)
            self._there[number] = grad is not None
            if grad is None:
                view[...] = 0
            elif weight == 1:
                np.copyto(view, grad._data)
            else:
                np.multiply(grad._data, weight, view, dtype=self._carried)
        self._total[0] = weight

    def _unpack(self) -> None:
        total = self._total[0]
        if not total:  # no rank had an example
            return
        for number, (p, view) in enumerate(zip(self._params, self._views, strict=True)):
            if not self._there[number]:
                continue
            node: Any = p._node
            if node.grad is None:
                node.grad = wrap(np.empty_like(p._data))
            array = node.grad._data
            np.divide(view, total, array, casting="unsafe")
            writes.stamp(array)


class Buffers:
    """The buffers of a model, such as batch norm's statistics: rank 0's, for all ranks."""

    def __init__(self, tensors: list[Tensor], ranks: ProcessGroup) -> None:
        self.tensors, self.ranks = tensors, ranks

    def __deepcopy__(self, memo: dict[int, Any]) -> Buffers:
        from copy import deepcopy

        return Buffers([deepcopy(t, memo) for t in self.tensors], self.ranks)

    def written_arrays(self) -> list[Array]:
        """Return the arrays that `broadcast` writes, for programs that capture it."""
        return [t._data for t in self.tensors]

    def before_forward(self) -> None:
        """Broadcast: now, and at every replay of a program that is being captured."""
        tape = modes.current().tape
        if tape is None or tape.effect(self.broadcast, self):
            self.broadcast()

    def broadcast(self) -> None:
        """Copy rank 0's values into the memory of all ranks' buffers."""
        broadcast_arrays([t._data for t in self.tensors], self.ranks)


def broadcast_arrays(arrays: list[Array], ranks: ProcessGroup) -> None:
    """Copy rank 0's arrays into those of all ranks, by one message."""
    whole = np.empty(sum(array.nbytes for array in arrays), np.uint8)
    ends_of = np.cumsum([array.nbytes for array in arrays])
    parts = [
        whole[end - a.nbytes : end].view(a.dtype).reshape(a.shape)
        for end, a in zip(ends_of, arrays, strict=True)
    ]
    for part, array in zip(parts, arrays, strict=True):
        np.copyto(part, array)
    with waiting("broadcast"):
        ranks.comm.Bcast(whole, 0)
    for part, array in zip(parts, arrays, strict=True):
        np.copyto(array, part)
        writes.stamp(array)


def check_same_model(lines: list[str], ranks: ProcessGroup) -> None:
    """Raise DistError, on all ranks alike, where their models differ; `lines` describe this one."""
    try:
        check_same({"model": digest(*lines)}, ranks)
    except DistError as error:
        everyone = [text.decode().split("\n") for text in gather_bytes("\n".join(lines).encode())]
        rank, other = next((r, own) for r, own in enumerate(everyone) if own != everyone[0])
        pairs = zip([*other, "nothing"], [*everyone[0], "nothing"], strict=False)
        mine, first = next(pair for pair in pairs if pair[0] != pair[1])
        detail = f"rank {rank} has {mine}, where rank 0 has {first}"
        raise DistError(f"{str(error).partition(':')[0]}: {detail}") from None
