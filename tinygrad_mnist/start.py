"""The start of the command, before Ctrl-C can be reported in one line.

Importing the package takes a good part of a second. A Ctrl-C in that time would print a traceback
through NumPy; until `cli.main` runs, Ctrl-C ends the process silently, as in a C program.
"""

from __future__ import annotations

import os
import sys
import time
from _thread import get_ident, interrupt_main, start_new_thread  # without loading threading

TYPE_CHECKING = False  # typing itself takes a while to import
if TYPE_CHECKING:
    import signal
    from typing import NoReturn
else:
    import _signal as signal  # the C part of `signal`, which costs no import


def is_command(arguments: list[str], original: list[str]) -> bool:
    """Tell whether Python was started to run this package's command, by its script or with -m.

    >>> is_command(["/usr/bin/tinygrad-mnist", "models"], [])
    True
    >>> is_command(["-m", "models"], ["python", "-m", "tinygrad_mnist", "models"])
    True
    >>> is_command(["program.py"], ["python", "program.py"])
    False
    """
    if arguments[:1] == ["-m"]:
        return ("-m", "tinygrad_mnist") in zip(original, original[1:], strict=False)  # noqa: RUF007
    return bool(arguments) and os.path.basename(arguments[0]).split(".")[0] == "tinygrad-mnist"


def begin() -> None:
    """Let Ctrl-C end the process silently while the command is imported."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def end() -> None:
    """Make Ctrl-C raise KeyboardInterrupt again, if `begin` changed that, and note it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        sys.unraisablehook = come_again
        signal.signal(signal.SIGINT, interrupt)


was_interrupted = False
answers = 0  # how often a handler of Ctrl-C has run


def interrupt(number: int, frame: object) -> NoReturn:
    """Raise KeyboardInterrupt, and note it: code in between may drop the exception.

    Python itself does so, without a word, where the exception meets a file object that is just
    being closed since nobody refers to it any more.
    """
    global was_interrupted
    was_interrupted = True
    count_answer()
    raise KeyboardInterrupt


def count_answer() -> None:
    """Note that a handler of Ctrl-C has run; each of the command's handlers calls this."""
    global answers
    answers += 1


def come_again(dropped: sys.UnraisableHookArgs, /) -> None:
    """Let an interrupt come again that met a destructor or a callback, from which none goes on.

    Another thread sends it: by the time that the thread runs, the destructor is over. Other errors
    are printed, as always.
    """
    if not issubclass(dropped.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(dropped)
        return
    try:
        start_new_thread(_send_until_answered, (get_ident(), answers))
    except RuntimeError:  # the process is about to end
        return


def _send_until_answered(thread: int, before: int) -> None:
    """Send Ctrl-C to a thread until a handler has run: just before a call that waits, one is lost.

    It is a signal, where there are any, since nothing else wakes a thread that waits already.
    """
    while answers == before and callable(signal.getsignal(signal.SIGINT)):
        if hasattr(signal, "pthread_kill"):
            signal.pthread_kill(thread, signal.SIGINT)
        else:
            interrupt_main()
        time.sleep(0.1)


COMMAND = is_command(sys.argv if hasattr(sys, "argv") else [], sys.orig_argv)
if COMMAND:
    begin()
