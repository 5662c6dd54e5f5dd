"""`import tinygrad_mnist.compat.torch`: from then on `import torch` is this library.

For programs that cannot be edited: `torch` and its paths are the modules of `tinygrad_mnist`, and
`torchvision` is the little of it that MNIST programs need, `compat/vision/`. It has to come before
the first `import torch`. `python -m tinygrad_mnist.run program.py` does this for a script.
"""

from __future__ import annotations

import importlib
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from tinygrad_mnist import __version__
from tinygrad_mnist.paths import Path

LIKE = "2.13.0"  # the version reported to programs: `tests/conformance` compares with it
NAMES = {"torch": "tinygrad_mnist", "torchvision": "tinygrad_mnist.compat.vision"}


class Torch(Path):
    """The package under the name `torch`, with PyTorch's version as its own."""

    def __init__(self) -> None:
        super().__init__("torch", ["tinygrad_mnist"])
        self.__version__ = f"{LIKE}+tinygrad.mnist.{__version__}"


class Alias:
    """Finds `torch.x` where `tinygrad_mnist.x` is; asked before all others."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Return how to load the module, None for any other name."""
        if name.partition(".")[0] in NAMES:
            return ModuleSpec(name, Alias, is_package=True)  # type: ignore[arg-type]
        return None

    @staticmethod
    def create_module(spec: ModuleSpec) -> ModuleType:
        """Return the module itself, under its other name."""
        top, dot, rest = spec.name.partition(".")
        if spec.name == "torch":
            return Torch()
        try:
            module = importlib.import_module(NAMES[top] + dot + rest)
        except ModuleNotFoundError as error:
            if error.name == NAMES[top] + dot + rest:
                text = str(error).replace(f"{error.name!r}", f"{spec.name!r}")
                raise ModuleNotFoundError(text, name=spec.name) from None
            raise
        spec.loader_state = module.__spec__
        return module

    @staticmethod
    def exec_module(module: ModuleType) -> None:
        """Give the module its own spec back: it has run already."""
        given = module.__spec__
        if given is not None and isinstance(given.loader_state, ModuleSpec):
            module.__spec__ = given.loader_state


def install() -> None:
    """Install the library as `torch`. Raises RuntimeError if PyTorch itself was imported before."""
    known = sys.modules.get("torch")
    if known is not None and not isinstance(known, Torch):
        raise RuntimeError("PyTorch is imported already: import tinygrad_mnist.compat.torch first")
    if Alias not in sys.meta_path:
        sys.meta_path.insert(0, Alias)


install()
