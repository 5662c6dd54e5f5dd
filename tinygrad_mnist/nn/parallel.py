"""PyTorch's wrappers that spread a batch over devices; with one device, each calls its module."""

from __future__ import annotations

from typing import Any

from tinygrad_mnist.nn.module import Module

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
    """`DataParallel` among processes, of which there is one."""

    def __init__(self, module: Module, device_ids: Any = None, *args: Any, **kw: Any) -> None:
        super().__init__(module, device_ids)
