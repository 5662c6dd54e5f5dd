"""How this process was started: alone, or by `mpiexec` as one rank of several.

Read from the environment, without loading MPI: a program that runs alone never needs it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

# Of each launcher: the variables with the rank, the number of ranks, and those on this machine
LAUNCHERS = (
    ("PMI_RANK", "PMI_SIZE", "MPI_LOCALNRANKS"),  # MPICH, Intel MPI, MS-MPI, srun --mpi=pmi2
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE"),  # Open MPI
    ("MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_LOCAL_SIZE"),  # MVAPICH
    ("PMIX_RANK", "SLURM_NTASKS", "SLURM_NTASKS_PER_NODE"),  # srun --mpi=pmix
)


class Launch(NamedTuple):
    """The launcher's account of this process."""

    rank: int
    size: int
    local_size: int
    """How many of the ranks run on this machine, as far as the launcher says."""


ALONE = Launch(0, 1, 1)


def launch(environment: Mapping[str, str] | None = None) -> Launch:
    """Return the rank of this process and the number of ranks; 0 of 1 without a launcher.

    >>> launch({"PMI_RANK": "1", "PMI_SIZE": "4"})
    Launch(rank=1, size=4, local_size=4)
    >>> launch({})
    Launch(rank=0, size=1, local_size=1)
    """
    variables = os.environ if environment is None else environment
    for rank_name, size_name, local_name in LAUNCHERS:
        rank, size = _number(variables, rank_name), _number(variables, size_name)
        if rank is None or size is None or not 0 <= rank < size:
            continue
        local = _number(variables, local_name) or size
        return Launch(rank, size, min(max(local, 1), size))
    return ALONE


def _number(variables: Mapping[str, str], name: str) -> int | None:
    """Return the whole number in a variable, None where there is none."""
    text = variables.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else None
