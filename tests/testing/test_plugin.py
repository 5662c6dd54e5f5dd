"""The pytest plugin, in a session of its own: the marker, the profiles, the count."""

import os
import subprocess
import sys
from pathlib import Path

TESTS = """
import pytest
from hypothesis import given, settings, strategies as st
from tinygrad_mnist.testing import given_gradients, tensors

@given_gradients(tensors((2,)), max_examples=11)
def test_sine(x):
    return x.sin()

def test_nested():
    @settings(max_examples=13)
    @given(st.integers())
    def inner(i):
        pass
    inner()

@pytest.mark.fuzz
def test_long():
    print("SEARCHED", settings().max_examples)

def test_profile():
    assert settings().deadline is None
"""


def session(folder: Path, *args: str, **environ: str) -> str:
    (folder / "test_it.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "tinygrad_mnist.testing.plugin"]
    options = ["-p", "no:cacheprovider", "--strict-markers", "--rootdir", str(folder)]
    done = subprocess.run(
        [*command, *options, *args, "test_it.py"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **environ},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_fuzz_is_left_out_and_examples_are_counted(tmp_path: Path) -> None:
    out = session(tmp_path)
    assert "SEARCHED" not in out and "3 passed, 1 deselected" in out
    assert "hypothesis tried 24 examples in 2 tests" in out


def test_fuzz_runs_when_it_is_named(tmp_path: Path) -> None:
    out = session(tmp_path, "-m", "fuzz", HYPOTHESIS_PROFILE="fuzz")
    assert "SEARCHED 10000" in out and "1 passed" in out
