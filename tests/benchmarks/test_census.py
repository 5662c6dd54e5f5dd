"""The census: each kind of mistake is called by its name, and the call that shows it is small."""

import importlib.util
from typing import Any

import numpy as np
import pytest

from benchmarks import gradcheck_beside
from benchmarks.census.__main__ import main
from benchmarks.census.judge import DTYPE, INFINITE, NONE, RAISES, WRONG, judge, smallest
from benchmarks.census.namespaces import takes
from benchmarks.census.points import CALLS, Call, general
from tinygrad_mnist.autograd import op
from tinygrad_mnist.ops import table

OURS = "tinygrad_mnist"
X = np.array([0.0, 0.5, 2.0])


def needs(name: str) -> Any:
    return pytest.mark.skipif(importlib.util.find_spec(name) is None, reason=f"{name} is missing")


def raising(g: Any) -> Any:
    raise IndexError("a mistake")


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (table.exp, ""),
        (table.relu, ""),  # a kink: the library's convention
        (op(np.sin, x=lambda g, x: g * table.sin(x)), WRONG),
        (op(np.sin, x=lambda g, x: g * table.cos(x) * x / x), INFINITE),
        (op(np.sin, x=raising), RAISES),
        (lambda x: x.detach() * 2, NONE),
    ],
)
def test_a_verdict_names_the_kind_of_fault(function: Any, kind: str) -> None:
    verdict = judge(OURS, function, Call((X,)))
    assert verdict is not None and verdict.kind == kind


def test_a_call_that_the_function_refuses_has_no_verdict() -> None:
    assert judge(OURS, table.matmul, Call((X, np.ones((2, 2))))) is None
    assert judge(OURS, table.argmax, Call((X,))) is None


def test_singular_values_that_coincide_have_no_derivative() -> None:
    """Of numbers that add up along the axes and yet bend: neither library nor checker is wrong."""

    def two_norm(x: Any) -> Any:
        return x.square().sum().sqrt() - x.abs().max()

    verdict = judge(OURS, two_norm, Call((np.zeros(2),)))
    assert verdict is None or verdict.kind == ""


def test_the_call_that_is_shown_is_small() -> None:
    wrong_at_two = op(lambda x: x * 1.0, x=lambda g, x: g + g * table.eq(x, 2.0))
    small = smallest(OURS, wrong_at_two, Call((np.array([[0.3, 2.0], [1.7, 0.9]]),)), WRONG)
    assert small.args[0].tolist() == [[2.0]]


def test_settings_are_no_arrays() -> None:
    assert not takes(lambda x, axis: x)(Call((X, X)))
    assert not takes(lambda x, flag=True: x)(Call((X, X)))
    assert takes(lambda x, y: x)(Call((X, X))) and takes(lambda *xs: xs)(Call((X, X, X)))
    assert takes(np.add)(Call((X, X))) and not takes(np.exp)(Call((X, X)))


def test_points_are_awkward() -> None:
    arrays = [x for call in general() for x in call.args]
    assert any(x.size == 0 for x in arrays) and any(x.ndim == 0 for x in arrays)
    assert any((x == 0).any() for x in arrays)
    assert {"norm", "take", "power", "einsum", "pad"} <= set(CALLS)


def test_our_sampled_functions_have_no_fault(capsys: Any) -> None:
    main(["--library", "ours", "--only", "F.softplus,tinygrad_mnist.prod"])
    lines = capsys.readouterr().out.splitlines()
    (row,) = [line for line in lines if line.startswith("| ours")]
    cells = [cell.strip() for cell in row.split("|")[1:-1]]
    assert cells[1] == "2" and cells[4:10] == ["0"] * 6


@needs("autograd")
@pytest.mark.filterwarnings("ignore")
def test_the_known_faults_of_autograd_are_found(capsys: Any, tmp_path: Any) -> None:
    main(["--library", "autograd", "--only", "prod,diag,log2", "--out", str(tmp_path)])
    printed = capsys.readouterr().out
    assert "### autograd: not finite" in printed and "`autograd.numpy.prod([0.])`" in printed
    assert "### autograd: wrong shape" in printed and "autograd.numpy.diag([[0., 0.]])" in printed
    assert f"### autograd: {DTYPE}" in printed
    assert (tmp_path / "autograd.md").read_text().splitlines()[2] in printed


@needs("autograd")
@pytest.mark.filterwarnings("ignore")
def test_the_checkers_are_compared_on_the_same_calls(capsys: Any) -> None:
    gradcheck_beside.main(["autograd", "--calls", "3"])
    printed = capsys.readouterr().out
    assert "autograd.test_util.check_grads" in printed and "a factor of 1.001 is caught" in printed
