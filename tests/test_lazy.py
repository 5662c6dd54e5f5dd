"""An import loads only what it needs, and a page returns what it promises to type checkers."""

import ast
import importlib
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

import tinygrad_mnist as tg
from tests.ahead import ahead, pythons
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


PACKAGE = "import tinygrad_mnist"
FOLDERS = "from tinygrad_mnist import nn, optim, jit"
A_LAYER = "from tinygrad_mnist import nn, optim; optim.SGD(nn.Linear(2, 2).parameters(), 0.1)"
A_PARAMETER = "from tinygrad_mnist import nn; nn.Parameter"
FUNCTIONS = "from tinygrad_mnist.nn import functional"
BATCHES = (
    "import tinygrad_mnist as tg; data = tg.utils.data.TensorDataset(tg.zeros(4, 2));"
    "list(tg.utils.data.DataLoader(data, batch_size=2))"
)
Loaded = dict[str, set[str]]


@ahead
def loaded(folder: Path) -> Loaded:
    """The modules that a new Python has loaded, by the code that it has run."""
    codes = ("import numpy", PACKAGE, FOLDERS, A_LAYER, A_PARAMETER, FUNCTIONS, BATCHES)
    ran = pythons(*(f"{code}\nimport sys; print(*sys.modules)" for code in codes))
    return {code: set(each.stdout.split()) for code, each in zip(codes, ran, strict=True)}


@pytest.mark.parametrize("code", [PACKAGE, FOLDERS])
def test_an_import_loads_nothing_that_it_does_not_need(code: str, loaded: Loaded) -> None:
    ours = loaded[code] - loaded["import numpy"]
    assert "tinygrad_mnist.ops.table" in ours
    assert not ours & HEAVY
    assert not ours & {f"tinygrad_mnist.{name}" for name in OWN}


def test_a_program_loads_the_layers_and_the_optimizer_that_it_uses(loaded: Loaded) -> None:
    assert {"tinygrad_mnist.nn.layers.linear", "tinygrad_mnist.optim.sgd"} <= loaded[A_LAYER]
    assert not loaded[A_LAYER] & {"tinygrad_mnist.nn.layers.rnn", "tinygrad_mnist.optim.lbfgs"}


def test_the_first_name_of_nn_loads_what_nearly_all_models_use(loaded: Loaded) -> None:
    core = ("containers", "functional", "layers.activation", "layers.linear", "loss", "module")
    names = {"numpy.random", *(f"tinygrad_mnist.nn.{name}" for name in core)}
    assert names <= loaded[A_PARAMETER]
    rest = {f"tinygrad_mnist.nn.{name}" for name in ("layers.rnn", "layers.conv")}
    assert not loaded[A_PARAMETER] & rest
    assert "tinygrad_mnist.nn.functional" in loaded[FUNCTIONS]
    assert "tinygrad_mnist.nn.module" not in loaded[FUNCTIONS]


def test_batches_of_tensors_load_nothing_that_reads_files(loaded: Loaded) -> None:
    assert "tinygrad_mnist.utils.data.loader" in loaded[BATCHES]
    files = ("data", "data.stored", "utils.data.stored", "distributed.group")
    assert not loaded[BATCHES] & {f"tinygrad_mnist.{name}" for name in files}


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


FOUND = (
    "import sys, tinygrad_mnist as tg\n"
    "assert tg.nn.parameter.Parameter is tg.nn.Parameter\n"
    "assert tg.optim.optimizer.Optimizer is tg.optim.Optimizer\n"
    "assert not hasattr(tg, '__main__') and 'difflib' not in sys.modules\n"
    "from tinygrad_mnist.autograd import writes\n"
    "assert 'difflib' not in sys.modules, 'a hint was looked for that nobody reads'\n"
)
FAILING = (
    "import sys; sys.modules['tinygrad_mnist.ops.linear'] = None\n"
    "from tinygrad_mnist import nn\n"
    "nn.functional"
)
NOT_ASKED_FOR_YET = (
    "import pickle, pydoc\n"
    "from tinygrad_mnist.nn import *\n"
    "from tinygrad_mnist import optim\n"
    "assert pickle.loads(pickle.dumps(Linear)) is Linear\n"
    "assert 'class SGD(' in pydoc.plain(pydoc.render_doc(optim))\n"
    "assert 'Any' not in globals() and GRU and functional.relu\n"
)
WITHOUT_HYPOTHESIS = (
    "import sys; sys.modules['hypothesis'] = None\n"
    "from tinygrad_mnist import testing\n"
    "testing.gradcheck, testing.tensors"
)


@ahead
def errors_of(folder: Path) -> dict[str, str]:
    """The errors that programs print, each in a process of its own."""
    programs = (FOUND, FAILING, NOT_ASKED_FOR_YET, WITHOUT_HYPOTHESIS)
    ran = pythons(*programs)
    return {program: each.stderr for program, each in zip(programs, ran, strict=True)}


def test_a_module_of_a_folder_is_found_without_an_import_of_its_own(
    errors_of: dict[str, str],
) -> None:
    assert errors_of[FOUND] == ""


def test_a_failing_import_inside_a_module_is_not_hidden(errors_of: dict[str, str]) -> None:
    assert "ModuleNotFoundError: import of tinygrad_mnist.ops.linear" in errors_of[FAILING]


def test_help_a_star_import_and_pickling_see_names_that_were_not_asked_for_yet(
    errors_of: dict[str, str],
) -> None:
    assert errors_of[NOT_ASKED_FOR_YET] == ""


def test_strategies_name_their_extra_without_hypothesis(errors_of: dict[str, str]) -> None:
    said = "tensors needs hypothesis: pip install 'tinygrad-mnist[test]'"
    assert said in errors_of[WITHOUT_HYPOTHESIS]
