"""A sampler that deals a data set out among processes: by default the ranks of MPI."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any

import numpy as np

from tinygrad_mnist.distributed.group import get_rank, get_world_size, is_initialized
from tinygrad_mnist.ops.random import Generator, rng_of
from tinygrad_mnist.utils.data.sampler import Rows, Sampler

__all__ = ["DistributedSampler"]


class DistributedSampler(Sampler[int]):
    """The indices of process number `rank` of `num_replicas`, shuffled by `seed` plus the epoch.

    Both numbers are by default those of the process group; without one, there is one process. All
    processes get the same number of indices: the first ones come again at the end, or, with
    `drop_last`, the last ones are left out. Call `set_epoch(epoch)` before each epoch, or all
    epochs have the same order. Raises ValueError for a rank out of range.

    >>> [list(DistributedSampler("abcde", 2, rank, shuffle=False)) for rank in (0, 1)]
    [[0, 2, 4], [1, 3, 0]]
    """

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        self.dataset, self.shuffle, self.seed, self.drop_last = dataset, shuffle, seed, drop_last
        several = is_initialized()
        default_size, default_rank = (get_world_size(), get_rank()) if several else (1, 0)
        self.num_replicas = default_size if num_replicas is None else num_replicas
        self.rank = default_rank if rank is None else rank
        if not 0 <= self.rank < self.num_replicas:
            raise ValueError(
                f"Invalid rank {self.rank}, rank should be in the interval [0, "
                f"{self.num_replicas - 1}]"
            )
        self.epoch = 0
        n = len(dataset) if drop_last else len(dataset) + self.num_replicas - 1
        self.num_samples = n // self.num_replicas
        self.total_size = self.num_samples * self.num_replicas

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, which decides the order, in all processes the same."""
        self.epoch = epoch

    def order(self) -> Rows:
        """Return this process's indices of the epoch."""
        n = len(self.dataset)
        order: Any = np.arange(n)
        if self.shuffle:
            order = rng_of(Generator().manual_seed(self.seed + self.epoch)).permutation(n)
        return np.resize(order, self.total_size)[self.rank :: self.num_replicas]

    def __len__(self) -> int:
        return self.num_samples
