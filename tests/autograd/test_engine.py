"""The walk: what backward() and grad() promise, whatever the ops are."""

import threading
from typing import Any

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import Tensor
from tinygrad_mnist.autograd import REGISTRY, grad, supplied
from tinygrad_mnist.autograd.graph import ancestors, leading_to


def leaf(*values: Any, dtype: Any = np.float64) -> Tensor:
    data = np.array(values[0] if len(values) == 1 else values, dtype)
    return tg.tensor(data, requires_grad=True)


def test_what_lower_files_call_is_supplied_by_higher_ones() -> None:
    missing = [name for name in supplied.__annotations__ if not callable(getattr(supplied, name))]
    assert supplied.__annotations__ and missing == []


# Released graphs


def test_a_second_backward_says_that_the_graph_was_freed_and_what_to_do() -> None:
    x = leaf(2.0)
    y = x.exp()
    y.backward()
    with pytest.raises(RuntimeError, match="second time.*exp.*retain_graph=True"):
        y.backward()


def test_retain_graph_allows_a_second_backward_and_gradients_add_up() -> None:
    x = leaf(3.0)
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 12.0


def test_an_op_that_keeps_nothing_can_be_gone_through_again() -> None:
    """As in PyTorch: only what was freed is missing."""
    x = leaf(3.0)
    y = x + 1
    y.backward()
    y.backward()
    assert x.grad.item() == 2.0


def test_a_graph_freed_in_part_fails_only_where_it_was_freed() -> None:
    x = leaf(2.0)
    h = x.exp()
    (h * 2).backward()
    with pytest.raises(RuntimeError, match="exp"):
        (h * 3).backward()


def test_create_graph_keeps_the_graph() -> None:
    x = leaf(2.0)
    y = x**3
    (g,) = grad(y, x, create_graph=True)
    assert g.requires_grad
    y.backward()
    assert x.grad.item() == 12.0


# Higher derivatives


@pytest.mark.parametrize("order", range(6))
def test_derivatives_of_any_order(order: int) -> None:
    x = leaf(0.7)
    y = x.sin()
    for _ in range(order):
        (y,) = grad(y, x, create_graph=True)
    expected = [np.sin, np.cos, lambda v: -np.sin(v), lambda v: -np.cos(v)][order % 4](0.7)
    assert y.item() == pytest.approx(expected, rel=1e-12)


def test_backward_with_create_graph_makes_a_differentiable_grad() -> None:
    x = leaf(3.0)
    (x**3).backward(create_graph=True)
    first = x.grad
    assert first.requires_grad
    x.grad = None
    first.backward()
    assert x.grad.item() == 18.0


def test_a_gradient_penalty() -> None:
    """d/dw |d(w x²)/dx|² = 8 w x²."""
    w, x = leaf(2.0), leaf(3.0)
    (gx,) = grad(w * x * x, x, create_graph=True)
    (gx * gx).backward()
    assert w.grad.item() == 8 * 2.0 * 9.0


def test_a_residual_is_no_dead_end() -> None:
    """cross-entropy keeps softmax(z) for speed; its second derivative still is diag(p) - p pᵀ."""
    z = leaf([[0.5, -1.0, 2.0]])
    loss = tg.nn.functional.cross_entropy(z, tg.tensor([2]))
    (g,) = grad(loss, z, create_graph=True)
    rows = np.array([grad(g[0, i], z, retain_graph=True)[0].numpy()[0] for i in range(3)])
    p = np.exp(z.detach().numpy()[0])
    p /= p.sum()
    np.testing.assert_allclose(rows, np.diag(p) - np.outer(p, p), atol=1e-12)


# grad()


def test_grad_touches_no_grad_attribute() -> None:
    x, w = leaf(2.0), leaf(3.0)
    assert [g.item() for g in grad(x * w, (x, w))] == [3.0, 2.0]
    assert x.grad is None and w.grad is None


def test_grad_by_something_in_the_middle() -> None:
    x = leaf(2.0)
    h = x * x
    assert grad(h**3, h)[0].item() == 3 * 16.0


def test_grad_by_an_input_and_what_it_became() -> None:
    x = leaf(2.0)
    h = x * x
    gx, gh = grad(h * h, (x, h))
    assert (gx.item(), gh.item()) == (32.0, 8.0)


def test_an_unused_input_is_an_error_that_says_what_to_do() -> None:
    x, w = leaf(2.0), leaf([1.0, 2.0])
    with pytest.raises(RuntimeError, match=r"\[2\].*not have been used.*allow_unused=True"):
        grad(x * x, (x, w))
    assert grad(x * x, (x, w), allow_unused=True)[1] is None
    np.testing.assert_array_equal(
        grad(x * x, (x, w), allow_unused=True, materialize_grads=True)[1].numpy(), [0, 0]
    )


def test_grad_runs_only_the_rules_that_lead_to_its_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = count_rules(monkeypatch, "mul", "exp")
    x, w = leaf(2.0), leaf(3.0)
    y = x.exp() * w
    grad(y, w)
    assert ran == ["mul.b"]


def test_grad_passes_by_what_was_freed_and_does_not_lead_to_its_inputs() -> None:
    x, w = leaf(2.0), leaf(3.0)
    freed = w.exp()
    freed.backward()
    assert grad(x * x + freed, x)[0].item() == 4.0


def test_grad_by_something_in_the_middle_whose_own_graph_was_freed() -> None:
    h = leaf(2.0).exp()
    h.backward()
    assert grad(h * h, h)[0].item() == 2 * h.item()


def test_backward_runs_no_rule_for_an_input_without_grad(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = count_rules(monkeypatch, "matmul")
    data, w = tg.ones(5, 3), leaf(np.ones((3, 2)), dtype=np.float32)
    (data @ w).sum().backward()
    assert ran == ["matmul.b"]


def count_rules(monkeypatch: pytest.MonkeyPatch, *names: str) -> list[str]:
    """A list that gets the name of each rule as it is run."""
    ran: list[str] = []

    def counted(label: str, rule: Any) -> Any:
        return lambda *args: (ran.append(label), rule(*args))[1]

    for name in names:
        row = REGISTRY[name]
        rules = tuple(counted(f"{name}.{p}", r) for p, r in zip(row.params, row.rules, strict=True))
        monkeypatch.setattr(row, "rules", rules)
    return ran


# What backward() takes


def test_backward_with_inputs_accumulates_in_those_alone() -> None:
    x, w = leaf(2.0), leaf(3.0)
    (x * w).backward(inputs=[x])
    assert x.grad.item() == 3.0 and w.grad is None


def test_backward_of_several_tensors() -> None:
    x = leaf([1.0, 2.0])
    tg.autograd.backward([x.sum(), x * 2], [None, tg.tensor([1.0, 10.0], dtype=tg.float64)])
    np.testing.assert_array_equal(x.grad.numpy(), [3.0, 21.0])


def test_a_vector_needs_a_gradient() -> None:
    x = leaf([1.0, 2.0])
    with pytest.raises(RuntimeError, match=r"scalar outputs.*\[2\]"):
        (x * 2).backward()
    with pytest.raises(RuntimeError, match=r"Mismatch in shape.*\[3\].*\[2\]"):
        (x * 2).backward(tg.ones(3))


def test_something_without_grad_cannot_be_differentiated() -> None:
    with pytest.raises(RuntimeError, match="does not require grad"):
        tg.tensor(1.0).backward()
    with pytest.raises(RuntimeError, match="does not require grad"):
        grad(leaf(1.0) * 2, tg.tensor(1.0))


def test_a_leaf_is_its_own_gradient() -> None:
    x = leaf(5.0)
    x.backward()
    assert x.grad.item() == 1.0


def test_unbroadcasting() -> None:
    x, b = leaf(np.ones((3, 4))), leaf(np.ones((1, 4)))
    (x * b + leaf(1.0)).sum().backward()
    assert b.grad.shape == (1, 4) and np.all(b.grad.numpy() == 3)


# float32 and float64


@pytest.mark.parametrize("one", [np.float32, np.float64])
@pytest.mark.parametrize("two", [np.float32, np.float64])
def test_each_gradient_has_its_leafs_dtype(one: Any, two: Any) -> None:
    x, w = leaf([1.0, 2.0], dtype=one), leaf([3.0, 4.0], dtype=two)
    y = x * w + x
    assert y.dtype == np.promote_types(one, two)
    y.sum().backward()
    assert x.grad.dtype == one and w.grad.dtype == two
    np.testing.assert_array_equal(x.grad.numpy(), [4.0, 5.0])


def test_a_cast_leads_the_gradient_back() -> None:
    x = leaf([1.0, 2.0], dtype=np.float32)
    (x.double() ** 2).sum().backward()
    assert x.grad.dtype == np.float32
    np.testing.assert_array_equal(x.grad.numpy(), [2.0, 4.0])


def test_python_numbers_do_not_widen() -> None:
    x = leaf([1.0, 2.0], dtype=np.float32)
    y = (x * 0.1 + 1) / 3 - 2.5
    assert y.dtype == np.float32
    y.sum().backward()
    assert x.grad.dtype == np.float32


def test_integers_cannot_require_grad() -> None:
    with pytest.raises(RuntimeError, match="floating point.*int64"):
        tg.tensor([1, 2]).requires_grad_()


# Who owns a gradient


def shares(a: Tensor, b: Any) -> bool:
    return np.shares_memory(a.numpy(), b if isinstance(b, np.ndarray) else b.detach().numpy())


@pytest.mark.parametrize(
    "function",
    [
        lambda a, b: a + b,
        lambda a, b: a - b,
        lambda a, b: (a + b) + (a + b),
        lambda a, b: a.reshape(2, 2).T.reshape(4) + b,
        lambda a, b: tg.cat([a, b]).reshape(2, 4),
        lambda a, b: tg.stack([a, b, a]),
        lambda a, b: a.expand(3, 4) + b,
        lambda a, b: tg.where(a > b, a, b) + a,
    ],
)
def test_no_two_gradients_share_memory(function: Any) -> None:
    a, b = leaf([1.0, 2.0, 3.0, 4.0]), leaf([4.0, 3.0, 2.0, 1.5])
    y = function(a, b)
    g = tg.ones(*y.shape, dtype=tg.float64)
    y.backward(g)
    assert not shares(a.grad, b.grad)
    for grad_ in (a.grad, b.grad):
        assert not shares(grad_, g) and not shares(grad_, a) and not shares(grad_, b)
    before = b.grad.numpy().copy()
    a.grad.numpy()[...] = 99.0
    np.testing.assert_array_equal(b.grad.numpy(), before)
    assert np.all(g.numpy() == 1)


def test_the_seed_is_copied() -> None:
    x = leaf([1.0, 2.0])
    g = tg.tensor([1.0, 1.0], dtype=tg.float64)
    x.backward(g)
    x.backward(g)
    np.testing.assert_array_equal(x.grad.numpy(), [2.0, 2.0])
    np.testing.assert_array_equal(g.numpy(), [1.0, 1.0])


def test_accumulating_keeps_the_grad_tensor() -> None:
    """An optimizer may hold on to it; the second backward adds in place."""
    x = leaf([1.0, 2.0])
    (x * 3).sum().backward()
    grad = x.grad
    (x * 4).sum().backward()
    assert x.grad is grad
    np.testing.assert_array_equal(grad.numpy(), [7.0, 7.0])


def test_grad_results_are_separate() -> None:
    x = leaf([1.0, 2.0])
    one, two = grad((x + 0).sum(), (x, x))
    assert one is not two or not shares(one, x)


def test_assigning_grad_checks_the_shape() -> None:
    x = leaf([1.0, 2.0])
    with pytest.raises(RuntimeError, match=r"shape \(3,\).*\(2,\)"):
        x.grad = tg.ones(3)
    with pytest.raises(TypeError, match="Tensor or None"):
        x.grad = 1.0


# Hooks


def test_a_hook_sees_the_whole_gradient_once_and_may_replace_it() -> None:
    x = leaf(2.0)
    h = x * x
    seen: list[float] = []
    h.register_hook(lambda g: seen.append(g.item()))
    handle = h.register_hook(lambda g: g * 10)
    (h * 2 + h * 3).backward()
    assert seen == [5.0]
    assert x.grad.item() == 5.0 * 10 * 4.0
    handle.remove()
    handle.remove()
    x.grad = None
    (x * x).backward()
    assert x.grad.item() == 4.0


def test_a_hook_on_a_leaf() -> None:
    x = leaf([1.0, 2.0])
    x.register_hook(lambda g: g * 2)
    (x * 3).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [6.0, 6.0])


def test_a_hooks_result_is_not_shared() -> None:
    x, w = leaf([1.0]), leaf([1.0])
    result = tg.tensor([7.0], dtype=tg.float64)
    x.register_hook(lambda g: result)
    w.register_hook(lambda g: result)
    (x * 2 + w * 3).sum().backward()
    (x * 2 + w * 3).sum().backward()
    assert result.item() == 7.0 and x.grad.item() == 14.0 and w.grad.item() == 14.0


def test_hooks_take_part_in_the_second_derivative() -> None:
    x = leaf(3.0)
    y = x * x
    y.register_hook(lambda g: g * x)  # so d/dx is 2 x², and then 4 x
    (g,) = grad(y, x, create_graph=True)
    assert g.item() == 18.0
    assert grad(g, x)[0].item() == 12.0


def test_retain_grad() -> None:
    x = leaf(2.0)
    h = x * x
    h.retain_grad()
    assert h.retains_grad and not x.retains_grad
    (h * 5).backward()
    assert h.grad.item() == 5.0
    h.grad.numpy()[...] = 0
    assert x.grad.item() == 20.0


def test_hooks_need_a_gradient_to_see() -> None:
    with pytest.raises(RuntimeError, match="doesn't require grad"):
        tg.tensor(1.0).register_hook(print)
    with pytest.raises(RuntimeError, match="requires_grad=False"):
        tg.tensor(1.0).retain_grad()


# Modes


def test_no_grad_records_nothing() -> None:
    x = leaf(2.0)
    with tg.no_grad():
        y = x * x
        assert not tg.is_grad_enabled()
        with tg.enable_grad():
            assert (x * x).requires_grad
    assert not y.requires_grad and (x * x).requires_grad


def test_no_grad_as_a_decorator_with_and_without_brackets() -> None:
    x = leaf(2.0)

    @tg.no_grad()
    def one() -> Any:
        return x * x

    @tg.no_grad
    def two() -> Any:
        return x * x

    assert not one().requires_grad and not two().requires_grad
    assert one.__name__ == "one"


def test_the_mode_comes_back_after_an_exception() -> None:
    with pytest.raises(ZeroDivisionError), tg.no_grad():
        1 / 0  # noqa: B018
    assert tg.is_grad_enabled()


def test_set_grad_enabled_at_once_and_as_a_block() -> None:
    x = leaf(2.0)
    try:
        tg.set_grad_enabled(False)
        assert not (x * x).requires_grad
    finally:
        tg.set_grad_enabled(True)
    with tg.set_grad_enabled(False):
        assert not (x * x).requires_grad
    assert (x * x).requires_grad


def test_no_grad_holds_for_its_thread_alone() -> None:
    x = leaf(2.0)
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with tg.no_grad():
            inside.set()
            leave.wait(5)

    thread = threading.Thread(target=other)
    thread.start()
    inside.wait(5)
    try:
        assert (x * x).requires_grad
    finally:
        leave.set()
        thread.join()


def test_threads_with_graphs_of_their_own_get_what_one_thread_gets() -> None:
    def work(seed: int) -> Any:
        rng = np.random.default_rng(seed)
        w = leaf(rng.normal(size=(8, 8)))
        for _ in range(30):
            w.grad = None
            h = w
            for _ in range(5):
                h = (h @ w).tanh() + h
            h.sum().backward()
            with tg.no_grad():
                w -= 0.01 * w.grad
        return w.detach().numpy().copy()

    results: dict[int, Any] = {}
    threads = [threading.Thread(target=lambda s=s: results.update({s: work(s)})) for s in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in range(4):
        np.testing.assert_array_equal(results[seed], work(seed))


def test_the_same_graph_twice_gives_the_same_bits() -> None:
    def run() -> bytes:
        rng = np.random.default_rng(0)
        w = leaf(rng.normal(size=(16, 16)), dtype=np.float32)
        h = w
        for _ in range(6):
            h = (h @ w).tanh() + h * w
        h.sum().backward()
        return w.grad.numpy().tobytes()

    assert run() == run()


def test_a_walk_to_recent_nodes_leaves_the_history_before_them_alone() -> None:
    """An unrolled loop asks for gradients at each turn: the whole graph each time is quadratic."""
    x = tg.tensor([0.5], requires_grad=True)
    y = x
    for _ in range(20):
        y = (y * 1.5).sin()
    z = y.exp() * y
    visited = ancestors([z._node], y._node.order)
    assert len(visited) == 3  # the product, exp, and y
    assert leading_to([y._node], [z._node]) == set(visited)
    assert len(leading_to([x._node], [z._node])) == 43
    (dy,) = tg.autograd.grad(z, y, retain_graph=True)
    (dx,) = tg.autograd.grad(z, x, retain_graph=True)
    (both,) = tg.autograd.grad(y, x, grad_outputs=dy)
    np.testing.assert_array_equal(dx, both)
