"""Averaged models and hooks of optimizers, beside PyTorch's."""

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist.optim import swa_utils

torch = pytest.importorskip("torch")
from torch.optim import swa_utils as theirs  # noqa: E402


def network(lib):
    return lib.nn.Sequential(lib.nn.Linear(3, 4), lib.nn.BatchNorm1d(4)).double()


def pair():
    mine, other = network(tg), network(torch)
    mine.load_state_dict(other.state_dict())
    return mine, other


def same(mine, other, rtol=1e-12):
    for (key, value), (name, wanted) in zip(
        mine.state_dict().items(), other.state_dict().items(), strict=True
    ):
        assert key == name
        np.testing.assert_allclose(value.numpy(), wanted.numpy(), rtol=rtol, err_msg=key)


@pytest.mark.parametrize(
    ("kind", "use_buffers"),
    [("mean", False), ("mean", True), ("ema", False), ("ema", True), ("multi ema", False),
     ("multi ema", True), ("multi mean", False)],
)  # fmt: skip
def test_averaged_models_agree(kind, use_buffers):
    def settings(module):
        return {
            "mean": {},
            "ema": {"avg_fn": module.get_ema_avg_fn(0.75)},
            "multi ema": {"multi_avg_fn": module.get_ema_multi_avg_fn(0.75)},
            "multi mean": {"multi_avg_fn": module.get_swa_multi_avg_fn()},
        }[kind] | {"use_buffers": use_buffers}

    mine, other = pair()
    average = swa_utils.AveragedModel(mine, **settings(swa_utils))
    their_average = theirs.AveragedModel(other, **settings(theirs))
    rng = np.random.default_rng(0)
    for _ in range(4):
        x = rng.standard_normal((5, 3))
        mine(tg.tensor(x)), other(torch.tensor(x))
        for p, q in zip(mine.parameters(), other.parameters(), strict=True):
            noise = rng.standard_normal(p.shape)
            p.data, q.data = p.data + tg.tensor(noise), q.data + torch.tensor(noise)
        average.update_parameters(mine), their_average.update_parameters(other)
        same(average, their_average, 1e-4 if kind == "multi mean" else 1e-12)
    batches = [rng.standard_normal((6, 3)) for _ in range(3)]
    swa_utils.update_bn([[tg.tensor(b), 0] for b in batches], average)
    theirs.update_bn([[torch.tensor(b), 0] for b in batches], their_average)
    same(average, their_average, 1e-4 if kind == "multi mean" else 1e-12)
    assert average.module[1].momentum == 0.1 and average.training


def test_optimizer_hooks_are_called_as_pytorchs():
    seen = {}
    for lib in (tg, torch):
        calls = seen.setdefault(lib, [])
        w = lib.ones(2, requires_grad=True)
        optimizer = lib.optim.SGD([w], lr=0.5)
        handles = [
            optimizer.register_step_pre_hook(lambda o, a, k, c=calls: c.append(("pre", a[1:], k))),
            optimizer.register_step_post_hook(
                lambda o, a, k, c=calls: c.append(("post", a[1:], k))
            ),
            optimizer.register_state_dict_post_hook(lambda o, s: s | {"more": 1}),
            optimizer.register_load_state_dict_pre_hook(
                lambda o, s: {k: v for k, v in s.items() if k != "more"}
            ),
        ]
        w.sum().backward()
        optimizer.step()
        calls.append(w.tolist())
        state = optimizer.state_dict()
        assert state["more"] == 1
        optimizer.load_state_dict(state)
        for handle in handles:
            handle.remove()
        optimizer.step()
        calls.append(w.tolist())
    assert seen[tg] == seen[torch]


def test_optimizers_that_are_not_here_say_what_is():
    for name, instead in (("SparseAdam", "optim.Adam"), ("Muon", "optim.AdamW")):
        with pytest.raises(NotImplementedError, match=instead):
            getattr(tg.optim, name)([tg.ones(2, 2, requires_grad=True)])


def test_a_schedule_of_ones_own_with_a_step_of_its_own_begins_with_it():
    def made(lib):
        class Warm(lib.optim.lr_scheduler.LRScheduler):
            def step(self, epoch=None):
                self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
                for group in self.optimizer.param_groups:
                    group["lr"] = 0.1 * (self.last_epoch + 1)

        optimizer = lib.optim.SGD([lib.ones(1, requires_grad=True)], lr=7.0)
        schedule = Warm(optimizer)
        rates = [optimizer.param_groups[0]["lr"]]
        for _ in range(3):
            optimizer.step(), schedule.step()
            rates.append(optimizer.param_groups[0]["lr"])
        return rates

    assert made(tg) == made(torch)
