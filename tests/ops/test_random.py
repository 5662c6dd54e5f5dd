"""Random numbers: the same for the same seed, and distributed as they say."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist.ops import random

DRAWS: dict[str, Callable[[Any], tg.Tensor]] = {
    "rand": lambda g: tg.rand(5, generator=g),
    "randn": lambda g: tg.randn(5, generator=g),
    "randint": lambda g: tg.randint(0, 1000, (5,), generator=g),
    "randperm": lambda g: tg.randperm(100, generator=g),
    "bernoulli": lambda g: tg.full((50,), 0.5).bernoulli(generator=g),
    "multinomial": lambda g: tg.ones(100).multinomial(5, generator=g),
    "normal": lambda g: tg.normal(1.0, 2.0, (5,), generator=g),
    "uniform_": lambda g: tg.zeros(5).uniform_(generator=g),
    "normal_": lambda g: tg.zeros(5).normal_(generator=g),
    "random_": lambda g: tg.zeros(5).random_(1000, generator=g),
    "bernoulli_": lambda g: tg.full((50,), 0.5).bernoulli_(generator=g),
}


@pytest.mark.parametrize("name", DRAWS)
def test_a_seed_decides_and_the_stream_goes_on(name: str) -> None:
    draw = DRAWS[name]
    g = tg.Generator().manual_seed(3)
    first, second = draw(g), draw(g)
    assert tg.equal(draw(tg.Generator().manual_seed(3)), first)
    assert not tg.equal(first, second)
    tg.manual_seed(3)
    state = tg.get_rng_state()
    a = draw(None)
    tg.set_rng_state(state)
    assert tg.equal(draw(None), a)
    assert tg.equal(a, first)


def test_ranges_and_moments() -> None:
    g = tg.Generator().manual_seed(0)
    u, n = tg.rand(100_000, generator=g), tg.randn(100_000, generator=g)
    assert u.min().item() >= 0 and u.max().item() < 1
    assert u.mean().item() == pytest.approx(0.5, abs=0.01)
    assert n.mean().item() == pytest.approx(0, abs=0.02) and n.std().item() == pytest.approx(
        1, abs=0.02
    )
    i = tg.randint(3, 7, (10_000,), generator=g)
    assert i.unique().tolist() == [3, 4, 5, 6] and i.dtype == tg.int64
    coins = tg.tensor([0.0, 0.25, 1.0]).expand(40_000, 3).bernoulli(generator=g).mean(0)
    np.testing.assert_allclose(coins.numpy(), [0, 0.25, 1], atol=0.01)
    assert sorted(tg.randperm(50, generator=g).tolist()) == list(range(50))


@pytest.mark.parametrize(("count", "replacement"), [(1, False), (1, True), (9, True)])
def test_multinomial_draws_what_numpy_chooses(count: int, replacement: bool) -> None:
    weights = np.array([[0.5, 0.0, 2.5], [3.0, 1.0, 0.0]])
    ours, theirs = tg.Generator().manual_seed(3), tg.Generator().manual_seed(3)
    for _ in range(20):
        drawn = tg.tensor(weights).multinomial(count, replacement, generator=ours)
        rows = weights / weights.sum(1, keepdims=True)
        expected = [theirs.rng.choice(3, count, replacement, row) for row in rows]
        assert drawn.tolist() == np.array(expected).tolist()


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -1.0])
def test_multinomial_refuses_what_is_no_weight(wrong: float) -> None:
    for weights in ([wrong, 2.0], [[1.0, 2.0], [3.0, wrong]]):
        with pytest.raises(RuntimeError, match="inf"):
            tg.tensor(weights).multinomial(1)


def test_multinomial_follows_its_weights() -> None:
    g = tg.Generator().manual_seed(0)
    weights = tg.tensor([[1.0, 0.0, 3.0], [0.0, 1.0, 0.0]])
    drawn = weights.multinomial(8000, replacement=True, generator=g)
    assert (drawn[0] == 2).float().mean().item() == pytest.approx(0.75, abs=0.02)
    assert not (drawn[0] == 1).any() and (drawn[1] == 1).all()
    assert sorted(weights[0].multinomial(2, generator=g).tolist()) == [0, 2]
    with pytest.raises(RuntimeError, match="without replacement"):
        weights.multinomial(2, generator=g)
    with pytest.raises(RuntimeError, match="element < 0"):
        tg.tensor([-1.0, 2.0]).multinomial(1)


def test_dtypes_and_gradients() -> None:
    assert tg.randn(2, dtype=tg.float64).dtype == tg.float64
    assert tg.rand_like(tg.zeros(2, dtype=tg.float64)).dtype == tg.float64
    assert tg.rand(2, requires_grad=True).requires_grad
    assert not tg.rand(2, requires_grad=True).bernoulli().requires_grad
    with pytest.raises(RuntimeError, match="less than"):
        tg.randint(5, 5, (2,))


def test_every_name_has_a_test() -> None:
    tested = {*DRAWS, "Generator", "manual_seed", "get_rng_state", "set_rng_state", "initial_seed"}
    assert set(random.__all__) - tested == {"rand_like", "randn_like", "randint_like"}
    x = tg.zeros(2, 3, dtype=tg.float64)
    for like in (
        tg.rand_like(x),
        tg.randn_like(x),
        tg.randint_like(x, 3),
        tg.randint_like(x, 1, 9),
    ):
        assert like.shape == (2, 3) and like.dtype == tg.float64
    assert set(tg.randint_like(tg.zeros(99), 3, 5).unique().tolist()) == {3, 4}


def test_seeds_and_states() -> None:
    assert tg.manual_seed(5).initial_seed() == tg.initial_seed() == 5
    g = tg.Generator()
    assert g.initial_seed() != tg.Generator().initial_seed() and g.seed() == g.initial_seed()
    tg.rand(1, generator=g)
    state = g.get_state()
    first = tg.rand(3, generator=g)
    g.set_state(state)
    assert tg.rand(3, generator=g).equal(first)
    assert tg.rand(2, generator=np.random.default_rng(0)).shape == (2,)


def test_other_dtypes_and_spellings() -> None:
    assert tg.rand(2, dtype=tg.float16).dtype == tg.randn(2, dtype=tg.float16).dtype == tg.float16
    assert tg.randperm(3, dtype=tg.int32).dtype == tg.int32
    assert tg.randint(5, (2,)).shape == (2,) and tg.randint(5, (2,)).max().item() < 5
    means = tg.normal(tg.tensor([0.0, 100.0]), tg.tensor([1.0, 1.0]))
    assert means.shape == (2,) and means[1].item() > 50
    assert tg.zeros(9).bernoulli(1.0).tolist() == [1] * 9
    assert tg.zeros(9).random_(5, 6).tolist() == [5] * 9
    with pytest.raises(RuntimeError, match="at least one sample"):
        tg.ones(3).multinomial(0)


def test_a_captured_program_follows_the_seed() -> None:
    def draws(x: tg.Tensor) -> tg.Tensor:
        return x + tg.randn(4) * tg.rand(4) + tg.randperm(4) + tg.full((4,), 0.5).bernoulli()

    captured, x = tg.jit(draws), tg.ones(4)
    for seed in range(5):
        tg.manual_seed(seed)
        expected = draws(x)
        tg.manual_seed(seed)
        assert tg.equal(captured(x), expected)


def test_a_fork_leaves_the_numbers_outside_alone() -> None:
    tg.manual_seed(0)
    expected = tg.rand(3).tolist()
    for enabled in (True, False):
        tg.manual_seed(0)
        with random.fork_rng(devices=[], enabled=enabled):
            tg.manual_seed(1)
            tg.rand(2)
        assert (tg.rand(3).tolist() == expected) is enabled
