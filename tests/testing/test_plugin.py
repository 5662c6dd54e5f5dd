"""The pytest plugin, in a session of its own: the marker, the profiles, the count."""

import os
import subprocess
import sys
import tomllib
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


ASKED = """
import sys

def test_nothing_is_loaded_unless_it_is_asked_for():
    assert "tinygrad_mnist" not in sys.modules and "numpy" not in sys.modules
"""


ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # other plugins, installed or not, take seconds


def session(
    folder: Path,
    *args: str,
    plugin: str = "tinygrad_mnist.testing.plugin",
    tests: str = TESTS,
    **environ: str,
) -> str:
    (folder / "test_it.py").write_text(tests)
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", plugin]
    options = ["-p", "no:cacheprovider", "--strict-markers", "--rootdir", str(folder)]
    done = subprocess.run(
        [*command, *options, *args, "test_it.py"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **ALONE, **environ},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_fuzz_is_left_out_and_examples_are_counted(tmp_path: Path) -> None:
    out = session(tmp_path)
    assert "SEARCHED" not in out and "3 passed, 1 deselected" in out
    assert "hypothesis tried 24 examples in 2 tests" in out


DOOR = "tinygrad_mnist_pytest"


def test_the_entry_point_does_nothing_unless_it_is_asked(tmp_path: Path) -> None:
    assert "1 passed" in session(tmp_path, plugin=DOOR, tests=ASKED)


def test_the_entry_point_is_asked_by_a_setting(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\ngradients = true")
    out = session(tmp_path, plugin=DOOR)
    assert "3 passed, 1 deselected" in out and "hypothesis tried 24 examples in 2 tests" in out


def test_an_entry_point_that_is_asked_twice_counts_each_example_once(tmp_path: Path) -> None:
    out = session(tmp_path, "--gradients", "-p", DOOR, plugin=DOOR)
    assert "3 passed, 1 deselected" in out and "hypothesis tried 24 examples in 2 tests" in out


def test_the_entry_point_is_registered() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["entry-points"] == {"pytest11": {"tinygrad-mnist-gradients": DOOR}}


def test_fuzz_runs_when_it_is_named(tmp_path: Path) -> None:
    out = session(tmp_path, "-m", "fuzz", HYPOTHESIS_PROFILE="fuzz")
    assert "SEARCHED 10000" in out and "1 passed" in out
