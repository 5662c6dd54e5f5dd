"""Saves to the path given for ever and tells after each save; test_atomic.py kills it.

With a second argument N the process kills itself just before its Nth step towards the disk.
"""

import os
import signal
import sys

import numpy as np

from tinygrad_mnist import files
from tinygrad_mnist.serialize import format, load, save


def content(number: int) -> dict[str, object]:
    return {"number": number, "weight": np.full(400_000, number, np.float32)}


def die_before_step(wanted: int) -> None:
    """Count what a save asks of the system; the process ends before the wanted one."""
    steps = 0

    def counted(function):
        def step(*args, **kwargs):
            nonlocal steps
            steps += 1
            if steps == wanted:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args, **kwargs)

        return step

    files.open = counted(open)
    format.pickle.Pickler = counted(format.pickle.Pickler)
    format._digest = counted(format._digest)
    format._checked_tree = counted(format._checked_tree)
    for name in ("fsync", "replace", "open", "close"):
        setattr(os, name, counted(getattr(os, name)))


if __name__ == "__main__":
    path = sys.argv[1]
    number = load(path)["number"] if os.path.exists(path) else 0
    if len(sys.argv) > 2:
        die_before_step(int(sys.argv[2]))
        save(content(number + 1), path)
        print("done", flush=True)
        sys.exit()
    while True:
        number += 1
        save(content(number), path)
        print(number, flush=True)
