"""The group of all ranks: begun by `init_process_group`, ended by `destroy_process_group`.

One process alone is a group of one rank, for which MPI is never loaded.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from tinygrad_mnist.distributed.errors import DistBackendError, DistError
from tinygrad_mnist.distributed.launch import Launch, launch
from tinygrad_mnist.threads import blas, get_num_threads, is_set_by_user, set_num_threads

DEFAULT_TIMEOUT = timedelta(minutes=30)  # PyTorch's
BACKENDS = {"mpi": "mpi", "gloo": "mpi", "undefined": "mpi"}
INSTALL = "pip install 'tinygrad-mnist[mpi]'"
UNINITIALIZED = (
    "Default process group has not been initialized, please make sure to call init_process_group."
)


class ProcessGroup:
    """Some ranks that call collectives together; `comm` is their MPI communicator.

    A group of one rank without MPI has None there.
    """

    def __init__(self, comm: Any, ranks: Sequence[int], mpi: Any = None) -> None:
        self.comm, self.ranks, self.mpi = comm, list(ranks), mpi

    def rank(self) -> int:
        """Return the number of this process in the group."""
        return 0 if self.comm is None else int(self.comm.rank)

    def size(self) -> int:
        """Return the number of ranks in the group."""
        return len(self.ranks)

    def __repr__(self) -> str:
        return f"<ProcessGroup: rank {self.rank()} of {self.size()}>"


class NonMember:
    """Stands for a group that this rank is not in, as `new_group` returns it."""

    def __repr__(self) -> str:
        return "<ProcessGroup: this rank is no member>"


NON_GROUP_MEMBER = NonMember()
WORLD = None  # as `group=`: all ranks


class GroupMember:
    """PyTorch's names of two groups: of all ranks, and of none."""

    WORLD = WORLD
    NON_GROUP_MEMBER = NON_GROUP_MEMBER


_world: ProcessGroup | None = None


def init_process_group(
    backend: str | None = None,
    init_method: str | None = None,
    timeout: timedelta | float | None = None,
    world_size: int = -1,
    rank: int = -1,
    store: Any = None,
    group_name: str = "",
    pg_options: Any = None,
    device_id: Any = None,
) -> None:
    """Join the ranks that `mpiexec` has started; a process that runs alone is a group of one.

    "mpi" and "gloo" both stand for MPI. From here on an exception on one rank ends the whole job,
    and so does a collective that waits longer than `timeout` (30 minutes). `rank` and `world_size`
    are only compared with the launcher's: nothing is spawned. The ranks of a machine share its
    cores: each takes its part of the BLAS's threads, unless OPENBLAS_NUM_THREADS or such is set.

    Raises DistBackendError where MPI is missing or cannot start, ValueError for another backend
    or numbers that contradict the launcher's, RuntimeError when called twice.

    >>> init_process_group()
    >>> get_rank(), get_world_size()
    (0, 1)
    >>> destroy_process_group()
    """
    global _world
    if _world is not None:
        raise RuntimeError("trying to initialize the default process group twice!")
    check_backend(backend)
    seconds = _seconds(timeout)
    started = launch()
    _check_numbers(started, rank, world_size, os.environ)
    if started.size == 1:
        _world = ProcessGroup(None, [0])
        return
    mpi = load_mpi()
    comm = mpi.COMM_WORLD
    if comm.size != started.size:
        raise DistBackendError(
            f"mpiexec started {started.size} processes, but {library_version(mpi)}, which mpi4py "
            f"loads, sees {comm.size}: start them with the mpiexec of that MPI"
            + (f", {mpiexec}" if (mpiexec := find_mpiexec()) else "")
        )
    from tinygrad_mnist.distributed import deaths

    deaths.watch(mpi, comm, seconds)
    _share_cores(started.local_size)
    _world = ProcessGroup(raising(mpi, comm.Dup()), range(comm.size), mpi)


def _share_cores(ranks: int) -> None:
    """Give each rank of a machine its part of the BLAS's threads, unless the user's variable rules.

    With all threads each, two ranks on two cores took six times as long for the same products.
    """
    if not is_set_by_user() and blas().is_known:
        set_num_threads(max(1, get_num_threads() // ranks))


def raising(mpi: Any, comm: Any) -> Any:
    """Return a communicator whose errors are exceptions, not the end of the process."""
    comm.Set_errhandler(mpi.ERRORS_RETURN)
    return comm


def destroy_process_group(group: Any = None) -> None:
    """End a group; without an argument, the group of all ranks: wait for them."""
    global _world
    chosen = world() if group is None else group
    if isinstance(chosen, NonMember):
        return
    if chosen.comm is not None and chosen.mpi is not None:
        chosen.comm.Free()
        chosen.comm = None
    if chosen is _world:
        _world = None


def is_available() -> bool:
    """Return True: a process alone is a group of one."""
    return True


def is_initialized() -> bool:
    """Tell whether `init_process_group` was called."""
    return _world is not None


def world() -> ProcessGroup:
    """Return the group of all ranks. Raises ValueError before `init_process_group`."""
    if _world is None:
        raise ValueError(UNINITIALIZED)
    return _world


def group_or_world(group: Any) -> ProcessGroup:
    """Return the group that a collective names, by default all ranks."""
    if group is None:
        return world()
    if isinstance(group, ProcessGroup):
        return group
    if isinstance(group, NonMember):
        raise DistError("this rank is no member of the group, so it must not call its collectives")
    raise TypeError(f"group must be None or a ProcessGroup, not {type(group).__name__}")


def get_rank(group: Any = None) -> int:
    """Return the number of this process, from 0; -1 for one that is not in the group."""
    return -1 if isinstance(group, NonMember) else group_or_world(group).rank()


def get_world_size(group: Any = None) -> int:
    """Return the number of ranks; -1 for a process that is not in the group."""
    return -1 if isinstance(group, NonMember) else group_or_world(group).size()


def get_backend(group: Any = None) -> str:
    """Return "mpi"."""
    group_or_world(group)
    return "mpi"


def new_group(
    ranks: Sequence[int] | None = None, timeout: Any = None, backend: str | None = None, **kw: Any
) -> Any:
    """Return a group of some of the ranks; all ranks must call it, members or not.

    Raises ValueError for ranks that there are not, or that come twice.
    """
    everyone = world()
    check_backend(backend)
    members = list(everyone.ranks) if ranks is None else sorted(ranks)
    if len(set(members)) < len(members) or not set(members) <= set(everyone.ranks):
        raise ValueError(
            f"the ranks of a group must be distinct and from 0 to {everyone.size() - 1}, "
            f"not {list(ranks or ())}"
        )
    if everyone.comm is None:
        return ProcessGroup(None, [0]) if members else NON_GROUP_MEMBER
    mine = everyone.rank() in members
    comm = everyone.comm.Split(0 if mine else everyone.mpi.UNDEFINED, everyone.rank())
    if not mine:
        return NON_GROUP_MEMBER
    return ProcessGroup(raising(everyone.mpi, comm), members, everyone.mpi)


# What may be asked for, and what is there


def check_backend(backend: Any) -> None:
    """Raise ValueError for a backend that is not MPI under one of its names."""
    if backend is None:
        return
    if not isinstance(backend, str):
        raise ValueError(f"backend must be a string such as 'mpi', not {type(backend).__name__}")
    names = [part.rpartition(":")[2] for part in backend.lower().split(",")]
    if any(name in BACKENDS for name in names):
        return
    if "nccl" in names or "xccl" in names:
        raise ValueError(f"backend {backend!r} is for GPUs, and every Tensor is on the CPU: 'mpi'")
    raise ValueError(f"Invalid backend: {backend!r}; use 'mpi' (or its other name here, 'gloo')")


def _check_numbers(
    started: Launch, rank: int, world_size: int, environment: Mapping[str, str]
) -> None:
    """Raise ValueError where the program, or torchrun, counts other ranks than the launcher."""
    asked = world_size
    if asked < 0 and environment.get("WORLD_SIZE", "").isdigit() and started.size == 1:
        asked = int(environment["WORLD_SIZE"])  # torchrun's
    if asked >= 0 and asked != started.size:
        raise ValueError(
            f"world_size is {asked}, but there {_are(started.size)}: start the program with "
            f"mpiexec -n {asked} python ..., and leave world_size out"
        )
    if rank >= 0 and rank != started.rank:
        raise ValueError(
            f"rank is {rank}, but this is rank {started.rank} of {started.size}: the launcher "
            "numbers the ranks; leave rank out"
        )


def _are(count: int) -> str:
    return "is one process" if count == 1 else f"are {count} processes"


def _seconds(timeout: timedelta | float | None) -> float:
    if timeout is None:
        return DEFAULT_TIMEOUT.total_seconds()
    seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else float(timeout)
    if not seconds > 0:
        raise ValueError(f"timeout must be above 0, not {timeout}")
    return seconds


def load_mpi() -> Any:
    """Return the module `mpi4py.MPI`. Raises DistBackendError, one line with the remedy."""
    if is_mpi_available():
        os.environ.setdefault("UCX_DEBUG_SIGNO", "0")  # else a SIGHUP prints MPICH's state, no more
    try:
        return importlib.import_module("mpi4py.MPI")
    except ModuleNotFoundError:
        raise DistBackendError(
            "mpiexec has started several processes, and mpi4py, by which they would speak to each "
            f"other, is not installed: {INSTALL}"
        ) from None
    except (ImportError, RuntimeError, OSError) as error:
        reason = " ".join(str(error).split())
        raise DistBackendError(
            f"mpi4py cannot load an MPI library ({reason:.200}): {INSTALL} brings one"
        ) from None


def is_mpi_available() -> bool:
    """Tell whether mpi4py is installed."""
    return importlib.util.find_spec("mpi4py") is not None


is_gloo_available = is_mpi_available


def is_nccl_available() -> bool:
    """Return False: every Tensor is on the CPU."""
    return False


is_ucc_available = is_xccl_available = is_torchelastic_launched = is_nccl_available


def library_version(mpi: Any) -> str:
    """Return the name and version of the MPI library on one line."""
    words = mpi.Get_library_version().replace("\0", "").split("\n")[0].replace("Version:", "")
    return " ".join(words.split()).rstrip(",")[:60]


def find_mpiexec() -> str | None:
    """Return the path of the `mpiexec` beside this Python, or else the one on the path."""
    beside = Path(sys.executable).with_name("mpiexec")
    return str(beside) if beside.exists() else shutil.which("mpiexec")
