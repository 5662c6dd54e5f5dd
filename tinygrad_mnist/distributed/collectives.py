"""Collectives: all ranks of a group call the same one, with Tensors of one shape and dtype.

Each moves one buffer by one call of MPI; nothing is pickled. A Tensor need not be contiguous, and
may require grad: it is written in place, as under `no_grad`, and the write is noted, so that a
`backward()` which needs the old values raises an error.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from tinygrad_mnist.autograd import writes
from tinygrad_mnist.autograd.modes import is_taped
from tinygrad_mnist.autograd.tensor import Tensor, wrap
from tinygrad_mnist.distributed.agree import check_same, digest
from tinygrad_mnist.distributed.deaths import waiting
from tinygrad_mnist.distributed.errors import DistBackendError
from tinygrad_mnist.distributed.group import ProcessGroup, group_or_world
from tinygrad_mnist.distributed.programs import repeat, replace
from tinygrad_mnist.distributed.reduce_op import ReduceOp, carried, check_op, mpi_op
from tinygrad_mnist.distributed.work import Work

Array = np.ndarray[Any, Any]
Result = Work | None


def all_reduce(
    tensor: Tensor, op: ReduceOp = ReduceOp.SUM, group: Any = None, async_op: bool = False
) -> Result:
    """Combine the Tensors of all ranks, and leave the result in each of them, bit for bit the same.

    Sums of bools are "any". With `async_op`, returns Work to wait for. Raises TypeError for an op
    that the dtype lacks, DistBackendError where the ranks' shapes differ.

    >>> import tinygrad_mnist as tg
    >>> from tinygrad_mnist import distributed as dist
    >>> dist.init_process_group()
    >>> x = tg.tensor([1.0, 2.0])
    >>> dist.all_reduce(x)
    >>> x
    tensor([1., 2.])
    >>> dist.destroy_process_group()
    """
    ranks, target = group_or_world(group), writable("all_reduce", tensor, in_programs=True)
    check_op("all_reduce", op, target.dtype)
    if ranks.comm is None:
        return _alone(async_op)
    if is_taped():
        replace(tensor, partial(_reduced, op=op, ranks=ranks))
        return _alone(async_op)
    buffer = carried(target)
    args = (ranks.mpi.IN_PLACE, buffer, mpi_op(ranks.mpi, op, target.dtype))

    def finish() -> None:
        _put(target, _averaged(buffer, op, ranks))

    return _call("all_reduce", ranks, "Allreduce", args, finish, async_op=async_op)


def _reduced(array: Array, op: ReduceOp, ranks: ProcessGroup) -> Array:
    result = wrap(array.copy())
    all_reduce(result, op, ranks)
    return result._data


def reduce(
    tensor: Tensor,
    dst: int | None = None,
    op: ReduceOp = ReduceOp.SUM,
    group: Any = None,
    async_op: bool = False,
    group_dst: int | None = None,
) -> Result:
    """Combine the Tensors of all ranks in that of rank `dst`; the others stay as they are."""
    ranks, target = group_or_world(group), writable("reduce", tensor)
    root = _root("reduce", ranks, dst, group_dst)
    check_op("reduce", op, target.dtype)
    if ranks.comm is None:
        return _alone(async_op)
    buffer, mine = carried(target), ranks.rank() == root
    how = mpi_op(ranks.mpi, op, target.dtype)
    args = (ranks.mpi.IN_PLACE, buffer, how, root) if mine else (buffer, None, how, root)

    def finish() -> None:
        if mine:
            _put(target, _averaged(buffer, op, ranks))

    return _call("reduce", ranks, "Reduce", args, finish, async_op=async_op)


def broadcast(
    tensor: Tensor,
    src: int | None = None,
    group: Any = None,
    async_op: bool = False,
    group_src: int | None = None,
) -> Result:
    """Copy the Tensor of rank `src` into that of each other rank."""
    ranks, target = group_or_world(group), writable("broadcast", tensor, in_programs=True)
    root = _root("broadcast", ranks, src, group_src)
    if ranks.comm is None:
        return _alone(async_op)
    if is_taped():
        replace(tensor, partial(_broadcasted, root=root, ranks=ranks))
        return _alone(async_op)
    buffer = _bytes_of(target)

    def finish() -> None:
        if ranks.rank() != root:
            _put(target, _like(buffer, target))

    return _call("broadcast", ranks, "Bcast", (buffer, root), finish, async_op=async_op)


def _broadcasted(array: Array, root: int, ranks: ProcessGroup) -> Array:
    result = wrap(array.copy())
    broadcast(result, group=ranks, group_src=root)
    return result._data


def all_gather(
    tensor_list: list[Tensor], tensor: Tensor, group: Any = None, async_op: bool = False
) -> Result:
    """Copy the Tensor of each rank into the list of every rank: one Tensor per rank, in order."""
    ranks, source = group_or_world(group), readable("all_gather", tensor)
    targets = _targets("all_gather", tensor_list, ranks, source)
    return _gathered("all_gather", ranks, source, targets, async_op=async_op)


def all_gather_into_tensor(
    output_tensor: Tensor, input_tensor: Tensor, group: Any = None, async_op: bool = False
) -> Result:
    """Copy the Tensors of all ranks into one: stacked, or joined along the first axis."""
    name = "all_gather_into_tensor"
    ranks, source = group_or_world(group), readable(name, input_tensor)
    target = writable(name, output_tensor)
    size = ranks.size()
    joined = (size * source.shape[0], *source.shape[1:]) if source.ndim else (size,)
    if target.dtype != source.dtype or target.shape not in (joined, (size, *source.shape)):
        raise ValueError(
            f"{name}: the output must be {source.dtype} of shape {list(joined)} or "
            f"{[size, *source.shape]}, not {target.dtype} of shape {list(target.shape)}"
        )
    buffer = np.empty((size, *source.shape), source.dtype)

    def finish() -> None:
        _put(target, buffer.reshape(target.shape))

    if ranks.comm is None:
        buffer[0] = source
        finish()
        return _alone(async_op)
    args = (_bytes_of(source), _flat_bytes(buffer))
    return _call(name, ranks, "Allgather", args, finish, async_op=async_op)


def gather(
    tensor: Tensor,
    gather_list: list[Tensor] | None = None,
    dst: int | None = None,
    group: Any = None,
    async_op: bool = False,
    group_dst: int | None = None,
) -> Result:
    """Copy the Tensor of each rank into the list of rank `dst`; the others give no list."""
    ranks, source = group_or_world(group), readable("gather", tensor)
    root = _root("gather", ranks, dst, group_dst)
    if ranks.rank() != root:
        if gather_list:
            raise ValueError("gather: gather_list must be left out on ranks other than dst")
        args = (_bytes_of(source), None, root)
        return _call("gather", ranks, "Gather", args, _nothing, async_op=async_op)
    targets = _targets("gather", gather_list, ranks, source)
    return _gathered("gather", ranks, source, targets, root=root, async_op=async_op)


def scatter(
    tensor: Tensor,
    scatter_list: list[Tensor] | None = None,
    src: int | None = None,
    group: Any = None,
    async_op: bool = False,
    group_src: int | None = None,
) -> Result:
    """Copy into the Tensor of each rank its Tensor of the list of rank `src`."""
    ranks, target = group_or_world(group), writable("scatter", tensor)
    root = _root("scatter", ranks, src, group_src)
    mine = ranks.rank() == root
    if not mine and scatter_list:
        raise ValueError("scatter: scatter_list must be left out on ranks other than src")
    whole = None
    if mine:
        parts = _targets("scatter", scatter_list, ranks, target, read=True)
        whole = np.stack(parts)
        if ranks.comm is None:
            _put(target, whole[0])
            return _alone(async_op)
    buffer = _bytes_of(target)

    def finish() -> None:
        _put(target, _like(buffer, target))

    args = (None if whole is None else _flat_bytes(whole), buffer, root)
    return _call("scatter", ranks, "Scatter", args, finish, async_op=async_op)


def barrier(group: Any = None, async_op: bool = False, device_ids: Any = None) -> Result:
    """Wait until every rank has come here."""
    ranks = group_or_world(group)
    if ranks.comm is None or not repeat(partial(barrier, ranks), ranks):
        return _alone(async_op)
    return _call("barrier", ranks, "Barrier", (), _nothing, async_op=async_op)


# What all have in common


def refuse_tape(name: str) -> None:
    """Raise RuntimeError in a function that `jit(pure=True)` or `tile_rows` captures."""
    if is_taped():
        raise RuntimeError(
            f"distributed.{name}() in a captured function would happen once, while it is "
            "captured: call it outside, or leave pure out; all_reduce, broadcast and barrier may "
            "stay"
        )


def readable(name: str, tensor: Any, *, in_programs: bool = False) -> Array:
    """Return the array of a Tensor to send. Raises TypeError for what is no Tensor."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"{name}: a Tensor is needed, not {type(tensor).__name__}")
    if not in_programs:
        refuse_tape(name)
    return tensor._data


def writable(name: str, tensor: Any, *, in_programs: bool = False) -> Array:
    """Return the array of a Tensor to write. Raises RuntimeError where it cannot be written."""
    array = readable(name, tensor, in_programs=in_programs)
    repeated = any(n > 1 and not step for n, step in zip(array.shape, array.strides, strict=True))
    if (repeated and array.size) or not array.flags.writeable:
        raise RuntimeError(
            f"{name}: the Tensor of shape {list(array.shape)} cannot be written in place, as one "
            "that was expanded or is read-only: clone() it first"
        )
    return array


def _targets(
    name: str, tensors: Any, ranks: ProcessGroup, like: Array, *, read: bool = False
) -> list[Array]:
    """Return the arrays of a list with one Tensor per rank, each of the shape and dtype of one."""
    if not isinstance(tensors, Sequence) or len(tensors) != ranks.size():
        count = len(tensors) if isinstance(tensors, Sequence) else tensors
        raise ValueError(f"{name}: a list of {ranks.size()} Tensors is needed, not {count}")
    arrays = [readable(name, t) if read else writable(name, t) for t in tensors]
    for array in arrays:
        if array.shape != like.shape or array.dtype != like.dtype:
            raise ValueError(
                f"{name}: each Tensor of the list must be {like.dtype} of shape "
                f"{list(like.shape)}, not {array.dtype} of shape {list(array.shape)}"
            )
    return arrays


def _root(name: str, ranks: ProcessGroup, of_world: int | None, of_group: int | None) -> int:
    """Return the number in the group of the rank that is named, by default the first."""
    number = of_group if of_world is None else of_world
    allowed = list(range(ranks.size())) if of_world is None else ranks.ranks
    if number is None:
        return 0
    if isinstance(number, bool) or not isinstance(number, int) or number not in allowed:
        raise ValueError(f"{name}: there is no rank {number!r}; the ranks are {allowed}")
    return allowed.index(number)


def _gathered(
    name: str,
    ranks: ProcessGroup,
    source: Array,
    targets: list[Array],
    *,
    root: int | None = None,
    async_op: bool,
) -> Result:
    buffer = np.empty((ranks.size(), *source.shape), source.dtype)

    def finish() -> None:
        for number, target in enumerate(targets):
            _put(target, buffer[number])

    if ranks.comm is None:
        buffer[0] = source
        finish()
        return _alone(async_op)
    method, more = ("Allgather", ()) if root is None else ("Gather", (root,))
    args = (_bytes_of(source), _flat_bytes(buffer), *more)
    return _call(name, ranks, method, args, finish, async_op=async_op)


def _call(
    name: str,
    ranks: ProcessGroup,
    method: str,
    args: tuple[Any, ...],
    finish: Callable[[], None],
    *,
    async_op: bool,
) -> Result:
    """Call MPI: now, or begin it and return Work.

    With TORCH_DISTRIBUTED_DEBUG=DETAIL the ranks first compare what they call, and with what.
    """
    if os.environ.get("TORCH_DISTRIBUTED_DEBUG") == "DETAIL":
        arrays = [f"{a.dtype} {a.size}" for a in args if isinstance(a, np.ndarray)]
        check_same({f"call of {name}": digest(name, *arrays[-1:])}, ranks)
    try:
        if async_op:
            begin = getattr(ranks.comm, f"I{method.lower()}")
            return Work(name, begin(*args), finish)
        with waiting(name):
            getattr(ranks.comm, method)(*args)
    except ranks.mpi.Exception as error:
        raise DistBackendError(
            f"{name}: {' '.join(str(error).split())}: do all ranks give the same shape and dtype?"
        ) from None
    finish()
    return None


def _alone(async_op: bool) -> Result:
    return Work("alone", None, _nothing) if async_op else None


def _nothing() -> None:
    """Do nothing: there is no Tensor to complete."""


def _averaged(buffer: Array, op: ReduceOp, ranks: ProcessGroup) -> Array:
    if op is ReduceOp.AVG:
        np.divide(buffer, ranks.size(), buffer)
    return buffer


def _put(target: Array, value: Array) -> None:
    """Write a result into the memory of a Tensor."""
    np.copyto(target, value.reshape(target.shape), casting="unsafe")
    writes.stamp(target)


def _bytes_of(array: Array) -> Array:
    """Return the bytes of a contiguous copy."""
    return _flat_bytes(np.array(array, order="C", ndmin=1))


def _flat_bytes(array: Array) -> Array:
    """Return the memory of a contiguous array as bytes."""
    return array.reshape(-1).view(np.uint8)


def _like(raw: Array, array: Array) -> Array:
    """Return bytes as an array of the shape and dtype of another."""
    return raw.view(array.dtype).reshape(array.shape)
