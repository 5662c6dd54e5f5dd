"""Modules that spread a batch: over devices, of which there is one, or over the ranks of MPI."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.modes import is_grad_enabled
from tinygrad_mnist.distributed.errors import DistError
from tinygrad_mnist.distributed.group import (
    ProcessGroup,
    get_world_size,
    group_or_world,
    is_initialized,
)
from tinygrad_mnist.distributed.launch import launch
from tinygrad_mnist.nn.lazy import is_lazy
from tinygrad_mnist.nn.module import Module
from tinygrad_mnist.nn.reducer import Buffers, Reducer, broadcast_arrays, check_same_model

__path__: list[str] = []  # the names below it in PyTorch are in paths.py
__all__ = ["DataParallel"]  # DistributedDataParallel is in torch.nn.parallel alone


class DataParallel(Module):
    """Call `module`, whose state is under "module."; with one CPU there is nothing to spread.

    Raises RuntimeError for `device_ids`.
    """

    def __init__(
        self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0
    ) -> None:
        super().__init__()
        if device_ids:
            raise RuntimeError(f"there are no devices {device_ids}: every Tensor is on the CPU")
        self.module, self.dim = module, dim

    def forward(self, *args: Any, **kw: Any) -> Any:
        return self.module(*args, **kw)


class DistributedDataParallel(DataParallel):
    """Train `module`, whose state is under "module.", on all ranks: each on its part of a batch.

    All ranks begin with the weights and buffers of rank 0. At the end of each `backward()` that
    reaches the parameters, their gradients are the mean over the ranks, or the weighted mean of
    `set_weight`; in `jit` too, in all its forms. Buffers, such as batch norm's statistics, become
    rank 0's before each forward. A parameter that is unused on one rank counts as a gradient of 0
    there, and one that is unused on all keeps none: `find_unused_parameters` changes nothing.

    Every rank must call forward and backward as often as the others. One process alone trains as
    without this class. Raises RuntimeError where no parameter requires grad, and DistError, on all
    ranks, where the ranks' models differ.

    >>> from tinygrad_mnist import nn
    >>> model = nn.parallel.DistributedDataParallel(nn.Linear(2, 1))
    >>> sorted(model.state_dict())
    ['module.bias', 'module.weight']
    """

    def __init__(
        self,
        module: Module,
        device_ids: Any = None,
        output_device: Any = None,
        dim: int = 0,
        broadcast_buffers: bool = True,
        init_sync: bool = True,
        process_group: Any = None,
        *args: Any,
        **kw: Any,
    ) -> None:
        """Compare the models of all ranks, and take rank 0's weights unless not `init_sync`."""
        super().__init__(module, device_ids)
        self.require_backward_grad_sync = True
        ranks = _ranks(process_group)
        params = [p for p in module.parameters() if p.requires_grad]
        buffers = list(module.buffers()) if broadcast_buffers else []
        if any(is_lazy(t) for t in [*module.parameters(), *module.buffers()]):
            raise RuntimeError(
                "a module with uninitialized parameters cannot be distributed yet: call it once, "
                "to give them shapes"
            )
        if not params:
            raise RuntimeError(
                "DistributedDataParallel is not needed when a module doesn't have any parameters "
                "that require a gradient."
            )
        self._reducer = self._synced = None
        if ranks is None:
            return
        check_same_model(_lines_of(module), ranks)
        if init_sync:
            broadcast_arrays([t._data for t in (*module.parameters(), *module.buffers())], ranks)
        self._reducer = Reducer(params, ranks)
        self._synced = Buffers(buffers, ranks) if buffers else None

    def forward(self, *args: Any, **kw: Any) -> Any:
        if self._reducer is not None and self.require_backward_grad_sync:
            if self._synced is not None:
                self._synced.before_forward()
            if is_grad_enabled():
                self._reducer.arm()
        return self.module(*args, **kw)

    @contextlib.contextmanager
    def no_sync(self) -> Iterator[None]:
        """Add up gradients on each rank alone; the first backward after the block averages all.

        Both the forward and the backward of a step belong into the block.
        """
        before = self.require_backward_grad_sync
        self.require_backward_grad_sync = False
        try:
            yield
        finally:
            self.require_backward_grad_sync = before

    def set_weight(self, weight: float) -> None:
        """Weight this rank's gradients from here on, by the number of its examples for instance.

        With weights w of the ranks, gradients become sum(w * gradient) / sum(w): the gradient of
        the mean over all examples, however unevenly these are dealt out. Captured programs follow.
        Raises ValueError for a weight that is negative or not finite.
        """
        if not (np.isfinite(weight) and weight >= 0):
            raise ValueError(f"weight must be at least 0 and finite, not {weight}")
        if self._reducer is not None:
            self._reducer.weight = float(weight)

    def skip_batch(self) -> None:
        """Take part in the averaging of a step for which this rank has no example.

        Call it in place of forward and backward, after `zero_grad()`; it counts with weight 0.
        """
        if self._reducer is None:
            return
        if self._synced is not None:
            self._synced.before_forward()
        weight = self._reducer.weight
        self._reducer.weight = 0.0
        try:
            self._reducer.gradients_complete()
        finally:
            self._reducer.weight = weight

    def join(self, *args: Any, **kw: Any) -> Any:
        """Raise NotImplementedError: `skip_batch()` stands for a batch that a rank lacks."""
        raise NotImplementedError(
            "DistributedDataParallel.join: give each rank as many batches, as DistributedSampler "
            "does, or call skip_batch() on a rank that has none"
        )


def _ranks(group: Any) -> ProcessGroup | None:
    """Return the group to average over; None for a process alone."""
    if group is None and not is_initialized():
        started = launch()
        if started.size > 1:
            raise DistError(
                f"mpiexec has started {started.size} processes, and each would train alone: call "
                "distributed.init_process_group() first"
            )
        return None
    ranks = group_or_world(group)
    return None if ranks.comm is None or get_world_size(group) == 1 else ranks


def _lines_of(module: Module) -> list[str]:
    """Describe each parameter and buffer: name, dtype, shape and order of axes in memory."""
    lines = []
    for kind, tensors in (
        ("parameter", module.named_parameters()),
        ("buffer", module.named_buffers()),
    ):
        for name, t in tensors:
            order = np.argsort([-stride for stride in t._data.strides], kind="stable").tolist()
            lines.append(
                f"{kind} {name}: {t.dtype} {list(t.shape)}, axes in memory {order}"
                + ("" if t.requires_grad or kind == "buffer" else ", frozen")
            )
    return lines
