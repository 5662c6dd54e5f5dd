"""One row of the table is one edit: function, method, help, derivatives, types and sizes follow."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROW = 'cbrt = elementwise(np.cbrt, also="cube_root", x=lambda g, y: g / (3 * y * y))\n'
LAST = "signbit = elementwise(np.signbit)\n"  # below all else
PROGRAM = """
import inspect, pydoc
import numpy as np
import tinygrad_mnist as tg
from tinygrad_mnist.autograd import REGISTRY, gradcheck, gradgradcheck

x = tg.tensor([-8.0, 0.125, 27.0], dtype=tg.float64, requires_grad=True)
for call in (tg.cbrt, tg.cube_root, tg.Tensor.cbrt, tg.Tensor.cube_root, tg.ops.table.cbrt):
    assert call(x).tolist() == [-2.0, 0.5, 3.0]
    assert gradcheck(call, x) and gradgradcheck(call, x)
assert tg.cbrt(input=x).equal(x.cbrt()) and np.cbrt(x.detach()).equal(x.cbrt())
assert x.detach().clone().cbrt_().equal(x.cbrt())
assert tg.cbrt(tg.tensor([8])).dtype == tg.float32
assert "cbrt" in dir(tg) and "cbrt" in REGISTRY and "cbrt" in tg.ops.elementwise.__all__

for function in (tg.cbrt, tg.Tensor.cbrt):
    text = pydoc.plain(pydoc.render_doc(function))
    assert "Return the cube-root of an array, element-wise." in text, text
    assert str(inspect.signature(function)) == "(input: 'Tensor') -> 'Tensor'"
assert tg.signbit(-x).tolist() == [False, True, True] and "signbit" in REGISTRY
assert tg.signbit.__name__ == "signbit" and "signbit" in tg.ops.compare.__all__
assert tg.cbrt.__module__ == "tinygrad_mnist.ops.rows" and tg.cbrt.__name__ == "cbrt"
assert tg.ops.table.cbrt.__module__ == "tinygrad_mnist.ops.table"
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with one more row."""
    root = tmp_path_factory.mktemp("copy")
    shutil.copytree(ROOT / "tinygrad_mnist", root / "tinygrad_mnist")
    shutil.copytree(ROOT / "scripts", root / "scripts")
    (root / "docs").mkdir()
    for name in ("api.md", "layout.md"):
        shutil.copy(ROOT / "docs" / name, root / "docs")
    table = root / "tinygrad_mnist" / "ops" / "table.py"
    before, heading, after = table.read_text().partition(
        "# Trigonometry (kernels/trigonometry.py)\n"
    )
    assert heading
    table.write_text(f"{before}{heading}{ROW}{after}\n{LAST}")
    return root


def run(copy: Path, *command: str) -> None:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=copy, env={"PYTHONPATH": str(copy)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_row_is_a_function_a_method_help_and_derivatives(copy: Path) -> None:
    run(copy, "-c", PROGRAM)


def test_types_and_sizes_follow_from_the_row(copy: Path) -> None:
    run(copy, "scripts/write_stub.py")
    package = copy / "tinygrad_mnist"
    line = (package / "ops" / "table.py").read_text().splitlines().index(ROW.strip()) + 1
    functions = (package / "ops" / "rows.pyi").read_text()
    assert f"def cbrt(input: Tensor) -> Tensor: ...  # ops/table.py:{line}\n" in functions
    assert '    "cbrt",\n' in functions and '    "cube_root",\n' in functions
    methods = (package / "autograd" / "_methods.pyi").read_text()
    for name in ("cbrt", "cube_root", "cbrt_"):
        assert re.search(
            rf"    def {name}\(self.*\) -> Tensor: ...  # ops/table.py:{line}\n", methods
        )

    index = (copy / "docs" / "api.md").read_text()
    assert "- `cbrt(input)`: Return the cube-root of an array, element-wise.\n" in index

    def primitives(root: Path) -> int:
        text = (root / "docs" / "layout.md").read_text()
        return int(re.search(r"\| Trigonometry \| (\d+) ", text)[1])

    assert primitives(copy) == primitives(ROOT) + 1
