"""mygrad, without the guards that copy or lock memory; it has no optimizers."""

from __future__ import annotations

import mygrad as mg
from mygrad.nnet.activations import relu
from mygrad.nnet.layers import conv_nd, max_pool
from mygrad.nnet.losses import softmax_crossentropy

from benchmarks.by_hand_naive import updated
from benchmarks.problem import Array, Problem, Stepwise


class MyGrad(Stepwise):
    def __init__(self, problem: Problem) -> None:
        self.config, self.X, self.Y, weights = problem
        self.P = [mg.tensor(w) for w in weights]
        self.update = updated(self.config, [p.data for p in self.P])

    def network(self, x: Array) -> mg.Tensor:
        P = self.P
        if not self.config.sizes:
            x = x.reshape(-1, 1, 28, 28)
            for w, b in ((P[0], P[1]), (P[2], P[3])):
                x = relu(conv_nd(x, w, stride=1) + b.reshape(-1, 1, 1))
            x, P = max_pool(x, (2, 2), 2).reshape(len(x), -1), P[4:]
        for w, b in zip(P[:-2:2], P[1:-2:2], strict=True):
            x = relu(x @ w.T + b)
        return x @ P[-2].T + P[-1]

    def step(self, idx: Array) -> float:
        x, y = (self.X[idx], self.Y[idx]) if self.config.batch else (self.X, self.Y)
        z = self.network(x)
        loss = (
            mg.mean(mg.logaddexp(0, z) - z * y)
            if self.config.binary
            else softmax_crossentropy(z, y)
        )
        loss.backward()
        self.update([p.grad for p in self.P])
        return float(loss)

    def run(self, batches: Array) -> Array:
        with mg.mem_guard_off:
            return super().run(batches)

    def outputs(self, x: Array) -> Array:
        with mg.no_autodiff:
            return self.network(x).data
