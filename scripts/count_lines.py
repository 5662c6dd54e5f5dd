"""Print the tables of docs/layout.md: lines per folder, primitives and lines per family of ops."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1] / "tinygrad_mnist"
FOLDERS = sorted(path.parent for path in ROOT.glob("*/__init__.py"))


def lines(path: Path) -> tuple[int, int]:
    """Count all lines, and those with code or a docstring on them."""
    text = path.read_text(encoding="utf-8").splitlines()
    return len(text), sum(bool(line.strip()) and not line.lstrip().startswith("#") for line in text)


def total(paths: list[Path]) -> tuple[int, int]:
    """Add up `lines` over files."""
    counts = [lines(path) for path in paths]
    return sum(a for a, _ in counts), sum(b for _, b in counts)


def sections() -> list[tuple[str, int, int]]:
    """Count by the headings of two pages of the derivative table: title, primitives, lines."""
    counts = []
    for page, first in (("table.py", "Arithmetic"), ("layers.py", "Recurrent layers")):
        table = (ROOT / "ops" / page).read_text(encoding="utf-8")
        body = table.split(f"# {first}", 1)[1].split("# Short words", 1)[0]
        for part in re.split(r"^# ", first + body, flags=re.MULTILINE):
            title, _, rows = part.partition("\n")
            code = [line for line in rows.splitlines() if line.strip() and not line.startswith("#")]
            primitives = len(re.findall(r"\b(?:op|elementwise)\(", rows))
            counts.append((re.split(r"[,;:]| \(", title)[0], primitives, len(code)))
    return counts


def tables() -> str:
    """Return all tables as Markdown."""
    folders = [(folder.name, *total(sorted(folder.rglob("*.py")))) for folder in FOLDERS]
    rows = sections()
    rows.append(("all", sum(r[1] for r in rows), sum(r[2] for r in rows)))
    families = sorted(p for p in (ROOT / "ops").glob("*.py") if p.stem not in ("__init__", "table"))
    return "\n".join([
        "| folder | lines | without blanks and comments |\n|---|---|---|",
        *(f"| `{name}/` | {every:,} | {code:,} |" for name, every, code in folders),
        "\n| rows of the table | primitives | lines |\n|---|---|---|",
        *(f"| {title} | {count} | {length} |" for title, count, length in rows),
        "\n| family | lines |\n|---|---|",
        *(f"| `ops/{path.name}` | {lines(path)[0]} |" for path in families),
        "",
    ])  # fmt: skip


if __name__ == "__main__":
    print(tables(), end="")
