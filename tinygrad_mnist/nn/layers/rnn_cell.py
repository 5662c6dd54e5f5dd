"""Recurrent cells: one step of a recurrent network; `rnn.py` has layers over whole sequences.

Both take a run of steps, (steps, n, input_size), with the states before it, and get the outputs of
all steps with the states after it. W_ih and W_hh are for all gates at once, which are stacked along
the first dimension of the weights: input, forget, cell, output for the LSTM (Hochreiter and
Schmidhuber, 1997); reset, update, new for the GRU (Cho et al., 2014).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tinygrad_mnist.autograd import Tensor, is_grad_enabled
from tinygrad_mnist.autograd.op import ShapeError
from tinygrad_mnist.nn import init
from tinygrad_mnist.nn.module import Module
from tinygrad_mnist.nn.parameter import unset
from tinygrad_mnist.ops import create, layers, shape

__all__ = ["GRUCell", "LSTMCell", "RNNCell", "RNNCellBase"]

Weights = tuple[Tensor, Tensor, Tensor | None, Tensor | None]
States = tuple[Tensor, ...]
Run = Callable[..., tuple[Tensor, States]]


def run_tanh(
    x: Tensor, state: States, weights: Weights, *, reverse: bool = False
) -> tuple[Tensor, States]:
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh)."""
    y = layers.rnn(x, *state, *weights, relu=False, reverse=reverse)
    return y, (y[0 if reverse else -1],)


def run_relu(
    x: Tensor, state: States, weights: Weights, *, reverse: bool = False
) -> tuple[Tensor, States]:
    """h' = relu(W_ih x + b_ih + W_hh h + b_hh)."""
    y = layers.rnn(x, *state, *weights, relu=True, reverse=reverse)
    return y, (y[0 if reverse else -1],)


def run_lstm(
    x: Tensor, state: States, weights: Weights, *, reverse: bool = False
) -> tuple[Tensor, States]:
    """c' = f c + i g, h' = o tanh(c'); i, f, o by sigmoid, g by tanh."""
    packed = layers.lstm(x, *state, *weights, reverse=reverse, for_backward=is_grad_enabled())
    y = packed[:-1]
    return y, (y[0 if reverse else -1], packed[-1])


def run_gru(
    x: Tensor, state: States, weights: Weights, *, reverse: bool = False
) -> tuple[Tensor, States]:
    """h' = (1 - z) n + z h with n = tanh(W_in x + b_in + r (W_hn h + b_hn)); r, z by sigmoid."""
    y = layers.gru(x, *state, *weights, reverse=reverse, for_backward=is_grad_enabled())
    return y, (y[0 if reverse else -1],)


def uniform_by_hidden_size(module: Any) -> None:
    """Draw every Parameter from within 1 / sqrt(hidden_size)."""
    bound = 1 / math.sqrt(module.hidden_size) if module.hidden_size else 0.0
    for param in module.parameters():
        init.uniform_(param, -bound, bound)


class RNNCellBase(Module):
    """The base of cells: weights for `num_chunks` gates, `weight_ih` (gates, input_size), ..."""

    states = 1  # how many Tensors a state is

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        rows = num_chunks * hidden_size
        self.weight_ih = unset((rows, input_size), dtype, device)
        self.weight_hh = unset((rows, hidden_size), dtype, device)
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, unset(rows, dtype, device) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all weights anew."""
        uniform_by_hidden_size(self)

    def _run(self) -> Run:
        raise NotImplementedError(f"{type(self).__name__} must define _run()")

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
            state = tuple(hx) if isinstance(hx, (tuple, list)) else (hx,)
            state = tuple(h if h.ndim == 2 else shape.unsqueeze(h, 0) for h in state)
        weights = (self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        _, result = self._run()(shape.unsqueeze(x, 0), state, weights)
        if input.ndim == 1:
            result = tuple(shape.squeeze(h, 0) for h in result)
        return result if self.states > 1 else result[0]

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        text += "" if self.bias is True else f", bias={self.bias}"
        nonlinearity = getattr(self, "nonlinearity", "tanh")
        return text if nonlinearity == "tanh" else f"{text}, nonlinearity={nonlinearity}"


class RNNCell(RNNCellBase):
    """One step of a plain recurrent layer: (x (n, input_size), h (n, hidden_size)) to h'."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def _run(self) -> Run:
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        return run_relu if self.nonlinearity == "relu" else run_tanh


class LSTMCell(RNNCellBase):
    """One step of an LSTM: (x, (h, c)) to (h', c')."""

    states = 2

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def _run(self) -> Run:
        return run_lstm


class GRUCell(RNNCellBase):
    """One step of a GRU: (x, h) to h'."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def _run(self) -> Run:
        return run_gru
