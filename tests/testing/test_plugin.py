"""The pytest plugin, in a session of its own: the marker, the profiles, the count."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

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


DOOR = "tinygrad_mnist_pytest"


def session(
    folder: Path, *args: str, plugin: str = DOOR, tests: str = TESTS, ini: str = "", **environ: str
) -> subprocess.Popen[str]:
    """Start a session with one plugin."""
    (folder / "test_it.py").write_text(tests)
    (folder / "pytest.ini").write_text(f"[pytest]\n{ini}")
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", plugin]
    options = ["-p", "no:cacheprovider", "--strict-markers", "--rootdir", str(folder)]
    return subprocess.Popen(
        [*command, *options, *args, "test_it.py"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **ALONE, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The output of each session; they run at the same time."""
    folder, inside = tmp_path_factory.mktemp, "tinygrad_mnist.testing.plugin"
    sessions = {
        "plugin": session(folder("plugin"), plugin=inside),
        "not asked": session(folder("not"), tests=ASKED),
        "setting": session(folder("setting"), ini="gradients = true"),
        "twice": session(folder("twice"), "--gradients", "-p", DOOR),
        "fuzz": session(folder("fuzz"), "-m", "fuzz", plugin=inside, HYPOTHESIS_PROFILE="fuzz"),
    }
    texts = {name: each.communicate()[0] for name, each in sessions.items()}
    assert not any(each.returncode for each in sessions.values()), texts
    return texts


@pytest.mark.parametrize("way", ["plugin", "setting", "twice"])
def test_fuzz_is_left_out_and_examples_are_counted_once(way: str, outputs: dict[str, str]) -> None:
    assert "SEARCHED" not in outputs[way] and "3 passed, 1 deselected" in outputs[way]
    assert "hypothesis tried 24 examples in 2 tests" in outputs[way]


def test_the_entry_point_does_nothing_unless_it_is_asked(outputs: dict[str, str]) -> None:
    assert "1 passed" in outputs["not asked"]


def test_the_entry_point_is_registered() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["entry-points"] == {"pytest11": {"tinygrad-mnist-gradients": DOOR}}


def test_fuzz_runs_when_it_is_named(outputs: dict[str, str]) -> None:
    assert "SEARCHED 10000" in outputs["fuzz"] and "1 passed" in outputs["fuzz"]
