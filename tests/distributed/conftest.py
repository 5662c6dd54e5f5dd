"""Real ranks, started by mpiexec; without mpi4py or mpiexec these tests skip and say so."""

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from tinygrad_mnist.distributed.group import find_mpiexec

ROOT = Path(__file__).parents[2]
REQUIRED = "TINYGRAD_MNIST_MPI"  # "required": an MPI that is missing fails the tests
Start = Callable[..., subprocess.Popen[str]]
Finish = Callable[..., subprocess.CompletedProcess[str]]


def missing(what: str) -> None:
    """Skip and say so; fail where MPI is required, as in .ci/run."""
    if os.environ.get(REQUIRED) == "required":
        pytest.fail(f"{REQUIRED}=required, but {what}")
    pytest.skip(f"{what}: pip install 'tinygrad-mnist[mpi]'")


@pytest.fixture
def start() -> Start:
    """Start Python on some ranks: `start(2, "-m", "tinygrad_mnist", ...)`."""
    mpiexec = find_mpiexec()
    if find_spec("mpi4py") is None:
        missing("mpi4py is not installed")
    if mpiexec is None:
        missing("there is no mpiexec")

    def begin(ranks: int, *arguments: str, **more: str) -> subprocess.Popen[str]:
        environment = {
            **os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", "TINYGRAD_MNIST_OFFLINE": "1",
            **more,
        }  # fmt: skip
        return subprocess.Popen(
            [str(mpiexec), "-n", str(ranks), sys.executable, *arguments],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip

    return begin


@pytest.fixture
def on_ranks(start: Start) -> Finish:
    """Run Python on some ranks to its end, which comes within a minute."""

    def run(ranks: int, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        process = start(ranks, *arguments, **more)
        try:
            out, errors = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return subprocess.CompletedProcess(arguments, process.returncode, out, errors)

    return run
