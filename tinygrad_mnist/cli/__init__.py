"""The command line: each command is a file here, with HELP, add_arguments and run.

main.py finds the command and turns every expected error into one line and exit code 2. Nothing is
computed here, and a command imports its tools when it runs, so that --help is fast.
"""

from tinygrad_mnist.cli.main import main

__all__ = ["main"]
