"""The graph that one training step records, as boxes and arrows for SVG: ops, framed by layer."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from tinygrad_mnist import nn
from tinygrad_mnist.autograd.graph import AnyNode, Node, ancestors
from tinygrad_mnist.nn import functional as F
from tinygrad_mnist.ops.create import from_numpy
from tinygrad_mnist.ops.random import get_rng_state, set_rng_state
from tinygrad_mnist.report.histograms import build_like
from tinygrad_mnist.report.run import Run
from tinygrad_mnist.train.loop import examples

BOX, SIDE_BOX, TALL, GAP = 210, 128, 30, 34
SIDE_LEFT, MAIN_LEFT, TOP = 8, 216, 8
FLOW = MAIN_LEFT + 96  # the x of the arrows from op to op
WIDTH = MAIN_LEFT + BOX + 60
MOST = 128  # images: as many as a usual batch


def step_graph(run: Run) -> dict[str, Any]:
    """Record one step of the run's training, and lay its ops out from top to bottom.

    The parameters of an op are beside it. The random state is left as it was.
    """
    model = build_like(run)
    batch = min(run.recipe.batch_size or MOST, MOST, len(run.data.train_labels))
    some = examples(run.recipe, run.data.train_images[:batch], run.data.train_labels[:batch])
    inputs = from_numpy(some.inputs).requires_grad_()  # so that the graph includes the images
    before = get_rng_state()
    try:
        layer_of, outputs = _forward(model.train(), inputs)
        loss = getattr(F, run.recipe.loss)(outputs, from_numpy(some.targets))
    finally:
        set_rng_state(before)
    names: dict[Any, str] = {parameter._node: name for name, parameter in model.named_parameters()}
    names[inputs._node] = "images"
    nodes = ancestors([loss.grad_fn])[::-1]
    ops = [node for node in nodes if isinstance(node, Node)]
    in_loss = f"loss: {run.recipe.loss}"
    groups = [layer_of.get(node, in_loss) for node in ops]
    drawing = _laid_out(ops, groups, names)
    _add_labels(drawing, groups.index(in_loss), some.targets)
    drawing["batch"], drawing["ops"] = batch, len(ops)
    return drawing


def _forward(model: Any, inputs: Any) -> tuple[dict[AnyNode, str], Any]:
    """Call the model; return the layer that recorded each node, and the outputs."""
    layer_of: dict[AnyNode, str] = {}

    def noting(name: str) -> Any:
        def note(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
            if output.grad_fn is not None:
                for node in ancestors([output.grad_fn]):
                    layer_of.setdefault(node, f"{name} {module}")

        return note

    handles = [layer.register_forward_hook(noting(name)) for name, layer in model.named_children()]
    outputs = model(inputs)
    for handle in handles:
        handle.remove()
    return layer_of, outputs


def _laid_out(ops: list[Node], groups: list[str], names: dict[Any, str]) -> dict[str, Any]:
    """Lay out boxes, frames and arrows: an op is below the ops whose results it uses."""
    drawing: dict[str, Any] = {
        "boxes": [],
        "arrows": [],
        "frames": [],
        "width": WIDTH,
        "left": MAIN_LEFT,
    }
    y = TOP
    first = next(p for p in ops[0].parents if p is not None)
    _box(drawing, "images", MAIN_LEFT, y, BOX, "source")
    y_of: dict[AnyNode, float] = {first: y}
    for number, (node, group) in enumerate(zip(ops, groups, strict=True)):
        new_group = number == 0 or groups[number - 1] != group
        y += TALL + GAP + (22 if new_group else 0)
        if new_group:
            drawing["frames"].append({"name": _short(group), "full": group, "top": y - 22})
        _box(drawing, node.op.name, MAIN_LEFT, y, BOX, "op")
        y_of[node] = y
        beside = 0
        for parent in node.parents:
            if parent is None:
                continue
            if parent in y_of:
                _arrow(drawing, parent, y_of[parent] + TALL, y)
                continue
            left_y = y + beside * (TALL + GAP - 12)
            _box(drawing, names.get(parent, "constant"), SIDE_LEFT, left_y, SIDE_BOX, "parameter")
            _side_arrow(drawing, _shape(parent), left_y, y)
            beside += 1
        y += max(0, beside - 1) * (TALL + GAP - 12)
        drawing["frames"][-1]["bottom"] = y + TALL + 6
    drawing["height"] = y + TALL + 16
    return drawing


def _add_labels(drawing: dict[str, Any], first: int, targets: np.ndarray[Any, Any]) -> None:
    """Draw the labels beside the first op of the loss; they have no gradient."""
    ops = [box for box in drawing["boxes"] if box["kind"] == "op"]
    y = ops[first]["y"]
    _box(drawing, "labels", SIDE_LEFT, y, SIDE_BOX, "source")
    _side_arrow(drawing, f"{' × '.join(map(str, targets.shape))} {targets.dtype}", y, y)


def _box(drawing: dict[str, Any], text: str, x: float, y: float, width: float, kind: str) -> None:
    drawing["boxes"].append(
        {"text": text, "x": x, "y": y, "width": width, "height": TALL, "kind": kind}
    )


def _arrow(drawing: dict[str, Any], node: AnyNode, top: float, bottom: float) -> None:
    """Draw the arrow from one op down to the next: the models of all recipes are chains."""
    drawing["arrows"].append(
        {"path": f"M{FLOW},{top}V{bottom - 2}", "text": _shape(node), "x": FLOW + 8, "y": top + 16}
    )


def _side_arrow(drawing: dict[str, Any], text: str, top: float, bottom: float) -> None:
    """Draw the arrow from a parameter at the left to its op at the right."""
    left, y, end = SIDE_LEFT + SIDE_BOX, top + TALL / 2, bottom + TALL / 2
    bend = f"C{left + 60},{y} {MAIN_LEFT - 50},{end} {MAIN_LEFT - 2},{end}"
    drawing["arrows"].append(
        {
            "path": f"M{left},{y}{bend}",
            "text": text,
            "x": SIDE_LEFT + 4,
            "y": top + TALL + 13,
        }
    )


def _shape(node: AnyNode) -> str:
    """Return the shape and dtype of the array that flows along an arrow."""
    return f"{' × '.join(map(str, node.shape)) or 'one number'} {node.dtype}"


def _short(group: str) -> str:
    """Return a layer's name and kind, short enough to fit above its box."""
    return re.split(r"[(:]", group)[0]
