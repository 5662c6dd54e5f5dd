"""The installed package; the README, the script of CI and the workflow agree on it."""

import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.ahead import ahead

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
README = (ROOT / "README.md").read_text("utf-8")
CI = (ROOT / ".ci" / "run").read_text("utf-8")


def shell_variable(name: str) -> str:
    match = re.search(rf'^{name}="(.*)"$', CI, re.MULTILINE)
    assert match, f".ci/run sets no {name}"
    return match[1]


def test_ci_runs_the_test_command_of_the_readme() -> None:
    command = f"{shell_variable('install')} && {shell_variable('run_tests')}"
    assert command in [line.strip() for line in README.splitlines()]


def test_the_extras_that_the_readme_installs_exist() -> None:
    named = re.findall(r"install [^\n]*?\[([\w,-]+)\]", README)
    assert named, "the README installs no extra"
    assert {extra for names in named for extra in names.split(",")} <= set(
        PROJECT["optional-dependencies"]
    )


def test_the_workflow_calls_the_same_script() -> None:
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8")
    assert re.findall(r"- run: (.*)", workflow) == ["bash .ci/run"]


def test_numpy_is_the_only_dependency() -> None:
    assert PROJECT["dependencies"] == ["numpy>=2"]


@ahead
def loaded_by_all(folder: Path) -> list[str]:
    """The first parts of all names that a process loads which imports every folder."""
    folders = [path.parent.name for path in sorted((ROOT / "tinygrad_mnist").glob("*/__init__.py"))]
    script = [
        "import sys; before = set(sys.modules)",
        "import tinygrad_mnist",
        *(f"import tinygrad_mnist.{folder}" for folder in folders),
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})",
    ]
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", "\n".join(script)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return run.stdout.split()


def test_importing_every_folder_loads_nothing_but_numpy(loaded_by_all: list[str]) -> None:
    owners = packages_distributions()
    loaded = {owner for name in loaded_by_all for owner in owners.get(name, ())}
    assert loaded <= {"numpy", PROJECT["name"]}


@pytest.mark.slow
def test_a_wheel_holds_the_whole_package_and_nothing_else(tmp_path: Path) -> None:
    """Data files and py.typed are what packaging forgets first."""
    pytest.importorskip("hatchling")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    tracked = subprocess.run(
        ["git", "ls-files", "tinygrad_mnist"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    files = {name for name in tracked.stdout.splitlines() if (ROOT / name).exists()}
    assert "tinygrad_mnist/py.typed" in packed
    assert files <= packed
    entry_point = "tinygrad_mnist_pytest.py"  # beside the package, which it does not load
    assert {name.partition("/")[0] for name in packed} == {"tinygrad_mnist", entry_point}
