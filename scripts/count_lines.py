"""Print the tables of docs/layout.md: lines a folder, and primitives and lines a family of ops."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1] / "tinygrad_mnist"


def lines(path: Path) -> tuple[int, int]:
    """All lines, and those with code or a docstring on them."""
    text = path.read_text(encoding="utf-8").splitlines()
    return len(text), sum(bool(line.strip()) and not line.lstrip().startswith("#") for line in text)


def total(paths: list[Path]) -> tuple[int, int]:
    """The sums of `lines` over files."""
    counts = [lines(path) for path in paths]
    return sum(a for a, _ in counts), sum(b for _, b in counts)


def sections() -> list[tuple[str, int, int]]:
    """The derivative table by its headings: title, primitives, lines."""
    table = (ROOT / "ops" / "table.py").read_text(encoding="utf-8")
    body = table.split("# Arithmetic", 1)[1].split("# Short words", 1)[0]
    found = []
    for part in re.split(r"^# ", "Arithmetic" + body, flags=re.MULTILINE):
        title, _, rows = part.partition("\n")
        code = [line for line in rows.splitlines() if line.strip() and not line.startswith("#")]
        found.append(
            (title.split(",")[0].split(";")[0].split(":")[0], rows.count("op("), len(code))
        )
    return found


def main() -> None:
    """Print both tables as Markdown."""
    print("| folder | lines | without blanks and comments |\n|---|---|---|")
    for folder in sorted(p.parent for p in ROOT.glob("*/__init__.py")):
        every, code = total(sorted(folder.rglob("*.py")))
        print(f"| `{folder.name}/` | {every:,} | {code:,} |")
    rows = sections()
    print("\n| rows of the table | primitives | lines |\n|---|---|---|")
    for title, count, length in rows:
        print(f"| {title} | {count} | {length} |")
    print(f"| all | {sum(r[1] for r in rows)} | {sum(r[2] for r in rows)} |")
    print("\n| family | lines |\n|---|---|")
    for path in sorted((ROOT / "ops").glob("*.py")):
        if path.stem not in ("__init__", "table"):
            print(f"| `ops/{path.name}` | {lines(path)[0]} |")


if __name__ == "__main__":
    main()
