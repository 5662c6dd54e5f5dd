"""Checksums by which ranks agree on the code, the data, a model; and numbers summed over all."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_mnist.distributed.deaths import waiting
from tinygrad_mnist.distributed.errors import DistError
from tinygrad_mnist.distributed.group import ProcessGroup, get_rank, world
from tinygrad_mnist.ops.random import Generator, default_generator

Array = np.ndarray[Any, Any]
DIGEST = 16  # bytes


def digest(*parts: Any) -> bytes:
    """Return a checksum of arrays, bytes and texts."""
    found = hashlib.blake2b(digest_size=DIGEST)
    for part in parts:
        if isinstance(part, np.ndarray):
            found.update(f"{part.dtype} {part.shape}".encode())
            part = np.ascontiguousarray(part).reshape(-1).view(np.uint8)
        found.update(part.encode() if isinstance(part, str) else part)
        found.update(b"\0")
    return found.digest()


@cache
def code_digest() -> bytes:
    """Return a checksum of the package's source files and of NumPy's version."""
    folder = Path(__file__).parents[1]
    files = sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)
    texts = [part for path in files for part in (path.name, path.read_bytes())]
    return digest(np.__version__, *texts)


def gather_bytes(text: bytes, group: ProcessGroup | None = None) -> list[bytes]:
    """Return the bytes that each rank gives, which may differ in length."""
    ranks = world() if group is None else group
    if ranks.comm is None:
        return [text]
    lengths = np.empty(ranks.size(), np.int64)
    with waiting("all_gather"):
        ranks.comm.Allgather(np.array([len(text)], np.int64), lengths)
        whole = np.empty(int(lengths.sum()), np.uint8)
        ranks.comm.Allgatherv(np.frombuffer(text, np.uint8), [whole, lengths.tolist()])
    ends = np.cumsum(lengths)
    return [whole[end - n : end].tobytes() for end, n in zip(ends, lengths, strict=True)]


def check_same(parts: Mapping[str, bytes], group: ProcessGroup | None = None) -> None:
    """Raise DistError, on all ranks alike, where a rank's checksum of a part is not rank 0's."""
    names = list(parts)
    everyone = gather_bytes(b"".join(parts.values()), group)
    for number, name in enumerate(names):
        mine = [own[number * DIGEST : (number + 1) * DIGEST] for own in everyone]
        others = [rank for rank, own in enumerate(mine) if own != mine[0]]
        if others:
            raise DistError(
                f"the {name} of {_ranks(others)} differs from that of rank 0: give all ranks the "
                f"same {name}"
            )


def _ranks(numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return f"rank {numbers[0]}"
    return f"ranks {', '.join(map(str, numbers[:4]))}" + (", ..." if len(numbers) > 4 else "")


def bytes_of_first(text: bytes) -> bytes:
    """Return the bytes that rank 0 gives; those of the other ranks are ignored."""
    ranks = world()
    return gather_bytes(text if ranks.rank() == 0 else b"", ranks)[0]


def sum_numbers(numbers: Array) -> None:
    """Replace numbers by their sums over all ranks, in place; alone, leave them."""
    comm, mpi = world().comm, world().mpi
    if comm is None:
        return
    with waiting("all_reduce"):
        comm.Allreduce(mpi.IN_PLACE, numbers)


def share_of(count: int, rank: int, size: int) -> slice:
    """Return the rows of a batch of `count` that fall to a rank: in order, as even as possible.

    >>> [share_of(10, rank, 4) for rank in range(4)]
    [slice(0, 3, None), slice(3, 6, None), slice(6, 8, None), slice(8, 10, None)]
    """
    small, larger = divmod(count, size)
    start = rank * small + min(rank, larger)
    return slice(start, start + small + (rank < larger))


def seed_rank(seed: int, *more: int) -> Generator:
    """Seed the generator that serves all calls by (seed, ..., rank): each rank draws its own.

    >>> from tinygrad_mnist import distributed as dist
    >>> dist.init_process_group()
    >>> dist.seed_rank(0).rng is dist.seed_rank(0).rng
    True
    >>> dist.destroy_process_group()
    """
    default_generator.manual_seed(seed)
    bits = np.random.PCG64([seed % 2**64, *more, get_rank()])
    default_generator.set_state(dict(bits.state))
    return default_generator
