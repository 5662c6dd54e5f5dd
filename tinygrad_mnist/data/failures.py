"""A note of the last failed download, kept for a day, so that nobody offline waits each time."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path

from tinygrad_mnist.files import atomic_write

DAY = 24 * 3600.0
NAME = "no-download.json"
LARGEST = 1 << 16  # bytes of it that are read


def remember(folder: Path, mirrors: tuple[str, ...], why: str) -> None:
    """Record that no mirror sent the files, if the folder can be written."""
    note = {"time": time.time(), "mirrors": mirrors, "why": why}
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        atomic_write(folder / NAME, json.dumps(note).encode())


def recent(folder: Path, mirrors: tuple[str, ...]) -> str | None:
    """Return the failure of the last day and its time; None when these mirrors may be tried."""
    try:
        if not (folder / NAME).is_file():
            return None
        with open(folder / NAME, encoding="utf-8") as file:
            note = json.loads(file.read(LARGEST))
        ago = time.time() - float(note["time"])
        if not 0 <= ago < DAY or note["mirrors"] != list(mirrors):
            return None
        hours, minutes = divmod(int(ago) // 60, 60)
        when = f"{hours} h {minutes} min" if hours else f"{minutes} min"
        return f"{note['why']}; that was {when} ago: tinygrad-mnist data fetch tries again"
    except (OSError, ValueError, KeyError, TypeError):  # a damaged note counts as none
        return None


def forget_failure(folder: Path) -> None:
    """Remove the note."""
    with suppress(OSError):
        (folder / NAME).unlink()
