"""The graph that one training step records, as a picture with a frame around each layer."""

from __future__ import annotations

from typing import Any

from tinygrad_mnist.nn import functional as F
from tinygrad_mnist.nn.calls import LayerCalls
from tinygrad_mnist.ops.create import from_numpy
from tinygrad_mnist.ops.random import get_rng_state, set_rng_state
from tinygrad_mnist.report.histograms import build_like
from tinygrad_mnist.report.run import Run
from tinygrad_mnist.train.loop import examples
from tinygrad_mnist.utils.graphs.picture import graph

MOST = 128  # images: as many as a usual batch


def step_graph(run: Run) -> dict[str, Any]:
    """Record one step of the run's training, and draw it; the random state is left as it was."""
    model = build_like(run)
    batch = min(run.recipe.batch_size or MOST, MOST, len(run.data.train_labels))
    some = examples(run.recipe, run.data.train_images[:batch], run.data.train_labels[:batch])
    inputs = from_numpy(some.inputs).requires_grad_()  # to have it in the graph
    targets = from_numpy(some.targets)
    before = get_rng_state()
    try:
        with LayerCalls(model.train()) as layers:
            outputs = model(inputs)
            with layers.section(f"loss: {run.recipe.loss}"):
                loss = getattr(F, run.recipe.loss)(outputs, targets)
    finally:
        set_rng_state(before)
    drawn = graph(loss, layers, names={"images": inputs, "labels": targets})
    return {"svg": drawn.svg, "batch": batch, "ops": len(drawn.ops)}
