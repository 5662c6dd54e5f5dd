"""`import tinygrad_mnist.compat.torch`: from then on `import torch` is this library.

For programs that cannot be edited: `torch` and its paths are the modules of `tinygrad_mnist`, and
`torchvision` is the part that MNIST programs need, `compat/vision/`. Import this module before
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

TORCH_VERSION = "2.13.0"  # the version reported to programs: `tests/conformance` compares with it
NAMES = {"torch": "tinygrad_mnist", "torchvision": "tinygrad_mnist.compat.vision"}


class Torch(Path):
    """The package under the name `torch`, with PyTorch's version as its own."""

    def __init__(self) -> None:
        super().__init__("torch", ["tinygrad_mnist"])
        self.__version__ = f"{TORCH_VERSION}+tinygrad.mnist.{__version__}"


class Alias:
    """The import finder of `torch.x` as `tinygrad_mnist.x`; it comes before all others."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Return the spec of an aliased module, None for any other name."""
        if name.partition(".")[0] in NAMES:
            return ModuleSpec(name, Alias, is_package=True)  # type: ignore[arg-type]
        return None

    @staticmethod
    def create_module(spec: ModuleSpec) -> ModuleType:
        """Return the module itself, under its other name."""
        top, dot, submodule = spec.name.partition(".")
        if spec.name == "torch":
            return Torch()
        try:
            module = importlib.import_module(NAMES[top] + dot + submodule)
        except ModuleNotFoundError as error:
            if error.name == NAMES[top] + dot + submodule:
                text = str(error).replace(f"{error.name!r}", f"{spec.name!r}")
                raise ModuleNotFoundError(text, name=spec.name) from None
            raise
        spec.loader_state = module.__spec__
        return module

    @staticmethod
    def exec_module(module: ModuleType) -> None:
        """Restore the module's own spec; the module has run already."""
        spec = module.__spec__
        if spec is not None and isinstance(spec.loader_state, ModuleSpec):
            module.__spec__ = spec.loader_state


def install() -> None:
    """Install the library as `torch`. Raises RuntimeError if PyTorch itself was imported before."""
    imported = sys.modules.get("torch")
    if imported is not None and not isinstance(imported, Torch):
        raise RuntimeError("PyTorch is imported already: import tinygrad_mnist.compat.torch first")
    if Alias not in sys.meta_path:
        sys.meta_path.insert(0, Alias)


install()
