"""Pages of names that are imported when first used (PEP 562).

A folder's first file lists its names once for type checkers, under `if TYPE_CHECKING:`, and once
for Python, in a `page`; a test holds the two together.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

from tinygrad_mnist.hints import no_attribute

# The imports that a page itself needs; these are not names of the folder.
TOOLS = frozenset({"Any", "TYPE_CHECKING", "annotations", "page", "refusing"})


def page(
    folder: str, names: dict[str, str], core: str = ""
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return `__getattr__`, `__dir__` and `__all__` of a folder, from {module: its names}.

    The names under "" are modules themselves; ".other.module" is relative to the parent folder.
    Other modules of the folder are found as well, but not listed. With the first listed name that
    is no module, the modules of `core` are loaded too. An unknown name raises AttributeError that
    suggests the nearest name.

    >>> import tinygrad_mnist.optim
    >>> get, listing, names = page("tinygrad_mnist.optim", {"sgd": "SGD", "": "lr_scheduler"})
    >>> get("SGD"), names
    (<class 'tinygrad_mnist.optim.sgd.SGD'>, ['SGD', 'lr_scheduler'])
    """
    module = sys.modules[folder]
    home = {name: where for where, some in names.items() for name in some.split()}
    waiting = core.split()

    def get(name: str) -> Any:
        where = home.get(name)
        while where and waiting:
            import_module(f".{waiting.pop()}", folder)
        value = getattr(import_module(f".{where}", folder), name) if where else submodule(name)
        setattr(module, name, value)  # the next look-up finds it there
        return value

    def submodule(name: str) -> ModuleType:
        dotted, message = f"{folder}.{name}", f"module {folder!r} has no attribute {name!r}"
        if name.startswith("__"):
            raise AttributeError(message)
        if name.startswith("_foreach_") and "." not in folder:
            return import_module(".compat.foreach", folder).foreach(name)  # type: ignore[no-any-return]
        try:
            return import_module(dotted)
        except ModuleNotFoundError as error:
            if error.name != dotted:  # the module exists, and an import of its own fails
                raise

        def hint() -> str:
            from tinygrad_mnist.missing import instead

            return instead(folder.partition(".")[2], name, listing())

        raise no_attribute(message, name, hint)

    def listing() -> list[str]:
        return sorted(
            {*(name for name, value in vars(module).items() if is_own(name, value)), *home}
        )

    def is_own(name: str, value: Any) -> bool:
        module = isinstance(value, ModuleType)
        foreign = module and (not value.__name__.startswith(folder) or "_homes" in vars(value))
        return not foreign and name not in TOOLS

    return get, listing, list(home)


def refusing(get: Callable[[str], Any], page: str, reasons: dict[str, str]) -> Callable[[str], Any]:
    """Return a page's `__getattr__` that reports, for some names, the reason and the substitute.

    >>> refusing(str, "linalg", {"eig": "has complex results; write linalg.eigh"})("eig")
    Traceback (most recent call last):
    AttributeError: linalg.eig has complex results; write linalg.eigh
    """

    def answer(name: str) -> Any:
        if name in reasons:
            raise AttributeError(f"{page}.{name} {reasons[name]}")
        return get(name)

    return answer


class Finder:
    """The import finder of PyTorch's paths (`paths.py`), which Python tries after all others."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> Any:
        """Return the spec of one of PyTorch's paths in the package, None for any other name."""
        if not name.startswith("tinygrad_mnist."):
            return None
        from tinygrad_mnist.paths import find

        return find(name)


def register_finder() -> None:
    """Add the finder to Python's finders, once."""
    if Finder not in sys.meta_path:
        sys.meta_path.append(Finder)
