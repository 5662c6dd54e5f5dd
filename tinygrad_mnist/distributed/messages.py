"""Point to point: send and receive one Tensor."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mnist.autograd import writes
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.distributed.collectives import readable, writable
from tinygrad_mnist.distributed.deaths import waiting
from tinygrad_mnist.distributed.errors import DistBackendError
from tinygrad_mnist.distributed.group import ProcessGroup, group_or_world


def send(tensor: Tensor, dst: int, group: Any = None, tag: int = 0) -> None:
    """Send a Tensor to rank `dst`, which calls `recv`."""
    ranks, array = group_or_world(group), readable("send", tensor)
    other = _other("send", ranks, dst)
    raw = np.array(array, order="C", ndmin=1).reshape(-1).view(np.uint8)
    with waiting("send"):
        ranks.comm.Send(raw, other, tag)


def recv(tensor: Tensor, src: int | None = None, group: Any = None, tag: int = 0) -> int:
    """Receive a Tensor from rank `src`, or from any; return the rank that sent it.

    Raises DistBackendError where the sender's Tensor has another number of bytes.
    """
    ranks, array = group_or_world(group), writable("recv", tensor)
    source = ranks.mpi.ANY_SOURCE if src is None and ranks.comm is not None else None
    other = _other("recv", ranks, src) if source is None else source
    raw, status = np.empty(array.nbytes, np.uint8), ranks.mpi.Status()
    try:
        with waiting("recv"):
            ranks.comm.Recv(raw, other, tag, status)
    except ranks.mpi.Exception as error:
        raise DistBackendError(f"recv: {error}") from None
    if status.Get_count() != array.nbytes:
        raise DistBackendError(
            f"recv: {status.Get_count()} bytes came, and the Tensor has {array.nbytes}"
        )
    np.copyto(array, raw.view(array.dtype).reshape(array.shape))
    writes.stamp(array)
    return ranks.ranks[int(status.Get_source())]


def _other(name: str, ranks: ProcessGroup, number: Any) -> int:
    """Return the number in the group of another rank. Raises ValueError for no other rank."""
    others = [rank for rank in ranks.ranks if rank != ranks.ranks[ranks.rank()]]
    if number not in others:
        raise ValueError(f"{name}: there is no other rank {number!r}; the others are {others}")
    return ranks.ranks.index(number)
