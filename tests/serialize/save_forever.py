"""Saves to the path given for ever and tells after each save; test_atomic.py kills it.

Each number N on standard input starts a process, which shares the imports and tells its id, saves
and kills itself just before its Nth step towards the disk; 0 stands for no such step. The end of
the process is told too.
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


def save_on(path: str, death: int) -> None:
    """Save once, or for ever if no step is named."""
    number = load(path)["number"] if os.path.exists(path) else 0
    if death:
        die_before_step(death)
    while True:
        number += 1
        save(content(number), path)
        print(number, flush=True)
        if death:
            return


if __name__ == "__main__":
    for line in sys.stdin:
        if child := os.fork():
            _, status = os.waitpid(child, 0)
            print(f"ended {os.waitstatus_to_exitcode(status)}", flush=True)
        else:
            print(os.getpid(), flush=True)
            save_on(sys.argv[1], int(line))
            os._exit(0)
