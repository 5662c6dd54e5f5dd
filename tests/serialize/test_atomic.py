"""Never torn: killed, out of space or without permission, a save leaves a whole file."""

import contextlib
import errno
import os
import random
import resource
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from tests.ahead import ahead
from tests.serialize.same import assert_same
from tests.serialize.save_forever import content
from tinygrad_mnist.serialize import atomic_write, load, save

# `KILLS=300 pytest tests/serialize/test_atomic.py -s -k kill` for a longer run that prints counts.
KILLS = int(os.environ.get("KILLS", "10"))


class Saver:
    """Starts one process after the other that saves to a path."""

    def __init__(self, path):
        self.parent = subprocess.Popen(
            [sys.executable, "-m", "tests.serialize.save_forever", str(path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},  # a fork should leave no thread behind
        )  # fmt: skip

    def start(self, death=0):
        """Let a process save; return its id."""
        print(death, file=self.parent.stdin, flush=True)
        return int(self.parent.stdout.readline())

    def next_number(self):
        """Return the next number that the process has saved, None at its end."""
        word, _, code = self.parent.stdout.readline().partition(" ")
        self.code = int(code or 0)
        return None if word == "ended" else int(word)


@contextlib.contextmanager
def saving_to(path):
    save(content(0), path)
    saver = Saver(path)
    with saver.parent:
        yield saver
        saver.parent.stdin.close()


def whole_number(path):
    """The number in a file, which is whole."""
    number = load(path)["number"]
    assert_same(load(path), content(number))
    return number


@ahead
def killed_at_random(folder):
    """The numbers that are on the disk after each kill, those reported before, and torn saves."""
    path = folder / "model.pkl"
    saved, reports, torn = [], [], 0
    with saving_to(path) as saver:
        for _ in range(KILLS):
            process = saver.start()
            reported = saver.next_number()  # saving goes on
            time.sleep(random.uniform(0, 0.05))
            os.kill(process, signal.SIGKILL)
            while (number := saver.next_number()) is not None:
                reported = number
            saved.append(whole_number(path))
            reports.append(reported)
            torn += len(list(folder.glob("*.part"))) > 0
            for leftover in folder.glob("*.part"):
                leftover.unlink()
    return saved, reports, torn


def test_a_kill_at_a_random_moment_leaves_a_whole_file(killed_at_random):
    saved, reports, torn = killed_at_random
    for number, reported in zip(saved, reports, strict=True):
        assert number in (reported, reported + 1)  # what was told is on the disk, or its successor
    print(f"\n{KILLS} kills during {reports[-1]} saves, {torn} of them in the middle of writing")
    assert reports[-1] > KILLS


@ahead
def killed_before_each_step(folder):
    """How many steps there were, the number saved at last, and whether files were left over."""
    path = folder / "model.pkl"
    with saving_to(path) as saver:
        for step in range(1, 30):
            saver.start(step)
            done = saver.next_number() is not None and saver.next_number() is None
            number = whole_number(path)
            if done:
                break
            assert saver.code == -signal.SIGKILL
    return step, number, bool(list(folder.glob(".model.pkl-*.part")))


def test_a_kill_before_any_step_leaves_a_whole_file(killed_before_each_step):
    steps, number, leftovers = killed_before_each_step
    assert steps > 7  # open, pickle, digest, read back, fsync, replace, fsync of the folder
    assert number >= 1
    assert leftovers  # which troubled no later save


def assert_untouched(path, action, *messages):
    """`action` fails with a clear error, leaves the old file and nothing besides."""
    before, there = path.read_bytes(), sorted(path.parent.iterdir())
    with pytest.raises(OSError) as caught:
        action()
    for message in (*messages, path.name):
        assert message in str(caught.value)
    assert path.read_bytes() == before
    assert sorted(path.parent.iterdir()) == there


@contextlib.contextmanager
def file_size_limit(size):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("limit", [0, 10, 64, 1000, 70_000, 399_999])
def test_a_file_size_limit_leaves_the_old_file(limit, tmp_path):
    path = tmp_path / "model.pkl"
    save("old", path)
    with file_size_limit(limit):
        assert_untouched(path, lambda: save(np.zeros(100_000, np.float32), path), "File too large")


def test_a_full_disk_leaves_the_old_file(tmp_path):
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(tmp_path)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small tmpfs is not permitted here")
    try:
        path = tmp_path / "model.pkl"
        save(np.zeros(10_000, np.float32), path)
        assert_untouched(path, lambda: save(np.zeros(60_000, np.float32), path), "No space left")
        assert_untouched(
            path, lambda: atomic_write(path, b"x" * 250_000), "No space left", "left as it was"
        )
        save("small", path)  # and there is room for what fits
        assert load(path) == "small"
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


@contextlib.contextmanager
def as_ordinary_user():
    """Root may write anywhere: become nobody for a moment, in a folder that nobody can enter."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        try:
            yield Path(folder)
        finally:
            if root:
                os.seteuid(0)


def test_a_read_only_folder_leaves_the_old_file():
    with as_ordinary_user() as folder:
        path = folder / "model.pkl"
        save("old", path)
        os.makedirs(folder / "closed")
        closed = folder / "closed" / "model.pkl"
        save("old", closed)
        os.chmod(folder / "closed", 0o555)
        assert_untouched(closed, lambda: save("new", closed), "closed'", "Permission denied")
        os.chmod(folder / "closed", 0o755)
        os.chmod(path, 0o444)
        assert_untouched(path, lambda: save("new", path), "the existing file is read-only")


def test_a_vanished_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"cannot write into '.*/gone': No such file"):
        save(1, tmp_path / "gone" / "model.pkl")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_vanishes_during_the_write_is_named(tmp_path):
    (tmp_path / "gone").mkdir()

    def write(file):
        file.write(b"half")
        for path in (tmp_path / "gone").iterdir():
            path.unlink()
        (tmp_path / "gone").rmdir()

    with pytest.raises(FileNotFoundError, match="cannot write into '.*/gone': No such file"):
        atomic_write(tmp_path / "gone" / "model.pkl", write)


def test_what_is_not_a_regular_file_is_not_replaced(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"")
    os.mkfifo(tmp_path / "pipe")
    for name in ("folder", "pipe"):
        with pytest.raises(OSError, match="not a regular file"):
            save(1, tmp_path / name)
    with pytest.raises(NotADirectoryError, match="Not a directory"):
        save(1, tmp_path / "file" / "model.pkl")
    assert (tmp_path / "folder").is_dir() and (tmp_path / "pipe").is_fifo()


def test_an_error_or_ctrl_c_in_the_writer_leaves_the_old_file(tmp_path):
    save("old", tmp_path / "model.pkl")
    for error in (KeyboardInterrupt, ZeroDivisionError):

        def write(file, error=error):
            file.write(b"half")
            raise error

        with pytest.raises(error):
            atomic_write(tmp_path / "model.pkl", write)
    assert load(tmp_path / "model.pkl") == "old"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("name, failing", [("fsync", 1), ("replace", 1), ("fsync", 2)])
def test_a_failing_disk_is_an_error(name, failing, tmp_path, monkeypatch):
    save("old", tmp_path / "model.pkl")
    real, calls = getattr(os, name), []

    def fail(*args):
        calls.append(args)
        if len(calls) == failing:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(*args)

    monkeypatch.setattr(os, name, fail)
    with pytest.raises(OSError, match="Input/output error"):
        save("new", tmp_path / "model.pkl")
    # The second fsync is the folder's: the new file is in place, and may not survive a power cut.
    assert load(tmp_path / "model.pkl") == ("new" if failing == 2 else "old")
    assert len(list(tmp_path.iterdir())) == 1


def test_the_disk_has_the_bytes_before_the_name_and_the_name_before_the_end(tmp_path, monkeypatch):
    events = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)

        def noted(*args, name=name, real=real):
            kind = name
            if name == "fsync":
                status = os.fstat(args[0])
                kind = "sync folder" if stat.S_ISDIR(status.st_mode) else f"sync {status.st_size}"
            events.append(kind)
            return real(*args)

        monkeypatch.setattr(os, name, noted)
    atomic_write(tmp_path / "run.json", b"x" * 100_000)
    assert events == ["sync 100000", "replace", "sync folder"]


def test_permission_bits_are_kept_and_new_files_follow_the_umask(tmp_path):
    old = os.umask(0o027)
    try:
        save(1, tmp_path / "new.pkl")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "new.pkl").stat().st_mode) == 0o640
    os.chmod(tmp_path / "new.pkl", 0o604)
    save(2, tmp_path / "new.pkl")
    assert stat.S_IMODE((tmp_path / "new.pkl").stat().st_mode) == 0o604


def test_a_symbolic_link_keeps_pointing_where_it_does(tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "latest.pkl").symlink_to(tmp_path / "runs" / "7.pkl")
    for value in ("made", "replaced"):
        save(value, tmp_path / "latest.pkl")
        assert (tmp_path / "latest.pkl").is_symlink()
        assert load(tmp_path / "runs" / "7.pkl") == value
    assert len(list(tmp_path.iterdir())) == 2


def test_the_longest_name_a_file_can_have_is_written(tmp_path):
    for name in ("n" * 255, "é" * 127):
        save(1, tmp_path / name)
        assert load(tmp_path / name) == 1


def test_a_relative_path_is_written_in_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    atomic_write("run.json", lambda file: file.write(b"{}"))
    assert (tmp_path / "run.json").read_text() == "{}"


def test_two_threads_saving_to_one_path_leave_one_whole_file(tmp_path):
    path = tmp_path / "model.pkl"
    threads = [
        threading.Thread(target=lambda n=n: [save(content(n), path) for _ in range(5)])
        for n in (1, 2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert_same(load(path), content(load(path)["number"]))
    assert len(list(tmp_path.iterdir())) == 1
