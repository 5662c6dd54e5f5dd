"""Processes that tests are about, started before the tests ask what came of them.

`@ahead` makes a session fixture of a job: a function of an empty folder, which starts processes and
returns what they did. A second process does the jobs of the selected tests in the tests' order,
while other tests run in the first; what those patch does not reach it.
"""

from __future__ import annotations

import inspect
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import tinygrad_mnist as tg

ROOT = Path(__file__).parents[1]
FEW = 3  # jobs, for which no process is started: it would have to import the tests
Job = Callable[..., Any]
JOBS: dict[str, Job] = {}
FOLDER = pytest.StashKey[Path]()
SECOND = pytest.StashKey["Second | None"]()


def ahead(job: Job) -> Any:
    """Make a session fixture of a job; parameters after its folder are results of other jobs."""
    name = job.__name__
    assert name not in JOBS, f"there are two jobs of the name {name}"
    JOBS[name] = job

    @pytest.fixture(scope="session", name=name)
    def result(request: pytest.FixtureRequest) -> Any:
        second = request.config.stash[SECOND]
        return second.result(name) if second else done(name, request.config.stash[FOLDER])

    return result


def needed(name: str) -> list[str]:
    """Return the jobs whose results a job takes."""
    return [*inspect.signature(JOBS[name]).parameters][1:]


def with_needed(name: str) -> Iterator[str]:
    """Yield a job, after those that it needs."""
    for other in needed(name):
        yield from with_needed(other)
    yield name


@cache
def done(name: str, base: Path) -> Any:
    """Do a job in this process, once, in a folder of its own."""
    folder = base / name
    folder.mkdir()
    return JOBS[name](folder, *(done(other, base) for other in needed(name)))


def pythons(*programs: str, **options: Any) -> list[subprocess.CompletedProcess[str]]:
    """Run programs in Python, at the same time."""
    commands = [[sys.executable, "-c", program] for program in programs]
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes, **options) for command in commands]
    outputs = [process.communicate() for process in processes]
    return [
        subprocess.CompletedProcess(process.args, process.returncode, *output)
        for process, output in zip(processes, outputs, strict=True)
    ]


class Second:
    """The process that does the jobs; it prints the name of each that is done."""

    def __init__(self, names: list[str], base: Path) -> None:
        jobs = [f"{JOBS[name].__module__}:{name}" for name in names]
        self.base = base
        self.finished: set[str] = set()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.ahead", str(base), *jobs],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip

    def result(self, name: str) -> Any:
        """Return what a job has returned, or raise what it has raised, once it is done."""
        assert self.process.stdout is not None
        while name not in self.finished:
            line = self.process.stdout.readline()
            assert line, f"the process that should do {name} has ended"
            self.finished.add(line.strip())
        value, error = pickle.loads((self.base / f"{name}.pickle").read_bytes())
        assert not error, error
        return value

    def close(self) -> None:
        """End it, and all that its jobs have started."""
        with self.process:  # closes its standard input
            pass


def start(session: pytest.Session) -> None:
    """Begin with the jobs of the tests, unless these are shared between processes already."""
    config = session.config
    folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    config.add_cleanup(folder.cleanup)
    config.stash[FOLDER], config.stash[SECOND] = Path(folder.name), None
    used = dict.fromkeys(
        name for item in session.items for name in getattr(item, "fixturenames", ())
    )
    names = [*dict.fromkeys(job for name in used if name in JOBS for job in with_needed(name))]
    if len(names) > FEW and "PYTEST_XDIST_WORKER" not in os.environ and hasattr(os, "killpg"):
        config.stash[SECOND] = second = Second(names, Path(folder.name))
        config.add_cleanup(second.close)
        tg.set_num_threads(1)  # beside a busy process two would wait for each other


def end_with_the_tests() -> None:
    """End the process, and all that jobs have started, once its standard input is closed."""
    pipe = os.dup(0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # for the jobs

    def wait() -> None:
        os.read(pipe, 1)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=wait, daemon=True).start()


def main(base: Path, jobs: list[str]) -> None:
    """Do jobs, each given as module:name; leave in a file what comes of each."""
    end_with_the_tests()
    for job in jobs:
        module, _, name = job.partition(":")
        value, error = None, ""
        try:
            import_module(module)
            value = done(name, base)
        except Exception:
            error = traceback.format_exc()
        (base / f"{name}.pickle").write_bytes(pickle.dumps((value, error)))
        print(name, flush=True)


if __name__ == "__main__":
    from tests import ahead as registered  # under the name by which the jobs know it

    registered.main(Path(sys.argv[1]), sys.argv[2:])
