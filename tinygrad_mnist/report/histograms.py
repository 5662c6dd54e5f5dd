"""The distribution of weights and gradients in each layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mnist.models import build
from tinygrad_mnist.nn import functional as F
from tinygrad_mnist.ops.create import from_numpy
from tinygrad_mnist.ops.random import get_rng_state, manual_seed, set_rng_state
from tinygrad_mnist.report.run import Run
from tinygrad_mnist.train.loop import examples

IMAGES, BINS = 1000, 40


def histograms(run: Run) -> list[dict[str, Any]]:
    """Count the values of each parameter, now and before training, and of its gradient.

    The gradients are those of the loss on the first training images, without dropout. The model,
    its gradients and the random state are left as they were.
    """
    first = _first_values(run)
    gradients = _gradients(run)
    return [
        {
            "name": name,
            "shape": " × ".join(map(str, parameter.shape)),
            "values": _counts(parameter.detach().numpy(), first[name]),
            "gradient": _counts(gradients[name]),
        }
        for name, parameter in run.model.named_parameters()
    ]


def _first_values(run: Run) -> dict[str, np.ndarray[Any, Any]]:
    """Return the parameters before the first step, which follow from the seed."""
    before = get_rng_state()
    try:
        manual_seed(run.recipe.seed)
        return {
            name: parameter.detach().numpy()
            for name, parameter in build(run.recipe).named_parameters()
        }
    finally:
        set_rng_state(before)


def _gradients(run: Run) -> dict[str, np.ndarray[Any, Any]]:
    """Return the gradient of each parameter, computed by a copy of the model."""
    model = build_like(run)
    images, labels = run.data.train_images[:IMAGES], run.data.train_labels[:IMAGES]
    some = examples(run.recipe, images, labels)
    model.eval()
    loss = getattr(F, run.recipe.loss)(model(from_numpy(some.inputs)), from_numpy(some.targets))
    loss.backward()
    return {name: parameter.grad.numpy() for name, parameter in model.named_parameters()}


def build_like(run: Run) -> Any:
    """Return a copy of the model, so that the gradients of the original do not change."""
    before = get_rng_state()
    try:
        model = build(run.recipe)
    finally:
        set_rng_state(before)
    model.load_state_dict(run.model.state_dict())
    return model


def _counts(
    values: np.ndarray[Any, Any], before: np.ndarray[Any, Any] | None = None
) -> dict[str, Any]:
    """Return counts in equal bins from the least value to the largest, and their summary."""
    flat = values.reshape(-1).astype(np.float64)
    finite = flat[np.isfinite(flat)]
    all_values = finite if before is None else np.concatenate([finite, before.reshape(-1)])
    low, high = (
        (float(all_values.min()), float(all_values.max())) if all_values.size else (0.0, 0.0)
    )
    margin = (abs(low) or 1.0) * 0.01 if high == low else 0.0  # a single value goes into the middle
    edges = np.linspace(low - margin, high + margin, BINS + 1)
    return {
        "counts": np.histogram(finite, edges)[0].tolist(),
        "before": None if before is None else np.histogram(before, edges)[0].tolist(),
        "low": low,
        "high": high,
        "mean": float(finite.mean()) if finite.size else 0.0,
        "std": float(finite.std()) if finite.size else 0.0,
        "zeros": float(np.mean(flat == 0)),
        "count": int(flat.size),
    }
