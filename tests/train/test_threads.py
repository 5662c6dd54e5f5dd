"""Threads that choose themselves: by time, once per run, recorded, and nothing else is changed."""

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import threads as blas_threads
from tinygrad_mnist.models import RECIPES
from tinygrad_mnist.threads import Blas
from tinygrad_mnist.train import Trainer, loop, run_record, threads
from tinygrad_mnist.train.metrics import evaluate

SMALL = RECIPES["mlp-10"].replace(epochs=1)


@pytest.fixture(autouse=True)
def two_threads(monkeypatch):
    """A BLAS with two threads, as far as anybody can see, and nothing in the environment."""
    now = [2]
    monkeypatch.setattr(threads, "get_num_threads", lambda: now[0])
    monkeypatch.setattr(threads, "set_num_threads", lambda n: now.__setitem__(0, n))
    monkeypatch.setattr(threads, "is_set_by_user", lambda: False)
    before = tg.get_num_threads()
    yield now
    tg.set_num_threads(before)


def timed(one, every):
    return lambda trainer, counts: [one, every]


@pytest.mark.parametrize(
    ("one", "every", "chosen"),
    [
        ([1.0] * 5, [0.6] * 5, 2),
        ([1.0] * 5, [0.95] * 5, 1),  # not worth it
        ([1.0] * 5, [1.5] * 5, 1),
        ([1.0] * 5, [0.6, 0.6, 0.6, 9.0, 9.0], 1),  # they wait for a busy neighbour
        ([1.0] * 5, [0.6, 0.6, 0.6, 0.6, 9.0], 2),
    ],
)
def test_the_clearly_faster_number_is_taken(one, every, chosen, few, monkeypatch, two_threads):
    monkeypatch.setattr(threads, "WORTH", 0)
    monkeypatch.setattr(threads, "timed", timed(one, every))
    assert threads.choose_threads(Trainer(SMALL, few)) == chosen
    assert two_threads == [2], "the choice itself sets nothing"


def test_a_short_run_takes_one(few):
    assert threads.choose_threads(Trainer(SMALL, few)) == 1


def test_the_environment_wins(few, monkeypatch):
    monkeypatch.setattr(threads, "is_set_by_user", lambda: True)
    assert threads.choose_threads(Trainer(SMALL, few)) == 2


@pytest.mark.parametrize("name", ["mlp-10", "mlp-128", "neuron"])
def test_timing_changes_nothing_of_the_run(name, few, monkeypatch):
    monkeypatch.setattr(threads, "WORTH", 0)
    monkeypatch.setattr(threads, "SECONDS", 0.0)

    def trained(look):
        trainer = Trainer(RECIPES[name].replace(epochs=1), few)
        if look:
            threads.choose_threads(trainer)
        trainer.threads = 1
        list(trainer.steps())
        return [p.detach().numpy().tobytes() for p in trainer.model.parameters()]

    assert trained(look=True) == trained(look=False)


def test_a_run_keeps_its_number(few):
    trainer = Trainer(SMALL, few)
    list(trainer.steps())
    assert trainer.threads == 1
    other = Trainer(SMALL, few)
    other.load_state_dict(trainer.state_dict())
    assert other.threads == 1
    evaluation = evaluate(trainer.model, SMALL, few.test_images[:50], few.test_labels[:50])
    assert run_record(trainer, evaluation)["threads"] == 1
    assert np.isfinite(trainer.history[0]["loss"])


def test_random_numbers_are_as_before_the_choice(few, monkeypatch):
    """Dropout draws in the timed steps."""
    monkeypatch.setattr(threads, "WORTH", 0)
    monkeypatch.setattr(threads, "SECONDS", 0.0)
    trainer = Trainer(RECIPES["cnn"].replace(channels=(2, 2), hidden=(8,)), few)
    before = str(tg.get_rng_state())
    threads.choose_threads(trainer)
    assert str(tg.get_rng_state()) == before


def test_a_blas_that_is_unknown_goes_on_with_its_one_thread(few, monkeypatch):
    """A checkpoint of another machine may ask for more."""
    unknown = Blas(lambda: 1, lambda count: None, is_known=False)
    trainer = Trainer(SMALL, few)
    trainer.threads = 2
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(blas_threads, "blas", lambda: unknown)
        elsewhere.setattr(loop, "blas", lambda: unknown)
        list(trainer.steps())
    assert len(trainer.history) == 1
