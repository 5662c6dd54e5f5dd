"""Completion in real shells: what a person gets who types and presses the tabulator."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ahead import ahead
from tests.cli.conftest import Shell
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


def script(shell: str, folder: Path) -> Path:
    path = folder / ".scripts" / "_tinygrad-mnist"
    path.parent.mkdir(exist_ok=True)
    path.write_text(Shell(folder).inside("completion", shell).out)
    return path


def fill(folder: Path) -> None:
    """Make a run and a photo; no program is called tinygrad-mnist."""
    (folder / "runs" / "a").mkdir(parents=True)
    (folder / "runs" / "a" / "model.pkl").touch()
    (folder / "photo.jpg").touch()


STARTS = {  # and the way that `tinygrad-mnist completion --help` describes to use the script
    "bash": (["bash", "--norc", "--noprofile", "-i"], "source .scripts/_tinygrad-mnist"),
    "zsh": (["zsh", "-f", "-i"], "fpath+=$PWD/.scripts; autoload -U compinit; compinit -D -u"),
}


def screens(shell: str, folder: Path) -> list[str]:
    """Type each text into a shell on a terminal, and press the tabulator twice."""
    command, setup = STARTS[shell]
    script(shell, folder)
    terminal = Terminal(100)
    process = subprocess.Popen(
        command, cwd=folder, env={"PATH": os.environ["PATH"], "TERM": "xterm", "HOME": str(folder)},
        stdin=terminal.theirs, stdout=terminal.theirs, stderr=terminal.theirs,
        start_new_session=True,
    )  # fmt: skip

    def press(text: str, expected: str) -> str:
        os.write(terminal.ours, b"clear\n")
        terminal.wait(lambda screen: screen == "$")
        os.write(terminal.ours, f"{text}\t\t".encode())
        screen = terminal.wait(lambda screen: expected in screen)
        os.write(terminal.ours, b"\x15")  # Ctrl-U: forget the line
        return screen

    with process:
        try:
            os.write(terminal.ours, f"PS1='$ '; {setup}\n".encode())
            return [press(text, expected) for text, expected in TYPED]
        finally:
            process.kill()
            terminal.close()


@ahead
def completed(folder: Path) -> dict[str, list[str]]:
    """The screens of each of the shells that are installed."""
    fill(folder)
    return {shell: screens(shell, folder) for shell in STARTS if shutil.which(shell)}


@pytest.mark.parametrize("shell", STARTS)
def test_the_tabulator_completes(shell: str, completed: dict[str, list[str]]) -> None:
    if shell not in completed:
        pytest.skip(f"{shell} is not installed")
    for (_, expected), screen in zip(TYPED, completed[shell], strict=True):
        assert expected in screen


@pytest.mark.skipif(not shutil.which("fish"), reason="fish is not installed")
def test_fish_completes(tmp_path: Path) -> None:
    fill(tmp_path)
    path = script("fish", tmp_path)
    asked = "\n".join(f"echo '>' {i}; complete -C '{text}'" for i, (text, _) in enumerate(TYPED))
    ran = subprocess.run(
        ["fish", "--no-config", "-c", f"source {path}\n{asked}"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "dumb"},
    )  # fmt: skip
    offers = ran.stdout.split("> ")[1:]
    for (text, expected), offer in zip(TYPED, offers, strict=True):
        words = {line.split("\t")[0] for line in offer.splitlines()[1:]}
        assert expected.removeprefix("tinygrad-mnist ") in words, text


@pytest.mark.parametrize("shell", SHELLS)
def test_every_command_and_recipe_is_in_the_script(shell: str, tmp_path: Path) -> None:
    text = script(shell, tmp_path).read_text()
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
