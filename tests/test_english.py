"""Words: the rules of CONTRIBUTING.md on names and English, as far as a machine can hold them.

Read from the syntax tree, in the folders of CLEAN; the rules of English also in those of PROSE. A
folder is added when it has been read aloud.
"""

import ast
import io
import re
import tokenize
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from tinygrad_mnist.cli.main import COMMANDS

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "tinygrad_mnist"
CLEAN = [
    "tinygrad_mnist/autograd", "tinygrad_mnist/cli", "tinygrad_mnist/data", "tinygrad_mnist/jit",
    "tinygrad_mnist/kernels", "tinygrad_mnist/models", "tinygrad_mnist/ops",
    "tinygrad_mnist/optim", "tinygrad_mnist/serialize", "tinygrad_mnist/testing",
    "tinygrad_mnist/train", "tinygrad_mnist/utils", "benchmarks", "scripts",
    "tinygrad_mnist/compat", "tinygrad_mnist/distributions", "tinygrad_mnist/nn",
    "tinygrad_mnist/report", "tinygrad_mnist/*.py",
    "tests/autograd", "tests/benchmarks", "tests/cli", "tests/compat", "tests/distributions",
    "tests/jit", "tests/kernels", "tests/models", "tests/nn", "tests/ops", "tests/optim",
    "tests/properties", "tests/report", "tests/serialize", "tests/testing", "tests/train",
    "tests/*.py",
]  # fmt: skip
PROSE = [
    *CLEAN, "tinygrad_mnist/distributed",  # the last: not yet its names
]  # fmt: skip

# The left column of the rename table: participles without a noun, and words of many meanings.
WORDS = frozenset({
    "found", "given", "held", "heard", "it", "keepers", "Keepers", "kept", "known", "lifted",
    "place", "places", "quick", "steps_an_epoch", "told",
})  # fmt: skip

# Further words without a noun, which the core has none of.
PRONOUNS = frozenset({"asked", "here", "its", "there", "wanted"})
CORE = ["autograd", "jit", "kernels", "ops", "optim", "testing"]

# Names with an underscore that another module imports, as "importer: name". It may only shrink.
IMPORTED_ALL_THE_SAME: frozenset[str] = frozenset()

# Public functions of one name in two files, besides a kernel and the op that calls it.
EACH_COMMAND = {f"cli/{name}.py" for name in COMMANDS}  # main.py calls these two of each
CONVOLUTIONS = {f"kernels/{name}.py" for name in ("conv", "depthwise", "winograd", "winograd_rows")}
PAIRS = {
    "add_arguments": EACH_COMMAND,
    "run": EACH_COMMAND,
    "main": {"cli/main.py", "run.py"},  # two programs
    "conv": CONVOLUTIONS,
    "conv_input": CONVOLUTIONS,
    "conv_weight": CONVOLUTIONS,
    "one_hot": {"kernels/create.py", "data/transforms.py"},  # of Tensors, and of labels in arrays
    # A function that the table's rules use, a method, and the public function
    "where": {"kernels/choose.py", "ops/compare.py", "ops/__init__.py"},
    "is_contiguous": {"ops/convert.py", "ops/shape.py"},
    "stride": {"ops/convert.py", "ops/shape.py"},
    "narrow": {"ops/shape.py", "ops/table.py"},
    "flip": {"ops/shape.py", "ops/table.py"},
    # A method, and PyTorch's function
    "is_floating_point": {"__init__.py", "ops/convert.py"},
    "normal_": {"nn/init.py", "ops/inplace.py"},
    "numel": {"__init__.py", "ops/convert.py"},
    "uniform_": {"nn/init.py", "ops/inplace.py"},
    "write": {"ops/inplace.py", "serialize/files.py"},  # into memory; into a file
    # PyTorch's two generations of one function
    "spectral_norm": {"nn/utils/norm_hooks.py", "nn/utils/parametrizations.py"},
    "weight_norm": {"nn/utils/norm_hooks.py", "nn/utils/parametrizations.py"},
}

PER = re.compile(
    r"\b(?:steps?|lines?|rows?|columns?|files?|threads?|workers?|bytes?|seconds?|modes?|arrays?"
    r"|bars?|ops|weights?|once) an? (?:step|batch|epoch|line|row|column|file|thread|core|element"
    r"|kind|graph|configuration|pass|call|pixel|name|format|section|layer|op|family|round)\b"
)
HEAR = re.compile(r"\b(?:hears?|heard)\b")
BEGINS = re.compile(r"""["'] ?(?:What|Whether)\b""")
STRING_OR_COMMENT = re.compile(
    r"""(\"{3}|'{3})[\s\S]*?\1|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|#.*"""
)


def sources(folders: Sequence[str] = CLEAN) -> dict[str, str]:
    """The text of each module in the folders, or of a pattern like "folder/*.py", by its path."""
    patterns = [folder if folder.endswith(".py") else f"{folder}/**/*.py" for folder in folders]
    paths = [path for pattern in patterns for path in sorted(ROOT.glob(pattern))]
    return {str(path.relative_to(ROOT)): path.read_text("utf-8") for path in paths}


class Words(NamedTuple):
    """The docstrings and names of a module, each with its line."""

    docstrings: list[tuple[int, str]]
    """Also the strings under attributes."""
    names: list[tuple[int, str]]
    """Of variables, parameters, attributes, functions and classes, where they are bound."""
    imports: list[ast.Import | ast.ImportFrom]
    attributes: list[tuple[str, str]]
    """Attributes with an underscore, each with the name of the thing that has it."""
    functions: list[str]
    """Those of the module itself."""
    exported: set[str]
    """The names in `__all__`."""


@cache
def words_of(source: str) -> Words:
    """Read a module once for all rules."""
    tree = ast.parse(source)
    functions = [node.name for node in tree.body if type(node) is ast.FunctionDef]
    words = Words([], [], [], [], functions, {name for node in tree.body for name in listed(node)})
    nodes: list[ast.AST] = [tree]
    while nodes:  # ast.walk takes three times as long
        node = nodes.pop()
        kind = type(node)
        if kind is ast.Constant:
            continue
        if kind is ast.Name:
            if type(node.ctx) is ast.Store:
                words.names.append((node.lineno, node.id))
            continue
        if kind is ast.Attribute:
            if type(node.ctx) is ast.Store:
                words.names.append((node.lineno, node.attr))
            if node.attr[0] == "_" and type(node.value) is ast.Name:
                words.attributes.append((node.value.id, node.attr))
            nodes.append(node.value)
            continue
        if kind is ast.arg:
            words.names.append((node.lineno, node.arg))
        elif kind is ast.FunctionDef or kind is ast.ClassDef:
            words.names.append((node.lineno, node.name))
        elif kind is ast.Import or kind is ast.ImportFrom:
            words.imports.append(node)
        elif kind is ast.Expr and type(node.value) is ast.Constant:
            if isinstance(node.value.value, str):
                words.docstrings.append((node.lineno, node.value.value))
            continue
        for field in kind._fields:
            child = getattr(node, field)
            if type(child) is list:
                nodes += [each for each in child if isinstance(each, ast.AST)]
            elif isinstance(child, ast.AST):
                nodes.append(child)
    return words


def listed(node: ast.stmt) -> Iterator[str]:
    """Yield the names in a list `__all__`."""
    if isinstance(node, ast.Assign) and [ast.unparse(t) for t in node.targets] == ["__all__"]:
        yield from (e.value for e in ast.walk(node.value) if isinstance(e, ast.Constant))


def comments(source: str) -> Iterator[tuple[int, str]]:
    """Yield (line, text) of each comment."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def wrong_sentences(source: str) -> list[str]:
    """The docstrings and comments that break a rule of English."""
    prose = " ".join(source.split())
    if not any(rule.search(prose) for rule in (PER, HEAR, BEGINS)):
        return []  # to read a module word by word takes longer
    faults, docstrings = [], words_of(source).docstrings
    for line, text in docstrings:
        first = text.split(maxsplit=1)[0] if text.strip() else ""
        if first in ("What", "Whether"):
            faults.append(f'{line}: a docstring begins with "{first}"')
    for line, text in sorted([*docstrings, *comments(source)]):
        prose = " ".join(text.split())
        faults += [f'{line}: "per" instead of "a": {hit[0]}' for hit in PER.finditer(prose)]
        faults += [f"{line}: programs do not hear: {hit[0]}" for hit in HEAR.finditer(prose)]
    return faults


def wrong_names(source: str, words: frozenset[str] = WORDS) -> list[str]:
    """The variables, parameters, attributes, functions and classes with one of `words` as name."""
    if words.isdisjoint(words_in_code(source)):
        return []  # as above
    return [f"{line}: {name}" for line, name in words_of(source).names if name in words]


@cache
def words_in_code(source: str) -> frozenset[str]:
    """All words outside of strings and comments."""
    return frozenset(re.findall(r"\w+", STRING_OR_COMMENT.sub(" ", source)))


def is_module(module: str, name: str) -> bool:
    """Tell whether a name from a module of the package is a module itself, as far as it shows."""
    path = ROOT.joinpath(*module.split("."), name)
    return name.islower() or path.is_dir() or path.with_suffix(".py").is_file()


def private_imports(source: str) -> list[str]:
    """The names with one underscore that a module takes from another of the package."""
    if not re.search(r"\b_[a-zA-Z]", source):
        return []
    words, modules, names = words_of(source), set(), []
    for node in words.imports:
        if isinstance(node, ast.Import):
            aliases = [alias for alias in node.names if alias.name.startswith("tinygrad_mnist")]
            modules |= {alias.asname for alias in aliases if alias.asname}
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tinygrad_mnist"):
            names += [alias.name for alias in node.names]
            modules |= {
                alias.asname or alias.name
                for alias in node.names
                if is_module(node.module or "", alias.name)
            }
    names += [attribute for name, attribute in words.attributes if name in modules]
    return sorted(name for name in set(names) if re.match(r"_(?!_)", name))


def shared_names(modules: Mapping[str, str]) -> dict[str, set[str]]:
    """The public module-level functions that two files define, but for declared pairs.

    Functions that a file of `ops/` lists in `__all__` have PyTorch's names, and so have those of
    `compat/`; PyTorch has some names in several modules: `norm` and `linalg.norm`.
    """
    files = defaultdict(set)
    for path, source in modules.items():
        if path.startswith("tinygrad_mnist/compat/"):
            continue
        words = words_of(source)
        pytorchs = words.exported if path.startswith("tinygrad_mnist/ops/") else set()
        for name in words.functions:
            if not name.startswith("_") and name not in pytorchs:
                files[name].add(path.removeprefix("tinygrad_mnist/"))
    return {
        name: paths
        for name, paths in files.items()
        if len(paths) > 1
        and paths != PAIRS.get(name)
        and sorted(path.partition("/")[0] for path in paths) != ["kernels", "ops"]
    }


@pytest.mark.parametrize("folder", PROSE)
def test_the_rules_of_english(folder: str) -> None:
    clean = sources([folder])
    assert clean
    faults = [f"{path}:{fault}" for path, text in clean.items() for fault in wrong_sentences(text)]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("folder", CLEAN)
def test_no_word_of_the_left_column_comes_back(folder: str) -> None:
    clean = sources([folder])
    faults = [f"{path}:{fault}" for path, text in clean.items() for fault in wrong_names(text)]
    assert not faults, "name the thing:\n" + "\n".join(faults)


@pytest.mark.parametrize("folder", CORE)
def test_no_pronoun_is_a_name(folder: str) -> None:
    core = sources([f"tinygrad_mnist/{folder}"])
    faults = [f"{p}:{fault}" for p, text in core.items() for fault in wrong_names(text, PRONOUNS)]
    assert core
    assert not faults, "name the thing:\n" + "\n".join(faults)


def test_a_name_with_an_underscore_stays_in_its_module() -> None:
    package = sources(["tinygrad_mnist"])
    names = {f"{p}: {name}" for p, text in package.items() for name in private_imports(text)}
    assert names == IMPORTED_ALL_THE_SAME


def test_no_two_functions_of_one_name() -> None:
    package = {p: text for p, text in sources().items() if p.startswith("tinygrad_mnist/")}
    assert shared_names(package) == {}


def test_each_pair_is_needed() -> None:
    for name, paths in PAIRS.items():
        for path in paths:
            assert re.search(rf"^def {name}\(", (PACKAGE / path).read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ('"""What a module does."""', '1: a docstring begins with "What"'),
        ('def f():\n    """Whether it is so."""', '2: a docstring begins with "Whether"'),
        ('class A:\n    x = 1\n    """What x is."""', '3: a docstring begins with "What"'),
        ("x = 1  # one step a batch", '1: "per" instead of "a": step a batch'),
        ('"""Ten lines an\n\nop."""', '1: "per" instead of "a": lines an op'),
        ("# a tape hears of it", "1: programs do not hear: hears"),
    ],
)
def test_a_planted_sentence_is_found(source: str, fault: str) -> None:
    assert wrong_sentences(source) == [fault]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("found = 1", "found"),
        ("def f(given): ...", "given"),
        ("def f(*, held): ...", "held"),
        ("for place in x: ...", "place"),
        ("self.known = 1", "known"),
        ("if (it := f()): ...", "it"),
        ("class Keepers: ...", "Keepers"),
        ("def heard(): ...", "heard"),
        ("y = [kept for kept in x]", "kept"),
    ],
)
def test_a_planted_name_is_found(source: str, name: str) -> None:
    assert wrong_names(source) == [f"1: {name}"]


@pytest.mark.parametrize(
    "source",
    ["from hypothesis import given", "x = known", "def f():\n    '''Tell what it is.'''", "a.it()"],
)
def test_allowed_names_and_sentences_pass(source: str) -> None:
    assert wrong_names(source) == wrong_sentences(source) == []


def test_a_planted_import_is_found() -> None:
    assert private_imports("from tinygrad_mnist.a import _b") == ["_b"]
    assert private_imports("from tinygrad_mnist import a\nx = a._b") == ["_b"]
    assert private_imports("from tinygrad_mnist.a import b as c\nx = c._d") == ["_d"]
    assert private_imports("import tinygrad_mnist.a as A\nx = A._b") == ["_b"]
    assert private_imports("from tinygrad_mnist.nn import functional as F\nx = F._b") == ["_b"]
    assert private_imports("from _thread import _local\nfrom tinygrad_mnist.a import b") == []
    assert private_imports("from tinygrad_mnist.a import Tensor\nx = Tensor._data") == []


def test_a_planted_pair_is_found() -> None:
    one = "def f(): ..."
    assert shared_names({"a/x.py": one, "b/y.py": one}) == {"f": {"a/x.py", "b/y.py"}}
    assert shared_names({"kernels/x.py": one, "ops/y.py": one}) == {}
    assert shared_names({"kernels/x.py": one, "kernels/y.py": one}).keys() == {"f"}
    assert shared_names({"a/x.py": "def _f(): ...", "b/y.py": "def _f(): ..."}) == {}
    public = {"tinygrad_mnist/ops/x.py": f"__all__ = ['f']\n{one}", "tinygrad_mnist/ops/y.py": one}
    assert shared_names(public) == {}
    assert shared_names(dict.fromkeys(("tinygrad_mnist/ops/x.py", "b/y.py"), one)).keys() == {"f"}
