"""Kernels opened into NumPy calls, and each call in its cheapest form: the known traps.

Random kernels and programs are in test_registry.py and test_programs.py; this file has one case for
each reason to call a kernel whole, and for each way to respell a call.
"""

import tracemalloc
from functools import partial

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist.jit.in_place import argument_to_overwrite, redirect
from tinygrad_mnist.jit.memory import Pool
from tinygrad_mnist.jit.respell import respell
from tinygrad_mnist.jit.unroll import same_bits, take_checked, under_errstate, unroll
from tinygrad_mnist.kernels.checks import classes_within


def x():
    return np.arange(1.0, 7.0, dtype=np.float32).reshape(2, 3)


def fixed(array):
    array.flags.writeable = False
    return array


KERNELS = {
    "a copy that leaves no record": lambda a: a.flatten() + 1,
    "a value read out": lambda a: a * float(a.max()),
    "a value read out in silence": lambda a: a * a.tolist()[0][0],
    "an array made from nothing": lambda a: np.add(a, np.arange(3), dtype=a.dtype) * a[0],
    "a branch": lambda a: a if a.sum() > 0 else -a,
    "a selection": lambda a: a[a > 2],
}


MADE = "an array made from nothing"


@pytest.mark.parametrize("argument", [x, lambda: fixed(x())], ids=["writable", "fixed"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_a_kernel_is_opened_only_if_the_calls_give_its_bits(kernel, argument):
    a = argument()
    unrolled = unroll(KERNELS[kernel], (a,), {}, Pool())
    assert same_bits(a, x())
    in_silence = kernel == "a value read out in silence"  # which only other data would show
    assert (unrolled is not None) == (kernel == MADE or (in_silence and argument is not x))
    if kernel == MADE:
        steps, (out,) = unrolled
        a.flags.writeable = True
        a += 2
        for step in steps:
            step()
        assert same_bits(out, KERNELS[kernel](a))


def test_errors_that_a_kernel_ignores_are_ignored_at_replay():
    def kernel(a):
        with np.errstate(divide="ignore"):
            y = 1 / a
        return np.sqrt(y)

    with np.errstate(all="call", call=lambda *_: None):
        steps, (out,) = unroll(kernel, (a := x(),), {}, Pool())
    assert steps[0].func is under_errstate and steps[1].func is not under_errstate
    a[0, 0] = 0
    for step in respell(steps, []):
        step()
    assert out[0, 0] == np.inf
    a[0, 0] = -1
    first, second = respell(steps, [])
    first()
    with pytest.warns(RuntimeWarning, match="sqrt"):
        second()


@pytest.mark.parametrize(
    ("function", "at", "raises"),
    [
        (lambda a: 1 / a, [0.0, 1.0], True),
        (lambda a: a.log(), [-1.0, 1.0], True),
        (lambda a: a.sigmoid(), [-200.0, 1.0], False),
        (lambda a: a.logsumexp(0), [-np.inf, -np.inf], False),
        (lambda a: a.sqrt(), [0.0, 1.0], False),  # its derivative is 1 / 0
    ],
)
def test_floating_point_errors_are_silent_unless_asked_for(function, at, raises):
    """A replay treats them as the eager step does; backward is silent always."""
    w = tg.zeros(2, requires_grad=True)

    def step(a):
        w.grad = None
        loss = function(w + a).sum()
        loss.backward()
        return loss, w.grad  # a result that nothing uses is not computed, and cannot be wrong

    jitted = tg.jit(step, pure=True)
    for each in (step, jitted, jitted, jitted, jitted):
        with np.testing.assert_no_warnings():
            each(tg.tensor(at))
    for each in (step, jitted, jitted):
        with np.errstate(divide="raise", invalid="raise"):
            if raises:
                with pytest.raises(FloatingPointError):
                    each(tg.tensor(at))
            else:
                each(tg.tensor(at))


def a_constant_that_is_not_even(a):
    return ((a * a).cumsum(0) * 2).sum()


@pytest.mark.parametrize("shape", [(3,), (1, 4), (4, 1)])
def test_constants_of_backward_that_are_not_one_number(shape):
    """The gradient of a running sum is n, n - 1, ..., 1: known at capture, and not even."""
    w = tg.ones(shape, requires_grad=True)

    def step(a):
        w.grad = None
        a_constant_that_is_not_even(w * a).backward()
        return w.grad

    jitted, a = tg.jit(step, pure=True), tg.full(shape, 2.0)
    assert [jitted(a).tolist() for _ in range(4)] == [step(a).tolist()] * 4


def rows(n=4):
    return np.arange(n * 3, dtype=np.float32).reshape(n, 3) - 5


OUT = np.full((4, 3), 9, np.float32)
CALLS = {
    "an even operand": (np.multiply, (rows(), np.full((4, 3), 2, np.float32)), {}),
    "one that is not": (np.multiply, (rows(), rows()[:, ::-1].copy()), {}),
    "a column that is not": (np.subtract, (rows(), rows()[:, :1].copy()), {}),
    "turned": (np.add, (rows().T, rows().T), {"out": OUT.T}),
    "one number": (np.exp, (np.ones((1, 1), np.float32),), {"out": np.zeros((1, 1), np.float32)}),
    "a name": (np.maximum, (rows(), np.float32(1)), {}),
    "a sum": (np.add.reduce, (rows(),), {"axis": 0, "out": OUT[0]}),
    "kept": (np.add.reduce, (rows(),), {"axis": 1, "keepdims": True, "out": OUT[:, :1]}),
    "started": (np.maximum.reduce, (rows(),), {"axis": 0, "initial": 2.0, "out": OUT[0]}),
    "from below": (np.maximum.reduce, (rows(),), {"axis": 0, "initial": -np.inf, "out": OUT[0]}),
    "of none": (np.maximum.reduce, (rows(0),), {"axis": 0, "initial": -np.inf, "out": OUT[0]}),
    "another dtype": (np.add, (rows(), 1), {"dtype": np.float32, "out": OUT}),
    "a product": (np.dot, (rows(), rows().T), {"out": np.zeros((4, 4), np.float32)}),
    "rows": (take_checked, (rows(), np.array([3, 0])), {"axis": 0, "out": OUT[:2]}),
    "rows from the end": (take_checked, (rows(), np.array([-1, 0])), {"axis": 0, "out": OUT[:2]}),
    "no rows": (take_checked, (rows(), np.array([], int)), {"axis": 0, "out": OUT[:0]}),
    "columns": (take_checked, (rows(), np.array([2, 0])), {"axis": 1, "out": OUT[:, :2]}),
}  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
def test_a_respelled_call_does_the_same(call):
    function, args, kw = CALLS[call]
    out = kw.get("out", OUT)
    wanted, got = [], []
    step = partial(function, *args, **(kw | {"out": out}))
    for steps, results in (
        ([step], wanted),
        (respell([step], [a for a in args if isinstance(a, np.ndarray)]), got),
    ):
        out[...] = 9
        for one in steps:
            one()
        results.append(out.copy())
    assert same_bits(wanted[0], got[0])


FORMS = {
    "out of place": lambda a, b: (a, b, np.empty_like(a)),
    "in place": lambda a, b: (a, b, a),
    "in place, by another array": lambda a, b: (a, b, a[:]),
    "the other way round": lambda a, b: (b, a, a),
    "over its own row": lambda a, b: (a, a[:1], a),
    "over its own column": lambda a, b: (a[:, 1:2], a, a),
    "over the last row": lambda a, b: (a, a[-1], a[:]),
    "into truths": lambda a, b: (a, b, np.empty(a.shape, bool)),
    "into columns": lambda a, b: (a, b, np.empty_like(a, order="F")),
    "turned": lambda a, b: (a.T, b.T, a.T) if b.ndim == 2 else (a, b, a),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("narrow", [np.s_[2], np.s_[:1], np.s_[:, :1], np.s_[1:2, 1:2]], ids=str)
def test_a_row_or_a_column_gives_the_same_bits_in_any_form(form, narrow):
    """NumPy takes less time over a copy of it, and over one array than over two on one memory."""
    results = []
    for prepare in list, lambda steps: respell(steps, []):
        a, b = rows(), rows()[narrow] * np.float32(0.3)
        *operands, out = FORMS[form](a, b)
        function = np.less if out.dtype == bool else np.subtract
        for step in prepare([partial(function, *operands, out)]):
            step()
        results.append(out.copy())
    assert same_bits(*results)


def test_an_array_is_named_once_where_a_call_writes_over_it():
    a = rows()
    (step,) = respell([partial(np.exp, a, a[:])], [])
    assert step.args[0] is step.args[1]
    (step,) = respell([partial(np.multiply, a.T, a.T, a[:].T)], [])
    assert step.args[0] is step.args[1] is step.args[2]


def test_a_respelled_check_raises_the_same_error():
    labels = np.array([0, 3, 1])
    (check,) = respell([partial(classes_within.__wrapped__, labels, 4)], [])
    check()
    for wrong in (4, -1):
        labels[1] = wrong
        with pytest.raises(IndexError, match=str(wrong)):
            check()


def test_an_argument_is_overwritten_only_by_the_last_call_and_only_if_it_ends_there():
    a, b, out, one = x(), x(), x(), np.ones((1, 1), np.float32)
    last = partial(np.add, a, b, out)
    assert argument_to_overwrite([partial(np.exp, a, b), last], out, [b]) is b
    assert argument_to_overwrite([last], out, []) is None
    twice = [partial(np.exp, a, out), partial(np.add, out, b, out)]
    assert argument_to_overwrite(twice, out, [b]) is None
    again = [partial(np.add, b[:], a, b[:])]  # it holds the result already
    assert argument_to_overwrite(again, b[:], [b]) is None
    assert argument_to_overwrite([partial(np.add, a, b.T[:2], out)], out, [b]) is None
    assert argument_to_overwrite([partial(np.dot, a, b, out)], out, [b]) is None
    assert argument_to_overwrite([partial(np.exp, one, one.copy())], one, [one]) is None


def test_a_result_moves_elsewhere_only_if_nothing_looks_at_parts_of_it():
    old, new = np.zeros((2, 3), np.float32), np.zeros((2, 3), np.float32)
    steps = [partial(np.copyto, old, 1), partial(np.copyto, old[0], 2)]
    assert not redirect(steps, old, new)
    assert redirect(steps[:1], old, new)
    assert not redirect([steps[0], partial(under_errstate, {}, steps[0])], old, new)
    by_row, moved = np.zeros((2, 4), np.float32), np.zeros((2, 4), np.float32)
    turned = [partial(np.dot, x(), rows().T, out=by_row)]
    assert redirect(turned, by_row.T, moved.T)
    turned[0]()
    assert same_bits(moved, x() @ rows().T) and not by_row.any()


def test_arguments_are_only_read():
    """They are not even written for a trial: another thread, or a file, may share their memory."""
    a, b = x(), fixed(x() + 1)
    before = a.copy()

    def kernel(x, other):
        assert same_bits(a, before)
        return np.exp(x.copy()) * other

    steps, (out,) = unroll(kernel, (a, b), {}, Pool())
    assert same_bits(a, before) and same_bits(out, np.exp(a) * b)
    a += 1
    for step in steps:
        step()
    assert same_bits(out, np.exp(a) * b)


@pytest.mark.parametrize(
    "turn", [lambda a: a, lambda a: a.T, lambda a: a[::-1], lambda a: a[:, ::2]]
)
def test_the_steps_read_arguments_of_any_layout(turn):
    whole = np.arange(24.0, dtype=np.float32).reshape(4, 6)
    a = turn(whole)
    steps, (out,) = unroll(lambda a: (a[1:] * 2).sum(axis=0), (a,), {}, Pool())
    whole += 1
    for step in steps:
        step()
    assert same_bits(out, (a[1:] * 2).sum(axis=0))


def test_an_argument_that_is_not_read_again_may_come_to_hold_the_result():
    pool = Pool()
    a, b = pool.like(x()), x()
    a[...] = b

    def kernel(a):
        y = a.copy()
        np.multiply(y, 2, out=y)
        return y

    steps, (out,) = unroll(kernel, (a,), {}, pool, [a])
    assert np.may_share_memory(out, a) and same_bits(out, b * 2)
    a[...] = b + 1
    for step in steps:
        step()
    assert same_bits(out, (b + 1) * 2)


def test_two_views_of_a_reusable_argument_are_told_apart():
    pool = Pool()
    a = pool.like(np.ones((3, 3), np.float32))
    a[...] = np.arange(9).reshape(3, 3)
    expected = np.exp(a) * a.T
    for view in (a.T, a[:, ::-1]):
        a[...] = np.arange(9).reshape(3, 3)
        expected = np.exp(a) * view

        def kernel(a, other):
            y = a.copy()
            np.exp(y, out=y)
            return y * other

        unrolled = unroll(kernel, (a, view), {}, pool, [a])
        if unrolled is not None:
            a[...] = np.arange(9).reshape(3, 3)
            for step in unrolled[0]:
                step()
            assert same_bits(unrolled[1][0], expected)


def bytes_for(work):
    """Return what some work returns, the bytes that stay, and the most that there were."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        result = work()
        now, peak = tracemalloc.get_traced_memory()
        return result, now - before, peak - before
    finally:
        tracemalloc.stop()


def test_an_empty_part_of_an_argument_holds_no_copy_of_it():
    a = np.ones((1000, 1000), np.float32)
    (steps, _), stays, _ = bytes_for(
        lambda: unroll(lambda a: a[:1] + np.dot(a[:1, 1000:], a[1000:]), (a,), {}, Pool())
    )
    assert len(steps) == 2 and stays < a.nbytes / 10


def test_a_trial_takes_one_copy_of_each_argument_and_two_of_each_result():
    a, b = np.ones((1000, 1), np.float32), np.ones((1, 1000), np.float32)
    whole = np.ones((1000, 1000), np.float32)
    _, _, peak = bytes_for(lambda: unroll(np.matmul, (a, b), {}, Pool()))
    assert peak < 2.4 * whole.nbytes
    for argument in whole, whole.T:
        _, _, peak = bytes_for(lambda: unroll(np.matmul, (b, argument), {}, Pool()))  # noqa: B023
        assert peak < 1.4 * whole.nbytes


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(()), np.zeros((0, 3)), rows(), np.ones(6)[::2], np.ones(6)[::-1],
        np.broadcast_to(np.ones(3), (4, 3)), np.ones(3, bool), np.ones((2, 3, 4), complex).T,
    ],
    ids=lambda a: f"{a.dtype}{list(a.shape)}",
)  # fmt: skip
def test_bits_are_compared_whatever_the_layout(array):
    for order in "CF":
        copy = array.copy(order)
        assert same_bits(array, copy) and same_bits(copy, array)
        if array.size:
            copy.flat[-1] = 0.5
            assert same_bits(array, copy) == (array.dtype == bool)
    assert not same_bits(np.float32(0), np.float32(-0.0)) and same_bits(np.nan, np.nan)


@pytest.mark.parametrize("pure", [False, True])
@pytest.mark.parametrize(
    "function", [tg.sum, tg.mean, lambda x: x @ x, lambda x: x.reshape(4, 2) @ x.reshape(2, 4)]
)
def test_products_and_sums_of_infinities_are_silent(function, pure, recwarn):
    """NumPy looks for errors behind a product by the BLAS as well."""
    x0 = tg.tensor([1.0, -1.0] * 4)
    jitted = tg.jit(lambda x: function(x0 * x), pure=pure)
    for value in (1.0, 1.0, 1.0, 1.0, np.inf, 3e38):
        jitted(tg.tensor(value))
    assert not [str(w.message) for w in recwarn]
