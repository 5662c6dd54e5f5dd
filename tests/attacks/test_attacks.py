"""Every item of the corpus is refused with one clear error, no side effect and bounded memory."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.attacks import corpus
from tests.attacks.corpus import ATTACKS, FILES, bare, sealed
from tinygrad_mnist.serialize import guard

FORMAT = Path(__file__).parents[2] / "docs" / "format.md"


def presented():
    """(mode, name, file, words of the error) of each way in which an item reaches a reader."""
    for attack in ATTACKS:
        yield "plain", f"sealed: {attack.name}", sealed(attack.body), attack.plain
        yield "plain", f"bare: {attack.name}", bare(attack.body), corpus.NOT_OURS
        if attack.numpy is not None:
            yield "numpy", f"bare: {attack.name}", bare(attack.body), attack.numpy
    for name, (file, plain, numpy) in FILES.items():
        yield "plain", f"file: {name}", file, plain
        yield "numpy", f"file: {name}", file, numpy


ITEMS = list(presented())


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """What happened to each item: (error, message, audit events), by its position."""
    readers = []
    for first in (0, 1):  # two processes at once, with every other item each
        folder = tmp_path_factory.mktemp("attacks")
        for index, (mode, _, file, _) in enumerate(ITEMS):
            if index % 2 == first:
                (folder / f"{mode}-{index:04}.attack").write_bytes(file)
        before = sorted(folder.iterdir())
        command = [sys.executable, "-m", "tests.attacks.read_all", str(folder)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        readers.append((folder, before, process))
    outcomes = {}
    for folder, before, process in readers:
        lines = [json.loads(line) for line in process.communicate()[0].splitlines()]
        assert process.returncode == 0
        assert sorted(folder.iterdir()) == before  # no canary, nor anything else
        for path in before:
            path.unlink()
        outcomes |= {int(stem.split("-")[1]): outcome for stem, *outcome in lines}
    assert len(outcomes) == len(ITEMS)
    return outcomes


@pytest.mark.parametrize(
    "index", range(len(ITEMS)), ids=[f"{mode}-{name}" for mode, name, _, _ in ITEMS]
)
def test_it_is_refused_with_one_clear_error_and_no_side_effect(index, outcomes):
    error, message, events = outcomes[index]
    mode, _, _, reason = ITEMS[index]
    assert error in ("FormatError", "UnsafeFileError"), message
    assert error == "UnsafeFileError" or "refused" not in message
    assert f"{mode}-{index:04}.attack: " in message
    assert re.search(reason, message)
    assert len(message) < 500 and "\n" not in message
    assert events == []


def test_a_file_may_have_five_times_the_opcodes_of_the_corpus():
    assert guard.MAX_OPCODES == 5 * corpus.MOST_OPCODES == 1_000_000
    assert f"more than {guard.MAX_OPCODES:,} opcodes" in FORMAT.read_text()


def test_the_corpus_has_no_two_items_of_one_name():
    names = [attack.name for attack in ATTACKS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("bad", ["call", "event", "memory"])
def test_the_guard_of_this_test_sees(bad, tmp_path):
    """The reader of the corpus notices what an unguarded load() would have done."""
    unguarded = {
        "call": "__import__('os').system('touch canary')",
        "event": "compile('1', 'x', 'eval')",
        "memory": "bytearray(300 << 20)",
    }[bad]
    (tmp_path / "plain-0.attack").write_bytes(b"")
    code = f"""
import runpy, sys, tinygrad_mnist.serialize as s, tinygrad_mnist.serialize.numpy_pickle
s.load = lambda path, numpy_pickle: {unguarded}
sys.argv = ["read_all", {str(tmp_path)!r}]
runpy.run_module("tests.attacks.read_all", run_name="__main__")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True
    )
    _, error, _, events = json.loads(done.stdout)
    assert (error == "MemoryError") == (bad == "memory")
    assert bool(events) == (bad != "memory")
    assert os.path.exists(tmp_path / "canary") == (bad == "call")
