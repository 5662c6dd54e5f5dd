"""given_gradients: a property test in a line; it passes, fails and shrinks as it says."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_mnist as tg
from tests.properties.examples import same_examples
from tinygrad_mnist import Tensor, nn
from tinygrad_mnist.autograd import Function, op
from tinygrad_mnist.ops import table
from tinygrad_mnist.testing import (
    GradcheckError,
    broadcastable,
    given_gradients,
    modules,
    programs,
    tensors,
)

few = 10


@given_gradients(tensors(), value=lambda x: x * np.exp(-x * x), max_examples=few)
def test_one_argument(x: Tensor) -> Tensor:
    return x * (-x * x).exp()


@given_gradients(tensors((3, 2)), tensors((2, 4)), value=np.matmul, max_examples=few)
def test_two_arguments(x: Tensor, w: Tensor) -> Tensor:
    return x @ w


@given_gradients(broadcastable(3), value=lambda a, b, c: a * b + c, max_examples=few)
def test_arguments_that_broadcast(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    return a * b + c


@given_gradients(tensors(away_from=(0.0,)), value=lambda x: np.maximum(x, 0), max_examples=few)
def test_away_from_a_kink(x: Tensor) -> Tensor:
    return x.relu()


@given_gradients(tensors((4,), distinct=True), value=np.max, max_examples=few)
def test_distinct_values(x: Tensor) -> Tensor:
    return x.max()


@given_gradients(tensors(), tensors(dtype=np.int64, low=1, high=3), max_examples=few)
def test_integers_are_passed_on(x: Tensor, k: Tensor) -> Tensor:
    return x.sum() * k.sum()


@given_gradients(programs(), max_examples=15)
def test_programs(program: Any) -> Any:
    return program


@given_gradients(modules(), max_examples=8)
def test_modules(model: Any) -> Any:
    return model


def test_it_runs_as_many_examples_as_are_asked_for() -> None:
    calls = []

    @given_gradients(tensors(()), second_order=False, float32=False, max_examples=7)
    def test(x: Tensor) -> Tensor:
        calls.append(x.item())
        return x * 2

    test()
    assert len(set(calls)) >= 7
    assert test.__name__ == "test"


def failing(*strategies: Any, **how: Any) -> Any:
    """Run the decorated function; the error, with what hypothesis says of the example."""

    def run(function: Any) -> str:
        test = given_gradients(*strategies, max_examples=25, **how)(function)
        with pytest.raises((GradcheckError, AssertionError)) as error:
            test()
        return "\n".join([str(error.value), *getattr(error.value, "__notes__", [])])

    return run


def test_a_wrong_value_is_found() -> None:
    @failing(tensors(), value=lambda x: x * 3)
    def text(x: Tensor) -> Tensor:
        return x * 2

    assert "output 0 is" in text and "expected" in text


def test_the_example_that_is_left_is_small() -> None:
    """A function that is wrong above 1 only: the smallest such input that reads well."""
    wrong_above = op(lambda x: x * 2.0, x=lambda g, x: g * 2.0 + table.gate(g, x - 1.0) * 0.01)

    @failing(tensors(low=0.0, away_from=(1.0,)))
    def text(x: Tensor) -> Tensor:
        return wrong_above(x)

    assert "is wrong" in text
    assert "x=tensor(2., dtype=torch.float64, requires_grad=True)" in text


def test_what_is_lost_at_second_order_is_found() -> None:
    class Cube(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x * x)
            return x * x * x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * 3 * ctx.saved_tensors[0]

    @failing(tensors())
    def text(x: Tensor) -> Tensor:
        return Cube.apply(x)

    assert "output 0" in text and "by input 0" in text

    @given_gradients(tensors(), second_order=False, max_examples=few)
    def first_order_alone(x: Tensor) -> Tensor:
        return Cube.apply(x)

    first_order_alone()


def test_a_forgotten_sum_over_a_broadcast_is_found() -> None:
    shifted = op(
        lambda x, b: x + b, x=lambda g: g,
        b=lambda g, shape: g if g.shape == shape else table.sum_to(g, shape=shape) / g.shape[0],
    )  # fmt: skip

    @failing(tensors((3, 2)), tensors((2,)))
    def text(x: Tensor, b: Tensor) -> Tensor:
        return shifted(x, b)

    assert "1/3 is the length of output axis 0: a mean for a sum?" in text


def test_a_float64_upcast_is_found() -> None:
    wide = op(lambda x: x * 1, x=lambda g: g * np.float64(1))

    @failing(tensors((2,)))
    def text(x: Tensor) -> Tensor:
        return wide(x)

    assert "float64 upcast" in text


def test_a_dependence_on_memory_layout_is_found() -> None:
    raw = op(lambda x: x * np.frombuffer(x.tobytes("A"), x.dtype).reshape(x.shape), x=None)

    @failing(tensors((2, 2), requires_grad=True))
    def text(x: Tensor) -> Tensor:
        return raw(x).detach() + x

    assert "layout" in text or "is wrong" in text


def test_arguments_and_strategies_must_agree() -> None:
    with pytest.raises(TypeError, match="2 strategies, one takes 1 arguments"):

        @given_gradients(tensors(), tensors())
        def one(x: Tensor) -> Tensor:
            return x


# The strategies


@given(st.data())
@settings(max_examples=20)
def test_tensors_keep_their_promises(data: Any) -> None:
    x = data.draw(tensors(low=-1, high=2, away_from=(0.0, 1.0), gap=0.25))
    a = x.detach().numpy()
    assert x.requires_grad and x.dtype == np.float64
    assert a.ndim <= 3 and all(n <= 3 for n in a.shape)
    assert np.all((a >= -1) & (a <= 2)) and np.all((abs(a) >= 0.25) & (abs(a - 1) >= 0.25))
    assert np.all(a.astype(np.float16) == a), "every value is a float16 number"
    d = data.draw(tensors((2, 3), distinct=True)).detach().numpy()
    assert len(set(d.ravel())) == 6
    assert data.draw(tensors(dtype=np.float32)).dtype == np.float32
    assert not data.draw(tensors(requires_grad=False)).requires_grad
    assert not data.draw(tensors(dtype=np.int64)).requires_grad


def seen(strategy: Any, count: int = 100) -> list[Any]:
    """The same examples each time: few are enough, and always are."""
    return same_examples(strategy, count)


def test_tensors_come_in_all_kinds() -> None:
    arrays = [x.detach().numpy() for x in seen(tensors())]
    assert any(a.ndim == 0 for a in arrays), "0-d"
    assert any(a.size == 0 for a in arrays), "empty"
    assert any(a.ndim > 1 and not a.flags.c_contiguous for a in arrays), "non-contiguous"
    assert any(any(s < 0 for s in a.strides) for a in arrays), "reversed"
    special = np.concatenate([x.detach().numpy().ravel() for x in seen(tensors(special=True))])
    assert np.isnan(special).any() and np.isinf(special).any() and np.signbit(special).any()


def test_broadcastable_shapes_broadcast() -> None:
    for a, b in seen(broadcastable(2), 30):
        np.broadcast_shapes(a.shape, b.shape)


def test_an_empty_range_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing is left"):
        seen(tensors((2,), low=0.0, high=0.1, away_from=(0.05,)))


def test_programs_use_the_registry_and_stay_small() -> None:
    drawn = seen(programs())
    ops = {step.op for program in drawn for step in program.steps}
    assert len(ops) >= 25
    for program in [*drawn, *seen(programs(ops=["exp", "square"]), 20)]:
        outputs = program(*program.inputs)
        for out in outputs if isinstance(outputs, tuple) else (outputs,):
            assert np.all(np.abs(out.detach().numpy()) < 100)


def test_a_program_reads_like_code() -> None:
    """Its text, run, gives its value."""
    for program in seen(programs(), 20):
        names = {"np": np} | {step.op: getattr(table, step.op) for step in program.steps}
        exec(repr(program), names)
        ours, theirs = program(*program.inputs), names["program"](*program.inputs)
        pairs = zip(ours, theirs, strict=True) if isinstance(ours, tuple) else [(ours, theirs)]
        assert all(np.array_equal(a.detach().numpy(), b.detach().numpy()) for a, b in pairs)


def test_modules_take_their_input() -> None:
    for model, x in seen(modules(), 20):
        assert isinstance(model, nn.Sequential) and model(x.float()).requires_grad


def test_hypothesis_is_loaded_only_by_what_draws() -> None:
    import subprocess
    import sys

    script = (
        "import sys; import tinygrad_mnist.testing as t; t.gradcheck; t.examine;"
        "assert 'hypothesis' not in sys.modules; t.tensors; assert 'hypothesis' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    with pytest.raises(AttributeError, match="no attribute 'tensor_s'"):
        tg.testing.tensor_s  # noqa: B018
