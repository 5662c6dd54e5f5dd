"""Threads that choose themselves: by time, once per run, recorded, and nothing else is changed."""

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist.data import load_embedded
from tinygrad_mnist.models import RECIPES
from tinygrad_mnist.train import Trainer, run_record, threads
from tinygrad_mnist.train.metrics import evaluate

SMALL = RECIPES["mlp-10"].replace(epochs=1)


@pytest.fixture(autouse=True)
def two_threads(monkeypatch):
    """A BLAS with two threads, as far as anybody can see, and nothing in the environment."""
    now = [2]
    monkeypatch.setattr(threads, "get_num_threads", lambda: now[0])
    monkeypatch.setattr(threads, "set_num_threads", lambda n: now.__setitem__(0, n))
    monkeypatch.setattr(threads, "is_given", lambda: False)
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
def test_the_clearly_faster_number_is_taken(one, every, chosen, monkeypatch, two_threads):
    monkeypatch.setattr(threads, "WORTH", 0)
    monkeypatch.setattr(threads, "timed", timed(one, every))
    assert threads.choose_threads(Trainer(SMALL, load_embedded())) == chosen
    assert two_threads == [2], "the choice itself sets nothing"


def test_a_short_run_takes_one():
    assert threads.choose_threads(Trainer(SMALL, load_embedded())) == 1


def test_the_environment_wins(monkeypatch):
    monkeypatch.setattr(threads, "is_given", lambda: True)
    assert threads.choose_threads(Trainer(SMALL, load_embedded())) == 2


@pytest.mark.parametrize("name", ["mlp-10", "mlp-128", "neuron"])
def test_timing_changes_nothing_of_the_run(name, monkeypatch):
    monkeypatch.setattr(threads, "WORTH", 0)
    monkeypatch.setattr(threads, "SECONDS", 0.0)

    def trained(look):
        trainer = Trainer(RECIPES[name].replace(epochs=1), load_embedded())
        if look:
            threads.choose_threads(trainer)
        trainer.threads = 1
        list(trainer.steps())
        return [p.detach().numpy().tobytes() for p in trainer.model.parameters()]

    assert trained(look=True) == trained(look=False)


def test_a_run_keeps_its_number(monkeypatch):
    data = load_embedded()
    trainer = Trainer(SMALL, data)
    list(trainer.steps())
    assert trainer.threads == 1
    other = Trainer(SMALL, data)
    other.load_state_dict(trainer.state_dict())
    assert other.threads == 1
    evaluation = evaluate(trainer.model, SMALL, data.test_images[:50], data.test_labels[:50])
    assert run_record(trainer, evaluation)["threads"] == 1
    assert np.isfinite(trainer.history[0]["loss"])
