"""In-place calls: the values, the gradients, and what is refused rather than wrong."""

import re

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist.ops import inplace


@pytest.mark.parametrize("name", sorted(n for n in inplace.METHODS if not n.startswith("__")))
def test_in_place_is_out_of_place_in_the_same_memory(name: str) -> None:
    shift = 1 if name == "acosh_" else 0
    x = tg.tensor([[0.25, 0.5], [0.75, 0.3]], dtype=tg.float64) + shift
    i = tg.tensor([[0, 1], [1, 0]])
    args = {
        "fill_": (2.0,), "copy_": (x * 2,), "masked_fill_": (x > 0.4, 9.0), "clamp_": (0.3, 0.6),
        "index_add_": (0, i[0], x), "index_copy_": (0, i[0], x), "index_fill_": (0, i[0], 3.0),
        "scatter_": (0, i, x), "scatter_add_": (0, i, x), "lerp_": (x, 0.5), "addcmul_": (x, x),
        "addcdiv_": (x, x), "clip_": (0.3, 0.6), "clamp_min_": (0.4,), "clamp_max_": (0.4,),
    }.get(name)  # fmt: skip
    if name in ("uniform_", "normal_", "random_", "bernoulli_", "zero_"):
        expected = None
        args = ()
    else:
        out_of_place = getattr(tg, name[:-1], None) or (lambda old, new: new)
        try:
            expected = out_of_place(x, *(args or ()))
        except TypeError:  # it takes another operand
            args = (x * 0.5,)
            expected = out_of_place(x, *args)
    y = tg.tensor(x.numpy(), dtype=tg.float64)
    memory = y.numpy()
    assert getattr(y, name)(*(args or ())) is y
    assert y.numpy() is memory
    if expected is not None:
        np.testing.assert_array_equal(memory, expected.numpy().astype(np.float64))


def test_gradients_flow_through_a_rewritten_tensor() -> None:
    w = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = w * 2
    y.mul_(y)  # keeps a copy of what it overwrites
    y[0] = w[2] * 10
    y += w
    y.sum().backward()
    assert w.grad.tolist() == [1, 17, 35]


def test_a_view_follows_what_is_written_to_its_base() -> None:
    w = tg.ones(4, requires_grad=True)
    y = w * 1
    half = y[:2]
    y.mul_(3)
    half.sum().backward()
    assert w.grad.tolist() == [3, 3, 0, 0]


def test_no_grad_writes_leave_a_leaf_a_leaf() -> None:
    w = tg.ones(3, requires_grad=True)
    with tg.no_grad():
        w.mul_(2).add_(tg.ones(3))
        w[1] = 0
    assert w.requires_grad and w.is_leaf and w.tolist() == [3, 0, 3]
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        w += 1


def test_what_does_not_fit_changes_nothing() -> None:
    x = tg.zeros(3)
    for call in (
        lambda: x.add_(tg.ones(2, 3)),
        lambda: x.__setitem__(slice(0, 2), tg.ones(3)),
        lambda: x.copy_(tg.ones(2)),
        lambda: x.__setitem__(7, 1.0),
    ):
        with pytest.raises((RuntimeError, IndexError)):
            call()
    assert x.tolist() == [0, 0, 0]


def test_overlapping_assignment_reads_before_it_writes() -> None:
    x = tg.arange(6.0)
    x[1:] = x[:-1]
    assert x.tolist() == [0, 0, 1, 2, 3, 4]


def test_a_mask_of_the_whole_shape_picks_what_is_written() -> None:
    w = tg.tensor([1.0, -2.0, 3.0], requires_grad=True)
    y = w * 1
    y[y < 0] = 0
    y.sum().backward()
    assert y.tolist() == [1, 0, 3] and w.grad.tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tg.zeros(2).expand(3, 2).fill_(1), "more than one element"),
        (lambda: read_only().add_(1), "read-only; write to a clone"),
        (lambda: tg.zeros(2).copy_(tg.ones(2, 2)), "output with shape [2] doesn't match"),
        (lambda: tg.zeros(2).add_(tg.ones(2, 2)), "output with shape [2] doesn't match"),
        (lambda: tg.tensor([1]).add_(0.5), "float32 can't be cast"),
        (lambda: inplace.write(tg.zeros(2), tg.ones(3)), "a value of shape [3] does not fit"),
    ],
)  # fmt: skip
def test_what_cannot_be_written_is_refused(call: object, message: str) -> None:
    with pytest.raises(RuntimeError, match=re.escape(message)):
        call()


def read_only() -> tg.Tensor:
    array = np.zeros(2, np.float32)
    array.flags.writeable = False
    return tg.from_numpy(array)


def test_an_expanded_view_of_single_elements_may_be_written() -> None:
    x = tg.zeros(2)
    x.expand(1, 2).fill_(3)
    assert x.tolist() == [3, 3]


def test_in_place_calls_in_a_captured_program_do_what_they_do_outside() -> None:
    def rewritten(x: tg.Tensor, w: tg.Tensor) -> tg.Tensor:
        y = x * w
        y[1] = w
        y.mul_(y).add_(1)
        y[0:1] = 5.0
        return y

    captured = tg.jit(rewritten, pure=True)
    for k in range(3):
        x, w = tg.arange(3.0) + k, tg.tensor(2.0 + k)
        assert captured(x, w).equal(rewritten(x, w))
