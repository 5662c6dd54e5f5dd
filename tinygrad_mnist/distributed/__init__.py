"""Data parallel training on MPI, with the names of `torch.distributed`.

Start a program with `mpiexec -n 4 python program.py`; without mpiexec it is a group of one rank.
`launch.py` reads how the process was started, `group.py` begins and ends the group of all ranks,
`collectives.py` has what they call together, `deaths.py` sees to it that a rank which dies ends
the job. `nn.parallel.DistributedDataParallel` is built on them. docs/distributed.md shows how.
"""

from typing import TYPE_CHECKING

from tinygrad_mnist.lazy import page

if TYPE_CHECKING:
    from tinygrad_mnist.distributed.agree import seed_rank as seed_rank
    from tinygrad_mnist.distributed.collectives import all_gather as all_gather
    from tinygrad_mnist.distributed.collectives import (
        all_gather_into_tensor as all_gather_into_tensor,
    )
    from tinygrad_mnist.distributed.collectives import all_reduce as all_reduce
    from tinygrad_mnist.distributed.collectives import barrier as barrier
    from tinygrad_mnist.distributed.collectives import broadcast as broadcast
    from tinygrad_mnist.distributed.collectives import gather as gather
    from tinygrad_mnist.distributed.collectives import reduce as reduce
    from tinygrad_mnist.distributed.collectives import scatter as scatter
    from tinygrad_mnist.distributed.errors import DistBackendError as DistBackendError
    from tinygrad_mnist.distributed.errors import DistError as DistError
    from tinygrad_mnist.distributed.group import GroupMember as GroupMember
    from tinygrad_mnist.distributed.group import ProcessGroup as ProcessGroup
    from tinygrad_mnist.distributed.group import destroy_process_group as destroy_process_group
    from tinygrad_mnist.distributed.group import get_backend as get_backend
    from tinygrad_mnist.distributed.group import get_rank as get_rank
    from tinygrad_mnist.distributed.group import get_world_size as get_world_size
    from tinygrad_mnist.distributed.group import init_process_group as init_process_group
    from tinygrad_mnist.distributed.group import is_available as is_available
    from tinygrad_mnist.distributed.group import is_gloo_available as is_gloo_available
    from tinygrad_mnist.distributed.group import is_initialized as is_initialized
    from tinygrad_mnist.distributed.group import is_mpi_available as is_mpi_available
    from tinygrad_mnist.distributed.group import is_nccl_available as is_nccl_available
    from tinygrad_mnist.distributed.group import (
        is_torchelastic_launched as is_torchelastic_launched,
    )
    from tinygrad_mnist.distributed.group import new_group as new_group
    from tinygrad_mnist.distributed.messages import recv as recv
    from tinygrad_mnist.distributed.messages import send as send
    from tinygrad_mnist.distributed.reduce_op import ReduceOp as ReduceOp
    from tinygrad_mnist.distributed.work import Work as Work
else:
    __getattr__, __dir__, __all__ = page(
        __name__,
        {
            "agree": "seed_rank",
            "collectives": (
                "all_gather all_gather_into_tensor all_reduce barrier broadcast gather reduce "
                "scatter"
            ),
            "errors": "DistBackendError DistError",
            "group": (
                "GroupMember ProcessGroup destroy_process_group get_backend get_rank "
                "get_world_size init_process_group is_available is_gloo_available is_initialized "
                "is_mpi_available is_nccl_available is_torchelastic_launched new_group"
            ),
            "messages": "recv send",
            "reduce_op": "ReduceOp",
            "work": "Work",
        },
    )
