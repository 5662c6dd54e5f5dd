"""In-place writes: a stale value is an error that names the op, and nothing else is an error."""

from typing import Any

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import Tensor


def leaf(*values: Any) -> Tensor:
    return tg.tensor(np.array(values, np.float64), requires_grad=True)


def middle(*values: Any) -> Tensor:
    """A recorded Tensor that may be written: no leaf."""
    return leaf(*values) * 1.0


# Stale values are errors


@pytest.mark.parametrize(
    ("op", "call", "what"),
    [
        ("mul", lambda h, w: h * w, "argument 'a'"),
        ("exp", lambda h, w: h.exp(), "output"),
        ("matmul", lambda h, w: (h.reshape(1, -1) @ w.reshape(-1, 1)).sum(), "argument 'a'"),
        ("log", lambda h, w: h.log(), "argument 'x'"),
        ("tanh", lambda h, w: h.tanh(), "output"),
        ("pow", lambda h, w: h**w, "argument 'a'"),
    ],
)
def test_a_written_value_that_backward_needs_is_an_error_that_names_the_op(
    op: str, call: Any, what: str
) -> None:
    h, w = middle(1.0, 2.0), leaf(3.0, 4.0)
    y = call(h, w)
    written = y if what == "output" else h
    with tg.no_grad():
        written.add_(1.0)
    with pytest.raises(RuntimeError, match=f"inplace operation: {op} kept its {what}"):
        y.sum().backward()


@pytest.mark.parametrize(
    "write",
    [
        lambda x: x.add_(1),
        lambda x: x.mul_(2),
        lambda x: x.zero_(),
        lambda x: x.fill_(3.0),
        lambda x: x.copy_(tg.ones(2)),
        lambda x: x.__setitem__(0, 5.0),
        lambda x: x.__iadd__(1.0),
        lambda x: x[1:].fill_(0.0),
        lambda x: x.detach().add_(1.0),
        lambda x: x.data.add_(1.0),
    ],
)
def test_every_way_to_write_is_noticed(write: Any) -> None:
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = (x * w).sum()
    with tg.no_grad():
        write(x)
    with pytest.raises(RuntimeError, match="inplace"):
        y.backward()


def test_an_optimizer_step_between_forward_and_backward_is_noticed() -> None:
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    optimizer = tg.optim.SGD([w], lr=0.1)
    y = (x * w).sum()
    y.backward(retain_graph=True)
    optimizer.step()
    with pytest.raises(RuntimeError, match="mul kept its argument 'b'"):
        y.backward()


def test_a_leaf_that_requires_grad_is_not_written_in_grad_mode() -> None:
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        x.add_(1.0)
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        x[0] = 1.0
    np.testing.assert_array_equal(x.detach().numpy(), [1.0, 2.0])


# And what is right raises nothing


def test_a_value_that_backward_does_not_need_may_be_written() -> None:
    h = middle(1.0, 2.0)
    y = h + 1.0
    with tg.no_grad():
        h.fill_(9.0)
        y.detach().fill_(9.0)
    y.sum().backward()


def test_a_write_before_the_call_is_no_matter() -> None:
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    with tg.no_grad():
        x.fill_(5.0)
    (x * w).sum().backward()
    np.testing.assert_array_equal(w.grad.numpy(), [5.0, 5.0])


def test_writes_into_other_slices_of_one_buffer_blame_nobody() -> None:
    """Parameters in one flat buffer: writing one bias leaves another layer's graph valid."""
    flat = np.arange(12.0)
    one, two = (tg.from_numpy(flat[i : i + 6].reshape(2, 3)).requires_grad_() for i in (0, 6))
    y = (one * one).sum()
    with tg.no_grad():
        two.fill_(7.0)
    y.backward()
    np.testing.assert_array_equal(one.grad.numpy(), 2 * np.arange(6.0).reshape(2, 3))


def test_interleaved_slices_of_one_buffer_blame_nobody() -> None:
    """Their extents overlap, their elements do not."""
    flat = np.arange(12.0)
    even, odd = tg.from_numpy(flat[::2]).requires_grad_(), tg.from_numpy(flat[1::2])
    y = (even * even).sum()
    odd.fill_(7.0)
    y.backward()
    np.testing.assert_array_equal(even.grad.numpy(), 2 * flat[::2])


def test_one_shared_element_is_enough() -> None:
    flat = np.arange(12.0)
    left, right = tg.from_numpy(flat[:7]).requires_grad_(), tg.from_numpy(flat[6:])
    y = (left * left).sum()
    right.fill_(7.0)
    with pytest.raises(RuntimeError, match="mul"):
        y.backward()


def test_a_view_taken_after_the_write_is_fine() -> None:
    h = middle(1.0, 2.0, 3.0)
    with tg.no_grad():
        h.fill_(5.0)
    (h[1:] * 2).sum().backward()


def test_memory_that_was_written_freed_and_used_again_blames_nobody() -> None:
    for _ in range(200):
        scratch = tg.zeros(100)
        scratch.fill_(1.0)
        del scratch
        x = tg.tensor(np.ones(100, np.float32), requires_grad=True)
        y = (x * x).sum()
        y.backward()


def test_training_steps_in_place_raise_nothing() -> None:
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    for _ in range(5):
        w.grad = None
        (x * w * w).sum().backward()
        with tg.no_grad():
            w -= 0.1 * w.grad


# The gradients of recorded writes


def test_a_recorded_write_has_the_gradient_of_what_was_written() -> None:
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    h = x * 1.0
    h.mul_(w)
    h.add_(x)
    h.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [4.0, 5.0])
    np.testing.assert_array_equal(w.grad.numpy(), [1.0, 2.0])


def test_setitem_cuts_what_was_there_and_leads_to_the_value() -> None:
    x, w = leaf(1.0, 2.0, 3.0), leaf(10.0)
    h = x * 2.0
    h[1] = w[0] * 3
    h.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [2.0, 0.0, 2.0])
    np.testing.assert_array_equal(w.grad.numpy(), [3.0])


def test_writing_a_recorded_value_into_a_buffer_attaches_it() -> None:
    w = leaf(2.0, 3.0)
    buffer = tg.zeros(3, dtype=tg.float64)
    buffer[:2] = w * w
    assert buffer.requires_grad
    buffer.sum().backward()
    np.testing.assert_array_equal(w.grad.numpy(), [4.0, 6.0])


def test_an_in_place_op_keeps_what_it_computed_from() -> None:
    """x.mul_(x): the factor is the old value, not the new one."""
    x = leaf(3.0)
    h = x * 1.0
    h.mul_(h)
    h.backward(tg.ones(1, dtype=tg.float64))
    np.testing.assert_array_equal(x.grad.numpy(), [6.0])


def test_an_in_place_op_on_a_constant_keeps_what_it_computed_from() -> None:
    buffer, w = tg.tensor(np.array([2.0, 3.0])), leaf(4.0, 5.0)
    buffer.mul_(w)
    buffer.sum().backward()
    np.testing.assert_array_equal(w.grad.numpy(), [2.0, 3.0])
