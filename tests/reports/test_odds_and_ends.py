"""Attention where nobody is seen, ignored targets, samplers, schedules: a case for each."""

import warnings
from collections.abc import Iterator

import numpy as np
import pytest

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tinygrad_mnist import nn, optim
from tinygrad_mnist.utils.data import Subset, TensorDataset, WeightedRandomSampler

INF = float("inf")


@pytest.mark.parametrize(
    "mask",
    [
        tg.tensor([[True, False], [False, False]]),
        tg.tensor([[0.0, -INF], [-INF, -INF]]),
    ],
    ids=["bools", "floats"],
)
def test_a_query_that_sees_nobody_gives_zeros(mask: tg.Tensor) -> None:
    q, k, v = (tg.arange(6.0).reshape(1, 2, 3).requires_grad_() for _ in range(3))
    y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    assert y.tolist() == [[[0, 1, 2], [0, 0, 0]]]
    y.sum().backward()
    for x in (q, k, v):
        assert np.isfinite(x.grad.numpy()).all()
    assert v.grad.tolist() == [[[1, 1, 1], [0, 0, 0]]]


def test_padding_alone_is_attended_to_by_nobody() -> None:
    attention, x = nn.MultiheadAttention(4, 2, batch_first=True), tg.ones(1, 3, 4)
    y, weights = attention(x, x, x, key_padding_mask=tg.tensor([[True] * 3]))
    assert np.isfinite(y.detach().numpy()).all() and not weights.detach().numpy().any()


@pytest.mark.parametrize("loss", [F.cross_entropy, F.nll_loss])
def test_all_targets_ignored(loss: object) -> None:
    x = tg.zeros(2, 3, requires_grad=True)
    target = tg.tensor([-100, -100])
    assert np.isnan(loss(x, target).item())  # type: ignore[operator]
    assert loss(x, target, reduction="sum").item() == 0  # type: ignore[operator]
    each = loss(x, target, reduction="none")  # type: ignore[operator]
    each.sum().backward()
    assert each.tolist() == [0, 0] and not x.grad.numpy().any()


def test_an_embedding_names_a_padding_that_is_no_row() -> None:
    with pytest.raises(ValueError, match="padding_idx 5"):
        F.embedding(tg.tensor([0]), tg.zeros(3, 2), padding_idx=5)


def test_a_plateau_reduces_groups_that_came_later() -> None:
    optimizer = optim.SGD([nn.Parameter(tg.ones(1))], lr=1.0)
    schedule = optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, min_lr=0.2)
    optimizer.add_param_group({"params": [nn.Parameter(tg.ones(1))], "lr": 0.5})
    for _ in range(2):
        schedule.step(1.0)
    assert [group["lr"] for group in optimizer.param_groups] == [0.2, 0.2]


def test_a_rate_that_a_schedule_took_below_zero_is_loaded() -> None:
    w = nn.Parameter(tg.ones(1))
    optimizer = optim.SGD([w], lr=1.0)
    schedule = optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1 - epoch)
    w.grad = tg.ones(1)
    for _ in range(3):
        optimizer.step()
        schedule.step()
    again = optim.SGD([w], lr=1.0)
    again.load_state_dict(optimizer.state_dict())
    assert again.param_groups[0]["lr"] == -2
    with pytest.raises(ValueError, match="learning rate"):
        optim.SGD([w], lr=-1.0)


def test_an_iterator_that_is_used_up_is_said() -> None:
    w = nn.Parameter(tg.ones(1))
    w.grad = tg.full((1,), 5.0)
    left: Iterator[nn.Parameter] = iter([w])
    next(left)
    with pytest.warns(UserWarning, match="an exhausted iterator: no gradient is clipped") as caught:
        tg.nn.utils.clip_grad_norm_(left, 1.0)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tg.nn.utils.clip_grad_norm_([], 1.0)


@pytest.mark.parametrize("count", [0, -1, True, 1.5])
def test_a_sampler_draws_one_at_least(count: object) -> None:
    with pytest.raises(ValueError, match="num_samples"):
        WeightedRandomSampler([1.0, 2.0], num_samples=count)  # type: ignore[arg-type]


def test_a_subset_has_the_indices_of_now() -> None:
    subset = Subset(TensorDataset(tg.arange(5)), [0, 1])
    subset.indices = [3]
    assert len(subset) == 1 and subset[0][0].item() == 3
    subset.indices.append(4)
    assert len(subset) == 2 and subset[1][0].item() == 4
    assert [row.tolist() for (row,) in tg.utils.data.DataLoader(subset, batch_size=2)] == [[3, 4]]


def test_a_gradient_by_nothing_is_refused() -> None:
    with pytest.raises(RuntimeError, match="cannot be empty"):
        tg.autograd.grad(tg.ones(1, requires_grad=True).sum(), [])
