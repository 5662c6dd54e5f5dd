"""PyTorch: eager, with its fused optimizer, and the whole functional step compiled."""

from __future__ import annotations

import itertools

import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.problem import BETAS, EPS, Array, Problem, Stepwise


def network(sizes: tuple[int, ...]) -> nn.Sequential:
    if not sizes:
        return nn.Sequential(
            nn.Unflatten(1, (1, 28, 28)),
            nn.Conv2d(1, 32, 3), nn.ReLU(),
            nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(9216, 128), nn.ReLU(), nn.Linear(128, 10),
        )  # fmt: skip
    layers: list[nn.Module] = []
    for i, o in itertools.pairwise(sizes):
        layers += [nn.Linear(i, o), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class Eager(Stepwise):
    options: dict[str, bool] = {}

    def __init__(self, problem: Problem) -> None:
        config = problem.config
        self.model = network(config.sizes)
        with torch.no_grad():
            for p, w in zip(self.model.parameters(), problem.weights, strict=True):
                p.copy_(torch.from_numpy(w))
        self.X, self.Y = torch.from_numpy(problem.X), torch.from_numpy(problem.Y)
        self.criterion = F.binary_cross_entropy_with_logits if config.binary else F.cross_entropy
        self.config = config
        self.prepare()

    def prepare(self) -> None:
        make = getattr(torch.optim, self.config.optimizer)
        self.optimizer = make(self.model.parameters(), lr=self.config.lr, **self.options)

    def step(self, idx: Array) -> float:
        return self.train(torch.from_numpy(idx)).item()

    def train(self, idx: torch.Tensor) -> torch.Tensor:
        x, y = (self.X[idx], self.Y[idx]) if self.config.batch else (self.X, self.Y)
        self.optimizer.zero_grad()
        loss = self.criterion(self.model(x), y)
        loss.backward()
        self.optimizer.step()
        return loss

    def outputs(self, x: Array) -> Array:
        with torch.no_grad():
            return self.model(torch.from_numpy(x)).numpy()


class Fused(Eager):
    options = {"fused": True}


class Compiled(Eager):
    """Gather, forward, backward and optimizer in one graph, parameters updated in place.

    The graph is entered without guards (a quarter of a small step: nothing here changes between
    calls) and by a wrapper in C++; the CNN's weights have channels last. Each was measured to be
    faster.
    """

    graph = {"cpp_wrapper": True, "guard_filter_fn": lambda guards: [False for _ in guards]}

    def prepare(self) -> None:
        torch.compiler.reset()  # without guards, the last configuration's graph would be taken
        if not self.config.sizes:
            self.model.to(memory_format=torch.channels_last)
        model, criterion, config = self.model, self.criterion, self.config
        P = {name: p.detach() for name, p in model.named_parameters()}
        M = {name: torch.zeros_like(p) for name, p in P.items()}
        V = {name: torch.zeros_like(p) for name, p in P.items()}
        (b1, b2), lr = BETAS, config.lr
        self.t = torch.zeros(())

        def loss_of(P: dict[str, torch.Tensor], x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return criterion(torch.func.functional_call(model, P, (x,)), y)

        def whole_step(
            X: torch.Tensor, Y: torch.Tensor, idx: torch.Tensor, t: torch.Tensor
        ) -> object:
            x, y = (X[idx], Y[idx]) if config.batch else (X, Y)
            grads, loss = torch.func.grad_and_value(loss_of)(P, x, y)
            for name, g in grads.items():
                if config.optimizer == "SGD":
                    P[name].sub_(lr * g)
                    continue
                M[name].mul_(b1).add_(g, alpha=1 - b1)
                V[name].mul_(b2).addcmul_(g, g, value=1 - b2)
                root = (V[name] / (1 - b2**t)).sqrt_().add_(EPS)
                P[name].sub_(lr / (1 - b1**t) * M[name] / root)
            return loss

        self.whole_step = torch.compile(
            whole_step, fullgraph=True, dynamic=False, options=self.graph
        )

    def train(self, idx: torch.Tensor) -> torch.Tensor:
        self.t += 1
        with torch.no_grad():
            return self.whole_step(self.X, self.Y, idx, self.t)
