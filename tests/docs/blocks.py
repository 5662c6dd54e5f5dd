"""The code blocks of a Markdown page, and how each kind of them is run."""

from __future__ import annotations

import argparse
import doctest
import importlib.util
import io
import re
import runpy
import shlex
import sys
import tomllib
import warnings
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"][
    "optional-dependencies"
]
FENCE = re.compile(r"^```(.*)\n((?:.*\n)*?)```$", re.MULTILINE)
ANY_FENCE = re.compile(r"^\s*(?:```|~~~)|<pre>|<code>", re.MULTILINE)
# A section that uses one of these is skipped where it is not installed.
OPTIONAL = {
    "torch": r"import torch$|_torch\(",
    "jax": r"import jax\b",
    "h5py": r"_h5\(|--to h5",
    "safetensors": r"_safetensors\(|--to safetensors",
    "onnx": r"_onnx\(|--to onnx",
    "hypothesis": r"given_gradients",
}
LOUD = ("torch", "jax")  # libraries that warn by themselves


class Block(NamedTuple):
    """A code block: its language, its text, the line of the page, the section that it is in."""

    language: str
    text: str
    line: int
    section: str


def blocks(text: str) -> Iterator[Block]:
    """Yield the code blocks of a page; raise ValueError for what looks like one and is none."""
    fences = list(FENCE.finditer(text))
    if len(ANY_FENCE.findall(text)) != 2 * len(fences):
        raise ValueError("a code block that is indented, not closed, or not fenced by ```")
    for match in fences:
        before = text[: match.start()]
        section = re.findall(r"^## (.*)", f"## \n{before}", re.MULTILINE)[-1]
        yield Block(match[1].strip(), match[2], before.count("\n") + 1, section)


def missing_library(block: Block) -> str | None:
    """Return the optional library that a block uses and that is not installed."""
    for library, use in OPTIONAL.items():
        if re.search(use, block.text, re.MULTILINE) and importlib.util.find_spec(library) is None:
            return library
    return None


class Page:
    """A page whose blocks run in order, and share their names and the working folder."""

    def __init__(self, name: str, text: str, names: dict[str, Any]) -> None:
        self.name, self.blocks, self.names = name, list(blocks(text)), names
        self.skipped: dict[str, str] = {}  # sections, and the libraries that they need

    def run(self) -> None:
        """Run every block; raise AssertionError for one that fails or that nobody can run."""
        for block in self.blocks:
            if library := missing_library(block):
                self.skipped[block.section] = library
        for block in self.blocks:
            if block.section in self.skipped:
                continue
            run = RUNNERS.get(block.language)
            where = f"{self.name}, line {block.line}"
            assert run, f"{where}: nobody runs a block of the kind {block.language!r}"
            with warnings.catch_warnings():
                if any(f"import {name}" in block.text for name in LOUD):
                    warnings.simplefilter("ignore")
                run(block, self.names, where)


def run_python(block: Block, names: dict[str, Any], where: str) -> None:
    """Run a session with `>>>` as a doctest, or else a program."""
    if ">>> " not in block.text:
        exec(compile(block.text, where, "exec"), names)
        return
    test = doctest.DocTestParser().get_doctest(block.text, names, where, where, block.line)
    test.globs = names  # not a copy: the next block goes on with it
    shown = sum(line.startswith(">>> ") for line in block.text.splitlines())
    assert len(test.examples) == shown, f"{where}: a line of the session is not seen"
    report = io.StringIO()
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    failed, _ = runner.run(test, out=report.write, clear_globs=False)
    assert not failed, "".join(report.getvalue().split("*" * 70 + "\n"))


def run_text(block: Block, names: dict[str, Any], where: str) -> None:
    """Refuse code that is declared to be text."""
    code = re.search(
        r"^(>>> |\$ |import |from \w+ import|tinygrad-mnist |python)", block.text, re.M
    )
    assert not code, f"{where}: this is code: {code[0]}"


def run_shell(block: Block, names: dict[str, Any], where: str) -> None:
    """Run each command in this process, or check it where it installs or measures for minutes."""
    for line in block.text.replace("\\\n", " ").splitlines():
        for command in line.partition(" #")[0].split(" && "):
            if words := shlex.split(command.replace(".venv/bin/", ""), comments=True):
                run_command(words, f"{where}: {command}")


def run_command(words: list[str], where: str) -> None:
    """Run one command of a shell."""
    program, arguments = words[0], words[1:]
    if program == "tinygrad-mnist":
        from tinygrad_mnist.cli import main

        said = io.StringIO()
        with redirect_stdout(said), redirect_stderr(said):
            code = main(arguments)
        assert code == 0, f"{where}: {said.getvalue()}"
        return
    for known, check in COMMANDS:
        if " ".join(words).startswith(known):
            check(arguments, where)
            return
    raise AssertionError(f"{where}: a command that nobody runs")


def check_extras(arguments: list[str], where: str) -> None:
    """Check the extras of a `pip install`."""
    named = re.findall(r"\[([\w,-]+)\]", " ".join(arguments))
    assert named, f"{where} installs no extra"
    assert {extra for names in named for extra in names.split(",")} <= set(EXTRAS), where


class Parsed(BaseException):
    """The end of a benchmark that has read its arguments."""


def check_benchmark(arguments: list[str], where: str) -> None:
    """Start a benchmark, and stop it when it has read its arguments."""
    parse = argparse.ArgumentParser.parse_args

    def parse_and_stop(*args: Any, **kw: Any) -> None:
        parse(*args, **kw)
        raise Parsed

    argv = sys.argv
    argparse.ArgumentParser.parse_args = parse_and_stop  # type: ignore[assignment, method-assign]
    sys.argv = arguments[1:]
    try:
        with warnings.catch_warnings():  # a test may have imported the benchmark before
            warnings.filterwarnings("ignore", ".*found in sys.modules", RuntimeWarning)
            runpy.run_module(arguments[1], run_name="__main__", alter_sys=False)
    except Parsed:
        return
    finally:
        argparse.ArgumentParser.parse_args = parse  # type: ignore[method-assign]
        sys.argv = argv
    raise AssertionError(f"{where} reads no arguments")


def check_program(arguments: list[str], where: str) -> None:
    """Check that the script or the module that Python is given exists."""
    name = arguments[1] if arguments[0] == "-m" else arguments[0]
    path = ROOT / name if name.endswith(".py") else None
    assert path.is_file() if path else importlib.util.find_spec(name), where


def nothing(arguments: list[str], where: str) -> None:
    """Run nothing: `.ci/run` does so in each of its runs, with the same words."""


COMMANDS: list[tuple[str, Callable[[list[str], str], None]]] = [
    ("python3 -m venv .venv", nothing),
    ("python -m pytest", nothing),
    ("pip install", check_extras),
    ("pre-commit install", nothing),
    ("python -m benchmarks.", check_benchmark),
    ("python -m tinygrad_mnist.run", check_program),
    ("python scripts/", check_program),
]
RUNNERS: dict[str, Callable[[Block, dict[str, Any], str], None]] = {
    "python": run_python,
    "sh": run_shell,
    "text": run_text,
}
