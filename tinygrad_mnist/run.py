"""`python -m tinygrad_mnist.run program.py ...`: a PyTorch program with this library as `torch`.

The program gets its own arguments, and is `__main__`. See `compat/torch.py`.
"""

from __future__ import annotations

import os
import runpy
import sys

USAGE = "usage: python -m tinygrad_mnist.run PROGRAM.py [ARGUMENT ...]"


def main(arguments: list[str]) -> int:
    """Run the program that the first argument names; return 2 without an argument."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE, file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else 2
    program = arguments[0]
    if not os.path.isfile(program):
        print(f"{program}: there is no such file\n{USAGE}", file=sys.stderr)
        return 2
    import tinygrad_mnist.compat.torch  # noqa: F401

    sys.argv = arguments
    sys.path[0] = os.path.dirname(os.path.abspath(program))
    runpy.run_path(program, run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
