"""No module of the package has a reader that could run what it reads; only the guard reads."""

import ast
import re
from pathlib import Path

import pytest

import tinygrad_mnist

ROOT = Path(tinygrad_mnist.__file__).parent
# run.py runs the program that the command names, and reads nothing
MODULES = sorted({*ROOT.rglob("*.py")} - {ROOT / "run.py"})
READERS = {"Unpickler", "_Unpickler", "find_class", "persistent_load"}
UNSAFE_MODULES = {"marshal", "shelve", "dill", "cloudpickle", "joblib", "runpy", "code"}
OTHERS = {"pickle", "_pickle", "eval", "exec", "allow_pickle", "weights_only", "torch"}
NAMED = re.compile(rf"\b({'|'.join(READERS | UNSAFE_MODULES | OTHERS)})\b")


def unsafe(source):
    """What stands in the source that could read a hostile file without the guard."""
    if not NAMED.search(source):
        return  # every case below has one of these names: most files need no parsing
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(value=ast.Name(id="pickle"), attr="load" | "loads" as name):
                yield f"pickle.{name}"
            case ast.ImportFrom(module="pickle" | "_pickle"):
                yield "from pickle import"
            case ast.Name(id="eval" | "exec" as name):  # model.eval() is another thing
                yield name
            case ast.Name(id=name) | ast.Attribute(attr=name) if name in READERS:
                yield name
            case ast.Import(names=names):
                yield from (a.name for a in names if a.name.split(".")[0] in UNSAFE_MODULES)
            case ast.ImportFrom(module=str(name)) if name.split(".")[0] in UNSAFE_MODULES:
                yield name
            case ast.keyword(arg="allow_pickle", value=ast.Constant(value=False)):
                pass
            case ast.keyword(arg="allow_pickle"):
                yield "allow_pickle"
            case ast.keyword(arg="weights_only", value=ast.Constant(value=True)):
                pass
            case ast.keyword(arg="weights_only"):
                yield "weights_only"
            case ast.Call(func=ast.Attribute(value=ast.Name(id="torch"), attr="load")) if not any(
                keyword.arg == "weights_only" for keyword in node.keywords
            ):
                yield "torch.load"


def test_there_is_no_other_reader():
    found = {str(path): list(unsafe(path.read_text("utf-8"))) for path in MODULES}
    assert len(found) > 400
    assert {path: readers for path, readers in found.items() if readers} == {}


@pytest.mark.parametrize(
    "source",
    [
        "pickle.load(f)",
        "pickle.loads(b)",
        "from pickle import loads",
        "class U(pickle.Unpickler): pass",
        "np.load(p, allow_pickle=True)",
        "np.load(p, allow_pickle=flag)",
        "torch.load(p)",
        "torch.load(p, weights_only=False)",
        "import marshal",
        "eval('1')",
    ],
)
def test_this_test_sees_one(source):
    assert len(list(unsafe(source))) == 1
