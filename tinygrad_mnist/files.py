"""Atomic writes: even after a crash, a file is the whole old one or the whole new one.

Everything that the package writes goes through this module.
"""

import contextlib
import errno
import io
import os
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path


def atomic_write(
    path: str | os.PathLike[str], content: bytes | Callable[[io.BufferedRandom], object]
) -> None:
    """Write `path` whole or not at all.

    `content` is the bytes, or a function that writes these into the binary file passed to it (and
    may also seek and read). The bytes go into a temporary file of the same folder, which takes
    the place of `path` only when every byte is on the disk: a temporary file left behind by a
    killed process (`.NAME-xxxxxxxx.part`) is never read and may be deleted. An existing file
    keeps its permission bits, and a symbolic link its target.

    Raises OSError, naming what could not be written, and leaves an existing file as it was.

    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "run.json"
    >>> atomic_write(target, b"{}")
    >>> target.read_text()
    '{}'
    """
    with replacing(path) as file:
        file.write(content) if isinstance(content, bytes) else content(file)


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[io.BufferedRandom]:
    """Open the temporary file of `atomic_write`, which replaces `path` unless the block raises."""
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name[:50]}-{os.urandom(4).hex()}.part")
    try:
        mode = _mode_of(target)
        try:
            with open(temporary, "x+b") as file:
                yield file
                file.flush()
                if mode is not None:
                    os.chmod(temporary, mode)
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
    except OSError as error:
        why = f"cannot write into {str(target.parent)!r}: {error.strerror or error}"
        hint = "an older file is left as it was; free space or choose another path"
        raise OSError(error.errno or errno.EIO, f"{why} ({hint})", str(path)) from error
    _sync_folder(target.parent)


@contextlib.contextmanager
def locked(path: str | os.PathLike[str]) -> Iterator[None]:
    """Hold a lock on a file, which is made, against the other processes of this machine.

    It ends with the process, however that ends. On a file system without locks there is none.
    """
    with open(path, "ab") as file:
        _wait_for_lock(file.fileno())
        yield  # closing the file ends it


def _wait_for_lock(descriptor: int) -> None:
    with contextlib.suppress(OSError):
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX)


def open_without_waiting(name: str, flags: int) -> int:
    """Open a file without blocking on a pipe that nobody writes to; an `opener` for `open`."""
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))


def _mode_of(target: Path) -> int | None:
    """Return the permission bits of the file to replace; None when there is none yet."""
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "the path exists and is not a regular file")
    if not os.access(target, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        raise PermissionError(errno.EACCES, "the existing file is read-only")
    return stat.S_IMODE(mode) & 0o777


def _sync_folder(folder: Path) -> None:
    """Make the rename survive a power cut, where the system can open a folder."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that cannot sync a folder reports EINVAL
            raise
    finally:
        os.close(descriptor)
