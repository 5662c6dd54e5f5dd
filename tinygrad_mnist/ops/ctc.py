"""Connectionist temporal classification: the likelihood of labels at unknown times."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mnist.autograd.op import ShapeError
from tinygrad_mnist.autograd.tensor import Tensor, refuse_read, wrap
from tinygrad_mnist.ops import shape, table
from tinygrad_mnist.ops.arguments import in_float32, tensor_of
from tinygrad_mnist.ops.loss import reduced
from tinygrad_mnist.ops.refused import refuse

__all__ = ["ctc_loss"]

NEVER = -1e30  # a log-probability of 0 that sums and differences leave finite


@in_float32
def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """-log of the probability that a sequence is read as its target; Graves et al., 2006.

    log_probs (t, n, classes) or (t, classes) come from `log_softmax`; targets are (n, s), padded,
    or concatenated; each sequence has one length. A target that does not fit costs infinity, or 0
    with `zero_infinity`. The mean is of each loss divided by the length of its target. As in
    PyTorch, the gradient assumes probabilities that sum to one, and is 0 in the direction that
    changes their sum.

    Raises ShapeError for lengths that do not fit, IndexError for a target that is no class.
    """
    if log_probs.ndim == 2:
        batch = shape.unsqueeze(log_probs, 1)
        frames, label_lengths = (
            table.reshape(tensor_of(v), shape=(1,)) for v in (input_lengths, target_lengths)
        )
        rows = table.reshape(targets, shape=(1, -1))
        losses = ctc_loss(batch, rows, frames, label_lengths, blank, reduction, zero_infinity)
        return table.reshape(losses, shape=())
    steps, n, classes = log_probs.shape
    frames, label_lengths = (tensor_of(v) for v in (input_lengths, target_lengths))
    labels = _padded(tensor_of(targets), label_lengths, n)
    _check_lengths(frames, label_lengths, steps, labels.shape[1], n)
    _check_labels(labels, label_lengths, classes, blank)
    losses = _negative_log_likelihood(log_probs, labels, frames, label_lengths, blank)
    infinite = table.gt(losses, -0.1 * NEVER)
    losses = table.where(infinite, 0.0 if zero_infinity else np.inf, losses)
    if reduction == "mean":
        size = table.cast(table.clip(label_lengths, low=1, high=None), dtype=losses.dtype)
        return table.mean(losses / size)
    return reduced(losses, reduction)


def _padded(targets: Tensor, label_lengths: Tensor, n: int) -> Tensor:
    """Pad the targets to rows of one length."""
    if targets.dtype.kind not in "iu":
        raise TypeError(f"ctc_loss: targets must be integers, not {targets.dtype}")
    if targets.ndim == 2:
        if len(targets) != n:
            raise ShapeError(f"ctc_loss: {len(targets)} rows of targets for {n} sequences")
        return targets
    refuse_read("ctc_loss() of concatenated targets")
    lengths = label_lengths._data
    if targets.ndim != 1 or lengths.sum() != targets.shape[0]:
        raise ShapeError(
            f"ctc_loss: targets {list(targets.shape)} are neither rows nor sequences of the "
            f"lengths {lengths.tolist()} one after the other"
        )
    rows = np.zeros((n, int(lengths.max(initial=0))), np.int64)
    rows[np.arange(rows.shape[1]) < lengths[:, None]] = targets._data
    return wrap(rows)


def _check_lengths(frames: Tensor, label_lengths: Tensor, steps: int, width: int, n: int) -> None:
    pairs = (("input_lengths", frames, steps), ("target_lengths", label_lengths, width))
    for name, lengths, longest in pairs:
        if lengths.shape != (n,) or lengths.dtype.kind not in "iu":
            raise ShapeError(f"ctc_loss: {name} must be {n} integers, not {lengths!r}")
        values = lengths._data
        if ((values < 0) | (values > longest)).any():
            raise ShapeError(
                f"Expected {name} to have values from 0 to {longest}, but got {values.tolist()}"
            )


def _check_labels(labels: Tensor, label_lengths: Tensor, classes: int, blank: int) -> None:
    if not 0 <= blank < classes:
        raise IndexError(f"ctc_loss: blank {blank} is not one of {classes} classes")
    counted = np.arange(labels.shape[1]) < label_lengths._data[:, None]
    bad = labels._data[counted & ((labels._data < 0) | (labels._data >= classes))]
    if bad.size:
        raise IndexError(f"ctc_loss: target {bad[0]} is out of bounds for {classes} classes")


def _negative_log_likelihood(
    log_probs: Tensor, labels: Tensor, frames: Tensor, label_lengths: Tensor, blank: int
) -> Tensor:
    """One number per sequence, by the forward recursion over labels with blanks between them."""
    steps, n, _ = log_probs.shape
    width = 2 * labels.shape[1] + 1
    counted = table.lt(np.arange(labels.shape[1]), table.reshape(label_lengths, shape=(-1, 1)))
    labels = table.cast(table.where(counted, labels, blank), dtype="int64")
    states = table.assign(np.full((n, width), blank), labels, key=(np.s_[:], np.s_[1::2]))
    before = table.assign(states, blank, key=(np.s_[:], np.s_[:2]))
    if width > 2:
        earlier = table.slice(states, key=(np.s_[:], np.s_[:-2]))
        before = table.assign(before, earlier, key=(np.s_[:], np.s_[2:]))
    skips = table.ne(states, blank) & table.ne(states, before)
    skips = skips & wrap(np.arange(width) > 1)
    spread = table.broadcast_to(table.reshape(states, shape=(1, n, width)), shape=(steps, n, width))
    emitted = table.clip(table.gather(log_probs, spread, axis=2), low=NEVER, high=None)
    start = np.full((n, width), NEVER, log_probs.dtype)
    start[:, 0] = 0  # before the first moment no label was emitted
    state = wrap(start)
    for t in range(steps):
        jump = table.where(skips, _shifted(state, 2), NEVER)
        reached = table.logaddexp(table.logaddexp(state, _shifted(state, 1)), jump) + emitted[t]
        state = table.where(table.reshape(table.gt(frames, t), shape=(-1, 1)), reached, state)
    end = table.cast(table.reshape(label_lengths * 2, shape=(-1, 1)), dtype="int64")
    last = table.gather(state, end, axis=1)
    other = table.gather(state, table.clip(end - 1, low=0, high=None), axis=1)
    other = table.where(table.gt(end, 0), other, NEVER)
    total = -table.reshape(table.logaddexp(last, other), shape=(-1,))
    moments = table.lt(np.arange(steps).reshape(-1, 1), frames)
    sums = table.sum(table.exp(log_probs), axis=(2,))
    sums = table.sum(table.where(moments, sums, 0.0), axis=(0,))
    return total + (sums - sums.detach())


def _shifted(state: Tensor, by: int) -> Tensor:
    """Shift the states by `by`; the first ones become unreachable."""
    n, width = state.shape
    unreachable = wrap(np.full((n, min(by, width)), NEVER, state.dtype))
    if width <= by:
        return unreachable
    return table.cat(unreachable, table.narrow(state, 1, 0, width - by), axis=1, starts=(0, by))


refuse(globals())
