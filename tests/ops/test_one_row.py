"""One row of the table is one edit: function, method, help, derivatives, types and sizes follow."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_mnist import ops
from tinygrad_mnist.ops import elementwise, published, rows

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
    shutil.copytree(ROOT / "docs" / "reference", root / "docs" / "reference")
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
    entry = r"- \[`cbrt\(input\)`\]\(\S+\): Return the cube-root of an array, element-wise.\n"
    assert re.search(entry, index)

    def primitives(root: Path) -> int:
        text = (root / "docs" / "layout.md").read_text()
        return int(re.search(r"\| Trigonometry \| (\d+) ", text)[1])

    assert primitives(copy) == primitives(ROOT) + 1


@pytest.mark.parametrize("name", ["exp", "backward", "shape", "cbrt_", "cube-root", "lambda"])
def test_a_name_that_a_row_cannot_have_is_refused(name: str) -> None:
    published.check_name("cbrt", ["exp"])
    with pytest.raises(TypeError, match=f"{name}.* (of two rows|cannot be the name of a row)"):
        published.check_name(name, ["exp"])


@pytest.mark.parametrize("name", ["matmul", "add", "tensor"])
def test_a_row_does_not_take_the_name_of_another_function(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ops.check_names()
    monkeypatch.setattr(elementwise, "__all__", [*elementwise.__all__, name])
    with pytest.raises(TypeError, match=f"{name} names two functions"):
        ops.check_names()


def test_a_row_does_not_take_the_name_of_what_is_loaded_later() -> None:
    later = " ".join(ops.LATER.values()).split()
    assert not set(rows.__all__).intersection(later)


@pytest.mark.parametrize(
    ("kernel", "settings", "message"),
    [
        (np.modf, {}, "modf: an op has one result, and this kernel 2"),
        (np.cbrt, {"also": ["root"]}, "must be names in one str"),
        (np.cbrt, {"y": lambda g: g, "x": lambda g: g}, "'y' has a meaning in rules"),
        (np.cbrt, {"w": lambda g: g, "x": lambda g: g}, "a rule for 'w', which is not an input"),
        (np.cbrt, {"x": lambda g, z: g}, "rule for 'x' names 'z'; it may name g, y, shape, x"),
    ],
)
def test_a_wrong_row_is_refused(kernel: Any, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=re.escape(message)):
        published.elementwise(kernel, **settings)
