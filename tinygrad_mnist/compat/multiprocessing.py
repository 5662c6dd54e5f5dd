"""`torch.multiprocessing`: Python's own module; Tensors pass between processes as copies."""

from __future__ import annotations

from multiprocessing import *  # noqa: F403
from typing import Any


def get_all_sharing_strategies() -> set[str]:
    """Return one of PyTorch's names, without effect: Tensors are copied."""
    return {"file_system"}


def get_sharing_strategy() -> str:
    """Return one of PyTorch's names, without effect: Tensors are copied."""
    return "file_system"


def set_sharing_strategy(new_strategy: str) -> None:
    """Do nothing: Tensors are copied."""


def spawn(
    fn: Any, args: tuple[Any, ...] = (), nprocs: int = 1, join: bool = True, daemon: bool = False,
    start_method: str = "spawn",
) -> None:  # fmt: skip
    """Run `fn(i, *args)` in `nprocs` processes, and wait for them."""
    from multiprocessing import get_context

    context = get_context(start_method)
    processes = [context.Process(target=fn, args=(i, *args), daemon=daemon) for i in range(nprocs)]  # type: ignore[attr-defined]
    for process in processes:
        process.start()
    for process in processes if join else ():
        process.join()
        if process.exitcode:
            raise RuntimeError(f"a process ended with exit code {process.exitcode}")
