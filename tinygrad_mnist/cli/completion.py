"""Print a script that lets a shell complete commands, flags, recipes and file names.

bash:  tinygrad-mnist completion bash > ~/.local/share/bash-completion/completions/tinygrad-mnist
       (or, in ~/.bashrc: eval "$(tinygrad-mnist completion bash)")
zsh:   tinygrad-mnist completion zsh > ~/.zfunc/_tinygrad-mnist
       (with fpath+=~/.zfunc before compinit in ~/.zshrc)
fish:  tinygrad-mnist completion fish > ~/.config/fish/completions/tinygrad-mnist.fish

The script stands alone: a completion starts no Python.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from tinygrad_mnist.cli.main import UsageError
from tinygrad_mnist.cli.main import parser as make_parser

HELP = "print a script for completion in bash, zsh or fish"
SHELLS = ("bash", "zsh", "fish")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the shell."""
    parser.add_argument("shell", choices=SHELLS, help="which shell's script")


def run(args: argparse.Namespace) -> int:
    """Print the script that shtab makes of the parser."""
    try:
        import shtab
    except ImportError:
        raise UsageError("completion needs shtab; pip install 'tinygrad-mnist[cli]'") from None
    top = make_parser()
    for action in _actions(top):
        _complete(action)
    print(shtab.complete(top, args.shell))
    return 0


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Yield the arguments of a parser and of its commands."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _actions(command)


def _complete(action: argparse.Action) -> None:
    """Say how an argument is completed, by the name that --help gives its value."""
    import shtab

    from tinygrad_mnist.models import RECIPES

    files = {"MODEL": shtab.FILE, "IMAGE": shtab.FILE, "PATH": shtab.FILE, "FILE": shtab.FILE,
             "DIR": shtab.DIRECTORY}  # fmt: skip
    if action.metavar == "RECIPE":
        action.choices = tuple(RECIPES)
    elif isinstance(action.metavar, str) and action.metavar in files:
        action.complete = files[action.metavar]  # type: ignore[attr-defined]
