"""Completion in real shells: what a person gets who types and presses the tabulator."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.screen import Terminal
from tinygrad_mnist.cli import main
from tinygrad_mnist.cli.completion import SHELLS
from tinygrad_mnist.cli.main import COMMANDS

pytest.importorskip("shtab")

# What is typed, and what must then stand on the screen.
TYPED = [
    ("tinygrad-mnist eval", "tinygrad-mnist evaluate"),
    ("tinygrad-mnist train mlp-1", "mlp-100-adam"),
    ("tinygrad-mnist train mlp-12", "mlp-128"),
    ("tinygrad-mnist train deep --over", "--overwrite"),
    ("tinygrad-mnist export --to safe", "safetensors"),
    ("tinygrad-mnist evaluate ru", "runs/"),
    ("tinygrad-mnist evaluate runs/a/mo", "runs/a/model.pkl"),
    ("tinygrad-mnist predict runs/a/model.pkl pho", "photo.jpg"),
    ("tinygrad-mnist compare ru", "runs/"),
    ("tinygrad-mnist data ver", "verify"),
]

Press = Callable[[str, str], str]


def script(shell: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert main(["completion", shell]) == 0
    path = folder / ".scripts" / "_tinygrad-mnist"
    path.parent.mkdir()
    path.write_text(capsys.readouterr().out)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a run and a photo, in which no program is called tinygrad-mnist."""
    (tmp_path / "runs" / "a").mkdir(parents=True)
    (tmp_path / "runs" / "a" / "model.pkl").touch()
    (tmp_path / "photo.jpg").touch()
    return tmp_path


STARTS = {  # and the way that `tinygrad-mnist completion --help` describes to use the script
    "bash": (["bash", "--norc", "--noprofile", "-i"], "source .scripts/_tinygrad-mnist"),
    "zsh": (["zsh", "-f", "-i"], "fpath+=$PWD/.scripts; autoload -U compinit; compinit -D -u"),
}


@pytest.fixture(params=list(STARTS))
def press(
    request: pytest.FixtureRequest, folder: Path, capsys: pytest.CaptureFixture[str]
) -> Iterator[Press]:
    """Type a text into a shell on a terminal, and press the tabulator twice."""
    command, setup = STARTS[request.param]
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    script(request.param, folder, capsys)
    terminal = Terminal(100)
    process = subprocess.Popen(
        command, cwd=folder, env={"PATH": os.environ["PATH"], "TERM": "xterm", "HOME": str(folder)},
        stdin=terminal.theirs, stdout=terminal.theirs, stderr=terminal.theirs,
        start_new_session=True,
    )  # fmt: skip

    def press(text: str, expected: str) -> str:
        os.write(terminal.ours, b"clear\n")
        terminal.wait(lambda screen: screen.endswith("$") and "clear" not in screen)
        os.write(terminal.ours, f"{text}\t\t".encode())
        screen = terminal.wait(lambda screen: expected in screen)
        os.write(terminal.ours, b"\x15")  # Ctrl-U: forget the line
        return screen

    os.write(terminal.ours, f"PS1='$ '; {setup}\n".encode())
    yield press
    process.kill()
    process.wait()
    terminal.close()


def test_the_tabulator_completes(press: Press) -> None:
    for text, expected in TYPED:
        assert expected in press(text, expected)


@pytest.mark.skipif(not shutil.which("fish"), reason="fish is not installed")
def test_fish_completes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = script("fish", folder, capsys)
    asked = "\n".join(f"echo '>' {i}; complete -C '{text}'" for i, (text, _) in enumerate(TYPED))
    ran = subprocess.run(
        ["fish", "--no-config", "-c", f"source {path}\n{asked}"],
        cwd=folder, capture_output=True, text=True, check=True,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "TERM": "dumb"},
    )  # fmt: skip
    offers = ran.stdout.split("> ")[1:]
    for (text, expected), offer in zip(TYPED, offers, strict=True):
        words = {line.split("\t")[0] for line in offer.splitlines()[1:]}
        assert expected.removeprefix("tinygrad-mnist ") in words, text


@pytest.mark.parametrize("shell", SHELLS)
def test_every_command_and_recipe_is_in_the_script(
    shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = script(shell, tmp_path, capsys).read_text()
    assert all(name in text for name in (*COMMANDS, "mlp-532-minibatch"))
    assert "python" not in text.replace("python -m", "").lower(), "a completion starts no Python"


def test_without_shtab_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["completion", "bash"]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1
    assert "pip install 'tinygrad-mnist[cli]'" in captured.err


def test_an_unknown_shell_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "csh"]) == 2
    assert "bash, zsh, fish" in capsys.readouterr().err.replace("'", "")
