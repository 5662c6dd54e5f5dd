"""The command line as a user runs it: a process of its own, in a folder of its own."""

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.ahead import ahead
from tinygrad_mnist.cli import main

ROOT = Path(__file__).parents[2]
# The command without the libraries whose pictures and reports take seconds
WITHOUT_PLOTS = (
    "import sys; sys.modules.update(dict.fromkeys(('matplotlib', 'jinja2')));"
    "from tinygrad_mnist.cli import main; sys.exit(main(sys.argv[1:]))"
)


@dataclass
class Ran:
    code: int
    out: str
    err: str


@dataclass
class Shell:
    """Runs commands in one folder, without network, cache or other settings of this machine."""

    folder: Path
    script: str | None = None  # instead of `-m tinygrad_mnist`

    @property
    def environment(self) -> dict[str, str]:
        ours = ("TINYGRAD_MNIST", "NO_COLOR", "FORCE_COLOR", "TERM")
        others = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
        return others | {
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "error",
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "COLUMNS": "100",
        }

    def command(self, *args: str) -> list[str]:
        program = ["-m", "tinygrad_mnist"] if self.script is None else ["-c", self.script]
        return [sys.executable, *program, *args]

    def __call__(self, *args: str) -> Ran:
        return self.run(self.command(*args))

    def all(self, *commands: tuple[str, ...]) -> list[Ran]:
        """Run several commands at the same time."""
        return self.run_all(*(self.command(*args) for args in commands))

    def run(self, command: list[str]) -> Ran:
        return self.run_all(command)[0]

    def run_all(self, *commands: list[str]) -> list[Ran]:
        """Run several programs at the same time."""
        processes = [
            subprocess.Popen(
                command, cwd=self.folder, env=self.environment, text=True,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )
            for command in commands
        ]  # fmt: skip
        outputs = [process.communicate(timeout=120) for process in processes]
        return [
            Ran(process.returncode, *output)
            for process, output in zip(processes, outputs, strict=True)
        ]

    def inside(self, *args: str) -> Ran:
        """Run a command in this process, for a job."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.chdir(self.folder), redirect_stdout(out), redirect_stderr(err):
            code = main([*args])
        return Ran(code, out.getvalue(), err.getvalue())

    @contextlib.contextmanager
    def started(self, *args: str) -> Iterator["subprocess.Popen[str]"]:
        """The command, once it has finished an epoch; it is killed in the end."""
        with subprocess.Popen(
            self.command(*args), cwd=self.folder, env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ) as process:  # fmt: skip
            try:
                assert process.stdout is not None
                while not process.stdout.readline().startswith("epoch"):
                    assert process.poll() is None, process.communicate()
                yield process
            finally:
                process.kill()

    def until(self, number: int, *args: str) -> Ran:
        """The command, ended by a signal after its first epoch; what it has printed since."""
        with self.started(*args) as process:
            process.send_signal(number)
            output = process.communicate(timeout=60)
        return Ran(process.returncode, *output)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture
def plain_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to run `main` in, without plots and report, which take most of the time."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tinygrad_mnist.train.plots.can_plot", lambda: False)
    monkeypatch.setattr("tinygrad_mnist.report.can_render", lambda: False)
    return tmp_path


@dataclass
class Trained:
    folder: Path
    ran: Ran


@ahead
def trained(folder: Path) -> Trained:
    """mlp-10, trained by the command for two epochs."""
    ran = Shell(folder)(
        *("train", "mlp-10", "--data", "embedded", "--epochs", "2"),
        *("--seed", "7", "--batch-size", "50", "--hidden", "12", "--lr", "0.2", "--out", "run"),
    )
    return Trained(folder / "run", ran)
