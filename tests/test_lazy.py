"""An import loads only what it needs, and a page returns what it promises to type checkers."""

import ast
import importlib
import importlib.util
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import (
    autograd,
    distributed,
    distributions,
    fft,
    linalg,
    nn,
    optim,
    special,
    testing,
    utils,
)

PAGES = [
    tg, autograd, nn, nn.functional, optim, importlib.import_module("tinygrad_mnist.jit"), testing,
    linalg, special, fft, distributed, distributions, distributions.transforms, utils.data,
]  # fmt: skip

# The standard library's and NumPy's that these imports do without, unless NumPy loads them.
HEAVY = {
    "asyncio", "concurrent.futures", "copy", "dataclasses", "difflib", "email", "http",
    "importlib.metadata", "json", "logging", "matplotlib", "multiprocessing", "numpy.fft",
    "numpy.ma", "numpy.polynomial", "numpy.random", "numpy.testing", "pathlib", "rich", "socket",
    "ssl", "subprocess", "tempfile", "threading", "traceback", "unittest", "urllib", "urllib.parse",
}  # fmt: skip
# Our own that only those need who use them.
OWN = {
    "autograd.anomaly", "autograd.function", "autograd.functional",
    "autograd.memory", "cli", "data", "distributed", "distributions", "linalg", "special", "fft",
    "ops.linalg", "ops.special", "ops.further", "jit.function", "jit.program", "jit.tape", "models",
    "nn.functional", "nn.init", "nn.layers", "nn.loss", "nn.module", "nn.utils",
    "optim.lr_scheduler", "optim.optimizer", "ops.loss", "ops.pool", "serialize", "testing",
    "train", "utils",
}  # fmt: skip


@cache
def modules_after(code: str) -> set[str]:
    """Return the modules that a new Python has loaded after the code."""
    code = f"{code}\nimport sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "code", ["import tinygrad_mnist", "from tinygrad_mnist import nn, optim, jit"]
)
def test_an_import_loads_nothing_that_it_does_not_need(code: str) -> None:
    loaded = modules_after(code) - modules_after("import numpy")
    assert "tinygrad_mnist.ops.table" in loaded
    assert not loaded & HEAVY
    assert not loaded & {f"tinygrad_mnist.{name}" for name in OWN}


def test_a_program_loads_the_layers_and_the_optimizer_that_it_uses() -> None:
    code = "from tinygrad_mnist import nn, optim; optim.SGD(nn.Linear(2, 2).parameters(), 0.1)"
    loaded = modules_after(code)
    assert {"tinygrad_mnist.nn.layers.linear", "tinygrad_mnist.optim.sgd"} <= loaded
    assert not loaded & {"tinygrad_mnist.nn.layers.rnn", "tinygrad_mnist.optim.lbfgs"}


def test_the_first_name_of_nn_loads_what_nearly_all_models_use() -> None:
    loaded = modules_after("from tinygrad_mnist import nn; nn.Parameter")
    core = ("containers", "functional", "layers.activation", "layers.linear", "loss", "module")
    assert {"numpy.random", *(f"tinygrad_mnist.nn.{name}" for name in core)} <= loaded
    assert not loaded & {f"tinygrad_mnist.nn.{name}" for name in ("layers.rnn", "layers.conv")}
    loaded = modules_after("from tinygrad_mnist.nn import functional")
    assert "tinygrad_mnist.nn.module" not in loaded


def test_batches_of_tensors_load_nothing_that_reads_files() -> None:
    code = (
        "import tinygrad_mnist as tg; data = tg.utils.data.TensorDataset(tg.zeros(4, 2));"
        "list(tg.utils.data.DataLoader(data, batch_size=2))"
    )
    loaded = modules_after(code)
    assert "tinygrad_mnist.utils.data.loader" in loaded
    files = ("data", "data.stored", "utils.data.stored", "distributed.group")
    assert not loaded & {f"tinygrad_mnist.{name}" for name in files}


def test_the_list_names_modules_that_there_are() -> None:
    for name in OWN:
        assert importlib.util.find_spec(f"tinygrad_mnist.{name}"), name


def promised(page: ModuleType) -> dict[str, set[str]]:
    """The names that type checkers see on a page, by the module that they come from."""
    names_of: dict[str, set[str]] = {}
    for block in ast.parse(Path(page.__file__).read_text("utf-8")).body:
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING":
            for line in block.body:
                names = {alias.asname or alias.name for alias in line.names}
                if names == {"*"}:
                    names = set(importlib.import_module(line.module).__all__)
                names_of.setdefault(line.module, set()).update(names)
    return names_of


def on_demand(page: ModuleType) -> set[str]:
    """The names that a page gives when they are asked for: those in its call of `page()`."""
    tree = ast.parse(Path(page.__file__).read_text("utf-8"))
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and ast.unparse(n.func) == "page"]
    return set(" ".join(ast.literal_eval(calls[0].args[1]).values()).split())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.__name__)
def test_a_page_gives_what_type_checkers_are_promised(page: ModuleType) -> None:
    assert on_demand(page) == set().union(*promised(page).values())
    assert on_demand(page) <= set(dir(page))
    for module, names in promised(page).items():
        for name in names - ({"jit"} if page is tg else set()):  # a folder that can be called
            assert getattr(page, name) is getattr(importlib.import_module(module), name)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.__name__)
def test_a_page_lists_nothing_that_is_not_its_own(page: ModuleType) -> None:
    names = {name for name in dir(page) if not name.startswith("__")}
    assert not names & {"Any", "TYPE_CHECKING", "annotations", "np", "math", "page", "sys"}
    for name in getattr(page, "__all__", ()):
        assert name in names


@pytest.mark.parametrize(
    ("page", "name", "meant"),
    [(nn, "Lienar", "Linear"), (optim, "RMSProp", "RMSprop"), (autograd, "jacobain", None)],
)
def test_an_unknown_name_suggests_the_nearest_name(
    page: ModuleType, name: str, meant: str | None
) -> None:
    assert not hasattr(page, name)
    with pytest.raises(AttributeError) as error:
        getattr(page, name)
    assert f"module {page.__name__!r} has no attribute {name!r}" in str(error.value)
    assert meant is None or str(error.value).endswith(f"did you mean {meant!r}?")


def test_a_module_of_a_folder_is_found_without_an_import_of_its_own() -> None:
    code = (
        "import sys, tinygrad_mnist as tg\n"
        "assert tg.nn.parameter.Parameter is tg.nn.Parameter\n"
        "assert tg.optim.optimizer.Optimizer is tg.optim.Optimizer\n"
        "assert not hasattr(tg, '__main__') and 'difflib' not in sys.modules\n"
        "from tinygrad_mnist.autograd import writes\n"
        "assert 'difflib' not in sys.modules, 'a hint was looked for that nobody reads'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_failing_import_inside_a_module_is_not_hidden() -> None:
    code = (
        "import sys; sys.modules['tinygrad_mnist.ops.linear'] = None\n"
        "from tinygrad_mnist import nn\n"
        "nn.functional"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "ModuleNotFoundError: import of tinygrad_mnist.ops.linear" in run.stderr


def test_help_a_star_import_and_pickling_see_names_that_were_not_asked_for_yet() -> None:
    code = (
        "import pickle, pydoc\n"
        "from tinygrad_mnist.nn import *\n"
        "from tinygrad_mnist import optim\n"
        "assert pickle.loads(pickle.dumps(Linear)) is Linear\n"
        "assert 'class SGD(' in pydoc.plain(pydoc.render_doc(optim))\n"
        "assert 'Any' not in globals() and GRU and functional.relu\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_strategies_name_their_extra_without_hypothesis() -> None:
    code = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "from tinygrad_mnist import testing\n"
        "testing.gradcheck, testing.tensors"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "tensors needs hypothesis: pip install 'tinygrad-mnist[test]'" in run.stderr
