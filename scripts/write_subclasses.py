"""Write tests/nn/subclasses.json: the subclass relations of PyTorch's public classes.

Needs PyTorch; the test that reads the table does not. Run as `python scripts/write_subclasses.py`.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

TABLE = Path(__file__).parent.parent / "tests" / "nn" / "subclasses.json"


def subclasses(page: ModuleType, base: type) -> dict[str, list[str]]:
    """Return the classes of a page that derive from `base`, each with its base classes."""
    classes = {name: getattr(page, name) for name in dir(page) if not name.startswith("_")}
    classes = {k: c for k, c in classes.items() if isinstance(c, type) and issubclass(c, base)}
    return {
        name: [other for other in classes if issubclass(cls, classes[other])]
        for name, cls in classes.items()
    }


def main() -> None:
    """Write the table."""
    import torch

    pages = {
        "nn": subclasses(torch.nn, torch.nn.Module),
        "optim": subclasses(torch.optim, torch.optim.Optimizer),
        "optim.lr_scheduler": subclasses(
            torch.optim.lr_scheduler, torch.optim.lr_scheduler.LRScheduler
        ),
        "utils.data": subclasses(torch.utils.data, torch.utils.data.Dataset)
        | subclasses(torch.utils.data, torch.utils.data.Sampler),
    }
    lines = [
        f"  {json.dumps(page)}: {{\n"
        + ",\n".join(f"    {json.dumps(k)}: {json.dumps(v)}" for k, v in sorted(classes.items()))
        + "\n  }"
        for page, classes in pages.items()
    ]
    TABLE.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")


if __name__ == "__main__":
    main()
