"""docs/report.md: its commands and its program run."""

import doctest
import re
import shlex
from pathlib import Path

import pytest

from tinygrad_mnist.cli import main

pytest.importorskip("jinja2")
PAGE = Path(__file__).parents[2] / "docs" / "report.md"


def test_the_commands_of_the_document_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TINYGRAD_MNIST_DATA", "embedded")
    monkeypatch.setattr("tinygrad_mnist.train.plots.can_plot", lambda: False)
    commands = re.findall(r"^tinygrad-mnist (.*)$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert len(commands) >= 5
    for command in commands:
        assert main(shlex.split(command)) == 0, (command, capsys.readouterr().err)
    assert {path.name for path in tmp_path.glob("**/*.html")} == {
        *("report.html", "deep.html", "both.html")
    }


def test_the_program_of_the_document_runs() -> None:
    failed, tried = doctest.testfile(str(PAGE), module_relative=False)
    assert failed == 0 and tried > 5
