"""`import tinygrad_mnist`: every family's names, the lazy folders, and little else."""

import subprocess
import sys

import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import ops
from tinygrad_mnist.ops.linalg import older


@pytest.mark.parametrize("family", ops.FAMILIES, ids=lambda f: f.__name__.rpartition(".")[2])
def test_every_name_of_a_family_is_public_and_says_what_it_is(family) -> None:
    for name in family.__all__:
        assert getattr(tg, name) is getattr(family, name)
        assert getattr(tg, name).__doc__, name
        assert getattr(tg, name).__name__ in family.__all__, name
    for name in family.METHODS:
        assert hasattr(tg.Tensor, name)


@pytest.mark.parametrize("page", [tg.linalg, tg.special, tg.fft, older], ids=lambda p: p.__name__)
def test_every_name_of_a_lazy_page_says_what_it_is(page) -> None:
    for name in page.__all__:
        function = getattr(page, name)
        assert function.__doc__ and function.__name__.isidentifier(), name


def test_folders_are_imported_when_asked_for() -> None:
    program = (
        "import sys, tinygrad_mnist as tg; "
        "assert not {'tinygrad_mnist.nn', 'tinygrad_mnist.data'} & set(sys.modules); "
        "assert 'Sequential' in dir(tg.nn) and 'nn' in dir(tg) and tg.save and tg.load; "
        "assert 'np' not in dir(tg) and 'builtins' not in dir(tg)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_only_numpy_is_imported() -> None:
    program = (
        "import sys, numpy; before = set(sys.modules); import tinygrad_mnist; "
        "new = {m.partition('.')[0] for m in set(sys.modules) - before}; "
        "print(sorted(new - set(sys.stdlib_module_names)))"
    )
    out = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert out.stdout.strip() == "['tinygrad_mnist']"
