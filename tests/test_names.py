"""Lists of names: each `__all__` is packed, not one name per line, and true."""

import ast
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "tinygrad_mnist"
LISTS = [
    path
    for path in sorted(ROOT.rglob("*.py"))
    if re.search(r"^__all__ = \[", path.read_text("utf-8"), re.MULTILINE)
]


def packed(names: list[str]) -> str:
    """The list as one line, or as lines that hold as many names as they have room for."""
    words = [f'"{name}"' for name in names]
    line = f"__all__ = [{', '.join(words)}]"
    if len(line) <= 100:
        return line
    lines = [""]
    for word in words:
        if len(lines[-1]) + len(word) + 5 > 100:
            lines.append("")
        lines[-1] += f" {word},"
    return "\n".join(["__all__ = [", *(f"   {line}" for line in lines), "]  # fmt: skip"])


@pytest.mark.parametrize("path", LISTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_list_of_names_is_packed_and_true(path: Path) -> None:
    source = path.read_text("utf-8")
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            text = ast.get_source_segment(source, node)
            names = ast.literal_eval(node.value)
    lines, fewest = text.splitlines(), packed(names).splitlines()
    assert len(lines) <= len(fewest) + (len(fewest) > 1), f"write it as\n{packed(names)}"
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    module = importlib.import_module(".".join(parts).removesuffix(".__init__"))
    assert [name for name in names if not hasattr(module, name)] == []
    assert len(set(names)) == len(names)


def boxes(sources: dict[str, str]) -> list[str]:
    """The module-level lists of one element in whose place somebody puts another."""
    made, changed = set(), set()
    for source in sources.values():
        is_stored = re.search(r"\[0\] \S?=", source)
        if not is_stored and not re.search(r"^\w+(: .*)? = \[", source, re.MULTILINE):
            continue
        tree = ast.parse(source)
        for node in tree.body:
            if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.List):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                if len(node.value.elts) == 1:
                    made |= {target.id for target in targets if isinstance(target, ast.Name)}
        for node in ast.walk(tree) if is_stored else ():
            stored = isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store)
            if stored and ast.unparse(node.slice) == "0":
                changed.add(ast.unparse(node.value).rpartition(".")[2])
    return sorted(made & changed)


def test_no_list_of_one_element_stands_in_for_a_variable() -> None:
    """An attribute of a module costs the same, and a grep finds who sets it."""
    assert boxes({str(path): path.read_text("utf-8") for path in ROOT.rglob("*.py")}) == []
    assert boxes({"a": "LAST: list[int] = [0]", "b": "a.LAST[0] += 1"}) == ["LAST"]
    assert boxes({"a": "LAST = [0]\nmoment = LAST[0] = 3"}) == ["LAST"]


def test_a_list_is_packed_to_the_line_length() -> None:
    assert packed(["a", "b"]) == '__all__ = ["a", "b"]'
    names = [f"name_{i:02}" for i in range(12)]
    first, second = packed(names).splitlines()[1:3]
    assert len(first) == 91 and first.endswith('"name_07",') and second.startswith('    "name_08"')
