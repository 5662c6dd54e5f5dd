"""Find the command, run it, and say in one line what went wrong when something did."""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from tinygrad_mnist import __version__, start
from tinygrad_mnist.cli.output import open_streams, outlive_reader

COMMANDS = (
    "train", "evaluate", "predict", "report", "compare", "models", "data", "doctor", "export",
    "inspect",
)  # fmt: skip

STOPPED = 130  # what a shell reports of a program that Ctrl-C ended


class UsageError(Exception):
    """Something the user can put right; the message is one line that says how."""


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where to read what would be right."""
        raise UsageError(f"{message} (see {self.prog} --help)")


def parser() -> Parser:
    """The parser of all commands."""
    top = Parser(
        prog="tinygrad-mnist",
        description="Train MNIST models on NumPy, and ask them about digits.",
        epilog="Start with: tinygrad-mnist train mlp-128",
    )
    top.add_argument("-V", "--version", action="version", version=__version__)
    commands = top.add_subparsers(
        dest="command", metavar="COMMAND", required=True, parser_class=Parser
    )
    for name in COMMANDS:
        module = importlib.import_module(f"tinygrad_mnist.cli.{name}")
        command = commands.add_parser(
            name,
            help=module.HELP,
            description=module.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line (default: the process's own) and return its exit code.

    0: done; 1: training diverged; 2: something the user can put right; 130: stopped by Ctrl-C,
    143: by SIGTERM.

    >>> main(["train", "mlp-129"])
    2
    """
    if start.COMMAND:
        start.end()
    try:
        return _run(argv)
    except KeyboardInterrupt:
        return complain("stopped", STOPPED)
    finally:
        if start.COMMAND:  # nothing is left to be lost: Ctrl-C from here on needs no traceback
            signal.signal(signal.SIGINT, signal.SIG_DFL)


def _run(argv: Sequence[str] | None) -> int:
    open_streams()
    try:
        with outlive_reader():
            args = parser().parse_args(argv)
            code: int = args.run(args)
            sys.stdout.flush()
        return code
    except Exception as error:
        known = _code(error)
        if known is None:  # a mistake of ours: the traceback helps to find it
            raise
        return complain(words(error), known)


def _code(error: Exception) -> int | None:
    """The exit code of an error whose message is written for the user; None for any other."""
    from tinygrad_mnist.data import DataError
    from tinygrad_mnist.models import RecipeError
    from tinygrad_mnist.serialize import FormatError
    from tinygrad_mnist.train import Diverged

    if isinstance(error, Diverged):
        return 1
    expected = UsageError, DataError, RecipeError, FormatError, OSError, MemoryError
    return 2 if isinstance(error, expected) else None


def words(error: Exception) -> str:
    """Say what is wrong, with the name of the file that it is about."""
    if isinstance(error, MemoryError):
        return f"not enough memory: {error}"
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    return str(error)


def complain(message: str, code: int) -> int:
    """Say on one line of standard error what is wrong; gives the exit code back."""
    print(f"tinygrad-mnist: {' '.join(message.split())}", file=sys.stderr)
    return code
