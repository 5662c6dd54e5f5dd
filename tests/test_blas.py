"""The choice of OpenBLAS's core: made before NumPy is loaded, and undone right after."""

import os
import sys
from pathlib import Path

import pytest

from tests.ahead import ahead, pythons
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


CHOOSE = "import os, chooser; print(chooser.chosen, 'OPENBLAS_CORETYPE' in os.environ)"
WATCH = (
    "import os, sys\n"
    "class Watch:\n"
    "    def find_spec(self, name, path=None, target=None):\n"
    "        if name == 'numpy': print(os.environ.get('OPENBLAS_CORETYPE'))\n"
    "sys.meta_path.insert(0, Watch())\n"
    "import chooser"
)
REASON = "import tinygrad_mnist; print(tinygrad_mnist.blas.reason)"


@ahead
def printed(folder: Path) -> dict[str, str]:
    """The output of programs that begin without NumPy, on a machine with such a CPU."""
    (folder / "cpuinfo").write_text(cpu())
    source = Path(blas.__file__).read_text(encoding="utf-8")
    source = source.replace('"/proc/cpuinfo"', repr(str(folder / "cpuinfo")))
    (folder / "chooser.py").write_text(source, encoding="utf-8")
    env = {k: v for k, v in os.environ.items() if k not in (blas.VARIABLE, blas.OPT_OUT)}

    def output(code: str, **variables: str) -> str:
        (ran,) = pythons(code, cwd=folder, env=env | variables)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout.strip()

    return {
        "chosen": output(CHOOSE),
        "while NumPy loads": output(WATCH),
        "told to keep it": output(CHOOSE, TINYGRAD_MNIST_BLAS="keep"),
        "chosen by the user": output(CHOOSE, OPENBLAS_CORETYPE="Haswell"),
        "after NumPy": output("import numpy; " + CHOOSE),
        "by the package": output(REASON, PYTHONPATH=os.pathsep.join(sys.path)),
    }


def test_the_variable_is_restored(printed: dict[str, str]) -> None:
    assert printed["chosen"] == "SkylakeX False"


def test_the_variable_is_there_while_numpy_loads(printed: dict[str, str]) -> None:
    assert printed["while NumPy loads"] == "SkylakeX"


def test_a_users_choice_or_a_loaded_numpy_is_left_alone(printed: dict[str, str]) -> None:
    assert printed["told to keep it"] == "None False"
    assert printed["chosen by the user"] == "None True"
    assert printed["after NumPy"] == "None False"


def test_the_package_chooses_before_it_loads_numpy(printed: dict[str, str]) -> None:
    assert "too late" not in printed["by the package"]
