"""`nn.parallel` and `torch.distributed`: one process on the CPU, nothing to distribute."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tinygrad_mnist.nn.module import Module
from tinygrad_mnist.ops.random import Generator, randperm
from tinygrad_mnist.utils.data import Sampler

ONE_PROCESS = "there is one process on the CPU: leave out what spreads a program over several"


def data_parallel(
    module: Module, inputs: Any, device_ids: Any = None, output_device: Any = None, dim: int = 0,
    module_kwargs: Any = None,
) -> Any:  # fmt: skip
    """Call the module."""
    inputs = inputs if isinstance(inputs, tuple) else (inputs,)
    return module(*inputs, **(module_kwargs or {}))


class DistributedSampler(Sampler[int]):
    """The indices for one process: every n-th index of an order that all processes share."""

    def __init__(
        self, dataset: Any, num_replicas: int | None = None, rank: int | None = None,
        shuffle: bool = True, seed: int = 0, drop_last: bool = False,
    ) -> None:  # fmt: skip
        if num_replicas is None or rank is None:
            raise RuntimeError(f"DistributedSampler needs num_replicas and rank: {ONE_PROCESS}")
        if not 0 <= rank < num_replicas:
            raise ValueError(
                f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]"
            )
        self.dataset, self.num_replicas, self.rank = dataset, num_replicas, rank
        self.epoch, self.shuffle, self.seed, self.drop_last = 0, shuffle, seed, drop_last
        n = len(dataset)
        self.num_samples = n // num_replicas if drop_last else -(-n // num_replicas)
        self.total_size = self.num_samples * num_replicas

    def __iter__(self) -> Iterator[int]:
        n = len(self.dataset)
        order = list(range(n))
        if self.shuffle:
            generator = Generator().manual_seed(self.seed + self.epoch)
            order = [int(i) for i in randperm(n, generator=generator)]
        while len(order) < self.total_size:
            order += order[: self.total_size - len(order)]
        return iter(order[: self.total_size][self.rank :: self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, which determines the order."""
        self.epoch = epoch


def is_available() -> bool:
    """Return False: there is one process."""
    return False


is_initialized = is_torchelastic_launched = is_nccl_available = is_mpi_available = is_available


def _refused(*args: Any, **kw: Any) -> Any:
    """Raise RuntimeError: there is one process."""
    raise RuntimeError(f"distributed: {ONE_PROCESS}")


init_process_group = destroy_process_group = barrier = all_reduce = all_gather = broadcast = (
    reduce
) = scatter = gather = get_rank = get_world_size = new_group = send = recv = _refused
