"""One process without MPI: a world of one, and clear errors where there should be more."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import tinygrad_mnist as tg
from tests.ahead import ahead, pythons
from tinygrad_mnist import distributed as dist
from tinygrad_mnist import nn
from tinygrad_mnist.cli import main
from tinygrad_mnist.distributed.launch import ALONE, Launch, launch
from tinygrad_mnist.nn.parallel import DistributedDataParallel

LAUNCHED = {"PMI_RANK": "0", "PMI_SIZE": "2"}


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process group of this process."""
    for name in ("PMI_RANK", "OMPI_COMM_WORLD_RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    dist.init_process_group()
    yield
    dist.destroy_process_group()


@pytest.mark.usefixtures("alone")
def test_collectives_of_one_rank_leave_the_tensor() -> None:
    assert (dist.get_rank(), dist.get_world_size(), dist.get_backend()) == (0, 1, "mpi")
    x = tg.tensor([1.0, 2.0])
    for collective in (dist.all_reduce, dist.broadcast, dist.reduce):
        assert collective(x) is None
    work = dist.all_reduce(x, dist.ReduceOp.AVG, async_op=True)
    assert work is not None and work.wait() and x.tolist() == [1.0, 2.0]
    parts, whole, part = [tg.zeros(2)], tg.zeros(1, 2), tg.zeros(2)
    dist.all_gather(parts, x)
    dist.all_gather_into_tensor(whole, x)
    dist.scatter(part, [x])
    assert parts[0].tolist() == whole[0].tolist() == part.tolist() == [1.0, 2.0]
    dist.gather(x, parts)
    dist.barrier()
    with pytest.raises(ValueError, match="no other rank"):
        dist.send(x, 0)


@pytest.mark.usefixtures("alone")
def test_a_distributed_model_of_one_rank_trains_as_the_model() -> None:
    model = nn.Linear(2, 1)
    network = DistributedDataParallel(model)
    network.set_weight(3)
    with network.no_sync():
        network(tg.ones(1, 2)).sum().backward()
    network.skip_batch()
    assert model.weight.grad.tolist() == [[1.0, 1.0]]
    with pytest.raises(ValueError, match="weight must be"):
        network.set_weight(float("nan"))


@ahead
def error_of_one_rank(folder: Path) -> str:
    """The error of a program that is started alone and has loaded MPI for it."""
    code = (
        "from tinygrad_mnist import distributed as dist; dist.init_process_group(); import sys; "
        "assert not [name for name in sys.modules if name.startswith('mpi4py')]"
    )
    return pythons(code)[0].stderr


def test_nothing_is_loaded_for_one_rank(error_of_one_rank: str) -> None:
    assert error_of_one_rank == ""


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, ALONE),
        ({**LAUNCHED, "MPI_LOCALNRANKS": "1"}, Launch(0, 2, 1)),
        ({"OMPI_COMM_WORLD_RANK": "3", "OMPI_COMM_WORLD_SIZE": "4"}, Launch(3, 4, 4)),
        ({"PMI_RANK": "2", "PMI_SIZE": "2"}, ALONE),  # left over from something else
        ({"PMI_RANK": "x", "PMI_SIZE": ""}, ALONE),
    ],
)
def test_how_a_process_was_started(variables: dict[str, str], expected: Launch) -> None:
    assert launch(variables) == expected


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"backend": "nccl"}, "for GPUs"),
        ({"backend": "tcp"}, "use 'mpi'"),
        ({"backend": 3}, "must be a string"),
        ({"world_size": 2}, "mpiexec -n 2 python"),
        ({"rank": 1}, "leave rank out"),
        ({"timeout": 0}, "above 0"),
    ],
)
def test_a_wrong_group_is_refused(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        dist.init_process_group(**arguments)  # type: ignore[arg-type]
    assert not dist.is_initialized()


def test_collectives_need_a_group() -> None:
    for call in (dist.get_rank, dist.barrier, lambda: dist.all_reduce(tg.ones(1))):
        with pytest.raises(ValueError, match="has not been initialized"):
            call()


def test_torchrun_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    with pytest.raises(ValueError, match="mpiexec -n 4"):
        dist.init_process_group()


def test_without_mpi4py_one_line_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in LAUNCHED.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    monkeypatch.delitem(sys.modules, "mpi4py.MPI", raising=False)
    with pytest.raises(dist.DistBackendError, match=r"tinygrad-mnist\[mpi\]"):
        dist.init_process_group()
    assert main(["train", "mlp-10"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "mpi4py" in line and "tinygrad-mnist[mpi]" in line
    monkeypatch.setenv("PMI_RANK", "1")
    assert main(["train", "mlp-10"]) == 2 and capsys.readouterr().err == ""  # rank 0 says it


def test_a_model_under_mpiexec_needs_a_group(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in LAUNCHED.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(dist.DistError, match="init_process_group"):
        DistributedDataParallel(nn.Linear(1, 1))


def test_other_commands_run_on_rank_0_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PMI_SIZE", "2")
    printed = []
    for number in ("0", "1"):
        monkeypatch.setenv("PMI_RANK", number)
        assert main(["models"]) == 0
        printed.append(capsys.readouterr().out)
    assert "mlp-128" in printed[0] and printed[1] == ""


def test_parts_cover_a_batch() -> None:
    from tinygrad_mnist.distributed.agree import share_of

    for count, size in ((0, 3), (2, 3), (128, 3), (7, 7)):
        rows = [np.arange(count)[share_of(count, rank, size)] for rank in range(size)]
        assert np.concatenate(rows).tolist() == list(range(count))
        assert max(map(len, rows)) - min(map(len, rows)) <= 1
