"""PyTorch's import paths lead to the names here, as its own do."""

import importlib
import subprocess
import sys
from collections.abc import Iterator

import pytest

import tinygrad_mnist as tg
from tinygrad_mnist.paths import PATHS

FUNCTIONS = [
    (tg.autograd, "gradcheck"), (tg.nn.utils, "weight_norm"), (tg.nn.utils, "spectral_norm"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def functions_again() -> Iterator[None]:
    """Undo what an import of a path does to a function of its name, for other tests."""
    yield
    for page, name in FUNCTIONS:
        vars(page).pop(name, None)
        sys.modules.pop(f"{page.__name__}.{name}", None)


# (path, names that programs import from it)
IMPORTS = [
    ("nn.modules", "Module Linear Conv2d CrossEntropyLoss Sequential"),
    ("nn.modules.conv", "Conv2d _ConvNd"),
    ("nn.modules.batchnorm", "BatchNorm2d _BatchNorm"),
    ("nn.modules.loss", "_Loss _WeightedLoss MSELoss"),
    ("nn.modules.utils", "_single _pair _triple _ntuple"),
    ("nn.modules.module", "Module _addindent"),
    ("nn.modules.rnn", "LSTM GRU"),
    ("nn.modules.transformer", "Module"),
    ("nn.parallel", "DataParallel DistributedDataParallel"),
    ("nn.parallel.data_parallel", "DataParallel data_parallel"),
    ("nn.parameter", "Parameter"),
    ("nn.common_types", "_size_2_t"),
    ("nn.utils.clip_grad", "clip_grad_norm_"),
    ("utils.data.dataloader", "DataLoader default_collate"),
    ("utils.data.dataset", "Dataset random_split TensorDataset"),
    ("utils.data.sampler", "Sampler RandomSampler"),
    ("utils.data.distributed", "DistributedSampler"),
    ("utils.data._utils.collate", "default_collate"),
    ("utils._pytree", "tree_map tree_flatten"),
    ("utils.checkpoint", "checkpoint"),
    ("optim.optimizer", "Optimizer required"),
    ("optim.adamw", "AdamW"),
    ("optim.lr_scheduler", "_LRScheduler StepLR"),
    ("autograd.variable", "Variable"),
    ("autograd.function", "Function once_differentiable InplaceFunction"),
    ("autograd.gradcheck", "gradcheck"),
    ("autograd.grad_mode", "no_grad"),
    ("cuda.amp", "autocast GradScaler custom_fwd"),
    ("amp", "autocast GradScaler"),
    ("backends.cudnn", "benchmark"),
    ("multiprocessing", "Process Queue set_start_method"),
    ("serialization", "safe_globals save load"),
    ("jit", "script trace"),
    ("onnx", "export"),
    ("func", "functional_call grad jvp vjp linearize stack_module_state vmap"),
    ("functional", "einsum"),
    ("_vmap_internals", "_vmap"),
    ("utils.checkpoint", "checkpoint get_device_states set_device_states"),
    ("nn.attention", "SDPBackend sdpa_kernel"),
    ("_jit_internal", "Optional Union"),
    ("random", "manual_seed fork_rng"),
    ("types", "Number"),
    ("version", "cuda"),
    ("testing", "assert_close"),
]


@pytest.mark.parametrize(("path", "names"), IMPORTS)
def test_names_are_imported_from_pytorchs_paths(path: str, names: str) -> None:
    there = {}
    exec(f"from tinygrad_mnist.{path} import {', '.join(names.split())}", there)
    assert set(names.split()) <= set(there)


@pytest.mark.parametrize("path", PATHS)
def test_a_path_is_pytorchs_and_leads_somewhere(path: str) -> None:
    module = importlib.import_module(f"tinygrad_mnist.{path}")
    assert len(dir(module)) > 1
    if path not in ("_six", "nn.utils.fusion", "utils.model_zoo"):  # gone since, or lazily there
        pytest.importorskip("torch")
        assert importlib.import_module(f"torch.{path}") is not None


def test_a_name_from_a_path_is_the_same_object() -> None:
    conv = importlib.import_module("tinygrad_mnist.nn.modules.conv")
    assert conv.Conv2d is tg.nn.Conv2d and "Conv2d" in dir(conv)
    assert isinstance(tg.nn.Conv2d(1, 1, 1), conv._ConvNd)
    batchnorm = importlib.import_module("tinygrad_mnist.nn.modules.batchnorm")
    assert isinstance(tg.nn.BatchNorm2d(1), batchnorm._BatchNorm)
    assert not isinstance(tg.nn.LayerNorm(1), batchnorm._BatchNorm)
    assert not issubclass(tg.nn.Linear, batchnorm._BatchNorm)


def test_a_function_that_has_the_name_of_a_path_can_still_be_called() -> None:
    importlib.import_module("tinygrad_mnist.autograd.gradcheck")
    x = tg.ones(2, dtype=tg.float64, requires_grad=True)
    assert tg.autograd.gradcheck(tg.exp, (x,))
    importlib.import_module("tinygrad_mnist.nn.utils.weight_norm")
    assert "weight_g" in dict(tg.nn.utils.weight_norm(tg.nn.Linear(1, 1)).named_parameters())


@pytest.mark.parametrize(
    ("path", "reason"),
    [("fx", "traced"), ("quantization", "quantized"), ("utils.cpp_extension", "Function")],
)
def test_a_module_that_is_not_here_says_what_to_do_instead(path: str, reason: str) -> None:
    with pytest.raises(ModuleNotFoundError, match=reason) as error:
        importlib.import_module(f"tinygrad_mnist.{path}")
    assert error.value.name == f"tinygrad_mnist.{path}"
    parent, _, name = f"tinygrad_mnist.{path}".rpartition(".")
    with pytest.raises(AttributeError, match=reason):
        getattr(importlib.import_module(parent), name)


def test_other_names_are_a_plain_import_error() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'tinygrad_mnist.nope'$"):
        importlib.import_module("tinygrad_mnist.nope")
    with pytest.raises(AttributeError, match="did you mean 'Conv2d'"):
        getattr(importlib.import_module("tinygrad_mnist.nn.modules.conv"), "Conv2D")  # noqa: B009
    with pytest.raises(AttributeError, match=r"x\.numpy\(\) is its memory"):
        tg.ones(1).storage()


def test_paths_cost_an_import_nothing() -> None:
    code = (
        "import sys, tinygrad_mnist as tg; "
        "assert not [m for m in sys.modules if m.startswith('tinygrad_mnist.compat')]; "
        "assert not tg.cuda.is_available() and not tg.backends.mps.is_available()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_one_import_puts_the_library_under_torch(tmp_path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import sys, torch, torch.nn as nn, torch.nn.functional as F\n"
        "from torch.nn.modules.utils import _pair\n"
        "from torchvision import datasets, transforms\n"
        "from torchvision.utils import make_grid\n"
        "assert int(torch.__version__.split('.')[0]) >= 2\n"
        "assert torch.autograd.gradcheck(torch.exp, torch.ones(2, requires_grad=True).double())\n"
        "to = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])\n"
        "data = datasets.MNIST('nowhere', train=False, transform=to)\n"
        "x, y = next(iter(torch.utils.data.DataLoader(data, batch_size=8)))\n"
        "assert nn is torch.nn and x.shape == (8, 1, 28, 28) and y.dtype == torch.int64\n"
        "assert -1 <= float(x.min()) < float(x.max()) <= 1\n"
        "assert make_grid(x).shape[0] == 3\n"
        "print(__name__, *sys.argv[1:])\n"
    )
    command = [sys.executable, "-m", "tinygrad_mnist.run", str(program), "--epochs", "1"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "__main__ --epochs 1"
    missing = subprocess.run([*command[:3], "no.py"], capture_output=True, text=True)
    assert missing.returncode == 2 and "no.py: there is no such file" in missing.stderr


def test_an_imported_pytorch_is_not_replaced() -> None:
    pytest.importorskip("torch")
    code = "import torch, tinygrad_mnist.compat.torch"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "import tinygrad_mnist.compat.torch first" in run.stderr
