"""Ask what the standard output is: a terminal or not, how wide, in colour, in which characters."""

from __future__ import annotations

import os
import shutil
import sys

BOLD, DIM, CYAN = "1", "2", "36"  # parameters of ECMA-48's SGR, "select graphic rendition"


def on_terminal() -> bool:
    """Tell whether the output is a terminal on which the cursor can be moved."""
    if not sys.stdout.isatty():
        return False
    if sys.platform == "win32":
        return "WT_SESSION" in os.environ  # older consoles print escape codes as they are
    return os.environ.get("TERM", "dumb") not in ("", "dumb")


def in_foreground() -> bool:
    """Tell whether the terminal is this process's to draw on: not after `&`, nor after `bg`."""
    try:
        return os.tcgetpgrp(sys.stdout.fileno()) == os.getpgrp()
    except (OSError, AttributeError):  # no controlling terminal; a system without job control
        return True


def width() -> int:
    """Return the number of characters in a line: $COLUMNS, or what the terminal reports, or 80.

    A line of the terminal itself is never exceeded: an exported COLUMNS is not told of a resize.
    """
    columns = shutil.get_terminal_size().columns
    try:
        actual = os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, ValueError, AttributeError):  # no terminal, or no file at all
        return columns
    return min(columns, actual) if actual else columns


def in_colour() -> bool:
    """Tell whether to print colours: NO_COLOR, then FORCE_COLOR, then the terminal decides.

    The variables count unless they are empty (https://no-color.org, https://force-color.org).
    """
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or on_terminal()


def can_print(text: str) -> bool:
    """Tell whether the encoding of the output, if it has one, has these characters."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def styled(text: str, style: str) -> str:
    """Return the text between the codes of a style; as it is where colours are not wanted."""
    return f"\x1b[{style}m{text}\x1b[0m" if style and in_colour() else text
