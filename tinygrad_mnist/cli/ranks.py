"""A command under `mpiexec`: rank 0 alone prints, draws, downloads and writes."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from tinygrad_mnist.distributed.launch import launch

T = TypeVar("T")
DISTRIBUTED = ("train",)  # the commands that all ranks run; the others run on rank 0 alone


def is_one_of_many() -> bool:
    """Tell whether `mpiexec` has started more than one rank."""
    return launch().size > 1


def is_first() -> bool:
    """Tell whether this rank is the one that prints and writes."""
    return launch().rank == 0


def has_part(arguments: list[str]) -> bool:
    """Tell whether this rank has a part in a command line; join the others if it is `train`."""
    if not is_one_of_many():
        return True
    if not set(DISTRIBUTED) & set(arguments[:1]) or {"-h", "--help"} & set(arguments):
        return is_first()
    from tinygrad_mnist.distributed import init_process_group

    init_process_group()
    return True


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Drop the standard output of all ranks but the first."""
    if is_first():
        yield
        return
    before = sys.stdout
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        sys.stdout = nowhere
        try:
            yield
        finally:
            sys.stdout = before


def speaks(message: str, code: int) -> bool:
    """Tell whether this rank is to print an error: one rank does, and no other waits for it."""
    if not is_one_of_many():
        return True
    from tinygrad_mnist.distributed import is_initialized
    from tinygrad_mnist.distributed.deaths import fail

    return fail(message, code) if is_initialized() else is_first()


def first_alone(action: Callable[[], T]) -> T:
    """Do something on rank 0, such as a download, and then on the others, without a network."""
    if not is_one_of_many():
        return action()
    from tinygrad_mnist.distributed import barrier

    if is_first():
        result = action()
        barrier()
        return result
    barrier()
    os.environ["TINYGRAD_MNIST_OFFLINE"] = "1"
    return action()


def file_of_first(path: Path) -> Path | io.BytesIO:
    """Return a file to read; on the other ranks its bytes, as rank 0 has read them."""
    if not is_one_of_many():
        return path
    from tinygrad_mnist.distributed.agree import bytes_of_first

    return io.BytesIO(bytes_of_first(path.read_bytes() if is_first() else b""))


class NoClaim:
    """Stands, on the other ranks, for the folder that rank 0 has claimed."""

    folder = Path(os.devnull)

    def release(self) -> None:
        """Do nothing."""


def of_first(claim: Callable[[], T]) -> T | NoClaim:
    """Claim a folder on rank 0; the others claim none."""
    return claim() if is_first() else NoClaim()


def describe(batch: int | None) -> str:
    """Return how many ranks there are, the library between them, and how a batch is dealt out."""
    from tinygrad_mnist.distributed.group import library_version, world

    ranks = world()
    images = "the images" if batch is None else f"the {batch} images of a batch"
    return f"{ranks.size()}, each with its part of {images} ({library_version(ranks.mpi)})"
