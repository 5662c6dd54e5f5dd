"""The choice of OpenBLAS's core: made before NumPy is loaded, and undone right after."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tinygrad_mnist import blas

FLAGS = "flags\t\t: fpu avx512f avx512cd avx512bw avx512dq avx512vl"


def cpu(vendor: str = "AuthenticAMD", family: int = 26, flags: str = FLAGS) -> str:
    first = f"processor\t: 0\nvendor_id\t: {vendor}\ncpu family\t: {family}\n{flags}\n"
    return first + "\nprocessor\t: 1\n"


@pytest.mark.parametrize(
    ("cpuinfo", "core"),
    [
        (cpu(), "SkylakeX"),
        (cpu(family=25), None),
        (cpu(vendor="GenuineIntel"), None),
        (cpu(flags="flags\t\t: fpu avx2"), None),
        (cpu(flags=FLAGS.replace("avx512vl", "")), None),
        ("", None),
        ("Processor : ARMv8\ncpu family : many", None),
    ],
)
def test_only_zen_5_is_misjudged(cpuinfo: str, core: str | None) -> None:
    assert blas.misjudged_core(cpuinfo) == core


def in_a_new_process(tmp_path: Path, code: str, **variables: str) -> str:
    """Return the output of a program that begins without NumPy, on a machine with such a CPU."""
    (tmp_path / "cpuinfo").write_text(cpu())
    source = Path(blas.__file__).read_text(encoding="utf-8")
    source = source.replace('"/proc/cpuinfo"', repr(str(tmp_path / "cpuinfo")))
    (tmp_path / "chooser.py").write_text(source, encoding="utf-8")
    env = {k: v for k, v in os.environ.items() if k not in (blas.VARIABLE, blas.OPT_OUT)}
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=env | variables,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


CHOOSE = "import os, chooser; print(chooser.chosen, 'OPENBLAS_CORETYPE' in os.environ)"


def test_the_variable_is_restored(tmp_path: Path) -> None:
    assert in_a_new_process(tmp_path, CHOOSE) == "SkylakeX False"


def test_the_variable_is_there_while_numpy_loads(tmp_path: Path) -> None:
    watch = (
        "import os, sys\n"
        "class Watch:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'numpy': print(os.environ.get('OPENBLAS_CORETYPE'))\n"
        "sys.meta_path.insert(0, Watch())\n"
        "import chooser"
    )
    assert in_a_new_process(tmp_path, watch) == "SkylakeX"


def test_a_users_choice_or_a_loaded_numpy_is_left_alone(tmp_path: Path) -> None:
    assert in_a_new_process(tmp_path, CHOOSE, TINYGRAD_MNIST_BLAS="keep") == "None False"
    assert in_a_new_process(tmp_path, CHOOSE, OPENBLAS_CORETYPE="Haswell") == "None True"
    assert in_a_new_process(tmp_path, "import numpy; " + CHOOSE) == "None False"


def test_the_package_chooses_before_it_loads_numpy() -> None:
    code = "import tinygrad_mnist; print(tinygrad_mnist.blas.reason)"
    env = {k: v for k, v in os.environ.items() if k not in (blas.VARIABLE, blas.OPT_OUT)}
    run = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert "too late" not in run.stdout and run.returncode == 0, run.stderr
