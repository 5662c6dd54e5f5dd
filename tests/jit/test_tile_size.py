"""tile_rows="auto": by sizes alone, the same everywhere, and never an error."""

import numpy as np
import pytest

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tinygrad_mnist import nn, optim
from tinygrad_mnist.data import load_embedded
from tinygrad_mnist.jit.tile_size import tile_rows_of
from tinygrad_mnist.models import RECIPES, Recipe, RecipeError
from tinygrad_mnist.train import Trainer, evaluate, fit, run_record

RNG = np.random.default_rng(0)
X = RNG.standard_normal((600, 2000), dtype=np.float32)
Y = RNG.integers(0, 5, 600)


def step_of(model, optimizer, criterion=F.cross_entropy):
    def step(x, y):
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def losses(make_model, rows=600, calls=3, **options):
    """Return the losses of some steps, the weights after them, and the step."""
    tg.manual_seed(0)
    model = make_model()
    step = step_of(model, optim.SGD(model.parameters(), lr=0.1))
    step = tg.jit(step, **options) if options else step
    x, y = tg.from_numpy(X[:rows]), tg.from_numpy(Y[:rows])
    numbers = [step(x, y).item() for _ in range(calls)]
    return numbers, [p.detach().numpy().copy() for p in model.parameters()], step


def small():
    return nn.Sequential(nn.Linear(2000, 5))


def with_batch_norm():
    return nn.Sequential(nn.Linear(2000, 8), nn.BatchNorm1d(8), nn.Linear(8, 5))


def lazy():
    return nn.Sequential(nn.LazyLinear(5))


def test_a_large_batch_goes_in_tiles_of_a_power_of_two_and_a_small_one_in_one_piece():
    _, _, step = losses(small, tile_rows="auto")
    first, *lines = repr(step).splitlines()
    rows = tile_rows_of(step.function, (X, Y))
    assert rows == 256 and first == (
        f'# tile_rows="auto": batches of more than {rows} rows go in tiles'
    )
    assert "for each of 3 tiles" in lines[1]
    _, _, step = losses(small, rows=rows, tile_rows="auto")
    assert "for each of" not in repr(step)


def test_the_choice_is_what_a_number_gives():
    chosen = tile_rows_of(losses(small)[2], (X, Y))
    automatic, number = losses(small, tile_rows="auto"), losses(small, tile_rows=chosen)
    assert automatic[0] == number[0]
    for a, b in zip(automatic[1], number[1], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("make_model", [with_batch_norm, lazy])
def test_a_step_that_cannot_be_cut_is_that_of_eager_to_the_bit(make_model):
    eager, automatic = losses(make_model, rows=200), losses(make_model, rows=200, tile_rows="auto")
    assert eager[0] == automatic[0]
    for a, b in zip(eager[1], automatic[1], strict=True):
        np.testing.assert_array_equal(a, b)


def test_no_number_makes_no_error_of_a_refusal():
    with pytest.raises(RuntimeError, match="cannot be cut into tiles"):
        losses(with_batch_norm, tile_rows=100)
    _, _, step = losses(with_batch_norm, tile_rows="auto")
    assert repr(step).startswith('# tile_rows="auto": no tiles\n')


def test_a_choice_leaves_parameters_gradients_and_generators_as_they_were():
    model = nn.Sequential(nn.Linear(2000, 8), nn.Dropout(0.5), nn.Linear(8, 5))
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    step = step_of(model, optimizer)
    before, random = [p.detach().numpy().copy() for p in model.parameters()], tg.get_rng_state()
    assert tile_rows_of(step, (X, Y)) is not None
    for p, old in zip(model.parameters(), before, strict=True):
        np.testing.assert_array_equal(p.detach().numpy(), old)
        assert p.grad is None
    assert not optimizer.state and tg.get_rng_state() == random


def test_a_call_that_fails_decides_nothing():
    model = small()
    step = tg.jit(step_of(model, optim.SGD(model.parameters(), lr=0.1)), tile_rows="auto")
    with pytest.raises(IndexError):
        step(X, np.full_like(Y, 7))
    step(X, Y)
    assert "for each of 3 tiles" in repr(step)


@pytest.mark.parametrize("wrong", [0, -1, 2.5, "most", True])
def test_other_values_are_refused_with_what_would_be_right(wrong):
    with pytest.raises(ValueError, match='a whole number above 0 or "auto"'):
        tg.jit(lambda x: x, tile_rows=wrong)


def test_the_recipes_get_tiles_where_a_batch_is_large():
    chosen = {
        name: Trainer(RECIPES[name], load_embedded()).tile_rows
        for name in ("mlp-128", "mlp-532", "cnn")
    }
    assert chosen == {"mlp-128": 1024, "mlp-532": 1024, "cnn": 64}
    assert RECIPES["cnn"].tile_rows == "auto"
    with pytest.raises(RecipeError, match='tile_rows must be at least 1, "auto" or None'):
        RECIPES["cnn"].replace(tile_rows="most")
    assert Recipe.from_dict(RECIPES["cnn"].to_dict()) == RECIPES["cnn"]


def test_a_resumed_run_keeps_the_choice_that_is_recorded(monkeypatch):
    recipe = RECIPES["mlp-10"].replace(batch_size=3000, epochs=2)
    whole = fit(recipe, load_embedded())
    data = load_embedded()
    evaluation = evaluate(whole.model, recipe, data.test_images[:50], data.test_labels[:50])
    assert run_record(whole, evaluation)["tile_rows"] == whole.tile_rows == 1024
    begun = Trainer(recipe, load_embedded())
    steps = begun.steps()
    next(steps)
    weights, state = begun.model.state_dict(), begun.state_dict()
    steps.close()
    monkeypatch.setattr("tinygrad_mnist.train.loop.tile_rows_of", lambda *_: 7)  # another release
    resumed = Trainer(recipe, load_embedded())
    resumed.model.load_state_dict(weights)
    resumed.load_state_dict(state)
    for _ in resumed.steps():
        pass
    assert resumed.tile_rows == whole.tile_rows
    for a, b in zip(resumed.model.parameters(), whole.model.parameters(), strict=True):
        np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())
