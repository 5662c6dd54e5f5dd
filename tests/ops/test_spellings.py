"""Arguments by PyTorch's names: each form of a call that PyTorch takes, with the same result."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import tinygrad_mnist as tg

torch = pytest.importorskip("torch")

# Expressions over t (the package), x, y (2 x 3 floats), v (3 floats) and i (two indices).
CALLS = """
t.arange(end=5)
t.arange(start=1, end=5)
t.arange(0, end=2.5, step=0.5)
t.arange(0, end=5)
t.split(tensor=x, split_size_or_sections=1, dim=1)
x.split(split_size=1, dim=0)
x.unsafe_split(split_size=1, dim=1)
t.tensor_split(y, sections=3, dim=1)
t.tensor_split(y, indices=(1,), dim=1)
t.hsplit(y, sections=3)
t.vsplit(y, indices=(1,))
x.max(other=y)
t.min(y, other=x)
t.addmm(input=x @ y.T, mat1=x, mat2=y.T, beta=0.5, alpha=2)
t.addmv(v[:2], mat=y, vec=v)
t.addr(x.T @ y, vec1=v, vec2=v)
t.baddbmm(input=(x @ y.T)[None], batch1=x[None], batch2=y.T[None], beta=0.5)
t.addbmm(input=x @ y.T, batch1=x[None], batch2=y.T[None])
(x @ y.T).addmm_(mat1=x, mat2=y.T)
x.repeat(repeats=(2, 1))
x.view(size=(3, 2))
x.view(dtype=t.int32)
x.view(t.int32)
y.view(t.int16)
y.view(t.int16).view(t.float32)
y.double().view(t.float32)
v[0].view(t.int32)
t.repeat_interleave(i + 1)
t.repeat_interleave(repeats=2, input=x, dim=1)
t.swapaxes(input=x, axis0=0, axis1=1)
x.swapaxes(axis0=0, axis1=1)
t.heaviside(input=y, values=t.tensor(0.5))
t.vdot(v, other=v)
t.promote_types(type1=t.float32, type2=t.int64)
t.cholesky_inverse(input=t.eye(2))
t.cholesky_solve(input=x, input2=t.eye(2))
"""
# Losses by position, with PyTorch's older arguments in their places; F is nn.functional.
LOSSES = """
F.mse_loss(x, y, False)
F.mse_loss(x, y, None, None, 'sum')
F.l1_loss(x, y, False)
F.l1_loss(x, y, None, None, 'none')
F.smooth_l1_loss(x, y, None, None, 'sum', 2.)
F.smooth_l1_loss(x, y, False)
F.huber_loss(x, y, 'sum', 2.)
F.binary_cross_entropy_with_logits(x, y, y, False)
F.binary_cross_entropy_with_logits(x, y, None, None, None, 'sum', y)
F.binary_cross_entropy(x, y, y, False)
F.binary_cross_entropy(x, y, None, None, None, 'sum')
F.cross_entropy(x, i, None, False)
F.cross_entropy(x, i, None, None, 0, None, 'sum', 0.1)
F.nll_loss(x, i, None, False)
F.poisson_nll_loss(x, y, True, False, False)
F.normalize(y, 2.0, 0, out=x.clone())
F.kl_div(x, y, False)
F.kl_div(x, y, None, None, 'batchmean')
F.cosine_embedding_loss(x, y, t.ones(2), 0., False)
F.margin_ranking_loss(x, y, t.ones(2, 3), 0., False)
F.hinge_embedding_loss(x, y, 1., False)
F.soft_margin_loss(x, y, False)
F.multi_margin_loss(x, i, 1, 1., None, False)
F.multilabel_soft_margin_loss(x, y, None, False)
F.triplet_margin_loss(x, y, x*2, 1., 2., 1e-6, False, False)
F.gaussian_nll_loss(x, y, y, False, 1e-6, 'sum')
t.nn.MSELoss(False)(x, y)
t.nn.MSELoss(None, None, 'sum')(x, y)
t.nn.BCELoss(None, False)(x, y)
t.nn.CrossEntropyLoss(None, False)(x, i)
t.nn.L1Loss(size_average=False)(x, y)
t.nn.KLDivLoss(False)(x, y)
t.nn.SmoothL1Loss(None, None, 'sum', 2.)(x, y)
t.nn.NLLLoss(None, False)(x, i)
t.nn.BCEWithLogitsLoss(None, None, None, 'sum', y)(x, y)
t.nn.TripletMarginLoss(1., 2., 1e-6, False, False)(x, y, x*2)
"""
# Random numbers: of these the shape, the dtype and the range are compared.
DRAWS = """
t.randint(high=2, size=(3,))
t.randint(high=3, low=2, size=(3,))
t.randint(size=(2,), high=4, dtype=t.float64)
t.randint(3, size=(3,))
t.randint_like(x, high=3)
t.randint_like(x, low=2, high=3)
x.uniform_(to=0.5)
x.random_(to=3)
t.nn.functional.gumbel_softmax(x, 1.0, True, 1e-10, 0).sum(0)
"""
REFUSED = """
t.arange()
t.randint(size=(2,))
t.randint(high=2)
t.randint(3)
x.view(t.int64)
x.T.view(t.int16)
v[0].view(t.int64)
t.add(x, mat1=y)
x.sum(repeats=2)
t.zeros(2.0)
t.empty((2.0, 3))
t.zeros([2, "a"])
t.randn(2, 3.0)
t.full((2.0,), 1)
t.rand(None)
x.reshape(1.5)
x.reshape(None)
x.view(6.0)
x.repeat(1.5)
x.permute(0, 1.0)
x.transpose(0, 1.0)
x.sum(1.0)
t.nn.Conv2d(3, 4.0, 3)
t.nn.Linear(2.0, 3)
"""


def result(t: Any, call: str) -> Any:
    names = {"t": t, "x": t.ones(2, 3), "v": t.arange(3.0), "i": t.tensor([0, 1])}
    names["y"] = t.arange(6.0).reshape(2, 3)
    names["F"] = t.nn.functional
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return eval(call, names)


def described(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return [described(part) for part in value]
    if not isinstance(value, (tg.Tensor, torch.Tensor)):
        return str(value).removeprefix("torch.")
    return tuple(value.shape), str(value.dtype).removeprefix("torch."), value.tolist()


@pytest.mark.parametrize("call", CALLS.strip().splitlines())
def test_arguments_have_pytorchs_names(call: str) -> None:
    assert described(result(tg, call)) == described(result(torch, call))


@pytest.mark.parametrize("call", LOSSES.strip().splitlines())
def test_losses_take_arguments_by_position(call: str) -> None:
    def value(t: Any) -> Any:
        x, y = t.arange(6.0).reshape(2, 3) / 7, t.ones(2, 3) * 0.5
        names = {"t": t, "F": t.nn.functional, "x": x, "y": y, "i": t.tensor([0, 1])}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return eval(call, names).numpy()

    np.testing.assert_allclose(value(tg), value(torch), rtol=1e-5)


def test_a_loss_takes_no_more_arguments_than_pytorchs() -> None:
    x = tg.ones(2)
    with pytest.raises(TypeError, match="mse_loss.. takes at most 6 positional arguments, but 7"):
        tg.nn.functional.mse_loss(x, x, None, None, "sum", None, 3)


@pytest.mark.parametrize("call", DRAWS.strip().splitlines())
def test_arguments_of_draws_have_pytorchs_names(call: str) -> None:
    ours, theirs = result(tg, call), result(torch, call)
    assert described(ours)[:2] == described(theirs)[:2]
    assert ours.min() >= 0 and ours.max() <= 3


@pytest.mark.parametrize("call", REFUSED.strip().splitlines())
def test_calls_that_pytorch_refuses_are_refused(call: str) -> None:
    with pytest.raises((TypeError, RuntimeError)) as theirs:
        result(torch, call)
    with pytest.raises(theirs.type):
        result(tg, call)


def test_a_view_of_another_dtype_shares_the_memory() -> None:
    x = tg.ones(2)
    bits = x.view(tg.int32)
    bits.fill_(0)
    assert x.tolist() == [0, 0] and np.shares_memory(x.numpy(), bits.numpy())


def test_switches_of_recording_decorate_without_a_call() -> None:
    x = tg.ones(2, requires_grad=True)

    @tg.inference_mode
    def unrecorded(x: tg.Tensor) -> tg.Tensor:
        return x * 2

    @tg.enable_grad
    def recorded(x: tg.Tensor) -> tg.Tensor:
        return x * 2

    assert not unrecorded(x).requires_grad
    with tg.no_grad():
        assert recorded(x).requires_grad
    with tg.inference_mode(False):
        assert (x * 2).requires_grad


def test_a_size_that_is_no_int_is_named() -> None:
    with pytest.raises(TypeError, match="must be tuple of ints, but found element of type float"):
        tg.zeros((2.0, 3))
    with pytest.raises(TypeError, match="dim must be int, not float"):
        tg.ones(2).sum(0.0)
