"""The command line: no run is lost, nothing is silent, and no mistake ends in a traceback."""

import contextlib
import io
import json
import os
import pty
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.ahead import ahead, pythons
from tests.cli.conftest import WITHOUT_PLOTS, Ran, Shell
from tinygrad_mnist.cli import main
from tinygrad_mnist.cli.draw import image_lines
from tinygrad_mnist.cli.progress import epoch_line
from tinygrad_mnist.cli.show import tables_of
from tinygrad_mnist.data import DataError, cache_dir, failures, fetch, load_embedded, load_mnist
from tinygrad_mnist.serialize import load
from tinygrad_mnist.start import come_again

EMBEDDED = ("--data", "embedded")
SHORT = ("train", "neuron", *EMBEDDED, "--epochs", "2")
ENDLESS = ("train", "deep", *EMBEDDED, "--hidden", "16", "--epochs", "100000")
CapSys = pytest.CaptureFixture[str]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the shell, as the working folder of this process."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def no_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if matplotlib were not installed: it takes seconds."""
    monkeypatch.setattr("tinygrad_mnist.train.plots.can_plot", lambda: False)


@ahead
def finished(folder: Path) -> Path:
    """The folder of a run that is complete."""
    assert Shell(folder, WITHOUT_PLOTS)(*SHORT, "--out", "run").code == 0
    return folder / "run"


# Runs are lost


@ahead
def together(folder: Path) -> tuple[list[int], set[int]]:
    """The exit codes of three runs that begin together, and the seeds of the models they leave."""
    runs = Shell(folder, WITHOUT_PLOTS).all(*((*SHORT, "--seed", str(seed)) for seed in range(3)))
    models = (folder / "runs").glob("*/model.pkl")
    return [ran.code for ran in runs], {load(model)["recipe"]["seed"] for model in models}


def test_two_runs_started_together_have_a_folder_each(together: tuple[list[int], set[int]]) -> None:
    assert together == ([0] * 3, {0, 1, 2})


@pytest.mark.usefixtures("no_plots")
def test_a_finished_run_is_overwritten_on_request_alone(tmp_path: Path, capsys: CapSys) -> None:
    out = ["--out", str(tmp_path / "run"), *EMBEDDED, "--epochs", "1"]
    assert main(["train", "neuron", *out, "--keep", "1"]) == 0
    before = {path: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    assert main(["train", "mlp-10", *out]) == 2
    assert "holds model.pkl of another run" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before
    assert main(["train", "mlp-10", *out, "--overwrite"]) == 0
    assert load(tmp_path / "run" / "model.pkl")["recipe"]["name"] == "mlp-10"
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == {"model.pkl", "report.html", "run.json"}, "of the other run nothing is left"


@pytest.mark.parametrize("left", ["run.json", "best.pkl", "epoch-0003.pkl", "curves.png"])
def test_whatever_a_run_has_left_is_kept(left: str, tmp_path: Path, capsys: CapSys) -> None:
    (tmp_path / left).write_bytes(b"precious")
    (tmp_path / "notes.txt").write_bytes(b"of the user's")
    assert main([*SHORT, "--out", str(tmp_path)]) == 2
    assert f"holds {left} of another run" in capsys.readouterr().err
    assert {p.name for p in tmp_path.iterdir()} == {left, "notes.txt"}


@ahead
def beside(folder: Path) -> list[Ran]:
    """Commands beside a run in progress, and two when it has been killed."""
    shell = Shell(folder, WITHOUT_PLOTS)
    with shell.started(*ENDLESS, "--out", "run") as process:
        process.send_signal(signal.SIGSTOP)
        ran = [
            shell.inside("train", "--resume", "run"),
            shell.inside("train", "neuron", "--out", "run", *EMBEDDED, "--overwrite"),
            shell.inside("evaluate", "run", *EMBEDDED),
        ]
        assert process.poll() is None
    ran.append(shell.inside("evaluate", "run", *EMBEDDED))
    ran.append(shell.until(signal.SIGTERM, "train", "--resume", "run"))
    assert sorted(path.name for path in (folder / "run").iterdir()) == ["checkpoint.pkl"]
    return ran


def test_a_run_in_progress_is_nobody_elses(beside: list[Ran]) -> None:
    *trained, evaluated = beside[:3]
    for ran in trained:
        assert ran.code == 2 and "another process is training there at present" in ran.err
    assert evaluated.code == 0 and "run/checkpoint.pkl: deep" in evaluated.out
    assert "a checkpoint of a run in progress, after" in evaluated.out


def test_a_killed_run_leaves_no_lock_behind(beside: list[Ran]) -> None:
    evaluated, resumed = beside[3:]
    assert evaluated.code == 0 and "a checkpoint of an interrupted run" in evaluated.out
    assert (resumed.code, resumed.err) == (143, "")


@ahead
def over_an_old_one(folder: Path, finished: Path) -> list[Ran]:
    """`evaluate` on an interrupted run in the folder of another, and on a mixture of two."""
    shell = Shell(folder, WITHOUT_PLOTS)
    shutil.copytree(finished, folder / "run")
    assert shell.until(signal.SIGINT, *ENDLESS, "--out", "run", "--overwrite").code == 130
    interrupted = shell.inside("evaluate", "run", *EMBEDDED)
    shutil.copy(finished / "model.pkl", folder / "run")  # as an older release could leave it
    mixed = [shell.inside("evaluate", name, *EMBEDDED) for name in ("run", "run/model.pkl")]
    return [interrupted, *mixed]


def test_an_interrupted_run_over_an_old_one_is_the_one_that_is_evaluated(
    over_an_old_one: list[Ran],
) -> None:
    interrupted, mixed, named = over_an_old_one
    assert interrupted.code == 0 and "run/checkpoint.pkl: deep" in interrupted.out
    assert "interrupted" in interrupted.out
    assert mixed.code == 2 and "name the file" in mixed.err
    assert named.code == 0 and "run/model.pkl: neuron" in named.out


REDIRECTS = ("| head -1", ">/dev/full", ">&-", "2>&-", ">&- 2>&- <&-")


@ahead
def unread(folder: Path) -> list[tuple[int, str, bool]]:
    """Of runs whose output nobody takes: the exit code, the errors, whether there is a model.

    All at once, and the one without any stream draws plots.
    """
    processes = []
    for number, redirect in enumerate(REDIRECTS):
        shell = Shell(folder, None if redirect == REDIRECTS[-1] else WITHOUT_PLOTS)
        command = shlex.join(shell.command(*SHORT, "--out", f"run{number}"))
        processes.append(
            subprocess.Popen(
                ["bash", "-o", "pipefail", "-c", f"{command} {redirect}"],
                cwd=folder, env=shell.environment,
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            )
        )  # fmt: skip
    errors = [process.communicate(timeout=120)[1] for process in processes]
    models = [(folder / f"run{number}" / "model.pkl").exists() for number in range(len(REDIRECTS))]
    return [*zip((process.returncode for process in processes), errors, models, strict=True)]


def test_a_training_outlives_the_reader_of_its_progress(
    unread: list[tuple[int, str, bool]],
) -> None:
    """As `train ... | head -3` does."""
    assert dict(zip(REDIRECTS, unread, strict=True)) == dict.fromkeys(REDIRECTS, (0, "", True))


@ahead
def on_a_full_disk(folder: Path) -> list[Ran]:
    """Commands whose output is their result, two into a full disk and one into a closed pipe."""
    shell = Shell(folder, WITHOUT_PLOTS)
    models, completion = (
        shlex.join(shell.command(*args)) for args in (["models"], ["completion", "bash"])
    )
    lines = (f"{models} >/dev/full", f"{completion} >/dev/full", f"{models} | true")
    return shell.run_all(*(["bash", "-o", "pipefail", "-c", line] for line in lines))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_a_full_disk_is_an_error_where_the_output_is_the_result(on_a_full_disk: list[Ran]) -> None:
    *full, unread = on_a_full_disk
    for ran in full:
        assert ran.code == 2
        assert ran.err == "tinygrad-mnist: standard output: No space left on device\n"
    assert unread.code == 0


def test_export_writes_over_nothing(finished: Path, capsys: CapSys) -> None:
    other = finished.parent / "other.pkl"
    other.write_bytes(b"a model")
    command = ["export", str(finished), "--to", "npz", "--out", str(other)]
    assert main(command) == 2
    assert "exists already" in capsys.readouterr().err and other.read_bytes() == b"a model"
    assert main([*command, "--overwrite"]) == 0 and other.read_bytes() != b"a model"


@ahead
def hung_up(folder: Path) -> tuple[Ran, Path]:
    """A run whose terminal is closed, and its checkpoint."""
    ran = Shell(folder, WITHOUT_PLOTS).until(signal.SIGHUP, *ENDLESS, "--out", "run")
    return ran, folder / "run" / "checkpoint.pkl"


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="needs SIGHUP")
def test_a_closed_terminal_leaves_a_checkpoint(hung_up: tuple[Ran, Path]) -> None:
    ran, checkpoint = hung_up
    assert ran.code == 129 and load(checkpoint)["training"] is not None


def test_the_resume_of_a_finished_run(finished: Path, capsys: CapSys) -> None:
    assert main(["train", "--resume", str(finished)]) == 2
    assert "training is complete; there is nothing to resume" in capsys.readouterr().err


# Tracebacks


def one_line(capsys: CapSys, says: str, *args: str) -> None:
    """The command ends with one line that says so."""
    assert main(list(args)) == 2
    err = capsys.readouterr().err
    assert err.startswith("tinygrad-mnist: ") and says in err and err.count("\n") == 1


def test_without_a_home_there_is_no_cache(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: CapSys
) -> None:
    """As for a user without HOME and without an entry in the list of users."""

    def nobody(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.setattr("pwd.getpwuid", nobody)
    for name in ("HOME", "XDG_CACHE_HOME", "TINYGRAD_MNIST_DATA"):
        monkeypatch.delenv(name, raising=False)
    assert main(["data"]) == 0
    assert "set HOME or XDG_CACHE_HOME" in capsys.readouterr().out
    assert main(["evaluate", str(finished)]) == 0
    one_line(capsys, "HOME is not set", "data", "fetch")
    one_line(capsys, "HOME is not set", "data", "verify")


def test_the_home_of_a_user_that_is_not_there(capsys: CapSys) -> None:
    one_line(capsys, "~nosuchuser/x: no such folder", "data", "--data", "~nosuchuser/x")


def test_a_variable_that_names_the_data_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: CapSys
) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        monkeypatch.setenv("TINYGRAD_MNIST_DATA", str(folder))
        assert main(["data"]) == 2
        assert "named by TINYGRAD_MNIST_DATA" in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["ascii", "cp437", "koi8-r", "utf-8"])
def test_an_encoding_that_lacks_a_letter(
    encoding: str, finished: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said_by(*args: str, code: int) -> tuple[bytes, bytes]:
        streams = [io.TextIOWrapper(io.BytesIO(), encoding, "strict") for _ in range(2)]
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", streams[0])
            patch.setattr(sys, "stderr", streams[1])
            assert main(list(args)) == code
        for stream in streams:
            stream.flush()
        out, err = (stream.buffer.getvalue() for stream in streams)  # type: ignore[attr-defined]
        return out, err

    names = "größe-ł-数.npz", os.fsdecode(b"nicht-da-\xff.pkl")
    out, err = said_by("export", str(finished), "--to", "npz", "--out", names[0], code=0)
    assert b"wrote" in out and err == b"" and (here / names[0]).exists()
    _, err = said_by("evaluate", names[1], code=2)
    assert b"nicht-da-" in err and err.count(b"\n") == 1


@ahead
def with_a_missing_backend(folder: Path) -> tuple[Ran, bool]:
    """Drawing where MPLBACKEND names no backend that is there, and whether a plot is written."""
    script = (
        "import os; os.environ['MPLBACKEND'] = 'module://matplotlib_inline.backend_inline'\n"
        "from tinygrad_mnist.train import plots; plots.import_matplotlib()\n"
        "plots.plot_curves([], '').savefig('curves.png')"
    )
    ran = Shell(folder).run([sys.executable, "-c", script])
    return ran, (folder / "curves.png").exists()


@pytest.mark.skipif(find_spec("matplotlib") is None, reason="needs matplotlib")
def test_a_backend_that_is_not_there(with_a_missing_backend: tuple[Ran, bool]) -> None:
    """Seen in oobabooga/textgen#6815 and bmaltais/kohya_ss#2521: a variable that Jupyter leaves."""
    assert with_a_missing_backend == (Ran(0, "", ""), True)


def test_a_matplotlib_that_is_broken_costs_the_plots_alone(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: CapSys
) -> None:
    (here / "matplotlib").mkdir()
    (here / "matplotlib" / "__init__.py").write_text("raise ValueError('two\\nlines')")
    monkeypatch.syspath_prepend(here)
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    assert main(list(SHORT)) == 0
    assert "no plots: matplotlib cannot be imported: two lines" in capsys.readouterr().out
    assert (here / "runs" / "neuron" / "model.pkl").exists()


def test_a_number_that_int_does_not_take_is_a_file(finished: Path, capsys: CapSys) -> None:
    for name in ("²", "٣", "１"):
        assert main(["predict", str(finished), name, *EMBEDDED]) == 2
        assert capsys.readouterr().err == f"tinygrad-mnist: {name}: No such file or directory\n"


@ahead
def interrupted_at_once(folder: Path) -> list[Ran]:
    """Commands that get Ctrl-C while they start, each 0.1 s later than the one before."""
    script = (
        "import sys, signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "sys.argv[0] = '/usr/bin/tinygrad-mnist'; print(flush=True);"
        "from tinygrad_mnist.cli import main; sys.exit(main())"
    )
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(interruptible(script, folder)) for _ in range(6)]
        for process in processes:
            time.sleep(0.1)
            process.send_signal(signal.SIGINT)
        outputs = [process.communicate(timeout=60) for process in processes]
    return [Ran(p.returncode, *output) for p, output in zip(processes, outputs, strict=True)]


def test_ctrl_c_while_python_starts(interrupted_at_once: list[Ran]) -> None:
    """Once Python has found the package: before that the traceback is Python's own."""
    for ran in interrupted_at_once:
        assert ran.code in (130, -signal.SIGINT)
        assert "Traceback" not in ran.err or "site" in ran.err or "tinygrad_mnist/" not in ran.err


@contextlib.contextmanager
def interruptible(script: str, folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """A script that trains without an end, once it has printed a line; it is killed in the end."""
    # Between the opening of a file and the next line an interrupt leaves it to Python, which warns.
    environment = Shell(folder).environment | {"PYTHONWARNINGS": "error,ignore::ResourceWarning"}
    process = subprocess.Popen(
        [sys.executable, "-c", script, *ENDLESS, "--out", "run"],
        cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    with process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield process
        finally:
            process.kill()


INTERRUPTED = """
import io, os, signal, sys, time
sys.argv[0] = "/usr/bin/tinygrad-mnist"
signal.signal(signal.SIGINT, signal.default_int_handler)
from tinygrad_mnist.cli import evaluate, main, train

class Deleted:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0)

class Closing(io.RawIOBase):
    def close(self):
        os.kill(os.getpid(), signal.SIGINT)
        super().close()

load, show = train.load_data, evaluate.show_verdict
{}
sys.exit(main())
"""
AS_A_FILE_CLOSES = """
def load_data(*args):
    Closing()
    print(flush=True)
    return load(*args)
train.load_data = load_data
"""
IN_A_DESTRUCTOR = """
def load_data(*args):
    print(flush=True)
    Deleted()
    time.sleep(60)
train.load_data = load_data
"""
AFTER_THE_LAST_STEP = """
def show_verdict(*args):
    Closing()
    show(*args)
evaluate.show_verdict = show_verdict
sys.modules["matplotlib"] = sys.modules["jinja2"] = None
sys.argv += ["--epochs", "1"]
"""


@ahead
def interrupted(folder: Path) -> dict[str, Ran]:
    """Commands that interrupt themselves, at the same time."""
    with contextlib.ExitStack() as stack:
        processes = {}
        for number, how in enumerate((AS_A_FILE_CLOSES, IN_A_DESTRUCTOR, AFTER_THE_LAST_STEP)):
            (folder / str(number)).mkdir()
            program = interruptible(INTERRUPTED.format(how), folder / str(number))
            processes[how] = stack.enter_context(program)
        outputs = {how: process.communicate(timeout=60) for how, process in processes.items()}
    return {how: Ran(process.returncode, *outputs[how]) for how, process in processes.items()}


def test_ctrl_c_is_not_lost_in_a_file_that_is_just_being_closed(
    interrupted: dict[str, Ran],
) -> None:
    """Python drops whatever a file object raises while it is closed for want of references."""
    ran = interrupted[AS_A_FILE_CLOSES]
    assert (ran.code, ran.err) == (130, "") and "stopped in epoch 1, step 1 of" in ran.out


def test_ctrl_c_in_a_destructor_comes_again(interrupted: dict[str, Ran]) -> None:
    """Python prints such an exception, as ignored, and goes on: here into a call that waits."""
    ran = interrupted[IN_A_DESTRUCTOR]
    assert (ran.code, ran.err) == (130, "tinygrad-mnist: stopped\n")


def test_ctrl_c_that_is_lost_after_the_last_step_shows_in_the_exit_code(
    interrupted: dict[str, Ran],
) -> None:
    ran = interrupted[AFTER_THE_LAST_STEP]
    assert (ran.code, ran.err) == (130, "tinygrad-mnist: stopped\n")


def test_an_error_in_a_destructor_is_printed_as_always(
    capsys: CapSys, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Bad:
        def __del__(self) -> None:
            raise KeyError("still there")

    monkeypatch.setattr(sys, "unraisablehook", come_again)
    Bad()
    assert "still there" in capsys.readouterr().err


@ahead
def handler(folder: Path) -> str:
    """The handler of Ctrl-C in a program that has imported the package."""
    (ran,) = pythons("import signal, tinygrad_mnist; print(signal.getsignal(signal.SIGINT))")
    return ran.stdout


def test_the_command_alone_changes_what_ctrl_c_does(handler: str) -> None:
    assert "default_int_handler" in handler


# Slow in silence


class Mute:
    """A name server, or any other, that takes a connection and never answers."""

    def __enter__(self) -> str:
        self.socket = socket.create_server(("127.0.0.1", 0))
        return f"http://127.0.0.1:{self.socket.getsockname()[1]}/"

    def __exit__(self, *exception: object) -> None:
        self.socket.close()


@pytest.fixture
def mute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("TINYGRAD_MNIST_DATA", raising=False)
    monkeypatch.setattr("tinygrad_mnist.data.download.CONNECT_SECONDS", 0.2)
    with Mute() as url:
        yield url


def test_a_download_is_announced_and_its_failure_remembered(
    mute: str, capsys: CapSys, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "no answer within" in load_mnist(mirrors=(mute,)).source
    assert capsys.readouterr().err.startswith("MNIST is not here: trying to download it")

    def refuse(*args: object) -> None:
        raise AssertionError("asked again")

    monkeypatch.setattr("tinygrad_mnist.data.mnist.download", refuse)
    source = load_mnist(mirrors=(mute,)).source
    assert capsys.readouterr().err == ""
    assert "no answer within" in source and "tinygrad-mnist data fetch tries again" in source
    with pytest.raises(AssertionError, match="asked again"):
        fetch(mirrors=(mute,))
    with pytest.raises(AssertionError, match="asked again"):
        load_mnist(mirrors=("http://another.example/",))
    note = json.loads((cache_dir() / failures.NAME).read_text())
    for changed in (note | {"time": time.time() - failures.DAY}, note | {"time": "?"}, []):
        (cache_dir() / failures.NAME).write_text(json.dumps(changed))
        with pytest.raises(AssertionError, match="asked again"):
            load_mnist(mirrors=(mute,))


def test_a_variable_keeps_it_from_asking(
    mute: str, capsys: CapSys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINYGRAD_MNIST_OFFLINE", "1")
    data = load_mnist(mirrors=(mute,))
    assert data.source.endswith("no download: TINYGRAD_MNIST_OFFLINE is set")
    assert capsys.readouterr().err == "" and not cache_dir().exists()


def test_a_name_server_that_never_answers_is_waited_for_once(
    mute: str, finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: CapSys
) -> None:
    asked, end = [], threading.Event()

    def never(*args: object, **kw: object) -> None:
        asked.append(args)
        end.wait()
        raise OSError("the test is over")

    monkeypatch.setattr(socket, "getaddrinfo", never)
    for count, announced in ((2, 1), (2, 0)):
        assert main(["evaluate", str(finished)]) == 0
        out, err = capsys.readouterr()
        assert (len(asked), err.count("\n")) == (count, announced)
        assert ("trying" in err) == bool(announced)
        notices = [line for line in out.splitlines() if line.startswith(("data ", "why "))]
        assert len(notices) == 2 and max(map(len, notices)) <= 80
    assert main(["data"]) == 0
    assert "that was " in capsys.readouterr().out
    end.set()


def test_fetch_into_a_folder(mute: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no download"):
        fetch(tmp_path / "mine", mirrors=(mute,))
    assert main(["data", "fetch", "--data", "embedded"]) == 2
    (tmp_path / "mine" / "t10k-labels-idx1-ubyte").write_bytes(b"bad")
    with pytest.raises(DataError, match="mine/t10k-labels-idx1-ubyte"):
        fetch(tmp_path / "mine", mirrors=(mute,))
    assert (tmp_path / "mine" / "t10k-labels-idx1-ubyte").read_bytes() == b"bad"


def test_fetch_of_a_folder_that_is_complete(full_mnist_dir: Path, capsys: CapSys) -> None:
    assert main(["data", "fetch", "--data", str(full_mnist_dir)]) == 0
    assert f"the four files are in {full_mnist_dir}, verified" in capsys.readouterr().out


def test_a_pipe_among_the_data_is_not_waited_for(tmp_path: Path) -> None:
    from tinygrad_mnist.data import read_idx

    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(DataError, match="not a regular file"):
            read_idx(path)


# At 80 columns


@contextlib.contextmanager
def on_terminal(shell: Shell, columns: int, *args: str) -> Iterator[int]:
    """A terminal of so many columns on which a command runs."""
    ours, theirs = pty.openpty()
    environment = shell.environment | {"TERM": "xterm", "COLUMNS": str(columns)}
    with subprocess.Popen(
        shell.command(*args), cwd=shell.folder, env=environment, stdout=theirs, stderr=theirs
    ):
        os.close(theirs)
        yield ours


def lines_on(terminal: int) -> list[str]:
    """The lines that it shows when its command is over, each cut off where it ends."""
    seen = b""
    with open(terminal, "rb", buffering=0) as screen:
        try:
            while piece := screen.read(4096):
                seen += piece
        except OSError:  # Linux's way to say that the other side has closed
            pass
    plain = re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]", b"", seen).decode()
    return [line.rsplit("\r", 1)[-1].rstrip() for line in plain.replace("\r\n", "\n").split("\n")]


@ahead
def narrow(folder: Path, finished: Path) -> dict[int, list[list[str]]]:
    """`models`, `train` and `evaluate` on terminals of 80 and of 40 columns."""
    shutil.copytree(finished, folder / "old")
    shown = {}
    for columns in (80, 40):
        commands = ["models"], [*SHORT, "--out", f"run{columns}"], ["evaluate", "old", *EMBEDDED]
        with contextlib.ExitStack() as stack:
            shell = Shell(folder, WITHOUT_PLOTS)
            terminals = [stack.enter_context(on_terminal(shell, columns, *c)) for c in commands]
            shown[columns] = [lines_on(terminal) for terminal in terminals]
    return shown


@pytest.mark.parametrize("columns", [80, 40])
def test_nothing_is_cut_in_two_on_a_narrow_terminal(
    columns: int, narrow: dict[int, list[list[str]]]
) -> None:
    models, trained, evaluated = narrow[columns]
    assert any(line.startswith("mlp-532-minibatch") for line in models)
    assert sum("784-256-128-64-10" in line for line in models) == 1
    first = "epoch 2/2  loss " if columns == 80 else "2/2  loss "
    assert any(line.startswith(first) for line in trained)
    assert any(line.startswith("truth") for line in evaluated)
    free = [
        line for line in (*models, *trained, *evaluated) if not re.search("/|pip ", line)
    ]  # a path and a command are as long as they are
    assert max(map(len, free)) <= columns


def test_a_wide_table_is_parted_between_columns() -> None:
    rows = [["truth", *"0123456789"], *([str(k), *["1,234"] * 10] for k in range(10))]
    tables = tables_of(rows, 1, 40)
    lines = [line for table in tables for line in table]
    assert max(map(len, lines)) <= 40
    assert sum(line.count("1,234") for line in lines) == 100
    assert all(table[-1].startswith("9") for table in tables)


def test_an_epoch_is_one_line_of_80_columns() -> None:
    numbers = {
        "epoch": 999, "loss": 1e30, "accuracy": 1.0, "validation_loss": 1e30,
        "validation_accuracy": 1.0, "images_per_second": 12_345_678.0,
    }  # fmt: skip
    for room in (79, 40):
        line = epoch_line(numbers, 1000, room)
        assert line.startswith("epoch  999/1000  ") and "val accuracy 100.00 %" in line
        assert len(line) <= room


def test_words(finished: Path, capsys: CapSys) -> None:
    for args in (["evaluate", str(finished), *EMBEDDED], ["inspect", str(finished)]):
        assert main(args) == 0
        out = capsys.readouterr().out
        assert "accuracy " in out and " right" not in out.replace("checksum is right", "")
    with pytest.raises(SystemExit):
        main(["-V"])
    assert main(["train", "mlp-10", "--lr", "inf"]) == 2
    assert "lr must be above 0 and finite" in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_the_picture_is_drawn_in_any_encoding(
    monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    lines = image_lines(load_embedded().test_images[0])
    drawn = "".join(lines)
    assert len(lines) == 14 and len(set(drawn)) > 2
    assert set(drawn) <= set(" ▀▄█") if encoding == "utf-8" else drawn.isascii()
