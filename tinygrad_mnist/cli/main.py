"""Find the command and run it; report an expected error in one line."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from tinygrad_mnist import __version__, start
from tinygrad_mnist.cli import ranks
from tinygrad_mnist.cli.output import hushed, open_streams, outlive_reader

COMMANDS = (
    "train", "sweep", "evaluate", "predict", "report", "compare", "models", "data", "doctor",
    "export", "inspect", "completion",
)  # fmt: skip

STOPPED = 130  # the exit code that a shell reports after Ctrl-C


class UsageError(Exception):
    """An error that the user can put right; the message is one line with the remedy."""


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Report the fault, and the command whose --help shows what would be right."""
        raise UsageError(f"{message} (see {self.prog} --help)")


def parser(names: Sequence[str] = COMMANDS) -> Parser:
    """Return the parser of these commands."""
    top = Parser(
        prog="tinygrad-mnist",
        description="Train MNIST models on NumPy, and ask them about digits.",
        epilog="Start with: tinygrad-mnist train mlp-128",
    )
    top.add_argument("-V", "--version", action="version", version=__version__)
    commands = top.add_subparsers(
        dest="command", metavar="COMMAND", required=True, parser_class=Parser
    )
    for name in names:
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
    try:
        if start.COMMAND:
            start.end()
        code = _run(argv)
        if code or not start.was_interrupted:
            return code
    except KeyboardInterrupt:
        pass
    finally:
        if start.COMMAND:  # no work is left to lose: from here on Ctrl-C needs no traceback
            signal.signal(signal.SIGINT, signal.SIG_DFL)
    return complain("stopped", STOPPED)


def _run(argv: Sequence[str] | None) -> int:
    open_streams()
    try:
        with outlive_reader() as output, ranks.quiet():
            arguments = list(sys.argv[1:] if argv is None else argv)
            if not ranks.has_part(arguments):
                return 0
            # The parser of all commands takes longer than many a command
            first = [name for name in arguments[:1] if name in COMMANDS]
            args = parser(first or COMMANDS).parse_args(arguments)
            _check_names(args)
            with hushed() if getattr(args, "quiet", False) else contextlib.nullcontext():
                code: int = args.run(args)
            sys.stdout.flush()
        if output.error is not None and not hasattr(args, "quiet"):  # no file has the result
            return complain(f"standard output: {output.error.strerror}", 2)
        return code
    except Exception as error:
        exit_code = _code(error)
        if exit_code is None:  # a bug of the package: the traceback helps to find it
            raise
        return complain(words(error), exit_code)


def _check_names(args: argparse.Namespace) -> None:
    """Raise UsageError for an empty argument, as a shell's unset variable leaves it."""
    for name, value in vars(args).items():
        if "" in (value if isinstance(value, list) else [value]):
            see = f"tinygrad-mnist {args.command} --help"
            raise UsageError(f"an empty argument: {name} needs a name (see {see})")


def _code(error: Exception) -> int | None:
    """Return the exit code of an error whose message is meant for the user, None for any other."""
    from tinygrad_mnist.data import DataError
    from tinygrad_mnist.distributed import DistError
    from tinygrad_mnist.models import RecipeError
    from tinygrad_mnist.serialize import FormatError
    from tinygrad_mnist.train import Diverged
    from tinygrad_mnist.train.journal import SweepError

    if isinstance(error, Diverged):
        return 1
    expected = (
        UsageError, DataError, RecipeError, FormatError, SweepError, DistError,
        OSError, MemoryError,
    )  # fmt: skip
    return 2 if isinstance(error, expected) else None


def words(error: Exception) -> str:
    """Return an error's message, with the name of the file that it is about."""
    if isinstance(error, MemoryError):
        return f"not enough memory: {error}"
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{os.fsdecode(error.filename) or repr(error.filename)}: {error.strerror}"
    return str(error)


def complain(message: str, code: int) -> int:
    """Print an error on one line of standard error; return the exit code."""
    line = f"tinygrad-mnist: {' '.join(message.split())}"
    if ranks.speaks(line, code):
        print(line, file=sys.stderr)
    return code
