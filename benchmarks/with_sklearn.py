"""scikit-learn: `MLPClassifier.partial_fit` on one batch is one step."""

from __future__ import annotations

import numpy as np
from sklearn.neural_network import MLPClassifier

from benchmarks.problem import BETAS, CLASSES, EPS, Array, NotHere, Problem, Stepwise


class ScikitLearn(Stepwise):
    def __init__(self, problem: Problem) -> None:
        config, self.X, self.Y, weights = problem
        if not config.sizes:
            raise NotHere("scikit-learn has no convolutions")
        self.batch = config.batch
        self.Y = self.Y.reshape(-1).astype(np.int64)
        self.model = model = MLPClassifier(
            config.sizes[1:-1], solver=config.optimizer.lower(), learning_rate_init=config.lr,
            batch_size=config.batch or len(self.X), alpha=0, momentum=0, nesterovs_momentum=False,
            shuffle=False, beta_1=BETAS[0], beta_2=BETAS[1], epsilon=EPS,
        )  # fmt: skip
        first, classes = slice(0, config.batch), np.arange(2 if config.binary else CLASSES)
        model.partial_fit(self.X[first], self.Y[first], classes=classes)
        model.coefs_ = [w.T.copy() for w in weights[::2]]
        model.intercepts_ = [b.copy() for b in weights[1::2]]
        del model._optimizer  # the next step begins a new one, on these weights

    def step(self, idx: Array) -> float:
        x, y = (self.X[idx], self.Y[idx]) if self.batch else (self.X, self.Y)
        return self.model.partial_fit(x, y).loss_

    def outputs(self, x: Array) -> Array:
        """Return probabilities, whose order is that of the logits."""
        return self.model.predict_proba(x)
