"""Recurrent layers: one step (cells), and whole sequences, in layers and in both directions.

A step computes W_ih x + b_ih and W_hh h + b_hh, each for all gates at once; gates are stacked along
the first dimension of the weights: input, forget, cell, output for the LSTM (Hochreiter and
Schmidhuber, 1997); reset, update, new for the GRU (Cho et al., 2014).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.autograd.op import ShapeError
from tinygrad_mnist.nn import functional as F
from tinygrad_mnist.nn import init
from tinygrad_mnist.nn.module import Module
from tinygrad_mnist.nn.parameter import unset
from tinygrad_mnist.ops import create, join, shape, table

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNCell"]

Weights = tuple[Tensor, Tensor, Tensor | None, Tensor | None]
States = tuple[Tensor, ...]
Step = Callable[[Tensor, States, Weights], States]


def _sums(x: Tensor, h: Tensor, weights: Weights) -> tuple[Tensor, Tensor]:
    w_ih, w_hh, b_ih, b_hh = weights
    return F.linear(x, w_ih, b_ih), F.linear(h, w_hh, b_hh)


def tanh_step(x: Tensor, state: States, weights: Weights) -> States:
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh)."""
    a, b = _sums(x, state[0], weights)
    return (table.tanh(a + b),)


def relu_step(x: Tensor, state: States, weights: Weights) -> States:
    """h' = relu(W_ih x + b_ih + W_hh h + b_hh)."""
    a, b = _sums(x, state[0], weights)
    return (table.relu(a + b),)


def lstm_step(x: Tensor, state: States, weights: Weights) -> States:
    """c' = f c + i g, h' = o tanh(c'); i, f, o by sigmoid, g by tanh."""
    a, b = _sums(x, state[0], weights)
    i, f, g, o = join.chunk(a + b, 4, 1)
    c = table.sigmoid(f) * state[1] + table.sigmoid(i) * table.tanh(g)
    return table.sigmoid(o) * table.tanh(c), c


def gru_step(x: Tensor, state: States, weights: Weights) -> States:
    """h' = (1 - z) n + z h with n = tanh(W_in x + b_in + r (W_hn h + b_hn)); r, z by sigmoid."""
    (h,) = state
    a, b = _sums(x, h, weights)
    (ar, az, an), (br, bz, bn) = join.chunk(a, 3, 1), join.chunk(b, 3, 1)
    z = table.sigmoid(az + bz)
    n = table.tanh(an + table.sigmoid(ar + br) * bn)
    return (n + z * (h - n),)


class _Recurrent(Module):
    """What cells and layers share: weights named by a suffix, and their initial values."""

    gates: ClassVar[int] = 1
    states: ClassVar[int] = 1
    step: Step

    proj_size = 0

    def _make(self, suffix: str, inputs: int, recurrent: int, bias: bool, dtype: Any) -> None:
        rows = self.gates * self.hidden_size
        sizes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, inputs)}
        sizes |= {"weight_hh": (rows, recurrent), "bias_ih": (rows,), "bias_hh": (rows,)}
        for name, size in sizes.items():
            wanted = bias or "weight" in name
            setattr(self, name + suffix, unset(size, dtype) if wanted else None)
        if self.proj_size:
            setattr(self, "weight_hr" + suffix, unset((self.proj_size, self.hidden_size), dtype))

    def _weights(self, suffix: str) -> Weights:
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        found = [getattr(self, name + suffix) for name in names]
        return found[0], found[1], found[2], found[3]

    def reset_parameters(self) -> None:
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size else 0.0
        for param in self.parameters():
            init.uniform_(param, -bound, bound)


class RNNCell(_Recurrent):
    """One step of a plain recurrent layer: (x (n, input_size), h (n, hidden_size)) to h'."""

    step = staticmethod(tanh_step)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        self.nonlinearity = nonlinearity
        self._make("", input_size, hidden_size, bias, dtype)
        self.reset_parameters()

    def _step(self) -> Step:
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        return relu_step if self.nonlinearity == "relu" else type(self).step

    def forward(self, input: Tensor, hx: Any = None) -> Any:
        if input.ndim not in (1, 2) or input.shape[-1] != self.input_size:
            raise ShapeError(
                f"input has shape {list(input.shape)}; expected (n, {self.input_size}) or "
                f"({self.input_size},)"
            )
        x = input if input.ndim == 2 else shape.unsqueeze(input, 0)
        if hx is None:
            zeros = create.zeros((len(x), self.hidden_size), dtype=x.dtype)
            state: States = (zeros,) * self.states
        else:
            state = hx if isinstance(hx, tuple) else (hx,)
            state = tuple(h if h.ndim == 2 else shape.unsqueeze(h, 0) for h in state)
        result = self._step()(x, state, self._weights(""))
        if input.ndim == 1:
            result = tuple(shape.squeeze(h, 0) for h in result)
        return result if self.states > 1 else result[0]

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}"


class LSTMCell(RNNCell):
    """One step of an LSTM: (x, (h, c)) to (h', c')."""

    gates, states = 4, 2
    step = staticmethod(lstm_step)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, device=device, dtype=dtype)


class GRUCell(LSTMCell):
    """One step of a GRU: (x, h) to h'."""

    gates, states = 3, 1
    step = staticmethod(gru_step)


class RNN(_Recurrent):
    """A plain recurrent network over a sequence (length, n, input_size), or n first, or without n.

    Returns the last layer's states at all times, (length, n, hidden_size), and the final states
    of all layers, (num_layers, n, hidden_size). `bidirectional` runs each layer both ways, and both
    states stand side by side; `dropout` acts between layers.
    """

    step = staticmethod(tanh_step)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity {nonlinearity!r}: 'tanh' or 'relu'")
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.nonlinearity, self.bias, self.batch_first = nonlinearity, bias, batch_first
        self.dropout, self.bidirectional = dropout, bidirectional
        self.directions = ("", "_reverse") if bidirectional else ("",)
        out = self.proj_size or hidden_size
        for layer in range(num_layers):
            inputs = out * len(self.directions) if layer else input_size
            for direction in self.directions:
                self._make(f"_l{layer}{direction}", inputs, out, bias, dtype)
        self.reset_parameters()

    def forward(self, input: Tensor, hx: Any = None) -> tuple[Tensor, Any]:
        if input.ndim not in (2, 3) or input.shape[-1] != self.input_size:
            raise ShapeError(
                f"input has shape {list(input.shape)}; expected 2 or 3 dimensions, the last of "
                f"length {self.input_size}"
            )
        batched = input.ndim == 3
        x = input if batched else shape.unsqueeze(input, 1)
        x = shape.transpose(x, 0, 1) if batched and self.batch_first else x
        count = self.num_layers * len(self.directions)
        if hx is None:
            sizes = (self.proj_size or self.hidden_size, self.hidden_size)[: self.states]
            start: States = tuple(
                create.zeros((count, x.shape[1], size), dtype=x.dtype) for size in sizes
            )
        else:
            start = hx if isinstance(hx, tuple) else (hx,)
            start = tuple(h if batched else shape.unsqueeze(h, 1) for h in start)
        x, finals = self._layers(x, [tuple(h[i] for h in start) for i in range(count)])
        last = tuple(join.stack([final[i] for final in finals]) for i in range(self.states))
        if not batched:
            x, last = shape.squeeze(x, 1), tuple(shape.squeeze(h, 1) for h in last)
        elif self.batch_first:
            x = shape.transpose(x, 0, 1)
        return x, last if self.states > 1 else last[0]

    def _layers(self, x: Tensor, start: list[States]) -> tuple[Tensor, list[States]]:
        step = relu_step if self.nonlinearity == "relu" else type(self).step
        finals: list[States] = []
        for layer in range(self.num_layers):
            if layer and self.dropout:
                x = F.dropout(x, self.dropout, training=self.training)
            sides = []
            for direction in self.directions:
                weights = self._weights(f"_l{layer}{direction}")
                state, outputs = start[len(finals)], []
                for t in reversed(range(len(x))) if direction else range(len(x)):
                    state = step(x[t], state, weights)
                    if self.proj_size:
                        weight_hr = getattr(self, f"weight_hr_l{layer}{direction}")
                        state = (F.linear(state[0], weight_hr), *state[1:])
                    outputs.append(state[0])
                finals.append(state)
                sides.append(join.stack(outputs[::-1] if direction else outputs))
            x = join.cat(sides, 2) if len(sides) > 1 else sides[0]
        return x, finals

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        defaults = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0}
        for name, default in (defaults | {"bidirectional": False}).items():
            if getattr(self, name) != default:
                text += f", {name}={getattr(self, name)}"
        return text


class GRU(RNN):
    """A GRU over a sequence; returns the outputs and the final h."""

    gates = 3
    step = staticmethod(gru_step)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        settings = (num_layers, "tanh", bias, batch_first, dropout, bidirectional)
        super().__init__(input_size, hidden_size, *settings, device, dtype)


class LSTM(GRU):
    """An LSTM over a sequence; returns the outputs and the final (h, c).

    `proj_size` gives each step a projection of h to that size (Sak et al., 2014).
    """

    gates, states = 4, 2
    step = staticmethod(lstm_step)

    def __init__(self, *args: Any, proj_size: int = 0, **kw: Any) -> None:
        self.proj_size = proj_size
        super().__init__(*args, **kw)
