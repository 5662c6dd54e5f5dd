"""Softmax over very many classes, most of them rare: Grave et al., 2017."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.autograd.op import ShapeError
from tinygrad_mnist.autograd.tensor import wrap
from tinygrad_mnist.nn import functional as F
from tinygrad_mnist.nn.containers import ModuleList, Sequential
from tinygrad_mnist.nn.layers.linear import Linear
from tinygrad_mnist.nn.module import Module
from tinygrad_mnist.ops import index, join, shape

__all__ = ["AdaptiveLogSoftmaxWithLoss"]


class LossAndOutput(NamedTuple):
    """The log-probability of each target, and the mean of their negatives."""

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """log softmax with a head of frequent classes and ever narrower clusters of rarer ones.

    Sort the classes by falling frequency; the clusters begin at `cutoffs`. Called with
    input (n, in_features) and target (n,), or without n. Raises ValueError for cutoffs that do not
    rise between 1 and n_classes - 1, RuntimeError for inputs that do not fit.
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        ends = list(cutoffs)
        if not ends:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        rising = all(a < b for a, b in pairwise([0, *ends, n_classes]))
        if not rising or any(int(c) != c for c in ends):
            raise ValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing "
                f"order, where each value is between 1 and n_classes-1, not {ends}"
            )
        self.in_features, self.n_classes, self.cutoffs = in_features, n_classes, [*ends, n_classes]
        self.div_value, self.head_bias = div_value, head_bias
        self.shortlist_size, self.n_clusters = ends[0], len(ends)
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, head_bias, device, dtype)
        self.tail = ModuleList()
        for i, (start, stop) in enumerate(pairwise(self.cutoffs)):
            width = int(in_features // div_value ** (i + 1))
            inner = Linear(in_features, width, bias=False, device=device, dtype=dtype)
            outer = Linear(width, stop - start, bias=False, device=device, dtype=dtype)
            self.tail.append(Sequential(inner, outer))

    def reset_parameters(self) -> None:
        """Draw all weights anew."""
        for module in self.modules():
            if isinstance(module, Linear):
                module.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> LossAndOutput:
        if target_.ndim > 1 or input_.ndim != target_.ndim + 1:
            raise ShapeError(
                f"input {list(input_.shape)} and target {list(target_.shape)} do not fit: (n, "
                "features) and (n,) are expected, or both without n"
            )
        x = input_ if target_.ndim else shape.unsqueeze(input_, 0)
        target = np.atleast_1d(np.asarray(target_))
        if len(x) != len(target):
            raise ShapeError("Input and target should have the same size in the batch dimension.")
        if target.size and not 0 <= target.min() <= target.max() < self.n_classes:
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range "
                f"[{target.min()}, {target.max()}] were found."
            )
        head, parts, row_groups = F.log_softmax(self.head(x), 1), [], []
        for i, (low, high) in enumerate(pairwise([0, *self.cutoffs])):
            rows = np.flatnonzero((target >= low) & (target < high))
            if not rows.size:
                continue
            selected, column = wrap(rows), self.shortlist_size + i - 1
            if i == 0:
                parts.append(head[selected, wrap(target[rows])])
            else:
                tail = F.log_softmax(self.tail[i - 1](index.index_select(x, 0, selected)), 1)
                within_cluster = tail[wrap(np.arange(len(rows))), wrap(target[rows] - low)]
                parts.append(head[selected, column] + within_cluster)
            row_groups.append(rows)
        original_order = wrap(np.argsort(np.concatenate(row_groups)))
        output = index.index_select(join.cat(parts), 0, original_order)
        loss = -output.mean()
        return LossAndOutput(output if target_.ndim else shape.squeeze(output, 0), loss)

    def log_prob(self, input: Tensor) -> Tensor:
        """Return the log-probabilities of all classes, (n, n_classes)."""
        head = F.log_softmax(self.head(input), 1)
        parts = [head[:, : self.shortlist_size]]
        for i, tail in enumerate(self.tail):
            column = self.shortlist_size + i
            parts.append(F.log_softmax(tail(input), 1) + head[:, column : column + 1])
        return join.cat(parts, 1)

    def predict(self, input: Tensor) -> Tensor:
        """Return the most probable class of each row, (n,)."""
        head = np.asarray(self.head(input).detach()).argmax(1)
        rare = np.flatnonzero(head >= self.shortlist_size)
        if rare.size:
            rows = index.index_select(input, 0, wrap(rare))
            head[rare] = np.asarray(self.log_prob(rows).detach()).argmax(1)
        return wrap(head)
