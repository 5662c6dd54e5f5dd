"""The derivative table's third page: whole layers as one op each.

Rows as in `table.py`, loaded with the layers. Their first derivative is a kernel of its own, which
computes the gradients of all inputs together; where that is to be differentiated once more, the
derivative goes by the layer's definition, composed of the table's rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.engine import grad
from tinygrad_mnist.autograd.record import name_rows, op
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.kernels import attention as pairs
from tinygrad_mnist.kernels import batch_norm as batches
from tinygrad_mnist.kernels import recurrent, scaled_norm
from tinygrad_mnist.ops import table
from tinygrad_mnist.ops.table import (
    OpCall,
    add,
    amax,
    cat,
    eq,
    linear,
    matmul,
    narrow,
    permute,
    reshape,
    sigmoid,
    softmax,
    standardize,
    tanh,
    where,
)

Slopes = Sequence[Any]  # the gradients of a layer's inputs, in their order
Steps = Callable[..., Any]


def by_definition() -> None:
    """Stand for a residual's definition: higher derivatives go by the layer's instead."""


# Recurrent layers (kernels/recurrent.py)
lstm: OpCall = op(
    recurrent.lstm,
    residual={"gates": by_definition},
    common={
        "slopes": lambda g, y, x, h, c, w, u, b, v, gates, reverse, for_backward: lstm_slopes(
            g, y, (x, h, c, w, u, b, v), promised(gates, for_backward), reverse
        )
    },
    x=lambda g, slopes: slopes[0],
    h=lambda g, slopes: slopes[1],
    c=lambda g, slopes: slopes[2],
    w=lambda g, slopes: slopes[3],
    u=lambda g, slopes: slopes[4],
    b=lambda g, slopes: slopes[5],
    v=lambda g, slopes: slopes[6],
)
lstm_back = op(recurrent.lstm_back)
gru: OpCall = op(
    recurrent.gru,
    residual={"gates": by_definition},
    common={
        "slopes": lambda g, y, x, h, w, u, b, v, gates, reverse, for_backward: gru_slopes(
            g, y, (x, h, w, u, b, v), promised(gates, for_backward), reverse
        )
    },
    x=lambda g, slopes: slopes[0],
    h=lambda g, slopes: slopes[1],
    w=lambda g, slopes: slopes[2],
    u=lambda g, slopes: slopes[3],
    b=lambda g, slopes: slopes[4],
    v=lambda g, slopes: slopes[5],
)
gru_back = op(recurrent.gru_back)
rnn: OpCall = op(
    recurrent.rnn,
    common={
        "slopes": lambda g, y, x, h, w, u, b, v, relu, reverse: rnn_slopes(
            g, y, (x, h, w, u, b, v), relu=relu, reverse=reverse
        )
    },
    x=lambda g, slopes: slopes[0],
    h=lambda g, slopes: slopes[1],
    w=lambda g, slopes: slopes[2],
    u=lambda g, slopes: slopes[3],
    b=lambda g, slopes: slopes[4],
    v=lambda g, slopes: slopes[5],
)
rnn_back = op(recurrent.rnn_back)

# Normalising with a scale and a shift (kernels/scaled_norm.py)
layer_norm: OpCall = op(
    scaled_norm.layer_norm,
    residual={"moments": by_definition},
    common={
        "slopes": lambda g, x, w, b, moments, eps, size: layer_norm_slopes(
            g, (x, w, b), moments, eps, size
        )
    },
    x=lambda g, slopes: slopes[0],
    w=lambda g, slopes: slopes[1],
    b=lambda g, slopes: slopes[2],
)
layer_norm_back = op(scaled_norm.layer_norm_back)

# Batch norm (kernels/batch_norm.py)
channel_moments = op(batches.channel_moments)
batch_norm: OpCall = op(
    batches.batch_norm,
    common={
        "slopes": lambda g, x, w, b, moments, eps: batch_norm_slopes(g, (x, w, b), moments, eps)
    },
    x=lambda g, slopes: slopes[0],
    w=lambda g, slopes: slopes[1],
    b=lambda g, slopes: slopes[2],
    moments=None,
)
batch_norm_back = op(batches.batch_norm_back)

# Attention (kernels/attention.py)
attention: OpCall = op(
    pairs.attention,
    called="scaled_dot_product_attention",
    residual={"lse": by_definition},
    common={
        "slopes": lambda g, y, q, k, v, mask, lse, scale, causal: attention_slopes(
            g, y, (q, k, v), mask, lse, scale=scale, causal=causal
        )
    },
    q=lambda g, slopes: slopes[0],
    k=lambda g, slopes: slopes[1],
    v=lambda g, slopes: slopes[2],
    mask=None,
)
attention_back = op(pairs.attention_back)


# Short words that the rules use


def recorded(values: Sequence[Any]) -> bool:
    """Tell whether a value is part of a graph, so that what is computed is differentiated again."""
    return any(isinstance(v, Tensor) and v._node is not None for v in values)


def slopes_by(steps: Steps, inputs: Sequence[Any], g: Any, **settings: Any) -> Slopes:
    """The gradients of a layer's inputs by its definition, with graphs of their own."""
    # A view of each input is a node of its own, at which backward ends
    views = [reshape(v, shape=v.shape) if isinstance(v, Tensor) else v for v in inputs]
    targets = [v for v in views if isinstance(v, Tensor) and v._node is not None]
    if not targets:
        return [None] * len(views)
    grads = grad(steps(*views, **settings), targets, g, create_graph=True, allow_unused=True)
    by_id = {id(v): dv for v, dv in zip(targets, grads, strict=True)}
    return [by_id.get(id(v)) for v in views]


def split_packed(packed: Any, *shapes: tuple[int, ...]) -> list[Any]:
    """Take apart arrays that lie one behind the other."""
    pieces, start = [], 0
    for shape in shapes:
        size = 1
        for length in shape:
            size *= length
        pieces.append(reshape(narrow(packed, 0, start, size), shape=shape))
        start += size
    return pieces


def promised(gates: Any, for_backward: bool) -> Any:
    """Return what forward kept of the gates, or refuse where it was told that nobody would ask."""
    if not for_backward:
        raise RuntimeError("a layer that was called with for_backward=False has no gradients")
    return gates


def lstm_slopes(g: Any, y: Any, inputs: Sequence[Any], gates: Any, reverse: bool) -> Slopes:
    """The gradients of x, h, c, w, u, b and v."""
    if recorded((g, *inputs)):
        return slopes_by(lstm_steps, inputs, g, reverse=reverse)
    x, h, c, w, u, _, _ = inputs
    packed = lstm_back(g, x, h, w, u, gates, y, reverse=reverse)
    bias = (u.shape[0],)
    shapes = (*x.shape[:2], *bias), h.shape, c.shape, w.shape, u.shape, bias
    d, dh, dc, dw, du, db = split_packed(packed, *shapes)
    return slope_of_inputs(d, x, w), dh, dc, dw, du, db, db * 1.0


def gru_slopes(g: Any, y: Any, inputs: Sequence[Any], gates: Any, reverse: bool) -> Slopes:
    """The gradients of x, h, w, u, b and v."""
    if recorded((g, *inputs)):
        return slopes_by(gru_steps, inputs, g, reverse=reverse)
    x, h, w, u, _, _ = inputs
    packed = gru_back(g, x, h, w, u, gates, y, reverse=reverse)
    count, n, size = y.shape
    bias = (3 * size,)
    shapes = (count, n, 4 * size), h.shape, w.shape, u.shape, bias, bias
    d, dh, dw, du, db, dv = split_packed(packed, *shapes)
    return slope_of_inputs(narrow(d, 2, size, 3 * size), x, w), dh, dw, du, db, dv


def rnn_slopes(g: Any, y: Any, inputs: Sequence[Any], *, relu: bool, reverse: bool) -> Slopes:
    """The gradients of x, h, w, u, b and v."""
    if recorded((g, *inputs)):
        return slopes_by(rnn_steps, inputs, g, relu=relu, reverse=reverse)
    x, h, w, u, _, _ = inputs
    packed = rnn_back(g, x, h, w, u, y, relu=relu, reverse=reverse)
    d, dh, dw, du, db = split_packed(packed, y.shape, h.shape, w.shape, u.shape, (u.shape[0],))
    return slope_of_inputs(d, x, w), dh, dw, du, db, db * 1.0


def slope_of_inputs(d: Any, x: Any, w: Any) -> Any:
    """The gradient of x, by that of w x at all steps."""
    rows = reshape(d, shape=(d.shape[0] * d.shape[1], d.shape[2]))
    return reshape(matmul(rows, w), shape=x.shape)


def layer_norm_slopes(g: Any, inputs: Sequence[Any], moments: Any, eps: float, size: int) -> Slopes:
    """The gradients of x, w and b."""
    if recorded((g, *inputs)):
        return slopes_by(layer_norm_steps, inputs, g, eps=eps, size=size)
    x, w, b = inputs
    packed = layer_norm_back(g, x, moments, w, size=size)
    like = next((v.shape for v in (w, b) if v is not None), (size,))
    return split_packed(packed, x.shape, like, like)


def layer_norm_steps(x: Any, w: Any = None, b: Any = None, *, eps: float, size: int) -> Any:
    """The first result of `layer_norm`, of the table's rows."""
    y = standardize(reshape(x, shape=(-1, size)), axis=(1,), eps=eps)
    return scaled(reshape(y, shape=x.shape), w, b)


def batch_norm_slopes(g: Any, inputs: Sequence[Any], moments: Any, eps: float) -> Slopes:
    """The gradients of x, w and b, where the moments are those of x."""
    if recorded((g, *inputs)):
        return slopes_by(batch_norm_steps, inputs, g, eps=eps)
    x, w, _ = inputs
    n, channels, *size = x.shape
    packed = batch_norm_back(g, x, w, moments, eps=eps)
    dx, dw, db = split_packed(packed, (n, *size, channels), (channels,), (channels,))
    return permute(dx, axes=(0, x.ndim - 1, *range(1, x.ndim - 1))), dw, db


def batch_norm_steps(x: Any, w: Any = None, b: Any = None, *, eps: float) -> Any:
    """`batch_norm` by the moments of x, of the table's rows."""
    y = standardize(x, axis=(0, *range(2, x.ndim)), eps=eps)
    to = (x.shape[1], *(1,) * (x.ndim - 2))
    w, b = (v if v is None else reshape(v, shape=to) for v in (w, b))
    return scaled(y, w, b)


def scaled(y: Any, w: Any, b: Any) -> Any:
    """y w + b, where w and b may be None."""
    y = y if w is None else y * w
    return y if b is None else y + b


def attention_slopes(
    g: Any, y: Any, inputs: Sequence[Any], mask: Any, lse: Any, *, scale: float, causal: bool
) -> Slopes:
    """The gradients of q, k and v."""
    if recorded((g, *inputs)):
        return slopes_by(attention_steps, inputs, g, mask=mask, scale=scale, causal=causal)
    packed = attention_back(g, *inputs, y, lse, mask, scale=scale, causal=causal)
    lead = y.shape[:-2]
    shapes = [(*lead, *x.shape[-2:]) for x in inputs]
    if y.ndim < 4:
        return split_packed(packed, *shapes)
    last = y.ndim - 1
    axes = (*range(last - 2), last - 1, last - 2, last)
    pieces = split_packed(packed, *(tuple(shape[i] for i in axes) for shape in shapes))
    return [permute(piece, axes=axes) for piece in pieces]


def attention_steps(q: Any, k: Any, v: Any, *, mask: Any, scale: float, causal: bool) -> Any:
    """The first result of `attention`, of the table's rows."""
    scores = matmul(q * scale, k.mT)
    last = (scores.ndim - 1,)
    if causal:
        scores = where(np.tri(*scores.shape[-2:], dtype=np.bool_), scores, -math.inf)
    if mask is not None:
        is_bool = mask.dtype.kind == "b"
        scores = where(mask, scores, -math.inf) if is_bool else scores + mask
    nobody = eq(amax(scores, axis=last, keepdims=True), -math.inf)
    weights = softmax(where(nobody, 0.0, scores), axis=last[0])
    return matmul(where(nobody, 0.0, weights), v)


# The definitions of the layers, one step after the other


def affine(x: Any, w: Any, b: Any) -> Any:
    """w x + b, where b may be None."""
    return linear(x, w) if b is None else linear(x, w, b)


def gates_of(x: Any, count: int) -> list[Any]:
    """The columns of each gate."""
    size = x.shape[1] // count
    return [narrow(x, 1, k * size, size) for k in range(count)]


def lstm_step(x: Any, state: Sequence[Any], w: Any, u: Any, b: Any, v: Any) -> tuple[Any, Any]:
    """c' = f c + i g, h' = o tanh(c'); i, f, o by sigmoid, g by tanh."""
    h, c = state
    i, f, g, o = gates_of(affine(x, w, b) + affine(h, u, v), 4)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    return sigmoid(o) * tanh(c), c


def gru_step(x: Any, state: Sequence[Any], w: Any, u: Any, b: Any, v: Any) -> tuple[Any]:
    """h' = (1 - z) n + z h with n = tanh(w_n x + b_n + r (u_n h + v_n)); r, z by sigmoid."""
    (h,) = state
    (xr, xz, xn), (hr, hz, hn) = gates_of(affine(x, w, b), 3), gates_of(affine(h, u, v), 3)
    z = sigmoid(xz + hz)
    n = tanh(xn + sigmoid(xr + hr) * hn)
    return (n + z * (h - n),)


def rnn_step(
    x: Any, state: Sequence[Any], w: Any, u: Any, b: Any, v: Any, *, relu: bool = False
) -> tuple[Any]:
    """h' = tanh(w x + b + u h + v), or its rectified value."""
    total = add(affine(x, w, b), affine(state[0], u, v))
    return (table.relu(total) if relu else tanh(total),)


def over_steps(
    step: Steps, x: Any, state: Sequence[Any], weights: Sequence[Any], reverse: bool
) -> tuple[list[Any], Sequence[Any]]:
    """Repeat a step; return its outputs in order of time, and the final state."""
    outputs = []
    for t in reversed(range(len(x))) if reverse else range(len(x)):
        state = step(x[t], state, *weights)
        outputs.append(state[0])
    return outputs[::-1] if reverse else outputs, state


def stacked(states: Sequence[Any]) -> Any:
    """States as one array, a step each."""
    one = [reshape(h, shape=(1, *h.shape)) for h in states]
    return one[0] if len(one) == 1 else cat(*one, axis=0, starts=tuple(range(len(one))))


def lstm_steps(
    x: Any, h: Any, c: Any, w: Any, u: Any, b: Any = None, v: Any = None, *, reverse: bool = False
) -> Any:
    """The first result of `lstm`, of single steps."""
    outputs, (_, c) = over_steps(lstm_step, x, (h, c), (w, u, b, v), reverse)
    return stacked([*outputs, c])


def gru_steps(
    x: Any, h: Any, w: Any, u: Any, b: Any = None, v: Any = None, *, reverse: bool = False
) -> Any:
    """The first result of `gru`, of single steps."""
    return stacked(over_steps(gru_step, x, (h,), (w, u, b, v), reverse)[0])


def rnn_steps(
    x: Any, h: Any, w: Any, u: Any, b: Any = None, v: Any = None, *,
    relu: bool = False, reverse: bool = False,
) -> Any:  # fmt: skip
    """The result of `rnn`, of single steps."""

    def step(*args: Any) -> tuple[Any]:
        return rnn_step(*args, relu=relu)

    return stacked(over_steps(step, x, (h,), (w, u, b, v), reverse)[0])


name_rows(globals())
