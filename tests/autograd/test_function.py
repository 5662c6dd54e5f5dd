"""Function: PyTorch's interface for an operation with a backward of its own."""

import gc
import threading
import weakref
from typing import Any

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import Tensor
from tinygrad_mnist.autograd import Function, grad, gradcheck, gradgradcheck, once_differentiable


def leaf(*values: Any) -> Tensor:
    return tg.tensor(np.array(values, np.float64), requires_grad=True)


class Cube(Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return g * 3 * x * x


class Exp(Function):
    """Saves its output."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (y,) = ctx.saved_variables  # the old name
        return g * y


class SinCos(Function):
    """Two outputs, both saved: each is the other's derivative."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        s, c = x.sin(), x.cos()
        ctx.save_for_backward(s, c)
        return s, c

    @staticmethod
    def backward(ctx: Any, gs: Any, gc: Any) -> Any:
        s, c = ctx.saved_tensors
        return gs * c - gc * s


class Affine(Function):
    """Written the newer way, with a number that is no Tensor."""

    @staticmethod
    def forward(x: Any, w: Any, scale: float) -> Any:
        return x @ w * scale

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        x, w, ctx.scale = inputs
        ctx.save_for_backward(x, w)

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        x, w = ctx.saved_tensors
        gx = gw = None
        if ctx.needs_input_grad[0]:
            gx = g @ w.T * ctx.scale
        if ctx.needs_input_grad[1]:
            gw = x.T @ g * ctx.scale
        return gx, gw, None


MATRICES = (
    tg.tensor(np.arange(6.0).reshape(3, 2) / 5, requires_grad=True),
    tg.tensor(np.arange(8.0).reshape(2, 4) / 7, requires_grad=True),
)


@pytest.mark.parametrize(
    ("function", "inputs"),
    [
        (Cube.apply, leaf(0.5, -1.0)),
        (Exp.apply, leaf(0.5, -1.0)),
        (SinCos.apply, leaf(0.5, -1.0)),
        (lambda x: SinCos.apply(x)[0], leaf(0.5, -1.0)),
        (lambda x: SinCos.apply(x)[1] * 2, leaf(0.5, -1.0)),
        (lambda x: Cube.apply(Exp.apply(x) + SinCos.apply(x)[1]), leaf(0.5, -1.0)),
        (lambda x, w: Affine.apply(x, w, 1.5), MATRICES),
        (lambda x: Affine.apply(x, MATRICES[1].detach(), 1.5), MATRICES[0]),
    ],
)
def test_first_and_second_order(function: Any, inputs: Any) -> None:
    assert gradcheck(function, inputs)
    assert gradgradcheck(function, inputs)


def test_third_order_through_saved_outputs() -> None:
    x = leaf(0.3)
    (y, _) = SinCos.apply(x)
    for expected in (np.cos, lambda v: -np.sin(v), lambda v: -np.cos(v)):
        (y,) = grad(y, x, tg.ones(1, dtype=tg.float64), create_graph=True)
        np.testing.assert_allclose(y.detach().numpy(), expected(np.array([0.3])))


def test_grad_fn_and_flags() -> None:
    y = Cube.apply(leaf(1.0))
    assert y.requires_grad and not y.is_leaf
    assert y.grad_fn.name() == "CubeBackward0"
    s, c = SinCos.apply(leaf(1.0))
    assert s.grad_fn is not c.grad_fn
    assert not Cube.apply(tg.ones(2)).requires_grad
    with tg.no_grad():
        assert not Cube.apply(leaf(1.0)).requires_grad


def test_only_what_is_needed_is_asked_for() -> None:
    asked = []

    class Mul(Function):
        @staticmethod
        def forward(ctx: Any, a: Any, b: Any) -> Any:
            asked.append(ctx.needs_input_grad)
            return a * b

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            asked.append("backward")
            return g * 2, None

    x = leaf(1.0)
    Mul.apply(x, tg.ones(1, dtype=tg.float64)).sum().backward()
    assert asked == [(True, False), "backward"]
    assert x.grad.item() == 2.0


def test_backward_runs_once_for_several_inputs() -> None:
    calls = []

    class Mul(Function):
        @staticmethod
        def forward(ctx: Any, a: Any, b: Any) -> Any:
            ctx.save_for_backward(a, b)
            return a * b

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            calls.append(1)
            a, b = ctx.saved_tensors
            return g * b, g * a

    a, b = leaf(2.0), leaf(3.0)
    y = Mul.apply(a, b)
    y.sum().backward(retain_graph=True)
    assert len(calls) == 1
    y.sum().backward()
    assert len(calls) == 2 and a.grad.item() == 6.0


def test_unused_outputs_come_as_zeros_or_as_none() -> None:
    seen: list[Any] = []

    class Two(Function):
        materialize = True

        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.set_materialize_grads(Two.materialize)
            return x * 2, x.sum()

        @staticmethod
        def backward(ctx: Any, g: Any, gs: Any) -> Any:
            seen.append(gs)
            return g * 2

    x = leaf(1.0, 2.0)
    Two.apply(x)[0].sum().backward()
    assert seen[-1].shape == () and seen[-1].item() == 0
    Two.materialize = False
    Two.apply(x)[0].sum().backward()
    assert seen[-1] is None


def test_none_means_no_gradient() -> None:
    class First(Function):
        @staticmethod
        def forward(ctx: Any, a: Any, b: Any) -> Any:
            return a + b

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g, None

    a, b = leaf(1.0), leaf(2.0)
    First.apply(a, b).sum().backward()
    assert a.grad.item() == 1.0 and b.grad is None


def test_non_differentiable_outputs() -> None:
    class Sort(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            values, index = x.sort()
            mask = values * 0
            ctx.mark_non_differentiable(index, mask)
            ctx.save_for_backward(index)
            return values, index, mask

        @staticmethod
        def backward(ctx: Any, g: Any, g_index: Any, g_mask: Any) -> Any:
            (index,) = ctx.saved_tensors
            return tg.zeros_like(g).index_add(0, index, g)

    x = leaf(3.0, 1.0, 2.0)
    values, index, mask = Sort.apply(x)
    assert values.requires_grad and not index.requires_grad and not mask.requires_grad
    (values * tg.tensor([1.0, 10.0, 100.0], dtype=tg.float64)).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [100.0, 1.0, 10.0])


def test_mark_dirty_returns_the_very_tensor() -> None:
    class Double(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            x.mul_(2)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * 2

    x = leaf(1.0, 2.0)
    h = x * 1.0
    y = Double.apply(h)
    assert y is h
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [2.0, 2.0])
    with pytest.raises(RuntimeError, match="leaf"):
        Double.apply(leaf(1.0))


def test_an_input_returned_as_it_is() -> None:
    class Flip(Function):
        """Reverses gradients, as domain adaptation does."""

        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return -g

    x = leaf(1.0, 2.0)
    y = Flip.apply(x)
    assert y is not x and y.grad_fn is not None
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [-1.0, -1.0])
    assert not Flip.apply(x.detach()).requires_grad


def test_attributes_and_extra_tensors_are_kept() -> None:
    class Scale(Function):
        @staticmethod
        def forward(ctx: Any, x: Any, how: str) -> Any:
            factor = tg.full((1,), 3.0, dtype=tg.float64)
            ctx.how = how
            ctx.save_for_backward(factor, None)
            return x * factor

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            factor, nothing = ctx.saved_tensors
            assert ctx.how == "times" and nothing is None
            return g * factor, None

    assert gradcheck(lambda x: Scale.apply(x, "times"), leaf(1.0, 2.0))


def test_gradients_are_unbroadcast_as_everywhere() -> None:
    class Add(Function):
        @staticmethod
        def forward(ctx: Any, a: Any, b: Any) -> Any:
            return a + b

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g, g

    a, b = tg.tensor(np.ones((3, 2)), requires_grad=True), leaf(1.0, 2.0)
    assert gradcheck(Add.apply, (a, b))


def test_a_gradient_returned_twice_is_not_shared() -> None:
    class Twice(Function):
        @staticmethod
        def forward(ctx: Any, a: Any, b: Any) -> Any:
            ctx.save_for_backward(a)
            return (a * a).sum() / 2 + (a * b).sum()

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (a,) = ctx.saved_tensors
            return a, a  # wrong, but that is not what is asked here

    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    Twice.apply(a, b).backward()
    assert not np.shares_memory(a.grad.numpy(), b.grad.numpy())
    assert not np.shares_memory(a.grad.numpy(), a.detach().numpy())
    Twice.apply(a, b).backward()
    np.testing.assert_array_equal(a.detach().numpy(), [1.0, 2.0])


# Errors


def broken(result: Any) -> Any:
    class Broken(Function):
        @staticmethod
        def forward(ctx: Any, a: Any, b: Any) -> Any:
            return a * b

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return result

    return Broken.apply(leaf(1.0, 2.0), leaf(3.0, 4.0)).sum()


def test_errors_name_the_function_and_what_is_wrong() -> None:
    with pytest.raises(RuntimeError, match=r"BrokenBackward.*number of gradients.*2, got 1"):
        broken(tg.ones(2)).backward()
    with pytest.raises(RuntimeError, match=r"index 1 - got \[3\] but expected.*\[2\]"):
        broken((tg.ones(2), tg.ones(3))).backward()
    with pytest.raises(TypeError, match="ndarray for argument 0: each gradient must be a Tensor"):
        broken((np.ones(2), None)).backward()
    with pytest.raises(RuntimeError, match=r"use Cube.apply"):
        Cube()
    with pytest.raises(TypeError, match="save_for_backward takes Tensors, not float"):
        Function.apply.__func__(type("Bad", (Cube,), {"forward": bad_forward}), leaf(1.0))


@staticmethod  # type: ignore[misc]
def bad_forward(ctx: Any, x: Any) -> Any:
    ctx.save_for_backward(1.0)
    return x


def test_a_released_call_says_so_and_a_retained_one_goes_on() -> None:
    y = Cube.apply(leaf(1.0)).sum()
    y.backward()
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        y.backward()


@pytest.mark.parametrize("function", [Cube, Exp])
def test_stale_saved_tensors_are_noticed(function: Any) -> None:
    x = leaf(1.0, 2.0)
    y = function.apply(x)
    with tg.no_grad():
        (x if function is Cube else y).add_(1.0)
    with pytest.raises(RuntimeError, match=f"{function.__name__} kept its"):
        y.sum().backward()


def test_a_stale_output_of_several_is_noticed() -> None:
    s, c = SinCos.apply(leaf(1.0, 2.0))
    with tg.no_grad():
        c.add_(1.0)
    with pytest.raises(RuntimeError, match="SinCos kept"):
        s.sum().backward()


class Once(Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return tg.tensor(g.detach().numpy() * np.cos(x.detach().numpy()))


def test_once_differentiable() -> None:
    x = leaf(1.0)
    assert gradcheck(Once.apply, x)
    (g,) = grad(Once.apply(x), x, create_graph=True)
    assert g.item() == pytest.approx(np.cos(1.0))
    with pytest.raises(RuntimeError, match="twice.*once_differentiable"):
        g.backward()


# Memory and threads


@pytest.mark.parametrize("function", [Cube, Exp, SinCos])
@pytest.mark.parametrize("create_graph", [False, True])
def test_a_call_is_freed_by_reference_counting(function: Any, create_graph: bool) -> None:
    gc.collect()
    gc.disable()
    try:
        x = leaf(1.0, 2.0)
        y = function.apply(x)
        y = y[0] if isinstance(y, tuple) else y
        node = weakref.ref(y.grad_fn)
        (g,) = grad(y.sum(), x, create_graph=create_graph, retain_graph=True)
        del y, g
        assert node() is None
    finally:
        gc.enable()


def test_functions_in_two_threads() -> None:
    results: list[Any] = []

    def work() -> None:
        x = leaf(0.5, 1.5)
        for _ in range(50):
            x.grad = None
            Cube.apply(SinCos.apply(x)[0]).sum().backward()
        results.append(x.grad.numpy())

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(*results)


class Tripled(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.mark_dirty(x)
        return x.mul_(3.0)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        return g * 3


@pytest.mark.parametrize("way", ["through the base", "through a view"])
def test_a_write_reaches_the_views_and_the_base_of_what_it_marks_dirty(way: str) -> None:
    a = tg.tensor([1.0, 2.0], requires_grad=True)
    base = a * 1
    view = base[1:]
    written, other = (base, view) if way == "through the base" else (view, base)
    assert Tripled.apply(written) is written
    other.sum().backward()
    assert a.grad is not None
    assert a.grad.tolist() == ([0.0, 3.0] if way == "through the base" else [1.0, 3.0])
