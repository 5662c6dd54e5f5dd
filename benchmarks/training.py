"""Ways to train a model of the zoo: by this library, eager, jitted and pure, and by PyTorch."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.problem import NotHere
from benchmarks.zoo import ROWS, ZOO, Parts

Array = np.ndarray[Any, Any]
RATE = {"SGD": 1e-2, "Adam": 1e-4, "AdamW": 1e-4}  # small: rounding must not grow in some steps
# The compiled graphs of PyTorch cannot be differentiated twice
TWICE = ("pinn", "penalty")


class Trained:
    """A model of the zoo in one library, from weights that all libraries share."""

    library = "tinygrad_mnist"
    form: str = ""
    fused = False

    def __init__(self, name: str, sizes: dict[str, int] | None = None) -> None:
        self.name = name
        t = self.t = importlib.import_module(self.library)
        self.parts = parts = ZOO[name][1](t, np.random.default_rng(0), **(sizes or {}))
        self.net = parts.net
        rng = np.random.default_rng(1)
        with t.no_grad():
            for p in self.net.parameters():
                bound = np.prod(p.shape[1:]) ** -0.5 if p.ndim > 1 else 0.1
                values = rng.uniform(-bound, bound, tuple(p.shape)).astype(np.float32)
                p.copy_(t.from_numpy(values + (p.ndim == 1)))
        self.data = [t.from_numpy(array) for array in parts.data]
        self.step = self.made(self.plain_step())

    def made(self, step: Callable[..., Any]) -> Callable[..., Any]:
        """Return the step in this contender's form."""
        return step

    def optimizer(self, net: Any) -> Any:
        kind = self.parts.optimizer
        options = {"fused": True} if self.fused else {}
        return getattr(self.t.optim, kind)(net.parameters(), lr=RATE[kind], **options)

    def plain_step(self) -> Callable[..., Any]:
        if self.name == "gan":
            return self.gan_step()
        optimizer, loss_of, data = self.optimizer(self.net), self.loss(), self.data

        def step(rows: Any) -> Any:
            optimizer.zero_grad()
            loss = loss_of(*(d[rows] for d in data))
            loss.backward()
            optimizer.step()
            return loss

        return step

    def loss(self) -> Callable[..., Any]:
        return self.parts.loss_of

    def gan_step(self) -> Callable[..., Any]:
        loss_of, data = self.loss(), self.data
        maker, judge = (self.optimizer(self.net[key]) for key in ("makes", "judges"))

        def step(rows: Any) -> Any:
            judge.zero_grad()
            maker.zero_grad()
            of_judge, of_maker = loss_of(*(d[rows] for d in data))
            of_maker.backward(retain_graph=True)
            maker.step()
            judge.zero_grad()
            of_judge.backward()
            judge.step()
            return of_judge

        return step

    def run(self, batches: Array) -> Array:
        """Train on each row of `batches`; return the losses."""
        from_numpy, step = self.t.from_numpy, self.step
        return np.array([step(from_numpy(rows)).item() for rows in batches])


class Eager(Trained):
    pass


class Jitted(Trained):
    def made(self, step: Callable[..., Any]) -> Callable[..., Any]:
        return self.t.jit(step)  # type: ignore[no-any-return]


class Pure(Trained):
    def made(self, step: Callable[..., Any]) -> Callable[..., Any]:
        return self.t.jit(step, pure=True)  # type: ignore[no-any-return]


class Torch(Trained):
    library = "torch"


class TorchCompiled(Trained):
    """The loss and its gradients compiled, and the optimizer fused."""

    library, fused = "torch", True

    def loss(self) -> Callable[..., Any]:
        if self.name in TWICE:
            raise NotHere("torch.compile does not differentiate twice")
        self.t.compiler.reset()
        return self.t.compile(self.parts.loss_of, dynamic=False)  # type: ignore[no-any-return]


CONTENDERS: dict[str, type[Trained]] = {
    "jitted": Jitted,
    "pure": Pure,
    "eager": Eager,
    "torch eager": Torch,
    "torch compiled": TorchCompiled,
}


def made(contender: str, name: str, sizes: dict[str, int] | None = None) -> Any:
    """Make a contender for a model; raises NotHere where it does not do that model."""
    if contender == "jax jitted":
        if importlib.util.find_spec("jax") is None:
            raise NotHere("jax is not installed")
        return importlib.import_module("benchmarks.zoo_jax").Jax(name, sizes)
    cls = CONTENDERS[contender]
    if importlib.util.find_spec(cls.library) is None:
        raise NotHere(f"{cls.library} is not installed")
    return cls(name, sizes)


def batches(parts: Parts, count: int, seed: int = 0) -> Array:
    """Draw the rows of `count` steps."""
    rng = np.random.default_rng([seed, 2])
    return rng.integers(0, ROWS, (count, parts.batch))
