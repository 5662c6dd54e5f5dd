"""PyTorch's import paths: `nn.modules.conv`, `utils.data.dataloader`, `optim.optimizer`, ...

Programs import from these paths, but here the names are in other files. One finder (`lazy.py`)
serves all paths: it is the last of Python's finders, so this file is loaded only when a program
imports a module that the package has no file for. A path in PATHS becomes a module that looks its
names up in other modules; any other path raises ModuleNotFoundError, as usual.
"""

from __future__ import annotations

import importlib
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from tinygrad_mnist.hints import no_attribute

PACKAGE = __name__.partition(".")[0]
NN = "nn compat.private"
MODULES = """_functions activation adaptive batchnorm channelshuffle container conv distance dropout
flatten fold instancenorm lazy linear loss module normalization padding pixelshuffle pooling rnn
sparse transformer upsampling utils"""
UTILS = "spectral_norm weight_norm"
OPTIMIZERS = """_adafactor adadelta adagrad adamax adamw asgd nadam radam rmsprop rprop
sparse_adam"""
DISTRIBUTIONS = """bernoulli beta binomial categorical cauchy chi2 constraint_registry constraints
continuous_bernoulli dirichlet distribution exp_family exponential fishersnedecor gamma geometric
gumbel half_cauchy half_normal independent inverse_gamma kl kumaraswamy laplace lkj_cholesky
log_normal logistic_normal lowrank_multivariate_normal mixture_same_family multinomial
multivariate_normal negative_binomial normal one_hot_categorical pareto poisson relaxed_bernoulli
relaxed_categorical studentT transformed_distribution transforms uniform utils von_mises weibull
wishart"""
BACKENDS = "cuda cudnn mkl mkldnn mps openmp"

# Each path of PyTorch's, with the modules here that hold its names, in order of search.
PATHS: dict[str, str] = {
    **{f"nn.modules.{name}": NN for name in MODULES.split()},
    "nn.modules": NN,
    "nn.common_types": "compat.private",
    **{f"distributions.{name}": "distributions" for name in DISTRIBUTIONS.split()},
    "nn.parallel.data_parallel": "nn.parallel compat.parallel",
    "nn.parallel.distributed": "nn.parallel",
    **{f"nn.utils.{name}": "nn.utils.norm_hooks" for name in UTILS.split()},
    "nn.attention": "compat.private",
    **{f"optim.{name}": "optim" for name in OPTIMIZERS.split()},
    "utils.checkpoint": "compat.checkpoint",
    "utils.model_zoo": "compat.hub",
    "utils.data.dataloader": "utils.data utils.data.loader",
    "utils.data._utils": "utils.data",
    "utils.data._utils.collate": "utils.data",
    "utils.data.distributed": "utils.data",
    "utils._pytree": "compat.pytree",
    "autograd.variable": "autograd",
    "autograd.grad_mode": "autograd",
    "autograd.anomaly_mode": "autograd.anomaly",
    "autograd.gradcheck": "testing.gradients.gradcheck",
    "autograd.profiler": "compat.profiler",
    "accelerator": "compat.cuda",
    "amp": "compat.amp",
    "amp.autocast_mode": "compat.amp",
    "amp.grad_scaler": "compat.amp",
    "cuda": "compat.cuda",
    "cuda.amp": "compat.amp",
    "cuda.amp.grad_scaler": "compat.amp",
    "cuda.amp.autocast_mode": "compat.amp",
    "backends": "compat.backends",
    **{f"backends.{name}": "compat.backends" for name in BACKENDS.split()},
    "mps": "compat.cuda",
    "xpu": "compat.cuda",
    "compiler": "compat.compiler",
    "_dynamo": "compat.compiler",
    "distributed.distributed_c10d": "distributed distributed.group",
    "func": "compat.func",
    "functional": "",
    "hub": "compat.hub",
    "multiprocessing": "compat.multiprocessing",
    "onnx": "compat.onnx",
    "profiler": "compat.profiler",
    "random": "ops.random",
    "serialization": "compat.serialization serialize",
    "sparse": "compat.sparse",
    "storage": "compat.private",
    "types": "compat.private",
    "version": "compat.version",
    "return_types": "compat.private",
    "_six": "compat.private",
    "_jit_internal": "compat.private",
    "_vmap_internals": "compat.func",
    "_tensor": "",
    "_utils": "compat.private",
    "overrides": "compat.private",
}  # fmt: skip


MISSING = object()


class Path(ModuleType):
    """A module at one of PyTorch's paths: its names are those of the modules listed in PATHS."""

    def __init__(self, name: str, homes: list[str]) -> None:
        super().__init__(name, f"PyTorch's path for names of {' and '.join(homes)}.")
        self._homes = homes

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            return [public for public in dir(self) if not public.startswith("_")]
        if name.startswith("__"):
            raise AttributeError(name)
        for home in self._homes:
            value = getattr(importlib.import_module(home), name, MISSING)
            if value is not MISSING:
                return value
        own = self.__name__.partition(".")[2]
        if f"{own}.{name}" in PATHS:
            return importlib.import_module(f"{self.__name__}.{name}")

        def hint() -> str:
            from tinygrad_mnist.missing import instead

            return instead(own, name, dir(self))

        raise no_attribute(f"module {self.__name__!r} has no attribute {name!r}", name, hint)

    def __dir__(self) -> list[str]:
        return sorted({name for home in self._homes for name in dir(importlib.import_module(home))})

    def __call__(self, *args: Any, **kw: Any) -> Any:
        """Call the function of the same name: `autograd.gradcheck` is a module and a function."""
        name = self.__name__.rpartition(".")[2]
        function = getattr(self, name)
        if isinstance(function, Path):
            raise TypeError(f"{self.__name__} is a module; there is no function {name!r} here")
        return function(*args, **kw)


class Loader:
    """The loader that makes a Path."""

    @staticmethod
    def create_module(spec: ModuleSpec) -> ModuleType:
        """Return a Path over the modules that PATHS names."""
        homes = PATHS[spec.name.partition(".")[2]].split() or [""]
        return Path(spec.name, [f"{PACKAGE}.{home}".rstrip(".") for home in homes])

    @staticmethod
    def exec_module(module: ModuleType) -> None:
        """Do nothing: a Path has no code to run."""


def find(name: str) -> ModuleSpec | None:
    """Return the spec of a path of PATHS, None for any other name.

    Raises ModuleNotFoundError for a module of PyTorch's for which missing.py has an answer.
    """
    own = name.partition(".")[2]
    if own in PATHS:
        return ModuleSpec(name, Loader, is_package=True)  # type: ignore[arg-type]
    if not own.startswith("compat"):
        _refuse(name, own)
    return None


def _refuse(name: str, own: str) -> None:
    """Raise ModuleNotFoundError with the substitute, if missing.py has one."""
    parent, _, last = own.rpartition(".")
    if sys.modules.get(f"{PACKAGE}.{own}") is None and not own.startswith("_"):
        from tinygrad_mnist import missing

        reason = missing.INSTEAD.get(parent or "torch", {}).get(last)
        if reason is not None:
            raise ModuleNotFoundError(f"No module named {name!r}; {reason}", name=name)
