"""Write the end of docs/differences-from-pytorch.md: PyTorch's public names that are not here.

python scripts/write_differences.py

What stands before the mark in that file is written by hand, and stays. A name is public if the
namespace's `__all__` lists it, or, without one, if it does not begin with an underscore and is
defined by PyTorch. Reasons are those of `tinygrad_mnist/missing.py`; a name without one is listed
as not written. With `-` the page is printed.
"""

import importlib
import inspect
import sys
import types
from collections import defaultdict
from pathlib import Path
from typing import Any

from tinygrad_mnist import missing

PATH = Path(__file__).parents[1] / "docs" / "differences-from-pytorch.md"
NAMESPACES = (
    "torch", "Tensor", "nn", "nn.functional", "nn.init", "nn.utils", "optim", "optim.lr_scheduler",
    "utils.data", "autograd", "linalg", "distributions",
)  # fmt: skip
# The classes on torch's first page that programs use
TYPES = {
    "Tensor", "Size", "Generator", "device", "dtype", "finfo", "iinfo", "layout", "memory_format",
    "no_grad", "enable_grad", "inference_mode", "autocast", "GradScaler",
}  # fmt: skip
NOT_WRITTEN = "not written yet"
MARK = "<!-- From here on written by scripts/write_differences.py -->\n"
HEADER = """
## Names that are not here

Compared with PyTorch {version}: for each namespace how many of its public names are here, and for
those that are not, why, and what to write instead. An AttributeError has the same sentence.
PyTorch's own machinery is what programs do not call; nothing has to be written in its place.

| namespace | public names | here |
|---|---|---|
"""


def page_of(library: str, namespace: str) -> Any:
    """Return the module, or the class Tensor, of a namespace."""
    if namespace == "Tensor":
        return importlib.import_module(library).Tensor
    dotted = library if namespace == "torch" else f"{library}.{namespace}"
    return importlib.import_module(dotted)


def public(namespace: str) -> list[str]:
    """Return PyTorch's public names."""
    here = page_of("torch", namespace)
    listed = getattr(here, "__all__", None)
    if namespace in ("torch", "Tensor", "nn", "nn.functional", "optim.lr_scheduler") or not listed:
        listed = dir(here)
    return sorted(
        n for n in set(listed) if not n.startswith("_") and own(getattr(here, n, None), n)
    )


def own(value: Any, name: str) -> bool:
    """Tell whether a name is PyTorch's own, not one that a module has imported."""
    if isinstance(value, types.ModuleType):
        return value.__name__.startswith("torch.")
    home = getattr(value, "__module__", None) or ""
    if isinstance(value, type) and home in ("torch._C", "torch") and name not in TYPES:
        return False  # a type of PyTorch's own machinery
    typing = home in ("typing", "typing_extensions", "functools", "collections.abc", "weakref")
    return not (typing or name in {"TYPE_CHECKING", "inf", "torch"})


def absent(namespace: str) -> list[str]:
    """Return the public names that are not here."""
    here = page_of("tinygrad_mnist", namespace)
    return [name for name in public(namespace) if inspect.getattr_static(here, name, None) is None
            and not hasattr(here, name)]  # fmt: skip


def reasons(namespace: str) -> dict[str, list[str]]:
    """Return the names that are not here, by reason."""
    instead = missing.INSTEAD.get(namespace, {})
    names: dict[str, list[str]] = defaultdict(list)
    for name in absent(namespace):
        reason = instead.get(name) or missing.of_family(name)
        names[reason or NOT_WRITTEN].append(name)
    return names


def text() -> str:
    """Return the whole page."""
    import torch

    version = torch.__version__.partition("+")[0]
    rows, sections = [], []
    for namespace in NAMESPACES:
        total, by_reason = len(public(namespace)), reasons(namespace)
        count = total - sum(map(len, by_reason.values()))
        title = namespace if namespace == "torch" else f"torch.{namespace}"
        rows.append(f"| `{title}` | {total} | {count} |")
        if by_reason:
            lines = [
                f"- {', '.join(f'`{name}`' for name in names)}: {reason}."
                for reason, names in sorted(by_reason.items(), key=lambda item: item[1][0].lower())
            ]
            sections.append(f"### {title}\n\n" + "\n".join(lines))
    by_hand = PATH.read_text("utf-8").partition(MARK)[0] + MARK
    table = HEADER.format(version=version) + "\n".join(rows)
    return by_hand + table + "\n\n" + "\n\n".join(sections) + "\n"


if __name__ == "__main__":
    if sys.argv[1:] == ["-"]:
        print(text(), end="")
    else:
        PATH.write_text(text(), "utf-8")
