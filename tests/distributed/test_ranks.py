"""Two ranks, and what one of them dies of."""

import re
from pathlib import Path

import pytest

from benchmarks.distributed_equality import measure, wrong
from tests.distributed.conftest import Finish, missing
from tinygrad_mnist.distributed.group import find_mpiexec, is_mpi_available

PROGRAM = Path(__file__).with_name("program.py")
BEGIN = """
import os, sys, time
import tinygrad_mnist as tg
from tinygrad_mnist import distributed as dist
dist.init_process_group({})
x = tg.ones(3)
"""


def test_what_takes_two_ranks(on_ranks: Finish) -> None:
    done = on_ranks(2, str(PROGRAM))
    assert (done.returncode, done.stderr) == (0, "")
    checks = re.findall(r"^def (\w+)\(.*None:$", PROGRAM.read_text(), re.MULTILINE)
    assert set(done.stdout.split()) == set(checks) - {"main"}


def test_two_ranks_train_as_one() -> None:
    if not is_mpi_available() or find_mpiexec() is None:
        missing("mpi4py or mpiexec is not installed")
    lines = measure(["mlp-10"], steps=12, ranks=2, alone={})
    assert {line["form"] for line in lines} == {"eager", "jit", "pure", "tiles"}
    assert wrong(lines) == []


def test_ranks_share_the_cores_of_their_machine(on_ranks: Finish) -> None:
    program = (
        "import tinygrad_mnist as tg; before = tg.get_num_threads()"
        + BEGIN.format("")
        + "print(f'{before} {tg.get_num_threads()}\\n', end='', flush=True)"
    )
    free = {"OPENBLAS_NUM_THREADS": "", "OMP_NUM_THREADS": ""}
    for line in on_ranks(2, "-c", program, **free).stdout.splitlines():
        before, after = map(int, line.split())
        assert after == max(1, before // 2)
    chosen = on_ranks(2, "-c", program, **{**free, "OPENBLAS_NUM_THREADS": "2"}).stdout
    assert chosen.splitlines() == ["2 2", "2 2"]  # the user's variable rules


@pytest.mark.parametrize(
    ("death", "words"),
    [
        ("raise ValueError('boom')", r"rank 1: ValueError: boom\n$"),
        ("sys.exit(0)", "rank 0 waits in all_reduce.. for rank 1, which has ended"),
        ("os.kill(os.getpid(), 9)", ""),
        ("os.kill(os.getpid(), 1)", ""),  # SIGHUP, which MPICH would take for a wish for its log
        ("time.sleep(50)", "rank 0 has waited 1 s in all_reduce"),
    ],
)
def test_a_rank_that_dies_ends_the_job(on_ranks: Finish, death: str, words: str) -> None:
    timeout = "timeout=1" if "sleep" in death else ""
    code = f"{BEGIN.format(timeout)}\nif dist.get_rank() == 1: {death}\ndist.all_reduce(x)\n"
    done = on_ranks(2, "-c", code)  # fails if it takes a minute
    assert done.returncode != 0
    assert re.search(words, done.stderr) or "KILLED" in done.stdout.upper()


def test_a_rank_may_end_before_the_others(on_ranks: Finish) -> None:
    code = f"{BEGIN.format('')}\nif dist.get_rank() == 0: time.sleep(1.5); print('drawn')"
    done = on_ranks(2, "-c", code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "drawn\n", "")
