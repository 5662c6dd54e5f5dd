"""In-place calls: the values, the gradients, and what is refused rather than wrong."""

import re

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist.ops import inplace

DRAWN = {
    "bernoulli_": (), "cauchy_": (), "exponential_": (), "geometric_": (0.5,), "log_normal_": (),
    "normal_": (), "random_": (), "uniform_": (), "apply_": (lambda v: v,),
    "map_": (tg.ones(2), lambda a, b: a),
}  # fmt: skip
OPERANDS = {"addbmm_": (3, 3), "addmm_": (2, 2), "addmv_": (2, 1), "addr_": (1, 1),
            "baddbmm_": (3, 3)}  # fmt: skip
OTHERS = ("__", "bitwise", "gcd", "lcm")  # operators and integers
NAMES = {n for n in inplace.METHODS if not n.startswith(OTHERS)} - inplace.RELAID.keys()


@pytest.mark.parametrize(
    "name", sorted(n for n in NAMES if not n.startswith(("bitwise", "gcd", "lcm")))
)
def test_in_place_is_out_of_place_in_the_same_memory(name: str) -> None:
    shift = 1 if name == "acosh_" else 0
    x = tg.tensor([[0.25, 0.5], [0.75, 0.3]], dtype=tg.float64) + shift
    i = tg.tensor([[0, 1], [1, 0]])
    args = {
        "fill_": (2.0,), "copy_": (x * 2,), "masked_fill_": (x > 0.4, 9.0), "clamp_": (0.3, 0.6),
        "index_add_": (0, i[0], x), "index_copy_": (0, i[0], x), "index_fill_": (0, i[0], 3.0),
        "scatter_": (0, i, x), "scatter_add_": (0, i, x), "lerp_": (x, 0.5), "addcmul_": (x, x),
        "addcdiv_": (x, x), "clip_": (0.3, 0.6), "clamp_min_": (0.4,), "clamp_max_": (0.4,),
        "cumsum_": (0,), "cumprod_": (0,), "fill_diagonal_": (2.0,), "zero_": (), **DRAWN,
    }.get(name)  # fmt: skip
    if name in OPERANDS:
        full = tg.stack([x, x])
        x = full if name == "baddbmm_" else x[0] if name == "addmv_" else x
        args = tuple({1: x[0] if x.ndim > 1 else x, 2: full[0], 3: full}[n] for n in OPERANDS[name])
    if name in DRAWN or name in ("zero_", "fill_diagonal_"):
        expected = None
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


def test_bits_in_place() -> None:
    x = tg.tensor([1, 2, 3])
    assert x.bitwise_and_(tg.tensor([3, 3, 2])).tolist() == [1, 2, 2]
    assert x.bitwise_or_(tg.tensor([4, 4, 4])).tolist() == [5, 6, 6]
    assert x.bitwise_xor_(tg.tensor([1, 1, 1])).bitwise_not_().tolist() == [-5, -8, -8]
    assert x.bitwise_left_shift_(1).bitwise_right_shift_(2).tolist() == [-3, -4, -4]
    assert x.gcd_(tg.tensor([6, 6, 8])).lcm_(tg.tensor([2, 3, 1])).tolist() == [6, 6, 4]


def test_a_diagonal_in_place() -> None:
    assert tg.ones(2, 2).fill_diagonal_(5).tolist() == [[5, 1], [1, 5]]
    tall = tg.zeros(5, 2).fill_diagonal_(1, wrap=True)
    assert tall.tolist() == [[1, 0], [0, 1], [0, 0], [1, 0], [0, 1]]


@pytest.mark.parametrize("name", sorted(inplace.RELAID))
def test_another_shape_in_place(name: str) -> None:
    args = {"unsqueeze_": (0,), "squeeze_": (0,), "t_": ()}.get(name, (0, 1))
    w = tg.ones(1, 3, requires_grad=True)
    x = w * 2
    same = x
    assert getattr(x, name)(*args) is same
    assert x.equal(getattr(w * 2, name[:-1])(*args))
    (x * x).sum().backward()
    assert w.grad.tolist() == [[8, 8, 8]]
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        getattr(w, name)(*args)


def test_what_is_written_to_the_base_reaches_a_view_that_got_another_shape() -> None:
    base = tg.zeros(2, 3)
    row = base[0].unsqueeze_(1)
    assert row.shape == (3, 1)
    w = tg.ones(2, 3, requires_grad=True)
    base.add_(w * 2)
    row.sum().backward()
    assert w.grad.tolist() == [[2, 2, 2], [0, 0, 0]]
    with pytest.raises(RuntimeError, match="has views"):
        base.unsqueeze_(0)


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


def test_a_python_function_of_each_element() -> None:
    assert tg.tensor([1, 2]).apply_(lambda v: v * v + 1).tolist() == [2, 5]
    assert tg.tensor([1.0, 2.0]).map_(tg.tensor([3.0]), lambda a, b: a - b).tolist() == [-2, -1]
    with pytest.raises(RuntimeError, match="can't be changed by a Python function"):
        tg.ones(2, requires_grad=True).apply_(abs)
